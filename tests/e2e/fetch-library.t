#!/usr/bin/python3
"""libretrywith-curl as a program of somebody else's sees it: installed,
found by pkg-config, linked, run."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *


def hint(connection, request, origin):
    if not request.get("X-Custom-Auth"):
        return respond(connection, "449 Retry With",
                       [("MS-RetryWith", "Required-Header: X-Custom-Auth")],
                       "<html>no</html>")
    return respond(connection, "200 OK", [], "through")


root = scratch + "/root"
got = run("cmake", "--install", RELEASE, env={"DESTDIR": root})
is_(got.code, 0, "the libraries are installed") or note(got)
found = [os.path.join(folder, name)
         for folder, _, names in os.walk(root) for name in names]
pc = [f for f in found if f.endswith("/libretrywith-curl.pc")]
is_(len(pc), 1, "there is one pkg-config file")
libdir = os.path.dirname(os.path.dirname(pc[0]))
env = {"PKG_CONFIG_PATH": os.path.dirname(pc[0]),
       "PKG_CONFIG_SYSROOT_DIR": root,
       "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1"}


def pkg_config(*args):
    return run("pkg-config", *args, env=env).out.split()


# The sysroot is for our two files only: libcurl is the system's.
flags = [f for f in pkg_config("--cflags", "--libs", "libretrywith-curl")
         if not f.startswith("-I" + root + "/usr/include")]
program = scratch + "/fetch"
for compiler in ("gcc", "clang"):
    got = run(compiler, "-std=c11", "-Wall", "-Wextra", "-Wpedantic",
              "-Werror", ROOT + "/examples/fetch.c", "-o", program, *flags,
              "-Wl,-rpath," + libdir)
    is_(got.code, 0, "examples/fetch.c is compiled by " + compiler) or \
        note(got)
with open(ROOT + "/examples/fetch.c") as file:
    ok(len(file.readlines()) < 40, "in under 40 lines")
origin = RawOrigin(hint)
got = run(program, origin.url + "/x", "X-Custom-Auth", "sesame")
is_((got.code, got.out), (0, "through"), "and gets through") or note(got)
is_(len(origin.requests), 2, "with two requests")
got = run("readelf", "-d", libdir + "/libretrywith-curl.so")
like(got.out, r"SONAME.*libretrywith-curl\.so\.0\]", "the SONAME is .so.0")
with open(ROOT + "/man/libretrywith.3") as page:
    text = page.read()
program_text = text[text.index(".Bd -literal -offset 0n\n"):]
program_text = program_text[program_text.index("\n") + 1:
                            program_text.index(".Ed")]
source = write("core.c", program_text.replace("\\e", "\\")
               .replace("\\&", ""))
core_flags = [f for f in pkg_config("--cflags", "--libs", "libretrywith")]
got = run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o",
          program + "-core", *core_flags, "-Wl,-rpath," + libdir)
is_(got.code, 0, "the program of libretrywith(3) is compiled") or note(got)
got = run(program + "-core")
is_(got.code, 0, "and runs") or note(got)
like(got.out, "X-Custom-Auth: sesame", "and says what is sent again")
done()
