/*
 * refusal_problem.c: the body of an answer for programs (RFC 9457, as JSON
 * and as XML) and as plain text.
 */
#include "lib/refusal.h"

/* Is it an item of that other alternative of that choice (0, 0: main)? */
static bool is_of(const rwith_missing *item, unsigned choice,
                  unsigned alternative)
{
    return alternative == 0
               ? rwith__missing_is_main(item)
               : item->choice == choice && item->alternative == alternative;
}

static const char *type_of(const rwith_refusal *refusal)
{
    switch (refusal->verdict) {
    case RWITH_VERDICT_MISSING:
        return "urn:x-retrywith:missing";
    case RWITH_VERDICT_MALFORMED:
        return "urn:x-retrywith:malformed";
    default:
        return "about:blank";
    }
}

/* The member that holds the name. */
static const char *name_member(rwith_place in)
{
    return in == RWITH_IN_BODY            ? "pointer"
           : in == RWITH_IN_AUTHORIZATION ? "scheme"
                                          : "name";
}

/* --- JSON ---------------------------------------------------------------- */

static void json_string(struct rwith__writer *w, const char *name,
                        rwith_slice value, size_t max)
{
    rwith__write_text(w, ", \"");
    rwith__write_text(w, name);
    rwith__write_text(w, "\": \"");
    rwith__write_escaped(w, RWITH__ESCAPE_JSON, value, max);
    rwith__write_text(w, "\"");
}

/* JSON text of the document's reader, which wrote it as one value. */
static void json_raw(struct rwith__writer *w, const char *name,
                     rwith_slice value)
{
    if (value.len > 0 && value.len <= RWITH_REFUSAL_SCHEMA_MAX) {
        rwith__write_text(w, ", \"");
        rwith__write_text(w, name);
        rwith__write_text(w, "\": ");
        rwith__write(w, value);
    }
}

static void json_item(struct rwith__writer *w, const rwith_missing *item,
                      bool tell_choice)
{
    rwith__write_text(w, "{ \"in\": \"");
    rwith__write_text(w, rwith_place_word(item->in));
    rwith__write_text(w, "\"");
    json_string(w, name_member(item->in), item->name,
                RWITH_REQUIREMENT_NAME_MAX);
    if (item->hint.description.len > 0) {
        json_string(w, "description", item->hint.description,
                    RWITH_REFUSAL_TEXT_MAX);
    }
    json_raw(w, "schema", item->hint.schema);
    json_raw(w, "example", item->hint.example);
    if (tell_choice && item->choice > 0) {
        rwith__write_text(w, ", \"choice\": ");
        rwith__write_number(w, item->choice);
    }
    rwith__write_text(w, " }");
}

static void json_items(struct rwith__writer *w, const rwith_missing_list *list,
                       unsigned choice, unsigned alternative)
{
    const char *before = "\n    ";

    rwith__write_text(w, "\"missing\": [");
    for (size_t i = 0; i < list->count; i++) {
        if (is_of(&list->items[i], choice, alternative)) {
            rwith__write_text(w, before);
            json_item(w, &list->items[i], list->choices > 1);
            before = ",\n    ";
        }
    }
    rwith__write_text(w, "]");
}

/*
 * The other alternatives; items of one stand together.  "before" comes
 * first, then "between"; nothing is written without any.
 */
static bool is_first_of_alternative(const rwith_missing_list *list, size_t i)
{
    return list->items[i].alternative > 0 &&
           (i == 0 ||
            list->items[i - 1].alternative != list->items[i].alternative ||
            list->items[i - 1].choice != list->items[i].choice);
}

static void json_alternatives(struct rwith__writer *w,
                              const rwith_missing_list *list)
{
    const char *before = ",\n  \"alternatives\": [\n  ";
    bool has_any = false;

    for (size_t i = 0; i < list->count; i++) {
        if (!is_first_of_alternative(list, i)) {
            continue;
        }
        rwith__write_text(w, before);
        rwith__write_text(w, "{ ");
        if (list->choices > 1) {
            rwith__write_text(w, "\"choice\": ");
            rwith__write_number(w, list->items[i].choice);
            rwith__write_text(w, ", ");
        }
        json_items(w, list, list->items[i].choice, list->items[i].alternative);
        rwith__write_text(w, " }");
        before = ",\n  ";
        has_any = true;
    }
    rwith__write_text(w, has_any ? "]" : "");
}

void rwith__refusal_json(struct rwith__writer *w, const rwith_refusal *refusal)
{
    rwith__write_text(w, "{ \"type\": \"");
    rwith__write_text(w, type_of(refusal));
    rwith__write_text(w, "\",\n  \"title\": \"");
    rwith__write_text(w, rwith__refusal_title(refusal));
    rwith__write_text(w, "\",\n  \"status\": ");
    rwith__write_number(w, refusal->status);
    rwith__write_text(w, ",\n  \"detail\": \"");
    rwith__refusal_detail(w, refusal);
    rwith__write_text(w, "\"");
    if (refusal->verdict == RWITH_VERDICT_MISSING && refusal->missing != NULL) {
        rwith__write_text(w, ",\n  ");
        json_items(w, refusal->missing, 0, 0);
        json_alternatives(w, refusal->missing);
    }
    rwith__write_text(w, " }\n");
}

/* --- XML (RFC 9457 appendix B: lists are elements named i) --------------- */

static void xml_element(struct rwith__writer *w, const char *name,
                        rwith_slice value, size_t max)
{
    rwith__write_text(w, "<");
    rwith__write_text(w, name);
    rwith__write_text(w, ">");
    rwith__write_escaped(w, RWITH__ESCAPE_XML, value, max);
    rwith__write_text(w, "</");
    rwith__write_text(w, name);
    rwith__write_text(w, ">");
}

static void xml_items(struct rwith__writer *w, const rwith_missing_list *list,
                      unsigned choice, unsigned alternative)
{
    rwith__write_text(w, "<missing>");
    for (size_t i = 0; i < list->count; i++) {
        const rwith_missing *item = &list->items[i];

        if (!is_of(item, choice, alternative)) {
            continue;
        }
        rwith__write_text(w, "\n    <i>");
        xml_element(w, "in", rwith_slice_of(rwith_place_word(item->in)),
                    SIZE_MAX);
        xml_element(w, name_member(item->in), item->name,
                    RWITH_REQUIREMENT_NAME_MAX);
        if (item->hint.description.len > 0) {
            xml_element(w, "description", item->hint.description,
                        RWITH_REFUSAL_TEXT_MAX);
        }
        rwith__write_text(w, "</i>");
    }
    rwith__write_text(w, "</missing>\n");
}

static void xml_alternatives(struct rwith__writer *w,
                             const rwith_missing_list *list)
{
    bool has_any = false;

    for (size_t i = 0; i < list->count; i++) {
        if (is_first_of_alternative(list, i)) {
            rwith__write_text(w, has_any ? "  <i>" : "  <alternatives><i>");
            xml_items(w, list, list->items[i].choice,
                      list->items[i].alternative);
            rwith__write_text(w, "  </i>");
            has_any = true;
        }
    }
    rwith__write_text(w, has_any ? "</alternatives>\n" : "");
}

void rwith__refusal_xml(struct rwith__writer *w, const rwith_refusal *refusal)
{
    rwith__write_text(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                         "<problem xmlns=\"urn:ietf:rfc:7807\">\n  ");
    xml_element(w, "type", rwith_slice_of(type_of(refusal)), SIZE_MAX);
    rwith__write_text(w, "\n  ");
    xml_element(w, "title", rwith_slice_of(rwith__refusal_title(refusal)),
                SIZE_MAX);
    rwith__write_text(w, "\n  <status>");
    rwith__write_number(w, refusal->status);
    rwith__write_text(w, "</status>\n  <detail>");
    rwith__refusal_detail(w, refusal);
    rwith__write_text(w, "</detail>\n");
    if (refusal->verdict == RWITH_VERDICT_MISSING && refusal->missing != NULL) {
        rwith__write_text(w, "  ");
        xml_items(w, refusal->missing, 0, 0);
        xml_alternatives(w, refusal->missing);
    }
    rwith__write_text(w, "</problem>\n");
}

/* --- plain text ---------------------------------------------------------- */

static void text_item(struct rwith__writer *w, const rwith_missing *item)
{
    rwith__write_text(w, rwith__missing_is_main(item) ? "  " : "    ");
    rwith__write_text(w, rwith__refusal_place(item->in));
    if (item->name.len > 0) {
        rwith__write_text(w, " ");
        rwith__write_escaped(w, RWITH__ESCAPE_LINE, item->name,
                             RWITH_REQUIREMENT_NAME_MAX);
    } else {
        rwith__write_text(w, ": all of it");
    }
    if (item->hint.description.len > 0) {
        rwith__write_text(w, ": ");
        rwith__write_escaped(w, RWITH__ESCAPE_LINE, item->hint.description,
                             RWITH_REFUSAL_TEXT_MAX);
    }
    rwith__write_text(w, "\n");
}

void rwith__refusal_text(struct rwith__writer *w, const rwith_refusal *refusal)
{
    const rwith_missing_list *list = refusal->missing;

    rwith__write_number(w, refusal->status);
    rwith__write_text(w, " ");
    rwith__write_text(w, rwith__refusal_title(refusal));
    rwith__write_text(w, "\n\n");
    rwith__refusal_detail(w, refusal);
    rwith__write_text(w, "\n");
    if (refusal->verdict != RWITH_VERDICT_MISSING || list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (rwith__missing_is_main(&list->items[i])) {
            text_item(w, &list->items[i]);
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        if (is_first_of_alternative(list, i)) {
            rwith__write_text(w, "  or else\n");
        }
        if (list->items[i].alternative > 0) {
            text_item(w, &list->items[i]);
        }
    }
}
