/*
 * policy_compile.c: lays a builder's operations out as a policy: a tree of
 * path segments whose concrete children lie in one hash table, and flat
 * arrays for the rest, all in one block.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/memory.h"
#include "lib/ascii.h"
#include "lib/member.h"
#include "lib/policy.h"

/* A pattern, and where it belongs. */
struct pattern_row {
    struct rwith__policy_pattern pattern;
    uint32_t parent;
    uint32_t literals; /* bytes that are no parameter */
    uint32_t order;
};

struct entry_row {
    struct rwith__policy_entry entry;
    uint32_t node;
};

struct compile {
    const rwith_policy_builder *builder;
    const rwith_alloc *mem;
    struct rwith__rows nodes;
    struct rwith__rows slots;
    size_t slots_used;
    struct rwith__rows patterns;
    struct rwith__rows entries;
    struct rwith__rows header_names; /* uint32_t texts */
    struct rwith__rows methods;      /* uint32_t texts */
    size_t need_count;
    size_t alternative_count;
    size_t media_count;
};

static struct rwith__policy_node *node_at(const struct compile *c, uint32_t i)
{
    return rwith__rows_at(&c->nodes, i);
}

static const char *bytes_at(const struct compile *c, uint32_t at)
{
    return rwith__rows_at(&c->builder->texts.bytes, at);
}

static uint32_t node_add(struct compile *c)
{
    struct rwith__policy_node *node = rwith__rows_add(c->mem, &c->nodes, 1);

    if (node == NULL) {
        return RWITH__NODE_NONE;
    }
    node->parameter = node->rest = RWITH__NODE_NONE;
    return (uint32_t)c->nodes.count - 1;
}

static void slot_place(struct rwith__rows *slots,
                       const struct rwith__policy_slot *slot)
{
    size_t mask = slots->count - 1, at = slot->hash & mask;
    struct rwith__policy_slot *rows = slots->items;

    while (rows[at].child != RWITH__NODE_NONE) {
        at = (at + 1) & mask;
    }
    rows[at] = *slot;
}

/* Twice as many slots, three in four of them free at first. */
static bool slots_grow(struct compile *c)
{
    struct rwith__rows grown = { .size = sizeof(struct rwith__policy_slot) };
    size_t count = c->slots.count > 0 ? c->slots.count * 2 : 16;
    struct rwith__policy_slot *rows = rwith__rows_add(c->mem, &grown, count);

    if (rows == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].child = RWITH__NODE_NONE;
    }
    const struct rwith__policy_slot *old = c->slots.items;
    for (size_t i = 0; i < c->slots.count; i++) {
        if (old[i].child != RWITH__NODE_NONE) {
            slot_place(&grown, &old[i]);
        }
    }
    rwith__rows_free(c->mem, &c->slots);
    c->slots = grown;
    return true;
}

/* The child for that literal segment, made if need be; or NONE. */
static uint32_t concrete_child(struct compile *c, uint32_t parent, uint32_t at,
                               uint32_t len)
{
    rwith_slice text = { bytes_at(c, at), len };
    uint32_t hash = rwith__policy_hash(parent, text);

    if ((c->slots_used + 1) * 2 > c->slots.count && !slots_grow(c)) {
        return RWITH__NODE_NONE;
    }
    const struct rwith__policy_slot *slots = c->slots.items;
    size_t mask = c->slots.count - 1;

    for (size_t i = hash & mask; slots[i].child != RWITH__NODE_NONE;
         i = (i + 1) & mask) {
        if (slots[i].hash == hash && slots[i].parent == parent &&
            slots[i].len == len &&
            memcmp(rwith__policy_slot_text(&slots[i], bytes_at(c, 0)), text.ptr,
                   len) == 0) {
            return slots[i].child;
        }
    }
    uint32_t made = node_add(c);
    if (made != RWITH__NODE_NONE) {
        struct rwith__policy_slot slot = { hash, parent, made, len, { { 0 } } };

        if (len > RWITH__SLOT_TEXT_MAX) {
            slot.where.at = at;
        } else if (len > 0) {
            memcpy(slot.where.text, text.ptr, len);
        }
        slot_place(&c->slots, &slot);
        c->slots_used++;
        node_at(c, parent)->has_concrete = true;
    }
    return made;
}

/* The same for a segment of parameters and literal text. */
static uint32_t pattern_child(struct compile *c, uint32_t parent, uint32_t at,
                              uint32_t len)
{
    const char *text = bytes_at(c, at);
    uint32_t literals = 0;

    for (size_t i = 0; i < c->patterns.count; i++) {
        const struct pattern_row *row = rwith__rows_at(&c->patterns, i);

        if (row->parent == parent && row->pattern.len == len &&
            memcmp(bytes_at(c, row->pattern.at), text, len) == 0) {
            return row->pattern.child;
        }
    }
    for (uint32_t i = 0; i < len; i++) {
        literals += text[i] != RWITH__SHAPE_PARAMETER;
    }
    uint32_t made = node_add(c);
    struct pattern_row *row = rwith__rows_add(c->mem, &c->patterns, 1);
    if (made == RWITH__NODE_NONE || row == NULL) {
        return RWITH__NODE_NONE;
    }
    *row = (struct pattern_row){
        { made, at, len }, parent, literals, (uint32_t)c->patterns.count
    };
    node_at(c, parent)->pattern_count++;
    return made;
}

static uint32_t child_of(struct compile *c, uint32_t parent, uint32_t at,
                         uint32_t len)
{
    const char *text = bytes_at(c, at);
    struct rwith__policy_node *node = node_at(c, parent);
    bool is_rest = len == 1 && text[0] == RWITH__SHAPE_REST;

    if (is_rest || (len == 1 && text[0] == RWITH__SHAPE_PARAMETER)) {
        uint32_t child = is_rest ? node->rest : node->parameter;

        if (child == RWITH__NODE_NONE) {
            child = node_add(c);
            node = node_at(c, parent);
            *(is_rest ? &node->rest : &node->parameter) = child;
        }
        return child;
    }
    if (len > 0 && memchr(text, RWITH__SHAPE_PARAMETER, len) != NULL) {
        return pattern_child(c, parent, at, len);
    }
    return concrete_child(c, parent, at, len);
}

/* Walk and make the nodes of one operation's shape. */
static bool operation_place(struct compile *c, uint32_t operation)
{
    const struct rwith__draft_operation *o =
        rwith__rows_at(&c->builder->operations, operation);
    const struct rwith__text *shape =
        rwith__rows_at(&c->builder->texts.texts, o->shape - 1);
    uint32_t node = 0, at = shape->at, end = shape->at + shape->len;

    while (at < end && node != RWITH__NODE_NONE) {
        const char *text = bytes_at(c, at + 1);
        uint32_t left = end - at - 1;
        const char *next =
            left > 0 ? memchr(text, RWITH__SHAPE_SEPARATOR, left) : NULL;
        uint32_t len = next != NULL ? (uint32_t)(next - text) : left;

        node = child_of(c, node, at + 1, len);
        at += 1 + len;
    }
    if (node == RWITH__NODE_NONE) {
        return false;
    }
    struct entry_row *row = rwith__rows_add(c->mem, &c->entries, 1);
    if (row == NULL) {
        return false;
    }
    *row = (struct entry_row){ { o->method, operation }, node };
    node_at(c, node)->operation_count++;
    c->need_count += o->need_count;
    c->alternative_count += o->alternative_count;
    for (uint32_t m = o->first_media; m != UINT32_MAX; c->media_count++) {
        const struct rwith__draft_media *media =
            rwith__rows_at(&c->builder->media, m);
        m = media->next;
    }
    return true;
}

static int pattern_order(const void *a, const void *b)
{
    const struct pattern_row *x = a, *y = b;

    if (x->parent != y->parent) {
        return x->parent < y->parent ? -1 : 1;
    }
    if (x->literals != y->literals) {
        return x->literals > y->literals ? -1 : 1;
    }
    return x->order < y->order ? -1 : 1;
}

static int entry_order(const void *a, const void *b)
{
    const struct entry_row *x = a, *y = b;

    if (x->node != y->node) {
        return x->node < y->node ? -1 : 1;
    }
    return x->entry.operation < y->entry.operation ? -1 : 1;
}

/* Is a header field of that name on the list already? */
static bool header_is_listed(const struct compile *c, rwith_slice name)
{
    for (size_t i = 0; i < c->header_names.count; i++) {
        const uint32_t *text = rwith__rows_at(&c->header_names, i);

        if (rwith_slice_equal_nocase(rwith__texts_at(&c->builder->texts, *text),
                                     name)) {
            return true;
        }
    }
    return false;
}

static bool header_list(struct compile *c)
{
    for (size_t i = 0; i < c->builder->needs.count; i++) {
        const struct rwith__policy_need *need =
            rwith__rows_at(&c->builder->needs, i);

        if (need->in == RWITH_IN_HEADER &&
            !header_is_listed(
                c, rwith__texts_at(&c->builder->texts, need->name))) {
            uint32_t *row = rwith__rows_add(c->mem, &c->header_names, 1);

            if (row == NULL) {
                return false;
            }
            *row = need->name;
        }
    }
    return true;
}

static bool method_list(struct compile *c, uint32_t method)
{
    for (size_t i = 0; i < c->methods.count; i++) {
        if (*(uint32_t *)rwith__rows_at(&c->methods, i) == method) {
            return true;
        }
    }
    uint32_t *row = rwith__rows_add(c->mem, &c->methods, 1);

    if (row != NULL) {
        *row = method;
    }
    return row != NULL;
}

/* --- the block ----------------------------------------------------------- */

/* The arrays of a policy while they are filled. */
struct layout {
    rwith_policy *policy;
    struct rwith__policy_node *nodes;
    struct rwith__policy_pattern *patterns;
    struct rwith__policy_entry *entries;
    struct rwith__policy_operation *operations;
    uint32_t *need_lists;
    uint64_t *alternatives;
    struct rwith__policy_media *media;
    uint32_t need_at, alternative_at, media_at;
};

static size_t block_size(const struct compile *c)
{
    const rwith_policy_builder *b = c->builder;
    size_t texts = rwith__texts_count(&b->texts);
    size_t size =
        rwith__room(1, sizeof(rwith_policy)) +
        rwith__room(c->nodes.count, c->nodes.size) +
        rwith__room(c->slots.count, c->slots.size) +
        rwith__room(c->patterns.count, sizeof(struct rwith__policy_pattern)) +
        rwith__room(c->entries.count, sizeof(struct rwith__policy_entry)) +
        rwith__room(b->operations.count,
                    sizeof(struct rwith__policy_operation)) +
        rwith__room(b->needs.count, b->needs.size) +
        rwith__room(c->need_count, sizeof(uint32_t)) +
        rwith__room(c->alternative_count, sizeof(uint64_t)) +
        rwith__room(c->media_count, sizeof(struct rwith__policy_media)) +
        rwith__room(texts, sizeof(struct rwith__text)) +
        rwith__room(c->header_names.count, sizeof(uint32_t)) +
        rwith__room(c->methods.count, sizeof(uint32_t)) +
        rwith__room(b->members.count, sizeof(rwith_members *)) +
        rwith__room(b->texts.bytes.count, 1);

    for (size_t i = 0; i < b->members.count; i++) {
        rwith_members *const *members = rwith__rows_at(&b->members, i);

        size += rwith__room(rwith__members_size(*members), 1);
    }
    return size;
}

static void *copy_rows(char **at, const struct rwith__rows *rows)
{
    void *to = rwith__room_take(at, rows->count, rows->size);

    if (rows->count > 0) {
        memcpy(to, rows->items, rows->count * rows->size);
    }
    return to;
}

/* Patterns and entries, each node's together. */
static void lay_tree(struct compile *c, struct layout *l)
{
    struct pattern_row *patterns = c->patterns.items;
    struct entry_row *entries = c->entries.items;

    if (c->patterns.count > 0) {
        qsort(patterns, c->patterns.count, sizeof(*patterns), pattern_order);
    }
    if (c->entries.count > 0) {
        qsort(entries, c->entries.count, sizeof(*entries), entry_order);
    }
    for (size_t i = c->patterns.count; i-- > 0;) {
        l->patterns[i] = patterns[i].pattern;
        l->nodes[patterns[i].parent].patterns = (uint32_t)i;
    }
    for (size_t i = c->entries.count; i-- > 0;) {
        l->entries[i] = entries[i].entry;
        l->nodes[entries[i].node].operations = (uint32_t)i;
    }
}

/* What the head must be searched for, by place. */
static void operation_masks(const struct layout *l,
                            struct rwith__policy_operation *to)
{
    for (unsigned i = 0; i < to->need_count; i++) {
        const struct rwith__policy_need *need =
            rwith__policy_need_at(l->policy, to, i);
        uint64_t bit = (uint64_t)1 << i;

        switch (need->in) {
        case RWITH_IN_QUERY:
            to->query |= bit;
            break;
        case RWITH_IN_COOKIE:
            to->cookie |= bit;
            to->filter |= rwith__policy_bit(RWITH_LIT("cookie"));
            break;
        case RWITH_IN_AUTHORIZATION:
            to->credentials |= bit;
            to->filter |= rwith__policy_bit(RWITH_LIT("authorization"));
            break;
        default:
            to->header |= bit;
            to->filter |=
                rwith__policy_bit(rwith__policy_text(l->policy, need->name));
        }
    }
    if (to->media_count > 0) {
        to->filter |= rwith__policy_bit(RWITH_LIT("content-type")) |
                      rwith__policy_bit(RWITH_LIT("content-encoding"));
    }
    to->filter |= rwith__policy_bit(RWITH_LIT("ms-echo-reply"));
}

static void lay_operation(const struct compile *c, struct layout *l,
                          uint32_t operation)
{
    const rwith_policy_builder *b = c->builder;
    const struct rwith__draft_operation *from =
        rwith__rows_at(&b->operations, operation);
    struct rwith__policy_operation *to = &l->operations[operation];
    unsigned bit = 0;

    *to = (struct rwith__policy_operation){
        .needs = l->need_at,
        .alternatives = l->alternative_at,
        .media = l->media_at,
        .method = from->method,
        .template_ = from->template_,
        .body = from->body,
        .need_count = from->need_count,
        .alternative_count = from->alternative_count,
        .body_required = from->body_required,
    };
    for (uint32_t n = from->first_need; n != UINT32_MAX; bit++) {
        const struct rwith__draft_need *row = rwith__rows_at(&b->need_lists, n);

        l->need_lists[l->need_at++] = row->need;
        if (!row->of_alternative) {
            to->must |= (uint64_t)1 << bit;
        }
        n = row->next;
    }
    for (uint32_t a = from->first_alternative; a != UINT32_MAX;) {
        const struct rwith__draft_alternative *row =
            rwith__rows_at(&b->alternatives, a);

        l->alternatives[l->alternative_at++] = row->mask;
        a = row->next;
    }
    for (uint32_t m = from->first_media; m != UINT32_MAX;) {
        const struct rwith__draft_media *row = rwith__rows_at(&b->media, m);

        l->media[l->media_at++] = row->media;
        to->media_count++;
        m = row->next;
    }
    operation_masks(l, to);
}

static rwith_policy *compile_finish(struct compile *c)
{
    const rwith_policy_builder *b = c->builder;
    size_t size = block_size(c);
    char *at = c->mem->alloc(size, c->mem->user);

    if (at == NULL) {
        return NULL;
    }
    memset(at, 0, size);
    rwith_policy *p = rwith__room_take(&at, 1, sizeof(*p));
    struct layout l = { .policy = p };
    size_t texts = rwith__texts_count(&b->texts);

    p->mem = *c->mem;
    p->size = size;
    p->slot_mask = c->slots.count - 1;
    p->operation_count = b->operations.count;
    p->header_name_count = c->header_names.count;
    p->nodes = l.nodes = copy_rows(&at, &c->nodes);
    p->slots = copy_rows(&at, &c->slots);
    p->patterns = l.patterns =
        rwith__room_take(&at, c->patterns.count, sizeof(*l.patterns));
    p->entries = l.entries =
        rwith__room_take(&at, c->entries.count, sizeof(*l.entries));
    p->operations = l.operations =
        rwith__room_take(&at, b->operations.count, sizeof(*l.operations));
    p->needs = copy_rows(&at, &b->needs);
    p->need_lists = l.need_lists =
        rwith__room_take(&at, c->need_count, sizeof(*l.need_lists));
    p->alternatives = l.alternatives =
        rwith__room_take(&at, c->alternative_count, sizeof(*l.alternatives));
    p->media = l.media =
        rwith__room_take(&at, c->media_count, sizeof(*l.media));
    struct rwith__text *text_rows =
        rwith__room_take(&at, texts, sizeof(*text_rows));
    p->texts = text_rows;
    p->header_names = copy_rows(&at, &c->header_names);
    p->methods = copy_rows(&at, &c->methods);
    p->method_count = c->methods.count;
    p->members = rwith__room_take(&at, b->members.count, sizeof(*p->members));
    char *bytes = rwith__room_take(&at, b->texts.bytes.count, 1);
    p->bytes = bytes;
    rwith__texts_copy(&b->texts, bytes, text_rows);
    for (size_t i = 0; i < b->members.count; i++) {
        rwith_members *const *members = rwith__rows_at(&b->members, i);

        p->members[i] = rwith__members_copy(
            *members, rwith__room_take(&at, rwith__members_size(*members), 1));
    }
    lay_tree(c, &l);
    for (uint32_t i = 0; i < b->operations.count; i++) {
        lay_operation(c, &l, i);
    }
    return p;
}

int rwith_policy_build(const rwith_policy_builder *builder,
                       const rwith_alloc *mem, rwith_policy **ret)
{
    rwith_alloc memory = *rwith__memory(mem);
    struct compile c = {
        .builder = builder,
        .mem = &memory,
        .nodes = { .size = sizeof(struct rwith__policy_node) },
        .slots = { .size = sizeof(struct rwith__policy_slot) },
        .patterns = { .size = sizeof(struct pattern_row) },
        .entries = { .size = sizeof(struct entry_row) },
        .header_names = { .size = sizeof(uint32_t) },
        .methods = { .size = sizeof(uint32_t) },
    };
    rwith_policy *policy = NULL;
    bool done =
        node_add(&c) != RWITH__NODE_NONE && slots_grow(&c) && header_list(&c);

    for (uint32_t i = 0; done && i < builder->operations.count; i++) {
        const struct rwith__draft_operation *o =
            rwith__rows_at(&builder->operations, i);

        done = method_list(&c, o->method) && operation_place(&c, i);
    }
    if (done) {
        policy = compile_finish(&c);
    }
    rwith__rows_free(&memory, &c.nodes);
    rwith__rows_free(&memory, &c.slots);
    rwith__rows_free(&memory, &c.patterns);
    rwith__rows_free(&memory, &c.entries);
    rwith__rows_free(&memory, &c.header_names);
    rwith__rows_free(&memory, &c.methods);
    if (policy == NULL) {
        return RWITH_ENOMEM;
    }
    *ret = policy;
    return RWITH_OK;
}

void rwith_policy_free(rwith_policy *policy)
{
    if (policy != NULL) {
        rwith_alloc mem = policy->mem;

        mem.free(policy, mem.user);
    }
}

rwith_policy_counts rwith_policy_count(const rwith_policy *policy)
{
    rwith_policy_counts counts = { .operations = policy->operation_count,
                                   .memory = policy->size };

    for (size_t i = 0; i < policy->operation_count; i++) {
        const struct rwith__policy_operation *o = &policy->operations[i];

        for (unsigned n = 0; n < o->need_count; n++) {
            counts.needs[rwith__policy_need_at(policy, o, n)->in]++;
        }
        counts.needs[RWITH_IN_BODY] += o->body_required || o->media_count > 0;
    }
    return counts;
}

bool rwith_policy_header_name(const rwith_policy *policy, size_t index,
                              rwith_slice *ret)
{
    if (index >= policy->header_name_count) {
        return false;
    }
    *ret = rwith__policy_text(policy, policy->header_names[index]);
    return true;
}

rwith_slice rwith_policy_method(const rwith_policy *policy, uint32_t operation)
{
    return operation < policy->operation_count
               ? rwith__policy_text(policy,
                                    policy->operations[operation].method)
               : RWITH_LIT("");
}

rwith_slice rwith_policy_template(const rwith_policy *policy,
                                  uint32_t operation)
{
    return operation < policy->operation_count
               ? rwith__policy_text(policy,
                                    policy->operations[operation].template_)
               : RWITH_LIT("");
}
