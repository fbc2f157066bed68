/*
 * What is kept ready for an origin is what an exchange would have done: each
 * row asks both, with the same supply, the same recall and the same request.
 */
#include <retrywith/opening.h>

#include "lib/exchange.h"
#include "lib/recall.h"
#include "tests/unit/tap.h"

#define NOW    UINT64_C(1700000000)
#define FIRST  "origin http://h\n"
#define SECOND "origin http://other\nheader X-Key value other\n"

static const uint8_t key[RWITH_RECALL_KEY_LEN] = { 9 };
static rwith_dialects *set;

static rwith_slice slice(const char *s)
{
    return (rwith_slice){ s, strlen(s) };
}

static rwith_request request(const char *method, const char *target)
{
    return (rwith_request){
        .method = slice(method),
        .origin = { { "http", 4 }, { "h", 1 }, 80 },
        .target = slice(target),
        .is_replayable = true,
        .may_add = true,
    };
}

static rwith_supply *supply_of(const char *text)
{
    rwith_supply *supply = NULL;

    if (rwith_supply_new(NULL, &supply) != RWITH_OK ||
        rwith_supply_read(supply, slice(text), NULL, NULL) != RWITH_OK) {
        abort();
    }
    return supply;
}

static rwith_recall *recall_new(void)
{
    rwith_recall *recall = NULL;
    void *block = malloc(RWITH_RECALL_SIZE_MIN);

    if (block == NULL || rwith_recall_init(block, RWITH_RECALL_SIZE_MIN, key,
                                           &recall) != RWITH_OK) {
        abort();
    }
    return recall;
}

static void learn(rwith_recall *recall, rwith_scope scope, const char *method,
                  const char *target, rwith_place in, const char *name,
                  const char *value)
{
    rwith_request req = request(method, target);
    rwith_recall_hit entry = { .in = in,
                               .name = slice(name),
                               .value = slice(value != NULL ? value : ""),
                               .has_value = value != NULL };

    if (rwith_recall_learn(recall, &req, scope, &entry, NOW) != RWITH_OK) {
        abort();
    }
}

/* As an adapter does it. */
static rwith_opening_advice ask(rwith_opening *opening, rwith_recall *recall,
                                const rwith_request *req, uint64_t now_s,
                                uint64_t *ret_lines)
{
    rwith_opening_advice advice =
        rwith_opening_find(opening, recall, req, now_s, ret_lines);

    if (advice == RWITH_OPENING_STALE) {
        rwith_opening_renew(opening, recall, req, now_s);
        advice = rwith_opening_find(opening, recall, req, now_s, ret_lines);
    }
    return advice;
}

static bool has_field(const rwith_field *fields, size_t count,
                      const rwith_field *wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (rwith_slice_equal(fields[i].name, wanted->name) &&
            rwith_slice_equal(fields[i].value, wanted->value)) {
            return true;
        }
    }
    return false;
}

/* Are these lines what the exchange sends, and all of it? */
static bool same_as(const rwith_opening *opening, uint64_t lines,
                    const rwith_effect *effect, const rwith_request *req)
{
    size_t count, sent = 0;
    const rwith_field *line = rwith_opening_lines(opening, &count);

    for (size_t i = 0; i < count; i++) {
        if ((lines >> i & 1) != 0) {
            sent++;
            if (!has_field(effect->set, effect->set_count, &line[i])) {
                return false;
            }
        }
    }
    return sent == effect->set_count && effect->member_count == 0 &&
           rwith_slice_equal(effect->target, req->target);
}

static const rwith_effect *exchange(const rwith_exchange_options *options,
                                    const rwith_request *req, uint64_t now_s,
                                    rwith_exchange **ret)
{
    const rwith_effect *effect = NULL;

    if (rwith_exchange_new(options, req, ret) != RWITH_OK ||
        rwith_exchange_start(*ret, 0, now_s, &effect) != RWITH_OK) {
        abort();
    }
    return effect;
}

/* --- one request, asked of both ------------------------------------------- */

static const struct row {
    const char *name;
    const char *supply;
    struct {
        rwith_scope scope;
        const char *method, *target;
        rwith_place in;
        const char *name, *value;
    } known[4];
    const char *method, *target;
    rwith_field own;
    bool may_not_add;
    rwith_opening_advice advice;
    size_t sent; /* READY: fields */
} rows[] = {
    { .name = "nothing known, nothing supplied",
      .supply = "",
      .method = "GET",
      .target = "/a" },
    { .name = "nothing known",
      .supply = FIRST "header X-Key value k\n",
      .method = "GET",
      .target = "/a" },
    { .name = "a name of the folder",
      .supply = SECOND FIRST "header X-Key value k\n",
      .known = { { RWITH_SCOPE_PATH, "GET", "/a/b", RWITH_IN_HEADER, "x-KEY",
                   NULL } },
      .method = "PUT",
      .target = "/a/c/d?/x",
      .sent = 1 },
    { .name = "a name of another folder",
      .supply = FIRST "header X-Key value k\n",
      .known = { { RWITH_SCOPE_PATH, "GET", "/a/b", RWITH_IN_HEADER, "X-Key",
                   NULL } },
      .method = "GET",
      .target = "/ab" },
    { .name = "the slash is in the query",
      .supply = FIRST "header X-Key value k\n",
      .known = { { RWITH_SCOPE_PATH, "GET", "/a/b", RWITH_IN_HEADER, "X-Key",
                   NULL } },
      .method = "GET",
      .target = "/a?/a/b" },
    { .name = "of two folders, once",
      .supply = FIRST "header X-Key value k\nheader X-B value b\n",
      .known = { { RWITH_SCOPE_PATH, "GET", "/a/b", RWITH_IN_HEADER, "X-Key",
                   NULL },
                 { RWITH_SCOPE_PATH, "GET", "/", RWITH_IN_HEADER, "X-Key",
                   NULL },
                 { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-B",
                   NULL } },
      .method = "GET",
      .target = "/a/b/c",
      .sent = 2 },
    { .name = "of no use: another origin's value",
      .supply = SECOND,
      .known = { { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-Key",
                   NULL } },
      .method = "GET",
      .target = "/a" },
    { .name = "sent unasked",
      .supply = FIRST "header X-All value z send always\n",
      .method = "GET",
      .target = "/a",
      .sent = 1 },
    { .name = "sent unasked, and known",
      .supply = FIRST "header X-All value z send always\n"
                      "header X-Key value k\n",
      .known = { { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-Key",
                   NULL },
                 { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-All",
                   NULL } },
      .method = "GET",
      .target = "/a",
      .sent = 2 },
    { .name = "an empty value",
      .supply = FIRST "header X-Key value ''\n",
      .known = { { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-Key",
                   NULL } },
      .method = "GET",
      .target = "/a",
      .sent = 1 },
    { .name = "basic",
      .supply = FIRST "auth basic value u:p\n",
      .known = { { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_AUTHORIZATION,
                   "Basic", NULL } },
      .method = "GET",
      .target = "/a",
      .sent = 1 },
    { .name = "bearer, unasked",
      .supply = FIRST "auth bearer value t send always\n",
      .method = "GET",
      .target = "/a",
      .sent = 1 },
    { .name = "two authorizations, unasked",
      .supply = FIRST "auth bearer value t send always\n"
                      "auth basic value u:p send always\n",
      .method = "GET",
      .target = "/a",
      .advice = RWITH_OPENING_OWN },
    { .name = "two authorizations, known",
      .supply = FIRST "auth bearer value t\nauth basic value u:p\n",
      .known = { { RWITH_SCOPE_PATH, "GET", "/a/b", RWITH_IN_AUTHORIZATION,
                   "Basic", NULL },
                 { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_AUTHORIZATION,
                   "Bearer", NULL } },
      .method = "GET",
      .target = "/a/c",
      .advice = RWITH_OPENING_OWN },
    { .name = "an authentication of the driver's",
      .supply = FIRST "auth digest value u:p send always\n",
      .method = "GET",
      .target = "/a",
      .advice = RWITH_OPENING_OWN },
    { .name = "the client sends it itself",
      .supply = FIRST "header X-Key value k\n",
      .known = { { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-Key",
                   NULL } },
      .method = "GET",
      .target = "/a",
      .own = { { "x-key", 5 }, { "mine", 4 } },
      .advice = RWITH_OPENING_OWN },
    { .name = "the client is authorized itself",
      .supply = FIRST "auth bearer value t send always\n",
      .method = "GET",
      .target = "/a",
      .own = { { "authorization", 13 }, { "Basic x", 7 } },
      .advice = RWITH_OPENING_OWN },
    { .name = "the client sends something of the same length",
      .supply = FIRST "header X-Key value k\n",
      .known = { { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-Key",
                   NULL } },
      .method = "GET",
      .target = "/a",
      .own = { { "X-Kez", 5 }, { "mine", 4 } },
      .sent = 1 },
    { .name = "nothing may be added",
      .supply = FIRST "header X-Key value k send always\n"
                      "query q value q send always\n",
      .known = { { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-Key",
                   NULL } },
      .method = "GET",
      .target = "/a",
      .may_not_add = true },
    { .name = "a parameter of the operation",
      .supply = FIRST "query q value q\n",
      .known = { { RWITH_SCOPE_PATH, "GET", "/a/b", RWITH_IN_QUERY, "q",
                   NULL } },
      .method = "GET",
      .target = "/a/b?x",
      .advice = RWITH_OPENING_OWN },
    { .name = "a parameter of another operation",
      .supply = FIRST "query q value q\nheader X-Key value k\n",
      .known = { { RWITH_SCOPE_PATH, "GET", "/a/b", RWITH_IN_QUERY, "q", NULL },
                 { RWITH_SCOPE_PATH, "GET", "/a/b", RWITH_IN_HEADER, "X-Key",
                   NULL } },
      .method = "POST",
      .target = "/a/b",
      .sent = 1 },
    { .name = "a parameter that is not supplied",
      .supply = FIRST "header X-Key value k\n",
      .known = { { RWITH_SCOPE_PATH, "GET", "/a/b", RWITH_IN_QUERY, "q", NULL },
                 { RWITH_SCOPE_PATH, "GET", "/a/b", RWITH_IN_HEADER, "X-Key",
                   NULL } },
      .method = "GET",
      .target = "/a/b",
      .sent = 1 },
    { .name = "a parameter, unasked",
      .supply = FIRST "query q value q send always\n",
      .method = "GET",
      .target = "/a/b",
      .advice = RWITH_OPENING_OWN },
    { .name = "a cookie",
      .supply = FIRST "cookie sid value s\n",
      .known = { { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_COOKIE, "sid",
                   NULL } },
      .method = "GET",
      .target = "/a/b",
      .advice = RWITH_OPENING_OWN },
    { .name = "a member of the content",
      .supply = FIRST "body /a value s\n",
      .known = { { RWITH_SCOPE_PATH, "POST", "/a", RWITH_IN_BODY, "/a",
                   NULL } },
      .method = "POST",
      .target = "/a",
      .advice = RWITH_OPENING_OWN },
    { .name = "a value that a server supplied",
      .supply = FIRST "header X-Key value k\n",
      .known = { { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-Session",
                   "s" } },
      .method = "GET",
      .target = "/a",
      .advice = RWITH_OPENING_OWN },
    { .name = "a value that is not there yet",
      .supply = FIRST "header X-Key file /no/such/file\n",
      .known = { { RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-Key",
                   NULL } },
      .method = "GET",
      .target = "/a",
      .advice = RWITH_OPENING_OWN },
};

/* Begun late, the exchange knows what went out. */
static void check_late(const struct row *row, rwith_exchange_options options,
                       const rwith_request *req, const rwith_effect *wanted,
                       const rwith_report *early)
{
    const rwith_effect *effect;
    rwith_report report;
    rwith_exchange *x;

    options.is_sent = true;
    effect = exchange(&options, req, NOW, &x);
    rwith_exchange_report(x, &report);
    ok(effect->kind == RWITH_EFFECT_SEND &&
           effect->is_patched == wanted->is_patched &&
           same_as(options.opening, options.opened, effect, req) &&
           rwith__exchange_validate(x),
       "%s: the exchange that begins late says the same", row->name);
    is_int(report.recalled, early->recalled, row->name);
    for (size_t i = 0; i < x->item_count; i++) {
        ok(rwith__item_was_sent(x, x->items[i].in, x->items[i].name,
                                x->items[i].value),
           "%s: it knows that this was sent", row->name);
    }
    rwith_exchange_free(x);
}

static void check_row(const struct row *row)
{
    rwith_supply *supply = supply_of(row->supply);
    rwith_recall *recall = recall_new();
    rwith_request req = request(row->method, row->target);
    rwith_exchange_options options = { .set = set,
                                       .supply = supply,
                                       .recall = recall };
    rwith_opening *opening = NULL;
    const rwith_effect *effect;
    rwith_exchange *x;
    rwith_report report;
    uint64_t lines = 77;

    req.may_add = !row->may_not_add;
    if (row->own.name.len > 0) {
        req.fields = &row->own;
        req.field_count = 1;
    }
    for (size_t i = 0; i < 4 && row->known[i].name != NULL; i++) {
        learn(recall, row->known[i].scope, row->known[i].method,
              row->known[i].target, row->known[i].in, row->known[i].name,
              row->known[i].value);
    }
    if (rwith_opening_new(NULL, supply, &req.origin, &opening) != RWITH_OK) {
        abort();
    }
    is_int(ask(opening, recall, &req, NOW, &lines), row->advice, row->name);
    effect = exchange(&options, &req, NOW, &x);
    rwith_exchange_report(x, &report);
    if (row->advice == RWITH_OPENING_READY) {
        ok(same_as(opening, lines, effect, &req), "%s: as the exchange",
           row->name);
        is_int((long long)effect->set_count, (long long)row->sent, row->name);
        options.opening = opening;
        options.opened = lines;
        check_late(row, options, &req, effect, &report);
    } else {
        is_int((long long)lines, 0, "no lines then");
    }
    rwith_exchange_free(x);
    rwith_opening_free(opening);
    rwith_supply_free(supply);
    free(recall);
}

/* --- what changes meanwhile ------------------------------------------------
 */

struct scene {
    rwith_supply *supply;
    rwith_recall *recall;
    rwith_opening *opening;
    rwith_request req;
};

static struct scene scene(void)
{
    struct scene s = { .supply = supply_of(FIRST "header X-Key value k\n"
                                                 "header X-B value b\n"),
                       .recall = recall_new(),
                       .req = request("GET", "/a/b") };

    if (rwith_opening_new(NULL, s.supply, &s.req.origin, &s.opening) !=
        RWITH_OK) {
        abort();
    }
    return s;
}

static void scene_end(struct scene *s)
{
    rwith_opening_free(s->opening);
    rwith_supply_free(s->supply);
    free(s->recall);
}

/* The lines with which that request is sent; -1: not READY, even when
 * renewed. */
static long long lines_at(struct scene *s, uint64_t now_s)
{
    uint64_t lines;

    return ask(s->opening, s->recall, &s->req, now_s, &lines) ==
                   RWITH_OPENING_READY
               ? (long long)lines
               : -1;
}

static void check_changes(void)
{
    struct scene s = scene();
    rwith_recall_hit name = { .in = RWITH_IN_HEADER, .name = slice("X-Key") };
    rwith_field mine = { RWITH_LIT("Cookie"), RWITH_LIT("a=1") };
    rwith_request other = request("GET", "/");
    uint64_t lines;

    is_int(lines_at(&s, NOW), 0, "nothing is known");
    learn(s.recall, RWITH_SCOPE_PATH, "GET", "/a/x", RWITH_IN_HEADER, "X-Key",
          NULL);
    is_int(rwith_opening_find(s.opening, s.recall, &s.req, NOW, &lines),
           RWITH_OPENING_STALE, "somebody has learned");
    is_int(lines_at(&s, NOW), 1, "which is seen at once");
    is_int(rwith_opening_find(s.opening, s.recall, &s.req, NOW, &lines),
           RWITH_OPENING_READY, "and kept");
    learn(s.recall, RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-B",
          NULL);
    is_int(lines_at(&s, NOW), 3, "another name");
    rwith_recall_forget(s.recall, &s.req, &name);
    is_int(rwith_opening_find(s.opening, s.recall, &s.req, NOW, &lines),
           RWITH_OPENING_STALE, "one is forgotten");
    is_int(lines_at(&s, NOW), 2, "and not sent");

    other.origin.host = slice("other");
    name.name = slice("X-Key");
    rwith_recall_learn(s.recall, &other, RWITH_SCOPE_ORIGIN, &name, NOW);
    is_int(lines_at(&s, NOW), 2, "another origin's is nothing to this one");

    s.req.fields = &mine;
    s.req.field_count = 1;
    learn(s.recall, RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-S",
          "s1");
    is_int(lines_at(&s, NOW), -1, "values that servers supply: an exchange");
    s.req.field_count = 0;
    name = (rwith_recall_hit){ .in = RWITH_IN_HEADER,
                               .name = slice("X-S"),
                               .value = slice("s1"),
                               .has_value = true };
    rwith_recall_forget(s.recall, &s.req, &name);
    is_int(lines_at(&s, NOW), 2, "which is forgotten again");
    rwith_recall_forget(s.recall, &s.req, NULL);
    is_int(lines_at(&s, NOW), 0, "all is");
    ok(rwith__recall_validate(s.recall, RWITH_RECALL_SIZE_MIN), "valid");
    scene_end(&s);
}

/* Whole seconds, as rwith_recall_find() has it. */
static void check_expiry(void)
{
    struct scene s = scene();
    uint64_t ttl = RWITH_RECALL_TTL_S_DEFAULT;
    rwith_recall_hit hits[4];
    uint64_t lines;

    learn(s.recall, RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-Key",
          NULL);
    is_int(lines_at(&s, NOW), 1, "fresh");
    is_int(rwith_opening_find(s.opening, s.recall, &s.req, NOW + 1, &lines),
           RWITH_OPENING_STALE, "a second later it is looked up");
    is_int(lines_at(&s, NOW + ttl), 1, "on its last second");
    is_int(
        (long long)rwith_recall_find(s.recall, &s.req, NOW + 2 * ttl, hits, 4),
        1, "a use kept it");
    is_int(lines_at(&s, NOW + 4 * ttl), 0, "unused, it expires");
    is_int(lines_at(&s, NOW + 4 * ttl), 0, "and stays so");
    rwith_recall_learn(
        s.recall, &s.req, RWITH_SCOPE_ORIGIN,
        &(rwith_recall_hit){ .in = RWITH_IN_HEADER, .name = slice("X-Key") },
        NOW + 4 * ttl);
    is_int(lines_at(&s, NOW + 4 * ttl), 1, "learned again in that second");
    is_int(lines_at(&s, NOW), 1, "a clock that goes back");
    scene_end(&s);
}

/* What goes out with requests is in use: something else makes room. */
static void check_use(void)
{
    struct scene s = scene();
    char name[16];

    learn(s.recall, RWITH_SCOPE_PATH, "GET", "/a/", RWITH_IN_HEADER, "X-Key",
          NULL);
    for (unsigned i = 1; i < RWITH_RECALL_PER_ORIGIN_MAX; i++) {
        snprintf(name, sizeof(name), "X-N%u", i);
        learn(s.recall, RWITH_SCOPE_PATH, "GET", "/o/", RWITH_IN_HEADER, name,
              NULL);
    }
    is_int(lines_at(&s, NOW), 1, "as many as an origin may have");
    learn(s.recall, RWITH_SCOPE_PATH, "GET", "/z/", RWITH_IN_HEADER, "X-B",
          NULL);
    is_int(lines_at(&s, NOW), 1, "one more displaces what was not used");
    s.req.target = slice("/z/");
    is_int(lines_at(&s, NOW), 2, "and is there");
    scene_end(&s);
}

/* More text than there is room for: an exchange, and never half of it. */
static void check_full(void)
{
    struct scene s = scene();
    static char path[1001];

    learn(s.recall, RWITH_SCOPE_ORIGIN, "GET", "/", RWITH_IN_HEADER, "X-Key",
          NULL);
    for (unsigned i = 0; i < 5; i++) {
        memset(path, '/', 1000);
        path[1] = (char)('a' + i);
        learn(s.recall, RWITH_SCOPE_PATH, "GET", path, RWITH_IN_HEADER, "X-Key",
              NULL);
        is_int(lines_at(&s, NOW), i < 4 ? 1 : -1, "long paths");
    }
    scene_end(&s);
}

static void check_limits(void)
{
    static char text[8192];
    size_t len = (size_t)snprintf(text, sizeof(text), FIRST);
    rwith_request req = request("GET", "/");
    rwith_opening *opening = NULL;
    rwith_supply *supply;
    uint64_t lines;
    size_t count;

    for (unsigned i = 0; i <= RWITH_OPENING_LINES_MAX; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "header X-%u value %u send always\n", i, i);
        supply = supply_of(text);
        if (rwith_opening_new(NULL, supply, &req.origin, &opening) !=
            RWITH_OK) {
            abort();
        }
        if (i + 1 >= RWITH_OPENING_LINES_MAX) {
            bool fits = i < RWITH_OPENING_LINES_MAX;

            is_int(rwith_opening_find(opening, NULL, &req, NOW, &lines),
                   fits ? RWITH_OPENING_READY : RWITH_OPENING_OWN,
                   "as many lines as there are bits");
            ok(lines == (fits ? UINT64_MAX : 0), "all of them");
            rwith_opening_lines(opening, &count);
            is_int((long long)count, RWITH_OPENING_LINES_MAX, "lines");
        }
        rwith_opening_free(opening);
        rwith_supply_free(supply);
    }
    rwith_opening_free(NULL);
}

static void check_memory(void)
{
    rwith_supply *supply = supply_of(FIRST "auth basic value u:p\n");
    rwith_request req = request("GET", "/");
    bool done = false;

    for (size_t k = 0; !done; k++) {
        struct tap_memory memory = { .fail_at = k };
        rwith_alloc mem = tap_alloc(&memory);
        rwith_opening *opening = NULL;
        int err = rwith_opening_new(&mem, supply, &req.origin, &opening);

        done = err == RWITH_OK;
        ok(done || (err == RWITH_ENOMEM && opening == NULL),
           "allocation %zu fails", k);
        rwith_opening_free(opening);
        is_int((long long)memory.live, 0, "nothing is left");
    }
    rwith_supply_free(supply);
}

/* --- two workers, many changes ---------------------------------------------
 */

static uint32_t random_below(uint32_t end)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + 1;
    return (uint32_t)(state >> 33) % end;
}

static const char *const some_paths[] = { "/",    "/a/",   "/a/b/c",
                                          "/b/c", "/a/b?", "/b/?/a/" };
static const char *const some_names[] = { "X-A", "x-b", "X-C", "X-None" };

/* Something else happens to the recall. */
static void meddle(rwith_recall *recall, uint64_t now_s)
{
    static const rwith_place places[] = { RWITH_IN_HEADER, RWITH_IN_HEADER,
                                          RWITH_IN_HEADER, RWITH_IN_QUERY,
                                          RWITH_IN_AUTHORIZATION };
    uint32_t what = random_below(12);
    rwith_request req = request(random_below(2) != 0 ? "GET" : "PUT",
                                some_paths[random_below(6)]);
    rwith_recall_hit entry = { .in = places[random_below(5)] };
    rwith_scope scope =
        random_below(2) != 0 ? RWITH_SCOPE_PATH : RWITH_SCOPE_ORIGIN;

    entry.name = entry.in == RWITH_IN_AUTHORIZATION
                     ? RWITH_LIT("Basic")
                     : slice(some_names[random_below(4)]);
    if (random_below(8) == 0) {
        req.origin.host = RWITH_LIT("other");
    }
    if (what < 6) {
        rwith_recall_learn(recall, &req, scope, &entry, now_s);
    } else if (what < 8) {
        entry.has_value = what == 7;
        entry.value = what == 7 ? RWITH_LIT("v") : (rwith_slice){ "", 0 };
        if (what == 7 && random_below(8) == 0) {
            rwith_recall_learn(recall, &req, scope, &entry, now_s);
        } else {
            rwith_recall_forget(recall, &req, &entry);
        }
    } else if (what == 8) {
        rwith_recall_forget(recall, &req, NULL);
    }
}

/* Are the last uses, by which entries expire, those that the exchange saw? */
static bool same_use(const rwith_recall *a, const rwith_recall *b)
{
    for (uint32_t i = 0; i < a->slot_count; i++) {
        if (rwith__recall_slot_const(a, i)->used_s !=
            rwith__recall_slot_const(b, i)->used_s) {
            return false;
        }
    }
    return true;
}

static void check_many(void)
{
    static const char text[] = FIRST "header X-A value a\nheader X-B value b\n"
                                     "header X-C value c\nquery X-A value q\n"
                                     "auth basic value u:p\n";
    rwith_supply *supply = supply_of(text);
    rwith_recall *recall = recall_new();
    rwith_recall *copy = malloc(RWITH_RECALL_SIZE_MIN);
    rwith_opening *openings[2] = { NULL, NULL };
    rwith_request req = request("GET", "/");
    uint64_t now_s = NOW;
    unsigned ready = 0, differs = 0, unused = 0;

    if (copy == NULL ||
        rwith_opening_new(NULL, supply, &req.origin, &openings[0]) !=
            RWITH_OK ||
        rwith_opening_new(NULL, supply, &req.origin, &openings[1]) !=
            RWITH_OK) {
        abort();
    }
    for (unsigned i = 0; i < 20000; i++) {
        rwith_exchange_options options = { .set = set,
                                           .supply = supply,
                                           .recall = copy };
        rwith_opening *opening = openings[random_below(2)];
        rwith_exchange *x;
        uint64_t lines;

        if (random_below(3) == 0) {
            meddle(recall, now_s);
        }
        if (random_below(4) == 0) {
            now_s += random_below(200) == 0
                         ? RWITH_RECALL_TTL_S_DEFAULT - random_below(3)
                         : 1;
        }
        req = request(random_below(2) != 0 ? "GET" : "PUT",
                      some_paths[random_below(6)]);
        memcpy(copy, recall, RWITH_RECALL_SIZE_MIN);
        if (ask(opening, recall, &req, now_s, &lines) != RWITH_OPENING_READY) {
            continue;
        }
        ready++;
        differs +=
            !same_as(opening, lines, exchange(&options, &req, now_s, &x), &req);
        unused += !same_use(recall, copy);
        rwith_exchange_free(x);
    }
    ok(ready > 5000, "%u of 20000 requests go with what is ready", ready);
    is_int(differs, 0, "as the exchange would have had it");
    is_int(unused, 0, "and what they used is known as used");
    ok(rwith__recall_validate(recall, RWITH_RECALL_SIZE_MIN), "valid");
    rwith_opening_free(openings[0]);
    rwith_opening_free(openings[1]);
    rwith_supply_free(supply);
    free(recall);
    free(copy);
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    if (rwith_dialects_new(NULL, &set) != RWITH_OK) {
        abort();
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tap_wants(rows[i].name)) {
            check_row(&rows[i]);
        }
    }
    if (tap_pick == NULL) {
        check_changes();
        check_expiry();
        check_use();
        check_full();
        check_limits();
        check_memory();
        check_many();
    }
    rwith_dialects_free(set);
    return tap_done();
}
