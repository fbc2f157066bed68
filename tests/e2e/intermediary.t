#!/usr/bin/python3
"""The relay is an honest intermediary (RFC 9110 7.6; R-31, R-32, R-35)."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *


def answer(connection, request, origin):
    if request.target.startswith("/204"):
        connection.sendall(b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n")
        return True
    if request.target.startswith("/304"):
        connection.sendall(b"HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n"
                           b"Content-Length: 77\r\n\r\n")
        return True
    if request.method == "HEAD":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n"
                           b"X-A: 1\r\n\r\n")
        return True
    if request.target.startswith("/accel"):
        return respond(connection, "200 OK", [
            ("X-Accel-Redirect", "/elsewhere"), ("X-Accel-Expires", "60"),
            ("X-Accel-Limit-Rate", "1"), ("X-Accel-Charset", "x")], "accel")
    if request.target.startswith("/events"):
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
                           b"Content-Type: text/event-stream\r\n"
                           b"X-Accel-Buffering: no\r\n\r\ndata: first\n\n")
        was_read.wait(DEADLINE)
        connection.sendall(b"data: second\n\n")
        return False
    if request.target.startswith("/cookie") and \
            not request.get("Ms-Echo-Reply"):
        return respond(connection, "449 Retry With", [
            ("Ms-Echo-Request", "t"), ("Set-Cookie", "from449=1; Path=/"),
            ("Set-Cookie", "second=2")], "no")
    if request.target.startswith("/cookie"):
        return respond(connection, "200 OK",
                       [("Set-Cookie", "final=3")], "yes")
    return respond(connection, "200 OK", [
        ("X-Dup", "one"), ("X-Between", "b"), ("X-Dup", "two"),
        ("Connection", "keep-alive, X-Hop"), ("X-Hop", "hop"),
        ("Keep-Alive", "timeout=5"), ("Via", "1.1 elsewhere")], "body")


was_read = threading.Event()
origin = RawOrigin(answer)
relay = retrywith_server("relay", "--to", origin.url)
port = relay.port
HOST = "Host: 127.0.0.1:%d" % port


def send(line, *fields, body="", close=True):
    origin.reset()
    lines = [line, HOST, *fields] + (["Connection: close"] if close else [])
    return raw(port, "\r\n".join(lines) + "\r\n\r\n" + body) \
        .decode("latin-1")


# --- the raw target ----------------------------------------------------------
for target in ("/", "/a%2Fb", "/a%2fb", "/a/../b", "/a/./b", "/;x=1;y",
               "//double//slash", "/empty?", "/q?a=b&a=c&", "/q?%41=%zz"
              , "/sp%20ace", "/uml%C3%BC",
               "/colon:at@", "/a?b?c", "/%7Euser", "/~user", "/a//b/",
               "/a/..%2F", "/x%01y", "/'!$&()*+,="):
    got = send("GET %s HTTP/1.1" % target)
    is_(origin.requests and origin.requests[0].target, target,
        "raw target %s" % target)

# --- methods -----------------------------------------------------------------
for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS",
               "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK",
               "UNLOCK", "REPORT", "SEARCH", "M-SEARCH", "QUERY", "PURGE"):
    got = send("%s /m HTTP/1.1" % method, "Content-Length: 0")
    is_(origin.requests and origin.requests[0].method, method,
        "method %s reaches the origin" % method)

# --- hop-by-hop, order, duplicates -------------------------------------------
got = send("GET /f HTTP/1.1", "X-One: 1", "X-Dup: a", "X-Two: 2", "X-Dup: b",
           "TE: trailers", "Keep-Alive: 5", "Upgrade: h2c",
           "Connection: X-Private, Upgrade, close", "X-Private: p",
           "Proxy-Connection: x", "X_under: u", "X-Empty:", close=False)
request = origin.requests[0]
is_(request.all("X-Dup"), ["a", "b"], "duplicate fields stay, in order")
names = [n.lower() for n, _ in request.fields]
ok(names.index("x-one") < names.index("x-dup") < names.index("x-two"),
   "fields keep their order", names)
for name in ("TE", "Keep-Alive", "Upgrade", "X-Private", "Proxy-Connection"):
    is_(request.get(name), None, name + " is not forwarded")
is_(request.get("X_under"), "u", "a name with _ is forwarded")
is_(request.get("X-Empty"), "", "an empty value is forwarded")
like(request.get("Via") or "", r"1\.1 ", "Via is added")
is_(request.get("Host"), "127.0.0.1:%d" % origin.port,
    "Host is the origin's")
is_(re.findall(r"(?m)^X-Dup: (\w+)", got), ["one", "two"],
    "duplicate response fields stay, in order")
unlike(got, r"(?m)^X-Hop:", "a field named by Connection is not forwarded")
unlike(got, r"timeout=5", "the origin's Keep-Alive is not forwarded")
like(got, r"(?m)^Via: .*elsewhere", "the origin's Via stays")
like(got, r"(?m)^Via: (.*, )?1\.1 retrywith-", "and ours is added")

# --- 204, 304, HEAD ----------------------------------------------------------
got = send("GET /204 HTTP/1.1")
like(got, r"^HTTP/1.1 204[^\0]*\r\n\r\n$", "204 has no body")
unlike(got, r"(?i)transfer-encoding|content-length: [1-9]",
       "204 has no framing")
got = send("GET /304 HTTP/1.1")
like(got, r"^HTTP/1.1 304[^\0]*\r\n\r\n$", "304 has no body")
got = send("HEAD /h HTTP/1.1")
like(got, r"(?i)content-length: 12345\r\n", "HEAD: the length as it was")
like(got, r"\r\n\r\n$", "HEAD: no body")

# --- Max-Forwards, loops -----------------------------------------------------
got = send("OPTIONS /o HTTP/1.1", "Max-Forwards: 0", "Content-Length: 0")
is_(len(origin.requests), 0, "OPTIONS with Max-Forwards 0 is not forwarded")
like(got, r"^HTTP/1.1 (200|204)", "it is answered")
got = send("OPTIONS /o HTTP/1.1", "Max-Forwards: 3", "Content-Length: 0")
is_(origin.requests and origin.requests[0].get("Max-Forwards"), "2",
    "Max-Forwards is counted down")
got = send("GET /m HTTP/1.1", "Max-Forwards: 0")
is_(len(origin.requests), 1, "GET ignores Max-Forwards")
via = origin.requests[0].get("Via") if origin.requests else "1.1 x"
got = send("GET /loop HTTP/1.1", "Via: " + via)
is_((len(origin.requests), got[:12]), (0, "HTTP/1.1 508"),
    "a request that has passed here before is refused")
second = retrywith_server("relay", "--to", relay.url)
got = curl("-si", second.url + "/two")
is_(got.status, 200, "two relays in a row are no loop")

# --- smuggling ---------------------------------------------------------------
for name, fields, body in (
        ("two Content-Length", ["Content-Length: 1", "Content-Length: 2"],
         "ab"),
        ("Content-Length and chunked", ["Content-Length: 3",
                                        "Transfer-Encoding: chunked"],
         "0\r\n\r\n"),
        ("unknown coding", ["Transfer-Encoding: x, chunked"], "0\r\n\r\n"),
        ("folded field", ["X-A: 1\r\n folded"], ""),
        ("space before colon", ["Content-Length : 3"], "abc"),
        ("NUL in a value", ["X-A: a\0b"], ""),
        ("bad chunk size", ["Transfer-Encoding: chunked"], "zz\r\nab\r\n")):
    got = send("POST /s HTTP/1.1", *fields, body=body)
    ok(re.match(r"HTTP/1\.1 (400|501)", got) is not None or
       (name == "space before colon" and not origin.requests) or
       (name == "folded field" and
        not any("folded" in str(r.head) and r.get("X-A") == "1"
                for r in origin.requests)),
       name + ": refused", got[:200])
    ok(all(len(r.all("Content-Length")) + len(r.all("Transfer-Encoding")) < 2
           for r in origin.requests), name + ": one framing upstream")

# --- cookies of a swallowed 449 ----------------------------------------------
got = send("GET /cookie HTTP/1.1")
cookies = re.findall(r"(?mi)^Set-Cookie: (\w+)=", got)
is_(sorted(cookies), ["final", "from449", "second"],
    "Set-Cookie of the swallowed 449 reaches the client")

# --- what means something to nginx is the origin's own -------------------------
got = send("GET /accel HTTP/1.1")
ok(got.endswith("accel") or "accel\r\n0" in got,
   "X-Accel-Redirect leads nowhere", got)
is_(re.findall(r"(?m)^(X-Accel-\S+): ", got),
    ["X-Accel-Redirect", "X-Accel-Expires", "X-Accel-Limit-Rate",
     "X-Accel-Charset"], "such fields reach the client")
is_([r.target for r in origin.requests], ["/accel"], "and nothing else is asked")

# --- what comes back to WebDAV's methods is translated, so it is not coded ------
for method, coding in (("GET", "gzip, br"), ("POST", "gzip, br"),
                       ("PROPFIND", None), ("REPORT", None), ("LOCK", None),
                       ("DELETE", None)):
    send(method + " /dav HTTP/1.1", "Accept-Encoding: gzip, br", "X-A: 1",
         "Content-Length: 0")
    is_((origin.requests[0].get("Accept-Encoding"),
         origin.requests[0].get("X-A")), (coding, "1"),
        "Accept-Encoding with " + method)

# --- fields that a CGI behind would take for framing ---------------------------
send("POST /cgi HTTP/1.1", "Content_Length: 77", "Transfer_Encoding: chunked",
     "Proxy_Connection: x", "Content-Length: 2", body="ab")
is_([n for n, _ in origin.requests[0].fields if "_" in n],
    ["Proxy_Connection"], "Content_Length and Transfer_Encoding do not pass")

# --- events come when they are sent, an end or not ----------------------------
gate = retrywith_server("gate", "--to", origin.url, "--require",
                        "GET /x: header X-Key")
for server in (relay, gate):
    was_read.clear()
    with socket.create_connection(("127.0.0.1", server.port),
                                  DEADLINE / 2) as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                           b"Connection: close\r\n\r\n" % server.port)
        data = b""
        try:
            while b"data: first" not in data:
                data += connection.recv(4096)
            was_read.set()
            while b"data: second" not in data:
                data += connection.recv(4096)
        except OSError:
            was_read.set()
    like(data.decode(), r"(?s)data: first\n\n.*data: second",
         server.ready.split()[1] + ": an event does not wait for the next")
gate.stop()

# --- one connection carries many requests ------------------------------------
with socket.create_connection(("127.0.0.1", port), 60) as connection:
    answered = 0
    for number in range(5):
        connection.sendall(("GET /k%d HTTP/1.1\r\n%s\r\n\r\n"
                            % (number, HOST)).encode())
        data = block = b""
        while not data.endswith((b"\r\n\r\nbody", b"0\r\n\r\n")):
            block = connection.recv(4096)
            if not block:
                break
            data += block
        answered += data.startswith(b"HTTP/1.1 200 ")
    is_(answered, 5, "five requests over one connection")
is_(len(retrywith("relay", "--print-config", "--to", origin.url).out
        .split("proxy_pass")) > 1, True,
    "--print-config shows a configuration with proxy_pass")
done()
