/*
 * insert_json.c: where a member goes in a JSON text, and its bytes.  The body
 * is read by yajl's event positions and never written again.
 */
#include <string.h>

#include "body/insert_text.h"
#include "body/json_bytes.h"
#include "body/json_memory.h"
#include "body/pointer.h"

/* yajl's two buffers double, with the old one kept while it copies. */
#define MEMORY_MAX(body_len) (64 * 1024 + 8 * (body_len))

/* --- where --------------------------------------------------------- */

/* An object or array on the way to the member. */
struct level {
    bool is_array;
    bool has_next;   /* the next token of the pointer was found in it */
    size_t count;    /* of its members or elements */
    size_t open_end; /* behind its bracket */
    size_t last_end; /* behind its last value */
};

struct place {
    rwith_slice pointer;
    size_t segments;
    yajl_handle handle;
    rwith_slice body;

    struct level levels[RWITH_INSERT_DEPTH_MAX];
    size_t on_path; /* levels that are open */
    size_t deepest; /* levels that were found */
    size_t depth;   /* everything open */
    bool is_next;   /* the value that begins is one token further */
    size_t token_end;

    bool is_twice;   /* a name on the way */
    bool is_blocked; /* by a scalar */
    bool has_target, in_target;
    size_t target, target_end;
};

/* Behind the current token. */
static size_t offset(const struct place *p)
{
    return yajl_get_bytes_consumed(p->handle);
}

static bool is_inside(const struct place *p)
{
    return p->on_path > 0 && p->depth == p->on_path;
}

static void found_next(struct place *p)
{
    struct level *level = &p->levels[p->on_path - 1];

    p->is_twice = p->is_twice || level->has_next;
    level->has_next = true;
    p->is_next = true;
}

/* Where the current token begins: behind the last one and what may stand
 * between two. */
static size_t token_start(const struct place *p)
{
    size_t at = p->token_end;

    while (at < p->body.len && memchr(" \t\r\n,:", p->body.ptr[at], 6)) {
        at++;
    }
    return at;
}

/* A value begins.  True: it lies on the path. */
static bool begin_value(struct place *p)
{
    if (is_inside(p) && p->levels[p->on_path - 1].is_array) {
        struct level *level = &p->levels[p->on_path - 1];
        rwith_slice segment =
            rwith__pointer_segment(p->pointer, p->on_path - 1);
        size_t number;

        p->is_next = false;
        if (rwith__pointer_is_number(segment, &number) &&
            number == level->count) {
            found_next(p);
        }
        level->count++;
    }
    bool is_on_path = p->depth == 0 || (is_inside(p) && p->is_next);
    p->is_next = false;
    if (is_on_path && p->on_path == p->segments) {
        p->has_target = true;
        p->target = token_start(p);
    }
    return is_on_path;
}

static void end_value(struct place *p)
{
    p->token_end = offset(p);
    if (is_inside(p)) {
        p->levels[p->on_path - 1].last_end = p->token_end;
    }
}

static int on_scalar(void *user)
{
    struct place *p = user;

    if (begin_value(p)) {
        if (p->on_path == p->segments) {
            p->target_end = offset(p);
        } else {
            p->is_blocked = true;
        }
    }
    end_value(p);
    return 1;
}

static int on_boolean(void *user, int value)
{
    (void)value;
    return on_scalar(user);
}

static int on_number(void *user, const char *text, size_t len)
{
    (void)text;
    (void)len;
    return on_scalar(user);
}

static int on_string(void *user, const unsigned char *text, size_t len)
{
    (void)text;
    (void)len;
    return on_scalar(user);
}

static int begin_container(struct place *p, bool is_array)
{
    if (begin_value(p)) {
        if (p->on_path == p->segments) {
            p->in_target = true;
        } else {
            p->levels[p->on_path++] =
                (struct level){ .is_array = is_array, .open_end = offset(p) };
            if (p->deepest < p->on_path) {
                p->deepest = p->on_path;
            }
        }
    }
    p->depth++;
    p->token_end = offset(p);
    return 1;
}

static int on_start_map(void *user)
{
    return begin_container(user, false);
}

static int on_start_array(void *user)
{
    return begin_container(user, true);
}

static int on_key(void *user, const unsigned char *text, size_t len)
{
    struct place *p = user;
    rwith_slice key = { (const char *)text, len };

    p->token_end = offset(p);
    if (is_inside(p)) {
        p->is_next = false;
        p->levels[p->on_path - 1].count++;
        if (rwith__pointer_is_key(
                rwith__pointer_segment(p->pointer, p->on_path - 1), key)) {
            found_next(p);
        }
    }
    return 1;
}

static int on_end(void *user)
{
    struct place *p = user;

    if (p->depth == p->on_path) {
        p->on_path--;
    }
    p->depth--;
    if (p->in_target && p->depth == p->on_path) {
        p->in_target = false;
        p->target_end = offset(p);
    }
    end_value(p);
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_scalar,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

/* Read a whole JSON text. @return #RWITH_OK, ESYNTAX, ENOMEM */
static int read_json(const rwith_alloc *mem, rwith_slice text,
                     const yajl_callbacks *events, struct place *place)
{
    rwith_json_memory memory;
    yajl_status status = yajl_status_error;
    int err = RWITH_ENOMEM;

    if (!rwith__json_bytes_are_fine(0, text.ptr, text.len)) {
        return RWITH_ESYNTAX;
    }
    rwith__json_memory_init(&memory, mem, MEMORY_MAX(text.len));
    yajl_handle handle = rwith__json_open(&memory, events, place);
    if (handle != NULL) {
        if (place != NULL) {
            place->handle = handle;
        }
        err = rwith__json_parse(&memory, handle, text.ptr, text.len, &status);
        if (err == RWITH_OK && status == yajl_status_ok) {
            err = rwith__json_parse(&memory, handle, NULL, 0, &status);
        }
    }
    rwith__json_memory_clear(&memory);
    if (err == RWITH_OK && status != yajl_status_ok) {
        err = RWITH_ESYNTAX;
    }
    return err == RWITH_ERANGE ? RWITH_ENOMEM : err;
}

/* --- what ---------------------------------------------------------- */

static void put_json_byte(struct rwith__insert_text *text, char c)
{
    unsigned char byte = (unsigned char)c;

    if (byte < 0x20) {
        rwith__insert_put_all(text, RWITH_LIT("\\u00"));
        rwith__insert_put_hex(text, c);
    } else {
        if (c == '"' || c == '\\') {
            rwith__insert_put(text, '\\');
        }
        rwith__insert_put(text, c);
    }
}

static void put_json_key(struct rwith__insert_text *text, rwith_slice segment)
{
    char c;

    rwith__insert_put(text, '"');
    while (rwith__pointer_next_byte(&segment, &c)) {
        put_json_byte(text, c);
    }
    rwith__insert_put_all(text, RWITH_LIT("\":"));
}

/* The value inside the objects that are missing: the pointer's tokens from
 * the `made`-th on. */
static void put_json_value(struct rwith__insert_text *text,
                           const rwith_insertion *insertion, size_t made,
                           size_t segments)
{
    for (size_t i = made; i < segments; i++) {
        rwith__insert_put(text, '{');
        put_json_key(text, rwith__pointer_segment(insertion->pointer, i));
    }
    if (insertion->is_json) {
        rwith__insert_put_all(text, insertion->value);
    } else {
        rwith__insert_put(text, '"');
        for (size_t i = 0; i < insertion->value.len; i++) {
            put_json_byte(text, insertion->value.ptr[i]);
        }
        rwith__insert_put(text, '"');
    }
    for (size_t i = made; i < segments; i++) {
        rwith__insert_put(text, '}');
    }
}

/* Could one of the tokens from `first` on be meant for an array? */
static bool is_ambiguous(rwith_slice pointer, size_t first, size_t segments)
{
    for (size_t i = first; i < segments; i++) {
        rwith_slice segment = rwith__pointer_segment(pointer, i);
        size_t number;

        if (rwith__pointer_is_number(segment, &number) ||
            (segment.len == 1 && segment.ptr[0] == '-')) {
            return true;
        }
    }
    return false;
}

/* --- both ---------------------------------------------------------- */

/* What stands in the way of a new member in the deepest level; NULL:
 * nothing. */
static const char *obstacle(const struct place *p)
{
    const struct level *level = &p->levels[p->deepest - 1];
    rwith_slice next = rwith__pointer_segment(p->pointer, p->deepest - 1);
    size_t number;

    if (p->is_blocked) {
        return "a value that is no object stands on the way";
    }
    if (is_ambiguous(p->pointer, p->deepest, p->segments)) {
        return "an object or an array is missing on the way";
    }
    if (!level->is_array || (next.len == 1 && next.ptr[0] == '-')) {
        return NULL;
    }
    if (!rwith__pointer_is_number(next, &number)) {
        return "an array stands where an object is expected";
    }
    return number == level->count ? NULL : "behind the end of the array";
}

static int insert_into_empty(rwith_slice body, const rwith_insertion *insertion,
                             struct rwith__insert_text *text,
                             rwith_body_edit *ret, const char **reterr_why)
{
    size_t segments = rwith__pointer_count(insertion->pointer);

    if (is_ambiguous(insertion->pointer, 0, segments)) {
        return rwith__insert_fail(
            reterr_why, RWITH_EUNSUPPORTED,
            "an object or an array is missing on the way");
    }
    put_json_value(text, insertion, 0, segments);
    return rwith__insert_finish(text, body.len, 0, ret, reterr_why);
}

/* Where the place says; offsets are from `base` on in the body. */
static int insert_at(const struct place *p, size_t base,
                     const rwith_insertion *insertion,
                     struct rwith__insert_text *text, rwith_body_edit *ret,
                     const char **reterr_why)
{
    if (p->is_twice) {
        return rwith__insert_fail(reterr_why, RWITH_EDUPLICATE,
                                  "a name on the way is there twice");
    }
    if (p->has_target) {
        if (!insertion->may_replace) {
            return rwith__insert_fail(reterr_why, RWITH_EDUPLICATE,
                                      "the member is there already");
        }
        put_json_value(text, insertion, p->segments, p->segments);
        return rwith__insert_finish(text, base + p->target,
                                    p->target_end - p->target, ret, reterr_why);
    }
    if (p->deepest == 0) {
        return rwith__insert_fail(reterr_why, RWITH_EUNSUPPORTED,
                                  "the body is no object");
    }
    const char *why = obstacle(p);
    if (why != NULL) {
        return rwith__insert_fail(reterr_why, RWITH_EUNSUPPORTED, why);
    }
    const struct level *level = &p->levels[p->deepest - 1];
    if (level->count > 0) {
        rwith__insert_put(text, ',');
    }
    if (!level->is_array) {
        put_json_key(
            text, rwith__pointer_segment(insertion->pointer, p->deepest - 1));
    }
    put_json_value(text, insertion, p->deepest, p->segments);
    return rwith__insert_finish(
        text, base + (level->count > 0 ? level->last_end : level->open_end), 0,
        ret, reterr_why);
}

/* RFC 3629: shortest forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(rwith_slice s)
{
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.ptr[i++];
        size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

        if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || more > s.len - i) {
            return false;
        }
        for (; more > 0; more--, low = 0x80, high = 0xbf) {
            unsigned char next = (unsigned char)s.ptr[i++];

            if (next < low || next > high) {
                return false;
            }
        }
    }
    return true;
}

static bool is_blank(rwith_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (memchr(" \t\r\n", s.ptr[i], 4) == NULL) {
            return false;
        }
    }
    return true;
}

int rwith__insert_json(const rwith_alloc *mem, rwith_slice body,
                       const rwith_insertion *insertion,
                       struct rwith__insert_text *text, rwith_body_edit *ret,
                       const char **reterr_why)
{
    struct place place = { .pointer = insertion->pointer };
    size_t base =
        body.len >= 3 && memcmp(body.ptr, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    place.segments = rwith__pointer_count(insertion->pointer);
    if (place.segments == 0 || place.segments > RWITH_INSERT_DEPTH_MAX) {
        return rwith__insert_fail(
            reterr_why, RWITH_EINVAL,
            "the pointer names no member, or is too deep");
    }
    if (!is_utf8(insertion->value) || !is_utf8(insertion->pointer)) {
        return rwith__insert_fail(reterr_why, RWITH_ESYNTAX,
                                  "the name or the value is not UTF-8");
    }
    int err = insertion->is_json ? read_json(mem, insertion->value, NULL, NULL)
                                 : RWITH_OK;
    if (err != RWITH_OK) {
        return rwith__insert_fail(reterr_why, err,
                                  err == RWITH_ENOMEM
                                      ? "out of memory"
                                      : "the value is no JSON text");
    }
    if (is_blank(body)) {
        return insert_into_empty(body, insertion, text, ret, reterr_why);
    }
    place.body = (rwith_slice){ body.ptr + base, body.len - base };
    err = read_json(mem, place.body, &callbacks, &place);
    if (err != RWITH_OK) {
        return rwith__insert_fail(
            reterr_why, err,
            err == RWITH_ENOMEM ? "out of memory" : "the body is no JSON text");
    }
    return insert_at(&place, base, insertion, text, ret, reterr_why);
}
