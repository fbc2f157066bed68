#!/usr/bin/python3
"""A relay that adds values is a target for every page in a browser: what is
not a client of ours gets nothing added (R-30, R-34)."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

SECRET = "page-must-not-have-this"


def answer(connection, request, origin):
    if request.get("X-Key"):
        return respond(connection, "200 OK", [("X-Got", "it")], "secret data")
    return respond(connection, "449 Retry With",
                   [("MS-RetryWith", "Required-Header: X-Key")], "no")


origin = RawOrigin(answer)
supply = write("supply", "origin %s\n    header X-Key value %s\n"
               % (origin.url, SECRET))
relay = retrywith_server("relay", "--to", origin.url, "--supply", supply,
                         "--name", "relay.example:8080")
port = relay.port

# What a client of ours gets; from here on the recall knows the field too.
got = curl("-si", relay.url + "/")
is_(got.status, 200, "a client of ours gets through")
like(got.out, r"(?i)cache-control: private", "its answer is private")
got = curl("-si", "-H", "Host: relay.example:8080", relay.url + "/")
is_(got.status, 200, "so does one that uses the --name")
got = curl("-si", "-H", "Host: localhost:%d" % port, relay.url + "/")
is_(got.status, 200, "so does one that calls loopback localhost")

ROWS = [
    # name, request head lines, method, target, status, may reach the origin
    ("foreign Host", ["Host: evil.example"], "GET", "/", 421, False),
    ("foreign Host with our port", ["Host: evil.example:%d" % port], "GET",
     "/", 421, False),
    ("Host that begins like ours", ["Host: 127.0.0.1.evil.example"], "GET",
     "/", 421, False),
    ("absolute-form, foreign authority", ["Host: 127.0.0.1:%d" % port],
     "GET", "http://evil.example/", 421, False),
    ("absolute-form and Host disagree", ["Host: evil.example"], "GET",
     "http://127.0.0.1:%d/" % port, 421, False),
    ("foreign Origin", ["Host: 127.0.0.1:%d" % port,
                        "Origin: https://evil.example"], "GET", "/", 449,
     True),
    ("null Origin", ["Host: 127.0.0.1:%d" % port, "Origin: null"], "GET",
     "/", 449, True),
    ("foreign Origin, POST", ["Host: 127.0.0.1:%d" % port,
                              "Origin: http://evil.example",
                              "Content-Length: 0"], "POST", "/", 449, True),
    ("cross-site fetch", ["Host: 127.0.0.1:%d" % port,
                          "Sec-Fetch-Site: cross-site"], "GET", "/", 449,
     True),
    ("same-site fetch", ["Host: 127.0.0.1:%d" % port,
                         "Sec-Fetch-Site: same-site"], "GET", "/", 449,
     True),
    ("preflight", ["Host: 127.0.0.1:%d" % port,
                   "Origin: https://evil.example",
                   "Access-Control-Request-Method: PUT"], "OPTIONS", "/",
     449, True),
    ("OPTIONS *", ["Host: 127.0.0.1:%d" % port], "OPTIONS", "*",
     (449, 400, 405), True),
    ("TRACE", ["Host: 127.0.0.1:%d" % port], "TRACE", "/", 405, False),
    ("CONNECT", ["Host: 127.0.0.1:%d" % port], "CONNECT",
     "evil.example:443", (400, 405), False),
    ("no Host", [], "GET", "/", (400, 421), False),
    ("two Hosts", ["Host: 127.0.0.1:%d" % port, "Host: evil.example"],
     "GET", "/", 400, False),
]
for name, head, method, target, status, reaches in ROWS:
    origin.reset()
    data = "\r\n".join(["%s %s HTTP/1.1" % (method, target)] + head +
                       ["Connection: close", "", ""])
    got = raw(port, data).decode("latin-1")
    found = re.match(r"HTTP/1\.1 (\d+)", got)
    code = int(found.group(1)) if found else None
    wanted = status if isinstance(status, tuple) else (status,)
    ok(code in wanted, "%s: %s" % (name, "/".join(map(str, wanted))), got)
    sent = b"".join(r.head for r in origin.requests)
    ok(SECRET.encode() not in sent, name + ": no value added", sent)
    if not reaches:
        is_(len(origin.requests), 0, name + ": not passed on")
    unlike(got, "secret data", name + ": no secret data")
    unlike(got, SECRET, name + ": the value is not shown")

# Who is refused is not asked for a body first.
for field, status in (("Host: evil.example", 421),
                      ("Host: 127.0.0.1:%d\r\nAuthorization: NTLM x" % port,
                       501)):
    got = raw(port, "POST / HTTP/1.1\r\n%s\r\nExpect: 100-continue\r\n"
              "Content-Length: 5\r\n\r\n" % field,
              until=b"\r\n\r\n").decode("latin-1")
    like(got, r"^HTTP/1\.1 %d " % status,
         "%d to a client that waits for 100: at once" % status)

got = raw(port, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: "
          "http://127.0.0.1:%d\r\nConnection: close\r\n\r\n" % (port, port))
like(got.decode("latin-1"), r"^HTTP/1.1 200", "our own Origin is ours")
got = raw(port, "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close"
          "\r\n\r\n").decode("latin-1")
like(got, r"application/problem\+json", "a 421 is a problem+json")
unlike(relay.err, SECRET, "no value in the log")

# Beyond loopback only with --allow or a client's password.
got = retrywith("relay", "--listen", "0.0.0.0:0", "--to", origin.url,
                "--supply", supply)
is_(got.code, 101, "beyond loopback with values: refused")
like(got.err, r"--allow", "and the sentence says what to do")
done()
