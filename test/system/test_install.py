#!/usr/bin/env python3
"""Installation as a stranger does it, on a fresh Debian 12 under a booted systemd.

  test_install.py [--quick]     --quick: only what needs no machine of its own

A Debian is debootstrapped once into a folder (HEARTHMAIL_IMAGES, else /var/cache/
hearthmail-test) together with the packages that a build needs, copied, and booted
by systemd-nspawn in a mount and a network namespace of its own; it has no way out.
Then etc/setup installs, updates and removes the server, and so does the package.
Clients run here, in the machine's network namespace.
"""
import glob
import imaplib
import os
import pty
import re
import shlex
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from debian import SUITE, Unfit, copy_tree, image, packages, sh
from house import BINARY, TOP, House, finish, lacking, skip, verdict, wait_until

NAMES = "--hostname mail.example.org --domain example.org --account anna"
UNIT = os.path.join(TOP, "etc/hearthmail.service.in")

# In a mount namespace: nspawn wants /run on a tmpfs and the unified hierarchy.
# Its own filter does not know Landlock; ours is what is tested.
BOOT = r"""
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /sys/fs/cgroup && umount /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_LOCK=0
exec systemd-nspawn -q -D "$0" --boot --private-network --machine=hm-install \
    --register=no --keep-unit --console=pipe \
    --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self"
"""


# ---- what needs no machine ----

def commands():
    out = subprocess.run([BINARY, "help"], capture_output=True, text=True).stdout
    return [m.group(1) for m in re.finditer(r"^  ([a-z][a-z-]*)", out, re.M)]


def check_manuals():
    names = sorted(set(commands()))
    gone = [n for n in names if not os.path.exists(f"{TOP}/etc/hearthmail-{n}.8")]
    verdict(names and not gone, "every-command-has-a-man-page",
            " ".join(f"etc/hearthmail-{n}.8 is missing;" for n in gone) +
            " write it (take etc/hearthmail-reload.8 as a pattern); it is installed by being there")
    main = open(f"{TOP}/etc/hearthmail.8").read()
    verdict(all(f".Xr hearthmail-{n} 8" in main for n in names), "hearthmail.8-names-them-all",
            [n for n in names if f".Xr hearthmail-{n} 8" not in main])
    if lacking("man-pages-render", "groff"):
        return
    bad = []
    for page in sorted(glob.glob(f"{TOP}/etc/*.[58]")):
        p = subprocess.run(["groff", "-mandoc", "-Tascii", "-P-cbou", "-ww", page],
                           capture_output=True, text=True)
        if p.returncode or p.stderr or "NAME" not in p.stdout:
            bad.append(f"{page}: {p.stderr[:200]}")
    verdict(not bad, "man-pages-render", bad)


def complete(*words, config="/nonexistent"):
    """What bash offers for the last word."""
    line = [BINARY, "-c", config, *words] if config else [BINARY, *words]
    script = (f"source {TOP}/etc/hearthmail.completion\n"
              f"COMP_WORDS=({' '.join(shlex.quote(w) for w in line)}); "
              f"COMP_CWORD={len(line) - 1}; _hearthmail; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    p = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True)
    return set((p.stdout + p.stderr).split())


def check_completion():
    names = set(commands()) | {"help"}
    verdict(complete("") == names, "completion-offers-every-command", complete("") ^ names)
    verdict(complete("", config=None) == names, "completion-without-c", complete("", config=None))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write("hostname: mail.example.org\ndomains: [example.org]\n"
                "accounts:\n  anna: {}\n  ben: {}\ndata: /nonexistent\n")
        f.flush()
        rows = [("command", ["pas"], {"passwd"}),
                ("account", ["passwd", "a"], {"anna"}),
                ("options-or-accounts", ["passwd", ""], {"anna", "ben", "--stdin", "--weak"}),
                ("option", ["passwd", "anna", "--s"], {"--stdin"}),
                ("nested-option", ["app-password", "anna", "phone", "--"], {"--revoke"}),
                ("subcommand", ["account", ""], {"list"}),
                ("device-words", ["device", "re"], {"revoke"}),
                ("device-accounts", ["device", "add", "b"], {"ben"}),
                ("device-list-accounts", ["device", "list", "a"], {"anna"}),
                ("device-names", ["device", "revoke", "anna", "x"], set()),
                ("device-options", ["device", "add", "anna", "x", "--p"], {"--profile"}),
                ("device-profile", ["device", "add", "anna", "x", "--profile", f.name[:-2]], {f.name}),
                ("cert-words", ["cert", "s"], {"show"}),
                ("cert-options", ["cert", "show", "x", "--"], {"--json"}),
                ("queue-words", ["queue", "re"], {"retry", "release", "remove"}),
                ("queue-accounts", ["queue", "hold", "a"], {"anna"}),
                ("queue-options", ["queue", "remove", "--b"], {"--bounce"}),
                ("undelete-accounts", ["undelete", "a"], {"anna"}),
                ("undelete-options", ["undelete", "anna", "--m"], {"--message"}),
                ("purge-accounts", ["purge", "b"], {"ben"}),
                ("fsck-accounts", ["fsck", "anna", "b"], {"ben"}),
                ("restore-accounts", ["restore", "/", "--account", "a"], {"anna"}),
                ("backup-paths", ["backup", f.name[:-2]], {f.name}),
                ("restore-paths", ["restore", f.name[:-2]], {f.name}),
                ("export-accounts", ["export", "a"], {"anna"}),
                ("export-paths", ["export", "anna", f.name[:-2]], {f.name}),
                ("import-paths", ["import", "anna", f.name[:-2]], {f.name}),
                ("formats", ["export", "anna", "d", "--format", ""], {"maildir", "mbox", "eml"}),
                ("values-are-free", ["undelete", "anna", "--since", ""], set()),
                ("help", ["help", "pas"], {"passwd"}),
                ("nothing", ["reload", ""], set()),
                ("unknown-command", ["frobnicate", ""], set())]
        for name, words, want in rows:
            got = complete(*words, config=f.name)
            verdict(got == want if name != "options-or-accounts" else got >= want,
                    f"completion-{name}", got)


def check_help():
    for n in commands():
        for words in ([n, "--help"], ["help", n]):
            p = subprocess.run([BINARY, *words], capture_output=True, text=True)
            if p.returncode or f"[-c FILE] {n}" not in p.stdout or p.stderr:
                verdict(False, f"help-{n}", (words, p.returncode, p.stdout, p.stderr))
                break
        else:
            verdict(True, f"help-{n}")


def check_names():
    """Wrong names are refused before anything is done, in a sentence."""
    rows = [("hostname-without-dot", "--hostname mail --domain example.org", 1, '"mail": this must'),
            ("hostname-of-digits", "--hostname 192.0.2.1 --domain example.org", 1, "192.0.2.1"),
            ("hostname-with-space", "--hostname 'a b.org' --domain example.org", 1, "a b.org"),
            ("hostname-of-two-lines", "--hostname 'a.org\nb.org' --domain example.org", 1, "must be"),
            ("domain-missing", "--hostname mail.example.org", 2, "--domain example.org"),
            ("domain-ends-in-dot", "--hostname a.example.org --domain example.org.", 1, "example.org."),
            ("account-with-slash", NAMES + "/../x", 1, "--account"),
            ("value-missing", "--hostname", 1, "--hostname needs a name"),
            ("unknown-option", "--frobnicate", 2, "--frobnicate")]
    if os.path.exists("/etc/hearthmail.yaml"):
        skip("setup-names", "this machine has a Hearthmail")
        return
    for name, words, code, text in rows:
        p = subprocess.run(f"{TOP}/etc/hearthmail-configure {words} --names-only", shell=True,
                           capture_output=True, text=True)
        verdict(p.returncode == code and text in p.stderr, f"setup-{name}",
                (p.returncode, p.stderr))


IMPOSSIBLE = "aliases: { one@example.org: [two@example.org], two@example.org: [one@example.org] }"


def check_configuration():
    """A version that does not accept the configuration is not started in the place of another."""
    with tempfile.TemporaryDirectory() as d:
        for sub in ("bin", "sbin", "path"):
            os.mkdir(f"{d}/{sub}")
        shutil.copy(f"{TOP}/etc/hearthmail-configure", f"{d}/sbin/")
        os.symlink(os.path.abspath(BINARY), f"{d}/bin/hearthmail")
        for name in ("systemctl", "systemd-sysusers", "journalctl"):
            with open(f"{d}/path/{name}", "w") as f:
                f.write(f'#!/bin/sh\necho {name} "$@" >>{d}/called\n')
            os.chmod(f"{d}/path/{name}", 0o755)
        env = dict(os.environ, HEARTHMAIL_TEST_CONFIG=f"{d}/hearthmail.yaml", HEARTHMAIL_TEST_UNITS=f"{d}/units",
                   PATH=f"{d}/path:" + os.environ["PATH"])
        good = ("hostname: mail.example.org\ndomains: [example.org]\naccounts: { anna: {} }\n"
                f"data: {d}/data\n")
        rows = [("accepted", good, 0, ""), ("of-another-version", good + "frobnicate: on\n", 78, "frobnicate"),
                ("impossible-alias", good + IMPOSSIBLE + "\n", 78, "one@example.org")]
        for name, text, code, word in rows:
            with open(env["HEARTHMAIL_TEST_CONFIG"], "w") as f:
                f.write(text)
            for more in (["--names-only"], []) if code else (["--names-only"],):
                p = subprocess.run([f"{d}/sbin/hearthmail-configure"] + more, env=env, stdin=subprocess.DEVNULL,
                                   capture_output=True, text=True)
                verdict(p.returncode == code and word in p.stderr and
                        ("would not start" in p.stderr and "run this again" in p.stderr) == bool(code),
                        f"configuration-{name}{''.join(more)}", (p.returncode, p.stdout, p.stderr))
        calls = open(f"{d}/called").read() if os.path.exists(f"{d}/called") else ""
        verdict("restart" not in calls and "sysusers" not in calls, "configuration-nothing-is-restarted", calls)


def unit_value(key):
    return " ".join(re.findall(rf"^{key}=(.*)", open(UNIT).read(), re.M)).split()


def check_capabilities():
    """The real server with the unit's bounding set and nothing more."""
    if os.geteuid() != 0:
        skip("unit-capabilities", "needs root")
        return
    caps = [c.removeprefix("CAP_").lower() for c in unit_value("CapabilityBoundingSet")]

    class Bounded(House):
        def prefix(self):
            return ["setpriv", "--no-new-privs", "--bounding-set",
                    "-all," + ",".join("+" + c for c in caps)]

    with Bounded() as h:
        h.deliver()
        verdict(h.count() == 1, "unit-capabilities-suffice", h.log()[-500:])
        eff = int(re.search(r"CapBnd:\s*(\w+)", open(f"/proc/{h.proc.pid}/status").read()).group(1), 16)
        verdict(bin(eff).count("1") == len(caps), "unit-capabilities-hold", hex(eff))
        verdict(h.command("reload").returncode == 0, "unit-capabilities-reload")


# ---- the machine ----

class Machine:
    def __init__(self):
        base = image(SUITE, packages("BUILD"))
        self.dir = tempfile.mkdtemp(prefix="hm-install.")
        self.root = os.path.join(self.dir, "root")
        self.leader = None
        sh(["cp", "-a", "--reflink=auto", base, self.root])
        copy_tree(os.path.join(self.root, "root/hearthmail"))
        self.log = open(os.path.join(self.dir, "log"), "w+")
        self.nspawn = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-ec", BOOT, self.root],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        if not wait_until(self.booted, 600, 0.1):
            self.close()
            raise Unfit("systemd-nspawn does not boot here: " +
                        open(self.log.name).read()[-200:].replace("\n", " "))

    def booted(self):
        if self.nspawn.poll() is not None:
            return True if self.leader else self.log.flush()
        if not self.leader:
            pid = self.nspawn.pid
            for kid in open(f"/proc/{pid}/task/{pid}/children").read().split():
                if open(f"/proc/{kid}/comm").read() == "systemd\n":
                    self.leader = kid
        return self.leader and self.run("systemctl is-system-running").stdout.strip() in (
            "running", "degraded")

    def inside(self, cmd):
        return ["nsenter", "-t", self.leader, "-a", "env", "-i", "HOME=/root", "LC_ALL=C",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "sh", "-c",
                "cd /root/hearthmail; " + cmd]

    def run(self, cmd, input="", timeout=3600):
        return subprocess.run(self.inside(cmd), capture_output=True, text=True, errors="replace",
                              input=input, timeout=timeout)

    def typed(self, cmd, lines, timeout=3600):
        """Runs cmd on a terminal and types a line whenever it asks."""
        master, slave = pty.openpty()
        p = subprocess.Popen(self.inside(cmd), stdin=slave, stdout=slave, stderr=slave,
                             start_new_session=True)
        os.close(slave)
        out, lines, end = "", list(lines), time.time() + timeout
        while time.time() < end:
            try:
                d = os.read(master, 4096).decode(errors="replace")
            except OSError:
                break
            if not d:
                break
            out += d
            if lines and re.search(r"(: |\? )$", out):
                time.sleep(0.1)
                os.write(master, (lines.pop(0) + "\n").encode())
        os.close(master)
        return p.wait(30), out

    def client(self, what, *args):
        """Runs a client of this file in the machine's network; its output."""
        p = subprocess.run(["nsenter", "-t", self.leader, "-n", sys.executable, __file__,
                            "--client", what, *args], capture_output=True, text=True, timeout=300)
        return p.stdout.strip() + p.stderr[-300:]

    def main_pid(self):
        return self.run("systemctl show -p MainPID --value hearthmail").stdout.strip()

    def active(self):
        return self.run("systemctl is-active hearthmail").stdout.strip() == "active"

    def journal(self):
        return self.run("journalctl -q -u hearthmail -o cat").stdout

    def close(self):
        if self.leader and self.nspawn.poll() is None:
            os.kill(int(self.leader), signal.SIGKILL)
        try:
            self.nspawn.wait(15)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


# ---- clients, in the machine's network ----

def smarthost(f):
    f.write(b"220 smart.example.test ESMTP\r\n")
    f.flush()
    for line in f:
        verb = line[:4].upper()
        if verb in (b"MAIL", b"RCPT"):
            print(line.decode().strip(), flush=True)
        if verb == b"DATA":
            f.write(b"354 go on\r\n")
            f.flush()
            for text in iter(f.readline, b".\r\n"):
                if text.startswith(b"Subject:"):
                    print(text.decode().strip(), flush=True)
        f.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
        f.flush()
        if verb == b"QUIT":
            return


def client(what, *args):
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    if what == "send":
        s = smtplib.SMTP("127.0.0.1", 25, "client.example.test", timeout=300)
        s.sendmail("x@example.test", [args[0]], f"Subject: {args[1]}\r\n\r\nhello\r\n")
        s.quit()
        print("sent")
    elif what == "subjects":
        m = imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=tls, timeout=300)
        m.login(args[0], args[1])
        m.select("INBOX", readonly=True)
        t, d = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        print(" ".join(re.findall(r"Subject: (\w+)", str(d))))
    elif what == "submit":
        s = smtplib.SMTP("127.0.0.1", 587, "client.example.test", timeout=300)
        s.starttls(context=tls)
        s.login(args[0], args[1])
        try:
            s.sendmail(f"{args[0]}@example.org", [args[2]],
                       f"From: {args[0]}@example.org\r\nSubject: {args[3]}\r\n\r\nhello\r\n")
            print("sent")
        except smtplib.SMTPRecipientsRefused as e:
            print(e)
    elif what == "sink":
        # The smarthost: takes one message and prints its envelope and subject.
        with socket.create_server(("127.0.0.1", int(args[0]))) as server:
            print("ready", flush=True)
            server.settimeout(30)
            with server.accept()[0].makefile("rwb") as f:
                smarthost(f)
    elif what == "survives":
        # A session that is open while the order is given.
        m = imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=tls, timeout=300)
        m.login(args[0], args[1])
        print("ready", flush=True)
        sys.stdin.readline()
        print(m.noop()[0])


# ---- what is asked of it ----

def refused(m, name, cmd, code, *texts):
    p = m.run(cmd)
    out = p.stdout + p.stderr
    verdict(p.returncode == code and all(t in out for t in texts) and len(out.splitlines()) < 12,
            name, (p.returncode, out))


def check_refusals(m):
    refused(m, "refuses-without-root", f"chmod 755 /root; setpriv --reuid=65534 etc/setup install {NAMES}",
            1, "needs root: sudo etc/setup install")
    fake = "mount --bind /tmp/os /etc/os-release"
    refused(m, "refuses-another-system", "echo ID=fedora >/tmp/os; " + fake +
            f"; etc/setup install {NAMES}; r=$?; umount /etc/os-release; exit $r",
            1, "this is fedora", "README.md")
    refused(m, "refuses-an-old-debian", "printf 'ID=debian\\nVERSION_ID=\"11\"\\n' >/tmp/os; " + fake +
            f"; etc/setup install {NAMES}; r=$?; umount /etc/os-release; exit $r",
            1, "Debian 11", "12 or newer")
    refused(m, "refuses-without-names", "etc/setup install", 2, "--hostname mail.example.org")
    hidden = "mount -t tmpfs -o size=%s tmpfs /var/cache/apt/archives; "
    unhide = "; r=$?; umount /var/cache/apt/archives; exit $r"
    refused(m, "says-no-network", hidden % "900m" + f"etc/setup install {NAMES}" + unhide,
            1, "apt cannot reach its server")
    refused(m, "says-disk-full-of-packages", hidden % "1m" + f"etc/setup install {NAMES}" + unhide,
            1, "the disk is full")
    refused(m, "says-disk-full", f"mount -t tmpfs -o size=8m tmpfs /usr/local; mount -t tmpfs -o size=8m "
            f"tmpfs /var/lib/systemd; cp -a /root/hearthmail /tmp/tree; mount -t tmpfs -o size=9m tmpfs "
            f"/tmp/tree 2>/dev/null; mkdir -p /tmp/tree; cp -a etc meson.build /tmp/tree/; cd /tmp/tree; "
            f"etc/setup install {NAMES}; r=$?; cd /; umount /tmp/tree /usr/local /var/lib/systemd; "
            f"rm -rf /tmp/tree; exit $r", 1, "the disk is full", "40 are needed")
    verdict(m.run("ls /etc/hearthmail.yaml /usr/local/bin/hearthmail /var/lib/hearthmail").stdout == "",
            "refusals-leave-nothing")


def check_install(m):
    """Returns anna's password."""
    m.files = m.run("find /usr /etc -type f").stdout.split("\n")
    t = time.time()
    p = m.run(f"etc/setup install {NAMES}")
    print(f"  (install: {time.time() - t:.0f} s)", flush=True)
    verdict(p.returncode == 0, "install", p.stdout + p.stderr)
    found = re.search(r"The password of anna is (\S+) ", p.stdout)
    verdict(found, "install-tells-a-password", p.stdout)
    out = p.stdout + p.stderr
    verdict(len(out.splitlines()) <= 24 and max(map(len, p.stdout.splitlines())) <= 100,
            "install-fits-a-screen", out)
    verdict(len(p.stdout[p.stdout.find("Hearthmail runs."):].splitlines()) == 10,
            "install-says-it-in-ten-lines", p.stdout)
    verdict(all(w in out for w in ("hearthmail dns", "forward ports 25, 80 and 443", "Certificate", "journalctl -u hearthmail",
                                   "wrote /etc/hearthmail.yaml")), "install-says-what-is-left", out)
    verdict(m.active() and m.run("systemctl is-enabled hearthmail").stdout == "enabled\n",
            "service-runs")
    return found.group(1) if found else ""


def check_service(m, password):
    verdict(m.client("send", "anna@example.org", "one") == "sent", "service-receives")
    got = wait_until(lambda: (lambda s: s == "one" and s)(m.client("subjects", "anna", password)), 5)
    verdict(got == "one", "service-serves-imap-over-tls", m.client("subjects", "anna", password))
    got = m.client("submit", "anna", password, "anna@example.org", "two")
    verdict(got == "sent" and "two" in m.client("subjects", "anna", password),
            "service-submits", got)
    log = m.journal()
    holds = set(re.findall(r'sandbox holds="([^"]*)"', log))
    verdict(holds and all("chroot, own user" in h and "seccomp" in h and
                          ("absent" not in h or not os.path.exists("/sys/kernel/security/landlock"))
                          for h in holds), "walls-hold-under-the-unit", holds)
    print("  (walls: " + "; ".join(sorted(holds)) + ")", flush=True)
    uids = m.run("for p in /proc/[0-9]*; do grep -aq '^hearthmail: ' $p/cmdline && "
                 "stat -c %u $p; done 2>/dev/null").stdout.split()
    verdict(len(set(uids)) >= 5 and "0" not in uids, "processes-have-users-of-their-own", uids)
    modes = m.run("stat -c '%U %a %n' /var/lib/hearthmail/* /var/lib/hearthmail/accounts/*").stdout
    verdict("hearthmail 700 /var/lib/hearthmail/accounts/anna" in modes and
            "hearthmail-auth 700 /var/lib/hearthmail/auth" in modes, "folders-have-owners", modes)
    out = m.run("systemd-analyze security hearthmail --no-pager | tail -n 1").stdout
    score = re.search(r"([0-9.]+) [A-Z]", out)
    print(f"  (systemd-analyze security: {out.strip()})", flush=True)
    verdict(score and float(score.group(1)) <= 3.0, "unit-security-score", out)
    out = m.run("systemd-analyze verify /etc/systemd/system/hearthmail.service").stderr
    out = "".join(l for l in out.splitlines() if "'man " not in l)  # man itself is not there
    verdict(out == "", "unit-has-no-errors", out)


def check_sending(m, password):
    """To the world by way of a smarthost, since this machine has no way out."""
    m.run("cp /etc/hearthmail.yaml /tmp/good; echo 'relay: { host: 127.0.0.1, port: 2626, tls: off }' "
          ">>/etc/hearthmail.yaml")
    r = m.run("hearthmail reload")
    p = subprocess.Popen(["nsenter", "-t", m.leader, "-n", sys.executable, __file__, "--client",
                          "sink", "2626"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    p.stdout.readline()
    sent = m.client("submit", "anna", password, "ben@far.example.test", "out")
    try:
        out, err = p.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
    verdict(r.returncode == 0 and sent == "sent" and "RCPT TO:<ben@far.example.test>" in out and
            "Subject: out" in out, "service-sends",
            (r.stderr, sent, out, err[-200:], m.journal()[-500:]))
    m.run("cp /tmp/good /etc/hearthmail.yaml; hearthmail reload")


def check_survival(m, password):
    p = subprocess.Popen(["nsenter", "-t", m.leader, "-n", sys.executable, __file__, "--client",
                          "survives", "anna", password], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    p.stdout.readline()
    pid = m.main_pid()
    r = m.run("systemctl reload hearthmail")
    out, _ = p.communicate("go\n", timeout=300)
    verdict(r.returncode == 0 and out == "OK\n" and m.main_pid() == pid and m.active(),
            "survives-reload", (r.stderr, out))
    m.run("cp /etc/hearthmail.yaml /tmp/good; echo nonsense: 1 >>/etc/hearthmail.yaml")
    r = m.run("systemctl reload hearthmail")
    verdict(r.returncode != 0 and m.active() and m.main_pid() == pid, "refused-reload-changes-nothing",
            r.stderr)
    m.run("cp /tmp/good /etc/hearthmail.yaml")
    r = m.run("systemctl restart hearthmail")
    verdict(r.returncode == 0 and m.main_pid() != pid and
            "one" in m.client("subjects", "anna", password), "survives-restart", r.stderr)
    pid = m.main_pid()
    t = time.time()
    verdict(int(pid or 0) > 1, "runs-before-kill-9", m.journal()[-2000:])
    if int(pid or 0) > 1:  # 0 is everybody in this group, the tests themselves
        m.run(f"kill -9 {pid}")
    ok = wait_until(lambda: m.active() and m.main_pid() not in ("0", pid), 10, 0.1)
    print(f"  (kill -9: back in {time.time() - t:.1f} s)", flush=True)
    verdict(ok and m.client("send", "anna@example.org", "three") == "sent" and
            "three" in m.client("subjects", "anna", password), "survives-kill-9", m.journal()[-600:])


def check_update(m, password):
    m.run("echo '# mine' >>/etc/hearthmail.yaml; "
          "sed -i 's/^accounts:/accounts:\\n  ben: { addresses: [ben@example.org] }/' /etc/hearthmail.yaml; "
          "hearthmail reload")
    before = m.run("sha256sum /etc/hearthmail.yaml").stdout
    pid = m.main_pid()
    refused(m, "update-refuses-another-hostname", "etc/setup install --hostname other.example.org --domain "
            "example.org", 1, '"hostname: mail.example.org"', "never overwritten")
    refused(m, "update-refuses-another-domain", "etc/setup install --domain example.test",
            1, "without example.test", "hearthmail reload")
    program = m.run("sha256sum /usr/local/bin/hearthmail").stdout
    m.run(f"cp -p /etc/hearthmail.yaml /root/good; echo '{IMPOSSIBLE}' >>/etc/hearthmail.yaml; echo '/* */' >>cmd/main.c")
    refused(m, "update-refuses-a-configuration-with-errors", "etc/setup install", 78, "would not start",
            "is not restarted", "nothing was changed")
    verdict(m.active() and m.main_pid() == pid and program == m.run("sha256sum /usr/local/bin/hearthmail").stdout,
            "update-refused-the-old-one-goes-on", m.journal()[-600:])
    m.run("cp -p /root/good /etc/hearthmail.yaml; sed -i '$d' cmd/main.c")
    t = time.time()
    code, out = m.typed("etc/setup install", ["correct horse battery", "correct horse battery"])
    print(f"  (update: {time.time() - t:.1f} s)", flush=True)
    verdict(code == 0 and "New password for ben" in out and "as they were" in out,
            "update-asks-for-a-missing-password", (code, out))
    verdict(m.run("sha256sum /etc/hearthmail.yaml").stdout == before, "update-keeps-configuration")
    verdict(m.active() and m.main_pid() != pid, "update-restarts")
    got = m.client("subjects", "anna", password)
    verdict(got == "one two three", "update-keeps-mail", got)
    verdict(m.client("send", "ben@example.org", "hello") == "sent" and
            m.client("subjects", "ben", "correct horse battery") == "hello", "the-typed-password-works")


def check_other_folder(m):
    """Mail elsewhere: the unit is told where it may write."""
    m.run("systemctl stop hearthmail; cp /etc/hearthmail.yaml /tmp/good; echo 'data: /srv/mail' "
          ">>/etc/hearthmail.yaml")
    p = m.run("etc/setup install --stdin", input="correct horse battery\n" * 2)
    verdict(p.returncode == 0 and m.active() and m.client("send", "anna@example.org", "elsewhere") == "sent"
            and m.client("subjects", "anna", "correct horse battery") == "elsewhere",
            "data-in-another-folder", p.stdout + p.stderr + m.journal()[-300:])
    m.run("systemctl stop hearthmail; cp /tmp/good /etc/hearthmail.yaml")
    p = m.run("hearthmail-configure")
    verdict(p.returncode == 0 and m.active() and
            m.run("ls /etc/systemd/system/hearthmail.service.d").stdout == "", "data-back-again", p.stderr)


def make_package(m):
    p = m.run("etc/setup package")
    debs = m.run("ls build/*.deb").stdout.split()
    verdict(p.returncode == 0 and len(debs) == 1, "package", p.stdout + p.stderr)
    p = m.run(f"dpkg -i {' '.join(debs)}")
    verdict(p.returncode != 0 and "etc/setup uninstall first" in p.stderr and m.active(),
            "package-refuses-beside-etc-setup", p.stderr)
    return debs[0] if debs else None


def check_uninstall(m):
    p = m.run("etc/setup uninstall")
    out = p.stdout + p.stderr
    verdict(p.returncode == 0 and "/var/lib/hearthmail" in out and "/etc/hearthmail.yaml" in out,
            "uninstall-says-what-stays", out)
    left = set(m.run("find /usr /etc -type f").stdout.split("\n")) - set(m.files)
    left = [f for f in left if "earthmail" in f]
    verdict(left == ["/etc/hearthmail.yaml"], "uninstall-leaves-the-configuration-only", left)
    verdict(m.run("ls /var/lib/hearthmail/accounts/anna/log").stdout != "", "uninstall-leaves-mail")
    verdict(not m.active() and m.run("systemctl --failed --plain --no-legend").stdout == "",
            "uninstall-stops-the-service")
    refused(m, "uninstall-twice", "etc/setup uninstall", 1, "nothing is installed")


def check_package(m, deb, password):
    info = m.run(f"dpkg-deb -I {deb}; dpkg-deb -c {deb}").stdout
    verdict("libssl3" in info and "libc6 (>=" in info and "./usr/bin/hearthmail" in info and
            "/usr/local" not in info, "package-content", info)
    apt = "DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Dpkg::Use-Pty=0 "
    p = m.run(f"{apt} install ./{deb}")
    verdict(p.returncode == 0 and m.active() and m.client("subjects", "anna", password) == "one two three",
            "package-takes-up-the-mail-of-etc-setup", p.stdout + p.stderr)
    refused(m, "install-beside-the-package", "etc/setup install", 1, "the package hearthmail is installed")
    pid = m.main_pid()
    m.run(f"dpkg-deb -R {deb} /tmp/next && sed -i 's/^Version: .*/&+1/' /tmp/next/DEBIAN/control && "
          "dpkg-deb --root-owner-group -b /tmp/next /tmp/next.deb")
    m.run(f"cp -p /etc/hearthmail.yaml /root/good; echo '{IMPOSSIBLE}' >>/etc/hearthmail.yaml")
    p = m.run(f"{apt} install /tmp/next.deb")
    verdict(p.returncode == 0 and m.active() and m.main_pid() == pid and "would not start" in p.stdout + p.stderr,
            "package-upgrade-leaves-the-old-one-running", p.stdout + p.stderr)
    m.run("cp -p /root/good /etc/hearthmail.yaml")
    p = m.run(f"{apt} --reinstall install /tmp/next.deb")
    verdict(p.returncode == 0 and m.active() and m.main_pid() != pid and
            m.client("subjects", "anna", password) == "one two three", "package-upgrades",
            p.stdout + p.stderr)
    p = m.run(f"{apt} remove hearthmail")
    verdict(p.returncode == 0 and not m.active() and
            m.run("ls /usr/bin/hearthmail /lib/systemd/system/hearthmail.service").stdout == "",
            "package-removes", p.stdout + p.stderr)
    p = m.run(f"{apt} purge hearthmail")
    out = p.stdout + p.stderr
    verdict(p.returncode == 0 and "/var/lib/hearthmail stays" in out, "package-purge-says-what-stays", out)
    verdict(m.run("ls /etc/hearthmail.yaml /var/lib/hearthmail/accounts/anna/log/*").returncode == 0,
            "package-purge-leaves-mail-and-configuration")
    check_port_25(m, deb, apt)


def check_port_25(m, deb, apt):
    """A fresh one by the package, while another server holds port 25."""
    m.run("rm -rf /etc/hearthmail.yaml /var/lib/hearthmail")
    p = m.run(f"{apt} install ./{deb}")
    verdict(p.returncode == 0 and "hearthmail-configure --hostname" in p.stdout and not m.active(),
            "package-without-names-says-how", p.stdout + p.stderr)
    with open(os.path.join(m.root, "root/mta"), "w") as f:
        f.write("use IO::Socket::INET;\n"
                "my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1:25', Listen => 5, ReuseAddr => 1) or die;\n"
                "sleep 1000;\n")
    m.run("systemd-run -q --unit=exim4 perl /root/mta")
    wait_until(lambda: "LISTEN" in m.run("ss -ltn 'sport = :25'").stdout)
    p = m.run(f"hearthmail-configure {NAMES} --stdin", input="correct horse battery\n")
    out = p.stdout + p.stderr
    verdict(p.returncode == 1 and "port 25 is held by exim4" in out and
            "systemctl disable --now exim4 && systemctl start hearthmail" in out, "port-25-held", out)
    m.run("systemctl stop exim4; systemctl start hearthmail")
    ok = m.active() and m.client("send", "anna@example.org", "four") == "sent"
    verdict(ok and m.client("subjects", "anna", "correct horse battery") == "four",
            "port-25-freed", m.journal()[-600:])


def check_machine():
    if os.geteuid() != 0:
        skip("booted", "needs root")
        return
    if lacking("booted", "nsenter", "unshare", "debootstrap", "systemd-nspawn"):
        return
    try:
        m = Machine()
    except Unfit as e:
        skip("booted", e)
        return
    try:
        check_refusals(m)
        password = check_install(m)
        check_service(m, password)
        check_sending(m, password)
        check_survival(m, password)
        check_update(m, password)
        check_other_folder(m)
        deb = make_package(m)
        check_uninstall(m)
        if deb:
            check_package(m, deb, password)
    finally:
        m.close()


def main():
    if sys.argv[1:2] == ["--client"]:
        client(*sys.argv[2:])
        return
    check_help()
    check_configuration()
    check_manuals()
    check_completion()
    check_names()
    check_capabilities()
    if "--quick" in sys.argv:
        skip("booted", "--quick; test/system/test_install.py runs it")
    else:
        check_machine()
    finish()


if __name__ == "__main__":
    main()
