/*
 * member_compile.c: makes the flat tree of a draft: paths and clauses in
 * preorder, children sorted for the search, every clause with the scope that
 * decides it.  Paths that lead to no clause are left out.
 */
#include <string.h>

#include "lib/memory.h"
#include "lib/member_draft.h"

#define POINTER_MAX (RWITH_MEMBERS_DEPTH_MAX * 64) /* bytes written out */

/* What the steps hand on. */
struct compile {
    const rwith_members_draft *draft;
    const rwith_alloc *mem;
    struct rwith__texts texts;   /* of the tree */
    struct rwith__rows path_map; /* draft path -> path or NONE: uint32_t */
    struct rwith__rows paths;
    struct rwith__rows clauses;
    struct rwith__rows parents; /* of clauses: uint32_t or NONE */
    struct rwith__rows index;
    struct rwith__rows tops;
};

static const struct rwith__draft_path *draft_path(
    const rwith_members_draft *draft, uint32_t path)
{
    return rwith__rows_at(&draft->paths, path);
}

static const struct rwith__draft_clause *draft_clause(
    const rwith_members_draft *draft, uint32_t clause)
{
    return rwith__rows_at(&draft->clauses, clause);
}

static uint32_t *path_map(const struct compile *c, uint32_t path)
{
    return rwith__rows_at(&c->path_map, path);
}

static struct rwith__member_path *path_at(const struct compile *c, size_t i)
{
    return rwith__rows_at(&c->paths, i);
}

static struct rwith__member_clause *clause_at(const struct compile *c, size_t i)
{
    return rwith__rows_at(&c->clauses, i);
}

/* Keep a text of the draft for the tree. */
static bool text_move(struct compile *c, uint32_t from, uint32_t *ret)
{
    return rwith__texts_keep(c->mem, &c->texts,
                             rwith__texts_at(&c->draft->texts, from), ret);
}

/*
 * Which paths are needed: those on the way to a clause; and where "any name
 * else" matters, the names that are not meant by it.
 */
static bool mark_paths(struct compile *c)
{
    const rwith_members_draft *draft = c->draft;

    if (rwith__rows_add(c->mem, &c->path_map, draft->paths.count) == NULL) {
        return false;
    }
    *path_map(c, RWITH_MEMBERS_ROOT) = 1;
    for (uint32_t i = 1; i < draft->clauses.count; i++) {
        for (uint32_t p = draft_clause(draft, i)->path;
             p != RWITH_MEMBERS_NONE && *path_map(c, p) == 0;
             p = draft_path(draft, p)->parent) {
            *path_map(c, p) = 1;
        }
    }
    for (uint32_t i = 1; i < draft->paths.count; i++) {
        const struct rwith__draft_path *path = draft_path(draft, i);

        if (path->kind == RWITH_MEMBER_ANY && *path_map(c, i) == 1) {
            for (uint32_t p = draft_path(draft, path->parent)->first;
                 p != RWITH_MEMBERS_NONE; p = draft_path(draft, p)->next) {
                *path_map(c, p) = 1;
            }
        }
    }
    return true;
}

/* Number a path and, depth first, those below; at most DEPTH_MAX deep. */
static bool number_paths(struct compile *c, uint32_t from, uint32_t parent)
{
    const struct rwith__draft_path *draft = draft_path(c->draft, from);
    struct rwith__member_path *path = rwith__rows_add(c->mem, &c->paths, 1);
    uint32_t name, made = (uint32_t)c->paths.count - 1;

    if (path == NULL || !text_move(c, draft->name, &name)) {
        return false;
    }
    *path = (struct rwith__member_path){
        .name = name,
        .parent = parent,
        .item = RWITH_MEMBERS_NONE,
        .any = RWITH_MEMBERS_NONE,
        .kind = draft->kind,
        .repeats = draft->repeats,
        .level = draft->level,
    };
    *path_map(c, from) = made;
    for (uint32_t p = draft->first; p != RWITH_MEMBERS_NONE;
         p = draft_path(c->draft, p)->next) {
        if (*path_map(c, p) == 0) {
            *path_map(c, p) = RWITH_MEMBERS_NONE;
        } else if (!number_paths(c, p, made)) {
            return false;
        }
    }
    path_at(c, made)->end = (uint32_t)c->paths.count;
    return true;
}

/* Is a before b in the index: by length and kind, tail, bytes? */
static bool is_before(const struct compile *c,
                      const struct rwith__member_name *a,
                      const struct rwith__member_name *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind;
    }
    if (a->tail != b->tail) {
        return a->tail < b->tail;
    }
    rwith_slice x = rwith__texts_at(&c->texts, path_at(c, a->path)->name);
    rwith_slice y = rwith__texts_at(&c->texts, path_at(c, b->path)->name);

    return x.len > 0 && memcmp(x.ptr, y.ptr, x.len) < 0;
}

/* Put a child into its place among those of its parent. */
static bool index_insert(struct compile *c, size_t from, uint32_t child)
{
    if (rwith__rows_add(c->mem, &c->index, 1) == NULL) {
        return false;
    }
    rwith_slice name = rwith__texts_at(&c->texts, path_at(c, child)->name);
    struct rwith__member_name row = {
        .tail = rwith__hash_tail(name.ptr, name.len),
        .kind = rwith__member_kind(path_at(c, child)->kind, name.len),
        .path = child,
    };
    struct rwith__member_name *index = c->index.items;
    size_t low = from, high = c->index.count - 1, last = high;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (is_before(c, &index[middle], &row)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    memmove(index + low + 1, index + low, (last - low) * sizeof(*index));
    index[low] = row;
    return true;
}

static bool index_paths(struct compile *c)
{
    for (uint32_t i = 0; i < c->paths.count; i++) {
        struct rwith__member_path *path = path_at(c, i);

        path->children = (uint32_t)c->index.count;
        for (uint32_t p = i + 1; p < path->end; p = path_at(c, p)->end) {
            if (path_at(c, p)->kind == RWITH_MEMBER_ITEM) {
                path->item = p;
            } else if (path_at(c, p)->kind == RWITH_MEMBER_ANY) {
                path->any = p;
            } else if (!index_insert(c, path->children, p)) {
                return false;
            }
        }
        path->child_count = (uint32_t)c->index.count - path->children;
    }
    return true;
}

/* Write "/name" with its escapes (RFC 6901 3). */
static size_t pointer_segment(char *to, size_t room, char sign,
                              rwith_slice name)
{
    size_t len = 0;

    if (name.len * 2 + 2 > room) {
        return 0;
    }
    to[len++] = '/';
    if (sign != '\0') {
        to[len++] = sign;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (c == '~' || c == '/') {
            to[len++] = '~';
            c = c == '~' ? '0' : '1';
        }
        to[len++] = c;
    }
    return len;
}

/* The pointer of a path: "*" for every element, "@" before an attribute. */
static bool pointer_of(struct compile *c, uint32_t path, uint32_t *ret)
{
    static const char signs[] = {
        [RWITH_MEMBER_ATTRIBUTE] = '@',
        [RWITH_MEMBER_ITEM] = '*',
        [RWITH_MEMBER_ANY] = '*',
    };
    uint32_t chain[RWITH_MEMBERS_DEPTH_MAX];
    size_t depth = 0, len = 0;
    char pointer[POINTER_MAX];

    for (; path != RWITH_MEMBERS_ROOT; path = path_at(c, path)->parent) {
        chain[depth++] = path;
    }
    while (depth > 0) {
        const struct rwith__member_path *p = path_at(c, chain[--depth]);

        len += pointer_segment(pointer + len, sizeof(pointer) - len,
                               signs[p->kind],
                               rwith__texts_at(&c->texts, p->name));
    }
    return rwith__texts_keep(c->mem, &c->texts, (rwith_slice){ pointer, len },
                             ret);
}

/* The repeating path (or the root) that the value at path belongs to. */
static uint32_t scope_of(const struct compile *c, uint32_t path)
{
    while (path != RWITH_MEMBERS_ROOT && !path_at(c, path)->repeats) {
        path = path_at(c, path)->parent;
    }
    return path;
}

/* Number the clauses below a draft's clause, depth first. */
static bool number_clauses(struct compile *c, uint32_t from, uint32_t parent)
{
    for (uint32_t i = draft_clause(c->draft, from)->first;
         i != RWITH_MEMBERS_NONE; i = draft_clause(c->draft, i)->next) {
        const struct rwith__draft_clause *draft = draft_clause(c->draft, i);
        uint32_t made = (uint32_t)c->clauses.count;
        struct rwith__member_clause row = {
            .path = *path_map(c, draft->path),
            .kind = draft->kind,
            .shapes = draft->shapes,
            .anyway = draft->anyway,
        };
        bool is_need = draft->kind == RWITH__CLAUSE_NEED;

        row.scope =
            scope_of(c, is_need ? path_at(c, row.path)->parent : row.path);
        if ((is_need && !pointer_of(c, row.path, &row.pointer)) ||
            !text_move(c, draft->description, &row.description) ||
            !text_move(c, draft->schema, &row.schema) ||
            !text_move(c, draft->example, &row.example)) {
            return false;
        }
        struct rwith__member_clause *clause =
            rwith__rows_add(c->mem, &c->clauses, 1);
        uint32_t *above = rwith__rows_add(c->mem, &c->parents, 1);
        if (clause == NULL || above == NULL) {
            return false;
        }
        *clause = row;
        *above = parent;
        if (!number_clauses(c, i, made)) {
            return false;
        }
        clause_at(c, made)->end = (uint32_t)c->clauses.count;
    }
    return true;
}

/*
 * Is it decided on its own when its scope ends?  So is what stands in no
 * alternative, or in one of a choice that is decided further out.
 */
static bool is_top(struct compile *c, uint32_t clause)
{
    uint32_t parent = *(uint32_t *)rwith__rows_at(&c->parents, clause);
    struct rwith__member_clause *row = clause_at(c, clause);

    if (row->kind == RWITH__CLAUSE_ALTERNATIVE) {
        return false;
    }
    if (parent == RWITH_MEMBERS_NONE) {
        return true;
    }
    uint32_t outer = clause_at(c, parent)->scope;

    row->target = (uint8_t)(path_at(c, outer)->level + 1u);
    return outer != row->scope;
}

/* The list of clauses that each scope decides. */
static bool list_tops(struct compile *c)
{
    uint32_t *tops;
    uint32_t at = 0, count = 0;

    for (uint32_t i = 0; i < c->clauses.count; i++) {
        if (is_top(c, i)) {
            path_at(c, clause_at(c, i)->scope)->top_count++;
            count++;
        }
    }
    tops = rwith__rows_add(c->mem, &c->tops, count);
    if (tops == NULL) {
        return count == 0;
    }
    for (uint32_t i = 0; i < c->paths.count; i++) {
        path_at(c, i)->tops = at;
        at += path_at(c, i)->top_count;
        path_at(c, i)->top_count = 0;
    }
    for (uint32_t i = 0; i < c->clauses.count; i++) {
        if (is_top(c, i)) {
            struct rwith__member_path *scope =
                path_at(c, clause_at(c, i)->scope);

            tops[scope->tops + scope->top_count++] = i;
        }
    }
    return true;
}

/*
 * Which values need not be looked into.  A name is idle when nothing is below
 * it and no choice asks what it is; a path is flat when all that is below it
 * are idle names, so that a body which had them all has nothing more to say.
 */
static void mark_idle(struct compile *c)
{
    for (uint32_t i = 0; i < c->paths.count; i++) {
        struct rwith__member_path *path = path_at(c, i);

        path->is_flat = true;
        path->is_idle = path->end == i + 1 && !path->repeats;
    }
    for (uint32_t i = 0; i < c->clauses.count; i++) {
        const struct rwith__member_clause *clause = clause_at(c, i);

        if (clause->kind != RWITH__CLAUSE_NEED) {
            path_at(c, clause->path)->is_idle = false;
        }
    }
    for (uint32_t i = 1; i < c->paths.count; i++) {
        if (!path_at(c, i)->is_idle) {
            path_at(c, path_at(c, i)->parent)->is_flat = false;
        }
    }
}

static void *copy_rows(char **at, const struct rwith__rows *rows)
{
    void *to = rwith__room_take(at, rows->count, rows->size);

    if (rows->count > 0) {
        memcpy(to, rows->items, rows->count * rows->size);
    }
    return to;
}

size_t rwith__members_size(const rwith_members *m)
{
    return rwith__room(1, sizeof(*m)) +
           rwith__room(m->path_count, sizeof(*m->paths)) +
           rwith__room(m->clause_count, sizeof(*m->clauses)) +
           rwith__room(m->index_count, sizeof(*m->index)) +
           rwith__room(m->top_count, sizeof(*m->tops)) +
           rwith__room(m->text_count, sizeof(*m->texts)) +
           rwith__room(m->bytes_len, 1);
}

/* Point into the block, by the counts. */
static char *members_place(rwith_members *m)
{
    char *at = (char *)m;

    rwith__room_take(&at, 1, sizeof(*m));
    m->paths = rwith__room_take(&at, m->path_count, sizeof(*m->paths));
    m->clauses = rwith__room_take(&at, m->clause_count, sizeof(*m->clauses));
    m->index = rwith__room_take(&at, m->index_count, sizeof(*m->index));
    m->tops = rwith__room_take(&at, m->top_count, sizeof(*m->tops));
    m->texts = rwith__room_take(&at, m->text_count, sizeof(*m->texts));
    m->bytes = rwith__room_take(&at, m->bytes_len, 1);
    return at;
}

rwith_members *rwith__members_copy(const rwith_members *members, void *block)
{
    memcpy(block, members, rwith__members_size(members));
    members_place(block);
    return block;
}

/* What a tree says is all behind its head. */
static size_t head_size(void)
{
    return rwith__room(1, sizeof(rwith_members));
}

bool rwith__members_equal(const rwith_members *a, const rwith_members *b)
{
    size_t size = rwith__members_size(a);

    return a->path_count == b->path_count &&
           a->clause_count == b->clause_count &&
           a->text_count == b->text_count && a->bytes_len == b->bytes_len &&
           size == rwith__members_size(b) &&
           memcmp(a->paths, b->paths, size - head_size()) == 0;
}

uint64_t rwith__members_hash(const rwith_members *members)
{
    return rwith__hash(members->path_count, members->paths,
                       rwith__members_size(members) - head_size());
}

/* Everything into one block. */
static rwith_members *compile_finish(const struct compile *c)
{
    rwith_members head = {
        .mem = *c->mem,
        .path_count = (uint32_t)c->paths.count,
        .clause_count = (uint32_t)c->clauses.count,
        .index_count = (uint32_t)c->index.count,
        .top_count = (uint32_t)c->tops.count,
        .text_count = (uint32_t)rwith__texts_count(&c->texts),
        .bytes_len = (uint32_t)c->texts.bytes.count,
    };
    size_t size = rwith__members_size(&head);
    rwith_members *m = c->mem->alloc(size, c->mem->user);

    if (m == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < c->paths.count; i++) {
        if (path_at(c, i)->level >= head.level_count) {
            head.level_count = path_at(c, i)->level + 1u;
        }
    }
    head.level_count++; /* what the innermost scope's choices are told */
    memset(m, 0, size);
    *m = head;

    char *at = (char *)m + head_size();
    copy_rows(&at, &c->paths);
    copy_rows(&at, &c->clauses);
    copy_rows(&at, &c->index);
    copy_rows(&at, &c->tops);
    struct rwith__text *rows =
        rwith__room_take(&at, head.text_count, sizeof(*rows));
    rwith__texts_copy(&c->texts, at, rows);
    members_place(m);
    return m;
}

int rwith_members_new(const rwith_alloc *mem, const rwith_members_draft *draft,
                      rwith_members **ret)
{
    rwith_alloc memory = *rwith__memory(mem);
    struct compile c = {
        .draft = draft,
        .mem = &memory,
        .path_map = { .size = sizeof(uint32_t) },
        .paths = { .size = sizeof(struct rwith__member_path) },
        .clauses = { .size = sizeof(struct rwith__member_clause) },
        .parents = { .size = sizeof(uint32_t) },
        .index = { .size = sizeof(struct rwith__member_name) },
        .tops = { .size = sizeof(uint32_t) },
    };
    rwith_members *members = NULL;

    rwith__texts_init(&c.texts);
    if (mark_paths(&c) &&
        number_paths(&c, RWITH_MEMBERS_ROOT, RWITH_MEMBERS_NONE) &&
        index_paths(&c) &&
        number_clauses(&c, RWITH_MEMBERS_ROOT, RWITH_MEMBERS_NONE) &&
        list_tops(&c)) {
        mark_idle(&c);
        members = compile_finish(&c);
    }
    rwith__texts_free(&memory, &c.texts);
    rwith__rows_free(&memory, &c.path_map);
    rwith__rows_free(&memory, &c.paths);
    rwith__rows_free(&memory, &c.clauses);
    rwith__rows_free(&memory, &c.parents);
    rwith__rows_free(&memory, &c.index);
    rwith__rows_free(&memory, &c.tops);
    if (members == NULL) {
        return RWITH_ENOMEM;
    }
    *ret = members;
    return RWITH_OK;
}

void rwith_members_free(rwith_members *members)
{
    if (members != NULL) {
        rwith_alloc mem = members->mem;

        mem.free(members, mem.user);
    }
}
