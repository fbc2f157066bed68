/* Required elements and attributes of arbitrary bytes as XML. */
#include "body_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct place places[] = {
        { RWITH_MEMBER_ANY, "", 0 },         { RWITH_MEMBER_NAME, "name", 1 },
        { RWITH_MEMBER_ATTRIBUTE, "id", 1 }, { RWITH_MEMBER_NAME, "pet", 0 },
        { RWITH_MEMBER_NAME, "owner", 4 },
    };
    static rwith_members *tree;

    if (tree == NULL) {
        tree = tree_of(places, sizeof(places) / sizeof(places[0]));
    }
    return split_invariant(tree, "application/xml", data, size);
}
