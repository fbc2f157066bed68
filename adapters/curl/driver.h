/*
 * driver.h: what the driver's files share: a session, its jobs, and the
 * transfers that carry out their effects.
 */
#ifndef RWITH_CURL_DRIVER_H
#define RWITH_CURL_DRIVER_H

#include <adapters/curl/bytes.h>
#include <adapters/curl/head.h>
#include <adapters/curl/source.h>
#include <adapters/curl/url.h>
#include <retrywith/curl.h>

#include <time.h>

/* A held body: what facts are looked for in, and one piece of libcurl's. */
#define RWITH_CURL_HELD_MAX                                                    \
    (RWITH_CHALLENGE_BODY_MAX + (size_t)CURL_MAX_WRITE_SIZE)

/* Set-Cookie lines of swallowed responses that are kept for the client. */
#define RWITH_CURL_COOKIES_MAX (64 * 1024)

/* Openings that a session keeps, and lines of one that a request can take:
 * what exceeds that has its exchange from the start. */
#define RWITH_CURL_OPENINGS 4
#define RWITH_CURL_SET_MAX  4

/* Where a job stands. */
typedef enum rwith_curl_state {
    RWITH_CURL_STATE_TRANSFER, /* the request is under way */
    RWITH_CURL_STATE_NEED,     /* somebody fills the supply */
    RWITH_CURL_STATE_WAIT,
    RWITH_CURL_STATE_PARKED, /* another job obtains for the same scope */
    RWITH_CURL_STATE_OBTAIN,
    RWITH_CURL_STATE_DONE
} rwith_curl_state;

/* What becomes of the body bytes of a send. */
typedef enum rwith_curl_mode {
    RWITH_CURL_MODE_HEAD,    /* the answer's head is not known yet */
    RWITH_CURL_MODE_READ,    /* held, facts are looked for */
    RWITH_CURL_MODE_PENDING, /* held, another effect comes after it */
    RWITH_CURL_MODE_STREAM,  /* to the client */
    RWITH_CURL_MODE_DROP     /* a redirect's */
} rwith_curl_mode;

/* The request that fetches a value. */
typedef struct rwith_curl_obtain {
    CURL *easy;
    bool is_running;
    const rwith_effect *effect; /* good until the exchange's next event */
    struct curl_slist *headers;
    rwith_curl_head head;
    rwith_curl_bytes body;
    rwith_curl_bytes url;
} rwith_curl_obtain;

typedef struct rwith_curl_opening rwith_curl_opening;

struct rwith_curl_job {
    rwith_curl *session;
    rwith_curl_job *next;
    rwith_curl_request req;
    rwith_curl_state state;
    rwith_curl_mode mode;
    bool is_told;      /* rwith_curl_multi_done() has returned it */
    bool must_advance; /* the effect waits for the loop, not for libcurl */

    rwith_curl_url url;
    const char *method; /* of this hop */
    bool has_body;      /* this hop sends the content */
    bool is_foreign;    /* a redirect has left the first origin */
    bool is_legged;     /* its connection authenticates in several legs */
    rwith_field *fields;
    size_t field_count;
    size_t field_cap;
    rwith_request view;
    bool is_plain;               /* went out without an exchange: x comes when
                                  * an answer needs one */
    rwith_curl_opening *opening; /* that it went out with; NULL: as the client
                                  * made it */
    uint64_t opened;             /* which lines of that, */
    rwith_field set[RWITH_CURL_SET_MAX];             /* as fields, */
    struct curl_slist set_lines[RWITH_CURL_SET_MAX]; /* and as lines */
    size_t set_count;
    uint64_t hop_ms;            /* when this hop began */
    rwith_exchange *x;          /* NULL while is_plain */
    const rwith_effect *effect; /* the next to carry out */
    const rwith_effect *asked;  /* NEED, until it is filled */
    rwith_effect fallback;      /* when there is no exchange */

    rwith_curl_source source;
    rwith_curl_bytes sent_url;
    rwith_curl_bytes credentials;
    rwith_curl_bytes patched;
    struct curl_slist *headers; /* of a patched send */
    struct curl_slist expect;   /* "Expect:" before the client's own list */
    bool has_private;           /* CURLOPT_PRIVATE is ours */
    void *private_before;

    bool is_inline;  /* the content is lent to the easy handle */
    bool is_running; /* the easy handle is in the multi handle */
    bool is_paused;
    bool must_abort; /* the rest of this response is not wanted */
    CURLcode ended;  /* of the last transfer */
    rwith_curl_head head;
    rwith_curl_bytes held;
    rwith_curl_bytes cookies; /* Set-Cookie lines of swallowed responses */
    size_t dropped;

    rwith_curl_obtain obtain;
    bool has_key; /* it obtains, or has obtained and not settled */
    uint64_t key;

    uint64_t start_ms;
    uint64_t active_ms;  /* last sign of life of the transfer */
    curl_off_t uploaded; /* bytes, when that was last looked at */
    int unsent;          /* of them, bytes still in this machine then */
    uint64_t until_ms;   /* WAIT; or when a held body must be here */
    rwith_curl_result result;
};

struct rwith_curl {
    rwith_curl_options options;
    const rwith_alloc *mem;
    CURLM *multi;
    rwith_dialects *own_set;
    rwith_curl_job *jobs;
    rwith_curl_opening *openings[RWITH_CURL_OPENINGS];
    rwith_curl_job *spare; /* one finished job's memory */
    rwith_curl_job *last;  /* of rwith_curl_perform() */
    unsigned must_advance; /* jobs that the loop must look at */
    uint64_t next_ms;      /* the next limit of time of any job */
};

uint64_t rwith__curl_now_ms(void);

/* job.c: effects */
int rwith__curl_job_start(rwith_curl_job *job);
int rwith__curl_job_exchange(rwith_curl_job *job);
void rwith__curl_job_count(rwith_curl_job *job);
void rwith__curl_job_private(rwith_curl_job *job, bool take);
void rwith__curl_job_advance(rwith_curl_job *job);
void rwith__curl_job_ended(rwith_curl_job *job, CURLcode code);
void rwith__curl_job_obtained(rwith_curl_job *job, CURLcode code);
void rwith__curl_job_tick(rwith_curl_job *job, uint64_t now_ms);
uint64_t rwith__curl_job_deadline(const rwith_curl_job *job);
void rwith__curl_job_clear(rwith_curl_job *job);
void rwith__curl_job_unpark(rwith_curl_job *job);

/* facts.c: what a body holds at the places that an effect wants to know */
typedef struct rwith_curl_facts {
    rwith_fact *items;
    size_t count;
    char *bytes; /* of the items */
} rwith_curl_facts;

void rwith__curl_facts_find(rwith_curl_facts *facts, const rwith_alloc *mem,
                            const rwith_effect *effect,
                            const rwith_field *fields, size_t field_count,
                            rwith_slice body);
void rwith__curl_facts_free(rwith_curl_facts *facts, const rwith_alloc *mem);

/* answer.c: what is done with response bytes */
void rwith__curl_answer_decide(rwith_curl_job *job);
void rwith__curl_answer_facts(rwith_curl_job *job);
void rwith__curl_answer_deliver(rwith_curl_job *job);
void rwith__curl_keep_cookies(rwith_curl_job *job, const rwith_curl_head *head);
void rwith__curl_take(rwith_curl_job *job, int err, const rwith_effect *effect);
bool rwith__curl_is_redirect(const rwith_curl_job *job);

/* transfer.c: libcurl's options and callbacks */
CURLcode rwith__curl_transfer_start(rwith_curl_job *job,
                                    const rwith_effect *effect);
void rwith__curl_transfer_stop(rwith_curl_job *job);
const char *rwith__curl_userpwd(const rwith_curl_job *job);

/* patch.c: header lines and content of a send */
CURLcode rwith__curl_patch(rwith_curl_job *job, const rwith_effect *effect,
                           const struct curl_slist **ret_headers);
CURLcode rwith__curl_fields_read(rwith_curl_job *job);
CURLcode rwith__curl_line_make(rwith_curl_bytes *line, const rwith_alloc *mem,
                               const rwith_field *field);
bool rwith__curl_may_patch_body(const rwith_curl_job *job);

/* opening.c: what a first send goes with */
bool rwith__curl_opening_take(rwith_curl_job *job);
void rwith__curl_opening_drop(rwith_curl_job *job);
const rwith_opening *rwith__curl_opening_sent(const rwith_curl_job *job);
unsigned rwith__curl_opening_recalled(const rwith_curl_job *job);
const struct curl_slist *rwith__curl_opening_headers(rwith_curl_job *job);
void rwith__curl_opening_leave(rwith_curl_opening *opening,
                               const rwith_alloc *mem);
void rwith__curl_openings_free(rwith_curl *session);

/* upload.c: whether content went on since that was last asked */
bool rwith__curl_is_uploading(rwith_curl_job *job);

/* redirect.c */
CURLcode rwith__curl_redirect(rwith_curl_job *job);

/* obtain.c */
CURLcode rwith__curl_obtain_start(rwith_curl_job *job,
                                  const rwith_effect *effect);
int rwith__curl_obtain_told(rwith_curl_job *job, const rwith_response *resp,
                            const rwith_effect **ret_effect);
void rwith__curl_obtain_stop(rwith_curl_job *job);

/* session.c */
void rwith__curl_event(rwith_curl_job *job, rwith_curl_event_kind kind,
                       const rwith_effect *effect);
void rwith__curl_lock(rwith_curl_job *job, bool take);
bool rwith__curl_key_is_taken(const rwith_curl_job *job, uint64_t key);
void rwith__curl_key_free(rwith_curl_job *job);
void rwith__curl_must_advance(rwith_curl_job *job);

#endif
