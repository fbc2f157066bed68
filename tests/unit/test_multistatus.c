/* The rewriter of hrefs: shared vectors at every split point, encodings,
 * limits, hostile documents, memory, and when it applies. */
#include "body/multistatus.h"

#include "json_vectors.h"

struct output {
    char bytes[256 * 1024];
    size_t len;
    size_t fail_after; /* calls of the sink */
};

static struct output output;

static int collect(void *user, rwith_slice bytes)
{
    struct output *to = user;

    if (to->fail_after-- == 0 || bytes.len > sizeof(to->bytes) - to->len) {
        return RWITH_EFULL;
    }
    memcpy(to->bytes + to->len, bytes.ptr, bytes.len);
    to->len += bytes.len;
    return RWITH_OK;
}

/* http://origin.example is http://front.example:8080. */
static int translate(void *user, rwith_slice uri, char *buf, size_t buf_len,
                     size_t *ret_len, bool *ret_changed)
{
    static const char back[] = "http://origin.example";
    static const char front[] = "http://front.example:8080";
    size_t prefix = sizeof(back) - 1, len = sizeof(front) - 1;

    (void)user;
    *ret_changed = uri.len >= prefix && memcmp(uri.ptr, back, prefix) == 0;
    if (!*ret_changed) {
        return RWITH_OK;
    }
    if (len + uri.len - prefix > buf_len) {
        return RWITH_ESPACE;
    }
    memcpy(buf, front, len);
    memcpy(buf + len, uri.ptr + prefix, uri.len - prefix);
    *ret_len = len + uri.len - prefix;
    return RWITH_OK;
}

/* Feed it in two parts, or with step set in parts of that size. */
static rwith_slice run(const rwith_alloc *mem, rwith_slice in, size_t split,
                       size_t step)
{
    rwith_multistatus *ms = NULL;

    output.len = 0;
    output.fail_after = SIZE_MAX;
    if (rwith_multistatus_new(mem, translate, collect, &output, &ms) !=
        RWITH_OK) {
        return (rwith_slice){ "no memory", 9 };
    }
    for (size_t at = 0; at < in.len;) {
        size_t len = step > 0 ? step : at == 0 && split > 0 ? split : in.len;

        len = len < in.len - at ? len : in.len - at;
        rwith_slice part = tap_copy(in.ptr + at, len);
        (void)rwith_multistatus_feed(ms, part.ptr, part.len);
        tap_free(part);
        at += len;
    }
    (void)rwith_multistatus_finish(ms);
    rwith_multistatus_free(ms);
    return (rwith_slice){ output.bytes, output.len };
}

static void check(const char *name, rwith_slice in, rwith_slice out)
{
    bool passed = true;

    is_slice(run(NULL, in, 0, 0), out, name);
    for (size_t split = 1; passed && split < in.len; split++) {
        passed = rwith_slice_equal(run(NULL, in, split, 0), out);
        if (!passed) {
            printf("#   cut at %zu\n", split);
            tap_show("got", (rwith_slice){ output.bytes, output.len });
        }
    }
    ok(passed, "%s: cut anywhere", name);
    ok(rwith_slice_equal(run(NULL, in, 0, 1), out), "%s: byte by byte", name);
}

static void check_vectors(void)
{
    yajl_val vectors = vectors_read("multistatus");

    for (size_t i = 0; i < YAJL_GET_ARRAY(vectors)->len; i++) {
        yajl_val vector = YAJL_GET_ARRAY(vectors)->values[i];
        bool changes = vector_string(vector, "out") != NULL;

        if (tap_wants(vector_string(vector, "name"))) {
            check(vector_string(vector, "name"), vector_slice(vector, "in"),
                  vector_slice(vector, changes ? "out" : "in"));
        }
    }
    yajl_tree_free(vectors);
}

/* The ASCII text as UTF-16. */
static void check_utf16(bool is_big, bool has_mark)
{
    static const char text[] =
        "<m xmlns='DAV:'><href>http://origin.example/</href></m>";
    char bytes[2 * sizeof(text)];
    size_t len = 0;

    if (has_mark) {
        bytes[len++] = is_big ? '\xfe' : '\xff';
        bytes[len++] = is_big ? '\xff' : '\xfe';
    }
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        bytes[len++] = is_big ? '\0' : text[i];
        bytes[len++] = is_big ? text[i] : '\0';
    }
    check(has_mark ? "UTF-16 with mark" : "UTF-16 without mark",
          (rwith_slice){ bytes, len }, (rwith_slice){ bytes, len });
}

/* An href whose text is `len` bytes, with `spaces` in its end tag. */
static void check_long(const char *name, size_t len, size_t spaces,
                       bool is_translated)
{
    static char in[64 * 1024], out[64 * 1024];
    static const char head[] = "<m xmlns='DAV:'><href>";
    static const char back[] = "http://origin.example/";
    static const char front[] = "http://front.example:8080/";
    size_t at = sizeof(head) - 1, to, fill = len - (sizeof(back) - 1);
    static const size_t steps[] = { 1, 1000, 4095, 4096, 4097, 8192, 9000 };

    memcpy(in, head, at);
    memcpy(out, head, at);
    to = at;
    memcpy(in + at, back, sizeof(back) - 1);
    at += sizeof(back) - 1;
    rwith_slice begin = rwith_slice_of(is_translated ? front : back);
    memcpy(out + to, begin.ptr, begin.len);
    to += begin.len;
    for (size_t i = 0; i < fill; i++) {
        in[at++] = 'x';
        out[to++] = 'x';
    }
    size_t tail = at;
    memcpy(in + at, "</href", 6);
    memset(in + at + 6, ' ', spaces);
    memcpy(in + at + 6 + spaces, "></m>\n", 6);
    at += spaces + 12;
    memcpy(out + to, in + tail, at - tail);
    to += at - tail;
    is_slice(run(NULL, (rwith_slice){ in, at }, 0, 0), (rwith_slice){ out, to },
             name);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        ok(rwith_slice_equal(run(NULL, (rwith_slice){ in, at }, 0, steps[i]),
                             (rwith_slice){ out, to }),
           "%s: in steps of %zu", name, steps[i]);
    }
}

static void check_hostile(void)
{
    static char in[200 * 1024];
    size_t len = sizeof(in) - 1;

    for (size_t i = 0; i + 3 <= len; i += 3) {
        memcpy(in + i, "<a>", 3);
    }
    memcpy(in, "<a xmlns='DAV:'>--", 18);
    is_slice(run(NULL, (rwith_slice){ in, len }, 0, 0),
             (rwith_slice){ in, len }, "70,000 elements deep");
    memset(in, 'x', len);
    memcpy(in, "<a xmlns='DAV:' b='", 19);
    is_slice(run(NULL, (rwith_slice){ in, len }, 0, 0),
             (rwith_slice){ in, len }, "an attribute of 200 KiB");
    is_slice(run(NULL, (rwith_slice){ in, len }, 0, 700),
             (rwith_slice){ in, len }, "and in small parts");
}

/* Each allocation failed once: the bytes still come out, translated or not,
 * and nothing is left behind. */
static void check_memory(void)
{
    rwith_slice in =
        RWITH_LIT("<m xmlns='DAV:'><href>http://origin.example/</href>"
                  "<href>http://origin.example/</href></m>");
    struct tap_memory memory;
    rwith_alloc mem = tap_alloc(&memory);
    size_t fail = 0;

    for (bool failed = true; failed; fail++) {
        memory = (struct tap_memory){ .fail_at = fail };
        rwith_slice out = run(&mem, in, 20, 0);

        failed = memory.calls > fail;
        ok(out.len == in.len || out.len == in.len + 4 ||
               out.len == in.len + 8 || out.len == 9,
           "allocation %zu fails: %zu bytes", fail, out.len);
        is_int((long long)memory.live, 0, "nothing is left allocated");
    }
    ok(fail > 5, "%zu allocations were failed", fail);
}

static void check_sink(void)
{
    rwith_slice in =
        RWITH_LIT("<m xmlns='DAV:'><href>http://origin.example/</href></m>");

    for (size_t calls = 0; calls < 2; calls++) {
        rwith_multistatus *ms = NULL;

        output.len = 0;
        output.fail_after = calls;
        if (rwith_multistatus_new(NULL, translate, collect, &output, &ms) ==
            RWITH_OK) {
            is_int(rwith_multistatus_feed(ms, in.ptr, in.len), RWITH_EFULL,
                   "what the sink returns ends the call");
            is_int(rwith_multistatus_finish(ms), RWITH_EFULL, "for good");
        }
        rwith_multistatus_free(ms);
    }
}

static void check_applies(void)
{
    static const struct {
        const char *method;
        unsigned status;
        const char *type, *coding;
        bool applies;
    } rows[] = {
        { "PROPFIND", 207, "text/xml; charset=\"utf-8\"", "", true },
        { "PROPFIND", 207, "application/xml;charset=UTF-8", "identity", true },
        { "REPORT", 207, "application/xml", "", true },
        { "LOCK", 201, "text/xml", "", true },
        { "PUT", 423, "application/xml", "", true },
        { "MOVE", 207, "application/dav+xml", "", true },
        { "GET", 200, "application/xml", "", false },
        { "PROPFIND", 207, "text/xml", "gzip", false },
        { "PROPFIND", 207, "text/xml; charset=utf-16", "", false },
        { "PROPFIND", 207, "text/xml;a=b; Charset=iso-8859-1", "", false },
        { "PROPFIND", 207, "text/html", "", false },
        { "PROPFIND", 207, "", "", false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ok(rwith_multistatus_applies(
               rwith_slice_of(rows[i].method), rows[i].status,
               rwith_slice_of(rows[i].type),
               rwith_slice_of(rows[i].coding)) == rows[i].applies,
           "%s %u %s %s: %s", rows[i].method, rows[i].status, rows[i].type,
           rows[i].coding, rows[i].applies ? "yes" : "no");
    }
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    check_vectors();
    check_utf16(true, true);
    check_utf16(false, true);
    check_utf16(true, false);
    check_utf16(false, false);
    check_long("the longest href", RWITH_HREF_MAX, 0, true);
    check_long("one byte too long", RWITH_HREF_MAX + 1, 0, false);
    check_long("far too long", 40000, 0, false);
    check_long("longest href, longest end tag", RWITH_HREF_MAX,
               RWITH_HREF_TAG_MAX - 7, true);
    check_long("end tag too long", 30, RWITH_HREF_TAG_MAX - 6, false);
    check_hostile();
    check_memory();
    check_sink();
    check_applies();
    return tap_done();
}
