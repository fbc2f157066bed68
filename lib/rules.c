/*
 * rules.c: reads rules into a policy's builder (retrywith-rules(5)).  Lines
 * are cut into words by config_line.c; what an operation is, and what may be
 * needed, is the builder's business.
 */
#include <retrywith/rules.h>

#include <string.h>

#include "lib/ascii.h"
#include "lib/config_line.h"
#include "lib/policy.h"

#define ITEMS_MAX RWITH__CONFIG_WORDS_MAX

/* What follows the place. */
enum operand {
    OPERAND_NAME,
    OPERAND_BODILESS, /* a name that only a request without a body needs */
    OPERAND_SCHEME,
    OPERAND_POINTER, /* may be left out: the body as a whole */
    OPERAND_IF_SENT  /* a pointer into a body that may be absent */
};

/* The words that begin an item. */
static const struct keyword {
    const char *word;
    rwith_place in;
    enum operand operand;
} keywords[] = {
    { "header", RWITH_IN_HEADER, OPERAND_NAME },
    { "header-without-body", RWITH_IN_HEADER, OPERAND_BODILESS },
    { "query", RWITH_IN_QUERY, OPERAND_NAME },
    { "cookie", RWITH_IN_COOKIE, OPERAND_NAME },
    { "body", RWITH_IN_BODY, OPERAND_POINTER },
    { "sent-body", RWITH_IN_BODY, OPERAND_IF_SENT },
    { "authorization", RWITH_IN_AUTHORIZATION, OPERAND_SCHEME },
};

/* Schemes as they are written in a challenge. */
static const char *const schemes[] = { "Basic", "Bearer", "Digest", "Negotiate",
                                       "NTLM" };

struct item {
    const struct keyword *keyword;
    rwith_slice name;
    rwith_hint hint;
    size_t word; /* of the name, for diagnostics */
};

/* One line, understood. */
struct rule {
    rwith_slice methods; /* joined by commas */
    rwith_slice path;
    struct item items[ITEMS_MAX];
    size_t item_count;
};

struct rules {
    rwith_policy_builder *builder;
    rwith_slice base_path;
    const struct rwith__config_line *line;
    rwith_diagnostic *diag;
};

static const struct keyword *keyword_at(const struct rules *rules, size_t word)
{
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (rwith__config_is(rules->line, word, keywords[i].word)) {
            return &keywords[i];
        }
    }
    return NULL;
}

static rwith_slice word_at(const struct rules *rules, size_t word)
{
    return rules->line->words[word].text;
}

/* Take a byte off the end of a word. */
static bool word_drop(rwith_slice *word, char end)
{
    if (word->len > 0 && word->ptr[word->len - 1] == end) {
        word->len--;
        return true;
    }
    return false;
}

static int wrong(const struct rules *rules, size_t word, const char *expected)
{
    return rwith__config_unexpected(rules->line, word, expected, rules->diag);
}

/* The spelling of a scheme that clients know. */
static rwith_slice scheme_of(rwith_slice name)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (rwith_slice_equal_nocase(name, rwith_slice_of(schemes[i]))) {
            return rwith_slice_of(schemes[i]);
        }
    }
    return name;
}

/* A JSON Pointer that leads somewhere, with proper escapes. */
static bool is_pointer(rwith_slice text)
{
    if (text.len < 2 || text.ptr[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '~' &&
            (i + 1 == text.len ||
             (text.ptr[i + 1] != '0' && text.ptr[i + 1] != '1'))) {
            return false;
        }
    }
    return true;
}

/* Is the operand of that item one? */
static int item_check(const struct rules *rules, struct item *item)
{
    switch (item->keyword->operand) {
    case OPERAND_POINTER:
    case OPERAND_IF_SENT:
        return item->name.len == 0 || is_pointer(item->name)
                   ? RWITH_OK
                   : wrong(rules, item->word, "a pointer such as /a/b");
    case OPERAND_SCHEME:
        item->name = scheme_of(item->name);
        break;
    default:
        break;
    }
    return rwith_requirement_name_ok(item->keyword->in, item->name)
               ? RWITH_OK
               : wrong(rules, item->word, "a name that may stand there");
}

/*
 * "PLACE NAME ["description"]", a comma behind the last word when another
 * item follows.  *ret_more: it does.
 */
static int read_item(const struct rules *rules, size_t *word, struct item *item,
                     bool *ret_more)
{
    const struct rwith__config_line *line = rules->line;
    rwith_slice first = word_at(rules, *word);
    struct rwith__config_line copy = *line;

    /* "body," is the keyword and the end of the item. */
    *ret_more = word_drop(&first, ',');
    copy.words[*word].text = first;
    struct rules bare = *rules;
    bare.line = &copy;
    *item = (struct item){ .keyword = keyword_at(&bare, *word), .word = *word };
    if (item->keyword == NULL) {
        return wrong(rules, *word,
                     "header, header-without-body, query, cookie, body, "
                     "sent-body or authorization");
    }
    (*word)++;
    bool may_lack = item->keyword->operand == OPERAND_POINTER;
    bool has_name = !*ret_more && *word < line->word_count &&
                    !(may_lack && line->words[*word].is_quoted);

    if (has_name) {
        item->word = *word;
        item->name = word_at(rules, (*word)++);
        *ret_more = word_drop(&item->name, ',');
    } else if (!may_lack) {
        return *ret_more
                   ? wrong(rules, *word - 1, "a name behind the place")
                   : rwith__config_need(line, *word, "a name", rules->diag);
    }
    if (!*ret_more && *word < line->word_count &&
        line->words[*word].is_quoted) {
        item->hint.description = word_at(rules, (*word)++);
        *ret_more = word_drop(&item->hint.description, ',');
    }
    return item_check(rules, item);
}

static int read_rule(const struct rules *rules, struct rule *rule)
{
    const struct rwith__config_line *line = rules->line;
    size_t word = 2;
    bool more = true;
    int err = rwith__config_need(line, 1, "a path and a colon", rules->diag);

    if (err != RWITH_OK) {
        return err;
    }
    rule->methods = word_at(rules, 0);
    rule->path = word_at(rules, 1);
    rule->item_count = 0;
    if (!word_drop(&rule->path, ':')) {
        if (line->word_count < 3 ||
            !rwith_slice_equal(word_at(rules, 2), RWITH_LIT(":"))) {
            return wrong(rules, 1, "a path with a colon behind it");
        }
        word = 3;
    }
    while (more) {
        err = rwith__config_need(line, word, "what is needed", rules->diag);
        if (err == RWITH_OK) {
            err = read_item(rules, &word, &rule->items[rule->item_count++],
                            &more);
        }
        if (err != RWITH_OK) {
            return err;
        }
    }
    return rwith__config_need_end(line, word, rules->diag);
}

/* --- into the builder ---------------------------------------------------- */

/* Say of which word the builder would not have it. */
static int refused(const struct rules *rules, int err, size_t word)
{
    if (err == RWITH_OK || err == RWITH_ENOMEM) {
        return err;
    }
    return err == RWITH_EINVAL
               ? wrong(rules, word, "a valid method, path or name")
               : wrong(rules, word,
                       "less: a limit of one operation is reached "
                       "here, with");
}

/* The path of a pointer in the draft; buf takes unescaped names. */
static int pointer_path(rwith_members_draft *draft, rwith_slice pointer,
                        uint32_t *ret)
{
    uint32_t path = RWITH_MEMBERS_ROOT;
    size_t at = 0;

    while (at < pointer.len) {
        char name[RWITH_REQUIREMENT_NAME_MAX];
        size_t len = 0;

        for (at++; at < pointer.len && pointer.ptr[at] != '/'; at++) {
            char c = pointer.ptr[at];

            if (c == '~') {
                c = pointer.ptr[++at] == '0' ? '~' : '/';
            }
            if (len == sizeof(name)) {
                return RWITH_ERANGE;
            }
            name[len++] = c;
        }
        int err =
            rwith_members_draft_path(draft, path, RWITH_MEMBER_NAME,
                                     (rwith_slice){ name, len }, false, &path);
        if (err != RWITH_OK) {
            return err;
        }
    }
    *ret = path;
    return RWITH_OK;
}

/* The members of a rule: all of them, or those that a form can have. */
static int draft_members(const struct rules *rules, const struct rule *rule,
                         bool flat, rwith_members_draft *draft)
{
    for (size_t i = 0; i < rule->item_count; i++) {
        const struct item *item = &rule->items[i];
        rwith_slice rest = item->name;
        uint32_t path;

        if (item->keyword->in != RWITH_IN_BODY || rest.len == 0 ||
            (flat && memchr(rest.ptr + 1, '/', rest.len - 1) != NULL)) {
            continue;
        }
        int err = pointer_path(draft, rest, &path);
        if (err == RWITH_OK) {
            err = rwith_members_draft_need_anyway(draft, RWITH_MEMBERS_ROOT,
                                                  path, &item->hint);
        }
        if (err != RWITH_OK) {
            return refused(rules, err, item->word);
        }
    }
    return RWITH_OK;
}

/*
 * The tree of a rule, for nested formats or for flat ones: a form has no
 * names inside names, so pointers of several segments do not matter there.
 */
static int add_tree(const struct rules *rules, const struct rule *rule,
                    uint32_t operation, bool flat)
{
    unsigned formats = flat ? RWITH_BODY_FORMAT_BIT(RWITH_BODY_FORM) |
                                  RWITH_BODY_FORMAT_BIT(RWITH_BODY_MULTIPART)
                            : RWITH_BODY_FORMAT_BIT(RWITH_BODY_JSON) |
                                  RWITH_BODY_FORMAT_BIT(RWITH_BODY_XML);
    rwith_members_draft *draft;
    uint32_t members;
    int err = rwith_members_draft_new(&rules->builder->mem, &draft);

    if (err != RWITH_OK) {
        return err;
    }
    err = draft_members(rules, rule, flat, draft);
    if (err == RWITH_OK && !rwith_members_draft_is_empty(draft)) {
        err = rwith_policy_add_members(rules->builder, draft, &members);
        if (err == RWITH_OK) {
            err = rwith_policy_add_media(rules->builder, operation,
                                         RWITH_LIT("*/*"), formats, members);
        }
    }
    rwith_members_draft_free(draft);
    return err;
}

/* Does the rule name members of a body? */
static bool has_members(const struct rule *rule)
{
    for (size_t i = 0; i < rule->item_count; i++) {
        if (rule->items[i].keyword->in == RWITH_IN_BODY &&
            rule->items[i].name.len > 0) {
            return true;
        }
    }
    return false;
}

/* A body that is needed at all, and its members. */
static int add_body(const struct rules *rules, const struct rule *rule,
                    uint32_t operation)
{
    int err = RWITH_OK;

    for (size_t i = 0; i < rule->item_count && err == RWITH_OK; i++) {
        const struct item *item = &rule->items[i];

        if (item->keyword->operand == OPERAND_POINTER) {
            err = rwith_policy_require_body(rules->builder, operation,
                                            item->name.len == 0 ? &item->hint
                                                                : NULL);
        }
    }
    if (err != RWITH_OK || !has_members(rule)) {
        return err;
    }
    if (rwith__policy_has_media(rules->builder, operation)) {
        return wrong(rules, 0,
                     "an operation whose body is not described elsewhere");
    }
    err = add_tree(rules, rule, operation, false);
    return err == RWITH_OK ? add_tree(rules, rule, operation, true) : err;
}

static int add_rule(const struct rules *rules, const struct rule *rule,
                    rwith_slice method)
{
    uint32_t operation;
    int err = rwith_policy_add_operation(
        rules->builder, method, rules->base_path, rule->path, &operation, NULL);

    if (err != RWITH_OK) {
        return refused(rules, err, rwith__ascii_is_token(method) ? 1 : 0);
    }
    for (size_t i = 0; i < rule->item_count; i++) {
        const struct item *item = &rule->items[i];
        rwith_policy_need need = { .in = item->keyword->in,
                                   .name = item->name,
                                   .hint = item->hint };

        if (item->keyword->operand == OPERAND_BODILESS) {
            need.flags = RWITH_NEED_BODILESS;
        }

        if (need.in != RWITH_IN_BODY) {
            err = rwith_policy_add_need(rules->builder, operation, &need);
        }
        if (err != RWITH_OK) {
            return refused(rules, err, item->word);
        }
    }
    return add_body(rules, rule, operation);
}

static int add_methods(const struct rules *rules, const struct rule *rule)
{
    const char *at = rule->methods.ptr, *end = at + rule->methods.len;

    for (;;) {
        const char *next = memchr(at, ',', (size_t)(end - at));
        const char *stop = next != NULL ? next : end;
        int err =
            add_rule(rules, rule, (rwith_slice){ at, (size_t)(stop - at) });

        if (err != RWITH_OK || next == NULL) {
            return err;
        }
        at = next + 1;
    }
}

int rwith_rules_read(rwith_policy_builder *builder, rwith_slice base_path,
                     rwith_slice text, rwith_diagnostic *reterr_diag)
{
    const rwith_alloc *mem = &builder->mem;
    struct rwith__config_reader reader;
    struct rwith__config_line line;
    struct rules rules = { builder, base_path, &line, reterr_diag };
    int err = RWITH_OK;

    if (text.len > RWITH_RULES_FILE_MAX) {
        return rwith__config_fail(reterr_diag, 0, 0, "longer than 1 MiB",
                                  (rwith_slice){ 0 }, "");
    }
    char *copy = mem->alloc(text.len + 1, mem->user);
    if (copy == NULL) {
        return RWITH_ENOMEM;
    }
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    rwith__config_start(&reader, copy, text.len);
    while (err == RWITH_OK) {
        struct rule rule;

        err = rwith__config_next(&reader, &line, reterr_diag);
        if (err != RWITH_OK || line.word_count == 0) {
            break;
        }
        err = read_rule(&rules, &rule);
        if (err == RWITH_OK) {
            err = add_methods(&rules, &rule);
        }
    }
    mem->free(copy, mem->user);
    return err;
}
