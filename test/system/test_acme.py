#!/usr/bin/env python3
"""Certificates by themselves: from pebble, end to end, over HTTP-01."""
import json
import os
import shutil
import socket
import ssl
import tempfile

from house import House, PASSWORD, finish, free_ports, lacking, verdict, wait_until
from pebble import Pebble


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


def first_certificate(folder):
    http = free_ports(1)[0]
    with Pebble(folder, http) as p:
        ca = p.trust()
        with House(f'  http: ["127.0.0.1:{http}"]\n' + p.yaml(), env={"HEARTHMAIL_TEST_KILL": "1"}) as h:
            before = shown(h.port["imaps"])
            verdict(before is not None, "self-signed-until-then")
            m = h.imap(tls=True) if shown(h.port["imaps"], ca) is None else None
            ok = h.logged(r"acme\.issued certificate=host\.mail\.home\.test")
            verdict(ok, "issued", h.log()[-1500:] + p.log()[-500:])
            ok = wait_until(lambda: shown(h.port["imaps"], ca))
            verdict(ok, "served-and-trusted", h.log()[-1500:])
            verdict(m is None or m.noop()[0] == "OK", "a-session-is-not-cut")
            verdict(ok != before, "another-than-before")
            first = ok
            said = wait_until(lambda: [t for t in status(h).get("certificates", [])
                                       if t.startswith("mail.home.test: good until")])
            verdict(said, "said-in-status", status(h))
            verdict(h.logged(r"acme\.issued certificate=domain\.home\.test names=3"), "names-of-the-domain",
                    h.log()[-1500:])
            h.restart()
            verdict(wait_until(lambda: shown(h.port["imaps"], ca)) == first, "kept-over-a-restart")


def main():
    if lacking("acme", "pebble", "pebble-challtestsrv", "openssl"):
        finish()
    folder = tempfile.mkdtemp(prefix="hearthmail-test.")
    os.chmod(folder, 0o755)
    try:
        first_certificate(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    finish()


main()
