/*
 * Origins: the only audience that a value may have, so the rows that must be
 * refused outnumber the others.  And the look-up of a field line.
 */
#include <retrywith/err.h>
#include <retrywith/message.h>

#include "tap.h"

static const struct row {
    const char *name, *in;
    bool may_rest;
    int err;
    const char *scheme, *host;
    uint16_t port;
    const char *rest;
} rows[] = {
    { "http", "http://example.com", false, RWITH_OK, "http", "example.com", 80,
      "" },
    { "https and a slash", "https://example.com/", false, RWITH_OK, "https",
      "example.com", 443, "" },
    { "a port", "http://127.0.0.1:4490", false, RWITH_OK, "http", "127.0.0.1",
      4490, "" },
    { "the default port spelt out", "https://a:443", false, RWITH_OK, "https",
      "a", 443, "" },
    { "IPv6", "http://[::1]:8080", false, RWITH_OK, "http", "[::1]", 8080, "" },
    { "IPv6 with IPv4 in it", "http://[::ffff:1.2.3.4]", false, RWITH_OK,
      "http", "[::ffff:1.2.3.4]", 80, "" },
    { "upper case", "HTTPS://Example.COM", false, RWITH_OK, "https",
      "example.com", 443, "" },
    { "the root's dot", "http://example.com.:81", false, RWITH_OK, "http",
      "example.com", 81, "" },
    { "an underscore", "http://a_b.test", false, RWITH_OK, "http", "a_b.test",
      80, "" },
    { "a path", "https://h/dav/x?y", true, RWITH_OK, "https", "h", 443,
      "/dav/x?y" },
    { "a query", "https://h?y", true, RWITH_OK, "https", "h", 443, "?y" },
    { "no path where one may be", "https://h", true, RWITH_OK, "https", "h",
      443, "" },

    { "empty", "", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "no scheme", "example.com", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "scheme alone", "http://", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "one slash", "http:/h", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "another scheme", "ftp://h", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "a longer scheme", "httpss://h", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "userinfo", "http://u@h", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "userinfo that looks like a host", "http://good.test:80@evil.test", false,
      RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "userinfo before a path", "http://u@h/", true, RWITH_ESYNTAX, 0, 0, 0,
      0 },
    { "a path where none may be", "http://h/a", false, RWITH_ESYNTAX, 0, 0, 0,
      0 },
    { "a query where none may be", "http://h?a", false, RWITH_ESYNTAX, 0, 0, 0,
      0 },
    { "a fragment", "http://h#a", true, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "a backslash", "http://h\\@evil", true, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "a space", "http://h ", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "a space in front", " http://h", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "a percent escape", "http://h%2f", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "a line feed", "http://h\n", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "not ASCII", "http://b\xc3\xbc.test", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "a port without digits", "http://h:", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "port 0", "http://h:0", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "port 65536", "http://h:65536", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "a port that would wrap", "http://h:18446744073709551696", false,
      RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "a port with a sign", "http://h:+80", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "letters behind the port", "http://h:80x", true, RWITH_ESYNTAX, 0, 0, 0,
      0 },
    { "two ports", "http://h:80:81", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "only a port", "http://:80", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "only a dot", "http://.", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "two dots at the end", "http://h..", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "an empty label", "http://a..b", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "a dot in front", "http://.a", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "IPv6 not closed", "http://[::1", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "IPv6 empty", "http://[]", false, RWITH_ESYNTAX, 0, 0, 0, 0 },
    { "IPv6 with a zone", "http://[fe80::1%25eth0]", false, RWITH_ESYNTAX, 0, 0,
      0, 0 },
    { "IPv6 and letters behind", "http://[::1]x", false, RWITH_ESYNTAX, 0, 0, 0,
      0 },
};

static void test_origin(const struct row *row)
{
    char buf[64];
    rwith_slice in = tap_copy(row->in, strlen(row->in));
    rwith_origin got = { RWITH_LIT("kept"), RWITH_LIT("kept"), 7 };
    rwith_slice rest = RWITH_LIT("kept");
    int err = rwith_origin_parse(in, buf, sizeof(buf), &got,
                                 row->may_rest ? &rest : NULL);
    const char *rest_want = row->may_rest ? row->rest : NULL;

    is_int(err, row->err, row->name);
    is_str(got.scheme, row->err == RWITH_OK ? row->scheme : "kept", row->name);
    is_str(got.host, row->err == RWITH_OK ? row->host : "kept", row->name);
    is_int(got.port, row->err == RWITH_OK ? row->port : 7, row->name);
    is_str(rest, rest_want != NULL ? rest_want : "kept", row->name);
    tap_free(in);
}

static void test_origin_limits(void)
{
    char host[300], buf[16];
    rwith_origin got;
    rwith_slice upper = RWITH_LIT("http://EXAMPLE.com");

    memset(host, 'a', sizeof(host));
    memcpy(host, "http://", 7);
    is_int(
        rwith_origin_parse((rwith_slice){ host, 7 + 255 }, NULL, 0, &got, NULL),
        RWITH_OK, "a host of 255 bytes");
    is_int(
        rwith_origin_parse((rwith_slice){ host, 7 + 256 }, NULL, 0, &got, NULL),
        RWITH_ESYNTAX, "a host of 256 bytes");
    is_int(rwith_origin_parse(upper, NULL, 0, &got, NULL), RWITH_ESYNTAX,
           "upper case without a buffer");
    is_int(rwith_origin_parse(upper, buf, 3, &got, NULL), RWITH_ESPACE,
           "upper case with a buffer that is too small");
    is_int(rwith_origin_parse(RWITH_LIT("HTTP://a"), NULL, 0, &got, NULL),
           RWITH_ESYNTAX, "an upper case scheme without a buffer");
    is_int(rwith_origin_parse((rwith_slice){ 0 }, NULL, 0, &got, NULL),
           RWITH_ESYNTAX, "NULL");
}

static void test_equal(void)
{
    rwith_origin a = { RWITH_LIT("https"), RWITH_LIT("h"), 443 };
    rwith_origin b = a;

    ok(rwith_origin_equal(&a, &b), "the same origin");
    b.scheme = RWITH_LIT("http");
    ok(!rwith_origin_equal(&a, &b), "another scheme");
    b = a;
    b.port = 444;
    ok(!rwith_origin_equal(&a, &b), "another port");
    b = a;
    b.host = RWITH_LIT("h2");
    ok(!rwith_origin_equal(&a, &b), "another host");
}

static void test_fields(void)
{
    rwith_field fields[] = {
        { RWITH_LIT("A"), RWITH_LIT("1") },
        { RWITH_LIT("b"), RWITH_LIT("2") },
        { RWITH_LIT("B"), RWITH_LIT("3") },
    };

    ok(rwith_fields_find(fields, 3, RWITH_LIT("B")) == &fields[1],
       "the first line of that name, without case");
    ok(rwith_fields_find(fields, 3, RWITH_LIT("bb")) == NULL, "no such line");
    ok(rwith_fields_find(fields, 1, RWITH_LIT("b")) == NULL,
       "not past the count");
    ok(rwith_fields_find(NULL, 0, RWITH_LIT("b")) == NULL, "no lines at all");
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tap_wants(rows[i].name)) {
            test_origin(&rows[i]);
        }
    }
    test_origin_limits();
    test_equal();
    test_fields();
    return tap_done();
}
