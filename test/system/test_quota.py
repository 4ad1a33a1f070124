#!/usr/bin/env python3
"""Quota: what IMAP says of it, who is refused and who is not, the warning
letter, and that all of it survives restarts and reloads."""
import imaplib
import json
import re
import smtplib

import house
from house import verdict, wait_until


def message(size):
    line = b"y" * 74 + b"\r\n"
    head = b"Subject: big\r\n\r\n"
    body = line * ((size - len(head)) // len(line))
    return head + body + b"z" * (size - len(head) - len(body) - 2) + b"\r\n"


def ask(m, text):
    """(status, text of the tagged reply, untagged responses)"""
    tag = m._new_tag().decode()
    m.send(f"{tag} {text}\r\n".encode())
    lines = []
    while True:
        line = m.readline().decode().rstrip("\r\n")
        if line.startswith(tag + " "):
            m.tagged_commands.pop(tag.encode(), None)
            status, rest = line[len(tag) + 1:].split(" ", 1)
            return status, rest, lines
        if line.startswith("+"):
            return "+", line, lines
        lines.append(line)


def append(m, size, box="Archive"):
    """The tagged reply; "refused" if the message was not even asked for."""
    data = message(size)
    status, rest, _ = ask(m, f"APPEND {box} {{{len(data)}}}")
    if status != "+":
        return status + " " + rest
    m.send(data + b"\r\n")
    line = m.readline().decode()
    while line.startswith("*"):
        line = m.readline().decode()
    return line.split(" ", 1)[1].strip()


def used(m):
    _, _, lines = ask(m, 'GETQUOTA ""')
    found = re.search(r'\* QUOTA "" \(STORAGE (\d+) (\d+)\)', " ".join(lines))
    return (int(found[1]), int(found[2])) if found else None


def warnings(m):
    m.select("INBOX")
    return len(m.search(None, 'SUBJECT "mailbox is"')[1][0].split())


def rcpt(h, *users):
    s = h.smtp()
    s.mail("x@example.test")
    answers = [s.rcpt(f"{u}@home.test") for u in users]
    s.quit()
    return [(code, text.decode()) for code, text in answers]


def login_again(h):
    """A process that has just been killed may cost the first try."""
    def once():
        try:
            return h.imap("anna")
        except imaplib.IMAP4.error:
            return None

    return wait_until(once, 10)


def check_commands(m):
    _, _, lines = ask(m, "CAPABILITY")
    verdict(" QUOTA QUOTA=RES-STORAGE" in lines[0], "quota-capability", lines)
    got = ask(m, "GETQUOTAROOT INBOX")
    verdict(got[0] == "OK" and got[2] == ['* QUOTAROOT INBOX ""', '* QUOTA "" (STORAGE 0 100)'],
            "quota-getquotaroot", got)
    got = ask(m, "GETQUOTAROOT no/such/box")
    verdict(got[0] == "OK" and got[2][0] == '* QUOTAROOT no/such/box ""', "quota-root-of-none", got)
    got = ask(m, 'GETQUOTA ""')
    verdict(got[0] == "OK" and got[2] == ['* QUOTA "" (STORAGE 0 100)'], "quota-getquota", got)
    got = ask(m, "GETQUOTA other")
    verdict(got[0] == "NO", "quota-no-such-root", got)
    got = [ask(m, f"SETQUOTA {a}")[0] for a in ('"" (STORAGE 510)', '"" ()', '""', '"" (STORAGE)')]
    verdict(got == ["NO", "NO", "BAD", "BAD"], "quota-setquota-refused", got)


def check_full(h, m):
    """Fills the account; everybody who may not add is told so."""
    for _ in range(8):
        append(m, 10240)
    verdict(warnings(m) == 0 and used(m) == (80, 100), "quota-no-warning-below-90", used(m))
    verdict(append(m, 30000).startswith("NO [OVERQUOTA]"), "quota-append-over")
    verdict(append(m, 10240).startswith("OK [APPENDUID"), "quota-append-below")
    verdict(wait_until(lambda: warnings(m) == 1, 10), "quota-warning-at-90", warnings(m))
    letter = m.fetch("1", "(BODY[])")[1][0][1].decode()
    verdict("From: Mail server <postmaster@home.test>" in letter and "your quota is 100KB" in letter,
            "quota-letter-can-be-answered", letter)
    verdict("You" in letter and "To: <anna@home.test>" in letter and "Auto-Submitted:" in letter,
            "quota-warning-letter", letter)
    # A little less, and more again, is not news.
    m.select("Archive")
    m.store("1", "+FLAGS.SILENT", "\\Deleted")
    m.expunge()
    h.deliver("anna")
    verdict(80 < used(m)[0] < 90, "quota-a-little-below-90", used(m))
    append(m, 10240)
    h.deliver("anna")
    verdict(90 < used(m)[0] < 100 and warnings(m) == 1, "quota-no-second-letter",
            (used(m), warnings(m)))
    with open(f"{h.dir}/big.mbox", "wb") as f:
        f.write(b"From x@example.test Thu Jan  1 00:00:00 2026\n" + message(20000))
    r = h.command("import", "anna", f"{h.dir}/big.mbox")
    verdict(r.returncode == 1 and "stopped: the quota of anna is used up; " in r.stderr
            and "not finished" in r.stdout, "quota-import", r)
    m.select("Archive")
    got = ask(m, "COPY 1 Sent")
    verdict(got[0] == "NO" and "[OVERQUOTA]" in got[1], "quota-copy-over", got)
    verdict([ask(m, c)[0] for c in ("MOVE 1 Sent", "STORE 1 +FLAGS (\\Seen)")] == ["OK", "OK"],
            "quota-move-and-flags")
    data = message(10240)
    got = ask(m, f"REPLACE 1 Archive {{{len(data)}+}}\r\n{data.decode()}")
    verdict(got[0] == "OK", "quota-replace-same-size", got)
    data = message(25000)
    got = ask(m, f"REPLACE 1 Archive {{{len(data)}+}}\r\n{data.decode()}")
    verdict(got[0] == "NO" and "[OVERQUOTA]" in got[1], "quota-replace-larger", got)
    # Whoever has been told 250 for RCPT is not turned away.
    verdict(rcpt(h, "anna")[0][0] == 250, "quota-rcpt-below")
    h.deliver("anna", body="w" * 70 + ("\r\n" + "w" * 70) * 300)
    verdict(used(m)[0] >= 100, "quota-delivery-goes-in", used(m))
    got = rcpt(h, "anna", "ben", "both")
    verdict(got[0][0] == 452 and got[0][1].startswith("4.2.2 ") and got[1][0] == 250 and
            got[2][0] == 250, "quota-rcpt-452", got)
    s = h.submit("ben")
    s.mail("ben@home.test")
    verdict(s.rcpt("anna@home.test")[0] == 452, "quota-submission-452")
    s.quit()
    p = h.pop3("anna")
    verdict(len(p.list()[1]) == 4 and p.retr(1), "quota-pop3-reads")
    p.quit()
    r = h.command("fsck")
    verdict(r.returncode == 0, "quota-fsck", r.stdout + r.stderr)
    text = h.command("status").stdout
    verdict(re.search(r"mailboxes +anna: 1\d\d(\.\d)?K of 100K \(1\d\d %\): FULL", text), "quota-status", text)
    mail = json.loads(h.command("status", "--json").stdout)["mail"]
    verdict(mail["refused"] == 0, "quota-refuses-nobody-for-good", mail)


def check_restarts(h):
    """Nobody forgets; and one letter is enough."""
    h.kill("keeper")
    verdict(wait_until(lambda: rcpt(h, "anna")[0][0] == 452, 10), "quota-new-keeper")
    h.kill("smtp")
    wait_until(lambda: h.pids("smtp"), 10)

    def refused():
        try:
            return rcpt(h, "anna")[0][0] == 452
        except (OSError, smtplib.SMTPException):
            return False

    verdict(wait_until(refused, 10), "quota-new-smtp")
    h.restart()
    m = h.imap("anna")
    verdict(wait_until(refused, 10), "quota-after-restart")
    h.kill("account anna")
    m = login_again(h)
    verdict(wait_until(refused, 10) and warnings(m) == 1, "quota-one-letter", warnings(m))
    m.select("Archive")
    m.store("1:*", "+FLAGS.SILENT", "\\Deleted")
    m.expunge()
    verdict(wait_until(lambda: rcpt(h, "anna")[0][0] == 250, 10), "quota-room-again")
    for _ in range(6):
        append(m, 10240)
    verdict(wait_until(lambda: warnings(m) == 2, 10), "quota-warning-again", (warnings(m), used(m)))
    append(m, used(m)[1] * 1024 - used(m)[0] * 1024)
    h.deliver("anna", body="w" * 1500)
    verdict(wait_until(refused, 10), "quota-full-again", used(m))
    h.write_config(h.yaml().replace("quota: 100K", "quota: 1M"))
    verdict(h.command("reload").returncode == 0, "quota-reload")
    verdict(wait_until(lambda: rcpt(h, "anna")[0][0] == 250 and used(m)[1] == 1024, 10),
            "quota-raised", used(m))
    h.write_config(h.yaml().replace("quota: 100K", ""))
    h.command("reload")
    verdict(wait_until(lambda: ask(m, 'GETQUOTA ""')[0] == "NO", 10), "quota-taken-away")
    got = ask(m, "GETQUOTAROOT INBOX")
    verdict(got[0] == "OK" and got[2] == ["* QUOTAROOT INBOX"], "quota-no-root", got)


def main():
    with house.House(extra="quota: 100K\naliases: { both@home.test: [anna, ben] }\n") as h:
        m = h.imap("anna")
        check_commands(m)
        check_full(h, m)
        check_restarts(h)
    house.finish()


if __name__ == "__main__":
    main()
