
/*
 * The module's face to nginx: directives, their inheritance, variables and
 * the phases.  What a directive's file means is read in
 * ngx_http_retry_with_files.c, what happens to a request is in
 * ngx_http_retry_with_answer.c.
 */

#include "ngx_http_retry_with_module.h"


static void *ngx_http_retry_with_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_retry_with_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_retry_with_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_retry_with_answer(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_retry_with_add_variables(ngx_conf_t *cf);
static ngx_int_t ngx_http_retry_with_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_retry_with_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


typedef enum {
    NGX_HTTP_RETRY_WITH_VAR_DIALECT = 0,
    NGX_HTTP_RETRY_WITH_VAR_ATTEMPTS,
    NGX_HTTP_RETRY_WITH_VAR_LEARNED,
    NGX_HTTP_RETRY_WITH_VAR_OUTCOME,
    NGX_HTTP_RETRY_WITH_VAR_ORIGIN
} ngx_http_retry_with_var_e;


static ngx_conf_num_bounds_t  ngx_http_retry_with_attempts_bounds = {
    ngx_conf_check_num_bounds, 1, RWITH_ATTEMPTS_MAX_LIMIT
};


/* no more than that are kept */
#define NGX_HTTP_RETRY_WITH_SPARE_MAX  256


#define NGX_HTTP_RETRY_WITH_ANY                                               \
    (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)


static ngx_command_t  ngx_http_retry_with_commands[] = {

    { ngx_string("retry_with_answer"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_FLAG,
      ngx_http_retry_with_answer,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_loc_conf_t, answer),
      NULL },

    { ngx_string("retry_with_supply"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_http_retry_with_supply,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("retry_with_dialect"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_http_retry_with_dialect,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("retry_with_only"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_http_retry_with_only,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_loc_conf_t, only),
      NULL },

    { ngx_string("retry_with_recall"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_http_retry_with_recall,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("retry_with_attempts"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_loc_conf_t, attempts),
      &ngx_http_retry_with_attempts_bounds },

    { ngx_string("retry_with_start_within"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_loc_conf_t, start_within),
      NULL },

    { ngx_string("retry_with_max_wait"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_loc_conf_t, max_wait),
      NULL },

    { ngx_string("retry_with_names"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_1MORE,
      ngx_http_retry_with_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("retry_with_origin"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_http_retry_with_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_loc_conf_t, origin),
      NULL },

    { ngx_string("retry_with_rewrite"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_http_retry_with_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_loc_conf_t, rewrite),
      NULL },

    { ngx_string("retry_with_verify_address"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_loc_conf_t, verify_address),
      NULL },

    { ngx_string("retry_with_own_credentials"),
      NGX_HTTP_RETRY_WITH_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_retry_with_loc_conf_t, own_credentials),
      NULL },

    { ngx_string("retry_with_sandbox"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_retry_with_sandbox,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_retry_with_module_ctx = {
    ngx_http_retry_with_add_variables,     /* preconfiguration */
    ngx_http_retry_with_init,              /* postconfiguration */

    ngx_http_retry_with_create_main_conf,  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_retry_with_create_loc_conf,   /* create location configuration */
    ngx_http_retry_with_merge_loc_conf     /* merge location configuration */
};


ngx_module_t  ngx_http_retry_with_module = {
    NGX_MODULE_V1,
    &ngx_http_retry_with_module_ctx,       /* module context */
    ngx_http_retry_with_commands,          /* module directives */
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


static ngx_http_variable_t  ngx_http_retry_with_vars[] = {

    { ngx_string("retry_with_dialect"), NULL, ngx_http_retry_with_variable,
      NGX_HTTP_RETRY_WITH_VAR_DIALECT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("retry_with_attempts"), NULL, ngx_http_retry_with_variable,
      NGX_HTTP_RETRY_WITH_VAR_ATTEMPTS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("retry_with_learned"), NULL, ngx_http_retry_with_variable,
      NGX_HTTP_RETRY_WITH_VAR_LEARNED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("retry_with_outcome"), NULL, ngx_http_retry_with_variable,
      NGX_HTTP_RETRY_WITH_VAR_OUTCOME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("retry_with_origin"), NULL, ngx_http_retry_with_variable,
      NGX_HTTP_RETRY_WITH_VAR_ORIGIN, 0, 0 },

      ngx_http_null_variable
};


/* of a worker: contexts of requests that are over, for those to come */

static ngx_http_retry_with_ctx_t  *ngx_http_retry_with_spare;
static ngx_uint_t                  ngx_http_retry_with_spare_n;

/*
 * nginx's filter chains are not a configuration's own: after a reload that
 * came to nothing they are those of the one that failed, and a worker that
 * the master starts then, for the old one, has them.  Who was once in them
 * stays in them.
 */

static ngx_uint_t                  ngx_http_retry_with_was_used;


/*
 * An internal redirect forgets the contexts of modules, but what was sent
 * and swallowed must not be forgotten: it is found by its pool cleanup.
 */

static void
ngx_http_retry_with_cleanup(void *data)
{
    ngx_http_retry_with_ctx_t *ctx = data;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ngx_http_retry_with_end_turn(ctx);

    rwith_exchange_free(ctx->exchange);
    ctx->exchange = NULL;

    if (ctx->multistatus) {
        ngx_http_retry_with_close_multistatus(ctx);
    }

    if (ngx_http_retry_with_spare_n == NGX_HTTP_RETRY_WITH_SPARE_MAX) {
        ngx_free(ctx);
        return;
    }

    ngx_memzero(ctx, offsetof(ngx_http_retry_with_ctx_t, mem));

    ctx->next = ngx_http_retry_with_spare;
    ngx_http_retry_with_spare = ctx;
    ngx_http_retry_with_spare_n++;
}


ngx_http_retry_with_ctx_t *
ngx_http_retry_with_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_retry_with_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_retry_with_module);

    if (ctx == NULL && (r->internal || r->filter_finalize)) {

        for (cln = r->pool->cleanup; cln; cln = cln->next) {
            if (cln->handler == ngx_http_retry_with_cleanup) {
                ctx = cln->data;
                ngx_http_set_ctx(r, ctx, ngx_http_retry_with_module);
                break;
            }
        }
    }

    return ctx;
}


ngx_http_retry_with_ctx_t *
ngx_http_retry_with_create_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_retry_with_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    ctx = ngx_http_retry_with_spare;

    if (ctx) {
        ngx_http_retry_with_spare = ctx->next;
        ngx_http_retry_with_spare_n--;

    } else {
        ctx = ngx_calloc(sizeof(ngx_http_retry_with_ctx_t),
                         r->connection->log);
        if (ctx == NULL) {
            return NULL;
        }
    }

    cln->handler = ngx_http_retry_with_cleanup;
    cln->data = ctx;
    ctx->request = r;

    ngx_http_retry_with_pool_mem(&ctx->mem, r->pool);
    ngx_http_set_ctx(r, ctx, ngx_http_retry_with_module);

    return ctx;
}


static ngx_int_t
ngx_http_retry_with_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                          *p;
    ngx_str_t                        value;
    ngx_http_retry_with_ctx_t       *ctx;
    ngx_http_retry_with_loc_conf_t  *lcf;

    ngx_str_null(&value);

    ctx = ngx_http_retry_with_get_ctx(r->main);

    if (data == NGX_HTTP_RETRY_WITH_VAR_ORIGIN) {
        lcf = ngx_http_get_module_loc_conf(r, ngx_http_retry_with_module);

        if (lcf->target) {
            value = lcf->target->authority;
        }

    } else if (ctx) {
        ngx_http_retry_with_report(ctx);

        switch (data) {

        case NGX_HTTP_RETRY_WITH_VAR_DIALECT:
            value = ctx->dialect;
            break;

        case NGX_HTTP_RETRY_WITH_VAR_OUTCOME:
            value = ctx->outcome;
            break;

        default:
            p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
            if (p == NULL) {
                return NGX_ERROR;
            }

            value.data = p;
            value.len = ngx_sprintf(p, "%ui",
                                    data == NGX_HTTP_RETRY_WITH_VAR_LEARNED
                                    ? ctx->learned
                                    : (ngx_uint_t) ctx->attempts)
                        - p;
        }
    }

    if (value.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = value.data;
    v->len = value.len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_retry_with_vars; v->name.len; v++) {
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
ngx_http_retry_with_create_main_conf(ngx_conf_t *cf)
{
    u_char                           *p;
    uint32_t                          n;
    ngx_uint_t                        i;
    ngx_table_elt_t                  *header;
    ngx_http_retry_with_main_conf_t  *mcf;

    static const ngx_uint_t  versions[NGX_HTTP_RETRY_WITH_VERSIONS] = {
        NGX_HTTP_VERSION_11, NGX_HTTP_VERSION_20, NGX_HTTP_VERSION_10,
        NGX_HTTP_VERSION_9
    };

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_retry_with_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mcf->sets, cf->pool, 2,
                       sizeof(ngx_http_retry_with_set_t))
        != NGX_OK)
    {
        return NULL;
    }

    ngx_http_retry_with_pool_mem(&mcf->mem, cf->pool);

    /* one name for all workers: a request that comes back is a loop */

    n = (uint32_t) ngx_random() ^ ((uint32_t) ngx_random() << 16)
        ^ ((uint32_t) ngx_pid << 8);

    header = NULL;

    for (i = 0; i < NGX_HTTP_RETRY_WITH_VERSIONS; i++) {
        p = ngx_pnalloc(cf->pool, sizeof("1.1 retrywith-00000000") - 1);
        if (p == NULL) {
            return NULL;
        }

        mcf->via[i].version = versions[i];

        header = &mcf->via[i].header;

        ngx_str_set(&header->key, "Via");
        header->lowcase_key = (u_char *) "via";
        header->hash = ngx_hash_key(header->lowcase_key, header->key.len);
        header->value.data = p;
        header->value.len = ngx_sprintf(p, "%ui.%ui retrywith-%08xD",
                                        versions[i] / 1000,
                                        versions[i] % 1000, n)
                            - p;
    }

    mcf->name.data = header->value.data + sizeof("1.1 ") - 1;
    mcf->name.len = header->value.len - (sizeof("1.1 ") - 1);

    return mcf;
}


static void *
ngx_http_retry_with_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_retry_with_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_retry_with_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->only = { 0, NULL };
     *     conf->conf_file = { 0, NULL };
     *     conf->dialects = NULL;
     */

    conf->answer = NGX_CONF_UNSET;
    conf->supply = NGX_CONF_UNSET_PTR;
    conf->dialect_files = NGX_CONF_UNSET_PTR;
    conf->recall = NGX_CONF_UNSET_PTR;
    conf->attempts = NGX_CONF_UNSET;
    conf->start_within = NGX_CONF_UNSET_MSEC;
    conf->max_wait = NGX_CONF_UNSET_MSEC;
    conf->names = NGX_CONF_UNSET_PTR;
    conf->own_credentials = NGX_CONF_UNSET;
    conf->origin = NGX_CONF_UNSET_PTR;
    conf->rewrite = NGX_CONF_UNSET_PTR;

    return conf;
}


static char *
ngx_http_retry_with_check_location(ngx_conf_t *cf,
    ngx_http_retry_with_loc_conf_t *conf, ngx_uint_t no_buffering)
{
    size_t                            i;
    ngx_http_core_loc_conf_t         *clcf;
    ngx_http_retry_with_main_conf_t  *mcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (no_buffering) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "RW0024: "
                      "\"proxy_request_buffering off\" in location \"%V\" "
                      "leaves nothing to send again: remove it, or switch "
                      "\"retry_with_answer\" (%V:%ui) off there",
                      &clcf->name, &conf->conf_file, conf->conf_line);
        return NGX_CONF_ERROR;
    }

    if (conf->target == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "RW0025: "
                      "the origin behind location \"%V\" is not known when "
                      "the configuration is read: name it with "
                      "\"retry_with_origin\", or switch "
                      "\"retry_with_answer\" (%V:%ui) off there",
                      &clcf->name, &conf->conf_file, conf->conf_line);
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_retry_with_module);
    mcf->is_used = 1;

    conf->dialects = ngx_http_retry_with_get_set(cf, mcf, conf);
    if (conf->dialects == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_retry_with_make_opening(cf, &mcf->mem, conf)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->supply) {
        for (i = 0; i < rwith_supply_count(conf->supply); i++) {
            if (rwith_supply_at(conf->supply, i)->send_always) {
                conf->sends_unasked = 1;
            }
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_retry_with_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_retry_with_loc_conf_t *prev = parent;
    ngx_http_retry_with_loc_conf_t *conf = child;

    ngx_uint_t                     no_buffering;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_retry_with_origin_t  *proxied;

    if (conf->conf_file.len == 0) {
        conf->conf_file = prev->conf_file;
        conf->conf_line = prev->conf_line;
    }

    ngx_conf_merge_value(conf->answer, prev->answer, 0);
    ngx_conf_merge_ptr_value(conf->supply, prev->supply, NULL);
    ngx_conf_merge_ptr_value(conf->dialect_files, prev->dialect_files, NULL);

    if (conf->only.data == NULL) {
        conf->only_file = prev->only_file;
        conf->only_line = prev->only_line;
    }

    ngx_conf_merge_str_value(conf->only, prev->only, "");
    ngx_conf_merge_ptr_value(conf->recall, prev->recall, NULL);
    ngx_conf_merge_value(conf->attempts, prev->attempts,
                         RWITH_ATTEMPTS_MAX_DEFAULT);
    ngx_conf_merge_msec_value(conf->start_within, prev->start_within,
                              RWITH_START_WITHIN_MS_DEFAULT);
    ngx_conf_merge_msec_value(conf->max_wait, prev->max_wait,
                              RWITH_WAIT_MAX_MS_DEFAULT);
    ngx_conf_merge_ptr_value(conf->names, prev->names, NULL);
    ngx_conf_merge_value(conf->own_credentials, prev->own_credentials, 0);
    ngx_conf_merge_str_value(conf->verify_address, prev->verify_address, "");
    ngx_conf_merge_ptr_value(conf->rewrite, prev->rewrite, NULL);
    ngx_conf_merge_ptr_value(conf->origin, prev->origin, NULL);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == NULL
        || (!conf->answer && conf->verify_address.len == 0))
    {
        return NGX_CONF_OK;
    }

    proxied = ngx_http_retry_with_proxied_origin(cf, &no_buffering);

    conf->is_variable = (proxied == NULL);
    conf->target = conf->rewrite ? conf->rewrite : proxied;

    if (conf->origin) {
        conf->target = conf->origin;
    }

    if (conf->answer
        && ngx_http_retry_with_check_location(cf, conf, no_buffering)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->verify_address.len) {
        return ngx_http_retry_with_verify_address(cf, conf);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_retry_with_answer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_retry_with_loc_conf_t *lcf = conf;

    /* errors that show only after the merge name this place */

    lcf->conf_file = cf->conf_file->file.name;
    lcf->conf_line = cf->conf_file->line;

    return ngx_conf_set_flag_slot(cf, cmd, conf);
}


static ngx_int_t
ngx_http_retry_with_add_handler(ngx_http_core_main_conf_t *cmcf,
    ngx_http_phases phase, ngx_http_handler_pt handler)
{
    ngx_http_handler_pt  *h;

    h = ngx_array_push(&cmcf->phases[phase].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_init(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t        *cmcf;
    ngx_http_retry_with_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_retry_with_module);

    ngx_http_retry_with_was_used |= mcf->is_used;

    if (!ngx_http_retry_with_was_used) {
        /* a gate alone: no request comes this way */
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (ngx_http_retry_with_add_handler(cmcf, NGX_HTTP_PRECONTENT_PHASE,
                                       ngx_http_retry_with_precontent_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_retry_with_add_handler(cmcf, NGX_HTTP_CONTENT_PHASE,
                                        ngx_http_retry_with_content_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_retry_with_hold_init(cf);
}
