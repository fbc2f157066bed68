#!/usr/bin/python3
"""The sample of real documents (sample.txt), every operation tried."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("RWITH_BUILD",
                       os.path.join(HERE, "..", "..", "build", "asan"))
SAMPLE = os.path.join(HERE, "sample.txt")


def main():
    fetched = subprocess.run(
        [os.path.join(HERE, "fetch"), os.path.join(BUILD, "..", "openapi")],
        stdout=subprocess.PIPE, text=True, check=False)
    print(("ok" if fetched.returncode == 0 else "not ok") +
          " 1 - the documents are fetched")
    run = subprocess.run(
        [os.path.join(HERE, "corpus.py"),
         os.path.join(BUILD, "tests", "openapi", "openapi_check"),
         fetched.stdout.strip(), "--list", SAMPLE],
        stdout=subprocess.PIPE, text=True, check=False)
    for line in run.stdout.splitlines():
        print("# " + line)
    passed = run.returncode == 0
    print(("ok" if passed else "not ok") +
          " 2 - every operation of the sample names exactly what it lacks")
    print("1..2")
    return 0 if passed and fetched.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
