/*
 * exchange_item.c: the list of what goes with the request besides what the
 * client sent: values given unasked, remembered, configured, brought by a
 * challenge, and the cookies of swallowed responses.  Whether a request is
 * sent again at all is not decided here.
 */
#include "lib/exchange.h"

#include <string.h>

#include <retrywith/trust.h>

#include "lib/cookie.h"
#include "lib/opening.h"
#include "lib/supply.h"

#define ROOM_FIRST 8

/* A client's own names win over what was only remembered or is sent
 * unasked. */
#define HITS_MAX RWITH_RECALL_HITS_MAX

static bool is_item(const struct rwith__item *item, rwith_place in,
                    rwith_slice name)
{
    rwith_requirement a = { .in = item->in, .name = item->name };
    rwith_requirement b = { .in = in, .name = name };

    /* There is one Authorization field, whatever the scheme. */
    return in == item->in &&
           (in == RWITH_IN_AUTHORIZATION || rwith_requirement_equal(&a, &b));
}

struct rwith__item *rwith__item_find(const rwith_exchange *x, rwith_place in,
                                     rwith_slice name)
{
    for (size_t i = 0; i < x->item_count; i++) {
        if (x->items[i].why != RWITH__WHY_TAUGHT &&
            is_item(&x->items[i], in, name)) {
            return &x->items[i];
        }
    }
    return NULL;
}

/* A place in the list for one item more; NULL: no memory, or full. */
static struct rwith__item *item_room(rwith_exchange *x)
{
    if (x->item_count == x->item_room) {
        size_t room = x->item_room > 0 ? 2 * x->item_room : ROOM_FIRST;
        struct rwith__item *items =
            rwith__arena_alloc(&x->arena, room * sizeof(*items));

        if (items == NULL) {
            return NULL;
        }
        if (x->item_count > 0) {
            memcpy(items, x->items, x->item_count * sizeof(*items));
        }
        x->items = items;
        x->item_room = room;
    }
    return &x->items[x->item_count];
}

int rwith__item_set(rwith_exchange *x, const struct rwith__item *item)
{
    struct rwith__item *place = item->why == RWITH__WHY_TAUGHT
                                    ? NULL
                                    : rwith__item_find(x, item->in, item->name);
    struct rwith__item copy = *item;
    bool is_new = place == NULL;

    if (is_new && x->item_count >= RWITH__ITEM_COUNT_MAX) {
        return RWITH_OK;
    }
    if (!rwith__arena_copy(&x->arena, item->name, &copy.name) ||
        !rwith__arena_copy(&x->arena, item->value, &copy.value)) {
        return RWITH_ENOMEM;
    }
    if (is_new) {
        place = item_room(x);
    }
    if (place == NULL) {
        return RWITH_ENOMEM;
    }
    copy.is_sent = false;
    *place = copy;
    x->item_count += is_new;
    return RWITH_OK;
}

void rwith__item_drop_passing(rwith_exchange *x)
{
    size_t kept = 0;

    for (size_t i = 0; i < x->item_count; i++) {
        bool is_passing = x->items[i].why == RWITH__WHY_BROUGHT &&
                          x->items[i].remember == RWITH_SCOPE_REQUEST;

        if (!is_passing) {
            x->items[kept++] = x->items[i];
        }
    }
    x->item_count = kept;
}

static bool own_cookie(const rwith_request *req, rwith_slice wanted,
                       rwith_slice *ret_value)
{
    for (size_t i = 0; i < req->field_count; i++) {
        rwith_slice cursor = req->fields[i].value;
        rwith_slice pair, name, value;

        if (!rwith_slice_equal_nocase(req->fields[i].name,
                                      RWITH_LIT("Cookie"))) {
            continue;
        }
        while (rwith__cookie_next(&cursor, &pair, &name, &value)) {
            if (rwith_slice_equal(name, wanted)) {
                *ret_value = value;
                return true;
            }
        }
    }
    return false;
}

bool rwith__item_is_own(const rwith_request *req, rwith_place in,
                        rwith_slice name, rwith_slice *ret_value)
{
    const rwith_field *field;

    switch (in) {
    case RWITH_IN_COOKIE:
        return own_cookie(req, name, ret_value);
    case RWITH_IN_QUERY:
        return rwith__patch_query_find(req->target, name, ret_value);
    case RWITH_IN_HEADER:
    case RWITH_IN_AUTHORIZATION:
        field = rwith_fields_find(
            req->fields, req->field_count,
            in == RWITH_IN_HEADER ? name : RWITH_LIT("Authorization"));
        if (field != NULL) {
            *ret_value = field->value;
        }
        return field != NULL;
    default: /* the content is not seen here */
        return false;
    }
}

bool rwith__item_was_sent(const rwith_exchange *x, rwith_place in,
                          rwith_slice name, rwith_slice value)
{
    const struct rwith__item *item = rwith__item_find(x, in, name);
    rwith_slice own;

    if (item != NULL) {
        return item->is_sent && !item->is_dropped &&
               rwith_slice_equal(item->value, value);
    }
    if (!rwith__item_is_own(&x->req, in, name, &own)) {
        return false;
    }
    return in == RWITH_IN_QUERY ? rwith__patch_query_equal(own, value)
                                : rwith_slice_equal(own, value);
}

/* --- Authorization -------------------------------------------------------- */

/* RFC 4648 4, appended at out; returns behind it. */
static char *base64(rwith_slice in, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < in.len; i += 3) {
        size_t left = in.len - i;
        uint32_t bits = (uint32_t)(unsigned char)in.ptr[i] << 16;

        bits |= left > 1 ? (uint32_t)(unsigned char)in.ptr[i + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)(unsigned char)in.ptr[i + 2] : 0;
        *out++ = digits[bits >> 18 & 63];
        *out++ = digits[bits >> 12 & 63];
        *out++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[bits & 63] : '=';
    }
    return out;
}

bool rwith__item_can_authenticate(const rwith_exchange *x, rwith_auth auth)
{
    return auth == RWITH_AUTH_BASIC || auth == RWITH_AUTH_BEARER ||
           (auth != RWITH_AUTH_NONE &&
            (x->options.driver_auth & 1u << auth) != 0);
}

int rwith__item_value_of(struct rwith__arena *arena,
                         const rwith_supply_entry *entry, rwith_slice value,
                         rwith_slice *ret)
{
    bool is_basic = entry->auth == RWITH_AUTH_BASIC;
    rwith_slice scheme = is_basic ? RWITH_LIT("Basic ") : RWITH_LIT("Bearer ");
    char *text, *end;

    if (!is_basic && entry->auth != RWITH_AUTH_BEARER) {
        *ret = value;
        return RWITH_OK;
    }
    text = rwith__arena_alloc(arena, scheme.len + 4 * (value.len / 3 + 1));
    if (text == NULL) {
        return RWITH_ENOMEM;
    }
    memcpy(text, scheme.ptr, scheme.len);
    end = text + scheme.len;
    if (is_basic) {
        end = base64(value, end);
    } else if (value.len > 0) {
        memcpy(end, value.ptr, value.len);
        end += value.len;
    }
    *ret = (rwith_slice){ text, (size_t)(end - text) };
    return RWITH_OK;
}

/* --- what is there unasked ------------------------------------------------ */

static void need_add(rwith_exchange *x, size_t id,
                     const rwith_supply_entry *entry)
{
    struct rwith__work *work = x->work;

    for (size_t i = 0; i < work->need_count; i++) {
        if (work->needs[i].entry == id) {
            return;
        }
    }
    if (work->need_count < RWITH__NEED_COUNT_MAX) {
        work->needs[work->need_count++] = (rwith_need){
            .requirement = { .in = entry->in, .name = entry->name },
            .has_entry = true,
            .entry = id,
        };
    }
}

bool rwith__item_may_stand(const rwith_exchange *x, rwith_place in,
                           rwith_slice name)
{
    switch (in) {
    case RWITH_IN_HEADER:
        return rwith_trust_field_may_be_set(name);
    case RWITH_IN_QUERY:
        return rwith__patch_may_touch_query(&x->req);
    case RWITH_IN_BODY: /* the body as a whole cannot be given */
        return name.len > 0 && rwith__patch_may_touch_body(&x->req);
    default:
        return true;
    }
}

/*
 * Add a supply's entry before anybody asked in this exchange; when its value
 * is not there yet, note a need (once).
 */
static int entry_add(rwith_exchange *x, size_t id, enum rwith__why why)
{
    const rwith_supply_entry *entry = rwith_supply_at(x->options.supply, id);
    struct rwith__item item = {
        .in = entry->in, .name = entry->name, .auth = entry->auth, .why = why
    };
    rwith_slice value = { "", 0 };
    rwith_slice own;
    int err;

    /* A supply takes no field of a name that may not be set. */
    if ((entry->in != RWITH_IN_HEADER &&
         !rwith__item_may_stand(x, entry->in, entry->name)) ||
        (entry->in == RWITH_IN_AUTHORIZATION &&
         !rwith__item_can_authenticate(x, entry->auth)) ||
        rwith__item_find(x, entry->in, entry->name) != NULL ||
        rwith__item_is_own(&x->req, entry->in, entry->name, &own)) {
        return RWITH_OK;
    }
    if (!rwith_supply_value(x->options.supply, id, &value) &&
        entry->kind != RWITH_SUPPLY_NONE) {
        err = x->was_asked ? RWITH_OK : rwith__exchange_need_work(x);
        if (err == RWITH_OK && !x->was_asked) {
            need_add(x, id, entry);
        }
        return err;
    }
    err = rwith__item_value_of(&x->arena, entry, value, &item.value);
    return err == RWITH_OK ? rwith__item_set(x, &item) : err;
}

int rwith__item_add_always(rwith_exchange *x)
{
    const rwith_supply *supply = x->options.supply;
    uint16_t id;
    int err = RWITH_OK;

    if (supply == NULL || !x->req.may_add) {
        return RWITH_OK;
    }
    for (id = rwith__supply_first(supply, &x->req.origin);
         id != RWITH__SUPPLY_NONE && err == RWITH_OK;
         id = rwith__supply_next(supply, id)) {
        const rwith_supply_entry *entry = rwith_supply_at(supply, id);

        if (entry->send_always &&
            rwith_origin_equal(&entry->origin, &x->req.origin)) {
            err = entry_add(x, id, RWITH__WHY_ALWAYS);
        }
    }
    return err;
}

int rwith__item_add_opened(rwith_exchange *x)
{
    const rwith_opening *opening = x->options.opening;
    const rwith_field *lines;
    size_t count = 0;
    int err = RWITH_OK;

    if (opening == NULL || x->options.opened == 0) {
        return RWITH_OK;
    }
    lines = rwith_opening_lines(opening, &count);
    for (size_t i = 0; i < count && err == RWITH_OK; i++) {
        if ((x->options.opened >> i & 1) != 0) {
            const rwith_supply_entry *entry = rwith__opening_entry(opening, i);
            struct rwith__item item = { .in = entry->in,
                                        .name = entry->name,
                                        .value = lines[i].value,
                                        .auth = entry->auth,
                                        .why = entry->send_always
                                                   ? RWITH__WHY_ALWAYS
                                                   : RWITH__WHY_RECALLED };

            err = rwith__item_set(x, &item);
        }
    }
    return err;
}

int rwith__item_add_needed(rwith_exchange *x)
{
    int err = RWITH_OK;

    for (size_t i = 0; i < x->work->need_count && err == RWITH_OK; i++) {
        size_t id = x->work->needs[i].entry;
        bool is_always = rwith_supply_at(x->options.supply, id)->send_always;

        err = entry_add(x, id,
                        is_always ? RWITH__WHY_ALWAYS : RWITH__WHY_RECALLED);
    }
    x->work->need_count = 0;
    return err;
}

/* Add one remembered thing; *ret_new counts values that differ from what
 * was sent. */
static int hit_add(rwith_exchange *x, const rwith_recall_hit *hit,
                   unsigned *ret_new)
{
    struct rwith__item item = { .in = hit->in,
                                .name = hit->name,
                                .value = hit->value,
                                .why = RWITH__WHY_RECALLED,
                                .is_kept = true };
    const struct rwith__item *there = rwith__item_find(x, hit->in, hit->name);
    rwith_slice own;
    size_t id;

    if (!hit->has_value) {
        size_t before = x->item_count;
        int err = RWITH_OK;

        if (x->options.supply != NULL &&
            rwith_supply_find(x->options.supply, &x->req.origin, hit->in,
                              hit->name, &id)) {
            err = entry_add(x, id, RWITH__WHY_RECALLED);
        }
        *ret_new += x->item_count > before;
        return err;
    }
    if (hit->in == RWITH_IN_AUTHORIZATION ||
        !rwith__item_may_stand(x, hit->in, hit->name) ||
        !rwith__challenge_value_ok(hit->in, hit->value)) {
        return RWITH_OK; /* a file or another process may have spoilt it */
    }
    if (there == NULL
            ? x->attempts == 0 &&
                  rwith__item_is_own(&x->req, hit->in, hit->name, &own)
            : x->attempts == 0 || rwith_slice_equal(there->value, hit->value)) {
        return RWITH_OK;
    }
    *ret_new += 1;
    return rwith__item_set(x, &item);
}

int rwith__item_add_recalled(rwith_exchange *x, uint64_t now_s,
                             unsigned *ret_new)
{
    rwith_recall *recall = x->options.recall;
    rwith_recall_hit hits[HITS_MAX];
    size_t count;
    int err = RWITH_OK;

    *ret_new = 0;
    if (recall == NULL || !x->req.may_add || rwith_recall_count(recall) == 0) {
        return RWITH_OK;
    }
    count = rwith_recall_find(recall, &x->req, now_s, hits, HITS_MAX);
    for (size_t i = 0; i < count && err == RWITH_OK; i++) {
        err = hit_add(x, &hits[i], ret_new);
    }
    return err;
}

/* --- cookies of swallowed responses (R-6) --------------------------------- */

int rwith__item_take_cookies(rwith_exchange *x, const rwith_response *resp)
{
    uint64_t now_s = rwith__exchange_clock_s(x, x->now_ms);
    int err = RWITH_OK;

    if (x->options.has_jar || !x->req.may_add) {
        return RWITH_OK;
    }
    for (size_t i = 0; i < resp->field_count && err == RWITH_OK; i++) {
        const rwith_field *field = &resp->fields[i];
        struct rwith__cookie cookie;

        if (rwith_slice_equal_nocase(field->name, RWITH_LIT("Set-Cookie")) &&
            rwith__cookie_read(field->value, now_s, &cookie) &&
            rwith__cookie_applies(&cookie, &x->req.origin, x->req.target)) {
            struct rwith__item item = { .in = RWITH_IN_COOKIE,
                                        .name = cookie.name,
                                        .value = cookie.value,
                                        .why = RWITH__WHY_COOKIE,
                                        .is_dropped = cookie.is_expired };

            err = rwith__item_set(x, &item);
        }
    }
    return err;
}
