#!/usr/bin/env python3
"""Dialogues: what clients say and what the server must answer.

  test/dialogue/run.py --start [--only REGEX]      with a server of its own
  test/dialogue/run.py DIR     [--only REGEX]      with `hearthmail try --dir DIR`

Each *.txt below this folder is one behaviour.  Python programs named
*_dialogues.py beside it make more of them: their dialogues() yields pairs
(name, text).  A dialogue is a list of lines:

  # text          a comment
  MAILBOX x 3     makes a mailbox of this dialogue's own and puts three
                  messages into it (UIDs 1 to 3); ${x} is its name.  It is
                  removed at the end, with everything else that begins with
                  ${own}
  NAME x          only makes up a name, for the dialogue to create
  OPEN service [as USER1] [name]
                  connects; service is imap, imaps, smtp, submission ...; with
                  "as" logs in and swallows all until then (IMAP and POP3).
                  name is for a second connection: C2: and S2*: belong to "2"
  C: text         the client sends the text and CRLF
  C|: text        the client sends the text; \\r \\n \\t \\0 \\\\ \\xNN are escapes
  C+: n byte      the client sends n times that byte: C+: 100000 x
  S: pattern      the server's next line matches
  S?: pattern     if the next line matches it is taken
  S*: pattern     lines are skipped until one matches
  S-: pattern     lines are skipped until one matches; the pattern before " !! "
                  ends the search and the one behind must match none of them
  TLS             the client starts TLS on this connection (TLS2: on "2")
  CLOSE           the client closes (CLOSE2)
  EOF             the server has closed (EOF2)
  WAIT seconds    does nothing

Patterns are compared with the whole line.  All is literal but
  <*>             any text, also none           <.>   one word
  <n>             a number                      <<    a "<"
  <x=n> <x=*>     the same, and ${x} is what it was
  <re:REGEX>      a regular expression (without ">")
and ${x} in both directions: HOST, USER1, PASS1, USER2, PASS2, a name of
MAILBOX or NAME, or something that was captured; ${b64:text} is the base64 of
text, in which | stands for NUL.
"""
import argparse
import base64
import glob
import importlib.util
import os
import re
import socket
import ssl
import sys
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
TIMEOUT = 120  # a busy machine takes long


class Failed(Exception):
    pass


class Connection:
    def __init__(self, env, service):
        self.env = env
        self.sock = socket.create_connection(
            (env["HOST"], int(env[service.upper() + "_PORT"])), timeout=TIMEOUT)
        self.buf = b""
        if service in ("imaps", "pop3s", "submissions"):
            self.start_tls()

    def start_tls(self):
        ctx = ssl.create_default_context(cafile=self.env["CERT"])
        ctx.check_hostname = False
        self.sock = ctx.wrap_socket(self.sock)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server's word is still to be read

    def line(self):
        """The next line without its end; None when the server has closed."""
        while b"\n" not in self.buf:
            try:
                data = self.sock.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                data = b""
            if not data:
                return None
            self.buf += data
        line, self.buf = self.buf.split(b"\n", 1)
        return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")

    def close(self):
        self.sock.close()


def unescape(text):
    raw = text.encode("utf-8", "surrogateescape")
    simple = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
    return re.sub(
        rb"\\(x[0-9a-fA-F]{2}|.)",
        lambda m: bytes([int(m[1][1:], 16)]) if m[1][:1] == b"x" and len(m[1]) == 3
        else simple.get(m[1], b"\\" + m[1]), raw)


def expand(text, names):
    def one(m):
        key = m[1]
        if key.startswith("b64:"):
            inner = re.sub(r"\$\((\w+)\)", lambda k: names[k[1]], key[4:])
            return base64.b64encode(inner.replace("|", "\0").encode()).decode()
        if key not in names:
            raise Failed(f"unknown name {key}")
        return names[key]
    return re.sub(r"\$\{([^}]*)\}", one, text)


def compile_pattern(text):
    kinds = {"*": "(.*?)", ".": r"(\S+)", "n": r"(\d+)"}
    out, captured = "", []
    for part in re.split(r"(<<|<re:[^>]*>|<(?:\w+=)?[*.n]>)", text):
        if part == "<<":
            out += re.escape("<")
        elif part.startswith("<re:"):
            out += "(?:" + part[4:-1] + ")"
        elif part.startswith("<") and part.endswith(">") and part[-2] in kinds:
            out += kinds[part[-2]]
            captured.append(part[1:-3] if "=" in part else None)
        else:
            out += re.escape(part)
    return re.compile(out + r"\Z", re.S), captured


def match(pattern, line, names):
    """Whether the line matches; captured names are set then."""
    regex, captured = compile_pattern(expand(pattern, names))
    m = regex.match(line)
    if not m:
        return False
    for i, name in enumerate(captured):
        if name:
            names[name] = m[i + 1]
    return True


class Dialogue:
    def __init__(self, env, text):
        self.env, self.text = env, text
        self.names = dict(env, own="d" + uuid.uuid4().hex[:10])
        self.conns = {}
        self.seen = []  # the last lines, for the report

    # ---- what is there before and gone afterwards ----

    def admin(self, user="1"):
        c = Connection(self.env, "imaps")
        self.login(c, user)
        return c

    def login(self, c, user):
        greeting = c.line() or ""
        name, password = self.env["USER" + user], self.env["PASS" + user]
        if greeting.startswith("* "):
            self.command(c, f'LOGIN {name} "{password}"')
        else:
            for say in (f"USER {name}", f"PASS {password}"):
                c.send(say.encode() + b"\r\n")
                if not (c.line() or "").startswith("+OK"):
                    raise Failed(f"{say.split()[0]} was refused")

    @staticmethod
    def command(c, text, ok=True):
        c.send(b"admin " + text.encode() + b"\r\n")
        lines = []
        while True:
            line = c.line()
            if line is None:
                raise Failed(f"closed at {text[:40]}")
            lines.append(line)
            if line.startswith("admin "):
                if ok and not line.startswith("admin OK"):
                    raise Failed(f"{text[:60]}: {line}")
                return lines

    def make_mailbox(self, name, count):
        box = self.names[name] = f"{self.names['own']}{name}"
        c = self.admin()
        self.command(c, f"CREATE {box}")
        for i in range(1, count + 1):
            body = (f"From: Anna <anna@example.org>\r\nTo: ben@example.org\r\n"
                    f"Subject: message {i}\r\nDate: Mon, 7 Feb 1994 21:52:{i % 60:02} -0800\r\n"
                    f"Message-ID: <{i}@example.org>\r\n\r\nThis is message {i}.\r\n")
            self.command(c, f"APPEND {box} {{{len(body)}+}}\r\n{body}")
        c.close()

    def clean(self):
        for c in self.conns.values():
            c.close()
        if self.names["own"] not in self.text_names():
            return
        c = self.admin()
        for line in reversed(self.command(c, f'LIST "" {self.names["own"]}*')):
            m = re.match(r'\* LIST \(.*\) "/" (\S+)', line)
            if m:
                self.command(c, f"DELETE {m[1]}", ok=False)
        c.close()

    def text_names(self):
        return {self.names["own"]} if re.search(r"^(MAILBOX|NAME) |\$\{own\}", self.text, re.M) else set()

    # ---- the lines ----

    def run(self):
        for number, line in enumerate(self.text.split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                self.step(line)
            except (Failed, OSError, KeyError) as e:
                got = "".join(f"\n      {s}" for s in self.seen[-8:])
                raise Failed(f"line {number}: {line}\n    {type(e).__name__}: {e}{got}") from e

    def step(self, line):
        m = re.match(r"([CS])(\w*)([|+?*-]?): ?(.*)\Z", line, re.S)
        if m:
            conn = self.conns.get(m[2] or "1")
            how = {"C": self.say, "C|": self.say_raw, "C+": self.say_many, "S": self.expect,
                   "S?": self.maybe, "S*": self.until, "S-": self.never}.get(m[1] + m[3])
            if conn is None or how is None:
                raise Failed("no such connection or step")
            return how(conn, m[4])
        word, *rest = line.split()
        m = re.match(r"(TLS|CLOSE|EOF)(\w*)\Z", word)
        if m:
            return self.socket_step(m[1], self.conns[m[2] or "1"])
        if word == "MAILBOX":
            return self.make_mailbox(rest[0], int(rest[1]) if len(rest) > 1 else 0)
        if word == "NAME":
            self.names[rest[0]] = f"{self.names['own']}{rest[0]}"
            return None
        if word == "OPEN":
            return self.open(rest)
        if word == "WAIT":
            return time.sleep(float(rest[0]))
        raise Failed("no such step")

    def open(self, words):
        service, user = words.pop(0), None
        if words and words[0] == "as":
            user = words[1].removeprefix("USER")
            del words[:2]
        c = self.conns[words[0] if words else "1"] = Connection(self.env, service)
        if user:
            self.login(c, user)

    def socket_step(self, word, conn):
        if word == "TLS":
            conn.start_tls()
        elif word == "CLOSE":
            conn.close()
        else:
            line = conn.line()
            if line is not None:
                raise Failed(f"still open, says: {line}")

    def say(self, conn, text):
        text = expand(text, self.names)
        self.seen.append("C: " + text)
        conn.send(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def say_raw(self, conn, text):
        self.seen.append("C|: " + text)
        conn.send(unescape(expand(text, self.names)))

    def say_many(self, conn, text):
        count, byte = text.split(" ", 1)
        conn.send(unescape(byte) * int(count))

    def get(self, conn):
        line = conn.line()
        self.seen.append("S: " + (line if line is not None else "(closed)"))
        if line is None:
            raise Failed("the server has closed")
        return line

    def expect(self, conn, pattern):
        line = self.get(conn)
        if not match(pattern, line, self.names):
            raise Failed(f"got: {line}")

    def maybe(self, conn, pattern):
        line = self.get(conn)
        if not match(pattern, line, self.names):
            conn.buf = line.encode("utf-8", "surrogateescape") + b"\r\n" + conn.buf

    def until(self, conn, pattern):
        while not match(pattern, self.get(conn), self.names):
            pass

    def never(self, conn, text):
        pattern, bad = text.split(" !! ", 1)
        while True:
            line = self.get(conn)
            if match(bad, line, self.names):
                raise Failed(f"got: {line}")
            if match(pattern, line, self.names):
                return


def collect():
    for path in sorted(glob.glob(os.path.join(HERE, "**", "*.txt"), recursive=True)):
        with open(path, encoding="utf-8", errors="surrogateescape") as f:
            yield os.path.relpath(path, HERE)[:-4], f.read()
    for path in sorted(glob.glob(os.path.join(HERE, "*_dialogues.py"))):
        spec = importlib.util.spec_from_file_location("made", path)
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
        yield from made.dialogues()


def run_all(env, only):
    bad = 0
    for name, text in collect():
        if only and not re.search(only, name):
            continue
        d = Dialogue(env, text)
        try:
            try:
                d.run()
            finally:
                d.clean()
            print(f"PASS {name}", flush=True)
        except (Failed, OSError) as e:
            bad += 1
            print(f"FAIL {name}: {e}", flush=True)
    return bad


def read_env(folder):
    with open(os.path.join(folder, "try.env")) as f:
        return dict(line.strip().split("=", 1) for line in f if "=" in line)


def own_server(only):
    import house
    with house.House() as h:
        env = {s.upper() + "_PORT": str(p) for s, p in h.port.items()}
        env |= {"HOST": "127.0.0.1", "USER1": "anna", "USER2": "ben",
                "PASS1": house.PASSWORD, "PASS2": house.PASSWORD,
                "CERT": os.path.join(h.data, "tls/cert.pem")}
        return run_all(env, only)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("dir", nargs="?")
    p.add_argument("--start", action="store_true")
    p.add_argument("--only")
    args = p.parse_args()
    if args.start == bool(args.dir):
        p.error("either --start or the folder of `hearthmail try`")
    bad = own_server(args.only) if args.start else run_all(read_env(args.dir), args.only)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
