/*
 * What a document says about a requirement, for people and programs: its
 * description, an example, and a small schema.  Bounded: a hint must never
 * make an answer large.
 */
#include "openapi/reader.h"

#include <string.h>

#define DESCRIPTION_MAX 400
#define WORD_MAX        100 /* longer ones may be cut */
#define SCHEMA_MAX      1024
#define EXAMPLE_MAX     256
#define ENUM_MAX        32
#define JSON_DEPTH_MAX  8

/* JSON text in the making; once it does not fit it stays unfit. */
struct json_text {
    char *ptr;
    size_t len;
    size_t max;
    bool is_over;
};

static void put(struct json_text *out, const char *bytes, size_t len)
{
    if (out->is_over || len > out->max - out->len) {
        out->is_over = true;
        return;
    }
    memcpy(out->ptr + out->len, bytes, len);
    out->len += len;
}

static void put_string(struct json_text *out, rwith_slice text)
{
    static const char hex[] = "0123456789abcdef";

    put(out, "\"", 1);
    for (size_t i = 0; i < text.len && !out->is_over; i++) {
        uint8_t c = (uint8_t)text.ptr[i];

        if (c == '"' || c == '\\') {
            put(out, "\\", 1);
            put(out, text.ptr + i, 1);
        } else if (c < 0x20 || c == 0x7f) {
            char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

            put(out, escape, sizeof(escape));
        } else {
            put(out, text.ptr + i, 1);
        }
    }
    put(out, "\"", 1);
}

static void put_node(struct json_text *out, tree_node *node, unsigned depth)
{
    bool is_object;

    node = rwith__tree_follow(node);
    switch ((node_kind)node->kind) {
    case NODE_NULL:
        put(out, "null", 4);
        return;
    case NODE_BOOL:
    case NODE_NUMBER:
        put(out, node->text.ptr, node->text.len);
        return;
    case NODE_STRING:
        put_string(out, node->text);
        return;
    default:
        break;
    }
    if (depth >= JSON_DEPTH_MAX) {
        out->is_over = true;
        return;
    }
    is_object = node->kind == NODE_OBJECT;
    put(out, is_object ? "{" : "[", 1);
    for (tree_node *member = node->first; member != NULL && !out->is_over;
         member = member->next) {
        if (member != node->first) {
            put(out, ",", 1);
        }
        if (is_object) {
            put_string(out, member->key);
            put(out, ":", 1);
        }
        put_node(out, member, depth + 1);
    }
    put(out, is_object ? "}" : "]", 1);
}

static rwith_slice keep(reader *r, const struct json_text *text)
{
    rwith_slice kept = { NULL, 0 };

    if (text->is_over || text->len == 0) {
        return kept;
    }
    if (!rwith__tree_copy(&r->arena, (rwith_slice){ text->ptr, text->len },
                          &kept)) {
        rwith__reader_no_memory(r, NULL);
    }
    return kept;
}

/* The first member of that name in schemas that hold together. */
static tree_node *find_in(reader *r, const schema_set *set, const char *key)
{
    for (size_t i = 0; i < set->count; i++) {
        tree_node *node = rwith__tree_get(&r->arena, set->schemas[i], key);

        if (node != NULL) {
            return node;
        }
    }
    return NULL;
}

static rwith_slice schema_text(reader *r, const schema_set *set)
{
    static const char *const keywords[] = { "type", "format", "pattern",
                                            "enum" };
    char buf[SCHEMA_MAX];
    struct json_text out = { buf, 0, sizeof(buf) - 1, false };

    put(&out, "{", 1);
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        tree_node *node = find_in(r, set, keywords[i]);
        struct json_text before = out;

        if (node == NULL || node->kind == NODE_OBJECT ||
            (node->kind == NODE_ARRAY && node->count > ENUM_MAX)) {
            continue;
        }
        if (out.len > 1) {
            put(&out, ",", 1);
        }
        put_string(&out, rwith_slice_of(keywords[i]));
        put(&out, ":", 1);
        put_node(&out, node, 0);
        if (out.is_over) {
            out = before; /* one word less, not half of it */
        }
    }
    if (out.len == 1) {
        return (rwith_slice){ NULL, 0 };
    }
    out.max++;
    put(&out, "}", 1);
    return keep(r, &out);
}

static rwith_slice example_text(reader *r, tree_node *holder,
                                const schema_set *set)
{
    char buf[EXAMPLE_MAX];
    struct json_text out = { buf, 0, sizeof(buf), false };
    tree_node *node = rwith__tree_get(&r->arena, holder, "example");

    if (node == NULL) {
        tree_node *examples = rwith__tree_get(&r->arena, holder, "examples");

        if (examples != NULL && examples->kind == NODE_OBJECT &&
            examples->first != NULL) {
            node = rwith__tree_get(
                &r->arena, rwith__refs_follow(r, examples->first), "value");
        }
    }
    if (node == NULL) {
        node = find_in(r, set, "example");
    }
    if (node == NULL) {
        tree_node *examples = find_in(r, set, "examples");

        node = examples != NULL && examples->kind == NODE_ARRAY
                   ? examples->first
                   : NULL;
    }
    if (node != NULL) {
        put_node(&out, node, 0);
    }
    return keep(r, &out);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * What is longer ends with an ellipsis, behind the last whole word; inside a
 * word that has no end near, between two characters.
 */
static rwith_slice cut(reader *r, rwith_slice text)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    char buf[DESCRIPTION_MAX];
    struct json_text out = { buf, 0, sizeof(buf), false };
    size_t most = sizeof(buf) - (sizeof(ellipsis) - 1), len = most;

    text = rwith_slice_trim(text);
    if (text.len <= DESCRIPTION_MAX) {
        return text;
    }
    while (len > most - WORD_MAX && !is_space(text.ptr[len])) {
        len--;
    }
    if (!is_space(text.ptr[len])) {
        len = most;
        while (len > 0 && ((uint8_t)text.ptr[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    while (len > 0 && is_space(text.ptr[len - 1])) {
        len--;
    }
    put(&out, text.ptr, len);
    put(&out, ellipsis, sizeof(ellipsis) - 1);
    return keep(r, &out);
}

rwith_hint rwith__hint_of(reader *r, tree_node *holder, tree_node *schema)
{
    schema_set set = { NULL, 0, 0 };
    rwith_hint hint = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };

    if (schema != NULL && !rwith__schema_flatten(r, &set, schema)) {
        return hint;
    }
    hint.description = rwith__tree_text(&r->arena, holder, "description");
    if (hint.description.len == 0) {
        tree_node *node = find_in(r, &set, "description");

        if (node != NULL && node->kind == NODE_STRING) {
            hint.description = node->text;
        }
    }
    hint.description = cut(r, hint.description);
    hint.schema = schema_text(r, &set);
    hint.example = example_text(r, holder, &set);
    return hint;
}
