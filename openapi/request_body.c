/*
 * The request body of an operation: must there be one, and which members
 * does it need, by its media type.
 */
#include "openapi/reader.h"

static const rwith_slice nothing = { NULL, 0 };

/* Methods whose requests have no content that means anything. */
static bool has_no_body(rwith_slice method)
{
    return rwith_slice_equal(method, RWITH_LIT("GET")) ||
           rwith_slice_equal(method, RWITH_LIT("HEAD")) ||
           rwith_slice_equal(method, RWITH_LIT("TRACE"));
}

static void add_media(reader *r, tree_node *media,
                      const reader_targets *targets)
{
    rwith_slice range = media->key;
    rwith_body_format format = rwith_body_format_of(range);
    tree_node *node = rwith__refs_follow(r, media);
    size_t last = range.len > 0 ? range.len - 1 : 0;

    if (node == NULL) {
        return;
    }
    if (format == RWITH_BODY_OTHER && range.len > 0 && range.ptr[last] == '*') {
        format = RWITH_BODY_JSON; /* names of other formats may differ */
    }
    uint32_t members = rwith__members_read(r, node, format);
    for (size_t i = 0; i < targets->count && r->err == RWITH_OK; i++) {
        int err =
            rwith_policy_add_media(r->builder, targets->ids[i], range,
                                   RWITH_BODY_FORMAT_BIT(format), members);

        if (err == RWITH_EINVAL || err == RWITH_EFULL || err == RWITH_ERANGE) {
            rwith__reader_warn(r, media, "no media type; not judged", range);
            return;
        }
        if (err != RWITH_OK) {
            r->err = err;
        }
    }
}

static void require(reader *r, tree_node *body, const reader_targets *targets)
{
    rwith_hint hint = rwith__hint_of(r, body, NULL);

    for (size_t i = 0; i < targets->count && r->err == RWITH_OK; i++) {
        int err = rwith_policy_require_body(r->builder, targets->ids[i], &hint);

        if (err != RWITH_OK) {
            r->err = err;
        }
    }
}

void rwith__request_body_read(reader *r, tree_node *operation,
                              rwith_slice method, const reader_targets *targets)
{
    tree_node *body = rwith__refs_get(r, operation, "requestBody");

    if (body == NULL) {
        return;
    }
    if (has_no_body(method)) {
        rwith__reader_warn(
            r, body, "a request body of this method is not judged", method);
        return;
    }
    if (rwith__tree_is_true(rwith__tree_get(&r->arena, body, "required"))) {
        require(r, body, targets);
    }
    tree_node *content = rwith__tree_get(&r->arena, body, "content");
    if (content == NULL || content->kind != NODE_OBJECT) {
        rwith__reader_warn(r, body, "a request body without \"content\"",
                           nothing);
        return;
    }
    for (tree_node *media = content->first;
         media != NULL && rwith__reader_step(r, media); media = media->next) {
        add_media(r, media, targets);
    }
}
