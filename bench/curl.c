/*
 * bench/curl.c: what libretrywith-curl costs where nothing is asked for:
 * processor time of the same request over bare libcurl and through the
 * driver, in turn, each on a kept connection.
 *
 *     bench_curl [--rounds N] [--requests N] URL
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include <retrywith/curl.h>

#define ROUNDS_MAX 99

struct contestant {
    const char *name;
    void (*get)(const struct contestant *self);
    const char *url;
    CURL *easy;
    rwith_curl *session; /* of the driver */
    struct curl_slist *headers;
    double us[ROUNDS_MAX]; /* processor time of a request */
    double user_us[ROUNDS_MAX];
};

static size_t received;

static void check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench_curl: %s\n", what);
        exit(1);
    }
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    (void)data;
    (void)user;
    received += size * count;
    return size * count;
}

static size_t on_header(char *data, size_t size, size_t count, void *user)
{
    (void)data;
    (void)user;
    return size * count;
}

/* The handle as an application that cares for its answer has it. */
static void get_bare(const struct contestant *self)
{
    long status = 0;

    curl_easy_setopt(self->easy, CURLOPT_URL, self->url);
    curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, self->headers);
    curl_easy_setopt(self->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(self->easy, CURLOPT_HEADERFUNCTION, on_header);
    check(curl_easy_perform(self->easy) == CURLE_OK, "a request fails");
    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    check(status == 200, "the answer is not 200");
}

static void get_driven(const struct contestant *self)
{
    const rwith_curl_result *result = NULL;
    rwith_curl_request request = { .easy = self->easy,
                                   .url = self->url,
                                   .headers = self->headers,
                                   .on_body = on_body,
                                   .on_header = on_header };

    check(rwith_curl_perform(self->session, &request, &result) == RWITH_OK,
          "a request fails");
    check(result->status == 200, "the answer is not 200");
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void measure(struct contestant *c, unsigned round, unsigned requests)
{
    struct rusage before, after;

    getrusage(RUSAGE_SELF, &before);
    for (unsigned i = 0; i < requests; i++) {
        c->get(c);
    }
    getrusage(RUSAGE_SELF, &after);
    double user = seconds(after.ru_utime) - seconds(before.ru_utime);
    double system = seconds(after.ru_stime) - seconds(before.ru_stime);
    c->us[round] = (user + system) / requests * 1e6;
    c->user_us[round] = user / requests * 1e6;
}

static int order_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(const double *values, unsigned count)
{
    double sorted[ROUNDS_MAX];

    memcpy(sorted, values, count * sizeof(*values));
    qsort(sorted, count, sizeof(*sorted), order_double);
    return sorted[count / 2];
}

static void report(const struct contestant *all, size_t count, unsigned rounds)
{
    printf("| client | processor us/request (user) | x %s (low-high) |\n"
           "| --- | --- | --- |\n",
           all[0].name);
    for (size_t i = 0; i < count; i++) {
        double ratios[ROUNDS_MAX];

        for (unsigned r = 0; r < rounds; r++) {
            ratios[r] = all[i].us[r] / all[0].us[r];
        }
        qsort(ratios, rounds, sizeof(*ratios), order_double);
        printf("| %s | %.2f (%.2f) | %.3f (%.3f-%.3f) |\n", all[i].name,
               median(all[i].us, rounds), median(all[i].user_us, rounds),
               ratios[rounds / 2], ratios[0], ratios[rounds - 1]);
    }
}

static struct curl_slist *make_headers(void)
{
    static const char *const lines[] = {
        "Accept-Language: en-US,en;q=0.5",
        "Authorization: Bearer 0123456789abcdef",
        "X-Request-Id: 5c1a2f6e-0f1c-4c3b-9d57-2b6a",
        "X-Client-Version: 2026-01-01",
    };
    struct curl_slist *headers = NULL;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        headers = curl_slist_append(headers, lines[i]);
    }
    return headers;
}

int main(int argc, char **argv)
{
    struct contestant all[] = { { .name = "libcurl", .get = get_bare },
                                { .name = "libretrywith-curl",
                                  .get = get_driven } };
    size_t count = sizeof(all) / sizeof(all[0]);
    unsigned rounds = 9, requests = 5000;
    static _Alignas(8) char memory[256 * 1024];
    static const uint8_t key[RWITH_RECALL_KEY_LEN] = { 4, 4, 9 };
    rwith_curl_options options = { 0 };
    rwith_recall *recall = NULL;
    const char *url = NULL;

    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            rounds = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--requests") == 0) {
            requests = (unsigned)strtoul(argv[++i], NULL, 10);
        } else {
            url = argv[i];
        }
    }
    check(url != NULL && rounds > 0 && rounds <= ROUNDS_MAX && requests > 0,
          "usage: bench_curl [--rounds 1..99] [--requests N] URL");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    check(rwith_recall_init(memory, sizeof(memory), key, &recall) == RWITH_OK,
          "no recall");
    options.recall = recall;
    check(rwith_curl_new(&options, &all[1].session) == RWITH_OK, "no memory");
    for (size_t i = 0; i < count; i++) {
        all[i].url = url;
        all[i].easy = curl_easy_init();
        all[i].headers = make_headers();
        measure(&all[i], 0, requests / 10 + 1);
    }
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            measure(&all[i], round, requests);
        }
    }
    report(all, count, rounds);
    for (size_t i = 0; i < count; i++) {
        rwith_curl_free(all[i].session);
        curl_easy_cleanup(all[i].easy);
        curl_slist_free_all(all[i].headers);
    }
    curl_global_cleanup();
    return 0;
}
