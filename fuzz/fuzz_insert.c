/*
 * What was put in is found there, nothing else has changed, and putting it
 * in again is refused.  Input: a byte of flags, a line with the pointer, a
 * line with the value, the body.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "body/facts.h"
#include "body/insert.h"
#include "body/pointer.h"

#define TEXT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static rwith_slice take_line(rwith_slice *in)
{
    const char *stop = in->len > 0 ? memchr(in->ptr, '\n', in->len) : NULL;
    size_t len = stop != NULL ? (size_t)(stop - in->ptr) : in->len;
    rwith_slice line = { in->ptr, len };

    in->ptr += stop != NULL ? len + 1 : len;
    in->len -= stop != NULL ? len + 1 : len;
    return line;
}

/* The last value found at the place is the one that was put there. */
static void check_found(rwith_slice body, const rwith_insertion *insertion)
{
    static char buf[RWITH_CHALLENGE_BODY_MAX];
    rwith_fact facts[4];
    rwith_fact_want want = { RWITH_FACT_JSON, insertion->pointer };
    size_t count = rwith_body_facts(RWITH_LIT("text/json"), body, &want, 1,
                                    facts, 4, buf, sizeof(buf));

    require(count == 1 && rwith_slice_equal(facts[0].value, insertion->value));
}

static void check_edit(rwith_slice type, rwith_slice body,
                       rwith_insertion *insertion, const rwith_body_edit *edit)
{
    size_t len = body.len - edit->removed + edit->text.len;
    char *result = malloc(len + 1);
    char text[TEXT_MAX];
    rwith_body_edit again;
    rwith_slice last = RWITH_LIT("-");

    require(edit->at <= body.len && edit->removed <= body.len - edit->at);
    require(result != NULL);
    rwith_body_edit_apply(body, edit, result);
    rwith_slice changed = { result, len };
    size_t count = rwith__pointer_count(insertion->pointer);
    bool is_json = rwith_body_is_json(type);
    bool is_last = false; /* "-" is another place the next time */
    for (size_t i = 0; i < count; i++) {
        is_last =
            is_last || rwith_slice_equal(
                           rwith__pointer_segment(insertion->pointer, i), last);
    }
    if (!is_last) {
        if (is_json && !insertion->is_json && len < 60000 && count < 60) {
            check_found(changed, insertion);
        }
        insertion->may_replace = false;
        require(rwith_body_insert(NULL, type, changed, insertion, text,
                                  sizeof(text), &again,
                                  NULL) == RWITH_EDUPLICATE);
    }
    free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char json[] = "application/json";
    static const char form[] = "application/x-www-form-urlencoded";
    rwith_slice in = { (const char *)data + 1, size - 1 };
    rwith_insertion insertion = { 0 };
    rwith_body_edit edit;
    char text[TEXT_MAX];

    if (size == 0) {
        return 0;
    }
    rwith_slice type = rwith_slice_of((data[0] & 4) != 0 ? form : json);
    insertion.is_json = (data[0] & 1) != 0;
    insertion.may_replace = (data[0] & 2) != 0;
    insertion.pointer = take_line(&in);
    insertion.value = take_line(&in);
    if (rwith_body_insert(NULL, type, in, &insertion, text, sizeof(text), &edit,
                          NULL) == RWITH_OK) {
        check_edit(type, in, &insertion, &edit);
    }
    return 0;
}
