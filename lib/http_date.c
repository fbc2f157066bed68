/*
 * http_date.c: reads the date of a Retry-After or a cookie.  A form is a row of
 * letters and punctuation; the name of the day is skipped, as nobody checks it.
 */
#include "lib/http_date.h"

#include <string.h>

#include "lib/ascii.h"

#define SECONDS_PER_DAY 86400
#define YEAR_MIN        1970

struct date {
    uint64_t year;
    uint64_t month; /* from 1 */
    uint64_t day;
    uint64_t hour;
    uint64_t minute;
    uint64_t second;
    bool is_short_year;
};

/*
 * A: a name of letters; D: day, two digits; d: day, the first digit may be a
 * space; B: name of the month; Y: year; y: its last two digits; h, m, s: two
 * digits each.  All else stands for itself.
 */
static const char *const forms[] = {
    "A, D B Y h:m:s GMT", /* IMF-fixdate */
    "A, D-B-Y h:m:s GMT", /* RFC 850 with a whole year, as in cookies */
    "A, D-B-y h:m:s GMT", /* RFC 850 */
    "A B d h:m:s Y",      /* asctime() */
};

static bool digits_take(rwith_slice *text, size_t count, uint64_t *ret)
{
    if (text->len < count ||
        !rwith__ascii_number((rwith_slice){ text->ptr, count }, UINT64_MAX,
                             ret)) {
        return false;
    }
    text->ptr += count;
    text->len -= count;
    return true;
}

static bool month_take(rwith_slice *text, uint64_t *ret)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (size_t i = 0; text->len >= 3 && i < 12; i++) {
        if (memcmp(text->ptr, names + 3 * i, 3) == 0) {
            *ret = i + 1;
            text->ptr += 3;
            text->len -= 3;
            return true;
        }
    }
    return false;
}

static bool name_skip(rwith_slice *text)
{
    size_t len = 0;

    while (len < text->len &&
           rwith__ascii_is(text->ptr[len], RWITH__CH_ALPHA)) {
        len++;
    }
    text->ptr += len;
    text->len -= len;
    return len > 0;
}

/* A byte that stands for itself. */
static bool byte_take(rwith_slice *text, char byte)
{
    if (text->len == 0 || text->ptr[0] != byte) {
        return false;
    }
    text->ptr++;
    text->len--;
    return true;
}

static bool part_take(rwith_slice *text, char part, struct date *date)
{
    switch (part) {
    case 'A':
        return name_skip(text);
    case 'D':
        return digits_take(text, 2, &date->day);
    case 'd':
        return byte_take(text, ' ') ? digits_take(text, 1, &date->day)
                                    : digits_take(text, 2, &date->day);
    case 'B':
        return month_take(text, &date->month);
    case 'Y':
        return digits_take(text, 4, &date->year);
    case 'y':
        date->is_short_year = true;
        return digits_take(text, 2, &date->year);
    case 'h':
        return digits_take(text, 2, &date->hour);
    case 'm':
        return digits_take(text, 2, &date->minute);
    case 's':
        return digits_take(text, 2, &date->second);
    default:
        return byte_take(text, part);
    }
}

static bool form_take(rwith_slice text, const char *form, struct date *ret)
{
    struct date date = { 0 };

    for (; *form != '\0'; form++) {
        if (!part_take(&text, *form, &date)) {
            return false;
        }
    }
    *ret = date;
    return text.len == 0;
}

static bool is_leap(uint64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool date_ok(const struct date *date)
{
    static const uint8_t days[] = { 31, 29, 31, 30, 31, 30,
                                    31, 31, 30, 31, 30, 31 };

    return date->year >= YEAR_MIN && date->month >= 1 && date->day >= 1 &&
           date->day <= days[date->month - 1] &&
           (date->month != 2 || date->day < 29 || is_leap(date->year)) &&
           date->hour <= 23 && date->minute <= 59 && date->second <= 60;
}

/* Seconds since 1970 of a date that is right. */
static uint64_t date_seconds(const struct date *date)
{
    static const uint16_t before[] = { 0,   31,  59,  90,  120, 151,
                                       181, 212, 243, 273, 304, 334 };
    uint64_t past = date->year - 1;
    uint64_t leaps = past / 4 - past / 100 + past / 400;
    uint64_t leaps_1970 = 1969 / 4 - 1969 / 100 + 1969 / 400;
    uint64_t days = (date->year - YEAR_MIN) * 365 + leaps - leaps_1970 +
                    before[date->month - 1] + date->day - 1;

    if (date->month > 2 && is_leap(date->year)) {
        days++;
    }
    return days * SECONDS_PER_DAY + date->hour * 3600 + date->minute * 60 +
           date->second;
}

/* The year that two digits mean, seen from now. */
static uint64_t full_year(uint64_t two_digits, uint64_t now_epoch_s)
{
    uint64_t now_year =
        YEAR_MIN + now_epoch_s / SECONDS_PER_DAY * 10000 / 3652425;
    uint64_t year = now_year - now_year % 100 + two_digits;

    return year > now_year + 50 ? year - 100 : year;
}

bool rwith__http_date(rwith_slice text, uint64_t now_epoch_s, uint64_t *ret)
{
    struct date date = { 0 };
    bool is_date = false;

    for (size_t i = 0; !is_date && i < sizeof(forms) / sizeof(forms[0]); i++) {
        is_date = form_take(text, forms[i], &date);
    }
    if (is_date && date.is_short_year) {
        date.year = full_year(date.year, now_epoch_s);
    }
    if (!is_date || !date_ok(&date)) {
        return false;
    }
    *ret = date_seconds(&date);
    return true;
}
