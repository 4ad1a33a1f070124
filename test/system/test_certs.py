#!/usr/bin/env python3
"""Certificates in files, of the server and of its domains: which of them a client gets by the name
that it asks for, on all ports; and what happens when they change, break, or go."""
import imaplib
import json
import os
import shutil
import ssl
import tempfile

from house import PASSWORD, House, finish, lacking, verdict, wait_until
from pairs import make, shown, shown_by_starttls

TLS_PORTS = ("imaps", "submissions", "pop3s", "https")


def status(h):
    return json.loads(h.command("status", "--json").stdout)


def yaml(h, folder, own=True, two=True, second="b"):
    """home.test and b.test have files of their own; c.test has none."""
    def pair(name):
        return f'{{ certificate: "{folder}/{name}.pem", key: "{folder}/{name}.key" }}'
    text = h.yaml().replace("domains: [home.test]",
                            "domains:\n  home.test:\n" + (f"    tls: {pair('a')}\n" if own else "") +
                            (f"  b.test: {{ tls: {pair(second)} }}\n" if two else "") + "  c.test:\n")
    return text + f"tls: {pair('own')}\n"


def by_name(h, folder, own, a, b):
    for port in TLS_PORTS:
        got = [shown(h, port, n) for n in ("mail.home.test", "imap.home.test", "MAIL.b.test", "c.test", None)]
        verdict(got == [own, a, b, own, own], f"{port}-by-name",
                [g if isinstance(g, str) else (own, a, b).index(g) for g in got])
    for port in ("smtp", "submission"):
        got = [shown_by_starttls(h, port, n) for n in ("mail.home.test", "smtp.home.test", "mail.b.test", "c.test")]
        verdict(got == [own, a, b, own], f"{port}-by-name")
    # A client that has a certificate of its own, which nobody asks for.
    ctx = ssl.create_default_context()
    ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
    ctx.load_cert_chain(os.path.join(folder, "client.pem"), os.path.join(folder, "client.key"))
    m = imaplib.IMAP4_SSL("127.0.0.1", h.port["imaps"], ssl_context=ctx, timeout=300)
    verdict(m.login("anna", PASSWORD)[0] == "OK", "a-client-with-a-certificate")
    m.logout()
    # Names of protocols are for the web: clients of mail that offer them are served.
    verdict(shown(h, "imaps", "imap.home.test", ["imap"]) == a, "imaps-with-alpn")
    verdict(shown(h, "imaps", "mail.home.test", ["acme-tls/1"]) == own, "imaps-proves-nothing")
    verdict(shown(h, "https", "imap.home.test", ["h2", "http/1.1"]) == a, "https-with-alpn")


def changes(h, folder, own, a, b):
    """New files are used without a reload and without a cut session; broken ones are not."""
    m = h.imap("anna")
    fresh = make(folder, "b", "mail.b.test")
    verdict(wait_until(lambda: shown(h, "imaps", "mail.b.test") == fresh), "a-new-one-is-used", h.log()[-1500:])
    verdict(shown(h, "imaps", "imap.home.test") == a and shown(h, "imaps", "mail.home.test") == own,
            "the-others-stay")
    verdict(m.noop()[0] == "OK", "no-session-is-cut")
    m.logout()
    with open(os.path.join(folder, "b.pem"), "w") as f:
        f.write("-----BEGIN CERTIFICATE-----\nMIIB")
    said = wait_until(lambda: [t for t in status(h)["certificates_trouble"] if "b.test" in t and "b.pem" in t])
    verdict(said and "the one before is used" in said[0], "a-broken-one-is-said", status(h)["certificates_trouble"])
    verdict(shown(h, "imaps", "mail.b.test") == fresh, "the-one-before-is-used")
    r = h.command("reload")
    verdict(r.returncode != 0 and "b.pem" in r.stdout + r.stderr and "hearthmail.yaml:" in r.stdout + r.stderr,
            "a-reload-with-it-is-refused", r.stdout + r.stderr)
    return fresh


def goes(h, folder, own, a):
    """Behind a reload without the domain, or without its files."""
    h.write_config(yaml(h, folder, two=False))
    r = h.command("reload")
    verdict(r.returncode == 0, "reload-without-the-domain", r.stderr)
    for port in TLS_PORTS:
        verdict(wait_until(lambda: shown(h, port, "mail.b.test") == own), f"{port}-a-removed-domain-is-gone",
                h.log()[-1500:])
    verdict(shown(h, "imaps", "imap.home.test") == a, "the-other-domain-is-there")
    verdict(not status(h)["certificates_trouble"], "nothing-is-wrong-any-more", status(h)["certificates_trouble"])
    h.write_config(yaml(h, folder, two=False, own=False))
    verdict(h.command("reload").returncode == 0, "reload-without-files")
    for port in TLS_PORTS:
        verdict(wait_until(lambda: shown(h, port, "imap.home.test") == own), f"{port}-removed-files-are-gone")


def broken_at_start(h, folder, own, a):
    """One domain's files are broken: the rest serves."""
    h.stop()
    h.write_config(yaml(h, folder))
    h.restart()
    verdict(shown(h, "imaps", "mail.home.test") == own and shown(h, "imaps", "imap.home.test") == a,
            "broken-at-a-start-the-rest-serves", h.log()[-1500:])
    verdict(shown(h, "https", "mail.b.test") == own, "broken-at-a-start-the-servers-own")
    said = [t for t in status(h)["certificates_trouble"] if "b.test" in t]
    verdict(said and "clients get the server's own" in said[0], "broken-at-a-start-is-said",
            status(h)["certificates_trouble"])
    fresh = make(folder, "b", "mail.b.test")
    verdict(wait_until(lambda: shown(h, "imaps", "mail.b.test") == fresh), "mended-it-is-used", h.log()[-1500:])


def looked_at(h, folder):
    def check():
        return h.command("check").stdout
    text = check()
    verdict("certificate of home.test\n" in text and "names: imap.home.test" in text, "check-names-it", text)
    make(folder, "x", "www.elsewhere.test")
    h.write_config(yaml(h, folder, second="x"))
    verdict("WARNING: none of its names is in b.test" in check(), "check-other-names", check())
    make(folder, "x", "mail.b.test", days="5")
    verdict("WARNING: it has expired or will within two weeks" in check(), "check-dates", check())
    shutil.copy(os.path.join(folder, "a.key"), os.path.join(folder, "x.key"))
    verdict("does not" in check() or "WARNING: " in check(), "check-another-key", check())
    os.chmod(os.path.join(folder, "x.key"), 0o644)
    verdict("everybody can read the TLS key" in check(), "check-open-key", check())
    os.unlink(os.path.join(folder, "x.key"))
    verdict("x.key" in check(), "check-missing-file", check())
    for bad in ('tls: { certificate: "/x" }', 'tls: { certificate: "x", key: "/k" }', "tls: on",
                'tls: { cert: "/x", key: "/k" }'):
        h.write_config(h.yaml().replace("domains: [home.test]", f"domains: {{ home.test: {{ {bad} }} }}"))
        r = h.command("check")
        verdict(r.returncode == 78 and "hearthmail.yaml:2" in r.stdout + r.stderr, "check-bad-keys",
                bad + r.stdout[-300:] + r.stderr)


def main():
    if lacking("certs", "openssl"):
        finish()
    folder = tempfile.mkdtemp(prefix="hearthmail-test.")
    os.chmod(folder, 0o755)
    try:
        own = make(folder, "own", "mail.home.test")
        a = make(folder, "a", "imap.home.test", "smtp.home.test")
        b = make(folder, "b", "mail.b.test")
        make(folder, "client", "someone.test")
        h = House(web=True)
        h.write_config(yaml(h, folder))
        with h:
            by_name(h, folder, own, a, b)
            verdict([t for t in status(h)["certificates"] if t.startswith("b.test has its own: until")],
                    "said-in-status", status(h)["certificates"])
            changes(h, folder, own, a, b)
            goes(h, folder, own, a)
            broken_at_start(h, folder, own, a)
            looked_at(h, folder)
            h.write_config()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    finish()


main()
