#!/usr/bin/env python3
"""Mail as large providers and mailing list programs really write it, signed by python3-dkim: what each has in
common with its kind (names in h=, canonicalization, several signatures, what a list changes) must be judged as its
sender means it."""
import subprocess
import sys
import tempfile
import time

from house import finish, skip, verdict, wait_until
from smallnet import SmallNet, Zone, missing
from test_inbound import PYTHON, Key, find, results, send

SIGN = """
import sys, dkim
key, selector, domain, canon, names, extra = sys.argv[1:7]
message = sys.stdin.buffer.read()
header, body = canon.split("/")
sys.stdout.buffer.write(dkim.sign(message, selector.encode(), domain.encode(), open(key, "rb").read(),
                        canonicalize=(header.encode(), body.encode()), length=extra == "l",
                        include_headers=[n.encode() for n in names.split(":")]) + message)
"""

PLAIN = "from:to:subject:date:message-id:mime-version:content-type"


class Signer(Key):
    def put(self, message, domain, names=PLAIN, canon="relaxed/relaxed", selector="s1", extra=""):
        p = subprocess.run([PYTHON, "-c", SIGN, self.path, selector, domain, canon, names, extra], input=message,
                           check=True, capture_output=True)
        return p.stdout.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def zones(key):
    def domain(*records):
        return Zone(["@ MX 10 mail", "mail A {sender}", f"s1._domainkey TXT {key.record}", *records])
    own = '@ TXT "v=spf1 ip4:{sender} -all"'
    away = '@ TXT "v=spf1 -all"'  # it sends from elsewhere
    reject = '_dmarc TXT "v=DMARC1; p=reject"'
    return {
        "us.test": Zone(["@ MX 10 mail", "mail A {us}", "mail AAAA {us/6}"]),
        "author.test": domain(away, reject),
        "yahoo.test": domain(own, reject),
        "icloud.test": domain(own, '_dmarc TXT "v=DMARC1; p=quarantine; sp=quarantine"'),
        "shop.test": domain(away, reject),
        "ses.test": domain(own),
        "groups.test": domain(own, '_dmarc TXT "v=DMARC1; p=none"'),
        "lists.test": domain(own),
        "outlook.test": domain(own, reject),
        "tenant.test": domain(own, reject),
    }


def letter(author, subject, extra="", body="Hello,\r\n\r\nthis is it.\r\n", to="anna@us.test"):
    return (f"{extra}From: {author}\r\nTo: {to}\r\nSubject: {subject}\r\n"
            f"Date: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{subject.split()[-1]}@author.test>\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}").encode()


def put_on(text, fields):
    return fields.encode() + text


LIST_FIELDS = ("Precedence: list\r\nList-Id: {desc}<club.{domain}>\r\nList-Post: <mailto:club@{domain}>\r\n"
               "List-Unsubscribe: <mailto:club-leave@{domain}>\r\nList-Help: <mailto:club-request@{domain}?subject=help>"
               "\r\nList-Archive: <https://{domain}/club>\r\n")
LIST_NAMES = ("from:to:subject:date:message-id:list-id:list-post:list-unsubscribe:list-help:list-archive:precedence:"
              "sender:reply-to")


def google_group(k, subject):
    """The author's signature breaks at the footer; the group's covers its own fields, and it seals."""
    text = k.put(letter("Ben <ben@author.test>", subject), "author.test")
    text = text.replace(b"this is it.\r\n", b"this is it.\r\n\r\n-- \r\nYou received this message because you are "
                        b"subscribed to the group.\r\n")
    text = put_on(text, "Mailing-list: list club@groups.test; contact club+owners@groups.test\r\n"
                  "X-Google-Group-Id: 123456789\r\nX-Original-Sender: ben@author.test\r\nSender: club@groups.test\r\n"
                  "List-Post: <https://groups.test/group/club/post>,\r\n <mailto:club@groups.test>\r\n"
                  "List-ID: <club.groups.test>\r\nPrecedence: list\r\n")
    names = ("from:to:subject:date:message-id:mime-version:x-original-sender:precedence:mailing-list:list-id:list-post:"
             "sender")
    return k.put(text, "groups.test", names)


def mailman2(k, subject):
    """A prefix and a footer; the author's signature is left, broken; the host signs as opendkim does."""
    text = k.put(letter("Ben <ben@author.test>", subject), "author.test")
    text = text.replace(b"Subject: ", b"Subject: [Club] ")
    text += b"_______________________________________________\r\nClub mailing list\r\nclub@lists.test\r\n"
    text = put_on(text, "X-Mailman-Version: 2.1.39\r\nErrors-To: club-bounces@lists.test\r\n"
                  "Sender: \"Club\" <club-bounces@lists.test>\r\n" + LIST_FIELDS.format(desc="The Club ", domain="lists.test"))
    return k.put(text, "lists.test", LIST_NAMES, "relaxed/simple")


def mailman3(k, subject, munged):
    text = k.put(letter("Ben <ben@author.test>", subject), "author.test")
    text = text.replace(b"Subject: ", b"Subject: [Club] ")
    if munged:
        text = text.replace(b"From: Ben <ben@author.test>", b"From: Ben via Club <club@lists.test>\r\n"
                            b"Reply-To: Ben <ben@author.test>\r\nX-MailFrom: ben@author.test")
    text = put_on(text, "Message-ID-Hash: ABCDEFGHIJKLMNOPQRSTUVWXYZ234567\r\nX-Mailman-Version: 3.3.8\r\n"
                  "List-Owner: <mailto:club-owner@lists.test>\r\n" + LIST_FIELDS.format(desc="\"The <best> Club\" ",
                                                                                    domain="lists.test"))
    return k.put(text, "lists.test", LIST_NAMES)


def sympa(k, subject):
    text = letter("Ben <ben@author.test>", "[club] " + subject)
    text = put_on(text, "X-Loop: club@lists.test\r\nX-Sequence: 17\r\nErrors-to: club-owner@lists.test\r\n"
                  "X-no-archive: yes\r\n" + LIST_FIELDS.format(desc="", domain="lists.test"))
    return k.put(text, "lists.test", LIST_NAMES)


def exchange(k, subject):
    """Forwarded by a large provider, which has changed it and seals."""
    text = k.put(letter("Ben <ben@author.test>", subject), "author.test")
    text = text.replace(b"this is it.", b"[external] this is it.")
    text = put_on(text, "X-MS-Exchange-Organization-SCL: -1\r\nX-MS-Has-Attach:\r\n")
    text = put_on(text, "Authentication-Results: outlook.test; spf=pass smtp.mailfrom=author.test; "
                  "dmarc=pass header.from=author.test; dkim=pass header.d=author.test\r\n")
    return k.seal(text, "s1", "outlook.test")


def yahoo(k, subject):
    """A hash of more names than are there, some of them twice."""
    names = ("date:from:to:message-id:subject:mime-version:content-type:references:x-sonic-mf:from:subject:reply-to")
    text = put_on(letter("Ben <ben@yahoo.test>", subject), "X-YMail-OSG: abc.def\r\nX-Sonic-MF: <ben@yahoo.test>\r\n")
    return k.put(text, "yahoo.test", names)


def icloud(k, subject):
    return k.put(letter("Ben <ben@icloud.test>", subject, body="no line end behind it\r\n\r\n\r\n"), "icloud.test",
                 "from:content-type:mime-version:subject:message-id:date:to", "relaxed/simple")


def ses(k, subject):
    """A shop's own signature and that of its sender; the envelope is the sender's."""
    names = "from:to:subject:mime-version:content-type:message-id:date:feedback-id"
    text = put_on(letter("Shop <news@shop.test>", subject), "Feedback-ID: 1.eu-west-1.abc=:AmazonSES\r\n"
                  "X-SES-Outgoing: 2026.11.30-192.0.2.1\r\n")
    return k.put(k.put(text, "shop.test", names, "relaxed/simple"), "ses.test", names, "relaxed/simple")


def shapes(net, us, k):
    rows = [
        # name, maker, envelope, code, folder, results, what else is in the field
        ("google-group", google_group, "club+bncBC1@groups.test", 250, "INBOX", {"dmarc": "fail"}, b"=club@groups.test"),
        ("mailman-2", mailman2, "club-bounces+anna=us.test@lists.test", 250, "INBOX", {"dmarc": "fail"},
         b"policy.list=club@lists.test"),
        ("mailman-3", lambda k, s: mailman3(k, s, False), "club-bounces@lists.test", 250, "INBOX", {"dmarc": "fail"},
         b"policy.list=club@lists.test"),
        ("mailman-3-munged", lambda k, s: mailman3(k, s, True), "club-bounces@lists.test", 250, "INBOX",
         {"dmarc": "none"}, b"header.from=lists.test"),
        ("sympa", sympa, "club-owner@lists.test", 250, "INBOX", {"dmarc": "fail"}, b"policy.list=club@lists.test"),
        ("exchange-forward", exchange, "SRS0=abc=XY=author.test=ben@outlook.test", 250, "INBOX",
         {"dmarc": "fail", "arc": "pass"}, b"policy.override=trusted_forwarder policy.sealer=outlook.test"),
        ("yahoo", yahoo, "ben@yahoo.test", 250, "INBOX", {"dkim": "pass", "dmarc": "pass"}, b"header.d=yahoo.test"),
        ("icloud", icloud, "ben@icloud.test", 250, "INBOX", {"dkim": "pass", "dmarc": "pass"}, b"header.d=icloud.test"),
        ("ses", ses, "0102018f-abc-000000@ses.test", 250, "INBOX", {"dkim": "pass", "dmarc": "pass"},
         b"header.d=shop.test"),
        # The same without what makes them right.
        ("google-group-of-nobody", lambda k, s: google_group(k, s).replace(b"club", b"spam"), "spam+bncBC1@groups.test",
         550, None, {}, b""),
        ("mailman-2-unsigned", lambda k, s: mailman2(k, s).split(b"X-Mailman-Version", 1)[1].join(
            [b"X-Mailman-Version", b""]), "club-bounces@lists.test", 550, None, {}, b""),
        ("exchange-forward-changed", lambda k, s: exchange(k, s).replace(b"[external]", b"[internal]"),
         "SRS0=abc=XY=author.test=ben@outlook.test", 550, None, {}, b""),
        ("icloud-changed", lambda k, s: icloud(k, s).replace(b"no line", b"a  line"), "ben@ses.test", 250, "Junk",
         {"dmarc": "fail"}, b""),
        ("ses-for-another", lambda k, s: ses(k, s).replace(b"news@shop.test", b"news@author.test"),
         "0102018f-abc-000000@ses.test", 550, None, {}, b""),
        ("l-of-the-body", lambda k, s: k.put(letter("Ben <ben@author.test>", s), "author.test", extra="l") +
         b"and more\r\n", "x@ses.test", 550, None, {}, b""),
    ]
    for name, make, sender, code, folder, want, also in rows:
        text = make(k, name)
        said = send(net, "sender", sender, text, "mail.ses.test")
        verdict(said[0] == code, f"shape-{name}-{code}", said)
        if code != 250 or said[0] != 250:
            continue
        got = wait_until(lambda: find(us, name, folder))
        have = results(got)
        verdict(all(have.get(m) == v for m, v in want.items()) and also in got.split(b"\r\nReceived:")[0] and
                got.endswith(text), f"shape-{name}-noted", (have, got[:1800]))


def main():
    if subprocess.run([PYTHON, "-c", "import authres, dkim"], capture_output=True).returncode:
        verdict(False, "shapes", "python3-dkim or python3-authres is not installed; etc/setup test installs them")
        finish()
    gone = missing()
    if gone:
        skip("all", f"not without: {gone}")
        finish()
    with tempfile.TemporaryDirectory() as folder:
        k = Signer(folder)
        with SmallNet(hosts=["us", "sender"], zones=zones(k)) as net:
            extra = "inbound: { lists: [club@groups.test, club.lists.test], trust_arc: [outlook.test] }\n"
            with net.hearthmail("us", "mail.us.test", ["us.test"], extra=extra) as us:
                since = time.monotonic()
                shapes(net, us, k)
                print(f"  (shapes: {time.monotonic() - since:.1f} s)")
    finish()


if __name__ == "__main__":
    sys.exit(main())
