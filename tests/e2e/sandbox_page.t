#!/usr/bin/python3
"""The sandbox's front page in a real browser, and MS-WDV 4.7's example, whose
page sets a cookie by script."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from browser import *

if not has_browser():
    print("1..0 # SKIP no chromium and chromedriver")
    sys.exit(0)

sandbox = retrywith_server("sandbox")
page = browser()
for dark in (False, True):
    for width in (1000, 360):
        page.look(width, 800, dark)
        page.open(sandbox.url + "/")
        name = "%s, %d px" % ("dark" if dark else "light", width)
        check_contrast(page, name)
        ok(page.run("return document.documentElement.scrollWidth") <= width,
           name + ": nothing sticks out")
is_(page.run("return document.documentElement.lang"), "en", "its language")
is_(page.run("return document.querySelectorAll('h1').length"), 1,
    "one first heading")
links = page.run("return Array.from(document.querySelectorAll('h2 a'))"
                 ".map(a => a.href)")
lines = page.run("return Array.from(document.querySelectorAll('pre'))"
                 ".map(p => p.textContent)")
ok(len(links) > 8 and len(links) == len(lines), "every path has its lines",
   links)
is_([l for l in lines if len(l.split("\n")) != 2], [],
    "two lines each, also when they are copied")
is_(page.console(), [], "no error, no violation of its policy")
is_([u for u in page.requests() if not u.startswith(sandbox.url + "/")], [],
    "no external request")

# A browser carries no Ms-Echo-Reply, but it runs the page's script.
page.open(sandbox.url + "/cookie/script/screen.449")
page.wait("return document.cookie.indexOf('screen=') >= 0",
          "the page's script to set the cookie")
ok(True, "MS-WDV 4.7: the script of the 449 set the cookie")
page.close()
done()
