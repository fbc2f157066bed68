#!/usr/bin/python3
"""retrywith fetch on a terminal: the person is asked for what is missing,
is told by whom, and what is typed is not shown."""
import os
import pty
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *


def missing(connection, request, origin):
    if request.get("X-Key") != "typed7":
        return respond(connection, "449 Retry With",
                       [("Content-Type", "application/problem+json")],
                       json.dumps({
                           "type": "urn:x-retrywith:missing", "status": 449,
                           "missing": [{"in": "header", "name": "X-Key",
                                        "description": "the \x1b]0;key"}]}))
    return respond(connection, "200 OK", [], "through")


# What is read may end anywhere in what was written, but not in a question.
QUESTION = re.compile(rb"(none\): |\[Y/n\] |[Pp]assword[^\n]*: )\Z")


def on_terminal(typed, *args):
    """Run it on a terminal of its own; (exit status, what was shown)."""
    pid, master = pty.fork()
    if pid == 0:
        os.environ.pop("NO_COLOR", None)
        os.execv(RETRYWITH, [RETRYWITH, *args])
    shown = b""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        try:
            block = os.read(master, 65536)
        except OSError:
            break
        if not block:
            break
        shown += block
        if typed and QUESTION.search(shown):
            os.write(master, typed.pop(0))
    if time.monotonic() >= end:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(master)
    return os.waitstatus_to_exitcode(status), shown.decode()


origin = RawOrigin(missing)
code, shown = on_terminal([b"typed7\n"], "fetch", origin.url + "/")
is_(code, 0, "a value that is typed is sent") or note(shown)
like(shown, r"127\.0\.0\.1:%d wants header X-Key" % origin.port,
     "the person is told who asks for what")
like(shown, r'\\x1b\]0;key', "foreign text is escaped")
unlike(shown, "typed7", "what is typed is not shown")
like(shown, "through", "and the answer is")
code, shown = on_terminal([b"\n"], "fetch", origin.url + "/")
is_(code, 100, "nothing typed: 100") or note(shown)
like(shown, r"\nretrywith: http", "content without a line's end gets one")


def echoing(connection, request, origin):
    """An echo, and something that is named: without it a 400."""
    if request.get("Ms-Echo-Reply"):
        return respond(connection, "200 OK" if request.get("X-Key") else
                       "400 Bad", [], "again")
    return respond(connection, "449 Retry With", [
        ("Ms-Echo-Request", "t"),
        ("MS-RetryWith", "Required-Header: X-Key")], "no")


origin = RawOrigin(echoing)
for typed, code, sends, what in (
        ([b"k\n"], 0, 2, "a value: sent again"),
        ([b"\n", b"\n"], 0, 2, "no value, Enter: sent again without it"),
        ([b"\n", b"y\n"], 0, 2, "no value, y: sent again without it"),
        ([b"\n", b"n\n"], 100, 1, "no value, n: the refusal is the answer")):
    origin.reset()
    asks = len(typed) > 1
    got, shown = on_terminal(typed, "fetch", origin.url + "/")
    is_((got, len(origin.requests)), (code, sends), what) or note(shown)
    ok(("without it? [Y/n]" in shown) == asks, what + ", asked or not", shown)
    if code == 100:
        like(shown, "header X-Key: no value", "and what is missing is listed")
origin.reset()
got = retrywith("fetch", origin.url + "/")
is_((got.code, len(origin.requests)), (0, 2), "no terminal: sent at once")

origin = RawOrigin(missing)
code, shown = on_terminal([b"pw7\n"], "fetch", "-u", "me", "-H",
                          "X-Key: typed7",
                          "http://127.0.0.1:%d/" % origin.port)
unlike(shown, "pw7", "a password is not shown")
like(origin.requests[0].get("Authorization") or "", "Basic bWU6cHc3",
     "but sent")
done()
