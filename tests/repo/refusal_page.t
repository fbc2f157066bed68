#!/usr/bin/python3
"""The refusal page's style and script are those whose hashes are allowed."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

got = run(sys.executable, ROOT + "/tools/embed-page")
is_(got.out, text("lib/refusal_page.c"),
    "lib/refusal_page.c is what tools/embed-page makes")
both = text("lib/refusal_page.css") + text("lib/refusal_page.js")
ok("</" not in both, "neither ends its element")
ok("http:" not in both and "https:" not in both and "url(" not in both,
   "nothing is loaded from elsewhere")
ok(os.path.getsize(ROOT + "/docs/refusal-page.png") <= 200 * 1024,
   "the screenshot is small")
done()
