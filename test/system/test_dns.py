#!/usr/bin/env python3
"""The name service in a small Internet: recursion and validation, broken zones,
other ways to look names up, bounds, and what happens when it dies.

  test_dns.py [--quick]
"""
import os
import re
import subprocess
import sys
import threading
import time

from house import BINARY, finish, skip, verdict, wait_until
from smallnet import SmallNet, Zone, missing

QUICK = "--quick" in sys.argv
ASK = os.path.join(os.path.dirname(os.path.dirname(BINARY)), "test/system/dns-ask")
CHAIN = [f"c{i} CNAME c{i + 1}" for i in range(1, 20)] + ["c20 A 192.0.2.20"]
BIG = " ".join('"%s"' % (c * 200) for c in "abcdefghij")

ZONES = {
    "a.test": Zone(["@ MX 20 mail2", "@ MX 10 MAIL", "mail A {mail-a}", "mail AAAA {mail-a/6}",
                    "mail2 A {mail-b}", '@ TXT "v=spf1 mx " "-all"', f"big TXT {BIG}",
                    "_imaps._tcp SRV 0 1 993 mail", "_25._tcp.mail TLSA 3 1 1 " + "ab" * 32,
                    "www CNAME mail", "over CNAME mail.b.test.", "down CNAME host.plain.test.",
                    "forged CNAME host.bogus.test.", "gone CNAME nothing.b.test.",
                    "loop1 CNAME loop2", "loop2 CNAME loop1", *CHAIN]),
    "b.test": Zone(["@ MX 0 .", "mail A {mail-b}"]),
    "plain.test": Zone(["@ MX 10 host", "host A 192.0.2.7", "* A 192.0.2.8"], "unsigned"),
    "wild.test": Zone(["* A 192.0.2.9"]),
    "bogus.test": Zone(["@ MX 10 host", "host A 192.0.2.1"], "bogus"),
    "expired.test": Zone(["host A 192.0.2.1"], "expired"),
    "lame.test": Zone([], "lame"),
    "servfail.test": Zone([], "servfail"),
    "dead.test": Zone([], "dead"),
    "two.test": Zone(ns=["ns1", "ns2"]),
    "half.test": Zone(ns=["ns1", "ns3"]),
}


class Ask:
    """dns-ask in a host: words in, a line out."""

    def __init__(self, net, host, *options, hints=True, anchor=True):
        self.log_path = net.path(f"ask-{time.monotonic_ns()}", "log")
        words = [ASK, *(["--hints", net.hints] if hints else []),
                 *(["--anchor", net.anchor] if anchor else []), *options]
        log = open(self.log_path, "w")
        self.p = net.spawn(host, words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                           text=True)
        log.close()

    def __call__(self, *words):
        self.p.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().strip()

    def lookup(self, name, kind, *ms):
        line = self("ask", name, kind, *ms)
        m = re.match(r"rc=RC_(\S+) security=(\S+) ttl=(\d+) canonical=(\S*) ms=(\d+) n=(\d+)(.*)", line)
        return (m.group(1), m.group(2), m.group(4), m.group(7).split(), int(m.group(5))) if m \
            else (line,) * 5

    def load(self, *words):
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", self(*words))}

    def rss(self):
        m = re.search(r"(\d+) kB", self("rss"))
        return int(m.group(1)) if m else 0

    def log(self):
        return open(self.log_path).read()

    def modes(self):
        return re.findall(r"dns\.mode mode=(\S+) validation=(\S+)", self.log())

    def close(self):
        self.p.stdin.close()
        self.p.wait(10)


# name, type, rc, security, canonical name, data (None: not looked at)
TABLE = [
    ("a.test", "MX", "OK", "secure", "a.test", ["10/mail.a.test", "20/mail2.a.test"]),
    ("A.TEST.", "MX", "OK", "secure", "a.test", ["10/mail.a.test", "20/mail2.a.test"]),
    ("mail.a.test", "A", "OK", "secure", "mail.a.test", None),
    ("mail.a.test", "AAAA", "OK", "secure", "mail.a.test", None),
    ("a.test", "TXT", "OK", "secure", "a.test", ['"v=spf1', "mx", '-all"']),
    ("a.test", "A", "OK", "secure", "a.test", []),
    ("a.test", "NS", "OK", "secure", "a.test", ["hoster.test"]),
    ("b.test", "MX", "OK", "secure", "b.test", ["0/"]),
    ("_imaps._tcp.a.test", "SRV", "OK", "secure", "_imaps._tcp.a.test", ["0/1/993/mail.a.test"]),
    ("_25._tcp.mail.a.test", "TLSA", "OK", "secure", "_25._tcp.mail.a.test", None),
    ("nothing.a.test", "A", "NOTFOUND", "secure", "nothing.a.test", []),
    ("nothing.test", "MX", "NOTFOUND", "secure", "nothing.test", []),
    ("nothing.plain.test", "MX", "OK", "insecure", "nothing.plain.test", []),
    ("host.plain.test", "A", "OK", "insecure", "host.plain.test", ["::ffff:192.0.2.7"]),
    ("x.wild.test", "A", "OK", "secure", "x.wild.test", ["::ffff:192.0.2.9"]),
    ("www.a.test", "A", "OK", "secure", "mail.a.test", None),
    ("www.a.test", "CNAME", "OK", "secure", "www.a.test", ["mail.a.test"]),
    ("over.a.test", "A", "OK", "secure", "mail.b.test", None),
    ("down.a.test", "A", "OK", "insecure", "host.plain.test", ["::ffff:192.0.2.7"]),
    ("forged.a.test", "A", "TEMP", "bogus", "", []),
    ("gone.a.test", "A", "NOTFOUND", "secure", "nothing.b.test", []),
    ("loop1.a.test", "A", "TEMP", "insecure", "", []),
    ("c15.a.test", "A", "OK", "secure", "c20.a.test", ["::ffff:192.0.2.20"]),
    ("c1.a.test", "A", "TEMP", None, "", []),
    ("bogus.test", "MX", "TEMP", "bogus", "", []),
    ("host.bogus.test", "A", "TEMP", "bogus", "", []),
    ("host.expired.test", "A", "TEMP", "bogus", "", []),
    ("lame.test", "MX", "TEMP", "insecure", "", []),
    ("servfail.test", "MX", "TEMP", "insecure", "", []),
    ("nothing.invalid", "A", "NOTFOUND", None, "nothing.invalid", []),
    ("a/b.test", "A", "SYNTAX", None, "", []),
    ("a..test", "A", "SYNTAX", None, "", []),
]


def recursion(net):
    ask = Ask(net, "mail-a")
    for name, kind, rc, security, canonical, data in TABLE:
        got = ask.lookup(name, kind)
        ok = got[0] == rc and security in (None, got[1]) and got[2] == canonical and \
            (data is None and len(got[3]) > 0 or sorted(got[3]) == sorted(data or []))
        verdict(ok, f"recursion-{name}-{kind}".replace("/", "-"), got)
    # Behind the bound of a UDP packet: over TCP.
    got = ask.lookup("big.a.test", "TXT")
    verdict(got[0] == "OK" and got[1] == "secure" and len("".join(got[3])) == 2002, "recursion-tcp", got)
    reverse = ".".join(reversed(net.ip["mail-a"].split("."))) + ".in-addr.arpa"
    got = ask.lookup(reverse, "PTR")
    verdict(got[:2] == ("OK", "secure") and got[3] == ["mail.a.test"], "recursion-reverse", got)
    verdict(ask.modes() == [("recursion", "yes")], "recursion-mode", ask.log())
    verdict("dns.bogus name=\"bogus.test\"" in ask.log(), "recursion-says-why-bogus", ask.log()[-500:])
    ask.close()


def one_family(net):
    """A host with IPv6 alone, and one with IPv4 alone."""
    for host, gone in (("six", net.ip["six"] + "/32"), ("four", net.ip6["four"] + "/128")):
        subprocess.run(["ip", "-n", net.ns(host), "addr", "del", gone, "dev", "eth0"], check=True)
        subprocess.run(["ip", "-n", net.ns(host), *(["-6"] if host == "four" else []),
                        "route", "del", "default"], capture_output=True)  # it may have gone along
        ask = Ask(net, host)
        got = ask.lookup("a.test", "MX")
        verdict(got[:2] == ("OK", "secure") and got[4] < 3000, f"family-{host}", got)
        ask.close()


def forwarding(net):
    ask = Ask(net, "mail-a", "--forward", net.ip["resolver"], hints=False)
    got = ask.lookup("a.test", "MX")
    verdict(got[:2] == ("OK", "secure"), "forward-validates", got)
    verdict(ask.lookup("host.plain.test", "A")[:2] == ("OK", "insecure"), "forward-insecure")
    verdict(ask.lookup("nothing.a.test", "A")[:2] == ("NOTFOUND", "secure"), "forward-notfound")
    verdict(ask.modes() == [("forward", "yes")], "forward-mode", ask.log())
    ask.close()
    ask = Ask(net, "mail-a", "--forward", f"[{net.ip6['resolver']}]:53", hints=False)
    verdict(ask.lookup("a.test", "MX")[:2] == ("OK", "secure"), "forward-ipv6", ask.log())
    ask.close()
    # A server that takes signatures away must not switch validation off.
    ask = Ask(net, "mail-a", "--forward", net.ip["stripper"], hints=False)
    got = ask.lookup("a.test", "MX")
    verdict(got[0] == "TEMP" and not ask.modes(), "forward-stripped-is-refused", (got, ask.log()))
    ok = wait_until(lambda: "answers cannot be validated" in ask.log(), 20)
    verdict(ok, "forward-stripped-is-said", ask.log())
    ask.close()
    ask = Ask(net, "mail-a", "--forward", net.ip["stripper"], "--no-validate", hints=False)
    got = ask.lookup("a.test", "MX")
    verdict(got[:2] == ("OK", "insecure"), "forward-by-key-without-validation", got)
    verdict("WITHOUT VALIDATION" in ask.log(), "forward-without-validation-is-loud", ask.log())
    ask.close()


def system_servers(net):
    """The root of the real Internet is out of reach here: the servers of
    /etc/resolv.conf are asked, and validated."""
    ask = Ask(net, "mail-a", hints=False)
    got = ask.lookup("a.test", "MX")
    verdict(got[:2] == ("OK", "secure"), "system-servers-validate", (got, ask.log()))
    verdict(ask.modes() == [("system", "yes")], "system-servers-mode", ask.log())
    ask.close()


def route(net, host, there):
    for v6 in ([], ["-6"]):
        subprocess.run(["ip", "-n", net.ns(host), *v6, "route", "add" if there else "del",
                        "default", "dev", "eth0"], check=True)


def outage(net, ask, since):
    """The network goes and comes back; ask has been in use for a while."""
    verdict(ask.lookup("mail.b.test", "A")[0] == "OK", "outage-before", ask.log())
    # A round of probes is made a minute after the last at the earliest.
    time.sleep(max(0, 61 - (time.monotonic() - since)))
    route(net, "mail-b", False)
    got = ask.load("many", "o", 12, "wild.test", 12)
    verdict(got["temp"] == 12 and got["ms"] < 20000, "outage-lookups-fail-soon", got)
    verdict(wait_until(lambda: "dns.down" in ask.log(), 25), "outage-is-said", ask.log())
    verdict(ask.lookup("mail.b.test", "A")[0] == "OK", "outage-cache-goes-on", ask.log())
    route(net, "mail-b", True)
    ok = wait_until(lambda: len(ask.modes()) == 2, 30)
    verdict(ok and ask.modes()[-1] == ("recursion", "yes"), "outage-ends", ask.log())
    got = ask.load("many", "p", 12, "wild.test", 12)
    verdict(got["ok"] == 12 and got["ms"] < 5000, "outage-lookups-work-again", got)


def each(net):
    """What each of a zone's own servers says, one late, past all caches."""
    old = ["@ MX 10 mail", 's1._domainkey TXT "old"', "s3._domainkey CNAME big.a.test."]
    new = old + ['s2._domainkey TXT "new"']
    net.serve("ns1", {"two.test": new, "half.test": new}, negative=60)
    net.serve("ns2", {"two.test": old}, negative=7200)
    ask = Ask(net, "mail-a")

    def look(name, kind="TXT"):
        head, *servers = ask("each", name, kind).split(" | ")
        m = re.match(r"rc=RC_(\S+) zone=(\S*) negative=(\d+) n=(\d+)", head)
        return m.group(1), m.group(2), int(m.group(3)), sorted(
            (s.split()[0], s.split()[2], " ".join(s.split()[4:])) for s in servers), servers

    def of(ns1, ns2):
        return sorted([("ns1.test", *ns1)] * 2 + [("ns2.test", *ns2)] * 2)

    got = look("s2._domainkey.two.test")
    verdict(got[:3] == ("OK", "two.test", 300) and got[3] == of(("RC_OK", '"new"'), ("RC_NOTFOUND", "")),
            "each-one-is-late", got)
    verdict({s.split()[1] for s in got[4]} == {net.ip["ns1"], net.ip6["ns1"], net.ip["ns2"], net.ip6["ns2"]},
            "each-address", got[4])
    net.serve("ns2", {"two.test": new}, negative=30)
    got = look("s2._domainkey.two.test")
    verdict(got[2] == 60 and got[3] == of(("RC_OK", '"new"'), ("RC_OK", '"new"')), "each-at-once-and-past-caches", got)
    verdict(look("two.test", "MX")[3] == of(("RC_OK", "10/mail.two.test"), ("RC_OK", "10/mail.two.test")), "each-apex")
    got = look("s3._domainkey.two.test")
    verdict(len(got[3]) == 4 and all(len(s[2]) > 2000 for s in got[3]), "each-cname-and-tcp", got[3])
    got = look("s2._domainkey.half.test")
    silent = {s[1] for s in got[3] if s[0] == "ns3.test"}
    verdict(got[0] == "OK" and silent <= {"RC_TEMP", "RC_TIMEOUT"} and len(got[3]) == 4 and
            ("ns1.test", "RC_OK", '"new"') in got[3], "each-one-is-silent", got)
    got = look("big.a.test")
    verdict(got[1] == "a.test" and len(got[3]) == 2 and all(s.split()[3] == "1" for s in got[4]), "each-secure", got[:3])
    got = look("host.bogus.test", "A")
    verdict(all(s.split()[2:4] == ["RC_TEMP", "2"] for s in got[4]) and len(got[4]) == 2, "each-bogus", got)
    verdict(look("x._domainkey.nothing.test")[0] in ("OK", "TEMP"), "each-of-no-zone")
    verdict(ask("each", "a..test", "TXT").startswith("rc=RC_SYNTAX"), "each-of-no-name")
    ask.close()
    # Through others' servers the zone is found, without showing them the name.
    ask = Ask(net, "mail-a", "--forward", net.ip["resolver"], hints=False)
    got = look("_dmarc.a.test")
    verdict(got[:2] == ("OK", "a.test") and {s[1] for s in got[3]} == {"RC_NOTFOUND"}, "each-behind-a-forwarder", got)
    ask.close()


def memory(net):
    n = 10000 if QUICK else 100000
    ask = Ask(net, "mail-a")
    ask.lookup("a.test", "MX")
    before = ask.rss()
    got = ask.load("many", "m", n, "plain.test", 32)
    after = ask.rss()
    verdict(got["ok"] == n, "memory-all-answered", got)
    verdict(before < 12000 and after < 40000, "memory-bounded", (before, after))
    print(f"  {n} different names: {got['rate']}/s, {before} kB before, {after} kB after", flush=True)
    n //= 10
    got = ask.load("many", "s", n, "wild.test", 32)
    verdict(got["ok"] == n and ask.rss() < 45000, "memory-bounded-signed", (got, ask.rss()))
    print(f"  {n} different signed names: {got['rate']}/s, {ask.rss()} kB after", flush=True)
    got = ask.load("same", "mail.a.test", n * 2, 8)
    verdict(got["ok"] == n * 2 and got["rate"] > 2000, "cached-rate", got)
    print(f"  one name from the cache, 8 threads: {got['rate']}/s", flush=True)
    ask.close()


def caps(net):
    ask = Ask(net, "mail-a", "--per-line", "20")
    ask.lookup("a.test", "MX")
    # Nobody answers for these; twenty wait, the rest is refused at once.
    got = ask.load("flood", "d", 100, "dead.test", 2000)
    verdict(got["temp"] == 80 and got["late"] == 20, "cap-per-line", got)
    ask.close()
    ask = Ask(net, "mail-a", "--all", "30")
    ask.lookup("a.test", "MX")
    got = ask.load("flood", "d", 100, "dead.test", 2000)
    verdict(got["temp"] == 70 and got["late"] == 30, "cap-for-all", got)
    # They are free again when the resolver has given up.
    ok = wait_until(lambda: ask.lookup("b.test", "MX")[0] == "OK", 60, 1)
    verdict(ok, "cap-is-lifted")
    ask.close()


def killed(net):
    ask = Ask(net, "mail-a")
    verdict(ask.lookup("a.test", "MX")[0] == "OK", "killed-before", ask.log())
    pid = int(ask("pid"))
    n = 200000
    timer = threading.Timer(0.7, lambda: os.kill(pid, 9))
    timer.start()
    got = ask.load("many", "k", n, "plain.test", 32)
    timer.join()
    total = got["ok"] + got["temp"]
    verdict(total == n and got["ok"] > 0 and got["temp"] > 0 and got["ms"] < 15000,
            "killed-under-load-fails-at-once", got)
    ask("start")
    verdict(ask.lookup("a.test", "MX")[:2] == ("OK", "secure"), "killed-and-started-anew", ask.log())
    ask.close()


def house(net):
    """The real process, behind its real walls."""
    with net.hearthmail("mail-a", "mail.a.test", ["a.test"], env={"HEARTHMAIL_TEST_KILL": "1"}) as h:
        def modes():
            return re.findall(r"dns\.mode mode=(\S+) validation=(\S+)", h.log())
        verdict(wait_until(lambda: modes() == [("recursion", "yes")]), "house-mode", h.log())
        h.kill("dns")
        verdict(wait_until(lambda: len(modes()) == 2), "house-dns-comes-back", h.log())
        out = h.command("check")
        verdict("recursion from the root in" in out.stdout and net.hints in out.stdout, "house-check-says-mode",
                out.stdout + out.stderr)
        # Another configuration: it is started anew, nobody else is.
        pids = {p: l for p, l in h.processes().items() if l != "dns"}
        old = h.pids("dns")
        h.extra = f"dns: {{ forward: {net.ip['resolver']}, trust_anchor: {net.anchor} }}\n"
        h.write_config()
        r = h.command("reload")
        verdict(r.returncode == 0, "house-reload", r.stderr)
        verdict(wait_until(lambda: modes()[-1:] == [("forward", "yes")]), "house-forwards-now", h.log())
        verdict(h.pids("dns") != old and
                {p: l for p, l in h.processes().items() if l != "dns"} == pids, "house-only-dns-is-new")
        verdict(h.log().count("process.died") == 1, "house-one-death", h.log())
        # A file that is not there stops the reload, not the name service.
        h.extra = "dns: { root_hints: /nonexistent/hints }\n"
        h.write_config()
        r = h.command("reload")
        verdict(r.returncode != 0 and "root_hints" in r.stdout + r.stderr, "house-reload-refused",
                r.stdout + r.stderr)
        out = h.command("check")
        verdict(out.returncode == 78 and "dns.root_hints" in out.stderr, "house-check-refuses", out)


def main():
    lacks = missing()
    if lacks:
        skip("all", f"there can be no small Internet here without: {lacks}")
        finish()
    if not os.path.exists(ASK):
        skip("all", f"{ASK} is not built")
        finish()
    with SmallNet(hosts=["mail-a", "mail-b", "six", "four", "ns1", "ns2", "ns3"], zones=ZONES) as net:
        old = Ask(net, "mail-b")
        since = time.monotonic()
        recursion(net)
        one_family(net)
        forwarding(net)
        system_servers(net)
        each(net)
        memory(net)
        killed(net)
        house(net)
        caps(net)
        outage(net, old, since)
    finish()


if __name__ == "__main__":
    main()
