/* Required members of arbitrary bytes as JSON. */
#include "body_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct place places[] = {
        { RWITH_MEMBER_NAME, "a", 0 },   { RWITH_MEMBER_NAME, "b", 0 },
        { RWITH_MEMBER_NAME, "c", 2 },   { RWITH_MEMBER_ITEM, "", 1 },
        { RWITH_MEMBER_NAME, "x", 4 },   { RWITH_MEMBER_ITEM, "", 0 },
        { RWITH_MEMBER_NAME, "a/b", 0 },
    };
    static rwith_members *tree;

    if (tree == NULL) {
        tree = tree_of(places, sizeof(places) / sizeof(places[0]));
    }
    return split_invariant(tree, "application/json", data, size);
}
