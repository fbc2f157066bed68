#!/usr/bin/python3
"""libretrywith-curl's multi form: many requests in one thread, one obtain at
a time for a scope; freeing jobs and sessions at any moment."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *

PROGRAM = r"""
#include <retrywith/curl.h>
#include <stdlib.h>
#include <string.h>

static size_t drop(char *bytes, size_t size, size_t count, void *user)
{
    (void)bytes;
    (void)user;
    return size * count;
}

int main(int argc, char **argv)
{
    static char file[65536];
    static uint64_t block[65536];
    uint8_t key[RWITH_RECALL_KEY_LEN] = { 1, 2, 3 };
    rwith_diagnostic at = { 0, 0, "" };
    rwith_curl_options options = { 0 };
    rwith_dialects *set = NULL;
    rwith_curl *session = NULL;
    rwith_curl_job *job;
    CURL *easy[16];
    unsigned running = 1;
    int count = argc > 3 ? atoi(argv[3]) : 1;
    int rounds = argc > 4 ? atoi(argv[4]) : 0;
    FILE *in = fopen(argv[2], "rb");
    size_t len = in != NULL ? fread(file, 1, sizeof(file), in) : 0;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (rwith_dialects_new(NULL, &set) != RWITH_OK ||
        rwith_dialects_add(set, (rwith_slice){ file, len }, &at) !=
            RWITH_OK ||
        rwith_recall_init(block, sizeof(block), key, &options.recall) !=
            RWITH_OK) {
        fprintf(stderr, "%s\n", at.text);
        return 1;
    }
    options.set = set;
    if (rwith_curl_new(&options, &session) != RWITH_OK) {
        return 1;
    }
    for (int i = 0; i < count; i++) {
        rwith_curl_request req = { .url = argv[1], .on_body = drop };

        req.easy = easy[i] = curl_easy_init();
        if (rwith_curl_multi_add(session, &req, &job) != RWITH_OK) {
            return 1;
        }
    }
    for (int round = 0; running > 0 && (rounds == 0 || round < rounds);
         round++) {
        if (rwith_curl_multi_perform(session, &running) != RWITH_OK) {
            return 1;
        }
        while ((job = rwith_curl_multi_done(session)) != NULL) {
            const rwith_curl_result *result = rwith_curl_job_result(job);

            printf("%d %u %u %u\n", (int)result->code, result->status,
                   result->sends, result->obtains);
            rwith_curl_job_free(job);
        }
        if (running > 0) {
            rwith_curl_multi_poll(session, 1000);
        }
    }
    rwith_curl_free(session);
    for (int i = 0; i < count; i++) {
        curl_easy_cleanup(easy[i]);
    }
    rwith_dialects_free(set);
    curl_global_cleanup();
    if (in != NULL) {
        fclose(in);
    }
    return 0;
}
"""

DIALECT = """
dialect crumb
    about     a crumb that is fetched
    source    this test: a refused build was not started
    when      status 403
    when      response-body contains "No valid crumb"
    fetch     GET /crumb
    set       header Crumb from json /crumb
    repeat    any
    remember  origin
"""


def handler(connection, request, origin):
    if request.target == "/crumb":
        # All others are refused meanwhile.
        wait_for(lambda: refused(origin) >= origin.jobs, "all refusals")
        return respond(connection, "200 OK",
                       [("Content-Type", "application/json")],
                       '{"crumb":"c1"}')
    if request.get("Crumb") != "c1":
        return respond(connection, "403 Forbidden", [], "No valid crumb")
    return respond(connection, "200 OK", [], "built")


def refused(origin):
    with origin.lock:
        return sum(r.target != "/crumb" and r.get("Crumb") != "c1"
                   for r in origin.requests)


source = write("multi.c", PROGRAM)
dialect = write("crumb", DIALECT)
program = scratch + "/multi"
got = run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I",
          ROOT + "/include", source, "-o", program, "-L" + RELEASE + "/lib",
          "-lretrywith-curl", "-lretrywith", "-lcurl",
          "-Wl,-rpath," + RELEASE + "/lib")
is_(got.code, 0, "the program is compiled") or note(got)
origin = RawOrigin(handler)
origin.jobs = 8
got = run(program, origin.url + "/job", dialect, "8")
is_(got.code, 0, "eight at once") or note(got)
is_(sorted(line[:5] for line in got.out.splitlines()), ["0 200"] * 8,
    "all get through") or note(got)
is_(sum(r.target == "/crumb" for r in origin.requests), 1,
    "with one fetch for all of them")
is_(sum(int(line.split()[3]) for line in got.out.splitlines()), 1,
    "and one job has fetched it")
origin.reset()
origin.jobs = 0
for rounds in range(1, 12):
    got = run("valgrind", "-q", "--error-exitcode=9", "--leak-check=full",
              program, origin.url + "/job", dialect, "4", str(rounds)) \
        if rounds % 5 == 1 and shutil.which("valgrind") else \
        run(program, origin.url + "/job", dialect, "4", str(rounds))
    is_(got.code, 0, "a session is freed after %d rounds" % rounds) or \
        note(got)
done()
