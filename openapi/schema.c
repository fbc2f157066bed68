/*
 * Questions about schemas that look through "$ref" and "allOf": which hold
 * together, what kind of value they describe, and whether a body of theirs
 * can lack anything at all.
 */
#include "openapi/reader.h"

#include <string.h>

static bool set_add(reader *r, schema_set *set, tree_node *schema)
{
    schema = rwith__tree_follow(schema);
    if (schema == NULL || schema->kind != NODE_OBJECT) {
        return r->err == RWITH_OK;
    }
    r->counts.steps += set->count;
    if (!rwith__reader_step(r, schema)) {
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->schemas[i] == schema) {
            return true;
        }
    }
    if (set->count == set->capacity) {
        size_t capacity = set->capacity == 0 ? 4 : set->capacity * 2;
        tree_node **bigger =
            rwith__tree_take(&r->arena, capacity * sizeof(bigger[0]));

        if (bigger == NULL) {
            rwith__reader_no_memory(r, schema);
            return false;
        }
        if (set->count > 0) {
            memcpy(bigger, set->schemas, set->count * sizeof(bigger[0]));
        }
        set->schemas = bigger;
        set->capacity = capacity;
    }
    set->schemas[set->count++] = schema;
    return true;
}

/*
 * "$ref" in 3.0 replaces its siblings; from 3.1 on it stands beside them,
 * and rwith__schema_flatten() adds what it leads to.
 */
static bool set_add_resolved(reader *r, schema_set *set, tree_node *schema)
{
    schema = rwith__tree_follow(schema);
    if (schema == NULL || schema->kind != NODE_OBJECT ||
        rwith__tree_get(&r->arena, schema, "$ref") == NULL) {
        return set_add(r, set, schema);
    }
    if (r->is_31 && schema->count > 1) {
        return set_add(r, set, schema);
    }
    return set_add(r, set, rwith__refs_follow(r, schema));
}

static bool add_all(reader *r, schema_set *set, tree_node *list)
{
    if (list == NULL || list->kind != NODE_ARRAY) {
        return true;
    }
    for (tree_node *node = list->first; node != NULL; node = node->next) {
        if (!set_add_resolved(r, set, node)) {
            return false;
        }
    }
    return true;
}

/* A choice with one alternative is none. */
static bool add_only(reader *r, schema_set *set, tree_node *list)
{
    return list == NULL || list->kind != NODE_ARRAY || list->count != 1 ||
           set_add_resolved(r, set, list->first);
}

bool rwith__schema_flatten(reader *r, schema_set *set, tree_node *schema)
{
    size_t at = set->count;

    if (!set_add_resolved(r, set, schema)) {
        return false;
    }
    for (; at < set->count; at++) {
        tree_node *node = set->schemas[at];

        if (!add_all(r, set, rwith__tree_get(&r->arena, node, "allOf")) ||
            !add_only(r, set, rwith__tree_get(&r->arena, node, "oneOf")) ||
            !add_only(r, set, rwith__tree_get(&r->arena, node, "anyOf"))) {
            return false;
        }
        if (rwith__tree_get(&r->arena, node, "$ref") != NULL &&
            !set_add_resolved(r, set, rwith__refs_target(r, node))) {
            return false;
        }
    }
    return true;
}

static unsigned shape_of_type(rwith_slice type)
{
    if (rwith_slice_equal(type, RWITH_LIT("object"))) {
        return RWITH_SHAPE_OBJECT;
    }
    return rwith_slice_equal(type, RWITH_LIT("array")) ? RWITH_SHAPE_ARRAY
                                                       : RWITH_SHAPE_SCALAR;
}

/* Of one schema's own "type" and "nullable". */
static unsigned own_shapes(reader *r, tree_node *schema)
{
    tree_node *type = rwith__tree_get(&r->arena, schema, "type");
    unsigned shapes = 0;

    if (type == NULL) {
        return RWITH_SHAPE_ALL;
    }
    if (type->kind == NODE_STRING) {
        shapes = shape_of_type(type->text);
    } else if (type->kind == NODE_ARRAY) {
        for (tree_node *node = type->first; node != NULL; node = node->next) {
            tree_node *word = rwith__tree_follow(node);

            if (word->kind == NODE_STRING) {
                shapes |= shape_of_type(word->text);
            }
        }
    }
    if (rwith__tree_is_true(rwith__tree_get(&r->arena, schema, "nullable"))) {
        shapes |= RWITH_SHAPE_SCALAR;
    }
    return shapes != 0 ? shapes : RWITH_SHAPE_ALL;
}

unsigned rwith__schema_shapes(reader *r, tree_node *schema)
{
    schema_set set = { NULL, 0, 0 };
    unsigned shapes = RWITH_SHAPE_ALL;

    if (!rwith__schema_flatten(r, &set, schema)) {
        return shapes;
    }
    for (size_t i = 0; i < set.count; i++) {
        shapes &= own_shapes(r, set.schemas[i]);
    }
    return shapes != 0 ? shapes : RWITH_SHAPE_ALL;
}

bool rwith__schema_is_object(reader *r, tree_node *schema)
{
    schema_set set = { NULL, 0, 0 };
    unsigned shapes = RWITH_SHAPE_ALL;
    bool has_properties = false;

    if (!rwith__schema_flatten(r, &set, schema)) {
        return false;
    }
    for (size_t i = 0; i < set.count; i++) {
        shapes &= own_shapes(r, set.schemas[i]);
        has_properties =
            has_properties ||
            rwith__tree_get(&r->arena, set.schemas[i], "properties") != NULL;
    }
    if (shapes == RWITH_SHAPE_ALL) {
        return has_properties;
    }
    return (shapes & RWITH_SHAPE_OBJECT) != 0;
}

bool rwith__schema_is_read_only(reader *r, tree_node *schema)
{
    schema_set set = { NULL, 0, 0 };

    if (!rwith__schema_flatten(r, &set, schema)) {
        return false;
    }
    for (size_t i = 0; i < set.count; i++) {
        if (rwith__tree_is_true(
                rwith__tree_get(&r->arena, set.schemas[i], "readOnly"))) {
            return true;
        }
    }
    return false;
}

/* --- may anything be needed? ------------------------------------------- */

/*
 * The schemas that can be reached from one, and who leads to whom.  All of
 * them are answered together: a "required" anywhere counts for everything
 * that leads to it, circles included.
 */
struct closure {
    tree_node **nodes;
    size_t count, capacity;
    struct edge {
        uint32_t from, to;
    } * edges;
    size_t edge_count, edge_capacity;
    bool *has; /* made at the end */
};

#define LEADS_TO_NEEDS UINT32_MAX

enum {
    ANSWER_NONE = 0,
    ANSWER_NO = 1,
    ANSWER_YES = 2,
    ANSWER_PENDING = 3 /* and the place in the closure */
};

static void *grow(reader *r, void *old, size_t count, size_t *capacity,
                  size_t size)
{
    if (count < *capacity) {
        return old;
    }
    size_t wanted = *capacity == 0 ? 64 : *capacity * 2;
    void *bigger = rwith__tree_take(&r->arena, wanted * size);
    if (bigger == NULL) {
        rwith__reader_no_memory(r, NULL);
        return NULL;
    }
    if (count > 0) {
        memcpy(bigger, old, count * size);
    }
    *capacity = wanted;
    return bigger;
}

static bool closure_node(reader *r, struct closure *closure, tree_node *schema,
                         uint64_t *answer)
{
    tree_node **nodes = grow(r, closure->nodes, closure->count,
                             &closure->capacity, sizeof(tree_node *));

    if (nodes == NULL) {
        return false;
    }
    closure->nodes = nodes;
    *answer = ANSWER_PENDING + closure->count;
    nodes[closure->count++] = schema;
    return true;
}

static bool add_edge(reader *r, struct closure *closure, size_t from,
                     uint32_t to)
{
    struct edge *edges = grow(r, closure->edges, closure->edge_count,
                              &closure->edge_capacity, sizeof(struct edge));

    if (edges == NULL) {
        return false;
    }
    closure->edges = edges;
    edges[closure->edge_count++] = (struct edge){ (uint32_t)from, to };
    return true;
}

/* @a from leads to @a schema. */
static bool closure_lead(reader *r, struct closure *closure, size_t from,
                         tree_node *schema)
{
    schema = rwith__tree_follow(schema);
    if (schema == NULL || schema->kind != NODE_OBJECT) {
        return r->err == RWITH_OK;
    }
    uint64_t *answer = rwith__reader_remember(r, &r->needs, schema, 0);
    if (answer == NULL || !rwith__reader_step(r, schema)) {
        return false;
    }
    if (*answer == ANSWER_NO) {
        return true;
    }
    if (*answer == ANSWER_YES) {
        return add_edge(r, closure, from, LEADS_TO_NEEDS);
    }
    if (*answer == ANSWER_NONE && !closure_node(r, closure, schema, answer)) {
        return false;
    }
    return add_edge(r, closure, from, (uint32_t)(*answer - ANSWER_PENDING));
}

static bool closure_list(reader *r, struct closure *closure, size_t from,
                         tree_node *list)
{
    if (list == NULL ||
        (list->kind != NODE_ARRAY && list->kind != NODE_OBJECT)) {
        return true;
    }
    for (tree_node *node = list->first; node != NULL; node = node->next) {
        if (!closure_lead(r, closure, from, node)) {
            return false;
        }
    }
    return true;
}

static bool closure_expand(reader *r, struct closure *closure, size_t from)
{
    static const char *const lists[] = { "allOf", "oneOf", "anyOf",
                                         "properties" };
    static const char *const singles[] = { "items", "additionalProperties" };
    tree_node *schema = closure->nodes[from];

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        tree_node *list = rwith__tree_get(&r->arena, schema, lists[i]);

        if (!closure_list(r, closure, from, list)) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
        tree_node *node = rwith__tree_get(&r->arena, schema, singles[i]);

        if (!closure_lead(r, closure, from, node)) {
            return false;
        }
    }
    if (rwith__tree_get(&r->arena, schema, "$ref") != NULL) {
        return closure_lead(r, closure, from, rwith__refs_follow(r, schema));
    }
    return true;
}

static bool needs_itself(reader *r, tree_node *schema)
{
    tree_node *required = rwith__tree_get(&r->arena, schema, "required");

    return required != NULL && required->kind == NODE_ARRAY &&
           required->count > 0;
}

static bool closure_answer(reader *r, struct closure *closure)
{
    bool has_changed = true;

    closure->has = rwith__tree_take(&r->arena, closure->count);
    if (closure->has == NULL) {
        rwith__reader_no_memory(r, NULL);
        return false;
    }
    for (size_t i = 0; i < closure->count; i++) {
        closure->has[i] = needs_itself(r, closure->nodes[i]);
    }
    while (has_changed) {
        has_changed = false;
        r->counts.steps += closure->edge_count;
        if (!rwith__reader_step(r, NULL)) {
            return false;
        }
        /* From the last: what was found later leads to less. */
        for (size_t i = closure->edge_count; i > 0; i--) {
            struct edge edge = closure->edges[i - 1];
            bool has = edge.to == LEADS_TO_NEEDS || closure->has[edge.to];

            if (has && !closure->has[edge.from]) {
                closure->has[edge.from] = true;
                has_changed = true;
            }
        }
    }
    for (size_t i = 0; i < closure->count; i++) {
        uint64_t *answer =
            rwith__reader_remember(r, &r->needs, closure->nodes[i], 0);

        if (answer == NULL) {
            return false;
        }
        *answer = closure->has[i] ? ANSWER_YES : ANSWER_NO;
    }
    return true;
}

bool rwith__schema_has_needs(reader *r, tree_node *schema)
{
    struct closure closure = { 0 };

    schema = rwith__tree_follow(schema);
    if (schema == NULL || schema->kind != NODE_OBJECT) {
        return false;
    }
    uint64_t *answer = rwith__reader_remember(r, &r->needs, schema, 0);
    if (answer == NULL) {
        return false;
    }
    if (*answer == ANSWER_NONE) {
        if (!closure_node(r, &closure, schema, answer)) {
            return false;
        }
        for (size_t i = 0; i < closure.count; i++) {
            if (!closure_expand(r, &closure, i)) {
                return false;
            }
        }
        if (!closure_answer(r, &closure)) {
            return false;
        }
        answer = rwith__reader_remember(r, &r->needs, schema, 0);
    }
    return answer != NULL && *answer == ANSWER_YES;
}
