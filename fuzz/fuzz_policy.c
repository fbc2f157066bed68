/*
 * The path walk, the query's names and the head's fields: a fixed policy is
 * asked about whatever the input says.  First line: method and target; then
 * "Name: value" lines.  Properties: a decision is one of the possible ones,
 * the list agrees with it, and an answer can be written for every refusal.
 */
#include <stdlib.h>
#include <string.h>

#include <retrywith/policy.h>
#include <retrywith/refusal.h>
#include <retrywith/rules.h>

static const char rules[] =
    "GET /: header X-A\n"
    "GET,POST /pets/{id}: header X-A, query q, query 'a b', cookie sid\n"
    "GET /pets/mine/food: authorization bearer\n"
    "GET /a/{b}.{c}: query filter[x]\n"
    "GET /a/v{n}: header X-B, header X-C\n"
    "POST /b: body /x/y, authorization basic\n"
    "COPY /**: header Destination\n"
    "GET /deep/{x}/**: query q\n";

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static rwith_slice take(rwith_slice *rest, char end)
{
    const char *at = rest->len > 0 ? memchr(rest->ptr, end, rest->len) : NULL;
    rwith_slice piece = { rest->ptr,
                          at != NULL ? (size_t)(at - rest->ptr) : rest->len };
    size_t used = piece.len + (at != NULL);

    rest->ptr += used;
    rest->len -= used;
    return piece;
}

static rwith_policy *make_policy(void)
{
    rwith_policy_builder *builder;
    rwith_policy *policy = NULL;

    if (rwith_policy_builder_new(NULL, &builder) == RWITH_OK) {
        require(rwith_rules_read(builder, RWITH_LIT(""),
                                 (rwith_slice){ rules, sizeof(rules) - 1 },
                                 NULL) == RWITH_OK);
        require(rwith_policy_build(builder, NULL, &policy) == RWITH_OK);
        rwith_policy_builder_free(builder);
    }
    return policy;
}

static void answer(const rwith_decision *decision,
                   const rwith_missing_list *list, rwith_slice accept)
{
    static char buf[64 * 1024];
    rwith_refusal refusal = { .status = decision->status,
                              .verdict = decision->verdict,
                              .missing = list,
                              .accept = accept };
    rwith_refusal_answer written;

    require(rwith_refusal_write(&refusal, buf, sizeof(buf), &written, NULL) ==
            RWITH_OK);
    require(written.body.len == written.body_len && written.body_len > 0);
}

/* A member is missing, or the body malformed, or not looked into: what the
 * head lacks counts all the same. */
static void look_inside(rwith_judge *judge, const rwith_judge_options *options,
                        size_t size, rwith_decision *decision,
                        rwith_missing_list *list)
{
    rwith_missing_list lacks = { 0 };
    rwith_missing item = { .in = RWITH_IN_BODY, .name = RWITH_LIT("/a") };
    size_t before = list->count;

    if (size % 5 == 0) {
        rwith_missing_add(&lacks, &item);
    }
    rwith_judge_body(judge, options, size % 7 == 0 ? NULL : &lacks,
                     size % 11 == 0, decision);
    require(decision->members == NULL);
    require(decision->action != RWITH_ACTION_NEEDS_BODY);
    require(before == 0 || decision->verdict == RWITH_VERDICT_MISSING);
    if (decision->verdict == RWITH_VERDICT_MISSING) {
        rwith_missing_append(list, &lacks);
        require(list->count == before + lacks.count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static rwith_policy *policy;
    rwith_slice rest = { (const char *)data, size };
    rwith_judge_options options = { 0 };
    rwith_missing_list list = { 0 };
    rwith_judge judge;
    rwith_decision decision;

    if (policy == NULL) {
        policy = make_policy();
    }
    rwith_slice line = take(&rest, '\n');
    rwith_slice method = take(&line, ' ');
    rwith_policy_hit hit = rwith_policy_match(policy, method, line);

    require(hit.operation == RWITH_POLICY_NO_OPERATION ||
            rwith_policy_template(policy, hit.operation).len > 0);
    require(hit.other == RWITH_POLICY_NO_OPERATION ||
            hit.operation != RWITH_POLICY_NO_OPERATION);
    require(hit.query.len == 0 ||
            (hit.query.ptr >= line.ptr &&
             hit.query.ptr + hit.query.len <= line.ptr + line.len));
    options.unknown_refuse = size % 2 == 1;
    rwith_judge_begin(&judge, policy, &hit, size % 3 == 0);
    rwith_judge_content(&judge, size * 1024, size % 2 == 0);
    rwith_judge bare = judge;
    rwith_decision unseen;
    while (rest.len > 0) {
        rwith_slice value = take(&rest, '\n');
        rwith_slice name = take(&value, ':');

        rwith_judge_field(&judge, name, value);
    }
    rwith_judge_end(&judge, &options, &decision);
    rwith_judge_end(&bare, &options, &unseen);
    require(rwith_judge_wants_fields(&judge) ||
            (unseen.verdict == decision.verdict &&
             unseen.action == decision.action));
    rwith_judge_list(&judge, &options, &list);
    require((decision.verdict == RWITH_VERDICT_MISSING) == (list.count > 0) ||
            decision.verdict == RWITH_VERDICT_PREFLIGHT ||
            decision.verdict == RWITH_VERDICT_UNKNOWN);
    require((decision.action == RWITH_ACTION_NEEDS_BODY) ==
            (decision.members != NULL));
    if (decision.action == RWITH_ACTION_NEEDS_BODY) {
        require(list.count == 0 || (size <= 64 && size % 2 == 1));
        look_inside(&judge, &options, size, &decision, &list);
    }
    if (decision.action == RWITH_ACTION_REFUSE) {
        answer(&decision, &list, line);
    }
    return 0;
}
