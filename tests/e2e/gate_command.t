#!/usr/bin/python3
"""retrywith gate: the command, its log, its dry run, and both halves."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

os.chmod(scratch, 0o755)
DOCUMENT = {
    "openapi": "3.0.3", "info": {"title": "t", "version": "1"},
    "servers": [{"url": "/v3"}],
    "components": {"securitySchemes": {
        "token": {"type": "http", "scheme": "bearer"},
        "tls": {"type": "mutualTLS"}}},
    "paths": {"/repos/{owner}/{repo}/issues": {
        "get": {"parameters": [
            {"name": "X-Api-Version", "in": "header", "required": True,
             "schema": {"type": "string"}},
            {"name": "state", "in": "query", "required": True,
             "schema": {"type": "string"}}], "responses": {}},
        "post": {"security": [{"token": []}], "requestBody": {
            "required": True, "content": {"application/json": {"schema": {
                "type": "object", "required": ["title"]}}}},
            "responses": {}}},
        "/user": {"get": {"security": [{"tls": []}], "responses": {}}}}}
document = write("api.json", json.dumps(DOCUMENT, indent=1), 0o644)
ISSUES = "/v3/repos/a/b/issues"


def handle(connection, request, origin):
    if request.target.endswith("/moved"):
        return respond(connection, "302 Found", [
            ("Location", origin.url + "/pre/there")])
    return respond(connection, "200 OK", [], request.line + "\n")


origin = RawOrigin(handle)


def gate(*args, **kw):
    return retrywith_server("gate", *args, **kw)


# --- a dry run ---------------------------------------------------------------
got = retrywith("gate", "--openapi", document, "--dry-run")
is_(got.code, 0, "--dry-run needs no origin")
for pattern in (r"operations +3\n", r"needs in header +1\n",
                r"needs in query +1\n", r"needs in cookie +0\n",
                r"needs in body +1 ", r"needs in authorization +1\n",
                r"warning: .*api\.json:\d+: .*, at \".*tls", r"time +\d",
                r"memory +\d"):
    like(got.out, pattern, "--dry-run tells /%s/" % pattern)
got = retrywith("gate", "--openapi", document, "--dry-run", "--output-json",
                "--require", "GET /x: cookie sid")
is_(got.code, 0, "--output-json")
told = json.loads(got.out)
is_((told["operations"], told["needs"], told["warnings"]),
    (4, {"header": 1, "query": 1, "cookie": 1, "body": 1,
         "authorization": 1}, 1), "the same as JSON")
is_(len(told["documents"][0]["warnings"]), 1, "with the warnings")
bad = write("bad.json", '{"openapi": "3.0.0", "paths": []', 0o644)
got = retrywith("gate", "--openapi", bad, "--dry-run")
is_(got.code, 102, "a wrong document: 102")
like(got.err, r"retrywith: .*bad\.json:1: ", "with its place")

# --- wrong command lines -----------------------------------------------------
for args, code, pattern in (
        ((), 101, "what do requests need"),
        (("--openapi", document), 101, "which origin"),
        (("--openapi", document, "--to", "ftp://x"), 101, "no origin"),
        (("--openapi", document, "--to", origin.url, "--forward-auth"), 101,
         "leave --to out"),
        (("--openapi", scratch + "/none", "--to", origin.url), 102,
         "cannot be read"),
        (("--openapi", document, "--to", origin.url + "/a$b"), 101,
         "percent-encoded"),
        (("--openapi", document, "--to", origin.url, "--output-json"), 101,
         "dry-run"),
        (("--openapi", document, "--to", origin.url, "--unknown", "x"), 101,
         "pass|refuse"),
        (("--openapi", document, "--to", origin.url, "--listen-cert", "x"),
         101, "of no use without"),
        (("--require", "nonsense", "--to", origin.url), 101, "column")):
    got = retrywith("gate", "--listen", "127.0.0.1:0", *args)
    is_(got.code, code, "exit status: " + pattern)
    ok(pattern in got.err and got.err.startswith("retrywith: "),
       "one sentence: " + pattern, got)
got = retrywith("gate", "--openapi", document, "--to", origin.url + "/pre",
                "--print-config", "--cors", "*", "--credentials", "449")
is_(got.code, 0, "--print-config")
for line in ("retry_with_openapi", "retry_with_cors \"*\"",
             "retry_with_credentials \"449\"",
             "proxy_pass http://retrywith_origin/pre$request_uri;"):
    ok(line in got.out, "it has " + line, got)

# --- the gate, and its logs --------------------------------------------------
logs = {f: scratch + "/%s.log" % f for f in ("common", "json", "w3c")}
for form, path in logs.items():
    server = gate("--openapi", document, "--to", origin.url, "--log", path,
                  "--log-format", form, "--cors", "https://app.example",
                  "--workers", "1")
    got = curl("-si", server.url + ISSUES + "?key=secret-value")
    is_(got.status, 449, form + ": an incomplete request")
    is_(sorted(m["name"] for m in got.json["missing"]),
        ["X-Api-Version", "state"], form + ": all that is missing")
    like(got.out, r"Access-Control-Allow-Origin: https://app.example",
         form + ": --cors")
    got = curl("-si", server.url + ISSUES + "?state=open", "-H",
               "X-Api-Version: 1")
    is_(got.out.split("\r\n\r\n")[1],
        "GET " + ISSUES + "?state=open HTTP/1.1\n", form + ": passed on")
    curl("-si", server.url + ISSUES + "?state=open", "-X", "GET")
    curl("-si", server.url + ISSUES, "-d", "{}", "-H",
         "Content-Type: application/json", "-H", "Authorization: Bearer t0k")
    got = curl("-si", server.url + ISSUES, "-d", '{"title": "t"}', "-H",
               "Content-Type: application/json")
    is_(got.status, 401, form + ": credentials")
    wait_for(lambda: open(path).read().count("\n") >=
             (8 if form == "w3c" else 5), "the log")
    server.stop()
    text = open(path).read()
    for secret in ("secret-value", "t0k", "state=open"):
        ok(secret not in text, "%s: no %s" % (form, secret), text)
lines = open(logs["common"]).read().split("\n")
like(lines[0], r'^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]'
     r'\d{4}\] "GET %s HTTP/1\.1" 449 \d+$' % ISSUES, "common")
rows = [json.loads(line) for line in open(logs["json"])]
is_([(r["status"], r["substatus"], r["verdict"]) for r in rows],
    [(449, 6, "missing"), (200, 0, "complete"), (449, 1, "missing"),
     (449, 4, "missing"), (401, 5, "missing")], "json")
is_(rows[0]["missing"],
    "Required-Header: X-Api-Version, Required-Query: state", "what is missing")
lines = open(logs["w3c"]).read().split("\n")
is_(lines[1], "#Version: 1.0", "w3c: #Version")
ok(lines[2].startswith("#Fields: date time "), "w3c: #Fields", lines)
names = lines[2].split(" ")[1:]
rows = [dict(zip(names, line.split(" "))) for line in lines[3:] if line]
is_([len(line.split(" ")) for line in lines[3:8]], [len(names)] * 5,
    "w3c: as many values as fields")
is_([r["sc-status"] + "." + r["sc-substatus"] for r in rows],
    ["449.6", "200.0", "449.1", "449.4", "401.5"],
    "w3c: sc-status and sc-substatus")
stamp = time.mktime(time.strptime(rows[0]["date"] + " " + rows[0]["time"],
                                  "%Y-%m-%d %H:%M:%S")) - time.timezone
ok(abs(stamp - time.time()) < 300, "w3c: UTC", rows[0])
ok(all(r["time-taken"].isdigit() for r in rows), "w3c: milliseconds")

# What has no value is a hyphen, so that the columns stay; times are those of
# this machine where the format says nothing else.
zone = write("nginx-zone", "#!/bin/sh\nprintf %%s \"${TZ-none}\" >%s/zone\n"
             "exec %s \"$@\"\n" % (scratch, NGINX), 0o700)
os.environ.pop("TZ", None)
for form, wants in (("common", "none"), ("w3c", "UTC0")):
    path = scratch + "/odd-%s.log" % form
    server = gate("--openapi", document, "--to", origin.url, "--log", path,
                  "--log-format", form, env={"RETRYWITH_NGINX": zone})
    raw(server.port, "GET /x HTTP/1.0\r\n\r\n")
    raw(server.port, "GARBAGE\r\n\r\n")
    wait_for(lambda: open(path).read().count("\n") >=
             (5 if form == "w3c" else 2), "the log")
    server.stop()
    is_(open(scratch + "/zone").read(), wants, form + ": the zone")
rows = [line.split(" ") for line in open(path).read().split("\n")[3:] if line]
is_([len(row) for row in rows], [len(names)] * 2, "w3c: nothing is empty")
is_([row[names.index("cs-uri-stem")] for row in rows], ["/x", "-"],
    "w3c: no path")
is_(rows[0][names.index("cs-host")], "-", "w3c: no Host")

# --- modes -------------------------------------------------------------------
server = gate("--openapi", document, "--to", origin.url + "/pre/",
              "--report-only", "--base-path", "/")
got = curl("-si", server.url + "/repos/a/b/issues")
is_(got.out.split("\r\n\r\n")[1], "GET /pre/repos/a/b/issues HTTP/1.1\n",
    "--report-only passes, and the path of --to stands before")
got = curl("-si", "--path-as-is", server.url + "/a/..%2f//b%20c?d")
is_(got.out.split("\r\n\r\n")[1], "GET /pre/a/..%2f//b%20c?d HTTP/1.1\n",
    "the target goes on as it came")
got = curl("-si", server.url + "/moved")
like(got.out, r"(?m)^Location: (http://[^/]*)?/there\r$", "redirects lead here")
server.stop()
server = gate("--openapi", document, "--to", origin.url, "--unknown",
              "refuse", "--credentials", "pass", "--base-path", "/other")
is_(curl("-si", server.url + "/nowhere").status, 404, "--unknown refuse")
is_(curl("-si", server.url + "/other/repos/a/b/issues", "-d", "{\"title\":1}",
         "-H", "Content-Type: application/json").status, 200,
    "--credentials pass, --base-path")
server.stop()
cert, key = certificate()
server = gate("--openapi", document, "--to", origin.url, "--listen-cert",
              cert, "--listen-key", key)
like(server.ready, r"listening on https://", "TLS")
got = curl("-sik", "--http2", "https://127.0.0.1:%d%s" % (server.port, ISSUES))
like(got.out, r"^HTTP/2 449", "HTTP/2")
ok(len(got.json["missing"]) == 2, "with a body")


# --- what nginx itself answers -----------------------------------------------
small = gate("--openapi", document, "--to", origin.url, "--max-body", "1k")
asked = gate("--openapi", document, "--forward-auth")


def problem(got, status, name):
    head, _, body = got.partition("\r\n\r\n")
    like(head, r"^HTTP/\S+ %d" % status, name + ": status")
    like(head, r"(?im)^content-type: application/problem\+json\r?$",
         name + ": type")
    is_(json.loads(body)["status"], status, name + ": says so too")


problem(curl("-si", "http://127.0.0.1:%d/" % server.port).out, 400,
        "plain http to a TLS port")
problem(curl("-sik", "--http2", "--path-as-is",
             "https://127.0.0.1:%d/../x" % server.port).out, 400,
        "above the root, HTTP/2")
server.stop()
problem(curl("-si", "-T", random_file("2k", 2048)[0], small.url + "/x").out,
        413, "--max-body")
for server in small, asked:
    for sent, status in (("GET /..%2F HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                         ("no line\r\n\r\n", 400),
                         ("GET / HTTP/9.9\r\n\r\n", 505),
                         ("GET /%s HTTP/1.1\r\n\r\n" % ("x" * 40000), 414)):
        problem(raw(server.port, sent).decode(), status,
                ("passing: " if server is small else "asked: ") + sent[:20])
    server.stop()

# --- reload ------------------------------------------------------------------
live = write("live.rules", "GET /a: header X-Old\n", 0o644)
server = gate("--rules", live, "--to", origin.url, "-v", "--color=never",
              "--workers", "2")
like(server.err, r"RW0221: \S+ runs as process \d+, with \S+module\.so; "
     r"its files are in /", "--verbose tells how nginx is run")


def wanted():
    return [m["name"] for m in
            curl("-si", server.url + "/a").json["missing"]]


is_(wanted(), ["X-Old"], "before the reload")
write("live.rules", "GET /a: header X-New\n", 0o644)
reload(server, 2)
is_(wanted(), ["X-New"], "SIGHUP reads the rules again")
like(server.err, r"RW0220: nginx reads its configuration again \(SIGHUP\)",
     "which --verbose tells")
write("live.rules", "nonsense\n", 0o644)
server.signal(signal.SIGHUP)
wait_for(lambda: "live.rules:1:" in server.err, "the sentence")
like(server.err, r"retrywith: .*live\.rules:1:\d+: .*what was there is kept",
     "a bad file is told")
is_(wanted(), ["X-New"], "and the old state kept")
server.signal(signal.SIGTERM)
is_(server.wait(), 0, "SIGTERM ends it with 0")

# --- WebDAV's rules ----------------------------------------------------------
server = gate("--rules", ROOT + "/policies/webdav.rules", "--to", origin.url)
got = curl("-si", "-X", "MOVE", server.url + "/a")
is_((got.status, got.json["missing"][0]["name"]), (449, "Destination"),
    "MOVE without Destination")
got = curl("-si", "-X", "MOVE", "-H", "Destination: http://h/b",
           server.url + "/a")
is_(got.status, 200, "MOVE with it")
got = curl("-si", "-X", "PROPPATCH", server.url + "/a")
is_(got.status, 449, "PROPPATCH without a body")
server.stop()

# --- the two halves meet -----------------------------------------------------
hits = scratch + "/hits.log"
server = gate("--openapi", document, "--to", origin.url, "--log", hits)
supply = write("api.supply", "origin %s\n    header X-Api-Version value 1\n"
               "    query state value open\n" % server.url)


def count():
    with open(hits) as file:
        return file.read().count("\n")


def settled(number):
    wait_for(lambda: count() >= number, "the log")
    return count()


recall = scratch + "/recall"
before = count()
got = retrywith("fetch", "-sS", "--supply", supply, "--recall", recall,
                server.url + ISSUES)
is_((got.code, got.out), (0, "GET " + ISSUES + "?state=open HTTP/1.1\n"),
    "fetch gets through the gate")
is_(settled(before + 2) - before, 2, "in two round trips")
for _ in range(2):
    before = count()
    got = retrywith("fetch", "-sS", "--supply", supply, "--recall", recall,
                    server.url + ISSUES)
    is_(got.code, 0, "and again")
    is_(settled(before + 1) - before, 1, "in one")
relay = retrywith_server("relay", "--to", server.url, "--supply", supply)
before = count()
got = curl("-sS", relay.url + ISSUES)
is_(got.out, "GET " + ISSUES + "?state=open HTTP/1.1\n",
    "curl through relay gets through the gate")
is_(settled(before + 2) - before, 2, "in two round trips")
before = count()
is_(curl("-sS", relay.url + ISSUES).out,
    "GET " + ISSUES + "?state=open HTTP/1.1\n", "and again")
is_(settled(before + 1) - before, 1, "in one")
relay.stop()
server.stop()
done()
