/*
 * The answer: spec/vectors/refusal.json names what is missing and how it is
 * asked for, and what must (and must not) be in the answer.  Every answer is
 * written into a buffer of exactly its size, and into every smaller one.
 */
#include <retrywith/refusal.h>

#include "json_vectors.h"

static unsigned number(yajl_val vector, const char *name)
{
    yajl_val value = vector_get(vector, name);

    return YAJL_IS_INTEGER(value) ? (unsigned)YAJL_GET_INTEGER(value) : 0;
}

static void read_list(yajl_val items, rwith_missing_list *list)
{
    for (size_t i = 0; YAJL_IS_ARRAY(items) && i < items->u.array.len; i++) {
        yajl_val item = items->u.array.values[i];
        rwith_missing row = {
            .name = vector_slice(item, "name"),
            .hint = { vector_slice(item, "description"),
                      vector_slice(item, "schema"),
                      vector_slice(item, "example") },
            .choice = (uint16_t)number(item, "choice"),
            .alternative = (uint16_t)number(item, "alternative"),
        };

        rwith_place_of_word(vector_slice(item, "in"), &row.in);
        if (row.choice > list->choices) {
            list->choices = row.choice;
        }
        rwith_missing_add(list, &row);
    }
}

/* The answer as it would go over the wire. */
static char *wire_of(const rwith_refusal_answer *answer)
{
    size_t size = 256 + answer->body.len, len;

    for (size_t i = 0; i < answer->field_count; i++) {
        size += answer->fields[i].name.len + answer->fields[i].value.len + 4;
    }
    char *wire = malloc(size);
    if (wire == NULL) {
        abort();
    }
    len = (size_t)snprintf(wire, size, "%u %.*s\n", answer->status,
                           (int)answer->reason.len, answer->reason.ptr);
    for (size_t i = 0; i < answer->field_count; i++) {
        len += (size_t)snprintf(
            wire + len, size - len, "%.*s: %.*s\n",
            (int)answer->fields[i].name.len, answer->fields[i].name.ptr,
            (int)answer->fields[i].value.len, answer->fields[i].value.ptr);
    }
    snprintf(wire + len, size - len, "\n%.*s", (int)answer->body.len,
             answer->body.len > 0 ? answer->body.ptr : "");
    return wire;
}

static void check_strings(const char *wire, yajl_val strings, bool wanted,
                          const char *name)
{
    for (size_t i = 0; YAJL_IS_ARRAY(strings) && i < strings->u.array.len;
         i++) {
        const char *text = YAJL_GET_STRING(strings->u.array.values[i]);

        if (!ok((strstr(wire, text) != NULL) == wanted, "%s: %s text %zu", name,
                wanted ? "has" : "lacks", i)) {
            tap_show("text  ", rwith_slice_of(text));
            tap_show("answer", rwith_slice_of(wire));
        }
    }
}

static void check_json(const rwith_refusal_answer *answer, const char *name)
{
    char error[200], *text = malloc(answer->body.len + 1);

    if (text == NULL || answer->format != RWITH_REFUSAL_JSON ||
        answer->body.len == 0) {
        free(text);
        return;
    }
    memcpy(text, answer->body.ptr, answer->body.len);
    text[answer->body.len] = '\0';
    yajl_val tree = yajl_tree_parse(text, error, sizeof(error));
    ok(tree != NULL, "%s: the body is JSON", name);
    yajl_tree_free(tree);
    free(text);
}

static rwith_verdict verdict_of(yajl_val vector)
{
    const char *word = vector_string(vector, "verdict");

    return word == NULL                     ? RWITH_VERDICT_MISSING
           : strcmp(word, "malformed") == 0 ? RWITH_VERDICT_MALFORMED
                                            : RWITH_VERDICT_UNKNOWN;
}

static void run_vector(yajl_val vector)
{
    const char *name = vector_string(vector, "name");
    rwith_missing_list list = { 0 };
    rwith_refusal refusal = {
        .status = number(vector, "status"),
        .verdict = verdict_of(vector),
        .missing = &list,
        .accept = vector_slice(vector, "accept"),
        .method = vector_slice(vector, "method"),
        .is_head = YAJL_IS_TRUE(vector_get(vector, "is_head")),
        .has_body = YAJL_IS_TRUE(vector_get(vector, "has_body")),
        .reason = vector_slice(vector, "reason"),
        .realm = vector_slice(vector, "realm"),
        .form = vector_slice(vector, "form"),
    };
    rwith_refusal_answer answer = { .status = 77 };
    size_t need = 0;

    read_list(vector_get(vector, "missing"), &list);
    is_int(rwith_refusal_write(&refusal, NULL, 0, &answer, &need), RWITH_ESPACE,
           name);
    ok(answer.status == 77 && need > 0, "%s: only the size is told", name);
    size_t wrong = 0;
    for (size_t size = 1; size < need; size += 1 + size / 16) {
        char *small = malloc(size);
        size_t again = 0;

        wrong += rwith_refusal_write(&refusal, small, size, &answer, &again) !=
                     RWITH_ESPACE ||
                 again != need || answer.status != 77;
        free(small);
    }
    is_int((long long)wrong, 0, "no smaller buffer will do");
    char *buf = malloc(need);
    is_int(rwith_refusal_write(&refusal, buf, need, &answer, &need), RWITH_OK,
           "a buffer of that size will");
    char *wire = wire_of(&answer);
    check_strings(wire, vector_get(vector, "has"), true, name);
    check_strings(wire, vector_get(vector, "lacks"), false, name);
    check_json(&answer, name);
    free(wire);
    free(buf);
}

static void run_accept(void)
{
    static const struct {
        const char *accept;
        rwith_refusal_format want;
    } rows[] = {
        { "", RWITH_REFUSAL_JSON },
        { "*/*", RWITH_REFUSAL_JSON },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
          RWITH_REFUSAL_HTML },
        { "application/json", RWITH_REFUSAL_JSON },
        { "application/problem+xml", RWITH_REFUSAL_XML },
        { "application/xml", RWITH_REFUSAL_XML },
        { "text/*", RWITH_REFUSAL_HTML },
        { "text/plain", RWITH_REFUSAL_TEXT },
        { "TEXT/PLAIN;Q=1.000", RWITH_REFUSAL_TEXT },
        { "text/plain;q=0.5, text/html;q=0.4", RWITH_REFUSAL_TEXT },
        { "text/plain; q = 0.5, text/html;q=0.51", RWITH_REFUSAL_HTML },
        { "text/html;q=0, */*;q=0.1", RWITH_REFUSAL_JSON },
        { "application/problem+json;q=0, */*", RWITH_REFUSAL_XML },
        { "application/problem+json;q=0, application/json",
          RWITH_REFUSAL_JSON },
        { "image/png", RWITH_REFUSAL_JSON },
        { "text/html;q=2", RWITH_REFUSAL_JSON },
        { "text/html;q=0.0001", RWITH_REFUSAL_JSON },
        { "text/html;level=\"1,2;q=0\";q=0.3", RWITH_REFUSAL_HTML },
        { ",,;;/,*/html,text/html;q=", RWITH_REFUSAL_JSON },
        { "text/html;q=.5", RWITH_REFUSAL_JSON },
        { "text/plain;\"", RWITH_REFUSAL_TEXT },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_slice accept = tap_copy(rows[i].accept, strlen(rows[i].accept));

        is_int(rwith_refusal_negotiate(accept), rows[i].want, rows[i].accept);
        tap_free(accept);
    }
}

/* whose form goes back into the page. */
static void run_carry(void)
{
    static const char urlencoded[] = "application/x-www-form-urlencoded";
    static const struct {
        const char *name, *method, *accept;
        const char *type, *site, *origin, *more;
        uint64_t len;
        bool want;
    } rows[] = {
        { "same origin", "POST", "text/html", urlencoded, "same-origin", NULL,
          NULL, 9, true },
        { "same Origin", "POST", "text/html", urlencoded, NULL,
          "https://A.example:1", NULL, 9, true },
        { "with a charset", "POST", "text/html",
          "Application/X-WWW-Form-Urlencoded; charset=utf-8", "same-origin",
          NULL, NULL, 9, true },
        { "the longest", "POST", "text/html", urlencoded, "same-origin", NULL,
          NULL, RWITH_REFUSAL_FORM_MAX, true },
        { "longer", "POST", "text/html", urlencoded, "same-origin", NULL, NULL,
          RWITH_REFUSAL_FORM_MAX + 1, false },
        { "empty", "POST", "text/html", urlencoded, "same-origin", NULL, NULL,
          0, false },
        { "nobody says who", "POST", "text/html", urlencoded, NULL, NULL, NULL,
          9, false },
        { "cross-site", "POST", "text/html", urlencoded, "cross-site",
          "https://a.example:1", NULL, 9, false },
        { "same-site", "POST", "text/html", urlencoded, "same-site", NULL, NULL,
          9, false },
        { "foreign Origin", "POST", "text/html", urlencoded, NULL,
          "https://a.example:2", NULL, 9, false },
        { "null Origin", "POST", "text/html", urlencoded, NULL, "null", NULL, 9,
          false },
        { "not HTML", "POST", "*/*", urlencoded, "same-origin", NULL, NULL, 9,
          false },
        { "not POST", "PUT", "text/html", urlencoded, "same-origin", NULL, NULL,
          9, false },
        { "not a form", "POST", "text/html", "text/plain", "same-origin", NULL,
          NULL, 9, false },
        { "no type", "POST", "text/html", "", "same-origin", NULL, NULL, 9,
          false },
        { "coded", "POST", "text/html", urlencoded, "same-origin", NULL,
          "Content-Encoding", 9, false },
        { "waits for 100", "POST", "text/html", urlencoded, "same-origin", NULL,
          "expect", 9, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rwith_missing_list list = { .count = 0 };
        rwith_refusal refusal = { .status = 449,
                                  .verdict = RWITH_VERDICT_MISSING,
                                  .missing = &list,
                                  .accept = rwith_slice_of(rows[i].accept),
                                  .method = rwith_slice_of(rows[i].method) };
        rwith_field fields[] = {
            { RWITH_LIT("host"), RWITH_LIT("a.example:1") },
            { RWITH_LIT("content-type"), rwith_slice_of(rows[i].type) },
            { RWITH_LIT("sec-fetch-site"), rwith_slice_of(rows[i].site) },
            { RWITH_LIT("ORIGIN"), rwith_slice_of(rows[i].origin) },
            { rwith_slice_of(rows[i].more), RWITH_LIT("x") },
        };

        is_int(rwith_refusal_may_carry_form(&refusal, fields, 5, rows[i].len),
               rows[i].want, rows[i].name);
    }
}

static void run_echo(void)
{
    rwith_missing_list one = { .items = { { .name = RWITH_LIT("X") } },
                               .count = 1 };
    rwith_missing_list two = one;
    char a[RWITH_REFUSAL_ECHO_LEN], b[RWITH_REFUSAL_ECHO_LEN];

    rwith_refusal_echo(&one, a);
    rwith_refusal_echo(&two, b);
    ok(memcmp(a, b, sizeof(a)) == 0, "the same list has the same echo");
    two.items[0].in = RWITH_IN_QUERY;
    rwith_refusal_echo(&two, b);
    ok(memcmp(a, b, sizeof(a)) != 0, "another list has another");
}

int main(int argc, char **argv)
{
    yajl_val vectors = vectors_read("refusal");

    tap_start(argc, argv);
    for (size_t i = 0; i < vectors->u.array.len; i++) {
        if (tap_wants(vector_string(vectors->u.array.values[i], "name"))) {
            run_vector(vectors->u.array.values[i]);
        }
    }
    yajl_tree_free(vectors);
    run_accept();
    run_carry();
    run_echo();
    return tap_done();
}
