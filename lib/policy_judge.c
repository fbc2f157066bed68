/*
 * policy_judge.c: what one request lacks, and what is done about it: its
 * query, each of its header fields once, a mask compared.  Finds no
 * operation (policy_match.c) and writes no answer (refusal.c).
 */
#include <string.h>

#include "lib/ascii.h"
#include "lib/policy.h"

#define PREFLIGHT_OPTIONS 1u
#define PREFLIGHT_ORIGIN  2u
#define PREFLIGHT_METHOD  4u
#define PREFLIGHT_ALL     7u

const char *rwith_verdict_word(rwith_verdict verdict)
{
    static const char *const words[] = {
        [RWITH_VERDICT_COMPLETE] = "complete",
        [RWITH_VERDICT_UNKNOWN] = "unknown",
        [RWITH_VERDICT_PREFLIGHT] = "preflight",
        [RWITH_VERDICT_MISSING] = "missing",
        [RWITH_VERDICT_MALFORMED] = "malformed",
        [RWITH_VERDICT_UNREAD] = "unread",
    };

    return (size_t)verdict < sizeof(words) / sizeof(words[0]) ? words[verdict]
                                                              : "unknown";
}

static const struct rwith__policy_operation *judge_operation(
    const rwith_judge *judge, unsigned which)
{
    return &judge->policy->operations[judge->operations[which]];
}

/* Does it need nothing, but perhaps of a body? */
static bool is_plain(const rwith_judge *judge, unsigned which)
{
    uint32_t operation = judge->operations[which];

    return (judge->policy->plain[operation / 64] >> operation % 64 & 1) != 0;
}

static rwith_slice need_name(const rwith_judge *judge,
                             const struct rwith__policy_need *need)
{
    return rwith__policy_text(judge->policy, need->name);
}

/* --- the query ----------------------------------------------------------- */

/*
 * Is the raw name of a parameter, decoded, that name; or, with brackets,
 * "name[…"?  "+" is a space there, ";" is a byte like any other.
 */
static bool query_name_is(rwith_slice raw, rwith_slice name, bool brackets)
{
    const char *at = raw.ptr, *end = raw.ptr + raw.len;
    size_t i = 0;

    if (raw.len < name.len) {
        return false;
    }
    while (at < end) {
        int byte = rwith__policy_escape(at, end);

        if (byte >= 0) {
            at += 3;
        } else {
            byte = *at == '+' ? ' ' : (unsigned char)*at;
            at++;
        }
        if (i == name.len) {
            return brackets && byte == '[';
        }
        if (byte != (unsigned char)name.ptr[i++]) {
            return false;
        }
    }
    return i == name.len;
}

/* one pair of the query against the needs of one operation. */
static uint64_t query_seen(const rwith_judge *judge, unsigned which,
                           rwith_slice name, bool has_value)
{
    const struct rwith__policy_operation *o = judge_operation(judge, which);
    uint64_t left = o->query & ~judge->seen[which], seen = 0;

    for (unsigned i = 0; left != 0; i++, left >>= 1) {
        if ((left & 1) == 0) {
            continue;
        }
        const struct rwith__policy_need *need =
            rwith__policy_need_at(judge->policy, o, i);

        if ((has_value || (need->flags & RWITH_NEED_ANY_VALUE) != 0) &&
            query_name_is(name, need_name(judge, need),
                          (need->flags & RWITH_NEED_BRACKETS) != 0)) {
            seen |= (uint64_t)1 << i;
        }
    }
    return seen;
}

static void judge_query(rwith_judge *judge, rwith_slice query)
{
    const char *at = query.ptr, *end = query.ptr + query.len;

    while (at < end) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        const char *stop = next != NULL ? next : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        rwith_slice name = { at,
                             (size_t)((equals != NULL ? equals : stop) - at) };

        for (unsigned w = 0; w < judge->operation_count; w++) {
            judge->seen[w] |=
                query_seen(judge, w, name, equals != NULL && equals + 1 < stop);
        }
        at = stop + 1;
        if (next == NULL) {
            break;
        }
    }
}

void rwith_judge_begin(rwith_judge *judge, const rwith_policy *policy,
                       const rwith_policy_hit *hit, bool has_body)
{
    uint64_t queries = 0;

    *judge = (rwith_judge){
        .policy = policy,
        .operations = { hit->operation, hit->other },
        .is_unknown = hit->is_unknown,
        .has_body = has_body,
    };
    judge->operation_count =
        (uint8_t)((hit->operation != RWITH_POLICY_NO_OPERATION) +
                  (hit->other != RWITH_POLICY_NO_OPERATION));
    judge->is_plain = !has_body;
    for (unsigned w = 0; w < judge->operation_count; w++) {
        judge->is_plain = judge->is_plain && is_plain(judge, w);
    }
    for (unsigned w = 0; w < judge->operation_count && !judge->is_plain; w++) {
        judge->filter |= judge_operation(judge, w)->filter;
        queries |= judge_operation(judge, w)->query;
    }
    if (has_body) {
        judge->filter |= rwith__policy_bit(RWITH_LIT("content-type")) |
                         rwith__policy_bit(RWITH_LIT("content-encoding"));
    }
    if (hit->is_options) {
        judge->preflight = PREFLIGHT_OPTIONS;
        judge->filter |=
            rwith__policy_bit(RWITH_LIT("origin")) |
            rwith__policy_bit(RWITH_LIT("access-control-request-method"));
    }
    if (queries != 0 && hit->query.len > 0) {
        judge_query(judge, hit->query);
    }
}

/* Names mostly come in the very case in which they are asked for. */
static bool name_is(rwith_slice name, rwith_slice wanted)
{
    return name.len == wanted.len &&
           (memcmp(name.ptr, wanted.ptr, name.len) == 0 ||
            rwith_slice_equal_nocase(name, wanted));
}

/* --- header fields ------------------------------------------------------- */

static void seen_cookie(rwith_judge *judge, unsigned which, rwith_slice name)
{
    const struct rwith__policy_operation *o = judge_operation(judge, which);
    uint64_t left = o->cookie & ~judge->seen[which];

    for (unsigned i = 0; left != 0; i++, left >>= 1) {
        if ((left & 1) != 0 &&
            rwith_slice_equal(
                name,
                need_name(judge, rwith__policy_need_at(judge->policy, o, i)))) {
            judge->seen[which] |= (uint64_t)1 << i;
        }
    }
}

/* The pairs of a Cookie field; a pair without a value is no cookie. */
static void field_cookie(rwith_judge *judge, rwith_slice value)
{
    const char *at = value.ptr, *end = value.ptr + value.len;

    while (at < end) {
        const char *next = memchr(at, ';', (size_t)(end - at));
        const char *stop = next != NULL ? next : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));

        if (equals != NULL) {
            rwith_slice name = { at, (size_t)(equals - at) };
            rwith_slice text = { equals + 1, (size_t)(stop - equals - 1) };

            if (rwith_slice_trim(text).len > 0) {
                for (unsigned w = 0; w < judge->operation_count; w++) {
                    seen_cookie(judge, w, rwith_slice_trim(name));
                }
            }
        }
        if (next == NULL) {
            break;
        }
        at = next + 1;
    }
}

/* "Scheme credentials": both must be there. */
static void field_authorization(rwith_judge *judge, rwith_slice value)
{
    rwith_slice scheme = { value.ptr, 0 };

    while (scheme.len < value.len &&
           !rwith__ascii_is(value.ptr[scheme.len], RWITH__CH_OWS)) {
        scheme.len++;
    }
    if (scheme.len == value.len) {
        return; /* the value has no outer space, so nothing follows */
    }
    for (unsigned w = 0; w < judge->operation_count; w++) {
        const struct rwith__policy_operation *o = judge_operation(judge, w);
        uint64_t left = o->credentials;

        for (unsigned i = 0; left != 0; i++, left >>= 1) {
            if ((left & 1) != 0 &&
                name_is(scheme, need_name(judge, rwith__policy_need_at(
                                                     judge->policy, o, i)))) {
                judge->seen[w] |= (uint64_t)1 << i;
            }
        }
    }
}

static void field_content_type(rwith_judge *judge, rwith_slice value)
{
    judge->content_type = value;
}

static void field_content_encoding(rwith_judge *judge, rwith_slice value)
{
    judge->content_encoding = value;
}

static void field_origin(rwith_judge *judge, rwith_slice value)
{
    (void)value;
    judge->preflight |= PREFLIGHT_ORIGIN;
}

static void field_request_method(rwith_judge *judge, rwith_slice value)
{
    (void)value;
    judge->preflight |= PREFLIGHT_METHOD;
}

/* Fields that mean something here besides being asked for by name. */
static const struct special {
    rwith_slice name;
    void (*take)(rwith_judge *judge, rwith_slice value);
} specials[] = {
    { { "Cookie", 6 }, field_cookie },
    { { "Authorization", 13 }, field_authorization },
    { { "Content-Type", 12 }, field_content_type },
    { { "Content-Encoding", 16 }, field_content_encoding },
    { { "Origin", 6 }, field_origin },
    { { "Access-Control-Request-Method", 29 }, field_request_method },
};

bool rwith_judge_wants_fields(const rwith_judge *judge)
{
    return judge->filter != 0;
}

void rwith_judge_field(rwith_judge *judge, rwith_slice name, rwith_slice value)
{
    if ((judge->filter & rwith__policy_bit(name)) == 0) {
        return;
    }
    value = rwith_slice_trim(value);
    if (name_is(name, RWITH_LIT("ms-echo-reply"))) {
        /* there is what counts, an empty value too. */
        judge->has_echo_reply = true;
    }
    if (value.len == 0) {
        return;
    }
    for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
        if (name_is(name, specials[i].name)) {
            specials[i].take(judge, value);
        }
    }
    for (unsigned w = 0; w < judge->operation_count; w++) {
        const struct rwith__policy_operation *o = judge_operation(judge, w);
        uint64_t left = rwith__policy_header(o) & ~judge->seen[w];

        for (unsigned n = 0; left != 0; n++, left >>= 1) {
            if ((left & 1) != 0 &&
                name_is(name, need_name(judge, rwith__policy_need_at(
                                                   judge->policy, o, n)))) {
                judge->seen[w] |= (uint64_t)1 << n;
            }
        }
    }
}

/* --- the decision -------------------------------------------------------- */

static unsigned bits_count(uint64_t mask)
{
    unsigned count = 0;

    for (; mask != 0; mask &= mask - 1) {
        count++;
    }
    return count;
}

/* The nearest of the security alternatives, and what it lacks. */
static unsigned nearest_alternative(const rwith_judge *judge,
                                    const struct rwith__policy_operation *o,
                                    uint64_t seen, uint64_t *ret_missing)
{
    const uint64_t *masks = &judge->policy->alternatives[o->alternatives];
    unsigned nearest = 0, fewest = UINT32_MAX;

    *ret_missing = 0;
    for (unsigned i = 0; i < o->alternative_count; i++) {
        unsigned count = bits_count(masks[i] & ~seen);

        if (count < fewest) {
            fewest = count;
            nearest = i;
            *ret_missing = masks[i] & ~seen;
        }
    }
    return nearest;
}

/* What that request needs, whatever alternative is taken. */
static uint64_t must_have(const rwith_judge *judge,
                          const struct rwith__policy_operation *o)
{
    return judge->has_body ? o->must : o->must | o->bodiless;
}

/* What the head lacks for one of the operations, as a mask of its needs. */
static uint64_t head_missing(const rwith_judge *judge, unsigned which,
                             const rwith_judge_options *options)
{
    const struct rwith__policy_operation *o = judge_operation(judge, which);
    uint64_t seen = judge->seen[which];
    uint64_t missing = must_have(judge, o) & ~seen, alternative;

    if (options->credentials == RWITH_CREDENTIALS_PASS) {
        return missing & ~o->credentials;
    }
    nearest_alternative(judge, o, seen, &alternative);
    return missing | alternative;
}

static bool body_missing(const rwith_judge *judge, unsigned which)
{
    return judge_operation(judge, which)->body_required && !judge->has_body;
}

/* How well a media range fits a type: 0 not at all. */
static unsigned range_rank(rwith_slice range, rwith_slice type)
{
    const char *slash = memchr(range.ptr, '/', range.len);
    size_t main_len = (size_t)(slash - range.ptr) + 1;
    rwith_slice sub = { slash + 1, range.len - main_len };

    if (rwith_slice_equal_nocase(range, type)) {
        return 4;
    }
    if (rwith_slice_equal(range, RWITH_LIT("*/*"))) {
        return 1;
    }
    if (sub.len == 0 || sub.ptr[0] != '*') {
        return 0;
    }
    rwith_slice head = { type.ptr, main_len };
    rwith_slice main_type = { range.ptr, main_len };
    if (main_len > type.len ||
        (!rwith_slice_equal_nocase(head, main_type) &&
         !rwith_slice_equal(main_type, RWITH_LIT("*/")))) {
        return 0;
    }
    rwith_slice suffix = { sub.ptr + 1, sub.len - 1 };
    if (suffix.len == 0) {
        return 2;
    }
    rwith_slice tail = { type.ptr + type.len - suffix.len, suffix.len };
    return type.len - main_len > suffix.len &&
                   rwith_slice_equal_nocase(tail, suffix)
               ? 3
               : 0;
}

/* The type of a Content-Type value, without parameters. */
static rwith_slice media_type(rwith_slice content_type)
{
    size_t len = 0;

    while (len < content_type.len && content_type.ptr[len] != ';' &&
           content_type.ptr[len] != ',') {
        len++;
    }
    content_type.len = len;
    return rwith_slice_trim(content_type);
}

static bool has_suffix(rwith_slice s, rwith_slice suffix)
{
    return s.len > suffix.len &&
           rwith_slice_equal_nocase(
               (rwith_slice){ s.ptr + s.len - suffix.len, suffix.len }, suffix);
}

rwith_body_format rwith_body_format_of(rwith_slice content_type)
{
    static const struct {
        rwith_slice type;
        rwith_body_format format;
    } types[] = {
        { { "application/json", 16 }, RWITH_BODY_JSON },
        { { "text/json", 9 }, RWITH_BODY_JSON },
        { { "application/xml", 15 }, RWITH_BODY_XML },
        { { "text/xml", 8 }, RWITH_BODY_XML },
        { { "application/x-www-form-urlencoded", 33 }, RWITH_BODY_FORM },
        { { "multipart/form-data", 19 }, RWITH_BODY_MULTIPART },
    };
    rwith_slice type = media_type(content_type);

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (rwith_slice_equal_nocase(type, types[i].type)) {
            return types[i].format;
        }
    }
    if (has_suffix(type, RWITH_LIT("+json"))) {
        return RWITH_BODY_JSON;
    }
    return has_suffix(type, RWITH_LIT("+xml")) ? RWITH_BODY_XML
                                               : RWITH_BODY_OTHER;
}

/* The tree that a body of that operation is read against, or NULL. */
static const rwith_members *body_members(const rwith_judge *judge,
                                         unsigned which,
                                         rwith_body_format format)
{
    const rwith_policy *policy = judge->policy;
    const struct rwith__policy_operation *o = judge_operation(judge, which);
    rwith_slice type = media_type(judge->content_type);
    uint32_t found = RWITH_MEMBERS_NONE;
    unsigned best = 0;

    for (unsigned i = 0; i < o->media_count; i++) {
        const struct rwith__policy_media *media = &policy->media[o->media + i];

        if ((media->formats & RWITH_BODY_FORMAT_BIT(format)) != 0) {
            unsigned rank =
                range_rank(rwith__policy_text(policy, media->range), type);

            if (rank > best) {
                best = rank;
                found = media->members;
            }
        }
    }
    return found != RWITH_MEMBERS_NONE ? policy->members[found] : NULL;
}

/* Bits of the places of what is missing. */
static unsigned places_of(const rwith_judge *judge, unsigned which,
                          uint64_t missing)
{
    const struct rwith__policy_operation *o = judge_operation(judge, which);

    return ((missing & rwith__policy_header(o)) != 0 ? 1u << RWITH_IN_HEADER
                                                     : 0) |
           ((missing & o->query) != 0 ? 1u << RWITH_IN_QUERY : 0) |
           ((missing & o->cookie) != 0 ? 1u << RWITH_IN_COOKIE : 0) |
           ((missing & o->credentials) != 0 ? 1u << RWITH_IN_AUTHORIZATION
                                            : 0) |
           (body_missing(judge, which) ? 1u << RWITH_IN_BODY : 0);
}

static unsigned substatus_of(unsigned places)
{
    static const unsigned char numbers[] = {
#define SUBSTATUS(name, word, hint, substatus) [RWITH_IN_##name] = (substatus),
        RWITH_PLACES(SUBSTATUS)
#undef SUBSTATUS
    };

    for (unsigned i = 0; i < RWITH_PLACE_COUNT; i++) {
        if (places == 1u << i) {
            return numbers[i];
        }
    }
    return 6;
}

/* Refuse, unless it is only to be reported. */
static void refuse(const rwith_judge_options *options, rwith_verdict verdict,
                   unsigned status, rwith_decision *ret)
{
    ret->action =
        options->report_only ? RWITH_ACTION_PASS : RWITH_ACTION_REFUSE;
    ret->verdict = verdict;
    ret->status = status;
}

/* the status for what is missing. */
static unsigned status_of(const rwith_judge *judge, unsigned places,
                          const rwith_judge_options *options)
{
    if (places == 1u << RWITH_IN_AUTHORIZATION &&
        (options->credentials == RWITH_CREDENTIALS_401 ||
         judge->has_echo_reply)) {
        return 401;
    }
    return judge->has_echo_reply ? 400 : 449;
}

/* Is there a body to look into, for one of the operations? */
static void decide_body_of(rwith_judge *judge, unsigned which,
                           rwith_decision *ret)
{
    rwith_body_format format = RWITH_BODY_OTHER;
    const rwith_members *members;

    if (judge->has_body && judge->content_type.len > 0) {
        format = rwith_body_format_of(judge->content_type);
    }
    if (format == RWITH_BODY_OTHER) {
        return;
    }
    members = body_members(judge, which, format);
    if (members != NULL) {
        judge->chosen = (uint8_t)which;
        ret->action = RWITH_ACTION_NEEDS_BODY;
        ret->members = members;
        ret->format = format;
        ret->content_type = judge->content_type;
        ret->content_encoding = judge->content_encoding;
    }
}

static void decide_missing(const rwith_judge *judge, unsigned places,
                           const rwith_judge_options *options,
                           rwith_decision *ret)
{
    refuse(options, RWITH_VERDICT_MISSING, status_of(judge, places, options),
           ret);
    ret->substatus = substatus_of(places);
}

void rwith_judge_content(rwith_judge *judge, uint64_t length, bool waits)
{
    judge->is_short = !waits && (length == RWITH_JUDGE_LENGTH_UNKNOWN ||
                                 length <= RWITH_JUDGE_BODY_WITH_HEAD_MAX);
}

void rwith_judge_end(rwith_judge *judge, const rwith_judge_options *options,
                     rwith_decision *ret)
{
    uint64_t missing = 0;
    unsigned most = 0;

    *ret = (rwith_decision){ .verdict = RWITH_VERDICT_COMPLETE };
    if (judge->preflight == PREFLIGHT_ALL) {
        /* */
        ret->verdict = RWITH_VERDICT_PREFLIGHT;
        return;
    }
    if (judge->operation_count == 0 ||
        (judge->is_unknown && options->unknown_refuse)) {
        ret->verdict = RWITH_VERDICT_UNKNOWN;
        if (options->unknown_refuse) {
            refuse(options, RWITH_VERDICT_UNKNOWN, 404, ret);
        }
        return;
    }
    if (judge->is_plain) {
        return;
    }
    /* of two readings the one that lacks more. */
    for (unsigned w = 0; w < judge->operation_count; w++) {
        uint64_t mask = head_missing(judge, w, options);
        unsigned count = bits_count(mask) + body_missing(judge, w);

        if (count > most) {
            most = count;
            missing = mask;
            judge->chosen = (uint8_t)w;
        }
    }
    if (most == 0) {
        for (unsigned w = judge->operation_count; w-- > 0;) {
            decide_body_of(judge, w, ret);
        }
        return;
    }
    judge->places = (uint8_t)places_of(judge, judge->chosen, missing);
    decide_missing(judge, judge->places, options, ret);
    if (judge->is_short) {
        /* else */
        decide_body_of(judge, judge->chosen, ret);
    }
}

void rwith_judge_body(rwith_judge *judge, const rwith_judge_options *options,
                      const rwith_missing_list *missing, bool malformed,
                      rwith_decision *ret)
{
    unsigned places = judge->places;

    if (missing != NULL && !malformed &&
        missing->count + missing->left_out > 0) {
        places |= 1u << RWITH_IN_BODY;
    }
    *ret = (rwith_decision){ .verdict = RWITH_VERDICT_COMPLETE };
    if (places != 0) {
        decide_missing(judge, places, options, ret);
    } else if (malformed) {
        /* */
        refuse(options, RWITH_VERDICT_MALFORMED, 400, ret);
    } else if (missing == NULL) {
        ret->verdict = RWITH_VERDICT_UNREAD;
    }
}

/* --- the list ------------------------------------------------------------ */

static void list_need(const rwith_judge *judge, uint32_t need,
                      rwith_missing numbers, rwith_missing_list *list)
{
    const rwith_policy *policy = judge->policy;
    const struct rwith__policy_need *row = &policy->needs[need];

    numbers.in = (rwith_place)row->in;
    numbers.name = rwith__policy_text(policy, row->name);
    numbers.hint = (rwith_hint){
        rwith__policy_text(policy, row->description),
        rwith__policy_text(policy, row->schema),
        rwith__policy_text(policy, row->example),
    };
    rwith_missing_add(list, &numbers);
}

/* The needs of a mask, in the order of the document. */
static void list_mask(const rwith_judge *judge, uint64_t mask,
                      rwith_missing numbers, rwith_missing_list *list)
{
    const struct rwith__policy_operation *o =
        judge_operation(judge, judge->chosen);

    for (unsigned i = 0; i < o->need_count; i++) {
        if ((mask >> i & 1) != 0) {
            list_need(judge, judge->policy->need_lists[o->needs + i], numbers,
                      list);
        }
    }
}

/* The security alternatives: the nearest, then the others. */
static void list_security(const rwith_judge *judge, rwith_missing_list *list)
{
    const struct rwith__policy_operation *o =
        judge_operation(judge, judge->chosen);
    const uint64_t *masks = &judge->policy->alternatives[o->alternatives];
    uint64_t must = must_have(judge, o), missing;
    uint64_t have = judge->seen[judge->chosen] | must;
    unsigned nearest =
        nearest_alternative(judge, o, judge->seen[judge->chosen], &missing);
    rwith_missing numbers = { 0 };

    if (missing == 0) {
        return;
    }
    if (o->alternative_count > 1) {
        numbers.choice = ++list->choices;
    }
    list_mask(judge, missing & ~must, numbers, list);
    for (unsigned i = 0; i < o->alternative_count; i++) {
        if (i != nearest) {
            numbers.alternative++;
            list_mask(judge, masks[i] & ~have, numbers, list);
        }
    }
}

void rwith_judge_list(const rwith_judge *judge,
                      const rwith_judge_options *options,
                      rwith_missing_list *list)
{
    if (judge->operation_count == 0) {
        return;
    }
    const struct rwith__policy_operation *o =
        judge_operation(judge, judge->chosen);
    uint64_t missing = must_have(judge, o) & ~judge->seen[judge->chosen];
    bool pass = options->credentials == RWITH_CREDENTIALS_PASS;

    list_mask(judge, pass ? missing & ~o->credentials : missing,
              (rwith_missing){ 0 }, list);
    if (!pass) {
        list_security(judge, list);
    }
    if (body_missing(judge, judge->chosen)) {
        list_need(judge,
                  judge->policy->names[judge->operations[judge->chosen]].body,
                  (rwith_missing){ 0 }, list);
    }
}
