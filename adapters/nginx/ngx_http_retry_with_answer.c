
/*
 * The answering half: one exchange for each request, the location's own
 * handler run as often as the exchange says, from the content phase.  What
 * becomes of each response on its way back is ngx_http_retry_with_hold.c's
 * affair; what is a challenge, and what is due, is decided by the core.
 */

#include "ngx_http_retry_with_module.h"


static void ngx_http_retry_with_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_retry_with_open(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_send(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);


/* the location's own handler is put aside; the body stays for a replay */

ngx_int_t
ngx_http_retry_with_precontent_handler(ngx_http_request_t *r)
{
    ngx_http_retry_with_ctx_t       *ctx;
    ngx_http_retry_with_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_retry_with_module);

    if (!lcf->answer
        || lcf->target == NULL
        || r != r->main
        || r->content_handler == NULL
        || r->content_handler == ngx_http_retry_with_content_handler)
    {
        return NGX_DECLINED;
    }

    ctx = ngx_http_retry_with_get_ctx(r);

    if (ctx == NULL) {
        ctx = ngx_http_retry_with_create_ctx(r);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } else {
        /* redirected inside nginx: another location, another exchange */

        ngx_http_retry_with_end_turn(ctx);
        rwith_exchange_free(ctx->exchange);
        ctx->exchange = NULL;
        ctx->effect = NULL;
        ctx->opened = 0;
        ctx->is_too_long = 0;
        ctx->view.fields = NULL;
        ctx->state = NGX_HTTP_RETRY_WITH_IDLE;
    }

    ctx->conf = lcf;
    ctx->handler = r->content_handler;
    ctx->started = ngx_current_msec;

    r->preserve_body = 1;
    r->content_handler = ngx_http_retry_with_content_handler;

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_retry_with_content_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_retry_with_ctx_t       *ctx;
    ngx_http_retry_with_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_retry_with_module);

    if (!lcf->answer || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_retry_with_get_ctx(r);

    if (ctx == NULL || ctx->conf != lcf) {
        return NGX_DECLINED;
    }

    switch (ctx->state) {

    case NGX_HTTP_RETRY_WITH_IDLE:

        rc = ngx_http_retry_with_admit(r, ctx);
        if (rc != NGX_DECLINED) {
            return rc;
        }

        if (r->headers_in.content_length_n < 0 && !r->headers_in.chunked) {

            /* nothing to read: the proxy module does it when it is called */

            rc = ngx_http_retry_with_open(r, ctx);

            return (rc == NGX_OK) ? ngx_http_retry_with_send(r, ctx)
                                  : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        /*
         * read here, so that the proxy module finds it read and builds its
         * request at once
         */

        rc = ngx_http_read_client_request_body(r,
                                             ngx_http_retry_with_body_handler);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        return NGX_DONE;

    case NGX_HTTP_RETRY_WITH_RERUN:
        return ngx_http_retry_with_send(r, ctx);

    default:
        return NGX_DECLINED;
    }
}


/*
 * The exchange begins with the first response that may be a challenge,
 * unless what goes with the request is not the same for every request.
 */

static ngx_int_t
ngx_http_retry_with_open(ngx_http_request_t *r, ngx_http_retry_with_ctx_t *ctx)
{
    rwith_recall                    *recall;
    rwith_opening_advice             advice;
    ngx_http_retry_with_loc_conf_t  *lcf;

    lcf = ctx->conf;
    recall = lcf->recall ? ngx_http_retry_with_recall_of(lcf->recall) : NULL;

    if (!lcf->sends_unasked
        && (recall == NULL || rwith_recall_count(recall) == 0))
    {
        return ctx->is_relay ? ngx_http_retry_with_view(r, ctx) : NGX_OK;
    }

    if (ngx_http_retry_with_view(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    advice = rwith_opening_find(lcf->opening, recall, &ctx->view, ngx_time(),
                                &ctx->opened);

    if (advice == RWITH_OPENING_STALE) {
        ngx_http_retry_with_recall_lock(lcf->recall);
        rwith_opening_renew(lcf->opening, recall, &ctx->view, ngx_time());
        ngx_http_retry_with_recall_unlock(lcf->recall);

        advice = rwith_opening_find(lcf->opening, recall, &ctx->view,
                                    ngx_time(), &ctx->opened);
    }

    /* a worker that learns just now: the exchange looks for itself */

    return (advice == RWITH_OPENING_READY) ? NGX_OK
                                           : ngx_http_retry_with_begin(r, ctx);
}


static void
ngx_http_retry_with_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_retry_with_ctx_t  *ctx;

    ctx = ngx_http_retry_with_get_ctx(r);

    rc = ngx_http_retry_with_open(r, ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_retry_with_send(r, ctx);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_finalize_request(r, rc);
}


/* values were filled when the configuration was read: there are no others */

ngx_int_t
ngx_http_retry_with_take_effect(ngx_http_retry_with_ctx_t *ctx, int rc,
    const rwith_effect *effect)
{
    for ( ;; ) {

        if (rc != RWITH_OK) {
            ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                          "RW0004: "
                          "retry_with: exchange: %s", rwith_err_text(rc));
            ctx->effect = NULL;
            return NGX_ERROR;
        }

        if (effect->kind != RWITH_EFFECT_NEED) {
            ctx->effect = effect;
            return NGX_OK;
        }

        rc = rwith_exchange_values(ctx->exchange, ngx_current_msec, &effect);
    }
}


ngx_int_t
ngx_http_retry_with_begin(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    int                              rc;
    const rwith_effect              *effect;
    rwith_exchange_options           options;
    ngx_http_retry_with_loc_conf_t  *lcf;

    if (ngx_http_retry_with_view(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    lcf = ctx->conf;

    ngx_memzero(&options, sizeof(rwith_exchange_options));

    options.mem = &ctx->mem;
    options.set = lcf->dialects;
    options.supply = lcf->supply;
    options.recall = lcf->recall ? ngx_http_retry_with_recall_of(lcf->recall)
                                 : NULL;
    options.attempts_max = (unsigned) lcf->attempts;
    options.start_within_ms = lcf->start_within;
    options.wait_max_ms = lcf->max_wait;
    options.is_sent = (ctx->state == NGX_HTTP_RETRY_WITH_SENT);
    options.opening = lcf->opening;
    options.opened = ctx->opened;

    rc = rwith_exchange_new(&options, &ctx->view, &ctx->exchange);
    if (rc != RWITH_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "RW0005: retry_with: exchange: %s", rwith_err_text(rc));
        return NGX_ERROR;
    }

    if (lcf->recall && !options.is_sent) {
        ngx_http_retry_with_recall_lock(lcf->recall);
    }

    rc = rwith_exchange_start(ctx->exchange, ctx->started, ngx_time(),
                              &effect);

    if (lcf->recall && !options.is_sent) {
        ngx_http_retry_with_recall_unlock(lcf->recall);
    }

    return ngx_http_retry_with_take_effect(ctx, rc, effect);
}


static ngx_int_t
ngx_http_retry_with_send(ngx_http_request_t *r, ngx_http_retry_with_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_chain_t             *body;
    const rwith_effect      *effect;

    effect = ctx->effect;

    ctx->state = NGX_HTTP_RETRY_WITH_SENT;
    ctx->is_obtaining = (effect && effect->kind == RWITH_EFFECT_OBTAIN);

    if (!ctx->is_obtaining) {
        ctx->attempts++;
    }

    if (effect == NULL && !ctx->is_relay && ctx->opened == 0) {
        return ctx->handler(r);
    }

    if (!ctx->is_obtaining) {
        ctx->is_patched = effect ? effect->is_patched : (ctx->opened != 0);
    }

    if (ngx_http_retry_with_patch(r, ctx, effect) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->sent = effect ? effect->target : ctx->view.target;

    rc = ctx->handler(r);

    ctx->is_astray = (ctx->is_obtaining
                      && ctx->conf->is_variable
                      && ngx_http_retry_with_went_astray(r, ctx, ctx->sent));

    /* a cache that waits builds the request later: then the filter restores */

    body = r->request_body ? r->request_body->bufs : NULL;

    if (r->upstream == NULL
        || r->upstream->request_bufs != body
        || rc >= NGX_HTTP_SPECIAL_RESPONSE)
    {
        ngx_http_retry_with_restore(r, ctx);
    }

    return rc;
}


ngx_int_t
ngx_http_retry_with_wait(ngx_http_request_t *r, ngx_http_retry_with_ctx_t *ctx,
    ngx_event_handler_pt handler, ngx_msec_t msec)
{
    ctx->state = NGX_HTTP_RETRY_WITH_WAITING;

    ctx->timer.handler = handler;
    ctx->timer.data = ctx;
    ctx->timer.log = r->connection->log;

    ngx_add_timer(&ctx->timer, msec);

    /* the request is ours until the timer fires or the client leaves */

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DONE;
}


void
ngx_http_retry_with_timer_handler(ngx_event_t *ev)
{
    int                         rc;
    ngx_connection_t           *c;
    const rwith_effect         *effect;
    ngx_http_request_t         *r;
    ngx_http_retry_with_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;
    ctx->state = NGX_HTTP_RETRY_WITH_HELD;

    rc = rwith_exchange_waited(ctx->exchange, ngx_current_msec, &effect);

    if (ngx_http_retry_with_take_effect(ctx, rc, effect) != NGX_OK) {
        ctx->effect = NULL;
    }

    ngx_http_finalize_request(r, ngx_http_retry_with_decide(r, ctx));

    ngx_http_run_posted_requests(c);
}


void
ngx_http_retry_with_settle(ngx_http_retry_with_ctx_t *ctx)
{
    ngx_shm_zone_t  *zone;

    zone = ctx->conf->recall;

    if (ctx->exchange == NULL
        || zone == NULL
        || !rwith_exchange_has_learned(ctx->exchange))
    {
        return;
    }

    ngx_http_retry_with_recall_lock(zone);
    (void) rwith_exchange_settle(ctx->exchange, ngx_current_msec);
    ngx_http_retry_with_recall_unlock(zone);
}


/* the account for the variables, made when one is asked for */

void
ngx_http_retry_with_report(ngx_http_retry_with_ctx_t *ctx)
{
    u_char        *p;
    size_t         i, count, len;
    rwith_slice    name;
    rwith_report   report;

    if (ctx->exchange == NULL) {
        if (ctx->attempts) {
            ngx_str_set(&ctx->outcome, "ANSWERED");
        }

        return;
    }

    rwith_exchange_report(ctx->exchange, &report);

    ctx->learned = report.learned;
    ctx->outcome.data = (u_char *) rwith_outcome_name(report.outcome);

    if (ctx->is_too_long) {
        ctx->outcome.data = (u_char *) "TOO_LONG";
    }

    ctx->outcome.len = ngx_strlen(ctx->outcome.data);

    count = rwith_dialects_count(ctx->conf->dialects);
    len = 0;

    for (i = 0; i < count; i++) {
        if (report.dialects & ((uint64_t) 1 << i)) {
            len += rwith_dialects_name(ctx->conf->dialects, i).len + 1;
        }
    }

    if (len == 0 || ctx->dialect.len == len - 1) {
        return;
    }

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        return;
    }

    ctx->dialect.data = p;
    ctx->dialect.len = len - 1;

    for (i = 0; i < count; i++) {
        if (report.dialects & ((uint64_t) 1 << i)) {
            name = rwith_dialects_name(ctx->conf->dialects, i);
            p = ngx_cpymem(p, name.ptr, name.len);
            *p++ = ',';
        }
    }
}
