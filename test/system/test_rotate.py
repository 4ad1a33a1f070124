#!/usr/bin/env python3
"""DKIM keys that change: a domain with two name servers of its own, one of them
late; the letters to the admin, who publishes what they say; what arrives
elsewhere is verified by python3-dkim with the records that are published."""
import email
import json
import os
import re
import subprocess
import sys
import time

from house import House, finish, lacking, skip, verdict, wait_until
from smallnet import SmallNet, Zone, missing

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
DAY = 86400 * 1000
NEGATIVE = 8
BASE = ["@ MX 10 mail", "mail A {mail-a}", "mail AAAA {mail-a/6}"]
TICK = {"HEARTHMAIL_TEST_TICK": "300", "HEARTHMAIL_TEST_KILL": "1"}


class Owner:
    """Who runs the domain: reads letters, publishes records."""

    def __init__(self, net, h, bad):
        self.net, self.h, self.bad = net, h, bad
        self.sent = 0
        self.published = {}

    def letters(self, subject):
        m = self.h.imap("anna")
        m.select("INBOX", readonly=True)
        out = []
        for n in m.search(None, "ALL")[1][0].split():
            text = email.message_from_bytes(m.fetch(n.decode(), "(BODY.PEEK[])")[1][0][1])
            if subject in text["Subject"]:
                out.append(text)
        m.logout()
        return out

    def letter(self, subject, count=1):
        got = wait_until(lambda: (lambda l: l if len(l) >= count else None)(self.letters(subject)), 60, 0.2)
        return got[-1].get_payload() if got else ""

    def publish(self, *servers, negative=NEGATIVE):
        zone = BASE + [f'{name}. TXT {strings(value)}' for name, value in self.published.items()]
        for s in servers:
            self.net.serve(s, {"a.test": zone}, negative)

    def list(self):
        r = self.h.command("dkim", "list")
        assert r.returncode == 0, r.stderr
        return r.stdout

    def states(self):
        return re.findall(r"(?m)^  hm-rsa-\S+ (hm-ed-\S+)  (\w+) since", self.list())

    def state(self, ed):
        return dict(self.states()).get(ed)

    def records(self):
        r = self.h.command("dns", "--print", "--json")
        return {x["name"]: x["value"] for x in json.loads(r.stdout)["records"] if "_domainkey" in x["name"]}

    def send(self):
        """Which key a message is signed with, and whether the published records
        verify it."""
        self.sent += 1
        to = f"x{self.sent}@bad.test"
        with self.net.inside("mail-a"):
            s = self.h.submit("anna")
            s.sendmail("anna@a.test", [to], b"From: anna@a.test\r\nSubject: hello\r\n\r\nhello\r\n")
            s.quit()
        got = wait_until(lambda: [m for m in self.bad.messages() if m["to"] == [to]], 60, 0.05)
        message = self.bad.bytes_of(got[0]) if got else b""
        selectors = re.findall(rb"\bs=(hm-ed-[^;]+);", message)
        path = os.path.join(self.h.dir, "records.json")
        with open(path, "w") as f:
            json.dump(self.published, f)
        p = subprocess.run([PYTHON, os.path.join(HERE, "dkim_verify.py"), path], input=message,
                           capture_output=True, timeout=300)
        said = [l.split(" ", 3)[3:] for l in p.stdout.decode().splitlines()]
        return selectors[0].decode() if selectors else "", said == [["ok"], ["ok"]], said


def strings(value):
    return " ".join('"%s"' % value[i:i + 200] for i in range(0, len(value), 200))


def named(letter):
    """{name: value} of a letter that announces a key."""
    return dict(re.findall(r"(?m)^Name:  (\S+)\r?\nType:  TXT\r?\nValue: (.*?)\r?$", letter))


def rotation(o):
    first = wait_until(lambda: o.states(), 60, 0.2)
    verdict(len(first) == 1 and first[0][1] == "active", "first-key", first)
    old = first[0][0]
    o.published = o.records()
    verdict(len(o.published) == 2, "first-records", o.published)
    ok = wait_until(lambda: "NOT IN DNS: hm-rsa" in o.list(), 60, 0.2)
    status = o.h.command("status").stdout
    verdict(ok and "a.test: the DKIM key in use is not in DNS: hm-rsa" in status, "first-is-missed", (o.list(), status))
    o.publish("ns1", "ns2")
    ok = wait_until(lambda: "its records are in DNS" in o.list(), 60, 0.2)
    verdict(ok and "not in DNS" not in o.h.command("status").stdout, "first-is-there", o.list())
    verdict(o.send()[:2] == (old, True), "first-signs", old)
    verdict(not o.letters("DKIM"), "first-is-not-announced")
    r = o.h.command("dkim", "rotate", "A.test")
    verdict(r.returncode == 0 and "hm-rsa-" in r.stdout, "rotate", r.stdout + r.stderr)
    r = o.h.command("dkim", "rotate", "a.test")
    verdict(r.returncode == 1 and "already" in r.stderr, "rotate-twice", r.stdout + r.stderr)
    text = o.letter("a.test has a new DKIM key")
    new = named(text)
    verdict(len(new) == 2 and o.records() == {**o.published, **new}, "letter-has-the-records", (text, o.records()))
    fresh = next(n for n in new if n.startswith("hm-ed")).split(".")[0]
    verdict(o.state(fresh) == "announced" and o.state(old) == "active", "announced", o.list())
    ok = wait_until(lambda: "does not have it" in o.list(), 60, 0.2)
    verdict(ok and o.send()[:2] == (old, True), "not-there-old-signs", o.list())
    status = o.h.command("status").stdout
    verdict("a.test: a new DKIM key waits for its records: hm-rsa" in status, "status-says-so", status)
    # One of two.
    o.published.update(new)
    o.publish("ns1")
    ok = wait_until(lambda: re.search(r"ns2\.test \(\S+\) does not have it", o.list()), 60, 0.2)
    verdict(ok and o.send()[:2] == (old, True), "one-is-late-old-signs", o.list())
    # One has something else at that name.
    right = dict(o.published)
    name = f"{fresh}._domainkey.a.test"
    o.published[name] = o.published[next(n for n in o.published if n.startswith(old))]
    o.publish("ns2")
    ok = wait_until(lambda: "has something else" in o.list(), 60, 0.2)
    o.published = right
    verdict(ok and o.send()[:2] == (old, True), "another-key-old-signs", o.list())
    # Both; those who have asked too early have to forget it.
    since = time.monotonic()
    o.publish("ns2")
    ok = wait_until(lambda: "all name servers have them" in o.list(), 60, 0.1)
    verdict(ok and o.send()[0] == old, "negative-ttl-old-signs", o.list())
    ok = wait_until(lambda: o.state(fresh) == "active", 60, 0.1)
    took = time.monotonic() - since
    verdict(ok and took >= NEGATIVE, "active-after-the-negative-ttl", (took, o.list(), o.h.log()[-800:]))
    if not ok:
        finish()
    verdict(o.send()[:2] == (fresh, True), "active-signs", o.list())
    verdict(o.state(old) == "retiring", "old-is-retiring", o.list())
    text = o.letter("is now in use")
    verdict(f"{old}._domainkey.a.test" in text and "needed until 20" in text, "letter-says-until-when", text)
    verdict(set(o.records()) == set(o.published), "both-belong-into-dns", o.records())
    r = o.h.command("dkim", "retire", "a.test", fresh)
    verdict(r.returncode == 1 and "signs the mail" in r.stderr, "active-is-not-retired", r.stderr)
    return old, fresh


def count(path, seconds):
    """The server has run for so long since its old key signs no more."""
    text = open(path).read()
    text = re.sub(r"(?m)^(key retiring \d+ \d+)( \d+)?$", rf"\1 {seconds}", text)
    with open(path, "w") as f:
        f.write(text)


def years(o, old, fresh):
    """Dates that come."""
    path = os.path.join(o.h.data, "auth/dkim/a.test.pem")
    verdict(open(path).read().count("PRIVATE KEY") == 8, "file-has-both")
    o.h.stop()
    r = o.h.command("dkim", "list")
    verdict(r.returncode == 0 and f"{fresh}  active" in r.stdout and f"{old}  retiring" in r.stdout,
            "list-without-a-server", r.stdout + r.stderr)
    r = o.h.command("dkim", "rotate", "a.test")
    verdict(r.returncode == 1 and "no server is running" in r.stderr, "rotate-without-a-server", r.stderr)
    # A clock proves nothing: the time is counted while the server runs.
    o.h.env["HEARTHMAIL_TEST_CLOCK"] = str(13 * DAY)
    o.h.start()
    seen = o.h.log().count("dkim.seen")
    wait_until(lambda: o.h.log().count("dkim.seen") > seen + 2, 60, 0.2)
    verdict(o.state(old) == "retiring", "no-clock-destroys-a-key", o.list())
    o.h.stop()
    count(path, 12 * DAY)
    o.h.start()
    ok = wait_until(lambda: o.state(old) == "retired", 60, 0.2)
    text = o.letter("can be removed from DNS")
    verdict(ok and f"{old}._domainkey.a.test" in text, "old-is-retired", (o.list(), text))
    written = open(path).read()
    verdict(written.count("PRIVATE KEY") == 4 and f"selector {old}\n" in written, "old-key-is-gone", written)
    verdict(not [n for n in o.records() if n.startswith(old)], "old-is-not-published-any-more", o.records())
    # The records may go; the rest goes on.
    o.published = {n: v for n, v in o.published.items() if n.split(".")[0][-4:] != old[-4:]}
    o.publish("ns1", "ns2")
    # (Signed in the future: a verifier of today has its doubts.)
    verdict(o.send()[0] == fresh, "after-the-old", o.list())
    o.h.stop()
    o.h.env["HEARTHMAIL_TEST_CLOCK"] = str(200 * DAY)
    o.h.start()

    def unheard_of():
        told = (named(l.get_payload()) for l in o.letters("a.test has a new DKIM key"))
        return next((n for n in told if n and not set(n) & set(o.published)), {})
    new = wait_until(unheard_of, 60, 0.2)
    verdict(len(new) == 2 and not set(new) & set(o.published), "half-a-year-later", new)
    third = next(n for n in new if n.startswith("hm-ed")).split(".")[0]
    verdict(o.state(third) == "announced" and o.send()[0] == fresh, "nobody-pastes-it", o.list())
    # A month later a reminder, and no more than that.
    o.h.stop()
    o.h.env["HEARTHMAIL_TEST_CLOCK"] = str(231 * DAY)
    o.h.start()
    text = o.letter("Reminder: a.test has a new DKIM key")
    verdict(named(text) == new, "reminder", text)
    time.sleep(2)
    verdict(len(o.letters("a.test has a new DKIM key")) == 3, "reminder-is-one")
    r = o.h.command("dkim", "use", "a.test", fresh)
    verdict(r.returncode == 1 and "in use already" in r.stderr, "use-what-is-in-use", r.stderr)
    r = o.h.command("dkim", "retire", "a.test", third)
    verdict(r.returncode == 0 and "destroyed" in r.stdout and o.state(third) == "retired", "retire", o.list())
    verdict(o.send()[0] == fresh, "retire-old-signs")


def usage(o):
    rows = [((), 2), (("lost",), 2), (("list", "a.test", "x"), 2), (("rotate",), 2), (("retire", "a.test"), 2),
            (("list", "b.test"), 1), (("retire", "a.test", "x"), 1), (("rotate", "b.test"), 1), (("list", "a.test"), 0)]
    for words, code in rows:
        r = o.h.command("dkim", *words)
        verdict(r.returncode == code, f"usage-{'-'.join(words) or 'none'}", (r.returncode, r.stdout, r.stderr))


def main():
    if subprocess.run([PYTHON, "-c", "import dkim, nacl"], capture_output=True).returncode:
        verdict(False, "dkim", "python3-dkim or python3-nacl is not installed; etc/setup test installs them")
        finish()
    gone = missing()
    if gone:
        skip("all", f"there can be no small Internet here without: {gone}")
        finish()
    zones = {"a.test": Zone(ns=["ns1", "ns2"]), "bad.test": Zone(["@ MX 10 mail", "mail A {bad}"])}
    with SmallNet(hosts=["mail-a", "bad", "ns1", "ns2"], zones=zones) as net:
        for s in ("ns1", "ns2"):
            net.serve(s, {"a.test": BASE}, NEGATIVE)
        bad = net.badhost("bad", "ok")
        with net.hearthmail("mail-a", "mail.a.test", ["a.test"], users=("anna",), env=dict(TICK)) as h:
            o = Owner(net, h, bad)
            usage(o)
            years(o, *rotation(o))
            verdict("dns.forbidden" not in h.log(), "asks-only-what-it-may", h.log()[-500:])
    finish()


if __name__ == "__main__":
    main()
