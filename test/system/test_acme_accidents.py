#!/usr/bin/env python3
"""Certificates by themselves, when things go wrong at a bad time: a wrong clock, names that do not
resolve, a lost account key, an authority that takes the connection and says nothing.  TLS serves
all the time, and the status has a sentence."""
import json
import os
import shutil
import socket
import ssl
import tempfile
import threading
import time

from house import House, finish, free_ports, lacking, verdict, wait_until
from pebble import Pebble
from pairs import shown

YEAR_MS = 365 * 86400 * 1000


def trouble(h, text):
    def look():
        try:
            said = json.loads(h.command("status", "--json").stdout)["certificates_trouble"]
        except ValueError:
            return []
        return [t for t in said if text in t]
    return wait_until(look)


def serves(h):
    return not isinstance(shown(h, "imaps", "mail.home.test"), str)


def clock(h):
    """Twenty years back: it waits, and says for what."""
    verdict(trouble(h, "clock of this machine is wrong"), "clock-is-said", h.log()[-1000:])
    verdict(serves(h), "clock-serves")
    verdict("acme.fail" not in h.log(), "clock-asks-nobody")
    r = h.command("cert", "renew", "mail.home.test")
    verdict(r.returncode == 1 and "clock" in r.stderr, "clock-is-answered", r.stdout + r.stderr)
    del h.env["HEARTHMAIL_TEST_CLOCK"]


def names(h, p):
    """One name of the domain has no address: it is not asked for; and the rest has its certificate."""
    p.names("set-default-ipv4", ip="")
    for n in ("mail", "autoconfig", "autodiscover"):
        p.names("add-a", host=f"{n}.home.test.", addresses=["127.0.0.1"])
    h.restart()
    verdict(h.logged(r"acme\.issued certificate=host\.mail\.home\.test"), "names-the-servers-own", h.log()[-1500:])
    verdict(h.logged(r"acme\.issued certificate=domain\.home\.test names=2"), "names-without-the-one", h.log()[-1500:])


def lost_key(h):
    """The account's key is gone: another account, the same certificates, renewed in time."""
    h.stop()
    os.unlink(os.path.join(h.data, "acme/account.pem"))
    h.env["HEARTHMAIL_TEST_CLOCK"] = str(4 * YEAR_MS)
    h.restart()
    verdict(h.logged(r"acme\.issued certificate=host\.mail\.home\.test"), "lost-key-renewed", h.log()[-1500:])
    verdict(serves(h), "lost-key-serves")


def no_address(h, p):
    """The server's own name does not resolve any more; pebble's certificates end in real time, so that the
    next renewal is due at once."""
    with open(os.path.join(h.data, "acme/host.mail.home.test.pem")) as f:
        before = ssl.PEM_cert_to_DER_cert(f.read().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")
    p.names("clear-a", host="mail.home.test.")
    h.env["HEARTHMAIL_TEST_CLOCK"] = str(4 * YEAR_MS + 3 * 86400 * 1000)
    h.restart()
    said = trouble(h, "no renewal of its certificate, which is good until")
    # pebble does not say that it is about the DNS when it looks at port 443.
    verdict(said and ("finds no address of mail.home.test in the DNS" in said[0] or "Could not resolve" in said[0]),
            "no-address-is-said", said)
    verdict(wait_until(lambda: shown(h, "imaps", "mail.home.test") == before), "no-address-serves-as-before")
    r = h.command("cert", "renew", "mail.home.test")
    verdict(r.returncode == 1 and "the last attempt has just failed" in r.stderr, "no-address-is-answered", r.stderr)


class Silent:
    """Takes connections and says nothing; or sends rubbish for ever."""

    def __init__(self, rubbish):
        self.rubbish = rubbish
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                c = self.sock.accept()[0]
            except OSError:
                return
            self.kept.append(c)
            if self.rubbish:
                threading.Thread(target=self.flood, args=(c,), daemon=True).start()

    def flood(self, c):
        try:
            while True:
                c.sendall(b"HTTP/1.1 200 OK\r\n" * 1000)
        except OSError:
            pass

    def close(self):
        self.sock.close()
        for c in self.kept:
            c.close()


def silent(folder, rubbish):
    name = "rubbish" if rubbish else "silent"
    s = Silent(rubbish)
    http, = free_ports(1)
    h = House(f'  http: ["127.0.0.1:{http}"]\n'
              f'tls: {{ acme: {{ directory: "https://localhost:{s.port}/dir", ca: "{folder}/ca.pem" }} }}\n'
              "dns: { check: off }\n")
    with h:
        if not rubbish:
            # In the middle of the handshake.
            verdict(wait_until(lambda: s.kept), f"{name}-is-asked", h.log()[-1000:])
            verdict(serves(h), f"{name}-serves-meanwhile")
            began = time.monotonic()
            h.stop()
            verdict("stopped uptime" in h.log(), f"{name}-does-not-hold-up-a-stop", time.monotonic() - began)
            h.start()
        verdict(trouble(h, "does not answer in time" if not rubbish else "cannot be reached"), f"{name}-is-said",
                h.log()[-1500:])
        verdict(serves(h), f"{name}-serves")
    s.close()


def main():
    if lacking("acme-accidents", "pebble", "pebble-challtestsrv", "openssl"):
        finish()
    folder = tempfile.mkdtemp(prefix="hearthmail-test.")
    os.chmod(folder, 0o755)
    try:
        http, https = free_ports(2)
        # No authorization is used again: names are to be looked at each time.
        with Pebble(folder, http, env={"PEBBLE_AUTHZREUSE": "0"}) as p:
            p.trust()
            h = House(f'  http: ["127.0.0.1:{http}"]\n  https: ["127.0.0.1:{https}"]\n' + p.yaml())
            h.env["HEARTHMAIL_TEST_CLOCK"] = str(-20 * YEAR_MS)
            with h:
                clock(h)
                names(h, p)
                lost_key(h)
                no_address(h, p)
        silent(folder, False)
        silent(folder, True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    finish()


main()
