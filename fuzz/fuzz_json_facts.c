/* Facts of arbitrary bytes lie within the buffers, and cutting the body
 * never adds one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "body/facts.h"

#define MAX 40
#define BUF 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const rwith_fact_want wants[] = {
        { RWITH_FACT_JSON, RWITH_LIT("/a") },
        { RWITH_FACT_JSON, RWITH_LIT("/a/*/b") },
        { RWITH_FACT_JSON, RWITH_LIT("") },
        { RWITH_FACT_JSON, RWITH_LIT("/*") },
        { RWITH_FACT_JSON, RWITH_LIT("/0/~01/") },
        { RWITH_FACT_JSON, RWITH_LIT("/missing/*/name") },
    };
    rwith_slice body = { (const char *)data, size };
    rwith_fact facts[MAX], fewer[MAX];
    char buf[BUF], buf2[BUF];

    size_t count = rwith_body_facts(RWITH_LIT("text/json"), body, wants, 6,
                                    facts, MAX, buf, sizeof(buf));
    require(count <= MAX);
    for (size_t i = 0; i < count; i++) {
        require(facts[i].want < 6);
        require(facts[i].value.len == 0 ||
                (facts[i].value.ptr >= buf &&
                 facts[i].value.ptr + facts[i].value.len <= buf + BUF));
    }
    body.len /= 2;
    size_t part = rwith_body_facts(RWITH_LIT("text/json"), body, wants, 6,
                                   fewer, MAX, buf2, sizeof(buf2));
    require(part <= count);
    for (size_t i = 0; i < part; i++) {
        require(rwith_slice_equal(facts[i].value, fewer[i].value));
        require(facts[i].want == fewer[i].want);
        require(facts[i].index == fewer[i].index);
    }
    return 0;
}
