#!/usr/bin/python3
"""The nginx module's answering half over proxy_pass, without the launcher:
hold, swallow, decide, send again."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

BIG = b"x" * (64 * 1024 + 1)


def want_echo(connection, request, body=b"more, please\n", fields=()):
    return respond(connection, "449 Retry With",
                   [("Ms-Echo-Request", 'a token="1"'), *fields], body)


def account(connection, request):
    body = request.body
    if (request.get("Expect") or "").lower() == "100-continue":
        body = b"?"
    return respond(connection, "200 OK", [("X-Method", request.method)],
                   json.dumps({"target": request.target, "length": len(body),
                               "sha256": hashlib.sha256(body).hexdigest()}))


def chunked(connection, head, pieces, end=True):
    connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
    for piece in pieces:
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
    if end:
        connection.sendall(b"0\r\n\r\n")
    return end


def handler(connection, request, origin):
    reply = request.get("Ms-Echo-Reply")
    path = request.target
    if path.startswith("/rounds/"):
        for number in range(int(path.split("/")[2])):
            if not request.get("X-Round-%d" % number):
                return respond(connection, "449 Retry With", [
                    ("MS-RetryWith", "Required-Header: X-Round-%d" % number)],
                    "again")
        return account(connection, request)
    if path.startswith("/plain/204"):
        connection.sendall(b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n")
        return True
    if path.startswith("/plain/304"):
        connection.sendall(b"HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n")
        return True
    if path.startswith("/plain/409"):
        return respond(connection, "409 Conflict", [], "a conflict")
    if path.startswith("/plain/449"):
        return respond(connection, "449 Retry With", [("X-A", "1")], "why?")
    if path.startswith("/plain"):
        return account(connection, request)
    if path.startswith("/big-chunked") and not reply:
        return chunked(connection, b"HTTP/1.1 449 Retry With\r\n"
                       b"Ms-Echo-Request: t\r\n", [BIG[:30000], BIG[30000:]])
    if path.startswith("/big") and not reply:
        return want_echo(connection, request, BIG)
    if "/slow/" in path and not reply:
        connection.sendall(b"HTTP/1.1 449 Retry With\r\nMs-Echo-Request: t"
                           b"\r\nContent-Length: 12\r\n\r\nslow")
        go.wait(DEADLINE)
        if path == "/slow/gone":
            return False
        connection.sendall(b" the end")
        return True
    if path.startswith("/edge") and not reply:
        return chunked(connection, b"HTTP/1.1 449 Retry With\r\n"
                       b"Ms-Echo-Request: t\r\n", [BIG[:30000], BIG[30001:]])
    if path.startswith("/chunked") and not reply:
        return chunked(connection, b"HTTP/1.1 449 Retry With\r\n"
                       b"Ms-Echo-Request: t\r\n", [b"a"] * 500)
    if path.startswith("/cut-chunked") and not reply:
        return chunked(connection, b"HTTP/1.1 449 Retry With\r\n"
                       b"Ms-Echo-Request: t\r\n", [b"only a part"], end=False)
    if path.startswith("/cut-final") and reply:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
                           b"only a part")
        return False
    if path.startswith("/cut/") and not reply:
        connection.sendall(b"HTTP/1.1 449 Retry With\r\nMs-Echo-Request: t"
                           b"\r\nContent-Length: 100\r\n\r\nonly a part")
        return False
    if path.startswith("/close") and not reply:
        return respond(connection, "449 Retry With",
                       [("Ms-Echo-Request", "t")], "bye", close=True)
    if path.startswith("/gone"):
        if reply:
            return False
        return want_echo(connection, request)
    if path.startswith("/cookie"):
        if reply:
            return respond(connection, "200 OK", [("Set-Cookie", "c=3")], "y")
        return want_echo(connection, request, fields=[
            ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2")])
    if path.startswith("/empty") and not reply:
        return want_echo(connection, request, b"")
    if path.startswith("/wait"):
        if len(origin.requests) == 1:
            return respond(connection, "449 Retry With",
                           [("Retry-After", path.split("/")[2])], "later")
        return account(connection, request)
    if path.startswith("/named"):
        if request.get("X-Custom-Auth") == "the-secret-value":
            return account(connection, request)
        return respond(connection, "449 Retry With", [
            ("MS-RetryWith", "Required-Header: X-Custom-Auth")], "named")
    if path.startswith("/missing"):
        lacks = []
        if request.get("X-Custom-Auth") != "the-secret-value":
            lacks.append({"in": "header", "name": "X-Custom-Auth"})
        if "session=se%20cret" not in path:
            lacks.append({"in": "query", "name": "session"})
        if not lacks and "gone" in path:
            return False
        if not lacks:
            return account(connection, request)
        return respond(connection, "449 Retry With",
                       [("Content-Type", "application/problem+json")],
                       json.dumps({"type": "urn:x-retrywith:missing",
                                   "status": 449, "missing": lacks}))
    if not reply or path.startswith("/always"):
        return want_echo(connection, request)
    return account(connection, request)


go = threading.Event()
origin = RawOrigin(handler)
supply = write("supply", """origin %s
    header X-Custom-Auth value the-secret-value
    query session value "se cret"
%s""" % (origin.url, "".join("    header X-Round-%d value %d\n" % (i, i)
                             for i in range(9))))
cert, key = certificate()


CONF = """
    log_format account '$request_method $status dialect=$retry_with_dialect '
        'attempts=$retry_with_attempts learned=$retry_with_learned '
        'outcome=$retry_with_outcome args=$args auth=$http_x_custom_auth '
        'echo=$http_ms_echo_reply uri=$request_uri';
    client_max_body_size 0;
    upstream origin { server 127.0.0.1:%(port)d; keepalive 8; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    retry_with_answer on;
    retry_with_supply %(supply)s;
    retry_with_origin %(url)s;
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT2%% ssl http2;
        access_log account.log account;
        ssl_certificate %(cert)s;
        ssl_certificate_key %(key)s;
        location / { proxy_pass http://origin; }
        location /off/ { retry_with_answer off; proxy_pass http://origin/; }
        location /moved/ { proxy_pass http://origin/deep/; }
        location /rounds/9 {
            retry_with_attempts 16;
            proxy_pass http://origin;
        }
        location /unbuffered/ {
            proxy_buffering off;
            proxy_pass http://origin;
        }
        location /only/ {
            retry_with_only missing,retry-after;
            proxy_pass http://origin;
        }
        location /wait {
            retry_with_max_wait 5s;
            proxy_pass http://origin;
        }
        location /gone/over {
            error_page 502 = @fallback;
            proxy_pass http://origin;
        }
        location @fallback {
            rewrite ^ /plain/fallback break;
            proxy_pass http://origin;
        }
        location /rewritten/ {
            rewrite ^/rewritten/(.*) /$1 break;
            proxy_pass http://origin;
        }
    }
""" % {"port": origin.port, "supply": supply, "url": origin.url,
       "cert": cert, "key": key}

server = nginx(CONF, module=True)
url = server.url
tls = "https://127.0.0.1:%d" % server.ports[1]


def log_lines():
    with open(server.folder + "/account.log") as file:
        return file.read().splitlines()


def last_line(path):
    """The account of the last request for that path; logs come late."""
    def look():
        found = [l for l in log_lines() if l.endswith(" uri=" + path)]
        return found[-1] if found else None
    return wait_for(look, "a line for " + path) or ""


def ask(*args, **kw):
    origin.reset()
    return curl("-i", *args, **kw)


# --- any method, any body ----------------------------------------------------
for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS",
               "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK",
               "UNLOCK", "REPORT", "QUERY"):
    got = ask("-X", method, "-d", "some=body", url + "/m")
    is_(got.status, 200, "%s gets through" % method)
    is_([r.method for r in origin.requests], [method, method],
        "%s was sent twice" % method)
    is_([r.body for r in origin.requests], [b"some=body"] * 2,
        "%s has the same body twice" % method)
is_(origin.requests[1].get("Ms-Echo-Reply"), 'a token="1"',
    "the echo comes back byte for byte")
is_(origin.requests[0].get("Ms-Echo-Reply"), None,
    "the first request is the client's own")

got = ask("-I", url + "/head")
is_(got.status, 200, "HEAD gets through")
is_(len(origin.requests), 2, "HEAD was sent twice")

path, digest = random_file("ten", 10 << 20)
for name, args in (("10 MiB", []),
                   ("10 MiB chunked", ["-H", "Transfer-Encoding: chunked"]),
                   ("10 MiB, Expect", ["-H", "Expect: 100-continue"])):
    got = ask("-T", path, *args, url + "/put")
    is_(got.json["sha256"], digest, name + " arrives whole")
    is_([hashlib.sha256(r.body).hexdigest() for r in origin.requests],
        [digest] * 2, name + " was sent twice, byte for byte")
for name, args in (("GET", []), ("10 MiB PUT", ["-T", path]),
                   ("HEAD", ["-I"])):
    got = ask("-k", "--http2", *args, tls + "/h2")
    is_(got.status, 200, "HTTP/2: %s gets through" % name)
    is_(len(origin.requests), 2, "HTTP/2: %s was sent twice" % name)

# --- connections -------------------------------------------------------------
ask(url + "/warm")
origin.reset()
for _ in range(20):
    curl(url + "/again")
is_((origin.connections, len(origin.requests)), (0, 40),
    "the upstream's connection is kept over every swallowed 449")
got = ask(url + "/chunked")
is_((got.status, origin.connections), (200, 0),
    "a chunked 449 is swallowed, its connection kept")
got = ask(url + "/empty")
is_(got.status, 200, "an empty 449")
got = ask(url + "/close")
is_(got.status, 200, "a 449 that closes its connection")
got = ask(url + "/unbuffered/x")
is_((got.status, len(origin.requests)), (200, 2), "proxy_buffering off")

# --- limits ------------------------------------------------------------------
got = ask(url + "/rounds/3")
is_((got.status, len(origin.requests)), (200, 4), "three rounds")
got = ask(url + "/rounds/4")
is_((got.status, len(origin.requests)), (449, 4),
    "no fifth attempt: the last 449 goes to the client")
like(got.out, r"(?m)^MS-RetryWith: Required-Header: X-Round-3\r$", "as it is: fields")
like(got.out, r"again$", "as it is: body")
like(last_line("/rounds/4"), "attempts=4 .*outcome=ATTEMPTS", "and is logged")
got = ask(url + "/rounds/9")
is_((got.status, len(origin.requests)), (200, 10),
    "retry_with_attempts 16: nine rounds")
got = ask(url + "/always")
is_((got.status, len(origin.requests)), (449, 2), "an echo is sent once")
got = ask(url + "/edge")
is_((got.status, len(origin.requests)), (200, 2), "a 449 of 64 KiB")
for name in ("/big", "/big-chunked"):
    got = ask(url + name)
    is_((got.status, len(origin.requests)), (449, 1),
        name + ": a 449 longer than 64 KiB is passed on")
    is_(got.raw.split(b"\r\n\r\n", 1)[1], BIG, name + ": whole")
    like(last_line(name), "outcome=TOO_LONG", name + ": said in the log")

# What comes after 5 s goes on as it comes, whatever becomes of it.
for listener, how in ((url, []), (url + "/unbuffered", []),
                      (tls + "/unbuffered", ["-k", "--http2"])):
    origin.reset()
    go.clear()
    out = scratch + "/slow"
    client = Process(["curl", "-q", "-sS", "-N", "-D", out, "-o", out + ".body",
                      *how, listener + "/slow/on"])
    wait_for(lambda: os.path.exists(out) and "449" in open(out).read(),
             "the head of what is slow")
    go.set()
    is_((client.wait(), open(out + ".body").read(), len(origin.requests)),
        (0, "slow the end", 1), "%s: a 449 that is slow is passed on"
        % " ".join([listener[-10:], *how]))
    os.unlink(out)
    like(last_line(listener.replace(url, "").replace(tls, "") + "/slow/on"),
         "outcome=TOO_LONG", "and is logged")
go.clear()
client = Process(["curl", "-q", "-sS", "-D", out, url + "/slow/gone"])
wait_for(lambda: os.path.exists(out) and "449" in open(out).read(),
         "the head of what is slow")
go.set()
is_(client.wait(), 18, "what breaks off then is seen to")

# --- what the client gets ----------------------------------------------------
got = ask(url + "/cookie")
is_(re.findall(r"(?m)^Set-Cookie: (.*)\r$", got.out),
    ["c=3", "a=1; Path=/", "b=2"],
    "cookies of the swallowed 449 reach the client")
like(got.out, r"(?m)^Cache-Control: private\r$",
     "an answer to a changed request is private")
got = ask(url + "/plain/x")
unlike(got.out, "Cache-Control", "one to an unchanged request is not")
for code in ("204", "304", "409", "449"):
    got = ask(url + "/plain/" + code)
    is_((got.status, len(origin.requests)), (int(code), 1),
        "%s passes" % code)
like(last_line("/plain/449"), "dialect=- .*outcome=UNRECOGNISED",
     "a 449 that says nothing is not retried")
got = ask(url + "/off/x")
is_((got.status, len(origin.requests)), (449, 1), "off is off")
got = ask(url + "/only/x")
is_((got.status, len(origin.requests)), (449, 1), "retry_with_only")

# --- targets -----------------------------------------------------------------
for target in ("/a%2Fb", "/a%2fb;x=1", "/a/../b", "//double//slash",
               "/empty?", "/q?a=b&&c=%zz", "/q?x?y", "/%7Euser/./",
               "/'!$&()*+,=@:"):
    got = ask("--path-as-is", url + target)
    is_([r.target for r in origin.requests], [target] * 2,
        "raw target " + target)
got = ask(url + "/moved/a?b=c")
is_([r.target for r in origin.requests], ["/deep/a?b=c"] * 2,
    "proxy_pass with a path of its own")
got = ask(url + "/rewritten/a%20b?b=c")
is_([r.target for r in origin.requests], ["/a%20b?b=c"] * 2,
    "a rewritten target")

# --- values of the supply ----------------------------------------------------
got = ask(url + "/named/x")
is_((got.status, len(origin.requests)), (200, 2), "a named header is given")
got = ask("--path-as-is", url + "/missing%2F/;x/..//y?a=&b")
is_((got.status, len(origin.requests)), (200, 2),
    "a header and a query parameter are given")
is_(origin.requests[-1].target,
    "/missing%2F/;x/..//y?a=&b&session=se%20cret",
    "the parameter is added, and every other byte is as it was")
line = last_line("/missing%2F/;x/..//y?a=&b")
like(line, "dialect=missing attempts=2 learned=0 outcome=ANSWERED args=a=&b "
     "auth=- echo=- ", "the log shows the client's own request")
got = ask("-H", "Origin: http://evil.example", url + "/named/y")
is_((got.status, len(origin.requests)), (449, 1),
    "nothing is added for a foreign page")
got = ask("-H", "Sec-Fetch-Site: cross-site", url + "/named/y")
is_(len(origin.requests), 1, "nor for a cross-site request")
got = ask("-H", "Origin: http://127.0.0.1:%d" % server.port, url + "/named/y")
is_(got.status, 200, "a page of the same origin is given it")
for scheme in ("NTLM TlRM", "negotiate YII=", "Negotiate"):
    got = ask("-H", "Authorization: " + scheme, url + "/plain/x")
    is_((got.status, len(origin.requests)), (501, 0),
        scheme + " is refused [R-36]")
    like(got.out, "(?s)application/problem.json.*authenticate a connection",
         scheme + ": and told why")

# --- waiting -----------------------------------------------------------------
got = ask(url + "/wait/1")
is_((got.status, len(origin.requests)), (200, 2), "Retry-After: 1")
waited = origin.requests[-1].at - origin.requests[0].at
ok(0.99 < waited < 20, "after a second, not a minute (%.2f s)" % waited)
got = ask("-k", "--http2", tls + "/wait/1")
is_((got.status, len(origin.requests)), (200, 2), "Retry-After: 1, HTTP/2")
got = ask(url + "/wait/6")
is_((got.status, len(origin.requests)), (449, 1),
    "retry_with_max_wait 5s: no wait of six")
got = ask("--max-time", "0.3", url + "/wait/2")
is_(got.code, 28, "a client that leaves while it waits")
got = ask(url + "/plain/x")
is_(got.status, 200, "the next request works")

# --- an upstream that fails --------------------------------------------------
got = ask(url + "/cut/")
is_(got.status, 502, "a 449 cut off: 502")
got = ask(url + "/cut-chunked")
is_(got.status, 502, "a chunked 449 cut off: 502")
got = ask(url + "/cut-final")
is_(got.code, 18, "a final answer cut off is seen to be")
got = ask("-k", "--http2", tls + "/cut-final")
ok(got.code in (18, 92), "over HTTP/2 too", got)
got = ask(url + "/gone/x")
is_(got.status, 502, "no answer to the second: 502")
like(last_line("/gone/x"), "502 dialect=ms-echo .*outcome=TRANSPORT",
     "and said so")
got = ask(url + "/missing/gone")
is_(got.status, 502, "nor with a value added")
got = ask(url + "/gone/over")
is_(got.status, 200, "error_page takes over")
like(got.out, "/plain/fallback", "from its own location")

# --- nothing leaks -----------------------------------------------------------
unlike("\n".join(log_lines()) + server.err, "the-secret-value|se%20cret|a token",
       "no value in any log")

unlike(server.err, "runtime error:|Sanitizer", "no sanitizer report")
server.stop()
done()
