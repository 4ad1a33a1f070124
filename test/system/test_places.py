#!/usr/bin/env python3
"""Places: strangers who hold connections of IMAP and POP3 keep nobody out, and take no session's place."""
import re
import secrets
import socket
import threading
import time

from house import PASSWORD, House, finish, verdict, wait_until


def dial(h, service, address, family=socket.AF_INET):
    s = socket.socket(family)
    s.settimeout(120)
    s.bind((address, 0))
    s.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", h.port[service]))
    return s


def log_in(h, service, address, family=socket.AF_INET):
    """A session, or what was said instead of it."""
    s = dial(h, service, address, family)
    f = s.makefile("rwb", buffering=0)
    line = f.readline()
    try:
        if service == "imap":
            s.sendall(f'a LOGIN anna "{PASSWORD}"\r\n'.encode())
            while line and not line.startswith(b"a "):
                line = f.readline()
        else:
            for words in (b"USER anna\r\n", f"PASS {PASSWORD}\r\n".encode()):
                s.sendall(words)
                line = f.readline()
    except OSError as e:
        return None, (line, e)
    return (s if line.startswith((b"a OK", b"+OK")) else None), line


def silent(s):
    pass


def half_a_login(s):
    s.recv(500)
    s.sendall(b"a LOGIN ann")


def half_a_handshake(s):
    s.sendall(b"\x16\x03\x01\x02\x00\x01")


def chatty(s):
    s.recv(500)
    for _ in range(5):
        s.sendall(b"a NOOP\r\n")
        s.recv(500)


def guessing(s):
    """Waits for auth's answer, always."""
    s.recv(500)
    while True:
        s.sendall(f'a LOGIN anna "{secrets.token_hex(8)}"\r\n'.encode())
        while True:
            b = s.recv(500)
            if not b:
                return
            if b"a NO" in b:
                break


def besieged(h, service, how, addresses, ports=None):
    """Strangers from all addresses, who come again when they are sent away, and somebody who logs in meanwhile."""
    stop = []
    held = {}

    def hold(me, address):
        while not stop:
            try:
                s = dial(h, ports or service, address)
                held[me] = s
                how(s)
                s.settimeout(1)
                while not stop:
                    try:
                        if not s.recv(4096):
                            break
                    except socket.timeout:
                        pass
            except OSError:
                pass
            time.sleep(0.3)
    threads = [threading.Thread(target=hold, args=((a, n), a), daemon=True) for a in addresses for n in range(20)]
    for t in threads:
        t.start()
    wait_until(lambda: len(held) > min(70, len(threads) // 2))
    lines = []
    for n in range(3):
        s, line = log_in(h, service, f"127.99.0.{n + 1}")
        if s:
            s.close()
        else:
            lines.append(line)
    stop.append(1)
    for t in threads:
        t.join()
    for s in held.values():
        s.close()
    verdict(not lines, f"a-login-passes {len(addresses)} {how.__name__} {ports or service}", lines)


def sessions_stay(h):
    """A session lives on beside all that, and as many can be had as are allowed."""
    mine, line = log_in(h, "imap", "127.98.0.1")
    verdict(mine is not None, "a-session", line)
    for how, ports in ((silent, None), (half_a_login, None), (chatty, None), (half_a_handshake, "imaps")):
        besieged(h, "imap", how, [f"127.{i}.0.1" for i in range(1, 11)], ports)
    besieged(h, "imap", guessing, [f"127.{i}.0.1" for i in range(1, 16)])
    besieged(h, "imap", silent, [f"127.7.7.{i}" for i in range(1, 4)])
    besieged(h, "pop3", silent, [f"127.{i}.0.1" for i in range(1, 11)])
    besieged(h, "pop3", half_a_handshake, [f"127.{i}.0.1" for i in range(1, 11)], "pop3s")
    mine.sendall(b"b NOOP\r\n")
    verdict(mine.recv(500).startswith(b"b OK"), "the-session-is-there-still")
    mine.close()
    # 60 sessions are allowed: strangers hold none of their places.
    strangers = [dial(h, "imap", f"127.{i}.0.1") for i in range(1, 41)]
    sessions = []
    for i in range(60):
        s, line = log_in(h, "imap", f"127.{100 + i}.0.1")
        if s is None:
            break
        sessions.append(s)
    verdict(len(sessions) == 60, "sessions-up-to-the-limit", (len(sessions), line))
    s, line = log_in(h, "imap", "127.200.0.1")
    verdict(s is None and b"UNAVAILABLE" in line, "and-not-beyond", line)
    for s in strangers + sessions:
        s.close()


def refused_are_told(h):
    for service, word in (("imap", b"* BYE"), ("pop3", b"-ERR [SYS/TEMP]")):
        held = [dial(h, service, "127.50.0.1") for _ in range(6)]
        for s in held:
            s.recv(100)
        s = dial(h, service, "127.50.0.2")
        said = s.recv(500)
        verdict(said.startswith(word), f"the-refused-are-told {service}", said)
        for _ in range(30):
            dial(h, service, "127.50.0.2").close()
        h.logged(rf"accept\.full service={service} peer=127\.50\.0\.2")
        lines = re.findall(rf"accept\.full service={service} peer=127\.50\.0\.2 .*", h.log())
        verdict(1 <= len(lines) <= 2, f"by-a-line-a-minute {service}", len(lines))
        for s in held + [s]:
            s.close()


def starttls_dropped(h):
    for _ in range(40):
        s = dial(h, "imap", "127.51.0.1")
        s.recv(200)
        s.sendall(b"a STARTTLS\r\nb NOOP\r\n")
        s.recv(200)
        s.close()
    h.logged(r"starttls\.dropped .*peer=127\.51\.0\.1")
    n = len(re.findall(r"starttls\.dropped .*peer=127\.51\.0\.1", h.log()))
    verdict(1 <= n <= 20, "starttls-dropped-is-bounded", n)


def main():
    with House("limits: { connections: 60, connections_per_peer: 20, loopback: on }\n") as h:
        for part in (refused_are_told, starttls_dropped, sessions_stay):
            try:
                part(h)
            except Exception as e:
                import traceback
                traceback.print_exc()
                verdict(False, part.__name__, repr(e))
        verdict("process.died" not in h.log(), "no-crash")
    finish()


if __name__ == "__main__":
    main()
