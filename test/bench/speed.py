#!/usr/bin/env python3
"""How fast the store is, as ratios measured in one run.

  speed.py BUILD [messages]

BUILD is a folder that meson has made; what is needed of it is built.  The first
part measures the store alone, the second a whole server; where Dovecot's imap
process is installed it does the same work on a Maildir of the same messages in
the same run, without flushing anything, while every change of ours is on the
disk before it is answered.
"""
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)
os.environ.setdefault("HEARTHMAIL", BUILD + "/cmd/hearthmail")
sys.path.insert(0, TOP + "/test/system")
from house import PASSWORD, House, wait_until  # noqa: E402

DOVECOT = "/usr/lib/dovecot/imap"
TICKS = os.sysconf("SC_CLK_TCK")


def row(what, value, bound=""):
    print(f"{what:<52} {value:>22}  {bound}", flush=True)


# ---- the store alone ----

def number(text, pattern):
    return float(re.search(pattern, text).group(1))


def store(n):
    programs = ["test/bench/journal_bench", "test/bench/store_bench", "cmd/hearthmail"]
    subprocess.run(["ninja", "-C", BUILD, *programs], check=True, stdout=subprocess.DEVNULL)
    out = subprocess.run([f"{BUILD}/{programs[0]}", "."], check=True, capture_output=True,
                         text=True).stdout
    ours, bare = number(out, r"journal, 8 writers: +(\d+)"), number(out, r"8 writers batched: +(\d+)")
    row("append, 8 writers: time to a bare batched loop", f"{bare / ours:.2f}", "at most 1.5")
    out = subprocess.run([f"{BUILD}/{programs[1]}", ".", str(n)], check=True, capture_output=True,
                         text=True).stdout
    start, cold = number(out, r"start, with checkpoint +([\d.]+)"), number(out, r"SELECT, cold +([\d.]+)")
    row(f"SELECT of {n}, cold (with the start of the store)", f"{start + cold:.2f} ms", "under 20 ms")
    row(f"SELECT of {n}, warm", f"{number(out, r'SELECT, warm +([.0-9]+)'):.2f} ms", "under 0.5 ms")


# ---- sessions ----

class Session:
    """Commands on a socket; answers are read as bytes, not looked at."""

    def __init__(self, sock):
        self.sock, self.n = sock, 0

    def do(self, command):
        self.n += 1
        tag = b"t%d " % self.n
        self.sock.sendall(tag + command + b"\r\n")
        size, tail = 0, b"\r\n"
        while True:
            data = self.sock.recv(1 << 20)
            if not data:
                raise EOFError(tail[-200:])
            size += len(data)
            tail = (tail + data)[-4096:]
            at = tail.rfind(b"\r\n" + tag)
            if at >= 0 and tail.endswith(b"\r\n"):
                if not tail[at + 2 + len(tag):].startswith(b"OK"):
                    raise RuntimeError(tail[at:].decode())
                return size

    def timed(self, command):
        start = time.monotonic()
        size = self.do(command)
        return time.monotonic() - start, size


def message(i):
    head = (f"From: Anna <anna@example.org>\r\nTo: Ben <ben@example.test>\r\n"
            f"Subject: Message number {i}\r\nDate: Tue, 24 Nov 2026 11:36:46 +0000\r\n"
            f"Message-ID: <{i}@example.org>\r\nContent-Type: text/plain\r\n\r\n")
    return (head + "A line of text, as mails have.\r\n" * (20 + i % 60)).encode()


def work(s, n):
    """Seconds for each kind of work on the selected mailbox of n messages."""
    t = {}
    s.do(b"SELECT INBOX")
    s.do(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)")  # caches may be made
    t["FETCH ENVELOPE BODYSTRUCTURE"] = s.timed(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE)")[0]
    t["STORE of all"] = s.timed(b"STORE 1:* +FLAGS.SILENT (\\Flagged)")[0]
    start = time.monotonic()
    for i in range(1, 301):
        s.do(b"STORE %d +FLAGS.SILENT (\\Seen)" % i)
    t["STORE one by one"] = (time.monotonic() - start) * n / 300
    t["COPY of all"] = s.timed(b"COPY 1:* Archive")[0]
    s.do(b"CREATE Moved")
    t["MOVE of all"] = s.timed(b"MOVE 1:* Moved")[0]
    return t


def dovecot(n):
    with tempfile.TemporaryDirectory(prefix="hearthmail-test.", dir=".") as d:
        d = os.path.abspath(d)
        os.chmod(d, 0o755)
        for box in ("", "/.Archive"):
            for sub in ("cur", "new", "tmp"):
                os.makedirs(f"{d}/mail{box}/{sub}")
        os.makedirs(d + "/run")
        for i in range(n):
            with open(f"{d}/mail/cur/{1000000000 + i}.M{i}.h:2,", "wb") as f:
                f.write(message(i))
        with open(d + "/dovecot.conf", "w") as f:
            f.write(f"base_dir = {d}/run\nmail_location = maildir:{d}/mail\nlog_path = {d}/log\n"
                    "ssl = no\nmail_uid = 65534\nmail_gid = 65534\nfirst_valid_uid = 1\n"
                    "mail_fsync = never\n")
        subprocess.run(["chown", "-R", "65534:65534", d], check=True)
        ours, theirs = socket.socketpair()
        p = subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env",
                              "-i", "USER=x", f"HOME={d}", DOVECOT, "-c", f"{d}/dovecot.conf"],
                             stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        theirs.close()
        try:
            s = Session(ours)
            ours.recv(4096)
            return work(s, n)
        finally:
            ours.close()
            p.wait(60)


# ---- the whole server ----

def login(h, tls=False):
    sock = socket.create_connection(("127.0.0.1", h.port["imaps" if tls else "imap"]))
    if tls:
        c = ssl.create_default_context()
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        sock = c.wrap_socket(sock)
    sock.recv(4096)
    s = Session(sock)
    s.do(f'LOGIN anna "{PASSWORD}"'.encode())
    return s


def written(h):
    """Bytes that the account's process has handed to the kernel."""
    pid = next(p for p, name in h.processes().items() if name == "account ben")
    with open(f"/proc/{pid}/io") as f:
        return int(re.search(r"^wchar: (\d+)", f.read(), re.M).group(1))


def cpu(h):
    total = 0
    for pid in h.processes():
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def rss(h, label):
    pid = next(p for p, name in h.processes().items() if name.split()[0] == label and name.endswith("anna"))
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"Private_Dirty: +(\d+)", f.read()).group(1)) * 1024


def fill(s, n):
    for first in range(0, n, 200):
        parts = b""
        for i in range(first, min(first + 200, n)):
            m = message(i)
            parts += b" {%d+}\r\n" % len(m) + m
        s.do(b"APPEND INBOX" + parts)


def delivery(h, connections, each, pause):
    """Bytes written for each byte of a message of 10 KB."""
    body = "Subject: ten\r\n\r\n" + ("x" * 74 + "\r\n") * 132
    had = h.count("ben")
    before = written(h)

    def send():
        c = smtplib.SMTP("127.0.0.1", h.port["smtp"], "x.example.test")
        for _ in range(each):
            c.sendmail("x@example.test", ["ben@home.test"], body)
            time.sleep(pause)
        c.quit()

    threads = [threading.Thread(target=send) for _ in range(connections)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    wait_until(lambda: h.count("ben") == had + connections * each)
    return (written(h) - before) / (connections * each * len(body))


def server(n):
    with House(dir=tempfile.mkdtemp(prefix="hearthmail-test.", dir=os.path.abspath("."))) as h:
        try:
            h.deliver(to="ben")
            wait_until(lambda: h.count("ben") == 1)
            for text, how in (("now and then", (1, 20, 0.05)), ("8 connections", (8, 100, 0)),
                              ("one connection, in a row", (1, 400, 0))):
                row(f"delivery of 10 KB, {text}: bytes written",
                    f"{delivery(h, *how):.2f} times", "at most 1.2" if how[2] or how[0] > 1 else "")
            s = login(h)
            before = rss(h, "account")
            fill(s, 10 * n)
            s.do(b"SELECT INBOX")
            h.restart()
            s = login(h)
            before = rss(h, "account")
            s.do(b"SELECT INBOX")
            row(f"memory for each of {10 * n} messages, open",
                f"{max(0, rss(h, 'account') - before) / (10 * n):.1f} bytes", "at most 48")
            s = login(h, tls=True)
            s.do(b"SELECT INBOX")
            used = cpu(h)
            seconds, size = s.timed(b"UID FETCH 1:* (FLAGS BODY.PEEK[])")
            row("full sync over TLS", f"{size / seconds / 1e6:.0f} MB a second")
            row("full sync over TLS, CPU", f"{(cpu(h) - used) / size * 1e9:.2f} s a GB", "at most 2")
            s = login(h)
            s.do(b"SELECT INBOX")
            s.do(b"STORE %d:* +FLAGS.SILENT (\\Deleted)" % (n + 1))
            s.do(b"EXPUNGE")
            return work(s, n)
        finally:
            h.stop()
            shutil.rmtree(h.dir)


def main():
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    store(10 * n)
    ours = server(n)
    theirs = dovecot(n) if os.path.exists(DOVECOT) else {}
    bounds = {"FETCH ENVELOPE BODYSTRUCTURE": 5, "STORE of all": 2, "STORE one by one": 1,
              "COPY of all": 10, "MOVE of all": 10}
    for what, bound in bounds.items():
        value = f"{n / ours[what]:.0f} a second"
        row(f"{what} ({n})", value)
        if theirs:
            row("  times the rate of Dovecot", f"{theirs[what] / ours[what]:.1f}", f"at least {bound}")
    if not theirs:
        print("Dovecot's imap process is not installed: no comparison")


main()
