/*
 * policy.h: a compiled policy, and how a template is written as a shape.
 * policy_builder.c collects, policy_compile.c lays out, policy_match.c and
 * policy_judge.c read.
 */
#ifndef RWITH_LIB_POLICY_H
#define RWITH_LIB_POLICY_H

#include <retrywith/policy.h>

#include "lib/rows.h"

/*
 * A shape is a template with names left out and escapes decoded: segments,
 * each behind a SEPARATOR.  Bytes below 0x20 cannot be in a template.
 */
#define RWITH__SHAPE_SEPARATOR '\x01'
#define RWITH__SHAPE_PARAMETER '\x02'
#define RWITH__SHAPE_REST      '\x03' /* alone in the last segment */

#define RWITH__NODE_NONE  UINT32_MAX
#define RWITH__NODE_ROOT  0
#define RWITH__NODE_EMPTY 1 /* a free place; the table of the childless */
#define RWITH__NODE_FIRST 2

#define RWITH__NODE_FREE (UINT16_MAX - 1)
#define RWITH__LINE      64 /* bytes of a line of cache */

#define RWITH__KEY_LEN 24 /* bytes of a segment that are numbers */

/* A segment: its first bytes as numbers, zeros behind; and a hash. */
struct rwith__policy_key {
    uint64_t first, second, third;
    uint64_t hash;
};

#define RWITH__NODE_METHODS 5
#define RWITH__NODE_LISTED  UINT8_MAX /* in the place of their number */

/*
 * One place in the tree of segments, a line of cache with the segment that
 * leads here.  The concrete children of a node are a hash table of their
 * own: 1 << bits nodes, in which a bit of the hash and those above it say
 * the place.  It also knows the table of its parameter child, which most
 * walks need nothing else of.
 */
struct rwith__policy_node {
    uint64_t first, second, third; /* of the segment */
    uint32_t table;                /* first concrete child */
    uint32_t parameter_table;      /* and that of the parameter child */
    uint32_t parameter;            /* child for a whole parameter, or NONE */
    uint32_t more;                 /* its other children, or NONE */
    uint32_t starts;     /* a bit for the first byte of each pattern */
    uint32_t tail;       /* of the segment, in the bytes: what is longer */
    uint32_t operations; /* the first; LISTED: the first entry */
    uint16_t len;        /* of the segment, twice; odd: a table's next
                            place may be that of its hash, too; or FREE */
    uint8_t bits, shift; /* of the table */
    uint8_t parameter_bits, parameter_shift;
    uint8_t operation_count;              /* or LISTED */
    uint8_t methods[RWITH__NODE_METHODS]; /* of the operations, in turn */
};

/* Children of a node that few nodes have. */
struct rwith__policy_more {
    uint32_t rest;     /* child for any rest, or NONE */
    uint32_t patterns; /* first of pattern_count, more literal bytes first */
    uint32_t pattern_count;
};

/* A child for a segment with parameters and literal text. */
struct rwith__policy_pattern {
    uint32_t child;
    uint32_t at; /* in the bytes, as in a shape */
    uint32_t len;
    uint32_t prefix_len; /* literal bytes before the first parameter */
};

/* An operation of a node where they are listed. */
struct rwith__policy_entry {
    uint32_t method;
    uint32_t operation; /* NO_OPERATION: behind the last one */
};

struct rwith__policy_need {
    uint32_t name;
    uint32_t description;
    uint32_t schema;
    uint32_t example;
    uint8_t in;
    uint8_t flags;
};

struct rwith__policy_media {
    uint32_t range;
    uint32_t members; /* or RWITH_MEMBERS_NONE */
    uint32_t formats;
};

/* What judging a request looks at, a line of cache. */
struct rwith__policy_operation {
    uint64_t must;         /* needs that no alternative is about, */
    uint64_t bodiless;     /* and those of requests without a body */
    uint64_t query;        /* needs in the query, */
    uint64_t cookie;       /* in cookies, */
    uint64_t credentials;  /* in Authorization; others in header fields */
    uint64_t filter;       /* bits of rwith__policy_bit() of field names */
    uint32_t needs;        /* first of need_count in the list of needs */
    uint32_t alternatives; /* first of alternative_count masks */
    uint32_t media;        /* first of media_count */
    uint8_t need_count;
    uint8_t alternative_count;
    uint8_t media_count;
    bool body_required;
};

/* What is only told. */
struct rwith__policy_name {
    uint32_t method;
    uint32_t template_;
    uint32_t body; /* need: the body as a whole */
};

/* A method: of short ones, nearly all, the number and the length tell. */
struct rwith__policy_method {
    uint64_t word;
    uint32_t text;
    uint32_t len;
};

#define RWITH__METHOD_SLOTS 32 /* a power of two */

struct rwith_policy {
    rwith_alloc mem;
    const struct rwith__policy_node *nodes;
    const struct rwith__policy_more *more; /* of the nodes */
    const struct rwith__policy_pattern *patterns;
    const struct rwith__policy_entry *entries;
    const struct rwith__policy_operation *operations;
    const struct rwith__policy_name *names; /* of the operations */
    const uint64_t *plain; /* a bit for each that needs nothing in the head */
    const struct rwith__policy_need *needs;
    const uint32_t *need_lists;
    const uint64_t *alternatives;
    const struct rwith__policy_media *media;
    const struct rwith__text *texts;
    const uint32_t *header_names;
    const struct rwith__policy_method *methods;
    uint8_t method_slots[RWITH__METHOD_SLOTS]; /* a likely one */
    const rwith_members **members;
    const char *bytes;
    size_t operation_count;
    size_t header_name_count;
    size_t method_count;
    size_t size;
};

static inline rwith_slice rwith__policy_text(const rwith_policy *policy,
                                             uint32_t text)
{
    return (rwith_slice){ policy->bytes + policy->texts[text].at,
                          policy->texts[text].len };
}

/* The i-th need of an operation. */
static inline const struct rwith__policy_need *rwith__policy_need_at(
    const rwith_policy *policy, const struct rwith__policy_operation *operation,
    unsigned index)
{
    return &policy->needs[policy->need_lists[operation->needs + index]];
}

/* One of 64 bits for a field name: by its length and its ends. */
static inline uint64_t rwith__policy_bit(rwith_slice name)
{
    if (name.len == 0) {
        return 0;
    }
    unsigned first = (unsigned char)name.ptr[0] | 0x20u;
    unsigned last = (unsigned char)name.ptr[name.len - 1] | 0x20u;

    return (uint64_t)1 << ((first * 7 + last * 3 + name.len) & 63);
}

#define RWITH__METHOD_LEN 8 /* bytes that a number tells apart */

static inline struct rwith__policy_method rwith__policy_method(
    rwith_slice method)
{
    return (struct rwith__policy_method){
        .word = rwith__hash_tail(method.ptr, method.len),
        .len = (uint32_t)method.len,
    };
}

static inline unsigned rwith__policy_method_slot(uint64_t word)
{
    return (unsigned)(rwith__hash_mix(0, word) >> 32) &
           (RWITH__METHOD_SLOTS - 1);
}

/* Eight bytes, in the machine's own order. */
static inline uint64_t rwith__policy_word(const char *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof(word));
    return word;
}

/* RWITH__KEY_LEN bytes from a segment's start may be read. */
static inline struct rwith__policy_key rwith__policy_key(rwith_slice segment)
{
    static const char masks[2 * RWITH__KEY_LEN] = {
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    };
    size_t len = segment.len < RWITH__KEY_LEN ? segment.len : RWITH__KEY_LEN;
    const char *mask = masks + RWITH__KEY_LEN - len;
    size_t last = segment.len < 8 ? 8 : segment.len;
    struct rwith__policy_key key;

    key.first = rwith__policy_word(segment.ptr) & rwith__policy_word(mask);
    key.second =
        rwith__policy_word(segment.ptr + 8) & rwith__policy_word(mask + 8);
    key.third =
        rwith__policy_word(segment.ptr + 16) & rwith__policy_word(mask + 16);
    /* The last bytes, the same as the first where there are so few. */
    uint64_t end =
        rwith__policy_word(segment.ptr + last - 8) & rwith__policy_word(mask);
    uint64_t hash =
        key.first ^ key.second * 3 ^ key.third * 5 ^ end * 7 ^ segment.len;
    key.hash = rwith__hash_mix(0, hash);
    return key;
}

/* One of 32 bits for the first byte of a pattern, or of a segment. */
static inline uint32_t rwith__policy_start(char first)
{
    return (uint32_t)1 << ((unsigned char)first & 31);
}

/* Where a table of 1 << bits places has those of that hash. */
static inline uint32_t rwith__policy_place(uint64_t hash, unsigned bits,
                                           unsigned shift)
{
    return (uint32_t)(hash >> shift) & (((uint32_t)1 << bits) - 1);
}

/* The header fields among the needs of an operation. */
static inline uint64_t rwith__policy_header(
    const struct rwith__policy_operation *o)
{
    uint64_t all =
        o->need_count < 64 ? ((uint64_t)1 << o->need_count) - 1 : UINT64_MAX;

    return all & ~(o->query | o->cookie | o->credentials);
}

/* The value of two hexadecimal digits behind a "%"; -1: they are none. */
int rwith__policy_escape(const char *at, const char *end);

/* What the builder collects.  Lists of rows: first, last, next. */
struct rwith__draft_operation {
    uint32_t method;
    uint32_t template_;
    uint32_t shape;
    uint32_t first_need, last_need;
    uint32_t first_alternative, last_alternative;
    uint32_t first_media, last_media;
    uint32_t body;
    uint8_t method_index;
    uint8_t need_count;
    uint8_t alternative_count;
    uint8_t media_count;
    bool body_required;
};

struct rwith__draft_need {
    uint32_t need;
    uint32_t next;
    bool of_alternative; /* only alternatives want it */
    bool bodiless;       /* only without a body */
};

struct rwith__draft_alternative {
    uint64_t mask;
    uint32_t next;
};

struct rwith__draft_media {
    struct rwith__policy_media media;
    uint32_t next;
};

struct rwith_policy_builder {
    rwith_alloc mem;
    struct rwith__texts texts;
    struct rwith__rows operations;
    struct rwith__rows operation_slots; /* by method and shape */
    struct rwith__rows methods;         /* rwith__policy_method, each once */
    struct rwith__rows needs;           /* rwith__policy_need, each once */
    struct rwith__rows need_slots;
    struct rwith__rows need_lists; /* rwith__draft_need */
    struct rwith__rows alternatives;
    struct rwith__rows media;
    struct rwith__rows members; /* rwith_members * */
    struct rwith__rows member_slots;
};

/* Does the operation judge bodies already? */
bool rwith__policy_has_media(const rwith_policy_builder *builder,
                             uint32_t operation);

#endif
