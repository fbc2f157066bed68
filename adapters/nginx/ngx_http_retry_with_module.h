
/*
 * What the files of the module share.  The module knows nginx and the core;
 * every protocol decision is the core's (include/retrywith/).
 */

#ifndef _NGX_HTTP_RETRY_WITH_MODULE_H_INCLUDED_
#define _NGX_HTTP_RETRY_WITH_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <retrywith/base.h>
#include <retrywith/challenge.h>
#include <retrywith/dialect.h>
#include <retrywith/err.h>
#include <retrywith/exchange.h>
#include <retrywith/message.h>
#include <retrywith/opening.h>
#include <retrywith/recall.h>
#include <retrywith/rewrite.h>
#include <retrywith/supply.h>
#include <retrywith/trust.h>


/* what most requests never come to stands apart from what all go through */
#if (defined __GNUC__)
#define ngx_http_retry_with_rare  __attribute__((cold, noinline))
#else
#define ngx_http_retry_with_rare
#endif


/* a response's body that is held, or swallowed, is never longer */
#define NGX_HTTP_RETRY_WITH_BODY_MAX  RWITH_CHALLENGE_BODY_MAX

/* ms that it may take to arrive */
#define NGX_HTTP_RETRY_WITH_BODY_TIME  5000


/* one dialect file, as read when its directive was */

typedef struct {
    ngx_str_t                          name;
    ngx_str_t                          text;
} ngx_http_retry_with_file_t;


/* a set of dialects; locations with the same files share one */

typedef struct {
    ngx_array_t                       *files;
    ngx_str_t                          only;
    rwith_dialects                    *dialects;
} ngx_http_retry_with_set_t;


/* the origin that a location's upstream is */

typedef struct {
    rwith_origin                       origin;
    ngx_str_t                          prefix;     /* of paths: "" or "/dav" */
    ngx_str_t                          authority;  /* for Host */
} ngx_http_retry_with_origin_t;


#define NGX_HTTP_RETRY_WITH_VERSIONS  4


typedef struct {
    ngx_uint_t                         version;  /* as r->http_version */
    ngx_table_elt_t                    header;
} ngx_http_retry_with_via_t;


typedef struct {
    ngx_array_t                        sets;  /* ngx_http_retry_with_set_t */
    rwith_alloc                        mem;   /* the configuration's pool */
    ngx_str_t                          name;  /* "retrywith-0123abcd" */
    ngx_http_retry_with_via_t          via[NGX_HTTP_RETRY_WITH_VERSIONS];

    unsigned                           is_used:1;  /* in any location */
} ngx_http_retry_with_main_conf_t;


typedef struct {
    ngx_flag_t                         answer;

    rwith_supply                      *supply;
    ngx_array_t                       *dialect_files;
    ngx_str_t                          only;
    rwith_dialects                    *dialects;

    ngx_shm_zone_t                    *recall;
    ngx_int_t                          attempts;
    ngx_msec_t                         start_within;
    ngx_msec_t                         max_wait;

    ngx_array_t                       *names;    /* rwith_slice */
    ngx_flag_t                         own_credentials;
    ngx_str_t                          verify_address;  /* authorities */
    ngx_http_retry_with_origin_t      *origin;
    ngx_http_retry_with_origin_t      *rewrite;
    ngx_http_retry_with_origin_t      *target;   /* of the two, or of what
                                                    proxy_pass says */

    rwith_opening                     *opening;  /* each worker's own */
    ngx_table_elt_t                   *lines;    /* of it */

    unsigned                           sends_unasked:1;
    unsigned                           is_variable:1;  /* the proxy_pass */

    /* where retry_with_answer stands */
    ngx_str_t                          conf_file;
    ngx_uint_t                         conf_line;

    /* and retry_with_only */
    ngx_str_t                          only_file;
    ngx_uint_t                         only_line;
} ngx_http_retry_with_loc_conf_t;


/*
 * Who obtains for which scope just now, in shared memory beside a recall;
 * more than fit obtain without waiting for each other
 */

#define NGX_HTTP_RETRY_WITH_TURNS  64


typedef struct {
    uint64_t                           key;
    uint64_t                           owner;    /* 0: free */
    ngx_pid_t                          pid;      /* the worker's */
    ngx_msec_t                         expires;  /* should an origin hang */
} ngx_http_retry_with_turn_t;


typedef struct {
    uint64_t                           owners;   /* so far */
    ngx_http_retry_with_turn_t         turn[NGX_HTTP_RETRY_WITH_TURNS];
} ngx_http_retry_with_turns_t;


typedef enum {
    NGX_HTTP_RETRY_WITH_IDLE = 0,
    NGX_HTTP_RETRY_WITH_SENT,      /* the upstream has the request */
    NGX_HTTP_RETRY_WITH_HELD,      /* its answer is held until the body was
                                      seen */
    NGX_HTTP_RETRY_WITH_WAITING,   /* for the timer, or for its turn */
    NGX_HTTP_RETRY_WITH_RERUN,     /* the content phase is to run again */
    NGX_HTTP_RETRY_WITH_REPLACED,  /* nginx's own answer, by the one kept */
    NGX_HTTP_RETRY_WITH_DONE       /* the client gets what comes now */
} ngx_http_retry_with_state_e;


/* what of the client's request an attempt changes, as it was */

typedef struct {
    ngx_list_t                         headers;

    /* if is_moved */
    ngx_str_t                          unparsed_uri;
    ngx_str_t                          uri;
    ngx_str_t                          args;
    unsigned                           valid_unparsed_uri:1;
    unsigned                           valid_location:1;
    unsigned                           quoted_uri:1;
    unsigned                           internal:1;

    /* if is_whole */
    unsigned                           chunked:1;
    ngx_uint_t                         method;
    ngx_str_t                          method_name;
    ngx_http_request_body_t           *request_body;
    off_t                              content_length_n;
} ngx_http_retry_with_saved_t;


/* fields of a request that are viewed without memory of their own */
#define NGX_HTTP_RETRY_WITH_ROOM  24


typedef struct ngx_http_retry_with_ctx_s  ngx_http_retry_with_ctx_t;

struct ngx_http_retry_with_ctx_s {
    ngx_http_request_t                *request;  /* NULL: it is spare */
    ngx_http_retry_with_loc_conf_t    *conf;
    ngx_http_handler_pt                handler;  /* of the location */

    rwith_exchange                    *exchange;   /* NULL: not needed yet */
    uint64_t                           opened;     /* lines of the opening */
    const rwith_effect                *effect;
    rwith_request                      view;
    ngx_msec_t                         started;

    ngx_http_retry_with_state_e        state;
    unsigned                           attempts;
    rwith_slice                        sent;     /* target of the last send */
    ngx_http_log_handler_pt            log_handler;

    ngx_buf_t                         *held;     /* body of the response */

    /* while something is obtained: the response that asked for it */
    ngx_http_headers_out_t            *kept_headers;
    ngx_buf_t                         *kept_body;
    ngx_uint_t                         kept_cookies;

    ngx_array_t                       *cookies;  /* ngx_str_t: Set-Cookie of
                                                    swallowed responses */
    ngx_event_t                        timer;

    uint64_t                           turn;      /* 0: it has none */
    uint64_t                           turn_key;  /* of it, or waited for */
    ngx_msec_t                         turn_poll;

    ngx_list_t                        *hops;  /* NULL: no Connection line
                                                 names a field */
    void                              *multistatus;
    void                              *pipe;

    /* the account, for the variables */
    ngx_str_t                          dialect;
    ngx_str_t                          outcome;
    ngx_uint_t                         learned;

    rwith_trust_verdict                verdict;

    unsigned                           is_saved:1;
    unsigned                           is_moved:1;     /* the target, too */
    unsigned                           is_whole:1;     /* all of it */
    unsigned                           is_waiting:1;
    unsigned                           is_mapped:1;
    unsigned                           is_obtaining:1;
    unsigned                           is_astray:1;    /* what is obtained */
    unsigned                           is_relay:1;
    unsigned                           is_patched:1;   /* with added values */
    unsigned                           is_too_long:1;  /* to be swallowed */

    /*
     * What is above is zero at first.  What is below is not set until it is
     * used; and there are requests that use none of it.
     */

    rwith_alloc                        mem;
    ngx_http_retry_with_saved_t        saved;    /* if is_saved */
    ngx_str_t                          logged_uri;
    rwith_response                     obtained;
    ngx_queue_t                        waiting;  /* if is_waiting */

    /* a relay's two names of one resource tree: if is_mapped */
    rwith_mapping                      mapping;

    ngx_http_retry_with_ctx_t         *next;     /* that is spare */
    rwith_field                        room[NGX_HTTP_RETRY_WITH_ROOM];
};


extern ngx_module_t  ngx_http_retry_with_module;


static ngx_inline rwith_slice
ngx_http_retry_with_slice(const ngx_str_t *s)
{
    rwith_slice  slice;

    slice.ptr = (const char *) s->data;
    slice.len = s->len;

    return slice;
}


/* ngx_http_retry_with_module.c */
ngx_http_retry_with_ctx_t *ngx_http_retry_with_get_ctx(ngx_http_request_t *r);
ngx_http_retry_with_ctx_t *ngx_http_retry_with_create_ctx(
    ngx_http_request_t *r);

/* ngx_http_retry_with_files.c: what the configuration names */
void ngx_http_retry_with_pool_mem(rwith_alloc *mem, ngx_pool_t *pool);
ngx_int_t ngx_http_retry_with_read_file(ngx_conf_t *cf, ngx_str_t *name,
    size_t max, ngx_str_t *text, ngx_file_info_t *fi);
char *ngx_http_retry_with_supply(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_retry_with_only(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_retry_with_dialect(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
rwith_dialects *ngx_http_retry_with_get_set(ngx_conf_t *cf,
    ngx_http_retry_with_main_conf_t *mcf,
    ngx_http_retry_with_loc_conf_t *conf);

/* ngx_http_retry_with_recall.c: what is remembered, for all workers */
char *ngx_http_retry_with_recall(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
rwith_recall *ngx_http_retry_with_recall_of(ngx_shm_zone_t *zone);
ngx_http_retry_with_turns_t *ngx_http_retry_with_turns_of(
    ngx_shm_zone_t *zone);
void ngx_http_retry_with_recall_lock(ngx_shm_zone_t *zone);
void ngx_http_retry_with_recall_unlock(ngx_shm_zone_t *zone);

char *ngx_http_retry_with_make_opening(ngx_conf_t *cf, rwith_alloc *mem,
    ngx_http_retry_with_loc_conf_t *conf);

/* ngx_http_retry_with_origin.c: who the upstream is */
char *ngx_http_retry_with_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_retry_with_names(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_http_retry_with_origin_t *ngx_http_retry_with_proxied_origin(
    ngx_conf_t *cf, ngx_uint_t *no_buffering);

/* ngx_http_retry_with_request.c: the request as an attempt sends it */
ngx_int_t ngx_http_retry_with_fields(ngx_pool_t *pool, ngx_list_t *list,
    rwith_field *room, const rwith_field **fields, size_t *count);
ngx_int_t ngx_http_retry_with_set_field(ngx_pool_t *pool,
    ngx_table_elt_t *header, rwith_slice name, rwith_slice value);
ngx_int_t ngx_http_retry_with_push_field(ngx_pool_t *pool,
    ngx_list_t *headers, rwith_slice name, rwith_slice value);
ngx_int_t ngx_http_retry_with_view(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
ngx_int_t ngx_http_retry_with_patch(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, const rwith_effect *effect);
void ngx_http_retry_with_restore(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);

ngx_uint_t ngx_http_retry_with_went_astray(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, rwith_slice target);

/* ngx_http_retry_with_answer.c: the exchange, from the content phase */
ngx_int_t ngx_http_retry_with_precontent_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_retry_with_content_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_retry_with_begin(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
ngx_int_t ngx_http_retry_with_take_effect(ngx_http_retry_with_ctx_t *ctx,
    int rc, const rwith_effect *effect);
ngx_int_t ngx_http_retry_with_wait(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_event_handler_pt handler,
    ngx_msec_t msec);
void ngx_http_retry_with_timer_handler(ngx_event_t *ev);
void ngx_http_retry_with_settle(ngx_http_retry_with_ctx_t *ctx);
void ngx_http_retry_with_report(ngx_http_retry_with_ctx_t *ctx);

/* ngx_http_retry_with_turn.c: one obtain at a time for a scope */
ngx_int_t ngx_http_retry_with_take_turn(ngx_http_retry_with_ctx_t *ctx);
ngx_int_t ngx_http_retry_with_await_turn(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
void ngx_http_retry_with_end_turn(ngx_http_retry_with_ctx_t *ctx);

/* ngx_http_retry_with_hold.c: hold, swallow, decide, release a response */
ngx_int_t ngx_http_retry_with_hold_init(ngx_conf_t *cf);
ngx_int_t ngx_http_retry_with_decide(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);

/* ngx_http_retry_with_relay.c: who is admitted */
rwith_trust_verdict ngx_http_retry_with_judge(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
ngx_table_elt_t *ngx_http_retry_with_max_forwards(ngx_http_request_t *r);
ngx_int_t ngx_http_retry_with_admit(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);

/* ngx_http_retry_with_names.c: the two names of one resource tree */
ngx_list_t *ngx_http_retry_with_named_hops(ngx_list_t *fields);
ngx_uint_t ngx_http_retry_with_passes(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_table_elt_t *header);
ngx_int_t ngx_http_retry_with_push_request(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_list_t *headers,
    ngx_table_elt_t *header);
ngx_int_t ngx_http_retry_with_push_via(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_list_t *headers);
void ngx_http_retry_with_close_multistatus(ngx_http_retry_with_ctx_t *ctx);
ngx_int_t ngx_http_retry_with_translate(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_chain_t *in,
    ngx_http_output_body_filter_pt next);
ngx_int_t ngx_http_retry_with_dress(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);

/* ngx_http_retry_with_address.c: origins that are named by an address */
char *ngx_http_retry_with_verify_address(ngx_conf_t *cf,
    ngx_http_retry_with_loc_conf_t *conf);

/* ngx_http_retry_with_sandbox.c: a test origin of every dialect */
char *ngx_http_retry_with_sandbox(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_RETRY_WITH_MODULE_H_INCLUDED_ */
