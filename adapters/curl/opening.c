/*
 * Openings (retrywith/opening.h) of the origins that a session talks to, and
 * what a job sends of one: so that a request which is not refused needs no
 * exchange.  Whatever an opening cannot tell is left to the exchange.
 */
#include <adapters/curl/driver.h>

#include <retrywith/trust.h>

#include <string.h>

struct rwith_curl_opening {
    rwith_opening *opening;
    rwith_origin origin;
    uint32_t supply_version;
    unsigned users; /* the session, and jobs that were sent with it */
    size_t line_count;
    rwith_curl_bytes *lines; /* "name: value" of each */
    char host[];
};

static void opening_free(rwith_curl_opening *o, const rwith_alloc *mem)
{
    for (size_t i = 0; i < o->line_count; i++) {
        rwith__curl_bytes_wipe(&o->lines[i]);
        rwith__curl_bytes_free(&o->lines[i], mem);
    }
    rwith__curl_release(mem, o->lines);
    rwith_opening_free(o->opening);
    rwith__curl_release(mem, o);
}

void rwith__curl_opening_leave(rwith_curl_opening *opening,
                               const rwith_alloc *mem)
{
    if (opening != NULL && --opening->users == 0) {
        opening_free(opening, mem);
    }
}

/* All lines as libcurl takes them. */
static bool make_lines(rwith_curl_opening *o, const rwith_alloc *mem)
{
    size_t count;
    const rwith_field *fields = rwith_opening_lines(o->opening, &count);
    bool is_whole = true;

    if (count == 0) {
        return true;
    }
    o->lines = rwith__curl_alloc(mem, count * sizeof(*o->lines));
    if (o->lines == NULL) {
        return false;
    }
    memset(o->lines, 0, count * sizeof(*o->lines));
    o->line_count = count;
    for (size_t i = 0; i < count && is_whole; i++) {
        is_whole =
            rwith__curl_line_make(&o->lines[i], mem, &fields[i]) == CURLE_OK;
    }
    return is_whole;
}

static rwith_curl_opening *opening_new(const rwith_curl *session,
                                       const rwith_origin *origin)
{
    const rwith_alloc *mem = session->mem;
    const rwith_supply *supply = session->options.supply;
    size_t len = origin->scheme.len + origin->host.len;
    rwith_curl_opening *o = rwith__curl_alloc(mem, sizeof(*o) + len);

    if (o == NULL) {
        return NULL;
    }
    *o = (rwith_curl_opening){ .users = 1 };
    memcpy(o->host, origin->scheme.ptr, origin->scheme.len);
    memcpy(o->host + origin->scheme.len, origin->host.ptr, origin->host.len);
    o->origin =
        (rwith_origin){ { o->host, origin->scheme.len },
                        { o->host + origin->scheme.len, origin->host.len },
                        origin->port };
    o->supply_version = supply != NULL ? rwith_supply_version(supply) : 0;
    if (rwith_opening_new(mem, supply, &o->origin, &o->opening) != RWITH_OK ||
        !make_lines(o, mem)) {
        opening_free(o, mem);
        return NULL;
    }
    return o;
}

/* The opening for that origin, as the supply is now; NULL: no memory. */
static rwith_curl_opening *opening_of(rwith_curl *session,
                                      const rwith_origin *origin)
{
    const rwith_supply *supply = session->options.supply;
    size_t len = origin->host.len;
    size_t place = origin->port + len;

    if (len > 0) {
        place += (unsigned char)origin->host.ptr[len - 1];
    }
    rwith_curl_opening **at = &session->openings[place % RWITH_CURL_OPENINGS];
    rwith_curl_opening *o = *at;

    if (o == NULL || !rwith_origin_equal(&o->origin, origin) ||
        (supply != NULL && o->supply_version != rwith_supply_version(supply))) {
        rwith__curl_opening_leave(o, session->mem);
        *at = opening_new(session, origin);
    }
    return *at;
}

void rwith__curl_openings_free(rwith_curl *session)
{
    for (size_t i = 0; i < RWITH_CURL_OPENINGS; i++) {
        rwith__curl_opening_leave(session->openings[i], session->mem);
        session->openings[i] = NULL;
    }
}

/* What the request goes with; in the first second of a name's use that is
 * told to the recall. */
static rwith_opening_advice ask(rwith_curl_job *job, rwith_opening *opening,
                                uint64_t *ret_lines)
{
    rwith_recall *recall = job->session->options.recall;
    uint64_t now_s = (uint64_t)time(NULL);
    rwith_opening_advice advice =
        rwith_opening_find(opening, recall, &job->view, now_s, ret_lines);

    if (advice == RWITH_OPENING_STALE) {
        rwith__curl_lock(job, true);
        rwith_opening_renew(opening, recall, &job->view, now_s);
        rwith__curl_lock(job, false);
        advice =
            rwith_opening_find(opening, recall, &job->view, now_s, ret_lines);
    }
    return advice;
}

/* Send these lines too. */
static bool take_lines(rwith_curl_job *job, const rwith_curl_opening *o,
                       uint64_t lines)
{
    size_t count;
    const rwith_field *fields = rwith_opening_lines(o->opening, &count);

    job->set_count = 0;
    for (size_t i = 0; i < count; i++) {
        if ((lines >> i & 1) == 0) {
            continue;
        }
        if (job->set_count == RWITH_CURL_SET_MAX) {
            return false;
        }
        job->set[job->set_count] = fields[i];
        job->set_lines[job->set_count++].data = o->lines[i].ptr;
    }
    return true;
}

bool rwith__curl_opening_take(rwith_curl_job *job)
{
    const rwith_curl_options *options = &job->session->options;
    bool has_supply =
        options->supply != NULL && rwith_supply_count(options->supply) > 0;
    uint64_t lines = 0;

    rwith__curl_opening_drop(job);
    if (!has_supply &&
        (options->recall == NULL || rwith_recall_count(options->recall) == 0)) {
        return true;
    }
    rwith_curl_opening *o = opening_of(job->session, &job->url.origin);
    if (o == NULL) {
        return false;
    }
    /* The client's own fields only matter where there is a line to add. */
    job->view = (rwith_request){ .method = rwith_slice_of(job->method),
                                 .origin = job->url.origin,
                                 .target = job->url.target,
                                 .has_body = job->has_body,
                                 .may_add = true };
    if (ask(job, o->opening, &lines) != RWITH_OPENING_READY) {
        return false;
    }
    if (lines != 0) {
        if (rwith__curl_fields_read(job) != CURLE_OK) {
            return false;
        }
        job->view.fields = job->fields;
        job->view.field_count = job->field_count;
        if (ask(job, o->opening, &lines) != RWITH_OPENING_READY ||
            !take_lines(job, o, lines)) {
            job->set_count = 0;
            return false;
        }
    }
    o->users++;
    job->opening = o;
    job->opened = lines;
    return true;
}

void rwith__curl_opening_drop(rwith_curl_job *job)
{
    rwith__curl_opening_leave(job->opening, job->session->mem);
    job->opening = NULL;
    job->opened = 0;
    job->set_count = 0;
}

unsigned rwith__curl_opening_recalled(const rwith_curl_job *job)
{
    return job->opening != NULL
               ? rwith_opening_recalled(job->opening->opening, job->opened)
               : 0;
}

const rwith_opening *rwith__curl_opening_sent(const rwith_curl_job *job)
{
    return job->opening != NULL ? job->opening->opening : NULL;
}

const struct curl_slist *rwith__curl_opening_headers(rwith_curl_job *job)
{
    union {
        const struct curl_slist *from;
        struct curl_slist *to;
    } list = { job->req.headers };

    for (size_t i = job->set_count; i > 0; i--) {
        job->set_lines[i - 1].next = list.to;
        list.to = &job->set_lines[i - 1];
    }
    return list.from;
}
