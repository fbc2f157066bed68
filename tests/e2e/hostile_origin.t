#!/usr/bin/python3
"""A hostile origin gets four requests at the most and nothing else.

Each case is one raw origin, met twice: by `retrywith fetch`, and by curl
through a relay.  Cites R-5, R-8, R-9, R-14, R-15, R-18, R-37.
"""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

SECRET = "s3cret-value-of-x-key"
SUPPLY = """origin %s
    header X-Key value %s
    header X-Other value other-%s
    query  session value q-%s
"""
FORBIDDEN = ["Host", "Cookie", "Authorization", "Content-Length",
             "Content-Type", "Transfer-Encoding", "Connection", "TE",
             "Trailer", "Upgrade", "Expect", "Range", "If-Match",
             "If-None-Match", "If", "Destination", "Overwrite", "Origin",
             "Referer", "Sec-Fetch-Site", "X-Forwarded-For", "Forwarded",
             "X-HTTP-Method-Override", "Via", "Proxy-Authorization",
             "Keep-Alive"]
ECHO = ("Ms-Echo-Request", "tok")
LIMIT = 100  # seconds; an origin without end lasts longer


def by_fetch(origin, path="/x", *args):
    supply = write("supply-%d" % origin.port,
                   SUPPLY % (origin.url, SECRET, SECRET, SECRET))
    return retrywith("fetch", "-s", "-S", "-i", "--supply", supply,
                     "--max-time", LIMIT, *args, origin.url + path)


def by_relay(origin, path="/x", *args):
    supply = write("supply-%d" % origin.port,
                   SUPPLY % (origin.url, SECRET, SECRET, SECRET))
    relay = retrywith_server("relay", "--to", origin.url, "--supply", supply)
    got = curl("-i", *args, "--max-time", LIMIT, relay.url + path)
    got.worker = max(rss_kib(p)[1] for p in workers_of(relay))
    got.log = relay.err
    ok(relay.alive(), "  the relay is still there")
    relay.stop()
    return got


VEHICLES = (("fetch", by_fetch), ("relay", by_relay))


def meet(name, handler, requests, status, *args, path="/x", more=None):
    """Both vehicles meet the origin: how many requests, which status."""
    for vehicle, drive in VEHICLES:
        origin = RawOrigin(handler)
        got = drive(origin, path, *args)
        label = "%s, %s: " % (name, vehicle)
        low, high = requests if isinstance(requests, tuple) else \
            (requests, requests)
        ok(low <= len(origin.requests) <= high,
           label + "%d to %d requests" % (low, high),
           [r.head for r in origin.requests])
        wanted = status if isinstance(status, tuple) else (status,)
        ok(got.status in wanted, label + "ends with %s"
           % "/".join(str(s) for s in wanted), got)
        ok(got.code not in (28, "timeout"), label + "ends by itself", got)
        if more:
            more(label, got, origin)
        unlike(got.err, SECRET, label + "no secret in messages")
        if vehicle == "relay":
            unlike(got.log, SECRET, label + "no secret in the log")
        origin.close()


# --- challenges without end --------------------------------------------------
def fresh(connection, request, origin):
    return respond(connection, "449 Retry With",
                   [("Ms-Echo-Request", "n%d" % len(origin.requests))], "no")


meet("endless fresh challenges", fresh, (2, 4), 449)


def same(connection, request, origin):
    return respond(connection, "449 Retry With", [ECHO], "no")


meet("the same challenge for ever", same, 2, 449)


def wants_for_ever(connection, request, origin):
    return respond(connection, "449 Retry With",
                   [("MS-RetryWith", "Required-Header: X-Key")], "no")


meet("a requirement that is never satisfied", wants_for_ever, 2, 449)


def wants_more(connection, request, origin):
    wants = ["Required-Header: X-Key", "Required-Header: X-Other",
             "Required-Query: session"]
    return respond(connection, "449 Retry With",
                   [("MS-RetryWith",
                     ", ".join(wants[:len(origin.requests)]))], "no")


meet("another requirement each time", wants_more, (2, 4), 449)


# --- fields that are never set -----------------------------------------------
for field in FORBIDDEN:
    def forbidden(connection, request, origin, field=field):
        return respond(connection, "449 Retry With", [
            ("MS-RetryWith", "Required-Header: " + field),
            ECHO, (field if field not in (
                "Content-Length", "Transfer-Encoding", "Connection",
                "Trailer", "Keep-Alive", "Upgrade") else "X-None", "evil")],
            "no")

    def unchanged(label, got, origin, field=field):
        first, last = origin.requests[0], origin.requests[-1]
        is_(last.all(field), first.all(field), label + "not set")

    meet("asks for " + field, forbidden, (1, 2), 449, more=unchanged)


# --- values that could split a message ---------------------------------------
for label, value in (("bare CR", b"a\rX-Evil: 1"), ("NUL", b"a\0b"),
                     ("control", b"a\x01b"), ("folded", b"a\r\n X-Evil: 1")):
    def split(connection, request, origin, value=value):
        connection.sendall(b"HTTP/1.1 449 Retry With\r\nMs-Echo-Request: " +
                           value + b"\r\nContent-Length: 2\r\n\r\nno")
        return True

    def nothing_evil(label, got, origin):
        ok(all(r.get("X-Evil") is None for r in origin.requests) and
           all(b"\x01" not in r.head and b"\0" not in r.head
               for r in origin.requests),
           label + "no field is smuggled", [r.head for r in origin.requests])

    meet("echo value with " + label, split, (1, 2), (449, 502, None),
         more=nothing_evil)

for size, requests, status in ((8192, 2, 200), (8193, 1, 449)):
    def sized(connection, request, origin, size=size):
        if (request.get("Ms-Echo-Reply") or "") == "e" * size:
            return respond(connection, "200 OK", [], "yes")
        return respond(connection, "449 Retry With",
                       [("Ms-Echo-Request", "e" * size)], "no")

    meet("echo of %d bytes" % size, sized, requests, status)


# --- too much ----------------------------------------------------------------
def bounded(label, got, origin):
    if hasattr(got, "worker") and not ASAN:
        ok(got.worker < 40 * 1024, label + "worker under 40 MiB",
           got.worker)


def big_head(connection, request, origin):
    connection.sendall(b"HTTP/1.1 449 Retry With\r\nMs-Echo-Request: t\r\n" +
                       b"X-Big: " + b"b" * (1 << 20) + b"\r\n\r\n")
    return False


meet("1 MiB of header", big_head, (1, 2), (502, None), more=bounded)


def endless_head(connection, request, origin):
    connection.sendall(b"HTTP/1.1 449 Retry With\r\nMs-Echo-Request: t\r\n")
    for number in range(4000000):
        connection.sendall(b"X-%d: y\r\n" % number * 64)
    return False


meet("endless header lines", endless_head, (1, 2), (502, None), more=bounded)


def endless_103(connection, request, origin):
    for _ in range(2000000):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                           * 64)
    return False


# nginx has passed over them since 1.29, until its time is over.
meet("endless 103", endless_103, (1, 2), (502, 504, 103, None), more=bounded)


def big_body(connection, request, origin):
    if request.get("Ms-Echo-Reply"):
        return respond(connection, "200 OK", [], "yes")
    connection.sendall(b"HTTP/1.1 449 Retry With\r\nMs-Echo-Request: t\r\n"
                       b"Content-Length: 67108864\r\n\r\n")
    for _ in range(1024):
        connection.sendall(b"z" * 65536)
    return True


for vehicle, drive in VEHICLES:
    origin = RawOrigin(big_body)
    got = drive(origin)
    ok(len(origin.requests) <= 2, "64 MiB of 449 body, %s: at most two "
       "requests" % vehicle, len(origin.requests))
    head, _, body = got.raw.partition(b"\r\n\r\n")
    ok((got.status, len(body)) in ((200, 3), (449, 67108864)),
       "64 MiB of 449 body, %s: the answer, or all of the 449" % vehicle,
       (got.status, len(body), got.err))
    bounded("64 MiB of 449 body, %s: " % vehicle, got, origin)


# --- too little --------------------------------------------------------------
def bare(connection, request, origin):
    connection.sendall(b"HTTP/1.1 449 \r\nContent-Length: 0\r\n\r\n")
    return True


meet("449 with nothing", bare, 1, 449)


def cut(connection, request, origin):
    connection.sendall(b"HTTP/1.1 449 Retry With\r\nMs-Echo-Request: t\r\n"
                       b"Content-Length: 1000\r\n\r\npart")
    return False


meet("449 that breaks off", cut, (1, 4), (449, 502, None))


def early_close(connection, request, origin):
    if request.get("Ms-Echo-Reply"):
        return respond(connection, "200 OK", [], "yes")
    connection.sendall(b"HTTP/1.1 449 Retry With\r\nMs-Echo-Request: t\r\n"
                       b"Content-Length: 2\r\nConnection: close\r\n\r\nno")
    return False


def serve_head_first(handler):
    """An origin that answers before it has read the body."""
    def serve(self, connection):
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                block = connection.recv(4096)
                if not block:
                    return
                data += block
            request = Request(data.split(b"\r\n\r\n")[0], b"")
            self.requests.append(request)
            if request.get("Ms-Echo-Reply"):
                body, _ = read_body(connection, request,
                                    data.split(b"\r\n\r\n", 1)[1])
                request.body = body
            handler(connection, request, self)
    return serve


payload, payload_sum = random_file("payload", 5 << 20)
for vehicle, drive in VEHICLES:
    origin = RawOrigin(early_close)
    origin._serve = serve_head_first(early_close).__get__(origin)
    got = drive(origin, "/x", "-T", payload)
    ok(len(origin.requests) <= 4, "449 and close in mid-upload, %s: bounded"
       % vehicle, len(origin.requests))
    ok(got.status in (200, 449, 502, None),
       "449 and close in mid-upload, %s: an honest end" % vehicle, got)
    if got.status == 200:
        is_(hashlib.sha256(origin.requests[-1].body).hexdigest(),
            payload_sum, "449 and close in mid-upload, %s: the whole body"
            % vehicle)


# --- redirects ---------------------------------------------------------------
for code in ("301 Moved", "302 Found", "303 See Other", "307 Temporary",
             "308 Permanent"):
    other = RawOrigin(lambda c, q, o: respond(c, "200 OK", [], "other"))

    def redirect(connection, request, origin):
        if request.get("X-Key") == SECRET:
            return respond(connection, code,
                           [("Location", other.url + "/stolen")])
        return respond(connection, "449 Retry With",
                       [("MS-RetryWith", "Required-Header: X-Key, "
                         "Required-Query: session")], "no")

    origin = RawOrigin(redirect)
    got = by_fetch(origin, "/x", "-L", "-d", "a=b")
    is_(got.status, 200, "redirect %s, fetch -L: arrives" % code)
    seen = b"".join(r.head + r.body for r in other.requests)
    ok(other.requests and SECRET.encode() not in seen and
       b"Ms-Echo" not in seen and b"session" not in seen,
       "redirect %s, fetch -L: no value at the other origin" % code, seen)
    other.reset()
    origin.reset()
    got = by_relay(origin, "/x", "-d", "a=b")
    is_(got.status, int(code[:3]), "redirect %s, relay: handed on" % code)
    is_(len(other.requests), 0, "redirect %s, relay: not followed" % code)
    unlike(got.out, SECRET, "redirect %s, relay: no value shown" % code)


# --- slowly ------------------------------------------------------------------
def drip(connection, request, origin):
    if request.get("Ms-Echo-Reply"):
        return respond(connection, "200 OK", [], "yes")
    connection.sendall(b"HTTP/1.1 449 Retry With\r\nMs-Echo-Request: t\r\n"
                       b"Content-Type: application/problem+json\r\n"
                       b"Content-Length: 4096\r\n\r\n")
    for origin.dripped in range(4096):
        connection.sendall(b" ")
        time.sleep(1)
    return False


origin = RawOrigin(drip)
got = by_fetch(origin)
is_((got.code, got.status, len(origin.requests)), (0, 200, 2),
    "a byte a second of 449 body, fetch: is left") or note(got)
origin = RawOrigin(drip)
relay = retrywith_server("relay", "--to", origin.url)
got = raw(relay.port, "GET /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
          % relay.port, until=b"\r\n\r\n")
like(got.decode(), r"^HTTP/1.1 449 ",
     "a byte a second of 449 body, relay: is not waited for")
is_(len(origin.requests), 1, "a byte a second of 449 body, relay: one request")
done()
