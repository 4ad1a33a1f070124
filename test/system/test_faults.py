#!/usr/bin/env python3
"""Each process killed in turn under load, with a ledger of what clients were
told; a hundred reloads under load; the supervisor killed; a full disk."""
import fcntl
import os
import re
import signal
import smtplib
import subprocess
import sys
import threading
import time

from house import House, Raw, finish, skip, verdict, wait_until, wide

QUICK = "--quick" in sys.argv


class Load:
    """Clients that deliver and append without pause; `said` holds what was
    acknowledged."""

    number = 0

    def __init__(self, h, senders=3):
        Load.number += 1
        self.name = Load.number
        self.h = h
        self.said = set()
        self.failed = []
        self.tries = 0
        self.lock = threading.Lock()
        self.stop = False
        self.threads = [threading.Thread(target=self.send, args=(i,)) for i in range(senders)]
        self.threads.append(threading.Thread(target=self.append))

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        for t in self.threads:
            t.join(40)

    def note(self, key):
        with self.lock:
            self.said.add(key)

    def send(self, me):
        n = 0
        s = None
        while not self.stop:
            n += 1
            key = f"smtp-{self.name}-{me}-{n}"
            self.tries += 1
            try:
                if s is None:
                    s = self.h.smtp(timeout=300)
                s.sendmail("x@example.test", ["anna@home.test"],
                           f"From: x@example.test\r\nSubject: {key}\r\n\r\n{'text ' * 200}\r\n")
                self.note(key)
                if n % 7 == 0:  # a new connection now and then
                    s.quit()
                    s = None
            except (OSError, smtplib.SMTPException) as e:
                self.failed.append(repr(e))
                s = None
                time.sleep(0.02)

    def append(self):
        n = 0
        m = None
        while not self.stop:
            n += 1
            key = f"imap-{self.name}-{n}"
            try:
                if m is None:
                    m = self.h.imap("anna")
                ok, _ = m.append("INBOX", None, None,
                                 f"Subject: {key}\r\n\r\n{'text ' * 50}\r\n".encode())
                if ok == "OK":
                    self.note(key)
            except Exception as e:
                self.failed.append(repr(e))
                m = None
                time.sleep(0.02)


def subjects(h):
    m = h.imap("anna")
    m.select(readonly=True)
    found = []
    _, data = m.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    for part in data or []:
        if isinstance(part, tuple):
            found += re.findall(rb"Subject: (\S+)", part[1])
    m.logout()
    return [f.decode() for f in found]


def compare(h, said, label):
    have = subjects(h)
    lost = sorted(set(said) - set(have))
    verdict(not lost, f"{label}-nothing-acknowledged-is-lost", lost[:10])
    twice = sorted({k for k in have if have.count(k) > 1})
    verdict(not twice, f"{label}-nothing-arrives-twice", twice[:10])


def idle_news(h, seconds=2.0):
    """Seconds until a mail to ben is acknowledged and his IDLE was told."""
    start = time.monotonic()
    end = start + 30
    while time.monotonic() < end:
        try:
            m = Raw(h.port["imap"])
            m.line()
            m.send('a LOGIN ben "correct horse battery"\r\n')
            if not m.until(b"a ")[-1].startswith(b"a OK"):
                raise OSError
            m.send("b SELECT INBOX\r\n")
            m.until(b"b ")
            m.send("c IDLE\r\n")
            if not m.until(b"+")[-1].startswith(b"+"):
                raise OSError
            h.deliver("ben", subject="news")
            while True:
                l = m.line()
                if b"EXISTS" in l:
                    return time.monotonic() - start
                if not l:
                    raise OSError
        except (OSError, smtplib.SMTPException, IndexError):
            time.sleep(0.02)
    return 99


def kill_each():
    roles = ["smtp", "submission", "imap", "pop3", "auth", "keeper", "queue", "dns", "mx", "history",
             "account anna"]
    with House() as h:
        h.deliver("anna")
        idle_news(h)
        limit = wide(2.0)
        with Load(h) as load:
            for role in roles:
                for again in range(1 if QUICK else 2):
                    wait_until(lambda: h.pids(role), 5)
                    killed = h.kill(role)
                    verdict(bool(killed), f"kill-{role.replace(' ', '-')}-was-there")
                    took = idle_news(h)
                    verdict(took < limit, f"kill-{role.replace(' ', '-')}-news-in-2-s", f"{took:.2f} s")
                    before = len(load.said)
                    verdict(wait_until(lambda: len(load.said) > before + 3, 5),
                            f"kill-{role.replace(' ', '-')}-load-goes-on")
        compare(h, load.said, "kill-each")
        print(f"# {len(load.said)} messages acknowledged", flush=True)


def kill_supervisor():
    h = House()
    try:
        h.start()
        h.deliver("anna")
        with Load(h) as load:
            wait_until(lambda: len(load.said) > 20, 10)
            children = set(h.processes())
            h.proc.kill()
            h.proc.wait()
            load.stop = True
            gone = wait_until(lambda: not [p for p in children if os.path.exists(f"/proc/{p}") and
                                           "Z" not in open(f"/proc/{p}/stat").read().rsplit(")")[1][:3]],
                              1.5)
            verdict(gone, "supervisor-killed-children-leave-in-a-second")
        h.start()
        compare(h, load.said, "supervisor-killed")
    finally:
        h.__exit__(None, None, None)


def kill_all_at_once():
    """As a power cut for the processes: everything dies in the same moment."""
    h = House()
    try:
        h.start()
        said = set()
        for turn in range(2 if QUICK else 4):
            with Load(h) as load:
                n = len(load.said)
                wait_until(lambda: len(load.said) > n + 30, 10)
                pids = [*h.processes(), h.proc.pid]
                for p in pids:
                    os.kill(p, signal.SIGKILL)
                h.proc.wait()
                load.stop = True
            said |= {f"{turn}" and k for k in load.said}
            h.start()
            have = subjects(h)
            lost = sorted(set(load.said) - set(have))
            verdict(not lost, f"all-killed-{turn}-nothing-lost", lost[:10])
            m = h.imap("anna")
            m.select()
            m.store("1:*", "+FLAGS", r"(\Deleted)")
            m.expunge()
            m.logout()
    finally:
        h.__exit__(None, None, None)


def reloads():
    with House() as h:
        h.deliver("anna")
        quiet = h.imap("anna", tls=True)
        quiet.select()
        pop = h.pop3("ben")
        count = len(h.processes())
        with Load(h, 2) as load:
            refused = 0
            for i in range(20 if QUICK else 100):
                h.write_config(h.yaml() + f"limits: {{ recipients: {100 + i} }}\n")
                r = h.command("reload")
                if r.returncode:
                    refused += 1
                    print("#", r.stderr)
            verdict(refused == 0, "reload-all-taken", refused)
            verdict(not load.failed, "reload-no-client-sees-an-error", load.failed[:3])
            verdict(quiet.noop()[0] == "OK", "reload-cuts-no-imap-session")
            verdict(pop.noop().startswith(b"+OK"), "reload-cuts-no-pop3-session")
            before = len(load.said)
            verdict(wait_until(lambda: len(load.said) > before + 3, 5), "reload-load-goes-on")
        verdict(len(h.processes()) == count, "reload-processes-as-before", h.processes())
        compare(h, load.said, "reload")
        # New listeners again and again: whoever connects is served.
        from house import free_ports
        with Load(h, 2) as load:
            for i in range(3 if QUICK else 10):
                one, = free_ports(1)
                h.write_config(h.yaml().replace(f'smtp: ["127.0.0.1:{h.port["smtp"]}"]',
                                                f'smtp: ["127.0.0.1:{h.port["smtp"]}", "127.0.0.1:{one}"]'))
                verdict(h.command("reload").returncode == 0, f"reload-new-listeners-{i}")
                wait_until(lambda: len(h.pids("smtp")) <= 2, 5)
        # A session may be ended when its listener is the third oldest; a
        # connection is never refused.
        refused = [f for f in load.failed if "Refused" in f or "too many" in f]
        verdict(not refused, "reload-new-listeners-refuse-nobody", refused[:3])
        compare(h, load.said, "reload-new-listeners")
        h.write_config()
        h.command("reload")
        try:
            quiet.logout()
        except Exception:
            pass  # its listener was of the oldest generation
        # One generation: else the session might be of one that has to go.
        wait_until(lambda: len(h.pids("imap")) == 1, 10)
        quiet = h.imap("anna", tls=True)
        # Listeners are started anew when a socket changes; sessions stay.
        wait_until(lambda: len(h.pids("imap")) <= 2, 5)
        old = h.pids("imap")
        extra, = free_ports(1)
        text = h.yaml().replace(f'imap: ["127.0.0.1:{h.port["imap"]}"]',
                                f'imap: ["127.0.0.1:{h.port["imap"]}", "127.0.0.1:{extra}"]')
        h.write_config(text)
        r = h.command("reload")
        verdict(r.returncode == 0, "reload-with-a-new-port", r.stderr)
        verdict(wait_until(lambda: len(h.pids("imap")) >= 2, 5),
                "reload-old-listener-drains", h.processes())
        verdict(quiet.noop()[0] == "OK", "reload-new-port-cuts-no-session")
        import imaplib
        verdict(imaplib.IMAP4("127.0.0.1", extra, timeout=300).noop()[0] == "OK", "reload-new-port-answers")
        quiet.logout()
        verdict(wait_until(lambda: h.pids("imap") and not set(old) & set(h.pids("imap")), 5),
                "reload-old-listener-leaves", h.processes())
        # What is wrong changes nothing.
        h.write_config(text.replace("hostname", "hostnam"))
        r = h.command("reload")
        verdict(r.returncode == 78 and "did you mean" in r.stderr, "reload-refuses-nonsense", r.stderr)
        verdict(h.count() > 0, "reload-nonsense-changes-nothing")


def certificate():
    with House() as h:
        pem = os.path.join(h.data, "tls")
        first = subprocess.run(["openssl", "x509", "-in", f"{pem}/cert.pem", "-noout", "-fingerprint"],
                               capture_output=True, text=True).stdout
        session = h.imap("anna", tls=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{pem}/new.key", "-out",
                        f"{pem}/new.pem", "-days", "30", "-subj", "/CN=mail.home.test", "-addext",
                        "subjectAltName=DNS:mail.home.test,IP:127.0.0.1"],
                       capture_output=True, check=True)
        os.rename(f"{pem}/new.pem", f"{pem}/cert.pem")
        verdict(wait_until(lambda: "tls.changed.unusable" in h.log(), 6), "certificate-half-changed-is-told")
        # Who starts meanwhile gets the pair that fitted.
        h.kill("imap")
        verdict(wait_until(lambda: h.pids("imap"), 3), "certificate-half-changed-imap-restarts")
        try:
            h.imap("anna", tls=False).logout()
            verdict(True, "certificate-half-changed-imap-serves")
        except Exception as e:
            verdict(False, "certificate-half-changed-imap-serves", repr(e))
        session = h.imap("anna", tls=False)
        os.rename(f"{pem}/new.key", f"{pem}/key.pem")

        def served():
            import ssl
            try:
                c = ssl.get_server_certificate(("127.0.0.1", h.port["imaps"]))
            except OSError:
                return ""
            return subprocess.run(["openssl", "x509", "-noout", "-fingerprint"], input=c,
                                  capture_output=True, text=True).stdout
        verdict(wait_until(lambda: served() not in ("", first), 8, 0.2), "certificate-is-taken-up-by-itself")
        verdict(session.noop()[0] == "OK", "certificate-change-cuts-no-session")


def full_disk():
    """A small file system of the test's own, filled."""
    if os.geteuid() != 0:
        skip("disk-full", "needs root to mount a small file system")
        return
    h = House()
    img = os.path.join(h.dir, "disk.img")
    try:
        subprocess.run(["truncate", "-s", "160M", img], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", img], check=True, capture_output=True)
        import shutil
        shutil.rmtree(h.data, ignore_errors=True)
        os.makedirs(h.data)
        if subprocess.run(["mount", "-o", "loop", img, h.data], capture_output=True).returncode:
            skip("disk-full", "this machine cannot mount a loop device")
            return
        try:
            h.command("passwd", "anna", "--stdin", input="correct horse battery\n")
            h.start()
            sent, refusal = 0, None
            s = h.smtp(60)
            body = ("x" * 70 + "\r\n") * 7000
            for i in range(400):
                try:
                    s.sendmail("x@example.test", ["anna@home.test"], f"Subject: {i}\r\n\r\n{body}")
                    sent += 1
                except smtplib.SMTPDataError as e:
                    refusal = e
                    break
            verdict(refusal is not None and refusal.smtp_code == 452, "disk-full-smtp-452", refusal)
            m = h.imap("anna")
            m.select()
            t, d = m.append("INBOX", None, None, ("Subject: a\r\n\r\n" + body).encode())
            verdict(t == "NO", "disk-full-append-no", d)
            verdict(h.count() == sent, "disk-full-nothing-lost", (h.count(), sent))
            verdict(m.store("1:5", "+FLAGS", r"(\Deleted)")[0] == "OK", "disk-full-flags-work")
            verdict(m.expunge()[0] == "OK", "disk-full-expunge-works")
            m.logout()
            h.restart()
            verdict(h.count() == sent - 5, "disk-full-survives-restart")
        finally:
            h.stop()
            subprocess.run(["umount", h.data])
    finally:
        h.__exit__(None, None, None)


def clock_jumps():
    """The wall clock is ten years ahead, then right again: nothing that a
    client remembers gets another meaning."""
    year = 365 * 86400 * 1000
    h = House(env={"HEARTHMAIL_TEST_CLOCK": str(10 * year)})
    try:
        h.start()
        h.deliver("anna", subject="from-the-future")
        m = h.imap("anna")

        def validity(box):
            t, d = m.status(box, "(UIDVALIDITY UIDNEXT)")
            return [int(re.search(rb"%s (\d+)" % k, d[0]).group(1)) for k in (b"UIDVALIDITY", b"UIDNEXT")]
        m.create("Box")
        first = validity("Box")[0]
        inbox = validity("INBOX")
        m.logout()
        h.stop()
        h.env.pop("HEARTHMAIL_TEST_CLOCK")
        h.start()
        m = h.imap("anna")
        verdict(validity("INBOX") == inbox, "clock-back-inbox-is-the-same", validity("INBOX"))
        m.delete("Box")
        m.create("Box")
        verdict(validity("Box")[0] > first, "clock-back-uidvalidity-rises", (first, validity("Box")))
        h.deliver("anna", subject="from-today")
        verdict(subjects(h) == ["from-the-future", "from-today"], "clock-back-mail-is-taken", subjects(h))
        m.logout()
    finally:
        h.__exit__(None, None, None)


def removed_account():
    with House(users=("anna", "ben", "carl")) as h:
        h.deliver("carl")
        s = h.imap("carl")
        other = h.imap("anna")
        h.write_config(h.yaml().replace("  carl: { addresses: [carl@home.test] }\n", ""))
        verdict(h.command("reload").returncode == 0, "removed-account-reload")

        def ended():
            try:
                s.noop()
                return False
            except Exception:
                return True
        verdict(wait_until(ended, 3, 0.1), "removed-account-its-sessions-end")
        verdict(other.noop()[0] == "OK", "removed-account-others-stay")
        c = h.smtp()
        c.mail("x@example.test")
        verdict(c.docmd("RCPT TO:<carl@home.test>")[0] == 550, "removed-account-gets-no-mail")
        h.write_config()
        h.command("reload")
        verdict(h.count("carl") == 1, "removed-account-comes-back-with-its-mail")


def lock_of_a_dying_one():
    """What a killed supervisor had just forked may have its lock for a moment."""
    with House() as h:
        h.stop()
        lock = open(os.path.join(h.data, "run/hearthmail.pid"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(0.3, lock.close).start()
        h.start()
        h.deliver("anna")
        verdict(h.count() == 1, "lock-is-waited-for-a-moment")
        r = h.command("run")
        verdict(r.returncode != 0 and "already" in r.stderr, "lock-is-one-servers", r)


def logins_while_processes_start():
    """Whatever process is just being started, a login waits for it: nobody is told that a mailbox is not available."""
    with House() as h:
        stop = []
        killed = []

        def killer():
            while not stop:
                for label in ("auth", "keeper", "account anna"):
                    if not stop and h.pids(label):
                        h.kill(label)
                        killed.append(label)
                        time.sleep(0.5)
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        t = threading.Thread(target=killer)
        t.start()
        wrong = []
        n = 0
        try:
            while len(killed) < (9 if QUICK else 24):
                n += 1
                for login in (lambda: h.imap("anna").logout(), lambda: h.pop3("anna").quit(),
                              lambda: h.submit("anna").quit()):
                    try:
                        login()
                    except Exception as e:
                        # A session of an account that is killed ends; that is not an answer to a login.
                        if re.search(r"UNAVAILABLE|SYS/TEMP|454|try again|not available", str(e)):
                            wrong.append(repr(e))
        finally:
            stop.append(1)
            t.join()
            for p in busy:
                p.kill()
                p.wait()
        verdict(not wrong, f"logins-wait-for-processes {n} of each, {len(killed)} kills", wrong[:5])


def main():
    for t in (logins_while_processes_start, lock_of_a_dying_one, clock_jumps, removed_account, kill_each, kill_supervisor, kill_all_at_once,
              reloads, certificate, full_disk):
        try:
            t()
        except Exception as e:
            import traceback
            traceback.print_exc()
            verdict(False, t.__name__, repr(e))
    finish()


if __name__ == "__main__":
    main()
