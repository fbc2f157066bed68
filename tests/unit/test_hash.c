/* SipHash-2-4 against its authors' vectors, whole and in every split. */
#include "lib/hash.h"
#include "tests/unit/tap.h"

/* Input 00 01 02 ..., key 00 01 ... 0f; the output's bytes, little-endian. */
static const struct row {
    size_t len;
    uint64_t want;
} rows[] = {
    { 0, UINT64_C(0x726fdb47dd0e0e31) },  { 1, UINT64_C(0x74f839c593dc67fd) },
    { 2, UINT64_C(0x0d6c8009d9a94f5a) },  { 3, UINT64_C(0x85676696d7fb7e2d) },
    { 7, UINT64_C(0xab0200f58b01d137) },  { 8, UINT64_C(0x93f5f5799a932462) },
    { 15, UINT64_C(0xa129ca6149be45e5) }, { 63, UINT64_C(0x958a324ceb064572) },
};

int main(int argc, char **argv)
{
    uint8_t key[RWITH__HASH_KEY_LEN];
    char bytes[64];
    struct rwith__hash hash;

    tap_start(argc, argv);
    for (unsigned i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)i;
    }
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)i;
    }
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        rwith_slice in = tap_copy(bytes, rows[r].len);
        bool same = true;

        for (size_t split = 0; split <= in.len; split++) {
            rwith__hash_start(&hash, key);
            rwith__hash_add(&hash, (rwith_slice){ in.ptr, split });
            rwith__hash_add(&hash,
                            (rwith_slice){ in.ptr + split, in.len - split });
            same = same && rwith__hash_end(&hash) == rows[r].want;
        }
        ok(same, "%zu bytes, at every split", rows[r].len);
        tap_free(in);
    }

    rwith__hash_start(&hash, key);
    rwith__hash_add_counted(&hash, RWITH_LIT("a"));
    rwith__hash_add_counted(&hash, RWITH_LIT("bc"));
    uint64_t first = rwith__hash_end(&hash);
    rwith__hash_start(&hash, key);
    rwith__hash_add_counted(&hash, RWITH_LIT("ab"));
    rwith__hash_add_counted(&hash, RWITH_LIT("c"));
    ok(rwith__hash_end(&hash) != first, "counted pieces keep their borders");
    return tap_done();
}
