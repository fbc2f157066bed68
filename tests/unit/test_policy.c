/*
 * What requests lack: each vector of spec/vectors/policy.json is a set of
 * rules and a request; then the builder's limits and errors, and every
 * allocation failed once.
 */
#include <retrywith/policy.h>
#include <retrywith/rules.h>

#include "json_vectors.h"

/* "header X-A, query b": what is listed, the others behind "or". */
static void describe(const rwith_missing_list *list, char *text, size_t size)
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        const rwith_missing *item = &list->items[i];
        const char *before = i == 0 ? "" : ", ";

        if (item->alternative > 0 &&
            item->alternative != list->items[i - 1].alternative) {
            before = " or ";
        }
        len += (size_t)snprintf(text + len, size - len, "%s%s %.*s", before,
                                rwith_place_word(item->in), (int)item->name.len,
                                item->name.ptr);
        if (item->name.len == 0) {
            text[--len] = '\0';
        }
    }
}

static bool flag(yajl_val vector, const char *name)
{
    return YAJL_IS_TRUE(vector_get(vector, name));
}

static rwith_credentials_mode credentials_of(yajl_val vector)
{
    const char *word = vector_string(vector, "credentials");

    return word == NULL                ? RWITH_CREDENTIALS_401
           : strcmp(word, "449") == 0  ? RWITH_CREDENTIALS_449
           : strcmp(word, "pass") == 0 ? RWITH_CREDENTIALS_PASS
                                       : RWITH_CREDENTIALS_401;
}

/* "Name: value" lines into the judge, from exact-size copies. */
static void judge_fields(rwith_judge *judge, yajl_val fields,
                         rwith_slice *copies)
{
    for (size_t i = 0; YAJL_IS_ARRAY(fields) && i < fields->u.array.len; i++) {
        const char *line = YAJL_GET_STRING(fields->u.array.values[i]);
        size_t name_len = strcspn(line, ":");

        copies[i] = tap_copy(line, strlen(line));
        rwith_judge_field(judge, (rwith_slice){ copies[i].ptr, name_len },
                          (rwith_slice){ copies[i].ptr + name_len + 1,
                                         copies[i].len - name_len - 1 });
    }
}

/* "Bearer + header X-Key | " : alternatives of the first operation. */
static void add_security(rwith_policy_builder *builder, yajl_val security)
{
    for (size_t a = 0; YAJL_IS_ARRAY(security) && a < security->u.array.len;
         a++) {
        yajl_val set = security->u.array.values[a];
        rwith_policy_need needs[8];
        size_t count = 0;

        for (size_t i = 0; i < set->u.array.len; i++) {
            const char *text = YAJL_GET_STRING(set->u.array.values[i]);
            const char *space = strchr(text, ' ');
            rwith_slice word = { text, (size_t)(space - text) };

            needs[count] =
                (rwith_policy_need){ .name = rwith_slice_of(space + 1) };
            rwith_place_of_word(word, &needs[count++].in);
        }
        rwith_policy_add_alternative(builder, 0, needs, count);
    }
}

/* "length": bytes that are announced, -1: unknown; "waits": for a 100. */
static void judge_length(rwith_judge *judge, yajl_val vector)
{
    yajl_val length = vector_get(vector, "length");

    if (length != NULL) {
        rwith_judge_content(judge, (uint64_t)YAJL_GET_INTEGER(length),
                            flag(vector, "waits"));
    }
}

/* "body": "malformed", "unread", or what it lacks, the last two as a choice
   where there are three. */
static void judge_body(rwith_judge *judge, yajl_val body,
                       const rwith_judge_options *options,
                       rwith_missing_list *list, rwith_decision *decision)
{
    const char *word = YAJL_GET_STRING(body);
    rwith_missing_list missing = { 0 };

    for (size_t i = 0; YAJL_IS_ARRAY(body) && i < body->u.array.len; i++) {
        bool is_choice = body->u.array.len == 3 && i > 0;
        rwith_missing item = {
            .in = RWITH_IN_BODY,
            .name = rwith_slice_of(YAJL_GET_STRING(body->u.array.values[i])),
            .choice = is_choice,
            .alternative = is_choice && i == 2,
        };

        missing.choices = is_choice;
        rwith_missing_add(&missing, &item);
    }
    rwith_judge_body(judge, options,
                     word != NULL && strcmp(word, "unread") == 0 ? NULL
                                                                 : &missing,
                     word != NULL && strcmp(word, "malformed") == 0, decision);
    if (decision->verdict == RWITH_VERDICT_MISSING) {
        rwith_judge_list(judge, options, list);
        rwith_missing_append(list, &missing);
    }
}

/* Where no field matters, the decision is the same without them. */
static bool is_same_bare(const rwith_policy *policy,
                         const rwith_policy_hit *hit, yajl_val vector,
                         const rwith_judge_options *options,
                         const rwith_decision *decision)
{
    rwith_judge judge;
    rwith_decision bare;

    rwith_judge_begin(&judge, policy, hit, flag(vector, "has_body"));
    judge_length(&judge, vector);
    if (rwith_judge_wants_fields(&judge)) {
        return true;
    }
    rwith_judge_end(&judge, options, &bare);
    return bare.action == decision->action &&
           bare.verdict == decision->verdict && bare.status == decision->status;
}

static void run_vector(yajl_val vector)
{
    const char *name = vector_string(vector, "name");
    rwith_policy_builder *builder;
    rwith_policy *policy = NULL;
    rwith_diagnostic diag = { 0 };
    char got[1024];

    rwith_policy_builder_new(NULL, &builder);
    int err = rwith_rules_read(builder, RWITH_LIT(""),
                               vector_slice(vector, "rules"), &diag);
    add_security(builder, vector_get(vector, "security"));
    if (err != RWITH_OK || rwith_policy_build(builder, NULL, &policy) != 0) {
        ok(false, "%s: the rules are read (%s)", name, diag.text);
    } else {
        rwith_judge_options options = {
            .credentials = credentials_of(vector),
            .report_only = flag(vector, "report_only"),
            .unknown_refuse = flag(vector, "unknown_refuse"),
        };
        rwith_slice copies[64] = { 0 };
        rwith_slice method = vector_slice(vector, "method");
        rwith_slice raw = vector_slice(vector, "target");
        rwith_slice target = tap_copy(raw.ptr, raw.len);
        rwith_policy_hit hit = rwith_policy_match(policy, method, target);
        rwith_judge judge;
        rwith_decision decision;
        rwith_missing_list list = { 0 };
        static const char *const actions[] = { "pass", "refuse", "needs-body" };

        rwith_judge_begin(&judge, policy, &hit, flag(vector, "has_body"));
        judge_length(&judge, vector);
        judge_fields(&judge, vector_get(vector, "fields"), copies);
        rwith_judge_end(&judge, &options, &decision);
        if (!is_same_bare(policy, &hit, vector, &options, &decision)) {
            ok(false, "%s: fields were wanted", name);
        }
        if (decision.action == RWITH_ACTION_NEEDS_BODY &&
            vector_get(vector, "body") != NULL) {
            judge_body(&judge, vector_get(vector, "body"), &options, &list,
                       &decision);
        } else if (decision.status != 0) {
            rwith_judge_list(&judge, &options, &list);
        }
        describe(&list, got, sizeof(got));
        char result[1400];
        snprintf(result, sizeof(result), "%s %s %u.%u %s",
                 actions[decision.action], rwith_verdict_word(decision.verdict),
                 decision.status, decision.substatus, got);
        is_str(rwith_slice_of(result), vector_string(vector, "expected"), name);
        for (size_t i = 0; i < 64; i++) {
            tap_free(copies[i]);
        }
        tap_free(target);
    }
    rwith_policy_free(policy);
    rwith_policy_builder_free(builder);
}

/* Which requests' fields are looked at. */
static void run_wants(void)
{
    static const struct {
        const char *name, *method, *target;
        bool has_body, wants;
    } rows[] = {
        { "nothing is needed", "GET", "/none", false, false },
        { "an optional tree, no body", "PUT", "/body", false, false },
        { "the same with a body", "PUT", "/body", true, true },
        { "a needed field", "GET", "/field", false, true },
        { "a needed query", "GET", "/query", false, true },
        { "a needed query that is there", "GET", "/query?q=1", false, true },
        { "a needed body", "POST", "/content", false, true },
        { "a preflight", "OPTIONS", "/none", false, true },
        { "no operation", "GET", "/else", false, false },
        { "two readings, one of them needs", "GET", "/none/../field", false,
          true },
    };
    rwith_policy_builder *builder;
    rwith_policy *policy;
    rwith_policy_need field = { .in = RWITH_IN_HEADER, .name = RWITH_LIT("X") };
    rwith_policy_need query = { .in = RWITH_IN_QUERY, .name = RWITH_LIT("q") };
    uint32_t o;

    rwith_policy_builder_new(NULL, &builder);
    rwith_policy_add_operation(builder, RWITH_LIT("GET"), RWITH_LIT(""),
                               RWITH_LIT("/none"), &o, NULL);
    rwith_policy_add_operation(builder, RWITH_LIT("GET"), RWITH_LIT(""),
                               RWITH_LIT("/none/../field"), &o, NULL);
    rwith_policy_add_operation(builder, RWITH_LIT("PUT"), RWITH_LIT(""),
                               RWITH_LIT("/body"), &o, NULL);
    rwith_policy_add_media(builder, o, RWITH_LIT("*/*"), RWITH_BODY_FORMAT_ALL,
                           RWITH_MEMBERS_NONE);
    rwith_policy_add_operation(builder, RWITH_LIT("GET"), RWITH_LIT(""),
                               RWITH_LIT("/field"), &o, NULL);
    rwith_policy_add_need(builder, o, &field);
    rwith_policy_add_operation(builder, RWITH_LIT("GET"), RWITH_LIT(""),
                               RWITH_LIT("/query"), &o, NULL);
    rwith_policy_add_need(builder, o, &query);
    rwith_policy_add_operation(builder, RWITH_LIT("POST"), RWITH_LIT(""),
                               RWITH_LIT("/content"), &o, NULL);
    rwith_policy_require_body(builder, o, NULL);
    rwith_policy_build(builder, NULL, &policy);
    rwith_policy_builder_free(builder);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_policy_hit hit =
            rwith_policy_match(policy, rwith_slice_of(rows[i].method),
                               rwith_slice_of(rows[i].target));
        rwith_judge judge;

        rwith_judge_begin(&judge, policy, &hit, rows[i].has_body);
        ok(rwith_judge_wants_fields(&judge) == rows[i].wants, "wanted: %s",
           rows[i].name);
    }
    rwith_policy_free(policy);
}

/* --- the builder --------------------------------------------------------- */

static void run_errors(void)
{
    static const struct {
        const char *name, *method, *base, *template_;
        int err;
    } rows[] = {
        { "plain", "GET", "", "/a", RWITH_OK },
        { "any token is a method", "X-Y", "/v1/", "/a", RWITH_OK },
        { "no method", "", "", "/a", RWITH_EINVAL },
        { "a method with a space", "G T", "", "/a", RWITH_EINVAL },
        { "no template", "GET", "", "", RWITH_EINVAL },
        { "no slash", "GET", "", "a", RWITH_EINVAL },
        { "base without a slash", "GET", "v1", "/a", RWITH_EINVAL },
        { "query in a template", "GET", "", "/a?b", RWITH_EINVAL },
        { "fragment in a template", "GET", "", "/a#b", RWITH_EINVAL },
        { "open brace", "GET", "", "/a/{b", RWITH_EINVAL },
        { "closing brace alone", "GET", "", "/a/b}", RWITH_EINVAL },
        { "brace over a slash", "GET", "", "/{a/b}", RWITH_EINVAL },
        { "control byte", "GET", "", "/a\x01", RWITH_EINVAL },
        { "escaped control byte", "GET", "", "/a%02", RWITH_EINVAL },
    };
    rwith_policy_builder *builder;
    uint32_t operation = 77, again;
    bool is_new;

    rwith_policy_builder_new(NULL, &builder);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t got = 77;
        int err = rwith_policy_add_operation(
            builder, rwith_slice_of(rows[i].method),
            rwith_slice_of(rows[i].base), rwith_slice_of(rows[i].template_),
            &got, NULL);

        is_int(err, rows[i].err, rows[i].name);
        ok((err == RWITH_OK) == (got != 77), "%s: result", rows[i].name);
    }
    rwith_policy_add_operation(builder, RWITH_LIT("GET"), RWITH_LIT("/b"),
                               RWITH_LIT("/{x}"), &operation, &is_new);
    ok(is_new, "a new shape");
    rwith_policy_add_operation(builder, RWITH_LIT("GET"), RWITH_LIT("/b/"),
                               RWITH_LIT("/{other}"), &again, &is_new);
    ok(!is_new && again == operation, "the same shape by other names");
    rwith_policy_need need = { .in = RWITH_IN_HEADER,
                               .name = RWITH_LIT("X Y") };
    is_int(rwith_policy_add_need(builder, operation, &need), RWITH_EINVAL,
           "a header field that is no token");
    need.name = RWITH_LIT("X");
    is_int(rwith_policy_add_need(builder, 9999, &need), RWITH_EINVAL,
           "no such operation");
    int err = RWITH_OK;
    for (int i = 0; i < RWITH_POLICY_NEED_MAX + 1 && err == RWITH_OK; i++) {
        char name[16];

        snprintf(name, sizeof(name), "X-%d", i);
        need.name = rwith_slice_of(name);
        err = rwith_policy_add_need(builder, operation, &need);
    }
    is_int(err, RWITH_EFULL, "one need too many");
    rwith_policy_builder_free(builder);
}

/* --- every allocation failed once ---------------------------------------- */

static int build_all(const rwith_alloc *mem)
{
    static const char rules[] =
        "GET /a/{b}.{c}: header X, query y, cookie z \"why\"\n"
        "POST /a/{b}: body /a/b, body /c, authorization basic\n"
        "COPY,MOVE /**: header Destination\n";
    rwith_policy_builder *builder = NULL;
    rwith_policy *policy = NULL;
    rwith_diagnostic diag;
    int err = rwith_policy_builder_new(mem, &builder);

    if (err == RWITH_OK) {
        err =
            rwith_rules_read(builder, RWITH_LIT("/v1"),
                             (rwith_slice){ rules, sizeof(rules) - 1 }, &diag);
    }
    if (err == RWITH_OK) {
        err = rwith_policy_build(builder, mem, &policy);
    }
    rwith_policy_free(policy);
    rwith_policy_builder_free(builder);
    return err;
}

static void run_allocations(void)
{
    struct tap_memory memory = { .fail_at = SIZE_MAX };
    rwith_alloc mem = tap_alloc(&memory);

    is_int(build_all(&mem), RWITH_OK, "built with a counting allocator");
    size_t calls = memory.calls, wrong = 0;
    for (size_t k = 0; k < calls; k++) {
        memory = (struct tap_memory){ .fail_at = k };
        wrong += build_all(&mem) != RWITH_ENOMEM || memory.live != 0;
    }
    ok(calls > 50, "%zu allocations were counted", calls);
    is_int((long long)wrong, 0, "each of them failed once: ENOMEM, no leak");
}

int main(int argc, char **argv)
{
    yajl_val vectors = vectors_read("policy");

    tap_start(argc, argv);
    for (size_t i = 0; i < vectors->u.array.len; i++) {
        if (tap_wants(vector_string(vectors->u.array.values[i], "name"))) {
            run_vector(vectors->u.array.values[i]);
        }
    }
    yajl_tree_free(vectors);
    run_wants();
    run_errors();
    run_allocations();
    return tap_done();
}
