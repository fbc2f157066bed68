/*
 * Documents that mean harm, or are broken: each ends within its limits, with
 * an error that names file, pointer and reason, or is read with warnings.
 */
#include <time.h>

#include "tap.h"

#include "openapi/openapi.h"

#define HEAD                                                                   \
    "{\"openapi\":\"3.0.3\",\"info\":{\"title\":\"t\",\"version\":\"1\"},"     \
    "\"paths\":{\"/a\":{\"post\":{"
#define BODY HEAD "\"requestBody\":{\"content\":{\"application/json\":{"
#define TAIL "}}}}}},"

/* None takes more than one second but under valgrind. */
#define SECONDS_MAX 30.0

/* Text in the making. */
struct text {
    char *ptr;
    size_t len, capacity;
};

static void add(struct text *text, const char *part)
{
    size_t len = strlen(part);

    if (text->len + len + 1 > text->capacity) {
        text->capacity = (text->len + len + 1) * 2;
        text->ptr = realloc(text->ptr, text->capacity);
        if (text->ptr == NULL) {
            abort();
        }
    }
    memcpy(text->ptr + text->len, part, len + 1);
    text->len += len;
}

static void add_times(struct text *text, const char *part, size_t count)
{
    while (count-- > 0) {
        add(text, part);
    }
}

/* A chain of references, each to the next. */
static void make_chain(struct text *text)
{
    char line[128];

    add(text, BODY "\"schema\":{\"$ref\":\"#/components/schemas/s0\"}" TAIL
                   "\"components\":{\"schemas\":{");
    for (int i = 0; i < 10000; i++) {
        snprintf(line, sizeof(line),
                 "\"s%d\":{\"$ref\":\"#/components/schemas/s%d\"},", i, i + 1);
        add(text, line);
    }
    add(text, "\"s10000\":{\"required\":[\"x\"]}}}}");
}

static void make_circle(struct text *text)
{
    add(text, HEAD "\"parameters\":[{\"$ref\":\"#/components/a\"}]}}},"
                   "\"components\":{\"a\":{\"$ref\":\"#/components/b\"},"
                   "\"b\":{\"$ref\":\"#/components/a\"}}}");
}

static void make_self(struct text *text)
{
    add(text, "{\"openapi\":\"3.1.0\",\"paths\":{\"/a\":"
              "{\"$ref\":\"#/paths/~1a\"}}}");
}

static void make_choices(struct text *text)
{
    add(text, BODY "\"schema\":{\"oneOf\":[");
    add_times(text, "{\"required\":[\"x\"]},", 1000000);
    add(text, "{}]}" TAIL "\"x\":1}");
}

static void make_all_of(struct text *text)
{
    add(text, BODY "\"schema\":{\"allOf\":[");
    add_times(text, "{\"required\":[\"x\"]},", 100000);
    add(text, "{}]}" TAIL "\"x\":1}");
}

static void make_deep_json(struct text *text)
{
    add(text, "{\"openapi\":\"3.0.3\",\"x\":");
    add_times(text, "[", 1000000);
}

static void make_deep_yaml(struct text *text)
{
    add(text, "openapi: 3.0.3\nx: ");
    add_times(text, "[", 100000);
}

static void make_deep_block(struct text *text)
{
    char line[512];

    add(text, "openapi: 3.0.3\n");
    for (int i = 0; i < 400; i++) {
        memset(line, ' ', (size_t)i);
        memcpy(line + i, "a:\n", 4);
        add(text, line);
    }
}

static void make_deep_schema(struct text *text)
{
    add(text, BODY "\"schema\":");
    add_times(text, "{\"required\":[\"x\"],\"properties\":{\"x\":", 120);
    add(text, "{}");
    add_times(text, "}}", 120);
    add(text, TAIL "\"x\":1}");
}

/* Each line stands for nine of the line before. */
static void make_bomb(struct text *text)
{
    char line[128];

    add(text, "openapi: 3.0.3\nx-0: &x0 {allOf: [{required: [a]}]}\n");
    for (int i = 1; i < 30; i++) {
        snprintf(line, sizeof(line), "x-%d: &x%d {allOf: [", i, i);
        add(text, line);
        for (int k = 0; k < 9; k++) {
            snprintf(line, sizeof(line), "*x%d,", i - 1);
            add(text, line);
        }
        add(text, "]}\n");
    }
    add(text, "paths:\n  /a:\n    post:\n      requestBody:\n"
              "        content: {application/json: {schema: *x29}}\n");
}

/* The same through properties: as many places as a body can have. */
static void make_place_bomb(struct text *text)
{
    char line[128];

    add(text, "openapi: 3.0.3\nx-0: &x0 {required: [a]}\n");
    for (int i = 1; i < 30; i++) {
        snprintf(line, sizeof(line), "x-%d: &x%d {properties: {", i, i);
        add(text, line);
        for (int k = 0; k < 9; k++) {
            snprintf(line, sizeof(line), "p%d: *x%d,", k, i - 1);
            add(text, line);
        }
        add(text, "}}\n");
    }
    add(text, "paths:\n  /a:\n    post:\n      requestBody:\n"
              "        content: {application/json: {schema: *x29}}\n");
}

static void make_merge_bomb(struct text *text)
{
    char line[128];

    add(text, "openapi: 3.0.3\nx-0: &x0 {a: 1, b: 2}\n");
    for (int i = 1; i < 2000; i++) {
        snprintf(line, sizeof(line), "x-%d: &x%d {k%d: 1, <<: *x%d}\n", i, i, i,
                 i - 1);
        add(text, line);
    }
}

static void make_alias_circle(struct text *text)
{
    add(text, "openapi: 3.0.3\npaths:\n  /a:\n    post:\n"
              "      requestBody:\n        content:\n"
              "          application/json:\n            schema: &s\n"
              "              required: [x]\n"
              "              properties: {x: *s}\n"
              "              allOf: [*s]\n");
}

static void make_anchors(struct text *text)
{
    char line[64];

    add(text, "openapi: 3.0.3\nx:\n");
    for (int i = 0; i < 100000; i++) {
        snprintf(line, sizeof(line), "- &a%d v\n- *a%d\n", i, i);
        add(text, line);
    }
}

static void make_directives(struct text *text)
{
    char line[64];

    for (int i = 0; i < 100000; i++) {
        snprintf(line, sizeof(line), "%%TAG !a%d! x\n", i);
        add(text, line);
    }
    add(text, "---\nopenapi: 3.0.3\n");
}

static void make_flow(struct text *text)
{
    add(text, "openapi: 3.0.3\nx: [");
    add_times(text, "{a: b}, ", 300000);
    add(text, "]\n");
}

static void make_keys(struct text *text)
{
    char line[64];

    add(text, "{\"openapi\":\"3.0.3\",\"x\":{");
    for (int i = 0; i < 300000; i++) {
        snprintf(line, sizeof(line), "\"k%d\":0,", i);
        add(text, line);
    }
    add(text, "\"k7\":1}}");
}

static void make_paths(struct text *text)
{
    char line[64];

    add(text, "{\"openapi\":\"3.0.3\",\"paths\":{");
    for (int i = 0; i < 100000; i++) {
        snprintf(line, sizeof(line), "\"/{a%d}\":{\"get\":{}},", i);
        add(text, line);
    }
    add(text, "\"x-end\":0}}");
}

static void make_parameters(struct text *text)
{
    add(text, HEAD "\"parameters\":[");
    add_times(text, "{\"name\":\"a\",\"in\":\"query\",\"required\":true},",
              200000);
    add(text, "{}]}}}}");
}

static void make_bad_ref(struct text *text)
{
    add(text, HEAD "\"parameters\":[{\"$ref\":\"#/~2/%zz/\"},"
                   "{\"$ref\":7},{\"$ref\":\"\"},7,null]}}}}");
}

/* Members of a wrong kind wherever something is looked for. */
static void make_wrong(struct text *text)
{
    add(text,
        "{\"openapi\":\"3.1.0\",\"servers\":[7,{\"url\":{}},{\"url\":"
        "\"/{a}{b\",\"variables\":{\"a\":{\"default\":[]}}}],\"security\":"
        "[7,{\"a\":0}],\"components\":{\"securitySchemes\":{\"a\":7}},"
        "\"paths\":{\"/a\":7,\"/b\":{\"get\":7,\"parameters\":{},\"post\":"
        "{\"parameters\":7,\"security\":7,\"requestBody\":{\"content\":{"
        "\"application/json\":{\"schema\":{\"required\":[7,{}],\"allOf\":7,"
        "\"oneOf\":{},\"anyOf\":[1,2],\"items\":[],\"properties\":{\"x\":"
        "true,\"y\":{\"required\":\"y\"}},\"type\":[7],"
        "\"additionalProperties\":true}}}}}}}}");
}

static const struct row {
    const char *name;
    void (*make)(struct text *text);
    const char *literal; /* when there is nothing to make */
    int err;
    const char *pointer; /* of the error */
    const char *says;    /* part of its sentence */
    rwith_openapi_options options;
} rows[] = {
    { "no bytes", NULL, "", RWITH_EFILE, "", "empty", { 0 } },
    { "a number", NULL, "7", RWITH_EFILE, "", "no OpenAPI document", { 0 } },
    { "a list", NULL, "[]", RWITH_EFILE, "", "no OpenAPI document", { 0 } },
    { "no version", NULL, "{}", RWITH_EFILE, "", "\"openapi\"", { 0 } },
    { "Swagger 2.0",
      NULL,
      "{\"swagger\":\"2.0\"}",
      RWITH_EUNSUPPORTED,
      "",
      "Swagger 2.0",
      { 0 } },
    { "version 4",
      NULL,
      "openapi: 4.0.0",
      RWITH_EUNSUPPORTED,
      "/openapi",
      "4.0.0",
      { 0 } },
    { "text behind the value",
      NULL,
      "{\"openapi\":\"3.0.3\"} x",
      RWITH_EFILE,
      "",
      "not well-formed",
      { 0 } },
    { "an object cut off",
      NULL,
      "{\"openapi\":\"3.0.3\",\"paths\":{\"/a\":",
      RWITH_EFILE,
      "/paths",
      "ends before",
      { 0 } },
    { "the same name twice",
      NULL,
      "{\"openapi\":\"3.0.3\",\"paths\":"
      "{\"/a\":{},\"/a\":{}}}",
      RWITH_EFILE,
      "/paths/~1a",
      "twice",
      { 0 } },
    { "the same name twice in YAML",
      NULL,
      "openapi: 3.0.3\npaths:\n"
      "  /a: {}\n  '/a': {}\n",
      RWITH_EFILE,
      "/paths/~1a",
      "twice",
      { 0 } },
    { "the same name twice among many",
      make_keys,
      NULL,
      RWITH_EFILE,
      "/x/k7",
      "twice",
      { 0 } },
    { "invalid UTF-8",
      NULL,
      "{\"openapi\":\"3.0.3\",\"x\":\"\xff\"}",
      RWITH_EFILE,
      "",
      "UTF-8",
      { 0 } },
    { "invalid UTF-8 in YAML",
      NULL,
      "openapi: 3.0.3\nx: a\xff\n",
      RWITH_EFILE,
      "",
      "UTF-8",
      { 0 } },
    { "an unknown alias",
      NULL,
      "openapi: *a",
      RWITH_EFILE,
      "",
      "alias",
      { 0 } },
    { "two YAML documents",
      NULL,
      "openapi: 3.0.3\n---\na: 1\n",
      RWITH_EFILE,
      "",
      "second",
      { 0 } },
    { "a list as a name",
      NULL,
      "openapi: 3.0.3\n? [a]\n: b\n",
      RWITH_EFILE,
      "",
      "scalar",
      { 0 } },
    { "a tab where YAML has none",
      NULL,
      "openapi: 3.0.3\nx:\n\ty: 1\n",
      RWITH_EFILE,
      "",
      "",
      { 0 } },
    { "10,000 references in a row",
      make_chain,
      NULL,
      RWITH_EFILE,
      "/paths/~1a/post/requestBody/content/application~1json/schema",
      "references",
      { 0 } },
    { "references in a circle",
      make_circle,
      NULL,
      RWITH_EFILE,
      "/paths/~1a/post/parameters/0",
      "circle",
      { 0 } },
    { "a path that is itself",
      make_self,
      NULL,
      RWITH_EFILE,
      "/paths/~1a",
      "circle",
      { 0 } },
    { "a million alternatives",
      make_choices,
      NULL,
      RWITH_ERANGE,
      "/paths/~1a/post/requestBody/content/application~1json/schema/oneOf",
      "alternatives",
      { 0 } },
    { "100,000 schemas that hold together",
      make_all_of,
      NULL,
      RWITH_ERANGE,
      NULL,
      "steps",
      { 0 } },
    { "JSON nested a million deep",
      make_deep_json,
      NULL,
      RWITH_EFILE,
      NULL,
      "deep",
      { 0 } },
    { "YAML nested 100,000 deep",
      make_deep_yaml,
      NULL,
      RWITH_EFILE,
      NULL,
      "",
      { 0 } },
    { "YAML blocks nested 400 deep",
      make_deep_block,
      NULL,
      RWITH_EFILE,
      NULL,
      "deep",
      { 0 } },
    { "schemas nested 120 deep",
      make_deep_schema,
      NULL,
      RWITH_OK,
      NULL,
      NULL,
      { 0 } },
    { "aliases of aliases", make_bomb, NULL, RWITH_OK, NULL, NULL, { 0 } },
    { "aliases of aliases in properties",
      make_place_bomb,
      NULL,
      RWITH_OK,
      NULL,
      NULL,
      { 0 } },
    { "merges of merges",
      make_merge_bomb,
      NULL,
      RWITH_EFILE,
      NULL,
      "aliases",
      { 0 } },
    { "an alias inside its own anchor",
      make_alias_circle,
      NULL,
      RWITH_OK,
      NULL,
      NULL,
      { 0 } },
    { "100,000 anchors", make_anchors, NULL, RWITH_OK, NULL, NULL, { 0 } },
    { "100,000 directives",
      make_directives,
      NULL,
      RWITH_EFILE,
      "",
      "%",
      { 0 } },
    { "one flow of 300,000 mappings",
      make_flow,
      NULL,
      RWITH_OK,
      NULL,
      NULL,
      { 0 } },
    { "100,000 paths of one shape",
      make_paths,
      NULL,
      RWITH_OK,
      NULL,
      NULL,
      { 0 } },
    { "200,000 parameters",
      make_parameters,
      NULL,
      RWITH_OK,
      NULL,
      NULL,
      { 0 } },
    { "references that are none",
      make_bad_ref,
      NULL,
      RWITH_OK,
      NULL,
      NULL,
      { 0 } },
    { "values of wrong kinds", make_wrong, NULL, RWITH_OK, NULL, NULL, { 0 } },
    { "more bytes than allowed",
      NULL,
      "openapi: 3.0.3",
      RWITH_ERANGE,
      "",
      "larger",
      { .bytes_max = 5 } },
    { "more memory than allowed",
      make_flow,
      NULL,
      RWITH_ERANGE,
      "",
      "memory",
      { .memory_max = 1024 * 1024 } },
    { "more steps than allowed",
      make_paths,
      NULL,
      RWITH_ERANGE,
      NULL,
      "steps",
      { .step_max = 1000 } },
    { "more aliases than allowed",
      make_anchors,
      NULL,
      RWITH_EFILE,
      NULL,
      "aliases",
      { .alias_max = 10 } },
};

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void test_row(const struct row *row)
{
    struct text text = { NULL, 0, 0 };
    rwith_openapi_problem problem = { .file = "" };
    rwith_openapi_counts counts = { 0 };
    rwith_policy_builder *builder = NULL;

    if (row->make != NULL) {
        row->make(&text);
    } else {
        add(&text, row->literal);
    }
    rwith_slice exact = tap_copy(text.ptr, text.len);
    free(text.ptr);
    if (rwith_policy_builder_new(NULL, &builder) != RWITH_OK) {
        abort();
    }
    double begin = seconds();
    int err = rwith_openapi_load(builder, RWITH_LIT("dir/bad.yaml"), exact,
                                 &row->options, &counts, &problem);
    double took = seconds() - begin;
    ok(err == row->err &&
           (err == RWITH_OK ||
            (strcmp(problem.file, "dir/bad.yaml") == 0 &&
             strstr(problem.diagnostic.text, row->says) != NULL &&
             (row->pointer == NULL ||
              strcmp(problem.pointer, row->pointer) == 0))),
       "%s", row->name);
    printf("#   %s at %s \"%s\" line %zu: %s\n", rwith_err_name(err),
           problem.file, problem.pointer, problem.diagnostic.line,
           problem.diagnostic.text);
    ok(took < SECONDS_MAX, "%s: in time", row->name);
    printf("#   %.2f s, %zu bytes, %llu steps\n", took, counts.memory,
           (unsigned long long)counts.steps);
    rwith_policy_builder_free(builder);
    tap_free(exact);
}

/* Every beginning of a document is an error, or a smaller document. */
static void test_truncated(const char *whole)
{
    size_t len = strlen(whole), wrong = 0;

    for (size_t cut = 0; cut <= len; cut++) {
        rwith_slice exact = tap_copy(whole, cut);
        rwith_openapi_problem problem = { .file = "" };
        rwith_policy_builder *builder = NULL;

        if (rwith_policy_builder_new(NULL, &builder) != RWITH_OK) {
            abort();
        }
        int err = rwith_openapi_load(builder, RWITH_LIT("a.json"), exact, NULL,
                                     NULL, &problem);
        bool is_error = err == RWITH_EFILE && problem.file[0] != '\0' &&
                        problem.diagnostic.text[0] != '\0';

        wrong += cut < len && whole[0] == '{' ? !is_error
                                              : !is_error && err != RWITH_OK &&
                                                    err != RWITH_EUNSUPPORTED;
        rwith_policy_builder_free(builder);
        tap_free(exact);
    }
    is_int((long long)wrong, 0, "every beginning is judged for itself");
}

/* Files by name, for documents that refer to them. */
static int load_endless(void *user, rwith_slice path, size_t max,
                        const rwith_alloc *mem, rwith_openapi_text *ret)
{
    int *count = user;
    char text[256];

    (void)max;
    ok(memchr(path.ptr, '/', path.len) == NULL &&
           !rwith_slice_equal(path, RWITH_LIT("..")),
       "asked for file %d", *count);
    int len =
        snprintf(text, sizeof(text), "{\"$ref\":\"next%d.json\"}", ++*count);
    ret->ptr = mem->alloc((size_t)len + 1, mem->user);
    if (ret->ptr == NULL) {
        return RWITH_ENOMEM;
    }
    memcpy(ret->ptr, text, (size_t)len);
    ret->len = (size_t)len;
    return RWITH_OK;
}

static void test_endless_files(void)
{
    int count = 0;
    rwith_openapi_options options = { .document_max = 5,
                                      .load = load_endless,
                                      .load_user = &count };
    rwith_openapi_problem problem = { .file = "" };
    rwith_policy_builder *builder = NULL;

    if (rwith_policy_builder_new(NULL, &builder) != RWITH_OK) {
        abort();
    }
    int err = rwith_openapi_load(
        builder, RWITH_LIT("x/a.yaml"),
        RWITH_LIT("openapi: 3.0.3\n"
                  "paths: {/a: {get: {parameters: [{$ref: n.json}]}}}\n"),
        &options, NULL, &problem);
    is_int(err, RWITH_ERANGE, "files that lead to files end");
    is_int(count, 4, "after as many as are allowed");
    rwith_policy_builder_free(builder);
}

static void test_allocations(const char *name, const char *text)
{
    size_t calls = 1, failed = 0;

    for (size_t at = 0; at < calls; at++) {
        struct tap_memory memory = { .fail_at = at == 0 ? SIZE_MAX : at - 1 };
        rwith_alloc mem = tap_alloc(&memory);
        rwith_openapi_options options = { .mem = &mem };
        rwith_policy_builder *builder = NULL;
        int err = rwith_policy_builder_new(&mem, &builder);

        if (err == RWITH_OK) {
            err =
                rwith_openapi_load(builder, rwith_slice_of(name),
                                   rwith_slice_of(text), &options, NULL, NULL);
        }
        rwith_policy_builder_free(builder);
        if (at == 0) {
            calls = memory.calls + 1;
        }
        failed += err != (at == 0 ? RWITH_OK : RWITH_ENOMEM);
        failed += memory.live != 0;
    }
    is_int((long long)failed, 0, "each allocation may fail");
    printf("#   %zu allocations\n", calls - 1);
}

int main(int argc, char **argv)
{
    static const char json[] =
        BODY "\"schema\":{\"required\":[\"a\"],\"oneOf\":[{\"required\":"
             "[\"b\"]},{\"required\":[\"c\\u00e9\"]}]}" TAIL
             "\"servers\":[{\"url\":\"/v\"}],\"security\":[{\"k\":[]}],"
             "\"components\":{\"securitySchemes\":{\"k\":{\"type\":"
             "\"apiKey\",\"in\":\"query\",\"name\":\"k\"}}}}";
    static const char yaml[] =
        "openapi: 3.0.3\npaths:\n  /a/{b}:\n    get:\n      parameters:\n"
        "      - {name: &n a, in: query, required: true}\n"
        "      - {name: *n, in: header, required: true}\n";

    tap_start(argc, argv);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tap_wants(rows[i].name)) {
            test_row(&rows[i]);
        }
    }
    test_truncated(json);
    test_truncated(yaml);
    test_endless_files();
    test_allocations("a.json", json);
    test_allocations("a.yaml", yaml);
    return tap_done();
}
