#!/usr/bin/python3
"""The unit tests without sanitizers, built by the other compiler, under
valgrind: what ASan cannot see, reads of memory that was never written."""
import glob
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from harness import *

tests = sorted(glob.glob(os.environ.get("RWITH_CLANG", ROOT + "/build/clang")
                         + "/tests/test_*"))
ok(len(tests) > 20, "the tests were built", tests)
for test in tests:
    got = run("valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
              "--errors-for-leak-kinds=definite", test, timeout=3600)
    ok(got.code == 0, os.path.basename(test) + " under valgrind",
       got.err[-3000:] + "\n".join(l for l in got.out.splitlines()
                                   if l.startswith("not ok"))[:1000])
done()
