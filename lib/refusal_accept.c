/*
 * refusal_accept.c: which representation an Accept value asks for
 * (RFC 9110 12.5.1).
 */
#include <string.h>

#include "lib/ascii.h"
#include "lib/refusal.h"

#define FORMAT_COUNT (RWITH_REFUSAL_TEXT + 1)

/* Types that a format answers to; the first of each is the one sent. */
static const struct offer {
    rwith_refusal_format format;
    rwith_slice main_type;
    rwith_slice sub_type;
    unsigned char rank; /* of an exact match: aliases count for less */
} offers[] = {
    { RWITH_REFUSAL_JSON, { "application", 11 }, { "problem+json", 12 }, 4 },
    { RWITH_REFUSAL_JSON, { "application", 11 }, { "json", 4 }, 3 },
    { RWITH_REFUSAL_XML, { "application", 11 }, { "problem+xml", 11 }, 4 },
    { RWITH_REFUSAL_XML, { "application", 11 }, { "xml", 3 }, 3 },
    { RWITH_REFUSAL_XML, { "text", 4 }, { "xml", 3 }, 3 },
    { RWITH_REFUSAL_HTML, { "text", 4 }, { "html", 4 }, 4 },
    { RWITH_REFUSAL_HTML, { "application", 11 }, { "xhtml+xml", 9 }, 3 },
    { RWITH_REFUSAL_TEXT, { "text", 4 }, { "plain", 5 }, 4 },
};

/* What is known of a format: the weight of the best match so far. */
struct weight {
    unsigned char rank; /* 0: nothing matched */
    unsigned short q;   /* thousandths */
};

const char *rwith_refusal_media_type(rwith_refusal_format format)
{
    static const char *const types[FORMAT_COUNT] = {
        [RWITH_REFUSAL_JSON] = "application/problem+json",
        [RWITH_REFUSAL_XML] = "application/problem+xml",
        [RWITH_REFUSAL_HTML] = "text/html; charset=utf-8",
        [RWITH_REFUSAL_TEXT] = "text/plain; charset=utf-8",
    };

    return types[(unsigned)format < FORMAT_COUNT ? format : 0];
}

/* Everything up to a byte that ends a piece, outside of quotes. */
static rwith_slice take_piece(rwith_slice *rest, char end)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < rest->len && (quoted || rest->ptr[i] != end); i++) {
        if (rest->ptr[i] == '"') {
            quoted = !quoted;
        } else if (quoted && rest->ptr[i] == '\\' && i + 1 < rest->len) {
            i++;
        }
    }
    rwith_slice piece = { rest->ptr, i };
    size_t used = i < rest->len ? i + 1 : i;

    rest->ptr += used;
    rest->len -= used;
    return rwith_slice_trim(piece);
}

/* "0.5" in thousandths; what is no weight is 0: not acceptable. */
static unsigned short weight_of(rwith_slice text)
{
    unsigned q = 0, unit = 1000;

    for (size_t i = 0; i < text.len; i++) {
        if (i == 1 && text.ptr[i] == '.') {
            continue;
        }
        if (i > 4 || i == 1 || !rwith__ascii_is(text.ptr[i], RWITH__CH_DIGIT)) {
            return 0;
        }
        q += (unsigned)(text.ptr[i] - '0') * unit;
        unit /= 10;
    }
    return q > 1000 || text.len == 0 ? 0 : (unsigned short)q;
}

/* A media range, cut at its slash. */
struct range {
    rwith_slice main_type;
    rwith_slice sub_type; /* empty: it is none */
    bool any_main;
    bool any_sub;
};

static struct range range_cut(rwith_slice text)
{
    const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
    struct range range = { .main_type = text };

    if (slash != NULL) {
        range.main_type.len = (size_t)(slash - text.ptr);
        range.sub_type =
            (rwith_slice){ slash + 1, text.len - range.main_type.len - 1 };
        range.any_main = rwith_slice_equal(range.main_type, RWITH_LIT("*"));
        range.any_sub = rwith_slice_equal(range.sub_type, RWITH_LIT("*"));
    }
    return range;
}

/* Types mostly differ in length already. */
static bool is_type(rwith_slice a, rwith_slice b)
{
    return a.len == b.len && rwith_slice_equal_nocase(a, b);
}

/* How well a range names an offer: 0 not at all. */
static unsigned char range_rank(const struct offer *offer,
                                const struct range *range)
{
    if (range->any_sub && range->any_main) {
        return 1;
    }
    if (!is_type(range->main_type, offer->main_type)) {
        return 0;
    }
    if (range->any_sub) {
        return offer->rank == 4 ? 2 : 0; /* aliases are not meant by it */
    }
    return is_type(range->sub_type, offer->sub_type) ? offer->rank : 0;
}

/* One element: a range and its parameters. */
static void take_range(rwith_slice element, struct weight *weights)
{
    struct range range = range_cut(take_piece(&element, ';'));
    unsigned short q = 1000;

    while (element.len > 0) {
        rwith_slice value = take_piece(&element, ';');
        rwith_slice name = take_piece(&value, '=');

        if (rwith_slice_equal_nocase(name, RWITH_LIT("q"))) {
            q = weight_of(rwith_slice_trim(value));
        }
    }
    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        unsigned char rank = range_rank(&offers[i], &range);
        struct weight *weight = &weights[offers[i].format];

        if (rank > weight->rank ||
            (rank > 0 && rank == weight->rank && q > weight->q)) {
            *weight = (struct weight){ rank, q };
        }
    }
}

rwith_refusal_format rwith_refusal_negotiate(rwith_slice accept)
{
    struct weight weights[FORMAT_COUNT] = { 0 };
    rwith_refusal_format best = RWITH_REFUSAL_JSON;

    while (accept.len > 0) {
        take_range(take_piece(&accept, ','), weights);
    }
    for (unsigned f = 0; f < FORMAT_COUNT; f++) {
        if (weights[f].q > weights[best].q) {
            best = (rwith_refusal_format)f;
        }
    }
    return best;
}
