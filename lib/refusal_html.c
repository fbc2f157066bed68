/*
 * refusal_html.c: the body of an answer for a person: what is missing, a
 * form that sends the request again with it where a page can do that, and
 * the lines for a terminal (refusal_lines.c).  Style and script are in
 * refusal_page.c.
 */
#include <string.h>

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

/* Is it a form whose fields the page can carry? */
static bool page_has_form(const rwith_refusal *refusal)
{
    return rwith_slice_equal(page_method(refusal), RWITH_LIT("POST")) &&
           rwith__refusal_form_is_plain(refusal->form);
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

static void write_place(struct rwith__writer *w, const char *place)
{
    rwith__write_text(w, "</span> <span class=\"place\">");
    rwith__write_text(w, place);
    rwith__write_text(w, "</span>");
}

/* What it is called, and where it goes. */
static void write_name(struct rwith__writer *w, const rwith_missing *item)
{
    bool is_body = item->in == RWITH_IN_BODY && item->name.len == 0;

    if (is_body || item->in == RWITH_IN_AUTHORIZATION) {
        rwith__write_text(w, "<span class=\"name plain\">");
    } else {
        rwith__write_text(w, "<span class=\"name\">");
    }
    if (is_body) {
        rwith__write_text(w, "The body");
    } else {
        html(w, item->name);
    }
    if (item->in == RWITH_IN_AUTHORIZATION &&
        rwith_slice_equal_nocase(item->name, RWITH_LIT("Bearer"))) {
        rwith__write_text(w, " token");
    }
    write_place(w, is_body ? "content" : rwith__refusal_place(item->in));
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

static bool has_hint(const rwith_missing *item)
{
    return item->hint.description.len > 0 || item->hint.example.len > 0;
}

static void write_hint(struct rwith__writer *w, const rwith_missing *item,
                       size_t id)
{
    if (has_hint(item)) {
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

/* The schema, for the script to offer what is allowed. */
static void write_schema(struct rwith__writer *w, const rwith_missing *item)
{
    rwith_slice schema = item->hint.schema;

    if (schema.len > 0 && schema.len <= RWITH_REFUSAL_SCHEMA_MAX) {
        rwith__write_text(w, " data-schema=\"");
        rwith__write_escaped(w, RWITH__ESCAPE_XML, schema, SIZE_MAX);
        rwith__write_text(w, "\"");
    }
}

static void write_list(struct rwith__writer *w, const rwith_missing_list *list)
{
    rwith__write_text(w, "<ul class=\"card\">\n");
    for (size_t i = 0; i < list->count; i++) {
        if (rwith__missing_is_main(&list->items[i])) {
            rwith__write_text(w, "<li class=\"item\"");
            write_schema(w, &list->items[i]);
            rwith__write_text(w, "><div class=\"head\">");
            write_name(w, &list->items[i]);
            rwith__write_text(w, "</div>\n");
            write_hint(w, &list->items[i], i);
            rwith__write_text(w, "</li>\n");
        }
    }
    if (list->left_out > 0) {
        rwith__write_text(w, "<li class=\"item\">And ");
        rwith__write_number(w, list->left_out);
        rwith__write_text(w, " more.</li>\n");
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

/* The name that is sent: a member of a form without its slash. */
static rwith_slice sent_name(const rwith_missing *item)
{
    rwith_slice name = item->name;

    if (item->in == RWITH_IN_BODY && name.len > 0) {
        name.ptr++;
        name.len--;
    }
    return name;
}

/* One input.  Only what the form can send without the script has a name. */
static void write_input(struct rwith__writer *w, const rwith_missing *item,
                        size_t id, const char *attributes)
{
    rwith__write_text(w, "<input required spellcheck=\"false\" "
                         "autocapitalize=\"none\" ");
    rwith__write_text(w, attributes);
    rwith__write_number(w, id);
    if (has_hint(item)) {
        rwith__write_text(w, "\" aria-describedby=\"h");
        rwith__write_number(w, id);
    }
    rwith__write_text(w, "\" data-in=\"");
    rwith__write_text(w, rwith_place_word(item->in));
    rwith__write_text(w, item->in == RWITH_IN_BODY ? "\" name=\""
                                                   : "\" data-name=\"");
    rwith__write_escaped(w, RWITH__ESCAPE_XML, sent_name(item), SIZE_MAX);
    rwith__write_text(w, "\">");
}

/* A user's name and password: two inputs under one heading. */
static void write_basic(struct rwith__writer *w, const rwith_missing *item,
                        size_t id)
{
    rwith__write_text(w, "<div class=\"item\" role=\"group\" "
                         "aria-labelledby=\"g");
    rwith__write_number(w, id);
    rwith__write_text(w, "\"><div class=\"head\" id=\"g");
    rwith__write_number(w, id);
    rwith__write_text(w, "\">");
    write_name(w, item);
    rwith__write_text(w, "</div>\n");
    write_hint(w, item, id);
    rwith__write_text(w, "<label class=\"part\" for=\"u");
    rwith__write_number(w, id);
    rwith__write_text(w, "\">User name</label>");
    write_input(w, item, id,
                "type=\"text\" autocomplete=\"username\" "
                "data-part=\"user\" id=\"u");
    rwith__write_text(w, "\n<label class=\"part\" for=\"m");
    rwith__write_number(w, id);
    rwith__write_text(w, "\">Password</label>");
    write_input(w, item, id,
                "type=\"password\" autocomplete=\"current-password\" "
                "data-part=\"password\" id=\"m");
    rwith__write_text(w, "</div>\n");
}

static void write_item(struct rwith__writer *w, const rwith_missing *item,
                       size_t id)
{
    if (item->in == RWITH_IN_AUTHORIZATION &&
        rwith_slice_equal_nocase(item->name, RWITH_LIT("Basic"))) {
        write_basic(w, item, id);
        return;
    }
    rwith__write_text(w, "<div class=\"item\"");
    write_schema(w, item);
    rwith__write_text(w, "><label class=\"head\" for=\"m");
    rwith__write_number(w, id);
    rwith__write_text(w, "\">");
    if (item->in == RWITH_IN_BODY) {
        rwith__write_text(w, "<span class=\"name\">");
        html(w, sent_name(item));
        write_place(w, "form field");
    } else {
        write_name(w, item);
    }
    rwith__write_text(w, "</label>\n");
    write_hint(w, item, id);
    write_input(w, item, id,
                item->in == RWITH_IN_AUTHORIZATION
                    ? "type=\"password\" autocomplete=\"off\" id=\"m"
                    : "type=\"text\" autocomplete=\"off\" id=\"m");
    rwith__write_text(w, "</div>\n");
}

/* the script is a client that has understood; no script can read the
 * field of the answer that its page came with. */
static void write_echo(struct rwith__writer *w, const rwith_refusal *refusal)
{
    char echo[RWITH_REFUSAL_ECHO_LEN];

    if (refusal->status != 449) {
        return;
    }
    rwith_refusal_echo(refusal->missing, echo);
    rwith__write_text(w, " data-echo=\"");
    rwith__write(w, (rwith_slice){ echo, sizeof(echo) });
    rwith__write_text(w, "\"");
}

/*
 * Without the script only a form whose every missing thing belongs into it
 * is sent: one of GET would lose the query that the address has.
 */
static void write_form(struct rwith__writer *w, const rwith_refusal *refusal)
{
    const rwith_missing_list *list = refusal->missing;
    bool is_post = page_has_form(refusal);
    bool needs_script = !is_post;

    rwith__write_text(w, "<form class=\"card\" method=\"");
    rwith__write_text(w, is_post ? "post\">\n" : "get\">\n");
    if (is_post) {
        rwith__refusal_form_fields(w, refusal->form);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (rwith__missing_is_main(&list->items[i])) {
            write_item(w, &list->items[i], i);
            needs_script |= list->items[i].in != RWITH_IN_BODY;
        }
    }
    rwith__write_text(w, needs_script ? "<button disabled " : "<button ");
    rwith__write_text(w,
                      is_post ? "data-method=\"POST\"" : "data-method=\"GET\"");
    write_echo(w, refusal);
    rwith__write_text(w, ">Send the request again</button>\n</form>\n");
    if (needs_script) {
        rwith__write_text(w, "<noscript><p class=\"note\">This form needs a "
                             "script of the page, and scripts are turned off. "
                             "The lines for a terminal do the same.</p>"
                             "</noscript>\n");
    }
    rwith__write_text(w, "<output></output>\n<section class=\"card\" hidden "
                         "tabindex=\"-1\" aria-label=\"The answer\">"
                         "</section>\n");
}

/* --- the page ------------------------------------------------------------ */

static void write_pieces(struct rwith__writer *w, const char *const *pieces)
{
    for (; *pieces != NULL; pieces++) {
        rwith__write_text(w, *pieces);
    }
}

static void write_head(struct rwith__writer *w, const rwith_refusal *refusal,
                       const char *title)
{
    rwith__write_text(
        w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
           "<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, "
           "initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n"
           "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    rwith__write_text(w, title);
    rwith__write_text(w, "</title>\n<style>");
    write_pieces(w, rwith__refusal_style);
    rwith__write_text(w, "</style>\n</head>\n<body>\n<main>\n"
                         "<p class=\"status\">");
    rwith__write_number(w, refusal->status);
    rwith__write_text(w, " ");
    rwith__write_text(w, rwith__refusal_title(refusal));
    rwith__write_text(w, "</p>\n<h1>");
    rwith__write_text(w, title);
    rwith__write_text(w, "</h1>\n<p class=\"lead\">");
    rwith__refusal_detail(w, refusal);
}

/* Behind a form the lines are second choice, and folded. */
static void write_terminal(struct rwith__writer *w,
                           const rwith_refusal *refusal, bool is_folded)
{
    rwith__write_text(w, is_folded ? "<details>\n<summary>From a terminal"
                                     "</summary>\n"
                                   : "<h2>From a terminal</h2>\n");
    rwith__refusal_lines(w, refusal);
    rwith__write_text(w, is_folded ? "</details>\n" : "");
}

void rwith__refusal_html(struct rwith__writer *w, const rwith_refusal *refusal)
{
    static const char *const advice[] = {
        [PAGE_TELL] = "</p>\n",
        [PAGE_FORM] = " Fill in the form to send it again.</p>\n",
        [PAGE_LINES] = " Send it again with what is listed here.</p>\n",
    };
    enum page_way way = page_way_of(refusal);

    write_head(w, refusal,
               way == PAGE_TELL ? rwith__refusal_title(refusal)
                                : "The server needs a little more");
    rwith__write_text(w, advice[way]);
    if (way == PAGE_FORM) {
        write_form(w, refusal);
    } else if (way == PAGE_LINES) {
        write_list(w, refusal->missing);
    }
    if (way != PAGE_TELL) {
        write_alternatives(w, refusal->missing);
        write_terminal(w, refusal, way == PAGE_FORM);
        rwith__write_text(w, "<script>");
        write_pieces(w, rwith__refusal_script);
        rwith__write_text(w, "</script>\n");
    }
    rwith__write_text(w, "</main>\n</body>\n</html>\n");
}
