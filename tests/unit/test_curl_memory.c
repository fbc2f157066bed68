/*
 * Whole exchanges of the driver, over a real connection, with each
 * allocation of ours failing once: a challenge, one that is read, a redirect,
 * a fetched value, a patched body, what was learned.  Each ends, as it should
 * or with out of memory, and nothing leaks.  Then a session whose supply
 * changes.
 */
#include "tests/unit/tap.h"

#include <retrywith/curl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 8192
#define TURNS_MAX   2000

static const char crumb[] = "dialect crumb\n"
                            "about t\n"
                            "source t\n"
                            "when status 403\n"
                            "when response-header X-Crumb value Required\n"
                            "fetch GET /crumb\n"
                            "set header X-Crumb from response-header X-Crumb\n"
                            "repeat any\n"
                            "remember origin\n";

#define MISSING(what)                                                          \
    "{\"type\":\"urn:x-retrywith:missing\",\"status\":449,\"missing\":["       \
    "{" what "}]}"

/* What the origin says at a path, until the request holds what is wanted. */
static const struct answer {
    const char *path, *wants, *head, *body;
} answers[] = {
    { " /echo ", "Ms-Echo-Reply: t",
      "449 Retry With\r\nMs-Echo-Request: t\r\nSet-Cookie: a=b", "no" },
    { " /read", "X-Key: sesame",
      "449 Retry With\r\nContent-Type: application/problem+json",
      MISSING("\"in\":\"header\",\"name\":\"X-Key\"") },
    { " /query", "?s=t&q=sesame",
      "449 Retry With\r\nMS-RetryWith: Required-Query: q", "no" },
    { " /body", "\"a\":\"sesame\"",
      "449 Retry With\r\nContent-Type: application/problem+json",
      MISSING("\"in\":\"body\",\"pointer\":\"/a\",\"name\":\"a\"") },
    { " /move", NULL, "302 Found\r\nLocation: /echo", "moved" },
    { " /value", "X-Crumb: c1", "403 Forbidden\r\nX-Crumb: Required", "no" },
    { " /crumb", NULL, "200 OK\r\nX-Crumb: c1\r\nSet-Cookie: s=1", "" },
};

struct server {
    int fd;
    unsigned port;
    pthread_t thread;
};

static void answer_one(int fd, const char *request)
{
    const char *head = "200 OK";
    const char *body = "yes";
    char text[1024];

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const struct answer *a = &answers[i];

        if (strstr(request, a->path) != NULL &&
            (a->wants == NULL || strstr(request, a->wants) == NULL)) {
            head = a->head;
            body = a->body;
        }
    }
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head,
                       strlen(body), body);
    (void)!send(fd, text, (size_t)len, MSG_NOSIGNAL);
}

/* Bytes of a whole request at the start of text; 0: it is not whole. */
static size_t request_len(const char *text, size_t len)
{
    static const char name[] = "Content-Length: ";
    const char *end = strstr(text, "\r\n\r\n");
    const char *content = strstr(text, name);
    size_t all;

    if (end == NULL) {
        return 0;
    }
    all = (size_t)(end - text) + 4;
    if (content != NULL && content < end) {
        size_t value = 0;

        for (const char *p = content + sizeof(name) - 1; *p >= '0' && *p <= '9';
             p++) {
            value = value * 10 + (size_t)(*p - '0');
        }
        all += value;
    }
    return all <= len ? all : 0;
}

static void serve_connection(int fd)
{
    char text[REQUEST_MAX + 1] = "";
    size_t len = 0;

    while (len < REQUEST_MAX) {
        ssize_t got = recv(fd, text + len, REQUEST_MAX - len, 0);

        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        text[len] = '\0';
        size_t whole = request_len(text, len);
        if (whole > 0) {
            answer_one(fd, text);
            memmove(text, text + whole, len - whole + 1);
            len -= whole;
        }
    }
    close(fd);
}

/* A run has one connection, and for a fetched value another. */
static void *serve_alone(void *user)
{
    int *fd = user;

    serve_connection(*fd);
    free(fd);
    return NULL;
}

static void *serve(void *user)
{
    const struct server *server = user;
    int got;

    while ((got = accept(server->fd, NULL, NULL)) >= 0) {
        int *fd = malloc(sizeof(*fd));
        pthread_t thread;

        if (fd == NULL) {
            close(got);
            continue;
        }
        *fd = got;
        if (pthread_create(&thread, NULL, serve_alone, fd) != 0) {
            serve_alone(fd);
            continue;
        }
        pthread_detach(thread);
    }
    return NULL;
}

static bool server_start(struct server *server)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof(at);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&at, len) != 0 ||
        listen(server->fd, 16) != 0 ||
        getsockname(server->fd, (struct sockaddr *)&at, &len) != 0) {
        return false;
    }
    server->port = ntohs(at.sin_port);
    return pthread_create(&server->thread, NULL, serve, server) == 0;
}

static size_t drop(char *bytes, size_t size, size_t count, void *user)
{
    (void)bytes;
    (void)user;
    return size * count;
}

static const struct scenario {
    const char *name, *path, *content;
    unsigned sends;
    unsigned again; /* sends of the same request once more, with a recall */
} scenarios[] = {
    { "an echo", "/echo", NULL, 2, 0 },
    { "a challenge that is read", "/read", NULL, 2, 0 },
    { "a query that is added to", "/query?s=t", NULL, 2, 0 },
    { "a redirect to an echo", "/move", NULL, 3, 0 },
    { "a fetched value", "/value", NULL, 2, 0 },
    { "a patched body", "/body", "{\"b\":1}", 2, 0 },
    { "a learned field", "/read", NULL, 2, 1 },
    { "a learned field, with content", "/read", "{\"b\":1}", 2, 1 },
    { "a learned query", "/query?s=t", NULL, 2, 1 },
};

/* What a run works with, apart from what fails. */
struct world {
    unsigned port;
    rwith_dialects *set;
    rwith_supply *supply;
};

static const uint8_t recall_key[RWITH_RECALL_KEY_LEN] = { 4, 4, 9 };
static _Alignas(8) char recall_memory[RWITH_RECALL_SIZE_MIN];

static rwith_recall *new_recall(void)
{
    rwith_recall *recall = NULL;

    (void)rwith_recall_init(recall_memory, sizeof(recall_memory), recall_key,
                            &recall);
    return recall;
}

/* RWITH_OK: got through; RWITH_ENOMEM: out of memory, or the refusal was
 * handed on; RWITH_EINVAL: anything else. */
static int perform(rwith_curl *session, const rwith_curl_request *req,
                   unsigned sends)
{
    const rwith_curl_result *result = NULL;
    int err = rwith_curl_perform(session, req, &result);

    if (err != RWITH_OK) {
        return err;
    }
    bool is_refused = result->status == 449 || result->status == 403;
    return result->code == CURLE_OUT_OF_MEMORY               ? RWITH_ENOMEM
           : result->code != CURLE_OK                        ? RWITH_EINVAL
           : is_refused                                      ? RWITH_ENOMEM
           : result->status == 200 && result->sends == sends ? RWITH_OK
                                                             : RWITH_EINVAL;
}

static int run(const struct world *world, const struct scenario *row,
               struct tap_memory *memory)
{
    const rwith_alloc mem = tap_alloc(memory);
    const rwith_curl_options options = {
        .mem = &mem,
        .set = world->set,
        .supply = world->supply,
        .recall = row->again > 0 ? new_recall() : NULL,
    };
    struct curl_slist *headers =
        curl_slist_append(NULL, "Content-Type: application/json");
    char url[128];
    rwith_curl *session = NULL;
    rwith_curl_request req = {
        .easy = curl_easy_init(),
        .url = url,
        .headers = row->content != NULL ? headers : NULL,
        .body = { .kind = row->content != NULL ? RWITH_CURL_BODY_MEMORY
                                               : RWITH_CURL_BODY_NONE,
                  .data = row->content,
                  .len = row->content != NULL ? strlen(row->content) : 0 },
        .on_body = drop,
        .follow = true,
        .time_max_ms = 10000,
    };

    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", world->port, row->path);
    curl_easy_setopt(req.easy, CURLOPT_PROXY, "");
    int err = rwith_curl_new(&options, &session);
    if (err == RWITH_OK) {
        err = perform(session, &req, row->sends);
    }
    if (err == RWITH_OK && row->again > 0) {
        err = perform(session, &req, row->again);
    }
    rwith_curl_free(session);
    curl_easy_cleanup(req.easy);
    curl_slist_free_all(headers);
    return err;
}

static void test_scenario(const struct world *world, const struct scenario *row)
{
    struct tap_memory memory = { 0, SIZE_MAX, 0 };
    size_t wrong = 0;
    size_t leaked = 0;
    size_t k = 0;

    is_int(run(world, row, &memory), RWITH_OK, row->name);
    is_int((long long)memory.live, 0, row->name);
    for (size_t calls = memory.calls; k < calls && k < TURNS_MAX; k++) {
        memory = (struct tap_memory){ 0, k, 0 };
        int err = run(world, row, &memory);

        if (err != RWITH_OK && err != RWITH_ENOMEM) {
            printf("# %s: allocation %zu: %d\n", row->name, k, err);
            wrong++;
        }
        leaked += memory.live;
    }
    ok(k > 5, "%s: %zu allocations, each failed once", row->name, k);
    is_int((long long)wrong, 0, row->name);
    is_int((long long)leaked, 0, row->name);
}

static bool world_make(struct world *world)
{
    rwith_diagnostic diag = { 0, 0, "" };
    rwith_origin origin;
    char text[64];
    bool done = rwith_dialects_new(NULL, &world->set) == RWITH_OK &&
                rwith_dialects_add(world->set, rwith_slice_of(crumb), &diag) ==
                    RWITH_OK &&
                rwith_supply_new(NULL, &world->supply) == RWITH_OK;

    snprintf(text, sizeof(text), "http://127.0.0.1:%u", world->port);
    static const struct {
        rwith_place in;
        rwith_slice name;
    } values[] = {
        { RWITH_IN_HEADER, { "X-Key", 5 } },
        { RWITH_IN_QUERY, { "q", 1 } },
        { RWITH_IN_BODY, { "/a", 2 } },
    };
    done = done && rwith_origin_parse(rwith_slice_of(text), NULL, 0, &origin,
                                      NULL) == RWITH_OK;
    for (size_t i = 0; done && i < sizeof(values) / sizeof(values[0]); i++) {
        done =
            rwith_supply_give(world->supply, &origin, values[i].in,
                              values[i].name, RWITH_LIT("sesame")) == RWITH_OK;
    }
    return done;
}

/* What is kept ready of the supply follows it. */
static void test_refill(const struct world *world)
{
    static const struct {
        const char *name, *value; /* NULL: the one before */
        unsigned status, sends, recalled;
    } rows[] = {
        { "asked for", NULL, 200, 2, 0 },
        { "known", NULL, 200, 1, 1 },
        { "changed", "simsalabim", 449, 1, 1 },
        { "changed back", "sesame", 200, 1, 1 },
        { "known again", NULL, 200, 1, 1 },
    };
    const rwith_curl_options options = { .set = world->set,
                                         .supply = world->supply,
                                         .recall = new_recall() };
    rwith_curl_request req = { .easy = curl_easy_init(), .on_body = drop };
    rwith_curl *session = NULL;
    char url[128];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/read", world->port);
    req.url = url;
    curl_easy_setopt(req.easy, CURLOPT_PROXY, "");
    is_int(rwith_curl_new(&options, &session), RWITH_OK, "a session");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const rwith_curl_result *got = NULL;

        if (rows[i].value != NULL) {
            is_int(rwith_supply_fill(world->supply, 0,
                                     rwith_slice_of(rows[i].value)),
                   RWITH_OK, rows[i].name);
        }
        is_int(rwith_curl_perform(session, &req, &got), RWITH_OK, rows[i].name);
        is_int(got->status, rows[i].status, rows[i].name);
        is_int(got->sends, rows[i].sends, rows[i].name);
        is_int(got->report.recalled, rows[i].recalled, rows[i].name);
    }
    rwith_curl_free(session);
    curl_easy_cleanup(req.easy);
}

int main(int argc, char **argv)
{
    struct server server = { .fd = -1 };
    struct world world = { 0, NULL, NULL };

    tap_start(argc, argv);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    ok(server_start(&server), "an origin");
    world.port = server.port;
    ok(world_make(&world), "dialects and values");
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (tap_wants(scenarios[i].name)) {
            test_scenario(&world, &scenarios[i]);
        }
    }
    if (tap_wants("refill")) {
        test_refill(&world);
    }
    shutdown(server.fd, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.fd);
    rwith_supply_free(world.supply);
    rwith_dialects_free(world.set);
    curl_global_cleanup();
    return tap_done();
}
