#!/usr/bin/env python3
"""Programs that mirror an account, with their default settings, over a month:
mail is deleted, its day goes out of the retention, mail is purged, the key that
shows deleted mail is changed.  The clock is the server's, of a test's own."""
import glob
import os
import subprocess

from house import PASSWORD, House, finish, lacking, verdict, wait_until

DAY = 24 * 3600 * 1000


def run(cmd, home):
    r = subprocess.run(cmd, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
                       env=dict(os.environ, HOME=home))
    return r.returncode, r.stdout + r.stderr


class Mbsync:
    name = "mbsync"

    def __init__(self, h):
        self.dir = os.path.join(h.dir, "mbsync")
        self.mail = self.dir + "/mail"
        os.makedirs(self.mail)
        with open(self.dir + "/rc", "w") as f:
            f.write(f"IMAPAccount far\nHost 127.0.0.1\nPort {h.port['imaps']}\nUser anna\nPass \"{PASSWORD}\"\nSSLType IMAPS\n"
                    f"CertificateFile {h.data}/tls/cert.pem\n\nIMAPStore far\nAccount far\n\nMaildirStore near\nPath {self.mail}/\n"
                    f"Inbox {self.mail}/INBOX\nSubFolders Verbatim\n\nChannel all\nFar :far:\nNear :near:\nPatterns *\n"
                    "Create Both\nRemove Both\nExpunge Both\nSyncState *\n")

    def sync(self):
        return run(["mbsync", "-c", self.dir + "/rc", "-a"], self.dir)

    def inbox(self):
        return len(glob.glob(self.mail + "/INBOX/cur/*") + glob.glob(self.mail + "/INBOX/new/*"))


class Offlineimap:
    name = "offlineimap"

    def __init__(self, h):
        self.dir = os.path.join(h.dir, "offlineimap")
        self.mail = self.dir + "/mail"
        os.makedirs(self.mail)
        with open(self.dir + "/rc", "w") as f:
            f.write(f"[general]\naccounts = a\nmetadata = {self.dir}/meta\nui = basic\n\n[Account a]\nlocalrepository = loc\n"
                    f"remoterepository = rem\n\n[Repository loc]\ntype = Maildir\nlocalfolders = {self.mail}\n\n"
                    f"[Repository rem]\ntype = IMAP\nremotehost = 127.0.0.1\nremoteport = {h.port['imap']}\nssl = no\n"
                    f"starttls = no\nremoteuser = anna\nremotepass = {PASSWORD}\n")

    def sync(self):
        return run(["offlineimap", "-o", "-c", self.dir + "/rc"], self.dir)

    def inbox(self):
        return len(glob.glob(self.mail + "/INBOX/cur/*") + glob.glob(self.mail + "/INBOX/new/*"))


class Month:
    """One account, one mirror, and what happens to them."""

    def __init__(self, h, program):
        self.h, self.p = h, program

    def sync(self, what):
        """The mirror has what INBOX has, says nothing is wrong, and has never heard of Restore."""
        rc, text = self.p.sync()
        restored = glob.glob(self.p.mail + "/Restore*")
        verdict(rc == 0 and self.p.inbox() == self.h.count() and not restored and "Warning" not in text and "ERROR" not in text,
                f"{self.p.name}-{what}", (rc, self.p.inbox(), self.h.count(), restored, text[-700:]))

    def arrive(self, n, subject):
        before = self.h.count()
        for i in range(n):
            self.h.deliver("anna", subject=f"{subject} {i}")
        wait_until(lambda: self.h.count() == before + n, 60)

    def expunge(self, which):
        m = self.h.imap("anna")
        m.select()
        m.store(which, "+FLAGS", r"(\Deleted)")
        m.expunge()
        m.logout()

    def later(self, days):
        self.h.stop()
        self.h.env["HEARTHMAIL_TEST_CLOCK"] = str(days * DAY)
        self.h.start()

    def key(self, line):
        self.h.write_config(self.h.yaml() + line)
        verdict(self.h.command("reload").returncode == 0, f"{self.p.name}-reload")

    def live(self):
        self.arrive(6, "first")
        self.sync("pulls")
        self.expunge("1:2")
        self.sync("after-a-deletion")
        self.later(1)
        self.arrive(2, "second day")
        self.expunge("1")
        self.sync("on-the-second-day")
        r = self.h.command("purge", "anna", "--subject", "first 0")
        verdict(r.returncode == 0, f"{self.p.name}-purge", r.stdout + r.stderr)
        self.sync("after-a-purge")
        for line, what in (("restore_folder: no\n", "the-key-off"), ("", "the-key-on")):
            self.key(line)
            self.arrive(1, what)
            self.sync("with-" + what)
        self.later(31)
        self.arrive(1, "day 31")
        self.sync("on-day-31")
        self.expunge("1")
        self.later(32)
        self.sync("on-day-32")
        self.sync("once-more")


def main():
    for program in (Mbsync, Offlineimap):
        if lacking(program.name, program.name):
            continue
        with House(users=("anna",), env={"HEARTHMAIL_TEST_CLOCK": "0"}) as h:
            Month(h, program(h)).live()
    finish()


main()
