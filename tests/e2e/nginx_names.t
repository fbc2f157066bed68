#!/usr/bin/python3
"""The module as a relay, without the launcher: names, loops, hrefs, and a
slow client of a long multistatus."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

HREF = "<D:response><D:href>%s/dav/x%d</D:href></D:response>\n"


def multistatus(count):
    return ("<?xml version=\"1.0\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n" +
            "".join(HREF % (origin.url, i) for i in range(count)) +
            "</D:multistatus>\n")


def handler(connection, request, origin):
    if request.method == "PROPFIND":
        count = int(request.target.split("/")[-1])
        if "chunked" in request.target:
            connection.sendall(b"HTTP/1.1 207 Multi-Status\r\nContent-Type: "
                               b"text/xml\r\nTransfer-Encoding: chunked\r\n"
                               b"\r\n")
            data = multistatus(count).encode()
            for i in range(0, len(data), 7):
                piece = data[i:i + 7]
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")
            return True
        return respond(connection, "207 Multi-Status", [
            ("Content-Type", "application/xml; charset=utf-8")],
            multistatus(count))
    if request.target.startswith("/dav/moved"):
        return respond(connection, "201 Created", [
            ("Location", origin.url + "/dav/new%2F"),
            ("Content-Location", "/dav/new"),
            ("Set-Cookie", "a=b; Path=/dav; Domain=127.0.0.1"),
            ("Connection", "X-One"), ("Connection", "X-Two"),
            ("X-One", "1"), ("X-Two", "2"), ("X-Three", "3")], "")
    return respond(connection, "200 OK", [], "fine")


origin = RawOrigin(handler)
server = nginx("""
    upstream origin { server 127.0.0.1:%d; keepalive 8; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $retry_with_origin;
    proxy_redirect off;
    absolute_redirect off;
    proxy_max_temp_file_size 0;
    retry_with_answer on;
    server {
        listen 127.0.0.1:%%PORT%% sndbuf=16k;
        listen 127.0.0.1:%%PORT2%%;
        retry_with_names 127.0.0.1:%%PORT%%;
        location / {
            retry_with_rewrite %s/dav;
            proxy_pass http://origin;
        }
        location /loop/ {
            retry_with_rewrite http://127.0.0.1:%%PORT%%;
            proxy_pass http://127.0.0.1:%%PORT%%;
        }
    }
""" % (origin.port, origin.url), module=True)
port, url = server.port, server.url


def ask(*args):
    origin.reset()
    return curl("-i", *args)


got = ask("-X", "MOVE", "-H", "Destination: %s/new" % url, "-H",
          "If: <%s/x> (<token>)" % url, "-H", "Via: 1.0 before", "-H",
          "Connection: X-Mine", "-H", "Connection: X-Other", "-H",
          "X-Mine: 1", "-H", "X-Other: 2", "-H", "X-Kept: 3",
          "--path-as-is", url + "/moved//%2F/../?q=")
request = origin.requests[0]
is_(request.target, "/dav/moved//%2F/../?q=", "the prefix, then raw bytes")
is_(request.get("Host"), "127.0.0.1:%d" % origin.port, "Host")
is_(request.get("Destination"), origin.url + "/dav/new", "Destination")
is_(request.get("If"), "<%s/dav/x> (<token>)" % origin.url, "tagged If")
is_((request.get("X-Mine"), request.get("X-Other"), request.get("X-Kept")),
    (None, None, "3"), "what both Connection lines name stays here")
like(", ".join(request.all("Via")),
     r"^1\.0 before, 1\.1 retrywith-[0-9a-f]{8}$", "Via is added behind")
like(got.out, r"(?m)^Location: (%s)?/new%%2F\r$" % url, "Location")
like(got.out, r"(?m)^Content-Location: /new\r$", "Content-Location")
like(got.out, r"(?m)^Set-Cookie: a=b; Path=/(\r$|;)", "Set-Cookie")
unlike(got.out, "X-One|X-Two", "the origin's own hop-by-hop fields stay")
like(got.out, r"(?m)^X-Three: 3\r$", "others do not")

# --- loops -------------------------------------------------------------------
got = ask(url + "/loop/x")
is_(got.status, 508, "a loop ends with 508")
like(got.out, '"status":508', "and says so")
is_(ask("-X", "OPTIONS", "-H", "Max-Forwards: 0", url + "/x").status, 200,
    "Max-Forwards: 0 is answered here")
is_(len(origin.requests), 0, "and not passed on")
ask("-X", "OPTIONS", "-H", "Max-Forwards: 7", url + "/x")
is_(origin.requests[0].get("Max-Forwards"), "6", "Max-Forwards counts down")
got = ask("http://127.0.0.1:%d/x" % server.ports[1])
is_((got.status, len(origin.requests)), (421, 0), "another Host: 421")
got = ask("-X", "POST", "-d", "x=y", "-H", "Host: evil.example", url + "/x")
is_((got.status, len(origin.requests)), (421, 0), "with a body, too")
got = raw(port, "GET http://evil.example/x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
          "Connection: close\r\n\r\n" % port)
like(got.decode("latin-1"), "^HTTP/1.1 421 ", "absolute-form: 421")

# --- hrefs -------------------------------------------------------------------
for path in ("/0", "/1", "/300", "/5000", "/chunked/100"):
    got = ask("--max-time", "20", "-X", "PROPFIND", url + path)

    body = got.out.split("\r\n\r\n", 1)[1]
    count = int(path.split("/")[-1])
    is_(got.status, 207, "PROPFIND " + path)
    unlike(body, re.escape(origin.url), path + ": no name of the origin")
    is_(body.count("<D:href>/x") + body.count("<D:href>%s/x" % url), count,
        path + ": every href")
    ok(body.endswith("</D:multistatus>\n"), path + ": whole")

with socket.create_connection(("127.0.0.1", port)) as slow:
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    slow.sendall(b"PROPFIND /200000 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                 b"Connection: close\r\n\r\n" % port)
    data = bytearray(slow.recv(4096))
    time.sleep(1)
    before = max(rss_kib(pid)[1] for pid in workers_of(server))
    while True:
        block = slow.recv(1 << 16)
        if not block:
            break
        data.extend(block)
is_(data.count(b"<D:href>"), 200000, "a slow client gets all of a long one")
ok(data.endswith(b"0\r\n\r\n"), "to its end")
if not ASAN:
    ok(before < 24 * 1024, "of which a worker held little", "%d KiB" % before)
unlike(server.err, "runtime error:|Sanitizer", "no sanitizer report")
server.stop()
done()
