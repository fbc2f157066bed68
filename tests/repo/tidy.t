#!/usr/bin/python3
"""clang-tidy has nothing to say: .clang-tidy names what it looks for."""
import json
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

FOLDERS = ("lib", "body", "openapi", "sandbox", "launch", "adapters/curl",
           "cli")
AT_ONCE = 2  # processes; and so many files of each, to share the load evenly
FILES_EACH = 3

build = os.environ.get("RWITH_CLANG", ROOT + "/build/clang")
with open(build + "/compile_commands.json") as file:
    known = {os.path.relpath(entry["file"], ROOT) for entry in json.load(file)}
sources = tracked(*[folder + "/*.c" for folder in FOLDERS])
ok(len(sources) > 100, "the sources were found", len(sources))
is_([name for name in sources if name not in known], [],
    "the build knows how each is compiled")

# the largest first, so that none is left for the end
sources.sort(key=lambda name: -os.path.getsize(ROOT + "/" + name))
listed = write("sources", "".join(name + "\n" for name in sources))
got = run("xargs", "-a", listed, "-P", str(AT_ONCE), "-n", str(FILES_EACH),
          "clang-tidy", "-p", build, "--quiet", timeout=3600, cwd=ROOT)
found = [l for l in got.out.split("\n")
         if re.search(r": (error|warning): ", l)]
is_(found, [], "it has found nothing")
ok(got.code == 0, "it has run for every file",
   "\n".join(l for l in got.err.split("\n") if "generated" not in l))
done()
