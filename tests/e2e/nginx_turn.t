#!/usr/bin/python3
"""One obtain at a time: many cold requests, one fetch, over two workers."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

COUNT = 32
FAILING = [0]
fetching = threading.Event()
release = threading.Event()


def handler(connection, request, origin):
    if request.target == "/token":
        fetching.set()
        release.wait(DEADLINE)
        with origin.lock:
            FAILING[0] -= 1
            fails = FAILING[0] >= 0
        if fails:
            return respond(connection, "404 Not Found", [], "no token")
        return respond(connection, "200 OK", [("X-CSRF-Token", "t-" +
                                               (request.get("Cookie") or
                                                "0"))])
    if not request.get("X-CSRF-Token"):
        return respond(connection, "403 Forbidden", [
            ("X-CSRF-Token", "Required")], "token required")
    return respond(connection, "200 OK", [], "done with " +
                   request.get("X-CSRF-Token") + " " +
                   request.body.decode())


DIALECT = """dialect csrf
    about     a token that is fetched first
    source    a test
    when      status 403
    when      response-header X-CSRF-Token value Required
    fetch     GET /token with header X-CSRF-Token Fetch
    set       header X-CSRF-Token from response-header X-CSRF-Token
    repeat    any
    remember  %s
"""
origin = RawOrigin(handler)
server = nginx("""
    upstream origin { server 127.0.0.1:%d; keepalive 64; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    retry_with_answer on;
    retry_with_origin %s;
    add_header X-Worker $pid always;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location / {
            retry_with_dialect %s;
            retry_with_recall zone=a:128k;
            proxy_pass http://origin;
        }
        location /passing/ {
            retry_with_dialect %s;
            retry_with_recall zone=b:128k;
            proxy_pass http://origin;
        }
    }
""" % (origin.port, origin.url, write("a.dialect", DIALECT % "origin"),
       write("b.dialect", DIALECT % "request")), module=True, workers=2)


def connect(path, cookie):
    connection = socket.create_connection(("127.0.0.1", server.port),
                                          DEADLINE)
    connection.sendall(
        ("POST %s HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n%sContent-Length: 4\r\n"
         "\r\nbody" % (path, server.port,
                       "Cookie: %s\r\n" % cookie if cookie else "")).encode())
    return connection


def read_all(connection):
    got = b""
    try:
        while True:
            block = connection.recv(65536)
            if not block:
                break
            got += block
    except OSError:
        pass
    connection.close()
    return got.decode()


def start(path="/x", cookie="", count=COUNT):
    """Begin that many requests; all have been asked for the token."""
    origin.reset()
    fetching.clear()
    release.clear()
    made = [connect(path, cookie) for _ in range(count)]
    fetching.wait(DEADLINE)
    wait_for(lambda: len(asked()) >= count, "all requests to be challenged")
    return made


def asked():
    with origin.lock:
        return [r for r in origin.requests if r.target != "/token" and
                not r.get("X-CSRF-Token")]


def fetches():
    return len([r for r in origin.requests if r.target == "/token"])


def statuses(got):
    return sorted(int(text.split()[1]) if text else 0 for text in got)


made = start()
is_(fetches(), 1, "while the first fetches, nobody else does")
release.set()
got = [read_all(c) for c in made]
is_(statuses(got), [200] * COUNT, "all are answered")
is_(fetches(), 1, "%d cold requests, one fetch" % COUNT)
is_(len({re.search(r"X-Worker: (\d+)", text).group(1) for text in got}), 2,
    "both workers had some of them")
is_({text.rsplit("\r\n", 1)[-1] for text in got}, {"done with t-0 body"},
    "each with its own body and the one token")
is_(len(origin.requests), 2 * COUNT + 1, "and nothing was sent twice more")

made = start(cookie="a=1")
is_(fetches(), 1, "another client has a scope of its own")
release.set()
got = [read_all(c) for c in made]
is_((statuses(got), fetches()), ([200] * COUNT, 1), "one fetch for it")

FAILING[0] = 1
made = start(cookie="a=2")
release.set()
got = [read_all(c) for c in made]
is_(statuses(got), [200] * (COUNT - 1) + [403],
    "the first fails: its client gets what asked for the token")
is_(fetches(), 2, "the next one fetches for all others")

FAILING[0] = 0
origin.reset()
fetching.clear()
release.clear()
first = connect("/x", "a=3")
fetching.wait(DEADLINE)
made = [connect("/x", "a=3") for _ in range(COUNT - 1)]
wait_for(lambda: len(asked()) == COUNT, "all to be challenged")
first.close()
wait_for(lambda: fetches() == 2, "the next to fetch")
is_(fetches(), 2, "the first one's client leaves: the next one fetches")
release.set()
got = [read_all(c) for c in made]
is_((statuses(got), fetches()), ([200] * (COUNT - 1), 2),
    "the others are answered")

made = start(cookie="a=4", count=8)
for connection in made[2:]:
    connection.close()
release.set()
got = [read_all(c) for c in made[:2]]
# A turn may pass to some who have left already, before nginx sees it.
is_(statuses(got), [200, 200], "those who leave while they wait do no harm")
ok(fetches() <= 7, "and each of them was given one turn at the most",
   fetches())

first = start(cookie="a=5", count=1)
before = workers_of(server)
for pid in before:
    os.kill(pid, signal.SIGKILL)
wait_for(lambda: len(workers_of(server)) == 2 and
         not set(before) & set(workers_of(server)), "other workers")
second = connect("/x", "a=5")
wait_for(lambda: fetches() == 2, "the next to fetch, long before 30 s")
is_(fetches(), 2, "a worker dies while it fetches: the next request fetches")
release.set()
is_(statuses([read_all(second)]), [200], "and is answered")

made = start("/passing/x", count=4)
wait_for(lambda: fetches() == 4, "each to fetch")
release.set()
is_(statuses([read_all(c) for c in made]), [200] * 4,
    "what is not remembered is fetched by each, at once")
server.stop()
done()
