/* The three forms of a date in HTTP, and what is none. */
#include "lib/http_date.h"

#include "tap.h"

#define NOW 1792800000 /* 2026-10-24 */

static const struct row {
    const char *name, *in;
    bool is_date;
    uint64_t want;
} rows[] = {
    { "IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", true, 784111777 },
    { "RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", true, 784111777 },
    { "RFC 850 with a whole year", "Sun, 06-Nov-1994 08:49:37 GMT", true,
      784111777 },
    { "asctime", "Sun Nov  6 08:49:37 1994", true, 784111777 },
    { "asctime, two digits", "Wed Nov 16 08:49:37 1994", true, 784975777 },
    { "the first second", "Thu, 01 Jan 1970 00:00:00 GMT", true, 0 },
    { "a leap day", "Thu, 29 Feb 2024 00:00:00 GMT", true, 1709164800 },
    { "behind a leap day", "Fri, 01 Mar 2024 00:00:00 GMT", true, 1709251200 },
    { "a leap day of a century", "Tue, 29 Feb 2000 12:00:00 GMT", true,
      951825600 },
    { "a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", true, 1483228800 },
    { "the last year", "Fri, 31 Dec 9999 23:59:59 GMT", true, 253402300799 },
    { "RFC 850, soon", "Sunday, 06-Nov-30 08:49:37 GMT", true, 1920185377 },
    { "a month with M", "Sun, 06 Mar 1994 08:49:37 GMT", true, 762943777 },

    { "empty", "", false, 0 },
    { "a number", "120", false, 0 },
    { "another zone", "Sun, 06 Nov 1994 08:49:37 CET", false, 0 },
    { "no zone", "Sun, 06 Nov 1994 08:49:37", false, 0 },
    { "more behind it", "Sun, 06 Nov 1994 08:49:37 GMT ", false, 0 },
    { "no name of the day", ", 06 Nov 1994 08:49:37 GMT", false, 0 },
    { "a day of one digit", "Sun, 6 Nov 1994 08:49:37 GMT", false, 0 },
    { "day 0", "Sun, 00 Nov 1994 08:49:37 GMT", false, 0 },
    { "November 31", "Sun, 31 Nov 1994 08:49:37 GMT", false, 0 },
    { "no leap year", "Sun, 29 Feb 1994 08:49:37 GMT", false, 0 },
    { "no leap year: a century", "Sun, 29 Feb 2100 08:49:37 GMT", false, 0 },
    { "no such month", "Sun, 06 Nab 1994 08:49:37 GMT", false, 0 },
    { "a month in lower case", "Sun, 06 nov 1994 08:49:37 GMT", false, 0 },
    { "hour 24", "Sun, 06 Nov 1994 24:00:00 GMT", false, 0 },
    { "minute 60", "Sun, 06 Nov 1994 08:60:00 GMT", false, 0 },
    { "second 61", "Sun, 06 Nov 1994 08:49:61 GMT", false, 0 },
    { "before 1970", "Wed, 31 Dec 1969 23:59:59 GMT", false, 0 },
    { "a sign in a number", "Sun, +6 Nov 1994 08:49:37 GMT", false, 0 },
    { "ISO 8601", "1994-11-06T08:49:37Z", false, 0 },
    { "cut off", "Sun, 06 N", false, 0 },
};

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_slice in = tap_copy(rows[i].in, strlen(rows[i].in));
        uint64_t got = 77;

        if (tap_wants(rows[i].name)) {
            ok(rwith__http_date(in, NOW, &got) == rows[i].is_date, "%s",
               rows[i].name);
            is_int((long long)got,
                   rows[i].is_date ? (long long)rows[i].want : 77,
                   rows[i].name);
        }
        tap_free(in);
    }
    return tap_done();
}
