#!/usr/bin/env python3
"""Aliases that lead to other servers: what leaves verifies there (python3-dkim),
bounces come back to whom they concern, forged ones are refused, junk stays,
loops end, one bad target does not stop the others, and no report has a hidden
address in it.  A small Internet with recorders as the far side."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

from house import finish, skip, verdict, wait_until
from smallnet import SmallNet, Zone, missing
from test_dkim import records as our_records
from test_inbound import Key, send as send_one

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
ALIASES = """aliases:
  club@us.test: [anna, Ben.Private@out.test]
  far@us.test: far.private@out.test
  two@us.test: [one.private@out.test, two.private@other.test]
  all@us.test: [club@us.test, far@us.test, far.private@OUT.test]
  bad@us.test: [no.private@out.test, two.private@other.test]
admin: ben
"""
HIDDEN = re.compile(rb"[a-z]+\.private", re.I)


def without_junk(text):
    """What comes by way of the queue has the filter's field in front of all others."""
    return re.sub(rb"^X-Hearthmail-Junk: .*\r\n(?:[ \t].*\r\n)*", b"", text)


def zones(key):
    spf = '@ TXT "v=spf1 ip4:{sender} -all"'
    dkim = f"s1._domainkey TXT {key.record}"

    def domain(*more):
        return Zone(["@ MX 10 mail", "mail A {sender}", spf, *more])
    return {
        "us.test": Zone(["@ MX 10 mail", "mail A {us}", '@ TXT "v=spf1 mx -all"']),
        "out.test": Zone(["@ MX 10 mail", "mail A {out}"]),
        "other.test": Zone(["@ MX 10 mail", "mail A {other}"]),
        "bank.test": domain('_dmarc TXT "v=DMARC1; p=reject"', dkim),
        "soft.test": domain('_dmarc TXT "v=DMARC1; p=quarantine"'),
        "open.test": domain(dkim),
        "lists.test": Zone(["@ MX 10 mail", "mail A {forger}", dkim, '@ TXT "v=spf1 ip4:{forger} -all"']),
    }


def message(subject, author="x@open.test", body="hello\r\n", extra=""):
    return (f"{extra}From: {author}\r\nTo: club@us.test\r\nSubject: {subject}\r\n"
            f"Date: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{subject}@x.test>\r\n\r\n{body}").encode()


class World:
    def __init__(self, net, us, key):
        self.net, self.us, self.key = net, us, key
        self.out, self.other, self.sender = (net.badhost(h) for h in ("out", "other", "sender"))

    def send(self, to, text, host="sender", sender="x@open.test"):
        """(code, words) of the first reply that is not a yes, or of the end."""
        return send_one(self.net, host, sender, text, to=to)

    def become(self, host, behaviour):
        """When no connection is left that was made under another one."""
        wait_until(lambda: sum({"connect": 1, "end": -1}.get(e["what"], 0) for e in host.events()) == 0)
        host.become(behaviour)

    def got(self, host, subject, n=1):
        """[(event, bytes)] of the messages with that subject at a recorder."""
        def look():
            have = [(e, host.bytes_of(e)) for e in host.messages()]
            have = [(e, b) for e, b in have if f"Subject: {subject}\r\n".encode() in b]
            return have if len(have) >= n else None
        return wait_until(look) or []

    def find(self, user, folder, word, n=1):
        """Messages of an account with that word anywhere in them."""
        def look():
            m = self.us.imap(user)
            try:
                if m.select(folder, readonly=True)[0] != "OK":
                    return None
                ids = m.search(None, "TEXT", f'"{word}"')[1][0].split()
                return [m.fetch(i, "(BODY.PEEK[])")[1][0][1] for i in ids] if len(ids) >= n else None
            finally:
                m.logout()
        return wait_until(look) or []

    def has(self, user, folder, word):
        m = self.us.imap(user)
        try:
            m.select(folder, readonly=True)
            return len(m.search(None, "TEXT", f'"{word}"')[1][0].split())
        finally:
            m.logout()

    def records(self):
        rec = our_records(self.us, "us.test")
        text = "".join(re.findall(r'"([^"]*)"', self.key.record))
        for d in ("bank.test", "open.test", "lists.test"):
            rec[f"s1._domainkey.{d}"] = text
        path = os.path.join(self.us.dir, "records.json")
        with open(path, "w") as f:
            json.dump(rec, f)
        return path

    def verified(self, program, text):
        p = subprocess.run([PYTHON, os.path.join(HERE, program), self.records()], input=text,
                           capture_output=True, timeout=300)
        return p.stdout.decode() + p.stderr.decode()

    def settled(self):
        return wait_until(lambda: self.us.command("queue", "list", "--json").stdout.strip() in ("", "[]"))


def no_report_yet(w, name):
    """Whatever is to be told has been told when a later message has arrived."""
    text = message(f"{name}-later")
    w.send("far@us.test", text)
    w.got(w.out, f"{name}-later")


def forwarded(w):
    body = "hello  \t\r\n\r\n.dot\r\n\xa7 ends without\r\n\r\n\r\n"
    plain = message("forwarded", "x@bank.test", body)
    signed = w.key.sign(plain, "s1", "bank.test")
    said = w.send("club@us.test", signed, sender="x@bank.test")
    verdict(said[0] == 250, "forward-taken", said)
    got = w.got(w.out, "forwarded")
    verdict(len(got) == 1, "forward-arrives", got)
    event, text = got[0]
    verdict(event["to"] == ["Ben.Private@out.test"], "forward-target", event)
    verdict(re.fullmatch(r"SRS0=[a-z2-7]{12}=[a-z2-7]{2}=bank\.test=x@us\.test", event["from"]), "forward-srs", event)
    verdict(text.endswith(signed), "forward-byte-for-byte", text[:3000])
    front = text[:-len(signed)]
    names = re.findall(rb"(?m)^([A-Za-z-]+):", front)
    verdict(names == [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results", b"Received"],
            "forward-adds-nothing-else", front)
    said = w.verified("dkim_verify.py", text)
    verdict(said == "bank.test s1 rsa-sha256 ok\n", "forward-dkim-holds", said)
    said = w.verified("arc_verify.py", text)
    verdict(said.startswith("pass success") and "1 us.test none True True" in said, "forward-arc-verifies", said)
    verdict(re.search(rb"ARC-Authentication-Results: i=1; mail\.us\.test;\s.*dmarc=pass", front, re.S),
            "forward-results-in-the-seal", front)
    own = w.find("anna", "INBOX", "forwarded@x.test")
    verdict(len(own) == 1 and without_junk(own[0]).startswith(b"Return-Path: <x@bank.test>\r\n"
                                                                 b"Authentication-Results: mail.us.test;")
            and own[0].endswith(signed) and b"ARC-" not in own[0], "forward-own-copy", own)


def chain(w):
    """A chain that came in goes on; a broken one is said to be so, once."""
    text = w.key.sign(message("chain", "x@bank.test"), "s1", "bank.test")
    text = (b"Authentication-Results: lists.test; dkim=pass header.d=bank.test; dmarc=pass header.from=bank.test\r\n"
            + text)
    sealed = w.key.seal(text, "s1", "lists.test")
    said = w.send("club@us.test", sealed, "forger", "list@lists.test")
    got = w.got(w.out, "chain")
    said = said, w.verified("arc_verify.py", got[0][1])
    verdict(said[1].startswith("pass success") and "2 us.test pass True True" in said[1] and
            "1 lists.test none True" in said[1], "chain-goes-on", said)
    broken = sealed.replace(b"Subject: chain", b"Subject: broken").replace(b"hello", b"hallo")
    broken = broken.replace(b"x@bank.test", b"x@open.test")
    w.send("club@us.test", broken, "forger", "list@lists.test")
    got = w.got(w.out, "broken")
    verdict(len(got) == 1 and re.search(rb"ARC-Seal: i=2;[^:]*cv=fail", got[0][1]), "chain-broken-is-said", got)
    again = got[0][1].replace(b"Subject: broken", b"Subject: again")
    w.send("far@us.test", again, "forger", "list@lists.test")
    got = w.got(w.out, "again")
    verdict(len(got) == 1 and b"ARC-Seal: i=3" not in got[0][1], "chain-broken-once", got)


def targets(w):
    """Whom aliases of aliases lead to, each once; +detail; both kinds in one transaction."""
    w.send("all+x@us.test", message("targets"))
    got = w.got(w.out, "targets", 1)
    to = wait_until(lambda: (t := sorted(a for e, _ in w.got(w.out, "targets") for a in e["to"])) and len(t) == 2 and t)
    verdict(to == ["Ben.Private@out.test", "far.private@out.test"], "targets-each-once", (to, got))
    verdict(len(w.find("anna", "INBOX", "targets@x.test")) == 1, "targets-local")
    w.send("two@us.test", message("both"))
    verdict(len(w.got(w.out, "both")) == 1 and len(w.got(w.other, "both")) == 1, "targets-at-two-servers")
    with_null = w.send("far@us.test", message("null"), sender="")
    got = w.got(w.out, "null")
    verdict(with_null[0] == 250 and got[0][0]["from"] == "", "null-sender-stays", got)


def said_by_check(w):
    r = w.us.command("check")
    verdict(r.returncode == 0 and re.search(r"club@us\.test +anna Ben\.Private@out\.test  \(alias, forwards\)", r.stdout)
            and "policy of reject" in r.stdout, "check-says-what-is-forwarded", r.stdout + r.stderr)
    plain = open(w.us.config).read()
    for line, error in (("aliases: { a@us.test: x@out.test }\nrelay: off\n", "`relay: off`"),
                        ("catch_all: x@out.test\n", "not an address"),
                        ("aliases: { a@us.test: x@mail.us.test }\n", "this server itself")):
        text = plain.replace(ALIASES, "") + line
        w.us.write_config(text)
        r = w.us.command("check")
        verdict(r.returncode == 78 and error in r.stderr, "check-refuses-" + re.sub("[^a-z]+", "-", error).strip("-"), r.stderr)
    w.us.write_config(plain)


def own_people(w):
    """Our own people write to an alias: their signature holds, and their address is not given away for bounces."""
    s = w.us.submit("ben")
    text = message("own", "ben@us.test")
    s.sendmail("ben@us.test", ["club@us.test"], text)
    s.quit()
    event, got = w.got(w.out, "own")[0]
    said = w.verified("dkim_verify.py", got)
    verdict(said.count(" ok\n") == 2 and "us.test" in said, "own-is-signed", (said, got))
    verdict(event["from"].startswith("SRS0=") and event["from"].endswith("=us.test=ben@us.test"), "own-srs", event)
    verdict(w.find("anna", "INBOX", "own@x.test"), "own-local-copy")


def bounce_text(address, subject, action="failed"):
    return (f"From: MAILER-DAEMON@out.test\r\nTo: x@open.test\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n\r\n'
            f"Sorry, {address} is not known.\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
            f"Reporting-MTA: dns; mail.out.test\r\n\r\nFinal-Recipient: rfc822; {address}\r\nAction: {action}\r\n"
            f"Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <{address}>: no such person\r\n\r\n--b\r\n"
            f"Content-Type: text/rfc822-headers\r\n\r\nReceived: for <{address}>\r\nSubject: {subject}\r\n"
            f"Message-ID: <{subject}@x.test>\r\n\r\n--b--\r\n").encode()


def bounces(w):
    """What comes back to the addresses under which mail was forwarded."""
    w.send("far@us.test", message("returns"))
    back = w.got(w.out, "returns")[0][0]["from"]
    said = w.send(back, bounce_text("far.private@out.test", "returns"), "out", "")
    verdict(said[0] == 250, "bounce-taken", said)
    told = w.got(w.sender, "Your message was not delivered")
    told = [b for e, b in told if b"returns" in b]
    verdict(len(told) == 1 and b"far@us.test" in told[0] and not HIDDEN.search(told[0]), "bounce-author-is-told", told)
    plain = "Subject: failure notice\r\n\r\n<far.private@out.test>: no mailbox. returns-in-words\r\n".encode()
    said = w.send(back, plain, "out", "")
    told = wait_until(lambda: [b for e in w.sender.messages() if b"returns-in-words" in (b := w.sender.bytes_of(e))])
    verdict(said[0] == 250 and told and b"far@us.test" in told[0] and not HIDDEN.search(told[0]), "bounce-in-words", told)
    w.send("club@us.test", message("returned"))
    back = w.got(w.out, "returned")[0][0]["from"]
    said = w.send(back.swapcase(), bounce_text("ben.private@out.test", "returned"), "out", "")
    verdict(said[0] == 250, "bounce-in-another-case", said)
    told = w.find("anna", "INBOX", "has come back from the server")
    verdict(len(told) == 1 and b'"returned"' in told[0] and b"club@us.test" in told[0] and b"5.1.1" in told[0] and
            not HIDDEN.search(told[0]), "bounce-owner-is-told", told)
    said = w.send(back, bounce_text("ben.private@out.test", "x"), "out", "ben@out.test")
    verdict(said[0] == 550 and b"bounces" in said[1], "bounce-only-from-nobody", said)
    said = w.send(back.replace("=x@", "=y@"), bounce_text("ben.private@out.test", "x"), "out", "")
    verdict(said[0] == 550 and b"not an address" in said[1], "bounce-forged-is-refused", said)
    said = w.send("SRS1=aaaaaaaa=victim.test==bbbbbbbb=cc=x.test=y@us.test", b"x", "out", "")
    verdict(said[0] == 550, "bounce-forged-srs1-is-refused", said)
    away = message("holiday", "Ben <ben.private@out.test>", "I am away.\r\n-- \r\nBen.Private@Out.Test\r\n")
    w.send(back, away, "out", "")
    told = w.find("anna", "INBOX", "holiday@x.test")
    verdict(len(told) == 1 and b"has answered it" in told[0] and b"I am away" in told[0] and not HIDDEN.search(told[0]),
            "bounce-that-is-none-goes-to-the-owner", told)
    w.send(back, bounce_text("ben.private@out.test", "slow", "delayed"), "out", "")
    told = w.find("anna", "INBOX", "slow@x.test")
    verdict(len(told) == 1 and b"delay" in told[0] and not HIDDEN.search(told[0]), "bounce-of-a-delay", told)
    w.us.restart()
    said = w.send(back, bounce_text("ben.private@out.test", "restarted"), "out", "")
    verdict(said[0] == 250 and w.find("anna", "INBOX", '\\"restarted\\"'), "bounce-after-a-restart", said)
    verdict(not [b for _, b in w.got(w.sender, "Your message was not delivered") if b"returned" in b],
            "bounce-author-is-not-told")


def second_forwarder(w):
    """From another forwarder: back to the first of them."""
    w.send("far@us.test", message("srs1"), sender="SRS0=abcdefgh=aa=x.test=y@open.test")
    back = w.got(w.out, "srs1")[0][0]["from"]
    verdict(re.fullmatch(r"SRS1=[a-z2-7]{14}=open\.test==abcdefgh=aa=x\.test=y@us\.test", back), "srs1", back)
    w.send(back, bounce_text("far.private@out.test", "srs1"), "out", "")
    got = wait_until(lambda: [e for e in w.sender.messages() if e["to"] == ["SRS0=abcdefgh=aa=x.test=y@open.test"]])
    verdict(got, "srs1-comes-back", w.sender.messages())


def refused(w):
    """A target that fails: the others get it, and the right people are told."""
    w.become(w.out, "refuse")
    w.send("club@us.test", message("refused"))
    told = w.find("anna", "INBOX", "was not forwarded")
    verdict(len(told) == 1 and b'"refused" from x@open.test to club@us.test' in told[0] and b"out.test" in told[0] and
            not HIDDEN.search(told[0]) and b"refused@x.test" in told[0], "refused-owner-is-told", told)
    verdict(w.find("anna", "INBOX", "refused@x.test"), "refused-others-have-it")
    w.send("two@us.test", message("half"))
    verdict(len(w.got(w.other, "half")) == 1, "half-one-gets-it")
    told = w.find("ben", "INBOX", "half@x.test")
    verdict(len(told) == 1 and not HIDDEN.search(told[0]) and b"was not forwarded" in told[0], "half-admin-is-told",
            told)
    w.send("far@us.test", message("alone"))
    got = [b for _, b in w.got(w.sender, "Your message was not delivered", 1) if b"alone" in b] or \
        wait_until(lambda: [b for _, b in w.got(w.sender, "Your message was not delivered") if b"alone" in b])
    verdict(got and b"far@us.test" in got[0] and not HIDDEN.search(got[0]) and b"out.test" not in got[0],
            "alone-author-is-told", got)
    # Forged: open.test has an SPF record that does not allow that host.
    w.send("far@us.test", message("forged"), "forger")
    told = w.find("ben", "INBOX", "forged@x.test")
    verdict(len(told) == 1 and not HIDDEN.search(told[0]), "forged-admin-is-told", told)
    # Nobody else has it, and it is too large for a report.
    w.send("far@us.test", message("forged-large", body="0123456789\r\n" * 40000), "forger")
    have = w.find("ben", "INBOX", "forged-large@x.test", 2)
    verdict(len(have) == 2 and any(m.endswith(b"0123456789\r\n" * 40000) for m in have), "forged-large-is-kept",
            [m[:1500] for m in have])
    s = w.us.submit("anna")
    s.sendmail("anna@us.test", ["far@us.test"], message("own-refused", "anna@us.test"))
    s.quit()
    told = w.find("anna", "INBOX", "own-refused@x.test")
    verdict(len(told) == 1 and b'"own-refused" to far@us.test was not delivered' in told[0] and
            not HIDDEN.search(told[0]), "own-author-is-told", told)
    w.become(w.out, "ok")
    no_report_yet(w, "refused")
    reports = [b for e in w.sender.messages() for b in [w.sender.bytes_of(e)]]
    verdict(not [b for b in reports if re.search(rb"refused@x|half@x|forged@x", b)], "refused-author-is-not-told",
            reports)
    verdict(not [b for b in reports if HIDDEN.search(b)], "no-report-has-a-hidden-address", reports)


def kept(w):
    """p=reject and no signature: the far side would refuse it."""
    said = w.send("club@us.test", message("kept", "x@bank.test"), sender="x@bank.test")
    told = w.find("anna", "INBOX", "would refuse it")
    verdict(said[0] == 250 and len(told) == 1 and b"out.test would refuse it" in told[0].replace(b"=\r\n", b"") and
            not HIDDEN.search(told[0]), "kept-owner-is-told", (said, told))
    verdict(w.find("anna", "INBOX", "kept@x.test"), "kept-own-copy")
    w.send("far@us.test", message("kept-by-admin", "x@bank.test"), sender="x@bank.test")
    have = w.find("ben", "INBOX", "kept-by-admin@x.test", 2)
    verdict(len([m for m in have if without_junk(m).startswith(b"Return-Path: <x@bank.test>")]) == 1 and len(have) == 2,
            "kept-by-the-admin", have)
    no_report_yet(w, "kept")
    out = [w.out.bytes_of(e) for e in w.out.messages()]  # four letters alone may be in a signature
    verdict(not [m for m in out if re.search(rb"kept(-by-admin)?@x\.test", m)], "kept-is-not-sent", out)


def junk(w):
    said = w.send("club@us.test", message("junk", "x@soft.test"), "forger", "x@soft.test")
    verdict(said[0] == 250 and w.find("anna", "Junk", "junk@x.test"), "junk-stays", said)
    w.send("far@us.test", message("far-junk", "x@soft.test"), "forger", "x@soft.test")
    verdict(w.find("ben", "Junk", "far-junk@x.test"), "junk-for-the-admin")
    said = w.send("club@us.test", message("forgery", "x@bank.test"), "forger", "x@bank.test")
    verdict(said[0] == 550, "junk-refused", said)
    no_report_yet(w, "junk")
    verdict(not [1 for e in w.out.messages() if re.search(rb"junk@x|forgery", w.out.bytes_of(e))], "junk-is-not-sent")
    verdict(not w.has("anna", "INBOX", "was not forwarded to the address at out.test: junk"), "junk-nobody-is-told")


def loops(w):
    w.send("club@us.test", message("loop"))
    event, text = w.got(w.out, "loop")[0]
    said = w.send("club@us.test", text, "out", event["from"])
    verdict(said[0] == 554 and b"loop" in said[1], "loop-ends", said)
    said = w.send("far@us.test", text, "out", event["from"])
    verdict(said[0] == 250 and len(w.got(w.out, "loop", 2)) == 2, "loop-is-of-one-alias", said)
    verdict(w.has("anna", "INBOX", "loop@x.test") == 1, "loop-one-copy")


def odd(w):
    """Large, 8-bit, from this machine itself, without auth for a moment, after a reload."""
    large = w.key.sign(message("large", "x@bank.test", "0123456789 abc\r\n" * 250000), "s1", "bank.test")
    w.send("club@us.test", large, sender="x@bank.test")
    got = w.got(w.out, "large")
    said = w.verified("arc_verify.py", got[0][1]), w.verified("dkim_verify.py", got[0][1])
    verdict(got[0][1].endswith(large) and said[0].startswith("pass") and said[1].endswith(" ok\n"), "odd-large", said)
    eight = message("eight-bit", body="gr\xfc\xdfe\r\n")
    w.become(w.out, "no-8bitmime")
    w.send("club@us.test", eight)
    told = w.find("anna", "INBOX", "eight-bit@x.test", 2)
    verdict(len(told) == 2 and any(b"was not forwarded" in m for m in told) and
            not [1 for e in w.out.messages() if b"eight-bit" in w.out.bytes_of(e)], "odd-eight-bit-is-not-converted", told)
    w.become(w.out, "ok")
    r = w.us.command("sendmail", "far@us.test", input="Subject: cron\n\nhello\n")
    got = w.got(w.out, "cron")
    verdict(r.returncode == 0 and len(got) == 1 and w.verified("arc_verify.py", got[0][1]).startswith("pass") and
            b"mail.us.test; none" in got[0][1], "odd-from-this-machine", (r, got))
    w.us.kill("auth")
    w.send("far@us.test", message("auth-killed"))
    got = w.got(w.out, "auth-killed")
    verdict(len(got) == 1 and w.verified("arc_verify.py", got[0][1]).startswith("pass"), "odd-auth-killed", got)
    w.become(w.out, "defer")
    w.send("club@us.test", message("reloaded"))
    wait_until(lambda: re.search(r"queue.attempt item=\d+ to=\S+ code=450", w.us.log()))
    item = re.findall(r"queue.attempt item=(\d+) to=\S+ code=450", w.us.log())[-1]
    shown = w.us.command("queue", "show", item).stdout
    verdict("(forwarded for club@us.test)" in shown, "odd-queue-show", shown)
    plain = open(w.us.config).read()
    w.us.write_config(plain.replace("Ben.Private@out.test", "new.private@out.test"))
    w.us.command("reload")
    w.become(w.out, "ok")
    w.us.command("queue", "retry", item)
    got = w.got(w.out, "reloaded")
    verdict(len(got) == 1 and got[0][0]["to"] == ["Ben.Private@out.test"], "odd-reloaded", got)
    w.us.write_config(plain)
    w.us.command("reload")


def relay(w):
    """By way of a smarthost, too."""
    plain = open(w.us.config).read()
    w.us.write_config(plain + f"relay: {{ host: {w.net.ip['other']}, port: 25, tls: off }}\n")
    verdict(w.us.command("reload").returncode == 0, "relay-reload")
    w.send("club@us.test", message("relayed"))
    got = w.got(w.other, "relayed")
    verdict(len(got) == 1 and got[0][0]["to"] == ["Ben.Private@out.test"] and got[0][0]["from"].startswith("SRS0=")
            and w.verified("arc_verify.py", got[0][1]).startswith("pass"), "relayed", got)
    w.us.write_config(plain)
    w.us.command("reload")


def main():
    if subprocess.run([PYTHON, "-c", "import authres, dkim"], capture_output=True).returncode:
        verdict(False, "forward", "python3-dkim or python3-authres is not installed; etc/setup test installs them")
        finish()
    gone = missing()
    if gone:
        skip("all", f"not without: {gone}")
        finish()
    with tempfile.TemporaryDirectory() as folder:
        key = Key(folder)
        with SmallNet(hosts=["us", "out", "other", "sender", "forger"], zones=zones(key)) as net:
            us = net.hearthmail("us", "mail.us.test", ["us.test"], extra=ALIASES)
            with us:
                w = World(net, us, key)
                for fn in (forwarded, chain, targets, said_by_check, own_people, bounces, second_forwarder, refused, kept, junk, loops, odd,
                           relay):
                    if len(sys.argv) < 2 or fn.__name__ in sys.argv[1].split(","):
                        since = time.monotonic()
                        fn(w)
                        print(f"  ({fn.__name__}: {time.monotonic() - since:.1f} s)")
    finish()


if __name__ == "__main__":
    main()
