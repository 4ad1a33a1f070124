#!/usr/bin/env python3
"""Export to servers with ways of their own: a prefix that nobody tells, folders that are called as
usual, keywords that are refused there.  They are played here, a few lines for each."""
import collections
import os
import re
import socket
import ssl
import subprocess
import threading

from house import BINARY, House, finish, lacking, verdict

MAIL = b"From: a@example.test\r\nSubject: 1\r\n\r\nx\r\n"


class Server:
    """Knows what an export says.  CREATE, APPEND: answers, or None for OK."""
    folders = ("INBOX",)
    delimiter = "/"
    capabilities = "IMAP4rev1"

    def __init__(self, context):
        self.there, self.got, self.context = list(self.folders), collections.Counter(), context
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.session, args=(c,), daemon=True).start()

    def session(self, c):
        f = c
        try:
            self.f = f = self.context.wrap_socket(c, server_side=True).makefile("rwb")
            self.say(f"* OK [CAPABILITY {self.capabilities}] ready")
            while True:
                line = self.f.readline()
                self.count = 0
                while (m := re.search(rb"\{(\d+)(\+?)\}\r\n$", line)):
                    if not m[2]:
                        self.say("+ go on")
                    self.count += 1
                    line += self.f.read(int(m[1])) + self.f.readline()
                if not line:
                    return
                tag, rest = line.decode("latin-1").split(" ", 1)
                self.say(f"{tag} {self.command(rest.strip()) or 'OK done'}")
        except (OSError, ValueError):
            pass
        finally:
            f.close()
            c.close()

    def say(self, line):
        self.f.write(line.encode() + b"\r\n")
        self.f.flush()

    def command(self, line):
        verb, _, rest = line.partition(" ")
        name = re.match(r'"?([^"({]*)', rest)[1].strip()
        if verb == "CAPABILITY":
            self.say(f"* CAPABILITY {self.capabilities}")
        elif verb == "LIST":
            for n in self.there:
                self.say(f'* LIST () "{self.delimiter}" "{n}"')
        elif verb == "CREATE":
            why = "NO it is there" if name in self.there else self.create(name)
            self.there += [] if why else [name]
            return why
        elif verb == "STATUS":
            if name not in self.there:
                return "NO there is none"
            self.say(f'* STATUS "{name}" (MESSAGES 0 UIDVALIDITY 1 UIDNEXT 1)')
        elif verb == "APPEND":
            why = self.append(name, re.search(r"\(([^)]*)\)", rest + "()")[1]) if name in self.there else "NO [TRYCREATE] no"
            self.got[name] += not why
            return why
        return None

    def create(self, name):
        return None

    def append(self, name, flags):
        return None


class Prefix(Server):
    delimiter, folders = ".", ("INBOX",)

    def create(self, name):
        return None if name.startswith("INBOX.") else "NO Invalid mailbox name: it should be prefixed with INBOX."


class PrefixInUse(Prefix):
    folders = ("INBOX", "INBOX.Trash")


class Usual(Server):
    folders = ("INBOX", "Sent Items", "Papierkorb")


class NoKeywords(Server):
    def append(self, name, flags):
        return "BAD Invalid flag" if "$" in flags else None


class HangsUp(Server):
    def append(self, name, flags):
        if name == "Work/Sub":
            raise OSError
        return None


class HangsUpAtSeveral(HangsUp):
    capabilities = "IMAP4rev1 MULTIAPPEND"

    def append(self, name, flags):
        if name == "INBOX" and self.count > 1:
            raise OSError
        return HangsUp.append(self, name, flags)


WITH_PREFIX = {"INBOX": 2, "INBOX.Sent": 1, "INBOX.Trash": 1, "INBOX.Work.Sub": 1}
REST = {"INBOX": 2, "Sent": 1, "Trash": 1}
ROWS = (
    (Server, {"INBOX": 2, "Sent": 1, "Trash": 1, "Work/Sub": 1}, ""),
    (Prefix, WITH_PREFIX, ""),
    (PrefixInUse, WITH_PREFIX, ""),
    (Usual, {"INBOX": 2, "Sent Items": 1, "Papierkorb": 1, "Work/Sub": 1}, ""),
    (NoKeywords, {"INBOX": 2, "Sent": 1, "Trash": 1, "Work/Sub": 1}, "stored without its keywords"),
    (HangsUp, REST, "left out: Work/Sub, UID 1: the server ends the connection there"),
    (HangsUpAtSeveral, REST, "left out: Work/Sub, UID 1: the server ends the connection there"),
)


def main():
    if lacking("export-servers", "openssl"):
        return finish()
    with House(users=("anna",)) as h:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        f"{h.dir}/key.pem", "-out", f"{h.dir}/cert.pem", "-subj", "/CN=127.0.0.1", "-days", "9"],
                       capture_output=True, check=True)
        out = subprocess.run(["openssl", "x509", "-in", f"{h.dir}/cert.pem", "-noout", "-fingerprint", "-sha256"],
                             capture_output=True, text=True, check=True).stdout
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{h.dir}/cert.pem", f"{h.dir}/key.pem")
        with open(f"{h.dir}/secret", "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write("secret\n")
        m = h.imap("anna")
        m.create("Work/Sub")
        for name, flags in (("INBOX", "\\Seen"), ("INBOX", "$Label1"), ("Sent", ""), ("Trash", ""), ("Work/Sub", "")):
            m.append(name, flags, None, MAIL)
        m.logout()
        for kind, want, words in ROWS:
            s = kind(context)
            for n, said in enumerate((f"{sum(want.values())} messages exported", "0 messages exported")):
                r = subprocess.run([BINARY, "-c", h.config, "export", "anna", f"imaps://anna@127.0.0.1:{s.port}",
                                    "--password-file", f"{h.dir}/secret", "--fingerprint", out.split("=")[1].strip()],
                                   capture_output=True, text=True, timeout=300, env=h.env)
                verdict(r.returncode == ("left out" in words) and said in r.stdout and +s.got == want and
                        (n or words in r.stderr),
                        f"export-{kind.__name__}-{n}", (r, s.got))
            s.socket.close()
    finish()


if __name__ == "__main__":
    main()
