#!/usr/bin/env python3
"""fsck: while the server runs and after, with damage to each kind of file, and
the same messages in every folder afterwards."""
import glob
import imaplib
import json
import os
import shutil
import smtplib
import sys
import threading

from house import House, finish, verdict, wait_until


def mail(house, user):
    """{folder: (UIDVALIDITY, {UID: text})} as a client sees it."""
    found = {}
    m = house.imap(user)
    for line in m.list()[1]:
        name = line.decode().split('"/" ')[-1].strip('"')
        m.select(f'"{name}"', readonly=True)
        validity = m.response("UIDVALIDITY")[1][0]
        data = m.uid("FETCH", "1:*", "(BODY.PEEK[])")[1]
        found[name] = (validity, sorted(d[1] for d in data if isinstance(d, tuple)))
    m.logout()
    return found


def fsck(house, *words):
    r = house.command("fsck", *words, "--json", timeout=300)
    try:
        return r.returncode, json.loads(r.stdout)
    except ValueError:
        return r.returncode, [{"findings": [{"text": r.stdout + r.stderr}]}]


def texts(found):
    return " ".join(x["file"] + " " + x["text"] for o in found for x in o["findings"])


def under_load(h):
    stop = threading.Event()

    def send():
        while not stop.is_set():
            h.deliver(body="x" * 3000)

    t = threading.Thread(target=send)
    t.start()
    try:
        results = [fsck(h) for _ in range(5)]
    finally:
        stop.set()
        t.join()
    bad = [texts(f) for code, f in results if code != 0]
    verdict(not bad, "clean-while-mail-comes-in", bad[:2])
    verdict(any(o["in_use"] for o in results[0][1]), "says-that-it-is-in-use", results[0])
    r = h.command("fsck", "anna", "--repair")
    verdict(r.returncode == 1 and "stop the server" in r.stderr, "no-repair-of-what-is-in-use", r.stderr)


def hurt(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def derived(h, before):
    folder = os.path.join(h.data, "accounts/anna")
    for name in ["state"] + [os.path.relpath(p, folder) for p in glob.glob(folder + "/log/*.toc")]:
        path = os.path.join(folder, name)
        hurt(path, os.path.getsize(path) // 2, b"\xa5\x5a\xa5")
        code, found = fsck(h, "anna")
        verdict(code == 1 and name in texts(found) and found[0]["damage"] == 0,
                f"derived-damage-is-named-{os.path.basename(name)}", (code, found))
        code, found = fsck(h, "anna", "--rebuild")
        code2, found2 = fsck(h, "anna")
        verdict(code == 0 and code2 == 0 and not found2[0]["findings"],
                f"rebuilt-{os.path.basename(name)}", (code, found, code2, found2))
        os.unlink(path)
        code, found = fsck(h, "anna", "--rebuild")
        verdict(code == 0 and os.path.exists(path), f"made-anew-{os.path.basename(name)}", found)
    h.start()
    verdict(mail(h, "anna") == before, "mail-is-the-same-after-rebuilds")
    h.stop()


def orphan(h, before):
    """The record that put a message into INBOX goes, and the checkpoint."""
    folder = os.path.join(h.data, "accounts/anna")
    path = os.path.join(folder, "log/000001")
    text = open(path, "rb").read()
    at = text.index(b"the third message")
    # Behind the message: its padding, then the header of the record that adds it.
    end = (at + len("the third message\r\n") + 7) // 8 * 8
    hurt(path, end, b"\xee" * 40)
    os.unlink(os.path.join(folder, "state"))
    code, found = fsck(h, "anna")
    verdict(code == 1 and "lost+found" in texts(found), "orphan-is-found", (code, found))
    code, found = fsck(h, "anna", "--repair")
    verdict(found[0].get("put_back") == 1 and found[0].get("lost_found") == 1,
            "orphan-is-put-back", found)
    code, found = fsck(h, "anna", "--repair")
    verdict(found[0].get("put_back") == 0, "second-repair-has-nothing-to-do", found)
    h.start()
    now = mail(h, "anna")
    verdict(len(now.get("lost+found", (0, []))[1]) == 1 and
            b"the third message" in now["lost+found"][1][0], "lost+found-has-it", now.keys())
    verdict(sorted(now["lost+found"][1] + now["INBOX"][1]) == before["INBOX"][1],
            "every-message-is-in-a-folder")
    verdict(now["INBOX"][0] != before["INBOX"][0], "uidvalidity-rose-since-a-uid-is-lost")
    h.stop()


def refused(h, user):
    """What a login is answered; the empty string if it succeeds."""
    try:
        h.imap(user).logout()
        return ""
    except imaplib.IMAP4.error as e:
        return str(e)


def vanished(h):
    """An account's folder is not mounted: nothing begins anew there, what comes meanwhile waits, and
    all is as it was once it is back."""
    home, aside = (os.path.join(h.data, "accounts", name) for name in ("anna", "..anna"))
    known = os.path.join(h.data, "accounts/.known/anna")
    before = mail(h, "anna")
    for how in ("empty", "missing"):
        h.stop()
        os.rename(home, aside)
        if how == "empty":
            os.mkdir(home, 0o700)
            shutil.copystat(aside, home)
            os.chown(home, os.stat(aside).st_uid, os.stat(aside).st_gid)
        h.start()
        verdict("UNAVAILABLE" in refused(h, "anna"), f"vanished-{how}-no-login", refused(h, "anna"))
        verdict(h.logged(r"account\.lost account=anna .*it had mail; mount its disk.*\.known/anna"),
                f"vanished-{how}-is-said", h.log()[-1500:])
        verdict(refused(h, "ben") == "", f"vanished-{how}-others-go-on")
        try:
            h.deliver(body=f"while it was {how}")
            said = 250
        except smtplib.SMTPException as e:
            said = getattr(e, "smtp_code", 0)
        verdict(said == 250 or 400 <= said < 500, f"vanished-{how}-mail-waits", said)
        made = [f for _, _, files in os.walk(home) for f in files]
        verdict(not made, f"vanished-{how}-nothing-is-made", made)
        shutil.rmtree(home)
        os.rename(aside, home)
        wait_until(lambda: refused(h, "anna") == "")
        now = mail(h, "anna")
        verdict(all(now.get(k, (0, []))[0] == v[0] and set(v[1]) <= set(now[k][1]) for k, v in before.items()),
                f"vanished-{how}-is-back", (before, now))
    h.stop()
    os.rename(home, aside)
    os.unlink(known)
    h.start()
    verdict(refused(h, "anna") == "", "vanished-may-start-empty")
    h.stop()


def main():
    h = House()
    with h:
        for word in ("first", "second", "third", "fourth"):
            h.deliver(body=f"the {word} message")
        h.deliver(to="ben", body="for ben")
        under_load(h)
        before = mail(h, "anna")
        h.stop()
        code, found = fsck(h)
        verdict(code == 0 and not any(o["findings"] for o in found), "clean-when-stopped", found)
        derived(h, before)
        orphan(h, before)
        h.start()
        vanished(h)
        r = h.command("fsck", "nobody")
        verdict(r.returncode == 1 and "nobody" in r.stderr, "unknown-account", r)
        verdict(h.command("fsck", "--frob").returncode == 2, "usage")
    finish()


if __name__ == "__main__":
    main()
