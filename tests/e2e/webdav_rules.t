#!/usr/bin/python3
"""policies/webdav.rules before a real WebDAV server: litmus finds nothing
that is different, and what is incomplete is answered by the gate."""
import os
import sys
import html
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

dav = apache_dav()
gate = nginx("""
    client_max_body_size 0;
    server {
        listen 127.0.0.1:%%PORT%%;
        retry_with_rules %s/policies/webdav.rules;
        location / {
            proxy_pass %s;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
        }
    }""" % (ROOT, dav.url), module=True)
total = 0
for suite, count in (("basic", 16), ("copymove", 13), ("props", 30),
                     ("locks", 41), ("http", 4)):
    os.makedirs(scratch + "/litmus", exist_ok=True)
    got = run("litmus", "-k", gate.url + "/", cwd=scratch + "/litmus",
              env={"TESTS": suite})
    found = re.search(r"of (\d+) tests run: (\d+) passed, (\d+) failed",
                      got.out)
    numbers = tuple(int(n) for n in found.groups()) if found else None
    if ok(numbers == (count, count, 0),
          "litmus %s: %d of %d" % (suite, count, count), got.out[-1500:]):
        total += count
is_(total, 104, "litmus: 104 of 104 through the gate")

with open(dav.htdocs + "/a.txt", "w") as file:
    file.write("a\n")
shutil.chown(dav.htdocs + "/a.txt", "www-data", "www-data") \
    if os.geteuid() == 0 else None
XML = ["-H", "Content-Type: application/xml"]
LOCK = ("<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/></D:lockscope>"
        "<D:locktype><D:write/></D:locktype>%s</D:lockinfo>")
ROWS = [
    # name, arguments, status, MS-RetryWith
    ("COPY without Destination", ["-X", "COPY"], 449,
     "Required-Header: Destination"),
    ("MOVE without Destination", ["-X", "MOVE"], 449,
     "Required-Header: Destination"),
    ("COPY", ["-X", "COPY", "-H", "Destination: %s/b.txt" % gate.url], 201,
     None),
    ("UNLOCK without Lock-Token", ["-X", "UNLOCK"], 449,
     "Required-Header: Lock-Token"),
    ("PROPPATCH without a body", ["-X", "PROPPATCH"], 449, "Required-Field: \"\""),
    ("PROPPATCH of something else", ["-X", "PROPPATCH", *XML, "-d",
                                     "<propfind xmlns='DAV:'/>"], 449,
     "Required-Field: \"/propertyupdate\""),
    ("PROPPATCH, malformed", ["-X", "PROPPATCH", *XML, "-d", "<a>"], 400,
     None),
    ("LOCK with neither body nor If", ["-X", "LOCK"], 449,
     "Required-Header: If"),
    ("LOCK without an owner", ["-X", "LOCK", *XML, "-d", LOCK % ""], 449,
     'Required-Field: "/lockinfo/owner"'),
    ("PROPFIND without a body", ["-X", "PROPFIND", "-H", "Depth: 0"], 207,
     None),
]
for name, args, status, hint in ROWS:
    got = curl("-si", *args, gate.url + "/a.txt")
    is_(got.status, status, "%s: %d" % (name, status))
    if hint:
        found = re.search(r"(?im)^MS-RetryWith: ([^\r]*)", got.out)
        is_(found and found.group(1).strip(), hint, name + ": says what")
        is_(len(got.json["missing"]), 1, name + ": in the body too")

got = curl("-si", "-X", "LOCK", *XML, "-d",
           LOCK % "<D:owner>me</D:owner>", gate.url + "/a.txt")
is_(got.status, 200, "a complete LOCK makes a lock")
token = re.search(r"(?i)lock-token: <([^>]+)>", got.out)
if ok(token, "and has its token", got):
    got = curl("-si", "-X", "LOCK", "-H", "If: (<%s>)" % token.group(1),
               gate.url + "/a.txt")
    is_(got.status, 200, "a LOCK with If and no body refreshes it")
    got = curl("-si", "-X", "UNLOCK", "-H",
               "Lock-Token: <%s>" % token.group(1), gate.url + "/a.txt")
    is_(got.status, 204, "UNLOCK with the token removes it")

# The line of the page, as it is, but for the value.
got = curl("-s", "-X", "COPY", "-H", "Accept: text/html", gate.url + "/a.txt")
lines = re.findall(r"(?s)<pre[^>]*>(.*?)</pre>", got.out)
line = html.unescape(re.sub(r"<[^>]*>", "", lines[1])) if lines else ""
like(line, r"^retrywith fetch -X COPY (?s:.)*-H 'Destination: VALUE'",
     "a field that no challenge may set is given with -H")
got = run("sh", "-c", line.replace("VALUE", gate.url + "/c.txt")
          .replace("URL", gate.url + "/a.txt"),
          env={"PATH": BUILD + "/bin:" + os.environ["PATH"]})
is_(got.code, 0, "and the line works")
ok(os.path.exists(dav.htdocs + "/c.txt"), "the copy is there", got)
done()
