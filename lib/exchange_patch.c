/*
 * exchange_patch.c: the request that results from the client's own and the
 * items: field lines to set, one Cookie field, a target with more in its
 * query, members for the content.  What to add is decided elsewhere; here
 * only its form is.
 */
#include "lib/exchange.h"

#include <string.h>

#include "lib/ascii.h"
#include "lib/cookie.h"

#define HEX_DIGITS  "0123456789ABCDEF"
#define PERCENT_LEN 3 /* of one encoded byte */

/* Fields that cover the content: it may not be changed under them. */
static const rwith_slice covering[] = {
    { "Content-Digest", 14 },
    { "Content-Encoding", 16 },
    { "Content-MD5", 11 },
    { "Content-Range", 13 },
    { "Digest", 6 },
    { "Repr-Digest", 11 },
    { "Signature", 9 },
    { "Signature-Input", 15 },
    { "X-Amz-Content-SHA256", 20 },
};

/* Authorization schemes that sign the content, or may. */
static const rwith_slice signing[] = {
    { "AWS", 3 },  { "GOOG4", 5 },     { "Hawk", 4 },
    { "HMAC", 4 }, { "SharedKey", 9 }, { "Signature", 9 },
};

bool rwith__patch_may_touch_body(const rwith_request *req)
{
    const rwith_field *auth;

    if (!req->has_body || !req->may_patch_body) {
        return false;
    }
    for (size_t i = 0; i < sizeof(covering) / sizeof(covering[0]); i++) {
        if (rwith_fields_find(req->fields, req->field_count, covering[i]) !=
            NULL) {
            return false;
        }
    }
    auth = rwith_fields_find(req->fields, req->field_count,
                             RWITH_LIT("Authorization"));
    for (size_t i = 0; i < sizeof(signing) / sizeof(signing[0]); i++) {
        if (auth != NULL && rwith__ascii_has_prefix(auth->value, signing[i])) {
            return false;
        }
    }
    return true;
}

bool rwith__patch_may_touch_query(const rwith_request *req)
{
    return req->target.len > 0 && req->target.ptr[0] == '/' &&
           memchr(req->target.ptr, '#', req->target.len) == NULL;
}

static int hex_value(char c)
{
    if (rwith__ascii_is(c, RWITH__CH_DIGIT)) {
        return c - '0';
    }
    c = rwith__ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next byte of a query's name or value, decoded as forms are. */
static char query_byte(rwith_slice raw, size_t *at)
{
    char c = raw.ptr[*at];

    if (c == '%' && raw.len - *at >= PERCENT_LEN) {
        int high = hex_value(raw.ptr[*at + 1]);
        int low = hex_value(raw.ptr[*at + 2]);

        if (high >= 0 && low >= 0) {
            *at += PERCENT_LEN;
            return (char)(high * 16 + low);
        }
    }
    *at += 1;
    return c == '+' ? ' ' : c;
}

bool rwith__patch_query_equal(rwith_slice raw, rwith_slice decoded)
{
    size_t at = 0;
    size_t i = 0;

    while (at < raw.len && i < decoded.len) {
        if (query_byte(raw, &at) != decoded.ptr[i]) {
            return false;
        }
        i++;
    }
    return at == raw.len && i == decoded.len;
}

bool rwith__patch_query_find(rwith_slice target, rwith_slice name,
                             rwith_slice *ret_raw_value)
{
    const char *at =
        target.len > 0 ? memchr(target.ptr, '?', target.len) : NULL;
    const char *end = target.len > 0 ? target.ptr + target.len : NULL;

    while (at != NULL) {
        at++; /* behind "?" or "&" */
        size_t left = (size_t)(end - at);
        const char *stop = left > 0 ? memchr(at, '&', left) : NULL;
        rwith_slice pair = { at, stop != NULL ? (size_t)(stop - at) : left };
        const char *sign = pair.len > 0 ? memchr(at, '=', pair.len) : NULL;
        size_t name_len = sign != NULL ? (size_t)(sign - at) : pair.len;

        if (rwith__patch_query_equal((rwith_slice){ at, name_len }, name)) {
            ret_raw_value->ptr = sign != NULL ? sign + 1 : at + name_len;
            ret_raw_value->len = sign != NULL ? pair.len - name_len - 1 : 0;
            return true;
        }
        at = stop;
    }
    return false;
}

/* --- a writer that cannot run over --------------------------------------- */

struct writer {
    char *ptr;
    size_t len, room;
};

static void put(struct writer *w, rwith_slice s)
{
    if (s.len > 0 && s.len <= w->room - w->len) {
        memcpy(w->ptr + w->len, s.ptr, s.len);
        w->len += s.len;
    }
}

static void put_percent(struct writer *w, rwith_slice s)
{
    static const rwith_slice plain = { "-._~", 4 };

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        char coded[PERCENT_LEN] = { '%', HEX_DIGITS[c >> 4],
                                    HEX_DIGITS[c & 0xf] };
        bool is_plain =
            rwith__ascii_is(s.ptr[i], RWITH__CH_ALPHA | RWITH__CH_DIGIT) ||
            memchr(plain.ptr, c, plain.len) != NULL;

        put(w, is_plain ? (rwith_slice){ s.ptr + i, 1 }
                        : (rwith_slice){ coded, sizeof(coded) });
    }
}

/* --- the query ------------------------------------------------------------ */

/*
 * The target with one parameter more.  One of that name that the client
 * itself sent gets the new value in its place; no other byte is touched.
 */
static int target_add(rwith_exchange *x, const struct rwith__item *item,
                      rwith_slice *target)
{
    struct writer w = { 0 };
    rwith_slice own;
    const char *end = target->ptr + target->len;

    w.room = target->len + 2 + PERCENT_LEN * (item->name.len + item->value.len);
    w.ptr = rwith__arena_alloc(&x->arena, w.room);
    if (w.ptr == NULL) {
        return RWITH_ENOMEM;
    }
    if (rwith__patch_query_find(*target, item->name, &own)) {
        size_t before = (size_t)(own.ptr - target->ptr);

        put(&w, (rwith_slice){ target->ptr, before });
        if (before > 0 && target->ptr[before - 1] != '=') {
            put(&w, RWITH_LIT("=")); /* "?name" without a value */
        }
        put_percent(&w, item->value);
        put(&w, (rwith_slice){ own.ptr + own.len,
                               (size_t)(end - own.ptr) - own.len });
    } else {
        bool has_query = memchr(target->ptr, '?', target->len) != NULL;
        char last = target->ptr[target->len - 1];

        put(&w, *target);
        if (!has_query) {
            put(&w, RWITH_LIT("?"));
        } else if (last != '?' && last != '&') {
            put(&w, RWITH_LIT("&"));
        }
        put_percent(&w, item->name);
        put(&w, RWITH_LIT("="));
        put_percent(&w, item->value);
    }
    *target = (rwith_slice){ w.ptr, w.len };
    return RWITH_OK;
}

/* --- the Cookie field ----------------------------------------------------- */

static void put_cookie(struct writer *w, const struct rwith__item *item)
{
    if (item->is_dropped) {
        return;
    }
    if (w->len > 0) {
        put(w, RWITH_LIT("; "));
    }
    put(w, item->name);
    put(w, RWITH_LIT("="));
    put(w, item->value);
}

/* The client's own cookies, in order, less those that items replace. */
static void put_own_cookies(const rwith_exchange *x, struct writer *w)
{
    for (size_t i = 0; i < x->req.field_count; i++) {
        rwith_slice cursor = x->req.fields[i].value;
        rwith_slice pair, name, value;

        if (!rwith_slice_equal_nocase(x->req.fields[i].name,
                                      RWITH_LIT("Cookie"))) {
            continue;
        }
        while (rwith__cookie_next(&cursor, &pair, &name, &value)) {
            if (rwith__item_find(x, RWITH_IN_COOKIE, name) != NULL) {
                continue;
            }
            if (w->len > 0) {
                put(w, RWITH_LIT("; "));
            }
            put(w, pair);
        }
    }
}

static size_t cookie_room(const rwith_exchange *x)
{
    size_t room = 0;

    for (size_t i = 0; i < x->req.field_count; i++) {
        if (rwith_slice_equal_nocase(x->req.fields[i].name,
                                     RWITH_LIT("Cookie"))) {
            /* "a;b" grows by one space a pair. */
            room += 2 * x->req.fields[i].value.len + 2;
        }
    }
    for (size_t i = 0; i < x->item_count; i++) {
        if (x->items[i].in == RWITH_IN_COOKIE) {
            room += x->items[i].name.len + x->items[i].value.len + 3;
        }
    }
    return room;
}

static int cookie_build(rwith_exchange *x, rwith_field *ret)
{
    struct writer w = { NULL, 0, cookie_room(x) };

    w.ptr = rwith__arena_alloc(&x->arena, w.room);
    if (w.ptr == NULL) {
        return RWITH_ENOMEM;
    }
    put_own_cookies(x, &w);
    for (size_t i = 0; i < x->item_count; i++) {
        if (x->items[i].in == RWITH_IN_COOKIE &&
            x->items[i].why != RWITH__WHY_TAUGHT) {
            put_cookie(&w, &x->items[i]);
        }
    }
    *ret = (rwith_field){ RWITH_LIT("Cookie"), { w.ptr, w.len } };
    return RWITH_OK;
}

/* --- the whole ------------------------------------------------------------ */

/* How many items that are sent are in each place. */
static void count_places(const rwith_exchange *x,
                         size_t counts[RWITH_PLACE_COUNT])
{
    for (size_t i = 0; i < RWITH_PLACE_COUNT; i++) {
        counts[i] = 0;
    }
    for (size_t i = 0; i < x->item_count; i++) {
        counts[x->items[i].in] += x->items[i].why != RWITH__WHY_TAUGHT;
    }
}

/* Put one item where it belongs; cookies are done as one field. */
static int place_item(rwith_exchange *x, struct rwith__item *item,
                      rwith_field *fields, rwith_body_member *members)
{
    rwith_effect *effect = &x->effect;
    bool is_driver = item->auth > RWITH_AUTH_BEARER;

    item->is_sent = true;
    switch (item->in) {
    case RWITH_IN_QUERY:
        return target_add(x, item, &effect->target);
    case RWITH_IN_BODY:
        members[effect->member_count++] =
            (rwith_body_member){ item->name, item->value };
        break;
    case RWITH_IN_AUTHORIZATION:
        if (is_driver) {
            effect->driver_auth = item->auth;
            effect->credentials = item->value;
            break;
        }
        fields[effect->set_count++] =
            (rwith_field){ RWITH_LIT("Authorization"), item->value };
        break;
    case RWITH_IN_HEADER:
        fields[effect->set_count++] = (rwith_field){ item->name, item->value };
        break;
    default:
        break;
    }
    return RWITH_OK;
}

int rwith__patch_send(rwith_exchange *x)
{
    size_t counts[RWITH_PLACE_COUNT];
    rwith_field *fields = NULL;
    rwith_body_member *members = NULL;
    int err = RWITH_OK;

    x->effect = (rwith_effect){ .kind = RWITH_EFFECT_SEND,
                                .method = x->req.method,
                                .target = x->req.target };
    if (x->item_count == 0) {
        return RWITH_OK;
    }
    count_places(x, counts);
    fields =
        rwith__arena_alloc(&x->arena, (x->item_count + 1) * sizeof(*fields));
    members = rwith__arena_alloc(&x->arena, (counts[RWITH_IN_BODY] + 1) *
                                                sizeof(*members));
    if (fields == NULL || members == NULL) {
        return RWITH_ENOMEM;
    }
    for (size_t i = 0; i < x->item_count && err == RWITH_OK; i++) {
        if (x->items[i].why != RWITH__WHY_TAUGHT) {
            x->effect.is_patched = true;
            err = place_item(x, &x->items[i], fields, members);
        }
    }
    if (err == RWITH_OK && counts[RWITH_IN_COOKIE] > 0) {
        rwith_field *cookie = &fields[x->effect.set_count];

        err = cookie_build(x, cookie);
        x->effect.set_count +=
            err == RWITH_OK &&
            (cookie->value.len > 0 ||
             rwith_fields_find(x->req.fields, x->req.field_count,
                               cookie->name) != NULL);
    }
    x->effect.set = fields;
    x->effect.members = members;
    return err;
}

int rwith__patch_obtain(rwith_exchange *x, const struct rwith__fetch *fetch)
{
    const struct rwith__item *auth =
        rwith__item_find(x, RWITH_IN_AUTHORIZATION, (rwith_slice){ "", 0 });
    const rwith_field *own = rwith_fields_find(
        x->req.fields, x->req.field_count, RWITH_LIT("Authorization"));
    rwith_field *fields = rwith__arena_alloc(
        &x->arena, (fetch->field_count + 2) * sizeof(*fields));
    size_t count = 0;
    int err = RWITH_OK;

    x->effect = (rwith_effect){ .kind = RWITH_EFFECT_OBTAIN,
                                .method = fetch->method,
                                .target = fetch->target,
                                .set = fields };
    if (fields == NULL) {
        return RWITH_ENOMEM;
    }
    for (size_t i = 0; i < fetch->field_count; i++) {
        fields[count++] = fetch->fields[i];
    }
    if (auth != NULL && auth->auth > RWITH_AUTH_BEARER) {
        x->effect.driver_auth = auth->auth;
        x->effect.credentials = auth->value;
    } else if (auth != NULL) {
        fields[count++] =
            (rwith_field){ RWITH_LIT("Authorization"), auth->value };
    } else if (own != NULL) {
        fields[count++] = *own;
    }
    if (cookie_room(x) > 0) {
        err = cookie_build(x, &fields[count]);
        count += err == RWITH_OK && fields[count].value.len > 0;
    }
    x->effect.set_count = count;
    return err;
}
