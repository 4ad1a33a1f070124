#!/usr/bin/env python3
"""DKIM: what arrives elsewhere is verified by python3-dkim and opendkim, never
by our own code: odd messages, keys over restarts and reloads, an auth process
that cannot sign."""
import base64
import json
import os
import re
import signal
import smtplib
import stat
import subprocess
import sys
import time

from house import finish, skip, verdict, wait_until, wide
from smallnet import SmallNet, Zone, missing

QUICK = "--quick" in sys.argv
HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"


def lacks():
    if subprocess.run([PYTHON, "-c", "import dkim, nacl"], capture_output=True).returncode:
        verdict(False, "dkim", "python3-dkim or python3-nacl is not installed; etc/setup test installs them")
        return "them"
    return missing()


def openssl(pem, *options):
    return subprocess.run(["openssl", "pkey", *options, "-pubout", "-outform", "DER"], input=pem,
                          capture_output=True, check=True).stdout


def key_file(h, domain):
    return os.path.join(h.data, "auth/dkim", domain + ".pem")


def records(h, domain):
    """{name: TXT} of a domain's keys, made of its file by openssl."""
    parts = open(key_file(h, domain), "rb").read().split(b"selector ")[1:]
    out = {}
    for part in parts:
        selector, pem = part.split(b"\n", 1)
        der = openssl(pem)
        kind, key = ("ed25519", der[-32:]) if len(der) < 100 else ("rsa", der)
        out[f"{selector.decode()}._domainkey.{domain}"] = \
            f"v=DKIM1; k={kind}; p={base64.b64encode(key).decode()}"
    return out


def verify(h, message, domains=("a.test",)):
    """What python3-dkim says: [(domain, selector, algorithm, verdict)]."""
    path = os.path.join(h.dir, "records.json")
    rec = {}
    for d in domains:
        rec.update(records(h, d))
    with open(path, "w") as f:
        json.dump(rec, f)
    p = subprocess.run([PYTHON, os.path.join(HERE, "dkim_verify.py"), path], input=message,
                       capture_output=True, timeout=300)
    return [tuple(l.split(" ", 3)) for l in p.stdout.decode().splitlines()] or p.stderr.decode()


def good(said, domain="a.test"):
    """Both signatures are there and right."""
    return isinstance(said, list) and len(said) == 2 and \
        [s[2] for s in said] == ["rsa-sha256", "ed25519-sha256"] and \
        all(s[0] == domain and s[3] == "ok" for s in said)


# ---- sending ----

def submit(h, to, message, chunks=None, sender="anna@a.test", user="anna"):
    """The bytes as they are, by DATA or in chunks by BDAT."""
    s = h.submit(user)
    try:
        s.mail(sender, ["BODY=8BITMIME"])
        assert s.rcpt(to)[0] == 250
        if chunks is None:
            s.docmd("DATA")
            s.send(re.sub(rb"(?m)^\.", b"..", message) + (b"" if message.endswith(b"\r\n") else b"\r\n")
                   + b".\r\n")
            return s.getreply()
        for i in range(0, len(message), chunks):
            last = i + chunks >= len(message)
            part = message[i:i + chunks]
            s.send(b"BDAT %d%s\r\n" % (len(part), b" LAST" if last else b"") + part)
            r = s.getreply()
            if r[0] != 250:
                return r
        return r
    finally:
        s.close()


def arrived(bad, to, seconds=30):
    got = wait_until(lambda: [m for m in bad.messages() if m["to"] == [to]], seconds, 0.05)
    return bad.bytes_of(got[0]) if got else b""


FROM = b"From: anna@a.test\r\n"
BIG = b"".join(b"line %d \t of  many, gr\xc3\xbc\xc3\x9fe \r\n" % i for i in range(600000))

MESSAGES = [
    ("plain", FROM + b"To: x@bad.test\r\nSubject: hello\r\n\r\nhello\r\n"),
    ("trailing-blanks", FROM + b"Subject:  a  b \t \r\n\r\na \t \r\n \r\nb  c\t\td\r\n"),
    ("empty-lines", FROM + b"Subject: x\r\n\r\n\r\n\r\na\r\n\r\n\r\n\r\n"),
    ("only-empty-lines", FROM + b"Subject: x\r\n\r\n\r\n\r\n"),
    ("blank-lines-at-end", FROM + b"Subject: x\r\n\r\na\r\n \r\n\t\r\n"),
    ("empty-body", FROM + b"Subject: x\r\n\r\n"),
    ("header-only", FROM + b"Subject: x\r\n"),
    ("dots", FROM + b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\n...\r\n.\r\n"),
    ("long-lines", FROM + b"Subject: x\r\n\r\n" + (b"y" * 990 + b"\r\n") * 200),
    ("long-line-of-blanks", FROM + b"Subject: x\r\n\r\na" + b" " * 900 + b"b" + b"\t" * 900 + b"\r\n"),
    ("eight-bit", FROM + b"Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\ngr\xfc\xdfe \xff\r\n"),
    ("folded", FROM + b"Subject: a\r\n b\r\n\t c \r\n\td\r\nTo:\r\n x@bad.test,\r\n  y@bad.test\r\n"
     b"References: <1@a.test>\r\n\t<2@a.test>\r\n\r\nx\r\n"),
    ("from-with-comments", b'From: "Anna (at home)" (a comment (nested))\r\n <anna@a.test> (x)\r\n'
     b"Subject: x\r\n\r\nx\r\n"),
    ("from-in-capitals", b"FROM: Anna <Anna@A.Test>\r\nsUBJECT:x\r\n\r\nx\r\n"),
    ("twice-the-same", FROM + b"To: a@bad.test\r\nTo: b@bad.test\r\nSubject: 1\r\nSubject: 2\r\n"
     b"Subject: 3\r\n\r\nx\r\n"),
    ("ten-times-the-same", FROM + b"".join(b"Cc: a%d@bad.test\r\n" % i for i in range(10)) + b"\r\nx\r\n"),
    ("with-bcc-and-junk", b"junk without a colon\r\n" + FROM + b"Bcc: secret@a.test\r\nReturn-Path: <x@y>\r\n"
     b"\r\nx\r\n"),
    ("mime", FROM + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tboundary=\"x\"\r\n"
     b"Content-Transfer-Encoding: 8bit\r\nSender: anna@a.test\r\nReply-To: anna@a.test\r\n"
     b"In-Reply-To: <x@y>\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@a.test>\r\n\r\n"
     b"--x\r\n\r\na\r\n--x--\r\n"),
    ("signed-before", b"DKIM-Signature: v=1; a=rsa-sha256; d=x.test; s=x; h=from; bh=AA==; b=AA==\r\n" + FROM +
     b"Subject: x\r\n\r\nx\r\n"),
    ("large", FROM + b"Subject: large\r\n\r\n" + BIG),
]


def body_of(message):
    return message.split(b"\r\n\r\n", 1)[1] if b"\r\n\r\n" in message else b""


def odd_messages(net, a, bad):
    for name, message in MESSAGES:
        if name == "large" and QUICK:
            message = message[:2 << 20]
        to = f"{name}@bad.test"
        code, text = submit(a, to, message)
        verdict(code == 250, f"odd-{name}-taken", text)
        got = arrived(bad, to)
        said = verify(a, got)
        if name == "signed-before" and isinstance(said, list):
            said = [s for s in said if s[0] != "x.test"]
        verdict(good(said), f"odd-{name}-verified", (said, got[:2500]))
        body = body_of(message)
        verdict(got.startswith(b"DKIM-Signature: ") and body_of(got).rstrip(b"\r\n") == body.rstrip(b"\r\n"),
                f"odd-{name}-body", got[:300])
    # BDAT: pieces of any size, and an end without a line end.
    for size in (1, 7, 1000):
        for end in (b"", b"\r\n", b" ", b" \r\n\r\n"):
            message = FROM + b"Subject: chunks\r\n\r\nsome  text \r\n\r\n.dot\r\nlast" + end
            to = f"bdat{size}.{len(end)}@bad.test"
            submit(a, to, message, chunks=size)
            said = verify(a, arrived(bad, to))
            verdict(good(said), f"bdat-{size}-{len(end)}", said)
    got = arrived(bad, "plain@bad.test")
    head = got.split(b"\r\n\r\n")[0]
    first = [l.split(b":")[0] for l in head.split(b"\r\n") if l[:1] not in b" \t"]
    verdict(first[:3] == [b"DKIM-Signature", b"DKIM-Signature", b"Received"], "order", first)
    verdict(max(len(l) for l in head.split(b"\r\n")) <= 78, "folded", head)


def tampered(a, bad):
    """The verifier does find what was changed, added or cut."""
    submit(a, "tamper@bad.test", MESSAGES[0][1])
    got = arrived(bad, "tamper@bad.test")
    rows = [("body", got.replace(b"\r\n\r\nhello", b"\r\n\r\nhallo")), ("more", got + b"more\r\n"),
            ("subject", got.replace(b"Subject: hello", b"Subject: hallo"))]
    for name in (b"From", b"Subject", b"To", b"Date", b"Content-Type"):
        rows.append((f"added-{name.decode()}", got.replace(b"Received:", name + b": x@y.test\r\nReceived:", 1)))
    for name, message in rows:
        said = verify(a, message)
        verdict(message != got and isinstance(said, list) and len(said) == 2 and
                all(s[3] != "ok" for s in said), f"tampered-{name}", said)
    # What hosts on the way do does no harm.
    kind = got.replace(b"Received:", b"Received: by x.test; Tue, 24 Nov 2026 12:00:00 +0000\r\nReceived:", 1)
    added = b"X-Spam: no\r\nReply-To: list@lists.test\r\nList-Id: <a.lists.test>\r\nSender: list@lists.test\r\n"
    kind = added + kind.replace(b"\r\n\r\nhello\r\n", b"\r\n\r\nhello  \r\n\r\n")
    verdict(good(verify(a, kind)), "kind-hosts", verify(a, kind))


def who(net, a, bad):
    """Whose signature it is, and what needs none."""
    submit(a, "second@bad.test", b"From: anna@a2.test\r\nSubject: x\r\n\r\nx\r\n", sender="anna@a2.test")
    said = verify(a, arrived(bad, "second@bad.test"), ("a.test", "a2.test"))
    verdict(good(said, "a2.test"), "who-second-domain", said)
    # In the name of another server: send_as.
    submit(a, "foreign@bad.test", b"From: anna@elsewhere.test\r\nSubject: x\r\n\r\nx\r\n", sender="anna@a2.test")
    got = arrived(bad, "foreign@bad.test")
    verdict(got and b"DKIM-Signature" not in got, "who-foreign-unsigned", got)
    submit(a, "anna@a.test", FROM + b"Subject: at home\r\n\r\nx\r\n")
    wait_until(lambda: a.count() >= 1, 10)
    m = a.imap()
    m.select("INBOX", readonly=True)
    text = m.fetch("1", "(BODY.PEEK[HEADER])")[1][0][1]
    m.logout()
    verdict(b"at home" in text and b"DKIM-Signature" not in text, "who-local-mail-unsigned", text)


def keys(net, a, bad):
    """Keys: where they are, whose, and that they stay."""
    path = key_file(a, "a.test")
    st, folder = os.stat(path), os.stat(os.path.dirname(path))
    owner = os.stat(os.path.join(a.data, "auth")).st_uid
    verdict(stat.S_IMODE(st.st_mode) == 0o600 and st.st_uid == owner and owner != 0 and
            stat.S_IMODE(folder.st_mode) == 0o700, "keys-mode-and-owner", (oct(st.st_mode), st.st_uid))
    before = open(path, "rb").read()
    bits = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], capture_output=True, text=True)
    verdict("(2048 bit" in bits.stdout, "keys-2048-bits", bits.stdout[:100])
    a.restart()
    submit(a, "again@bad.test", FROM + b"Subject: x\r\n\r\nx\r\n")
    verdict(good(verify(a, arrived(bad, "again@bad.test"))) and open(path, "rb").read() == before,
            "keys-survive-restart")
    # A domain that a reload adds can sign at once.
    text = open(a.config).read()
    a.write_config(text.replace("[a.test, a2.test]", "[a.test, a2.test, a3.test]").replace(
        "anna@a2.test]", "anna@a2.test, anna@a3.test]"))
    r = a.command("reload")
    verdict(r.returncode == 0, "keys-reload", r.stderr)
    def added():
        try:
            return submit(a, "third@bad.test", b"From: anna@a3.test\r\nSubject: x\r\n\r\nx\r\n",
                          sender="anna@a3.test")[0] == 250
        except (AssertionError, smtplib.SMTPException, OSError):
            return False
    verdict(wait_until(added, 15, 0.2), "keys-added-domain-taken", a.log()[-1500:])
    said = verify(a, arrived(bad, "third@bad.test"), ("a.test", "a3.test"))
    verdict(good(said, "a3.test"), "keys-added-domain-signs", said)
    verdict(open(path, "rb").read() == before, "keys-survive-reload")
    # A damaged file is not replaced; nothing leaves unsigned.
    with open(path, "wb") as f:
        f.write(before[:700])
    a.restart()
    code, text = submit(a, "damaged@bad.test", FROM + b"Subject: x\r\n\r\nx\r\n")
    verdict(code == 451, "keys-damaged-451", (code, text))
    verdict(open(path, "rb").read() == before[:700] and a.logged("dkim.key domain=a.test"),
            "keys-damaged-are-kept", a.log()[-800:])
    verdict(not [m for m in bad.messages() if m["to"] == ["damaged@bad.test"]], "keys-damaged-nothing-left")
    with open(path, "wb") as f:
        f.write(before)
    # It is looked at again without a restart.
    verdict(wait_until(lambda: submit(a, "mended@bad.test", FROM + b"Subject: x\r\n\r\nx\r\n")[0] == 250, 20, 1),
            "keys-mended-taken", a.log()[-800:])
    verdict(good(verify(a, arrived(bad, "mended@bad.test"))), "keys-mended-signs")


def reports(net, a, bad):
    """What we write to senders elsewhere is signed, too."""
    bad.become("refuse-some")
    letter = FROM + b"Subject: returned\r\n\r\ngr\xc3\xbc\xc3\x9fe\r\n"
    submit(a, "no1@refuse.bad.test", letter, sender="anna@back.bad.test")
    got = arrived(bad, "anna@back.bad.test")
    verdict(b"was not delivered" in got and good(verify(a, got)), "report-signed", verify(a, got))
    verdict(b"Return-Path" not in got and got.startswith(b"DKIM-Signature:") and
            b"\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: multipart/report" in got,
            "report-fit-for-outside", got[:800])
    line = [m["mail"] for m in bad.messages() if m["to"] == ["anna@back.bad.test"]]
    verdict(line and line[0].startswith("MAIL FROM:<> ") and "BODY=8BITMIME" in line[0],
            "report-from-nobody", line)
    bad.become("ok")


def auth_away(net, a, bad):
    """auth is there no more, or does not answer: 451 within the deadline; later
    it goes."""
    s = a.submit("anna")
    pids = a.kill("auth", signal.SIGSTOP)
    s.mail("anna@a.test")
    s.rcpt("stopped@bad.test")
    since = time.monotonic()
    try:
        code, text = s.data(FROM + b"Subject: x\r\n\r\nx\r\n")
    except smtplib.SMTPResponseException as e:
        code, text = e.smtp_code, e.smtp_error
    took = time.monotonic() - since
    verdict(code == 451 and 5 < took < wide(20), "away-stopped-451", (code, text, took))
    for p in pids:
        os.kill(p, signal.SIGCONT)
    a.kill("auth")
    s.mail("anna@a.test")
    s.rcpt("killed@bad.test")
    code, text = s.data(FROM + b"Subject: x\r\n\r\nx\r\n")
    verdict(code == 250, "away-killed-waits-for-the-next", (code, text))
    s.quit()
    verdict(good(verify(a, arrived(bad, "killed@bad.test"))), "away-killed-signed")
    verdict(not [m for m in bad.messages() if m["to"] == ["stopped@bad.test"]], "away-stopped-nothing-left")


ZONES = {
    "a.test": Zone(["@ MX 10 mail", "mail A {a}", "mail AAAA {a/6}"]),
    # A domain for each habit: a connection that was good is kept for a moment.
    "bad.test": Zone(["@ MX 10 mail", "* MX 10 mail", "mail A {bad}"]),
}


def main():
    gone = lacks()
    if gone:
        skip("all", f"not without: {gone}")
        finish()
    with SmallNet(hosts=["a", "bad"], zones=ZONES) as net:
        a = net.hearthmail("a", "mail.a.test", ["a.test", "a2.test"])
        text = open(a.config).read().replace(
            "anna@a.test]", 'anna@a.test, anna@a2.test], send_as: ["@elsewhere.test", "@back.bad.test"]')
        a.write_config(text)
        bad = net.badhost("bad", "ok")
        steps = sys.argv[1].split(",") if len(sys.argv) > 1 and sys.argv[1][0] != "-" else None
        with a:
            for name, fn in (("odd", lambda: odd_messages(net, a, bad)),
                             ("tampered", lambda: tampered(a, bad)),
                             ("who", lambda: who(net, a, bad)),
                             ("reports", lambda: reports(net, a, bad)),
                             ("away", lambda: auth_away(net, a, bad)),
                             ("keys", lambda: keys(net, a, bad))):
                if steps is None or name in steps:
                    since = time.monotonic()
                    fn()
                    print(f"  ({name}: {time.monotonic() - since:.1f} s)")
    finish()


if __name__ == "__main__":
    main()
