#!/usr/bin/python3
"""Form: what a reader may rely on in every file."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

BANNED = r"\b(strcpy|strcat|sprintf|vsprintf|gets|sscanf|atoi|atol|strtok" \
         r"|strtol|strtoul|alloca)\s*\("
own = [n for n in tracked("*.c", "*.h")
       if not n.startswith(("fuzz/corpus", "spec/"))]
ok(len(own) > 60, "the sources were found", len(own))

ours = [n for n in own if not n.startswith("adapters/nginx/")]
got = run("clang-format", "--dry-run", "-Werror",
          *[ROOT + "/" + n for n in ours], timeout=3600)
ok(got.code == 0, "clang-format has nothing to change", got.err)

for name in own:
    if name.startswith(("tests/", "bench/")) and name.endswith(".c"):
        continue
    code = re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\\n])*\"", "", text(name),
                  flags=re.S)
    found = re.search(BANNED, code)
    if found:
        ok(False, "%s calls %s" % (name, found.group(1)))
    count = len(lines(name))
    if count > 900:
        ok(False, "%s has %d lines (limit 900)" % (name, count))
    if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text(name)):
        ok(False, "%s is unfinished by its own words" % name)
    if name.endswith(".c") and not re.match(r"\s*/\*", text(name)):
        ok(False, "%s starts with what it is responsible for" % name)
    if re.search(r"(?m)^\s*//", text(name)):
        ok(False, "%s has // comments" % name)
ok(True, "every source was read for banned calls, size and comments")

# pmccabe: modified complexity, traditional, statements, line, lines, file
LIMIT = {"lib/": (15, 100), "": (30, 110)}
sources = [n for n in own if n.endswith(".c") and
           not n.startswith(("tests/", "fuzz/", "bench/", "examples/"))]
seen = 0
for line in run("pmccabe", *[ROOT + "/" + n for n in sources]).out.split("\n"):
    parts = line.split("\t")
    if len(parts) < 6:
        continue
    seen += 1
    where = os.path.relpath(parts[5].split("(")[0], ROOT)
    complexity, length = int(parts[0]), int(parts[4])
    prefix = "lib/" if where.startswith("lib/") else ""
    if complexity > LIMIT[prefix][0] or length > LIMIT[prefix][1]:
        ok(False, "%s: complexity %d, %d lines" % (parts[5], complexity,
                                                   length))
ok(seen > 300, "functions were measured", seen)

programs = [n for n in tracked("tests/*.t", ".ci/*", "tools/*", "bench/*")
            if open(ROOT + "/" + n, "rb").read(2) == b"#!"]
ok(len(programs) > 40, "programs were found", len(programs))
is_([n for n in programs if not os.access(ROOT + "/" + n, os.X_OK)], [],
    "each can be run")

shell = [n for n in tracked("*") if not n.endswith((".c", ".h", ".py", ".t"))
         and os.path.isfile(ROOT + "/" + n)
         and open(ROOT + "/" + n, "rb").read(20).startswith(b"#!/bin/sh")]
for name in shell:
    got = run("sh", "-n", ROOT + "/" + name)
    ok(got.code == 0, name + " is well-formed shell", got.err)
done()
