"""What the tests that read the repository share."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from harness import *  # noqa: F401,F403,E402
from harness import ROOT, run  # noqa: E402


def tracked(*patterns):
    """Files of the project, as git knows them (or as an archive has them)."""
    try:
        out = subprocess.run(["git", "ls-files", "-z", "--", *patterns],
                             cwd=ROOT, stdout=subprocess.PIPE, check=True,
                             stderr=subprocess.DEVNULL)
        names = out.stdout.decode().split("\0")
    except (subprocess.CalledProcessError, FileNotFoundError):
        import glob
        names = []
        for pattern in patterns:
            names += glob.glob(pattern, root_dir=ROOT, recursive=True)
    return sorted(n for n in names if n and os.path.isfile(ROOT + "/" + n))


def text(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def lines(name):
    return text(name).split("\n")
