/*
 * Reading a response with the embedded dialects and one of every kind of
 * line.  The input, a line each: status, name and value of field lines until
 * an empty line, then facts: "want index value".  Whatever it is: nothing
 * forbidden is set, values are what fields may carry, counts keep their
 * limits, and reading again gives the same.
 */
#include <retrywith/challenge.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <retrywith/trust.h>

#include "lib/dialect.h"

#define FIELDS_MAX 64
#define FACTS_MAX  (2 * RWITH_FACT_COUNT_MAX)

static const char more[] =
    "dialect chosen\nabout a\nsource b\nwhen status 403 449\n"
    "when response-header X-CSRF-HEADER\n"
    "set header named-by response-header X-CSRF-HEADER from same-name\n"
    "repeat any\nlearn-from any\n"
    "dialect inside\nabout a\nsource b\nwhen status 200\n"
    "when method POST PUT\nwhen response-header A contains bC\n"
    "when response-body json /a/*/b value 449\n"
    "when response-body contains x\nset query q from json /q\n"
    "set cookie c from json /c\nfetch GET /t\n"
    "set header named-by json /n from json /v\n"
    "set header X-T from response-header T\n"
    "wait from Wait milliseconds\nwait backoff initial 1 factor 2 cap 9\n"
    "repeat idempotent\n";

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static rwith_slice line_take(rwith_slice *rest)
{
    size_t len = 0;

    while (len < rest->len && rest->ptr[len] != '\n') {
        len++;
    }
    rwith_slice line = { rest->ptr, len };
    len += len < rest->len;
    rest->ptr += len;
    rest->len -= len;
    return line;
}

/* Two bytes and the rest of a line. */
static rwith_fact fact_of(rwith_slice line)
{
    rwith_fact fact = { 0 };

    if (line.len >= 2) {
        fact.want = (uint8_t)line.ptr[0] & 31;
        fact.index = (uint8_t)line.ptr[1];
        fact.value = (rwith_slice){ line.ptr + 2, line.len - 2 };
    }
    return fact;
}

static void check(const rwith_dialects *set, const rwith_challenge *got)
{
    require(got->required_count <= RWITH_REQUIREMENT_COUNT_MAX);
    require(got->setting_count <= RWITH_CHALLENGE_SETTING_MAX);
    for (size_t i = 0; i < got->setting_count; i++) {
        const rwith_setting *setting = &got->settings[i];

        require(setting->dialect < rwith_dialects_count(set));
        require(setting->in <= RWITH_IN_COOKIE);
        require(rwith_trust_value_ok(setting->value, RWITH_ECHO_MAX));
        require(setting->in != RWITH_IN_HEADER ||
                rwith_trust_field_may_be_set(setting->name));
    }
    for (size_t i = 0; i < got->required_count; i++) {
        const rwith_requirement *wanted = &got->required[i];

        require(rwith_requirement_name_ok(wanted->in, wanted->name));
        for (size_t k = 0; k < i; k++) {
            require(!rwith_requirement_equal(wanted, &got->required[k]));
        }
    }
    require(got->has_wait || got->wait_ms == 0);
    require(got->dialects != 0 ||
            (got->setting_count == 0 && got->required_count == 0 &&
             !got->has_wait && !got->has_obtain));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned statuses[] = { 449, 409, 400, 401, 403, 200, 503 };
    static rwith_fact facts[FACTS_MAX];
    static char names[2][1024];
    rwith_slice rest = { (const char *)data, size };
    rwith_slice head = line_take(&rest);
    rwith_field fields[FIELDS_MAX];
    rwith_fact_want wants[RWITH_FACT_WANT_MAX];
    size_t field_count = 0, fact_count = 0;
    rwith_dialects *set = NULL;
    rwith_challenge got, again;

    if (rwith_dialects_new(NULL, &set) != RWITH_OK ||
        rwith_dialects_add(set, rwith_slice_of(more), NULL) != RWITH_OK) {
        abort();
    }
    while (rest.len > 0 && field_count < FIELDS_MAX) {
        rwith_slice name = line_take(&rest);

        if (name.len == 0) {
            break;
        }
        fields[field_count++] = (rwith_field){ name, line_take(&rest) };
    }
    while (rest.len > 0 && fact_count < FACTS_MAX) {
        facts[fact_count++] = fact_of(line_take(&rest));
    }
    rwith_request req = { .method = RWITH_LIT("POST"),
                          .target = RWITH_LIT("/a?b"),
                          .fields = fields,
                          .field_count = field_count };
    rwith_response resp = {
        .status = statuses[head.len > 0 ? (uint8_t)head.ptr[0] % 7 : 0],
        .fields = fields,
        .field_count = field_count
    };
    require(rwith_challenge_wants(set, &req, &resp, wants) <=
            RWITH_FACT_WANT_MAX);
    rwith_challenge_read(set, &req, &resp, facts, fact_count, names[0],
                         sizeof(names[0]), 784111777, &got);
    check(set, &got);
    rwith_challenge_read(set, &req, &resp, facts, fact_count, names[1],
                         sizeof(names[1]), 784111777, &again);
    require(again.dialects == got.dialects &&
            again.setting_count == got.setting_count &&
            again.required_count == got.required_count &&
            again.refused == got.refused);
    if (got.has_obtain) {
        rwith__challenge_obtained(set, got.obtain_dialect, &resp, facts,
                                  fact_count, &got);
        check(set, &got);
    }
    rwith__challenge_learn(set, &req, &resp, &got);
    check(set, &got);
    rwith_dialects_free(set);
    return 0;
}
