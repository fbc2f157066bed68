#!/usr/bin/python3
"""The examples do what they say."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

# --- examples/fetch.c --------------------------------------------------------
program = scratch + "/fetch"
got = run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I",
          ROOT + "/include", ROOT + "/examples/fetch.c", "-o", program,
          "-L", RELEASE + "/lib", "-lretrywith-curl", "-lretrywith", "-lcurl",
          "-Wl,-rpath," + RELEASE + "/lib")
is_(got.code, 0, "fetch.c compiles")
origin = RawOrigin(lambda c, q, o: respond(c, "200 OK", [], "got through\n")
                   if q.get("X-Custom-Auth") == "sesame" else
                   respond(c, "449 Retry With",
                           [("MS-RetryWith",
                             "Required-Header: X-Custom-Auth")], "no"))
got = run(program, origin.url + "/demo", "X-Custom-Auth", "sesame")
is_((got.code, got.out), (0, "got through\n"), "fetch.c gets through a 449")
is_(len(origin.requests), 2, "fetch.c: two requests")



# --- examples/in-house.dialect -----------------------------------------------
def gateway(connection, request, origin):
    if request.target == "/ticket":
        return respond(connection, "200 OK",
                       [("Content-Type", "application/json")],
                       '{"ticket":"T-77"}')
    if request.get("X-Ticket") == "T-77":
        return respond(connection, "200 OK", [], "inside\n")
    return respond(connection, "403 Forbidden", [("X-Ticket", "required")],
                   "no")


dialect = ROOT + "/examples/in-house.dialect"
server = RawOrigin(gateway)
got = retrywith("fetch", "-s", "--dialect", dialect, "-d", "a=b",
                server.url + "/job")
is_((got.code, got.out), (0, "inside\n"), "in-house.dialect: fetch")
is_([r.target for r in server.requests], ["/job", "/ticket", "/job"],
    "in-house.dialect: refused, obtained, repeated")
relay = retrywith_server("relay", "--to", server.url, "--dialect", dialect)
for number, want in ((1, ["/job", "/ticket", "/job"]), (2, ["/job"])):
    server.reset()
    got = curl("-si", "-d", "a=b", relay.url + "/job")
    is_(got.status, 200, "in-house.dialect: relay, request %d" % number)
    is_([r.target for r in server.requests], want,
        "in-house.dialect: what the origin saw of it")

# --- examples/webdav-relay ---------------------------------------------------
dav = apache_dav()
guard = echo_guard(dav.url)
port = free_port()
script = Process([ROOT + "/examples/webdav-relay", guard.url], sanitized=True,
                 env={"RETRYWITH": RETRYWITH, "PORT": str(port)})
like(script.read_line(), r"relay listening on", "webdav-relay is ready")
got = curl("-si", "-X", "PROPFIND", "-H", "Depth: 0",
           "http://127.0.0.1:%d/" % port)
is_(got.status, 207, "webdav-relay: PROPFIND gets through")
done()
