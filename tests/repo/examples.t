#!/usr/bin/python3
"""Every example compiles with the installed-style flags."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

sources = tracked("examples/*.c")
ok(len(sources) >= 1, "there are examples")
for name in sources:
    out = scratch + "/" + os.path.basename(name)[:-2]
    got = run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror",
              "-I", ROOT + "/include", ROOT + "/" + name, "-o", out,
              "-L", RELEASE + "/lib", "-lretrywith-curl", "-lretrywith",
              "-lcurl", "-Wl,-rpath," + RELEASE + "/lib")
    ok(got.code == 0, name + " compiles and links", got.err)
fetch = [l for l in lines("examples/fetch.c") if l.strip()]
ok(len(fetch) < 40, "examples/fetch.c has under 40 lines", len(fetch))
done()
