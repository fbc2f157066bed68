#!/usr/bin/python3
"""The second request needs no 449 (R-13, R-16, R-17), and bodies of any
size are the same bytes (R-10)."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

# An origin of nginx alone, so that it can count at any speed.
ORIGIN = """
log_format count '$http_x_turn $status';
client_max_body_size 0;
server {
    listen 127.0.0.1:%PORT%;
    access_log LOG count;
    keepalive_requests 100000;
    location /hint {
        if ($http_x_key != "k1") {
            add_header MS-RetryWith "Required-Header: X-Key" always;
            return 449 "no\\n";
        }
        return 200 "yes\\n";
    }
    location /missing {
        default_type application/problem+json;
        set $lacks "";
        if ($http_x_key != "k1") { set $lacks "h"; }
        if ($arg_session != "s1") { set $lacks "${lacks}q"; }
        if ($lacks != "") {
            return 449 '{"type":"urn:x-retrywith:missing","status":449,"missing":[{"in":"header","name":"X-Key"},{"in":"query","name":"session"}]}';
        }
        return 200 "yes\\n";
    }
    location /transmission/rpc {
        if ($http_x_transmission_session_id != "sid-1") {
            add_header X-Transmission-Session-Id sid-1 always;
            return 409 "no\\n";
        }
        return 200 "yes\\n";
    }
}
""".replace("LOG", scratch + "/origin.log")
origin = nginx(ORIGIN)


def counted(turn, answers):
    """Requests of a turn that the origin got, and how many it refused.  Its
    log comes late: so many answers are waited for."""
    def read():
        with open(scratch + "/origin.log") as file:
            lines = [l.split()[1] for l in file if l.startswith(turn + " ")]
        return len(lines), sum(1 for l in lines if l in ("449", "409"))

    def is_there():
        lines, refused = read()
        return lines - refused >= answers

    wait_for(is_there, "the origin's log")
    return read()


supply = write("supply", "origin %s\n    header X-Key value k1\n"
               "    query session value s1\n" % origin.url)
CONNECTIONS, COLD, REQUESTS = 64, 640, 6400
for name, path in (("ms-retrywith", "/hint"), ("missing", "/missing"),
                   ("transmission", "/transmission/rpc")):
    # from cold, 64 connections at once over two workers
    relay = retrywith_server("relay", "--to", origin.url, "--supply", supply,
                             "--workers", "2")
    turn = name + "-cold"
    got = run("h2load", "--h1", "-n", COLD, "-c", CONNECTIONS, "-H",
              "X-Turn: " + turn, relay.url + path)
    like(got.out, r"%d 2xx" % COLD, name + ": cold, all answered 200")
    seen = counted(turn, COLD)
    ok(0 < seen[1] <= CONNECTIONS,
       name + ": cold, at most one challenge per connection", seen)
    # warm
    turn = name + "-warm"
    got = run("h2load", "--h1", "-n", REQUESTS, "-c", CONNECTIONS, "-H",
              "X-Turn: " + turn, relay.url + path)
    like(got.out, r"%d 2xx" % REQUESTS, name + ": warm, all answered 200")
    is_(counted(turn, REQUESTS), (REQUESTS, 0),
        name + ": warm, 1.00 requests per client request, no challenge")
    # the same after a reload
    reload(relay, 2)
    turn = name + "-reloaded"
    for _ in range(20):
        curl("-si", "-H", "X-Turn: " + turn, relay.url + path)
    is_(counted(turn, 20), (20, 0), name + ": still known after a reload")
    relay.stop()

# --- fetch: across processes by --recall -------------------------------------
recall = scratch + "/recall"
for turn, challenges in ((1, 1), (2, 0), (3, 0)):
    got = retrywith("fetch", "-s", "--supply", supply, "--recall", recall,
                    "-H", "X-Turn: fetch-%d" % turn, origin.url + "/hint/x")
    is_((got.code, got.out), (0, "yes\n"), "fetch %d: answered" % turn)
    is_(counted("fetch-%d" % turn, 1),
        (1 + challenges, challenges),
        "fetch %d: %d challenge" % (turn, challenges))
is_(oct(os.stat(recall).st_mode & 0o777), "0o600", "the recall file is 0600")
unlike(open(recall).read(), "k1", "no supplied value is in it")

# --- a value that went stale -------------------------------------------------
current = ["a1"]


def rotating(connection, request, origin):
    if request.get("X-Transmission-Session-Id") != current[0]:
        return respond(connection, "409 Conflict",
                       [("X-Transmission-Session-Id", current[0])], "no")
    return respond(connection, "200 OK", [], "yes")


server = RawOrigin(rotating)
relay = retrywith_server("relay", "--to", server.url)
for value, requests in (("a1", 2), ("a1", 1), ("b2", 2), ("b2", 1)):
    current[0] = value
    server.reset()
    got = curl("-si", "-d", '{"method":"x"}', relay.url + "/transmission/rpc")
    is_((got.status, len(server.requests)), (200, requests),
        "session %s: %d requests" % (value, requests))
relay.stop()

# --- 200 MiB, both ways ------------------------------------------------------
dav = apache_dav()
guard = echo_guard(dav.url)
relay = Process([RELEASE + "/bin/retrywith", "relay", "--listen",
                 "127.0.0.1:0", "--to", guard.url, "--max-body", "1g"])
relay.port = int(relay.read_line().rsplit(":", 1)[1])
path, digest = random_file("big", 200 << 20)
got = curl("-si", "-T", path, relay.url + "/big")
is_(got.status, 201, "200 MiB upload with a retry")
is_(sha256_file(dav.htdocs + "/big"), digest, "byte for byte")
got = curl("-s", "-o", scratch + "/down", relay.url + "/big")
is_(sha256_file(scratch + "/down"), digest, "200 MiB download, byte for byte")
top = max(rss_kib(p)[1] for p in workers_of(relay))
ok(top < 40 * 1024, "a worker stayed under 40 MiB: %d KiB" % top)

# --- fetch with Expect and an early 449 sends the body once -------------------
def expecting(connection, request, origin):
    if not request.get("Ms-Echo-Reply"):
        # the body was not read: an early answer instead of 100
        return respond(connection, "449 Retry With",
                       [("Ms-Echo-Request", "t")], "no", close=True)
    if request.get("Expect"):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.body, _ = read_body(connection, request, b"")
    origin.bytes = getattr(origin, "bytes", 0) + len(request.body)
    return respond(connection, "200 OK", [], "yes")


server = RawOrigin(expecting)
small, small_digest = random_file("small", 3 << 20)
got = retrywith("fetch", "-s", "-H", "Expect: 100-continue", "-T", small,
                server.url + "/x")
is_((got.code, got.out), (0, "yes"), "fetch with Expect and an early 449")
is_(server.bytes, 3 << 20, "the body went once")
done()
