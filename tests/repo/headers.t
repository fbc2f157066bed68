#!/usr/bin/python3
"""Each public header compiles alone, as C99, C11 and C++."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

WARN = ["-Wall", "-Wextra", "-Wpedantic", "-pedantic-errors", "-Werror",
        "-fsyntax-only", "-I", ROOT + "/include"]
HOW = [("gcc", "-std=c99", "c"), ("clang", "-std=c11", "c"),
       ("g++", "-std=c++11", "c++")]
headers = tracked("include/retrywith/*.h")
for name in headers:
    short = os.path.basename(name)
    source = write("alone.c", '#include <retrywith/%s>\n'
                   '#include <retrywith/%s>\nint alone;\n' % (short, short))
    for compiler, standard, language in HOW:
        got = run(compiler, standard, "-x", language, *WARN, source)
        ok(got.code == 0, "%s alone, %s %s" % (short, compiler, standard),
           got.err)
    like(text(name), r"#ifndef RWITH_%s_H" %
         short[:-2].upper().replace("-", "_"), short + " has its guard")
ok(len(headers) >= 12, "the headers were found", headers)
done()
