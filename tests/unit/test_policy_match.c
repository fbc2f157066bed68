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

static const char *const pieces[] = { "a",     "b",    "{p}",   "{p}",
                                      "{p}.b", "a{p}", "{p}{q}" };

/* A template, cut. */
struct plain {
    const char *segments[SEGMENTS_MAX];
    size_t count;
    char text[128];
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
    for (size_t i = 0; i < a->count; i++) {
        int x = plain_rank(a->segments[i]), y = plain_rank(b->segments[i]);

        if (x != y) {
            return x > y;
        }
    }
    return false;
}

static const struct plain *plain_match(const struct plain *set, size_t count,
                                       char request[][8], size_t segments)
{
    const struct plain *best = NULL;

    for (size_t t = 0; t < count; t++) {
        bool fits = set[t].count == segments;

        for (size_t i = 0; fits && i < segments; i++) {
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
    plain->count = 1 + random_below(SEGMENTS_MAX);
    plain->text[0] = '\0';
    size_t len = 0;

    for (size_t i = 0; i < plain->count; i++) {
        plain->segments[i] =
            pieces[random_below(sizeof(pieces) / sizeof(pieces[0]))];
        len += (size_t)snprintf(plain->text + len, sizeof(plain->text) - len,
                                "/%s", plain->segments[i]);
    }
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
        rwith_policy_add_operation(builder, RWITH_LIT("GET"), RWITH_LIT(""),
                                   rwith_slice_of(set[t].text), &operation,
                                   NULL);
    }
    rwith_policy_build(builder, NULL, &policy);
    rwith_policy_builder_free(builder);
    for (int r = 0; r < 100; r++) {
        char request[SEGMENTS_MAX][8], target[64] = "";
        size_t segments = 1 + random_below(SEGMENTS_MAX), len = 0;

        for (size_t i = 0; i < segments; i++) {
            size_t n = 1 + random_below(3);

            for (size_t c = 0; c < n; c++) {
                request[i][c] = "abc."[random_below(c == 0 ? 3 : 4)];
            }
            request[i][n] = '\0';
            len += (size_t)snprintf(target + len, sizeof(target) - len, "/%s",
                                    request[i]);
        }
        const struct plain *want = plain_match(set, count, request, segments);
        rwith_policy_hit hit = rwith_policy_match(policy, RWITH_LIT("GET"),
                                                  (rwith_slice){ target, len });
        rwith_slice got = rwith_policy_template(policy, hit.operation);

        if (!rwith_slice_equal(
                got, rwith_slice_of(want != NULL ? want->text : ""))) {
            printf("# %s: got %.*s, expected %s\n", target, (int)got.len,
                   got.ptr, want != NULL ? want->text : "none");
            differences++;
        }
    }
    rwith_policy_free(policy);
    return differences;
}

int main(int argc, char **argv)
{
    size_t differences = 0;

    tap_start(argc, argv);
    run_rows();
    for (int i = 0; i < 500; i++) {
        differences += compare_set();
    }
    is_int((long long)differences, 0,
           "500 random sets, 100 requests each: as the naive matcher");
    return tap_done();
}
