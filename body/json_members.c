/*
 * json_members.c: members and elements of a JSON body, read by yajl in
 * pieces.  The inside of a long string never reaches yajl, which would keep
 * it: once a string is longer than any name of the tree can be, the rest is
 * scanned by json_text.c until its closing quote.
 */
#include <string.h>

#include "body/facts.h"
#include "body/json_bytes.h"
#include "body/json_memory.h"
#include "body/json_text.h"
#include "body/reader.h"

#define PIECE 4096 /* bytes given to yajl at a time */

/* A number that is longer than allowed fills at least one such part of a
 * piece, unless it goes from one piece into the next. */
#define NUMBER_PART (RWITH_BODY_NUMBER_MAX / 4)

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
    yajl_callbacks events; /* those that matter where the body is now */
    size_t depth_max;
    size_t depth;
    size_t relevant; /* of the open containers, from the outside */
    struct {
        uint32_t path;
        bool is_array;
    } levels[RWITH_MEMBERS_DEPTH_MAX + 1];
    uint32_t next; /* path of the value that begins */

    bool is_empty;
    size_t mark;        /* bytes of a byte order mark seen; 3: past it */
    unsigned char last; /* byte that was fed */
    rwith_slice piece;
    size_t event_end;    /* behind the piece's last name or end that was told */
    bool is_number_near; /* one that may be too long */
    enum open open;
    bool is_skipping;
    size_t open_len;
    rwith__json_text text;
    const char *why;
};

/* --- what yajl tells ----------------------------------------------------- */

/*
 * yajl tells of what it finds a function for, and the functions change as it
 * goes: most of a body is values, and names in places, that nobody asks for.
 * Only where containers begin and end is always told.
 */

static int on_key(void *user, const unsigned char *text, size_t len);
static int on_boolean(void *user, int value);
static int on_number(void *user, const char *text, size_t len);
static int on_string(void *user, const unsigned char *text, size_t len);
static int on_scalar(void *user);

static void listen_to_scalars(struct json *json, bool is_wanted)
{
    bool is_number_wanted = is_wanted || json->is_number_near;

    json->events.yajl_null = is_wanted ? on_scalar : NULL;
    json->events.yajl_boolean = is_wanted ? on_boolean : NULL;
    json->events.yajl_number = is_number_wanted ? on_number : NULL;
    json->events.yajl_string = is_wanted ? on_string : NULL;
}

/* Names matter in an object that is on the way to a wanted place, and that
 * has not had all of them yet. */
static void listen_to_keys(struct json *json)
{
    bool is_wanted = json->relevant == json->depth && json->relevant > 0 &&
                     !json->levels[json->relevant - 1].is_array &&
                     !rwith_members_is_settled(
                         json->state, json->levels[json->relevant - 1].path);

    json->events.yajl_map_key = is_wanted ? on_key : NULL;
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
        json->next = RWITH_MEMBERS_NONE;
    }
    if (path != RWITH_MEMBERS_NONE) {
        rwith_members_shape(json->state, path, shape);
    }
    if (json->events.yajl_string != NULL) {
        listen_to_scalars(json, false);
    }
    return path;
}

/* A value that has nothing inside.  As an element of an array it cannot be
 * missing and nothing in it can: it is not even entered. */
static int on_scalar(void *user)
{
    struct json *json = user;

    if (json->events.yajl_string == NULL) {
        return 1; /* a number that was only looked at for its length */
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
    return on_scalar(user);
}

static int begin_container(struct json *json, bool is_array)
{
    uint32_t path = RWITH_MEMBERS_NONE;

    if (json->relevant == json->depth) {
        path = begin_value(json,
                           is_array ? RWITH_SHAPE_ARRAY : RWITH_SHAPE_OBJECT);
    }
    if (json->depth == json->depth_max) {
        json->why = "nested too deep";
        return 0;
    }
    json->depth++;
    if (path != RWITH_MEMBERS_NONE &&
        json->relevant <= RWITH_MEMBERS_DEPTH_MAX) {
        json->levels[json->relevant].path = path;
        json->levels[json->relevant++].is_array = is_array;
        json->events.yajl_map_key = on_key;
    } else {
        json->events.yajl_map_key = NULL;
    }
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

/* Does the name that yajl has just decoded say what its bytes say?  They end
 * in this piece and may begin in one before. */
static bool is_true(const struct json *json)
{
    return rwith__json_text_was_clean(json->open == IN_STRING ? &json->text
                                                              : NULL,
                                      json->piece.ptr, json->event_end - 1);
}

static int on_key(void *user, const unsigned char *text, size_t len)
{
    struct json *json = user;
    uintptr_t at = (uintptr_t)text - (uintptr_t)json->piece.ptr;
    bool is_as_is = at < json->piece.len;

    json->event_end =
        is_as_is ? (size_t)at + len + 1 : yajl_get_bytes_consumed(json->handle);
    if (!is_as_is && !is_true(json)) {
        json->next = RWITH_MEMBERS_NONE;
        return 1;
    }
    json->next = rwith_members_enter(
        json->state, json->levels[json->relevant - 1].path, RWITH_MEMBER_NAME,
        (rwith_slice){ (const char *)text, len });
    if (json->next != RWITH_MEMBERS_NONE) {
        listen_to_scalars(json, true);
    }
    listen_to_keys(json);
    return 1;
}

static int on_end(void *user)
{
    struct json *json = user;

    json->event_end = yajl_get_bytes_consumed(json->handle);
    if (json->relevant == json->depth) {
        uint32_t path = json->levels[--json->relevant].path;

        if (path != RWITH_MEMBERS_ROOT) {
            rwith_members_leave(json->state, path);
        }
    }
    json->depth--;
    listen_to_keys(json);
    return 1;
}

/* --- pieces -------------------------------------------------------------- */

static bool is_number_byte(char c)
{
    return (c >= '0' && c <= '9') || memchr("+-.eE", c, 5) != NULL;
}

static bool has_number_part(const char *bytes, size_t len)
{
    for (size_t at = 0; len - at >= NUMBER_PART; at += NUMBER_PART) {
        size_t i = 0;

        while (i < NUMBER_PART && is_number_byte(bytes[at + i])) {
            i++;
        }
        if (i == NUMBER_PART) {
            return true;
        }
    }
    return false;
}

/* yajl's answer to some bytes, or with NULL to the end. */
static int parse(struct json *json, const char *bytes, size_t len)
{
    yajl_status status = yajl_status_error;

    json->piece = (rwith_slice){ bytes, len };
    json->event_end = 0;
    json->is_number_near =
        json->open == IN_WORD || (len > 0 && has_number_part(bytes, len));
    listen_to_scalars(json, json->events.yajl_string != NULL);
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

/*
 * Behind that place, which is in no string: pass the strings that yajl did
 * not tell of.
 * @return behind the last one; len: the piece ends in a string
 */
static size_t pass_strings(struct json *json, const char *bytes, size_t at,
                           size_t len)
{
    const char *quote;

    while (at < len && (quote = memchr(bytes + at, '"', len - at)) != NULL) {
        size_t start = (size_t)(quote + 1 - bytes), end;

        at = rwith__json_text_end(bytes, start, len);
        if (at == len) {
            json->open = IN_STRING;
            json->open_len = len - start;
            json->text = (rwith__json_text){ 0 };
            (void)rwith__json_text_scan(&json->text, bytes + start, len - start,
                                        &end);
            return len;
        }
        at++;
    }
    return at;
}

/* What this piece ends in: yajl tells only of what is whole. */
static void look_at_end(struct json *json, const char *bytes, size_t len)
{
    bool was_in_word = json->open == IN_WORD;
    size_t at = json->event_end, word = 0, end;

    if (at == 0 && json->open == IN_STRING) {
        (void)rwith__json_text_scan(&json->text, bytes, len, &end);
        if (end == len) {
            json->open_len += len;
            return;
        }
        at = end + 1;
    }
    json->open = BETWEEN;
    at = pass_strings(json, bytes, at, len);
    if (json->open == IN_STRING) {
        return;
    }
    while (word < len - at && is_word_byte(bytes[len - 1 - word])) {
        word++;
    }
    if (!was_in_word || word < len) {
        json->open_len = 0;
    }
    json->open_len += word;
    json->open = word > 0 ? IN_WORD : BETWEEN;
}

static int parse_piece(struct json *json, const char *bytes, size_t len)
{
    int err = parse(json, bytes, len);
    if (err != RWITH_OK) {
        return err;
    }
    look_at_end(json, bytes, len);
    json->is_skipping = json->open == IN_STRING && json->open_len > KEPT_MAX &&
                        rwith__json_text_is_whole(&json->text);
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
    if (err == RWITH_OK &&
        !rwith__json_bytes_are_fine(json->last, bytes + at, len - at)) {
        json->why = "not UTF-8, or a control character";
        err = RWITH_ESYNTAX;
    }
    json->last = at < len ? (unsigned char)bytes[len - 1] : 0;
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
    json->events = (yajl_callbacks){
        .yajl_start_map = on_start_map,
        .yajl_end_map = on_end,
        .yajl_start_array = on_start_array,
        .yajl_end_array = on_end,
    };
    listen_to_scalars(json, true); /* the body may be one */
    json->handle = rwith__json_open(&json->memory, &json->events, json);
    if (json->handle == NULL) {
        json_close(json);
        return NULL;
    }
    return json;
}

const struct rwith__reader rwith__json_reader = {
    rwith_body_is_json, json_open, json_feed, json_finish, json_close,
};
