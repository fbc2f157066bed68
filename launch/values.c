/*
 * Loads supply and dialect files and brings the values that a supply names.
 * What is done with values is the core's business.
 */
#include <launch/values.h>

#include <launch/command.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct rwith_values_entry {
    uint64_t fetched_ms; /* 0: never */
    char *command;       /* its path, as it was found at the start */
};

/* "FILE:LINE:COLUMN: text" */
static void problem_of(rwith_problem *problem, const char *path,
                       const rwith_diagnostic *at)
{
    if (at->line == 0) {
        rwith_problem_set(problem, "%s: %s", path, at->text);
    } else if (at->column == 0) {
        rwith_problem_set(problem, "%s:%zu: %s", path, at->line, at->text);
    } else {
        rwith_problem_set(problem, "%s:%zu:%zu: %s", path, at->line, at->column,
                          at->text);
    }
}

void rwith_values_problem(const rwith_supply_entry *entry, const char *where,
                          const char *text, rwith_problem *ret)
{
    const char *place = entry->in == RWITH_IN_AUTHORIZATION
                            ? "auth"
                            : rwith_place_word(entry->in);
    char line[24] = "";

    if (where != NULL && entry->line > 0) {
        snprintf(line, sizeof(line), ":%zu", entry->line);
    }
    rwith_problem_set(ret, "%s%s%s%s %.*s: %s", where != NULL ? where : "",
                      line, where != NULL ? ": " : "", place,
                      (int)entry->name.len, entry->name.ptr, text);
}

int rwith_values_check(const rwith_supply *supply, size_t first,
                       const char *where, rwith_problem *reterr)
{
    for (size_t id = first; id < rwith_supply_count(supply); id++) {
        const rwith_supply_entry *entry = rwith_supply_at(supply, id);
        rwith_problem problem;
        char *path;

        if (entry->kind != RWITH_SUPPLY_COMMAND || entry->source_count == 0) {
            continue;
        }
        path = rwith_command_find(entry->source[0]);
        if (path == NULL) {
            rwith_problem_set(&problem,
                              "the command '%.*s' is not found, give an "
                              "absolute path or one on PATH",
                              (int)entry->source[0].len, entry->source[0].ptr);
            rwith_values_problem(entry, where, problem.text, reterr);
            return RWITH_EFILE;
        }
        free(path);
        if (geteuid() == 0) {
            rwith_values_problem(entry, where,
                                 "commands are never run as root, start "
                                 "retrywith as an ordinary user",
                                 reterr);
            return RWITH_EFILE;
        }
    }
    return RWITH_OK;
}

int rwith_values_read_supply(rwith_supply *supply, const char *path,
                             rwith_problem *reterr)
{
    rwith_diagnostic at = { 0, 0, "" };
    size_t first = rwith_supply_count(supply);
    bool has_literals = false;
    rwith_file file;

    int err = rwith_file_read(path, RWITH_SUPPLY_FILE_MAX, RWITH_FILE_OWNED,
                              &file, reterr);
    if (err != RWITH_OK) {
        return err;
    }
    err = rwith_supply_read(supply, (rwith_slice){ file.ptr, file.len },
                            &has_literals, &at);
    if (err == RWITH_EFILE) {
        problem_of(reterr, path, &at);
    } else if (err != RWITH_OK) {
        rwith_problem_set(reterr, "cannot use %s, %s", path,
                          rwith_err_text(err));
    } else if (has_literals) {
        err = rwith_file_check_secret(&file, path, reterr);
    }
    if (err == RWITH_OK) {
        err = rwith_values_check(supply, first, path, reterr);
    }
    rwith_file_free(&file);
    return err;
}

int rwith_values_read_dialect(rwith_dialects *set, const char *path,
                              rwith_problem *reterr)
{
    rwith_diagnostic at = { 0, 0, "" };
    rwith_file file;

    int err = rwith_file_read(path, RWITH_DIALECT_FILE_MAX, RWITH_FILE_OWNED,
                              &file, reterr);
    if (err != RWITH_OK) {
        return err;
    }
    err = rwith_dialects_add(set, (rwith_slice){ file.ptr, file.len }, &at);
    if (err == RWITH_EFILE) {
        problem_of(reterr, path, &at);
    } else if (err != RWITH_OK) {
        rwith_problem_set(reterr, "cannot use %s, %s", path,
                          rwith_err_text(err));
    }
    rwith_file_free(&file);
    return err;
}

int rwith_values_init(rwith_values *values, rwith_supply *supply)
{
    size_t count = rwith_supply_count(supply);
    struct rwith_values_entry *entries = calloc(count + 1, sizeof(*entries));

    if (entries == NULL) {
        return RWITH_ENOMEM;
    }
    *values = (rwith_values){ supply, entries, count };
    for (size_t id = 0; id < values->count; id++) {
        const rwith_supply_entry *entry = rwith_supply_at(supply, id);

        if (entry->kind == RWITH_SUPPLY_COMMAND) {
            values->entries[id].command = rwith_command_find(entry->source[0]);
        }
    }
    return RWITH_OK;
}

void rwith_values_free(rwith_values *values)
{
    for (size_t id = 0; id < values->count; id++) {
        free(values->entries[id].command);
    }
    free(values->entries);
    *values = (rwith_values){ NULL, NULL, 0 };
}

/* What a value there must be like. */
static const char *wanted_value(const rwith_supply_entry *entry)
{
    if (entry->auth == RWITH_AUTH_BASIC || entry->auth == RWITH_AUTH_DIGEST) {
        return "it must be user:password, one line without control bytes";
    }
    return entry->in == RWITH_IN_COOKIE
               ? "it must be one line without control bytes and semicolons"
               : "it must be one line without control bytes";
}

static int value_put(rwith_values *values, size_t id, const char *what,
                     rwith_slice value, rwith_problem *reterr)
{
    int err = rwith_supply_fill(values->supply, id, value);

    if (err != RWITH_OK) {
        rwith_problem_set(reterr, "the value of %s cannot be sent, %s", what,
                          err == RWITH_ESYNTAX ? wanted_value(rwith_supply_at(
                                                     values->supply, id))
                                               : rwith_err_text(err));
    }
    return err == RWITH_ENOMEM ? err : err != RWITH_OK ? RWITH_EFILE : err;
}

static int value_from_env(rwith_values *values, size_t id, rwith_slice name,
                          rwith_problem *reterr)
{
    char text[256];

    if (name.len >= sizeof(text)) {
        rwith_problem_set(reterr, "the name of a variable is too long");
        return RWITH_EFILE;
    }
    snprintf(text, sizeof(text), "%.*s", (int)name.len, name.ptr);
    const char *value = getenv(text);
    if (value == NULL) {
        rwith_problem_set(reterr, "the variable %s is not set, set it", text);
        return RWITH_EFILE;
    }
    return value_put(values, id, text, rwith_slice_of(value), reterr);
}

static int value_from_file(rwith_values *values, size_t id, rwith_slice name,
                           rwith_problem *reterr)
{
    char *path = rwith_file_expand(name.ptr, name.len);
    rwith_file file;

    if (path == NULL) {
        return RWITH_ENOMEM;
    }
    int err = rwith_file_read(path, RWITH_SUPPLY_VALUE_MAX, RWITH_FILE_SECRET,
                              &file, reterr);
    if (err == RWITH_OK) {
        rwith_slice value = { file.ptr, file.len };

        if (value.len > 0 && value.ptr[value.len - 1] == '\n') {
            value.len--;
        }
        if (value.len > 0 && value.ptr[value.len - 1] == '\r') {
            value.len--;
        }
        err = value_put(values, id, path, value, reterr);
        rwith_file_free(&file);
    }
    free(path);
    return err;
}

static int value_from_command(rwith_values *values, size_t id,
                              const rwith_supply_entry *entry,
                              rwith_problem *reterr)
{
    rwith_file output = { NULL, 0, 0, false };
    int err = rwith_command_run(values->entries[id].command, entry->source,
                                entry->source_count, &output, reterr);

    if (err != RWITH_OK) {
        return err;
    }
    const char *end = memchr(output.ptr, '\n', output.len);
    rwith_slice value = { output.ptr, end != NULL ? (size_t)(end - output.ptr)
                                                  : output.len };
    if (value.len > 0 && value.ptr[value.len - 1] == '\r') {
        value.len--;
    }
    err = value_put(values, id, "a command's output", value, reterr);
    rwith_file_free(&output);
    return err;
}

static int value_bring(rwith_values *values, size_t id, uint64_t now_ms,
                       rwith_problem *reterr)
{
    const rwith_supply_entry *entry = rwith_supply_at(values->supply, id);
    struct rwith_values_entry *state;
    rwith_slice value;
    bool is_filled = rwith_supply_value(values->supply, id, &value);

    if (entry->kind == RWITH_SUPPLY_LITERAL ||
        entry->kind == RWITH_SUPPLY_ASK || entry->kind == RWITH_SUPPLY_NONE) {
        return RWITH_OK;
    }
    if (id >= values->count) { /* it joined the supply later */
        rwith_problem_set(reterr, "a value is not brought, it came too late");
        return RWITH_EFILE;
    }
    state = &values->entries[id];
    if (state->fetched_ms != 0 &&
        (is_filled || entry->kind == RWITH_SUPPLY_COMMAND) &&
        now_ms < state->fetched_ms + RWITH_COMMAND_EVERY_MS) {
        if (!is_filled) {
            rwith_problem_set(reterr, "a command failed less than a minute "
                                      "ago, it is not run again yet");
        }
        return is_filled ? RWITH_OK : RWITH_EFILE;
    }
    state->fetched_ms = now_ms;
    switch (entry->kind) {
    case RWITH_SUPPLY_ENV:
        return value_from_env(values, id, entry->source[0], reterr);
    case RWITH_SUPPLY_FILE:
        return value_from_file(values, id, entry->source[0], reterr);
    default:
        return value_from_command(values, id, entry, reterr);
    }
}

int rwith_values_fill(rwith_values *values, size_t id, uint64_t now_ms,
                      const char *where, rwith_problem *reterr)
{
    rwith_problem problem = { "out of memory" };
    int err = value_bring(values, id, now_ms, &problem);

    if (err != RWITH_OK) {
        rwith_values_problem(rwith_supply_at(values->supply, id), where,
                             problem.text, reterr);
    }
    return err;
}
