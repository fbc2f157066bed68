/*
 * One document from its first byte to the last operation: version, paths,
 * methods, and who reads the parts of an operation.
 */
#include "openapi/reader.h"

#include <string.h>

static const rwith_slice nothing = { NULL, 0 };

/* The members of a path item that are operations. */
static const struct {
    const char *key;
    const char *method;
} methods[] = {
    { "get", "GET" },       { "put", "PUT" },         { "post", "POST" },
    { "delete", "DELETE" }, { "options", "OPTIONS" }, { "head", "HEAD" },
    { "patch", "PATCH" },   { "trace", "TRACE" },     { "query", "QUERY" },
};

/* What an operation stands in. */
struct scope {
    tree_node *root;
    tree_node *path_item;
    rwith_slice template_;
    reader_bases bases; /* of the path item */
};

/*
 * Make the operation under each base path.  One whose shape was there before
 * is left to the one that came first: which of the two a request means cannot
 * be told.
 */
static void add_targets(reader *r, const struct scope *scope,
                        tree_node *operation, rwith_slice method,
                        const reader_bases *bases, reader_targets *ret)
{
    const char *why = NULL;

    ret->count = 0;
    for (size_t i = 0; i < bases->count && r->err == RWITH_OK; i++) {
        uint32_t id;
        bool is_new = false;
        int err =
            rwith_policy_add_operation(r->builder, method, bases->paths[i],
                                       scope->template_, &id, &is_new);

        if (err == RWITH_ENOMEM) {
            r->err = err;
        } else if (err != RWITH_OK) {
            why = "no request can be matched with this path; its operation "
                  "is not judged";
        } else if (!is_new) {
            why = "another operation has a path of the same shape; this "
                  "one is not judged";
        } else {
            ret->ids[ret->count++] = id;
        }
    }
    if (why != NULL) {
        rwith__reader_warn(r, operation, why, scope->template_);
    }
    if (ret->count > 0) {
        r->counts.operations_judged++;
    } else {
        r->counts.operations_skipped++;
    }
}

static void read_operation(reader *r, const struct scope *scope,
                           tree_node *operation, rwith_slice method)
{
    reader_targets targets;
    reader_bases own;
    const reader_bases *bases = &scope->bases;
    tree_node *servers = rwith__tree_get(&r->arena, operation, "servers");

    if (operation->kind != NODE_OBJECT) {
        rwith__reader_warn(r, operation, "no operation", nothing);
        return;
    }
    if (servers != NULL && servers->count > 0) {
        rwith__servers_read(r, servers, &own);
        bases = &own;
    }
    r->counts.operations++;
    add_targets(r, scope, operation, method, bases, &targets);
    if (targets.count == 0 || r->err != RWITH_OK) {
        return;
    }
    rwith__parameters_read(r, scope->path_item, operation, &targets);
    rwith__security_read(r, scope->root, operation, &targets);
    rwith__request_body_read(r, operation, method, &targets);
}

static void read_path_item(reader *r, struct scope *scope)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        tree_node *operation =
            rwith__tree_get(&r->arena, scope->path_item, methods[i].key);

        if (operation != NULL && r->err == RWITH_OK) {
            read_operation(r, scope, operation,
                           rwith_slice_of(methods[i].method));
        }
    }
    tree_node *others =
        rwith__tree_get(&r->arena, scope->path_item, "additionalOperations");
    if (others != NULL && others->kind == NODE_OBJECT) {
        for (tree_node *node = others->first;
             node != NULL && rwith__reader_step(r, node); node = node->next) {
            read_operation(r, scope, rwith__tree_follow(node), node->key);
        }
    }
}

/* A path item may be a reference, its siblings beside it. */
static void read_path(reader *r, struct scope *scope, tree_node *path,
                      const reader_bases *bases)
{
    tree_node *item = rwith__tree_follow(path);
    size_t hops = 0;

    scope->template_ = path->key;
    while (item != NULL && rwith__reader_step(r, item)) {
        tree_node *servers = rwith__tree_get(&r->arena, item, "servers");

        if (item->kind != NODE_OBJECT) {
            rwith__reader_warn(r, item, "no path item", nothing);
            return;
        }
        scope->path_item = item;
        scope->bases = *bases;
        if (servers != NULL && servers->count > 0) {
            rwith__servers_read(r, servers, &scope->bases);
        }
        read_path_item(r, scope);
        if (rwith__tree_get(&r->arena, item, "$ref") == NULL) {
            return;
        }
        if (hops++ == r->options.ref_chain_max) {
            rwith__reader_fail(r, RWITH_EFILE, item,
                               "references lead to references, in a circle "
                               "or too often",
                               nothing);
            return;
        }
        item = rwith__tree_follow(rwith__refs_target(r, item));
    }
}

static void read_paths(reader *r, tree_node *root)
{
    struct scope scope = { .root = root };
    reader_bases bases;
    tree_node *paths = rwith__refs_get(r, root, "paths");

    if (paths == NULL || paths->kind != NODE_OBJECT) {
        if (!r->is_31 && r->err == RWITH_OK) {
            rwith__reader_warn(r, root, "the document has no \"paths\"",
                               nothing);
        }
        return;
    }
    rwith__servers_read(r, rwith__tree_get(&r->arena, root, "servers"), &bases);
    r->security_schemes = rwith__tree_get(
        &r->arena, rwith__refs_get(r, root, "components"), "securitySchemes");
    for (tree_node *path = paths->first;
         path != NULL && rwith__reader_step(r, path); path = path->next) {
        if (path->key.len > 0 && path->key.ptr[0] == '/') {
            read_path(r, &scope, path, &bases);
        } else if (path->key.len < 2 || memcmp(path->key.ptr, "x-", 2) != 0) {
            rwith__reader_warn(r, path, "a path begins with a slash",
                               path->key);
        }
    }
}

static bool begins(rwith_slice text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

static void check_version(reader *r, tree_node *root)
{
    tree_node *version = rwith__tree_get(&r->arena, root, "openapi");

    if (root->kind == NODE_OBJECT &&
        rwith__tree_get(&r->arena, root, "swagger") != NULL) {
        rwith__reader_fail(r, RWITH_EUNSUPPORTED, root,
                           "this is Swagger 2.0: convert it to OpenAPI 3 "
                           "first (swagger2openapi, for example, does that)",
                           nothing);
    } else if (version == NULL ||
               (version->kind != NODE_STRING && version->kind != NODE_NUMBER)) {
        rwith__reader_fail(r, RWITH_EFILE, root,
                           "no OpenAPI document: it has no \"openapi\" "
                           "member with a version",
                           nothing);
    } else if (!begins(version->text, "3.0") && !begins(version->text, "3.1") &&
               !begins(version->text, "3.2")) {
        rwith__reader_fail(r, RWITH_EUNSUPPORTED, version,
                           "OpenAPI 3.0, 3.1 and 3.2 are read, not this "
                           "version",
                           version->text);
    } else {
        r->is_31 = !begins(version->text, "3.0");
    }
}

static void fill_limits(rwith_openapi_options *options)
{
    const struct {
        size_t *value;
        size_t otherwise;
    } limits[] = {
        { &options->bytes_max, RWITH_OPENAPI_BYTES_MAX },
        { &options->memory_max, RWITH_OPENAPI_MEMORY_MAX },
        { &options->depth_max, RWITH_OPENAPI_DEPTH_MAX },
        { &options->document_max, RWITH_OPENAPI_DOCUMENT_MAX },
        { &options->ref_chain_max, RWITH_OPENAPI_REF_CHAIN_MAX },
        { &options->alias_max, RWITH_OPENAPI_ALIAS_MAX },
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (*limits[i].value == 0) {
            *limits[i].value = limits[i].otherwise;
        }
    }
    if (options->step_max == 0) {
        options->step_max = RWITH_OPENAPI_STEP_MAX;
    }
}

static void *default_alloc(size_t size, void *user)
{
    tree_arena *arena = user;

    return arena->mem.alloc(size, arena->mem.user);
}

static void default_free(void *ptr, void *user)
{
    tree_arena *arena = user;

    arena->mem.free(ptr, arena->mem.user);
}

/* The name without its folders: what references are relative to. */
static rwith_slice file_name(rwith_slice name)
{
    size_t at = name.len;

    while (at > 0 && name.ptr[at - 1] != '/') {
        at--;
    }
    return (rwith_slice){ name.ptr + at, name.len - at };
}

static void read_text(reader *r, rwith_slice name, rwith_slice text)
{
    if (text.len > r->options.bytes_max) {
        rwith__reader_fail(r, RWITH_ERANGE, NULL,
                           "the document is larger than the limit", nothing);
        return;
    }
    reader_document *document =
        rwith__reader_open(r, NULL, file_name(name), name,
                           text.ptr != NULL ? text : RWITH_LIT(""));
    if (document == NULL || r->err != RWITH_OK) {
        return;
    }
    check_version(r, document->root);
    if (r->err == RWITH_OK) {
        read_paths(r, document->root);
    }
}

int rwith_openapi_load(rwith_policy_builder *builder, rwith_slice name,
                       rwith_slice text, const rwith_openapi_options *options,
                       rwith_openapi_counts *ret, rwith_openapi_problem *reterr)
{
    reader r = { .builder = builder, .name = name };

    if (options != NULL) {
        r.options = *options;
    }
    fill_limits(&r.options);
    rwith__tree_arena_init(&r.arena, r.options.mem, r.options.memory_max);
    /* One allocator for all, the default spelt out. */
    const rwith_alloc mem = { default_alloc, default_free, &r.arena };
    r.options.mem = &mem;
    read_text(&r, name, text);
    for (reader_document *document = r.documents; document != NULL;
         document = document->next) {
        if (document->text.ptr != NULL) {
            mem.free(document->text.ptr, mem.user);
        }
    }
    r.counts.memory = r.arena.total;
    rwith__tree_arena_free(&r.arena);
    if (r.err == RWITH_OK && ret != NULL) {
        *ret = r.counts;
    }
    if (r.err != RWITH_OK && r.err != RWITH_ENOMEM && reterr != NULL) {
        *reterr = r.problem;
    }
    return r.err;
}
