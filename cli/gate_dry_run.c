/*
 * gate_dry_run.c: `retrywith gate --dry-run`: reads documents and rules as
 * the module would, and tells what they come to.
 */
#define _GNU_SOURCE

#include <cli/gate.h>

#include <cli/commands.h>
#include <launch/file.h>
#include <openapi/openapi.h>

#include <retrywith/policy.h>
#include <retrywith/rules.h>
#include <retrywith/trust.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_gen.h>

/* What was read, and how it is told. */
struct account {
    rwith_policy_builder *builder;
    rwith_policy_counts counts;
    size_t warnings;
    size_t reading; /* most bytes that reading one document took */
    double seconds;
    yajl_gen json; /* NULL: for people */
};

static double clock_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- JSON ---------------------------------------------------------------- */

static void put_key(yajl_gen json, const char *key)
{
    yajl_gen_string(json, (const unsigned char *)key, strlen(key));
}

static void put_text(yajl_gen json, const char *key, const char *text)
{
    char shown[1200];

    put_key(json, key);
    rwith_trust_escape(rwith_slice_of(text), shown, sizeof(shown));
    yajl_gen_string(json, (const unsigned char *)shown, strlen(shown));
}

static void put_number(yajl_gen json, const char *key, size_t number)
{
    put_key(json, key);
    yajl_gen_integer(json, (long long)number);
}

/* --- reading ------------------------------------------------------------- */

static void show_problem(const rwith_openapi_problem *problem, char *buf,
                         size_t buf_len)
{
    char file[600];
    char pointer[1200];

    rwith_trust_escape(rwith_slice_of(problem->file), file, sizeof(file));
    rwith_trust_escape(rwith_slice_of(problem->pointer), pointer,
                       sizeof(pointer));
    if (problem->diagnostic.line == 0) { /* it could not be opened */
        snprintf(buf, buf_len, "%s: %s", file, problem->diagnostic.text);
    } else {
        snprintf(buf, buf_len, "%s:%zu: %s, at \"%s\"", file,
                 problem->diagnostic.line, problem->diagnostic.text, pointer);
    }
}

static void warn(void *user, const rwith_openapi_problem *problem)
{
    struct account *account = user;
    char text[2200];

    account->warnings++;
    if (account->json == NULL) {
        show_problem(problem, text, sizeof(text));
        printf("  warning: %s\n", text);
        return;
    }
    yajl_gen_map_open(account->json);
    put_text(account->json, "file", problem->file);
    put_number(account->json, "line", problem->diagnostic.line);
    put_text(account->json, "pointer", problem->pointer);
    put_text(account->json, "text", problem->diagnostic.text);
    yajl_gen_map_close(account->json);
}

static void begin_document(struct account *account, const char *path)
{
    char shown[1200];

    if (account->json != NULL) {
        yajl_gen_map_open(account->json);
        put_text(account->json, "file", path);
        put_key(account->json, "warnings");
        yajl_gen_array_open(account->json);
        return;
    }
    rwith_trust_escape(rwith_slice_of(path), shown, sizeof(shown));
    printf("%s\n", shown);
}

static void end_document(struct account *account,
                         const rwith_openapi_counts *counts)
{
    if (account->json == NULL) {
        printf("  %zu operations, %zu of them judged; %zu warnings; %zu "
               "files, %zu bytes\n",
               counts->operations, counts->operations_judged, counts->warnings,
               counts->documents, counts->bytes);
        return;
    }
    yajl_gen_array_close(account->json);
    put_number(account->json, "operations", counts->operations);
    put_number(account->json, "judged", counts->operations_judged);
    put_number(account->json, "skipped", counts->operations_skipped);
    put_number(account->json, "files", counts->documents);
    put_number(account->json, "bytes", counts->bytes);
    yajl_gen_map_close(account->json);
}

static int read_document(struct account *account, const rwith_gate *gate,
                         const char *path)
{
    rwith_openapi_options options = {
        .has_base_path = gate->base_path != NULL,
        .base_path = rwith_slice_of(gate->base_path),
        .warn = warn,
        .warn_user = account,
    };
    rwith_openapi_counts counts = { 0 };
    rwith_openapi_problem problem = { .file = "" };
    char text[2200];

    begin_document(account, path);
    int err = rwith_openapi_load_file(account->builder, path, &options, &counts,
                                      &problem);
    end_document(account, &counts);
    if (counts.memory > account->reading) {
        account->reading = counts.memory;
    }
    if (err == RWITH_OK) {
        return 0;
    }
    if (err == RWITH_ENOMEM) {
        rwith_complain("%s: %s", path, rwith_err_text(err));
        return RWITH_EXIT_LIMIT;
    }
    show_problem(&problem, text, sizeof(text));
    rwith_complain("%s", text);
    return RWITH_EXIT_FILE;
}

static int read_rules(struct account *account, const rwith_gate *gate,
                      rwith_slice text, const char *name)
{
    rwith_diagnostic diag;
    rwith_slice base = rwith_slice_of(name != NULL ? gate->base_path : NULL);
    int err = rwith_rules_read(account->builder, base, text, &diag);

    if (err == RWITH_OK) {
        return 0;
    }
    if (err != RWITH_EFILE) {
        rwith_complain("%s", rwith_err_text(err));
        return RWITH_EXIT_LIMIT;
    }
    if (name == NULL) {
        rwith_complain("--require: column %zu: %s", diag.column, diag.text);
        return RWITH_EXIT_USAGE;
    }
    rwith_complain("%s:%zu:%zu: %s", name, diag.line, diag.column, diag.text);
    return RWITH_EXIT_FILE;
}

static int read_rules_file(struct account *account, const rwith_gate *gate,
                           const char *path)
{
    rwith_file file = { 0 };
    rwith_problem problem;

    if (rwith_file_read(path, RWITH_RULES_FILE_MAX, RWITH_FILE_ANY, &file,
                        &problem) != RWITH_OK) {
        rwith_complain("%s", problem.text);
        return RWITH_EXIT_FILE;
    }
    int status =
        read_rules(account, gate, (rwith_slice){ file.ptr, file.len }, path);
    rwith_file_free(&file);
    return status;
}

static int read_all(struct account *account, const rwith_gate *gate)
{
    int status = 0;

    for (size_t i = 0; status == 0 && i < gate->documents.count; i++) {
        status = read_document(account, gate, gate->documents.items[i]);
    }
    for (size_t i = 0; status == 0 && i < gate->rules.count; i++) {
        status = read_rules_file(account, gate, gate->rules.items[i]);
    }
    for (size_t i = 0; status == 0 && i < gate->requires.count; i++) {
        status = read_rules(account, gate,
                            rwith_slice_of(gate->requires.items[i]), NULL);
    }
    return status;
}

static int build(struct account *account)
{
    rwith_policy *policy = NULL;
    int err = rwith_policy_build(account->builder, NULL, &policy);

    if (err != RWITH_OK) {
        rwith_complain("%s", rwith_err_text(err));
        return RWITH_EXIT_LIMIT;
    }
    account->counts = rwith_policy_count(policy);
    rwith_policy_free(policy);
    return 0;
}

/* --- telling ------------------------------------------------------------- */

static void tell(const struct account *account)
{
    printf("\n%-28s%8zu\n", "operations", account->counts.operations);
    for (unsigned in = 0; in < RWITH_PLACE_COUNT; in++) {
        char row[40];

        snprintf(row, sizeof(row), "%s %s", "  needs in",
                 rwith_place_word((rwith_place)in));
        printf("%-28s%8zu%s\n", row, account->counts.needs[in],
               in == RWITH_IN_BODY ? "  (operations whose body is looked into)"
                                   : "");
    }
    printf("%-28s%8zu\n", "warnings", account->warnings);
    printf("%-28s%8.3f s\n", "time", account->seconds);
    printf("%-28s%8.1f MiB, and %.1f MiB while it is read\n", "memory",
           (double)account->counts.memory / (1 << 20),
           (double)account->reading / (1 << 20));
}

static void tell_json(const struct account *account)
{
    const unsigned char *text;
    size_t len;
    yajl_gen json = account->json;

    yajl_gen_array_close(json);
    put_number(json, "operations", account->counts.operations);
    put_key(json, "needs");
    yajl_gen_map_open(json);
    for (unsigned in = 0; in < RWITH_PLACE_COUNT; in++) {
        put_number(json, rwith_place_word((rwith_place)in),
                   account->counts.needs[in]);
    }
    yajl_gen_map_close(json);
    put_number(json, "warnings", account->warnings);
    put_key(json, "seconds");
    yajl_gen_double(json, account->seconds);
    put_number(json, "memory", account->counts.memory);
    put_number(json, "memory_while_reading", account->reading);
    yajl_gen_map_close(json);
    yajl_gen_get_buf(json, &text, &len);
    fwrite(text, 1, len, stdout);
}

static bool begin_json(struct account *account)
{
    account->json = yajl_gen_alloc(NULL);
    if (account->json == NULL) {
        rwith_complain("out of memory");
        return false;
    }
    yajl_gen_config(account->json, yajl_gen_beautify, 1);
    yajl_gen_config(account->json, yajl_gen_indent_string, "  ");
    yajl_gen_map_open(account->json);
    put_key(account->json, "documents");
    yajl_gen_array_open(account->json);
    return true;
}

int rwith_gate_dry_run(const rwith_gate *gate, bool as_json)
{
    struct account account = { 0 };
    double start = clock_s();
    int status = rwith_gate_check_policy(gate);

    if (status == 0 && as_json && !begin_json(&account)) {
        status = RWITH_EXIT_LIMIT;
    }
    if (status == 0 &&
        rwith_policy_builder_new(NULL, &account.builder) != RWITH_OK) {
        rwith_complain("out of memory");
        status = RWITH_EXIT_LIMIT;
    }
    if (status == 0) {
        status = read_all(&account, gate);
    }
    if (status == 0) {
        status = build(&account);
    }
    account.seconds = clock_s() - start;
    if (status == 0 && as_json) {
        tell_json(&account);
    } else if (status == 0) {
        tell(&account);
    }
    if (account.json != NULL) {
        yajl_gen_free(account.json);
    }
    rwith_policy_builder_free(account.builder);
    return status;
}
