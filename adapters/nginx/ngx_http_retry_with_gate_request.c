
/*
 * A request is judged in the precontent phase, after access rules: its head
 * at once, its body as it is read.  What is missing is the core's to say.
 */

#include "ngx_http_retry_with_gate.h"


#define NGX_HTTP_RETRY_WITH_BLOCK  65536


static ngx_http_retry_with_gate_ctx_t *ngx_http_retry_with_gate_create_ctx(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_retry_with_gate_begin(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_gate_target(ngx_http_request_t *r,
    rwith_slice *target);
static ngx_int_t ngx_http_retry_with_gate_forwarded(ngx_http_request_t *r,
    rwith_slice *method, rwith_slice *target);
static ngx_int_t ngx_http_retry_with_gate_judge(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx, bool has_body);
static ngx_int_t ngx_http_retry_with_gate_settle(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_gate_body(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_gate_unread(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx, ngx_uint_t is_too_long);
static void ngx_http_retry_with_gate_drain_handler(ngx_http_request_t *r);
static void ngx_http_retry_with_gate_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_retry_with_gate_finish(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_gate_walk(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx);
static void ngx_http_retry_with_gate_feed(ngx_http_retry_with_gate_ctx_t *ctx,
    u_char *p, size_t len);
static void ngx_http_retry_with_gate_cleanup(void *data);


static ngx_http_request_body_filter_pt  ngx_http_next_request_body_filter;


ngx_int_t
ngx_http_retry_with_gate_handler(ngx_http_request_t *r)
{
    ngx_http_retry_with_gate_ctx_t   *ctx;
    ngx_http_retry_with_gate_conf_t  *gcf;

    gcf = ngx_http_get_module_loc_conf(r, ngx_http_retry_with_gate_module);

    /* and the page of an error is no request of the client's */

    if (gcf->policy == NULL
        || gcf->mode == NGX_HTTP_RETRY_WITH_OFF
        || r != r->main
        || r->err_status >= NGX_HTTP_SPECIAL_RESPONSE)
    {
        return NGX_DECLINED;
    }

    ctx = ngx_http_retry_with_gate_get_ctx(r);

    if (ctx == NULL) {

        ctx = ngx_http_retry_with_gate_create_ctx(r);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->conf = gcf;

        return ngx_http_retry_with_gate_begin(r, ctx);
    }

    if (ctx->conf->policy != gcf->policy) {

        /* redirected inside nginx to where other things are needed */

        rwith_body_check_free(ctx->check);
        ngx_memzero(ctx, sizeof(ngx_http_retry_with_gate_ctx_t));

        ctx->conf = gcf;

        return ngx_http_retry_with_gate_begin(r, ctx);
    }

    switch (ctx->state) {

    case NGX_HTTP_RETRY_WITH_GATE_READING:
        return NGX_DONE;

    case NGX_HTTP_RETRY_WITH_GATE_READ:
        return ngx_http_retry_with_gate_finish(r, ctx);

    default:
        return NGX_DECLINED;
    }
}


/* an internal redirect forgets the contexts of modules, but not cleanups */

ngx_http_retry_with_gate_ctx_t *
ngx_http_retry_with_gate_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t              *cln;
    ngx_http_retry_with_gate_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_retry_with_gate_module);

    if (ctx == NULL && (r->internal || r->filter_finalize)) {

        for (cln = r->pool->cleanup; cln; cln = cln->next) {
            if (cln->handler == ngx_http_retry_with_gate_cleanup) {
                ctx = cln->data;
                ngx_http_set_ctx(r, ctx, ngx_http_retry_with_gate_module);
                break;
            }
        }
    }

    return ctx;
}


static ngx_http_retry_with_gate_ctx_t *
ngx_http_retry_with_gate_create_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t              *cln;
    ngx_http_retry_with_gate_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool,
                               sizeof(ngx_http_retry_with_gate_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_retry_with_gate_ctx_t));

    cln->handler = ngx_http_retry_with_gate_cleanup;
    ngx_http_set_ctx(r, ctx, ngx_http_retry_with_gate_module);

    return ctx;
}


static ngx_int_t
ngx_http_retry_with_gate_begin(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx)
{
    bool       has_body;
    ngx_int_t  rc;

    ctx->has_body = r->headers_in.content_length_n > 0
                    || r->headers_in.chunked;

    has_body = ctx->has_body || ctx->conf->forward_auth;

    rc = ngx_http_retry_with_gate_judge(r, ctx, has_body);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->decision.action == RWITH_ACTION_NEEDS_BODY) {
        return ngx_http_retry_with_gate_body(r, ctx);
    }

    return ngx_http_retry_with_gate_settle(r, ctx);
}


static ngx_int_t
ngx_http_retry_with_gate_judge(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx, bool has_body)
{
    ngx_uint_t                        i;
    rwith_slice                       method, target;
    ngx_list_part_t                  *part;
    ngx_table_elt_t                  *header;
    rwith_policy_hit                  hit;
    ngx_http_retry_with_gate_conf_t  *gcf;

    gcf = ctx->conf;

    if (gcf->forward_auth) {

        if (ngx_http_retry_with_gate_forwarded(r, &method, &target) != NGX_OK)
        {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "RW0111: "
                          "retry_with_forward_auth: the request has no "
                          "X-Forwarded-Method and X-Forwarded-Uri to judge");
            return NGX_HTTP_BAD_REQUEST;
        }

    } else {
        method = ngx_http_retry_with_gate_slice(&r->method_name);

        if (ngx_http_retry_with_gate_target(r, &target) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    hit = rwith_policy_match(gcf->policy->policy, method, target);

    ctx->operation = hit.operation;

    rwith_judge_begin(&ctx->judge, gcf->policy->policy, &hit, has_body);

    /* an incomplete head waits for a short body only */

    if (has_body && !gcf->forward_auth) {
        rwith_judge_content(&ctx->judge,
                            r->headers_in.content_length_n >= 0
                            ? (uint64_t) r->headers_in.content_length_n
                            : RWITH_JUDGE_LENGTH_UNKNOWN,
                            r->headers_in.expect != NULL);
    }

    part = rwith_judge_wants_fields(&ctx->judge) ? &r->headers_in.headers.part
                                                 : NULL;

    for ( /* void */ ; part; part = part->next) {

        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            rwith_judge_field(&ctx->judge,
                            ngx_http_retry_with_gate_slice(&header[i].key),
                            ngx_http_retry_with_gate_slice(&header[i].value));
        }
    }

    rwith_judge_end(&ctx->judge, &gcf->options, &ctx->decision);

    return NGX_OK;
}


/*
 * the target that "proxy_pass" without a path sends on: as it came,
 * or, rewritten and in an absolute form without a path, as
 * ngx_http_proxy_create_request() writes it
 */

static ngx_int_t
ngx_http_retry_with_gate_target(ngx_http_request_t *r, rwith_slice *target)
{
    u_char     *p, *last;
    uintptr_t   escape;

    if (r->valid_unparsed_uri) {
        *target = ngx_http_retry_with_gate_slice(&r->unparsed_uri);
        return NGX_OK;
    }

    escape = 0;

    if (r->quoted_uri || r->internal) {
        escape = 2 * ngx_escape_uri(NULL, r->uri.data, r->uri.len,
                                    NGX_ESCAPE_URI);
    }

    p = ngx_pnalloc(r->pool, r->uri.len + escape + 1 + r->args.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (escape) {
        last = (u_char *) ngx_escape_uri(p, r->uri.data, r->uri.len,
                                         NGX_ESCAPE_URI);

    } else {
        last = ngx_cpymem(p, r->uri.data, r->uri.len);
    }

    if (r->args.len) {
        *last++ = '?';
        last = ngx_cpymem(last, r->args.data, r->args.len);
    }

    target->ptr = (const char *) p;
    target->len = last - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_gate_forwarded(ngx_http_request_t *r, rwith_slice *method,
    rwith_slice *target)
{
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    ngx_memzero(method, sizeof(rwith_slice));
    ngx_memzero(target, sizeof(rwith_slice));

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len == sizeof("X-Forwarded-Uri") - 1
                && ngx_strncasecmp(header[i].key.data,
                                   (u_char *) "X-Forwarded-Uri",
                                   sizeof("X-Forwarded-Uri") - 1)
                   == 0)
            {
                *target = ngx_http_retry_with_gate_slice(&header[i].value);
                n++;
            }

            if (header[i].key.len == sizeof("X-Forwarded-Method") - 1
                && ngx_strncasecmp(header[i].key.data,
                                   (u_char *) "X-Forwarded-Method",
                                   sizeof("X-Forwarded-Method") - 1)
                   == 0)
            {
                *method = ngx_http_retry_with_gate_slice(&header[i].value);
                n++;
            }
        }
    }

    /* given twice, one of them may be the client's own */

    if (n != 2 || method->len == 0 || target->len == 0) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* what was decided is done */

static ngx_int_t
ngx_http_retry_with_gate_settle(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx)
{
    if (ctx->decision.action == RWITH_ACTION_REFUSE) {
        ctx->state = NGX_HTTP_RETRY_WITH_GATE_REFUSED;
        return ngx_http_retry_with_gate_refuse(r, ctx);
    }

    ctx->state = NGX_HTTP_RETRY_WITH_GATE_PASSED;

    return ctx->conf->forward_auth ? NGX_HTTP_NO_CONTENT : NGX_DECLINED;
}


/* the body will not be looked into */

static ngx_int_t
ngx_http_retry_with_gate_unread(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx, ngx_uint_t is_too_long)
{
    rwith_judge_body(&ctx->judge, &ctx->conf->options, NULL, false,
                     &ctx->decision);

    if (is_too_long && ctx->decision.verdict == RWITH_VERDICT_UNREAD
        && ctx->conf->body_refuse
        && !ctx->conf->options.report_only)
    {
        ctx->state = NGX_HTTP_RETRY_WITH_GATE_REFUSED;
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    return ngx_http_retry_with_gate_settle(r, ctx);
}


static ngx_int_t
ngx_http_retry_with_gate_body(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx)
{
    ngx_int_t            rc;
    rwith_decision      *d;
    rwith_body_limits    limits;

    d = &ctx->decision;

    ngx_memzero(&limits, sizeof(rwith_body_limits));
    limits.inflated_max = (uint64_t) ctx->conf->body_limit;

    if (ctx->conf->forward_auth
        || !rwith_body_is_judged(d->content_type, d->content_encoding,
                                 &limits))
    {
        return ngx_http_retry_with_gate_unread(r, ctx, 0);
    }

    if (r->headers_in.content_length_n > ctx->conf->body_limit) {
        return ngx_http_retry_with_gate_unread(r, ctx, 1);
    }

    if (rwith_body_check_new(NULL, d->members, d->content_type,
                             d->content_encoding, &limits, &ctx->check)
        != RWITH_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->state = NGX_HTTP_RETRY_WITH_GATE_READING;
    ctx->was_read = r->request_body != NULL;

    /* what is refused anyhow goes nowhere, and may come without end */

    ctx->is_drained = (d->verdict == RWITH_VERDICT_MISSING
                       && r->headers_in.content_length_n < 0
                       && !ctx->conf->options.report_only
                       && !ctx->was_read);

    r->request_body_no_buffering = ctx->is_drained;

    rc = ngx_http_read_client_request_body(r, ctx->is_drained
                                     ? ngx_http_retry_with_gate_drain_handler
                                     : ngx_http_retry_with_gate_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


/* a body of unknown length, as far as it is read behind an incomplete head */

static void
ngx_http_retry_with_gate_drain_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_chain_t                     *cl;
    ngx_connection_t                *c;
    ngx_http_request_body_t         *rb;
    ngx_http_retry_with_gate_ctx_t  *ctx;

    c = r->connection;
    rb = r->request_body;
    ctx = ngx_http_get_module_ctx(r, ngx_http_retry_with_gate_module);

    for ( ;; ) {

        /* the check has had it, on its way through the filter */

        while (rb->bufs) {
            cl = rb->bufs;
            rb->bufs = cl->next;
            cl->buf->pos = cl->buf->last;
            ngx_free_chain(r->pool, cl);
        }

        if (!r->reading_body || ctx->is_too_long) {
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc == NGX_AGAIN && rb->bufs == NULL) {
            r->read_event_handler = ngx_http_retry_with_gate_drain_handler;
            return;
        }
    }

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    /* the rest, if any, is not for us */

    r->request_body_no_buffering = 0;
    r->read_event_handler = ngx_http_block_reading;

    ctx->state = NGX_HTTP_RETRY_WITH_GATE_READ;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


static void
ngx_http_retry_with_gate_body_handler(ngx_http_request_t *r)
{
    ngx_http_retry_with_gate_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_retry_with_gate_module);
    ctx->state = NGX_HTTP_RETRY_WITH_GATE_READ;

    /* an internal redirect must not lose it */

    r->preserve_body = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


static ngx_int_t
ngx_http_retry_with_gate_finish(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx)
{
    ngx_int_t             rc;
    rwith_body_verdict    verdict;
    rwith_missing_list   *list;

    list = ngx_pcalloc(r->pool, sizeof(rwith_missing_list));
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->was_read && ngx_http_retry_with_gate_walk(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->is_too_long) {
        return ngx_http_retry_with_gate_unread(r, ctx, 1);
    }

    /* */

    verdict = rwith_body_check_finish(ctx->check, list);

    switch (verdict) {

    case RWITH_BODY_EMPTY:

        /* chunks that came to nothing are no body */

        rc = ngx_http_retry_with_gate_judge(r, ctx, false);
        if (rc != NGX_OK) {
            return rc;
        }

        break;

    case RWITH_BODY_TOO_LARGE:
        return ngx_http_retry_with_gate_unread(r, ctx, 1);

    case RWITH_BODY_UNJUDGED:
        return ngx_http_retry_with_gate_unread(r, ctx, 0);

    default:
        if (list->count) {
            ctx->missing = list;
        }

        rwith_judge_body(&ctx->judge, &ctx->conf->options, list,
                         verdict == RWITH_BODY_MALFORMED, &ctx->decision);
    }

    return ngx_http_retry_with_gate_settle(r, ctx);
}


/* a body that another module had read before us, perhaps into a file */

static ngx_int_t
ngx_http_retry_with_gate_walk(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx)
{
    off_t         at;
    size_t        size;
    u_char       *block;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    block = NULL;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            ngx_http_retry_with_gate_feed(ctx, b->pos, b->last - b->pos);
            continue;
        }

        if (block == NULL) {
            block = ngx_palloc(r->pool, NGX_HTTP_RETRY_WITH_BLOCK);
            if (block == NULL) {
                return NGX_ERROR;
            }
        }

        for (at = b->file_pos; at < b->file_last; at += n) {

            size = (size_t) ngx_min(b->file_last - at,
                                    NGX_HTTP_RETRY_WITH_BLOCK);

            n = ngx_read_file(b->file, block, size, at);
            if (n <= 0) {
                return NGX_ERROR;
            }

            ngx_http_retry_with_gate_feed(ctx, block, n);
        }
    }

    return NGX_OK;
}


static void
ngx_http_retry_with_gate_feed(ngx_http_retry_with_gate_ctx_t *ctx, u_char *p,
    size_t len)
{
    ctx->checked += len;

    if (ctx->checked > ctx->conf->body_limit
        || (ctx->is_drained && ctx->checked > RWITH_JUDGE_BODY_WITH_HEAD_MAX))
    {
        ctx->is_too_long = 1;
    }

    if (ctx->is_too_long || ctx->is_clear || len == 0) {
        return;
    }

    ctx->is_clear = !rwith_body_check_feed(ctx->check, (const char *) p, len);
}


/* the same bytes that are kept for the upstream, after the framing */

static ngx_int_t
ngx_http_retry_with_gate_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t                     *cl;
    ngx_http_retry_with_gate_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_retry_with_gate_module);

    if (ctx && ctx->state == NGX_HTTP_RETRY_WITH_GATE_READING
        && !ctx->was_read)
    {
        for (cl = in; cl; cl = cl->next) {
            ngx_http_retry_with_gate_feed(ctx, cl->buf->pos,
                                          cl->buf->last - cl->buf->pos);
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}


static void
ngx_http_retry_with_gate_cleanup(void *data)
{
    ngx_http_retry_with_gate_ctx_t *ctx = data;

    rwith_body_check_free(ctx->check);
    ctx->check = NULL;
}


/* all that is missing, in the head and in the body */

void
ngx_http_retry_with_gate_list(ngx_http_retry_with_gate_ctx_t *ctx,
    rwith_missing_list *list)
{
    rwith_judge_list(&ctx->judge, &ctx->conf->options, list);

    if (ctx->missing) {
        rwith_missing_append(list, ctx->missing);
    }
}


ngx_int_t
ngx_http_retry_with_gate_body_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_retry_with_gate_body_filter;

    return NGX_OK;
}
