#!/usr/bin/python3
"""A gate's directives: what nginx -t says, reloads, and what is shared."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *


def operation(name="X-A", where="header", **more):
    return {"get": dict({"parameters": [
        {"name": name, "in": where, "required": True,
         "schema": {"type": "string"}}], "responses": {}}, **more)}


def document(name, paths, **more):
    return write(name, json.dumps(dict({
        "openapi": "3.0.3", "info": {"title": "t", "version": "1"},
        "paths": paths}, **more), indent=1), 0o644)


os.chmod(scratch, 0o755)
good = document("good.json", {"/a": operation()})
rules = write("good.rules", "# rules\nGET /r: header X-R\n", 0o644)


def location(text, outer="", server=""):
    return """%s
    server { listen 127.0.0.1:%%PORT%%; %s
        location /here { %s return 200 "ok\\n"; }
    }""" % (outer, server, text)


def check(name, pattern, http):
    got = nginx(http, module=True, check_only=True)
    ok(got.code != 0, name + ": refused", got)
    like(got.err, pattern, name + ": said with its place")


def accept(name, http, warning=None):
    got = nginx(http, module=True, check_only=True)
    ok(got.code == 0, name, got)
    if warning:
        like(got.err, warning, name + ": warned about")
    else:
        unlike(got.err, r"\[warn\]", name + ": no warning")


accept("everything", location(
    "retry_with report; retry_with_openapi %s base_path=/v1;"
    "retry_with_openapi %s; retry_with_rules %s; retry_with_rules %s "
    "base_path=/x; retry_with_require \"COPY,MOVE /**: header Destination\";"
    "retry_with_credentials pass; retry_with_unknown refuse; "
    "retry_with_cors *; retry_with_body_limit 1m refuse; "
    "retry_with_reason \"Reply With\"; retry_with_forward_auth off;"
    % (good, document("b.json", {"/b": operation()}), rules, rules)))
accept("all levels", location("", "retry_with_openapi %s; retry_with off;"
                              % good, "retry_with on;"))

# --- documents ---------------------------------------------------------------
bad = write("bad.json", '{"openapi": "3.0.3",\n "paths": {\n "/a": }\n}',
            0o644)
check("no JSON", r"bad\.json:3: .*in .*nginx\.conf:\d+",
      location("retry_with_openapi %s;" % bad))
check("another version", r"v2\.json:\d+: .*nginx\.conf:\d+",
      location("retry_with_openapi %s;" % write(
          "v2.json", '{"swagger": "2.0", "paths": {}}', 0o644)))
check("no file", r"none\.json.*No such file.*nginx\.conf:\d+",
      location("retry_with_openapi %s/none.json;" % scratch))
check("a folder", r"nginx\.conf:\d+",
      location("retry_with_openapi %s;" % scratch))
check("a base path", r'begin with a slash.*nginx\.conf:\d+',
      location("retry_with_openapi %s base_path=v1;" % good))
check("another parameter", r'invalid parameter "x=1".*nginx\.conf:\d+',
      location("retry_with_openapi %s x=1;" % good))
accept("what cannot be honoured", location("retry_with_openapi %s;" %
       document("warn.json", {"/a": dict(operation(), get=dict(
           operation()["get"], security=[{"tls": []}]))},
           components={"securitySchemes": {"tls": {"type": "mutualTLS"}}})),
       r"\[warn\].*warn\.json:\d+: .*#?/.*nginx\.conf:\d+")

# --- rules -------------------------------------------------------------------
check("a rules file", r"bad\.rules:2:\d+: .*nginx\.conf:\d+",
      location("retry_with_rules %s;" % write(
          "bad.rules", "# one\nGET /r: heder X\n", 0o644)))
check("a rule", r"retry_with_require: column \d+: .*nginx\.conf:\d+",
      location('retry_with_require "GET r: header X";'))

# --- words -------------------------------------------------------------------
for directive, pattern in (
        ("retry_with maybe", "invalid value"),
        ("retry_with_credentials 403", "invalid value"),
        ("retry_with_unknown 404", "invalid value"),
        ("retry_with_body_limit x", "wants a size"),
        ("retry_with_body_limit 1k drop", 'wants "pass" or "refuse"'),
        ("retry_with_cors ''", "wants a value"),
        ("retry_with_cors app.example", "wants one origin"),
        ("retry_with_cors 'http://a, http://b'", "wants one origin"),
        ("retry_with_cors http://a/", "wants one origin"),
        ("retry_with_openapi /none/such",
         r"RW0112: /none/such: No such file or directory"),
        ('retry_with_reason "a\nb"', "printable ASCII"),
        ("retry_with_reason a; retry_with_reason b", "duplicate")):
    check(directive.replace("\n", "\\n"), pattern + r".*nginx\.conf:\d+",
          location(directive + ";"))

# --- fields that nginx would drop ----------------------------------------------
under = 'retry_with_require "GET /u: header X_Under";'
dot = 'retry_with_require "GET /u: header X.Dot";'
check("an underscore", r'X_Under.*add "underscores_in_headers on;"',
      location(under))
accept("an underscore that passes", location(
    under, server="underscores_in_headers on;"))
accept("or all", location(under, server="ignore_invalid_headers off;"))
check("a dot", r'X\.Dot.*add "ignore_invalid_headers off;"',
      location(dot, server="underscores_in_headers on;"))
accept("a dot that passes", location(
    dot, server="ignore_invalid_headers off;"))
check("the default server of the address", r"X_Under.*default server", """
    server { listen 127.0.0.1:%%PORT%%; server_name first; }
    server { listen 127.0.0.1:%%PORT%%; server_name second;
        underscores_in_headers on;
        location / { %s return 200; } }"""% under)
accept("off asks for nothing", location(under + "retry_with off;"))
accept("bodies of forward authentication", location(
    'retry_with_forward_auth on; retry_with_require "POST /a: body /b";'),
    r"\[warn\].*sees no body: what 1 operations need.*nginx\.conf:\d+")

# --- a body of 16 MiB is looked into, a longer one is not -----------------------
server = nginx("""server { listen 127.0.0.1:%%PORT%%; root %s;
    client_max_body_size 20m;
    retry_with_require "POST /d: body /a"; }""" % scratch, module=True)
for size, status in ((16 << 20, 449), ((16 << 20) + 1, 404)):
    body = write("body.json", '{"x":"%s"}' % ("y" * (size - 8)))
    is_(curl("-si", "-H", "Expect:", "-H", "Content-Type: application/json",
             "--data-binary", "@" + body, server.url + "/d").status, status,
        "%d bytes: %d" % (size, status))
server.stop()

# --- redirects inside nginx ----------------------------------------------------
os.makedirs(scratch + "/www/other")
os.makedirs(scratch + "/www/same")
for folder in ("other", "same"):
    write("www/%s/index.html" % folder, folder, 0o644)
for path in (scratch, scratch + "/www", scratch + "/www/other",
             scratch + "/www/same"):
    os.chmod(path, 0o755)
server = nginx("""server { listen 127.0.0.1:%%PORT%%; root %s/www; index index.html;
    retry_with_require "GET /other/: header X-Outer";
    retry_with_require "GET /same/: header X-Outer";
    retry_with_require "GET /same/index.html: header X-Inner";
    location = /other/index.html {
        retry_with_require "GET /other/index.html: header X-Inner"; } }"""
               % scratch, module=True)
for path, fields, wants in (
        ("/other/", [], "X-Outer"), ("/other/", ["X-Outer: 1"], "X-Inner"),
        ("/other/", ["X-Inner: 1"], "X-Outer"),
        ("/other/", ["X-Outer: 1", "X-Inner: 1"], None),
        ("/same/", [], "X-Outer"), ("/same/", ["X-Outer: 1"], None),
        ("/same/index.html", ["X-Outer: 1"], "X-Inner")):
    got = curl("-si", *[word for field in fields for word in ("-H", field)],
               server.url + path)
    is_((got.status, re.findall(r"Required-Header: (\S+)\r", got.out)),
        (449, [wants]) if wants else (200, []),
        "%s with %s: %s" % (path, ", ".join(fields) or "nothing",
                            wants or "complete"))
server.stop()

# --- reload --------------------------------------------------------------------
live = document("live.json", {"/a": operation("X-Old")})
server = nginx("server { listen 127.0.0.1:%%PORT%%; location / {"
               "retry_with_openapi %s; return 200 ok; } }"
               % live, module=True, workers=2,
               level="notice")


def wanted():
    found = re.search(r"Required-Header: (\S+)",
                      curl("-si", server.url + "/a").out)
    return found.group(1) if found else None


is_(wanted(), None, "return is of the rewrite phase: it comes before")
server.stop()
server = nginx("server { listen 127.0.0.1:%%PORT%%; location / {"
               "retry_with_openapi %s; root %s; } }"
               % (live, scratch), module=True, workers=2,
               level="notice")
is_(wanted(), "X-Old", "before the reload")
document("live.json", {"/a": operation("X-New")})
reload(server, 2)
is_(wanted(), "X-New", "a reload reads documents again")
write("live.json", "{", 0o644)
os.kill(server.pid, signal.SIGHUP)
wait_for(lambda: "[emerg]" in server.err, "the error")
like(server.err, r"\[emerg\].*live\.json:1: ", "a bad one is told")
is_(wanted(), "X-New", "and what was there is kept")
is_(len(workers_of(server)), 2, "by the same workers")
done()
