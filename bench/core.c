/*
 * What a decision costs in the core alone: 1,000 distinct requests drawn
 * uniformly from the operations of a policy, 12 header fields each, judged
 * again and again in an order that is not the policy's; the median over the
 * requests of the time of one decision.  Growth from 10 operations on is
 * what the tree of segments is for.
 *
 *     bench/core            table
 *     bench/core --rounds N
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <retrywith/policy.h>

#define REQUESTS 1000
#define FIELDS   12
#define BATCH    32 /* decisions between two looks at the clock */

static uint64_t random_state;

static unsigned random_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % limit;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What a browser or an API client sends. */
static const rwith_field fields[FIELDS] = {
    { { "Host", 4 }, { "api.example.com", 15 } },
    { { "User-Agent", 10 }, { "Mozilla/5.0 (X11; Linux x86_64)", 31 } },
    { { "Accept", 6 }, { "application/vnd.api+json", 24 } },
    { { "Accept-Language", 15 }, { "en-US,en;q=0.5", 14 } },
    { { "Accept-Encoding", 15 }, { "gzip, deflate, br", 17 } },
    { { "Authorization", 13 }, { "Bearer 0123456789abcdef", 23 } },
    { { "Content-Type", 12 }, { "application/json", 16 } },
    { { "Origin", 6 }, { "https://app.example.com", 23 } },
    { { "Referer", 7 }, { "https://app.example.com/list", 28 } },
    { { "X-Request-Id", 12 }, { "5c1a2f6e-0f1c-4c3b-9d57-2b6a", 28 } },
    { { "Cookie", 6 }, { "session=0123456789; theme=dark", 30 } },
    { { "X-Api-Version", 13 }, { "2026-01-01", 10 } },
};

static const char *const words[] = {
    "users",    "groups",   "messages",    "events",   "calendars",
    "drives",   "items",    "permissions", "sites",    "lists",
    "columns",  "contacts", "attachments", "settings", "reports",
    "policies", "devices",  "members",     "owners",   "teams",
};
#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static const char *const methods[] = { "GET", "POST", "PATCH", "DELETE" };

struct request {
    char method[8];
    char target[256];
    size_t target_len;
};

/*
 * The i-th operation: four methods for each path, paths of two to eight
 * segments with a parameter at every second, as the graph of an office
 * suite has them.
 */
static void make_template(unsigned i, char *text, size_t size)
{
    unsigned path = i / 4, depth = 2 + path % 2;
    size_t len = 0;

    for (unsigned d = 0; d <= depth; d++) {
        len += (size_t)snprintf(text + len, size - len, "/%s",
                                words[path % WORD_COUNT]);
        path /= d == 0 ? 4 : 3;
        if (d < depth || i % 2 == 0) {
            len += (size_t)snprintf(text + len, size - len, "/{id%u}", d);
        }
    }
    snprintf(text + len, size - len, "/part%u", i / 4);
}

/* A target that the template matches. */
static void make_request(unsigned i, struct request *request)
{
    char text[256];
    size_t len = 0;

    make_template(i, text, sizeof(text));
    snprintf(request->method, sizeof(request->method), "%s", methods[i % 4]);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '{') {
            p = strchr(p, '}');
            len += (size_t)snprintf(request->target + len, 16, "%08x",
                                    random_below(1u << 30));
        } else {
            request->target[len++] = *p;
        }
    }
    len += (size_t)snprintf(request->target + len, 64,
                            "?page=%u&per_page=100&filter=new",
                            random_below(1000));
    request->target_len = len;
}

static rwith_policy *make_policy(unsigned operations)
{
    static const rwith_policy_need needs[] = {
        { .in = RWITH_IN_HEADER, .name = { "X-Api-Version", 13 } },
        { .in = RWITH_IN_QUERY, .name = { "filter", 6 } },
        { .in = RWITH_IN_COOKIE, .name = { "session", 7 } },
    };
    static const rwith_policy_need bearer = { .in = RWITH_IN_AUTHORIZATION,
                                              .name = { "Bearer", 6 } };
    rwith_policy_builder *builder;
    rwith_policy *policy;

    if (rwith_policy_builder_new(NULL, &builder) != RWITH_OK) {
        abort();
    }
    for (unsigned i = 0; i < operations; i++) {
        char text[256];
        uint32_t operation;

        make_template(i, text, sizeof(text));
        if (rwith_policy_add_operation(builder, rwith_slice_of(methods[i % 4]),
                                       RWITH_LIT(""), rwith_slice_of(text),
                                       &operation, NULL) != RWITH_OK) {
            abort();
        }
        for (unsigned n = 0; n < 1 + i % 3; n++) {
            rwith_policy_add_need(builder, operation, &needs[n]);
        }
        rwith_policy_add_alternative(builder, operation, &bearer, 1);
    }
    if (rwith_policy_build(builder, NULL, &policy) != RWITH_OK) {
        abort();
    }
    rwith_policy_builder_free(builder);
    return policy;
}

static rwith_action decide(const rwith_policy *policy,
                           const struct request *request)
{
    static const rwith_judge_options options;
    rwith_judge judge;
    rwith_decision decision;
    rwith_policy_hit hit = rwith_policy_match(
        policy, (rwith_slice){ request->method, strlen(request->method) },
        (rwith_slice){ request->target, request->target_len });

    rwith_judge_begin(&judge, policy, &hit, false);
    for (size_t i = 0; i < FIELDS; i++) {
        rwith_judge_field(&judge, fields[i].name, fields[i].value);
    }
    rwith_judge_end(&judge, &options, &decision);
    if (decision.verdict != RWITH_VERDICT_COMPLETE) {
        fprintf(stderr, "core: %s %s is %s\n", request->method, request->target,
                rwith_verdict_word(decision.verdict));
        exit(1);
    }
    return decision.action;
}

static int order_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/*
 * Median over the requests, each timed within a batch of its neighbours so
 * that the clock costs nothing and no request is hot from its own repeat.
 */
static double measure(const rwith_policy *policy, unsigned operations,
                      unsigned rounds, double *ret_p99)
{
    static struct request requests[REQUESTS];
    static double times[REQUESTS / BATCH * 4096];
    size_t count = 0;

    for (unsigned i = 0; i < REQUESTS; i++) {
        make_request(random_below(operations), &requests[i]);
    }
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i + BATCH <= REQUESTS; i += BATCH) {
            uint64_t from = now_ns();

            for (unsigned k = 0; k < BATCH; k++) {
                decide(policy, &requests[i + k]);
            }
            times[count++] = (double)(now_ns() - from) / BATCH;
        }
    }
    qsort(times, count, sizeof(times[0]), order_double);
    *ret_p99 = times[count * 99 / 100];
    return times[count / 2];
}

int main(int argc, char **argv)
{
    static const unsigned sizes[] = { 10, 845, 22361, 100000 };
    unsigned rounds = 1000;
    double first = 0;

    if (argc == 3 && strcmp(argv[1], "--rounds") == 0) {
        rounds = (unsigned)strtoul(argv[2], NULL, 10);
    }
    if (rounds < 1 || rounds > 4096) {
        fprintf(stderr, "core: --rounds 1 to 4096\n");
        return 2;
    }
    printf("%u distinct requests, %u header fields, %u rounds\n", REQUESTS,
           FIELDS, rounds);
    printf("%10s %10s %10s %8s %12s %10s\n", "operations", "median ns",
           "p99 ns", "growth", "policy KiB", "build ms");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t from = now_ns();
        rwith_policy *policy = make_policy(sizes[i]);
        double build_ms = (double)(now_ns() - from) / 1e6, p99;

        random_state = 0x9e3779b97f4a7c15u;
        double median = measure(policy, sizes[i], rounds, &p99);
        if (i == 0) {
            first = median;
        }
        printf("%10u %10.0f %10.0f %7.2fx %12zu %10.1f\n", sizes[i], median,
               p99, median / first, rwith_policy_count(policy).memory / 1024,
               build_ms);
        rwith_policy_free(policy);
    }
    return 0;
}
