/*
 * Every state meets every event: the cell is filled and the event accepted,
 * or it is empty, the event is refused and nothing changes.  Then random
 * walks, in which every invariant must hold after every event.
 */
#include <retrywith/exchange.h>

#include "lib/exchange.h"
#include "tests/unit/tap.h"

#define WALKS      3000
#define WALK_STEPS 60

static const char dialects[] = "dialect crumb\n"
                               "about t\n"
                               "source t\n"
                               "when status 403\n"
                               "when response-header X-Crumb value Required\n"
                               "fetch GET /crumb\n"
                               "set header X-Crumb from response-header "
                               "X-Crumb\n"
                               "repeat any\n"
                               "remember cookie-jar\n";

static const char supply_text[] = "origin http://h\n"
                                  "header X-Key env KEY\n"
                                  "header X-Set value v\n"
                                  "header X-Cmd command c\n"
                                  "auth basic value a:b\n";

static const char *const state_names[] = { "new",       "sending", "reading",
                                           "needing",   "waiting", "obtaining",
                                           "delivered", "failed" };
static const char *const event_names[] = { "start",    "response", "facts",
                                           "values",   "waited",   "obtained",
                                           "recalled", "failed" };

/* Responses that lead everywhere. */
static const struct answer {
    unsigned status;
    rwith_field field;
} answers[] = {
    { 200, { { "X-Any", 5 }, { "1", 1 } } },
    { 449, { { "Ms-Echo-Request", 15 }, { "tok", 3 } } },
    { 449, { { "Content-Type", 12 }, { "application/problem+json", 24 } } },
    { 449, { { "MS-RetryWith", 12 }, { "Required-Header: X-Key", 22 } } },
    { 449, { { "Retry-After", 11 }, { "2", 1 } } },
    { 403, { { "X-Crumb", 7 }, { "Required", 8 } } },
    { 449, { { "MS-RetryWith", 12 }, { "Required-Header: X-Set", 22 } } },
    { 449, { { "MS-RetryWith", 12 }, { "Required-Header: X-Cmd", 22 } } },
    { 409, { { "X-Transmission-Session-Id", 25 }, { "a", 1 } } },
    { 409, { { "X-Transmission-Session-Id", 25 }, { "b", 1 } } },
    { 449, { { "Set-Cookie", 10 }, { "a=b", 3 } } },
    { 449, { { "MS-RetryWith", 12 }, { "Required-Header: Host", 21 } } },
    { 500, { { "X-Crumb", 7 }, { "c1", 2 } } },
    { 200, { { "X-Crumb", 7 }, { "c2", 2 } } },
};
#define ANSWER_COUNT (sizeof(answers) / sizeof(answers[0]))

static rwith_dialects *set;
static rwith_supply *supply;

static rwith_exchange *make(rwith_recall *recall)
{
    rwith_exchange_options options = { .set = set,
                                       .supply = supply,
                                       .recall = recall };
    rwith_request req = {
        .method = { "GET", 3 },
        .origin = { { "http", 4 }, { "h", 1 }, 80 },
        .target = { "/", 1 },
        .may_add = true,
    };
    rwith_exchange *x = NULL;

    if (rwith_exchange_new(&options, &req, &x) != RWITH_OK) {
        abort();
    }
    return x;
}

static int fire(rwith_exchange *x, enum rwith__event_kind event,
                const struct answer *answer, uint64_t now,
                const rwith_effect **effect)
{
    rwith_response resp = { answer->status, { "", 0 }, &answer->field, 1 };

    switch (event) {
    case RWITH__EVENT_START:
        return rwith_exchange_start(x, now, 1700000000, effect);
    case RWITH__EVENT_RESPONSE:
        return rwith_exchange_response(x, now, &resp, effect);
    case RWITH__EVENT_FACTS:
        return rwith_exchange_facts(x, now, NULL, 0, effect);
    case RWITH__EVENT_VALUES:
        return rwith_exchange_values(x, now, effect);
    case RWITH__EVENT_WAITED:
        return rwith_exchange_waited(x, now, effect);
    case RWITH__EVENT_OBTAINED:
        return rwith_exchange_obtained(x, now, &resp, NULL, 0, effect);
    case RWITH__EVENT_RECALLED:
        return rwith_exchange_recalled(x, now, effect);
    default:
        return rwith_exchange_failed(x, now, effect);
    }
}

/* An exchange in that state. */
static rwith_exchange *reach(enum rwith__state state)
{
    static const size_t by[RWITH__STATE_COUNT] = {
        [RWITH__STATE_READING] = 2,   [RWITH__STATE_NEEDING] = 3,
        [RWITH__STATE_WAITING] = 4,   [RWITH__STATE_OBTAINING] = 5,
        [RWITH__STATE_DELIVERED] = 0,
    };
    const rwith_effect *effect;
    rwith_exchange *x = make(NULL);

    if (state == RWITH__STATE_NEW) {
        return x;
    }
    fire(x, RWITH__EVENT_START, answers, 0, &effect);
    if (state == RWITH__STATE_FAILED) {
        fire(x, RWITH__EVENT_FAILED, answers, 0, &effect);
    } else if (state != RWITH__STATE_SENDING) {
        fire(x, RWITH__EVENT_RESPONSE, &answers[by[state]], 0, &effect);
    }
    return x;
}

static void check_cell(enum rwith__state state, enum rwith__event_kind event)
{
    const rwith_effect *effect = NULL;
    rwith_exchange *x = reach(state);
    bool is_there = x->state == state;
    int err = fire(x, event, answers, 0, &effect);
    bool allowed = rwith__exchange_allows(state, event);

    if (allowed) {
        ok(is_there && err == RWITH_OK && effect != NULL &&
               rwith__exchange_validate(x),
           "%s: %s is accepted", state_names[state], event_names[event]);
    } else {
        ok(is_there && err == RWITH_ESTATE && effect == NULL &&
               x->state == state && rwith__exchange_validate(x),
           "%s: %s is refused", state_names[state], event_names[event]);
    }
    rwith_exchange_free(x);
}

static uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* One walk; false: an invariant broke. */
static bool walk(uint32_t *seed, rwith_recall *recall)
{
    rwith_exchange *x = make(recall);
    const rwith_effect *effect = NULL;
    uint64_t now = 0;
    bool fine = true;

    for (unsigned i = 0; i < WALK_STEPS && fine; i++) {
        enum rwith__event_kind event =
            (enum rwith__event_kind)(random_next(seed) % RWITH__EVENT_COUNT);
        const struct answer *answer =
            &answers[random_next(seed) % ANSWER_COUNT];
        enum rwith__state before = x->state;
        bool is_over =
            before == RWITH__STATE_DELIVERED || before == RWITH__STATE_FAILED;

        now += random_next(seed) % 3000;
        if (random_next(seed) % 8 == 0) {
            rwith_supply_fill(supply, random_next(seed) % 2 == 0 ? 0 : 2,
                              (rwith_slice){ "xyz", random_next(seed) % 4 });
        }
        int err = fire(x, event, answer, now, &effect);
        fine = rwith__exchange_validate(x) &&
               x->attempts <= RWITH_ATTEMPTS_MAX_DEFAULT &&
               (err == RWITH_OK) == rwith__exchange_allows(before, event) &&
               (err == RWITH_OK || x->state == before) &&
               (!is_over || x->state == before);
        if (x->state == RWITH__STATE_DELIVERED) {
            rwith_exchange_settle(x, now);
            fine = fine && !rwith_exchange_has_learned(x);
        }
    }
    rwith_exchange_free(x);
    return fine;
}

static void check_walks(void)
{
    static const uint8_t key[RWITH_RECALL_KEY_LEN] = { 9 };
    void *block = malloc(RWITH_RECALL_SIZE_MIN);
    rwith_recall *recall = NULL;
    uint32_t seed = 449;
    unsigned broken = 0;

    if (rwith_recall_init(block, RWITH_RECALL_SIZE_MIN, key, &recall) !=
        RWITH_OK) {
        abort();
    }
    for (unsigned i = 0; i < WALKS; i++) {
        uint32_t started = seed;

        if (!walk(&seed, recall)) {
            printf("#   walk %u, seed %u\n", i, started);
            broken++;
        }
        if (i % 100 == 0) {
            rwith_recall_init(block, RWITH_RECALL_SIZE_MIN, key, &recall);
        }
    }
    is_int(broken, 0, "random walks keep every invariant");
    free(block);
}

int main(int argc, char **argv)
{
    rwith_diagnostic diag;

    tap_start(argc, argv);
    if (rwith_dialects_new(NULL, &set) != RWITH_OK ||
        rwith_dialects_add(set, rwith_slice_of(dialects), &diag) != RWITH_OK ||
        rwith_supply_new(NULL, &supply) != RWITH_OK ||
        rwith_supply_read(supply, rwith_slice_of(supply_text), NULL, &diag) !=
            RWITH_OK) {
        printf("Bail out! cannot set up\n");
        return 1;
    }
    for (unsigned state = 0; state < RWITH__STATE_COUNT; state++) {
        for (unsigned event = 0; event < RWITH__EVENT_COUNT; event++) {
            check_cell((enum rwith__state)state, (enum rwith__event_kind)event);
        }
    }
    check_walks();
    rwith_supply_free(supply);
    rwith_dialects_free(set);
    return tap_done();
}
