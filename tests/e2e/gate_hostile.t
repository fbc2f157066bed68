#!/usr/bin/python3
"""Requests that are made to cost much, or to be read in two ways."""
import gzip
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

os.chmod(scratch, 0o755)
origin = RawOrigin(lambda connection, request, self: respond(
    connection, "200 OK", [("X-Length", len(request.body))], "through\n"))
# Debian's nginx has a limit of 1,000 fields that can be set, upstream's 1.22
# has none.
limit = "max_headers 20000;"
if nginx("server { listen 127.0.0.1:%PORT%; }" + limit,
         check_only=True).code != 0:
    limit = ""
server = nginx(limit + """
large_client_header_buffers 64 64k;
client_max_body_size 300m;
client_body_buffer_size 16k;
server {
    listen 127.0.0.1:%%PORT%%;
    location / {
        retry_with_require "GET /api: header X-Auth, query session, cookie sid";
        retry_with_require "POST /json: body /a";
        retry_with_require "POST /deep: body /a/b";
        retry_with_require "POST /both: header X-Auth, body /a";
        proxy_pass %s;
    }
    location /first/ {
        retry_with_require "POST /first/x: body /a";
        try_files /none /second/x;
    }
    location /second/ {
        retry_with_require "POST /second/x: body /b";
        proxy_pass %s;
    }
    location /answer/ {
        retry_with_require "POST /answer/x: header X-Auth, body /a";
        retry_with_answer on;
        proxy_pass %s;
    }
}""" % (origin.url, origin.url, origin.url), module=True)
URL = server.url


def ask(head, body=b""):
    got = raw(server.port, head.replace("\n", "\r\n").encode("latin-1") +
              b"Connection: close\r\n\r\n" + body)
    return int(got[9:12]) if got.startswith(b"HTTP/1.1 ") else got


# --- heads -------------------------------------------------------------------
many = "".join("X-%d: v\n" % n for n in range(10000))
worker = workers_of(server)[0]
start = cpu_seconds(worker)
is_(ask("GET /api?session=1 HTTP/1.1\nHost: h\n" + many), 449,
    "10,000 header fields, not the ones")
is_(ask("GET /api?session=1 HTTP/1.1\nHost: h\n" + many +
        "X-Auth: 1\nCookie: sid=1\n"), 200,
    "10,000 header fields, and the ones behind them")
is_(ask("GET /api?session=1 HTTP/1.1\nHost: h\nCookie: %ssid=1\nX-Auth: 1\n"
        % ("".join("c%d=v; " % n for n in range(4000)))), 200,
    "4,000 cookies and the one behind them")
pairs = "&".join("p%d=%d" % (n, n) for n in range(6000))
is_(ask("GET /api?%s HTTP/1.1\nHost: h\nX-Auth: 1\nCookie: sid=1\n"
        % pairs), 449, "6,000 parameters, not the one")
is_(ask("GET /api?%s&session=1 HTTP/1.1\nHost: h\nX-Auth: 1\n"
        "Cookie: sid=1\n" % pairs), 200, "6,000 parameters, and the one")
pairs = "&" * 20000 + "a&" * 10000
is_(ask("GET /api?%ssession=1 HTTP/1.1\nHost: h\nX-Auth: 1\nCookie: sid=1\n"
        % pairs), 200, "10,000 parameters without values, and empty ones")
is_(ask("GET /api?session=&%73ession=1 HTTP/1.1\nHost: h\nX-Auth:\n"
        "x-auth: 1\nCookie: sid=\nCookie: sid=1\n"), 200,
    "duplicate and encoded names")
is_(ask("GET /api?session=1 HTTP/1.1\nHost: h\nX-Auth: 1\nCookie: sid=1\n"
        "Accept: %s\n" % ",".join("a/b;q=0.%d" % n for n in range(5000))),
    200, "a long Accept")
is_(ask("GET /api HTTP/1.1\nHost: h\nAccept: %s\n" %
        ",".join("a/b;q=0.%d" % n for n in range(5000))),
    449, "a long Accept of a refused one")
is_(ask("GET %s HTTP/1.1\nHost: h\n" % ("/a" * 20000)), 200,
    "20,000 segments are nowhere")
is_(ask("GET %sapi HTTP/1.1\nHost: h\n" % ("/./" * 2000)), 449,
    "2,000 dot segments before it")
taken = cpu_seconds(worker) - start
ok(taken < 10, "all of it in %.2f s of processor time" % taken)

# --- bodies ------------------------------------------------------------------
JSON = "Content-Type: application/json\n"


def post(path, body, *fields):
    return ask("POST %s HTTP/1.1\nHost: h\n%s%sContent-Length: %d\n" %
               (path, JSON, "".join(fields), len(body)), body)


nested = b'{"x":' * 100000 + b"1" + b"}" * 100000
is_(post("/json", nested), 400, "JSON nested 100,000 deep")
is_(post("/json", b"[" * 100000), 400, "and never closed")
is_(post("/json", b'{"a' * 100000), 400, "garbage")
is_(post("/json", b'{"a":1}' * 2), 400, "two values")
is_(post("/json", b"\xef\xbb\xbf\xff\xfe"), 400, "no UTF-8")
is_(post("/json", b'{"\\u0061": 1}'), 200, "an escaped name is the name")
is_(post("/deep", b'{"a": [], "a": {"b": 1}}'), 200, "a name twice")
bomb = gzip.compress(b'{"z": "' + b"0" * (64 << 20) + b'", "a": 1}')
got = post("/json", bomb, "Content-Encoding: gzip\n")
is_(got, 200, "what inflates beyond the limit is not looked into")
is_(post("/json", b"\x1f\x8b" + os.urandom(500),
         "Content-Encoding: gzip\n") in (200, 400), True, "broken gzip")
before = max(rss_kib(p)[1] for p in workers_of(server))
is_(post("/json", b'{"k": {' + b",".join(
    b'"n%d": [%d]' % (n, n) for n in range(600000)) + b"}}"), 449,
    "10 MiB of members")
after = max(rss_kib(p)[1] for p in workers_of(server))
ok(ASAN or after - before < 8192, "in bounded memory: %d KiB" %
   (after - before))
boundary = ("Content-Type: multipart/form-data; boundary=%s\n" % ("b" * 200))
is_(ask("POST /json HTTP/1.1\nHost: h\n%sContent-Length: 5\n" % boundary,
        b"--bb\r") in (200, 400, 449), True, "a boundary that is none")

# --- smuggling ---------------------------------------------------------------
seen = len(origin.requests)
for name, head in (
        ("two lengths", "Content-Length: 5\nContent-Length: 6\n"),
        ("length and chunked",
         "Content-Length: 5\nTransfer-Encoding: chunked\n"),
        ("chunked twice", "Transfer-Encoding: chunked, chunked\n"),
        ("a folded line", "X-A: 1\n  folded: 2\n")):
    is_(ask("POST /json HTTP/1.1\nHost: h\n%s" % head + JSON, b"0\r\n\r\n")
        in (400, 501), True, name + " is refused by nginx")
is_(len(origin.requests), seen, "none reached the origin")

# --- content without a length behind an incomplete head ----------------------
CHUNKED = ("POST /both HTTP/1.1\nHost: h\nContent-Type: application/json\n"
           "Transfer-Encoding: chunked\n\n").replace("\n", "\r\n").encode()


def answers(*pieces, until=None):
    """The status lines that came, and all that was missing."""
    got = raw(server.port, CHUNKED + b"".join(pieces), timeout=30,
              until=until).decode()
    return (re.findall(r"HTTP/1\.1 (\d+)", got),
            re.findall(r'"(?:pointer|name)": ?"([^"]*)"', got))


BOTH = ["X-Auth", "/a"]
LAST = b"GET /api HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
is_(answers(b"2\r\n{}\r\n0\r\n\r\n", LAST)[0], ["449", "449"],
    "the next request on the connection is read behind the last chunk")
is_(answers(b"1\r\n{\r\n1\r\n}\r\n0\r\nX-T: 1\r\n\r\n", LAST)[0],
    ["449", "449"], "and behind a trailer")
is_(answers(b"11000\r\n", b" " * 0x11000, LAST, until=b'"X-Auth"')[0], ["449"],
    "without an end: refused at 64 KiB")
is_(answers(b"11000\r\n", b" " * 0x11000 + b"\r\n0\r\n\r\n", LAST)[0],
    ["449"], "what follows longer content is no request")
is_(answers(b"2\r\n{}\r\nzz\r\n\r\n")[0], ["400"], "broken chunks")
is_(answers(b"2\r\n{}\r\n0\r\n\r\n" + LAST)[1][:2], BOTH,
    "head and content in one answer")
with socket.create_connection(("127.0.0.1", server.port), 30) as slow:
    slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in CHUNKED + b"2\r\n{}\r\n0\r\n\r\n" + LAST:
        slow.sendall(bytes([byte]))
    got = b""
    while got.count(b"HTTP/1.1 449") < 2:
        part = slow.recv(65536)
        if not part:
            break
        got += part
is_(got.count(b"HTTP/1.1 449"), 2, "byte by byte")
for end in (0, 3, 8):
    with socket.create_connection(("127.0.0.1", server.port), 30) as gone:
        gone.sendall(CHUNKED + b"2\r\n{}\r\n"[:end])
is_(ask("GET /api?session=1 HTTP/1.1\nHost: h\n"), 449,
    "clients that leave early do no harm")
is_(len(origin.requests), seen, "none reached the origin")

# --- where another module read the body before -------------------------------
for size in (10, 100000):
    pad = b'{"pad": "' + b"x" * size
    is_(post("/first/x", pad + b'", "b": 1}'), 449,
        "%d bytes: the first policy" % size)
    is_(post("/first/x", pad + b'", "a": 1}'), 449,
        "%d bytes: the second, of a body that is there" % size)
    is_(post("/first/x", pad + b'", "a": 1, "b": 2}'), 200,
        "%d bytes: both" % size)

# --- both halves in one location ---------------------------------------------
echo = []


def challenge(connection, request, self):
    echo.append(request.get("Ms-Echo-Reply"))
    if echo[-1] is None:
        return respond(connection, "449 Retry With",
                       [("Ms-Echo-Request", "tok")], "again\n")
    return respond(connection, "200 OK", [], request.body)


origin.handler = challenge
is_(post("/answer/x", b'{"a":1}'), 449, "the gate refuses before")
is_(echo, [], "what the answering half never sees")
is_(post("/answer/x", b"{}", "X-Auth: 1\n"), 449, "its body too")
is_(post("/answer/x", b'{"a":1}', "X-Auth: 1\n"), 200,
    "a complete one is answered for")
is_(echo, [None, "tok"], "with the upstream's echo")
ok(server.alive() and "[alert]" not in server.err, "nginx is well",
   server.err)
done()
