/*
 * recall_text.c: what is remembered, as text, so that a command can keep it
 * between two runs:
 *
 *     retrywith-recall 1
 *     key 00112233445566778899aabbccddeeff
 *     origin https://api.example.com:443
 *     want header X-Key path /v1/ used 1700000000
 *     want body /request/token path /v1/jobs method POST used 1700000000
 *     hold header X-Session-Id 'a b' client 0123456789abcdef used 1700000000
 *
 * "want" is a name that the origin asks for, "hold" a value that it supplied;
 * "jar" before "used" marks the scope of that name.  Words are quoted as in
 * the other files.  The key and hold lines are written only when values are.
 * A client's number means something only with the key it was made with: an
 * empty recall takes the text's key, another one passes hold lines over.
 */
#include "lib/recall.h"

#include <string.h>

#include "lib/arena.h"
#include "lib/ascii.h"
#include "lib/config_line.h"

#define VERSION_LINE "retrywith-recall 1\n"
#define HEX_LOWER    "0123456789abcdef"
#define LINE_MAX_LEN (24 * 1024) /* more than the longest that is written */
#define DECIMAL_MAX  20

/* --- writing ----------------------------------------------------------------
 */

struct writer {
    char *buf;
    size_t len, room; /* len counts on when there is no room */
};

static void put(struct writer *w, rwith_slice s)
{
    if (w->buf != NULL && s.len > 0 && w->len <= w->room &&
        s.len <= w->room - w->len) {
        memcpy(w->buf + w->len, s.ptr, s.len);
    }
    w->len += s.len;
}

static void put_string(struct writer *w, const char *s)
{
    put(w, rwith_slice_of(s));
}

static void put_number(struct writer *w, uint64_t number)
{
    char digits[DECIMAL_MAX];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(w, (rwith_slice){ digits + at, sizeof(digits) - at });
}

static void put_hex(struct writer *w, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        put(w, (rwith_slice){ &HEX_LOWER[bytes[i] >> 4], 1 });
        put(w, (rwith_slice){ &HEX_LOWER[bytes[i] & 0xf], 1 });
    }
}

/* In single quotes; one inside is '\''. */
static void put_word(struct writer *w, rwith_slice word)
{
    put_string(w, "'");
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] == '\'') {
            put_string(w, "'\\''");
        } else {
            put(w, (rwith_slice){ word.ptr + i, 1 });
        }
    }
    put_string(w, "'");
}

static void put_origin(struct writer *w, const rwith_origin *origin)
{
    put_string(w, "origin ");
    put(w, origin->scheme);
    put_string(w, "://");
    put(w, origin->host);
    put_string(w, ":");
    put_number(w, origin->port);
    put_string(w, "\n");
}

static void client_bytes(uint64_t client, uint8_t bytes[8])
{
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(client >> (8 * (7 - i)) & 0xff);
    }
}

static void put_entry(struct writer *w, const struct rwith__recall_entry *entry,
                      uint64_t used_s)
{
    uint8_t client[8];

    put_string(w, entry->has_value ? "hold " : "want ");
    put_string(w, rwith_place_word(entry->in));
    put_string(w, " ");
    put_word(w, entry->name);
    if (entry->has_value) {
        put_string(w, " ");
        put_word(w, entry->value);
        put_string(w, " client ");
        client_bytes(entry->client, client);
        put_hex(w, client, sizeof(client));
    }
    if (entry->path.len > 0) {
        put_string(w, " path ");
        put_word(w, entry->path);
    }
    if (entry->method.len > 0) {
        put_string(w, " method ");
        put_word(w, entry->method);
    }
    if (entry->scope == RWITH_SCOPE_JAR) {
        put_string(w, " jar");
    }
    put_string(w, " used ");
    put_number(w, used_s);
    put_string(w, "\n");
}

size_t rwith_recall_save(const rwith_recall *recall, bool with_values,
                         char *buf, size_t buf_len)
{
    struct writer w = { buf, 0, buf != NULL ? buf_len : 0 };
    rwith_origin last = { .port = 0 };

    put_string(&w, VERSION_LINE);
    if (with_values) {
        put_string(&w, "key ");
        put_hex(&w, recall->key, sizeof(recall->key));
        put_string(&w, "\n");
    }
    for (uint32_t i = 0; i < recall->slot_count; i++) {
        const struct rwith__recall_slot *slot =
            rwith__recall_slot_const(recall, i);
        struct rwith__recall_entry entry;

        if (slot->record == RWITH__RECALL_NONE) {
            continue;
        }
        rwith__recall_entry(recall, i, &entry);
        if (entry.has_value && !with_values) {
            continue;
        }
        if (last.port == 0 || !rwith_origin_equal(&last, &entry.origin)) {
            put_origin(&w, &entry.origin);
            last = entry.origin;
        }
        put_entry(&w, &entry, slot->used_s);
    }
    return w.len;
}

/* --- reading ----------------------------------------------------------------
 */

struct reading {
    rwith_recall *recall;
    bool is_keeping; /* the second time through, when all is well formed */
    bool has_key;    /* hold lines mean something here */
    bool has_origin;
    uint64_t now_s;
    struct rwith__config_line line;
    size_t at;
    rwith_origin origin;
    char host[RWITH__RECALL_HOST_MAX + sizeof("https://") + 8];
    rwith_diagnostic *diag;
};

/* The word that was found is not shown: it may be a secret. */
static int unexpected(struct reading *r, const char *what)
{
    return rwith__config_unwanted(&r->line, r->at, what, r->diag);
}

static bool word_take(struct reading *r, rwith_slice *ret)
{
    if (r->at >= r->line.word_count) {
        return false;
    }
    *ret = r->line.words[r->at++].text;
    return true;
}

static bool hex_read(rwith_slice text, uint8_t *bytes, size_t len)
{
    if (text.len != 2 * len) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = memchr(HEX_LOWER, text.ptr[i], 16);

        if (digit == NULL) {
            return false;
        }
        unsigned value = (unsigned)(digit - HEX_LOWER);
        bytes[i / 2] =
            (uint8_t)(i % 2 == 0 ? value << 4 : bytes[i / 2] | value);
    }
    return true;
}

static int key_read(struct reading *r)
{
    uint8_t key[RWITH_RECALL_KEY_LEN];

    r->at = 1;
    if (r->line.word_count != 2 ||
        !hex_read(r->line.words[1].text, key, sizeof(key))) {
        return unexpected(r, "a key of 32 hexadecimal digits");
    }
    if (r->is_keeping && r->recall->count == 0) {
        memcpy(r->recall->key, key, sizeof(key));
    }
    r->has_key = memcmp(r->recall->key, key, sizeof(key)) == 0;
    rwith__wipe(key, sizeof(key));
    return RWITH_OK;
}

static int origin_read(struct reading *r)
{
    rwith_slice text = { "", 0 };

    r->at = 1;
    if (r->line.word_count == 2) {
        text = r->line.words[1].text;
    }
    if (text.len == 0 || text.len > sizeof(r->host)) {
        return unexpected(r, "an origin with its port");
    }
    /* The line's bytes are gone with the next one: the origin stays. */
    memcpy(r->host, text.ptr, text.len);
    text.ptr = r->host;
    if (rwith_origin_parse(text, r->host, sizeof(r->host), &r->origin, NULL) !=
        RWITH_OK) {
        return unexpected(r, "an origin with its port");
    }
    r->has_origin = true;
    return RWITH_OK;
}

/* "client", "path", "method", "jar", "used", in that order. */
static int attributes_read(struct reading *r, struct rwith__recall_entry *entry,
                           uint64_t *ret_used_s)
{
    uint8_t client[8];
    rwith_slice word = { "", 0 };

    entry->scope = RWITH_SCOPE_ORIGIN;
    if (entry->has_value) {
        r->at++;
        if (!rwith__config_is(&r->line, r->at - 1, "client") ||
            !word_take(r, &word) || !hex_read(word, client, sizeof(client))) {
            r->at--;
            return unexpected(r, "client and 16 hexadecimal digits");
        }
        for (unsigned i = 0; i < sizeof(client); i++) {
            entry->client = entry->client << 8 | client[i];
        }
    }
    if (rwith__config_is(&r->line, r->at, "path")) {
        r->at++;
        entry->scope = RWITH_SCOPE_PATH;
        if (!word_take(r, &entry->path)) {
            return unexpected(r, "a path");
        }
    }
    if (rwith__config_is(&r->line, r->at, "method")) {
        r->at++;
        if (!word_take(r, &entry->method)) {
            return unexpected(r, "a method");
        }
    }
    if (rwith__config_is(&r->line, r->at, "jar")) {
        r->at++;
        entry->scope = RWITH_SCOPE_JAR;
    }
    if (!rwith__config_is(&r->line, r->at, "used")) {
        return unexpected(r, "used and a time");
    }
    r->at++;
    if (r->at >= r->line.word_count ||
        !rwith__ascii_number(r->line.words[r->at].text, UINT64_MAX,
                             ret_used_s)) {
        return unexpected(r, "seconds since 1970");
    }
    r->at++;
    return r->at == r->line.word_count ? RWITH_OK
                                       : unexpected(r, "the end of the line");
}

/* The second time through: keep what has not expired. */
static int entry_keep(struct reading *r,
                      const struct rwith__recall_entry *entry, uint64_t used_s)
{
    struct rwith__recall_slot used = { .used_s = used_s };
    int err;

    if (used.used_s > r->now_s) {
        used.used_s = r->now_s; /* written under another clock */
    }
    if (!r->is_keeping || rwith__recall_is_expired(&used, r->now_s) ||
        (entry->has_value && !r->has_key)) {
        return RWITH_OK;
    }
    err = rwith__recall_keep(r->recall, entry, used.used_s);
    return err == RWITH_EFULL ? RWITH_OK : err;
}

static int entry_read(struct reading *r, bool has_value)
{
    struct rwith__recall_entry entry = {
        .origin = r->origin,
        .has_value = has_value,
        .method = { "", 0 },
        .path = { "", 0 },
        .value = { "", 0 },
    };
    uint64_t used_s = 0;
    rwith_slice place;
    int err;

    r->at = 1;
    if (!r->has_origin) {
        r->at = 0;
        return unexpected(r, "an origin line before");
    }
    if (!word_take(r, &place) || !rwith_place_of_word(place, &entry.in)) {
        r->at = 1;
        return unexpected(r, "header, query, cookie, body or authorization");
    }
    if (!word_take(r, &entry.name) ||
        (has_value && !word_take(r, &entry.value))) {
        return unexpected(r, has_value ? "a name and a value" : "a name");
    }
    err = attributes_read(r, &entry, &used_s);
    if (err != RWITH_OK) {
        return err;
    }
    if (rwith__recall_judge(&entry) != RWITH_OK) {
        const rwith_slice none = { NULL, 0 };

        return rwith__config_fail(r->diag, r->line.number, 0,
                                  "a name, path or value that is never sent "
                                  "or over its limit",
                                  none, NULL);
    }
    return entry_keep(r, &entry, used_s);
}

static int line_read(struct reading *r)
{
    if (rwith__config_is(&r->line, 0, "want")) {
        return entry_read(r, false);
    }
    if (rwith__config_is(&r->line, 0, "hold")) {
        return entry_read(r, true);
    }
    if (rwith__config_is(&r->line, 0, "origin")) {
        return origin_read(r);
    }
    if (rwith__config_is(&r->line, 0, "key")) {
        return key_read(r);
    }
    r->at = 0;
    return unexpected(r, "key, origin, want or hold");
}

static bool is_version(const struct rwith__config_line *line)
{
    return line->word_count == 2 &&
           rwith__config_is(line, 0, "retrywith-recall") &&
           rwith__config_is(line, 1, "1");
}

/* Go through the text once.  A line is copied to be unquoted, because the
 * text is not ours. */
static int text_read(struct reading *r, rwith_slice text, char *copy)
{
    const rwith_slice none = { NULL, 0 };
    bool has_version = false;
    size_t number = 0;

    r->has_origin = false;
    r->has_key = false;
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.ptr) + 1 : text.len;
        struct rwith__config_reader reader;
        int err;

        if (len > LINE_MAX_LEN) {
            return rwith__config_fail(r->diag, number + 1, 0,
                                      "the line is too long", none, NULL);
        }
        memcpy(copy, text.ptr, len);
        text.ptr += len;
        text.len -= len;
        rwith__config_start(&reader, copy, len);
        reader.line = number++;
        err = rwith__config_next(&reader, &r->line, r->diag);
        if (err == RWITH_OK && r->line.word_count > 0) {
            err = has_version            ? line_read(r)
                  : is_version(&r->line) ? RWITH_OK
                                         : unexpected(r, "retrywith-recall 1");
            has_version = true;
        }
        if (err != RWITH_OK) {
            return err;
        }
    }
    return RWITH_OK;
}

int rwith_recall_load(rwith_recall *recall, rwith_slice text, uint64_t now_s,
                      rwith_diagnostic *reterr_diag)
{
    char copy[LINE_MAX_LEN];
    struct reading r;
    int err;

    r.recall = recall;
    r.now_s = now_s;
    r.diag = reterr_diag;
    r.at = 0;
    r.is_keeping = false;
    err = text_read(&r, text, copy);
    if (err == RWITH_OK) {
        r.is_keeping = true;
        r.at = 0;
        err = text_read(&r, text, copy);
    }
    rwith__wipe(copy, sizeof(copy));
    return err;
}
