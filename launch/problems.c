/*
 * problems.c: nginx's own answers as problem+json (RFC 9457), as error pages
 * of the configuration.  What the module or an origin answers is not touched.
 */
#define _GNU_SOURCE

#include <launch/problems.h>

#include <stdio.h>
#include <string.h>

/* Whom a sentence is about. */
enum subject {
    OURS,      /* "The relay to http://host" */
    REQUEST,   /* the sentence names nobody */
    THE_ORIGIN /* "The origin http://host" */
};

struct problem {
    unsigned long status; /* nginx's word for it */
    unsigned long said;   /* to the client */
    const char *title;
    const char *before;
    enum subject subject;
    const char *after;
    bool may_be_unread; /* the target may not be known yet */
    const char *only;   /* the only server that says so; NULL: all */
};

static const struct problem problems[] = {
    { 400, 400, "Bad Request",
      "The request is malformed, or its target leads above the root.", REQUEST,
      "", true, NULL },
    { 401, 401, "Unauthorized", "A name and a password are needed for the ",
      OURS, " (--client-password-file).", false, "relay" },
    { 403, 403, "Forbidden", "This address may not use the ", OURS,
      " (--allow).", false, "relay" },
    { 405, 405, "Method Not Allowed", "This method is not passed on by the ",
      OURS, ".", false, NULL },
    { 413, 413, "Content Too Large", "The content is larger than the ", OURS,
      " takes (--max-body).", false, NULL },
    { 414, 414, "URI Too Long", "The target is longer than the ", OURS,
      " takes.", true, NULL },
    { 494, 431, "Request Header Fields Too Large",
      "The fields are larger than the ", OURS, " takes.", false, NULL },
    { 497, 400, "Bad Request",
      "This port speaks TLS: write https:// in place of http://.", REQUEST, "",
      false, NULL },
    { 500, 500, "Internal Server Error", "The ", OURS,
      " failed on its own machine; its output says why.", false, NULL },
    { 501, 501, "Not Implemented",
      "The request has a transfer coding that is not known here.", REQUEST, "",
      false, NULL },
    { 502, 502, "Bad Gateway", "The origin ", THE_ORIGIN,
      " could not be reached, or its answer was none; the output of what "
      "stands before it says more.",
      false, NULL },
    { 504, 504, "Gateway Timeout", "The origin ", THE_ORIGIN,
      " did not answer in time.", false, NULL },
    { 505, 505, "HTTP Version Not Supported",
      "The request is of a version of HTTP that is not spoken here.", REQUEST,
      "", true, NULL },
};

/*
 * nginx sends a request to a named location once it knows the target; before
 * that only to a path, which must be none of the origin's: it begins above
 * the root, where no client's target can lead.
 */
void rwith_problems_put_map(rwith_conf *conf)
{
    rwith_conf_put(conf, "    map $uri $retrywith_place {\n"
                         "        \"\" /../;\n"
                         "        default @;\n"
                         "    }\n");
}

static void put_location(const struct problem *problem, const char *name,
                         const char *body, rwith_conf *conf)
{
    rwith_conf_put(conf,
                   "        location %rretrywith_%u {\n"
                   "            default_type application/problem+json;\n"
                   "            add_header Cache-Control no-store always;\n"
                   "            return %u %v;\n"
                   "        }\n",
                   name, problem->status, problem->said, body);
}

static void put_problem(const struct problem *problem, const char *who,
                        rwith_conf *conf)
{
    char body[1200];

    snprintf(body, sizeof(body),
             "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%lu,"
             "\"detail\":\"%s%s%s\"}\r\n",
             problem->title, problem->said, problem->before, who,
             problem->after);
    rwith_conf_put(
        conf, "        error_page %u = %rretrywith_%u;\n", problem->status,
        problem->may_be_unread ? "${retrywith_place}" : "@", problem->status);
    put_location(problem, "@", body, conf);
    if (problem->may_be_unread) {
        put_location(problem, "= /../", body, conf);
    }
}

void rwith_problems_put(const rwith_upstream *upstream, const char *word,
                        rwith_conf *conf)
{
    char origin[400] = "";
    char ours[500];

    if (upstream != NULL) {
        snprintf(origin, sizeof(origin), "%.*s://%s",
                 (int)upstream->origin.scheme.len, upstream->origin.scheme.ptr,
                 upstream->authority);
    }
    snprintf(ours, sizeof(ours), "%s%s%s", word, upstream != NULL ? " to " : "",
             origin);
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
        const struct problem *problem = &problems[i];
        const char *who[] = {
            [OURS] = ours, [REQUEST] = "", [THE_ORIGIN] = origin
        };

        if ((problem->only == NULL || strcmp(problem->only, word) == 0) &&
            (problem->subject != THE_ORIGIN || upstream != NULL)) {
            put_problem(problem, who[problem->subject], conf);
        }
    }
}
