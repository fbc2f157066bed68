#!/usr/bin/python3
"""Which request's form goes back into the page, however its body came, and
that none other does (R-61, R-62)."""
import html
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

gate = nginx("""
    server {
        listen 127.0.0.1:%PORT%;
        listen 127.0.0.1:%PORT2% http2;
        retry_with_require "POST /head: header X-Key";
        retry_with_require "POST /body: body /pin";
        retry_with_require "PUT /body: body /pin";
        retry_with_require "POST /both: header X-Key, body /pin";
        location / { root html; }
        location /file/ {
            client_body_in_file_only clean;
            client_body_buffer_size 1k;
            retry_with_require "POST /file/head: header X-Key";
            retry_with_require "POST /file/body: body /pin";
            root html;
        }
    }""", module=True)
FORM = "secret=a%20%26b%3C&empty=&c"
HERE = ["-H", "Accept: text/html", "-H", "Sec-Fetch-Site: same-origin"]
LONG = "secret=" + "x" * (16384 - len("secret="))


def hidden(text):
    """The hidden inputs of a page."""
    return [tuple(html.unescape(v) for v in pair) for pair in re.findall(
        r'<input type="hidden" name="([^"]*)" value="([^"]*)">', text)]


FIELDS = [("secret", "a &b<"), ("empty", ""), ("c", "")]
for path in ("/head", "/body", "/file/head", "/file/body"):
    got = curl("-si", *HERE, "-d", FORM, gate.url + path)
    is_((got.status, hidden(got.out)), (449, FIELDS), path + ": the fields")
    got = curl("-si", *HERE, "-d", LONG, gate.url + path)
    is_(hidden(got.out), [("secret", "x" * (16384 - 7))],
        path + ": up to 16 KiB")
    got = curl("-si", *HERE, "-d", LONG + "x", "-H", "Expect:",
               gate.url + path)
    is_((got.status, hidden(got.out), "xxxx" in got.out), (449, [], False),
        path + ": not more")
got = curl("-si", "--http2-prior-knowledge", *HERE, "-d", FORM,
           "http://127.0.0.1:%d/head" % gate.ports[1])
is_((got.status, hidden(got.out)), (449, FIELDS), "over HTTP/2")

# The body comes late, byte by byte.
with socket.create_connection(("127.0.0.1", gate.port), 10) as slow:
    slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    slow.sendall((
        "POST /head HTTP/1.1\r\nHost: a.example\r\nAccept: text/html\r\n"
        "Origin: http://a.example\r\nContent-Type: "
        "application/x-www-form-urlencoded\r\nContent-Length: %d\r\n"
        "Connection: close\r\n\r\n" % len(FORM)).encode())
    for byte in FORM.encode():
        slow.sendall(bytes([byte]))
        time.sleep(0.002)
    answer = b""
    while True:
        block = slow.recv(65536)
        if not block:
            break
        answer += block
is_(hidden(answer.decode("utf-8")), FIELDS, "a body that drips, by Origin")

# The same connection goes on behind it.
got = raw(gate.port, (
    "POST /head HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nSec-Fetch-Site: "
    "same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: 3\r\n\r\na=1"
    "POST /head HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
    "Connection: close\r\n\r\na=1")).decode("utf-8")
is_(got.count("HTTP/1.1 449"), 2, "the next request on the connection")

ROWS = [
    ("problem+json", ["-H", "Sec-Fetch-Site: same-origin"], "/head"),
    ("plain text", ["-H", "Sec-Fetch-Site: same-origin", "-H",
                    "Accept: text/plain"], "/head"),
    ("a foreign page", ["-H", "Accept: text/html", "-H",
                        "Sec-Fetch-Site: cross-site"], "/head"),
    ("a foreign Origin", ["-H", "Accept: text/html", "-H",
                          "Origin: http://evil.example"], "/head"),
    ("no page", ["-H", "Accept: text/html"], "/head"),
    ("JSON", [*HERE, "-H", "Content-Type: application/json"], "/head"),
    ("PUT", [*HERE, "-X", "PUT"], "/body"),
    ("chunked", [*HERE, "-H", "Transfer-Encoding: chunked"], "/head"),
    ("chunked, two places", [*HERE, "-H", "Transfer-Encoding: chunked"],
     "/both"),
    ("Expect", [*HERE, "-H", "Expect: 100-continue"], "/head"),
    ("Content-Encoding", [*HERE, "-H", "Content-Encoding: x"], "/head"),
]
for name, args, path in ROWS:
    got = curl("-si", *args, "-d", FORM, gate.url + path)
    is_((got.status, "secret" in got.out), (449, False),
        name + ": not carried")
    unlike(got.out, r"HTTP/1.1 100", name + ": no 100")
done()
