/*
 * bench/core.c: what a decision costs in the core alone.  1,000 distinct
 * requests drawn uniformly from the operations of a real document, complete,
 * with 12 header fields each, are judged again and again in an order that is
 * not the document's.  The same is done with policies of ten of its
 * operations each: growth is the price of the other operations.  Last, what
 * a refusal costs from the request to its bytes.
 *
 *     bench-core [--rounds N] [--copies N] DOCUMENT...
 *
 * --copies N: the document N times, each below a base path of its own.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/policy.h"
#include "openapi/openapi.h"
#include "retrywith/refusal.h"

#define REQUESTS    1000
#define FIELDS      12
#define BATCH       25 /* decisions between two looks at the clock */
#define BATCHES     (REQUESTS / BATCH)
#define ROUNDS_MAX  4096
#define TENS        99 /* policies of ten operations */
#define TARGET_MAX  1024
#define REFUSAL_MAX 32768

/*
 * A server judges a request that it has just read: its bytes are at hand.
 * So the requests are kept small: most share their fields.
 */
struct request {
    const rwith_field *fields;
    rwith_slice method;
    rwith_slice target;
    char *text; /* the target */
    uint32_t operation;
    bool has_body;
};

struct timing {
    double median;
    double p99;
};

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static unsigned random_below(size_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % (unsigned)limit;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench-core: %s\n", what);
        exit(1);
    }
}

/* --- requests ------------------------------------------------------------ */

/* What a browser or an API client sends; the last ones give way to needs. */
static const rwith_field common[FIELDS] = {
    { { "Host", 4 }, { "api.example.com", 15 } },
    { { "Content-Type", 12 }, { "application/json", 16 } },
    { { "User-Agent", 10 }, { "Mozilla/5.0 (X11; Linux x86_64)", 31 } },
    { { "Accept", 6 }, { "application/json", 16 } },
    { { "Accept-Language", 15 }, { "en-US,en;q=0.5", 14 } },
    { { "Accept-Encoding", 15 }, { "gzip, deflate, br", 17 } },
    { { "Authorization", 13 }, { "Bearer 0123456789abcdef", 23 } },
    { { "Origin", 6 }, { "https://app.example.com", 23 } },
    { { "Referer", 7 }, { "https://app.example.com/list", 28 } },
    { { "X-Request-Id", 12 }, { "5c1a2f6e-0f1c-4c3b-9d57-2b6a", 28 } },
    { { "Cookie", 6 }, { "session=0123456789; theme=dark", 30 } },
    { { "X-Client-Version", 16 }, { "2026-01-01", 10 } },
};

static size_t put(struct request *request, size_t at, rwith_slice text)
{
    check(at + text.len < TARGET_MAX, "a target is too long");
    memcpy(request->text + at, text.ptr, text.len);
    return at + text.len;
}

/* The template's path with values of eight digits. */
static size_t put_path(struct request *request, rwith_slice path)
{
    size_t at = 0;

    for (size_t i = 0; i < path.len; i++) {
        const char *end =
            path.ptr[i] == '{' ? memchr(path.ptr + i, '}', path.len - i) : NULL;

        if (end != NULL) {
            char value[16];

            snprintf(value, sizeof(value), "%08x", random_below(1u << 30));
            at = put(request, at, rwith_slice_of(value));
            i = (size_t)(end - path.ptr);
        } else {
            at = put(request, at, (rwith_slice){ path.ptr + i, 1 });
        }
    }
    return at;
}

static rwith_decision decide(const rwith_policy *policy,
                             const struct request *request, rwith_judge *judge)
{
    static const rwith_judge_options options;
    rwith_decision decision;
    rwith_policy_hit hit =
        rwith_policy_match(policy, request->method, request->target);

    rwith_judge_begin(judge, policy, &hit, request->has_body);
    for (size_t i = 0; i < FIELDS && rwith_judge_wants_fields(judge); i++) {
        rwith_judge_field(judge, request->fields[i].name,
                          request->fields[i].value);
    }
    rwith_judge_end(judge, &options, &decision);
    return decision;
}

/* Add what a first look says is missing. */
static void complete(const rwith_policy *policy, struct request *request)
{
    static const rwith_judge_options options;
    rwith_missing_list missing = { .count = 0 };
    rwith_field fields[FIELDS], *own;
    rwith_judge judge;
    size_t at = request->target.len, field = FIELDS;

    decide(policy, request, &judge);
    rwith_judge_list(&judge, &options, &missing);
    memcpy(fields, common, sizeof(fields));
    for (size_t i = 0; i < missing.count; i++) {
        const rwith_missing *item = &missing.items[i];

        if (item->alternative > 0) {
            continue;
        }
        if (item->in == RWITH_IN_QUERY) {
            at = put(request, at, RWITH_LIT("&"));
            at = put(request, at, item->name);
            at = put(request, at, RWITH_LIT("=1"));
        } else if (item->in == RWITH_IN_HEADER) {
            fields[--field] = (rwith_field){ item->name, RWITH_LIT("1") };
        } else if (item->in == RWITH_IN_BODY) {
            request->has_body = true;
        } else {
            check(false, "cookies and other schemes are not written here");
        }
    }
    request->target.len = at;
    if (field < FIELDS) {
        check((own = malloc(sizeof(fields))) != NULL, "no memory");
        memcpy(own, fields, sizeof(fields));
        request->fields = own;
    }
}

/* False: the template's own operation is not what its path leads to. */
static bool make_request(const rwith_policy *policy, uint32_t operation,
                         struct request *request)
{
    rwith_judge judge;
    rwith_slice method = rwith_policy_method(policy, operation);
    char query[64];
    size_t at;

    check((request->text = malloc(TARGET_MAX)) != NULL, "no memory");
    at = put_path(request, rwith_policy_template(policy, operation));

    snprintf(query, sizeof(query), "?page=%u&per_page=100&filter=new",
             random_below(1000));
    at = put(request, at, rwith_slice_of(query));
    request->method = method;
    request->target = (rwith_slice){ request->text, at };
    request->operation = operation;
    request->has_body = method.ptr[0] == 'P';
    request->fields = common;
    if (rwith_policy_match(policy, method, request->target).operation !=
        operation) {
        free(request->text);
        return false;
    }
    complete(policy, request);
    check((request->text = realloc(request->text, request->target.len)) != NULL,
          "no memory");
    request->target.ptr = request->text;
    check(decide(policy, request, &judge).action != RWITH_ACTION_REFUSE,
          "a complete request is refused");
    return true;
}

static struct request *make_requests(const rwith_policy *policy)
{
    struct request *requests = calloc(REQUESTS, sizeof(*requests));

    check(requests != NULL, "no memory");
    for (size_t i = 0; i < REQUESTS;) {
        i += make_request(policy,
                          random_below(rwith_policy_count(policy).operations),
                          &requests[i]);
    }
    return requests;
}

static void free_requests(struct request *requests)
{
    for (size_t i = 0; i < REQUESTS; i++) {
        if (requests[i].fields != common) {
            free((void *)(uintptr_t)requests[i].fields);
        }
        free(requests[i].text);
    }
    free(requests);
}

/* --- policies ------------------------------------------------------------ */

static rwith_policy *load(const char *path, unsigned copies)
{
    rwith_policy_builder *builder = NULL;
    rwith_policy *policy = NULL;
    rwith_openapi_problem problem;

    check(rwith_policy_builder_new(NULL, &builder) == RWITH_OK, "no memory");
    for (unsigned i = 0; i < copies; i++) {
        char base[16];
        rwith_openapi_options options = { .has_base_path = copies > 1,
                                          .base_path = { base, 0 } };

        options.base_path.len = (size_t)snprintf(base, sizeof(base), "/v%u", i);
        check(rwith_openapi_load_file(builder, path, &options, NULL,
                                      &problem) == RWITH_OK,
              problem.diagnostic.text);
    }
    check(rwith_policy_build(builder, NULL, &policy) == RWITH_OK, "no memory");
    rwith_policy_builder_free(builder);
    return policy;
}

static rwith_policy_need need_of(const rwith_policy *policy,
                                 const struct rwith__policy_need *need)
{
    return (rwith_policy_need){ .in = (rwith_place)need->in,
                                .name = rwith__policy_text(policy, need->name),
                                .flags = need->flags };
}

static void copy_alternatives(const rwith_policy *from,
                              const struct rwith__policy_operation *o,
                              rwith_policy_builder *to, uint32_t operation)
{
    for (unsigned a = 0; a < o->alternative_count; a++) {
        uint64_t mask = from->alternatives[o->alternatives + a];
        rwith_policy_need needs[RWITH_POLICY_NEED_MAX];
        size_t count = 0;

        for (unsigned i = 0; i < o->need_count; i++) {
            if ((mask >> i & 1) != 0) {
                needs[count++] =
                    need_of(from, rwith__policy_need_at(from, o, i));
            }
        }
        rwith_policy_add_alternative(to, operation, needs, count);
    }
}

/* One operation, but for what bodies must hold, into another policy. */
static void copy_operation(const rwith_policy *from, uint32_t which,
                           rwith_policy_builder *to)
{
    const struct rwith__policy_operation *o = &from->operations[which];
    uint32_t operation;

    check(rwith_policy_add_operation(
              to, rwith_policy_method(from, which), RWITH_LIT(""),
              rwith_policy_template(from, which), &operation, NULL) == RWITH_OK,
          "an operation is not taken");
    for (unsigned i = 0; i < o->need_count; i++) {
        rwith_policy_need need =
            need_of(from, rwith__policy_need_at(from, o, i));

        if ((o->must >> i & 1) != 0) {
            rwith_policy_add_need(to, operation, &need);
        }
    }
    copy_alternatives(from, o, to, operation);
    for (unsigned i = 0; i < o->media_count; i++) {
        const struct rwith__policy_media *media = &from->media[o->media + i];

        rwith_policy_add_media(to, operation,
                               rwith__policy_text(from, media->range),
                               media->formats, RWITH_MEMBERS_NONE);
    }
    if (o->body_required) {
        rwith_policy_require_body(to, operation, NULL);
    }
}

/* The operations of ten requests. */
static rwith_policy *make_ten(const rwith_policy *from,
                              const struct request *requests)
{
    rwith_policy_builder *builder = NULL;
    rwith_policy *policy = NULL;

    check(rwith_policy_builder_new(NULL, &builder) == RWITH_OK, "no memory");
    for (size_t i = 0; i < 10; i++) {
        copy_operation(from, requests[i].operation, builder);
    }
    check(rwith_policy_build(builder, NULL, &policy) == RWITH_OK, "no memory");
    rwith_policy_builder_free(builder);
    return policy;
}

/* --- time ---------------------------------------------------------------- */

static int order_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/*
 * Each batch's time is its median over the rounds; then the median and the
 * 99th percentile over the batches.  No request is hot from its own repeat:
 * 999 others lie between.
 */
static struct timing measure(const rwith_policy *policy,
                             const struct request *requests, unsigned rounds)
{
    static double times[BATCHES][ROUNDS_MAX];
    double medians[BATCHES];
    rwith_judge judge;
    unsigned sink = 0;

    for (unsigned round = 0; round < rounds; round++) {
        for (size_t b = 0; b < BATCHES; b++) {
            uint64_t from = now_ns();

            for (size_t k = 0; k < BATCH; k++) {
                sink += decide(policy, &requests[b * BATCH + k], &judge).action;
            }
            times[b][round] = (double)(now_ns() - from) / BATCH;
        }
    }
    check(sink < UINT32_MAX, "all refused");
    for (size_t b = 0; b < BATCHES; b++) {
        qsort(times[b], rounds, sizeof(double), order_double);
        medians[b] = times[b][rounds / 2];
    }
    qsort(medians, BATCHES, sizeof(double), order_double);
    return (struct timing){ medians[BATCHES / 2], medians[BATCHES * 99 / 100] };
}

/* The median over policies of ten operations out of that one. */
static double measure_tens(const rwith_policy *policy,
                           const struct request *requests, unsigned rounds)
{
    double medians[TENS];

    for (size_t i = 0; i < TENS; i++) {
        rwith_policy *ten = make_ten(policy, &requests[i * 10]);
        struct request *own = make_requests(ten);

        medians[i] = measure(ten, own, rounds / 10 + 1).median;
        free_requests(own);
        rwith_policy_free(ten);
    }
    qsort(medians, TENS, sizeof(double), order_double);
    return medians[TENS / 2];
}

/* What is missing of a request without its query, content and own fields,
 * found, listed and written as problem+json. */
static size_t refuse(const rwith_policy *policy, const struct request *request)
{
    static const rwith_judge_options options;
    rwith_missing_list missing = { .count = 0 };
    char text[REFUSAL_MAX];
    rwith_refusal_answer answer;
    struct request bare = *request;
    rwith_judge judge;

    bare.target.len =
        (size_t)((const char *)memchr(request->text, '?', request->target.len) -
                 request->text);
    bare.fields = common;
    bare.has_body = false;
    rwith_decision decision = decide(policy, &bare, &judge);
    if (decision.action != RWITH_ACTION_REFUSE) {
        return 0;
    }
    rwith_judge_list(&judge, &options, &missing);
    const rwith_refusal refusal = { .status = decision.status,
                                    .verdict = decision.verdict,
                                    .missing = &missing,
                                    .accept = RWITH_LIT("application/json"),
                                    .method = request->method };
    check(rwith_refusal_write(&refusal, text, sizeof(text), &answer, NULL) ==
              RWITH_OK,
          "a refusal is too long");
    return answer.body.len;
}

/* Those of the requests that lack something then, and the median round. */
static void report_refusals(const rwith_policy *policy,
                            const struct request *requests, unsigned rounds)
{
    static double times[ROUNDS_MAX];
    struct request refused[REQUESTS];
    size_t count = 0, bytes = 0;

    for (size_t i = 0; i < REQUESTS; i++) {
        size_t len = refuse(policy, &requests[i]);

        if (len > 0) {
            refused[count++] = requests[i];
            bytes += len;
        }
    }
    if (count == 0) {
        return;
    }
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t from = now_ns();

        for (size_t i = 0; i < count; i++) {
            check(refuse(policy, &refused[i]) > 0, "it is not refused again");
        }
        times[round] = (double)(now_ns() - from) / (double)count;
    }
    qsort(times, rounds, sizeof(double), order_double);
    printf("| - its refusals (%zu requests, %zu bytes) | | %.0f | | | | | |\n",
           count, bytes / count, times[rounds / 2]);
}

static void report(const char *path, unsigned copies, unsigned rounds)
{
    uint64_t from = now_ns();
    rwith_policy *policy = load(path, copies);
    double load_s = (double)(now_ns() - from) / 1e9;
    const char *name = strrchr(path, '/');
    struct request *requests = make_requests(policy);
    rwith_policy_counts counts = rwith_policy_count(policy);
    double ten = measure_tens(policy, requests, rounds);
    struct timing all = measure(policy, requests, rounds);

    printf("| %s | %zu | %.0f | %.0f | %.0f | %.2f | %zu | %.2f |\n",
           name != NULL ? name + 1 : path, counts.operations, all.median,
           all.p99, ten, all.median / ten, counts.memory / 1024, load_s);
    report_refusals(policy, requests, rounds);
    fflush(stdout);
    free_requests(requests);
    rwith_policy_free(policy);
}

int main(int argc, char **argv)
{
    unsigned rounds = 1000, copies = 1;

    printf("%d distinct requests of %d header fields\n\n", REQUESTS, FIELDS);
    printf("| document | operations | median ns | p99 ns | of ten, ns "
           "| growth | policy KiB | loaded in s |\n"
           "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            rounds = (unsigned)strtoul(argv[++i], NULL, 10);
            check(rounds > 0 && rounds <= ROUNDS_MAX, "--rounds 1 to 4096");
        } else if (i + 1 < argc && strcmp(argv[i], "--copies") == 0) {
            copies = (unsigned)strtoul(argv[++i], NULL, 10);
            check(copies > 0 && copies <= 40, "--copies 1 to 40");
        } else {
            report(argv[i], copies, rounds);
        }
    }
    return 0;
}
