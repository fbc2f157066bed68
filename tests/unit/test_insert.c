/* Members put into bodies: shared vectors, buffers, memory, depth. */
#include "body/insert.h"

#include <retrywith/err.h>

#include "json_vectors.h"

static char text[4096], result[8192];

static rwith_insertion read_insertion(yajl_val vector)
{
    return (rwith_insertion){
        .pointer = vector_slice(vector, "pointer"),
        .value = vector_slice(vector, "value"),
        .is_json = YAJL_IS_TRUE(vector_get(vector, "json")),
        .may_replace = YAJL_IS_TRUE(vector_get(vector, "replace")),
    };
}

static void check_result(yajl_val vector, rwith_slice body,
                         const rwith_insertion *insertion)
{
    const char *name = vector_string(vector, "name");
    rwith_slice type = vector_slice(vector, "type");
    rwith_body_edit edit;
    const char *why = "";

    int err = rwith_body_insert(NULL, type, body, insertion, text, sizeof(text),
                                &edit, &why);
    if (err != RWITH_OK) {
        ok(false, "%s", name);
        printf("#   %s: %s\n", rwith_err_name(err), why);
        return;
    }
    rwith_body_edit_apply(body, &edit, result);
    is_slice((rwith_slice){ result, body.len - edit.removed + edit.text.len },
             vector_slice(vector, "result"), name);
    /* the buffer has to be as large as the text, and no larger */
    size_t need = edit.text.len;
    rwith_slice exact = tap_copy(text, need);
    char *buf = malloc(need > 0 ? need : 1);
    is_int(
        rwith_body_insert(NULL, type, body, insertion, buf, need, &edit, NULL),
        RWITH_OK, "a buffer of exactly its size");
    is_slice(edit.text, exact, "has the same text");
    is_int(rwith_body_insert(NULL, type, body, insertion, buf, need - 1, &edit,
                             &why),
           RWITH_ESPACE, "one byte less is too small");
    ok(need <= 64 + 6 * (insertion->pointer.len + insertion->value.len),
       "and within what the header promises");
    free(buf);
    tap_free(exact);
}

static void check_error(yajl_val vector, rwith_slice body,
                        const rwith_insertion *insertion)
{
    rwith_body_edit edit = { 77, 77, { text, 77 } };
    const char *why = NULL;
    int err = rwith_body_insert(NULL, vector_slice(vector, "type"), body,
                                insertion, text, sizeof(text), &edit, &why);

    is_str(rwith_slice_of(rwith_err_name(err)), vector_string(vector, "error"),
           vector_string(vector, "name"));
    ok(why != NULL && edit.at == 77, "a reason and no edit: %s",
       why != NULL ? why : "none");
}

static void check_vectors(void)
{
    yajl_val vectors = vectors_read("insert");

    for (size_t i = 0; i < YAJL_GET_ARRAY(vectors)->len; i++) {
        yajl_val vector = YAJL_GET_ARRAY(vectors)->values[i];
        rwith_slice body = vector_slice(vector, "body");
        rwith_insertion insertion = read_insertion(vector);

        if (!tap_wants(vector_string(vector, "name"))) {
            continue;
        }
        body = tap_copy(body.ptr, body.len);
        if (vector_string(vector, "result") != NULL) {
            check_result(vector, body, &insertion);
        } else {
            check_error(vector, body, &insertion);
        }
        tap_free(body);
    }
    yajl_tree_free(vectors);
}

/* Every beginning of a body is malformed, or one itself. */
static void check_truncations(void)
{
    static const char body[] =
        "{\"a\":[1,{\"x\":\"\\u0041\"}],\"b\":{\"c\":-1.5e3}}";
    rwith_insertion insertion = { .pointer = RWITH_LIT("/b/d"),
                                  .value = RWITH_LIT("v") };
    rwith_body_edit edit;
    bool passed = true;

    for (size_t len = 1; len < sizeof(body) - 1; len++) {
        rwith_slice part = tap_copy(body, len);

        passed =
            passed && rwith_body_insert(NULL, RWITH_LIT("application/json"),
                                        part, &insertion, text, sizeof(text),
                                        &edit, NULL) == RWITH_ESYNTAX;
        tap_free(part);
    }
    ok(passed, "a truncated body is refused, wherever it is cut");
}

static void check_memory(void)
{
    rwith_slice body = RWITH_LIT("{\"a\":[{\"x\":\"\\u0041\"}]}");
    rwith_insertion insertion = { .pointer = RWITH_LIT("/a/0/y"),
                                  .value = RWITH_LIT("v") };
    struct tap_memory memory;
    rwith_alloc mem = tap_alloc(&memory);
    rwith_body_edit edit;
    int err = RWITH_ENOMEM;

    for (size_t fail = 0; err != RWITH_OK && fail < 100; fail++) {
        memory = (struct tap_memory){ .fail_at = fail };
        err = rwith_body_insert(&mem, RWITH_LIT("application/json"), body,
                                &insertion, text, sizeof(text), &edit, NULL);
        ok(err == RWITH_OK || err == RWITH_ENOMEM, "allocation %zu fails",
           fail);
        is_int((long long)memory.live, 0, "nothing is left allocated");
    }
    is_int(err, RWITH_OK, "with memory it works");
}

/* Nested 100,000 deep, closed or not, and a string of 1 MiB. */
static void check_hostile(void)
{
    size_t depth = 100000, len = 1024 * 1024;
    char *body = malloc(len + 16);
    rwith_insertion insertion = { .pointer = RWITH_LIT("/a"),
                                  .value = RWITH_LIT("v") };
    rwith_body_edit edit;
    rwith_slice type = RWITH_LIT("application/json");

    memset(body, '[', depth);
    is_int(rwith_body_insert(NULL, type, (rwith_slice){ body, depth },
                             &insertion, text, sizeof(text), &edit, NULL),
           RWITH_ESYNTAX, "nested 100,000 deep and not closed");
    memcpy(body, "{\"b\":", 5);
    memset(body + 5, '[', depth);
    memset(body + 5 + depth, ']', depth);
    body[5 + 2 * depth] = '}';
    is_int(rwith_body_insert(NULL, type, (rwith_slice){ body, 6 + 2 * depth },
                             &insertion, text, sizeof(text), &edit, NULL),
           RWITH_OK, "nested 100,000 deep beside the member");
    is_int((long long)edit.at, (long long)(5 + 2 * depth), "goes behind it");
    memset(body, 'x', len);
    memcpy(body, "{\"b\":\"\\n", 8);
    memcpy(body + len - 2, "\"}", 2);
    is_int(rwith_body_insert(NULL, type, (rwith_slice){ body, len }, &insertion,
                             text, sizeof(text), &edit, NULL),
           RWITH_OK, "a string of 1 MiB beside the member");
    free(body);
}

static void check_bytes(void)
{
    static const char *bad[] = { "\xff",         "\xc0\x80",
                                 "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                 "a\xe2\x82",    "\x80" };
    rwith_insertion insertion = { .pointer = RWITH_LIT("/a") };
    rwith_body_edit edit;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        insertion.value = tap_copy(bad[i], strlen(bad[i]));
        is_int(rwith_body_insert(NULL, RWITH_LIT("text/json"), RWITH_LIT("{}"),
                                 &insertion, text, sizeof(text), &edit, NULL),
               RWITH_ESYNTAX, "what is not UTF-8 goes into no JSON");
        is_int(rwith_body_insert(
                   NULL, RWITH_LIT("application/x-www-form-urlencoded"),
                   RWITH_LIT(""), &insertion, text, sizeof(text), &edit, NULL),
               RWITH_OK, "but into a form");
        tap_free(insertion.value);
    }
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    check_vectors();
    check_truncations();
    check_memory();
    check_hostile();
    check_bytes();
    return tap_done();
}
