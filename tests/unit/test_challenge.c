/*
 * What responses ask for, by the vectors of spec/vectors/challenge.json; what
 * JSON cannot hold; what a fetched response and one that is no challenge
 * supply; and responses that are made to cost time.
 */
#include "lib/dialect.h"

#include "json_vectors.h"
#include "tap.h"

#define FIELDS_MAX 16
#define FACTS_MAX  64

/* A row, as the core sees it. */
struct scene {
    rwith_dialects *set;
    rwith_request req;
    rwith_response resp;
    rwith_field req_fields[FIELDS_MAX], resp_fields[FIELDS_MAX];
    rwith_fact_want wants[RWITH_FACT_WANT_MAX];
    size_t want_count;
    rwith_fact facts[FACTS_MAX];
    size_t fact_count;
    char names[64 * RWITH_REQUIREMENT_NAME_MAX];
    rwith_challenge got;
};

static rwith_slice item(yajl_val array, size_t i)
{
    return rwith_slice_of(YAJL_GET_STRING(array->u.array.values[i]));
}

static size_t fields_read(yajl_val array, rwith_field *ret)
{
    for (size_t i = 0; i < array->u.array.len; i++) {
        yajl_val line = array->u.array.values[i];
        rwith_slice value = item(line, 1);

        ret[i].name = item(line, 0);
        ret[i].value = tap_copy(value.ptr, value.len);
    }
    return array->u.array.len;
}

static void fields_free(const rwith_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tap_free(fields[i].value);
    }
}

/* Facts that were wanted; others are never reported. */
static void facts_read(struct scene *s, yajl_val array)
{
    for (size_t i = 0; YAJL_IS_ARRAY(array) && i < array->u.array.len; i++) {
        yajl_val row = array->u.array.values[i];
        bool is_json = rwith_slice_equal(item(row, 0), RWITH_LIT("json"));

        for (size_t k = 0; k < s->want_count; k++) {
            if ((s->wants[k].kind == RWITH_FACT_JSON) == is_json &&
                rwith_slice_equal(s->wants[k].what, item(row, 1))) {
                s->facts[s->fact_count++] = (rwith_fact){
                    (uint16_t)k,
                    (uint16_t)YAJL_GET_INTEGER(row->u.array.values[2]),
                    item(row, 3)
                };
            }
        }
    }
}

static void scene_start(struct scene *s, yajl_val row)
{
    const char *dialect = vector_string(row, "dialect");
    const char *only = vector_string(row, "only");
    rwith_diagnostic diag;
    rwith_slice unknown;

    memset(s, 0, sizeof(*s));
    if (rwith_dialects_new(NULL, &s->set) != RWITH_OK ||
        (dialect != NULL && rwith_dialects_add(s->set, rwith_slice_of(dialect),
                                               &diag) != RWITH_OK) ||
        (only != NULL && rwith_dialects_only(s->set, rwith_slice_of(only),
                                             &unknown) != RWITH_OK)) {
        printf("Bail out! %s: its dialects cannot be read\n",
               vector_string(row, "name"));
        exit(1);
    }
    s->req.method = vector_slice(row, "method");
    s->req.target = vector_slice(row, "target");
    s->req.fields = s->req_fields;
    s->req.field_count = fields_read(vector_get(row, "request"), s->req_fields);
    s->resp.status = (unsigned)YAJL_GET_INTEGER(vector_get(row, "status"));
    s->resp.reason = vector_slice(row, "reason");
    s->resp.fields = s->resp_fields;
    s->resp.field_count =
        fields_read(vector_get(row, "fields"), s->resp_fields);
    s->want_count = rwith_challenge_wants(s->set, &s->req, &s->resp, s->wants);
    facts_read(s, vector_get(row, "facts"));
}

static void scene_end(struct scene *s)
{
    fields_free(s->req_fields, s->req.field_count);
    fields_free(s->resp_fields, s->resp.field_count);
    rwith_dialects_free(s->set);
}

static void check_dialects(const struct scene *s, yajl_val want,
                           const char *name)
{
    uint64_t dialects = 0;

    for (size_t i = 0; i < want->u.array.len; i++) {
        for (size_t k = 0; k < rwith_dialects_count(s->set); k++) {
            if (rwith_slice_equal(rwith_dialects_name(s->set, k),
                                  item(want, i))) {
                dialects |= (uint64_t)1 << k;
            }
        }
    }
    is_int((long long)s->got.dialects, (long long)dialects, name);
}

static void check_settings(const struct scene *s, yajl_val want,
                           const char *name)
{
    size_t count = YAJL_IS_ARRAY(want) ? want->u.array.len : 0;

    is_int((long long)s->got.setting_count, (long long)count, name);
    for (size_t i = 0; i < count && i < s->got.setting_count; i++) {
        yajl_val row = want->u.array.values[i];
        const rwith_setting *got = &s->got.settings[i];

        is_slice(rwith_slice_of(rwith_place_word(got->in)), item(row, 0), name);
        is_slice(got->name, item(row, 1), name);
        is_slice(got->value, item(row, 2), name);
    }
}

static void check_required(const struct scene *s, yajl_val want,
                           const char *name)
{
    size_t count = YAJL_IS_ARRAY(want) ? want->u.array.len : 0;
    char shown[400];

    is_int((long long)s->got.required_count, (long long)count, name);
    for (size_t i = 0; i < count && i < s->got.required_count; i++) {
        const rwith_requirement *got = &s->got.required[i];

        snprintf(shown, sizeof(shown), "%s %.*s", rwith_place_word(got->in),
                 (int)got->name.len, got->name.len > 0 ? got->name.ptr : "");
        is_slice(rwith_slice_of(shown), item(want, i), name);
    }
}

static void check_rest(const struct scene *s, yajl_val row, const char *name)
{
    const rwith_challenge *got = &s->got;
    yajl_val wait = vector_get(row, "wait_ms");
    yajl_val refused = vector_get(row, "refused");
    const char *obtain = vector_string(row, "obtain");
    yajl_val wants = vector_get(row, "wants");

    ok(got->has_wait == (wait != NULL), "%s: a wait", name);
    is_int((long long)got->wait_ms, wait != NULL ? YAJL_GET_INTEGER(wait) : 0,
           name);
    is_str(rwith_slice_of(rwith_err_name(got->refused)),
           refused != NULL ? item(refused, 0).ptr : "OK", name);
    is_str(got->refused_name, refused != NULL ? item(refused, 1).ptr : "",
           name);
    ok(got->has_obtain == (obtain != NULL), "%s: an obtain", name);
    if (got->has_obtain && obtain != NULL) {
        is_str(rwith_dialects_name(s->set, got->obtain_dialect), obtain, name);
    }
    is_slice(got->explain, vector_slice(row, "explain"), name);
    if (wants != NULL) {
        is_int((long long)s->want_count, (long long)wants->u.array.len, name);
        for (size_t i = 0; i < s->want_count && i < wants->u.array.len; i++) {
            is_slice(s->wants[i].what, item(wants, i), name);
        }
    }
}

static void test_vector(yajl_val row)
{
    static struct scene s;
    const char *name = vector_string(row, "name");
    yajl_val now = vector_get(row, "now");

    scene_start(&s, row);
    rwith_challenge_read(
        s.set, &s.req, &s.resp, s.facts, s.fact_count, s.names, sizeof(s.names),
        now != NULL ? (uint64_t)YAJL_GET_INTEGER(now) : 0, &s.got);
    check_dialects(&s, vector_get(row, "dialects"), name);
    check_settings(&s, vector_get(row, "settings"), name);
    check_required(&s, vector_get(row, "required"), name);
    check_rest(&s, row, name);
    scene_end(&s);
}

static rwith_dialects *set_of(const char *dialect)
{
    rwith_dialects *set = NULL;

    if (rwith_dialects_new(NULL, &set) != RWITH_OK ||
        rwith_dialects_add(set, rwith_slice_of(dialect), NULL) != RWITH_OK) {
        printf("Bail out! %s\n", dialect);
        exit(1);
    }
    return set;
}

/* a NUL, which no JSON vector can hold. */
static void test_nul(void)
{
    rwith_dialects *set = set_of("");
    rwith_field field = { RWITH_LIT("Ms-Echo-Request"), { "a\0b", 3 } };
    rwith_request req = { .method = RWITH_LIT("GET"),
                          .target = RWITH_LIT("/") };
    rwith_response resp = { .status = 449, .fields = &field, .field_count = 1 };
    rwith_challenge got;

    rwith_challenge_read(set, &req, &resp, NULL, 0, NULL, 0, 0, &got);
    is_int(got.refused, RWITH_ESYNTAX, "a NUL in an echo is refused");
    is_int((long long)got.setting_count, 0, "a NUL in an echo: not echoed");
    rwith_dialects_free(set);
}

/* Escaped names are kept as long as there is room for them. */
static void test_name_buffer(void)
{
    rwith_dialects *set = set_of("");
    rwith_field field = {
        RWITH_LIT("MS-RetryWith"),
        RWITH_LIT("Required-Query: \"\\ab\", Required-Query: \"\\cd\", "
                  "Required-Query: e")
    };
    rwith_request req = { .method = RWITH_LIT("GET"),
                          .target = RWITH_LIT("/") };
    rwith_response resp = { .status = 449, .fields = &field, .field_count = 1 };
    rwith_challenge got;

    for (size_t room = 0; room <= 4; room++) {
        char *buf = malloc(room > 0 ? room : 1);

        rwith_challenge_read(set, &req, &resp, NULL, 0, buf, room, 0, &got);
        is_int((long long)got.required_count, (long long)(1 + room / 2),
               "names in a small buffer");
        is_str(got.required[got.required_count - 1].name, "e",
               "a name that needs no room");
        free(buf);
    }
    rwith_challenge_read(set, &req, &resp, NULL, 0, NULL, 99, 0, &got);
    is_int((long long)got.required_count, 1, "no buffer at all");
    rwith_dialects_free(set);
}

static void test_obtained(void)
{
    rwith_dialects *set =
        set_of("dialect own\nabout a\nsource b\nwhen status 403\n"
               "set query first from literal 1\nfetch GET /t\n"
               "set header named-by json /field from json /crumb\n"
               "set query t from response-header X-T\nrepeat any\n");
    size_t own = rwith_dialects_count(set) - 1;
    const struct rwith__dialect *d = rwith__dialect_at(set, own);
    rwith_fact_want wants[RWITH_FACT_WANT_MAX];
    rwith_field field = { RWITH_LIT("x-t"), RWITH_LIT(" T ") };
    rwith_response resp = { .status = 200, .fields = &field, .field_count = 1 };
    rwith_fact facts[] = { { 0, 0, RWITH_LIT("Jenkins-Crumb") },
                           { 1, 0, RWITH_LIT("abc") } };
    rwith_challenge got = { 0 };

    is_int((long long)rwith__challenge_obtain_wants(d, wants), 2,
           "obtained: what is looked for");
    is_str(wants[0].what, "/field", "obtained: the name");
    is_str(wants[1].what, "/crumb", "obtained: the value");
    rwith__challenge_obtained(set, own, &resp, facts, 2, &got);
    is_int((long long)got.setting_count, 2, "obtained: two settings");
    is_str(got.settings[0].name, "Jenkins-Crumb", "obtained: a chosen name");
    is_str(got.settings[0].value, "abc", "obtained: its value");
    is_str(got.settings[1].value, "T", "obtained: a field's value");
    is_int(got.settings[1].dialect, (long long)own, "obtained: by whom");

    got = (rwith_challenge){ 0 };
    facts[0].value = RWITH_LIT("Authorization");
    rwith__challenge_obtained(set, own, &resp, facts, 2, &got);
    is_int(got.refused, RWITH_EFORBIDDEN, "obtained: a forbidden name");
    is_int((long long)got.setting_count, 1, "obtained: it is not set");
    rwith_dialects_free(set);
}

static void test_learn(void)
{
    rwith_dialects *set =
        set_of("dialect rolling\nabout t\nsource t\nwhen status 409\n"
               "when response-header X-Transmission-Session-Id\n"
               "set header X-Transmission-Session-Id from response-header "
               "X-Transmission-Session-Id\n"
               "repeat any\nremember origin\nlearn-from any\n");
    rwith_field fields[] = {
        { RWITH_LIT("Ms-Echo-Request"), RWITH_LIT("t") },
        { RWITH_LIT("X-Transmission-Session-Id"), RWITH_LIT("new") },
    };
    rwith_request req = { .method = RWITH_LIT("POST"),
                          .target = RWITH_LIT("/transmission/rpc") };
    rwith_response resp = { .status = 200, .fields = fields, .field_count = 2 };
    rwith_challenge got;

    rwith__challenge_learn(set, &req, &resp, &got);
    is_int((long long)got.setting_count, 1, "a success teaches");
    is_str(got.settings[0].value, "new", "the new value");
    resp.field_count = 1;
    rwith__challenge_learn(set, &req, &resp, &got);
    is_int((long long)got.setting_count, 0, "no field, nothing learned");
    is_int((long long)got.dialects, 0, "no dialect either");
    rwith_dialects_free(set);
}

/* Responses that are made to cost time: bounded, whatever they hold. */
static void test_adversarial(void)
{
    enum { FIELDS = 10000, HINT = 65536 };
    rwith_dialects *set = set_of("");
    rwith_field *fields = calloc(FIELDS, sizeof(*fields));
    rwith_fact *facts = calloc(2 * RWITH_FACT_COUNT_MAX, sizeof(*facts));
    char *hint = malloc(HINT), buf[64];
    rwith_request req = { .method = RWITH_LIT("GET"),
                          .target = RWITH_LIT("/") };
    rwith_response resp = { .status = 449,
                            .fields = fields,
                            .field_count = FIELDS };
    rwith_challenge got;

    if (fields == NULL || facts == NULL || hint == NULL) {
        abort();
    }
    memset(hint, '\\', HINT);
    hint[0] = '"';
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i].name = RWITH_LIT("MS-RetryWith");
        fields[i].value = RWITH_LIT("Required-Header: Ms-Echo-Request");
    }
    fields[0].value = (rwith_slice){ hint, HINT };
    fields[FIELDS - 1].name = RWITH_LIT("Content-Type");
    fields[FIELDS - 1].value = RWITH_LIT("application/problem+json");
    for (size_t i = 0; i < 2 * (size_t)RWITH_FACT_COUNT_MAX; i++) {
        facts[i] = (rwith_fact){ (uint16_t)(i * 40503u), (uint16_t)(i * 30323u),
                                 RWITH_LIT("header") };
    }
    rwith_challenge_read(set, &req, &resp, facts, 2 * RWITH_FACT_COUNT_MAX, buf,
                         sizeof(buf), 0, &got);
    is_int((long long)got.required_count, 1, "10,000 hints of one thing");
    is_int((long long)got.setting_count, 0, "no echo");
    memset(hint, ',', HINT);
    rwith_challenge_read(set, &req, &resp, NULL, 0, buf, sizeof(buf), 0, &got);
    is_int((long long)got.required_count, 1, "65,536 commas");
    for (size_t i = 0; i + 2 < HINT; i += 2) {
        hint[i] = (char)('a' + i % 26);
    }
    rwith_challenge_read(set, &req, &resp, NULL, 0, buf, sizeof(buf), 0, &got);
    ok(got.required_count <= RWITH_REQUIREMENT_COUNT_MAX,
       "32,768 names of a letter");
    free(fields);
    free(facts);
    free(hint);
    rwith_dialects_free(set);
}

int main(int argc, char **argv)
{
    yajl_val root = vectors_read("challenge");

    tap_start(argc, argv);
    for (size_t i = 0; i < root->u.array.len; i++) {
        yajl_val row = root->u.array.values[i];

        if (tap_wants(vector_string(row, "name"))) {
            test_vector(row);
        }
    }
    test_nul();
    test_name_buffer();
    test_obtained();
    test_learn();
    test_adversarial();
    yajl_tree_free(root);
    return tap_done();
}
