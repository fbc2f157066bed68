/*
 * body_tree.h: a tree of required members from pointers: "*" is every
 * element, "?" any member or root element, "@name" an attribute.
 */
#ifndef RWITH_TESTS_BODY_TREE_H
#define RWITH_TESTS_BODY_TREE_H

#include <retrywith/member.h>

#include "tap.h"

TAP_UNUSED static void tree_need(rwith_members_draft *draft,
                                 const char *pointer)
{
    uint32_t path = RWITH_MEMBERS_ROOT;

    while (*pointer == '/') {
        char name[256];
        size_t len = 0;
        rwith_member_kind kind = RWITH_MEMBER_NAME;

        for (pointer++; *pointer != '/' && *pointer != '\0'; pointer++) {
            bool is_escape =
                pointer[0] == '~' && (pointer[1] == '0' || pointer[1] == '1');

            name[len++] = is_escape ? "~/"[*++pointer - '0'] : *pointer;
        }
        rwith_slice s = { name, len };
        if (len == 1 && (name[0] == '*' || name[0] == '?')) {
            kind = name[0] == '*' ? RWITH_MEMBER_ITEM : RWITH_MEMBER_ANY;
            s.len = 0;
        } else if (len > 1 && name[0] == '@') {
            kind = RWITH_MEMBER_ATTRIBUTE;
            s = (rwith_slice){ name + 1, len - 1 };
        }
        if (rwith_members_draft_path(draft, path, kind, s, false, &path) !=
            RWITH_OK) {
            abort();
        }
    }
    if (rwith_members_draft_need(draft, RWITH_MEMBERS_ROOT, path, NULL) !=
        RWITH_OK) {
        abort();
    }
}

/* Several, NULL at the end. */
TAP_UNUSED static rwith_members *tree_of(const char *const *pointers)
{
    rwith_members_draft *draft = NULL;
    rwith_members *members = NULL;

    if (rwith_members_draft_new(NULL, &draft) != RWITH_OK) {
        abort();
    }
    for (; *pointers != NULL; pointers++) {
        tree_need(draft, *pointers);
    }
    if (rwith_members_new(NULL, draft, &members) != RWITH_OK) {
        abort();
    }
    rwith_members_draft_free(draft);
    return members;
}

#endif
