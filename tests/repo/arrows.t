#!/usr/bin/python3
"""Includes run only along the arrows of docs/architecture.md."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

# folder: the other folders whose headers it may include
MAY = {
    "lib": set(),
    "body": {"lib"},
    "openapi": {"body", "lib"},
    "sandbox": {"body", "lib"},
    "launch": {"lib", "openapi", "body"},
    "adapters/curl": {"body", "lib"},
    "adapters/nginx": {"sandbox", "openapi", "body", "lib"},
    "cli": {"launch", "adapters/curl", "openapi", "body", "lib"},
}
# system headers that belong to one folder only
FOREIGN = {
    r"curl/": {"adapters/curl", "cli", "include/retrywith/curl.h"},
    r"yajl/": {"body", "openapi", "cli"},
    r"expat\.h": {"body"},
    r"yaml\.h": {"openapi"},
    r"zlib\.h": {"body"},
    r"ngx_": {"adapters/nginx"},
    r"openssl/": {"adapters/nginx"},
}



def home(name, header, is_quoted):
    """The project's file that is meant; None: it is the system's."""
    places = [os.path.dirname(name)] if is_quoted else []
    for place in places + ["", "include"]:
        path = os.path.normpath(os.path.join(place, header))
        if os.path.isfile(ROOT + "/" + path):
            return path
    return None


def wrong(folder, allowed, header, path):
    """Why a file of that folder may not include it, or None."""
    if path is None:
        for pattern, homes in FOREIGN.items():
            if re.match(pattern, header) and folder not in homes:
                return "that is for " + ", ".join(sorted(homes))
        return None
    if path == "include/retrywith/curl.h":
        return None if folder in ("adapters/curl", "cli") else \
            "the libcurl driver"
    where = os.path.dirname(path)
    if where in allowed | {folder, "include/retrywith"}:
        return None
    return "no arrow runs to " + (where or "there")


seen = {}
for folder, allowed in MAY.items():
    for name in tracked(folder + "/*.c", folder + "/*.h"):
        if os.path.dirname(name) != folder:
            continue
        for kind, header in re.findall(
                r'(?m)^\s*#\s*include\s*(["<])([^">]+)[">]', text(name)):
            path = home(name, header, kind == '"')
            if path is not None:
                seen[folder] = seen.get(folder, 0) + 1
            why = wrong(folder, allowed, header, path)
            if why is not None:
                ok(False, "%s includes %s" % (name, header), why)
is_(sorted(f for f in MAY if seen.get(f, 0) < 5), [],
    "includes of every folder were read")

# The rule itself is watched: what it must find, by every way of writing it.
for folder, header, is_quoted in (
        ("lib", "body/facts.h", True), ("lib", "body/facts.h", False),
        ("lib", "../body/facts.h", True), ("cli", "sandbox/sandbox.h", False),
        ("launch", "../cli/option.h", True), ("body", "yaml.h", False),
        ("adapters/curl", "../../launch/file.h", True),
        ("lib", "../tests/unit/tap.h", True),
        ("body", "retrywith/curl.h", False)):
    path = home(folder + "/x.c", header, is_quoted)
    ok(wrong(folder, MAY[folder], header, path) is not None,
       "%s in %s would be found" % (header, folder), path)

linked = {l.split()[-1] for l in
          run("nm", RELEASE + "/bin/retrywith").out.splitlines()}
sandbox = {l.split()[-1] for l in
           run("nm", "-g", "--defined-only",
               RELEASE + "/lib/librwith_sandbox.a").out.splitlines()
           if len(l.split()) == 3}
ok(len(linked) > 300 and len(sandbox) > 1, "symbols were read",
   (len(linked), len(sandbox)))
is_(sorted(linked & sandbox), [], "the command has no sandbox in it")

bad = [n for n in tracked("*") if re.search(
    r"(^|/)(utils?|common|misc|helpers?|stuff)(/|\.[ch]$)", n)]
is_(bad, [], "no room without a name")
done()
