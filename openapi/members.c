/*
 * A body's schema as a tree of members (retrywith/member.h): what must be
 * there, level by level, so that what a limit cuts off is the deepest.
 * How values are found in a body is body/'s work.
 */
#include "openapi/reader.h"

#include <string.h>

#define WORK_MAX 4096 /* places of one body */

static const rwith_slice nothing = { NULL, 0 };

/* One place in the body, with the schemas that hold there. */
struct work {
    struct work *next;
    struct work *outer; /* the place around it, or what it is a choice of */
    tree_node *first;   /* the schema it began with */
    schema_set set;
    uint32_t path;
    uint32_t within;
    unsigned depth;
    bool is_same_place; /* an alternative: outer's properties are its own */
};

struct members {
    reader *r;
    rwith_members_draft *draft;
    rwith_body_format format;
    tree_node *media;
    struct work *head, **tail;
    size_t work_count;
    bool is_full; /* a limit was reached: what follows is not judged */
};

/* What a name became in the body. */
struct place {
    rwith_member_kind kind;
    rwith_slice name;
    bool repeats;
};

static bool limit_reached(struct members *m, const tree_node *node)
{
    if (!m->is_full) {
        rwith__reader_warn(m->r, node,
                           "a body has too many members; the deepest are not "
                           "judged",
                           nothing);
    }
    m->is_full = true;
    return true;
}

/* Judge what the draft said. @return false: reading must end */
static bool accepted(struct members *m, int err, const tree_node *node)
{
    if (err == RWITH_ERANGE || err == RWITH_EFULL) {
        return limit_reached(m, node);
    }
    if (err == RWITH_EINVAL) {
        rwith__reader_warn(m->r, node, "a member of that name is not judged",
                           node->key);
        return true;
    }
    if (err != RWITH_OK) {
        m->r->err = err;
    }
    return err == RWITH_OK;
}

static bool add_path(struct members *m, uint32_t parent,
                     const struct place *place, const tree_node *node,
                     uint32_t *ret)
{
    *ret = RWITH_MEMBERS_NONE;
    return accepted(m,
                    rwith_members_draft_path(m->draft, parent, place->kind,
                                             place->name, place->repeats, ret),
                    node);
}

/* Does this schema, or one that it is part of, already lead here? */
static bool is_inside_itself(struct members *m, const struct work *outer,
                             const tree_node *first)
{
    for (; outer != NULL; outer = outer->outer) {
        m->r->counts.steps++;
        if (outer->first == first) {
            return true;
        }
    }
    return false;
}

static tree_node *resolved(reader *r, tree_node *schema)
{
    schema = rwith__tree_follow(schema);
    if (schema != NULL && r->is_31 && schema->count > 1) {
        return schema;
    }
    return rwith__refs_follow(r, schema);
}

/* Put a place in line. @a defined: its definitions, one at least. */
static bool push(struct members *m, struct work *outer, uint32_t path,
                 uint32_t within, tree_node *const *defined, size_t count,
                 bool is_same_place)
{
    if (path == RWITH_MEMBERS_NONE || m->is_full) {
        return true;
    }
    tree_node *first = resolved(m->r, defined[0]);
    if (first == NULL) {
        return m->r->err == RWITH_OK;
    }
    if (is_inside_itself(m, outer, first)) {
        rwith__reader_warn(m->r, first,
                           "a schema inside itself is judged once, not in "
                           "its repetitions",
                           nothing);
        return true;
    }
    if (++m->work_count > WORK_MAX) {
        return limit_reached(m, first);
    }
    struct work *work = rwith__tree_take(&m->r->arena, sizeof(*work));
    if (work == NULL) {
        rwith__reader_no_memory(m->r, first);
        return false;
    }
    *work = (struct work){ .outer = outer,
                           .first = first,
                           .path = path,
                           .within = within,
                           .depth = outer != NULL ? outer->depth + 1 : 0,
                           .is_same_place = is_same_place };
    for (size_t i = 0; i < count; i++) {
        if (!rwith__schema_flatten(m->r, &work->set, defined[i])) {
            return false;
        }
    }
    *m->tail = work;
    m->tail = &work->next;
    return true;
}

/* All definitions of a property at this place: its own, and when it is an
 * alternative those of what it is an alternative of. */
static size_t definitions(struct members *m, const struct work *work,
                          rwith_slice name, tree_node **ret, size_t max)
{
    size_t count = 0;

    for (const struct work *at = work; at != NULL; at = at->outer) {
        for (size_t i = 0; i < at->set.count && count < max; i++) {
            tree_node *properties =
                rwith__tree_get(&m->r->arena, at->set.schemas[i], "properties");
            tree_node *node = rwith__tree_find(&m->r->arena, properties, name);

            m->r->counts.steps++;
            if (node != NULL && node->kind == NODE_OBJECT) {
                ret[count++] = node;
            }
        }
        if (!at->is_same_place) {
            break;
        }
    }
    return count;
}

#define DEFINITION_MAX 16 /* of one property in schemas that hold together */

static bool is_read_only(struct members *m, tree_node *const *defined,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rwith__schema_is_read_only(m->r, defined[i])) {
            return true;
        }
    }
    return false;
}

/* --- names in XML ----------------------------------------------------- */

static tree_node *xml_of(struct members *m, tree_node *schema)
{
    schema_set set = { NULL, 0, 0 };

    if (schema == NULL || !rwith__schema_flatten(m->r, &set, schema)) {
        return NULL;
    }
    for (size_t i = 0; i < set.count; i++) {
        tree_node *xml = rwith__tree_get(&m->r->arena, set.schemas[i], "xml");

        if (xml != NULL) {
            return xml;
        }
    }
    return NULL;
}

static rwith_slice xml_name(struct members *m, tree_node *schema,
                            rwith_slice otherwise)
{
    rwith_slice name =
        rwith__tree_text(&m->r->arena, xml_of(m, schema), "name");

    /* Elements are compared by their local names. */
    for (size_t i = name.len; i > 0; i--) {
        if (name.ptr[i - 1] == ':') {
            name = (rwith_slice){ name.ptr + i, name.len - i };
            break;
        }
    }
    return name.len > 0 ? name : otherwise;
}

static tree_node *items_of(struct members *m, tree_node *schema)
{
    schema_set set = { NULL, 0, 0 };

    if (!rwith__schema_flatten(m->r, &set, schema)) {
        return NULL;
    }
    for (size_t i = 0; i < set.count; i++) {
        tree_node *items =
            rwith__tree_get(&m->r->arena, set.schemas[i], "items");

        if (items != NULL && items->kind == NODE_OBJECT) {
            return items;
        }
    }
    return NULL;
}

static bool xml_flag(struct members *m, tree_node *schema, const char *name)
{
    return rwith__tree_is_true(
        rwith__tree_get(&m->r->arena, xml_of(m, schema), name));
}

/* An array whose elements stand beside each other, without an element
 * around them. */
static bool is_unwrapped(struct members *m, tree_node *schema)
{
    return schema != NULL &&
           rwith__schema_shapes(m->r, schema) == RWITH_SHAPE_ARRAY &&
           !xml_flag(m, schema, "wrapped");
}

static struct place place_of(struct members *m, rwith_slice name,
                             tree_node *schema)
{
    struct place place = { RWITH_MEMBER_NAME, name, false };

    if (m->format != RWITH_BODY_XML || schema == NULL) {
        return place;
    }
    if (is_unwrapped(m, schema)) {
        place.name = xml_name(m, items_of(m, schema), name);
        place.repeats = true;
        return place;
    }
    place.name = xml_name(m, schema, name);
    if (xml_flag(m, schema, "attribute")) {
        place.kind = RWITH_MEMBER_ATTRIBUTE;
    }
    return place;
}

/* --- what a schema says ------------------------------------------------ */

/* Can the presence of a field of a form be told by its name? */
static bool is_judged_in_form(struct members *m, rwith_slice name,
                              tree_node *schema)
{
    tree_node *encoding = rwith__tree_find(
        &m->r->arena, rwith__tree_get(&m->r->arena, m->media, "encoding"),
        name);

    if (m->format != RWITH_BODY_FORM) {
        return true;
    }
    if (rwith_slice_equal(rwith__tree_text(&m->r->arena, encoding, "style"),
                          RWITH_LIT("deepObject"))) {
        return false;
    }
    return schema == NULL || !rwith__schema_is_object(m->r, schema) ||
           rwith__tree_get(&m->r->arena, encoding, "contentType") != NULL;
}

static bool names(tree_node *required, rwith_slice name)
{
    if (required == NULL || required->kind != NODE_ARRAY) {
        return false;
    }
    for (tree_node *node = required->first; node != NULL; node = node->next) {
        const tree_node *word = rwith__tree_follow(node);

        if (word->kind == NODE_STRING && rwith_slice_equal(word->text, name)) {
            return true;
        }
    }
    return false;
}

/* Is it needed whatever the alternative?  Then it is said once, outside. */
static bool is_needed_anyway(struct members *m, const struct work *work,
                             rwith_slice name)
{
    while (work->is_same_place) {
        work = work->outer;
        for (size_t i = 0; i < work->set.count; i++) {
            tree_node *required =
                rwith__tree_get(&m->r->arena, work->set.schemas[i], "required");

            m->r->counts.steps +=
                1u + (required != NULL ? (uint32_t)required->count : 0u);
            if (names(required, name)) {
                return true;
            }
        }
    }
    return false;
}

static bool add_need(struct members *m, struct work *work, tree_node *word)
{
    tree_node *defined[DEFINITION_MAX];
    size_t count = definitions(m, work, word->text, defined, DEFINITION_MAX);
    tree_node *schema = count > 0 ? defined[0] : NULL;
    uint32_t path;

    if (is_needed_anyway(m, work, word->text) ||
        is_read_only(m, defined, count)) {
        return m->r->err == RWITH_OK;
    }
    if (!is_judged_in_form(m, word->text, schema)) {
        rwith__reader_warn(m->r, word,
                           "a required object in a form has no name of its "
                           "own there; it is not judged",
                           word->text);
        return true;
    }
    if (m->format == RWITH_BODY_XML && is_unwrapped(m, schema)) {
        rwith__reader_warn(m->r, word,
                           "a required array without an element around it "
                           "may be empty; it is not judged",
                           word->text);
        return true;
    }
    struct place place = place_of(m, word->text, schema);
    if (!add_path(m, work->path, &place, word, &path)) {
        return false;
    }
    if (path == RWITH_MEMBERS_NONE) {
        return true;
    }
    rwith_hint hint = rwith__hint_of(m->r, NULL, schema);
    return accepted(
        m, rwith_members_draft_need(m->draft, work->within, path, &hint), word);
}

static bool add_needs(struct members *m, struct work *work, tree_node *schema)
{
    tree_node *required = rwith__tree_get(&m->r->arena, schema, "required");

    if (required == NULL) {
        return true;
    }
    if (required->kind != NODE_ARRAY) {
        rwith__reader_warn(m->r, required,
                           "\"required\" of a schema is not a list of names",
                           nothing);
        return true;
    }
    for (tree_node *node = required->first; node != NULL; node = node->next) {
        tree_node *word = rwith__tree_follow(node);

        if (!rwith__reader_step(m->r, node)) {
            return false;
        }
        if (word->kind == NODE_STRING && !add_need(m, work, word)) {
            return false;
        }
    }
    return true;
}

/* Where the elements of an array are: one or two steps below. */
static bool push_xml_items(struct members *m, struct work *work, uint32_t path,
                           tree_node *schema, rwith_slice name)
{
    tree_node *items = items_of(m, schema);
    struct place place = { RWITH_MEMBER_NAME, xml_name(m, items, name), true };
    uint32_t inner = path;

    if (items == NULL) {
        return true;
    }
    if (!is_unwrapped(m, schema) &&
        !add_path(m, path, &place, schema, &inner)) {
        return false;
    }
    return push(m, work, inner, work->within, &items, 1, false);
}

static bool add_property(struct members *m, struct work *work,
                         tree_node *property)
{
    tree_node *defined[DEFINITION_MAX];
    size_t count = definitions(m, work, property->key, defined, DEFINITION_MAX);
    bool has_needs = false;
    uint32_t path;

    for (size_t i = 0; i < count; i++) {
        has_needs = has_needs || rwith__schema_has_needs(m->r, defined[i]);
    }
    if (!has_needs || is_read_only(m, defined, count)) {
        return m->r->err == RWITH_OK;
    }
    struct place place = place_of(m, property->key, defined[0]);
    if (!add_path(m, work->path, &place, property, &path)) {
        return false;
    }
    if (path != RWITH_MEMBERS_NONE && m->format == RWITH_BODY_XML &&
        rwith__schema_shapes(m->r, defined[0]) == RWITH_SHAPE_ARRAY) {
        return push_xml_items(m, work, path, defined[0], place.name);
    }
    return push(m, work, path, work->within, defined, count, false);
}

static bool add_properties(struct members *m, struct work *work,
                           tree_node *schema)
{
    tree_node *properties = rwith__tree_get(&m->r->arena, schema, "properties");

    if (properties == NULL || properties->kind != NODE_OBJECT) {
        return true;
    }
    for (tree_node *node = properties->first; node != NULL; node = node->next) {
        if (m->is_full) {
            return true;
        }
        if (!rwith__reader_step(m->r, node) || !add_property(m, work, node)) {
            return false;
        }
    }
    return true;
}

/* "items" and "additionalProperties". */
static bool add_every(struct members *m, struct work *work, tree_node *schema,
                      const char *keyword, rwith_member_kind kind)
{
    tree_node *every = rwith__tree_get(&m->r->arena, schema, keyword);
    struct place place = { kind, { NULL, 0 }, true };
    uint32_t path;

    if (!rwith__schema_has_needs(m->r, every)) {
        return m->r->err == RWITH_OK;
    }
    return add_path(m, work->path, &place, every, &path) &&
           push(m, work, path, work->within, &every, 1, false);
}

/* Is one alternative satisfied by anything that another would take? */
static bool is_free_choice(struct members *m, tree_node *list)
{
    unsigned needed = 0, offered = 0;

    for (tree_node *node = list->first; node != NULL; node = node->next) {
        unsigned shapes = rwith__schema_shapes(m->r, node);

        if (rwith__schema_has_needs(m->r, node)) {
            needed |= shapes;
        } else {
            offered |= shapes;
        }
    }
    return (needed & ~offered) == 0;
}

static bool add_choice(struct members *m, struct work *work, tree_node *schema,
                       const char *keyword)
{
    tree_node *list = rwith__tree_get(&m->r->arena, schema, keyword);
    uint32_t choice = RWITH_MEMBERS_NONE;

    if (list == NULL || list->kind != NODE_ARRAY || list->count < 2) {
        return true;
    }
    if (list->count > RWITH_OPENAPI_ALTERNATIVE_MAX) {
        rwith__reader_fail(m->r, RWITH_ERANGE, list,
                           "more alternatives than are looked at", nothing);
        return false;
    }
    if (is_free_choice(m, list)) {
        return m->r->err == RWITH_OK;
    }
    if (!accepted(m,
                  rwith_members_draft_choice(m->draft, work->within, work->path,
                                             &choice),
                  list)) {
        return false;
    }
    for (tree_node *node = list->first;
         node != NULL && choice != RWITH_MEMBERS_NONE; node = node->next) {
        uint32_t alternative = RWITH_MEMBERS_NONE;
        unsigned shapes = rwith__schema_shapes(m->r, node);

        if (!accepted(m,
                      rwith_members_draft_alternative(m->draft, choice, shapes,
                                                      &alternative),
                      node)) {
            return false;
        }
        if (alternative != RWITH_MEMBERS_NONE &&
            !push(m, work, work->path, alternative, &node, 1, true)) {
            return false;
        }
    }
    return true;
}

/* What is known, and cannot be judged by presence. */
static void warn_of_others(struct members *m, tree_node *schema)
{
    static const char *const keywords[] = {
        "patternProperties",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "if",
        "prefixItems",
        "$dynamicRef",
    };

    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        tree_node *node = rwith__tree_get(&m->r->arena, schema, keywords[i]);

        if (node != NULL) {
            rwith__reader_warn(m->r, node,
                               "what this keyword requires is not judged",
                               rwith_slice_of(keywords[i]));
        }
    }
}

static bool add_schema(struct members *m, struct work *work, tree_node *schema)
{
    bool is_nested =
        m->format == RWITH_BODY_JSON || m->format == RWITH_BODY_XML;

    warn_of_others(m, schema);
    if (!add_needs(m, work, schema) || !add_choice(m, work, schema, "oneOf") ||
        !add_choice(m, work, schema, "anyOf")) {
        return false;
    }
    if (!is_nested) {
        return true;
    }
    if (m->format == RWITH_BODY_JSON &&
        !add_every(m, work, schema, "items", RWITH_MEMBER_ITEM)) {
        return false;
    }
    return add_properties(m, work, schema) &&
           add_every(m, work, schema, "additionalProperties", RWITH_MEMBER_ANY);
}

/*
 * Where the schema begins: the body itself, or in XML the root element,
 * which must have its name when the document gives it one.
 */
static bool begin(struct members *m, tree_node *schema)
{
    struct place place = { RWITH_MEMBER_ANY, { NULL, 0 }, true };
    uint32_t path = RWITH_MEMBERS_ROOT;

    if (m->format != RWITH_BODY_XML) {
        return push(m, NULL, path, RWITH_MEMBERS_ROOT, &schema, 1, false);
    }
    rwith_slice name = xml_name(m, schema, nothing);
    if (name.len > 0) {
        place = (struct place){ RWITH_MEMBER_NAME, name, false };
    }
    if (!add_path(m, RWITH_MEMBERS_ROOT, &place, schema, &path)) {
        return false;
    }
    if (rwith__schema_shapes(m->r, schema) == RWITH_SHAPE_ARRAY) {
        return true; /* its element has no name that all agree on */
    }
    return push(m, NULL, path, RWITH_MEMBERS_ROOT, &schema, 1, false);
}

static bool fill(struct members *m, tree_node *schema)
{
    if (!begin(m, schema)) {
        return false;
    }
    for (struct work *work = m->head; work != NULL; work = work->next) {
        for (size_t i = 0; i < work->set.count; i++) {
            if (!rwith__reader_step(m->r, work->first) ||
                !add_schema(m, work, work->set.schemas[i])) {
                return false;
            }
        }
    }
    return true;
}

static uint32_t build(reader *r, tree_node *media, tree_node *schema,
                      rwith_body_format format)
{
    struct members m = { .r = r, .format = format, .media = media };
    uint32_t ret = RWITH_MEMBERS_NONE;
    int err = rwith_members_draft_new(r->options.mem, &m.draft);

    if (err != RWITH_OK) {
        r->err = err;
        return ret;
    }
    m.tail = &m.head;
    if (fill(&m, schema) && !rwith_members_draft_is_empty(m.draft)) {
        err = rwith_policy_add_members(r->builder, m.draft, &ret);
        if (err != RWITH_OK) {
            r->err = err;
        }
    }
    rwith_members_draft_free(m.draft);
    return ret;
}

uint32_t rwith__members_read(reader *r, tree_node *media,
                             rwith_body_format format)
{
    tree_node *schema = rwith__tree_get(&r->arena, media, "schema");
    tree_node *key = schema;

    if (format == RWITH_BODY_OTHER || !rwith__schema_has_needs(r, schema)) {
        return RWITH_MEMBERS_NONE;
    }
    if (rwith__tree_get(&r->arena, media, "encoding") != NULL) {
        key = media;
    } else if (resolved(r, schema) != NULL) {
        key = resolved(r, schema);
    }
    uint64_t *known =
        rwith__reader_remember(r, &r->bodies, key, (uint64_t)format);
    if (known == NULL) {
        return RWITH_MEMBERS_NONE;
    }
    if (*known != 0) {
        return (uint32_t)(*known - 1);
    }
    uint32_t members = build(r, media, schema, format);
    known = rwith__reader_remember(r, &r->bodies, key, (uint64_t)format);
    if (known != NULL) {
        *known = (uint64_t)members + 1;
    }
    return members;
}
