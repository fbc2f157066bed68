/*
 * Each path of the sandbox, refused and satisfied: spec/vectors/sandbox.json,
 * and what needs a state.
 */
#include <sandbox/sandbox.h>

#include <yajl/yajl_tree.h>

#include "tap.h"

static const char *member(yajl_val row, const char *name)
{
    const char *path[] = { name, NULL };
    yajl_val value = yajl_tree_get(row, path, yajl_t_string);

    return value != NULL ? YAJL_GET_STRING(value) : "";
}

static yajl_val array(yajl_val row, const char *name)
{
    const char *path[] = { name, NULL };

    return yajl_tree_get(row, path, yajl_t_array);
}

/* "Name: value" lines as fields, in exact-size copies. */
static size_t fields_of(yajl_val lines, rwith_field *fields)
{
    size_t count = lines != NULL ? lines->u.array.len : 0;

    for (size_t i = 0; i < count; i++) {
        const char *line = YAJL_GET_STRING(lines->u.array.values[i]);
        const char *colon = strchr(line, ':');

        fields[i].name = tap_copy(line, (size_t)(colon - line));
        fields[i].value = tap_copy(colon + 2, strlen(colon + 2));
    }
    return count;
}

static rwith_slice field_of(const rwith_sandbox_response *resp,
                            rwith_slice name)
{
    for (size_t i = 0; i < resp->field_count; i++) {
        if (rwith_slice_equal_nocase(resp->fields[i].name, name)) {
            return resp->fields[i].value;
        }
    }
    return (rwith_slice){ NULL, 0 };
}

static bool contains(rwith_slice text, const char *what)
{
    size_t len = strlen(what);

    for (size_t at = 0; at + len <= text.len; at++) {
        if (memcmp(text.ptr + at, what, len) == 0) {
            return true;
        }
    }
    return false;
}

static void check_lines(const rwith_sandbox_response *resp, yajl_val lines,
                        const char *name)
{
    rwith_field want[RWITH_SANDBOX_FIELD_MAX];
    size_t count = fields_of(lines, want);

    for (size_t i = 0; i < count; i++) {
        is_slice(field_of(resp, want[i].name), want[i].value, name);
        tap_free(want[i].name);
        tap_free(want[i].value);
    }
}

static void check_vector(yajl_val row)
{
    const char *name = member(row, "name");
    const char *body = member(row, "body");
    const char *path[] = { "status", NULL };
    yajl_val status = yajl_tree_get(row, path, yajl_t_number);
    rwith_sandbox sandbox = { .seed = 1 };
    rwith_field fields[16];
    rwith_sandbox_request req = {
        .method = rwith_slice_of(member(row, "method")),
        .target =
            tap_copy(member(row, "target"), strlen(member(row, "target"))),
        .base = RWITH_LIT("http://127.0.0.1:4490"),
        .fields = fields,
        .field_count = fields_of(array(row, "fields"), fields),
        .body_prefix = tap_copy(body, strlen(body)),
        .body_len = strlen(body),
        .now_ms = 1000,
    };
    size_t max = rwith_sandbox_body_max(&req);
    char *buf = malloc(max);
    rwith_sandbox_response resp;

    ok(rwith_sandbox_answer(&sandbox, &req, buf, max, &resp), "%s", name);
    is_int(resp.status, YAJL_GET_INTEGER(status), name);
    is_str(resp.reason, member(row, "reason"), name);
    ok(resp.body.len > 0 && resp.body.len < max, "%s: a body", name);
    ok(contains(resp.body, member(row, "contains")), "%s: it says %s", name,
       member(row, "contains"));
    check_lines(&resp, array(row, "expect"), name);
    ok(resp.status != 449 ||
           rwith_slice_equal(field_of(&resp, RWITH_LIT("Cache-Control")),
                             RWITH_LIT("no-store")),
       "%s: a 449 is not stored", name);
    for (size_t i = 0; i < req.field_count; i++) {
        tap_free(fields[i].name);
        tap_free(fields[i].value);
    }
    tap_free(req.target);
    tap_free(req.body_prefix);
    free(buf);
}

static void test_vectors(void)
{
    FILE *file = fopen(RWITH_SOURCE_DIR "/spec/vectors/sandbox.json", "rb");
    static char text[1 << 17];
    char error[200];

    if (file == NULL) {
        abort();
    }
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    yajl_val rows = yajl_tree_parse(text, error, sizeof(error));
    if (!ok(YAJL_IS_ARRAY(rows) && rows->u.array.len > 20,
            "the vectors were read")) {
        return;
    }
    for (size_t i = 0; i < rows->u.array.len; i++) {
        if (tap_wants(member(rows->u.array.values[i], "name"))) {
            check_vector(rows->u.array.values[i]);
        }
    }
    yajl_tree_free(rows);
}

/* Ask by GET; at most one header field. */
static unsigned ask(rwith_sandbox *sandbox, const char *target,
                    const rwith_field *field, uint64_t now_ms,
                    rwith_sandbox_response *resp)
{
    static char buf[1 << 16];
    rwith_sandbox_request req = { .method = RWITH_LIT("GET"),
                                  .target = rwith_slice_of(target),
                                  .fields = field,
                                  .field_count = field != NULL,
                                  .now_ms = now_ms };

    if (rwith_sandbox_body_max(&req) > sizeof(buf)) {
        abort();
    }
    ok(rwith_sandbox_answer(sandbox, &req, buf, sizeof(buf), resp), "%s",
       target);
    return resp->status;
}

static void test_transmission(void)
{
    rwith_sandbox sandbox = { .seed = 42 };
    rwith_sandbox_response resp, second;
    rwith_slice name = RWITH_LIT("X-Transmission-Session-Id");

    is_int(ask(&sandbox, "/transmission/rpc", NULL, 0, &resp), 409,
           "no session id");
    rwith_field field = { name, field_of(&resp, name) };
    is_int((long long)field.value.len, 48, "an id of 48 characters");
    is_int(ask(&sandbox, "/transmission/rpc", &field, 0, &second), 200,
           "the id that was given");
    is_int(ask(&sandbox, "/transmission/restart", NULL, 0, &second), 200,
           "the server restarts");
    is_int(ask(&sandbox, "/transmission/rpc", &field, 0, &second), 409,
           "the id has gone stale");
    ok(!rwith_slice_equal(field_of(&second, name), field.value),
       "there is a new one");
}

static void test_retry_after(void)
{
    rwith_sandbox sandbox = { .seed = 1 };
    rwith_sandbox_response resp;
    rwith_slice name = RWITH_LIT("Retry-After");

    is_int(ask(&sandbox, "/retry-after/2/a", NULL, 5000, &resp), 449,
           "the first request");
    is_str(field_of(&resp, name), "2", "told to wait 2 s");
    is_int(ask(&sandbox, "/retry-after/2/a", NULL, 6000, &resp), 449,
           "back too early");
    is_str(field_of(&resp, name), "1", "told to wait the rest");
    is_int(ask(&sandbox, "/retry-after/2/b", NULL, 7000, &resp), 449,
           "another target waits for itself");
    is_int(ask(&sandbox, "/retry-after/2/a", NULL, 7000, &resp), 200,
           "back in time");
    is_int(ask(&sandbox, "/retry-after/2/a", NULL, 7001, &resp), 449,
           "and refused again");
    is_int(ask(&sandbox, "/retry-after/2/a", NULL, 90000, &resp), 449,
           "a wait that was forgotten");
    is_int(ask(&sandbox, "/retry-after/99999999999/", NULL, 0, &resp), 449,
           "a long wait");
    is_str(field_of(&resp, name), "60", "is cut");
    for (int i = 0; i < 200; i++) {
        char target[64];

        snprintf(target, sizeof(target), "/retry-after/%d", i);
        ask(&sandbox, target, NULL, 100000, &resp);
    }
    is_int(resp.status, 449, "more targets than slots");
}

static void test_pending(void)
{
    rwith_sandbox sandbox = { .seed = 1 };
    rwith_sandbox_response resp;
    char buf[1 << 16];
    rwith_sandbox_request req = { .method = RWITH_LIT("POST"),
                                  .target = RWITH_LIT("/ms-echo/x"),
                                  .is_body_pending = true };
    rwith_field echo = { RWITH_LIT("Ms-Echo-Reply"), { NULL, 0 } };

    ok(rwith_sandbox_answer(&sandbox, &req, buf, sizeof(buf), &resp),
       "R-61: refused by its head alone");
    is_int(resp.status, 449, "R-61: refused by its head alone");
    req.fields = &echo;
    req.field_count = 1;
    ok(!rwith_sandbox_answer(&sandbox, &req, buf, sizeof(buf), &resp),
       "satisfied by its head: the body is to be read");
    req.target = RWITH_LIT("/transmission/restart");
    ok(!rwith_sandbox_answer(&sandbox, &req, buf, sizeof(buf), &resp) &&
           sandbox.turn == 0,
       "the state was not touched");
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    test_vectors();
    test_transmission();
    test_retry_after();
    test_pending();
    return tap_done();
}
