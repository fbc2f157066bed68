#!/usr/bin/python3
"""retrywith fetch: a refusal in the middle of an upload, and one recall file
that many processes use at once."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *

# --- 449 in mid-upload ---------------------------------------------------------


class Early(RawOrigin):
    """Answers when it has seen that much of the content."""

    after = 0
    how = "close"

    def _serve(self, connection):
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                block = connection.recv(4096)
                if not block:
                    return
                data += block
            head, rest = data.split(b"\r\n\r\n", 1)
            request = Request(head, b"")
            self.requests.append(request)
            length = int(request.get("Content-Length") or 0)
            if request.get("Ms-Echo-Reply"):
                if request.get("Expect"):
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.body, _ = read_body(connection, request, rest)
                respond(connection, "200 OK", [], "whole", close=True)
                return
            if request.get("Expect") and self.after > 0:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            seen = len(rest)
            while seen < min(self.after, length):
                seen += len(connection.recv(65536))
            respond(connection, "449 Retry With", [("Ms-Echo-Request", "m")],
                    "refused", close=True)
            if self.how == "drain":
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(5)
                while connection.recv(65536):
                    pass
            elif self.how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      b"\1\0\0\0\0\0\0\0")


big, digest = random_file("big", 6 << 20)
for how in ("drain", "close", "reset"):
    for after in (0, 100000, 3 << 20):
        for words in ([], ["-H", "Expect:"]):
            origin = Early(None)
            origin.how, origin.after = how, after
            label = "449 after %d bytes, then %s%s: " % (
                after, how, ", no Expect" if words else "")
            got = retrywith("fetch", "-T", big, *words, "--max-time", "20",
                            origin.url + "/x")
            is_honest = got.code == 0 and got.out == "whole" and \
                hashlib.sha256(origin.requests[-1].body).hexdigest() == digest
            if how == "drain":
                ok(is_honest, label + "gets through", (got, [(r.line, len(r.body), hashlib.sha256(r.body).hexdigest(), r.get("Ms-Echo-Reply")) for r in origin.requests], digest))
            else:
                # What the peer threw away cannot be known: an error, or it.
                ok(is_honest or got.code in (52, 55, 56), label +
                   "gets through or says why not", got)
                ok(is_honest or got.err.startswith("retrywith: "), label +
                   "in a sentence", got)
            ok(len(origin.requests) <= 4, label + "bounded",
               len(origin.requests))
            origin.close()

# --- an upload that takes longer than the answer's head may -------------------


class Slow(RawOrigin):
    """Takes a piece every 20 ms, and lets the system keep little of the rest:
    what is not taken waits with the client, whose last write is long over."""

    piece = 1 << 14

    def __init__(self):
        super().__init__(None)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                 self.piece)

    def _serve(self, connection):
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(4096)
            head, rest = data.split(b"\r\n\r\n", 1)
            left = int(Request(head, b"").get("Content-Length")) - len(rest)
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"
                               if b"100-continue" in head else b"")
            while left > 0:
                left -= len(connection.recv(self.piece))
                time.sleep(0.02)
            respond(connection, "200 OK", [], "slowly", close=True)


# 192 pieces: at least 3.8 s, and never more than 2 pieces with the origin.
long, _ = random_file("long", 3 << 20)
for words in (["-T", long], ["-F", "f=@" + long]):
    origin = Slow()
    start_s = time.monotonic()
    got = retrywith("fetch", "--head-timeout", "1.5", *words,
                    origin.url + "/slow")
    origin.close()
    ok(got.code == 0 and got.out == "slowly" and
       time.monotonic() - start_s > 3,
       "%s: an upload that goes on is not ended by --head-timeout"
       % words[0], (got, time.monotonic() - start_s))


class Stopped(RawOrigin):
    """Takes the head, and then nothing."""

    def _serve(self, connection):
        with connection:
            connection.recv(4096)
            self.end.wait(60)


origin = Stopped(None)
origin.end = threading.Event()
got = retrywith("fetch", "--head-timeout", "0.5", "-T", long, "-H", "Expect:",
                origin.url + "/stopped")
origin.end.set()
is_(got.code, 103, "an upload that nobody takes is ended by --head-timeout")
origin.close()

# --- eight at once --------------------------------------------------------------


def wants_own(connection, request, origin):
    name = "X-Key" + request.target[1:]
    if request.get(name) != "v" + request.target[1:]:
        return respond(connection, "449 R",
                       [("MS-RetryWith", "Required-Header: " + name)], "")
    return respond(connection, "200 OK", [], "ok")


origin = RawOrigin(wants_own)
recall = scratch + "/recall"


def start(number):
    return Process([RETRYWITH, "fetch", "-s", "--recall", recall, "--give",
                    "header X-Key%d=v%d" % (number, number), "-o",
                    "/dev/null", "-w", "%{retrywith_attempts}",
                    "%s/%d" % (origin.url, number)], sanitized=True)


for expected, name in ((b"2", "the first time: two sends"),
                       (b"1", "the second time one: nothing was lost")):
    running = [start(n) for n in range(8)]
    ends = [p.wait() for p in running]
    is_(ends, [0] * 8, "eight at once, %s: all get through" % name)
    is_([p.popen.stdout.read() for p in running], [expected] * 8,
        "eight at once, " + name)
is_(os.stat(recall).st_mode & 0o777, 0o600, "the file is 0600")
unlike(open(recall).read(), r"\bv[0-7]\b", "and holds no value")
is_([n for n in os.listdir(scratch) if n.startswith("recall") and
     n not in ("recall", "recall.lock")], [], "no other file is left")
done()
