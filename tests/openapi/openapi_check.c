/*
 * Loads a document and judges the requests on standard input against it, for
 * tests/openapi/: one JSON value a line in, one a line out.
 *
 *     openapi_check [--base-path PATH] [--warnings] FILE < requests
 *
 * The first line out tells what was loaded, or the error (exit status 1).
 * A request is {"m": method, "t": target, "f": [[name, value], ...],
 * "b": body}; its answer is {"o": template, "v": verdict, "s": status,
 * "i": [[in, name, choice, alternative], ...]}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/resource.h>

#include <retrywith/policy.h>
#include <yajl/yajl_tree.h>

#include "body/members.h"
#include "openapi/openapi.h"

#define LINE_MAX_LEN ((size_t)16 * 1024 * 1024)
#define FIELD_MAX    128

static bool tells_warnings;

static void put_string(rwith_slice text)
{
    putchar('"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '"' || c == '\\') {
            putchar('\\');
            putchar(c);
        } else if (c < 0x20) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void put_problem(const rwith_openapi_problem *problem)
{
    printf("[");
    put_string(rwith_slice_of(problem->file));
    printf(",");
    put_string(rwith_slice_of(problem->pointer));
    printf(",%zu,", problem->diagnostic.line);
    put_string(rwith_slice_of(problem->diagnostic.text));
    printf("]");
}

static void on_warning(void *user, const rwith_openapi_problem *problem)
{
    size_t *count = user;

    if (tells_warnings) {
        printf("{\"warning\":");
        put_problem(problem);
        printf("}\n");
    }
    (*count)++;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void put_counts(const rwith_openapi_counts *counts,
                       const rwith_policy *policy, double load_s,
                       double build_s)
{
    rwith_policy_counts made = rwith_policy_count(policy);
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("{\"documents\":%zu,\"bytes\":%zu,\"memory\":%zu,"
           "\"operations\":%zu,\"judged\":%zu,\"skipped\":%zu,"
           "\"warnings\":%zu,\"steps\":%llu,\"policy\":%zu,\"needs\":{",
           counts->documents, counts->bytes, counts->memory, counts->operations,
           counts->operations_judged, counts->operations_skipped,
           counts->warnings, (unsigned long long)counts->steps, made.memory);
    for (int in = 0; in < RWITH_PLACE_COUNT; in++) {
        printf("%s\"%s\":%zu", in > 0 ? "," : "",
               rwith_place_word((rwith_place)in), made.needs[in]);
    }
    printf("},\"load_s\":%.3f,\"build_s\":%.3f,\"rss_mib\":%ld}\n", load_s,
           build_s, usage.ru_maxrss / 1024);
}

static rwith_slice text_of(yajl_val object, const char *key)
{
    const char *path[] = { key, NULL };
    yajl_val value = yajl_tree_get(object, path, yajl_t_string);

    return rwith_slice_of(value != NULL ? YAJL_GET_STRING(value) : NULL);
}

static void judge_body(rwith_judge *judge, rwith_slice body,
                       rwith_missing_list *missing, rwith_decision *decision)
{
    static const rwith_judge_options options = { 0 };
    rwith_body_check *check = NULL;

    if (rwith_body_check_new(NULL, decision->members, decision->content_type,
                             decision->content_encoding, NULL,
                             &check) != RWITH_OK) {
        abort();
    }
    rwith_body_check_feed(check, body.ptr, body.len);
    rwith_body_verdict verdict = rwith_body_check_finish(check, missing);
    bool is_unread = verdict == RWITH_BODY_UNJUDGED;
    rwith_judge_body(judge, &options, is_unread ? NULL : missing,
                     verdict == RWITH_BODY_MALFORMED, decision);
    rwith_body_check_free(check);
}

static void judge(const rwith_policy *policy, yajl_val request)
{
    static const rwith_judge_options options = { 0 };
    const char *fields_path[] = { "f", NULL };
    rwith_missing_list missing = { .count = 0 };
    rwith_judge state;
    rwith_decision decision;
    yajl_val fields = yajl_tree_get(request, fields_path, yajl_t_array);
    rwith_slice body = text_of(request, "b");
    rwith_policy_hit hit = rwith_policy_match(policy, text_of(request, "m"),
                                              text_of(request, "t"));

    rwith_judge_begin(&state, policy, &hit, body.len > 0);
    for (size_t i = 0; fields != NULL && i < YAJL_GET_ARRAY(fields)->len; i++) {
        yajl_val *pair = YAJL_GET_ARRAY(fields)->values[i]->u.array.values;

        rwith_judge_field(&state, rwith_slice_of(YAJL_GET_STRING(pair[0])),
                          rwith_slice_of(YAJL_GET_STRING(pair[1])));
    }
    rwith_judge_end(&state, &options, &decision);
    if (decision.action == RWITH_ACTION_NEEDS_BODY) {
        judge_body(&state, body, &missing, &decision);
    } else if (decision.action == RWITH_ACTION_REFUSE) {
        rwith_judge_list(&state, &options, &missing);
    }
    printf("{\"o\":");
    put_string(hit.operation == RWITH_POLICY_NO_OPERATION
                   ? (rwith_slice){ NULL, 0 }
                   : rwith_policy_template(policy, hit.operation));
    printf(",\"v\":\"%s\",\"s\":%u,\"i\":[",
           rwith_verdict_word(decision.verdict), decision.status);
    for (size_t i = 0; i < missing.count; i++) {
        const rwith_missing *item = &missing.items[i];

        printf("%s[\"%s\",", i > 0 ? "," : "", rwith_place_word(item->in));
        put_string(item->name);
        printf(",%u,%u]", item->choice, item->alternative);
    }
    printf("]}\n");
}

static int judge_all(const rwith_policy *policy)
{
    char *line = malloc(LINE_MAX_LEN);
    char error[200];

    if (line == NULL) {
        return 2;
    }
    while (fgets(line, (int)LINE_MAX_LEN, stdin) != NULL) {
        yajl_val request = yajl_tree_parse(line, error, sizeof(error));

        if (request == NULL) {
            fprintf(stderr, "openapi_check: %s\n", error);
            free(line);
            return 2;
        }
        judge(policy, request);
        yajl_tree_free(request);
    }
    free(line);
    return 0;
}

static int check(const char *path, rwith_openapi_options *options)
{
    rwith_policy_builder *builder = NULL;
    rwith_policy *policy = NULL;
    rwith_openapi_counts counts;
    rwith_openapi_problem problem = { .file = "" };
    double begin = seconds();
    int err = rwith_policy_builder_new(NULL, &builder);

    if (err == RWITH_OK) {
        err =
            rwith_openapi_load_file(builder, path, options, &counts, &problem);
    }
    double loaded = seconds();
    if (err == RWITH_OK) {
        err = rwith_policy_build(builder, NULL, &policy);
    }
    double built = seconds();
    rwith_policy_builder_free(builder);
    if (err != RWITH_OK) {
        printf("{\"error\":\"%s\",\"problem\":", rwith_err_name(err));
        put_problem(&problem);
        printf("}\n");
        return 1;
    }
    put_counts(&counts, policy, loaded - begin, built - loaded);
    int status = judge_all(policy);
    rwith_policy_free(policy);
    return status;
}

int main(int argc, char **argv)
{
    size_t warnings = 0;
    rwith_openapi_options options = { .warn = on_warning,
                                      .warn_user = &warnings };
    const char *path = NULL;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--warnings") == 0) {
            tells_warnings = true;
        } else if (strcmp(argv[i], "--base-path") == 0 && i + 1 < argc) {
            options.has_base_path = true;
            options.base_path = rwith_slice_of(argv[++i]);
        } else {
            path = argv[i];
        }
    }
    if (path == NULL) {
        fputs("usage: openapi_check [--base-path PATH] [--warnings] FILE\n",
              stderr);
        return 2;
    }
    return check(path, &options);
}
