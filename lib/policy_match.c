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
    const char *limit; /* bytes may be read up to here */
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

/* --- cutting: eight bytes at a time, for the branches that this saves ---- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The highest bit of each byte that is zero. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return ~(((word & EACH(0x7f)) + EACH(0x7f)) | word | EACH(0x7f));
}

/* A bit for each byte that may mean something in a path: / ? # % \ ! ' */
static inline uint64_t stops_of(uint64_t word)
{
    uint64_t found = zero_bytes((word | EACH(0x10)) ^ EACH('?')) |
                     zero_bytes((word & EACH(0xf9)) ^ EACH('!')) |
                     zero_bytes(word ^ EACH('\\'));

    return (found >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

/* The same for up to 64 bytes; the last eight may be looked at twice. */
static uint64_t stops_in(const char *at, size_t len)
{
    char few[8] = { 0 };
    uint64_t stops = 0;

    if (len < sizeof(few)) {
        memcpy(few, at, len);
        return stops_of(rwith__policy_load(few));
    }
    for (size_t i = 0; i + 8 < len; i += 8) {
        stops |= stops_of(rwith__policy_load(at + i)) << i;
    }
    return stops | stops_of(rwith__policy_load(at + len - 8)) << (len - 8);
}

/*
 * Cut a path at its slashes as it is, up to a query or fragment, where it
 * ends: *text is shortened.  Returns whether it can be read in another way,
 * too: escapes, empty and dot segments, backslashes.
 */
static bool path_cut(struct path *path, rwith_slice *text)
{
    const char *block = text->ptr + 1, *end = text->ptr + text->len;
    const char *from = block;
    bool is_ambiguous = false;

    path->limit = end;
    path->count = 0;
    path->has_more = false;
    for (; block < end; block += 64) {
        size_t left = (size_t)(end - block);
        uint64_t stops = stops_in(block, left < 64 ? left : 64);

        for (; stops != 0; stops &= stops - 1) {
            const char *at = block + __builtin_ctzll(stops);

            if (*at == '/') {
                is_ambiguous |= at == from || is_dots(from, at);
                path_push(path, from, at);
                from = at + 1;
            } else if (*at == '?' || *at == '#') {
                end = at;
                break;
            } else {
                is_ambiguous |= *at == '%' || *at == '\\';
            }
        }
    }
    is_ambiguous |= is_dots(from, end);
    path_push(path, from, end);
    text->len = (size_t)(end - text->ptr);
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
    path->limit = buf;
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

    path->limit = end;
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

/* Is the segment that node's, beyond what keys tell? */
static bool tail_fits(const rwith_policy *policy,
                      const struct rwith__policy_node *node,
                      rwith_slice segment)
{
    if (segment.len <= RWITH__KEY_LEN) {
        return true;
    }
    size_t len = segment.len - RWITH__KEY_LEN;
    const char *text = len <= sizeof(node->tail.text)
                           ? node->tail.text
                           : policy->bytes + node->tail.at;

    return memcmp(text, segment.ptr + RWITH__KEY_LEN, len) == 0;
}

/* The concrete child for that segment, or NONE. */
static uint32_t concrete_child(const rwith_policy *policy,
                               const struct rwith__policy_node *parent,
                               rwith_slice segment, const char *limit)
{
    struct rwith__policy_key key = rwith__policy_key(segment, limit);
    uint32_t mask = ((uint32_t)1 << parent->table_bits) - 1;

    for (uint32_t i = 0; i <= mask; i++) {
        uint32_t at = parent->table + ((key.hash + i) & mask);
        const struct rwith__policy_node *node = &policy->nodes[at];

        if (node->len == RWITH__NODE_FREE) {
            break;
        }
        if (node->words[0] == key.words[0] && node->words[1] == key.words[1] &&
            node->len == segment.len && tail_fits(policy, node, segment)) {
            return at;
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
    if (n->table != RWITH__NODE_NONE) {
        found = walk_from(walk,
                          concrete_child(policy, n, segment, walk->path->limit),
                          depth + 1);
    }
    const struct rwith__policy_pattern *patterns =
        &policy->patterns[n->patterns];
    for (size_t i = 0;
         i < n->pattern_count && found == RWITH_POLICY_NO_OPERATION; i++) {
        rwith_slice pattern = { policy->bytes + patterns[i].at,
                                patterns[i].len };

        if (patterns[i].prefix_len < segment.len && segment.ptr != NULL &&
            memcmp(pattern.ptr, segment.ptr, patterns[i].prefix_len) == 0 &&
            pattern_fits(pattern, segment)) {
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
    uint64_t word = rwith__policy_method_word(method);

    for (size_t i = 0; i < policy->method_count; i++) {
        const struct rwith__policy_method *row = &policy->methods[i];

        if (row->word == word &&
            (word != 0 || rwith_slice_equal(
                              rwith__policy_text(policy, row->text), method))) {
            return row->text;
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
