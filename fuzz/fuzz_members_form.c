/* Required names of arbitrary bytes as a form. */
#include "body_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct place places[] = {
        { RWITH_MEMBER_NAME, "a", 0 },
        { RWITH_MEMBER_NAME, "a b", 0 },
        { RWITH_MEMBER_NAME, "x+y", 0 },
    };
    static rwith_members *tree;

    if (tree == NULL) {
        tree = tree_of(places, sizeof(places) / sizeof(places[0]));
    }
    return split_invariant(tree, "application/x-www-form-urlencoded", data,
                           size);
}
