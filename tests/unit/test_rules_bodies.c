/*
 * Rules on real bodies: policies/webdav.rules judges requests of WebDAV
 * clients, head and body, as they send them: with the prefix "D:", with a
 * default namespace, with other prefixes.
 */
#include <retrywith/rules.h>

#include "body/members.h"
#include "tap.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
#define XML  "application/xml; charset=\"utf-8\""

/* RFC 4918 9.2.2, as neon and Windows write it. */
#define PATCH_PREFIX                                                           \
    HEAD "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:Z=\"http://ns.example/\">"  \
         "<D:set><D:prop><Z:Authors>Jim</Z:Authors></D:prop></D:set>"          \
         "</D:propertyupdate>"
#define PATCH_DEFAULT                                                          \
    HEAD "<propertyupdate xmlns=\"DAV:\"><remove><prop>"                       \
         "<x xmlns=\"http://ns.example/\"/></prop></remove></propertyupdate>"
#define PATCH_OTHER                                                            \
    "<a:propertyupdate xmlns:a=\"DAV:\"><a:set><a:prop/></a:set>"              \
    "</a:propertyupdate>"
/* RFC 4918 9.10.7. */
#define LOCK_PREFIX                                                            \
    HEAD "<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/>"              \
         "</D:lockscope><D:locktype><D:write/></D:locktype><D:owner>"          \
         "<D:href>http://example.org/~ejw/contact.html</D:href></D:owner>"     \
         "</D:lockinfo>"
#define LOCK_DEFAULT                                                           \
    "<lockinfo xmlns=\"DAV:\"><lockscope><shared/></lockscope><locktype>"      \
    "<write/></locktype><owner>me</owner></lockinfo>"
#define LOCK_OTHER                                                             \
    "<ns0:lockinfo xmlns:ns0=\"DAV:\"><ns0:lockscope><ns0:exclusive/>"         \
    "</ns0:lockscope><ns0:locktype><ns0:write/></ns0:locktype>"                \
    "<ns0:owner>litmus test suite</ns0:owner></ns0:lockinfo>"
#define LOCK_EMPTY_OWNER                                                       \
    "<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:exclusive/></D:lockscope>"   \
    "<D:locktype><D:write/></D:locktype><D:owner/></D:lockinfo>"
#define LOCK_SCOPE                                                             \
    "<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:exclusive/></D:lockscope>"   \
    "</D:lockinfo>"
#define LOCK_ROOT  "<D:lockinfo xmlns:D=\"DAV:\"/>"
#define FIND       HEAD "<D:propfind xmlns:D=\"DAV:\"><D:allprop/></D:propfind>"
#define REFRESH    "(<urn:uuid:e71d4fae-5dec-22d6-fea5-00a0c91e6be4>)"
#define OUTCOME_OK "complete"

static const struct row {
    const char *name, *method;
    const char *fields[6]; /* name, value, … */
    const char *body;
    const char *outcome; /* or what is missing, separated by spaces */
} rows[] = {
    { "PROPPATCH with a prefix",
      "PROPPATCH",
      { "Content-Type", XML },
      PATCH_PREFIX,
      OUTCOME_OK },
    { "PROPPATCH in a default namespace",
      "PROPPATCH",
      { "Content-Type", "text/xml" },
      PATCH_DEFAULT,
      OUTCOME_OK },
    { "PROPPATCH with another prefix",
      "PROPPATCH",
      { "Content-Type", "text/xml" },
      PATCH_OTHER,
      OUTCOME_OK },
    { "PROPPATCH of something else",
      "PROPPATCH",
      { "Content-Type", XML },
      FIND,
      "body:/propertyupdate" },
    { "PROPPATCH without a body",
      "PROPPATCH",
      { "Content-Type", XML },
      "",
      "body:" },
    { "PROPPATCH, malformed",
      "PROPPATCH",
      { "Content-Type", XML },
      "<D:propertyupdate xmlns:D=\"DAV:\">",
      "malformed" },
    { "PROPPATCH, an unbound prefix",
      "PROPPATCH",
      { "Content-Type", XML },
      "<D:propertyupdate/>",
      "malformed" },
    { "PROPPATCH of unknown type",
      "PROPPATCH",
      { NULL },
      PATCH_PREFIX,
      OUTCOME_OK },
    { "LOCK with a prefix",
      "LOCK",
      { "Content-Type", XML, "Timeout", "Infinite, Second-4100000000", "Depth",
        "infinity" },
      LOCK_PREFIX,
      OUTCOME_OK },
    { "LOCK in a default namespace",
      "LOCK",
      { "Content-Type", "text/xml" },
      LOCK_DEFAULT,
      OUTCOME_OK },
    { "LOCK with another prefix",
      "LOCK",
      { "Content-Type", XML },
      LOCK_OTHER,
      OUTCOME_OK },
    { "LOCK with an empty owner",
      "LOCK",
      { "Content-Type", XML },
      LOCK_EMPTY_OWNER,
      OUTCOME_OK },
    { "LOCK with a scope only",
      "LOCK",
      { "Content-Type", XML },
      LOCK_SCOPE,
      "body:/lockinfo/locktype body:/lockinfo/owner" },
    { "LOCK with nothing in it",
      "LOCK",
      { "Content-Type", XML },
      LOCK_ROOT,
      "body:/lockinfo/lockscope body:/lockinfo/locktype "
      "body:/lockinfo/owner" },
    { "LOCK of something else",
      "LOCK",
      { "Content-Type", XML },
      FIND,
      "body:/lockinfo/lockscope body:/lockinfo/locktype "
      "body:/lockinfo/owner" },
    { "LOCK to refresh",
      "LOCK",
      { "If", REFRESH, "Timeout", "Second-3600" },
      "",
      OUTCOME_OK },
    { "LOCK with neither body nor If",
      "LOCK",
      { "Timeout", "Second-3600" },
      "",
      "header:If" },
    { "LOCK with an empty If", "LOCK", { "if", "" }, "", "header:If" },
    { "LOCK with a body and an If",
      "LOCK",
      { "If", REFRESH, "Content-Type", XML },
      LOCK_PREFIX,
      OUTCOME_OK },
    { "PROPFIND with a prefix",
      "PROPFIND",
      { "Content-Type", XML },
      FIND,
      OUTCOME_OK },
    { "PROPFIND without a body", "PROPFIND", { "Depth", "1" }, "", OUTCOME_OK },
    { "COPY", "COPY", { "Destination", "http://a.example/b" }, "", OUTCOME_OK },
    { "COPY without a destination",
      "COPY",
      { "Overwrite", "F" },
      "",
      "header:Destination" },
    { "MOVE with an empty destination",
      "MOVE",
      { "Destination", " " },
      "",
      "header:Destination" },
    { "UNLOCK", "UNLOCK", { "Lock-Token", "<urn:uuid:a>" }, "", OUTCOME_OK },
    { "UNLOCK without a token",
      "UNLOCK",
      { "If", REFRESH },
      "",
      "header:Lock-Token" },
    { "REPORT without a body", "REPORT", { "Depth", "0" }, "", "body:" },
    { "MKCOL", "MKCOL", { NULL }, "", OUTCOME_OK },
};

static rwith_policy *policy_read(void)
{
    static char text[16 * 1024];
    rwith_policy_builder *builder = NULL;
    rwith_policy *policy = NULL;
    rwith_diagnostic diag = { 0 };
    FILE *file = fopen(RWITH_SOURCE_DIR "/policies/webdav.rules", "r");

    if (file == NULL) {
        return NULL;
    }
    rwith_slice rules = { text, fread(text, 1, sizeof(text), file) };
    fclose(file);
    if (rwith_policy_builder_new(NULL, &builder) == RWITH_OK &&
        rwith_rules_read(builder, (rwith_slice){ 0 }, rules, &diag) ==
            RWITH_OK) {
        rwith_policy_build(builder, NULL, &policy);
    }
    rwith_policy_builder_free(builder);
    return policy;
}

static rwith_slice copy_of(const char *text)
{
    return tap_copy(text, strlen(text));
}

/* The body in pieces of an odd size. */
static rwith_body_verdict check_body(const rwith_decision *decision,
                                     const char *body,
                                     rwith_missing_list *missing)
{
    rwith_body_check *check = NULL;
    size_t len = strlen(body);

    if (rwith_body_check_new(NULL, decision->members, decision->content_type,
                             decision->content_encoding, NULL,
                             &check) != RWITH_OK) {
        return RWITH_BODY_UNJUDGED;
    }
    for (size_t at = 0; at < len; at += 7) {
        rwith_slice part = tap_copy(body + at, len - at < 7 ? len - at : 7);

        (void)rwith_body_check_feed(check, part.ptr, part.len);
        tap_free(part);
    }
    rwith_body_verdict verdict = rwith_body_check_finish(check, missing);
    rwith_body_check_free(check);
    return verdict;
}

static void judge_row(const rwith_policy *policy, const struct row *row,
                      char *out, size_t out_len)
{
    rwith_judge_options options = { .report_only = false };
    rwith_policy_hit hit = rwith_policy_match(
        policy, rwith_slice_of(row->method), RWITH_LIT("/dav/a%20b.txt"));
    rwith_missing_list missing = { .count = 0 };
    rwith_decision decision;
    rwith_judge judge;
    rwith_slice values[3];

    rwith_judge_begin(&judge, policy, &hit, row->body[0] != '\0');
    for (size_t i = 0; i < 3; i++) {
        const char *value = row->fields[2 * i + 1];

        values[i] = copy_of(value != NULL ? value : "");
        if (value != NULL) {
            rwith_judge_field(&judge, rwith_slice_of(row->fields[2 * i]),
                              values[i]);
        }
    }
    rwith_judge_end(&judge, &options, &decision);
    if (decision.action == RWITH_ACTION_NEEDS_BODY) {
        rwith_body_verdict verdict = check_body(&decision, row->body, &missing);

        rwith_judge_body(&judge, &options, &missing,
                         verdict == RWITH_BODY_MALFORMED, &decision);
    } else if (decision.action == RWITH_ACTION_REFUSE) {
        rwith_judge_list(&judge, &options, &missing);
    }
    for (size_t i = 0; i < 3; i++) {
        tap_free(values[i]);
    }
    if (decision.verdict != RWITH_VERDICT_MISSING) {
        snprintf(out, out_len, "%s",
                 decision.verdict == RWITH_VERDICT_UNKNOWN
                     ? OUTCOME_OK /* no rule, it passes */
                     : rwith_verdict_word(decision.verdict));
        return;
    }
    size_t len = 0;
    for (size_t i = 0; i < missing.count && len < out_len; i++) {
        len += (size_t)snprintf(
            out + len, out_len - len, "%s%s:%.*s", i > 0 ? " " : "",
            rwith_place_word(missing.items[i].in),
            (int)missing.items[i].name.len,
            missing.items[i].name.len > 0 ? missing.items[i].name.ptr : "");
    }
}

/* One line makes it weaker than the other: the stricter one counts. */
static void run_stricter(void)
{
    static const char *const texts[] = {
        "X /: header-without-body If\nX /: header If\n",
        "X /: header If\nX /: header-without-body If\n",
    };

    for (size_t i = 0; i < 2; i++) {
        rwith_policy_builder *builder = NULL;
        rwith_policy *policy = NULL;
        rwith_diagnostic diag;
        rwith_judge judge;
        rwith_judge_options options = { .report_only = false };
        rwith_decision decision = { .action = RWITH_ACTION_PASS };

        if (rwith_policy_builder_new(NULL, &builder) == RWITH_OK &&
            rwith_rules_read(builder, (rwith_slice){ 0 },
                             rwith_slice_of(texts[i]), &diag) == RWITH_OK &&
            rwith_policy_build(builder, NULL, &policy) == RWITH_OK) {
            rwith_policy_hit hit =
                rwith_policy_match(policy, RWITH_LIT("X"), RWITH_LIT("/"));

            rwith_judge_begin(&judge, policy, &hit, true);
            rwith_judge_end(&judge, &options, &decision);
        }
        is_int(decision.action, RWITH_ACTION_REFUSE, texts[i]);
        rwith_policy_free(policy);
        rwith_policy_builder_free(builder);
    }
}

int main(int argc, char **argv)
{
    rwith_policy *policy = policy_read();

    tap_start(argc, argv);
    if (ok(policy != NULL, "policies/webdav.rules is read")) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            char got[300] = "";

            if (!tap_wants(rows[i].name)) {
                continue;
            }
            judge_row(policy, &rows[i], got, sizeof(got));
            if (!ok(strcmp(got, rows[i].outcome) == 0, "%s", rows[i].name)) {
                tap_show("expected", rwith_slice_of(rows[i].outcome));
                tap_show("got", rwith_slice_of(got));
            }
        }
    }
    run_stricter();
    rwith_policy_free(policy);
    return tap_done();
}
