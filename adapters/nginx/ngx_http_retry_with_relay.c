
/*
 * What a relay owes to both sides: who is admitted, what is told in its own
 * name, and the names of one resource tree in fields and hrefs.  The rules
 * are the core's (trust.h, rewrite.h) and body/multistatus.h's.
 */

#include "ngx_http_retry_with_module.h"
#include "body/multistatus.h"


#define NGX_HTTP_RETRY_WITH_CHUNK  16384


typedef struct {
    ngx_uint_t                         status;
    ngx_str_t                          title;
    ngx_str_t                          detail;
} ngx_http_retry_with_problem_t;


/* bytes of a translated body, on their way */

typedef struct {
    ngx_http_request_t                *request;
    ngx_chain_t                       *free;
    ngx_chain_t                       *busy;
    ngx_chain_t                       *out;
    ngx_chain_t                      **last;
    ngx_buf_t                         *buf;
} ngx_http_retry_with_pipe_t;


static ngx_int_t ngx_http_retry_with_refuse(ngx_http_request_t *r,
    const ngx_http_retry_with_problem_t *problem);
static void ngx_http_retry_with_map(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_translate_field(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_uint_t is_request,
    ngx_table_elt_t *header);
static ngx_int_t ngx_http_retry_with_open_multistatus(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);


static const ngx_http_retry_with_problem_t  ngx_http_retry_with_misdirected = {
    421, ngx_string("Misdirected Request"),
    ngx_string("The Host of this request is none of the names that this "
               "server relays for (retry_with_names; retrywith relay "
               "--name).")
};


static const ngx_http_retry_with_problem_t  ngx_http_retry_with_method = {
    405, ngx_string("Method Not Allowed"),
    ngx_string("TRACE and CONNECT are not relayed.")
};


static const ngx_http_retry_with_problem_t  ngx_http_retry_with_bound_auth = {
    501, ngx_string("Not Implemented"),
    ngx_string("NTLM and Negotiate authenticate a connection, and the "
               "connections from here to the origin are shared between "
               "clients: such credentials are not passed on.  Use another "
               "scheme, or speak to the origin directly.")
};


static const ngx_http_retry_with_problem_t  ngx_http_retry_with_loop = {
    508, ngx_string("Loop Detected"),
    ngx_string("This request has been here before: the origin that is "
               "relayed to leads back to this server.")
};


static ngx_uint_t
ngx_http_retry_with_is_bound_auth(ngx_http_request_t *r)
{
    size_t            i;
    ngx_str_t        *value;
    static ngx_str_t  schemes[] = {
        ngx_string("NTLM"), ngx_string("Negotiate")
    };

    if (r->headers_in.authorization == NULL) {
        return 0;
    }

    value = &r->headers_in.authorization->value;

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {

        if (value->len >= schemes[i].len
            && ngx_strncasecmp(value->data, schemes[i].data, schemes[i].len)
               == 0
            && (value->len == schemes[i].len
                || value->data[schemes[i].len] == ' '))
        {
            return 1;
        }
    }

    return 0;
}


/* the authority of an absolute-form target counts too: the raw target */

static rwith_slice
ngx_http_retry_with_raw_target(ngx_http_request_t *r)
{
    u_char       *start, *end;
    rwith_slice   target;

    target = ngx_http_retry_with_slice(&r->unparsed_uri);

    if (r->host_start == NULL) {
        return target;
    }

    end = r->request_line.data + r->request_line.len;
    start = ngx_strlchr(r->request_line.data, end, ' ');

    if (start) {
        start++;
        target.ptr = (char *) start;
        end = ngx_strlchr(start, end, ' ');
        target.len = (end ? end : r->request_line.data + r->request_line.len)
                     - start;
    }

    return target;
}


/*
 * Without retry_with_names the names are those that nginx itself was
 * configured to serve: only a foreign page is told from a client of ours.
 */

rwith_trust_verdict
ngx_http_retry_with_judge(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    rwith_slice          host;
    rwith_trust_names    names;
    rwith_trust_verdict  verdict;

    host.ptr = NULL;
    host.len = 0;

    if (r->headers_in.host) {
        host = ngx_http_retry_with_slice(&r->headers_in.host->value);
    }

    if (ctx->conf->names) {
        names.authorities = ctx->conf->names->elts;
        names.count = ctx->conf->names->nelts;

    } else {
        names.authorities = &host;
        names.count = 1;
    }

    verdict = rwith_trust_judge(&names, ctx->view.method, host,
                                ngx_http_retry_with_raw_target(r),
                                ctx->view.fields, ctx->view.field_count);

    if (verdict == RWITH_TRUST_MISDIRECTED && ctx->conf->names == NULL) {
        verdict = RWITH_TRUST_PASS;
    }

    return verdict;
}


static ngx_uint_t
ngx_http_retry_with_was_here(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    size_t                            i;
    ngx_http_retry_with_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_retry_with_module);

    for (i = 0; i < ctx->view.field_count; i++) {

        if (rwith_slice_equal_nocase(ctx->view.fields[i].name, RWITH_LIT("Via"))
            && ngx_strlcasestrn((u_char *) ctx->view.fields[i].value.ptr,
                                (u_char *) ctx->view.fields[i].value.ptr
                                + ctx->view.fields[i].value.len,
                                mcf->via.data, mcf->via.len - 1))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_table_elt_t *
ngx_http_retry_with_max_forwards(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    if (r->method != NGX_HTTP_OPTIONS) {
        return NULL;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len == sizeof("Max-Forwards") - 1
                && ngx_strncasecmp(header[i].key.data,
                                   (u_char *) "Max-Forwards",
                                   sizeof("Max-Forwards") - 1) == 0)
            {
                return &header[i];
            }
        }
    }

    return NULL;
}


/*
 * The client's Authorization was for this server (auth_basic): the origin
 * gets none of it, and one of the supply may take its place.
 */

static ngx_int_t
ngx_http_retry_with_drop_own(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_t        rest;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header, *copy;

    if (r->headers_in.authorization == NULL) {
        return NGX_OK;
    }

    if (ngx_list_init(&rest, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].key.len == sizeof("Authorization") - 1
                && ngx_strncasecmp(header[i].key.data,
                                   (u_char *) "Authorization",
                                   sizeof("Authorization") - 1) == 0)
            {
                continue;
            }

            copy = ngx_list_push(&rest);
            if (copy == NULL) {
                return NGX_ERROR;
            }

            *copy = header[i];
        }
    }

    /* a list that did not grow points into itself */

    r->headers_in.headers = rest;

    if (rest.last == &rest.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    r->headers_in.authorization = NULL;

    return NGX_OK;
}


/* NGX_DECLINED: it may go on */

ngx_int_t
ngx_http_retry_with_admit(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    ngx_table_elt_t  *max_forwards;

    if (ctx->conf->own_credentials
        && ngx_http_retry_with_drop_own(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_retry_with_is_bound_auth(r)) {
        return ngx_http_retry_with_refuse(r, &ngx_http_retry_with_bound_auth);
    }

    ctx->is_relay = (ctx->conf->names || ctx->conf->rewrite);

    if (!ctx->is_relay) {
        return NGX_DECLINED;
    }

    if (ngx_http_retry_with_view(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (ctx->verdict) {

    case RWITH_TRUST_MISDIRECTED:
        return ngx_http_retry_with_refuse(r, &ngx_http_retry_with_misdirected);

    case RWITH_TRUST_METHOD:
        return ngx_http_retry_with_refuse(r, &ngx_http_retry_with_method);

    default:
        break;
    }

    if (ngx_http_retry_with_was_here(r, ctx)) {
        return ngx_http_retry_with_refuse(r, &ngx_http_retry_with_loop);
    }

    max_forwards = ngx_http_retry_with_max_forwards(r);

    if (max_forwards
        && max_forwards->value.len == 1
        && max_forwards->value.data[0] == '0')
    {
        /* RFC 9110 7.6.2: we are the final recipient */

        r->headers_out.status = NGX_HTTP_OK;
        r->headers_out.content_length_n = 0;
        r->header_only = 1;

        return ngx_http_send_header(r);
    }

    ngx_http_retry_with_map(r, ctx);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_retry_with_refuse(ngx_http_request_t *r,
    const ngx_http_retry_with_problem_t *problem)
{
    u_char       *p;
    size_t        len;
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_chain_t   out;

    static const char  format[] =
        "{\"type\":\"about:blank\",\"title\":\"%V\",\"status\":%ui,"
        "\"detail\":\"%V\"}" CRLF;

    /* a body that is refused is not asked for */
    r->expect_tested = 1;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    len = sizeof(format) + problem->title.len + problem->detail.len
          + NGX_INT_T_LEN;

    b = ngx_create_temp_buf(r->pool, len);
    p = ngx_pnalloc(r->pool, sizeof("500 ") + problem->title.len);

    if (b == NULL || p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_sprintf(b->pos, format, &problem->title, problem->status,
                          &problem->detail);
    b->last_buf = 1;

    r->headers_out.status = problem->status;
    r->headers_out.status_line.data = p;
    r->headers_out.status_line.len = ngx_sprintf(p, "%ui %V", problem->status,
                                                 &problem->title)
                                     - p;
    r->headers_out.content_length_n = b->last - b->pos;
    ngx_str_set(&r->headers_out.content_type, "application/problem+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_retry_with_push_field(r->pool, &r->headers_out.headers,
                                       RWITH_LIT("Cache-Control"),
                                       RWITH_LIT("no-store"))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* the client's name of us, and the origin's of itself */

static void
ngx_http_retry_with_map(ngx_http_request_t *r, ngx_http_retry_with_ctx_t *ctx)
{
    u_char                        *p;
    ngx_str_t                      url;
    ngx_http_retry_with_origin_t  *to;

    to = ctx->conf->rewrite;

    if (to == NULL || r->headers_in.host == NULL) {
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


static ngx_int_t
ngx_http_retry_with_translate_field(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_uint_t is_request,
    ngx_table_elt_t *header)
{
    int      rc;
    bool     is_changed;
    size_t   len;
    u_char  *buf;

    u_char   room[2048];

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


/* one field of the client's, as the origin gets it */

ngx_int_t
ngx_http_retry_with_push_request(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_list_t *headers,
    ngx_table_elt_t *header)
{
    ngx_int_t         n;
    rwith_slice       connection;
    ngx_table_elt_t  *h;

    if (ctx->is_relay) {
        connection.ptr = NULL;
        connection.len = 0;

        if (r->headers_in.connection) {
            connection =
                   ngx_http_retry_with_slice(&r->headers_in.connection->value);
        }

        if (rwith_rewrite_is_hop_by_hop(
                                      ngx_http_retry_with_slice(&header->key),
                                      connection))
        {
            return NGX_OK;
        }
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

    return ngx_http_retry_with_translate_field(r, ctx, 1, h);
}


static ngx_int_t
ngx_http_retry_with_add_via(ngx_http_request_t *r, ngx_uint_t version,
    ngx_list_t *headers)
{
    u_char                           *p;
    rwith_slice                       value;
    ngx_http_retry_with_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_retry_with_module);

    p = ngx_pnalloc(r->pool, sizeof("1.1 ") - 1 + mcf->via.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.ptr = (char *) p;
    value.len = ngx_sprintf(p, "%ui.%ui %V", version / 1000, version % 1000,
                            &mcf->via)
                - p;

    return ngx_http_retry_with_push_field(r->pool, headers, RWITH_LIT("Via"),
                                          value);
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
    rwith_slice       connection;
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

    /* the rules of trust, 5: obtained with what the client did not send */

    if (ctx->is_patched) {
        if (ngx_http_retry_with_push_field(r->pool, &r->headers_out.headers,
                                           RWITH_LIT("Cache-Control"),
                                           RWITH_LIT("private"))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (!ctx->is_relay) {
        return NGX_OK;
    }

    connection.ptr = NULL;
    connection.len = 0;

    if (r->upstream->headers_in.connection) {
        connection = ngx_http_retry_with_slice(
                                  &r->upstream->headers_in.connection->value);
    }

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (rwith_rewrite_is_hop_by_hop(
                                   ngx_http_retry_with_slice(&header[i].key),
                                   connection))
            {
                header[i].hash = 0;
                continue;
            }

            if (ngx_http_retry_with_translate_field(r, ctx, 0, &header[i])
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


static int
ngx_http_retry_with_sink(void *user, rwith_slice bytes)
{
    ngx_http_retry_with_ctx_t *ctx = user;

    size_t                       n;
    ngx_buf_t                   *b;
    ngx_chain_t                 *cl;
    ngx_http_retry_with_pipe_t  *pipe;

    pipe = ctx->pipe;

    while (bytes.len) {
        b = pipe->buf;

        if (b == NULL || b->last == b->end) {
            cl = ngx_chain_get_free_buf(ctx->request->pool, &pipe->free);
            if (cl == NULL) {
                return RWITH_ENOMEM;
            }

            b = cl->buf;

            if (b->start == NULL) {
                b->start = ngx_palloc(ctx->request->pool,
                                      NGX_HTTP_RETRY_WITH_CHUNK);
                if (b->start == NULL) {
                    return RWITH_ENOMEM;
                }

                b->end = b->start + NGX_HTTP_RETRY_WITH_CHUNK;
                b->temporary = 1;
                b->tag = (ngx_buf_tag_t) &ngx_http_retry_with_module;
            }

            b->pos = b->start;
            b->last = b->start;
            b->flush = 0;
            b->last_buf = 0;

            cl->next = NULL;
            *pipe->last = cl;
            pipe->last = &cl->next;
            pipe->buf = b;
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

    if (!ctx->is_mapped
        || r->method == NGX_HTTP_HEAD
        || !rwith_multistatus_applies(ctx->view.method,
                       (unsigned) r->headers_out.status,
                       ngx_http_retry_with_slice(&r->headers_out.content_type),
                       ngx_http_retry_with_slice(&coding)))
    {
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


ngx_int_t
ngx_http_retry_with_translate(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, ngx_chain_t *in,
    ngx_http_output_body_filter_pt next)
{
    int                          err;
    ngx_buf_t                   *b;
    ngx_int_t                    rc;
    ngx_uint_t                   is_last, is_flush;
    ngx_chain_t                 *cl;
    ngx_http_retry_with_pipe_t  *pipe;

    pipe = ctx->pipe;
    err = RWITH_OK;
    is_last = 0;
    is_flush = 0;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            err = rwith_multistatus_feed(ctx->multistatus, (char *) b->pos,
                                         b->last - b->pos);
            b->pos = b->last;
        }

        b->file_pos = b->file_last;
        is_flush |= b->flush;

        if (b->last_buf) {
            is_last = 1;

            if (err == RWITH_OK) {
                err = rwith_multistatus_finish(ctx->multistatus);
            }
        }

        if (err != RWITH_OK) {
            return NGX_ERROR;
        }
    }

    if (is_last || (is_flush && pipe->out == NULL)) {

        cl = ngx_alloc_chain_link(r->pool);
        b = ngx_calloc_buf(r->pool);

        if (cl == NULL || b == NULL) {
            return NGX_ERROR;
        }

        b->last_buf = is_last;
        b->flush = !is_last;
        cl->buf = b;
        cl->next = NULL;
        *pipe->last = cl;

    } else if (pipe->out == NULL) {
        return NGX_OK;
    }

    if (is_last) {
        ngx_http_retry_with_close_multistatus(ctx);
    }

    rc = next(r, pipe->out);

    ngx_chain_update_chains(r->pool, &pipe->free, &pipe->busy, &pipe->out,
                            (ngx_buf_tag_t) &ngx_http_retry_with_module);

    pipe->last = &pipe->out;
    pipe->buf = NULL;

    return rc;
}
