/*
 * relay_run.c: a relay's life: its dialects and values are read, handed to
 * nginx, and read again when that is asked for or a minute has passed.
 */
#define _GNU_SOURCE

#include <launch/relay.h>

#include <launch/handover.h>
#include <launch/instance.h>
#include <launch/say.h>
#include <launch/values.h>

#include <retrywith/trust.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* What refreshes need. */
struct life {
    const rwith_relay *relay;
    rwith_handover handover;
    rwith_supply *supply; /* as it was last read; NULL: not yet */
    uint64_t loaded_ms;
    bool has_values;
    bool changes_by_itself; /* values of files and commands are among them */
};

static uint64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

static int say_problem(int err, const rwith_problem *problem)
{
    if (err == RWITH_EFILE) {
        rwith_say("%s", problem->text);
        return RWITH_LAUNCH_FILE;
    }
    rwith_say("%s", rwith_err_text(err));
    return RWITH_LAUNCH_LIMIT;
}

/* --- dialects ------------------------------------------------------------- */

static int check_only(const rwith_relay *relay, rwith_dialects *set)
{
    rwith_slice unknown = { NULL, 0 };
    char shown[200];
    char known[1000] = "";
    int err =
        relay->only != NULL
            ? rwith_dialects_only(set, rwith_slice_of(relay->only), &unknown)
            : RWITH_OK;

    if (err == RWITH_OK) {
        return 0;
    }
    rwith_trust_escape(unknown, shown, sizeof(shown));
    for (size_t i = 0; i < rwith_dialects_count(set); i++) {
        rwith_slice name = rwith_dialects_name(set, i);

        if (strlen(known) + name.len + 3 < sizeof(known)) {
            snprintf(known + strlen(known), sizeof(known) - strlen(known),
                     "%s%.*s", i > 0 ? ", " : "", (int)name.len, name.ptr);
        }
    }
    rwith_say("'%s' in --only is no dialect, these are known: %s", shown,
              known);
    return RWITH_LAUNCH_USAGE;
}

/* The module reads them too; here an error is still a start's. */
static int check_dialects(const rwith_relay *relay)
{
    rwith_dialects *set = NULL;
    rwith_problem problem;
    int err = rwith_dialects_new(NULL, &set);
    int status;

    for (size_t i = 0; err == RWITH_OK && i < relay->dialects.count; i++) {
        err =
            rwith_values_read_dialect(set, relay->dialects.items[i], &problem);
    }
    status =
        err == RWITH_OK ? check_only(relay, set) : say_problem(err, &problem);
    rwith_dialects_free(set);
    return status;
}

/* --- values --------------------------------------------------------------- */

static int give_line(rwith_supply *supply, const rwith_relay *relay,
                     const char *line)
{
    rwith_diagnostic diag;
    int err = rwith_supply_give_line(supply, &relay->upstream.origin,
                                     rwith_slice_of(line), &diag);

    if (err == RWITH_OK) {
        return 0;
    }
    if (err == RWITH_EFILE) {
        rwith_say("--give: %s", diag.text);
        return RWITH_LAUNCH_USAGE;
    }
    return say_problem(err, NULL);
}

/* --user is sent unasked, as curl does: plain servers ask by a 401, which is
 * the client's own business. */
static int give_user(rwith_supply *supply, const rwith_relay *relay)
{
    static const char form[] = "origin %.*s://%.*s:%u\nauth basic value '";
    size_t max = 600 + 4 * strlen(relay->user);
    char *text = malloc(max);
    rwith_diagnostic diag;
    int err = RWITH_ENOMEM;

    if (text != NULL) {
        int start =
            snprintf(text, max, form, (int)relay->upstream.origin.scheme.len,
                     relay->upstream.origin.scheme.ptr,
                     (int)relay->upstream.origin.host.len,
                     relay->upstream.origin.host.ptr,
                     (unsigned)relay->upstream.origin.port);
        char *end = text + start;

        for (const char *p = relay->user; *p != '\0'; p++) {
            end = *p == '\'' ? stpcpy(end, "'\\''") : end + 1;
            end[-1] = *p;
        }
        end = stpcpy(end, "' send always\n");
        err = rwith_supply_read(
            supply, (rwith_slice){ text, (size_t)(end - text) }, NULL, &diag);
        rwith_wipe(text, max);
        free(text);
    }
    if (err == RWITH_EFILE) {
        rwith_say("--user wants NAME:PASSWORD, on one line");
        return RWITH_LAUNCH_USAGE;
    }
    return err == RWITH_OK ? 0 : say_problem(err, NULL);
}

/* What the files and the command line say; no value is fetched yet.
 * ret_from_file: so many of the entries are the file's. */
static int read_supply(const rwith_relay *relay, rwith_supply *supply,
                       size_t *ret_from_file)
{
    rwith_problem problem;
    int status = 0;
    int err = RWITH_OK;

    if (relay->supply != NULL) {
        err = rwith_values_read_supply(supply, relay->supply, &problem);
        if (err != RWITH_OK) {
            return say_problem(err, &problem);
        }
    }
    size_t first = *ret_from_file = rwith_supply_count(supply);
    for (size_t i = 0; status == 0 && i < relay->gives.count; i++) {
        status = give_line(supply, relay, relay->gives.items[i]);
    }
    if (status == 0 && relay->user != NULL) {
        status = give_user(supply, relay);
    }
    if (status == 0) {
        err = rwith_values_check(supply, first, "--give", &problem);
        status = err == RWITH_OK ? 0 : say_problem(err, &problem);
    }
    return status;
}

static bool same_words(const rwith_supply_entry *a, const rwith_supply_entry *b)
{
    if (a->kind != b->kind || a->source_count != b->source_count) {
        return false;
    }
    for (size_t i = 0; i < a->source_count; i++) {
        if (!rwith_slice_equal(a->source[i], b->source[i])) {
            return false;
        }
    }
    return true;
}

/* Rule of trust 7: no command is run twice within a minute; until then its
 * last value counts, also when SIGHUP asks. */
static bool keep_command(const struct life *life, rwith_supply *supply,
                         size_t id, uint64_t now_ms)
{
    const rwith_supply_entry *entry = rwith_supply_at(supply, id);
    rwith_slice value;
    size_t old;

    return entry->kind == RWITH_SUPPLY_COMMAND && life->supply != NULL &&
           now_ms - life->loaded_ms < RWITH_COMMAND_EVERY_MS &&
           rwith_supply_find(life->supply, &entry->origin, entry->in,
                             entry->name, &old) &&
           same_words(entry, rwith_supply_at(life->supply, old)) &&
           rwith_supply_value(life->supply, old, &value) &&
           rwith_supply_fill(supply, id, value) == RWITH_OK;
}

/* Members of a body are never given here: a body passes as it is. */
static int check_lines(const rwith_supply *supply, size_t id, const char *where,
                       rwith_problem *reterr)
{
    const rwith_supply_entry *entry = rwith_supply_at(supply, id);

    if (entry->in == RWITH_IN_BODY || rwith_handover_takes(supply, id)) {
        return RWITH_OK;
    }
    rwith_values_problem(entry, where,
                         "the value has line breaks, a relay gives values of "
                         "one line",
                         reterr);
    return RWITH_EFILE;
}

/* What is for another origin is nobody's here, and is not looked for. */
static int fill(const struct life *life, rwith_supply *supply, size_t from_file,
                bool *ret_has_run)
{
    rwith_values values = { 0 };
    rwith_problem problem;
    uint64_t now_ms = clock_ms();
    int err = rwith_values_init(&values, supply);

    *ret_has_run = false;
    for (size_t id = 0; err == RWITH_OK && id < rwith_supply_count(supply);
         id++) {
        const rwith_supply_entry *entry = rwith_supply_at(supply, id);
        const char *where = id < from_file ? life->relay->supply : "--give";

        if (!rwith_origin_equal(&entry->origin,
                                &life->relay->upstream.origin)) {
            continue;
        }
        if (!keep_command(life, supply, id, now_ms)) {
            *ret_has_run = *ret_has_run || entry->kind == RWITH_SUPPLY_COMMAND;
            err = rwith_values_fill(&values, id, now_ms, where, &problem);
        }
        if (err == RWITH_OK) {
            err = check_lines(supply, id, where, &problem);
        }
    }
    rwith_values_free(&values);
    return err == RWITH_OK ? 0 : say_problem(err, &problem);
}

static bool changes_by_itself(const rwith_supply *supply)
{
    for (size_t id = 0; id < rwith_supply_count(supply); id++) {
        rwith_supply_kind kind = rwith_supply_at(supply, id)->kind;

        if (kind == RWITH_SUPPLY_FILE || kind == RWITH_SUPPLY_COMMAND) {
            return true;
        }
    }
    return false;
}

/* Read, fetch, hand over.  What nginx has stays when anything is wrong. */
static int load(struct life *life, bool *ret_is_new)
{
    rwith_supply *supply = NULL;
    size_t from_file = 0;
    bool has_run;
    int status = RWITH_LAUNCH_LIMIT;

    *ret_is_new = false;
    if (rwith_supply_new(NULL, &supply) != RWITH_OK) {
        rwith_say("out of memory");
        return status;
    }
    status = read_supply(life->relay, supply, &from_file);
    if (status == 0) {
        status = fill(life, supply, from_file, &has_run);
    }
    if (status == 0) {
        status = rwith_handover_put(&life->handover, supply, ret_is_new);
    }
    if (status == 0) {
        life->has_values = rwith_supply_count(supply) > 0;
        life->changes_by_itself = changes_by_itself(supply);
        if (has_run || life->supply == NULL) {
            life->loaded_ms = clock_ms();
        }
        rwith_supply_free(life->supply);
        life->supply = supply;
        supply = NULL;
    }
    rwith_supply_free(supply);
    return status;
}

static rwith_refresh refresh(void *user, bool is_asked)
{
    struct life *life = user;
    bool is_new;
    int status;

    if (!is_asked && !life->changes_by_itself) {
        return RWITH_REFRESH_SAME;
    }
    status = load(life, &is_new);
    if (status == 0 && is_asked) {
        status = check_dialects(life->relay);
    }
    if (status != 0) {
        rwith_say("the values and files that were read before are kept");
        return RWITH_REFRESH_BAD;
    }
    return is_new ? RWITH_REFRESH_NEW : RWITH_REFRESH_SAME;
}

/* --- the whole ------------------------------------------------------------ */

/* nginx reads that one while it serves, and root's workers are nobody. */
static int check_password_file(const rwith_relay *relay,
                               const rwith_instance *instance)
{
    struct stat st;

    if (relay->password_file == NULL || instance->folder.user[0] == '\0' ||
        strcmp(instance->folder.user, "root") == 0 ||
        stat(relay->password_file, &st) != 0 || (st.st_mode & S_IROTH) != 0) {
        return 0;
    }
    rwith_say("--client-password-file %s cannot be read by the workers, which "
              "are not root: start it as the user who owns the file, or let "
              "others read it (chmod o+r)",
              relay->password_file);
    return RWITH_LAUNCH_FILE;
}

static int serve(void *user, rwith_instance *instance,
                 const rwith_listener *listener)
{
    struct life *life = user;
    const rwith_relay *relay = life->relay;
    bool is_printed = relay->front.print_config;
    rwith_conf conf = { 0 };
    rwith_instance_plan plan = {
        .word = "relay",
        .listener = listener,
        .conf = &conf,
        .reads_files =
            relay->upstream.cert != NULL || relay->upstream.cacert != NULL,
        .refresh = refresh,
        .refresh_ms = RWITH_COMMAND_EVERY_MS,
        .handover_fd = life->handover.fd,
        .user = life,
    };
    int status = is_printed ? 0
                            : rwith_relay_check_exposure(relay, listener,
                                                         life->has_values);

    if (status == 0 && !is_printed) {
        status = check_password_file(relay, instance);
    }
    if (status == 0) {
        rwith_relay_put_conf(relay, instance, listener,
                             is_printed ? relay->supply : life->handover.path,
                             &conf);
        status = rwith_front_serve(&relay->front, instance, &plan, "");
    }
    rwith_conf_free(&conf);
    return status;
}

int rwith_relay_run(rwith_relay *relay)
{
    struct life life = { .relay = relay, .handover = { .fd = -1 } };
    bool is_new;
    int status = rwith_relay_check(relay);

    if (status == 0) {
        status = check_dialects(relay);
    }
    if (status == 0 && !relay->front.print_config) {
        status = rwith_handover_open(&life.handover);
        if (status == 0) {
            status = load(&life, &is_new);
        }
    }
    if (status == 0) {
        status = rwith_front_open(&relay->front, serve, &life);
    }
    rwith_handover_close(&life.handover);
    rwith_supply_free(life.supply);
    return status;
}
