/*
 * refusal.h: how the parts of an answer are written: a buffer that only
 * counts once it is full, escapes, and one function for each representation.
 */
#ifndef RWITH_LIB_REFUSAL_H
#define RWITH_LIB_REFUSAL_H

#include <string.h>

#include <retrywith/refusal.h>

/* Bytes are counted when they no longer fit. */
struct rwith__writer {
    char *buf;
    size_t len;
    size_t room;
};

static inline void rwith__write(struct rwith__writer *w, rwith_slice bytes)
{
    if (bytes.len > 0 && w->len <= w->room && bytes.len <= w->room - w->len) {
        memcpy(w->buf + w->len, bytes.ptr, bytes.len);
    }
    w->len += bytes.len;
}

/* The length of a literal is known to the compiler. */
static inline void rwith__write_text(struct rwith__writer *w, const char *text)
{
    rwith__write(w, (rwith_slice){ text, strlen(text) });
}

void rwith__write_number(struct rwith__writer *w, size_t number);

/* Length of the character at the start of the text; 0: no UTF-8. */
size_t rwith__character_len(rwith_slice text);

/* How text that is not ours is made safe. */
enum rwith__escape {
    RWITH__ESCAPE_JSON,  /* inside a string */
    RWITH__ESCAPE_XML,   /* XML and HTML, in text and attributes */
    RWITH__ESCAPE_LINE,  /* plain text: controls become spaces */
    RWITH__ESCAPE_SHELL, /* inside '…', and XML */
    RWITH__ESCAPE_QUERY  /* percent-encoded */
};

/*
 * Write at most max bytes of the text, escaped; what is no UTF-8 becomes
 * U+FFFD.
 */
void rwith__write_escaped(struct rwith__writer *w, enum rwith__escape how,
                          rwith_slice text, size_t max);

/* Of the missing things those of the nearest alternatives (or all others). */
static inline bool rwith__missing_is_main(const rwith_missing *item)
{
    return item->alternative == 0;
}

/* The title that goes with a status. */
const char *rwith__refusal_title(const rwith_refusal *refusal);

/* One sentence. */
void rwith__refusal_detail(struct rwith__writer *w,
                           const rwith_refusal *refusal);

/* What a place is called for people: "header field", … */
const char *rwith__refusal_place(rwith_place in);

void rwith__refusal_json(struct rwith__writer *w, const rwith_refusal *refusal);
void rwith__refusal_xml(struct rwith__writer *w, const rwith_refusal *refusal);
void rwith__refusal_html(struct rwith__writer *w, const rwith_refusal *refusal);
void rwith__refusal_text(struct rwith__writer *w, const rwith_refusal *refusal);

/* Of refusal_lines.c: what to type into a terminal. */
void rwith__refusal_lines(struct rwith__writer *w,
                          const rwith_refusal *refusal);

/* Of refusal_form.c: would a browser send that form from hidden inputs as it
 * was?  And those inputs. */
bool rwith__refusal_form_is_plain(rwith_slice form);
void rwith__refusal_form_fields(struct rwith__writer *w, rwith_slice form);

/* Of refusal_page.c: in pieces, behind the last one NULL. */
extern const char *const rwith__refusal_style[];
extern const char *const rwith__refusal_script[];
extern const char rwith__refusal_csp[];

#endif
