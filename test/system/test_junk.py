#!/usr/bin/env python3
"""Junk: what is delivered is judged; what a person moves into and out of Junk teaches;
each content counts once, moving back undoes; what rules, imports and deletions do teaches nothing."""
import os
import re
import signal

from house import House, finish, verdict, wait_until

# Nothing that the rules of a fresh server know.
SPAM = ("Gentlemen, our factory exports tarpaulins of first quality to all ports. The sales director "
        "awaits your reply about container number %d and sends samples.")
# And something that they do.
LOTTERY = ("Dear winner, claim your lottery prize of millions today. Send your bank account "
           "number to the agent and the transfer is guaranteed.")
HAM = "Hi Anna, shall we meet for lunch on Friday %d? The garden needs water and Ben brings the bread."


def field(h, box, subject):
    """The field X-Hearthmail-Junk of the message with this subject, and how many there are."""
    with h.imap() as c:
        c.select(box, readonly=True)
        _, found = c.search(None, "SUBJECT", f'"{subject}"')
        uid = found[0].split()
        if not uid:
            return None, 0
        _, data = c.fetch(uid[-1], "(BODY.PEEK[HEADER])")
        fields = re.findall(r"(?im)^x-hearthmail-junk: (.*?)\r$", data[0][1].decode())
        return (fields[0] if fields else None), len(fields)


def score(h, box, subject):
    f, _ = field(h, box, subject)
    m = re.search(r"score=(\d+)", f or "")
    return int(m.group(1)) if m else None


def taught(h):
    return len(re.findall(r" junk.taught ", h.log()))


def move(h, source, subject, to, how="MOVE"):
    with h.imap() as c:
        c.select(source)
        _, found = c.search(None, "SUBJECT", f'"{subject}"')
        n = found[0].split()[-1].decode()
        if how == "MOVE":
            c._simple_command("MOVE", n, to)
        else:
            c.copy(n, to)
            c.store(n, "+FLAGS", "\\Deleted")
            c.expunge()


def learned(h, before, n=1):
    return wait_until(lambda: taught(h) >= before + n)


def delivered(h, subject, body, sender="x@example.test"):
    h.deliver("anna", body=body, subject=subject, sender=sender)
    boxes = ("INBOX", "Junk")
    return wait_until(lambda: next((b for b in boxes if field(h, b, subject)[1]), None))


def test_learning(h):
    box = delivered(h, "prize 1", SPAM % 1)
    verdict(box == "INBOX", "nothing-is-known: it is delivered", box)
    box = delivered(h, "million", LOTTERY)
    verdict(box == "Junk", "what-all-know-is-junk-on-the-first-day", box)
    n = taught(h)
    move(h, "INBOX", "prize 1", "Junk")
    verdict(learned(h, n), "a-move-into-junk-teaches", h.log()[-500:])
    box = delivered(h, "prize 2", SPAM % 1)
    verdict(box == "Junk", "a-copy-goes-into-junk", (box, field(h, box or "INBOX", "prize 2")))
    f, count = field(h, box, "prize 2")
    verdict(f and f.startswith("yes score=") and "reasons=" in f and count == 1, "one-field-says-so", f)
    verdict(delivered(h, "lunch 1", HAM % 1) == "INBOX", "other-mail-does-not")


def test_once_and_back(h):
    with h.imap() as c:
        c.select("Junk")
        _, found = c.search(None, "SUBJECT", '"prize 1"')
        n = taught(h)
        c.store(found[0].split()[0], "+FLAGS", "($Junk)")
    learned(h, n)
    verdict("known=1" in [l for l in h.log().splitlines() if " junk.taught " in l][-1],
            "the-same-lesson-counts-once", h.log()[-300:])
    n = taught(h)
    move(h, "Junk", "prize 1", "INBOX", how="COPY")
    verdict(learned(h, n), "copy-and-expunge-teaches-too")
    box = delivered(h, "prize 3", SPAM % 1)
    verdict(box == "INBOX", "moving-back-undoes-it", (box, field(h, box or "INBOX", "prize 3")))


def test_deletion(h):
    n = taught(h)
    move(h, "Junk", "prize 2", "Trash")
    delivered(h, "lunch 2", HAM % 2)
    verdict(taught(h) == n, "junk-to-trash-teaches-nothing")


def letter(seed):
    """A text that is like no other."""
    return " ".join(f"w{seed}n{k * k}" for k in range(50))


def last_lesson(h):
    """"junk", "wanted" ..."""
    lines = re.findall(r" junk\.taught .*? as=(\w+)", h.log())
    return lines[-1] if lines else None


def flag(h, box, subject, command, flags):
    with h.imap() as c:
        c.select(box)
        n = c.search(None, "SUBJECT", f'"{subject}"')[1][0].split()[-1].decode()
        c.store(n, command, flags)


def test_keywords(h):
    """As Thunderbird, Apple's programs and others spell them; what takes one away says nothing."""
    for i, (flags, side) in enumerate((("Junk", "junk"), ("NonJunk", "wanted"), ("$Junk", "junk"), ("$NotJunk", "wanted"),
                                       ("(\\Seen JUNK)", "junk"), ("($NotJunk \\Flagged)", "wanted"))):
        subject = f"keyword {i}"
        box = delivered(h, subject, letter(i))
        n = taught(h)
        flag(h, box, subject, "+FLAGS", flags)
        verdict(learned(h, n) and last_lesson(h) == side, f"keyword-{flags}", h.log()[-300:])
    n = taught(h)
    flag(h, "INBOX", "keyword 0", "-FLAGS", "Junk")
    flag(h, "INBOX", "keyword 1", "-FLAGS", "(NonJunk)")
    flag(h, "INBOX", "keyword 0", "+FLAGS", "$Junk")
    verdict(learned(h, n) and taught(h) == n + 1, "keywords-taken-away-say-nothing", h.log()[-600:])


def test_hints(h):
    """Answered or flagged is wanted, as it seems; a lesson counts more."""
    box = delivered(h, "hint", letter("hint"))
    n = taught(h)
    flag(h, box, "hint", "+FLAGS", "\\Answered")
    verdict(learned(h, n) and last_lesson(h) not in ("junk", "wanted"), "answered-is-a-hint", last_lesson(h))
    n = taught(h)
    move(h, box, "hint", "Junk")
    verdict(learned(h, n) and last_lesson(h) == "junk", "a-lesson-replaces-it", last_lesson(h))
    n = taught(h)
    flag(h, "Junk", "hint", "+FLAGS", "(\\Answered \\Flagged)")
    delivered(h, "hint again", letter("hint"))
    _, count = field(h, "Junk", "hint again")
    verdict(count == 1, "and-no-hint-outweighs-it", (h.log()[-400:]))


def test_says_nothing(h):
    """Thrown away, brought back, imported: nobody has said what it is."""
    box = delivered(h, "thrown", letter("thrown"))
    n = taught(h)
    move(h, box, "thrown", "Junk")
    learned(h, n)
    n = taught(h)
    with h.imap() as c:
        c.select("Junk")
        one = c.search(None, "SUBJECT", '"thrown"')[1][0].split()[-1].decode()
        c.copy(one, "Trash")
        c.store(one, "+FLAGS", "\\Deleted")
        with h.imap() as other:
            other.select("Junk")
            other.expunge()
    with h.imap() as c:
        c.select("Trash")
        c.store("1:*", "+FLAGS", "\\Deleted")
        c.expunge()
    r = h.command("undelete", "anna", "--subject", "thrown")
    folder = os.path.join(h.dir, "imported")
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, sub))
        os.makedirs(os.path.join(folder, ".Junk", sub))
    for where in ("cur/1:2,S", ".Junk/cur/2:2,S"):
        with open(os.path.join(folder, where), "w") as f:
            f.write(f"From: old@example.test\r\nSubject: imported\r\n\r\n{where} long ago\r\n")
    r2 = h.command("import", "anna", folder)
    # Lessons come in their order: this one would be behind theirs.
    move(h, delivered(h, "behind", letter("behind")), "behind", "Junk")
    verdict(learned(h, n) and taught(h) == n + 1, "trash-restore-and-import-teach-nothing", (r, r2, h.log()[-1500:]))


def test_append(h):
    message = b"From: a@example.test\r\nSubject: pills\r\n\r\nCheap pills, cheap watches, order today.\r\n"
    n = taught(h)
    with h.imap() as c:
        c.append("Junk", None, None, message)
    verdict(learned(h, n), "an-append-to-junk-teaches")
    n = taught(h)
    with h.imap() as c:
        c.append("INBOX", None, None, message)
    verdict(learned(h, n) and " as=wanted" in h.log().splitlines()[-1] or
            wait_until(lambda: re.search(r"junk.taught .*as=wanted", h.log()[-2000:])),
            "the-same-message-appended-elsewhere-is-wanted")


def test_forged(h):
    with h.smtp() as s:
        s.sendmail("x@example.test", ["anna@home.test"],
                   "From: x@example.test\r\nSubject: forged\r\nX-Hearthmail-Junk: no score=1 reasons=none\r\n"
                   "\r\nforged\r\n")
    wait_until(lambda: field(h, "INBOX", "forged")[1])
    f, count = field(h, "INBOX", "forged")
    verdict(count == 1 and f != "no score=1 reasons=none", "a-forged-field-is-removed", (f, count))


def test_restart(h):
    n = taught(h)
    delivered(h, "prize 5", SPAM % 5)
    move(h, "INBOX", "prize 5", "Junk")
    learned(h, n)
    h.kill("junk", signal.SIGKILL)
    wait_until(lambda: h.pids("junk"))
    verdict(wait_until(lambda: delivered(h, "prize 6", SPAM % 5) == "Junk"),
            "a-killed-process-has-lost-nothing", h.log()[-800:])


def test_stopped(h):
    h.kill("junk", signal.SIGSTOP)
    h.deliver("anna", body=HAM % 9, subject="nobody answers")
    with h.imap() as c:
        def there():
            c.select("INBOX", readonly=True)
            return c.search(None, "SUBJECT", '"nobody answers"')[1][0].split()
        verdict(wait_until(there), "without-an-answer-there-is-no-opinion")
    verdict(field(h, "INBOX", "nobody answers")[1] == 0, "and-no-field")
    for pid in h.pids("junk"):
        h.kill("junk", signal.SIGCONT)


def test_snapshot(h):
    """So much is taught that what was learned is written anew; a killed process reads that."""
    snapshot, n = os.path.join(h.data, "junk", "server.model"), 0
    while not os.path.exists(snapshot) and n < 1200:
        folder = os.path.join(h.dir, f"long{n}")
        os.mkdir(folder)
        for i in range(n, n + 60):
            with open(os.path.join(folder, f"{i}.eml"), "w") as f:
                f.write(f"From: long{i}@example.test\r\nSubject: long {i}\r\n\r\n" +
                        "".join(f"word{i * 1000 + k}\r\n" for k in range(900)))
        h.command("junk", "teach", "ben", "--ham", folder)
        n += 60
    before = h.command("junk", "stats").stdout
    verdict(os.path.exists(snapshot), "a-snapshot-is-written", before)
    h.kill("junk", signal.SIGKILL)
    wait_until(lambda: h.pids("junk"))
    after = wait_until(lambda: (lambda r: r.returncode == 0 and r)(h.command("junk", "stats"))).stdout
    verdict(re.search(rf"wanted +{n}\b", before) and after == before, "a-killed-process-reads-it", (before, after))


def wanted(h):
    m = re.search(r"wanted\s+(\d+)", h.command("junk", "stats", "anna").stdout)
    return int(m.group(1)) if m else 0


def read(h, subject, what="(BODY[])"):
    with h.imap() as c:
        c.select("INBOX")
        _, found = c.search(None, "SUBJECT", f'"{subject}"')
        c.fetch(found[0].replace(b" ", b",").decode(), what)


def test_reading(h):
    for i in range(25):
        h.deliver("anna", body=HAM % (100 + i), subject=f"read {i}", sender=f"ben{i}@example.test")
    wait_until(lambda: h.count("anna") >= 25)
    n = wanted(h)
    read(h, "read 7")
    verdict(wait_until(lambda: wanted(h) == n + 1), "what-was-read-is-a-little-wanted", (n, wanted(h)))
    move(h, "INBOX", "read 7", "Trash")
    verdict(wait_until(lambda: wanted(h) == n), "thrown-away-it-is-not", (n, wanted(h)))
    read(h, "read 10")
    wait_until(lambda: wanted(h) == n + 1)
    with h.imap() as c:
        c.select("INBOX")
        one = c.search(None, "SUBJECT", '"read 10"')[1][0].decode()
        c.send(f"a STORE {one} +FLAGS (\\Deleted)\r\nb EXPUNGE\r\n".encode())
        while not c.readline().startswith(b"b OK"):
            pass
    verdict(wait_until(lambda: wanted(h) == n), "thrown-away-and-expunged-in-one-go", (n, wanted(h)))
    read(h, "read 8")
    wait_until(lambda: wanted(h) == n + 1)
    read(h, "read")  # all at once, as programs do
    with h.imap() as c:
        c.select("INBOX")
        c.append("INBOX", None, None, b"From: anna@home.test\r\nSubject: note\r\n\r\nTo myself, to be read.\r\n")
    read(h, "note")
    read(h, "read 9")
    h.deliver("anna", body=HAM % 200, subject="read last")
    wait_until(lambda: field(h, "INBOX", "read last")[1])
    read(h, "read last")
    verdict(wait_until(lambda: wanted(h) == n + 2), "but-not-many-at-once-nor-own-notes", (n, wanted(h)))


def test_command(h):
    folder = os.path.join(h.dir, "spam")
    os.mkdir(folder)
    for i in range(12):
        with open(os.path.join(folder, f"{i}.eml"), "w") as f:
            f.write(f"From: shop{i}@example.test\r\nSubject: watches {i}\r\n\r\nReplica watches, "
                    f"order number {i} now, best price, free shipping\r\n")
    r = h.command("junk", "teach", "anna", "--spam", folder)
    verdict(r.returncode == 0 and "12 messages read as junk" in r.stdout, "teach-reads-a-folder", r)
    r = h.command("junk", "stats", "anna")
    m = re.search(r"anna\s+junk\s+(\d+)\s+wanted\s+(\d+)\s+last lesson 20\d\d-", r.stdout)
    verdict(m and int(m.group(1)) >= 12, "stats-count", r)
    with h.imap() as c:
        c.select("INBOX", readonly=True)
        uid = c.uid("SEARCH", "SUBJECT", '"lunch 1"')[1][0].split()[0].decode()
    r = h.command("junk", "explain", "anna", uid)
    verdict(r.returncode == 0 and r.stdout.startswith("wanted: score ") and "what counted most" in r.stdout,
            "explain-names-what-counted", r)
    r = h.command("junk", "explain", "anna", "99999")
    verdict(r.returncode == 1 and "no such message" in r.stderr, "explain-of-no-message", r)
    r = h.command("junk", "teach", "nobody", "--spam", folder)
    verdict(r.returncode == 1 and "no account" in r.stderr, "teach-of-no-account", r)
    r = h.command("junk", "teach", "anna")
    verdict(r.returncode == 2, "teach-of-nothing", r)
    r = h.command("junk", "forget", "anna")
    r2 = h.command("junk", "stats", "anna")
    verdict(r.returncode == 0 and re.search(r"anna\s+junk\s+0\s+wanted\s+0", r2.stdout), "forget-forgets", r2)


def main():
    with House() as h:
        test_learning(h)
        test_once_and_back(h)
        test_deletion(h)
        test_append(h)
        test_keywords(h)
        test_hints(h)
        test_says_nothing(h)
        test_forged(h)
        test_restart(h)
        test_stopped(h)
        test_reading(h)
        test_command(h)
        test_snapshot(h)
    with House(extra="junk: off\n") as h:
        h.deliver("anna", body=SPAM % 1, subject="off")
        wait_until(lambda: h.count("anna") == 1)
        verdict(field(h, "INBOX", "off")[1] == 0, "junk-off-judges-nothing")
    finish()


main()
