#!/usr/bin/env python3
"""What arrives on port 25 is judged: forged mail is refused or goes into Junk
as the owner of its domain asks, and results are noted once.  Signed by
python3-dkim; names of a small Internet with policies of every kind."""
import base64
import os
import re
import signal
import smtplib
import subprocess
import sys
import tempfile
import time

from house import finish, skip, verdict, wait_until
from smallnet import SmallNet, Zone, missing

PYTHON = "/usr/bin/python3"
SIGN = """
import sys, dkim
key, selector, domain = sys.argv[1:4]
message = sys.stdin.buffer.read()
sys.stdout.buffer.write(dkim.sign(message, selector.encode(), domain.encode(), open(key, "rb").read(),
                        include_headers=[b"from", b"to", b"subject", b"date"]) + message)
"""


SEAL = """
import sys, dkim
key, selector, domain = sys.argv[1:4]
message = sys.stdin.buffer.read()
fields = dkim.arc_sign(message, selector.encode(), domain.encode(), open(key, "rb").read(), domain.encode(),
                       include_headers=[b"from", b"to", b"subject", b"date"])
sys.stdout.buffer.write(b"".join(fields) + message)
"""


class Key:
    """An RSA key and the record that others verify with."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "key.pem")
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", self.path, "2048"], check=True,
                       capture_output=True)
        der = subprocess.run(["openssl", "rsa", "-in", self.path, "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        p = base64.b64encode(der).decode()
        self.record = " ".join(f'"{x}"' for x in ["v=DKIM1; k=rsa; p=" + p[:200], p[200:]])

    def sign(self, message, selector, domain):
        return self.run(SIGN, message, selector, domain)

    def seal(self, message, selector, domain):
        """As a forwarder does [RFC 8617]; its own results must be on the message."""
        return self.run(SEAL, message, selector, domain)

    def run(self, program, message, selector, domain):
        p = subprocess.run([PYTHON, "-c", program, self.path, selector, domain], input=message, check=True,
                           capture_output=True)
        return p.stdout.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def zones(key):
    def domain(*records, kind="signed"):
        return Zone(["@ MX 10 mail", "mail A {sender}", *records], kind)
    spf = '@ TXT "v=spf1 ip4:{sender} -all"'
    return {
        "us.test": Zone(["@ MX 10 mail", "mail A {us}", "mail AAAA {us/6}"]),
        "bank.test": domain(spf, '_dmarc TXT "v=DMARC1; p=reject"', f"s1._domainkey TXT {key.record}"),
        "soft.test": domain(spf, '_dmarc TXT "v=DMARC1; p=quarantine"'),
        "trial.test": domain(spf, '_dmarc TXT "v=DMARC1; p=reject; t=y"'),
        "open.test": domain(spf),
        "alias.test": domain(spf, "_dmarc CNAME _dmarc.bank.test.", "s2._domainkey CNAME s1._domainkey.bank.test."),
        "lists.test": Zone(["@ MX 10 mail", "mail A {forger}", f"s1._domainkey TXT {key.record}",
                            '@ TXT "v=spf1 ip4:{forger} -all"']),
        "bank2.test": Zone([f"s1._domainkey TXT {key.record}", "@ MX 10 mail", "mail A {sender}"]),
        "twice.test": domain('@ TXT "v=spf1 -all"', '@ TXT "v=spf1 +all"'),
        "circle.test": domain('@ TXT "v=spf1 include:circle.test -all"'),
        "bogus.test": domain(spf, '_dmarc TXT "v=DMARC1; p=reject"', kind="bogus"),
        "lame.test": domain(kind="lame"),
    }


def message(author, subject, extra=""):
    return (f"{extra}From: {author}\r\nTo: anna@us.test\r\nSubject: {subject}\r\n"
            f"Date: Mon, 30 Nov 2026 12:00:00 +0000\r\n\r\nhello\r\n").encode()


def send(net, host, sender, text, helo="mail.bank.test", to="anna@us.test"):
    """(code, words) of the message's end, or of a recipient that is refused."""
    with net.inside(host):
        s = smtplib.SMTP(net.ip["us"], 25, timeout=120, local_hostname=helo)
    try:
        s.ehlo()
        s.mail(sender)
        said = s.rcpt(to)
        return s.data(text) if said[0] == 250 else said
    except smtplib.SMTPDataError as e:
        return e.smtp_code, e.smtp_error
    finally:
        s.close()


def find(us, subject, folder):
    m = us.imap()
    m.select(folder, readonly=True)
    numbers = m.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
    text = m.fetch(numbers[-1], "(BODY.PEEK[])")[1][0][1] if numbers else b""
    m.logout()
    return text


def results(text):
    """{method: result} of the one field that is ours."""
    head = re.sub(rb"\r\n[ \t]+", b" ", text.split(b"\r\n\r\n")[0])
    ours = [l for l in head.split(b"\r\n") if l.startswith(b"Authentication-Results: mail.us.test")]
    if len(ours) != 1:
        return {"fields": len(ours)}
    # The first SPF is that of the sender, the second of HELO.
    return dict(reversed(re.findall(r"; ?(\w+)=(\w+)", ours[0].decode())))


def judged(net, us, key):
    rows = [
        # name, from which host, envelope, the message, signed as, code, folder, results
        ("true", "sender", "x@bank.test", "x@bank.test", None, 250, "INBOX", {"spf": "pass", "dmarc": "pass"}),
        ("forged", "forger", "x@bank.test", "x@bank.test", None, 550, None, {}),
        ("forged-with-a-name", "forger", "y@open.test", "Bank <x@bank.test>", None, 550, None, {}),
        ("signed-elsewhere", "forger", "list@open.test", "x@bank.test", ("s1", "bank.test"), 250, "INBOX",
         {"dkim": "pass", "dmarc": "pass"}),
        ("unknown-selector", "forger", "list@open.test", "x@bank.test", ("s9", "bank.test"), 550, None, {}),
        ("quarantine", "forger", "x@soft.test", "x@soft.test", None, 250, "Junk", {"dmarc": "fail"}),
        ("testing-is-one-step-less", "forger", "x@trial.test", "x@trial.test", None, 250, "Junk", {"dmarc": "fail"}),
        ("no-policy", "forger", "x@open.test", "x@open.test", None, 250, "INBOX", {"spf": "fail", "dmarc": "none"}),
        ("by-cname", "forger", "x@alias.test", "x@alias.test", None, 550, None, {}),
        ("key-by-cname", "forger", "x@open.test", "x@alias.test", ("s2", "alias.test"), 250, "INBOX",
         {"dkim": "pass", "dmarc": "pass"}),
        ("subdomain", "forger", "x@a.b.bank.test", "x@a.b.bank.test", None, 550, None, {}),
        ("two-records", "forger", "x@twice.test", "x@twice.test", None, 250, "INBOX", {"spf": "permerror"}),
        ("circle", "forger", "x@circle.test", "x@circle.test", None, 250, "INBOX", {"spf": "permerror"}),
        ("bogus", "sender", "x@bogus.test", "x@bogus.test", None, 451, None, {}),
        ("lame", "sender", "x@lame.test", "x@lame.test", None, 451, None, {}),
        ("two-authors", "sender", "x@bank.test", "x@bank.test, y@open.test", None, 550, None, {}),
    ]
    for name, host, sender, author, signed, code, folder, want in rows:
        text = message(author, name)
        if signed:
            text = key.sign(text, *signed)
        said = send(net, host, sender, text)
        verdict(said[0] == code, f"{name}-{code}", said)
        if code == 250:
            got = wait_until(lambda: find(us, name, folder))
            have = results(got)
            verdict(all(have.get(k) == v for k, v in want.items()) and got.endswith(text),
                    f"{name}-noted", (have, got[:1500]))
        else:
            verdict(not find(us, name, "INBOX") and not find(us, name, "Junk"), f"{name}-not-kept")
    said = send(net, "forger", "x@bank.test", message("x@bank.test", "words"))
    verdict(b"5.7.26" in said[1] and b"bank.test" in said[1] and b"DMARC" in said[1], "refused-in-words", said)


def changed(net, us, key):
    """A signed byte that was changed is noticed."""
    signed = key.sign(message("x@bank.test", "changed"), "s1", "bank.test")
    for name, other in (("body", signed.replace(b"hello", b"hallo")), ("subject", signed.replace(b"changed", b"Changed")),
                        ("from", signed.replace(b"From: x@", b"From: y@"))):
        said = send(net, "forger", "x@open.test", other)
        verdict(other != signed and said[0] == 550, f"changed-{name}", said)


def forged_results(net, us):
    """Results in our name that somebody else has written are gone; others' stay."""
    extra = ("Authentication-Results: mail.us.test; dmarc=pass header.from=bank.test\r\n"
             "Authentication-Results: (x) MAIL.US.TEST ; spf=pass\r\n"
             "Authentication-Results: elsewhere.test; spf=pass\r\n")
    said = send(net, "forger", "x@open.test", message("x@open.test", "results", extra))
    verdict(said[0] == 250, "forged-results-taken", said)
    got = wait_until(lambda: find(us, "results", "INBOX"))
    have = results(got)
    verdict(have.get("dmarc") == "none" and got.lower().count(b"mail.us.test;") == 1 and
            b"elsewhere.test; spf=pass" in got, "forged-results-are-gone", got[:1500])
    verdict(got.startswith(b"Return-Path: <x@open.test>\r\nAuthentication-Results: mail.us.test;"),
            "results-on-top", got[:200])


def wishes(net, us):
    """inbound.dmarc: taken up by a reload."""
    plain = open(us.config).read()
    for word, folder in (("junk", "Junk"), ("note", "INBOX"), ("off", "INBOX")):
        us.write_config(plain + f"inbound: {{ dmarc: {word} }}\n")
        r = us.command("reload")
        verdict(r.returncode == 0, f"wish-{word}-reload", r.stderr)
        name = f"wish-{word}"
        said = send(net, "forger", "x@bank.test", message("x@bank.test", name))
        got = wait_until(lambda: find(us, name, folder))
        verdict(said[0] == 250 and got and (results(got).get("dmarc") == "fail") == (word != "off"), name,
                (said, got[:800]))
    us.write_config(plain)
    us.command("reload")


def chains(net, us, key):
    """A list has changed the message; its word counts if the owner says so."""
    plain = open(us.config).read()

    def passed_on(subject, said="pass", spoil=False):
        text = key.sign(message("x@bank.test", "first"), "s1", "bank.test").replace(b"first", subject.encode())
        text = (f"Authentication-Results: lists.test; dkim=pass header.d=bank.test; "
                f"dmarc={said} header.from=bank.test\r\n").encode() + text
        text = key.seal(text, "s1", "lists.test")
        if spoil:
            text = text.replace(b"hello", b"hallo")
        return send(net, "forger", "list@lists.test", text, "mail.lists.test")
    said = passed_on("chain-of-nobody")
    verdict(said[0] == 550, "chain-that-nobody-trusts", said)
    us.write_config(plain + "inbound: { trust_arc: [Lists.Test] }\n")
    r = us.command("reload")
    verdict(r.returncode == 0, "chain-reload", r.stderr)
    said = passed_on("chain-trusted")
    got = wait_until(lambda: find(us, "chain-trusted", "INBOX"))
    have = results(got)
    verdict(said[0] == 250 and have.get("arc") == "pass" and have.get("dmarc") == "fail", "chain-trusted",
            (said, have, got[:1500]))
    verdict(wait_until(lambda: "arc=pass(trusted)" in us.log()), "chain-trusted-is-logged")
    said = passed_on("chain-that-failed", "fail")
    verdict(said[0] == 550, "chain-that-says-fail", said)
    said = passed_on("chain-broken", spoil=True)
    verdict(said[0] == 550, "chain-broken", said)
    us.write_config(plain)
    us.command("reload")


def lists(net, us, key):
    """A list that changes what it passes on is believed where the owner has named it, if it signs its mail."""
    plain = open(us.config).read()
    fields = "List-Id: The Club <club.lists.test>\r\nList-Post: <mailto:club@lists.test>\r\n"

    def from_list(subject, by="lists.test", sender="club-bounces@lists.test", host="forger"):
        text = message("x@bank.test", "[club] " + subject, fields)
        if by:
            text = key.sign(text, "s1", by)
        return send(net, host, sender, text, "mail.lists.test")
    said = from_list("unknown-list")
    verdict(said[0] == 550, "list-that-nobody-knows", said)
    for n, entry in enumerate(["Club@Lists.Test", "lists.test", "club.lists.test"]):
        us.write_config(plain + f"inbound: {{ lists: [{entry}] }}\n")
        r = us.command("reload")
        verdict(r.returncode == 0, f"list-named-{n}-reload", r.stderr)
        said = from_list(f"named-list-{n}")
        got = wait_until(lambda: find(us, f"named-list-{n}", "INBOX"))
        have = results(got)
        verdict(said[0] == 250 and have.get("dkim") == "pass" and have.get("dmarc") == "fail" and
                b"policy.override=mailing_list" in got and b"policy.list=club@lists.test" in got, f"list-named-{n}",
                (said, have, got[:1500]))
    verdict(wait_until(lambda: "list=club@lists.test" in us.log()), "list-is-logged")
    said = from_list("list-unsigned", by=None)
    verdict(said[0] == 550, "list-without-a-signature", said)
    said = from_list("list-by-another", by="bank2.test")
    verdict(said[0] == 550, "list-signed-by-another-domain", said)
    said = from_list("list-replayed", sender="x@open.test", host="sender")
    verdict(said[0] == 550, "list-fields-that-are-not-signed-from-elsewhere", said)
    us.write_config(plain)
    us.command("reload")


def known(net, us, key):
    """A list that somebody here has written to is known, also after a restart; another one of its host is not."""
    def from_list(subject, name):
        fields = f"List-Id: <{name}.lists.test>\r\nList-Post: <mailto:{name}@lists.test>\r\n"
        text = key.sign(message("x@bank.test", subject, fields), "s1", "lists.test")
        return send(net, "forger", f"{name}-bounces@lists.test", text, "mail.lists.test")
    said = from_list("known-not-yet", "dance")
    verdict(said[0] == 550, "list-not-known-yet", said)
    s = us.submit("ben")
    s.sendmail("ben@us.test", ["Dance-join@lists.test"],
               "From: ben@us.test\r\nTo: dance-join@lists.test\r\nSubject: join\r\n\r\nplease\r\n")
    s.quit()
    said = from_list("known-now", "dance")
    got = wait_until(lambda: find(us, "known-now", "INBOX"))
    verdict(said[0] == 250 and b"policy.override=mailing_list" in got and b"policy.list=dance@lists.test" in got,
            "list-known", (said, got[:1500]))
    said = from_list("another-list", "spam")
    verdict(said[0] == 550, "another-list-of-its-host", said)
    us.kill("queue")
    said = wait_until(lambda: from_list("known-again", "dance")[0] == 250)
    verdict(said and wait_until(lambda: find(us, "known-again", "INBOX")), "list-known-after-a-restart", us.log()[-2000:])
    # Who cannot find out asks to come again.
    us.kill("queue", signal.SIGSTOP)
    try:
        said = from_list("known-silent", "dance")
    finally:
        us.kill("queue", signal.SIGCONT)
    verdict(said[0] == 451 and b"4.3.0" in said[1], "list-cannot-be-asked-for", said)


def names_away(net, us):
    """A name service that dies costs no mail."""
    us.kill("dns")
    since = time.monotonic()
    said = send(net, "sender", "x@bank.test", message("x@bank.test", "names-killed"))
    verdict(said[0] in (250, 451), "names-killed-is-answered", (said, time.monotonic() - since))
    said = wait_until(lambda: send(net, "sender", "x@bank.test", message("x@bank.test", "names-again"))[0] == 250)
    verdict(said, "names-killed-come-back")
    got = wait_until(lambda: find(us, "names-again", "INBOX"))
    verdict(results(got).get("dmarc") == "pass", "names-killed-noted", got[:800])


def main():
    if subprocess.run([PYTHON, "-c", "import authres, dkim"], capture_output=True).returncode:
        verdict(False, "inbound", "python3-dkim or python3-authres is not installed; etc/setup test installs them")
        finish()
    gone = missing()
    if gone:
        skip("all", f"not without: {gone}")
        finish()
    with tempfile.TemporaryDirectory() as folder:
        key = Key(folder)
        with SmallNet(hosts=["us", "sender", "forger"], zones=zones(key)) as net:
            us = net.hearthmail("us", "mail.us.test", ["us.test"])
            with us:
                for name, fn in (("judged", lambda: judged(net, us, key)), ("changed", lambda: changed(net, us, key)),
                                 ("forged_results", lambda: forged_results(net, us)),
                                 ("wishes", lambda: wishes(net, us)), ("lists", lambda: lists(net, us, key)), ("known", lambda: known(net, us, key)), ("chains", lambda: chains(net, us, key)),
                                 ("names_away", lambda: names_away(net, us))):
                    if len(sys.argv) < 2 or name in sys.argv[1].split(","):
                        since = time.monotonic()
                        fn()
                        print(f"  ({name}: {time.monotonic() - since:.1f} s)")
    finish()


if __name__ == "__main__":
    main()
