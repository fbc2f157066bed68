/*
 * The vectors of spec/vectors/rewrite.json, the limits of the buffer, and
 * what belongs to one connection only.
 */
#include <retrywith/rewrite.h>

#include <yajl/yajl_tree.h>

#include "tap.h"

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(1 << 20);

    if (file == NULL || text == NULL) {
        abort();
    }
    text[fread(text, 1, (1 << 20) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static const char *member(yajl_val row, const char *name)
{
    const char *path[] = { name, NULL };
    yajl_val value = yajl_tree_get(row, path, yajl_t_string);

    return value != NULL ? YAJL_GET_STRING(value) : "";
}

static rwith_origin origin_of(const char *text, char *buf, size_t buf_len)
{
    rwith_origin origin = { 0 };

    if (rwith_origin_parse(rwith_slice_of(text), buf, buf_len, &origin, NULL) !=
        RWITH_OK) {
        abort();
    }
    return origin;
}

/* The translation with a buffer of every length up to the one needed. */
static void check_spaces(const rwith_mapping *map, bool is_request,
                         rwith_slice field, rwith_slice value, size_t needed,
                         const char *name)
{
    bool all = true;

    for (size_t len = 0; len <= needed; len++) {
        char *buf = malloc(len > 0 ? len : 1);
        size_t got_len = 77;
        bool changed = false;
        int err = rwith_rewrite_field(map, is_request, field, value, buf, len,
                                      &got_len, &changed);

        all = all && (len < needed ? err == RWITH_ESPACE && got_len == 77
                                   : err == RWITH_OK && got_len == needed);
        free(buf);
    }
    ok(all, "%s: every buffer but one long enough is refused", name);
}

static void check_vector(yajl_val row)
{
    const char *name = member(row, "name");
    char front[200], back[200];
    rwith_mapping map = {
        .front = origin_of(member(row, "front"), front, sizeof(front)),
        .back = origin_of(member(row, "back"), back, sizeof(back)),
        .back_prefix = rwith_slice_of(member(row, "prefix")),
    };
    bool is_request = strcmp(member(row, "direction"), "request") == 0;
    const char *text = member(row, "value");
    const char *expect = member(row, "expect");
    rwith_slice field = rwith_slice_of(member(row, "field"));
    rwith_slice value = tap_copy(text, strlen(text));
    char buf[2048];
    size_t len = 0;
    bool changed = true;

    memset(buf, '#', sizeof(buf));
    int err = rwith_rewrite_field(&map, is_request, field, value, buf,
                                  sizeof(buf), &len, &changed);
    is_int(err, RWITH_OK, name);
    is_int(changed, strcmp(text, expect) != 0, name);
    if (changed) {
        is_str((rwith_slice){ buf, len }, expect, name);
        check_spaces(&map, is_request, field, value, len, name);
    } else {
        ok(buf[0] == '#', "%s: the buffer was not touched", name);
    }
    tap_free(value);
}

static void test_vectors(void)
{
    char *text = read_whole(RWITH_SOURCE_DIR "/spec/vectors/rewrite.json");
    char error[200];
    yajl_val rows = yajl_tree_parse(text, error, sizeof(error));

    if (!ok(YAJL_IS_ARRAY(rows) && rows->u.array.len > 50,
            "the vectors were read")) {
        return;
    }
    for (size_t i = 0; i < rows->u.array.len; i++) {
        if (tap_wants(member(rows->u.array.values[i], "name"))) {
            check_vector(rows->u.array.values[i]);
        }
    }
    yajl_tree_free(rows);
    free(text);
}

static void test_uri(void)
{
    char front[64], back[64], buf[256];
    rwith_mapping map = {
        .front = origin_of("http://127.0.0.1:4490", front, sizeof(front)),
        .back = origin_of("http://dav.example", back, sizeof(back)),
        .back_prefix = RWITH_LIT("/dav"),
    };
    size_t len = 0;
    bool changed = false;

    is_int(rwith_rewrite_uri(&map, false,
                             RWITH_LIT("http://dav.example/dav/x%20y/"), buf,
                             sizeof(buf), &len, &changed),
           RWITH_OK, "an absolute href");
    is_str((rwith_slice){ buf, len }, "http://127.0.0.1:4490/x%20y/",
           "an absolute href");
    is_int(rwith_rewrite_uri(&map, false, (rwith_slice){ NULL, 0 }, NULL, 0,
                             &len, &changed),
           RWITH_OK, "an empty href");
    ok(!changed && len == 0, "an empty href");
}

static const struct hop_row {
    const char *name, *connection;
    bool want;
} hop_rows[] = {
    { "Connection", "", true },
    { "keep-alive", "", true },
    { "TE", "", true },
    { "Transfer-Encoding", "", true },
    { "Upgrade", "", true },
    { "Proxy-Authorization", "", true },
    { "Accept", "", false },
    { "X-Hop", "close, x-hop", true },
    { "X-Hop", "close,\tX-HOP\t,", true },
    { "X-Hop", "x-hopp", false },
    { "X-Hop", ",,", false },
    { "Host", "host", false },
    { "Content-Length", "content-length", false },
    { "Authorization", "authorization", false },
    { "Via", "via", false },
};

/* Every name of the table, and what only has the length of one. */
static const struct field_row {
    const char *name;
    bool is_request, want;
} field_rows[] = {
    { "Destination", true, true },
    { "IF", true, true },
    { "origin", true, true },
    { "Referer", true, true },
    { "Location", false, true },
    { "Content-Location", false, true },
    { "Set-Cookie", false, true },
    { "Access-Control-Allow-Origin", false, true },
    { "Location", true, false },
    { "Destination", false, false },
    { "TE", true, false },
    { "Accept", true, false },
    { "Host", true, false },
    { "", true, false },
};

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    test_vectors();
    test_uri();
    for (size_t i = 0; i < sizeof(hop_rows) / sizeof(hop_rows[0]); i++) {
        const struct hop_row *row = &hop_rows[i];
        rwith_slice connection =
            tap_copy(row->connection, strlen(row->connection));

        ok(rwith_rewrite_is_hop_by_hop(rwith_slice_of(row->name), connection) ==
               row->want,
           "%s with Connection \"%s\"", row->name, row->connection);
        tap_free(connection);
    }
    for (size_t i = 0; i < sizeof(field_rows) / sizeof(field_rows[0]); i++) {
        const struct field_row *row = &field_rows[i];

        ok(rwith_rewrite_has_field(row->is_request,
                                   rwith_slice_of(row->name)) == row->want,
           "%s of a %s", row->name, row->is_request ? "request" : "response");
    }
    return tap_done();
}
