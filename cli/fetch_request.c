/*
 * Makes the request from the options: method, URL, header lines, content,
 * credentials, and libcurl's options for the connection.
 */
#include <cli/fetch.h>

#include <cli/commands.h>
#include <cli/fetch_content.h>

#include <stdlib.h>
#include <string.h>

#define SPEED_TIME_S 30L

/* Take the value of the last "Content-Type"-like line, if the user gave it. */
static bool has_header(const rwith_fetch *f, const char *name)
{
    size_t len = strlen(name);

    for (const struct curl_slist *h = f->headers; h != NULL; h = h->next) {
        rwith_slice line = rwith_slice_of(h->data);

        if (line.len > len &&
            rwith_slice_equal_nocase((rwith_slice){ line.ptr, len },
                                     (rwith_slice){ name, len }) &&
            (line.ptr[len] == ':' || line.ptr[len] == ';')) {
            return true;
        }
    }
    return false;
}

static bool add_header(rwith_fetch *f, const char *line)
{
    struct curl_slist *list = curl_slist_append(f->headers, line);

    if (list == NULL) {
        rwith_complain("out of memory");
        return false;
    }
    f->headers = list;
    return true;
}

/* Lines of a file, for -H @FILE. */
static int add_header_file(rwith_fetch *f, const char *path)
{
    rwith_fetch_text text = { NULL, 0, 0 };
    int status = rwith_fetch_read_all(path, &text);

    for (char *line = text.ptr; status == 0 && line != NULL;) {
        char *end = strchr(line, '\n');

        if (end != NULL) {
            *end = '\0';
        }
        line[strcspn(line, "\r")] = '\0';
        if (*line != '\0' && !add_header(f, line)) {
            status = RWITH_EXIT_LIMIT;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    free(text.ptr);
    return status;
}

static int make_headers(rwith_fetch *f)
{
    for (size_t i = 0; i < f->set.header.count; i++) {
        const char *line = f->set.header.items[i].value;

        if (line[0] == '@') {
            int status = add_header_file(f, line + 1);

            if (status != 0) {
                return status;
            }
        } else if (strpbrk(line, "\r\n") != NULL ||
                   strpbrk(line, ":;") == NULL) {
            rwith_complain("a header line is wrong, it holds no colon or "
                           "more than one line, write 'Name: value'");
            return RWITH_EXIT_USAGE;
        } else if (!add_header(f, line)) {
            return RWITH_EXIT_LIMIT;
        }
    }
    return 0;
}

/* What curl adds to the user's lines for content of ours. */
static int add_content_headers(rwith_fetch *f)
{
    bool is_json = false;

    for (size_t i = 0; i < f->set.data.count; i++) {
        is_json =
            is_json || strcmp(f->set.data.items[i].option->name, "json") == 0;
    }
    if (is_json && !has_header(f, "Accept") &&
        !add_header(f, "Accept: application/json")) {
        return RWITH_EXIT_LIMIT;
    }
    if (f->req.body.kind != RWITH_CURL_BODY_MEMORY ||
        has_header(f, "Content-Type")) {
        return 0;
    }
    return add_header(
               f, is_json ? "Content-Type: application/json"
                          : "Content-Type: application/x-www-form-urlencoded")
               ? 0
               : RWITH_EXIT_LIMIT;
}

/* -u without a password asks for it. */
static int make_user(rwith_fetch *f)
{
    const char *user = f->set.user;
    bool is_bearer = f->set.auth != NULL && strcmp(f->set.auth, "bearer") == 0;
    rwith_fetch_text answer = { NULL, 0, 0 };
    char question[160];
    bool is_whole = true;

    if (user == NULL) {
        return 0;
    }
    if (is_bearer) {
        is_whole =
            rwith_fetch_text_puts(&f->userpwd, "Authorization: Bearer ") &&
            rwith_fetch_text_puts(&f->userpwd, user) &&
            strpbrk(user, "\r\n") == NULL && add_header(f, f->userpwd.ptr);
        return is_whole ? 0 : RWITH_EXIT_USAGE;
    }
    is_whole = rwith_fetch_text_puts(&f->userpwd, user);
    if (strchr(user, ':') == NULL && user[0] != '\0') {
        snprintf(question, sizeof(question), "Password for %.80s: ", user);
        is_whole = rwith_fetch_text_puts(&f->userpwd, ":");
        if (is_whole && rwith_fetch_ask(question, &answer)) {
            is_whole =
                rwith_fetch_text_add(&f->userpwd, answer.ptr, answer.len);
            rwith_wipe(answer.ptr, answer.len);
        }
        free(answer.ptr);
    }
    f->req.userpwd = f->userpwd.ptr;
    return is_whole ? 0 : RWITH_EXIT_LIMIT;
}

static void set_auth(rwith_fetch *f)
{
    static const struct {
        const char *word;
        unsigned long auth;
    } schemes[] = {
        { "basic", CURLAUTH_BASIC },
        { "digest", CURLAUTH_DIGEST },
        { "ntlm", CURLAUTH_NTLM },
        { "negotiate", CURLAUTH_NEGOTIATE },
    };

    f->req.auth = CURLAUTH_BASIC;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (f->set.auth != NULL && strcmp(f->set.auth, schemes[i].word) == 0) {
            f->req.auth = schemes[i].auth;
        }
    }
}

static const char *method_of(const rwith_fetch *f)
{
    if (f->set.request != NULL) {
        return f->set.request;
    }
    if (f->set.head) {
        return "HEAD";
    }
    switch (f->req.body.kind) {
    case RWITH_CURL_BODY_FILE:
        return "PUT";
    case RWITH_CURL_BODY_NONE:
        return "GET";
    default:
        return "POST";
    }
}

/* Cookies: "a=b" is sent, anything else is a file. */
static void set_cookies(rwith_fetch *f)
{
    const char *cookie = f->set.cookie;

    if (cookie != NULL && strchr(cookie, '=') != NULL) {
        f->req.cookie = cookie;
    } else if (cookie != NULL) {
        curl_easy_setopt(f->easy, CURLOPT_COOKIEFILE, cookie);
    }
    if (f->set.cookie_jar != NULL) {
        curl_easy_setopt(f->easy, CURLOPT_COOKIEJAR, f->set.cookie_jar);
    }
    f->req.has_cookie_jar =
        f->set.cookie_jar != NULL || (cookie != NULL && f->req.cookie == NULL);
}

static int set_connection(rwith_fetch *f)
{
    const rwith_fetch_settings *s = &f->set;
    const struct {
        CURLoption option;
        const char *name;
        const char *value;
    } texts[] = {
        { CURLOPT_CAINFO, "cacert", s->cacert },
        { CURLOPT_SSLCERT, "cert", s->cert },
        { CURLOPT_SSLKEY, "key", s->key },
        { CURLOPT_PROXY, "proxy", s->proxy },
        { CURLOPT_USERAGENT, "user-agent",
          s->user_agent != NULL ? s->user_agent : "retrywith/" RWITH_VERSION },
        { CURLOPT_ACCEPT_ENCODING, "compressed", s->compressed ? "" : NULL },
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].value != NULL &&
            curl_easy_setopt(f->easy, texts[i].option, texts[i].value) !=
                CURLE_OK) {
            rwith_complain("--%s is not taken by this libcurl, leave it out",
                           texts[i].name);
            return RWITH_EXIT_USAGE;
        }
    }
    if (s->speed_limit != 0 || s->speed_time_ms != 0) {
        curl_easy_setopt(f->easy, CURLOPT_LOW_SPEED_LIMIT,
                         s->speed_limit != 0 ? (long)s->speed_limit : 1L);
        curl_easy_setopt(f->easy, CURLOPT_LOW_SPEED_TIME,
                         s->speed_time_ms != 0
                             ? (long)((s->speed_time_ms + 999) / 1000)
                             : SPEED_TIME_S);
    }
    curl_easy_setopt(f->easy, CURLOPT_HTTP_VERSION,
                     s->http1_1 ? (long)CURL_HTTP_VERSION_1_1
                     : s->http2 ? (long)CURL_HTTP_VERSION_2_0
                                : (long)CURL_HTTP_VERSION_2TLS);
    if (s->insecure) {
        curl_easy_setopt(f->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(f->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return 0;
}

/* Options that do not go together. */
static int check(const rwith_fetch_settings *s)
{
    int kinds = (s->data.count > 0 && !s->get) + (s->form.count > 0) +
                (s->upload_file != NULL);
    const char *why = NULL;

    if (kinds > 1) {
        why = "--data, --form and --upload-file do not go together";
    } else if (s->get && kinds > 0) {
        why = "--get puts --data into the query, and sends no content";
    } else if (s->http1_1 && s->http2) {
        why = "--http1.1 and --http2 do not go together";
    } else if (s->output != NULL && s->remote_name) {
        why = "--output and --remote-name do not go together";
    } else if (s->head && kinds > 0) {
        why = "--head asks for no content, and sends none";
    } else if (s->auth != NULL && s->user == NULL &&
               strcmp(s->auth, "negotiate") != 0) {
        why = "--auth needs --user";
    } else if (s->request != NULL &&
               !rwith_requirement_name_ok(RWITH_IN_HEADER,
                                          rwith_slice_of(s->request))) {
        why = "the method is no token";
    }
    if (why == NULL) {
        return 0;
    }
    rwith_complain("the options are wrong, %s, leave one out", why);
    return RWITH_EXIT_USAGE;
}

int rwith_fetch_request(rwith_fetch *f, const char *url)
{
    rwith_fetch_settings *s = &f->set;
    int status = check(s);

    if (status != 0) {
        return status;
    }
    f->easy = curl_easy_init();
    if (f->easy == NULL || !rwith_fetch_text_puts(&f->url, url)) {
        rwith_complain("out of memory");
        return RWITH_EXIT_LIMIT;
    }
    if (s->auth != NULL && s->user == NULL) {
        s->user = ""; /* Negotiate with the ticket's own name */
    }
    status = make_headers(f);
    status = status == 0 ? rwith_fetch_content(f) : status;
    status = status == 0 ? add_content_headers(f) : status;
    status = status == 0 ? make_user(f) : status;
    status = status == 0 ? set_connection(f) : status;
    if (status != 0) {
        return status;
    }
    set_auth(f);
    set_cookies(f);
    if (s->user != NULL && s->user[0] == '\0') {
        f->req.userpwd = ":";
    }
    f->req.easy = f->easy;
    f->req.method = method_of(f);
    f->req.method_is_forced = s->request != NULL;
    f->req.url = f->url.ptr;
    f->req.headers = f->headers;
    f->req.on_header = rwith_fetch_on_header;
    f->req.on_header_user = f;
    f->req.on_body = rwith_fetch_on_body;
    f->req.on_body_user = f;
    f->req.follow = s->location;
    f->req.time_max_ms = s->max_time_ms;
    rwith_fetch_secrets(f);
    curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->error);
    curl_easy_setopt(f->easy, CURLOPT_NOSIGNAL, 1L);
    if (s->verbose || s->show_exchange) {
        curl_easy_setopt(f->easy, CURLOPT_VERBOSE, 1L);
        curl_easy_setopt(f->easy, CURLOPT_DEBUGFUNCTION, rwith_fetch_on_debug);
        curl_easy_setopt(f->easy, CURLOPT_DEBUGDATA, f);
    }
    return 0;
}

void rwith_fetch_request_free(rwith_fetch *f)
{
    curl_easy_cleanup(f->easy); /* writes the cookie jar */
    curl_mime_free(f->mime);
    curl_slist_free_all(f->headers);
    if (f->upload != NULL && f->upload != stdin) {
        fclose(f->upload);
    }
    if (f->userpwd.ptr != NULL) {
        rwith_wipe(f->userpwd.ptr, f->userpwd.len);
    }
    free(f->userpwd.ptr);
    free(f->url.ptr);
    free(f->content.ptr);
}
