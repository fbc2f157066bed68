"""What the benchmarks share: pinned processes, interleaved runs, medians.

A figure is only worth its ratio to a peer in the same run: the machine's
speed drifts.  So every round runs every peer once, in turn, and what is
printed is the median over the rounds with the lowest and the highest.
"""
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tests",
                                "e2e"))
from harness import *  # noqa: F401,F403,E402
from harness import run, wait_for  # noqa: E402

PROXY_CORE = "0"
LOAD_CORE = "1"
TICK = os.sysconf("SC_CLK_TCK")


def pin(process, core):
    """Bind a process and all its descendants to one core."""
    for pid in family(process.pid):
        run("taskset", "-acp", core, pid)


def family(pid):
    """A process and its descendants."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            for task in os.listdir("/proc/%d/task" % one):
                with open("/proc/%d/task/%s/children" % (one, task)) as f:
                    todo += [int(p) for p in f.read().split()]
        except OSError:
            pass
    return found


def processor_seconds(pid):
    """User and system time of a process and its descendants; the first."""
    total = user = 0
    for one in family(pid):
        try:
            with open("/proc/%d/stat" % one) as file:
                parts = file.read().rsplit(")", 1)[1].split()
            user += int(parts[11])
            total += int(parts[11]) + int(parts[12])
        except OSError:
            pass
    return total / TICK, user / TICK


def wrk(url, seconds, connections=64, script=None):
    """(requests, seconds, p99 in ms, not-2xx, errors) of one wrk run."""
    argv = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", "-c%d" % connections,
            "-d%ds" % seconds, "--latency", "--timeout", "20"]
    if script:
        argv += ["-s", script]
    got = run(*argv, url, timeout=seconds + 60)
    requests = re.search(r"(\d+) requests in ([\d.]+)(m?s)", got.out)
    late = re.search(r"99%\s+([\d.]+)(us|ms|s)", got.out)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", got.out)
    errors = re.search(r"Socket errors: (.*)", got.out)
    if not requests:
        raise RuntimeError(repr(got))
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    seconds_run = float(requests.group(2)) / (
        1000 if requests.group(3) == "ms" else 1)
    return (int(requests.group(1)), seconds_run,
            float(late.group(1)) * scale[late.group(2)] if late else 0.0,
            int(bad.group(1)) if bad else 0,
            sum(int(n) for n in re.findall(r"\d+", errors.group(1)))
            if errors else 0)


class Peer:
    """One contestant: a running server and the address that it serves."""

    def __init__(self, name, process, url=None):
        self.name, self.process = name, process
        self.url = url or process.url
        self.script = None  # instead of the scenario's
        pin(process, PROXY_CORE)


def perf(peer):
    """Where the peer's workers spend the next second."""
    pids = [str(p) for p in family(peer.process.pid)]
    return subprocess.Popen(
        ["perf", "record", "-q", "-e", "cpu-clock", "-F", "5000", "-p",
         ",".join(pids), "-o", scratch + "/perf.data", "--", "sleep", "1"])


def compare(title, peers, path, base, rounds, seconds, script=None,
            connections=64, refused=False, profile=""):
    """Run all peers `rounds` times in turn; rows for the report.  refused:
    what is not 2xx is as it should be.  profile: a peer to look into."""
    samples = {p.name: [] for p in peers}
    for peer in peers:  # a warm-up that is not counted
        watch = perf(peer) if peer.name == profile else None
        wrk(peer.url + path, 1, connections, peer.script or script)
        if watch:
            watch.wait()
            for sort in ("dso", "dso,symbol"):
                print(run("perf", "report", "-i", scratch + "/perf.data",
                          "--stdio", "--sort", sort, "--percent-limit",
                          "0.2").out)
    for _ in range(rounds):
        for peer in peers:
            pin(peer.process, PROXY_CORE)
            before, before_user = processor_seconds(peer.process.pid)
            count, took, late, others, errors = wrk(
                peer.url + path, seconds, connections, peer.script or script)
            used, user = processor_seconds(peer.process.pid)
            bad = errors + (count - others if refused else others)
            samples[peer.name].append(
                (count / took, (used - before) / max(count, 1) * 1e6, late,
                 bad, (user - before_user) / max(count, 1) * 1e6))
    rows = []
    middle = statistics.median
    for peer in peers:
        got = samples[peer.name]
        ratios = [a[0] / b[0] for a, b in zip(got, samples[base])]
        costs = [a[1] / b[1] for a, b in zip(got, samples[base]) if b[1]]
        rows.append({
            "peer": peer.name, "rate": middle(s[0] for s in got),
            "ratio": middle(ratios), "low": min(ratios), "high": max(ratios),
            "cost_us": middle(s[1] for s in got),
            "user_us": middle(s[4] for s in got),
            "cost_ratio": middle(costs) if costs else 0,
            "p99_ms": middle(s[2] for s in got),
            "bad": sum(s[3] for s in got)})
    print_rows(title, rows, base)
    return rows


def print_rows(title, rows, base):
    print("\n### %s\n" % title)
    print("| peer | req/s | x %s (low-high) | processor us/request (x; user) "
          "| p99 ms | errors |" % base)
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        print("| %(peer)s | %(rate).0f | %(ratio).2f (%(low).2f-%(high).2f) "
              "| %(cost_us).2f (%(cost_ratio).2f; %(user_us).2f) | %(p99_ms).1f "
              "| %(bad)d |" % row)
    sys.stdout.flush()


def machine():
    """One line about where this was measured."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    return "%s, %d cores, Linux %s" % (
        model.group(1) if model else "?", os.cpu_count(), os.uname().release)
