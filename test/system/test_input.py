#!/usr/bin/env python3
"""Bad input: a clear error, no crash, nothing lost, and each process's memory
back within 1 MiB afterwards."""
import os
import random
import socket
import ssl
import struct
import sys
import threading
import time

from house import PASSWORD, House, Raw, finish, skip, verdict, wait_until

QUICK = "--quick" in sys.argv
ROLES = ["smtp", "submission", "imap", "pop3", "auth", "keeper", "queue", "history", "account anna"]
SLACK_KIB = 1024


def memory(h):
    """Private KiB of each process (root can read it of undumpable ones); but
    for dns: it goes on looking for the root by itself."""
    out = {}
    for pid, label in h.processes().items():
        if label == "dns":
            continue
        try:
            text = open(f"/proc/{pid}/smaps_rollup").read()
        except OSError:
            continue
        out[pid] = (label, sum(int(l.split()[1]) for l in text.splitlines()
                               if l.startswith("Private_")))
    return out


class Attack:
    """Runs fn; nothing may die of it, and memory comes back."""

    def __init__(self, h):
        self.h = h

    def __call__(self, name, fn, warm=1):
        for _ in range(warm):
            try:
                fn()  # caches, stacks of threads and the like fill once
            except (OSError, AssertionError):
                pass
        before = memory(self.h)
        try:
            result = fn()
        except (ConnectionError, socket.timeout, ssl.SSLError, OSError) as e:
            result = isinstance(e, (ConnectionError, ssl.SSLError)) or repr(e)
        verdict(result in (True, None), name, result)
        died = [l for l in self.h.log().splitlines() if "process.died" in l and "signal=9" not in l]
        verdict(not died, name + "-no-crash", died)

        left = {}

        def is_back():
            left.clear()
            left.update({l: (k - before[p][1]) for p, (l, k) in memory(self.h).items()
                         if p in before and k - before[p][1] > SLACK_KIB})
            return not left
        verdict(wait_until(is_back, pause=0.2), name + "-memory-comes-back", left)


def smtp_until_closed_or(c, text, limit=50):
    for _ in range(limit):
        r = c.reply()
        if not r or text in r:
            return r
    return b""


def attack_smtp(h, attack):
    port = h.port["smtp"]

    def nul_and_8bit():
        c = Raw(port)
        c.reply()
        for line in (b"EHLO \x00x\r\n", b"\x80\x81\r\n", b"EHLO x\n", b"EHLO\rx\r\n"):
            c.send(line)
            r = c.reply()
            assert r.startswith(b"500"), r
        c.send("EHLO x\r\n")
        assert c.reply().startswith(b"250")
        c.send(b"MAIL FROM:<\xff@x>\r\n")
        return c.reply().startswith(b"553 5.6.7 ")
    attack("smtp-nul-and-8-bit", nul_and_8bit)

    def long_line():
        c = Raw(port)
        c.reply()
        c.send(b"EHLO " + b"x" * (1 << 20) + b"\r\n")
        assert c.reply().startswith(b"500")
        c.send("EHLO x\r\n")
        return c.reply().startswith(b"250")
    attack("smtp-1-mb-line", long_line)

    def pipelined():
        c = Raw(port, 60)
        n = 100000 if QUICK else 1000000
        tail = b""

        def send():
            try:
                for _ in range(n // 1000):
                    c.send(b"NOOP\r\n" * 1000)
            except OSError:
                pass
        t = threading.Thread(target=send)
        t.start()
        got = 0
        while got < n * 10:
            d = c.s.recv(1 << 20)
            if not d:
                # Commands that lead nowhere are errors after a while.
                return b"421 " in tail or f"closed after {got}: {tail[-100:]!r}"
            got += len(d)
            tail = (tail + d)[-400:]
        t.join()
        return True
    attack("smtp-a-million-pipelined", pipelined, warm=0)

    def smuggling():
        for end in (b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r\r\n"):
            c = Raw(port)
            c.reply()
            c.send("EHLO x\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<ben@home.test>\r\nDATA\r\n")
            for _ in range(4):
                c.reply()
            c.send(b"Subject: a\r\n\r\nx" + end + b"MAIL FROM:<evil@example.test>\r\n\r\n.\r\n")
            r = c.reply()
            if not r.startswith(b"550"):
                return f"{end!r}: {r!r}"
            c.send("NOOP\r\n")
            if not c.reply().startswith(b"250"):
                return "out of step"
        return True
    attack("smtp-smuggling", smuggling)

    def header_fields():
        c = Raw(port, 60)
        c.reply()
        c.send("EHLO x\r\n")
        c.reply()
        for n, code in ((30000, b"250"), (100000, b"552")):  # a header has 256 KiB at most
            c.send("MAIL FROM:<a@example.test>\r\nRCPT TO:<ben@home.test>\r\nDATA\r\n")
            for _ in range(3):
                c.reply()
            c.send(b"X-A: b\r\n" * n + b"\r\nbody\r\n.\r\n")
            said = c.reply()
            if not said.startswith(code):
                return said
        return True
    attack("smtp-many-header-fields", header_fields)

    def nested():
        head = b"MIME-Version: 1.0\r\n"
        body = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i)
                        for i in range(1000))
        c = Raw(port, 60)
        c.reply()
        c.send("EHLO x\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<anna@home.test>\r\nDATA\r\n")
        for _ in range(4):
            c.reply()
        c.send(head + body + b"\r\nx\r\n.\r\n")
        assert c.reply().startswith(b"250")
        m = h.imap("anna")
        m.select()
        ok = m.fetch("*", "(ENVELOPE BODYSTRUCTURE BODY[1.1.1.1.1.1.1.1.1])")[0] == "OK"
        m.search(None, "BODY", "zzz")
        m.logout()
        return ok
    attack("mime-nested-1000-deep", nested)

    def halves():
        for cut in (b"EH", b"EHLO x\r\nMAIL FR", b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<anna@home.test>\r\nDATA\r\nSub"):
            c = Raw(port)
            c.reply()
            c.send(cut)
            c.s.shutdown(socket.SHUT_WR)
            if not c.eof():
                return "hangs"
        return True
    attack("smtp-half-closed", halves)

    def starttls_injection():
        c = Raw(h.port["submission"])
        c.reply()
        c.send("EHLO x\r\n")
        c.reply()
        c.send("STARTTLS\r\nEHLO injected\r\nMAIL FROM:<x@y.test>\r\n")
        assert c.reply().startswith(b"220")
        t = h.tls()
        c.s = t.wrap_socket(c.s, server_hostname="mail.home.test")
        c.buf = b""
        c.send("NOOP\r\n")
        r = c.reply()
        return r.startswith(b"250") or r
    attack("smtp-starttls-with-bytes-behind", starttls_injection)
    verdict(h.logged("starttls.dropped"), "smtp-starttls-injection-is-logged")

    def too_big():
        c = Raw(port, 60)
        c.reply()
        c.send("EHLO x\r\nMAIL FROM:<a@example.test> SIZE=99999999999\r\n")
        c.reply()
        return c.reply().startswith(b"552")
    attack("smtp-too-big-announced", too_big)

    def many_silent():
        before = {l: k for l, k in memory(h).values()}
        cs = [Raw(port) for _ in range(200)]
        for c in cs:
            c.reply()
        for c in cs[:100]:  # silent in the middle of a message
            c.send("EHLO x\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<anna@home.test>\r\nDATA\r\nSubject: slow")
        time.sleep(0.5)
        per = ({l: k for l, k in memory(h).values()}["smtp"] - before["smtp"]) / len(cs)
        print(f"# {per:.0f} KiB for each silent SMTP peer", flush=True)
        for c in cs:
            c.close()
        return per <= 64 or per
    # How many of them are there at once, and so how many stacks are kept for the next ones, is a
    # matter of timing: the first round alone does not fill all.
    attack("smtp-200-silent", many_silent, warm=4)


def garbage(port):
    r = random.Random(7)
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", port), timeout=300)
        s.sendall(r.randbytes(2000))
        s.settimeout(0.3)
        try:
            while s.recv(4096):
                pass
        except (ConnectionError, socket.timeout):
            pass
        s.close()
    return True


def attack_imap(h, attack):
    port = h.port["imap"]

    def literals():
        c = Raw(port)
        c.line()
        c.send(b"a LOGIN {4294967295}\r\n")
        r = c.line()
        assert b"BAD" in r or b"NO" in r or b"BYE" in r, r
        c = Raw(port)
        c.line()
        c.send(f'a LOGIN anna "{PASSWORD}"\r\n')
        c.until(b"a ")
        c.send(b"b APPEND INBOX {4294967295}\r\n")
        r = c.line()
        assert b"NO" in r or b"BAD" in r, r
        c.send(b"c SELECT {4294967295}\r\n")
        r = c.line()
        return b"BAD" in r or b"NO" in r or b"BYE" in r or r
    attack("imap-literal-of-4-gb", literals)

    def long_line():
        for login in (False, True):
            c = Raw(port)
            c.line()
            if login:
                c.send(f'a LOGIN anna "{PASSWORD}"\r\n')
                c.until(b"a ")
            try:
                c.send(b"a " + b"x" * (1 << 20) + b"\r\n")
                r = c.line()
            except ConnectionError:
                continue
            if not (b"BAD" in r or b"BYE" in r or not r):
                return r
        return True
    attack("imap-1-mb-line", long_line)

    def deep_search():
        c = Raw(port)
        c.line()
        c.send(f'a LOGIN anna "{PASSWORD}"\r\n')
        c.until(b"a ")
        c.send("b SELECT INBOX\r\n")
        c.until(b"b ")
        c.send(b"c SEARCH " + b"(" * 10000 + b"ALL" + b")" * 10000 + b"\r\n")
        r = c.until(b"c ")[-1]
        assert b"BAD" in r or b"NO" in r, r
        c.send(b"d SEARCH " + b"NOT " * 10000 + b"ALL\r\n")
        r = c.until(b"d ")[-1]
        assert b"BAD" in r or b"NO" in r, r
        c.send("e NOOP\r\n")
        return c.until(b"e ")[-1].startswith(b"e OK")
    attack("imap-deep-search", deep_search)

    def bad_utf8():
        c = Raw(port)
        c.line()
        c.send(f'a LOGIN anna "{PASSWORD}"\r\n')
        c.until(b"a ")
        c.send(b'b CREATE "\xff\xfe"\r\n')
        r = c.until(b"b ")[-1]
        assert b"BAD" in r or b"NO" in r, r
        c.send(b'c CREATE "&AAA"\r\n')
        r = c.until(b"c ")[-1]
        assert b"BAD" in r or b"NO" in r, r
        c.send(b"d SELECT \x00\r\n")
        r = c.until(b"d ")[-1]
        return b"BAD" in r or r
    attack("imap-utf8-that-is-none", bad_utf8)

    def pipelined():
        c = Raw(port, 60)
        c.line()
        c.send(f'a LOGIN anna "{PASSWORD}"\r\n')
        c.until(b"a ")
        n = 100000 if QUICK else 1000000
        t = threading.Thread(target=lambda: [c.send(b"x NOOP\r\n" * 1000) for _ in range(n // 1000)])
        t.start()
        seen = 0
        while seen < n:
            d = c.s.recv(1 << 20)
            if not d:
                return f"closed after {seen}"
            seen += d.count(b"\n")  # a reply may be cut anywhere, an LF not
        t.join()
        return True
    attack("imap-a-million-pipelined", pipelined, warm=0)

    def reader_stops():
        """A client that asks for much and reads nothing costs no memory."""
        cs = []
        for _ in range(10):
            c = Raw(port)
            c.line()
            c.send(f'a LOGIN anna "{PASSWORD}"\r\n')
            c.until(b"a ")
            c.send("b SELECT Big\r\n")
            c.until(b"b ")
            c.send("c FETCH 1:* BODY.PEEK[]\r\n")
            cs.append(c)
        time.sleep(0.5)
        peak = {l: k for l, k in memory(h).values()}
        for c in cs:
            c.close()
        return peak.get("imap", 0) < 20000 or peak
    def session_dies_reader_stops():
        """Nobody reads, and the session behind it is killed: no CPU burns."""
        c = Raw(port)
        c.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.line()
        c.send(f'a LOGIN anna "{PASSWORD}"\r\n')
        c.until(b"a ")
        c.send("b SELECT Big\r\n")
        c.until(b"b ")
        c.send("c FETCH 1:* BODY.PEEK[]\r\n")
        time.sleep(0.3)
        h.kill("account anna")

        def cpu():
            f = open(f"/proc/{h.pids('imap')[0]}/stat").read().rsplit(")", 1)[1].split()
            return int(f[11]) + int(f[12])
        time.sleep(0.2)
        before = cpu()
        time.sleep(1)
        used = cpu() - before
        c.close()
        return used < 20 or f"{used} ticks in a second"
    m = h.imap("anna")
    m.create("Big")
    for _ in range(10):
        m.append("Big", None, None, b"Subject: big\r\n\r\n" + b"x" * 70 + (b"\r\n" + b"x" * 70) * 14000)
    m.logout()
    attack("imap-reader-that-stops", reader_stops)
    verdict(session_dies_reader_stops() is True, "imap-session-dies-reader-stops")
    attack("imaps-garbage", lambda: garbage(h.port["imaps"]))
    attack("imap-garbage", lambda: garbage(port))

    def starttls_injection():
        c = Raw(port)
        c.line()
        c.send("a STARTTLS\r\nb LOGIN anna x\r\nc NOOP\r\n")
        assert c.line().startswith(b"a OK")
        c.s = h.tls().wrap_socket(c.s, server_hostname="mail.home.test")
        c.buf = b""
        c.send("d NOOP\r\n")
        return c.line().startswith(b"d OK")
    attack("imap-starttls-with-bytes-behind", starttls_injection)


def attack_pop3(h, attack):
    port = h.port["pop3"]

    def lines():
        c = Raw(port)
        c.line()
        for l in (b"USER\r\n", b"PASS x\r\n", b"\x00\r\n", b"RETR 1\r\n", b"USER " + b"x" * 3000 + b"\r\n"):
            c.send(l)
            r = c.line()
            assert r.startswith(b"-ERR"), r
        c.send(b"x" * (1 << 20))
        return c.eof()
    attack("pop3-bad-lines", lines)
    attack("pop3s-garbage", lambda: garbage(h.port["pop3s"]))

    def numbers():
        c = Raw(port)
        c.line()
        c.send(f"USER anna\r\nPASS {PASSWORD}\r\n")
        c.line()
        c.line()
        for l in ("RETR 0", "RETR -1", "RETR 99999999999999999999", "RETR", "TOP 1", "TOP 1 -1", "DELE x",
                  "LIST 4294967297", "UIDL 0"):
            c.send(l + "\r\n")
            r = c.line()
            assert r.startswith(b"-ERR"), (l, r)
        c.send("NOOP\r\n")
        return c.line().startswith(b"+OK")
    attack("pop3-bad-numbers", numbers)


def parser_killer(h):
    """A message that kills its process twice is kept and named."""
    # The process is killed from outside while the delivery is in its hands.
    h.kill("account ben")
    stop = []

    def killer():
        while not stop:
            for p in h.pids("account ben"):
                try:
                    os.kill(p, 9)
                except OSError:
                    pass
            if h.log().count("keeper.opaque") > 0:
                break
            time.sleep(0.001)
    t = threading.Thread(target=killer)
    t.start()
    try:
        h.deliver("ben", subject="deadly")
        verdict(True, "deadly-message-is-taken")
    except Exception as e:
        verdict(False, "deadly-message-is-taken", repr(e))
    finally:
        stop.append(1)
        t.join()
    m = h.imap("ben")
    m.select()
    verdict(m.search(None, "ALL")[1][0].split()[-1:] != [], "deadly-message-is-kept")
    m.logout()


def main():
    if os.geteuid() != 0:
        skip("all", "needs root to measure the memory of undumpable processes")
        finish()
    with House("limits: { errors: 1000 }\n") as h:
        h.deliver("anna")
        attack = Attack(h)
        for part in (attack_smtp, attack_imap, attack_pop3):
            try:
                part(h, attack)
            except Exception as e:
                import traceback
                traceback.print_exc()
                verdict(False, part.__name__, repr(e))
        n = h.count("anna")
        verdict(n >= 1, "nothing-lost", n)
        parser_killer(h)
    finish()


if __name__ == "__main__":
    main()
