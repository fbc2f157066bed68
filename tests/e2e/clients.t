#!/usr/bin/python3
"""Real clients, unchanged: each stops at 449 alone and works through a relay.

The origin is Apache's mod_dav behind an nginx that answers every request 449
until it carries Ms-Echo-Reply (MS-WDV 3.2.5.6; cites R-1, R-2, R-33).
"""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

dav = apache_dav()
guard = echo_guard(dav.url)
relay = retrywith_server("relay", "--to", guard.url)
note(relay.ready)


def put(name, data):
    with open(dav.htdocs + "/" + name, "wb") as file:
        file.write(data)
    shutil.chown(dav.htdocs + "/" + name, "www-data", "www-data") \
        if os.geteuid() == 0 else None


def stored(name):
    try:
        with open(dav.htdocs + "/" + name, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


put("hello.txt", b"hello\n")

# --- curl --------------------------------------------------------------------
is_(curl("-si", guard.url + "/hello.txt").status, 449,
    "curl GET: stops at 449 alone")
got = curl("-si", relay.url + "/hello.txt")
is_(got.status, 200, "curl GET: gets through the relay")
like(got.out, r"\r\n\r\nhello\n$", "curl GET: the body")
got = curl("-sI", relay.url + "/hello.txt")
is_(got.status, 200, "curl HEAD")
like(got.out, r"(?i)content-length: 6\r\n", "curl HEAD: the length")

ten, ten_sum = random_file("ten", 10 << 20)
for name, extra in (("10 MiB PUT", []),
                    ("10 MiB chunked PUT", ["-H",
                                            "Transfer-Encoding: chunked"]),
                    ("10 MiB PUT with Expect", ["-H",
                                                "Expect: 100-continue"]),
                    ("10 MiB PUT without Expect", ["-H", "Expect:"])):
    target = "/" + re.sub(r"\W", "", name)
    got = curl("-si", *extra, "-T", ten, guard.url + target)
    ok(got.status == 449 or got.code != 0, "curl %s: not alone" % name, got)
    got = curl("-si", *extra, "-T", ten, relay.url + target)
    is_(got.status, 201, "curl %s: through the relay" % name)
    is_(sha256_file(dav.htdocs + target) if stored(target[1:]) else None,
        ten_sum, "curl %s: byte for byte" % name)
got = curl("-si", "-d", "a=b", relay.url + "/hello.txt")
ok(got.status in (200, 405), "curl POST reaches the origin", got)

cert, key = certificate()
tls = retrywith_server("relay", "--to", guard.url, "--listen-cert", cert,
                       "--listen-key", key)
got = curl("-si", "--http2", "--cacert", cert,
           "https://localhost:%d/hello.txt" % tls.port)
like(got.out, r"^HTTP/2 200", "curl over HTTP/2 and TLS")
got = curl("-si", "--http2", "--cacert", cert, "-T", ten,
           "https://localhost:%d/h2put" % tls.port)
is_(got.status, 201, "curl 10 MiB PUT over HTTP/2")
is_(hashlib.sha256(stored("h2put") or b"").hexdigest(), ten_sum,
    "curl 10 MiB PUT over HTTP/2: byte for byte")

# --- wget, wget2 -------------------------------------------------------------
got = run("wget", "-q", "-O", "-", guard.url + "/hello.txt")
is_(got.code, 8, "wget: stops at 449 alone")
got = run("wget", "-q", "-O", "-", relay.url + "/hello.txt")
is_((got.code, got.out), (0, "hello\n"), "wget: through the relay")
run("wget2", "-q", "-O", scratch + "/w2a", guard.url + "/hello.txt")
ok(not os.path.exists(scratch + "/w2a") or
   os.path.getsize(scratch + "/w2a") == 0, "wget2: no file alone")
got = run("wget2", "-q", "-O", scratch + "/w2b", relay.url + "/hello.txt")
is_((got.code, open(scratch + "/w2b").read()), (0, "hello\n"),
    "wget2: through the relay")

# --- python3-requests, node's fetch ------------------------------------------
PYTHON = """import requests, sys
r = requests.get(sys.argv[1]); print(r.status_code, r.text, end='')
r = requests.put(sys.argv[1] + '.py', data=b'x' * 100000)
print(r.status_code)"""
got = run("/usr/bin/python3", "-c", PYTHON, guard.url + "/hello.txt")
like(got.out, r"^449 ", "python requests: stops at 449 alone")
got = run("/usr/bin/python3", "-c", PYTHON, relay.url + "/hello.txt")
is_(got.out, "200 hello\n201\n", "python requests: GET and PUT through")
is_(stored("hello.txt.py"), b"x" * 100000, "python requests: the bytes")
NODE = """(async () => {
const r = await fetch(process.argv[1]);
console.log(r.status, (await r.text()).trim());
const p = await fetch(process.argv[1] + '.js', {method: 'PUT',
  body: 'y'.repeat(100000)});
console.log(p.status); })()"""
got = run("node", "-e", NODE, guard.url + "/hello.txt")
like(got.out, r"^449 ", "node fetch: stops at 449 alone")
got = run("node", "-e", NODE, relay.url + "/hello.txt")
is_(got.out, "200 hello\n201\n", "node fetch: GET and PUT through")
is_(stored("hello.txt.js"), b"y" * 100000, "node fetch: the bytes")

# --- git over dumb http ------------------------------------------------------
repo = scratch + "/repo"
env = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": scratch,
       "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
       "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
       "GIT_TERMINAL_PROMPT": "0"}
for args in (["init", "-q", "-b", "main", repo],
             ["-C", repo, "commit", "-q", "--allow-empty", "-m", "one"],
             ["clone", "-q", "--bare", repo, dav.htdocs + "/repo.git"],
             ["-C", dav.htdocs + "/repo.git", "update-server-info"]):
    run("git", *args, env=env)
run("chmod", "-R", "a+rX", dav.htdocs)
got = run("git", "ls-remote", guard.url + "/repo.git", env=env)
is_(got.code, 128, "git ls-remote: stops at 449 alone")
got = run("git", "ls-remote", relay.url + "/repo.git", env=env)
like(got.out, r"^[0-9a-f]{40}\s+(HEAD|refs/heads/main)",
     "git ls-remote: through the relay")

# --- rclone ------------------------------------------------------------------
tree = scratch + "/tree"
os.makedirs(tree + "/sub dir")
for name, size in (("a", 10), ("b ü%20", 100000), ("sub dir/c", 3000000)):
    with open(os.path.join(tree, name), "wb") as file:
        file.write(os.urandom(size))


def rclone(url, *args):
    return run("rclone", "--config", "/dev/null", "--webdav-url", url,
               "--webdav-vendor", "other", "--retries", "1",
               "--low-level-retries", "1", *args,
               env={"HOME": scratch})


got = rclone(guard.url, "lsf", ":webdav:/")
ok(got.code != 0, "rclone: stops at 449 alone", got)
run("mkdir", "-p", dav.htdocs + "/sync")
run("chmod", "a+rwx", dav.htdocs + "/sync")
got = rclone(relay.url, "copy", tree, ":webdav:/sync")
is_(got.code, 0, "rclone: copies there")
got = rclone(relay.url, "copy", ":webdav:/sync", scratch + "/back")
is_(got.code, 0, "rclone: copies back")
is_(run("diff", "-r", tree, scratch + "/back").code, 0,
    "rclone: what came back is what went")
got = rclone(relay.url, "check", "--download", tree, ":webdav:/sync")
is_(got.code, 0, "rclone: check finds no difference")

# --- cadaver -----------------------------------------------------------------
local = write("cadaver.txt", "from cadaver\n")
script = ("ls\nmkcol made\nput %s made/one.txt\nmove made/one.txt "
          "made/two.txt\nls made\nput %s gone.txt\ndelete gone.txt\nquit\n"
          % (local, local))
got = run("cadaver", guard.url + "/", input=script, env={"HOME": scratch})
like(got.out, r"449", "cadaver: stops at 449 alone")
got = run("cadaver", relay.url + "/", input=script, env={"HOME": scratch})
unlike(got.out, r"(?i)failed|449", "cadaver: nothing fails")
is_(stored("made/two.txt"), b"from cadaver\n",
    "cadaver: mkcol, put and move did it")
is_((stored("made/one.txt"), stored("gone.txt")), (None, None),
    "cadaver: move and delete did it")

# --- a multistatus with absolute hrefs of the origin -------------------------
MULTI = ("<?xml version='1.0'?><D:multistatus xmlns:D='DAV:'><D:response>"
         "<D:href>http://127.0.0.1:%d/a%%20b/</D:href></D:response>"
         "<D:response><D:href>/c</D:href></D:response></D:multistatus>")


def multi(connection, request, origin):
    return respond(connection, "207 Multi-Status",
                   [("Content-Type", "application/xml")],
                   MULTI % origin.port)


origin = RawOrigin(multi)
front = retrywith_server("relay", "--to", origin.url)
got = curl("-si", "-X", "PROPFIND", front.url + "/")
is_(got.out.split("\r\n\r\n", 1)[-1], MULTI % front.port,
    "absolute hrefs of a multistatus are the relay's")

# --- litmus ------------------------------------------------------------------
os.mkdir(scratch + "/litmus")
got = run("litmus", guard.url + "/", cwd=scratch + "/litmus",
          env={"TESTS": "basic"})
like(got.out, r"FAIL .*449", "litmus: stops at 449 alone")
total = 0
for suite, count in (("basic", 16), ("copymove", 13), ("props", 30),
                     ("locks", 41), ("http", 4)):
    got = run("litmus", "-k", relay.url + "/", cwd=scratch + "/litmus",
              env={"TESTS": suite})
    found = re.search(r"of (\d+) tests run: (\d+) passed, (\d+) failed",
                      got.out)
    numbers = tuple(int(n) for n in found.groups()) if found else None
    if not ok(numbers == (count, count, 0),
              "litmus %s: %d of %d" % (suite, count, count), got.out[-1500:]):
        continue
    total += count
is_(total, 104, "litmus: 104 of 104 through the relay")
done()
