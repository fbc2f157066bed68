
/*
 * What becomes of a response: passed, held, swallowed while its connection
 * stays good, or released.
 *
 * The head is held by the header filter.  The upstream module gives its
 * connection back before it passes the last buffer on, and hands the body
 * filter's NGX_DECLINED to ngx_http_finalize_request(), which runs the
 * content phase again (ngx_http_retry_with_answer.c).
 */

#include "ngx_http_retry_with_module.h"
#include "body/facts.h"


static ngx_int_t ngx_http_retry_with_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_retry_with_judge_head(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_make_room(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, off_t length);
static ngx_int_t ngx_http_retry_with_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static void ngx_http_retry_with_limit_time(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static void ngx_http_retry_with_time_is_over(ngx_event_t *ev);
static ngx_int_t ngx_http_retry_with_collect(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_retry_with_keep(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_buf_t *b);
static ngx_int_t ngx_http_retry_with_too_long(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_chain_t *rest);
static ngx_int_t ngx_http_retry_with_read_facts(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_release(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_retry_with_release_head(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_release_last(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_swallow(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static void ngx_http_retry_with_take_back(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static void ngx_http_retry_with_forget_head(ngx_http_request_t *r);
static void ngx_http_retry_with_reason(ngx_http_upstream_t *u,
    rwith_slice *reason);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_retry_with_hold_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_retry_with_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_retry_with_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_header_filter(ngx_http_request_t *r)
{
    ngx_http_upstream_t             *u;
    ngx_http_retry_with_ctx_t       *ctx;
    ngx_http_retry_with_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_retry_with_module);

    if (!lcf->answer || r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_retry_with_get_ctx(r);

    if (ctx == NULL
        || ctx->conf != lcf
        || ctx->state != NGX_HTTP_RETRY_WITH_SENT)
    {
        return ngx_http_next_header_filter(r);
    }

    ngx_http_retry_with_restore(r, ctx);

    u = r->upstream;

    if (u == NULL || u->cleanup == NULL) {

        /* nginx's own answer, because there was none */

        ctx->state = NGX_HTTP_RETRY_WITH_DONE;

        if (ctx->exchange) {
            (void) rwith_exchange_failed(ctx->exchange, ngx_current_msec,
                                         &ctx->effect);
            ngx_http_retry_with_end_turn(ctx);
        }

        if (!ctx->is_obtaining) {
            return ngx_http_next_header_filter(r);
        }

        /* the response that could not be answered takes its place */

        ngx_http_retry_with_take_back(r, ctx);

        r->err_status = 0;
        ctx->state = NGX_HTTP_RETRY_WITH_REPLACED;

        return ngx_http_retry_with_release_head(r, ctx);
    }

    if (r->http_version < NGX_HTTP_VERSION_10 && r->http_protocol.len) {

        /* no status line: nginx would pass any bytes on as HTTP/0.9 */

        r->http_version = NGX_HTTP_VERSION_11;
        ctx->state = NGX_HTTP_RETRY_WITH_DONE;

        if (ctx->exchange) {
            (void) rwith_exchange_failed(ctx->exchange, ngx_current_msec,
                                         &ctx->effect);
            ngx_http_retry_with_end_turn(ctx);
        }

        return NGX_HTTP_BAD_GATEWAY;
    }

    if (ngx_http_retry_with_judge_head(r, ctx) == NGX_OK) {

        /* held: the body filter goes on */

        ctx->state = NGX_HTTP_RETRY_WITH_HELD;
        r->filter_need_in_memory = 1;
        ngx_http_retry_with_limit_time(r, ctx);
#if (NGX_HTTP_CACHE)
        u->cacheable = 0;
#endif
        return NGX_OK;
    }

#if (NGX_HTTP_CACHE)
    if (ctx->is_patched && !r->cached) {

        /* the cache's key knows nothing of what was added */

        u->cacheable = 0;
    }
#endif

    return ngx_http_retry_with_release(r, ctx, NULL);
}


/* NGX_OK: hold it; NGX_DECLINED: it is the answer */

static ngx_int_t
ngx_http_retry_with_judge_head(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    int                   rc;
    off_t                 length;
    rwith_response        resp;
    const rwith_effect   *effect;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    ngx_memzero(&resp, sizeof(rwith_response));
    resp.status = (unsigned) u->headers_in.status_n;

    if (r->cached) {
        /* it was no answer to this request, and teaches nothing about it */
        return NGX_DECLINED;
    }

    if (ctx->exchange == NULL) {

        if (!rwith_dialects_wants_status(ctx->conf->dialects, resp.status)
            || ngx_http_retry_with_begin(r, ctx) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    if (ctx->is_obtaining
        || rwith_exchange_wants_response(ctx->exchange, resp.status))
    {

        if (ngx_http_retry_with_fields(r->pool, &u->headers_in.headers, NULL,
                                       &resp.fields, &resp.field_count)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        ngx_http_retry_with_reason(u, &resp.reason);
    }

    length = (r->method == NGX_HTTP_HEAD) ? 0 : u->headers_in.content_length_n;

    if (ctx->is_obtaining) {
        ctx->obtained = resp;
        return ngx_http_retry_with_make_room(r, ctx, length);
    }

    rc = rwith_exchange_response(ctx->exchange, ngx_current_msec, &resp,
                                 &effect);

    if (ngx_http_retry_with_take_effect(ctx, rc, effect) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (ctx->effect->kind == RWITH_EFFECT_DELIVER
        || ctx->effect->kind == RWITH_EFFECT_FAIL)
    {
        return NGX_DECLINED;
    }

    if (ctx->effect->kind != RWITH_EFFECT_READ
        && length > NGX_HTTP_RETRY_WITH_BODY_MAX)
    {
        ctx->is_too_long = 1;
        return NGX_DECLINED;
    }

    return ngx_http_retry_with_make_room(r, ctx, length);
}


/* one buffer for the held body, as long as is known or as the limit allows */

static ngx_int_t
ngx_http_retry_with_make_room(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, off_t length)
{
    size_t  size;

    size = (length >= 0 && length < NGX_HTTP_RETRY_WITH_BODY_MAX)
           ? (size_t) length : 4096;

    if (ctx->held && (size_t) (ctx->held->end - ctx->held->start) >= size) {
        ctx->held->pos = ctx->held->start;
        ctx->held->last = ctx->held->start;
        return NGX_OK;
    }

    ctx->held = ngx_create_temp_buf(r->pool, size ? size : 1);

    return ctx->held ? NGX_OK : NGX_DECLINED;
}


static void
ngx_http_retry_with_limit_time(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    ctx->timer.handler = ngx_http_retry_with_time_is_over;
    ctx->timer.data = ctx;
    ctx->timer.log = r->connection->log;

    ngx_add_timer(&ctx->timer, NGX_HTTP_RETRY_WITH_BODY_TIME);
}


static ngx_inline void
ngx_http_retry_with_stop_timer(ngx_http_retry_with_ctx_t *ctx)
{
    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }
}


/*
 * A body that drips is nobody's to wait for: what came of it goes to the
 * client, as what is too long does.  Of what is obtained nothing does: it ends
 * as if the upstream said nothing more.
 */

static void
ngx_http_retry_with_time_is_over(ngx_event_t *ev)
{
    ngx_int_t                   rc;
    ngx_event_t                *rev;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_retry_with_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ctx->state != NGX_HTTP_RETRY_WITH_HELD
        || r->upstream == NULL
        || r->upstream->peer.connection == NULL)
    {
        return;
    }

    rc = NGX_ERROR;

    if (!ctx->is_obtaining) {
        ctx->held->flush = 1;

        rc = ngx_http_retry_with_too_long(r, ctx, NULL);

        if (rc == NGX_OK || rc == NGX_AGAIN) {
            rc = ngx_http_send_special(r, NGX_HTTP_FLUSH);
        }
    }

    if (rc == NGX_ERROR || rc > NGX_OK) {

        rev = r->upstream->peer.connection->read;

        if (rev->timer_set) {
            ngx_del_timer(rev);
        }

        rev->timedout = 1;
        rev->handler(rev);

        return;
    }

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_retry_with_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_retry_with_ctx_t  *ctx;

    if (r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_retry_with_module);

    if (ctx == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->state == NGX_HTTP_RETRY_WITH_HELD
        || ctx->state == NGX_HTTP_RETRY_WITH_REPLACED)
    {
        return ngx_http_retry_with_collect(r, ctx, in);
    }

    if (ctx->multistatus) {
        return ngx_http_retry_with_translate(r, ctx, in,
                                             ngx_http_next_body_filter);
    }

    return ngx_http_next_body_filter(r, in);
}


static ngx_int_t
ngx_http_retry_with_collect(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_buf_t    *b;
    ngx_uint_t    is_last;
    ngx_chain_t  *cl;

    is_last = 0;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (ctx->state == NGX_HTTP_RETRY_WITH_HELD
            && ngx_http_retry_with_keep(r, ctx, b) != NGX_OK
            && !ctx->is_obtaining)
        {
            return ngx_http_retry_with_too_long(r, ctx, cl);
        }

        b->pos = b->last;
        b->file_pos = b->file_last;

        if (b->last_buf) {
            is_last = 1;
        }
    }

    if (ctx->state == NGX_HTTP_RETRY_WITH_REPLACED) {
        return is_last ? ngx_http_retry_with_release_last(r, ctx) : NGX_OK;
    }

    if (is_last) {
        return ngx_http_retry_with_decide(r, ctx);
    }

    if (r->upstream->cleanup == NULL && in) {

        /* the upstream is finished, and this was not the end */

        ngx_http_retry_with_stop_timer(ctx);

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "RW0023: retry_with: the body of a challenge broke off");

        (void) rwith_exchange_failed(ctx->exchange, ngx_current_msec,
                                     &ctx->effect);

        if (ctx->is_obtaining) {
            ngx_http_retry_with_take_back(r, ctx);
            return ngx_http_retry_with_release_last(r, ctx);
        }

        ngx_http_retry_with_end_turn(ctx);

        ctx->state = NGX_HTTP_RETRY_WITH_DONE;
        ngx_http_retry_with_forget_head(r);

        return NGX_HTTP_BAD_GATEWAY;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_keep(ngx_http_request_t *r, ngx_http_retry_with_ctx_t *ctx,
    ngx_buf_t *b)
{
    size_t      n, len, size;
    ngx_buf_t  *held;

    if (ngx_buf_special(b)) {
        return NGX_OK;
    }

    if (!ngx_buf_in_memory(b)) {
        return NGX_DECLINED;
    }

    held = ctx->held;
    n = b->last - b->pos;
    len = held->last - held->pos;

    if (n > NGX_HTTP_RETRY_WITH_BODY_MAX - len) {
        return NGX_DECLINED;
    }

    if (n > (size_t) (held->end - held->last)) {

        size = ngx_min(ngx_max(2 * len, len + n),
                       NGX_HTTP_RETRY_WITH_BODY_MAX);

        held = ngx_create_temp_buf(r->pool, size);
        if (held == NULL) {
            return NGX_DECLINED;
        }

        held->last = ngx_cpymem(held->pos, ctx->held->pos, len);
        ctx->held = held;
    }

    held->last = ngx_cpymem(held->last, b->pos, n);

    return NGX_OK;
}


/* longer than is swallowed: its beginning may still tell something */

static ngx_int_t
ngx_http_retry_with_too_long(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_chain_t *rest)
{
    ngx_http_retry_with_stop_timer(ctx);

    if (ctx->effect->kind == RWITH_EFFECT_READ) {
        (void) ngx_http_retry_with_read_facts(r, ctx);
    }

    if (ctx->effect == NULL || ctx->effect->kind != RWITH_EFFECT_DELIVER) {
        ctx->is_too_long = 1;
    }

    return ngx_http_retry_with_release(r, ctx, rest);
}


/* the effect after READ, or after what was obtained */

static ngx_int_t
ngx_http_retry_with_read_facts(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    int                   rc;
    char                 *buf;
    size_t                n, buf_len;
    rwith_fact           *facts;
    rwith_slice           type, prefix;
    const rwith_effect   *effect;
    ngx_http_upstream_t  *u;

    effect = ctx->effect;
    u = r->upstream;
    buf_len = NGX_HTTP_RETRY_WITH_BODY_MAX;

    n = 0;
    facts = NULL;

    if (effect->want_count) {

        facts = ngx_palloc(r->pool, RWITH_FACT_COUNT_MAX * sizeof(rwith_fact));
        buf = ngx_pnalloc(r->pool, buf_len);

        if (facts == NULL || buf == NULL) {
            return NGX_ERROR;
        }

        type.ptr = NULL;
        type.len = 0;

        if (u->headers_in.content_type) {
            type =
                 ngx_http_retry_with_slice(&u->headers_in.content_type->value);
        }

        prefix.ptr = (char *) ctx->held->pos;
        prefix.len = ngx_min((size_t) (ctx->held->last - ctx->held->pos),
                             effect->body_limit);

        n = rwith_body_facts(type, prefix, effect->wants, effect->want_count,
                             facts, RWITH_FACT_COUNT_MAX, buf, buf_len);
    }

    if (ctx->is_obtaining && ctx->is_astray) {
        rc = rwith_exchange_failed(ctx->exchange, ngx_current_msec, &effect);

    } else if (ctx->is_obtaining) {
        rc = rwith_exchange_obtained(ctx->exchange, ngx_current_msec,
                                     &ctx->obtained, facts, n, &effect);
    } else {
        rc = rwith_exchange_facts(ctx->exchange, ngx_current_msec, facts, n,
                                  &effect);
    }

    return ngx_http_retry_with_take_effect(ctx, rc, effect);
}


/* the held response is whole and the upstream's connection given back */

ngx_int_t
ngx_http_retry_with_decide(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    ngx_http_retry_with_stop_timer(ctx);

    if (ctx->is_obtaining
        || (ctx->effect && ctx->effect->kind == RWITH_EFFECT_READ))
    {
        (void) ngx_http_retry_with_read_facts(r, ctx);
    }

    if (ctx->effect
        && ctx->effect->kind == RWITH_EFFECT_OBTAIN
        && ctx->conf->is_variable
        && ngx_http_retry_with_went_astray(r, ctx, ctx->sent.len
                                                   ? ctx->sent
                                                   : ctx->view.target))
    {
        (void) rwith_exchange_failed(ctx->exchange, ngx_current_msec,
                                     &ctx->effect);
    }

    if (ctx->effect
        && ctx->effect->kind == RWITH_EFFECT_OBTAIN
        && r->upstream->cleanup == NULL
        && ngx_http_retry_with_take_turn(ctx) == NGX_AGAIN)
    {
        return ngx_http_retry_with_await_turn(r, ctx);
    }

    if (ctx->effect && r->upstream->cleanup == NULL) {

        switch (ctx->effect->kind) {

        case RWITH_EFFECT_SEND:
        case RWITH_EFFECT_OBTAIN:
            return ngx_http_retry_with_swallow(r, ctx);

        case RWITH_EFFECT_WAIT:
            return ngx_http_retry_with_wait(r, ctx,
                                            ngx_http_retry_with_timer_handler,
                                            (ngx_msec_t) ctx->effect->wait_ms);

        default:
            break;
        }
    }

    if (ctx->is_obtaining) {
        ngx_http_retry_with_take_back(r, ctx);
    }

    return ngx_http_retry_with_release_last(r, ctx);
}


static ngx_int_t
ngx_http_retry_with_release_last(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t   last;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last_buf = 1;
    last.buf = b;
    last.next = NULL;

    return ngx_http_retry_with_release(r, ctx, &last);
}


static ngx_int_t
ngx_http_retry_with_release_head(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    ngx_http_retry_with_settle(ctx);
    ngx_http_retry_with_end_turn(ctx);

    if (ngx_http_retry_with_dress(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/* what comes now, and what was held, goes to the client */

static ngx_int_t
ngx_http_retry_with_release(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_int_t                    rc;
    ngx_chain_t                  held;
    ngx_http_retry_with_state_e  state;

    state = ctx->state;
    ctx->state = NGX_HTTP_RETRY_WITH_DONE;

    if (state != NGX_HTTP_RETRY_WITH_REPLACED) {
        rc = ngx_http_retry_with_release_head(r, ctx);

        if (state == NGX_HTTP_RETRY_WITH_SENT
            || rc == NGX_ERROR
            || rc > NGX_OK
            || r->header_only)
        {
            return rc;
        }
    }

    if (ctx->held && ctx->held->last > ctx->held->pos) {
        held.buf = ctx->held;
        held.next = in;
        in = &held;
    }

    return ngx_http_retry_with_body_filter(r, in);
}


/* the rules of the exchange, 7: its cookies still reach the client */

static ngx_int_t
ngx_http_retry_with_take_cookies(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    ngx_uint_t        i;
    ngx_str_t        *cookie;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    for (part = &r->upstream->headers_in.headers.part; part;
         part = part->next)
    {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len != sizeof("Set-Cookie") - 1
                || ngx_strncasecmp(header[i].key.data, (u_char *) "Set-Cookie",
                                   sizeof("Set-Cookie") - 1) != 0)
            {
                continue;
            }

            if (ctx->cookies == NULL) {
                ctx->cookies = ngx_array_create(r->pool, 4, sizeof(ngx_str_t));
                if (ctx->cookies == NULL) {
                    return NGX_ERROR;
                }
            }

            cookie = ngx_array_push(ctx->cookies);
            if (cookie == NULL) {
                return NGX_ERROR;
            }

            *cookie = header[i].value;
        }
    }

    return NGX_OK;
}


/* NGX_DECLINED: the content phase runs again */

static ngx_int_t
ngx_http_retry_with_swallow(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    if (ctx->effect->kind == RWITH_EFFECT_OBTAIN) {

        /* should it fail, this is what the client gets */

        ctx->kept_headers = ngx_palloc(r->pool,
                                       sizeof(ngx_http_headers_out_t));
        if (ctx->kept_headers == NULL) {
            return NGX_ERROR;
        }

        *ctx->kept_headers = r->headers_out;
        ctx->kept_body = ctx->held;
        ctx->kept_cookies = ctx->cookies ? ctx->cookies->nelts : 0;
        ctx->held = NULL;

        if (ngx_list_init(&r->headers_out.headers, r->pool, 20,
                          sizeof(ngx_table_elt_t))
            != NGX_OK
            || ngx_list_init(&r->headers_out.trailers, r->pool, 4,
                             sizeof(ngx_table_elt_t))
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_retry_with_take_cookies(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_retry_with_forget_head(r);

    ctx->state = NGX_HTTP_RETRY_WITH_RERUN;

    return NGX_DECLINED;
}


/* the address of the lists in r has not changed: their links are good */

static void
ngx_http_retry_with_take_back(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    r->headers_out = *ctx->kept_headers;
    ctx->held = ctx->kept_body;
    ctx->is_obtaining = 0;

    if (ctx->cookies) {
        ctx->cookies->nelts = ctx->kept_cookies;
    }
}


static void
ngx_http_retry_with_forget_head(ngx_http_request_t *r)
{
    ngx_http_clean_header(r);

    r->allow_ranges = 0;
    r->filter_need_in_memory = 0;
}


static void
ngx_http_retry_with_reason(ngx_http_upstream_t *u, rwith_slice *reason)
{
    ngx_str_t  *line;

    line = &u->headers_in.status_line;

    /* "449 Retry With" */

    if (line->len > 4) {
        reason->ptr = (char *) line->data + 4;
        reason->len = line->len - 4;
    }
}
