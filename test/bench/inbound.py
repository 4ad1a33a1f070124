#!/usr/bin/env python3
"""What it costs to judge what arrives: mail a second and CPU a message on port 25, with all checks and with none.

  inbound.py BUILD [messages [senders]] [--connect]

A message of 10 KB with one RSA-2048 signature, from a host of a small Internet with warm DNS (SPF, DKIM and DMARC
pass), over several connections at once, each message flushed before its 250; --connect: each message over a connection
of its own, as most servers send.  The two ways take turns, so that what else the machine does meets both.  Needs root, NSD and python3-dkim, as the system tests do.
"""
import os
import socket
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)
os.environ.setdefault("HEARTHMAIL", BUILD + "/cmd/hearthmail")
sys.path.insert(0, TOP + "/test/system")
from smallnet import SmallNet, Zone, missing  # noqa: E402
from test_inbound import Key  # noqa: E402

CONNECT = "--connect" in sys.argv
NUMBERS = [int(a) for a in sys.argv[2:] if a.isdigit()]
MESSAGES = NUMBERS[0] if NUMBERS else 2000
SENDERS = NUMBERS[1] if len(NUMBERS) > 1 else 8
TURNS = 3
TICKS = os.sysconf("SC_CLK_TCK")


def letter(key):
    body = "A line of text as people write them, a bit longer than most.\r\n" * 160
    return key.sign((f"From: Ben <ben@bank.test>\r\nTo: anna@us.test\r\nSubject: hello\r\n"
                     f"Date: Mon, 30 Nov 2026 12:00:00 +0000\r\n\r\n{body}").encode(), "s1", "bank.test")


def sender(net, text, n, failed):
    for _ in range(n if CONNECT else 1):
        if not failed:
            connection(net, text, 1 if CONNECT else n, failed)


def connection(net, text, n, failed):
    """A message is one write and one read of what comes of it."""
    with net.inside("sender"):
        s = socket.create_connection((net.ip["us"], 25), 120)
    f = s.makefile("rb")

    def reply():
        while (line := f.readline())[3:4] == b"-":
            pass
        return line[:3]
    reply()
    s.sendall(b"EHLO mail.bank.test\r\n")
    reply()
    for _ in range(n):
        s.sendall(b"MAIL FROM:<ben@bank.test>\r\nRCPT TO:<anna@us.test>\r\n" +
                  b"BDAT %d LAST\r\n" % len(text) + text)
        if [reply(), reply(), reply()] != [b"250"] * 3:
            failed.append(1)
            return
    s.sendall(b"QUIT\r\n")
    s.close()


def cpu(us):
    """Seconds that each process has used, by name."""
    used = {}
    for pid, label in us.processes().items():
        try:
            field = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        name = label.split()[0]
        used[name] = used.get(name, 0) + (int(field[11]) + int(field[12])) / TICKS
    return used


def turn(net, us, text, n):
    failed, before, since = [], cpu(us), time.monotonic()
    threads = [threading.Thread(target=sender, args=(net, text, n // SENDERS, failed)) for _ in range(SENDERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seconds = time.monotonic() - since
    if failed:
        sys.exit("a message was not accepted:\n" + us.log()[-3000:])
    after = cpu(us)
    done = n // SENDERS * SENDERS
    return done / seconds, {k: (after[k] - before.get(k, 0)) * 1000 / done for k in after}


def main():
    if gone := missing():
        sys.exit(f"not without: {gone}")
    with tempfile.TemporaryDirectory() as folder:
        key = Key(folder)
        zones = {"us.test": Zone(["@ MX 10 mail", "mail A {us}"]),
                 "bank.test": Zone(["@ MX 10 mail", "mail A {sender}", '@ TXT "v=spf1 ip4:{sender} -all"',
                                    '_dmarc TXT "v=DMARC1; p=reject"', f"s1._domainkey TXT {key.record}"])}
        text = letter(key)
        with SmallNet(hosts=["us", "sender"], zones=zones) as net:
            many = "limits: { messages_per_hour: 1000000, connections_per_peer: 1000 }\n"
            with net.hearthmail("us", "mail.us.test", ["us.test"], extra=many) as us:
                plain = open(us.config).read()
                got = {"all": [], "none": []}
                for _ in range(TURNS):
                    for way, extra in (("none", "inbound: { dmarc: off }\n"), ("all", "")):
                        us.write_config(plain + extra)
                        us.command("reload")
                        turn(net, us, text, SENDERS * 4)
                        got[way].append(turn(net, us, text, MESSAGES))
                for way in got:
                    rate, used = max(got[way], key=lambda x: x[0])
                    shares = ", ".join(f"{k} {v:.2f}" for k, v in sorted(used.items(), key=lambda x: -x[1]) if v >= 0.005)
                    print(f"checks: {way:<5} {rate:6.0f} messages/s   CPU ms/message: {sum(used.values()):.2f} ({shares})")
                best = [max(r for r, _ in got[way]) for way in ("all", "none")]
                print(f"with all checks: {100 * best[0] / best[1]:.0f} % of the rate without (at least 75 %)")


if __name__ == "__main__":
    main()
