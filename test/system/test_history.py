#!/usr/bin/env python3
"""hearthmail trace: each message's story, whatever became of it; the history's
process may hang, die or lose its file, and the mail goes on."""
import glob
import json
import os
import signal
import smtplib
import socket
import struct
import sys
import threading
import time

from house import House, Raw, finish, free_ports, verdict, wait_until, wide
from sink import Sink

HOSTILE = "\x1b]0;owned\x07 \u202egnp.exe \x9b31m"


class Names(threading.Thread):
    """A name server that knows one DMARC policy and nothing else."""

    def __init__(self):
        super().__init__(daemon=True)
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind(("127.0.0.1", 0))
        self.port = self.s.getsockname()[1]
        self.start()

    def run(self):
        while True:
            q, peer = self.s.recvfrom(4096)
            name, at = [], 12
            while q[at]:
                name.append(q[at + 1:at + 1 + q[at]].decode().lower())
                at += q[at] + 1
            question = q[12:at + 5]
            kind, = struct.unpack(">H", q[at + 1:at + 3])
            policy = {"_dmarc.soft.test": b"v=DMARC1; p=quarantine",
                      "_dmarc.hard.test": b"v=DMARC1; p=reject"}.get(".".join(name))
            answer = b""
            if kind == 16 and policy:
                answer = b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c" + struct.pack(">HB", len(policy) + 1, len(policy)) + policy
            self.s.sendto(q[:2] + b"\x81\x80\0\x01" + (b"\0\x01" if answer else b"\0\0") + b"\0\0\0\0" +
                          question + answer, peer)


def trace(h, *words):
    r = h.command("trace", *words, "--json")
    try:
        return json.loads(r.stdout)["messages"]
    except ValueError:
        return []


def steps(story):
    return [s["step"] for s in story["steps"]]


def story(h, *words, has=(), n=1):
    """The only message that is found, once it has all these steps."""
    found = []

    def look():
        found[:] = trace(h, *words)
        return len(found) == n and all(x in [k for s in found for k in steps(s)] for x in has)
    return found if wait_until(look, pause=0.1) else []


def send(h, to, subject, user="anna"):
    s = h.submit(user)
    try:
        s.sendmail(f"{user}@home.test", [to] if isinstance(to, str) else to,
                   f"From: {user}@home.test\r\nTo: x\r\nSubject: {subject}\r\n"
                   f"Message-ID: <{subject.replace(' ', '-')}@home.test>\r\n\r\nsecret words of the body\r\n")
    finally:
        s.quit()


def arrives(h, sender, subject, to="anna", extra=""):
    s = h.smtp()
    try:
        s.sendmail(sender, [f"{to}@home.test"],
                   f"From: {sender}\r\nSubject: {subject}\r\n{extra}\r\nsecret words of the body\r\n".encode())
    except smtplib.SMTPResponseException as e:
        return e.smtp_code
    except smtplib.SMTPRecipientsRefused as e:
        return list(e.recipients.values())[0][0]
    finally:
        s.close()
    return 250


# ---- what comes in ----

def incoming(h):
    arrives(h, "ben@friend.test", "=?utf-8?q?Gr=C3=BC=C3=9Fe_aus?= =?iso-8859-2?q?_=A3=F3d=BC?=",
            extra="Message-ID: <one@friend.test>\r\n")
    got = story(h, "ben@friend.test", has=["accepted", "stored"])
    verdict(got and steps(got[0]) == ["accepted", "stored"] and got[0]["subject"] == "Grüße aus Łódź" and
            got[0]["message_id"] == "one@friend.test" and got[0]["steps"][1]["folder"] == "INBOX", "stored", got)
    for which in (["GRÜSSE"], ["łódź", "grüße"], ["<one@friend.test>"], ["one@friend.test"], ["@friend.test"],
                  ["@FRIEND.test"], [got[0]["id"]], ["friend.test"], ["--since", "1h", "ben@friend.test"]):
        verdict([m["id"] for m in trace(h, *which)] == [got[0]["id"]], f"found-by-{'id' if which == [got[0]['id']] else ' '.join(which)}",
                trace(h, *which))
    for which in (["en@friend.test"], ["ben@friend.tes"], ["@end.test"], ["grüße", "berlin"], ["0" * 32]):
        verdict(trace(h, *which) == [], f"not-found-by-{' '.join(which)}")
    r = h.command("trace", "GRÜSSE")
    verdict(r.returncode == 0 and "stored for the account anna in INBOX" in r.stdout and
            "accepted from 127.0.0.1 for anna@home.test" in r.stdout, "words", r)
    verdict(h.command("trace", "nothing of the kind").returncode == 1, "none-is-1")
    r = h.command("trace", "nothing of the kind")
    verdict(r.stdout.startswith("No message of the last 14 days matches."), "none-matches", r.stdout)
    r = h.command("trace", "nothing of the kind", "--since", "1h")
    verdict(r.stdout.startswith("No message of that time matches."), "none-of-that-time-matches", r.stdout)
    verdict(h.command("trace").returncode == 2, "no-argument")
    verdict(h.command("trace", "--sinse", "1h", "x").returncode == 2, "wrong-option")

    verdict(arrives(h, "ben@friend.test", "Hello", to="nobody") == 550, "refused-at-rcpt")
    got = story(h, "nobody@home.test", has=["refused"])
    verdict(got and got[0]["steps"][0]["code"] == 550 and "no such address" in got[0]["steps"][0]["said"] and
            got[0]["sender"] == "ben@friend.test", "refused", got)

    verdict(arrives(h, "x@soft.test", "To the junk") == 250, "quarantine-is-accepted")
    got = story(h, "To the junk", has=["accepted", "stored"])
    verdict(got and got[0]["steps"][1]["junk"] and "dmarc=fail" in got[0]["steps"][0]["said"] and
            "soft.test" in got[0]["steps"][0]["said"], "junk-and-why", got)
    verdict(arrives(h, "x@hard.test", "Forged") == 550, "reject-is-refused")
    got = story(h, "Forged", has=["refused"])
    verdict(got and "DMARC" in got[0]["steps"][0]["said"], "refused-after-data-and-why", got)

    # Several recipients, some of them wrong: one story.
    s = h.smtp()
    s.mail("ben@friend.test")
    codes = [s.rcpt(f"{x}@home.test")[0] for x in ("anna", "wrong", "ben")]
    s.data(b"From: ben@friend.test\r\nSubject: for three\r\n\r\nx\r\n")
    s.quit()
    got = story(h, "for three", has=["refused", "accepted", "stored"])
    verdict(wait_until(lambda: sorted(steps(trace(h, "for three")[0])) ==
                       ["accepted", "refused", "stored", "stored"]) and codes == [250, 550, 250],
            "several-ends", trace(h, "for three"))
    r = h.command("trace", "@home.test", "--limit", "1")
    verdict(r.stdout.startswith("The newest message (--limit N shows more):\n\n"), "one-newest-message", r.stdout)
    r = h.command("trace", "@home.test", "--limit", "2")
    verdict(r.stdout.startswith("The newest 2 messages (--limit"), "two-newest-messages", r.stdout)


def hostile(h):
    s = h.smtp()
    s.mail("evil@friend.test")
    s.rcpt("anna@home.test")
    s.data(b"From: evil@friend.test\r\nSubject: " + f"bad {HOSTILE}".encode() + b" \xff\xfe \xc2\x9b31m" + b"y" * 3000 +
           b"\r\n x\r\nMessage-ID: <a\x1bb@friend.test>\r\n\r\nx\r\n")
    s.quit()
    got = story(h, "evil@friend.test", has=["stored"])
    out = h.command("trace", "evil@friend.test").stdout
    verdict(got and "bad " in out and not any(c in out for c in "\x1b\x07\x9b\u202e"), "safe-for-terminals", ascii(out))
    verdict(len(out) < 4000, "bounded", len(out))


def broken_off(h):
    s = h.smtp()
    s.mail("ben@friend.test")
    s.rcpt("anna@home.test")
    s.docmd("DATA")
    s.send("From: ben@friend.test\r\nSubject: half of it\r\n\r\nhello\r\n")
    s.close()
    got = story(h, "half of it", has=["deferred"])
    verdict(got and "before the end" in got[0]["steps"][0]["said"], "broken-off", got)


def bad_input(h):
    """What breaks the rules has a line, too, as soon as somebody is meant."""
    def session(name, *lines):
        r = Raw(h.port["smtp"])
        r.reply()
        r.send("EHLO client.example.test\r\n")
        r.reply()
        r.send(f"MAIL FROM:<{name}@friend.test>\r\n")
        r.reply()
        for line in lines:
            r.send(line)
            r.reply()
        r.close()
        return story(h, f"{name}@friend.test", has=["refused"])
    rcpt = "RCPT TO:<anna@home.test>\r\n"
    header = "Subject: of {}\r\n\r\n"
    for name, words, lines in (
            ("barelf", "CR without", [rcpt, "DATA\r\n", header.format("barelf") + "a\nb\r\n.\r\n"]),
            ("nul", "NUL", [rcpt, "DATA\r\n", header.format("nul") + "a\0b\r\n.\r\n"]),
            ("long", "line is longer", [rcpt, "DATA\r\n", header.format("long") + "a" * ((1 << 20) + 1) + "\r\n.\r\n"]),
            ("chunk", "as in BDAT", [rcpt, "BDAT 5 FIRST\r\nhello"]),
            ("lost", "as in BDAT", [rcpt, "BDAT many\r\n"]),
            ("path", "not a valid", ["RCPT TO:<an na@home.test>\r\n"]),
            ("relay", "relaying", ["RCPT TO:<x@elsewhere.test>\r\n"])):
        got = session(name, *lines)
        verdict(got and any(words in s["said"] for s in got[0]["steps"]), f"bad-input-{name}", got)
    got = trace(h, "of barelf")
    verdict(len(got) == 1 and got[0]["steps"][0]["recipients"] == ["anna@home.test"], "bad-input-by-subject", got)


# ---- what goes out ----

def outgoing(h, sink):
    send(h, "x@far.test", "goes well")
    got = story(h, "x@far.test", has=["accepted", "queued", "host", "sent"])
    verdict(got and steps(got[0]) == ["accepted", "queued", "host", "sent"] and
            got[0]["steps"][0]["account"] == "anna" and got[0]["steps"][2]["peer"].startswith("127.0.0.1"), "sent", got)
    number = got[0]["steps"][1]["queue_id"]
    arrives(h, "about@friend.test", f"about {number}")
    verdict(story(h, f"about {number}", has=["stored"]), "found-by-a-number-in-its-subject")
    verdict([m["id"] for m in trace(h, str(number))] == [got[0]["id"]], "found-by-queue-id", trace(h, str(number)))
    verdict(any(m["id"] == got[0]["id"] for m in trace(h, "anna")), "found-by-account")
    verdict(got[0]["message_id"] == "goes-well@home.test", "message-id")

    sink.say["later"] = b"451 4.7.1 greylisted, come again"
    send(h, "later@far.test", "comes again")
    got = story(h, "later@far.test", has=["tried"])
    verdict(got and "greylisted" in got[0]["steps"][-1]["said"] and got[0]["steps"][-1]["next_try"], "deferred", got)
    del sink.say["later"]
    h.command("queue", "hold", "later@far.test")
    h.command("queue", "release", "later@far.test")
    h.command("queue", "retry", "later@far.test")
    got = story(h, "later@far.test", has=["sent"])
    verdict(got and [s for s in steps(got[0]) if s not in ("host", "retried")] ==
            ["accepted", "queued", "tried", "held", "released", "sent"], "deferred-then-sent", got)

    sink.say["gone"] = b"550 5.1.1 no such mailbox"
    send(h, ["gone@far.test", "y@far.test", "ben@home.test"], "some are gone")
    got = story(h, "gone@far.test", has=["returned", "sent", "stored"])
    back = [s for s in got[0]["steps"] if s["step"] == "returned"] if got else []
    verdict(len(back) == 1 and back[0]["sender_told"] and back[0]["recipients"] == ["gone@far.test"] and
            "no such mailbox" in back[0]["said"], "returned", got)
    reports = wait_until(lambda: [m for m in trace(h, "anna") if m["steps"][0]["step"] == "queued" and
                                  got and got[0]["id"] in m["steps"][0].get("said", "")])
    verdict(bool(reports), "the-report-has-a-story", trace(h, "anna"))
    verdict("handed-over" not in steps(got[0]), "stored-is-not-handed-over-too", got)
    words = h.command("trace", "gone@far.test").stdout
    verdict(words.count("no such mailbox") == 1 and "sent to y@far.test\n" in words, "a-reply-is-said-once", words)

    sink.say["stays"] = b"450 not now"
    send(h, "stays@far.test", "is removed")
    story(h, "stays@far.test", has=["tried"])
    h.command("queue", "remove", "stays@far.test")
    verdict(story(h, "stays@far.test", has=["removed"]), "removed")

    s = h.submit("anna")
    s.mail("ben@home.test")
    s.close()
    verdict(wait_until(lambda: [m for m in trace(h, "anna") if steps(m) == ["refused"] and
                                "may not send as" in m["steps"][0]["said"]]), "not-the-accounts-address")


# ---- the process ----

def status_counts(h):
    out = h.command("status").stdout
    return [l.split(":", 1)[1].strip() for l in out.splitlines() if "today:" in l]


def restart(h):
    before = status_counts(h)
    verdict(before and "refused" in before[0] and "received 0" not in before[0], "status-counts", before)
    j = json.loads(h.command("status", "--json").stdout)["history"]["today"]
    verdict(j["received"] > 3 and j["junk"] == 1 and j["unknown address"] == 2 and j["policy"] == 2 and j["relaying"] == 1 and j["sent"] == 3 and
            j["returned"] == 1 and j["malformed"] == 6 and j["refused"] == 11, "status-json", j)
    h.stop()
    verdict("stop.late" not in h.log(), "it-ends-with-the-others", h.log()[-1000:])
    off = h.command("trace", "ben@friend.test")
    verdict(off.returncode == 0 and "stored for the account anna" in off.stdout, "without-a-server", off)
    h.start()
    verdict(wait_until(lambda: status_counts(h) == before), "counts-survive-a-restart", [before, status_counts(h)])
    on = h.command("trace", "ben@friend.test")
    verdict(on.stdout == off.stdout, "the-same-with-and-without", [on.stdout, off.stdout])


def killed(h):
    """History dies again and again while mail flows: no message is lost, and it comes back."""
    before, sent = h.count(), 0
    for round in range(3):
        h.kill("history")
        for i in range(10):
            sent += arrives(h, "flow@friend.test", f"flow {round} {i}") == 250
        wait_until(lambda: h.pids("history"))
    verdict(h.count() == before + sent == before + 30, "no-mail-is-lost", [before, sent, h.count()])
    arrives(h, "flow@friend.test", "at last")
    pid, = h.pids("history")
    os.kill(pid, signal.SIGSTOP)
    r = h.command("trace", "flow@friend.test")
    verdict(r.returncode == 1 and "the history process does not answer" in r.stderr and h.pids("history") == [pid],
            "trace-does-not-wait-until-it-is-replaced", r)
    os.kill(pid, signal.SIGCONT)
    verdict(story(h, "at last", has=["accepted", "stored"]), "comes-back")
    # It hangs: nothing waits, and the status is fast.
    pids = h.kill("history", signal.SIGSTOP)
    start = time.monotonic()
    codes = [arrives(h, "flow@friend.test", f"hang {i}") for i in range(20)]
    verdict(set(codes) == {250}, "mail-goes-on-while-it-hangs", codes)
    r = h.command("status", timeout=300)
    verdict("DOES NOT ANSWER" in r.stdout and time.monotonic() - start < 60, "status-while-it-hangs", r)
    for p in pids:
        os.kill(p, signal.SIGCONT)
    verdict(wait_until(lambda: len(trace(h, "hang")) == 20, pause=0.1), "what-waited-comes-later", len(trace(h, "hang")))


def damaged(h):
    h.stop()
    path = os.path.join(h.data, "history/history.db")
    with open(path, "wb") as f:
        f.write(b"\xa5" * 65536)
    os.unlink(path + "-wal")
    h.start()
    arrives(h, "after@friend.test", "after the damage")
    verdict(story(h, "after the damage", has=["stored"]), "a-new-one-begins")
    verdict(os.path.exists(path + ".damaged") and h.logged("history.damaged"), "the-old-one-is-set-aside")


def flood(h):
    """Refusals beyond what a network may have are only counted."""
    for i in range(12):
        s = h.smtp()
        s.mail("flood@friend.test")
        for k in range(5):
            s.rcpt(f"guess{i}.{k}@home.test")
        s.close()
    got = wait_until(lambda: 0 < sum(len(m["steps"]) for m in trace(h, "flood@friend.test")) <= 20)
    verdict(got, "a-flood-is-bounded", len(trace(h, "flood@friend.test")))
    verdict(wait_until(lambda: any(f"unknown address {n}" in "".join(status_counts(h)) for n in range(60, 80))),
            "and-counted", status_counts(h))


def private(h):
    """Never bodies; without subjects if the owner wishes; off."""
    arrives(h, "shy@friend.test", "A private matter")
    story(h, "A private matter", has=["stored"])

    def kept():
        return b"".join(open(f, "rb").read() for f in glob.glob(os.path.join(h.data, "history/history.db*")))
    h.extra += "history: { subjects: off }\n"
    h.write_config()
    verdict(h.command("reload").returncode == 0, "reload")
    verdict(wait_until(lambda: not any("subject" in m for m in trace(h, "shy@friend.test"))), "subjects-go")
    arrives(h, "shy@friend.test", "Another private matter")
    wait_until(lambda: len(trace(h, "shy@friend.test")) == 2)
    h.stop()
    verdict(b"secret words of the body" not in kept(), "no-bodies")
    verdict(b"private matter" not in kept(), "no-subjects")
    verdict(oct(os.stat(os.path.join(h.data, "history")).st_mode & 0o777) == "0o700", "owners-only")
    h.extra = h.extra.replace("subjects: off", "keep: off")
    h.write_config()
    h.start()
    arrives(h, "shy@friend.test", "Unseen")
    verdict(wait_until(lambda: h.command("trace", "shy@friend.test").returncode == 1), "off-forgets")
    r = h.command("trace", "shy@friend.test")
    verdict("off" in r.stdout, "off-is-said", r)


def cpu(pid):
    """Seconds that a process has computed."""
    at = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(at[11]) + int(at[12])) / os.sysconf("SC_CLK_TCK")


def exact_cpu(pid):
    """The same of a process with one thread, to the nanosecond."""
    return int(open(f"/proc/{pid}/schedstat").read().split()[0]) / 1e9


def cost():
    """What the history's process computes, of all that a delivery costs."""
    limit, n = wide(0.03), 500 if "--quick" in sys.argv else 3000
    with House() as h:
        r = Raw(h.port["smtp"])
        r.reply()
        r.send("EHLO client.example.test\r\n")
        r.reply()
        h.deliver("anna")
        history, = h.pids("history")
        everybody = [h.proc.pid, *h.processes()]
        before, own = sum(map(cpu, everybody)), exact_cpu(history)
        for i in range(n):
            r.send(f"MAIL FROM:<x{i}@example.test>\r\nRCPT TO:<anna@home.test>\r\nDATA\r\n")
            for _ in range(3):
                r.reply()
            r.send(f"From: x{i}@example.test\r\nSubject: number {i}\r\nMessage-ID: <{i}@example.test>\r\n\r\n" +
                   ("x" * 70 + "\r\n") * 40 + ".\r\n")
            assert r.reply().startswith(b"250")
        wait_until(lambda: len(trace(h, f"number {n - 1}")) == 1)
        own, all_ = exact_cpu(history) - own, sum(map(cpu, everybody)) - before
        print(f"# {own / n * 1e6:.1f} us of {all_ / n * 1e6:.0f} us a delivery: {own / all_:.1%}", flush=True)
        verdict(own / all_ < limit, "costs-little", own / all_)
        r.close()


def main():
    names = Names()
    port, = free_ports(1)
    sink = Sink(port)
    extra = (f"dns: {{ forward: 127.0.0.1:{names.port}, validate: off }}\n"
             f"relay: {{ host: 127.0.0.1, port: {port}, tls: off }}\n"
             "limits: { loopback: on }\n")
    with House(extra=extra) as h:
        incoming(h)
        hostile(h)
        broken_off(h)
        bad_input(h)
        outgoing(h, sink)
        restart(h)
        killed(h)
        flood(h)
        damaged(h)
        private(h)
    cost()
    finish()


if __name__ == "__main__":
    main()
