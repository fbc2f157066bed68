#!/usr/bin/python3
"""Man pages, --help, errors and directives say the same things."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

pages = tracked("man/*")
ok(len(pages) >= 7, "the man pages were found", pages)
for name in pages:
    got = run("mandoc", "-T", "lint", "-W", "warning", ROOT + "/" + name)
    ok(got.code == 0, name + " is clean for mandoc", got.out + got.err)

commands = run(RETRYWITH, "--help").out
names = re.findall(r"(?m)^\s+retrywith ([a-z]+)", commands)
ok("fetch" in names and "relay" in names, "--help lists the commands",
   commands)
for name in sorted(set(names)):
    page = "man/retrywith-%s.1" % name
    if not ok(page in pages, "there is a " + page):
        continue
    usage = run(RETRYWITH, name, "--help").out
    options = set(re.findall(r"(?<![\w-])(--[a-z][\w.-]+)", "\n".join(
        l for l in usage.split("\n") if re.match(r"\s+-", l))))
    page_text = text(page).replace("\\-", "-")
    documented = set()
    for line in page_text.split("\n"):
        if line.startswith(".It Fl"):
            documented |= {"--" + o for o in
                           re.findall(r"Fl (?:-+|Fl )([a-z][\w.-]+)", line)}
    is_(sorted(options - documented), [], page + " documents every option")
    is_(sorted(documented - options), [], page + " documents no other")

errors = re.findall(r"X\((\w+), (-\d+), \w+,\s*\"([^\"]+)\"",
                    text("include/retrywith/err.h"))
page = text("man/libretrywith.3")
ok(len(errors) > 8, "errors were found")
is_([e[0] for e in errors if "RWITH_E" + e[0] not in page], [],
    "libretrywith(3) lists every error")

module = "".join(text(n) for n in tracked("adapters/nginx/*.c"))
directives = set(re.findall(r'ngx_string\("(retry_with\w*)"\)', module))
variables = set(re.findall(r'ngx_string\("(retry_with_\w+)"\)', "".join(
    re.findall(r"(?s)ngx_http_variable_t.*?\{(.*?)ngx_http_null_variable",
               module))))
readme = text("adapters/nginx/README.md")
ok(len(directives) > 5, "directives were found", directives)
is_(sorted(d for d in directives | variables
           if not re.search(r"(?m)`\$?%s[ `;]|^#+ %s$" % (d, d), readme)),
    [],
    "the module's README has every directive and variable")
documented = set(re.findall(r"(?m)^#+ `?\$?(retry_with\w*)", readme))
is_(sorted(documented - directives - variables), [],
    "the module's README has no other")
heap = re.findall(r'(?m)^#define HEAP_\w+ +"(\d+)"',
                  text("launch/instance.c"))
is_(heap, re.findall(r"MALLOC_\w+_=(\d+)", readme),
    "the module's README has the launcher's limits of the heap")
done()
