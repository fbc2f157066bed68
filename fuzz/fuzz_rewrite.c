/*
 * Any field value, any direction: what comes out is no longer than promised,
 * a value without change leaves the buffer alone, and what was translated
 * inward holds no name of the relay where a client's own would stand.
 */
#include <retrywith/rewrite.h>

#include <stdlib.h>
#include <string.h>

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static const rwith_mapping mappings[] = {
    { { { "http", 4 }, { "127.0.0.1", 9 }, 4490 },
      { { "https", 5 }, { "dav.example", 11 }, 443 },
      { "", 0 } },
    { { { "https", 5 }, { "[::1]", 5 }, 443 },
      { { "http", 4 }, { "dav.example", 11 }, 8080 },
      { "/dav", 4 } },
};

static const rwith_slice names[] = { { "Destination", 11 }, { "If", 2 },
                                     { "Origin", 6 },       { "Location", 8 },
                                     { "Set-Cookie", 10 },  { "Referer", 7 },
                                     { "Link", 4 },         { "Refresh", 7 } };

static void check(const rwith_mapping *map, bool is_request, rwith_slice name,
                  rwith_slice value)
{
    /* An If list grows with each tag; a tag has at least its brackets. */
    size_t max = value.len + 1024 + value.len / 2 * 32;
    char *buf = malloc(max);
    size_t len = 0;
    bool changed = false;

    require(buf != NULL);
    memset(buf, '#', max);
    require(rwith_rewrite_field(map, is_request, name, value, buf, max, &len,
                                &changed) == RWITH_OK);
    require(len <= max);
    if (!changed) {
        require(len == value.len && (len == 0 || buf[0] == '#'));
    } else {
        char *exact = malloc(len > 0 ? len : 1);
        size_t again = 0;

        require(exact != NULL);
        require(rwith_rewrite_field(map, is_request, name, value, exact, len,
                                    &again, &changed) == RWITH_OK);
        require(again == len && memcmp(exact, buf, len) == 0);
        free(exact);
    }
    free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rwith_slice value = { (const char *)data, size };

    for (size_t m = 0; m < sizeof(mappings) / sizeof(mappings[0]); m++) {
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            check(&mappings[m], true, names[n], value);
            check(&mappings[m], false, names[n], value);
        }
    }
    rwith_rewrite_is_hop_by_hop(RWITH_LIT("X-Hop"), value);
    return 0;
}
