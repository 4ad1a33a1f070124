#!/usr/bin/env python3
"""Configuration: every error with its place and its remedy; what check says;
how the server starts and what the exit codes are."""
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import time

from house import BINARY, TOP, House, finish, free_ports, verdict, wait_until, wide

GOOD = """hostname: mail.example.org
domains: [example.org]
accounts:
  anna: { addresses: [anna@example.org, mum@example.org] }
  ben: { addresses: [ben@example.org] }
aliases:
  family@example.org: [anna, ben]
"""

# name, text, place, words that the error must have
BAD = [
    ("unknown-key", GOOD + "hostnam: x\n", "8:1", ["hostnam", 'did you mean "hostname"']),
    ("far-key", GOOD + "zzzzzzzz: x\n", "8:1", ["unknown key", "known here"]),
    ("missing-hostname", GOOD.split("\n", 1)[1], "1:1", ["hostname is missing"]),
    ("no-domains", "hostname: mail.example.org\naccounts: { anna: {} }\n", "1:1", ["domains is missing"]),
    ("bad-hostname", GOOD.replace("mail.example.org", "mail"), "1:11", ["expected a full name"]),
    ("bad-domain", GOOD.replace("[example.org]", "[exa_mple.org]"), "2:11", ["not a domain name"]),
    ("domain-twice", GOOD.replace("[example.org]", "[example.org, example.org]"), "2:24", ["twice"]),
    ("bad-account-name", GOOD.replace("ben:", "Ben!:"), "5:3", ["cannot be an account's name"]),
    ("address-not-ours", GOOD.replace("mum@example.org", "mum@example.net"), "4:41", ["not in any of the domains"]),
    ("address-twice", GOOD.replace("[ben@", "[anna@"), "5:22", ["belongs to two accounts"]),
    ("alias-to-nobody", GOOD.replace("[anna, ben]", "[anna, zoe]"), "7:3", ["leads to", "zoe"]),
    ("address-twice-by-default", GOOD.replace("mum@", "ben@").replace("{ addresses: [ben@example.org] }", "{}"),
     "5:3", ["belongs to two accounts, anna and ben"]),
    ("alias-not-ours", GOOD + "  family@example.net: [anna, ben]\n", "8:3", ["family@example.net", "not in any of the domains"]),
    ("numeric-hostname", GOOD.replace("mail.example.org", "127.0.0.1"), "1:11", ["expected a full name"]),
    ("numeric-domain", GOOD.replace("[example.org]", "5"), "2:10", ['"5" is not a domain name']),
    ("key-nothing-like-any", GOOD + "tls: { x: y }\n", "8:8", ["unknown key", "known here: certificate, key"]),
    ("short-key-near", GOOD + "tsl: {}\n", "8:1", ['did you mean "tls"']),
    ("quota-unit", GOOD + "quota: 50MB\n", "8:8", ["500M or 2G, or none", '"50MB"']),
    ("listen-name", GOOD + "listen: { imap: [localhost:12025] }\n", "8:18", ["not a numeric address"]),
    ("listen-twice", GOOD + "listen:\n  imap: 12143\n  pop3: [127.0.0.1:12143]\n", "10:10", ["listen.imap", "already"]),
    ("listen-default-twice", GOOD + "listen:\n  imap: 25\n", "9:9", ["listen.smtp", "by default"]),
    ("key-twice", GOOD + "domains: [example.org]\n", "8:1", ["twice", "line 2"]),
    ("admin-unknown", GOOD + "admin: zoe\n", "8:8", ["no account"]),
    ("bad-port", GOOD + "listen: { imap: [70000] }\n", "8:18", ["expected a port"]),
    ("bad-bool", GOOD + "sandbox: perhaps\n", "8:10", ["on or off"]),
    ("relative-path", GOOD + "data: var\n", "8:7", ["absolute path"]),
    ("tls-half", GOOD + "tls: { certificate: /x }\n", "8:6", ["go together"]),
    ("acme-directory", GOOD + "tls: { acme: { directory: http://ca.example/dir } }\n", "8:27", ["https address"]),
    ("acme-email", GOOD + "tls: { acme: { email: anna } }\n", "8:23", ['"anna" is not an address']),
    ("acme-email-list", GOOD + "tls: { acme: { email: 'anna@example.org,ben@example.org' } }\n", "8:23", ["not an address"]),
    ("acme-eab-half", GOOD + "tls: { acme: { eab: { id: x } } }\n", "8:21", ["go together"]),
    ("acme-key", GOOD + "tls: { acme: { key: rsa } }\n", "8:21", ["keep or new"]),
    ("acme-word", GOOD + "tls: { acme: perhaps }\n", "8:14", ["on or off"]),
    ("acme-unknown", GOOD + "tls: { acme: { directroy: x } }\n", "8:16", ['did you mean "directory"']),
    ("acme-and-files", GOOD + "tls: { acme: on, certificate: /c, key: /k }\n", "8:6", ["exclude each other"]),
    ("limit-range", GOOD + "limits: { recipients: 5 }\n", "8:23", ["number from 100"]),
    ("no-map", GOOD + "limits: 5\n", "8:9", ["expected a map"]),
    ("yaml-broken", "hostname: [\n", "2:1", ["YAML"]),
    ("yaml-bomb", "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "1:4", ["anchors and aliases"]),
    ("empty", "", "1:1", ["empty"]),
    ("tab", "hostname:\tmail.example.org\n\tdomains: x\n", "2:1", ["YAML", "with spaces, not tabs"]),
    ("nul", "hostname: \"mail\\0.example.org\"\n", "1:11", ["NUL"]),
]


def run(config, *words, **kw):
    return subprocess.run([BINARY, "-c", config, *words], capture_output=True, text=True, timeout=300, **kw)


def errors(h):
    path = os.path.join(h.dir, "bad.yaml")
    for name, text, place, words in BAD:
        with open(path, "w") as f:
            f.write(text)
        r = run(path, "check")
        ok = r.returncode == 78 and all(w in r.stderr for w in words)
        if place:
            ok = ok and f"{path}:{place}: " in r.stderr
        verdict(ok, f"error-{name}", f"{r.returncode} {r.stderr}")
    with open(path, "w") as f:
        f.write(GOOD.replace("[example.org]", "5"))
    verdict(len(run(path, "check").stderr.splitlines()) == 1, "one-error-for-one-mistake", run(path, "check").stderr)
    for listen in ("{ imap: [127.0.0.1:12143], pop3: [127.0.0.2:12143, '[::1]:12143'] }", "{ imap: 0, pop3: 0 }",
                   "{ imap: [12143, 12143] }", "{ smtp: [], imap: 25 }"):
        with open(path, "w") as f:
            f.write(GOOD + f"data: {h.dir}/none\nlisten: {listen}\n")
        r = run(path, "check")
        verdict(r.returncode == 0, f"listen-{listen}", r.stderr)
    with open(path, "w") as f:
        f.write("x" * (2 << 20))
    verdict(run(path, "check").returncode == 78, "error-too-large")
    verdict(run("/nonexistent.yaml", "check").returncode == 78, "error-no-file")
    verdict(run("/nonexistent.yaml", "run").returncode == 78, "run-no-file")


def usage(h):
    for words, code in ((["nonsense"], 2), ([], 2), (["check", "x"], 2), (["passwd"], 2), (["run", "-x"], 2),
                        (["account", "lst"], 2)):
        r = run(h.config, *words)
        verdict(r.returncode == code and r.stderr, f"usage-{'-'.join(words) or 'none'}", r)
    r = subprocess.run([BINARY, "--help"], capture_output=True, text=True)
    verdict(r.returncode == 0 and "passwd" in r.stdout, "help")
    for words, code, said in ((["stats"], 2, 'did you mean "status"?'), (["frobnicate"], 2, "hearthmail help"),
                              (["help", "foo"], 2, 'no command "foo"'), (["help", "quue"], 2, '"queue"'),
                              (["status", "-c", h.config], 2, "put -c FILE before the command"),
                              (["queue", "-h"], 0, "queue list"), (["queue", "list", "--help"], 0, "queue list")):
        r = run(h.config, *words)
        verdict(r.returncode == code and said in r.stdout + r.stderr, "says-" + "-".join(words[:2]), r)
    shown = {"export": "--folder --format maildir --as-of --password-file --fingerprint --into --again",
             "import": "--format --folder --into --password-file --fingerprint --again",
             "undelete": "--since --from --folder --subject --message --to --list --json",
             "purge": "--since --from --folder --subject --message --all-expunged --list --json",
             "queue": "--json --account --domain --bounce --all"}
    for name, options in shown.items():
        text = run(h.config, name, "--help").stdout
        verdict(not [o for o in options.split() if o not in text], f"help-has-the-options-of-{name}", text)
    for words, code, said in ((["passwd", "nobody"], 1, 'no account "nobody"'), (["undelete", "anna"], 2, "--list shows them"),
                              (["purge", "anna"], 2, "--all-expunged"), (["queue", "show", "x@y"], 2, '"x@y" is not an ID'),
                              (["queue", "list", "--account", "nobody"], 1, 'no account "nobody"'),
                              (["export", "nobody", f"{h.dir}/out"], 1, 'no account "nobody"'),
                              (["app-password", "nobody"], 1, 'no account "nobody"'), (["fsck", "nobody"], 1, '"nobody"'),
                              (["undelete", "nobody", "--list"], 1, "no such account"),
                              (["debug", "level", "info", "nobody"], 1, "no such process"),
                              (["debug", "dump", f"{h.dir}/nothing"], 1, "No such file"),
                              (["restore", f"{h.dir}/nothing"], 1, f"{h.dir}/nothing"),
                              (["backup", f"{h.dir}/nothing", "--verify"], 1, f"{h.dir}/nothing"),
                              (["backup", f"{h.dir}/nothing/deeper"], 1, "No such file"),
                              (["import", "anna", f"{h.dir}/nothing"], 1, "No such file")):
        r = run(h.config, *words, stdin=subprocess.DEVNULL)
        verdict(r.returncode == code and said in r.stderr and not r.stdout, "names-what-is-not-there-" + "-".join(words[:2]), r)
    r = subprocess.run([BINARY, "-c"], capture_output=True, text=True)
    verdict(r.returncode == 2 and "-c needs a file" in r.stderr, "c-without-a-file", r)
    verdict(subprocess.run([BINARY, "-V"], capture_output=True, text=True).stdout.startswith("hearthmail "),
            "version")


def machine(h):
    """What the parser cannot see and run would refuse is an error with its place; the rest a warning."""
    garbage, missing = os.path.join(h.dir, "garbage"), os.path.join(h.dir, "missing")
    with open(garbage, "w") as f:
        f.write("garbage\n")
    path = os.path.join(h.dir, "machine.yaml")
    whole = h.yaml() + "#\n"
    line = len(whole.splitlines()) + 1
    for name, text, column, words in (
            ("tls-missing", f"tls: {{ certificate: {missing}, key: {missing} }}", 21, [missing, "No such file"]),
            ("tls-garbage", f"tls: {{ certificate: {garbage}, key: {garbage} }}", 21, [garbage]),
            ("hints-missing", f"dns: {{ root_hints: {missing} }}", 20, [missing, "No such file"]),
            ("anchor-garbage", f"dns: {{ trust_anchor: {garbage} }}", 22, [garbage]),
            ("foreign-address", "listen: { imap: [192.0.2.1:12143] }", 18, ["this machine does not have"])):
        base = whole
        if "listen" in text:
            base = re.sub(r"listen:\n(  .*\n)*", "", whole)
        with open(path, "w") as f:
            f.write(base + text + "\n")
        r = run(path, "check")
        at = f"{path}:{len(base.splitlines()) + 1}:{column}: "
        verdict(r.returncode == 78 and at in r.stderr and "is fine" not in r.stdout and all(w in r.stderr for w in words),
                f"check-refuses-{name}", (r.returncode, r.stdout, r.stderr))
        h.write_config(base + text + "\n")
        r = h.command("reload")
        verdict(r.returncode == 1 and f"{h.config}:{len(base.splitlines()) + 1}:{column}: " in r.stderr,
                f"reload-refuses-{name}", r)
    with open(path, "w") as f:
        f.write(whole.replace(f"data: {h.data}", f"data: {garbage}"))
    r = run(path, "check")
    verdict(r.returncode == 78 and f"{path}:{whole[:whole.index('data: ')].count(chr(10)) + 1}:7: " in r.stderr,
            "check-refuses-data-that-is-a-file", r)
    for name, folder, words in (("file", f"{garbage}", "is a file"), ("below-a-file", f"{garbage}/y", "is a file"),
                                ("no-parent", f"{missing}/y", "is the disk mounted"),
                                ("in-data", f"{h.data}/backup", "inside the data folder")):
        with open(path, "w") as f:
            f.write(whole + f"backup: {{ folder: {folder} }}\n")
        r = run(path, "check")
        verdict(r.returncode == 0 and f"WARNING: {path}:{line}:19: " in r.stdout and words in r.stdout,
                f"check-warns-of-backup-folder-{name}", r)
    h.write_config(whole + f"relay: {{ host: smtp.example.net, user: me, password_file: {missing} }}\n")
    r = h.command("reload")
    verdict(r.returncode == 0 and "WARNING: " in r.stdout and "mail for smtp.example.net will wait" in r.stdout,
            "reload-says-that-mail-will-wait", r)
    h.write_config(whole + "outbound: { source: [127.0.0.1, 192.0.2.77] }\n")
    r = h.command("reload")
    verdict(r.returncode == 78 and "at most one IPv4" in r.stderr, "reload-refuses-two-sources", r)
    h.write_config(whole + "outbound: { ipv6: off, source: 192.0.2.77 }\n")
    r = h.command("reload")
    verdict(r.returncode == 0 and "WARNING: " in r.stdout and "192.0.2.77 is not an address of this machine" in r.stdout,
            "reload-says-that-the-source-is-not-there", r)
    r = h.command("check")
    verdict("over IPv4 only" in r.stdout and "from 192.0.2.77" in r.stdout and
            "WARNING: outbound.source: 192.0.2.77 is not an address" in r.stdout, "check-says-where-mail-comes-from", r)
    h.write_config(whole.replace(f"data: {h.data}", f"data: {h.data}-2"))
    r = h.command("reload")
    verdict(r.returncode == 1 and "restart the server" in r.stderr, "reload-of-other-data-takes-a-restart", r)
    with socket.socket() as s:
        s.bind(("127.0.0.1", free_ports(1)[0]))
        s.listen()
        h.write_config(whole.replace(f"127.0.0.1:{h.port['pop3s']}", "127.0.0.1:%d" % s.getsockname()[1]))
        r = h.command("reload")
        verdict(r.returncode == 1 and "another program uses this port" in r.stderr and
                r.stderr.rstrip().endswith("then restart it"), "reload-says-all-of-it", r)
    h.write_config()
    verdict(h.command("reload").returncode == 0, "and-is-well-again")


def stranger(h):
    """Another user is told that it is not theirs, not that no server runs."""
    if os.geteuid() != 0:
        return
    for words in (["status"], ["reload"], ["queue", "list"], ["undelete", "anna", "--list"]):
        r = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", BINARY, "-c", h.config,
                            *words], capture_output=True, text=True, timeout=300)
        verdict(r.returncode == 1 and "uid 65534" in r.stderr and "no server is running" not in r.stderr,
                f"not-yours-{words[0]}", r)


def check(h):
    r = h.command("check")
    for words in ("anna@home.test", "ben", "imaps", "self-signed", "until:", "postmaster@home.test"):
        verdict(words in r.stdout, f"check-says-{words}", r.stdout)
    verdict(r.returncode == 0, "check-code", r)
    verdict("directly to the recipients' mail hosts" in r.stdout, "check-outside-directly", r.stdout)
    whole = h.yaml()
    h.write_config(whole + "relay: { host: smtp.example.net, user: me, password_file: /nonexistent }\n")
    r = h.command("check")
    verdict("by way of smtp.example.net:587 (TLS, its certificate is checked, as me)" in r.stdout and
            "WARNING: " in r.stdout and "mail for smtp.example.net will wait" in r.stdout,
            "check-smarthost", r.stdout)
    verdict("dmarc reject: " in r.stdout and "ARC" not in r.stdout, "check-inbound-default", r.stdout)
    for policy in ("reject", "junk", "note", "off"):
        h.write_config(whole + f"inbound: {{ dmarc: {policy}, trust_arc: [lists.example.org, fwd.example.net] }}\n")
        said = h.command("check").stdout
        verdict(f"\n  dmarc {policy}: " in said and
                f"trusts the ARC seals of lists.example.org fwd.example.net{' (not used' if policy == 'off' else chr(10)}" in said,
                f"check-inbound-{policy}", said)
    own = "domains: [home.test: { inbound: { dmarc: note, lists: [club@lists.example.org] } }]\n"
    h.write_config(re.sub(r"domains: .*\n", own, whole))
    said = h.command("check").stdout
    verdict("\n  dmarc reject: " in said and "\n  for home.test: dmarc note: " in said and
            "\n  knows the mailing list club@lists.example.org\n" in said, "check-inbound-of-a-domain", said)
    h.write_config(re.sub(r"  imaps: .*\n", "  imaps: []\n", whole) + "aliases: { postmaster@home.test: [ben] }\n"
                   "history: { keep: 36h, size: 64M, subjects: off }\ndkim: { rotate: 90d }\nreports: { send: off }\n")
    said = h.command("check").stdout
    verdict(re.search(r"\n  postmaster@home\.test +ben  \(alias\)\n", said) and "\n  abuse@home.test: anna\n" in said and
            said.count("postmaster@home.test") == 1, "check-postmaster-is-an-alias", said)
    verdict(re.search(r"\n  imaps +off\n", said) and re.search(r"\n  imap +\S+:\d+\n", said), "check-service-that-is-off", said)
    verdict("\n  history: of the last 36 hours, at most 64M, without subjects\n  DKIM keys: changed every 90 days\n"
            "  reports to other domains: not sent\n" in said, "check-habits", said)
    h.write_config(whole)
    os.makedirs(os.path.join(h.data, "accounts/zoe"), exist_ok=True)
    r = h.command("check")
    verdict("zoe has mail but no account" in r.stdout, "check-folder-without-account", r.stdout)
    os.rmdir(os.path.join(h.data, "accounts/zoe"))
    text = h.yaml().replace("accounts:\n", "accounts:\n  carl: {}\n")
    h.write_config(text)
    r = h.command("check")
    verdict("carl has no password" in r.stdout, "check-account-without-password", r.stdout)
    h.write_config()


def second_server(h):
    r = h.command("run", timeout=300)
    verdict(r.returncode == 1 and "another hearthmail" in r.stderr, "second-server-on-the-same-folder", r.stderr)


def port_in_use():
    h = House(passwords=False)
    s = socket.socket()
    s.bind(("127.0.0.1", h.port["imap"]))
    s.listen()
    try:
        r = h.command("run", timeout=300)
        verdict(r.returncode == 1 and "listen.imap" in r.stderr and "another program uses this port" in r.stderr,
                "port-in-use", r.stderr)
    finally:
        s.close()
        h.__exit__(None, None, None)


def served(h, service="imaps"):
    """The certificate that a client is shown; None: the port is closed."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", h.port[service]), timeout=300)
    except ConnectionRefusedError:
        return None


def wrong_key():
    """Port 25 serves whatever has become of the certificate; mail programs see the last good one, or a
    closed port, and never one that they would warn of.  All is well again when the files are."""
    h = House(passwords=False)
    key, cert = f"{h.dir}/key.pem", f"{h.dir}/cert.pem"
    try:
        for n in ("a", "b"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                            "-nodes", "-keyout", f"{h.dir}/{n}.key", "-out", f"{h.dir}/{n}.pem", "-days", "30",
                            "-subj", "/CN=mail.home.test"], capture_output=True, check=True)
        with open(f"{h.dir}/a.pem") as f:
            ours = f.read()
        h.extra = f"tls: {{ certificate: {cert}, key: {key} }}\n"
        h.write_config()
        shutil.copy(f"{h.dir}/a.pem", cert)
        shutil.copy(f"{h.dir}/b.key", key)
        r = h.command("check")
        verdict(r.returncode == 78 and "does not belong" in r.stderr, "check-certificate-that-does-not-fit", r)
        h.start()
        with smtplib.SMTP("127.0.0.1", h.port["smtp"], timeout=300) as s:
            verdict(s.starttls(context=ssl._create_unverified_context())[0] == 220 and s.noop()[0] == 250, "port-25-serves-without-certificate")
        verdict([served(h, x) for x in ("imaps", "pop3s", "submissions", "imap", "pop3", "submission")] == [None] * 6,
                "ports-of-mail-programs-are-closed")
        r = h.command("status")
        verdict(r.returncode == 1 and "CANNOT BE USED" in r.stdout and "does not belong" in r.stdout and
                "imap, pop3 and submission do not" in r.stdout, "status-says-why", r)
        verdict(h.logged(r"tls\.unusable .*does not belong"), "log-says-why")
        r = h.command("reload")
        verdict(r.returncode == 1 and "does not belong" in r.stderr, "reload-still-refuses", r)
        shutil.copy(f"{h.dir}/a.key", key)
        r = h.command("check")
        verdict("names: none" in r.stdout and "mail programs will refuse it" in r.stdout and
                "subjectAltName" in r.stdout and "mail.home.test there" in r.stdout, "check-certificate-with-a-cn-only", r)
        verdict(wait_until(lambda: served(h) == ours) and served(h, "submissions") == ours and
                wait_until(lambda: "CANNOT" not in h.command("status").stdout), "certificate-heals-by-itself")
        kept = os.path.join(h.data, "tls", "last-good.pem")
        verdict(os.stat(kept).st_mode & 0o777 == 0o600, "last-good-is-for-root-alone")
        os.remove(cert)
        verdict(wait_until(lambda: "cert.pem" in h.command("status").stdout), "status-of-one-that-goes-while-it-runs")
        h.restart()
        verdict(served(h) == ours and served(h, "pop3s") == ours, "last-good-one-serves")
        r = h.command("status")
        verdict(r.returncode == 1 and "cert.pem" in r.stdout and "the last good one is used" in r.stdout,
                "status-of-the-last-good-one", r)
        shutil.copy(f"{h.dir}/b.pem", cert)
        shutil.copy(f"{h.dir}/b.key", key)
        verdict(wait_until(lambda: served(h) not in (None, ours)), "the-new-one-is-taken-up")
        h.stop()
        # One that is broken, and one that was kept and is broken.
        for path in (cert, kept):
            with open(path, "w") as f:
                f.write("garbage\n")
        h.start()
        verdict(served(h) is None and served(h, "submission") is None, "no-last-good-one-no-mail-programs")
        with smtplib.SMTP("127.0.0.1", h.port["smtp"], timeout=300) as s:
            verdict(s.noop()[0] == 250, "port-25-serves-all-the-same")
    finally:
        shutil.copy(f"{h.dir}/a.pem", cert)
        shutil.copy(f"{h.dir}/a.key", key)
        h.__exit__(None, None, None)


class Confined(House):
    """A server that does not see the folder `secret` and may not write `bk`, as its unit says."""

    def prefix(self):
        return [*super().prefix(), "unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-ec",
                'mount -t tmpfs none "$0/secret"; mount --bind "$0/bk" "$0/bk"; mount -o remount,bind,ro "$0/bk"; exec "$@"',
                self.dir]

    def command(self, *words, **more):
        """From a shell: sees all."""
        return subprocess.run([BINARY, "-c", self.config, *words], capture_output=True, text=True, env=self.env, **more)


def unseen():
    """What a shell sees and the service does not."""
    h = Confined(passwords=False)
    h.env["HEARTHMAIL_TEST_UNITS"] = h.dir
    units = os.path.join(h.dir, "etc/systemd/system")
    secret, bk = os.path.join(h.dir, "secret"), os.path.join(h.dir, "bk")
    for d in (f"{units}/hearthmail.service.d", secret, bk):
        os.makedirs(d)
    with open(f"{units}/hearthmail.service", "w") as f:
        f.write(f"[Service]\nProtectSystem=strict\nReadWritePaths={h.dir}/data /x\n")
    with open(f"{units}/hearthmail.service.d/a.conf", "w") as f:
        f.write(f"[Service]\nInaccessiblePaths={secret}\n")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", f"{secret}/key", "-out", f"{secret}/cert", "-days", "30", "-subj", "/CN=mail.home.test"],
                   capture_output=True, check=True)
    os.chmod(f"{secret}/key", 0o600)
    with open(f"{secret}/pw", "w") as f:
        f.write("secret\n")
    tls = f"tls: {{ certificate: {secret}/cert, key: {secret}/key }}\n"
    rest = f"relay: {{ host: smtp.example.net, user: me, password_file: {secret}/pw }}\nbackup: {{ folder: {bk} }}\n"
    hides, forbids = "InaccessiblePaths in hearthmail.service hides it", "the service may not write there"
    try:
        whole = h.yaml()
        h.write_config(whole + tls + rest)
        r = h.command("check")
        verdict(r.returncode == 0 and f"tls.certificate: {secret}/cert: {hides}" in r.stdout and
                f"relay.password_file: {secret}/pw: {hides}" in r.stdout and f"backup.folder: {bk}: {forbids}" in r.stdout and
                "hearthmail-configure" in r.stdout, "check-judges-by-the-unit", r)
        r = h.command("check", "--here")
        verdict(r.returncode == 0 and "hearthmail.service" not in r.stdout, "check-here", r)
        r = h.command("check", "--paths")
        verdict(r.stdout.splitlines() == [f"data {h.data}", f"tls.certificate {secret}/cert", f"tls.key {secret}/key",
                                          f"backup.folder {bk}", f"relay.password_file {secret}/pw"], "check-paths", r)
        h.write_config(whole.replace(h.data, f"{bk}/mail"))
        r = h.command("check")
        verdict(r.returncode == 78 and f"data: {bk}/mail: {forbids}" in r.stderr and "hearthmail-configure" in r.stderr,
                "check-refuses-data-that-the-unit-forbids", r)
        r = subprocess.run([*h.prefix(), BINARY, "-c", h.config, "run"], capture_output=True, text=True, env=h.env,
                           timeout=300)
        verdict(r.returncode == 1 and "Read-only file system" in r.stderr and forbids in r.stderr and
                "hearthmail-configure" in r.stderr, "data-by-hand-names-the-remedy", r)
        # The server that runs answers for itself.
        h.write_config(whole)
        h.start()
        h.write_config(whole + tls)
        at = f"{h.config}:{len(whole.splitlines()) + 1}:"
        r = h.command("check")
        verdict(r.returncode == 78 and at in r.stderr and f"{secret}/cert: No such file" in r.stderr and hides in r.stderr,
                "check-asks-the-server", r)
        r = h.command("reload")
        verdict(r.returncode == 1 and at in r.stderr and "No such file" in r.stderr and hides in r.stderr,
                "reload-says-what-hides-it", r)
        h.write_config(whole + rest)
        for command in ("check", "reload"):
            r = h.command(command)
            verdict(r.returncode == 0 and f"relay.password_file: {secret}/pw: No such file" in r.stdout and
                    hides in r.stdout and f"backup.folder: {bk}: Read-only file system; {forbids}" in r.stdout,
                    f"{command}-warns-of-what-the-server-does-not-see", r)
        os.chmod(h.config, 0o666)
        verdict(f"others can change {h.config}" in h.command("reload").stdout, "reload-warns-of-modes")
        h.restart()
        verdict(h.logged(r"files\.open .*others can change"), "run-warns-of-modes")
        os.chmod(h.config, 0o644)
    finally:
        h.write_config(h.yaml())
        h.__exit__(None, None, None)


def drop_in():
    """hearthmail-configure has the unit allow what the configuration names, and no more."""
    h = House(passwords=False)
    os.makedirs(f"{h.dir}/sbin")
    os.makedirs(f"{h.dir}/bin")
    os.makedirs(f"{h.dir}/mnt")
    os.symlink(os.path.abspath(BINARY), f"{h.dir}/bin/hearthmail")
    shutil.copy(os.path.join(TOP, "etc/hearthmail-configure"), f"{h.dir}/sbin/")
    path = os.path.join(h.dir, "etc/systemd/system/hearthmail.service.d/data.conf")
    env = dict(os.environ, HEARTHMAIL_TEST_CONFIG=h.config, HEARTHMAIL_TEST_UNITS=h.dir)
    usual = h.yaml().replace(f"data: {h.data}", "data: /var/lib/hearthmail")

    def configure(text):
        h.write_config(text)
        said = None
        for _ in range(2):  # the second time nothing changes
            r = subprocess.run(["sh", f"{h.dir}/sbin/hearthmail-configure", "--drop-in-only"], env=env,
                               capture_output=True, text=True, timeout=300)
            now = None
            if os.path.exists(path):
                with open(path) as f:
                    now = f.read().splitlines()[1:]
            if r.returncode != 0 or said not in (None, now):
                return r
            said = now
        return said
    bk = f"{h.dir}/mnt/bk"
    for name, text, want in (
            ("usual", usual, None),
            ("data", h.yaml(), ["[Unit]", f"RequiresMountsFor={h.data}", "[Service]", f"ReadWritePaths={h.data}"]),
            ("backup", usual + f"backup: {{ folder: {bk} }}\n", ["[Service]", f"ReadWritePaths=-{bk}"]),
            ("certificate", usual + "tls: { certificate: /root/.acme.sh/x/a.pem, key: /root/.acme.sh/x/a.key }\n",
             ["[Service]", "BindReadOnlyPaths=-/root/.acme.sh/x", "ProtectHome=tmpfs"]),
            ("password", usual + "relay: { host: smtp.example.net, user: me, password_file: /root/relay.pw }\n",
             ["[Service]", "BindReadOnlyPaths=-/root/relay.pw", "ProtectHome=tmpfs"]),
            ("password-of-a-user", usual + "relay: { host: smtp.example.net, user: me, password_file: /home/ben/pw }\n",
             ["[Service]", "BindReadOnlyPaths=-/home/ben/pw", "ProtectHome=tmpfs"]),
            ("plain-files", usual + "tls: { certificate: /etc/x/a.pem, key: /etc/x/a.key }\n", None),
            ("usual-again", usual, None)):
        got = configure(text)
        verdict(got == want, f"drop-in-for-{name}", got)
    verdict(os.path.isdir(bk), "backup-folder-is-there-for-the-unit")
    # And check, which reads the unit with it, is content.
    units = os.path.dirname(os.path.dirname(path))
    shutil.copy(os.path.join(TOP, "etc/hearthmail.service.in"), f"{units}/hearthmail.service")
    with open(f"{units}/hearthmail.service", "a") as f:
        f.write("[Service]\nPrivateTmp=no\n")
    h.write_config(h.yaml() + f"backup: {{ folder: {bk} }}\n")
    before = subprocess.run([BINARY, "-c", h.config, "check"], env=env, capture_output=True, text=True)
    configure(h.yaml() + f"backup: {{ folder: {bk} }}\n")
    r = subprocess.run([BINARY, "-c", h.config, "check"], env=env, capture_output=True, text=True)
    verdict(before.returncode == 78 and "hearthmail-configure" in before.stderr and r.returncode == 0 and
            "hearthmail.service" not in r.stdout, "check-is-content-with-the-drop-in", (before, r))
    h.write_config(h.yaml())
    h.__exit__(None, None, None)


def read_only():
    h = House(passwords=False)
    h.extra = ""
    text = h.yaml().replace(h.data, "/proc/hearthmail")
    h.write_config(text)
    r = h.command("run", timeout=300)
    verdict(r.returncode == 1 and "cannot make the folder /proc/hearthmail" in r.stderr, "read-only-folder", r.stderr)
    h.__exit__(None, None, None)


def addresses(h):
    """Aliases, detail, catch-all, postmaster."""
    import smtplib
    text = h.yaml() + "aliases: { family@home.test: [anna, ben], all@home.test: family@home.test }\ncatch_all: ben\n"
    h.write_config(text)
    verdict(h.command("reload").returncode == 0, "reload")
    for to, who in (("anna@home.test", {"anna"}), ("Anna+shop@HOME.test", {"anna"}), ("family@home.test", {"anna", "ben"}),
                    ("all@home.test", {"anna", "ben"}), ("postmaster@home.test", {"anna"}), ("postmaster", {"anna"}),
                    ("abuse@home.test", {"anna"}), ("whoever@home.test", {"ben"}), ('"anna"@home.test', {"anna"})):
        before = {u: h.count(u) for u in h.users}
        s = h.smtp()
        s.mail("x@example.test")
        code, text = s.docmd(f"RCPT TO:<{to}>")
        if code == 250:
            s.data("Subject: x\r\n\r\nx\r\n")
        s.quit()
        got = {u for u in h.users if h.count(u) > before[u]}
        verdict(got == who, f"address-{to}", (code, text, got))
    s = h.smtp()
    s.mail("x@example.test")
    code, text = s.docmd("RCPT TO:<x@example.org>")
    verdict(code == 550 and b"5.7.1" in text, "no-relaying", text)
    s.quit()
    h.write_config()
    h.command("reload")
    s = h.smtp()
    s.mail("x@example.test")
    code, text = s.docmd("RCPT TO:<whoever@home.test>")
    verdict(code == 550 and b"5.1.1" in text, "unknown-recipient", text)
    s.quit()


def demo():
    import shutil
    import signal
    import tempfile
    d = tempfile.mkdtemp(prefix="hearthmail-test.")
    try:
        for turn in ("first", "second"):
            start = time.monotonic()
            p = subprocess.Popen([BINARY, "try", "--dir", d], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 text=True, stdin=subprocess.DEVNULL)
            env = os.path.join(d, "try.env")
            ok = wait_until(lambda: os.path.exists(env), 10)
            took = time.monotonic() - start
            verdict(ok, f"try-{turn}-start")
            if turn == "second":
                verdict(took < wide(1.0), "try-second-start-in-a-second", took)
            e = dict(l.strip().split("=", 1) for l in open(env))
            verdict(set(e) == {"HOST", "SMTP_PORT", "SUBMISSION_PORT", "SUBMISSIONS_PORT", "IMAP_PORT", "IMAPS_PORT",
                               "POP3_PORT", "POP3S_PORT", "SIEVE_PORT", "HTTP_PORT", "HTTPS_PORT", "USER1", "PASS1", "USER2", "PASS2", "CERT", "CONFIG"},
                    f"try-{turn}-env", e)
            second = subprocess.run([BINARY, "try", "--dir", d], capture_output=True, text=True, timeout=300)
            verdict(second.returncode == 1 and f"already running in {d}" in second.stderr and not second.stdout
                    and dict(l.strip().split("=", 1) for l in open(env)) == e, f"try-{turn}-beside-another", second)
            p.send_signal(signal.SIGINT)
            out, _ = p.communicate(timeout=300)
            verdict(p.returncode == 0 and not os.path.exists(env), f"try-{turn}-stops", p.returncode)
            lines = [l for l in out.splitlines() if l.strip().startswith(("printf", "curl"))]
            verdict(len(lines) == 2 and len(out.splitlines()) < 26, f"try-{turn}-screen", out)
        for words, said in ((["--relay", "192.0.2.1:25"], "--relay is for a new folder only"),
                            (["--relay", "192.0.2.1"], "HOST:PORT")):
            r = subprocess.run([BINARY, "try", "--dir", d, *words], capture_output=True, text=True, timeout=300)
            verdict(r.returncode == 2 and said in r.stderr, "try-usage " + " ".join(words), r)
        verdict("  Mail to other domains is refused (--relay HOST:PORT with a new --dir" in out, "try-says-that-it-refuses", out)
        # With a relay it says so.
        p = subprocess.Popen([BINARY, "try", "--dir", d + "/relay", "--relay", "192.0.2.1:2500"], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, stdin=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(d + "/relay/try.env"))
        p.send_signal(signal.SIGINT)
        relayed, _ = p.communicate(timeout=300)
        verdict("  Mail to other domains goes to 192.0.2.1:2500.  Ctrl-C" in relayed, "try-says-where-it-sends", relayed)
        # The commands work as printed.
        p = subprocess.Popen([BINARY, "try", "--dir", d], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True, stdin=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(env), 10)
        sent = subprocess.run(["sh", "-c", lines[0]], capture_output=True, text=True, timeout=300)
        verdict(sent.returncode == 0, "try-printed-send-works", sent.stderr)
        read = subprocess.run(["sh", "-c", lines[1]], capture_output=True, text=True, timeout=300)
        verdict("Hello anna!" in read.stdout, "try-printed-read-works", read.stdout + read.stderr)
        welcome = subprocess.run(["sh", "-c", lines[1].replace("MAILINDEX=*", "MAILINDEX=1")], capture_output=True,
                                 text=True, timeout=300)
        verdict("Welcome home" in welcome.stdout, "try-welcome-mail-is-kept", welcome.stdout)
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=300)
    finally:
        shutil.rmtree(d, ignore_errors=True)


def debugging():
    """Levels, traces without passwords, files in words."""
    with House() as h:
        r = h.command("debug", "level", "debug", "imap")
        verdict(r.returncode == 0 and r.stdout == "1 process logs by the new level\n", "debug-level", r)
        r = h.command("debug", "level", "debug", "nobody")
        verdict(r.returncode == 1 and "no such process" in r.stderr, "debug-level-nobody", r)
        r = h.command("debug", "level", "loud")
        verdict(r.returncode == 2 and "is not a level" in r.stderr, "debug-level-unknown", r)
        for what in ("127.0.0.1", "anna"):
            r = h.command("debug", "trace", what, "--for", "5m")
            verdict(r.returncode == 0, f"debug-trace-{what}", r)
            h.deliver(subject="traced")
            s = h.submit("ben")
            s.sendmail("ben@home.test", ["anna@home.test"], "From: ben@home.test\r\n\r\nhi\r\n")
            s.quit()
            m = h.imap("anna")
            m.select()
            m.fetch("1", "(BODY[])")
            m.logout()
        verdict(h.logged(r"trace peer=\S+ side=in text=\"mail FROM") and
                h.logged(r"trace account=anna .*side=in text=\"[^\"]*FETCH 1 ") and
                h.logged(r"trace .*side=out text=\"\* 1 FETCH"), "debug-trace-shows-both", h.log()[-1500:])
        from base64 import b64encode
        secret = b64encode(b"\0ben\0correct horse battery").decode()
        verdict("correct horse" not in h.log() and secret not in h.log() and
                h.logged(r'text="AUTH \S+ \*\*\*"'), "debug-trace-masks", [l for l in h.log().splitlines() if "AUTH" in l])
        for what in ("nobody", "ann", "anna@home.test", ""):
            r = h.command("debug", "trace", what)
            verdict(r.returncode == 1 and f'no account "{what}"' in r.stderr, f"debug-trace-of-nobody-{what}", r)
        for what in ("2001:db8::1", "mx.example.net"):
            verdict(h.command("debug", "trace", what).returncode == 0, f"debug-trace-{what}")
        verdict(h.command("debug", "trace", "anna").returncode == 0, "debug-trace-again")
        seen = h.log().count(" trace ")
        h.command("debug", "trace", "off")
        m = h.imap("anna")
        m.select()
        m.logout()
        verdict(h.log().count(" trace ") == seen, "debug-trace-off")
        folder = os.path.join(h.data, "accounts/anna")
        r = h.command("debug", "dump", os.path.join(folder, "log/000001"))
        verdict(r.returncode == 0 and " message " in r.stdout and " commit " in r.stdout and
                "DAMAGED" not in r.stdout, "debug-dump-segment", r)
        h.stop()
        for name in ("state", "log/000001.toc"):
            r = h.command("debug", "dump", os.path.join(folder, name))
            verdict(r.returncode == 0 and "epoch" in r.stdout and "DAMAGED" not in r.stdout, f"debug-dump-{name}", r)
        text = bytearray(open(os.path.join(folder, "log/000001"), "rb").read())
        text[5000] ^= 1
        with open(os.path.join(h.dir, "bad"), "wb") as f:
            f.write(text)
        r = h.command("debug", "dump", os.path.join(h.dir, "bad"))
        verdict(r.returncode == 0 and r.stdout.count("DAMAGED") == 1, "debug-dump-damaged", r)
        for path in ("/dev/null", "/etc/passwd", h.dir, "/nonexistent"):
            r = h.command("debug", "dump", path)
            verdict(r.returncode == 1 and r.stderr.startswith("hearthmail debug: "), f"debug-dump-{path}", r)


def open_files(h):
    """Who can write the configuration is root; a key that all can read is not a secret."""
    key = os.path.join(h.data, "tls/key.pem")
    verdict("others can change" not in h.command("check").stdout, "check-is-content-with-modes")
    os.chmod(h.config, 0o666)
    os.chmod(key, 0o644)
    said = h.command("check").stdout
    verdict(f"others can change {h.config}" in said and f"TLS key {key}" in said, "check-warns-of-modes", said)
    os.chmod(h.config, 0o644)
    os.chmod(key, 0o600)
    whole, secret = h.yaml(), os.path.join(h.dir, "secret")
    with open(secret, "w") as f:
        f.write("open sesame\n")
    relay = f"host: 127.0.0.1, port: 2525, tls: require, user: me, password_file: {secret}"
    h.write_config(whole + f"relay: {{ example.net: {{ {relay} }}, \"*\": {{ {relay} }} }}\n")
    for mode, words in ((0o644, "everybody can read the password file"), (0o660, "others can change the password file"), (0o640, None)):
        os.chmod(secret, mode)
        seen = len(h.log())
        for command in ("check", "reload"):
            said = h.command(command).stdout
            verdict(said.count(f"{words} {secret}: chmod") == 1 if words else secret + ": chmod" not in said,
                    f"{command}-password-file-{mode:o}", said)
        if words:
            verdict(h.logged(f"files.open text=.*{words}"), f"log-password-file-{mode:o}", h.log()[seen:])
    h.write_config(whole)
    h.command("reload")
    passwords = os.path.join(h.data, "auth/credentials")
    mode = os.stat(passwords).st_mode & 0o777
    os.chmod(passwords, 0o644)
    verdict(f"passwords in {passwords}" in h.command("check").stdout, "check-open-credentials")
    os.chmod(passwords, mode)
    # A folder in which others can write: they replace the file.
    folder = os.path.join(h.dir, "etc")
    os.mkdir(folder)
    shutil.copy(h.config, folder)
    os.symlink(os.path.join(folder, "hearthmail.yaml"), os.path.join(h.dir, "link.yaml"))
    for mode in (0o777, 0o755, 0o1777):
        os.chmod(folder, mode)
        for path, cwd in (("hearthmail.yaml", folder), ("./hearthmail.yaml", folder), ("etc/hearthmail.yaml", h.dir),
                          ("link.yaml", h.dir)):
            said = run(path, "check", cwd=cwd).stdout
            verdict((f"others can change {path}" in said) == (mode == 0o777), f"check-folder-{mode:o}-{path}", said)
    os.chown(folder, 65534, 65534)
    verdict("others can change" in run("hearthmail.yaml", "check", cwd=folder).stdout, "check-folder-of-another")
    os.chown(folder, 0, 0)
    os.chmod(folder, 0o755)
    os.makedirs(f"{folder}/above/below")
    shutil.copy(h.config, f"{folder}/above/below")
    os.chmod(f"{folder}/above", 0o777)
    said = run("hearthmail.yaml", "check", cwd=f"{folder}/above/below").stdout
    verdict(f"its folder {folder}/above is " in said, "check-a-folder-above", said)
    shutil.rmtree(folder)


def reloading(h):
    """What a reload replaces is replaced quietly: nothing in the log needs attention."""
    whole = h.yaml()
    seen = len(h.log())
    pids = {}
    for n, extra in enumerate(["relay: { host: 127.0.0.1, port: 2525, tls: off }\n",
                               "relay: { host: 127.0.0.1, port: 2526, tls: off }\noutbound: { source: 127.0.0.1 }\n",
                               "relay: off\n", "relay: { host: 127.0.0.1, port: 2527, tls: verify }\n", ""] * 3):
        h.write_config(whole.replace("mail.home.test", "mail2.home.test" if n % 2 else "mail.home.test") + extra)
        pids = {r: h.pids(r) for r in ("queue", "smtp", "imap")}
        r = h.command("reload")
        verdict(r.returncode == 0, f"reload-{n}", r)
        wait_until(lambda: all(set(h.pids(r)) - set(pids[r]) for r in pids) and h.pids("mx"))
    h.write_config(whole)
    verdict(h.command("reload").returncode == 0, "reload-back")
    h.deliver(subject="after many reloads")
    said = [l for l in h.log()[seen:].splitlines() if re.match(r"\S+ (warn|error) ", l) and " dns.down " not in l]
    verdict(not said, "reload-replaces-quietly", said)


def main():
    with House() as h:
        for part in (reloading, errors, usage, check, open_files, machine, stranger, second_server, addresses):
            try:
                part(h)
            except Exception as e:
                import traceback
                traceback.print_exc()
                verdict(False, part.__name__, repr(e))
    for part in (port_in_use, wrong_key, unseen, drop_in, read_only, demo, debugging):
        try:
            part()
        except Exception as e:
            import traceback
            traceback.print_exc()
            verdict(False, part.__name__, repr(e))
    finish()


if __name__ == "__main__":
    main()
