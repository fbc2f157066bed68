/*
 * The reader of rules.  Properties: an error has a place inside the text and
 * a sentence; what was read can be compiled and counted.
 */
#include <stdlib.h>

#include <retrywith/rules.h>

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rwith_slice text = { (const char *)data, size };
    rwith_policy_builder *builder;
    rwith_policy *policy = NULL;
    rwith_diagnostic diag = { 0 };

    if (rwith_policy_builder_new(NULL, &builder) != RWITH_OK) {
        return 0;
    }
    int err = rwith_rules_read(builder, RWITH_LIT("/base"), text, &diag);

    require(err == RWITH_OK || err == RWITH_EFILE);
    if (err == RWITH_EFILE) {
        require(diag.text[0] != '\0' && diag.line <= size + 1);
    }
    require(rwith_policy_build(builder, NULL, &policy) == RWITH_OK);
    rwith_policy_counts counts = rwith_policy_count(policy);
    for (uint32_t i = 0; i < counts.operations; i++) {
        require(rwith_policy_method(policy, i).len > 0);
        require(rwith_policy_template(policy, i).ptr[0] == '/');
    }
    rwith_policy_free(policy);
    rwith_policy_builder_free(builder);
    return 0;
}
