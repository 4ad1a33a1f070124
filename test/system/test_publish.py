#!/usr/bin/env python3
"""`hearthmail dns` in a small Internet: what it prints is published as it
stands, found right, and good enough for others' verifiers; what is wrong is
named; and looking up happens behind walls."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from house import BINARY, House, finish, lacking, skip, verdict, wait_until, wide
from smallnet import SmallNet, Zone, missing

DOMAINS = ["a.test", "wrong.test", "none.test", "bogus.test", "gone.test"]


class KeyHouse(House):
    """The same house before there is a network: it makes its keys."""

    def yaml(self):
        return super().yaml().replace("mail.home.test", "mail.a.test").replace(
            "[home.test]", "[" + ", ".join(DOMAINS) + "]").replace("@home.test", "@a.test")


def published(h):
    r = h.command("dns", "--print", "--json")
    return json.loads(r.stdout)["records"]


def others(h):
    """Who may not ask the server is told so, and gets no zone without keys as a whole one."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(open(h.config).read())
        f.flush()
        os.chmod(f.name, 0o644)

        def run(*words):
            return subprocess.run(["setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups", BINARY,
                                   "-c", f.name, *words], capture_output=True, text=True, timeout=300, env=h.env)

        for words in (("rotate", "a.test"), ("use", "a.test", "x"), ("retire", "a.test", "x"), ("list",)):
            r = run("dkim", *words)
            verdict(r.returncode == 1 and "/run is not accessible to uid 65533" in r.stderr and
                    "start it" not in r.stderr, f"dkim-{words[0]}-as-another", r)
        for words in ((), ("--json",)):
            r = run("dns", "--print", *words)
            verdict(r.returncode == 1 and "the DKIM keys of a.test" in r.stderr and "uid 65533" in r.stderr,
                    f"print-as-another{''.join(words)}", r)


def no_reports(h):
    r = h.command("reports", "nope.test")
    verdict(r.returncode == 1 and "nope.test is not one of the domains" in r.stderr, "reports-of-another-domain", r)
    verdict(h.command("reports", "A.test").returncode == 0, "reports-of-a-domain")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(open(h.config).read().replace(h.data, h.data + "/none"))
        f.flush()
        r = subprocess.run([BINARY, "-c", f.name, "reports"], capture_output=True, text=True, timeout=300, env=h.env)
        verdict(r.returncode == 1 and "is missing: no server has run there yet" in r.stderr, "reports-without-data", r)


def before(d):
    with KeyHouse(dir=d, users=("anna",)) as h:
        first = h.command("dns", "--print")
        verdict(first.returncode == 0, "print-before-keys", first.stderr)
        wait_until(lambda: all(os.path.exists(os.path.join(h.data, "auth/dkim", x + ".pem"))
                               for x in DOMAINS), 60)
        others(h)
        no_reports(h)
        running = published(h)
        verdict(not [r for r in running if r["type"] == "AAAA" and not r["value"]], "no-empty-aaaa", running)
        text = h.command("dns", "--print").stdout
        h.stop()
        still = published(h)
        verdict(running == still and len([r for r in running if "_domainkey" in r["name"]]) == 2 * len(DOMAINS),
                "same-without-a-server", (running, still))
        verdict(h.command("dns", "--what").returncode == 2, "usage")
    return running, text


def zone_of(text, domain):
    """The lines of the zone file that the command has printed, ports included."""
    out = []
    for line in text.split(f"; {domain}\n", 1)[1].split("\n\n")[0].splitlines():
        if line and not line.startswith(";"):
            out.append(line)
    return out


def zones(records, text):
    key = next(r["value"] for r in records if r["name"].startswith("hm-rsa") and r["domain"] == "a.test")
    names = [r["name"] for r in records if r["domain"] == "wrong.test" and "_domainkey" in r["name"]]
    half = key[:200]
    wrong = ["@ MX 5 other.a.test.", '@ TXT "v=spf1 mx -all"', '@ TXT "v=spf1 -all"', '@ TXT "hello"',
             f'{names[0]}. TXT "{half}"', f'{names[1]}. TXT "v=DKIM1; p="', '_dmarc TXT "v=DMARC1; rua=mailto:x@a.test"',
             "_imaps._tcp SRV 0 1 993 other.a.test."]
    whole = zone_of(text, "a.test") + ["mail A {a}", "mail AAAA {a/6}", "other A {bad}"]
    return {"a.test": Zone(whole), "wrong.test": Zone(wrong), "none.test": Zone(["@ TXT \"hello\""]),
            "bogus.test": Zone(zone_of(text, "bogus.test"), kind="bogus"),
            "gone.test": Zone(zone_of(text, "gone.test"), kind="dead"),
            "bad.test": Zone(["@ MX 10 mail", "mail A {bad}"])}


def states(out, domain):
    return [r["state"] for r in out["records"] if r["domain"] == domain]


def checks(net, h):
    r = h.command("dns", "--json", timeout=300)
    out = json.loads(r.stdout)
    host = [x for x in out["records"] if x["domain"] is None]
    names = [x for x in host if x["kind"] in ("A", "AAAA", "PTR")]
    verdict(len(names) == 4 and all(x["state"] == "right" for x in names), "host-right", names)
    a = [x for x in out["records"] if x["domain"] == "a.test"]
    verdict(all(x["state"] == "right" for x in a if x["value"]) and len([x for x in a if x["value"]]) == 10 and
            not any(x["trouble"] for x in a), "domain-right", a)
    verdict(r.returncode == 1 and out["complete"] is False, "exit-code-1")
    w = [x for x in out["records"] if x["domain"] == "wrong.test"]
    rows = [("MX", "another host", "5 other.a.test."), ("TXT", "more than one SPF", "v=spf1 -all"),
            ("TXT", "a different key", "v=DKIM1"), ("TXT", "no key", "v=DKIM1; p="),
            ("TXT", "no policy", "v=DMARC1; rua"), ("SRV", "elsewhere", "993 other.a.test.")]
    for kind, words, found in rows:
        verdict([x for x in w if x["type"] == kind and x["state"] == "different" and
                 words in x["text"] and found in x["found"]], f"different-{words.replace(' ', '-')}", w)
    verdict("hello" not in json.dumps(w), "others-texts-are-no-matter", w)
    verdict([x["state"] for x in w if x["type"] == "SRV"].count("missing") == 3, "missing-srv", w)
    none = [x["state"] for x in out["records"] if x["domain"] == "none.test" and x["kind"] != "DNSSEC"]
    verdict(set(none) == {"missing"}, "none-missing", none)
    # The zone's SRV records were not tampered with.
    bogus = [x for x in out["records"] if x["domain"] == "bogus.test" and x["kind"] in
             ("MX", "SPF", "DKIM", "DMARC", "TLSRPT", "DNSSEC")]
    verdict(len(bogus) == 7 and all(x["state"] == "different" and "DNSSEC" in x["text"] for x in bogus),
            "bogus-is-said", bogus)
    verdict(set(states(out, "gone.test")) <= {"unknown"}, "no-answer-is-unknown", states(out, "gone.test"))
    verdict({x["dnssec"] for x in out["records"] if x["state"] == "unknown"} == {"unknown"}, "unknown-dnssec", out)
    text = h.command("dns", timeout=300).stdout
    verdict(re.search(r"(?m)^  wrong +MX: mail goes to another host\n +found: 5 other\.a\.test\.\n"
                      r" +wrong\.test\. MX 10 mail\.a\.test\.$", text)
            and re.search(r"\n\d+ of these \d+ records need attention\.\n$", text), "as-text", text)


def walls(h):
    """While it waits for a name server it is nobody and can do nothing."""
    p = subprocess.Popen([*h.prefix(), BINARY, "-c", h.config, "dns"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    seen = ""

    def look():
        nonlocal seen
        for pid in os.listdir("/proc"):
            try:
                if b"dns" in open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")[-2:-1] and \
                        h.config in open(f"/proc/{pid}/cmdline").read():
                    seen = open(f"/proc/{pid}/status").read()
            except (OSError, ValueError):
                pass
        return "Seccomp:\t2" in seen and "Uid:\t0" not in seen

    verdict(wait_until(look, 10), "walls-while-looking-up", seen)
    p.communicate(timeout=300)


def only_good(h):
    """With the good domain only all is there."""
    text = open(h.config).read()
    h.write_config(text.replace("[" + ", ".join(DOMAINS) + "]", "[a.test]"))
    r = h.command("dns", timeout=300)
    verdict(r.returncode == 0 and r.stdout.endswith("All records are published.\n"), "exit-code-0", r.stdout[-1500:])
    h.stop()
    r = h.command("dns", "--json", timeout=300)
    verdict(r.returncode == 0 and json.loads(r.stdout)["complete"] is True, "without-a-server", r.stdout[-1500:])
    h.write_config(open(h.config).read() + "dns: { forward: [198.51.100.254] }\n"
                   if "dns:" not in text else
                   re.sub(r"(?m)^dns:.*$", "dns: { forward: [198.51.100.254] }", open(h.config).read()))
    since = time.monotonic()
    r = h.command("dns", timeout=300)
    took = time.monotonic() - since
    verdict(r.returncode == 1 and "no name server answers" in r.stdout and took < wide(20), "no-network",
            (took, r.stdout[-500:], r.stderr))


def far_side(net, h, bad):
    """The records as others see them: opendkim looks them up by itself."""
    s = h.submit("anna")
    s.sendmail("anna@a.test", ["x@bad.test"], b"From: anna@a.test\r\nSubject: hello\r\n\r\nhello  you\r\n\r\n")
    s.quit()
    got = wait_until(lambda: bad.messages(), 20, 0.1)
    verdict(got, "far-arrives", h.log()[-800:])
    message = bad.bytes_of(got[0])
    if lacking("far-opendkim", "opendkim-testmsg"):
        return
    for text, ok in ((message, True), (message.replace(b"hello  you", b"hallo  you"), False)):
        p = subprocess.run([*net.prefix("bad"), "opendkim-testmsg"], input=text.replace(b"\r\n", b"\n"),
                           capture_output=True, timeout=300)
        verdict((p.returncode == 0) == ok, f"far-opendkim-{'right' if ok else 'changed'}",
                (p.returncode, p.stdout, p.stderr))


def main():
    gone = missing()
    if gone:
        skip("all", f"there can be no small Internet here without: {gone}")
        finish()
    d = tempfile.mkdtemp(prefix="hearthmail-test.")
    try:
        records, text = before(d)
        # The ports of that house were free ones; in the net it has the real ones.
        for service, port in (("submissions", 465), ("submission", 587), ("imaps", 993), ("pop3s", 995)):
            text = re.sub(rf"(_{service}\._tcp\.\S+ SRV \d+ 1) \d+", rf"\1 {port}", text)
        with SmallNet(hosts=["a", "bad"], zones=zones(records, text)) as net:
            h = net.hearthmail("a", "mail.a.test", DOMAINS, users=("anna",), dir=d)
            bad = net.badhost("bad", "ok")
            with h:
                checks(net, h)
                far_side(net, h, bad)
                walls(h)
                only_good(h)
    finally:
        shutil.rmtree(d, ignore_errors=True)
    finish()


if __name__ == "__main__":
    main()
