#!/usr/bin/python3
"""The archive is the last commit, named after the version."""
import os
import sys
import tarfile
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

version = run(RELEASE + "/bin/retrywith", "--version",
              sanitized=False).out.split()[1]
if run("git", "-C", ROOT, "rev-parse", "HEAD").code != 0:
    ok(True, "no checkout: an archive cannot be made from an archive")
    done()
    sys.exit()
got = run(ROOT + "/tools/dist", scratch + "/out")
archive = scratch + "/out/retrywith-%s.tar.gz" % version
is_((got.code, got.out.strip()), (0, archive), "it is named after the version")
names = [n.name for n in tarfile.open(archive)]
top = "retrywith-%s/" % version
is_([n for n in names if not (n + "/").startswith(top)], [],
    "all is in one folder of that name")
committed = run("git", "-C", ROOT, "ls-tree", "-r", "--name-only",
                "HEAD").out.split("\n")
is_(sorted(top + n for n in committed if n),
    sorted(m.name for m in tarfile.open(archive) if not m.isdir()),
    "it has what is committed, and nothing else")
done()
