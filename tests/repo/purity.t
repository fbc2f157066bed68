#!/usr/bin/python3
"""The core links with libc's pure part and keeps no state."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

ALLOWED = {"memchr", "memcmp", "memcpy", "memmove", "memset", "malloc",
           "calloc", "free", "strlen", "qsort", "__stack_chk_fail",
           "__memcpy_chk", "__memset_chk", "__memmove_chk",
           "_GLOBAL_OFFSET_TABLE_", "explicit_bzero", "__explicit_bzero_chk"}

archive = RELEASE + "/lib/libretrywith.a"
undefined, defined = set(), set()
for line in run("nm", archive).out.splitlines():
    parts = line.split()
    if len(parts) == 2 and parts[0] == "U":
        undefined.add(parts[1])
    elif len(parts) == 3:
        defined.add(parts[2])
ok(len(defined) > 50, "the archive has the core in it", len(defined))
is_(sorted(undefined - defined - ALLOWED), [],
    "nothing is called outside the allow-list")

writable = []
member = ""
for line in run("objdump", "-h", archive).out.splitlines():
    parts = line.split()
    if line and not line[0].isspace() and "file format" in line:
        member = parts[0].rstrip(":")
    if len(parts) > 2 and parts[1] in (".data", ".bss", ".tdata", ".tbss"):
        if int(parts[2], 16) > 0:
            writable.append("%s in %s" % (parts[1], member))
is_(writable, [], "no writable section: no globals")

for name in tracked("lib/*.c", "lib/*.h", "include/retrywith/*.h"):
    if name.endswith("/curl.h"):
        continue
    bad = re.findall(r'#\s*include\s*<((?!retrywith/)[^>]*)>', text(name))
    pure = {"assert.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h",
            "stdlib.h", "string.h", "stdalign.h", "float.h",
            "emmintrin.h"}  # of the compiler's own: where __SSE2__ is
    extra = sorted(set(bad) - pure)
    if extra:
        ok(False, "%s includes only what is pure" % name, extra)
ok(True, "every file of the core was read")
done()
