
/*
 * Who the upstream of a location is, as the supply file and the client's
 * names call it: from retry_with_rewrite, retry_with_origin, or proxy_pass.
 */

#include "ngx_http_retry_with_module.h"


extern ngx_module_t  ngx_http_proxy_module;


static ngx_int_t
ngx_http_retry_with_set_origin(ngx_conf_t *cf,
    ngx_http_retry_with_origin_t *to, ngx_str_t *url)
{
    char         *buf;
    rwith_slice   rest;
    ngx_uint_t    is_default;

    buf = ngx_pnalloc(cf->pool, url->len);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (rwith_origin_parse(ngx_http_retry_with_slice(url), buf, url->len,
                           &to->origin, &rest)
        != RWITH_OK)
    {
        return NGX_DECLINED;
    }

    if (rest.len && (rest.ptr[0] != '/'
                     || memchr(rest.ptr, '?', rest.len)
                     || memchr(rest.ptr, '#', rest.len)))
    {
        return NGX_DECLINED;
    }

    while (rest.len && rest.ptr[rest.len - 1] == '/') {
        rest.len--;
    }

    to->prefix.len = rest.len;
    to->prefix.data = (u_char *) rest.ptr;

    to->authority.data = ngx_pnalloc(cf->pool, to->origin.host.len
                                     + sizeof(":65535") - 1);
    if (to->authority.data == NULL) {
        return NGX_ERROR;
    }

    is_default = (to->origin.port == (to->origin.scheme.len == 5 ? 443 : 80));

    to->authority.len = ngx_sprintf(to->authority.data,
                                    is_default ? "%*s" : "%*s:%ui",
                                    to->origin.host.len, to->origin.host.ptr,
                                    (ngx_uint_t) to->origin.port)
                        - to->authority.data;

    return NGX_OK;
}


char *
ngx_http_retry_with_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t                      *value;
    ngx_int_t                       rc;
    ngx_http_retry_with_origin_t  **field, *to;

    field = (ngx_http_retry_with_origin_t **) (p + cmd->offset);

    if (*field != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    to = ngx_pcalloc(cf->pool, sizeof(ngx_http_retry_with_origin_t));
    if (to == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    rc = ngx_http_retry_with_set_origin(cf, to, &value[1]);

    if (rc == NGX_DECLINED) {
        return "needs a URL as \"https://host:port/prefix\", without query";
    }

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    *field = to;

    return NGX_CONF_OK;
}


char *
ngx_http_retry_with_names(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_retry_with_loc_conf_t *lcf = conf;

    ngx_str_t    *value;
    ngx_uint_t    i;
    rwith_slice  *name;

    if (lcf->names != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    lcf->names = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                  sizeof(rwith_slice));
    if (lcf->names == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        name = ngx_array_push(lcf->names);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_strlow(value[i].data, value[i].data, value[i].len);
        *name = ngx_http_retry_with_slice(&value[i]);
    }

    return NGX_CONF_OK;
}


/*
 * The configuration of every proxying module begins with that of the
 * upstream, and the location of proxy_pass has been merged before ours
 * (ngx_module_order).
 */

ngx_http_retry_with_origin_t *
ngx_http_retry_with_proxied_origin(ngx_conf_t *cf, ngx_uint_t *no_buffering)
{
    u_char                         *p;
    ngx_str_t                       url;
    ngx_http_upstream_conf_t       *ucf;
    ngx_http_upstream_srv_conf_t   *uscf;
    ngx_http_retry_with_origin_t   *to;

    ucf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_proxy_module);

    *no_buffering = (ucf->request_buffering == 0);

    uscf = ucf->upstream;
    if (uscf == NULL) {
        return NULL;
    }

    to = ngx_pcalloc(cf->pool, sizeof(ngx_http_retry_with_origin_t));
    if (to == NULL) {
        return NULL;
    }

    url.data = ngx_pnalloc(cf->pool, uscf->host.len
                                     + sizeof("https://:65535") - 1);
    if (url.data == NULL) {
        return NULL;
    }

    p = ngx_sprintf(url.data, "http%s://%V", ucf->ssl ? "s" : "",
                    &uscf->host);

    if (uscf->port) {
        p = ngx_sprintf(p, ":%ui", (ngx_uint_t) uscf->port);
    }

    url.len = p - url.data;

    if (ngx_http_retry_with_set_origin(cf, to, &url) != NGX_OK) {
        return NULL;
    }

    return to;
}
