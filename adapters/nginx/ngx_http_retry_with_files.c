
/*
 * Supply and dialect files, read while the configuration is: every error
 * names file, line and column, and no value ever reaches a log.  The core
 * reads the text; opening files, the environment and the owner's permissions
 * are looked after here.
 */

#include "ngx_http_retry_with_module.h"


static void *ngx_http_retry_with_alloc(size_t size, void *user);
static void ngx_http_retry_with_free(void *ptr, void *user);
static char *ngx_http_retry_with_octal(ngx_uint_t mode, char *buf);
static ngx_int_t ngx_http_retry_with_resolve(ngx_conf_t *cf,
    ngx_str_t *name, rwith_supply *supply);


void
ngx_http_retry_with_pool_mem(rwith_alloc *mem, ngx_pool_t *pool)
{
    mem->alloc = ngx_http_retry_with_alloc;
    mem->free = ngx_http_retry_with_free;
    mem->user = pool;
}


static void *
ngx_http_retry_with_alloc(size_t size, void *user)
{
    return ngx_palloc(user, size);
}


static void
ngx_http_retry_with_free(void *ptr, void *user)
{
    /* only what has a block of its own can go before its pool does */

    if (ptr) {
        (void) ngx_pfree(user, ptr);
    }
}


/* "/dev/fd/N" and "/proc/self/fd/N" are handed in, open, by our starter */

static ngx_int_t
ngx_http_retry_with_inherited_fd(ngx_str_t *name)
{
    size_t             i;
    static ngx_str_t   folders[] = {
        ngx_string("/dev/fd/"),
        ngx_string("/proc/self/fd/")
    };

    for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {

        if (name->len > folders[i].len
            && ngx_strncmp(name->data, folders[i].data, folders[i].len) == 0)
        {
            return ngx_atoi(name->data + folders[i].len,
                            name->len - folders[i].len);
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_retry_with_read_fd(ngx_conf_t *cf, ngx_str_t *name, ngx_fd_t fd,
    size_t max, ngx_str_t *text, ngx_file_info_t *fi)
{
    ssize_t  n;
    size_t   len;

    if (ngx_fd_info(fd, fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "RW0006: "
                           ngx_fd_info_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    if (!ngx_is_file(fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0007: \"%V\" is no regular file", name);
        return NGX_ERROR;
    }

    if (ngx_file_size(fi) > (off_t) max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0008: "
                           "\"%V\" is longer than %uz bytes", name, max);
        return NGX_ERROR;
    }

    len = (size_t) ngx_file_size(fi);

    text->data = ngx_pnalloc(cf->pool, len + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    for (text->len = 0; text->len < len; text->len += n) {

        n = pread(fd, text->data + text->len, len - text->len, text->len);

        if (n == -1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               "RW0009: pread() \"%V\" failed", name);
            return NGX_ERROR;
        }

        if (n == 0) {
            break;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_retry_with_read_file(ngx_conf_t *cf, ngx_str_t *name, size_t max,
    ngx_str_t *text, ngx_file_info_t *fi)
{
    ngx_fd_t   fd;
    ngx_int_t  rc, inherited;

    inherited = ngx_http_retry_with_inherited_fd(name);
    if (inherited != NGX_ERROR) {
        return ngx_http_retry_with_read_fd(cf, name, (ngx_fd_t) inherited,
                                           max, text, fi);
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "RW0010: "
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    rc = ngx_http_retry_with_read_fd(cf, name, fd, max, text, fi);

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      "RW0011: "
                      ngx_close_file_n " \"%V\" failed", name);
    }

    return rc;
}


/* nginx's own formats know no octal */

static char *
ngx_http_retry_with_octal(ngx_uint_t mode, char *buf)
{
    ngx_uint_t  i;

    for (i = 0; i < 4; i++) {
        buf[i] = (char) ('0' + (mode >> (9 - 3 * i) & 7));
    }

    buf[4] = '\0';

    return buf;
}


/* the rules of trust, 7: nobody else may have written, or read, values */

static ngx_int_t
ngx_http_retry_with_check_owner(ngx_conf_t *cf, ngx_str_t *name,
    ngx_file_info_t *fi, ngx_uint_t has_secrets)
{
    char  mode[sizeof("0000")];

    if (ngx_http_retry_with_inherited_fd(name) != NGX_ERROR) {
        return NGX_OK;
    }

    if (fi->st_uid != geteuid() && fi->st_uid != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0012: "
                           "\"%V\" belongs to another user (%ui): chown it "
                           "to the one that starts nginx", name,
                           (ngx_uint_t) fi->st_uid);
        return NGX_ERROR;
    }

    if (fi->st_mode & (S_IWGRP|S_IWOTH)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0013: "
                           "\"%V\" may be written by others (mode %s): "
                           "chmod go-w it", name,
                           ngx_http_retry_with_octal(fi->st_mode, mode));
        return NGX_ERROR;
    }

    if (has_secrets && (fi->st_mode & (S_IRGRP|S_IROTH))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0014: "
                           "\"%V\" holds values and may be read by others "
                           "(mode %s): chmod 600 it", name,
                           ngx_http_retry_with_octal(fi->st_mode, mode));
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_retry_with_diagnose(ngx_conf_t *cf, ngx_str_t *name, int err,
    rwith_diagnostic *diag)
{
    if (err == RWITH_EFILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0015: %V:%uz:%uz: %s",
                           name, diag->line, diag->column, diag->text);
        return;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "RW0016: %V: %s", name,
                       rwith_err_text(err));
}


static void
ngx_http_retry_with_supply_cleanup(void *data)
{
    /* wipes the values */
    rwith_supply_free(data);
}


char *
ngx_http_retry_with_supply(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_retry_with_loc_conf_t *lcf = conf;

    int                               rc;
    bool                              has_literals;
    ngx_str_t                        *value, name, text;
    rwith_supply                     *supply;
    ngx_file_info_t                   fi;
    rwith_diagnostic                  diag;
    ngx_pool_cleanup_t               *cln;
    ngx_http_retry_with_main_conf_t  *mcf;

    if (lcf->supply != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_retry_with_module);

    value = cf->args->elts;
    name = value[1];

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_retry_with_read_file(cf, &name, RWITH_SUPPLY_FILE_MAX, &text,
                                      &fi)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    rc = rwith_supply_new(&mcf->mem, &supply);
    if (rc != RWITH_OK) {
        ngx_http_retry_with_diagnose(cf, &name, rc, NULL);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_retry_with_supply_cleanup;
    cln->data = supply;

    has_literals = false;
    rc = rwith_supply_read(supply, ngx_http_retry_with_slice(&text),
                           &has_literals, &diag);

    ngx_explicit_memzero(text.data, text.len);

    if (rc != RWITH_OK) {
        ngx_http_retry_with_diagnose(cf, &name, rc, &diag);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_retry_with_check_owner(cf, &name, &fi, has_literals)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_retry_with_resolve(cf, &name, supply) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->supply = supply;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_retry_with_fill_from_env(ngx_conf_t *cf, ngx_str_t *name,
    rwith_supply *supply, size_t id, const rwith_supply_entry *entry,
    ngx_str_t *text)
{
    char    *value;
    u_char  *variable;

    variable = ngx_pnalloc(cf->temp_pool, entry->source[0].len + 1);
    if (variable == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(variable, (u_char *) entry->source[0].ptr,
                       entry->source[0].len + 1);

    value = getenv((char *) variable);

    if (value == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0017: "
                           "%V:%uz: the environment variable \"%s\" is not "
                           "set", name, entry->line, variable);
        return NGX_ERROR;
    }

    text->data = (u_char *) value;
    text->len = ngx_strlen(value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_fill_from_file(ngx_conf_t *cf, ngx_str_t *name,
    rwith_supply *supply, size_t id, const rwith_supply_entry *entry,
    ngx_str_t *text)
{
    ngx_str_t        file;
    ngx_file_info_t  fi;

    file.len = entry->source[0].len;
    file.data = ngx_pnalloc(cf->pool, file.len + 1);
    if (file.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(file.data, (u_char *) entry->source[0].ptr,
                       file.len + 1);

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_retry_with_read_file(cf, &file, RWITH_SUPPLY_VALUE_MAX, text,
                                      &fi)
        != NGX_OK
        || ngx_http_retry_with_check_owner(cf, &file, &fi, 1) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "RW0018: %V:%uz: this value cannot be read", name,
                           entry->line);
        return NGX_ERROR;
    }

    if (text->len && text->data[text->len - 1] == LF) {
        text->len--;
    }

    if (text->len && text->data[text->len - 1] == CR) {
        text->len--;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_fill_refused(ngx_conf_t *cf, ngx_str_t *name,
    rwith_supply *supply, size_t id, const rwith_supply_entry *entry,
    ngx_str_t *text)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "RW0019: "
                       "%V:%uz: nginx %s: give the value as \"env\" or "
                       "\"file\", or start \"retrywith relay\"", name,
                       entry->line,
                       entry->kind == RWITH_SUPPLY_ASK
                       ? "has nobody to ask" : "runs no command");
    return NGX_ERROR;
}


typedef ngx_int_t (*ngx_http_retry_with_fill_pt)(ngx_conf_t *cf,
    ngx_str_t *name, rwith_supply *supply, size_t id,
    const rwith_supply_entry *entry, ngx_str_t *text);


static ngx_int_t
ngx_http_retry_with_resolve(ngx_conf_t *cf, ngx_str_t *name,
    rwith_supply *supply)
{
    int                        rc;
    size_t                     i;
    ngx_str_t                  text;
    const rwith_supply_entry  *entry;

    static const ngx_http_retry_with_fill_pt  fill[] = {
        [RWITH_SUPPLY_LITERAL] = NULL,
        [RWITH_SUPPLY_ENV] = ngx_http_retry_with_fill_from_env,
        [RWITH_SUPPLY_FILE] = ngx_http_retry_with_fill_from_file,
        [RWITH_SUPPLY_COMMAND] = ngx_http_retry_with_fill_refused,
        [RWITH_SUPPLY_ASK] = ngx_http_retry_with_fill_refused,
        [RWITH_SUPPLY_NONE] = NULL
    };

    for (i = 0; i < rwith_supply_count(supply); i++) {
        entry = rwith_supply_at(supply, i);

        if (fill[entry->kind] == NULL) {
            continue;
        }

        if (fill[entry->kind](cf, name, supply, i, entry, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = rwith_supply_fill(supply, i, ngx_http_retry_with_slice(&text));

        if (entry->kind == RWITH_SUPPLY_FILE) {
            ngx_explicit_memzero(text.data, text.len);
        }

        if (rc != RWITH_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "RW0020: %V:%uz: the value is %s%s",
                               name, entry->line, rwith_err_text(rc),
                               rc == RWITH_ESYNTAX
                               ? ": one line without control bytes is "
                                 "expected" : "");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


char *
ngx_http_retry_with_dialect(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_retry_with_loc_conf_t *lcf = conf;

    int                          rc;
    ngx_str_t                   *value;
    rwith_alloc                  mem;
    rwith_dialects              *scratch;
    ngx_file_info_t              fi;
    rwith_diagnostic             diag;
    ngx_http_retry_with_file_t  *file;

    if (lcf->dialect_files == NGX_CONF_UNSET_PTR) {
        lcf->dialect_files = ngx_array_create(cf->pool, 2,
                                           sizeof(ngx_http_retry_with_file_t));
        if (lcf->dialect_files == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    file = ngx_array_push(lcf->dialect_files);
    if (file == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    file->name = value[1];

    if (ngx_conf_full_name(cf->cycle, &file->name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_retry_with_read_file(cf, &file->name, RWITH_DIALECT_FILE_MAX,
                                      &file->text, &fi)
        != NGX_OK
        || ngx_http_retry_with_check_owner(cf, &file->name, &fi, 0) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* it is read again for each set; here an error still has its place */

    ngx_http_retry_with_pool_mem(&mem, cf->temp_pool);

    rc = rwith_dialects_new(&mem, &scratch);

    if (rc == RWITH_OK) {
        rc = rwith_dialects_add(scratch, ngx_http_retry_with_slice(&file->text),
                                &diag);
        rwith_dialects_free(scratch);
    }

    if (rc != RWITH_OK) {
        ngx_http_retry_with_diagnose(cf, &file->name, rc, &diag);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* names of dialects that a level below may still add: the place is kept */

char *
ngx_http_retry_with_only(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_retry_with_loc_conf_t *lcf = conf;

    lcf->only_file = cf->conf_file->file.name;
    lcf->only_line = cf->conf_file->line;

    return ngx_conf_set_str_slot(cf, cmd, conf);
}


rwith_dialects *
ngx_http_retry_with_get_set(ngx_conf_t *cf,
    ngx_http_retry_with_main_conf_t *mcf,
    ngx_http_retry_with_loc_conf_t *conf)
{
    int                          rc;
    ngx_str_t                    bad, *only;
    ngx_uint_t                   i;
    ngx_array_t                 *files;
    rwith_slice                  unknown;
    rwith_dialects              *dialects;
    rwith_diagnostic             diag;
    ngx_http_retry_with_set_t   *set;
    ngx_http_retry_with_file_t  *file;

    files = conf->dialect_files;
    only = &conf->only;
    set = mcf->sets.elts;

    for (i = 0; i < mcf->sets.nelts; i++) {
        if (set[i].files == files && set[i].only.data == only->data) {
            return set[i].dialects;
        }
    }

    rc = rwith_dialects_new(&mcf->mem, &dialects);

    file = files ? files->elts : NULL;

    for (i = 0; rc == RWITH_OK && files && i < files->nelts; i++) {
        rc = rwith_dialects_add(dialects,
                                ngx_http_retry_with_slice(&file[i].text),
                                &diag);
        if (rc != RWITH_OK) {
            ngx_http_retry_with_diagnose(cf, &file[i].name, rc, &diag);
            return NULL;
        }
    }

    if (rc == RWITH_OK && only->len) {
        rc = rwith_dialects_only(dialects, ngx_http_retry_with_slice(only),
                                 &unknown);
        if (rc == RWITH_EINVAL) {
            bad.data = (u_char *) unknown.ptr;
            bad.len = unknown.len;
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "RW0021: "
                          "no dialect \"%V\" in \"retry_with_only %V\" "
                          "in %V:%ui",
                          &bad, only, &conf->only_file, conf->only_line);
            return NULL;
        }
    }

    if (rc != RWITH_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "RW0022: retry_with: dialects: %s",
                      rwith_err_text(rc));
        return NULL;
    }

    set = ngx_array_push(&mcf->sets);
    if (set == NULL) {
        return NULL;
    }

    set->files = files;
    set->only = *only;
    set->dialects = dialects;

    return dialects;
}


static void
ngx_http_retry_with_opening_cleanup(void *data)
{
    rwith_opening_free(data);
}


/* what a location's requests go with, and the same as nginx has fields */

char *
ngx_http_retry_with_make_opening(ngx_conf_t *cf, rwith_alloc *mem,
    ngx_http_retry_with_loc_conf_t *conf)
{
    size_t               i, n;
    const rwith_field   *field;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    if (rwith_opening_new(mem, conf->supply, &conf->target->origin,
                          &conf->opening)
        != RWITH_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_retry_with_opening_cleanup;
    cln->data = conf->opening;

    field = rwith_opening_lines(conf->opening, &n);

    conf->lines = ngx_palloc(cf->pool, (n + 1) * sizeof(ngx_table_elt_t));
    if (conf->lines == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ngx_http_retry_with_set_field(cf->pool, &conf->lines[i],
                                          field[i].name, field[i].value)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
