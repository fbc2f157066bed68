#!/usr/bin/python3
"""The page of a refusal in a real browser: a person fills in what is missing
and arrives at the 200 (R-54, R-55, R-62).

Chromium judges the page with the Content-Security-Policy that the gate sends;
any complaint in its console but the 449 itself fails the test, and so does
any request to another place than the gate.
"""
import html
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from browser import *

if not has_browser():
    print("1..0 # SKIP no chromium and chromedriver")
    sys.exit(0)

XSS = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>&amp;"
DOCUMENT = {
    "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
    "components": {"securitySchemes": {
        "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key",
                "description": "The key of your account page"},
        "token": {"type": "http", "scheme": "bearer",
                  "description": "An access token"},
        "user": {"type": "http", "scheme": "basic"}}},
    "paths": {
        "/account": {"get": {
            "security": [{"key": []}],
            "parameters": [
                {"in": "query", "name": "session", "required": True,
                 "description": "The session that you began at /login",
                 "example": "s-1"},
                {"in": "cookie", "name": "sid", "required": True}]}},
        "/plain": {"get": {"parameters": [
            {"in": "query", "name": "filter[a b]", "required": True},
            {"in": "cookie", "name": "sid2", "required": True}]}},
        "/kind": {"get": {"parameters": [
            {"in": "query", "name": "kind", "required": True,
             "schema": {"type": "string", "enum": ["tea", "coffee & milk"]}},
            {"in": "query", "name": "count", "required": True,
             "schema": {"type": "integer"}}]}},
        "/token": {"get": {"security": [{"token": []}]}},
        "/user": {"get": {"security": [{"user": [], "key": []}]}},
        "/either": {"get": {"security": [{"key": []}, {"token": []}]}},
        "/order": {"post": {
            "security": [{"key": []}],
            "requestBody": {"required": True, "content": {
                "application/x-www-form-urlencoded": {"schema": {
                    "required": ["item", "address"], "properties": {
                        "address": {"description": "Where it is to go"}}}},
                "application/json": {"schema": {
                    "required": ["item", "address"]}}}}}},
        "/buy": {"post": {"requestBody": {"content": {
            "application/x-www-form-urlencoded": {"schema": {
                "required": ["address", "action"]}}}}}},
        "/picture": {"get": {"security": [{"key": []}]}},
        "/xss": {"get": {"parameters": [
            {"in": "query", "name": XSS, "required": True,
             "description": XSS, "example": XSS,
             "schema": {"enum": [XSS]}},
            {"in": "header", "name": "X-Safe", "required": True,
             "description": "`id` $(id) " + XSS}]}}}}

START = """<!DOCTYPE html><title>start</title>
<form method="post" action="/buy"><input name="item"><textarea name="note">
</textarea><input name="method" value="a"><input name="elements" value="b">
<input name="dataset" value="c"><button id="buy">Buy</button></form>
<form method="post" action="/order"><input name="item" value="x"><button
id="order">Order</button></form>
<form method="post" action="/buy"><input name="long" value="%s"><button
id="long">Long</button></form>
<button id="json" onclick="fetch('/order', { method: 'POST', headers:
{ 'Content-Type': 'application/json', Accept: 'text/html' }, body: '{}'
}).then(r => r.text()).then(t => { document.documentElement.innerHTML = t;
document.title = 'JSON' })">JSON</button>""" % ("x" * 17000)


def answer(connection, request, origin):
    if request.target == "/start":
        return respond(connection, "200 OK",
                       [("Content-Type", "text/html; charset=utf-8")], START)
    if request.target == "/picture":
        return respond(connection, "200 OK", [("Content-Type", "image/png")],
                       b"\x89PNG\r\n\x1a\n")
    if b"address=" in request.body and request.target == "/order" and \
            b"gift=" not in request.body:
        return respond(connection, "449 Retry With",
                       [("Content-Type", "application/problem+json"),
                        ("Ms-Echo-Request", "of the origin")],
                       json.dumps({"missing": [
                           {"in": "body", "pointer": "/gift",
                            "description": "Is it one?"}]}))
    return respond(connection, "200 OK",
                   [("Content-Type", "application/json")],
                   json.dumps({"line": request.line,
                               "body": request.body.decode()}))


origin = RawOrigin(answer)
gate = nginx("""
    log_format seen '$request_method $request_uri $status';
    server {
        listen 127.0.0.1:%%PORT%%;
        access_log seen.log seen;
        retry_with_openapi %s;
        location / { proxy_pass %s; }
    }""" % (write("api.json", json.dumps(DOCUMENT), 0o644), origin.url),
    module=True)
page = browser()


def seen():
    """Requests that the origin got, without what starts a test and what a
    browser asks for by itself."""
    return [r for r in origin.requests
            if r.target not in ("/start", "/favicon.ico")]


def refused(path, name, status=449):
    """Open an address that refuses."""
    origin.reset()
    page.console()
    page.requests()
    page.open(gate.url + path)
    is_(page.run("return document.title"), "The server needs a little more",
        name + ": the page")
    like(page.text, r"(?m)^%d " % status, name + ": says the status")
    is_(len(seen()), 0, name + ": the origin was not asked")


def check_quiet(name):
    """No complaint of the browser's, and nothing asked of anybody else."""
    bad = [line for line in page.console()
           if not re.search(r"status of (449|401|400)\b", line)]
    is_(bad, [], name + ": no error, no violation of the policy")
    is_([u for u in page.requests() if not u.startswith(gate.url + "/")], [],
        name + ": no external request")


# --- GET: header, query and cookie at once ------------------------------------
refused("/account?a=%20b+c;d", "GET")
for text in ("X-Api-Key", "header field", "The key of your account page",
             "session", "query parameter", "The session that you began",
             "Example: s-1", "sid", "cookie", "missing 3 pieces"):
    ok(text in page.text, "GET: says " + text, page.text)
page.fill("[data-name=X-Api-Key]", "the key")
page.fill("[data-name=session]", "s 1&2\u00e9")
page.fill("[data-name=sid]", "a;b")
page.click("form button")
page.wait("return !document.querySelector('section').hidden")
like(page.text, r"It worked", "GET: the 200 is shown")
got = seen()
is_(len(got), 1, "GET: one request arrived")
is_(got[0].target, "/account?a=%20b+c;d&session=s%201%262%C3%A9",
    "GET: the query, what it had byte for byte")
is_((got[0].get("X-Api-Key"), got[0].get("Cookie")),
    ("the key", "sid=a%3Bb"), "GET: header field and cookie")
like(curl("-si", "-H", "Accept: text/html", gate.url + "/account").out,
     r"(?m)^Ms-Echo-Request: %s\r$" % got[0].get("Ms-Echo-Reply"),
     "GET: the echo comes back, as it was [R-2]")
like(page.text, r"200 OK", "GET: the page names the status")
is_(page.run("return document.activeElement.tagName"), "SECTION",
    "GET: the answer has the focus")
check_quiet("GET")

# --- without header fields the browser goes there itself ----------------------
refused("/plain?filter%5Ba%20b%5D=", "query and cookie")
page.fill("[data-in=query]", "1")
page.fill("[data-in=cookie]", "x")
page.click("form button")
page.wait("return document.body.innerText.startsWith('{')")
is_(page.url, gate.url + "/plain?filter%5Ba%20b%5D=1",
    "query and cookie: at the address itself, the empty one replaced")
is_(seen()[0].get("Cookie"), "sid=a%3Bb; sid2=x", "query and cookie: sent")
check_quiet("query and cookie")

# --- what the schema allows ----------------------------------------------------
refused("/kind", "enum")
is_(page.run("return Array.from(document.querySelector('select').options)"
             ".map(o => o.value)"), ["", "tea", "coffee & milk"],
    "enum: a choice of what is allowed")
is_(page.run("return document.querySelector('[data-name=count]').inputMode"),
    "numeric", "enum: a number has the keys of numbers")
page.choose("select", "coffee")
page.fill("[data-name=count]", "2")
page.click("form button")
page.wait("return document.body.innerText.startsWith('{')")
is_([r.target for r in seen()], ["/kind?kind=coffee%20%26%20milk&count=2"],
    "enum: the choice was sent")

# --- credentials -----------------------------------------------------------------
refused("/token", "bearer", 401)
page.fill("input[type=password]", "t0ken")
page.keys("\ue007")  # Enter
page.wait("return !document.querySelector('section').hidden")
is_([(r.get("Authorization"), r.get("Ms-Echo-Reply")) for r in seen()],
    [("Bearer t0ken", None)],
    "bearer: the token arrived, sent by the Enter key; a 401 has no echo")
check_quiet("bearer")
refused("/user", "basic")
page.fill("[autocomplete=username]", "J\u00fcrgen")
page.fill("[autocomplete=current-password]", "a:b")
page.fill("[data-name=X-Api-Key]", "k")
page.click("form button")
page.wait("return !document.querySelector('section').hidden")
is_([r.get("Authorization") for r in seen()],
    ["Basic " + base64.b64encode("J\u00fcrgen:a:b".encode()).decode()],
    "basic: name and password arrived")
refused("/either", "alternatives")
like(page.text, r"In place of header field X-Api-Key: authorization Bearer",
     "alternatives: the other way is told")
page.fill("[data-name=X-Api-Key]", "k")
page.click("form button")
page.wait("return !document.querySelector('section').hidden")
is_(len(seen()), 1, "alternatives: the nearest is enough")
refused("/picture", "picture")
page.fill("input", "k")
page.click("form button")
page.wait("return !document.querySelector('section').hidden")
like(page.text, r"image/png . 8 bytes\s+Save the answer",
     "what is no text is offered as a file")
check_quiet("credentials")

# --- forms ------------------------------------------------------------------------


def start(button, **fields):
    page.open(gate.url + "/start")
    origin.reset()
    page.console()
    page.requests()
    for name, text in fields.items():
        page.fill("[name=%s]" % name, text)
    page.click("#" + button)
    page.wait("return document.title !== 'start'")


start("buy", item="tea & <milk>\u00e9", note="one\n+two")
is_(page.run("return document.title"), "The server needs a little more",
    "form: the page")
like(page.text, r"address\s+form field", "form: names the field")
unlike(page.text, r"milk", "form: what was sent is in hidden inputs")
page.fill("[name=address]", "here")
page.fill("[data-in=body][name=action]", "there")
page.click("form button")
page.wait("return document.body.innerText.startsWith('{')")
is_([(r.method, r.target, r.body.decode()) for r in seen()],
    [("POST", "/buy", "item=tea+%26+%3Cmilk%3E%C3%A9&note=one%0D%0A%2Btwo"
      "&method=a&elements=b&dataset=c&address=here&action=there")],
    "form: everything arrived, byte for byte as a browser sends it")
check_quiet("form")

start("order")
like(page.text, r"X-Api-Key", "form, header field: the page asks for it")
like(page.text, r"Where it is to go", "form, header field: and for the rest")
page.fill("[data-name=X-Api-Key]", "k")
page.fill("[name=address]", "here")
page.click("form button")
page.wait("return document.querySelector('[name=gift]')")
like(page.text, r"needs one thing more(?s:.)*", "form, header field: what "
     "the next answer asks for is added")
like(page.text, r"Is it one\?", "form, header field: described")
is_(page.run("return document.activeElement.name"), "gift",
    "form, header field: and has the focus")
page.fill("[name=gift]", "yes")
page.click("form button")
page.wait("return !document.querySelector('section').hidden")
is_([(r.get("X-Api-Key"), r.body.decode()) for r in seen()],
    [("k", "item=x&address=here"), ("k", "item=x&address=here&gift=yes")],
    "form, header field: all arrived")
like(seen()[0].get("Ms-Echo-Reply") or "", "^[0-9a-f]{16}$",
     "form, header field: with the gate's echo")
is_(seen()[1].get("Ms-Echo-Reply"), "of the origin",
    "form, header field: and then with the origin's")
check_quiet("form, header field")

start("long")
ok(page.run("return !document.querySelector('form')"),
   "a form of more than 16 KiB: lines for a terminal")
start("json")
like(page.text, r"curl -X POST(?s:.)*X-Api-Key: VALUE(?s:.)*--data-binary "
     r"@BODY(?s:.)*retrywith fetch", "JSON: lines for a terminal")
ok(page.run("return !document.querySelector('form')"), "JSON: no form")

foreign = RawOrigin(lambda c, r, o: respond(
    c, "200 OK", [("Content-Type", "text/html")],
    "<title>start</title><form method=post action='%s/buy'>"
    "<input name=item value=evil><button id=b>x</button></form>" % gate.url))
page.open(foreign.url)
page.click("#b")
page.wait("return document.title !== 'start'")
ok(page.run("return !document.querySelector('form')") and
   "evil" not in page.run("return document.documentElement.outerHTML"),
   "a form of a foreign page is not carried")
page.console()

# --- the lines for a terminal, as they are but for the values -----------------
body = write("body.json", '{"item": 1, "address": 2}')
ROWS = [("GET", "/account?a=1", [], "/account?a=1&session=v"),
        ("bearer", "/token", [], "/token"),
        ("basic", "/user", [], "/user"),
        ("JSON", "/order", ["-H", "Content-Type: application/json", "-d",
                            "{}"], "/order"),
        ("no body", "/order", ["-X", "POST"], "/order"),
        ("a name to quote", "/xss", [], None)]
for name, path, args, target in ROWS:
    got = curl("-s", "-H", "Accept: text/html", *args, gate.url + path)
    lines = [html.unescape(re.sub(r"<[^>]*>", "", l)) for l in
             re.findall(r"(?s)<pre[^>]*>(.*?)</pre>", got.out)]
    is_(len(lines), 2, name + ": two lines")
    for line in lines:
        command = line.split()[0]
        origin.reset()
        line = line.replace("URL?", "URL&" if "?" in path else "URL?")
        for word, value in (("VALUE", "v"), ("TOKEN", "t"), ("USER", "u:p"),
                            ("TYPE", "application/json"), ("BODY", body),
                            ("URL", gate.url + path)):
            line = re.sub(r"\b%s\b" % word, value, line)
        if command == "curl":
            line = line.replace("curl", "curl -q -sS", 1)
        got = run("sh", "-c", line, env={
            "PATH": BUILD + "/bin:" + os.environ["PATH"]})
        ok(got.code == 0 and len(seen()) == 1 and
           target in (None, seen()[0].target),
           "%s: the line of %s gets through" % (name, command),
           "%s\n%r\n%r" % (line, got, [r.head for r in origin.requests]))

# --- hostile documents ------------------------------------------------------------
refused("/xss", "hostile")
ok(XSS in page.text, "hostile: the text is shown as it is", page.text)
is_(page.run("return document.querySelectorAll('img').length + "
             "document.querySelectorAll('script').length"), 1,
    "hostile: it made no element")
page.run("document.querySelector('details').open = true")
like(page.text, r"(?s)curl.*X-Safe: VALUE.*%3Cimg%20src%3Dx",
     "hostile: the line for a shell is quoted")
is_(page.run("return document.querySelector('select').options[1].text"),
    " ".join(XSS.split()), "hostile: a choice is text")
page.choose("select", "<")
page.fill("[data-name=X-Safe]", "1")
page.click("form button")
page.wait("return !document.querySelector('section').hidden")
is_(len(seen()), 1, "hostile: filled in, it arrives")
check_quiet("hostile")

# --- every look of it ---------------------------------------------------------------
page.devtools("Network.clearBrowserCookies")
page.open(gate.url + "/account")
is_(page.run("return document.documentElement.lang"), "en",
    "the page says its language")
is_(page.run("return document.querySelectorAll('h1').length"), 1,
    "it has one first heading")
is_(page.run("""
    return Array.from(document.querySelectorAll("input,select,button"))
        .filter(e => !e.hidden && !e.closest("details") && e.type !== "hidden"
            && !(e.labels && e.labels.length) && !e.textContent)
        .length"""), 0, "every input has a label")
order = []
page.run("document.activeElement.blur()")
for _ in range(5):
    page.keys("\ue004")  # Tab
    order.append(page.run("""
        var e = document.activeElement;
        return e.dataset.name || e.tagName"""))
is_(order, ["session", "sid", "X-Api-Key", "BUTTON", "SUMMARY"],
    "the focus goes through it in reading order")
ok(page.run("""return parseFloat(getComputedStyle(
    document.activeElement).outlineWidth) >= 2"""), "the focus can be seen")
for dark in (False, True):
    for width in (1000, 360):
        for path in ("/account", "/user", "/either"):
            page.look(width, 800, dark, still=True)
            page.open(gate.url + path)
            page.run("document.querySelector('details').open = true")
            name = "%s, %s, %d px" % (path, "dark" if dark else "light", width)
            check_contrast(page, name)
            ok(page.run("return document.documentElement.scrollWidth") <=
               width, name + ": nothing sticks out")
page.look(1000, 800, still=True)
page.open(gate.url + "/account")
is_(page.run("""return getComputedStyle(
    document.querySelector("form button")).transitionDuration"""), "0s",
    "nothing moves for who prefers that")
page.close()

# --- without scripts ------------------------------------------------------------------
page = browser(scripts=False)
page.open(gate.url + "/account")
got = page.devtools("Accessibility.getFullAXTree")
names = [n.get("name", {}).get("value", "") for n in got["nodes"]]
ok(any("This form needs a script" in n for n in names),
   "without scripts: the page says so")
page.close()

with open(gate.folder + "/seen.log") as file:
    lines = file.read().splitlines()
strange = [l for l in lines if not re.match(
    r"(GET|POST) /(start|account|plain|kind|token|user|either|order|buy|xss|"
    r"picture|favicon.ico)\b", l)]
is_(strange, [], "the gate's log: nothing but what was asked for")
done()
