#!/usr/bin/python3
"""retrywith fetch: TLS, HTTP/2, proxies, authentication legs, slow origins,
credentials from commands."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *

# --- TLS and HTTP/2 ---

cert, key = certificate()
server = nginx("""
    client_max_body_size 0;
    server {
        listen 127.0.0.1:%%PORT%% ssl http2;
        ssl_certificate %s;
        ssl_certificate_key %s;
        location / {
            if ($http_ms_echo_reply = "") {
                add_header Ms-Echo-Request tok always;
                return 449 "no\\n";
            }
            proxy_pass http://127.0.0.1:%%PORT2%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT2%%;
        location / {
            add_header X-Got $request_method-$http_ms_echo_reply;
            return 200 "yes\\n";
        }
    }""" % (cert, key))
url = "https://127.0.0.1:%d" % server.port
form = "%{http_version} %{http_code} %{retrywith_attempts}"
got = retrywith("fetch", "--cacert", cert, "-o", "/dev/null", "-w", form,
                url + "/")
is_((got.code, got.out), (0, "2 200 2"), "HTTP/2 gets through") or note(got)
got = retrywith("fetch", "--cacert", cert, "-i", "-d", "x=1", url + "/")
like(got.out.lower(), "x-got: post-tok", "with content")
big, _ = random_file("big", 2 << 20)
got = retrywith("fetch", "--cacert", cert, "-i", "-T", big, url + "/up")
like(got.out.lower(), "x-got: put-tok", "and with 2 MiB of it") or note(got)
got = retrywith("fetch", "--cacert", cert, "--http1.1", "-o", "/dev/null",
                "-w", form, url + "/")
is_(got.out, "1.1 200 2", "--http1.1")
got = retrywith("fetch", url + "/")
is_(got.code, 60, "an unknown certificate: 60")
got = retrywith("fetch", "-k", url + "/")
is_((got.code, got.out), (0, "yes\n"), "-k takes it")
got = retrywith("fetch", "-v", "-k", "-H", "Authorization: Bearer hidden9",
                "-b", "c=hidden9", url + "/")
unlike(got.err, "hidden9", "-v shows no secret over HTTP/2")

# --- authentication legs ---


def digest(connection, request, origin):
    told = request.get("Authorization") or ""
    if not told.startswith("Digest "):
        return respond(connection, "401 Unauthorized",
                       [("WWW-Authenticate",
                         'Digest realm="r", nonce="n1", qop="auth"')], "401")
    if not request.get("Ms-Echo-Reply"):
        return respond(connection, "449 Retry With",
                       [("Ms-Echo-Request", "t")], "449")
    return respond(connection, "200 OK", [], b"got " + request.body)


origin = RawOrigin(digest)
got = retrywith("fetch", "--auth", "digest", "-u", "me:pw", "-d", "a=b", "-w",
                " %{http_code} %{retrywith_attempts}", origin.url + "/")
is_((got.code, got.out), (0, "got a=b 200 2"),
    "a 401 leg is not taken for the answer") or note(got)
unlike(" ".join(r.head.decode() for r in origin.requests), "Expect",
       "small content goes without Expect")


def basic(connection, request, origin):
    if request.get("Authorization") != "Basic bWU6cHc=":
        return respond(connection, "401 Unauthorized",
                       [("WWW-Authenticate", 'Basic realm="r"')], "401")
    return respond(connection, "200 OK", [], "in")


origin = RawOrigin(basic)
got = retrywith("fetch", "-u", "me:pw", origin.url + "/")
is_((got.out, len(origin.requests)), ("in", 1), "Basic goes at once")
got = retrywith("fetch", origin.url.replace("//", "//me:pw@") + "/",
                "-w", " %{url_effective}")
is_(got.out, "in %s/" % origin.url, "so does userinfo, which is not shown")


def wants_digest(connection, request, origin):
    told = request.get("Authorization") or ""
    if told.startswith("Digest "):
        return respond(connection, "200 OK", [], "in")
    if len(origin.requests) == 1:
        return respond(connection, "449 Retry With", [
            ("MS-RetryWith", "Required-Authorization: Digest")], "449")
    return respond(connection, "401 Unauthorized",
                   [("WWW-Authenticate",
                     'Digest realm="r", nonce="n1", qop="auth"')], "401")


origin = RawOrigin(wants_digest)
supply = write("supply", "origin %s\n    auth digest value me:pw\n"
               % origin.url)
got = retrywith("fetch", "--supply", supply, origin.url + "/")
is_((got.code, got.out), (0, "in"),
    "Digest with a supply's credentials when the origin asks") or note(got)


def ntlm(connection, request, origin):
    if request.method == "PUT" and request.get("Expect"):
        return respond(connection, "500 Expect with NTLM", [], "bad")
    return respond(connection, "401 Unauthorized",
                   [("WWW-Authenticate", "NTLM")], "401")


origin = RawOrigin(ntlm)
got = retrywith("fetch", "--auth", "ntlm", "-u", "me:pw", "-T", big,
                "--max-time", "60", "-w", "%{http_code}", "-o", "/dev/null",
                origin.url + "/up")
is_(got.out, "401", "NTLM never goes with Expect") or note(got)

# --- proxy ---


def proxy(connection, request, origin):
    if not request.get("Ms-Echo-Reply"):
        return respond(connection, "449 Retry With",
                       [("Ms-Echo-Request", "p")], "")
    return respond(connection, "200 OK", [], request.target)


origin = RawOrigin(proxy)
got = retrywith("fetch", "http://no.such.host.invalid/x?y",
                env={"http_proxy": origin.url})
is_(got.out, "http://no.such.host.invalid/x?y", "http_proxy counts")
got = retrywith("fetch", "-x", origin.url, "http://no.such.host.invalid/z")
is_(got.out, "http://no.such.host.invalid/z", "-x counts")

# --- slow origins ---


def drip(connection, request, origin):
    if request.target == "/head":
        for byte in b"HTTP/1.1 200 OK\r\n" * 100:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
        return False
    if request.get("Ms-Echo-Reply"):
        return respond(connection, "200 OK", [], "at last")
    if request.target == "/json":
        connection.sendall(b"HTTP/1.1 449 R\r\nContent-Length: 99\r\n"
                           b"Content-Type: application/problem+json\r\n\r\n")
    else:
        connection.sendall(b"HTTP/1.1 449 R\r\nContent-Length: 99\r\n"
                           b"Ms-Echo-Request: d\r\n\r\n")
    for origin.dripped in range(99):
        connection.sendall(b" ")
        time.sleep(1)
    return True


origin = RawOrigin(drip)
got = retrywith("fetch", "--max-time", "1", origin.url + "/head")
is_(got.code, 28, "a head that drips ends with --max-time")
start = time.monotonic()
got = retrywith("fetch", origin.url + "/echo")
taken = time.monotonic() - start
is_((got.code, got.out), (0, "at last"), "a refusal that drips is left")
ok(taken >= 5, "not before five seconds (%.1f)" % taken)
ok(origin.dripped < 98, "not at its end (%d bytes)" % origin.dripped)

# --- commands ---

supply = write("with-command", "origin http://h\n"
               "    header X-Key command /bin/echo key9\n")
if os.geteuid() == 0:
    got = retrywith("fetch", "--supply", supply, "http://127.0.0.1:1/")
    is_(got.code, 102, "commands are never run as root")
    like(got.err, "as root", "and that is told")


def wants_key(connection, request, origin):
    if not request.get("X-Key"):
        return respond(connection, "449 R",
                       [("MS-RetryWith", "Required-Header: X-Key")], "")
    return respond(connection, "200 OK", [], request.get("X-Key"))


def as_user(*args):
    """As a user that is not root, if there is one to become."""
    return retrywith(*args) if os.geteuid() != 0 else run(
        "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
        RETRYWITH, *args, cwd="/")


origin = RawOrigin(wants_key)
supply = write("command", "origin %s\n    header X-Key command %s\n"
               % (origin.url, "sh -c 'echo \"$SECRET\"; env'"))
if os.geteuid() == 0:
    os.chmod(scratch, 0o755)
    os.chown(supply, 65534, 65534)
probe = as_user("--version")
if probe.code != 0:
    note("the command cannot be run as another user: skipped")
else:
    os.chmod(supply, 0o600)
    supply_of = lambda words: open(supply, "w").write(
        "origin %s\n    header X-Key command %s\n" % (origin.url, words))
    for words, code, text in (
            ("/bin/echo 'key 9'", 0, "key 9"),
            ("/bin/false", 100, ""),
            ("/usr/bin/env", 0, "="),
            ("/no/such/command", 102, "")):
        supply_of(words)
        got = as_user("fetch", "--supply", supply, origin.url + "/")
        is_(got.code, code, "command %s" % words) or note(got)
        like(got.out, text, "and its value")
    supply_of("yes")
    got = as_user("fetch", "--supply", supply, origin.url + "/")
    is_(got.code, 100, "endless output is no value")
    like(got.err, "more than", "and that is told")
done()
