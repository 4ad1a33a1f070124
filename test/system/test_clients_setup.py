#!/usr/bin/env python3
"""Setting up mail programs: every port and kind of encryption that they are told can be connected to
and logged in with, devices have passwords of their own, and what is written for them is valid."""
import imaplib
import json
import os
import plistlib
import poplib
import re
import shutil
import smtplib
import stat
import subprocess
import tempfile
import uuid
import xml.etree.ElementTree as ET

from house import BINARY, PASSWORD, TOP, House, finish, free_ports, lacking, skip, verdict, wait_until

NAME = "Ben & Anna's <phone>"
SCHEMAS = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"


AUTOCONFIG = "/.well-known/autoconfig/mail/config-v1.1.xml"


class Web(House):
    """With the ports for HTTP."""

    def yaml(self):
        if "https" not in self.port:
            self.port.update(zip(("http", "https"), free_ports(2)))
        return super().yaml().replace("[anna@home.test]", "[anna@home.test, mum@home.test]")

    def curl(self, path, *words, host="mail.home.test", scheme="https"):
        """Status, fields in lower case, body as bytes."""
        port = self.port[scheme]
        r = subprocess.run(["curl", "-sS", "-k", "-i", "-m", "60", "--resolve", f"{host}:{port}:127.0.0.1", *words,
                            f"{scheme}://{host}:{port}{path}"], capture_output=True)
        head, _, body = r.stdout.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        return int(lines[0].split()[1]) if lines[0].startswith("HTTP") else 0, fields, body

    def discover(self, address, *words, **kw):
        body = (f"<Autodiscover><Request><EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>http://schemas."
                "microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>"
                "</Request></Autodiscover>")
        return self.curl("/autodiscover/autodiscover.xml", "-H", "Content-Type: text/xml", "-d", body, *words, **kw)


# ---- whether it can be used ----

def try_imap(h, port, implicit, user, password):
    m = (imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=h.tls()) if implicit
         else imaplib.IMAP4("127.0.0.1", port))
    if not implicit:
        m.starttls(h.tls())
    m.login(user, password)
    ok = m.select()[0] == "OK"
    m.logout()
    return ok


def try_smtp(h, port, implicit, user, password):
    s = (smtplib.SMTP_SSL("127.0.0.1", port, context=h.tls(), timeout=300) if implicit
         else smtplib.SMTP("127.0.0.1", port, timeout=300))
    if not implicit:
        s.starttls(context=h.tls())
    s.login(user, password)
    s.sendmail("anna@home.test", ["anna@home.test"], f"From: anna@home.test\r\nSubject: {port}\r\n\r\nx\r\n")
    s.quit()
    return True


def try_pop3(h, port, implicit, user, password):
    p = (poplib.POP3_SSL("127.0.0.1", port, context=h.tls()) if implicit else poplib.POP3("127.0.0.1", port))
    if not implicit:
        p.stls(h.tls())
    p.user(user)
    p.pass_(password)
    p.quit()
    return True


TRY = {"imap": try_imap, "smtp": try_smtp, "pop3": try_pop3}


def usable(h, kind, port, implicit, user, password=PASSWORD):
    try:
        return TRY[kind](h, port, implicit, user, password)
    except (OSError, imaplib.IMAP4.error, smtplib.SMTPException, poplib.error_proto) as e:
        return verdict(False, f"{kind}-{port}-usable", repr(e)) and False


# ---- what programs are told ----

def autoconfig(h):
    _, fields, body = h.curl("/mail/config-v1.1.xml", host="autoconfig.home.test")
    text = body.decode()
    verdict(fields["content-type"].startswith("text/xml"), "autoconfig-type", fields)
    root = ET.fromstring(text)
    verdict(root.tag == "clientConfig" and root.get("version") == "1.1", "autoconfig-root", text)
    provider = root.find("emailProvider")
    verdict(provider.get("id") == "home.test" and provider.findtext("domain") == "home.test",
            "autoconfig-domain", text)
    servers = [s for s in provider if s.tag in ("incomingServer", "outgoingServer")]
    found = [(s.get("type"), int(s.findtext("port")), s.findtext("socketType")) for s in servers]
    want = [("imap", h.port["imaps"], "SSL"), ("imap", h.port["imap"], "STARTTLS"),
            ("pop3", h.port["pop3s"], "SSL"), ("pop3", h.port["pop3"], "STARTTLS"),
            ("smtp", h.port["submissions"], "SSL"), ("smtp", h.port["submission"], "STARTTLS")]
    verdict(found == want, "autoconfig-servers", found)
    verdict(all(s.findtext("hostname") == "mail.home.test" and s.findtext("username") == "%EMAILADDRESS%"
                and s.findtext("authentication") == "password-cleartext" for s in servers),
            "autoconfig-words", text)
    for kind, port, socket in found:
        verdict(usable(h, kind, port, socket == "SSL", "anna@home.test"), f"autoconfig-{kind}-{socket}")
    for host, path in (("home.test", AUTOCONFIG), ("mail.home.test", "/mail/config-v1.1.xml"),
                       ("autoconfig.home.test", AUTOCONFIG), ("autoconfig.home.test", "/.well-known/mail-v1.xml"),
                       ("autoconfig.mail.home.test", "/mail/config-v1.1.xml"), ("home.test", "/.well-known/mail-v1.xml")):
        for scheme in ("https", "http"):
            for who in ("", "?emailaddress=nobody%40home.test", "?emailaddress=anna@home.test"):
                got = h.curl(path + who, host=host, scheme=scheme)
                verdict(got[0] == 200 and got[2] == body, f"autoconfig-{scheme}://{host}{path}{who}", got)
    verdict(h.curl("/mail/config-v1.1.xml?emailaddress=x@other.test", host="autoconfig.other.test")[0] == 404,
            "autoconfig-of-others")
    if not lacking("autoconfig-schema", "xmllint"):
        p = subprocess.run(["xmllint", "--noout", "--relaxng", os.path.join(
            TOP, "test/data/clients/autoconfig.rng"), "-"], input=text, capture_output=True, text=True)
        verdict(p.returncode == 0, "autoconfig-schema", p.stderr)


def autodiscover(h):
    status, fields, body = h.discover("anna@home.test", host="autodiscover.home.test")
    text = body.decode()
    verdict(status == 200 and fields["content-type"].startswith("text/xml"), "autodiscover-type", (status, fields))
    root = ET.fromstring(text)
    verdict(root.tag.startswith("{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}"),
            "autodiscover-root", text)
    protocols = list(root.iter(SCHEMAS + "Protocol"))
    verdict([p.findtext(SCHEMAS + "Type") for p in protocols] == ["IMAP", "POP3", "SMTP"],
            "autodiscover-types", text)
    for p in protocols:
        kind = p.findtext(SCHEMAS + "Type").lower()
        implicit = p.findtext(SCHEMAS + "Encryption") == "SSL"
        verdict(p.findtext(SCHEMAS + "SSL") == "on", f"autodiscover-{kind}-ssl", text)
        verdict(usable(h, kind, int(p.findtext(SCHEMAS + "Port")), implicit,
                       p.findtext(SCHEMAS + "LoginName")), f"autodiscover-{kind}")
    other = h.discover("nobody@home.test", host="home.test")[2].decode()
    verdict(other == text.replace("anna@", "nobody@"), "autodiscover-tells-not-who", other)
    # Passwords that nobody asked for are neither tried nor counted.
    for i in range(30):
        got = h.discover("anna@home.test", "-u", "anna@home.test:wrong")
        if got[0] != 200 or "www-authenticate" in got[1]:
            verdict(False, "autodiscover-without-login", got)
    verdict(usable(h, "imap", h.port["imaps"], True, "anna") and "wrong" not in h.log(), "autodiscover-bans-nobody")
    for path, words in (("/Autodiscover/Autodiscover.xml", ()), ("/AUTODISCOVER/AUTODISCOVER.XML", ()),
                        ("/autodiscover/autodiscover.xml", ("-X", "POST"))):
        got = h.curl(path, *words)
        verdict(got[0] == 200 and b"<ErrorCode>600" in got[2], f"autodiscover-{path}{words}", got)
    _, _, body = h.curl("/autodiscover/autodiscover.json/v1.0/anna@home.test?Protocol=AutodiscoverV1")
    verdict(json.loads(body) == {"Protocol": "AutodiscoverV1",
                                 "Url": f"https://mail.home.test:{h.port['https']}/autodiscover/autodiscover.xml"}, "autodiscover-json", body)


# ---- devices ----

def check_profile(h, path, password):
    with open(path, "rb") as f:
        whole = plistlib.load(f)
    mail = whole["PayloadContent"]
    verdict(len(mail) == 1 and mail[0]["PayloadType"] == "com.apple.mail.managed", "profile-payload", whole)
    mail = mail[0]
    ids = [whole["PayloadUUID"], mail["PayloadUUID"], whole["PayloadIdentifier"], mail["PayloadIdentifier"]]
    verdict(len(set(ids)) == 4 and all(uuid.UUID(i).version == 5 for i in ids[:2])
            and ids[2].startswith("test.home.mail.anna."), "profile-identifiers", ids)
    verdict(NAME in whole["PayloadDescription"], "profile-name", whole["PayloadDescription"])
    for d in ("Incoming", "Outgoing"):
        verdict(mail[d + "Password"] == password and mail[d + "MailServerHostName"] == "mail.home.test"
                and mail[d + "MailServerUseSSL"] is True, f"profile-{d}", mail)
        verdict(usable(h, "imap" if d == "Incoming" else "smtp", mail[d + "MailServerPortNumber"], True,
                       mail[d + "MailServerUsername"], mail[d + "Password"]), f"profile-{d}-usable")
    return ids


def device(h):
    path = os.path.join(h.dir, "anna.mobileconfig")
    r = h.command("device", "add", "anna", NAME, "--profile", path, "--qr")
    verdict(r.returncode == 0 and "not signed" in r.stderr, "device-add", (r.stdout, r.stderr))
    password = re.search(r"^password   (\S+)$", r.stdout, re.M).group(1)
    verdict(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "profile-mode", oct(os.stat(path).st_mode))
    verdict("user name  anna@home.test" in r.stdout, "device-user-name", r.stdout)
    for name, port, words in re.findall(r"^(IMAP|SMTP|POP3) +port (\d+), (\S+) ", r.stdout, re.M):
        verdict(usable(h, name.lower(), int(port), words == "SSL/TLS", "anna@home.test", password),
                f"device-{name}-{words}")
    ids = check_profile(h, path, password)
    code(r.stdout, password, h)
    verdict(h.command("device", "add", "anna", "x", "--profile", path).returncode == 1
            and "x\n" not in h.command("device", "list", "anna").stdout, "profile-never-overwrites")
    os.unlink(path)
    listed(h)
    revoked(h, password)
    again = h.command("device", "add", "anna", NAME, "--profile", path)
    new = re.search(r"^password   (\S+)$", again.stdout, re.M).group(1)
    verdict(new != password and check_profile(h, path, new) == ids, "device-again-replaces-itself")
    verdict("\033" not in again.stdout, "no-code-without-a-terminal")


def listed(h):
    r = h.command("device", "list", "anna")
    verdict(re.search(re.escape(NAME) + r"\n    added \d{4}-\d\d-\d\d, last used \d{4}-\d\d-\d\d \d\d:\d\d UTC "
                      r"by submissions from 127\.0\.0\.1\n", r.stdout) is not None, "device-listed", r.stdout)
    verdict(h.command("device", "add", "anna", "spare").returncode == 0, "device-add-spare")
    r = h.command("device", "list", "anna")
    verdict(re.search(r"^spare\n    added \S+, never used$", r.stdout, re.M) is not None, "device-never-used", r.stdout)
    verdict(h.command("device", "list", "ben").stdout == "no devices\n", "device-list-none")
    j = json.loads(h.command("device", "list", "anna", "--json").stdout)
    verdict([(d["name"], d["address"], bool(d["last_used"])) for d in j] ==
            [(NAME, "127.0.0.1", True), ("spare", None, False)], "device-list-json", j)
    verdict(json.loads(h.command("device", "list", "ben", "--json").stdout) == [], "device-list-json-none")
    verdict(NAME in h.command("app-password", "anna").stdout, "device-is-an-app-password")
    h.restart()
    r = h.command("device", "list", "anna")
    verdict("last used" in r.stdout, "device-use-outlives-a-restart", r.stdout)


def revoked(h, password):
    session = h.imap("anna", password)
    r = h.command("device", "revoke", "anna", NAME)
    verdict(r.returncode == 0, "device-revoke", r.stderr)

    def ended():
        try:
            session.noop()
            return False
        except (imaplib.IMAP4.abort, OSError):
            return True
    verdict(wait_until(ended), "device-revoke-ends-sessions")
    try:
        h.imap("anna", password)
        verdict(False, "device-revoked-is-out")
    except imaplib.IMAP4.error:
        verdict(True, "device-revoked-is-out")
    verdict(h.command("device", "revoke", "anna", NAME).returncode == 1, "device-revoke-twice")


def code(text, password, h):
    """The code on the terminal, as a camera sees it."""
    rows = [line.split("m", 1)[1].rsplit("\033", 1)[0] for line in text.splitlines() if line.startswith("\033")]
    verdict(rows and len({len(r) for r in rows}) == 1 and len(rows[0]) <= 80, "code-shape",
            [len(r) for r in rows])
    if not rows or lacking("code-read", "zbarimg"):
        return
    dots = []
    for r in rows:
        for black in ("\u2588\u2580", "\u2588\u2584"):
            dots.append("".join("1" if c in black else "0" for c in r))
    big = [" ".join("".join(c * 4 for c in row)) for row in dots for _ in range(4)]
    path = os.path.join(h.dir, "code.pbm")
    with open(path, "w") as f:
        f.write(f"P1\n{4 * len(rows[0])} {4 * len(dots)}\n" + "\n".join(big) + "\n")
    p = subprocess.run(["zbarimg", "-q", "--raw", path], capture_output=True, text=True, timeout=300)
    want = (f'[1,[1,1],[0,"mail.home.test",{h.port["imaps"]},3,1,"anna@home.test","anna@home.test","{password}"],'
            f'[[[0,"mail.home.test",{h.port["submissions"]},3,1,"anna@home.test","{password}"],'
            '["anna@home.test","anna"]]]]')
    verdict(p.stdout.strip() == want, "code-read", p.stdout + p.stderr)


def refusals(h):
    for words, code, said in (
            (("add", "zoe", "x"), 1, "no account"), (("add", "anna", ""), 1, "a label has 1"),
            (("add", "anna", "a\nb"), 1, "control"), (("add", "anna", "-x"), 2, "unknown option -x"),
            (("add", "anna", "--", "-x"), 1, "must not begin"),
            (("add", "anna"), 2, "usage"), (("list",), 2, "usage"), ((), 2, "usage"),
            (("add", "anna", "x", "--foo"), 2, "usage"), (("add", "anna", "x", "--profile"), 2, "usage"),
            (("revoke", "anna"), 2, "usage"),
            (("add", "anna", "x", "--address", "ben@home.test"), 1, "is not an address of anna"), (("list", "anna", "x"), 2, "usage"),
            (("list", "zoe"), 1, "no account"), (("revoke", "anna", "nothing"), 1, "no app password"),
            (("add", "anna", "x", "--profile", "/nowhere/x"), 1, "cannot create")):
        r = h.command("device", *words)
        verdict(r.returncode == code and said in r.stderr, f"refused-{'-'.join(words)}".replace("\n", "."),
                (r.returncode, r.stderr))
    full = subprocess.run([BINARY, "-c", h.config, "device", "add", "anna", "lost"],
                          stdout=open("/dev/full", "w"), stderr=subprocess.PIPE, text=True, timeout=300)
    verdict(full.returncode == 1 and "was not added" in full.stderr, "what-is-not-printed-is-taken-back", full.stderr)
    verdict("lost" not in h.command("device", "list", "anna").stdout, "and-not-listed")


# ---- links ----

def add_link(h, name, *words):
    """Path of the link, and the password."""
    r = h.command("device", "add", "anna", name, *words)
    link = re.search(r"^https://mail\.home\.test:(\d+)(/device/[\w-]{32})$", r.stdout, re.M)
    verdict(link is not None and int(link.group(1)) == h.port["https"], "link-printed", r.stdout)
    return link.group(2), re.search(r"^password   (\S+)$", r.stdout, re.M).group(1)


def links(h):
    path, password = add_link(h, NAME)
    secret = password.encode()
    for i in range(3):
        status, fields, body = h.curl(path)
        verdict(status == 200 and b"anna@home.test" in body and b"Ben &amp; Anna&#39;s &lt;phone&gt;" in body
                and secret not in body, f"link-shown-{i}", (status, body))
        status, _, body = h.curl(path, "-I")
        verdict(status == 200 and body == b"", f"link-head-{i}", (status, body))
    verdict(fields["cache-control"] == "no-store" and "no-referrer" in fields["referrer-policy"], "link-not-kept", fields)
    verdict(b"<script" not in body and b"style" not in body, "link-without-script")
    verdict(h.curl(path, scheme="http")[0] != 200, "link-not-in-the-clear")
    verdict(h.curl(path, host="home.test")[0] == 404, "link-of-another-host")
    verdict(h.curl(path.replace("/device/", "/profile/"))[0] == 404, "link-is-not-a-ticket")
    verdict(h.curl(path, "-X", "PUT")[0] == 405, "link-put")
    status, fields, body = h.curl(path, "-X", "POST")
    ticket = fields.get("location", "")
    profile = ticket.replace("settings", "profile") + ".mobileconfig"
    verdict(status == 303 and re.fullmatch(r"/settings/[\w-]{32}", ticket), "link-pressed", (status, fields))
    for words, name in ((("-X", "POST"), "again"), ((), "looked-at"), (("-I",), "head")):
        verdict(h.curl(path, *words)[0] == 410, f"link-spent-{name}")
    for i in range(2):
        status, _, body = h.curl(ticket)
        verdict(status == 200 and secret in body and profile.encode() in body,
                f"settings-{i}", (status, body))
        status, fields, body = h.curl(profile)
        verdict(status == 200 and fields["content-type"] == "application/x-apple-aspen-config"
                and plistlib.loads(body)["PayloadContent"][0]["IncomingPassword"] == password, f"profile-fetched-{i}",
                (status, fields))
    verdict(usable(h, "imap", h.port["imaps"], True, "anna@home.test", password), "link-password-works")
    verdict(h.curl(ticket.replace("settings", "device"))[0] == 404, "ticket-is-not-a-link")
    for bad in ("/device/", "/device/" + "A" * 32, "/device/x", "/device/" + "A" * 5000, "/device/../x", "/device/%00",
                "/device/%22%3E%3Cb%3E", path + "x", path[:-1], path + "/", "/profile/" + "A" * 32, "/settings/"):
        verdict(h.curl(bad)[0] in (400, 404) and h.curl(bad, "-X", "POST")[0] in (400, 404, 405), f"unknown-{bad[:24]}")
    verdict(h.command("device", "revoke", "anna", NAME).returncode == 0
            and h.curl(profile)[0] == 404, "link-ends-with-its-device")
    for text in (path[8:], ticket[10:], password):
        verdict(text not in h.log(), "nothing-in-the-log", text)


def links_of_a_dead_process(h):
    path, _ = add_link(h, "second", "--address", "Mum@home.test")
    status, _, body = h.curl(path)
    verdict(status == 200 and b"mum@home.test" in body, "second-link", (status, body))
    h.kill("auth")
    verdict(wait_until(lambda: h.curl(path)[0] == 404), "link-ends-with-auth")
    verdict(path[8:] not in h.log(), "nothing-in-the-log-of-a-failure")
    verdict("second" in h.command("device", "list", "anna").stdout, "its-password-stays")


# ---- a certificate that devices trust ----

def openssl(d, *words):
    return subprocess.run(["openssl", *words], cwd=d, capture_output=True, text=True, timeout=300)


def make_chain(d):
    """root.pem, and chain.pem (leaf, intermediate) with key.pem."""
    def ask(name, cn):
        openssl(d, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={cn}")

    def sign(name, by, ext):
        with open(os.path.join(d, "ext"), "w") as f:
            f.write(ext)
        r = openssl(d, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial",
                    "-days", "9", "-out", f"{name}.pem", "-extfile", "ext")
        assert r.returncode == 0, r.stderr
    openssl(d, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "root.key",
            "-out", "root.pem", "-subj", "/CN=root", "-days", "9")
    ask("middle", "middle")
    sign("middle", "root", "basicConstraints=critical,CA:TRUE\n")
    ask("leaf", "mail.home.test")
    sign("leaf", "middle", "subjectAltName=DNS:mail.home.test\nextendedKeyUsage=serverAuth\n"
                           "subjectKeyIdentifier=none\n")
    with open(os.path.join(d, "chain.pem"), "w") as f:
        f.write(open(os.path.join(d, "leaf.pem")).read() + open(os.path.join(d, "middle.pem")).read())


class Trusting(Web):
    """On a machine that trusts that root and no other."""
    root = None

    def prefix(self):
        script = 'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"'
        return ["unshare", "-m", "sh", "-c", script, self.root]


def verified(d, name):
    """Whether openssl believes the file, and what is in it."""
    p = openssl(d, "cms", "-verify", "-inform", "DER", "-in", name, "-CAfile", "root.pem", "-purpose", "any", "-out",
                "inside")
    if verdict(p.returncode == 0, f"{name}-verified", p.stderr):
        with open(os.path.join(d, "inside"), "rb") as f:
            verdict(plistlib.load(f)["PayloadType"] == "Configuration", f"{name}-inside")


def signed_by_web(h, d):
    path, _ = add_link(h, "by web")
    ticket = h.curl(path, "-X", "POST")[1]["location"].replace("settings", "profile") + ".mobileconfig"
    files = [h.curl(ticket)[2] for _ in range(2)]
    verdict(files[0] != files[1], "signed-fresh")
    with open(os.path.join(d, "by-web"), "wb") as f:
        f.write(files[1])
    verified(d, "by-web")


def signed():
    if os.geteuid() != 0:
        skip("profile-signed", "needs root, for a mount namespace")
        return
    if lacking("profile-signed", "openssl", "unshare"):
        return
    d = tempfile.mkdtemp(prefix="hearthmail-test.")
    try:
        make_chain(d)
        Trusting.root = os.path.join(d, "root.pem")
        with Trusting(extra=f"tls: {{ certificate: {d}/chain.pem, key: {d}/leaf.key }}\n") as h:
            path = os.path.join(d, "signed")
            r = h.command("device", "add", "anna", "x", "--profile", path)
            verdict(r.returncode == 0 and "not signed" not in r.stderr, "profile-signed", r.stderr)
            verified(d, "signed")
            verdict(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "signed-profile-mode")
            signed_by_web(h, d)
            path = os.path.join(d, "unsigned")
            h.root = os.path.join(d, "middle.pem")  # not a root
            r = h.command("device", "add", "anna", "y", "--profile", path)
            verdict(r.returncode == 0 and "not signed" in r.stderr, "profile-rather-unsigned", r.stderr)
            with open(path, "rb") as f:
                verdict(f.read().startswith(b"<?xml"), "profile-unsigned")
    finally:
        shutil.rmtree(d, ignore_errors=True)


def main():
    signed()
    with Web(debug=True) as h:
        autoconfig(h)
        autodiscover(h)
        links(h)
        links_of_a_dead_process(h)
    with House() as h:
        device(h)
        refusals(h)
    r = h.command("device", "add", "anna", "x") if os.path.exists(h.config) else None
    verdict(r is None or r.returncode, "needs-a-server")
    finish()


if __name__ == "__main__":
    main()
