#!/usr/bin/env python3
"""Mail of this machine's programs by `hearthmail sendmail`, and the addresses of the host itself."""
import os
import subprocess
import tempfile

from house import BINARY, House, finish, verdict, wait_until


def newest(h, user):
    m = h.imap(user)
    m.select("INBOX")
    _, d = m.search(None, "ALL")
    _, d = m.fetch(d[0].split()[-1], "(BODY.PEEK[])")
    m.logout()
    return d[0][1]


def sent(h, words, text, user, name, want=(), without=()):
    before = h.count(user)
    r = subprocess.run([BINARY, "-c", h.config, "sendmail", *words], input=text, capture_output=True, timeout=300)
    arrived = wait_until(lambda: h.count(user) == before + 1, 60)
    got = newest(h, user) if arrived else b""
    verdict(r.returncode == 0 and arrived and all(w in got for w in want) and not any(w in got for w in without), name,
            (r, got))


def refused(h, words, text, name, code, said):
    r = subprocess.run([BINARY, "-c", h.config, "sendmail", *words], input=text, capture_output=True, timeout=300)
    verdict(r.returncode == code and said in r.stderr, name, r)


def main():
    me = b"<" + subprocess.run(["id", "-un"], capture_output=True).stdout.strip() + b"@mail.home.test>"
    with House(extra="aliases: { team@home.test: [ben] }\n") as h:
        # As cron of Debian does it.
        sent(h, ["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"],
             b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@x> job\n\nline\n.\nlast \xc3\xa4\n", "anna", "cron",
             [b"Return-Path: " + me, b"\r\n\r\nline\r\n.\r\nlast \xc3\xa4\r\n", b"Message-ID: <", b"Date: "])
        sent(h, ["ben"], b"Subject: x\n\nhello\n.\nnot this\n", "ben", "a-dot-ends", [b"\r\n\r\nhello\r\n"], [b"not this"])
        sent(h, ["-t", "-oi"], b"To: Ben <ben@home.test>\nBcc: anna\nSubject: x\n\n1\n", "anna", "header-bcc",
             [b"To: Ben"], [b"Bcc"])
        sent(h, ["-ti", "-f", "x@y.test", "-F", "The X"], b"To: team\nSubject: x\n\n1\n", "ben", "header-alias",
             [b"Return-Path: <x@y.test>", b'From: "The X" <x@y.test>\r\n'])
        sent(h, ["-f", "<>", "--", "www-data"], b"no header at all\nbut text\n", "anna", "no-header",
             [b"Return-Path: <>", b"\r\n\r\nno header at all\r\nbut text\r\n"])
        sent(h, ["anna@home.test"], b"From root Mon\nSubject: x\n\n10%\r50%\r\n\0\n", "anna", "odd-bytes",
             [b"\r\n\r\n10%\r\n50%\r\n?\r\n"], [b"From root Mon"])
        with tempfile.TemporaryDirectory() as d:
            os.symlink(BINARY, os.path.join(d, "sendmail"))
            r = subprocess.run([os.path.join(d, "sendmail"), "-bp"], capture_output=True)
            verdict(b"hearthmail sendmail" in r.stderr or b"hearthmail.yaml" in r.stderr, "by-its-other-name", r)
        refused(h, [], b"x\n", "no-recipient", 64, b"no recipient given")
        refused(h, ["-t"], b"Subject: x\n\n", "no-recipient-in-the-header", 64, b"no recipient given")
        refused(h, ["a@b@c"], b"x\n", "no-address", 64, b"not a valid address")
        refused(h, ["-bp"], b"", "no-queue", 64, b"hearthmail queue list")
        refused(h, ["x@elsewhere.test"], b"x\n", "outside", 69, b"x@elsewhere.test: 550 5.7.1")
        refused(h, ["nobody@home.test", "anna"], b"x\n", "one-of-two", 69, b"nobody@home.test: 550 5.1.1")
        before = h.count("anna")
        for local in ("postmaster", "root", "abuse", "Root"):
            s = h.smtp()
            s.sendmail("x@example.test", [f"{local}@mail.home.test"], "Subject: x\r\n\r\nx\r\n")
            s.quit()
        verdict(wait_until(lambda: h.count("anna") == before + 4, 60), "host-addresses")
        s = h.smtp()
        s.mail("x@example.test")
        verdict(s.rcpt("anna@mail.home.test")[0] == 550, "host-is-not-a-domain")
        s.close()
        h.stop()
        refused(h, ["anna"], b"x\n", "no-server", 75, b"cannot connect to localhost[127.0.0.1]")
        h.start()
    finish()


if __name__ == "__main__":
    main()
