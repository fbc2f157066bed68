/*
 * multistatus.c: finds the text of DAV: href elements by expat's byte
 * positions and passes all other bytes on untouched.  What an href becomes is
 * the caller's business (lib/rewrite.c).
 */
#include "body/multistatus.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "body/media_type.h"
#include "body/xml_memory.h"

#define PIECE   4096 /* bytes given to expat at a time */
#define TAG_MAX RWITH_HREF_TAG_MAX

/* Bytes that expat has taken and not yet told about: one tag, and as expat
 * may wait for twice as much before it tries again, what came behind it. */
#define PENDING_MAX (2 * TAG_MAX + PIECE)

#define DAV(name) "DAV:" RWITH_XML_SEPARATOR name

struct rwith_multistatus {
    const rwith_alloc *mem;
    XML_Parser parser;
    rwith_href_rewrite rewrite;
    rwith_bytes_sink sink;
    void *user;

    int err;      /* of the sink */
    bool passing; /* nothing is translated any more */
    bool has_root;
    uint64_t token; /* see position() */

    /* The bytes that have not gone out: [out, out + work_len) of the
     * document's. */
    uint64_t out;
    size_t work_len;
    char work[RWITH_HREF_MAX + PENDING_MAX + PIECE];

    /* The href that is open: its content begins at `content`; depth counts
     * the elements inside it. */
    bool in_href;
    bool is_plain; /* text alone, and not too long */
    unsigned depth;
    uint64_t content;
    size_t text_len;
    char text[RWITH_HREF_MAX];
    char rewritten[RWITH_HREF_REWRITTEN_MAX];
};

/* --- bytes out ----------------------------------------------------------- */

static void emit(rwith_multistatus *ms, rwith_slice bytes)
{
    if (ms->err == RWITH_OK && bytes.len > 0) {
        ms->err = ms->sink(ms->user, bytes);
    }
}

/* Let the document's bytes before `end` go, or drop them. */
static void advance(rwith_multistatus *ms, uint64_t end, bool is_emitted)
{
    if (end <= ms->out) {
        return;
    }
    size_t len = (size_t)(end - ms->out);
    if (is_emitted) {
        emit(ms, (rwith_slice){ ms->work, len });
    }
    ms->work_len -= len;
    memmove(ms->work, ms->work + len, ms->work_len);
    ms->out = end;
}

static void pass_from_here(rwith_multistatus *ms)
{
    ms->passing = true;
    ms->in_href = false;
    (void)XML_StopParser(ms->parser, XML_FALSE);
}

static void emit_escaped(rwith_multistatus *ms, rwith_slice text)
{
    size_t from = 0;

    for (size_t i = 0; i < text.len; i++) {
        rwith_slice entity;

        switch (text.ptr[i]) {
        case '&':
            entity = RWITH_LIT("&amp;");
            break;
        case '<':
            entity = RWITH_LIT("&lt;");
            break;
        case '>':
            entity = RWITH_LIT("&gt;");
            break;
        default:
            continue;
        }
        emit(ms, (rwith_slice){ text.ptr + from, i - from });
        emit(ms, entity);
        from = i + 1;
    }
    emit(ms, (rwith_slice){ text.ptr + from, text.len - from });
}

/* --- what expat tells ---------------------------------------------------- */

/* Where the token begins that is told about, or that is not complete yet.
 * While expat puts a token off it does not say: then it is where it was. */
static uint64_t position(rwith_multistatus *ms)
{
    XML_Index at = XML_GetCurrentByteIndex(ms->parser);

    if (at > 0 && (uint64_t)at > ms->token) {
        ms->token = (uint64_t)at;
    }
    return ms->token;
}

/* A tag, comment or the like is too long.  Told when it is complete, so that
 * it does not depend on how the bytes were cut. */
static bool is_too_long(rwith_multistatus *ms)
{
    if (XML_GetCurrentByteCount(ms->parser) <= TAG_MAX) {
        return false;
    }
    pass_from_here(ms);
    return true;
}

/* The text as the rewriter wants it; *ret_from is where it begins. */
static rwith_slice trimmed(const rwith_multistatus *ms, size_t *ret_from)
{
    size_t from = 0, end = ms->text_len;

    while (from < end && memchr(" \t\r\n", ms->text[from], 4) != NULL) {
        from++;
    }
    while (end > from && memchr(" \t\r\n", ms->text[end - 1], 4) != NULL) {
        end--;
    }
    *ret_from = from;
    return (rwith_slice){ ms->text + from, end - from };
}

/* The end tag begins here: replace the text before it when it changes. */
static void close_href(rwith_multistatus *ms)
{
    uint64_t end = position(ms);
    bool changed = false;
    size_t len = 0, from;
    rwith_slice uri = trimmed(ms, &from);

    ms->in_href = false;
    if (!ms->is_plain || uri.len == 0 || end > ms->content + RWITH_HREF_MAX ||
        ms->rewrite(ms->user, uri, ms->rewritten, sizeof(ms->rewritten), &len,
                    &changed) != RWITH_OK ||
        !changed) {
        return;
    }
    size_t after = from + uri.len;
    advance(ms, ms->content, true);
    advance(ms, end, false);
    emit(ms, (rwith_slice){ ms->text, from });
    emit_escaped(ms, (rwith_slice){ ms->rewritten, len });
    emit(ms, (rwith_slice){ ms->text + after, ms->text_len - after });
}

static void on_start(void *user, const XML_Char *name,
                     const XML_Char **attributes)
{
    rwith_multistatus *ms = user;

    (void)attributes;
    if (is_too_long(ms)) {
        return;
    }
    if (!ms->has_root) {
        ms->has_root = true;
        if (strncmp(name, DAV(""), sizeof(DAV("")) - 1) != 0) {
            pass_from_here(ms);
            return;
        }
    }
    if (ms->in_href) {
        ms->is_plain = false;
        ms->depth++;
    } else if (strcmp(name, DAV("href")) == 0) {
        ms->in_href = true;
        ms->is_plain = true;
        ms->depth = 0;
        ms->text_len = 0;
        ms->content =
            position(ms) + (uint64_t)XML_GetCurrentByteCount(ms->parser);
    }
}

static void on_end(void *user, const XML_Char *name)
{
    rwith_multistatus *ms = user;

    (void)name;
    if (!is_too_long(ms) && ms->in_href && ms->depth-- == 0) {
        close_href(ms);
    }
}

static void on_text(void *user, const XML_Char *text, int text_len)
{
    rwith_multistatus *ms = user;
    size_t len = (size_t)text_len;

    if (!ms->in_href || !ms->is_plain) {
        return;
    }
    if (len > sizeof(ms->text) - ms->text_len) {
        ms->is_plain = false;
        return;
    }
    memcpy(ms->text + ms->text_len, text, len);
    ms->text_len += len;
}

/* A comment or processing instruction inside an href would be lost. */
static void on_comment(void *user, const XML_Char *text)
{
    rwith_multistatus *ms = user;

    (void)text;
    ms->is_plain = false;
    (void)is_too_long(ms);
}

static void on_instruction(void *user, const XML_Char *target,
                           const XML_Char *text)
{
    (void)target;
    on_comment(user, text);
}

/* Entities are where the bombs are; no WebDAV server needs them. */
static void on_doctype(void *user, const XML_Char *name,
                       const XML_Char *system_id, const XML_Char *public_id,
                       int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    pass_from_here(user);
}

static bool is_utf8_name(rwith_slice charset)
{
    return rwith_slice_equal_nocase(charset, RWITH_LIT("utf-8")) ||
           rwith_slice_equal_nocase(charset, RWITH_LIT("us-ascii"));
}

static void on_declaration(void *user, const XML_Char *version,
                           const XML_Char *encoding, int standalone)
{
    (void)version;
    (void)standalone;
    if (encoding != NULL && !is_utf8_name(rwith_slice_of(encoding))) {
        pass_from_here(user);
    }
}

/* --- bytes in ------------------------------------------------------------ */

/* UTF-16 begins with its byte order mark or has a zero in its first two
 * bytes; in UTF-8 none of these can begin a document. */
static bool begins_like_utf16(const rwith_multistatus *ms)
{
    unsigned char first = (unsigned char)ms->work[0];

    return ms->out == 0 && ms->work_len > 0 &&
           (first == 0 || first >= 0xfe ||
            (ms->work_len > 1 && ms->work[1] == 0));
}

/* What cannot become part of an href any more goes out. */
static void let_go(rwith_multistatus *ms, uint64_t end)
{
    uint64_t at = position(ms);

    if (at > end) {
        at = end;
    }
    if (ms->in_href && at > ms->content + RWITH_HREF_MAX) {
        ms->is_plain = false;
    }
    if (!ms->passing && end - at > PENDING_MAX) {
        pass_from_here(ms);
    }
    if (ms->passing) {
        at = end;
    } else if (ms->in_href && ms->is_plain) {
        at = ms->content;
    }
    advance(ms, at, true);
}

static void feed_piece(rwith_multistatus *ms, const char *bytes, size_t len)
{
    uint64_t end = ms->out + ms->work_len + len;

    memcpy(ms->work + ms->work_len, bytes, len);
    ms->work_len += len;
    if (begins_like_utf16(ms)) {
        pass_from_here(ms);
    } else if (rwith__xml_parse(ms->mem, ms->parser, bytes, len, false) !=
               XML_STATUS_OK) {
        ms->passing = true;
        ms->in_href = false;
    }
    let_go(ms, end);
}

int rwith_multistatus_feed(rwith_multistatus *ms, const char *bytes, size_t len)
{
    while (len > 0 && ms->err == RWITH_OK && !ms->passing) {
        size_t piece = len < PIECE ? len : PIECE;

        feed_piece(ms, bytes, piece);
        bytes += piece;
        len -= piece;
    }
    emit(ms, (rwith_slice){ bytes, len });
    return ms->err;
}

int rwith_multistatus_finish(rwith_multistatus *ms)
{
    uint64_t end = ms->out + ms->work_len;

    if (!ms->passing && ms->err == RWITH_OK) {
        /* expat may have put off a token until there is more of it */
        (void)rwith__xml_parse(ms->mem, ms->parser, "", 0, true);
    }
    ms->passing = true;
    advance(ms, end, true);
    return ms->err;
}

/* --- life ---------------------------------------------------------------- */

int rwith_multistatus_new(const rwith_alloc *mem, rwith_href_rewrite rewrite,
                          rwith_bytes_sink sink, void *user,
                          rwith_multistatus **ret)
{
    rwith_multistatus *ms =
        mem != NULL ? mem->alloc(sizeof(*ms), mem->user) : malloc(sizeof(*ms));

    if (ms == NULL) {
        return RWITH_ENOMEM;
    }
    memset(ms, 0, sizeof(*ms));
    ms->mem = mem;
    ms->rewrite = rewrite;
    ms->sink = sink;
    ms->user = user;
    ms->parser = rwith__xml_open(mem);
    if (ms->parser == NULL) {
        rwith_multistatus_free(ms);
        return RWITH_ENOMEM;
    }
    XML_SetUserData(ms->parser, ms);
    XML_SetElementHandler(ms->parser, on_start, on_end);
    XML_SetCharacterDataHandler(ms->parser, on_text);
    XML_SetCommentHandler(ms->parser, on_comment);
    XML_SetProcessingInstructionHandler(ms->parser, on_instruction);
    XML_SetStartDoctypeDeclHandler(ms->parser, on_doctype);
    XML_SetXmlDeclHandler(ms->parser, on_declaration);
    *ret = ms;
    return RWITH_OK;
}

void rwith_multistatus_free(rwith_multistatus *ms)
{
    if (ms == NULL) {
        return;
    }
    const rwith_alloc *mem = ms->mem;
    rwith__xml_close(ms->parser);
    if (mem != NULL) {
        mem->free(ms, mem->user);
    } else {
        free(ms);
    }
}

/* --- when ---------------------------------------------------------------- */

bool rwith_multistatus_applies(rwith_slice method, unsigned status,
                               rwith_slice content_type,
                               rwith_slice content_encoding)
{
    rwith_slice type;
    rwith_slice charset;

    if (status != 207 && status < 400 &&
        !rwith_slice_equal(method, RWITH_LIT("LOCK"))) {
        return false; /* nearly always, and nothing was looked at */
    }
    type = rwith__media_type(content_type);
    bool is_xml =
        rwith_slice_equal_nocase(type, RWITH_LIT("text/xml")) ||
        rwith_slice_equal_nocase(type, RWITH_LIT("application/xml")) ||
        rwith__media_type_ends(type, RWITH_LIT("+xml"));

    if (content_encoding.len > 0 &&
        !rwith_slice_equal_nocase(content_encoding, RWITH_LIT("identity"))) {
        return false;
    }
    return is_xml && (!rwith__media_parameter(content_type,
                                              RWITH_LIT("charset"), &charset) ||
                      is_utf8_name(charset));
}
