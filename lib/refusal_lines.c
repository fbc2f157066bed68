/*
 * refusal_lines.c: the page's lines for a terminal, "curl" and "retrywith
 * fetch", ready but for the values.  Nothing of the request is in them: its
 * address is put in by the page's script.
 */
#include <string.h>

#include <retrywith/trust.h>

#include "lib/refusal.h"

/* Before each option but the first words. */
#define NEXT " \\\n  "

static void shell(struct rwith__writer *w, rwith_slice text)
{
    rwith__write_escaped(w, RWITH__ESCAPE_SHELL, text, SIZE_MAX);
}

/* A word that a person replaces. */
static void put(struct rwith__writer *w, const char *word)
{
    rwith__write_text(w, "<i class=\"put\">");
    rwith__write_text(w, word);
    rwith__write_text(w, "</i>");
}

static bool is_bearer(const rwith_missing *item)
{
    return rwith_slice_equal_nocase(item->name, RWITH_LIT("Bearer"));
}

/* A member, not the body as a whole. */
static bool is_member(const rwith_missing *item)
{
    return item->in == RWITH_IN_BODY && item->name.len > 0;
}

/* " -X METHOD": a method may have bytes that mean something to a shell. */
static void write_method(struct rwith__writer *w, const rwith_refusal *refusal)
{
    rwith_slice method = refusal->method;

    if (method.len == 0 || rwith_slice_equal(method, RWITH_LIT("GET"))) {
        return;
    }
    if (rwith_slice_equal(method, RWITH_LIT("HEAD"))) {
        rwith__write_text(w, " -I");
        return;
    }
    bool is_plain = true;
    for (size_t i = 0; i < method.len; i++) {
        char c = method.ptr[i];

        is_plain = is_plain && ((c >= 'A' && c <= 'Z') || c == '-');
    }
    rwith__write_text(w, is_plain ? " -X " : " -X &#39;");
    shell(w, method);
    rwith__write_text(w, is_plain ? "" : "&#39;");
}

/* A body in a file; curl would call it a form. */
static void write_body(struct rwith__writer *w)
{
    rwith__write_text(w, NEXT "-H &#39;Content-Type: ");
    put(w, "TYPE");
    rwith__write_text(w, "&#39;" NEXT "--data-binary @");
    put(w, "BODY");
}

static void write_address(struct rwith__writer *w)
{
    rwith__write_text(w, NEXT "&#39;<span class=\"url put\">URL</span>");
}

static void open_lines(struct rwith__writer *w, const char *name)
{
    rwith__write_text(w, "<figure><figcaption>");
    rwith__write_text(w, name);
    rwith__write_text(w, "</figcaption><pre tabindex=\"0\" aria-label=\"");
    rwith__write_text(w, name);
    rwith__write_text(w, "\">");
}

static void write_curl_item(struct rwith__writer *w, const rwith_missing *item)
{
    switch (item->in) {
    case RWITH_IN_HEADER:
        rwith__write_text(w, NEXT "-H &#39;");
        shell(w, item->name);
        rwith__write_text(w, ": ");
        put(w, "VALUE");
        rwith__write_text(w, "&#39;");
        break;
    case RWITH_IN_COOKIE:
        rwith__write_text(w, NEXT "-b &#39;");
        shell(w, item->name);
        rwith__write_text(w, "=");
        put(w, "VALUE");
        rwith__write_text(w, "&#39;");
        break;
    case RWITH_IN_AUTHORIZATION:
        rwith__write_text(w, is_bearer(item) ? NEXT "--oauth2-bearer "
                                             : NEXT "--anyauth -u ");
        put(w, is_bearer(item) ? "TOKEN" : "USER");
        break;
    default:
        break;
    }
}

/* "--give query NAME=VALUE" cannot say a name that has a "=". */
static bool can_be_given(const rwith_missing *item)
{
    return item->in != RWITH_IN_QUERY ||
           memchr(item->name.ptr, '=', item->name.len) == NULL;
}

/* Parameters behind the address: all, or those that cannot be given. */
static void write_query(struct rwith__writer *w, const rwith_missing_list *list,
                        bool all)
{
    const char *sign = "<span class=\"query\">?</span>";

    for (size_t i = 0; i < list->count; i++) {
        const rwith_missing *item = &list->items[i];

        if (rwith__missing_is_main(item) && item->in == RWITH_IN_QUERY &&
            (all || !can_be_given(item))) {
            rwith__write_text(w, sign);
            rwith__write_escaped(w, RWITH__ESCAPE_QUERY, item->name, SIZE_MAX);
            rwith__write_text(w, "=");
            put(w, "VALUE");
            sign = "&amp;";
        }
    }
    rwith__write_text(w, "&#39;</pre></figure>\n");
}

static void write_curl(struct rwith__writer *w, const rwith_refusal *refusal)
{
    const rwith_missing_list *list = refusal->missing;
    bool has_body = refusal->has_body;

    open_lines(w, "curl");
    rwith__write_text(w, "curl");
    write_method(w, refusal);
    for (size_t i = 0; i < list->count; i++) {
        if (rwith__missing_is_main(&list->items[i])) {
            write_curl_item(w, &list->items[i]);
            has_body |= list->items[i].in == RWITH_IN_BODY;
        }
    }
    if (has_body) {
        write_body(w);
    }
    write_address(w);
    write_query(w, list, true);
}

/* A field that no challenge may set cannot be given, but sent. */
static void write_fetch_item(struct rwith__writer *w, const rwith_missing *item)
{
    if (item->in == RWITH_IN_HEADER &&
        !rwith_trust_field_may_be_set(item->name)) {
        write_curl_item(w, item);
        return;
    }
    if (item->in == RWITH_IN_AUTHORIZATION) {
        rwith__write_text(w, is_bearer(item) ? NEXT "--auth bearer -u "
                                             : NEXT "-u ");
        put(w, is_bearer(item) ? "TOKEN" : "USER");
        return;
    }
    rwith__write_text(w, NEXT "--give &#39;");
    rwith__write_text(w, rwith_place_word(item->in));
    rwith__write_text(w, " ");
    shell(w, item->name);
    rwith__write_text(w, "=");
    put(w, "VALUE");
    rwith__write_text(w, "&#39;");
}

static void write_fetch(struct rwith__writer *w, const rwith_refusal *refusal)
{
    const rwith_missing_list *list = refusal->missing;
    bool has_body = refusal->has_body;

    open_lines(w, "retrywith");
    rwith__write_text(w, "retrywith fetch");
    write_method(w, refusal);
    for (size_t i = 0; i < list->count; i++) {
        const rwith_missing *item = &list->items[i];

        if (rwith__missing_is_main(item)) {
            has_body |= item->in == RWITH_IN_BODY;
            if ((item->in != RWITH_IN_BODY || is_member(item)) &&
                can_be_given(item)) {
                write_fetch_item(w, item);
            }
        }
    }
    if (has_body) {
        write_body(w);
    }
    write_address(w);
    write_query(w, list, false);
}

void rwith__refusal_lines(struct rwith__writer *w, const rwith_refusal *refusal)
{
    rwith__write_text(w, "<p class=\"note\">Put your values in place of the "
                         "words in capitals.</p>\n");
    write_curl(w, refusal);
    write_fetch(w, refusal);
}
