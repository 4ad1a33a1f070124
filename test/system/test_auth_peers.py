#!/usr/bin/env python3
"""Other programs' judgement of the same messages: DKIM and ARC beside dkimpy,
SPF beside pyspf, on random messages and records, with the cases left out in
which the two are known to read the RFCs differently.

  test/system/test_auth_peers.py [--seed N] [--cases N]

Without --seed the cases are always the same; to look for more, --seed random.
"""
import argparse
import base64
import binascii
import hashlib
import ipaddress
import os
import random
import subprocess
import sys
import time

PYTHON = "/usr/bin/python3"  # another one does not have Debian's modules

try:
    import dkim
    import nacl.signing
    import spf
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
except ImportError as e:
    if os.path.realpath(sys.executable) != os.path.realpath(PYTHON):
        os.execv(PYTHON, [PYTHON, *sys.argv])
    print(f"FAIL auth-peers: {e}; etc/setup test installs it")
    sys.exit(1)

BUILD = os.path.dirname(os.path.dirname(os.environ.get("HEARTHMAIL", "build-test/cmd/hearthmail")))
JUDGE = os.path.join(BUILD, "test/system/auth-judge")
NOW = int(time.time())


def escaped(text):
    return "".join(c if 32 <= ord(c) < 127 and c != "\\" else f"\\{ord(c):02x}" for c in text)


def judged(questions):
    """What this server says of each: a dict of words."""
    out = subprocess.run([JUDGE], input="".join(questions).encode(), stdout=subprocess.PIPE,
                         check=True).stdout.decode().splitlines()
    assert len(out) == len(questions)
    return [dict(word.split("=", 1) for word in line.split(" ")) for line in out]


def question(peer, helo, sender, records, message):
    lines = [f"peer {peer}", f"helo {helo}", f"sender {sender}", f"now {NOW}"]
    lines += [f"dns {name} {kind} {escaped(data)}" for name, kind, data in records]
    return "\n".join(lines + ["message " + message.hex()]) + "\n"


def compare(name, questions, theirs, ours):
    """One verdict; the first case that differs is shown whole."""
    differ = [i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]
    print(f"{'FAIL' if differ else 'PASS'} {name}" +
          (f": {len(differ)} of {len(theirs)} differ" if differ else ""), flush=True)
    if differ:
        i = differ[0]
        print(f"we say {ours[i]}, they say {theirs[i]}:\n{questions[i]}")
    return not differ


# ---- SPF ----

DOMAINS = ["a.test", "b.a.test", "c.test", "d.test", "mail.c.test", "x.d.test", "far.sub.b.a.test"]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.129", "198.51.100.7", "203.0.113.9",
             "2001:db8::1", "2001:db8:9::1", "2001:db8::ffff"]
# Not %{d0}, which is an error that pyspf does not see, and not %{p}, for which
# it does not count a question.
SPECS = DOMAINS + ["%{d}", "%{d2}", "%{o}", "%{l1r-}.d.test", "%{h}", "%{d1r}", "A.TEST", "%{D}",
                   "a.test.", "%{ir}.%{v}._p.%{d2}", "%{d999}"]


class Zone:
    def __init__(self, rnd):
        self.rnd = rnd
        self.data = {}
        for d in DOMAINS:
            for _ in range(rnd.choice([0] + [1] * 12 + [2])):
                self.add(d, "TXT", self.record())
            if rnd.random() < 0.2:
                self.add(d, "TXT", "another=text")
            for a in rnd.sample(ADDRESSES, rnd.choice([1, 1, 2])):
                self.add(d, "AAAA" if ":" in a else "A", a)
            for n in range(rnd.choice([1, 1, 2, 11])):
                self.add(d, "MX", f"{n} {rnd.choice(DOMAINS)}")

    def add(self, name, kind, data):
        self.data.setdefault((name, kind), []).append(data)

    def records(self):
        return [(n, k, v) for (n, k), values in self.data.items() for v in values]

    def term(self):
        r = self.rnd
        q = r.choice(["", "", "", "-", "~", "?", "+"])
        length = r.choice(["", "", "", "/24", "//64", "/24//64", "/0"])
        return r.choice([
            lambda: q + "all",
            lambda: q + r.choice(["ip4:", "IP4:"]) + r.choice(["192.0.2.1", "198.51.100.0", "192.0.2.0"]) +
            r.choice(["", "/24", "/32", "/0", "/8", "/33", "/024"]),
            lambda: q + "ip6:" + r.choice(["2001:db8::1", "2001:db8::", "::"]) + r.choice(["", "/64", "/0", "/129"]),
            lambda: q + r.choice(["a", "A"]) + r.choice(["", ":" + r.choice(SPECS)]) + length,
            lambda: q + "mx" + r.choice(["", ":" + r.choice(SPECS)]) + length,
            lambda: q + "include:" + r.choice(SPECS),
            lambda: q + "exists:" + r.choice(SPECS),
            lambda: "redirect=" + r.choice(SPECS),
            lambda: r.choice(["x-y=%{d}", "exp=a.test", "unknown=1"]),
            lambda: r.choice(["foo", "all:", "include:", "a:", "=x", "redirect="])
            if r.random() < 0.2 else q + "a"])()

    def record(self):
        r = self.rnd
        terms = [self.term() for _ in range(r.choice([0, 1, 1, 2, 3, 5]))] + [r.choice(["-all", "~all", "?all"])]
        return r.choice(["v=spf1"] * 12 + ["V=SPF1", "v=spf10"]) + " " + r.choice([" ", "  "]).join(terms)

    def answer(self, name, kind, tcpfallback=True, timeout=0):
        """As pyspf's DNSLookup."""
        name = name.rstrip(".").lower()
        wrap = {"TXT": lambda v: (v.encode(),),
                "MX": lambda v: (int(v.split()[0]), v.split()[1])}.get(kind, lambda v: v)
        return [((name, kind), wrap(v)) for v in self.data.get((name, kind), [])]


def spf_case(rnd):
    zone = Zone(rnd)
    peer = rnd.choice(ADDRESSES)
    helo = rnd.choice(DOMAINS + ["[192.0.2.7]", "mailer"])
    sender = rnd.choice(["", "u@", "strong-bad@", "a.b+c-d@"])
    sender += rnd.choice(DOMAINS) if sender else ""
    spf.DNSLookup = zone.answer
    result, _, why = spf.query(i=peer, s=sender, h=helo, receiver="mx.example.org", strict=True,
                               timeout=1000, querytime=0).check()
    # It counts names, not terms, that find nothing, and refuses records that
    # include themselves without being asked for them, and unknown modifiers
    # that are there twice.
    if any(w in why for w in ("Void lookup", "trivial recursion", "once: x-y", "once: unknown")):
        return None
    return question(peer, helo, sender, zone.records(), b"From: a@nowhere.test\r\n\r\nx\r\n"), result


def check_spf(rnd, n):
    cases = [c for c in (spf_case(rnd) for _ in range(n)) if c]
    questions, theirs = [c[0] for c in cases], [c[1] for c in cases]
    seen = set(theirs)
    ok = compare("spf-as-pyspf", questions, theirs, [o["spf"] for o in judged(questions)])
    print(f"{'PASS' if seen >= {'none', 'pass', 'fail', 'softfail', 'neutral', 'permerror'} else 'FAIL'} "
          f"spf-all-results-were-there")
    return ok


# ---- DKIM ----

WORDS = ["Hello", "  two", "tab\there", "x" * 70, "", "Gr\u00fc\u00dfe", "a b  c", " lead", "end ", "=20",
         "(comment)", "\"q\\\"uoted\"", ";", ":"]
LINES = ["Hello", "  lead", "trail  ", "tab\t\tx", "", "", "-", " ", "\t", "x" * 200, ".dot", "From me"]


class Keys:
    def __init__(self):
        k = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        self.rsa = k.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                   serialization.NoEncryption())
        public = base64.b64encode(k.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()
        self.public = public
        e = nacl.signing.SigningKey.generate()
        self.ed = base64.b64encode(bytes(e))
        self.ed_record = "v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(e.verify_key)).decode()
        # Not with h=, which dkimpy does not look at, nor t=s with an i= below.
        self.rsa_records = [before + public + after for before, after in [
            ("v=DKIM1; k=rsa; p=", "")] * 6 + [
                ("v=DKIM1;p=", ""), ("p=", ""), ("k=rsa; p=", ""), ("v=DKIM1; k=rsa; s=*; p=", ""),
                ("v=DKIM1; s=other; p=", ""), ("v=DKIM1; s=email; p=", ""), ("v=DKIM2; p=", ""),
                ("v=DKIM1; k=ed25519; p=", ""), ("v=DKIM1; n=note; x=y; p=", ";"),
                ("v = DKIM1 ; k = rsa ; p=", "")]] + ["v=DKIM1; p=", "v=DKIM1; p=" + public[:40] + " " + public[40:]]


def random_value(rnd):
    v = " ".join(rnd.choice(WORDS) for _ in range(rnd.choice([0, 1, 2, 3, 5])))
    return v.replace(" ", rnd.choice(["\r\n ", "\r\n\t", "\r\n  \t"]), 2) if rnd.random() < 0.3 else v


def random_message(rnd):
    fields = [("From", "Ben <ben@home.test>"), ("To", "anna@us.test"), ("Subject", random_value(rnd)),
              ("Date", "Tue, 24 Nov 2026 11:36:46 +0000")]
    fields += [(rnd.choice(["X-A", "x-b", "Received", "Message-ID", "Cc", "Subject", "X-Empty", "List-Id"]),
                random_value(rnd)) for _ in range(rnd.choice([0, 1, 3]))]
    rnd.shuffle(fields)
    body = rnd.choice(["", "\r\n", "\r\n\r\n\r\n"]) if rnd.random() < 0.2 else "".join(
        rnd.choice(LINES) + "\r\n" for _ in range(rnd.choice([1, 2, 5, 20])))
    return fields, ("".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n" + body).encode("latin1")


def changed(rnd, message, arc=False):
    """The message as somebody on the way has left it.  Of ARC dkimpy takes the sets by their places, not by their numbers,
    and does not see a blank at the end of a simple message signature."""
    header, _, body = message.decode("latin1").partition("\r\n\r\n")
    lines = header.split("\r\n")
    i = rnd.randrange(len(lines))
    j = rnd.randrange(len(lines[i])) if lines[i] else 0
    name, colon, value = lines[i].partition(":")
    kind = rnd.randrange(20)
    if kind == 0:
        body += "\r\n" * rnd.choice([1, 3])
    elif kind == 1:
        body = body.replace("\r\n", " \r\n", 1)
    elif kind == 2:
        body = body.replace(" ", "  ", 1)
    elif kind == 3:
        body = body.replace("Hello", "Hellp", 1)
    elif kind == 4:
        lines.insert(0, rnd.choice(["X-New: 1", "Subject: other", "X-A: early"]))
    elif kind == 5:
        lines.append(rnd.choice(["X-New: 1", "Subject: other", "X-A: late"]))
    elif kind == 6 and colon and name[:1] not in " \t":
        lines[i] = name.upper() + ":" + value
    elif kind == 7:
        lines[i] = lines[i].replace(" ", rnd.choice(["  ", "\t"]), 1)
    elif kind == 8 and not arc:
        lines[i] += " "
    elif kind == 9 and " " in lines[i][j:]:
        at = lines[i].index(" ", j)
        lines[i] = lines[i][:at] + "\r\n" + lines[i][at:]
    elif kind == 10 and j > len(name):
        lines[i] = lines[i][:j] + rnd.choice("!Aa0") + lines[i][j + 1:]
    elif kind == 11 and i > 0:  # the first may leave a field without a name behind
        del lines[i]
    elif kind == 12 and not arc:
        fields = []
        for line in lines:
            if line[:1] in (" ", "\t") and fields:
                fields[-1] += "\r\n" + line
            else:
                fields.append(line)
        rnd.shuffle(fields)
        lines = fields
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin1")


def dkim_case(rnd, keys):
    fields, message = random_message(rnd)
    ed = rnd.random() < 0.3
    names = ["from"] + [n for n in sorted({n.lower() for n, _ in fields} - {"from"}) if rnd.random() < 0.7]
    names = [n for n in names if n != "received"]  # which dkimpy does not sign
    names += rnd.choice([[]] * 4 + [["subject"], ["x-absent"], ["from"]])
    d = dkim.DKIM(message, minkey=1024)
    d.should_sign, d.frozen_sign = set(), set()
    signature = d.sign(b"s", b"home.test", keys.ed if ed else keys.rsa,
                       signature_algorithm=b"ed25519-sha256" if ed else b"rsa-sha256",
                       identity=rnd.choice([None, b"@home.test", b"x@sub.home.test"]),
                       canonicalize=tuple(rnd.choice([b"simple", b"relaxed"]) for _ in "hb"),
                       include_headers=[n.encode() for n in names])
    message = changed(rnd, signature + message)
    record = keys.ed_record if ed else rnd.choice(keys.rsa_records)
    try:
        passed = dkim.DKIM(message, minkey=1024).verify(
            dnsfunc=lambda name, timeout=5: record.encode() if name == b"s._domainkey.home.test." else None)
    except (dkim.DKIMException, binascii.Error):
        passed = False
    return question("192.0.2.1", "a.test", "b@x.test", [("s._domainkey.home.test", "TXT", record)], message), passed


def check_dkim(rnd, n):
    keys = Keys()
    cases = [dkim_case(rnd, keys) for _ in range(n)]
    questions, theirs = [c[0] for c in cases], [c[1] for c in cases]
    ok = compare("dkim-as-dkimpy", questions, theirs, [o["dkim"] == "pass" for o in judged(questions)])
    print(f"{'PASS' if 0.2 * n < sum(theirs) < 0.9 * n else 'FAIL'} dkim-good-and-bad-were-there")
    return ok


# ---- ARC ----

class Sealer:
    """Sets as hosts of many habits write them: the order of tags, of the fields, folding, what is covered."""

    def __init__(self, rnd, keys):
        self.rnd, self.keys = rnd, keys
        self.key = serialization.load_pem_private_key(keys.rsa, None)
        self.record = "v=DKIM1; k=rsa; p=" + keys.public

    def fold(self):
        return self.rnd.choice([" ", " ", "\r\n ", "\r\n\t", "  "])

    def tags(self, pairs):
        """b= may be anywhere; dkimpy wants " i=1;" to be there."""
        self.rnd.shuffle(pairs)
        pairs.insert(0, pairs.pop(next(n for n, p in enumerate(pairs) if p[0] == "i")))
        equals = [self.rnd.choice(["=", "=", " = "]) if n not in ("i", "b") else "=" for n, _ in pairs]
        first = " " + f"{pairs[0][0]}={pairs[0][1]};"
        return first + ";".join(self.fold() + n + e + v for (n, v), e in zip(pairs[1:], equals[1:])) + self.rnd.choice(["", ";"])

    def sign(self, covered, name, pairs, simple=False):
        value = self.tags(pairs + [("b", "@")])
        whole = f"{name}:{value}"
        canon = (whole if simple else relaxed(whole)).replace("@", "")
        b = base64.b64encode(self.key.sign((covered + canon).encode("latin1"), padding.PKCS1v15(), hashes.SHA256())).decode()
        cut = self.rnd.randrange(1, len(b))
        return whole.replace("@", b[:cut] + self.rnd.choice(["", "\r\n  ", " "]) + b[cut:])

    def set(self, i, cv, sets, fields, body):
        """The three fields of a set; sets: those before it, the oldest first."""
        rnd, who = self.rnd, f"hop{i}.test"
        aar = (f"ARC-Authentication-Results:{rnd.choice([' ', '', self.fold()])}i={i};{self.fold()}{who};{self.fold()}"
               f"arc={'pass' if i > 1 else 'none'};{self.fold()}dmarc={rnd.choice(['pass', 'fail'])} header.from=home.test")
        simple = rnd.random() < 0.3
        names = ["from"] + [n for n in ("subject", "to", "date", "x-absent") if rnd.random() < 0.7]
        rnd.shuffle(names)
        hashed = base64.b64encode(hashlib.sha256(body if simple else relaxed_body(body)).digest()).decode()
        chosen = [next((f for f in fields if f.split(":")[0].lower() == n), None) for n in names]
        covered = "".join((f if simple else relaxed(f)) + "\r\n" for f in chosen if f)
        tags = [("i", str(i)), ("a", "rsa-sha256"), ("c", "simple/simple" if simple else "relaxed/relaxed"), ("d", who), ("s", "s"),
                ("t", str(NOW - 60)), ("h", rnd.choice([":", " : "]).join(names)), ("bh", hashed)]
        ams = self.sign(covered, rnd.choice(["ARC-Message-Signature", "Arc-Message-Signature"]), tags, simple)
        before = [] if cv == "fail" else [f for s in sets for f in s]
        covered = "".join(relaxed(f) + "\r\n" for f in before + [aar, ams])
        seal = self.sign(covered, "ARC-Seal", [("i", str(i)), ("a", "rsa-sha256"), ("cv", cv), ("d", who), ("s", "s"), ("t", str(NOW - 60))])
        return [aar, ams, seal]


def relaxed(field):
    name, value = field.split(":", 1)
    return name.strip().lower() + ":" + " ".join(value.split())


def relaxed_body(body):
    return dkim.RelaxedCanonicalization.canonicalize_body(body)


def arc_case(rnd, keys):
    """A chain of one to four hops, each of which may change the message; the end of it, perhaps broken."""
    sealer = Sealer(rnd, keys)
    fields = ["From: Ben <ben@home.test>", "To: anna@us.test", "Subject: " + rnd.choice(["one", "a  b", "x" * 70]),
              "Date: Tue, 24 Nov 2026 11:36:46 +0000"]
    body, sets = b"Hello\r\n", []
    hops = rnd.choice([1, 1, 2, 2, 3, 4])
    for i in range(1, hops + 1):
        cv = "none" if i == 1 else "pass"
        if rnd.random() < 0.06:
            cv = rnd.choice(["none", "pass", "fail"])
        if rnd.random() < 0.5:
            body += b"-- \r\nfooter %d\r\n" % i
            fields[2] = "Subject: [list] " + fields[2][9:]
        if rnd.random() < 0.4:  # what dkimpy writes; here it sees the chain as the hop before has left it
            text = joined(rnd, sets, [f"Authentication-Results: hop{i}.test; arc={'pass' if i > 1 else 'none'}; spf=pass"] + fields, body)
            made = dkim.arc_sign(text, b"s", b"hop%d.test" % i, keys.rsa, b"hop%d.test" % i, include_headers=[b"from", b"subject"])
            sets.append([f.decode().rstrip("\r\n") for f in reversed(made)])
        else:
            sets.append(sealer.set(i, cv, sets, fields, body))
    message = joined(rnd, sets, fields, body)
    if rnd.random() < 0.4:
        message = changed(rnd, message, arc=True)
    records = {f"s._domainkey.hop{i}.test.": sealer.record for i in range(1, hops + 1) if rnd.random() > 0.02}
    try:
        cv = dkim.arc_verify(message, dnsfunc=lambda name, timeout=5: records.get(name.decode(), "").encode(), minkey=1024)[0]
    except binascii.Error:
        cv = b"fail"
    except IndexError:  # it looks for " i=1;" in the raw field, and nowhere else
        return None
    asked = [(n[:-1], "TXT", v) for n, v in records.items()]
    return question("192.0.2.1", "a.test", "b@x.test", asked, message), cv == b"pass"


def joined(rnd, sets, fields, body):
    """Newer sets above older ones, as trace fields are; within a set in any order."""
    top = []
    for s in sets:
        s = list(s)
        rnd.shuffle(s)
        top = s + top
        if rnd.random() < 0.3:
            top.insert(0, "Received: from x by y; Tue, 24 Nov 2026 11:36:46 +0000")
    return ("\r\n".join(top + fields) + "\r\n\r\n").encode("latin1") + body


def check_arc(rnd, n):
    keys = Keys()
    cases = [c for c in (arc_case(rnd, keys) for _ in range(n)) if c]
    questions, theirs = [c[0] for c in cases], [c[1] for c in cases]
    ok = compare("arc-as-dkimpy", questions, theirs, [o["arc"] == "pass" for o in judged(questions)])
    print(f"{'PASS' if 0.2 * n < sum(theirs) < 0.95 * n else 'FAIL'} arc-good-and-bad-were-there: {sum(theirs)} of {n}")
    return ok


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=lambda s: random.randrange(1 << 30) if s == "random" else int(s),
                   default=7208)
    p.add_argument("--cases", type=int, default=600)
    p.add_argument("--quick", action="store_true")
    args = p.parse_args()
    print(f"seed {args.seed}", flush=True)
    n = 100 if args.quick else args.cases
    ok = check_spf(random.Random(args.seed), 2 * n)
    ok = check_dkim(random.Random(args.seed), n) and ok
    return 0 if check_arc(random.Random(args.seed), n) and ok else 1


if __name__ == "__main__":
    sys.exit(main())
