#!/usr/bin/env python3
"""What a process that was taken over can do to the others: close what is shared, forge and flood
the log, hang, stay when it is told to go, send what it may not.  Nothing of that outlives it.

As root a test can borrow a process's descriptors (pidfd_getfd) and so do what the process itself
could do with them.
"""
import ctypes
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time

from house import House, Raw, finish, skip, verdict, wait_until

QUICK = "--quick" in sys.argv
ROLES = ["smtp", "submission", "imap", "pop3", "auth", "keeper", "queue", "dns", "mx", "history",
         "account anna"]
LIBC = ctypes.CDLL(None, use_errno=True)


def borrow(pid):
    """{number: our duplicate} of all descriptors of a process."""
    pidfd = os.pidfd_open(pid)
    found = {}
    for n in sorted(int(x) for x in os.listdir(f"/proc/{pid}/fd")):
        fd = LIBC.syscall(438, pidfd, n, 0)  # pidfd_getfd
        if fd >= 0:
            found[n] = fd
    os.close(pidfd)
    return found


def give_back(fds):
    for fd in fds.values():
        os.close(fd)


def socket_of(fd, kind):
    """The socket object of a descriptor, if it is one of that kind; else None."""
    if not stat.S_ISSOCK(os.fstat(fd).st_mode):
        return None
    s = socket.socket(fileno=os.dup(fd))
    if s.type == kind:
        return s
    s.close()
    return None


def listening(fds):
    found = []
    for fd in fds.values():
        s = socket_of(fd, socket.SOCK_STREAM)
        if s and s.family in (socket.AF_INET, socket.AF_INET6) and \
                s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            found.append(s)
    return found


def greets(h, service):
    try:
        c = Raw(h.port[service], timeout=20)
        line = c.line()
        c.close()
        return line[:1] in (b"2", b"*", b"+") and line
    except OSError:
        return b""


def shut_sockets(h):
    """shutdown() of a listening socket is for all who hold it, the supervisor included."""
    for service in ("smtp", "submission", "imap", "pop3"):
        for how in ("death", "reload"):
            pid, = h.pids(service)
            fds = borrow(pid)
            shut = listening(fds)
            for s in shut:
                s.shutdown(socket.SHUT_RD)
                s.close()
            verdict(shut and not greets(h, service), f"{service}-{how}-is-out", len(shut))
            give_back(fds)
            if how == "death":
                os.kill(pid, signal.SIGKILL)
            else:
                h.command("reload")
            verdict(wait_until(lambda: greets(h, service)), f"{service}-{how}-heals", h.log()[-800:])
            wait_until(lambda: len(h.pids(service)) == 1)


def logs():
    """The log of all is a stream socket, as under a service manager: none of them can end it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    class Logged(House):
        def start(self, wait=True):
            self.proc = subprocess.Popen([*self.prefix(), *self.line()], stdout=theirs, stderr=theirs,
                                         stdin=subprocess.DEVNULL, env=self.env)
            self.heard = b""
            ours.settimeout(0.2)
            assert wait_until(lambda: " ready " in self.log())
            return self

        def line(self):
            from house import BINARY
            return [BINARY, "-c", self.config, "run"]

        def log(self):
            ours.settimeout(0.05)
            try:
                while True:
                    d = ours.recv(1 << 20)
                    if not d:
                        break
                    self.heard += d
            except (socket.timeout, AttributeError):
                pass
            return getattr(self, "heard", b"").decode(errors="replace")

    with Logged() as h:
        pid, = h.pids("smtp")
        fds = borrow(pid)
        verdict(not any(os.fstat(fds[n]).st_ino == os.fstat(theirs.fileno()).st_ino for n in fds),
                "log-socket-is-nobodys")
        s = socket_of(fds[2], socket.SOCK_STREAM)
        if s:
            s.shutdown(socket.SHUT_RDWR)
        for forged in (b"2026-01-01T00:00:00.000Z info auth[1] login.ok account=anna\n",
                       b"<3>2026-01-01T00:00:00.000Z info supervisor[1] stopped\n",
                       b'{"time":"x","level":"info","process":"auth","pid":1,"event":"login.ok"}\n',
                       b"\x1b]0;owned\x07\x1b[2J\n"):
            os.write(fds[2], forged)
        h.deliver()
        verdict(wait_until(lambda: h.log().count(f"process.says process=smtp pid={pid}") == 4),
                "log-forged-lines-are-marked", h.log()[-1500:])
        lines = [l for l in h.log().splitlines() if "auth[1]" in l or "supervisor[1]" in l or "login.ok" in l]
        verdict(all(" process.says " in l for l in lines) and "\x1b" not in h.log(), "log-none-in-another-name", lines)
        # A flood: the others are heard all the same, and it is said.
        line = b"2026-01-01T00:00:00.000Z info smtp[%d] flood text=%s\n" % (pid, b"x" * 900)
        sent = 0
        os.set_blocking(fds[2], True)
        while sent < 40 << 20:
            sent += os.write(fds[2], line)
            if sent % (1 << 20) < len(line):
                h.log()  # somebody reads
        verdict(wait_until(lambda: "log.flood process=smtp" in h.log()), "log-flood-is-bounded", sent)
        h.deliver()
        verdict(wait_until(lambda: h.log().count(" deliver account=anna") == 2), "log-others-are-heard")
        give_back(fds)
    ours.close()
    theirs.close()


def hangs():
    """One that does not answer is killed and started anew."""
    with House(env={"HEARTHMAIL_TEST_WATCH": "1000"}) as h:
        h.deliver()
        for role in ROLES:
            h.deliver()
            pid, = h.pids(role)
            os.kill(pid, signal.SIGSTOP)
            verdict(wait_until(lambda: h.pids(role) != [pid] or not h.pids(role)), f"hangs-{role}-is-ended",
                    h.log()[-800:])
            verdict(h.logged(rf"process\.hangs process={role.split()[0]} .*pid={pid}"), f"hangs-{role}-is-said")
        verdict(wait_until(lambda: all(h.pids(r) for r in ROLES[:-1])), "hangs-all-are-back", h.processes())
        h.deliver()
        verdict(wait_until(lambda: h.count() == len(ROLES) + 2), "hangs-nothing-lost", h.count())
        r = h.command("status")
        verdict("process.hangs" in r.stdout, "hangs-status-says-so", r.stdout)
    # Nobody who answers is ended.
    with House(env={"HEARTHMAIL_TEST_WATCH": "200"}) as h:
        pids = set(h.processes())
        h.deliver()
        stop = os.pidfd_open(h.proc.pid)
        os.kill(h.proc.pid, signal.SIGSTOP)  # the supervisor itself is away for a while
        wait_until(lambda: False, 2, exact=True)
        os.kill(h.proc.pid, signal.SIGCONT)
        os.close(stop)
        wait_until(lambda: False, 1, exact=True)
        verdict(pids <= set(h.processes()) and "process.hangs" not in h.log(), "hangs-nobody-else", h.log()[-800:])


def stays(h):
    """A listener that does not leave when it is replaced, twice."""
    for service in ("imap", "smtp"):
        old, = h.pids(service)
        os.kill(old, signal.SIGSTOP)
        for name in ("one", "two"):
            h.write_config(h.yaml().replace("hostname: mail.home.test", f"hostname: {name}.home.test"))
            r = h.command("reload")
            verdict(r.returncode == 0, f"stays-{service}-reload-{name}", r.stderr)
        verdict(wait_until(lambda: old not in h.processes()), f"stays-{service}-is-ended", h.processes())
        verdict(all(greets(h, service) for _ in range(20)), f"stays-{service}-others-serve")
    h.write_config()
    h.command("reload")


def garbage_on_lines(h):
    """Bytes that are not a message, or one that is not its sender's to send, on each of its lines."""
    for role in ROLES:
        h.deliver()
        wait_until(lambda: h.pids(role))
        for what, data in (("short", b"x"), ("type", b"\xff" * 64), ("long", b"\0\x15" + b"\0" * 70000)):
            pid = wait_until(lambda: h.pids(role))[0]
            fds = borrow(pid)
            lines = [s for s in (socket_of(fd, socket.SOCK_SEQPACKET) for fd in fds.values()) if s]
            for s in lines:
                s.setblocking(False)
                try:
                    s.send(data)
                except OSError:
                    pass
                s.close()
            give_back(fds)
            verdict(lines, f"garbage-{role}-{what}-has-lines")
            if what != "type":  # an unknown type is answered by some
                verdict(wait_until(lambda: pid not in h.processes()), f"garbage-{role}-{what}-is-ended",
                        h.log()[-500:])

            def works():
                try:
                    h.deliver(body=f"after {role} {what}")
                    return h.count() > 0
                except Exception:
                    return False
            verdict(wait_until(works), f"garbage-{role}-{what}-all-works-again", h.log()[-1000:])


def leaks():
    """Nothing that somebody had open, or in the environment, goes along."""
    secret = os.open("/etc/shadow", os.O_RDONLY)
    os.set_inheritable(secret, True)

    class Leaky(House):
        def start(self, wait=True):
            popen = subprocess.Popen
            subprocess.Popen = lambda *a, **k: popen(*a, pass_fds=[secret], **k)
            try:
                return super().start(wait)
            finally:
                subprocess.Popen = popen

    with Leaky(env={"MY_CLOUD_SECRET": "hunter2", "TZ": "Europe/Berlin"}) as h:
        h.deliver()
        open_, told = [], []
        for pid, label in h.processes().items():
            open_ += [label for n in os.listdir(f"/proc/{pid}/fd")
                      if os.readlink(f"/proc/{pid}/fd/{n}") == "/etc/shadow"]
            env = open(f"/proc/{pid}/environ", "rb").read()
            told += [label for w in (b"MY_CLOUD_SECRET", b"HEARTHMAIL_TEST") if w in env]
            if b"TZ=Europe/Berlin" not in env:
                told.append(f"{label} has no TZ")
        verdict(not open_, "leaks-no-descriptor", open_)
        verdict(not told, "leaks-no-environment", told)
    os.close(secret)


def first_login():
    """Whoever is greeted can log in: also in the first moment of a start."""
    with House() as h:
        h.stop()
        for _ in range(2 if QUICK else 5):
            h.start(wait=False)

            def connected():
                try:
                    return Raw(h.port["imap"], timeout=300)
                except OSError:
                    return None
            c = wait_until(connected, pause=0.001)
            c.send('a LOGIN anna "correct horse battery"\r\n')
            got = c.until(b"a ")
            verdict(got and got[-1].startswith(b"a OK"), "first-login-is-answered", (got, h.log()[-500:]))
            c.close()
            s = h.smtp(timeout=300)
            code, text = s.docmd("MAIL FROM:<x@example.test>")
            code, text = s.rcpt("anna@home.test")
            verdict(code == 250, "first-recipient-is-taken", (code, text))
            s.close()
            wait_until(lambda: " ready " in h.log())
            h.stop()


def main():
    if os.geteuid() != 0:
        skip("all", "needs root to borrow descriptors")
        finish()
    def timed(part, *args):
        began = time.monotonic()
        part(*args)
        print(f"# {part.__name__}: {time.monotonic() - began:.0f} s", flush=True)

    with House() as h:
        timed(shut_sockets, h)
        timed(stays, h)
        timed(garbage_on_lines, h)
    for part in (logs, hangs, leaks, first_login):
        timed(part)
    finish()


if __name__ == "__main__":
    main()
