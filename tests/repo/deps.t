#!/usr/bin/python3
"""tools/deps, with programs in the places of dpkg's and apt's: nothing where
nothing lacks; what lacks is said and installed; no daemon is started."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

fake = scratch + "/fake"
log = scratch + "/log"
policy = scratch + "/policy-rc.d"
os.mkdir(fake)
for program in ("sh", "sed", "cat", "dirname", "tee", "chmod", "rm", "mv",
                "env", "printf", "git", "perl", "make", "cmake", "curl",
                "python3"):
    os.symlink(shutil.which(program), fake + "/" + program)


def program(name, body, mode=0o755):
    path = "%s/%s" % (fake, name)
    with open(path, "w") as file:
        file.write("#!/bin/sh\n" + body)
    os.chmod(path, mode)
    return path


# dpkg-query -W -f FORMAT PACKAGE
program("dpkg-query", 'for name in $LACKS; do [ "$name" != "$4" ] || exit 1; '
        'done\nprintf "install ok installed"\n')
program("id", 'echo "${WHO:-0}"\n')
program("apt-get", """\
echo "apt-get $*" >> "%s"
"$POLICY_RC_D" nginx start
echo "daemons $?" >> "%s"
[ "$FAILS" != "$2" ] || exit 100
""" % (log, log))


def deps(*lists, lacks="", who=0, fails="", path=fake):
    if os.path.exists(log):
        os.unlink(log)
    got = run("/bin/sh", ROOT + "/tools/deps", *lists,
              env={"PATH": path, "LACKS": lacks, "WHO": str(who),
                   "FAILS": fails, "POLICY_RC_D": policy})
    got.log = open(log).read() if os.path.exists(log) else ""
    return got


def policy_is(content, mode=0o755):
    with open(policy, "w") as file:
        file.write(content)
    os.chmod(policy, mode)


for lists in (["run"], ["run", "test"], ["bench"]):
    got = deps(*lists, who=1000)
    is_((got.code, got.out, got.err, got.log), (0, "", "", ""),
        "%s: nothing lacks, nothing is said, no root needed"
        % " and ".join(lists))

got = deps("run", lacks="nginx libyajl-dev")
is_(got.code, 0, "two lack: done")
like(got.out, r"installing with apt-get: nginx libyajl-dev\n",
     "two lack: it says which")
like(got.log, r"apt-get -q update\n", "two lack: lists are read first")
like(got.log, r"--no-install-recommends .*install nginx libyajl-dev\n",
     "two lack: these are installed")
is_(got.log.count("daemons 101"), 2, "two lack: no daemon may start")
ok(not os.path.exists(policy), "the policy that forbids it is taken away")

got = deps("run", lacks="nginx", fails="-y")
ok(got.code != 0, "apt-get fails: so does it", got.code)
ok(not os.path.exists(policy), "and the policy is taken away")

policy_is("#!/bin/sh\nexit 101\n")
before = os.stat(policy).st_mtime_ns
deps("run", lacks="nginx")
is_(os.stat(policy).st_mtime_ns, before, "a policy that says no is left alone")
for mode, name in ((0o755, "says yes"), (0o644, "cannot be run")):
    policy_is("#!/bin/sh\nexit 0 # mine\n", mode)
    got = deps("run", lacks="nginx")
    is_(got.log.count("daemons 101"), 2, "a policy that %s is put aside" % name)
    like(open(policy).read(), "mine", "and put back")
    is_(oct(os.stat(policy).st_mode & 0o777), oct(mode), "as it was")
os.unlink(policy)
is_([n for n in os.listdir(scratch) if "saved" in n], [], "nothing is left")

got = deps("run", lacks="nginx", who=1000)
is_((got.code, got.log), (1, ""), "no root and no sudo: nothing is done")
like(got.err, r"as root.*\n.* nginx\n", "no root and no sudo: said")
program("sudo", 'echo "sudo $1" >> "%s"\nexec "$@"\n' % log)
got = deps("run", lacks="nginx", who=1000)
is_(got.code, 0, "sudo: done")
like(got.log, r"sudo apt-get\n", "sudo: is asked for it")
is_(got.log.count("daemons 101"), 2, "sudo: no daemon may start")

got = deps("run", lacks="curl make git")
is_((got.out, got.log), ("", ""), "a program that came another way will do")
os.unlink(fake + "/apt-get")
got = deps("run", lacks="nginx")
ok(got.code == 1 and "nginx" in got.err, "no apt-get: said", got.err)
got = run("make", "-s", "-C", ROOT, "deps",
          env={"PATH": fake, "LACKS": "", "WHO": "1000"})
is_((got.code, got.out, got.err), (0, "", ""), "make deps: the same")
done()
