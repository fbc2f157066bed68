/*
 * The rules of trust.  The input is a relay's request, a line each: method,
 * host, target, then name and value of field lines.  A request that gets
 * something added names one of our authorities, of which loopback's may lack
 * its port, and no foreign page; what is escaped for people is printable
 * UTF-8, whatever it was.
 */
#include <retrywith/trust.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 16

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

static void check_judge(rwith_slice rest)
{
    static const rwith_slice own[] = { { "127.0.0.1:4490", 14 },
                                       { "relay.test", 10 } };
    rwith_trust_names names = { own, 2 };
    rwith_slice method = line_take(&rest), host = line_take(&rest);
    rwith_slice target = line_take(&rest);
    rwith_field fields[FIELDS_MAX];
    size_t count = 0;

    while (rest.len > 0 && count < FIELDS_MAX) {
        fields[count].name = line_take(&rest);
        fields[count++].value = line_take(&rest);
    }
    rwith_trust_verdict verdict =
        rwith_trust_judge(&names, method, host, target, fields, count);
    if (verdict != RWITH_TRUST_ADD) {
        return;
    }
    require(rwith_slice_equal_nocase(host, own[0]) ||
            rwith_slice_equal_nocase(host, own[1]) ||
            rwith_slice_equal(host, RWITH_LIT("127.0.0.1")));
    require(!rwith_slice_equal_nocase(method, RWITH_LIT("TRACE")));
    for (size_t i = 0; i < count; i++) {
        rwith_slice value = rwith_slice_trim(fields[i].value);

        if (rwith_slice_equal_nocase(fields[i].name, RWITH_LIT("Origin"))) {
            require(value.len > own[1].len &&
                    !rwith_slice_equal(value, RWITH_LIT("null")));
        }
        if (rwith_slice_equal_nocase(fields[i].name,
                                     RWITH_LIT("Sec-Fetch-Site"))) {
            require(rwith_slice_equal_nocase(value, RWITH_LIT("same-origin")) ||
                    rwith_slice_equal_nocase(value, RWITH_LIT("none")));
        }
    }
}

static void check_escape(rwith_slice in)
{
    static const size_t lens[] = { 1, 2, 4, 7, 64, 4096 };

    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        char *buf = malloc(lens[i]), *twice = malloc(4 * lens[i]);

        require(buf != NULL && twice != NULL);
        size_t len = rwith_trust_escape(in, buf, lens[i]);
        require(len < lens[i] && buf[len] == '\0');
        for (size_t k = 0; k < len; k++) {
            require((unsigned char)buf[k] >= 0x20 && buf[k] != 0x7f);
        }
        /* It was valid UTF-8: escaping again finds quotes and backslashes
         * only. */
        size_t more =
            rwith_trust_escape((rwith_slice){ buf, len }, twice, 4 * lens[i]);
        for (size_t k = 0; k + 1 < more; k++) {
            if (twice[k] == '\\') {
                require(twice[k + 1] == '\\' || twice[k + 1] == '"');
                k++;
            }
        }
        free(buf);
        free(twice);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rwith_slice in = { (const char *)data, size };

    check_judge(in);
    check_escape(in);
    if (rwith_trust_field_may_be_named(in)) {
        require(rwith_trust_field_may_be_set(in));
    }
    return 0;
}
