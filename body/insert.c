/*
 * insert.c: picks what can be changed by its type, and puts names and values
 * into forms.
 */
#include "body/insert.h"

#include <string.h>

#include "body/facts.h"
#include "body/form_text.h"
#include "body/insert_text.h"
#include "body/media_type.h"
#include "body/pointer.h"

void rwith__insert_put(struct rwith__insert_text *text, char c)
{
    if (text->len < text->room) {
        text->buf[text->len] = c;
    }
    text->len++;
}

void rwith__insert_put_all(struct rwith__insert_text *text, rwith_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        rwith__insert_put(text, bytes.ptr[i]);
    }
}

void rwith__insert_put_hex(struct rwith__insert_text *text, char c)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char byte = (unsigned char)c;

    rwith__insert_put(text, digits[byte >> 4]);
    rwith__insert_put(text, digits[byte & 15]);
}

int rwith__insert_fail(const char **reterr_why, int err, const char *why)
{
    if (reterr_why != NULL) {
        *reterr_why = why;
    }
    return err;
}

int rwith__insert_finish(const struct rwith__insert_text *text, size_t at,
                         size_t removed, rwith_body_edit *ret,
                         const char **reterr_why)
{
    if (text->len > text->room) {
        return rwith__insert_fail(reterr_why, RWITH_ESPACE,
                                  "the buffer is too small");
    }
    *ret = (rwith_body_edit){ at, removed, { text->buf, text->len } };
    return RWITH_OK;
}

void rwith_body_edit_apply(rwith_slice body, const rwith_body_edit *edit,
                           char *ret)
{
    size_t behind = edit->at + edit->removed;

    if (edit->at > 0) {
        memcpy(ret, body.ptr, edit->at);
    }
    memcpy(ret + edit->at, edit->text.ptr, edit->text.len);
    if (behind < body.len) {
        memcpy(ret + edit->at + edit->text.len, body.ptr + behind,
               body.len - behind);
    }
}

/* --- forms --------------------------------------------------------------- */

/* The next byte of a form's name, decoded as browsers do: what is no escape
 * stands for itself. */
static bool next_form_byte(rwith_slice *name, char *ret)
{
    if (name->len == 0) {
        return false;
    }
    size_t taken = 1;
    *ret = name->ptr[0] == '+' ? ' ' : name->ptr[0];
    if (*ret == '%' && name->len > 2 && rwith__hex_digit(name->ptr[1]) >= 0 &&
        rwith__hex_digit(name->ptr[2]) >= 0) {
        *ret = (char)(rwith__hex_digit(name->ptr[1]) * 16 +
                      rwith__hex_digit(name->ptr[2]));
        taken = 3;
    }
    name->ptr += taken;
    name->len -= taken;
    return true;
}

static bool is_form_name(rwith_slice name, rwith_slice segment)
{
    char a, b;

    while (rwith__pointer_next_byte(&segment, &a)) {
        if (!next_form_byte(&name, &b) || a != b) {
            return false;
        }
    }
    return name.len == 0;
}

static void put_form_byte(struct rwith__insert_text *text, char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        (c >= '0' && c <= '9') || (c != '\0' && strchr("-._*", c) != NULL)) {
        rwith__insert_put(text, c);
    } else if (c == ' ') {
        rwith__insert_put(text, '+');
    } else {
        rwith__insert_put(text, '%');
        rwith__insert_put_hex(text, c);
    }
}

static void put_form_bytes(struct rwith__insert_text *text, rwith_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        put_form_byte(text, bytes.ptr[i]);
    }
}

/* How often the name is there; the value of the last one. */
static size_t find_form(rwith_slice body, rwith_slice segment,
                        rwith_slice *ret_value)
{
    size_t count = 0;

    for (size_t at = 0; at <= body.len && body.len > 0;) {
        const char *start = body.ptr + at;
        const char *stop = memchr(start, '&', body.len - at);
        size_t len = stop != NULL ? (size_t)(stop - start) : body.len - at;
        const char *equals = memchr(start, '=', len);
        size_t name_len = equals != NULL ? (size_t)(equals - start) : len;

        if (len > 0 &&
            is_form_name((rwith_slice){ start, name_len }, segment)) {
            count++;
            *ret_value = (rwith_slice){ start + name_len, len - name_len };
        }
        at += len + 1;
    }
    return count;
}

static int insert_form(rwith_slice body, const rwith_insertion *insertion,
                       struct rwith__insert_text *text, rwith_body_edit *ret,
                       const char **reterr_why)
{
    size_t end = body.len;
    rwith_slice there = { NULL, 0 };
    char c;

    if (insertion->is_json || rwith__pointer_count(insertion->pointer) != 1) {
        return rwith__insert_fail(reterr_why, RWITH_EUNSUPPORTED,
                                  "a form has only names with texts");
    }
    /* some programs end a form like a line of text */
    while (end > 0 &&
           (body.ptr[end - 1] == '\n' || body.ptr[end - 1] == '\r')) {
        end--;
    }
    body.len = end;
    rwith_slice name = rwith__pointer_segment(insertion->pointer, 0);
    size_t count = find_form(body, name, &there);
    if (count > 1 || (count == 1 && !insertion->may_replace)) {
        return rwith__insert_fail(reterr_why, RWITH_EDUPLICATE,
                                  "the name is there already");
    }
    if (count == 1) {
        rwith__insert_put(text, '=');
        put_form_bytes(text, insertion->value);
        return rwith__insert_finish(text, (size_t)(there.ptr - body.ptr),
                                    there.len, ret, reterr_why);
    }
    if (end > 0 && body.ptr[end - 1] != '&') {
        rwith__insert_put(text, '&');
    }
    while (rwith__pointer_next_byte(&name, &c)) {
        put_form_byte(text, c);
    }
    rwith__insert_put(text, '=');
    put_form_bytes(text, insertion->value);
    return rwith__insert_finish(text, end, 0, ret, reterr_why);
}

/* --- which --------------------------------------------------------------- */

bool rwith_body_is_form(rwith_slice content_type)
{
    return rwith_slice_equal_nocase(
        rwith__media_type(content_type),
        RWITH_LIT("application/x-www-form-urlencoded"));
}

int rwith_body_insert(const rwith_alloc *mem, rwith_slice content_type,
                      rwith_slice body, const rwith_insertion *insertion,
                      char *buf, size_t buf_len, rwith_body_edit *ret,
                      const char **reterr_why)
{
    struct rwith__insert_text text = { buf, buf_len, 0 };

    if (!rwith__pointer_is_valid(insertion->pointer)) {
        return rwith__insert_fail(reterr_why, RWITH_EINVAL,
                                  "this is no JSON Pointer");
    }
    if (rwith_body_is_json(content_type)) {
        return rwith__insert_json(mem, body, insertion, &text, ret, reterr_why);
    }
    if (rwith_body_is_form(content_type)) {
        return insert_form(body, insertion, &text, ret, reterr_why);
    }
    return rwith__insert_fail(reterr_why, RWITH_EUNSUPPORTED,
                              "only JSON and forms can be changed");
}
