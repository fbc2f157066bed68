/*
 * rules.h: the reader of rules (retrywith-rules(5)), for what has no
 * OpenAPI document:
 *
 *     POST /resource: header X-Custom-Auth, query session, cookie sid,
 *                     body /request/action, authorization bearer
 *
 * on one line.  --require takes one such line, a rules file any number.
 */
#ifndef RWITH_RULES_H
#define RWITH_RULES_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_RULES_FILE_MAX (1024 * 1024) /**< bytes of one text */

/**
 * Read rules into a builder; operations that are there get more needs.
 * After an error the builder holds the rules of the lines before.
 *
 * @param base_path  before every path; may be empty
 * @return #RWITH_OK, #RWITH_EFILE (with a diagnostic), #RWITH_ENOMEM
 */
RWITH_API int rwith_rules_read(rwith_policy_builder *builder,
                               rwith_slice base_path, rwith_slice text,
                               rwith_diagnostic *reterr_diag);

#ifdef __cplusplus
}
#endif

#endif
