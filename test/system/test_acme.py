#!/usr/bin/env python3
"""Certificates by themselves: from pebble, end to end, over both kinds of challenges."""
import hashlib
import json
import os
import shutil
import socket
import ssl
import tempfile
import time

from house import House, finish, free_ports, lacking, verdict, wait_until
from pebble import Pebble, make_ca, openssl


def shown(port, ca=None, name="mail.home.test"):
    """The certificate that a client of that port sees, verified if ca is given; None: it is not good."""
    ctx = ssl.create_default_context(cafile=ca)
    if ca is None:
        ctx.check_hostname = False
        ctx.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), 30) as s, \
                ctx.wrap_socket(s, server_hostname=name) as t:
            return t.getpeercert(True)
    except OSError:
        return None


def status(h):
    r = h.command("status", "--json")
    try:
        return json.loads(r.stdout)
    except ValueError:
        return {}


def spki(der):
    """Of a certificate, the public key: what TLSA 3 1 1 is the hash of."""
    pem = ssl.DER_cert_to_PEM_cert(der).encode()
    return openssl("x509", "-pubkey", "-noout", input=pem)


def year(n):
    return {"HEARTHMAIL_TEST_CLOCK": str(n * 365 * 86400 * 1000)}


def first_certificate(p, h, ca):
    before = shown(h.port["imaps"])
    verdict(before is not None, "self-signed-until-then")
    m = h.imap(tls=True) if shown(h.port["imaps"], ca) is None else None
    ok = h.logged(r"acme\.issued certificate=host\.mail\.home\.test")
    verdict(ok, "issued", h.log()[-1500:] + p.log()[-500:])
    ok = wait_until(lambda: shown(h.port["imaps"], ca))
    verdict(ok, "served-and-trusted", h.log()[-1500:])
    verdict(m is None or m.noop()[0] == "OK", "a-session-is-not-cut")
    verdict(ok != before, "another-than-before")
    said = wait_until(lambda: [t for t in status(h).get("certificates", [])
                               if t.startswith("mail.home.test: good until")])
    verdict(said, "said-in-status", status(h))
    verdict(not status(h)["certificates_trouble"], "clients-see-it", status(h)["certificates_trouble"])
    verdict(h.logged(r"acme\.issued certificate=domain\.home\.test names=3"), "names-of-the-domain",
            h.log()[-1500:])
    for name in ("mta-sts", "autoconfig", "autodiscover"):
        verdict(wait_until(lambda: shown(h.port["https"], ca, name + ".home.test")), f"web-shows-{name}",
                h.log()[-1500:])
    return ok


def kept(h, ca, first):
    """It is neither ordered again nor lost, and web, which starts anew, is told again."""
    h.restart()
    verdict(wait_until(lambda: shown(h.port["imaps"], ca)) == first, "kept-over-a-restart")
    verdict(wait_until(lambda: shown(h.port["https"], ca, "mta-sts.home.test")), "web-is-told-at-a-start",
            h.log()[-1500:])
    h.kill("web")
    verdict(wait_until(lambda: shown(h.port["https"], ca, "mta-sts.home.test")), "web-is-told-again",
            h.log()[-1500:])
    verdict("acme.issued" not in h.log(), "not-ordered-again", h.log()[-1500:])


def domain_goes(h, ca):
    """A domain leaves the configuration: so does its certificate, which is kept for a return."""
    with open(h.config) as f:
        text = f.read()

    def write(domains):
        h.write_config(text.replace("domains: [home.test]", f"domains: {domains}"))
        verdict(h.command("reload").returncode == 0, "reload-" + domains)
    write("[home.test, other.test]")
    verdict(wait_until(lambda: shown(h.port["https"], ca, "mta-sts.other.test")), "another-domain", h.log()[-1500:])
    write("[home.test]")
    verdict(wait_until(lambda: shown(h.port["https"], ca, "mta-sts.other.test") is None), "it-goes",
            h.log()[-1500:])
    verdict(shown(h.port["https"], ca, "mta-sts.home.test"), "the-others-stay")
    seen = h.log().count("acme.issued")
    write("[home.test, other.test]")
    verdict(wait_until(lambda: shown(h.port["https"], ca, "mta-sts.other.test")), "it-returns", h.log()[-1500:])
    verdict(h.log().count("acme.issued") == seen, "without-another-order", h.log()[-1500:])
    write("[home.test]")
    # Turned off, nothing of it is shown any more; turned on again, all of it is there.
    with open(h.config) as f:
        on = f.read()
    h.write_config("".join(line for line in on.splitlines(True) if not line.startswith("tls: ")))
    verdict(h.command("reload").returncode == 0, "reload-off")
    verdict(wait_until(lambda: shown(h.port["https"], ca, "mta-sts.home.test") is None), "off-it-goes", h.log()[-1500:])
    verdict(shown(h.port["https"]) is not None, "off-it-serves")
    h.write_config(on)
    verdict(h.command("reload").returncode == 0, "reload-on")
    verdict(wait_until(lambda: shown(h.port["https"], ca, "mta-sts.home.test")), "on-it-returns", h.log()[-1500:])
    verdict(wait_until(lambda: shown(h.port["imaps"], ca)), "on-the-servers-own-returns", h.log()[-1500:])


def certs(h, *words):
    r = h.command("cert", *(words or ("list",)), "--json")
    try:
        return json.loads(r.stdout)
    except ValueError:
        return r.stdout + r.stderr


def listed(h, first):
    """`cert`: what there is, and why it is renewed when."""
    c = certs(h)
    verdict([x["name"] for x in c] == ["mail.home.test", "home.test"] and c[0]["source"] == "tls.acme" and
            c[0]["names"] == ["mail.home.test"] and c[1]["domain"] == "home.test" and len(c[1]["names"]) == 3 and
            c[0]["renewal_reason"] and c[0]["renewal"] < c[0]["not_after"] and c[0]["proved_by"] == "http-01" and
            "Pebble" in c[0]["issuer"] and not c[0]["failure"], "cert-list", c)
    tlsa = hashlib.sha256(openssl("pkey", "-pubin", "-outform", "der", input=spki(first))).hexdigest()
    verdict(c[0]["tlsa"] == tlsa, "cert-tlsa-is-of-the-key", c[0])
    r = h.command("cert", "show", "autoconfig.home.test")
    verdict(r.stdout.startswith("home.test (domain)\n  names        mta-sts.home.test") and
            "two thirds of its time" in r.stdout and "TLSA         3 1 1 " in r.stdout, "cert-show", r.stdout + r.stderr)
    r = h.command("cert", "show", "nobody.test")
    verdict(r.returncode == 1 and "no certificate has the name nobody.test" in r.stderr, "cert-show-unknown", r.stderr)
    for words in (("show",), ("renew",), ("list", "x"), ("renew", "a", "b"), ("rotate", "x"), ("renew", "x" * 300)):
        r = h.command("cert", *words)
        verdict(r.returncode == 64 or r.returncode == 2, "cert-words-" + words[0], r.stderr)


def wanted(h, ca, first):
    """`cert renew`: now, but not more often than authorities like."""
    r = h.command("cert", "renew", "nobody.test")
    verdict(r.returncode == 1 and "no certificate of this server has the name" in r.stderr, "renew-unknown", r.stderr)
    r = h.command("cert", "renew", "mail.home.test")
    verdict(r.returncode == 1 and "not before" in r.stderr and "has just come" in r.stderr, "renew-too-soon",
            (r, h.log()[-1500:]))
    h.env.update({"HEARTHMAIL_TEST_CLOCK": str(3 * 86400 * 1000)})
    h.restart()
    c = certs(h, "renew", "mta-sts.home.test")
    verdict(c["renewed"] is True and "good until" in c["text"], "renew-by-a-name-of-the-domain", c)
    verdict(h.logged(r"acme\.issued certificate=domain\.home\.test"), "renewed-it-is", h.log()[-1500:])
    verdict("acme.issued certificate=host" not in h.log(), "no-other-is-renewed")
    r = h.command("cert", "renew", "MAIL.home.test")
    verdict(r.returncode == 0 and "there is a new certificate" in r.stdout, "renew-the-servers-own", r.stdout + r.stderr)
    second = wait_until(lambda: (c := shown(h.port["imaps"], ca)) not in (None, first) and c)
    verdict(second and spki(second) == spki(first), "renew-keeps-the-key")
    return second


def renewed(h, ca, first):
    """Four of five years later."""
    h.env.update(year(4))
    h.restart()
    verdict(h.logged(r"acme\.issued certificate=host\."), "renewed-in-time", h.log()[-1500:])
    second = wait_until(lambda: (c := shown(h.port["imaps"], ca)) not in (None, first) and c)
    verdict(second and spki(second) == spki(first), "with-the-same-key")
    return second


def authority_down(p, h, ca, second):
    """Another month later nobody answers: all serves as before, and there is a sentence."""
    h.stop()  # it writes the file, too
    p.stop_authority()
    for name in ("state.json",):
        path = os.path.join(h.data, "acme", name)
        with open(path) as f:
            state = json.load(f)
        for r in state["certificates"].values():
            r["issued"] = 1
            r["first_failed"] = int(time.time()) + 2 * 365 * 86400
        with open(path, "w") as f:
            json.dump(state, f)
    h.restart()
    said = wait_until(lambda: [t for t in status(h).get("certificates_trouble", []) if "cannot be reached" in t])
    verdict(said and "which is good until" in said[0], "down-is-said", status(h).get("certificates_trouble"))
    verdict(shown(h.port["imaps"], ca) == second, "down-serves-as-before")
    verdict(wait_until(lambda: h.count("anna") > 0), "down-is-a-letter")
    m = h.imap("anna")
    m.select()
    text = m.fetch("1", "(BODY[])")[1][0][1].decode()
    m.logout()
    verdict("Subject: The certificate of mail.home.test cannot be renewed: half" in text and
            "cannot be reached" in text, "down-is-in-the-letter", text)
    c = certs(h, "show", "mail.home.test")
    verdict("cannot be reached" in c[0]["failure"] and c[0]["failures"] > 0 and c[0]["failed"] and
            "failed" in c[0]["renewal_reason"], "down-is-in-cert", c)
    r = h.command("cert", "renew", "mail.home.test")
    verdict(r.returncode == 1 and ("cannot be reached" in r.stderr or "has just failed" in r.stderr), "down-is-answered",
            r.stderr)
    r = h.command("status")
    verdict("NOT RIGHT: mail.home.test: no renewal" in r.stdout, "down-is-in-the-text", r.stdout)


def damaged(h, ca, second):
    """Its file was cut by a full disk: the last good one serves, it is named and made anew."""
    h.stop()
    path = os.path.join(h.data, "acme/host.mail.home.test.pem")
    with open(path, "w"):
        pass
    h.restart()
    verdict(shown(h.port["imaps"], ca) == second, "damaged-the-last-good-one-serves", h.log()[-1500:])
    verdict(h.logged(r"acme\.damaged file=acme/host\.mail\.home\.test\.pem"), "damaged-is-said")
    verdict(os.path.exists(path + ".bad"), "damaged-is-set-aside")
    verdict(shown(h.port["imaps"], ca) == second, "damaged-serves-on")


def blocked(folder):
    """Port 80 is another's: a sentence, a self-signed certificate, and no flood."""
    http, other = free_ports(2)
    with Pebble(folder, other) as p:
        p.trust()
        with House(f'  http: ["127.0.0.1:{http}"]\n' + p.yaml()) as h:
            said = wait_until(lambda: [t for t in status(h).get("certificates_trouble", [])
                                       if "port 80 must be open" in t and "mail.home.test" in t])
            verdict(said, "blocked-is-said", status(h))
            verdict(shown(h.port["imaps"]) is not None, "blocked-serves-self-signed")
            verdict(h.log().count("acme.fail certificate=host") == 1, "blocked-once", h.log()[-1500:])


def over_tls(folder):
    """Port 80 is another's, or is not there at all: port 443 does, and status says so."""
    http, https, other = free_ports(3)
    with Pebble(folder, other, tls_port=https) as p:
        ca = p.trust()
        for name, ports in (("other-port-80", f'  http: ["127.0.0.1:{http}"]\n  https: ["127.0.0.1:{https}"]\n'),
                            ("no-port-80", f'  https: ["127.0.0.1:{https}"]\n')):
            with House(ports + p.yaml()) as h:
                ok = h.logged(r"acme\.issued certificate=host\.mail\.home\.test .*by=tls-alpn-01")
                verdict(ok, f"{name}-issued-over-tls", h.log()[-1500:] + p.log()[-500:])
                ok = h.logged(r"acme\.issued certificate=domain\.home\.test names=3 .*by=tls-alpn-01")
                verdict(ok, f"{name}-the-others-too", h.log()[-1500:] + p.log()[-500:])
                verdict(wait_until(lambda: shown(https, ca)), f"{name}-served-and-trusted", h.log()[-1500:])
                said = wait_until(lambda: [t for t in status(h).get("certificates", [])
                                           if t.startswith("mail.home.test: good until") and "port 443" in t])
                verdict(said, f"{name}-said-in-status", status(h))
                fails = h.log().count("acme.way certificate=host")
                verdict(fails == (name == "other-port-80"), f"{name}-one-change-of-ways", h.log()[-1500:])


def refused(folder):
    """The authority's own certificate is not trusted; or it wants an account that we do not have."""
    with Pebble(folder, free_ports(1)[0], eab={"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}) as p:
        p.trust()
        os.mkdir(os.path.join(folder, "other"))
        make_ca(os.path.join(folder, "other"))
        with House(p.yaml().replace("trust.pem", "other/ca.pem")) as h:
            r = h.command("check")
            verdict("WARNING: the authority looks at port 80 or 443" in r.stdout, "check-names-ports", r.stdout)
            said = wait_until(lambda: [t for t in status(h).get("certificates_trouble", []) if "listen.http" in t])
            verdict(said, "no-port-is-said", status(h))
        port = f'  http: ["127.0.0.1:{p.http_port}"]\n'
        with House(port + p.yaml().replace("trust.pem", "other/ca.pem")) as h:
            said = wait_until(lambda: [t for t in status(h).get("certificates_trouble", []) if "not trusted" in t])
            verdict(said and "clock" in said[0], "untrusted-is-said", status(h))
        with House(p.yaml().replace("trust.pem", "gone.pem")) as h:
            said = wait_until(lambda: [t for t in status(h).get("certificates_trouble", []) if "gone.pem" in t])
            verdict(said, "missing-file-is-said", status(h))
        with House(port + p.yaml()) as h:
            said = wait_until(lambda: [t for t in status(h).get("certificates_trouble", []) if "tls.acme.eab" in t])
            verdict(said, "external-account-is-said", status(h))
        secret = os.path.join(folder, "secret")
        with open(secret, "w") as f:
            f.write("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W\n")
        with House(port + p.yaml(f', email: anna@home.test, eab: {{ id: kid-1, secret_file: "{secret}" }}')) as h:
            verdict(h.logged(r"acme\.issued certificate=host\."), "external-account", h.log()[-1500:])


def whole_life(folder):
    http, https = free_ports(2)
    with Pebble(folder, http) as p:
        ca = p.trust()
        h = House(f'  http: ["127.0.0.1:{http}"]\n  https: ["127.0.0.1:{https}"]\n' + p.yaml(),
                  env={"HEARTHMAIL_TEST_KILL": "1"})
        h.port["https"] = https
        with h:
            first = first_certificate(p, h, ca)
            kept(h, ca, first)
            domain_goes(h, ca)
            listed(h, first)
            first = wanted(h, ca, first)
            second = renewed(h, ca, first)
            authority_down(p, h, ca, second)
            damaged(h, ca, second)


def main():
    if lacking("acme", "pebble", "pebble-challtestsrv", "openssl"):
        finish()
    folder = tempfile.mkdtemp(prefix="hearthmail-test.")
    os.chmod(folder, 0o755)
    try:
        whole_life(folder)
        blocked(folder)
        over_tls(folder)
        refused(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    finish()


main()
