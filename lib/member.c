/*
 * member.c: the books of one body: which places of the tree were there, and
 * at the end which clauses are not met.  Reads no body and makes no tree.
 *
 * Every repeating path is a scope: its clauses are decided when one
 * occurrence ends, and what was seen inside is forgotten for the next.  What
 * is missing goes to books of a level: 0 is the result; level n + 1 belongs
 * to a choice in a scope of level n that is still open.
 */
#include <retrywith/member.h>

#include <string.h>

#include "lib/member.h"

#define SEEN 8u /* beside the shapes in a path's byte */

struct rwith_members_state {
    const rwith_members *members;
    uint8_t *seen;    /* by path: SEEN and shapes */
    uint8_t *other;   /* by clause: missing in a not nearest alternative */
    uint8_t *missing; /* by level and clause */
    uint32_t flat;    /* path entered last of which nothing but idle names */
    uint32_t left;    /* are below, and how many of them were not there yet */
};

void rwith_missing_add(rwith_missing_list *list, const rwith_missing *item)
{
    if (list->count < RWITH_REQUIREMENT_COUNT_MAX) {
        list->items[list->count++] = *item;
    } else {
        list->left_out++;
    }
}

void rwith_missing_append(rwith_missing_list *list,
                          const rwith_missing_list *more)
{
    for (size_t i = 0; i < more->count; i++) {
        rwith_missing item = more->items[i];

        if (item.choice > 0) {
            item.choice = (uint16_t)(item.choice + list->choices);
        }
        rwith_missing_add(list, &item);
    }
    list->left_out += more->left_out;
    list->choices = (uint16_t)(list->choices + more->choices);
}

size_t rwith_members_state_size(const rwith_members *members)
{
    return sizeof(rwith_members_state) + members->path_count +
           members->clause_count * ((size_t)members->level_count + 1);
}

rwith_members_state *rwith_members_begin(const rwith_members *members,
                                         void *memory)
{
    rwith_members_state *state = memory;
    uint8_t *bytes = (uint8_t *)(state + 1);

    memset(memory, 0, rwith_members_state_size(members));
    state->members = members;
    state->seen = bytes;
    state->other = bytes + members->path_count;
    state->missing = state->other + members->clause_count;
    state->seen[RWITH_MEMBERS_ROOT] = SEEN;
    state->flat = members->paths[RWITH_MEMBERS_ROOT].is_flat
                      ? RWITH_MEMBERS_ROOT
                      : RWITH_MEMBERS_NONE;
    state->left = members->path_count - 1;
    return state;
}

/* Forget what was inside that path. */
static void state_forget(rwith_members_state *state, uint32_t path)
{
    uint32_t end = state->members->paths[path].end;

    if (state->flat > path && state->flat < end) {
        state->flat = RWITH_MEMBERS_NONE;
    }
    memset(state->seen + path + 1, 0, end - path - 1);
}

/* It was there; what it is and has inside is asked next. */
static uint32_t enter_deep(rwith_members_state *state, uint32_t path)
{
    const struct rwith__member_path *p = &state->members->paths[path];

    if ((state->seen[path] & SEEN) != 0 && !p->repeats) {
        /* Given twice: what readers take is the last one.  (Of what repeats,
         * the one before was forgotten when it was left.) */
        state_forget(state, path);
    }
    state->seen[path] = SEEN;
    if (p->is_flat) {
        state->flat = path;
        state->left = p->end - path - 1;
    }
    return path;
}

uint32_t rwith_members_enter(rwith_members_state *state, uint32_t parent,
                             rwith_member_kind kind, rwith_slice name)
{
    const rwith_members *members = state->members;

    if (parent >= members->path_count) {
        return RWITH_MEMBERS_NONE;
    }
    const struct rwith__member_path *above = &members->paths[parent];
    uint32_t path = kind == RWITH_MEMBER_ITEM
                        ? above->item
                        : rwith__member_find(members, above, kind, name);

    if (path == RWITH_MEMBERS_NONE) {
        return RWITH_MEMBERS_NONE;
    }
    if (!members->paths[path].is_idle) {
        return enter_deep(state, path);
    }
    state->left -= parent == state->flat && state->seen[path] == 0;
    state->seen[path] = SEEN;
    return RWITH_MEMBERS_NONE;
}

bool rwith_members_is_settled(const rwith_members_state *state, uint32_t path)
{
    if (path >= state->members->path_count || path == state->flat) {
        return path != state->flat || state->left == 0;
    }
    const struct rwith__member_path *p = &state->members->paths[path];

    return p->is_flat &&
           (p->end == path + 1 ||
            memchr(state->seen + path + 1, 0, p->end - path - 1) == NULL);
}

void rwith_members_shape(rwith_members_state *state, uint32_t path,
                         unsigned shape)
{
    if (path < state->members->path_count) {
        state->seen[path] = (uint8_t)(SEEN | (shape & RWITH_SHAPE_ALL));
    }
}

static uint8_t *books(const rwith_members_state *state, unsigned level)
{
    return state->missing + (size_t)level * state->members->clause_count;
}

/* Is the need not met, in the scope that ends now? */
static bool need_is_missing(const rwith_members_state *state, uint32_t clause,
                            uint32_t scope)
{
    const rwith_members *members = state->members;
    const struct rwith__member_clause *c = &members->clauses[clause];

    if (c->scope != scope) {
        /* Of a scope further in: decided there, for this level. */
        return books(state, members->paths[scope].level + 1u)[clause] != 0;
    }
    uint32_t parent = members->paths[c->path].parent;

    return (c->anyway || (state->seen[parent] & RWITH_SHAPE_OBJECT) != 0) &&
           (state->seen[c->path] & SEEN) == 0;
}

static size_t clause_count_missing(const rwith_members_state *state,
                                   uint32_t clause, uint32_t scope);

/* What the alternative lacks. */
static size_t alternative_count(const rwith_members_state *state,
                                uint32_t alternative, uint32_t scope)
{
    const struct rwith__member_clause *clauses = state->members->clauses;
    size_t count = 0;

    for (uint32_t c = alternative + 1; c < clauses[alternative].end;
         c = clauses[c].end) {
        count += clause_count_missing(state, c, scope);
    }
    return count;
}

/*
 * The nearest alternative of a choice: the first with the fewest missing.
 * NONE: it does not apply.
 */
static uint32_t choice_nearest(const rwith_members_state *state,
                               uint32_t choice, uint32_t scope,
                               size_t *ret_count)
{
    const struct rwith__member_clause *clauses = state->members->clauses;
    uint8_t shape = state->seen[clauses[choice].path] & RWITH_SHAPE_ALL;
    uint32_t nearest = RWITH_MEMBERS_NONE;

    *ret_count = 0;
    for (uint32_t a = choice + 1; a < clauses[choice].end; a = clauses[a].end) {
        if ((clauses[a].shapes & shape) == 0) {
            continue;
        }
        size_t count = alternative_count(state, a, scope);

        if (nearest == RWITH_MEMBERS_NONE || count < *ret_count) {
            nearest = a;
            *ret_count = count;
        }
    }
    return nearest;
}

static size_t clause_count_missing(const rwith_members_state *state,
                                   uint32_t clause, uint32_t scope)
{
    const struct rwith__member_clause *clauses = state->members->clauses;
    size_t count = 0;

    if (clauses[clause].kind == RWITH__CLAUSE_NEED) {
        return need_is_missing(state, clause, scope);
    }
    if (clauses[clause].scope == scope) {
        choice_nearest(state, clause, scope, &count);
        return count;
    }
    for (uint32_t c = clause + 1; c < clauses[clause].end; c++) {
        if (clauses[c].kind == RWITH__CLAUSE_NEED) {
            count += need_is_missing(state, c, scope);
        }
    }
    return count;
}

/* Write into to what the clause lacks, with the nearest alternatives. */
static void clause_mark(rwith_members_state *state, uint32_t clause,
                        uint32_t scope, uint8_t *to)
{
    const struct rwith__member_clause *clauses = state->members->clauses;
    const struct rwith__member_clause *c = &clauses[clause];
    size_t count;

    if (c->kind == RWITH__CLAUSE_NEED) {
        to[clause] |= need_is_missing(state, clause, scope);
        return;
    }
    if (c->scope != scope) {
        for (uint32_t inner = clause + 1; inner < c->end; inner++) {
            if (clauses[inner].kind == RWITH__CLAUSE_NEED) {
                to[inner] |= need_is_missing(state, inner, scope);
            }
        }
        return;
    }
    uint32_t nearest = choice_nearest(state, clause, scope, &count);

    if (nearest == RWITH_MEMBERS_NONE || count == 0) {
        return;
    }
    for (uint32_t a = clause + 1; a < c->end; a = clauses[a].end) {
        uint8_t *books_of = a == nearest ? to : state->other;

        /* The others are only told once, from the outermost choice. */
        if (a == nearest || to != state->other) {
            for (uint32_t i = a + 1; i < clauses[a].end; i = clauses[i].end) {
                clause_mark(state, i, scope, books_of);
            }
        }
    }
}

/* One occurrence of the scope is over. */
static void scope_decide(rwith_members_state *state, uint32_t scope)
{
    const rwith_members *members = state->members;
    const struct rwith__member_path *path = &members->paths[scope];
    const uint32_t *tops = members->tops + path->tops;

    for (uint32_t i = 0; i < path->top_count; i++) {
        const struct rwith__member_clause *c = &members->clauses[tops[i]];

        clause_mark(state, tops[i], scope, books(state, c->target));
        if (c->kind == RWITH__CLAUSE_CHOICE) {
            /* What inner scopes told this choice has been used. */
            memset(books(state, path->level + 1u) + tops[i], 0,
                   c->end - tops[i]);
        }
    }
}

void rwith_members_leave(rwith_members_state *state, uint32_t path)
{
    if (path < state->members->path_count &&
        state->members->paths[path].repeats) {
        if (!rwith_members_is_settled(state, path)) {
            scope_decide(state, path);
        }
        state_forget(state, path);
        state->seen[path] = SEEN;
    }
}

/* The need as a row of the answer. */
static rwith_missing need_row(const rwith_members *members, uint32_t clause)
{
    const struct rwith__member_clause *c = &members->clauses[clause];

    return (rwith_missing){
        .in = RWITH_IN_BODY,
        .name = rwith__members_text(members, c->pointer),
        .hint = { rwith__members_text(members, c->description),
                  rwith__members_text(members, c->schema),
                  rwith__members_text(members, c->example) },
    };
}

/* Does the clause or one inside it lack something, by these books? */
static bool has_missing(const rwith_members *members, const uint8_t *book,
                        uint32_t clause)
{
    uint32_t end = members->clauses[clause].end;

    return memchr(book + clause, 1, end - clause) != NULL;
}

/* The needs of one alternative (or of a lone need) that the books name. */
static void list_needs(const rwith_members_state *state, const uint8_t *book,
                       uint32_t from, uint32_t end, rwith_missing numbers,
                       rwith_missing_list *list)
{
    const rwith_members *members = state->members;

    for (uint32_t c = from; c < end; c++) {
        if (members->clauses[c].kind == RWITH__CLAUSE_NEED && book[c] != 0) {
            rwith_missing row = need_row(members, c);

            row.choice = numbers.choice;
            row.alternative = numbers.alternative;
            rwith_missing_add(list, &row);
        }
    }
}

/* A choice at the top: the nearest alternative first, then the others. */
static void list_choice(const rwith_members_state *state, uint32_t choice,
                        rwith_missing_list *list)
{
    const struct rwith__member_clause *clauses = state->members->clauses;
    const uint8_t *result = books(state, 0);
    rwith_missing numbers = { .choice = ++list->choices };

    list_needs(state, result, choice + 1, clauses[choice].end, numbers, list);
    for (uint32_t a = choice + 1; a < clauses[choice].end; a = clauses[a].end) {
        if (!has_missing(state->members, result, a) &&
            has_missing(state->members, state->other, a)) {
            numbers.alternative++;
            list_needs(state, state->other, a + 1, clauses[a].end, numbers,
                       list);
        }
    }
}

size_t rwith_members_end(rwith_members_state *state, rwith_missing_list *list)
{
    const rwith_members *members = state->members;
    const uint8_t *result = books(state, 0);
    size_t count = 0;

    scope_decide(state, RWITH_MEMBERS_ROOT);
    for (uint32_t c = 0; c < members->clause_count; c++) {
        count += result[c];
    }
    if (count == 0) {
        return 0;
    }
    for (uint32_t c = 0; c < members->clause_count;
         c = members->clauses[c].end) {
        if (!has_missing(members, result, c)) {
            continue;
        }
        if (members->clauses[c].kind == RWITH__CLAUSE_NEED) {
            list_needs(state, result, c, c + 1, (rwith_missing){ 0 }, list);
        } else {
            list_choice(state, c, list);
        }
    }
    return count;
}
