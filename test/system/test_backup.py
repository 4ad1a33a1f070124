#!/usr/bin/env python3
"""backup and restore: under load with a ledger of what was acknowledged, links
for what is not new, every kind of restore, and a phone (mbsync) that is not
confused by it."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from house import BINARY, PASSWORD, House, finish, lacking, verdict, wait_until


def mail(house, user):
    """{folder: (UIDVALIDITY, sorted [(flags, date, text)])}"""
    found = {}
    m = house.imap(user)
    for line in m.list()[1]:
        name = line.decode().split('"/" ')[-1].strip('"')
        if name.split("/")[0] == "Restore":
            continue
        m.select(f'"{name}"', readonly=True)
        validity = int(m.response("UIDVALIDITY")[1][0])
        data = m.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
        rows = []
        for d in data:
            if isinstance(d, tuple):
                flags = re.search(rb"FLAGS \(([^)]*)\)", d[0]).group(1)
                date = re.search(rb'INTERNALDATE "([^"]*)"', d[0]).group(1)
                rows.append((flags.replace(b"\\Recent", b"").strip(), date, d[1]))
        found[name] = (validity, sorted(rows))
    m.logout()
    return found


def content(m):
    return {k: v[1] for k, v in m.items()}


def backup(h, folder, *words):
    return h.command("backup", folder, *words, timeout=300)


def newest(folder):
    return sorted(p for p in glob.glob(folder + "/backup-*") if not p.endswith(".part"))[-1]


def under_load(h, folder):
    """Whatever was answered 250 before the backup began is in it."""
    said, stop = [], threading.Event()

    def send(n):
        i = 0
        while not stop.is_set():
            word = f"ledger-{n}-{i}-end"
            h.deliver(to=("anna", "ben")[i % 2], body=word + "\r\n" + "y" * 2000, subject=word)
            said.append(word)
            i += 1

    threads = [threading.Thread(target=send, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    missing, bad = [], []
    try:
        for _ in range(3):
            before = list(said)
            r = backup(h, folder)
            if r.returncode:
                bad.append(r.stderr)
                continue
            text = b"".join(open(p, "rb").read() for p in
                            glob.glob(newest(folder) + "/data/accounts/*/log/*"))
            missing += [w for w in before if w.encode() not in text]
            v = backup(h, folder, "--verify")
            if v.returncode:
                bad.append(v.stderr + v.stdout)
            threading.Event().wait(1.1)
    finally:
        stop.set()
        for t in threads:
            t.join()
    verdict(not bad, "backups-under-load-verify", bad[:1])
    verdict(not missing and len(said) > 20, "all-that-was-acknowledged-is-in-it",
            (len(said), missing[:3]))


def phone(h, where):
    """mbsync of anna's INBOX; its exit code and what it has."""
    rc = os.path.join(where, "rc")
    os.makedirs(os.path.join(where, "mail"), exist_ok=True)
    with open(rc, "w") as f:
        f.write(f"IMAPAccount a\nHost 127.0.0.1\nPort {h.port['imap']}\nUser anna\n"
                f"Pass \"{PASSWORD}\"\nSSLType None\nAuthMechs LOGIN\n\n"
                f"IMAPStore far\nAccount a\n\nMaildirStore near\nPath {where}/mail/\n"
                f"Inbox {where}/mail/INBOX\n\nChannel c\nFar :far:\nNear :near:\n"
                f"Patterns INBOX\nCreate Near\nSyncState *\n")
    r = subprocess.run(["mbsync", "-c", rc, "-a"], capture_output=True, text=True, timeout=300)
    texts = sorted(re.search(r"ledger-\S+|note \d+", open(p, errors="replace").read()).group(0)
                   for p in glob.glob(where + "/mail/INBOX/*/*"))
    return r, texts


class Qresync:
    """A client that keeps a folder and asks only for what is new [RFC 7162 3.2]."""

    def __init__(self, folder):
        self.folder, self.validity, self.modseq, self.flags = folder, 0, 0, {}

    def sync(self, h, user):
        """What the server told of the folder as it was known."""
        m = h.imap(user)
        m.enable("QRESYNC")
        m.untagged_responses.clear()
        m.xatom("SELECT", self.folder,
                f"(QRESYNC ({self.validity} {self.modseq}))" if self.validity else "(CONDSTORE)")
        told = {k: m.untagged_responses.pop(k, []) for k in ("VANISHED", "FETCH")}
        number = {k: int(m.untagged_responses[k][0]) for k in ("UIDVALIDITY", "HIGHESTMODSEQ")}
        for v in told["VANISHED"]:
            for part in v.decode().split()[-1].split(","):
                lo, _, hi = part.partition(":")
                self.flags = {u: f for u, f in self.flags.items()
                              if not int(lo) <= u <= int(hi or lo)}
        if number["UIDVALIDITY"] != self.validity:
            self.flags = {}
            m.xatom("UID FETCH", "1:*", "(FLAGS)")
        for x in told["FETCH"] + m.untagged_responses.pop("FETCH", []):
            x = (x[0] if isinstance(x, tuple) else x).decode()
            self.flags[int(re.search(r"UID (\d+)", x).group(1))] = \
                set(re.search(r"FLAGS \(([^)]*)\)", x).group(1).split()) - {r"\Recent"}
        self.validity, self.modseq = number["UIDVALIDITY"], number["HIGHESTMODSEQ"]
        m.logout()
        return told

    def is_right(self, h, user):
        m = h.imap(user)
        m.select(self.folder, readonly=True)
        have = {}
        for x in m.uid("FETCH", "1:*", "(FLAGS)")[1]:
            if x:
                x = x.decode()
                have[int(re.search(r"UID (\d+)", x).group(1))] = \
                    set(re.search(r"FLAGS \(([^)]*)\)", x).group(1).split()) - {r"\Recent"}
        m.logout()
        return have == self.flags


def pieces(h, folder, before):
    """A folder and a message come back as new messages."""
    client = Qresync("Work")
    client.sync(h, "anna")
    verdict(client.is_right(h, "anna"), "qresync-client-begins")
    m = h.imap("anna")
    m.select("Work")
    m.store("1:*", "+FLAGS", r"(\Deleted)")
    m.expunge()
    validity = int(m.response("UIDVALIDITY")[1][0] or 0)
    m.logout()
    r = h.command("restore", folder, "--account", "anna", "--folder", "Work")
    verdict(r.returncode == 0 and "3 messages" in r.stdout, "restore-folder-under-a-running-server",
            r.stdout + r.stderr)
    now = mail(h, "anna")
    verdict(set(now["Work"][1]) == set(before["Work"][1]), "with-flags-and-dates-there",
            (before["Work"], now["Work"]))
    r = h.command("restore", folder, "--account", "anna", "--folder", "Work", "--message", "nothing")
    verdict(r.returncode == 1 and 'no message in "' in r.stderr, "no-such-message-there", r.stderr)
    for name, said in (("Wrok", 'no folder "Wrok"; did you mean "Work"?'), ("elsewhere", "folders of anna: INBOX, ")):
        r = h.command("restore", folder, "--account", "anna", "--folder", name)
        verdict(r.returncode == 1 and said in r.stderr and name not in mail(h, "anna"), "no-such-folder-there", r)
    m = h.imap("anna")
    m.select("Work")
    m.store("1:*", "+FLAGS", r"(\Deleted)")
    m.expunge()
    m.logout()
    h.stop()
    r = h.command("restore", folder, "--account", "anna", "--folder", "Work")
    verdict(r.returncode == 0 and "3 messages" in r.stdout, "restore-folder", r.stdout + r.stderr)
    r = h.command("restore", folder, "--account", "anna", "--folder", "Work", "--message", "note 2")
    verdict(r.returncode == 0 and "1 message was restored" in r.stdout, "restore-message", r.stdout + r.stderr)
    r = h.command("restore", folder, "--account", "anna", "--folder", "Work", "--message", "nothing")
    verdict(r.returncode == 1, "restore-of-no-message-fails", r.stdout)
    h.start()
    told = client.sync(h, "anna")
    verdict(client.is_right(h, "anna") and told["VANISHED"] and len(told["FETCH"]) == 4,
            "qresync-client-after-a-folder-came-back", (told, client.flags))
    now = mail(h, "anna")
    verdict(now["Work"][0] == before["Work"][0], "uidvalidity-stays-with-a-folder", validity)
    texts = [re.search(rb"Subject: (note \d)", t).group(1) for _, _, t in now["Work"][1]]
    verdict(sorted(texts) == [b"note 0", b"note 1", b"note 2", b"note 2"], "folder-is-back", texts)
    back = {row for row in now["Work"][1]}
    verdict(set(before["Work"][1]) <= back, "with-flags-and-dates", (before["Work"], now["Work"]))


def unreadable():
    """What was damaged when the backup was made cannot come out of it."""
    where = tempfile.mkdtemp(prefix="hearthmail-backup.")
    try:
        with House() as h:
            m = h.imap("anna")
            m.create("Work")
            for word in (b"first", b"second", b"third"):
                m.append("Work", None, None,
                         b"Subject: " + word + b"\r\n\r\n" + word + b"-end" * 500 + b"\r\n")
            m.logout()
            h.stop()
            path = h.data + "/accounts/anna/log/000001"
            with open(path, "r+b") as f:
                f.seek(f.read().index(b"second-end") + 400)
                f.write(b"#")
            r = backup(h, where)
            verdict(r.returncode == 0, "a-backup-of-what-is-damaged", r.stdout + r.stderr)
            for running in (False, True):
                words = ("restore", where, "--account", "anna", "--folder", "Work")
                r = h.command(*words)
                verdict(r.returncode == 1 and "UID 2 " in r.stderr and
                        '2 messages were restored to "Work" of anna; 1 in the backup could not be read'
                        in r.stdout, f"unreadable-is-counted-{running}", r.stdout + r.stderr)
                r = h.command(*words, "--message", "3")
                verdict(r.returncode == 0 and "1 message was restored" in r.stdout and not r.stderr,
                        f"another-by-its-uid-{running}", r.stdout + r.stderr)
                r = h.command(*words, "--message", "2")
                verdict(r.returncode == 1 and "0 messages" in r.stdout and "UID 2 " in r.stderr,
                        f"that-one-by-its-uid-{running}", r.stdout + r.stderr)
                if not running:
                    h.start()
    finally:
        shutil.rmtree(where, ignore_errors=True)


def letter_count(h):
    m = h.imap("ben")
    found = 0
    for line in m.list()[1]:
        name = line.decode().split('"/" ')[-1].strip('"')
        if m.select(f'"{name}"', readonly=True)[0] == "OK":
            found += len(m.search(None, "SUBJECT", "letter")[1][0].split())
    m.logout()
    return found


def whole(h, folder, before, where):
    have_mbsync = not lacking("phone", "mbsync")
    if have_mbsync:
        phone(h, where)
    client = Qresync("INBOX")
    client.sync(h, "anna")
    r = h.command("restore", folder)
    verdict(r.returncode == 1 and "stop it first" in r.stderr, "not-under-a-running-server", r.stderr)
    h.stop()
    r = h.command("restore", folder)
    verdict(r.returncode == 1 and "--force" in r.stderr, "refuses-what-is-not-empty", r.stderr)
    r = h.command("restore", folder, "--account", "anna")
    verdict(r.returncode == 1 and "--force" in r.stderr, "refuses-an-account-with-mail", r.stderr)
    r = h.command("restore", folder, "--account", "anna", "--force")
    aside = glob.glob(h.data + "/before-restore-*/accounts/anna/log/000001")
    verdict(r.returncode == 0 and len(aside) == 1 and "before-restore-" in r.stdout,
            "account-restored-and-the-old-one-named", (r.stdout, r.stderr, aside))
    h.start()
    now = mail(h, "anna")
    verdict(content(now) == content(before), "account-is-as-it-was")
    verdict(all(now[f][0] > before[f][0] for f in before), "uidvalidity-rose")
    known = client.validity
    told = client.sync(h, "anna")
    verdict(client.validity > known and not told["VANISHED"] and not told["FETCH"] and
            client.is_right(h, "anna"), "qresync-client-begins-anew-after-a-restore", told)
    if have_mbsync:
        r, texts = phone(h, where)
        r, texts = phone(h, where)
        want = len(now["INBOX"][1])
        again = mail(h, "anna")
        verdict(len(again["INBOX"][1]) == want, "phone-uploads-nothing-twice",
                (len(again["INBOX"][1]), want, r.stderr))
    h.stop()
    r = h.command("restore", folder, "--force")
    verdict(r.returncode == 0, "everything-restored", r.stdout + r.stderr)
    r = h.command("fsck")
    verdict(r.returncode == 0, "fsck-is-clean-afterwards", r.stdout)
    h.start()
    verdict(content(mail(h, "anna")) == content(before), "everything-is-as-it-was")
    h.stop()


def new_house(folder, before):
    """Another machine: an empty folder, the same names."""
    h = House(passwords=False)
    try:
        r = h.command("restore", folder)
        verdict(r.returncode == 0, "restore-into-an-empty-house", r.stdout + r.stderr)
        h.start()
        verdict(content(mail(h, "anna")) == content(before), "the-same-mail-and-password-there")
        h.stop()
    finally:
        shutil.rmtree(h.dir, ignore_errors=True)


def refusals(h, folder):
    """What is refused has written nothing, and says what is wrong."""
    for words, said in ((["--verify", "--keep", "3"], "--keep cannot be combined with --verify"),
                        (["--keep", "0"], '--keep "0"'), (["--keep", "x"], '--keep "x"')):
        r = backup(h, folder, *words)
        verdict(r.returncode == 2 and said in r.stderr, "backup-usage " + " ".join(words), r)
    three = folder + ".three"
    try:
        for _ in range(3):
            r = backup(h, three)
            verdict(r.returncode == 0, "backup-at-once-after-another", r)
        made = sorted(os.listdir(three), key=lambda n: os.stat(f"{three}/{n}").st_ino)
        verdict(len(made) == 3 and r.stdout.startswith(newest(three) + ":"), "three-backups-the-last-is-newest", made)
    finally:
        shutil.rmtree(three, ignore_errors=True)
    os.makedirs(f"{h.data}/run/empty", exist_ok=True)
    os.symlink(h.data, f"{h.dir}/way")
    for inside in (h.data, f"{h.data}/", f"{h.data}/backup", f"{h.data}/run/empty/a/b", f"{h.dir}/way/backup",
                   f"{h.data}/../{os.path.basename(h.data)}/backup", os.path.relpath(h.data + "/backup")):
        r = backup(h, inside)
        verdict(r.returncode == 1 and "inside the data folder" in r.stderr and "another disk" in r.stderr and
                not os.path.exists(f"{h.data}/backup") and not glob.glob(f"{h.data}/backup-*"), f"backup-into-the-data {inside[len(h.dir):]}", r)
    beside = h.data + "-backup"
    verdict(backup(h, beside).returncode == 0, "a-name-that-begins-like-the-data")
    shutil.rmtree(beside)
    os.unlink(f"{h.dir}/way")
    config = f"{h.dir}/other.yaml"
    r = subprocess.run([BINARY, "-c", config, "restore", folder], capture_output=True, text=True)
    verdict(r.returncode == 1 and "not empty" in r.stderr and not os.path.exists(config),
            "a-refused-restore-writes-no-configuration", r)
    r = subprocess.run([BINARY, "-c", config, "restore", folder, "--account", "nobody"], capture_output=True, text=True)
    verdict(r.returncode == 1 and "nobody" in r.stderr and not os.path.exists(config), "nor-one-of-nobody", r)
    r = subprocess.run([BINARY, "-c", config, "restore", folder, "--force"], capture_output=True, text=True)
    found = h.command("fsck")
    verdict(found.returncode == 0 and "note" not in found.stdout, "a-restored-journal-has-nothing-to-note", found)
    verdict(r.returncode == 0 and open(config).read() == open(h.config).read(),
            "a-restore-without-configuration-takes-it-from-the-backup", r)


def broken(h, folder):
    copy = folder + ".bad"
    shutil.copytree(newest(folder), copy)
    path = sorted(glob.glob(copy + "/data/accounts/anna/log/*"))[0]
    with open(path, "r+b") as f:
        f.seek(5000)
        b = f.read(1)
        f.seek(5000)
        f.write(bytes([b[0] ^ 4]))
    r = backup(h, copy, "--verify")
    verdict(r.returncode == 1 and "checksum" in r.stderr, "verify-finds-a-wrong-bit", r.stdout + r.stderr)
    last = r.stderr.splitlines()[-1]
    verdict("is damaged: 1 file is missing or does not match its checksum, and the test restore of 1 account found damage"
            in last and "anna: log/" in r.stderr and "anna: " not in r.stdout, "its-last-line-agrees-with-the-others", r)
    # What is not mail: all of that can be restored, and the last line says so.
    other = folder + ".other"
    shutil.copytree(newest(folder), other)
    os.unlink(other + "/config/hearthmail.yaml")
    r = backup(h, other, "--verify")
    verdict(r.returncode == 1 and "is damaged: 1 file is missing" in r.stderr.splitlines()[-1] and
            "all accounts were test-restored successfully" in r.stderr.splitlines()[-1] and
            r.stdout.count("test restore successful") == 2, "verify-of-a-missing-file", r)
    shutil.rmtree(other + "/data/accounts/anna")
    r = backup(h, other, "--verify")
    verdict(r.returncode == 1 and "anna: none of its files could be restored" in r.stderr and
            "test restore of 1 account found damage" in r.stderr.splitlines()[-1], "verify-of-a-missing-account", r)
    shutil.rmtree(other)
    r = h.command("restore", copy, "--account", "anna", "--force")
    verdict(r.returncode == 1, "a-broken-backup-is-not-restored", r.stdout)
    verdict(os.path.exists(h.data + "/accounts/anna/log/000001"), "and-nothing-is-moved-for-it")
    os.unlink(copy + "/manifest.json")
    verdict(backup(h, copy, "--verify").returncode == 1, "without-manifest-it-is-none")


def before_five():
    """A clock five seconds before five, local time."""
    now = time.time()
    t = time.localtime(now)
    wanted = time.mktime((t.tm_year, t.tm_mon, t.tm_mday + 1, 4, 59, 55, 0, 0, -1))
    return {"HEARTHMAIL_TEST_CLOCK": str(int((wanted - now) * 1000))}


def scheduled_fails():
    """It is seen in the status, and its reason is in one event."""
    d = tempfile.mkdtemp(prefix="hearthmail-backup.")
    open(d + "/file", "w").close()
    h = House(extra=f'backup: {{ folder: {d}/file/y, at: "05:00" }}\nlog: {{ format: json }}\n', env=before_five())
    try:
        h.start(wait=False)
        wait_until(lambda: "backup.fail" in h.log() and h.log().endswith("\n"), 30)
        lines = []
        for line in h.log().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                verdict(False, "every-line-is-one-object", line)
        fail = [e for e in lines if e["event"] == "backup.fail"]
        verdict(len(fail) == 1 and fail[0]["text"] == f"{d}/file/y: Not a directory" and fail[0]["exit"] == 1,
                "the-reason-is-in-the-event", fail)
        r = h.command("status")
        verdict(r.returncode == 1 and "THE LAST ONE FAILED at " in r.stdout and
                f"{d}/file/y: Not a directory; fix that, then run: hearthmail backup {d}/file/y" in r.stdout,
                "status-says-that-it-failed", r.stdout)
        verdict("ERROR supervisor: backup.fail" in r.stdout, "status-lists-the-error", r.stdout)
        s = json.loads(h.command("status", "--json").stdout)
        verdict(not s["well"] and s["backup"]["failed"] > 0 and s["backup"]["last_good"] == 0 and
                "Not a directory" in s["backup"]["reason"], "status-says-it-in-json", s)
        h.write_config(h.yaml() + "x: y\n")
        r = h.command("reload")
        os.kill(h.proc.pid, signal.SIGHUP)
        wait_until(lambda: "reload.refused" in h.log(), 10)
        verdict(all(l.startswith("{") for l in h.log().splitlines()), "errors-of-a-reload-are-events", h.log()[-600:])
    finally:
        h.stop()
        shutil.rmtree(h.dir, ignore_errors=True)
        shutil.rmtree(d, ignore_errors=True)


def scheduled():
    """The key `backup`, at a clock ten seconds before its time."""
    folder = tempfile.mkdtemp(prefix="hearthmail-backup.")
    h = House(extra=f'backup: {{ folder: {folder}, at: "05:00", keep: 3 }}\n', env=before_five())
    try:
        with h:
            h.deliver(body="before five o'clock")
            wait_until(lambda: "backup.done" in h.log() or "backup.fail" in h.log(), 30)
            verdict("backup.done" in h.log() and len(glob.glob(folder + "/backup-*")) == 1,
                    "daily-backup-is-made", h.log()[-600:])
            verdict(backup(h, folder, "--verify").returncode == 0, "and-is-whole")
            verdict(" files copied" in h.log().split("backup.done")[1].split("\n")[0], "its-words-are-in-the-event",
                    h.log()[-600:])
            r = h.command("status")
            verdict("last good one " in r.stdout and f"UTC, in {folder}\n" in r.stdout and "FAILED" not in r.stdout,
                    "status-knows-the-last-one", r.stdout)
            s = json.loads(h.command("status", "--json").stdout)
            verdict(abs(s["backup"]["last_good"] - time.time()) < 600 and s["backup"]["failed"] == 0,
                    "status-knows-it-in-json", s["backup"])
            old = glob.glob(folder + "/backup-*")[0]
            os.rename(old, folder + "/backup-20200229T235960Z")
            r = h.command("status")
            verdict(r.returncode == 1 and "last good one 2020-03-01 00:00 UTC" in r.stdout and
                    "TOO LONG AGO" in r.stdout, "status-says-that-it-is-old", r.stdout)
            h.write_config(h.yaml().replace('"05:00"', '"25:00"'))
            r = h.command("check")
            verdict(r.returncode == 78 and "time of day" in r.stderr + r.stdout, "at-must-be-a-time", r)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def newborn():
    """An account in whose log nothing had been flushed when the backup was made."""
    folder = tempfile.mkdtemp(prefix="hearthmail-backup.")
    try:
        with House() as h:
            h.deliver()
            wait_until(lambda: h.count() == 1)
            h.stop()
            log = f"{h.data}/accounts/anna/log/"
            with open(log + "000001", "rb") as f:
                head = f.read(4096)
            for name in os.listdir(log):
                os.unlink(log + name)
            os.unlink(f"{h.data}/accounts/anna/state")
            with open(log + "000001", "wb") as f:
                f.write(head)
            shutil.chown(log + "000001", os.stat(log).st_uid, os.stat(log).st_gid)
            r = backup(h, folder)
            v = backup(h, folder, "--verify")
            verdict(r.returncode == 0 and v.returncode == 0, "an-account-that-was-just-born",
                    r.stderr + v.stderr)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    scheduled()
    scheduled_fails()
    newborn()
    h = House()
    folder = tempfile.mkdtemp(prefix="hearthmail-backup.")
    where = tempfile.mkdtemp(prefix="hearthmail-phone.")
    letters = where + "/letters"
    try:
        with h:
            m = h.imap("anna")
            m.create("Work")
            for i in range(3):
                m.append("Work", r"(\Seen $Forwarded)" if i else None, '"01-Feb-2024 10:00:00 +0100"',
                         f"Subject: note {i}\r\n\r\nnote {i}\r\n".encode())
            m.append("Work", None, None, b"Subject: big\r\n\r\n" + b"big line\r\n" * 200000)
            m.select("Work")
            m.store("4", "+FLAGS", r"(\Deleted)")
            m.expunge()
            m.logout()
            os.mkdir(letters)
            for i in range(2):
                with open(f"{letters}/{i}.eml", "w") as f:
                    f.write(f"Subject: letter {i}\n\nx\n")
            r = h.command("import", "ben", letters)
            verdict(r.returncode == 0 and letter_count(h) == 2, "imported", r.stdout + r.stderr)
            under_load(h, folder)
            threading.Event().wait(1.1)
            r = backup(h, folder, "--keep", "2")
            verdict(r.returncode == 0, "backup", r.stderr)
            verdict(len(glob.glob(folder + "/backup-*")) == 2, "keeps-two")
            body = glob.glob(newest(folder) + "/data/accounts/anna/log/body-*")
            verdict(len(body) == 1 and os.stat(body[0]).st_nlink == 2, "what-is-not-new-is-a-link", body)
            paths = {f["path"] for f in json.load(open(newest(folder) + "/manifest.json"))["files"]}
            verdict({"data/auth/credentials", "data/tls/key.pem", "config/hearthmail.yaml"} <= paths,
                    "keys-and-configuration-are-in-it", sorted(paths))
            before = mail(h, "anna")
            h.deliver(body="note 99 after the backup")
            pieces(h, folder, before)
            whole(h, folder, before, where)
            h.start()
            r = h.command("import", "ben", letters)
            verdict(r.returncode == 0 and letter_count(h) == 2, "what-was-imported-is-still-known",
                    r.stdout + r.stderr)
            h.stop()
            new_house(folder, before)
            broken(h, folder)
            refusals(h, folder)
            verdict(h.command("restore").returncode == 2, "usage")
    finally:
        for d in (folder, folder + ".bad", where):
            shutil.rmtree(d, ignore_errors=True)
    unreadable()
    finish()


if __name__ == "__main__":
    main()
