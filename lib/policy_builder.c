/*
 * policy_builder.c: collects operations and what they need, each text, need
 * and tree of members once.  Reads templates; policy_compile.c makes the
 * policy of it.
 */
#include <string.h>

#include "lib/memory.h"
#include "lib/ascii.h"
#include "lib/member.h"
#include "lib/policy.h"

#define NONE UINT32_MAX

int rwith_policy_builder_new(const rwith_alloc *mem, rwith_policy_builder **ret)
{
    rwith_alloc memory = *rwith__memory(mem);
    rwith_policy_builder *b = memory.alloc(sizeof(*b), memory.user);

    if (b == NULL) {
        return RWITH_ENOMEM;
    }
    *b = (rwith_policy_builder){
        .mem = memory,
        .operations = { .size = sizeof(struct rwith__draft_operation) },
        .operation_slots = { .size = sizeof(uint32_t) },
        .methods = { .size = sizeof(struct rwith__policy_method) },
        .needs = { .size = sizeof(struct rwith__policy_need) },
        .need_slots = { .size = sizeof(uint32_t) },
        .need_lists = { .size = sizeof(struct rwith__draft_need) },
        .alternatives = { .size = sizeof(struct rwith__draft_alternative) },
        .media = { .size = sizeof(struct rwith__draft_media) },
        .members = { .size = sizeof(rwith_members *) },
        .member_slots = { .size = sizeof(uint32_t) },
    };
    rwith__texts_init(&b->texts);
    *ret = b;
    return RWITH_OK;
}

void rwith_policy_builder_free(rwith_policy_builder *b)
{
    if (b == NULL) {
        return;
    }
    rwith_alloc mem = b->mem;

    for (size_t i = 0; i < b->members.count; i++) {
        rwith_members **members = rwith__rows_at(&b->members, i);

        rwith_members_free(*members);
    }
    rwith__texts_free(&mem, &b->texts);
    rwith__rows_free(&mem, &b->operations);
    rwith__rows_free(&mem, &b->operation_slots);
    rwith__rows_free(&mem, &b->methods);
    rwith__rows_free(&mem, &b->needs);
    rwith__rows_free(&mem, &b->need_slots);
    rwith__rows_free(&mem, &b->need_lists);
    rwith__rows_free(&mem, &b->alternatives);
    rwith__rows_free(&mem, &b->media);
    rwith__rows_free(&mem, &b->members);
    rwith__rows_free(&mem, &b->member_slots);
    mem.free(b, mem.user);
}

/* --- tables of rows by hash: uint32_t slots, number + 1 or 0 ------------- */

typedef uint64_t row_hash(const rwith_policy_builder *b, uint32_t row);

static void slots_place(struct rwith__rows *slots, uint64_t hash, uint32_t row)
{
    uint32_t *slot = slots->items;
    size_t mask = slots->count - 1, at = hash & mask;

    while (slot[at] != 0) {
        at = (at + 1) & mask;
    }
    slot[at] = row + 1;
}

/* Make room for one more of count rows; half of the slots stay free. */
static bool slots_reserve(rwith_policy_builder *b, struct rwith__rows *slots,
                          size_t count, row_hash *hash_of)
{
    struct rwith__rows grown = { .size = sizeof(uint32_t) };

    if ((count + 1) * 2 <= slots->count) {
        return true;
    }
    if (rwith__rows_add(&b->mem, &grown,
                        slots->count > 0 ? slots->count * 2 : 64) == NULL) {
        return false;
    }
    for (uint32_t row = 0; row < count; row++) {
        slots_place(&grown, hash_of(b, row), row);
    }
    rwith__rows_free(&b->mem, slots);
    *slots = grown;
    return true;
}

static uint64_t operation_hash(const rwith_policy_builder *b, uint32_t row)
{
    const struct rwith__draft_operation *o =
        rwith__rows_at(&b->operations, row);

    return rwith__hash_mix(rwith__hash_mix(1, o->method), o->shape);
}

static uint64_t need_hash(const rwith_policy_builder *b, uint32_t row)
{
    const struct rwith__policy_need *need = rwith__rows_at(&b->needs, row);

    return rwith__hash(need->in, need, offsetof(struct rwith__policy_need, in));
}

static uint64_t members_hash(const rwith_policy_builder *b, uint32_t row)
{
    rwith_members *const *members = rwith__rows_at(&b->members, row);

    return rwith__members_hash(*members);
}

/* --- templates ----------------------------------------------------------- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = rwith__ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int rwith__policy_escape(const char *at, const char *end)
{
    if (end - at < 3 || *at != '%') {
        return -1;
    }
    int high = hex_value(at[1]), low = hex_value(at[2]);

    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A shape that is being written. */
struct shape {
    char bytes[RWITH_POLICY_TEMPLATE_MAX];
    size_t len;
    size_t segments;
};

/* One byte of a template, decoded; false where no template has it. */
static bool shape_byte(struct shape *shape, const char **at, const char *end)
{
    int byte = rwith__policy_escape(*at, end);

    if (byte >= 0) {
        *at += 3;
    } else {
        byte = (unsigned char)*(*at)++;
        if (byte == '?' || byte == '#' || byte == '}') {
            return false;
        }
    }
    if (byte < 0x20 || byte == 0x7f) {
        return false;
    }
    shape->bytes[shape->len++] = (char)byte;
    return true;
}

/* "/a/{b}" behind what the shape has; names of parameters are dropped. */
static bool shape_add(struct shape *shape, rwith_slice text, bool literally)
{
    /* An empty base path may be NULL, and nothing is added to that. */
    const char *at = text.len > 0 ? text.ptr : "", *end = at + text.len;

    while (at < end) {
        if (*at == '/') {
            shape->bytes[shape->len++] = RWITH__SHAPE_SEPARATOR;
            shape->segments++;
            at++;
            if (!literally && end - at == 2 && memcmp(at, "**", 2) == 0) {
                shape->bytes[shape->len++] = RWITH__SHAPE_REST;
                return true;
            }
        } else if (*at == '{' && !literally) {
            const char *close = memchr(at, '}', (size_t)(end - at));

            if (close == NULL || memchr(at, '/', (size_t)(close - at))) {
                return false;
            }
            shape->bytes[shape->len++] = RWITH__SHAPE_PARAMETER;
            at = close + 1;
        } else if (!shape_byte(shape, &at, end)) {
            return false;
        }
    }
    return true;
}

static int shape_of(struct shape *shape, rwith_slice base, rwith_slice text)
{
    shape->len = shape->segments = 0;
    if (base.len + text.len > RWITH_POLICY_TEMPLATE_MAX) {
        return RWITH_ERANGE;
    }
    if ((base.len > 0 && base.ptr[0] != '/') || text.len == 0 ||
        text.ptr[0] != '/' || !shape_add(shape, base, true) ||
        !shape_add(shape, text, false)) {
        return RWITH_EINVAL;
    }
    return shape->segments > RWITH_POLICY_SEGMENT_MAX ? RWITH_ERANGE : RWITH_OK;
}

/* --- operations ---------------------------------------------------------- */

/* The operation of that method and shape, or NONE. */
static uint32_t operation_find(const rwith_policy_builder *b, uint32_t method,
                               uint32_t shape)
{
    if (b->operation_slots.count == 0) {
        return NONE;
    }
    uint64_t hash = rwith__hash_mix(rwith__hash_mix(1, method), shape);
    const uint32_t *slots = b->operation_slots.items;
    size_t mask = b->operation_slots.count - 1;

    for (size_t at = hash & mask; slots[at] != 0; at = (at + 1) & mask) {
        const struct rwith__draft_operation *o =
            rwith__rows_at(&b->operations, slots[at] - 1);

        if (o->method == method && o->shape == shape) {
            return slots[at] - 1;
        }
    }
    return NONE;
}

/* The template with its base before it, as text. */
static bool template_keep(rwith_policy_builder *b, rwith_slice base,
                          rwith_slice text, uint32_t *ret)
{
    char whole[RWITH_POLICY_TEMPLATE_MAX];

    if (base.len > 0) {
        memcpy(whole, base.ptr, base.len);
    }
    memcpy(whole + base.len, text.ptr, text.len);
    return rwith__texts_keep(&b->mem, &b->texts,
                             (rwith_slice){ whole, base.len + text.len }, ret);
}

/* The place of a method among all. */
static int method_keep(rwith_policy_builder *b, rwith_slice method,
                       struct rwith__draft_operation *row)
{
    if (!rwith__texts_keep(&b->mem, &b->texts, method, &row->method)) {
        return RWITH_ENOMEM;
    }
    for (size_t i = 0; i < b->methods.count; i++) {
        const struct rwith__policy_method *other =
            rwith__rows_at(&b->methods, i);

        if (other->text == row->method) {
            row->method_index = (uint8_t)i;
            return RWITH_OK;
        }
    }
    if (b->methods.count >= RWITH_POLICY_METHOD_MAX) {
        return RWITH_ERANGE;
    }
    struct rwith__policy_method *made =
        rwith__rows_add(&b->mem, &b->methods, 1);
    if (made == NULL) {
        return RWITH_ENOMEM;
    }
    row->method_index = (uint8_t)(b->methods.count - 1);
    *made = rwith__policy_method(method);
    made->text = row->method;
    return RWITH_OK;
}

int rwith_policy_add_operation(rwith_policy_builder *b, rwith_slice method,
                               rwith_slice base, rwith_slice template_,
                               uint32_t *ret_operation, bool *ret_is_new)
{
    struct rwith__draft_operation row = {
        .first_need = NONE,
        .last_need = NONE,
        .first_alternative = NONE,
        .last_alternative = NONE,
        .first_media = NONE,
        .last_media = NONE,
        .body = NONE,
    };
    struct shape shape;

    if (base.len > 0 && base.ptr[base.len - 1] == '/') {
        base.len--;
    }
    int err = shape_of(&shape, base, template_);
    if (err != RWITH_OK) {
        return err;
    }
    if (!rwith__ascii_is_token(method)) {
        return RWITH_EINVAL;
    }
    if (b->operations.count >= RWITH_POLICY_OPERATION_MAX) {
        return RWITH_ERANGE;
    }
    err = method_keep(b, method, &row);
    if (err != RWITH_OK) {
        return err;
    }
    if (!rwith__texts_keep(&b->mem, &b->texts,
                           (rwith_slice){ shape.bytes, shape.len },
                           &row.shape)) {
        return RWITH_ENOMEM;
    }
    uint32_t found = operation_find(b, row.method, row.shape);
    bool is_new = found == NONE;

    if (is_new) {
        found = (uint32_t)b->operations.count;
        if (!template_keep(b, base, template_, &row.template_) ||
            !slots_reserve(b, &b->operation_slots, found, operation_hash)) {
            return RWITH_ENOMEM;
        }
        struct rwith__draft_operation *made =
            rwith__rows_add(&b->mem, &b->operations, 1);
        if (made == NULL) {
            return RWITH_ENOMEM;
        }
        *made = row;
        slots_place(&b->operation_slots, operation_hash(b, found), found);
    }
    *ret_operation = found;
    if (ret_is_new != NULL) {
        *ret_is_new = is_new;
    }
    return RWITH_OK;
}

static struct rwith__draft_operation *operation_at(
    const rwith_policy_builder *b, uint32_t operation)
{
    return operation < b->operations.count
               ? rwith__rows_at(&b->operations, operation)
               : NULL;
}

/* --- needs --------------------------------------------------------------- */

/* The number of that very need, made if it is not there. */
static int need_keep(rwith_policy_builder *b, const rwith_policy_need *need,
                     uint32_t *ret)
{
    struct rwith__policy_need row = { .in = (uint8_t)need->in,
                                      .flags = (uint8_t)need->flags };

    if (!rwith__texts_keep(&b->mem, &b->texts, need->name, &row.name) ||
        !rwith__texts_keep(&b->mem, &b->texts, need->hint.description,
                           &row.description) ||
        !rwith__texts_keep(&b->mem, &b->texts, need->hint.schema,
                           &row.schema) ||
        !rwith__texts_keep(&b->mem, &b->texts, need->hint.example,
                           &row.example) ||
        !slots_reserve(b, &b->need_slots, b->needs.count, need_hash)) {
        return RWITH_ENOMEM;
    }
    size_t same = offsetof(struct rwith__policy_need, in);
    uint64_t hash = rwith__hash(row.in, &row, same);
    const uint32_t *slots = b->need_slots.items;
    size_t mask = b->need_slots.count - 1;

    for (size_t at = hash & mask; slots[at] != 0; at = (at + 1) & mask) {
        const struct rwith__policy_need *other =
            rwith__rows_at(&b->needs, slots[at] - 1);

        if (other->in == row.in && other->flags == row.flags &&
            memcmp(other, &row, same) == 0) {
            *ret = slots[at] - 1;
            return RWITH_OK;
        }
    }
    struct rwith__policy_need *made = rwith__rows_add(&b->mem, &b->needs, 1);
    if (made == NULL) {
        return RWITH_ENOMEM;
    }
    *made = row;
    *ret = (uint32_t)b->needs.count - 1;
    slots_place(&b->need_slots, hash, *ret);
    return RWITH_OK;
}

/* Is the draft's need about the same place and name? */
static bool need_is_same(const rwith_policy_builder *b, uint32_t kept,
                         const rwith_policy_need *need)
{
    const struct rwith__policy_need *row = rwith__rows_at(&b->needs, kept);
    rwith_requirement one = { .in = (rwith_place)row->in,
                              .name = rwith__texts_at(&b->texts, row->name) };
    rwith_requirement other = { .in = need->in, .name = need->name };

    return rwith_requirement_equal(&one, &other);
}

static bool need_is_valid(const rwith_policy_need *need)
{
    return need->in < RWITH_PLACE_COUNT && need->in != RWITH_IN_BODY &&
           need->flags < RWITH_NEED_BODILESS << 1 &&
           rwith_requirement_name_ok(need->in, need->name);
}

/* Give an operation a need, once; ret_bit: its place among them. */
static int operation_need(rwith_policy_builder *b, uint32_t operation,
                          const rwith_policy_need *need, bool of_alternative,
                          unsigned *ret_bit)
{
    struct rwith__draft_operation *o = operation_at(b, operation);
    bool is_bodiless = (need->flags & RWITH_NEED_BODILESS) != 0;
    unsigned bit = 0;
    uint32_t kept;

    if (o == NULL || !need_is_valid(need)) {
        return RWITH_EINVAL;
    }
    for (uint32_t n = o->first_need; n != NONE; bit++) {
        struct rwith__draft_need *row = rwith__rows_at(&b->need_lists, n);

        if (need_is_same(b, row->need, need)) {
            row->of_alternative = row->of_alternative && of_alternative;
            row->bodiless = row->bodiless && is_bodiless;
            *ret_bit = bit;
            return RWITH_OK;
        }
        n = row->next;
    }
    if (o->need_count >= RWITH_POLICY_NEED_MAX) {
        return RWITH_EFULL;
    }
    int err = need_keep(b, need, &kept);
    if (err != RWITH_OK) {
        return err;
    }
    uint32_t made = (uint32_t)b->need_lists.count;
    struct rwith__draft_need *row = rwith__rows_add(&b->mem, &b->need_lists, 1);
    if (row == NULL) {
        return RWITH_ENOMEM;
    }
    *row =
        (struct rwith__draft_need){ kept, NONE, of_alternative, is_bodiless };
    if (o->last_need == NONE) {
        o->first_need = made;
    } else {
        struct rwith__draft_need *last =
            rwith__rows_at(&b->need_lists, o->last_need);
        last->next = made;
    }
    o->last_need = made;
    o->need_count++;
    *ret_bit = bit;
    return RWITH_OK;
}

int rwith_policy_add_need(rwith_policy_builder *b, uint32_t operation,
                          const rwith_policy_need *need)
{
    unsigned bit;

    return operation_need(b, operation, need, false, &bit);
}

int rwith_policy_add_alternative(rwith_policy_builder *b, uint32_t operation,
                                 const rwith_policy_need *needs, size_t count)
{
    struct rwith__draft_operation *o = operation_at(b, operation);
    uint64_t mask = 0;

    if (o == NULL) {
        return RWITH_EINVAL;
    }
    if (o->alternative_count >= RWITH_POLICY_ALTERNATIVE_MAX) {
        return RWITH_EFULL;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned bit = 0;
        int err = operation_need(b, operation, &needs[i], true, &bit);

        /* Needs of a refused alternative stay, but nothing asks for them. */
        if (err != RWITH_OK) {
            return err;
        }
        mask |= (uint64_t)1 << bit;
    }
    uint32_t made = (uint32_t)b->alternatives.count;
    struct rwith__draft_alternative *row =
        rwith__rows_add(&b->mem, &b->alternatives, 1);
    if (row == NULL) {
        return RWITH_ENOMEM;
    }
    *row = (struct rwith__draft_alternative){ mask, NONE };
    if (o->last_alternative == NONE) {
        o->first_alternative = made;
    } else {
        struct rwith__draft_alternative *last =
            rwith__rows_at(&b->alternatives, o->last_alternative);
        last->next = made;
    }
    o->last_alternative = made;
    o->alternative_count++;
    return RWITH_OK;
}

/* --- bodies -------------------------------------------------------------- */

int rwith_policy_require_body(rwith_policy_builder *b, uint32_t operation,
                              const rwith_hint *hint)
{
    struct rwith__draft_operation *o = operation_at(b, operation);
    rwith_policy_need need = { .in = RWITH_IN_BODY };

    if (o == NULL) {
        return RWITH_EINVAL;
    }
    if (hint != NULL) {
        need.hint = *hint;
    }
    int err = o->body == NONE ? need_keep(b, &need, &o->body) : RWITH_OK;

    if (err == RWITH_OK) {
        o->body_required = true;
    }
    return err;
}

int rwith_policy_add_members(rwith_policy_builder *b,
                             const rwith_members_draft *draft,
                             uint32_t *ret_members)
{
    rwith_members *made = NULL;
    uint32_t count = (uint32_t)b->members.count;

    if (rwith_members_draft_is_empty(draft)) {
        *ret_members = RWITH_MEMBERS_NONE;
        return RWITH_OK;
    }
    if (!slots_reserve(b, &b->member_slots, count, members_hash) ||
        rwith_members_new(&b->mem, draft, &made) != RWITH_OK) {
        return RWITH_ENOMEM;
    }
    uint64_t hash = rwith__members_hash(made);
    const uint32_t *slots = b->member_slots.items;
    size_t mask = b->member_slots.count - 1;

    for (size_t at = hash & mask; slots[at] != 0; at = (at + 1) & mask) {
        rwith_members **other = rwith__rows_at(&b->members, slots[at] - 1);

        if (rwith__members_equal(*other, made)) {
            *ret_members = slots[at] - 1;
            rwith_members_free(made);
            return RWITH_OK;
        }
    }
    rwith_members **row = rwith__rows_add(&b->mem, &b->members, 1);
    if (row == NULL) {
        rwith_members_free(made);
        return RWITH_ENOMEM;
    }
    *row = made;
    *ret_members = count;
    slots_place(&b->member_slots, hash, count);
    return RWITH_OK;
}

int rwith_policy_add_media(rwith_policy_builder *b, uint32_t operation,
                           rwith_slice range, unsigned formats,
                           uint32_t members)
{
    struct rwith__draft_operation *o = operation_at(b, operation);
    rwith_slice type = { range.ptr, 0 };
    struct rwith__draft_media media = { .next = NONE };

    while (type.len < range.len && range.ptr[type.len] != ';') {
        type.len++;
    }
    type = rwith_slice_trim(type);
    if (o == NULL || type.len == 0 || memchr(type.ptr, '/', type.len) == NULL ||
        (members != RWITH_MEMBERS_NONE && members >= b->members.count)) {
        return RWITH_EINVAL;
    }
    if (o->media_count == RWITH_POLICY_MEDIA_MAX) {
        return RWITH_EFULL;
    }
    media.media.members = members;
    media.media.formats = formats & RWITH_BODY_FORMAT_ALL;
    if (!rwith__texts_keep(&b->mem, &b->texts, type, &media.media.range)) {
        return RWITH_ENOMEM;
    }
    uint32_t made = (uint32_t)b->media.count;
    struct rwith__draft_media *row = rwith__rows_add(&b->mem, &b->media, 1);
    if (row == NULL) {
        return RWITH_ENOMEM;
    }
    *row = media;
    if (o->last_media == NONE) {
        o->first_media = made;
    } else {
        struct rwith__draft_media *last =
            rwith__rows_at(&b->media, o->last_media);
        last->next = made;
    }
    o->last_media = made;
    o->media_count++;
    return RWITH_OK;
}

bool rwith__policy_has_media(const rwith_policy_builder *b, uint32_t operation)
{
    const struct rwith__draft_operation *o = operation_at(b, operation);

    return o != NULL && o->first_media != NONE;
}
