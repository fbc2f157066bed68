/*
 * sandbox.h: what a server of each dialect answers: a pure function from a
 * request, a small state and the time to a response.  An adapter reads the
 * request and the body, and sends what comes out.
 *
 * It is a test origin.  A satisfied request is answered with an account of
 * what arrived, header fields included: nothing that guards a real secret
 * may be tried on it.
 */
#ifndef RWITH_SANDBOX_SANDBOX_H
#define RWITH_SANDBOX_SANDBOX_H

#include <retrywith/base.h>

#define RWITH_SANDBOX_FIELD_MAX  8           /* of a response */
#define RWITH_SANDBOX_BODY_SEEN  (64 * 1024) /* bytes of body looked at */
#define RWITH_SANDBOX_WAIT_COUNT 64          /* targets that may wait */
#define RWITH_SANDBOX_WAIT_MAX_S 60          /* longest Retry-After sent */

/* A target that was told to come back later. */
typedef struct rwith_sandbox_wait {
    uint64_t key; /* 0: free */
    uint64_t ready_ms;
} rwith_sandbox_wait;

/* What a sandbox remembers.  Zero-initialise, then set the seed. */
typedef struct rwith_sandbox {
    uint64_t seed;       /* unpredictable: session ids are made of it */
    uint64_t turn;       /* sessions ended so far */
    uint64_t challenges; /* sent so far: makes each echo value a new one */
    rwith_sandbox_wait waits[RWITH_SANDBOX_WAIT_COUNT];
    size_t wait_next; /* slot that is given up when all are taken */
} rwith_sandbox;

/* A request, as it arrived. */
typedef struct rwith_sandbox_request {
    rwith_slice method;
    rwith_slice target; /* raw */
    rwith_slice base;   /* "http://127.0.0.1:4449", for the lines shown */
    const rwith_field *fields;
    size_t field_count;
    bool is_body_pending;    /* the body was not read yet; see below */
    rwith_slice body_prefix; /* up to RWITH_SANDBOX_BODY_SEEN bytes */
    uint64_t body_len;
    uint8_t body_sha256[32]; /* of the whole body; of nothing without one */
    uint64_t now_ms;
} rwith_sandbox_request;

typedef struct rwith_sandbox_response {
    unsigned status;
    rwith_slice reason;
    rwith_field fields[RWITH_SANDBOX_FIELD_MAX]; /* Content-Type included */
    size_t field_count;
    rwith_slice body; /* never empty; not to be sent to HEAD */
    char scratch[256];
} rwith_sandbox_response;

/* Bytes that are enough for the body of the answer to that request. */
size_t rwith_sandbox_body_max(const rwith_sandbox_request *req);

/*
 * Answer a request.  With is_body_pending only what the head decides is
 * answered: false means that the body must be read first, and the state was
 * not touched.  Otherwise true.
 *
 * buf: rwith_sandbox_body_max() bytes at least; ret's slices point into it,
 * into ret and into constants.
 */
bool rwith_sandbox_answer(rwith_sandbox *sandbox,
                          const rwith_sandbox_request *req, char *buf,
                          size_t buf_len, rwith_sandbox_response *ret);

#endif
