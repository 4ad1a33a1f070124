#!/usr/bin/env python3
"""What status says, and the log as JSON, strangers' bytes included."""
import glob
import json
import os
import re
import smtplib
import socket
import struct
import subprocess
import sys
import threading

from house import BINARY, House, finish, free_ports, reader, verdict, wait_until



class Names(threading.Thread):
    """A name server that knows nothing, and says so to whoever asks."""

    def __init__(self):
        super().__init__(daemon=True)
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind(("127.0.0.1", 0))
        self.port = self.s.getsockname()[1]
        self.start()

    def run(self):
        while True:
            q, peer = self.s.recvfrom(4096)
            end = q.index(b"\0", 12) + 5
            self.s.sendto(q[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + q[12:end], peer)


ROLES = {"auth", "history", "junk", "keeper", "queue", "dns", "mx", "smtp", "submission", "imap", "pop3", "sieve"}


def status(h):
    r = h.command("status", "--json")
    try:
        return r.returncode, json.loads(r.stdout)
    except ValueError:
        return r.returncode, {}


def screen(h):
    r = h.command("status")
    verdict(r.returncode == 1 and "no server is running" in r.stderr, "no-server", r)
    h.start()
    h.deliver()
    code, s = status(h)
    verdict(code == 0 and s["well"], "well", s)
    verdict({p["role"] for p in s["processes"] if not p["account"]} == ROLES, "every-process", s)
    verdict(all(p["answers"] and p["pid"] in h.processes() for p in s["processes"]), "pids", s)
    verdict(s["mail"]["delivered"] == 1 and s["mail"]["sent"] == 0, "counts-delivered", s["mail"])
    m = h.smtp()
    m.ehlo()
    m.mail("x@example.test")
    m.rcpt("nobody@home.test")
    i = h.imap("anna", tls=False)
    code, s = status(h)
    at = {p["role"]: p["connections"] for p in s["processes"]}
    verdict(s["mail"]["refused"] == 1, "counts-refused", s["mail"])
    verdict(at["smtp"] == 1 and at["imap"] == 1, "counts-connections", at)
    m.quit()
    i.logout()
    s = h.submit("ben")
    s.sendmail("ben@home.test", ["anna@home.test"], "From: ben@home.test\r\n\r\nx\r\n")
    s.quit()
    code, s = status(h)
    verdict(s["mail"]["submitted"] == 1 and s["mail"]["delivered"] == 2, "counts-submitted", s["mail"])
    h.kill("pop3")
    wait_until(lambda: h.pids("pop3"), 5)
    wait_until(lambda: status(h)[1].get("well"), 5)
    code, s = status(h)
    verdict([p["restarts"] for p in s["processes"] if p["role"] == "pop3"] == [1], "counts-restarts", s)
    counted = wait_until(lambda: "stored 2" in h.command("status").stdout)
    verdict(counted, "the-history-counts", h.command("status").stdout)
    out = h.command("status").stdout
    verdict("since the start" not in out and "delivered" not in out and "forged " not in out, "one-set-of-counts", out)
    today = status(h)[1]["history"]["today"]
    verdict((today.get("refused"), today.get("unknown address")) == (1, 1), "reasons-in-json", today)
    for words in ("mail.home.test, running for", "restarted 1 time\n", "connections", "mail         today: received 1, submitted 1, stored 2,",
                  "refused 1 (unknown address 1)",
                  "0 messages wait", "GB free", "certificate  until", "self-signed"):
        verdict(words in out, f"screen-{words}", out)
    verdict(len(out.splitlines()) <= 30, "one-screen", out)
    was = h.extra
    h.extra = "relay: off\n"
    h.write_config()
    r = h.command("reload")
    verdict(r.returncode == 0, "reload-of-dns", r)
    wait_until(lambda: " process.again process=dns" in h.log(), 10)
    wait_until(lambda: all(p["answers"] for p in status(h)[1].get("processes", [{"answers": 0}])), 10)
    s = status(h)[1]
    verdict([p["restarts"] for p in s["processes"] if p["role"] == "dns"] == [0], "only-deaths-count-as-restarts", s)
    h.extra = was
    h.write_config()
    h.command("reload")
    r = h.command("status", "x")
    verdict(r.returncode == 2, "usage", r)


def said_on_terminal(h, *words):
    """What the command says on a standard error that is a terminal; its output is not one."""
    ours, theirs = os.openpty()
    r = subprocess.run([BINARY, "-c", h.config, *words], stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=300)
    os.close(theirs)
    said = b""
    try:
        while True:
            said += os.read(ours, 4096)
    except OSError:  # all has been read
        os.close(ours)
    return said.decode(), r.stdout


def names_down(h):
    """Without a name service not all is well, and dns does not say that records are missing."""
    [port] = free_ports(1)
    was = h.extra
    h.extra = f"dns: {{ forward: 127.0.0.1:{port}, validate: off }}\n"
    h.write_config()
    h.command("reload")
    wait_until(lambda: "dns.down" in h.log(), 30)
    r = h.command("status")
    verdict(r.returncode == 1 and "names        DOWN: no answers from the name servers of dns.forward" in r.stdout, "names-are-down", r.stdout)
    verdict("dns.forward; mail to other domains waits, and incoming mail is deferred" in r.stdout, "and-what-waits", r.stdout)
    h.extra += "relay: 192.0.2.1\n"
    h.write_config()
    h.command("reload")
    said = wait_until(lambda: "dns.forward; incoming mail is deferred for up to an hour\n" in h.command("status").stdout)
    verdict(said, "a-relay-by-address-needs-no-names", h.command("status").stdout)
    code, s = status(h)
    verdict(code == 1 and not s["well"], "names-down-is-not-well", s)
    r = h.command("dns", timeout=300)
    verdict(r.returncode == 1 and "Nothing could be looked up" in r.stdout and "need attention" not in r.stdout,
            "dns-says-that-nothing-is-known", r.stdout)
    said, out = said_on_terminal(h, "dns")
    verdict(re.fullmatch(r"Looking up \d+ records of home\.test; this can take a minute \.\.\.\r\n", said) and
            "Looking up" not in out, "dns-says-what-it-does", (said, out))
    for words in (["--brief"], ["--json"], ["--print"]):
        said, out = said_on_terminal(h, "dns", *words)
        verdict(not said and out, f"and-{words[0]}-is-clean", (said, out))
    verdict(not r.stderr, "and-so-is-what-is-not-a-terminal", r.stderr)
    h.extra = was
    h.write_config()
    h.command("reload")
    verdict(wait_until(lambda: status(h)[0] == 0, 20), "names-are-back", h.command("status").stdout)


def make_newer(segment):
    """The version of a later Hearthmail in both copies of the header; returns what was there."""
    with open(segment, "rb") as f:
        was = f.read()
    b = bytearray(was)
    for at in (0, 2048):
        n = struct.unpack(">H", b[at + 10:at + 12])[0]
        b[at + 8:at + 10] = struct.pack(">H", 99)
        b[at + n:at + n + 4] = struct.pack(">I", reader.crc32c(bytes(b[at:at + n])))
    with open(segment, "r+b") as f:
        f.write(b)
    return was


def put_back(segment, was):
    with open(segment, "r+b") as f:
        f.write(was)


def newer(h):
    """A store or spool that cannot be opened is said to be that: no message is blamed, none is lost."""
    h.deliver()
    h.stop()
    [segment] = glob.glob(f"{h.data}/accounts/anna/log/*[0-9]")
    was = make_newer(segment)
    h.start()
    h.deliver(subject="waits")
    verdict(wait_until(lambda: "anna: CANNOT BE OPENED" in h.command("status").stdout) and
            h.command("status").returncode == 1, "status-names-a-store-that-does-not-open", h.command("status").stdout)
    verdict(h.logged(r"store\.open .*written by a newer version"), "log-says-why-it-does-not")
    # Again and again, and with nobody to blame for it.
    for _ in range(3):
        n = h.log().count(" store.open ")
        h.command("queue", "retry", "--all")
        wait_until(lambda: h.log().count(" store.open ") > n)
    verdict("keeper.opaque" not in h.log(), "no-message-is-blamed")
    h.stop()
    put_back(segment, was)
    h.start()
    h.command("queue", "retry", "--all")
    verdict(wait_until(lambda: "0 messages wait" in h.command("status").stdout), "what-waited-is-delivered")
    verdict("CANNOT BE OPENED" not in h.command("status").stdout, "status-is-content-again")
    h.stop()
    [segment] = glob.glob(f"{h.data}/spool/log/*[0-9]")
    was = make_newer(segment)
    h.start(wait=False)
    verdict(h.logged(r"queue\.start .*newer version"), "log-says-why-no-queue")
    r = wait_until(lambda: (lambda r: r if re.search(r"queue .*DOES NOT (RUN|ANSWER)", r.stdout) else None)(h.command("status")))
    verdict(r and r.returncode == 1, "status-names-a-queue-that-does-not-start", h.command("status").stdout)
    h.stop()
    put_back(segment, was)
    h.start()


def silent(h):
    """A process that hangs is named, and does not hold up the answer."""
    import signal
    pids = h.kill("mx", signal.SIGSTOP)
    r = h.command("status", timeout=300)
    verdict(r.returncode == 1 and "DOES NOT ANSWER" in r.stdout, "silent-process", r.stdout)
    for p in pids:
        os.kill(p, signal.SIGCONT)


def hostile(h):
    with socket.create_connection(("127.0.0.1", h.port["smtp"])) as s:
        s.settimeout(120)
        f = s.makefile("rb")
        f.readline()
        for line in (b'EHLO a"b\\c\r\n', b"EHLO x\r\n", b'MAIL FROM:<"q\\"u o"@example.test>\r\n',
                     b'RCPT TO:<"no\\" event=body\\"d"@home.test>\r\n', b"NONSENSE \xff\x00\x1b[31m\r\n"):
            s.sendall(line)
            while f.readline()[3:4] == b"-":
                pass
        s.sendall(b"QUIT\r\n")
    m = h.smtp()
    m.sendmail("x@example.test", ["anna@home.test"], "Subject: x\r\n\r\nx\r\n")
    m.quit()
    try:
        h.imap("anna", 'wrong" level="info')
    except Exception:
        pass


def as_json(h):
    h.stop()
    open(h.log_path, "w").close()
    h.extra = "log: { format: json }\nlimits: { messages_per_hour: 1000 }\n"
    h.write_config()
    h.start(wait=False)
    verdict(wait_until(lambda: '"event":"ready"' in h.log(), 10), "json-ready", h.log()[-500:])
    hostile(h)
    h.kill("imap")
    wait_until(lambda: '"event":"process.died"' in h.log(), 5)
    wait_until(lambda: '"event":"smtp.rcpt.reject"' in h.log(), 5)
    h.stop()
    bad, events = [], []
    for line in h.log().splitlines():
        try:
            events.append(json.loads(line, object_pairs_hook=lambda p: p))
        except ValueError:
            bad.append(line)
    verdict(not bad, "json-every-line", bad[:2])
    verdict(all([k for k, _ in e[:5]] == ["time", "level", "process", "pid", "event"] for e in events),
            "json-fixed-keys-first")
    got = [dict(e) for e in events]
    verdict(all(isinstance(e["pid"], int) for e in got), "json-numbers-are-numbers")
    reject = [e for e in got if e["event"] == "smtp.rcpt.reject"]
    verdict(reject and reject[0]["rcpt"] == '"no\\" event=body\\"d"@home.test',
            "json-hostile-address", reject)
    verdict(len([e for e in got if e["event"] == "ready"]) == 1 and
            isinstance([e for e in got if e["event"] == "ready"][0]["ms"], int), "json-ready-ms")
    h.extra = "log: { format: xml }\n"
    h.write_config()
    r = h.command("check")
    verdict(r.returncode == 78 and "expected text or json" in r.stderr + r.stdout, "json-or-text", r)


def main():
    names = Names()
    h = House(extra=f"dns: {{ forward: 127.0.0.1:{names.port}, validate: off }}\n")
    try:
        screen(h)
        names_down(h)
        newer(h)
        silent(h)
        as_json(h)
    finally:
        h.stop()
    import shutil
    shutil.rmtree(h.dir, ignore_errors=True)
    finish()


if __name__ == "__main__":
    main()
