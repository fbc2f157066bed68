/*
 * Values handed over: the text is read back by the same reader, value for
 * value, whatever bytes are in them.
 */
#include <launch/handover.h>

#include "tap.h"

static const rwith_origin origin = { { "https", 5 },
                                     { "api.example", 11 },
                                     8443 };

static const struct row {
    const char *name;
    rwith_place in;
    const char *field, *value;
} rows[] = {
    { "plain", RWITH_IN_HEADER, "X-Key", "secret" },
    { "single quotes", RWITH_IN_HEADER, "X-Quote", "it's 'quoted'" },
    { "double quotes and backslashes", RWITH_IN_HEADER, "X-Slash",
      "\"a\\b\\\"" },
    { "hash and spaces", RWITH_IN_HEADER, "X-Hash", "# a  b" },
    { "words of the grammar", RWITH_IN_QUERY, "q", "send always" },
    { "an odd name", RWITH_IN_QUERY, "filter[it's]", "1" },
    { "empty", RWITH_IN_QUERY, "empty", "" },
    { "a cookie", RWITH_IN_COOKIE, "sid", "abc" },
    { "a member", RWITH_IN_BODY, "/request/token", "t\xc3\xbc" },
    { "basic", RWITH_IN_AUTHORIZATION, "Basic", "user:pa ss'word" },
};

#define COUNT (sizeof(rows) / sizeof(rows[0]))

static rwith_supply *filled(void)
{
    rwith_supply *supply = NULL;

    if (rwith_supply_new(NULL, &supply) != RWITH_OK) {
        abort();
    }
    for (size_t i = 0; i < COUNT; i++) {
        is_int(rwith_supply_give(supply, &origin, rows[i].in,
                                 rwith_slice_of(rows[i].field),
                                 rwith_slice_of(rows[i].value)),
               RWITH_OK, rows[i].name);
    }
    return supply;
}

static void test_round_trip(void)
{
    rwith_supply *supply = filled();
    rwith_supply *copy = NULL;
    rwith_diagnostic diag = { 0 };
    size_t len = 0;
    char *text = rwith_handover_text(supply, &len);

    if (rwith_supply_new(NULL, &copy) != RWITH_OK) {
        abort();
    }
    if (!is_int(
            rwith_supply_read(copy, (rwith_slice){ text, len }, NULL, &diag),
            RWITH_OK, "the text is a supply file")) {
        printf("# %zu:%zu: %s\n", diag.line, diag.column, diag.text);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t id;
        rwith_slice value = { NULL, 0 };

        if (ok(rwith_supply_find(copy, &origin, rows[i].in,
                                 rwith_slice_of(rows[i].field), &id) &&
                   rwith_supply_value(copy, id, &value),
               "%s: is there", rows[i].name)) {
            is_str(value, rows[i].value, rows[i].name);
        }
    }
    free(text);
    rwith_supply_free(copy);
    rwith_supply_free(supply);
}

static void test_sources(void)
{
    static const char file[] = "origin http://a.example\n"
                               "    header X-A value one send always\n"
                               "    header X-B env NOBODY_HAS_THIS\n"
                               "    auth negotiate\n";
    rwith_supply *supply = NULL;
    size_t len = 0;

    if (rwith_supply_new(NULL, &supply) != RWITH_OK ||
        rwith_supply_read(supply, rwith_slice_of(file), NULL, NULL) !=
            RWITH_OK) {
        abort();
    }
    char *text = rwith_handover_text(supply, &len);
    is_str((rwith_slice){ text, len },
           "# values, in memory\n"
           "origin http://a.example:80\n"
           "header 'X-A' value 'one' send always\n"
           "origin http://a.example:80\n"
           "auth 'Negotiate'\n",
           "what has no value yet is not there; what needs none is");
    free(text);
    rwith_supply_free(supply);
}

static void test_lines(void)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t len;
        bool is_taken;
    } cases[] = {
        { "one line", "a b", 3, true }, { "empty", "", 0, true },
        { "LF", "a\nb", 3, false },     { "LF at the end", "a\n", 2, false },
        { "CR", "a\rb", 3, false },     { "NUL", "a\0b", 3, false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rwith_supply *supply = NULL;
        size_t len = 0;

        if (rwith_supply_new(NULL, &supply) != RWITH_OK) {
            abort();
        }
        is_int(rwith_supply_give(supply, &origin, RWITH_IN_QUERY,
                                 RWITH_LIT("q"),
                                 (rwith_slice){ cases[i].bytes, cases[i].len }),
               RWITH_OK, cases[i].name);
        ok(rwith_handover_takes(supply, 0) == cases[i].is_taken,
           "%s: can stand in a line?", cases[i].name);
        char *text = rwith_handover_text(supply, &len);
        ok((strstr(text, "query") != NULL) == cases[i].is_taken,
           "%s: is in the text?", cases[i].name);
        free(text);
        rwith_supply_free(supply);
    }
}

static void test_memory(void)
{
    rwith_handover handover = { .fd = -1 };
    rwith_supply *supply = filled();
    bool is_new = false;

    is_int(rwith_handover_open(&handover), 0, "opened");
    is_int(rwith_handover_put(&handover, supply, &is_new), 0, "put");
    ok(is_new, "the first time it is new");
    is_int(rwith_handover_put(&handover, supply, &is_new), 0, "put again");
    ok(!is_new, "then it is not");
    rwith_supply_give(supply, &origin, RWITH_IN_HEADER, RWITH_LIT("X-Key"),
                      RWITH_LIT("secreT"));
    is_int(rwith_handover_put(&handover, supply, &is_new), 0, "put another");
    ok(is_new, "of the same length: new");
    rwith_handover_close(&handover);
    rwith_handover_close(&handover);
    is_int(handover.fd, -1, "closed twice");
    rwith_supply_free(supply);
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    test_round_trip();
    test_sources();
    test_lines();
    test_memory();
    return tap_done();
}
