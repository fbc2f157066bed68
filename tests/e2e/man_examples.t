#!/usr/bin/python3
"""The examples of the manual pages, typed; and each request that the sandbox
proposes, sent by fetch.  What a page shows as output must come, in order."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *

# --- a world in which the pages are true ---------------------------------------

cert, key = certificate("api", hosts=("api.example.com",))
api = nginx("""server {
        listen 127.0.0.1:%%PORT%% ssl;
        ssl_certificate %s;
        ssl_certificate_key %s;
        location / {
            if ($http_x_custom_auth != "sesame") {
                add_header MS-RetryWith "Required-Header: X-Custom-Auth"
                           always;
                return 449 "no\\n";
            }
            return 200 "things\\n";
        }
    }""" % (cert, key))


def tunnel(connection, request, origin):
    """https_proxy: every name leads to the API."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    with socket.create_connection(("127.0.0.1", api.port)) as other:
        def back():
            try:
                while True:
                    block = other.recv(65536)
                    if not block:
                        break
                    connection.sendall(block)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        threading.Thread(target=back, daemon=True).start()
        while True:
            block = connection.recv(65536)
            if not block:
                return False
            other.sendall(block)


proxy = RawOrigin(tunnel)
port = free_port()
wrapper = write("bin/retrywith", """#!/bin/sh
case $1 in
fetch) shift; exec %s fetch --cacert %s "$@" ;;
*) exec %s "$@" ;;
esac
""" % (RETRYWITH, cert, RETRYWITH), 0o755)
env = {"PATH": scratch + "/bin:" + os.environ["PATH"], "HOME": scratch,
       "https_proxy": proxy.url, "KEY": "sesame"}


def blocks(page):
    """Each display of the page's EXAMPLES: [(command, output lines)]."""
    with open("%s/man/%s" % (ROOT, page)) as file:
        text = file.read()
    text = text[text.index(".Sh EXAMPLES"):]
    text = text[:text.index("\n.Sh ", 5)]
    for block in re.findall(r"(?s)\.Bd -literal[^\n]*\n(.*?)\.Ed", text):
        block = block.replace("\\e", "\\").replace("\\&", "")
        block = block.replace("127.0.0.1:4490", "127.0.0.1:%d" % port)
        block = block.replace("\\\n", "")
        yield block


def typed(block):
    commands = []
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif commands:
            commands[-1][1].append(line)
    return commands


def start(command):
    words = command.rstrip(" &").replace("retrywith ", RETRYWITH + " ", 1)
    if "--listen" not in words:
        words += " --listen 127.0.0.1:%d" % port
    process = Process(["/bin/sh", "-c", "exec " + words], env=env,
                      sanitized=True)
    return process, process.read_line()


def in_order(shown, lines):
    at = 0
    for line in lines:
        at = shown.find(line, at)
        if at < 0:
            return line
        at += len(line)
    return None


count = 0
for page in ("retrywith.1", "retrywith-fetch.1", "retrywith-sandbox.1"):
    for block in blocks(page):
        running = []
        for command, lines in typed(block):
            count += 1
            if command.endswith("&"):
                process, shown = start(command)
                running.append(process)
            else:
                got = run("/bin/sh", "-c", command, env=env,
                          sanitized="retrywith" in command)
                shown = got.out + got.err
                ok("retrywith fetch" not in command or got.code in (0, 100),
                   "%s: %s" % (page, command), got)
            is_(in_order(shown, lines), None,
                "%s: %s: shows what the page shows" % (page, command)) or \
                note(shown)
        for process in running:
            process.stop()
ok(count >= 5, "%d commands were typed" % count)

# --- the fragment of libretrywith-curl(3) --------------------------------------

fragment = next(blocks("libretrywith-curl.3"))
source = write("core.c", """#include <retrywith/curl.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    rwith_curl *session = NULL;
    rwith_supply *supply = NULL;
    const rwith_curl_result *result = NULL;
    const char *url = argv[argc - 1];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *easy = curl_easy_init();
%s
    rwith_curl_free(session);
    curl_easy_cleanup(easy);
    curl_global_cleanup();
    return 0;
}
""" % fragment)
program = scratch + "/core"
got = run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o",
          program, "-I" + ROOT + "/include", "-L" + RELEASE + "/lib",
          "-lretrywith-curl", "-lretrywith", "-lcurl",
          "-Wl,-rpath," + RELEASE + "/lib")
is_(got.code, 0, "libretrywith-curl(3) is compiled") or note(got)

# --- every path of the sandbox, as the sandbox proposes it ----------------------

box = retrywith_server("sandbox")
account = curl("-s", "-H", "Accept: application/json", box.url + "/").json
for entry in account["paths"]:
    path = entry["path"]
    got = run("/bin/sh", "-c", entry["try"], env=env,
              sanitized=True)
    hopeless = "No request gets through" in entry["wants"]
    is_(got.code, 100 if hopeless else 0, "sandbox: " + entry["try"]) or \
        note(got)
    if hopeless:
        like(got.err, "^retrywith: .*449", path + ": what it is is told")
got = run(program, box.url + "/ms-echo/report")
like(got.out, r"\b200\n$", "the fragment gets through") or note(got)
done()
