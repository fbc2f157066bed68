#!/usr/bin/python3
"""retrywith fetch with a dialect that fetches a value first, as Jenkins' and
SAP's do: the value, its cookie, and what happens when there is none."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *

DIALECT = """
dialect crumb
    about     a crumb that is fetched
    source    this test: a refused build was not started
    when      status 403
    when      response-body contains "No valid crumb"
    fetch     GET /crumb
    set       header Crumb from json /crumb
    repeat    any
    remember  %s
"""
crumb = "c1"


def origin_of(connection, request, origin):
    if request.target == "/crumb":
        if origin.broken == "status":
            return respond(connection, "500 E", [], "{}")
        if origin.broken == "redirect":
            return respond(connection, "302 F", [("Location", "/x")], "")
        if origin.broken == "close":
            return False
        if origin.broken == "big":
            return respond(connection, "200 OK", [], " " * (1 << 20))
        return respond(connection, "200 OK",
                       [("Content-Type", "application/json"),
                        ("Set-Cookie", "session=s1; Path=/")],
                       json.dumps({"crumb": crumb}))
    if (request.get("Crumb"), request.get("Cookie")) != (crumb, "session=s1"):
        return respond(connection, "403 Forbidden", [],
                       "<html>No valid crumb was included</html>")
    return respond(connection, "200 OK", [], b"built " + request.body)


origin = RawOrigin(origin_of)
origin.broken = None
for scope in ("request", "cookie-jar"):
    origin.reset()
    path = write("crumb-" + scope, DIALECT % scope)
    got = retrywith("fetch", "--dialect", path, "-d", "a=b",
                    origin.url + "/job")
    is_((got.code, got.out), (0, "built a=b"),
        "%s: the crumb is fetched and sent with its cookie" % scope) or \
        note(got)
    is_([r.line.split(" ")[:2] for r in origin.requests],
        [["POST", "/job"], ["GET", "/crumb"], ["POST", "/job"]],
        "%s: one fetch, two sends" % scope)
    is_(origin.requests[1].body if origin.requests[1:] else None,
        b"", "%s: the fetch has no content" % scope)
got = retrywith("fetch", "--dialect", path, "-c", scratch + "/jar", "-w",
                " %{retrywith_attempts} %{retrywith_obtains}",
                origin.url + "/job")
is_(got.out, "built  2 1", "with a cookie jar as well") or note(got)
for broken in ("status", "redirect", "close", "big"):
    origin.reset()
    origin.broken = broken
    got = retrywith("fetch", "--dialect", path, "-d", "a=b",
                    origin.url + "/job")
    is_(got.code, 100, "a fetch that fails (%s): 100" % broken) or note(got)
    like(got.out, "No valid crumb", "%s: the refusal is the answer" % broken)
    ok(len(origin.requests) <= 3, "%s: and no more requests" % broken)
    ok(not any(r.target == "/x" for r in origin.requests),
       "%s: no redirect is followed" % broken)
done()
