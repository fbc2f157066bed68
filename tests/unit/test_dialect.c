/*
 * Dialect files by the vectors of spec/vectors/dialect.json: those that are
 * wrong say where and what was expected.  And the set: replacing, choosing,
 * limits, and every allocation failed once.
 */
#include "lib/dialect.h"

#include "json_vectors.h"
#include "tap.h"

#define EMBEDDED_COUNT 5

/* The names of a set, joined by commas. */
static void names_of(const rwith_dialects *set, char *buf, size_t buf_len)
{
    size_t len = 0;

    buf[0] = '\0';
    for (size_t i = 0; i < rwith_dialects_count(set) && len < buf_len; i++) {
        rwith_slice name = rwith_dialects_name(set, i);

        len += (size_t)snprintf(buf + len, buf_len - len, "%s%.*s",
                                i > 0 ? "," : "", (int)name.len, name.ptr);
    }
}

static rwith_dialects *set_new(void)
{
    rwith_dialects *set = NULL;

    if (rwith_dialects_new(NULL, &set) != RWITH_OK) {
        printf("Bail out! the embedded dialects cannot be read\n");
        exit(1);
    }
    return set;
}

static void test_vector(yajl_val row)
{
    const char *name = vector_string(row, "name");
    const char *error = vector_string(row, "error");
    yajl_val want = vector_get(row, "dialects");
    rwith_slice text = vector_slice(row, "text");
    rwith_slice copy = tap_copy(text.ptr, text.len);
    rwith_diagnostic diag = { 7, 7, "kept" };
    rwith_dialects *set = set_new();
    char before[1024], after[1024];

    names_of(set, before, sizeof(before));
    int err = rwith_dialects_add(set, copy, &diag);
    names_of(set, after, sizeof(after));
    is_int(err, error != NULL ? RWITH_EFILE : RWITH_OK, name);
    ok(memcmp(copy.ptr, text.ptr, text.len) == 0, "%s: the text is kept", name);
    tap_free(copy);
    if (error != NULL) {
        is_int((long long)diag.line, YAJL_GET_INTEGER(vector_get(row, "line")),
               name);
        is_int((long long)diag.column,
               YAJL_GET_INTEGER(vector_get(row, "column")), name);
        if (!ok(strncmp(diag.text, error, strlen(error)) == 0, "%s: what",
                name)) {
            printf("#   got %s\n", diag.text);
        }
        is_str(rwith_slice_of(after), before, name);
    } else {
        is_str(rwith_slice_of(diag.text), "kept", name);
        for (size_t i = 0; i < want->u.array.len; i++) {
            const char *dialect = YAJL_GET_STRING(want->u.array.values[i]);

            ok(strstr(after, dialect) != NULL, "%s: %s is there", name,
               dialect);
        }
    }
    rwith_dialects_free(set);
}

static void test_set(void)
{
    rwith_dialects *set = set_new();
    rwith_slice unknown = RWITH_LIT("kept");
    char names[512];

    is_int((long long)rwith_dialects_count(set), EMBEDDED_COUNT,
           "the embedded dialects");
    for (size_t i = 0; i < rwith_dialects_count(set); i++) {
        const struct rwith__dialect *d = rwith__dialect_at(set, i);

        ok(d->about.len > 0 && d->source.len > 0, "%.*s says what it is",
           (int)d->name.len, d->name.ptr);
    }
    is_int((long long)rwith_dialects_name(set, 99).len, 0, "no such index");
    is_int((long long)rwith_dialects_about(set, 99).len, 0,
           "nothing about no such index");
    is_int(rwith_dialects_add(set,
                              RWITH_LIT("dialect ms-echo\nabout mine\n"
                                        "when status 449\nexplain b"),
                              NULL),
           RWITH_OK, "replace one");
    is_int((long long)rwith_dialects_count(set), EMBEDDED_COUNT,
           "one that is replaced is not counted twice");
    is_str(rwith_dialects_about(set, 1), "mine", "it is replaced in place");

    is_int(rwith_dialects_only(set, RWITH_LIT("missing,nope"), &unknown),
           RWITH_EINVAL, "only: one that is none");
    is_str(unknown, "nope", "only: which");
    is_int(rwith_dialects_only(set, RWITH_LIT("missing,,ms-echo"), &unknown),
           RWITH_EINVAL, "only: an empty name");
    is_int(rwith_dialects_only(set, RWITH_LIT(""), &unknown), RWITH_EINVAL,
           "only: no name");
    is_int((long long)rwith_dialects_count(set), EMBEDDED_COUNT,
           "only: nothing changed");
    unknown = RWITH_LIT("kept");
    is_int(rwith_dialects_only(set, RWITH_LIT(" transmission , missing"),
                               &unknown),
           RWITH_OK, "only: two");
    names_of(set, names, sizeof(names));
    is_str(rwith_slice_of(names), "missing,transmission",
           "only: the order is the set's");
    is_str(unknown, "kept", "only: nothing unknown");
    rwith_dialects_free(set);
    rwith_dialects_free(NULL);
}

static void test_statuses(void)
{
    rwith_dialects *set = set_new();
    rwith_slice unknown;

    ok(!rwith_dialects_wants_status(set, 200) &&
           rwith_dialects_wants_status(set, 409) &&
           rwith_dialects_wants_status(set, 449),
       "the embedded ones look at refusals only");
    is_int(rwith_dialects_add(
               set,
               RWITH_LIT("dialect rolling\nabout t\nwhen status 449\n"
                         "set header X-N from response-header X-N\n"
                         "repeat any\nremember origin\nlearn-from any\n"),
               NULL),
           RWITH_OK, "one that learns from any");
    ok(rwith_dialects_wants_status(set, 200),
       "a dialect that learns from any wants them all");
    ok(!rwith_dialects_wants_status(set, 199) &&
           !rwith_dialects_wants_status(set, 600) &&
           !rwith_dialects_wants_status(set, 0) &&
           !rwith_dialects_wants_status(set, UINT32_MAX),
       "no status at all");
    rwith_dialects_only(set, RWITH_LIT("missing,ms-echo"), &unknown);
    for (unsigned status = 200; status < 600; status++) {
        bool want = status == 449 || status == 400 || status == 401;

        if (rwith_dialects_wants_status(set, status) != want) {
            ok(false, "wants status %u", status);
        }
    }
    rwith_dialects_free(set);
}

static void test_limits(void)
{
    static char text[RWITH_DIALECT_FILE_MAX + 2];
    rwith_dialects *set = set_new();
    rwith_diagnostic diag;
    size_t len = 0;

    memset(text, '#', sizeof(text));
    is_int(rwith_dialects_add(
               set, (rwith_slice){ text, RWITH_DIALECT_FILE_MAX }, &diag),
           RWITH_OK, "a file of 64 KiB");
    is_int(rwith_dialects_add(
               set, (rwith_slice){ text, RWITH_DIALECT_FILE_MAX + 1 }, &diag),
           RWITH_EFILE, "a file of a byte more");
    is_int((long long)diag.line, 0, "the file as a whole");
    for (int i = 0; i < RWITH_DIALECT_COUNT_MAX - EMBEDDED_COUNT; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "dialect d%d\nabout a\nwhen status 449\n"
                                "explain b\n",
                                i);
    }
    is_int(rwith_dialects_add(set, (rwith_slice){ text, len }, &diag), RWITH_OK,
           "64 dialects");
    is_int(rwith_dialects_add(set,
                              RWITH_LIT("dialect more\nabout a\n"
                                        "when status 449\nexplain b"),
                              &diag),
           RWITH_EFULL, "65 dialects");
    is_int(rwith_dialects_add(set, (rwith_slice){ text, len }, &diag), RWITH_OK,
           "the same ones again");
    is_int((long long)rwith_dialects_count(set), RWITH_DIALECT_COUNT_MAX,
           "still 64");
    for (int i = 0; i < EMBEDDED_COUNT + 1; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "dialect e%d\nabout a\nwhen status 449\n"
                                "explain b\n",
                                i);
    }
    is_int(rwith_dialects_add(set, (rwith_slice){ text, len }, &diag),
           RWITH_EFULL, "a file of 65 dialects");
    rwith_dialects_free(set);
}

static void test_backoff(void)
{
    struct rwith__dialect d = { .wait = { .has_backoff = true,
                                          .initial_ms = 10,
                                          .factor = 2,
                                          .cap_ms = 1000 } };
    static const struct {
        unsigned repetition;
        long long want;
    } rows[] = { { 1, 10 },   { 2, 20 },   { 3, 40 }, { 7, 640 },
                 { 8, 1000 }, { 9, 1000 }, { 0, 10 }, { UINT32_MAX, 1000 } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_int((long long)rwith__dialect_backoff_ms(&d, rows[i].repetition),
               rows[i].want, "a back-off");
    }
    d.wait.factor = 1;
    is_int((long long)rwith__dialect_backoff_ms(&d, UINT32_MAX), 10,
           "a factor of 1 stays");
    d.wait.cap_ms = 5;
    is_int((long long)rwith__dialect_backoff_ms(&d, 1), 5,
           "a cap below the first");
}

/* Every allocation failed once: the error, the set as it was, no leak. */
static void test_memory(void)
{
    rwith_slice text = RWITH_LIT(
        "dialect x\nabout a\nwhen status 449\nneed each json /a\nrepeat any\n"
        "dialect ms-echo\nabout mine\nwhen status 449\nexplain b\n");
    struct tap_memory memory = { .fail_at = SIZE_MAX };
    rwith_alloc mem = tap_alloc(&memory);
    rwith_dialects *set = NULL;
    char before[512], after[512];

    is_int(rwith_dialects_new(&mem, &set), RWITH_OK, "a set");
    size_t new_calls = memory.calls;
    names_of(set, before, sizeof(before));
    for (size_t k = 0;; k++) {
        size_t live = memory.live;

        memory.calls = 0;
        memory.fail_at = k;
        int err = rwith_dialects_add(set, text, NULL);
        if (err == RWITH_OK) {
            ok(k > 6, "every allocation of an add was failed: %zu", k);
            break;
        }
        names_of(set, after, sizeof(after));
        ok(err == RWITH_ENOMEM && strcmp(before, after) == 0 &&
               memory.live == live,
           "add: allocation %zu fails", k);
    }
    rwith_dialects_free(set);
    is_int((long long)memory.live, 0, "nothing is left");
    for (size_t k = 0; k < new_calls; k++) {
        rwith_dialects *kept = NULL;

        memory.calls = 0;
        memory.fail_at = k;
        ok(rwith_dialects_new(&mem, &kept) == RWITH_ENOMEM && kept == NULL &&
               memory.live == 0,
           "new: allocation %zu fails", k);
    }
}

/* Every example of the manual page is a file that can be read. */
static void test_manual(void)
{
    static char page[64 * 1024];
    FILE *file = fopen(RWITH_SOURCE_DIR "/man/retrywith-dialect.5", "rb");
    int examples = 0;

    if (file == NULL) {
        ok(false, "the manual page is there");
        return;
    }
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    fclose(file);
    for (char *at = strstr(page, ".Bd -literal"); at != NULL;
         at = strstr(at, ".Bd -literal")) {
        char *text = strchr(at, '\n') + 1, *end = strstr(text, ".Ed\n");
        rwith_dialects *set = set_new();
        rwith_diagnostic diag = { 0, 0, "" };

        ok(rwith_dialects_add(set, (rwith_slice){ text, (size_t)(end - text) },
                              &diag) == RWITH_OK,
           "example %d of the manual page %s", ++examples, diag.text);
        rwith_dialects_free(set);
        at = end;
    }
    ok(examples >= 5, "the manual page has examples");
}

int main(int argc, char **argv)
{
    yajl_val root = vectors_read("dialect");

    tap_start(argc, argv);
    for (size_t i = 0; i < root->u.array.len; i++) {
        yajl_val row = root->u.array.values[i];

        if (tap_wants(vector_string(row, "name"))) {
            test_vector(row);
        }
    }
    test_set();
    test_statuses();
    test_limits();
    test_backoff();
    test_memory();
    test_manual();
    yajl_tree_free(root);
    return tap_done();
}
