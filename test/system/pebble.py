"""pebble, the ACME server for tests, with its noise left on: refused nonces, random waits in both
forms, authorizations that are used again or not; and the DNS that it and the server ask."""
import json
import os
import ssl
import subprocess
import urllib.request

from house import free_ports, wait_until

NAMES = "DNS:localhost,DNS:ca.test,IP:127.0.0.1"


def openssl(*words, input=None):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, input=input).stdout


def make_ca(folder):
    """A CA for the TLS of the server that plays the authority: ca.pem, tls.pem, tls.key."""
    def path(n):
        return os.path.join(folder, n)
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", path("ca.key"), "-out", path("ca.pem"), "-days", "30",
            "-subj", "/CN=Test CA", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", "-x509", *new, "-keyout", path("tls.key"), "-out", path("tls.pem"), "-days", "30",
            "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-subj", "/CN=localhost",
            "-addext", f"subjectAltName={NAMES}", "-addext", "basicConstraints=critical,CA:FALSE") \
        if has_ca_option() else sign_leaf(path, new)


def has_ca_option():
    return "-CA " in subprocess.run(["openssl", "req", "-help"], capture_output=True, text=True).stderr


def sign_leaf(path, new):
    openssl("req", *new, "-keyout", path("tls.key"), "-out", path("tls.csr"), "-subj", "/CN=localhost")
    with open(path("tls.ext"), "w") as f:
        f.write(f"subjectAltName={NAMES}\nbasicConstraints=critical,CA:FALSE\n")
    openssl("x509", "-req", "-in", path("tls.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-out", path("tls.pem"), "-days", "30", "-extfile", path("tls.ext"))


class Pebble:
    def __init__(self, folder, http_port, env=None, eab=None, tls_port=None):
        self.folder = folder
        self.http_port = http_port
        self.env = dict(os.environ, PEBBLE_VA_NOSLEEP="1", **(env or {}))
        self.port, self.manage, self.dns, self.dns_manage, self.unused = free_ports(5)
        self.tls_port = tls_port or self.unused
        self.eab = eab or {}
        self.procs = []
        if not os.path.exists(os.path.join(folder, "ca.pem")):
            make_ca(folder)
        self.directory = f"https://localhost:{self.port}/dir"

    def path(self, name):
        return os.path.join(self.folder, name)

    def start_dns(self):
        self.procs.append(subprocess.Popen(
            ["pebble-challtestsrv", "-dns01", f"127.0.0.1:{self.dns}", "-http01", "", "-https01", "",
             "-tlsalpn01", "", "-management", f"127.0.0.1:{self.dns_manage}", "-defaultIPv6", "",
             "-defaultIPv4", "127.0.0.1"],
            stdout=open(self.path("dns.log"), "ab"), stderr=subprocess.STDOUT))
        assert wait_until(lambda: self.names("set-default-ipv4", ip="127.0.0.1"))

    def start_authority(self):
        config = {"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.manage}",
            "certificate": self.path("tls.pem"), "privateKey": self.path("tls.key"),
            "httpPort": self.http_port, "tlsPort": self.tls_port, "ocspResponderURL": "",
            "externalAccountBindingRequired": bool(self.eab), "externalAccountMACKeys": self.eab}}
        with open(self.path("pebble.json"), "w") as f:
            json.dump(config, f)
        self.procs.append(subprocess.Popen(
            ["pebble", "-config", self.path("pebble.json"), "-dnsserver", f"127.0.0.1:{self.dns}"],
            env=self.env, stdout=open(self.path("pebble.log"), "ab"), stderr=subprocess.STDOUT))
        assert wait_until(self.root), self.log()
        return self

    def start(self):
        self.start_dns()
        return self.start_authority()

    def stop_authority(self):
        self.end(self.procs.pop())

    def end(self, p):
        p.kill()
        p.wait()

    def stop(self):
        while self.procs:
            self.end(self.procs.pop())

    def __enter__(self):
        return self.start()

    def __exit__(self, *what):
        self.stop()

    def log(self):
        with open(self.path("pebble.log"), errors="replace") as f:
            return f.read()

    def names(self, what, **fields):
        """Changes what the DNS says: set-default-ipv4, add-a, ..."""
        try:
            urllib.request.urlopen(urllib.request.Request(
                f"http://127.0.0.1:{self.dns_manage}/{what}", json.dumps(fields).encode()), timeout=10)
            return True
        except OSError:
            return False

    def root(self):
        """The certificate above those that are given, in PEM."""
        ctx = ssl.create_default_context(cafile=self.path("ca.pem"))
        try:
            return urllib.request.urlopen(f"https://localhost:{self.manage}/roots/0", timeout=10,
                                          context=ctx).read().decode()
        except OSError:
            return None

    def trust(self, name="trust.pem"):
        """A file with all that the server and its clients trust."""
        with open(self.path(name), "w") as f:
            f.write(open(self.path("ca.pem")).read() + self.root())
        return self.path(name)

    def yaml(self, more=""):
        return (f"tls: {{ acme: {{ directory: \"{self.directory}\", ca: \"{self.path('trust.pem')}\"{more} }} }}\n"
                f"dns: {{ forward: [\"127.0.0.1:{self.dns}\"], validate: off, check: off }}\n")
