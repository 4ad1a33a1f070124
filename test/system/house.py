"""A Hearthmail of a test's own: configuration, start, stop, clients, faults.

Everything is on the loopback with free ports, in a temporary folder that is
removed at the end; only processes that the server itself started are killed.
"""
import glob
import imaplib
import json
import os
import poplib
import random
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "test", "format"))
import reader  # noqa: E402

BINARY = os.environ.get("HEARTHMAIL", next(
    (b for b in (os.path.join(TOP, d, "cmd/hearthmail") for d in ("build-test", "build"))
     if os.path.exists(b)), "hearthmail"))
SERVICES = ["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "sieve"]
WEB = ["http", "https"]  # off unless a test wants them
READER_MAX = 4 << 20  # bytes of a log: it is plain Python
PASSWORD = "correct horse battery"

_results = {"FAIL": 0}


def verdict(ok, name, text=""):
    """Prints one line that test/run.py counts."""
    text = str(text).replace("\n", " | ")[:1500]
    print(f"{'PASS' if ok else 'FAIL'} {name}{': ' + text if text and not ok else ''}", flush=True)
    if not ok:
        _results["FAIL"] += 1
    return ok


def skip(name, why):
    print(f"SKIP {name}: {why}", flush=True)


def lacking(name, *tools):
    """True, and a failure, if one of these programs is missing: etc/setup test installs them all,
    so that whatever is skipped for want of one is a test that was lost."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    gone = " ".join(t for t in tools if not shutil.which(t, path=path))
    if gone:
        verdict(False, name, f"{gone}: not installed; etc/setup test installs it, and so must its list")
    return bool(gone)


def finish():
    sys.exit(1 if _results["FAIL"] else 0)


_reserved = []


def free_ports(n):
    """Ports that are this process's while it runs: below those that the kernel gives to clients,
    one of which would else sit on a port while its server restarts.  An abstract name beside each
    keeps other tests off."""
    ports = []
    while len(ports) < n:
        port = random.randrange(10000, 32000)
        name, probe = socket.socket(socket.AF_UNIX), socket.socket()
        try:
            name.bind(f"\0hearthmail-test-port-{port}")
            probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
        else:
            _reserved.append(name)
            ports.append(port)
        probe.close()
    return ports


PATIENCE = 90  # seconds that anything may take on a machine with other work


def wait_until(fn, seconds=PATIENCE, pause=0.02, exact=False):
    """The first true value of fn(), or the last value after that time.  A limit that is reached
    is a failure, so none is below PATIENCE, unless it is exact: to go on without is fine."""
    end = time.monotonic() + (seconds if exact else max(seconds, PATIENCE))
    while True:
        v = fn()
        if v or time.monotonic() > end:
            return v
        time.sleep(pause)


def wide(seconds):
    """A limit for what is measured: as given on an idle machine, ten times that where something
    else wants the processors, too.  To be asked before the test makes its own load."""
    wall, cpu = time.monotonic(), time.process_time()
    while time.process_time() - cpu < 0.1:
        pass
    contended = time.monotonic() - wall > 1.2 * (time.process_time() - cpu)
    return seconds * (10 if contended else 1)


class House:
    """with House() as h: ...; extra is appended to the YAML file."""

    def __init__(self, extra="", env=None, users=("anna", "ben"), as_user=None, debug=False,
                 passwords=True, dir=None, web=False):
        self.dir = dir or tempfile.mkdtemp(prefix="hearthmail-test.")
        self.own_dir = dir is None
        os.chmod(self.dir, 0o755)
        self.users = users
        services = SERVICES + WEB * web
        self.port = dict(zip(services, free_ports(len(services))))
        self.config = os.path.join(self.dir, "hearthmail.yaml")
        self.data = os.path.join(self.dir, "data")
        self.log_path = os.path.join(self.dir, "log")
        self.env = dict(os.environ, **(env or {}))
        self.as_user = as_user
        self.debug = debug
        self.extra = extra
        self.proc = None
        self.write_config()
        if as_user:
            shutil.chown(self.dir, as_user)
        if passwords:
            for u in users:
                r = self.command("passwd", u, "--stdin", input=PASSWORD + "\n")
                assert r.returncode == 0, r.stderr

    def yaml(self):
        accounts = "".join(f"  {u}: {{ addresses: [{u}@home.test] }}\n" for u in self.users)
        listen = "".join(f'  {s}: ["127.0.0.1:{p}"]\n' for s, p in self.port.items())
        return (f"hostname: mail.home.test\ndomains: [home.test]\naccounts:\n{accounts}"
                f"data: {self.data}\nlisten:\n{listen}{self.extra}")

    def write_config(self, text=None):
        with open(self.config, "w") as f:
            f.write(text or self.yaml())

    def prefix(self):
        return ["setpriv", "--reuid", self.as_user, "--regid", "nogroup", "--clear-groups"] \
            if self.as_user else []

    def command(self, *words, input=None, timeout=300):
        return subprocess.run([*self.prefix(), BINARY, "-c", self.config, *words],
                              input=input, capture_output=True, text=True, timeout=timeout,
                              env=self.env)

    def start(self, wait=True):
        seen = len(self.log())
        self.log_file = open(self.log_path, "ab")
        self.proc = subprocess.Popen(
            [*self.prefix(), BINARY, "-c", self.config, "run"] + (["--debug"] if self.debug else []),
            stdout=self.log_file, stderr=self.log_file, stdin=subprocess.DEVNULL, env=self.env)
        if wait:
            ok = wait_until(lambda: " ready " in self.log()[seen:] or self.proc.poll() is not None, 20)
            assert ok and self.proc.poll() is None, "did not start: " + self.log()[-2000:]
        return self

    def stop(self):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(15)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.proc = None

    def restart(self):
        self.stop()
        open(self.log_path, "w").close()
        return self.start()

    def __enter__(self):
        return self.start()

    def compare_reader(self):
        """What test/format/reader.py finds in each account is what the server has in it."""
        accounts = os.path.join(self.data, "accounts")
        if self.as_user or not os.path.isdir(accounts):
            return
        self.write_config()
        if self.command("check").returncode == 78:  # the test has made it wrong
            self.extra = ""
            self.write_config()
        for name in sorted(os.listdir(accounts)):
            log = os.path.join(accounts, name, "log")
            if name not in self.users or not os.path.isdir(log) or \
                    sum(e.stat().st_size for e in os.scandir(log)) > READER_MAX:
                continue
            r = self.command("fsck", name, "--json")
            try:
                want = json.loads(r.stdout)[0]
                got = reader.Account(os.path.join(accounts, name)).digest()
            except (ValueError, IndexError, reader.Damaged) as e:
                verdict(False, "format-reader", f"{name}: {e} {r.stdout} {r.stderr}")
                continue
            if want["damage"] == 0 and want["digest"] != got:
                verdict(False, "format-reader", f"{name}: {want['digest']} is not {got}")

    def __exit__(self, kind, value, trace):
        self.stop()
        if kind is None and self.own_dir:
            self.compare_reader()
        if kind is not None and self.own_dir:
            print("log of the server:\n" + self.log()[-6000:], file=sys.stderr)
        if self.own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def log(self):
        try:
            with open(self.log_path, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def logged(self, pattern, seconds=PATIENCE):
        """Is there a line that the pattern fits?  A line goes through the supervisor, so that
        it may come later than what its process told a client."""
        return wait_until(lambda: re.search(pattern, self.log()), seconds)

    # ---- processes ----

    def processes(self):
        """{pid: label} of all living processes of this server."""
        found = {}
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                text = open(path).read()
                pid, ppid = int(text.split(" ", 1)[0]), int(text.rsplit(")", 1)[1].split()[1])
                state = text.rsplit(")", 1)[1].split()[0]
                if ppid != self.proc.pid or state == "Z":
                    continue
                label = open(f"/proc/{pid}/cmdline").read().split("\0")[0]
                found[pid] = label.removeprefix("hearthmail: ")
            except (OSError, ValueError):
                pass
        return found

    def pids(self, label):
        return [p for p, l in self.processes().items() if l == label or l.startswith(label + " ")]

    def kill(self, label, sig=signal.SIGKILL):
        pids = self.pids(label)
        for p in pids:
            os.kill(p, sig)
        return pids

    # ---- clients ----

    def tls(self):
        ctx = ssl.create_default_context(cafile=os.path.join(self.data, "tls/cert.pem"))
        return ctx

    def imap(self, user="anna", password=PASSWORD, tls=False):
        if tls:
            m = imaplib.IMAP4_SSL("127.0.0.1", self.port["imaps"], ssl_context=self.tls(), timeout=300)
        else:
            m = imaplib.IMAP4("127.0.0.1", self.port["imap"], timeout=300)
        m.login(user, password)
        return m

    def pop3(self, user="anna", password=PASSWORD, tls=False):
        p = poplib.POP3_SSL("127.0.0.1", self.port["pop3s"], context=self.tls(), timeout=300) if tls \
            else poplib.POP3("127.0.0.1", self.port["pop3"], timeout=300)
        p.user(user)
        p.pass_(password)
        return p

    def smtp(self, timeout=300):
        s = smtplib.SMTP("127.0.0.1", self.port["smtp"], "client.example.test", timeout=timeout)
        s.ehlo("client.example.test")
        return s

    def submit(self, user="ben", password=PASSWORD):
        s = smtplib.SMTP("127.0.0.1", self.port["submission"], "client.example.test", timeout=300)
        s.starttls(context=self.tls())
        s.login(user, password)
        return s

    def deliver(self, to="anna", body="hello", sender="x@example.test", subject="test"):
        s = self.smtp()
        s.sendmail(sender, [f"{to}@home.test"],
                   f"From: {sender}\r\nTo: {to}@home.test\r\nSubject: {subject}\r\n\r\n{body}\r\n")
        s.quit()

    def count(self, user="anna", mailbox="INBOX"):
        m = self.imap(user)
        t, d = m.status(mailbox, "(MESSAGES)")
        m.logout()
        return int(re.search(rb"MESSAGES (\d+)", d[0]).group(1))


class Raw:
    """Bytes over a socket, with a reply reader that knows lines."""

    def __init__(self, port, timeout=300, tls=None):
        self.s = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        if tls:
            self.s = tls.wrap_socket(self.s, server_hostname="mail.home.test")
        self.buf = b""

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        while b"\n" not in self.buf:
            d = self.s.recv(65536)
            if not d:
                l, self.buf = self.buf, b""
                return l
            self.buf += d
        l, self.buf = self.buf.split(b"\n", 1)
        return l + b"\n"

    def reply(self):
        """An SMTP reply, all lines."""
        out = b""
        while True:
            l = self.line()
            out += l
            if len(l) < 4 or l[3:4] != b"-":
                return out

    def until(self, prefix):
        out = []
        while True:
            l = self.line()
            if not l:
                return out
            out.append(l)
            if l.startswith(prefix):
                return out

    def eof(self):
        try:
            while True:
                if not self.s.recv(65536):
                    return True
        except (ConnectionResetError, ssl.SSLError):
            return True
        except socket.timeout:
            return False

    def close(self):
        self.s.close()
