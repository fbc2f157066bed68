
/*
 * The sandbox as a content handler: reads the request and its body, and
 * sends what sandbox/sandbox.c answers.  The body is hashed here, in one go:
 * this is a test origin.
 */

#include "ngx_http_retry_with_module.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <sandbox/sandbox.h>


typedef struct {
    rwith_sandbox_request    view;
    EVP_MD_CTX              *md;
    u_char                  *prefix;
} ngx_http_retry_with_sandbox_ctx_t;


static ngx_int_t ngx_http_retry_with_sandbox_handler(ngx_http_request_t *r);


/* of a worker; the seed is the master's, so that all agree on session ids */

static rwith_sandbox  ngx_http_retry_with_sandbox_state;


char *
ngx_http_retry_with_sandbox(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;

    if (ngx_strcasecmp(value[1].data, (u_char *) "on") != 0) {
        return "knows only \"on\"";
    }

    if (ngx_http_retry_with_sandbox_state.seed == 0
        && RAND_bytes((u_char *) &ngx_http_retry_with_sandbox_state.seed,
                      sizeof(uint64_t))
           != 1)
    {
        return "got no random bytes from OpenSSL";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_retry_with_sandbox_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_retry_with_sandbox_view(ngx_http_request_t *r,
    rwith_sandbox_request *view)
{
    u_char           *p;
    size_t            n;
    ngx_str_t         base;
    ngx_time_t       *now;
    ngx_uint_t        i, is_tls;
    rwith_field      *fields;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    fields = ngx_palloc(r->pool, (n + 1) * sizeof(rwith_field));
    if (fields == NULL) {
        return NGX_ERROR;
    }

    view->fields = fields;
    view->field_count = n;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            fields->name = ngx_http_retry_with_slice(&header[i].key);
            fields->value = ngx_http_retry_with_slice(&header[i].value);
            fields++;
        }
    }

    view->method = ngx_http_retry_with_slice(&r->method_name);
    view->target = ngx_http_retry_with_slice(&r->unparsed_uri);

    is_tls = 0;

#if (NGX_HTTP_SSL)
    is_tls = (r->connection->ssl != NULL);
#endif

    ngx_str_null(&base);

    if (r->headers_in.host) {
        base.data = ngx_pnalloc(r->pool, r->headers_in.host->value.len
                                         + sizeof("https://") - 1);
        if (base.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_sprintf(base.data, "http%s://%V", is_tls ? "s" : "",
                        &r->headers_in.host->value);
        base.len = p - base.data;
    }

    view->base = ngx_http_retry_with_slice(&base);

    now = ngx_timeofday();
    view->now_ms = (uint64_t) now->sec * 1000 + now->msec;

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_sandbox_add(ngx_http_request_t *r,
    const rwith_field *field)
{
    ngx_table_elt_t  *header;

    header = ngx_list_push(&r->headers_out.headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    header->hash = 1;
    header->key.data = (u_char *) field->name.ptr;
    header->key.len = field->name.len;

    /* the answer's own storage ends with the caller */

    header->value.len = field->value.len;
    header->value.data = ngx_pnalloc(r->pool, field->value.len + 1);
    if (header->value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(header->value.data, field->value.ptr, field->value.len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_sandbox_send(ngx_http_request_t *r,
    const rwith_sandbox_response *resp)
{
    size_t        i;
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_chain_t   out;
    ngx_str_t    *line;

    static const rwith_slice  type = { "Content-Type", 12 };

    line = &r->headers_out.status_line;
    line->data = ngx_pnalloc(r->pool, resp->reason.len + sizeof("449 ") - 1);
    if (line->data == NULL) {
        return NGX_ERROR;
    }

    line->len = ngx_sprintf(line->data, "%ud %*s", resp->status,
                            resp->reason.len, resp->reason.ptr)
                - line->data;

    r->headers_out.status = resp->status;
    r->headers_out.content_length_n = resp->body.len;

    for (i = 0; i < resp->field_count; i++) {

        if (rwith_slice_equal(resp->fields[i].name, type)) {
            r->headers_out.content_type.data =
                                         (u_char *) resp->fields[i].value.ptr;
            r->headers_out.content_type.len = resp->fields[i].value.len;
            r->headers_out.content_type_len = resp->fields[i].value.len;
            continue;
        }

        if (ngx_http_retry_with_sandbox_add(r, &resp->fields[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = (u_char *) resp->body.ptr;
    b->last = b->pos + resp->body.len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* NGX_AGAIN: the body is to be read first */

static ngx_int_t
ngx_http_retry_with_sandbox_answer(ngx_http_request_t *r,
    const rwith_sandbox_request *view)
{
    char                    *buf;
    size_t                   max;
    rwith_sandbox_response   resp;

    max = rwith_sandbox_body_max(view);

    buf = ngx_pnalloc(r->pool, max);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (!rwith_sandbox_answer(&ngx_http_retry_with_sandbox_state, view, buf,
                              max, &resp))
    {
        return NGX_AGAIN;
    }

    return ngx_http_retry_with_sandbox_send(r, &resp);
}


static void
ngx_http_retry_with_sandbox_piece(ngx_http_retry_with_sandbox_ctx_t *ctx,
    u_char *data, size_t len)
{
    size_t  n;

    if (len == 0) {
        return;
    }

    EVP_DigestUpdate(ctx->md, data, len);

    n = ngx_min(len, RWITH_SANDBOX_BODY_SEEN - ctx->view.body_prefix.len);

    ngx_memcpy(ctx->prefix + ctx->view.body_prefix.len, data, n);

    ctx->view.body_prefix.len += n;
    ctx->view.body_len += len;
}


static ngx_int_t
ngx_http_retry_with_sandbox_file(ngx_http_retry_with_sandbox_ctx_t *ctx,
    ngx_buf_t *b, u_char *block, size_t size)
{
    off_t    at;
    size_t   len;
    ssize_t  n;

    for (at = b->file_pos; at < b->file_last; at += n) {
        len = (size_t) ngx_min((off_t) size, b->file_last - at);

        n = ngx_read_file(b->file, block, len, at);
        if (n <= 0) {
            return NGX_ERROR;
        }

        ngx_http_retry_with_sandbox_piece(ctx, block, n);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_sandbox_read(ngx_http_request_t *r,
    ngx_http_retry_with_sandbox_ctx_t *ctx)
{
    u_char       *block;
    ngx_chain_t  *cl;

    block = ngx_palloc(r->pool, 2 * RWITH_SANDBOX_BODY_SEEN);
    if (block == NULL) {
        return NGX_ERROR;
    }

    ctx->prefix = block + RWITH_SANDBOX_BODY_SEEN;
    ctx->view.body_prefix.ptr = (char *) ctx->prefix;

    if (EVP_DigestInit_ex(ctx->md, EVP_sha256(), NULL) != 1) {
        return NGX_ERROR;
    }

    for (cl = r->request_body ? r->request_body->bufs : NULL;
         cl;
         cl = cl->next)
    {
        if (!cl->buf->in_file) {
            ngx_http_retry_with_sandbox_piece(ctx, cl->buf->pos,
                                              cl->buf->last - cl->buf->pos);

        } else if (ngx_http_retry_with_sandbox_file(ctx, cl->buf, block,
                                                    RWITH_SANDBOX_BODY_SEEN)
                   != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (EVP_DigestFinal_ex(ctx->md, ctx->view.body_sha256, NULL) != 1) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_retry_with_sandbox_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                          rc;
    ngx_http_retry_with_sandbox_ctx_t  ctx;

    ngx_memzero(&ctx, sizeof(ngx_http_retry_with_sandbox_ctx_t));

    rc = NGX_ERROR;
    ctx.md = EVP_MD_CTX_new();

    if (ctx.md
        && ngx_http_retry_with_sandbox_view(r, &ctx.view) == NGX_OK
        && ngx_http_retry_with_sandbox_read(r, &ctx) == NGX_OK)
    {
        rc = ngx_http_retry_with_sandbox_answer(r, &ctx.view);
    }

    EVP_MD_CTX_free(ctx.md);

    ngx_http_finalize_request(r, rc == NGX_ERROR
                                 ? NGX_HTTP_INTERNAL_SERVER_ERROR : rc);
}


static ngx_int_t
ngx_http_retry_with_sandbox_handler(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_uint_t             keepalive;
    rwith_sandbox_request  view;

    if (r->headers_in.expect) {

        /* the head may be enough; then no 100 is sent */

        ngx_memzero(&view, sizeof(rwith_sandbox_request));
        view.is_body_pending = 1;

        if (ngx_http_retry_with_sandbox_view(r, &view) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        /* the client may send the body or leave it: nothing can follow */

        keepalive = r->keepalive;
        r->keepalive = 0;

        rc = ngx_http_retry_with_sandbox_answer(r, &view);

        if (rc != NGX_AGAIN || r->header_sent) {
            r->expect_tested = 1;
            return rc;
        }

        r->keepalive = keepalive;
    }

    rc = ngx_http_read_client_request_body(r,
                                   ngx_http_retry_with_sandbox_body_handler);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}
