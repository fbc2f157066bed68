
/*
 * What a gate's directives name, made into a policy while the configuration
 * is read: once per level, before the workers are forked, so that they share
 * its memory.  Every error and warning names file, line and, in a document,
 * the JSON Pointer.
 */

#include "ngx_http_retry_with_gate.h"
#include "ngx_http_retry_with_module.h"
#include "openapi/openapi.h"

#include <retrywith/rules.h>


static ngx_http_retry_with_policy_t *ngx_http_retry_with_get_policy(
    ngx_conf_t *cf, ngx_http_retry_with_gate_conf_t *conf);
static void ngx_http_retry_with_policy_cleanup(void *data);
static char *ngx_http_retry_with_base_path(ngx_conf_t *cf, rwith_slice *path);
static void ngx_http_retry_with_problem(void *data,
    const rwith_openapi_problem *problem);
static ngx_int_t ngx_http_retry_with_is_dropped(rwith_slice name,
    ngx_http_core_srv_conf_t *cscf, ngx_uint_t *underscore);


static ngx_http_retry_with_policy_t *
ngx_http_retry_with_get_policy(ngx_conf_t *cf,
    ngx_http_retry_with_gate_conf_t *conf)
{
    ngx_pool_cleanup_t            *cln;
    ngx_http_retry_with_policy_t  *p;

    if (conf->policy != NGX_CONF_UNSET_PTR) {
        return conf->policy;
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_retry_with_policy_t));
    if (cln == NULL) {
        return NULL;
    }

    p = cln->data;
    ngx_memzero(p, sizeof(ngx_http_retry_with_policy_t));

    cln->handler = ngx_http_retry_with_policy_cleanup;

    if (rwith_policy_builder_new(NULL, &p->builder) != RWITH_OK) {
        return NULL;
    }

    p->file = cf->conf_file->file.name;
    p->line = cf->conf_file->line;
    conf->policy = p;

    return p;
}


static void
ngx_http_retry_with_policy_cleanup(void *data)
{
    ngx_http_retry_with_policy_t *p = data;

    rwith_policy_builder_free(p->builder);
    rwith_policy_free(p->policy);

    p->builder = NULL;
    p->policy = NULL;
}


/* the second argument; path->ptr stays NULL without one */

static char *
ngx_http_retry_with_base_path(ngx_conf_t *cf, rwith_slice *path)
{
    ngx_str_t  *value;

    path->ptr = NULL;
    path->len = 0;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    value = cf->args->elts;

    if (ngx_strncmp(value[2].data, "base_path=", 10) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0101: "
                           "invalid parameter \"%V\", \"base_path=/…\" is "
                           "expected", &value[2]);
        return NGX_CONF_ERROR;
    }

    path->ptr = (const char *) value[2].data + 10;
    path->len = value[2].len - 10;

    if (path->len && path->ptr[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0102: "
                           "\"%V\" must begin with a slash", &value[2]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void
ngx_http_retry_with_log_problem(ngx_conf_t *cf, ngx_uint_t level,
    const rwith_openapi_problem *problem)
{
    /* a document that cannot be opened has no lines */

    if (problem->diagnostic.line == 0) {
        ngx_conf_log_error(level, cf, 0, "RW0112: %s: %s",
                           problem->file, problem->diagnostic.text);
        return;
    }

    ngx_conf_log_error(level, cf, 0,
                       "RW0103: %s:%uz: %s, at \"%s\"",
                       problem->file, problem->diagnostic.line,
                       problem->diagnostic.text, problem->pointer);
}


static void
ngx_http_retry_with_problem(void *data, const rwith_openapi_problem *problem)
{
    ngx_http_retry_with_log_problem(data, NGX_LOG_WARN, problem);
}


char *
ngx_http_retry_with_openapi(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    int                            rc;
    ngx_str_t                     *value;
    rwith_openapi_problem          problem;
    rwith_openapi_options          options;
    ngx_http_retry_with_policy_t  *p;

    ngx_memzero(&problem, sizeof(rwith_openapi_problem));
    ngx_memzero(&options, sizeof(rwith_openapi_options));

    if (ngx_http_retry_with_base_path(cf, &options.base_path)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    options.has_base_path = options.base_path.ptr != NULL;
    options.warn = ngx_http_retry_with_problem;
    options.warn_user = cf;

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    p = ngx_http_retry_with_get_policy(cf, conf);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    rc = rwith_openapi_load_file(p->builder, (const char *) value[1].data,
                                 &options, NULL, &problem);

    if (rc == RWITH_OK) {
        return NGX_CONF_OK;
    }

    if (rc == RWITH_ENOMEM) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0104: \"%V\": %s", &value[1],
                           rwith_err_text(rc));
        return NGX_CONF_ERROR;
    }

    ngx_http_retry_with_log_problem(cf, NGX_LOG_EMERG, &problem);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_retry_with_read_rules(ngx_conf_t *cf,
    ngx_http_retry_with_gate_conf_t *conf, rwith_slice base_path,
    ngx_str_t *name, ngx_str_t *text)
{
    int                            rc;
    rwith_diagnostic               diag;
    ngx_http_retry_with_policy_t  *p;

    p = ngx_http_retry_with_get_policy(cf, conf);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    rc = rwith_rules_read(p->builder, base_path,
                          ngx_http_retry_with_gate_slice(text), &diag);

    if (rc == RWITH_OK) {
        return NGX_CONF_OK;
    }

    if (rc != RWITH_EFILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0105: %s", rwith_err_text(rc));

    } else if (name) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0106: %V:%uz:%uz: %s", name,
                           diag.line, diag.column, diag.text);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0107: retry_with_require: column %uz: %s",
                           diag.column, diag.text);
    }

    return NGX_CONF_ERROR;
}


char *
ngx_http_retry_with_rules(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t        *value, text;
    rwith_slice       base_path;
    ngx_file_info_t   fi;

    if (ngx_http_retry_with_base_path(cf, &base_path) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK
        || ngx_http_retry_with_read_file(cf, &value[1], RWITH_RULES_FILE_MAX,
                                         &text, &fi)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_retry_with_read_rules(cf, conf, base_path, &value[1],
                                          &text);
}


char *
ngx_http_retry_with_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t    *value;
    rwith_slice   base_path;

    ngx_memzero(&base_path, sizeof(rwith_slice));

    value = cf->args->elts;

    return ngx_http_retry_with_read_rules(cf, conf, base_path, NULL,
                                          &value[1]);
}


/* once per level, when the first location below it is merged */

char *
ngx_http_retry_with_build_policy(ngx_conf_t *cf,
    ngx_http_retry_with_gate_conf_t *conf)
{
    int                            rc;
    rwith_policy_counts            counts;
    static ngx_uint_t              generation;
    ngx_http_retry_with_policy_t  *p;

    p = conf->policy;

    if (p->policy == NULL) {

        rc = rwith_policy_build(p->builder, NULL, &p->policy);
        if (rc != RWITH_OK) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "RW0108: the policy could not be built: %s (%V:%ui)",
                          rwith_err_text(rc), &p->file, p->line);
            return NGX_CONF_ERROR;
        }

        rwith_policy_builder_free(p->builder);
        p->builder = NULL;
        p->generation = ++generation;

        counts = rwith_policy_count(p->policy);

        if (conf->forward_auth && counts.needs[RWITH_IN_BODY]) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "RW0109: "
                          "\"retry_with_forward_auth\" sees no body: what %uz "
                          "operations need in theirs is not judged (%V:%ui)",
                          counts.needs[RWITH_IN_BODY], &p->file, p->line);
        }
    }

    return NGX_CONF_OK;
}


/* as ngx_http_parse_header_line() and the HTTP/2 module see names */

static ngx_int_t
ngx_http_retry_with_is_dropped(rwith_slice name,
    ngx_http_core_srv_conf_t *cscf, ngx_uint_t *underscore)
{
    size_t  i;
    u_char  c;

    *underscore = 0;

    if (!cscf->ignore_invalid_headers) {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        c = (u_char) name.ptr[i];

        if (c == '_') {
            if (cscf->underscores_in_headers) {
                continue;
            }

            *underscore = 1;
            return 1;
        }

        if (c != '-' && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z')
            && !(c >= 'a' && c <= 'z'))
        {
            return 1;
        }
    }

    return 0;
}


/* a field that nginx drops would always be missing */

static ngx_int_t
ngx_http_retry_with_check_server(ngx_conf_t *cf,
    ngx_http_retry_with_policy_t *p, ngx_http_core_srv_conf_t *cscf,
    const char *which)
{
    size_t       i;
    ngx_str_t    shown;
    ngx_uint_t   underscore;
    rwith_slice  name;

    for (i = 0; rwith_policy_header_name(p->policy, i, &name); i++) {

        if (!ngx_http_retry_with_is_dropped(name, cscf, &underscore)) {
            continue;
        }

        shown.data = (u_char *) name.ptr;
        shown.len = name.len;

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "RW0110: "
                      "the policy of %V:%ui needs the header field \"%V\", "
                      "but %s drops it: add \"%s;\" there",
                      &p->file, p->line, &shown, which,
                      underscore ? "underscores_in_headers on"
                                 : "ignore_invalid_headers off");
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_http_retry_with_check_names(ngx_conf_t *cf,
    ngx_http_retry_with_gate_conf_t *conf)
{
    ngx_uint_t                             i;
    ngx_http_core_srv_conf_t              *cscf;
    ngx_http_retry_with_place_t           *place;
    ngx_http_retry_with_gate_main_conf_t  *mcf;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    mcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_retry_with_gate_module);

    place = mcf->places.elts;

    for (i = 0; i < mcf->places.nelts; i++) {
        if (place[i].policy == conf->policy && place[i].server == cscf) {
            return NGX_CONF_OK;
        }
    }

    place = ngx_array_push(&mcf->places);
    if (place == NULL) {
        return NGX_CONF_ERROR;
    }

    place->policy = conf->policy;
    place->server = cscf;

    if (ngx_http_retry_with_check_server(cf, conf->policy, cscf,
                                         "the server")
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * Fields in front of Host are read by the rules of the address's default
 * server.
 */

static ngx_int_t
ngx_http_retry_with_check_address(ngx_conf_t *cf, ngx_http_conf_addr_t *addr,
    ngx_http_retry_with_place_t *place)
{
    ngx_uint_t                  i;
    ngx_http_core_srv_conf_t  **server;

    if (addr->default_server == place->server) {
        return NGX_OK;
    }

    server = addr->servers.elts;

    for (i = 0; i < addr->servers.nelts; i++) {

        if (server[i] == place->server) {
            return ngx_http_retry_with_check_server(cf, place->policy,
                                                    addr->default_server,
                                                    "the default server of "
                                                    "its address");
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_retry_with_check_default_servers(ngx_conf_t *cf)
{
    ngx_uint_t                             i, p, a;
    ngx_http_conf_port_t                  *port;
    ngx_http_conf_addr_t                  *addr;
    ngx_http_core_main_conf_t             *cmcf;
    ngx_http_retry_with_place_t           *place;
    ngx_http_retry_with_gate_main_conf_t  *mcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    mcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_retry_with_gate_module);

    if (cmcf->ports == NULL) {
        return NGX_OK;
    }

    place = mcf->places.elts;
    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {

        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {

            for (i = 0; i < mcf->places.nelts; i++) {

                if (ngx_http_retry_with_check_address(cf, &addr[a], &place[i])
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }
            }
        }
    }

    return NGX_OK;
}
