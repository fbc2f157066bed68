/*
 * Lines of a file that people write, cut into words: each row is a text and
 * the words of its first line, joined by "|", or where it is wrong.
 */
#include "lib/config_line.h"

#include "tap.h"

static const struct row {
    const char *name, *in;
    const char *words; /* NULL: an error */
    size_t line, column;
    const char *text; /* the beginning of the complaint */
} rows[] = {
    { "words", "a b\tc", "a|b|c", 1, 0, 0 },
    { "spaces around", "  a \t ", "a", 1, 0, 0 },
    { "empty lines and comments first", "\n# x\n \t\na", "a", 4, 0, 0 },
    { "a comment behind", "a # b", "a", 1, 0, 0 },
    { "no comment inside a word", "a#b", "a#b", 1, 0, 0 },
    { "a quoted hash", "'#' \\#", "#|#", 1, 0, 0 },
    { "single quotes take all", "'a \\ \" b'", "a \\ \" b", 1, 0, 0 },
    { "double quotes know two escapes", "\"a\\\"b\\\\c\\n\"", "a\"b\\c\\n", 1,
      0, 0 },
    { "a backslash outside", "a\\ b", "a b", 1, 0, 0 },
    { "adjoining pieces", "a'b c'\"d e\"f", "ab cd ef", 1, 0, 0 },
    { "an empty word", "'' \"\"", "|", 1, 0, 0 },
    { "carriage return and line feed", "a b\r\nc", "a|b", 1, 0, 0 },
    { "a byte order mark",
      "\xef\xbb\xbf"
      "a",
      "a", 1, 0, 0 },
    { "bytes from 0x80", "\xc3\xa4", "\xc3\xa4", 1, 0, 0 },
    { "nothing", "", "", 0, 0, 0 },
    { "only white space", " \n\t\n", "", 2, 0, 0 },

    { "a single quote not closed", "a 'b", NULL, 1, 3,
      "expected a closing quote" },
    { "a double quote not closed", "\n\na \"b\nc\"", NULL, 3, 3,
      "expected a closing quote" },
    { "a double quote that is escaped", "\"a\\\"", NULL, 1, 1,
      "expected a closing quote" },
    { "a quote inside a word", "ab'c", NULL, 1, 3, "expected a closing quote" },
    { "a backslash at the end", "a \\", NULL, 1, 3,
      "expected a byte after the backslash" },
    { "a continued line", "a \\\nb", NULL, 1, 3,
      "expected a byte after the backslash" },
    { "a carriage return inside", "a\rb", NULL, 1, 2, "a control byte" },
    { "an escape sequence", "a \x1b[1m", NULL, 1, 3, "a control byte" },
    { "a control byte in a comment", "# \x01", NULL, 1, 3, "a control byte" },
    { "DEL", "\x7f", NULL, 1, 1, "a control byte" },
};

static void test_row(const struct row *row)
{
    rwith_slice copy = tap_copy(row->in, strlen(row->in));
    struct rwith__config_reader reader;
    struct rwith__config_line line;
    rwith_diagnostic diag = { 7, 7, "" };
    char got[256] = "";
    union {
        const char *from;
        char *to;
    } text = { copy.ptr };

    rwith__config_start(&reader, text.to, copy.len);
    int err = rwith__config_next(&reader, &line, &diag);
    is_int(err, row->words != NULL ? RWITH_OK : RWITH_EFILE, row->name);
    if (row->words == NULL) {
        is_int((long long)diag.line, (long long)row->line, row->name);
        is_int((long long)diag.column, (long long)row->column, row->name);
        ok(strncmp(diag.text, row->text, strlen(row->text)) == 0, "%s: \"%s\"",
           row->name, diag.text);
        is_int(rwith__config_next(&reader, &line, NULL) == RWITH_OK ||
                   reader.next <= reader.end,
               true, row->name);
    } else {
        for (size_t i = 0; err == RWITH_OK && i < line.word_count; i++) {
            size_t len = strlen(got);

            snprintf(got + len, sizeof(got) - len, "%s%.*s", i > 0 ? "|" : "",
                     (int)line.words[i].text.len, line.words[i].text.ptr);
        }
        is_str(rwith_slice_of(got), row->words, row->name);
        is_int((long long)(line.word_count > 0 ? line.number : reader.line),
               (long long)row->line, row->name);
        is_int((long long)diag.line, 7, "the diagnostic is untouched");
    }
    tap_free(copy);
}

static void test_nul(void)
{
    char text[] = { 'a', ' ', '\0', 'b' };
    struct rwith__config_reader reader;
    struct rwith__config_line line;
    rwith_diagnostic diag;

    rwith__config_start(&reader, text, sizeof(text));
    is_int(rwith__config_next(&reader, &line, &diag), RWITH_EFILE, "a NUL");
    is_int((long long)diag.column, 3, "a NUL: its column");
}

static void test_words_max(void)
{
    char text[2 * (RWITH__CONFIG_WORDS_MAX + 1)];
    struct rwith__config_reader reader;
    struct rwith__config_line line;
    rwith_diagnostic diag;

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = i % 2 == 0 ? 'a' : ' ';
    }
    rwith__config_start(&reader, text, sizeof(text) - 2);
    is_int(rwith__config_next(&reader, &line, &diag), RWITH_OK,
           "as many words as may be");
    is_int((long long)line.word_count, RWITH__CONFIG_WORDS_MAX, "all of them");
    rwith__config_start(&reader, text, sizeof(text));
    is_int(rwith__config_next(&reader, &line, &diag), RWITH_EFILE,
           "one word more");
    is_int((long long)diag.column, 2 * RWITH__CONFIG_WORDS_MAX + 1,
           "one word more: its column");
}

static void test_places(void)
{
    char text[] = "set  'header' X\n\nrest 'a b'   c \"d\" # e\n";
    struct rwith__config_reader reader;
    struct rwith__config_line line;
    rwith_diagnostic diag;

    rwith__config_start(&reader, text, strlen(text));
    is_int(rwith__config_next(&reader, &line, &diag), RWITH_OK, "a line");
    ok(rwith__config_is(&line, 0, "set"), "a keyword");
    ok(!rwith__config_is(&line, 0, "se"), "no part of a keyword");
    ok(!rwith__config_is(&line, 1, "header"), "a quoted word is no keyword");
    ok(!rwith__config_is(&line, 9, "x"), "no word there");
    is_int((long long)line.words[1].column, 6, "the column of a quoted word");
    is_int((long long)line.words[2].column, 15, "the column behind it");
    is_int(rwith__config_need(&line, 2, "more", &diag), RWITH_OK,
           "a word is there");
    is_int(rwith__config_need(&line, 3, "more", &diag), RWITH_EFILE,
           "a word is missing");
    is_str(rwith_slice_of(diag.text),
           "expected more, found the end of the line", "what was expected");
    is_int((long long)diag.column, 16, "where it was expected");
    is_int(rwith__config_need_end(&line, 3, &diag), RWITH_OK, "its end");
    is_int(rwith__config_need_end(&line, 2, &diag), RWITH_EFILE, "not its end");
    is_str(rwith_slice_of(diag.text),
           "expected the end of the line, found \"X\"", "what was there");
    is_int(rwith__config_next(&reader, &line, &diag), RWITH_OK, "the next");
    is_int((long long)line.number, 3, "its number");
    is_str(rwith__config_rest(&line, 1), "a b c d", "the rest as one word");
    is_int(rwith__config_need_end(&line, 2, &diag), RWITH_OK,
           "nothing behind the rest");
    is_str(rwith__config_rest(&line, 2), "", "no rest");
    is_int(rwith__config_next(&reader, &line, &diag), RWITH_OK, "the end");
    is_int((long long)line.word_count, 0, "no words at the end");
}

static void test_complaint(void)
{
    rwith_diagnostic diag;
    char long_word[500];

    memset(long_word, 'x', sizeof(long_word));
    rwith__config_fail(&diag, 3, 4, "before ", RWITH_LIT("\x1b\"\n"), " after");
    is_str(rwith_slice_of(diag.text), "before \"\\x1b\\\"\\x0a\" after",
           "bytes of the file are escaped");
    rwith__config_fail(&diag, 3, 4, "before ",
                       (rwith_slice){ long_word, sizeof(long_word) }, " after");
    ok(strlen(diag.text) < 100, "a long word is shortened");
    memset(long_word, 'y', sizeof(long_word) - 1);
    long_word[sizeof(long_word) - 1] = '\0';
    rwith__config_fail(&diag, 3, 4, long_word, (rwith_slice){ 0 }, NULL);
    is_int((long long)strlen(diag.text), sizeof(diag.text) - 1,
           "a long sentence is cut");
    is_int(rwith__config_fail(NULL, 3, 4, "x", (rwith_slice){ 0 }, NULL),
           RWITH_EFILE, "nobody listens");
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tap_wants(rows[i].name)) {
            test_row(&rows[i]);
        }
    }
    test_nul();
    test_words_max();
    test_places();
    test_complaint();
    return tap_done();
}
