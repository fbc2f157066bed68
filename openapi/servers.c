/*
 * "servers" as base paths: the path of each URL, with its variables
 * replaced by each value that the document lists.
 */
#include "openapi/reader.h"

#include <string.h>

#define URL_MAX 2048

static const rwith_slice nothing = { NULL, 0 };

static rwith_slice path_of_url(rwith_slice url)
{
    size_t at = 0;

    for (size_t i = 0; i + 2 < url.len; i++) {
        if (memcmp(url.ptr + i, "://", 3) == 0) {
            at = i + 3;
            break;
        }
        if (url.ptr[i] == '/') {
            break;
        }
    }
    if (at == 0 && url.len >= 2 && memcmp(url.ptr, "//", 2) == 0) {
        at = 2;
    }
    while (at > 0 && at < url.len && url.ptr[at] != '/' && url.ptr[at] != '?' &&
           url.ptr[at] != '#') {
        at++;
    }
    size_t end = at;
    while (end < url.len && url.ptr[end] != '?' && url.ptr[end] != '#') {
        end++;
    }
    return (rwith_slice){ url.ptr + at, end - at };
}

static void add_base(reader *r, tree_node *server, rwith_slice url,
                     reader_bases *bases)
{
    char buf[URL_MAX + 1];
    rwith_slice path = path_of_url(url);
    rwith_slice kept;
    size_t len = 0;

    while (path.len > 0 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    while (path.len >= 2 && path.ptr[0] == '.' && path.ptr[1] == '/') {
        path = (rwith_slice){ path.ptr + 1, path.len - 1 };
    }
    if (rwith_slice_equal(path, RWITH_LIT("."))) {
        path.len = 0;
    }
    if (path.len > 0 && path.ptr[0] != '/') {
        buf[len++] = '/';
    }
    if (path.len > 0) {
        memcpy(buf + len, path.ptr, path.len);
        len += path.len;
    }
    path = (rwith_slice){ buf, len };
    for (size_t i = 0; i < bases->count; i++) {
        if (rwith_slice_equal(bases->paths[i], path)) {
            return;
        }
    }
    if (bases->count == RWITH_OPENAPI_BASE_MAX) {
        rwith__reader_warn(r, server, "too many base paths; not all count",
                           nothing);
        return;
    }
    if (!rwith__tree_copy(&r->arena, path, &kept)) {
        rwith__reader_no_memory(r, server);
        return;
    }
    bases->paths[bases->count++] = kept;
}

/* The first "{name}" of a URL at or behind @a from. */
static bool find_variable(rwith_slice url, size_t from, size_t *begin,
                          size_t *end)
{
    for (*begin = from; *begin < url.len; (*begin)++) {
        if (url.ptr[*begin] != '{') {
            continue;
        }
        for (*end = *begin + 1; *end < url.len; (*end)++) {
            if (url.ptr[*end] == '}') {
                (*end)++;
                return true;
            }
        }
    }
    return false;
}

static bool replace(rwith_slice url, size_t begin, size_t end,
                    rwith_slice value, char *buf, rwith_slice *ret)
{
    size_t len = url.len - (end - begin) + value.len;

    if (len > URL_MAX) {
        return false;
    }
    memcpy(buf, url.ptr, begin);
    memcpy(buf + begin, value.ptr, value.len);
    memcpy(buf + begin + value.len, url.ptr + end, url.len - end);
    *ret = (rwith_slice){ buf, len };
    return true;
}

/* Values are many only where they change the path. */
static void expand(reader *r, tree_node *server, rwith_slice url, size_t from,
                   unsigned depth, reader_bases *bases)
{
    char buf[URL_MAX];
    size_t begin, end;
    rwith_slice next;

    if (!rwith__reader_step(r, server)) {
        return;
    }
    if (depth == 8 || !find_variable(url, from, &begin, &end)) {
        add_base(r, server, url, bases);
        return;
    }
    rwith_slice name = { url.ptr + begin + 1, end - begin - 2 };
    tree_node *variable = rwith__tree_find(
        &r->arena, rwith__tree_get(&r->arena, server, "variables"), name);
    tree_node *values = rwith__tree_get(&r->arena, variable, "enum");
    tree_node *given = rwith__tree_get(&r->arena, variable, "default");
    const char *path = path_of_url(url).ptr;
    bool is_in_path = url.ptr + begin >= path;

    if (is_in_path && values != NULL && values->kind == NODE_ARRAY &&
        values->first != NULL) {
        for (tree_node *node = values->first;
             node != NULL && bases->count < RWITH_OPENAPI_BASE_MAX;
             node = node->next) {
            tree_node *value = rwith__tree_follow(node);

            if (value->kind < NODE_ARRAY && value->text.ptr != NULL &&
                replace(url, begin, end, value->text, buf, &next)) {
                expand(r, server, next, begin + value->text.len, depth + 1,
                       bases);
            }
        }
        return;
    }
    if (given == NULL || given->kind >= NODE_ARRAY || given->text.ptr == NULL) {
        rwith__reader_warn(r, server, "a variable of the URL has no default",
                           name);
        expand(r, server, url, end, depth + 1, bases);
        return;
    }
    if (is_in_path) {
        rwith__reader_warn(r, server,
                           "a variable in the path counts with its default "
                           "only",
                           name);
    }
    if (replace(url, begin, end, given->text, buf, &next)) {
        expand(r, server, next, begin + given->text.len, depth + 1, bases);
    }
}

void rwith__servers_read(reader *r, tree_node *servers, reader_bases *ret)
{
    ret->count = 0;
    if (r->options.has_base_path) {
        ret->paths[ret->count++] = r->options.base_path;
        return;
    }
    if (servers != NULL && servers->kind == NODE_ARRAY) {
        for (tree_node *node = servers->first; node != NULL;
             node = node->next) {
            tree_node *server = rwith__tree_follow(node);
            rwith_slice url = rwith__tree_text(&r->arena, server, "url");

            if (!rwith__reader_step(r, node)) {
                return;
            }
            if (url.ptr == NULL) {
                rwith__reader_warn(r, node, "a server without a URL", nothing);
            } else if (url.len > URL_MAX) {
                rwith__reader_warn(r, server, "the URL is too long", nothing);
            } else {
                expand(r, server, url, 0, 0, ret);
            }
        }
    }
    if (ret->count == 0) {
        ret->paths[ret->count++] = RWITH_LIT("");
    }
}
