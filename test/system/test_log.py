#!/usr/bin/env python3
"""What an owner finds in the log and in `status` afterwards: who was refused and why, whose
login failed, priorities for the journal, and counts that outlive processes."""
import base64
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

from house import BINARY, House, Raw, finish, verdict, wait_until

PLAIN = {name: base64.b64encode(f"\0{name}\0wrong".encode()).decode()
         for name in ("anna", "ben@home.test", "secret password")}


def refusals(h):
    """Each refusal is one line with all that is needed to find it."""
    rows = [("EHLO", rb"helo=\"\" from=\"\" code=501 "),
            ("EHLO mail.example.test", None),
            ("MAIL FROM:<no address>", rb"helo=\"mail.example.test\" from=\"FROM:<no address>\" code=501 text=\"5.1.7"),
            ("MAIL FROM:<a@example.test> SIZE=99999999999", rb"from=\"a@example.test\" code=552 text=\"5.3.4"),
            ("MAIL FROM:<a@example.test>", None),
            ("RCPT TO:<nobody@home.test>", rb"from=\"a@example.test\" rcpt=\"nobody@home.test\" code=550 text=\"5.1.1"),
            ("RCPT TO:<x@elsewhere.test>", rb"rcpt=\"x@elsewhere.test\" code=550 text=\"5.7.1"),
            ("RCPT TO:anna", rb"rcpt=\"TO:anna\" code=501 text=\"5.1.3"),
            ("RCPT TO:<anna@home.test>", None),
            ("FOO", rb"code=500 text=\"5.5.1")]
    c = Raw(h.port["smtp"])
    c.reply()
    for line, want in rows:
        c.send(line + "\r\n")
        reply = c.reply()
        if want is None:
            verdict(reply[:1] == b"2", f"refusal-not-{line}", reply)
        else:
            ok = h.logged(r"smtp\.(rcpt\.reject|refuse) sid=\w+ peer=127\.0\.0\.1 .*" + want.decode())
            verdict(ok, f"refusal-{line}", h.log()[-500:])
    c.send("DATA\r\nSubject: x\r\n\r\n\0\r\n.\r\n")
    c.reply(), c.reply()
    verdict(h.logged(r"smtp\.refuse .* code=550 text=\"5\.6\.0 the message has a NUL byte\""), "refusal-nul")
    s = h.submit("ben")
    s.mail("anna@home.test")
    verdict(h.logged(r"smtp\.refuse .* account=ben code=550 text=\"5\.7\.1 ben may not send as"),
            "refusal-may-not-send-as")
    s.close()
    seen = len(h.log().splitlines())
    for _ in range(40):
        c = Raw(h.port["smtp"])
        c.reply()
        c.send("EHLO\r\nEHLO\r\nEHLO\r\n")
        c.reply(), c.reply(), c.reply()
        c.close()
    lines = [l for l in h.log().splitlines()[seen:] if "smtp.refuse" in l]
    verdict(len(lines) <= 60, "refusals-have-an-end", len(lines))


def logins(h):
    """One shape for all services, and no name that is not an account's."""
    for service, said in (("imap", lambda n: f'a LOGIN "{n}" wrong\r\n'), ("pop3", lambda n: f"AUTH PLAIN {PLAIN[n]}\r\n"),
                          ("submission", lambda n: f"EHLO x\r\nAUTH PLAIN {PLAIN[n]}\r\n")):
        for name, account in (("anna", "anna"), ("ben@home.test", "ben"), ("secret password", "unknown")):
            c = Raw(h.port[service], timeout=300)
            c.send(said(name))
            want = rf'login\.fail service={service} peer=127\.0\.0\.1 account={account} reason="[^"]+"$'
            verdict(wait_until(lambda: re.search(want, h.log(), re.M), 60), f"login-fail-{service}-{account}",
                    [l for l in h.log().splitlines() if "login.fail" in l][-3:])
            c.close()
    verdict("secret password" not in h.log(), "login-fail-keeps-secrets")


def mail_of(h):
    return json.loads(h.command("status", "--json").stdout)["mail"]


def counts(h):
    """What was counted by processes that are gone is still there."""
    for _ in range(3):
        s = h.submit("ben")
        s.sendmail("ben@home.test", ["anna@home.test"], "From: ben@home.test\r\nSubject: x\r\n\r\nx\r\n")
        s.quit()
    c = Raw(h.port["smtp"])
    c.reply()
    c.send("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<nobody@home.test>\r\nQUIT\r\n")
    c.eof()
    before = mail_of(h)
    verdict(before["submitted"] == 3 and before["refused"] >= 1, "counts-before", before)
    for label in ("smtp", "submission", "keeper"):
        pids = h.pids(label)
        h.kill(label)
        wait_until(lambda: h.pids(label) and h.pids(label) != pids, 60)
    verdict(wait_until(lambda: mail_of(h) == before, 60), "counts-after-a-kill", (before, mail_of(h)))
    pids = h.pids("submission")
    cert, key = os.path.join(h.dir, "cert.pem"), os.path.join(h.dir, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "30", "-subj", "/CN=mail.home.test", "-keyout", key, "-out", cert], check=True, capture_output=True)
    h.write_config(h.yaml() + f"tls: {{ certificate: {cert}, key: {key} }}\n")
    r = h.command("reload")
    verdict(r.returncode == 0, "counts-reload", r)
    verdict(wait_until(lambda: h.pids("submission") and not set(pids) & set(h.pids("submission")), 60), "counts-replaced")
    verdict(wait_until(lambda: mail_of(h) == before, 60), "counts-after-a-replacement", (before, mail_of(h)))


def journal():
    """Where the journal listens each line begins with its priority."""
    ours, theirs = socket.socketpair()
    st = os.fstat(theirs.fileno())
    got = []

    def read():
        while True:
            d = ours.recv(65536)
            if not d:
                return
            got.append(d)
    thread = threading.Thread(target=read)
    thread.start()
    for name, stream, want in (("journal", f"{st.st_dev}:{st.st_ino}", rb"<[3467]>20"), ("another", "1:1", rb"20")):
        got.clear()
        h = House(env={"JOURNAL_STREAM": stream})
        proc = subprocess.Popen([BINARY, "-c", h.config, "run"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=theirs, env=h.env)
        h.proc = proc
        verdict(wait_until(lambda: b" ready " in b"".join(got), 60), f"{name}-ready")
        Raw(h.port["imap"]).send("a LOGIN anna wrong\r\n")
        verdict(wait_until(lambda: b"login.fail" in b"".join(got), 60), f"{name}-lines-of-children")
        h.kill("pop3", signal.SIGKILL)
        verdict(wait_until(lambda: b"process.died" in b"".join(got), 60), f"{name}-died")
        proc.send_signal(signal.SIGTERM)
        proc.wait(60)
        lines = b"".join(got).splitlines()
        verdict(lines and all(re.match(want, l) for l in lines), f"{name}-priorities",
                [l for l in lines if not re.match(want, l)][:2])
        levels = {"journal": {b"error": b"<3>", b"warn": b"<4>", b"info": b"<6>"}}.get(name, {})
        for l in lines:
            level = l.split(b" ")[1]
            if level in levels and not l.startswith(levels[level]):
                verdict(False, f"{name}-priority-of-{level.decode()}", l)
        h.proc = None
        h.__exit__(None, None, None)
    theirs.close()
    thread.join(60)
    ours.close()


def wrong_clock():
    """A certificate that was made in 1970 is made anew when the clock is right, before and
    after a start; while the clock is wrong none is."""
    ms = int(time.time() * 1000)
    h = House(env={"HEARTHMAIL_TEST_CLOCK": str(-ms + 3600000)})
    path = os.path.join(h.data, "tls/cert.pem")
    if os.path.exists(path):  # of the commands before the start
        os.remove(path)
    h.start()
    first = open(path).read()
    h.restart()
    verdict(open(path).read() == first, "clock-of-1970-keeps-it")
    h.stop()
    for name, days in (("1970", 0), ("future", 4000)):
        h.env = dict(os.environ, HEARTHMAIL_TEST_CLOCK=str(days * 86400000))
        h.start()
        now = open(path).read()
        verdict(now != first, f"clock-of-{name}-makes-a-new-one")
        first = now
        h.stop()
    h.env = dict(os.environ)
    h.start()
    now = open(path).read()
    verdict(now != first, "clock-back-from-the-future")
    r = h.command("status")
    verdict("RENEW" not in r.stdout, "clock-status", r.stdout)
    old = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                          "-days", "5", "-subj", "/CN=mail.home.test", "-keyout", os.path.join(h.data, "tls/key.pem"),
                          "-out", path], capture_output=True)
    verdict(old.returncode == 0 and wait_until(lambda: "tls.changed " in h.log() and open(path).read() != now, 60),
            "clock-while-it-runs")

    def serves():
        try:
            h.submit("ben").quit()
        except (ssl.SSLError, OSError):  # listeners are being replaced
            return False
        return True
    verdict(wait_until(serves, 60), "clock-new-certificate-is-served")
    h.__exit__(None, None, None)


def main():
    with House() as h:
        refusals(h)
        logins(h)
    with House() as h:
        counts(h)
    journal()
    wrong_clock()
    finish()


if __name__ == "__main__":
    main()
