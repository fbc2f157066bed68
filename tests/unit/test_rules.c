/*
 * Rules: what a text makes of a policy (spec/vectors/rules.json), and where
 * a wrong one is wrong.
 */
#include <retrywith/rules.h>

#include "json_vectors.h"

static void run_vector(yajl_val vector)
{
    const char *name = vector_string(vector, "name");
    const char *error = vector_string(vector, "error");
    rwith_slice raw = vector_slice(vector, "rules");
    rwith_slice text = tap_copy(raw.ptr, raw.len);
    rwith_policy_builder *builder;
    rwith_policy *policy = NULL;
    rwith_diagnostic diag = { 0 };
    char got[2048];

    rwith_policy_builder_new(NULL, &builder);
    int err = rwith_rules_read(builder, vector_slice(vector, "base_path"), text,
                               &diag);
    if (error != NULL) {
        snprintf(got, sizeof(got), "%zu:%zu: %s", diag.line, diag.column,
                 diag.text);
        is_int(err, RWITH_EFILE, name);
        is_str(rwith_slice_of(got), error, name);
    } else if (ok(err == RWITH_OK, "%s: read", name) &&
               rwith_policy_build(builder, NULL, &policy) == RWITH_OK) {
        rwith_policy_counts counts = rwith_policy_count(policy);
        size_t len =
            (size_t)snprintf(got, sizeof(got), "%zu", counts.operations);

        for (unsigned i = 0; i < RWITH_PLACE_COUNT; i++) {
            len += (size_t)snprintf(got + len, sizeof(got) - len, " %zu",
                                    counts.needs[i]);
        }
        for (uint32_t i = 0; i < counts.operations; i++) {
            rwith_slice method = rwith_policy_method(policy, i);
            rwith_slice path = rwith_policy_template(policy, i);

            len += (size_t)snprintf(got + len, sizeof(got) - len, "; %.*s %.*s",
                                    (int)method.len, method.ptr, (int)path.len,
                                    path.ptr);
        }
        is_str(rwith_slice_of(got), vector_string(vector, "policy"), name);
    } else if (err != RWITH_OK) {
        printf("#   %zu:%zu: %s\n", diag.line, diag.column, diag.text);
    }
    rwith_policy_free(policy);
    rwith_policy_builder_free(builder);
    tap_free(text);
}

/* The rules that are shipped. */
static void run_shipped(void)
{
    static char text[64 * 1024];
    FILE *file = fopen(RWITH_SOURCE_DIR "/policies/webdav.rules", "rb");
    rwith_policy_builder *builder;
    rwith_policy *policy = NULL;
    rwith_diagnostic diag = { 0 };
    rwith_slice name;

    if (!ok(file != NULL, "policies/webdav.rules is there")) {
        return;
    }
    size_t len = fread(text, 1, sizeof(text), file);
    fclose(file);
    rwith_policy_builder_new(NULL, &builder);
    ok(rwith_rules_read(builder, RWITH_LIT(""), (rwith_slice){ text, len },
                        &diag) == RWITH_OK,
       "policies/webdav.rules is read (%zu: %s)", diag.line, diag.text);
    rwith_policy_build(builder, NULL, &policy);
    ok(rwith_policy_header_name(policy, 0, &name), "it names header fields");
    is_str(name, "Destination", "the first is Destination");
    ok(rwith_policy_header_name(policy, 1, &name), "there is another");
    is_str(name, "Lock-Token", "the second is Lock-Token");
    ok(rwith_policy_header_name(policy, 2, &name), "and another");
    is_str(name, "If", "the third is If");
    ok(!rwith_policy_header_name(policy, 3, &name), "there is no fourth");
    rwith_policy_hit hit =
        rwith_policy_match(policy, RWITH_LIT("MOVE"), RWITH_LIT("/any/where"));
    is_str(rwith_policy_template(policy, hit.operation), "/**",
           "MOVE is judged anywhere");
    rwith_policy_free(policy);
    rwith_policy_builder_free(builder);
}

int main(int argc, char **argv)
{
    yajl_val vectors = vectors_read("rules");

    tap_start(argc, argv);
    for (size_t i = 0; i < vectors->u.array.len; i++) {
        if (tap_wants(vector_string(vectors->u.array.values[i], "name"))) {
            run_vector(vectors->u.array.values[i]);
        }
    }
    yajl_tree_free(vectors);
    run_shipped();
    return tap_done();
}
