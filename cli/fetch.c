/*
 * `retrywith fetch`: curl's options, and a request that gets through.  Here
 * are the option table and the order of things; the parts are in the files
 * beside it.
 */
#include <cli/fetch.h>

#include <cli/commands.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT(member) offsetof(rwith_fetch_settings, member)
#define DAY_MS     86400000u

#define REQUEST    "The request"
#define ANSWER     "The answer"
#define CONNECTION "The connection"
#define EXCHANGE   "The exchange"
#define TOLD       "What is told"

static const rwith_option options[] = {
    { "request", 'X', "METHOD", REQUEST, "0.1", "use this method",
      RWITH_OPTION_TEXT, AT(request), 0 },
    { "data", 'd', "DATA", REQUEST, "0.1", "POST this, or @FILE as text",
      RWITH_OPTION_LIST, AT(data), 0 },
    { "data-binary", 0, "DATA", REQUEST, "0.1", "POST this, or @FILE as it is",
      RWITH_OPTION_LIST, AT(data), 0 },
    { "data-urlencode", 0, "DATA", REQUEST, "0.1", "POST this, percent-encoded",
      RWITH_OPTION_LIST, AT(data), 0 },
    { "json", 0, "DATA", REQUEST, "0.1", "POST this JSON, or @FILE",
      RWITH_OPTION_LIST, AT(data), 0 },
    { "form", 'F', "NAME=VALUE", REQUEST, "0.1",
      "POST a multipart form; @FILE, <FILE", RWITH_OPTION_LIST, AT(form), 0 },
    { "get", 'G', NULL, REQUEST, "0.1", "put the data into the query",
      RWITH_OPTION_FLAG, AT(get), 0 },
    { "upload-file", 'T', "FILE", REQUEST, "0.1", "PUT this file; - is stdin",
      RWITH_OPTION_TEXT, AT(upload_file), 0 },
    { "header", 'H', "LINE", REQUEST, "0.1", "send this header line",
      RWITH_OPTION_LIST, AT(header), 0 },
    { "user-agent", 'A', "NAME", REQUEST, "0.1", "send this User-Agent",
      RWITH_OPTION_TEXT, AT(user_agent), 0 },
    { "cookie", 'b', "DATA|FILE", REQUEST, "0.1", "send cookies",
      RWITH_OPTION_TEXT, AT(cookie), 0 },
    { "user", 'u', "USER:PASSWORD", REQUEST, "0.1", "authenticate",
      RWITH_OPTION_TEXT, AT(user), 0 },
    { "head", 'I', NULL, REQUEST, "0.1", "ask for the head only",
      RWITH_OPTION_FLAG, AT(head), 0 },

    { "output", 'o', "FILE", ANSWER, "0.1", "write the content there",
      RWITH_OPTION_TEXT, AT(output), 0 },
    { "remote-name", 'O', NULL, ANSWER, "0.1", "write to the URL's file name",
      RWITH_OPTION_FLAG, AT(remote_name), 0 },
    { "include", 'i', NULL, ANSWER, "0.1", "write the head too",
      RWITH_OPTION_FLAG, AT(include), 0 },
    { "fail", 'f', NULL, ANSWER, "0.1", "status 400 and up is an error",
      RWITH_OPTION_FLAG, AT(fail), 0 },
    { "location", 'L', NULL, ANSWER, "0.1", "follow redirects",
      RWITH_OPTION_FLAG, AT(location), 0 },
    { "cookie-jar", 'c', "FILE", ANSWER, "0.1", "write cookies there",
      RWITH_OPTION_TEXT, AT(cookie_jar), 0 },
    { "compressed", 0, NULL, ANSWER, "0.1", "ask for compressed content",
      RWITH_OPTION_FLAG, AT(compressed), 0 },

    { "insecure", 'k', NULL, CONNECTION, "0.1", "do not verify certificates",
      RWITH_OPTION_FLAG, AT(insecure), 0 },
    { "cacert", 0, "FILE", CONNECTION, "0.1", "trust these certificates",
      RWITH_OPTION_TEXT, AT(cacert), 0 },
    { "cert", 0, "FILE", CONNECTION, "0.1", "the client's certificate",
      RWITH_OPTION_TEXT, AT(cert), 0 },
    { "key", 0, "FILE", CONNECTION, "0.1", "the client's private key",
      RWITH_OPTION_TEXT, AT(key), 0 },
    { "proxy", 'x', "URL", CONNECTION, "0.1", "go through this proxy",
      RWITH_OPTION_TEXT, AT(proxy), 0 },
    { "http1.1", 0, NULL, CONNECTION, "0.1", "use HTTP/1.1", RWITH_OPTION_FLAG,
      AT(http1_1), 0 },
    { "http2", 0, NULL, CONNECTION, "0.1", "use HTTP/2 where it is there",
      RWITH_OPTION_FLAG, AT(http2), 0 },
    { "connect-timeout", 0, "S", CONNECTION, "0.1", "to connect; default 30",
      RWITH_OPTION_SECONDS, AT(connect_timeout_ms), DAY_MS },
    { "head-timeout", 0, "S", CONNECTION, "0.1",
      "for the answer's head; default 300", RWITH_OPTION_SECONDS,
      AT(head_timeout_ms), DAY_MS },
    { "idle-timeout", 0, "S", CONNECTION, "0.1",
      "without a byte of it; default 300", RWITH_OPTION_SECONDS,
      AT(idle_timeout_ms), DAY_MS },
    { "speed-limit", 'Y', "SIZE", CONNECTION, "0.1",
      "bytes a second that are too few", RWITH_OPTION_SIZE, AT(speed_limit),
      1u << 30 },
    { "speed-time", 'y', "S", CONNECTION, "0.1", "for how long; default 30",
      RWITH_OPTION_SECONDS, AT(speed_time_ms), DAY_MS },
    { "max-time", 'm', "S", CONNECTION, "0.1", "for everything",
      RWITH_OPTION_SECONDS, AT(max_time_ms), DAY_MS },

    { "supply", 0, "FILE", EXCHANGE, "0.1",
      "values that may be given, and to whom", RWITH_OPTION_LIST, AT(supply),
      0 },
    { "give", 0, "LINE", EXCHANGE, "0.1", "'header X-Key=@FILE|env:NAME|VALUE'",
      RWITH_OPTION_LIST, AT(give), 0 },
    { "auth", 0, "basic|digest|ntlm|negotiate|bearer", EXCHANGE, "0.1",
      "how --user authenticates", RWITH_OPTION_CHOICE, AT(auth), 0 },
    { "dialect", 0, "FILE", EXCHANGE, "0.1", "recognise these dialects too",
      RWITH_OPTION_LIST, AT(dialect), 0 },
    { "only", 0, "DIALECT,...", EXCHANGE, "0.1", "recognise only these",
      RWITH_OPTION_TEXT, AT(only), 0 },
    { "recall", 0, "FILE", EXCHANGE, "0.1",
      "remember there what origins ask for", RWITH_OPTION_TEXT, AT(recall), 0 },
    { "max-attempts", 0, "N", EXCHANGE, "0.1",
      "send at most so often; default 4", RWITH_OPTION_NUMBER, AT(max_attempts),
      RWITH_ATTEMPTS_MAX_LIMIT },
    { "max-wait", 0, "S", EXCHANGE, "0.1", "longest single wait; default 30",
      RWITH_OPTION_SECONDS, AT(max_wait_ms), DAY_MS },
    { "no-retry", 0, NULL, EXCHANGE, "0.1", "recognise and explain only",
      RWITH_OPTION_FLAG, AT(no_retry), 0 },

    { "show-exchange", 0, NULL, TOLD, "0.1", "print every message on stderr",
      RWITH_OPTION_FLAG, AT(show_exchange), 0 },
    { "write-out", 'w', "FORMAT", TOLD, "0.1", "print this at the end",
      RWITH_OPTION_TEXT, AT(write_out), 0 },
    { "output-json", 0, NULL, TOLD, "0.1", "print an account as JSON",
      RWITH_OPTION_FLAG, AT(output_json), 0 },
    { "silent", 's', NULL, TOLD, "0.1", "no progress, no errors",
      RWITH_OPTION_FLAG, AT(silent), 0 },
    { "show-error", 'S', NULL, TOLD, "0.1", "errors even with --silent",
      RWITH_OPTION_FLAG, AT(show_error), 0 },
    { "verbose", 'v', NULL, TOLD, "0.1", "print what libcurl does",
      RWITH_OPTION_FLAG, AT(verbose), 0 },
    { "color", 0, "auto|always|never", TOLD, "0.1", "colour on stderr",
      RWITH_OPTION_CHOICE, AT(color), 0 },
};

static const rwith_option_table table = {
    .command = "fetch",
    .synopsis = "[options] URL",
    .about = "Sends a request as curl does.  Where the origin answers that "
             "something is\nmissing (449 Retry With and its relatives), "
             "obtains it, sends the request\nagain, and remembers.",
    .footer = "Example:\n"
              "  retrywith fetch --give 'header X-Custom-Auth=env:KEY' "
              "https://api.example.com/",
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
    .operands_min = 1,
    .operands_max = 1,
};

static bool use_color(const char *word)
{
    if (word != NULL && strcmp(word, "auto") != 0) {
        return strcmp(word, "always") == 0;
    }
    return isatty(STDERR_FILENO) != 0 && getenv("NO_COLOR") == NULL;
}

/* Send it. */
static int fetch_perform(rwith_fetch *f)
{
    const rwith_curl_options with = {
        .set = f->dialects,
        .supply = f->supply,
        .recall = f->recall,
        .on_need = rwith_fetch_on_need,
        .on_unmet = rwith_fetch_on_unmet,
        .may_prompt = rwith_fetch_has_terminal(),
        .on_event = f->set.show_exchange ? rwith_fetch_on_event : NULL,
        .user = f,
        .attempts_max = (unsigned)f->set.max_attempts,
        .wait_max_ms = f->set.max_wait_ms,
        .no_retry = f->set.no_retry,
        .connect_ms = f->set.connect_timeout_ms,
        .head_ms = f->set.head_timeout_ms,
        .idle_ms = f->set.idle_timeout_ms,
    };
    const rwith_curl_result *result = NULL;
    rwith_curl *session = NULL;
    int status = RWITH_EXIT_LIMIT;

    int err = rwith_curl_new(&with, &session);
    if (err == RWITH_OK) {
        err = rwith_curl_perform(session, &f->req, &result);
    }
    if (err != RWITH_OK) {
        rwith_complain("cannot send the request, %s", rwith_err_text(err));
        goto out;
    }
    status = rwith_fetch_status(f, result);
    int closed = rwith_fetch_output_close(
        f, result->code == CURLE_OK &&
               !(f->set.fail && result->status >= RWITH_FETCH_FAIL_MIN));
    status = status != 0 ? status : closed;
    if (f->set.output_json) {
        rwith_fetch_print_json(f, result, status);
    }
    rwith_fetch_write_out(f, result, status);
    if (!f->set.silent || f->set.show_error) {
        rwith_fetch_report(f, result, status);
    }
    int saved = rwith_fetch_recall_save(f);
    status = status != 0 ? status : saved;
out:
    rwith_curl_free(session);
    return status;
}

static int fetch_run(rwith_fetch *f, const char *url)
{
    int status = rwith_fetch_request(f, url);

    if (status == 0) {
        status = rwith_fetch_values(f);
    }
    if (status == 0) {
        status = rwith_fetch_recall_load(f);
    }
    if (status == 0) {
        status = rwith_fetch_output_open(f);
    }
    return status == 0 ? fetch_perform(f) : status;
}

static void fetch_free(rwith_fetch *f)
{
    (void)rwith_fetch_output_close(f, false);
    rwith_fetch_request_free(f);
    rwith_values_free(&f->values);
    rwith_supply_free(f->supply);
    rwith_dialects_free(f->dialects);
    rwith_fetch_recall_free(f);
    free(f->origin_text);
    free(f->body.ptr);
    rwith_option_list_free(&f->set.data);
    rwith_option_list_free(&f->set.form);
    rwith_option_list_free(&f->set.header);
    rwith_option_list_free(&f->set.supply);
    rwith_option_list_free(&f->set.give);
    rwith_option_list_free(&f->set.dialect);
}

int rwith_command_fetch(int argc, char **argv)
{
    static rwith_fetch fetch; /* large, and once per process */
    rwith_fetch *f = &fetch;
    rwith_option_list operands;
    int status = 0;

    if (!rwith_option_parse(&table, argc, argv, &f->set, &operands, &status)) {
        goto out;
    }
    f->has_color = use_color(f->set.color);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        rwith_complain("libcurl does not start, out of memory?");
        status = RWITH_EXIT_LIMIT;
        goto out;
    }
    rwith_fetch_interrupt_init();
    status = fetch_run(f, operands.items[0].value);
    fetch_free(f);
    curl_global_cleanup();
out:
    rwith_option_list_free(&operands);
    return status;
}
