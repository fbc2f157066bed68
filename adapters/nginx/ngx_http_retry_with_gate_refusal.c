
/*
 * The refusal goes out: the core has written it, nginx sends it.  It is not
 * nginx's error page, so that "error_page" cannot take what it says away.
 */

#include "ngx_http_retry_with_gate.h"


/* most fit; no larger, so that the pool has it without malloc() */

#define NGX_HTTP_RETRY_WITH_ANSWER  1536


static ngx_int_t ngx_http_retry_with_gate_describe(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx, rwith_refusal *refusal,
    rwith_missing_list *list);
static ngx_uint_t ngx_http_retry_with_gate_carries(ngx_http_request_t *r,
    rwith_refusal *refusal, off_t len);
static void ngx_http_retry_with_gate_form_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_retry_with_gate_form(ngx_http_request_t *r,
    rwith_refusal *refusal);
static ngx_int_t ngx_http_retry_with_gate_send(ngx_http_request_t *r,
    rwith_refusal *refusal);
static ngx_int_t ngx_http_retry_with_gate_accept(ngx_http_request_t *r,
    ngx_str_t *accept);
static ngx_buf_t *ngx_http_retry_with_gate_write(ngx_http_request_t *r,
    rwith_refusal *refusal, rwith_refusal_answer *answer);
static ngx_int_t ngx_http_retry_with_gate_head(ngx_http_request_t *r,
    rwith_refusal_answer *answer);
static ngx_int_t ngx_http_retry_with_gate_drop_body(ngx_http_request_t *r);


ngx_int_t
ngx_http_retry_with_gate_refuse(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx)
{
    off_t               len;
    ngx_int_t           rc;
    rwith_refusal       refusal;
    rwith_missing_list  list;

    if (ngx_http_retry_with_gate_describe(r, ctx, &refusal, &list) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = r->headers_in.content_length_n;

    if (ctx->is_drained
        || !ngx_http_retry_with_gate_carries(r, &refusal, len))
    {

        rc = ngx_http_retry_with_gate_drop_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_http_retry_with_gate_send(r, &refusal);
    }

    if (r->request_body) {

        if (ngx_http_retry_with_gate_form(r, &refusal) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_retry_with_gate_send(r, &refusal);
    }

    rc = ngx_http_read_client_request_body(r,
                                        ngx_http_retry_with_gate_form_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_retry_with_gate_describe(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx, rwith_refusal *refusal,
    rwith_missing_list *list)
{
    ngx_str_t  accept;

    if (ngx_http_retry_with_gate_accept(r, &accept) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(refusal, sizeof(rwith_refusal));

    if (ctx->decision.verdict == RWITH_VERDICT_MISSING) {

        /* its items are no more than its count */

        list->count = 0;
        list->left_out = 0;
        list->choices = 0;

        ngx_http_retry_with_gate_list(ctx, list);
        refusal->missing = list;
    }

    refusal->status = ctx->decision.status;
    refusal->verdict = ctx->decision.verdict;
    refusal->accept = ngx_http_retry_with_gate_slice(&accept);
    refusal->is_head = r->method == NGX_HTTP_HEAD;

    if (ctx->operation != RWITH_POLICY_NO_OPERATION) {
        refusal->method = rwith_policy_method(ctx->conf->policy->policy,
                                              ctx->operation);
    }

    refusal->reason = ngx_http_retry_with_gate_slice(&ctx->conf->reason);
    refusal->cors = ngx_http_retry_with_gate_slice(&ctx->conf->cors);
    refusal->has_body = ctx->has_body;

    return NGX_OK;
}


/* may the page carry the form that was sent? */

static ngx_uint_t
ngx_http_retry_with_gate_carries(ngx_http_request_t *r, rwith_refusal *refusal,
    off_t len)
{
    size_t            n;
    ngx_uint_t        i;
    rwith_field      *fields;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    if (r->method != NGX_HTTP_POST || len <= 0
        || len > RWITH_REFUSAL_FORM_MAX)
    {
        return 0;
    }

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    fields = ngx_palloc(r->pool, n * sizeof(rwith_field));
    if (fields == NULL) {
        return 0;
    }

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            fields[n].name = ngx_http_retry_with_gate_slice(&header[i].key);
            fields[n].value = ngx_http_retry_with_gate_slice(&header[i].value);
            n++;
        }
    }

    return rwith_refusal_may_carry_form(refusal, fields, n, (uint64_t) len);
}


static void
ngx_http_retry_with_gate_form_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    rwith_refusal                    refusal;
    rwith_missing_list               list;
    ngx_http_retry_with_gate_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_retry_with_gate_module);

    if (ngx_http_retry_with_gate_describe(r, ctx, &refusal, &list) != NGX_OK
        || ngx_http_retry_with_gate_form(r, &refusal) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_http_retry_with_gate_send(r, &refusal);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


/* the body as one piece, out of a file too */

static ngx_int_t
ngx_http_retry_with_gate_form(ngx_http_request_t *r, rwith_refusal *refusal)
{
    size_t        size;
    u_char       *p;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    p = ngx_pnalloc(r->pool, RWITH_REFUSAL_FORM_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    refusal->form.ptr = (char *) p;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;
        size = (size_t) ngx_buf_size(b);

        if (size > RWITH_REFUSAL_FORM_MAX - refusal->form.len) {
            refusal->form.len = 0;
            return NGX_OK;
        }

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, size);

        } else {
            n = ngx_read_file(b->file, p, size, b->file_pos);
            if (n != (ssize_t) size) {
                return NGX_ERROR;
            }

            p += n;
        }

        refusal->form.len += size;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_gate_send(ngx_http_request_t *r, rwith_refusal *refusal)
{
    ngx_int_t              rc;
    ngx_buf_t             *b;
    ngx_chain_t            out;
    rwith_refusal_answer   answer;

    b = ngx_http_retry_with_gate_write(r, refusal, &answer);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_retry_with_gate_head(r, &answer) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return NGX_DONE;
    }

    /* the core never writes an empty body */

    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    ngx_http_finalize_request(r, ngx_http_output_filter(r, &out));

    return NGX_DONE;
}


/*
 * a client that waits for 100 gets the refusal and no 100.  It may
 * still send its body, or not: only the end of the connection tells.
 */

static ngx_int_t
ngx_http_retry_with_gate_drop_body(ngx_http_request_t *r)
{
    if (r->request_body || r->headers_in.expect == NULL
        || (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked))
    {
        return ngx_http_discard_request_body(r);
    }

    r->expect_tested = 1;

#if (NGX_HTTP_V2)
    if (r->stream) {
        return ngx_http_discard_request_body(r);
    }
#endif

    r->keepalive = 0;
    r->lingering_close = 1;

    return NGX_OK;
}


/* all Accept lines as one */

static ngx_int_t
ngx_http_retry_with_gate_accept(ngx_http_request_t *r, ngx_str_t *accept)
{
    u_char           *p;
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    ngx_str_null(accept);

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len != 6
                || ngx_strncasecmp(header[i].key.data, (u_char *) "Accept", 6)
                   != 0)
            {
                continue;
            }

            if (accept->len == 0) {
                *accept = header[i].value;
                continue;
            }

            len = accept->len + 1 + header[i].value.len;

            p = ngx_pnalloc(r->pool, len);
            if (p == NULL) {
                return NGX_ERROR;
            }

            ngx_memcpy(ngx_cpymem(ngx_cpymem(p, accept->data, accept->len),
                                  ",", 1),
                       header[i].value.data, header[i].value.len);

            accept->data = p;
            accept->len = len;
        }
    }

    return NGX_OK;
}


static ngx_buf_t *
ngx_http_retry_with_gate_write(ngx_http_request_t *r, rwith_refusal *refusal,
    rwith_refusal_answer *answer)
{
    int                              rc;
    size_t                           size;
    ngx_buf_t                       *b;
    ngx_http_retry_with_gate_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_retry_with_gate_module);

    b = ngx_http_retry_with_refusal_get(r, ctx, refusal, answer);
    if (b) {
        goto found;
    }

    size = NGX_HTTP_RETRY_WITH_ANSWER;

    for ( ;; ) {

        b = ngx_create_temp_buf(r->pool, size);
        if (b == NULL) {
            return NULL;
        }

        rc = rwith_refusal_write(refusal, (char *) b->start, size, answer,
                                 &size);
        if (rc == RWITH_OK) {
            break;
        }

        (void) ngx_pfree(r->pool, b->start);
    }

    ngx_http_retry_with_refusal_keep(ctx, refusal, answer, b);

found:

    b->pos = (u_char *) answer->body.ptr;
    b->last = b->pos + answer->body.len;

    return b;
}


static ngx_int_t
ngx_http_retry_with_gate_head(ngx_http_request_t *r,
    rwith_refusal_answer *answer)
{
    size_t            i;
    u_char           *p;
    ngx_table_elt_t  *h;

    p = ngx_pnalloc(r->pool, 4 + answer->reason.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.status = answer->status;
    r->headers_out.status_line.data = p;
    r->headers_out.status_line.len = 4 + answer->reason.len;

    *p++ = (u_char) ('0' + answer->status / 100);
    *p++ = (u_char) ('0' + answer->status / 10 % 10);
    *p++ = (u_char) ('0' + answer->status % 10);
    *p++ = ' ';
    ngx_memcpy(p, answer->reason.ptr, answer->reason.len);

    r->headers_out.content_length_n = (off_t) answer->body_len;

    for (i = 0; i < answer->field_count; i++) {

        if (rwith_slice_equal_nocase(answer->fields[i].name,
                                     RWITH_LIT("Content-Type")))
        {
            r->headers_out.content_type.data =
                                        (u_char *) answer->fields[i].value.ptr;
            r->headers_out.content_type.len = answer->fields[i].value.len;
            r->headers_out.content_type_len = answer->fields[i].value.len;
            continue;
        }

        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        h->hash = 1;
        h->key.data = (u_char *) answer->fields[i].name.ptr;
        h->key.len = answer->fields[i].name.len;
        h->value.data = (u_char *) answer->fields[i].value.ptr;
        h->value.len = answer->fields[i].value.len;
#if (nginx_version >= 1023000)
        h->next = NULL;
#endif
    }

    return NGX_OK;
}
