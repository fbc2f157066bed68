#!/usr/bin/python3
"""The shared libraries export what the headers declare, and nothing else."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *


def exported(library):
    out = run("nm", "-D", "--defined-only", library).out
    return sorted(l.split()[-1].split("@")[0] for l in out.splitlines()
                  if len(l.split()) == 3 and l.split()[1] in "TDBRVW")


def declared(names):
    found = set()
    for name in names:
        code = re.sub(r"/\*.*?\*/", "", text(name), flags=re.S)
        code = re.sub(r"(?m)^#.*(\\\n.*)*$", "", code)
        for statement in code.split(";"):
            if "RWITH_API" in statement:
                found.add(re.search(r"(\w+)\s*\(", statement.split(
                    "RWITH_API", 1)[1]).group(1))
    return sorted(found)


headers = tracked("include/retrywith/*.h")
core = [h for h in headers if not h.endswith("/curl.h")]
for library, wanted in (("libretrywith.so", core),
                        ("libretrywith-curl.so",
                         [h for h in headers if h.endswith("/curl.h")])):
    path = RELEASE + "/lib/" + library
    got, want = exported(path), declared(wanted)
    ok(len(want) > 0, library + ": the headers declare something")
    is_(sorted(set(got) - set(want)), [],
        library + " exports nothing that no header declares")
    is_(sorted(set(want) - set(got)), [],
        library + " has everything that its headers declare")

wanted = lines("tests/repo/symbols.txt")
have = exported(RELEASE + "/lib/libretrywith.so") + \
    exported(RELEASE + "/lib/libretrywith-curl.so")
is_(sorted(have), sorted(l for l in wanted if l and l[0] != "#"),
    "the list in tests/repo/symbols.txt is the truth")
done()
