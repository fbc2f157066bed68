/*
 * Any bytes as an OpenAPI document, JSON or YAML, within small limits.  What
 * is promised: an error has a place and a reason; what loads can be built
 * and asked; a second reading gives the same.
 */
#include <assert.h>
#include <string.h>

#include <retrywith/policy.h>

#include "openapi/openapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two files that lie beside the document. */
static int load(void *user, rwith_slice path, size_t max,
                const rwith_alloc *mem, rwith_openapi_text *ret)
{
    const char *text = rwith_slice_equal(path, RWITH_LIT("a.json"))
                           ? "{\"$ref\":\"b.yaml#/x\"}"
                           : "x: {name: x, in: query, required: true}";
    size_t len = strlen(text);

    (void)user;
    assert(path.len > 0 && path.ptr[0] != '/');
    assert(path.len < 2 || memcmp(path.ptr, "..", 2) != 0 ||
           (path.len > 2 && path.ptr[2] != '/'));
    if (len > max) {
        return RWITH_ERANGE;
    }
    ret->ptr = mem->alloc(len + 1, mem->user);
    if (ret->ptr == NULL) {
        return RWITH_ENOMEM;
    }
    memcpy(ret->ptr, text, len + 1);
    ret->len = len;
    return RWITH_OK;
}

static void on_warning(void *user, const rwith_openapi_problem *problem)
{
    size_t *count = user;

    assert(problem->file[0] != '\0');
    assert(problem->diagnostic.text[0] != '\0');
    (*count)++;
}

static int read_once(rwith_slice text, rwith_openapi_counts *counts,
                     rwith_policy_counts *made)
{
    size_t warnings = 0;
    rwith_openapi_options options = { .memory_max = 16 * 1024 * 1024,
                                      .depth_max = 64,
                                      .document_max = 8,
                                      .step_max = 200000,
                                      .alias_max = 1000,
                                      .load = load,
                                      .warn = on_warning,
                                      .warn_user = &warnings };
    rwith_openapi_problem problem = { .file = "" };
    rwith_policy_builder *builder = NULL;
    rwith_policy *policy = NULL;

    assert(rwith_policy_builder_new(NULL, &builder) == RWITH_OK);
    int err = rwith_openapi_load(builder, RWITH_LIT("f.yaml"), text, &options,
                                 counts, &problem);
    if (err == RWITH_OK) {
        assert(counts->warnings == warnings ||
               warnings == RWITH_OPENAPI_WARNING_MAX);
        assert(counts->operations ==
               counts->operations_judged + counts->operations_skipped);
        assert(rwith_policy_build(builder, NULL, &policy) == RWITH_OK);
        *made = rwith_policy_count(policy);
        rwith_policy_free(policy);
    } else if (err != RWITH_ENOMEM) {
        assert(problem.file[0] != '\0');
        assert(problem.diagnostic.text[0] != '\0');
    }
    rwith_policy_builder_free(builder);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rwith_slice text = { (const char *)data, size };
    rwith_openapi_counts counts[2] = { 0 };
    rwith_policy_counts made[2] = { 0 };
    int err = read_once(text, &counts[0], &made[0]);

    assert(read_once(text, &counts[1], &made[1]) == err);
    assert(memcmp(&counts[0], &counts[1], sizeof(counts[0])) == 0);
    assert(memcmp(&made[0], &made[1], sizeof(made[0])) == 0);
    return 0;
}
