#!/usr/bin/env python3
"""Reads an account from its description in lib/store/format.h alone.

  reader.py dump ACCOUNT       all mailboxes and messages, as text
  reader.py digest ACCOUNT     a hash of them, as `hearthmail fsck --json` has it
  reader.py message ACCOUNT N  the bytes of record N
  reader.py verdict ACCOUNT N  what was found out about it when it arrived
                               (lib/msgauth/verdict.h)
  reader.py rules ACCOUNT      scripts, what they remember and what they send
  reader.py records LOG        the records that count: number, type, length and
                               CRC-32C of the bytes

Written for people who want to get at their mail with nothing but Python, and
for the tests, which compare it with what the server says.
"""
import bisect
import hashlib
import ipaddress
import json
import os
import re
import struct
import sys

HEADER = 4096
COMMIT, SNAPSHOT, MESSAGE, VERDICT = 1, 2, 16, 29
NAMED, ELSEWHERE = 1, 2
MASK = (1 << 64) - 1


class Damaged(Exception):
    pass


# ---- checksums ----

def siphash24(key, data):
    k0, k1 = struct.unpack("<QQ", key)
    a, b = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    c, d = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (m,) in [*struct.iter_unpack("<Q", padded), (None,)]:
        if m is None:
            c ^= 255
        else:
            d ^= m
        for _ in range(4 if m is None else 2):
            a = a + b & MASK
            b = (b << 13 | b >> 51) & MASK ^ a
            a = (a << 32 | a >> 32) & MASK
            c = c + d & MASK
            d = (d << 16 | d >> 48) & MASK ^ c
            a = a + d & MASK
            d = (d << 21 | d >> 43) & MASK ^ a
            c = c + b & MASK
            b = (b << 17 | b >> 47) & MASK ^ c
            c = (c << 32 | c >> 32) & MASK
        if m is not None:
            a ^= m
    return struct.pack("<Q", a ^ b ^ c ^ d)


TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)


def crc32c(data):
    c = 0xFFFFFFFF
    for b in data:
        c = c >> 8 ^ TABLE[(c ^ b) & 255]
    return c ^ 0xFFFFFFFF


# ---- segments and records ----

class Record:
    def __init__(self, off, head, payload):
        (self.size, self.type, self.flags, self.codec, self.seq, self.time, self.crc,
         _) = struct.unpack(">IHBBQQII", head[:32])
        self.off = off
        self.payload = payload


class Segment:
    def __init__(self, log, name):
        self.number = int(name)
        with open(os.path.join(log, name), "rb") as f:
            self.data = f.read()
        head = self.header()
        self.version = struct.unpack(">H", head[8:10])[0]
        self.key = head[32:48]
        self.previous_seq = struct.unpack(">Q", head[72:80])[0]
        ranges = struct.unpack(">I", head[96:100])[0]
        self.replaces = [struct.unpack(">II", head[104 + 8 * i:112 + 8 * i])
                         for i in range(ranges)]

    def header(self):
        for copy in (self.data[:2048], self.data[2048:HEADER]):
            if len(copy) < 12:
                continue
            n = struct.unpack(">H", copy[10:12])[0]
            if copy[:8] == b"hmjrnl\r\n" and n <= 2044 and \
                    struct.unpack(">I", copy[n:n + 4])[0] == crc32c(copy[:n]):
                return copy
        raise Damaged(f"segment {self.number}: no good copy of the header")

    def records(self):
        """All that are intact; the bytes of NAMED ones are not looked at."""
        off, data = HEADER, self.data
        while off + 40 <= len(data):
            head = data[off:off + 40]
            if head[:32] == bytes(32) or siphash24(self.key, head[:32]) != head[32:]:
                off += 8
                continue
            r = Record(off, head, None)
            r.payload = data[off + 40:off + 40 + r.size]
            whole = len(r.payload) == r.size
            if whole and (r.flags & (NAMED | ELSEWHERE) == NAMED or crc32c(r.payload) == r.crc):
                yield r
            off += (40 + r.size + 7) // 8 * 8

    def commit(self, r):
        return struct.unpack(">QII", r.payload[:16])


def judge(segment, flushed):
    """The last number that counts in the last segment."""
    rows = list(segment.records())
    commits = [(i, r, *segment.commit(r)) for i, r in enumerate(rows) if r.type == COMMIT]
    for _, r, known, _, _ in commits:
        flushed = max(flushed, known)
    keep = flushed
    for i, r, _, count, flags in commits:
        if r.seq <= keep:
            continue
        batch = rows[i - count:i] if count <= i else []
        wanted = [r.seq - count + 1 + k for k in range(count)]
        if len(batch) != count or any(b.type == COMMIT for b in batch) or \
                [b.seq for b in batch] != wanted or r.seq - count > keep:
            break
        keep = r.seq
    return keep


class Log:
    """What counts in a log: .changes and .messages by number, .snapshot."""

    def __init__(self, log):
        self.log = log
        self.records, self.snapshot, self.snapshot_seq = [], None, 0
        found = []
        for name in sorted((n for n in os.listdir(log) if re.fullmatch(r"\d{6,}", n)), key=int):
            try:
                found.append(Segment(log, name))
            except Damaged as e:
                print(e, file=sys.stderr)
        gone = [range(a, b + 1) for s in found for a, b in s.replaces]
        found = [s for s in found if not any(s.number in g for g in gone)]
        seen = 0
        for i, s in enumerate(found):
            if s.version == 2:
                limit = max((r.seq for r in s.records() if r.type == COMMIT), default=0)
                self.take_snapshot(s)
            elif i + 1 < len(found):
                limit = found[i + 1].previous_seq
            else:
                limit = judge(s, s.previous_seq)
            for r in s.records():
                if r.type in (COMMIT, SNAPSHOT) or not seen < r.seq <= limit:
                    continue
                seen = r.seq
                self.records.append(r)

    def take_snapshot(self, segment):
        pieces = [r.payload for r in segment.records() if r.type == SNAPSHOT]
        if not pieces:
            return
        seq, _, count = struct.unpack(">QII", pieces[0][:16])
        if len(pieces) == count and seq >= self.snapshot_seq:
            self.snapshot_seq = seq
            self.snapshot = b"".join(p[16:] for p in pieces)

    def bytes_of(self, r):
        if not r.flags & ELSEWHERE:
            return r.payload
        name = "body-%016x" % struct.unpack(">Q", r.payload[:8])
        with open(os.path.join(self.log, name), "rb") as f:
            return f.read()

    def checksum_of(self, r):
        return struct.unpack(">I", r.payload[16:20])[0] if r.flags & ELSEWHERE else r.crc


# ---- values ----

class Wire:
    def __init__(self, data):
        self.data, self.at = data, 0

    def more(self):
        return self.at < len(self.data)

    def number(self):
        v = shift = 0
        while True:
            if self.at >= len(self.data):
                raise Damaged("a number has no end")
            b = self.data[self.at]
            self.at += 1
            v |= (b & 127) << shift
            shift += 7
            if b < 128:
                return v & MASK

    def signed(self):
        v = self.number()
        return (v >> 1) ^ -(v & 1)

    def bytes(self, n):
        out = self.data[self.at:self.at + n]
        if len(out) != n:
            raise Damaged("a text has no end")
        self.at += n
        return out

    def text(self):
        return self.bytes(self.number()).decode()

    def rest(self):
        return self.bytes(len(self.data) - self.at).decode()


def ranges(w):
    out, last = [], 0
    while w.more():
        lo = last + w.number()
        last = lo + w.number()
        out.append((lo, last))
    return out


class Message:
    def __init__(self, uid, system, keywords, date, zone, saved, body, size, modseq=0):
        self.uid, self.system, self.keywords, self.date = uid, system, keywords, date
        self.zone, self.saved, self.body, self.size = zone, saved, body, size
        self.modseq = modseq

    @staticmethod
    def from_48(b):
        modseq, body, keywords, date, uid, size, saved, zone, system, _ = \
            struct.unpack(">QQQqIIIhBB", b)
        return Message(uid, system, keywords, date, zone, saved, body, size, modseq)


def messages(w):
    out, uid, date, saved, body = [], 0, 0, 0, 0
    for _ in range(w.number()):
        uid += w.number()
        system, keywords = w.number(), w.number()
        date += w.signed()
        zone = w.signed()
        saved += w.signed()
        body += w.signed()
        out.append(Message(uid, system, keywords, date, zone, saved, body, w.number()))
        w.number()
    return out


NUMBERS = {1: "mailbox", 4: "source", 6: "op", 7: "system", 8: "keywords", 12: "validity",
           13: "use", 14: "selectable", 15: "on", 16: "keyword", 18: "keep_name",
           20: "until", 21: "body", 22: "kind"}


class Change:
    def __init__(self, kind, payload):
        for name in NUMBERS.values():
            setattr(self, name, 0)
        self.messages, self.uids, self.source_uids, self.slots, self.pairs = [], [], [], [], []
        self.name, self.text, self.delivery = "", b"", None
        w = Wire(payload)
        while w.more():
            tag, size = struct.unpack(">HI", w.bytes(6))
            self.field(kind, tag, Wire(w.bytes(size)))

    def field(self, kind, tag, w):
        n = tag & 0x7FFF
        if n in NUMBERS:
            setattr(self, NUMBERS[n], w.number())
        elif n == 2:
            self.messages = messages(w)
        elif n == 3:
            self.uids = ranges(w)
        elif n == 5:
            self.source_uids = ranges(w)
        elif n == 9:
            self.slots.append((w.number(), w.number()))
        elif n == 10:
            self.delivery = w.bytes(16)
        elif n == 11:
            self.name = w.rest()
        elif n == 19:
            self.text = w.data
        elif n == 17:
            self.pairs.append((w.number(), w.number() if kind == 25 else w.rest()))
        elif tag & 0x8000:
            raise Damaged(f"field {n} is not known and must be")


RESULTS = ["none", "pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror"]
POLICIES = ["none", "quarantine", "reject"]


def verdict(data):
    """What was found out about a message when it arrived."""
    w, out, last = Wire(data), {}, 0
    while w.more():
        tag, size = w.bytes(2)
        value = w.bytes(size)
        if tag <= last:
            raise Damaged("a verdict's tags do not rise")
        last = tag
        if tag == 1:
            out["received"], = struct.unpack(">q", value)
        elif tag == 2:
            out["peer"] = str(ipaddress.ip_address(value).ipv4_mapped or ipaddress.ip_address(value))
        elif tag == 3:
            out.update(zip(["spf", "helo", "dkim", "arc", "dmarc", "iprev"], (RESULTS[b] for b in value)))
        elif tag == 4:
            out.update(author_problem=value[0], published=POLICIES[value[1]], applied=POLICIES[value[2]],
                       aligned=value[3])
        elif tag == 5:
            out.update(junk=bool(value[0]), override=value[1])
        elif tag in (6, 7, 8, 9, 10):
            out[{6: "author", 7: "org", 8: "passed", 9: "for", 10: "listed"}[tag]] = value.decode("ascii")
        elif tag == 13:
            out["standing"] = list(value)
    return json.dumps(out, sort_keys=True)


# ---- the state ----

class Mailbox:
    def __init__(self, ident, name):
        self.id, self.name, self.use, self.selectable = ident, name, 0, True
        self.validity, self.uidnext, self.modseq = 0, 1, 0
        self.messages, self.slots = [], {}

    def parts(self, uids):
        """Where they are; messages by rising UID."""
        def place(uid):
            return bisect.bisect_left(self.messages, uid, key=lambda x: x.uid)

        return [slice(place(lo), place(hi + 1)) for lo, hi in uids]


class Account:
    def __init__(self, folder):
        self.log = Log(os.path.join(folder, "log"))
        self.boxes, self.keywords, self.subscribed = {}, {}, set()
        self.last_validity, self.tombstones, self.gone = 0, [], {}
        self.scripts, self.active, self.memos, self.outgoing = {}, None, {}, {}
        self.bodies = {r.seq: r for r in self.log.records if r.type == MESSAGE}
        self.verdicts = {r.seq - 1: r for r in self.log.records if r.type == VERDICT}
        if self.log.snapshot:
            self.load(self.log.snapshot)
        for r in self.log.records:
            if r.type not in (MESSAGE, VERDICT) and r.seq > self.log.snapshot_seq:
                self.apply(r, Change(r.type, r.payload))

    # -- a snapshot --

    def load(self, data):
        version, count = struct.unpack(">IQ", data[:12])
        if version not in (1, 2):
            raise Damaged(f"snapshot of version {version}")
        plain, w = data[12:12 + 48 * count], Wire(data[12 + 48 * count:])
        self.last_validity = w.number()
        for _ in range(4):
            w.number()
        for _ in range(w.number()):
            w.number()
        for i in range(w.number()):
            name = w.text()
            if name:
                self.keywords[i + 1] = name
        self.subscribed = {w.text() for _ in range(w.number())}
        for _ in range(w.number()):
            w.bytes(16), w.number(), w.signed(), w.number(), w.number()
        at = 0
        for _ in range(w.number()):
            at = self.load_mailbox(w, plain, at)
        w.number()
        for _ in range(w.number()):
            mailbox, number, _, when = w.number(), w.number(), w.number(), w.signed()
            self.tombstones.append((mailbox, number, when, Message.from_48(w.bytes(48))))
        for _ in range(w.number()):
            ident = w.number()
            self.gone[ident] = w.text()
        if version == 2:
            self.load_rules(w)
        if w.more():
            raise Damaged("the snapshot goes on behind its end")

    def load_rules(self, w):
        w.number()
        for _ in range(w.number()):
            key, active = (w.number(), w.text()), w.number()
            self.scripts[key] = w.bytes(w.number())
            if active:
                self.active = key
        for _ in range(w.number()):
            key = w.number(), w.bytes(16)
            self.memos[key] = w.signed()
        for _ in range(w.number()):
            ident, body, size = w.bytes(16), w.number(), w.number()
            self.outgoing[ident] = (body, size, w.bytes(w.number()))

    def load_mailbox(self, w, plain, at):
        m = Mailbox(w.number(), w.text())
        self.boxes[m.id] = m
        m.use, m.selectable, m.validity, m.uidnext, m.modseq, n = [w.number() for _ in range(6)]
        m.messages = [Message.from_48(plain[48 * i:48 * i + 48]) for i in range(at, at + n)]
        for _ in range(4):
            w.number()
        m.slots = dict(enumerate(w.number() for _ in range(w.number())))
        w.number()
        for _ in range(w.number()):
            w.number(), w.number(), w.number()
        return at + n

    # -- changes --

    def named(self, name):
        return next((m for m in self.boxes.values() if m.name == name), None)

    def remove(self, m, uids, r):
        for part in reversed(m.parts(uids)):
            self.tombstones += [(m.id, None, r.time, x) for x in m.messages[part]]
            if m.messages[part]:
                m.modseq = max(m.modseq, r.seq)
            del m.messages[part]

    def apply(self, r, c):
        m = self.boxes.get(c.mailbox)
        handle = {17: self.added, 18: self.flags, 19: self.expunged, 20: self.made,
                  21: self.renamed, 22: self.deleted, 23: self.subscription,
                  24: self.keyword, 25: self.validity, 27: self.script, 28: self.purged,
                  30: self.memo, 31: self.sent}.get(r.type)
        if handle is None:
            raise Damaged(f"record {r.seq} has the unknown type {r.type}")
        handle(r, c, m)

    def added(self, r, c, m):
        if m is None:
            self.last_validity += 1
            m = self.boxes[c.mailbox] = Mailbox(c.mailbox, f"Recovered-{c.mailbox}")
            m.validity = self.last_validity
            m.modseq = r.seq
        m.slots.update(c.slots)
        fresh = [x for x in c.messages if x.uid >= m.uidnext]
        for x in fresh:
            x.modseq = r.seq
        if fresh:
            m.messages += fresh
            m.uidnext = fresh[-1].uid + 1
            m.modseq = max(m.modseq, r.seq)
        if c.source in self.boxes:
            self.remove(self.boxes[c.source], c.source_uids, r)

    def flags(self, r, c, m):
        if m is None:
            return
        m.slots.update(c.slots)
        for x in (x for part in m.parts(c.uids) for x in m.messages[part]):
            if c.op == 0:
                x.system, x.keywords = c.system, c.keywords
            elif c.op == 1:
                x.system |= c.system
                x.keywords |= c.keywords
            else:
                x.system &= ~c.system
                x.keywords &= ~c.keywords
            x.modseq = r.seq
        m.modseq = max(m.modseq, r.seq)

    def expunged(self, r, c, m):
        if m is not None:
            self.remove(m, c.uids, r)

    def made(self, r, c, m):
        there = self.named(c.name)
        if there is not None:
            del self.boxes[there.id]
        if c.mailbox in self.boxes:
            return
        m = self.boxes[c.mailbox] = Mailbox(c.mailbox, c.name)
        m.use, m.selectable, m.validity, m.modseq = c.use, bool(c.selectable), c.validity, r.seq
        if c.on:
            self.subscribed.add(c.name)
        self.last_validity = max(self.last_validity, c.validity)

    def renamed(self, r, c, m):
        for ident, name in c.pairs:
            if ident not in self.boxes:
                continue
            there = self.named(name)
            if there is not None and there.id != ident:
                del self.boxes[there.id]
            self.boxes[ident].name = name
            self.boxes[ident].modseq = max(self.boxes[ident].modseq, r.seq)

    def deleted(self, r, c, m):
        if m is None:
            return
        self.tombstones += [(m.id, None, r.time, x) for x in m.messages]
        self.gone[m.id] = m.name
        del self.boxes[m.id]
        if c.keep_name:
            level = self.boxes[m.id] = Mailbox(m.id, m.name)
            level.selectable, level.modseq = False, r.seq

    def subscription(self, r, c, m):
        (self.subscribed.add if c.on else self.subscribed.discard)(c.name)

    def keyword(self, r, c, m):
        self.keywords.setdefault(c.keyword, c.name)

    def validity(self, r, c, m):
        for ident, value in c.pairs:
            if ident in self.boxes:
                self.boxes[ident].validity = value
                self.boxes[ident].modseq = max(self.boxes[ident].modseq, r.seq)
                self.last_validity = max(self.last_validity, value)

    def purged(self, r, c, m):
        bytes_ = {g[3].body for g in self.tombstones if g[0] == c.mailbox and
                  any(lo <= g[3].uid <= hi for lo, hi in c.uids)}
        self.tombstones = [g for g in self.tombstones if g[3].body not in bytes_]

    def script(self, r, c, m):
        key = c.kind, c.name
        if c.op == 0:
            self.scripts[key] = c.text
        elif c.op == 1:
            self.scripts.pop(key, None)
        elif c.op == 2 and (c.kind, c.pairs[0][1]) not in self.scripts:
            new = c.kind, c.pairs[0][1]
            self.scripts = {new if k == key else k: v for k, v in self.scripts.items()}
            self.active = new if self.active == key else self.active
        elif c.op == 3:
            self.active = key if key in self.scripts else None

    def memo(self, r, c, m):
        if c.text:
            self.memos[c.kind, c.text] = c.until

    def sent(self, r, c, m):
        if c.op == 0:
            self.outgoing[c.delivery] = (c.body, c.until, c.text)
        else:
            self.outgoing.pop(c.delivery, None)

    # -- what it comes to --

    def uses(self, packed):
        return packed & 127 if packed & 128 else 1 << packed - 1 if packed else 0

    def dump(self):
        lines = []
        names = {m.name: m for m in self.boxes.values()}
        for name in sorted({*names, *self.subscribed},
                           key=lambda n: (n != "INBOX", n.encode())):
            m = names.get(name)
            children = any(n.startswith(name + "/") for n in names)
            line = (f"{name} id{m.id if m else 0} use{self.uses(m.use) if m else 0} "
                    f"e{int(m is not None)} sel{int(bool(m and m.selectable))} "
                    f"sub{int(name in self.subscribed)} ch{int(children)}")
            if m and m.selectable:
                line += self.dump_mailbox(m)
            lines.append(line)
        return "".join(x + "\n" for x in lines)

    def dump_rules(self):
        lines = [f"script {kind} {name}{' active' if self.active == (kind, name) else ''}\n"
                 f"{text.decode()}\n" for (kind, name), text in sorted(self.scripts.items())]
        lines += [f"memo {kind} {key.hex()} {until}\n"
                  for (kind, key), until in sorted(self.memos.items())]
        lines += [f"outgoing {ident.hex()} {size} {text.decode()}\n"
                  for ident, (_, size, text) in self.outgoing.items()]
        return "".join(lines)

    def dump_mailbox(self, m):
        unseen = sum(not x.system & 1 for x in m.messages)
        deleted = sum(bool(x.system & 8) for x in m.messages)
        out = (f" v{m.validity} n{m.uidnext} u{unseen} d{deleted} "
               f"s{sum(x.size for x in m.messages)} m{m.modseq}")
        for x in m.messages:
            out += (f"\n  {x.uid} f{x.system:x} m{x.modseq} b{x.body} s{x.size} i{x.date} "
                    f"z{x.zone} t{x.saved}")
            for bit in sorted(m.slots):
                if x.keywords >> bit & 1:
                    out += " " + self.keywords.get(m.slots[bit], "")
        return out

    def digest(self):
        h = hashlib.blake2b(digest_size=32)
        for m in sorted(self.boxes.values(), key=lambda m: m.name.encode()):
            h.update(f"mailbox {m.name} {m.use} {int(m.selectable)}\n".encode())
            for x in m.messages:
                r = self.bodies.get(x.body)
                crc = self.log.checksum_of(r) if r else 0
                h.update(f"{x.system:x} {x.keywords:x} {x.date} {x.zone} {x.size} "
                         f"{crc:x}\n".encode())
        return h.hexdigest()


def main(words):
    if len(words) == 2 and words[0] == "dump":
        sys.stdout.write(Account(words[1]).dump())
    elif len(words) == 2 and words[0] == "rules":
        sys.stdout.write(Account(words[1]).dump_rules())
    elif len(words) == 2 and words[0] == "digest":
        print(Account(words[1]).digest())
    elif len(words) == 3 and words[0] == "message":
        a = Account(words[1])
        sys.stdout.buffer.write(a.log.bytes_of(a.bodies[int(words[2])]))
    elif len(words) == 3 and words[0] == "verdict":
        a = Account(words[1])
        print(verdict(a.verdicts[int(words[2])].payload))
    elif len(words) == 2 and words[0] == "records":
        log = Log(words[1])
        for r in log.records:
            data = log.bytes_of(r)
            print(r.seq, r.type, len(data), "%08x" % crc32c(data))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
