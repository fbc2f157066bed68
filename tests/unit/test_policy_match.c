/*
 * The walk of a policy against a matcher that tries every template in turn,
 * on random sets; and the readings of a target, one by one.
 */
#include <retrywith/policy.h>

#include "tap.h"

static uint64_t random_state = 0x449449449u;

static unsigned random_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % limit;
}

/* --- one by one ---------------------------------------------------------- */

static const char *const methods_and_paths[] = {
    "GET /",
    "GET /pets",
    "GET /pets/",
    "GET /pets/mine/food",
    "GET /pets/{id}/toys",
    "GET /pets/{id}",
    "POST /pets/{id}",
    "GET /pets/mine",
    "HEAD /only-head",
    "GET /a/{b}.{c}",
    "GET /a/{b}",
    "GET /a/v{n}",
    "GET /a/{x}-{y}.json",
    "GET /sp ace/%C3%A9",
    "GET /f/g(x={x})",
    "GET /slash/a%2Fb",
    "COPY /**",
    "GET /deep/**",
    "GET /deep/here",
    "GET /{one}/{two}/end",
};

static const struct row {
    const char *name, *method, *target, *template_;
} rows[] = {
    { "root", "GET", "/", "/" },
    { "concrete", "GET", "/pets", "/pets" },
    { "a final slash is another path", "GET", "/pets/", "/pets/" },
    { "no dead end behind a concrete segment", "GET", "/pets/mine/toys",
      "/pets/{id}/toys" },
    { "concrete before templated", "GET", "/pets/mine", "/pets/mine" },
    { "the templated one has the method", "POST", "/pets/mine", "/pets/{id}" },
    { "an empty segment is no parameter", "GET", "/pets//toys", "/pets/{id}" },
    { "HEAD is judged as GET", "HEAD", "/pets", "/pets" },
    { "HEAD of its own", "HEAD", "/only-head", "/only-head" },
    { "GET is not judged as HEAD", "GET", "/only-head", "" },
    { "methods have case", "get", "/pets", "" },
    { "two parameters in a segment", "GET", "/a/x.y", "/a/{b}.{c}" },
    { "three dots", "GET", "/a/x.y.z", "/a/{b}.{c}" },
    { "a pattern wants a byte for each", "GET", "/a/.x", "/a/{b}" },
    { "prefix pattern", "GET", "/a/v2", "/a/v{n}" },
    { "prefix alone is no match", "GET", "/a/v", "/a/{b}" },
    { "more literal bytes first", "GET", "/a/p-q.json", "/a/{x}-{y}.json" },
    { "escapes are decoded on both sides", "GET", "/sp%20ace/%c3%a9",
      "/sp ace/%C3%A9" },
    { "raw UTF-8", "GET", "/sp%20ace/\xc3\xa9", "/sp ace/%C3%A9" },
    { "function call", "GET", "/f/g(x=1)", "/f/g(x={x})" },
    { "function call, escaped", "GET", "/f/g%28x%3D1%29", "/f/g(x={x})" },
    { "escaped slash in a template", "GET", "/slash/a%2fb", "/slash/a%2Fb" },
    { "rest", "COPY", "/x/y/z", "/**" },
    { "rest of nothing", "COPY", "/", "/**" },
    { "rest behind a segment", "GET", "/deep/a/b", "/deep/**" },
    { "rest that is empty", "GET", "/deep", "/deep/**" },
    { "concrete before the rest", "GET", "/deep/here", "/deep/here" },
    { "query does not matter", "GET", "/pets?x=/mine", "/pets" },
    { "fragment does not matter", "GET", "/pets#x", "/pets" },
    { "absolute form", "GET", "http://h:80/pets?q", "/pets" },
    { "absolute form without a path", "GET", "http://h", "/" },
    { "absolute form, query only", "GET", "http://h?x", "/" },
    { "asterisk", "OPTIONS", "*", "" },
    { "empty", "GET", "", "" },
    { "no slash", "GET", "pets", "" },
    { "unknown", "GET", "/nothing", "" },
    { "dot segments are resolved", "GET", "/x/../pets", "/pets" },
    { "escaped dot segments are resolved", "GET", "/x/%2e%2E/pets", "/pets" },
    { "backslash is a slash", "GET", "/pets\\mine", "/pets/mine" },
    { "escaped slash is a slash", "GET", "/pets%2Fmine", "/pets/mine" },
    { "slashes are merged", "GET", "//pets", "/pets" },
    { "broken escape is itself", "GET", "/pets/%zz", "/pets/{id}" },
    { "escape at the end", "GET", "/pets/%2", "/pets/{id}" },
    { "above the root", "GET", "/../../pets", "/pets" },
    { "a dot at the end is a slash", "GET", "/pets/.", "/pets/{id}" },
};

static void run_rows(void)
{
    rwith_policy_builder *builder;
    rwith_policy *policy;
    uint32_t operation;

    rwith_policy_builder_new(NULL, &builder);
    for (size_t i = 0;
         i < sizeof(methods_and_paths) / sizeof(methods_and_paths[0]); i++) {
        const char *space = strchr(methods_and_paths[i], ' ');
        rwith_slice method = { methods_and_paths[i],
                               (size_t)(space - methods_and_paths[i]) };

        is_int(rwith_policy_add_operation(builder, method, RWITH_LIT(""),
                                          rwith_slice_of(space + 1), &operation,
                                          NULL),
               RWITH_OK, methods_and_paths[i]);
    }
    rwith_policy_build(builder, NULL, &policy);
    rwith_policy_builder_free(builder);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!tap_wants(rows[i].name)) {
            continue;
        }
        rwith_slice target = tap_copy(rows[i].target, strlen(rows[i].target));
        rwith_policy_hit hit =
            rwith_policy_match(policy, rwith_slice_of(rows[i].method), target);

        is_str(rwith_policy_template(policy, hit.operation), rows[i].template_,
               rows[i].name);
        tap_free(target);
    }
    rwith_policy_hit hit = rwith_policy_match(policy, RWITH_LIT("GET"),
                                              RWITH_LIT("/pets/a%2Ftoys"));
    is_str(rwith_policy_template(policy, hit.operation), "/pets/{id}",
           "two readings: as it stands");
    is_str(rwith_policy_template(policy, hit.other), "/pets/{id}/toys",
           "two readings: normalised");
    hit = rwith_policy_match(policy, RWITH_LIT("GET"), RWITH_LIT("/x/../pets"));
    ok(hit.is_unknown, "a reading that leads nowhere is told");
    rwith_policy_free(policy);
}

/* --- random sets --------------------------------------------------------- */

#define TEMPLATES_MAX 40
#define SEGMENTS_MAX  5

#define PIECE_MAX 32

/* Longer ones than a node or its first numbers hold, too. */
#define LONG "aabbccaabbccaabbccaabbc"
static const char *const pieces[] = { "a",      "b",         "{p}",
                                      "{p}",    "{p}.b",     "a{p}",
                                      "{p}{q}", LONG "a",    LONG "ab",
                                      LONG "b", LONG "abcc", LONG "{p}" };

static const char *const verbs[] = { "GET",   "POST",    "PUT", "DELETE",
                                     "PATCH", "OPTIONS", "LOCK" };

/* A template, cut; the last segment may be any rest. */
struct plain {
    const char *segments[SEGMENTS_MAX];
    size_t count;
    bool has_rest;
    const char *verb;
    char text[SEGMENTS_MAX * (PIECE_MAX + 1) + 8];
};

/* Does the segment fit: every split is tried. */
static bool plain_fits(const char *pattern, const char *text)
{
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '{') {
        const char *rest = strchr(pattern, '}') + 1;

        for (size_t i = 1; i <= strlen(text); i++) {
            if (plain_fits(rest, text + i)) {
                return true;
            }
        }
        return false;
    }
    return *pattern == *text && plain_fits(pattern + 1, text + 1);
}

/* Concrete, then more literal bytes, then a whole parameter. */
static int plain_rank(const char *segment)
{
    int literals = 0;
    bool has_parameter = strchr(segment, '{') != NULL;

    for (const char *p = segment; *p != '\0'; p++) {
        if (*p == '{') {
            p = strchr(p, '}');
        } else {
            literals++;
        }
    }
    return !has_parameter ? 1000 : strcmp(segment, "{p}") == 0 ? -1 : literals;
}

/* Is template a the better one of two that fit?  From the left. */
static bool plain_is_better(const struct plain *a, const struct plain *b)
{
    for (size_t i = 0; i < SEGMENTS_MAX + 1; i++) {
        int x = i < a->count ? plain_rank(a->segments[i]) : -2 - a->has_rest;
        int y = i < b->count ? plain_rank(b->segments[i]) : -2 - b->has_rest;

        if (x != y) {
            return x > y;
        }
    }
    return false;
}

static const struct plain *plain_match(const struct plain *set, size_t count,
                                       const char *verb,
                                       char request[][PIECE_MAX],
                                       size_t segments)
{
    const struct plain *best = NULL;

    for (size_t t = 0; t < count; t++) {
        bool fits = set[t].verb == verb &&
                    (set[t].count == segments ||
                     (set[t].has_rest && set[t].count < segments));

        for (size_t i = 0; fits && i < set[t].count; i++) {
            fits = plain_fits(set[t].segments[i], request[i]);
        }
        if (fits && (best == NULL || plain_is_better(&set[t], best))) {
            best = &set[t];
        }
    }
    return best;
}

static void plain_make(struct plain *plain)
{
    size_t len = 0;

    plain->count = 1 + random_below(SEGMENTS_MAX);
    plain->has_rest = random_below(8) == 0;
    plain->verb = verbs[random_below(sizeof(verbs) / sizeof(verbs[0]))];
    for (size_t i = 0; i < plain->count; i++) {
        plain->segments[i] =
            pieces[random_below(sizeof(pieces) / sizeof(pieces[0]))];
        len += (size_t)snprintf(plain->text + len, sizeof(plain->text) - len,
                                "/%s", plain->segments[i]);
    }
    snprintf(plain->text + len, sizeof(plain->text) - len, "%s",
             plain->has_rest ? "/**" : "");
}

/* A few letters; or many, nearly those of a piece. */
static void request_segment(char *to)
{
    size_t n = 1 + random_below(3);

    if (random_below(3) == 0) {
        n += sizeof(LONG) - 2 + random_below(3);
        memcpy(to, LONG, sizeof(LONG) - 1);
    }
    for (size_t c = n < sizeof(LONG) ? 0 : sizeof(LONG) - 1; c < n; c++) {
        to[c] = "abc."[random_below(c == 0 ? 3 : 4)];
    }
    to[n] = '\0';
}

/* One random request, judged twice; false: there is a difference. */
static bool compare_request(const rwith_policy *policy, const struct plain *set,
                            size_t count)
{
    char request[SEGMENTS_MAX][PIECE_MAX], target[256] = "";
    const char *verb = verbs[random_below(sizeof(verbs) / sizeof(verbs[0]))];
    size_t segments = 1 + random_below(SEGMENTS_MAX), len = 0;

    for (size_t i = 0; i < segments; i++) {
        request_segment(request[i]);
        len += (size_t)snprintf(target + len, sizeof(target) - len, "/%s",
                                request[i]);
    }
    if (random_below(2) == 0) {
        len += (size_t)snprintf(target + len, sizeof(target) - len, "?%.*s",
                                (int)random_below(40),
                                "a=aabbccaabbccaabbccaabbcaabbccaabbccaabbcc");
    }
    const struct plain *want = plain_match(set, count, verb, request, segments);
    char *exact = malloc(len);
    memcpy(exact, target, len);
    rwith_policy_hit hit = rwith_policy_match(policy, rwith_slice_of(verb),
                                              (rwith_slice){ exact, len });
    free(exact);
    rwith_slice got = rwith_policy_template(policy, hit.operation);
    rwith_slice method = rwith_policy_method(policy, hit.operation);

    if (rwith_slice_equal(got,
                          rwith_slice_of(want != NULL ? want->text : "")) &&
        (want == NULL || rwith_slice_equal(method, rwith_slice_of(verb)))) {
        return true;
    }
    printf("# %s %s: got %.*s, expected %s\n", verb, target, (int)got.len,
           got.ptr, want != NULL ? want->text : "none");
    return false;
}

/* One random set, many random requests. Returns the differences. */
static size_t compare_set(void)
{
    static struct plain set[TEMPLATES_MAX];
    rwith_policy_builder *builder;
    rwith_policy *policy;
    size_t count = 1 + random_below(TEMPLATES_MAX), differences = 0;
    uint32_t operation;

    rwith_policy_builder_new(NULL, &builder);
    for (size_t t = 0; t < count; t++) {
        plain_make(&set[t]);
        rwith_policy_add_operation(builder, rwith_slice_of(set[t].verb),
                                   RWITH_LIT(""), rwith_slice_of(set[t].text),
                                   &operation, NULL);
    }
    rwith_policy_build(builder, NULL, &policy);
    rwith_policy_builder_free(builder);
    for (int r = 0; r < 100; r++) {
        differences += !compare_request(policy, set, count);
    }
    rwith_policy_free(policy);
    return differences;
}

/* --- many children, many methods ----------------------------------------- */

#define CHILDREN 700

/* Siblings of one length that differ at one byte each, wherever it is. */
static void child_path(char *to, size_t size, unsigned child)
{
    snprintf(to, size, "/%03u/aabbccaabbccaabbccaabbcc%03u/%03u%027u", child,
             child, child, child);
}

static void run_children(void)
{
    rwith_policy_builder *builder;
    rwith_policy *policy;
    char path[128];
    uint32_t operation;
    size_t wrong = 0;

    rwith_policy_builder_new(NULL, &builder);
    for (unsigned i = 0; i < CHILDREN; i++) {
        child_path(path, sizeof(path), i);
        rwith_policy_add_operation(builder, RWITH_LIT("GET"), RWITH_LIT("/x"),
                                   rwith_slice_of(strrchr(path, '/')),
                                   &operation, NULL);
        rwith_policy_add_operation(builder, RWITH_LIT("GET"), RWITH_LIT(""),
                                   rwith_slice_of(path), &operation, NULL);
    }
    rwith_policy_build(builder, NULL, &policy);
    rwith_policy_builder_free(builder);
    for (unsigned i = 0; i < CHILDREN + 50; i++) {
        child_path(path, sizeof(path), i);
        rwith_policy_hit hit =
            rwith_policy_match(policy, RWITH_LIT("GET"), rwith_slice_of(path));
        rwith_slice want = rwith_slice_of(i < CHILDREN ? path : "");

        wrong += !rwith_slice_equal(
            rwith_policy_template(policy, hit.operation), want);
    }
    is_int((long long)wrong, 0, "700 siblings, and 50 that are none");
    rwith_policy_free(policy);
}

/* As many as there may be at one path, and as many at another, in turn. */
static void run_methods(void)
{
    rwith_policy_builder *builder;
    rwith_policy *policy;
    char method[16];
    uint32_t operation;
    size_t wrong = 0;
    int err = RWITH_OK;

    rwith_policy_builder_new(NULL, &builder);
    for (unsigned i = 0; i < RWITH_POLICY_METHOD_MAX && err == RWITH_OK; i++) {
        snprintf(method, sizeof(method), "%s%u", i % 2 ? "M" : "LONGER-", i);
        err = rwith_policy_add_operation(builder, rwith_slice_of(method),
                                         RWITH_LIT(""), RWITH_LIT("/a"),
                                         &operation, NULL);
        if (err == RWITH_OK && i % 64 == 0) {
            err = rwith_policy_add_operation(builder, rwith_slice_of(method),
                                             RWITH_LIT(""), RWITH_LIT("/b"),
                                             &operation, NULL);
        }
    }
    is_int(err, RWITH_OK, "255 methods are taken");
    is_int(rwith_policy_add_operation(builder, RWITH_LIT("ONE-MORE"),
                                      RWITH_LIT(""), RWITH_LIT("/c"),
                                      &operation, NULL),
           RWITH_ERANGE, "one more is not");
    is_int(rwith_policy_add_operation(builder, RWITH_LIT("M1"), RWITH_LIT(""),
                                      RWITH_LIT("/c"), &operation, NULL),
           RWITH_OK, "a known one is, all the same");
    rwith_policy_build(builder, NULL, &policy);
    rwith_policy_builder_free(builder);
    for (unsigned i = 0; i < RWITH_POLICY_METHOD_MAX + 1; i++) {
        for (char path[3] = "/a"; path[1] <= 'c'; path[1]++) {
            snprintf(method, sizeof(method), "%s%u", i % 2 ? "M" : "LONGER-",
                     i);
            rwith_policy_hit hit = rwith_policy_match(
                policy, rwith_slice_of(method), rwith_slice_of(path));
            bool want = i == RWITH_POLICY_METHOD_MAX ? false
                        : path[1] == 'a'             ? true
                        : path[1] == 'b'             ? i % 64 == 0
                                                     : i == 1;

            wrong += (hit.operation != RWITH_POLICY_NO_OPERATION) != want ||
                     (want && !rwith_slice_equal(
                                  rwith_policy_method(policy, hit.operation),
                                  rwith_slice_of(method)));
        }
    }
    is_int((long long)wrong, 0, "each path has its own methods");
    rwith_policy_free(policy);
}

int main(int argc, char **argv)
{
    size_t differences = 0;

    tap_start(argc, argv);
    run_rows();
    run_children();
    run_methods();
    for (int i = 0; i < 500; i++) {
        differences += compare_set();
    }
    is_int((long long)differences, 0,
           "500 random sets, 100 requests each: as the naive matcher");
    return tap_done();
}
