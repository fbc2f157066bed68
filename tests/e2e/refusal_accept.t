#!/usr/bin/python3
"""The four representations of a refusal, asked for as real clients do, and
read with real parsers: all say the same (R-55, R-64)."""
import os
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

# Names and descriptions that each representation has to escape.
HOSTILE = ("a\"b'<c>&amp;\\\u0000\u0007\t\r\n\u007f\u0080\ufffe\uffff\u2028"
           "\U0001f600]]>")
DOCUMENT = {
    "openapi": "3.0.3", "info": {"title": "t", "version": "1"},
    "components": {"securitySchemes": {
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "token": {"type": "http", "scheme": "bearer"}}},
    "paths": {
        "/a": {"get": {
            "security": [{"key": []}, {"token": []}],
            "parameters": [
                {"in": "query", "name": "q[0]", "required": True,
                 "description": HOSTILE, "example": HOSTILE,
                 "schema": {"type": "string", "enum": [HOSTILE, "b"]}},
                {"in": "cookie", "name": "sid", "required": True}]}},
        "/t": {"get": {"security": [{"token": []}]}},
        "/b": {"post": {"requestBody": {"content": {"application/json": {
            "schema": {"required": ["a/b~c", HOSTILE.strip()],
                       "properties": {"a/b~c": {
                           "description": "both escapes"}}}}}}}}}}
gate = nginx("""
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT2%% http2;
        retry_with_openapi %s;
        location / { root html; }
    }""" % write("api.json", json.dumps(DOCUMENT), 0o644), module=True)
PROBLEM = "application/problem+json"


class Page(HTMLParser):
    """Tags in order, and whether they are balanced."""

    VOID = {"meta", "input", "link", "br", "img"}

    def __init__(self, text):
        super().__init__()
        self.open, self.bad, self.names = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if any(k.startswith("on") or k in ("style", "src", "href")
               for k, _ in attributes):
            self.bad.append((tag, attributes))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.bad.append("/" + tag)


def field(got, name):
    found = re.search(r"(?im)^%s:[ \t]*([^\r\n]*)" % name,
                      got.out.split("\r\n\r\n", 1)[0])
    return found.group(1) if found else None


def body(got):
    return got.raw.split(b"\r\n\r\n", 1)[1]


def read_json(got):
    problem = json.loads(body(got).decode("utf-8"))
    return problem["status"], problem["title"], [
        (i["in"], i.get("name", i.get("pointer", i.get("scheme"))),
         i.get("description")) for i in problem.get("missing", [])]


def read_xml(got):
    root = ElementTree.fromstring(body(got))
    space = "{urn:ietf:rfc:7807}"
    is_(root.tag, space + "problem", "XML: the element and its namespace")

    def text(parent, *names):
        for name in names:
            found = parent.find(space + name)
            if found is not None:
                return found.text or ""
        return None

    return int(text(root, "status")), text(root, "title"), [
        (text(i, "in"), text(i, "name", "pointer", "scheme"),
         text(i, "description"))
        for i in root.findall(space + "missing/" + space + "i")]


# --- who asks how ---------------------------------------------------------------
CHROME = ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
          "image/webp,image/apng,*/*;q=0.8,"
          "application/signed-exchange;v=b3;q=0.7")
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ROWS = [
    ("curl", [], PROBLEM),
    ("no Accept", ["-H", "Accept:"], PROBLEM),
    ("Chromium", ["-H", "Accept: " + CHROME], "text/html"),
    ("Firefox", ["-H", "Accept: " + FIREFOX], "text/html"),
    ("an API client", ["-H", "Accept: application/json"], PROBLEM),
    ("axios", ["-H", "Accept: application/json, text/plain, */*"], PROBLEM),
    ("Java's HttpURLConnection", ["-H", "Accept: text/html, image/gif, "
                                  "image/jpeg, *; q=.2, */*; q=.2"],
     "text/html"),
    ("an XML client", ["-H", "Accept: application/xml"],
     "application/problem+xml"),
    ("a WebDAV client", ["-H", "Accept: text/xml, application/xml"],
     "application/problem+xml"),
    ("a text browser", ["-H", "Accept: text/plain"], "text/plain"),
    ("two lines", ["-H", "Accept: text/plain;q=0.2", "-H",
                   "Accept: text/html;q=0.1"], "text/plain"),
    ("nothing that there is", ["-H", "Accept: image/png"], PROBLEM),
]
for name, args, media in ROWS:
    got = curl("-si", *args, gate.url + "/a")
    is_(got.status, 449, name + ": 449")
    is_((field(got, "Content-Type") or "").split(";")[0], media,
        "%s: %s" % (name, media))
    is_((field(got, "Vary"), field(got, "Cache-Control")),
        ("Accept", "no-store"), name + ": Vary, Cache-Control")
    ok(len(body(got)) > 0 and
       len(body(got)) == int(field(got, "Content-Length")),
       name + ": a body of the length that is told")
    head = curl("-sI", *args, gate.url + "/a")
    is_([field(head, n) for n in ("Content-Type", "Content-Length",
                                  "MS-RetryWith", "Ms-Echo-Request")],
        [field(got, n) for n in ("Content-Type", "Content-Length",
                                 "MS-RetryWith", "Ms-Echo-Request")],
        name + ": HEAD tells the same")
    is_((head.status, body(head)), (449, b""), name + ": HEAD has no body")

# --- what another request accepted says nothing of this one ----------------------
XML = "application/problem+xml"
ALIKE = [("application/xml", XML), ("text/html;q=0.9", "text/html"),
         ("text/plain;q=.9", PROBLEM), ("application/xml", XML),
         ("text/xml", XML), ("application/json", PROBLEM), ("text/xml", XML),
         ("text/html;v=" + "x" * 244, "text/html"),
         ("text/plain;v=" + "x" * 244, "text/plain")]
for media, sent in ALIKE * 2:
    got = curl("-si", "-H", "Accept: " + media, gate.url + "/a")
    is_((field(got, "Content-Type") or "").split(";")[0], sent,
        "%d bytes of %s: %s" % (len(media), media[:20], sent))

# --- all say the same ---------------------------------------------------------------
for path, args in (("/a", []), ("/t", []),
                   ("/b", ["-H", "Content-Type: application/json", "-d",
                           "{}"]),
                   ("/b", ["-H", "Content-Type: application/json", "-d",
                           "{"])):
    name = path + " " + " ".join(args[-1:])
    got = {media: curl("-si", *args, "-H", "Accept: " + media,
                       gate.url + path)
           for media in (PROBLEM, "application/problem+xml", "text/html",
                         "text/plain")}
    status, title, items = read_json(got[PROBLEM])
    is_({g.status for g in got.values()}, {status}, name + ": one status")
    xml = read_xml(got["application/problem+xml"])
    is_((xml[0], xml[1], len(xml[2])), (status, title, len(items)),
        name + ": XML says as much as JSON")
    text = body(got["text/plain"]).decode("utf-8")
    page = Page(body(got["text/html"]).decode("utf-8"))
    is_((page.bad, page.open), ([], []), name + ": the page is balanced, "
        "and has neither handlers nor sources")
    is_(page.names.count("script"), 1 if items else 0,
        name + ": the page has no script but ours")
    ok(not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text),
       name + ": no control byte in the text", repr(text))
    for index, (place, item, description) in enumerate(items):
        is_(xml[2][index][0], place, "%s: %s in XML" % (name, place))
        if re.fullmatch(r"[\x20-\x7e]*", item):
            is_(xml[2][index][1], item, "%s: %s in XML" % (name, item))
            ok(item in text, "%s: %s in the text" % (name, item), text)
        if description:
            ok(description in (HOSTILE, "both escapes"),
               name + ": JSON has the description unchanged",
               repr(description))

got = curl("-si", gate.url + "/a")
is_(json.loads(body(got))["missing"][0]["schema"]["enum"], [HOSTILE, "b"],
    "the schema is the document's")
is_(len(json.loads(body(got))["alternatives"]), 1, "the alternative is told")
got = curl("-si", "-H", "Content-Type: application/json", "-d", "{}",
           gate.url + "/b")
ok("/a~1b~0c" in [i["pointer"] for i in json.loads(body(got))["missing"]],
   "a JSON Pointer has its escapes", got)

# --- real clients -------------------------------------------------------------------
got = run("/usr/bin/python3", "-c", """import requests, sys
r = requests.get(sys.argv[1]); print(r.status_code, r.reason,
len(r.json()['missing']))""", gate.url + "/a")
is_(got.out, "449 Retry With 3\n", "python requests reads the problem")
got = run("node", "-e", """(async () => {
const r = await fetch(process.argv[1]);
console.log(r.status, r.statusText, (await r.json()).missing.length); })()""",
          gate.url + "/a")
is_(got.out, "449 Retry With 3\n", "node's fetch reads the problem")
got = run("wget", "-q", "-S", "--content-on-error", "-O", "-",
          gate.url + "/a")
is_(len(json.loads(got.out)["missing"]), 3, "wget shows it")
got = curl("-si", "--http2-prior-knowledge",
           "http://127.0.0.1:%d/a" % gate.ports[1])
like(got.out, r"^HTTP/2 449", "over HTTP/2: 449")
is_(len(json.loads(body(got))["missing"]), 3, "over HTTP/2: a body")
done()
