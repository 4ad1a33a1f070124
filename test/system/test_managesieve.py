#!/usr/bin/env python3
"""ManageSieve [RFC 5804]: greeting, STARTTLS, logins, every command with its codes, limits; and what
mail programs really send."""
import base64
import re
import shutil
import socket
import subprocess

from house import PASSWORD, House, finish, skip, verdict, wait_until

PLAIN = base64.b64encode(f"\0anna\0{PASSWORD}".encode()).decode()


class Client:
    """Whole responses: lines up to OK, NO or BYE, with their literals."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=300)
        self.file = self.sock.makefile("rb")

    def close(self):
        self.sock.close()

    def response(self):
        out = []
        while True:
            line = self.line()
            text = line
            while m := re.search(rb"\{(\d+)\}\r?\n?$", text.rstrip(b"\r\n") + b"\r\n"):
                data = self.exactly(int(m[1]))
                rest = self.line()
                text = text.rstrip(b"\r\n") + b" " + data + rest
            out.append(text)
            if line[:2] in (b"OK", b"NO") or line[:3] == b"BYE" or not line:
                return out

    def exactly(self, n):
        data = b""
        while len(data) < n:
            part = self.file.read(n - len(data))
            if not part:
                break
            data += part
        return data

    def line(self):
        return self.file.readline()

    def starttls(self, ctx):
        self.say("STARTTLS")
        self.sock = ctx.wrap_socket(self.sock, server_hostname="mail.home.test")
        self.file = self.sock.makefile("rb")
        return self.response()

    def say(self, text):
        self.sock.sendall(text.encode() + b"\r\n")
        return self.response()


def put(text):
    return "{%d+}\r\n%s" % (len(text), text)


def log_in(h, user="anna"):
    c = Client(h.port["sieve"])
    c.response()
    c.starttls(h.tls())
    sasl = base64.b64encode(f"\0{user}\0{PASSWORD}".encode()).decode()
    return c, c.say(f'AUTHENTICATE "PLAIN" "{sasl}"')


def test_greeting(h):
    c = Client(h.port["sieve"])
    got = c.response()
    joined = b"".join(got)
    verdict(b'"IMPLEMENTATION" "' in got[0] and b'"STARTTLS"\r\n' in got and got[-1].startswith(b"OK") and
            b'"VERSION" "1.0"' in joined and b"fileinto" in joined and b'"SASL" ""\r\n' in got, "greeting", got)
    got = c.starttls(h.tls())
    verdict(b'"SASL" "PLAIN LOGIN"\r\n' in got and b'"STARTTLS"\r\n' not in got and got[-1].startswith(b"OK"),
            "capabilities-come-unasked-after-starttls", got)
    got = c.say(f'AUTHENTICATE "PLAIN" "{PLAIN}"')
    verdict(len(got) == 1 and got[0].startswith(b"OK"), "no-capabilities-after-a-login", got)
    got = c.say("CAPABILITY")
    verdict(b'"OWNER" "anna"\r\n' in got and b'"SASL" ""\r\n' in got, "capabilities-after-a-login", got)
    c.close()


def test_logins(h):
    c = Client(h.port["sieve"])
    c.response()
    c.starttls(h.tls())
    wrong = base64.b64encode(b"\0anna\0no").decode()
    verdict(c.say(f'AUTHENTICATE "PLAIN" "{wrong}"')[0].startswith(b"NO"), "login-wrong")
    verdict(c.say("LISTSCRIPTS")[0].startswith(b"NO"), "login-first")
    c.sock.sendall(b'AUTHENTICATE "PLAIN"\r\n')
    verdict(c.line() == b'""\r\n', "login-challenge")
    verdict(c.say('"*"')[0].startswith(b"NO"), "login-cancelled")
    c.sock.sendall(b'AUTHENTICATE "LOGIN"\r\n')
    verdict(c.line() == b'"VXNlcm5hbWU6"\r\n', "login-login-user")
    c.sock.sendall(b'"%s"\r\n' % base64.b64encode(b"anna"))
    verdict(c.line() == b'"UGFzc3dvcmQ6"\r\n', "login-login-password")
    got = c.say(put(base64.b64encode(PASSWORD.encode()).decode()))
    verdict(got[0].startswith(b"OK"), "login-login", got)
    c.close()


def test_commands(h):
    c, _ = log_in(h)
    script = 'require "fileinto";\r\nfileinto "Archive";\r\n'

    def row(name, text, want):
        got = b"".join(c.say(text))
        verdict(re.fullmatch(want.encode(), got, re.S), name, got)

    row("noop", "NOOP", 'OK "[^"]*"\r\n')
    row("noop-tag", 'NOOP "a\\"b"', r'OK \(TAG "a\\"b"\) "[^"]*"\r\n')
    row("havespace", 'HAVESPACE "main" 1000', "OK\r\n")
    row("havespace-too-big", 'HAVESPACE "main" 99999999', r'NO \(QUOTA/MAXSIZE\) "[^"]*"\r\n')
    row("put", f'PUTSCRIPT "main" {put(script)}', "OK\r\n")
    row("put-quoted", 'PUTSCRIPT "other" "keep;"', "OK\r\n")
    row("put-wrong", f'PUTSCRIPT "wrong" {put("keep")}', r"NO .*line 1, column.*")
    row("put-no-name", 'PUTSCRIPT "" "keep;"', r"NO .*")
    row("put-too-long", f'PUTSCRIPT "big" {put("#" * 70000)}', r"NO \(QUOTA/MAXSIZE\) .*")
    row("check", f"CHECKSCRIPT {put(script)}", "OK\r\n")
    row("check-wrong", 'CHECKSCRIPT "fileinto \\"x\\";"', "NO .*fileinto.*")
    row("list", "LISTSCRIPTS", '"main"\r\n"other"\r\nOK\r\n')
    row("setactive", 'SETACTIVE "main"', "OK\r\n")
    row("setactive-missing", 'SETACTIVE "nothing"', r'NO \(NONEXISTENT\) "[^"]*"\r\n')
    row("list-active", "listscripts", '"main" ACTIVE\r\n"other"\r\nOK\r\n')
    row("get-missing", 'GETSCRIPT "nothing"', r'NO \(NONEXISTENT\) "[^"]*"\r\n')
    row("delete-active", 'DELETESCRIPT "main"', r'NO \(ACTIVE\) "[^"]*"\r\n')
    row("rename-taken", 'RENAMESCRIPT "main" "other"', r'NO \(ALREADYEXISTS\) "[^"]*"\r\n')
    row("rename-missing", 'RENAMESCRIPT "nothing" "x"', r'NO \(NONEXISTENT\) "[^"]*"\r\n')
    row("rename", 'RENAMESCRIPT "main" "Urlaub"', "OK\r\n")
    row("delete", 'DELETESCRIPT "other"', "OK\r\n")
    row("list-renamed", "LISTSCRIPTS", '"Urlaub" ACTIVE\r\nOK\r\n')
    row("unknown", "FROBNICATE", 'NO "[^"]*"\r\n')
    row("arguments", "LISTSCRIPTS 1", 'NO "[^"]*"\r\n')
    row("starttls-late", "STARTTLS", 'NO "[^"]*"\r\n')
    c.sock.sendall(b'GETSCRIPT "Urlaub"\r\n')
    verdict(c.line() == b"{%d}\r\n" % len(script) and c.exactly(len(script)).decode() == script and
            c.line() == b"\r\n" and c.line() == b"OK\r\n", "get")
    h.deliver(subject="one")
    verdict(wait_until(lambda: h.count("anna", "Archive") == 1), "it-runs")
    row("setactive-none", 'SETACTIVE ""', "OK\r\n")
    h.deliver(subject="two")
    verdict(wait_until(lambda: h.count("anna", "INBOX") == 1), "it-runs-no-more")
    row("logout", "LOGOUT", 'OK "[^"]*"\r\n')
    verdict(c.line() == b"", "logout-closes")
    c.close()


def test_pieces(h):
    """A command that comes byte by byte, and several at once."""
    c, _ = log_in(h, "ben")
    for b in b'PUTSCRIPT {1+}\r\nx {7+}\r\nkeep;\r\n\r\nNOOP {2+}\r\nab\r\n':
        c.sock.sendall(bytes([b]))
    verdict(c.response() == [b"OK\r\n"], "byte-by-byte")
    verdict(b'(TAG "ab")' in c.response()[0], "byte-by-byte-next")
    c.sock.sendall(b'HAVESPACE "x" 5\r\nLISTSCRIPTS\r\nNOOP\r\n')
    verdict(c.response() == [b"OK\r\n"] and len(c.response()) == 2 and len(c.response()) == 1, "pipelined")
    # What only looks like a literal's announcement, at the end of one.
    verdict(c.say('PUTSCRIPT "y" {14+}\r\nkeep; #x {99+}') == [b"OK\r\n"], "literal-that-ends-like-one")
    c.close()


def test_hostile(h):
    c = Client(h.port["sieve"])
    c.response()
    got = c.say("NOOP {999999999+}")
    verdict(got[0].startswith(b"BYE") and c.line() == b"", "a-literal-before-login-that-is-too-long", got)
    c = Client(h.port["sieve"])
    c.response()
    for _ in range(20):
        got = c.say("x" * 10)
        if got[0].startswith(b"BYE") or got[-1].startswith(b"BYE"):
            break
    verdict(c.line().startswith(b"BYE") or got[-1].startswith(b"BYE"), "nonsense-ends", got)
    # TLS from the first byte: cut at once, with a line in the log.
    c = Client(h.port["sieve"])
    c.response()
    c.sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    try:
        left = c.line()
    except OSError:
        left = b""
    verdict(left == b"" and h.logged(r"tls\.misplaced service=sieve"), "tls-from-the-first-byte", left)
    # What was sent in the clear behind STARTTLS is thrown away.
    c = Client(h.port["sieve"])
    c.response()
    c.sock.sendall(b"STARTTLS\r\nNOOP \"injected\"\r\n")
    c.response()
    c.sock = h.tls().wrap_socket(c.sock, server_hostname="mail.home.test")
    c.file = c.sock.makefile("rb")
    got = c.response()
    verdict(b"injected" not in b"".join(got) and b"injected" not in b"".join(c.say("NOOP")), "starttls-injection", got)


def test_programs(h):
    """What they send, as their sources have it."""
    c, _ = log_in(h)
    # sieve-connect: HAVESPACE, PUTSCRIPT with a literal, SETACTIVE, and CHECKSCRIPT at once after the login.
    verdict(c.say(f'CHECKSCRIPT {put("keep;")}') == [b"OK\r\n"], "sieve-connect-check-first")
    # Roundcube's Net_Sieve: names as literals too; LISTSCRIPTS before everything.
    verdict(c.say('PUTSCRIPT {9+}\r\nroundcube {5+}\r\nkeep;') == [b"OK\r\n"], "roundcube-put")
    verdict(c.say('SETACTIVE {9+}\r\nroundcube') == [b"OK\r\n"], "roundcube-activate")
    verdict(b'"roundcube" ACTIVE\r\n' in c.say("LISTSCRIPTS"), "roundcube-list")
    verdict(c.say('SETACTIVE ""') == [b"OK\r\n"] and c.say('DELETESCRIPT "roundcube"') == [b"OK\r\n"],
            "roundcube-delete")
    # KMail: a script that includes others which are not there yet.
    verdict(c.say('PUTSCRIPT "USER" ' + put('require "include";\r\ninclude :personal :optional "MASTER";\r\n'
                                           'include :personal "NOT-YET";\r\n'))[-1].startswith(b"OK"), "kmail-user")
    # Thunderbird's add-on: keeps the connection with NOOP, and asks for CAPABILITY again.
    verdict(c.say("NOOP")[0].startswith(b"OK") and c.say("CAPABILITY")[-1] == b"OK\r\n", "thunderbird-keep-alive")
    c.close()


def test_sieve_connect(h):
    tool = shutil.which("sieve-connect")
    if not tool:
        skip("sieve-connect", "not installed")
        return
    r = subprocess.run([tool, "--server", "127.0.0.1", "--port", str(h.port["sieve"]), "--user", "ben",
                        "--passwordfd", "0", "--tlscafile", f"{h.data}/tls/cert.pem", "--list"],
                       input=PASSWORD + "\n", capture_output=True, text=True, timeout=300)
    verdict(r.returncode == 0 and '"x"' in r.stdout, "sieve-connect", r.stdout + r.stderr)


def main():
    with House() as h:
        test_greeting(h)
        test_logins(h)
        test_commands(h)
        test_pieces(h)
        test_hostile(h)
        test_programs(h)
        test_sieve_connect(h)
    finish()


if __name__ == "__main__":
    main()
