/*
 * What every part of the reader needs: its documents, its warnings and
 * errors with their places, its limits.  No word of OpenAPI is known here.
 */
#include "openapi/reader.h"

#include <string.h>

#include <retrywith/trust.h>

struct reader_set_entry {
    const void *key;
    uint64_t extra;
    uint64_t value;
};

/* A bounded sentence in the making. */
struct sentence {
    char *ptr;
    size_t len;
    size_t max; /* the final NUL included */
};

static void sentence_add(struct sentence *out, const char *text)
{
    size_t len = strlen(text);
    size_t room = out->max - 1 - out->len;

    if (len > room) {
        len = room;
    }
    memcpy(out->ptr + out->len, text, len);
    out->len += len;
    out->ptr[out->len] = '\0';
}

static void sentence_quote(struct sentence *out, rwith_slice what)
{
    char escaped[128];

    rwith_trust_escape(what, escaped, sizeof(escaped));
    sentence_add(out, ": \"");
    sentence_add(out, escaped);
    sentence_add(out, "\"");
}

reader_document *rwith__reader_document_of(reader *r, const tree_node *node)
{
    while (node->parent != NULL) {
        node = node->parent;
    }
    for (reader_document *document = r->documents; document != NULL;
         document = document->next) {
        if (document->root == node) {
            return document;
        }
    }
    return r->documents;
}

static void describe(reader *r, const tree_node *node, const char *text,
                     rwith_slice what, rwith_openapi_problem *ret)
{
    rwith_slice name = r->name;

    *ret = (rwith_openapi_problem){ .file = "" };
    if (node != NULL) {
        name = rwith__reader_document_of(r, node)->name;
        rwith__tree_pointer(node, ret->pointer, sizeof(ret->pointer));
        ret->diagnostic.line = node->line;
    }
    rwith_trust_escape(name, ret->file, sizeof(ret->file));
    struct sentence sentence = { ret->diagnostic.text, 0,
                                 sizeof(ret->diagnostic.text) };
    sentence_add(&sentence, text);
    if (what.len > 0) {
        sentence_quote(&sentence, what);
    }
}

void rwith__reader_warn(reader *r, const tree_node *node, const char *text,
                        rwith_slice what)
{
    uint64_t *told =
        rwith__reader_remember(r, &r->warned, node, (uint64_t)(uintptr_t)text);

    if (told == NULL || *told != 0) {
        return;
    }
    *told = 1;
    if (r->counts.warnings++ >= RWITH_OPENAPI_WARNING_MAX ||
        r->options.warn == NULL) {
        return;
    }
    rwith_openapi_problem problem;
    describe(r, node, text, what, &problem);
    r->options.warn(r->options.warn_user, &problem);
}

int rwith__reader_fail(reader *r, int err, const tree_node *node,
                       const char *text, rwith_slice what)
{
    if (r->err == RWITH_OK) {
        describe(r, node, text, what, &r->problem);
        r->err = err;
    }
    return err;
}

int rwith__reader_no_memory(reader *r, const tree_node *node)
{
    static const rwith_slice nothing = { NULL, 0 };

    if (r->arena.has_ended) {
        return rwith__reader_fail(r, RWITH_ERANGE, node,
                                  "more memory is needed than the limit "
                                  "allows",
                                  nothing);
    }
    if (r->err == RWITH_OK) {
        r->err = RWITH_ENOMEM;
    }
    return RWITH_ENOMEM;
}

bool rwith__reader_step(reader *r, const tree_node *node)
{
    static const rwith_slice nothing = { NULL, 0 };

    if (r->err == RWITH_OK && ++r->counts.steps > r->options.step_max) {
        rwith__reader_fail(r, RWITH_ERANGE, node,
                           "reading the document takes too many steps",
                           nothing);
    }
    return r->err == RWITH_OK;
}

static struct reader_set_entry *set_slot(const reader_set *set, const void *key,
                                         uint64_t extra)
{
    uint64_t mixed =
        ((uint64_t)(uintptr_t)key ^ extra << 1) * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(mixed >> 32) & set->mask;

    while (set->slots[i].key != NULL &&
           (set->slots[i].key != key || set->slots[i].extra != extra)) {
        i = (i + 1) & set->mask;
    }
    return &set->slots[i];
}

static bool set_grow(reader *r, reader_set *set)
{
    size_t size = set->mask == 0 ? 64 : (set->mask + 1) * 2;
    reader_set bigger = { rwith__tree_take(&r->arena,
                                           size * sizeof(set->slots[0])),
                          size - 1, set->count };

    if (bigger.slots == NULL) {
        rwith__reader_no_memory(r, NULL);
        return false;
    }
    memset(bigger.slots, 0, size * sizeof(set->slots[0]));
    for (size_t i = 0; set->mask != 0 && i <= set->mask; i++) {
        struct reader_set_entry *old = &set->slots[i];

        if (old->key != NULL) {
            *set_slot(&bigger, old->key, old->extra) = *old;
        }
    }
    *set = bigger;
    return true;
}

uint64_t *rwith__reader_remember(reader *r, reader_set *set, const void *key,
                                 uint64_t extra)
{
    if (set->mask == 0 || set->count * 2 > set->mask) {
        if (!set_grow(r, set)) {
            return NULL;
        }
    }
    struct reader_set_entry *entry = set_slot(set, key, extra);
    if (entry->key == NULL) {
        *entry = (struct reader_set_entry){ key, extra, 0 };
        set->count++;
    }
    return &entry->value;
}

static bool ends_with(rwith_slice text, const char *suffix)
{
    size_t len = strlen(suffix);

    return text.len >= len &&
           rwith_slice_equal_nocase(
               (rwith_slice){ text.ptr + text.len - len, len },
               (rwith_slice){ suffix, len });
}

static bool begins_as_json(rwith_slice text)
{
    size_t at = 0;

    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t' ||
                             text.ptr[at] == '\r' || text.ptr[at] == '\n')) {
        at++;
    }
    return at < text.len && (text.ptr[at] == '{' || text.ptr[at] == '[');
}

/*
 * JSON when it begins so, YAML otherwise.  What is named as YAML may be a
 * flow mapping that is no JSON; the error of a text that is neither is that
 * of its JSON.
 */
static int read_text(reader *r, rwith_slice name, rwith_slice text,
                     tree_node **ret, const tree_node **reterr_at,
                     rwith_diagnostic *reterr_diag)
{
    tree_limits limits = { r->options.depth_max, r->options.alias_max };
    const tree_node *at;
    rwith_diagnostic diag;
    int err;

    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0) {
        text = (rwith_slice){ text.ptr + 3, text.len - 3 };
    }
    if (!begins_as_json(text)) {
        return rwith__tree_read_yaml(&r->arena, text, &limits, ret, reterr_at,
                                     reterr_diag);
    }
    err = rwith__tree_read_json(&r->arena, text, &limits, ret, reterr_at,
                                reterr_diag);
    if (err == RWITH_EFILE &&
        (ends_with(name, ".yaml") || ends_with(name, ".yml")) &&
        rwith__tree_read_yaml(&r->arena, text, &limits, ret, &at, &diag) ==
            RWITH_OK) {
        err = RWITH_OK;
    }
    return err;
}

/* An error inside a text: the node that was open tells the pointer. */
static void fail_in_text(reader *r, const reader_document *document,
                         const tree_node *at, const rwith_diagnostic *diag)
{
    rwith_openapi_problem *problem = &r->problem;

    if (r->err != RWITH_OK) {
        return;
    }
    *problem = (rwith_openapi_problem){ .diagnostic = *diag };
    rwith_trust_escape(document->name, problem->file, sizeof(problem->file));
    if (at != NULL) {
        rwith__tree_pointer(at, problem->pointer, sizeof(problem->pointer));
    }
    r->err = RWITH_EFILE;
}

reader_document *rwith__reader_open(reader *r, const tree_node *from,
                                    rwith_slice path, rwith_slice name,
                                    rwith_slice text)
{
    const tree_node *at = NULL;
    rwith_diagnostic diag = { 0, 0, "" };
    reader_document *document = rwith__tree_take(&r->arena, sizeof(*document));

    if (document == NULL) {
        rwith__reader_no_memory(r, from);
        return NULL;
    }
    *document = (reader_document){ .path = path, .name = name };
    reader_document **last = &r->documents;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = document;
    r->counts.documents++;
    r->counts.bytes += text.len;
    if (text.ptr == NULL) {
        return document;
    }
    int err = read_text(r, name, text, &document->root, &at, &diag);
    if (err == RWITH_EFILE) {
        fail_in_text(r, document, at, &diag);
    } else if (err != RWITH_OK) {
        rwith__reader_no_memory(r, from);
    }
    return document;
}
