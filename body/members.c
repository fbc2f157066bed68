/*
 * members.c: one body from its first byte to the verdict: picks the reader by
 * the type and takes a gzip coding off first.
 */
#include "body/members.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "body/reader.h"

#define INFLATED_PIECE (16 * 1024)

enum coding { CODING_NONE, CODING_GZIP, CODING_OTHER };

struct inflater {
    z_stream stream;
    bool is_open;
    bool is_between; /* two members of the gzip format */
    uint64_t in, out;
    char piece[INFLATED_PIECE];
};

struct rwith_body_check {
    const rwith_alloc *mem;
    const struct rwith__reader *reader; /* NULL: not judged */
    void *context;
    rwith_members_state *state;
    struct inflater *inflater; /* NULL: no coding */
    uint64_t inflated_max;
    unsigned ratio_max;
    rwith_body_verdict verdict; /* COMPLETE: still open */
    const char *why;
};

void *rwith__body_alloc(const rwith_alloc *mem, size_t size)
{
    return mem != NULL ? mem->alloc(size, mem->user) : malloc(size);
}

void rwith__body_free(const rwith_alloc *mem, void *ptr)
{
    if (mem != NULL) {
        mem->free(ptr, mem->user);
    } else {
        free(ptr);
    }
}

void rwith__member_text(rwith_members_state *state, uint32_t parent,
                        rwith_member_kind kind, rwith_slice name)
{
    uint32_t path = rwith_members_enter(state, parent, kind, name);

    rwith_members_shape(state, path, RWITH_SHAPE_SCALAR);
    rwith_members_leave(state, path);
}

/* --- which reader -------------------------------------------------------- */

static const struct rwith__reader *reader_for(rwith_slice content_type)
{
    static const struct rwith__reader *const readers[] = {
        &rwith__json_reader,
        &rwith__xml_reader,
        &rwith__form_reader,
        &rwith__multipart_reader,
    };

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (readers[i]->takes(content_type)) {
            return readers[i];
        }
    }
    return NULL;
}

static enum coding coding_of(rwith_slice content_encoding,
                             const rwith_body_limits *limits)
{
    rwith_slice coding = rwith_slice_trim(content_encoding);

    if (coding.len == 0 ||
        rwith_slice_equal_nocase(coding, RWITH_LIT("identity"))) {
        return CODING_NONE;
    }
    if ((limits == NULL || !limits->pass_encoded) &&
        (rwith_slice_equal_nocase(coding, RWITH_LIT("gzip")) ||
         rwith_slice_equal_nocase(coding, RWITH_LIT("x-gzip")))) {
        return CODING_GZIP;
    }
    return CODING_OTHER;
}

bool rwith_body_is_judged(rwith_slice content_type,
                          rwith_slice content_encoding,
                          const rwith_body_limits *limits)
{
    return reader_for(content_type) != NULL &&
           coding_of(content_encoding, limits) != CODING_OTHER;
}

/* --- life ---------------------------------------------------------------- */

static void *inflate_alloc(void *user, unsigned count, unsigned size)
{
    return rwith__body_alloc(user, (size_t)count * size);
}

static void inflate_free(void *user, void *ptr)
{
    rwith__body_free(user, ptr);
}

static int open_inflater(rwith_body_check *check)
{
    struct inflater *inflater =
        rwith__body_alloc(check->mem, sizeof(*inflater));
    union {
        const rwith_alloc *from;
        void *to;
    } mem = { check->mem };

    if (inflater == NULL) {
        return RWITH_ENOMEM;
    }
    memset(inflater, 0, sizeof(*inflater));
    check->inflater = inflater;
    inflater->stream.zalloc = inflate_alloc;
    inflater->stream.zfree = inflate_free;
    inflater->stream.opaque = mem.to;
    inflater->is_open = inflateInit2(&inflater->stream, 16 + MAX_WBITS) == Z_OK;
    return inflater->is_open ? RWITH_OK : RWITH_ENOMEM;
}

static int open_reader(rwith_body_check *check, const rwith_members *members,
                       rwith_slice content_type, size_t depth_max)
{
    struct rwith__reader_setup setup = {
        .mem = check->mem,
        .content_type = content_type,
        .depth_max = depth_max,
    };
    void *memory =
        rwith__body_alloc(check->mem, rwith_members_state_size(members));

    if (memory == NULL) {
        return RWITH_ENOMEM;
    }
    check->state = rwith_members_begin(members, memory);
    setup.state = check->state;
    check->context = check->reader->open(&setup);
    return check->context != NULL ? RWITH_OK : RWITH_ENOMEM;
}

static size_t depth_max_of(const rwith_body_limits *limits)
{
    size_t depth = limits != NULL ? limits->depth_max : 0;

    if (depth == 0) {
        depth = RWITH_BODY_DEPTH_MAX_DEFAULT;
    }
    return depth < RWITH_BODY_DEPTH_MAX_LIMIT ? depth
                                              : RWITH_BODY_DEPTH_MAX_LIMIT;
}

static int open_check(rwith_body_check *check, const rwith_members *members,
                      rwith_slice content_type, rwith_slice content_encoding,
                      const rwith_body_limits *limits)
{
    enum coding coding = coding_of(content_encoding, limits);
    int err = RWITH_OK;

    check->inflated_max = limits != NULL && limits->inflated_max > 0
                              ? limits->inflated_max
                              : RWITH_BODY_INFLATED_MAX_DEFAULT;
    check->ratio_max = limits != NULL && limits->ratio_max > 0
                           ? limits->ratio_max
                           : RWITH_BODY_RATIO_MAX_DEFAULT;
    check->why = "";
    check->reader = reader_for(content_type);
    if (check->reader == NULL || coding == CODING_OTHER) {
        check->reader = NULL;
        check->verdict = RWITH_BODY_UNJUDGED;
        check->why = "a type or coding that is not looked at";
        return RWITH_OK;
    }
    err = open_reader(check, members, content_type, depth_max_of(limits));
    if (err == RWITH_OK && coding == CODING_GZIP) {
        err = open_inflater(check);
    }
    return err;
}

int rwith_body_check_new(const rwith_alloc *mem, const rwith_members *members,
                         rwith_slice content_type, rwith_slice content_encoding,
                         const rwith_body_limits *limits,
                         rwith_body_check **ret)
{
    rwith_body_check *check = rwith__body_alloc(mem, sizeof(*check));

    if (check == NULL) {
        return RWITH_ENOMEM;
    }
    memset(check, 0, sizeof(*check));
    check->mem = mem;
    int err =
        open_check(check, members, content_type, content_encoding, limits);
    if (err != RWITH_OK) {
        rwith_body_check_free(check);
        return err;
    }
    *ret = check;
    return RWITH_OK;
}

void rwith_body_check_free(rwith_body_check *check)
{
    if (check == NULL) {
        return;
    }
    if (check->context != NULL) {
        check->reader->close(check->context);
    }
    if (check->inflater != NULL) {
        if (check->inflater->is_open) {
            (void)inflateEnd(&check->inflater->stream);
        }
        rwith__body_free(check->mem, check->inflater);
    }
    rwith__body_free(check->mem, check->state);
    rwith__body_free(check->mem, check);
}

/* --- bytes --------------------------------------------------------------- */

static void settle(rwith_body_check *check, rwith_body_verdict verdict,
                   const char *why)
{
    check->verdict = verdict;
    check->why = why != NULL ? why : "";
}

static void settle_error(rwith_body_check *check, int err, const char *why)
{
    if (err != RWITH_OK) {
        settle(check,
               err == RWITH_ESYNTAX ? RWITH_BODY_MALFORMED
                                    : RWITH_BODY_UNJUDGED,
               why);
    }
}

static void feed_plain(rwith_body_check *check, const char *bytes, size_t len)
{
    const char *why = NULL;
    int err = check->reader->feed(check->context, bytes, len, &why);

    settle_error(check, err, why);
}

static bool is_bomb(const rwith_body_check *check)
{
    const struct inflater *inflater = check->inflater;

    return inflater->out > check->inflated_max ||
           (inflater->out > RWITH_BODY_RATIO_FROM &&
            inflater->out / check->ratio_max > inflater->in);
}

/* Inflate once into the piece and feed that. */
static void inflate_step(rwith_body_check *check)
{
    struct inflater *inflater = check->inflater;
    z_stream *stream = &inflater->stream;
    unsigned had = stream->avail_in;

    if (inflater->is_between && inflateReset(stream) != Z_OK) {
        settle(check, RWITH_BODY_UNJUDGED, "out of memory");
        return;
    }
    stream->next_out = (unsigned char *)inflater->piece;
    stream->avail_out = INFLATED_PIECE;
    int status = inflate(stream, Z_NO_FLUSH);
    size_t len = INFLATED_PIECE - stream->avail_out;
    inflater->is_between = status == Z_STREAM_END;
    inflater->in += had - stream->avail_in;
    inflater->out += len;
    if (status == Z_MEM_ERROR) {
        settle(check, RWITH_BODY_UNJUDGED, "out of memory");
    } else if (status != Z_OK && status != Z_STREAM_END &&
               status != Z_BUF_ERROR) {
        settle(check, RWITH_BODY_MALFORMED, "not well-formed gzip");
    } else if (is_bomb(check)) {
        settle(check, RWITH_BODY_TOO_LARGE, "inflates beyond the limit");
    } else if (len > 0) {
        feed_plain(check, inflater->piece, len);
    }
}

static void feed_inflated(rwith_body_check *check, const char *bytes,
                          size_t len)
{
    z_stream *stream = &check->inflater->stream;

    while (len > 0 && check->verdict == RWITH_BODY_COMPLETE) {
        size_t part = len < (1u << 20) ? len : (1u << 20);
        union {
            const char *from;
            unsigned char *to; /* zlib's API, which does not write there */
        } in = { bytes };

        stream->next_in = in.to;
        stream->avail_in = (unsigned)part;
        do {
            inflate_step(check);
        } while (check->verdict == RWITH_BODY_COMPLETE &&
                 (stream->avail_in > 0 ||
                  (stream->avail_out == 0 && !check->inflater->is_between)));
        bytes += part;
        len -= part;
    }
}

bool rwith_body_check_feed(rwith_body_check *check, const char *bytes,
                           size_t len)
{
    if (check->verdict == RWITH_BODY_COMPLETE && len > 0) {
        if (check->inflater != NULL) {
            feed_inflated(check, bytes, len);
        } else {
            feed_plain(check, bytes, len);
        }
    }
    return check->verdict == RWITH_BODY_COMPLETE;
}

rwith_body_verdict rwith_body_check_finish(rwith_body_check *check,
                                           rwith_missing_list *list)
{
    const struct inflater *inflater = check->inflater;
    const char *why = NULL;
    bool is_empty = false;

    if (check->verdict != RWITH_BODY_COMPLETE) {
        return check->verdict;
    }
    if (inflater != NULL && inflater->in > 0 && !inflater->is_between) {
        settle(check, RWITH_BODY_MALFORMED, "the gzip stream breaks off");
        return check->verdict;
    }
    int err = check->reader->finish(check->context, &is_empty, &why);
    settle_error(check, err, why);
    if (check->verdict == RWITH_BODY_COMPLETE && is_empty) {
        settle(check, RWITH_BODY_EMPTY, NULL);
    }
    if (check->verdict == RWITH_BODY_COMPLETE &&
        rwith_members_end(check->state, list) > 0) {
        settle(check, RWITH_BODY_MISSING, NULL);
    }
    return check->verdict;
}

const char *rwith_body_check_why(const rwith_body_check *check)
{
    return check->why;
}
