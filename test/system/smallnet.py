"""A small Internet for tests: hosts in network namespaces, a signed root, one
TLD, name servers, IPv4 and IPv6, real ports.

    with SmallNet(hosts=["mail-a", "mail-b"],
                  zones={"a.test": Zone(["@ MX 10 mail", "mail A {mail-a}",
                                         "mail AAAA {mail-a/6}"])}) as net:
        net.run("mail-a", ["ping", "-c1", net.ip["mail-b"]])
        with net.inside("mail-b"):       # sockets made here are mail-b's
            s = smtplib.SMTP(net.ip["mail-a"])

All names are unique to a run; everything is torn down at the end, also after
an exception, SIGTERM or SIGINT.  Needs root, iproute2, NSD and ldnsutils:
ask missing() first.

All hosts are on one wire and reach each other directly.  Besides those that
the test names there are: root, tld, hoster (name servers), resolver (answers
for every zone, signed; what /etc/resolv.conf of all hosts names), stripper (the
same without signatures).
"""
import contextlib
import ctypes
import ipaddress
import json
import os
import pwd
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time

from house import House, lacking, wait_until

TLD = "test"
SERVERS = ["root", "tld", "hoster", "resolver", "stripper"]
KEY_ALGORITHM = "ECDSAP256SHA256"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def missing():
    """What this machine lacks for a small Internet; empty: nothing.  A program that
    is not installed is a failure."""
    if os.geteuid() != 0:
        return "root"
    if lacking("small-internet", "ip", "nsd", "ldns-signzone", "ldns-keygen"):
        return "what is named above"
    probe = f"hmprobe{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode:
        return "network namespaces"
    subprocess.run(["ip", "netns", "del", probe], capture_output=True)
    return ""


class Zone:
    """Records without their zone, as in "@ MX 10 mail"; {HOST} becomes the
    IPv4 address of that host, {HOST/6} its IPv6 address, {HOST/r} the former in
    reverse, as block lists are asked.  kind:

    signed    with a DS in the TLD
    unsigned  without: insecure
    bogus     signed, and every record was changed behind the signature's back
    expired   signed until last year
    lame      delegated to a server that knows nothing of it
    dead      delegated to an address where nobody is
    servfail  delegated to a server that has lost its zone file

    ns names hosts of the test that are the zone's name servers, unsigned; what
    they serve, SmallNet.serve says.
    """

    def __init__(self, records=(), kind="signed", ns=()):
        self.records = list(records)
        self.kind = "own" if ns else kind
        self.ns = list(ns)


class SmallNet:
    def __init__(self, hosts=(), zones=None):
        self.id = f"hm{os.getpid()}x{int(time.monotonic() * 1000) & 0xfff:x}"
        self.names = SERVERS + list(hosts)
        self.zones = zones or {}
        self.ip, self.ip6 = {}, {}
        for i, name in enumerate(self.names, 1):
            # Two networks' addresses, so that limits per /24 can be met.
            self.ip[name] = f"198.51.100.{i}" if i % 2 else f"203.0.113.{i}"
            self.ip6[name] = f"2001:db8:{i:x}::{i:x}"
        self.procs = []
        self.closers = []
        self.dir = None

    # ---- life ----

    def _sweep(self):
        """What runs have left that were killed without a chance to clean up."""
        for word in self._ip("netns", "list", check=False).split():
            m = re.match(r"hm(\d+)x[0-9a-f]+-", word)
            if m and not os.path.exists(f"/proc/{m.group(1)}"):
                self._remove(word)

    def _remove(self, ns):
        # A process that is still in there (a daemon of Postfix) is ours.
        for pid in self._ip("netns", "pids", ns, check=False).split():
            with contextlib.suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)
        self._ip("netns", "del", ns, check=False)
        shutil.rmtree(f"/etc/netns/{ns}", ignore_errors=True)

    def __enter__(self):
        self._sweep()
        self.dir = tempfile.mkdtemp(prefix="smallnet.")
        os.chmod(self.dir, 0o755)
        self.signals = {s: signal.signal(s, self._on_signal) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._make_network()
            self._make_zones()
            self._start_servers()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _on_signal(self, number, frame):
        sys.exit(128 + number)  # runs the with statements' ends

    def close(self):
        for c in reversed(self.closers):
            with contextlib.suppress(Exception):
                c()
        self.closers = []
        for p in self.procs:
            with contextlib.suppress(Exception):
                p.terminate()
        for p in self.procs:
            try:
                p.wait(3)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.procs = []
        for name in ["wire"] + self.names:
            self._remove(self.ns(name))
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)
        for s, old in getattr(self, "signals", {}).items():
            signal.signal(s, old)
        self.signals = {}

    # ---- namespaces ----

    def ns(self, name):
        return f"{self.id}-{name}"

    def _ip(self, *words, check=True, batch=None):
        p = subprocess.run(["ip", *words], capture_output=True, text=True, input=batch, timeout=300)
        if check and p.returncode:
            raise RuntimeError(f"ip {' '.join(words)}: {p.stderr}{batch or ''}")
        return p.stdout

    def _make_network(self):
        wire = self.ns("wire")
        self._ip("netns", "add", wire)
        # No multicast snooping: neighbours must be found from the first second.
        self._ip("-n", wire, "-batch", "-", batch="link add br0 type bridge mcast_snooping 0\n"
                 "link set br0 up\nlink set lo up\n")
        for i, name in enumerate(self.names, 1):
            ns = self.ns(name)
            os.makedirs(f"/etc/netns/{ns}", exist_ok=True)
            with open(f"/etc/netns/{ns}/resolv.conf", "w") as f:
                f.write(f"nameserver {self.ip['resolver']}\n")
            self._ip("netns", "add", ns)
            self._ip("-n", wire, "-batch", "-", batch=
                     f"link add v{i} type veth peer name eth0 netns {ns}\n"
                     f"link set v{i} master br0\nlink set v{i} up\n")
            self._ip("-n", ns, "-batch", "-", batch=
                     f"link set lo up\naddr add {self.ip[name]}/32 dev eth0\n"
                     f"addr add {self.ip6[name]}/128 dev eth0 nodad\nlink set eth0 up\n"
                     "route add default dev eth0\nroute add ::/0 dev eth0\n")

    def link(self, name, up):
        """Plugs a host's cable in or out."""
        i = self.names.index(name) + 1
        self._ip("-n", self.ns("wire"), "link", "set", f"v{i}", "up" if up else "down")

    def prefix(self, name):
        return ["ip", "netns", "exec", self.ns(name)]

    def run(self, name, words, timeout=300, **kw):
        """A program in a host, to its end; its output is text."""
        return subprocess.run([*self.prefix(name), *words], capture_output=True, text=True,
                              timeout=timeout, **kw)

    def spawn(self, name, words, **kw):
        """A program in a host; it is ended with the network."""
        p = subprocess.Popen([*self.prefix(name), *words], **kw)
        self.procs.append(p)
        return p

    @contextlib.contextmanager
    def inside(self, name):
        """This thread's new sockets are the host's while in here."""
        with open("/proc/thread-self/ns/net") as home, \
                open(f"/run/netns/{self.ns(name)}") as there:
            if _libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                if _libc.setns(home.fileno(), CLONE_NEWNET):
                    os.abort()  # in the wrong world for good

    # ---- zones ----

    def path(self, *parts):
        p = os.path.join(self.dir, *parts)
        os.makedirs(os.path.dirname(p), exist_ok=True)
        return p

    def _fill(self, text):
        for n in self.names:
            text = text.replace("{%s}" % n, self.ip[n]).replace("{%s/6}" % n, self.ip6[n])
            text = text.replace("{%s/r}" % n, ".".join(reversed(self.ip[n].split("."))))
        return text

    def _write_zone(self, zone, server, records, folder="zones", negative=60):
        """zone without a last dot; "" is the root.  server: a name, or several."""
        origin = zone + "." if zone else "."
        servers = [server] if isinstance(server, str) else server
        path = self.path(folder, (zone or "root") + ".zone")
        with open(path, "w") as f:
            f.write(f"$ORIGIN {origin}\n$TTL 300\n"
                    f"@ SOA {servers[0]}.{TLD}. hostmaster.{TLD}. 1 3600 600 864000 {negative}\n"
                    + "".join(f"@ NS {s}.{TLD}.\n" for s in servers) + "".join(self._fill(r) + "\n" for r in records))
        return path

    def _keygen(self, zone, *options):
        d = os.path.dirname(self.path("keys", "x"))
        p = subprocess.run(["ldns-keygen", "-a", KEY_ALGORITHM, *options, (zone or "") + "."],
                           cwd=d, capture_output=True, text=True, timeout=300)
        if p.returncode:
            raise RuntimeError(p.stderr)
        return os.path.join(d, p.stdout.split()[0])

    def _sign(self, zone, path, *options):
        """Signs it into PATH.signed and returns the DS record's line."""
        key = self._keygen(zone, "-k")
        p = subprocess.run(["ldns-signzone", *options, path, key], capture_output=True, text=True,
                           timeout=300)
        if p.returncode:
            raise RuntimeError(p.stderr)
        return open(key + ".ds").read().strip(), open(key + ".key").read().strip()

    def _spoil(self, path):
        """Changes what the signatures are about."""
        out = []
        for line in open(path):
            w = line.split()
            if len(w) > 3 and w[3] in ("A", "MX", "TXT", "AAAA"):
                line = line.replace("\t300\t", "\t299\t") if w[3] == "AAAA" else line
                w[4:] = {"A": ["192.0.2.66"], "MX": ["1", "evil.test."], "TXT": ['"forged"'],
                         "AAAA": ["2001:db8::666"]}[w[3]]
                line = "\t".join(w) + "\n"
            out.append(line)
        open(path, "w").writelines(out)

    def _make_zone(self, name, z):
        """The records in the TLD that lead to it."""
        if z.ns:
            return [f"{name}. NS {s}.{TLD}." for s in z.ns]
        server = {"lame": "resolver-of-nothing", "dead": "nowhere"}.get(z.kind, "hoster")
        lead = [f"{name}. NS {server}.{TLD}."]
        path = self._write_zone(name, server, z.records)
        if z.kind in ("signed", "bogus", "expired"):
            options = ["-i", "20200101", "-e", "20250101"] if z.kind == "expired" else []
            ds, _ = self._sign(name, path, *options)
            lead.append(ds)
            if z.kind == "bogus":
                self._spoil(path + ".signed")
        return lead

    def _make_zones(self):
        tld = [f"{s} A {{{s}}}\n{s} AAAA {{{s}/6}}" for s in SERVERS]
        # root serves no zone but the root: lame for all others.
        tld += ["resolver-of-nothing A {root}", "nowhere A 198.51.100.254"]
        own = sorted({s for z in self.zones.values() for s in z.ns})
        tld += [f"{s} A {{{s}}}\n{s} AAAA {{{s}/6}}" for s in own]
        for name, z in self.zones.items():
            tld += self._make_zone(name, z)
        arpa = [f"{'.'.join(reversed(self.ip[n].split('.')))}.in-addr PTR {self.ptr(n)}."
                for n in self.names]
        arpa += [f"{self._nibbles(self.ip6[n])}.ip6 PTR {self.ptr(n)}." for n in self.names]
        top = []
        for zone, records in ((TLD, tld), ("arpa", arpa)):
            ds, _ = self._sign(zone, self._write_zone(zone, "tld", records))
            top += [f"{zone}. NS tld.{TLD}.", ds]
        glue = [f"{s}.{TLD}. A {{{s}}}\n{s}.{TLD}. AAAA {{{s}/6}}" for s in ("root", "tld")]
        ds, key = self._sign("", self._write_zone("", "root", top + glue))
        self.hints = self.path("root.hints")
        with open(self.hints, "w") as f:
            f.write(f". 3600000 NS root.{TLD}.\nroot.{TLD}. 3600000 A {self.ip['root']}\n"
                    f"root.{TLD}. 3600000 AAAA {self.ip6['root']}\n")
        self.anchor = self.path("root.key")
        with open(self.anchor, "w") as f:
            f.write(ds + "\n")

    def ptr(self, name):
        """The name to which a host's addresses lead back: that of the first
        record that leads to it, as a careful owner would have it."""
        for zone, z in self.zones.items():
            for r in z.records:
                w = r.split()
                if len(w) == 3 and w[1] == "A" and w[2] == "{%s}" % name:
                    return zone if w[0] == "@" else f"{w[0]}.{zone}"
        return f"{name}.{TLD}"

    @staticmethod
    def _nibbles(ip6):
        return ipaddress.ip_address(ip6).reverse_pointer.removesuffix(".ip6.arpa")

    # ---- name servers ----

    def _start_servers(self):
        hosted = list(self.zones)
        everything = ["", TLD, "arpa"] + hosted
        self._nsd("root", [""])
        self._nsd("tld", [TLD, "arpa"])
        self._nsd("hoster", [z for z in hosted if self.zones[z].kind not in ("lame", "dead", "own")])
        whole = [z for z in everything if z not in self.zones or
                 self.zones[z].kind in ("signed", "unsigned")]
        self._nsd("resolver", whole)
        self._nsd("stripper", whole, plain=True)

    def _zone_file(self, zone, plain):
        path = self.path("zones", (zone or "root") + ".zone")
        kind = self.zones[zone].kind if zone in self.zones else "signed"
        if kind == "servfail":
            return path + ".lost"
        return path if plain or kind == "unsigned" else path + ".signed"

    def serve(self, host, zones, negative=60):
        """A host is name server, from now on, for {zone: records} of zones whose ns
        names it, or that it only pretends to; in place of what it has served before."""
        old = getattr(self, "own", None)
        self.own = old if old is not None else {}
        if host in self.own:
            # NSD closes its sockets with its last process.
            self.own[host].terminate()
            self.own[host].wait(15)
        for zone, records in zones.items():
            ns = self.zones[zone].ns if zone in self.zones else []
            self._write_zone(zone, ns or [host], records, f"{host}-zones", negative)
        self.own[host] = self._nsd(host, list(zones), plain=True, folder=f"{host}-zones")

    def _nsd(self, name, zones, plain=False, folder=None):
        conf = self.path(name, "nsd.conf")
        d = os.path.dirname(conf)
        with open(conf, "w") as f:
            f.write(f'server:\n  ip-address: {self.ip[name]}\n  ip-address: {self.ip6[name]}\n'
                    f'  username: ""\n  chroot: ""\n  zonesdir: ""\n  database: ""\n'
                    f'  pidfile: "{d}/pid"\n  xfrdfile: "{d}/xfrd"\n  zonelistfile: "{d}/list"\n'
                    f'  xfrdir: "{d}"\n  server-count: 1\n  tcp-count: 50\n  rrl-ratelimit: 0\n'
                    f'remote-control:\n  control-enable: no\n')
            for z in zones:
                path = self.path(folder, (z or "root") + ".zone") if folder else self._zone_file(z, plain)
                f.write(f'zone:\n  name: "{z or "."}"\n  zonefile: "{path}"\n')
        log = open(self.path(name, "log"), "w")
        nsd = shutil.which("nsd") or "/usr/sbin/nsd"
        p = self.spawn(name, [nsd, "-d", "-c", conf], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        ok = wait_until(lambda: "nsd started" in open(self.path(name, "log")).read(), 15)
        if not ok:
            raise RuntimeError("NSD: " + open(self.path(name, "log")).read())
        return p

    # ---- mail hosts ----

    def hearthmail(self, host, hostname, domains, users=("anna", "ben"), extra="", dns=True, **kw):
        """A Hearthmail on the real ports of a host, as a context manager."""
        return NetHouse(self, host, hostname, domains, users, extra, dns, **kw)

    def postfix(self, host, hostname, domains, users=("anna",), extra=""):
        """A Postfix that takes mail for the domains into Maildirs and relays
        for its own loopback; started here, stopped with the network."""
        p = Postfix(self, host, hostname, domains, users, extra)
        self.closers.append(p.stop)
        return p

    def dovecot(self, postfix):
        """An IMAP server on port 143 for the mailboxes of a Postfix, any
        password; stopped with the network."""
        d = Dovecot(self, postfix)
        self.closers.append(d.stop)
        return d

    def badhost(self, host, behaviour="ok"):
        """An SMTP server of bad habits, see badhost.py."""
        return BadHost(self, host, behaviour)


class NetHouse(House):
    PORTS = {"smtp": 25, "submission": 587, "submissions": 465, "imap": 143, "imaps": 993,
             "pop3": 110, "pop3s": 995}

    def __init__(self, net, host, hostname, domains, users, extra, dns, **kw):
        self.net, self.host, self.hostname, self.domains = net, host, hostname, domains
        if dns:
            extra += f"dns: {{ root_hints: {net.hints}, trust_anchor: {net.anchor} }}\n"
        super().__init__(extra=extra, users=users, **kw)
        self.port = dict(self.PORTS)

    def yaml(self):
        first = self.domains[0]
        accounts = "".join(f"  {u}: {{ addresses: [{u}@{first}] }}\n" for u in self.users)
        return (f"hostname: {self.hostname}\ndomains: [{', '.join(self.domains)}]\n"
                f"accounts:\n{accounts}data: {self.data}\n{self.extra}")

    def prefix(self):
        return self.net.prefix(self.host) + super().prefix()

    # The clients of House speak to the loopback: that of the host.
    def imap(self, *a, **kw):
        with self.net.inside(self.host):
            return super().imap(*a, **kw)

    def pop3(self, *a, **kw):
        with self.net.inside(self.host):
            return super().pop3(*a, **kw)

    def smtp(self, *a, **kw):
        with self.net.inside(self.host):
            return super().smtp(*a, **kw)

    def submit(self, *a, **kw):
        with self.net.inside(self.host):
            return super().submit(*a, **kw)


class Postfix:
    def __init__(self, net, host, hostname, domains, users, extra):
        self.net, self.host = net, host
        self.dir = os.path.dirname(net.path(f"postfix-{host}", "x"))
        self.mail = os.path.join(self.dir, "mail")
        self.conf = os.path.join(self.dir, "etc")
        for d in ("etc", "spool", "data", "mail"):
            os.makedirs(os.path.join(self.dir, d))
        owner = pwd.getpwnam("postfix")
        nobody = pwd.getpwnam("nobody")
        os.chown(os.path.join(self.dir, "data"), owner.pw_uid, owner.pw_gid)
        os.chown(self.mail, nobody.pw_uid, nobody.pw_gid)
        self._write_main(hostname, domains, users, extra, nobody)
        self._write_master()
        p = net.run(host, ["postfix", "-c", self.conf, "start"], timeout=300)
        if p.returncode:
            raise RuntimeError(f"postfix start: {p.stdout}{p.stderr}{self.log()}")
        if not wait_until(self._answers, 20):
            raise RuntimeError("postfix does not answer: " + self.log())

    def _answers(self):
        try:
            with self.net.inside(self.host), \
                    socket.create_connection((self.net.ip[self.host], 25), timeout=2) as s:
                return s.recv(100).startswith(b"220")
        except OSError:
            return False

    def _write_main(self, hostname, domains, users, extra, nobody):
        boxes = "".join(f"{u}@{d} {d}/{u}/\n" for d in domains for u in users)
        with open(os.path.join(self.conf, "boxes"), "w") as f:
            f.write(boxes)
        with open(os.path.join(self.conf, "main.cf"), "w") as f:
            f.write(f"""compatibility_level = 3.6
queue_directory = {self.dir}/spool
data_directory = {self.dir}/data
myhostname = {hostname}
mydestination =
virtual_mailbox_domains = {' '.join(domains)}
virtual_mailbox_base = {self.mail}
virtual_mailbox_maps = texthash:{self.conf}/boxes
virtual_uid_maps = static:{nobody.pw_uid}
virtual_gid_maps = static:{nobody.pw_gid}
virtual_minimum_uid = 1
mynetworks = 127.0.0.0/8 [::1]/128
inet_interfaces = all
inet_protocols = all
alias_maps =
alias_database =
local_recipient_maps =
maillog_file = {self.dir}/log
maillog_file_prefixes = {self.dir}
smtp_tls_security_level = may
smtp_host_lookup = dns
notify_classes =
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
{extra}""")

    def _write_master(self):
        with open("/usr/share/postfix/master.cf.dist" if os.path.exists(
                "/usr/share/postfix/master.cf.dist") else "/etc/postfix/master.cf") as f:
            lines = f.read().splitlines()
        out = []
        for l in lines:
            w = l.split()
            # No chroot: the loader's files are not in our spool.
            if len(w) >= 8 and not l.startswith((" ", "\t", "#")) and w[4] in ("y", "-"):
                l = l.replace(l, "\t".join(w[:4] + ["n"] + w[5:]))
            out.append(l)
        if not any(l.startswith("postlog") for l in out):
            out.append("postlog unix-dgram n - n - 1 postlogd")
        with open(os.path.join(self.conf, "master.cf"), "w") as f:
            f.write("\n".join(out) + "\n")

    def log(self):
        try:
            return open(os.path.join(self.dir, "log"), errors="replace").read()
        except OSError:
            return ""

    def messages(self, address):
        """The mail of a mailbox, as bytes, oldest first."""
        user, domain = address.split("@")
        d = os.path.join(self.mail, domain, user, "new")
        names = sorted(os.listdir(d)) if os.path.isdir(d) else []
        return [open(os.path.join(d, n), "rb").read() for n in names]

    def send(self, sender, to, text):
        """Through its sendmail port on the loopback."""
        with self.net.inside(self.host):
            s = smtplib.SMTP("127.0.0.1", 25, "client.example.test", timeout=300)
        s.sendmail(sender, to, text)
        s.quit()

    def stop(self):
        self.net.run(self.host, ["postfix", "-c", self.conf, "stop"], timeout=300)


class Dovecot:
    def __init__(self, net, postfix):
        self.net, self.host = net, postfix.host
        self.dir = os.path.dirname(net.path(f"dovecot-{self.host}", "x"))
        self.conf = os.path.join(self.dir, "dovecot.conf")
        with open(self.conf, "w") as f:
            f.write(f"""base_dir = {self.dir}/run
log_path = {self.dir}/log
protocols = imap
listen = *
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{postfix.mail}/%d/%n
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={self.dir}/home/%u
}}
""")
        self.proc = net.spawn(self.host, ["dovecot", "-F", "-c", self.conf])
        if not wait_until(self._answers, 20):
            raise RuntimeError("dovecot does not answer")

    def _answers(self):
        try:
            self.imap("x@x").logout()
            return True
        except Exception:
            return False

    def imap(self, user):
        import imaplib
        with self.net.inside(self.host):
            m = imaplib.IMAP4("127.0.0.1", 143, timeout=300)
        if user != "x@x":
            m.login(user, "any")
        return m

    def stop(self):
        self.proc.terminate()
        self.proc.wait(10)


class BadHost:
    def __init__(self, net, host, behaviour):
        self.net, self.host = net, host
        self.dir = os.path.dirname(net.path(f"badhost-{host}", "x"))
        self.become(behaviour)
        log = open(os.path.join(self.dir, "stderr"), "w")
        here = os.path.dirname(os.path.abspath(__file__))
        self.proc = net.spawn(host, [sys.executable, os.path.join(here, "badhost.py"), self.dir,
                                     net.ip[host], net.ip6[host]], stderr=log, stdout=log)
        log.close()
        if not wait_until(lambda: os.path.exists(os.path.join(self.dir, "ready")), 15):
            raise RuntimeError(open(os.path.join(self.dir, "stderr")).read())

    def become(self, behaviour):
        """From the next connection on."""
        tmp = os.path.join(self.dir, "behaviour.new")
        with open(tmp, "w") as f:
            f.write(behaviour)
        os.rename(tmp, os.path.join(self.dir, "behaviour"))

    def events(self):
        """Everything it has seen: dicts with time, session, what, ..."""
        try:
            return [json.loads(l) for l in open(os.path.join(self.dir, "events"))]
        except FileNotFoundError:
            return []

    def messages(self):
        """What it has answered 250 to, or has seen whole before it hung up:
        events with from, to, accepted and the file of the bytes."""
        return [e for e in self.events() if e["what"] == "message"]

    def bytes_of(self, message):
        return open(os.path.join(self.dir, message["file"]), "rb").read()
