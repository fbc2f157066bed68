#!/usr/bin/python3
"""A dialect that fetches a token first, through nginx's own location."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

MODE = ["good"]


def handler(connection, request, origin):
    if request.target == "/token?x=%2F":
        if MODE[0] == "gone":
            return False
        if MODE[0] == "cut":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n"
                               b"X-CSRF-Token: t1\r\n\r\nhalf")
            return False
        if MODE[0] == "slow":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n"
                               b"X-CSRF-Token: t1\r\n\r\n")
            for _ in range(999):
                connection.sendall(b"t")
                time.sleep(1)
            return False
        if MODE[0] == "none":
            return respond(connection, "404 Not Found", [], "no token")
        return respond(connection, "200 OK", [
            ("X-CSRF-Token", "token-of-" + (request.get("Cookie") or "-")),
            ("Set-Cookie", "session=2")],
            "t" * (100000 if MODE[0] == "long" else 10))
    if not request.get("X-CSRF-Token"):
        return respond(connection, "403 Forbidden", [
            ("X-CSRF-Token", "Required"), ("Set-Cookie", "session=1")],
            "token required")
    return respond(connection, "200 OK", [], "done with " +
                   request.get("X-CSRF-Token") + " " +
                   request.body.decode())


origin = RawOrigin(handler)
dialect = write("csrf.dialect", """dialect csrf
    about     a token that is fetched first
    source    a test
    when      status 403
    when      response-header X-CSRF-Token value Required
    fetch     GET /token?x=%2F with header X-CSRF-Token Fetch
    set       header X-CSRF-Token from response-header X-CSRF-Token
    repeat    any
    remember  origin
""")
server = nginx("""
    proxy_cache_path cache keys_zone=cache:64k;
    add_header X-Cache $upstream_cache_status;
    upstream origin { server 127.0.0.1:%d; keepalive 8; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    server {
        listen 127.0.0.1:%%PORT%%;
        retry_with_answer on;
        retry_with_dialect %s;
        retry_with_origin %s;
        location / { proxy_pass http://origin; }
        location /known/ {
            retry_with_recall zone=m:64k;
            proxy_pass http://origin;
        }
        location /path/ { proxy_pass http://origin/other/; }
        location /same/ { proxy_pass http://origin/same/; }
        location /named/ { proxy_pass http://origin/x%%20y/; }
        location /again/ {
            error_page 418 = /named/$arg_to;
            return 418;
        }
        location /variable/ {
            set $path /other/;
            proxy_pass http://origin$path;
        }
        location /cached/ {
            retry_with_recall zone=m;
            proxy_cache cache;
            proxy_cache_valid any 10m;
            proxy_pass http://origin;
        }
        location /open/ {
            retry_with_answer off;
            rewrite ^/open(/.*) $1 break;
            proxy_cache cache;
            proxy_cache_valid any 10m;
            proxy_pass http://origin;
        }
    }
""" % (origin.port, dialect, origin.url), module=True)


def ask(path, *args):
    origin.reset()
    return curl("-i", *args, server.url + path)


got = ask("/x", "-d", "some=body", "-H", "Cookie: own=0",
          "-H", "Authorization: Basic eDp5", "-H", "X-Other: 1")
is_(got.status, 200, "the token is fetched and the request sent again")
is_([(r.method, r.target) for r in origin.requests],
    [("POST", "/x"), ("GET", "/token?x=%2F"), ("POST", "/x")],
    "in that order")
fetch = origin.requests[1]
is_((fetch.body, fetch.get("Content-Length"), fetch.get("X-Other")),
    (b"", None, None), "the fetch is a request of its own")
is_(fetch.get("X-CSRF-Token"), "Fetch", "with the dialect's fields")
is_(fetch.get("Authorization"), "Basic eDp5", "and the client's credentials")
like(fetch.get("Cookie") or "", "session=1", "and the cookie just set")
is_(origin.requests[2].body, b"some=body", "the body is sent again")
is_(origin.requests[2].get("X-Other"), "1", "with the client's own fields")
is_(re.findall(r"(?m)^Set-Cookie: (.*)\r$", got.out),
    ["session=1", "session=2"], "both cookies reach the client")
got = ask("/x", "-I")
is_((got.status, len(origin.requests)), (200, 3), "HEAD")

for mode in ("gone", "cut", "none"):
    MODE[0] = mode
    got = ask("/x")
    is_(got.status, 403, mode + ": the client gets what asked for the token")
    like(got.out, r"token required$", mode + ": with its body")
    is_(re.findall(r"(?m)^Set-Cookie: (.*)\r$", got.out), ["session=1"],
        mode + ": and its cookie, once")
    is_(len(re.findall(r"(?m)^Content-Length: ", got.out)), 1,
        mode + ": and its fields, once")
    got = ask("/x", "-I")
    is_(got.status, 403, mode + ": HEAD too")
MODE[0] = "slow"
got = ask("/x")
is_(got.status, 403, "slow: nobody waits for a token that drips")
like(got.out, r"token required$", "slow: the client gets the challenge")
MODE[0] = "long"
got = ask("/x")
is_(got.status, 200, "a long answer to the fetch")
MODE[0] = "good"
is_(ask("/known/x").status, 200, "remembered")
is_((ask("/known/x").status, len(origin.requests)), (200, 1),
    "no second fetch")

# --- a proxy_pass with a path of its own -------------------------------------
for path, sent in (("/path/x?a=1", "/other/x?a=1"), ("/path/", "/other/"),
                   ("/same/x", "/same/x"), ("/named/x", "/x%20y/x"),
                   ("/again/?to=z", "/x%20y/z"),
                   ("/path/%20z", "/other/%20z")):
    got = ask(path, "-d", "some=body")
    is_(got.status, 200, path + ": a dialect fetches from the origin's root")
    is_([r.target for r in origin.requests], [sent, "/token?x=%2F", sent],
        path + ": the request goes where proxy_pass says, before and after")
    is_(origin.requests[2].body, b"some=body", path + ": with its body")
is_((ask("/path/token?x=%2F").status, [r.target for r in origin.requests]),
    (200, ["/other/token?x=%2F", "/token?x=%2F", "/other/token?x=%2F"]),
    "where the last parts are the same")

got = ask("/variable/x")
is_(got.status, 403, "a path of variables: a fetch would not get there")
like(got.out, "token required$", "the client gets the challenge")
is_(len(origin.requests), 1, "and nothing is fetched from elsewhere")
like(server.err, r'"proxy_pass" has a path of variables .*nginx.conf:\d+',
     "which the log says, with the place")

# --- proxy_cache --------------------------------------------------------------
is_(ask("/cached/x", "-H", "Cookie: a=1").status, 200, "with a cache")
got = ask("/cached/x", "-H", "Cookie: a=1")
like(got.out, "done with token-of-a=1", "remembered")
like(got.out, "X-Cache: MISS", "an answer to added values is not stored")
like(got.out, "Cache-Control: private", "and is private")
got = ask("/cached/x", "-H", "Cookie: a=2")
like(got.out, "done with token-of-a=2", "another client gets its own")
got = ask("/cached/x", "-H", "X-CSRF-Token: mine")
like(got.out, "done with mine", "what the client sent itself may be stored")
got = ask("/cached/x", "-H", "X-CSRF-Token: mine")
like(got.out, "X-Cache: HIT", "and is")
is_(ask("/open/token?x=%2F").status, 200, "a token in the cache")
got = ask("/cached/y", "-H", "Cookie: a=3")
like(got.out, "done with token-of-a=3", "is not what a fetch gets")
unlike(server.err, "runtime error:|Sanitizer", "no sanitizer report")
server.stop()
done()
