#!/usr/bin/env python3
"""Mail hosts that want to harm: replies without end, bytes one by one, NULs,
nonsense in every place.  The sender's side stays whole: its process lives, its
memory and threads stay bounded, and other mail goes out meanwhile."""
import os
import random
import re
import socket
import sys
import threading
import time

from house import House, finish, free_ports, verdict, wait_until

QUICK = "--quick" in sys.argv
MB = 1 << 20


class Host:
    """Listens, and treats the n-th connection by habit(sock, n)."""

    def __init__(self, port):
        self.port, self.habit, self.n, self.open = port, polite, 0, 0
        self.taken, self.lock = [], threading.Lock()
        self.s = socket.create_server(("127.0.0.1", port), backlog=200)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            c, _ = self.s.accept()
            self.n += 1
            threading.Thread(target=self.one, args=(c, self.n), daemon=True).start()

    def one(self, c, n):
        with self.lock:
            self.open += 1
        try:
            c.settimeout(60)
            self.habit(self, c, n)
        except OSError:
            pass
        finally:
            c.close()
            with self.lock:
                self.open -= 1


def line(c):
    out = b""
    while not out.endswith(b"\n"):
        b = c.recv(1)
        if not b:
            raise OSError("end")
        out += b
    return out


def dialogue(host, c, ehlo=b"250 x\r\n", mail=b"250 ok\r\n", rcpt=b"250 ok\r\n", data=b"354 go\r\n",
             dot=b"250 taken\r\n", greeting=b"220 x\r\n"):
    """A host whose words are given."""
    c.sendall(greeting)
    while True:
        l = line(c)
        verb = l[:4].upper()
        if verb == b"QUIT":
            return
        if verb == b"RCPT":
            to = l
        c.sendall({b"EHLO": ehlo, b"HELO": ehlo, b"MAIL": mail, b"RCPT": rcpt, b"DATA": data}
                  .get(verb, b"250 ok\r\n"))
        if verb == b"DATA" and data.startswith(b"354"):
            while line(c) not in (b".\r\n",):
                pass
            host.taken.append(to)
            c.sendall(dot)


def polite(host, c, n):
    dialogue(host, c)


def endless(text):
    def habit(host, c, n):
        while True:
            c.sendall(text * (65536 // len(text) + 1))
    return habit


def after_greeting(text):
    def habit(host, c, n):
        c.sendall(b"220 x\r\n")
        line(c)
        while True:
            c.sendall(text * (65536 // len(text) + 1))
    return habit


def one_by_one(host, c, n):
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for b in b"220-" + b"x" * 3000 + b"\r\n":
        c.send(bytes([b]))
    time.sleep(1)


def replies(**words):
    return lambda host, c, n: dialogue(host, c, **words)


def noise(host, c, n):
    """Words that look right, with wrong bytes in them."""
    r = random.Random(n)
    good = b"".join([b"220 x\r\n", b"250-x\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n",
                     b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n"])
    for _ in range(r.randrange(1, 8)):
        at = r.randrange(len(good))
        good = good[:at] + bytes([r.choice([0, 10, 13, 45, 32, 255, 48, 57, 50, r.randrange(256)])]) + \
            good[at + r.randrange(2):]
    c.settimeout(0.5)
    for i in range(0, len(good), 7):
        c.sendall(good[i:i + 7])
    end = time.monotonic() + 1
    while time.monotonic() < end and c.recv(65536):
        pass


HABITS = [
    ("greeting-without-end", endless(b"220-still greeting you\r\n")),
    ("line-without-end", endless(b"2" * 1000)),
    ("nuls", endless(b"\0")),
    ("newlines", endless(b"\n")),
    ("carriage-returns", endless(b"220 x\r")),
    ("ehlo-without-end", after_greeting(b"250-SIZE 99999999999999999999999999999\r\n")),
    ("ehlo-of-2-mb-lines", after_greeting(b"250-" + b"y" * 2 * MB + b"\r\n")),
    ("one-by-one", one_by_one),
    ("nul-in-reply", replies(rcpt=b"550 5.1.1 no\0 such\r\n")),
    ("bare-lf", replies(greeting=b"220 x\n", ehlo=b"250 x\n", rcpt=b"550 5.1.1 no\n")),
    ("code-alone", replies(greeting=b"220\r\n", ehlo=b"250\r\n", rcpt=b"550\r\n")),
    ("codes-that-are-none", replies(mail=b"999 x\r\n")),
    ("negative", replies(mail=b"-50 x\r\n")),
    ("mixed-codes", replies(mail=b"250-x\r\n550 y\r\n")),
    ("354-to-mail", replies(mail=b"354 go\r\n")),
    ("hostile-words", replies(rcpt=b"550 5.1.1 \x1b]0;owned\x07%s%n\"\\ <b>\xff\xfe\r\n")),
    ("long-words", replies(rcpt=b"550 " + b"w" * 1900 + b"\r\n")),
    ("answers-before-questions", lambda host, c, n: c.sendall(b"220 x\r\n" + b"250 x\r\n" * 50) or time.sleep(1)),
    ("size-overflow", replies(ehlo=b"250-x\r\n250 SIZE 18446744073709551616\r\n")),
    ("size-1", replies(ehlo=b"250-x\r\n250 SIZE 1\r\n")),
    ("noise", noise),
]


def threads_and_memory(h):
    pid = (h.pids("mx") or [0])[0]
    try:
        text = open(f"/proc/{pid}/status").read()
    except OSError:
        return 0, 0, 0
    return pid, int(re.search(r"Threads:\s+(\d+)", text).group(1)), \
        int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


class Sampler:
    """The most threads and memory that mx ever had."""

    def __init__(self, h):
        self.h, self.peak, self.stop = h, [0, 0], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.is_set():
            now = threads_and_memory(self.h)
            self.peak = [max(self.peak[0], now[1]), max(self.peak[1], now[2])]
            self.stop.wait(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def send(h, to, n=1):
    s = h.submit("anna")
    for i in range(n):
        s.sendmail("anna@home.test", [to % i if "%" in to else to],
                   "From: anna@home.test\r\nSubject: x\r\n\r\nhello\r\n" + "x" * 70 + "\r\n")
    s.quit()


def tried(h, n):
    """At least so many attempts are known."""
    return len(re.findall(r"queue\.attempt item=", h.log())) >= n


def main():
    ports = free_ports(2)
    evil, good = Host(ports[0]), Host(ports[1])
    relay = "".join(f"  {d}: {{ host: 127.0.0.1, port: {p}, tls: off }}\n"
                    for d, p in (("evil.test", ports[0]), ("good.test", ports[1])))
    with House(f"relay:\n{relay}limits: {{ messages_per_hour: 100000 }}\n") as h:
        send(h, "first@good.test")
        verdict(wait_until(lambda: good.taken, 10), "hostile-good-goes", h.log()[-500:])
        pid, _, base = threads_and_memory(h)
        with Sampler(h) as sampler:
            n = 20 if QUICK else 60
            for name, habit in HABITS:
                evil.habit = habit
                rounds = n if name == "noise" else 3
                for _ in range(rounds):
                    before = len(re.findall(r"queue\.attempt item=", h.log()))
                    send(h, "x@evil.test")
                    # A place that is away makes all wait: each is tried at once.
                    h.command("queue", "retry", "--all")
                    wait_until(lambda: tried(h, before + 1), 15, 0.01)
                    h.command("queue", "remove", "--all")
                if not verdict(threads_and_memory(h)[0] == pid, f"hostile-{name}", h.log()[-1500:]):
                    pid = threads_and_memory(h)[0]
            # Many of them at once, and other mail beside them.
            evil.habit = endless(b"250-" + b"z" * 60 + b"\r\n")
            send(h, "many%d@evil.test", 60)
            for _ in range(20):
                h.command("queue", "retry", "--all")
            send(h, "last@good.test")
            verdict(wait_until(lambda: len(good.taken) == 2, 10), "hostile-others-go-meanwhile", h.log()[-500:])
        verdict(threads_and_memory(h)[0] == pid and "process.died" not in h.log(), "hostile-nobody-dies",
                re.findall("process.died.*", h.log())[:3])
        peak = sampler.peak
        verdict(1 < peak[0] <= 80, "hostile-threads", peak)
        verdict(peak[1] - base < 30000 or "san" in os.environ.get("HEARTHMAIL", ""), "hostile-memory",
                (base, peak[1]))
        raw = h.log().encode("utf-8", "surrogateescape")
        verdict(all(32 <= b < 127 or b == 10 for b in raw), "hostile-log-is-printable",
                [b for b in raw if not (32 <= b < 127 or b == 10)][:5])
        print(f"# threads {peak[0]}, {peak[1] - base} kB more than at rest")
    finish()


main()
