/*
 * exchange_report.c: what an exchange says about itself when it is over: the
 * account for people, and what the recall is told.
 */
#include "lib/exchange.h"

static const struct {
    const char *name, *text;
    int exit_status;
} outcomes[] = {
#define OUTCOME_ROW(name, status, text) { #name, text, status },
    RWITH_OUTCOMES(OUTCOME_ROW)
#undef OUTCOME_ROW
};

const char *rwith_outcome_name(rwith_outcome outcome)
{
    return outcome < RWITH_OUTCOME_COUNT ? outcomes[outcome].name : "";
}

const char *rwith_outcome_text(rwith_outcome outcome)
{
    return outcome < RWITH_OUTCOME_COUNT ? outcomes[outcome].text : "";
}

int rwith_outcome_exit_status(rwith_outcome outcome)
{
    return outcome < RWITH_OUTCOME_COUNT ? outcomes[outcome].exit_status : 0;
}

void rwith_exchange_report(const rwith_exchange *x, rwith_report *ret)
{
    *ret = (rwith_report){ .outcome = x->outcome,
                           .dialects = x->dialects,
                           .attempts = x->attempts,
                           .obtains = x->obtains,
                           .recalled = x->recalled,
                           .learned = x->learned };
    if (x->work == NULL || x->outcome == RWITH_OUTCOME_ANSWERED) {
        return;
    }
    ret->reasons = x->work->reasons;
    ret->reason_count = x->work->reason_count;
    ret->explain = x->work->challenge.explain;
    ret->refused_name = x->work->challenge.refused_name;
}

/* Did the final answer prove that this is what the origin wanted? */
static bool is_lesson(const struct rwith__item *item)
{
    switch (item->why) {
    case RWITH__WHY_NAMED:
    case RWITH__WHY_BROUGHT:
        return item->is_sent && item->remember != RWITH_SCOPE_REQUEST;
    case RWITH__WHY_TAUGHT:
        return item->remember != RWITH_SCOPE_REQUEST;
    default:
        return false;
    }
}

/* A value of the origin's own that went there unasked, and was refused. */
static bool is_spoilt(const struct rwith__item *item)
{
    return item->is_kept && item->is_sent;
}

bool rwith_exchange_has_learned(const rwith_exchange *x)
{
    if (x->options.recall == NULL || x->has_settled ||
        x->state != RWITH__STATE_DELIVERED) {
        return false;
    }
    for (size_t i = 0; i < x->item_count; i++) {
        if ((x->may_learn && is_lesson(&x->items[i])) ||
            (x->may_forget && is_spoilt(&x->items[i]))) {
            return true;
        }
    }
    return false;
}

/* So that it cannot spoil every later request too: the next one is
 * challenged afresh. */
static unsigned forget(rwith_exchange *x)
{
    unsigned forgotten = 0;

    for (size_t i = 0; i < x->item_count; i++) {
        const struct rwith__item *item = &x->items[i];
        rwith_recall_hit entry = { .in = item->in,
                                   .name = item->name,
                                   .value = item->value,
                                   .has_value = true };

        if (is_spoilt(item)) {
            rwith_recall_forget(x->options.recall, &x->req, &entry);
            forgotten++;
        }
    }
    return forgotten;
}

unsigned rwith_exchange_settle(rwith_exchange *x, uint64_t now_ms)
{
    uint64_t now_s = rwith__exchange_clock_s(x, now_ms);

    if (!rwith_exchange_has_learned(x)) {
        return 0;
    }
    x->has_settled = true;
    if (x->may_forget) {
        return forget(x);
    }
    for (size_t i = 0; i < x->item_count; i++) {
        const struct rwith__item *item = &x->items[i];
        rwith_recall_hit entry = { .in = item->in, .name = item->name };

        if (!is_lesson(item)) {
            continue;
        }
        if (item->why != RWITH__WHY_NAMED) { /* never a supply's value */
            entry.has_value = true;
            entry.value = item->value;
        }
        x->learned +=
            rwith_recall_learn(x->options.recall, &x->req, item->remember,
                               &entry, now_s) == RWITH_OK;
    }
    return x->learned;
}
