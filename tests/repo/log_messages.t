#!/usr/bin/python3
"""Every message of the servers has an id of its own, and is explained."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from repo import *

# What the launcher says while a server starts, runs and ends; what it says
# about a command line is the command's answer and has no id.
LAUNCH = ["launch/folder.c", "launch/gate_log.c", "launch/handover.c",
          "launch/instance.c"]
SOURCES = tracked("adapters/nginx/*.c") + LAUNCH
CALL = re.compile(r"\b(ngx_log_error|ngx_conf_log_error|rwith_say)\(")
TOKEN = re.compile(r'"((?:\\.|[^"\\])*)"|(\w+)|([,();])|\s+|.')


def message(code, at):
    """The format behind a call's fixed arguments: literals and macros."""
    skip, depth, parts = 3 if code[at:].startswith("ngx") else 0, 0, []
    for token in TOKEN.finditer(code, code.index("(", at) + 1):
        literal, word, sign = token.groups()
        if sign == "(":
            depth += 1
        elif sign == ")" and depth:
            depth -= 1
        elif sign and not depth:
            if not skip or sign != ",":
                break
            skip -= 1
        elif not skip and literal is not None:
            parts.append(literal.replace('\\"', '"').replace("\\n", ""))
        elif not skip and word:
            parts.append("…")
    text = re.sub(r"%[-+0-9.*]*(?:uz|ui|[a-zA-Z])", "…", "".join(parts))
    return re.sub(r"\s+", " ", re.sub("…+", "…", text)).strip()


found, without = {}, []
for name in SOURCES:
    code = text(name)
    for call in CALL.finditer(code):
        said = message(code, call.start())
        known = re.match(r"(RW\d{4}): (.*)$", said)
        place = "%s:%d" % (name, code.count("\n", 0, call.start()) + 1)
        if not known:
            without.append("%s %s" % (place, said))
            continue
        found.setdefault(known.group(1), []).append((place, known.group(2)))

ok(len(found) > 40, "messages were found", len(found))
is_(without, [], "every message has an id")
is_([f for f in found.items() if len(f[1]) > 1], [], "no id stands twice")

page = dict(re.findall(r"(?m)^\| (RW\d{4}) \| `` (.*?) `` \| .+ \|$",
                       text("docs/log-messages.md")))
is_(sorted(page), sorted(found), "docs/log-messages.md has these ids")
for number in sorted(set(page) & set(found)):
    if page[number] != found[number][0][1]:
        is_(page[number], found[number][0][1],
            "%s: the page has the message" % number)
rows = re.findall(r"(?m)^\| (RW\d{4}) ", text("docs/log-messages.md"))
is_(rows, sorted(rows), "in order, each once")
is_(len(rows), len(page), "each row can be read")
done()
