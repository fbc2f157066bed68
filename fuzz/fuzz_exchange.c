/*
 * The exchange under a hostile origin and a failing allocator.  The input is
 * a script: the request's flags, then one event after the other, with the
 * fields of responses taken from the bytes.  Whatever comes: attempts stay
 * within their limit and in their time, what is over stays over, no field
 * that is never set is set, none twice, an echo answers the last 449 only,
 * and a value configured for another origin goes nowhere.
 */
#include <retrywith/exchange.h>
#include <retrywith/trust.h>

#include <stdlib.h>
#include <string.h>

#include "lib/exchange.h"
#include "lib/recall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS_MAX 6
#define FACTS_MAX  24
#define FOREIGN    "VALUE-OF-ANOTHER-ORIGIN"

static const char supply_text[] =
    "origin http://h\nheader X-Key value k\nquery q value v\n"
    "cookie c value w\nbody /m value m\nauth basic value u:p\n"
    "header X-Cmd command c\nheader X-All value a send always\n"
    "origin https://h\nheader X-Key value " FOREIGN "\n"
    "header X-Other value " FOREIGN "\nquery o value " FOREIGN "\n"
    "cookie o value " FOREIGN "\nbody /o value " FOREIGN "\n"
    "auth bearer value " FOREIGN "\n";

static const char dialect_text[] =
    "dialect crumb\nabout t\nsource t\nwhen status 403\n"
    "when response-header X-Crumb value Required\n"
    "fetch GET /crumb with header X-Crumb Fetch\n"
    "set header X-Crumb from response-header X-Crumb\n"
    "repeat any\nremember cookie-jar\n"
    "dialect named\nabout t\nsource t\nwhen status 200 403\n"
    "when response-header X-Name\n"
    "set header named-by response-header X-Name from same-name\n"
    "repeat idempotent\nremember origin\n";

static const char *const names[] = {
    "Ms-Echo-Request",
    "MS-RetryWith",
    "Retry-After",
    "Content-Type",
    "X-Transmission-Session-Id",
    "X-Crumb",
    "X-Name",
    "Set-Cookie",
    "X-CSRF-Token",
    "Host",
    "Ms-Echo-Reply",
    "WWW-Authenticate",
};

static const char *const methods[] = { "GET", "POST", "PUT", "PATCH" };
static const unsigned statuses[] = { 200, 449, 409, 403, 400, 401, 500, 204 };

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

struct input {
    const uint8_t *at, *end;
};

static unsigned take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static rwith_slice take_slice(struct input *in)
{
    size_t len = take(in);
    size_t left = (size_t)(in->end - in->at);
    rwith_slice s = { (const char *)in->at, len < left ? len : left };

    in->at += s.len;
    return s;
}

/* Every 256th byte or so is an allocation that fails. */
struct memory {
    struct input *in;
    bool may_fail;
    size_t live;
};

static void *memory_alloc(size_t size, void *user)
{
    struct memory *memory = user;

    if (memory->may_fail && take(memory->in) == 0xff) {
        return NULL;
    }
    memory->live++;
    return malloc(size);
}

static void memory_free(void *ptr, void *user)
{
    struct memory *memory = user;

    memory->live -= ptr != NULL;
    free(ptr);
}

static bool holds(rwith_slice s, const char *what)
{
    size_t len = strlen(what);

    for (size_t i = 0; i + len <= s.len; i++) {
        if (memcmp(s.ptr + i, what, len) == 0) {
            return true;
        }
    }
    return false;
}

/* What the checks have to know of what happened. */
struct past {
    uint64_t start_ms, need_ms;
    rwith_slice echo; /* that the last response asks for; ptr NULL: none */
    rwith_field held[FIELDS_MAX]; /* of the last response */
};

static void past_take(struct past *past, const rwith_response *resp)
{
    const rwith_field *field = rwith_fields_find(
        resp->fields, resp->field_count, RWITH_LIT("Ms-Echo-Request"));

    past->echo = (rwith_slice){ NULL, 0 };
    if (resp->status == 449 && field != NULL) {
        past->echo = field->value;
    }
}

/* */
static void check_echo(const struct past *past, const rwith_effect *effect)
{
    const rwith_field *echo = rwith_fields_find(effect->set, effect->set_count,
                                                RWITH_LIT("Ms-Echo-Reply"));

    require(echo == NULL ||
            (past->echo.ptr != NULL && effect->kind == RWITH_EFFECT_SEND &&
             rwith_slice_equal(echo->value, past->echo)));
}

static void check_effect(const struct past *past, const rwith_effect *effect,
                         uint64_t now)
{
    if (effect->kind != RWITH_EFFECT_SEND &&
        effect->kind != RWITH_EFFECT_OBTAIN) {
        return;
    }
    check_echo(past, effect);
    require((effect->kind == RWITH_EFFECT_SEND && effect->attempt == 1) ||
            now - past->start_ms <= RWITH_START_WITHIN_MS_DEFAULT);
    require(!holds(effect->target, FOREIGN));
    require(!holds(effect->credentials, FOREIGN));
    for (size_t i = 0; i < effect->set_count; i++) {
        const rwith_field *f = &effect->set[i];
        bool is_ours =
            rwith_slice_equal_nocase(f->name, RWITH_LIT("Cookie")) ||
            rwith_slice_equal_nocase(f->name, RWITH_LIT("Authorization"));

        require(is_ours || rwith_trust_field_may_be_set(f->name));
        require(rwith_trust_value_ok(f->value, SIZE_MAX));
        require(!holds(f->value, FOREIGN));
        require(rwith_fields_find(effect->set, i, f->name) == NULL);
    }
    for (size_t i = 0; i < effect->member_count; i++) {
        require(!holds(effect->members[i].value, FOREIGN));
    }
}

static rwith_response take_response(struct input *in, rwith_field *fields)
{
    rwith_response resp = { .status = statuses[take(in) % 8],
                            .fields = fields };

    resp.field_count = take(in) % FIELDS_MAX;
    for (size_t i = 0; i < resp.field_count; i++) {
        fields[i].name =
            rwith_slice_of(names[take(in) % (sizeof(names) / sizeof(*names))]);
        fields[i].value = rwith_slice_trim(take_slice(in));
    }
    return resp;
}

static size_t take_facts(struct input *in, const rwith_effect *effect,
                         rwith_fact *facts)
{
    size_t count =
        effect != NULL && effect->want_count > 0 ? take(in) % FACTS_MAX : 0;

    for (size_t i = 0; i < count; i++) {
        facts[i].want = (uint16_t)(take(in) % effect->want_count);
        facts[i].index = (uint16_t)(take(in) % 4);
        facts[i].value = take_slice(in);
    }
    return count;
}

static int step(rwith_exchange *x, struct input *in, rwith_supply *supply,
                struct past *past, uint64_t now, const rwith_effect **effect)
{
    bool is_sending = x->state == RWITH__STATE_SENDING;
    bool is_needing = x->state == RWITH__STATE_NEEDING;
    rwith_field fields[FIELDS_MAX];
    rwith_fact facts[FACTS_MAX];
    rwith_response resp;
    size_t count;

    switch (take(in) % 10) {
    case 0:
        return rwith_exchange_start(x, now, 1700000000, effect);
    case 1:
        count = take_facts(in, *effect, facts);
        return rwith_exchange_facts(x, now, facts, count, effect);
    case 2:
        past->start_ms += is_needing ? now - past->need_ms : 0;
        rwith_supply_fill(supply, 5, take_slice(in));
        return rwith_exchange_values(x, now, effect);
    case 3:
        resp = take_response(in, fields);
        return rwith_exchange_obtained(x, now, &resp, NULL, 0, effect);
    case 4:
        return rwith_exchange_recalled(x, now, effect);
    case 5:
        return rwith_exchange_waited(x, now, effect);
    case 6:
        return rwith_exchange_failed(x, now, effect);
    default:
        resp = take_response(in, is_sending ? past->held : fields);
        if (is_sending) {
            past_take(past, &resp);
        }
        return rwith_exchange_response(x, now, &resp, effect);
    }
}

static void run(struct input *in, const rwith_dialects *set,
                rwith_supply *supply, rwith_recall *recall)
{
    struct memory memory = { in, false, 0 };
    rwith_alloc mem = { memory_alloc, memory_free, &memory };
    unsigned flags = take(in);
    rwith_field own = { RWITH_LIT("Cookie"), take_slice(in) };
    rwith_slice query = take_slice(in);
    char target[300] = "/p?";
    rwith_exchange_options options = {
        .mem = &mem, .set = set, .supply = supply, .recall = recall
    };
    rwith_request req = {
        .method = rwith_slice_of(methods[flags & 3]),
        .origin = { { "http", 4 }, { "h", 1 }, 80 },
        .target = { target, 3 + query.len },
        .fields = &own,
        .field_count = rwith_trust_value_ok(own.value, SIZE_MAX),
        .has_body = (flags & 4) != 0,
        .is_replayable = (flags & 8) != 0,
        .may_patch_body = (flags & 16) != 0,
        .may_add = (flags & 32) == 0,
    };
    const rwith_effect *effect = NULL;
    rwith_exchange *x = NULL;
    struct past past = { 0 };
    uint64_t now = 0;
    bool is_over = false;

    if (query.len > 0) {
        memcpy(target + 3, query.ptr, query.len);
    }
    options.may_prompt = (flags & 64) != 0;
    memory.may_fail = (flags & 128) != 0;
    if (rwith_exchange_new(&options, &req, &x) != RWITH_OK) {
        require(memory.live == 0);
        return;
    }
    while (in->at < in->end) {
        enum rwith__state before = x->state;
        int err;

        now += take(in) * 16;
        if (before == RWITH__STATE_NEW) {
            past.start_ms = now;
        }
        err = step(x, in, supply, &past, now, &effect);
        require(rwith__exchange_validate(x));
        require(x->attempts <= RWITH_ATTEMPTS_MAX_DEFAULT);
        require(!is_over || (err == RWITH_ESTATE && x->state == before));
        is_over = x->state == RWITH__STATE_DELIVERED ||
                  x->state == RWITH__STATE_FAILED;
        if (err == RWITH_OK) {
            check_effect(&past, effect, now);
            past.need_ms = now;
        } else {
            require(err == RWITH_ESTATE ? x->state == before : is_over);
            effect = NULL;
        }
    }
    rwith_exchange_settle(x, now);
    require(!rwith_exchange_has_learned(x));
    rwith_exchange_free(x);
    require(memory.live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[RWITH_RECALL_KEY_LEN] = { 1 };
    static rwith_dialects *set;
    static void *block;
    struct input in = { data, data + size };
    rwith_supply *supply = NULL;
    rwith_recall *recall = NULL;

    if (holds((rwith_slice){ (const char *)data, size }, FOREIGN)) {
        return 0; /* the origin guessed it: nothing leaked */
    }
    if (set == NULL) {
        require(rwith_dialects_new(NULL, &set) == RWITH_OK);
        require(rwith_dialects_add(set, rwith_slice_of(dialect_text), NULL) ==
                RWITH_OK);
        block = malloc(RWITH_RECALL_SIZE_MIN);
    }
    require(rwith_supply_new(NULL, &supply) == RWITH_OK);
    require(rwith_supply_read(supply, rwith_slice_of(supply_text), NULL,
                              NULL) == RWITH_OK);
    require(rwith_recall_init(block, RWITH_RECALL_SIZE_MIN, key, &recall) ==
            RWITH_OK);
    if (size > 0) {
        /* Twice, so that the second meets what the first one learned. */
        run(&in, set, supply, recall);
        in.at = data;
        run(&in, set, supply, recall);
        require(rwith__recall_validate(recall, RWITH_RECALL_SIZE_MIN));
    }
    rwith_supply_free(supply);
    return 0;
}
