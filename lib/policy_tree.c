/*
 * policy_tree.c: the tree of path segments.  While it grows, all concrete
 * children lie in one hash table; laid out, each node has a small one of its
 * own, and a node is a line of cache with its segment: a step of the walk
 * costs one miss, and none where a parameter stands between two literals.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/policy_tree.h"

enum node_kind { NODE_CONCRETE, NODE_PARAMETER, NODE_REST, NODE_PATTERN };

/* A node while the tree grows; parents come before their children. */
struct node_row {
    uint32_t parent;
    enum node_kind kind;
    uint32_t at; /* the segment in the bytes */
    uint32_t len;
    uint64_t hash;
    uint32_t parameter; /* child, or NONE */
    uint32_t rest;
    uint32_t children; /* the first of concrete_count */
    uint32_t concrete_count;
    uint32_t pattern_count;
    uint8_t bits, shift; /* of the table of children */
    uint32_t more;       /* or NONE */
};

/* A concrete child. */
struct slot_row {
    uint32_t key;   /* hash of parent and segment */
    uint32_t child; /* NONE: the slot is free */
};

/* A pattern, and where it belongs. */
struct pattern_row {
    struct rwith__policy_pattern pattern;
    uint32_t parent;
    uint32_t literals; /* bytes that are no parameter */
    uint32_t order;
};

struct entry_row {
    struct rwith__policy_entry entry;
    uint32_t node;
};

#define TABLE_TRIES 32 /* shifts, for the one with the fewest collisions */

static struct node_row *node_at(const struct rwith__policy_tree *t, uint32_t i)
{
    return rwith__rows_at(&t->nodes, i);
}

static const char *bytes_at(const struct rwith__policy_tree *t, uint32_t at)
{
    return rwith__rows_at(&t->texts->bytes, at);
}

/* A key of bytes behind which there may be none. */
static struct rwith__policy_key key_of(rwith_slice segment)
{
    char few[RWITH__KEY_LEN] = { 0 };

    if (segment.len < RWITH__KEY_LEN) {
        if (segment.len > 0) {
            memcpy(few, segment.ptr, segment.len);
        }
        segment.ptr = few;
    }
    return rwith__policy_key(segment);
}

static uint32_t node_add(struct rwith__policy_tree *t,
                         const struct node_row *row)
{
    struct node_row *node = rwith__rows_add(t->mem, &t->nodes, 1);

    if (node == NULL) {
        return RWITH__NODE_NONE;
    }
    *node = *row;
    node->parameter = node->rest = node->more = RWITH__NODE_NONE;
    return (uint32_t)t->nodes.count - 1;
}

static void slot_place(struct rwith__rows *slots, const struct slot_row *slot)
{
    size_t mask = slots->count - 1, at = slot->key & mask;
    struct slot_row *rows = slots->items;

    while (rows[at].child != RWITH__NODE_NONE) {
        at = (at + 1) & mask;
    }
    rows[at] = *slot;
}

/* Twice as many slots, three in four of them free at first. */
static bool slots_grow(struct rwith__policy_tree *t)
{
    struct rwith__rows grown = { .size = sizeof(struct slot_row) };
    size_t count = t->slots.count > 0 ? t->slots.count * 2 : 16;
    struct slot_row *rows = rwith__rows_add(t->mem, &grown, count);

    if (rows == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].child = RWITH__NODE_NONE;
    }
    const struct slot_row *old = t->slots.items;
    for (size_t i = 0; i < t->slots.count; i++) {
        if (old[i].child != RWITH__NODE_NONE) {
            slot_place(&grown, &old[i]);
        }
    }
    rwith__rows_free(t->mem, &t->slots);
    t->slots = grown;
    return true;
}

static bool is_child(const struct rwith__policy_tree *t, uint32_t child,
                     uint32_t parent, rwith_slice segment)
{
    const struct node_row *node = node_at(t, child);

    return node->parent == parent && node->len == segment.len &&
           memcmp(bytes_at(t, node->at), segment.ptr, segment.len) == 0;
}

/* The child for that literal segment, made if need be; or NONE. */
static uint32_t concrete_child(struct rwith__policy_tree *t,
                               const struct node_row *row)
{
    rwith_slice segment = { bytes_at(t, row->at), row->len };
    uint32_t key = (uint32_t)rwith__hash_mix(row->parent, row->hash);

    if ((t->slots_used + 1) * 2 > t->slots.count && !slots_grow(t)) {
        return RWITH__NODE_NONE;
    }
    const struct slot_row *slots = t->slots.items;
    size_t mask = t->slots.count - 1;

    for (size_t i = key & mask; slots[i].child != RWITH__NODE_NONE;
         i = (i + 1) & mask) {
        if (slots[i].key == key &&
            is_child(t, slots[i].child, row->parent, segment)) {
            return slots[i].child;
        }
    }
    uint32_t made = node_add(t, row);
    if (made != RWITH__NODE_NONE) {
        slot_place(&t->slots, &(struct slot_row){ key, made });
        t->slots_used++;
        node_at(t, row->parent)->concrete_count++;
    }
    return made;
}

/* The same for a segment of parameters and literal text. */
static uint32_t pattern_child(struct rwith__policy_tree *t,
                              const struct node_row *row)
{
    const char *text = bytes_at(t, row->at);
    uint32_t literals = 0;

    for (size_t i = 0; i < t->patterns.count; i++) {
        const struct pattern_row *other = rwith__rows_at(&t->patterns, i);

        if (is_child(t, other->pattern.child, row->parent,
                     (rwith_slice){ text, row->len })) {
            return other->pattern.child;
        }
    }
    for (uint32_t i = 0; i < row->len; i++) {
        literals += text[i] != RWITH__SHAPE_PARAMETER;
    }
    uint32_t made = node_add(t, row);
    struct pattern_row *pattern = rwith__rows_add(t->mem, &t->patterns, 1);
    if (made == RWITH__NODE_NONE || pattern == NULL) {
        return RWITH__NODE_NONE;
    }
    *pattern = (struct pattern_row){
        .pattern = { .child = made, .at = row->at, .len = row->len },
        .parent = row->parent,
        .literals = literals,
        .order = (uint32_t)t->patterns.count,
    };
    while (text[pattern->pattern.prefix_len] != RWITH__SHAPE_PARAMETER) {
        pattern->pattern.prefix_len++;
    }
    node_at(t, row->parent)->pattern_count++;
    return made;
}

/* The child for a whole parameter or for any rest. */
static uint32_t other_child(struct rwith__policy_tree *t,
                            const struct node_row *row)
{
    const struct node_row *parent = node_at(t, row->parent);
    bool is_rest = row->kind == NODE_REST;
    uint32_t child = is_rest ? parent->rest : parent->parameter;

    if (child == RWITH__NODE_NONE) {
        child = node_add(t, row);
        struct node_row *grown = node_at(t, row->parent);
        *(is_rest ? &grown->rest : &grown->parameter) = child;
    }
    return child;
}

static uint32_t child_of(struct rwith__policy_tree *t, uint32_t parent,
                         uint32_t at, uint32_t len)
{
    const char *text = bytes_at(t, at);
    struct node_row row = { .parent = parent, .at = at, .len = len };

    if (len == 1 &&
        (text[0] == RWITH__SHAPE_REST || text[0] == RWITH__SHAPE_PARAMETER)) {
        row.kind = text[0] == RWITH__SHAPE_REST ? NODE_REST : NODE_PARAMETER;
        return other_child(t, &row);
    }
    if (len > 0 && memchr(text, RWITH__SHAPE_PARAMETER, len) != NULL) {
        row.kind = NODE_PATTERN;
        return pattern_child(t, &row);
    }
    row.kind = NODE_CONCRETE;
    row.hash = key_of((rwith_slice){ text, len }).hash;
    return concrete_child(t, &row);
}

bool rwith__policy_tree_init(struct rwith__policy_tree *t,
                             const rwith_alloc *mem,
                             const struct rwith__texts *texts)
{
    *t = (struct rwith__policy_tree){
        .mem = mem,
        .texts = texts,
        .nodes = { .size = sizeof(struct node_row) },
        .slots = { .size = sizeof(struct slot_row) },
        .patterns = { .size = sizeof(struct pattern_row) },
        .entries = { .size = sizeof(struct entry_row) },
        .children = { .size = sizeof(uint32_t) },
        .marks = { .size = sizeof(uint32_t) },
        .places = { .size = sizeof(uint32_t) },
        .more = { .size = sizeof(struct rwith__policy_more) },
    };
    return node_add(t, &(struct node_row){ .kind = NODE_REST }) !=
               RWITH__NODE_NONE &&
           slots_grow(t);
}

void rwith__policy_tree_free(struct rwith__policy_tree *t)
{
    rwith__rows_free(t->mem, &t->nodes);
    rwith__rows_free(t->mem, &t->slots);
    rwith__rows_free(t->mem, &t->patterns);
    rwith__rows_free(t->mem, &t->entries);
    rwith__rows_free(t->mem, &t->children);
    rwith__rows_free(t->mem, &t->marks);
    rwith__rows_free(t->mem, &t->places);
    rwith__rows_free(t->mem, &t->more);
}

bool rwith__policy_tree_add(struct rwith__policy_tree *t,
                            const struct rwith__text *shape, uint32_t method,
                            uint32_t operation)
{
    uint32_t node = 0, at = shape->at, end = shape->at + shape->len;

    while (at < end && node != RWITH__NODE_NONE) {
        const char *text = bytes_at(t, at + 1);
        uint32_t left = end - at - 1;
        const char *next =
            left > 0 ? memchr(text, RWITH__SHAPE_SEPARATOR, left) : NULL;
        uint32_t len = next != NULL ? (uint32_t)(next - text) : left;

        node = child_of(t, node, at + 1, len);
        at += 1 + len;
    }
    if (node == RWITH__NODE_NONE) {
        return false;
    }
    struct entry_row *row = rwith__rows_add(t->mem, &t->entries, 1);
    if (row == NULL) {
        return false;
    }
    *row = (struct entry_row){ { method, operation }, node };
    return true;
}

/* --- the layout ---------------------------------------------------------- */

static int pattern_order(const void *a, const void *b)
{
    const struct pattern_row *x = a, *y = b;

    if (x->parent != y->parent) {
        return x->parent < y->parent ? -1 : 1;
    }
    if (x->literals != y->literals) {
        return x->literals > y->literals ? -1 : 1;
    }
    return x->order < y->order ? -1 : 1;
}

static int entry_order(const void *a, const void *b)
{
    const struct entry_row *x = a, *y = b;

    if (x->node != y->node) {
        return x->node < y->node ? -1 : 1;
    }
    return x->entry.operation < y->entry.operation ? -1 : 1;
}

/* Places of a table: one child needs no free one, others one in two. */
static uint8_t table_bits(uint32_t count)
{
    uint8_t bits = 0;

    while (count > 1 && (uint64_t)1 << bits < (uint64_t)2 * count) {
        bits++;
    }
    return bits;
}

/* How many children find their place in the table taken. */
static uint32_t table_collisions(struct rwith__policy_tree *t,
                                 const struct node_row *row, unsigned shift,
                                 uint32_t mark)
{
    const uint32_t *children = rwith__rows_at(&t->children, row->children);
    uint32_t *marks = t->marks.items;
    uint32_t count = 0;

    for (uint32_t i = 0; i < row->concrete_count; i++) {
        uint32_t place = rwith__policy_place(node_at(t, children[i])->hash,
                                             row->bits, shift);

        count += marks[place] == mark;
        marks[place] = mark;
    }
    return count;
}

/* The tables that collide least. */
static bool tables_choose(struct rwith__policy_tree *t)
{
    uint32_t largest = 0, mark = 0;

    for (uint32_t i = 0; i < t->nodes.count; i++) {
        struct node_row *row = node_at(t, i);

        row->bits = table_bits(row->concrete_count);
        largest = row->bits > largest ? row->bits : largest;
    }
    if (rwith__rows_add(t->mem, &t->marks, (size_t)1 << largest) == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < t->nodes.count; i++) {
        struct node_row *row = node_at(t, i);
        uint32_t fewest = row->concrete_count > 1 ? UINT32_MAX : 0;

        for (uint8_t shift = 0; shift < TABLE_TRIES && fewest > 0; shift++) {
            uint32_t count = table_collisions(t, row, shift, ++mark);

            if (count < fewest) {
                fewest = count;
                row->shift = shift;
            }
        }
    }
    return true;
}

/* The concrete children of each node, one behind the other. */
static bool children_sort(struct rwith__policy_tree *t)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->nodes.count; i++) {
        struct node_row *row = node_at(t, i);

        row->children = count;
        count += row->concrete_count;
        row->concrete_count = 0;
    }
    if (count == 0) {
        return true;
    }
    uint32_t *children = rwith__rows_add(t->mem, &t->children, count);
    if (children == NULL) {
        return false;
    }
    for (uint32_t i = 1; i < t->nodes.count; i++) {
        if (node_at(t, i)->kind == NODE_CONCRETE) {
            struct node_row *parent = node_at(t, node_at(t, i)->parent);

            children[parent->children + parent->concrete_count++] = i;
        }
    }
    return true;
}

/* A row for each node that has children of the rarer kinds. */
static bool more_number(struct rwith__policy_tree *t)
{
    for (uint32_t i = 0; i < t->nodes.count; i++) {
        struct node_row *row = node_at(t, i);

        if (row->rest == RWITH__NODE_NONE && row->pattern_count == 0) {
            continue;
        }
        row->more = (uint32_t)t->more.count;
        if (rwith__rows_add(t->mem, &t->more, 1) == NULL) {
            return false;
        }
    }
    return true;
}

/* The entries from one on that are of one node. */
static size_t entries_of(const struct rwith__policy_tree *t, size_t first)
{
    const struct entry_row *rows = t->entries.items;
    size_t count = 1;

    while (first + count < t->entries.count &&
           rows[first + count].node == rows[first].node) {
        count++;
    }
    return count;
}

/* Do operations fit into a node: few, and numbered one after the other? */
static bool entries_fit(const struct entry_row *rows, size_t count)
{
    return count <= RWITH__NODE_METHODS &&
           rows[count - 1].entry.operation - rows[0].entry.operation ==
               count - 1;
}

bool rwith__policy_tree_close(struct rwith__policy_tree *t)
{
    if (t->patterns.count > 0) {
        qsort(t->patterns.items, t->patterns.count, sizeof(struct pattern_row),
              pattern_order);
    }
    if (t->entries.count > 0) {
        qsort(t->entries.items, t->entries.count, sizeof(struct entry_row),
              entry_order);
    }
    for (size_t i = 0, count; i < t->entries.count; i += count) {
        count = entries_of(t, i);
        if (!entries_fit(rwith__rows_at(&t->entries, i), count)) {
            t->listed += count + 1;
        }
    }
    return children_sort(t) && tables_choose(t) && more_number(t) &&
           rwith__rows_add(t->mem, &t->places, t->nodes.count) != NULL;
}

size_t rwith__policy_tree_size(const struct rwith__policy_tree *t)
{
    size_t size = RWITH__NODE_FIRST;

    for (uint32_t i = 0; i < t->nodes.count; i++) {
        const struct node_row *node = node_at(t, i);

        size += i > 0 && node->kind != NODE_CONCRETE;
        if (node->concrete_count > 0) {
            size += (size_t)1 << node->bits;
        }
    }
    return size;
}

size_t rwith__policy_tree_entries(const struct rwith__policy_tree *t)
{
    return t->listed;
}

/* A concrete node takes the first free place for its hash. */
static uint32_t place_concrete(const struct rwith__policy_tree *t,
                               const struct node_row *row,
                               const struct rwith__policy_node *parent,
                               struct rwith__policy_node *nodes)
{
    uint32_t mask = ((uint32_t)1 << parent->bits) - 1;
    uint32_t place =
        rwith__policy_place(row->hash, parent->bits, parent->shift);
    rwith_slice segment = { bytes_at(t, row->at), row->len };
    struct rwith__policy_key key = key_of(segment);

    while (nodes[parent->table + place].len != RWITH__NODE_FREE) {
        nodes[parent->table + place].len |= 1;
        place = (place + 1) & mask;
    }
    struct rwith__policy_node *node = &nodes[parent->table + place];
    node->first = key.first;
    node->second = key.second;
    node->third = key.third;
    node->len = (uint16_t)(row->len * 2);
    node->tail = row->at + RWITH__KEY_LEN;
    return parent->table + place;
}

/* One node in its place, and room for its concrete children behind all. */
static void lay_node(const struct node_row *row, struct rwith__policy_node *to,
                     struct rwith__policy_node *nodes, uint32_t *next)
{
    to->table = to->parameter_table = RWITH__NODE_EMPTY;
    to->parameter = RWITH__NODE_NONE;
    to->more = row->more;
    memset(to->methods, UINT8_MAX, sizeof(to->methods));
    if (row->concrete_count > 0) {
        to->bits = row->bits;
        to->shift = row->shift;
        to->table = *next;
        *next += (uint32_t)1 << to->bits;
        for (uint32_t i = to->table; i < *next; i++) {
            nodes[i].len = RWITH__NODE_FREE;
        }
    }
}

/* Every node: a table's room is laid before the children that go there. */
static void lay_nodes(struct rwith__policy_tree *t,
                      const struct rwith__policy_layout *l)
{
    uint32_t next = RWITH__NODE_FIRST, *places = t->places.items;

    l->nodes[RWITH__NODE_EMPTY].len = RWITH__NODE_FREE;
    places[0] = RWITH__NODE_ROOT;
    lay_node(node_at(t, 0), &l->nodes[RWITH__NODE_ROOT], l->nodes, &next);
    for (uint32_t i = 1; i < t->nodes.count; i++) {
        const struct node_row *row = node_at(t, i);
        struct rwith__policy_node *parent = &l->nodes[places[row->parent]];

        places[i] = row->kind == NODE_CONCRETE
                        ? place_concrete(t, row, parent, l->nodes)
                        : next++;
        struct rwith__policy_node *node = &l->nodes[places[i]];
        lay_node(row, node, l->nodes, &next);
        if (row->kind == NODE_PARAMETER) {
            parent->parameter = places[i];
            parent->parameter_table = node->table;
            parent->parameter_bits = node->bits;
            parent->parameter_shift = node->shift;
        }
    }
}

/* The rarer kinds of children. */
static void lay_more(struct rwith__policy_tree *t,
                     const struct rwith__policy_layout *l)
{
    const struct pattern_row *rows = t->patterns.items;
    const uint32_t *places = t->places.items;

    for (uint32_t i = 0; i < t->nodes.count; i++) {
        const struct node_row *row = node_at(t, i);

        if (row->more != RWITH__NODE_NONE) {
            l->more[row->more] = (struct rwith__policy_more){
                .rest = row->rest != RWITH__NODE_NONE ? places[row->rest]
                                                      : RWITH__NODE_NONE,
                .pattern_count = row->pattern_count,
            };
        }
    }
    for (size_t i = t->patterns.count; i-- > 0;) {
        const char *text = bytes_at(t, rows[i].pattern.at);
        struct rwith__policy_node *parent = &l->nodes[places[rows[i].parent]];

        l->patterns[i] = rows[i].pattern;
        l->patterns[i].child = places[rows[i].pattern.child];
        l->more[parent->more].patterns = (uint32_t)i;
        parent->starts |= rows[i].pattern.prefix_len > 0
                              ? rwith__policy_start(text[0])
                              : UINT32_MAX;
    }
}

static void lay_entries(struct rwith__policy_tree *t,
                        const struct rwith__policy_layout *l)
{
    const struct entry_row *rows = t->entries.items;
    const uint32_t *places = t->places.items;
    uint32_t next = 0;

    for (size_t i = 0, count; i < t->entries.count; i += count) {
        struct rwith__policy_node *node = &l->nodes[places[rows[i].node]];

        count = entries_of(t, i);
        if (entries_fit(&rows[i], count)) {
            node->operations = rows[i].entry.operation;
            node->operation_count = (uint8_t)count;
            for (size_t k = 0; k < count; k++) {
                node->methods[k] = (uint8_t)rows[i + k].entry.method;
            }
            continue;
        }
        node->operations = next;
        node->operation_count = RWITH__NODE_LISTED;
        for (size_t k = 0; k < count; k++) {
            l->entries[next++] = rows[i + k].entry;
        }
        l->entries[next++].operation = RWITH_POLICY_NO_OPERATION;
    }
}

void rwith__policy_tree_lay(struct rwith__policy_tree *t,
                            const struct rwith__policy_layout *layout)
{
    lay_nodes(t, layout);
    lay_more(t, layout);
    lay_entries(t, layout);
}
