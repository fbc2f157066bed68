/*
 * Carries out the effects of one job's exchange, outside libcurl's
 * callbacks: sends, waits, asks for values, obtains, follows redirects, and
 * ends the job.  What is to be done next is the exchange's decision.
 */
#include <adapters/curl/driver.h>

#include <string.h>

/* Newer libcurls (and Debian's 7.88) end a head of 300 KiB by themselves,
 * without a code of its own; the line that goes over is not shown. */
#define LIBCURL_HEAD_MAX (180 * 1024)

/*
 * A handle of many is found by its private pointer, which is given back at
 * the end; that of rwith_curl_perform() is known.
 */
void rwith__curl_job_private(rwith_curl_job *job, bool take)
{
    CURL *easy = job->req.easy;

    if (take == job->has_private || (take && job == job->session->last)) {
        return;
    }
    if (take && curl_easy_getinfo(easy, CURLINFO_PRIVATE,
                                  (char **)&job->private_before) != CURLE_OK) {
        job->private_before = NULL;
    }
    job->has_private = take;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, take ? job : job->private_before);
}

/* The account of this hop, which ends here. */
void rwith__curl_job_count(rwith_curl_job *job)
{
    rwith_report *report = &job->result.report;

    if (job->x != NULL) {
        rwith_exchange_report(job->x, report);
    } else if (job->is_plain) {
        *report =
            (rwith_report){ .outcome = RWITH_OUTCOME_ANSWERED,
                            .attempts = 1,
                            .recalled = rwith__curl_opening_recalled(job) };
    } else {
        return;
    }
    job->result.sends += report->attempts;
    job->result.obtains += report->obtains;
}

/* The job has come to its end. */
static void job_done(rwith_curl_job *job, CURLcode code)
{
    rwith__curl_transfer_stop(job);
    rwith__curl_obtain_stop(job);
    rwith__curl_key_free(job);
    rwith__curl_job_private(job, false);
    job->result.code = code;
    job->result.url = job->url.text;
    job->result.time_ms = rwith__curl_now_ms() - job->start_ms;
    rwith__curl_job_count(job);
    job->state = RWITH_CURL_STATE_DONE;
}

/* The request as it is at this hop, for a new exchange. */
static int job_new_exchange(rwith_curl_job *job, bool is_sent)
{
    const rwith_curl_options *options = &job->session->options;
    const rwith_exchange_options with = {
        .mem = options->mem,
        .set = options->set,
        .supply = options->supply,
        .recall = options->recall,
        .attempts_max = options->attempts_max,
        .start_within_ms = options->start_within_ms,
        .wait_max_ms = options->wait_max_ms,
        .driver_auth = 1u << RWITH_AUTH_DIGEST | 1u << RWITH_AUTH_NTLM |
                       1u << RWITH_AUTH_NEGOTIATE,
        .no_retry = options->no_retry,
        .is_sent = is_sent,
        .opening = rwith__curl_opening_sent(job),
        .opened = job->opened,
        .may_prompt = options->may_prompt,
    };

    job->view = (rwith_request){
        .method = rwith_slice_of(job->method),
        .origin = job->url.origin,
        .target = job->url.target,
        .fields = job->fields,
        .field_count = job->field_count,
        .has_body = job->has_body,
        .is_replayable = !job->has_body || job->source.is_replayable,
        .may_patch_body = rwith__curl_may_patch_body(job),
        .may_add = true,
    };
    return rwith_exchange_new(&with, &job->view, &job->x);
}

/* The exchange of this hop, as of its begin. */
static int job_begin(rwith_curl_job *job, bool is_sent,
                     const rwith_effect **ret_effect)
{
    uint64_t passed_s = (rwith__curl_now_ms() - job->hop_ms) / 1000;

    if (rwith__curl_fields_read(job) != CURLE_OK) {
        return RWITH_ENOMEM;
    }
    int err = job_new_exchange(job, is_sent);
    if (err == RWITH_OK) {
        rwith__curl_lock(job, true);
        err = rwith_exchange_start(job->x, job->hop_ms,
                                   (uint64_t)time(NULL) - passed_s, ret_effect);
        rwith__curl_lock(job, false);
    }
    return err;
}

/* Begin this hop: after an add, and after each redirect. */
int rwith__curl_job_start(rwith_curl_job *job)
{
    const rwith_effect *effect = NULL;
    int err = RWITH_OK;

    job->hop_ms = rwith__curl_now_ms();
    job->field_count = 0;
    job->is_plain = rwith__curl_opening_take(job);
    if (job->is_plain) {
        job->fallback = (rwith_effect){ .kind = RWITH_EFFECT_SEND,
                                        .method = rwith_slice_of(job->method),
                                        .target = job->url.target,
                                        .set = job->set,
                                        .set_count = job->set_count,
                                        .attempt = 1,
                                        .is_patched = job->set_count > 0 };
        effect = &job->fallback;
        if (job->has_body && rwith__curl_fields_read(job) != CURLE_OK) {
            err = RWITH_ENOMEM; /* what they say of content counts already */
        }
    } else {
        err = job_begin(job, false, &effect);
    }
    job->effect = effect;
    return err;
}

/* An answer needs to be understood: now there must be an exchange. */
int rwith__curl_job_exchange(rwith_curl_job *job)
{
    const rwith_effect *sent;

    if (!job->is_plain) {
        return RWITH_OK;
    }
    int err = job_begin(job, true, &sent);
    if (err != RWITH_OK) {
        rwith_exchange_free(job->x);
        job->x = NULL;
        return err;
    }
    job->is_plain = false;
    return RWITH_OK;
}

/* Send the request, as the effect has it. */
static void job_send(rwith_curl_job *job, const rwith_effect *effect)
{
    if (job->mode == RWITH_CURL_MODE_PENDING) {
        rwith__curl_keep_cookies(job, &job->head);
    }
    rwith__curl_transfer_stop(job);
    rwith__curl_event(job, RWITH_CURL_EVENT_SEND, effect);
    job->mode = RWITH_CURL_MODE_HEAD;
    job->until_ms = 0;
    job->must_abort = false;
    job->held.len = 0;
    rwith__curl_head_reset(&job->head);
    job->result.status = 0;
    job->uploaded = 0;
    job->unsent = 0;
    CURLcode code = rwith__curl_transfer_start(job, effect);
    if (code != CURLE_OK) {
        job_done(job, code);
        return;
    }
    job->state = RWITH_CURL_STATE_TRANSFER;
}

/* Ask for values; they may come later. */
static void job_need(rwith_curl_job *job, const rwith_effect *effect)
{
    const rwith_curl_options *options = &job->session->options;

    rwith__curl_event(job, RWITH_CURL_EVENT_NEED, effect);
    job->state = RWITH_CURL_STATE_NEED;
    job->asked = effect;
    if (options->on_need == NULL ||
        options->on_need(options->user, effect->needs, effect->need_count,
                         &job->view.origin)) {
        (void)rwith_curl_job_filled(job);
    }
}

int rwith_curl_job_filled(rwith_curl_job *job)
{
    const rwith_effect *effect = NULL;

    if (job->state != RWITH_CURL_STATE_NEED) {
        return RWITH_ESTATE;
    }
    const rwith_curl_options *options = &job->session->options;
    bool may_send =
        !job->asked->is_repeated || options->on_unmet == NULL ||
        options->on_unmet(options->user, job->asked, &job->view.origin);
    job->state = RWITH_CURL_STATE_TRANSFER;
    int err =
        may_send ? rwith_exchange_values(job->x, rwith__curl_now_ms(), &effect)
                 : rwith_exchange_failed(job->x, rwith__curl_now_ms(), &effect);
    rwith__curl_take(job, err, effect);
    rwith__curl_must_advance(job);
    return RWITH_OK;
}

/* One obtain at a time for a scope: others wait until it is settled. */
static void job_obtain(rwith_curl_job *job, const rwith_effect *effect)
{
    if (effect->scope_key != 0 &&
        rwith__curl_key_is_taken(job, effect->scope_key)) {
        job->state = RWITH_CURL_STATE_PARKED;
        job->key = effect->scope_key;
        return;
    }
    job->has_key = effect->scope_key != 0;
    job->key = effect->scope_key;
    rwith__curl_event(job, RWITH_CURL_EVENT_OBTAIN, effect);
    job->state = RWITH_CURL_STATE_OBTAIN;
    CURLcode code = rwith__curl_obtain_start(job, effect);
    if (code != CURLE_OK) {
        rwith__curl_job_obtained(job, code);
    }
}

/* Another job has settled for this scope. */
void rwith__curl_job_unpark(rwith_curl_job *job)
{
    const rwith_effect *effect = NULL;

    job->state = RWITH_CURL_STATE_TRANSFER;
    rwith__curl_lock(job, true);
    int err = rwith_exchange_recalled(job->x, rwith__curl_now_ms(), &effect);
    rwith__curl_lock(job, false);
    rwith__curl_take(job, err, effect);
}

/* Nothing of it runs any more, and nothing is held. */
void rwith__curl_job_clear(rwith_curl_job *job)
{
    if (job->state != RWITH_CURL_STATE_DONE) {
        rwith__curl_transfer_stop(job);
        rwith__curl_obtain_stop(job);
        rwith__curl_key_free(job);
        rwith__curl_job_private(job, false);
    }
    if (job->must_advance) {
        job->must_advance = false;
        job->session->must_advance--;
    }
    rwith_exchange_free(job->x);
    job->x = NULL;
    rwith__curl_opening_drop(job);
    rwith__curl_url_free(&job->url, job->session->mem);
}

/* The client has what was held: now the rest. */
static void job_delivered(rwith_curl_job *job)
{
    if (job->is_paused && !job->must_abort) {
        job->is_paused = false;
        job->active_ms = rwith__curl_now_ms();
        job->state = RWITH_CURL_STATE_TRANSFER;
        curl_easy_pause(job->req.easy, CURLPAUSE_CONT);
        return;
    }
    if (job->is_running && !job->must_abort) {
        return; /* the rest streams */
    }
    rwith__curl_job_ended(job, job->ended);
}

/* Do what the effect says, until something must be waited for. */
void rwith__curl_job_advance(rwith_curl_job *job)
{
    while (job->state != RWITH_CURL_STATE_DONE && job->effect != NULL) {
        const rwith_effect *effect = job->effect;

        switch (effect->kind) {
        case RWITH_EFFECT_READ:
            rwith__curl_answer_facts(job);
            if (job->effect == NULL) {
                job_delivered(job);
            }
            break;
        case RWITH_EFFECT_NEED:
            job->effect = NULL;
            job_need(job, effect);
            break;
        case RWITH_EFFECT_OBTAIN:
            job->effect = NULL;
            job_obtain(job, effect);
            break;
        case RWITH_EFFECT_WAIT:
            job->effect = NULL;
            rwith__curl_event(job, RWITH_CURL_EVENT_WAIT, effect);
            job->state = RWITH_CURL_STATE_WAIT;
            job->until_ms = rwith__curl_now_ms() + effect->wait_ms;
            break;
        case RWITH_EFFECT_SEND:
            job->effect = NULL;
            job_send(job, effect);
            break;
        case RWITH_EFFECT_DELIVER:
            rwith__curl_answer_deliver(job);
            job_delivered(job);
            break;
        case RWITH_EFFECT_FAIL:
            job->effect = NULL;
            job_done(job, effect->err == RWITH_ENOMEM ? CURLE_OUT_OF_MEMORY
                                                      : job->ended);
            break;
        }
    }
}

/* The transfer gave no whole response. */
static void job_failed(rwith_curl_job *job, CURLcode code)
{
    const rwith_effect *effect = NULL;

    job->ended = code;
    int err = rwith__curl_job_exchange(job);
    if (err == RWITH_OK) {
        err = rwith_exchange_failed(job->x, rwith__curl_now_ms(), &effect);
    }
    rwith__curl_take(job, err, effect);
    rwith__curl_job_advance(job);
}

/* The answer's body is with the client. */
static void job_answered(rwith_curl_job *job, CURLcode code)
{
    bool is_redirect = job->mode == RWITH_CURL_MODE_DROP;

    if (is_redirect && (code == CURLE_OK || job->must_abort)) {
        code = rwith__curl_redirect(job);
        if (code == CURLE_OK) {
            rwith__curl_job_advance(job);
            return;
        }
    }
    job_done(job, code);
}

/* libcurl is done with the request. */
void rwith__curl_job_ended(rwith_curl_job *job, CURLcode code)
{
    rwith__curl_transfer_stop(job);
    if (job->must_abort && job->ended != CURLE_OK) {
        code = job->ended; /* why a callback of ours said no */
    }
    if (code == CURLE_RECV_ERROR && job->mode == RWITH_CURL_MODE_HEAD &&
        job->head.lines.len >= LIBCURL_HEAD_MAX) {
        job->result.limit = RWITH_CURL_LIMIT_HEAD_SIZE;
    }
    if (job->mode == RWITH_CURL_MODE_HEAD && code == CURLE_OK) {
        rwith__curl_answer_decide(job);
        if (job->mode == RWITH_CURL_MODE_HEAD) {
            job_failed(job, job->ended);
            return;
        }
        code = job->must_abort ? job->ended : CURLE_OK;
        job->ended = code;
        if (job->mode == RWITH_CURL_MODE_STREAM ||
            job->mode == RWITH_CURL_MODE_DROP) {
            job_answered(job, code);
            return;
        }
        rwith__curl_job_advance(job);
        return;
    }
    switch (job->mode) {
    case RWITH_CURL_MODE_HEAD:
        job_failed(job, code);
        break;
    case RWITH_CURL_MODE_READ:
        job->ended = code;
        if (code != CURLE_OK && !job->must_abort) {
            job_failed(job, code);
        } else {
            rwith__curl_job_advance(job);
        }
        break;
    case RWITH_CURL_MODE_PENDING:
        /* The head decided already: a body that broke off changes that only
         * for who gets it. */
        job->ended = job->must_abort ? CURLE_OK : code;
        rwith__curl_job_advance(job);
        break;
    case RWITH_CURL_MODE_STREAM:
    case RWITH_CURL_MODE_DROP:
        job_answered(job, code);
        break;
    }
}

/* The obtain request is over. */
void rwith__curl_job_obtained(rwith_curl_job *job, CURLcode code)
{
    rwith_curl_obtain *obtain = &job->obtain;
    const rwith_effect *effect = NULL;
    rwith_response resp;
    int err;

    job->state = RWITH_CURL_STATE_TRANSFER;
    if (code == CURLE_OK &&
        rwith__curl_head_read(&obtain->head, job->session->mem, true, &resp) ==
            RWITH_OK) {
        err = rwith__curl_obtain_told(job, &resp, &effect);
    } else {
        err = rwith_exchange_failed(job->x, rwith__curl_now_ms(), &effect);
    }
    rwith__curl_obtain_stop(job);
    rwith__curl_take(job, err, effect);
    rwith__curl_job_advance(job);
}

/* A limit of time has come: end what runs over. */
static void job_timeout(rwith_curl_job *job, rwith_curl_limit limit)
{
    job->result.limit = limit;
    if (limit == RWITH_CURL_LIMIT_TIME) {
        job_done(job, CURLE_OPERATION_TIMEDOUT);
        return;
    }
    rwith__curl_job_ended(job, CURLE_OPERATION_TIMEDOUT);
}

/* A held body takes too long: go on with what is here. */
static void job_held_timeout(rwith_curl_job *job)
{
    job->until_ms = 0;
    if (!job->is_paused && job->is_running) {
        job->is_paused = true;
        curl_easy_pause(job->req.easy, CURLPAUSE_RECV);
    }
    rwith__curl_job_advance(job);
}

/* When rwith__curl_job_tick() has something to do; UINT64_MAX: never. */
uint64_t rwith__curl_job_deadline(const rwith_curl_job *job)
{
    const rwith_curl_options *options = &job->session->options;
    uint64_t all = job->req.time_max_ms != 0
                       ? job->start_ms + job->req.time_max_ms
                       : UINT64_MAX;
    uint64_t own = UINT64_MAX;

    if (job->state == RWITH_CURL_STATE_WAIT) {
        own = job->until_ms;
    } else if (job->state == RWITH_CURL_STATE_TRANSFER && job->is_running &&
               !job->is_paused) {
        own = job->active_ms + (job->mode == RWITH_CURL_MODE_HEAD
                                    ? options->head_ms
                                    : options->idle_ms);
        if (job->until_ms != 0 && job->until_ms < own) {
            own = job->until_ms;
        }
    }
    return own < all ? own : all;
}

void rwith__curl_job_tick(rwith_curl_job *job, uint64_t now_ms)
{
    const rwith_effect *effect = NULL;

    if (job->state == RWITH_CURL_STATE_DONE ||
        now_ms < rwith__curl_job_deadline(job)) {
        return;
    }
    if (job->req.time_max_ms != 0 &&
        now_ms >= job->start_ms + job->req.time_max_ms) {
        job_timeout(job, RWITH_CURL_LIMIT_TIME);
    } else if (job->state == RWITH_CURL_STATE_WAIT) {
        job->state = RWITH_CURL_STATE_TRANSFER;
        job->until_ms = 0;
        int err = rwith_exchange_waited(job->x, now_ms, &effect);
        rwith__curl_take(job, err, effect);
        rwith__curl_job_advance(job);
    } else if (job->until_ms != 0 && now_ms >= job->until_ms) {
        job_held_timeout(job);
    } else if (job->mode == RWITH_CURL_MODE_HEAD &&
               rwith__curl_is_uploading(job)) {
        job->active_ms = now_ms;
    } else {
        job_timeout(job, job->mode == RWITH_CURL_MODE_HEAD
                             ? RWITH_CURL_LIMIT_HEAD_TIME
                             : RWITH_CURL_LIMIT_IDLE_TIME);
    }
}
