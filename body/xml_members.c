/*
 * xml_members.c: elements and attributes of an XML body by their local names,
 * read by expat.
 */
#include <string.h>

#include "body/reader.h"
#include "body/xml_memory.h"

#define PIECE (16 * 1024) /* bytes given to expat at a time */

/* expat may wait for twice a tag before it tries to read it again. */
#define PENDING_MAX (2 * RWITH_BODY_TAG_MAX + PIECE)

struct xml {
    const rwith_alloc *mem;
    rwith_members_state *state;
    XML_Parser parser;
    uint64_t fed;
    uint64_t token; /* where the first one begins that was not told about */
    size_t depth_max;
    size_t depth;
    size_t relevant; /* of the elements that are open, from the outside */
    uint32_t paths[RWITH_MEMBERS_DEPTH_MAX + 1];
    int err;
    const char *why;
};

static bool xml_takes(rwith_slice content_type)
{
    rwith_slice type = rwith__media_type(content_type);

    return rwith_slice_equal_nocase(type, RWITH_LIT("text/xml")) ||
           rwith_slice_equal_nocase(type, RWITH_LIT("application/xml")) ||
           rwith__media_type_ends(type, RWITH_LIT("+xml"));
}

static void give_up(struct xml *xml, int err, const char *why)
{
    xml->err = err;
    xml->why = why;
    (void)XML_StopParser(xml->parser, XML_FALSE);
}

/* Told when a token is complete, so that it does not depend on how the bytes
 * were cut. */
static bool is_fine(struct xml *xml)
{
    if (xml->err == RWITH_OK &&
        XML_GetCurrentByteCount(xml->parser) > RWITH_BODY_TAG_MAX) {
        give_up(xml, RWITH_ESYNTAX, "a tag or comment is too long");
    }
    return xml->err == RWITH_OK;
}

static rwith_slice local_name(const XML_Char *name)
{
    const char *separator = strrchr(name, RWITH_XML_SEPARATOR[0]);

    return rwith_slice_of(separator != NULL ? separator + 1 : name);
}

static void enter_element(struct xml *xml, const XML_Char *name,
                          const XML_Char **attributes)
{
    uint32_t parent =
        xml->relevant > 0 ? xml->paths[xml->relevant - 1] : RWITH_MEMBERS_ROOT;
    uint32_t path = RWITH_MEMBERS_NONE;

    if (xml->relevant <= RWITH_MEMBERS_DEPTH_MAX) {
        path = rwith_members_enter(xml->state, parent, RWITH_MEMBER_NAME,
                                   local_name(name));
    }
    if (path == RWITH_MEMBERS_NONE) {
        return;
    }
    xml->paths[xml->relevant++] = path;
    rwith_members_shape(xml->state, path, RWITH_SHAPE_OBJECT);
    for (; *attributes != NULL; attributes += 2) {
        rwith__member_text(xml->state, path, RWITH_MEMBER_ATTRIBUTE,
                           local_name(*attributes));
    }
}

static void on_start(void *user, const XML_Char *name,
                     const XML_Char **attributes)
{
    struct xml *xml = user;

    if (!is_fine(xml)) {
        return;
    }
    if (xml->depth == xml->depth_max) {
        give_up(xml, RWITH_ESYNTAX, "nested too deep");
        return;
    }
    if (xml->relevant == xml->depth) {
        enter_element(xml, name, attributes);
    }
    xml->depth++;
}

static void on_end(void *user, const XML_Char *name)
{
    struct xml *xml = user;

    (void)name;
    if (!is_fine(xml)) {
        return;
    }
    if (xml->relevant == xml->depth) {
        rwith_members_leave(xml->state, xml->paths[--xml->relevant]);
    }
    xml->depth--;
}

static void on_comment(void *user, const XML_Char *text)
{
    (void)text;
    (void)is_fine(user);
}

static void on_instruction(void *user, const XML_Char *target,
                           const XML_Char *text)
{
    (void)target;
    on_comment(user, text);
}

static void on_doctype(void *user, const XML_Char *name,
                       const XML_Char *system_id, const XML_Char *public_id,
                       int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    give_up(user, RWITH_EUNSUPPORTED, "a document type declaration");
}

static void xml_close(void *reader)
{
    struct xml *xml = reader;

    rwith__xml_close(xml->parser);
    rwith__body_free(xml->mem, xml);
}

static void *xml_open(const struct rwith__reader_setup *setup)
{
    struct xml *xml = rwith__body_alloc(setup->mem, sizeof(*xml));

    if (xml == NULL) {
        return NULL;
    }
    memset(xml, 0, sizeof(*xml));
    xml->mem = setup->mem;
    xml->state = setup->state;
    xml->depth_max = setup->depth_max;
    xml->parser = rwith__xml_open(setup->mem);
    if (xml->parser == NULL) {
        xml_close(xml);
        return NULL;
    }
    XML_SetUserData(xml->parser, xml);
    XML_SetElementHandler(xml->parser, on_start, on_end);
    XML_SetCommentHandler(xml->parser, on_comment);
    XML_SetProcessingInstructionHandler(xml->parser, on_instruction);
    XML_SetStartDoctypeDeclHandler(xml->parser, on_doctype);
    rwith_members_shape(xml->state, RWITH_MEMBERS_ROOT, RWITH_SHAPE_OBJECT);
    return xml;
}

static int xml_error(struct xml *xml)
{
    if (xml->err == RWITH_OK) {
        enum XML_Error code = XML_GetErrorCode(xml->parser);

        xml->err = code == XML_ERROR_NO_MEMORY          ? RWITH_ENOMEM
                   : code == XML_ERROR_UNKNOWN_ENCODING ? RWITH_EUNSUPPORTED
                                                        : RWITH_ESYNTAX;
        xml->why = code == XML_ERROR_NO_MEMORY ? "out of memory"
                   : code == XML_ERROR_UNKNOWN_ENCODING
                       ? "an encoding that is not known"
                       : "not well-formed XML";
    }
    return xml->err;
}

static int feed_piece(struct xml *xml, const char *bytes, size_t len)
{
    if (rwith__xml_parse(xml->mem, xml->parser, bytes, len, false) !=
        XML_STATUS_OK) {
        return xml_error(xml);
    }
    XML_Index at = XML_GetCurrentByteIndex(xml->parser);
    if (at > 0 && (uint64_t)at > xml->token) {
        xml->token = (uint64_t)at;
    }
    xml->fed += len;
    if (xml->fed - xml->token > PENDING_MAX) {
        give_up(xml, RWITH_ESYNTAX, "a tag or comment is too long");
    }
    return xml->err;
}

static int xml_feed(void *reader, const char *bytes, size_t len,
                    const char **ret_why)
{
    struct xml *xml = reader;
    int err = RWITH_OK;

    while (len > 0 && err == RWITH_OK) {
        size_t piece = len < PIECE ? len : PIECE;

        err = feed_piece(xml, bytes, piece);
        bytes += piece;
        len -= piece;
    }
    *ret_why = xml->why;
    return err;
}

static int xml_finish(void *reader, bool *ret_is_empty, const char **ret_why)
{
    struct xml *xml = reader;
    int err = RWITH_OK;

    *ret_is_empty = xml->fed == 0;
    if (!*ret_is_empty &&
        rwith__xml_parse(xml->mem, xml->parser, "", 0, true) != XML_STATUS_OK) {
        err = xml_error(xml);
    }
    *ret_why = xml->why;
    return err;
}

const struct rwith__reader rwith__xml_reader = {
    xml_takes, xml_open, xml_feed, xml_finish, xml_close,
};
