
/*
 * The gate's face to nginx: directives, their inheritance and variables.
 * Documents are read in ngx_http_retry_with_gate_policy.c, requests judged
 * in ngx_http_retry_with_gate_request.c.
 */

#include "ngx_http_retry_with_gate.h"


static ngx_int_t ngx_http_retry_with_gate_add_variables(ngx_conf_t *cf);
static ngx_int_t ngx_http_retry_with_gate_init(ngx_conf_t *cf);
static void *ngx_http_retry_with_gate_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_retry_with_gate_create_conf(ngx_conf_t *cf);
static char *ngx_http_retry_with_gate_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_retry_with_body_limit(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_retry_with_text(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_retry_with_cors(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_retry_with_missing_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_retry_with_substatus_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_retry_with_verdict_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


#define NGX_HTTP_RETRY_WITH_BODY_LIMIT  (16 * 1024 * 1024)

#define NGX_HTTP_RETRY_WITH_ANY                                               \
    (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)


static ngx_conf_enum_t  ngx_http_retry_with_modes[] = {
    { ngx_string("off"), NGX_HTTP_RETRY_WITH_OFF },
    { ngx_string("on"), NGX_HTTP_RETRY_WITH_ON },
    { ngx_string("report"), NGX_HTTP_RETRY_WITH_REPORT },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_retry_with_credentials[] = {
    { ngx_string("401"), RWITH_CREDENTIALS_401 },
    { ngx_string("449"), RWITH_CREDENTIALS_449 },
    { ngx_string("pass"), RWITH_CREDENTIALS_PASS },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_retry_with_unknown[] = {
    { ngx_string("pass"), 0 },
    { ngx_string("refuse"), 1 },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_retry_with_gate_commands[] = {

    { ngx_string("retry_with"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_gate_conf_t, mode),
      &ngx_http_retry_with_modes },

    { ngx_string("retry_with_openapi"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE12,
      ngx_http_retry_with_openapi,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("retry_with_rules"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE12,
      ngx_http_retry_with_rules,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("retry_with_require"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_http_retry_with_require,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("retry_with_credentials"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_gate_conf_t, credentials),
      &ngx_http_retry_with_credentials },

    { ngx_string("retry_with_unknown"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_gate_conf_t, unknown),
      &ngx_http_retry_with_unknown },

    { ngx_string("retry_with_cors"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_http_retry_with_cors,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_gate_conf_t, cors),
      NULL },

    { ngx_string("retry_with_body_limit"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE12,
      ngx_http_retry_with_body_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("retry_with_reason"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_http_retry_with_text,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_gate_conf_t, reason),
      NULL },

    { ngx_string("retry_with_forward_auth"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_gate_conf_t, forward_auth),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_retry_with_gate_module_ctx = {
    ngx_http_retry_with_gate_add_variables, /* preconfiguration */
    ngx_http_retry_with_gate_init,         /* postconfiguration */

    ngx_http_retry_with_gate_create_main_conf, /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_retry_with_gate_create_conf,  /* create location configuration */
    ngx_http_retry_with_gate_merge_conf    /* merge location configuration */
};


ngx_module_t  ngx_http_retry_with_gate_module = {
    NGX_MODULE_V1,
    &ngx_http_retry_with_gate_module_ctx,  /* module context */
    ngx_http_retry_with_gate_commands,     /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_variable_t  ngx_http_retry_with_gate_vars[] = {

    { ngx_string("retry_with_missing"), NULL,
      ngx_http_retry_with_missing_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("retry_with_substatus"), NULL,
      ngx_http_retry_with_substatus_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("retry_with_verdict"), NULL,
      ngx_http_retry_with_verdict_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static void
ngx_http_retry_with_set_value(ngx_http_variable_value_t *v, u_char *data,
    size_t len)
{
    v->data = data;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}


/* what is missing, written as in MS-RetryWith */

static ngx_int_t
ngx_http_retry_with_missing_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    size_t                           i, n, len;
    u_char                          *p;
    rwith_missing_list              *list;
    rwith_requirement                reqs[RWITH_REQUIREMENT_COUNT_MAX];
    ngx_http_retry_with_gate_ctx_t  *ctx;

    ctx = ngx_http_retry_with_gate_get_ctx(r);

    if (ctx == NULL || ctx->decision.verdict != RWITH_VERDICT_MISSING) {
        v->not_found = 1;
        return NGX_OK;
    }

    list = ngx_pcalloc(r->pool, sizeof(rwith_missing_list));
    p = ngx_pnalloc(r->pool, RWITH_HINT_MAX);
    if (list == NULL || p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_retry_with_gate_list(ctx, list);

    n = 0;

    for (i = 0; i < list->count; i++) {
        if (list->items[i].alternative == 0) {
            ngx_memzero(&reqs[n], sizeof(rwith_requirement));
            reqs[n].in = list->items[i].in;
            reqs[n++].name = list->items[i].name;
        }
    }

    len = rwith_requirement_write_hint(reqs, n, (char *) p, RWITH_HINT_MAX);

    ngx_http_retry_with_set_value(v, p, len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_substatus_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                          *p;
    ngx_http_retry_with_gate_ctx_t  *ctx;

    ctx = ngx_http_retry_with_gate_get_ctx(r);

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_retry_with_set_value(v, p,
        ngx_sprintf(p, "%ui", ctx ? (ngx_uint_t) ctx->decision.substatus
                                  : (ngx_uint_t) 0)
        - p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_verdict_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char                      *word;
    ngx_http_retry_with_gate_ctx_t  *ctx;

    ctx = ngx_http_retry_with_gate_get_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    word = rwith_verdict_word(ctx->decision.verdict);

    ngx_http_retry_with_set_value(v, (u_char *) word, ngx_strlen(word));

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_gate_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_retry_with_gate_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static void *
ngx_http_retry_with_gate_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_retry_with_gate_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_retry_with_gate_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mcf->places, cf->pool, 4,
                       sizeof(ngx_http_retry_with_place_t))
        != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


static void *
ngx_http_retry_with_gate_create_conf(ngx_conf_t *cf)
{
    ngx_http_retry_with_gate_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_retry_with_gate_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->cors = { 0, NULL };
     *     conf->reason = { 0, NULL };
     */

    conf->mode = NGX_CONF_UNSET_UINT;
    conf->policy = NGX_CONF_UNSET_PTR;
    conf->credentials = NGX_CONF_UNSET_UINT;
    conf->unknown = NGX_CONF_UNSET_UINT;
    conf->body_limit = NGX_CONF_UNSET;
    conf->body_refuse = NGX_CONF_UNSET_UINT;
    conf->forward_auth = NGX_CONF_UNSET;

    return conf;
}


static char *
ngx_http_retry_with_gate_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_retry_with_gate_conf_t *prev = parent;
    ngx_http_retry_with_gate_conf_t *conf = child;

    ngx_http_retry_with_gate_main_conf_t  *mcf;

    ngx_conf_merge_uint_value(conf->mode, prev->mode, NGX_HTTP_RETRY_WITH_ON);
    ngx_conf_merge_ptr_value(conf->policy, prev->policy, NULL);
    ngx_conf_merge_uint_value(conf->credentials, prev->credentials,
                              RWITH_CREDENTIALS_401);
    ngx_conf_merge_uint_value(conf->unknown, prev->unknown, 0);
    ngx_conf_merge_str_value(conf->cors, prev->cors, "");
    ngx_conf_merge_off_value(conf->body_limit, prev->body_limit,
                             NGX_HTTP_RETRY_WITH_BODY_LIMIT);
    ngx_conf_merge_uint_value(conf->body_refuse, prev->body_refuse, 0);
    ngx_conf_merge_str_value(conf->reason, prev->reason, "");
    ngx_conf_merge_value(conf->forward_auth, prev->forward_auth, 0);

    if (conf->policy == NULL || conf->mode == NGX_HTTP_RETRY_WITH_OFF) {
        return NGX_CONF_OK;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_retry_with_gate_module);
    mcf->is_used = 1;

    conf->options.credentials = (rwith_credentials_mode) conf->credentials;
    conf->options.report_only = conf->mode == NGX_HTTP_RETRY_WITH_REPORT;
    conf->options.unknown_refuse = conf->unknown == 1;

    if (ngx_http_retry_with_build_policy(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_retry_with_check_names(cf, conf);
}


static char *
ngx_http_retry_with_body_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_retry_with_gate_conf_t *gcf = conf;

    ngx_str_t  *value;

    if (gcf->body_limit != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    gcf->body_limit = ngx_parse_offset(&value[1]);
    if (gcf->body_limit == NGX_ERROR) {
        return "wants a size, as 64k or 10m";
    }

    gcf->body_refuse = 0;

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "refuse") == 0) {
            gcf->body_refuse = 1;

        } else if (ngx_strcmp(value[2].data, "pass") != 0) {
            return "wants \"pass\" or \"refuse\" behind the size";
        }
    }

    return NGX_CONF_OK;
}


/* what goes into a head as it stands */

static char *
ngx_http_retry_with_text(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    size_t      i;
    ngx_str_t  *field, *value;

    field = (ngx_str_t *) (p + cmd->offset);

    if (field->data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {
        if (value[1].data[i] < 0x20 || value[1].data[i] > 0x7e) {
            return "takes printable ASCII only";
        }
    }

    if (value[1].len == 0) {
        return "wants a value";
    }

    *field = value[1];

    return NGX_CONF_OK;
}


/* a field with two origins in it is none to a browser */

static char *
ngx_http_retry_with_cors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char     *host;
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "*") != 0 && value[1].len) {

        host = (u_char *) ngx_strstr(value[1].data, "://");

        if (host == NULL
            || host == value[1].data
            || host[3] == '\0'
            || host[3 + strcspn((char *) host + 3, "/?#, ")] != '\0')
        {
            return "wants one origin, as https://host:port, or *";
        }
    }

    return ngx_http_retry_with_text(cf, cmd, conf);
}


/* of this process, as ngx_http_retry_with_was_used is */

static ngx_uint_t  ngx_http_retry_with_gate_was_used;


static ngx_int_t
ngx_http_retry_with_gate_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt                   *h;
    ngx_http_core_main_conf_t             *cmcf;
    ngx_http_retry_with_gate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf,
                                             ngx_http_retry_with_gate_module);

    ngx_http_retry_with_gate_was_used |= mcf->is_used;

    if (!ngx_http_retry_with_gate_was_used) {
        /* a relay alone: no request comes this way */
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_retry_with_gate_handler;

    if (ngx_http_retry_with_check_default_servers(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_retry_with_gate_body_filter_init(cf);
}
