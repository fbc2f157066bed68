/*
 * challenge.c: matches a response with the dialects of a set and collects
 * what those that match ask for and supply.
 *
 * Allocates nothing; the work is bounded by the limits of a set times the
 * number of field lines and facts.  What is done about a challenge is
 * exchange.c's business.
 */
#include <retrywith/challenge.h>

#include <string.h>

#include <retrywith/trust.h>

#include "lib/ascii.h"
#include "lib/dialect.h"
#include "lib/http_date.h"

#define LIT(s)     ((rwith_slice){ ("" s), sizeof(s) - 1 })
#define RETRY_WITH 449
#define WAIT_S_MAX UINT32_MAX /* a longer wait is this long: too long */
#define MS_PER_S   1000

/* One response that is being read. */
struct reading {
    const rwith_request *req;
    const rwith_response *resp;
    const rwith_fact *facts;
    size_t fact_count;
    rwith_fact_want wants[RWITH_FACT_WANT_MAX]; /* that the facts answer */
    size_t want_count;
    uint64_t now_epoch_s;
    char *name_buf;
    size_t name_buf_left;
    rwith_challenge *ret;
};

/*
 * Conditions.  None looks at the reason phrase.
 */

/* Compare the value of a field: letters without case, as HTTP's own
 * keywords are. */
static bool field_value_matches(const struct rwith__when *when,
                                rwith_slice value)
{
    switch (when->match) {
    case RWITH__MATCH_VALUE:
        return rwith_slice_equal_nocase(value, when->value);
    case RWITH__MATCH_PREFIX:
        return rwith__ascii_has_prefix(value, when->value);
    case RWITH__MATCH_CONTAINS:
        return rwith__ascii_find_nocase(value, when->value) != SIZE_MAX;
    case RWITH__MATCH_PRESENT:
        break;
    }
    return true;
}

/* Compare text of a body or a target: byte for byte. */
static bool text_matches(const struct rwith__when *when, rwith_slice text)
{
    rwith_slice front = { text.ptr, when->value.len };

    switch (when->match) {
    case RWITH__MATCH_VALUE:
        return rwith_slice_equal(text, when->value);
    case RWITH__MATCH_PREFIX:
        return text.len >= front.len && rwith_slice_equal(front, when->value);
    case RWITH__MATCH_CONTAINS:
        return rwith__ascii_find(text, when->value) != SIZE_MAX;
    case RWITH__MATCH_PRESENT:
        break;
    }
    return true;
}

/* Does any line of that name match? */
static bool fields_match(const struct rwith__when *when,
                         const rwith_field *fields, size_t field_count)
{
    for (size_t i = 0; i < field_count; i++) {
        if (rwith_slice_equal_nocase(fields[i].name, when->name) &&
            field_value_matches(when, rwith_slice_trim(fields[i].value))) {
            return true;
        }
    }
    return false;
}

static bool is_of_body(const struct rwith__when *when)
{
    return when->kind == RWITH__WHEN_BODY_CONTAINS ||
           when->kind == RWITH__WHEN_BODY_JSON;
}

static rwith_fact_want want_of(const struct rwith__when *when)
{
    return (rwith_fact_want){ when->kind == RWITH__WHEN_BODY_JSON
                                  ? RWITH_FACT_JSON
                                  : RWITH_FACT_CONTAINS,
                              when->name };
}

/* Where a want stands; the count when it is not asked for. */
static size_t want_find(const rwith_fact_want *wants, size_t count,
                        rwith_fact_want want)
{
    size_t i = 0;

    while (i < count && (wants[i].kind != want.kind ||
                         !rwith_slice_equal(wants[i].what, want.what))) {
        i++;
    }
    return i;
}

/* The next fact, from *cursor on, that answers a want; NULL: none. */
static const rwith_fact *fact_next(const struct reading *reading,
                                   rwith_fact_want want, size_t *cursor)
{
    size_t index = want_find(reading->wants, reading->want_count, want);

    while (index < reading->want_count && *cursor < reading->fact_count) {
        const rwith_fact *fact = &reading->facts[(*cursor)++];

        if (fact->want == index) {
            return fact;
        }
    }
    return NULL;
}

static bool body_matches(const struct reading *reading,
                         const struct rwith__when *when)
{
    const rwith_fact *fact;
    size_t cursor = 0;

    do {
        fact = fact_next(reading, want_of(when), &cursor);
    } while (fact != NULL && when->kind == RWITH__WHEN_BODY_JSON &&
             !text_matches(when, fact->value));
    return fact != NULL;
}

static rwith_slice path_of(rwith_slice target)
{
    const char *query =
        target.len > 0 ? memchr(target.ptr, '?', target.len) : NULL;

    if (query != NULL) {
        target.len = (size_t)(query - target.ptr);
    }
    return target;
}

static bool when_matches(const struct reading *reading,
                         const struct rwith__when *when)
{
    const rwith_request *req = reading->req;
    const rwith_response *resp = reading->resp;

    switch (when->kind) {
    case RWITH__WHEN_RESPONSE_HEADER:
        return fields_match(when, resp->fields, resp->field_count);
    case RWITH__WHEN_REQUEST_HEADER:
        return fields_match(when, req->fields, req->field_count);
    case RWITH__WHEN_REQUEST_PATH:
        return text_matches(when, path_of(req->target));
    case RWITH__WHEN_METHOD:
        return rwith_slice_equal(req->method, when->value);
    case RWITH__WHEN_BODY_CONTAINS:
    case RWITH__WHEN_BODY_JSON:
        break;
    }
    return body_matches(reading, when);
}

/* Do the conditions hold: those of the head, or those of the body? */
static bool whens_match(const struct reading *reading,
                        const struct rwith__dialect *d, bool of_body)
{
    for (size_t i = 0; i < d->when_count; i++) {
        bool matches = is_of_body(&d->whens[i]) != of_body;

        /* A list of methods is a run of conditions, one of which holds. */
        for (; !matches && d->whens[i].or_next; i++) {
            matches = when_matches(reading, &d->whens[i]);
        }
        matches = matches || when_matches(reading, &d->whens[i]);
        while (d->whens[i].or_next) {
            i++;
        }
        if (!matches) {
            return false;
        }
    }
    return true;
}

static bool head_matches(const struct reading *reading,
                         const struct rwith__dialect *d)
{
    return rwith__dialect_has_status(d->statuses, reading->resp->status) &&
           whens_match(reading, d, false);
}

/*
 * Facts that are needed.
 */

/* Add one unless it is there; false: no room. */
static bool want_add(rwith_fact_want *wants, size_t *count,
                     rwith_fact_want want)
{
    size_t at = want_find(wants, *count, want);

    if (at < *count) {
        return true;
    }
    if (at == RWITH_FACT_WANT_MAX) {
        return false;
    }
    wants[(*count)++] = want;
    return true;
}

static bool sets_want(const struct rwith__dialect *d, bool of_fetched,
                      rwith_fact_want *wants, size_t *count)
{
    bool has_room = true;

    for (size_t i = 0; has_room && i < d->set_count; i++) {
        const struct rwith__set *set = &d->sets[i];

        if (set->of_fetched != of_fetched) {
            continue;
        }
        if (set->name.kind == RWITH__FROM_JSON) {
            has_room =
                want_add(wants, count,
                         (rwith_fact_want){ RWITH_FACT_JSON, set->name.what });
        }
        if (has_room && set->value.kind == RWITH__FROM_JSON) {
            has_room =
                want_add(wants, count,
                         (rwith_fact_want){ RWITH_FACT_JSON, set->value.what });
        }
    }
    return has_room;
}

static bool needs_want(const struct rwith__dialect *d, rwith_fact_want *wants,
                       size_t *count)
{
    bool has_room = true;

    for (size_t i = 0; i < d->need_count; i++) {
        const struct rwith__need *need = &d->needs[i];

        for (size_t k = 0; has_room && need->kind == RWITH__NEED_EACH &&
                           k < RWITH__MEMBER_COUNT;
             k++) {
            has_room = want_add(
                wants, count,
                (rwith_fact_want){ RWITH_FACT_JSON, need->members[k] });
        }
    }
    return has_room;
}

/* All that one dialect wants of the body, or nothing of it. */
static size_t dialect_wants(const struct rwith__dialect *d,
                            rwith_fact_want *wants, size_t count)
{
    size_t now = count;
    bool has_room = true;

    for (size_t i = 0; has_room && i < d->when_count; i++) {
        if (is_of_body(&d->whens[i])) {
            has_room = want_add(wants, &now, want_of(&d->whens[i]));
        }
    }
    has_room = has_room && sets_want(d, false, wants, &now) &&
               needs_want(d, wants, &now);
    return has_room ? now : count;
}

size_t rwith_challenge_wants(const rwith_dialects *set,
                             const rwith_request *req,
                             const rwith_response *resp,
                             rwith_fact_want *ret_wants)
{
    struct reading reading = { .req = req, .resp = resp };
    size_t count = 0;

    for (size_t i = 0; i < set->count; i++) {
        if (head_matches(&reading, set->items[i])) {
            count = dialect_wants(set->items[i], ret_wants, count);
        }
    }
    return count;
}

size_t rwith__challenge_obtain_wants(const struct rwith__dialect *dialect,
                                     rwith_fact_want *ret_wants)
{
    size_t count = 0;

    /* Two for each set line at most: there is always room. */
    sets_want(dialect, true, ret_wants, &count);
    return count;
}

/*
 * Settings.
 */

/* */
bool rwith__challenge_value_ok(rwith_place in, rwith_slice value)
{
    return rwith_trust_value_ok(value, RWITH_ECHO_MAX) &&
           (in != RWITH_IN_COOKIE || value.len == 0 ||
            memchr(value.ptr, ';', value.len) == NULL);
}

/* The first value that is not taken is the one that is told. */
static void refuse(struct reading *reading, int err, rwith_slice name)
{
    if (reading->ret->refused == 0) {
        reading->ret->refused = err;
        reading->ret->refused_name = name;
    }
}

/* Find what a set line takes from the response; false: it is not there. */
static bool from_response(const struct reading *reading,
                          const struct rwith__from *from, rwith_slice name,
                          rwith_slice *ret)
{
    const rwith_field *field = NULL;
    const rwith_fact *fact = NULL;
    size_t cursor = 0;

    switch (from->kind) {
    case RWITH__FROM_LITERAL:
        *ret = from->what;
        return true;
    case RWITH__FROM_RESPONSE_HEADER:
        name = from->what;
        /* fall through */
    case RWITH__FROM_SAME_NAME:
        /* Of several lines the first counts. */
        field = rwith_fields_find(reading->resp->fields,
                                  reading->resp->field_count, name);
        *ret =
            field != NULL ? rwith_slice_trim(field->value) : (rwith_slice){ 0 };
        return field != NULL;
    case RWITH__FROM_JSON:
        fact = fact_next(
            reading, (rwith_fact_want){ RWITH_FACT_JSON, from->what }, &cursor);
        *ret = fact != NULL ? fact->value : (rwith_slice){ 0 };
        break;
    }
    return fact != NULL;
}

static bool has_setting(const rwith_challenge *ret,
                        const rwith_setting *setting)
{
    rwith_requirement wanted = { setting->in, setting->name, { 0 } };

    for (size_t i = 0; i < ret->setting_count; i++) {
        rwith_requirement there = { ret->settings[i].in,
                                    ret->settings[i].name,
                                    { 0 } };
        if (rwith_requirement_equal(&there, &wanted)) {
            return true;
        }
    }
    return false;
}

/* Carry out one set line.  The value is opaque and taken byte for byte, an
 * empty one too. */
static void set_apply(struct reading *reading, uint8_t dialect,
                      const struct rwith__set *set)
{
    rwith_challenge *ret = reading->ret;
    rwith_setting got = { .in = set->in, .dialect = dialect };
    rwith_slice none = { 0 };

    if (!from_response(reading, &set->name, none, &got.name) ||
        !from_response(reading, &set->value, got.name, &got.value)) {
        return;
    }
    if (set->is_named_by_server && !rwith_trust_field_may_be_named(got.name)) {
        refuse(reading, RWITH_EFORBIDDEN, got.name);
        return;
    }
    if (got.value.len > RWITH_ECHO_MAX) {
        refuse(reading, RWITH_ERANGE, got.name);
        return;
    }
    if (!rwith__challenge_value_ok(got.in, got.value)) {
        refuse(reading, RWITH_ESYNTAX, got.name);
        return;
    }
    if (ret->setting_count < RWITH_CHALLENGE_SETTING_MAX &&
        !has_setting(ret, &got)) {
        ret->settings[ret->setting_count++] = got;
    }
}

static void sets_apply(struct reading *reading, uint8_t dialect,
                       const struct rwith__dialect *d, bool of_fetched)
{
    for (size_t i = 0; i < d->set_count; i++) {
        if (d->sets[i].of_fetched == of_fetched) {
            set_apply(reading, dialect, &d->sets[i]);
        }
    }
}

/*
 * Requirements.
 */

/* Keep bytes of a scratch buffer; false: no room for them. */
static bool name_keep(struct reading *reading, rwith_slice *name)
{
    if (name->len > reading->name_buf_left) {
        return false;
    }
    if (name->len > 0) {
        memcpy(reading->name_buf, name->ptr, name->len);
        name->ptr = reading->name_buf;
        reading->name_buf += name->len;
        reading->name_buf_left -= name->len;
    }
    return true;
}

/* Add a requirement, or what it says to the equal one that is there.
 * scratch: NULL, or a buffer that the name may lie in. */
static void require(struct reading *reading, uint8_t dialect,
                    const rwith_requirement *wanted, const char *scratch)
{
    rwith_challenge *ret = reading->ret;
    rwith_requirement got = *wanted;

    for (size_t i = 0; i < ret->required_count; i++) {
        rwith_requirement *there = &ret->required[i];

        if (rwith_requirement_equal(there, &got)) {
            if (there->description.len == 0) {
                there->description = got.description;
            }
            return;
        }
    }
    if (ret->required_count == RWITH_REQUIREMENT_COUNT_MAX ||
        (scratch != NULL && got.name.ptr == scratch &&
         !name_keep(reading, &got.name))) {
        return;
    }
    ret->required_by[ret->required_count] = dialect;
    ret->required[ret->required_count++] = got;
}

/* need list: every line of that name, as one list (RFC 9110 5.3; R-13). */
static void need_list(struct reading *reading, uint8_t dialect,
                      const struct rwith__need *need)
{
    const rwith_response *resp = reading->resp;
    char scratch[RWITH_REQUIREMENT_NAME_MAX];
    rwith_requirement got;

    for (size_t i = 0; i < resp->field_count; i++) {
        rwith_slice cursor = resp->fields[i].value;

        if (!rwith_slice_equal_nocase(resp->fields[i].name, need->name)) {
            continue;
        }
        while (reading->ret->required_count < RWITH_REQUIREMENT_COUNT_MAX &&
               rwith_requirement_next_hint(&cursor, scratch, &got)) {
            require(reading, dialect, &got, scratch);
        }
    }
}

/* One object of an array, as its facts come in. */
struct object {
    rwith_slice members[RWITH__MEMBER_COUNT];
};

/* Make a requirement of an object; one that makes no sense is skipped. */
static void object_require(struct reading *reading, uint8_t dialect,
                           const struct object *object)
{
    enum rwith__member name = RWITH__MEMBER_NAME;
    rwith_requirement got = { .description =
                                  object->members[RWITH__MEMBER_DESCRIPTION] };

    if (!rwith_place_of_word(object->members[RWITH__MEMBER_IN], &got.in)) {
        return;
    }
    if (got.in == RWITH_IN_BODY) {
        name = RWITH__MEMBER_POINTER;
    } else if (got.in == RWITH_IN_AUTHORIZATION) {
        name = RWITH__MEMBER_SCHEME;
    }
    got.name = object->members[name];
    if (rwith_requirement_name_ok(got.in, got.name)) {
        require(reading, dialect, &got, NULL);
    }
}

/* need each: the objects of an array, in its order. */
static void need_each(struct reading *reading, uint8_t dialect,
                      const struct rwith__need *need)
{
    struct object objects[RWITH_REQUIREMENT_COUNT_MAX] = { 0 };

    for (size_t k = 0; k < RWITH__MEMBER_COUNT; k++) {
        rwith_fact_want want = { RWITH_FACT_JSON, need->members[k] };
        const rwith_fact *fact;
        size_t cursor = 0;

        while ((fact = fact_next(reading, want, &cursor)) != NULL) {
            if (fact->index < RWITH_REQUIREMENT_COUNT_MAX) {
                objects[fact->index].members[k] = fact->value;
            }
        }
    }
    for (size_t i = 0; i < RWITH_REQUIREMENT_COUNT_MAX; i++) {
        object_require(reading, dialect, &objects[i]);
    }
}

static void needs_apply(struct reading *reading, uint8_t dialect,
                        const struct rwith__dialect *d)
{
    for (size_t i = 0; i < d->need_count; i++) {
        const struct rwith__need *need = &d->needs[i];
        rwith_requirement one = { need->in, need->name, need->description };

        switch (need->kind) {
        case RWITH__NEED_ONE:
            require(reading, dialect, &one, NULL);
            break;
        case RWITH__NEED_LIST:
            need_list(reading, dialect, need);
            break;
        case RWITH__NEED_EACH:
            need_each(reading, dialect, need);
            break;
        }
    }
}

/*
 * Waits.
 */

/* How long a field asks to wait; false: it makes no sense. */
static bool wait_read(const struct reading *reading, rwith_slice value,
                      bool is_in_ms, uint64_t *ret_ms)
{
    uint64_t number;

    if (value.len > 0 && rwith__ascii_all(value, RWITH__CH_DIGIT)) {
        if (!rwith__ascii_number(value, WAIT_S_MAX, &number)) {
            number = WAIT_S_MAX;
        }
        *ret_ms = is_in_ms ? number : number * MS_PER_S;
        return true;
    }
    if (is_in_ms || reading->now_epoch_s == 0 ||
        !rwith__http_date(value, reading->now_epoch_s, &number)) {
        return false;
    }
    *ret_ms = number > reading->now_epoch_s
                  ? (number - reading->now_epoch_s) * MS_PER_S
                  : 0;
    return true;
}

/* Does that field of the response ask to wait? */
static bool wait_asked(const struct reading *reading, rwith_slice name,
                       bool is_in_ms, uint64_t *ret_ms)
{
    const rwith_response *resp = reading->resp;
    const rwith_field *field = NULL;

    if (name.len > 0) {
        field = rwith_fields_find(resp->fields, resp->field_count, name);
    }
    return field != NULL &&
           wait_read(reading, rwith_slice_trim(field->value), is_in_ms, ret_ms);
}

/* The longest wait of all dialects that match is the challenge's. */
static void wait_apply(struct reading *reading, const struct rwith__dialect *d)
{
    rwith_challenge *ret = reading->ret;
    uint64_t ms = d->wait.initial_ms;
    bool has_wait = d->wait.has_backoff;

    /* Retry-After on a 449 counts in every dialect. */
    if (wait_asked(reading, d->wait.field, d->wait.is_in_ms, &ms) ||
        (reading->resp->status == RETRY_WITH &&
         wait_asked(reading, LIT("Retry-After"), false, &ms))) {
        has_wait = true;
    }
    if (has_wait && (!ret->has_wait || ms > ret->wait_ms)) {
        ret->has_wait = true;
        ret->wait_ms = ms;
    }
}

/*
 * The whole.
 */

static void dialect_apply(struct reading *reading, uint8_t index,
                          const struct rwith__dialect *d)
{
    rwith_challenge *ret = reading->ret;

    sets_apply(reading, index, d, false);
    needs_apply(reading, index, d);
    wait_apply(reading, d);
    if (d->fetch.is_set && !ret->has_obtain) {
        ret->has_obtain = true;
        ret->obtain_dialect = index;
    }
    if (ret->explain.len == 0) {
        ret->explain = d->explain;
    }
}

/* The dialects that match, of the last resort or of the others; none: the
 * response is no challenge. */
static uint64_t matching(const struct reading *reading,
                         const rwith_dialects *set, bool is_last_resort)
{
    uint64_t dialects = 0;

    for (size_t i = 0; i < set->count; i++) {
        const struct rwith__dialect *d = set->items[i];

        if (d->is_last_resort == is_last_resort && head_matches(reading, d) &&
            whens_match(reading, d, true)) {
            dialects |= (uint64_t)1 << i;
        }
    }
    return dialects;
}

void rwith_challenge_read(const rwith_dialects *set, const rwith_request *req,
                          const rwith_response *resp, const rwith_fact *facts,
                          size_t fact_count, char *name_buf,
                          size_t name_buf_len, uint64_t now_epoch_s,
                          rwith_challenge *ret)
{
    struct reading reading = {
        .req = req,
        .resp = resp,
        .facts = facts,
        .fact_count = fact_count < RWITH_FACT_COUNT_MAX ? fact_count
                                                        : RWITH_FACT_COUNT_MAX,
        .now_epoch_s = now_epoch_s,
        .name_buf = name_buf,
        .name_buf_left = name_buf != NULL ? name_buf_len : 0,
        .ret = ret,
    };

    memset(ret, 0, sizeof(*ret));
    if (!rwith_dialects_wants_status(set, resp->status)) {
        return;
    }
    if (fact_count > 0) {
        reading.want_count =
            rwith_challenge_wants(set, req, resp, reading.wants);
    }
    ret->dialects = matching(&reading, set, false);
    if (ret->dialects == 0) {
        ret->dialects = matching(&reading, set, true);
    }
    for (size_t i = 0; ret->dialects != 0 && i < set->count; i++) {
        if ((ret->dialects >> i & 1) != 0) {
            dialect_apply(&reading, (uint8_t)i, set->items[i]);
        }
    }
}

void rwith__challenge_obtained(const rwith_dialects *set, size_t dialect,
                               const rwith_response *resp,
                               const rwith_fact *facts, size_t fact_count,
                               rwith_challenge *ret)
{
    const struct rwith__dialect *d = rwith__dialect_at(set, dialect);
    struct reading reading = {
        .resp = resp, .facts = facts, .fact_count = fact_count, .ret = ret
    };

    reading.want_count = rwith__challenge_obtain_wants(d, reading.wants);
    sets_apply(&reading, (uint8_t)dialect, d, true);
}

void rwith__challenge_learn(const rwith_dialects *set, const rwith_request *req,
                            const rwith_response *resp, rwith_challenge *ret)
{
    struct reading reading = { .req = req, .resp = resp, .ret = ret };

    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < set->count; i++) {
        const struct rwith__dialect *d = set->items[i];

        if (d->learns_from_any && whens_match(&reading, d, false)) {
            ret->dialects |= (uint64_t)1 << i;
            sets_apply(&reading, (uint8_t)i, d, false);
        }
    }
}
