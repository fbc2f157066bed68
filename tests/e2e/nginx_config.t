#!/usr/bin/python3
"""What is wrong in a configuration is said with its place."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

good = write("good.supply", "origin http://127.0.0.1:1\n"
             "    header X-A value very-secret\n")


def check(name, pattern, http, **kw):
    got = nginx(http, module=True, check_only=True, **kw)
    ok(got.code != 0, name + ": refused", got)
    like(got.err, pattern, name + ": said with its place")
    unlike(got.err, "very-secret", name + ": without the value")


def accept(name, http, **kw):
    got = nginx(http, module=True, check_only=True, **kw)
    ok(got.code == 0, name, got)


def location(text, outer=""):
    return """%s
    server {
        listen 127.0.0.1:%%PORT%%;
        location /here { %s }
    }""" % (outer, text)


PASS = "proxy_pass http://127.0.0.1:1;"
ON = "retry_with_answer on; proxy_pass http://127.0.0.1:1;"

accept("the least configuration", location(ON))
accept("everything", location(
    ON + "retry_with_attempts 16; retry_with_start_within 10s;"
    "retry_with_max_wait 500ms; retry_with_only ms-echo,missing;"
    "retry_with_recall zone=one; retry_with_supply %s;"
    "retry_with_names 127.0.0.1:1 localhost:1;"
    "retry_with_rewrite http://127.0.0.1:1/dav;" % good,
    "retry_with_recall zone=one:128k;"))

# --- what cannot work --------------------------------------------------------
check("proxy_request_buffering off",
      r'"proxy_request_buffering off" in location "/here".*nginx.conf:\d+',
      location(ON + "proxy_request_buffering off;"))
check("inherited", r'"proxy_request_buffering off" in location "/here"',
      location("proxy_pass http://127.0.0.1:1;",
               "retry_with_answer on; proxy_request_buffering off;"))
accept("off in one location", location(
    "proxy_pass http://127.0.0.1:1; retry_with_answer off;",
    "retry_with_answer on; proxy_request_buffering off;"))
check("an origin that is not known",
      r'origin behind location "/here" is not known.*retry_with_origin',
      location("retry_with_answer on; set $u http://127.0.0.1:1;"
               "proxy_pass $u;"))
check("an address that is not known", r'needs to know the address',
      location("proxy_pass $u; set $u https://127.0.0.1:1;"
               "retry_with_verify_address %s;" % certificate()[0]))
check("an address that is a name", r'"retrywith" is none',
      location("proxy_pass https://retrywith; retry_with_verify_address %s;"
               % certificate()[0],
               "upstream retrywith { server 127.0.0.1:1; }"))
accept("an address that is named", location(
    "proxy_pass https://retrywith; retry_with_verify_address %s;"
    "retry_with_origin https://127.0.0.1:1;" % certificate()[0],
    "upstream retrywith { server 127.0.0.1:1; }"))
accept("an origin that is named", location(
    "retry_with_answer on; set $u http://127.0.0.1:1; proxy_pass $u;"
    "retry_with_origin http://127.0.0.1:1;"))

# --- words -------------------------------------------------------------------
for text, pattern in (
        ("retry_with_answer maybe;", 'it must be "on" or "off"'),
        ("retry_with_attempts 0;", "between 1 and 16"),
        ("retry_with_attempts 17;", "between 1 and 16"),
        ("retry_with_max_wait soon;", "invalid value"),
        ("retry_with_origin ftp://x;", "needs a URL"),
        ("retry_with_origin http://x/?q;", "needs a URL"),
        ("retry_with_rewrite 127.0.0.1;", "needs a URL"),
        ("retry_with_recall memory;", "zone=NAME:SIZE"),
        ("retry_with_recall zone=m:1k;", "under 64k"),
        ("retry_with_recall zone=m:x;", "invalid size"),
        ("retry_with_recall zone=unknown;", 'zero size shared memory zone'),
        ("retry_with_only nonesuch;",
         r'no dialect "nonesuch" in .*nginx.conf:\d+'),
        ("retry_with_supply a; retry_with_supply b;", "failed|duplicate")):
    check(text, pattern, location(
        (PASS if text.startswith("retry_with_answer") else ON) + text))

# --- files -------------------------------------------------------------------


def with_supply(path):
    return location(ON + "retry_with_supply %s;" % path)


check("no supply file", r'"/nonesuch" failed \(2: .*nginx.conf:\d+',
      with_supply("/nonesuch"))
check("a folder", "is no regular file", with_supply("/"))
check("a word too many", r"bad\.supply:2:\d+: ", with_supply(
    write("bad.supply", "origin http://a\n  header X-A valuable very-secret")))
check("a literal for others to read", r"open\.supply.*\(mode 0644\): chmod 600",
      with_supply(write("open.supply", "origin http://a\n"
                        "  header X-A value very-secret\n", 0o644)))
check("a literal for the group to read", r"\(mode 0640\): chmod 600",
      with_supply(write("group.supply", "origin http://a\n"
                        "  header X-A value very-secret\n", 0o640)))
check("writable by others", r"\(mode 0666\): chmod go-w", with_supply(
    write("write.supply", "origin http://a\n  header X-A env A\n", 0o666)))
check("writable by the group", r"\(mode 0660\): chmod go-w", with_supply(
    write("write.supply", "origin http://a\n  header X-A env A\n", 0o660)))
accept("no literal: others may read", with_supply(
    write("env.supply", "origin http://a\n  header X-A env A_VALUE\n", 0o644)),
    env={"A_VALUE": "very-secret"})
check("an environment variable that is not set",
      r'env\.supply:2: the environment variable "A_VALUE" is not set',
      with_supply(scratch + "/env.supply"))
check("a value with a line break", r"env\.supply:2: the value is not well",
      with_supply(scratch + "/env.supply"), env={"A_VALUE": "very-secret\nX"})
write("value", "very-secret\n")
accept("a value in a file", with_supply(write(
    "file.supply", "origin http://a\n  header X-A file %s/value\n" % scratch)))
check("a value in no file", r"none\.supply:2: this value cannot be read",
      with_supply(write("none.supply", "origin http://a\n"
                        "  header X-A file %s/nonesuch\n" % scratch)))
write("loose", "very-secret\n", 0o644)
check("a value that others may read", r"chmod 600", with_supply(write(
    "loose.supply", "origin http://a\n  header X-A file %s/loose\n"
    % scratch)))
check("a command", r"command\.supply:2: nginx runs no command: .*relay",
      with_supply(write("command.supply", "origin http://a\n"
                        "  header X-A command /bin/echo very-secret\n")))
check("a question", r"ask\.supply:2: nginx has nobody to ask",
      with_supply(write("ask.supply", "origin http://a\n"
                        "  header X-A ask\n")))
if os.geteuid() == 0:
    other = write("other.supply", "origin http://a\n  header X-A value v\n")
    os.chown(other, 65534, 65534)
    check("another's file", "belongs to another user", with_supply(other))
check("a dialect file", r"bad\.dialect:2:\d+: ", location(
    ON + "retry_with_dialect %s;" % write(
        "bad.dialect", "dialect x\n  frobnicate y\n")))
check("a dialect file that anyone may write", "chmod go-w", location(
    ON + "retry_with_dialect %s;" % write("loose.dialect", "\n", 0o666)))

# --- a reload that comes to nothing -------------------------------------------
# Its filter chains are what the master has then, and a new worker is its child.
def echoing(connection, request, _origin):
    if request.get("Ms-Echo-Reply") != "tok":
        return respond(connection, "449 Retry With",
                       [("Ms-Echo-Request", "tok")], "no")
    return respond(connection, "200 OK", [], "yes")


origin = RawOrigin(echoing)
server = nginx("server { listen 127.0.0.1:%%PORT%%; location / {"
               "proxy_pass %s; retry_with_answer on; } }" % origin.url,
               module=True)
is_(curl("-s", server.url + "/").out, "yes", "a challenge is answered")
path = server.folder + "/nginx.conf"
with open(path) as file:
    text = file.read()
with open(path, "w") as file:
    file.write(text.replace("retry_with_answer on;", "").replace(
        "listen 127", "listen %s; listen 127" % origin.url[len("http://"):]))
server.signal(signal.SIGHUP)
wait_for(lambda: "still could not bind" in server.err, "the failure",
         timeout=30)
before = workers_of(server)
os.kill(before[0], signal.SIGKILL)
wait_for(lambda: workers_of(server) and workers_of(server) != before,
         "the next worker")
is_(curl("-s", server.url + "/").out, "yes",
    "and by a worker that begins after a reload that failed")
done()
