/*
 * The scenarios of spec/vectors/exchange.json: each is a script of events
 * with the effect that each must have.  "again" settles the exchange and
 * begins another one with the same recall.
 */
#include <retrywith/exchange.h>

#include "lib/exchange.h"
#include "tests/unit/json_vectors.h"

#define FIELDS_MAX 16
#define RECALL_LEN 65536

struct scenario {
    yajl_val row;
    const char *name;
    int step;
    rwith_dialects *set;
    rwith_supply *supply;
    rwith_recall *recall;
    void *block;
    rwith_exchange *x;
    const rwith_effect *effect;
    rwith_request req;
    rwith_field fields[FIELDS_MAX];
    rwith_field held[FIELDS_MAX];       /* of the last response */
    rwith_slice copies[2 * FIELDS_MAX]; /* its bytes, exact */
    size_t copy_count;
    uint64_t scope_key; /* of the last obtain */
};

static bool get_bool(yajl_val object, const char *key, bool otherwise)
{
    yajl_val value = vector_get(object, key);

    return value == NULL ? otherwise : YAJL_IS_TRUE(value);
}

static long long get_number(yajl_val object, const char *key,
                            long long otherwise)
{
    yajl_val value = vector_get(object, key);

    return YAJL_IS_INTEGER(value) ? YAJL_GET_INTEGER(value) : otherwise;
}

static const char *list_at(yajl_val list, size_t index)
{
    const char *s = YAJL_GET_STRING(YAJL_GET_ARRAY(list)->values[index]);

    return s != NULL ? s : "";
}

static rwith_slice of_string(const char *s)
{
    return (rwith_slice){ s, strlen(s) };
}

/* The strings of an array, "Name: value" each, as field lines. */
static size_t get_fields(yajl_val object, rwith_field *ret)
{
    yajl_val list = vector_get(object, "fields");
    size_t count = YAJL_IS_ARRAY(list) ? YAJL_GET_ARRAY(list)->len : 0;

    for (size_t i = 0; i < count && i < FIELDS_MAX; i++) {
        const char *line = list_at(list, i);
        const char *colon = strchr(line, ':');

        ret[i].name = (rwith_slice){ line, (size_t)(colon - line) };
        ret[i].value = rwith_slice_trim(of_string(colon + 1));
    }
    return count;
}

static void check(struct scenario *s, bool passed, const char *what)
{
    ok(passed, "%s: step %d: %s", s->name, s->step, what);
}

static void check_number(struct scenario *s, yajl_val step, const char *key,
                         long long got)
{
    long long want = get_number(step, key, -1);

    if (want >= 0 && want != got) {
        check(s, false, key);
        printf("#   got %lld, expected %lld\n", got, want);
    }
}

/* "Name: value" strings in any order, all of them. */
static void check_set(struct scenario *s, yajl_val step)
{
    yajl_val list = vector_get(step, "set");
    size_t count = YAJL_IS_ARRAY(list) ? YAJL_GET_ARRAY(list)->len : 0;
    bool same = list == NULL || count == s->effect->set_count;

    for (size_t i = 0; i < s->effect->set_count && list != NULL; i++) {
        const rwith_field *f = &s->effect->set[i];
        char line[512];
        bool found = false;

        snprintf(line, sizeof(line), "%.*s: %.*s", (int)f->name.len,
                 f->name.ptr, (int)f->value.len, f->value.ptr);
        for (size_t k = 0; k < count; k++) {
            found = found || strcmp(line, list_at(list, k)) == 0;
        }
        if (!found) {
            printf("#   set %s\n", line);
        }
        same = same && found;
    }
    if (list != NULL) {
        check(s, same, "set");
    }
}

static void check_members(struct scenario *s, yajl_val step)
{
    yajl_val list = vector_get(step, "members");
    size_t count = YAJL_IS_ARRAY(list) ? YAJL_GET_ARRAY(list)->len : 0;
    bool same = list == NULL || count == s->effect->member_count;

    for (size_t i = 0; i < count && same; i++) {
        const rwith_body_member *m = &s->effect->members[i];
        char line[512];

        snprintf(line, sizeof(line), "%.*s=%.*s", (int)m->pointer.len,
                 m->pointer.ptr, (int)m->value.len, m->value.ptr);
        same = strcmp(line, list_at(list, i)) == 0;
    }
    if (list != NULL) {
        check(s, same, "members");
    }
}

static const char *reason_word(rwith_reason_kind kind)
{
    static const char *const words[] = {
        "NO_VALUE",      "NOT_FILLED",  "ALREADY_SENT", "FORBIDDEN",
        "NO_BODY_PATCH", "NOT_ALLOWED", "NO_SCHEME",
    };

    return words[kind];
}

static void check_strings(struct scenario *s, yajl_val step, const char *key,
                          char (*lines)[300], size_t line_count)
{
    yajl_val list = vector_get(step, key);
    size_t count = YAJL_IS_ARRAY(list) ? YAJL_GET_ARRAY(list)->len : 0;
    bool same = count == line_count;

    for (size_t i = 0; i < count && same; i++) {
        same = strcmp(lines[i], list_at(list, i)) == 0;
    }
    if (list != NULL) {
        check(s, same, key);
        for (size_t i = 0; i < line_count && !same; i++) {
            printf("#   got %s\n", lines[i]);
        }
    }
}

static void check_report(struct scenario *s, yajl_val step)
{
    char lines[96][300];
    rwith_report report;
    const char *outcome = vector_string(step, "outcome");
    const char *explain = vector_string(step, "explain");

    rwith_exchange_report(s->x, &report);
    if (outcome != NULL) {
        bool same = strcmp(rwith_outcome_name(report.outcome), outcome) == 0;

        check(s, same, outcome);
        if (!same) {
            printf("#   got %s\n", rwith_outcome_name(report.outcome));
        }
    }
    if (explain != NULL) {
        check(s, rwith_slice_equal(report.explain, of_string(explain)),
              "explain");
    }
    for (size_t i = 0; i < report.reason_count; i++) {
        const rwith_requirement *r = &report.reasons[i].requirement;

        snprintf(lines[i], sizeof(lines[i]), "%s %.*s %s",
                 rwith_place_word(r->in), (int)r->name.len, r->name.ptr,
                 reason_word(report.reasons[i].kind));
    }
    check_strings(s, step, "reasons", lines, report.reason_count);
    check_number(s, step, "attempts", report.attempts);
    check_number(s, step, "recalled", report.recalled);
}

static void check_needs(struct scenario *s, yajl_val step)
{
    char lines[96][300];

    for (size_t i = 0; i < s->effect->need_count; i++) {
        const rwith_need *need = &s->effect->needs[i];

        snprintf(lines[i], sizeof(lines[i]), "%s %.*s%s%s",
                 rwith_place_word(need->requirement.in),
                 (int)need->requirement.name.len, need->requirement.name.ptr,
                 need->has_entry ? "" : " ask", need->is_stale ? " stale" : "");
    }
    check_strings(s, step, "needs", lines, s->effect->need_count);
}

/* Does this obtain wait for the one before, or is it another client's? */
static void check_scope(struct scenario *s, yajl_val step)
{
    const char *scope = vector_string(step, "scope");
    bool is_same = s->effect->scope_key == s->scope_key;

    if (scope != NULL) {
        check(s, is_same == (strcmp(scope, "same") == 0), scope);
    }
    if (s->effect->kind == RWITH_EFFECT_OBTAIN) {
        s->scope_key = s->effect->scope_key;
    }
}

static void check_effect(struct scenario *s, yajl_val step, int err)
{
    static const char *const words[] = { "SEND", "READ",    "NEED", "OBTAIN",
                                         "WAIT", "DELIVER", "FAIL" };
    const char *want = vector_string(step, "effect");
    const char *got =
        err != RWITH_OK ? rwith_err_name(err) : words[s->effect->kind];
    bool same = strcmp(want, got) == 0;

    check(s, same, want);
    check(s, rwith__exchange_validate(s->x), "valid");
    check_report(s, step);
    if (!same) {
        printf("#   got %s\n", got);
        return;
    }
    const char *target = vector_string(step, "target");
    if (target != NULL &&
        !rwith_slice_equal(of_string(target), s->effect->target)) {
        check(s, false, "target");
        tap_show("got     ", s->effect->target);
        tap_show("expected", of_string(target));
    }
    check_set(s, step);
    check_members(s, step);
    check_needs(s, step);
    check_number(s, step, "attempt", s->effect->attempt);
    check_number(s, step, "wait", (long long)s->effect->wait_ms);
    check_number(s, step, "auth", s->effect->driver_auth);
    check_scope(s, step);
    if (s->effect->kind == RWITH_EFFECT_DELIVER) {
        bool has = rwith_exchange_has_learned(s->x);
        unsigned learned = rwith_exchange_settle(s->x, 0);

        check(s, has == (learned > 0), "has_learned");
        check_number(s, step, "learned", learned);
    }
}

/* --- setting up ------------------------------------------------------------
 */

static void supply_make(struct scenario *s)
{
    rwith_diagnostic diag = { 0 };
    rwith_slice text = vector_slice(s->row, "supply");
    const char *fill = vector_string(s->row, "fill");

    rwith_supply_free(s->supply);
    s->supply = NULL;
    if (rwith_supply_new(NULL, &s->supply) != RWITH_OK ||
        rwith_supply_read(s->supply, text, NULL, &diag) != RWITH_OK) {
        check(s, false, diag.text);
    }
    if (fill != NULL) {
        rwith_supply_fill(s->supply, 0, of_string(fill));
    }
}

static void request_take(struct scenario *s, yajl_val from)
{
    rwith_request *req = &s->req;
    const char *method = vector_string(from, "method");
    const char *target = vector_string(from, "target");

    if (method != NULL) {
        req->method = of_string(method);
    }
    if (target != NULL) {
        req->target = of_string(target);
    }
    if (vector_get(from, "fields") != NULL) {
        req->field_count = get_fields(from, s->fields);
    }
    req->has_body = get_bool(from, "has_body", req->has_body);
    req->is_replayable = get_bool(from, "is_replayable", req->is_replayable);
    req->may_patch_body = get_bool(from, "may_patch_body", req->may_patch_body);
    req->may_add = get_bool(from, "may_add", req->may_add);
}

static void exchange_make(struct scenario *s)
{
    rwith_exchange_options options = {
        .set = s->set,
        .supply = s->supply,
        .recall = s->recall,
        .attempts_max = (unsigned)get_number(s->row, "attempts_max", 0),
        .driver_auth = get_bool(s->row, "driver_auth", false)
                           ? 1u << RWITH_AUTH_NEGOTIATE |
                                 1u << RWITH_AUTH_NTLM | 1u << RWITH_AUTH_DIGEST
                           : 0,
        .has_jar = get_bool(s->row, "has_jar", false),
        .no_retry = get_bool(s->row, "no_retry", false),
        .is_sent = get_bool(s->row, "is_sent", false),
        .may_prompt = get_bool(s->row, "may_prompt", false),
    };

    rwith_exchange_free(s->x);
    s->x = NULL;
    if (rwith_exchange_new(&options, &s->req, &s->x) != RWITH_OK) {
        printf("Bail out! no exchange\n");
        exit(1);
    }
}

static void scenario_begin(struct scenario *s, yajl_val row)
{
    static const uint8_t key[RWITH_RECALL_KEY_LEN] = { 1, 2, 3 };
    rwith_diagnostic diag = { 0 };
    rwith_slice dialects = vector_slice(row, "dialects");

    *s = (struct scenario){ .row = row, .name = vector_string(row, "name") };
    s->block = malloc(RECALL_LEN);
    if (s->block == NULL ||
        rwith_recall_init(s->block, RECALL_LEN, key, &s->recall) != RWITH_OK ||
        rwith_dialects_new(NULL, &s->set) != RWITH_OK) {
        printf("Bail out! no memory\n");
        exit(1);
    }
    if (dialects.len > 0 &&
        rwith_dialects_add(s->set, dialects, &diag) != RWITH_OK) {
        check(s, false, diag.text);
    }
    supply_make(s);
    s->req = (rwith_request){
        .method = RWITH_LIT("GET"),
        .origin = { RWITH_LIT("https"), RWITH_LIT("api.example.com"), 443 },
        .target = RWITH_LIT("/a"),
        .fields = s->fields,
        .may_add = true,
    };
    request_take(s, vector_get(row, "request"));
    exchange_make(s);
}

static void copies_drop(struct scenario *s)
{
    for (size_t i = 0; i < s->copy_count; i++) {
        tap_free(s->copies[i]);
    }
    s->copy_count = 0;
}

static void scenario_end(struct scenario *s)
{
    rwith_exchange_free(s->x);
    rwith_supply_free(s->supply);
    rwith_dialects_free(s->set);
    copies_drop(s);
    free(s->block);
}

/* --- the steps --------------------------------------------------------------
 */

static rwith_response response_take(struct scenario *s, yajl_val step,
                                    rwith_field *fields)
{
    rwith_response resp = { .status = (unsigned)get_number(step, "status", 0),
                            .fields = fields,
                            .field_count = get_fields(step, fields) };

    copies_drop(s);
    for (size_t i = 0; i < resp.field_count; i++) {
        rwith_slice *name = &s->copies[s->copy_count++];
        rwith_slice *value = &s->copies[s->copy_count++];

        *name = tap_copy(fields[i].name.ptr, fields[i].name.len);
        *value = tap_copy(fields[i].value.ptr, fields[i].value.len);
        fields[i] = (rwith_field){ *name, *value };
    }
    return resp;
}

static size_t facts_take(const struct scenario *s, yajl_val step,
                         rwith_fact *facts)
{
    yajl_val list = vector_get(step, "facts");
    size_t count = YAJL_IS_ARRAY(list) ? YAJL_GET_ARRAY(list)->len : 0;
    size_t found = 0;

    for (size_t w = 0; w < s->effect->want_count; w++) {
        for (size_t i = 0; i < count; i++) {
            yajl_val row = YAJL_GET_ARRAY(list)->values[i];

            if (rwith_slice_equal(vector_slice(row, "what"),
                                  s->effect->wants[w].what)) {
                facts[found++] = (rwith_fact){
                    .want = (uint16_t)w,
                    .index = (uint16_t)get_number(row, "index", 0),
                    .value = vector_slice(row, "value"),
                };
            }
        }
    }
    return found;
}

/* Steps that are no events; false: it is one. */
static bool other_step(struct scenario *s, const char *what, yajl_val step)
{
    rwith_diagnostic diag;

    if (strcmp(what, "again") == 0) {
        if (get_bool(step, "fresh_supply", false)) {
            supply_make(s);
        }
        request_take(s, vector_get(step, "request"));
        exchange_make(s);
    } else if (strcmp(what, "fill") == 0) {
        check(s,
              rwith_supply_fill(s->supply, 0, vector_slice(step, "value")) ==
                  RWITH_OK,
              "filled");
    } else if (strcmp(what, "give") == 0) {
        check(s,
              rwith_supply_give_line(s->supply, &s->req.origin,
                                     vector_slice(step, "line"),
                                     &diag) == RWITH_OK,
              "given");
    } else if (strcmp(what, "learn") == 0) {
        rwith_recall_hit hit = { .in = RWITH_IN_HEADER,
                                 .name = RWITH_LIT("X-Crumb"),
                                 .value = RWITH_LIT("c7"),
                                 .has_value = true };

        check(s,
              rwith_recall_learn(s->recall, &s->req, RWITH_SCOPE_JAR, &hit,
                                 1700000000) == RWITH_OK,
              "learned");
    } else {
        return false;
    }
    return true;
}

static void run_step(struct scenario *s, yajl_val step)
{
    const char *what = vector_string(step, "do");
    uint64_t now = (uint64_t)get_number(step, "at", 0);
    rwith_field fields[FIELDS_MAX];
    rwith_fact facts[64];
    int err = RWITH_EINVAL;

    if (other_step(s, what, step)) {
        return;
    }
    if (strcmp(what, "start") == 0) {
        err = rwith_exchange_start(s->x, now, 1700000000, &s->effect);
    } else if (strcmp(what, "response") == 0) {
        rwith_response resp = response_take(s, step, s->held);

        err = rwith_exchange_response(s->x, now, &resp, &s->effect);
    } else if (strcmp(what, "obtained") == 0) {
        rwith_response resp = { (unsigned)get_number(step, "status", 0),
                                { 0 },
                                fields,
                                get_fields(step, fields) };

        err = rwith_exchange_obtained(s->x, now, &resp, NULL, 0, &s->effect);
    } else if (strcmp(what, "facts") == 0) {
        err = rwith_exchange_facts(s->x, now, facts, facts_take(s, step, facts),
                                   &s->effect);
    } else if (strcmp(what, "values") == 0) {
        err = rwith_exchange_values(s->x, now, &s->effect);
    } else if (strcmp(what, "waited") == 0) {
        err = rwith_exchange_waited(s->x, now, &s->effect);
    } else if (strcmp(what, "recalled") == 0) {
        err = rwith_exchange_recalled(s->x, now, &s->effect);
    } else if (strcmp(what, "failed") == 0) {
        err = rwith_exchange_failed(s->x, now, &s->effect);
    }
    check_effect(s, step, err);
}

static void run(yajl_val row)
{
    static struct scenario s;

    if (!tap_wants(vector_string(row, "name"))) {
        return;
    }
    scenario_begin(&s, row);
    ok(vector_string(row, "cites") != NULL, "%s: cites", s.name);
    yajl_val steps = vector_get(row, "steps");
    for (size_t i = 0; i < YAJL_GET_ARRAY(steps)->len; i++) {
        s.step = (int)i + 1;
        run_step(&s, YAJL_GET_ARRAY(steps)->values[i]);
    }
    scenario_end(&s);
}

int main(int argc, char **argv)
{
    yajl_val rows = vectors_read("exchange");

    tap_start(argc, argv);
    for (size_t i = 0; i < YAJL_GET_ARRAY(rows)->len; i++) {
        run(YAJL_GET_ARRAY(rows)->values[i]);
    }
    yajl_tree_free(rows);
    return tap_done();
}
