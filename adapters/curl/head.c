/*
 * Gathers header lines and shows the last head as borrowed fields.  libcurl
 * has checked the framing; names and values are the core's to judge.
 */
#include <adapters/curl/head.h>

#include <retrywith/curl.h>

#include <string.h>

void rwith__curl_head_reset(rwith_curl_head *head)
{
    head->lines.len = 0;
    head->last = 0;
    head->is_whole = false;
    head->has_cookies = false;
    head->field_count = 0;
}

void rwith__curl_head_free(rwith_curl_head *head, const rwith_alloc *mem)
{
    rwith__curl_bytes_free(&head->lines, mem);
    rwith__curl_release(mem, head->fields);
    *head = (rwith_curl_head){ 0 };
}

int rwith__curl_head_add(rwith_curl_head *head, const rwith_alloc *mem,
                         const char *line, size_t len, size_t max)
{
    rwith_slice cookie = RWITH_LIT("Set-Cookie:");

    if (head->is_whole || head->lines.len == 0) {
        head->last = head->lines.len;
        head->is_whole = false;
    }
    if (len > cookie.len && (line[0] == 's' || line[0] == 'S') &&
        rwith_slice_equal_nocase((rwith_slice){ line, cookie.len }, cookie)) {
        head->has_cookies = true;
    }
    int err = rwith__curl_bytes_add(&head->lines, mem, line, len, max);
    if (err == RWITH_OK && len > 0 && (line[0] == '\r' || line[0] == '\n')) {
        head->is_whole = true;
    }
    return err;
}

bool rwith__curl_line_next(rwith_slice *cursor, rwith_slice *ret)
{
    if (cursor->len == 0) {
        return false;
    }
    const char *end = memchr(cursor->ptr, '\n', cursor->len);
    size_t len = end != NULL ? (size_t)(end - cursor->ptr) + 1 : cursor->len;

    *ret = (rwith_slice){ cursor->ptr, len };
    cursor->ptr += len;
    cursor->len -= len;
    return true;
}

bool rwith__curl_line_field(rwith_slice line, rwith_field *ret)
{
    while (line.len > 0 &&
           (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r')) {
        line.len--;
    }
    const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
    if (colon == NULL) {
        return false;
    }
    size_t name_len = (size_t)(colon - line.ptr);
    ret->name = rwith_slice_trim((rwith_slice){ line.ptr, name_len });
    ret->value =
        rwith_slice_trim((rwith_slice){ colon + 1, line.len - name_len - 1 });
    return ret->name.len > 0;
}

/* The bytes of the last head. */
static rwith_slice head_last(const rwith_curl_head *head)
{
    if (head->lines.len == head->last) {
        return (rwith_slice){ NULL, 0 };
    }
    return (rwith_slice){ head->lines.ptr + head->last,
                          head->lines.len - head->last };
}

unsigned rwith__curl_head_status(const rwith_curl_head *head)
{
    rwith_slice line = head_last(head);
    const char *space = line.len > 0 ? memchr(line.ptr, ' ', line.len) : NULL;
    unsigned status = 0;

    if (space == NULL || line.ptr + line.len - space < 4) {
        return 0;
    }
    for (int i = 1; i <= 3; i++) {
        if (space[i] < '0' || space[i] > '9') {
            return 0;
        }
        status = status * 10 + (unsigned)(space[i] - '0');
    }
    return status;
}

/* What follows the status, as received. */
static rwith_slice head_reason(rwith_slice line)
{
    for (int spaces = 0; spaces < 2; spaces++) {
        const char *space =
            line.len > 0 ? memchr(line.ptr, ' ', line.len) : NULL;

        if (space == NULL) {
            return (rwith_slice){ NULL, 0 };
        }
        line.len -= (size_t)(space - line.ptr) + 1;
        line.ptr = space + 1;
    }
    while (line.len > 0 &&
           (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r')) {
        line.len--;
    }
    return line;
}

static int head_push(rwith_curl_head *head, const rwith_alloc *mem,
                     rwith_field field)
{
    if (head->field_count == RWITH_CURL_FIELD_COUNT_MAX) {
        return RWITH_ERANGE;
    }
    if (head->field_count == head->field_cap) {
        size_t cap = head->field_cap > 0 ? head->field_cap * 2 : 32;
        rwith_field *grown = rwith__curl_alloc(mem, cap * sizeof(*grown));

        if (grown == NULL) {
            return RWITH_ENOMEM;
        }
        if (head->field_count > 0) {
            memcpy(grown, head->fields, head->field_count * sizeof(*grown));
        }
        rwith__curl_release(mem, head->fields);
        head->fields = grown;
        head->field_cap = cap;
    }
    head->fields[head->field_count++] = field;
    return RWITH_OK;
}

int rwith__curl_head_read(rwith_curl_head *head, const rwith_alloc *mem,
                          bool with_fields, rwith_response *ret)
{
    rwith_slice cursor = head_last(head);
    rwith_slice line;
    rwith_field field;
    int err = RWITH_OK;

    head->field_count = 0;
    *ret = (rwith_response){ .status = rwith__curl_head_status(head) };
    if (!with_fields) {
        return RWITH_OK;
    }
    if (rwith__curl_line_next(&cursor, &line)) {
        ret->reason = head_reason(line);
    }
    while (err == RWITH_OK && rwith__curl_line_next(&cursor, &line)) {
        bool is_folded = *line.ptr == ' ' || *line.ptr == '\t';

        /* A folded line is no field of its own. */
        if (!is_folded && rwith__curl_line_field(line, &field)) {
            err = head_push(head, mem, field);
        }
    }
    ret->fields = head->fields;
    ret->field_count = head->field_count;
    return err;
}
