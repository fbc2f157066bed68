/*
 * dialect.h: a dialect as the core sees it after its file was read.
 * dialect_read.c fills it, dialect.c keeps the set, challenge.c matches
 * responses with it, exchange.c reads what happens then.
 */
#ifndef RWITH_LIB_DIALECT_H
#define RWITH_LIB_DIALECT_H

#include <retrywith/challenge.h>
#include <retrywith/dialect.h>
#include <retrywith/message.h>
#include <retrywith/recall.h>
#include <retrywith/requirement.h>

#include "lib/config_line.h"

/* Limits of one dialect; each is named in retrywith-dialect(5). */
#define RWITH__DIALECT_WHENS_MAX          16
#define RWITH__DIALECT_SETS_MAX           8
#define RWITH__DIALECT_NEEDS_MAX          16
#define RWITH__DIALECT_FETCH_FIELDS_MAX   4
#define RWITH__DIALECT_STATUS_WORDS       7       /* 200 to 599, a bit each */
#define RWITH__DIALECT_BACKOFF_MS_MAX     3600000 /* an hour */
#define RWITH__DIALECT_BACKOFF_FACTOR_MAX 10

/* May the request be sent again? */
enum rwith__repeat {
    RWITH__REPEAT_NEVER,      /* recognise, report, learn: never send */
    RWITH__REPEAT_IDEMPOTENT, /* RFC 9110 9.2.2 methods only */
    RWITH__REPEAT_ANY         /* it was not acted upon */
};

enum rwith__when_kind {
    RWITH__WHEN_RESPONSE_HEADER,
    RWITH__WHEN_REQUEST_HEADER,
    RWITH__WHEN_REQUEST_PATH,
    RWITH__WHEN_METHOD,
    RWITH__WHEN_BODY_CONTAINS,
    RWITH__WHEN_BODY_JSON
};

/* How a value is compared. */
enum rwith__match {
    RWITH__MATCH_PRESENT, /* anything that is there */
    RWITH__MATCH_VALUE,
    RWITH__MATCH_PREFIX,
    RWITH__MATCH_CONTAINS
};

struct rwith__when {
    enum rwith__when_kind kind;
    enum rwith__match match;
    bool or_next;     /* one of a list: this or the next */
    rwith_slice name; /* field name, pointer, or the bytes of "contains" */
    rwith_slice value;
};

/* Where a value, or a name, is taken from. */
enum rwith__from_kind {
    RWITH__FROM_LITERAL,
    RWITH__FROM_RESPONSE_HEADER,
    RWITH__FROM_JSON,
    RWITH__FROM_SAME_NAME /* the response field named like the one set */
};

struct rwith__from {
    enum rwith__from_kind kind;
    rwith_slice what; /* the literal, the field name, the pointer */
};

struct rwith__set {
    rwith_place in;          /* HEADER, QUERY or COOKIE */
    bool is_named_by_server; /* name says where the name is */
    struct rwith__from name; /* else a literal */
    struct rwith__from value;
    bool of_fetched; /* reads the fetched response, not the challenge */
};

enum rwith__need_kind {
    RWITH__NEED_ONE,  /* the requirement that the file spells out */
    RWITH__NEED_LIST, /* a field in MS-RetryWith's form, named by name */
    RWITH__NEED_EACH  /* the objects of the array at name */
};

/* Members of the objects that "need each json" reads. */
enum rwith__member {
    RWITH__MEMBER_IN,
    RWITH__MEMBER_NAME,
    RWITH__MEMBER_POINTER,
    RWITH__MEMBER_SCHEME,
    RWITH__MEMBER_DESCRIPTION,
    RWITH__MEMBER_COUNT
};

struct rwith__need {
    enum rwith__need_kind kind;
    rwith_place in;
    rwith_slice name;
    rwith_slice description;
    rwith_slice members[RWITH__MEMBER_COUNT]; /* EACH: pointer patterns */
};

/* Another request that obtains a value. */
struct rwith__fetch {
    bool is_set;
    rwith_slice method; /* GET or HEAD */
    rwith_slice target; /* path and query, at the same origin */
    rwith_field fields[RWITH__DIALECT_FETCH_FIELDS_MAX];
    size_t field_count;
};

struct rwith__wait {
    rwith_slice field; /* Retry-After or one like it; empty: none */
    bool is_in_ms;     /* its number counts milliseconds */
    bool has_backoff;
    uint32_t initial_ms;
    uint32_t factor;
    uint32_t cap_ms;
};

struct rwith__dialect {
    rwith_slice name;
    rwith_slice about;
    rwith_slice source;
    rwith_slice explain;
    uint64_t statuses[RWITH__DIALECT_STATUS_WORDS]; /* bit s - 200; all when no
                                                       line names one */
    bool is_last_resort;                            /* "when nothing-else" */
    struct rwith__when whens[RWITH__DIALECT_WHENS_MAX];
    size_t when_count;
    struct rwith__set sets[RWITH__DIALECT_SETS_MAX];
    size_t set_count;
    struct rwith__need needs[RWITH__DIALECT_NEEDS_MAX];
    size_t need_count;
    struct rwith__fetch fetch;
    struct rwith__wait wait;
    enum rwith__repeat repeat;
    rwith_scope remember;
    bool learns_from_any; /* responses that are no challenge teach too */
};

/* Bytes that the set keeps until it is freed. */
struct rwith__dialect_block {
    struct rwith__dialect_block *next;
    char bytes[];
};

/* All dialects of a set, in the order in which they are asked. */
struct rwith_dialects {
    const rwith_alloc *mem;
    struct rwith__dialect *items[RWITH_DIALECT_COUNT_MAX];
    size_t count;
    struct rwith__dialect_block *blocks;
    uint64_t statuses[RWITH__DIALECT_STATUS_WORDS]; /* of any dialect; all when
                                                       one learns from any */
};

/* The i-th dialect; i must be less than the count. */
const struct rwith__dialect *rwith__dialect_at(const rwith_dialects *set,
                                               size_t index);

/* Does the dialect look at responses of that status? */
static inline bool rwith__dialect_has_status(
    const uint64_t statuses[RWITH__DIALECT_STATUS_WORDS], unsigned status)
{
    unsigned bit = status - 200;

    return status >= 200 && status <= 599 &&
           (statuses[bit / 64] >> (bit % 64) & 1) != 0;
}

/*
 * The wait before the attempt-th repetition by the dialect's back-off:
 * initial, times factor for each one before, at most the cap.
 * @param repetition  from 1
 */
uint64_t rwith__dialect_backoff_ms(const struct rwith__dialect *dialect,
                                   unsigned repetition);

/*
 * Read a file's text into dialects that are handed over one by one.
 *
 * @param text  is unquoted in place and must outlive the dialects
 * @param take  called with each whole dialect, which lives on the stack of
 *              the reader: RWITH_OK to go on, else the error to return
 */
struct rwith__dialect_sink {
    int (*take)(void *user, const struct rwith__dialect *dialect);
    char *(*keep)(void *user, size_t len); /* memory for a composed name */
    void *user;
};
int rwith__dialect_read(char *text, size_t len,
                        const struct rwith__dialect_sink *sink,
                        rwith_diagnostic *reterr_diag);

/*
 * challenge.c, for the exchange.
 */

/* May these bytes be the value of what is set in that place?  A cookie's may
 * not end its pair either. */
bool rwith__challenge_value_ok(rwith_place in, rwith_slice value);

/* Facts that the fetched response of an obtain must be searched for; as
 * rwith_challenge_wants(). */
size_t rwith__challenge_obtain_wants(const struct rwith__dialect *dialect,
                                     rwith_fact_want *ret_wants);

/*
 * What the fetched response supplies: appends to ret->settings those of the
 * dialect's set lines that read it, and may set ret->refused.
 */
void rwith__challenge_obtained(const rwith_dialects *set, size_t dialect,
                               const rwith_response *resp,
                               const rwith_fact *facts, size_t fact_count,
                               rwith_challenge *ret);

/*
 * What a response that is no challenge teaches ("learn-from any"): fills
 * ret->dialects and ret->settings from header fields; the rest of ret is
 * empty.  Never asks for a body.
 */
void rwith__challenge_learn(const rwith_dialects *set, const rwith_request *req,
                            const rwith_response *resp, rwith_challenge *ret);

#endif
