/*
 * refusal.c: the head of an answer, and which function writes its body.
 * Decides nothing: status and list come from the policy's judge.
 */
#include <string.h>

#include "lib/refusal.h"
#include "lib/rows.h"

#define HINT_MAX 4096 /* bytes of MS-RetryWith */

/* The answer while its fields are written into the buffer. */
struct answer {
    struct rwith__writer w;
    struct {
        rwith_slice name;
        size_t from, to;
        rwith_slice constant; /* of a value that lies not in the buffer */
    } fields[RWITH_REFUSAL_FIELD_MAX];
    size_t count;
};

const char *rwith__refusal_title(const rwith_refusal *refusal)
{
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = {
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 404, "Not Found" },
    };

    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (titles[i].status == refusal->status) {
            return titles[i].title;
        }
    }
    return "Retry With";
}

/* How many things are missing, the nearest alternatives taken. */
static size_t missing_count(const rwith_refusal *refusal)
{
    size_t count = 0;

    if (refusal->missing != NULL) {
        for (size_t i = 0; i < refusal->missing->count; i++) {
            count += rwith__missing_is_main(&refusal->missing->items[i]);
        }
        count += refusal->missing->left_out;
    }
    return count;
}

void rwith__refusal_detail(struct rwith__writer *w,
                           const rwith_refusal *refusal)
{
    if (refusal->verdict == RWITH_VERDICT_MALFORMED) {
        rwith__write_text(w, "The body of the request is not well formed.");
        return;
    }
    if (refusal->verdict == RWITH_VERDICT_UNKNOWN) {
        rwith__write_text(w, "There is no such operation here.");
        return;
    }
    size_t count = missing_count(refusal);

    rwith__write_text(w, "The request is missing ");
    rwith__write_number(w, count);
    rwith__write_text(w, count == 1 ? " piece of information."
                                    : " pieces of information.");
}

const char *rwith__refusal_place(rwith_place in)
{
    static const char *const names[RWITH_PLACE_COUNT] = {
        [RWITH_IN_HEADER] = "header field",
        [RWITH_IN_QUERY] = "query parameter",
        [RWITH_IN_COOKIE] = "cookie",
        [RWITH_IN_BODY] = "part of the body",
        [RWITH_IN_AUTHORIZATION] = "authorization",
    };

    return names[(unsigned)in < RWITH_PLACE_COUNT ? in : 0];
}

void rwith_refusal_echo(const rwith_missing_list *missing,
                        char ret[RWITH_REFUSAL_ECHO_LEN])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t hash = 0x449;

    for (size_t i = 0; missing != NULL && i < missing->count; i++) {
        const rwith_missing *item = &missing->items[i];

        hash = rwith__hash(rwith__hash_mix(hash, item->in), item->name.ptr,
                           item->name.len);
    }
    hash = rwith__hash_mix(hash, 0x449);
    for (size_t i = 0; i < RWITH_REFUSAL_ECHO_LEN; i++) {
        ret[i] = digits[hash >> 60];
        hash <<= 4;
    }
}

/* --- fields -------------------------------------------------------------- */

static void field_begin(struct answer *a, const char *name)
{
    if (a->count < RWITH_REFUSAL_FIELD_MAX) {
        a->fields[a->count].name = rwith_slice_of(name);
        a->fields[a->count].constant = (rwith_slice){ NULL, 0 };
        a->fields[a->count].from = a->w.len;
    }
}

static void field_end(struct answer *a)
{
    if (a->count < RWITH_REFUSAL_FIELD_MAX) {
        a->fields[a->count++].to = a->w.len;
    }
}

static void field_constant(struct answer *a, const char *name,
                           const char *value)
{
    field_begin(a, name);
    if (a->count < RWITH_REFUSAL_FIELD_MAX) {
        a->fields[a->count].constant = rwith_slice_of(value);
    }
    field_end(a);
}

/* Was that scheme among those before? */
static bool scheme_is_told(const rwith_missing_list *list, size_t before)
{
    for (size_t i = 0; i < before; i++) {
        if (list->items[i].in == RWITH_IN_AUTHORIZATION &&
            rwith_slice_equal_nocase(list->items[i].name,
                                     list->items[before].name)) {
            return true;
        }
    }
    return false;
}

/* A quoted-string: what cannot stand in a field is left out. */
static void write_quoted(struct rwith__writer *w, rwith_slice text)
{
    rwith__write_text(w, "\"");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '"' || c == '\\') {
            rwith__write_text(w, "\\");
        }
        if (c >= 0x20 && c != 0x7f) {
            rwith__write(w, (rwith_slice){ text.ptr + i, 1 });
        }
    }
    rwith__write_text(w, "\"");
}

/*
 * a challenge for each scheme.  Those of connections take no realm.
 * A Digest needs a nonce: any will do, because only presence is judged here,
 * and the server behind answers with its own.
 */
static void write_challenges(struct answer *a, const rwith_refusal *refusal,
                             const char *echo)
{
    const rwith_missing_list *list = refusal->missing;
    rwith_slice realm = refusal->realm;

    if (realm.len == 0) {
        realm = RWITH_LIT("api");
    }
    for (size_t i = 0; i < list->count; i++) {
        const rwith_missing *item = &list->items[i];

        if (item->in != RWITH_IN_AUTHORIZATION || scheme_is_told(list, i)) {
            continue;
        }
        field_begin(a, "WWW-Authenticate");
        rwith__write(&a->w, item->name);
        if (!rwith_slice_equal_nocase(item->name, RWITH_LIT("Negotiate")) &&
            !rwith_slice_equal_nocase(item->name, RWITH_LIT("NTLM"))) {
            rwith__write_text(&a->w, " realm=");
            write_quoted(&a->w, realm);
        }
        if (rwith_slice_equal_nocase(item->name, RWITH_LIT("Digest"))) {
            rwith__write_text(&a->w, ", qop=\"auth\", nonce=");
            write_quoted(&a->w, (rwith_slice){ echo, RWITH_REFUSAL_ECHO_LEN });
        }
        field_end(a);
    }
}

/* MS-RetryWith: what is missing, as a list for machines. */
static void write_hint(struct answer *a, const rwith_missing_list *list)
{
    rwith_requirement reqs[RWITH_REQUIREMENT_COUNT_MAX];
    char value[HINT_MAX];
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (rwith__missing_is_main(&list->items[i])) {
            reqs[count++] = (rwith_requirement){ .in = list->items[i].in,
                                                 .name = list->items[i].name };
        }
    }
    size_t len = rwith_requirement_write_hint(reqs, count, value, HINT_MAX);
    if (len > 0) {
        field_begin(a, "MS-RetryWith");
        rwith__write(&a->w, (rwith_slice){ value, len });
        field_end(a);
    }
}

static void write_cors(struct answer *a, rwith_slice origin)
{
    field_begin(a, "Access-Control-Allow-Origin");
    rwith__write(&a->w, origin);
    field_end(a);
    field_constant(a, "Access-Control-Expose-Headers",
                   "Ms-Echo-Request, MS-RetryWith");
}

static void write_head(struct answer *a, const rwith_refusal *refusal,
                       rwith_refusal_format format)
{
    bool has_list =
        refusal->missing != NULL && refusal->verdict == RWITH_VERDICT_MISSING;
    char echo[RWITH_REFUSAL_ECHO_LEN];

    rwith_refusal_echo(has_list ? refusal->missing : NULL, echo);
    if (refusal->status == 449) {
        /* */
        field_begin(a, "Ms-Echo-Request");
        rwith__write(&a->w, (rwith_slice){ echo, sizeof(echo) });
        field_end(a);
    }
    if (has_list) {
        write_hint(a, refusal->missing);
    }
    field_constant(a, "Content-Type", rwith_refusal_media_type(format));
    /* */
    field_constant(a, "Cache-Control", "no-store");
    field_constant(a, "Vary", "Accept");
    field_constant(a, "X-Content-Type-Options", "nosniff");
    if (format == RWITH_REFUSAL_HTML) {
        field_constant(a, "Content-Security-Policy", rwith__refusal_csp);
        field_constant(a, "Referrer-Policy", "same-origin");
    }
    if (refusal->cors.len > 0) {
        write_cors(a, refusal->cors);
    }
    if (has_list && (refusal->status == 401 || refusal->status == 449)) {
        write_challenges(a, refusal, echo);
    }
}

static void fill_answer(const struct answer *a, const rwith_refusal *refusal,
                        rwith_refusal_answer *ret)
{
    ret->status = refusal->status;
    ret->reason = rwith_slice_of(rwith__refusal_title(refusal));
    if (refusal->status == 449 && refusal->reason.len > 0) {
        ret->reason = refusal->reason;
    }
    ret->field_count = a->count;
    for (size_t i = 0; i < a->count; i++) {
        ret->fields[i].name = a->fields[i].name;
        ret->fields[i].value =
            a->fields[i].constant.len > 0
                ? a->fields[i].constant
                : (rwith_slice){ a->w.buf + a->fields[i].from,
                                 a->fields[i].to - a->fields[i].from };
    }
}

int rwith_refusal_write(const rwith_refusal *refusal, char *buf, size_t buf_len,
                        rwith_refusal_answer *ret, size_t *reterr_need)
{
    static void (*const bodies[])(struct rwith__writer * w,
                                  const rwith_refusal *refusal) = {
        [RWITH_REFUSAL_JSON] = rwith__refusal_json,
        [RWITH_REFUSAL_XML] = rwith__refusal_xml,
        [RWITH_REFUSAL_HTML] = rwith__refusal_html,
        [RWITH_REFUSAL_TEXT] = rwith__refusal_text,
    };
    rwith_refusal_format format = rwith_refusal_negotiate(refusal->accept);
    struct answer a;

    a.w = (struct rwith__writer){ buf, 0, buf_len };
    a.count = 0;
    write_head(&a, refusal, format);
    size_t from = a.w.len;
    bodies[format](&a.w, refusal);
    if (a.w.len > buf_len) {
        if (reterr_need != NULL) {
            *reterr_need = a.w.len;
        }
        return RWITH_ESPACE;
    }
    ret->format = format;
    ret->body_len = a.w.len - from;
    ret->body =
        (rwith_slice){ buf + from, refusal->is_head ? 0 : ret->body_len };
    fill_answer(&a, refusal, ret);
    return RWITH_OK;
}
