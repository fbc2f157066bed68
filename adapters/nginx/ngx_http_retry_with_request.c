
/*
 * The request: as the core sees it, and as an attempt sends it.  The proxy
 * module builds the upstream's request from the client's own fields and
 * target, so these are changed while it does and put back at once: what was
 * added must not show in variables or logs.
 */

#include "ngx_http_retry_with_module.h"


static ngx_int_t ngx_http_retry_with_view_target(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx);
static ngx_int_t ngx_http_retry_with_patch_fields(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, const rwith_effect *effect);
static ngx_int_t ngx_http_retry_with_patch_whole(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, const rwith_effect *effect);
static void ngx_http_retry_with_use_headers(ngx_http_request_t *r,
    ngx_list_t *headers);
static void ngx_http_retry_with_patch_target(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, rwith_slice target);
static u_char *ngx_http_retry_with_log_handler(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len);


ngx_int_t
ngx_http_retry_with_fields(ngx_pool_t *pool, ngx_list_t *list,
    rwith_field *room, const rwith_field **fields, size_t *count)
{
    size_t            n;
    ngx_uint_t        i;
    rwith_field      *field;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    n = 0;

    for (part = &list->part; part; part = part->next) {
        n += part->nelts;
    }

    field = room;

    if (room == NULL || n > NGX_HTTP_RETRY_WITH_ROOM) {
        field = ngx_palloc(pool, (n + 1) * sizeof(rwith_field));
        if (field == NULL) {
            return NGX_ERROR;
        }
    }

    *fields = field;
    *count = 0;

    for (part = &list->part; part; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (header[i].hash == 0) {
                continue;
            }

            field->name = ngx_http_retry_with_slice(&header[i].key);
            field->value = ngx_http_retry_with_slice(&header[i].value);
            field++;
            (*count)++;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_retry_with_view(ngx_http_request_t *r, ngx_http_retry_with_ctx_t *ctx)
{
    rwith_request  *view;

    view = &ctx->view;

    if (view->fields) {
        return NGX_OK;
    }

    if (ngx_http_retry_with_fields(r->pool, &r->headers_in.headers, ctx->room,
                                   &view->fields, &view->field_count)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    view->method = ngx_http_retry_with_slice(&r->method_name);
    view->origin = ctx->conf->target->origin;
    view->has_body = r->headers_in.content_length_n >= 0
                     || r->headers_in.chunked;
    view->is_replayable = true;
    view->may_patch_body = false;

    ctx->verdict = ngx_http_retry_with_judge(r, ctx);
    view->may_add = (ctx->verdict == RWITH_TRUST_ADD);

    return ngx_http_retry_with_view_target(r, ctx);
}


/* the raw target at the origin; of a rewritten request the escaped one */

static ngx_int_t
ngx_http_retry_with_view_target(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    u_char     *p;
    size_t      len;
    uintptr_t   escape;
    ngx_str_t  *prefix;

    static ngx_str_t  none = ngx_string("");

    prefix = ctx->conf->rewrite ? &ctx->conf->rewrite->prefix : &none;

    if (r->valid_unparsed_uri && prefix->len == 0) {
        ctx->view.target = ngx_http_retry_with_slice(&r->unparsed_uri);
        return NGX_OK;
    }

    escape = 0;

    if (r->valid_unparsed_uri) {
        len = prefix->len + r->unparsed_uri.len;

    } else {
        escape = 2 * ngx_escape_uri(NULL, r->uri.data, r->uri.len,
                                    NGX_ESCAPE_URI);
        len = prefix->len + r->uri.len + escape + 1 + r->args.len;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->view.target.ptr = (char *) p;

    p = ngx_cpymem(p, prefix->data, prefix->len);

    if (r->valid_unparsed_uri) {
        p = ngx_cpymem(p, r->unparsed_uri.data, r->unparsed_uri.len);

    } else {
        if (escape) {
            p = (u_char *) ngx_escape_uri(p, r->uri.data, r->uri.len,
                                          NGX_ESCAPE_URI);
        } else {
            p = ngx_cpymem(p, r->uri.data, r->uri.len);
        }

        if (r->args.len) {
            *p++ = '?';
            p = ngx_cpymem(p, r->args.data, r->args.len);
        }
    }

    ctx->view.target.len = p - (u_char *) ctx->view.target.ptr;

    return NGX_OK;
}


ngx_int_t
ngx_http_retry_with_patch(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, const rwith_effect *effect)
{
    rwith_slice  target;

    ctx->saved.headers = r->headers_in.headers;
    ctx->is_saved = 1;

    ctx->hops = ctx->is_relay
                ? ngx_http_retry_with_named_hops(&ctx->saved.headers) : NULL;

    if (ctx->is_obtaining) {
        if (ngx_http_retry_with_patch_whole(r, ctx, effect) != NGX_OK) {
            ngx_http_retry_with_restore(r, ctx);
            return NGX_ERROR;
        }

    } else if (ctx->is_relay
               || (effect ? effect->set_count : ctx->opened))
    {
        if (ngx_http_retry_with_patch_fields(r, ctx, effect) != NGX_OK) {
            ngx_http_retry_with_restore(r, ctx);
            return NGX_ERROR;
        }
    }

    target = effect ? effect->target : ctx->view.target;

    if (target.len
        && (ctx->is_obtaining
            || target.len != r->unparsed_uri.len
            || ngx_memcmp(target.ptr, r->unparsed_uri.data, target.len) != 0))
    {
        ngx_http_retry_with_patch_target(r, ctx, target);
    }

    return NGX_OK;
}


static void
ngx_http_retry_with_patch_target(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, rwith_slice target)
{
    u_char                       *query, *end;
    ngx_http_retry_with_saved_t  *saved;

    saved = &ctx->saved;

    saved->unparsed_uri = r->unparsed_uri;
    saved->uri = r->uri;
    saved->args = r->args;
    saved->valid_unparsed_uri = r->valid_unparsed_uri;
    saved->valid_location = r->valid_location;
    saved->quoted_uri = r->quoted_uri;
    saved->internal = r->internal;
    ctx->is_moved = 1;

    if (r->log_handler != ngx_http_retry_with_log_handler) {
        ctx->log_handler = r->log_handler;
        r->log_handler = ngx_http_retry_with_log_handler;
    }

    ctx->logged_uri = r->unparsed_uri;

    r->unparsed_uri.data = (u_char *) target.ptr;
    r->unparsed_uri.len = target.len;
    r->valid_unparsed_uri = 1;

    /* for a proxy_pass with a path of its own */

    end = r->unparsed_uri.data + target.len;
    query = ngx_strlchr(r->unparsed_uri.data, end, '?');

    if (query) {
        r->args.data = query + 1;
        r->args.len = end - r->args.data;
    }

    if (!ctx->is_obtaining) {
        return;
    }

    /* a dialect names a path of the origin's: it takes the place of all */

    if (query == NULL) {
        r->args.len = 0;
    }

    r->uri.data = r->unparsed_uri.data;
    r->uri.len = (query ? query : end) - r->uri.data;
    r->valid_location = 0;
    r->quoted_uri = 0;
    r->internal = 0;
}


/* a message names the upstream's target: without what was added to it */

static u_char *
ngx_http_retry_with_log_handler(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len)
{
    u_char                     *p;
    ngx_str_t                   uri;
    ngx_http_upstream_t        *u;
    ngx_http_retry_with_ctx_t  *ctx;

    ctx = ngx_http_retry_with_get_ctx(r);
    u = sr->upstream;

    if (ctx == NULL || ctx->log_handler == NULL) {
        return buf;
    }

    if (u == NULL || sr != r) {
        return ctx->log_handler(r, sr, buf, len);
    }

    uri = u->uri;
    u->uri = ctx->logged_uri;
    p = ctx->log_handler(r, sr, buf, len);
    u->uri = uri;

    return p;
}


static ngx_uint_t
ngx_http_retry_with_is_set(const rwith_effect *effect, ngx_str_t *name)
{
    size_t       i;
    rwith_slice  slice;

    slice = ngx_http_retry_with_slice(name);

    for (i = 0; effect && i < effect->set_count; i++) {
        if (effect->set[i].name.len == slice.len
            && rwith_slice_equal_nocase(effect->set[i].name, slice))
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_retry_with_push_field(ngx_pool_t *pool, ngx_list_t *headers,
    rwith_slice name, rwith_slice value)
{
    ngx_table_elt_t  *header;

    header = ngx_list_push(headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_retry_with_set_field(pool, header, name, value);
}


ngx_int_t
ngx_http_retry_with_set_field(ngx_pool_t *pool, ngx_table_elt_t *header,
    rwith_slice name, rwith_slice value)
{
    ngx_memzero(header, sizeof(ngx_table_elt_t));

    header->key.data = (u_char *) name.ptr;
    header->key.len = name.len;
    header->value.data = (u_char *) value.ptr;
    header->value.len = value.len;

    header->lowcase_key = ngx_pnalloc(pool, name.len);
    if (header->lowcase_key == NULL) {
        header->hash = 0;
        return NGX_ERROR;
    }

    header->hash = ngx_hash_strlow(header->lowcase_key, header->key.data,
                                   header->key.len);

    return NGX_OK;
}


/*
 * What is added behind the client's own fields; an empty Cookie says that
 * none is left.
 */

static ngx_int_t
ngx_http_retry_with_push_added(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, const rwith_effect *effect,
    ngx_list_t *headers)
{
    size_t              i;
    uint64_t            lines;
    ngx_table_elt_t    *header;
    const rwith_field  *field;

    lines = effect ? 0 : ctx->opened;

    for (i = 0; lines; i++, lines >>= 1) {

        if (lines & 1) {
            header = ngx_list_push(headers);
            if (header == NULL) {
                return NGX_ERROR;
            }

            *header = ctx->conf->lines[i];
        }
    }

    for (i = 0; effect && i < effect->set_count; i++) {
        field = &effect->set[i];

        if (field->value.len == 0
            && rwith_slice_equal_nocase(field->name, RWITH_LIT("Cookie")))
        {
            continue;
        }

        if (ngx_http_retry_with_push_field(r->pool, headers, field->name,
                                           field->value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ctx->is_relay) {
        return ngx_http_retry_with_push_via(r, ctx, headers);
    }

    return NGX_OK;
}


/*
 * Do the fields only get longer, within the room that the list has?  Then
 * the list itself is used, and what was added goes with the saved copy of
 * its head.
 */

static ngx_uint_t
ngx_http_retry_with_only_grows(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, const rwith_effect *effect)
{
    uint64_t          lines;
    ngx_uint_t        n;
    ngx_list_t       *list;
    ngx_table_elt_t  *header;

    list = &r->headers_in.headers;
    n = (effect ? effect->set_count : 0) + 1;

    for (lines = effect ? 0 : ctx->opened; lines; lines &= lines - 1) {
        n++;
    }

    if (list->last != &list->part || list->part.nelts + n > list->nalloc) {
        return 0;
    }

    header = list->part.elts;

    for (n = 0; n < list->part.nelts; n++) {
        if (ngx_http_retry_with_is_set(effect, &header[n].key)
            || !ngx_http_retry_with_passes(r, ctx, &header[n]))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_retry_with_patch_fields(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, const rwith_effect *effect)
{
    ngx_uint_t        n;
    ngx_list_t        headers;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    if (ngx_http_retry_with_only_grows(r, ctx, effect)) {
        return ngx_http_retry_with_push_added(r, ctx, effect,
                                              &r->headers_in.headers);
    }

    if (ngx_list_init(&headers, r->pool, 24, sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        header = part->elts;

        for (n = 0; n < part->nelts; n++) {

            if (ngx_http_retry_with_is_set(effect, &header[n].key)) {
                continue;
            }

            if (ngx_http_retry_with_push_request(r, ctx, &headers, &header[n])
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (ngx_http_retry_with_push_added(r, ctx, effect, &headers) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_retry_with_use_headers(r, &headers);

    return NGX_OK;
}


static void
ngx_http_retry_with_use_headers(ngx_http_request_t *r, ngx_list_t *headers)
{
    r->headers_in.headers = *headers;

    /* a list of one part points into itself */

    if (headers->last == &headers->part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }
}


/* OBTAIN: a request of its own, without content */

static ngx_int_t
ngx_http_retry_with_patch_whole(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, const rwith_effect *effect)
{
    ngx_list_t                    headers;
    ngx_http_request_body_t      *body;
    ngx_http_retry_with_saved_t  *saved;

    body = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    if (body == NULL) {
        return NGX_ERROR;
    }

    if (ngx_list_init(&headers, r->pool, 8, sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_retry_with_push_added(r, ctx, effect, &headers) != NGX_OK) {
        return NGX_ERROR;
    }

    saved = &ctx->saved;

    saved->method = r->method;
    saved->method_name = r->method_name;
    saved->request_body = r->request_body;
    saved->content_length_n = r->headers_in.content_length_n;
    saved->chunked = r->headers_in.chunked;
    ctx->is_whole = 1;

    ngx_http_retry_with_use_headers(r, &headers);

    r->method_name.data = (u_char *) effect->method.ptr;
    r->method_name.len = effect->method.len;

    /* the proxy module goes by the name; a cache has nothing to say here */
    r->method = NGX_HTTP_UNKNOWN;

    r->request_body = body;
    r->headers_in.content_length_n = -1;
    r->headers_in.chunked = 0;

    return NGX_OK;
}


/*
 * A proxy_pass whose path is made of variables has it put in place of every
 * target: then a fetch cannot be sent where the dialect says.  nginx shows
 * that path to nobody; the request line that it made does.
 */

ngx_uint_t
ngx_http_retry_with_went_astray(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx, rwith_slice target)
{
    u_char  *p, *last;
    size_t   len;

    if (r->upstream == NULL || r->upstream->request_bufs == NULL) {
        return 0;
    }

    p = r->upstream->request_bufs->buf->start;
    last = r->upstream->request_bufs->buf->last;

    p = ngx_strlchr(p, last, ' ');
    if (p == NULL) {
        return 0;
    }

    p++;
    len = last - p;

    if (len > target.len
        && ngx_memcmp(p, target.ptr, target.len) == 0
        && p[target.len] == ' ')
    {
        return 0;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "RW0029: "
                  "retry_with: \"proxy_pass\" has a path of variables "
                  "where \"retry_with_answer\" (%V:%ui) is on: what a "
                  "dialect fetches is not there",
                  &ctx->conf->conf_file, ctx->conf->conf_line);

    return 1;
}


void
ngx_http_retry_with_restore(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    ngx_http_retry_with_saved_t  *saved;

    saved = &ctx->saved;

    if (!ctx->is_saved) {
        return;
    }

    r->headers_in.headers = saved->headers;

    if (ctx->is_moved) {
        r->unparsed_uri = saved->unparsed_uri;
        r->uri = saved->uri;
        r->args = saved->args;
        r->valid_unparsed_uri = saved->valid_unparsed_uri;
        r->valid_location = saved->valid_location;
        r->quoted_uri = saved->quoted_uri;
        r->internal = saved->internal;
    }

    if (ctx->is_whole) {
        r->method = saved->method;
        r->method_name = saved->method_name;
        r->request_body = saved->request_body;
        r->headers_in.content_length_n = saved->content_length_n;
        r->headers_in.chunked = saved->chunked;
    }

    ctx->is_saved = 0;
    ctx->is_moved = 0;
    ctx->is_whole = 0;
}
