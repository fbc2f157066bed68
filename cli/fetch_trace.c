/*
 * --verbose and --show-exchange: what goes over the wire and why, on stderr.
 * Everything from outside is escaped; secrets are shown as ***.
 */
#include <cli/fetch.h>

#include <string.h>

#define LINE_MAX_SHOWN 4096

/* Is it a name that the user's values are for? */
static bool is_supplied_name(const rwith_fetch *f, rwith_place in,
                             rwith_slice name)
{
    size_t count = f->supply != NULL ? rwith_supply_count(f->supply) : 0;

    for (size_t id = 0; id < count; id++) {
        const rwith_supply_entry *entry = rwith_supply_at(f->supply, id);
        const rwith_requirement a = { in, name, { NULL, 0 } };
        const rwith_requirement b = { entry->in, entry->name, { NULL, 0 } };

        if (rwith_requirement_equal(&a, &b)) {
            return true;
        }
    }
    return false;
}

static void put(const rwith_fetch *f, rwith_slice text)
{
    char shown[LINE_MAX_SHOWN];

    rwith_fetch_show(f, text, shown, sizeof(shown));
    fputs(shown, stderr);
}

/* A line that may hold a URL: values of its query that were supplied are
 * masked. */
static void put_with_query(const rwith_fetch *f, rwith_slice line)
{
    const char *query = line.len > 0 ? memchr(line.ptr, '?', line.len) : NULL;
    const char *end = line.ptr + line.len;

    if (query == NULL) {
        put(f, line);
        return;
    }
    put(f, (rwith_slice){ line.ptr, (size_t)(query - line.ptr) + 1 });
    for (const char *p = query + 1; p < end;) {
        size_t len = 0;
        size_t name_len = 0;

        while (p + len < end && p[len] != '&' && p[len] != ' ') {
            len++;
        }
        while (name_len < len && p[name_len] != '=') {
            name_len++;
        }
        rwith_slice name = { p, name_len };
        if (name_len < len && (rwith_fetch_is_secret_name(name) ||
                               is_supplied_name(f, RWITH_IN_QUERY, name))) {
            put(f, name);
            fputs("=***", stderr);
        } else {
            put(f, (rwith_slice){ p, len });
        }
        p += len;
        if (p < end && *p == ' ') {
            put(f, (rwith_slice){ p, (size_t)(end - p) });
            return;
        }
        if (p < end) {
            fputc('&', stderr);
            p++;
        }
    }
}

/* One line of a head; a folded one belongs to the line before it. */
static void put_line(rwith_fetch *f, const char *mark, rwith_slice line,
                     bool is_first)
{
    const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
    bool is_folded =
        !is_first && line.len > 0 && (*line.ptr == ' ' || *line.ptr == '\t');

    fputs(mark, stderr);
    if (is_folded) {
        if (f->is_secret_line) {
            fputs("***\n", stderr);
            return;
        }
        colon = NULL;
    } else {
        f->is_secret_line = false;
    }
    if (is_first || colon == NULL) {
        put_with_query(f, line);
    } else {
        rwith_slice name = { line.ptr, (size_t)(colon - line.ptr) };

        if (rwith_fetch_is_secret_name(name) ||
            is_supplied_name(f, RWITH_IN_HEADER, name)) {
            f->is_secret_line = true;
            put(f, name);
            fputs(": ***", stderr);
        } else {
            put_with_query(f, line);
        }
    }
    fputc('\n', stderr);
}

static void put_head(rwith_fetch *f, const char *mark, rwith_slice head)
{
    bool is_first = true;

    while (head.len > 0) {
        const char *end = memchr(head.ptr, '\n', head.len);
        size_t len = end != NULL ? (size_t)(end - head.ptr) + 1 : head.len;
        rwith_slice line = { head.ptr, len };

        while (line.len > 0 && (line.ptr[line.len - 1] == '\n' ||
                                line.ptr[line.len - 1] == '\r')) {
            line.len--;
        }
        bool is_status = line.len > 5 && memcmp(line.ptr, "HTTP/", 5) == 0;
        put_line(f, mark, line, is_status || (is_first && mark[0] == '>'));
        is_first = false;
        head.ptr += len;
        head.len -= len;
    }
}

/* libcurl's own notes: some of them name header fields and cookies. */
static void put_note(const rwith_fetch *f, rwith_slice text)
{
    static const char *const dropped[] = { "h2h3 [", "Added cookie ",
                                           "Replaced cookie ", "h2 [" };

    while (text.len > 0 && text.ptr[text.len - 1] == '\n') {
        text.len--;
    }
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
        size_t len = strlen(dropped[i]);

        if (text.len >= len && memcmp(text.ptr, dropped[i], len) == 0) {
            return;
        }
    }
    fputs("* ", stderr);
    put_with_query(f, text);
    fputc('\n', stderr);
}

int rwith_fetch_on_debug(CURL *easy, curl_infotype type, char *data,
                         size_t size, void *user)
{
    rwith_fetch *f = user;
    rwith_slice text = { data, size };

    (void)easy;
    fflush(stdout);
    switch (type) {
    case CURLINFO_TEXT:
        if (f->set.verbose) {
            put_note(f, text);
        }
        break;
    case CURLINFO_HEADER_OUT:
        put_head(f, "> ", text);
        break;
    case CURLINFO_HEADER_IN:
        put_head(f, "< ", text);
        break;
    default:
        break;
    }
    return 0;
}

static void put_colored(const rwith_fetch *f, const char *text)
{
    fprintf(stderr, f->has_color ? "\033[1;36m%s\033[0m" : "%s", text);
}

/* What is different from what the user asked for: names only. */
static void put_patch(const rwith_fetch *f, const rwith_curl_event *event)
{
    const rwith_effect *effect = event->effect;
    const char *with = " with ";

    for (size_t i = 0; i < effect->set_count; i++) {
        fputs(with, stderr);
        fputs("header ", stderr);
        put(f, effect->set[i].name);
        with = ", ";
    }
    for (size_t i = 0; i < effect->member_count; i++) {
        fputs(with, stderr);
        fputs("body ", stderr);
        put(f, effect->members[i].pointer);
        with = ", ";
    }
    if (effect->is_patched && effect->set_count == 0 &&
        effect->member_count == 0) {
        fputs(" with what was added", stderr);
    }
}

static void put_needs(const rwith_fetch *f, const rwith_effect *effect)
{
    const char *comma = " ";

    for (size_t i = 0; i < effect->need_count; i++) {
        const rwith_requirement *req = &effect->needs[i].requirement;

        fprintf(stderr, "%s%s ", comma, rwith_place_word(req->in));
        put(f, req->name);
        comma = ", ";
    }
}

void rwith_fetch_on_event(void *user, const rwith_curl_event *event)
{
    rwith_fetch *f = user;

    fflush(stdout);
    put_colored(f, "== ");
    switch (event->kind) {
    case RWITH_CURL_EVENT_SEND:
        fprintf(stderr, "%u: sent", ++f->shown);
        put_patch(f, event);
        break;
    case RWITH_CURL_EVENT_HELD:
        fprintf(stderr, "%u is held and looked into", event->status);
        break;
    case RWITH_CURL_EVENT_NEED:
        fputs("values are needed:", stderr);
        put_needs(f, event->effect);
        break;
    case RWITH_CURL_EVENT_OBTAIN:
        fputs("a value is fetched first", stderr);
        break;
    case RWITH_CURL_EVENT_WAIT:
        fprintf(stderr, "wait for %llu ms",
                (unsigned long long)event->effect->wait_ms);
        break;
    case RWITH_CURL_EVENT_REDIRECT:
        fputs("redirected to ", stderr);
        put_with_query(f, rwith_slice_of(event->url));
        break;
    case RWITH_CURL_EVENT_DELIVER:
        fprintf(stderr, "%u is the answer", event->status);
        break;
    }
    fputc('\n', stderr);
}
