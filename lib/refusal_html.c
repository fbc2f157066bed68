/*
 * refusal_html.c: the body of an answer for a person: what is missing, a
 * form that sends the request again with it where a page can do that, and
 * the lines for a terminal.  Style and script are in refusal_page.c.
 */
#include <string.h>

#include "lib/policy.h"
#include "lib/refusal.h"

/* What the page can do about the request. */
enum page_way {
    PAGE_TELL, /* nothing: malformed, unknown */
    PAGE_FORM, /* send it again */
    PAGE_LINES /* show commands only */
};

static rwith_slice page_method(const rwith_refusal *refusal)
{
    return refusal->method.len > 0 ? refusal->method : RWITH_LIT("GET");
}

/* Is it a form whose fields the page may carry? */
static bool page_has_form(const rwith_refusal *refusal)
{
    return refusal->form.len > 0 &&
           refusal->form.len <= RWITH_REFUSAL_FORM_MAX &&
           rwith_slice_equal(page_method(refusal), RWITH_LIT("POST"));
}

/* Can a person type it in?  Schemes of several values, no. */
static bool page_can_ask(const rwith_missing *item, bool has_form)
{
    if (item->in == RWITH_IN_BODY) {
        return has_form && item->name.len > 0;
    }
    return item->in != RWITH_IN_AUTHORIZATION ||
           rwith_slice_equal_nocase(item->name, RWITH_LIT("Basic")) ||
           rwith_slice_equal_nocase(item->name, RWITH_LIT("Bearer"));
}

/*
 * A page can repeat GET, and the form that it was given.  It cannot write a
 * body of its own.
 */
static enum page_way page_way_of(const rwith_refusal *refusal)
{
    rwith_slice method = page_method(refusal);
    const rwith_missing_list *list = refusal->missing;
    bool has_form = page_has_form(refusal);
    bool is_get = rwith_slice_equal(method, RWITH_LIT("GET")) ||
                  rwith_slice_equal(method, RWITH_LIT("HEAD"));

    if (refusal->verdict != RWITH_VERDICT_MISSING || list == NULL) {
        return PAGE_TELL;
    }
    if (list->left_out > 0 || (!has_form && (refusal->has_body || !is_get))) {
        return PAGE_LINES;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (rwith__missing_is_main(&list->items[i]) &&
            !page_can_ask(&list->items[i], has_form)) {
            return PAGE_LINES;
        }
    }
    return PAGE_FORM;
}

static void html(struct rwith__writer *w, rwith_slice text)
{
    rwith__write_escaped(w, RWITH__ESCAPE_XML, text, RWITH_REFUSAL_TEXT_MAX);
}

/* --- what is missing ----------------------------------------------------- */

static void write_name(struct rwith__writer *w, const rwith_missing *item)
{
    rwith__write_text(w, "<span class=\"name\">");
    if (item->name.len > 0) {
        html(w, item->name);
    } else {
        rwith__write_text(w, "The body");
    }
    rwith__write_text(w, " <span class=\"place\">");
    rwith__write_text(w, rwith__refusal_place(item->in));
    rwith__write_text(w, "</span></span>\n");
}

/* The example of the document, a string of it without its quotes. */
static rwith_slice example_of(const rwith_missing *item)
{
    rwith_slice text = item->hint.example;

    if (text.len >= 2 && text.ptr[0] == '"' &&
        memchr(text.ptr, '\\', text.len) == NULL) {
        text.ptr++;
        text.len -= 2;
    }
    return text;
}

static void write_hint(struct rwith__writer *w, const rwith_missing *item,
                       size_t id)
{
    if (item->hint.description.len > 0 || item->hint.example.len > 0) {
        rwith__write_text(w, "<p class=\"hint\" id=\"h");
        rwith__write_number(w, id);
        rwith__write_text(w, "\">");
        html(w, item->hint.description);
        if (item->hint.example.len > 0) {
            rwith__write_text(w, " Example: <code>");
            html(w, example_of(item));
            rwith__write_text(w, "</code>");
        }
        rwith__write_text(w, "</p>\n");
    }
}

static void write_list(struct rwith__writer *w, const rwith_missing_list *list)
{
    rwith__write_text(w, "<ul class=\"list\">\n");
    for (size_t i = 0; i < list->count; i++) {
        if (rwith__missing_is_main(&list->items[i])) {
            rwith__write_text(w, "<li class=\"item\">");
            write_name(w, &list->items[i]);
            write_hint(w, &list->items[i], i);
            rwith__write_text(w, "</li>\n");
        }
    }
    rwith__write_text(w, "</ul>\n");
}

/* "header field X and cookie Y": the items of one alternative. */
static void write_names(struct rwith__writer *w, const rwith_missing_list *list,
                        unsigned choice, unsigned alternative)
{
    const char *before = "";

    for (size_t i = 0; i < list->count; i++) {
        const rwith_missing *item = &list->items[i];

        if (item->choice == choice && item->alternative == alternative) {
            rwith__write_text(w, before);
            rwith__write_text(w, rwith__refusal_place(item->in));
            rwith__write_text(w, " <code>");
            html(w, item->name);
            rwith__write_text(w, "</code>");
            before = " and ";
        }
    }
}

static void write_alternatives(struct rwith__writer *w,
                               const rwith_missing_list *list)
{
    unsigned choice = 0, alternative = 0;

    for (size_t i = 0; i < list->count; i++) {
        const rwith_missing *item = &list->items[i];

        if (item->alternative == 0 ||
            (item->choice == choice && item->alternative == alternative)) {
            continue;
        }
        rwith__write_text(w, choice == 0 ? "<h2>Other ways</h2>\n<ul>\n" : "");
        choice = item->choice;
        alternative = item->alternative;
        rwith__write_text(w, "<li>In place of ");
        write_names(w, list, choice, 0);
        rwith__write_text(w, ": ");
        write_names(w, list, choice, alternative);
        rwith__write_text(w, "</li>\n");
    }
    rwith__write_text(w, choice > 0 ? "</ul>\n" : "");
}

/* --- the form ------------------------------------------------------------ */

/* The name that the script sends: a member of a form without its slash. */
static rwith_slice sent_name(const rwith_missing *item)
{
    rwith_slice name = item->name;

    if (item->in == RWITH_IN_BODY && name.len > 0) {
        name.ptr++;
        name.len--;
    }
    return name;
}

static void write_input(struct rwith__writer *w, const rwith_missing *item,
                        size_t id)
{
    bool is_query = item->in == RWITH_IN_QUERY || item->in == RWITH_IN_BODY;
    bool has_hint =
        item->hint.description.len > 0 || item->hint.example.len > 0;

    rwith__write_text(w, "<div class=\"item\"><label for=\"m");
    rwith__write_number(w, id);
    rwith__write_text(w, "\">");
    write_name(w, item);
    rwith__write_text(w, "</label>\n");
    write_hint(w, item, id);
    rwith__write_text(w,
                      "<input required autocomplete=\"off\" "
                      "autocapitalize=\"none\" spellcheck=\"false\" type=\"");
    rwith__write_text(w,
                      item->in == RWITH_IN_AUTHORIZATION ? "password" : "text");
    rwith__write_text(w, "\" id=\"m");
    rwith__write_number(w, id);
    if (has_hint) {
        rwith__write_text(w, "\" aria-describedby=\"h");
        rwith__write_number(w, id);
    }
    if (rwith_slice_equal_nocase(item->name, RWITH_LIT("Basic")) &&
        item->in == RWITH_IN_AUTHORIZATION) {
        rwith__write_text(w, "\" placeholder=\"user:password");
    }
    rwith__write_text(w, "\" data-in=\"");
    rwith__write_text(w, rwith_place_word(item->in));
    /* Only what a form without the script can send has a name. */
    rwith__write_text(w, is_query ? "\" name=\"" : "\" data-name=\"");
    rwith__write_escaped(w, RWITH__ESCAPE_XML, sent_name(item), SIZE_MAX);
    rwith__write_text(w, "\"></div>\n");
}

/* Decode one name or value of a form into HTML. */
static void write_decoded(struct rwith__writer *w, rwith_slice raw)
{
    const char *at = raw.ptr, *end = raw.ptr + raw.len;
    char buf[RWITH_REFUSAL_FORM_MAX];
    size_t len = 0;

    while (at < end) {
        int byte = rwith__policy_escape(at, end);

        at += byte >= 0 ? 3 : 1;
        buf[len++] = byte >= 0 ? (char)byte : at[-1] == '+' ? ' ' : at[-1];
    }
    rwith__write_escaped(w, RWITH__ESCAPE_XML, (rwith_slice){ buf, len },
                         SIZE_MAX);
}

/* The fields that the client sent: they go back to it alone. */
static void write_sent_fields(struct rwith__writer *w, rwith_slice form)
{
    const char *at = form.ptr, *end = form.ptr + form.len;

    while (at < end) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        const char *stop = next != NULL ? next : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));

        if (equals != NULL && equals > at) {
            rwith__write_text(w, "<input type=\"hidden\" name=\"");
            write_decoded(w, (rwith_slice){ at, (size_t)(equals - at) });
            rwith__write_text(w, "\" value=\"");
            write_decoded(
                w, (rwith_slice){ equals + 1, (size_t)(stop - equals - 1) });
            rwith__write_text(w, "\">\n");
        }
        at = stop + 1;
        if (next == NULL) {
            break;
        }
    }
}

static void write_form(struct rwith__writer *w, const rwith_refusal *refusal)
{
    const rwith_missing_list *list = refusal->missing;
    bool is_post = page_has_form(refusal);

    rwith__write_text(w, is_post
                             ? "<form method=\"post\" data-method=\"POST\">\n"
                             : "<form method=\"get\" data-method=\"GET\">\n");
    if (is_post) {
        write_sent_fields(w, refusal->form);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (rwith__missing_is_main(&list->items[i])) {
            write_input(w, &list->items[i], i);
        }
    }
    rwith__write_text(
        w, "<button>Send the request again</button>\n</form>\n"
           "<noscript><p class=\"note\">Without scripts this page can only "
           "add what belongs into an address or a form. The lines below do "
           "the rest.</p></noscript>\n"
           "<output aria-live=\"polite\"></output>\n");
}

/* --- lines for a terminal ------------------------------------------------ */

static void shell(struct rwith__writer *w, rwith_slice text)
{
    rwith__write_escaped(w, RWITH__ESCAPE_SHELL, text, SIZE_MAX);
}

static void write_curl_item(struct rwith__writer *w, const rwith_missing *item)
{
    switch (item->in) {
    case RWITH_IN_HEADER:
        rwith__write_text(w, " -H &#39;");
        shell(w, item->name);
        rwith__write_text(w, ": VALUE&#39;");
        break;
    case RWITH_IN_COOKIE:
        rwith__write_text(w, " -b &#39;");
        shell(w, item->name);
        rwith__write_text(w, "=VALUE&#39;");
        break;
    case RWITH_IN_AUTHORIZATION:
        if (rwith_slice_equal_nocase(item->name, RWITH_LIT("Bearer"))) {
            rwith__write_text(w, " --oauth2-bearer TOKEN");
        } else {
            rwith__write_text(w, " --anyauth -u USER");
        }
        break;
    case RWITH_IN_BODY:
    default:
        break;
    }
}

/* "curl …": what a shell needs to send the request with all of it. */
static void write_curl(struct rwith__writer *w, const rwith_refusal *refusal)
{
    const rwith_missing_list *list = refusal->missing;
    rwith_slice method = page_method(refusal);
    bool has_body = refusal->has_body;
    const char *sign = "<span class=\"query\">?</span>";

    rwith__write_text(w, "<pre tabindex=\"0\" aria-label=\"curl\">curl");
    if (!rwith_slice_equal(method, RWITH_LIT("GET"))) {
        rwith__write_text(w, " -X ");
        html(w, method);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (rwith__missing_is_main(&list->items[i])) {
            write_curl_item(w, &list->items[i]);
            has_body |= list->items[i].in == RWITH_IN_BODY;
        }
    }
    if (has_body) {
        rwith__write_text(w, " --data-binary @BODY");
    }
    rwith__write_text(w, " &#39;<span class=\"url\">URL</span>");
    for (size_t i = 0; i < list->count; i++) {
        if (rwith__missing_is_main(&list->items[i]) &&
            list->items[i].in == RWITH_IN_QUERY) {
            rwith__write_text(w, sign);
            rwith__write_escaped(w, RWITH__ESCAPE_QUERY, list->items[i].name,
                                 SIZE_MAX);
            rwith__write_text(w, "=VALUE");
            sign = "&amp;";
        }
    }
    rwith__write_text(w, "&#39;</pre>\n");
}

static void write_fetch(struct rwith__writer *w, const rwith_refusal *refusal)
{
    const rwith_missing_list *list = refusal->missing;
    rwith_slice method = page_method(refusal);

    rwith__write_text(
        w, "<pre tabindex=\"0\" aria-label=\"retrywith\">retrywith fetch");
    if (!rwith_slice_equal(method, RWITH_LIT("GET"))) {
        rwith__write_text(w, " -X ");
        html(w, method);
    }
    for (size_t i = 0; i < list->count; i++) {
        const rwith_missing *item = &list->items[i];

        if (!rwith__missing_is_main(item)) {
            continue;
        }
        if (item->in == RWITH_IN_AUTHORIZATION) {
            rwith__write_text(
                w, rwith_slice_equal_nocase(item->name, RWITH_LIT("Bearer"))
                       ? " --auth bearer -u TOKEN"
                       : " -u USER");
            continue;
        }
        if (item->in == RWITH_IN_BODY && item->name.len == 0) {
            continue;
        }
        rwith__write_text(w, " --give &#39;");
        rwith__write_text(w, rwith_place_word(item->in));
        rwith__write_text(w, " ");
        shell(w, item->name);
        rwith__write_text(w, "=VALUE&#39;");
    }
    if (refusal->has_body) {
        rwith__write_text(w, " --data-binary @BODY");
    }
    rwith__write_text(w, " &#39;<span class=\"url\">URL</span>&#39;</pre>\n");
}

void rwith__refusal_html(struct rwith__writer *w, const rwith_refusal *refusal)
{
    enum page_way way = page_way_of(refusal);
    const char *title = way == PAGE_TELL ? rwith__refusal_title(refusal)
                                         : "The server needs a little more";

    rwith__write_text(
        w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
           "<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, "
           "initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n"
           "<title>");
    rwith__write_text(w, title);
    rwith__write_text(w, "</title>\n<style>");
    rwith__write(
        w, (rwith_slice){ rwith__refusal_style, rwith__refusal_style_len });
    rwith__write_text(w, "</style>\n</head>\n<body>\n<main>\n"
                         "<p class=\"status\">");
    rwith__write_number(w, refusal->status);
    rwith__write_text(w, " ");
    rwith__write_text(w, rwith__refusal_title(refusal));
    rwith__write_text(w, "</p>\n<h1>");
    rwith__write_text(w, title);
    rwith__write_text(w, "</h1>\n<p class=\"lead\">");
    rwith__refusal_detail(w, refusal);
    rwith__write_text(w, way == PAGE_TELL   ? "</p>\n"
                         : way == PAGE_FORM ? " Fill it in, and the request "
                                              "is sent again.</p>\n"
                                            : " Send it again with what is "
                                              "listed here.</p>\n");
    if (way == PAGE_FORM) {
        write_form(w, refusal);
    } else if (way == PAGE_LINES) {
        write_list(w, refusal->missing);
    }
    if (way != PAGE_TELL) {
        write_alternatives(w, refusal->missing);
        rwith__write_text(w, "<h2>From a terminal</h2>\n<p class=\"note\">Put "
                             "your values in place of the words in capitals."
                             "</p>\n");
        write_curl(w, refusal);
        write_fetch(w, refusal);
        rwith__write_text(w, "<script>");
        rwith__write(w, (rwith_slice){ rwith__refusal_script,
                                       rwith__refusal_script_len });
        rwith__write_text(w, "</script>\n");
    }
    rwith__write_text(w, "</main>\n</body>\n</html>\n");
}
