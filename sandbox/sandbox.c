/*
 * sandbox.c: the paths of the test origin and what each wants.  One row of
 * entries[] is one path; its judge looks at the request and either lets it
 * through or writes the refusal of its dialect.
 *
 * Nothing is read from a socket here, and no clock is looked at.
 */
#include <sandbox/sandbox.h>

#include <body/facts.h>
#include <sandbox/index.h>
#include <sandbox/text.h>

#include <retrywith/message.h>

#include <string.h>

#define NELEMS(array) (sizeof(array) / sizeof((array)[0]))

/* A wait that nobody came back for is forgotten after that. */
#define WAIT_KEPT_MS 10000

/* A client that waits by a coarse clock may come that much early. */
#define WAIT_SLACK_MS 150

#define ASP_ECHO "execute opaque=\"0\" location=\"BODY\""

/* One request being answered. */
struct answer {
    rwith_sandbox *sandbox;
    const rwith_sandbox_request *req;
    rwith_slice path;
    rwith_slice query;
    struct rwith__text text;
    rwith_sandbox_response *resp;
    size_t scratch_len;
};

/* --- pieces of a response --------------------------------------------------
 */

static void add_field(struct answer *a, const char *name, rwith_slice value)
{
    rwith_sandbox_response *resp = a->resp;

    if (resp->field_count < RWITH_SANDBOX_FIELD_MAX) {
        resp->fields[resp->field_count++] =
            (rwith_field){ rwith_slice_of(name), value };
    }
}

static void start(struct answer *a, unsigned status, const char *reason,
                  const char *type)
{
    a->resp->status = status;
    a->resp->reason = rwith_slice_of(reason);
    add_field(a, "Content-Type", rwith_slice_of(type));
    add_field(a, "Cache-Control", RWITH_LIT("no-store"));
    add_field(a, "X-Content-Type-Options", RWITH_LIT("nosniff"));
}

static void puts_text(struct answer *a, const char *string)
{
    rwith__text_puts(&a->text, string);
}

/* A word and a number, kept in the response. */
static rwith_slice scratch(struct answer *a, const char *word, uint64_t number)
{
    char *buf = a->resp->scratch + a->scratch_len;
    struct rwith__text text = { .buf = buf,
                                .max =
                                    sizeof(a->resp->scratch) - a->scratch_len };

    rwith__text_puts(&text, word);
    rwith__text_number(&text, number);
    a->scratch_len += text.len;
    return (rwith_slice){ buf, text.len };
}

static void add_echo(struct answer *a)
{
    add_field(a, "Ms-Echo-Request",
              scratch(a, "sandbox n=", ++a->sandbox->challenges));
}

/* --- what is in a request ---------------------------------------------------
 */

static const rwith_field *find(const struct answer *a, rwith_slice name)
{
    return rwith_fields_find(a->req->fields, a->req->field_count, name);
}

static bool has_field(const struct answer *a, rwith_slice name)
{
    const rwith_field *field = find(a, name);

    return field != NULL && field->value.len > 0;
}

static bool has_echo(const struct answer *a)
{
    return find(a, RWITH_LIT("Ms-Echo-Reply")) != NULL;
}

/* Cut the next piece up to @a separator off. */
static rwith_slice take_piece(rwith_slice *rest, char separator)
{
    const char *end = memchr(rest->ptr, separator, rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
    rwith_slice piece = { rest->ptr, len };

    len += end != NULL;
    *rest = (rwith_slice){ rest->ptr + len, rest->len - len };
    return piece;
}

/* Is there "name=" with something behind it among the pieces? */
static bool has_pair(rwith_slice list, char separator, rwith_slice name)
{
    while (list.len > 0) {
        rwith_slice piece = rwith_slice_trim(take_piece(&list, separator));

        if (piece.len > name.len + 1 && piece.ptr[name.len] == '=' &&
            memcmp(piece.ptr, name.ptr, name.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_cookie(const struct answer *a, rwith_slice name)
{
    for (size_t i = 0; i < a->req->field_count; i++) {
        const rwith_field *field = &a->req->fields[i];

        if (rwith_slice_equal_nocase(field->name, RWITH_LIT("Cookie")) &&
            has_pair(field->value, ';', name)) {
            return true;
        }
    }
    return false;
}

static bool has_member(const struct answer *a, rwith_slice pointer)
{
    const rwith_field *type = find(a, RWITH_LIT("Content-Type"));
    rwith_fact_want want = { RWITH_FACT_JSON, pointer };
    rwith_fact fact;
    char value[RWITH_SANDBOX_BODY_SEEN];

    return rwith_body_facts(type != NULL ? type->value
                                         : (rwith_slice){ NULL, 0 },
                            a->req->body_prefix, &want, 1, &fact, 1, value,
                            sizeof(value)) > 0;
}

static bool may_have_body(const struct answer *a)
{
    return !rwith_slice_equal(a->req->method, RWITH_LIT("GET")) &&
           !rwith_slice_equal(a->req->method, RWITH_LIT("HEAD"));
}

/* --- the account of a satisfied request ------------------------------------
 */

static void put_account(struct answer *a)
{
    const rwith_sandbox_request *req = a->req;

    start(a, 200, "OK", "application/json");
    puts_text(a, "{\n  \"result\": \"success\",\n  \"method\": ");
    rwith__text_json(&a->text, req->method);
    puts_text(a, ",\n  \"target\": ");
    rwith__text_json(&a->text, req->target);
    puts_text(a, ",\n  \"fields\": [");
    for (size_t i = 0; i < req->field_count; i++) {
        puts_text(a, i > 0 ? ",\n    { \"name\": " : "\n    { \"name\": ");
        rwith__text_json(&a->text, req->fields[i].name);
        puts_text(a, ", \"value\": ");
        rwith__text_json(&a->text, req->fields[i].value);
        puts_text(a, " }");
    }
    puts_text(a, req->field_count > 0 ? "\n  ],\n" : "],\n");
    puts_text(a, "  \"body_length\": ");
    rwith__text_number(&a->text, req->body_len);
    puts_text(a, ",\n  \"body_sha256\": \"");
    rwith__text_hex(&a->text, req->body_sha256, sizeof(req->body_sha256));
    puts_text(a, "\"\n}\n");
}

/* --- refusals ----------------------------------------------------------------
 */

static const char html_head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
    "<title>449 Retry With</title></head>\n<body>\n<h1>449 Retry With</h1>\n";
static const char html_tail[] = "</body>\n</html>\n";

static void put_html(struct answer *a, const char *sentence)
{
    puts_text(a, html_head);
    puts_text(a, sentence);
    puts_text(a, html_tail);
}

static bool judge_plain(struct answer *a)
{
    (void)a;
    return true;
}

/* any Ms-Echo-Reply will do. */
static bool judge_ms_echo(struct answer *a)
{
    if (has_echo(a)) {
        return true;
    }
    start(a, 449, "Retry With", "text/html; charset=utf-8");
    add_echo(a);
    put_html(a, "<p>The request needs more information: repeat it with the "
                "value of Ms-Echo-Request in Ms-Echo-Reply.</p>\n");
    return false;
}

/* As classic ASP on IIS writes it. */
static bool judge_asp(struct answer *a)
{
    if (has_echo(a)) {
        return true;
    }
    start(a, 449, "Retry with", "text/html");
    add_field(a, "ms-echo-request", RWITH_LIT(ASP_ECHO));
    put_html(a, "<p>The page cannot be displayed yet.</p>\n");
    return false;
}

/* a request with the echo is never answered 449 again. */
static void put_second_refusal(struct answer *a)
{
    start(a, 400, "Bad Request", "text/plain; charset=utf-8");
    puts_text(a, "The repeated request still lacks the cookie \"screen\".\n");
}

/* MS-WDV 4.7: the body's script sets the cookie. */
static bool cookie_refusal(struct answer *a, bool has_set_cookie)
{
    if (has_echo(a) && has_cookie(a, RWITH_LIT("screen"))) {
        return true;
    }
    if (has_echo(a)) {
        put_second_refusal(a);
        return false;
    }
    start(a, 449, "Reply With", "text/html; charset=utf-8");
    add_echo(a);
    if (has_set_cookie) {
        add_field(a, "Set-Cookie",
                  RWITH_LIT("screen=availWidth=800&availHeight=600; "
                            "Path=/cookie"));
    }
    put_html(a, "<script>\n"
                "document.cookie = 'screen=availWidth=' + screen.availWidth"
                " +\n    '&availHeight=' + screen.availHeight + "
                "'; path=/cookie';\n</script>\n"
                "<p>The server wants to know the size of the screen.</p>\n");
    return false;
}

static bool judge_cookie(struct answer *a)
{
    return cookie_refusal(a, true);
}

static bool judge_cookie_script(struct answer *a)
{
    return cookie_refusal(a, false);
}

static bool judge_retrywith(struct answer *a)
{
    if (has_field(a, RWITH_LIT("X-Custom-Auth"))) {
        return true;
    }
    start(a, 449, "Retry With", "text/html; charset=utf-8");
    add_field(a, "MS-RetryWith", RWITH_LIT("Required-Header: X-Custom-Auth"));
    put_html(a, "<p>Please retry the request with the header "
                "<code>X-Custom-Auth</code>.</p>\n");
    return false;
}

/* What /missing wants. */
static const struct item {
    const char *in;
    const char *name;
    const char *hint; /* kind in MS-RetryWith */
    const char *description;
} items[] = {
    { "header", "X-Custom-Auth", "Required-Header", "The key of the API." },
    { "query", "session", "Required-Query", "The session to work in." },
    { "body", "/request/action", "Required-Field", "What is to be done." },
};

static bool has_item(const struct answer *a, size_t index)
{
    switch (index) {
    case 0:
        return has_field(a, RWITH_LIT("X-Custom-Auth"));
    case 1:
        return has_pair(a->query, '&', RWITH_LIT("session"));
    default:
        return !may_have_body(a) || a->req->is_body_pending ||
               has_member(a, RWITH_LIT("/request/action"));
    }
}

static void put_missing(struct answer *a, const bool *is_missing,
                        unsigned status)
{
    const char *separator = "";
    size_t count = 0;

    for (size_t i = 0; i < NELEMS(items); i++) {
        count += is_missing[i];
    }
    puts_text(a, "{\n  \"type\": \"urn:x-retrywith:missing\",\n"
                 "  \"title\": \"Retry With\",\n  \"status\": ");
    rwith__text_number(&a->text, status);
    puts_text(a, ",\n  \"detail\": \"The request is missing ");
    rwith__text_number(&a->text, count);
    puts_text(a, count == 1 ? " piece of information.\",\n"
                            : " pieces of information.\",\n");
    puts_text(a, "  \"missing\": [");
    for (size_t i = 0; i < NELEMS(items); i++) {
        if (!is_missing[i]) {
            continue;
        }
        bool is_body = strcmp(items[i].in, "body") == 0;

        puts_text(a, separator);
        puts_text(a, "\n    { \"in\": \"");
        puts_text(a, items[i].in);
        puts_text(a, is_body ? "\", \"pointer\": \"" : "\", \"name\": \"");
        puts_text(a, items[i].name);
        puts_text(a, "\", \"description\": \"");
        puts_text(a, items[i].description);
        puts_text(a, "\" }");
        separator = ",";
    }
    puts_text(a, "\n  ]\n}\n");
}

/* The MS-RetryWith field: the names that are no token stand in quotes. */
static rwith_slice missing_hint(struct answer *a, const bool *is_missing)
{
    char *buf = a->resp->scratch + a->scratch_len;
    struct rwith__text text = { .buf = buf,
                                .max =
                                    sizeof(a->resp->scratch) - a->scratch_len };

    for (size_t i = 0; i < NELEMS(items); i++) {
        if (is_missing[i]) {
            bool is_token = items[i].name[0] != '/';

            rwith__text_puts(&text, text.len > 0 ? ", " : "");
            rwith__text_puts(&text, items[i].hint);
            rwith__text_puts(&text, is_token ? ": " : ": \"");
            rwith__text_puts(&text, items[i].name);
            rwith__text_puts(&text, is_token ? "" : "\"");
        }
    }
    a->scratch_len += text.len;
    return (rwith_slice){ buf, text.len };
}

/* one answer lists everything. */
static bool judge_missing(struct answer *a)
{
    bool is_missing[NELEMS(items)];
    bool is_any = false;

    for (size_t i = 0; i < NELEMS(items); i++) {
        is_missing[i] = !has_item(a, i);
        is_any = is_any || is_missing[i];
    }
    if (!is_any) {
        return true;
    }
    unsigned status = has_echo(a) ? 400 : 449;
    start(a, status, status == 449 ? "Retry With" : "Bad Request",
          "application/problem+json");
    if (status == 449) {
        add_echo(a);
        add_field(a, "MS-RetryWith", missing_hint(a, is_missing));
    }
    add_field(a, "Vary", RWITH_LIT("Accept"));
    put_missing(a, is_missing, status);
    return false;
}

/* FNV-1a; never 0, which means a free slot. */
static uint64_t key_of(rwith_slice s)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < s.len; i++) {
        hash = (hash ^ (uint8_t)s.ptr[i]) * UINT64_C(1099511628211);
    }
    return hash != 0 ? hash : 1;
}

/* The wait of that key, or a free slot, or the one that is given up. */
static rwith_sandbox_wait *wait_slot(rwith_sandbox *sandbox, uint64_t key,
                                     uint64_t now_ms)
{
    rwith_sandbox_wait *slot = NULL;

    for (size_t i = 0; i < RWITH_SANDBOX_WAIT_COUNT; i++) {
        rwith_sandbox_wait *wait = &sandbox->waits[i];

        if (wait->key != 0 && now_ms > wait->ready_ms + WAIT_KEPT_MS) {
            wait->key = 0;
        }
        if (wait->key == key) {
            return wait;
        }
        if (wait->key == 0 && slot == NULL) {
            slot = wait;
        }
    }
    if (slot == NULL) {
        slot = &sandbox->waits[sandbox->wait_next++ % RWITH_SANDBOX_WAIT_COUNT];
        slot->key = 0;
    }
    return slot;
}

/* "/retry-after/5/…" is told to wait 5 s; without a number 1 s. */
static uint64_t wanted_wait_s(rwith_slice path)
{
    uint64_t seconds = 0;
    size_t at = sizeof("/retry-after/") - 1;

    while (at < path.len && path.ptr[at] >= '0' && path.ptr[at] <= '9' &&
           seconds <= RWITH_SANDBOX_WAIT_MAX_S) {
        seconds = seconds * 10 + (uint64_t)(path.ptr[at++] - '0');
    }
    if (seconds > RWITH_SANDBOX_WAIT_MAX_S) {
        return RWITH_SANDBOX_WAIT_MAX_S;
    }
    return seconds > 0 ? seconds : 1;
}

/* Nothing but Retry-After: the same request gets through when it comes back
 * in time, once. */
static bool judge_retry_after(struct answer *a)
{
    uint64_t now_ms = a->req->now_ms;
    uint64_t key = key_of(a->req->target);
    rwith_sandbox_wait *wait = wait_slot(a->sandbox, key, now_ms);

    if (wait->key == key && now_ms + WAIT_SLACK_MS >= wait->ready_ms) {
        if (!a->req->is_body_pending) {
            wait->key = 0;
        }
        return true;
    }
    if (wait->key != key) {
        *wait =
            (rwith_sandbox_wait){ key, now_ms + 1000 * wanted_wait_s(a->path) };
    }
    start(a, 449, "Retry With", "text/html; charset=utf-8");
    add_field(a, "Retry-After",
              scratch(a, "", (wait->ready_ms - now_ms + 999) / 1000));
    put_html(a, "<p>Not yet: repeat the request after the time in "
                "Retry-After.</p>\n");
    return false;
}

/* splitmix64: the ids need only be unguessable from outside. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static rwith_slice session_id(struct answer *a)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789+/";
    char *buf = a->resp->scratch + a->scratch_len;
    uint64_t state = mix(a->sandbox->seed ^ mix(a->sandbox->turn));

    for (size_t i = 0; i < 48; i++) {
        if (i % 8 == 0) {
            state = mix(state);
        }
        buf[i] = alphabet[(state >> (i % 8 * 8)) % 62];
    }
    a->scratch_len += 48;
    return (rwith_slice){ buf, 48 };
}

static bool judge_transmission(struct answer *a)
{
    const rwith_field *got = find(a, RWITH_LIT("X-Transmission-Session-Id"));
    rwith_slice id = session_id(a);

    if (got != NULL && rwith_slice_equal(got->value, id)) {
        return true;
    }
    start(a, 409, "Conflict", "text/html; charset=utf-8");
    add_field(a, "X-Transmission-Session-Id", id);
    puts_text(a, "<h1>409: Conflict</h1>\n<p>The request's session id is "
                 "missing or no longer valid; the header "
                 "X-Transmission-Session-Id of this answer has the one to "
                 "send.</p>\n");
    return false;
}

/* Ends the session, as a restart of the server would. */
static bool judge_transmission_restart(struct answer *a)
{
    if (!a->req->is_body_pending) {
        a->sandbox->turn++;
    }
    return true;
}

static bool judge_example_1(struct answer *a)
{
    if (has_field(a, RWITH_LIT("X-Custom-Auth"))) {
        return true;
    }
    start(a, 449, "Retry With", "text/html");
    add_field(a, "MS-RetryWith", RWITH_LIT("Required-Header: X-Custom-Auth"));
    put_html(a, "<p>Please retry your request with the appropriate "
                "parameters.</p>\n");
    return false;
}

static bool judge_example_2(struct answer *a)
{
    start(a, 449, "Retry With", "text/html");
    put_html(a, "<p>The request is missing required information. Please "
                "resubmit it with the correct parameters.</p>\n");
    return false;
}

static bool judge_example_3(struct answer *a)
{
    start(a, 449, "unknown", "application/json; charset=utf-8");
    puts_text(a, "{\"error\":\"Retry With\",\"message\":\"Please retry the "
                 "request with the required information\"}");
    return false;
}

/* --- the paths ------------------------------------------------------------ */

/* A longer path stands before one that it begins with. */
static const struct rwith__sandbox_entry entries[] = {
    { "/ms-echo/*", "Ms-Echo-Reply with the value of Ms-Echo-Request.", "",
      "/ms-echo/report", judge_ms_echo },
    { "/asp/*",
      "The same, as classic ASP on IIS writes it: a lower-case name, a value "
      "with spaces and quotes.",
      "", "/asp/page.asp", judge_asp },
    { "/cookie/script/*",
      "Ms-Echo-Reply and the cookie \"screen\", which only the page's script "
      "sets (MS-WDV 4.7): open it in a browser, then reload.",
      "-b screen=availWidth=800 ", "/cookie/script/screen.449",
      judge_cookie_script },
    { "/cookie/*",
      "Ms-Echo-Reply and the cookie \"screen\", which the 449 also sets by "
      "Set-Cookie.",
      "", "/cookie/screen.449", judge_cookie },
    { "/retrywith/*", "The header X-Custom-Auth, named by MS-RetryWith.",
      "--give 'header X-Custom-Auth=key' ", "/retrywith/api", judge_retrywith },
    { "/missing/*",
      "The header X-Custom-Auth, the query parameter session and, in "
      "anything but GET and HEAD, the JSON member /request/action; a "
      "problem+json lists what is not there.",
      "--give 'header X-Custom-Auth=key' --give 'query session=7' ",
      "/missing/resource", judge_missing },
    { "/retry-after/*",
      "Patience: the same request again after Retry-After. /retry-after/5/ "
      "asks for 5 seconds.",
      "", "/retry-after/job", judge_retry_after },
    { "/transmission/restart",
      "Nothing: the session id of /transmission/rpc becomes stale.", "",
      "/transmission/restart", judge_transmission_restart },
    { "/transmission/rpc",
      "X-Transmission-Session-Id with the value that came in the 409.", "",
      "/transmission/rpc", judge_transmission },
    { "/examples/1",
      "An example from the web: the header X-Custom-Auth, named in "
      "MS-RetryWith, no echo.",
      "--give 'header X-Custom-Auth=key' ", "/examples/1", judge_example_1 },
    { "/examples/2",
      "An example from the web: says that something is missing, but not "
      "what. No request gets through.",
      "", "/examples/2", judge_example_2 },
    { "/examples/3",
      "An example from the web: a framework's JSON, reason phrase "
      "\"unknown\". No request gets through.",
      "", "/examples/3", judge_example_3 },
    { "/plain/*", "Nothing: there is no challenge.", "", "/plain/file",
      judge_plain },
};

/* The part of an entry's path that must be there. */
static rwith_slice fixed_part(const struct rwith__sandbox_entry *entry,
                              bool *ret_has_tail)
{
    rwith_slice path = rwith_slice_of(entry->path);

    *ret_has_tail = path.ptr[path.len - 1] == '*';
    path.len -= *ret_has_tail ? 2 : 0;
    return path;
}

static const struct rwith__sandbox_entry *find_entry(rwith_slice path)
{
    for (size_t i = 0; i < NELEMS(entries); i++) {
        bool has_tail;
        rwith_slice fixed = fixed_part(&entries[i], &has_tail);

        if (path.len >= fixed.len &&
            memcmp(path.ptr, fixed.ptr, fixed.len) == 0 &&
            (path.len == fixed.len ||
             (has_tail && path.ptr[fixed.len] == '/'))) {
            return &entries[i];
        }
    }
    return NULL;
}

/* A name of ours in the lines that are shown, or nothing odd. */
static rwith_slice safe_base(rwith_slice base)
{
    for (size_t i = 0; i < base.len; i++) {
        char c = base.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || memchr(".:/[]-", c, 6) != NULL)) {
            return RWITH_LIT("http://127.0.0.1:4490");
        }
    }
    return base.len > 0 && base.len <= 300 ? base
                                           : RWITH_LIT("http://127.0.0.1:4490");
}

static bool wants_html(const struct answer *a)
{
    const rwith_field *accept = find(a, RWITH_LIT("Accept"));
    rwith_slice rest =
        accept != NULL ? accept->value : (rwith_slice){ NULL, 0 };

    while (rest.len > 0) {
        rwith_slice range = take_piece(&rest, ',');

        range = rwith_slice_trim(take_piece(&range, ';'));
        if (rwith_slice_equal_nocase(range, RWITH_LIT("text/html"))) {
            return true;
        }
    }
    return false;
}

static void put_index(struct answer *a)
{
    rwith_slice base = safe_base(a->req->base);

    if (wants_html(a)) {
        start(a, 200, "OK", "text/html; charset=utf-8");
        add_field(a, "Content-Security-Policy",
                  RWITH_LIT("default-src 'none'; "
                            "style-src 'unsafe-inline'"));
        rwith__sandbox_index_html(&a->text, base, entries, NELEMS(entries));
    } else {
        start(a, 200, "OK", "application/json");
        rwith__sandbox_index_json(&a->text, base, entries, NELEMS(entries));
    }
    add_field(a, "Vary", RWITH_LIT("Accept"));
}

static void put_not_found(struct answer *a)
{
    start(a, 404, "Not Found", "application/problem+json");
    puts_text(a, "{\n  \"title\": \"Not Found\",\n  \"status\": 404,\n"
                 "  \"detail\": \"The sandbox has no such path; GET / lists "
                 "those that it has.\"\n}\n");
}

size_t rwith_sandbox_body_max(const rwith_sandbox_request *req)
{
    /* Six bytes for each that is escaped, and what stands around it. */
    size_t max =
        RWITH__SANDBOX_INDEX_MAX + 6 * (req->method.len + req->target.len);

    for (size_t i = 0; i < req->field_count; i++) {
        max += 64 + 6 * (req->fields[i].name.len + req->fields[i].value.len);
    }
    return max;
}

bool rwith_sandbox_answer(rwith_sandbox *sandbox,
                          const rwith_sandbox_request *req, char *buf,
                          size_t buf_len, rwith_sandbox_response *ret)
{
    struct answer a = { .sandbox = sandbox,
                        .req = req,
                        .text = { .buf = buf, .max = buf_len },
                        .resp = ret };
    rwith_slice rest = req->target;

    ret->field_count = 0;
    a.path = rest.len > 0 ? take_piece(&rest, '?') : rest;
    a.query = rest;
    const struct rwith__sandbox_entry *entry = find_entry(a.path);

    if (rwith_slice_equal(a.path, RWITH_LIT("/"))) {
        put_index(&a);
    } else if (entry == NULL) {
        put_not_found(&a);
    } else if (entry->judge(&a)) {
        if (req->is_body_pending) {
            return false;
        }
        put_account(&a);
    }
    ret->body = (rwith_slice){ buf, a.text.len };
    return true;
}
