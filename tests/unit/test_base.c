/*
 * Slices, byte classes, searches, numbers, errors: what everything else
 * stands on.
 */
#include <retrywith/base.h>
#include <retrywith/err.h>

#include <ctype.h>

#include "lib/ascii.h"
#include "tap.h"

static void test_slices(void)
{
    static const struct {
        const char *name, *a, *b;
        bool equal, nocase;
    } rows[] = {
        { "equal", "abc", "abc", true, true },
        { "both empty", "", "", true, true },
        { "case differs", "aBc", "AbC", false, true },
        { "one is longer", "abc", "abcd", false, false },
        { "one is empty", "", "a", false, false },
        { "not a letter's case: [ and {", "[", "{", false, false },
        { "not a letter's case: @ and `", "@", "`", false, false },
        { "no locale: bytes from 0x80", "\xc4", "\xe4", false, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!tap_wants(rows[i].name)) {
            continue;
        }
        rwith_slice a = tap_copy(rows[i].a, strlen(rows[i].a));
        rwith_slice b = tap_copy(rows[i].b, strlen(rows[i].b));

        ok(rwith_slice_equal(a, b) == rows[i].equal, "%s: equal", rows[i].name);
        ok(rwith_slice_equal_nocase(a, b) == rows[i].nocase,
           "%s: equal but for case", rows[i].name);
        tap_free(a);
        tap_free(b);
    }
    ok(rwith_slice_equal((rwith_slice){ 0 }, RWITH_LIT("")),
       "NULL and the empty string are the same");
    is_int((long long)rwith_slice_of(NULL).len, 0, "a slice of NULL is empty");
    is_str(rwith_slice_of("x y"), "x y", "a slice of a string");
}

static void test_trim(void)
{
    static const struct {
        const char *name, *in, *want;
    } rows[] = {
        { "nothing to do", "a b", "a b" },
        { "both ends", " \t a b\t ", "a b" },
        { "only white space", " \t ", "" },
        { "empty", "", "" },
        { "a line feed stays", "\na\n", "\na\n" },
        { "a vertical tab stays", "\va", "\va" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_slice in = tap_copy(rows[i].in, strlen(rows[i].in));

        is_str(rwith_slice_trim(in), rows[i].want, rows[i].name);
        tap_free(in);
    }
    is_int((long long)rwith_slice_trim((rwith_slice){ 0 }).len, 0,
           "trim: NULL");
}

/* The table against the definitions of its classes. */
static void test_classes(void)
{
    int wrong = 0;

    for (int c = 0; c < 256; c++) {
        bool is_ascii = c < 0x80;
        bool is_alnum = is_ascii && isalnum(c);
        bool in_token = c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
        unsigned want = 0;

        want |= is_alnum || in_token ? RWITH__CH_TOKEN : 0u;
        want |= c == ' ' || c == '\t' ? RWITH__CH_OWS : 0u;
        want |= is_ascii && isdigit(c) ? RWITH__CH_DIGIT : 0u;
        want |= is_ascii && islower(c) ? RWITH__CH_LOWER : 0u;
        want |= is_ascii && isupper(c) ? RWITH__CH_UPPER : 0u;
        want |= is_ascii && iscntrl(c) ? RWITH__CH_CTL : 0u;
        want |= !is_ascii ? RWITH__CH_HIGH : 0u;
        want |= is_alnum || c == '-' || c == '.' || c == '_'
                    ? (unsigned)RWITH__CH_HOST
                    : 0u;
        wrong += rwith__ascii[c] != want;
    }
    is_int(wrong, 0, "the table of classes");
}

static void test_find(void)
{
    static const struct {
        const char *name, *in, *what;
        size_t at, at_nocase;
    } rows[] = {
        { "find: at the start", "abc", "ab", 0, 0 },
        { "find: at the end", "abc", "bc", 1, 1 },
        { "find: a false start", "aab", "ab", 1, 1 },
        { "find: nothing is everywhere", "abc", "", 0, 0 },
        { "find: nothing in nothing", "", "", 0, 0 },
        { "find: not there", "abc", "d", SIZE_MAX, SIZE_MAX },
        { "find: longer than the text", "abc", "abcd", SIZE_MAX, SIZE_MAX },
        { "find: only its start", "xxab", "abc", SIZE_MAX, SIZE_MAX },
        { "find: other case", "xABc", "abC", SIZE_MAX, 1 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_slice in = tap_copy(rows[i].in, strlen(rows[i].in));
        rwith_slice what = rwith_slice_of(rows[i].what);

        is_int((long long)rwith__ascii_find(in, what), (long long)rows[i].at,
               rows[i].name);
        is_int((long long)rwith__ascii_find_nocase(in, what),
               (long long)rows[i].at_nocase, rows[i].name);
        tap_free(in);
    }
}

static void test_number(void)
{
    static const struct {
        const char *name, *in;
        uint64_t max;
        bool is_number;
        uint64_t want;
    } rows[] = {
        { "number: 0", "0", 9, true, 0 },
        { "number: leading zeros", "007", 9, true, 7 },
        { "number: the largest", "18446744073709551615", UINT64_MAX, true,
          UINT64_MAX },
        { "number: its limit", "65535", 65535, true, 65535 },
        { "number: one past its limit", "65536", 65535, false, 0 },
        { "number: does not wrap", "18446744073709551616", UINT64_MAX, false,
          0 },
        { "number: does not wrap far", "99999999999999999999999", UINT64_MAX,
          false, 0 },
        { "number: a limit below ten", "9", 5, false, 0 },
        { "number: empty", "", 9, false, 0 },
        { "number: a sign", "+1", 9, false, 0 },
        { "number: minus", "-1", 9, false, 0 },
        { "number: a space", " 1", 9, false, 0 },
        { "number: hexadecimal", "0x1", 9, false, 0 },
        { "number: a dot", "1.0", 99, false, 0 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_slice in = tap_copy(rows[i].in, strlen(rows[i].in));
        uint64_t got = 77;
        bool is_number = rwith__ascii_number(in, rows[i].max, &got);

        ok(is_number == rows[i].is_number, "%s", rows[i].name);
        ok(got == (rows[i].is_number ? rows[i].want : 77), "%s: the result",
           rows[i].name);
        tap_free(in);
    }
}

static void test_errors(void)
{
    static const struct {
        int err;
        const char *name;
        rwith_blame blame;
    } rows[] = {
        { RWITH_OK, "OK", RWITH_BLAME_NONE },
        { RWITH_ENOMEM, "NOMEM", RWITH_BLAME_LOCAL },
        { RWITH_EINVAL, "INVAL", RWITH_BLAME_CALLER },
        { RWITH_ESYNTAX, "SYNTAX", RWITH_BLAME_PEER },
        { RWITH_EFORBIDDEN, "FORBIDDEN", RWITH_BLAME_PEER },
        { RWITH_EFILE, "FILE", RWITH_BLAME_LOCAL },
        { 1, "UNKNOWN", RWITH_BLAME_CALLER },
        { -1000, "UNKNOWN", RWITH_BLAME_CALLER },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_str(rwith_slice_of(rwith_err_name(rows[i].err)), rows[i].name,
               "error: its name");
        is_int(rwith_err_blame(rows[i].err), rows[i].blame, "error: its blame");
        ok(strlen(rwith_err_text(rows[i].err)) > 0, "error: its text");
    }
    is_str(rwith_slice_of(rwith_version()), RWITH_VERSION, "the version");
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    test_slices();
    test_trim();
    test_classes();
    test_find();
    test_number();
    test_errors();
    return tap_done();
}
