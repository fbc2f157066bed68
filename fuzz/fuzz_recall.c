/*
 * A recall from hostile bytes.  An input that begins with "B" is laid over a
 * good block and opened; any other is text to load.  A block that opens, and
 * a text that loads, must work; what was loaded and saved loads again to the
 * same text.
 */
#include <retrywith/recall.h>

#include <stdlib.h>
#include <string.h>

#include "lib/recall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOCK_LEN RWITH_RECALL_SIZE_MIN
#define NOW       UINT64_C(1700000000)

static const uint8_t key[RWITH_RECALL_KEY_LEN] = { 1 };

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static rwith_recall *fresh(void)
{
    rwith_recall *recall = NULL;
    void *block = malloc(BLOCK_LEN);

    require(rwith_recall_init(block, BLOCK_LEN, key, &recall) == RWITH_OK);
    return recall;
}

static void use(rwith_recall *recall)
{
    rwith_request req = {
        .method = { "GET", 3 },
        .origin = { { "http", 4 }, { "h", 1 }, 80 },
        .target = { "/a/b?c", 6 },
    };
    rwith_recall_hit hits[RWITH_RECALL_HITS_MAX];
    rwith_recall_hit entry = { .in = RWITH_IN_HEADER,
                               .name = { "X-Session", 9 },
                               .value = { "value", 5 },
                               .has_value = true };

    for (unsigned i = 0; i < 3; i++) {
        size_t count =
            rwith_recall_find(recall, &req, NOW, hits, RWITH_RECALL_HITS_MAX);

        for (size_t k = 0; k < count; k++) {
            require(rwith_requirement_name_ok(hits[k].in, hits[k].name));
        }
        rwith_recall_learn(recall, &req, RWITH_SCOPE_ORIGIN, &entry, NOW);
        rwith_recall_forget(recall, &req, i == 0 ? &entry : NULL);
        require(rwith__recall_validate(recall, BLOCK_LEN));
    }
}

/* Offset (two bytes), length (one), bytes; again and again. */
static void open_block(const uint8_t *data, size_t size)
{
    rwith_recall *recall = fresh();
    rwith_recall *opened = NULL;
    uint8_t *block = (uint8_t *)recall;

    rwith_recall_load(recall,
                      RWITH_LIT("retrywith-recall 1\norigin http://h\n"
                                "want header X-Key path /a/ used 1699999999\n"
                                "want query q used 1699999999\n"),
                      NOW, NULL);
    while (size >= 4) {
        size_t at = ((size_t)data[0] << 8 | data[1]) % BLOCK_LEN;
        size_t len = data[2] % 16;

        data += 3;
        size -= 3;
        len = len < size ? len : size;
        len = len < BLOCK_LEN - at ? len : BLOCK_LEN - at;
        memcpy(block + at, data, len);
        data += len;
        size -= len;
    }
    if (rwith_recall_open(block, BLOCK_LEN, &opened) == RWITH_OK) {
        use(opened);
    }
    free(block);
}

static char *save(const rwith_recall *recall, size_t *ret_len)
{
    size_t len = rwith_recall_save(recall, true, NULL, 0);
    char *text = malloc(len);

    require(text != NULL && rwith_recall_save(recall, true, text, len) == len);
    *ret_len = len;
    return text;
}

static void load_text(rwith_slice in)
{
    rwith_recall *recall = fresh();
    rwith_recall *again = fresh();
    rwith_diagnostic diag = { .line = SIZE_MAX };
    int err = rwith_recall_load(recall, in, NOW, &diag);
    size_t len, len_again;

    require(rwith__recall_validate(recall, BLOCK_LEN));
    if (err == RWITH_OK) {
        char *text = save(recall, &len);

        require(rwith_recall_load(again, (rwith_slice){ text, len }, NOW,
                                  &diag) == RWITH_OK);
        require(rwith_recall_count(again) == rwith_recall_count(recall));
        char *text_again = save(again, &len_again);
        require(len == len_again);
        free(text);
        free(text_again);
        use(recall);
    } else {
        require(err == RWITH_EFILE && diag.line <= in.len + 1);
        require(rwith_recall_count(recall) == 0);
    }
    free(again);
    free(recall);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'B') {
        open_block(data + 1, size - 1);
    } else {
        load_text((rwith_slice){ (const char *)data, size });
    }
    return 0;
}
