#!/usr/bin/env python3
"""What rules cost: CPU a message to accounts with a script of ten rules, and to others with none.

  rules.py BUILD [messages]

Messages of 10 KB on port 25, over several connections at once, each flushed before its 250.  The two kinds of accounts are
of one server, and each connection writes to both in turn, so that whatever else the machine does meets both.  A busy
server's rate is what its processors can do: printed is how far it falls by that.
"""
import os
import socket
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)
os.environ["HEARTHMAIL"] = BUILD + "/cmd/hearthmail"
sys.path.insert(0, TOP + "/test/system")
from house import House, finish, verdict  # noqa: E402

MESSAGES = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
SENDERS = ACCOUNTS = 8
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


def connection(port, names, n, failed):
    """A message is one write and one read of what comes of it."""
    s = socket.create_connection(("127.0.0.1", port), 120)
    f = s.makefile("rb")

    def reply():
        while (line := f.readline())[3:4] == b"-":
            pass
        return line[:3]
    texts = {name: list(letters(f"{name}@home.test")) for name in names}
    reply()
    s.sendall(b"EHLO mail.example.net\r\n")
    reply()
    for i in range(n):
        for name in names:
            text = texts[name][i % len(texts[name])]
            s.sendall(b"MAIL FROM:<ben@example.net>\r\nRCPT TO:<%s@home.test>\r\nBDAT %d LAST\r\n" %
                      (name.encode(), len(text)) + text)
            if [reply(), reply(), reply()] != [b"250"] * 3:
                failed.append(name)
                return
    s.sendall(b"QUIT\r\n")
    reply()
    s.close()


def cpu(h):
    """Seconds that processes have used: accounts of both kinds, and the others."""
    total = {"plain": 0, "ruled": 0, "others": 0}
    for pid, label in [(h.proc.pid, "supervisor"), *h.processes().items()]:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        kind = label[8:13] if label.startswith("account ") else "others"
        total[kind] += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def send(h, plain, ruled, each):
    """So many to each kind."""
    failed = []
    threads = [threading.Thread(target=connection, args=(h.port["smtp"], (plain[i % ACCOUNTS], ruled[i % ACCOUNTS]),
                                                         each // SENDERS, failed)) for i in range(SENDERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    time.sleep(0.5)  # for what is done after the answer
    assert not failed, failed


def main():
    plain, ruled = [[f"{kind}{i}" for i in range(ACCOUNTS)] for kind in ("plain", "ruled")]
    with House("limits: { connections: 1000, connections_per_peer: 1000 }\njunk: off\n", users=plain + ruled,
               passwords=False) as h:
        for name in ruled:
            for words in (("put", "main"), ("activate", "main")):
                r = h.command("sieve", name, *words,
                              input=SCRIPT if words[0] == "put" else None)
                assert r.returncode == 0, r.stdout + r.stderr
        send(h, plain, ruled, 400)
        before = cpu(h)
        each = MESSAGES // 2 // SENDERS * SENDERS
        send(h, plain, ruled, each)
        used = {kind: (s - before[kind]) * 1e6 for kind, s in cpu(h).items()}
        others, plain_us, ruled_us = used["others"] / 2 / each, used["plain"] / each, used["ruled"] / each
        falls = 100 * (1 - (others + plain_us) / (others + ruled_us))
        print(f"us of CPU a message: {others:.0f} outside of accounts, {plain_us:.0f} in those without rules, "
              f"{ruled_us:.0f} in those with ten; the rate falls by {falls:.0f} %")
        verdict(falls <= MOST, "ten-rules", f"they cost {falls:.0f} % of the rate; {MOST} % is the limit")
        boxes = h.command("sieve", ruled[0], "list").stdout
        assert "main" in boxes, boxes
    finish()


if __name__ == "__main__":
    main()
