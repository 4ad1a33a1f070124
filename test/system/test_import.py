#!/usr/bin/env python3
"""Import and export: every format there and back, foreign files, a real
Dovecot on the other side, and breaks at random moments, after which nothing
may be lost or doubled."""
import bz2
import calendar
import collections
import glob
import gzip
import imaplib
import io
import lzma
import mailbox
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
import zlib

from house import BINARY, PASSWORD, House, finish, free_ports, lacking, skip, verdict, wait_until

QUICK = "--quick" in sys.argv
RANDOM = random.Random(int(os.environ.get("SEED", "1")))


def run(h, *words, timeout=300, env=None, input=None):
    return subprocess.run([BINARY, "-c", h.config, *words], capture_output=True, text=True,
                          timeout=timeout, env=dict(h.env, **(env or {})), input=input)


# ---- what an account holds ----

FETCH = re.compile(rb'^(\d+) \((?:UID (\d+) ?|FLAGS \(([^)]*)\) ?|INTERNALDATE "([^"]*)" ?|BODY\[\] \{\d+\}$)*')


def instant(text, zone):
    """INTERNALDATE as a point in time, with its zone if that is to count."""
    m = re.match(r" ?(\d+)-(\w+)-(\d+) (\d+):(\d+):(\d+) ([+-])(\d\d)(\d\d)", text)
    month = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split().index(m[2]) + 1
    offset = (int(m[8]) * 60 + int(m[9])) * (1 if m[7] == "+" else -1)
    t = calendar.timegm((int(m[3]), month, int(m[1]), int(m[4]), int(m[5]), int(m[6]))) - offset * 60
    return (t, offset if zone else 0)


def folders(m):
    """{wire name: set of special uses}"""
    found = {}
    for line in m.list()[1]:
        a, name = re.match(rb'\(([^)]*)\) "." (.*)', line).groups()
        if b"noselect" not in a.lower():
            found[name.decode().strip('"')] = {
                u for u in a.decode().split() if u in ("\\Sent", "\\Drafts", "\\Junk", "\\Trash", "\\Archive")}
    return found


def dump(m, zone=False, dates=True):
    """{folder: multiset of (bytes, flags, date)}"""
    out = {}
    for name in folders(m):
        t, d = m.select(f'"{name}"', readonly=True)
        assert t == "OK", d
        c = collections.Counter()
        if int(d[0]):
            t, d = m.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
            assert t == "OK", d
            for i, item in enumerate(d):
                if not isinstance(item, tuple):
                    continue
                head = item[0] + (d[i + 1] if i + 1 < len(d) and isinstance(d[i + 1], bytes) else b"")
                flags = frozenset(re.search(rb"FLAGS \(([^)]*)\)", head)[1].decode().split()) - {"\\Recent"}
                date = instant(re.search(rb'INTERNALDATE "([^"]*)"', head)[1].decode(), zone)
                c[(item[1], flags, date if dates else None)] += 1
        out[name] = c
    return out


def account(h, user, **kw):
    m = h.imap(user)
    d = dump(m, **kw)
    m.logout()
    return d


def difference(a, b):
    for name in sorted(set(a) | set(b)):
        x, y = a.get(name, collections.Counter()), b.get(name, collections.Counter())
        if x != y:
            return (name, sum(x.values()), sum(y.values()), list((x - y).items())[:2], list((y - x).items())[:2])
    return None


def without_empty(d):
    return {k: v for k, v in d.items() if v}


# ---- there and back ----

ODD = [
    b"Subject: no end of the last line\r\n\r\nhere",
    b"Status: RO\r\nX-Status: A\r\nX-Keywords: own\r\nSubject: fields of its own\r\n\r\nx\r\n",
    b"X-Hearthmail: no line end at the end\r\nSubject: a clash\r\n\r\nx\r\n",
    b"\r\n",
    b"\r\n\r\n\r\n",
    b"Subject: a header alone\r\n",
    b"Subject: empty body\r\n\r\n",
    b"From nobody Tue Nov 24 11:36:46 2026\r\nSubject: begins like an mbox\r\n\r\nx\r\n",
    b"Subject: quotes\r\n\r\nFrom a\r\n>From b\r\n>>From c\r\n> From d\r\nFrom\r\n\r\n"
    b"From x@example.test Tue Nov 24 11:36:46 2026\r\nend\r\n",
    b"Subject: CR CR LF\r\n\r\na\r\r\nb\r\n",
    b"Subject: lonely CR\r\n\r\na\rb\r\rc\r\n",
    b"Subject: eight bits\r\n\r\n\xff\xfe\x80\r\n",
    b"Subject: long\r\n\r\n" + b"x" * 300000 + b"\r\n" + b"From " * 50000 + b"\r\n",
    b"Subject: marks\r\n\r\n" + b">" * 999 + b"From x\r\n" + b">" * 1000 + b"From y\r\n" +
    b">" * 1001 + b"From z\r\n" + b">" * 1002 + b"From z\r\n" + b">" * 2000 + b"From z\r\n",
    b" begins with a continuation\r\nSubject: x\r\n\r\ny\r\n",
    b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 200000,
]
FLAGS = ["", "\\Seen", "\\Seen \\Answered", "\\Flagged $Label1", "\\Draft", "\\Deleted \\Seen",
         "$Forwarded Work", "\\Seen \\Answered \\Flagged \\Draft \\Deleted $Forwarded NonJunk a"]
NAMES = ["Sub", "Sub/Entw&APw-rfe", "a.b", "&2D3cCQ-", "..", "x.mbox", "x", "INBOX/below", "a\\\\b"]


def fill(h, user, n=40):
    m = h.imap(user)
    for name in NAMES:
        t, d = m.create(f'"{name}"')
        assert t == "OK", (name, d)
    place = ["INBOX", "Sent", *NAMES]
    for i in range(n):
        b = b"Subject: %d\r\nFrom: a@example.test\r\n\r\ntext %d\r\n" % (i, i)
        t, d = m.append(f'"{place[i % len(place)]}"', FLAGS[i % len(FLAGS)],
                        '"%02d-Feb-%04d %02d:00:00 +0%d00"' % (i % 28 + 1, 1999 + i % 27, i % 24, i % 10), b)
        assert t == "OK", d
    for i, b in enumerate(ODD):
        t, d = m.append("INBOX", FLAGS[i % len(FLAGS)], '"01-Jan-2020 10:00:%02d -0330"' % i, b)
        assert t == "OK", d
    m.append("INBOX", "\\Seen", '"01-Jan-2020 10:00:00 -0330"', ODD[1])  # twice the same
    m.append("INBOX", "\\Seen", '"01-Jan-2020 10:00:00 -0330"', ODD[1])
    m.logout()


def there_and_back():
    with House(users=("anna", "maildir", "mbox", "eml", "sub1", "sub2")) as h:
        fill(h, "anna")
        want = account(h, "anna")
        uses = folders(h.imap("anna"))
        for fmt in ("maildir", "mbox", "eml"):
            first, second = f"{h.dir}/1-{fmt}", f"{h.dir}/2-{fmt}"
            r = run(h, "export", "anna", first, "--format", fmt)
            verdict(r.returncode == 0, f"export-{fmt}", r)
            r = run(h, "import", fmt, first)
            verdict(r.returncode == 0, f"import-{fmt}", r)
            if fmt == "eml":
                verdict(account(h, fmt, zone=True) == account(h, "anna", zone=True), "eml-keeps-zones",
                        difference(account(h, "anna", zone=True), account(h, fmt, zone=True)))
            got = account(h, fmt)
            verdict(got == want, f"{fmt}-there-and-back", difference(want, got))
            verdict(folders(h.imap(fmt)) == uses, f"{fmt}-special-uses", folders(h.imap(fmt)))
            r = run(h, "import", fmt, first)
            verdict(r.returncode == 0 and r.stdout.startswith("0 messages imported"),
                    f"{fmt}-second-run-brings-nothing", r)
            verdict(account(h, fmt) == want, f"{fmt}-second-run-changes-nothing")
            r = run(h, "export", fmt, second, "--format", fmt)
            # Order and UIDs may differ; what the files hold may not.
            a, b = (sorted(open(os.path.join(d, f), "rb").read() for d, _, fs in os.walk(x) for f in fs
                           if f.endswith(".eml") or "hearthmail" in f) for x in (first, second))
            verdict(a == b and (a or fmt == "mbox"), f"{fmt}-exported-again", (len(a), len(b)))
            r = run(h, "export", "anna", first, "--format", fmt)
            verdict(r.returncode == 1 and "is there already" in r.stderr, f"{fmt}-export-spares-what-is-there", r)
        # Names that people gave are names of folders, and who sees them is kept.
        m = h.imap("anna")
        for name in NAMES:
            m.subscribe(f'"{name}"')
        m.unsubscribe('"Sub"')
        m.logout()
        one, two = f"{h.dir}/names", f"{h.dir}/names-eml"
        r = [run(h, "export", "anna", one), run(h, "export", "anna", two, "--format", "eml")]
        listed = open(f"{one}/subscriptions").read().split("\n")
        verdict(r[0].returncode == 0 and {".a\\2eb", ".\\2e\\2e", ".x\\2embox", ".x"} <= set(os.listdir(one)) and
                not glob.glob(f"{one}/.folder-*") and "a\\2eb" in listed and "INBOX.below" in listed and "Sub" not in listed,
                "maildir-has-readable-names", (r, os.listdir(one), listed))
        os.unlink(f"{one}/folders.tsv")
        for source, user in ((one, "sub1"), (two, "sub2")):
            r = run(h, "import", user, source)
            m = h.imap(user)
            got = [x for x in m.lsub()[1] if x]
            m.logout()
            # Without folders.tsv nothing says that an export wrote what has no header.
            there, here = ({k: v for k, v in account(h, u).items() if k != "INBOX" or source == two} for u in ("anna", user))
            verdict(r.returncode == (source == one) and there == here and any(b"a.b" in x for x in got) and
                    not any(re.search(rb' "?Sub"?$', x) for x in got),
                    f"names-and-subscriptions-{user}", (r, got, difference(there, here)))
        os.makedirs(f"{h.dir}/nothing/here")
        for fmt, why in (("maildir", "not a Maildir"), ("mbox", "not an mbox"), ("eml", "not a message")):
            r = run(h, "import", "sub1", f"{h.dir}/nothing", "--format", fmt)
            verdict(r.returncode == 1 and why in r.stderr, f"nothing-of-{fmt}-is-said", r)
        mode = {oct(os.stat(os.path.join(d, f)).st_mode & 0o777) for d, _, fs in os.walk(f"{h.dir}/1-eml") for f in fs}
        verdict(mode == {"0o600"}, "exported-files-are-private", mode)
        # Other programs read them, too.
        md = mailbox.Maildir(f"{h.dir}/1-maildir", create=False)
        verdict(len(md) == sum(want["INBOX"].values()) and "Sub" in md.list_folders(), "python-reads-the-maildir",
                (len(md), md.list_folders()))
        mb = mailbox.mbox(f"{h.dir}/1-mbox/Sub.mbox", create=False)
        verdict(len(mb) == sum(want["Sub"].values()) and
                sorted(m.get_flags() for m in mb) == sorted(m.get_flags() for m in mb), "python-reads-the-mbox", len(mb))
        r = run(h, "export", "anna", f"{h.dir}/one", "--folder", "Sub")
        verdict(r.returncode == 0 and sorted(os.listdir(f"{h.dir}/one")) == [".Sub", "folders.tsv", "subscriptions"],
                "export-of-one-folder", r)


# ---- files of others ----

def write(path, data, mtime=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    if mtime:
        os.utime(path, (mtime, mtime))


MSG = b"Subject: %d\nFrom: a@example.test\nDate: Wed, 01 Feb 2023 10:00:00 +0100\n\nbody %d\n"


def crlf(b):
    return b.replace(b"\n", b"\r\n")


def foreign_maildir(h, d):
    write(f"{d}/cur/1000.M1P1.host,S=1:2,RS", MSG % (1, 1), 1500000000)
    write(f"{d}/cur/1001.M1P1.host:2,Sabz", MSG % (2, 2), 1500000001)
    write(f"{d}/new/1002.M1P1.host", MSG % (3, 3), 1500000002)
    write(f"{d}/cur/.hidden", b"no message")
    write(f"{d}/tmp/1003", b"unfinished")
    write(f"{d}/dovecot-uidlist", b"3 V1 N4\n")
    write(f"{d}/dovecot-keywords", b"0 $Label1\n1 Work\n")
    write(f"{d}/.Entw&APw-rfe.2023/cur/1.a:2,DFPT", MSG % (4, 4), 1500000003)
    write(f"{d}/.Sent/cur/1.b:2,S", crlf(MSG % (5, 5)), 1500000004)
    r = run(h, "import", "anna", d)
    got = without_empty(account(h, "anna"))
    want = {"INBOX": {(crlf(MSG % (1, 1)), frozenset({"\\Answered", "\\Seen"}), (1500000000, 0)): 1,
                      (crlf(MSG % (2, 2)), frozenset({"\\Seen", "$Label1", "Work"}), (1500000001, 0)): 1,
                      (crlf(MSG % (3, 3)), frozenset(), (1500000002, 0)): 1},
            "Entw&APw-rfe/2023": {(crlf(MSG % (4, 4)), frozenset({"\\Draft", "\\Flagged", "$Forwarded", "\\Deleted"}),
                                   (1500000003, 0)): 1},
            "Sent": {(crlf(MSG % (5, 5)), frozenset({"\\Seen"}), (1500000004, 0)): 1}}
    verdict(r.returncode == 0 and got == {k: collections.Counter(v) for k, v in want.items()},
            "foreign-maildir", (r, difference(want, got)))
    verdict("1 flag in names" in r.stderr, "unknown-flags-are-named", r.stderr)
    # Moved from new to cur and flagged, and one more: only that comes.
    os.rename(f"{d}/new/1002.M1P1.host", f"{d}/cur/1002.M1P1.host:2,S")
    write(f"{d}/new/1004.M1P1.host", MSG % (6, 6), 1500000005)
    r = run(h, "import", "anna", d)
    verdict(r.stdout.startswith("1 message imported") and h.count("anna") == 4, "maildir-second-run-brings-what-is-new", r)
    m = h.imap("anna")
    m.select("INBOX")
    m.store("1", "+FLAGS", "\\Deleted")
    m.expunge()
    m.logout()
    r = run(h, "import", "anna", d)
    verdict(h.count("anna") == 3, "what-was-deleted-stays-deleted", r)
    r = run(h, "import", "anna", d, "--again")
    verdict(r.returncode == 0 and h.count("anna") == 7, "again-brings-all", r)


def foreign_mbox(h, d):
    post = b"From anna@example.test Tue Nov 24 11:36:46 2026\n"
    text = (post + b"Subject: 1\nStatus: RO\nX-Status: AF\nX-Keywords: Work $Label1    \nX-UID: 7\n\n>From here\n>>From there\n\n" +
            post.replace(b"2026", b"+0100 2026") + b"Subject: 2\nContent-Length: 5\n\nFrom me to you\nbody\n\n" +
            b"From - Tue Nov 24 11:36:47 2026\nSubject: 3\n\n\nFrom now on it is text\n\n")
    write(f"{d}/Inbox", text)
    write(f"{d}/Inbox.msf", b"index")
    write(f"{d}/Inbox.sbd/Below", crlf(post + b"Subject: 4\n\nx\n"))
    write(f"{d}/empty", b"")
    write(f"{d}/Sent.mbox", post + b"Subject: 5\n\nno empty line at the end of the file\n")
    r = run(h, "import", "ben", d, "--format", "mbox")
    got = without_empty(account(h, "ben", dates=False))
    when = {b"Subject: 1": 0}
    want = {"INBOX": [(b"Subject: 1\r\n\r\nFrom here\r\n>From there\r\n", {"\\Seen", "\\Answered", "\\Flagged", "Work", "$Label1"}),
                      (b"Subject: 2\r\n\r\nFrom me to you\r\nbody\r\n", set()),
                      (b"Subject: 3\r\n\r\n\r\nFrom now on it is text\r\n", set())],
            "INBOX/Below": [(b"Subject: 4\r\n\r\nx\r\n", set())],
            "Sent": [(b"Subject: 5\r\n\r\nno empty line at the end of the file\r\n", set())]}
    want = {k: collections.Counter({(b, frozenset(f), None): 1 for b, f in v}) for k, v in want.items()}
    verdict(r.returncode == 0 and got == want, "foreign-mbox", (r, difference(want, got)))
    dates = {b[:10]: t for b, _, t in account(h, "ben")["INBOX"]}
    at = calendar.timegm((2026, 11, 24, 11, 36, 46))
    verdict(dates[b"Subject: 1"] == (at, 0) and dates[b"Subject: 3"] == (at + 1, 0), "mbox-dates", dates)
    # One more at its end.
    with open(f"{d}/Inbox", "ab") as f:
        f.write(post + b"Subject: 6\n\nnew\n\n")
    r = run(h, "import", "ben", d, "--format", "mbox")
    verdict(r.stdout.startswith("1 message imported") and h.count("ben") == 4, "mbox-second-run-brings-what-is-new", r)
    r = run(h, "import", "ben", f"{d}/Inbox", "--into", "Old/one")
    verdict(r.returncode == 0 and h.count("ben", "Old/one") == 4, "one-mbox-into-a-folder", r)


def takeout_and_thunderbird(h, d):
    """One file with labels; a store of today's Thunderbird; what stands beside it makes no folders."""
    post = b"From 17@xxx Tue Nov 24 11:36:46 +0000 2026\n"
    rows = (b"Inbox,Unread", b"Sent,Opened", b"Trash", b"Spam,Opened,Starred",
            b"=?UTF-8?Q?Familie/M=C3=BCller,Archived,Opened?=")
    one = b"".join(post + b"X-GM-THRID: 1\nX-Gmail-Labels: %s\nSubject: %d\n\nx\n\n" % (label, i)
                   for i, label in enumerate(rows))
    write(f"{d}/Takeout/Mail/All mail.mbox", one)
    write(f"{d}/Takeout/Mail/Familie.mbox", post + one.split(post)[5])
    write(f"{d}/Takeout/archive_browser.html", b"<html>")
    r = run(h, "import", "ben", d, "--into", "G", "--format", "mbox")
    got = {k: [(b[9:10], set(f)) for b, f, _ in v] for k, v in without_empty(account(h, "ben")).items() if k.startswith("G")}
    want = {"G": [(b"0", set())], "G/Sent": [(b"1", {"\\Seen"})], "G/Trash": [(b"2", {"\\Seen"})],
            "G/Spam": [(b"3", {"\\Seen", "\\Flagged"})], "G/Familie/M&APw-ller": [(b"4", {"\\Seen"})]}
    verdict(r.returncode == 0 and got == want, "takeout-labels", (r, got))
    r = run(h, "import", "ben", d, "--into", "H", "--format", "mbox", "--folder", "Familie/Müller")
    verdict(r.returncode == 0 and h.count("ben", "H/Familie/M&APw-ller") == 1 and r.stdout.startswith("1 message "),
            "takeout-one-label", r)
    t = f"{d}-profile"
    mail = b"X-Mozilla-Status: %s\r\nX-Mozilla-Status2: 00000000\r\nFrom: a@example.test\r\nSubject: %d\r\n\r\nx\r\n\r\n"
    store = b"".join(b"From \r\n" + mail % s for s in ((b"0001", 1), (b"0009", 2), (b"1000", 3)))
    write(f"{t}/prefs.js", b"user_pref")
    write(f"{t}/places.sqlite-x", b"SQLite")
    for name, data in (("Archiv", store), ("Archiv.sbd/2024", store), ("filterlog.html", b"<html>"), ("Archiv.msf", b"x"),
                       ("Apple.mbox/mbox", store), ("Apple.mbox/table_of_contents", b"x"), ("notes", b"text\n")):
        write(f"{t}/Mail/Local Folders/{name}", data)
    r = run(h, "import", "ben", t, "--into", "T", "--format", "mbox")
    m = h.imap("ben")
    made = {k for k in folders(m) if k.startswith("T/")}
    m.logout()
    got = {k: sorted((b.count(b"Mozilla"), sorted(f)) for b, f, _ in v)
           for k, v in without_empty(account(h, "ben")).items() if k.startswith("T/")}
    two = [(0, ["$Forwarded"]), (0, ["\\Seen"])]
    verdict(r.returncode == 1 and got == {"T/Archiv": two, "T/Archiv/2024": two, "T/Apple": two} and
            made == set(got) and "1 left out" in r.stdout and "notes: it is not an mbox" in r.stdout and
            "deleted messages that were still in the file did not come: 1" in r.stderr, "thunderbird-profile", (r, got, made))


def foreign_eml(h, d):
    write(f"{d}/a.eml", MSG % (1, 1), 1500000000)
    write(f"{d}/b.EML", b"Subject: no date\n\nx\n", 1500000000)
    write(f"{d}/trips/c.eml", crlf(MSG % (2, 2)))
    write(f"{d}/notes.pdf", b"%PDF")
    r = run(h, "import", "cara", d)
    got = without_empty(account(h, "cara"))
    at = calendar.timegm((2023, 2, 1, 9, 0, 0))
    want = {"INBOX": collections.Counter({(crlf(MSG % (1, 1)), frozenset(), (at, 0)): 1,
                                          (b"Subject: no date\r\n\r\nx\r\n", frozenset(), (1500000000, 0)): 1}),
            "trips": collections.Counter({(crlf(MSG % (2, 2)), frozenset(), (at, 0)): 1})}
    verdict(r.returncode == 0 and got == want, "foreign-eml", (r, difference(want, got)))


def single_message(h, d):
    """A file that is one message, whatever it is called; and what is nothing of ours."""
    write(f"{d}/one.eml", MSG % (1, 1), 1500000000)
    write(f"{d}/two", crlf(MSG % (2, 2)), 1500000000)
    write(f"{d}/3.emlx", b"%d\n" % len(MSG % (3, 3)) + MSG % (3, 3) + b"<plist></plist>")
    write(f"{d}/four.eml.gz", gzip.compress(MSG % (4, 4)))
    pack_zip(f"{d}/z.zip", [("a/five.eml", MSG % (5, 5), 1500000000), ("a/six.eml", MSG % (6, 6), 1500000000)])
    write(f"{d}/lenient.eml", b"X-Own: 1\n\nx\n")
    for words in (["one.eml"], ["two"], ["3.emlx"], ["four.eml.gz"], ["z.zip/a/five.eml"], ["lenient.eml"],
                  ["one.eml", "--format", "eml", "--into", "Kept"], ["two", "--map", "inbox=Mapped", "--again"]):
        r = run(h, "import", "cara", f"{d}/{words[0]}", *words[1:])
        verdict(r.returncode == 0 and r.stdout.startswith("1 message imported"), f"single-{'-'.join(words)}", r)
    got = without_empty(account(h, "cara"))
    verdict({k: sum(v.values()) for k, v in got.items()} == {"INBOX": 6, "Kept": 1, "Mapped": 1}, "single-messages", got)
    r = run(h, "import", "cara", f"{d}/one.eml")
    verdict(r.returncode == 0 and "1 there already" in r.stdout, "single-again", r)
    write(f"{d}/text", b"hello\nworld\n")
    write(f"{d}/box", b"From a@b Wed Feb  1 10:00:00 2023\n" + MSG % (7, 7))
    for name, fmt, why in (("text", None, "nor is it a message or an archive"), ("text", "eml", "no header"),
                           ("one.eml", "mbox", "it is not an mbox"), ("one.eml", "maildir", "a Maildir is a folder"),
                           ("box", "eml", "but an mbox")):
        r = run(h, "import", "cara", f"{d}/{name}", *(["--format", fmt] if fmt else []))
        verdict(r.returncode == 1 and why in r.stderr, f"single-{name}-as-{fmt}-is-refused", r)
    os.makedirs(f"{d}/nothing/here")
    write(f"{d}/nothing/readme.txt", b"x\n")
    r = run(h, "import", "cara", f"{d}/nothing")
    verdict(r.returncode == 1 and all(w in r.stderr for w in ("no mail", "Maildir", "mbox", ".eml", "MH", "--format")),
            "nothing-says-what-was-looked-for", r)
    os.makedirs(f"{d}/boxes")
    os.rename(f"{d}/box", f"{d}/boxes/Travel")
    r = run(h, "import", "cara", f"{d}/boxes")
    verdict(r.returncode == 0 and account(h, "cara").get("Travel"), "mbox-without-a-suffix", r)


def inbox_beside(h, d):
    """A folder `inbox`, however it is written, is the inbox; so are messages at the top."""
    write(f"{d}/a/.mh_sequences", b"")
    write(f"{d}/a/1", MSG % (1, 1))
    write(f"{d}/a/inbox/.mh_sequences", b"unseen: 3\n")
    write(f"{d}/a/inbox/2", MSG % (2, 2))
    write(f"{d}/a/inbox/3", MSG % (3, 3))
    write(f"{d}/a/inbox/sub/.mh_sequences", b"")
    write(f"{d}/a/inbox/sub/4", MSG % (4, 4))
    for n, want in ((0, "4 messages imported"), (1, "4 there already")):
        r = run(h, "import", "cara", f"{d}/a")
        got = {k: sorted(sorted(f) for _, f, _ in v) for k, v in without_empty(account(h, "cara")).items()}
        verdict(r.returncode == 0 and want in r.stdout and "INBOX and inbox go into the same folder: INBOX" in r.stderr and
                got == {"INBOX": [[], [], ["\\Seen"]], "INBOX/sub": [[]]}, f"inbox-beside-messages-{n}", (r, got))
    for named in ("INBOX", "inbox"):
        r = run(h, "import", "cara", f"{d}/a/", "--folder", named, "--again", "--map", f"{named}=Named{named}")
        verdict(r.returncode == 0 and r.stdout.startswith("3 messages"), f"inbox-named-{named}", r)


def foreign_mh(h, d):
    """Files that are called by numbers, with their sequences; other files beside them."""
    for name, text in (("inbox/.mh_sequences", b"unseen: 2-3\nreplied: 1 9\nflagged: 3\ncur: 1\n"), ("inbox/1", MSG % (1, 1)),
                       ("inbox/2", MSG % (2, 2)), ("inbox/3", MSG % (3, 3)), ("inbox/,4", MSG % (4, 4)), ("lists/.xmhcache", b""),
                       ("lists/12", MSG % (12, 12)), ("notes/5", b"a note\n")):
        write(f"{d}/{name}", text)
    r = run(h, "import", "cara", d, "--into", "MH")
    got = {k: sorted(sorted(f) for _, f, _ in v) for k, v in without_empty(account(h, "cara")).items() if k.startswith("MH")}
    verdict(r.returncode == 0 and got == {"MH/inbox": [[], ["\\Answered", "\\Seen"], ["\\Flagged"]], "MH/lists": [[]]},
            "foreign-mh", (r, got))


def not_as_it_is(h, d):
    """Compressed files are read or named; what does not look like a message is left out, and why."""
    mail = MSG % (1, 1)
    write(f"{d}/cur/1600000001.M1.host,S={len(mail)}:2,S", gzip.compress(mail))
    write(f"{d}/cur/1600000002.M1.host:2,RS", zlib.compress(MSG % (2, 2)))
    write(f"{d}/cur/1600000003.M1.host;2,F", gzip.compress(MSG % (3, 3))[:4] + gzip.compress(MSG % (3, 3))[4:])
    for i, (name, data) in enumerate((("bz2", bz2.compress(mail)), ("xz", lzma.compress(mail)),
                                      ("zstd", b"\x28\xb5\x2f\xfd" + b"x" * 99), ("crypt", b"CRYPTED\x03\x07\x02\0"),
                                      ("cut", gzip.compress(mail * 99)[:-30]), ("empty", b""), ("noise", b"\x99\x01\x02" * 99),
                                      ("utf16", mail.decode().encode("utf-16")))):
        write(f"{d}/cur/160000001{i}.{name}.host:2,S", data)
    write(f"{d}/cur/1600000020.bomb.host:2,", gzip.compress(b"Subject: bomb\n\n" + bytes(80 << 20)))
    write(f"{d}/cur/1600000021.mozilla.host:2,", b"X-Mozilla-Status: 0001\nX-Mozilla-Keys: work\n" + MSG % (4, 4))
    r = run(h, "import", "eva", d)
    got = {(b, f, t[0]) for b, f, t in account(h, "eva")["INBOX"]}
    want = {(crlf(MSG % (i, i)), frozenset(f), 1600000000 + n) for i, f, n in (
        (1, {"\\Seen"}, 1), (2, {"\\Seen", "\\Answered"}, 2), (3, {"\\Flagged"}, 3), (4, {"\\Seen", "work"}, 21))}
    verdict(r.returncode == 1 and got == want and "9 left out" in r.stdout, "compressed-or-named", (r, got ^ want))
    for name, why in (("bz2", "bzip2"), ("xz", "xz"), ("zstd", "zstd"), ("crypt", "encrypted"), ("cut", "damaged"),
                      ("empty", "is empty"), ("noise", "no header"), ("utf16", "UTF-16"), ("bomb", "larger than 64 MiB")):
        verdict(any(f".{name}." in l and why in l for l in r.stdout.splitlines()), f"named-{name}", r.stdout)
    e = f"{d}-eml"
    write(f"{e}/a.eml", mail.replace(b"\n", b"\r"))
    write(f"{e}/b.eml", b"\xef\xbb\xbf" + MSG % (2, 2))
    write(f"{e}/c.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))
    write(f"{e}/d.txt", b"shopping list\nmilk\n")
    r = run(h, "import", "eva", e, "--into", "E")
    got = {b for b, _, _ in account(h, "eva")["E"]}
    verdict(r.returncode == 1 and got == {crlf(mail), crlf(MSG % (2, 2))} and "2 left out" in r.stdout and
            "Outlook" in r.stdout, "eml-of-others", (r, got))
    a = f"{d}-apple"
    plist = b'<?xml version="1.0"?><plist><dict><key>flags</key><integer>%d</integer></dict></plist>'
    for i in range(3):
        m = MSG % (i, i)
        write(f"{a}/INBOX.mbox/3F2A/Data/{i}/Messages/{i}.emlx", b"%-10d\n" % len(m) + m + plist % (i + 0x200))
    m = MSG % (7, 7)
    write(f"{a}/Work.mbox/Sub.mbox/3F2A/Data/Messages/7.emlx", b"%d\n" % len(m) + m + plist % 17)
    write(f"{a}/Work.mbox/Info.plist", b"<plist>")
    r = run(h, "import", "eva", a, "--into", "A")
    got = {k: sorted((b, sorted(f)) for b, f, _ in v) for k, v in without_empty(account(h, "eva")).items() if k[:1] == "A"}
    want = {"A": [(crlf(MSG % (0, 0)), []), (crlf(MSG % (1, 1)), ["\\Seen"]), (crlf(MSG % (2, 2)), ["\\Deleted"])],
            "A/Work/Sub": [(crlf(m), ["\\Flagged", "\\Seen"])]}
    verdict(r.returncode == 0 and got == want, "apple-mail", (r, got))


def what_cannot_be_read(h, d):
    write(f"{d}/cur/1.good:2,", MSG % (1, 1))
    os.makedirs(f"{d}/cur/2.folder")
    os.symlink("/etc/passwd", f"{d}/cur/3.outside")
    os.symlink("1.good:2,", f"{d}/cur/4.inside")
    os.mkfifo(f"{d}/cur/5.pipe")
    write(f"{d}/cur/6.nul", b"Subject: nul\n\na\0b\n")
    with open(f"{d}/cur/7.huge", "wb") as f:
        f.truncate((64 << 20) + 1)
    write(f"{d}/cur/8.\x1b[31mred", b"Subject: red\n\nx\n")
    r = run(h, "import", "dora", d)
    out = r.stdout
    verdict(r.returncode == 1, "unreadable-exit-code", r)
    for name, why in (("3.outside", "link"), ("5.pipe", "not a file"), ("7.huge", "larger than 64 MiB")):
        verdict(any(name in l and why in l and l.startswith("left out") for l in out.splitlines()), f"unreadable-{name}", out)
    verdict(out.startswith("4 messages imported") and "3 left out" in out.splitlines()[0], "unreadable-summary", out)
    run(h, "export", "dora", f"{d}-out", "--format", "eml")
    got = [open(f"{d}-out/INBOX/{f}", "rb").read() for f in os.listdir(f"{d}-out/INBOX")]
    verdict(b"Subject: nul\n\na\0b\n" in got, "nul-comes-and-goes", got)
    verdict("\x1b" not in r.stdout + r.stderr, "nothing-harmful-reaches-the-terminal", r)
    write(f"{d}-x/no.mbox", b"this is no mbox\n")
    r = run(h, "import", "dora", f"{d}-x/no.mbox")
    verdict(r.returncode == 1 and "no.mbox: it is not an mbox" in r.stderr, "no-mbox-is-named", r)
    m = h.imap("dora")
    verdict("no" not in folders(m), "no-mbox-no-folder", folders(m))
    m.logout()
    r = subprocess.run([BINARY, "-c", h.config, "import", "dora", d, "--again"], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=300)
    verdict(r.stdout.count("left out: ") == 3, "left-out-is-said-once", r.stdout)
    r = run(h, "import", "dora", f"{d}-x/not-there")
    verdict(r.returncode == 1 and "No such file" in r.stderr, "no-source-is-named", r)
    r = run(h, "import", "nobody", d)
    verdict(r.returncode == 1 and '"nobody"' in r.stderr, "no-account-is-named", r)
    for words in (["dora"], [], ["dora", d, "--frobnicate"], ["dora", d, "--format", "pst"], ["dora", d, "--into"],
                  ["dora", "imaps://a:secret@host"], ["dora", "imaps://host"], ["dora", d, "--fingerprint", "abc"]):
        r = run(h, "import", *words)
        if r.returncode != 2:
            verdict(False, "wrong-usage", (words, r))
    verdict(True, "wrong-usage")
    out = f"{h.dir}/misfit"
    server = "imaps://a@127.0.0.1:1"
    for words, said in ((["import", "dora", d, "--fingerprint", "0" * 64], "--fingerprint is for servers only"),
                        (["import", "dora", server, "--format", "eml"], "--format is for files only"),
                        (["export", "dora", out, "--into", "X"], "--into is for an export to a server only"),
                        (["export", "dora", out, "--again"], "--again is for an export to a server only"),
                        (["export", "dora", server, "--as-of", "1h"], "--as-of is for files only"),
                        (["export", "dora", out, "--format", "zip"], '--format "zip": expected maildir, mbox or eml'),
                        (["export", "dora", out, "--as-of", "yesterday"], "3d or 12h (ago), 2026-11-24"),
                        (["import", "dora", d, "--as-of", "1h"], "unknown option --as-of")):
        r = run(h, *words)
        verdict(r.returncode == 2 and said in r.stderr and not os.path.exists(out),
                "misfit " + " ".join(w for w in words if w[0] == "-") + f" {words[0]}", r)


def which_folders(h, d):
    """--folder: INBOX in any case, and a name that is not there is said before anything is made."""
    for words, made in ((["export", "dora", f"{d}-none"], f"{d}-none"), (["import", "cara", d], None)):
        r = run(h, *words, "--folder", "INBOX", "--folder", "Nope")
        verdict(r.returncode == 1 and 'there is no folder "Nope"' in r.stderr and "INBOX" in r.stderr
                and r.stdout.startswith("0 messages"), f"{words[0]}-unknown-folder", r)
        verdict(not made or not os.path.exists(made) and not os.path.exists(made + ".part"),
                "unknown-folder-nothing-is-made")
    r = run(h, "export", "dora", f"{d}-near", "--folder", "Snet")
    verdict(r.returncode == 1 and 'did you mean "Sent"?' in r.stderr, "export-near-folder", r)
    r = run(h, "export", "dora", f"{d}-inbox", "--folder", "inbox")
    verdict(r.returncode == 0 and not r.stdout.startswith("0 "), "export-inbox-in-any-case", r)
    before = h.count("cara")
    r = run(h, "import", "cara", f"{d}-inbox", "--folder", "iNbOx")
    verdict(r.returncode == 0 and h.count("cara") > before, "import-inbox-in-any-case", r)


def on_the_day(h, d):
    """Between two runs mail is read, flagged and moved at the source: here, too, and nothing comes twice."""
    for i in range(1, 7):
        write(f"{d}/cur/160000000{i}.M1.host:2,", MSG % (i, i))
    write(f"{d}/.Archiv/cur/1600000009.M1.host:2,S", MSG % (9, 9))
    write(f"{d}/.Copies/cur/1600000001.M9.host:2,", MSG % (1, 1))
    r = run(h, "import", "flo", d)
    verdict(r.returncode == 0 and r.stdout.startswith("8 messages imported"), "first-run", r)
    m = h.imap("flo")
    m.select("INBOX")
    m.store("2", "+FLAGS", "\\Answered")  # by the user, here: stays
    os.rename(f"{d}/cur/1600000001.M1.host:2,", f"{d}/cur/1600000001.M1.host:2,RS")
    os.rename(f"{d}/cur/1600000002.M1.host:2,", f"{d}/cur/1600000002.M1.host:2,F")
    os.rename(f"{d}/.Archiv/cur/1600000009.M1.host:2,S", f"{d}/.Archiv/cur/1600000009.M1.host:2,")
    os.rename(f"{d}/cur/1600000003.M1.host:2,", f"{d}/.Archiv/cur/1600000003.M1.host:2,S")
    os.rename(f"{d}/cur/1600000004.M1.host:2,", f"{d}/.Archiv/cur/1600000777.M7.other:2,")
    write(f"{d}/.Copies/cur/1600000005.M9.host:2,", MSG % (5, 5))  # a copy is one
    r = run(h, "import", "flo", d)
    got = {k: sorted((int(b[9:10]), sorted(f)) for b, f, _ in v.elements())
           for k, v in without_empty(account(h, "flo")).items()}
    want = {"INBOX": [(1, ["\\Answered", "\\Seen"]), (2, ["\\Answered", "\\Flagged"]), (5, []), (6, [])],
            "Archive": [(3, ["\\Seen"]), (4, []), (9, [])], "Copies": [(1, []), (5, [])]}
    verdict(r.returncode == 0 and got == want and r.stdout.startswith("1 message imported"), "second-run", (r, got))
    r = run(h, "import", "flo", d)
    verdict(r.returncode == 0 and r.stdout.startswith("0 messages imported") and "up to date" not in r.stderr and
            h.count("flo") == 4, "third-run-does-nothing", r)
    m.logout()


def where_to(h, d):
    """--map, and the usual names of folders."""
    for i, name in enumerate(("Sent Items", "Gesendet", "Junk E-mail", "Old.Work", "Old", "Older")):
        write(f"{d}/.{name}/cur/160000000{i}.M1.host:2,", MSG % (i, i))
    r = run(h, "import", "gil", d, "--map", "Old=Archive/Kept", "--map", "Older=Archive")
    got = {k: sorted(int(b[9:10]) for b, _, _ in v) for k, v in without_empty(account(h, "gil")).items()}
    verdict(r.returncode == 0 and got == {"Sent": [0, 1], "Junk": [2], "Archive/Kept/Work": [3], "Archive/Kept": [4],
                                          "Archive": [5]}, "usual-names-and-map", (r, got))
    for wrong in ("x", "=x", "x=", "x=/y"):
        r = run(h, "import", "gil", d, "--map", wrong)
        verdict(r.returncode == 2 and "NAME=FOLDER" in r.stderr, f"wrong-map {wrong}", r)


def pack_tar(path, files, fmt=tarfile.GNU_FORMAT, how="w", extra=()):
    with tarfile.open(path, how, format=fmt) as t:
        for name, data, when in files:
            i = tarfile.TarInfo(name)
            i.size, i.mtime = len(data), when
            t.addfile(i, io.BytesIO(data))
        for name, kind, target in extra:
            i = tarfile.TarInfo(name)
            i.type, i.linkname = kind, target
            t.addfile(i)


def pack_zip(path, files, how=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", how) as z:
        for name, data, _ in files:
            z.writestr(name, data)


def subjects(h, user, below):
    """{folder: sorted subjects} of what is in or below that folder."""
    found = {}
    for name, all_of_it in without_empty(account(h, user)).items():
        if name == below or name.startswith(below + "/"):
            found[name[len(below):]] = sorted(re.search(rb"Subject: ([^\r\n]*)", b)[1].decode()
                                              for (b, _, _), n in all_of_it.items() for _ in range(n))
    return found


def archives(h, d):
    """tar and zip, as programs write them, of all that import takes; harmful ones; the day of the switch."""
    os.makedirs(d)
    at, far = 1600000001, "f" * 120
    def mail(s, more=b""):
        return b"From: a@example.test\nSubject: %s\n\nx%s\n" % (s.encode(), more)
    md = [(f"backup/homedir/mail/{name}", mail(s), at) for name, s in (
        ("cur/1600000001.M1.h:2,S", "in"), (".Sent/cur/1600000002.M2.h:2,S", "sent"),
        (f"example.org/anna/.{far}/new/1600000003.M3.h", "far"), ("example.org/anna/cur/1600000004.M4.h:2,FS", "anna"),
        (".Gr&APw-n/cur/1600000005.M5.h:2,", "gr"))]
    other = [("backup/public_html/cur.html", b"<html>", at), ("backup/homedir/mail/.Sent/subscriptions", b"x\n", at)]
    whole = {"": ["in"], "/Sent": ["sent"], "/Gr&APw-n": ["gr"], "/example.org/anna": ["anna"],
             f"/example.org/anna/{far}": ["far"]}
    links = [("backup/homedir/mail/.Sent/cur/1600000006.M6.h:2,S", tarfile.LNKTYPE, md[0][0]),
             ("backup/homedir/mail/.anna", tarfile.SYMTYPE, "/etc/passwd")]
    linked = dict(whole, **{"/Sent": ["in", "sent"]})
    for name, fmt, how in (("gnu.tar", tarfile.GNU_FORMAT, "w"), ("pax.tar.gz", tarfile.PAX_FORMAT, "w:gz")):
        pack_tar(f"{d}/{name}", md + other, fmt, how, links)
        r = run(h, "import", "hans", f"{d}/{name}", "--into", name[:3])
        got = subjects(h, "hans", name[:3])
        verdict(r.returncode == 0 and got == linked, f"archive-{name}", (r, got))
    pack_zip(f"{d}/c.zip", md + other)
    r = run(h, "import", "hans", f"{d}/c.zip", "--into", "zip")
    got = subjects(h, "hans", "zip")
    verdict(r.returncode == 0 and got == whole, "archive-zip-of-maildirs", (r, got))
    r = run(h, "import", "hans", f"{d}/c.zip/backup/homedir/mail/example.org/anna", "--into", "one")
    got = subjects(h, "hans", "one")
    verdict(r.returncode == 0 and got == {"": ["anna"], f"/{far}": ["far"]}, "archive-inner-path", (r, got))
    r = run(h, "import", "hans", f"{d}/c.zip/nothing/there", "--into", "one")
    verdict(r.returncode == 1 and 'there is no "nothing/there" in it' in r.stderr, "archive-inner-path-that-is-not-there", r)
    # Takeout's, twice: the second one is newer, and has another date in its name.
    post = b"From 17@xxx Tue Nov 24 11:36:46 +0000 2026\n"
    rows = [post + b"X-Gmail-Labels: Inbox%s\n" % label + mail(f"t{i}") + b"\n" for i, label in enumerate((b",Unread", b"", b""))]
    junk = ("Takeout/archive_browser.html", b"<html>", at)
    for name, text in (("takeout-2026-1.zip", rows[:2]), ("takeout-2027-2.zip", [rows[0].replace(b",Unread", b"")] + rows[1:])):
        pack_zip(f"{d}/{name}", [("Takeout/Mail/All mail.mbox", b"".join(text), at), junk])
        r = run(h, "import", "hans", f"{d}/{name}", "--into", "G")
    got = subjects(h, "hans", "G")
    flags = [set(f) for b, f, _ in account(h, "hans")["G"] if b"Subject: t0" in b]
    verdict(r.returncode == 0 and got == {"": ["t0", "t1", "t2"]} and flags == [{"\\Seen"}] and
            r.stdout.startswith("1 message imported"), "archive-on-the-day-of-the-switch", (r, got, flags))
    # Apple's, and messages one by one; names in the code page of DOS, and of Windows; what macOS adds.
    emlx = mail("apple")
    pack_zip(f"{d}/mac.zip", [("V9/Priv.mbox/1F3/Data/Messages/9.emlx", b"%d\n" % len(emlx) + emlx + b"<plist></plist>", at),
                              ("__MACOSX/V9/._Priv.mbox", b"\0\5", at), ("V9/._x.eml", b"\0\5", at)])
    with zipfile.ZipFile(f"{d}/dos.zip", "w") as z:
        for name, text in (("MQll^a.eml", mail("a")), ("MQll^Sub^b.eml", mail("b")), ("top.eml", mail("c"))):
            i = zipfile.ZipInfo(name)
            i.create_system = 0
            z.writestr(i, text)
    text = open(f"{d}/dos.zip", "rb").read().replace(b"MQll", "M\u00fcll".encode("cp437")).replace(b"^", b"\\")
    write(f"{d}/dos.zip", text)
    for name, want in (("mac.zip", {"/Priv": ["apple"]}),
                       ("dos.zip", {"": ["c"], "/M&APw-ll": ["a"], "/M&APw-ll/Sub": ["b"]})):
        r = run(h, "import", "hans", f"{d}/{name}", "--into", name[:3])
        got = subjects(h, "hans", name[:3])
        verdict(r.returncode == 0 and got == want, f"archive-{name}", (r, got))
    # A stream, whose sizes stand behind the data; zip64; and what is cut off.
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.b = b""
        def writable(self):
            return True
        def write(self, b):
            self.b += bytes(b)
            return len(b)
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as z:
        for i in range(3):
            with z.open(f"m/{i}.eml", "w", force_zip64=i == 1) as f:
                f.write(mail(f"s{i}", b"\n" * 9000))
    write(f"{d}/stream.zip", pipe.b)
    write(f"{d}/cut.zip", pipe.b[:pipe.b.rindex(b"m/2.eml", 0, pipe.b.index(b"PK\1\2")) + 20])
    pack_tar(f"{d}/whole.tar", [(f"m/{i}.eml", mail(f"c{i}", b"y" * 2000), at) for i in range(3)])
    text = open(f"{d}/whole.tar", "rb").read()
    write(f"{d}/cut.tar", text[:3 * 512 + 2048 * 2])
    write(f"{d}/cut.tgz", gzip.compress(text + os.urandom(90000))[:-30000])
    write(f"{d}/junk.tar", text[:512 + 2560] + b"?" * 5000)
    for name, want, why in (("stream.zip", ["s0", "s1", "s2"], ""), ("cut.zip", ["s0", "s1"], "is cut off"),
                            ("cut.tar", ["c0", "c1"], "is cut off"), ("cut.tgz", ["c0", "c1", "c2"], "cut off"),
                            ("junk.tar", ["c0"], "damaged")):
        to = name.replace(".", "-")
        r = run(h, "import", "hans", f"{d}/{name}", "--into", to)
        got = subjects(h, "hans", to)
        verdict(got == {"": want} and r.returncode == (1 if why else 0) and why in r.stderr, f"archive-{name}", (r, got))
    # Nothing leaves it, and what cannot be read is named.
    evil = [("../up.eml", mail("up"), at), ("/abs.eml", mail("abs"), at), ("ok/a.eml", mail("ok"), at),
            ("ok/../../b.eml", mail("b"), at), ("ok/in.zip", b"PK", at)]
    pack_tar(f"{d}/evil.tar", evil, extra=[("ok/c.eml", tarfile.LNKTYPE, "../../etc/passwd"), ("ok/d.eml", tarfile.LNKTYPE, "gone"),
                                          ("ok/e.eml", tarfile.LNKTYPE, "ok/e.eml"), ("ok/f.eml", tarfile.SYMTYPE, "/etc/passwd")])
    r = run(h, "import", "hans", f"{d}/evil.tar", "--into", "evil")
    got = subjects(h, "hans", "evil")
    verdict(got == {"": ["ok"]} and r.returncode == 1 and "6 left out" in r.stdout and "leads out" in r.stderr and "absolute" in r.stderr and
            "symbolic links in it, which are not followed: 1" in r.stderr and "archives in it, which are not opened: 1" in r.stderr,
            "archive-that-means-harm", (r, got))
    pack_zip(f"{d}/enc.zip", [("a.eml", mail("plain"), at), ("b.eml", mail("hidden"), at)], zipfile.ZIP_STORED)
    text = bytearray(open(f"{d}/enc.zip", "rb").read())
    text[text.rindex(b"PK\1\2") + 8] |= 1
    write(f"{d}/enc.zip", text)
    pack_zip(f"{d}/crc.zip", [("a.eml", mail("plain"), at), ("b.eml", mail("hidden"), at)], zipfile.ZIP_STORED)
    write(f"{d}/crc.zip", open(f"{d}/crc.zip", "rb").read().replace(b"hidden", b"hidDen"))
    pack_zip(f"{d}/lzma.zip", [("a.eml", mail("plain"), at)], zipfile.ZIP_STORED)
    with zipfile.ZipFile(f"{d}/lzma.zip", "a", zipfile.ZIP_LZMA) as z:
        z.writestr("b.eml", mail("hidden"))
    for name, why in (("enc.zip", "b.eml: it is encrypted"), ("crc.zip", "b.eml: it is damaged"), ("lzma.zip", "by a method that is not read")):
        r = run(h, "import", "hans", f"{d}/{name}", "--into", name[:3])
        got = subjects(h, "hans", name[:3])
        verdict(got == {"": ["plain"]} and r.returncode == 1 and why in r.stderr, f"archive-{name}", (r, got))
    # Bombs: one inside another; what fills the disk; only archives; other formats.
    pack_zip(f"{d}/bomb.zip", [(f"{i}.eml", mail("z" * 400), at) for i in range(2)], zipfile.ZIP_STORED)
    text = bytearray(open(f"{d}/bomb.zip", "rb").read())
    second = text.rindex(b"PK\1\2")
    text[second + 20:second + 24] = (len(text) - 100).to_bytes(4, "little")
    write(f"{d}/bomb.zip", text)
    with gzip.open(f"{d}/bomb.tgz", "wb", 9) as f:
        i = tarfile.TarInfo("a.eml")
        i.size = 2 << 30
        f.write(i.tobuf())
        for _ in range(1100):
            f.write(bytes(1 << 20))
    pack_tar(f"{d}/nest.tar", [("a/mail.tar.gz", b"x", at)])
    write(f"{d}/x.tar.xz", lzma.compress(b"x"))
    pack_tar(f"{d}/names.tar", [("a.txt", b"x", at)])
    for name, why in (("bomb.zip", "made to harm"), ("bomb.tgz", "made to fill the disk"), ("nest.tar", "other archives (a/mail.tar.gz)"),
                      ("x.tar.xz", "compressed with xz"), ("names.tar", "there is no mail in it")):
        r = run(h, "import", "hans", f"{d}/{name}", "--into", "bombs")
        verdict(r.returncode == 1 and why in r.stderr and not subjects(h, "hans", "bombs"), f"archive-{name}", r)
    # An mbox that is compressed alone; one without a name that says so.
    box = b"From a@example.test Tue Nov 24 11:36:46 2026\n" + mail("box") + b"\n"
    write(f"{d}/old.mbox.gz", gzip.compress(box))
    pack_zip(f"{d}/box.zip", [("Profile/Inbox", box, at)])
    for name, want in (("old.mbox.gz", {"": ["box"]}), ("box.zip", {"": ["box"]})):
        r = run(h, "import", "hans", f"{d}/{name}", "--into", name[:3])
        got = subjects(h, "hans", name[:3])
        verdict(r.returncode == 0 and got == want, f"archive-{name}", (r, got))
    # What an export has written comes back whole, packed by the tools of this machine.
    run(h, "export", "hans", f"{d}/out", "--folder", "G", "--folder", "dos/M\u00fcll")
    subprocess.run(["tar", "-C", d, "-czf", f"{d}/out.tar.gz", "out"], check=True)
    r = run(h, "import", "hans", f"{d}/out.tar.gz", "--into", "back")
    got = subjects(h, "hans", "back")
    verdict(r.returncode == 0 and got == {"/G": ["t0", "t1", "t2"], "/dos/M&APw-ll": ["a"]}, "archive-of-an-export", (r, got))


def small_sources():
    for part in (single_message, inbox_beside):
        with House(users=("cara",)) as h:
            part(h, f"{h.dir}/from")


def archives_of_others():
    with House(users=("hans",)) as h:
        archives(h, f"{h.dir}/ar")


def files_of_others():
    with House(users=("anna", "ben", "cara", "dora", "eva", "flo", "gil")) as h:
        where_to(h, f"{h.dir}/where")
        on_the_day(h, f"{h.dir}/day")
        not_as_it_is(h, f"{h.dir}/odd")
        foreign_maildir(h, f"{h.dir}/md")
        foreign_mbox(h, f"{h.dir}/mb")
        takeout_and_thunderbird(h, f"{h.dir}/to")
        foreign_eml(h, f"{h.dir}/eml")
        foreign_mh(h, f"{h.dir}/mh")
        what_cannot_be_read(h, f"{h.dir}/bad")
        which_folders(h, f"{h.dir}/bad")
        h.stop()
        r = run(h, "import", "anna", f"{h.dir}/md", timeout=200)
        verdict(r.returncode == 1 and "no server is running" in r.stderr and "trying again" not in r.stderr,
                "without-a-server-says-so", r)
        out = f"{h.dir}/without"
        r = run(h, "export", "anna", out)
        verdict(r.returncode == 1 and "no server is running" in r.stderr and not glob.glob(out + "*"),
                "export-without-a-server-leaves-nothing", r)
        h.data += "-none"
        h.write_config()
        for words in (["export", "anna", out], ["import", "anna", f"{h.dir}/md"]):
            r = run(h, *words)
            verdict(r.returncode == 1 and f"no server data in {h.data}" in r.stderr and not glob.glob(out + "*")
                    and not os.path.exists(h.data), f"{words[0]}-without-data", r)
        h.data = h.data.removesuffix("-none")
        h.write_config()


# ---- breaks ----

def many(path, n, size=300):
    """An mbox of n messages; their bytes."""
    out = []
    with open(path, "wb") as f:
        for i in range(n):
            b = b"Subject: %d\n\n%s\n" % (i, b"x" * (i % size))
            f.write(b"From a@example.test Tue Nov 24 11:36:46 2026\n" + b + b"\n")
            out.append(crlf(b))
    return collections.Counter(out)


def bodies(h, user, name="INBOX"):
    c = collections.Counter()
    for (b, _, _), n in account(h, user)[name].items():
        c[b] += n
    return c


def start(h, *words, env=None):
    return subprocess.Popen([BINARY, "-c", h.config, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=dict(h.env, **(env or {})), start_new_session=True)


def children(pid):
    try:
        return [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]
    except OSError:
        return []


def broken_imports():
    n = 2000 if QUICK else 6000
    with House(users=("anna", "ben", "cara")) as h:
        want = many(f"{h.dir}/INBOX", n)
        kills = 0
        while kills < 200:
            p = start(h, "import", "anna", f"{h.dir}/INBOX")
            try:
                # The first ones come before it can have ended.
                p.wait(RANDOM.uniform(0.002, 0.006 * (kills + 1)))
                break
            except subprocess.TimeoutExpired:
                # Either the command, its worker, or both.
                which = RANDOM.choice([[p.pid], children(p.pid), [p.pid, *children(p.pid)]])
                for q in which:
                    os.kill(q, signal.SIGKILL)
                p.communicate()
                kills += 1
        got = bodies(h, "anna")
        verdict(p.returncode == 0 and kills > 2 and got == want, "import-killed-at-random",
                (p.returncode, kills, sum(got.values()), list((got - want).items())[:3], list((want - got).items())[:3]))
        print(f"  import killed {kills} times")

        # The account's process dies, and the import goes on by itself; it gives up after seven deaths
        # in a row without a message between them, as a slow machine has them.
        p = start(h, "import", "ben", f"{h.dir}/INBOX")
        kills = 0
        while p.poll() is None and kills < 6:
            time.sleep(RANDOM.uniform(0.02, 0.1))
            kills += len(h.kill("account ben"))
        out, err = p.communicate(timeout=300)
        got = bodies(h, "ben")
        verdict(p.returncode == 0 and kills > 0 and got == want, "account-killed-at-random",
                (p.returncode, kills, out, err[-500:], sum(got.values())))

        # The whole house dies.
        rounds = 0
        while rounds < 60:
            p = start(h, "import", "cara", f"{h.dir}/INBOX")
            try:
                p.wait(RANDOM.uniform(0.01, 0.04 + 0.01 * rounds))
                break
            except subprocess.TimeoutExpired:
                rounds += 1
                for q in [*h.processes(), h.proc.pid]:
                    os.kill(q, signal.SIGKILL)
                h.proc.wait()
                os.killpg(p.pid, signal.SIGKILL)
                p.communicate()
                h.start()
        got = bodies(h, "cara")
        verdict(p.returncode == 0 and rounds > 0 and got == want, "house-killed-at-random",
                (p.returncode, rounds, sum(got.values()), list((got - want).items())[:3]))


def walls_and_memory():
    n = 5000 if QUICK else 20000
    with House() as h:
        many(f"{h.dir}/INBOX", n)
        p = start(h, "import", "anna", f"{h.dir}/INBOX")
        peak, status = 0, ""
        while p.poll() is None:
            for q in [p.pid, *children(p.pid)]:
                try:
                    text = open(f"/proc/{q}/status").read()
                except OSError:
                    continue
                peak = max(peak, int((re.search(r"VmHWM:\s+(\d+)", text) or [0, 0])[1]))
                if q != p.pid and "Seccomp:\t2" in text:
                    status = text
            time.sleep(0.005)
        out, err = p.communicate()
        verdict(p.returncode == 0 and out.startswith(f"{n} messages imported"), "large-mbox", (out, err))
        verdict(0 < peak < 64 * 1024, "memory-is-bounded", f"{peak} KiB")
        print(f"  {n} messages: at most {peak} KiB in one process")
        if "sanitize" in os.path.realpath(BINARY) or "asan" in BINARY:
            skip("worker-has-walls", "no seccomp in a sanitizer build")
        else:
            verdict(re.search(r"NoNewPrivs:\s+1", status) and re.search(r"CapEff:\s+0+\n", status), "worker-has-walls", status)
        if os.geteuid() == 0:
            uid = re.search(r"Uid:\s+(\d+)\s+(\d+)", status)
            verdict(uid and uid[1] != "0" and uid[2] != "0" or
                    subprocess.run(["getent", "passwd", "hearthmail-imap"], capture_output=True).returncode != 0,
                    "worker-is-not-root", status)


# ---- a real Dovecot ----

class Dovecot:
    """imaps and imap with STARTTLS on free ports, users anna, ben."""

    def __init__(self, separator="/", prefix=""):
        self.dir = tempfile.mkdtemp(prefix="hearthmail-test.")
        d = self.dir
        os.chmod(d, 0o755)
        self.imap_port, self.imaps_port = free_ports(2)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", f"{d}/key.pem", "-out", f"{d}/cert.pem", "-days", "30", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        os.makedirs(f"{d}/mail")
        shutil.chown(f"{d}/mail", "nobody", "nogroup")
        os.makedirs(f"{d}/run")
        with open(f"{d}/dovecot.conf", "w") as f:
            f.write(f"""
base_dir = {d}/run
log_path = {d}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{d}/cert.pem
ssl_key = <{d}/key.pem
mail_location = maildir:{d}/mail/%u
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={d}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
  mailbox Gesendet {{
    special_use = \\Sent
    auto = create
  }}
  mailbox Papierkorb {{
    special_use = \\Trash
    auto = create
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = {self.imaps_port}
    ssl = yes
  }}
}}
mail_max_userip_connections = 100
""")
        self.proc = subprocess.Popen(["dovecot", "-F", "-c", f"{d}/dovecot.conf"], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE)

        def up():
            try:
                socket.create_connection(("127.0.0.1", self.imaps_port), 1).close()
                return True
            except OSError:
                return False
        assert wait_until(up, 10), open(f"{d}/log").read() if os.path.exists(f"{d}/log") else self.proc.stderr.read()

    def imap(self, user="anna"):
        import ssl
        m = imaplib.IMAP4_SSL("localhost", self.imaps_port, ssl_context=ssl.create_default_context(cafile=f"{self.dir}/cert.pem"))
        m.login(user, "secret")
        return m

    def fingerprint(self):
        out = subprocess.run(["openssl", "x509", "-in", f"{self.dir}/cert.pem", "-noout", "-fingerprint", "-sha256"],
                             capture_output=True, text=True).stdout
        return out.strip().split("=")[1]

    def stop(self):
        self.proc.terminate()
        self.proc.wait(10)
        shutil.rmtree(self.dir, ignore_errors=True)


class Cutter:
    """Passes bytes on to a port, and cuts after so many."""

    def __init__(self, port, limits):
        self.port, self.limits, self.cuts = port, list(limits), 0
        self.s = socket.create_server(("127.0.0.1", 0))
        self.own = self.s.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            limit = self.limits.pop(0) if self.limits else None
            far = socket.create_connection(("127.0.0.1", self.port))
            left = [limit]
            for a, b in ((c, far), (far, c)):
                threading.Thread(target=self.pump, args=(a, b, left), daemon=True).start()

    def pump(self, a, b, left):
        try:
            while True:
                d = a.recv(8192)
                if not d:
                    break
                if left[0] is not None:
                    d = d[:max(left[0], 0)]
                    left[0] -= len(d)
                b.sendall(d)
                if left[0] is not None and left[0] <= 0:
                    self.cuts += 1
                    break
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def renamed(d):
    """Dovecot's special folders as ours are called."""
    return {{"Gesendet": "Sent", "Papierkorb": "Trash"}.get(k, k): v for k, v in d.items()}


def certificates(h, dc, secret):
    url = f"imaps://anna@localhost:{dc.imaps_port}"
    r = run(h, "import", "anna", url, "--password-file", secret)
    seen = dc.fingerprint().replace(":", "").lower()
    verdict(r.returncode == 1 and "self" in r.stderr and f"--fingerprint {seen}" in r.stderr and
            h.count("anna") == 0, "unknown-certificate-is-refused", r)
    r = run(h, "import", "anna", url.replace("localhost", "127.0.0.1"), "--password-file", secret,
            env={"SSL_CERT_FILE": f"{dc.dir}/cert.pem"})
    verdict(r.returncode == 1 and "127.0.0.1" in r.stderr and "certificate" in r.stderr, "certificate-of-another-host-is-refused", r)
    r = run(h, "import", "anna", url, "--password-file", secret, "--fingerprint", "00" * 32)
    verdict(r.returncode == 1 and "different fingerprint" in r.stderr, "another-fingerprint-is-refused", r)
    with open(f"{dc.dir}/log") as f:
        verdict("Login: user" not in f.read(), "no-password-before-the-certificate-is-known")
    r = run(h, "import", "ben", url, "--fingerprint", dc.fingerprint(), input="wrong\n")
    verdict(r.returncode == 1 and "the server says" in r.stderr and "Password of anna" in r.stderr, "wrong-password-is-said", r)


def fill_dovecot(dc):
    m = dc.imap()
    for name in ("Sub", "Sub/Entw&APw-rfe", '"two words"'):
        m.create(name)
    for i in range(300):
        b = b"Subject: %d\r\n\r\n%s\r\n" % (i, b"x" * (i * 37 % 3000))
        m.append(["INBOX", "Sub", "Gesendet", "Sub/Entw&APw-rfe", '"two words"'][i % 5], FLAGS[i % len(FLAGS)],
                 '"%02d-Mar-2021 12:00:%02d +0%d30"' % (i % 28 + 1, i % 60, i % 10), b)
    m.append("INBOX", "", None, b"Subject: big\r\n\r\n" + b"0123456789\r\n" * 500000)
    m.logout()


def with_dovecot():
    if os.geteuid() != 0:
        skip("dovecot", "needs root")
        return
    if lacking("dovecot", "dovecot"):
        return
    dc = Dovecot()
    try:
        with House(users=("anna", "ben", "cara")) as h:
            secret = f"{h.dir}/secret"
            write(secret, b"secret\n")
            trust = {"SSL_CERT_FILE": f"{dc.dir}/cert.pem"}
            certificates(h, dc, secret)
            fill_dovecot(dc)
            want = without_empty(renamed(dump(dc.imap(), zone=True)))
            r = run(h, "import", "anna", f"imaps://anna@localhost:{dc.imaps_port}", "--password-file", secret, env=trust)
            got = without_empty(account(h, "anna", zone=True))
            verdict(r.returncode == 0 and got == want, "from-dovecot", (r, difference(want, got)))
            verdict("Gesendet" not in folders(h.imap("anna")), "special-uses-meet", folders(h.imap("anna")))
            m = dc.imap()
            m.append("Sub", "\\Seen", None, b"Subject: new\r\n\r\nx\r\n")
            m.select("INBOX")
            m.store("1:5", "+FLAGS", "\\Deleted")
            m.expunge()
            m.logout()
            r = run(h, "import", "anna", f"imaps://anna@localhost:{dc.imaps_port}", "--password-file", secret,
                    "--fingerprint", dc.fingerprint())
            verdict(r.returncode == 0 and r.stdout.startswith("1 message imported"), "dovecot-second-run-brings-what-is-new", r)
            verdict(h.count("anna", "Sub") == sum(want["Sub"].values()) + 1, "dovecot-second-run-count", r)

            # STARTTLS, through a line that breaks.
            want = without_empty(renamed(dump(dc.imap(), zone=True)))
            cut = Cutter(dc.imap_port, [RANDOM.randrange(20000, 900000) for _ in range(5)] + [100, 3000])
            r = run(h, "import", "ben", f"imap://anna@localhost:{cut.own}", "--password-file", secret, env=trust)
            for _ in range(5):
                if r.returncode == 0:
                    break
                r = run(h, "import", "ben", f"imap://anna@localhost:{cut.own}", "--password-file", secret, env=trust)
            got = without_empty(account(h, "ben", zone=True))
            verdict(r.returncode == 0 and cut.cuts >= 5 and got == want, "from-dovecot-over-a-line-that-breaks",
                    (r, cut.cuts, difference(want, got)))

            # There, and a second run.
            r = run(h, "export", "anna", f"imaps://ben@localhost:{dc.imaps_port}", "--password-file", secret, env=trust)
            want = without_empty(account(h, "anna", zone=True))
            got = without_empty(renamed(dump(dc.imap("ben"), zone=True)))
            verdict(r.returncode == 0 and got == want, "into-dovecot", (r, difference(want, got)))
            r = run(h, "export", "anna", f"imaps://ben@localhost:{dc.imaps_port}", "--password-file", secret, env=trust)
            verdict(r.returncode == 0 and r.stdout.startswith("0 messages exported"), "into-dovecot-second-run", r)

            # There, over a line that breaks, and killed.
            cut = Cutter(dc.imap_port, [RANDOM.randrange(20000, 900000) for _ in range(6)])
            words = ["export", "anna", f"imap://cara@localhost:{cut.own}", "--password-file", secret]
            kills = 0
            while True:
                p = start(h, *words, env=trust)
                try:
                    out = p.communicate(timeout=RANDOM.uniform(0.2, 0.6) if kills < 6 else 120)
                    if p.returncode == 0 or kills > 40:
                        break
                except subprocess.TimeoutExpired:
                    os.killpg(p.pid, signal.SIGKILL)
                    out = p.communicate()
                kills += 1
            got = without_empty(renamed(dump(dc.imap("cara"), zone=True)))
            verdict(p.returncode == 0 and got == want, "into-dovecot-broken-off-at-random",
                    (p.returncode, kills, out, difference(want, got)))
    finally:
        dc.stop()


def other_separators():
    """Out to servers whose levels are separated otherwise, and whose names have a prefix; and back."""
    if os.geteuid() != 0:
        skip("other-separators", "needs root")
        return
    if lacking("dovecot", "dovecot"):
        return
    for separator, prefix in ((".", ""), (".", "INBOX."), ("/", "Mine/"), ("^", "")):
        dc = Dovecot(separator, prefix)
        try:
            with House(users=("anna", "ben", "cara")) as h:
                write(f"{h.dir}/secret", b"secret\n")
                trust = {"SSL_CERT_FILE": f"{dc.dir}/cert.pem"}
                there = dc.imap("anna")
                there.create(f'"{prefix}Archiv{separator}2024"')
                there.append(f'"{prefix}Archiv{separator}2024"', "", None, b"Subject: theirs\r\n\r\nx\r\n")
                m = h.imap("anna")
                names = ["INBOX", "Sent", "Projects", "Projects/2024", "Projects/2024/deep", "Archiv.2024", "a^b", "last"]
                for i, name in enumerate(names):
                    m.create(f'"{name}"')
                    m.append(f'"{name}"', "\\Seen", None, b"Subject: %d\r\n\r\nx\r\n" % i)
                m.logout()
                words = [f"imaps://anna@localhost:{dc.imaps_port}", "--password-file", f"{h.dir}/secret"]
                r = run(h, "export", "anna", *words, env=trust)
                got = {k: sorted(b for b, _, _ in v) for k, v in without_empty(dump(there, dates=False)).items()}
                got.pop("Mine", None)  # Dovecot shows INBOX so, too
                want = {"INBOX": [0], f"{prefix}Gesendet": [1], f"{prefix}Projects": [2],
                        f"{prefix}Projects{separator}2024": [3], f"{prefix}Projects{separator}2024{separator}deep": [4],
                        f"{prefix}Archiv_2024": [5],  # Dovecot's Maildir takes no dot in any case
                        prefix + "a^b".replace(separator if separator == "^" else "\0", "_"): [6], f"{prefix}last": [7]}
                want = {k: [b"Subject: %d\r\n\r\nx\r\n" % i for i in v] for k, v in want.items()}
                want[f"{prefix}Archiv{separator}2024"] = [b"Subject: theirs\r\n\r\nx\r\n"]
                verdict(r.returncode == 0 and got == want, f"into-separator {separator} {prefix}", (r, got))
                r = run(h, "export", "anna", *words, env=trust)
                verdict(r.returncode == 0 and r.stdout.startswith("0 messages"), f"again-separator {separator} {prefix}", r)
                r = run(h, "export", "anna", *words, "--into", "INBOX", env=trust)
                verdict(r.returncode == (0 if prefix == "INBOX." or not prefix else r.returncode),
                        f"into-inbox-separator {separator} {prefix}", r)
                r = run(h, "import", "ben", *words, "--folder", "Projects/2024", "--folder", "Archiv/2024", env=trust)
                got = {k: sum(v.values()) for k, v in without_empty(account(h, "ben")).items()}
                verdict(r.returncode == 0 and got.get("Archiv/2024") == 1 and "Projects/2024" in got,
                        f"from-separator {separator} {prefix}", (r, got))
        finally:
            dc.stop()


# ---- another Hearthmail ----

def from_hearthmail():
    """The tree of expunged mail does not come along; a folder of its name does."""
    with House(users=("anna", "ben", "cara")) as h:
        pem = subprocess.run(["openssl", "x509", "-in", f"{h.data}/tls/cert.pem", "-noout", "-fingerprint", "-sha256"],
                             capture_output=True, text=True).stdout.strip().split("=")[1]
        write(f"{h.dir}/secret", PASSWORD.encode() + b"\n")
        words = [f"imaps://anna@127.0.0.1:{h.port['imaps']}", "--password-file", f"{h.dir}/secret", "--fingerprint", pem]
        m = h.imap("anna")
        for i in range(5):
            m.append("INBOX", "", None, b"Subject: %d\r\n\r\nx\r\n" % i)
        m.select("INBOX")
        m.store("1:2", "+FLAGS", "\\Deleted")
        m.expunge()
        shown = [line.decode() for line in m.list('""', "Restore*")[1]]
        verdict(len(shown) == 2 and all("\\HearthmailRestore" in s for s in shown), "restore-has-a-sign", shown)
        day = shown[1].split('"')[-1].strip()
        r = run(h, "import", "ben", *words)
        got = without_empty(account(h, "ben"))
        verdict(r.returncode == 0 and r.stdout.startswith("3 messages imported") and list(got) == ["INBOX"],
                "restore-is-not-imported", (r, list(got)))
        r = run(h, "import", "ben", *words, "--folder", day, "--into", "Old")
        verdict(r.returncode == 0 and r.stdout.startswith("2 messages imported"), "but-where-it-is-named", r)

        # Who has a folder of that name has no such tree.
        h.write_config(h.yaml() + "restore_folder: no\n")
        run(h, "reload")
        verdict(wait_until(lambda: m.create("Restore")[0] == "OK"), "a-folder-called-restore")
        h.write_config(h.yaml())
        run(h, "reload")
        m.append("Restore", "", None, b"Subject: mine\r\n\r\nx\r\n")
        r = run(h, "import", "cara", *words)
        verdict(r.returncode == 1 and "left out: Restore: " in r.stdout, "a-folder-called-restore-is-not-forgotten", r)
        r = run(h, "import", "cara", *words, "--into", "Old")
        verdict(r.returncode == 0 and h.count("cara", "Old/Restore") == 1, "a-folder-called-restore-comes", r)


def hostile_server():
    """A server that says the worst: the import ends with an error, and the
    worker with an exit code."""
    # In the clear behind a refused STARTTLS: no password may follow.
    for name, lines in (("no-starttls", [b"* OK hello\r\n", b"h1 NO no\r\n"]),
                        ("no-imap", [b"220 smtp.example.test ESMTP\r\n"]),
                        ("endless-line", [b"* OK " + b"x" * (1 << 20)]),
                        ("bye", [b"* BYE go away\r\n"])):
        got = []
        s = socket.create_server(("127.0.0.1", 0))

        def serve():
            while True:
                try:
                    c, _ = s.accept()
                    for l in lines:
                        c.sendall(l)
                        if l.startswith(b"* OK hello"):
                            got.append(c.recv(1000))
                    c.settimeout(2)
                    got.append(c.recv(1000))
                    c.close()
                except OSError:
                    if s.fileno() < 0:
                        return
        threading.Thread(target=serve, daemon=True).start()
        with House() as h:
            write(f"{h.dir}/secret", b"secret\n")
            r = run(h, "import", "anna", f"imap://anna@127.0.0.1:{s.getsockname()[1]}", "--password-file", f"{h.dir}/secret",
                    "--fingerprint", "00" * 32)
            verdict(r.returncode == 1 and "stopped:" in r.stderr and "died" not in r.stderr, f"hostile-{name}", r)
            verdict(b"secret" not in b"".join(got) and b"LOGIN" not in b"".join(got) and b"AUTH" not in b"".join(got),
                    f"hostile-{name}-gets-no-password", got)
        s.close()


def main():
    steps = [there_and_back, files_of_others, small_sources, archives_of_others, broken_imports, walls_and_memory, with_dovecot, other_separators, from_hearthmail,
             hostile_server]
    only = [a for a in sys.argv[1:] if not a.startswith("-")]
    for s in steps:
        if not only or s.__name__ in only:
            s()
    finish()


main()
