
/*
 * Certificates of origins that are named by an address.  nginx compares the
 * names of a certificate only; OpenSSL knows its addresses too.
 */

#include "ngx_http_retry_with_module.h"


extern ngx_module_t  ngx_http_proxy_module;


#if (NGX_HTTP_SSL)

#define NGX_HTTP_RETRY_WITH_DEPTH  8


char *
ngx_http_retry_with_verify_address(ngx_conf_t *cf,
    ngx_http_retry_with_loc_conf_t *conf)
{
    u_char                    *host;
    rwith_slice                s;
    ngx_ssl_t                 *ssl;
    X509_VERIFY_PARAM         *param;
    ngx_http_upstream_conf_t  *ucf;

    ucf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_proxy_module);
    ssl = ucf->ssl;

    if (ssl == NULL || ssl->ctx == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "RW0001: "
                      "\"retry_with_verify_address\" is for a proxy_pass to "
                      "https");
        return NGX_CONF_ERROR;
    }

    if (conf->target == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "RW0030: "
                      "\"retry_with_verify_address\" needs to know the "
                      "address: name it with \"retry_with_origin\"");
        return NGX_CONF_ERROR;
    }

    s = conf->target->origin.host;

    if (s.len > 2 && s.ptr[0] == '[') {
        s.ptr++;
        s.len -= 2;
    }

    host = ngx_pnalloc(cf->temp_pool, s.len + 1);
    if (host == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_cpystrn(host, (u_char *) s.ptr, s.len + 1);

    if (ngx_conf_full_name(cf->cycle, &conf->verify_address, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (SSL_CTX_load_verify_locations(ssl->ctx,
                                      (char *) conf->verify_address.data, NULL)
        != 1)
    {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_load_verify_locations(\"%s\") failed",
                      conf->verify_address.data);
        return NGX_CONF_ERROR;
    }

    param = SSL_CTX_get0_param(ssl->ctx);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, (char *) host) != 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "RW0002: "
                      "\"retry_with_verify_address\" is for an origin that is "
                      "named by an address, \"%s\" is none", host);
        return NGX_CONF_ERROR;
    }

    X509_VERIFY_PARAM_set_depth(param, NGX_HTTP_RETRY_WITH_DEPTH);
    SSL_CTX_set_verify(ssl->ctx, SSL_VERIFY_PEER, NULL);

    return NGX_CONF_OK;
}


#else

char *
ngx_http_retry_with_verify_address(ngx_conf_t *cf,
    ngx_http_retry_with_loc_conf_t *conf)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "RW0003: "
                  "\"retry_with_verify_address\" needs an nginx with SSL");
    return NGX_CONF_ERROR;
}

#endif
