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
#include "lib/policy_tree.h"

struct compile {
    const rwith_policy_builder *builder;
    const rwith_alloc *mem;
    struct rwith__policy_tree tree;
    struct rwith__rows header_names; /* uint32_t texts */
    size_t need_count;
    size_t alternative_count;
    size_t media_count;
};

/* An operation goes into the tree; what it needs is counted. */
static bool operation_place(struct compile *c, uint32_t operation)
{
    const struct rwith__draft_operation *o =
        rwith__rows_at(&c->builder->operations, operation);
    const struct rwith__text *shape =
        rwith__rows_at(&c->builder->texts.texts, o->shape - 1);

    c->need_count += o->need_count;
    c->alternative_count += o->alternative_count;
    c->media_count += o->media_count;
    return rwith__policy_tree_add(&c->tree, shape, o->method_index, operation);
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

/* --- the block ----------------------------------------------------------- */

/* The arrays of a policy while they are filled. */
struct layout {
    rwith_policy *policy;
    struct rwith__policy_layout tree;
    struct rwith__policy_operation *operations;
    struct rwith__policy_name *names;
    uint64_t *plain;
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
        rwith__room(1, sizeof(rwith_policy)) + RWITH__LINE +
        rwith__room(rwith__policy_tree_size(&c->tree),
                    sizeof(struct rwith__policy_node)) +
        rwith__room(b->operations.count,
                    sizeof(struct rwith__policy_operation)) +
        rwith__room(c->tree.patterns.count,
                    sizeof(struct rwith__policy_pattern)) +
        rwith__room(rwith__policy_tree_entries(&c->tree),
                    sizeof(struct rwith__policy_entry)) +
        rwith__room(c->tree.more.count, sizeof(struct rwith__policy_more)) +
        rwith__room(b->operations.count, sizeof(struct rwith__policy_name)) +
        rwith__room(b->operations.count / 64 + 1, sizeof(uint64_t)) +
        rwith__room(b->needs.count, b->needs.size) +
        rwith__room(c->need_count, sizeof(uint32_t)) +
        rwith__room(c->alternative_count, sizeof(uint64_t)) +
        rwith__room(c->media_count, sizeof(struct rwith__policy_media)) +
        rwith__room(texts, sizeof(struct rwith__text)) +
        rwith__room(c->header_names.count, sizeof(uint32_t)) +
        rwith__room(b->methods.count, b->methods.size) +
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
            to->filter |=
                rwith__policy_bit(rwith__policy_text(l->policy, need->name));
        }
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
        .need_count = from->need_count,
        .alternative_count = from->alternative_count,
        .media_count = from->media_count,
        .body_required = from->body_required,
    };
    l->names[operation] = (struct rwith__policy_name){
        .method = from->method,
        .template_ = from->template_,
        .body = from->body,
    };
    for (uint32_t n = from->first_need; n != UINT32_MAX; bit++) {
        const struct rwith__draft_need *row = rwith__rows_at(&b->need_lists, n);

        l->need_lists[l->need_at++] = row->need;
        if (!row->of_alternative) {
            uint64_t *mask = row->bodiless ? &to->bodiless : &to->must;

            *mask |= (uint64_t)1 << bit;
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
        m = row->next;
    }
    operation_masks(l, to);
    if (from->need_count == 0 && !from->body_required) {
        l->plain[operation / 64] |= (uint64_t)1 << operation % 64;
    }
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
    p->operation_count = b->operations.count;
    p->header_name_count = c->header_names.count;
    at += -(uintptr_t)at & (RWITH__LINE - 1);
    l.tree.nodes = rwith__room_take(&at, rwith__policy_tree_size(&c->tree),
                                    sizeof(*l.tree.nodes));
    p->operations = l.operations =
        rwith__room_take(&at, b->operations.count, sizeof(*l.operations));
    l.tree.patterns =
        rwith__room_take(&at, c->tree.patterns.count, sizeof(*l.tree.patterns));
    l.tree.entries = rwith__room_take(&at, rwith__policy_tree_entries(&c->tree),
                                      sizeof(*l.tree.entries));
    l.tree.more =
        rwith__room_take(&at, c->tree.more.count, sizeof(*l.tree.more));
    p->names = l.names =
        rwith__room_take(&at, b->operations.count, sizeof(*l.names));
    p->plain = l.plain =
        rwith__room_take(&at, b->operations.count / 64 + 1, sizeof(*l.plain));
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
    p->methods = copy_rows(&at, &b->methods);
    p->method_count = b->methods.count;
    for (size_t i = p->method_count; i-- > 0;) {
        /* The first ones are the likeliest. */
        p->method_slots[rwith__policy_method_slot(p->methods[i].word)] =
            (uint8_t)i;
    }
    p->members = rwith__room_take(&at, b->members.count, sizeof(*p->members));
    char *bytes = rwith__room_take(&at, b->texts.bytes.count, 1);
    p->bytes = bytes;
    rwith__texts_copy(&b->texts, bytes, text_rows);
    for (size_t i = 0; i < b->members.count; i++) {
        rwith_members *const *members = rwith__rows_at(&b->members, i);

        p->members[i] = rwith__members_copy(
            *members, rwith__room_take(&at, rwith__members_size(*members), 1));
    }
    for (uint32_t i = 0; i < b->operations.count; i++) {
        lay_operation(c, &l, i);
    }
    p->nodes = l.tree.nodes;
    p->patterns = l.tree.patterns;
    p->entries = l.tree.entries;
    p->more = l.tree.more;
    rwith__policy_tree_lay(&c->tree, &l.tree);
    return p;
}

int rwith_policy_build(const rwith_policy_builder *builder,
                       const rwith_alloc *mem, rwith_policy **ret)
{
    rwith_alloc memory = *rwith__memory(mem);
    struct compile c = {
        .builder = builder,
        .mem = &memory,
        .header_names = { .size = sizeof(uint32_t) },
    };
    rwith_policy *policy = NULL;
    bool done = rwith__policy_tree_init(&c.tree, &memory, &builder->texts) &&
                header_list(&c);

    for (uint32_t i = 0; done && i < builder->operations.count; i++) {
        done = operation_place(&c, i);
    }
    if (done && rwith__policy_tree_close(&c.tree)) {
        policy = compile_finish(&c);
    }
    rwith__policy_tree_free(&c.tree);
    rwith__rows_free(&memory, &c.header_names);
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
               ? rwith__policy_text(policy, policy->names[operation].method)
               : RWITH_LIT("");
}

rwith_slice rwith_policy_template(const rwith_policy *policy,
                                  uint32_t operation)
{
    return operation < policy->operation_count
               ? rwith__policy_text(policy, policy->names[operation].template_)
               : RWITH_LIT("");
}
