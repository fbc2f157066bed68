/*
 * References: "$ref" within a document and to the files beside it.  Nothing
 * outside the first document's folder is ever asked for, and nothing over a
 * network.
 */
#include "openapi/reader.h"

#include <string.h>

#define PATH_MAX_LEN 1024

static const rwith_slice nothing = { NULL, 0 };

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    char lower = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    const char *at = lower != '\0' ? strchr(digits, lower) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* Decode percent escapes into @a buf, which is as long as @a in. */
static rwith_slice percent_decode(rwith_slice in, char *buf)
{
    size_t len = 0;

    for (size_t i = 0; i < in.len; i++) {
        int high =
            in.ptr[i] == '%' && i + 2 < in.len ? hex_value(in.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_value(in.ptr[i + 2]) : -1;

        if (low >= 0) {
            buf[len++] = (char)(high * 16 + low);
            i += 2;
        } else {
            buf[len++] = in.ptr[i];
        }
    }
    return (rwith_slice){ buf, len };
}

/* "~1" is "/", "~0" is "~" (RFC 6901 4); in place. */
static rwith_slice pointer_decode(char *buf, size_t len)
{
    size_t out = 0;

    for (size_t i = 0; i < len; i++) {
        char c = buf[i];

        if (c == '~' && i + 1 < len &&
            (buf[i + 1] == '0' || buf[i + 1] == '1')) {
            c = buf[++i] == '0' ? '~' : '/';
        }
        buf[out++] = c;
    }
    return (rwith_slice){ buf, out };
}

static tree_node *element_at(reader *r, tree_node *array, rwith_slice position)
{
    size_t index = 0;

    if (position.len == 0 || position.len > 9) {
        return NULL;
    }
    for (size_t i = 0; i < position.len; i++) {
        if (position.ptr[i] < '0' || position.ptr[i] > '9') {
            return NULL;
        }
        index = index * 10 + (size_t)(position.ptr[i] - '0');
    }
    tree_node *node = array->first;
    r->counts.steps += index; /* looked for one by one */
    while (node != NULL && index > 0) {
        node = node->next;
        index--;
    }
    return rwith__tree_follow(node);
}

/* Walk a JSON Pointer; @a pointer is decoded in place, segment by segment. */
static tree_node *walk(reader *r, tree_node *node, char *pointer, size_t len)
{
    size_t at = 0;

    while (node != NULL && at < len) {
        if (pointer[at] != '/' || !rwith__reader_step(r, node)) {
            return NULL;
        }
        size_t begin = ++at;
        while (at < len && pointer[at] != '/') {
            at++;
        }
        rwith_slice name = pointer_decode(pointer + begin, at - begin);
        node = rwith__tree_follow(node);
        node = node->kind == NODE_ARRAY
                   ? element_at(r, node, name)
                   : rwith__tree_find(&r->arena, node, name);
    }
    return node;
}

/* The next node in document order; NULL at the end. */
static tree_node *next_in_order(tree_node *node)
{
    if ((node->kind == NODE_ARRAY || node->kind == NODE_OBJECT) &&
        node->first != NULL) {
        return node->first;
    }
    while (node != NULL && node->next == NULL) {
        node = node->parent;
    }
    return node != NULL ? node->next : NULL;
}

static size_t count_anchors(tree_node *root)
{
    size_t count = 0;

    for (tree_node *node = root; node != NULL; node = next_in_order(node)) {
        count += rwith_slice_equal(node->key, RWITH_LIT("$anchor"));
    }
    return count;
}

/* "#name" of JSON Schema 2020-12. */
static tree_node *find_anchor(reader *r, reader_document *document,
                              rwith_slice name)
{
    if (document->anchors == NULL) {
        size_t count = count_anchors(document->root);

        document->anchors =
            rwith__tree_take(&r->arena, (count + 1) * sizeof(tree_node *));
        if (document->anchors == NULL) {
            rwith__reader_no_memory(r, NULL);
            return NULL;
        }
        for (tree_node *node = document->root; node != NULL;
             node = next_in_order(node)) {
            if (rwith_slice_equal(node->key, RWITH_LIT("$anchor"))) {
                document->anchors[document->anchor_count++] = node;
            }
        }
    }
    for (size_t i = 0; i < document->anchor_count; i++) {
        tree_node *node = document->anchors[i];

        if (!rwith__reader_step(r, node)) {
            return NULL;
        }
        if (node->kind == NODE_STRING && rwith_slice_equal(node->text, name)) {
            return node->parent;
        }
    }
    return NULL;
}

/* Does it begin with a scheme ("http:", "file:")? */
static bool has_scheme(rwith_slice ref)
{
    for (size_t i = 0; i < ref.len; i++) {
        char c = ref.ptr[i];

        if (c == ':') {
            return true;
        }
        if (c == '/' || c == '.' || c == '#') {
            return false;
        }
    }
    return false;
}

/* Append the segments of @a path to what is in @a buf, without "." and "..".
 * @return false: too long, or it leaves the folder */
static bool append_segments(rwith_slice path, char *buf, size_t *len)
{
    size_t at = 0;

    while (at <= path.len) {
        size_t end = at;

        while (end < path.len && path.ptr[end] != '/') {
            end++;
        }
        rwith_slice segment = { path.ptr + at, end - at };
        at = end + 1;
        if (rwith_slice_equal(segment, RWITH_LIT(".."))) {
            if (*len == 0) {
                return false;
            }
            while (*len > 0 && buf[*len - 1] != '/') {
                (*len)--;
            }
            *len -= *len > 0;
        } else if (segment.len > 0 &&
                   !rwith_slice_equal(segment, RWITH_LIT("."))) {
            if (*len + 1 + segment.len > PATH_MAX_LEN) {
                return false;
            }
            if (*len > 0) {
                buf[(*len)++] = '/';
            }
            memcpy(buf + *len, segment.ptr, segment.len);
            *len += segment.len;
        }
    }
    return true;
}

/* The path of a reference, from the folder of the first document. */
static bool join(const reader_document *from, rwith_slice ref, char *buf,
                 rwith_slice *ret)
{
    char decoded[PATH_MAX_LEN];
    size_t folder = from->path.len;
    size_t len = 0;

    if (ref.len > sizeof(decoded)) {
        return false;
    }
    ref = percent_decode(ref, decoded);
    if (ref.ptr[0] == '/' || memchr(ref.ptr, '\\', ref.len) != NULL ||
        memchr(ref.ptr, '\0', ref.len) != NULL) {
        return false;
    }
    while (folder > 0 && from->path.ptr[folder - 1] != '/') {
        folder--;
    }
    *ret = (rwith_slice){ buf, 0 };
    if (!append_segments((rwith_slice){ from->path.ptr, folder }, buf, &len) ||
        !append_segments(ref, buf, &len)) {
        return false;
    }
    ret->len = len;
    return len > 0;
}

/* The document of that path, loaded if it is not there. */
static reader_document *document_at(reader *r, const tree_node *from,
                                    rwith_slice path)
{
    rwith_openapi_text text = { NULL, 0 };
    rwith_slice kept;

    for (reader_document *document = r->documents; document != NULL;
         document = document->next) {
        if (rwith_slice_equal(document->path, path)) {
            return document;
        }
    }
    if (r->counts.documents >= r->options.document_max) {
        rwith__reader_fail(r, RWITH_ERANGE, from,
                           "too many files are referred to", nothing);
        return NULL;
    }
    if (!rwith__tree_copy(&r->arena, path, &kept)) {
        rwith__reader_no_memory(r, from);
        return NULL;
    }
    int err = r->options.load == NULL
                  ? RWITH_EUNSUPPORTED
                  : r->options.load(r->options.load_user, kept,
                                    r->options.bytes_max - r->counts.bytes,
                                    r->options.mem, &text);
    if (err == RWITH_ENOMEM) {
        r->err = RWITH_ENOMEM;
        return NULL;
    }
    if (err == RWITH_ERANGE) {
        rwith__reader_fail(r, RWITH_ERANGE, from,
                           "the file referred to is too large", kept);
        return NULL;
    }
    reader_document *document = rwith__reader_open(
        r, from, kept, kept,
        err == RWITH_OK ? (rwith_slice){ text.ptr, text.len } : nothing);
    if (document != NULL) {
        document->text = text;
    } else if (text.ptr != NULL) {
        r->options.mem->free(text.ptr, r->options.mem->user);
    }
    return document;
}

static reader_document *document_of_ref(reader *r, const tree_node *node,
                                        rwith_slice file)
{
    char buf[PATH_MAX_LEN];
    rwith_slice path;
    reader_document *from = rwith__reader_document_of(r, node);

    if (file.len == 0) {
        return from;
    }
    if (has_scheme(file) ||
        (file.len > 1 && file.ptr[0] == '/' && file.ptr[1] == '/')) {
        rwith__reader_warn(
            r, node, "a reference to another server is not followed", file);
        return NULL;
    }
    if (!join(from, file, buf, &path)) {
        rwith__reader_warn(r, node,
                           "a reference that leaves the document's folder "
                           "is not followed",
                           file);
        return NULL;
    }
    reader_document *document = document_at(r, node, path);
    if (document == NULL || document->root == NULL) {
        rwith__reader_warn(r, node, "the file referred to cannot be read",
                           file);
        return NULL;
    }
    return document;
}

tree_node *rwith__refs_target(reader *r, tree_node *node)
{
    char buf[PATH_MAX_LEN];
    tree_node *ref = rwith__tree_get(&r->arena, node, "$ref");

    if (ref == NULL || ref->kind != NODE_STRING ||
        ref->text.len > sizeof(buf)) {
        rwith__reader_warn(r, node, "\"$ref\" is not a usable string", nothing);
        return NULL;
    }
    rwith_slice text = ref->text;
    const char *hash = text.len > 0 ? memchr(text.ptr, '#', text.len) : NULL;
    size_t file_len = hash != NULL ? (size_t)(hash - text.ptr) : text.len;
    reader_document *document =
        document_of_ref(r, ref, (rwith_slice){ text.ptr, file_len });
    if (document == NULL || r->err != RWITH_OK) {
        return NULL;
    }
    size_t skip = file_len + (hash != NULL);
    rwith_slice fragment =
        percent_decode((rwith_slice){ text.ptr + skip, text.len - skip }, buf);
    tree_node *target = fragment.len > 0 && fragment.ptr[0] != '/'
                            ? find_anchor(r, document, fragment)
                            : walk(r, document->root, buf, fragment.len);
    if (target == NULL) {
        rwith__reader_warn(r, ref, "a reference to what is not there", text);
    }
    return target;
}

tree_node *rwith__refs_follow(reader *r, tree_node *node)
{
    tree_node *start = node;
    size_t hops = 0;

    node = rwith__tree_follow(node);
    while (node != NULL && node->kind == NODE_OBJECT &&
           rwith__tree_get(&r->arena, node, "$ref") != NULL) {
        if (!rwith__reader_step(r, node)) {
            return NULL;
        }
        if (hops++ >= r->options.ref_chain_max) {
            rwith__reader_fail(r, RWITH_EFILE, start,
                               "references lead to references, in a circle "
                               "or too often",
                               nothing);
            return NULL;
        }
        node = rwith__tree_follow(rwith__refs_target(r, node));
    }
    return r->err == RWITH_OK ? node : NULL;
}

tree_node *rwith__refs_get(reader *r, tree_node *object, const char *key)
{
    return rwith__refs_follow(r, rwith__tree_get(&r->arena, object, key));
}
