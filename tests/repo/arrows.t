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

seen = 0
for folder, allowed in MAY.items():
    for name in tracked(folder + "/*.c", folder + "/*.h"):
        if os.path.dirname(name) != folder:
            continue
        for kind, header in re.findall(
                r'(?m)^\s*#\s*include\s*(["<])([^">]+)[">]', text(name)):
            seen += 1
            if kind == '"' and "/" in header:
                where = os.path.dirname(header)
                ok(where == folder or where in allowed,
                   "%s may include %s" % (name, header)) \
                    if where != folder and where not in allowed else None
            if header == "retrywith/curl.h" and folder not in (
                    "adapters/curl", "cli"):
                ok(False, "%s includes the libcurl driver" % name)
            for pattern, homes in FOREIGN.items():
                if re.match(pattern, header) and folder not in homes:
                    ok(False, "%s may include <%s>" % (name, header))
ok(seen > 100, "includes were read", seen)

bad = [n for n in tracked("*") if re.search(
    r"(^|/)(utils?|common|misc|helpers?|stuff)(/|\.[ch]$)", n)]
is_(bad, [], "no room without a name")
done()
