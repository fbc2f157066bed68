#!/usr/bin/python3
"""Bad input gets one clear sentence: what, where, what was expected."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

origin = RawOrigin(lambda c, q, o: respond(c, "200 OK", [], "fine"))
URL = origin.url + "/"

ROWS = [
    # name, arguments, exit status, what stderr must say
    ("unknown option", ["fetch", "--retri", URL], 101, r"--retri"),
    ("unknown command", ["fetsh", URL], 101, r"fetsh"),
    ("no URL", ["fetch"], 101, r"(?i)url"),
    ("option without its value", ["fetch", URL, "-o"], 101, r"-o|output"),
    ("bad URL", ["fetch", "http://[::1"], (3, 101), r"(?i)url"),
    ("bad scheme", ["fetch", "gopher://x/"], (1, 3, 101), r"gopher|scheme"),
    ("bad number", ["fetch", "--max-attempts", "many", URL], 101, r"many"),
    ("attempts out of range", ["fetch", "--max-attempts", "99", URL], 101,
     r"99|16"),
    ("unknown dialect", ["fetch", "--only", "ms-eco", URL], 101, r"ms-eco"),
    ("relay without --to", ["relay"], 101, r"--to"),
    ("relay to no origin", ["relay", "--to", "ftp://x/"], 101, r"ftp|http"),
    ("relay to nothing", ["relay", "--to", "http://no-such-host.invalid/"],
     (6, 101, 102), r"no-such-host\.invalid"),
    ("bad listen address", ["relay", "--to", URL, "--listen", "nonsense"],
     101, r"nonsense"),
    ("unreadable supply", ["fetch", "--supply", scratch + "/none", URL], 102,
     r"none"),
    ("unreadable dialect", ["fetch", "--dialect", scratch + "/none", URL],
     102, r"none"),
    ("bad --give", ["fetch", "--give", "hat X=1", URL], (101, 102), r"hat"),
    ("--get with a file", ["fetch", "-G", "-d", "a=b", "-T", "/dev/null", URL],
     101, r"--get"),
    ("a letter that is none", ["relay", "-x", "--to", URL], 101,
     r"'-x' is no option of relay, 'retry"),
    ("a limit is told", ["relay", "--to", URL, "--max-attempts", "17"], 101,
     r"16 at most"),
    ("a limit of time is told", ["relay", "--to", URL, "--timeout", "86401"],
     101, r"seconds, .* 86400 at most"),
    ("unknown dialect of a relay", ["relay", "--to", URL, "--only", "ms-eco"],
     101, r"'ms-eco' .* ms-echo, .*transmission"),
    ("a log in no folder", ["relay", "--to", URL, "--log", "/none/such"], 102,
     r"--log /none/such cannot be written: No such file"),
    ("a log that is no file", ["gate", "--to", URL, "--require", "GET /: body",
                               "--log", "/dev/null/x"], 102,
     r"--log /dev/null/x cannot be written"),
    ("a rule on the command line", ["gate", "--to", URL, "--require",
                                    "GET a: body"], 101,
     r"--require: column 5: expected"),
    ("--cors with two origins", ["gate", "--to", URL, "--require",
                                 "GET /: body", "--cors",
                                 "http://a, http://b"], 101,
     r"no value for --cors, one origin"),
    ("no document", ["gate", "--to", URL, "--openapi", "/none/such"], 102,
     r"--openapi /none/such cannot be read: No such file"),
    ("no document, dry", ["gate", "--dry-run", "--openapi", "/none/such"], 102,
     r"retrywith: /none/such: No such file or directory$"),
    ("a field that is never given", ["fetch", "--give", "header Host=x", URL],
     101, r"column 8, expected a field that does not frame"),
    ("a field that has its own keyword", ["relay", "--to", URL, "--give",
                                          "header Cookie=x"], 101,
     r"expected another field: Cookie is set by cookie"),
    ("no time at all", ["relay", "--to", URL, "--timeout", "0"], 101,
     r"'0' is no value for --timeout"),
    ("no time to connect", ["gate", "--to", URL, "--require", "GET /: body",
                            "--connect-timeout", "0"], 101,
     r"'0' is no value for --connect-timeout"),
    ("colour that is none", ["gate", "--color", "red", "--to", URL], 101,
     r"auto\|always\|never"),
]
for name, arguments, status, says in ROWS:
    got = retrywith(*arguments)
    wanted = status if isinstance(status, tuple) else (status,)
    ok(got.code in wanted, "%s: exit status %s" % (name, wanted), got)
    like(got.err, r"^retrywith: ", name + ": starts with the program's name")
    like(got.err, says, name + ": names what")
    ok(got.err.count("\n") <= 3, name + ": one clear sentence", got.err)

# What nginx reads itself is a file of ours all the same.
nonsense = write("nonsense.pem", "no certificate\n")
for arguments in (["sandbox"], ["relay", "--to", URL]):
    got = retrywith(*arguments, "--listen", "127.0.0.1:0", "--listen-cert",
                    nonsense, "--listen-key", nonsense, timeout=20)
    is_(got.code, 102, arguments[0] + ": a certificate that is none")
    like(got.err, r"nonsense\.pem", arguments[0] + ": is named")

FILES = [
    # name, option, text, line, column
    ("supply: unknown keyword", "--supply",
     "origin %s\n    hat X-Key value 1\n" % origin.url, 2, 5),
    ("supply: value before an origin", "--supply",
     "header X-Key value 1\n", 1, 1),
    ("supply: origin with a path", "--supply",
     "# fine\norigin %s/path\n" % origin.url, 2, 8),
    ("supply: unfinished quote", "--supply",
     "origin %s\n    header X-Key value \"abc\n" % origin.url, 2, 24),
    ("supply: forbidden field", "--supply",
     "origin %s\n    header Content-Length value 1\n" % origin.url, 2, 12),
    ("dialect: unknown keyword", "--dialect",
     "dialect mine\n    whem status 449\n", 2, 5),
    ("dialect: status that is none", "--dialect",
     "dialect mine\n    when status 4499\n", 2, 17),
    ("dialect: forbidden field", "--dialect",
     "dialect mine\n    when status 449\n"
     "    set header Host from literal x\n", 3, 16),
    ("recall: no recall", "--recall", "garbage\n", 1, None),
]
for name, option, text, line, column in FILES:
    path = write("bad-" + re.sub(r"\W+", "-", name), text)
    before = open(path).read()
    got = retrywith("fetch", option, path, URL)
    is_(got.code, 102, name + ": exit status 102")
    like(got.err, re.escape(path) + ":%d" % line +
         (":%d" % column if column else ""), name + ": file, line, column")
    like(got.err, r"(?i)expect|must|never|only|not", name + ": says what was expected")
    is_(open(path).read(), before, name + ": the file is untouched")

# --- permissions -------------------------------------------------------------
for mode in (0o640, 0o604, 0o644):
    literal = write("open", "origin %s\n    header X-Key value sEcReT\n"
                    % origin.url, mode)
    got = retrywith("fetch", "--supply", literal, URL)
    is_(got.code, 102, "literals readable by others, %o: refused" % mode)
    like(got.err, r"chmod go-r", "and says what to do")
    unlike(got.err, "sEcReT", "and shows no value")
for mode in (0o620, 0o602, 0o666):
    writable = write("writable", "origin %s\n    header X-Key env HOME\n"
                     % origin.url, mode)
    got = retrywith("fetch", "--supply", writable, URL)
    is_(got.code, 102, "writable by others, %o: refused" % mode)
    like(got.err, r"chmod go-w", "and says what to do")
harmless = write("harmless", "origin %s\n    header X-Key env HOME\n"
                 % origin.url, 0o644)
is_(retrywith("fetch", "-s", "--supply", harmless, URL).code, 0,
    "names of variables may be read by others")
got = retrywith("relay", "--listen", "127.0.0.1:0", "--to", URL, "--supply",
                literal)
is_(got.code, 102, "relay: literals readable by others: refused")

# --- a port in use -----------------------------------------------------------
got = retrywith("relay", "--listen", "127.0.0.1:%d" % origin.port, "--to",
                URL)
ok(got.code in (101, 103), "port in use: exit status", got)
like(got.err, r"%d.*in use|in use.*%d" % (origin.port, origin.port),
     "port in use: said")

# --- a bad file at reload keeps the old state --------------------------------
supply = write("reload", "origin %s\n    header X-Key value one\n"
               % origin.url)
wants = RawOrigin(lambda c, q, o: respond(c, "200 OK", [], q.get("X-Key"))
                  if q.get("X-Key") else
                  respond(c, "449 Retry With",
                          [("MS-RetryWith", "Required-Header: X-Key")], "no"))
supply = write("reload", "origin %s\n    header X-Key value one\n"
               % wants.url)
TALK = "dialect talk\nabout a\nwhen status 449\nrepeat any\n"
dialect = write("talk", TALK + "need header X-Key\n")
relay = retrywith_server("relay", "--to", wants.url, "--supply", supply,
                         "--dialect", dialect, "--workers", "2")
is_(curl("-s", relay.url + "/").out, "one", "reload: the first value")
write("reload", "origin %s\n    hat X-Key value two\n" % wants.url)
relay.signal(signal.SIGHUP)
wait_for(lambda: "reload:2:5" in relay.err.replace(scratch + "/", ""),
         "the sentence about the bad file")
is_(curl("-s", relay.url + "/").out, "one",
    "reload: a bad file keeps the old state")
write("reload", "origin %s\n    header X-Key value one\n" % wants.url)
write("talk", TALK + "need hat X-Key\n")
relay.signal(signal.SIGHUP)
wait_for(lambda: "talk:5:6" in relay.err and
         relay.err.count("were read before are kept") == 2,
         "the sentence about the bad dialect")
unlike(relay.err, "RW0015", "reload: before nginx is told")
is_(curl("-s", relay.url + "/").out, "one",
    "reload: a bad dialect keeps it too")
write("talk", TALK + "need header X-Key\n")
write("reload", "origin %s\n    header X-Key value two\n" % wants.url)
reload(relay, 2)
is_(curl("-s", relay.url + "/").out, "two", "reload: a good file counts")
relay.signal(signal.SIGTERM)
is_(relay.wait(), 0, "SIGTERM: exit status 0")
done()
