/*
 * multipart_members.c: the names of the parts of a multipart/form-data body
 * (RFC 7578, RFC 2046 5.1).  Strict where two readers could see different
 * parts: a delimiter line that ends otherwise than it must, or that stands
 * behind a bare LF, makes the body malformed.
 */
#include <string.h>

#include "body/reader.h"

enum state {
    IN_DATA,      /* of a part, or in front of the first */
    IN_DELIMITER, /* at the start of a line: matching "--boundary" */
    BEHIND,       /* of the boundary */
    BEHIND_DASH,  /* the first of the closing two */
    IN_PADDING,   /* white space behind the boundary */
    BEFORE_LF,    /* the delimiter line's CR was seen */
    IN_HEAD,      /* of a part */
    CLOSED,       /* behind the closing delimiter, on its line */
    CLOSED_CR,
    IN_EPILOGUE
};

struct multipart {
    const rwith_alloc *mem;
    rwith_members_state *members;
    enum state state;
    bool is_empty;
    bool has_cr;    /* the byte before was a CR */
    bool is_crlf;   /* the line began behind a CRLF, or the body with it */
    size_t matched; /* of the delimiter */
    size_t delimiter_len;
    size_t head_len;
    char delimiter[2 + RWITH_BODY_BOUNDARY_MAX];
    char head[RWITH_BODY_PART_HEAD_MAX];
};

/* bchars of RFC 2046 5.1.1 less the space, which would be lost at an end. */
static bool is_boundary(rwith_slice s)
{
    static const char other[] = "'()+_,-./:=?";

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            !(c >= '0' && c <= '9') &&
            memchr(other, c, sizeof(other) - 1) == NULL) {
            return false;
        }
    }
    return s.len > 0 && s.len <= RWITH_BODY_BOUNDARY_MAX;
}

static bool multipart_takes(rwith_slice content_type)
{
    rwith_slice boundary;

    return rwith_slice_equal_nocase(rwith__media_type(content_type),
                                    RWITH_LIT("multipart/form-data")) &&
           rwith__media_parameter(content_type, RWITH_LIT("boundary"),
                                  &boundary) &&
           is_boundary(boundary);
}

static void *multipart_open(const struct rwith__reader_setup *setup)
{
    struct multipart *m = rwith__body_alloc(setup->mem, sizeof(*m));
    rwith_slice boundary = { "", 0 };

    if (m == NULL) {
        return NULL;
    }
    memset(m, 0, sizeof(*m));
    m->mem = setup->mem;
    m->members = setup->state;
    m->is_empty = true;
    m->state = IN_DELIMITER; /* the first line may be one */
    m->is_crlf = true;
    (void)rwith__media_parameter(setup->content_type, RWITH_LIT("boundary"),
                                 &boundary);
    memcpy(m->delimiter, "--", 2);
    memcpy(m->delimiter + 2, boundary.ptr, boundary.len);
    m->delimiter_len = 2 + boundary.len;
    rwith_members_shape(m->members, RWITH_MEMBERS_ROOT, RWITH_SHAPE_OBJECT);
    return m;
}

/* --- a part's header ----------------------------------------------------- */

/* Without the backslashes of quoted pairs; those in front of other bytes are
 * part of a path that some client has written. */
static rwith_slice unescape(char *name, size_t len)
{
    size_t to = 0;

    for (size_t i = 0; i < len; i++) {
        if (name[i] == '\\' && i + 1 < len &&
            (name[i + 1] == '"' || name[i + 1] == '\\')) {
            i++;
        }
        name[to++] = name[i];
    }
    return (rwith_slice){ name, to };
}

static const char *read_disposition(struct multipart *m, rwith_slice value)
{
    rwith_slice name;
    char copy[RWITH_BODY_NAME_MAX];

    if (!rwith_slice_equal_nocase(rwith__media_type(value),
                                  RWITH_LIT("form-data"))) {
        return "a part that is no form-data";
    }
    if (!rwith__media_parameter(value, RWITH_LIT("name"), &name)) {
        return "a part without a name, or with two";
    }
    if (name.len <= sizeof(copy)) {
        memcpy(copy, name.ptr, name.len);
        rwith__member_text(m->members, RWITH_MEMBERS_ROOT, RWITH_MEMBER_NAME,
                           unescape(copy, name.len));
    }
    return NULL;
}

/* Lines that begin with white space belong to the one before. */
static void unfold(char *head, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++) {
        if (head[i] == '\r' && (head[i + 2] == ' ' || head[i + 2] == '\t')) {
            head[i] = ' ';
            head[i + 1] = ' ';
        }
    }
}

/* A whole header, with its empty line. @return why not, or NULL */
static const char *read_head(struct multipart *m)
{
    static const rwith_slice wanted = { "content-disposition", 19 };
    const char *line = m->head;
    const char *end = m->head + m->head_len - 2;
    unsigned count = 0;

    unfold(m->head, m->head_len);
    while (line < end) {
        const char *stop = memchr(line, '\r', (size_t)(end + 1 - line));
        size_t len = (size_t)(stop - line);
        const char *colon = memchr(line, ':', len);

        size_t name_len = colon != NULL ? (size_t)(colon - line) : 0;

        if (name_len == 0 || memchr(line, ' ', name_len) != NULL ||
            memchr(line, '\t', name_len) != NULL) {
            return "a part's header line without a name";
        }
        rwith_slice name = { line, name_len };
        rwith_slice value = { colon + 1, len - name_len - 1 };
        if (rwith_slice_equal_nocase(name, wanted)) {
            const char *why = read_disposition(m, value);

            if (why != NULL) {
                return why;
            }
            count++;
        }
        line = stop + 2;
    }
    return count == 1 ? NULL : "a part without a name, or with two";
}

/* One more byte of a header. @return why it is malformed, or NULL */
static const char *head_byte(struct multipart *m, char c)
{
    bool had_cr = m->has_cr;

    m->has_cr = c == '\r';
    if (m->head_len == sizeof(m->head)) {
        return "a part's header is too long";
    }
    m->head[m->head_len++] = c;
    if (c == '\0' || had_cr != (c == '\n')) {
        return "a part's header with a control byte";
    }
    if (c != '\n' || (m->head_len != 2 &&
                      (m->head_len < 4 || memcmp(m->head + m->head_len - 4,
                                                 "\r\n\r\n", 4) != 0))) {
        return NULL;
    }
    /* A delimiter at once, without a CRLF of its own, is data to some. */
    m->state = IN_DELIMITER;
    m->is_crlf = false;
    m->matched = 0;
    m->has_cr = false;
    return read_head(m);
}

/* --- lines --------------------------------------------------------------- */

/* Data, up to the line's end. */
static const char *skip_line(struct multipart *m, const char *p,
                             const char *end)
{
    const char *lf = memchr(p, '\n', (size_t)(end - p));

    if (lf == NULL) {
        m->has_cr = end[-1] == '\r';
        return end;
    }
    m->is_crlf = lf > p ? lf[-1] == '\r' : m->has_cr;
    m->has_cr = false;
    m->matched = 0;
    m->state = IN_DELIMITER;
    return lf + 1;
}

/* One byte of a line that may be a delimiter. @return was it taken? */
static bool delimiter_byte(struct multipart *m, char c)
{
    if (c != m->delimiter[m->matched]) {
        m->state = IN_DATA;
        m->has_cr = false; /* what did match holds no CR */
        return false;
    }
    if (++m->matched == m->delimiter_len) {
        m->state = BEHIND;
    }
    return true;
}

/* The rest of a delimiter's line, by state and byte; 0: any other byte. */
static const struct {
    enum state from;
    char byte;
    enum state to;
} line_rest[] = {
    { BEHIND, '-', BEHIND_DASH },     { BEHIND, '\r', BEFORE_LF },
    { BEHIND, ' ', IN_PADDING },      { BEHIND, '\t', IN_PADDING },
    { IN_PADDING, ' ', IN_PADDING },  { IN_PADDING, '\t', IN_PADDING },
    { IN_PADDING, '\r', BEFORE_LF },  { BEFORE_LF, '\n', IN_HEAD },
    { BEHIND_DASH, '-', CLOSED },     { CLOSED, ' ', CLOSED },
    { CLOSED, '\t', CLOSED },         { CLOSED, '\r', CLOSED_CR },
    { CLOSED_CR, '\n', IN_EPILOGUE },
};

static bool line_rest_byte(struct multipart *m, char c)
{
    for (size_t i = 0; i < sizeof(line_rest) / sizeof(line_rest[0]); i++) {
        if (line_rest[i].from == m->state && line_rest[i].byte == c) {
            m->state = line_rest[i].to;
            m->head_len = 0;
            m->has_cr = false;
            return m->is_crlf;
        }
    }
    return false;
}

static int multipart_feed(void *reader, const char *bytes, size_t len,
                          const char **ret_why)
{
    struct multipart *m = reader;
    const char *p = bytes, *end = bytes + len;
    const char *why = NULL;

    m->is_empty = m->is_empty && len == 0;
    while (p < end && why == NULL && m->state != IN_EPILOGUE) {
        if (m->state == IN_DATA) {
            p = skip_line(m, p, end);
        } else if (m->state == IN_DELIMITER) {
            p += delimiter_byte(m, *p);
        } else if (m->state == IN_HEAD) {
            why = head_byte(m, *p++);
        } else if (!line_rest_byte(m, *p++)) {
            why = "a boundary line that another reader may see otherwise";
        }
    }
    *ret_why = why;
    return why == NULL ? RWITH_OK : RWITH_ESYNTAX;
}

static int multipart_finish(void *reader, bool *ret_is_empty,
                            const char **ret_why)
{
    struct multipart *m = reader;

    *ret_is_empty = m->is_empty;
    if (m->is_empty || m->state == CLOSED || m->state == IN_EPILOGUE) {
        return RWITH_OK;
    }
    *ret_why = "the closing boundary is missing";
    return RWITH_ESYNTAX;
}

static void multipart_close(void *reader)
{
    struct multipart *m = reader;

    rwith__body_free(m->mem, m);
}

const struct rwith__reader rwith__multipart_reader = {
    multipart_takes,  multipart_open,  multipart_feed,
    multipart_finish, multipart_close,
};
