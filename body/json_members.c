/*
 * json_members.c: members and elements of a JSON body, read by yajl in
 * pieces.  The inside of a long string never reaches yajl, which would keep
 * it: once a string is longer than any name of the tree can be, the rest is
 * scanned by json_text.c until its closing quote.
 */
#include <string.h>

#include "body/facts.h"
#include "body/json_memory.h"
#include "body/json_text.h"
#include "body/reader.h"

#define PIECE 4096 /* bytes given to yajl at a time */

/* Bytes of a string that yajl may keep; as \uXXXX six of them are one. */
#define KEPT_MAX (6 * RWITH_BODY_NAME_MAX)

/* Two buffers that double up to KEPT_MAX + PIECE, each twice while it
 * grows, and yajl's stack of one byte for each level, grown by copying. */
#define MEMORY_MAX(depth) (64 * 1024 + 3 * (depth))

/* What the bytes so far end in. */
enum open { BETWEEN, IN_STRING, IN_WORD };

struct json {
    const rwith_alloc *mem;
    rwith_members_state *state;
    rwith_json_memory memory;
    yajl_handle handle;
    size_t depth_max;
    size_t depth;
    size_t relevant; /* of the open containers, from the outside */
    struct {
        uint32_t path;
        bool is_array;
    } levels[RWITH_MEMBERS_DEPTH_MAX + 1];
    uint32_t next; /* path of the value that begins */

    bool is_empty;
    size_t mark;      /* bytes of a byte order mark seen; 3: past it */
    bool had_event;   /* in this piece: a bracket, name or string */
    size_t event_end; /* behind the last one */
    enum open open;
    bool is_skipping;
    size_t open_len;
    rwith__json_text text;
    const char *why;
};

/* --- what yajl tells ----------------------------------------------------- */

static void note(struct json *json)
{
    json->had_event = true;
    json->event_end = yajl_get_bytes_consumed(json->handle);
}

/* A value of that shape begins. @return its path */
static uint32_t begin_value(struct json *json, unsigned shape)
{
    uint32_t path = RWITH_MEMBERS_NONE;

    if (json->depth == 0) {
        path = RWITH_MEMBERS_ROOT;
    } else if (json->relevant == json->depth) {
        path = json->next;
        if (json->levels[json->relevant - 1].is_array) {
            path = rwith_members_enter(
                json->state, json->levels[json->relevant - 1].path,
                RWITH_MEMBER_ITEM, (rwith_slice){ "", 0 });
        }
    }
    if (path != RWITH_MEMBERS_NONE) {
        rwith_members_shape(json->state, path, shape);
    }
    return path;
}

/* A value that has nothing inside.  As an element of an array it cannot be
 * missing and nothing in it can: it is not even entered. */
static int on_scalar(void *user)
{
    struct json *json = user;

    if (json->relevant != json->depth ||
        (json->depth > 0 && json->levels[json->relevant - 1].is_array)) {
        return 1;
    }
    uint32_t path = begin_value(json, RWITH_SHAPE_SCALAR);
    if (path != RWITH_MEMBERS_NONE && path != RWITH_MEMBERS_ROOT) {
        rwith_members_leave(json->state, path);
    }
    return 1;
}

static int on_boolean(void *user, int value)
{
    (void)value;
    return on_scalar(user);
}

static int on_number(void *user, const char *text, size_t len)
{
    struct json *json = user;

    (void)text;
    if (len > RWITH_BODY_NUMBER_MAX) {
        json->why = "a number is too long";
        return 0;
    }
    return on_scalar(user);
}

static int on_string(void *user, const unsigned char *text, size_t len)
{
    (void)text;
    (void)len;
    note(user);
    return on_scalar(user);
}

static int begin_container(struct json *json, bool is_array)
{
    bool is_relevant = json->relevant == json->depth;
    uint32_t path =
        begin_value(json, is_array ? RWITH_SHAPE_ARRAY : RWITH_SHAPE_OBJECT);

    note(json);
    if (json->depth == json->depth_max) {
        json->why = "nested too deep";
        return 0;
    }
    if (is_relevant && path != RWITH_MEMBERS_NONE &&
        json->relevant <= RWITH_MEMBERS_DEPTH_MAX) {
        json->levels[json->relevant].path = path;
        json->levels[json->relevant++].is_array = is_array;
    }
    json->depth++;
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
    struct json *json = user;

    note(json);
    if (json->relevant == json->depth) {
        json->next = rwith_members_enter(
            json->state, json->levels[json->relevant - 1].path,
            RWITH_MEMBER_NAME, (rwith_slice){ (const char *)text, len });
    }
    return 1;
}

static int on_end(void *user)
{
    struct json *json = user;

    note(json);
    if (json->relevant == json->depth) {
        uint32_t path = json->levels[--json->relevant].path;

        if (path != RWITH_MEMBERS_ROOT) {
            rwith_members_leave(json->state, path);
        }
    }
    json->depth--;
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

/* --- pieces -------------------------------------------------------------- */

/* yajl's answer to some bytes, or with NULL to the end. */
static int parse(struct json *json, const char *bytes, size_t len)
{
    yajl_status status = yajl_status_error;
    int err =
        rwith__json_parse(&json->memory, json->handle, bytes, len, &status);

    if (err != RWITH_OK) {
        json->why = "out of memory";
        return RWITH_ENOMEM;
    }
    if (status == yajl_status_ok) {
        return RWITH_OK;
    }
    if (json->why == NULL) {
        json->why = "not well-formed JSON";
    }
    return RWITH_ESYNTAX;
}

static bool is_word_byte(char c)
{
    return memchr(" \t\r\n,:[]{}", c, 10) == NULL;
}

/* Behind the last bracket, name or string of a piece stand only words,
 * numbers and what separates them, and at the end perhaps a part of a
 * string: that is where the next quote is. */
static void look_behind(struct json *json, const char *bytes, size_t len)
{
    const char *quote = len > 0 ? memchr(bytes, '"', len) : NULL;
    size_t word = 0, end;

    if (quote != NULL) {
        json->open = IN_STRING;
        json->open_len = len - (size_t)(quote + 1 - bytes);
        json->text = (rwith__json_text){ 0 };
        (void)rwith__json_text_scan(&json->text, quote + 1, json->open_len,
                                    &end);
        return;
    }
    while (word < len && is_word_byte(bytes[len - 1 - word])) {
        word++;
    }
    if (json->open != IN_WORD || word < len || json->had_event) {
        json->open_len = 0;
    }
    json->open_len += word;
    json->open = json->open_len > 0 ? IN_WORD : BETWEEN;
}

/* What this piece ends in: yajl tells only of what is whole. */
static void look_at_end(struct json *json, const char *bytes, size_t len)
{
    size_t end;

    if (json->had_event) {
        look_behind(json, bytes + json->event_end, len - json->event_end);
    } else if (json->open != IN_STRING) {
        look_behind(json, bytes, len);
    } else {
        json->open_len += len;
        (void)rwith__json_text_scan(&json->text, bytes, len, &end);
    }
    json->is_skipping = json->open == IN_STRING && json->open_len > KEPT_MAX &&
                        rwith__json_text_is_whole(&json->text);
}

static int parse_piece(struct json *json, const char *bytes, size_t len)
{
    json->had_event = false;
    int err = parse(json, bytes, len);
    if (err != RWITH_OK) {
        return err;
    }
    look_at_end(json, bytes, len);
    if (json->open == IN_WORD && json->open_len > RWITH_BODY_NUMBER_MAX) {
        json->why = "a number is too long";
        return RWITH_ESYNTAX;
    }
    return RWITH_OK;
}

/* @return how many bytes were taken; 0: err is set */
static size_t take(struct json *json, const char *bytes, size_t len, int *err)
{
    if (json->is_skipping) {
        size_t end = 0;

        if (!rwith__json_text_scan(&json->text, bytes, len, &end)) {
            json->why = "not well-formed JSON";
            *err = RWITH_ESYNTAX;
            return 0;
        }
        json->is_skipping = end == len;
        if (end > 0) {
            return end;
        }
    }
    size_t piece = len < PIECE ? len : PIECE;
    if (json->open == IN_STRING && json->open_len > KEPT_MAX) {
        piece = 1; /* until the string stands between two characters */
    }
    *err = parse_piece(json, bytes, piece);
    return piece;
}

/* Skip a byte order mark, which only the very first bytes can be. */
static size_t skip_mark(struct json *json, const char *bytes, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t at = 0;

    while (at < len && json->mark < 3 && bytes[at] == mark[json->mark]) {
        at++;
        json->mark++;
    }
    if (at < len && json->mark == 0) {
        json->mark = 3; /* there is none */
    }
    return at;
}

static bool is_blank(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (memchr(" \t\r\n", bytes[i], 4) == NULL) {
            return false;
        }
    }
    return true;
}

static int json_feed(void *reader, const char *bytes, size_t len,
                     const char **ret_why)
{
    struct json *json = reader;
    size_t at = json->mark < 3 ? skip_mark(json, bytes, len) : 0;
    int err = RWITH_OK;

    if (json->is_empty) {
        json->is_empty = is_blank(bytes + at, len - at);
    }
    if (json->mark < 3 && at < len) {
        json->why = "not well-formed JSON";
        err = RWITH_ESYNTAX;
    }
    while (at < len && err == RWITH_OK) {
        at += take(json, bytes + at, len - at, &err);
    }
    *ret_why = json->why;
    return err;
}

static int json_finish(void *reader, bool *ret_is_empty, const char **ret_why)
{
    struct json *json = reader;
    int err = RWITH_OK;

    *ret_is_empty = json->is_empty && json->mark % 3 == 0;
    if (!*ret_is_empty) {
        err = parse(json, NULL, 0);
    }
    *ret_why = json->why;
    return err;
}

static void json_close(void *reader)
{
    struct json *json = reader;

    rwith__json_memory_clear(&json->memory);
    rwith__body_free(json->mem, json);
}

static void *json_open(const struct rwith__reader_setup *setup)
{
    struct json *json = rwith__body_alloc(setup->mem, sizeof(*json));

    if (json == NULL) {
        return NULL;
    }
    memset(json, 0, sizeof(*json));
    json->mem = setup->mem;
    json->state = setup->state;
    json->depth_max = setup->depth_max;
    json->is_empty = true;
    rwith__json_memory_init(&json->memory, setup->mem,
                            MEMORY_MAX(setup->depth_max));
    json->handle = rwith__json_open(&json->memory, &callbacks, json);
    if (json->handle == NULL) {
        json_close(json);
        return NULL;
    }
    return json;
}

const struct rwith__reader rwith__json_reader = {
    rwith_body_is_json, json_open, json_feed, json_finish, json_close,
};
