
/*
 * Refusals that a worker has written before: the same operation lacking the
 * same things gets the same bytes.  Only what follows from the head is kept:
 * nothing of a request is in it.
 */

#include "ngx_http_retry_with_gate.h"


#define NGX_HTTP_RETRY_WITH_CACHE_SLOTS  256    /* a power of two */
#define NGX_HTTP_RETRY_WITH_CACHE_ITEMS  8
#define NGX_HTTP_RETRY_WITH_CACHE_BYTES  4096

#define NGX_HTTP_RETRY_WITH_ACCEPT_SLOTS  8     /* a power of two */
#define NGX_HTTP_RETRY_WITH_ACCEPT_BYTES  256


typedef struct {
    ngx_uint_t                         generation;
    ngx_http_retry_with_gate_conf_t   *conf;
    const char                        *method;
    unsigned                           status;
    rwith_refusal_format               format;
    bool                               has_body;
    size_t                             count;
    rwith_missing                      items[NGX_HTTP_RETRY_WITH_CACHE_ITEMS];
} ngx_http_retry_with_refusal_key_t;


typedef struct {
    ngx_http_retry_with_refusal_key_t  key;
    rwith_refusal_answer               answer;
    char                              *bytes;
    size_t                             len;
} ngx_http_retry_with_refusal_slot_t;


/* clients differ in their Accept, but one sends the same again and again */

typedef struct {
    rwith_refusal_format               format;
    size_t                             len;
    u_char                             bytes[NGX_HTTP_RETRY_WITH_ACCEPT_BYTES];
} ngx_http_retry_with_accept_slot_t;


static ngx_http_retry_with_accept_slot_t
    ngx_http_retry_with_accepts[NGX_HTTP_RETRY_WITH_ACCEPT_SLOTS];


/* of this worker; its policies live as long, or are told by generation */

static ngx_http_retry_with_refusal_slot_t
    ngx_http_retry_with_slots[NGX_HTTP_RETRY_WITH_CACHE_SLOTS];


static rwith_refusal_format
ngx_http_retry_with_refusal_format(rwith_slice accept)
{
    ngx_http_retry_with_accept_slot_t  *slot;

    if (accept.len == 0 || accept.len > NGX_HTTP_RETRY_WITH_ACCEPT_BYTES) {
        return rwith_refusal_negotiate(accept);
    }

    slot = &ngx_http_retry_with_accepts[accept.len
                                   & (NGX_HTTP_RETRY_WITH_ACCEPT_SLOTS - 1)];

    if (slot->len != accept.len
        || ngx_memcmp(slot->bytes, accept.ptr, accept.len) != 0)
    {
        slot->format = rwith_refusal_negotiate(accept);
        slot->len = accept.len;
        ngx_memcpy(slot->bytes, accept.ptr, accept.len);
    }

    return slot->format;
}


static size_t
ngx_http_retry_with_refusal_key_len(size_t count)
{
    return offsetof(ngx_http_retry_with_refusal_key_t, items)
           + count * sizeof(rwith_missing);
}


static ngx_uint_t
ngx_http_retry_with_refusal_key(ngx_http_retry_with_gate_ctx_t *ctx,
    const rwith_refusal *refusal, ngx_http_retry_with_refusal_key_t *key)
{
    size_t                     i;
    const rwith_missing_list  *list;

    list = refusal->missing;

    if (list == NULL
        || ctx->missing
        || refusal->is_head
        || refusal->form.len
        || list->left_out
        || list->count > NGX_HTTP_RETRY_WITH_CACHE_ITEMS)
    {
        return 0;
    }

    /*
     * compared as bytes, holes included; text is the policy's, where the
     * same text is in the same place
     */

    ngx_memzero(key, ngx_http_retry_with_refusal_key_len(list->count));

    key->generation = ctx->conf->policy->generation;
    key->conf = ctx->conf;
    key->method = refusal->method.ptr;
    key->status = refusal->status;
    key->format = ngx_http_retry_with_refusal_format(refusal->accept);
    key->has_body = refusal->has_body;
    key->count = list->count;

    for (i = 0; i < list->count; i++) {
        key->items[i].in = list->items[i].in;
        key->items[i].name = list->items[i].name;
        key->items[i].hint.description = list->items[i].hint.description;
        key->items[i].hint.schema = list->items[i].hint.schema;
        key->items[i].hint.example = list->items[i].hint.example;
        key->items[i].choice = list->items[i].choice;
        key->items[i].alternative = list->items[i].alternative;
    }

    return 1;
}


static ngx_http_retry_with_refusal_slot_t *
ngx_http_retry_with_refusal_slot(ngx_http_retry_with_gate_ctx_t *ctx,
    const ngx_http_retry_with_refusal_key_t *key)
{
    size_t    i;
    uint64_t  hash;

    hash = ctx->operation + 1;

    for (i = 0; i < key->count; i++) {
        hash = (hash ^ (uintptr_t) key->items[i].name.ptr)
               * UINT64_C(0x9e3779b97f4a7c15);
    }

    hash = (hash ^ key->format) * UINT64_C(0x9e3779b97f4a7c15);

    return &ngx_http_retry_with_slots[(hash >> 32)
                                      & (NGX_HTTP_RETRY_WITH_CACHE_SLOTS - 1)];
}


/* what points into "from" points into "to" */

static void
ngx_http_retry_with_refusal_move(rwith_slice *s, const char *from, size_t len,
    const char *to)
{
    if ((uintptr_t) s->ptr >= (uintptr_t) from
        && (uintptr_t) s->ptr < (uintptr_t) from + len)
    {
        s->ptr = to + (s->ptr - from);
    }
}


static void
ngx_http_retry_with_refusal_rebase(rwith_refusal_answer *answer,
    const char *from, size_t len, const char *to)
{
    size_t  i;

    for (i = 0; i < answer->field_count; i++) {
        ngx_http_retry_with_refusal_move(&answer->fields[i].name, from, len,
                                         to);
        ngx_http_retry_with_refusal_move(&answer->fields[i].value, from, len,
                                         to);
    }

    ngx_http_retry_with_refusal_move(&answer->body, from, len, to);
}


/* a copy in the request's pool, because a slot may be taken while it is sent */

ngx_buf_t *
ngx_http_retry_with_refusal_get(ngx_http_request_t *r,
    ngx_http_retry_with_gate_ctx_t *ctx, const rwith_refusal *refusal,
    rwith_refusal_answer *answer)
{
    ngx_buf_t                           *b;
    ngx_http_retry_with_refusal_key_t    key;
    ngx_http_retry_with_refusal_slot_t  *slot;

    if (!ngx_http_retry_with_refusal_key(ctx, refusal, &key)) {
        return NULL;
    }

    slot = ngx_http_retry_with_refusal_slot(ctx, &key);

    if (slot->bytes == NULL
        || ngx_memcmp(&slot->key, &key,
                      ngx_http_retry_with_refusal_key_len(key.count))
           != 0)
    {
        return NULL;
    }

    b = ngx_create_temp_buf(r->pool, slot->len);
    if (b == NULL) {
        return NULL;
    }

    ngx_memcpy(b->start, slot->bytes, slot->len);
    *answer = slot->answer;
    ngx_http_retry_with_refusal_rebase(answer, slot->bytes, slot->len,
                                       (const char *) b->start);

    return b;
}


void
ngx_http_retry_with_refusal_keep(ngx_http_retry_with_gate_ctx_t *ctx,
    const rwith_refusal *refusal, const rwith_refusal_answer *answer,
    const ngx_buf_t *b)
{
    size_t                               len;
    char                                *bytes;
    ngx_http_retry_with_refusal_key_t    key;
    ngx_http_retry_with_refusal_slot_t  *slot;

    if (!ngx_http_retry_with_refusal_key(ctx, refusal, &key)) {
        return;
    }

    len = (size_t) (answer->body.ptr + answer->body.len
                    - (const char *) b->start);

    if (len > NGX_HTTP_RETRY_WITH_CACHE_BYTES) {
        return;
    }

    bytes = ngx_alloc(len, ngx_cycle->log);
    if (bytes == NULL) {
        return;
    }

    slot = ngx_http_retry_with_refusal_slot(ctx, &key);

    if (slot->bytes) {
        ngx_free(slot->bytes);
    }

    ngx_memcpy(bytes, b->start, len);

    ngx_memcpy(&slot->key, &key,
               ngx_http_retry_with_refusal_key_len(key.count));
    slot->answer = *answer;
    slot->bytes = bytes;
    slot->len = len;

    ngx_http_retry_with_refusal_rebase(&slot->answer, (const char *) b->start,
                                       len, bytes);
}
