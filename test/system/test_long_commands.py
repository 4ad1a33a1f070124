#!/usr/bin/env python3
"""Commands that would run for minutes end with their client, with their
password, and do the same work once.  Waits for what the log says."""
import base64
import re
import socket
import time

from house import PASSWORD, House, Raw, finish, verdict, wait_until

WIDE = 90  # seconds; what is waited for takes some, the commands minutes


def fill(h):
    m = h.imap("anna")
    m.create("Large")
    line = b"The quick brown fox jumps over the lazy dog, and so on and on.\r\n"
    for i in range(6):
        m.append("Large", None, None, b"Subject: large\r\n\r\n" + line * (8 * 1024 * 1024 // len(line)))
    m.create("Binary")
    text = base64.encodebytes(bytes(i * 7 % 251 for i in range(20000)) * 600).replace(b"\n", b"\r\n")
    m.append("Binary", None, None, b"Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n" + text)
    m.logout()


def login(h, folder):
    r = Raw(h.port["imap"], timeout=WIDE)
    r.line()
    r.send(f'a LOGIN anna "{PASSWORD}"\r\n')
    r.until(b"a ")
    r.send(f"b SELECT {folder}\r\n")
    r.until(b"b ")
    return r


def ended(h):
    return h.log().count(" imap.session.end ")


SEARCH = "z SEARCH" + "".join(f" NOT TEXT q{i}q" for i in range(4000)) + "\r\n"
LONG = (("search", "Large", SEARCH),
        ("or-search", "Large", "z SEARCH" + " OR BODY q1q" * 20 + " ALL" + "".join(f" NOT BODY z{i}z" for i in range(4000)) + "\r\n"),
        ("binary-size", "Binary", "z FETCH 1 (" + " ".join(["BINARY.SIZE[1]"] * 4000) + ")\r\n"))


def gone(h, name, folder, command):
    before = ended(h)
    r = login(h, folder)
    r.send(command)
    pid = h.pids("account anna")[0]
    busy = cpu(pid)
    wait_until(lambda: cpu(pid) > busy + 20, WIDE)
    r.s.close()
    verdict(wait_until(lambda: ended(h) > before, WIDE), f"{name}-ends-with-its-client")


def cpu(pid):
    """Hundredths of a second that the process has used."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def revoked(h, name, folder, command):
    before = ended(h)
    r = login(h, folder)
    r.send(command)
    pid = h.pids("account anna")[0]
    busy = cpu(pid)
    wait_until(lambda: cpu(pid) > busy + 20, WIDE)
    h.command("passwd", "anna", "--stdin", input=PASSWORD + "\n")
    verdict(wait_until(lambda: ended(h) > before, WIDE), f"{name}-ends-with-its-password")
    r.s.close()


def waits(h):
    """Who has said all may wait for the answer, and is told that it is coming."""
    r = login(h, "Large")
    r.send("c SEARCH" + "".join(f" NOT TEXT w{i}w" for i in range(20)) + "\r\n")
    r.s.shutdown(socket.SHUT_WR)
    answer = r.until(b"c ")
    verdict(answer[-1].startswith(b"c OK") and any(re.match(rb"\* SEARCH 1 2 3 4 5 6", x) for x in answer),
            "half-closed-still-answered", answer)


def once(h):
    r = login(h, "Large")
    start = time.monotonic()
    r.send("d SEARCH" + " NOT TEXT zq" * 5000 + "\r\n")
    answer = r.until(b"d ")
    verdict(answer[-1].startswith(b"d OK") and time.monotonic() - start < WIDE, "the-same-is-looked-for-once", answer)
    r.s.close()


def patterns(h):
    """Patterns are compared with all names: what is made to take long is refused, what people do is not."""
    r = login(h, "INBOX")
    for i in range(200):
        r.send(f"c CREATE {'a' * 900}{i}\r\n")
    for i in range(200):
        r.until(b"c ")
    bad = " ".join("%" + "a" * 440 + "b" + str(i) for i in range(90))
    r.send(f'd LIST "" ({bad})\r\n')
    answer = r.until(b"d ")
    verdict(answer[-1].startswith(b"d NO [LIMIT]"), "list-patterns-limit", answer[-1])
    for p in ('*', '%', 'a*', '*1*', '("a*" "%" "*9" "*/*" "INBOX")'):
        r.send(f'e LIST "" {p}\r\n')
        answer = r.until(b"e ")
        verdict(answer[-1].startswith(b"e OK") and len(answer) > 10, f"list-{p}", answer[-1])
    r.s.close()


def main():
    with House(users=("anna",)) as h:
        patterns(h)
        fill(h)
        waits(h)
        once(h)
        for row in LONG:
            gone(h, *row)
        for row in LONG:
            revoked(h, *row)
    finish()


main()
