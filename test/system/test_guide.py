#!/usr/bin/env python3
"""`hearthmail dns` in a small Internet whose name servers are late, lie, or do
not agree: what is said of it, to whom, and what the server's status repeats."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

from house import House, finish, skip, verdict, wait_until
from smallnet import SmallNet, Zone, missing

HOST = "mail.a.test"
DOMAINS = ["a.test", "split.test"]
KEYS = "{host}"


class KeyHouse(House):
    """The same server before there is a network: it makes its keys."""

    def yaml(self):
        return super().yaml().replace("mail.home.test", HOST).replace(
            "[home.test]", "[" + ", ".join(DOMAINS) + "]").replace("@home.test", "@a.test")


def keys(d):
    with KeyHouse(dir=d, users=("anna",)) as h:
        wait_until(lambda: all(os.path.exists(os.path.join(h.data, "auth/dkim", x + ".pem")) for x in DOMAINS))
        h.stop()
        return json.loads(h.command("dns", "--print", "--json").stdout)["records"]


def line(r):
    value = r["value"]
    if r["type"] == "TXT":
        value = " ".join(f'"{value[i:i + 255]}"' for i in range(0, len(value), 255))
    return f'{r["name"]}. {r["type"]} {value}'


def lines(records, domain, without=()):
    """As printed, with the real ports."""
    ports = {"submissions": 465, "submission": 587, "imaps": 993, "pop3s": 995}
    out = []
    for r in records:
        if r["domain"] != domain or r["kind"] in without:
            continue
        if r["type"] == "SRV":
            service = r["name"].split(".")[0][1:]
            r = dict(r, value=f"{r['value'].split()[0]} 1 {ports[service]} {HOST}.")
        out.append(line(r))
    return out


def reverse(ip):
    return ".".join(reversed(ip.split(".")))


def block_lists(net):
    """good lists us, empty answers nothing, all lists the world, odd refuses."""
    us = reverse(net.ip["a"])
    return {"good.lists.test": ["2.0.0.127 A 127.0.0.2", f"{us} A 127.0.0.3"],
            "clean.lists.test": ["2.0.0.127 A 127.0.0.2"],
            "empty.lists.test": ["www A 127.0.0.2"],
            "all.lists.test": ["* A 127.0.0.2"],
            "odd.lists.test": ["2.0.0.127 A 127.255.255.254", f"{us} A 127.255.255.254"]}


LISTS = ['"good.lists.test 127.0.0.2-127.0.0.3"', "clean.lists.test", "empty.lists.test", "all.lists.test",
         "odd.lists.test"]


def ask(h, *words):
    r = h.command("dns", *words, "--json", timeout=240)
    return r, json.loads(r.stdout)


def of(out, kind, domain=None):
    return [x for x in out["records"] if x["kind"] == kind and x["domain"] == domain]


def resolver(net, host):
    """Of the host with the server."""
    with open(f"/etc/netns/{net.ns('a')}/resolv.conf", "w") as f:
        f.write(f"nameserver {net.ip[host]}\n")


def listed(net, h):
    r, out = ask(h)
    by = {x["name"].split(".", 4)[4]: x for x in of(out, "block list") if x["name"].startswith(reverse(net.ip["a"]))}
    verdict(by["good.lists.test"]["state"] == "different" and by["good.lists.test"]["trouble"] and
            "127.0.0.3" in by["good.lists.test"]["found"] and r.returncode == 1, "listed", by)
    verdict(by["clean.lists.test"]["state"] == "right", "not-listed", by)
    for name, words in (("empty", "empty"), ("all", "lists 127.0.0.1"), ("odd", "refuses to answer this server")):
        x = by[f"{name}.lists.test"]
        verdict(x["state"] == "unknown" and not x["trouble"] and words in x["text"], f"{name}-list-is-an-error", x)
    v = [d for d in out["domains"] if d["domain"] == "a.test"][0]
    verdict(v["reached"] == "yes" and v["believed"] == "no" and v["believed_text"] == "block list", "verdict", v)


def servers(net, h):
    """One of two name servers has not heard of the DKIM keys; the world is asked last."""
    r, out = ask(h, "split.test")
    verdict({x["domain"] for x in out["records"]} == {None, "split.test"}, "one-domain-only", out)
    got = of(out, "DKIM", "split.test")
    verdict(len(got) == 2 and all(x["state"] == "different" and re.search(r"ns2\.test \S+ does not have it", x["servers"])
                                  for x in got), "servers-do-not-agree", got)
    verdict(all(x["state"] == "right" and not x["servers"] for x in of(out, "MX", "split.test")),
            "servers-agree-on-the-rest", of(out, "MX", "split.test"))
    text = h.command("dns", "split.test", timeout=240).stdout
    verdict(re.search(r"(?m)^  wrong +DKIM.*: not all of the zone's name servers have it: ns2\.test ",
                      text.replace("\n            ", " ")), "servers-on-the-screen", text)


def late(net, h):
    """The resolver still has a world without SPF; then one that knows everything."""
    resolver(net, "late")
    r, out = ask(h, "a.test")
    spf, mx = of(out, "SPF", "a.test")[0], of(out, "MX", "a.test")[0]
    verdict(spf["state"] == "right" and spf["world"] == "old" and mx["world"] == "same", "the-world-is-late",
            (spf, mx))
    text = h.command("dns", "a.test", timeout=240).stdout
    verdict(re.search(r"(?m)^  soon +SPF: the zone has it; others who asked before see the old answer for up to "
                      r"\d+\s+minutes?$", text.replace("\n            ", " ")), "soon", text)
    resolver(net, "resolver")
    r, out = ask(h, "a.test")
    verdict(of(out, "SPF", "a.test")[0]["world"] == "same" and out["resolver"] == "", "the-world-has-it", out)


def liar(net, h):
    resolver(net, "liar")
    r, out = ask(h, "a.test")
    verdict(out["resolver"] == "rewrites answers" and of(out, "MX", "a.test")[0]["state"] == "right", "lying-resolver",
            out["resolver"])
    by = {x["name"].split(".", 4)[4]: x for x in of(out, "block list") if "ip6" not in x["name"]}
    verdict(by["clean.lists.test"]["state"] == "right", "own-recursion-is-not-fooled", by)
    # Where all goes through it nothing is taken for a listing.  (Names below "test" are answered
    # without asking it.)
    config = open(h.config).read()
    h.write_config(re.sub(r"dns: \{.*\}", f"dns: {{ forward: {net.ip['liar']}, validate: no, "
                          "block_lists: bl.example }", config))
    r, out = ask(h, "a.test")
    states = {x["state"] for x in of(out, "block list")}
    verdict(states == {"unknown"} and all("rewrites answers" in x["text"] for x in of(out, "block list")),
            "a-lie-is-not-a-listing", of(out, "block list"))
    h.write_config(config)
    resolver(net, "root")  # does not serve others' names, and never answers them
    net.link("late", False)
    resolver(net, "late")
    r, out = ask(h, "a.test")
    verdict(out["resolver"] == "does not answer" and of(out, "MX", "a.test")[0]["state"] == "right", "dead-resolver",
            out["resolver"])
    resolver(net, "resolver")


def port_25(net, h):
    verdict(not of(ask(h, "a.test")[1], "port 25"), "port-25-not-without-the-word")
    r, out = ask(h, "a.test", "--network")
    by = {x["name"]: x for x in of(out, "port 25")}
    verdict(by["bad.test"]["state"] == "right" and by["bad.test"]["found"].startswith("220 "), "port-25-is-open",
            by)
    verdict(by["closed.test"]["state"] == "different" and net.ip["ns1"] in by["closed.test"]["text"],
            "port-25-is-closed", by)
    verdict(by["nothing.test"]["state"] == "unknown", "port-25-of-nobody", by)


def tlsa(h):
    """It is offered for the key of the certificate in use, since the zone is signed."""
    x = of(ask(h, "a.test")[1], "TLSA")[0]
    cert = os.path.join(h.data, "tls/cert.pem")
    if not os.path.exists(cert):
        cert = [os.path.join(h.data, "tls", f) for f in os.listdir(os.path.join(h.data, "tls")) if "key" not in f][0]
    key = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, capture_output=True,
                         check=True).stdout
    verdict(x["value"] == "3 1 1 " + hashlib.sha256(der).hexdigest() and x["state"] == "missing" and not x["trouble"],
            "tlsa-is-of-the-key", x)


def words(h):
    r = h.command("dns", "other.test", timeout=240)
    verdict(r.returncode == 1 and "other.test is not one of the domains" in r.stderr, "unknown-domain", r)
    verdict(h.command("dns", "--brief", "--json").returncode == 2, "usage")
    verdict(h.command("dns", "A.TEST.", "--print").stdout.count("a.test. MX") == 1, "domain-in-any-case")


def daily(h):
    """What the daily look has found is in the status and the log."""
    found = wait_until(lambda: json.loads(h.command("status", "--json").stdout)["published_trouble"])
    verdict(any(x.startswith("split.test: DKIM ") for x in found) and any("block list good.lists.test" in x for x in found)
            and not any(x.startswith("a.test:") for x in found), "status-repeats", found)
    r = h.command("status")
    verdict(r.returncode == 1 and re.search(r"(?m)^published +NOT RIGHT at .* UTC; see hearthmail dns$", r.stdout) and
            re.search(r"(?m)^ {13}split\.test: DKIM hm-rsa-\S+ is wrong$", r.stdout), "status-in-words", r.stdout)
    verdict("published.wrong text=" in h.log(), "log-repeats", h.log()[-600:])
    brief = h.command("dns", "--brief", timeout=240)
    verdict(brief.returncode == 1 and sorted(brief.stdout.splitlines()) == sorted(found), "brief", (brief, found))


def next_key(h):
    """One that was made and is not published is no trouble; the old one signs."""
    r = h.command("dkim", "rotate", "a.test", timeout=300)
    verdict(r.returncode == 0, "rotate", r)
    r, out = ask(h, "a.test")
    got = of(out, "DKIM", "a.test")
    verdict(sorted(x["state"] for x in got) == ["missing"] * 2 + ["right"] * 2 and not any(x["trouble"] for x in got)
            and all("next key" in x["text"] for x in got if x["state"] == "missing"), "the-next-key", got)
    text = h.command("dns", "a.test", timeout=240).stdout
    verdict(re.search(r"(?m)^  next +DKIM: the next key; it is used as soon as", text), "next-on-the-screen", text)


def reloaded(h):
    """A new configuration is looked at before long; without dns.check nothing is said."""
    config = open(h.config).read()
    h.write_config(config.replace("dns: {", "dns: { check: off,"))
    h.command("reload")
    verdict(wait_until(lambda: json.loads(h.command("status", "--json").stdout)["published_checked"] == 0),
            "check-off")
    h.write_config(config.replace("[a.test, split.test]", "[a.test]").replace('"good.lists.test 127.0.0.2-127.0.0.3", ', ""))
    h.command("reload")
    s = wait_until(lambda: (lambda s: s["published_checked"] and s)(json.loads(h.command("status", "--json").stdout)))
    verdict(s and not s["published_trouble"] and "published.right" in h.log(), "looked-at-after-a-reload", s)
    verdict("published    all DNS records that are needed\n" in h.command("status").stdout, "status-right")
    r = h.command("dns", timeout=240)
    verdict(r.returncode == 0 and r.stdout.endswith("All records are published.\n"), "all-is-well", r.stdout)


def serve(net, records):
    whole = lines(records, "split.test")
    part = [x for x in whole if "_domainkey" not in x]
    net.serve("ns1", {"split.test": whole})
    net.serve("ns2", {"split.test": part, **block_lists(net)})
    a = lines(records, "a.test")
    host = ["mail.a.test. A {a}", "mail.a.test. AAAA {a/6}"]
    old = [x for x in a if "v=spf1" not in x] + host
    net.serve("late", {"": [], "a.test": old, "split.test": whole})
    net.serve("liar", {"": ["*. A 203.0.113.99", "*. MX 10 mail.a.test."], "a.test": a + host})


def zones(records):
    lists = {f"{x}.lists.test": Zone(ns=["ns2"]) for x in ("good", "clean", "empty", "all", "odd")}
    return {"a.test": Zone(lines(records, "a.test") + ["mail A {a}", "mail AAAA {a/6}"]),
            "split.test": Zone(ns=["ns1", "ns2"]), **lists,
            "bad.test": Zone(["@ MX 10 mail", "mail A {bad}"]),
            "closed.test": Zone(["@ MX 10 mail", "mail A {ns1}"])}


def main():
    gone = missing()
    if gone:
        skip("all", f"there can be no small Internet here without: {gone}")
        finish()
    d = tempfile.mkdtemp(prefix="hearthmail-test.")
    try:
        records = keys(d)
        with SmallNet(hosts=["a", "bad", "ns1", "ns2", "late", "liar"], zones=zones(records)) as net:
            serve(net, records)
            extra = (f"dns: {{ root_hints: {net.hints}, trust_anchor: {net.anchor}, receivers: [bad.test, closed.test, "
                     f"nothing.test], block_lists: [{', '.join(LISTS)}] }}\n")
            h = net.hearthmail("a", HOST, DOMAINS, users=("anna",), dir=d, dns=False, extra=extra,
                               env={"HEARTHMAIL_TEST_PUBLISHED": "100"})
            net.badhost("bad", "ok")
            with h:
                daily(h)
                listed(net, h)
                servers(net, h)
                tlsa(h)
                words(h)
                late(net, h)
                port_25(net, h)
                liar(net, h)
                next_key(h)
                reloaded(h)
    finally:
        shutil.rmtree(d, ignore_errors=True)
    finish()


if __name__ == "__main__":
    main()
