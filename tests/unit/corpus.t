#!/usr/bin/python3
"""Replays every fuzz target's corpus, with the sanitizers on."""
import glob
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from harness import *

targets = sorted(glob.glob(ROOT + "/fuzz/fuzz_*.c"))
ok(len(targets) > 0, "there are fuzz targets")
for source in targets:
    name = os.path.basename(source)[len("fuzz_"):-2]
    corpus = sorted(glob.glob("%s/fuzz/corpus/%s/*" % (ROOT, name)))
    if not ok(len(corpus) >= 5, "%s has a corpus of %d files"
              % (name, len(corpus))):
        continue
    got = run("%s/fuzz/replay_%s" % (BUILD, name), *corpus, timeout=3600)
    ok(got.code == 0, "%s: every file of the corpus passes" % name,
       got.err[-3000:] + got.out[-500:])
done()
