#!/usr/bin/python3
"""retrywith fetch with Kerberos, and with NTLM inside SPNEGO, against
Apache's mod_auth_gssapi, with a 449 behind the authentication: the content
arrives whole, Expect is never sent, and nothing goes round for ever."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import *

for tool in ("krb5kdc", "kdb5_util", "kadmin.local", "kinit"):
    if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin"):
        print("1..0 # SKIP %s is not installed" % tool)
        os._exit(0)
for module in ("auth_gssapi", "proxy_http"):
    if not os.path.exists("/usr/lib/apache2/modules/mod_%s.so" % module):
        print("1..0 # SKIP mod_%s is not installed" % module)
        os._exit(0)
os.environ["PATH"] += ":/usr/sbin"

# --- a realm of our own -------------------------------------------------------

os.chmod(scratch, 0o755)
realm = tempfile.mkdtemp(dir=scratch, prefix="realm-")
os.chmod(realm, 0o755)
kdc_port = free_port()
write(realm + "/krb5.conf", """[libdefaults]
    default_realm = TEST.INVALID
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
[realms]
    TEST.INVALID = {
        kdc = 127.0.0.1:%d
    }
[domain_realm]
    localhost = TEST.INVALID
""" % kdc_port, 0o644)
write(realm + "/kdc.conf", """[kdcdefaults]
    kdc_listen = 127.0.0.1:%d
    kdc_tcp_listen = 127.0.0.1:%d
[realms]
    TEST.INVALID = {
        database_name = %s/principal
        key_stash_file = %s/stash
        acl_file = %s/acl
    }
""" % (kdc_port, kdc_port, realm, realm, realm), 0o644)
os.environ.update(KRB5_CONFIG=realm + "/krb5.conf",
                  KRB5_KDC_PROFILE=realm + "/kdc.conf",
                  KRB5CCNAME="FILE:" + realm + "/cache",
                  NTLM_USER_FILE=write(realm + "/ntlm", "DOM:me:pw-9\n",
                                       0o644))
for words in (["kdb5_util", "create", "-s", "-P", "master"],
              ["kadmin.local", "addprinc", "-pw", "pw-9", "me"],
              ["kadmin.local", "addprinc", "-randkey", "HTTP/localhost"],
              ["kadmin.local", "ktadd", "-k", realm + "/keytab",
               "HTTP/localhost"]):
    got = run(*words)
    if got.code != 0:
        note(got)
os.chmod(realm + "/keytab", 0o644)
kdc = Process(["krb5kdc", "-n"])
wait_for(lambda: accepts(kdc_port), "the KDC")
got = run("kinit", "me", input="pw-9\n")
is_(got.code, 0, "a ticket") or note(got)

# --- Apache, and behind it what wants an echo ---------------------------------


def wants_echo(connection, request, origin):
    if request.get("Expect"):
        return respond(connection, "500 Expect", [], "expected", close=True)
    if not request.get("Ms-Echo-Reply"):
        return respond(connection, "449 Retry With",
                       [("Ms-Echo-Request", "tok")], "no")
    return respond(connection, "200 OK",
                   [("X-Sum", hashlib.sha256(request.body).hexdigest())],
                   "in")


origin = RawOrigin(wants_echo)
log = scratch + "/access.log"


def apache(what):
    return apache_dav("""
        LogFormat "%%>s %%{Expect}i %%m" mine
        CustomLog %s mine
        ProxyPass / %s/
        <Location />
            AuthType GSSAPI
            AuthName test
            %s
            Require valid-user
        </Location>""" % (log, origin.url, what),
        ["auth_gssapi", "authz_user", "proxy", "proxy_http", "log_config"])


def lines():
    with open(log) as file:
        return file.read().splitlines()


big, digest = random_file("big", 3 << 20)
small, small_digest = random_file("small", 999)
NTLM_CODE = run("ls", "/usr/lib/x86_64-linux-gnu/gssntlmssp").code
kinds = [("Kerberos", "GssapiAllowedMech krb5\nGssapiCredStore keytab:%s"
          % (realm + "/keytab"), ["--auth", "negotiate"])]
if NTLM_CODE == 0:
    kinds.append(("NTLM in SPNEGO",
                  "GssapiAllowedMech ntlmssp\nGssapiConnectionBound On",
                  ["--auth", "negotiate", "-u", "DOM\\me:pw-9"]))
for kind, what, auth in kinds:
    server = apache(what)
    url = "http://localhost:%d" % server.port
    for name, words, summed in (
            ("GET", [], hashlib.sha256(b"").hexdigest()),
            ("PUT of 999 bytes", ["-T", small], small_digest),
            ("PUT of 3 MiB", ["-T", big], digest),
            ("PUT of 3 MiB that asks for Expect",
             ["-T", big, "-H", "Expect: 100-continue"], digest),
            ("a form", ["-F", "f=@" + small], None)):
        label = "%s, %s: " % (kind, name)
        origin.reset()
        open(log, "w").close()
        if server.alive():
            got = retrywith("fetch", "-i", *auth, *words, "--max-time", "120",
                            "-w", "%{stderr} sends=%{retrywith_attempts}",
                            url + "/x")
            is_((got.code, got.status), (0, 200), label + "gets through") or \
                note(got) or note(server.err) or \
                note(open(server.folder + "/error.log").read())
            like(got.err, "sends=2", label + "with two sends")
        if summed:
            like(got.out, summed, label + "byte for byte")
        is_(sum(1 for r in origin.requests if r.get("Expect")), 0,
            label + "no Expect behind the server")
        wait_for(lambda: len(lines()) >= len(origin.requests), "the log")
        ok(len(lines()) <= 8, label + "at most eight legs", lines())
        is_([l for l in lines() if l.split(" ")[1] != "-"], [],
            label + "and no Expect before it")
    open(log, "w").close()
    got = retrywith("fetch", "--auth", "negotiate", "-u", "DOM\\me:wrong",
                    "-T", big, "--max-time", "120", "-o", "/dev/null", "-w",
                    "%{http_code}", url + "/x",
                    env={"KRB5CCNAME": "FILE:" + realm + "/none",
                         "NTLM_USER_FILE": realm + "/none"})
    ok(got.out in ("401", "000") and len(lines()) <= 8,
       "%s: without a ticket it ends" % kind, (got, lines()))
    server.stop()
done()
