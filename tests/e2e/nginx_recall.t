#!/usr/bin/python3
"""What one worker of nginx learned, all know, and a reload keeps it; a
200 MiB upload that is sent twice stays out of a worker's memory."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

SESSION = ["first"]


def handler(connection, request, origin):
    if request.target.startswith("/rpc"):
        if request.get("X-Transmission-Session-Id") != SESSION[0]:
            return respond(connection, "409 Conflict", [
                ("X-Transmission-Session-Id", SESSION[0])], "id")
        return respond(connection, "200 OK", [], "rpc")
    if request.get("X-Custom-Auth") != "the-secret-value":
        return respond(connection, "449 Retry With", [
            ("MS-RetryWith", "Required-Header: X-Custom-Auth")], "named")
    return respond(connection, "200 OK", [], hashlib.sha256(request.body)
                   .hexdigest())


class Sink:
    """An origin that keeps a digest of each body only."""

    def __init__(self):
        self.digests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            with self.listener.accept()[0] as connection:
                self.one(connection)

    def one(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, data = data.split(b"\r\n\r\n", 1)
        request = Request(head, b"")
        left = int(request.get("Content-Length"))
        digest = hashlib.sha256()
        while data:
            digest.update(data)
            left -= len(data)
            data = connection.recv(min(left, 1 << 20)) if left else b""
        self.digests.append(digest.hexdigest())
        if request.get("Ms-Echo-Reply"):
            respond(connection, "200 OK", [], self.digests[-1], close=True)
        else:
            respond(connection, "449 Retry With",
                    [("Ms-Echo-Request", "t")], "again", close=True)


sink = Sink()
origin = RawOrigin(handler)
supply = write("supply", """origin %s
    header X-Custom-Auth value the-secret-value
""" % origin.url)

server = nginx("""
    log_format account '$status attempts=$retry_with_attempts '
        'learned=$retry_with_learned uri=$request_uri';
    client_max_body_size 0;
    client_body_buffer_size 64k;
    upstream origin { server 127.0.0.1:%d; keepalive 8; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    retry_with_answer on;
    retry_with_supply %s;
    retry_with_recall zone=memory:1m;
    retry_with_origin %s;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        access_log account.log account;
        location / { proxy_pass http://origin; }
        location /forgetful/ { retry_with_recall off;
            proxy_pass http://origin; }
        location /large { proxy_pass http://127.0.0.1:%d; }
        location /rpc { proxy_pass http://origin; }
    }
""" % (origin.port, supply, origin.url, sink.port), module=True, workers=2)


def ask(path, *args):
    origin.reset()
    got = curl("-i", *args, server.url + path)
    return got.status, len(origin.requests)


def account(path):
    with open(server.folder + "/account.log") as file:
        return [l for l in file if l.rstrip().endswith("uri=" + path)]


is_(ask("/dir/one"), (200, 2), "the first request meets the 449")
is_(len(wait_for(lambda: account("/dir/one"), "the log")), 1, "logged")
like(account("/dir/one")[0], "200 attempts=2 learned=1", "and has learned")
for name in ("one", "two", "sub/three?x=y"):
    is_(ask("/dir/" + name), (200, 1), "/dir/%s needs no 449" % name)
origin.reset()
for _ in range(30):
    curl(server.url + "/dir/four")
is_(len(origin.requests), 30, "whichever worker it is")
line = wait_for(lambda: account("/dir/four"), "the log")[0]
like(line, "200 attempts=1 ", "one attempt each")
is_(ask("/dir/five", "-H", "Origin: http://evil.example"), (449, 1),
    "a foreign page is given nothing from memory")
is_(ask("/forgetful/x"), (200, 2), "retry_with_recall off: first")
is_(ask("/forgetful/x"), (200, 2), "retry_with_recall off: again")

# --- a value that the server supplied, and changes ---------------------------
is_(ask("/rpc"), (200, 2), "a session id is met")
is_(ask("/rpc"), (200, 1), "and remembered")
SESSION[0] = "second"
is_(ask("/rpc"), (200, 2), "a stale one leads to a retry")
is_(ask("/rpc"), (200, 1), "and the new one is remembered")
is_(ask("/rpc", "-H", "Cookie: other=client"), (200, 2),
    "another client has another")

# --- reload ------------------------------------------------------------------
reload(server, 2)
is_(ask("/dir/one"), (200, 1), "a reload keeps what was learned")
is_(ask("/rpc"), (200, 1), "and what the server supplied")
killed = workers_of(server)[0]
os.kill(killed, signal.SIGKILL)
wait_for(lambda: len(workers_of(server)) == 2 and
         killed not in workers_of(server), "another worker")
is_(ask("/dir/one"), (200, 1), "so does a worker that was killed")

# --- 200 MiB -----------------------------------------------------------------
path, digest = random_file("large", 200 << 20)
got = curl("-T", path, "-H", "Expect:", server.url + "/large")
is_(got.out, digest, "200 MiB arrive whole behind a 449")
is_(sink.digests, [digest] * 2, "sent twice, byte for byte")
if not ASAN:
    top = max(rss_kib(pid)[1] for pid in workers_of(server))
    ok(top < 40 * 1024, "a worker stays under 40 MiB", "%d KiB" % top)
unlike(server.err, "the-secret-value|first|second", "no value in the log")
unlike(server.err, "runtime error:|Sanitizer", "no sanitizer report")
server.stop()
done()
