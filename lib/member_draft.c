/*
 * member_draft.c: a tree of members while it is written: paths found or
 * made, clauses hung below each other, limits kept.  member_compile.c makes
 * the tree of it.
 */
#include "lib/memory.h"
#include "lib/member_draft.h"

static struct rwith__draft_path *draft_path(const rwith_members_draft *draft,
                                            uint32_t path)
{
    return rwith__rows_at(&draft->paths, path);
}

static struct rwith__draft_clause *draft_clause(
    const rwith_members_draft *draft, uint32_t clause)
{
    return rwith__rows_at(&draft->clauses, clause);
}

int rwith_members_draft_new(const rwith_alloc *mem, rwith_members_draft **ret)
{
    rwith_alloc memory = *rwith__memory(mem);
    rwith_members_draft *draft = memory.alloc(sizeof(*draft), memory.user);

    if (draft == NULL) {
        return RWITH_ENOMEM;
    }
    *draft = (rwith_members_draft){
        .mem = memory,
        .paths = { .size = sizeof(struct rwith__draft_path) },
        .clauses = { .size = sizeof(struct rwith__draft_clause) },
    };
    rwith__texts_init(&draft->texts);
    struct rwith__draft_path *root =
        rwith__rows_add(&draft->mem, &draft->paths, 1);
    struct rwith__draft_clause *top =
        rwith__rows_add(&draft->mem, &draft->clauses, 1);
    if (root == NULL || top == NULL) {
        rwith_members_draft_free(draft);
        return RWITH_ENOMEM;
    }
    root->parent = root->first = root->last = root->next = RWITH_MEMBERS_NONE;
    top->parent = top->first = top->last = top->next = RWITH_MEMBERS_NONE;
    top->kind = RWITH__CLAUSE_ALTERNATIVE;
    top->shapes = RWITH_SHAPE_ALL;
    *ret = draft;
    return RWITH_OK;
}

void rwith_members_draft_free(rwith_members_draft *draft)
{
    if (draft == NULL) {
        return;
    }
    rwith_alloc mem = draft->mem;

    rwith__rows_free(&mem, &draft->paths);
    rwith__rows_free(&mem, &draft->clauses);
    rwith__texts_free(&mem, &draft->texts);
    mem.free(draft, mem.user);
}

/* Does the name suit the kind? */
static bool kind_takes_name(rwith_member_kind kind, rwith_slice name)
{
    switch (kind) {
    case RWITH_MEMBER_NAME:
        return true;
    case RWITH_MEMBER_ATTRIBUTE:
        return name.len > 0;
    case RWITH_MEMBER_ITEM:
    case RWITH_MEMBER_ANY:
        return name.len == 0;
    default:
        return false;
    }
}

int rwith_members_draft_path(rwith_members_draft *draft, uint32_t parent,
                             rwith_member_kind kind, rwith_slice name,
                             bool repeats, uint32_t *ret_path)
{
    uint32_t text;

    if (parent >= draft->paths.count || !kind_takes_name(kind, name)) {
        return RWITH_EINVAL;
    }
    if (!rwith__texts_keep(&draft->mem, &draft->texts, name, &text)) {
        return RWITH_ENOMEM;
    }
    repeats = repeats || kind == RWITH_MEMBER_ITEM || kind == RWITH_MEMBER_ANY;
    for (uint32_t p = draft_path(draft, parent)->first; p != RWITH_MEMBERS_NONE;
         p = draft_path(draft, p)->next) {
        const struct rwith__draft_path *path = draft_path(draft, p);

        if (path->name == text && path->kind == kind) {
            /* One place cannot both repeat and not; who asks first wins. */
            *ret_path = p;
            return RWITH_OK;
        }
    }
    const struct rwith__draft_path *above = draft_path(draft, parent);
    unsigned depth = above->depth + 1u;
    unsigned level = above->level + (repeats ? 1u : 0u);
    if (draft->paths.count >= RWITH_MEMBERS_PATH_MAX ||
        depth > RWITH_MEMBERS_DEPTH_MAX || level > RWITH_MEMBERS_NEST_MAX) {
        return RWITH_ERANGE;
    }
    uint32_t made = (uint32_t)draft->paths.count;
    struct rwith__draft_path *path =
        rwith__rows_add(&draft->mem, &draft->paths, 1);
    if (path == NULL) {
        return RWITH_ENOMEM;
    }
    *path = (struct rwith__draft_path){
        .name = text,
        .parent = parent,
        .first = RWITH_MEMBERS_NONE,
        .last = RWITH_MEMBERS_NONE,
        .next = RWITH_MEMBERS_NONE,
        .kind = (uint8_t)kind,
        .repeats = repeats,
        .depth = (uint8_t)depth,
        .level = (uint8_t)level,
    };
    struct rwith__draft_path *around = draft_path(draft, parent);
    if (around->last == RWITH_MEMBERS_NONE) {
        around->first = made;
    } else {
        draft_path(draft, around->last)->next = made;
    }
    around->last = made;
    *ret_path = made;
    return RWITH_OK;
}

/* Is the path inside that other one (or the same)? */
static bool path_is_inside(const rwith_members_draft *draft, uint32_t path,
                           uint32_t outer)
{
    while (path != RWITH_MEMBERS_NONE && path != outer) {
        path = draft_path(draft, path)->parent;
    }
    return path == outer;
}

/*
 * May a clause about that path stand in that alternative: it is one (or the
 * top), and the path is inside the value that its choice is about.
 */
static bool may_stand(const rwith_members_draft *draft, uint32_t within,
                      uint32_t path)
{
    if (within >= draft->clauses.count || path >= draft->paths.count) {
        return false;
    }
    const struct rwith__draft_clause *outer = draft_clause(draft, within);

    return outer->kind == RWITH__CLAUSE_ALTERNATIVE &&
           path_is_inside(draft, path, outer->path);
}

/* Hang a clause below another, behind its last. */
static int clause_add(rwith_members_draft *draft, uint32_t parent,
                      struct rwith__draft_clause clause, uint32_t *ret)
{
    uint32_t made = (uint32_t)draft->clauses.count;

    clause.depth = (uint8_t)(draft_clause(draft, parent)->depth + 1u);
    if (made > RWITH_MEMBERS_CLAUSE_MAX ||
        clause.depth > RWITH_MEMBERS_DEPTH_MAX) {
        return RWITH_ERANGE;
    }
    struct rwith__draft_clause *row =
        rwith__rows_add(&draft->mem, &draft->clauses, 1);
    if (row == NULL) {
        return RWITH_ENOMEM;
    }
    clause.parent = parent;
    clause.first = clause.last = clause.next = RWITH_MEMBERS_NONE;
    *row = clause;
    struct rwith__draft_clause *around = draft_clause(draft, parent);
    if (around->last == RWITH_MEMBERS_NONE) {
        around->first = made;
    } else {
        draft_clause(draft, around->last)->next = made;
    }
    around->last = made;
    *ret = made;
    return RWITH_OK;
}

static int need_add(rwith_members_draft *draft, uint32_t within, uint32_t path,
                    const rwith_hint *hint, bool anyway)
{
    struct rwith__draft_clause need = { .path = path,
                                        .kind = RWITH__CLAUSE_NEED,
                                        .anyway = anyway };
    uint32_t made;

    if (path == RWITH_MEMBERS_ROOT || !may_stand(draft, within, path) ||
        (draft_path(draft, path)->kind != RWITH_MEMBER_NAME &&
         draft_path(draft, path)->kind != RWITH_MEMBER_ATTRIBUTE)) {
        return RWITH_EINVAL;
    }
    for (uint32_t c = draft_clause(draft, within)->first;
         c != RWITH_MEMBERS_NONE; c = draft_clause(draft, c)->next) {
        const struct rwith__draft_clause *clause = draft_clause(draft, c);

        if (clause->kind == RWITH__CLAUSE_NEED && clause->path == path) {
            return RWITH_OK;
        }
    }
    if (hint != NULL &&
        (!rwith__texts_keep(&draft->mem, &draft->texts, hint->description,
                            &need.description) ||
         !rwith__texts_keep(&draft->mem, &draft->texts, hint->schema,
                            &need.schema) ||
         !rwith__texts_keep(&draft->mem, &draft->texts, hint->example,
                            &need.example))) {
        return RWITH_ENOMEM;
    }
    int err = clause_add(draft, within, need, &made);

    draft->need_count += err == RWITH_OK;
    return err;
}

int rwith_members_draft_need(rwith_members_draft *draft, uint32_t within,
                             uint32_t path, const rwith_hint *hint)
{
    return need_add(draft, within, path, hint, false);
}

int rwith_members_draft_need_anyway(rwith_members_draft *draft, uint32_t within,
                                    uint32_t path, const rwith_hint *hint)
{
    return need_add(draft, within, path, hint, true);
}

int rwith_members_draft_choice(rwith_members_draft *draft, uint32_t within,
                               uint32_t path, uint32_t *ret_choice)
{
    struct rwith__draft_clause choice = { .path = path,
                                          .kind = RWITH__CLAUSE_CHOICE };

    if (!may_stand(draft, within, path)) {
        return RWITH_EINVAL;
    }
    return clause_add(draft, within, choice, ret_choice);
}

int rwith_members_draft_alternative(rwith_members_draft *draft, uint32_t choice,
                                    unsigned shapes, uint32_t *ret_alternative)
{
    if (choice >= draft->clauses.count ||
        draft_clause(draft, choice)->kind != RWITH__CLAUSE_CHOICE ||
        shapes > RWITH_SHAPE_ALL) {
        return RWITH_EINVAL;
    }
    struct rwith__draft_clause alternative = {
        .path = draft_clause(draft, choice)->path,
        .kind = RWITH__CLAUSE_ALTERNATIVE,
        .shapes = (uint8_t)shapes,
    };

    return clause_add(draft, choice, alternative, ret_alternative);
}

bool rwith_members_draft_is_empty(const rwith_members_draft *draft)
{
    return draft->need_count == 0;
}
