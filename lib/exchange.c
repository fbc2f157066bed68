/*
 * exchange.c: the machine that takes one request from its first send to its
 * final answer: the table of states and events, the events, and the decision
 * after each challenge.  It does no I/O: it says what to do next.
 */
#include "lib/exchange.h"

#include <assert.h>
#include <string.h>

#include "lib/hash.h"

#define STATUS_RETRY_WITH   449
#define STATUS_NO_CONTENT   204
#define STATUS_NOT_MODIFIED 304
#define STATUS_ERRORS       400

struct event {
    enum rwith__event_kind kind;
    uint64_t now_ms;
    uint64_t epoch_s;           /* START */
    const rwith_response *resp; /* RESPONSE, OBTAINED */
    const rwith_fact *facts;    /* FACTS, OBTAINED */
    size_t fact_count;
};

/* --- steps that several events end in ------------------------------------- */

static uint64_t elapsed_ms(const rwith_exchange *x, uint64_t now_ms)
{
    return now_ms > x->start_ms ? now_ms - x->start_ms : 0;
}

uint64_t rwith__exchange_clock_s(const rwith_exchange *x, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms > x->begin_ms ? now_ms - x->begin_ms : 0;

    return x->epoch_s + passed_ms / 1000;
}

int rwith__exchange_need_work(rwith_exchange *x)
{
    if (x->work != NULL) {
        return RWITH_OK;
    }
    x->work = rwith__memory_alloc(x->options.mem, sizeof(*x->work));
    if (x->work == NULL) {
        return RWITH_ENOMEM;
    }
    x->work->need_count = 0;
    x->work->reason_count = 0;
    x->work->met_count = 0;
    x->work->challenge.explain = (rwith_slice){ "", 0 };
    x->work->challenge.refused_name = (rwith_slice){ "", 0 };
    return RWITH_OK;
}

static int deliver(rwith_exchange *x, rwith_outcome outcome)
{
    x->effect = (rwith_effect){ .kind = RWITH_EFFECT_DELIVER };
    x->outcome = outcome;
    x->state = RWITH__STATE_DELIVERED;
    return RWITH_OK;
}

static int send(rwith_exchange *x)
{
    int err = rwith__patch_send(x);

    if (err != RWITH_OK) {
        return err;
    }
    for (size_t i = 0; x->attempts == 0 && i < x->item_count; i++) {
        x->recalled += x->items[i].why == RWITH__WHY_RECALLED;
    }
    x->has_echo =
        x->is_echo_own || rwith__item_find(x, RWITH_IN_HEADER,
                                           RWITH_LIT("Ms-Echo-Reply")) != NULL;
    x->effect.attempt = ++x->attempts;
    x->is_held = false;
    x->was_asked = false;
    x->state = RWITH__STATE_SENDING;
    return RWITH_OK;
}

static int ask(rwith_exchange *x, bool is_repeated, uint64_t now_ms)
{
    x->effect = (rwith_effect){ .kind = RWITH_EFFECT_NEED,
                                .needs = x->work->needs,
                                .need_count = x->work->need_count,
                                .is_repeated = is_repeated };
    x->need_ms = now_ms;
    x->state = RWITH__STATE_NEEDING;
    return RWITH_OK;
}

/* With all that the challenge and the supply can give. */
static int send_again(rwith_exchange *x)
{
    struct rwith__plan plan;
    uint64_t dialects = rwith__plan_repeatable(x, x->work->challenge.dialects);

    rwith__item_drop_passing(x);
    rwith__plan_make(x, dialects, true, &plan);
    return plan.err == RWITH_OK ? send(x) : plan.err;
}

/* --- obtain --------------------------------------------------------------- */

static bool can_obtain(const rwith_exchange *x, uint64_t dialects)
{
    const rwith_challenge *c = &x->work->challenge;

    return c->has_obtain && (dialects >> c->obtain_dialect & 1) != 0 &&
           x->req.may_add && x->obtains < RWITH_OBTAIN_MAX;
}

/* What obtains the same thing for the same client has the same key. */
static uint64_t scope_key(const rwith_exchange *x,
                          const struct rwith__dialect *dialect)
{
    static const uint8_t key[RWITH__HASH_KEY_LEN] = { 0 };
    static const rwith_slice mine[] = { { "Authorization", 13 },
                                        { "Cookie", 6 } };
    struct rwith__hash hash;
    char port[2] = { (char)(x->req.origin.port >> 8),
                     (char)(x->req.origin.port & 0xff) };

    rwith__hash_start(&hash, key);
    rwith__hash_add_counted(&hash, x->req.origin.scheme);
    rwith__hash_add_counted(&hash, x->req.origin.host);
    rwith__hash_add(&hash, (rwith_slice){ port, sizeof(port) });
    rwith__hash_add_counted(&hash, dialect->name);
    for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++) {
        const rwith_field *field =
            rwith_fields_find(x->req.fields, x->req.field_count, mine[i]);

        rwith__hash_add_counted(&hash, field != NULL ? field->value
                                                     : (rwith_slice){ "", 0 });
    }
    return rwith__hash_end(&hash);
}

static int obtain(rwith_exchange *x)
{
    const struct rwith__dialect *dialect =
        rwith__dialect_at(x->options.set, x->work->challenge.obtain_dialect);
    int err = rwith__patch_obtain(x, &dialect->fetch);

    if (err != RWITH_OK) {
        return err;
    }
    x->effect.wants = x->work->wants;
    x->effect.want_count =
        rwith__challenge_obtain_wants(dialect, x->work->wants);
    x->effect.body_limit = RWITH_CHALLENGE_BODY_MAX;
    x->effect.scope_key = dialect->remember == RWITH_SCOPE_REQUEST
                              ? 0 /* of no use to anybody else */
                              : scope_key(x, dialect);
    x->state = RWITH__STATE_OBTAINING;
    return RWITH_OK;
}

/* --- what to do about a challenge ----------------------------------------- */

/* What stands against another send; ANSWERED: nothing does (R-9, R-10,
 * */
static rwith_outcome gate(const rwith_exchange *x, uint64_t repeatable,
                          uint64_t now_ms)
{
    if (repeatable == 0) {
        return RWITH_OUTCOME_UNSAFE_METHOD;
    }
    if (x->req.has_body && !x->req.is_replayable) {
        return RWITH_OUTCOME_NOT_REPLAYABLE;
    }
    if (x->attempts >= x->options.attempts_max) {
        return RWITH_OUTCOME_ATTEMPTS;
    }
    if (elapsed_ms(x, now_ms) > x->options.start_within_ms) {
        return RWITH_OUTCOME_TIME;
    }
    return x->options.no_retry ? RWITH_OUTCOME_NOT_RETRIED
                               : RWITH_OUTCOME_ANSWERED;
}

/* Why nothing more can be done about this challenge; what a person must
 * approve ends here, explained. */
static rwith_outcome dead_end(const rwith_exchange *x,
                              const struct rwith__plan *plan)
{
    static const rwith_outcome outcomes[] = {
        [RWITH_REASON_NO_VALUE] = RWITH_OUTCOME_MISSING,
        [RWITH_REASON_NOT_FILLED] = RWITH_OUTCOME_MISSING,
        [RWITH_REASON_ALREADY_SENT] = RWITH_OUTCOME_REPEATED,
        [RWITH_REASON_FORBIDDEN] = RWITH_OUTCOME_FORBIDDEN,
        [RWITH_REASON_NO_BODY_PATCH] = RWITH_OUTCOME_NOT_PATCHABLE,
        [RWITH_REASON_NOT_ALLOWED] = RWITH_OUTCOME_MISSING,
        [RWITH_REASON_NO_SCHEME] = RWITH_OUTCOME_MISSING,
    };
    const struct rwith__work *work = x->work;

    if (work->reason_count > 0) {
        rwith_outcome first = outcomes[work->reasons[0].kind];

        for (size_t i = 1; i < work->reason_count; i++) {
            if (outcomes[work->reasons[i].kind] != first) {
                return RWITH_OUTCOME_MISSING;
            }
        }
        return first;
    }
    if (plan->sent > 0) {
        return RWITH_OUTCOME_REPEATED;
    }
    return work->challenge.has_obtain && work->challenge.explain.len == 0
               ? RWITH_OUTCOME_OBTAIN_FAILED
               : RWITH_OUTCOME_EXPLAINED;
}

/* The challenge's own wait, or the back-off of a dialect that repeats. */
static uint64_t wait_ms(const rwith_exchange *x, uint64_t dialects)
{
    const rwith_challenge *c = &x->work->challenge;
    uint64_t wait = c->has_wait ? c->wait_ms : 0;

    for (size_t i = 0; c->has_wait && i < rwith_dialects_count(x->options.set);
         i++) {
        const struct rwith__dialect *dialect =
            rwith__dialect_at(x->options.set, i);

        if ((dialects >> i & 1) != 0 && dialect->wait.has_backoff &&
            x->waits > 0) {
            uint64_t backoff = rwith__dialect_backoff_ms(dialect, x->waits + 1);

            wait = backoff > wait ? backoff : wait;
        }
    }
    return wait;
}

/* The held response's cookies are taken once, before those of an obtain's
 * answer, which is newer. */
static int proceed(rwith_exchange *x, uint64_t dialects)
{
    int err = rwith__item_take_cookies(x, &x->resp);

    if (err != RWITH_OK) {
        return err;
    }
    return can_obtain(x, dialects) ? obtain(x) : send_again(x);
}

static int wait_or_proceed(rwith_exchange *x, uint64_t dialects,
                           uint64_t now_ms)
{
    uint64_t wait = wait_ms(x, dialects);

    if (wait == 0) {
        x->waits += x->work->challenge.has_wait;
        return proceed(x, dialects);
    }
    if (wait > x->options.wait_max_ms || wait > x->options.start_within_ms ||
        elapsed_ms(x, now_ms) > x->options.start_within_ms - wait) {
        return deliver(x, RWITH_OUTCOME_WAIT_TOO_LONG);
    }
    x->waits++;
    x->effect = (rwith_effect){ .kind = RWITH_EFFECT_WAIT, .wait_ms = wait };
    x->state = RWITH__STATE_WAITING;
    return RWITH_OK;
}

/* A challenge is at hand, understood: what now?  An echo alone is enough to
 * send again; what was sent already is not. */
static int decide(rwith_exchange *x, uint64_t now_ms)
{
    const rwith_challenge *c = &x->work->challenge;
    uint64_t repeatable = rwith__plan_repeatable(x, c->dialects);
    uint64_t dialects = repeatable != 0 ? repeatable : c->dialects;
    rwith_outcome against = gate(x, repeatable, now_ms);
    bool is_wait_only = c->has_wait && c->setting_count == 0 &&
                        c->required_count == 0 && !c->has_obtain;
    struct rwith__plan plan;

    if (c->refused != RWITH_OK) {
        return deliver(x, c->refused == RWITH_EFORBIDDEN
                              ? RWITH_OUTCOME_FORBIDDEN
                              : RWITH_OUTCOME_REFUSED_VALUE);
    }
    rwith__plan_make(x, dialects, false, &plan);
    if (plan.err != RWITH_OK) {
        return plan.err;
    }
    if (plan.added == 0 && x->work->need_count == 0 && !is_wait_only &&
        !can_obtain(x, dialects)) {
        return deliver(x, dead_end(x, &plan));
    }
    if (against != RWITH_OUTCOME_ANSWERED) {
        return deliver(x, against);
    }
    if (x->work->need_count > 0) {
        return ask(x, plan.added > 0, now_ms);
    }
    return wait_or_proceed(x, dialects, now_ms);
}

/* --- understanding a response --------------------------------------------- */

/* Everything that outlives the response is copied. */
static int challenge_own(rwith_exchange *x, const rwith_challenge *seen)
{
    struct rwith__arena *arena = &x->arena;
    rwith_challenge *c;
    bool is_whole = true;
    int err = rwith__exchange_need_work(x);

    if (err != RWITH_OK) {
        return err;
    }
    c = &x->work->challenge;
    *c = *seen;
    for (size_t i = 0; i < c->required_count && is_whole; i++) {
        rwith_requirement *r = &c->required[i];

        is_whole = rwith__arena_copy(arena, r->name, &r->name) &&
                   rwith__arena_copy(arena, r->description, &r->description);
    }
    for (size_t i = 0; i < c->setting_count && is_whole; i++) {
        rwith_setting *s = &c->settings[i];

        is_whole = rwith__arena_copy(arena, s->name, &s->name) &&
                   rwith__arena_copy(arena, s->value, &s->value);
    }
    is_whole = is_whole && rwith__arena_copy(arena, c->explain, &c->explain) &&
               rwith__arena_copy(arena, c->refused_name, &c->refused_name);
    if (!is_whole) { /* nothing of it may be shown */
        c->explain = (rwith_slice){ "", 0 };
        c->refused_name = (rwith_slice){ "", 0 };
    }
    return is_whole ? RWITH_OK : RWITH_ENOMEM;
}

/* Values for the next request that a response teaches which is no challenge. */
static int taught(rwith_exchange *x)
{
    rwith_challenge lesson;
    int err = RWITH_OK;

    if (x->options.recall == NULL || !x->req.may_add) {
        return RWITH_OK;
    }
    rwith__challenge_learn(x->options.set, &x->req, &x->resp, &lesson);
    for (size_t i = 0; i < lesson.setting_count && err == RWITH_OK; i++) {
        const rwith_setting *s = &lesson.settings[i];
        struct rwith__item item = {
            .in = s->in,
            .name = s->name,
            .value = s->value,
            .why = RWITH__WHY_TAUGHT,
            .remember = rwith__dialect_at(x->options.set, s->dialect)->remember,
        };

        err = rwith__item_set(x, &item);
    }
    return err;
}

/*
 * A response that asks for nothing.  A refusal of these kinds may be about a
 * value that stopped working, and says so in no way that a dialect knows.
 */
static void judge_final(rwith_exchange *x)
{
    static const unsigned refusals[] = { 400, 401, 403, 409, 419, 440, 449 };

    x->may_learn = x->resp.status < STATUS_ERRORS;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        x->may_forget = x->may_forget || x->resp.status == refusals[i];
    }
}

static int understand(rwith_exchange *x, const struct event *ev)
{
    rwith_challenge c;
    char names[RWITH__NAME_BUF_LEN];
    int err;

    rwith_challenge_read(
        x->options.set, &x->req, &x->resp, ev->facts, ev->fact_count, names,
        sizeof(names),
        x->epoch_s > 0 ? rwith__exchange_clock_s(x, ev->now_ms) : 0, &c);
    if (c.dialects == 0) {
        judge_final(x);
        err = x->may_learn ? taught(x) : RWITH_OK;
        if (err != RWITH_OK) {
            return err;
        }
        return deliver(x, x->resp.status == STATUS_RETRY_WITH
                              ? RWITH_OUTCOME_UNRECOGNISED
                              : RWITH_OUTCOME_ANSWERED);
    }
    x->dialects |= c.dialects;
    err = challenge_own(x, &c);
    return err == RWITH_OK ? decide(x, ev->now_ms) : err;
}

/* --- the events ------------------------------------------------------------
 */

static int on_start(rwith_exchange *x, const struct event *ev)
{
    rwith_slice own;
    unsigned ignored;
    int err;

    x->begin_ms = ev->now_ms;
    x->start_ms = ev->now_ms;
    x->epoch_s = ev->epoch_s;
    x->is_echo_own = rwith__item_is_own(&x->req, RWITH_IN_HEADER,
                                        RWITH_LIT("Ms-Echo-Reply"), &own);
    err = x->options.is_sent ? rwith__item_add_opened(x)
                             : rwith__item_add_always(x);
    if (err == RWITH_OK && !x->options.is_sent) {
        err = rwith__item_add_recalled(x, ev->epoch_s, &ignored);
    }
    if (err != RWITH_OK) {
        return err;
    }
    if (x->work != NULL && x->work->need_count > 0) {
        return ask(x, false, ev->now_ms);
    }
    return send(x);
}

static bool has_no_content(const rwith_exchange *x)
{
    return rwith_slice_equal(x->req.method, RWITH_LIT("HEAD")) ||
           x->resp.status == STATUS_NO_CONTENT ||
           x->resp.status == STATUS_NOT_MODIFIED;
}

static int on_response(rwith_exchange *x, const struct event *ev)
{
    rwith_fact_want wants[RWITH_FACT_WANT_MAX];
    size_t count;
    int err;

    x->resp = *ev->resp;
    x->is_held = true;
    if (!rwith_dialects_wants_status(x->options.set, x->resp.status)) {
        judge_final(x);
        return deliver(x, x->resp.status == STATUS_RETRY_WITH
                              ? RWITH_OUTCOME_UNRECOGNISED
                              : RWITH_OUTCOME_ANSWERED);
    }
    count = rwith_challenge_wants(x->options.set, &x->req, &x->resp, wants);
    if (count == 0 || has_no_content(x)) {
        return understand(x, ev);
    }
    err = rwith__exchange_need_work(x);
    if (err != RWITH_OK) {
        return err;
    }
    memcpy(x->work->wants, wants, count * sizeof(*wants));
    x->effect = (rwith_effect){ .kind = RWITH_EFFECT_READ,
                                .wants = x->work->wants,
                                .want_count = count,
                                .body_limit = RWITH_CHALLENGE_BODY_MAX };
    x->state = RWITH__STATE_READING;
    return RWITH_OK;
}

static int on_facts(rwith_exchange *x, const struct event *ev)
{
    return understand(x, ev);
}

static int on_values(rwith_exchange *x, const struct event *ev)
{
    int err;

    x->was_asked = true;
    if (ev->now_ms > x->need_ms) {
        x->start_ms += ev->now_ms - x->need_ms; /* a person's time is free */
    }
    if (x->attempts > 0) {
        return decide(x, ev->now_ms);
    }
    err = rwith__item_add_needed(x);
    return err == RWITH_OK ? send(x) : err;
}

/* A person would rather not send it without what is missing. */
static int on_declined(rwith_exchange *x, const struct event *ev)
{
    struct rwith__plan plan;

    (void)ev;
    if (!x->is_held) {
        x->effect = (rwith_effect){ .kind = RWITH_EFFECT_FAIL };
        x->outcome = RWITH_OUTCOME_MISSING;
        x->state = RWITH__STATE_FAILED;
        return RWITH_OK;
    }
    x->was_asked = true; /* what was needed is now a reason */
    rwith__plan_make(x, rwith__plan_repeatable(x, x->work->challenge.dialects),
                     false, &plan);
    return plan.err == RWITH_OK ? deliver(x, RWITH_OUTCOME_MISSING) : plan.err;
}

static int on_waited(rwith_exchange *x, const struct event *ev)
{
    if (elapsed_ms(x, ev->now_ms) > x->options.start_within_ms) {
        return deliver(x, RWITH_OUTCOME_TIME);
    }
    return proceed(x, rwith__plan_repeatable(x, x->work->challenge.dialects));
}

static int on_obtained(rwith_exchange *x, const struct event *ev)
{
    rwith_challenge *c = &x->work->challenge;
    size_t before = c->setting_count;
    struct rwith__plan plan;
    int err;

    x->obtains++;
    rwith__challenge_obtained(x->options.set, c->obtain_dialect, ev->resp,
                              ev->facts, ev->fact_count, c);
    for (size_t i = before; i < c->setting_count; i++) {
        if (!rwith__arena_copy(&x->arena, c->settings[i].name,
                               &c->settings[i].name) ||
            !rwith__arena_copy(&x->arena, c->settings[i].value,
                               &c->settings[i].value)) {
            c->setting_count = before;
            return RWITH_ENOMEM;
        }
    }
    if (!rwith__arena_copy(&x->arena, c->refused_name, &c->refused_name)) {
        c->refused_name = (rwith_slice){ "", 0 };
        return RWITH_ENOMEM;
    }
    if (c->refused != RWITH_OK) {
        return deliver(x, RWITH_OUTCOME_REFUSED_VALUE);
    }
    if (c->setting_count == before) {
        return deliver(x, RWITH_OUTCOME_OBTAIN_FAILED);
    }
    if (elapsed_ms(x, ev->now_ms) > x->options.start_within_ms) {
        return deliver(x, RWITH_OUTCOME_TIME);
    }
    rwith__plan_make(x, rwith__plan_repeatable(x, c->dialects), false, &plan);
    if (plan.err == RWITH_OK && plan.added == 0) {
        return deliver(x, RWITH_OUTCOME_REPEATED);
    }
    err = plan.err;
    if (err == RWITH_OK) {
        err = rwith__item_take_cookies(x, ev->resp);
    }
    return err == RWITH_OK ? send_again(x) : err;
}

/* Another exchange went and obtained: what it learned may do for this one. */
static int on_recalled(rwith_exchange *x, const struct event *ev)
{
    unsigned added = 0;
    int err;

    if (elapsed_ms(x, ev->now_ms) > x->options.start_within_ms) {
        return deliver(x, RWITH_OUTCOME_TIME);
    }
    err = rwith__item_add_recalled(x, rwith__exchange_clock_s(x, ev->now_ms),
                                   &added);
    if (err != RWITH_OK) {
        return err;
    }
    return added > 0 ? send_again(x) : obtain(x);
}

static int on_send_failed(rwith_exchange *x, const struct event *ev)
{
    (void)ev;
    x->effect = (rwith_effect){ .kind = RWITH_EFFECT_FAIL };
    x->outcome = RWITH_OUTCOME_TRANSPORT;
    x->state = RWITH__STATE_FAILED;
    return RWITH_OK;
}

/* The head is handed on, so that the adapter can break off too. */
static int on_body_failed(rwith_exchange *x, const struct event *ev)
{
    (void)ev;
    return deliver(x, RWITH_OUTCOME_TRANSPORT);
}

static int on_obtain_failed(rwith_exchange *x, const struct event *ev)
{
    (void)ev;
    x->obtains++;
    return deliver(x, RWITH_OUTCOME_OBTAIN_FAILED);
}

/* --- the table -------------------------------------------------------------
 */

#define BIT(state) (1u << RWITH__STATE_##state)
#define AFTER_CHALLENGE                                                        \
    (BIT(SENDING) | BIT(NEEDING) | BIT(WAITING) | BIT(OBTAINING) |             \
     BIT(DELIVERED))

/* A cell that is not filled refuses the event; nothing follows DELIVERED
 * and FAILED. */
static const struct cell {
    int (*act)(rwith_exchange *x, const struct event *ev);
    unsigned next; /* states that may follow */
} machine[RWITH__STATE_COUNT][RWITH__EVENT_COUNT] = {
    [RWITH__STATE_NEW] = {
        [RWITH__EVENT_START] = { on_start, BIT(SENDING) | BIT(NEEDING) },
    },
    [RWITH__STATE_SENDING] = {
        [RWITH__EVENT_RESPONSE] = { on_response,
                                    BIT(READING) | AFTER_CHALLENGE },
        [RWITH__EVENT_FAILED] = { on_send_failed, BIT(FAILED) },
    },
    [RWITH__STATE_READING] = {
        [RWITH__EVENT_FACTS] = { on_facts, AFTER_CHALLENGE },
        [RWITH__EVENT_FAILED] = { on_body_failed, BIT(DELIVERED) },
    },
    [RWITH__STATE_NEEDING] = {
        [RWITH__EVENT_VALUES] = { on_values, AFTER_CHALLENGE },
        [RWITH__EVENT_FAILED] = { on_declined, BIT(DELIVERED) | BIT(FAILED) },
    },
    [RWITH__STATE_WAITING] = {
        [RWITH__EVENT_WAITED] = { on_waited, BIT(SENDING) | BIT(OBTAINING) |
                                                 BIT(DELIVERED) },
    },
    [RWITH__STATE_OBTAINING] = {
        [RWITH__EVENT_OBTAINED] = { on_obtained,
                                    BIT(SENDING) | BIT(DELIVERED) },
        [RWITH__EVENT_RECALLED] = { on_recalled, BIT(SENDING) |
                                                     BIT(OBTAINING) |
                                                     BIT(DELIVERED) },
        [RWITH__EVENT_FAILED] = { on_obtain_failed, BIT(DELIVERED) },
    },
};

bool rwith__exchange_allows(enum rwith__state state,
                            enum rwith__event_kind event)
{
    return machine[state][event].act != NULL;
}

static int dispatch(rwith_exchange *x, const struct event *ev,
                    const rwith_effect **ret_effect)
{
    const struct cell *cell = &machine[x->state][ev->kind];
    int err;

    if (cell->act == NULL) {
        return RWITH_ESTATE;
    }
    x->now_ms = ev->now_ms;
    err = cell->act(x, ev);
    if (err != RWITH_OK) {
        x->state = x->is_held ? RWITH__STATE_DELIVERED : RWITH__STATE_FAILED;
        x->outcome = RWITH_OUTCOME_NO_MEMORY;
        x->may_learn = false;
        x->may_forget = false;
        return err;
    }
    assert((cell->next >> x->state & 1) != 0);
    *ret_effect = &x->effect;
    return RWITH_OK;
}

/* --- the public faces of the events ----------------------------------------
 */

int rwith_exchange_start(rwith_exchange *x, uint64_t now_ms,
                         uint64_t now_epoch_s, const rwith_effect **ret_effect)
{
    struct event ev = { .kind = RWITH__EVENT_START,
                        .now_ms = now_ms,
                        .epoch_s = now_epoch_s };

    return dispatch(x, &ev, ret_effect);
}

int rwith_exchange_response(rwith_exchange *x, uint64_t now_ms,
                            const rwith_response *resp,
                            const rwith_effect **ret_effect)
{
    struct event ev = { .kind = RWITH__EVENT_RESPONSE,
                        .now_ms = now_ms,
                        .resp = resp };

    return dispatch(x, &ev, ret_effect);
}

int rwith_exchange_facts(rwith_exchange *x, uint64_t now_ms,
                         const rwith_fact *facts, size_t fact_count,
                         const rwith_effect **ret_effect)
{
    struct event ev = { .kind = RWITH__EVENT_FACTS,
                        .now_ms = now_ms,
                        .facts = facts,
                        .fact_count = fact_count };

    return dispatch(x, &ev, ret_effect);
}

int rwith_exchange_values(rwith_exchange *x, uint64_t now_ms,
                          const rwith_effect **ret_effect)
{
    struct event ev = { .kind = RWITH__EVENT_VALUES, .now_ms = now_ms };

    return dispatch(x, &ev, ret_effect);
}

int rwith_exchange_waited(rwith_exchange *x, uint64_t now_ms,
                          const rwith_effect **ret_effect)
{
    struct event ev = { .kind = RWITH__EVENT_WAITED, .now_ms = now_ms };

    return dispatch(x, &ev, ret_effect);
}

int rwith_exchange_obtained(rwith_exchange *x, uint64_t now_ms,
                            const rwith_response *resp, const rwith_fact *facts,
                            size_t fact_count, const rwith_effect **ret_effect)
{
    struct event ev = { .kind = RWITH__EVENT_OBTAINED,
                        .now_ms = now_ms,
                        .resp = resp,
                        .facts = facts,
                        .fact_count = fact_count };

    return dispatch(x, &ev, ret_effect);
}

int rwith_exchange_recalled(rwith_exchange *x, uint64_t now_ms,
                            const rwith_effect **ret_effect)
{
    struct event ev = { .kind = RWITH__EVENT_RECALLED, .now_ms = now_ms };

    return dispatch(x, &ev, ret_effect);
}

int rwith_exchange_failed(rwith_exchange *x, uint64_t now_ms,
                          const rwith_effect **ret_effect)
{
    struct event ev = { .kind = RWITH__EVENT_FAILED, .now_ms = now_ms };

    return dispatch(x, &ev, ret_effect);
}

bool rwith_exchange_wants_response(const rwith_exchange *x, unsigned status)
{
    return rwith_dialects_wants_status(x->options.set, status);
}

/* --- life ------------------------------------------------------------------
 */

static unsigned limited(unsigned value, unsigned standard, unsigned limit)
{
    unsigned chosen = value > 0 ? value : standard;

    return chosen < limit ? chosen : limit;
}

int rwith_exchange_new(const rwith_exchange_options *options,
                       const rwith_request *req, rwith_exchange **ret)
{
    rwith_exchange *x;

    if (options->set == NULL || req->method.len == 0 || req->origin.port == 0) {
        return RWITH_EINVAL;
    }
    x = rwith__memory_alloc(options->mem, sizeof(*x));
    if (x == NULL) {
        return RWITH_ENOMEM;
    }
    *x = (rwith_exchange){ .options = *options,
                           .req = *req,
                           .arena = { .mem = options->mem } };
    x->options.attempts_max =
        limited(options->attempts_max, RWITH_ATTEMPTS_MAX_DEFAULT,
                RWITH_ATTEMPTS_MAX_LIMIT);
    if (options->start_within_ms == 0) {
        x->options.start_within_ms = RWITH_START_WITHIN_MS_DEFAULT;
    }
    if (options->wait_max_ms == 0) {
        x->options.wait_max_ms = RWITH_WAIT_MAX_MS_DEFAULT;
    }
    *ret = x;
    return RWITH_OK;
}

void rwith_exchange_free(rwith_exchange *x)
{
    if (x == NULL) {
        return;
    }
    const rwith_alloc *mem = x->options.mem;

    rwith__arena_free(&x->arena);
    rwith__memory_free(mem, x->work);
    rwith__memory_free(mem, x);
}

static bool work_ok(const struct rwith__work *work)
{
    return work == NULL || (work->need_count <= RWITH__NEED_COUNT_MAX &&
                            work->reason_count <= RWITH__REASON_COUNT_MAX &&
                            work->met_count <= RWITH_ATTEMPTS_MAX_LIMIT);
}

/* Nothing was sent only before the first send, or when that failed. */
static bool attempts_ok(const rwith_exchange *x)
{
    return x->attempts <= x->options.attempts_max &&
           (x->attempts > 0 || x->state == RWITH__STATE_NEW ||
            x->state == RWITH__STATE_NEEDING ||
            x->state == RWITH__STATE_FAILED);
}

bool rwith__exchange_validate(const rwith_exchange *x)
{
    return x->state < RWITH__STATE_COUNT && x->outcome < RWITH_OUTCOME_COUNT &&
           attempts_ok(x) && x->obtains <= RWITH_OBTAIN_MAX &&
           x->item_count <= RWITH__ITEM_COUNT_MAX &&
           x->item_count <= x->item_room && work_ok(x->work) &&
           (!x->is_held || x->state != RWITH__STATE_SENDING);
}
