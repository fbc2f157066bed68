/*
 * text.c: puts strings, numbers, JSON strings and HTML text into a bounded
 * buffer.  It knows nothing of what is written.
 */
#include <sandbox/text.h>

#include <string.h>

void rwith__text_put(struct rwith__text *text, rwith_slice s)
{
    size_t room = text->max - text->len;
    size_t len = s.len < room ? s.len : room;

    if (len > 0) {
        memcpy(text->buf + text->len, s.ptr, len);
        text->len += len;
    }
}

void rwith__text_puts(struct rwith__text *text, const char *string)
{
    rwith__text_put(text, (rwith_slice){ string, strlen(string) });
}

void rwith__text_number(struct rwith__text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    rwith__text_put(text, (rwith_slice){ digits + at, sizeof(digits) - at });
}

void rwith__text_hex(struct rwith__text *text, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        char pair[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

        rwith__text_put(text, (rwith_slice){ pair, 2 });
    }
}

static void put_json_byte(struct rwith__text *text, uint8_t byte)
{
    char c = (char)byte;

    if (byte == '"' || byte == '\\') {
        rwith__text_puts(text, "\\");
    } else if (byte < 0x20 || byte >= 0x7f) {
        rwith__text_puts(text, "\\u00");
        rwith__text_hex(text, &byte, 1);
        return;
    }
    rwith__text_put(text, (rwith_slice){ &c, 1 });
}

void rwith__text_json(struct rwith__text *text, rwith_slice s)
{
    rwith__text_puts(text, "\"");
    for (size_t i = 0; i < s.len; i++) {
        put_json_byte(text, (uint8_t)s.ptr[i]);
    }
    rwith__text_puts(text, "\"");
}

void rwith__text_html(struct rwith__text *text, rwith_slice s)
{
    static const struct {
        char c;
        const char *entity;
    } entities[] = { { '<', "&lt;" },
                     { '>', "&gt;" },
                     { '&', "&amp;" },
                     { '"', "&quot;" },
                     { '\'', "&#39;" } };

    for (size_t i = 0; i < s.len; i++) {
        const char *entity = NULL;

        for (size_t e = 0; e < sizeof(entities) / sizeof(entities[0]); e++) {
            if (entities[e].c == s.ptr[i]) {
                entity = entities[e].entity;
            }
        }
        if (entity != NULL) {
            rwith__text_puts(text, entity);
        } else {
            rwith__text_put(text, (rwith_slice){ s.ptr + i, 1 });
        }
    }
}
