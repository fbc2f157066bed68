/* Required members of a body: shared vectors at every split point, limits,
 * codings, hostile bodies, memory. */
#include "body/members.h"

#include <zlib.h>

#include "body_tree.h"
#include "json_vectors.h"

static const char *const verdicts[] = {
    [RWITH_BODY_COMPLETE] = "COMPLETE",   [RWITH_BODY_MISSING] = "MISSING",
    [RWITH_BODY_EMPTY] = "EMPTY",         [RWITH_BODY_MALFORMED] = "MALFORMED",
    [RWITH_BODY_TOO_LARGE] = "TOO_LARGE", [RWITH_BODY_UNJUDGED] = "UNJUDGED",
};

#define NO_MEMORY ((rwith_body_verdict)99)

static rwith_missing_list missing;
static char why[100];

/* How a body is fed: in steps, the first of another size. */
struct way {
    const rwith_alloc *mem;
    rwith_slice coding;
    const rwith_body_limits *limits;
    size_t first, step;
};

static rwith_body_verdict check(const rwith_members *tree, rwith_slice type,
                                rwith_slice body, const struct way *way)
{
    rwith_body_check *check = NULL;
    size_t step = way->first > 0 ? way->first : way->step;

    missing = (rwith_missing_list){ .count = 0 };
    if (rwith_body_check_new(way->mem, tree, type, way->coding, way->limits,
                             &check) != RWITH_OK) {
        return NO_MEMORY;
    }
    for (size_t at = 0; at < body.len;) {
        size_t len = step > 0 && step < body.len - at ? step : body.len - at;
        rwith_slice part = tap_copy(body.ptr + at, len);

        (void)rwith_body_check_feed(check, part.ptr, part.len);
        tap_free(part);
        at += len;
        step = way->step;
    }
    rwith_body_verdict verdict = rwith_body_check_finish(check, &missing);
    snprintf(why, sizeof(why), "%s", rwith_body_check_why(check));
    rwith_body_check_free(check);
    return verdict;
}

static bool is_missing(yajl_val expected)
{
    size_t count = expected != NULL ? YAJL_GET_ARRAY(expected)->len : 0;
    bool same = missing.count == count;

    for (size_t i = 0; same && i < count; i++) {
        const char *name = YAJL_GET_STRING(YAJL_GET_ARRAY(expected)->values[i]);
        bool is_found = false;

        for (size_t k = 0; k < count; k++) {
            is_found = is_found || rwith_slice_equal(missing.items[k].name,
                                                     rwith_slice_of(name));
        }
        same = is_found;
    }
    return same;
}

static void check_vector(yajl_val vector)
{
    const char *name = vector_string(vector, "name");
    const char *verdict = vector_string(vector, "verdict");
    rwith_slice type = vector_slice(vector, "type");
    rwith_slice body = vector_slice(vector, "body");
    yajl_val need = vector_get(vector, "need");
    yajl_val expected = vector_get(vector, "missing");
    const char *pointers[16] = { NULL };
    bool passed = true;

    for (size_t i = 0; i < YAJL_GET_ARRAY(need)->len && i < 15; i++) {
        pointers[i] = YAJL_GET_STRING(YAJL_GET_ARRAY(need)->values[i]);
    }
    rwith_members *tree = tree_of(pointers);
    rwith_body_verdict got = check(tree, type, body, &(struct way){ 0 });
    if (!ok(strcmp(verdicts[got], verdict) == 0 && is_missing(expected),
            "%s: %s%s%s", name, verdict, why[0] != '\0' ? ", " : "", why)) {
        printf("#   got %s, %zu missing\n", verdicts[got], missing.count);
        for (size_t i = 0; i < missing.count; i++) {
            tap_show("missing", missing.items[i].name);
        }
    }
    for (size_t i = 0; passed && i < body.len; i++) {
        /* i == 0: byte by byte; else one cut */
        struct way way = { .first = i, .step = i == 0 };

        got = check(tree, type, body, &way);
        passed = strcmp(verdicts[got], verdict) == 0 && is_missing(expected);
        if (!passed) {
            printf("#   cut at %zu: %s\n", i, verdicts[got]);
        }
    }
    ok(passed, "%s: cut anywhere", name);
    rwith_members_free(tree);
}

/* No beginning of a complete body is complete, but in forms. */
static void check_truncations(yajl_val vector)
{
    const char *verdict = vector_string(vector, "verdict");
    rwith_slice type = vector_slice(vector, "type");
    rwith_slice body = vector_slice(vector, "body");
    const char *const needs[] = { "/a", NULL };
    rwith_members *tree = tree_of(needs);
    bool passed = true;

    for (size_t len = 1; len < body.len; len++) {
        rwith_slice part = { body.ptr, len };
        rwith_body_verdict got = check(tree, type, part, &(struct way){ 0 });

        passed =
            passed && got != RWITH_BODY_TOO_LARGE &&
            (strcmp(verdict, "MALFORMED") == 0 || got != RWITH_BODY_UNJUDGED ||
             strcmp(verdict, "UNJUDGED") == 0);
    }
    ok(passed, "%s: truncated anywhere", vector_string(vector, "name"));
    rwith_members_free(tree);
}

static void check_vectors(void)
{
    yajl_val vectors = vectors_read("members");

    for (size_t i = 0; i < YAJL_GET_ARRAY(vectors)->len; i++) {
        yajl_val vector = YAJL_GET_ARRAY(vectors)->values[i];

        if (tap_wants(vector_string(vector, "name"))) {
            check_vector(vector);
            check_truncations(vector);
        }
    }
    yajl_tree_free(vectors);
}

/* --- JSON ---------------------------------------------------------------- */

static void expect(const rwith_members *tree, rwith_slice type,
                   rwith_slice body, const rwith_body_limits *limits,
                   rwith_body_verdict wanted, const char *name)
{
    static const size_t steps[] = { 0, 1000, 4095, 4096, 4097, 65536 };

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct way way = { .step = steps[i], .limits = limits };
        rwith_body_verdict got = check(tree, type, body, &way);

        ok(got == wanted, "%s, in steps of %zu: %s%s%s", name, steps[i],
           verdicts[got], why[0] != '\0' ? ", " : "", why);
    }
}

/* A string of `len` bytes made of `unit`, and the member behind it. */
static void check_string(const rwith_members *tree, const char *name,
                         const char *unit, size_t len, const char *tail,
                         rwith_body_verdict wanted)
{
    size_t unit_len = strlen(unit), at = 6;
    char *body = malloc(len + unit_len + 64);

    memcpy(body, "{\"z\":\"", 6);
    while (at < len) {
        memcpy(body + at, unit, unit_len);
        at += unit_len;
    }
    memcpy(body + at, tail, strlen(tail));
    at += strlen(tail);
    expect(tree, RWITH_LIT("application/json"), (rwith_slice){ body, at }, NULL,
           wanted, name);
    free(body);
}

static void check_strings(const rwith_members *tree)
{
    size_t len = 300 * 1024;

    check_string(tree, "long string", "x", len, "\",\"a\":1}",
                 RWITH_BODY_COMPLETE);
    check_string(tree, "long string, member missing", "x", len, "\"}",
                 RWITH_BODY_MISSING);
    check_string(tree, "long string of escapes", "\\\\", len, "\",\"a\":1}",
                 RWITH_BODY_COMPLETE);
    check_string(tree, "long string of escaped quotes", "\\\"", len,
                 "\",\"a\":1}", RWITH_BODY_COMPLETE);
    check_string(tree, "long string of \\u", "\\u20aC", len, "\",\"a\":1}",
                 RWITH_BODY_COMPLETE);
    check_string(tree, "long string of UTF-8", "\xe2\x82\xac", len,
                 "\",\"a\":1}", RWITH_BODY_COMPLETE);
    check_string(tree, "bad UTF-8 late in a string", "x", len,
                 "\xff\",\"a\":1}", RWITH_BODY_MALFORMED);
    check_string(tree, "cut UTF-8 late in a string", "x", len,
                 "\xe2\x82\",\"a\":1}", RWITH_BODY_MALFORMED);
    check_string(tree, "control byte late in a string", "x", len,
                 "\x1f\",\"a\":1}", RWITH_BODY_MALFORMED);
    check_string(tree, "bad escape late in a string", "x", len,
                 "\\q\",\"a\":1}", RWITH_BODY_MALFORMED);
    check_string(tree, "bad digit late in a string", "x", len,
                 "\\u12x4\",\"a\":1}", RWITH_BODY_MALFORMED);
    check_string(tree, "long string that does not end", "x", len, "",
                 RWITH_BODY_MALFORMED);
    check_string(tree, "long string that ends in a backslash", "x", len, "\\",
                 RWITH_BODY_MALFORMED);
    check_string(tree, "long name that begins alike", "\",\"", 40, "a\":1}",
                 RWITH_BODY_MALFORMED);
}

/* `count` times the byte, then the tail. */
static void check_run(const rwith_members *tree, const char *name,
                      const char *head, char byte, size_t count,
                      const char *tail, const rwith_body_limits *limits,
                      rwith_body_verdict wanted)
{
    size_t head_len = strlen(head), tail_len = strlen(tail);
    char *body = malloc(head_len + count + tail_len);

    memcpy(body, head, head_len);
    memset(body + head_len, byte, count);
    memcpy(body + head_len + count, tail, tail_len);
    expect(tree, RWITH_LIT("application/json"),
           (rwith_slice){ body, head_len + count + tail_len }, limits, wanted,
           name);
    free(body);
}

static void check_json_limits(const rwith_members *tree)
{
    rwith_body_limits three = { .depth_max = 3 };
    rwith_body_limits deep = { .depth_max = 1000000 };

    check_run(tree, "nested 100,000 deep", "", '[', 100000, "", NULL,
              RWITH_BODY_MALFORMED);
    check_run(tree, "nested 100,000 deep, highest limit", "{\"a\":", '[',
              100000, "", &deep, RWITH_BODY_MALFORMED);
    check_run(tree, "as deep as the limit", "{\"a\":[[", '1', 1, "]]}", &three,
              RWITH_BODY_COMPLETE);
    check_run(tree, "one deeper", "{\"a\":[[[", '1', 1, "]]]}", &three,
              RWITH_BODY_MALFORMED);
    check_run(tree, "the longest number", "{\"a\":", '1', RWITH_BODY_NUMBER_MAX,
              "}", NULL, RWITH_BODY_COMPLETE);
    check_run(tree, "one digit longer", "{\"a\":", '1',
              RWITH_BODY_NUMBER_MAX + 1, "}", NULL, RWITH_BODY_MALFORMED);
    check_run(tree, "a number of 100,000 digits", "{\"a\":", '1', 100000, "}",
              NULL, RWITH_BODY_MALFORMED);
    check_run(tree, "much white space", "{\"a\":", ' ', 100000, "1}", NULL,
              RWITH_BODY_COMPLETE);
    check_run(tree, "a long name", "{\"", 'a', 100000, "\":1}", NULL,
              RWITH_BODY_MISSING);
}

/* --- XML ----------------------------------------------------------------- */

static void check_xml_limits(const rwith_members *tree)
{
    static const char *const names[] = { "nested 100,000 deep",
                                         "a tag of 300 KiB",
                                         "a comment of 300 KiB",
                                         "text of 300 KiB" };
    static const char *const heads[] = { "", "<b c='", "<!--", "<b>" };
    static const char *const units[] = { "<a>", "x", "x", "x" };
    static const char *const tails[] = { "", "'/>", "--><a/>", "</b>" };
    size_t len = 300 * 1024;
    char *body = malloc(len + 32);

    for (size_t i = 0; i < 4; i++) {
        size_t at = strlen(heads[i]), unit = strlen(units[i]);

        memcpy(body, heads[i], at);
        for (; at < len; at += unit) {
            memcpy(body + at, units[i], unit);
        }
        memcpy(body + at, tails[i], strlen(tails[i]));
        expect(tree, RWITH_LIT("text/xml"),
               (rwith_slice){ body, at + strlen(tails[i]) }, NULL,
               i == 3 ? RWITH_BODY_MISSING : RWITH_BODY_MALFORMED, names[i]);
    }
    free(body);

    rwith_body_limits three = { .depth_max = 3 };
    expect(tree, RWITH_LIT("text/xml"), RWITH_LIT("<a><b><c/></b><b/></a>"),
           &three, RWITH_BODY_COMPLETE, "elements as deep as the limit");
    expect(tree, RWITH_LIT("text/xml"), RWITH_LIT("<a><b><c><d/></c></b></a>"),
           &three, RWITH_BODY_MALFORMED, "one element deeper");
}

/* --- multipart ----------------------------------------------------------- */

static void check_multipart_limits(const rwith_members *tree)
{
    static const char head[] =
        "--B\r\nContent-Disposition: form-data; name=a\r\nX: ";
    static const char tail[] = "\r\n\r\nv\r\n--B--";
    rwith_slice type = RWITH_LIT("multipart/form-data; boundary=B");
    size_t room = RWITH_BODY_PART_HEAD_MAX;
    char *body = malloc(room + 256 * 1024);
    /* the header's bytes but for the filling */
    size_t other = sizeof(head) - 1 - 5 + 4;

    for (size_t extra = 0; extra < 2; extra++) {
        size_t fill = room - other + extra, at = sizeof(head) - 1;

        memcpy(body, head, at);
        memset(body + at, 'x', fill);
        memcpy(body + at + fill, tail, sizeof(tail) - 1);
        expect(tree, type, (rwith_slice){ body, at + fill + sizeof(tail) - 1 },
               NULL, extra == 0 ? RWITH_BODY_COMPLETE : RWITH_BODY_MALFORMED,
               extra == 0 ? "the longest part header" : "one byte longer");
    }
    memcpy(body, head, sizeof(head) - 1);
    for (size_t at = sizeof(head) - 1; at < 200 * 1024; at += 6) {
        memcpy(body + at, "y\r\nX: ", 6);
    }
    expect(tree, type, (rwith_slice){ body, 200 * 1024 }, NULL,
           RWITH_BODY_MALFORMED, "header bomb");
    free(body);
}

static void check_boundaries(void)
{
    static const struct {
        const char *type;
        bool is_judged;
    } rows[] = {
        { "multipart/form-data; boundary=a", true },
        { "multipart/form-data; boundary=\"a:b\"; x=y", true },
        { "multipart/form-data ;boundary = a", true },
        { "multipart/form-data; boundary=\"\"", false },
        { "multipart/form-data; boundary=", false },
        { "multipart/form-data; boundary=\"a", false },
        { "multipart/form-data; boundary=\"a b\"", false },
        { "multipart/form-data; boundary=\"a\\\"b\"", false },
        { "multipart/form-data; boundary=a; Boundary=a", false },
        { "multipart/form-data; xboundary=a", false },
        { "multipart/form-data; x=\"boundary=a\"", false },
        { "multipart/form-data; boundary="
          "1234567890123456789012345678901234567890123456789012345678901234"
          "567890",
          true },
        { "multipart/form-data; boundary="
          "1234567890123456789012345678901234567890123456789012345678901234"
          "5678901",
          false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_slice type = tap_copy(rows[i].type, strlen(rows[i].type));

        ok(rwith_body_is_judged(type, (rwith_slice){ "", 0 }, NULL) ==
               rows[i].is_judged,
           "%s: %s", rows[i].type, rows[i].is_judged ? "judged" : "not");
        tap_free(type);
    }
}

/* --- gzip ---------------------------------------------------------------- */

static rwith_slice gzip(const char *bytes, size_t len)
{
    z_stream stream = { 0 };
    size_t room = len + 1024;
    unsigned char *out = malloc(room);

    if (deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        abort();
    }
    union {
        const char *from;
        unsigned char *to;
    } in = { bytes };
    stream.next_in = in.to;
    stream.avail_in = (unsigned)len;
    stream.next_out = out;
    stream.avail_out = (unsigned)room;
    (void)deflate(&stream, Z_FINISH);
    size_t made = room - stream.avail_out;
    (void)deflateEnd(&stream);
    return (rwith_slice){ (char *)out, made };
}

static rwith_body_verdict check_coded(const rwith_members *tree,
                                      rwith_slice body, size_t step,
                                      const rwith_body_limits *limits)
{
    struct way way = { .coding = RWITH_LIT("gzip"),
                       .step = step,
                       .limits = limits };

    return check(tree, RWITH_LIT("application/json"), body, &way);
}

static void check_gzip(const rwith_members *tree)
{
    rwith_slice body = gzip("{\"z\":[1,2,3],\"a\":1}", 19);
    rwith_slice half = gzip("{\"z\":1,", 7), rest = gzip("\"a\":1}", 6);
    rwith_body_limits pass = { .pass_encoded = true };
    rwith_body_limits small = { .inflated_max = 18 };
    char both[256];
    bool passed = true;

    is_int(check_coded(tree, body, 0, NULL), RWITH_BODY_COMPLETE, "gzip");
    is_int(check_coded(tree, body, 1, NULL), RWITH_BODY_COMPLETE,
           "byte by byte");
    is_int(check_coded(tree, body, 0, &pass), RWITH_BODY_UNJUDGED,
           "passed when set so");
    is_int(check_coded(tree, body, 0, &small), RWITH_BODY_TOO_LARGE,
           "more than the limit");
    for (size_t len = 1; len < body.len; len++) {
        rwith_slice part = { body.ptr, len };

        passed =
            passed && check_coded(tree, part, 0, NULL) == RWITH_BODY_MALFORMED;
    }
    ok(passed, "truncated anywhere it is malformed");
    is_int(check_coded(tree, (rwith_slice){ "", 0 }, 0, NULL), RWITH_BODY_EMPTY,
           "nothing");
    is_int(check_coded(tree, RWITH_LIT("{\"a\":1}"), 0, NULL),
           RWITH_BODY_MALFORMED, "not compressed at all");
    memcpy(both, half.ptr, half.len);
    memcpy(both + half.len, rest.ptr, rest.len);
    rwith_slice members = { both, half.len + rest.len };
    is_int(check_coded(tree, members, 0, NULL), RWITH_BODY_COMPLETE,
           "two members of the gzip format");
    is_int(check_coded(tree, members, 1, NULL), RWITH_BODY_COMPLETE,
           "byte by byte");
    both[half.len] = 'x';
    is_int(check_coded(tree, members, 0, NULL), RWITH_BODY_MALFORMED,
           "other bytes behind");
    is_int(rwith_body_is_judged(RWITH_LIT("text/json"), RWITH_LIT("br"), NULL),
           false, "another coding is not judged");
    is_int(rwith_body_is_judged(RWITH_LIT("text/json"), RWITH_LIT("gzip, gzip"),
                                NULL),
           false, "two codings are not judged");
    tap_free(body);
    tap_free(half);
    tap_free(rest);
}

/* 16 KiB and 64 MiB of zeros and white space. */
static void check_bombs(const rwith_members *tree)
{
    size_t len = 70u << 20;
    char *spaces = malloc(len);
    rwith_body_limits loose = { .ratio_max = 100000 };

    memset(spaces, ' ', len);
    rwith_slice bomb = gzip(spaces, len);
    is_int(check_coded(tree, bomb, 0, NULL), RWITH_BODY_TOO_LARGE,
           "a gzip bomb by its ratio");
    is_int(check_coded(tree, bomb, 0, &loose), RWITH_BODY_TOO_LARGE,
           "a gzip bomb by its size");
    tap_free(bomb);
    memcpy(spaces, "{\"a\":1}", 7);
    bomb = gzip(spaces, 16 * INT16_MAX);
    is_int(check_coded(tree, bomb, 0, NULL), RWITH_BODY_COMPLETE,
           "less than the ratio is looked at from");
    tap_free(bomb);
    /* an end that falls on the end of the piece that is inflated */
    bomb = gzip(spaces, 16 * 1024);
    is_int(check_coded(tree, bomb, 0, NULL), RWITH_BODY_COMPLETE,
           "exactly one piece");
    tap_free(bomb);
    free(spaces);
}

/* Once the verdict is clear, feed says so and the reason stays. */
static void check_early_end(const rwith_members *tree)
{
    rwith_body_check *check = NULL;
    rwith_slice none = { "", 0 };

    if (rwith_body_check_new(NULL, tree, RWITH_LIT("text/json"), none, NULL,
                             &check) != RWITH_OK) {
        ok(false, "a check is made");
        return;
    }
    ok(rwith_body_check_feed(check, "{\"a\":1", 6), "complete, but not over");
    ok(!rwith_body_check_feed(check, "]", 1), "malformed: no need to go on");
    ok(!rwith_body_check_feed(check, "}", 1), "nor later");
    is_int(rwith_body_check_finish(check, &missing), RWITH_BODY_MALFORMED,
           "the verdict stays");
    is_str(rwith_slice_of(rwith_body_check_why(check)), "not well-formed JSON",
           "and the reason");
    rwith_body_check_free(check);
}

/* --- memory -------------------------------------------------------------- */

static void check_memory(const rwith_members *tree, const char *type,
                         rwith_slice coding, rwith_slice body)
{
    struct tap_memory memory;
    rwith_alloc mem = tap_alloc(&memory);
    size_t fail = 0;
    bool passed = true, failed = true;

    for (; failed; fail++) {
        memory = (struct tap_memory){ .fail_at = fail };
        struct way way = { .mem = &mem, .coding = coding, .step = 20 };
        rwith_body_verdict got = check(tree, rwith_slice_of(type), body, &way);

        failed = memory.calls > fail;
        passed = passed && memory.live == 0 &&
                 (got == NO_MEMORY || got == RWITH_BODY_UNJUDGED ||
                  got == RWITH_BODY_COMPLETE) &&
                 (failed || got == RWITH_BODY_COMPLETE);
    }
    ok(passed && fail > 2, "%s: %zu allocations, each failed once", type,
       fail - 1);
}

/* What a check holds does not grow with the body. */
struct meter {
    size_t live, peak;
};

static void *meter_alloc(size_t size, void *user)
{
    struct meter *meter = user;
    size_t *block = malloc(size + 16);

    *block = size;
    meter->live += size;
    meter->peak = meter->live > meter->peak ? meter->live : meter->peak;
    return block + 2;
}

static void meter_free(void *ptr, void *user)
{
    struct meter *meter = user;

    if (ptr != NULL) {
        size_t *block = (size_t *)ptr - 2;

        meter->live -= *block;
        free(block);
    }
}

static void check_peak(const rwith_members *tree)
{
    size_t len = 4u << 20;
    char *body = malloc(len);
    struct meter meter = { 0 };
    rwith_alloc mem = { meter_alloc, meter_free, &meter };
    struct way way = { .mem = &mem, .step = 8192 };

    for (size_t i = 0; i < len; i += 2) {
        memcpy(body + i, "\\n", 2);
    }
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + len - 2, "\"}", 2);
    is_int(check(tree, RWITH_LIT("application/json"),
                 (rwith_slice){ body, len }, &way),
           RWITH_BODY_COMPLETE, "a string of 4 MiB");
    ok(meter.peak < 96 * 1024, "needs %zu bytes", meter.peak);
    free(body);
}

int main(int argc, char **argv)
{
    static const char *const needs[] = { "/a", NULL };
    rwith_members *tree = tree_of(needs);

    tap_start(argc, argv);
    check_vectors();
    if (tap_wants("limits")) {
        check_strings(tree);
        check_json_limits(tree);
        check_xml_limits(tree);
        check_multipart_limits(tree);
        check_boundaries();
        check_gzip(tree);
        check_bombs(tree);
        check_peak(tree);
        check_early_end(tree);
    }
    rwith_slice body = gzip("{\"a\":[{\"x\":\"\\u0041\"}]}", 22);
    rwith_slice none = { "", 0 };
    check_memory(tree, "application/json", none,
                 RWITH_LIT("{\"a\":[{\"x\":\"\\u0041 long enough\"}]}"));
    check_memory(tree, "text/json", RWITH_LIT("gzip"), body);
    check_memory(tree, "text/xml", none,
                 RWITH_LIT("<a b='c'><d>text</d><e/></a>"));
    check_memory(tree, "application/x-www-form-urlencoded", none,
                 RWITH_LIT("a=1&b=2"));
    check_memory(tree, "multipart/form-data; boundary=B", none,
                 RWITH_LIT("--B\r\nContent-Disposition: form-data; name=a"
                           "\r\n\r\n1\r\n--B--\r\n"));
    tap_free(body);
    rwith_members_free(tree);
    return tap_done();
}
