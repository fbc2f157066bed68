#!/usr/bin/python3
"""Forward authentication: Caddy and nginx ask the gate, by the recipes of
docs/gate.md."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

os.chmod(scratch, 0o755)
document = write("api.json", json.dumps({
    "openapi": "3.0.3", "info": {"title": "t", "version": "1"},
    "paths": {
        "/reports/{id}": {"get": {"parameters": [
            {"name": "X-Custom-Auth", "in": "header", "required": True,
             "schema": {"type": "string"}},
            {"name": "year", "in": "query", "required": True,
             "schema": {"type": "integer"}}], "responses": {}}},
        "/orders": {"post": {
            "parameters": [{"name": "X-Order", "in": "header",
                            "required": True, "schema": {"type": "string"}}],
            "requestBody": {"required": True, "content": {
                "application/json": {"schema": {
                    "type": "object", "required": ["item"]}}}},
            "responses": {}}}}}), 0o644)


def recipe(name):
    """A block of docs/gate.md, by its first line."""
    with open(ROOT + "/docs/gate.md", encoding="utf-8") as file:
        for block in re.findall(r"(?s)```\n(.*?)```", file.read()):
            if block.startswith(name):
                return block
    raise RuntimeError("docs/gate.md has no block '%s'" % name)


origin = RawOrigin(lambda connection, request, self: respond(
    connection, "200 OK", [], request.line + "\n" +
    request.body.decode("latin-1")))
gate = retrywith_server("gate", "--forward-auth", "--openapi", document)
wait_for(lambda: "\n" in gate.err, "the warning")
like(gate.err, r"sees no body", "body requirements are warned about")


def checks(name, base):
    got = curl("-si", base + "/reports/7?year=1&x=%2F..%2f")
    is_(got.status, 449, name + "an incomplete request")
    is_([m["name"] for m in got.json["missing"]], ["X-Custom-Auth"],
        name + "is told what is missing")
    like(got.out, r"(?im)^ms-retrywith: Required-Header: X-Custom-Auth\r$",
         name + "the fields arrive")
    like(got.out, r"(?im)^ms-echo-request: \S+\r$", name + "the echo too")
    seen = len(origin.requests)
    got = curl("-si", base + "/reports/7", "-H", "X-Forwarded-Uri: /free",
               "-H", "X-Forwarded-Method: GET")
    is_(got.status, 449, name + "a client's own fields do not help it")
    is_(len(origin.requests), seen, name + "the origin was not asked")
    got = curl("-si", base + "/reports/7?year=1&x=%2F..%2f", "-H",
               "X-Custom-Auth: 1")
    is_(got.status, 200, name + "a complete one passes")
    like(got.out, r"GET /reports/7\?year=1&x=%2F\.\.%2f HTTP", name +
         "as it came")
    got = curl("-si", base + "/orders", "-d", '{"item": 1}', "-H",
               "Content-Type: application/json")
    is_(got.status, 449, name + "the head of a POST is judged")
    got = curl("-si", base + "/orders", "-d", '{"item": 1}', "-H",
               "Content-Type: application/json", "-H", "X-Order: 1")
    is_(got.status, 200, name + "its body passes")
    ok('{"item": 1}' in got.out, name + "to the origin", got)


got = curl("-si", gate.url + "/", "-H", "X-Forwarded-Method: GET", "-H",
           "X-Forwarded-Uri: /reports/7?year=1", "-H", "X-Custom-Auth: 1")
is_(got.status, 204, "complete: 204")
got = curl("-si", gate.url + "/")
is_(got.status, 400, "nothing to judge: 400")
got = curl("-si", gate.url + "/", "-H", "X-Forwarded-Method: GET", "-H",
           "X-Forwarded-Uri: /reports/7", "-H", "X-Forwarded-Uri: /free")
is_(got.status, 400, "two to judge: 400")

# --- Caddy -------------------------------------------------------------------
port = free_port()
text = recipe("api.example.com {")
for old, new in (("api.example.com", "http://127.0.0.1:%d" % port),
                 ("127.0.0.1:4490", "127.0.0.1:%d" % gate.port),
                 ("localhost:8080", "127.0.0.1:%d" % origin.port)):
    ok(old in text, "Caddy's recipe has " + old)
    text = text.replace(old, new)
path = write("Caddyfile", "{\n    admin off\n    auto_https off\n}\n" + text,
             0o644)
caddy = Process(["caddy", "run", "--config", path, "--adapter", "caddyfile"],
                env={"HOME": scratch, "XDG_DATA_HOME": scratch + "/data",
                     "XDG_CONFIG_HOME": scratch + "/config"})
wait_for(lambda: accepts(port) or not caddy.alive(), "Caddy")
ok(caddy.alive(), "Caddy runs by the recipe", caddy.err)
checks("Caddy: ", "http://127.0.0.1:%d" % port)
caddy.stop()

# --- an nginx that is there already ------------------------------------------
text = recipe("location / {")
for old, new in (("/etc/nginx/api.yaml", document),
                 ("http://localhost:8080", origin.url)):
    ok(old in text, "nginx's recipe has " + old)
    text = text.replace(old, new)
server = nginx("server { listen 127.0.0.1:%%PORT%%; %s }" % text, module=True)
checks("nginx: ", server.url)
got = curl("-si", server.url + "/orders", "-d", "{}", "-H",
           "Content-Type: application/json", "-H", "X-Order: 1")
is_(got.status, 449, "nginx: bodies are judged too")
done()
