
/*
 * The gate half, a module of its own in the same file: it shares neither
 * configuration nor request context with the answering half, so that both
 * can stand in one location.
 */

#ifndef _NGX_HTTP_RETRY_WITH_GATE_H_INCLUDED_
#define _NGX_HTTP_RETRY_WITH_GATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/member.h>
#include <retrywith/policy.h>
#include <retrywith/refusal.h>

#include "body/members.h"


#define NGX_HTTP_RETRY_WITH_OFF     0
#define NGX_HTTP_RETRY_WITH_ON      1
#define NGX_HTTP_RETRY_WITH_REPORT  2


/* what one level of the configuration says; shared by those below it */

typedef struct {
    rwith_policy_builder              *builder;  /* while it is read */
    rwith_policy                      *policy;
    ngx_str_t                          file;     /* of the first directive */
    ngx_uint_t                         line;
    ngx_uint_t                         generation;  /* given once */
} ngx_http_retry_with_policy_t;


/* a policy and a server that has it */

typedef struct {
    ngx_http_retry_with_policy_t      *policy;
    ngx_http_core_srv_conf_t          *server;
} ngx_http_retry_with_place_t;


typedef struct {
    ngx_array_t                        places;
                                       /* ngx_http_retry_with_place_t */
    unsigned                           is_used:1;  /* in any location */
} ngx_http_retry_with_gate_main_conf_t;


typedef struct {
    ngx_uint_t                         mode;
    ngx_http_retry_with_policy_t      *policy;
    ngx_uint_t                         credentials;
    ngx_uint_t                         unknown;
    ngx_str_t                          cors;
    off_t                              body_limit;
    ngx_uint_t                         body_refuse;
    ngx_str_t                          reason;
    ngx_flag_t                         forward_auth;

    rwith_judge_options                options;
} ngx_http_retry_with_gate_conf_t;


typedef enum {
    NGX_HTTP_RETRY_WITH_GATE_HEAD = 0,
    NGX_HTTP_RETRY_WITH_GATE_READING,  /* the body */
    NGX_HTTP_RETRY_WITH_GATE_READ,
    NGX_HTTP_RETRY_WITH_GATE_PASSED,
    NGX_HTTP_RETRY_WITH_GATE_REFUSED
} ngx_http_retry_with_gate_state_e;


typedef struct {
    ngx_http_retry_with_gate_conf_t   *conf;
    ngx_http_retry_with_gate_state_e   state;

    uint32_t                           operation;
    rwith_judge                        judge;
    rwith_decision                     decision;

    rwith_body_check                  *check;
    off_t                              checked;   /* bytes */
    rwith_missing_list                *missing;   /* in the body */

    unsigned                           is_clear:1;     /* feed no more */
    unsigned                           is_too_long:1;
    unsigned                           is_drained:1;   /* the body is not
                                                          kept */
    unsigned                           is_full:1;      /* no memory */
    unsigned                           was_read:1;     /* before us */
    unsigned                           has_body:1;
} ngx_http_retry_with_gate_ctx_t;


extern ngx_module_t  ngx_http_retry_with_gate_module;


static ngx_inline rwith_slice
ngx_http_retry_with_gate_slice(const ngx_str_t *s)
{
    rwith_slice  slice;

    slice.ptr = (const char *) s->data;
    slice.len = s->len;

    return slice;
}


/* ngx_http_retry_with_gate_policy.c: documents and rules, read once */
char *ngx_http_retry_with_openapi(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_retry_with_rules(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_retry_with_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_retry_with_build_policy(ngx_conf_t *cf,
    ngx_http_retry_with_gate_conf_t *conf);
char *ngx_http_retry_with_check_names(ngx_conf_t *cf,
    ngx_http_retry_with_gate_conf_t *conf);
ngx_int_t ngx_http_retry_with_check_default_servers(ngx_conf_t *cf);

/* ngx_http_retry_with_gate_request.c: a request is judged */
ngx_int_t ngx_http_retry_with_gate_handler(ngx_http_request_t *r);
ngx_http_retry_with_gate_ctx_t *ngx_http_retry_with_gate_get_ctx(
    ngx_http_request_t *r);
ngx_int_t ngx_http_retry_with_gate_body_filter_init(ngx_conf_t *cf);
void ngx_http_retry_with_gate_list(ngx_http_retry_with_gate_ctx_t *ctx,
    rwith_missing_list *list);

/* ngx_http_retry_with_gate_refusal.c: and refused */
ngx_int_t ngx_http_retry_with_gate_refuse(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx);

/* ngx_http_retry_with_gate_cache.c: what was refused so before */
ngx_buf_t *ngx_http_retry_with_refusal_get(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx, const rwith_refusal *refusal,
    rwith_refusal_answer *answer);
void ngx_http_retry_with_refusal_keep(ngx_http_retry_with_gate_ctx_t *ctx,
    const rwith_refusal *refusal, const rwith_refusal_answer *answer,
    const ngx_buf_t *b);


#endif /* _NGX_HTTP_RETRY_WITH_GATE_H_INCLUDED_ */
