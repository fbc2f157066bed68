#!/usr/bin/python3
"""The relay's own options: what it is told is what it does, and no value is
where it should not be (R-13, R-33)."""
import base64
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

SECRET = "s3cret 'quoted\" \\ # $x"
box = retrywith_server("sandbox")
os.chmod(scratch, 0o755)


def fields(got):
    return {f["name"].lower(): f["value"] for f in got.json["fields"]}


# --- values: never on disk, in a log, or on a command line ----------------------
temp = scratch + "/tmp"
os.mkdir(temp)
os.chmod(temp, 0o777)
log = scratch + "/relay log;'x\\n{"
supply = write("supply", "origin %s\n    header X-Custom-Auth file %s\n"
               "    query session value '7 &%%'\n"
               "    body /request/action value create\n"
               % (box.url, write("key", SECRET + "\n")))
relay = retrywith_server("relay", "--to", box.url, "--supply", supply,
                         "--log", log, "--workers", "2",
                         env={"TMPDIR": temp})
got = curl("-s", relay.url + "/retrywith/x?mine=OWN")
is_(fields(got)["x-custom-auth"], SECRET, "every byte of a value arrives")
got = curl("-s", relay.url + "/missing/x?a=b")
is_(got.json["target"], "/missing/x?a=b&session=7%20%26%25",
    "a value in the query is encoded, behind what was there")
got = curl("-si", "-d", '{"request":{"action":"x"}}', "-H",
           "Content-Type: application/json", relay.url + "/missing/y")
is_(got.status, 200, "a POST that has the member")
found = run("grep", "-rlF", SECRET, temp)
is_(found.out, "", "the value is in no file")
wait_for(lambda: os.path.exists(log) and open(log).read().count("\n") >= 3,
         "the log")
text = open(log).read()
like(text, r'"GET /retrywith/x" 200 \d+ [\d.]+ dialect=\S+ attempts=2 '
     r'learned=[1-9]', "the log counts")
unlike(text, r"OWN|session|s3cret", "the log has no value and no query")
for pid in [relay.pid] + relay.children() + workers_of(relay):
    with open("/proc/%d/cmdline" % pid, "rb") as file:
        unlike(file.read().decode("latin-1"), "s3cret",
               "no value on the command line")
    with open("/proc/%d/environ" % pid, "rb") as file:
        unlike(file.read().decode("latin-1"), "s3cret",
               "no value in the environment")

# --- a value that changes -------------------------------------------------------------
write("key", "second\n")
reload(relay, 2)
is_(fields(curl("-s", relay.url + "/retrywith/x"))["x-custom-auth"],
    "second", "the new value after SIGHUP")
os.unlink(scratch + "/key")
relay.signal(signal.SIGHUP)
wait_for(lambda: "are kept" in relay.err, "the sentence")
like(relay.err, r"supply:2.*key|key.*", "it names the file")
is_(fields(curl("-s", relay.url + "/retrywith/x"))["x-custom-auth"],
    "second", "a file that is gone keeps the old value")

# --- errors are said without queries -----------------------------------------------------
dead = retrywith_server("relay", "--to", "http://127.0.0.1:%d" % free_port())
is_(curl("-si", dead.url + "/x?k=VERYSECRET").status, 502, "nobody there")
wait_for(lambda: "retrywith:" in dead.err, "nginx's sentence")
like(dead.err, r"(?m)^retrywith: connect\(\) failed", "said as ours")
unlike(dead.err, "VERYSECRET", "without the query")
dead.stop()

# --- a path at the origin -------------------------------------------------------------------
front = retrywith_server("relay", "--to", box.url + "/plain/")
for target, want in (("/", "/plain/"), ("/a%2Fb?x=1", "/plain/a%2Fb?x=1"),
                     ("//a/../b", "/plain//a/../b"), ("/?", "/plain/?")):
    got = curl("-s", "--path-as-is", front.url + target)
    is_(got.json["target"], want, "with a path: " + target)
front.stop()

# --- names ----------------------------------------------------------------------------------
front = retrywith_server("relay", "--to", box.url, "--name", "one.example",
                         "--name", "two.example:81")
for host, status in (("127.0.0.1:%d" % front.port, 200),
                     ("localhost:%d" % front.port, 200),
                     ("LOCALHOST:%d" % front.port, 200),
                     ("one.example", 200),
                     ("one.example:%d" % front.port, 200),
                     ("one.example:1", 421), ("two.example:81", 200),
                     ("two.example", 421), ("127.0.0.2", 421)):
    got = curl("-si", "-H", "Host: " + host, front.url + "/plain/x")
    is_(got.status, status, "Host: %s" % host)
front.stop()

# --- who may use it ----------------------------------------------------------------------------
got = retrywith("relay", "--listen", "0.0.0.0:0", "--to", box.url, "--give",
                "header X-A=1")
is_(got.code, 101, "open to others, with values: refused")
open_one = Process([RETRYWITH, "relay", "--listen", "0.0.0.0:0", "--to",
                    box.url], sanitized=True)
like(open_one.read_line(), r"http://0\.0\.0\.0:\d+$",
     "open to others, nothing to give: allowed")
open_one.stop()
shut = Process([RETRYWITH, "relay", "--listen", "0.0.0.0:0", "--to", box.url,
                "--give", "header X-A=1", "--allow", "203.0.113.7/32"],
               sanitized=True)
shut.port = int(shut.read_line().rsplit(":", 1)[1])
is_(curl("-si", shut.url + "/plain/x").status, 200,
    "--allow: this machine always may")
own = [a for a in run("hostname", "-I").out.split() if "." in a]
if own:
    got = curl("-si", "http://%s:%d/plain/x" % (own[0], shut.port))
    is_(got.status, 403, "--allow: others may not")
    like(got.out, r"application/problem\+json", "--allow: as problem+json")
shut.stop()
for bad in ("nonsense", "192.0.2.0/33", "192.0.2.0/", "1.2.3.4/24;", ""):
    got = retrywith("relay", "--to", box.url, "--allow", bad)
    is_(got.code, 101, "--allow %r: refused" % bad)

hashed = run("openssl", "passwd", "-apr1", "pass word").out.strip()
words = write("htpasswd", "client:%s\n" % hashed, 0o644)
locked = retrywith_server("relay", "--to", box.url, "--user", "me:to-origin",
                          "--give", "header X-Custom-Auth=1",
                          "--client-password-file", words)
is_(curl("-si", locked.url + "/plain/x").status, 401,
    "--client-password-file: none, refused")
is_(curl("-si", "-u", "client:wrong", locked.url + "/plain/x").status, 401,
    "--client-password-file: a wrong one, refused")
got = curl("-s", "-u", "client:pass word", locked.url + "/retrywith/x")
is_(fields(got).get("x-custom-auth"), "1", "--client-password-file: admitted")
is_(fields(got).get("authorization"),
    "Basic " + base64.b64encode(b"me:to-origin").decode(),
    "--client-password-file: it stays at the relay, --user goes on")

if os.geteuid() == 0:
    got = retrywith("relay", "--listen", "127.0.0.1:0", "--to", box.url,
                    "--client-password-file", write("own", "c:x\n", 0o600))
    is_(got.code, 102, "--client-password-file that workers cannot read")
    like(got.err, "own cannot be read by the workers.*chmod", "it is said")

# --- what nginx itself answers ----------------------------------------------------------------
def problem(sent, status, name, port=None):
    got = raw_exchange(port or plain.port, sent)
    like(got, r"^HTTP/1.1 %d " % status, name + ": status")
    head, _, body = got.partition("\r\n\r\n")
    like(head, r"(?i)content-type: application/problem\+json", name + ": type")
    is_(json.loads(body).get("status"), status, name + ": says so too")


def raw_exchange(port, sent):
    return raw(port, sent).decode("utf-8", "replace")


plain = retrywith_server("relay", "--to", box.url)
HOST = "Host: 127.0.0.1:%d\r\nConnection: close\r\n" % plain.port
for sent, status, name in (
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "no Host"),
        ("GET\r\n\r\n", 400, "no target"),
        ("\x16\x03\x01\x00\xa5\x01\r\n\r\n", 400, "TLS to a plain port"),
        ("GET /\x01 HTTP/1.1\r\n" + HOST + "\r\n", 400, "a control byte"),
        ("get / HTTP/1.1\r\n" + HOST + "\r\n", 400, "no method"),
        ("GET /%00 HTTP/1.1\r\n" + HOST + "\r\n", 400, "a NUL"),
        ("GET /../x HTTP/1.1\r\n" + HOST + "\r\n", 400, "above the root"),
        ("GET /a/..%2F../x HTTP/1.1\r\n" + HOST + "\r\n", 400,
         "above the root, encoded"),
        ("GET /../retrywith_400 HTTP/1.1\r\n" + HOST + "\r\n", 400,
         "the name of a page of ours"),
        ("GET / HTTP/7.0\r\n" + HOST + "\r\n", 505, "a version"),
        ("GET /" + "x" * 40000 + " HTTP/1.1\r\n" + HOST + "\r\n", 414,
         "a target that is too long"),
        ("POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: gzip\r\n\r\n",
         501, "an unknown coding"),
        ("POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n"
         "no chunk", 400, "a chunk that is none"),
        ("POST / HTTP/1.1\r\n" + HOST + "Content-Length: 1\r\n"
         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
         "two framings")):
    problem(sent, status, name)
problem("GET / HTTP/1.1\r\n" + HOST + "X: " + "x" * 40000 + "\r\n\r\n", 431,
        "a field that is too long")
problem("GET / HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n",
        421, "another Host")
problem("TRACE / HTTP/1.1\r\n" + HOST + "\r\n", 405, "TRACE")
plain.stop()
problem("GET / HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n"
        % locked.port, 401, "no password", locked.port)
locked.stop()


# --- what an origin says of itself ---------------------------------------------------------------
def names_itself(connection, request, origin):
    own = "http://127.0.0.1:%d" % origin.port
    return respond(connection, "200 OK", [
        ("Alt-Svc", 'h2="origin.example:443"; ma=9'),
        ("Strict-Transport-Security", "max-age=9; includeSubDomains"),
        ("Link", "<%s/next>; rel=next" % own),
        ("Refresh", "9; url=%s/later" % own)], "x")


origin = RawOrigin(names_itself)
front = retrywith_server("relay", "--to", origin.url)
got = curl("-si", front.url + "/")
is_(got.status, 200, "it names itself: answered")
unlike(got.out, r"(?im)^(alt-svc|strict-transport-security):",
       "what is true of its own port is not passed on (R-33)")
like(got.out, r"(?m)^Link: <%s/next>; rel=next\r?$" % front.url,
     "the next page is asked of the relay (R-33)")
like(got.out, r"(?m)^Refresh: 9; url=%s/later\r?$" % front.url,
     "and so is a refresh (R-33)")
front.stop()


# --- Basic towards the origin ----------------------------------------------------------------------
def basic(connection, request, origin):
    want = "Basic " + base64.b64encode(b"me:to-origin").decode()
    if request.get("Authorization") == want:
        return respond(connection, "200 OK", [], "in")
    return respond(connection, "401 Unauthorized",
                   [("WWW-Authenticate", 'Basic realm="r"')], "out")


origin = RawOrigin(basic)
got_in = retrywith_server("relay", "--to", origin.url, "--user",
                          "me:to-origin")
first = curl("-si", got_in.url + "/")
is_(first.status, 200, "--user: is sent to the origin")
got_in.stop()

# --- limits ------------------------------------------------------------------------------------------
small = retrywith_server("relay", "--to", box.url, "--max-body", "1k", "--log",
                         scratch + "/small.log")
path, _ = random_file("2k", 2048)
got = curl("-si", "-T", path, small.url + "/plain/x")
is_(got.status, 413, "--max-body: refused")
like(got.out, r'"detail":"[^"]*--max-body', "--max-body: says which limit")
raw_exchange(small.port, "POST /x HTTP/1.1\r\n\r\n")
wait_for(lambda: open(scratch + "/small.log").read().count("\n") == 2,
         "the log")
with open(scratch + "/small.log") as file:
    # A request is logged when its connection has been dealt with.
    is_(sorted(re.findall(r'"[^"]*" \d+', file.read())),
        ['"POST /x" 400', '"PUT /plain/x" 413'],
        "an answer of nginx's is logged with method and target")
small.stop()

# --- the configuration that is printed is one that nginx takes -------------------------------------
cert, key = certificate()
got = retrywith("relay", "--print-config", "--to",
                "https://127.0.0.1:1/a;b$c'd", "--listen",
                "127.0.0.1:%d" % free_port(), "--listen-cert", cert, "--listen-key", key, "--cacert", cert,
                "--supply", write("s2", "origin https://127.0.0.1:1\n"),
                "--name", "x.example", "--allow", "192.0.2.1", "--log",
                scratch + "/l;og", "--workers", "3", "--only", "ms-echo",
                "--max-attempts", "3", "--max-wait", "2.5")
is_(got.code, 0, "--print-config: exit status")
folder = scratch + "/printed"
os.mkdir(folder)
printed = write("printed/nginx.conf", got.out)
got = run(NGINX, "-t", "-p", folder + "/", "-c", printed, "-e", "stderr",
          sanitized=True)
is_(got.code, 0, "--print-config: nginx takes it")
note(got.err) if got.code else None

# --- what is wrong is said --------------------------------------------------------------------------
ROWS = [
    ("userinfo in --to", ["--to", "http://u:p@h/"], 101, "no origin"),
    ("query in --to", ["--to", "http://127.0.0.1/?a=1"], 101, "query"),
    ("newline in --to", ["--to", "http://127.0.0.1\n/"], 101, r"\x0a"),
    ("newline in the path of --to", ["--to", "http://127.0.0.1/a\nb"], 101,
     "percent-encoded"),
    ("space in the path of --to", ["--to", "http://127.0.0.1/a b"], 101,
     "percent-encoded"),
    ("--only of none", ["--to", box.url, "--only", "ms-eco"], 101, "ms-eco"),
    ("--give of none", ["--to", box.url, "--give", "hat X=1"], 101, "--give"),
    ("--user without password", ["--to", box.url, "--user", "me"], 101,
     "--user"),
    ("no such dialect", ["--to", box.url, "--dialect", "/none"], 102,
     "/none"),
    ("no such authorities", ["--to", box.url, "--cacert", "/none"], 102,
     "/none"),
    ("--cert alone", ["--to", box.url, "--cert", cert], 101, "--key"),
    ("dollar in --log", ["--to", box.url, "--log", "/tmp/a$b"], 101,
     "dollar"),
    ("bad --name", ["--to", box.url, "--name", "a b"], 101, "--name"),
    ("no such host", ["--to", "http://no-such-host.invalid"], 6,
     "no-such-host.invalid"),
]
for name, args, status, says in ROWS:
    got = retrywith("relay", "--listen", "127.0.0.1:0", *args)
    is_(got.code, status, name + ": exit status %d" % status)
    ok(got.err.startswith("retrywith: ") and says in got.err, name + ": said",
       got.err)
    is_(got.err.count("\n"), 1, name + ": in one sentence")

# --- values that a relay cannot give -----------------------------------------
write("lines", "very-secret\nmore\n")
PLACES = [("header X-A", "cannot be sent, it must be one line"),
          ("cookie sid", "cannot be sent, it must be one line"),
          ("auth basic", "cannot be sent, it must be user:password"),
          ("query q", "has line breaks, a relay gives values of one line")]
for place, says in PLACES:
    lines = write("lines.supply", "origin %s\n    %s file %s/lines\n"
                  % (box.url, place, scratch))
    got = retrywith("relay", "--listen", "127.0.0.1:0", "--to", box.url,
                    "--supply", lines, timeout=20)
    is_(got.code, 102, place + ", two lines: exit status 102")
    like(got.err, r"(?i)^retrywith: %s:2: %s: the value .*%s" %
         (lines, place, says), place + ", two lines: said with its place")
    unlike(got.err, "very-secret|more", place + ", two lines: but no value")
got = retrywith("relay", "--listen", "127.0.0.1:0", "--to", box.url, "--give",
                "query q=@%s/lines" % scratch, timeout=20)
like(got.err, "^retrywith: --give: query q: the value has line breaks",
     "--give, two lines")
got = retrywith("fetch", "-sS", box.url + "/retrywith/x", "--give",
                "header X-Custom-Auth=@%s/lines" % scratch, timeout=20)
like(got.err, "retrywith: header X-Custom-Auth: the value .* must be one line",
     "fetch: a field of two lines")
others = write("others.supply", """origin %s
    body /text file %s/lines
    header X-Custom-Auth value mine
origin https://elsewhere.example
    header X-A env NOBODY_HAS_THIS
    query q file %s/lines
""" % (box.url, scratch, scratch))
front = retrywith_server("relay", "--to", box.url, "--supply", others)
is_(fields(curl("-s", front.url + "/retrywith/x"))["x-custom-auth"], "mine",
    "members of bodies, and what is for other origins, do not stop a relay")
front.stop()
done()
