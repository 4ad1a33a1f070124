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
            b'"VERSION" "1.0"' in joined and b'"EXTLISTS" "urn"\r\n' in got and b"fileinto" in joined and b'"SASL" ""\r\n' in got, "greeting", got)
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


def test_names(h):
    """Names are text; what is not is refused everywhere."""
    c, _ = log_in(h, "ben")
    for i, good in enumerate(("ü/ß", "../x", "a b", "." * 128, "😀" * 128, 'a\\\\"b'.replace('\\\\"', '\\"'))):
        got = [c.say(f'PUTSCRIPT "{good}" "keep;"'), c.say(f'SETACTIVE "{good}"'), c.say("LISTSCRIPTS"),
               c.say('SETACTIVE {0+}\r\n'), c.say(f'DELETESCRIPT "{good}"')]
        verdict([g[-1] for g in got] == [b"OK\r\n"] * 5 and f'"{good}" ACTIVE\r\n'.encode() in got[2], f"name-{i}", got)
    for i, wrong in enumerate(("", "a\x01", "a\x7f", "a\u0085", "a\u2028", "a\u2029", "x" * 513)):
        got = [c.say(f'{command} "{wrong}" {last}')[0] for command, last in
               (("PUTSCRIPT", '"keep;"'), ("HAVESPACE", "10"))] + [c.say(f'RENAMESCRIPT "x" "{wrong}"')[0]]
        verdict(all(g.startswith(b"NO ") for g in got), f"name-wrong-{i}", got)
    c.sock.sendall(b'PUTSCRIPT {4+}\r\na\r\nb "keep;"\r\nPUTSCRIPT "\xff" "keep;"\r\nPUTSCRIPT {3+}\r\na\0b "keep;"\r\n')
    got = [c.response()[0] for _ in range(3)]
    verdict(all(g.startswith(b"NO ") for g in got), "name-wrong-bytes", got)
    got = [c.say(f'PUTSCRIPT "n{i}" "keep;"')[0] for i in range(65)]
    verdict(got[-1].startswith(b"NO (QUOTA/MAXSCRIPTS) ") and got[0] == b"OK\r\n", "too-many-scripts", got[-1])
    verdict(c.say('HAVESPACE "new" 1')[0].startswith(b"NO (QUOTA/MAXSCRIPTS) ") and
            c.say('HAVESPACE "n0" 1') == [b"OK\r\n"], "havespace-too-many", got)
    for i in range(65):
        c.say(f'DELETESCRIPT "n{i}"')
    full = put("#" + "x" * 65530 + "\r\n")
    got = [c.say(f'PUTSCRIPT "f{i}" {full}')[0] for i in range(17)]
    verdict(got[0] == b"OK\r\n" and got[-1].startswith(b"NO (QUOTA) "), "too-much-in-all", got[-1])
    verdict(c.say('HAVESPACE "new" 60000')[0].startswith(b"NO (QUOTA) "), "havespace-too-much-in-all")
    for i in range(17):
        c.say(f'DELETESCRIPT "f{i}"')
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
    # A literal without "+": what follows may be its text, and must not be taken for commands.
    c, _ = log_in(h)
    c.sock.sendall(b'PUTSCRIPT "x" {24}\r\nSETACTIVE ""\r\n')
    got = c.response()
    verdict(len(got) == 1 and got[0].startswith(b"BYE") and c.line() == b"", "a-literal-without-plus", got)
    # Ten megabytes are read over, and the session goes on.
    c, _ = log_in(h)
    verdict(c.say(f'PUTSCRIPT "big" {put("#" * (10 << 20))}')[0].startswith(b"NO (QUOTA/MAXSIZE) ") and
            b'(TAG "on")' in c.say('NOOP "on"')[0], "ten-megabytes")
    c.close()
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
    # One with blanks too many.
    verdict(c.say('PUTSCRIPT  "blanks"  "keep;" ') == [b"OK\r\n"] and c.say('DELETESCRIPT "blanks"') == [b"OK\r\n"],
            "blanks")
    # Several errors are lines of a literal, each with its end.
    got = c.say('CHECKSCRIPT ' + put("kepe;\r\nfoo;"))
    verdict(re.fullmatch(rb'NO \{\d+\} line 1, column 1: [^\r\n]*\r\nline 2, column 1: [^\r\n]*\r\n', got[0]), "errors", got)
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


SIEVELIB = """
import ssl, sys
from sievelib.managesieve import Client
make = ssl.create_default_context
def trusting(*a, **k):
    x = make(*a, **k)
    x.check_hostname, x.verify_mode = False, ssl.CERT_NONE
    return x
ssl.create_default_context = trusting
c = Client("127.0.0.1", int(sys.argv[1]))
print(c.connect("ben", sys.argv[2], starttls=True, authmech=sys.argv[3]), "fileinto" in c.get_sieve_capabilities(),
      c.havespace("t\u00e9st", 100), c.putscript("t\u00e9st", 'require "fileinto";\\r\\nfileinto "A";\\r\\n'),
      c.putscript("bad", "kepe;\\nfoo;"), c.setactive("t\u00e9st"), c.listscripts()[0] == "t\u00e9st",
      'fileinto "A";' in c.getscript("t\u00e9st"), c.deletescript("t\u00e9st"), c.setactive(""), c.deletescript("t\u00e9st"))
"""
NET_SIEVE = """
use Net::Sieve;
my $s = Net::Sieve->new(server => "127.0.0.1", port => $ARGV[0], user => "ben", password => $ARGV[1], ssl_verify => "0x00");
print join(" ", $s->put("perl", 'require "fileinto"; fileinto "A";'), $s->activate("perl"),
           (grep { $_->{name} eq "perl" } $s->list())[0]{status}, $s->get("perl") =~ /fileinto "A"/ ? 1 : 0,
           $s->deactivate(), $s->delete("perl")), "\\n";
"""
NET_MANAGESIEVE = """
use Net::ManageSieve;
my $s = Net::ManageSieve->new("127.0.0.1", Port => $ARGV[0], tls => "allow", on_fail => sub { 0 });
$s->starttls(SSL_verify_mode => 0);
$s->auth("ben", $ARGV[1]);
print join(" ", map { $_ ? 1 : 0 } $s->havespace("p", 100), $s->putscript("p", "keep;"), $s->setactive("p"),
           $s->putscript("q", "kepe;"), $s->setactive(""), $s->deletescript("p")), "\\n";
"""


def test_libraries(h):
    """Three libraries that programs are written with."""
    def run(name, command, probe, want):
        if subprocess.run(probe, capture_output=True).returncode:
            skip(name, "not installed")
            return
        r = subprocess.run(command, capture_output=True, text=True, timeout=120)
        verdict(r.stdout.strip() == want, name, r.stdout + r.stderr[-500:])
    port = str(h.port["sieve"])
    for mech in ("PLAIN", "LOGIN"):
        run(f"sievelib-{mech.lower()}", ["/usr/bin/python3", "-c", SIEVELIB, port, PASSWORD, mech],
            ["/usr/bin/python3", "-c", "import sievelib"], "True True True True False True True True False True True")
    run("net-sieve", ["perl", "-e", NET_SIEVE, port, PASSWORD], ["perl", "-MNet::Sieve", "-e", "1"], "1 1 1 1 1 1")
    run("net-managesieve", ["perl", "-e", NET_MANAGESIEVE, port, PASSWORD], ["perl", "-MNet::ManageSieve", "-e", "1"],
        "1 1 1 0 1 1")


def main():
    with House() as h:
        test_greeting(h)
        test_logins(h)
        test_commands(h)
        test_pieces(h)
        test_hostile(h)
        test_programs(h)
        test_sieve_connect(h)
        test_names(h)
        test_libraries(h)
    finish()


if __name__ == "__main__":
    main()
