/*
 * OpenAPI documents and the requests that they judge: the documents are in
 * tests/unit/openapi/, what is expected in spec/vectors/openapi.json.
 */
#include "json_vectors.h"

#include "body/members.h"
#include "openapi/openapi.h"

#define TEXT_MAX 4096

/* What a document was told to be unable to honour. */
struct warnings {
    char pointers[64][512];
    size_t count;
};

static void on_warning(void *user, const rwith_openapi_problem *problem)
{
    struct warnings *warnings = user;

    if (warnings->count < 64) {
        snprintf(warnings->pointers[warnings->count++], 512, "%s",
                 problem->pointer);
    }
}

static void judge(const rwith_policy *policy, yajl_val request, char *out)
{
    static const rwith_judge_options options = { 0 };
    rwith_missing_list missing = { .count = 0 };
    rwith_judge state;
    rwith_decision decision;
    rwith_slice line = vector_slice(request, "request");
    const char *space = memchr(line.ptr, ' ', line.len);
    rwith_slice method = { line.ptr, (size_t)(space - line.ptr) };
    rwith_slice body = vector_slice(request, "body");
    rwith_slice exact = tap_copy(body.ptr, body.len);
    yajl_val fields = vector_get(request, "fields");
    rwith_policy_hit hit =
        rwith_policy_match(policy, method, rwith_slice_of(space + 1));

    rwith_judge_begin(&state, policy, &hit, body.len > 0);
    for (size_t i = 0; fields != NULL && i < fields->u.array.len; i++) {
        yajl_val *pair = fields->u.array.values[i]->u.array.values;

        rwith_judge_field(&state, rwith_slice_of(pair[0]->u.string),
                          rwith_slice_of(pair[1]->u.string));
    }
    rwith_judge_end(&state, &options, &decision);
    if (decision.action == RWITH_ACTION_NEEDS_BODY) {
        rwith_body_check *check = NULL;

        if (rwith_body_check_new(NULL, decision.members, decision.content_type,
                                 decision.content_encoding, NULL,
                                 &check) == RWITH_OK) {
            rwith_body_check_feed(check, exact.ptr, exact.len);
            rwith_body_check_finish(check, &missing);
        }
        rwith_body_check_free(check);
    } else if (decision.action == RWITH_ACTION_REFUSE) {
        rwith_judge_list(&state, &options, &missing);
    }
    tap_free(exact);
    out[0] = '\0';
    for (size_t i = 0; i < missing.count; i++) {
        size_t len = strlen(out);

        if (missing.items[i].alternative == 0) {
            snprintf(out + len, TEXT_MAX - len, "%s %.*s\n",
                     rwith_place_word(missing.items[i].in),
                     (int)missing.items[i].name.len,
                     missing.items[i].name.len > 0 ? missing.items[i].name.ptr
                                                   : "");
        }
    }
}

static void join(yajl_val strings, char *out)
{
    out[0] = '\0';
    for (size_t i = 0; strings != NULL && i < strings->u.array.len; i++) {
        size_t len = strlen(out);

        snprintf(out + len, TEXT_MAX - len, "%s\n",
                 strings->u.array.values[i]->u.string);
    }
}

static void test_warnings(yajl_val vector, const struct warnings *warnings)
{
    char got[TEXT_MAX] = "", want[TEXT_MAX];

    if (vector_get(vector, "warnings") == NULL) {
        return;
    }
    for (size_t i = 0; i < warnings->count; i++) {
        size_t len = strlen(got);

        snprintf(got + len, sizeof(got) - len, "%s\n", warnings->pointers[i]);
    }
    join(vector_get(vector, "warnings"), want);
    is_str(rwith_slice_of(got), want, "its warnings point to what they mean");
}

static void test_vector(yajl_val vector)
{
    char path[512], got[TEXT_MAX], want[TEXT_MAX];
    struct warnings warnings = { .count = 0 };
    rwith_openapi_options options = { .warn = on_warning,
                                      .warn_user = &warnings };
    rwith_openapi_problem problem = { .file = "" };
    rwith_policy_builder *builder = NULL;
    rwith_policy *policy = NULL;
    const char *name = vector_string(vector, "name");
    yajl_val requests = vector_get(vector, "requests");

    if (vector_get(vector, "base_path") != NULL) {
        options.has_base_path = true;
        options.base_path = vector_slice(vector, "base_path");
    }
    snprintf(path, sizeof(path), "%s/tests/unit/openapi/%s", RWITH_SOURCE_DIR,
             vector_string(vector, "document"));
    int err = rwith_policy_builder_new(NULL, &builder);
    if (err == RWITH_OK) {
        err = rwith_openapi_load_file(builder, path, &options, NULL, &problem);
    }
    if (err == RWITH_OK) {
        err = rwith_policy_build(builder, NULL, &policy);
    }
    if (!is_int(err, RWITH_OK, name)) {
        printf("#   %s %s %zu %s\n", problem.file, problem.pointer,
               problem.diagnostic.line, problem.diagnostic.text);
        rwith_policy_builder_free(builder);
        return;
    }
    test_warnings(vector, &warnings);
    for (size_t i = 0; i < requests->u.array.len; i++) {
        yajl_val request = requests->u.array.values[i];

        judge(policy, request, got);
        join(vector_get(request, "missing"), want);
        if (!is_str(rwith_slice_of(got), want,
                    vector_string(request, "request")) &&
            vector_string(request, "body") != NULL) {
            printf("#   body %s\n", vector_string(request, "body"));
        }
    }
    rwith_policy_free(policy);
    rwith_policy_builder_free(builder);
}

/* What travels with a need: its description, schema and example. */
static void test_hints(void)
{
    static const char text[] =
        "openapi: 3.0.3\n"
        "paths:\n"
        "  /a:\n"
        "    get:\n"
        "      parameters:\n"
        "      - name: k\n"
        "        in: query\n"
        "        required: true\n"
        "        description: ' The \"key\". '\n"
        "        example: {a: [1, x, null, true]}\n"
        "        schema:\n"
        "          allOf: [{$ref: '#/s'}]\n"
        "          enum: [1, \"b\\u0001\"]\n"
        "s: {type: string, format: f, pattern: '^\\d\"$', x: 1}\n";
    static const rwith_judge_options options = { 0 };
    rwith_missing_list missing = { .count = 0 };
    rwith_judge state;
    rwith_decision decision;
    rwith_policy_builder *builder = NULL;
    rwith_policy *policy = NULL;

    if (rwith_policy_builder_new(NULL, &builder) != RWITH_OK ||
        rwith_openapi_load(builder, RWITH_LIT("a.yaml"), rwith_slice_of(text),
                           NULL, NULL, NULL) != RWITH_OK ||
        rwith_policy_build(builder, NULL, &policy) != RWITH_OK) {
        ok(false, "hints: the document loads");
        rwith_policy_builder_free(builder);
        return;
    }
    rwith_policy_hit hit =
        rwith_policy_match(policy, RWITH_LIT("GET"), RWITH_LIT("/a"));
    rwith_judge_begin(&state, policy, &hit, false);
    rwith_judge_end(&state, &options, &decision);
    rwith_judge_list(&state, &options, &missing);
    if (is_int((long long)missing.count, 1, "hints: one thing is missing")) {
        const rwith_hint *hint = &missing.items[0].hint;

        is_str(hint->description, "The \"key\".", "hints: the description");
        is_str(hint->schema,
               "{\"type\":\"string\",\"format\":\"f\","
               "\"pattern\":\"^\\\\d\\\"$\",\"enum\":[1,\"b\\u0001\"]}",
               "hints: the schema");
        is_str(hint->example, "{\"a\":[1,\"x\",null,true]}",
               "hints: the example");
    }
    rwith_policy_free(policy);
    rwith_policy_builder_free(builder);
}

/* A description: so many of a piece, then a last one. */
static void test_descriptions(void)
{
    static const struct {
        const char *name, *piece;
        size_t count;
        const char *last;
        size_t len;
        const char *end;
    } rows[] = {
        { "400 bytes stay", "abcd ", 79, "abcde", 400, "abcd abcde" },
        { "401 do not", "abcd ", 79, "abcdef", 397, "abcd\xe2\x80\xa6" },
        { "behind a word, where it just fits", "x ", 198, "y zzz zzz", 400,
          "x y\xe2\x80\xa6" },
        { "one word", "abcdefghij", 50, "", 400, "abcdefg\xe2\x80\xa6" },
        { "one word of characters of two bytes", "\xc3\xa4", 250, "", 399,
          "\xc3\xa4\xe2\x80\xa6" },
        { "no spaces before the ellipsis", "abcd   ", 60, "", 399,
          "abcd\xe2\x80\xa6" },
        { "a long address is cut", "ab ", 40,
          "(https://docs.example/aaaaaaaa"
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
          400, "bbbb\xe2\x80\xa6" },
    };
    static const rwith_judge_options options = { 0 };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[2048];
        size_t len = (size_t)snprintf(
            text, sizeof(text),
            "{\"openapi\":\"3.0.3\",\"paths\":{\"/a\":{\"get\":{"
            "\"parameters\":[{\"name\":\"k\",\"in\":\"query\","
            "\"required\":true,\"schema\":{},\"description\":\"");
        rwith_policy_builder *builder = NULL;
        rwith_policy *policy = NULL;
        rwith_missing_list missing = { .count = 0 };
        rwith_judge judged;
        rwith_decision decision;

        for (size_t n = 0; n < rows[i].count; n++) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
                                    rows[i].piece);
        }
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\"}]}}}}",
                                rows[i].last);
        if (!is_int(rwith_policy_builder_new(NULL, &builder), RWITH_OK,
                    rows[i].name) ||
            !is_int(rwith_openapi_load(builder, RWITH_LIT("a.json"),
                                       (rwith_slice){ text, len }, NULL, NULL,
                                       NULL),
                    RWITH_OK, rows[i].name) ||
            !is_int(rwith_policy_build(builder, NULL, &policy), RWITH_OK,
                    rows[i].name)) {
            rwith_policy_builder_free(builder);
            continue;
        }
        rwith_policy_hit hit =
            rwith_policy_match(policy, RWITH_LIT("GET"), RWITH_LIT("/a"));
        rwith_judge_begin(&judged, policy, &hit, false);
        rwith_judge_end(&judged, &options, &decision);
        rwith_judge_list(&judged, &options, &missing);
        rwith_slice got = missing.items[0].hint.description;
        size_t end = strlen(rows[i].end);
        is_int((long long)got.len, (long long)rows[i].len, rows[i].name);
        if (got.len >= end) {
            is_str((rwith_slice){ got.ptr + got.len - end, end }, rows[i].end,
                   rows[i].name);
        }
        rwith_policy_free(policy);
        rwith_policy_builder_free(builder);
    }
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    test_hints();
    test_descriptions();
    yajl_val vectors = vectors_read("openapi");
    for (size_t i = 0; i < vectors->u.array.len; i++) {
        yajl_val vector = vectors->u.array.values[i];

        if (tap_wants(vector_string(vector, "name"))) {
            test_vector(vector);
        }
    }
    yajl_tree_free(vectors);
    return tap_done();
}
