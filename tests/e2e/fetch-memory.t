#!/usr/bin/python3
"""fetch with each of its own allocations failing once: every run ends by
itself, gets through or says why not, and no value gets into what it says."""
import os
import re
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

SECRET = "sesame-0123456789"
WRITE_ERROR, OUT_OF_MEMORY = 23, 27  # curl's
STILL_NEEDED, USAGE, FILE_WRONG, LIMIT = 100, 101, 102, 103


def asks(connection, request, origin):
    if request.get("X-Key") != SECRET:
        return respond(connection, "449 Retry With",
                       [("Content-Type", "application/problem+json"),
                        ("Set-Cookie", "a=b")],
                       '{"type":"urn:x-retrywith:missing","status":449,'
                       '"missing":[{"in":"header","name":"X-Key"}]}')
    return respond(connection, "200 OK", [], "through")


origin = RawOrigin(asks)
key = write("key", SECRET + "\n", 0o600)
supply = write("supply", "origin %s\nheader X-Key file %s\n" % (origin.url, key),
               0o600)
form = write("form.txt", "part")
RUNS = {
    "a file": ["--supply", supply, "--recall", scratch + "/recall", "-H",
               "X-A: 1", "--json", '{"a":1}', "-w", "%{http_code}",
               "--show-exchange", "-o", scratch + "/through"],
    "a form": ["--give", "header X-Key=@" + key, "-b", "c=d", "-F",
               "part=@" + form, "-F", "b=2", "--output-json"],
    "query": ["--give", "header X-Key=@" + key, "-G", "--data-urlencode",
              "q=a b", "-u", "user:" + SECRET, "-i"],
}

for name, argv in RUNS.items():
    folder = scratch + "/" + re.sub(r"\W", "_", name)
    os.mkdir(folder)
    got = run(BUILD + "/tests/e2e/fetch_memory", scratch + "/recall",
              folder + "/out", folder + "/err", "fetch", *argv,
              origin.url + "/x", timeout=3000,
              env={"ASAN_OPTIONS": "exitcode=99"})
    runs = [tuple(map(int, line.split())) for line in got.out.splitlines()]
    is_(got.code, 0, name + ": it has run") or note(got)
    ok(len(runs) > 20, "%s: %d allocations, each failed once"
       % (name, len(runs) - 1))
    is_(runs[0][1] if runs else None, 0,
        name + ": with all of them it gets through")
    crashed, silent, told, lost = [], [], [], []
    for n, status in runs:
        with open("%s/out.%d" % (folder, n)) as file:
            out = file.read()
        with open("%s/err.%d" % (folder, n)) as file:
            err = file.read()
        if status not in (0, WRITE_ERROR, OUT_OF_MEMORY, STILL_NEEDED,
                          FILE_WRONG, LIMIT) and \
                (status != USAGE or "out of memory" not in err):
            crashed.append((n, status, err[-300:]))
        if status != 0 and not re.search(r"^retrywith: .{10}", err, re.M):
            silent.append((n, status, err[-300:]))
        if SECRET in out + err:
            told.append((n, status))
        if status == 0 and n != 0 and "through" not in out and \
                "-o" not in argv:
            lost.append((n, out[-300:]))
    is_(crashed, [], name + ": each ends with success or a status of its own")
    is_(silent, [], name + ": each that fails says so")
    is_(told, [], name + ": none tells the value")
    is_(lost, [], name + ": each that succeeds has the answer")
done()
