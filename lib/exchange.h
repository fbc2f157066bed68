/*
 * exchange.h: the inside of an exchange, shared by its pieces:
 *   exchange.c         the state x event table, the events
 *   exchange_plan.c    what a challenge asks for, and what of it can be given
 *   exchange_item.c    the pieces of information that go with the request
 *   exchange_patch.c   the request that results
 *   exchange_report.c  the account for people, and what is remembered
 */
#ifndef RWITH_LIB_EXCHANGE_H
#define RWITH_LIB_EXCHANGE_H

#include <retrywith/exchange.h>

#include "lib/arena.h"
#include "lib/dialect.h"

#define RWITH__ITEM_COUNT_MAX 128  /* pieces of information on one request */
#define RWITH__NAME_BUF_LEN   4096 /* unescaped names of one MS-RetryWith */
#define RWITH__NEED_COUNT_MAX 80
#define RWITH__REASON_COUNT_MAX                                                \
    (RWITH_REQUIREMENT_COUNT_MAX + RWITH_CHALLENGE_SETTING_MAX)

enum rwith__state {
    RWITH__STATE_NEW,
    RWITH__STATE_SENDING,   /* a response is awaited */
    RWITH__STATE_READING,   /* facts of the held response's body are */
    RWITH__STATE_NEEDING,   /* values are */
    RWITH__STATE_WAITING,   /* the end of a wait is */
    RWITH__STATE_OBTAINING, /* the answer to an obtain is */
    RWITH__STATE_DELIVERED,
    RWITH__STATE_FAILED,
    RWITH__STATE_COUNT
};

enum rwith__event_kind {
    RWITH__EVENT_START,
    RWITH__EVENT_RESPONSE,
    RWITH__EVENT_FACTS,
    RWITH__EVENT_VALUES,
    RWITH__EVENT_WAITED,
    RWITH__EVENT_OBTAINED,
    RWITH__EVENT_RECALLED,
    RWITH__EVENT_FAILED,
    RWITH__EVENT_COUNT
};

/* Why a piece of information goes with the request. */
enum rwith__why {
    RWITH__WHY_ALWAYS,   /* "send always" in the supply */
    RWITH__WHY_RECALLED, /* the origin wanted it before */
    RWITH__WHY_NAMED,    /* the challenge named it, the supply has it */
    RWITH__WHY_BROUGHT,  /* the challenge, or an obtain, brought it */
    RWITH__WHY_COOKIE,   /* a swallowed response set this cookie */
    RWITH__WHY_TAUGHT    /* for the next request: never sent in this one */
};

struct rwith__item {
    rwith_place in;
    rwith_slice name;
    rwith_slice value; /* of AUTHORIZATION: the whole field value, unless the
                          adapter authenticates: then the credentials */
    rwith_auth auth;   /* of AUTHORIZATION */
    enum rwith__why why;
    rwith_scope remember;
    bool is_sent;    /* with this very value */
    bool is_dropped; /* a cookie that the origin took back */
    bool is_kept;    /* RECALLED: the origin itself supplied it once */
};

/* What only a challenged exchange needs. */
struct rwith__work {
    rwith_challenge challenge; /* its slices lie in the arena */
    rwith_fact_want wants[RWITH_FACT_WANT_MAX];
    rwith_need needs[RWITH__NEED_COUNT_MAX];
    size_t need_count;
    rwith_reason reasons[RWITH__REASON_COUNT_MAX];
    size_t reason_count;
    uint64_t met[RWITH_ATTEMPTS_MAX_LIMIT]; /* digests of challenge values */
    size_t met_count;
};

struct rwith_exchange {
    rwith_exchange_options options; /* limits filled in */
    rwith_request req;
    enum rwith__state state;
    rwith_outcome outcome;
    rwith_effect effect;

    uint64_t begin_ms;
    uint64_t epoch_s;  /* when it began */
    uint64_t start_ms; /* begin_ms, and the time in which values were
                          brought: what the limit of time is counted from */
    uint64_t need_ms;  /* when values were asked for */
    uint64_t now_ms;   /* of the last event */
    unsigned attempts;
    unsigned obtains;
    unsigned waits;
    unsigned recalled;
    unsigned learned;
    bool is_echo_own; /* the client itself sends an echo */
    bool has_echo;    /* the last request had one */
    bool was_asked;   /* for the values of the challenge at hand */
    bool has_settled;
    bool may_learn;  /* the final response was a good one */
    bool may_forget; /* it refused, and did not say what it wants */

    bool is_held; /* resp is valid */
    rwith_response resp;

    struct rwith__arena arena;
    struct rwith__item *items; /* in the arena */
    size_t item_count;
    size_t item_room;
    struct rwith__work *work; /* NULL until a response may be a challenge */
    uint64_t dialects;        /* all that were recognised */
};

/* --- exchange.c: for tests ---------------------------------------------- */

/* Is the event's cell filled? */
bool rwith__exchange_allows(enum rwith__state state,
                            enum rwith__event_kind event);

/* Everything that must be true between two events. */
bool rwith__exchange_validate(const rwith_exchange *x);

/* Seconds since 1970; since the start when those are not known. */
uint64_t rwith__exchange_clock_s(const rwith_exchange *x, uint64_t now_ms);

/* Make x->work. @return #RWITH_OK, #RWITH_ENOMEM */
int rwith__exchange_need_work(rwith_exchange *x);

/* --- exchange_item.c ---------------------------------------------------- */

/* The item in that place and of that name, or NULL. */
struct rwith__item *rwith__item_find(const rwith_exchange *x, rwith_place in,
                                     rwith_slice name);

/*
 * Add an item, or replace the one of that place and name; name and value
 * are copied.  A full list is no error: the item is left out.
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
int rwith__item_set(rwith_exchange *x, const struct rwith__item *item);

/* Let go what belongs to one repeated request only: the echo. */
void rwith__item_drop_passing(rwith_exchange *x);

/* Did that value go to the origin in the last attempt, by us or, when we
 * have not replaced it, by the client itself? */
bool rwith__item_was_sent(const rwith_exchange *x, rwith_place in,
                          rwith_slice name, rwith_slice value);

/* Does the client's own request have something of that place and name? */
bool rwith__item_is_own(const rwith_request *req, rwith_place in,
                        rwith_slice name, rwith_slice *ret_value);

/* May anything of that name be put there in this request? */
bool rwith__item_may_stand(const rwith_exchange *x, rwith_place in,
                           rwith_slice name);

/* Values are there unasked: "send always", and what recall knows. */
int rwith__item_add_always(rwith_exchange *x);
int rwith__item_add_recalled(rwith_exchange *x, uint64_t now_s,
                             unsigned *ret_new);

/* Of a request that was sent before: what its opening added. */
int rwith__item_add_opened(rwith_exchange *x);

/* After NEED before the first send: those of the values that came. */
int rwith__item_add_needed(rwith_exchange *x);

/* The cookies that a swallowed response sets go with the next request. */
int rwith__item_take_cookies(rwith_exchange *x, const rwith_response *resp);

/*
 * The value of a supply entry as it travels: an Authorization field's value
 * for Basic and Bearer, else as it is.
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
int rwith__item_value_of(struct rwith__arena *arena,
                         const rwith_supply_entry *entry, rwith_slice value,
                         rwith_slice *ret);

/* Can this adapter do that? */
bool rwith__item_can_authenticate(const rwith_exchange *x, rwith_auth auth);

/* --- exchange_plan.c ---------------------------------------------------- */

/* How a plan went. */
struct rwith__plan {
    unsigned added; /* items that are new, or have a new value */
    unsigned sent;  /* that went there before, and were not enough */
    int err;        /* #RWITH_OK, #RWITH_ENOMEM */
};

/*
 * Go through the challenge at hand.  Without is_final nothing changes but
 * work's needs and reasons; with it, items are set.
 */
void rwith__plan_make(rwith_exchange *x, uint64_t dialects, bool is_final,
                      struct rwith__plan *ret);

/* May the dialects repeat this request?  Those of the mask that may. */
uint64_t rwith__plan_repeatable(const rwith_exchange *x, uint64_t dialects);

/* Of the values that a challenge brings: equal values, equal digest. */
uint64_t rwith__plan_digest(const rwith_challenge *c, uint64_t dialects);

/* Is it the echo of MS-WDV? */
bool rwith__plan_is_echo(const rwith_setting *setting);

/* --- exchange_patch.c --------------------------------------------------- */

/* Fill the effect with the request to send. */
int rwith__patch_send(rwith_exchange *x);

/* Fill the effect with the request of an obtain: the dialect's own fields,
 * and the credentials and cookies of the request that it is for. */
int rwith__patch_obtain(rwith_exchange *x, const struct rwith__fetch *fetch);

/* Can members be put into the content? */
bool rwith__patch_may_touch_body(const rwith_request *req);

/* Can parameters be put into the target?  Not into "*", and a fragment would
 * hide them. */
bool rwith__patch_may_touch_query(const rwith_request *req);

/* The value of a query parameter of that name in a raw target, raw; names
 * compare decoded. */
bool rwith__patch_query_find(rwith_slice target, rwith_slice name,
                             rwith_slice *ret_raw_value);

/* Does a raw value decode to these bytes? */
bool rwith__patch_query_equal(rwith_slice raw, rwith_slice decoded);

#endif
