#!/usr/bin/env python3
"""Mail to the world, in a small Internet: letters that go round with real
clients and servers, hosts and zones of every bad habit, smarthosts, the five
days of the schedule, and processes killed under a ledger."""
import datetime
import email
import json
import os
import re
import shutil
import smtplib
import subprocess
import sys
import threading
import time

from house import PASSWORD, finish, lacking, skip, verdict, wait_until, wide
from smallnet import SmallNet, Zone, missing

QUICK = "--quick" in sys.argv

ZONES = {
    "a.test": Zone(["@ MX 10 mail", "mail A {a}", "mail AAAA {a/6}"]),
    "b.test": Zone(["@ MX 10 mail", "mail A {b}", "mail AAAA {b/6}"]),
    "c.test": Zone(["@ MX 10 mail", "mail A {c}"]),
    "pf.test": Zone(["@ MX 10 mail", "mail A {pf}"]),
    # A domain for each habit: a connection that was good is kept for a moment.
    "bad.test": Zone(["@ MX 10 mail", "* MX 10 mail", "mail A {bad}"]),
    # The way there has a hole: nobody at the first host, nobody on IPv6.
    "second.test": Zone(["@ MX 10 nobody", "@ MX 20 mail", "nobody A {off}", "mail A {bad}"]),
    "six.test": Zone(["@ MX 10 mail", "mail AAAA {off/6}", "mail A {bad}"]),
    "implicit.test": Zone(["@ A {bad}"]),
    "alias.test": Zone(["@ MX 10 mail", "mail CNAME mail.bad.test."]),
    "off.test": Zone(["@ MX 10 mail", "mail A {off}"]),
    "null.test": Zone(["@ MX 0 ."]),
    "loop.test": Zone(["@ MX 10 mail.a.test."]),
    "plain.test": Zone(["@ MX 10 mail", "mail A {bad}"], kind="unsigned"),
    "bogus.test": Zone(["@ MX 10 mail", "mail A {bad}"], kind="bogus"),
    "lame.test": Zone(["@ MX 10 mail", "mail A {bad}"], kind="lame"),
    "servfail.test": Zone(["@ MX 10 mail", "mail A {bad}"], kind="servfail"),
}


def send(h, to, subject, user="anna", text="hello", extra="", options=()):
    s = h.submit(user)
    try:
        return s.sendmail(f"{user}@{h.domains[0]}", to if isinstance(to, list) else [to],
                          (f"From: {user}@{h.domains[0]}\r\nSubject: {subject}\r\n{extra}\r\n"
                           f"{text}\r\n").encode(), mail_options=options)
    finally:
        s.quit()


def mails(h, user="anna"):
    m = h.imap(user)
    m.select("INBOX", readonly=True)
    ok, ids = m.search(None, "ALL")
    out = []
    for i in ids[0].split():
        out.append(email.message_from_bytes(m.fetch(i, "(BODY.PEEK[])")[1][0][1]))
    m.logout()
    return out


def arrived(h, subject, user="anna", seconds=15):
    def look():
        return [m for m in mails(h, user) if m["Subject"] == subject]
    return wait_until(look, seconds, 0.1)


def reports(h, text, user="anna", seconds=15):
    """Reports whose readable part has the text."""
    def look():
        return [m for m in mails(h, user)
                if m.get_content_type() == "multipart/report" and
                text in m.get_payload()[0].get_payload(decode=True).decode()]
    return wait_until(look, seconds, 0.1)


def attempts(h, address):
    """(code, words) of each attempt for an address, from the log."""
    return [(int(c), w) for to, c, w in
            re.findall(r'queue\.attempt item=\d+ to="([^"]*)" code=(\d+) text="((?:[^"\\]|\\.)*)"', h.log())
            if to == address]


def waits(h, address, words, seconds=30):
    return wait_until(lambda: [w for c, w in attempts(h, address)
                               if c // 100 in (0, 4) and words in w], seconds)


# ---- letters ----

def msmtp(net, h, user, to, text):
    path = os.path.join(h.dir, "msmtprc")
    with open(path, "w") as f:
        f.write(f"account x\nhost 127.0.0.1\nport 587\ntls on\ntls_starttls on\n"
                f"tls_certcheck off\nauth plain\nuser {user}\npassword {PASSWORD}\n"
                f"from {user}@{h.domains[0]}\naccount default : x\n")
    os.chmod(path, 0o600)
    return net.run(h.host, ["msmtp", "-C", path, to], input=text)


def swaks(net, h, user, to, subject):
    return net.run(h.host, ["swaks", "--server", "127.0.0.1", "--port", "465", "--tls-on-connect",
                            "--auth", "PLAIN", "--auth-user", user, "--auth-password", PASSWORD,
                            "--from", f"{user}@{h.domains[0]}", "--to", to,
                            "--header", f"Subject: {subject}"])


def round_trip(net, a, b, pf):
    r = msmtp(net, a, "anna", "ben@b.test", "From: anna@a.test\nSubject: msmtp out\n\nhello ben\n")
    verdict(r.returncode == 0, "letter-msmtp-takes", r.stderr)
    got = arrived(b, "msmtp out", "ben")
    verdict(len(got) == 1 and "hello ben" in got[0].get_payload() and
            got[0]["Return-Path"] == "<anna@a.test>" and got[0]["Message-ID"],
            "letter-a-to-b", got and got[0].as_string())
    verdict(wait_until(lambda: "2001:db8:" in a.log().split("code=250")[-1], 5), "letter-goes-by-ipv6",
            a.log()[-500:])
    r = swaks(net, b, "ben", "anna@a.test", "swaks back")
    verdict(r.returncode == 0, "letter-swaks-takes", r.stdout[-400:])
    verdict(len(arrived(a, "swaks back") or []) == 1, "letter-b-to-a", b.log()[-800:])
    send(a, "anna@pf.test", "to postfix", text=".\r\n..\r\nend.")
    got = wait_until(lambda: pf.messages("anna@pf.test"), 20, 0.1)
    verdict(len(got) == 1 and b"\n.\n..\nend.\n" in got[0], "letter-a-to-postfix", pf.log()[-800:])
    if not lacking("letter-read-with-dovecot", "dovecot"):
        m = net.dovecot(pf).imap("anna@pf.test")
        m.select("INBOX")
        ok, got = m.fetch("1", "(BODY[HEADER.FIELDS (SUBJECT)])")
        verdict(b"to postfix" in got[0][1], "letter-read-with-dovecot", got)
        m.logout()
    pf.send("anna@pf.test", ["anna@a.test"], "Subject: from postfix\n\nhello\n")
    verdict(len(arrived(a, "from postfix") or []) == 1, "letter-postfix-to-a", pf.log()[-800:])
    # At home and outside at once: each once.
    send(a, ["ben@a.test", "anna@b.test", "ben@b.test"], "to three")
    verdict(len(arrived(a, "to three", "ben") or []) == 1, "letter-mixed-at-home")
    home = arrived(a, "to three", "ben")
    verdict(home and home[0]["Return-Path"] == "<anna@a.test>", "letter-mixed-return-path")
    for user in ("anna", "ben"):
        verdict(len(arrived(b, "to three", user) or []) == 1, f"letter-mixed-{user}")
    verdict(b.logged(r"smtp\.accept .* nrcpt=2 "), "letter-one-transaction-for-two",
            re.findall("smtp.accept.*", b.log()))


def way(net, a, bad):
    """All ways to a host that works."""
    bad.become("ok")
    for domain in ("second", "six", "implicit", "alias", "plain"):
        subject = f"way {domain}"
        send(a, f"x@{domain}.test", subject)
        ok = wait_until(lambda: [m for m in bad.messages()
                                 if m["to"] == [f"x@{domain}.test"]], 40, 0.1)
        verdict(ok, f"way-{domain}", a.log()[-1200:])


def habits(net, a, bad):
    """Hosts that refuse: the sender is told in a sentence."""
    rows = [("refuse", "there is no such mailbox at refuse.bad.test"),
            ("refuse-close", "there is no such mailbox at refuse-close.bad.test"),
            ("refuse-mail", "refuse-mail.bad.test has refused it by policy"),
            ("refuse-data", "refuse-data.bad.test has refused it by policy")]
    for how, words in rows:
        bad.become(how)
        send(a, f"x@{how}.bad.test", f"habit {how}")
        got = reports(a, words)
        verdict(got, f"habit-{how}", a.log()[-800:])
    first = got and got[0].get_payload()[0].get_payload(decode=True).decode().splitlines()[0]
    verdict(first and first.startswith(f'Your message "habit {how}" to x@{how}.bad.test was not delivered: '),
            "habit-first-sentence", first)
    verdict(got and got[0]["Return-Path"] == "<>" and got[0]["Auto-Submitted"] == "auto-replied",
            "habit-report-is-automatic")
    bad.become("refuse-some")
    send(a, ["no1@some.bad.test", "yes@some.bad.test", "no2@some.bad.test"], "habit some")
    got = reports(a, "to 2 people was not delivered")
    verdict(got and "no1@some.bad.test" in got[0].as_string() and "yes@some.bad.test" not in
            got[0].get_payload()[0].as_string(), "habit-some-refused", got and got[0].as_string())
    verdict(wait_until(lambda: [m for m in bad.messages() if m["to"] == ["yes@some.bad.test"]], 10),
            "habit-some-taken")
    bad.become("no-8bitmime")
    send(a, "x@eight.bad.test", "habit eight", text="gr\u00fc\u00dfe", options=["BODY=8BITMIME"])
    verdict(reports(a, "does not accept the non-ASCII characters"), "habit-no-8bitmime", a.log()[-500:])
    send(a, "x@eight.bad.test", "habit seven")
    verdict(wait_until(lambda: [m for m in bad.messages() if m["to"] == ["x@eight.bad.test"]], 10),
            "habit-seven-bits-go")
    for how in ("bad-starttls", "refuse-starttls", "helo-only", "starttls"):
        bad.become(how)
        send(a, f"x@{how}.bad.test", f"habit {how}")
        got = wait_until(lambda: [m for m in bad.messages() if m["to"] == [f"x@{how}.bad.test"]], 20)
        verdict(got and got[0]["tls"] == (how == "starttls"), f"habit-{how}", a.log()[-800:])


def later(net, a, bad):
    """Hosts that make us wait: nothing is lost, the reason is known, and it
    goes when its time has come."""
    rows = [("defer", "450"), ("greylist", "451"), ("greet-4xx", "421"), ("greet-5xx", "554"),
            ("defer-data", "451"), ("drop-after-dot", "lost at the message's end"),
            ("close-after-ehlo", "lost"), ("garbage", "not an SMTP reply"), ("ok-to-data", "250 2.0.0 fine")]
    for how, words in rows:
        bad.become(how)
        send(a, f"x@{how}.bad.test", f"later {how}")
        verdict(waits(a, f"x@{how}.bad.test", words), f"later-{how}-waits", a.log()[-1000:])
        if how in ("greet-4xx", "greet-5xx", "close-after-ehlo", "garbage"):
            # The place as a whole is at fault: wake it for the next row.
            bad.become("ok")
            jump(a, 3600 * 1000)
            verdict(wait_until(lambda: [m for m in bad.messages() if m["to"] == [f"x@{how}.bad.test"]],
                               20, 0.1), f"later-{how}-arrives", a.log()[-1000:])
    bad.become("ok")
    jump(a, 3 * 3600 * 1000)
    for how in ("defer", "greylist", "defer-data", "drop-after-dot", "ok-to-data"):
        verdict(wait_until(lambda: [m for m in bad.messages() if m["to"] == [f"x@{how}.bad.test"]
                                    and m["accepted"]], 20, 0.1), f"later-{how}-arrives", a.log()[-1000:])
    verdict("drop-after-dot" in str([m["to"] for m in bad.messages() if not m["accepted"]]),
            "later-duplicate-only-after-a-lost-answer")
    # By hand once more, with tarpits: slow is not broken.
    bad.become("tarpit")
    send(a, "x@tarpit.bad.test", "later tarpit")
    verdict(wait_until(lambda: [m for m in bad.messages() if m["to"] == ["x@tarpit.bad.test"]], 60, 0.2),
            "later-tarpit-arrives")
    bad.become("ok")


def jump(h, ms):
    """The same house, so much later."""
    h.offset = getattr(h, "offset", 0) + ms
    h.stop()
    h.env["HEARTHMAIL_TEST_CLOCK"] = str(h.offset)
    h.start()


def zones(net, a):
    send(a, ["x@nosuch.test", "x@null.test", "x@loop.test"], "zones for good")
    verdict(reports(a, "the domain nosuch.test does not exist"), "zone-nxdomain", a.log()[-800:])
    verdict(reports(a, "null.test accepts no mail"), "zone-null-mx")
    verdict(reports(a, "mail for loop.test is in a loop"), "zone-loop")
    send(a, ["x@bogus.test", "x@lame.test", "x@servfail.test"], "zones for now")
    verdict(waits(a, "x@bogus.test", "whose signature is invalid", 60), "zone-bogus-waits", a.log()[-900:])
    verdict(waits(a, "x@lame.test", "name servers", 60), "zone-lame-waits", a.log()[-900:])
    verdict(waits(a, "x@servfail.test", "name servers", 60), "zone-servfail-waits", a.log()[-900:])


# ---- smarthosts ----

def smarthosts(net, a, b, c, bad):
    """c is a smarthost with AUTH over TLS, for a's people."""
    secret = os.path.join(a.dir, "relay-password")
    with open(secret, "w") as f:
        f.write(PASSWORD + "\n")
    os.chmod(secret, 0o600)
    plain = a.extra

    def relay(text):
        a.extra = plain + text
        a.write_config()
        r = a.command("reload")
        assert r.returncode == 0, r.stderr + r.stdout

    login = f"user: anna, password_file: {secret}"
    for port in (587, 465):
        relay(f"relay: {{ host: mail.c.test, port: {port}, {login}, tls: require }}\n")
        send(a, "ben@b.test", f"smart {port}")
        verdict(len(arrived(b, f"smart {port}", "ben") or []) == 1, f"smarthost-{port}", a.log()[-900:])
        got = arrived(b, f"smart {port}", "ben")
        verdict(got and "mail.c.test" in str(got[0].get_all("Received")), f"smarthost-{port}-by-c")
    verdict(c.logged("account=anna"), "smarthost-logged-in", c.log()[-500:])
    verdict(PASSWORD not in a.log(), "smarthost-password-not-logged")
    # A certificate of nobody's: with verification nothing is sent.
    relay(f"relay: {{ host: mail.c.test, port: 587, {login} }}\n")
    send(a, "verify@b.test", "smart verify")
    verdict(waits(a, "verify@b.test", "certificate of mail.c.test"), "smarthost-verifies", a.log()[-900:])
    # By domain, all others directly.
    relay("relay: { pf.test: { host: mail.c.test, port: 587, tls: require, "
          f"{login} }} }}\n")
    bad.become("ok")
    send(a, ["anna@pf.test", "x@domain.bad.test"], "smart domain")
    got = wait_until(lambda: [m for m in bad.messages() if m["to"] == ["x@domain.bad.test"]], 10, 0.1)
    verdict(got and b"mail.c.test" not in bad.bytes_of(got[0]), "smarthost-others-directly", a.log()[-900:])
    verdict(wait_until(lambda: re.search(r'smtp.accept .*rcpt="anna@pf.test"', c.log()), 10),
            "smarthost-by-domain", c.log()[-900:])
    # As a fallback: the direct way is refused.
    relay(f"relay: {{ host: mail.c.test, port: 587, {login}, tls: require, fallback: on }}\n")
    send(a, "ben@b.test", "smart direct")
    got = arrived(b, "smart direct", "ben")
    verdict(got and "mail.c.test" not in str(got[0].get_all("Received")), "smarthost-fallback-unused")
    bad.become("greet-5xx")
    send(a, "x@fallback.bad.test", "smart fallback")
    verdict(wait_until(lambda: re.search(r'smtp.accept .*rcpt="x@fallback.bad.test"', c.log()), 20),
            "smarthost-fallback-used", a.log()[-900:])
    bad.become("ok")
    relay("relay: off\n")
    try:
        refused = send(a, "x@bad.test", "smart off")
    except smtplib.SMTPRecipientsRefused as e:
        refused = e.recipients
    verdict(refused and refused["x@bad.test"][0] == 550, "relay-off-550", refused)
    relay("")


# ---- the five days ----

STEPS = [1, 5, 10, 20, 40, 80, 120, 180, 240]


def schedule(net, a):
    """Each step of the schedule: what waits is tried when it should be, told of
    after four hours, given up after five days."""
    jump(a, 0)
    open(a.log_path, "w").close()
    began = a.offset
    send(a, "five@off.test", "five days")
    told_at = given_up_at = None
    tries = 0
    for _ in range(80):
        wait_until(lambda: re.findall(r'queue\.place place="off\.test"', a.log()) or
                   "queue.bounce" in a.log(), 15, 0.05)
        tries += 1
        hours = (a.offset - began) / 3600e3
        if told_at is None and "was told that it waits" in a.log():
            told_at = hours
        wait_until(lambda: hours < 120 or "queue.bounce" in a.log(), 5, 0.05, exact=True)
        if "queue.bounce" in a.log():
            given_up_at = hours
            break
        ms = re.findall(r'queue\.place place="off\.test" failures=(\d+) waiting=\d+ ms=(\d+)', a.log())
        if not ms:
            break
        want = STEPS[min(tries - 1, len(STEPS) - 1)] * 60000
        failures, delay = map(int, ms[-1])
        if tries <= len(STEPS) + 1:
            verdict(failures == tries and 0.89 * want <= delay <= 1.11 * want,
                    f"schedule-step-{tries}", (failures, delay, want))
        open(a.log_path, "w").close()
        jump(a, delay + 1000)
    verdict(told_at is not None and 4 <= told_at < 9, "schedule-told-after-four-hours", told_at)
    verdict(given_up_at is not None and 120 <= given_up_at < 126, "schedule-given-up-after-five-days",
            given_up_at)
    verdict(20 < tries < 50, "schedule-number-of-tries", tries)
    got = reports(a, "has not been delivered yet")
    verdict(got and len([r for r in got if "five@off.test" in r.as_string()]) == 1, "schedule-one-notice")
    got = reports(a, "off.test could not be reached, or did not accept it, within five days")
    verdict(len(got or []) == 1, "schedule-one-bounce", a.log()[-500:])
    status = got and got[0].get_payload()[1].as_string()
    verdict(status and "Status: 5.4.7" in status and "Action: failed" in status,
            "schedule-bounce-status", status)


# ---- killed ----

DAY = 24 * 3600 * 1000
YEAR = 365 * DAY


class StepClock:
    """A clock for a house that is stepped while it runs."""

    def __init__(self, h):
        here = os.path.dirname(os.path.abspath(__file__))
        self.h, self.path = h, os.path.join(h.dir, "clock")
        shim = os.path.join(h.dir, "clock.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O", "-o", shim, os.path.join(here, "clock_shim.c"),
                        "-ldl"], check=True)
        self.step(0)
        h.env.update(LD_PRELOAD=shim, HEARTHMAIL_SHIM_CLOCK=self.path,
                     ASAN_OPTIONS="verify_asan_link_order=0")

    def step(self, ms):
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as f:
            f.write(ms.to_bytes(8, sys.byteorder, signed=True))

    def close(self):
        for k in ("LD_PRELOAD", "HEARTHMAIL_SHIM_CLOCK", "ASAN_OPTIONS"):
            self.h.env.pop(k, None)


def came(h, address):
    """Seconds since 1970 by which a message came, or None."""
    r = h.command("queue", "list", "--json")
    for m in json.loads(r.stdout)["messages"] if r.returncode == 0 else []:
        if any(r["address"] == address for r in m["recipients"]):
            return datetime.datetime.fromisoformat(m["arrived"].replace("Z", "+00:00")).timestamp()
    return None


def tried(h, address, n):
    """Has it tried until the nth attempt for that address is known."""
    def look():
        h.command("queue", "retry", "--all")
        return len(attempts(h, address)) >= n
    return wait_until(look, 20, 0.05)


def clock(net, b, bad):
    """The clock is set while mail waits: nothing is older for it, nothing newer."""
    bad.become("defer")
    b.stop()
    shim = StepClock(b)
    b.start()
    send(b, "old@defer.bad.test", "clock old")
    real = lambda: time.time() + getattr(b, "offset", 0) / 1000
    verdict(tried(b, "old@defer.bad.test", 14) and abs(came(b, "old@defer.bad.test") - real()) < 60,
            "clock-before", came(b, "old@defer.bad.test"))
    shim.step(10 * DAY)
    tried(b, "old@defer.bad.test", 16)
    verdict(b.logged("queue.clock") and "queue.bounce" not in b.log() and
            "queue.notice" not in b.log(), "clock-ahead-makes-nothing-old", b.log()[-500:])
    verdict(abs(came(b, "old@defer.bad.test") - real() - 10 * 86400) < 60, "clock-ahead-moves",
            came(b, "old@defer.bad.test"))
    shim.step(0)
    tried(b, "old@defer.bad.test", 18)
    verdict(abs(came(b, "old@defer.bad.test") - real()) < 60, "clock-back-moves",
            came(b, "old@defer.bad.test"))
    # A machine without a battery for its clock begins in 1970 and learns the time.
    b.stop()
    shim.step(-56 * YEAR)
    b.start()
    send(b, "new@defer.bad.test", "clock new")
    tried(b, "new@defer.bad.test", 1)
    verdict(came(b, "new@defer.bad.test") < real() - 50 * 365 * 86400 and
            abs(came(b, "old@defer.bad.test") - real()) < 120, "clock-begins-in-1970")
    shim.step(0)
    tried(b, "new@defer.bad.test", 3)
    for again in ("", "-over-a-kill"):
        verdict(all(abs(came(b, f"{x}@defer.bad.test") - real()) < 120 for x in ("old", "new")),
                "clock-set-moves-only-what-it-stamped" + again,
                [came(b, f"{x}@defer.bad.test") - real() for x in ("old", "new")])
        if not again:
            b.kill("queue")
            wait_until(lambda: came(b, "new@defer.bad.test"), 10, 0.1)
    verdict("queue.bounce" not in b.log() and "queue.notice" not in b.log(), "clock-tells-nobody")
    b.command("queue", "remove", "--all")
    b.stop()
    shim.close()
    b.start()
    bad.become("ok")


class Senders:
    """People who send one letter after the other, each to a person of its own,
    and keep a ledger of what was taken; with Senders(h) as s: ..."""

    def __init__(self, h, name, n=2):
        self.h, self.name, self.acked, self.stop = h, name, [], threading.Event()
        self.threads = [threading.Thread(target=self.send, args=(i,)) for i in range(n)]

    def send(self, me):
        s, n = None, 0
        while not self.stop.is_set():
            n += 1
            key = f"{self.name}-{me}-{n}@bad.test"
            try:
                if s is None:
                    s = self.h.submit("anna")
                s.sendmail("anna@a.test", [key], f"From: anna@a.test\r\nSubject: {key}\r\n\r\nx\r\n")
                self.acked.append(key)
                time.sleep(0.03)
            except (OSError, smtplib.SMTPException):
                s = None
                time.sleep(0.05)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join()


def in_the_air(h):
    r = h.command("queue", "list", "--json")
    return r.returncode != 0 or '"delivering"' in r.stdout


def settled(h):
    """Nothing is in flight, nor unknown to a queue that is only starting."""
    quiet = 0

    def look():
        nonlocal quiet
        quiet = 0 if in_the_air(h) else quiet + 1
        return quiet == 5
    return wait_until(look, 30, 0.1)


def ledger(a, bad, name, faults):
    """Mail goes out while faults happen; {key: times of the far side's 250s}."""
    bad.become("slow-dot")
    since = len(bad.messages())
    with Senders(a, name) as s:
        faults(time.monotonic() + (4 if QUICK else 10))

    def taken():
        out = {}
        for m in bad.messages()[since:]:
            if m["accepted"]:
                out.setdefault(m["to"][0], []).append(m["time"])
        return out

    # What is in flight is not cut by our stop; what was put off has its turn
    # an hour later.
    settled(a)
    jump(a, 3600 * 1000)
    wait_until(lambda: not set(s.acked) - set(taken()), 60, 0.3)
    settled(a)
    got = taken()
    lost = sorted(set(s.acked) - set(got))
    verdict(len(s.acked) > 20 and not lost, f"killed-{name}-nothing-lost ({len(s.acked)} sent)", lost[:5])
    bad.become("ok")
    return got


def killed(net, a, bad):
    """Processes killed again and again while mail goes out."""
    plain, kills = a.extra, []

    def kill(*labels):
        def faults(until):
            for label in list(labels) * 1000:
                if time.monotonic() > until:
                    break
                time.sleep(0.25)
                if label == "reload":
                    # The queue is started anew for other relays, mx for other ports.
                    a.extra = plain + f"relay: {{ nobody.test: {{ host: mail.c.test, port: " \
                                      f"{2000 + len(kills)}, tls: off }} }}\n"
                    a.write_config()
                    a.command("reload")
                else:
                    a.kill(label)
                kills.append((label, time.time()))
        return faults

    # Whatever dies but mx: what the far side has taken is known to us.
    got = ledger(a, bad, "queue", kill("queue", "dns", "queue"))
    twice = [k for k, v in got.items() if len(v) > 1]
    verdict(not twice, f"killed-queue-once-each ({len(got)} taken, {len(kills)} kills)", twice[:5])
    kills.clear()
    got = ledger(a, bad, "reload", kill("reload", "queue", "reload"))
    a.extra = plain
    a.write_config()
    twice = [k for k, v in got.items() if len(v) > 1]
    verdict(not twice, f"killed-reload-once-each ({len(got)} taken, {len(kills)} kills)", twice[:5])
    # When mx dies, an answer that was on its way to it is lost: only that comes
    # twice, and an mx has died between the two.
    kills.clear()
    got = ledger(a, bad, "mx", kill("mx", "queue", "mx", "dns"))
    deaths = [t for label, t in kills if label == "mx"]
    twice = {k: v for k, v in got.items() if len(v) > 1}
    by_mx = [k for k, v in twice.items()
             if all(any(x - 0.5 <= t <= y for t in deaths) for x, y in zip(v, v[1:]))]
    verdict(len(by_mx) == len(twice), f"killed-mx-twice-only-what-mx-had-in-hand "
            f"({len(got)} taken, {len(twice)} twice, {len(deaths)} deaths of mx)",
            [(k, v) for k, v in twice.items() if k not in by_mx][:3])


def disk_full(net):
    """452, never a lie."""
    h = net.hearthmail("d", "mail.d.test", ["d.test"])
    img = os.path.join(h.dir, "disk.img")
    subprocess.run(["truncate", "-s", "160M", img], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", img], check=True, capture_output=True)
    subprocess.run(["rm", "-rf", h.data], check=True)
    os.makedirs(h.data)
    if subprocess.run(["mount", "-o", "loop", img, h.data], capture_output=True).returncode:
        skip("disk-full-queue", "this machine cannot mount a loop device")
        return
    try:
        h.command("passwd", "anna", "--stdin", input=PASSWORD + "\n")
        h.start()
        refusal, taken = None, 0
        body = ("x" * 70 + "\r\n") * 9000
        for i in range(400):
            try:
                send(h, f"full{i}@off.test", f"full {i}", text=body)
                taken += 1
            except smtplib.SMTPDataError as e:
                refusal = e
                break
        verdict(taken > 0 and refusal is not None and refusal.smtp_code == 452, "disk-full-452",
                (taken, refusal))
        def kept():
            m = re.search(r"(\d+) messages? waits?", h.command("status", "--json").stdout)
            return int(m.group(1)) if m else -1
        before, ended = kept(), h.log()
        h.restart()
        after = wait_until(lambda: kept() == taken and kept(), 10)
        verdict(before == taken and after == taken, "disk-full-keeps-what-it-took",
                (taken, before, after, re.findall("queue.*", ended + h.log())[-5:]))
        # It drains with as little room as that, and then there is room again.
        off = net.badhost("off", "ok")
        h.command("queue", "retry", "--all")
        wait_until(lambda: kept() == 0, 60, 0.2)
        got = [m["to"][0] for m in off.messages() if m["accepted"]]
        verdict(kept() == 0 and sorted(got) == sorted(f"full{i}@off.test" for i in range(taken)),
                "disk-full-drains", (kept(), len(got), taken, re.findall("queue.*", h.log())[-3:]))

        def room():
            try:
                return not send(h, "room@off.test", "room", text=body)
            except smtplib.SMTPException:
                return False
        verdict(wait_until(room, 100, 1), "disk-full-gets-room-again", h.log()[-500:])
    finally:
        h.stop()
        subprocess.run(["umount", h.data])


def stopped(net, a, bad):
    """An ordinary stop: what a host is about to take is not sent once more."""
    def seconds():
        since = time.monotonic()
        a.stop()
        return time.monotonic() - since

    a.command("queue", "remove", "--all")
    bad.become("slow-dot")
    since, sent, longest = len(bad.messages()), [], 0
    for k in range(3 if QUICK else 6):
        before = len(bad.messages())
        for i in range(3):
            sent.append(f"stop{k}.{i}@bad.test")
            send(a, sent[-1], f"stop {k}")
        wait_until(lambda: len(bad.messages()) > before, 10)  # before its 250
        longest = max(longest, seconds())
        a.start()

    def taken():
        a.command("queue", "retry", "--all")
        # What was on its way before this step may still arrive.
        return [t for m in bad.messages()[since:] for t in m["to"]
                if t.startswith(("stop", "unheard"))]
    wait_until(lambda: not set(sent) - set(taken()), 20, 0.1)
    settled(a)
    got = taken()
    verdict(sorted(got) == sorted(sent), f"stop-once-each ({len(sent)} sent)",
            [t for t in sent if got.count(t) != 1])
    verdict(longest < wide(2), f"stop-waits-for-the-answer ({longest:.1f} s at most)")
    idle = seconds()
    verdict(idle < wide(1), f"stop-of-nothing-is-fast ({idle:.2f} s)")
    # Who has not come to the message's end is not waited for, nor counts it.
    bad.become("silent")
    a.start()
    send(a, "unheard@bad.test", "unheard")
    wait_until(lambda: in_the_air(a), 10)
    early = seconds()
    bad.become("ok")
    a.start()
    left = [x for x in attempts(a, "unheard@bad.test") if x[0] != 250]
    verdict(early < wide(1) and not left, f"stop-before-the-end-is-no-try ({early:.2f} s)", left)
    verdict(wait_until(lambda: "unheard@bad.test" in taken(), 15, 0.2), "stop-before-the-end-comes-later")


def main():
    lacks = missing()
    if not lacks and lacking("all", "postfix", "msmtp", "swaks"):
        finish()
    if lacks:
        skip("all", f"there can be no small Internet here without: {lacks}")
        finish()
    with SmallNet(hosts=["a", "b", "c", "d", "pf", "bad", "off"], zones=ZONES) as net:
        a = net.hearthmail("a", "mail.a.test", ["a.test"])
        b = net.hearthmail("b", "mail.b.test", ["b.test"])
        c = net.hearthmail("c", "mail.c.test", ["c.test", "a.test"], users=("anna",))
        pf = net.postfix("pf", "mail.pf.test", ["pf.test"])
        bad = net.badhost("bad", "ok")
        with open(c.config) as f:
            text = f.read().replace("anna@c.test", "anna@a.test")
        c.write_config(text)
        steps = sys.argv[1].split(",") if len(sys.argv) > 1 and sys.argv[1][0] != "-" else None
        with a, b, c:
            for name, fn in (("round", lambda: round_trip(net, a, b, pf)),
                             ("way", lambda: way(net, a, bad)),
                             ("habits", lambda: habits(net, a, bad)),
                             ("zones", lambda: zones(net, a)),
                             ("smart", lambda: smarthosts(net, a, b, c, bad)),
                             ("clock", lambda: clock(net, b, bad)),
                             ("later", lambda: later(net, a, bad)),
                             ("killed", lambda: killed(net, a, bad)),
                             ("stopped", lambda: stopped(net, a, bad)),
                             ("schedule", lambda: schedule(net, b)),
                             ("full", lambda: disk_full(net))):
                if steps is None or name in steps:
                    since = time.monotonic()
                    fn()
                    print(f"  ({name}: {time.monotonic() - since:.1f} s)")
    finish()


if __name__ == "__main__":
    main()
