/*
 * A JSON body is UTF-8 or malformed: every sequence of bytes whose judgement
 * could differ, against RFC 3629 written out as numbers; and how the bytes of
 * a name may be spelled.
 */
#include "body/json_bytes.h"
#include "body/members.h"

#include "body_tree.h"

/* Around every limit of every rule. */
static const unsigned char bytes[] = {
    0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
    0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
    0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff,
};
#define COUNT sizeof(bytes)

static const rwith_slice json = { "application/json", 16 };
static const rwith_slice uncoded = { "", 0 };

static rwith_body_verdict check(const rwith_members *tree, rwith_slice body,
                                size_t step)
{
    static rwith_missing_list missing;
    rwith_body_check *check = NULL;

    missing.count = 0;
    if (rwith_body_check_new(NULL, tree, json, uncoded, NULL, &check) !=
        RWITH_OK) {
        abort();
    }
    for (size_t at = 0; at < body.len; at += step) {
        size_t len = step < body.len - at ? step : body.len - at;
        rwith_slice part = tap_copy(body.ptr + at, len);

        (void)rwith_body_check_feed(check, part.ptr, part.len);
        tap_free(part);
    }
    rwith_body_verdict verdict = rwith_body_check_finish(check, &missing);
    rwith_body_check_free(check);
    return verdict;
}

/* RFC 3629 3, by numbers. @return length; 0: no character */
static size_t character(const unsigned char *c, size_t len)
{
    static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t count = c[0] < 0x80   ? 1
                   : c[0] < 0xc0 ? 0
                   : c[0] < 0xe0 ? 2
                   : c[0] < 0xf0 ? 3
                   : c[0] < 0xf8 ? 4
                                 : 0;
    unsigned long number = count > 1 ? c[0] & (0x7fu >> count) : c[0];

    if (count == 0 || count > len) {
        return 0;
    }
    for (size_t i = 1; i < count; i++) {
        if (c[i] < 0x80 || c[i] > 0xbf) {
            return 0;
        }
        number = number << 6 | (c[i] & 0x3f);
    }
    bool is_one = number >= least[count] && number <= 0x10ffff &&
                  (number < 0xd800 || number > 0xdfff);
    return is_one ? count : 0;
}

static bool is_utf8(const unsigned char *c, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t count = character(c + at, len - at);

        if (count == 0) {
            return false;
        }
        at += count;
    }
    return true;
}

/* The bytes as a value, behind a filling that moves them over a block. */
static bool is_judged_right(const rwith_members *tree, const unsigned char *c,
                            size_t len, size_t fill)
{
    char body[256] = "{\"a\":\"";
    size_t at = strlen(body);
    bool is_fine = is_utf8(c, len);

    memset(body + at, 'x', fill);
    memcpy(body + at + fill, c, len);
    memcpy(body + at + fill + len, "\"}", 2);
    rwith_slice text = { body, at + fill + len + 2 };
    rwith_body_verdict wanted =
        is_fine ? RWITH_BODY_COMPLETE : RWITH_BODY_MALFORMED;
    if (check(tree, text, text.len) == wanted) {
        return true;
    }
    tap_show(is_fine ? "refused" : "taken",
             (rwith_slice){ (const char *)c, len });
    return false;
}

static void check_sequences(const rwith_members *tree)
{
    bool passed = true;

    for (size_t i = 0; i < COUNT * COUNT * COUNT && passed; i++) {
        unsigned char c[4] = { bytes[i / COUNT / COUNT],
                               bytes[i / COUNT % COUNT], bytes[i % COUNT] };

        passed = is_judged_right(tree, c, 3, i % 2 * 119);
        for (size_t k = 0; c[0] >= 0xf0 && k < COUNT && passed; k++) {
            c[3] = bytes[k];
            passed = is_judged_right(tree, c, 4, (i + k) % 5 * 30);
        }
    }
    ok(passed, "every sequence of three and four bytes");
}

/* Where blocks and the bytes fed meet. */
static void check_places(const rwith_members *tree)
{
    static const char *const refused[] = {
        "\xc0\xaf",         "\xe0\x9f\xbf",
        "\xed\xa0\x80",     "\xf0\x8f\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xe2\x82",         "\x80"
    };

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        size_t len = strlen(refused[i]);
        bool passed = true;

        for (size_t at = 0; at < 300 && passed; at++) {
            char body[400] = "{\"a\":\"";

            memset(body + 6, 'x', sizeof(body) - 6);
            memcpy(body + 6 + at, refused[i], len);
            memcpy(body + 396, "\"}", 2);
            rwith_slice text = { body, 398 };
            passed = check(tree, text, 398) == RWITH_BODY_MALFORMED &&
                     check(tree, text, 1) == RWITH_BODY_MALFORMED &&
                     check(tree, text, at + 1) == RWITH_BODY_MALFORMED;
        }
        ok(passed, "refused sequence %zu anywhere, cut anywhere", i + 1);
    }
}

/* Bodies that no vector can hold, for those are UTF-8 themselves. */
static void check_names(void)
{
    static const char *const needs[] = { "/a/b", NULL };
    static const struct {
        const char *name, *body;
        rwith_body_verdict verdict;
    } rows[] = {
        { "an overlong name", "{\"\xc1\xa1\":{\"b\":1},\"a\":1}",
          RWITH_BODY_MALFORMED },
        { "an overlong slash in a value", "{\"a\":{\"b\":\"\xc0\xaf\"}}",
          RWITH_BODY_MALFORMED },
        { "a surrogate in a name", "{\"\xed\xa0\x80\":1,\"a\":{\"b\":1}}",
          RWITH_BODY_MALFORMED },
        { "above U+10FFFF where nobody looks",
          "{\"a\":{\"b\":1},\"z\":[{\"z\":\"\xf4\x90\x80\x80\"}]}",
          RWITH_BODY_MALFORMED },
        { "Latin-1", "{\"a\":{\"b\":\"\xe9t\xe9\"}}", RWITH_BODY_MALFORMED },
        { "not UTF-8 outside of strings", "{\"a\":{\"b\":1}\xc2\xa0}",
          RWITH_BODY_MALFORMED },
        { "the last character of all", "{\"a\":{\"b\":\"\xf4\x8f\xbf\xbf\"}}",
          RWITH_BODY_COMPLETE },
    };
    rwith_members *tree = tree_of(needs);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_slice body = rwith_slice_of(rows[i].body);
        bool passed = true;

        for (size_t step = 1; step <= body.len && passed; step++) {
            passed = check(tree, body, step) == rows[i].verdict;
        }
        ok(passed, "%s", rows[i].name);
    }
    rwith_members_free(tree);
}

/* Names that are escaped and lie across two pieces of any size. */
static void check_long_names(void)
{
    static const char *const needs[] = { "/x?", "/x?/b", NULL };
    static const char *const tails[] = {
        "{\"x?\":{\"b\":1}}", "{\"x\\u003f\":{\"b\":1}}",
        "{\"x\\ud800\":{\"b\":1}}", "{\"x\\u003f\":{},\"x\\ud800\":{\"b\":1}}"
    };
    static const rwith_body_verdict verdicts[] = { RWITH_BODY_COMPLETE,
                                                   RWITH_BODY_COMPLETE,
                                                   RWITH_BODY_MISSING,
                                                   RWITH_BODY_MISSING };
    rwith_members *tree = tree_of(needs);
    char body[4200];

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        size_t len = strlen(tails[i]);
        bool passed = true;

        for (size_t fill = 4096 - len; fill <= 4097 && passed; fill++) {
            memset(body, ' ', fill);
            memcpy(body + fill, tails[i], len);
            passed = check(tree, (rwith_slice){ body, fill + len }, 5000) ==
                     verdicts[i];
        }
        ok(passed, "%s, across two pieces", tails[i]);
    }
    rwith_members_free(tree);
}

int main(int argc, char **argv)
{
    static const char *const needs[] = { "/a", NULL };
    rwith_members *tree = tree_of(needs);

    tap_start(argc, argv);
    check_sequences(tree);
    check_places(tree);
    check_names();
    check_long_names();
    rwith_members_free(tree);
    return tap_done();
}
