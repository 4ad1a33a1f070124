#!/usr/bin/env python3
"""Rules: scripts by the command line, what they do at a delivery, what they send, and that a
process that is killed at any time repeats and loses nothing."""
import random
import re
import smtplib
import subprocess
import threading

from house import House, finish, free_ports, lacking, verdict, wait_until
from sink import Sink

FOLDERS = """require ["fileinto", "mailbox", "imap4flags", "copy"];
if header :contains "Subject" "list" {
    fileinto :create :flags ["\\\\Seen", "Lists"] "Post/Lists";
} elsif header :is "Subject" "two" {
    fileinto :copy "Archive";
} elsif header :is "Subject" "gone" {
    discard;
} elsif header :is "Subject" "nowhere" {
    fileinto "No/Such";
}
"""
SENDS = """require ["vacation", "copy"];
if header :is "Subject" "away" {
    vacation :days 7 :addresses "anna@old.test" "I am away";
} elsif header :is "Subject" "on" {
    redirect "y@far.test";
} elsif header :is "Subject" "ben" {
    redirect "ben@home.test";
} elsif header :is "Subject" "refused" {
    redirect "no@far.test";
}
"""


def put(h, text, name="main", account="anna"):
    r = h.command("sieve", account, "put", name, input=text)
    if r.returncode == 0:
        r = h.command("sieve", account, "activate", name)
    return r


def subjects(h, folder, user="anna"):
    """All of them, as often as they are there."""
    m = h.imap(user)
    try:
        if m.select(f'"{folder}"', readonly=True)[0] != "OK":
            return []
        ids = m.search(None, "ALL")[1][0].split()
        heads = [m.fetch(i, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1] for i in ids]
        return [re.search(rb"Subject: (.*)\r\n", x)[1].decode() for x in heads]
    finally:
        m.logout()


def test_command(h):
    name = "sieve-command"
    ok = put(h, FOLDERS).returncode == 0
    r = h.command("sieve", "anna", "list")
    ok = verdict(ok and re.search(r"active +\d+ +main", r.stdout), name, r.stdout + r.stderr)
    r = h.command("sieve", "anna", "get", "main")
    verdict(r.stdout == FOLDERS, f"{name}-get", r.stdout)
    r = h.command("sieve", "anna", "put", "bad", input="keep;\nfileinto \"x\";\n")
    verdict(r.returncode != 0 and "bad:2:1" in r.stderr, f"{name}-error", r.stderr)
    r = h.command("sieve", "anna", "check", input="keep\n")
    verdict(r.returncode != 0, f"{name}-check", r.stderr)
    r = h.command("sieve", "anna", "test", "main", input="Subject: my list\n\nhello\n")
    verdict(r.returncode == 0 and '"Post/Lists"' in r.stdout, f"{name}-test", r.stdout + r.stderr)
    h.command("sieve", "anna", "put", "what", input='require "reject"; if header "Subject" "no" { reject "No."; stop; }\n'
              'redirect "ANNA+x@home.test"; redirect "x@far.test";\n')
    r = h.command("sieve", "anna", "test", "what", "--from", "x@far.test", input="Subject: no\n\nhello\n")
    verdict('=> reject "No." (if SPF confirms the sender' in r.stdout, f"{name}-test-reject", r.stdout + r.stderr)
    r = h.command("sieve", "anna", "test", "what", input="Subject: yes\n\nhello\n")
    verdict('=> redirect "ANNA+x@home.test" (that is you' in r.stdout and '=> redirect "x@far.test"\n' in r.stdout,
            f"{name}-test-redirect", r.stdout + r.stderr)
    h.command("sieve", "anna", "put", "what", input='require ["envelope", "subaddress"];\n'
              'if allof (envelope "from" "", envelope :detail "to" "lists") { discard; }\n')
    got = [h.command("sieve", "anna", "test", "what", *more, input="Subject: yes\n\nhello\n").stdout.strip().split("\n")[-1]
           for more in (["--from", "<>", "--to", "<anna+lists@home.test>"], ["--to", "anna+lists@home.test"],
                        ["--from", "<x@far.test>", "--to", "anna+lists@home.test"], ["--from", "<>"])]
    verdict(got == ["=> discard"] * 2 + ["=> implicit keep"] * 2, f"{name}-test-envelope", got)
    r = h.command("sieve", "anna", "get", "what", "--to", "anna@home.test")
    verdict(r.returncode == 2 and "--to is for test" in r.stderr, f"{name}-to-is-for-test", r.stderr)
    h.command("sieve", "anna", "delete", "what")
    r = h.command("sieve", "anna", "delete", "main")
    verdict(r.returncode != 0 and "active" in r.stderr, f"{name}-delete-active", r.stderr)
    r = h.command("sieve", "nobody", "list")
    verdict(r.returncode != 0, f"{name}-nobody", r.stderr)


def test_folders(h):
    for s in ("a list", "two", "gone", "plain"):
        h.deliver(subject=s)
    got = {f: subjects(h, f) for f in ("INBOX", "Archive", "Post/Lists")}
    verdict(got == {"INBOX": ["two", "plain"], "Archive": ["two"], "Post/Lists": ["a list"]},
            "sieve-folders", got)
    m = h.imap()
    m.select('"Post/Lists"')
    flags = m.fetch(b"1", "(FLAGS)")[1][0]
    verdict(b"\\Seen" in flags and b"Lists" in flags, "sieve-flags", flags)
    m.logout()


def test_mailboxid(h):
    """The identifier that IMAP shows leads to the folder, also when it has another name."""
    m = h.imap()
    m.create("Before")
    ident = re.search(rb"MAILBOXID \(([^)]*)\)", m.status("Before", "(MAILBOXID)")[1][0])[1].decode()
    r = put(h, f'require ["fileinto", "mailboxid"];\nif mailboxidexists "{ident}" {{ fileinto :mailboxid "{ident}" "No/Such"; }}\n')
    m.rename("Before", "Behind")
    h.deliver(subject="by its id")
    got = subjects(h, "Behind")
    verdict(r.returncode == 0 and got == ["by its id"], "sieve-mailboxid", [ident, got, r.stderr])
    m.delete("Behind")
    h.deliver(subject="gone by its id")
    verdict("gone by its id" in subjects(h, "INBOX"), "sieve-mailboxid-gone")
    m.logout()
    put(h, FOLDERS)


def test_detail(h):
    """name+detail: into the folder of that name, unless a rule says otherwise."""
    m = h.imap()
    m.create("lists")
    m.logout()
    h.command("sieve", "anna", "deactivate")
    before = len(subjects(h, "INBOX"))
    for to in ("anna+LISTS", "anna+nothing", "anna+Archive"):
        h.deliver(to=to, subject=to)
    h.command("sieve", "anna", "activate", "main")
    h.deliver(to="anna+lists", subject="with a script")
    got = subjects(h, "lists")
    verdict(got == ["anna+LISTS", "with a script"], "detail-folder", got)
    verdict(subjects(h, "INBOX")[before:] == ["anna+nothing", "anna+Archive"], "detail-inbox", subjects(h, "INBOX"))


def test_failure(h):
    """A folder that is missing: kept, and one letter."""
    for _ in range(3):
        h.deliver(subject="nowhere")
    got = subjects(h, "INBOX")
    verdict(got.count("nowhere") == 3 and got.count("Your mail rules do not work") == 1,
            "sieve-one-letter", got)
    h.restart()
    h.deliver(subject="nowhere")
    got = subjects(h, "INBOX")
    verdict(got.count("nowhere") == 4 and got.count("Your mail rules do not work") == 1,
            "sieve-one-letter-after-restart", got)


def test_sends(h, sink):
    r = put(h, SENDS)
    verdict(r.returncode == 0, "sieve-sends-put", r.stderr)
    for _ in range(2):
        s = h.smtp()
        s.sendmail("x@far.test", ["anna@home.test"],
                   "From: X <x@far.test>\r\nTo: ANNA+x@home.test\r\nSubject: away\r\n\r\nhello\r\n")
        s.quit()
    wait_until(lambda: len(sink.mails) >= 1)
    for s in ("on", "ben", "refused"):
        h.deliver(subject=s, sender="x@far.test")
    wait_until(lambda: len(sink.mails) >= 2)
    mails = [m for m in sink.mails if m[1] == "x@far.test"]
    verdict(len(mails) == 1 and mails[0][0] == "" and b"I am away" in mails[0][2] and
            b"Auto-Submitted: auto-replied" in mails[0][2], "sieve-vacation", mails)
    on = [m for m in sink.mails if m[1] == "y@far.test"]
    verdict(len(on) == 1 and on[0][0].startswith("SRS0=") and on[0][0].endswith("@home.test") and
            b"Return-Path" not in on[0][2] and b"Subject: on" in on[0][2], "sieve-redirect", on)
    verdict(wait_until(lambda: "ben" in subjects(h, "INBOX", "ben")), "sieve-redirect-here")
    told = wait_until(lambda: "A message was not forwarded" in subjects(h, "INBOX"))
    verdict(told, "sieve-redirect-refused-is-told", subjects(h, "INBOX"))
    got = subjects(h, "INBOX")
    verdict(got.count("away") == 2 and "on" not in got and "ben" not in got, "sieve-redirect-is-no-keep", got)


def test_old_address(h, sink):
    """Mail that another provider has forwarded is answered from here, since nobody else could sign the answer."""
    s = h.smtp()
    s.sendmail("old@far.test", ["anna@home.test"],
               "From: X <old@far.test>\r\nTo: anna@old.test\r\nSubject: away\r\n\r\nhello\r\n")
    s.quit()
    got = wait_until(lambda: [m for m in sink.mails if m[1] == "old@far.test"])
    verdict(got and b"\nFrom: anna@home.test\r\n" in b"\n" + got[0][2], "sieve-vacation-old-address", got)


def test_rounds(h):
    """Anna forwards to ben, and he to her: it comes back once, whatever their rules do to its header."""
    for kind, needs, change in (("plain", "", ""), ("deleted", ', "editheader"', 'deleteheader "X-Sieve-Redirected-From";'),
                                ("enclosed", ', "enclose"', 'enclose "Look:";')):
        for one, other in (("anna", "ben"), ("ben", "anna")):
            r = put(h, f'require ["copy"{needs}];\n{change}\nredirect :copy "{other}@home.test";\n', account=one)
            verdict(r.returncode == 0, f"sieve-rounds-put-{kind}-{one}", r.stderr)
        before = [len(subjects(h, "INBOX", who)) for who in ("anna", "ben")]
        h.deliver(subject=f"round {kind}", sender=f"{kind}@far.test")
        ended = wait_until(lambda: "go round" in h.command("trace", f"{kind}@far.test").stdout)
        after = [len(subjects(h, "INBOX", who)) for who in ("anna", "ben")]
        verdict(ended and [a - b for a, b in zip(after, before)] == [2, 1], f"sieve-rounds-{kind}", [before, after])
    h.command("sieve", "ben", "deactivate")
    put(h, SENDS)


def test_trace(h):
    """The history says by which rule."""
    h.deliver(subject="on", sender="trace@far.test")
    got = wait_until(lambda: (lambda t: t if "rule main:" in t and "y@far.test" in t else None)(
        h.command("trace", "trace@far.test").stdout))
    verdict(got, "trace-names-the-rule", h.command("trace", "trace@far.test").stdout)


def test_killed(h, sink):
    """A ledger: each message once in its folder, and once at the far side."""
    put(h, """require ["fileinto", "copy", "mailbox"];
fileinto :create "Kept"; redirect :copy "ledger@far.test";""")
    n, sent = 60, []
    for i in range(n):
        # At any place of this one; it is killed once only, so that it gets on however slow it is.
        killer = threading.Timer(random.uniform(0, 0.03), lambda: h.kill("account anna"))
        killer.start()
        for _ in range(20):
            try:
                h.deliver(subject=f"ledger-{i}", sender="x@far.test")
                sent.append(f"ledger-{i}")
                break
            except (smtplib.SMTPException, OSError):
                pass
        killer.join()
    want = sorted(sent)

    def here():
        # A message on which two processes have died is not looked at any more, by rules either.
        kept = subjects(h, "Kept")
        return kept, kept + [s for s in subjects(h, "INBOX") if s.startswith("ledger-")]
    wait_until(lambda: len(here()[1]) >= len(want))
    kept, all_ = here()
    verdict(sorted(all_) == want and len(kept) > n // 2, "sieve-killed-kept", f"{len(kept)}, {len(all_)} of {len(want)}")

    def far():
        return sorted(re.search(rb"Subject: (.*)\r\n", m[2])[1].decode()
                      for m in sink.mails if m[1] == "ledger@far.test")
    wait_until(lambda: len(far()) >= len(kept))
    verdict(far() == sorted(kept), "sieve-killed-sent", f"{len(far())} of {len(kept)}: {set(far()) ^ set(kept)}")


STEPS = """require ["fileinto", "copy", "mailbox", "vacation", "duplicate"];
if duplicate { discard; stop; }
fileinto :create "Steps"; redirect :copy "steps@far.test"; vacation "Away from the steps";
"""
CALLS = {"pwrite64": 4, "fdatasync": 4, "memfd_create": 3, "sendmsg": 6}


def test_killed_at_each_step(h, sink):
    """The account is killed where it enters each call that writes, syncs or sends: what a message
    leaves behind is there once, whatever was done before."""
    if lacking("sieve-killed-steps", "strace"):
        return
    put(h, STEPS)
    steps = [(call, n) for call, most in CALLS.items() for n in range(1, most + 1)]
    killed = 0

    def send(i):
        s = h.smtp()
        s.sendmail(f"step{i}@far.test", ["anna@home.test"],
                   f"From: step{i}@far.test\r\nTo: anna@home.test\r\nSubject: step-{i}\r\n"
                   f"Message-ID: <step-{i}@far.test>\r\n\r\nhello\r\n")
        s.quit()

    def far(to, of):
        return sorted(of(m) for m in sink.mails if m[1].startswith(to) and
                      (b"Away from the steps" in m[2] or to == "steps@"))

    h.deliver(subject="warm", sender="warm@far.test")
    for i, (call, n) in enumerate(steps):
        pid = wait_until(lambda: h.pids("account anna"))[0]
        tracer = subprocess.Popen(["strace", "-qq", "-p", str(pid), "-e", f"trace={call}", "-e",
                                   f"inject={call}:signal=KILL:when={n}", "-o", "/dev/null"])
        wait_until(lambda: is_traced(pid))
        send(i)
        # Some are sent later than the answer; where there are fewer calls than that, it lives.
        wait_until(lambda: len(far("steps@", subject_of)) > i + 1 and len(far("step", receiver)) > i)
        if tracer.poll() is not None:
            killed += 1
            wait_until(lambda: pid not in h.pids("account anna"))
        tracer.terminate()
        tracer.wait()
    want = sorted(f"step-{i}" for i in range(len(steps)))
    got = sorted(subjects(h, "Steps"))
    verdict([s for s in got if s != "warm"] == want, "sieve-killed-steps-kept", got)
    verdict([s for s in far("steps@", subject_of) if s != "warm"] == want, "sieve-killed-steps-forwarded",
            far("steps@", subject_of))
    verdict(far("step", receiver) == sorted(f"step{i}@far.test" for i in range(len(steps))),
            "sieve-killed-steps-answered", far("step", receiver))
    verdict(killed >= 8, "sieve-killed-steps-were-killed", killed)


def is_traced(pid):
    """Or gone: a call of another kind may come first."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return "TracerPid:\t0\n" not in f.read()
    except OSError:
        return True


def subject_of(mail):
    return re.search(rb"Subject: (.*)\r\n", mail[2])[1].decode()


def receiver(mail):
    return mail[1]


def main():
    port, = free_ports(1)
    sink = Sink(port)
    sink.say["no"] = b"550 5.1.1 nobody"
    extra = f"relay: {{ host: 127.0.0.1, port: {port}, tls: off }}\ndetail: folder\n"
    with House(extra) as h:
        test_command(h)
        test_folders(h)
        test_mailboxid(h)
        test_detail(h)
        test_failure(h)
        test_sends(h, sink)
        test_old_address(h, sink)
        test_rounds(h)
        test_trace(h)
        test_killed(h, sink)
        test_killed_at_each_step(h, sink)
    finish()


if __name__ == "__main__":
    main()
