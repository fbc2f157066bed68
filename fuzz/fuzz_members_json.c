/* Required members of arbitrary bytes as JSON: what is taken is UTF-8. */
#include "body_split.h"

/* RFC 3629 4, and none of the white space that only yajl knows. */
static bool is_utf8(const uint8_t *c, size_t size)
{
    for (size_t at = 0, count; at < size; at += count) {
        unsigned low = c[at] == 0xe0 ? 0xa0 : c[at] == 0xf0 ? 0x90 : 0x80;
        unsigned high = c[at] == 0xed ? 0x9f : c[at] == 0xf4 ? 0x8f : 0xbf;

        count = c[at] < 0x80 ? 1 : c[at] < 0xe0 ? 2 : c[at] < 0xf0 ? 3 : 4;
        if (count > size - at || c[at] == '\v' || c[at] == '\f' ||
            (c[at] >= 0x80 && (c[at] < 0xc2 || c[at] > 0xf4)) ||
            (count > 1 && (c[at + 1] < low || c[at + 1] > high)) ||
            (count > 2 && (c[at + 2] & 0xc0) != 0x80) ||
            (count > 3 && (c[at + 3] & 0xc0) != 0x80)) {
            return false;
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct place places[] = {
        { RWITH_MEMBER_NAME, "a", 0 },   { RWITH_MEMBER_NAME, "b", 0 },
        { RWITH_MEMBER_NAME, "c", 2 },   { RWITH_MEMBER_ITEM, "", 1 },
        { RWITH_MEMBER_NAME, "x", 4 },   { RWITH_MEMBER_ITEM, "", 0 },
        { RWITH_MEMBER_NAME, "a/b", 0 }, { RWITH_MEMBER_NAME, "?", 5 },
    };
    static rwith_members *tree;

    if (tree == NULL) {
        tree = tree_of(places, sizeof(places) / sizeof(places[0]));
    }
    static rwith_missing_list missing;
    rwith_body_verdict verdict =
        check(tree, "application/json", data, size, size + 1, &missing);

    require(verdict == RWITH_BODY_MALFORMED || is_utf8(data, size));
    return split_invariant(tree, "application/json", data, size);
}
