/*
 * reader.h: what members.c asks of the reader of one kind of content.
 */
#ifndef RWITH_BODY_READER_H
#define RWITH_BODY_READER_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/member.h>

#include "body/media_type.h"
#include "body/members.h"

/** What a reader is made for. */
struct rwith__reader_setup {
    const rwith_alloc *mem;
    rwith_members_state *state;
    rwith_slice content_type; /* only while it is opened */
    size_t depth_max;
};

/**
 * A reader.  @a feed and @a finish return #RWITH_OK; #RWITH_ESYNTAX: the
 * body is malformed; #RWITH_EUNSUPPORTED: it cannot be judged; #RWITH_ENOMEM;
 * with *ret_why set to a literal.  After an error only @a close is called.
 */
struct rwith__reader {
    bool (*takes)(rwith_slice content_type);
    void *(*open)(const struct rwith__reader_setup *setup); /* NULL: memory */
    int (*feed)(void *reader, const char *bytes, size_t len,
                const char **ret_why);
    int (*finish)(void *reader, bool *ret_is_empty, const char **ret_why);
    void (*close)(void *reader);
};

extern const struct rwith__reader rwith__json_reader;
extern const struct rwith__reader rwith__xml_reader;
extern const struct rwith__reader rwith__form_reader;
extern const struct rwith__reader rwith__multipart_reader;

/** Memory from @a mem; NULL: malloc. */
void *rwith__body_alloc(const rwith_alloc *mem, size_t size);
void rwith__body_free(const rwith_alloc *mem, void *ptr);

/** A text without anything inside, in one step. */
void rwith__member_text(rwith_members_state *state, uint32_t parent,
                        rwith_member_kind kind, rwith_slice name);

#endif
