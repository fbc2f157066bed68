#!/usr/bin/python3
"""The six lines of the module's README, run as they stand: only folders and
the port are others, and sudo, make and systemctl are played."""
import os
import sys
sys.path.insert(0, os.path.dirname(__file__))
from harness import *

with open(ROOT + "/adapters/nginx/README.md", encoding="utf-8") as file:
    block = re.search(r"## Six lines from nothing to a gated API\n\n"
                      r"```\n(.*?)```", file.read(), re.S).group(1)
lines = [line[2:] for line in block.strip().split("\n")]
is_(len(lines), 6, "six lines")
ok(all(line.startswith("$ ") for line in block.strip().split("\n")),
   "all of them commands", block)

os.chmod(scratch, 0o755)
for folder in ("bin", "modules", "etc/modules-enabled", "etc/sites-enabled",
               "tree/build/modules"):
    os.makedirs(scratch + "/" + folder)
origin = RawOrigin(lambda connection, request, self: respond(
    connection, "200 OK", [], "a pet\n"))
port = free_port()
write("etc/api.yaml", """openapi: 3.0.3
info: {title: pets, version: "1"}
paths:
  /pets/{id}:
    get:
      parameters:
        - {name: X-Custom-Auth, in: header, required: true,
           schema: {type: string}}
      responses: {}
""", 0o644)
write("etc/sites-enabled/api", """server {
    listen 127.0.0.1:%d;
    location / { proxy_pass %s; }
}
""" % (port, origin.url), 0o644)
write("etc/nginx.conf", """include %s/etc/modules-enabled/*.conf;
%s pid nginx.pid; error_log stderr warn; daemon off;
events {} http { access_log off;
client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi; scgi_temp_path scgi;
include %s/etc/sites-enabled/*; }
""" % (scratch, "user root;" if os.geteuid() == 0 else "", scratch), 0o644)
write("bin/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)
write("bin/make", "#!/bin/sh\n[ \"$*\" = module ] && cp '%s' '%s'\n" %
      (MODULE, scratch + "/tree/build/modules/"), 0o755)
write("bin/systemctl", "#!/bin/sh\n[ \"$*\" = 'reload nginx' ] && "
      "kill -HUP \"$(cat '%s/nginx.pid')\"\n" % scratch, 0o755)
# nginx gets the sanitizer's library alone: the shell must not.
write("bin/nginx", "#!/bin/sh\n%s exec '%s' -p '%s' -c '%s/etc/nginx.conf' "
      "-e stderr \"$@\"\n" % (
          " ".join("%s='%s'" % (k, v) for k, v in child_env(
              sanitized=True).items() if "SAN_OPTIONS" in k or
              k == "LD_PRELOAD"), NGINX, scratch, scratch), 0o755)
server = Process([scratch + "/bin/nginx"])
wait_for(lambda: accepts(port), "nginx")
is_(curl("-si", "http://127.0.0.1:%d/pets/7" % port).status, 200,
    "nothing is gated before")

before = workers_of(server)
for number, line in enumerate(lines):
    line = (line.replace("/usr/lib/nginx/modules", scratch + "/modules")
            .replace("/etc/nginx", scratch + "/etc")
            .replace("http://localhost", "http://127.0.0.1:%d" % port))
    if number == 5:
        wait_for(lambda: workers_of(server) and
                 not set(before) & set(workers_of(server)), "the reload")
    got = run("sh", "-ec", line, cwd=scratch + "/tree",
              env={"PATH": scratch + "/bin:" + os.environ["PATH"]})
    ok(got.code == 0, "line %d: %s" % (number + 1, line), got)
is_(got.status, 449, "the API is gated")
like(got.out, r"(?m)^MS-RetryWith: Required-Header: X-Custom-Auth\r$",
     "and says what is missing")
is_(curl("-si", "-H", "X-Custom-Auth: 1", "http://127.0.0.1:%d/pets/7" % port)
    .status, 200, "with it, the request passes")
done()
