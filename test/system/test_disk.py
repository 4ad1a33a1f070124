#!/usr/bin/env python3
"""A disk that fills up under a server, by others and to the last byte, and has
room again: what is refused and how, what still works, that nothing is lost,
and that all comes back by itself.

The file system is small and in a mount namespace of the test's own."""
import os
import re
import smtplib
import subprocess
import sys
import threading
import time

from house import House, finish, free_ports, skip, verdict, wait_until
from soak import Imap, Lost, Refused, World, fetched

MB = 1 << 20


def enter_namespace():
    """Everything else runs in a mount namespace; False: that is not allowed."""
    if os.environ.get("HEARTHMAIL_OWN_MOUNTS"):
        return True
    env = dict(os.environ, HEARTHMAIL_OWN_MOUNTS="1")
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0 or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        return False
    sys.exit(subprocess.run([*unshare, sys.executable, *sys.argv], env=env).returncode)


class Disk:
    """A file system at h.data; filler is what somebody else has put there."""

    def __init__(self, h, megabytes):
        self.path = h.data
        img = os.path.join(h.dir, "disk.img")
        os.makedirs(h.data, exist_ok=True)
        subprocess.run(["truncate", "-s", f"{megabytes}M", img], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", img], check=True, capture_output=True)
        self.kind = "ext4"
        if subprocess.run(["mount", "-o", "loop", img, h.data], capture_output=True).returncode:
            self.kind = "tmpfs"  # no loop device here
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}M,mode=755", "none", h.data],
                           check=True)
        self.filler = os.path.join(h.data, "somebody-else")

    def free(self):
        s = os.statvfs(self.path)
        return s.f_bavail * s.f_frsize

    def leave(self, n):
        """Somebody else's file becomes so large that n bytes are left."""
        with open(self.filler, "ab") as f:
            size = f.tell()
            try:
                if self.free() > n:
                    os.posix_fallocate(f.fileno(), size, self.free() - n)
            except OSError:
                pass
            # To the last byte: the file system needs some for its own lists.
            while n == 0:
                try:
                    os.write(f.fileno(), b"x" * 4096)
                except OSError:
                    break

    def empty(self):
        os.unlink(self.filler)

    def unmount(self):
        subprocess.run(["umount", self.path], capture_output=True)


def letter(key, size=20000):
    line = "x" * 70 + "\r\n"
    return f"From: x@example.test\r\nSubject: {key}\r\n\r\n" + line * (size // len(line))


def code_of(fn):
    try:
        fn()
        return 250, b""
    except smtplib.SMTPResponseException as e:
        return e.smtp_code, e.smtp_error
    except smtplib.SMTPRecipientsRefused as e:
        return next(iter(e.recipients.values()))


def deliver(h, key, size=20000):
    s = h.smtp()
    try:
        return code_of(lambda: s.sendmail("x@example.test", ["anna@home.test"], letter(key, size)))
    finally:
        s.close()


def submit(h, key):
    s = h.submit("anna")
    try:
        return code_of(lambda: s.sendmail("anna@home.test", ["someone@world.test"],
                                          letter(key).replace("x@example.test", "anna@home.test")))
    finally:
        s.close()


def says(c, text, *literals):
    """OK, or the NO."""
    try:
        c.do(text, *literals)
        return "OK"
    except Refused as e:
        return str(e)


def state(h, box="INBOX"):
    """{uid: (subject, flags)}, from a session of its own."""
    def look():
        try:
            c = Imap(h, "anna")
            c.do(f"SELECT {box}")
            found = fetched(c.do("UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[0])
            c.close()
            return {u: (k, f) for u, (k, f, _) in found.items()}
        except (Lost, Refused):
            return None
    return wait_until(look, 20)


def refusals(h, c, label):
    """What brings more in is refused, in words; what does not, works."""
    code, text = deliver(h, f"{label}-refused")
    verdict(code == 452, f"{label}-smtp-452", (code, text))
    code, text = submit(h, f"{label}-refused")
    verdict(code == 452, f"{label}-submission-452", (code, text))
    for name, command, literal in (("append", "APPEND INBOX \0", letter("refused").encode()),
                                   ("copy", "UID COPY 1:3 Archive", None)):
        said = says(c, command, *([literal] if literal else []))
        verdict(said.startswith("NO [OVERQUOTA]") and "disk" in said, f"{label}-{name}-overquota", said)
    verdict(says(c, "CHECK") == "OK", f"{label}-the-session-lives")


def changes(c, model, label, n):
    """n STOREs one by one, a MOVE, an EXPUNGE; model: what must be then."""
    uids = sorted(model)
    said = set()
    for i in range(n):
        u = uids[i % len(uids)]
        key, flags = model[u]
        flags = flags ^ {"\\Flagged"}
        said.add(says(c, f"UID STORE {u} FLAGS ({' '.join(flags)})"))
        model[u] = key, flags
    verdict(said == {"OK"}, f"{label}-store-works", said)
    said = says(c, f"UID MOVE {uids[0]} Trash")
    verdict(said == "OK", f"{label}-move-works", said)
    said = says(c, f"UID STORE {uids[1]} +FLAGS (\\Deleted)"), says(c, f"UID EXPUNGE {uids[1]}")
    verdict(said == ("OK", "OK"), f"{label}-expunge-works", said)
    del model[uids[0]], model[uids[1]]


def fills_up(h, disk, world):
    for i in range(60):
        deliver(h, f"first-{i}")
    code, _ = submit(h, "waits-for-the-world")
    verdict(code == 250, "disk-before-submission", code)
    model = state(h)
    verdict(len(model) == 60, "disk-before-all-there", len(model))
    c = Imap(h, "anna")
    c.do("SELECT INBOX")

    disk.leave(40 * MB)
    refusals(h, c, "low")
    changes(c, model, "low", 20)
    verdict(state(h) == model, "low-nothing-lost")

    disk.leave(0)
    print(f"# {disk.kind}, {disk.free()} bytes free", flush=True)
    refusals(h, c, "full")
    changes(c, model, "full", 300)
    verdict(state(h) == model, "full-nothing-lost")
    return model


def dies_and_starts(h, disk, model):
    h.kill("account anna")
    verdict(state(h) == model, "full-killed-account-comes-back", h.log()[-1500:])
    verdict(h.logged("journal.reserve_used"), "full-the-reserve-is-used", h.log()[-500:])
    h.kill("queue")
    verdict(wait_until(lambda: h.command("queue", "list").stdout.startswith("1 "), 10) or
            "waits-for" in h.command("queue", "list", "--json").stdout or
            "someone@world.test" in h.command("queue", "list").stdout,
            "full-killed-queue-still-has-it", h.command("queue", "list").stdout)
    h.restart()
    verdict(state(h) == model, "full-restart-serves", h.log()[-1500:])
    c = Imap(h, "anna")
    c.do("SELECT INBOX")
    changes(c, model, "full-restarted", 30)
    c.close()
    verdict(disk.free() < 8 * MB, "full-is-still-full", disk.free())
    h.stop()
    h.start()
    verdict(state(h) == model, "full-restarted-again-nothing-lost")


def room_again(h, disk, world, model):
    accounts = h.pids("account anna")
    c = Imap(h, "anna")
    c.do("SELECT INBOX")
    disk.empty()
    code, text = deliver(h, "room-again")
    verdict(code == 250, "room-delivery-at-once", (code, text))
    said = says(c, "APPEND INBOX \0", letter("room-appended").encode())
    verdict(said == "OK", "room-append-at-once", said)
    said = says(c, "UID COPY 5:6 Archive")
    verdict(said == "OK", "room-copy-at-once", said)
    code, text = submit(h, "room-submitted")
    verdict(code == 250, "room-submission-at-once", (code, text))
    verdict(not accounts or h.pids("account anna") == accounts, "room-without-a-restart")
    now = state(h)
    verdict({u: m for u, m in now.items() if u in model} == model and
            sorted(k for k, _ in now.values() if k.startswith("room")) == ["room-again", "room-appended"],
            "room-nothing-lost")
    world.open()
    h.command("queue", "retry", "--all")
    verdict(wait_until(lambda: {"waits-for-the-world", "room-submitted"} <= set(world.got()), 20),
            "room-the-queue-delivers", world.got())
    r = h.command("fsck")
    verdict(r.returncode == 0, "room-fsck", r.stdout)


def gives_back(h, disk):
    """Compaction where there is hardly room for it."""
    # Two halves of about 45 MB: large bodies would have files of their own.
    for i in range(90):
        deliver(h, f"{'keep' if i % 2 else 'drop'}-{i}", 900000)
    before = state(h)
    disk.leave(12 * MB)
    c = Imap(h, "anna")
    c.do("SELECT INBOX")
    drop = ",".join(str(u) for u, (k, _) in before.items() if k.startswith("drop"))
    verdict(says(c, f"UID STORE {drop} +FLAGS (\\Deleted)") == "OK" and
            says(c, f"UID EXPUNGE {drop}") == "OK", "compact-expunge-works")
    keep = {u: m for u, m in before.items() if not m[0].startswith("drop")}
    r = h.command("purge", "anna", "--subject", "drop", timeout=300)
    verdict("journal.poisoned" not in h.log(), "compact-no-room-does-not-end-the-account")
    verdict(state(h) == keep, "compact-no-room-loses-nothing", r.stderr)
    verdict(r.returncode == 0 or "disk space" in r.stderr, "compact-no-room-is-told", r.stderr)
    size = disk_used(h)
    # A bit of room, enough for the new segment: now it gives more back.
    disk.empty()
    disk.leave(80 * MB)
    h.command("purge", "anna", "--subject", "first", timeout=300)
    verdict(wait_until(lambda: disk_used(h) < size - 30 * MB, 40, 0.5), "compact-gives-room-back",
            (size, disk_used(h)))
    verdict(state(h) == keep, "compact-nothing-lost")
    r = h.command("fsck")
    verdict(r.returncode == 0, "compact-fsck", r.stdout)


def disk_used(h):
    log = os.path.join(h.data, "accounts/anna/log")
    return sum(os.stat(os.path.join(log, f)).st_blocks * 512 for f in os.listdir(log))


class Far:
    """A host outside that is away at first."""

    def __init__(self, port):
        self.port, self.server = port, None

    def open(self):
        self.server = World(self.port)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def got(self):
        return list(self.server.got) if self.server else []


def main():
    if not enter_namespace():
        skip("disk", "no mount namespace of one's own here")
        finish()
    port, = free_ports(1)
    world = Far(port)
    h = House(f"relay: {{ host: 127.0.0.1, port: {port}, tls: off }}\n", passwords=False)
    disk = Disk(h, 300)
    try:
        for u in h.users:
            h.command("passwd", u, "--stdin", input="correct horse battery\n")
        h.start()
        model = fills_up(h, disk, world)
        dies_and_starts(h, disk, model)
        room_again(h, disk, world, model)
        gives_back(h, disk)
    except Exception as e:
        import traceback
        traceback.print_exc()
        verdict(False, "disk", repr(e) + h.log()[-1500:])
    finally:
        h.stop()
        disk.unmount()
        h.__exit__(None, None, None)
    finish()


if __name__ == "__main__":
    main()
