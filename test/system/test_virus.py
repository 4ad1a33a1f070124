#!/usr/bin/env python3
"""Messages are looked at by ClamAV's daemon: Debian's, with signatures of our own."""
import base64
import io
import os
import shutil
import smtplib
import subprocess
import tempfile
import time
import zipfile

from house import House, finish, lacking, skip, verdict, wait_until

# In two halves, so that nothing takes this file for one.
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
WAIT_MS = 3000  # in place of 20 minutes
OWN = "a sentence that is only in viruses of this test"
SIGNATURES = "".join(f"{name}:0:*:{text.encode().hex()}\n" for name, text in (("Test.Eicar", EICAR), ("Test.Own", OWN)))
PASSWORD_ZIP = ("UEsDBAoACQAAAAAAIVDfRsFVEAAAAAQAAAABABwAYVVUCQADAAAAAAAAAAB1eAsAAQQAAAAABAAAAAC1u2lAQY1f3rGvPgNfyBDdUEsHCN9G"
                "wVUQAAAABAAAAFBLAQIeAwoACQAAAAAAIVDfRsFVEAAAAAQAAAABABgAAAAAAAEAAACkgQAAAABhVVQFAAMAAAAAdXgLAAEEAAAAAAQAAAAA"
                "UEsFBgAAAAABAAEARwAAAFsAAAAAAA==")


class Clamd:
    """In the foreground, with a small base."""

    def __init__(self, d, users):
        self.dir = d
        self.socket = os.path.join(d, "ctl")
        os.mkdir(os.path.join(d, "base"))
        with open(os.path.join(d, "base/test.ndb"), "w") as f:
            f.write(SIGNATURES)
        with open(os.path.join(d, "conf"), "w") as f:
            f.write(f"Foreground yes\nLocalSocket {self.socket}\nLocalSocketMode 666\nDatabaseDirectory {d}/base\n"
                    f"StreamMaxLength 2M\nAlertEncryptedArchive yes\nLogFile {d}/log\nFixStaleSocket yes\n")
        self.proc = None

    def start(self):
        self.proc = subprocess.Popen(["clamd", "-c", os.path.join(self.dir, "conf")], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.STDOUT)
        return wait_until(lambda: os.path.exists(self.socket), 120)

    def stop(self):
        self.proc.terminate()
        self.proc.wait(60)
        if os.path.exists(self.socket):
            os.unlink(self.socket)


def with_file(name, data):
    return ("From: x@example.test\r\nTo: anna@home.test\r\nSubject: " + name + "\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n"
            f"Content-Type: application/octet-stream; name={name}\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
            base64.encodebytes(data).decode().replace("\n", "\r\n") + "\r\n--b--\r\n")


def zipped(text):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("inside.txt", text)
    return b.getvalue()


def send(h, text, submit=False):
    s = h.submit("ben") if submit else h.smtp()
    try:
        s.sendmail("ben@home.test" if submit else "x@example.test", ["anna@home.test"],
                   text.replace("x@example.test", "ben@home.test") if submit else text)
        return 250, b""
    except smtplib.SMTPDataError as e:
        return e.smtp_code, e.smtp_error
    finally:
        s.close()


def looked_at(h):
    rows = [
        ("plain.txt", b"hello", 250, ""),
        ("eicar.com", EICAR.encode(), 554, "Test.Eicar"),
        ("own.bin", b"x" * 100000 + OWN.encode(), 554, "Test.Own"),
        ("zipped.zip", zipped("x" * 10000 + OWN), 554, "Test.Own"),
        ("large.bin", os.urandom(3 << 20), 250, "too large for ClamAV"),
        ("secret.zip", base64.b64decode(PASSWORD_ZIP), 250, "that ClamAV cannot open"),
    ]
    for name, data, code, words in rows:
        said = send(h, with_file(name, data))
        verdict(said[0] == code and (code == 250 or words.encode() in said[1]), name, said)
        if code == 250 and words:
            verdict(wait_until(lambda: words in h.command("trace", name).stdout), f"{name}-is-noted",
                    h.command("trace", name).stdout)
    said = send(h, with_file("mine.com", EICAR.encode()), submit=True)
    verdict(said[0] == 554 and b"Test.Eicar" in said[1], "submission-is-looked-at", said)
    verdict(send(h, with_file("mine.txt", b"hello"), submit=True)[0] == 250, "submission-of-good-mail")


def away(h, clamd):
    """A stranger comes again, our own people are not kept waiting."""
    clamd.stop()
    said = send(h, with_file("stranger.txt", b"hello"))
    verdict(said[0] == 451, "away-strangers-come-again", said)
    verdict(send(h, with_file("own.txt", b"hello"), submit=True)[0] == 250, "away-submission-goes-on")
    # For days it would be returned to its sender in the end; but not what only hurries.
    began, said = time.monotonic(), []
    wait_until(lambda: said.append(send(h, with_file("insists.txt", b"what insists"))[0]) or said[-1] == 250, pause=0.4)
    verdict(time.monotonic() - began >= WAIT_MS / 1000 and len(said) >= 3 and said[:2] == [451, 451] and said[-1] == 250,
            "away-what-comes-often-is-taken", said)
    with h.imap() as c:
        c.select("Junk", readonly=True)
        there = wait_until(lambda: c.noop() and c.search(None, "SUBJECT", '"insists.txt"')[1][0].split())
    verdict(there and wait_until(lambda: "to the junk: ClamAV could not look at it" in h.command("trace", "insists.txt").stdout),
            "away-into-junk-with-the-reason", h.command("trace", "insists.txt").stdout)
    verdict(h.logged(r"warn supervisor.* virus\.connect .*is clamd running"), "away-is-logged")
    verdict(clamd.start(), "comes-back")
    verdict(wait_until(lambda: send(h, with_file("stranger.txt", b"hello"))[0] == 250), "back-it-goes-on")


def led_astray(h, clamd):
    """Who owns the socket's folder cannot make root connect to something of root's."""
    clamd.stop()
    os.symlink("/dev/null", clamd.socket)
    verdict(send(h, with_file("link.txt", b"hello"))[0] == 451, "a-link-is-not-followed")
    os.unlink(clamd.socket)


def main():
    if lacking("all", "clamd"):
        finish()
    if os.geteuid() != 0:
        skip("all", "needs root, for a socket of another user")
        finish()
    d = tempfile.mkdtemp(prefix="hm-virus.")
    os.chmod(d, 0o755)
    clamd = Clamd(d, None)
    try:
        if verdict(clamd.start(), "clamd-starts", open(os.path.join(d, "log"), errors="replace").read()[-1000:]):
            # Peers on the loopback are treated as strangers.
            with House(env={"HEARTHMAIL_TEST_UNSCANNED": str(WAIT_MS)},
                       extra=f"virus: {{ clamd: {clamd.socket} }}\nlimits: {{ loopback: on }}\ninbound: {{ dmarc: off }}\n") as h:
                looked_at(h)
                away(h, clamd)
                led_astray(h, clamd)
    finally:
        if clamd.proc and clamd.proc.poll() is None:
            clamd.stop()
        shutil.rmtree(d, ignore_errors=True)
    finish()


main()
