#!/usr/bin/env python3
"""What rules cost: mail a second and CPU a message to accounts with a script of ten rules, and to others with none.

  rules.py BUILD [messages [turns]]

Messages of 10 KB on port 25, over several connections at once, each flushed before its 250.  The two kinds of accounts are
of one server and take turns, so that what else the machine does meets both.  "rate at equal CPU" is what the CPU time of
all processes says, which is what limits a busy server; the rate itself has the load generator in it.
"""
import os
import socket
import statistics
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)
os.environ["HEARTHMAIL"] = BUILD + "/cmd/hearthmail"
sys.path.insert(0, TOP + "/test/system")
from house import House, finish, verdict  # noqa: E402

MESSAGES = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
TURNS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
SENDERS, ACCOUNTS = 8, 10
TICKS = os.sysconf("SC_CLK_TCK")
MOST = 20  # % of the rate that ten rules may cost

SCRIPT = '''require ["fileinto", "imap4flags", "variables", "body", "envelope", "relational", "mailbox",
         "comparator-i;ascii-numeric"];
# 1: what a list sends
if header :contains ["List-Id", "List-Post"] "knitting.example.org" {
    fileinto :create "Lists/Knitting";
    stop;
}
# 2: the family
if address :is :domain "From" ["family.example", "cousins.example"] {
    addflag ["\\\\Flagged", "family"];
}
# 3: bills
if header :contains "Subject" ["invoice", "receipt", "your order", "reminder"] {
    fileinto :create "Bills";
    stop;
}
# 4: what the machines at home say
if anyof (envelope :localpart :is "from" ["cron", "root", "backup"],
          header :contains "Subject" ["[backup]", "[cron]"]) {
    addflag "\\\\Seen";
    fileinto :create "Machines";
    stop;
}
# 5: what is large
if size :over 5M {
    addflag "large";
}
# 6: a shop and its newsletters
if allof (address :contains "From" "shop", exists ["List-Unsubscribe", "Precedence"]) {
    fileinto :create "Shops";
    stop;
}
# 7: a project, by a name in brackets
if header :matches "Subject" "*[project *]*" {
    set :lower "project" "${2}";
    fileinto :create "Projects/${project}";
    stop;
}
# 8: what is urgent
if header :value "le" :comparator "i;ascii-numeric" "X-Priority" "2" {
    addflag "\\\\Flagged";
}
# 9: what speaks of the school
if body :text :contains ["parents' evening", "school board"] {
    addflag "school";
    fileinto :create "School";
    stop;
}
# 10: a second address
if address :is :localpart ["To", "Cc"] "club" {
    fileinto :create "Club";
    stop;
}
'''


def letters(to):
    """Half of them meet no rule, the others one each."""
    special = ["", "", "", "", "", "List-Id: <knitting.example.org>\r\n", "Subject: Your order of Monday\r\n",
               "Subject: Re: [project Roof] what next?\r\n", "X-Priority: 1\r\n", "Precedence: list\r\n"]
    body = "A line of text as people write them, a bit longer than most.\r\n" * 160
    for n, more in enumerate(special):
        subject = "" if "Subject" in more else f"Subject: Lunch on Friday {n}\r\n"
        yield (f"Received: from mail.example.net (mail.example.net [192.0.2.25]) by mx.example.net; "
               f"Mon, 30 Nov 2026 12:00:00 +0000\r\n"
               f"From: Ben Example <ben@example.net>\r\nTo: {to}\r\nCc: Cleo <cleo@example.net>\r\n{subject}{more}"
               f"Date: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{n}.1234567890@example.net>\r\n"
               f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
               f"User-Agent: An Agent 1.0\r\n\r\n{body}").encode()


def connection(port, to, n, failed):
    """A message is one write and one read of what comes of it."""
    s = socket.create_connection(("127.0.0.1", port), 120)
    f = s.makefile("rb")

    def reply():
        while (line := f.readline())[3:4] == b"-":
            pass
        return line[:3]
    texts = list(letters(to))
    reply()
    s.sendall(b"EHLO mail.example.net\r\n")
    reply()
    for i in range(n):
        text = texts[i % len(texts)]
        s.sendall(b"MAIL FROM:<ben@example.net>\r\nRCPT TO:<%s>\r\nBDAT %d LAST\r\n" % (to.encode(), len(text)) + text)
        if [reply(), reply(), reply()] != [b"250"] * 3:
            failed.append(to)
            return
    s.sendall(b"QUIT\r\n")
    reply()
    s.close()


def cpu(h):
    """Seconds that all processes have used."""
    total = 0
    for pid in [h.proc.pid, *h.processes()]:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def turn(h, names, messages):
    """(messages a second, CPU in ms a message)"""
    failed, before, start = [], cpu(h), time.monotonic()
    threads = [threading.Thread(target=connection, args=(h.port["smtp"], f"{names[i % len(names)]}@home.test",
                                                         messages // SENDERS, failed)) for i in range(SENDERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seconds = time.monotonic() - start
    time.sleep(0.3)  # for what is done after the answer
    assert not failed, failed
    n = messages // SENDERS * SENDERS
    return n / seconds, (cpu(h) - before) * 1000 / n


def main():
    plain, ruled = [[f"{kind}{i}" for i in range(ACCOUNTS)] for kind in ("plain", "ruled")]
    with House("limits: { connections: 1000, connections_per_peer: 1000 }\njunk: off\n", users=plain + ruled,
               passwords=False) as h:
        for name in ruled:
            for words in (("put", "main"), ("activate", "main")):
                r = h.command("sieve", name, *words,
                              input=SCRIPT if words[0] == "put" else None)
                assert r.returncode == 0, r.stdout + r.stderr
        for names in (plain, ruled):
            turn(h, names, 40 * SENDERS)
        got = {"plain": [], "ruled": []}
        for _ in range(TURNS):
            for kind, names in (("plain", plain), ("ruled", ruled)):
                got[kind].append(turn(h, names, MESSAGES))
        for kind, rows in got.items():
            print(f"{kind:6} {statistics.median(r[0] for r in rows):7.0f} messages/s"
                  f" {statistics.median(r[1] for r in rows):7.3f} ms of CPU a message"
                  f"   ({' '.join(f'{r[1]:.3f}' for r in rows)})")
        ratios = [p[1] / r[1] for p, r in zip(got["plain"], got["ruled"])]
        rates = [r[0] / p[0] for p, r in zip(got["plain"], got["ruled"])]
        falls = 100 * (1 - statistics.median(ratios))
        print(f"rate at equal CPU: {-falls:+.0f} % ({' '.join(f'{100 * (r - 1):+.0f}' for r in ratios)}), "
              f"rate as it was: {100 * (statistics.median(rates) - 1):+.0f} %")
        verdict(falls <= MOST, "ten-rules", f"they cost {falls:.0f} % of the rate; {MOST} % is the limit")
        boxes = h.command("sieve", ruled[0], "list").stdout
        assert "main" in boxes, boxes
    finish()


if __name__ == "__main__":
    main()
