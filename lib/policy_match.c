/*
 * policy_match.c: from a request's method and raw target to the operation.
 *
 * The walk follows, at every segment, the concrete child first, then
 * patterns, then the parameter, then the rest, and turns back where none of
 * the operations further down has the method.  A node lies at one depth, so
 * it is visited once at most: the walk is bounded by the tree.
 */
#include <string.h>

#include "lib/policy.h"

/* A path, cut. */
struct path {
    rwith_slice segments[RWITH_POLICY_SEGMENT_MAX];
    size_t count;
    bool has_more; /* segments than fit */
};

struct walk {
    const rwith_policy *policy;
    const struct path *path;
    uint32_t method;  /* text; NO_METHOD: no operation has it */
    uint32_t instead; /* of HEAD: GET */
};

#define NO_METHOD UINT32_MAX

static void path_push(struct path *path, const char *from, const char *to)
{
    if (path->count == RWITH_POLICY_SEGMENT_MAX) {
        path->has_more = true;
        return;
    }
    path->segments[path->count++] = (rwith_slice){ from, (size_t)(to - from) };
}

static bool is_dots(const char *from, const char *to)
{
    return from < to && *from == '.' &&
           (to - from == 1 || (to - from == 2 && from[1] == '.'));
}

/* Bytes of a path that mean something here. */
static const bool stops[256] = {
    ['/'] = true, ['%'] = true, ['\\'] = true, ['?'] = true, ['#'] = true,
};

/*
 * Cut a path at its slashes as it is, up to a query or fragment, where it
 * ends: *text is shortened.  Returns whether it can be read in another way,
 * too: escapes, empty and dot segments, backslashes.
 */
static bool path_cut(struct path *path, rwith_slice *text)
{
    const char *at = text->ptr + 1, *end = text->ptr + text->len, *from = at;
    bool is_ambiguous = false;

    path->count = 0;
    path->has_more = false;
    for (; at < end; at++) {
        if (!stops[(unsigned char)*at]) {
            continue;
        }
        if (*at == '/') {
            is_ambiguous |= at == from || is_dots(from, at);
            path_push(path, from, at);
            from = at + 1;
        } else if (*at == '%' || *at == '\\') {
            is_ambiguous = true;
        } else if (*at == '?' || *at == '#') {
            break;
        }
    }
    is_ambiguous |= is_dots(from, at);
    path_push(path, from, at);
    text->len = (size_t)(at - text->ptr);
    return is_ambiguous;
}

/* Decode the escapes of bytes; the result is never longer. */
static char *decode(const char *from, const char *end, char *to)
{
    while (from < end) {
        int byte = rwith__policy_escape(from, end);

        from += byte >= 0 ? 3 : 1;
        *to++ = byte >= 0 ? (char)byte : from[-1];
    }
    return to;
}

/* The segments as they stand, escapes in each decoded: "%2F" cuts nothing. */
static void path_decode(struct path *path, char *buf)
{
    for (size_t i = 0; i < path->count; i++) {
        rwith_slice *s = &path->segments[i];
        char *end = decode(s->ptr, s->ptr + s->len, buf);

        *s = (rwith_slice){ buf, (size_t)(end - buf) };
        buf = end;
    }
}

/*
 * One segment of a path that is being normalised: empty and "." are nothing,
 * ".." takes the one before away; a path that ends with one ends with "/".
 * Slices of segments that did not fit are lost, as is their place: ".." only
 * takes back what fits.
 */
static void path_resolve(struct path *path, const char *from, const char *to,
                         bool is_last)
{
    if (from == to || is_dots(from, to)) {
        if (to - from == 2 && path->count > 0 && !path->has_more) {
            path->count--;
        }
        if (is_last) {
            path_push(path, to, to);
        }
        return;
    }
    path_push(path, from, to);
}

/* The path as most servers understand it: decoded, then resolved. */
static void path_normalise(struct path *path, rwith_slice text, char *buf)
{
    const char *end = decode(text.ptr, text.ptr + text.len, buf);
    const char *from = buf + 1;

    path->count = 0;
    path->has_more = false;
    for (const char *at = from; at < end; at++) {
        if (*at == '/' || *at == '\\') {
            path_resolve(path, from, at, false);
            from = at + 1;
        }
    }
    path_resolve(path, from, end, true);
}

/*
 * Does the segment fit literal text and parameters of one byte at least?
 * The leftmost place of every literal is as good as any, the last literal
 * stands at the end.
 */
static bool pattern_fits(rwith_slice pattern, rwith_slice text)
{
    size_t p = 0, t = 0;

    while (p < pattern.len) {
        size_t least = 0;

        while (p < pattern.len && pattern.ptr[p] == RWITH__SHAPE_PARAMETER) {
            least++;
            p++;
        }
        size_t from = p;
        while (p < pattern.len && pattern.ptr[p] != RWITH__SHAPE_PARAMETER) {
            p++;
        }
        size_t len = p - from;
        if (text.len - t < least + len) {
            return false;
        }
        if (p == pattern.len && least > 0) {
            /* The end: whatever is between is the parameter's. */
            return len == 0 || memcmp(text.ptr + text.len - len,
                                      pattern.ptr + from, len) == 0;
        }
        t += least;
        while (memcmp(text.ptr + t, pattern.ptr + from, len) != 0) {
            if (least == 0 || ++t + len > text.len) {
                return false;
            }
        }
        t += len;
    }
    return t == text.len;
}

static uint32_t concrete_child(const rwith_policy *policy, uint32_t parent,
                               rwith_slice text)
{
    uint32_t hash = rwith__policy_hash(parent, text);
    const struct rwith__policy_slot *slots = policy->slots;

    for (size_t i = hash & policy->slot_mask;
         slots[i].child != RWITH__NODE_NONE; i = (i + 1) & policy->slot_mask) {
        if (slots[i].hash == hash && slots[i].parent == parent &&
            slots[i].len == text.len &&
            (text.len == 0 ||
             memcmp(rwith__policy_slot_text(&slots[i], policy->bytes), text.ptr,
                    text.len) == 0)) {
            return slots[i].child;
        }
    }
    return RWITH__NODE_NONE;
}

/* The operation of the walk's method at that node. */
static uint32_t node_operation(const struct walk *walk, uint32_t node)
{
    const rwith_policy *policy = walk->policy;
    uint32_t found = RWITH_POLICY_NO_OPERATION;

    if (node == RWITH__NODE_NONE) {
        return found;
    }
    const struct rwith__policy_node *n = &policy->nodes[node];
    const struct rwith__policy_entry *entries = &policy->entries[n->operations];
    for (size_t i = 0; i < n->operation_count; i++) {
        if (entries[i].method == walk->method) {
            return entries[i].operation;
        }
        if (entries[i].method == walk->instead) {
            found = entries[i].operation;
        }
    }
    return found;
}

/* Depth first; at most as deep as a template has segments. */
static uint32_t walk_from(const struct walk *walk, uint32_t node, size_t depth)
{
    const rwith_policy *policy = walk->policy;
    uint32_t found = RWITH_POLICY_NO_OPERATION;

    if (node == RWITH__NODE_NONE) {
        return found;
    }
    const struct rwith__policy_node *n = &policy->nodes[node];
    if (depth == walk->path->count) {
        if (!walk->path->has_more) {
            found = node_operation(walk, node);
        }
        return found != RWITH_POLICY_NO_OPERATION
                   ? found
                   : node_operation(walk, n->rest);
    }
    rwith_slice segment = walk->path->segments[depth];
    if (n->has_concrete) {
        found =
            walk_from(walk, concrete_child(policy, node, segment), depth + 1);
    }
    const struct rwith__policy_pattern *patterns =
        &policy->patterns[n->patterns];
    for (size_t i = 0;
         i < n->pattern_count && found == RWITH_POLICY_NO_OPERATION; i++) {
        rwith_slice pattern = { policy->bytes + patterns[i].at,
                                patterns[i].len };

        if (pattern_fits(pattern, segment)) {
            found = walk_from(walk, patterns[i].child, depth + 1);
        }
    }
    if (found == RWITH_POLICY_NO_OPERATION && segment.len > 0) {
        found = walk_from(walk, n->parameter, depth + 1);
    }
    return found != RWITH_POLICY_NO_OPERATION ? found
                                              : node_operation(walk, n->rest);
}

/* Behind scheme and authority of an absolute-form target. */
static rwith_slice target_path(rwith_slice target)
{
    if (target.len == 0 || target.ptr[0] == '/') {
        return target;
    }
    const char *end = target.ptr + target.len;
    const char *at = memchr(target.ptr, ':', target.len);

    if (at == NULL || end - at < 3 || memcmp(at, "://", 3) != 0) {
        return (rwith_slice){ target.ptr, 0 };
    }
    for (at += 3; at < end && *at != '/' && *at != '?' && *at != '#'; at++) {
    }
    if (at == end || *at != '/') {
        /* No path means "/"; the slash before the authority serves. */
        return (rwith_slice){ memchr(target.ptr, '/', target.len), 1 };
    }
    return (rwith_slice){ at, (size_t)(end - at) };
}

/* What follows the path: from a "?" to a "#". */
static rwith_slice query_of(rwith_slice rest)
{
    if (rest.len < 2 || rest.ptr[0] != '?') {
        return (rwith_slice){ 0 };
    }
    rest.ptr++;
    rest.len--;
    const char *hash = memchr(rest.ptr, '#', rest.len);

    return (rwith_slice){ rest.ptr,
                          hash != NULL ? (size_t)(hash - rest.ptr) : rest.len };
}

/* The second reading of an ambiguous path, and the first with escapes. */
static void match_ambiguous(struct walk *walk, struct path *path,
                            rwith_slice text, rwith_policy_hit *hit)
{
    char buf[RWITH_POLICY_TARGET_MAX];

    if (text.len > sizeof(buf)) {
        hit->is_unknown = true;
        return;
    }
    path_decode(path, buf);
    hit->operation = walk_from(walk, 0, 0);
    path_normalise(path, text, buf);
    hit->other = walk_from(walk, 0, 0);
    hit->is_unknown = hit->operation == RWITH_POLICY_NO_OPERATION ||
                      hit->other == RWITH_POLICY_NO_OPERATION;
    if (hit->operation == RWITH_POLICY_NO_OPERATION) {
        hit->operation = hit->other;
    }
    if (hit->operation == hit->other) {
        hit->other = RWITH_POLICY_NO_OPERATION;
    }
}

/* The number of a method's text. */
static uint32_t method_find(const rwith_policy *policy, rwith_slice method)
{
    for (size_t i = 0; i < policy->method_count; i++) {
        if (rwith_slice_equal(rwith__policy_text(policy, policy->methods[i]),
                              method)) {
            return policy->methods[i];
        }
    }
    return NO_METHOD;
}

rwith_policy_hit rwith_policy_match(const rwith_policy *policy,
                                    rwith_slice method, rwith_slice target)
{
    struct path path;
    struct walk walk = { policy, &path, method_find(policy, method),
                         NO_METHOD };
    rwith_policy_hit hit = {
        .operation = RWITH_POLICY_NO_OPERATION,
        .other = RWITH_POLICY_NO_OPERATION,
        .is_options = rwith_slice_equal(method, RWITH_LIT("OPTIONS")),
    };
    rwith_slice text = target_path(target);

    if (rwith_slice_equal(method, RWITH_LIT("HEAD"))) {
        /* [R-58] */
        walk.instead = method_find(policy, RWITH_LIT("GET"));
    }
    if (text.len == 0) {
        hit.is_unknown = true;
        return hit;
    }
    bool is_ambiguous = path_cut(&path, &text);
    const char *end = text.ptr + text.len;

    if (end < target.ptr + target.len && end[0] == '/') {
        /* An absolute form without a path: its query is further on. */
        end = memchr(target.ptr, '?', target.len);
    }
    if (end != NULL) {
        hit.query = query_of(
            (rwith_slice){ end, (size_t)(target.ptr + target.len - end) });
    }
    if (is_ambiguous) {
        match_ambiguous(&walk, &path, text, &hit);
        return hit;
    }
    hit.operation = walk_from(&walk, 0, 0);
    hit.is_unknown = hit.operation == RWITH_POLICY_NO_OPERATION;
    return hit;
}
