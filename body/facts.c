/*
 * facts.c: JSON members at pointers, and plain bytes, in the prefix of a
 * body.  Decides nothing about them: that is lib/challenge.c.
 */
#include "body/facts.h"

#include <string.h>

#include "body/json_memory.h"
#include "body/media_type.h"
#include "body/pointer.h"

/* Two buffers of yajl that double until the longest string fits, the old
 * one kept while the new one is filled. */
#define FACTS_MEMORY_MAX (8 * RWITH_CHALLENGE_BODY_MAX)

/* One pointer pattern, and how much of it the path to the current value
 * matches: segments [0, matched). */
struct pattern {
    rwith_slice text;
    uint16_t want;
    uint16_t index; /* array element that "*" stands for */
    size_t segments;
    size_t matched;
};

/* One open object or array. */
struct level {
    bool is_array;
    size_t elements; /* of the array, begun so far */
};

struct finder {
    struct pattern patterns[RWITH_FACT_WANT_MAX];
    size_t pattern_count;
    struct level levels[RWITH_FACT_DEPTH_MAX];
    size_t depth;
    rwith_fact *facts;
    size_t count, max;
    char *buf;
    size_t buf_len, buf_used;
};

/* --- the walk ------------------------------------------------------------ */

/* The path's last segment, at the current depth, has become this key, or
 * with key NULL this array element. */
static void enter(struct finder *f, const rwith_slice *key, size_t index)
{
    size_t at = f->depth - 1;

    for (size_t i = 0; i < f->pattern_count; i++) {
        struct pattern *p = &f->patterns[i];

        if (p->matched < at || p->segments <= at) {
            continue;
        }
        rwith_slice segment = rwith__pointer_segment(p->text, at);
        size_t number;
        bool is_star = key == NULL && segment.len == 1 &&
                       segment.ptr[0] == '*' && index <= UINT16_MAX;
        bool fits =
            key != NULL
                ? rwith__pointer_is_key(segment, *key)
                : is_star || (rwith__pointer_is_number(segment, &number) &&
                              number == index);

        if (is_star) {
            p->index = (uint16_t)index;
        }
        p->matched = fits ? at + 1 : at;
    }
}

/* A value begins; in an array it is also the next element. */
static void begin_value(struct finder *f)
{
    if (f->depth > 0 && f->levels[f->depth - 1].is_array) {
        enter(f, NULL, f->levels[f->depth - 1].elements++);
    }
}

/* Report the current value for every want that points here. */
static void report(struct finder *f, rwith_slice value)
{
    for (size_t i = 0; i < f->pattern_count; i++) {
        const struct pattern *p = &f->patterns[i];

        if (p->segments != f->depth || p->matched != f->depth ||
            f->count >= f->max || value.len > f->buf_len - f->buf_used) {
            continue;
        }
        rwith_slice copy = { f->buf + f->buf_used, value.len };
        if (value.len > 0) {
            memcpy(f->buf + f->buf_used, value.ptr, value.len);
            f->buf_used += value.len;
        }
        f->facts[f->count++] = (rwith_fact){ p->want, p->index, copy };
    }
}

static int scalar(struct finder *f, rwith_slice value)
{
    begin_value(f);
    report(f, value);
    return f->count < f->max; /* full: no need to read on */
}

static int on_null(void *user)
{
    return scalar(user, RWITH_LIT("null"));
}

static int on_boolean(void *user, int value)
{
    return scalar(user, value ? RWITH_LIT("true") : RWITH_LIT("false"));
}

static int on_number(void *user, const char *text, size_t len)
{
    return scalar(user, (rwith_slice){ text, len });
}

static int on_string(void *user, const unsigned char *text, size_t len)
{
    return scalar(user, (rwith_slice){ (const char *)text, len });
}

static int open_container(struct finder *f, bool is_array)
{
    begin_value(f);
    report(f, (rwith_slice){ "", 0 });
    if (f->depth == RWITH_FACT_DEPTH_MAX || f->count >= f->max) {
        return 0;
    }
    f->levels[f->depth++] = (struct level){ .is_array = is_array };
    return 1;
}

static int on_start_map(void *user)
{
    return open_container(user, false);
}

static int on_start_array(void *user)
{
    return open_container(user, true);
}

static int on_key(void *user, const unsigned char *text, size_t len)
{
    rwith_slice key = { (const char *)text, len };

    enter(user, &key, 0);
    return 1;
}

/* Behind a container the path is shorter again: a pattern matches no more
 * of it than there is. */
static int on_end(void *user)
{
    struct finder *f = user;

    f->depth--;
    for (size_t i = 0; i < f->pattern_count; i++) {
        if (f->patterns[i].matched > f->depth) {
            f->patterns[i].matched = f->depth;
        }
    }
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

static void find_json(struct finder *f, const rwith_alloc *mem,
                      rwith_slice text)
{
    rwith_json_memory memory;
    yajl_status status;

    rwith__json_memory_init(&memory, mem, FACTS_MEMORY_MAX);
    yajl_handle handle = rwith__json_open(&memory, &callbacks, f);
    if (handle != NULL) {
        /* However it ends: what was reported before stands. */
        (void)rwith__json_parse(&memory, handle, text.ptr, text.len, &status);
    }
    rwith__json_memory_clear(&memory);
}

/* --- what is looked for where -------------------------------------------- */

static bool contains(rwith_slice text, rwith_slice bytes)
{
    if (bytes.len == 0 || bytes.len > text.len) {
        return false;
    }
    const char *last = text.ptr + (text.len - bytes.len);
    for (const char *p = text.ptr; p <= last; p++) {
        p = memchr(p, bytes.ptr[0], (size_t)(last - p) + 1);
        if (p == NULL) {
            return false;
        }
        if (memcmp(p, bytes.ptr, bytes.len) == 0) {
            return true;
        }
    }
    return false;
}

bool rwith_body_is_json(rwith_slice content_type)
{
    rwith_slice type = rwith__media_type(content_type);

    return rwith_slice_equal_nocase(type, RWITH_LIT("application/json")) ||
           rwith_slice_equal_nocase(type, RWITH_LIT("text/json")) ||
           rwith__media_type_ends(type, RWITH_LIT("+json"));
}

static bool begins_like_json(rwith_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (memchr(" \t\r\n", text.ptr[i], 4) == NULL) {
            return text.ptr[i] == '{' || text.ptr[i] == '[';
        }
    }
    return false;
}

static rwith_slice without_byte_order_mark(rwith_slice text)
{
    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0) {
        return (rwith_slice){ text.ptr + 3, text.len - 3 };
    }
    return text;
}

/* Report what is only searched for; prepare what needs the walk. */
static void sort_wants(struct finder *f, rwith_slice text,
                       const rwith_fact_want *wants, size_t want_count)
{
    for (size_t i = 0; i < want_count && i < RWITH_FACT_WANT_MAX; i++) {
        rwith_slice what = wants[i].what;

        if (wants[i].kind == RWITH_FACT_CONTAINS) {
            if (f->count < f->max && contains(text, what)) {
                f->facts[f->count++] =
                    (rwith_fact){ (uint16_t)i, 0, { f->buf, 0 } };
            }
        } else if (rwith__pointer_is_valid(what)) {
            f->patterns[f->pattern_count++] =
                (struct pattern){ .text = what,
                                  .want = (uint16_t)i,
                                  .segments = rwith__pointer_count(what) };
        }
    }
}

size_t rwith_body_facts_in(const rwith_alloc *mem, rwith_slice content_type,
                           rwith_slice prefix, const rwith_fact_want *wants,
                           size_t want_count, rwith_fact *ret_facts, size_t max,
                           char *buf, size_t buf_len)
{
    struct finder f = {
        .facts = ret_facts, .max = max, .buf = buf, .buf_len = buf_len
    };

    if (prefix.len == 0 || max == 0) {
        return 0;
    }
    if (prefix.len > RWITH_CHALLENGE_BODY_MAX) {
        prefix.len = RWITH_CHALLENGE_BODY_MAX;
    }
    sort_wants(&f, prefix, wants, want_count);
    rwith_slice json = without_byte_order_mark(prefix);
    if (f.pattern_count > 0 && f.count < max &&
        (rwith_body_is_json(content_type) || begins_like_json(json))) {
        find_json(&f, mem, json);
    }
    return f.count;
}

size_t rwith_body_facts(rwith_slice content_type, rwith_slice prefix,
                        const rwith_fact_want *wants, size_t want_count,
                        rwith_fact *ret_facts, size_t max, char *buf,
                        size_t buf_len)
{
    return rwith_body_facts_in(NULL, content_type, prefix, wants, want_count,
                               ret_facts, max, buf, buf_len);
}
