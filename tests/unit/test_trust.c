/*
 * The rules of trust by the vectors of spec/vectors/trust.json: requests of
 * a relay, names of fields, and bytes that are shown.
 */
#include <retrywith/trust.h>

#include "json_vectors.h"
#include "tap.h"

static void test_judge(const char *name, yajl_val row)
{
    static const char *const verdicts[] = {
        [RWITH_TRUST_ADD] = "add",
        [RWITH_TRUST_PASS] = "pass",
        [RWITH_TRUST_MISDIRECTED] = "misdirected",
        [RWITH_TRUST_METHOD] = "method",
    };
    yajl_val names = vector_get(row, "names");
    yajl_val lines = vector_get(row, "fields");
    rwith_slice authorities[8];
    rwith_field fields[8];
    size_t field_count = lines->u.array.len;

    for (size_t i = 0; i < names->u.array.len; i++) {
        authorities[i] =
            rwith_slice_of(YAJL_GET_STRING(names->u.array.values[i]));
    }
    for (size_t i = 0; i < field_count; i++) {
        yajl_val line = lines->u.array.values[i];

        fields[i].name =
            rwith_slice_of(YAJL_GET_STRING(line->u.array.values[0]));
        fields[i].value =
            rwith_slice_of(YAJL_GET_STRING(line->u.array.values[1]));
    }
    rwith_slice host = vector_slice(row, "host");
    rwith_slice target = vector_slice(row, "target");
    host = tap_copy(host.ptr, host.len);
    target = tap_copy(target.ptr, target.len);
    rwith_trust_verdict got = rwith_trust_judge(
        &(rwith_trust_names){ authorities, names->u.array.len },
        vector_slice(row, "method"), host, target, fields, field_count);
    is_str(rwith_slice_of(verdicts[got]), vector_string(row, "expect"), name);
    tap_free(host);
    tap_free(target);
}

static void test_name(const char *name, yajl_val row)
{
    rwith_slice field = vector_slice(row, "field");
    rwith_slice copy = tap_copy(field.ptr, field.len);

    ok(rwith_trust_field_may_be_set(copy) ==
           YAJL_IS_TRUE(vector_get(row, "may_be_set")),
       "%s: may it be set", name);
    ok(rwith_trust_field_may_be_named(copy) ==
           YAJL_IS_TRUE(vector_get(row, "may_be_named")),
       "%s: may it be named", name);
    tap_free(copy);
}

static void test_escape(const char *name, yajl_val row)
{
    rwith_slice in = vector_slice(row, "escape");
    size_t len = (size_t)YAJL_GET_INTEGER(vector_get(row, "length"));
    rwith_slice copy = tap_copy(in.ptr, in.len);
    char *buf = malloc(len);
    size_t got = rwith_trust_escape(copy, buf, len);

    is_str((rwith_slice){ buf, got }, vector_string(row, "expect"), name);
    ok(got < len && buf[got] == '\0', "%s: a final NUL", name);
    tap_free(copy);
    free(buf);
}

/* Bytes that JSON cannot hold. */
static void test_bytes(void)
{
    static const struct {
        const char *name, *in, *want;
        size_t len;
    } rows[] = {
        { "a NUL", "a\0b", "a\\x00b", 3 },
        { "a lone continuation byte", "\x80", "\\x80", 1 },
        { "an overlong slash", "\xc0\xaf", "\\xc0\\xaf", 2 },
        { "an overlong NUL of three bytes", "\xe0\x80\x80", "\\xe0\\x80\\x80",
          3 },
        { "an overlong of four bytes", "\xf0\x80\x80\x80",
          "\\xf0\\x80\\x80\\x80", 4 },
        { "a surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80", 3 },
        { "beyond the last character", "\xf4\x90\x80\x80",
          "\\xf4\\x90\\x80\\x80", 4 },
        { "a byte that begins nothing", "\xff", "\\xff", 1 },
        { "a character cut off", "a\xe2\x82", "a\\xe2\\x82", 3 },
        { "a character broken by a letter", "\xe2\x82z", "\\xe2\\x82z", 3 },
        { "the last character of all", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf",
          4 },
    };
    char buf[64];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_slice in = tap_copy(rows[i].in, rows[i].len);
        size_t got = rwith_trust_escape(in, buf, sizeof(buf));

        is_str((rwith_slice){ buf, got }, rows[i].want, rows[i].name);
        tap_free(in);
    }
    is_int((long long)rwith_trust_escape(RWITH_LIT("a"), NULL, 0), 0,
           "no buffer at all");
}

static void test_values(void)
{
    static const struct {
        const char *name, *in;
        size_t len, max;
        bool ok;
    } rows[] = {
        { "a value", "execute opaque=\"0\"", 18, 18, true },
        { "an empty value", "", 0, 0, true },
        { "a tab", "a\tb", 3, 9, true },
        { "bytes from 0x80", "\xff", 1, 9, true },
        { "one byte too long", "abc", 3, 2, false },
        { "CR", "a\rb", 3, 9, false },
        { "LF", "a\nb", 3, 9, false },
        { "NUL", "a\0b", 3, 9, false },
        { "ESC", "\x1b", 1, 9, false },
        { "DEL", "\x7f", 1, 9, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_slice in = tap_copy(rows[i].in, rows[i].len);

        ok(rwith_trust_value_ok(in, rows[i].max) == rows[i].ok, "value: %s",
           rows[i].name);
        tap_free(in);
    }
}

int main(int argc, char **argv)
{
    yajl_val root = vectors_read("trust");

    tap_start(argc, argv);
    for (size_t i = 0; i < root->u.array.len; i++) {
        yajl_val row = root->u.array.values[i];
        const char *name = vector_string(row, "name");

        if (!tap_wants(name)) {
            continue;
        }
        if (vector_get(row, "escape") != NULL) {
            test_escape(name, row);
        } else if (vector_get(row, "field") != NULL) {
            test_name(name, row);
        } else {
            test_judge(name, row);
        }
    }
    test_bytes();
    test_values();
    yajl_tree_free(root);
    return tap_done();
}
