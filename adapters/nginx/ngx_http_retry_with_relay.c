
/*
 * Who is admitted, and what is said in this server's own name to who is not.
 * The rules of trust are the core's (trust.h).
 */

#include "ngx_http_retry_with_module.h"


typedef struct {
    ngx_uint_t                         status;
    ngx_str_t                          title;
    ngx_str_t                          detail;
} ngx_http_retry_with_problem_t;


static ngx_int_t ngx_http_retry_with_refuse(ngx_http_request_t *r,
    const ngx_http_retry_with_problem_t *problem);


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


/* a shared connection would carry out the next one's in its name */

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

        if (ctx->view.fields[i].name.len == sizeof("Via") - 1
            && rwith_slice_equal_nocase(ctx->view.fields[i].name,
                                        RWITH_LIT("Via"))
            && ngx_strlcasestrn((u_char *) ctx->view.fields[i].value.ptr,
                                (u_char *) ctx->view.fields[i].value.ptr
                                + ctx->view.fields[i].value.len,
                                mcf->name.data, mcf->name.len - 1))
        {
            return 1;
        }
    }

    return 0;
}


/* of an OPTIONS request; TRACE is refused */

ngx_table_elt_t *
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
