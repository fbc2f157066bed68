/*
 * refusal_write.c: bytes into a buffer that may be too small, and text that
 * is not ours made safe for where it goes.
 */
#include "lib/refusal.h"

void rwith__write_number(struct rwith__writer *w, size_t number)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    rwith__write(w, (rwith_slice){ digits + at, sizeof(digits) - at });
}

/*
 * Well-formed UTF-8 of more than one byte (RFC 3629 4): how it may begin.
 */
static const struct utf8 {
    unsigned char first, last; /* of the first byte */
    unsigned char least, most; /* of the second */
    unsigned char len;
} utf8_forms[] = {
    { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
    { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
    { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
    { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t rwith__character_len(rwith_slice text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;

    if (at[0] < 0x80) {
        return 1;
    }
    for (size_t f = 0; f < sizeof(utf8_forms) / sizeof(utf8_forms[0]); f++) {
        const struct utf8 *form = &utf8_forms[f];

        if (at[0] < form->first || at[0] > form->last || text.len < form->len) {
            continue;
        }
        for (size_t i = 2; i < form->len; i++) {
            if ((at[i] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return at[1] >= form->least && at[1] <= form->most ? form->len : 0;
    }
    return 0;
}

static const char hex[] = "0123456789ABCDEF";

static void escape_json(struct rwith__writer *w, unsigned char c)
{
    char unicode[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
    char pair[] = { '\\', (char)c };

    if (c == '"' || c == '\\') {
        rwith__write(w, (rwith_slice){ pair, 2 });
    } else if (c < 0x20 || c == 0x7f) {
        rwith__write(w, (rwith_slice){ unicode, sizeof(unicode) });
    } else {
        rwith__write(w, (rwith_slice){ pair + 1, 1 });
    }
}

static void escape_xml(struct rwith__writer *w, unsigned char c)
{
    char plain = (char)c;

    switch (c) {
    case '&':
        rwith__write_text(w, "&amp;");
        break;
    case '<':
        rwith__write_text(w, "&lt;");
        break;
    case '>':
        rwith__write_text(w, "&gt;");
        break;
    case '"':
        rwith__write_text(w, "&quot;");
        break;
    case '\'':
        rwith__write_text(w, "&#39;");
        break;
    case '\t':
    case '\n':
    case '\r':
        rwith__write_text(w, "&#");
        rwith__write_number(w, c);
        rwith__write_text(w, ";");
        break;
    default:
        if (c < 0x20 || c == 0x7f) {
            plain = ' ';
        }
        rwith__write(w, (rwith_slice){ &plain, 1 });
    }
}

static void escape_line(struct rwith__writer *w, unsigned char c)
{
    char plain = c < 0x20 || c == 0x7f ? ' ' : (char)c;

    rwith__write(w, (rwith_slice){ &plain, 1 });
}

/* Inside single quotes of a shell, and that inside of HTML. */
static void escape_shell(struct rwith__writer *w, unsigned char c)
{
    if (c == '\'') {
        rwith__write_text(w, "&#39;\\&#39;&#39;");
    } else {
        escape_xml(w, c);
    }
}

static void escape_query(struct rwith__writer *w, unsigned char c)
{
    char escaped[] = { '%', hex[c >> 4], hex[c & 15] };
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                    c == '.' || c == '~';

    if (is_plain) {
        escape_line(w, c);
    } else {
        rwith__write(w, (rwith_slice){ escaped, sizeof(escaped) });
    }
}

/* Bytes that no form changes, but for a query: most of any text. */
static const unsigned char
    plain[128] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, /* less "&' */
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, /* less <> */
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, /* less \ */
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0,
    };

static size_t plain_len(rwith_slice text)
{
    size_t len = 0;

    while (len < text.len && (unsigned char)text.ptr[len] < sizeof(plain) &&
           plain[(unsigned char)text.ptr[len]]) {
        len++;
    }
    return len;
}

/* U+FFFE and U+FFFF may not stand in XML, escaped or not. */
static bool is_no_xml(rwith_slice text, size_t len)
{
    return len == 3 && memcmp(text.ptr, "\xef\xbf", 2) == 0 &&
           (unsigned char)text.ptr[2] >= 0xbe;
}

/* A character of that many bytes; 0: one byte that is none. */
static void write_character(struct rwith__writer *w, enum rwith__escape how,
                            rwith_slice text, size_t len)
{
    static void (*const escapes[])(struct rwith__writer * w,
                                   unsigned char c) = {
        [RWITH__ESCAPE_JSON] = escape_json,
        [RWITH__ESCAPE_XML] = escape_xml,
        [RWITH__ESCAPE_LINE] = escape_line,
        [RWITH__ESCAPE_SHELL] = escape_shell,
        [RWITH__ESCAPE_QUERY] = escape_query,
    };

    if (len == 0 || (how == RWITH__ESCAPE_XML && is_no_xml(text, len))) {
        rwith__write_text(w, "\xef\xbf\xbd");
    } else if (len == 1 || how == RWITH__ESCAPE_QUERY) {
        for (size_t i = 0; i < len; i++) {
            escapes[how](w, (unsigned char)text.ptr[i]);
        }
    } else {
        rwith__write(w, (rwith_slice){ text.ptr, len });
    }
}

void rwith__write_escaped(struct rwith__writer *w, enum rwith__escape how,
                          rwith_slice text, size_t max)
{
    while (text.len > 0) {
        size_t len = how != RWITH__ESCAPE_QUERY ? plain_len(text) : 0;

        len = len < max ? len : max;
        if (len > 0) {
            rwith__write(w, (rwith_slice){ text.ptr, len });
        } else {
            size_t character = rwith__character_len(text);

            len = character > 0 ? character : 1;
            if (len > max) {
                rwith__write_text(w, "\xe2\x80\xa6");
                return;
            }
            write_character(w, how, text, character);
        }
        text.ptr += len;
        text.len -= len;
        max -= len;
    }
}
