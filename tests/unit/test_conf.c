/*
 * The quoting of nginx's configuration: every word comes out of nginx's own
 * reading rule as it went in, and none can end a directive.
 */
#include <launch/conf.h>

#include "tap.h"

/*
 * One word in double quotes, read as ngx_conf_read_token() does.
 * returns the bytes taken; 0: it is none.
 */
static size_t read_word(const char *text, char *word)
{
    size_t at = 1;
    size_t len = 0;

    if (text[0] != '"') {
        return 0;
    }
    for (; text[at] != '"'; at++) {
        if (text[at] == '\0') {
            return 0;
        }
        char c = text[at];
        if (c == '\\') {
            static const char from[] = "\"'\\trn", to[] = "\"'\\\t\r\n";
            const char *found = strchr(from, text[at + 1]);

            if (text[at + 1] != '\0' && found != NULL) {
                c = to[found - from];
                at++;
            }
        }
        word[len++] = c;
    }
    word[len] = '\0';
    return at + 1;
}

static const struct row {
    const char *name, *word;
} rows[] = {
    { "plain", "/etc/ssl/cert.pem" },
    { "empty", "" },
    { "space", "a b" },
    { "quote", "a\"b" },
    { "quote and semicolon", "\"; load_module evil.so; #" },
    { "single quote", "it's" },
    { "backslash", "C:\\x" },
    { "backslash at the end", "x\\" },
    { "backslash before a quote", "\\\"" },
    { "backslash before n", "\\n" },
    { "newline", "a\nb" },
    { "carriage return and tab", "\r\t" },
    { "braces", "{ } ;" },
    { "hash", "# no comment" },
    { "dollar", "$request_uri" },
    { "bytes above 0x7f", "\xc3\xbc\xff" },
    { "control byte", "\x01\x7f" },
};

static void test_words(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        rwith_conf conf = { 0 };
        char word[200];

        if (!tap_wants(row->name)) {
            continue;
        }
        rwith_conf_put(&conf, "%s;", row->word);
        size_t taken = read_word(conf.text, word);
        ok(taken > 0 && strcmp(conf.text + taken, ";") == 0,
           "%s: ends where it should", row->name);
        is_str(rwith_slice_of(word), row->word, row->name);
        rwith_conf_free(&conf);
    }
}

/* Any short string over the bytes that mean something. */
static void test_all_short(void)
{
    static const char bytes[] = "\"\\'$;{n \n";
    bool all = true;

    for (size_t n = 0; n < 9 * 9 * 9 * 9; n++) {
        char in[5] = { bytes[n % 9], bytes[n / 9 % 9], bytes[n / 81 % 9],
                       bytes[n / 729], '\0' };
        char word[200];
        rwith_conf conf = { 0 };

        rwith_conf_put(&conf, "%s;", in);
        size_t taken = read_word(conf.text, word);
        all = all && taken > 0 && strcmp(conf.text + taken, ";") == 0 &&
              strcmp(word, in) == 0;
        rwith_conf_free(&conf);
    }
    ok(all, "every string of four such bytes comes out as it went in");
}

static void test_template(void)
{
    rwith_conf conf = { 0 };

    rwith_conf_put(&conf, "a %v b %u %r 100%%;", "x$y$", 42ul, "raw");
    is_str(rwith_slice_of(conf.text),
           "a \"x${retrywith_dollar}y${retrywith_dollar}\" b 42 raw 100%;",
           "interpolated dollars go through a variable");
    rwith_conf_free(&conf);
    rwith_conf_put(&conf, "%f %p", "/a b", "/c$");
    is_str(rwith_slice_of(conf.text), "\"/a b\" \"/c${retrywith_dollar}\"",
           "absolute names of files");
    rwith_conf_free(&conf);
    rwith_conf_put(&conf, "%f", "x");
    ok(conf.text[1] == '/' && strstr(conf.text, "/x\"") != NULL,
       "a relative name becomes absolute");
    rwith_conf_free(&conf);
}

static void test_long(void)
{
    rwith_conf conf = { 0 };
    char word[RWITH_CONF_WORD_MAX + 2];

    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    rwith_conf_put(&conf, "%s", word);
    ok(conf.is_broken, "a word longer than nginx reads is refused");
    rwith_conf_free(&conf);
    word[RWITH_CONF_WORD_MAX - 2] = '\0';
    rwith_conf_put(&conf, "%s", word);
    ok(!conf.is_broken, "the longest word is not");
    rwith_conf_free(&conf);
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    test_words();
    test_all_short();
    test_template();
    test_long();
    return tap_done();
}
