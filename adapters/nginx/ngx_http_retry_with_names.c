
/*
 * The two names of one resource tree: what an honest intermediary changes in
 * the fields of both directions, and the hrefs of WebDAV's XML on the way
 * back.  How a name is translated is the core's (rewrite.h) and
 * body/multistatus.h's affair.
 */

#include "ngx_http_retry_with_module.h"
#include "body/multistatus.h"


#define NGX_HTTP_RETRY_WITH_CHUNK     16384
#define NGX_HTTP_RETRY_WITH_BUSY_MAX  4

/* one of the bits of r->buffered that nginx leaves to filters */
#define NGX_HTTP_RETRY_WITH_BUFFERED  0x08


static const ngx_table_elt_t  ngx_http_retry_with_private = {
    .hash = 1,
    .key = ngx_string("Cache-Control"),
    .value = ngx_string("private"),
    .lowcase_key = (u_char *) "cache-control"
};


/* a translated body on its way, never more than a few chunks of it */

typedef struct {
    ngx_chain_t                       *in;
    ngx_chain_t                       *free;
    ngx_chain_t                       *busy;
    ngx_chain_t                       *out;
    ngx_chain_t                      **last;
    ngx_buf_t                         *buf;
} ngx_http_retry_with_pipe_t;


static ngx_int_t ngx_http_retry_with_translate_field(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_uint_t is_request,
    ngx_table_elt_t *header);
static ngx_int_t ngx_http_retry_with_open_multistatus(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_feed(ngx_http_retry_with_ctx_t *ctx,
    ngx_http_retry_with_pipe_t *pipe, ngx_buf_t *b);


/* the client's name of us, and the origin's of itself: once it is needed */

static void
ngx_http_retry_with_map(ngx_http_request_t *r, ngx_http_retry_with_ctx_t *ctx)
{
    u_char                        *p;
    ngx_str_t                      url;
    ngx_http_retry_with_origin_t  *to;

    to = ctx->conf->rewrite;

    if (ctx->is_mapped || to == NULL || r->headers_in.host == NULL) {
        return;
    }

    url.data = ngx_pnalloc(r->pool, 2 * (sizeof("https://") - 1
                                    + r->headers_in.host->value.len));
    if (url.data == NULL) {
        return;
    }

    p = ngx_cpymem(url.data, "http", 4);

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        *p++ = 's';
    }
#endif

    p = ngx_sprintf(p, "://%V", &r->headers_in.host->value);
    url.len = p - url.data;

    if (rwith_origin_parse(ngx_http_retry_with_slice(&url), (char *) p,
                           url.len, &ctx->mapping.front, NULL)
        != RWITH_OK)
    {
        return;
    }

    ctx->mapping.back = to->origin;
    ctx->mapping.back_prefix = ngx_http_retry_with_slice(&to->prefix);
    ctx->is_mapped = 1;
}


static ngx_http_retry_with_rare ngx_int_t
ngx_http_retry_with_translate_field(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_uint_t is_request,
    ngx_table_elt_t *header)
{
    int      rc;
    bool     is_changed;
    size_t   len;
    u_char  *buf;

    u_char   room[2048];

    ngx_http_retry_with_map(r, ctx);

    if (!ctx->is_mapped) {
        return NGX_OK;
    }

    buf = room;
    len = sizeof(room);

    if (header->value.len + 1024 > len) {
        len = header->value.len + 1024;
        buf = ngx_pnalloc(r->pool, len);
        if (buf == NULL) {
            return NGX_ERROR;
        }
    }

    rc = rwith_rewrite_field(&ctx->mapping, is_request,
                             ngx_http_retry_with_slice(&header->key),
                             ngx_http_retry_with_slice(&header->value),
                             (char *) buf, len, &len, &is_changed);

    if (rc != RWITH_OK || !is_changed) {
        return NGX_OK;
    }

    header->value.data = ngx_pnalloc(r->pool, len + 1);
    if (header->value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(header->value.data, buf, len);
    header->value.data[len] = '\0';
    header->value.len = len;

    return NGX_OK;
}


/* hardly any is */

static ngx_inline ngx_uint_t
ngx_http_retry_with_is_translated(ngx_http_retry_with_ctx_t *ctx,
    ngx_uint_t is_request, ngx_table_elt_t *header)
{
    return ctx->conf->rewrite
           && rwith_rewrite_has_field(is_request,
                                     ngx_http_retry_with_slice(&header->key));
}


static ngx_uint_t
ngx_http_retry_with_is_connection(ngx_table_elt_t *header)
{
    return header->key.len == sizeof("Connection") - 1
           && (header->key.data[0] | 0x20) == 'c'
           && rwith_slice_equal_nocase(ngx_http_retry_with_slice(&header->key),
                                       RWITH_LIT("Connection"));
}


/*
 * The fields, if any Connection line among them names one of them.  Most
 * messages have none, or just "keep-alive".
 */

ngx_list_t *
ngx_http_retry_with_named_hops(ngx_list_t *fields)
{
    ngx_uint_t        i;
    rwith_slice       value;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    for (part = &fields->part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_retry_with_is_connection(&header[i])) {
                continue;
            }

            value = ngx_http_retry_with_slice(&header[i].value);

            if (rwith_slice_equal_nocase(value, RWITH_LIT("keep-alive"))
                || rwith_slice_equal_nocase(value, RWITH_LIT("close")))
            {
                continue;
            }

            return fields;
        }
    }

    return NULL;
}


static ngx_http_retry_with_rare ngx_uint_t
ngx_http_retry_with_is_named(ngx_list_t *named, rwith_slice name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    for (part = &named->part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_retry_with_is_connection(&header[i])
                && rwith_rewrite_is_hop_by_hop(name,
                                 ngx_http_retry_with_slice(&header[i].value)))
            {
                return 1;
            }
        }
    }

    return 0;
}


/* is it one of the connection's own, by its name or because it was named? */

static ngx_inline ngx_uint_t
ngx_http_retry_with_is_hop(ngx_list_t *named, ngx_str_t *name)
{
    rwith_slice  slice;

    slice = ngx_http_retry_with_slice(name);

    return rwith_rewrite_is_hop_by_hop(slice, RWITH_LIT(""))
           || (named && ngx_http_retry_with_is_named(named, slice));
}


/* the hrefs of an answer can be translated when no coding covers them */

static ngx_uint_t
ngx_http_retry_with_is_coding(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_str_t *name)
{
    return name->len == sizeof("Accept-Encoding") - 1
           && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_POST
                             |NGX_HTTP_PUT|NGX_HTTP_PATCH|NGX_HTTP_OPTIONS))
           && ctx->conf->rewrite
           && ngx_strncasecmp(name->data, (u_char *) "Accept-Encoding",
                              sizeof("Accept-Encoding") - 1)
              == 0;
}


/* does the origin get this field of the client's as it is? */

ngx_uint_t
ngx_http_retry_with_passes(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_table_elt_t *header)
{
    if (!ctx->is_relay) {
        return 1;
    }

    return r->method != NGX_HTTP_OPTIONS     /* Max-Forwards */
           && !ngx_http_retry_with_is_hop(ctx->hops, &header->key)
           && !ngx_http_retry_with_is_coding(r, ctx, &header->key)
           && !rwith_rewrite_has_field(true,
                                    ngx_http_retry_with_slice(&header->key));
}


/* one field of the client's, as the origin gets it */

ngx_int_t
ngx_http_retry_with_push_request(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_list_t *headers,
    ngx_table_elt_t *header)
{
    ngx_int_t         n;
    ngx_table_elt_t  *h;

    if (ctx->is_relay
        && (ngx_http_retry_with_is_hop(ctx->hops, &header->key)
            || ngx_http_retry_with_is_coding(r, ctx, &header->key)))
    {
        return NGX_OK;
    }

    h = ngx_list_push(headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = *header;

    if (!ctx->is_relay) {
        return NGX_OK;
    }

    if (header == ngx_http_retry_with_max_forwards(r)) {
        n = ngx_atoi(header->value.data, header->value.len);

        if (n > 0) {
            h->value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
            if (h->value.data == NULL) {
                return NGX_ERROR;
            }

            h->value.len = ngx_sprintf(h->value.data, "%i", n - 1)
                           - h->value.data;
        }

        return NGX_OK;
    }

    if (!ngx_http_retry_with_is_translated(ctx, 1, h)) {
        return NGX_OK;
    }

    return ngx_http_retry_with_translate_field(r, ctx, 1, h);
}


static ngx_int_t
ngx_http_retry_with_add_via(ngx_http_request_t *r, ngx_uint_t version,
    ngx_list_t *headers)
{
    ngx_uint_t                        i;
    ngx_table_elt_t                  *header;
    ngx_http_retry_with_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_retry_with_module);

    for (i = 0; i < NGX_HTTP_RETRY_WITH_VERSIONS - 1; i++) {
        if (mcf->via[i].version == version) {
            break;
        }
    }

    header = ngx_list_push(headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    *header = mcf->via[i].header;

    return NGX_OK;
}


ngx_int_t
ngx_http_retry_with_push_via(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_list_t *headers)
{
    return ngx_http_retry_with_add_via(r, r->http_version, headers);
}


/* the final response's fields, as the client gets them */

ngx_int_t
ngx_http_retry_with_dress(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    ngx_str_t        *cookie;
    ngx_uint_t        i;
    ngx_list_t       *hops;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    cookie = ctx->cookies ? ctx->cookies->elts : NULL;

    for (i = 0; ctx->cookies && i < ctx->cookies->nelts; i++) {
        if (ngx_http_retry_with_push_field(r->pool, &r->headers_out.headers,
                                         RWITH_LIT("Set-Cookie"),
                                         ngx_http_retry_with_slice(&cookie[i]))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    /* obtained with what the client did not send */

    if (ctx->is_patched && !r->cached) {
        header = ngx_list_push(&r->headers_out.headers);
        if (header == NULL) {
            return NGX_ERROR;
        }

        *header = ngx_http_retry_with_private;
    }

    if (!ctx->is_relay) {
        return NGX_OK;
    }

    /* nginx gathers what has no length of its own: events would be late */

    if (r->headers_out.content_type.len >= sizeof("text/event-stream") - 1
        && ngx_strncasecmp(r->headers_out.content_type.data,
                           (u_char *) "text/event-stream",
                           sizeof("text/event-stream") - 1)
           == 0)
    {
        r->upstream->buffering = 0;
    }

    hops = ngx_http_retry_with_named_hops(&r->upstream->headers_in.headers);

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_retry_with_is_hop(hops, &header[i].key)) {
                header[i].hash = 0;
                continue;
            }

            if (ngx_http_retry_with_is_translated(ctx, 0, &header[i])
                && ngx_http_retry_with_translate_field(r, ctx, 0, &header[i])
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (ngx_http_retry_with_add_via(r, 1001, &r->headers_out.headers)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_retry_with_open_multistatus(r, ctx);
}


/* --- hrefs ---------------------------------------------------------------- */


static int
ngx_http_retry_with_href(void *user, rwith_slice uri, char *buf,
    size_t buf_len, size_t *ret_len, bool *ret_changed)
{
    ngx_http_retry_with_ctx_t *ctx = user;

    return rwith_rewrite_uri(&ctx->mapping, false, uri, buf, buf_len, ret_len,
                             ret_changed);
}


/* the next buffer to fill */

static ngx_buf_t *
ngx_http_retry_with_get_buf(ngx_http_retry_with_ctx_t *ctx,
    ngx_http_retry_with_pipe_t *pipe)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_chain_get_free_buf(ctx->request->pool, &pipe->free);
    if (cl == NULL) {
        return NULL;
    }

    b = cl->buf;

    if (b->start == NULL) {
        b->start = ngx_palloc(ctx->request->pool, NGX_HTTP_RETRY_WITH_CHUNK);
        if (b->start == NULL) {
            return NULL;
        }

        b->end = b->start + NGX_HTTP_RETRY_WITH_CHUNK;
        b->temporary = 1;
        b->tag = (ngx_buf_tag_t) &ngx_http_retry_with_module;
    }

    b->pos = b->start;
    b->last = b->start;
    b->flush = 0;

    cl->next = NULL;
    *pipe->last = cl;
    pipe->last = &cl->next;
    pipe->buf = b;

    return b;
}


static int
ngx_http_retry_with_sink(void *user, rwith_slice bytes)
{
    ngx_http_retry_with_ctx_t *ctx = user;

    size_t                       n;
    ngx_buf_t                   *b;
    ngx_http_retry_with_pipe_t  *pipe;

    pipe = ctx->pipe;

    while (bytes.len) {
        b = pipe->buf;

        if (b == NULL || b->last == b->end) {
            b = ngx_http_retry_with_get_buf(ctx, pipe);
            if (b == NULL) {
                return RWITH_ENOMEM;
            }
        }

        n = ngx_min(bytes.len, (size_t) (b->end - b->last));
        b->last = ngx_cpymem(b->last, bytes.ptr, n);
        bytes.ptr += n;
        bytes.len -= n;
    }

    return RWITH_OK;
}


static ngx_int_t
ngx_http_retry_with_open_multistatus(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    ngx_str_t                    coding;
    rwith_multistatus           *multistatus;
    ngx_http_retry_with_pipe_t  *pipe;

    ngx_str_null(&coding);

    if (r->headers_out.content_encoding) {
        coding = r->headers_out.content_encoding->value;
    }

    if (ctx->conf->rewrite == NULL
        || r->method == NGX_HTTP_HEAD
        || !rwith_multistatus_applies(ctx->view.method,
                       (unsigned) r->headers_out.status,
                       ngx_http_retry_with_slice(&r->headers_out.content_type),
                       ngx_http_retry_with_slice(&coding)))
    {
        return NGX_OK;
    }

    ngx_http_retry_with_map(r, ctx);

    if (!ctx->is_mapped) {
        return NGX_OK;
    }

    pipe = ngx_pcalloc(r->pool, sizeof(ngx_http_retry_with_pipe_t));
    if (pipe == NULL) {
        return NGX_ERROR;
    }

    if (rwith_multistatus_new(NULL, ngx_http_retry_with_href,
                              ngx_http_retry_with_sink, ctx, &multistatus)
        != RWITH_OK)
    {
        return NGX_ERROR;
    }

    pipe->last = &pipe->out;

    ctx->pipe = pipe;
    ctx->multistatus = multistatus;

    r->filter_need_in_memory = 1;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);

    return NGX_OK;
}


void
ngx_http_retry_with_close_multistatus(ngx_http_retry_with_ctx_t *ctx)
{
    rwith_multistatus_free(ctx->multistatus);
    ctx->multistatus = NULL;
}


/* one buffer in; a special one passes behind what it ends or flushes */

static ngx_int_t
ngx_http_retry_with_feed(ngx_http_retry_with_ctx_t *ctx,
    ngx_http_retry_with_pipe_t *pipe, ngx_buf_t *b)
{
    int           err;
    ngx_buf_t    *special;
    ngx_chain_t  *cl;

    err = RWITH_OK;

    if (ngx_buf_in_memory(b)) {
        err = rwith_multistatus_feed(ctx->multistatus, (char *) b->pos,
                                     b->last - b->pos);
        b->pos = b->last;
    }

    b->file_pos = b->file_last;

    if (err == RWITH_OK && b->last_buf) {
        err = rwith_multistatus_finish(ctx->multistatus);
    }

    if (err != RWITH_OK) {
        return NGX_ERROR;
    }

    if (!b->last_buf && !b->flush) {
        return NGX_OK;
    }

    cl = ngx_alloc_chain_link(ctx->request->pool);
    special = ngx_calloc_buf(ctx->request->pool);

    if (cl == NULL || special == NULL) {
        return NGX_ERROR;
    }

    special->last_buf = b->last_buf;
    special->flush = !b->last_buf;

    cl->buf = special;
    cl->next = NULL;
    *pipe->last = cl;
    pipe->last = &cl->next;
    pipe->buf = NULL;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_retry_with_count(ngx_chain_t *cl)
{
    ngx_uint_t  n;

    for (n = 0; cl; cl = cl->next) {
        n++;
    }

    return n;
}


/*
 * What a slow client has not taken stays with the upstream module, whose
 * buffers are taken one by one.
 */

ngx_int_t
ngx_http_retry_with_translate(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_chain_t *in,
    ngx_http_output_body_filter_pt next)
{
    ngx_int_t                    rc;
    ngx_uint_t                   n;
    ngx_chain_t                 *cl;
    ngx_http_retry_with_pipe_t  *pipe;

    pipe = ctx->pipe;

    if (in && ngx_chain_add_copy(r->pool, &pipe->in, in) != NGX_OK) {
        return NGX_ERROR;
    }

    for ( ;; ) {

        n = ngx_http_retry_with_count(pipe->busy);

        while (pipe->in
               && n + ngx_http_retry_with_count(pipe->out)
                  < NGX_HTTP_RETRY_WITH_BUSY_MAX)
        {
            cl = pipe->in;
            pipe->in = cl->next;

            rc = ngx_http_retry_with_feed(ctx, pipe, cl->buf);
            ngx_free_chain(r->pool, cl);

            if (rc != NGX_OK) {
                return NGX_ERROR;
            }
        }

        if (pipe->buf
            && n + ngx_http_retry_with_count(pipe->out)
               >= NGX_HTTP_RETRY_WITH_BUSY_MAX)
        {
            /* else nginx might wait for more before it sends these */
            pipe->buf->flush = 1;
        }

        rc = next(r, pipe->out);

        ngx_chain_update_chains(r->pool, &pipe->free, &pipe->busy, &pipe->out,
                                (ngx_buf_tag_t) &ngx_http_retry_with_module);

        pipe->last = &pipe->out;
        pipe->buf = NULL;

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (pipe->in == NULL) {
            r->buffered &= ~NGX_HTTP_RETRY_WITH_BUFFERED;
            return rc;
        }

        if (ngx_http_retry_with_count(pipe->busy)
            >= NGX_HTTP_RETRY_WITH_BUSY_MAX)
        {
            r->buffered |= NGX_HTTP_RETRY_WITH_BUFFERED;
            return rc;
        }
    }
}
