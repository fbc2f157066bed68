#!/usr/bin/python3
"""What `make install` installs, and that it is used from there."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

stage = scratch + "/stage"
prefix = stage + "/usr/local"
got = run("cmake", "--install", RELEASE, "--prefix", "/usr/local",
          env={"DESTDIR": stage})
ok(got.code == 0, "it installs", got.err)
have = []
for folder, _, files in os.walk(stage):
    have += ["." + os.path.join(folder, f)[len(stage):] for f in files]
is_(sorted(have), sorted(l for l in lines("tests/repo/installed.txt") if l),
    "tests/repo/installed.txt lists what is installed")

modes = [name for name in have if os.stat(stage + name[1:]).st_mode & 0o022]
is_(modes, [], "none may be written by others")
got = run(prefix + "/bin/retrywith", "--version", sanitized=False)
is_(got.code, 0, "the installed command runs")
box = Process([prefix + "/bin/retrywith", "sandbox", "--listen",
               "127.0.0.1:0"], env={"PATH": os.environ["PATH"]})
like(box.read_line(), "listening on http://127",
     "it finds the installed module, wherever the whole was moved to")
maps = "".join(open("/proc/%d/maps" % pid).read() for pid in box.children())
ok(prefix + "/lib/retrywith/" in maps, "that one is loaded")
box.stop()
pages = tracked("man/*")
is_([p for p in pages if not os.path.exists(
    "%s/share/man/man%s/%s" % (prefix, p[-1], os.path.basename(p)))], [],
    "every man page is there")
for name in ("libretrywith", "libretrywith-curl"):
    got = run("pkg-config", "--cflags", "--libs", name,
              env={"PKG_CONFIG_PATH": prefix + "/lib/pkgconfig",
                   "PKG_CONFIG_SYSROOT_DIR": stage})
    ok(got.code == 0 and "-lretrywith" in got.out, name + ".pc is whole",
       got.out + got.err)
needed = run("readelf", "-d", prefix + "/bin/retrywith").out
ok("RUNPATH" not in needed and "RPATH" not in needed,
   "the installed command looks for no library in the build folder", needed)
done()
