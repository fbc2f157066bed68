
/*
 * The shared memory of a recall: one block from the zone's slab pool, made
 * ready once, taken up again after a reload, one mutex around it.  What is
 * in the block is the core's affair.
 */

#include "ngx_http_retry_with_module.h"


/* first in the block; the core's part begins behind it */

typedef struct {
    size_t                             size;
    ngx_http_retry_with_turns_t        turns;
} ngx_http_retry_with_block_t;


typedef struct {
    ngx_slab_pool_t                   *shpool;
    ngx_http_retry_with_block_t       *block;
    rwith_recall                      *recall;
} ngx_http_retry_with_zone_t;


/* the slab pool's own pages, and room for its statistics */
#define NGX_HTTP_RETRY_WITH_ZONE_MIN  (2 * RWITH_RECALL_SIZE_MIN + 32768)


static ngx_int_t ngx_http_retry_with_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);


rwith_recall *
ngx_http_retry_with_recall_of(ngx_shm_zone_t *shm_zone)
{
    ngx_http_retry_with_zone_t  *zone = shm_zone->data;

    return zone->recall;
}


ngx_http_retry_with_turns_t *
ngx_http_retry_with_turns_of(ngx_shm_zone_t *shm_zone)
{
    ngx_http_retry_with_zone_t  *zone = shm_zone->data;

    return &zone->block->turns;
}


void
ngx_http_retry_with_recall_lock(ngx_shm_zone_t *shm_zone)
{
    ngx_http_retry_with_zone_t  *zone = shm_zone->data;

    ngx_shmtx_lock(&zone->shpool->mutex);
}


void
ngx_http_retry_with_recall_unlock(ngx_shm_zone_t *shm_zone)
{
    ngx_http_retry_with_zone_t  *zone = shm_zone->data;

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


static ngx_int_t
ngx_http_retry_with_random(uint8_t *key, size_t len, ngx_log_t *log)
{
    ssize_t   n;
    ngx_fd_t  fd;

    fd = ngx_open_file("/dev/urandom", NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "RW0026: "
                      ngx_open_file_n " \"/dev/urandom\" failed");
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, key, len);

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "RW0027: "
                      ngx_close_file_n " \"/dev/urandom\" failed");
    }

    return (n == (ssize_t) len) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_retry_with_make_block(ngx_shm_zone_t *shm_zone,
    ngx_http_retry_with_zone_t *zone)
{
    size_t    size;
    uint8_t   key[RWITH_RECALL_KEY_LEN];

    size = (size_t) zone->shpool->pfree * ngx_pagesize;

    zone->block = ngx_slab_alloc(zone->shpool, size);

    if (zone->block == NULL
        || ngx_http_retry_with_random(key, sizeof(key), shm_zone->shm.log)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(zone->block, sizeof(ngx_http_retry_with_block_t));
    zone->block->size = size - sizeof(ngx_http_retry_with_block_t);

    if (rwith_recall_init(zone->block + 1, zone->block->size, key,
                          &zone->recall)
        != RWITH_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "RW0028: "
                      "the zone \"%V\" is too small", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    zone->shpool->data = zone->block;
    zone->shpool->log_nomem = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_retry_with_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_retry_with_zone_t  *zone = shm_zone->data;
    ngx_http_retry_with_zone_t  *old = data;

    if (old) {
        /* a reload: what was learned stays */
        *zone = *old;
        return NGX_OK;
    }

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (!shm_zone->shm.exists) {
        return ngx_http_retry_with_make_block(shm_zone, zone);
    }

    zone->block = zone->shpool->data;

    return (rwith_recall_open(zone->block + 1, zone->block->size,
                              &zone->recall)
            == RWITH_OK) ? NGX_OK : NGX_ERROR;
}


char *
ngx_http_retry_with_recall(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_retry_with_loc_conf_t *lcf = conf;

    u_char                      *p;
    ssize_t                      size;
    ngx_str_t                   *value, name, s;
    ngx_http_retry_with_zone_t  *zone;

    if (lcf->recall != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        lcf->recall = NULL;
        return NGX_CONF_OK;
    }

    if (value[1].len <= 5
        || ngx_strncmp(value[1].data, "zone=", 5) != 0)
    {
        return "needs \"zone=NAME:SIZE\", \"zone=NAME\" or \"off\"";
    }

    name.data = value[1].data + 5;
    name.len = value[1].len - 5;
    size = 0;

    p = (u_char *) ngx_strchr(name.data, ':');

    if (p) {
        name.len = p - name.data;
        s.data = p + 1;
        s.len = value[1].data + value[1].len - s.data;
        size = ngx_parse_size(&s);

        if (size == NGX_ERROR) {
            return "has an invalid size";
        }

        if (size < (ssize_t) NGX_HTTP_RETRY_WITH_ZONE_MIN) {
            return "has a size under 64k";
        }
    }

    lcf->recall = ngx_shared_memory_add(cf, &name, size,
                                        &ngx_http_retry_with_module);
    if (lcf->recall == NULL) {
        return NGX_CONF_ERROR;
    }

    if (lcf->recall->data == NULL) {
        zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_retry_with_zone_t));
        if (zone == NULL) {
            return NGX_CONF_ERROR;
        }

        lcf->recall->init = ngx_http_retry_with_init_zone;
        lcf->recall->data = zone;
    }

    return NGX_CONF_OK;
}
