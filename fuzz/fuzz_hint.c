/*
 * MS-RetryWith.  Reading never fails and always ends; what was read and is
 * written again reads the same, and is written the same a second time.
 */
#include <retrywith/requirement.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 32

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct names {
    rwith_requirement reqs[COUNT_MAX];
    size_t count;
    char bufs[COUNT_MAX][RWITH_REQUIREMENT_NAME_MAX];
};

static void read_all(rwith_slice value, struct names *ret)
{
    rwith_slice cursor = value;

    ret->count = 0;
    while (ret->count < COUNT_MAX &&
           rwith_requirement_next_hint(&cursor, ret->bufs[ret->count],
                                       &ret->reqs[ret->count])) {
        const rwith_requirement *got = &ret->reqs[ret->count++];

        require(rwith_requirement_name_ok(got->in, got->name));
        require(cursor.len < value.len || value.len == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct names first, second;
    char out[RWITH_HINT_MAX], again[RWITH_HINT_MAX];

    read_all((rwith_slice){ (const char *)data, size }, &first);
    size_t len =
        rwith_requirement_write_hint(first.reqs, first.count, out, sizeof(out));
    read_all((rwith_slice){ out, len }, &second);
    require(second.count <= first.count);
    for (size_t i = 0; i < second.count; i++) {
        require(rwith_requirement_equal(&first.reqs[i], &second.reqs[i]));
    }
    size_t again_len = rwith_requirement_write_hint(second.reqs, second.count,
                                                    again, sizeof(again));
    require(again_len == len && memcmp(out, again, len) == 0);
    return 0;
}
