/*
 * What is done with a response: it is held until the exchange knows the next
 * effect, then handed to the client or swallowed.  Runs inside libcurl's
 * callbacks too, so it starts and stops no transfer.
 */
#include <adapters/curl/driver.h>

#include <string.h>

/* Whoever gets it is told whether anything recognised it. */
#define RETRY_WITH 449

/* What the exchange answered; without memory what is held goes on. */
void rwith__curl_take(rwith_curl_job *job, int err, const rwith_effect *effect)
{
    if (err == RWITH_OK) {
        job->effect = effect;
        return;
    }
    job->fallback = (rwith_effect){
        .kind = job->mode == RWITH_CURL_MODE_HEAD ? RWITH_EFFECT_FAIL
                                                  : RWITH_EFFECT_DELIVER,
        .err = err,
    };
    job->effect = &job->fallback;
}

bool rwith__curl_is_redirect(const rwith_curl_job *job)
{
    unsigned status = job->result.status;

    return job->req.follow &&
           (status == 301 || status == 302 || status == 303 || status == 307 ||
            status == 308) &&
           rwith_fields_find(job->head.fields, job->head.field_count,
                             RWITH_LIT("Location")) != NULL;
}

/* Hand one header line to the client. */
static bool emit_line(rwith_curl_job *job, rwith_slice line)
{
    union {
        const char *from;
        char *to;
    } ptr = { line.ptr };

    return job->req.on_header(ptr.to, 1, line.len, job->req.on_header_user) ==
           line.len;
}

static bool emit_lines(rwith_curl_job *job, rwith_slice text)
{
    rwith_slice line;

    if (job->req.on_header == NULL) {
        return true;
    }
    while (rwith__curl_line_next(&text, &line)) {
        if (!emit_line(job, line)) {
            return false;
        }
    }
    return true;
}

/*
 * All that was gathered: heads of legs and 1xx as they came, and before the
 * blank line of the answer what swallowed responses have set.
 */
static bool emit_head(rwith_curl_job *job)
{
    rwith_slice all = { job->head.lines.ptr, job->head.lines.len };
    size_t blank = 0;

    if (job->cookies.len == 0) {
        return emit_lines(job, all);
    }
    if (all.len >= 2 && all.ptr[all.len - 1] == '\n') {
        blank = all.ptr[all.len - 2] == '\r' ? 2 : 1;
    }
    rwith_slice front = { all.ptr, all.len - blank };
    rwith_slice rest = { all.ptr + front.len, blank };
    rwith_slice cookies = { job->cookies.ptr, job->cookies.len };
    return emit_lines(job, front) && emit_lines(job, cookies) &&
           emit_lines(job, rest);
}

/* Hand body bytes to the client. */
static bool emit_body(rwith_curl_job *job, char *bytes, size_t len)
{
    const rwith_curl_request *req = &job->req;

    if (len == 0) {
        return true;
    }
    if (req->on_body != NULL) {
        return req->on_body(bytes, 1, len, req->on_body_user) == len;
    }
    return fwrite(bytes, 1, len,
                  req->on_body_user != NULL ? req->on_body_user : stdout) ==
           len;
}

/* A head that cannot be read is no answer. */
static bool answer_give_up(rwith_curl_job *job, int err)
{
    job->must_abort = true;
    job->ended = err == RWITH_ENOMEM ? CURLE_OUT_OF_MEMORY : CURLE_RECV_ERROR;
    if (err == RWITH_ERANGE) {
        job->result.limit = RWITH_CURL_LIMIT_HEAD_SIZE;
    }
    return false;
}

/* The fields of a redirect, where it is to be followed: an answer whose
 * Location cannot be read is none. */
static bool answer_may_move(rwith_curl_job *job)
{
    rwith_response resp;

    if (!job->req.follow || job->head.field_count > 0 ||
        job->result.status / 100 != 3) {
        return true;
    }
    int err = rwith__curl_head_read(&job->head, job->session->mem, true, &resp);
    return err == RWITH_OK || answer_give_up(job, err);
}

/* The held response is the answer. */
void rwith__curl_answer_deliver(rwith_curl_job *job)
{
    if (job->x != NULL && rwith_exchange_has_learned(job->x)) {
        rwith__curl_lock(job, true);
        rwith_exchange_settle(job->x, rwith__curl_now_ms());
        rwith__curl_lock(job, false);
    }
    rwith__curl_key_free(job);
    rwith__curl_event(job, RWITH_CURL_EVENT_DELIVER, NULL);
    job->effect = NULL;
    job->until_ms = 0;
    job->mode = RWITH_CURL_MODE_STREAM;
    if (!answer_may_move(job)) {
        job->held.len = 0;
        return;
    }
    if (!emit_head(job)) {
        job->must_abort = true;
        job->ended = CURLE_WRITE_ERROR;
    } else if (rwith__curl_is_redirect(job)) {
        job->mode = RWITH_CURL_MODE_DROP;
        job->dropped = 0;
    } else if (!emit_body(job, job->held.ptr, job->held.len)) {
        job->must_abort = true;
        job->ended = CURLE_WRITE_ERROR;
    }
    job->held.len = 0;
}

/* Deliver at once; any other effect waits until the body is here. */
static void answer_apply(rwith_curl_job *job)
{
    switch (job->effect->kind) {
    case RWITH_EFFECT_DELIVER:
        rwith__curl_answer_deliver(job);
        return;
    case RWITH_EFFECT_READ:
        job->mode = RWITH_CURL_MODE_READ;
        break;
    default:
        job->mode = RWITH_CURL_MODE_PENDING;
        break;
    }
    if (job->until_ms == 0) {
        job->until_ms =
            rwith__curl_now_ms() + job->session->options.challenge_ms;
        rwith__curl_event(job, RWITH_CURL_EVENT_HELD, NULL);
    }
}

void rwith__curl_answer_decide(rwith_curl_job *job)
{
    unsigned status = rwith__curl_head_status(&job->head);
    bool is_wanted =
        rwith_dialects_wants_status(job->session->options.set, status);
    const rwith_effect *effect = NULL;
    rwith_response resp;

    job->result.status = status;
    if (job->is_plain && !is_wanted && status != RETRY_WITH) {
        rwith__curl_answer_deliver(job);
        return;
    }
    int err = rwith__curl_job_exchange(job);
    if (err == RWITH_OK) {
        err = rwith__curl_head_read(&job->head, job->session->mem, is_wanted,
                                    &resp);
    }
    if (err != RWITH_OK) {
        (void)answer_give_up(job, err);
        return;
    }
    /* From here on there is a response to hand on. */
    job->mode = RWITH_CURL_MODE_PENDING;
    err = rwith_exchange_response(job->x, rwith__curl_now_ms(), &resp, &effect);
    rwith__curl_take(job, err, effect);
    answer_apply(job);
}

void rwith__curl_answer_facts(rwith_curl_job *job)
{
    const rwith_alloc *mem = job->session->mem;
    const rwith_effect *effect = NULL;
    rwith_curl_facts facts;

    rwith__curl_facts_find(&facts, mem, job->effect, job->head.fields,
                           job->head.field_count,
                           (rwith_slice){ job->held.ptr, job->held.len });
    int err = rwith_exchange_facts(job->x, rwith__curl_now_ms(), facts.items,
                                   facts.count, &effect);
    rwith__curl_facts_free(&facts, mem);
    rwith__curl_take(job, err, effect);
    answer_apply(job);
}

/* The client gets to know with the answer what a swallowed response set; not
 * what a proxy on the way to it did. */
void rwith__curl_keep_cookies(rwith_curl_job *job, const rwith_curl_head *head)
{
    rwith_slice all = { head->lines.ptr, head->lines.len };
    rwith_slice name = RWITH_LIT("Set-Cookie");
    rwith_slice line;
    rwith_field field;

    if (!head->has_cookies) {
        return;
    }
    all.ptr += head->last;
    all.len -= head->last;
    while (rwith__curl_line_next(&all, &line)) {
        if (rwith__curl_line_field(line, &field) &&
            rwith_slice_equal_nocase(field.name, name)) {
            (void)rwith__curl_bytes_add(&job->cookies, job->session->mem,
                                        line.ptr, line.len,
                                        RWITH_CURL_COOKIES_MAX);
        }
    }
}
