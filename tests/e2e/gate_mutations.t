#!/usr/bin/python3
"""What the gate judged and what the upstream got are the same bytes [R-63]:
100,000 mutated requests, against a reading of the rules of its own."""
import os
import random
import selectors
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

COUNT = int(os.environ.get("RWITH_MUTATIONS", "100000"))
SEED = int(os.environ.get("RWITH_SEED", "449"))
BATCH = 200
random.seed(SEED)
note("seed %d" % SEED)


# --- the upstream: answers with the head that it got -------------------------

def serve(listener):
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    rest = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP,
                                      socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ)
                rest[connection] = b""
                continue
            connection = key.fileobj
            try:
                data = connection.recv(65536)
            except OSError:
                data = b""
            if not data:
                selector.unregister(connection)
                connection.close()
                continue
            heads = (rest[connection] + data).split(b"\r\n\r\n")
            rest[connection] = heads.pop()
            connection.sendall(b"".join(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                % (len(head), head) for head in heads))


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
parent = os.getpid()
child = os.fork()
if child == 0:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    try:
        serve(listener)
    finally:
        os._exit(0)

server = nginx("""
upstream stub { server 127.0.0.1:%d; keepalive 8; keepalive_requests 1000000; }
server {
    listen 127.0.0.1:%%PORT%%;
    keepalive_requests 1000000;
    merge_slashes off;
    underscores_in_headers on; ignore_invalid_headers off;
    location / {
        retry_with_require "GET /api: header X-Auth, query session";
        retry_with_require "GET /pets/{id}: header X-Pet";
        retry_with_require "GET /pets/mine/food: cookie sid";
        retry_with_require "GET /pets/{id}/toys: query page";
        proxy_pass http://stub;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }
}""" % listener.getsockname()[1], module=True)


# --- the rules, read once more -----------------------------------------------

NEEDS = [("/pets/mine/food", [("cookie", "sid")]),
         ("/api", [("header", "x-auth"), ("query", "session")]),
         ("/pets/{id}/toys", [("query", "page")]),
         ("/pets/{id}", [("header", "x-pet")])]


def unescape(text):
    return re.sub(rb"%([0-9A-Fa-f]{2})",
                  lambda m: bytes([int(m.group(1), 16)]), text)


def split_target(target):
    """(path, query) of any form."""
    absolute = re.match(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", target)
    if absolute:
        target = target[absolute.end():]
        if not target.startswith(b"/"):
            target = b"/" + target
    target = target.split(b"#", 1)[0]
    path, _, query = target.partition(b"?")
    return path, query


def readings(path):
    """A path's segments, as it stands and as most servers resolve it."""
    raw = [unescape(s) for s in path[1:].split(b"/")]
    out = []
    pieces = re.split(rb"[/\\]", unescape(path)[1:])
    for i, piece in enumerate(pieces):
        if piece == b"..":
            del out[-1:]
        elif piece not in (b"", b"."):
            out.append(piece)
            continue
        if i == len(pieces) - 1:
            out.append(b"")
    return raw, out


def operation(segments):
    for template, needs in NEEDS:
        want = template[1:].split("/")
        if len(want) == len(segments) and all(
                s if w[0] == "{" else s == w.encode()
                for w, s in zip(want, segments)):
            return needs
    return None


def is_complete(target, fields):
    path, query = split_target(target)
    have = set()
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if value:
            have.add(("query", unescape(name.replace(b"+", b" "))
                      .decode("latin-1")))
    for name, value in fields:
        value = value.strip(b" \t")
        if not value:
            continue
        have.add(("header", name.decode("latin-1").lower()))
        if name.lower() == b"cookie":
            for pair in value.split(b";"):
                key, _, inner = pair.partition(b"=")
                if inner.strip(b" \t"):
                    have.add(("cookie", key.strip(b" \t").decode("latin-1")))
    for segments in readings(path):
        needs = operation(segments)
        if needs and not all(n in have for n in needs):
            return False
    return True


# --- requests ----------------------------------------------------------------

PATHS = [b"/api", b"/pets/1", b"/pets/mine/food", b"/pets/mine/toys",
         b"/p%65ts/mine/food", b"//api", b"/./api", b"/x/../api", b"/api/",
         b"/api%2F", b"/%61pi", b"/pets%2Fmine%2Ffood", b"/pets%2fmine/food",
         b"/api\\", b"/pets\\mine\\food", b"/pets/x\\..\\mine/food",
         b"/api;v=1", b"/api;", b"/API", b"/pets/./mine//food",
         b"/a/b/../../api", b"/a/%2e%2E/api", b"/pets/%2e/1", b"/pets/",
         b"/pets/mine/../1", b"/pets/a/b/c/../../toys", b"/%25%36%31pi",
         b"http://h/api", b"http://h//api", b"HTTP://h/pets/1",
         b"http://h/a/../api", b"/nowhere", b"/", b"/pets/mine%2ffood"]
QUERIES = [b"", b"?", b"?session=1", b"?session=", b"?session", b"?page=1",
           b"?Session=1", b"?s%65ssion=1", b"?session%3D1", b"?a=1&session=2",
           b"?session=&session=1", b"?x;session=1", b"?session=+",
           b"?session=%20", b"?session[]=1", b"?sess+ion=1", b"?&&session=1",
           b"?session==", b"?page=1;session=1", b"?a=b?session=1",
           b"#?session=1", b"?a=1#&session=1", b"?page=1&session=x%26"]
FIELDS = [[], [(b"X-Auth", b"1")], [(b"x-auth", b"1")], [(b"X-Auth", b"")],
          [(b"X-Auth", b""), (b"X-AUTH", b"2")], [(b"X_Auth", b"1")],
          [(b"X-Pet", b"1")], [(b"X-Pet", b" \t ")], [(b"X-Pets", b"1")],
          [(b"Cookie", b"sid=1")], [(b"Cookie", b"sid=")],
          [(b"Cookie", b"a=b; sid=1")], [(b"Cookie", b"asid=1")],
          [(b"Cookie", b"a=b"), (b"Cookie", b"sid=2")],
          [(b"X-Auth", b"1"), (b"X-Pet", b"1"), (b"Cookie", b"sid=1")]]
ALPHABET = [b"/", b".", b"%", b"2", b"F", b"f", b"e", b"\\", b";", b"+",
            b"&", b"=", b"?", b"#", b"a", b"A", b"%2f", b"%5C", b"..", b"~",
            b"%2e", b"session=1", b"\xe9", b"[", b"|"]


def mutate(target):
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        at = random.randrange(1, len(target) + 1)
        end = at + random.choice((0, 0, 1, 2))
        target = target[:at] + random.choice(ALPHABET) + target[end:]
    return target


def make():
    target = mutate(random.choice(PATHS) + random.choice(QUERIES))
    fields = random.choice(FIELDS)
    if random.random() < 0.3:
        fields = fields + random.choice(FIELDS)
    return target, fields


def encode(target, fields):
    return b"GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n" % (target, b"".join(
        b"%s: %s\r\n" % f for f in fields))


HEAD = re.compile(rb"HTTP/1\.1 (\d{3})[^\r]*\r\n((?:[^\r]+\r\n)*)\r\n")


def exchange(connection, batch):
    """Answers to as many of the batch as the connection lived for."""
    # Sent while answers are read: no buffer need hold all of either.
    data = b"".join(encode(*request) for request in batch)
    sender = threading.Thread(target=send, args=(connection, data))
    sender.start()
    answers, is_alive = read_answers(connection, len(batch))
    if not is_alive:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
    sender.join()
    return answers, is_alive


def send(connection, data):
    try:
        connection.sendall(data)
    except OSError:
        pass


def read_answers(connection, count):
    data, answers = b"", []
    while len(answers) < count:
        found = HEAD.match(data)
        if found:
            length = int(re.search(rb"(?i)content-length: *(\d+)",
                                   found.group(2)).group(1))
            end = found.end() + length
            if len(data) >= end:
                answers.append((int(found.group(1)),
                                data[found.end():end]))
                data = data[end:]
                continue
        try:
            block = connection.recv(262144)
        except OSError:
            block = b""
        if not block:
            return answers, False
        data += block
    return answers, True


def judge(request, status, body, counts, wrong):
    target, fields = request
    counts[status] = counts.get(status, 0) + 1
    if status == 449:
        if is_complete(target, fields):
            wrong.append(("refused a complete one", request))
        return
    if status != 200:
        return
    lines = body.split(b"\r\n")
    seen = lines[0].split(b" ", 1)[1].rsplit(b" ", 1)[0]
    absolute = re.match(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", target)
    sent = target[absolute.end():] if absolute else target
    if not sent.startswith(b"/"):
        # nginx gives an absolute form the path that it lacks, and leaves a
        # fragment and an empty query out where it writes the target itself.
        sent = b"/" + sent.split(b"#", 1)[0]
        sent = sent[:-1] if sent == b"/?" else sent
    if seen != sent:
        wrong.append(("forwarded %r" % seen, request))
    got = [tuple(line.split(b": ", 1)) if b": " in line
           else (line.split(b":")[0], b"") for line in lines[1:]]
    if not is_complete(seen, got):
        wrong.append(("passed an incomplete one", request))
    for name, value in fields:
        if (name.lower(), value.strip(b" \t")) not in [
                (n.lower(), v.strip(b" \t")) for n, v in got]:
            wrong.append(("lost %r" % name, request))


counts, wrong, sent = {}, [], 0
connection = socket.create_connection(("127.0.0.1", server.port), 60)
start = time.monotonic()
pending = []
while sent < COUNT and len(wrong) < 20:
    while len(pending) < BATCH and sent + len(pending) < COUNT:
        pending.append(make())
    answers, alive = exchange(connection, pending)
    for request, (status, body) in zip(pending, answers):
        judge(request, status, body, counts, wrong)
    if not alive:
        # A refusal of nginx's own closes the connection: go on behind it.
        connection.close()
        connection = socket.create_connection(("127.0.0.1", server.port), 60)
        if not answers:
            wrong.append(("no answer", pending[0]))
            answers = [None]
    sent += len(answers)
    pending = pending[len(answers):]
note("%d requests in %.1f s: %r" % (sent, time.monotonic() - start, counts))
for what, (target, fields) in wrong[:20]:
    note("%s: %r %r" % (what, target, fields))
is_(len(wrong), 0, "judged and forwarded are the same")
is_(sent, COUNT, "all were tried")
ok(counts.get(200, 0) > COUNT / 5 and counts.get(449, 0) > COUNT / 5,
   "both verdicts were met", counts)
ok(sum(v for k, v in counts.items() if k >= 500) == 0, "no server error",
   counts)
ok(server.alive() and "[alert]" not in server.err, "nginx is well")
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
done()
