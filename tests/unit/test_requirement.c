/*
 * MS-RetryWith by the vectors of spec/vectors/requirement.json, and what
 * requirements are made of.
 */
#include <retrywith/requirement.h>

#include "json_vectors.h"
#include "tap.h"

/* "header X" from a requirement. */
static void show(const rwith_requirement *r, char *buf, size_t buf_len)
{
    snprintf(buf, buf_len, "%s %.*s", rwith_place_word(r->in), (int)r->name.len,
             r->name.len > 0 ? r->name.ptr : "");
}

static void test_vector(yajl_val row)
{
    const char *name = vector_string(row, "name");
    const char *write = vector_string(row, "write");
    yajl_val expect = vector_get(row, "expect");
    rwith_slice want = vector_slice(row, "value");
    rwith_slice value = tap_copy(want.ptr, want.len), cursor = value;
    char *bufs = malloc(64 * RWITH_REQUIREMENT_NAME_MAX);
    rwith_requirement got[64];
    size_t count = 0;
    char shown[RWITH_REQUIREMENT_NAME_MAX + 32], hint[RWITH_HINT_MAX];

    while (count < 64 && rwith_requirement_next_hint(
                             &cursor, bufs + count * RWITH_REQUIREMENT_NAME_MAX,
                             &got[count])) {
        count++;
    }
    is_int((long long)count, (long long)expect->u.array.len, name);
    for (size_t i = 0; i < count && i < expect->u.array.len; i++) {
        show(&got[i], shown, sizeof(shown));
        is_str(rwith_slice_of(shown),
               YAJL_GET_STRING(expect->u.array.values[i]), name);
    }
    is_int((long long)cursor.len, 0, name);
    if (write != NULL) {
        size_t len =
            rwith_requirement_write_hint(got, count, hint, sizeof(hint));

        is_str((rwith_slice){ hint, len }, write, name);
    }
    tap_free(value);
    free(bufs);
}

static void test_places(void)
{
    rwith_place in = RWITH_IN_BODY;

    for (int i = 0; i < RWITH_PLACE_COUNT; i++) {
        ok(rwith_place_of_word(rwith_slice_of(rwith_place_word((rwith_place)i)),
                               &in) &&
               in == (rwith_place)i,
           "place %d and its word", i);
    }
    ok(!rwith_place_of_word(RWITH_LIT("Header"), &in), "words have a case");
    ok(!rwith_place_of_word(RWITH_LIT(""), &in), "no word");
    ok(!rwith_place_of_word(RWITH_LIT("path"), &in), "not a place of ours");
    is_str(rwith_slice_of(rwith_place_word(RWITH_PLACE_COUNT)), "nowhere",
           "a place that is none");
}

static void test_equal(void)
{
    static const struct {
        const char *name;
        rwith_place in_a, in_b;
        const char *a, *b;
        bool equal;
    } rows[] = {
        { "headers without case", RWITH_IN_HEADER, RWITH_IN_HEADER, "X-A",
          "x-a", true },
        { "schemes without case", RWITH_IN_AUTHORIZATION,
          RWITH_IN_AUTHORIZATION, "Basic", "BASIC", true },
        { "queries with case", RWITH_IN_QUERY, RWITH_IN_QUERY, "a", "A",
          false },
        { "cookies with case", RWITH_IN_COOKIE, RWITH_IN_COOKIE, "a", "A",
          false },
        { "pointers with case", RWITH_IN_BODY, RWITH_IN_BODY, "/a", "/A",
          false },
        { "other places", RWITH_IN_HEADER, RWITH_IN_COOKIE, "a", "a", false },
        { "other names", RWITH_IN_HEADER, RWITH_IN_HEADER, "a", "b", false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_requirement a = { rows[i].in_a, rwith_slice_of(rows[i].a),
                                RWITH_LIT("one") };
        rwith_requirement b = { rows[i].in_b, rwith_slice_of(rows[i].b),
                                RWITH_LIT("other") };

        ok(rwith_requirement_equal(&a, &b) == rows[i].equal, "%s",
           rows[i].name);
    }
}

/* What does not fit is left out whole, from the end. */
static void test_write_limits(void)
{
    char names[64][8], buf[RWITH_HINT_MAX + 64], name[256];
    rwith_requirement reqs[64];
    const char *two = "Required-Header: A, Required-Query: b";

    reqs[0] = (rwith_requirement){ RWITH_IN_HEADER, RWITH_LIT("A"), { 0 } };
    reqs[1] = (rwith_requirement){ RWITH_IN_QUERY, RWITH_LIT("b"), { 0 } };
    for (size_t len = 0; len <= strlen(two); len++) {
        char *exact = malloc(len > 0 ? len : 1);
        size_t got = rwith_requirement_write_hint(reqs, 2, exact, len);
        size_t want = len < 18 ? 0 : 18;

        want = len == strlen(two) ? len : want;
        ok(got == want && (got == 0 || memcmp(exact, two, got) == 0),
           "a buffer of %zu bytes", len);
        free(exact);
    }
    memset(name, 'n', sizeof(name));
    for (size_t i = 0; i < 64; i++) {
        snprintf(names[i], sizeof(names[i]), "%zu", i);
        reqs[i] = (rwith_requirement){ RWITH_IN_HEADER,
                                       { name, sizeof(name) },
                                       { 0 } };
    }
    size_t got = rwith_requirement_write_hint(reqs, 64, buf, sizeof(buf));
    ok(got <= RWITH_HINT_MAX && got > RWITH_HINT_MAX - 300,
       "never more than 4 KiB");
    reqs[0].name = RWITH_LIT("a b");
    is_str((rwith_slice){ buf, rwith_requirement_write_hint(reqs, 1, buf, 99) },
           "", "a header name that is none is not written");
    is_int((long long)rwith_requirement_write_hint(NULL, 0, buf, 99), 0,
           "nothing to write");
}

static void test_names(void)
{
    rwith_slice empty = { 0 };

    ok(rwith_requirement_name_ok(RWITH_IN_BODY, empty), "the whole body");
    ok(!rwith_requirement_name_ok(RWITH_IN_HEADER, empty), "no header name");
    ok(!rwith_requirement_name_ok(RWITH_IN_QUERY, empty), "no query name");
    ok(!rwith_requirement_name_ok(RWITH_PLACE_COUNT, RWITH_LIT("a")),
       "no place");
    ok(!rwith_requirement_name_ok(RWITH_IN_QUERY, (rwith_slice){ "a\0b", 3 }),
       "a NUL in a query name");
    ok(!rwith_requirement_name_ok(RWITH_IN_COOKIE, RWITH_LIT("a=b")),
       "an equals sign in a cookie's name");
    ok(!rwith_requirement_name_ok(RWITH_IN_COOKIE, RWITH_LIT("a;b")),
       "a semicolon in a cookie's name");
}

int main(int argc, char **argv)
{
    yajl_val root = vectors_read("requirement");

    tap_start(argc, argv);
    for (size_t i = 0; i < root->u.array.len; i++) {
        yajl_val row = root->u.array.values[i];

        if (tap_wants(vector_string(row, "name"))) {
            test_vector(row);
        }
    }
    test_places();
    test_equal();
    test_write_limits();
    test_names();
    yajl_tree_free(root);
    return tap_done();
}
