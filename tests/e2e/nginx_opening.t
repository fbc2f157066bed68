#!/usr/bin/python3
"""What a worker of nginx keeps ready for a location is what the recall and
the supply say now: learned and displaced by another worker, of another
origin, changed by a reload; and a challenge after it is still answered."""
import http.client
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

WANTED = {"key": "the-first-value"}


def named(connection, name, extra=()):
    return respond(connection, "449 Retry With",
                   [("MS-RetryWith", "Required-Header: " + name), *extra], "no")


def handler(connection, request, origin):
    path = request.target.split("?")[0]
    if path.startswith("/many/"):
        name = "X-N" + path.split("/")[2]
        if request.get(name) != "n":
            return named(connection, name)
    elif path.startswith("/echo/"):
        if request.get("X-Key") != WANTED["key"]:
            return named(connection, "X-Key")
        if "echo" in WANTED and request.get("Ms-Echo-Reply") != "tok":
            return respond(connection, "449 Retry With",
                           [("Ms-Echo-Request", "tok")], "no")
    elif path.startswith("/session/"):
        if request.get("X-Transmission-Session-Id") != WANTED.get("session"):
            if WANTED.get("mute"):
                return respond(connection, "403 Forbidden", [], "no")
            return respond(connection, "409 Conflict", [
                ("X-Transmission-Session-Id", WANTED["session"])], "id")
    elif path.startswith("/free/"):
        pass
    elif request.get("X-Key") != WANTED["key"]:
        return named(connection, "X-Key")
    return respond(connection, "200 OK", [("X-Length", str(len(
        request.body)))], "yes")


def other_handler(connection, request, _origin):
    if request.get("X-Key") != "the-other-value":
        return named(connection, "X-Key")
    return respond(connection, "200 OK", [], "yes")


origin = RawOrigin(handler)
other = RawOrigin(other_handler)


def write_supply(key):
    return write("supply", "origin %s\n    header X-Key value %s\n%s"
                 "origin %s\n    header X-Key value the-other-value\n"
                 % (origin.url, key, "".join(
                    "    header X-N%d value n\n" % i for i in range(65)),
                    other.url))


supply = write_supply(WANTED["key"])
server = nginx("""
    log_format account '$status attempts=$retry_with_attempts '
        'learned=$retry_with_learned outcome=$retry_with_outcome '
        'key=$http_x_key uri=$request_uri';
    upstream origin { server 127.0.0.1:%d; keepalive 8; }
    upstream other { server 127.0.0.1:%d; keepalive 8; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    retry_with_answer on;
    retry_with_supply %s;
    retry_with_recall zone=memory:1m;
    retry_with_origin %s;
    add_header X-Worker $pid always;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        access_log account.log account;
        location / { proxy_pass http://origin; }
        location /free/ { proxy_pass http://origin; }
        location /other/ { retry_with_origin %s; proxy_pass http://other; }
        location /session/ { retry_with_recall zone=sessions:1m;
            proxy_pass http://origin; }
    }
""" % (origin.port, other.port, supply, origin.url, other.url),
    module=True, workers=2)


class Client:
    """One kept connection, and so one worker."""

    def __init__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port,
                                                     timeout=DEADLINE)
        self.get("/free/x")

    def get(self, path, method="GET", body=None, **fields):
        """(status, requests that origins got)"""
        origin.reset()
        other.reset()
        self.connection.request(method, path, body, {
            k.replace("_", "-"): v for k, v in fields.items()})
        self.answer = self.connection.getresponse()
        self.body = self.answer.read()
        self.worker = self.answer.getheader("X-Worker")
        return self.answer.status, len(origin.requests + other.requests)


def two_workers():
    """A client of each of the two."""
    one = Client()
    for _ in range(200):
        another = Client()
        if another.worker != one.worker:
            return one, another
    raise RuntimeError("one worker has all connections")


def account(path):
    with open(server.folder + "/account.log") as file:
        return [l for l in file if l.rstrip().endswith("uri=" + path)]


# --- what another worker learned, and what it displaced ----------------------
one, two = two_workers()
is_(two.get("/dir/a"), (200, 2), "a worker learns a name")
is_(one.get("/dir/b"), (200, 1), "the other's next request has it")
is_(origin.requests[0].all("X-Key"), ["the-first-value"], "once")
is_(one.answer.getheader("Cache-Control"), "private", "the answer is private")
is_(one.get("/free/x"), (200, 1), "beside that folder")
is_(origin.requests[0].get("X-Key"), None, "it is not sent")
is_(one.answer.getheader("Cache-Control"), None, "and nothing is private")
is_([two.get("/dir/c"), one.get("/dir/d")], [(200, 1)] * 2, "and both again")
is_(one.get("/dir/up", "POST", b"x" * 70000), (200, 1), "with content")
is_(one.answer.getheader("X-Length"), "70000", "all of it")
line = wait_for(lambda: account("/dir/b"), "the log")[0]
like(line, "200 attempts=1 learned=0 outcome=ANSWERED key=- ",
     "it is counted, and shows in no variable")

is_(one.get("/many/0/x"), (200, 2), "the first of many names")
is_(two.get("/many/0/y"), (200, 1), "known to both")
for number in range(1, 65):
    got = two.get("/many/%d/x" % number)
    if got != (200, 2):
        is_(got, (200, 2), "name %d is learned" % number)
is_(one.get("/dir/e"), (200, 2), "one that was displaced is not sent")
is_(two.get("/dir/f"), (200, 1), "until it is learned again")
is_(two.get("/many/64/y"), (200, 1), "the newest is there")

# --- what the client sends, and what is refused -------------------------------
is_(one.get("/dir/g", X_Key="the-first-value"), (200, 1), "the client's own")
is_(origin.requests[0].all("X-Key"), ["the-first-value"], "is not doubled")
is_(one.get("/dir/g", x_key="mine"), (200, 2), "a wrong one of its own")
is_([r.all("X-Key") for r in origin.requests],
    [["mine"], ["the-first-value"]], "goes first, and is replaced")
is_(one.get("/dir/g", Origin="http://evil.example"), (449, 1),
    "a foreign page is given nothing")
is_(origin.requests[0].get("X-Key"), None, "nothing at all")

# --- other origins ------------------------------------------------------------
is_(one.get("/other/dir/a"), (200, 2), "another origin is another matter")
is_(other.requests[1].all("X-Key"), ["the-other-value"], "with its own value")
is_(two.get("/other/dir/b"), (200, 1), "which is kept")
is_(other.requests[0].all("X-Key"), ["the-other-value"], "for it alone")
is_(two.get("/dir/h"), (200, 1), "the first one's")
is_(origin.requests[0].all("X-Key"), ["the-first-value"], "stays its own")

# --- a challenge to a request that was sent with what was ready ----------------
is_(one.get("/echo/a"), (200, 2), "a name")
is_(one.get("/echo/b"), (200, 1), "is ready")
WANTED["echo"] = True
is_(one.get("/echo/c"), (200, 2), "an echo is asked for besides")
is_([(r.all("X-Key"), r.get("Ms-Echo-Reply")) for r in origin.requests],
    [(["the-first-value"], None), (["the-first-value"], "tok")],
    "and goes with it")
is_(one.get("/echo/up", "POST", b"y" * 70000), (200, 2), "with content, too")
is_(one.answer.getheader("X-Length"), "70000", "all of it, again")
del WANTED["echo"]
line = wait_for(lambda: account("/echo/c"), "the log")[0]
like(line, "200 attempts=2 .*outcome=ANSWERED key=- ", "it is counted")
WANTED["key"] = "the-second-value"
is_(one.get("/dir/i"), (449, 1), "a value that stopped working is sent once")
line = wait_for(lambda: account("/dir/i"), "the log")[0]
like(line, "449 attempts=1 .*outcome=REPEATED key=- ", "and reported")

# --- a value that the origin itself supplied ------------------------------------
WANTED["session"] = "session-one"
is_([one.get("/session/a"), two.get("/session/b")], [(200, 2), (200, 1)],
    "a session id of the server's own")
WANTED["session"], WANTED["mute"] = "session-two", True
is_(two.get("/session/c"), (403, 1), "refused without a challenge")
is_(origin.requests[0].get("X-Transmission-Session-Id"), "session-one",
    "it was sent")
del WANTED["mute"]
is_(one.get("/session/d"), (200, 2), "it is forgotten: challenged afresh")
is_(origin.requests[0].get("X-Transmission-Session-Id"), None,
    "the request went without it")

# --- a reload with another value ------------------------------------------------
write_supply(WANTED["key"])
reload(server, 2)
one, two = two_workers()
for client in (one, two):
    is_(client.get("/dir/j"), (200, 1), "a reload brings the new value")
    is_(origin.requests[0].all("X-Key"), ["the-second-value"], "that one")
unlike(server.err, "-value|session-one|session-two", "no value in the log")
unlike(server.err, "runtime error:|Sanitizer", "no sanitizer report")
server.stop()
done()
