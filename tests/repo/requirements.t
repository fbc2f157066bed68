#!/usr/bin/python3
"""Every numbered requirement is cited in code and in a vector or test."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

spec = re.findall(r"(?m)^\| (R-\d+) \|", text("spec/retry-with.md"))
ok(len(spec) >= 40, "the requirements were found", len(spec))
is_(len(spec), len(set(spec)), "no number is used twice")


def cited(names):
    found = {}
    for name in names:
        for number in re.findall(r"\bR-\d+\b", text(name)):
            found.setdefault(number, name)
    return found


code = cited(tracked("lib/*", "include/*", "body/*", "adapters/*", "launch/*",
                     "sandbox/*", "dialects/*", "cli/*", "openapi/*"))
proof = cited(tracked("spec/vectors/*", "tests/unit/*", "tests/e2e/*",
                      "fuzz/*.c"))
is_([r for r in spec if r not in code], [], "each is cited in code")
is_([r for r in spec if r not in proof], [],
    "each is cited in a vector or a test")
is_(sorted((set(code) | set(proof)) - set(spec)), [],
    "nothing cites a requirement that is none")
done()
