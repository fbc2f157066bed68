#!/usr/bin/python3
"""retrywith fetch through a proxy: HTTPS by CONNECT, credentials of the
proxy, and a proxy that says 449 itself."""
import base64
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *

SECRET = "sesame-7f3a"
cert, key = certificate()
server = nginx("""
    client_max_body_size 0;
    server {
        listen 127.0.0.1:%%PORT%% ssl http2;
        ssl_certificate %s;
        ssl_certificate_key %s;
        location / {
            if ($http_x_key = "") {
                add_header MS-RetryWith "Required-Header: X-Key" always;
                return 449 "no\\n";
            }
            proxy_pass http://127.0.0.1:%%PORT2%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT2%%;
        client_max_body_size 0;
        location / {
            add_header X-Got $request_method-$http_x_key;
            return 200 "yes\\n";
        }
    }""" % (cert, key))
url = "https://127.0.0.1:%d" % server.port
USER = base64.b64encode(b"me:proxypw9").decode()


def tunnel(connection, request, origin):
    """A proxy that lets nothing but CONNECT through, and counts it."""
    if request.method != "CONNECT":
        return respond(connection, "405 No", [], "CONNECT only")
    if origin.wants and request.get("Proxy-Authorization") != "Basic " + USER:
        return respond(connection, "407 Proxy", [
            ("Proxy-Authenticate", 'Basic realm="p"')], "407")
    if origin.says_449:
        return respond(connection, "449 Retry With", [
            ("Ms-Echo-Request", "proxy"),
            ("MS-RetryWith", "Required-Header: X-Key"),
            ("Set-Cookie", "of=proxy")], "no", close=True)
    host, port = request.target.split(":")
    with socket.create_connection((host, int(port))) as other:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n"
                           b"Set-Cookie: of=proxy\r\n\r\n")

        def pump(source, to):
            try:
                while True:
                    block = source.recv(65536)
                    if not block:
                        break
                    to.sendall(block)
                to.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        back = threading.Thread(target=pump, args=(other, connection),
                                daemon=True)
        back.start()
        pump(connection, other)
        back.join()
    return False


proxy = RawOrigin(tunnel)
proxy.wants = proxy.says_449 = False
form = "%{http_code} %{retrywith_attempts}"
for words, why in (([], "HTTP/2"), (["--http1.1"], "HTTP/1.1"),
                   (["--http1.1", "-d", "a=b"], "HTTP/1.1 with content")):
    proxy.reset()
    got = retrywith("fetch", "-x", proxy.url, "--cacert", cert, "--give",
                    "header X-Key=" + SECRET, "-o", "/dev/null", "-w", form,
                    *words, url + "/")
    is_((got.code, got.out), (0, "200 2"), why + " through CONNECT") or \
        note(got)
    seen = b"".join(r.head for r in proxy.requests)
    ok(SECRET.encode() not in seen, why + ": the proxy sees no value", seen)
    ok(len(proxy.requests) <= 2, why + ": a tunnel for each send at most")
got = retrywith("fetch", "--cacert", cert, "--give", "header X-Key=" + SECRET,
                url + "/", env={"https_proxy": proxy.url})
is_(got.out, "yes\n", "https_proxy counts")
got = retrywith("fetch", "-i", "-x", proxy.url, "--cacert", cert, "--give",
                "header X-Key=" + SECRET, url + "/")
unlike(got.out, "of=proxy", "a cookie of the proxy is none of the origin")

proxy.wants = True
got = retrywith("fetch", "-v", "--show-exchange", "-x",
                proxy.url.replace("//", "//me:proxypw9@"), "--cacert", cert,
                "--give", "header X-Key=" + SECRET, url + "/")
is_((got.code, got.out), (0, "yes\n"), "credentials of the proxy") or \
    note(got)
for secret in ("proxypw9", USER, SECRET):
    unlike(got.err, re.escape(secret), "no %s in the trace" % secret)
got = retrywith("fetch", "-x", proxy.url, "--cacert", cert, url + "/")
is_(got.code, 56, "without them: curl's 56")
like(got.err, "407", "and the status is told")

proxy.wants, proxy.says_449 = False, True
proxy.reset()
got = retrywith("fetch", "-x", proxy.url, "--cacert", cert, "--give",
                "header X-Key=" + SECRET, url + "/", "--max-time", "10")
is_((got.code, len(proxy.requests)), (56, 1),
    "a 449 of the proxy is no answer of the origin") or note(got)
unlike(b"".join(r.head for r in proxy.requests).decode(), SECRET,
       "and gets no value")

# Apache as the proxy
forward = apache_dav("""ProxyRequests On
    AllowCONNECT %d
    <Proxy "*">
        Require all granted
    </Proxy>""" % server.port, ["proxy", "proxy_connect", "proxy_http"])
got = retrywith("fetch", "-x", forward.url, "--cacert", cert, "--give",
                "header X-Key=" + SECRET, "-T",
                random_file("up", 2 << 20)[0], "-i", url + "/")
like(got.out.lower(), "x-got: put-" + SECRET, "through Apache, with 2 MiB") or \
    note(got)

# an early, empty 449 over HTTP/2
early = nginx("""
    client_max_body_size 0;
    server {
        listen 127.0.0.1:%%PORT%% ssl http2;
        ssl_certificate %s;
        ssl_certificate_key %s;
        location / {
            if ($http_ms_echo_reply = "") {
                add_header Ms-Echo-Request t always;
                return 449;
            }
            proxy_pass http://127.0.0.1:%d;
        }
        location /gone {
            return 444;
        }
    }""" % (cert, key, server.ports[1]))
got = retrywith("fetch", "--cacert", cert, "-T",
                random_file("h2", 8 << 20)[0], "-w", " %{http_code}",
                "https://127.0.0.1:%d/" % early.port)
ok(got.code in (0, 92), "an early empty 449 over HTTP/2: through or 92", got)
got = retrywith("fetch", "--cacert", cert, "-T", scratch + "/h2",
                "https://127.0.0.1:%d/gone" % early.port)
is_(got.code, 92, "a stream that is ended early: 92")
like(got.err, "before it had read the content.*--http1.1",
     "and what to do is told")
got = retrywith("fetch", "--http1.1", "--cacert", cert, "-T",
                scratch + "/h2", "https://127.0.0.1:%d/" % early.port)
is_((got.code, got.out), (0, "yes\n"), "HTTP/1.1 gets through")
done()
