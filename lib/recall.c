/*
 * recall.c: what is remembered for which requests: scopes, the client's
 * digest, shares of the table.  How it lies in memory is recall_block.c's.
 *
 * An origin has a share for names and one for supplied values, a client has
 * one within that: whoever exceeds a share displaces only what is within it.
 */
#include "lib/recall.h"

#include <string.h>

#include <retrywith/trust.h>

#include "lib/ascii.h"
#include "lib/dialect.h"

uint64_t rwith__recall_hash(const rwith_recall *recall,
                            const rwith_origin *origin, bool has_value,
                            uint64_t client)
{
    struct rwith__hash hash;
    char head[16] = { (char)(origin->port >> 8), (char)(origin->port & 0xff),
                      (char)origin->scheme.len, (char)has_value };

    for (unsigned i = 0; i < 8; i++) {
        head[8 + i] = (char)((client >> (8 * i)) & 0xff);
    }
    rwith__hash_start(&hash, recall->key);
    rwith__hash_add(&hash, (rwith_slice){ head, sizeof(head) });
    rwith__hash_add(&hash, origin->host);
    return rwith__hash_end(&hash);
}

/* Who asks, as far as the request shows: a supplied value is given back to
 * the same client only. */
static uint64_t client_of(const rwith_recall *recall, const rwith_request *req)
{
    static const rwith_slice names[] = { { "Authorization", 13 },
                                         { "Cookie", 6 } };
    struct rwith__hash hash;

    rwith__hash_start(&hash, recall->key);
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        for (size_t i = 0; i < req->field_count; i++) {
            if (rwith__ascii_equal(req->fields[i].name, names[n])) {
                rwith__hash_add_counted(&hash, names[n]);
                rwith__hash_add_counted(&hash, req->fields[i].value);
            }
        }
    }
    return rwith__hash_end(&hash);
}

rwith_slice rwith__recall_path(rwith_slice target)
{
    const char *query =
        target.len > 0 ? memchr(target.ptr, '?', target.len) : NULL;

    return query != NULL
               ? (rwith_slice){ target.ptr, (size_t)(query - target.ptr) }
               : target;
}

/* The path up to its last slash. */
static rwith_slice folder_of(rwith_slice path)
{
    while (path.len > 0 && path.ptr[path.len - 1] != '/') {
        path.len--;
    }
    return path;
}

/* Query and body belong to one operation, the rest to a part of the tree. */
static bool is_of_operation(rwith_place in)
{
    return in == RWITH_IN_QUERY || in == RWITH_IN_BODY;
}

bool rwith__recall_covers(rwith_place in, rwith_slice entry_method,
                          rwith_slice entry_path, rwith_slice method,
                          rwith_slice path)
{
    if (entry_path.len == 0) {
        return true;
    }
    if (is_of_operation(in)) {
        return rwith_slice_equal(entry_path, path) &&
               rwith_slice_equal(entry_method, method);
    }
    return path.len >= entry_path.len &&
           memcmp(path.ptr, entry_path.ptr, entry_path.len) == 0;
}

static bool applies(const struct rwith__recall_entry *entry,
                    const rwith_request *req)
{
    return rwith_origin_equal(&entry->origin, &req->origin) &&
           rwith__recall_covers(entry->in, entry->method, entry->path,
                                req->method, rwith__recall_path(req->target));
}

void rwith__recall_touch(rwith_recall *recall, uint32_t slot, uint64_t now_s)
{
    struct rwith__recall_slot *s = rwith__recall_slot(recall, slot);

    s->tick = ++recall->tick;
    if (now_s > s->used_s) {
        s->used_s = now_s;
    }
}

size_t rwith_recall_count(const rwith_recall *recall)
{
    return *(const volatile uint32_t *)&recall->count;
}

uint32_t rwith__recall_value_count(const rwith_recall *recall)
{
    return *(const volatile uint32_t *)&recall->value_count;
}

uint32_t rwith__recall_version(const rwith_recall *recall)
{
    return *(const volatile uint32_t *)&recall->version;
}

/* --- find ----------------------------------------------------------------- */

struct finder {
    rwith_recall *recall;
    const rwith_request *req;
    uint64_t now_s;
    rwith_recall_hit *hits;
    size_t count, max;
    uint16_t path_lens[RWITH_RECALL_HITS_MAX];
};

/* Longest path first; what was there first stays before its equals. */
static void hit_insert(struct finder *f,
                       const struct rwith__recall_entry *entry)
{
    size_t at = f->count;

    while (at > 0 && f->path_lens[at - 1] < entry->path.len) {
        at--;
    }
    if (at == f->max) {
        return;
    }
    if (f->count == f->max) {
        f->count--;
    }
    for (size_t i = f->count; i > at; i--) {
        f->hits[i] = f->hits[i - 1];
        f->path_lens[i] = f->path_lens[i - 1];
    }
    f->hits[at] = (rwith_recall_hit){ .in = entry->in,
                                      .name = entry->name,
                                      .value = entry->value,
                                      .has_value = entry->has_value };
    f->path_lens[at] = (uint16_t)entry->path.len;
    f->count++;
}

static void find_in(struct finder *f, uint64_t hash)
{
    uint32_t i = rwith__recall_first(f->recall, hash);

    while (i != RWITH__RECALL_NONE) {
        const struct rwith__recall_slot *slot =
            rwith__recall_slot(f->recall, i);
        struct rwith__recall_entry entry;

        if (slot->hash == hash && !rwith__recall_is_expired(slot, f->now_s)) {
            rwith__recall_entry(f->recall, i, &entry);
            if (applies(&entry, f->req)) {
                rwith__recall_touch(f->recall, i, f->now_s);
                hit_insert(f, &entry);
            }
        }
        i = slot->next;
    }
}

size_t rwith_recall_find(rwith_recall *recall, const rwith_request *req,
                         uint64_t now_s, rwith_recall_hit *ret, size_t max)
{
    struct finder f;

    if (recall->count == 0 || max == 0) {
        return 0;
    }
    f.recall = recall;
    f.req = req;
    f.now_s = now_s;
    f.hits = ret;
    f.count = 0;
    f.max = max < RWITH_RECALL_HITS_MAX ? max : RWITH_RECALL_HITS_MAX;
    if (recall->count > recall->value_count) {
        find_in(&f, rwith__recall_hash(recall, &req->origin, false, 0));
    }
    if (recall->value_count > 0) {
        find_in(&f, rwith__recall_hash(recall, &req->origin, true,
                                       client_of(recall, req)));
    }
    return f.count;
}

uint32_t rwith__recall_name(const rwith_recall *recall,
                            const rwith_origin *origin, uint64_t hash,
                            uint32_t slot, struct rwith__recall_entry *ret)
{
    while (slot != RWITH__RECALL_NONE) {
        const struct rwith__recall_slot *s =
            rwith__recall_slot_const(recall, slot);

        if (s->hash == hash) {
            rwith__recall_entry(recall, slot, ret);
            if (!ret->has_value && rwith_origin_equal(&ret->origin, origin)) {
                break;
            }
        }
        slot = s->next;
    }
    return slot;
}

/* --- learn ------------------------------------------------------------------
 */

/* A folder, an operation, or the whole origin; nothing that would be read
 * back as something else. */
static bool extent_ok(const struct rwith__recall_entry *entry)
{
    const rwith_slice *path = &entry->path;
    bool is_operation = path->len > 0 && is_of_operation(entry->in);

    if (path->len > 0 &&
        (path->ptr[0] != '/' ||
         !rwith_trust_value_ok(*path, RWITH__RECALL_PATH_MAX) ||
         (!is_operation && path->ptr[path->len - 1] != '/'))) {
        return false;
    }
    return is_operation ? rwith__ascii_is_token(entry->method) &&
                              entry->method.len <= RWITH__RECALL_METHOD_MAX
                        : entry->method.len == 0;
}

static bool value_ok(const struct rwith__recall_entry *entry)
{
    if (!entry->has_value) {
        return entry->value.len == 0;
    }
    return entry->in != RWITH_IN_AUTHORIZATION &&
           entry->value.len <= RWITH_RECALL_VALUE_MAX &&
           rwith__challenge_value_ok(entry->in, entry->value);
}

int rwith__recall_judge(const struct rwith__recall_entry *entry)
{
    bool is_kept = entry->origin.host.len > 0 &&
                   entry->origin.host.len <= RWITH__RECALL_HOST_MAX &&
                   entry->origin.port != 0 && extent_ok(entry) &&
                   rwith_requirement_name_ok(entry->in, entry->name) &&
                   (entry->in != RWITH_IN_HEADER ||
                    rwith_trust_field_may_be_set(entry->name)) &&
                   value_ok(entry);

    return is_kept ? RWITH_OK : RWITH_ERANGE;
}

static bool is_same(const struct rwith__recall_entry *a,
                    const struct rwith__recall_entry *b)
{
    rwith_requirement x = { .in = a->in, .name = a->name };
    rwith_requirement y = { .in = b->in, .name = b->name };

    return a->has_value == b->has_value &&
           (!a->has_value || a->client == b->client) &&
           rwith_requirement_equal(&x, &y) &&
           rwith_origin_equal(&a->origin, &b->origin) &&
           rwith_slice_equal(a->path, b->path) &&
           rwith_slice_equal(a->method, b->method);
}

static uint32_t same_find(const rwith_recall *recall,
                          const struct rwith__recall_entry *entry,
                          uint64_t hash)
{
    uint32_t i = rwith__recall_first(recall, hash);

    while (i != RWITH__RECALL_NONE) {
        const struct rwith__recall_slot *slot =
            rwith__recall_slot_const(recall, i);
        struct rwith__recall_entry there;

        rwith__recall_entry(recall, i, &there);
        if (slot->hash == hash && is_same(&there, entry)) {
            break;
        }
        i = slot->next;
    }
    return i;
}

/* What a walk over all entries of an origin that share a cap found. */
struct share {
    uint32_t count;  /* of the share */
    uint32_t oldest; /* in it */
    uint64_t oldest_tick;
    uint32_t of_client; /* of the same client */
    uint32_t client_oldest;
    uint64_t client_tick;
};

static void share_add(struct share *share, const rwith_recall *recall,
                      uint32_t i, bool is_of_client)
{
    const struct rwith__recall_slot *slot = rwith__recall_slot_const(recall, i);

    share->count++;
    if (slot->tick < share->oldest_tick) {
        share->oldest_tick = slot->tick;
        share->oldest = i;
    }
    share->of_client += is_of_client;
    if (is_of_client && slot->tick < share->client_tick) {
        share->client_tick = slot->tick;
        share->client_oldest = i;
    }
}

/* Names of an origin share one hash; its values have one for each client,
 * so that a new value looks at every slot. */
static struct share share_count(const rwith_recall *recall,
                                const struct rwith__recall_entry *entry,
                                uint64_t hash)
{
    struct share share = { .oldest = RWITH__RECALL_NONE,
                           .oldest_tick = UINT64_MAX,
                           .client_oldest = RWITH__RECALL_NONE,
                           .client_tick = UINT64_MAX };
    uint32_t i = entry->has_value ? 0 : rwith__recall_first(recall, hash);
    uint32_t end = entry->has_value ? recall->slot_count : RWITH__RECALL_NONE;

    while (i != end) {
        const struct rwith__recall_slot *slot =
            rwith__recall_slot_const(recall, i);
        struct rwith__recall_entry there;

        if (slot->record != RWITH__RECALL_NONE &&
            (entry->has_value || slot->hash == hash)) {
            rwith__recall_entry(recall, i, &there);
            if (there.has_value == entry->has_value &&
                rwith_origin_equal(&there.origin, &entry->origin)) {
                share_add(&share, recall, i, there.client == entry->client);
            }
        }
        i = entry->has_value ? i + 1 : slot->next;
    }
    return share;
}

/* An entry more: who has a full share loses the oldest of it. */
static void share_make_room(rwith_recall *recall,
                            const struct rwith__recall_entry *entry,
                            uint64_t hash)
{
    struct share share = share_count(recall, entry, hash);
    uint32_t cap = entry->has_value ? RWITH_RECALL_CLIENTS_MAX
                                    : RWITH_RECALL_PER_ORIGIN_MAX;

    if (entry->has_value && share.of_client >= RWITH__RECALL_PER_CLIENT_MAX) {
        rwith__recall_remove(recall, share.client_oldest);
    } else if (share.count >= cap) {
        rwith__recall_remove(recall, share.oldest);
    }
}

int rwith__recall_keep(rwith_recall *recall,
                       const struct rwith__recall_entry *entry, uint64_t now_s)
{
    uint64_t hash = rwith__recall_hash(recall, &entry->origin, entry->has_value,
                                       entry->client);
    uint32_t same = same_find(recall, entry, hash);

    if (same != RWITH__RECALL_NONE) {
        const struct rwith__recall_slot *slot =
            rwith__recall_slot_const(recall, same);
        struct rwith__recall_entry there;

        rwith__recall_entry(recall, same, &there);
        if (rwith_slice_equal(there.value, entry->value) &&
            there.scope == entry->scope) {
            /* One that had expired counts again. */
            recall->version +=
                !entry->has_value && rwith__recall_is_expired(slot, now_s);
            rwith__recall_touch(recall, same, now_s);
            return RWITH_OK;
        }
        rwith__recall_remove(recall, same);
    } else {
        share_make_room(recall, entry, hash);
    }
    return rwith__recall_insert(recall, hash, entry, now_s) ? RWITH_OK
                                                            : RWITH_EFULL;
}

int rwith_recall_learn(rwith_recall *recall, const rwith_request *req,
                       rwith_scope scope, const rwith_recall_hit *entry,
                       uint64_t now_s)
{
    struct rwith__recall_entry e = {
        .origin = req->origin,
        .scope = scope,
        .in = entry->in,
        .method = { "", 0 },
        .path = { "", 0 },
        .name = entry->name,
        .value = { "", 0 },
        .has_value = entry->has_value,
    };
    int err;

    if (scope == RWITH_SCOPE_REQUEST) {
        return RWITH_OK;
    }
    if (entry->has_value) {
        e.value = entry->value;
        e.client = client_of(recall, req);
    }
    if (scope == RWITH_SCOPE_PATH) {
        bool is_whole = is_of_operation(entry->in);

        e.path = rwith__recall_path(req->target);
        if (e.path.len == 0 || e.path.ptr[0] != '/') {
            return RWITH_ERANGE; /* "*" has neither path nor folder */
        }
        e.path = is_whole ? e.path : folder_of(e.path);
        e.method = is_whole ? req->method : e.method;
    }
    err = rwith__recall_judge(&e);
    return err == RWITH_OK ? rwith__recall_keep(recall, &e, now_s) : err;
}

/* --- forget -----------------------------------------------------------------
 */

static void forget_in(rwith_recall *recall, const rwith_request *req,
                      const rwith_recall_hit *wanted, uint64_t hash)
{
    uint32_t i = rwith__recall_first(recall, hash);

    while (i != RWITH__RECALL_NONE) {
        const struct rwith__recall_slot *slot = rwith__recall_slot(recall, i);
        uint32_t next = slot->next;
        struct rwith__recall_entry entry;

        if (slot->hash == hash) {
            rwith__recall_entry(recall, i, &entry);
            rwith_requirement there = { .in = entry.in, .name = entry.name };
            rwith_requirement named = { 0 };

            if (wanted != NULL) {
                named = (rwith_requirement){ .in = wanted->in,
                                             .name = wanted->name };
            }
            if (applies(&entry, req) &&
                (wanted == NULL ||
                 (wanted->has_value == entry.has_value &&
                  rwith_slice_equal(wanted->value, entry.value) &&
                  rwith_requirement_equal(&there, &named)))) {
                rwith__recall_remove(recall, i);
            }
        }
        i = next;
    }
}

void rwith_recall_forget(rwith_recall *recall, const rwith_request *req,
                         const rwith_recall_hit *entry)
{
    forget_in(recall, req, entry,
              rwith__recall_hash(recall, &req->origin, false, 0));
    forget_in(
        recall, req, entry,
        rwith__recall_hash(recall, &req->origin, true, client_of(recall, req)));
}
