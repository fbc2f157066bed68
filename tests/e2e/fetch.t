#!/usr/bin/python3
"""retrywith fetch: the exchange, curl's options, redirects, bodies, limits,
bad input.  The origins are raw sockets, so that every byte is known."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *

SECRET = "sesame-7f3a"


def problem(missing):
    return json.dumps({"type": "urn:x-retrywith:missing",
                       "title": "Retry With", "status": 449,
                       "missing": missing})


def missing(connection, request, origin):
    lacks = []
    if not request.get("X-Custom-Auth"):
        lacks.append({"in": "header", "name": "X-Custom-Auth",
                      "description": "the \x1b[31mkey"})
    if "session=" not in request.target:
        lacks.append({"in": "query", "name": "session"})
    if request.method == "POST" and b'"action"' not in request.body:
        lacks.append({"in": "body", "pointer": "/request/action",
                      "name": "action"})
    if lacks:
        return respond(connection, "449 Retry With",
                       [("Content-Type", "application/problem+json")],
                       problem(lacks))
    return respond(connection, "200 OK", [], b"got " + request.body)


def echo(connection, request, origin):
    if request.get("Expect"):
        if request.get("Ms-Echo-Reply"):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.body, _ = read_body(connection, request, b"")
        else:
            return respond(connection, "449 Retry With",
                           [("Ms-Echo-Request", "t")], "early", close=True)
    if not request.get("Ms-Echo-Reply"):
        return respond(connection, "449 Reply With",
                       [("Ms-Echo-Request", 'x opaque="0" y'),
                        ("Set-Cookie", "sid=abc; Path=/")], "no")
    return respond(connection, "200 OK",
                   [("X-Length", str(len(request.body)))], "done")


GIVE = ["--give", "header X-Custom-Auth=" + SECRET, "--give",
        "query session=42", "--give", "body /request/action=create"]

# --- the exchange ---

origin = RawOrigin(echo)
got = retrywith("fetch", "-i", origin.url + "/a?b=%2F;c")
is_(got.code, 0, "an echo is answered")
like(got.out, r"^HTTP/1.1 200 OK\r\n", "only the answer's head is shown")
is_(origin.requests[1].get("Ms-Echo-Reply"), 'x opaque="0" y',
    "the value comes back byte for byte")
is_(origin.requests[1].target, "/a?b=%2F;c", "the target is untouched")
is_(origin.connections, 1, "the connection is kept")
is_(origin.requests[1].get("Cookie"), "sid=abc",
    "the cookie travels with the value")
like(got.out, r"Set-Cookie: sid=abc", "the client learns of the cookie (R-35)")

jar = scratch + "/jar"
got = retrywith("fetch", "-c", jar, origin.url + "/")
is_(origin.requests[-1].get("Cookie"), "sid=abc",
    "with a cookie jar the cookie is sent once")
with open(jar) as file:
    like(file.read(), r"sid\tabc", "and it is in the jar")

origin = RawOrigin(missing)
got = retrywith("fetch", "--json", '{"request":{"a":1}}', *GIVE,
                "--show-exchange", origin.url + "/x")
is_(got.code, 0, "header, query and body member are given")
is_(got.raw, b'got {"request":{"a":1,"action":"create"}}',
    "the member is put into the JSON")
is_(origin.requests[1].target, "/x?session=42", "the query is added to")
is_(origin.requests[1].get("X-Custom-Auth"), SECRET, "the header is added")
unlike(got.err, SECRET, "--show-exchange shows no secret")
unlike(got.err, "session=42", "nor a value of the query")
like(got.err, r"X-Custom-Auth: \*\*\*", "but that there is one")

got = retrywith("fetch", origin.url + "/x")
is_(got.code, 100, "without values: 100")
like(got.out, "urn:x-retrywith:missing", "the 449 goes to the client")
like(got.err, r"--give 'header X-Custom-Auth=VALUE'", "what to give is told")
like(got.err, r'the origin says: "the \\x1b\[31mkey"',
     "text of the origin is quoted and escaped")
got = retrywith("fetch", "--no-retry", *GIVE, origin.url + "/x")
is_(got.code, 100, "--no-retry explains only")

supply = write("supply", "origin %s\n    header X-Custom-Auth env KEY\n"
               "    query session file %s\n"
               % (origin.url, write("session", "42\n")))
origin.reset()
got = retrywith("fetch", "--supply", supply, origin.url + "/s",
                env={"KEY": SECRET})
is_(got.code, 0, "values come from the environment and from a file")
got = retrywith("fetch", "--supply", supply, origin.url + "/s")
is_(got.code, 100, "a variable that is not set is no value")
like(got.err, "KEY is not set", "and that is told")

recall = scratch + "/recall"
origin.reset()
first = retrywith("fetch", "--supply", supply, "--recall", recall, "-w",
                  "%{retrywith_attempts}", "-o", "/dev/null",
                  origin.url + "/r", env={"KEY": SECRET})
second = retrywith("fetch", "--supply", supply, "--recall", recall, "-w",
                   "%{retrywith_attempts} %{retrywith_recalled}", "-o",
                   "/dev/null", origin.url + "/r", env={"KEY": SECRET})
is_((first.out, second.out), ("2", "1 2"),
    "what was asked for is remembered: one round trip")
is_(os.stat(recall).st_mode & 0o777, 0o600, "the recall file is 0600")
with open(recall) as file:
    unlike(file.read(), SECRET, "no supplied value is in it")

got = retrywith("fetch", "--output-json", origin.url + "/x")
is_(got.json["outcome"], "MISSING", "--output-json tells the outcome")
is_([m["name"] for m in got.json["missing"]], ["X-Custom-Auth", "session"],
    "and what is missing")

# --- content ---

big, digest = random_file("big", 3 << 20)
origin = RawOrigin(echo)
got = retrywith("fetch", "-T", big, "-i", origin.url + "/up")
is_(got.code, 0, "a refused upload gets through")
like(got.out, r"X-Length: %d" % (3 << 20), "whole")
is_([len(r.body) for r in origin.requests], [0, 3 << 20],
    "with Expect and an early 449 the body is sent once")
is_(hashlib.sha256(origin.requests[-1].body).hexdigest(), digest,
    "byte for byte")
origin.reset()
got = retrywith("fetch", "-d", "a=b", "-d", "c", "--data-urlencode", "e=f g",
                origin.url + "/f")
is_([r.body for r in origin.requests], [b"a=b&c&e=f%20g"] * 2,
    "a small body is sent again")
is_(origin.requests[0].get("Expect"), None, "without Expect")
is_(origin.requests[0].get("Content-Type"),
    "application/x-www-form-urlencoded", "as a form")
origin.reset()
got = retrywith("fetch", "-F", "a=1", "-F", "f=@%s;type=x/y" % write(
    "part.txt", "hello"), origin.url + "/m")
is_(got.code, 0, "a multipart form is sent again")
like(origin.requests[1].body.decode(), r'(?s)name="a".*1.*filename="part.txt"'
     r".*Content-Type: x/y.*hello", "with its parts")
origin.reset()
got = retrywith("fetch", "-T", "-", origin.url + "/pipe", input=b"x" * 10)
is_(got.code, 103, "a pipe cannot be sent twice")
like(got.err, "cannot be sent a second time", "and that is told")
origin.reset()
got = retrywith("fetch", "-G", "-d", "q=1", origin.url + "/g?a=b")
is_(origin.requests[0].line, "GET /g?a=b&q=1 HTTP/1.1", "-G")
got = retrywith("fetch", "-I", origin.url + "/h")
is_((origin.requests[-1].method, got.status), ("HEAD", 200), "-I")

# --- redirects ---


def record(connection, request, origin):
    return respond(connection, "200 OK", [], "elsewhere")


elsewhere = RawOrigin(record)


def redirecting(connection, request, origin):
    if request.target.startswith("/there"):
        return respond(connection, "200 OK", [], "here")
    status = request.target.split("/")[1].split("?")[0]
    if not request.get("X-Custom-Auth"):
        return respond(connection, "449 Retry With",
                       [("MS-RetryWith", "Required-Header: X-Custom-Auth")],
                       "no")
    where = "/there" if "local" in request.target else elsewhere.url + "/e"
    return respond(connection, status + " Moved", [("Location", where)], "m")


origin = RawOrigin(redirecting)
for status, method, body in (("301", "GET", b""), ("302", "GET", b""),
                             ("303", "GET", b""), ("307", "POST", b"p=1"),
                             ("308", "POST", b"p=1")):
    elsewhere.reset()
    got = retrywith("fetch", "-L", "-u", "me:pw9", "-d", "p=1",
                    "--give", "header X-Custom-Auth=" + SECRET,
                    "%s/%s" % (origin.url, status))
    is_(got.out, "elsewhere", "%s to another origin is followed" % status)
    seen = elsewhere.requests[0]
    is_((seen.method, seen.body), (method, body), "%s: method" % status)
    unlike(seen.head.decode(), SECRET, "%s: no value goes along (R-14)" % status)
    is_(seen.get("Authorization"), None, "%s: no credentials" % status)
got = retrywith("fetch", "-L", "-X", "DELETE", "--give",
                "header X-Custom-Auth=" + SECRET,
                origin.url + "/301?local", "-w", " %{num_redirects}")
is_((got.out, origin.requests[-1].method), ("here 1", "DELETE"),
    "a method of -X stays, and the redirect is counted")


def loop(connection, request, origin):
    return respond(connection, "302 Found", [("Location", "/again")], "")


origin = RawOrigin(loop)
got = retrywith("fetch", "-L", origin.url + "/")
is_((got.code, len(origin.requests)), (47, 51), "fifty redirects, no more")

# --- limits and hostile origins ---


def hostile(connection, request, origin):
    path = request.target
    if path == "/fresh":
        return respond(connection, "449 R",
                       [("Ms-Echo-Request", str(len(origin.requests)))], "")
    if path == "/same":
        return respond(connection, "449 R", [("Ms-Echo-Request", "s")], "")
    if path == "/forbidden":
        return respond(connection, "449 R", [
            ("MS-RetryWith", "Required-Header: Host")], "")
    if path == "/long":
        return respond(connection, "449 R",
                       [("Ms-Echo-Request", "v" * 8193)], "")
    if path.startswith("/lines/") and not request.get("Ms-Echo-Reply"):
        return respond(connection, "449 R", [("Ms-Echo-Request", "s")] +
                       [("X", "1")] * (int(path[7:]) - 2), "")
    if path == "/nothing":
        return respond(connection, "449 R", [], "")
    if path == "/404":
        return respond(connection, "404 N", [], "none")
    if path == "/mute":
        time.sleep(10)
        return False
    if path == "/halt":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
        time.sleep(10)
        return False
    if path == "/head":
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(40000):
            connection.sendall(b"X-A: " + b"a" * 60 + b"\r\n")
        return False
    if path == "/lines":
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X: y\r\n" * 100)
    if path == "/early":
        while True:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n"
                               b"Link: </a>\r\n\r\n" * 100)
    if path == "/huge":
        connection.sendall(b"HTTP/1.1 449 R\r\nMs-Echo-Request: h\r\n"
                           b"Content-Length: 67108864\r\n\r\n"
                           if not request.get("Ms-Echo-Reply") else
                           b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        if not request.get("Ms-Echo-Reply"):
            for _ in range(1024):
                connection.sendall(b"z" * 65536)
        return True
    if path.startswith("/late/"):
        return respond(connection, "449 R", [
            ("Content-Type", "application/problem+json")],
            '{"type":"urn:x-retrywith:missing","pad":"%s","missing":'
            '[{"in":"header","name":"X-Late"}]}' % ("x" * int(path[6:])))
    if path == "/bighuge":
        connection.sendall(b"HTTP/1.1 449 R\r\nContent-Length: 1048576\r\n"
                           b"Content-Type: application/json\r\n\r\n")
        connection.sendall(b" " * 1048576)
        return True
    if path == "/short":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
                           b"only this")
        return False
    return respond(connection, "200 OK", [], "ok")


origin = RawOrigin(hostile)
for path, code, sends, text in (
        ("/fresh", 100, 2, "repeats a challenge"),
        ("/same", 100, 2, "repeats a challenge"),
        ("/forbidden", 103, 1, "never set"),
        ("/long", 103, 1, "not taken"),
        ("/nothing", 100, 1, "no form that is known"),
        ("/head", 103, 1, "longer than is read"),
        ("/lines", 103, 1, "longer than is read"),
        ("/lines/4096", 0, 2, ""),
        ("/lines/4097", 103, 1, "longer than is read"),
        ("/early", 103, 1, "longer than is read"),
        ("/huge", 0, 2, "")):
    origin.reset()
    got = retrywith("fetch", "-o", scratch + "/hostile", origin.url + path)
    is_((got.code, len(origin.requests)), (code, sends),
        "%s: ends with its status and count" % path) or note(got)
    like(got.err, text, "%s: and says why" % path)
for pad, named in ((65400, True), (65500, False)):
    got = retrywith("fetch", "-o", scratch + "/late", origin.url +
                    "/late/%d" % pad)
    is_((got.code, "X-Late" in got.err), (100, named),
        "what is named within 64 KiB is read, and nothing behind: %d" % pad)
got = retrywith("fetch", "-o", scratch + "/whole", origin.url + "/bighuge")
is_(os.path.getsize(scratch + "/whole"), 1048576,
    "a 449 of 1 MiB that nobody knows goes through whole")
got = retrywith("fetch", "-o", scratch + "/cut", origin.url + "/short")
is_((got.code, os.path.exists(scratch + "/cut")), (18, False),
    "a truncated answer leaves no file (R-37)")
is_([n for n in os.listdir(scratch) if ".part-" in n], [],
    "nor a part of one")

# --- options, output, errors ---

got = retrywith("fetch", "-s", origin.url + "/nothing")
is_((got.code, got.err), (100, ""), "a 449 that nobody knows: 100, also silent")
got = retrywith("fetch", "-f", origin.url + "/nothing")
is_((got.code, got.out), (100, ""), "and with -f, without content")
got = retrywith("fetch", origin.url + "/404")
is_(got.code, 0, "another status that nobody knows: 0")
got = retrywith("fetch", "-f", origin.url + "/404")
is_((got.code, got.out), (22, ""), "-f: 22 and no content")
got = retrywith("fetch", "-s", "--head-timeout", "0.3", origin.url + "/mute")
is_(got.code, 103, "--head-timeout: a limit of ours, 103")
got = retrywith("fetch", "--idle-timeout", "0.3", origin.url + "/halt")
is_(got.code, 103, "--idle-timeout: 103")
like(got.err, "came to a halt, --idle-timeout", "and what may be done is told")
got = retrywith("fetch", "-s", "-Y", "10", "-y", "1", origin.url + "/halt")
is_(got.code, 28, "--speed-limit and --speed-time: 28, as with curl")
got = retrywith("fetch", "-sS", "http://127.0.0.1:%d/" % free_port())
is_(got.code, 7, "refused: curl's 7")
like(got.err, r"^retrywith: http://127", "told in one form")
got = retrywith("fetch", "-s", "http://127.0.0.1:%d/" % free_port())
is_(got.err, "", "-s is silent")
got = retrywith("fetch", "--max-time", "60", origin.url + "/lines2", "-w",
                "%{http_code} %{response_code} %{size_download}\\n",
                "-o", "/dev/null")
is_(got.out, "200 200 2\n", "-w")
for args, code, text in (
        (["--suply", "x", "http://h/"], 101, "did you mean '--supply'"),
        (["--max-attempts", "x", "http://h/"], 101, "whole number"),
        (["--max-attempts", "99", "http://h/"], 101, "16 at most"),
        (["--auth", "magic", "http://h/"], 101, "one of basic"),
        ([], 101, "missing"),
        (["http://h/", "http://i/"], 101, "too many"),
        (["-o"], 101, "lacks its argument"),
        (["--only", "nonsense", "http://h/"], 101, "is no dialect"),
        (["--give", "nonsense", "http://h/"], 101, "column"),
        (["--give", "header Host=evil", "http://h/"], 101, "column"),
        (["http://[/"], 3, "URL"),
        (["ftp://127.0.0.1/"], 3, "URL"),
        (["-d", "@/nonexistent", "http://h/"], 26, "cannot read"),
        (["-o", "/nonexistent/x", "http://h/"], 23, "cannot write"),
        (["--supply", "/nonexistent", "http://h/"], 102, "cannot read")):
    got = retrywith("fetch", *args)
    is_(got.code, code, "%s: %d" % (" ".join(args), code)) or note(got)
    like(got.err, text, "and says what")
for name, content, mode, text in (
        ("malformed", "origin http://h\n  hedder a b\n", 0o600, r":2"),
        ("literal", "origin http://h\n  header A value b\n", 0o644, ""),
        ("writable", "", 0o666, "write to it")):
    path = write("bad-" + name, content, mode)
    got = retrywith("fetch", "--supply", path, "http://127.0.0.1:1/")
    if name != "literal":
        is_(got.code, 102, "a supply file that is %s: 102" % name)
        like(got.err, text, "and says where or why")
got = retrywith("fetch", "--recall", write("bad-recall", "junk\n"),
                "http://127.0.0.1:1/")
is_(got.code, 102, "a recall file that is none: 102")
unlike(got.err + got.out, SECRET, "no secret anywhere")
done()
