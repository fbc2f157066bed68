/*
 * The grammar of supply files: what is read, what is refused and where; the
 * lines of --give; values and who may have them.
 */
#include <retrywith/supply.h>

#include "tests/unit/tap.h"

#define O "origin https://api.example.com\n"

static rwith_supply *fresh(void)
{
    rwith_supply *supply = NULL;

    if (rwith_supply_new(NULL, &supply) != RWITH_OK) {
        abort();
    }
    return supply;
}

/* --- one line that is read ------------------------------------------------ */

static const struct good_row {
    const char *name, *line;
    rwith_place in;
    const char *entry; /* its name */
    rwith_supply_kind kind;
    rwith_auth auth;
    const char *source; /* words joined by "|" */
    const char *value;  /* NULL: not filled */
    bool send_always, has_literals;
} good_rows[] = {
    { "env", "header X-Key env API_KEY", RWITH_IN_HEADER, "X-Key",
      RWITH_SUPPLY_ENV, RWITH_AUTH_NONE, "API_KEY", NULL, false, false },
    { "file", "query session file ~/.token send always", RWITH_IN_QUERY,
      "session", RWITH_SUPPLY_FILE, RWITH_AUTH_NONE, "~/.token", NULL, true,
      false },
    { "command", "cookie sid command pass show 'a b' send always",
      RWITH_IN_COOKIE, "sid", RWITH_SUPPLY_COMMAND, RWITH_AUTH_NONE,
      "pass|show|a b", NULL, true, false },
    { "command whose words are quoted", "header X command \"send\" 'always'",
      RWITH_IN_HEADER, "X", RWITH_SUPPLY_COMMAND, RWITH_AUTH_NONE,
      "send|always", NULL, false, false },
    { "value", "body /a/token value 'it is' # secret", RWITH_IN_BODY,
      "/a/token", RWITH_SUPPLY_LITERAL, RWITH_AUTH_NONE, "", "it is", false,
      true },
    { "empty value", "header X value ''", RWITH_IN_HEADER, "X",
      RWITH_SUPPLY_LITERAL, RWITH_AUTH_NONE, "", "", false, true },
    { "ask", "header X ask", RWITH_IN_HEADER, "X", RWITH_SUPPLY_ASK,
      RWITH_AUTH_NONE, "", NULL, false, false },
    { "basic", "auth BASIC value u:p", RWITH_IN_AUTHORIZATION, "Basic",
      RWITH_SUPPLY_LITERAL, RWITH_AUTH_BASIC, "", "u:p", false, true },
    { "bearer", "auth bearer env TOKEN", RWITH_IN_AUTHORIZATION, "Bearer",
      RWITH_SUPPLY_ENV, RWITH_AUTH_BEARER, "TOKEN", NULL, false, false },
    { "negotiate", "auth negotiate", RWITH_IN_AUTHORIZATION, "Negotiate",
      RWITH_SUPPLY_NONE, RWITH_AUTH_NEGOTIATE, "", NULL, false, false },
    { "negotiate at once", "auth negotiate send always", RWITH_IN_AUTHORIZATION,
      "Negotiate", RWITH_SUPPLY_NONE, RWITH_AUTH_NEGOTIATE, "", NULL, true,
      false },
    { "ntlm with a password", "auth ntlm ask", RWITH_IN_AUTHORIZATION, "NTLM",
      RWITH_SUPPLY_ASK, RWITH_AUTH_NTLM, "", NULL, false, false },
};

static bool same_entry(const rwith_supply *supply, const struct good_row *row)
{
    const rwith_supply_entry *e = rwith_supply_at(supply, 0);
    char source[128] = "";
    rwith_slice value = { "", 0 };
    bool has_value = rwith_supply_value(supply, 0, &value);

    for (size_t i = 0; i < e->source_count; i++) {
        size_t len = strlen(source);

        snprintf(source + len, sizeof(source) - len, "%s%.*s", i > 0 ? "|" : "",
                 (int)e->source[i].len, e->source[i].ptr);
    }
    return e->in == row->in && e->kind == row->kind && e->auth == row->auth &&
           rwith_slice_equal(e->name, rwith_slice_of(row->entry)) &&
           strcmp(source, row->source) == 0 &&
           e->send_always == row->send_always && e->line == 2 &&
           has_value == (row->value != NULL) &&
           (!has_value || rwith_slice_equal(value, rwith_slice_of(row->value)));
}

static void check_good(void)
{
    for (size_t i = 0; i < sizeof(good_rows) / sizeof(good_rows[0]); i++) {
        const struct good_row *row = &good_rows[i];
        rwith_supply *supply = fresh();
        char text[256];
        bool has_literals = !row->has_literals;
        rwith_diagnostic diag = { 0 };
        int len = snprintf(text, sizeof(text), O "    %s", row->line);
        rwith_slice in = tap_copy(text, (size_t)len);
        int err = rwith_supply_read(supply, in, &has_literals, &diag);

        tap_free(in); /* the text was copied */
        if (!ok(err == RWITH_OK && rwith_supply_count(supply) == 1 &&
                    same_entry(supply, row) &&
                    has_literals == row->has_literals,
                "%s", row->name)) {
            printf("#   got %d %s\n", err, diag.text);
        }
        rwith_supply_free(supply);
    }
}

/* --- what is refused ------------------------------------------------------ */

static const struct bad_row {
    const char *name, *text;
    size_t line, column;
    const char *expected; /* in the diagnostic */
} bad_rows[] = {
    { "no origin", "header X env A", 1, 1, "origin" },
    { "unknown keyword", O "heder X env A", 2, 1, "header" },
    { "quoted keyword", O "'header' X env A", 2, 1, "header" },
    { "origin without a URL", "origin", 1, 7, "an origin" },
    { "origin with a path", "origin https://h/a", 1, 8, "without a path" },
    { "origin with a password", "origin https://u:p@h", 1, 8, "an origin" },
    { "origin of another scheme", "origin ftp://h", 1, 8, "an origin" },
    { "two origins in a line", "origin http://a http://b", 1, 17, "end" },
    { "no name", O "header", 2, 7, "name of a header field" },
    { "no source", O "  header X", 2, 11, "env, file" },
    { "unknown source", O "header X evn A", 2, 10, "env, file" },
    { "a bare word", O "header X secret", 2, 10, "env, file" },
    { "a token and nothing else", "secret", 1, 1, "origin" },
    { "an origin with a secret", "origin https://u:secret@h", 1, 8,
      "an origin" },
    { "an origin and a secret", "origin https://h secret", 1, 18, "the end" },
    { "a name in the form of --give", O "header X-Key=secret", 2, 8,
      "header field" },
    { "credentials without a scheme", O "auth u:secret", 2, 6, "basic" },
    { "a value of two words", O "header X value two secrets", 2, 20,
      "send always" },
    { "no argument", O "header X env", 2, 13, "environment variable" },
    { "an empty file name", O "header X file ''", 2, 15, "a file" },
    { "an empty command", O "header X command send always", 2, 18,
      "a command" },
    { "more behind", O "header X env A B", 2, 16, "send always" },
    { "half of send always", O "header X env A send", 2, 16, "send always" },
    { "no field name", O "header 'X Y' env A", 2, 8, "header field" },
    { "Authorization by header", O "header Authorization env A", 2, 8, "auth" },
    { "Cookie by header", O "header Cookie env A", 2, 8, "cookie" },
    { "a framing field", O "header Content-Length env A", 2, 8, "frame" },
    { "no pointer", O "body token env A", 2, 6, "JSON Pointer" },
    { "unknown scheme", O "auth kerberos env A", 2, 6, "basic, bearer" },
    { "basic without a value", O "auth basic", 2, 11, "env, file" },
    { "basic without a colon", O "auth basic value user", 2, 18,
      "user:password" },
    { "given twice", O "header X-Key env A\nheader x-key env B", 3, 8,
      "does not have yet" },
    { "given twice in two sections",
      O "header X env A\norigin https://b\n" O "header X env B", 5, 8,
      "does not have yet" },
    { "an open quote", O "header X value 'a", 2, 16, "closing quote" },
    { "a cookie of two", O "cookie a value 'b; c=d'", 2, 16, "one line" },
};

static void check_bad(void)
{
    for (size_t i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
        const struct bad_row *row = &bad_rows[i];
        rwith_supply *supply = fresh();
        rwith_slice in = tap_copy(row->text, strlen(row->text));
        rwith_diagnostic diag = { .line = 77 };
        bool untouched = true;
        int err = rwith_supply_read(supply, in, &untouched, &diag);

        if (!ok(err == RWITH_EFILE && diag.line == row->line &&
                    diag.column == row->column &&
                    strstr(diag.text, row->expected) != NULL && untouched &&
                    strstr(diag.text, "secret") == NULL &&
                    rwith_supply_count(supply) == 0,
                "%s", row->name)) {
            printf("#   got %d at %zu:%zu: %s\n", err, diag.line, diag.column,
                   diag.text);
        }
        tap_free(in);
        rwith_supply_free(supply);
    }
}

/* --- one line of --give --------------------------------------------------- */

static const struct give_row {
    const char *name, *line;
    int err;
    rwith_supply_kind kind;
    const char *value; /* or source; NULL: none */
} give_rows[] = {
    { "give a value", "header X-Key=a b=c", RWITH_OK, RWITH_SUPPLY_LITERAL,
      "a b=c" },
    { "give a file", "header X-Key=@/run/key", RWITH_OK, RWITH_SUPPLY_FILE,
      "/run/key" },
    { "give a variable", "query q=env:NAME", RWITH_OK, RWITH_SUPPLY_ENV,
      "NAME" },
    { "give an empty value", "query q=", RWITH_OK, RWITH_SUPPLY_LITERAL, "" },
    { "give and ask", "cookie sid", RWITH_OK, RWITH_SUPPLY_ASK, NULL },
    { "give a member", "body /a/b=x", RWITH_OK, RWITH_SUPPLY_LITERAL, "x" },
    { "give negotiate", "auth negotiate", RWITH_OK, RWITH_SUPPLY_NONE, NULL },
    { "give basic", "auth basic=u:p", RWITH_OK, RWITH_SUPPLY_LITERAL, "u:p" },
    { "give nothing", "", RWITH_EFILE, RWITH_SUPPLY_NONE, NULL },
    { "give an unknown place", "haeder X=a", RWITH_EFILE, RWITH_SUPPLY_NONE,
      NULL },
    { "give no place", "X-Key=secret", RWITH_EFILE, RWITH_SUPPLY_NONE, NULL },
    { "give no name", "header", RWITH_EFILE, RWITH_SUPPLY_NONE, NULL },
    { "give a forbidden field", "header Host=a", RWITH_EFILE, RWITH_SUPPLY_NONE,
      NULL },
    { "give a line break", "header X=a\nb", RWITH_EFILE, RWITH_SUPPLY_NONE,
      NULL },
    { "give an unknown scheme", "auth foo=a", RWITH_EFILE, RWITH_SUPPLY_NONE,
      NULL },
};

static void check_give(void)
{
    const rwith_origin origin = { { "https", 5 }, { "h", 1 }, 443 };

    for (size_t i = 0; i < sizeof(give_rows) / sizeof(give_rows[0]); i++) {
        const struct give_row *row = &give_rows[i];
        rwith_supply *supply = fresh();
        rwith_slice in = tap_copy(row->line, strlen(row->line));
        rwith_diagnostic diag = { 0 };
        int err = rwith_supply_give_line(supply, &origin, in, &diag);
        bool same = err == row->err;

        tap_free(in);
        if (same && err == RWITH_OK) {
            const rwith_supply_entry *e = rwith_supply_at(supply, 0);
            rwith_slice value = { NULL, 0 };

            if (e->source_count > 0) {
                value = e->source[0];
            } else {
                rwith_supply_value(supply, 0, &value);
            }
            same = e->kind == row->kind &&
                   (row->value == NULL
                        ? value.ptr == NULL
                        : rwith_slice_equal(value, rwith_slice_of(row->value)));
        }
        same = same && rwith_supply_count(supply) == (err == RWITH_OK) &&
               strstr(diag.text, "secret") == NULL;
        if (!ok(same, "%s", row->name)) {
            printf("#   got %d %s\n", err, diag.text);
        }
        rwith_supply_free(supply);
    }
}

/* --- values --------------------------------------------------------------- */

static void check_values(void)
{
    rwith_supply *supply = fresh();
    rwith_origin origin = { { "https", 5 }, { "api.example.com", 15 }, 443 };
    static char longest[RWITH_SUPPLY_VALUE_MAX + 1];
    rwith_slice value = { NULL, 0 };
    size_t id = 77;

    memset(longest, 'v', sizeof(longest));
    rwith_supply_read(supply,
                      rwith_slice_of(O "header X-Key env A\nquery q env B\n"
                                       "auth negotiate\nauth bearer env C\n"),
                      NULL, NULL);
    ok(rwith_supply_find(supply, &origin, RWITH_IN_HEADER, RWITH_LIT("x-key"),
                         &id) &&
           id == 0,
       "a field is found whatever its case");
    ok(!rwith_supply_find(supply, &origin, RWITH_IN_QUERY, RWITH_LIT("Q"), &id),
       "a parameter is not");
    ok(rwith_supply_find(supply, &origin, RWITH_IN_AUTHORIZATION, RWITH_LIT(""),
                         &id) &&
           id == 2,
       "any scheme: the first");
    ok(rwith_supply_find(supply, &origin, RWITH_IN_AUTHORIZATION,
                         RWITH_LIT("BEARER"), &id) &&
           id == 3,
       "a scheme by its name");
    origin.port = 444;
    ok(!rwith_supply_find(supply, &origin, RWITH_IN_HEADER, RWITH_LIT("x-key"),
                          &id),
       "not for another port");
    origin.port = 443;
    ok(!rwith_supply_value(supply, 0, &value), "not filled");
    is_int(rwith_supply_fill(supply, 0, RWITH_LIT("a\nb")), RWITH_ESYNTAX,
           "a line break in a field");
    is_int(
        rwith_supply_fill(supply, 0, (rwith_slice){ longest, sizeof(longest) }),
        RWITH_ERANGE, "too long");
    is_int(rwith_supply_fill(supply, 9, RWITH_LIT("a")), RWITH_EINVAL,
           "no such entry");
    ok(!rwith_supply_value(supply, 0, &value), "still not filled");
    is_int(rwith_supply_fill(supply, 0, RWITH_LIT(" one ")), RWITH_OK,
           "filled");
    is_int(rwith_supply_fill(supply, 0, RWITH_LIT("two\t")), RWITH_OK,
           "filled afresh");
    rwith_supply_value(supply, 0, &value);
    is_str(value, "two", "without outer white space");
    is_int(rwith_supply_fill(supply, 1, RWITH_LIT("a\nb ")), RWITH_OK,
           "a parameter may be anything");

    is_int(rwith_supply_give(supply, &origin, RWITH_IN_HEADER,
                             RWITH_LIT("X-KEY"), RWITH_LIT("three")),
           RWITH_OK, "given over an entry");
    is_int((long long)rwith_supply_count(supply), 4, "replaces it");
    is_int(rwith_supply_give(supply, &origin, RWITH_IN_HEADER,
                             RWITH_LIT("Host"), RWITH_LIT("x")),
           RWITH_EINVAL, "never a Host");
    is_int(rwith_supply_give(supply, &origin, RWITH_IN_COOKIE, RWITH_LIT("c"),
                             RWITH_LIT("a;b")),
           RWITH_ESYNTAX, "never two cookies in one");
    is_int((long long)rwith_supply_count(supply), 4, "nothing was added");
    rwith_supply_free(supply);
}

/* The table is full: the file is refused as a whole. */
static void check_full(void)
{
    rwith_supply *supply = fresh();
    size_t room = 32 * (RWITH_SUPPLY_COUNT_MAX + 2);
    char *text = malloc(room);
    size_t len = (size_t)snprintf(text, room, O);
    rwith_diagnostic diag = { 0 };

    for (int i = 0; i < RWITH_SUPPLY_COUNT_MAX; i++) {
        len += (size_t)snprintf(text + len, room - len, "query q%d env A\n", i);
    }
    is_int(rwith_supply_read(supply, (rwith_slice){ text, len }, NULL, &diag),
           RWITH_OK, "as many entries as may be");
    is_int(rwith_supply_read(supply, rwith_slice_of(O "header X env A"), NULL,
                             &diag),
           RWITH_EFILE, "one more");
    is_int((long long)rwith_supply_count(supply), RWITH_SUPPLY_COUNT_MAX,
           "those that were there stay");
    free(text);
    rwith_supply_free(supply);
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    check_good();
    check_bad();
    check_give();
    check_values();
    check_full();
    return tap_done();
}
