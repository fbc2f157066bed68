#!/usr/bin/python3
"""A server is a private nginx: started, told things, ended, and nothing is
left behind."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

temp = scratch + "/tmp dir $x;\"'"
os.mkdir(temp)
os.chmod(scratch, 0o755)
os.chmod(temp, 0o777)
ENV = {"TMPDIR": temp}


def left():
    return os.listdir(temp)


def has_ended(pid):
    """Is the process gone, or only its parent's to know of?"""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def server(*args, **kw):
    process = Process([RETRYWITH, *args], env=dict(ENV, **kw.pop("env", {})),
                      sanitized=True, **kw)
    process.ready = process.read_line()
    found = re.search(r":(\d+)$", process.ready)
    process.port = int(found.group(1)) if found else None
    return process


# --- port 0, a folder with every odd character, an orderly end ----------------
box = server("sandbox", "--listen", "127.0.0.1:0")
like(box.ready, r"^retrywith: sandbox listening on http://127\.0\.0\.1:\d+$",
     "one line when it is ready")
is_(curl("-si", box.url + "/plain/x").status, 200, "it answers at once")
is_(len(left()), 1, "it has one folder")
mine = os.stat(temp + "/" + left()[0])
is_((mine.st_uid, oct(mine.st_mode & 0o777)),
    (os.geteuid(), "0o711" if os.geteuid() == 0 else "0o700"),
    "that is its own; root's workers may pass through it")
is_(box.err, "", "nothing else is said")
master = box.children()[0]
box.signal(signal.SIGTERM)
is_(box.wait(), 0, "SIGTERM: exit status 0")
is_(left(), [], "SIGTERM: the folder is removed")
ok(has_ended(master), "SIGTERM: nginx has ended")

box = server("sandbox", "--listen", "127.0.0.1:0")
box.signal(signal.SIGINT)
is_((box.wait(), left()), (0, []), "SIGINT: the same")

# --- what is under way is finished --------------------------------------------
go = threading.Event()


def slow(connection, request, origin):
    go.wait(2 * DEADLINE)
    return respond(connection, "200 OK", [], "late")


def here():
    """A port that nobody else is given when it is no longer listened on."""
    return "127.0.0.1:%d" % free_port()


origin = RawOrigin(slow)
relay = server("relay", "--listen", here(), "--to", origin.url)
client = Process(["curl", "-q", "-sS", relay.url + "/"])
wait_for(lambda: origin.requests, "the request")
relay.signal(signal.SIGTERM)
wait_for(lambda: not accepts(relay.port), "the port to be given up")
ok(relay.alive(), "SIGTERM: it waits for the request")
go.set()
is_(client.popen.communicate()[0], b"late", "SIGTERM: the request is finished")
is_((relay.wait(), left()), (0, []), "SIGTERM: then it ends")
go.clear()
relay = server("relay", "--listen", here(), "--to", origin.url)
origin.reset()
client = Process(["curl", "-q", "-sS", relay.url + "/"])
wait_for(lambda: origin.requests, "the request")
relay.signal(signal.SIGTERM)
wait_for(lambda: not accepts(relay.port), "the port to be given up")
relay.signal(signal.SIGTERM)
is_((relay.wait(), left()), (0, []), "a second SIGTERM does not wait")
go.set()

# --- standard descriptors that are closed --------------------------------------
said = write("said", "")
key = write("key", "k1\n")
for closed in ("<&-", "2>&-", "<&- 2>&-"):
    box = Process(["sh", "-c", "exec \"$@\" > '%s' %s" % (said, closed), "sh",
                   RETRYWITH, "relay", "--listen", "127.0.0.1:0", "--to",
                   origin.url, "--give", "header X-Key=@" + key],
                  env=ENV, sanitized=True)
    wait_for(lambda: "\n" in open(said).read(), "the relay, " + closed)
    box.port = int(open(said).read().strip().rsplit(":", 1)[1])
    is_(curl("-s", box.url + "/").out, "late", "started with %s: serves" % closed)
    box.stop()
    write("said", "")

# --- nginx's death -------------------------------------------------------------
box = server("sandbox", "--listen", here())
os.kill(box.children()[0], signal.SIGKILL)
is_(box.wait(), 103, "nginx killed: exit status 103")
like(box.err, r"retrywith: RW0216: nginx was ended by signal 9",
     "nginx killed: said")
is_(left(), [], "nginx killed: the folder is removed")
ok(wait_for(lambda: not accepts(box.port), "the workers to end"),
   "nginx killed: no worker goes on")
box = server("sandbox", "--listen", here())
master = box.children()[0]
box.signal(signal.SIGKILL)
box.wait()
wait_for(lambda: has_ended(master), "nginx to end with its parent")
ok(wait_for(lambda: not accepts(box.port), "the workers to end"),
   "killed itself: no nginx goes on")
old = left()
is_(len(old), 1, "killed itself: its folder is left")
box = server("sandbox", "--listen", "127.0.0.1:0")
is_(len(left()), 2, "one that may still be made is left alone")
held = [name for name in left() if name not in old]
for name in left():
    os.utime(temp + "/" + name, (1, 1))
os.makedirs(temp + "/retrywith-mine99")
os.makedirs(temp + "/retrywith-not-ours")
os.symlink(scratch, temp + "/retrywith-link99")
for name in ("mine99", "not-ours"):
    os.utime(temp + "/retrywith-" + name, (1, 1))
if os.geteuid() == 0:
    os.chown(temp + "/retrywith-mine99", 65534, 65534)
second = server("sandbox", "--listen", "127.0.0.1:0")
kept = [n for n in ("retrywith-mine99",) if os.geteuid() == 0]
is_(sorted(n for n in left() if n in old), [],
    "the next start removes what was left")
is_(sorted(n for n in held + ["retrywith-mine99", "retrywith-not-ours",
                              "retrywith-link99"] if n in left()),
    sorted(held + kept + ["retrywith-not-ours", "retrywith-link99"]),
    "and nothing that is in use, another user's, or of another name")
is_(curl("-si", box.url + "/plain/x").status, 200, "the other one runs on")
ok(os.path.isdir(scratch), "no link is followed")
second.stop()
box.stop()
for name in left():
    if os.path.islink(temp + "/" + name):
        os.unlink(temp + "/" + name)
    else:
        shutil.rmtree(temp + "/" + name)

# --- unix sockets ---------------------------------------------------------------
path = scratch + "/a.sock"
box = server("sandbox", "--listen", "unix:" + path)
is_(box.ready, "retrywith: sandbox listening on unix:" + path,
    "unix socket: ready")
got = curl("-si", "--unix-socket", path, "http://localhost/plain/x")
is_(got.status, 200, "unix socket: answers")
is_(oct(os.stat(path).st_mode & 0o777), "0o600", "unix socket: ours alone")
got = retrywith("sandbox", "--listen", "unix:" + path, env=ENV)
is_(got.code, 103, "unix socket in use: exit status")
like(got.err, "in use", "unix socket in use: said")
box.signal(signal.SIGTERM)
box.wait()
ok(not os.path.exists(path), "unix socket: removed at the end")
left_over = socket.socket(socket.AF_UNIX)
left_over.bind(path)
left_over.close()
box = server("sandbox", "--listen", "unix:" + path)
like(box.ready, "listening", "unix socket: one that is left over is replaced")
box.stop()
write("a.file", "mine")
got = retrywith("sandbox", "--listen", "unix:%s/a.file" % scratch,
                env=ENV)
is_((got.code, open(scratch + "/a.file").read()), (103, "mine"),
    "unix socket: a file in its place is left alone")

# --- IPv6 -----------------------------------------------------------------------
try:
    socket.socket(socket.AF_INET6).bind(("::1", 0))
    box = server("sandbox", "--listen", "[::1]:0")
    like(box.ready, r"http://\[::1\]:\d+$", "IPv6: ready")
    got = curl("-si", "-g", "http://[::1]:%d/plain/x" % box.port)
    is_(got.status, 200, "IPv6: answers")
    front = server("relay", "--listen", "[::1]:0", "--to",
                   "http://[::1]:%d" % box.port)
    got = curl("-si", "-g", "http://[::1]:%d/ms-echo/x" % front.port)
    is_(got.status, 200, "IPv6: relayed")
    front.stop()
    box.stop()
except OSError:
    note("no IPv6 here")

# --- what is wrong before it starts ----------------------------------------------
ROWS = [
    ("no port", ["--listen", "127.0.0.1"], 101, "127.0.0.1"),
    ("bad port", ["--listen", "127.0.0.1:99999"], 101, "99999"),
    ("two colons", ["--listen", "::1:80"], 101, "::1:80"),
    ("relative socket", ["--listen", "unix:x.sock"], 101, "slash"),
    ("long socket", ["--listen", "unix:/" + "x" * 200], 101, "bytes"),
    ("certificate alone", ["--listen-cert", "/dev/null"], 101,
     "--listen-key"),
    ("no such certificate", ["--listen-cert", "/none", "--listen-key",
                             "/none"], 102, "/none"),
    ("dollar in a log's name", ["--log", "/tmp/a$b"], 101, "dollar"),
    ("no such module", ["--listen", "127.0.0.1:0", "--module", "/none.so"],
     102, "/none.so"),
    ("operand", ["extra"], 101, "extra"),
]
for name, args, status, says in ROWS:
    got = retrywith("sandbox", *args, env=ENV)
    is_(got.code, status, name + ": exit status %d" % status)
    like(got.err, r"^retrywith: .*" + re.escape(says), name + ": said")
    is_(got.err.count("\n"), 1, name + ": in one sentence")
got = retrywith("sandbox", "--listen", "127.0.0.1:0",
                env=dict(ENV, RETRYWITH_NGINX="/none"))
is_(got.code, 102, "no nginx: exit status")
like(got.err, "nginx was not found", "no nginx: said")
bad = write("bad.so", "no module", 0o644)
got = retrywith("sandbox", "--listen", "127.0.0.1:0", "--module", bad,
                env=ENV)
is_((got.code, left()), (103, []), "a module that is none: nothing is left")
like(got.err, r"bad\.so", "a module that is none: said")
got = retrywith("sandbox", "--listen", "127.0.0.1:0",
                env={"TMPDIR": scratch + "/nowhere"})
is_(got.code, 103, "no folder for temporary files: exit status")
like(got.err, "nowhere", "no folder for temporary files: said")

# --- TLS ---------------------------------------------------------------------------
cert, key = certificate()
box = server("sandbox", "--listen", "127.0.0.1:0", "--listen-cert", cert,
             "--listen-key", key)
like(box.ready, r"https://", "TLS: ready")
got = curl("-si", "--cacert", cert, "--http2",
           "https://localhost:%d/ms-echo/x" % box.port)
like(got.out, r"^HTTP/2 449", "TLS: a 449 over HTTP/2")
got = curl("-si", "--cacert", cert, "--http1.1",
           "https://localhost:%d/ms-echo/x" % box.port)
like(got.out, r"^HTTP/1.1 449 Retry With", "TLS: and over HTTP/1.1")
box.stop()
is_(left(), [], "nothing is left behind")
done()
