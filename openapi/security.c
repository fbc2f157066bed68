/*
 * Security requirements as alternatives of the policy: a list of objects is
 * an OR, the schemes named in one object are an AND, and an empty object
 * makes all of it optional.
 */
#include "openapi/reader.h"

#include <string.h>

static const rwith_slice nothing = { NULL, 0 };

#define NEED_MAX 16 /* schemes of one alternative */

/* One alternative in the making. */
struct alternative {
    rwith_policy_need needs[NEED_MAX];
    size_t count;
    rwith_policy_need http[NEED_MAX]; /* needs of the Authorization field */
    size_t http_count;
};

/* Names of http schemes as they are written on the wire. */
static rwith_slice scheme_name(rwith_slice name)
{
    static const char *const known[] = { "Basic",     "Bearer", "Digest",
                                         "Negotiate", "HOBA",   "Mutual",
                                         "DPoP",      "vapid" };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (rwith_slice_equal_nocase(name, rwith_slice_of(known[i]))) {
            return rwith_slice_of(known[i]);
        }
    }
    return name;
}

static bool add_once(rwith_policy_need *needs, size_t *count,
                     const rwith_policy_need *need)
{
    for (size_t i = 0; i < *count; i++) {
        if (needs[i].in == need->in &&
            rwith_slice_equal(needs[i].name, need->name)) {
            return true;
        }
    }
    if (*count == NEED_MAX) {
        return false;
    }
    needs[(*count)++] = *need;
    return true;
}

static bool add_api_key(reader *r, tree_node *scheme,
                        const rwith_policy_need *base, struct alternative *ret)
{
    rwith_policy_need need = *base;
    rwith_slice in = rwith__tree_text(&r->arena, scheme, "in");

    need.name = rwith__tree_text(&r->arena, scheme, "name");
    if (!rwith_place_of_word(in, &need.in) || need.in == RWITH_IN_BODY ||
        need.in == RWITH_IN_AUTHORIZATION ||
        !rwith_requirement_name_ok(need.in, need.name)) {
        rwith__reader_warn(r, scheme, "an API key that is not judged",
                           need.name);
        return true;
    }
    return add_once(ret->needs, &ret->count, &need);
}

/* @return false: more than an alternative can hold */
static bool add_scheme(reader *r, tree_node *name, struct alternative *ret)
{
    tree_node *scheme = rwith__refs_follow(
        r, rwith__tree_find(&r->arena, r->security_schemes, name->key));

    if (scheme == NULL) {
        rwith__reader_warn(r, name,
                           "a security scheme that is not there; it is not "
                           "judged",
                           name->key);
        return true;
    }
    rwith_slice type = rwith__tree_text(&r->arena, scheme, "type");
    rwith_policy_need need = { .in = RWITH_IN_AUTHORIZATION,
                               .name = RWITH_LIT("Bearer"),
                               .hint = rwith__hint_of(r, scheme, NULL) };
    if (rwith_slice_equal(type, RWITH_LIT("apiKey"))) {
        return add_api_key(r, scheme, &need, ret);
    }
    if (rwith_slice_equal(type, RWITH_LIT("http"))) {
        need.name = scheme_name(rwith__tree_text(&r->arena, scheme, "scheme"));
    } else if (!rwith_slice_equal(type, RWITH_LIT("oauth2")) &&
               !rwith_slice_equal(type, RWITH_LIT("openIdConnect"))) {
        rwith__reader_warn(
            r, scheme, "a security scheme of this type is not judged", type);
        return true;
    }
    if (!rwith_requirement_name_ok(need.in, need.name)) {
        rwith__reader_warn(r, scheme, "no name of an http scheme", need.name);
        return true;
    }
    return add_once(ret->http, &ret->http_count, &need);
}

static void give(reader *r, const tree_node *node,
                 const struct alternative *alternative,
                 const reader_targets *targets)
{
    for (size_t i = 0; i < targets->count && r->err == RWITH_OK; i++) {
        int err = rwith_policy_add_alternative(r->builder, targets->ids[i],
                                               alternative->needs,
                                               alternative->count);

        if (err == RWITH_EFULL || err == RWITH_ERANGE || err == RWITH_EINVAL) {
            rwith__reader_warn(r, node,
                               "too many security alternatives; this one "
                               "is not offered",
                               nothing);
        } else if (err != RWITH_OK) {
            r->err = err;
        }
    }
}

/*
 * A request has one Authorization field: where an alternative asks for
 * several schemes in it at once, any of them will do.
 */
static void add_alternative(reader *r, tree_node *node,
                            const reader_targets *targets)
{
    struct alternative alternative = { .count = 0, .http_count = 0 };
    tree_node *names = rwith__tree_follow(node);

    if (names->kind != NODE_OBJECT) {
        rwith__reader_warn(r, node, "no security requirement", nothing);
        return;
    }
    for (tree_node *name = names->first;
         name != NULL && rwith__reader_step(r, name); name = name->next) {
        if (!add_scheme(r, name, &alternative)) {
            rwith__reader_warn(r, names,
                               "too many security schemes at once; this "
                               "one is not judged",
                               name->key);
        }
    }
    if (alternative.http_count > 1) {
        rwith__reader_warn(r, names,
                           "several schemes for one Authorization field: "
                           "any of them will do",
                           nothing);
    }
    if (alternative.http_count == 0) {
        give(r, names, &alternative, targets);
    }
    size_t others = alternative.count;
    for (size_t i = 0; i < alternative.http_count && others < NEED_MAX; i++) {
        alternative.needs[others] = alternative.http[i];
        alternative.count = others + 1;
        give(r, names, &alternative, targets);
    }
}

void rwith__security_read(reader *r, tree_node *root, tree_node *operation,
                          const reader_targets *targets)
{
    tree_node *security = rwith__tree_get(&r->arena, operation, "security");

    if (security == NULL) {
        security = rwith__tree_get(&r->arena, root, "security");
    }
    if (security == NULL) {
        return;
    }
    if (security->kind != NODE_ARRAY) {
        rwith__reader_warn(r, security, "\"security\" is not a list", nothing);
        return;
    }
    for (tree_node *node = security->first;
         node != NULL && rwith__reader_step(r, node); node = node->next) {
        add_alternative(r, node, targets);
    }
}
