#!/usr/bin/python3
"""The sandbox over real connections: spec/vectors/sandbox.json, bodies, and
what needs more than one request (R-50, R-51, R-61)."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

box = retrywith_server("sandbox")


def field(got, name):
    found = re.search(r"(?mi)^%s:[ \t]*([^\r\n]*)\r$" % re.escape(name), got)
    return found.group(1) if found else ""


# --- the vectors, by real requests; the state differs: n counts on -------------
with open(ROOT + "/spec/vectors/sandbox.json") as file:
    vectors = json.load(file)
for row in vectors:
    lines = ["%s %s HTTP/1.1" % (row["method"], row["target"])]
    lines += row["fields"]
    if not any(f.lower().startswith("host:") for f in row["fields"]):
        lines.append("Host: h")
    lines += ["Content-Length: %d" % len(row["body"].encode()),
              "Connection: close", "", row["body"]]
    if row["target"] == "*":
        continue
    got = raw(box.port, "\r\n".join(lines)).decode("latin-1")
    like(got, r"^HTTP/1.1 %d %s\r\n" % (row["status"],
                                        re.escape(row["reason"])),
         row["name"])
    for line in row["expect"]:
        name, value = line.split(": ", 1)
        if name.lower() == "ms-echo-request" and "sandbox n=" in value:
            like(field(got, name), r"^sandbox n=\d+$", row["name"])
        else:
            is_(field(got, name), value, row["name"])
    body = got.partition("\r\n\r\n")[2]
    is_(len(body.encode("latin-1")), int(field(got, "Content-Length")),
        row["name"] + ": its length")

# --- an echo is a new one each time ----------------------------------------------
first, second = [field(curl("-si", box.url + "/ms-echo/x").out,
                       "Ms-Echo-Request") for _ in range(2)]
ok(first and second and first != second, "each challenge is a new one")

# --- the account -------------------------------------------------------------------
for size in (0, 1, 4096, 65535, 65536, 3 << 20):
    path, digest = random_file("body-%d" % size, size)
    for how, extra in (("", []), (" chunked", ["-H",
                                               "Transfer-Encoding: chunked"])):
        if size == 0 and extra:
            continue  # curl 7.88 never sends the last chunk of nothing
        got = curl("-s", "-T", path, *extra, box.url + "/plain/x?a=%2F")
        account = json.loads(got.out)
        is_((account["body_length"], account["body_sha256"]), (size, digest),
            "body of %d bytes%s" % (size, how))
is_((account["method"], account["target"]), ("PUT", "/plain/x?a=%2F"),
    "method and raw target")
got = curl("-s", "-H", "X-B: 1", "-H", "X-A: 2", "-H", "X-B: 3",
           box.url + "/plain/x").json
is_([(f["name"], f["value"]) for f in got["fields"]
     if f["name"].startswith("X-")], [("X-B", "1"), ("X-A", "2"),
                                      ("X-B", "3")],
    "fields in order, twice the same")
got = curl("-s", "-X", "M-SEARCH", box.url + "/plain/x").json
is_(got["method"], "M-SEARCH", "any method")
got = curl("-si", "-I", box.url + "/ms-echo/x")
is_(got.status, 449, "HEAD is refused too")
ok(int(field(got.out, "Content-Length")) > 0, "HEAD: the length of the body")

# --- Expect: the head decides ---------------------------------------------------------
head = ("PUT /ms-echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n"
        "Expect: 100-continue\r\n%s\r\n")


def read_head(connection):
    got = b""
    while b"\r\n\r\n" not in got:
        block = connection.recv(65536)
        if not block:
            break
        got += block
    return got.decode("latin-1")


with socket.create_connection(("127.0.0.1", box.port), 60) as s:
    s.sendall((head % "").encode())
    got = read_head(s)
    like(got, r"^HTTP/1.1 449 ", "Expect: refused without a 100")
    like(got, r"(?i)connection: close", "Expect: and the connection ends")
with socket.create_connection(("127.0.0.1", box.port), 60) as s:
    s.sendall((head % "Ms-Echo-Reply: x\r\n").encode())
    like(read_head(s), r"^HTTP/1.1 100 ",
         "Expect: what is satisfied so far is asked for its body")

# --- states ------------------------------------------------------------------------------
name = "X-Transmission-Session-Id"
session = field(curl("-si", "-d", "{}", box.url + "/transmission/rpc").out,
                name)
is_(len(session), 48, "a session id")
rpc = ["-si", "-d", "{}", "-H", "%s: %s" % (name, session),
       box.url + "/transmission/rpc"]
is_(curl(*rpc).status, 200, "the session id is good")
is_(curl("-s", "-o", "/dev/null", box.url + "/transmission/restart").code, 0,
    "restart")
is_(curl(*rpc).status, 409, "then it is stale")
got = curl("-si", box.url + "/retry-after/e2e")
is_(got.status, 449, "retry-after: not yet")
is_(field(got.out, "Retry-After"), "1", "retry-after: 1 s")
url = box.url + "/retry-after/60/e2e"
got = [curl("-si", url) for _ in range(2)]
is_([g.status for g in got], [449, 449], "retry-after: nor when it is asked "
    "again too soon")
left = [int(field(g.out, "Retry-After")) for g in got]
ok(left[0] == 60 and 0 < left[1] <= 60, "retry-after: what is left of it",
   left)
url = box.url + "/retry-after/e2e"
wait_for(lambda: curl("-si", url).status == 200, "the time to pass")

# --- the front page ---------------------------------------------------------------------
got = curl("-s", box.url + "/").json
paths = [p["path"] for p in got["paths"]]
for path in ("/ms-echo/*", "/asp/*", "/cookie/*", "/retrywith/*",
             "/missing/*", "/retry-after/*", "/transmission/rpc",
             "/examples/1", "/examples/2", "/examples/3", "/plain/*"):
    ok(path in paths, "the list has " + path)
page = curl("-si", "-H", "Accept: text/html", box.url + "/")
like(page.out, r"(?i)content-type: text/html", "a browser gets a page")
unlike(page.out, r"(?i)<script|src=|@import|https?://(?!127)",
       "the page needs nothing else")
got = curl("-s", "-H", "Host: <script>", "-H", "Accept: text/html",
           box.url + "/")
unlike(got.out, "<script>", "no Host gets into the page as it is")
for entry in curl("-s", box.url + "/").json["paths"]:
    if "retry-after" in entry["path"] or entry["path"] in (
            "/examples/2", "/examples/3", "/cookie/script/*"):
        continue
    import shlex
    words = shlex.split(entry["try"])
    got = run(RETRYWITH, *words[1:2], "-s", "-i", *words[2:])
    is_((got.code, got.status), (0, 200), "its own line: " + entry["try"])
done()
