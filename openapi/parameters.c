/*
 * The parameters of an operation as needs of the policy: required ones in
 * header, query and cookie.  What is in the path is there when the path
 * matches.
 */
#include "openapi/reader.h"

#include <string.h>

static const rwith_slice nothing = { NULL, 0 };

/* One parameter, its "$ref" followed. */
struct parameter {
    tree_node *node;
    rwith_slice name;
    rwith_slice in;
};

static bool read_parameter(reader *r, tree_node *node, struct parameter *ret)
{
    node = rwith__refs_follow(r, node);
    if (node == NULL || node->kind != NODE_OBJECT) {
        return false;
    }
    ret->node = node;
    ret->name = rwith__tree_text(&r->arena, node, "name");
    ret->in = rwith__tree_text(&r->arena, node, "in");
    return true;
}

/* "Accept", "Content-Type" and "Authorization" are described elsewhere; the
 * specification has them ignored here. */
static bool is_ignored_header(rwith_slice name)
{
    return rwith_slice_equal_nocase(name, RWITH_LIT("Accept")) ||
           rwith_slice_equal_nocase(name, RWITH_LIT("Content-Type")) ||
           rwith_slice_equal_nocase(name, RWITH_LIT("Authorization"));
}

static tree_node *schema_of(reader *r, tree_node *parameter)
{
    tree_node *schema = rwith__tree_get(&r->arena, parameter, "schema");
    tree_node *content = rwith__tree_get(&r->arena, parameter, "content");

    if (schema == NULL && content != NULL && content->kind == NODE_OBJECT &&
        content->first != NULL) {
        schema = rwith__tree_get(&r->arena, content->first, "schema");
    }
    return schema;
}

static void add_need(reader *r, const tree_node *node,
                     const rwith_policy_need *need,
                     const reader_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        int err = rwith_policy_add_need(r->builder, targets->ids[i], need);

        if (err == RWITH_EINVAL) {
            rwith__reader_warn(
                r, node, "a parameter of that name is not judged", need->name);
            return;
        }
        if (err == RWITH_EFULL || err == RWITH_ERANGE) {
            rwith__reader_warn(r, node,
                               "too many required parameters; this one is "
                               "not judged",
                               need->name);
            return;
        }
        if (err != RWITH_OK) {
            r->err = err;
            return;
        }
    }
}

/* style form, explode: the object's members are parameters themselves. */
static void add_members(reader *r, const struct parameter *parameter,
                        rwith_place in, tree_node *schema,
                        const reader_targets *targets)
{
    schema_set set = { NULL, 0, 0 };
    bool has_any = false;

    if (!rwith__schema_flatten(r, &set, schema)) {
        return;
    }
    for (size_t i = 0; i < set.count; i++) {
        tree_node *required =
            rwith__tree_get(&r->arena, set.schemas[i], "required");
        tree_node *properties =
            rwith__tree_get(&r->arena, set.schemas[i], "properties");

        if (required == NULL || required->kind != NODE_ARRAY) {
            continue;
        }
        for (tree_node *node = required->first; node != NULL;
             node = node->next) {
            tree_node *word = rwith__tree_follow(node);

            if (word->kind != NODE_STRING || !rwith__reader_step(r, node)) {
                continue;
            }
            tree_node *property =
                rwith__tree_find(&r->arena, properties, word->text);
            rwith_policy_need need = { in, word->text,
                                       rwith__hint_of(r, NULL, property), 0 };
            add_need(r, word, &need, targets);
            has_any = true;
        }
    }
    if (!has_any) {
        rwith__reader_warn(r, parameter->node,
                           "an exploded object has no name of its own; its "
                           "presence is not judged",
                           parameter->name);
    }
}

/* OpenAPI's default: style form explodes, the others do not. */
static bool is_exploded(reader *r, tree_node *parameter, rwith_slice style)
{
    tree_node *explode = rwith__tree_get(&r->arena, parameter, "explode");

    if (explode != NULL && explode->kind == NODE_BOOL) {
        return rwith__tree_is_true(explode);
    }
    return style.len == 0 || rwith_slice_equal(style, RWITH_LIT("form"));
}

static void add_parameter(reader *r, const struct parameter *parameter,
                          const reader_targets *targets)
{
    rwith_policy_need need = { .name = parameter->name };
    tree_node *node = parameter->node;

    if (!rwith__tree_is_true(rwith__tree_get(&r->arena, node, "required")) ||
        rwith_slice_equal(parameter->in, RWITH_LIT("path"))) {
        return;
    }
    if (!rwith_place_of_word(parameter->in, &need.in) ||
        need.in == RWITH_IN_BODY || need.in == RWITH_IN_AUTHORIZATION) {
        rwith__reader_warn(r, node,
                           "a required parameter in a place that is not "
                           "judged",
                           parameter->in);
        return;
    }
    if (need.in == RWITH_IN_HEADER && is_ignored_header(need.name)) {
        return;
    }
    rwith_slice style = rwith__tree_text(&r->arena, node, "style");
    tree_node *schema = schema_of(r, node);
    bool has_content = rwith__tree_get(&r->arena, node, "content") != NULL;
    if (need.in == RWITH_IN_QUERY &&
        rwith_slice_equal(style, RWITH_LIT("deepObject"))) {
        need.flags |= RWITH_NEED_BRACKETS;
    } else if (need.in != RWITH_IN_HEADER && !has_content &&
               is_exploded(r, node, style) &&
               rwith__schema_is_object(r, schema)) {
        add_members(r, parameter, need.in, schema, targets);
        return;
    }
    if (rwith__tree_is_true(
            rwith__tree_get(&r->arena, node, "allowEmptyValue"))) {
        need.flags |= RWITH_NEED_ANY_VALUE;
    }
    need.hint = rwith__hint_of(r, node, schema);
    add_need(r, node, &need, targets);
}

static bool is_overridden(reader *r, const struct parameter *parameter,
                          tree_node *list)
{
    struct parameter other;

    if (list == NULL || list->kind != NODE_ARRAY) {
        return false;
    }
    for (tree_node *node = list->first; node != NULL; node = node->next) {
        if (!rwith__reader_step(r, node)) {
            return false;
        }
        if (read_parameter(r, node, &other) &&
            rwith_slice_equal(other.name, parameter->name) &&
            rwith_slice_equal(other.in, parameter->in)) {
            return true;
        }
    }
    return false;
}

static void read_list(reader *r, tree_node *list, tree_node *overriding,
                      const reader_targets *targets)
{
    struct parameter parameter;

    if (list == NULL) {
        return;
    }
    if (list->kind != NODE_ARRAY) {
        rwith__reader_warn(r, list, "\"parameters\" is not a list", nothing);
        return;
    }
    for (tree_node *node = list->first; node != NULL; node = node->next) {
        if (!rwith__reader_step(r, node)) {
            return;
        }
        if (read_parameter(r, node, &parameter) &&
            !is_overridden(r, &parameter, overriding)) {
            add_parameter(r, &parameter, targets);
        }
    }
}

void rwith__parameters_read(reader *r, tree_node *path_item,
                            tree_node *operation, const reader_targets *targets)
{
    tree_node *own = rwith__tree_get(&r->arena, operation, "parameters");

    read_list(r, rwith__tree_get(&r->arena, path_item, "parameters"), own,
              targets);
    read_list(r, own, NULL, targets);
}
