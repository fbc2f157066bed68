/*
 * exchange_plan.c: goes through a challenge and says what of it can be met:
 * by what it brings itself, by the supply, or by asking somebody.  Whether
 * the request is then sent again is exchange.c's decision.
 */
#include "lib/exchange.h"

#include "lib/ascii.h"
#include "lib/hash.h"
#include "lib/supply.h"

/* RFC 9110 9.2.2 and the IANA method registry: acting twice is acting once. */
static const rwith_slice idempotent[] = {
    { "GET", 3 },
    { "HEAD", 4 },
    { "PUT", 3 },
    { "DELETE", 6 },
    { "OPTIONS", 7 },
    { "TRACE", 5 },
    { "PROPFIND", 8 },
    { "PROPPATCH", 9 },
    { "MKCOL", 5 },
    { "COPY", 4 },
    { "MOVE", 4 },
    { "UNLOCK", 6 },
    { "REPORT", 6 },
    { "SEARCH", 6 },
    { "ACL", 3 },
    { "CHECKOUT", 8 },
    { "CHECKIN", 7 },
    { "UNCHECKOUT", 10 },
    { "MKWORKSPACE", 11 },
    { "UPDATE", 6 },
    { "LABEL", 5 },
    { "MERGE", 5 },
    { "MKACTIVITY", 10 },
    { "BASELINE-CONTROL", 16 },
    { "VERSION-CONTROL", 15 },
    { "BIND", 4 },
    { "UNBIND", 6 },
    { "REBIND", 6 },
    { "LINK", 4 },
    { "UNLINK", 6 },
    { "MKCALENDAR", 10 },
    { "ORDERPATCH", 10 },
    { "QUERY", 5 },
};

static bool is_idempotent(rwith_slice method)
{
    for (size_t i = 0; i < sizeof(idempotent) / sizeof(idempotent[0]); i++) {
        if (rwith_slice_equal(method, idempotent[i])) {
            return true;
        }
    }
    return false;
}

uint64_t rwith__plan_repeatable(const rwith_exchange *x, uint64_t dialects)
{
    bool is_safe_twice = is_idempotent(x->req.method);
    uint64_t allowed = 0;

    for (size_t i = 0; i < rwith_dialects_count(x->options.set); i++) {
        uint64_t bit = UINT64_C(1) << i;
        enum rwith__repeat repeat;

        if ((dialects & bit) == 0) {
            continue;
        }
        repeat = rwith__dialect_at(x->options.set, i)->repeat;
        if (repeat == RWITH__REPEAT_ANY ||
            (repeat == RWITH__REPEAT_IDEMPOTENT && is_safe_twice)) {
            allowed |= bit;
        }
    }
    return allowed;
}

uint64_t rwith__plan_digest(const rwith_challenge *c, uint64_t dialects)
{
    /* A collision costs its sender a retry, nobody else anything. */
    static const uint8_t key[RWITH__HASH_KEY_LEN] = { 0 };
    struct rwith__hash hash;

    rwith__hash_start(&hash, key);
    for (size_t i = 0; i < c->setting_count; i++) {
        if ((dialects >> c->settings[i].dialect & 1) != 0) {
            rwith__hash_add_counted(&hash, c->settings[i].name);
            rwith__hash_add_counted(&hash, c->settings[i].value);
        }
    }
    return rwith__hash_end(&hash);
}

static bool was_met(const struct rwith__work *work, uint64_t digest)
{
    for (size_t i = 0; i < work->met_count; i++) {
        if (work->met[i] == digest) {
            return true;
        }
    }
    return false;
}

/* --- the results of one requirement --------------------------------------- */

enum verdict {
    VERDICT_NEW,  /* a value that was not sent yet */
    VERDICT_NEED, /* somebody may have one */
    VERDICT_UNMET /* for the reason given */
};

struct found {
    size_t id; /* of the supply's entry */
    rwith_slice value;
    enum verdict verdict;
    rwith_reason_kind reason;
    bool has_entry;
    bool is_stale; /* the source may by now give another value */
};

static void reason_add(rwith_exchange *x, const rwith_requirement *requirement,
                       rwith_reason_kind kind)
{
    struct rwith__work *work = x->work;

    if (work->reason_count < RWITH__REASON_COUNT_MAX) {
        work->reasons[work->reason_count++] =
            (rwith_reason){ *requirement, kind };
    }
}

static void need_add(rwith_exchange *x, const rwith_requirement *requirement,
                     const struct found *found)
{
    struct rwith__work *work = x->work;

    if (work->need_count < RWITH__NEED_COUNT_MAX) {
        work->needs[work->need_count++] = (rwith_need){
            .requirement = *requirement,
            .has_entry = found->has_entry,
            .entry = found->has_entry ? found->id : 0,
            .is_stale = found->is_stale,
        };
    }
}

/*
 * A challenge that wants the Authorization field by name means any
 * authentication that is configured.
 */
static rwith_requirement normalised(const rwith_requirement *requirement)
{
    rwith_requirement r = *requirement;

    if (r.in == RWITH_IN_HEADER &&
        rwith_slice_equal_nocase(r.name, RWITH_LIT("Authorization"))) {
        r.in = RWITH_IN_AUTHORIZATION;
        r.name = (rwith_slice){ "", 0 };
    }
    return r;
}

/* May anything be put there?  Writes the reason when not. */
static bool may_be_given(const rwith_exchange *x, const rwith_requirement *r,
                         rwith_reason_kind *ret_reason)
{
    static const rwith_reason_kind reasons[RWITH_PLACE_COUNT] = {
        [RWITH_IN_HEADER] = RWITH_REASON_FORBIDDEN,
        [RWITH_IN_QUERY] = RWITH_REASON_NOT_ALLOWED,
        [RWITH_IN_BODY] = RWITH_REASON_NO_BODY_PATCH,
    };

    *ret_reason = x->req.may_add ? reasons[r->in] : RWITH_REASON_NOT_ALLOWED;
    return x->req.may_add && rwith__item_may_stand(x, r->in, r->name);
}

/* There is an entry: is its value at hand, and is it another one? */
static int entry_judge(rwith_exchange *x, const rwith_requirement *r,
                       struct found *f)
{
    const rwith_supply_entry *entry = rwith_supply_at(x->options.supply, f->id);
    const struct rwith__item *there = rwith__item_find(x, r->in, entry->name);
    bool can_ask = !x->was_asked;
    rwith_slice value = { "", 0 };
    int err;

    if (r->in == RWITH_IN_AUTHORIZATION &&
        !rwith__item_can_authenticate(x, entry->auth)) {
        f->reason = RWITH_REASON_NO_SCHEME;
        return RWITH_OK;
    }
    if (!rwith_supply_value(x->options.supply, f->id, &value) &&
        entry->kind != RWITH_SUPPLY_NONE) {
        f->verdict = can_ask ? VERDICT_NEED : VERDICT_UNMET;
        f->reason = RWITH_REASON_NOT_FILLED;
        return RWITH_OK;
    }
    err = rwith__item_value_of(&x->arena, entry, value, &f->value);
    if (err != RWITH_OK) {
        return err;
    }
    /* The same credentials are new by another scheme. */
    if ((there != NULL && there->auth != entry->auth) ||
        !rwith__item_was_sent(x, r->in, entry->name, f->value)) {
        f->verdict = VERDICT_NEW;
        return RWITH_OK;
    }
    f->reason = RWITH_REASON_ALREADY_SENT;
    f->is_stale = can_ask && (entry->kind == RWITH_SUPPLY_FILE ||
                              entry->kind == RWITH_SUPPLY_COMMAND);
    f->verdict = f->is_stale ? VERDICT_NEED : VERDICT_UNMET;
    return RWITH_OK;
}

/* The entry for a requirement; when any authentication will do, one that
 * this adapter can carry out before one that it cannot. */
static bool entry_find(const rwith_exchange *x, const rwith_requirement *r,
                       size_t *ret_id)
{
    const rwith_supply *supply = x->options.supply;
    const rwith_origin *origin = &x->req.origin;
    uint16_t id;

    if (supply == NULL ||
        !rwith_supply_find(supply, origin, r->in, r->name, ret_id)) {
        return false;
    }
    if (r->in != RWITH_IN_AUTHORIZATION || r->name.len > 0) {
        return true;
    }
    for (id = rwith__supply_first(supply, origin); id != RWITH__SUPPLY_NONE;
         id = rwith__supply_next(supply, id)) {
        const rwith_supply_entry *entry = rwith_supply_at(supply, id);

        if (rwith_origin_equal(&entry->origin, origin) &&
            rwith__item_can_authenticate(x, entry->auth)) {
            *ret_id = id;
            break;
        }
    }
    return true;
}

static int requirement_judge(rwith_exchange *x, const rwith_requirement *r,
                             struct found *f)
{
    rwith_slice own;

    *f = (struct found){ .verdict = VERDICT_UNMET };
    if (!may_be_given(x, r, &f->reason)) {
        return RWITH_OK;
    }
    f->has_entry = entry_find(x, r, &f->id);
    if (f->has_entry) {
        return entry_judge(x, r, f);
    }
    if (x->options.may_prompt && !x->was_asked) {
        f->verdict = VERDICT_NEED;
    } else if (rwith__item_is_own(&x->req, r->in, r->name, &own) &&
               own.len > 0) {
        f->reason = RWITH_REASON_ALREADY_SENT;
    } else {
        f->reason = RWITH_REASON_NO_VALUE;
    }
    return RWITH_OK;
}

/* --- the whole challenge -------------------------------------------------- */

struct maker {
    rwith_exchange *x;
    uint64_t dialects;
    bool is_final;
    struct rwith__plan *plan;
};

static int requirement_take(const struct maker *m, const rwith_requirement *r,
                            const struct found *f, uint8_t by)
{
    rwith_exchange *x = m->x;
    const rwith_supply_entry *entry;
    struct rwith__item item;

    if (f->verdict == VERDICT_NEED) {
        need_add(x, r, f);
        return RWITH_OK;
    }
    if (f->verdict == VERDICT_UNMET) {
        reason_add(x, r, f->reason);
        m->plan->sent += f->reason == RWITH_REASON_ALREADY_SENT;
        return RWITH_OK;
    }
    m->plan->added++;
    if (!m->is_final) {
        return RWITH_OK;
    }
    entry = rwith_supply_at(x->options.supply, f->id);
    item = (struct rwith__item){
        .in = r->in,
        .name = entry->name,
        .value = f->value,
        .auth = entry->auth,
        .why = RWITH__WHY_NAMED,
        .remember = rwith__dialect_at(x->options.set, by)->remember,
    };
    if (r->in != RWITH_IN_AUTHORIZATION) {
        item.name = r->name;
    }
    return rwith__item_set(x, &item);
}

/* The schemes of one challenge are alternatives: the first that can be met
 * is taken, and the others are not missing then. */
static int authorization_make(const struct maker *m)
{
    const rwith_challenge *c = &m->x->work->challenge;
    int err = RWITH_OK;

    for (size_t pass = 0; pass < 2; pass++) {
        bool is_reporting = pass == 1;

        for (size_t i = 0; i < c->required_count; i++) {
            rwith_requirement r = normalised(&c->required[i]);
            struct found f;

            if (r.in != RWITH_IN_AUTHORIZATION ||
                (m->dialects >> c->required_by[i] & 1) == 0) {
                continue;
            }
            err = requirement_judge(m->x, &r, &f);
            if (err != RWITH_OK) {
                return err;
            }
            if (is_reporting || f.verdict != VERDICT_UNMET) {
                err = requirement_take(m, &r, &f, c->required_by[i]);
            }
            if (!is_reporting && f.verdict != VERDICT_UNMET) {
                return err;
            }
        }
    }
    return err;
}

static int requirements_make(const struct maker *m)
{
    const rwith_challenge *c = &m->x->work->challenge;
    int err = authorization_make(m);

    for (size_t i = 0; i < c->required_count && err == RWITH_OK; i++) {
        rwith_requirement r = normalised(&c->required[i]);
        struct found f;

        if (r.in == RWITH_IN_AUTHORIZATION ||
            (m->dialects >> c->required_by[i] & 1) == 0) {
            continue;
        }
        err = requirement_judge(m->x, &r, &f);
        if (err == RWITH_OK) {
            err = requirement_take(m, &r, &f, c->required_by[i]);
        }
    }
    return err;
}

static int setting_take(const struct maker *m, const rwith_setting *s,
                        bool is_known)
{
    rwith_exchange *x = m->x;
    bool is_echo = rwith__plan_is_echo(s);
    rwith_requirement r = { .in = s->in, .name = s->name };
    rwith_reason_kind reason;
    struct rwith__item item;

    if (!is_echo && !may_be_given(x, &r, &reason)) {
        reason_add(x, &r, reason);
        return RWITH_OK;
    }
    if (is_known || (is_echo && x->has_echo) ||
        rwith__item_was_sent(x, s->in, s->name, s->value)) {
        m->plan->sent++;
    } else {
        m->plan->added++;
    }
    if (!m->is_final) {
        return RWITH_OK;
    }
    item = (struct rwith__item){
        .in = s->in,
        .name = s->name,
        .value = s->value,
        .why = RWITH__WHY_BROUGHT,
        .remember = rwith__dialect_at(x->options.set, s->dialect)->remember,
    };
    return rwith__item_set(x, &item);
}

static int settings_make(const struct maker *m)
{
    struct rwith__work *work = m->x->work;
    const rwith_challenge *c = &work->challenge;
    uint64_t digest = rwith__plan_digest(c, m->dialects);
    bool is_known = was_met(work, digest);
    int err = RWITH_OK;

    for (size_t i = 0; i < c->setting_count && err == RWITH_OK; i++) {
        if ((m->dialects >> c->settings[i].dialect & 1) != 0) {
            err = setting_take(m, &c->settings[i], is_known);
        }
    }
    if (m->is_final && !is_known && c->setting_count > 0 &&
        work->met_count < RWITH_ATTEMPTS_MAX_LIMIT) {
        work->met[work->met_count++] = digest;
    }
    return err;
}

bool rwith__plan_is_echo(const rwith_setting *setting)
{
    return setting->in == RWITH_IN_HEADER &&
           rwith_slice_equal_nocase(setting->name, RWITH_LIT("Ms-Echo-Reply"));
}

void rwith__plan_make(rwith_exchange *x, uint64_t dialects, bool is_final,
                      struct rwith__plan *ret)
{
    struct maker m = { x, dialects, is_final, ret };

    *ret = (struct rwith__plan){ 0 };
    x->work->need_count = 0;
    x->work->reason_count = 0;
    ret->err = settings_make(&m);
    if (ret->err == RWITH_OK) {
        ret->err = requirements_make(&m);
    }
}
