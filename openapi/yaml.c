/*
 * Reads YAML text into a tree, with libyaml's events.  Plain scalars are
 * resolved by the core schema of YAML 1.2, which OpenAPI asks for; "<<"
 * merges, because documents are written with it.  An alias becomes a node
 * that stands for its target: nothing is expanded.
 */
#include "openapi/tree.h"

#include <stdint.h>
#include <string.h>

#include <yaml.h>

#define ANCHOR_BUCKETS 1024
#define DIRECTIVE_MAX  1000

struct yaml_anchor {
    struct yaml_anchor *next;
    rwith_slice name;
    tree_node *node;
};

struct yaml_state {
    tree_builder builder;
    yaml_parser_t parser;
    struct yaml_anchor **anchors;
    size_t aliases;
    bool *wants_key; /* per depth: a mapping that waits for a name */
    bool has_document;
    size_t line; /* of the event */
};

/* The words that plain scalars may be. */
static const struct {
    const char *word;
    node_kind kind;
    const char *text;
} words[] = {
    { "", NODE_NULL, "" },           { "~", NODE_NULL, "" },
    { "null", NODE_NULL, "" },       { "Null", NODE_NULL, "" },
    { "NULL", NODE_NULL, "" },       { "true", NODE_BOOL, "true" },
    { "True", NODE_BOOL, "true" },   { "TRUE", NODE_BOOL, "true" },
    { "false", NODE_BOOL, "false" }, { "False", NODE_BOOL, "false" },
    { "FALSE", NODE_BOOL, "false" },
};

static size_t digits(rwith_slice text, size_t *at)
{
    size_t begin = *at;

    while (*at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9') {
        (*at)++;
    }
    return *at - begin;
}

/* A number as JSON writes it; other notations stay strings. */
static bool is_number(rwith_slice text)
{
    size_t at = text.len > 0 && text.ptr[0] == '-';
    size_t begin = at;
    size_t whole = digits(text, &at);

    if (whole == 0 || (whole > 1 && text.ptr[begin] == '0')) {
        return false;
    }
    if (at < text.len && text.ptr[at] == '.') {
        at++;
        if (digits(text, &at) == 0) {
            return false;
        }
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        at += at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-');
        if (digits(text, &at) == 0) {
            return false;
        }
    }
    return at == text.len;
}

static node_kind resolve(const yaml_event_t *event, rwith_slice *text)
{
    if (!event->data.scalar.plain_implicit ||
        event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return NODE_STRING;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (rwith_slice_equal(*text, rwith_slice_of(words[i].word))) {
            *text = rwith_slice_of(words[i].text);
            return words[i].kind;
        }
    }
    return is_number(*text) ? NODE_NUMBER : NODE_STRING;
}

static bool refuse(struct yaml_state *state, const char *why)
{
    state->builder.error = why;
    return false;
}

static struct yaml_anchor **bucket_of(struct yaml_state *state,
                                      rwith_slice name)
{
    return &state->anchors[rwith__tree_hash(name) % ANCHOR_BUCKETS];
}

static bool anchor_add(struct yaml_state *state, const yaml_char_t *name,
                       tree_node *node)
{
    if (name == NULL) {
        return true;
    }
    tree_arena *arena = state->builder.arena;
    struct yaml_anchor *anchor = rwith__tree_take(arena, sizeof(*anchor));
    rwith_slice text = rwith_slice_of((const char *)name);
    if (anchor == NULL || !rwith__tree_copy(arena, text, &anchor->name)) {
        return false;
    }
    struct yaml_anchor **bucket = bucket_of(state, text);
    anchor->node = node;
    anchor->next = *bucket;
    *bucket = anchor;
    return true;
}

/* Is a name expected now?  If so, what comes next is its value. */
static bool takes_key(struct yaml_state *state)
{
    tree_builder *builder = &state->builder;
    bool *wants = &state->wants_key[builder->depth];
    bool is_key =
        builder->open != NULL && builder->open->kind == NODE_OBJECT && *wants;

    *wants = !is_key;
    return is_key;
}

static bool on_scalar(struct yaml_state *state, const yaml_event_t *event)
{
    rwith_slice text = { (const char *)event->data.scalar.value,
                         event->data.scalar.length };

    if (takes_key(state)) {
        return rwith__tree_copy(state->builder.arena, text,
                                &state->builder.key);
    }
    rwith_slice kept = text;
    node_kind kind = resolve(event, &kept);
    if (kept.ptr == text.ptr &&
        !rwith__tree_copy(state->builder.arena, text, &kept)) {
        return false;
    }
    tree_node *node = rwith__tree_add(&state->builder, kind, kept, state->line);
    return node != NULL && anchor_add(state, event->data.scalar.anchor, node);
}

static bool on_alias(struct yaml_state *state, const yaml_event_t *event)
{
    rwith_slice name = rwith_slice_of((const char *)event->data.alias.anchor);
    struct yaml_anchor *anchor = *bucket_of(state, name);

    while (anchor != NULL && !rwith_slice_equal(anchor->name, name)) {
        anchor = anchor->next;
    }
    if (anchor == NULL) {
        return refuse(state, "an alias to an anchor that is not there");
    }
    if (state->aliases++ >= state->builder.limits->aliases) {
        return refuse(state, "too many aliases");
    }
    tree_node *target = anchor->node;
    if (takes_key(state)) {
        if (target->kind == NODE_ARRAY || target->kind == NODE_OBJECT) {
            return refuse(state, "the name of a member is not a scalar");
        }
        state->builder.key = target->text;
        return true;
    }
    tree_node *node = rwith__tree_add(&state->builder, NODE_ALIAS,
                                      (rwith_slice){ NULL, 0 }, state->line);
    if (node == NULL) {
        return false;
    }
    node->target = target;
    return true;
}

static bool on_open(struct yaml_state *state, node_kind kind,
                    const yaml_char_t *anchor)
{
    if (takes_key(state)) {
        return refuse(state, "the name of a member is not a scalar");
    }
    tree_node *node = rwith__tree_add(&state->builder, kind,
                                      (rwith_slice){ NULL, 0 }, state->line);
    if (node == NULL) {
        return false;
    }
    state->wants_key[state->builder.depth] = true;
    return anchor_add(state, anchor, node);
}

/* Give @a object the members of @a source that it does not have. */
static bool merge_one(struct yaml_state *state, tree_node *object,
                      tree_node *source)
{
    tree_arena *arena = state->builder.arena;
    tree_node *first = NULL;
    tree_node **last = &first;
    uint32_t count = 0;

    source = rwith__tree_follow(source);
    if (source == object || source->kind != NODE_OBJECT) {
        return refuse(state, "\"<<\" merges what is not a mapping");
    }
    for (tree_node *member = source->first; member != NULL;
         member = member->next) {
        if (state->aliases++ >= state->builder.limits->aliases) {
            return refuse(state, "too many aliases");
        }
        if (rwith__tree_find(arena, object, member->key) != NULL) {
            continue;
        }
        tree_node *node = rwith__tree_take(arena, sizeof(*node));
        if (node == NULL) {
            return false;
        }
        *node = (tree_node){ .parent = object,
                             .key = member->key,
                             .target = rwith__tree_follow(member),
                             .line = member->line,
                             .kind = NODE_ALIAS };
        *last = node;
        last = &node->next;
        count++;
    }
    *last = object->first;
    object->first = first;
    object->count = (object->count + count) & ((1u << 29) - 1);
    object->index = NULL;
    return true;
}

static bool merge(struct yaml_state *state, tree_node *object)
{
    tree_node *member =
        rwith__tree_find(state->builder.arena, object, RWITH_LIT("<<"));

    if (member == NULL) {
        return true;
    }
    if (member->kind != NODE_ARRAY) {
        return merge_one(state, object, member);
    }
    for (tree_node *source = member->first; source != NULL;
         source = source->next) {
        if (!merge_one(state, object, source)) {
            return false;
        }
    }
    return true;
}

static bool on_close(struct yaml_state *state)
{
    tree_node *node = state->builder.open;

    return rwith__tree_close(&state->builder) &&
           (node->kind != NODE_OBJECT || merge(state, node));
}

/* @return false: an error, or memory has ended */
static bool on_event(struct yaml_state *state, const yaml_event_t *event)
{
    state->line = event->start_mark.line + 1;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (state->has_document) {
            return refuse(state, "a second YAML document in one file");
        }
        state->has_document = true;
        return true;
    case YAML_SCALAR_EVENT:
        return on_scalar(state, event);
    case YAML_ALIAS_EVENT:
        return on_alias(state, event);
    case YAML_MAPPING_START_EVENT:
        return on_open(state, NODE_OBJECT, event->data.mapping_start.anchor);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(state, NODE_ARRAY, event->data.sequence_start.anchor);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return on_close(state);
    default:
        return true;
    }
}

static void describe(const struct yaml_state *state, rwith_diagnostic *diag)
{
    const char *error = state->builder.error;

    diag->line = state->line;
    diag->column = 0;
    if (error == NULL && state->parser.problem != NULL) {
        error = state->parser.problem;
        diag->line = state->parser.problem_mark.line + 1;
        diag->column = state->parser.problem_mark.column + 1;
    }
    if (error == NULL) {
        error = "not YAML";
    }
    size_t len = strlen(error);
    if (len >= sizeof(diag->text)) {
        len = sizeof(diag->text) - 1;
    }
    memcpy(diag->text, error, len);
    diag->text[len] = '\0';
}

/* @return #RWITH_OK, #RWITH_EFILE, #RWITH_ENOMEM */
static int read_events(struct yaml_state *state)
{
    bool is_over = false;

    while (!is_over) {
        yaml_event_t event;

        if (!yaml_parser_parse(&state->parser, &event)) {
            return state->parser.error == YAML_MEMORY_ERROR ? RWITH_ENOMEM
                                                            : RWITH_EFILE;
        }
        bool is_good = on_event(state, &event);
        is_over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (!is_good) {
            return state->builder.error != NULL ? RWITH_EFILE : RWITH_ENOMEM;
        }
    }
    if (state->builder.root == NULL) {
        state->builder.error = "the file is empty";
        return RWITH_EFILE;
    }
    return RWITH_OK;
}

/*
 * libyaml compares each directive with all before it, before it tells of
 * any: more than some are not shown to it.  Lines are all that is looked at,
 * so that text which begins its lines so counts too.
 */
static bool has_many_directives(rwith_slice text)
{
    const char *at = text.ptr;
    const char *end = text.ptr + text.len;
    size_t count = 0;

    while (at != NULL && at < end && count <= DIRECTIVE_MAX) {
        count += *at == '%';
        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }
    return count > DIRECTIVE_MAX;
}

int rwith__tree_read_yaml(tree_arena *arena, rwith_slice text,
                          const tree_limits *limits, tree_node **ret,
                          const tree_node **reterr_at,
                          rwith_diagnostic *reterr_diag)
{
    struct yaml_state state = { .line = 1 };
    size_t anchors_len = ANCHOR_BUCKETS * sizeof(state.anchors[0]);

    if (has_many_directives(text)) {
        static const char why[] = "too many lines that begin with \"%\"";

        memcpy(reterr_diag->text, why, sizeof(why));
        return RWITH_EFILE;
    }
    if (!rwith__tree_builder_init(&state.builder, arena, limits)) {
        return RWITH_ENOMEM;
    }
    state.anchors = rwith__tree_take(arena, anchors_len);
    state.wants_key = rwith__tree_take(arena, limits->depth + 1);
    if (state.anchors == NULL || state.wants_key == NULL) {
        return RWITH_ENOMEM;
    }
    memset(state.anchors, 0, anchors_len);
    memset(state.wants_key, 0, limits->depth + 1);
    if (!yaml_parser_initialize(&state.parser)) {
        return RWITH_ENOMEM;
    }
    yaml_parser_set_input_string(&state.parser, (const unsigned char *)text.ptr,
                                 text.len);
    int err = read_events(&state);
    if (err == RWITH_OK) {
        *ret = state.builder.root;
    } else if (err == RWITH_EFILE) {
        *reterr_at = state.builder.open;
        describe(&state, reterr_diag);
    }
    yaml_parser_delete(&state.parser);
    return err;
}
