#!/usr/bin/env python3
"""What the server may cost: memory, size, instructions, system calls, bytes on the disk.

budgets.json has each limit, a tenth above what was measured when it was set, so that a change
that costs says so.  Nothing here depends on how busy the machine is.

  test_budgets.py             compares
  test_budgets.py --measure   prints what is measured now, as a new budgets.json
"""
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from house import BINARY, TOP, House, Raw, PASSWORD, finish, lacking, skip, verdict, wait_until, wide

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "budgets.json")
WARM, CONNECTIONS = 40, 160
MESSAGES = 60
BODY = "\r\n".join(["A line of text as people write them, again and again."] * 60)


def pss(pids):
    """KiB of memory that belong to these processes, shared pages by their share."""
    total = 0
    for p in pids:
        with open(f"/proc/{p}/smaps_rollup") as f:
            total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    return total


def anonymous(pids):
    """KiB that are not of any file: those of libraries are shared with whatever else runs."""
    total = 0
    for p in pids:
        with open(f"/proc/{p}/smaps_rollup") as f:
            total += int(re.search(r"^Pss_Anon:\s+(\d+)", f.read(), re.M).group(1))
    return total


def settled(measure):
    """The lowest of what is measured, once nothing lower has come for a while: memory is given
    back late, and later on a busy machine."""
    least, still = measure(), wide(2)
    while wait_until(lambda: measure() < least, still, 0.2, exact=True):
        least = min(least, measure())
    return least


def everybody(h):
    return [h.proc.pid, *h.processes()]


def connections():
    """Of an idle one: what the later ones add, as the first ones bring threads and caches that
    any number shares."""
    with House() as h:
        context = h.tls()
        # dns is busy with root servers that it may not reach.
        held, used = [], []
        for n in (WARM, WARM + CONNECTIONS):
            while len(held) < n:
                c = Raw(h.port["imaps"], timeout=300, tls=context)
                c.line()
                c.send(f'a LOGIN anna "{PASSWORD}"\r\nb SELECT INBOX\r\nc IDLE\r\n')
                c.until(b"+")
                held.append(c)
            serving = set(everybody(h)) - set(h.pids("dns"))
            used.append(settled(lambda: anonymous(serving)))
        for c in held:
            c.close()
    return round((used[1] - used[0]) / CONNECTIONS, 1)


def memory(got):
    with House() as h:
        got["server at rest, KiB"] = settled(lambda: pss(everybody(h)))
        m = h.imap("anna")
        m.logout()
        pid, = h.pids("account anna")
        got["account at rest, KiB"] = settled(lambda: pss([pid]))
    with House(web=True) as h:
        got["web at rest, KiB"] = settled(lambda: pss(h.pids("web")))
    # The least: other work on the machine leaves memory in use for a while.
    got["idle TLS connection, KiB"] = min(connections() for _ in range(3))


def size(got):
    with tempfile.NamedTemporaryFile() as f:
        subprocess.run(["strip", "-o", f.name, BINARY], check=True)
        got["binary, KiB"] = os.path.getsize(f.name) // 1024


def start(got):
    """Not by the clock: a busy machine has less time for it."""
    spent = []
    with House() as h:
        for _ in range(5):
            spent.append(sum(cpu_ms(pid) for pid in everybody(h)))
            h.restart()
    got["start, ms of CPU"] = round(min(spent))


def cpu_ms(pid):
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with contextlib.suppress(OSError), open(path) as f:
            total += int(f.read().split()[0])
    return total / 1e6


def log_bytes(h):
    folder = os.path.join(h.data, "accounts/anna/log")
    return sum(os.path.getsize(os.path.join(folder, n)) for n in os.listdir(folder))


def used_bytes(h):
    """Up to the last record of the account's log, whatever was reserved behind it."""
    r = h.command("debug", "dump", os.path.join(h.data, "accounts/anna/log/000001"))
    last = [l.split() for l in r.stdout.splitlines() if re.match(r" +\d+ ", l)][-1]
    return int(last[0]) + 40 + int(last[4])


def send(s, n):
    for i in range(n):
        s.sendmail("x@example.test", ["anna@home.test"],
                   f"From: x@example.test\r\nTo: anna@home.test\r\nSubject: {i}\r\n\r\n{BODY}\r\n")


# A busy machine has more of them: for threads that meet each other asleep.
WAITS = ("epoll_wait", "epoll_pwait", "poll", "ppoll", "futex", "restart_syscall")


def system_calls(h, work):
    """Which all processes make meanwhile, and how many of each, but for those that only wait
    or find nothing."""
    with tempfile.NamedTemporaryFile("r") as out:
        p = subprocess.Popen(["strace", "-f", "-qq", "-c", "-o", out.name,
                              *[w for pid in everybody(h) for w in ("-p", str(pid))]])
        wait_until(lambda: all("TracerPid:\t0" not in open(f"/proc/{pid}/status").read()
                               for pid in everybody(h)))
        work()
        p.send_signal(signal.SIGINT)
        p.wait(120)
        if "-v" in sys.argv:
            print(out.read())
            out.seek(0)
        # % time, seconds, usecs/call, calls, errors if there are any, system call
        rows = [l.split() for l in open(out.name) if re.match(r" *\d", l)]
    return {r[-1]: int(r[3]) - (int(r[4]) if len(r) == 6 else 0)
            for r in rows if r[-1] not in WAITS + ("total",)}


def least(counts):
    """What a busy machine adds differs from time to time: who is woken, and how often, and what
    the processes do by themselves.  So of each system call the least counts."""
    return sum(min(c.get(name, 0) for c in counts) for name in counts[0])


def deliveries(got):
    with House() as h:
        s = h.smtp(timeout=300)
        send(s, 5)
        before = used_bytes(h)
        send(s, MESSAGES)
        each = (used_bytes(h) - before) / MESSAGES
        got["journal beyond the message, bytes a delivery"] = round(each - len(BODY))
        got["system calls a delivery"] = round(
            least([system_calls(h, lambda: send(s, MESSAGES)) for _ in range(10)]) / MESSAGES, 1)
        s.quit()


def instructions(got):
    build = os.path.dirname(os.path.dirname(BINARY))
    subprocess.run(["ninja", "-C", build, "test/bench/deliver_count"], check=True, capture_output=True)

    def count(n):
        d = tempfile.mkdtemp(prefix="hearthmail-test.")
        try:
            os.mkdir(os.path.join(d, "log"))
            r = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={d}/out",
                                os.path.join(build, "test/bench/deliver_count"), d, str(n)],
                               capture_output=True, text=True, timeout=1200)
            return int(re.search(r"Collected : (\d+)", r.stderr).group(1))
        finally:
            shutil.rmtree(d, ignore_errors=True)
    got["instructions to store a message"] = (count(150) - count(50)) // 100


def main():
    if os.geteuid() != 0:
        skip("all", "needs root to see the memory of processes that are not dumpable")
        finish()
    if lacking("all", "strace", "valgrind", "strip"):
        finish()
    got = {}
    for part in (size, memory, start, deliveries, instructions):
        part(got)
    if "--measure" in sys.argv:
        print(json.dumps({k: round(v * 1.1, 1) if v < 100 else int(v * 1.1) for k, v in got.items()}, indent=4))
        return
    budgets = json.load(open(FILE))
    for name, limit in budgets.items():
        most = wide(limit) if name == "start, ms" else limit
        verdict(name in got and got[name] <= most, name.split(",")[0].replace(" ", "-"),
                f"{got.get(name)}; the budget is {limit}: is it worth that? then set the new limit in {FILE[len(TOP) + 1:]}")
        print(f"# {name}: {got.get(name)} of {limit}", flush=True)
    verdict(set(got) == set(budgets), "every-figure-has-a-budget", set(got) ^ set(budgets))
    finish()


if __name__ == "__main__":
    main()
