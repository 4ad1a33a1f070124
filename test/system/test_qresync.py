#!/usr/bin/env python3
"""A phone with QRESYNC over what happens to a server in its life: restarts,
kill -9, a lost checkpoint, compaction, restores.  It must never keep what is
gone, nor take something for what it has already; and it hears exactly what
happened, not of each UID that is not there."""
import os
import re

from test_quota import ask, login_again

from house import House, finish, verdict, wait_until


class Phone:
    """Its cache of one mailbox."""

    def __init__(self, h, box):
        self.h, self.box = h, box
        self.validity = self.modseq = 0
        self.flags, self.vanished = {}, None
        self.begun_anew = False

    def sync(self):
        m = login_again(self.h)
        ask(m, "ENABLE QRESYNC")
        known = f" (QRESYNC ({self.validity} {self.modseq}))" if self.validity else ""
        status, text, lines = ask(m, f"SELECT {self.box}{known}")
        assert status == "OK", text
        found = " ".join(lines)
        validity = int(re.search(r"UIDVALIDITY (\d+)", found)[1])
        self.begun_anew = validity != self.validity
        if self.begun_anew:
            self.flags = {}
        gone = re.search(r"VANISHED \(EARLIER\) ([\d:,]+)", found)
        self.vanished = gone[1] if gone else ""
        for part in self.vanished.split(",") if gone else []:
            lo, _, hi = part.partition(":")
            for uid in range(int(lo), int(hi or lo) + 1):
                self.flags.pop(uid, None)
        self.take(lines)
        if self.begun_anew:
            self.take(ask(m, "UID FETCH 1:* (FLAGS)")[2])
        self.validity = validity
        self.modseq = int(re.search(r"HIGHESTMODSEQ (\d+)", found)[1])
        m.logout()

    def take(self, lines):
        for line in lines:
            m = re.match(r"\* \d+ FETCH \(UID (\d+) (?:MODSEQ \(\d+\) )?FLAGS \(([^)]*)\)", line)
            if m:
                self.flags[int(m[1])] = set(m[2].split())

    def right(self, name):
        """What it has is what another, plain client sees."""
        m = login_again(self.h)
        m.select(self.box, readonly=True)
        data = m.uid("FETCH", "1:*", "(FLAGS)")[1]
        m.logout()
        want = {}
        for line in data if data != [None] else []:
            uid, flags = re.match(rb"\d+ \(UID (\d+) FLAGS \(([^)]*)\)", line).groups()
            want[int(uid)] = set(flags.decode().split())
        verdict(self.flags == want, name, (self.flags, want))


def change(h, box, expunge="", flag=""):
    m = login_again(h)
    m.select(box)
    if flag:
        m.uid("STORE", flag, "+FLAGS.SILENT", r"(\Flagged)")
    if expunge:
        m.uid("STORE", expunge, "+FLAGS.SILENT", r"(\Deleted)")
        m.expunge()
    m.append(box, None, None, b"Subject: new\r\n\r\nnew\r\n")
    m.logout()


def kill(h):
    pids = h.kill("account anna")
    wait_until(lambda: not set(pids) & set(h.processes()), 10)


def lose_checkpoint(h):
    h.stop()
    os.unlink(os.path.join(h.data, "accounts/anna/state"))
    h.start()


def purge(h):
    r = h.command("purge", "anna", "--all-expunged")
    assert r.returncode == 0, r.stderr


def lives(h, phone):
    """(what happens, a UID to expunge, one to flag): it hears of just these."""
    steps = [("nothing", lambda h: None), ("restart", lambda h: h.restart()), ("kill-9", kill),
             ("lost-checkpoint", lose_checkpoint), ("compaction", purge),
             ("compaction-and-kill", lambda h: (purge(h), kill(h))),
             ("compaction-and-lost-checkpoint", lambda h: (purge(h), lose_checkpoint(h)))]
    for i, (name, happen) in enumerate(steps):
        change(h, phone.box, expunge=str(3 * i + 2), flag=str(3 * i + 3))
        happen(h)
        phone.sync()
        verdict(not phone.begun_anew and phone.vanished == str(3 * i + 2), f"vanished-after-{name}",
                (phone.begun_anew, phone.vanished))
        phone.right(f"in-step-after-{name}")
        happen(h)
        phone.sync()
        verdict(not phone.begun_anew and phone.vanished == "", f"nothing-new-after-{name}",
                (phone.begun_anew, phone.vanished))


def restores(h, phone, folder):
    """Of another time: all is new.  Of a folder: it is added."""
    r = h.command("backup", folder, timeout=300)
    verdict(r.returncode == 0, "backup", r.stderr)
    change(h, phone.box, expunge="1:10", flag="30")
    phone.sync()
    h.stop()
    r = h.command("restore", folder, "--account", "anna", "--force", timeout=300)
    verdict(r.returncode == 0, "restore-account", r.stderr)
    h.start()
    phone.sync()
    verdict(phone.begun_anew, "a-restored-account-is-another")
    phone.right("in-step-after-restore")
    change(h, phone.box, expunge="30")
    h.stop()
    r = h.command("restore", folder, "--account", "anna", "--folder", phone.box, timeout=300)
    verdict(r.returncode == 0, "restore-folder", r.stderr)
    h.start()
    phone.sync()
    verdict(not phone.begun_anew and phone.vanished == "30", "a-restored-folder-is-the-same",
            (phone.begun_anew, phone.vanished))
    phone.right("in-step-after-restored-folder")


def main():
    with House() as h:
        m = h.imap()
        m.create("phone")
        for i in range(40):
            m.append("phone", None, None, f"Subject: {i}\r\n\r\nbody\r\n".encode())
        m.logout()
        phone = Phone(h, "phone")
        phone.sync()
        phone.right("first-sync")
        lives(h, phone)
        restores(h, phone, os.path.join(h.dir, "backup"))
    finish()


if __name__ == "__main__":
    main()
