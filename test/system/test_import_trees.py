#!/usr/bin/env python3
"""Import of whole trees as mail programs leave them on a disk: which folders they become, and which
flags their messages have; and that nothing in them is left out without a word."""
import os
import re
import struct
import subprocess
import tarfile
import unicodedata

from house import BINARY, House, finish, verdict

POST = b"From a@example.test Wed Feb  1 10:00:00 2023\n"
FIND = re.compile(rb"\((?:UID \d+ )?FLAGS \(([^)]*)\)")


def mail(n, fields=b""):
    return fields + b"From: a@example.test\nSubject: m%d\nDate: Wed, 01 Feb 2023 10:00:00 +0100\n\nx\n" % n


def box(*mails):
    return b"".join(POST + m + b"\n" for m in mails)


def mac(name):
    return unicodedata.normalize("NFD", name)


def marks(*pairs):
    return struct.pack("<I", 2) + b"".join(struct.pack("<II", *p) for p in pairs)


EMLX = mail(1)
# name: files, folders with their messages' numbers and flags, what standard error has, exit code.
TREES = {
    "kmail-maildir": (
        {"inbox/cur/1.a:2,S": mail(1), ".inbox.directory/sub/cur/2.a:2,S": mail(2),
         ".inbox.directory/.sub.directory/deep/cur/3.a:2,S": mail(3), ".inbox.index": b"x"},
        {"INBOX": {1: "\\Seen"}, "INBOX/sub": {2: "\\Seen"}, "INBOX/sub/deep": {3: "\\Seen"}}, "", 0),
    "kmail-mbox": (
        {"inbox": box(mail(1)), ".inbox.index": b"x", ".inbox.directory/sub": box(mail(2)),
         ".inbox.directory/.sub.index": b"x"},
        {"INBOX": {1: ""}, "INBOX/sub": {2: ""}}, "", 0),
    "offlineimap": (
        {"INBOX/cur/1.a:2,S": mail(1), "INBOX.Sent/cur/2.a:2,S": mail(2), "INBOX.Old.2023/cur/3.a:2,": mail(3),
         "[Gmail].Drafts/cur/4.a:2,D": mail(4)},
        {"INBOX": {1: "\\Seen"}, "INBOX/Sent": {2: "\\Seen"}, "INBOX/Old/2023": {3: ""},
         "[Gmail]/Drafts": {4: "\\Draft"}}, "", 0),
    "several-accounts": (
        {"work/INBOX/cur/1.a:2,": mail(1), "work/Sub/cur/2.a:2,S": mail(2)},
        {"work/INBOX": {1: ""}, "work/Sub": {2: "\\Seen"}}, "", 0),
    "names-of-a-mac": (
        {mac("Entwürfe") + "/cur/1.a:2,": mail(1), mac("Müller") + "/cur/2.a:2,": mail(2)},
        {"Entw&APw-rfe": {1: ""}, "M&APw-ller": {2: ""}}, "", 0),
    "names-of-a-mac-eml": (
        {mac("Müller") + "/" + mac("Käthe") + "/1.eml": mail(1)}, {"M&APw-ller/K&AOQ-the": {1: ""}}, "", 0),
    "names-in-latin-1": (
        {"M\udcfcller": box(mail(1)), "M\udce4ller": box(mail(2))},
        {"M&APw-ller": {1: ""}, "M&AOQ-ller": {2: ""}}, "", 0),
    "eudora": (
        {"In.mbx": box(mail(1)), "In.toc": b"\0", "Out.mbx": box(mail(2)), "Trips.fol/Rome.mbx": box(mail(3)),
         "descmap.pce": b"In,In.mbx,S,N\r\n"},
        {"INBOX": {1: ""}, "Out": {2: ""}, "Trips/Rome": {3: ""}}, "", 0),
    "claws": (
        {"inbox/1": mail(1), "inbox/2": mail(2), "inbox/3": mail(3), "inbox/.claws_mark": marks((1, 0), (2, 3), (3, 20)),
         "sent/1": mail(4)},
        {"INBOX": {1: "\\Seen", 2: "", 3: "\\Answered \\Flagged \\Seen"}, "sent": {4: ""}}, "", 0),
    "mh-without-a-mark": (
        {"inbox/.mh_sequences": b"unseen: 7\n", "inbox/1": mail(1), "lists/5": mail(5), "notes/5": b"a note\n"},
        {"INBOX": {1: "\\Seen"}, "lists": {5: ""}}, "", 0),
    "cyrus": (
        {"1.": mail(1), "cyrus.header": b"x", "cyrus.index": b"x", "Sent/1.": mail(2), "Sent/cyrus.header": b"x"},
        {"INBOX": {1: ""}, "Sent": {2: ""}}, "", 0),
    "gnus": (
        {"active": b"inbox 1 1 y\n", "inbox/1": mail(1), "inbox/.overview": b"1"}, {"INBOX": {1: ""}}, "", 0),
    "thunderbird": (
        {"prefs.js": b"user_pref", "Mail/Local Folders/Inbox": box(mail(1)), "Mail/Local Folders/Inbox.msf": b"x",
         "Mail/smart mailboxes/Sent": b"", "Mail/pop.example.org/Inbox/cur/1600000000.eml":
         mail(2, b"X-Mozilla-Status: 0001\n"), "Mail/pop.example.org/Inbox.sbd/Old/cur/3.eml": mail(3),
         "ImapMail/imap.example.org/INBOX.sbd/Sub": box(mail(4))},
        {"INBOX": {1: ""}, "pop.example.org/Inbox": {2: "\\Seen"}, "pop.example.org/Inbox/Old": {3: ""},
         "imap.example.org/INBOX/Sub": {4: ""}}, "", 0),
    "thunderbird-above-its-profiles": (
        {"profiles.ini": b"[x]", "Profiles/a.default/prefs.js": b"x", "Profiles/a.default/Mail/Local Folders/Old": box(mail(1))},
        {"Old": {1: ""}}, "", 0),
    "evolution": (
        {"..maildir++": b"maildir++ 1", "cur/1.a:2,S": mail(1), ".a_2Eb_5F/cur/2.a:2,": mail(2), "..below/cur/3.a:2,": mail(3)},
        {"INBOX": {1: "\\Seen"}, "a.b_": {2: ""}, "INBOX/below": {3: ""}}, "", 0),
    "no-evolution": (
        {"cur/1.a:2,S": mail(1), ".a_2Eb/cur/2.a:2,": mail(2)}, {"INBOX": {1: "\\Seen"}, "a_2Eb": {2: ""}}, "", 0),
    "courier-keywords": (
        {"cur/1.a:2,S": mail(1), "cur/2.a:2,": mail(2), "courierimapkeywords/:list": b"work\n$label1\n\n2.a:1 0\n"},
        {"INBOX": {1: "\\Seen", 2: "$label1 work"}}, "", 0),
    "in-capitals": (
        {"A.MBOX": box(mail(1)), "A.MSF": b"x", "B.SBD/C": box(mail(2))}, {"A": {1: ""}, "B/C": {2: ""}}, "", 0),
    "deep": ({"a/b/c/1.eml": mail(1)}, {"a/b/c": {1: ""}}, "", 0),
    "beside-a-maildir": (
        {"cur/1.a:2,S": mail(1), "old": box(mail(2)), "1.eml": mail(3), "dovecot-uidlist": b"3 V1 N4\n"},
        {"INBOX": {1: "\\Seen"}}, ("old: it is an mbox beside a Maildir", "1.eml: it is a message beside a Maildir"), 1),
    "beside-messages": (
        {"1.eml": mail(1), "old": box(mail(2)), "sub/2.eml": mail(3), "sub/more/x.eml/cur/1.a:2,": mail(4)},
        {"INBOX": {1: ""}, "sub": {3: ""}}, ("old: it is an mbox", "cur: it is a Maildir's"), 1),
    "beside-an-mbox": (
        {"A.mbox": box(mail(1)), "B.mbox.gz": b"\x1f\x8b\x08" + b"\0" * 20},
        {"A": {1: ""}}, "B.mbox.gz: it is compressed; import it by itself", 1),
    "apple-without-attachments": (
        {"INBOX.mbox/X/Messages/1.partial.emlx": b"%d\n" % len(EMLX) + EMLX + b"<plist></plist>"},
        {"INBOX": {1: ""}}, "1 message comes without attachments", 0),
}


def write(top, name, data):
    path = os.fsencode(f"{top}/{name}")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def held(h, user):
    """{folder: {number: flags}}, of folders that hold something"""
    m, out = h.imap(user), {}
    for line in m.list()[1]:
        name = re.match(rb'\([^)]*\) "." (.*)', line)[1].decode().strip('"')
        if b"noselect" in line.lower() or m.select(f'"{name}"', readonly=True)[1] == [b"0"]:
            continue
        for item in m.fetch("1:*", "(FLAGS BODY.PEEK[])")[1]:
            if isinstance(item, tuple):
                flags = sorted(f for f in FIND.search(item[0])[1].decode().split() if f != "\\Recent")
                number = int(re.search(rb"Subject: m(\d+)", item[1])[1])
                out.setdefault(name, {})[number] = " ".join(flags)
                if b"X-Mozilla" in item[1]:
                    out[name][number] += " and fields"
    m.logout()
    return out


def empty(h, user):
    m = h.imap(user)
    for line in reversed(m.list()[1]):
        name = re.match(rb'\([^)]*\) "." (.*)', line)[1].decode()
        if m.select(name)[1] != [b"0"]:
            m.store("1:*", "+FLAGS.SILENT", "\\Deleted")
        m.close()
        if name.strip('"') != "INBOX":
            m.delete(name)
    m.logout()


def main():
    with House(users=("anna",)) as h:
        for name, (files, want, words, code) in TREES.items():
            top = f"{h.dir}/{name}"
            for path, data in files.items():
                write(top, path, data)
            r = subprocess.run([BINARY, "-c", h.config, "import", "anna", top], capture_output=True, text=True,
                               errors="replace", timeout=300, env=h.env)
            got = held(h, "anna")
            verdict(r.returncode == code and got == want, name, (r, got))
            for w in (words,) if isinstance(words, str) else words:
                verdict(w in r.stderr, f"{name}-says-so", r)
            r = subprocess.run([BINARY, "-c", h.config, "import", "anna", top], capture_output=True, text=True,
                               errors="replace", timeout=300, env=h.env)
            verdict(r.stdout.startswith("0 messages imported"), f"{name}-again", r)
            empty(h, "anna")
            with tarfile.open(f"{top}.tar", "w") as t:
                t.add(top, arcname=".")
            r = subprocess.run([BINARY, "-c", h.config, "import", "anna", f"{top}.tar", "--again"], capture_output=True,
                               text=True, errors="replace", timeout=300, env=h.env)
            # Perhaps below a folder less, since the archive's is not looked at from above.
            got = sorted(m for f in held(h, "anna").values() for m in f.items())
            all_of = sorted(m for f in want.values() for m in f.items())
            verdict(got == all_of if name != "beside-messages" else "outside of it" in r.stderr,
                    f"{name}-in-a-tar", (r, got))
            empty(h, "anna")
    finish()


if __name__ == "__main__":
    main()
