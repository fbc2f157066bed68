/*
 * refusal_form.c: a form that the client sent, put into the page's own form
 * so that the browser can send it again: when that may be done, and the
 * hidden inputs.  What else is on the page is in refusal_html.c.
 */
#include <string.h>

#include "lib/policy.h"
#include "lib/refusal.h"

/* --- may it be done ------------------------------------------------------ */

/* What the head says that matters here. */
struct head {
    rwith_slice type, site, origin, host;
    bool is_coded; /* or announced by Expect: better not to ask for it */
};

static struct head head_of(const rwith_field *fields, size_t count)
{
    struct head head = { .is_coded = false };
    const struct {
        rwith_slice name;
        rwith_slice *value;
    } wanted[] = {
        { RWITH_LIT("Content-Type"), &head.type },
        { RWITH_LIT("Sec-Fetch-Site"), &head.site },
        { RWITH_LIT("Origin"), &head.origin },
        { RWITH_LIT("Host"), &head.host },
    };

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < sizeof(wanted) / sizeof(wanted[0]); k++) {
            if (rwith_slice_equal_nocase(fields[i].name, wanted[k].name)) {
                *wanted[k].value = rwith_slice_trim(fields[i].value);
            }
        }
        head.is_coded |=
            rwith_slice_equal_nocase(fields[i].name,
                                     RWITH_LIT("Content-Encoding")) ||
            rwith_slice_equal_nocase(fields[i].name, RWITH_LIT("Expect"));
    }
    return head;
}

/*
 * a form of a foreign page must not get a second chance here, with
 * the key that our reader types in.  Sec-Fetch-Site is only sent over what
 * is secure; Origin always is, with a form.
 */
static bool is_from_here(const struct head *head)
{
    rwith_slice origin = head->origin;

    if (head->site.len > 0) {
        return rwith_slice_equal(head->site, RWITH_LIT("same-origin"));
    }
    for (size_t i = 0; i + 2 < origin.len; i++) {
        if (memcmp(origin.ptr + i, "://", 3) == 0) {
            origin.ptr += i + 3;
            origin.len -= i + 3;
            return rwith_slice_equal_nocase(origin, head->host);
        }
    }
    return false;
}

bool rwith_refusal_may_carry_form(const rwith_refusal *refusal,
                                  const rwith_field *fields, size_t count,
                                  uint64_t body_len)
{
    struct head head;

    if (refusal->verdict != RWITH_VERDICT_MISSING || body_len == 0 ||
        body_len > RWITH_REFUSAL_FORM_MAX ||
        !rwith_slice_equal(refusal->method, RWITH_LIT("POST")) ||
        rwith_refusal_negotiate(refusal->accept) != RWITH_REFUSAL_HTML) {
        return false;
    }
    head = head_of(fields, count);
    return !head.is_coded && is_from_here(&head) &&
           rwith_body_format_of(head.type) == RWITH_BODY_FORM;
}

/* --- its fields ---------------------------------------------------------- */

/* The next "name=value" that is not empty, raw.  false: no more. */
static bool next_field(rwith_slice *rest, rwith_slice *name, rwith_slice *value)
{
    while (rest->len > 0) {
        const char *at = rest->ptr, *end = at + rest->len;
        const char *next = memchr(at, '&', rest->len);
        const char *stop = next != NULL ? next : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        const char *name_end = equals != NULL ? equals : stop;

        rest->ptr = next != NULL ? next + 1 : end;
        rest->len = (size_t)(end - rest->ptr);
        *name = (rwith_slice){ at, (size_t)(name_end - at) };
        *value = (rwith_slice){ stop, 0 };
        if (equals != NULL) {
            *value = (rwith_slice){ equals + 1, (size_t)(stop - equals - 1) };
        }
        if (stop > at) {
            return true;
        }
    }
    return false;
}

/* A name or value without its escapes. */
static rwith_slice decode(rwith_slice raw, char buf[RWITH_REFUSAL_FORM_MAX])
{
    const char *at = raw.ptr, *end = raw.ptr + raw.len;
    size_t len = 0;

    while (at < end) {
        int byte = rwith__policy_escape(at, end);

        at += byte >= 0 ? 3 : 1;
        buf[len++] = byte >= 0 ? (char)byte : at[-1] == '+' ? ' ' : at[-1];
    }
    return (rwith_slice){ buf, len };
}

/* Would an input hold it without a change? */
static bool is_text(rwith_slice text)
{
    while (text.len > 0) {
        size_t len = rwith__character_len(text);
        unsigned char c = (unsigned char)text.ptr[0];

        if (len == 0 || c == 0x7f ||
            (c < 0x20 && c != '\t' && c != '\r' && c != '\n')) {
            return false;
        }
        text.ptr += len;
        text.len -= len;
    }
    return true;
}

bool rwith__refusal_form_is_plain(rwith_slice form)
{
    char buf[RWITH_REFUSAL_FORM_MAX];
    rwith_slice name, value;

    if (form.len == 0 || form.len > RWITH_REFUSAL_FORM_MAX) {
        return false;
    }
    while (next_field(&form, &name, &value)) {
        /* A browser sends no input without a name. */
        if (name.len == 0 || !is_text(decode(name, buf)) ||
            !is_text(decode(value, buf))) {
            return false;
        }
    }
    return true;
}

void rwith__refusal_form_fields(struct rwith__writer *w, rwith_slice form)
{
    char buf[RWITH_REFUSAL_FORM_MAX];
    rwith_slice name, value;

    while (next_field(&form, &name, &value)) {
        rwith__write_text(w, "<input type=\"hidden\" name=\"");
        rwith__write_escaped(w, RWITH__ESCAPE_XML, decode(name, buf), SIZE_MAX);
        rwith__write_text(w, "\" value=\"");
        rwith__write_escaped(w, RWITH__ESCAPE_XML, decode(value, buf),
                             SIZE_MAX);
        rwith__write_text(w, "\">\n");
    }
}
