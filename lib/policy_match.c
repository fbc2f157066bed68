/*
 * policy_match.c: from a request's method and raw target to the operation.
 *
 * The walk follows, at every segment, the concrete child first, then
 * patterns, then the parameter, then the rest, and turns back where none of
 * the operations further down has the method.  A node lies at one depth, so
 * it is visited once at most: the walk is bounded by the tree.
 */
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "lib/policy.h"

/* A path, cut. */
struct path {
    rwith_slice segments[RWITH_POLICY_SEGMENT_MAX];
    size_t count;
    bool has_more;                /* segments than fit */
    char end[2 * RWITH__KEY_LEN]; /* of the text, with room behind it */
};

struct walk {
    const rwith_policy *policy;
    const struct path *path;
    uint32_t method;  /* its number; NO_METHOD: no operation has it */
    uint32_t instead; /* of HEAD: GET */
};

#define NO_METHOD UINT32_MAX

/*
 * An empty path; where in the text its last bytes begin that are copied, for
 * behind a segment RWITH__KEY_LEN bytes can be read.
 */
static const char *path_begin(struct path *path, rwith_slice text)
{
    size_t len = text.len < RWITH__KEY_LEN ? text.len : RWITH__KEY_LEN;
    const char *tail = text.ptr + text.len - len;

    path->count = 0;
    path->has_more = false;
    memset(path->end, 0, sizeof(path->end));
    if (len == RWITH__KEY_LEN) {
        memcpy(path->end, tail, RWITH__KEY_LEN);
    } else {
        memcpy(path->end, tail, len);
    }
    return tail;
}

static void path_push(struct path *path, const char *from, size_t len)
{
    if (path->count == RWITH_POLICY_SEGMENT_MAX) {
        path->has_more = true;
        return;
    }
    path->segments[path->count++] = (rwith_slice){ from, len };
}

static bool is_dots(const char *from, const char *to)
{
    return from < to && *from == '.' &&
           (to - from == 1 || (to - from == 2 && from[1] == '.'));
}

/* --- cutting: many bytes at a time, for the branches that this saves ----- */

/* A bit for each of up to 64 bytes that may mean something in a path. */
struct marks {
    uint64_t slashes;
    uint64_t ends; /* ? # */
    uint64_t odd;  /* % and the backslash */
    uint64_t dots;
};

#ifdef __SSE2__
#define CHUNK 16

static inline uint64_t bytes_like(__m128i chunk, char byte)
{
    return (uint64_t)_mm_movemask_epi8(
        _mm_cmpeq_epi8(chunk, _mm_set1_epi8(byte)));
}

static inline struct marks chunk_marks(const char *from)
{
    __m128i chunk = _mm_loadu_si128((const void *)from);

    return (struct marks){
        .slashes = bytes_like(chunk, '/'),
        .ends = bytes_like(chunk, '?') | bytes_like(chunk, '#'),
        .odd = bytes_like(chunk, '%') | bytes_like(chunk, '\\'),
        .dots = bytes_like(chunk, '.'),
    };
}
#else
#define CHUNK 8

#define EACH(byte) (UINT64_C(0x0101010101010101) * (unsigned char)(byte))

/* The highest bits of the bytes that are that one, then gathered. */
static inline uint64_t bytes_like(uint64_t word, char byte)
{
    word ^= EACH(byte);
    word = ~(((word & EACH(0x7f)) + EACH(0x7f)) | word | EACH(0x7f));
    return (word >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline struct marks chunk_marks(const char *from)
{
    const unsigned char *at = (const unsigned char *)from;
    uint64_t chunk = 0;

    for (size_t i = CHUNK; i-- > 0;) {
        chunk = chunk << 8 | at[i];
    }

    return (struct marks){
        .slashes = bytes_like(chunk, '/'),
        .ends = bytes_like(chunk, '?') | bytes_like(chunk, '#'),
        .odd = bytes_like(chunk, '%') | bytes_like(chunk, '\\'),
        .dots = bytes_like(chunk, '.'),
    };
}
#endif

static inline void marks_add(struct marks *marks, struct marks more,
                             size_t shift)
{
    marks->slashes |= more.slashes << shift;
    marks->ends |= more.ends << shift;
    marks->odd |= more.odd << shift;
    marks->dots |= more.dots << shift;
}

/* Up to 64 bytes; the last ones may be looked at twice. */
static inline struct marks marks_of(const char *at, size_t len)
{
    struct marks marks = { 0 };
    char few[CHUNK] = { 0 };

    if (len < CHUNK) {
        memcpy(few, at, len);
        return chunk_marks(few);
    }
    for (size_t i = 0; i + CHUNK < len; i += CHUNK) {
        marks_add(&marks, chunk_marks(at + i), i);
    }
    marks_add(&marks, chunk_marks(at + len - CHUNK), len - CHUNK);
    return marks;
}

static bool has_dots(const struct path *path)
{
    for (size_t i = 0; i < path->count; i++) {
        const rwith_slice *s = &path->segments[i];

        if (is_dots(s->ptr, s->ptr + s->len)) {
            return true;
        }
    }
    return path->has_more;
}

/*
 * Cut a path at its slashes as it is, up to a query or fragment, where it
 * ends: *text is shortened.  Returns whether it can be read in another way,
 * too: escapes, empty and dot segments, backslashes.
 */
static bool path_cut(struct path *path, rwith_slice *text)
{
    const char *block = text->ptr + 1, *end = text->ptr + text->len;
    const char *from = block, *tail = path_begin(path, *text);
    uint64_t was_slash = 1, ambiguous = 0, dots = 0;

    for (; block < end; block += 64) {
        size_t left = (size_t)(end - block);
        struct marks marks = marks_of(block, left < 64 ? left : 64);

        if (marks.ends != 0) {
            uint64_t first = marks.ends & -marks.ends;

            end = block + __builtin_ctzll(first);
            marks.slashes &= first - 1;
            marks.odd &= first - 1;
            marks.dots &= first - 1;
        }
        uint64_t starts = marks.slashes << 1 | was_slash;
        was_slash = marks.slashes >> 63;
        ambiguous |= marks.odd | (marks.slashes & starts);
        dots |= marks.dots & starts;
        for (; marks.slashes != 0; marks.slashes &= marks.slashes - 1) {
            const char *at = block + __builtin_ctzll(marks.slashes);

            path_push(path, from < tail ? from : path->end + (from - tail),
                      (size_t)(at - from));
            from = at + 1;
        }
    }
    path_push(path, from < tail ? from : path->end + (from - tail),
              (size_t)(end - from));
    text->len = (size_t)(end - text->ptr);
    return ambiguous != 0 || (dots != 0 && has_dots(path));
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
    memset(buf, 0, RWITH__KEY_LEN);
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
            path_push(path, to, 0);
        }
        return;
    }
    path_push(path, from, (size_t)(to - from));
}

/* The path as most servers understand it: decoded, then resolved. */
static void path_normalise(struct path *path, rwith_slice text, char *buf)
{
    char *end = decode(text.ptr, text.ptr + text.len, buf);
    const char *from = buf + 1;

    memset(end, 0, RWITH__KEY_LEN);
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

/* --- the walk ------------------------------------------------------------ */

/* A table of concrete children. */
struct table {
    uint32_t first;
    uint8_t bits;
    uint8_t shift;
};

static inline struct table own_table(const struct rwith__policy_node *node)
{
    return (struct table){ node->table, node->bits, node->shift };
}

/* Is the segment that node's, beyond what keys tell? */
static bool tail_fits(const rwith_policy *policy,
                      const struct rwith__policy_node *node,
                      rwith_slice segment)
{
    return segment.len <= RWITH__KEY_LEN ||
           memcmp(policy->bytes + node->tail, segment.ptr + RWITH__KEY_LEN,
                  segment.len - RWITH__KEY_LEN) == 0;
}

/* Is the segment that node's, as far as keys tell? */
static inline bool key_fits(const struct rwith__policy_node *node,
                            const struct rwith__policy_key *key, size_t len)
{
    return ((node->first ^ key->first) | (node->second ^ key->second) |
            (node->third ^ key->third) | ((size_t)(node->len >> 1) ^ len)) == 0;
}

/* The concrete child for that segment, or NULL: the whole search. */
static const struct rwith__policy_node *concrete_search(
    const rwith_policy *policy, struct table table, rwith_slice segment)
{
    struct rwith__policy_key key = rwith__policy_key(segment);
    uint32_t place = rwith__policy_place(key.hash, table.bits, table.shift);
    uint32_t mask = ((uint32_t)1 << table.bits) - 1;
    const struct rwith__policy_node *node;

    do {
        node = &policy->nodes[table.first + place];
        if (key_fits(node, &key, segment.len) &&
            tail_fits(policy, node, segment)) {
            return node;
        }
        place = (place + 1) & mask;
    } while ((node->len & 1) != 0);
    return NULL;
}

/* The same; the first place mostly tells. */
static inline const struct rwith__policy_node *concrete_child(
    const rwith_policy *policy, struct table table, rwith_slice segment)
{
    struct rwith__policy_key key = rwith__policy_key(segment);
    uint32_t place = rwith__policy_place(key.hash, table.bits, table.shift);
    const struct rwith__policy_node *node = &policy->nodes[table.first + place];

    if (key_fits(node, &key, segment.len)) {
        if (tail_fits(policy, node, segment)) {
            return node;
        }
    } else if ((node->len & 1) == 0) {
        return NULL;
    }
    return concrete_search(policy, table, segment);
}

/* The operation of a method among those that are listed. */
static uint32_t listed_operation(const struct rwith__policy_entry *entries,
                                 uint32_t method)
{
    while (entries->operation != RWITH_POLICY_NO_OPERATION &&
           entries->method != method) {
        entries++;
    }
    return entries->operation;
}

static uint32_t method_operation(const rwith_policy *policy,
                                 const struct rwith__policy_node *node,
                                 uint32_t method)
{
    unsigned found = RWITH__NODE_METHODS;

    if (node->operation_count == RWITH__NODE_LISTED) {
        return listed_operation(&policy->entries[node->operations], method);
    }
    for (unsigned i = 0; i < RWITH__NODE_METHODS; i++) {
        found = node->methods[i] == method ? i : found;
    }
    return found < RWITH__NODE_METHODS ? node->operations + found
                                       : RWITH_POLICY_NO_OPERATION;
}

/* The operation of the walk's method at that node. */
static uint32_t node_operation(const struct walk *walk,
                               const struct rwith__policy_node *node)
{
    uint32_t found = method_operation(walk->policy, node, walk->method);

    return found != RWITH_POLICY_NO_OPERATION || walk->instead == NO_METHOD
               ? found
               : method_operation(walk->policy, node, walk->instead);
}

/* The same at a node's child for any rest. */
static uint32_t rest_operation(const struct walk *walk,
                               const struct rwith__policy_node *node)
{
    const rwith_policy *policy = walk->policy;

    if (node->more == RWITH__NODE_NONE ||
        policy->more[node->more].rest == RWITH__NODE_NONE) {
        return RWITH_POLICY_NO_OPERATION;
    }
    return node_operation(walk, &policy->nodes[policy->more[node->more].rest]);
}

/* The number of the next pattern that fits, from one on; or the count. */
static uint32_t pattern_next(const rwith_policy *policy,
                             const struct rwith__policy_more *more,
                             rwith_slice segment, uint32_t i)
{
    for (; i < more->pattern_count; i++) {
        const struct rwith__policy_pattern *row =
            &policy->patterns[more->patterns + i];
        rwith_slice pattern = { policy->bytes + row->at, row->len };

        if (row->prefix_len < segment.len &&
            memcmp(pattern.ptr, segment.ptr, row->prefix_len) == 0 &&
            pattern_fits(pattern, segment)) {
            break;
        }
    }
    return i;
}

/* May a pattern of that node fit? */
static inline bool may_have_pattern(const struct rwith__policy_node *node,
                                    rwith_slice segment)
{
    return segment.len > 0 &&
           (node->starts & rwith__policy_start(segment.ptr[0])) != 0;
}

static const struct rwith__policy_node *pattern_child(
    const rwith_policy *policy, const struct rwith__policy_more *more,
    uint32_t which)
{
    return &policy->nodes[policy->patterns[more->patterns + which].child];
}

/* Depth first; at most as deep as a template has segments. */
static uint32_t walk_from(const struct walk *walk,
                          const struct rwith__policy_node *node, size_t depth)
{
    const rwith_policy *policy = walk->policy;
    uint32_t found = RWITH_POLICY_NO_OPERATION;

    if (depth == walk->path->count) {
        if (!walk->path->has_more) {
            found = node_operation(walk, node);
        }
        return found != RWITH_POLICY_NO_OPERATION ? found
                                                  : rest_operation(walk, node);
    }
    rwith_slice segment = walk->path->segments[depth];
    const struct rwith__policy_node *child =
        concrete_child(policy, own_table(node), segment);
    if (child != NULL) {
        found = walk_from(walk, child, depth + 1);
    }
    if (found == RWITH_POLICY_NO_OPERATION && may_have_pattern(node, segment)) {
        const struct rwith__policy_more *more = &policy->more[node->more];
        uint32_t i = pattern_next(policy, more, segment, 0);

        while (i < more->pattern_count && found == RWITH_POLICY_NO_OPERATION) {
            found = walk_from(walk, pattern_child(policy, more, i), depth + 1);
            i = pattern_next(policy, more, segment, i + 1);
        }
    }
    if (found == RWITH_POLICY_NO_OPERATION && segment.len > 0 &&
        node->parameter != RWITH__NODE_NONE) {
        found = walk_from(walk, &policy->nodes[node->parameter], depth + 1);
    }
    return found != RWITH_POLICY_NO_OPERATION ? found
                                              : rest_operation(walk, node);
}

/*
 * The first of all ways only, which is nearly always the way: as
 * walk_from(), or NO_OPERATION where that would turn back.  The node of a
 * parameter is not even looked at where a literal follows.
 */
static uint32_t walk_ahead(const struct walk *walk)
{
    const rwith_policy *policy = walk->policy;
    const struct rwith__policy_node *node = &policy->nodes[RWITH__NODE_ROOT];
    struct table table = own_table(node);
    bool is_below = false; /* the node's parameter child is meant */

    for (size_t i = 0; i < walk->path->count; i++) {
        rwith_slice segment = walk->path->segments[i];
        const struct rwith__policy_node *child =
            concrete_child(policy, table, segment);

        if (child == NULL) {
            node = is_below ? &policy->nodes[node->parameter] : node;
            if (may_have_pattern(node, segment)) {
                const struct rwith__policy_more *more =
                    &policy->more[node->more];
                uint32_t which = pattern_next(policy, more, segment, 0);

                if (which < more->pattern_count) {
                    child = pattern_child(policy, more, which);
                }
            }
        }
        is_below = child == NULL;
        if (is_below) {
            if (node->parameter == RWITH__NODE_NONE || segment.len == 0) {
                return rest_operation(walk, node);
            }
            table = (struct table){ node->parameter_table, node->parameter_bits,
                                    node->parameter_shift };
        } else {
            node = child;
            table = own_table(node);
        }
    }
    return node_operation(walk,
                          is_below ? &policy->nodes[node->parameter] : node);
}

static uint32_t walk_path(const struct walk *walk)
{
    uint32_t found = RWITH_POLICY_NO_OPERATION;

    if (walk->method == NO_METHOD && walk->instead == NO_METHOD) {
        return found;
    }
    if (!walk->path->has_more) {
        found = walk_ahead(walk);
    }
    return found != RWITH_POLICY_NO_OPERATION
               ? found
               : walk_from(walk, &walk->policy->nodes[RWITH__NODE_ROOT], 0);
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
static void match_ambiguous(const struct walk *as_is, rwith_slice text,
                            rwith_policy_hit *hit)
{
    char buf[RWITH_POLICY_TARGET_MAX + RWITH__KEY_LEN];
    struct path path = *as_is->path;
    struct walk walk = *as_is;

    if (text.len > RWITH_POLICY_TARGET_MAX) {
        hit->is_unknown = true;
        return;
    }
    walk.path = &path;
    path_decode(&path, buf);
    hit->operation = walk_path(&walk);
    path_normalise(&path, text, buf);
    hit->other = walk_path(&walk);
    hit->is_unknown = hit->operation == RWITH_POLICY_NO_OPERATION ||
                      hit->other == RWITH_POLICY_NO_OPERATION;
    if (hit->operation == RWITH_POLICY_NO_OPERATION) {
        hit->operation = hit->other;
    }
    if (hit->operation == hit->other) {
        hit->other = RWITH_POLICY_NO_OPERATION;
    }
}

static inline bool method_is(const rwith_policy *policy, size_t which,
                             const struct rwith__policy_method *wanted,
                             rwith_slice method)
{
    const struct rwith__policy_method *row = &policy->methods[which];

    return row->word == wanted->word && row->len == wanted->len &&
           (row->len <= RWITH__METHOD_LEN ||
            rwith_slice_equal(rwith__policy_text(policy, row->text), method));
}

/* The number of a method. */
static uint32_t method_find(const rwith_policy *policy, rwith_slice method)
{
    struct rwith__policy_method wanted = rwith__policy_method(method);
    uint32_t likely =
        policy->method_slots[rwith__policy_method_slot(wanted.word)];

    if (policy->method_count == 0) {
        return NO_METHOD;
    }
    if (method_is(policy, likely, &wanted, method)) {
        return likely;
    }
    for (uint32_t i = 0; i < policy->method_count; i++) {
        if (method_is(policy, i, &wanted, method)) {
            return i;
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
        .is_options = method.len == 7 && memcmp(method.ptr, "OPTIONS", 7) == 0,
    };
    rwith_slice text = target_path(target);

    if (method.len == 4 && memcmp(method.ptr, "HEAD", 4) == 0) {
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
        match_ambiguous(&walk, text, &hit);
        return hit;
    }
    hit.operation = walk_path(&walk);
    hit.is_unknown = hit.operation == RWITH_POLICY_NO_OPERATION;
    return hit;
}
