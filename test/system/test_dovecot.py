#!/usr/bin/env python3
"""ENVELOPE and BODYSTRUCTURE of the messages in test/data/mime, and of those
below $MIME_CORPUS, compared with the answers of Dovecot's imap process.  Where
the two differ the class of the difference is listed below and explained in
test/data/mime/DIFFERENCES.md."""
import os
import re
import subprocess
import sys
import tempfile

from house import TOP, House, finish, lacking, skip, verdict

DOVECOT = "/usr/lib/dovecot/imap"
# Messages of test/data/mime in which we differ on purpose.
DIFFERENT = {
    "mail-parser/malformed-001.eml": ["BODYSTRUCTURE"],
    "mail-parser/malformed-002.eml": ["BODYSTRUCTURE"],
    "mail-parser/malformed-007.eml": ["BODYSTRUCTURE"],
    "mail-parser/malformed-016.eml": ["BODYSTRUCTURE"],
    "mail-parser/malformed-017.eml": ["BODYSTRUCTURE"],
    "mail-parser/thirdparty-007.eml": ["BODYSTRUCTURE"],
    "mikel-mail/content_transfer_encoding_with_semi_colon.eml": ["BODYSTRUCTURE"],
    "mikel-mail/example11.eml": ["ENVELOPE"],
    "mikel-mail/missing_content_disposition.eml": ["BODYSTRUCTURE"],
    "mikel-mail/raw_email_with_illegal_boundary.eml": ["BODYSTRUCTURE"],
    "mikel-mail/weird_to_header.eml": ["ENVELOPE"],
    "mimekit/empty-multipart.eml": ["BODYSTRUCTURE"],
    "mimekit/feedback-report.eml": ["BODYSTRUCTURE"],
    "mimekit/missing-subtype.eml": ["BODYSTRUCTURE"],
    "mimekit/rfc2060.eml": ["BODYSTRUCTURE"],
}


def parse(d, i):
    """One IMAP value at d[i:], and where it ends."""
    c = d[i:i + 1]
    if c == b"(":
        out = []
        i += 1
        while True:
            while d[i:i + 1] == b" ":
                i += 1
            if d[i:i + 1] == b")":
                return out, i + 1
            v, i = parse(d, i)
            out.append(v)
    if c == b'"':
        s = bytearray()
        i += 1
        while d[i:i + 1] != b'"':
            if d[i:i + 1] == b"\\":
                i += 1
            s += d[i:i + 1]
            i += 1
        return bytes(s), i + 1
    if c == b"{":
        m = re.compile(rb"\{(\d+)\}\r\n").match(d, i)
        n = int(m.group(1))
        return d[m.end():m.end() + n], m.end() + n
    m = re.compile(rb"[^ ()\r\n]+").match(d, i)
    v = m.group(0)
    return (None if v.upper() == b"NIL" else v.decode()), m.end()


def answers(data):
    found = {}
    at = 0
    while True:
        m = re.compile(rb"\* (\d+) FETCH ").search(data, at)
        if not m:
            return found
        v, at = parse(data, m.end())
        found[int(m.group(1))] = dict(zip(v[::2], v[1::2]))


def messages():
    """(name, bytes) of every message, with CR LF."""
    out = []
    for top in [os.path.join(TOP, "test/data/mime"), *filter(None, [os.environ.get("MIME_CORPUS")])]:
        for folder, _, names in sorted(os.walk(top)):
            for n in sorted(names):
                if n.rsplit(".", 1)[-1] in ("want", "md", "json", "html", "txt", "LICENSE") or "LICENSE" in n or \
                        "COPYING" in n or "NOTICE" in n:
                    continue
                b = open(os.path.join(folder, n), "rb").read().replace(b"\0", b" ")
                out.append((os.path.relpath(os.path.join(folder, n), top), re.sub(rb"(?<!\r)\n", b"\r\n", b)))
    return out


COMMANDS = b"b SELECT INBOX\r\nc FETCH 1:* (ENVELOPE BODYSTRUCTURE)\r\nd LOGOUT\r\n"


def ask_dovecot(msgs):
    with tempfile.TemporaryDirectory(prefix="hearthmail-test.") as d:
        os.chmod(d, 0o755)
        for s in ("cur", "new", "tmp"):
            os.makedirs(f"{d}/mail/{s}")
        os.makedirs(f"{d}/run")
        for i, (_, b) in enumerate(msgs):
            with open(f"{d}/mail/cur/{1000000000 + i}.M{i}.h:2,", "wb") as f:
                f.write(b)
        with open(f"{d}/dovecot.conf", "w") as f:
            f.write(f"base_dir = {d}/run\nmail_location = maildir:{d}/mail\nlog_path = {d}/log\nssl = no\n"
                    f"mail_uid = 65534\nmail_gid = 65534\nfirst_valid_uid = 1\n")
        subprocess.run(["chown", "-R", "65534:65534", d], check=True)
        p = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-i", "USER=x",
                            f"HOME={d}", DOVECOT, "-c", f"{d}/dovecot.conf", "-k"], input=COMMANDS,
                           capture_output=True, timeout=300)
        return answers(p.stdout)


def ask_us(msgs):
    with House() as h:
        m = h.imap("anna")
        for _, b in msgs:
            m.append("INBOX", None, None, b)
        m.logout()
        from house import PASSWORD, Raw
        c = Raw(h.port["imap"], 60)
        c.send(f'a LOGIN anna "{PASSWORD}"\r\n'.encode() + COMMANDS)
        data = b""
        while True:
            x = c.s.recv(1 << 20)
            if not x:
                return answers(data)
            data += x


def main():
    if os.geteuid() != 0:
        skip("all", "needs root")
        finish()
    if lacking("all", "dovecot"):
        finish()
    msgs = messages()
    theirs, ours = ask_dovecot(msgs), ask_us(msgs)
    verdict(len(theirs) == len(msgs) == len(ours), "both-answered", (len(theirs), len(ours), len(msgs)))
    for i, (name, _) in enumerate(msgs, 1):
        bad = [k for k in ("ENVELOPE", "BODYSTRUCTURE") if theirs.get(i, {}).get(k) != ours.get(i, {}).get(k)]
        want = DIFFERENT.get(name, [])
        verdict(bad == want, f"{name}", {k: (ours[i].get(k), theirs[i].get(k)) for k in bad} if bad else
                f"the difference that is listed is gone: {want}")
    finish()


if __name__ == "__main__":
    main()
