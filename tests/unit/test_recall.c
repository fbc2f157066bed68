/*
 * What is remembered, for whom, how long, within which shares; the text
 * form; and blocks that somebody spoilt.
 */
#include <retrywith/recall.h>

#include "lib/recall.h"
#include "tests/unit/tap.h"

#define NOW UINT64_C(1700000000)

static const uint8_t key[RWITH_RECALL_KEY_LEN] = { 1, 2, 3 };

static rwith_request request(const char *method, const char *host,
                             const char *target)
{
    return (rwith_request){
        .method = { method, strlen(method) },
        .origin = { { "https", 5 }, { host, strlen(host) }, 443 },
        .target = { target, strlen(target) },
        .may_add = true,
    };
}

static rwith_recall_hit want(rwith_place in, const char *name)
{
    return (rwith_recall_hit){ .in = in, .name = { name, strlen(name) } };
}

static rwith_recall_hit hold(const char *name, const char *value)
{
    return (rwith_recall_hit){ .in = RWITH_IN_HEADER,
                               .name = { name, strlen(name) },
                               .value = { value, strlen(value) },
                               .has_value = true };
}

static rwith_recall *fresh(size_t size)
{
    rwith_recall *recall = NULL;
    void *block = malloc(size);

    if (block == NULL ||
        rwith_recall_init(block, size, key, &recall) != RWITH_OK) {
        abort();
    }
    return recall;
}

static size_t find(rwith_recall *recall, const rwith_request *req,
                   rwith_recall_hit *hits)
{
    return rwith_recall_find(recall, req, NOW, hits, RWITH_RECALL_HITS_MAX);
}

/* --- scopes ------------------------------------------------------------------
 */

static const struct scope_row {
    const char *name;
    rwith_scope scope;
    rwith_place in;
    const char *learned_method, *learned_at;
    const char *method, *at;
    bool is_found;
} scope_rows[] = {
    { "origin: anywhere", RWITH_SCOPE_ORIGIN, RWITH_IN_HEADER, "GET", "/a/b",
      "PUT", "/z", true },
    { "path: the same folder", RWITH_SCOPE_PATH, RWITH_IN_HEADER, "GET",
      "/a/b?x", "PUT", "/a/c", true },
    { "path: below", RWITH_SCOPE_PATH, RWITH_IN_COOKIE, "GET", "/a/b", "GET",
      "/a/c/d?/x", true },
    { "path: beside", RWITH_SCOPE_PATH, RWITH_IN_HEADER, "GET", "/a/b", "GET",
      "/ab", false },
    { "path: above", RWITH_SCOPE_PATH, RWITH_IN_HEADER, "GET", "/a/b/c", "GET",
      "/a/b", false },
    { "path: the slash in a query is none", RWITH_SCOPE_PATH, RWITH_IN_HEADER,
      "GET", "/a?b/c", "GET", "/z", true },
    { "query: the same operation", RWITH_SCOPE_PATH, RWITH_IN_QUERY, "GET",
      "/a/b?x=1", "GET", "/a/b?y=2", true },
    { "query: another method", RWITH_SCOPE_PATH, RWITH_IN_QUERY, "GET", "/a/b",
      "POST", "/a/b", false },
    { "body: another path", RWITH_SCOPE_PATH, RWITH_IN_BODY, "POST", "/a/b",
      "POST", "/a/c", false },
    { "path: no path at all", RWITH_SCOPE_PATH, RWITH_IN_HEADER, "OPTIONS", "*",
      "GET", "/a", false },
    { "path: a line break", RWITH_SCOPE_PATH, RWITH_IN_HEADER, "GET", "/a\nb/c",
      "GET", "/a\nb/c", false },
    { "query: no method", RWITH_SCOPE_PATH, RWITH_IN_QUERY, "a b", "/a", "a b",
      "/a", false },
    { "request: never", RWITH_SCOPE_REQUEST, RWITH_IN_HEADER, "GET", "/a",
      "GET", "/a", false },
};

static void check_scopes(void)
{
    for (size_t i = 0; i < sizeof(scope_rows) / sizeof(scope_rows[0]); i++) {
        const struct scope_row *row = &scope_rows[i];
        rwith_recall *recall = fresh(RWITH_RECALL_SIZE_MIN);
        rwith_request learned =
            request(row->learned_method, "h", row->learned_at);
        rwith_request req = request(row->method, "h", row->at);
        rwith_recall_hit entry =
            want(row->in, row->in == RWITH_IN_BODY ? "/n" : "n");
        rwith_recall_hit hits[RWITH_RECALL_HITS_MAX];

        rwith_recall_learn(recall, &learned, row->scope, &entry, NOW);
        ok((find(recall, &req, hits) == 1) == row->is_found, "%s", row->name);
        free(recall);
    }
}

static void check_clients(void)
{
    rwith_recall *recall = fresh(65536);
    rwith_field alice = { RWITH_LIT("authorization"), RWITH_LIT("Basic a") };
    rwith_field bob = { RWITH_LIT("Authorization"), RWITH_LIT("Basic b") };
    rwith_field cookie = { RWITH_LIT("Cookie"), RWITH_LIT("Basic a") };
    rwith_request req = request("GET", "h", "/");
    rwith_recall_hit entry = hold("X-Session", "s1");
    rwith_recall_hit named = want(RWITH_IN_HEADER, "X-Key");
    rwith_recall_hit hits[RWITH_RECALL_HITS_MAX];

    req.field_count = 1;
    req.fields = &alice;
    rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW);
    is_int((long long)find(recall, &req, hits), 1, "a value for its client");
    is_str(hits[0].value, "s1", "the value");
    req.fields = &bob;
    is_int((long long)find(recall, &req, hits), 0, "not for another client");
    req.fields = &cookie;
    is_int((long long)find(recall, &req, hits), 0,
           "the same bytes as a cookie are another client");
    req.field_count = 0;
    is_int((long long)find(recall, &req, hits), 0, "not for nobody");
    rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &named, NOW);
    req.field_count = 1;
    req.fields = &bob;
    is_int((long long)find(recall, &req, hits), 1, "a name is for everybody");

    req.fields = &alice;
    entry = hold("x-session", "s2");
    rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW);
    is_int((long long)rwith_recall_count(recall), 2, "a value is replaced");
    find(recall, &req, hits);
    is_str(hits[1].has_value ? hits[1].value : hits[0].value, "s2",
           "by the newer one");
    req.origin.scheme = RWITH_LIT("http");
    is_int((long long)find(recall, &req, hits), 0, "not over http");
    req.origin.scheme = RWITH_LIT("https");
    req.origin.port = 8443;
    is_int((long long)find(recall, &req, hits), 0, "not to another port");

    req.origin.port = 443;
    rwith_recall_forget(recall, &req, &entry);
    is_int((long long)rwith_recall_count(recall), 1, "one is forgotten");
    rwith_recall_forget(recall, &req, NULL);
    is_int((long long)rwith_recall_count(recall), 0, "all are forgotten");
    ok(rwith__recall_validate(recall, 65536), "valid");
    free(recall);
}

static void check_order(void)
{
    rwith_recall *recall = fresh(65536);
    const char *const paths[] = { "/a/x", "/a/b/c/x", "/x", "/a/b/x" };
    rwith_recall_hit hits[RWITH_RECALL_HITS_MAX];
    rwith_recall_hit entry = want(RWITH_IN_HEADER, "X-Key");

    for (size_t i = 0; i < 4; i++) {
        rwith_request req = request("GET", "h", paths[i]);
        const char *const names[] = { "X-A", "X-C", "X-O", "X-B" };

        entry.name = rwith_slice_of(names[i]);
        rwith_recall_learn(recall, &req, RWITH_SCOPE_PATH, &entry, NOW);
    }
    rwith_request req = request("GET", "h", "/a/b/c/d");
    is_int((long long)find(recall, &req, hits), 4, "four apply");
    is_str(hits[0].name, "X-C", "the longest path first");
    is_str(hits[3].name, "X-O", "the shortest last");
    is_int((long long)rwith_recall_find(recall, &req, NOW, hits, 2), 2,
           "at most max");
    is_str(hits[1].name, "X-B", "the longest are kept");
    free(recall);
}

static void check_expiry(void)
{
    rwith_recall *recall = fresh(65536);
    rwith_request req = request("GET", "h", "/");
    rwith_recall_hit entry = want(RWITH_IN_HEADER, "X-Key");
    rwith_recall_hit hits[4];
    uint64_t ttl = RWITH_RECALL_TTL_S_DEFAULT;

    rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW);
    is_int((long long)rwith_recall_find(recall, &req, NOW + ttl, hits, 4), 1,
           "on its last second");
    is_int((long long)rwith_recall_find(recall, &req, NOW + 2 * ttl, hits, 4),
           1, "a use keeps it");
    is_int(
        (long long)rwith_recall_find(recall, &req, NOW + 3 * ttl + 1, hits, 4),
        0, "unused, it expires");
    is_int((long long)rwith_recall_find(recall, &req, 0, hits, 4), 1,
           "a clock that goes back forgets nothing");
    free(recall);
}

static void check_shares(void)
{
    rwith_recall *recall = fresh(1 << 20);
    rwith_request other = request("GET", "other", "/");
    rwith_recall_hit mine = want(RWITH_IN_HEADER, "X-Mine");
    rwith_recall_hit hits[RWITH_RECALL_HITS_MAX];
    char text[64];

    rwith_recall_learn(recall, &other, RWITH_SCOPE_ORIGIN, &mine, NOW);
    for (int i = 0; i < 500; i++) {
        rwith_request req = request("GET", "h", "/");
        rwith_recall_hit entry;

        snprintf(text, sizeof(text), "X-N%d", i);
        entry = want(RWITH_IN_HEADER, text);
        rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW);
    }
    is_int((long long)rwith_recall_count(recall),
           RWITH_RECALL_PER_ORIGIN_MAX + 1, "an origin has its share");
    for (int i = 0; i < 100; i++) {
        rwith_request req = request("GET", "h", "/");
        rwith_recall_hit entry;

        snprintf(text, sizeof(text), "X-V%d", i);
        entry = hold(text, "v");
        rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW);
    }
    is_int((long long)rwith_recall_count(recall),
           RWITH_RECALL_PER_ORIGIN_MAX + 1 + 16, "a client has its share");
    for (int i = 0; i < 1000; i++) {
        rwith_request req = request("GET", "h", "/");
        rwith_field field = { RWITH_LIT("Cookie"), { text, 0 } };
        rwith_recall_hit entry = hold("X-Session", "v");

        field.value.len = (size_t)snprintf(text, sizeof(text), "id=%d", i);
        req.fields = &field;
        req.field_count = 1;
        rwith_recall_learn(recall, &req, RWITH_SCOPE_JAR, &entry, NOW);
    }
    is_int((long long)rwith_recall_count(recall),
           RWITH_RECALL_PER_ORIGIN_MAX + 1 + RWITH_RECALL_CLIENTS_MAX,
           "clients have theirs");
    is_int((long long)find(recall, &other, hits), 1,
           "another origin lost nothing");
    ok(rwith__recall_validate(recall, 1 << 20), "valid");
    free(recall);
}

/* Far more than fits, of every size. */
static void check_eviction(void)
{
    size_t size = RWITH_RECALL_SIZE_MIN;
    rwith_recall *recall = fresh(size);
    static char value[RWITH_RECALL_VALUE_MAX + 1];
    rwith_recall_hit hits[RWITH_RECALL_HITS_MAX];
    bool valid = true, there = true;
    char host[32];

    memset(value, 'v', sizeof(value) - 1);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(host, sizeof(host), "h%u", i * 7 % 200);
        rwith_request req = request("GET", host, "/");
        rwith_recall_hit entry = hold("X-S", value);

        entry.value.len = i * 37 % sizeof(value);
        there = there &&
                rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry,
                                   NOW + i) == RWITH_OK &&
                rwith_recall_find(recall, &req, NOW + i, hits, 4) == 1 &&
                hits[0].value.len == entry.value.len;
        valid = valid && rwith__recall_validate(recall, size);
    }
    ok(there, "what was just learned is found");
    ok(valid, "valid after each");
    free(recall);
}

static void check_limits(void)
{
    rwith_recall *recall = fresh(65536);
    rwith_request req = request("GET", "h", "/");
    static char longest[RWITH_RECALL_VALUE_MAX + 2];
    rwith_recall_hit entry = hold("X-S", longest);

    memset(longest, 'v', sizeof(longest) - 1);
    entry.value.len = RWITH_RECALL_VALUE_MAX;
    is_int(rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW),
           RWITH_OK, "the longest value");
    entry.value.len++;
    is_int(rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW),
           RWITH_ERANGE, "one byte more");
    entry = hold("Host", "v");
    is_int(rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW),
           RWITH_ERANGE, "a field that is never set");
    entry = hold("X-S", "a\r\nb");
    is_int(rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW),
           RWITH_ERANGE, "a line break");
    entry = hold("sid", "a; admin=1");
    entry.in = RWITH_IN_COOKIE;
    is_int(rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW),
           RWITH_ERANGE, "a second cookie in a cookie's value");
    is_int((long long)rwith_recall_count(recall), 1, "nothing else is there");
    free(recall);
}

/* --- text ----------------------------------------------------------------- */

static rwith_slice saved(const rwith_recall *recall, bool with_values)
{
    size_t len = rwith_recall_save(recall, with_values, NULL, 0);
    char *text = malloc(len);

    if (text == NULL ||
        rwith_recall_save(recall, with_values, text, len) != len) {
        abort();
    }
    return (rwith_slice){ text, len };
}

static void check_text(void)
{
    rwith_recall *recall = fresh(65536);
    rwith_recall *other = fresh(65536);
    rwith_request req = request("POST", "h", "/it's/b");
    rwith_recall_hit entries[] = { want(RWITH_IN_HEADER, "X-Key"),
                                   want(RWITH_IN_QUERY, "it's a \\ \"name\""),
                                   want(RWITH_IN_BODY, "/a~1b/#c"),
                                   want(RWITH_IN_AUTHORIZATION, "Basic") };
    rwith_recall_hit value = hold("X-Session", "it's \"a\" b\\c #d");
    rwith_recall_hit hits[RWITH_RECALL_HITS_MAX];
    rwith_diagnostic diag = { 0 };

    for (size_t i = 0; i < 4; i++) {
        rwith_recall_learn(recall, &req, RWITH_SCOPE_PATH, &entries[i], NOW);
    }
    rwith_recall_learn(recall, &req, RWITH_SCOPE_JAR, &value, NOW);

    rwith_slice names = saved(recall, false);
    rwith_slice all = saved(recall, true);
    is_int(rwith_recall_load(other, names, NOW, &diag), RWITH_OK, "names");
    is_int((long long)rwith_recall_count(other), 4, "without values");
    free(other);

    other = fresh(65536);
    memset(other->key, 77, sizeof(other->key));
    is_int(rwith_recall_load(other, all, NOW, &diag), RWITH_OK, "all");
    is_int((long long)find(other, &req, hits), 5, "with values and their key");
    rwith_slice again = saved(other, true);
    is_slice(again, all, "the same text again");
    tap_free(again);
    free(other);

    other = fresh(65536);
    rwith_request busy = request("GET", "z", "/");
    memset(other->key, 77, sizeof(other->key));
    rwith_recall_learn(other, &busy, RWITH_SCOPE_ORIGIN, &entries[0], NOW);
    is_int(rwith_recall_load(other, all, NOW, &diag), RWITH_OK,
           "into one in use");
    is_int((long long)rwith_recall_count(other), 5,
           "values of another key are passed over");
    free(other);

    other = fresh(65536);
    is_int(rwith_recall_load(other, all, NOW + 100000, &diag), RWITH_OK,
           "a day later");
    is_int((long long)rwith_recall_count(other), 0, "it has expired");
    bool whole = true;
    for (size_t len = 0; len < all.len; len++) {
        rwith_slice part = tap_copy(all.ptr, len);
        int err = rwith_recall_load(other, part, NOW + 100000, &diag);

        whole = whole && (err == RWITH_OK || err == RWITH_EFILE);
        tap_free(part);
    }
    ok(whole, "every truncation is read or refused");
    free(other);
    tap_free(names);
    tap_free(all);
    free(recall);
}

static const struct bad_row {
    const char *name, *text;
    size_t line, column;
} bad_rows[] = {
    { "no version", "origin http://h:80\n", 1, 1 },
    { "another version", "retrywith-recall 2\n", 1, 1 },
    { "unknown keyword", "retrywith-recall 1\nfoo\n", 2, 1 },
    { "an entry without an origin",
      "retrywith-recall 1\nwant header X used 1\n", 2, 1 },
    { "a bad origin", "retrywith-recall 1\norigin ftp://h\n", 2, 8 },
    { "an origin with a path", "retrywith-recall 1\norigin http://h/a\n", 2,
      8 },
    { "an unknown place",
      "retrywith-recall 1\norigin http://h\nwant heder X used 1\n", 3, 6 },
    { "no name", "retrywith-recall 1\norigin http://h\nwant header\n", 3, 12 },
    { "no time", "retrywith-recall 1\norigin http://h\nwant header X\n", 3,
      14 },
    { "a time that is none",
      "retrywith-recall 1\norigin http://h\nwant header X used x\n", 3, 20 },
    { "a time that wraps",
      "retrywith-recall 1\norigin http://h\n"
      "want header X used 18446744073709551616\n",
      3, 20 },
    { "a client that is none",
      "retrywith-recall 1\norigin http://h\nhold header X v client 12 used 1\n",
      3, 24 },
    { "a forbidden field",
      "retrywith-recall 1\norigin http://h\nwant header Host used 1\n", 3, 0 },
    { "a folder without its slash",
      "retrywith-recall 1\norigin http://h\nwant header X path /a used 1\n", 3,
      0 },
    { "a path that is none",
      "retrywith-recall 1\norigin http://h\nwant header X path a/ used 1\n", 3,
      0 },
    { "a parameter of a path and any method",
      "retrywith-recall 1\norigin http://h\nwant query x path /a used 1\n", 3,
      0 },
    { "a method without a path",
      "retrywith-recall 1\norigin http://h\nwant query x method GET used 1\n",
      3, 0 },
    { "a short key", "retrywith-recall 1\nkey 00\n", 2, 5 },
    { "more behind",
      "retrywith-recall 1\norigin http://h\nwant header X used 1 secret\n", 3,
      22 },
};

static void check_bad(void)
{
    for (size_t i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
        const struct bad_row *row = &bad_rows[i];
        rwith_recall *recall = fresh(RWITH_RECALL_SIZE_MIN);
        rwith_slice text = tap_copy(row->text, strlen(row->text));
        rwith_diagnostic diag = { .line = 77 };
        int err = rwith_recall_load(recall, text, NOW, &diag);

        if (!ok(err == RWITH_EFILE && diag.line == row->line &&
                    diag.column == row->column &&
                    strstr(diag.text, "secret") == NULL &&
                    rwith_recall_count(recall) == 0,
                "%s", row->name)) {
            printf("#   got %d at %zu:%zu: %s\n", err, diag.line, diag.column,
                   diag.text);
        }
        tap_free(text);
        free(recall);
    }
}

/* --- blocks --------------------------------------------------------------- */

static void use(rwith_recall *recall)
{
    rwith_request req = request("GET", "h", "/");
    rwith_recall_hit entry = hold("X-Session", "value");
    rwith_recall_hit hits[RWITH_RECALL_HITS_MAX];

    for (int i = 0; i < 8; i++) {
        rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW);
        find(recall, &req, hits);
        rwith_recall_forget(recall, &req, NULL);
    }
}

static void check_open(void)
{
    size_t size = RWITH_RECALL_SIZE_MIN;
    rwith_recall *recall = fresh(size);
    rwith_request req = request("GET", "h", "/a/b");
    rwith_recall_hit entry = want(RWITH_IN_HEADER, "X-Key");
    rwith_recall_hit value = hold("X-Session", "s");
    rwith_recall *opened = NULL;
    rwith_recall_hit hits[8];
    uint32_t seed = 1;
    unsigned taken = 0;

    rwith_recall_learn(recall, &req, RWITH_SCOPE_PATH, &entry, NOW);
    rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &value, NOW);
    char *moved = malloc(size);
    memcpy(moved, recall, size);
    is_int(rwith_recall_open(moved, size, &opened), RWITH_OK,
           "a block may be moved");
    is_int((long long)rwith_recall_find(opened, &req, NOW, hits, 8), 2,
           "and knows what it knew");
    is_int(rwith_recall_open(moved, size - 8, &opened), RWITH_EINVAL,
           "another size");
    is_int(rwith_recall_init(moved, RWITH_RECALL_SIZE_MIN - 1, key, &opened),
           RWITH_EINVAL, "too small");
    is_int(rwith_recall_init(moved + 1, size, key, &opened), RWITH_EINVAL,
           "not aligned");
    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 1664525 + 1013904223;
        memcpy(moved, recall, size);
        /* mostly the head, the lists and the first records */
        size_t at = (seed >> 8) % ((i & 1) != 0 ? 160 : 3500);
        moved[at] = (char)(seed >> 24);
        if (rwith_recall_open(moved, size, &opened) == RWITH_OK) {
            use(opened);
            taken++;
        }
    }
    ok(taken > 0, "spoilt blocks are refused or harmless (%u taken)", taken);
    free(moved);
    free(recall);
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    check_scopes();
    check_clients();
    check_order();
    check_expiry();
    check_shares();
    check_eviction();
    check_limits();
    check_text();
    check_bad();
    check_open();
    return tap_done();
}
