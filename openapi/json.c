/*
 * Reads JSON text into a tree, with yajl's events.  Numbers stay text.
 * The lines of nodes are counted here, since yajl knows bytes only.
 */
#include "openapi/tree.h"

#include <stdint.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "body/json_memory.h"

/* What yajl may hold: one string that has escapes, and its own stacks. */
#define YAJL_MEMORY_MAX ((size_t)64 * 1024 * 1024)

struct json_state {
    tree_builder builder;
    yajl_handle handle;
    rwith_slice text;
    size_t counted; /* bytes whose lines are counted */
    size_t line;
    bool is_over; /* all of the text was taken */
};

static size_t line_at(struct json_state *state, size_t offset)
{
    while (state->counted < offset) {
        const char *from = state->text.ptr + state->counted;
        const char *newline = memchr(from, '\n', offset - state->counted);

        if (newline == NULL) {
            state->counted = offset;
        } else {
            state->counted = (size_t)(newline - state->text.ptr) + 1;
            state->line++;
        }
    }
    return state->line;
}

static size_t line_now(struct json_state *state)
{
    size_t offset = yajl_get_bytes_consumed(state->handle);

    return line_at(state, offset < state->text.len ? offset : state->text.len);
}

/* Borrow what lies in the text; yajl's own decoding buffer is copied. */
static bool keep(struct json_state *state, const char *ptr, size_t len,
                 rwith_slice *ret)
{
    uintptr_t at = (uintptr_t)ptr;
    uintptr_t begin = (uintptr_t)state->text.ptr;

    if (at >= begin && at <= begin + state->text.len) {
        *ret = (rwith_slice){ ptr, len };
        return true;
    }
    return rwith__tree_copy(state->builder.arena, (rwith_slice){ ptr, len },
                            ret);
}

static int add(struct json_state *state, node_kind kind, rwith_slice text)
{
    return rwith__tree_add(&state->builder, kind, text, line_now(state)) !=
           NULL;
}

static int on_null(void *user)
{
    return add(user, NODE_NULL, (rwith_slice){ NULL, 0 });
}

static int on_boolean(void *user, int value)
{
    return add(user, NODE_BOOL, value ? RWITH_LIT("true") : RWITH_LIT("false"));
}

static int on_number(void *user, const char *ptr, size_t len)
{
    struct json_state *state = user;
    rwith_slice text;

    return keep(state, ptr, len, &text) && add(state, NODE_NUMBER, text);
}

static int on_string(void *user, const unsigned char *ptr, size_t len)
{
    struct json_state *state = user;
    rwith_slice text;

    return keep(state, (const char *)ptr, len, &text) &&
           add(state, NODE_STRING, text);
}

static int on_key(void *user, const unsigned char *ptr, size_t len)
{
    struct json_state *state = user;

    return keep(state, (const char *)ptr, len, &state->builder.key);
}

static int on_object(void *user)
{
    return add(user, NODE_OBJECT, (rwith_slice){ NULL, 0 });
}

static int on_array(void *user)
{
    return add(user, NODE_ARRAY, (rwith_slice){ NULL, 0 });
}

static int on_close(void *user)
{
    struct json_state *state = user;

    return rwith__tree_close(&state->builder);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_array,
    .yajl_end_array = on_close,
};

/*
 * Says where and why.  yajl's own sentence is not asked for: that allocates,
 * and adds nothing to the place.
 */
static void describe(struct json_state *state, size_t offset,
                     rwith_diagnostic *diag)
{
    const char *error = state->builder.error;

    if (offset > state->text.len || state->is_over) {
        offset = state->text.len; /* yajl counts from anew at the end */
    }
    if (error == NULL) {
        error = state->is_over ? "the text ends before the JSON value does"
                               : "not well-formed JSON in UTF-8 from here on";
    }
    size_t len = strlen(error);
    memcpy(diag->text, error, len + 1);
    diag->line = line_at(state, offset);
    size_t begin = offset;
    while (begin > 0 && state->text.ptr[begin - 1] != '\n') {
        begin--;
    }
    diag->column = offset - begin + 1;
}

int rwith__tree_read_json(tree_arena *arena, rwith_slice text,
                          const tree_limits *limits, tree_node **ret,
                          const tree_node **reterr_at,
                          rwith_diagnostic *reterr_diag)
{
    struct json_state state = { .text = text, .line = 1 };
    rwith_json_memory memory;
    yajl_status status = yajl_status_ok;

    if (!rwith__tree_builder_init(&state.builder, arena, limits)) {
        return RWITH_ENOMEM;
    }
    rwith__json_memory_init(&memory, &arena->mem, YAJL_MEMORY_MAX);
    state.handle = rwith__json_open(&memory, &callbacks, &state);
    int err = state.handle != NULL ? RWITH_OK : RWITH_ENOMEM;
    if (err == RWITH_OK) {
        err = rwith__json_parse(&memory, state.handle, text.ptr, text.len,
                                &status);
    }
    if (err == RWITH_OK && status == yajl_status_ok) {
        state.is_over = true;
        err = rwith__json_parse(&memory, state.handle, NULL, 0, &status);
    }
    if (err == RWITH_OK && status == yajl_status_ok) {
        *ret = state.builder.root;
    } else if (err == RWITH_OK) {
        bool has_reason =
            status == yajl_status_error || state.builder.error != NULL;

        err = has_reason ? RWITH_EFILE : RWITH_ENOMEM;
        if (has_reason) {
            *reterr_at = state.builder.open;
            describe(&state, yajl_get_bytes_consumed(state.handle),
                     reterr_diag);
        }
    } else if (err == RWITH_ERANGE) {
        state.builder.error = "a string with escapes is too long";
        *reterr_at = state.builder.open;
        describe(&state, state.counted, reterr_diag);
        err = RWITH_EFILE;
    }
    rwith__json_memory_clear(&memory);
    return err;
}
