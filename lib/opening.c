/*
 * opening.c: what the supply and the recall add to the first send of a
 * request, kept ready for an origin.  It says what exchange_item.c would do,
 * and leaves to an exchange what is not the same for every request: places
 * other than a header, the client's own fields, values that servers supplied.
 */
#include "lib/opening.h"

#include <string.h>

#include "lib/ascii.h"
#include "lib/exchange.h"
#include "lib/recall.h"
#include "lib/supply.h"

#define RULES_MAX RWITH_RECALL_PER_ORIGIN_MAX
#define TEXT_MAX  4096 /* methods and paths of all rules */

#define LINE_NOTHING UINT8_MAX       /* the supply has no such value */
#define LINE_OWN     (UINT8_MAX - 1) /* only an exchange can add it */

#define BIT(n) (UINT64_C(1) << (n))

_Static_assert(RWITH_OPENING_LINES_MAX <= 64, "a bit for each");

/* An entry of the recall, and the line that it asks for. */
struct rule {
    uint64_t checked_s; /* when its slot was looked at; see is_checked */
    rwith_slice method, path;
    uint32_t slot;
    rwith_place in;
    uint8_t line;
    bool is_checked, is_expired;
};

struct rwith_opening {
    const rwith_alloc *mem;
    const rwith_supply *supply;
    rwith_origin origin;
    struct rwith__arena arena;

    rwith_field lines[RWITH_OPENING_LINES_MAX];
    uint16_t entries[RWITH_OPENING_LINES_MAX]; /* of the supply */
    uint8_t line_count;
    uint64_t always; /* lines that are sent unasked */
    uint64_t auths;  /* lines that are an Authorization: one at most is sent */
    uint64_t lens;   /* lengths of names, modulo 64 */
    bool is_own;     /* what is sent unasked needs an exchange */

    bool has_rules;
    bool is_full; /* there are more entries than rules */
    uint32_t version;
    uint8_t rule_count;
    size_t text_len;
    struct rule rules[RULES_MAX];
    char text[TEXT_MAX];
};

/* --- lines -----------------------------------------------------------------
 */

/* false: only an exchange can send this entry. */
static bool is_line(const rwith_supply_entry *entry)
{
    return entry->in == RWITH_IN_HEADER ||
           (entry->in == RWITH_IN_AUTHORIZATION &&
            (entry->auth == RWITH_AUTH_BASIC ||
             entry->auth == RWITH_AUTH_BEARER));
}

static int line_add(rwith_opening *o, uint16_t id)
{
    const rwith_supply_entry *entry = rwith_supply_at(o->supply, id);
    bool is_auth = entry->in == RWITH_IN_AUTHORIZATION;
    rwith_field *line;
    rwith_slice value;
    uint64_t bit;
    int err;

    if (!is_line(entry) || o->line_count == RWITH_OPENING_LINES_MAX ||
        !rwith_supply_value(o->supply, id, &value) ||
        (is_auth && entry->send_always && (o->always & o->auths) != 0)) {
        o->is_own = o->is_own || entry->send_always;
        return RWITH_OK;
    }
    bit = BIT(o->line_count);
    line = &o->lines[o->line_count];
    line->name = is_auth ? RWITH_LIT("Authorization") : entry->name;
    /* A copy: what was sent is still asked for when the supply has changed. */
    err = is_auth ? rwith__item_value_of(&o->arena, entry, value, &line->value)
          : rwith__arena_copy(&o->arena, value, &line->value) ? RWITH_OK
                                                              : RWITH_ENOMEM;
    if (err != RWITH_OK) {
        return err;
    }
    o->entries[o->line_count++] = id;
    o->lens |= BIT(line->name.len % 64);
    o->auths |= is_auth ? bit : 0;
    o->always |= entry->send_always ? bit : 0;
    return RWITH_OK;
}

int rwith_opening_new(const rwith_alloc *mem, const rwith_supply *supply,
                      const rwith_origin *origin, rwith_opening **ret)
{
    rwith_opening *o = rwith__memory_alloc(mem, sizeof(*o));
    uint16_t id = RWITH__SUPPLY_NONE;
    int err = RWITH_OK;

    if (o == NULL) {
        return RWITH_ENOMEM;
    }
    *o = (rwith_opening){
        .mem = mem, .supply = supply, .origin = *origin, .arena = { .mem = mem }
    };
    if (supply != NULL) {
        id = rwith__supply_first(supply, origin);
    }
    for (; id != RWITH__SUPPLY_NONE && err == RWITH_OK;
         id = rwith__supply_next(supply, id)) {
        if (rwith_origin_equal(&rwith_supply_at(supply, id)->origin, origin)) {
            err = line_add(o, id);
        }
    }
    if (err != RWITH_OK) {
        rwith_opening_free(o);
        return err;
    }
    *ret = o;
    return RWITH_OK;
}

void rwith_opening_free(rwith_opening *opening)
{
    if (opening != NULL) {
        rwith__arena_free(&opening->arena);
        rwith__memory_free(opening->mem, opening);
    }
}

const rwith_field *rwith_opening_lines(const rwith_opening *opening,
                                       size_t *ret_count)
{
    *ret_count = opening->line_count;
    return opening->lines;
}

unsigned rwith_opening_recalled(const rwith_opening *opening, uint64_t lines)
{
    unsigned count = 0;

    for (lines &= ~opening->always; lines != 0; lines &= lines - 1) {
        count++;
    }
    return count;
}

const rwith_supply_entry *rwith__opening_entry(const rwith_opening *opening,
                                               size_t line)
{
    return rwith_supply_at(opening->supply, opening->entries[line]);
}

/* Does the client itself send a field of one of these lines? */
static bool has_own(const rwith_opening *o, uint64_t lines,
                    const rwith_request *req)
{
    for (size_t i = 0; i < req->field_count; i++) {
        rwith_slice name = req->fields[i].name;

        if ((o->lens & BIT(name.len % 64)) == 0) {
            continue;
        }
        for (size_t n = 0; n < o->line_count; n++) {
            if ((lines & BIT(n)) != 0 &&
                rwith__ascii_equal(name, o->lines[n].name)) {
                return true;
            }
        }
    }
    return false;
}

/* --- rules -----------------------------------------------------------------
 */

static uint8_t line_of(const rwith_opening *o,
                       const struct rwith__recall_entry *entry)
{
    size_t id;

    if (o->supply == NULL || !rwith_supply_find(o->supply, &o->origin,
                                                entry->in, entry->name, &id)) {
        return LINE_NOTHING;
    }
    for (uint8_t n = 0; n < o->line_count; n++) {
        if (o->entries[n] == id) {
            return n;
        }
    }
    return LINE_OWN;
}

static rwith_slice text_copy(rwith_opening *o, rwith_slice s)
{
    rwith_slice copy = { o->text + o->text_len, s.len };

    if (s.len > 0) {
        memcpy(o->text + o->text_len, s.ptr, s.len);
        o->text_len += s.len;
    }
    return copy;
}

static void rules_make(rwith_opening *o, const rwith_recall *recall)
{
    uint64_t hash = rwith__recall_hash(recall, &o->origin, false, 0);
    struct rwith__recall_entry entry;
    uint32_t slot = rwith__recall_name(
        recall, &o->origin, hash, rwith__recall_first(recall, hash), &entry);

    o->rule_count = 0;
    o->text_len = 0;
    o->is_full = false;
    while (slot != RWITH__RECALL_NONE && !o->is_full) {
        if (o->rule_count == RULES_MAX ||
            entry.method.len + entry.path.len > TEXT_MAX - o->text_len) {
            o->is_full = true;
            break;
        }
        o->rules[o->rule_count++] = (struct rule){
            .method = text_copy(o, entry.method),
            .path = text_copy(o, entry.path),
            .slot = slot,
            .in = entry.in,
            .line = line_of(o, &entry),
        };
        slot = rwith__recall_name(recall, &o->origin, hash,
                                  rwith__recall_slot_const(recall, slot)->next,
                                  &entry);
    }
    o->version = recall->version;
    o->has_rules = true;
}

static bool covers(const struct rule *rule, const rwith_request *req,
                   rwith_slice path)
{
    return rwith__recall_covers(rule->in, rule->method, rule->path, req->method,
                                path);
}

/* An expiry, and a last use, are whole seconds: one look at the slot in each
 * is as good as one for each request. */
static bool is_checked(const struct rule *rule, uint64_t now_s)
{
    return rule->is_checked && rule->checked_s == now_s;
}

void rwith_opening_renew(rwith_opening *opening, rwith_recall *recall,
                         const rwith_request *req, uint64_t now_s)
{
    rwith_slice path = rwith__recall_path(req->target);

    if (!opening->has_rules || opening->version != recall->version) {
        rules_make(opening, recall);
    }
    for (size_t i = 0; i < opening->rule_count; i++) {
        struct rule *rule = &opening->rules[i];

        if (is_checked(rule, now_s) || !covers(rule, req, path)) {
            continue;
        }
        rule->is_expired = rwith__recall_is_expired(
            rwith__recall_slot(recall, rule->slot), now_s);
        if (!rule->is_expired) {
            rwith__recall_touch(recall, rule->slot, now_s);
        }
        rule->is_checked = true;
        rule->checked_s = now_s;
    }
}

/* The lines that the rules ask for besides those that are there. */
static rwith_opening_advice rules_apply(const rwith_opening *o,
                                        const rwith_request *req,
                                        uint64_t now_s, uint64_t *lines)
{
    rwith_slice path = rwith__recall_path(req->target);

    for (size_t i = 0; i < o->rule_count; i++) {
        const struct rule *rule = &o->rules[i];
        uint64_t bit;

        if (!covers(rule, req, path)) {
            continue;
        }
        if (!is_checked(rule, now_s)) {
            return RWITH_OPENING_STALE;
        }
        if (rule->is_expired || rule->line == LINE_NOTHING) {
            continue;
        }
        if (rule->line == LINE_OWN) {
            return RWITH_OPENING_OWN;
        }
        bit = BIT(rule->line);
        if ((bit & o->auths) != 0 && (*lines & o->auths & ~bit) != 0) {
            return RWITH_OPENING_OWN; /* which of the two is its affair */
        }
        *lines |= bit;
    }
    return RWITH_OPENING_READY;
}

rwith_opening_advice rwith_opening_find(const rwith_opening *opening,
                                        const rwith_recall *recall,
                                        const rwith_request *req,
                                        uint64_t now_s, uint64_t *ret_lines)
{
    uint64_t lines = opening->always;
    rwith_opening_advice advice = RWITH_OPENING_READY;

    *ret_lines = 0;
    if (!req->may_add) {
        return RWITH_OPENING_READY;
    }
    if (opening->is_own) {
        return RWITH_OPENING_OWN;
    }
    if (recall != NULL && rwith_recall_count(recall) > 0) {
        if (rwith__recall_value_count(recall) > 0) {
            return RWITH_OPENING_OWN;
        }
        if (!opening->has_rules ||
            opening->version != rwith__recall_version(recall)) {
            return RWITH_OPENING_STALE;
        }
        advice = opening->is_full ? RWITH_OPENING_OWN
                                  : rules_apply(opening, req, now_s, &lines);
    }
    if (advice != RWITH_OPENING_READY) {
        return advice;
    }
    if (lines != 0 && has_own(opening, lines, req)) {
        return RWITH_OPENING_OWN;
    }
    *ret_lines = lines;
    return RWITH_OPENING_READY;
}
