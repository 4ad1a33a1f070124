#!/usr/bin/env python3
"""Real clients: curl, swaks, mbsync, fetchmail, neomutt, Python's libraries;
IDLE; state over kill -9."""
import array
import base64
import fcntl
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import termios
import time

from house import PASSWORD, House, Raw, finish, lacking, verdict, wait_until, wide


def sh(cmd, timeout=300, **kw):
    return subprocess.run(cmd, capture_output=True, text=True, timeout=timeout, **kw)


def have(name):
    return not lacking(name, name)


def curl(h):
    cert = os.path.join(h.data, "tls/cert.pem")
    r = sh(["curl", "-sS", "--cacert", cert, "--crlf", "--ssl-reqd", "-u", f"ben:{PASSWORD}", "--mail-from", "ben@home.test",
            "--mail-rcpt", "anna@home.test", "-T", "-", f"smtp://127.0.0.1:{h.port['submission']}"],
           input="From: ben@home.test\nSubject: by curl\n\nHello\n")
    verdict(r.returncode == 0, "curl-sends-587", r.stderr)
    r = sh(["curl", "-sS", "--cacert", cert, "--crlf", "-u", f"ben:{PASSWORD}", "--mail-from", "ben@home.test",
            "--mail-rcpt", "anna@home.test", "-T", "-", f"smtps://127.0.0.1:{h.port['submissions']}"],
           input="From: ben@home.test\nSubject: by curl\n\nHello\n")
    verdict(r.returncode == 0, "curl-sends-465", r.stderr)
    r = sh(["curl", "-sS", "--cacert", cert, "-u", f"anna:{PASSWORD}", f"imaps://127.0.0.1:{h.port['imaps']}/INBOX;MAILINDEX=1"])
    verdict("by curl" in r.stdout, "curl-reads-imaps", r.stdout + r.stderr)
    r = sh(["curl", "-sS", "--cacert", cert, "--ssl-reqd", "-u", f"anna:{PASSWORD}", f"imap://127.0.0.1:{h.port['imap']}/INBOX?ALL"])
    verdict("SEARCH 1 2" in r.stdout, "curl-searches-imap-starttls", r.stdout + r.stderr)
    r = sh(["curl", "-sS", "--cacert", cert, "--ssl-reqd", "-u", f"anna:{PASSWORD}", f"pop3://127.0.0.1:{h.port['pop3']}/1"])
    verdict("by curl" in r.stdout, "curl-reads-pop3-stls", r.stdout + r.stderr)
    r = sh(["curl", "-sS", "--cacert", cert, "-u", f"anna:{PASSWORD}", f"pop3s://127.0.0.1:{h.port['pop3s']}/"])
    verdict(len(r.stdout.split("\n")) >= 2, "curl-lists-pop3s", r.stdout + r.stderr)


def swaks(h):
    if not have("swaks"):
        return
    r = sh(["swaks", "--server", "127.0.0.1", "--port", str(h.port["smtp"]), "--from", "x@example.test", "--to",
            "anna@home.test", "--tls", "--header", "Subject: by swaks"])
    verdict(r.returncode == 0 and "250 2.0.0" in r.stdout, "swaks-25-starttls", r.stdout + r.stderr)
    r = sh(["swaks", "--server", "127.0.0.1", "--port", str(h.port["submission"]), "--from", "ben@home.test", "--to",
            "anna@home.test", "--tls", "--auth", "LOGIN", "--auth-user", "ben", "--auth-password", PASSWORD])
    verdict(r.returncode == 0, "swaks-587-auth-login", r.stdout + r.stderr)


def mbsync(h):
    if not have("mbsync"):
        return
    d = os.path.join(h.dir, "mbsync")
    os.makedirs(d + "/mail")
    conf = f"""IMAPAccount home
Host 127.0.0.1
Port {h.port['imaps']}
User anna
Pass "{PASSWORD}"
SSLType IMAPS
CertificateFile {h.data}/tls/cert.pem

IMAPStore far
Account home

MaildirStore near
Path {d}/mail/
Inbox {d}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""
    with open(d + "/rc", "w") as f:
        f.write(conf)
    for i in range(20):
        h.deliver("anna", subject=f"sync {i}")
    r = sh(["mbsync", "-c", d + "/rc", "all"], env=dict(os.environ, HOME=d))
    verdict(r.returncode == 0, "mbsync-pulls", r.stderr)

    def count():
        return sum(len(os.listdir(f"{d}/mail/INBOX/{s}")) for s in ("cur", "new"))
    verdict(count() == h.count(), "mbsync-has-all", (count(), h.count()))
    # A message made here goes there; a flag set there comes here.
    with open(f"{d}/mail/INBOX/cur/1.x:2,S", "w") as f:
        f.write("From: a@home.test\nSubject: pushed\n\nbare line ends\n")
    m = h.imap("anna")
    m.select()
    m.store("1", "+FLAGS", r"(\Flagged)")
    before = h.count()
    r = sh(["mbsync", "-c", d + "/rc", "all"], env=dict(os.environ, HOME=d))
    verdict(r.returncode == 0 and h.count() == before + 1, "mbsync-pushes", r.stderr)
    verdict(any("F" in n.split(",")[-1] for n in os.listdir(f"{d}/mail/INBOX/cur")), "mbsync-sees-flags")
    m.noop()
    m.store("2:3", "+FLAGS", r"(\Deleted)")
    m.expunge()
    r = sh(["mbsync", "-c", d + "/rc", "all"], env=dict(os.environ, HOME=d))
    verdict(r.returncode == 0 and count() == h.count(), "mbsync-expunges", r.stderr)
    # A killed server confuses nobody.
    for p in [*h.processes(), h.proc.pid]:
        os.kill(p, signal.SIGKILL)
    h.proc.wait()
    h.start()
    r = sh(["mbsync", "-c", d + "/rc", "all"], env=dict(os.environ, HOME=d))
    verdict(r.returncode == 0 and count() == h.count() and "UIDVALIDITY" not in r.stderr,
            "mbsync-after-kill-9", r.stderr)


def fetchmail(h):
    if not have("fetchmail"):
        return
    d = os.path.join(h.dir, "fetchmail")
    os.makedirs(d)
    for proto, port in (("imap", h.port["imaps"]), ("pop3", h.port["pop3s"])):
        h.deliver("ben", subject="for fetchmail")
        box = f"{d}/{proto}.box"
        rc = f"{d}/{proto}.rc"
        with open(rc, "w") as f:
            f.write(f'poll 127.0.0.1 service {port} protocol {proto} user "ben" password "{PASSWORD}" is root here\n'
                    f'  ssl sslcertck sslcertfile "{h.data}/tls/cert.pem" sslcommonname "localhost" fetchall keep\n'
                    f'  mda "cat >>{box}"\n')
        os.chmod(rc, 0o600)
        r = sh(["fetchmail", "-f", rc, "--idfile", f"{d}/ids", "--pidfile", f"{d}/pid", "-v"],
               env=dict(os.environ, HOME=d, FETCHMAILHOME=d))
        text = open(box).read() if os.path.exists(box) else ""
        verdict("for fetchmail" in text, f"fetchmail-{proto}", r.stdout[-800:] + r.stderr[-400:])


def neomutt(h):
    if not have("neomutt"):
        return
    d = os.path.join(h.dir, "mutt")
    os.makedirs(d)
    h.deliver("anna", subject="for mutt")
    with open(d + "/rc", "w") as f:
        f.write(f'set imap_user="anna"\nset imap_pass="{PASSWORD}"\nset ssl_starttls=no\nset ssl_force_tls=no\n'
                f'set header_cache=""\nset quit=yes\nset imap_keepalive=300\nset confirmappend=no\nset delete=yes\n'
                f'set folder="imap://127.0.0.1:{h.port["imap"]}/"\n'
                f'set spoolfile="imap://127.0.0.1:{h.port["imap"]}/INBOX"\n'
                f'push "<tag-pattern>~s \\"for mutt\\"<enter><tag-prefix><copy-message>=Archive<enter><exit>"\n')
    r = sh(["script", "-qec", f"neomutt -n -F {d}/rc", "/dev/null"], timeout=300,
           env=dict(os.environ, HOME=d, TERM="vt100"), stdin=subprocess.DEVNULL)
    verdict(h.count("anna", "Archive") >= 1, "neomutt-copies", r.stdout[-300:])


def python_libraries(h):
    m = h.imap("anna", tls=True)
    verdict(m.select()[0] == "OK", "imaplib-tls")
    m.create("B&APw-ro")
    verdict(any(b"B&APw-ro" in x for x in m.list()[1]), "imaplib-modified-utf-7")
    m.append("B&APw-ro", r"(\Seen $Label)", None, b"Subject: x\r\n\r\nx\r\n")
    m.select("B&APw-ro")
    t, d = m.fetch("1", "(FLAGS)")
    verdict(b"\\Seen" in d[0] and b"$Label" in d[0], "imaplib-append-flags", d)
    m.logout()
    p = h.pop3("anna", tls=True)
    n, size = p.stat()
    ids = p.uidl()[1]
    verdict(len(ids) == n and len(set(ids)) == n, "poplib-uidl")
    text = b"\r\n".join(p.retr(1)[1])
    verdict(text.startswith(b"Return-Path:"), "poplib-retr")
    verdict(len(p.top(1, 0)[1]) < len(p.retr(1)[1]), "poplib-top")
    p.dele(1)
    p.close()
    p = h.pop3("anna")
    verdict(p.stat()[0] == n, "poplib-without-quit-nothing-is-deleted")
    try:
        h.pop3("anna")
        verdict(False, "pop3-one-session-an-account")
    except Exception as e:
        verdict("IN-USE" in str(e), "pop3-one-session-an-account", e)
    p.dele(1)
    p.quit()
    p = h.pop3("anna")
    verdict(p.stat()[0] == n - 1 and p.uidl()[1] == [b"%d %s" % (i + 1, x.split()[1]) for i, x in enumerate(ids[1:])],
            "poplib-quit-deletes-and-uidl-stays")
    p.quit()


def logins(h):
    """One typing error, as Thunderbird tries it, and the right password on the same connection; names as phones and
    guessing programs write them."""
    r = Raw(h.port["imap"])
    r.line()
    plain, user, wrong = (base64.b64encode(x).decode() for x in (b"\0anna\0wrong", b"anna", b"wrong"))
    for tag, lines in (("t1", ["t1 AUTHENTICATE PLAIN", plain]), ("t2", ["t2 AUTHENTICATE LOGIN", user, wrong]),
                       ("t3", ['t3 LOGIN anna "wrong"'])):
        for line in lines:
            r.send(line + "\r\n")
            answer = r.line()
        verdict(answer.startswith(f"{tag} NO [AUTHENTICATIONFAILED]".encode()), f"typing-error-{tag}", answer)
    r.send(f'ok LOGIN anna "{PASSWORD}"\r\n')
    answer = r.line()
    verdict(answer.startswith(b"ok OK"), "then-the-right-password", answer)
    for name in ("Anna", "ANNA@Home.Test"):
        verdict(h.imap(name).noop()[0] == "OK", f"login-as-{name}")
        verdict(h.pop3(name).stat()[0] >= 0, f"pop3-login-as-{name}")


def append_in_pieces(h):
    """imaplib sends a message and the end of its command in two pieces: neither waits for a timer.  The least of many, since
    the machine may be busy."""
    m = h.imap("anna")
    times = []
    for i in range(30):
        t = time.monotonic()
        m.append("Archive", None, None, b"Subject: x\r\n\r\nx\r\n")
        times.append(time.monotonic() - t)
    verdict(min(times) < 0.035, "append-in-pieces", sorted(times))
    m.logout()


def idle(h):
    m = Raw(h.port["imaps"], tls=h.tls())
    m.line()
    m.send(f'a LOGIN anna "{PASSWORD}"\r\n')
    m.until(b"a ")
    m.send("b SELECT INBOX\r\n")
    m.until(b"b ")
    m.send("c IDLE\r\n")
    m.until(b"+")
    times = []
    for i in range(20):
        s = h.smtp()
        s.mail("x@example.test")
        s.rcpt("anna@home.test")
        s.data("Subject: idle\r\n\r\nx\r\n")
        t = time.monotonic()
        while b"EXISTS" not in m.line():
            pass
        times.append(time.monotonic() - t)
        s.quit()
    times.sort()
    verdict(times[10] < wide(0.015), "idle-news-within-15-ms", times)
    m.send("DONE\r\n")
    verdict(m.until(b"c ")[-1].startswith(b"c OK"), "idle-done")


def held_back(h):
    """Bytes that TLS has read ahead while the session did not take them reach it
    all the same, when it does: sizes around what the sockets between hold."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    stuck = []
    for size in range(100000, 700000, 6000):
        sock = socket.create_connection(("127.0.0.1", h.port["imaps"]), timeout=300)
        s = context.wrap_socket(sock)
        f = s.makefile("rb")
        f.readline()
        s.sendall(f'a LOGIN anna "{PASSWORD}"\r\nb APPEND Archive {{{size}}}\r\n'.encode())
        while not f.readline().startswith(b"+"):
            pass
        pid = h.pids("account anna")[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            s.sendall(b"\r\n" + b"x" * (size - 2) + b"\r\n")
            left = array.array("i", [1])

            def gone():
                fcntl.ioctl(s.fileno(), termios.TIOCOUTQ, left)
                return left[0] == 0
            wait_until(gone, 0.1, 0.001, exact=True)
        finally:
            os.kill(pid, signal.SIGCONT)
        s.settimeout(120)
        try:
            while not f.readline().startswith(b"b OK"):
                pass
        except OSError:
            stuck.append(size)
        s.close()
    verdict(not stuck, "what-tls-has-read-ahead-arrives", stuck)


def tls_in_one_packet(port, *records):
    """A connection whose first bytes inside TLS arrive at once, a record each; its lines."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    sock = socket.create_connection(("127.0.0.1", port), timeout=5)
    come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(come, go)

    def until_done(what):
        while True:
            try:
                return what()
            except ssl.SSLWantReadError:
                sock.sendall(go.read())
                come.write(sock.recv(65536))
    until_done(tls.do_handshake)
    for r in records:
        tls.write(r)
    text = b""
    try:
        while not text.endswith(b"\r\nlast OK Nothing to do.\r\n"):
            text += until_done(lambda: tls.read(65536))
    except (OSError, ssl.SSLError):
        pass
    sock.close()
    return text.decode().split("\r\n")


def ahead_of_login(h):
    """More than is read at once before login, and the rest is in OpenSSL's hands: answered."""
    for size in (16380, 16384, 17000):
        first = b"".join(b"%06d NOOP\r\n" % i for i in range(1200))
        first = b"a" * (size - len(first) - 7) + b" NOOP\r\n" + first
        got = tls_in_one_packet(h.port["imaps"], first, b"last NOOP\r\n")
        verdict(len(got) == 1 + 1201 + 1 + 1, f"ahead-of-login-{size}", got[-3:])
    login = f'a LOGIN anna "{PASSWORD}"\r\nb APPEND Archive {{16384+}}\r\n'.encode()
    got = tls_in_one_packet(h.port["imaps"], login + b"x" * (16384 - len(login)),
                            b"x" * len(login) + b"\r\n", b"last NOOP\r\n")
    verdict(any(l.startswith("b OK") for l in got), "ahead-of-login-append", got[-3:])


def main():
    with House() as h:
        for part in (curl, swaks, logins, append_in_pieces, idle, held_back, ahead_of_login, python_libraries, mbsync, fetchmail, neomutt):
            try:
                part(h)
            except Exception as e:
                import traceback
                traceback.print_exc()
                verdict(False, part.__name__, repr(e))
    finish()


if __name__ == "__main__":
    main()
