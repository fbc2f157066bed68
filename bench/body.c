/*
 * bench/body.c: how fast the readers of bodies are.  Each row is the median
 * of several rounds over the same body, fed in blocks as a server gets them.
 * "yajl alone" and "expat alone" parse the same bytes without callbacks: what
 * the library itself costs on this machine, at this moment.  With a row's name
 * as the argument only that one is measured.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <expat.h>
#include <yajl/yajl_parse.h>

#include "body/facts.h"
#include "body/members.h"
#include "body/multistatus.h"

#define BLOCK  (16 * 1024)
#define ROUNDS 9
#define SIZE   (4u << 20)

static char body[SIZE + 4096];
static const char *only; /* the row that is wanted; NULL: all */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* --- what is measured ---------------------------------------------------- */

struct job {
    const char *type;
    const rwith_members *tree;
    size_t len;
};

static bool run_check(const struct job *job)
{
    rwith_body_check *check = NULL;
    static rwith_missing_list missing;

    missing.count = 0;
    if (rwith_body_check_new(NULL, job->tree, rwith_slice_of(job->type),
                             (rwith_slice){ "", 0 }, NULL,
                             &check) != RWITH_OK) {
        return false;
    }
    for (size_t at = 0; at < job->len; at += BLOCK) {
        size_t len = job->len - at < BLOCK ? job->len - at : BLOCK;

        (void)rwith_body_check_feed(check, body + at, len);
    }
    bool is_complete =
        rwith_body_check_finish(check, &missing) == RWITH_BODY_COMPLETE;
    rwith_body_check_free(check);
    return is_complete;
}

static bool run_yajl(const struct job *job)
{
    static const yajl_callbacks none;
    yajl_handle handle = yajl_alloc(&none, NULL, NULL);
    yajl_status status = yajl_status_ok;

    for (size_t at = 0; at < job->len && status == yajl_status_ok;
         at += BLOCK) {
        size_t len = job->len - at < BLOCK ? job->len - at : BLOCK;

        status = yajl_parse(handle, (unsigned char *)body + at, len);
    }
    yajl_free(handle);
    return status == yajl_status_ok;
}

static bool run_expat(const struct job *job)
{
    XML_Parser parser = XML_ParserCreateNS(NULL, '\n');
    enum XML_Status status = XML_STATUS_OK;

    for (size_t at = 0; at < job->len && status == XML_STATUS_OK; at += BLOCK) {
        size_t len = job->len - at < BLOCK ? job->len - at : BLOCK;

        status = XML_Parse(parser, body + at, (int)len, 0);
    }
    XML_ParserFree(parser);
    return status == XML_STATUS_OK;
}

static int swallow(void *user, rwith_slice bytes)
{
    *(size_t *)user += bytes.len;
    return RWITH_OK;
}

static int translate(void *user, rwith_slice uri, char *buf, size_t buf_len,
                     size_t *ret_len, bool *ret_changed)
{
    (void)user;
    memcpy(buf, uri.ptr, uri.len < buf_len ? uri.len : buf_len);
    *ret_len = uri.len;
    *ret_changed = true;
    return RWITH_OK;
}

static bool run_multistatus(const struct job *job)
{
    rwith_multistatus *ms = NULL;
    size_t passed = 0;

    if (rwith_multistatus_new(NULL, translate, swallow, &passed, &ms) !=
        RWITH_OK) {
        return false;
    }
    for (size_t at = 0; at < job->len; at += BLOCK) {
        size_t len = job->len - at < BLOCK ? job->len - at : BLOCK;

        (void)rwith_multistatus_feed(ms, body + at, len);
    }
    (void)rwith_multistatus_finish(ms);
    rwith_multistatus_free(ms);
    return passed == job->len;
}

static void measure(const char *name, bool (*run)(const struct job *),
                    const struct job *job)
{
    double seconds[ROUNDS];
    bool passed = true;

    if (only != NULL && strcmp(name, only) != 0) {
        return;
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        double start = now();

        passed = run(job) && passed;
        seconds[i] = now() - start;
    }
    qsort(seconds, ROUNDS, sizeof(seconds[0]), by_value);
    printf("%-34s %7.0f MB/s%s\n", name,
           (double)job->len / 1e6 / seconds[ROUNDS / 2],
           passed ? "" : "   (did not come out complete)");
}

/* --- bodies -------------------------------------------------------------- */

static size_t fill(const char *head, const char *unit, const char *tail)
{
    size_t at = strlen(head), unit_len = strlen(unit);

    memcpy(body, head, at);
    while (at < SIZE) {
        memcpy(body + at, unit, unit_len);
        at += unit_len;
    }
    memcpy(body + at, tail, strlen(tail));
    return at + strlen(tail);
}

static rwith_members *make_tree(void)
{
    static const char *const names[] = { "items", "name", "id" };
    rwith_members_draft *draft = NULL;
    rwith_members *tree = NULL;
    uint32_t items, path;
    rwith_slice none = { "", 0 };

    if (rwith_members_draft_new(NULL, &draft) != RWITH_OK ||
        rwith_members_draft_path(draft, RWITH_MEMBERS_ROOT, RWITH_MEMBER_NAME,
                                 rwith_slice_of(names[0]), false,
                                 &items) != RWITH_OK ||
        rwith_members_draft_need(draft, RWITH_MEMBERS_ROOT, items, NULL) !=
            RWITH_OK ||
        rwith_members_draft_path(draft, items, RWITH_MEMBER_ITEM, none, true,
                                 &items) != RWITH_OK) {
        abort();
    }
    for (size_t i = 1; i < 3; i++) {
        if (rwith_members_draft_path(draft, items, RWITH_MEMBER_NAME,
                                     rwith_slice_of(names[i]), false,
                                     &path) != RWITH_OK ||
            rwith_members_draft_need(draft, RWITH_MEMBERS_ROOT, path, NULL) !=
                RWITH_OK) {
            abort();
        }
    }
    if (rwith_members_new(NULL, draft, &tree) != RWITH_OK) {
        abort();
    }
    rwith_members_draft_free(draft);
    return tree;
}

static rwith_members *empty_tree(void)
{
    rwith_members_draft *draft = NULL;
    rwith_members *tree = NULL;

    if (rwith_members_draft_new(NULL, &draft) != RWITH_OK ||
        rwith_members_new(NULL, draft, &tree) != RWITH_OK) {
        abort();
    }
    rwith_members_draft_free(draft);
    return tree;
}

static const struct json_body {
    const char *name, *head, *unit, *tail;
} json_bodies[] = {
    { "objects", "{\"items\":[",
      "{\"id\": 12345, \"name\": \"A name of some length\", \"active\": true, "
      "\"tags\": [\"one\", \"two\"], \"owner\": {\"mail\": "
      "\"someone@example.org\", \"age\": 42.5}, \"note\": null},\n",
      "{\"id\":1,\"name\":\"\"}]}" },
    { "dense objects", "{\"items\":[",
      "{\"id\":12345,\"name\":\"abc\",\"x\":1,\"y\":2},",
      "{\"id\":1,\"name\":\"\"}]}" },
    { "numbers", "{\"items\":[", "123.456,-7,0,1e5,99999,", "0]}" },
    { "text with escapes", "{\"items\":[],\"text\":\"",
      "Lorem ipsum dolor sit amet,\\n consectetur \\\"adipiscing\\\" elit. ",
      "\"}" },
    { "one long base64 string", "{\"items\":[],\"data\":\"",
      "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQsIGNvbnNlY3RldHVyIGFkaXBpc2Np",
      "\"}" },
    { "strings of UTF-8", "{\"items\":[],\"text\":[",
      "\"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 "
      "\xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80\",",
      "\"\"]}" },
};

static void measure_json(const rwith_members *tree)
{
    for (size_t i = 0; i < sizeof(json_bodies) / sizeof(json_bodies[0]); i++) {
        const struct json_body *json = &json_bodies[i];
        char name[64];
        struct job job = { "application/json", tree,
                           fill(json->head, json->unit, json->tail) };

        snprintf(name, sizeof(name), "JSON, %s", json->name);
        measure(name, run_check, &job);
        measure("    yajl alone", run_yajl, &job);
    }
}

int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : NULL;
    rwith_members *tree = make_tree(), *empty = empty_tree();
    struct job job = { .tree = empty };

    measure_json(tree);
    job.type = "application/xml";
    job.len = fill("<items>",
                   "<item id='12345'><name>A name of some length</name>"
                   "<tag>one</tag><tag>two</tag></item>\n",
                   "</items>");
    measure("XML", run_check, &job);
    measure("    expat alone", run_expat, &job);
    job.type = "application/x-www-form-urlencoded";
    job.len = fill("a=1", "&name=A+name+of+some+length&id=12345%20", "");
    measure("form", run_check, &job);
    job.type = "multipart/form-data; boundary=B";
    job.len = fill("--B\r\nContent-Disposition: form-data; name=a\r\n\r\n",
                   "Lorem ipsum dolor sit amet, consectetur adipiscing\r\n",
                   "\r\n--B--\r\n");
    measure("multipart", run_check, &job);
    job.len = fill("<D:multistatus xmlns:D=\"DAV:\">",
                   "<D:response><D:href>http://origin.example/folder/a%20file"
                   ".txt</D:href><D:propstat><D:prop><D:getcontentlength>123"
                   "</D:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK"
                   "</D:status></D:propstat></D:response>\n",
                   "</D:multistatus>");
    measure("multistatus, every href changed", run_multistatus, &job);
    measure("    expat alone", run_expat, &job);
    rwith_members_free(tree);
    rwith_members_free(empty);
    return 0;
}
