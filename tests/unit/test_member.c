/*
 * The books of a body: trees written in a small notation, bodies as a
 * script of what a reader reports, and what is missing at the end.
 */
#include <retrywith/member.h>

#include "tap.h"

static uint32_t path(rwith_members_draft *draft, uint32_t parent,
                     rwith_member_kind kind, const char *name, bool repeats)
{
    uint32_t made = 0;

    rwith_members_draft_path(draft, parent, kind, rwith_slice_of(name), repeats,
                             &made);
    return made;
}

static uint32_t name_path(rwith_members_draft *draft, uint32_t parent,
                          const char *name)
{
    return path(draft, parent, RWITH_MEMBER_NAME, name, false);
}

/*
 * A body as a script: "{" object, "[" array, "." scalar is the shape of the
 * value entered last; "+name" enters, "@name" an attribute, "*" an element,
 * "-" leaves.  Pieces are separated by spaces.
 */
static void play(rwith_members_state *state, const char *script)
{
    uint32_t stack[32] = { RWITH_MEMBERS_ROOT };
    size_t depth = 0;

    while (*script != '\0') {
        size_t len = strcspn(script, " ");
        rwith_slice name = { script + 1, len - 1 };

        switch (*script) {
        case '{':
            rwith_members_shape(state, stack[depth], RWITH_SHAPE_OBJECT);
            break;
        case '[':
            rwith_members_shape(state, stack[depth], RWITH_SHAPE_ARRAY);
            break;
        case '.':
            rwith_members_shape(state, stack[depth], RWITH_SHAPE_SCALAR);
            break;
        case '-':
            rwith_members_leave(state, stack[depth--]);
            break;
        default: {
            rwith_member_kind kind = *script == '+'   ? RWITH_MEMBER_NAME
                                     : *script == '@' ? RWITH_MEMBER_ATTRIBUTE
                                                      : RWITH_MEMBER_ITEM;
            uint32_t entered =
                rwith_members_enter(state, stack[depth], kind, name);

            stack[++depth] = entered;
        }
        }
        script += len + (script[len] == ' ');
    }
}

static void describe(const rwith_missing_list *list, char *text, size_t size)
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        const rwith_missing *item = &list->items[i];
        bool other = item->alternative > 0 &&
                     item->alternative != list->items[i - 1].alternative;

        len += (size_t)snprintf(text + len, size - len, "%s%.*s",
                                i == 0  ? ""
                                : other ? " or "
                                        : " ",
                                (int)item->name.len, item->name.ptr);
    }
}

static void check(const rwith_members_draft *draft, const char *script,
                  const char *want, const char *name)
{
    rwith_members *members = NULL;
    rwith_missing_list list = { 0 };
    char got[512];

    if (rwith_members_new(NULL, draft, &members) != RWITH_OK) {
        ok(false, "%s", name);
        return;
    }
    void *memory = malloc(rwith_members_state_size(members));
    rwith_members_state *state = rwith_members_begin(members, memory);

    play(state, script);
    size_t count = rwith_members_end(state, &list);
    describe(&list, got, sizeof(got));
    is_str(rwith_slice_of(got), want, name);
    if ((count == 0) != (want[0] == '\0')) {
        ok(false, "%s: the count is %zu", name, count);
    }
    free(memory);
    rwith_members_free(members);
}

static void nested(void)
{
    rwith_members_draft *d;

    rwith_members_draft_new(NULL, &d);
    ok(rwith_members_draft_is_empty(d), "an empty draft is empty");
    uint32_t a = name_path(d, 0, "a"), b = name_path(d, a, "b");
    uint32_t c = name_path(d, 0, "c/~");
    rwith_members_draft_need(d, 0, a, NULL);
    rwith_members_draft_need(d, 0, b, NULL);
    rwith_members_draft_need(d, 0, b, NULL);
    rwith_members_draft_need(d, 0, c, NULL);
    check(d, "{ +a { +b . - - +c/~ . -", "", "all there");
    check(d, "{ +a { - +c/~ . -", "/a/b", "a nested member");
    check(d, "{", "/a /c~1~0", "what is missing as a whole is one thing");
    check(d, "{ +a . - +c/~ . -", "", "a value of another type passes");
    check(d, "[ * { - -", "", "a body of another type passes");
    check(d, "{ +x { +a { +b - - - -", "/a /c~1~0", "the place counts");
    check(d, "{ +a { +b . - - +a { - +c/~ . -", "/a/b",
          "given twice: the last one counts");
    is_int(rwith_members_draft_need(d, 0, 0, NULL), RWITH_EINVAL,
           "the root is no need");
    is_int(rwith_members_draft_need(d, 99, a, NULL), RWITH_EINVAL,
           "no such alternative");
    rwith_members_draft_free(d);
}

static void anyway(void)
{
    rwith_members_draft *d;

    rwith_members_draft_new(NULL, &d);
    uint32_t b = name_path(d, name_path(d, 0, "a"), "b");
    rwith_members_draft_need_anyway(d, 0, b, NULL);
    check(d, "{", "/a/b", "anyway: the parent is missing, too");
    check(d, "{ +a . -", "/a/b", "anyway: the parent is no object");
    check(d, "{ +a { +b . - -", "", "anyway: there");
    rwith_members_draft_free(d);
}

static void arrays(void)
{
    rwith_members_draft *d;

    rwith_members_draft_new(NULL, &d);
    uint32_t list = name_path(d, 0, "list");
    uint32_t item = path(d, list, RWITH_MEMBER_ITEM, "", true);
    uint32_t x = name_path(d, item, "x");
    uint32_t inner = path(d, x, RWITH_MEMBER_ITEM, "", true);
    rwith_members_draft_need(d, 0, x, NULL);
    rwith_members_draft_need(d, 0, name_path(d, inner, "y"), NULL);
    check(d, "{ +list [ -", "", "an empty array");
    check(d, "{ +list [ * { +x [ - - -", "", "one element");
    check(d, "{ +list [ * { +x . - - * { - * { +x . - - -", "/list/*/x",
          "one of three elements");
    check(d, "{ +list [ * { +x [ * { - - - -", "/list/*/x/*/y",
          "an element of an element");
    check(d, "{ +list [ * { +x [ * { - - - * { +x [ * { +y . - - - - -",
          "/list/*/x/*/y", "what an earlier element lacked stays");
    check(d, "{ +list [ * . - * [ - -", "", "elements of other types");
    rwith_members_draft_free(d);
}

static void choices(void)
{
    rwith_members_draft *d;
    uint32_t choice, one, two, three;

    rwith_members_draft_new(NULL, &d);
    uint32_t a = name_path(d, 0, "a"), b = name_path(d, 0, "b");
    uint32_t c = name_path(d, 0, "c");
    rwith_members_draft_choice(d, 0, 0, &choice);
    rwith_members_draft_alternative(d, choice, RWITH_SHAPE_OBJECT, &one);
    rwith_members_draft_alternative(d, choice, RWITH_SHAPE_OBJECT, &two);
    rwith_members_draft_alternative(d, choice, RWITH_SHAPE_ARRAY, &three);
    rwith_members_draft_need(d, one, a, NULL);
    rwith_members_draft_need(d, one, b, NULL);
    rwith_members_draft_need(d, two, c, NULL);
    rwith_members_draft_need(d, two, b, NULL);
    check(d, "{ +a . - +b . -", "", "the first alternative");
    check(d, "{ +c . - +b . -", "", "the second alternative");
    check(d, "{ +c . -", "/b or /a /b", "the nearest is the second");
    check(d, "{", "/a /b or /c /b", "on a tie the first");
    check(d, "{ +b . -", "/a or /c", "what is there is not told");
    check(d, ".", "", "no alternative is for that type");
    check(d, "[", "", "an alternative that needs nothing");
    is_int(rwith_members_draft_need(d, choice, a, NULL), RWITH_EINVAL,
           "needs stand in alternatives");
    rwith_members_draft_free(d);
}

static void choices_in_arrays(void)
{
    rwith_members_draft *d;
    uint32_t outer, left, right, inner, p, q;

    rwith_members_draft_new(NULL, &d);
    uint32_t item = path(d, name_path(d, 0, "l"), RWITH_MEMBER_ITEM, "", true);
    uint32_t z = name_path(d, 0, "z");
    /* Either every element has x or y, or there is z. */
    rwith_members_draft_choice(d, 0, 0, &outer);
    rwith_members_draft_alternative(d, outer, RWITH_SHAPE_ALL, &left);
    rwith_members_draft_alternative(d, outer, RWITH_SHAPE_ALL, &right);
    rwith_members_draft_choice(d, left, item, &inner);
    rwith_members_draft_alternative(d, inner, RWITH_SHAPE_ALL, &p);
    rwith_members_draft_alternative(d, inner, RWITH_SHAPE_ALL, &q);
    rwith_members_draft_need(d, p, name_path(d, item, "x"), NULL);
    rwith_members_draft_need(d, q, name_path(d, item, "y"), NULL);
    rwith_members_draft_need(d, right, z, NULL);
    check(d, "{ +l [ * { +x . - - * { +y . - - -", "",
          "each element chooses for itself");
    check(d, "{ +l [ * { - -", "/l/*/x or /z", "an element that has none");
    check(d, "{ +l [ * { - - +z . -", "", "the other alternative will do");
    check(d, "{", "", "no array, nothing missing");
    rwith_members_draft_free(d);
}

static void xml(void)
{
    rwith_members_draft *d;

    rwith_members_draft_new(NULL, &d);
    uint32_t root = path(d, 0, RWITH_MEMBER_ANY, "", true);
    uint32_t id = path(d, root, RWITH_MEMBER_ATTRIBUTE, "id", false);
    uint32_t tag = path(d, root, RWITH_MEMBER_NAME, "tag", true);
    uint32_t text = name_path(d, tag, "text");
    rwith_members_draft_need(d, 0, id, NULL);
    rwith_members_draft_need(d, 0, tag, NULL);
    rwith_members_draft_need(d, 0, text, NULL);
    check(d, "{ +any { @id . - +tag { +text . - - +tag { +text . - - -", "",
          "repeated elements");
    check(d, "{ +any { +tag { +text . - - +tag { - -", "/*/@id /*/tag/text",
          "an attribute, and one of the repeated");
    check(d, "{ +any { @id . - -", "/*/tag", "one at least");
    rwith_members_draft_free(d);
}

static void limits(void)
{
    rwith_members_draft *d;
    uint32_t at = 0;
    int err = RWITH_OK;
    int depth = 0;

    rwith_members_draft_new(NULL, &d);
    for (; err == RWITH_OK; depth++) {
        err = rwith_members_draft_path(d, at, RWITH_MEMBER_NAME, RWITH_LIT("a"),
                                       false, &at);
    }
    is_int(err, RWITH_ERANGE, "too deep");
    is_int(depth - 1, RWITH_MEMBERS_DEPTH_MAX, "as deep as the limit");
    rwith_members_draft_need(d, 0, at, NULL);
    check(d, "{", "", "the deepest need compiles");
    at = 0;
    for (err = RWITH_OK, depth = 0; err == RWITH_OK; depth++) {
        err = rwith_members_draft_path(d, at, RWITH_MEMBER_ITEM, RWITH_LIT(""),
                                       true, &at);
    }
    is_int(depth - 1, RWITH_MEMBERS_NEST_MAX, "arrays in arrays");
    rwith_members_draft_free(d);
}

/* A tree with every kind of row, built with that allocator. */
static int build(const rwith_alloc *mem)
{
    rwith_members_draft *d = NULL;
    rwith_members *members = NULL;
    rwith_hint hint = { RWITH_LIT("why"), RWITH_LIT("{}"), RWITH_LIT("1") };
    uint32_t item = 0, x = 0, choice = 0, one = 0;
    int err = rwith_members_draft_new(mem, &d);

    if (err == RWITH_OK) {
        err = rwith_members_draft_path(d, 0, RWITH_MEMBER_ITEM, RWITH_LIT(""),
                                       true, &item);
    }
    if (err == RWITH_OK) {
        err = rwith_members_draft_path(d, item, RWITH_MEMBER_NAME,
                                       RWITH_LIT("x"), false, &x);
    }
    if (err == RWITH_OK) {
        err = rwith_members_draft_choice(d, 0, item, &choice);
    }
    if (err == RWITH_OK) {
        err = rwith_members_draft_alternative(d, choice, RWITH_SHAPE_ALL, &one);
    }
    if (err == RWITH_OK) {
        err = rwith_members_draft_need(d, one, x, &hint);
    }
    if (err == RWITH_OK) {
        err = rwith_members_new(mem, d, &members);
    }
    rwith_members_free(members);
    rwith_members_draft_free(d);
    return err;
}

static void allocations(void)
{
    struct tap_memory memory = { .fail_at = SIZE_MAX };
    rwith_alloc mem = tap_alloc(&memory);
    size_t wrong = 0;

    is_int(build(&mem), RWITH_OK, "built with a counting allocator");
    size_t calls = memory.calls;
    for (size_t k = 0; k < calls; k++) {
        memory = (struct tap_memory){ .fail_at = k };
        wrong += build(&mem) != RWITH_ENOMEM || memory.live != 0;
    }
    is_int((long long)wrong, 0, "each allocation failed once");
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    nested();
    anyway();
    arrays();
    choices();
    choices_in_arrays();
    xml();
    limits();
    allocations();
    return tap_done();
}
