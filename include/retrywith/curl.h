/*
 * curl.h: libretrywith-curl: one request to its real end, over libcurl.
 *
 * An easy handle's callbacks, header list and content cannot be read back,
 * so the driver is given them (rwith_curl_request) and installs them itself.
 * Everything else that an application sets on its handle (TLS, proxy, HTTP
 * version, cookie files, debug function, …) is left alone.  The driver takes
 * no protocol decision: it carries out the effects of retrywith/exchange.h.
 *
 * A session and its handles belong to one thread at a time.
 */
#ifndef RWITH_CURL_H
#define RWITH_CURL_H

#include <stdio.h>

#include <curl/curl.h>

#include <retrywith/base.h>
#include <retrywith/dialect.h>
#include <retrywith/err.h>
#include <retrywith/exchange.h>
#include <retrywith/recall.h>
#include <retrywith/supply.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_CURL_HEAD_MAX                                                    \
    (1024 * 1024)                             /**< bytes of all heads of one   \
                                                   send, 1xx included */
#define RWITH_CURL_FIELD_COUNT_MAX       4096 /**< field lines of one head */
#define RWITH_CURL_REDIRECTS_MAX_DEFAULT 50
#define RWITH_CURL_CONNECT_MS_DEFAULT    30000 /**< until connected */
#define RWITH_CURL_HEAD_MS_DEFAULT                                              \
    300000                                     /**< from the last byte of the   \
                                                    request, when the peer's    \
                                                    system has it, to the whole \
                                                    head */
#define RWITH_CURL_IDLE_MS_DEFAULT      300000 /**< between two pieces */
#define RWITH_CURL_CHALLENGE_MS_DEFAULT 5000   /**< for a challenge's body */

/** Where a request's content comes from. */
typedef enum rwith_curl_body_kind {
    RWITH_CURL_BODY_NONE,
    RWITH_CURL_BODY_MEMORY,
    RWITH_CURL_BODY_FILE, /**< from where the stream stands */
    RWITH_CURL_BODY_CALLBACK,
    RWITH_CURL_BODY_MIME /**< a multipart form of libcurl's */
} rwith_curl_body_kind;

/** A request's content.  What is not for its kind is not looked at. */
typedef struct rwith_curl_body {
    rwith_curl_body_kind kind;
    const void *data;          /**< MEMORY */
    size_t len;                /**< MEMORY */
    FILE *file;                /**< FILE; replayable when it can be sought */
    curl_read_callback read;   /**< CALLBACK */
    int (*rewind)(void *user); /**< CALLBACK: back to the start, 0 when done;
                                    NULL: the content exists once only */
    void *user;                /**< CALLBACK */
    bool has_size;             /**< FILE, CALLBACK */
    curl_off_t size;           /**< with has_size; a regular file's is found */
    curl_mime *mime;           /**< MIME */
    bool mime_is_replayable;   /**< MIME: no part is a callback or a pipe */
} rwith_curl_body;

/**
 * One request.  Zero-initialise, then set easy and url at least.  All that
 * it points to is borrowed until the job is freed.
 */
typedef struct rwith_curl_request {
    CURL *easy;            /**< the driver sets and leaves behind on it: URL,
                                method, HTTPHEADER, COOKIE, HTTPAUTH, USERPWD,
                                UPLOAD, POSTFIELDS (none), sizes, read, seek,
                                header and write callbacks, PRIVATE,
                                CONNECTTIMEOUT_MS, FOLLOWLOCATION off */
    const char *method;    /**< NULL: POST with content, else GET */
    bool method_is_forced; /**< stays across redirects, as curl's -X */
    const char *url;
    const struct curl_slist *headers; /**< as for CURLOPT_HTTPHEADER */
    const char *cookie;               /**< as for CURLOPT_COOKIE; NULL: none */
    unsigned long auth;  /**< CURLAUTH_…; 0: Basic with a userpwd */
    const char *userpwd; /**< "user:password"; NULL: none */
    rwith_curl_body body;

    /** Header lines of the answer, and of what came before it (1xx, proxy,
     * authentication legs), as for CURLOPT_HEADERFUNCTION. */
    curl_write_callback on_header;
    void *on_header_user;
    /** The answer's content.  NULL: written to the FILE on_body_user, or to
     * stdout.  CURL_WRITEFUNC_PAUSE is not for here. */
    curl_write_callback on_body;
    void *on_body_user;

    bool follow;            /**< redirects, by curl's rules */
    unsigned redirects_max; /**< 0: the default */
    uint64_t time_max_ms;   /**< for everything; 0: no limit */
    bool has_cookie_jar;    /**< the application has turned libcurl's cookie
                                 engine on, on this handle */
    void *user;
} rwith_curl_request;

/** Which limit of the driver ended a request. */
typedef enum rwith_curl_limit {
    RWITH_CURL_LIMIT_NONE,
    RWITH_CURL_LIMIT_HEAD_SIZE,
    RWITH_CURL_LIMIT_HEAD_TIME,
    RWITH_CURL_LIMIT_IDLE_TIME,
    RWITH_CURL_LIMIT_TIME /**< time_max_ms */
} rwith_curl_limit;

/** How it ended.  Lives as long as its job. */
typedef struct rwith_curl_result {
    CURLcode code; /**< of the transport */
    rwith_curl_limit limit;
    unsigned status; /**< of the answer; 0: there is none */
    unsigned sends;  /**< requests for the answer, over all redirects;
                          authentication legs are not counted */
    unsigned obtains;
    unsigned redirects;
    const char *url;     /**< the last one */
    uint64_t time_ms;    /**< from the add to the end */
    rwith_report report; /**< of the last exchange */
} rwith_curl_result;

/** What happens, for a trace.  Slices live during the call only. */
typedef enum rwith_curl_event_kind {
    RWITH_CURL_EVENT_SEND,
    RWITH_CURL_EVENT_HELD, /**< a response that is looked into */
    RWITH_CURL_EVENT_NEED,
    RWITH_CURL_EVENT_OBTAIN,
    RWITH_CURL_EVENT_WAIT,
    RWITH_CURL_EVENT_REDIRECT, /**< to url */
    RWITH_CURL_EVENT_DELIVER
} rwith_curl_event_kind;

typedef struct rwith_curl_event {
    rwith_curl_event_kind kind;
    const char *url;
    unsigned status;            /**< HELD, REDIRECT, DELIVER */
    const rwith_effect *effect; /**< SEND, NEED, OBTAIN, WAIT; else NULL */
} rwith_curl_event;

typedef struct rwith_curl rwith_curl;
typedef struct rwith_curl_job rwith_curl_job;

/** What a session works with.  Zero-initialise, then set. */
typedef struct rwith_curl_options {
    const rwith_alloc *mem;                     /**< NULL: malloc */
    const rwith_dialects *set;                  /**< NULL: the embedded ones */
    rwith_supply *supply;                       /**< NULL: none */
    rwith_recall *recall;                       /**< NULL: none */
    void (*lock_recall)(void *user, bool take); /**< NULL: not shared */

    /**
     * Fill the supply.  It may fill some, or none; libcurl must not be called
     * in it.
     * @return false: not yet; rwith_curl_job_filled() follows
     */
    bool (*on_need)(void *user, const rwith_need *needs, size_t count,
                    const rwith_origin *origin);
    /**
     * After on_need, where the request goes again in any case (an echo): may
     * it, without what still has no value?  NULL: yes.  libcurl must not be
     * called in it.
     * @param need  its needs
     * @return false: the refusal is the answer
     */
    bool (*on_unmet)(void *user, const rwith_effect *need,
                     const rwith_origin *origin);
    bool may_prompt; /**< on_need may be asked for what the supply lacks */
    void (*on_event)(void *user, const rwith_curl_event *event);
    void *user;

    unsigned attempts_max; /**< these as in rwith_exchange_options */
    uint64_t start_within_ms;
    uint64_t wait_max_ms;
    bool no_retry;

    uint64_t connect_ms; /**< 0: the defaults above */
    uint64_t head_ms;
    uint64_t idle_ms;
    uint64_t challenge_ms;
    size_t head_max;
} rwith_curl_options;

/**
 * A session: connections, and what requests share.  The options are copied,
 * what they point to is borrowed.  curl_global_init() comes before.
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
RWITH_API int rwith_curl_new(const rwith_curl_options *options,
                             rwith_curl **ret);

/** Ends all jobs.  The easy handles stay their owner's.  NULL is fine. */
RWITH_API void rwith_curl_free(rwith_curl *session);

/**
 * Carry a request to its end.
 *
 * @param ret  NULL is fine; good until the session's next perform
 * @return #RWITH_OK: see the result; #RWITH_EINVAL, #RWITH_ENOMEM
 */
RWITH_API int rwith_curl_perform(rwith_curl *session,
                                 const rwith_curl_request *req,
                                 const rwith_curl_result **ret);

/*
 * Many at once, in one thread: add, then perform and poll until none runs.
 * Each job has an easy handle of its own.
 */

/** @return #RWITH_OK, #RWITH_EINVAL, #RWITH_ENOMEM */
RWITH_API int rwith_curl_multi_add(rwith_curl *session,
                                   const rwith_curl_request *req,
                                   rwith_curl_job **ret);

/** Do what can be done now. @param ret_running  jobs not yet done */
RWITH_API int rwith_curl_multi_perform(rwith_curl *session,
                                       unsigned *ret_running);

/** Wait until there is something to do, or for that long. */
RWITH_API int rwith_curl_multi_poll(rwith_curl *session, int timeout_ms);

/** A job that is done and was not told yet, or NULL. */
RWITH_API rwith_curl_job *rwith_curl_multi_done(rwith_curl *session);

/** For an event loop of one's own: libcurl's handle, on which socket and
 * timer functions are set; CURLMOPT_… only. */
RWITH_API CURLM *rwith_curl_multi_handle(rwith_curl *session);

/** As curl_multi_socket_action(), with what the driver has to do. */
RWITH_API int rwith_curl_multi_socket_action(rwith_curl *session,
                                             curl_socket_t fd, int events,
                                             unsigned *ret_running);

/** Milliseconds until rwith_curl_multi_perform() must be called for the
 * driver's own limits, besides libcurl's timer; UINT64_MAX: never. */
RWITH_API uint64_t rwith_curl_multi_timeout_ms(rwith_curl *session);

/** NULL until it is done. */
RWITH_API const rwith_curl_result *rwith_curl_job_result(
    const rwith_curl_job *job);

/** The user pointer of its request. */
RWITH_API void *rwith_curl_job_user(const rwith_curl_job *job);

/** on_need returned false before: the supply is filled as far as it will
 * be. @return #RWITH_OK, #RWITH_ESTATE */
RWITH_API int rwith_curl_job_filled(rwith_curl_job *job);

/** Ends it when it runs.  NULL is fine. */
RWITH_API void rwith_curl_job_free(rwith_curl_job *job);

#ifdef __cplusplus
}
#endif

#endif
