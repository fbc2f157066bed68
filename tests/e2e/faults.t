#!/usr/bin/python3
"""Faults of the origin and of this machine end honestly (R-37)."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *


def relay_to(url, *args, **kw):
    return retrywith_server("relay", "--to", url, *args, **kw)


def problem(got, status, name):
    is_(got.status, status, "%s: %d" % (name, status))
    like(got.out, r"(?i)content-type: application/problem\+json",
         name + ": as problem+json")
    try:
        ok(got.json.get("status") == status and got.json.get("detail"),
           name + ": says what happened", got.out)
    except ValueError:
        ok(False, name + ": says what happened", got.out)


# --- no connection -----------------------------------------------------------
dead = free_port()
relay = relay_to("http://127.0.0.1:%d" % dead)
problem(curl("-si", relay.url + "/"), 502, "refused")
got = retrywith("fetch", "-sS", "http://127.0.0.1:%d/" % dead)
is_(got.code, 7, "fetch, refused: curl's exit status 7")
like(got.err, r"^retrywith: ", "fetch, refused: a sentence")


# --- broken responses --------------------------------------------------------
def truncated(connection, request, origin):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" +
                       b"x" * 5000)
    return False


def truncated_chunks(connection, request, origin):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                       b"\r\n5\r\nhello\r\n")
    return False


def reset(connection, request, origin):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" +
                       b"x" * 5000)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          b"\1\0\0\0\0\0\0\0")
    return False


def after_retry(inner):
    def handler(connection, request, origin):
        if not request.get("Ms-Echo-Reply"):
            return respond(connection, "449 Retry With",
                           [("Ms-Echo-Request", "t")], "no")
        return inner(connection, request, origin)
    return handler


for name, handler in (("truncated", truncated),
                      ("truncated chunks", truncated_chunks),
                      ("reset", reset)):
    for when, wrap in (("", lambda h: h), (" after a retry", after_retry)):
        origin = RawOrigin(wrap(handler))
        relay = relay_to(origin.url)
        got = curl("-i", relay.url + "/")
        ok(got.code != 0 or got.status in (502, 504),
           "%s%s, relay: does not look whole" % (name, when), got)
        out = scratch + "/fetched"
        got = retrywith("fetch", "-sS", "-o", out, origin.url + "/")
        ok(got.code not in (0, 22, "timeout"),
           "%s%s, fetch: exit status says so" % (name, when), got)
        relay.stop()
        origin.close()


def closes(connection, request, origin):
    return False


def garbage(connection, request, origin):
    connection.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    return False


for name, handler in (("closed without a response", closes),
                      ("no HTTP", garbage)):
    origin = RawOrigin(handler)
    relay = relay_to(origin.url)
    problem(curl("-si", relay.url + "/"), 502, name)


over = threading.Event()


def silent(connection, request, origin):
    over.wait(2 * DEADLINE)
    return False


origin = RawOrigin(silent)
relay = relay_to(origin.url, "--timeout", "1")
problem(curl("-si", relay.url + "/"), 504, "silent")
over.set()

# --- TLS ---------------------------------------------------------------------
good = certificate("good")
wrong = certificate("wrong", hosts=("other.example",), ips=("127.9.9.9",))
expired = (scratch + "/expired.crt", scratch + "/expired.key")
run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", expired[1], "-out",
    scratch + "/tmp.crt", "-days", "1", "-subj", "/CN=localhost")
write("ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=%s/index\nnew_certs_dir="
      "%s\nserial=%s/serial\ndefault_md=sha256\npolicy=p\nx509_extensions=e"
      "\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:localhost,"
      "IP:127.0.0.1\nbasicConstraints=CA:TRUE\n" % ((scratch,) * 3))
write("index", "")
write("serial", "01\n")
run("openssl", "req", "-new", "-key", expired[1], "-subj", "/CN=localhost",
    "-out", scratch + "/expired.csr")
run("openssl", "ca", "-batch", "-config", scratch + "/ca.cnf", "-selfsign",
    "-keyfile", expired[1], "-in", scratch + "/expired.csr", "-out",
    expired[0], "-startdate", "200101000000Z", "-enddate", "200201000000Z",
    "-notext")


def stand_before(word, url, *args):
    judges = ["--require", "GET /never: header X-A"] if word == "gate" else []
    return retrywith_server(word, "--to", url, *judges, *args)


for name, pair, trusts in (("good", good, True), ("wrong host", wrong, True),
                           ("expired", expired, True),
                           ("untrusted", good, False)):
    server = nginx("""server { listen 127.0.0.1:%%PORT%% ssl;
        ssl_certificate %s; ssl_certificate_key %s;
        location / { return 200 "tls $request_uri\\n"; } }""" % pair)
    trust = ["--cacert", pair[0]] if trusts else []
    for host in ("localhost", "127.0.0.1"):
        url = "https://%s:%d" % (host, server.port)
        said = "TLS %s, %s" % (name, host)
        for word in ("relay", "gate"):
            front = stand_before(word, url + "/a", *trust)
            got = curl("-si", front.url + "/")
            if name == "good":
                is_((got.status, got.out.endswith("tls /a/\n")), (200, True),
                    "%s, %s" % (said, word))
            else:
                problem(got, 502, "%s, %s" % (said, word))
            front.stop()
            front = stand_before(word, url, "--insecure")
            is_(curl("-si", front.url + "/").status, 200,
                "%s, %s: --insecure takes it" % (said, word))
            front.stop()
        is_(retrywith("fetch", "-sS", *trust, url + "/").code,
            0 if name == "good" else 60, said + ", fetch: exit status")
        is_(retrywith("fetch", "-sSk", url + "/").code, 0,
            said + ", fetch: -k takes it")
    server.stop()

# --- a worker killed in mid-body ---------------------------------------------
def slowly(connection, request, origin):
    if request.target == "/slow":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
                           b"\r\n" + b"x" * 5000)
        over.wait(2 * DEADLINE)
        return False
    return respond(connection, "200 OK", [], "fine")


over.clear()
origin = RawOrigin(slowly)
relay = relay_to(origin.url)
client = Process(["curl", "-q", "-sS", relay.url + "/slow"])
wait_for(lambda: origin.requests, "the slow request")
killed = workers_of(relay)
for pid in killed:
    os.kill(pid, signal.SIGKILL)
ok(client.wait() not in (0, None),
   "a killed worker: the transfer is seen to break")
over.set()
wait_for(lambda: set(workers_of(relay)) - set(killed), "a new worker")
got = curl("-si", "--retry", "5", "--retry-connrefused", relay.url + "/next")
is_(got.status, 200, "a killed worker: the next request works")

# --- disk full ---------------------------------------------------------------
small = scratch + "/small"
os.mkdir(small)
MOUNT = "mount -t tmpfs -o size=1m,mode=1777 tmpfs " + small
if run("unshare", "-m", "sh", "-c", MOUNT).code == 0:
    relay = Process(["unshare", "-m", "sh", "-c",
                     "%s && TMPDIR=%s exec %s relay --listen 127.0.0.1:0 "
                     "--to %s" % (MOUNT, small, RETRYWITH, origin.url)],
                    sanitized=True)
    relay.port = int(relay.read_line().rsplit(":", 1)[1])
    big, _ = random_file("big", 4 << 20)
    got = curl("-si", "-T", big, relay.url + "/big")
    ok(got.status is None or got.status >= 500,
       "disk full: an upload that must be kept fails honestly", got)
    got = curl("-si", relay.url + "/after")
    is_(got.status, 200, "disk full: the next request works")
    relay.stop()
else:
    note("disk full: not tried, a small disk cannot be mounted here")

# --- no descriptors left -----------------------------------------------------
relay = Process(["sh", "-c", "ulimit -n 40; exec %s relay --listen "
                 "127.0.0.1:0 --to %s" % (RETRYWITH, origin.url)],
                sanitized=True)
relay.port = int(relay.read_line().rsplit(":", 1)[1])
held = []
for _ in range(60):
    try:
        held.append(socket.create_connection(("127.0.0.1", relay.port), 20))
    except OSError:
        break
for connection in held:
    connection.close()
got = curl("-si", "--retry", "3", "--retry-all-errors", relay.url + "/after")
is_(got.status, 200, "EMFILE: the next request works")
done()
