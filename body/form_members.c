/*
 * form_members.c: the names in an application/x-www-form-urlencoded body.
 * Nothing in such a body is malformed: what is no escape stands for itself
 * (URL Standard 5.1).
 */
#include <string.h>

#include "body/form_text.h"
#include "body/insert.h"
#include "body/reader.h"

struct form {
    const rwith_alloc *mem;
    rwith_members_state *state;
    bool in_value, is_empty;
    bool is_too_long; /* the name is none of the tree's */
    unsigned escape;  /* bytes of "%XX" seen, at the name's end */
    size_t name_len;
    char name[RWITH_BODY_NAME_MAX];
};

static void *form_open(const struct rwith__reader_setup *setup)
{
    struct form *form = rwith__body_alloc(setup->mem, sizeof(*form));

    if (form != NULL) {
        memset(form, 0, sizeof(*form));
        form->mem = setup->mem;
        form->state = setup->state;
        form->is_empty = true;
        rwith_members_shape(form->state, RWITH_MEMBERS_ROOT,
                            RWITH_SHAPE_OBJECT);
    }
    return form;
}

static void add_byte(struct form *form, char c)
{
    if (form->name_len == sizeof(form->name)) {
        form->is_too_long = true;
        form->escape = 0;
        return;
    }
    form->name[form->name_len++] = c == '+' ? ' ' : c;
    if (c == '%') {
        form->escape = 1;
    } else if (form->escape > 0 && rwith__hex_digit(c) >= 0) {
        if (++form->escape == 3) {
            char *at = form->name + form->name_len - 3;

            *at =
                (char)(rwith__hex_digit(at[1]) * 16 + rwith__hex_digit(at[2]));
            form->name_len -= 2;
            form->escape = 0;
        }
    } else {
        form->escape = 0;
    }
}

/* A name is complete; "&&" has none. */
static void end_name(struct form *form, bool has_value)
{
    if ((form->name_len > 0 || has_value) && !form->is_too_long) {
        rwith__member_text(form->state, RWITH_MEMBERS_ROOT, RWITH_MEMBER_NAME,
                           (rwith_slice){ form->name, form->name_len });
    }
    form->name_len = 0;
    form->escape = 0;
    form->is_too_long = false;
}

static int form_feed(void *reader, const char *bytes, size_t len,
                     const char **ret_why)
{
    struct form *form = reader;
    const char *end = bytes + len;

    (void)ret_why;
    form->is_empty = form->is_empty && len == 0;
    for (const char *p = bytes; p < end; p++) {
        if (form->in_value) {
            p = memchr(p, '&', (size_t)(end - p));
            if (p == NULL) {
                break;
            }
            form->in_value = false;
        } else if (*p == '&') {
            end_name(form, false);
        } else if (*p == '=') {
            end_name(form, true);
            form->in_value = true;
        } else {
            add_byte(form, *p);
        }
    }
    return RWITH_OK;
}

static int form_finish(void *reader, bool *ret_is_empty, const char **ret_why)
{
    struct form *form = reader;

    (void)ret_why;
    if (!form->in_value) {
        end_name(form, false);
    }
    *ret_is_empty = form->is_empty;
    return RWITH_OK;
}

static void form_close(void *reader)
{
    struct form *form = reader;

    rwith__body_free(form->mem, form);
}

const struct rwith__reader rwith__form_reader = {
    rwith_body_is_form, form_open, form_feed, form_finish, form_close,
};
