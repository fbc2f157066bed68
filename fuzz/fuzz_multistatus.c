/* With a translation that changes nothing the output is the input, and how
 * the input is cut does not matter. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "body/multistatus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    char *bytes;
    size_t len, room;
    int kind; /* 0: says unchanged; 1: longer; 2: the same as changed */
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static int collect(void *user, rwith_slice bytes)
{
    struct run *run = user;

    require(bytes.len > 0 && bytes.len <= run->room - run->len);
    memcpy(run->bytes + run->len, bytes.ptr, bytes.len);
    run->len += bytes.len;
    return RWITH_OK;
}

static int translate(void *user, rwith_slice uri, char *buf, size_t buf_len,
                     size_t *ret_len, bool *ret_changed)
{
    struct run *run = user;

    require(uri.len > 0 && uri.len <= RWITH_HREF_MAX && buf_len > uri.len);
    memcpy(buf, uri.ptr, uri.len);
    buf[uri.len] = '<';
    *ret_len = uri.len + (run->kind == 1);
    *ret_changed = run->kind == 1;
    return run->kind == 2 ? RWITH_ESPACE : RWITH_OK;
}

static struct run pass(const uint8_t *data, size_t size, size_t step, int kind)
{
    struct run run = { .room = 8 * size + 64, .kind = kind };
    rwith_multistatus *ms;

    run.bytes = malloc(run.room);
    require(run.bytes != NULL && rwith_multistatus_new(NULL, translate, collect,
                                                       &run, &ms) == RWITH_OK);
    for (size_t at = 0; at < size; at += step) {
        size_t len = step < size - at ? step : size - at;

        require(rwith_multistatus_feed(ms, (const char *)data + at, len) ==
                RWITH_OK);
    }
    require(rwith_multistatus_finish(ms) == RWITH_OK);
    rwith_multistatus_free(ms);
    return run;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step = size > 0 ? 1 + data[size - 1] % 61 : 1;

    for (int kind = 0; kind < 3; kind++) {
        struct run whole = pass(data, size, size + 1, kind);
        struct run parts = pass(data, size, step, kind);

        require(whole.len == parts.len &&
                memcmp(whole.bytes, parts.bytes, whole.len) == 0);
        require(kind == 1 ||
                (whole.len == size && memcmp(whole.bytes, data, size) == 0));
        free(whole.bytes);
        free(parts.bytes);
    }
    return 0;
}
