#!/usr/bin/python3
"""The gate in nginx: what a server of 449 must do, over HTTP/1.1 and 2."""
import gzip
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *


def parameter(name, where, **more):
    return dict({"name": name, "in": where, "required": True,
                 "schema": {"type": "string"}}, **more)


JSON_BODY = {"required": True, "content": {
    "application/json": {"schema": {
        "type": "object", "required": ["action", "tag"]}},
    "application/x-www-form-urlencoded": {"schema": {
        "type": "object", "required": ["action"]}},
    "multipart/form-data": {"schema": {
        "type": "object", "required": ["file"]}},
    "application/xml": {"schema": {
        "type": "object", "required": ["action"],
        "xml": {"name": "request"}}}}}
DOCUMENT = {
    "openapi": "3.0.3", "info": {"title": "t", "version": "1"},
    "components": {"securitySchemes": {
        "token": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
    "paths": {
        "/": {"get": {"parameters": [parameter("X-Root", "header")],
                      "responses": {}}},
        "/api": {"get": {"parameters": [
            parameter("X-Custom-Auth", "header",
                      description="the key <you> got")],
            "responses": {}}},
        "/many": {"get": {"parameters": [
            parameter("X-Custom-Auth", "header"),
            parameter("session", "query"),
            parameter("page", "query", allowEmptyValue=True),
            parameter("filter[x]", "query"),
            parameter("sid", "cookie")], "responses": {}}},
        "/same/1": {"get": {"parameters": [
            parameter("X-Same", "header", description="the first")],
            "responses": {}}},
        "/same/2": {"get": {"parameters": [
            parameter("X-Same", "header", description="the second")],
            "responses": {}}},
        "/secret": {"get": {"security": [{"token": []}], "responses": {}}},
        "/both": {"get": {"security": [{"token": []}], "parameters": [
            parameter("X-A", "header")], "responses": {}}},
        "/either": {"get": {"security": [{"token": []}, {"key": []}],
                            "responses": {}}},
        "/resource": {"post": {"requestBody": JSON_BODY, "responses": {}}},
        "/all": {"post": {"requestBody": JSON_BODY, "parameters": [
            parameter("X-A", "header"), parameter("session", "query")],
            "responses": {}}},
        "/login": {"post": {"requestBody": JSON_BODY, "responses": {},
                            "security": [{"token": []}]}},
        "/upload": {"put": {"parameters": [parameter("X-A", "header")],
                            "responses": {}}},
    }}
document = write("api.json", json.dumps(DOCUMENT), 0o644)
os.chmod(scratch, 0o755)


def keep(connection, request, origin):
    if (request.get("Expect") or "") != "":
        return respond(connection, "417 Expectation Failed")
    return respond(connection, "200 OK", [("X-Seen", request.target)],
                   request.line + "\n")


origin = RawOrigin(keep)
cert, key = certificate()
server = nginx("""
client_max_body_size 200m;
proxy_http_version 1.1;
proxy_set_header Connection "";
retry_with_openapi %s;
log_format gate '$status $retry_with_verdict $retry_with_substatus '
                '"$retry_with_missing"';
server {
    listen 127.0.0.1:%%PORT%%;
    location / { access_log gate.log gate; proxy_pass %s; }
    location /report/ {
        retry_with report; access_log report.log gate;
        retry_with_require "GET /report/x: header X-A, query b";
        retry_with_require "POST /report/x: body /a";
        retry_with_require "POST /report/both: header X-A, body /a";
        proxy_pass %s;
    }
    location /off/ { retry_with off; proxy_pass %s; }
    location /own/ {
        retry_with_require "GET /own/x: header X-Own";
        location /own/deep/ { proxy_pass %s; }
        proxy_pass %s;
    }
    location /closed/ {
        retry_with_unknown refuse; retry_with_reason "Reply With";
        retry_with_cors https://app.example;
        retry_with_require "GET /closed/x: header X-Own";
        proxy_pass %s;
    }
    location /small/ {
        retry_with_body_limit 1k refuse;
        retry_with_require "POST /small/x: body /a";
        proxy_pass %s;
    }
    location /smallpass/ {
        retry_with_body_limit 1k pass;
        retry_with_require "POST /smallpass/x: body /a";
        proxy_pass %s;
    }
    location /denied/ {
        deny all;
        retry_with_require "GET /denied/x: header X-Own";
        error_page 403 /page/403;
    }
    location /page/ {
        retry_with_require "GET /denied/x: header X-Own";
        return 200 "the page\\n";
    }
    location /old/ {
        rewrite ^/old/(.*)$ /new/$1 break;
        retry_with_require "GET /new/x: query a";
        proxy_pass %s;
    }
    location /nothing/ {
        try_files /no-such-file @fallback;
        retry_with off;
    }
    location @fallback {
        retry_with on;
        retry_with_require "GET /nothing/x: header X-Own";
        proxy_pass %s;
    }
}
server {
    listen 127.0.0.1:%%PORT2%% ssl http2;
    ssl_certificate %s; ssl_certificate_key %s;
    location / { proxy_pass %s; }
}
server {
    listen 127.0.0.1:%%PORT3%%;
    retry_with_credentials 449;
    location / { proxy_pass %s; }
    location = /secret { retry_with_credentials pass; proxy_pass %s; }
}""" % ((document,) + (origin.url,) * 10 + (cert, key) + (origin.url,) * 3),
    module=True)
URL = {"1.1": "http://127.0.0.1:%d" % server.ports[0],
       "2": "https://127.0.0.1:%d" % server.ports[1]}
plain = URL["1.1"]


def ask(path, *args, base=plain, **kw):
    return curl("-si", "-k", *args, base + path, **kw)


def field(got, name):
    found = re.findall(r"(?im)^%s: *(.*?)\r?$" % re.escape(name), got.out)
    return ", ".join(found) if found else None


def missing(got):
    return [(m["in"], m.get("name", m.get("pointer", m.get("scheme"))))
            for m in got.json.get("missing", [])]


# --- MS-WDV's MUSTs, over both versions --------------------------------------
for version, base in URL.items():
    http = "--http2" if version == "2" else "--http1.1"
    name = "HTTP/%s: " % version
    origin.reset()
    got = ask("/many", http, base=base)
    is_(got.status, 449, name + "an incomplete request gets 449")
    if version == "1.1":
        like(got.out, r"^HTTP/1.1 449 Retry With\r\n", "the reason phrase")
    echo = field(got, "Ms-Echo-Request")
    ok(echo, name + "Ms-Echo-Request is there [R-50]")
    is_(field(got, "MS-RetryWith"),
        'Required-Header: X-Custom-Auth, Required-Query: session, '
        'Required-Query: page, Required-Query: "filter[x]", '
        'Required-Cookie: sid',
        name + "MS-RetryWith names all [R-54] [R-56]")
    is_(sorted(missing(got)), sorted([
        ("header", "X-Custom-Auth"), ("query", "session"), ("query", "page"),
        ("query", "filter[x]"), ("cookie", "sid")]),
        name + "the body lists all")
    is_(field(got, "Content-Type"), "application/problem+json",
        name + "problem+json by default [R-55]")
    is_(field(got, "Vary"), "Accept", name + "Vary")
    is_(field(got, "Cache-Control"), "no-store", name + "no-store")
    is_(origin.requests, [], name + "the upstream was not asked")
    got = ask("/many", http, "-H", "Ms-Echo-Reply: " + echo, base=base)
    is_(got.status, 400, name + "still incomplete with the echo: 400 [R-51]")
    is_(field(got, "Ms-Echo-Request"), None, name + "and no echo then")
    is_(len(missing(got)), 5, name + "the same description")
    for value in ("", "execute opaque=\"0\"", "x" * 4000):
        got = ask("/api", http, "-H", "Ms-Echo-Reply;" if value == "" else
                  "Ms-Echo-Reply: " + value, base=base)
        is_(got.status, 400, name + "any reply is a reply [R-52]")
    got = ask("/many?session=1&page&filter%5bx%5d=%20", http,
              "-H", "X-Custom-Auth: secret-value", "-b", "a=b; sid=1",
              base=base)
    is_(got.status, 200, name + "a complete request passes")
    like(got.out, r"GET /many\?session=1&page&filter%5bx%5d=%20 HTTP/1",
         name + "as it came [R-63]")
    got = ask("/many?session=secret-value", http, base=base, env={})
    unlike(got.out, "secret-value", name + "nothing is reflected [R-62]")
    got = ask("/secret", http, base=base)
    is_(got.status, 401, name + "only credentials: 401 [R-59]")
    is_(field(got, "WWW-Authenticate"), 'Bearer realm="api"',
        name + "with a challenge")
    is_(missing(got), [("authorization", "Bearer")], name + "and a list")
    got = ask("/secret", http, "-H", "Ms-Echo-Reply: x", base=base)
    is_(got.status, 401, name + "401 for a second refusal too")
    got = ask("/both", http, base=base)
    is_(got.status, 449, name + "credentials among others: 449")
    is_(field(got, "WWW-Authenticate"), 'Bearer realm="api"',
        name + "with a challenge too")
    got = ask("/secret", http, "-H", "Authorization: Bearer x", base=base)
    is_(got.status, 200, name + "with credentials it passes")
    got = ask("/either", http, "-H", "X-Key: 1", base=base)
    is_(got.status, 200, name + "one alternative is enough")
    got = ask("/either", http, base=base)
    ok("alternatives" in got.json or got.status == 401,
       name + "the others are told [R-54]", got)
    got = ask("/api", http, "-I", base=base)
    is_(got.status, 449, name + "HEAD is judged as GET [R-58]")
    ok(int(field(got, "Content-Length")) > 50 and
       got.out.endswith("\r\n\r\n"), name + "its length is told", got)
    got = ask("/api", http, "-X", "OPTIONS", "-H", "Origin: https://a.example",
              "-H", "Access-Control-Request-Method: GET", base=base)
    is_(got.status, 200, name + "a preflight passes [R-58]")
    got = ask("/nowhere", http, base=base)
    is_(got.status, 200, name + "what is unknown passes")
    for accept, type_ in (
            ("text/html", "text/html; charset=utf-8"),
            ("application/problem+xml", "application/problem+xml"),
            ("text/plain", "text/plain; charset=utf-8"),
            ("image/png", "application/problem+json")):
        got = ask("/api", http, "-H", "Accept: " + accept, base=base)
        is_(field(got, "Content-Type"), type_, name + "Accept: " + accept)
        ok(len(got.out.split("\r\n\r\n", 1)[1]) > 50,
           name + "with a body [R-64]")
    got = ask("/api", http, "-H", "Accept: image/png", "-H",
              "Accept: text/html", base=base)
    is_(field(got, "Content-Type"), "text/html; charset=utf-8",
        name + "several Accept lines are one")

    # --- bodies --------------------------------------------------------------
    def post(body, type_="application/json", *args):
        return ask("/resource", http, "-X", "POST", "-H", "Expect:",
                   "-H", "Content-Type: " + type_, "--data-binary", "@-",
                   *args, input=body, base=base)

    def chunked(body, type_="application/json"):
        return ask("/resource", http, "-X", "POST", "-H", "Expect:", "-T",
                   "-", "-H", "Content-Type: " + type_, input=body, base=base)

    origin.reset()
    for how, send in (("", post), ("chunked ", chunked)):
        got = send('{"action": 1}')
        is_((got.status, missing(got)), (449, [("body", "/tag")]),
            name + how + "a missing member is named")
        got = send("{}")
        is_(missing(got), [("body", "/action"), ("body", "/tag")],
            name + how + "all of them")
        got = send("")
        is_((got.status, missing(got)), (449, [("body", "")]),
            name + how + "no body where one is required")
        got = send('{"action": 1')
        is_(got.status, 400, name + how + "malformed: 400 [R-60]")
        got = send("a=1&action=", "application/x-www-form-urlencoded")
        is_(got.status, 200, name + how + "a form")
        got = send("a=1", "application/x-www-form-urlencoded")
        is_(missing(got), [("body", "/action")], name + how + "a form lacks")
        got = send("<request><b/></request>", "application/xml")
        is_((got.status, len(missing(got))), (449, 1),
            name + how + "XML lacks")
        got = send('--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1'
                   '\r\n--x--\r\n', "multipart/form-data; boundary=x")
        is_(missing(got), [("body", "/file")], name + how + "multipart lacks")
        is_(len(origin.requests), 1, name + how + "the upstream saw one only")
        origin.reset()
        got = send('{"action": null, "tag": ""}')
        is_((got.status, origin.requests[0].body),
            (200, b'{"action": null, "tag": ""}'),
            name + how + "complete: the same bytes go on [R-57]")
        got = send("not looked into", "application/pdf")
        is_(got.status, 200, name + how + "another type passes [R-60]")
        big = b'{"pad": "' + b"x" * (10 << 20) + b'", "action": 1'
        got = send(big + b"}")
        is_((got.status, missing(got)), (449, [("body", "/tag")]),
            name + how + "10 MiB, judged")
        origin.reset()
        got = send(big + b', "tag": 1}')
        ok(got.status == 200 and origin.requests[0].body ==
           big + b', "tag": 1}', name + how + "10 MiB go on whole")
        origin.reset()
    got = post(gzip.compress(b'{"action": 1}'), "application/json", "-H",
               "Content-Encoding: gzip")
    is_(missing(got), [("body", "/tag")], name + "gzip is looked into")
    got = post(b"whatever", "application/json", "-H", "Content-Encoding: br")
    is_(got.status, 200, name + "another coding passes")

    # --- the head and the body in one answer ---------------------------------
    def all_of(path, body, *args):
        return ask(path, http, "-H", "Content-Type: application/json",
                   "--data-binary", "@-", *args, input=body, base=base)

    BOTH = [("header", "X-A"), ("query", "session")]
    MEMBERS = [("body", "/action"), ("body", "/tag")]
    origin.reset()
    for body, more, why in (
            ("{}", MEMBERS, "an object that lacks members"),
            ('{"tag": 1}', MEMBERS[:1], "one that lacks one"),
            ('{"tag": 1, "action": 2}', [], "a complete one"),
            ('{"tag": ', [], "a malformed one: the head first [R-60]"),
            (" ", [("body", "")], "white space alone")):
        got = all_of("/all", body)
        is_((got.status, missing(got)), (449, BOTH + more),
            name + "one answer for head and body [R-54]: " + why)
    got = all_of("/all?session=1", "{}", "-H", "X-A: 1")
    is_((got.status, missing(got)), (449, MEMBERS),
        name + "the body alone")
    got = all_of("/all?session=1", "{", "-H", "X-A: 1")
    is_(got.status, 400, name + "malformed behind a complete head: 400")
    got = all_of("/all", "{}", "-H", "Content-Encoding: br")
    is_((got.status, missing(got)), (449, BOTH),
        name + "a coding that is not decoded: the head")
    got = all_of("/all", '{"pad": "%s"}' % ("x" * 65536))
    is_((got.status, missing(got)), (449, BOTH),
        name + "longer content: the head alone, at once [R-61]")
    got = all_of("/all", "{}", "-H", "Expect: 100-continue")
    is_((got.status, missing(got)), (449, BOTH),
        name + "Expect: the head alone, at once")
    ok("100 Continue" not in got.out, name + "and no 100", got)
    def all_chunked(path, body, *args):
        return ask(path, http, "-X", "POST", "-T", "-", "-H", "Expect:", "-H",
                   "Content-Type: application/json", *args, input=body,
                   base=base)

    for body, more, why in (
            ("{}", MEMBERS, "an object that lacks members"),
            ('{"tag": 1, "pad": "%s"}' % ("x" * 60000), MEMBERS[:1],
             "a long one that lacks one"),
            ('{"tag": 1, "action": 2}', [], "a complete one"),
            ('{"tag": ', [], "a malformed one: the head first"),
            ("", [("body", "")], "none"),
            ('{"pad": "%s"}' % ("x" * 65536), [],
             "more than 64 KiB: the head alone"),
            ('{"pad": "%s"}' % ("x" * 5000000), [], "much more")):
        got = all_chunked("/all", body)
        is_((got.status, missing(got)), (449, BOTH + more),
            name + "without a length, one answer: " + why)
    got = all_chunked("/all?session=1", "{}", "-H", "X-A: 1")
    is_((got.status, missing(got)), (449, MEMBERS),
        name + "without a length, the body alone")
    got = all_chunked("/all", "{}", "-H", "Expect: 100-continue")
    is_((got.status, missing(got)), (449, BOTH),
        name + "without a length, Expect: the head alone, at once")
    got = all_chunked("/all", "{}", "-H", "Ms-Echo-Reply: x")
    is_((got.status, missing(got)), (400, BOTH + MEMBERS),
        name + "without a length, again: 400")
    got = all_chunked("/login", '{"tag": 1, "action": 2}')
    is_((got.status, missing(got)), (401, [("authorization", "Bearer")]),
        name + "without a length, credentials alone: 401")
    got = all_of("/login", "{}")
    is_((got.status, missing(got)),
        (449, MEMBERS[:0] + [("authorization", "Bearer")] + MEMBERS),
        name + "credentials and members: 449")
    is_(field(got, "WWW-Authenticate"), 'Bearer realm="api"',
        name + "with a challenge")
    got = all_of("/login", '{"tag": 1, "action": 2}')
    is_((got.status, missing(got)), (401, [("authorization", "Bearer")]),
        name + "credentials alone: 401 [R-59]")
    got = all_of("/login", "{}", "-H", "Ms-Echo-Reply: x")
    is_(got.status, 400, name + "credentials and members again: 400 [R-51]")
    is_(origin.requests, [], name + "the upstream was not asked")

got = ask("/secret", base="http://127.0.0.1:%d" % server.ports[2])
is_(got.status, 200, "retry_with_credentials pass")
got = ask("/both", "-H", "X-A: 1",
          base="http://127.0.0.1:%d" % server.ports[2])
is_((got.status, missing(got)), (449, [("authorization", "Bearer")]),
    "retry_with_credentials 449")

# --- a client that has what is asked for: two requests, then one -------------
gate_log = server.folder + "/gate.log"
recall = scratch + "/recall"
for turn, sent in ((1, ["449", "200"]), (2, ["200"])):
    wait_for(lambda: os.path.exists(gate_log), "the log")
    before = open(gate_log).read()
    origin.reset()
    got = retrywith("fetch", "-s", "--recall", recall,
                    "--give", "header X-A=1", "--give", "query session=s",
                    "--give", "body /action=create", "--give", "body /tag=t",
                    "--json", '{"keep": 1}', plain + "/all")
    is_(got.code, 0, "fetch through the gate, turn %d" % turn) or note(got)
    wait_for(lambda: "/all" in got.out and len(
        open(gate_log).read()[len(before):].split("\n")) > len(sent),
        "the log of turn %d" % turn)
    is_([line[:3] for line in
         open(gate_log).read()[len(before):].splitlines()], sent,
        "turn %d: so many requests at the gate" % turn)
    is_(len(origin.requests), 1, "and one behind it")
    is_(json.loads(origin.requests[0].body),
        {"keep": 1, "action": "create", "tag": "t"}, "which is whole")

# --- modes and inheritance ---------------------------------------------------
origin.reset()
got = ask("/report/x")
is_(got.status, 200, "report passes")
got = ask("/report/x", "-d", "{", "-H", "Content-Type: application/json")
is_(got.status, 200, "report passes a malformed body")
got = ask("/report/x", "-d", "{}", "-H", "Content-Type: application/json")
is_(got.status, 200, "report passes a body that lacks something")
origin.reset()
content = '{"pad": "%s"}' % ("x" * 200000)
got = ask("/report/both", "-X", "POST", "-T", "-", "-H", "Content-Type: "
          "application/json", "-H", "Expect:", input=content)
is_((got.status, origin.requests[0].body.decode()), (200, content),
    "report passes what lacks something in both, whole")
wait_for(lambda: os.path.exists(server.folder + "/report.log"), "the log")
wait_for(lambda: open(server.folder + "/report.log").read().count("\n") == 4,
         "four lines")
log = open(server.folder + "/report.log").read().split("\n")
is_(log[0], '200 missing 6 "Required-Header: X-A, Required-Query: b"',
    "and its variables tell")
is_(log[1], '200 malformed 0 "-"', "of the body too")
is_(log[2], '200 missing 4 "Required-Field: \\x22/a\\x22"', "and its members")
is_(log[3], '200 missing 6 "Required-Header: X-A, Required-Field: '
    '\\x22/a\\x22"', "and both")
origin.reset()
got = ask("/off/api", "-H", "Ms-Echo-Reply: t")
is_((got.status, origin.requests[-1].get("Ms-Echo-Reply")), (200, "t"),
    "off: Ms-Echo-Reply is ignored and goes on [R-53]")
is_(ask("/own/x").status, 449, "a location with a policy of its own")
is_(ask("/own/api").status, 200, "inherits none from above")
is_(missing(ask("/api")), [("header", "X-Custom-Auth")],
    "one without does")
is_(ask("/own/deep/../x", "--path-as-is").status, 449,
    "the normalised target counts too [R-63]")
got = ask("/closed/other")
is_(got.status, 404, "unknown refuse: 404")
got = ask("/closed/x")
like(got.out, r"^HTTP/1.1 449 Reply With\r\n", "retry_with_reason")
is_(field(got, "Access-Control-Allow-Origin"), "https://app.example",
    "retry_with_cors lets scripts read it")
is_(field(got, "Access-Control-Expose-Headers"),
    "Ms-Echo-Request, MS-RetryWith", "and exposes the fields")
is_(field(ask("/api"), "Access-Control-Allow-Origin"), None,
    "not unless asked for")
is_(ask("/denied/x").out.split("\r\n\r\n")[1], "the page\n",
    "an error's page is not judged, access rules come first")
is_(ask("/nothing/x").status, 449, "a fallback location is")

is_(ask("/old/x").status, 449, "what is rewritten is judged as it goes on")
got = ask("/old/x?a=1")
like(got.out, "GET /new/x\\?a=1 HTTP", "and goes on as judged")

body = '{"b": "%s"}' % ("x" * 2000)
for how in (("-d", "@-"), ("-X", "POST", "-T", "-")):
    args = how + ("-H", "Content-Type: application/json", "-H", "Expect:")
    is_(ask("/small/x", *args, input=body).status, 413,
        how[0] + " beyond the limit: refuse")
    is_(ask("/smallpass/x", *args, input=body).status, 200,
        how[0] + " beyond the limit: pass")
    is_(ask("/smallpass/x", *args, input='{"b":1}').status, 449,
        how[0] + " below it: judged")
bomb = gzip.compress(b'{"b": "' + b"x" * (1 << 20) + b'"}')
is_(ask("/small/x", "--data-binary", "@-", "-H",
        "Content-Type: application/json", "-H", "Content-Encoding: gzip",
        input=bomb[:1000]).status in (400, 413), True,
    "a body that inflates beyond it")

# --- what a worker has written before ----------------------------------------
for first, second in (
        (("/same/1",), ("/same/2",)),
        (("/api",), ("/api", "-H", "Accept: text/plain")),
        (("/api",), ("/api", "-H", "Ms-Echo-Reply: x")),
        (("/many",), ("/many?session=1",)),
        (("/api",), ("/api", "-I"))):
    fresh = []
    for args in (first, second, first, second):
        got = ask(*args).out
        fresh.append(re.sub(r"(?m)^Date: .*", "", got))
    ok(fresh[:2] == fresh[2:] and fresh[0] != fresh[1],
       "%r and %r differ, and stay the same" % (first, second), fresh)
like(ask("/same/1").out, "the first", "the same name, another description")
like(ask("/same/2").out, "the second", "and another")

# --- Expect, keepalive -------------------------------------------------------
head = ("PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n"
        "Expect: 100-continue\r\n\r\n")
with socket.create_connection(("127.0.0.1", server.ports[0]), 10) as c:
    c.sendall(head.encode())
    got = b""
    while b"}" not in got:
        block = c.recv(65536)
        if not block:
            break
        got += block
like(got.decode(), r"^HTTP/1.1 449 Retry With\r\n",
     "Expect: 100-continue gets the refusal and no 100 [R-61]")
ok(len(got) + len(head) < 65536, "100 MiB cost %d bytes" %
   (len(got) + len(head)))
path, _ = random_file("big", 100 << 20)
got = ask("/upload", "-T", path, "-o", "/dev/null", "-w",
          "%{http_code} %{size_upload}", "--expect100-timeout", "100")
is_(got.out, "449 0", "curl sends none of 100 MiB")
got = raw(server.ports[0],
          "POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"
          "GET /api HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"
          "GET /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
is_(len(re.findall(rb"HTTP/1.1 449", got)), 2,
    "the connection stays: a small body is read away")
is_(len(re.findall(rb"HTTP/1.1 ", got)), 3, "and nothing runs together")

got = raw(server.ports[0], "GET http://h?a=1 HTTP/1.1\r\nHost: h\r\n"
          "Connection: close\r\n\r\n")
is_(got[9:12], b"449", "an absolute form without a path is /")
like(ask("/api", "-H", "X-Custom-Auth;").out, "449",
     "an empty field is missing [R-57]")
got = ask("/api", "-H", "Accept: text/html")
like(got.out, "the key &lt;you&gt; got", "descriptions are escaped")
is_(server.err.count("[alert]") + server.err.count("[crit]"), 0,
    "no alert in the log")
done()
