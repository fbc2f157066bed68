/* Facts of a body: the shared vectors, truncation, limits, memory. */
#include "body/facts.h"

#include "json_vectors.h"

#define FACTS_MAX 64

struct found {
    rwith_fact facts[FACTS_MAX];
    size_t count;
    char buf[4096];
};

static void find(struct found *found, rwith_slice type, const char *body,
                 size_t len, const rwith_fact_want *wants, size_t want_count)
{
    rwith_slice copy = tap_copy(body, len);

    found->count = rwith_body_facts(type, copy, wants, want_count, found->facts,
                                    FACTS_MAX, found->buf, sizeof(found->buf));
    tap_free(copy);
}

static bool same_as_vector(const rwith_fact *got, yajl_val want)
{
    yajl_val *part = YAJL_GET_ARRAY(want)->values;
    rwith_slice value = rwith_slice_of(YAJL_GET_STRING(part[2]));

    return got->want == YAJL_GET_INTEGER(part[0]) &&
           got->index == YAJL_GET_INTEGER(part[1]) &&
           rwith_slice_equal(got->value, value);
}

static size_t read_wants(yajl_val vector, rwith_fact_want *wants)
{
    yajl_val list = vector_get(vector, "wants");
    size_t count = YAJL_GET_ARRAY(list)->len;

    for (size_t i = 0; i < count; i++) {
        yajl_val want = YAJL_GET_ARRAY(list)->values[i];
        bool is_json = vector_string(want, "json") != NULL;

        wants[i].kind = is_json ? RWITH_FACT_JSON : RWITH_FACT_CONTAINS;
        wants[i].what = vector_slice(want, is_json ? "json" : "contains");
    }
    return count;
}

static void check_vector(yajl_val vector)
{
    const char *name = vector_string(vector, "name");
    rwith_slice body = vector_slice(vector, "body");
    yajl_val expected = vector_get(vector, "facts");
    rwith_fact_want wants[RWITH_FACT_WANT_MAX];
    size_t want_count = read_wants(vector, wants);
    size_t expected_count = YAJL_GET_ARRAY(expected)->len;
    struct found found;

    find(&found, vector_slice(vector, "type"), body.ptr, body.len, wants,
         want_count);
    bool same = found.count == expected_count;
    for (size_t i = 0; same && i < found.count; i++) {
        same = same_as_vector(&found.facts[i],
                              YAJL_GET_ARRAY(expected)->values[i]);
    }
    if (!ok(same, "%s", name)) {
        tap_show("body", body);
        for (size_t i = 0; i < found.count; i++) {
            printf("#   got want %u index %u\n", found.facts[i].want,
                   found.facts[i].index);
            tap_show("value", found.facts[i].value);
        }
    }
}

/* Cut anywhere, a body gives a beginning of the facts of the whole one. */
static void check_truncations(yajl_val vector)
{
    rwith_slice body = vector_slice(vector, "body");
    rwith_fact_want wants[RWITH_FACT_WANT_MAX];
    size_t want_count = read_wants(vector, wants);
    struct found whole, part;
    bool passed = true;

    for (size_t i = 0; i < want_count; i++) {
        if (wants[i].kind == RWITH_FACT_CONTAINS) {
            return; /* stands before the others, whatever is cut */
        }
    }
    find(&whole, RWITH_LIT("text/json"), body.ptr, body.len, wants, want_count);
    for (size_t len = 0; len < body.len; len++) {
        find(&part, RWITH_LIT("text/json"), body.ptr, len, wants, want_count);
        passed = passed && part.count <= whole.count;
        for (size_t i = 0; passed && i < part.count; i++) {
            passed =
                part.facts[i].want == whole.facts[i].want &&
                part.facts[i].index == whole.facts[i].index &&
                rwith_slice_equal(part.facts[i].value, whole.facts[i].value);
        }
    }
    ok(passed, "%s: cut anywhere", vector_string(vector, "name"));
}

static void check_types(void)
{
    static const struct {
        const char *type;
        bool is_json;
    } rows[] = {
        { "application/json", true },
        { "Application/JSON ; charset=UTF-8", true },
        { "application/problem+json", true },
        { "text/json", true },
        { "application/vnd.api+JSON;v=1", true },
        { "application/jsonp", false },
        { "application/json-seq", false },
        { "application/x+jsonx", false },
        { "+json", false },
        { "text/html;x=+json", false },
        { "", false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_slice type = tap_copy(rows[i].type, strlen(rows[i].type));

        ok(rwith_body_is_json(type) == rows[i].is_json, "type \"%s\"",
           rows[i].type);
        tap_free(type);
    }
}

/* A member, and then that many opening brackets. */
static void check_depth(size_t depth)
{
    rwith_fact_want want = { RWITH_FACT_JSON, RWITH_LIT("/a") };
    char *body = malloc(depth + 11);
    struct found found;

    memcpy(body, "{\"a\":1,", 7);
    memcpy(body + 7, "\"b\":", 4);
    memset(body + 11, '[', depth);
    find(&found, RWITH_LIT("application/json"), body, depth + 11, &want, 1);
    is_int((long long)found.count, 1, "facts before the deep part");
    free(body);
}

static void check_limits(void)
{
    rwith_fact_want want = { RWITH_FACT_JSON, RWITH_LIT("/*") };
    rwith_slice type = RWITH_LIT("application/json");
    rwith_fact facts[2] = { 0 };
    char buf[4];

    size_t count = rwith_body_facts(type, RWITH_LIT("[\"abc\",\"de\",\"f\",1]"),
                                    &want, 1, facts, 2, buf, sizeof(buf));
    is_int((long long)count, 2, "as many facts as there is room for");
    is_str(facts[0].value, "abc", "the first fits");
    is_str(facts[1].value, "f", "what does not fit is left out whole");
    is_int(facts[1].index, 2, "and does not shift the others");
    count = rwith_body_facts(type, RWITH_LIT("[1]"), &want, 1, facts, 0, buf,
                             sizeof(buf));
    is_int((long long)count, 0, "no room at all");
    check_depth(10);
    check_depth(60000);
}

/* Every allocation failed once: fewer facts, nothing left behind. */
static void check_memory(void)
{
    rwith_slice body = RWITH_LIT("{\"a\":\"x\",\"b\":[[{\"c\":\"\\u0041\"}]]}");
    rwith_fact_want wants[] = { { RWITH_FACT_JSON, RWITH_LIT("/a") },
                                { RWITH_FACT_JSON, RWITH_LIT("/b/0/0/c") } };
    struct tap_memory memory = { .fail_at = SIZE_MAX };
    rwith_alloc mem = tap_alloc(&memory);
    struct found found;

    for (size_t fail = 0;; fail++) {
        memory = (struct tap_memory){ .fail_at = fail };
        found.count = rwith_body_facts_in(
            &mem, RWITH_LIT("application/json"), body, wants, 2, found.facts,
            FACTS_MAX, found.buf, sizeof(found.buf));
        is_int((long long)memory.live, 0, "nothing is left allocated");
        if (memory.calls <= fail) {
            break;
        }
        ok(found.count <= 1, "allocation %zu fails: no fact is made up", fail);
    }
    is_int((long long)found.count, 2, "with memory both are found");
}

/* Strings as long as the prefix stay within the limit of the memory. */
static void check_long_strings(void)
{
    rwith_fact_want want = { RWITH_FACT_JSON, RWITH_LIT("/1") };
    static char body[RWITH_CHALLENGE_BODY_MAX + 100];
    struct found found;

    memset(body, 'x', sizeof(body));
    memcpy(body, "[\"\\n", 4);
    memcpy(body + RWITH_CHALLENGE_BODY_MAX - 10, "\",\"end\" ]", 9);
    find(&found, RWITH_LIT(""), body, sizeof(body), &want, 1);
    is_int((long long)found.count, 1, "behind a string of 64 KiB");
    memset(body + RWITH_CHALLENGE_BODY_MAX - 10, 'x', 10);
    memcpy(body + RWITH_CHALLENGE_BODY_MAX, "\",\"end\" ]", 9);
    find(&found, RWITH_LIT(""), body, sizeof(body), &want, 1);
    is_int((long long)found.count, 0, "past the limit nothing is seen");
}

int main(int argc, char **argv)
{
    yajl_val vectors = vectors_read("facts");

    tap_start(argc, argv);
    for (size_t i = 0; i < YAJL_GET_ARRAY(vectors)->len; i++) {
        yajl_val vector = YAJL_GET_ARRAY(vectors)->values[i];

        if (tap_wants(vector_string(vector, "name"))) {
            check_vector(vector);
            check_truncations(vector);
        }
    }
    yajl_tree_free(vectors);
    check_types();
    check_limits();
    check_memory();
    check_long_strings();
    return tap_done();
}
