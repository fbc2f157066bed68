#!/usr/bin/python3
"""retrywith fetch: whose eyes see what.  Secrets in traces, accounts and
errors, also where an origin repeats them; bytes that a terminal would obey;
what goes along with a redirect; files that are not whole."""
import base64
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *

SECRET = "sesame/7f+3a"
CODED = "sesame%2F7f%2B3a"

# --- an origin that repeats what it got --------------------------------------


def tell(connection, request, origin):
    got = request.get("X-Key") or ""
    if not got:
        return respond(connection, "449 Retry With", [
            ("MS-RetryWith", "Required-Header: X-Key, Required-Query: s")],
            "no")
    problem = json.dumps({
        "type": "urn:x-retrywith:missing", "status": 449, "missing": [
            {"in": "header", "name": "X-Other",
             "description": "you said %s and %s" % (got, CODED)}]})
    return respond(connection, "449 Retry With", [
        ("Content-Type", "application/problem+json"),
        ("X-Echo", "got " + got), ("X-Where", "/x?s=" + CODED),
        ("Set-Cookie", "sid=cookie9;\r\n folded9=1"),
        ("X-Esc", "a\x1b[31mb"), ("X-C1", "\xc2\x9b31m")], problem)


origin = RawOrigin(tell)
for words in (["--show-exchange"], ["-v"], ["--output-json"],
              ["-v", "--show-exchange"]):
    got = retrywith("fetch", "-o", "/dev/null", "--give",
                    "header X-Key=" + SECRET, "--give", "query s=" + SECRET,
                    "-u", "me:password9", "-b", "c=crumble9", "-H",
                    "X-Auth-Thing: inhead9", *words, origin.url + "/")
    is_(got.code, 100, "%s: 100" % words) or note(got)
    text = got.err + got.out
    for secret in (SECRET, CODED, "password9", "crumble9", "inhead9",
                   base64.b64encode(b"me:password9").decode(), "cookie9",
                   "folded9"):
        ok(secret not in text, "%s: no %s" % (words, secret), text)
    ok(all(c == "\n" or c >= " " and not "\x7f" <= c < "\xa0" for c in text),
       "%s: no byte that a terminal obeys" % words, repr(text))
like(got.err, r'the origin says: "you said \*\*\* and \*\*\*"',
     "what the origin repeats is masked")
is_(origin.requests[1].target, "/?s=" + CODED, "(it was sent)")


# libcurl's own notes name the URL of an authentication leg.
def digest(connection, request, origin):
    if not (request.get("Authorization") or "").startswith("Digest"):
        return respond(connection, "401 Unauthorized", [
            ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')],
            "")
    if "s=" not in request.target:
        return respond(connection, "449 R", [
            ("MS-RetryWith", "Required-Query: s")], "")
    return respond(connection, "302 F", [
        ("Location", "/again?s=abc&s=" + CODED)], "")


origin = RawOrigin(digest)
got = retrywith("fetch", "-v", "--show-exchange", "-L", "--auth", "digest",
                "-u", "me:pw9", "--give", "query s=abc", "-H", "A: b",
                "--max-time", "5", origin.url + "/q", "-o", "/dev/null")
unlike(got.err, r"s=abc", "a value of the query in no note and no Location")

# --- names and texts of an origin --------------------------------------------


def quoting(connection, request, origin):
    return respond(connection, "449 R", [
        ("Content-Type", "application/problem+json")], json.dumps({
            "type": "urn:x-retrywith:missing", "status": 449, "missing": [
                {"in": "header", "name": "X'|reboot|'"},
                {"in": "query", "name": "a'; reboot; '",
                 "description": "\u009b31m \udc80"},
                {"in": "header", "name": "X-Plain"}]}))


origin = RawOrigin(quoting)
got = retrywith("fetch", origin.url + "/")
unlike(got.err, r"--give '[^']*reboot", "no line that reboots when it is "
       "copied into a shell")
like(got.err, r"--give 'header X-Plain=VALUE'", "a plain name is offered")
got = retrywith("fetch", "--output-json", origin.url + "/")
ok("\u009b" not in got.out, "no C1 in JSON", got)
ok(json.loads(got.out), "which is JSON nevertheless")

# --- who answered -------------------------------------------------------------


def wants(connection, request, origin):
    return respond(connection, "449 R", [
        ("MS-RetryWith", "Required-Header: X-Key")], "")


other = RawOrigin(wants)


def sends_there(connection, request, origin):
    return respond(connection, "302 F", [("Location", other.url + "/o")], "")


origin = RawOrigin(sends_there)
got = retrywith("fetch", "-L", "--give", "header X-Key=" + SECRET,
                "-H", "Host: name.example", "-H", "Cookie: a=b", "-H",
                "Authorization: Bearer t", origin.url + "/")
like(got.err, r"127\.0\.0\.1:%d answered 449" % other.port,
     "the origin that answered is named")
unlike(got.err, "--give", "what is for the other origin is not offered here")
is_([r.get("X-Key") for r in other.requests], [None],
    "a foreign origin that asks for the value does not get it")
is_([other.requests[0].get(n) for n in ("Host", "Cookie", "Authorization")],
    ["127.0.0.1:%d" % other.port, None, None],
    "nor Host, Cookie and Authorization of the first")


def moves(connection, request, origin):
    if request.target == "/old":
        return respond(connection, "302 F", [("Location", "/new")], "")
    return respond(connection, "200 OK", [],
                   request.get("Authorization") or "nobody")


origin = RawOrigin(moves)
got = retrywith("fetch", "-L", origin.url.replace("//", "//me:pw@") + "/old")
is_(got.out, "Basic bWU6cHc=", "userinfo stays within its origin")

cert, key = certificate()
down = nginx("""server { listen 127.0.0.1:%%PORT%% ssl;
    ssl_certificate %s; ssl_certificate_key %s;
    location / { if ($http_x_key = "") {
        add_header MS-RetryWith "Required-Header: X-Key" always;
        return 449 "no"; } return 302 %s/o; } }""" % (cert, key, other.url))
other.reset()
got = retrywith("fetch", "-k", "-L", "-u", "me:pw9", "--give",
                "header X-Key=" + SECRET,
                "https://127.0.0.1:%d/" % down.port)
ok(len(other.requests) == 1 and not any(
    r.get("X-Key") or r.get("Authorization") for r in other.requests),
   "https to http: no value and no credentials", got)

# --- files --------------------------------------------------------------------


def error(connection, request, origin):
    if request.target == "/slow":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
        time.sleep(20)
        return False
    return respond(connection, "404 Not Found", [], "nothing")


origin = RawOrigin(error)
path = write("kept", "before")
got = retrywith("fetch", "-f", "-o", path, origin.url + "/")
is_((got.code, open(path).read()), (22, "before"),
    "--fail leaves the file that was there")
os.symlink(path, scratch + "/link")
got = retrywith("fetch", "-o", scratch + "/link", origin.url + "/")
is_((os.path.islink(scratch + "/link"), open(path).read()),
    (True, "nothing"), "a link stays, what it leads to is written")
path = write("kept", "before")
origin.reset()
process = Process([RETRYWITH, "fetch", "-o", path, origin.url + "/slow"])
wait_for(lambda: [n for n in os.listdir(scratch) if "kept.part-" in n],
         "the part of the file")
wait_for(lambda: len(origin.requests) == 1, "the request")
process.signal(signal.SIGINT)
is_(process.wait(), -signal.SIGINT, "an interrupt ends the command")
is_([n for n in os.listdir(scratch) if "kept.part-" in n], [],
    "and leaves no part of a file")
is_(open(path).read(), "before", "what was there stays")
done()
