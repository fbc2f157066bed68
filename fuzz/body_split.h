/*
 * body_split.h: the property that every reader of bodies keeps: how the
 * bytes are cut changes neither the verdict nor what is missing.
 */
#ifndef RWITH_FUZZ_BODY_SPLIT_H
#define RWITH_FUZZ_BODY_SPLIT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "body/members.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* One place of the tree: a kind, a name, and where its parent is. */
struct place {
    rwith_member_kind kind;
    const char *name;
    size_t parent; /* 0: the root; n: the n-th place */
};

static rwith_members *tree_of(const struct place *places, size_t count)
{
    rwith_members_draft *draft = NULL;
    rwith_members *members = NULL;
    uint32_t paths[16] = { RWITH_MEMBERS_ROOT };

    require(rwith_members_draft_new(NULL, &draft) == RWITH_OK);
    for (size_t i = 0; i < count; i++) {
        require(rwith_members_draft_path(draft, paths[places[i].parent],
                                         places[i].kind,
                                         rwith_slice_of(places[i].name), false,
                                         &paths[i + 1]) == RWITH_OK);
        if (places[i].name[0] != '\0') { /* elements cannot be missing */
            require(rwith_members_draft_need(draft, RWITH_MEMBERS_ROOT,
                                             paths[i + 1], NULL) == RWITH_OK);
        }
    }
    require(rwith_members_new(NULL, draft, &members) == RWITH_OK);
    rwith_members_draft_free(draft);
    return members;
}

static rwith_body_verdict check(const rwith_members *tree, const char *type,
                                const uint8_t *data, size_t size, size_t step,
                                rwith_missing_list *missing)
{
    rwith_body_check *check = NULL;
    rwith_body_limits limits = { .depth_max = 20 };

    missing->count = 0;
    missing->left_out = 0;
    missing->choices = 0;
    require(rwith_body_check_new(NULL, tree, rwith_slice_of(type),
                                 (rwith_slice){ "", 0 }, &limits,
                                 &check) == RWITH_OK);
    for (size_t at = 0; at < size; at += step) {
        size_t len = step < size - at ? step : size - at;
        char *copy = malloc(len);

        require(copy != NULL);
        memcpy(copy, data + at, len);
        (void)rwith_body_check_feed(check, copy, len);
        free(copy);
    }
    rwith_body_verdict verdict = rwith_body_check_finish(check, missing);
    rwith_body_check_free(check);
    return verdict;
}

static int split_invariant(const rwith_members *tree, const char *type,
                           const uint8_t *data, size_t size)
{
    static rwith_missing_list whole, parts;
    size_t steps[] = { 1, size > 0 ? 1 + data[size - 1] % 61 : 1 };
    rwith_body_verdict verdict =
        check(tree, type, data, size, size + 1, &whole);

    require((verdict == RWITH_BODY_MISSING) ==
            (whole.count + whole.left_out > 0));
    require(size > 0 || verdict == RWITH_BODY_EMPTY);
    for (size_t i = 0; i < 2; i++) {
        require(check(tree, type, data, size, steps[i], &parts) == verdict);
        require(parts.count == whole.count);
        for (size_t k = 0; k < whole.count; k++) {
            require(
                rwith_slice_equal(parts.items[k].name, whole.items[k].name));
        }
    }
    return 0;
}

#endif
