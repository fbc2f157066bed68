/*
 * bench/curl.c: what libretrywith-curl costs where nothing is asked for:
 * processor time of the same request over bare libcurl and through the
 * driver, in turn, each on a kept connection, in several forms.
 *
 *     bench_curl [--rounds N] [--requests N] [--only FORM] ORIGIN
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include <retrywith/curl.h>

#define ROUNDS_MAX 99
#define CONTENT    1024 /* bytes of a POST */

/* What the driver is given, and the request that is made. */
struct form {
    const char *name;
    const char *path;
    bool has_supply;  /* two values, of which /asks/ wants one */
    bool knows_other; /* the recall: what another origin asked for */
    bool is_learned;  /* the recall: what this one asks for */
    bool has_content;
};

static const struct form forms[] = {
    { .name = "GET", .path = "/api/v1/things?page=2" },
    { .name = "GET, a supply",
      .path = "/api/v1/things?page=2",
      .has_supply = true },
    { .name = "GET, a recall of others",
      .path = "/api/v1/things?page=2",
      .knows_other = true },
    { .name = "GET, a learned field",
      .path = "/asks/v1/things?page=2",
      .has_supply = true,
      .is_learned = true },
    { .name = "POST", .path = "/api/v1/things?page=2", .has_content = true },
};

struct contestant {
    const struct form *form;
    void (*get)(const struct contestant *self);
    char url[256];
    CURL *easy;
    rwith_curl *session; /* of the driver */
    rwith_supply *supply;
    rwith_recall *recall;
    struct curl_slist *headers;
    double us[ROUNDS_MAX]; /* processor time of a request */
    double user_us[ROUNDS_MAX];
};

static char content[CONTENT];

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
    if (self->form->has_content) {
        curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, content);
        curl_easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE, (long)CONTENT);
    }
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

    if (self->form->has_content) {
        request.body = (rwith_curl_body){ .kind = RWITH_CURL_BODY_MEMORY,
                                          .data = content,
                                          .len = CONTENT };
    }
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

static void report(const struct contestant *bare,
                   const struct contestant *driven, unsigned rounds)
{
    double ratios[ROUNDS_MAX];

    for (unsigned r = 0; r < rounds; r++) {
        ratios[r] = driven->us[r] / bare->us[r];
    }
    qsort(ratios, rounds, sizeof(*ratios), order_double);
    printf("| %s | %.2f (%.2f) | %.2f (%.2f) | %.3f (%.3f-%.3f) |\n",
           bare->form->name, median(bare->us, rounds),
           median(bare->user_us, rounds), median(driven->us, rounds),
           median(driven->user_us, rounds), ratios[rounds / 2], ratios[0],
           ratios[rounds - 1]);
    fflush(stdout);
}

static struct curl_slist *make_headers(bool has_key, bool has_content)
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
    if (has_key) {
        headers = curl_slist_append(headers, "X-Key: k1");
    }
    if (has_content) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
    }
    return headers;
}

static rwith_supply *make_supply(const rwith_origin *origin)
{
    rwith_supply *supply = NULL;

    check(rwith_supply_new(NULL, &supply) == RWITH_OK &&
              rwith_supply_give(supply, origin, RWITH_IN_HEADER,
                                RWITH_LIT("X-Key"),
                                RWITH_LIT("k1")) == RWITH_OK &&
              rwith_supply_give(supply, origin, RWITH_IN_QUERY,
                                RWITH_LIT("session"),
                                RWITH_LIT("s1")) == RWITH_OK,
          "no supply");
    return supply;
}

/* Somebody else's server has asked for something once. */
static void learn_other(rwith_recall *recall)
{
    static const rwith_recall_hit entry = { .in = RWITH_IN_HEADER,
                                            .name = { "X-Other", 7 } };
    const rwith_request other = {
        .method = RWITH_LIT("GET"),
        .origin = { RWITH_LIT("http"), RWITH_LIT("other.example"), 80 },
        .target = RWITH_LIT("/some/where"),
    };

    check(rwith_recall_learn(recall, &other, RWITH_SCOPE_ORIGIN, &entry, 1) ==
              RWITH_OK,
          "nothing is learned");
}

/* A client of that form; the driver's learns by being asked. */
static void make_client(struct contestant *c, const struct form *form,
                        const char *origin, char *memory, size_t room)
{
    static const uint8_t key[RWITH_RECALL_KEY_LEN] = { 4, 4, 9 };
    bool is_driven = memory != NULL;
    rwith_curl_options options = { 0 };
    rwith_origin parsed;
    char buf[256];

    *c = (struct contestant){ .form = form,
                              .get = is_driven ? get_driven : get_bare,
                              .easy = curl_easy_init(),
                              .headers =
                                  make_headers(form->is_learned && !is_driven,
                                               form->has_content) };
    snprintf(c->url, sizeof(c->url), "%s%s", origin, form->path);
    if (!is_driven) {
        return;
    }
    check(rwith_origin_parse(rwith_slice_of(origin), buf, sizeof(buf), &parsed,
                             NULL) == RWITH_OK &&
              rwith_recall_init(memory, room, key, &c->recall) == RWITH_OK,
          "no recall");
    if (form->knows_other) {
        learn_other(c->recall);
    }
    c->supply = form->has_supply ? make_supply(&parsed) : NULL;
    options.recall = c->recall;
    options.supply = c->supply;
    check(rwith_curl_new(&options, &c->session) == RWITH_OK, "no memory");
}

static void free_client(struct contestant *c)
{
    rwith_curl_free(c->session);
    rwith_supply_free(c->supply);
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
}

static void run(const struct form *form, const char *origin, unsigned rounds,
                unsigned requests)
{
    static _Alignas(8) char memory[256 * 1024];
    struct contestant bare, driven;

    make_client(&bare, form, origin, NULL, 0);
    make_client(&driven, form, origin, memory, sizeof(memory));
    measure(&bare, 0, requests / 10 + 1);
    measure(&driven, 0, requests / 10 + 1);
    for (unsigned round = 0; round < rounds; round++) {
        measure(&bare, round, requests);
        measure(&driven, round, requests);
    }
    report(&bare, &driven, rounds);
    free_client(&bare);
    free_client(&driven);
}

int main(int argc, char **argv)
{
    unsigned rounds = 9, requests = 5000;
    const char *origin = NULL, *only = NULL;

    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            rounds = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--requests") == 0) {
            requests = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--only") == 0) {
            only = argv[++i];
        } else {
            origin = argv[i];
        }
    }
    check(origin != NULL && rounds > 0 && rounds <= ROUNDS_MAX && requests > 0,
          "usage: bench_curl [--rounds 1..99] [--requests N] [--only FORM] "
          "ORIGIN");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    memset(content, 'c', sizeof(content));
    printf("| request | libcurl, processor us (user) | libretrywith-curl | "
           "ratio (low-high) |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (only == NULL || strcmp(only, forms[i].name) == 0) {
            run(&forms[i], origin, rounds, requests);
        }
    }
    curl_global_cleanup();
    return 0;
}
