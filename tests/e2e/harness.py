"""Harness of the end-to-end tests: TAP, processes, servers on loopback.

Every process is started in a process group of its own, dies with the test,
and is ended by its id.  Every port is picked by the kernel.  Nothing sleeps
where a readiness check can be had.  A test file looks like this:

    from harness import *
    origin = nginx("server { listen 127.0.0.1:%PORT%; ... }")
    got = curl("-si", origin.url + "/")
    is_(got.status, 449, "the direct request stops at 449")
    done()

RWITH_BUILD names the build folder (default build/).  With RWITH_ASAN=1 it is
one built with sanitizers: nginx is then started with libasan preloaded, and
a sanitizer's report fails the test.
"""
import atexit
import ctypes
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.realpath(os.environ.get("RWITH_BUILD", ROOT + "/build"))
RELEASE = os.path.realpath(os.environ.get("RWITH_RELEASE", BUILD))
RETRYWITH = BUILD + "/bin/retrywith"
MODULE = BUILD + "/modules/ngx_http_retry_with_module.so"
NGINX = (os.environ.get("RETRYWITH_NGINX") or shutil.which("nginx") or
         "/usr/sbin/nginx")
ASAN = os.environ.get("RWITH_ASAN") == "1"
DEADLINE = 60.0  # seconds after which something will never come

SANITIZER = re.compile(r"runtime error: |(Address|Leak|UndefinedBehavior)"
                       r"Sanitizer")

scratch = tempfile.mkdtemp(prefix="rwith-")
if ASAN:
    os.chmod(scratch, 0o1777)  # a worker of root's is nobody, and reports too
_processes = []
_held = []
_count = 0
_failed = 0
_finished = False
_libc = ctypes.CDLL(None)


# --- TAP ---------------------------------------------------------------------

def note(text):
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def ok(passed, name, detail=None):
    """One assertion; what is known is printed when it fails."""
    global _count, _failed
    _count += 1
    name = str(name).replace("#", "\\#").replace("\n", " ")
    print("%s %d - %s" % ("ok" if passed else "not ok", _count, name),
          flush=True)
    if not passed:
        _failed += 1
        if detail is not None:
            note(detail if len(str(detail)) < 4000 else
                 str(detail)[:4000] + " ...")
    return bool(passed)


def is_(got, expected, name):
    return ok(got == expected, name,
              "got      %r\nexpected %r" % (got, expected))


def like(got, pattern, name):
    return ok(re.search(pattern, got) is not None, name,
              "got      %r\nexpected /%s/" % (got, pattern))


def unlike(got, pattern, name):
    return ok(re.search(pattern, got) is None, name,
              "got        %r\nunexpected /%s/" % (got, pattern))


def done():
    """Call last: ends all processes, looks for sanitizer reports, plans."""
    global _finished
    _stop_all()
    for report in glob.glob(scratch + "/sanitizer.*"):
        with open(report, errors="replace") as file:
            ok(False, "no sanitizer report", file.read())
    for process in _processes:  # a runtime may not know of log_path
        found = SANITIZER.search(process.err)
        if found:
            ok(False, "no sanitizer report of " + process.argv[0],
               process.err[max(0, found.start() - 500):])
    _finished = True
    print("1..%d" % _count, flush=True)
    sys.exit(1 if _failed else 0)


def leave(code):
    """Instead of done(), for programs that are no test: ends all processes,
    plans nothing."""
    global _finished
    _finished = True
    sys.exit(code)


def _stop_all():
    for process in reversed(_processes):
        process.stop()


@atexit.register
def _clean():
    _stop_all()
    if os.environ.get("RWITH_KEEP"):
        note("kept " + scratch)
    else:
        shutil.rmtree(scratch, ignore_errors=True)
    if not _finished:
        # No plan: prove counts this file as failed, and runs the others.
        note("the test ended before its plan")


def _on_signal(number, _frame):
    sys.exit(128 + number)


signal.signal(signal.SIGTERM, _on_signal)
signal.signal(signal.SIGINT, _on_signal)


# --- processes ---------------------------------------------------------------

def _child_setup():
    os.setpgid(0, 0)
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def libasan():
    """Path of the libasan that matches the compiler's."""
    out = subprocess.run(["gcc", "-print-file-name=libasan.so"],
                         stdout=subprocess.PIPE, text=True, check=True)
    return os.path.realpath(out.stdout.strip())


def child_env(extra=None, sanitized=False):
    env = {k: v for k, v in os.environ.items()
           if not k.lower().endswith("_proxy")}
    env["LC_ALL"] = "C.UTF-8"
    # Names that do not exist are said to be so at once, also where there is
    # no name server to ask.
    env["RES_OPTIONS"] = "timeout:1 attempts:1"
    if sanitized and ASAN:
        env["LD_PRELOAD"] = libasan()
        env["ASAN_OPTIONS"] = ("detect_leaks=0:log_path=%s/sanitizer"
                               % scratch)
        env["UBSAN_OPTIONS"] = ("print_stacktrace=1:log_path=%s/sanitizer"
                                % scratch)
    env.update(extra or {})
    return env


class Result:
    """What a finished command did."""

    def __init__(self, code, out, err):
        self.code, self.raw, self.err = code, out, err
        self.out = out.decode("utf-8", "replace")

    @property
    def status(self):
        """Status of the last HTTP head in the output (curl -i)."""
        found = re.findall(r"(?m)^HTTP/[\d.]+ (\d{3})", self.out)
        return int(found[-1]) if found else None

    @property
    def json(self):
        return json.loads(self.out[self.out.index("{"):])

    def __repr__(self):
        return ("exit %s\nstdout %r\nstderr %r"
                % (self.code, self.out[-1500:], self.err[-1500:]))


def run(*argv, timeout=180, input=None, env=None, cwd=None, sanitized=None):
    """Run a command to its end."""
    if sanitized is None:
        sanitized = argv[0] == RETRYWITH
    process = subprocess.Popen(
        [str(a) for a in argv], cwd=cwd or scratch,
        env=child_env(env, sanitized),
        stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=_child_setup)
    if isinstance(input, str):
        input = input.encode()
    try:
        out, err = process.communicate(input, timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return Result("timeout", out, err.decode("utf-8", "replace"))
    return Result(process.returncode, out, err.decode("utf-8", "replace"))


def curl(*args, **kw):
    """curl, quiet, without a user's configuration."""
    return run("curl", "-q", "-sS", "--max-time", "150", *args, **kw)


def retrywith(*args, **kw):
    """The command.  A server that should not start may not do so because its
    usual port is in use: it is given any."""
    if args and args[0] in ("relay", "gate", "sandbox") and not {
            "--listen", "--dry-run", "--print-config"} & set(args):
        args = (args[0], "--listen", "127.0.0.1:0", *args[1:])
    return run(RETRYWITH, *args, **kw)


class Process:
    """A server that runs until stop()."""

    def __init__(self, argv, env=None, sanitized=False, cwd=None,
                 stdin=None):
        self.argv = [str(a) for a in argv]
        self.log = tempfile.NamedTemporaryFile(dir=scratch, prefix="err-",
                                               delete=False)
        self.popen = subprocess.Popen(
            self.argv, cwd=cwd or scratch, env=child_env(env, sanitized),
            stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log, preexec_fn=_child_setup)
        self.pid = self.popen.pid
        self.port = None
        _processes.append(self)

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    @property
    def err(self):
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def alive(self):
        return self.popen.poll() is None

    def read_line(self, timeout=DEADLINE):
        """The next line of its stdout, or '' when it ended."""
        box = []
        reader = threading.Thread(
            target=lambda: box.append(self.popen.stdout.readline()),
            daemon=True)
        reader.start()
        reader.join(timeout)
        return box[0].decode("utf-8", "replace").rstrip("\n") if box else ""

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=DEADLINE):
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(20)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.popen.wait()
        if self.popen.stdout:
            self.popen.stdout.close()

    def children(self):
        """Process ids of its direct children."""
        with open("/proc/%d/task/%d/children" % (self.pid, self.pid)) as f:
            return [int(p) for p in f.read().split()]


def rss_kib(pid):
    """Resident size, and its highest value, of a process, in KiB."""
    with open("/proc/%d/status" % pid) as file:
        text = file.read()
    now = re.search(r"VmRSS:\s+(\d+)", text)
    top = re.search(r"VmHWM:\s+(\d+)", text)
    return int(now.group(1)), int(top.group(1))


def cpu_seconds(pid):
    """Processor time of a process, however busy the machine is."""
    with open("/proc/%d/stat" % pid) as file:
        words = file.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(check, what, timeout=DEADLINE):
    """Poll check() until it is true; fails the test when it never is."""
    end = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            ok(False, "waited for " + what)
            return None
        time.sleep(0.005)


def free_port():
    """A port that is the test's until it ends.

    It is bound here, without listening: nobody is given it by the kernel, as
    a server's or a client's port, who asks for it may listen on it, and as
    long as nobody does, a connection is refused."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _held.append(held)
    return held.getsockname()[1]


def accepts(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def write(name, text, mode=0o600):
    """A file in the scratch folder; its path."""
    path = os.path.join(scratch, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)
    return path


def random_file(name, size):
    """A file of that many unpredictable bytes; (path, sha256)."""
    path = os.path.join(scratch, name)
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        while size > 0:
            block = os.urandom(min(size, 1 << 20))
            digest.update(block)
            file.write(block)
            size -= len(block)
    return path, digest.hexdigest()


def sha256_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def certificate(name="localhost", days=30, hosts=("localhost",),
                ips=("127.0.0.1",)):
    """A self-signed certificate; (certificate path, key path)."""
    cert, key = scratch + "/%s.crt" % name, scratch + "/%s.key" % name
    alt = ",".join(["DNS:" + h for h in hosts] + ["IP:" + i for i in ips])
    got = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
              "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
              "-out", cert, "-days", days, "-subj", "/CN=" + name,
              "-addext", "subjectAltName=" + alt)
    if got.code != 0:
        raise RuntimeError(got.err)
    return cert, key


# --- servers -----------------------------------------------------------------

def retrywith_server(*args, env=None, pattern=None, **kw):
    """`retrywith relay|gate|sandbox …` on a free port, when it is ready."""
    process = Process([RETRYWITH, args[0], "--listen", "127.0.0.1:0",
                       *args[1:]], env=env, sanitized=True, **kw)
    process.ready = process.read_line()
    found = re.search(r":(\d+)$", process.ready)
    if not found:
        process.wait(2)
        note(process.err)
        raise RuntimeError("not ready: %r" % process.ready)
    process.port = int(found.group(1))
    return process


NGINX_MAIN = """
daemon off;
pid nginx.pid;
error_log stderr %(level)s;
worker_processes %(workers)d;
%(main)s
events { worker_connections 2048; }
http {
    default_type text/plain;
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    %(http)s
}
"""


def nginx(http, module=False, workers=1, main="", level="warn", env=None,
          check_only=False):
    """A private nginx.  %PORT%, %PORT2% … %PORT9% in the text become free
    ports; .port is the first, .ports all of them.  module=True loads ours.
    check_only: nginx -t; returns its Result."""
    folder = tempfile.mkdtemp(dir=scratch, prefix="nginx-")
    os.chmod(folder, 0o755)
    ports = {}

    def port(match):
        return str(ports.setdefault(match.group(0), free_port()))

    text = NGINX_MAIN % {
        "level": level, "workers": workers, "http": http,
        "main": ("load_module %s;\n" % MODULE if module else "") +
                ("user root;\n" if os.geteuid() == 0 else "") + main}
    text = re.sub(r"%PORT\d?%", port, text)
    with open(folder + "/nginx.conf", "w") as file:
        file.write(text)
    argv = [NGINX, "-p", folder, "-c", folder + "/nginx.conf", "-e", "stderr"]
    if check_only:
        return run(*argv, "-t", env=env, sanitized=module)
    process = Process(argv, env=env, sanitized=module)
    process.ports = [ports[k] for k in sorted(ports)]
    process.port = process.ports[0] if process.ports else None
    process.folder = folder
    wait_for(lambda: not process.alive() or
             (len(workers_of(process)) == workers and
              all(accepts(p) for p in process.ports)), "nginx to listen")
    if not process.alive():
        raise RuntimeError("nginx did not start:\n%s" % process.err)
    return process


def workers_of(process):
    """Process ids of an nginx's workers, wherever its master is."""
    found = []
    todo = [process.pid]
    while todo:
        pid = todo.pop()
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                if b"worker process" in file.read():
                    found.append(pid)
            with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
                todo += [int(p) for p in file.read().split()]
        except OSError:
            pass
    return found


def reload(process, workers):
    """SIGHUP a server of so many workers; only new ones are left then."""
    wait_for(lambda: len(workers_of(process)) == workers, "all workers")
    before = set(workers_of(process))
    process.signal(signal.SIGHUP)

    def renewed():
        now = set(workers_of(process))
        return len(now) == workers and not before & now

    wait_for(renewed, "the new workers")


APACHE_CONF = """
ServerRoot "%(folder)s"
ServerName localhost
Listen 127.0.0.1:%(port)d
PidFile "%(folder)s/httpd.pid"
DefaultRuntimeDir "%(folder)s"
Mutex file:%(folder)s
ErrorLog "%(folder)s/error.log"
LogLevel warn
%(modules)s
%(user)s
DocumentRoot "%(folder)s/htdocs"
DavLockDB "%(folder)s/lock"
TypesConfig /etc/mime.types
<Directory "%(folder)s/htdocs">
    Dav On
    Options +Indexes
    Require all granted
    DirectoryIndex disabled
</Directory>
%(extra)s
"""


def apache_dav(extra="", modules=()):
    """Apache with mod_dav on an empty folder; .htdocs is that folder."""
    folder = tempfile.mkdtemp(dir=scratch, prefix="apache-")
    os.chmod(folder, 0o755)
    os.chmod(scratch, 0o755)
    os.mkdir(folder + "/htdocs")
    os.mkdir(folder + "/lock.d")
    wanted = ["mpm_event", "authz_core", "authz_host", "authn_core", "mime",
              "dir", "alias", "dav", "dav_fs", "setenvif", "headers",
              *modules]
    where = "/usr/lib/apache2/modules/mod_%s.so"
    user = ""
    if os.geteuid() == 0:
        user = "User www-data\nGroup www-data"
        for path in (folder, folder + "/htdocs", folder + "/lock.d"):
            shutil.chown(path, "www-data", "www-data")
    port = free_port()
    conf = APACHE_CONF % {
        "folder": folder, "port": port, "user": user, "extra": extra,
        "modules": "\n".join(
            "LoadModule %s_module %s" % (m, where % m) for m in wanted
            if os.path.exists(where % m))}
    with open(folder + "/httpd.conf", "w") as file:
        file.write(conf)
    process = Process(["/usr/sbin/apache2", "-f", folder + "/httpd.conf",
                       "-DFOREGROUND"])
    process.port = port
    process.folder, process.htdocs = folder, folder + "/htdocs"
    wait_for(lambda: not process.alive() or accepts(port),
             "apache to listen")
    if not process.alive():
        raise RuntimeError("apache did not start:\n%s" % process.err)
    return process


def echo_guard(backend, extra=""):
    """An nginx before `backend` (URL) that answers 449 to every request
    until it carries Ms-Echo-Reply, without code of ours (MS-WDV)."""
    return nginx("""
    client_max_body_size 0;
    server {
        listen 127.0.0.1:%%PORT%%;
        %s
        location / {
            if ($http_ms_echo_reply = "") {
                add_header Ms-Echo-Request tok always;
                return 449 "Retry With\\n";
            }
            proxy_pass %s;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Ms-Echo-Reply "";
            proxy_request_buffering off;
        }
    }""" % (extra, backend))


class Request:
    """A request as a raw origin saw it."""

    def __init__(self, head, body):
        self.head, self.body = head, body
        self.at = time.monotonic()
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.method, self.target = (lines[0].split(" ") + ["", ""])[:2]
        self.fields = [tuple(p.strip() for p in line.split(":", 1))
                       for line in lines[1:] if ":" in line]

    def get(self, name):
        for key, value in self.fields:
            if key.lower() == name.lower():
                return value
        return None

    def all(self, name):
        return [v for k, v in self.fields if k.lower() == name.lower()]


def read_request(connection, pending=b""):
    """(Request, rest) from a socket, or (None, b"") at its end."""
    data = pending
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            return None, b""
        data += block
    head, rest = data.split(b"\r\n\r\n", 1)
    request = Request(head, b"")
    if (request.get("Expect") or "").lower() == "100-continue":
        return request, rest  # the handler decides whether to read on
    body, rest = read_body(connection, request, rest)
    request.body = body
    return request, rest


def read_body(connection, request, rest):
    """(body, what follows it)."""
    def more():
        nonlocal rest
        block = connection.recv(65536)
        if not block:
            raise ConnectionError("truncated request body")
        rest += block

    if (request.get("Transfer-Encoding") or "").lower() == "chunked":
        body = b""
        while True:
            while b"\r\n" not in rest:
                more()
            line, rest = rest.split(b"\r\n", 1)
            size = int(line.split(b";")[0], 16)
            while len(rest) < size + 2:
                more()
            body, rest = body + rest[:size], rest[size + 2:]
            if size == 0:
                return body, rest
    length = int(request.get("Content-Length") or 0)
    while len(rest) < length:
        more()
    return rest[:length], rest[length:]


class RawOrigin:
    """An origin whose every byte a test chooses.

    handler(connection, request, origin) sends what it likes; it returns
    True to keep the connection for another request.  .requests records all.
    """

    def __init__(self, handler):
        self.handler = handler
        self.requests = []
        self.connections = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        rest = b""
        try:
            with connection:
                connection.settimeout(60)
                while True:
                    request, rest = read_request(connection, rest)
                    if request is None:
                        return
                    with self.lock:
                        self.requests.append(request)
                    if not self.handler(connection, request, self):
                        return
        except (OSError, ValueError):
            pass

    def reset(self):
        with self.lock:
            self.requests.clear()
            self.connections = 0

    def close(self):
        # The number of a closed socket is soon another origin's: the thread
        # that accepts must have let go of it before.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.acceptor.join(5)
        self.listener.close()


def respond(connection, status, fields=(), body=b"", close=False):
    """Send a whole response; True, for a handler to return."""
    if isinstance(body, str):
        body = body.encode()
    lines = ["HTTP/1.1 %s" % status]
    lines += ["%s: %s" % f for f in fields]
    lines += ["Content-Length: %d" % len(body)]
    lines += ["Connection: close"] if close else []
    connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" +
                       body)
    return not close


def raw(port, data, timeout=60, until=None, host="127.0.0.1"):
    """Send bytes, read until the peer closes (or `until` is seen).  A peer
    that has heard enough may answer and close before it has all."""
    if isinstance(data, str):
        data = data.encode("latin-1")
    got = b""
    with socket.create_connection((host, port), timeout) as connection:
        sender = threading.Thread(target=_send, args=(connection, data),
                                  daemon=True)
        sender.start()
        try:
            while until is None or until not in got:
                block = connection.recv(65536)
                if not block:
                    break
                got += block
        except OSError:
            pass
        # Whoever is still in the middle of it is woken up.
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        sender.join()
    return got


def _send(connection, data):
    try:
        connection.sendall(data)
    except OSError:
        pass
