/*
 * fetch.h: what the files of `retrywith fetch` share.
 */
#ifndef RWITH_CLI_FETCH_H
#define RWITH_CLI_FETCH_H

#include <cli/option.h>
#include <launch/values.h>
#include <retrywith/curl.h>

#include <stdio.h>
#include <termios.h>

#define RWITH_FETCH_SECRETS_MAX 64
#define RWITH_FETCH_FAIL_MIN    400 /* statuses that --fail fails with */

/* The command line, as it was given; names are those of the options. */
typedef struct rwith_fetch_settings {
    const char *request;
    rwith_option_list data; /* -d, --data-*, --json */
    rwith_option_list form;
    bool get;
    const char *upload_file;
    rwith_option_list header;
    const char *user_agent;
    const char *cookie;
    const char *cookie_jar;
    const char *output;
    bool remote_name;
    const char *write_out;
    bool include;
    bool head;
    bool silent;
    bool show_error;
    bool fail;
    bool location;
    const char *user;
    bool insecure;
    const char *cacert;
    const char *cert;
    const char *key;
    const char *proxy;
    bool http1_1;
    bool http2;
    bool compressed;
    uint64_t max_time_ms;
    uint64_t connect_timeout_ms;
    uint64_t head_timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t speed_limit;
    uint64_t speed_time_ms;
    bool verbose;
    rwith_option_list supply;
    rwith_option_list give;
    const char *auth;
    rwith_option_list dialect;
    const char *only;
    const char *recall;
    uint64_t max_attempts;
    uint64_t max_wait_ms;
    bool no_retry;
    bool show_exchange;
    bool output_json;
    const char *color;
} rwith_fetch_settings;

/* Bytes that are built up. */
typedef struct rwith_fetch_text {
    char *ptr; /* with a final NUL that is not counted */
    size_t len;
    size_t cap;
} rwith_fetch_text;

bool rwith_fetch_text_add(rwith_fetch_text *text, const void *bytes,
                          size_t len);
bool rwith_fetch_text_puts(rwith_fetch_text *text, const char *string);

/* One run. */
typedef struct rwith_fetch {
    rwith_fetch_settings set;
    CURL *easy;
    rwith_curl_request req;
    rwith_origin origin; /* of the URL that was given */
    char *origin_text;   /* that it points into */
    rwith_fetch_text url;
    rwith_fetch_text content;
    rwith_fetch_text userpwd;
    struct curl_slist *headers;
    curl_mime *mime;
    FILE *upload;

    rwith_dialects *dialects;
    rwith_supply *supply;
    rwith_values values;
    rwith_recall *recall;
    void *recall_block;
    uint8_t recall_key[RWITH_RECALL_KEY_LEN];

    FILE *out;      /* where the content goes; NULL until it comes */
    char *out_part; /* the name of it until it is whole */
    char *out_name;
    rwith_fetch_text body; /* with --output-json and without --output */
    bool body_is_cut;
    uint64_t body_len;
    unsigned last_status; /* of the head that comes in */
    uint64_t progress_ms;
    bool has_shown_progress;
    bool out_failed;
    bool is_on_terminal;
    bool is_in_line; /* of the terminal that the content goes to */

    rwith_slice secrets[RWITH_FETCH_SECRETS_MAX]; /* of the command line */
    size_t secret_count;
    bool is_secret_line; /* of a head that is shown; it may be folded */

    unsigned shown; /* messages of --show-exchange so far */
    bool has_color;
    char error[CURL_ERROR_SIZE];
} rwith_fetch;

/* fetch_request.c: returns 0 or an exit status that was told of */
int rwith_fetch_request(rwith_fetch *f, const char *url);
void rwith_fetch_request_free(rwith_fetch *f);

/* fetch_values.c */
int rwith_fetch_values(rwith_fetch *f);
bool rwith_fetch_on_need(void *user, const rwith_need *needs, size_t count,
                         const rwith_origin *origin);
bool rwith_fetch_on_unmet(void *user, const rwith_effect *need,
                          const rwith_origin *origin);
int rwith_fetch_recall_load(rwith_fetch *f);
int rwith_fetch_recall_save(rwith_fetch *f);
void rwith_fetch_recall_free(rwith_fetch *f);
bool rwith_fetch_ask(const char *question, rwith_fetch_text *ret);
bool rwith_fetch_has_terminal(void);

/* fetch_secret.c: text from outside, without the user's values, and with
 * _show escaped too */
bool rwith_fetch_is_secret_name(rwith_slice name);
void rwith_fetch_secrets(rwith_fetch *f);
size_t rwith_fetch_mask(const rwith_fetch *f, rwith_slice text, char *buf,
                        size_t buf_len);
size_t rwith_fetch_show(const rwith_fetch *f, rwith_slice text, char *buf,
                        size_t buf_len);

/* fetch_interrupt.c: NULL and -1 take back what was said */
void rwith_fetch_interrupt_init(void);
void rwith_fetch_interrupt_part(const char *name);
void rwith_fetch_interrupt_quiet(int fd, const struct termios *before);

/* fetch_output.c */
int rwith_fetch_output_open(rwith_fetch *f);
size_t rwith_fetch_on_header(char *line, size_t size, size_t count, void *user);
size_t rwith_fetch_on_body(char *bytes, size_t size, size_t count, void *user);
int rwith_fetch_output_close(rwith_fetch *f, bool is_whole);

/* fetch_write_out.c */
void rwith_fetch_write_out(rwith_fetch *f, const rwith_curl_result *result,
                           int status);

/* fetch_trace.c */
int rwith_fetch_on_debug(CURL *easy, curl_infotype type, char *data,
                         size_t size, void *user);
void rwith_fetch_on_event(void *user, const rwith_curl_event *event);

/* fetch_report.c */
int rwith_fetch_status(rwith_fetch *f, const rwith_curl_result *result);
void rwith_fetch_report(rwith_fetch *f, const rwith_curl_result *result,
                        int status);
void rwith_fetch_print_json(rwith_fetch *f, const rwith_curl_result *result,
                            int status);

#endif
