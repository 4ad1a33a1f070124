#!/usr/bin/env python3
"""IMAP against a model: several sessions on two mailboxes do random things, one
command at a time, and every response is compared with what a plain model of
RFC 3501, or in sessions with ENABLE IMAP4rev2 of RFC 9051, in memory says.

Sessions with ENABLE QRESYNC besides keep a cache as a phone does, from nothing
but what the server says.  Now and then their connection breaks, the account's
process is killed, its journal compacted or the server started anew; then they
come back with SELECT (QRESYNC), and the cache must be what the model is.

  test_imap_model.py [--quick] [--seconds N] [--seed N] [DIR]

DIR: a server of `hearthmail try --dir DIR` (mailboxes A and B of USER1 are
made anew); else one of its own is started.  A failure prints the seed, with
which the same commands come again, and the last commands.  Without --seed the
commands are always the same, so that a change is judged by what it changed;
to look for more, `--seed random --seconds 600`.
"""
import argparse
import os
import random
import re
import socket
import sys
import time

SYSTEM = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"]
KEYWORDS = ["work", "$Forwarded", "later", "k4"]
WORDS = ["apple", "Banana", "CHERRY", "date", "elder", "fig"]
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Wrong(Exception):
    pass


def check(ok, text):
    if not ok:
        raise Wrong(text)


# ---- the wire ----

def tokens(data):
    """One response as nested lists; literals and strings become bytes."""
    pos = 0

    def value():
        nonlocal pos
        c = data[pos:pos + 1]
        if c == b"(":
            pos += 1
            out = []
            while data[pos:pos + 1] != b")":
                if data[pos:pos + 1] == b" ":
                    pos += 1
                    continue
                out.append(value())
            pos += 1
            return out
        if c == b'"':
            m = re.compile(rb'"((?:[^"\\]|\\.)*)"').match(data, pos)
            pos = m.end()
            return re.sub(rb"\\(.)", rb"\1", m[1])
        if c == b"{":
            m = re.compile(rb"\{(\d+)\}\r\n").match(data, pos)
            pos = m.end() + int(m[1])
            return data[m.end():pos]
        m = re.compile(rb"[^\s()\[]+(?:\[[^\]]*\](?:<\d+>)?)?|\[[^\]]*\]").match(data, pos)
        check(m, f"cannot read {data[pos:pos + 40]!r}")
        pos = m.end()
        return m[0].decode()

    out = []
    while pos < len(data):
        if data[pos:pos + 1] == b" ":
            pos += 1
            continue
        out.append(value())
    return out


class Wire:
    def __init__(self, env):
        self.s = socket.create_connection((env["HOST"], int(env["IMAP_PORT"])), timeout=300)
        self.buf = b""
        self.line()

    def need(self, n):
        while len(self.buf) < n:
            d = self.s.recv(1 << 16)
            check(d, "the server has closed")
            self.buf += d

    def line(self):
        """A response with its literals, without the last CRLF."""
        start = 0
        while True:
            while (end := self.buf.find(b"\r\n", start)) < 0:
                self.need(len(self.buf) + 1)
            m = re.search(rb"\{(\d+)\}\Z", self.buf[start:end])
            if not m:
                out, self.buf = self.buf[:end], self.buf[end + 2:]
                return out
            start = end + 2 + int(m[1])
            self.need(start)


# ---- the model ----

class Message:
    def __init__(self, uid, flags, date, raw, subject, body):
        self.uid, self.flags, self.date = uid, set(flags), date
        self.raw, self.subject, self.body = raw, subject, body
        self.live = True
        self.modseq, self.floor = None, 0  # once told; the next is above floor
        self.content = {}  # shared by all copies: its EMAILID

    def touch(self):
        """Its MODSEQ is another one from now on."""
        self.floor, self.modseq = max(self.floor, self.modseq or 0), None

    def told_modseq(self, text):
        n = int(text.strip("()"))
        if self.modseq is None:
            check(n > self.floor, f"UID {self.uid}: MODSEQ {n} is not above {self.floor}")
            self.modseq = n
        check(n == self.modseq, f"UID {self.uid}: MODSEQ {n}, not {self.modseq}")


class Mailbox:
    def __init__(self, name):
        self.name = name
        self.messages = {}  # uid -> Message, the expunged ones, too
        self.next = 1
        self.validity = None
        self.mailboxid = None

    def live(self):
        return [u for u, m in self.messages.items() if m.live]

    def add(self, like, flags=None):
        m = Message(self.next, like.flags if flags is None else flags, like.date, like.raw,
                    like.subject, like.body)
        m.content = like.content
        self.messages[m.uid] = m
        self.next += 1
        return m.uid


class Cache:
    """What a phone keeps of one mailbox."""

    def __init__(self):
        self.validity, self.modseq, self.next = None, 0, 1
        self.flags = {}  # by UID


def uid_set(uids):
    """"1:3,7": as few ranges as there are."""
    out = []
    for u in sorted(uids):
        if out and out[-1][1] == u - 1:
            out[-1][1] = u
        else:
            out.append([u, u])
    return ",".join(f"{a}:{b}" if a < b else str(a) for a, b in out)


class Session:
    def __init__(self, world, number):
        self.world, self.number = world, number
        self.wire = Wire(world.env)
        self.counter = 0
        self.box, self.readonly = None, False
        self.view = []      # UIDs by sequence number
        self.told_next = 1  # UIDs from here on are not known yet
        self.owed = set()   # UIDs whose flags others have changed
        self.saved = set()  # UIDs: "$"
        self.rev2 = self.condstore = self.qresync = False
        self.wants = []     # what it enables
        self.caches = {}    # by mailbox: a phone's
        self.cache = None   # of the one that is open
        self.order = []     # UIDs by sequence number, as the phone knows; None: not yet
        self.heard = [None, 0]  # HIGHESTMODSEQ and the largest MODSEQ of this command
        self.login()

    def login(self):
        """A process that has just been killed may cost the first try."""
        text = f'LOGIN {self.world.env["USER1"]} "{self.world.env["PASS1"]}"'
        for _ in range(50):
            try:
                return self.run(text)
            except Wrong as e:
                if "UNAVAILABLE" not in str(e):
                    raise
                self.wire = Wire(self.world.env)
        raise Wrong("no login any more")

    def enable(self, wants):
        self.wants = wants
        if not wants:
            return
        rest, others = self.run("ENABLE " + " ".join(wants))
        order = [w for w in ("IMAP4rev2", "CONDSTORE", "QRESYNC") if w in wants]
        check(others == [["ENABLED", *order]], f"ENABLE says {others}")
        self.rev2, self.qresync = "IMAP4rev2" in wants, "QRESYNC" in wants
        self.condstore = self.qresync or "CONDSTORE" in wants

    # -- the phone --

    def hear(self, words):
        """One untagged response of an open mailbox, into the cache."""
        c = self.cache
        if words[0] == "VANISHED":
            gone = numbers(words[-1])
            if words[1] != "(EARLIER)":
                for u in gone:
                    self.order.pop(self.place(u))
            else:
                check(not set(gone) & set(self.order) - {None}, f"{words}, but {self.order}")
            for u in gone:
                c.flags.pop(u, None)
        elif words[0] == "OK" and words[1] == "[HIGHESTMODSEQ":
            self.heard[0] = int(words[2].strip("]"))
        elif len(words) > 1 and words[1] == "EXISTS":
            check(int(words[0]) >= len(self.order), f"{words}, but there are {len(self.order)}")
            self.order += [None] * (int(words[0]) - len(self.order))
        elif len(words) > 1 and words[1] == "FETCH":
            items = dict(zip(words[2][::2], words[2][1::2]))
            n = int(words[0]) - 1
            if "UID" in items:
                check(self.order[n] in (None, int(items["UID"])), f"{words}: it was {self.order[n]}")
                self.order[n] = int(items["UID"])
            if "MODSEQ" in items:
                self.heard[1] = max(self.heard[1], int(items["MODSEQ"][0]))
            if "FLAGS" in items and self.order[n] is not None:
                c.flags[self.order[n]] = set(items["FLAGS"])

    def place(self, uid):
        """Where a UID stands: one that is not known yet stands for any such
        between its neighbours."""
        if uid in self.order:
            return self.order.index(uid)
        free = [i for i, u in enumerate(self.order) if u is None and
                all(v is None or v < uid for v in self.order[:i]) and
                all(v is None or v > uid for v in self.order[i:])]
        check(free, f"VANISHED {uid}, known are {self.order}")
        return free[0]

    def settle(self, rest):
        """The tagged reply [RFC 7162 6]: up to where the phone knows all."""
        m = re.match(r"\[HIGHESTMODSEQ (\d+)\]", rest)
        if m:
            self.heard[0] = int(m[1])
        if self.heard[0] is not None:
            self.cache.modseq = self.heard[0]
        elif self.heard[1] > self.cache.modseq:
            self.cache.modseq = self.heard[1]
        self.heard = [None, 0]

    def learn_new(self):
        """Fetches what it does not know yet, as a phone does now and then."""
        c = self.cache
        new = [u for u in self.view if u >= c.next]
        if not new:
            return

        def handle(w):
            mine = len(w) > 1 and w[1] == "FETCH" and self.view[int(w[0]) - 1] >= c.next
            if mine:
                self.owed.discard(self.view[int(w[0]) - 1])
            return mine

        _, others = self.run(f"UID FETCH {c.next}:{new[-1]} (FLAGS)", handle=handle)
        c.next = new[-1] + 1
        self.changes(others, True)

    def come_back(self, box):
        """Reconnects with what the cache has, and compares."""
        rnd = self.world.rnd
        c = self.cache = self.caches[box.name]
        self.order, self.heard = [], [None, 0]
        # Of newer ones it knows some by chance, but not where they stand.
        c.flags = {u: f for u, f in c.flags.items() if u < c.next}
        known = sorted(c.flags)
        text = f"{c.validity} {c.modseq}"
        if rnd.random() < 0.5:
            text += " " + (uid_set(known) or f"1:{max(1, c.next - 1)}")
        if known and rnd.random() < 0.5:
            pairs = sorted(rnd.sample(range(len(known)), rnd.randint(1, len(known))))
            text += f" ({uid_set(p + 1 for p in pairs)} {','.join(str(known[p]) for p in pairs)})"
        earlier = []

        def handle(w):
            if w[0] == "VANISHED":
                check(w[1] == "(EARLIER)" and not earlier, f"{w} after {earlier}")
                earlier.append(w)
                check(not set(numbers(w[2])) & set(box.live()), f"{w}, live are {box.live()}")
            if len(w) > 1 and w[1] == "FETCH":
                check({"UID", "FLAGS", "MODSEQ"} == set(w[2][::2]), f"{w}")
            return True

        self.readonly = rnd.random() < 0.2
        self.run(f"{'EXAMINE' if self.readonly else 'SELECT'} {box.name} (QRESYNC ({text}))",
                 handle=handle)
        self.box, self.view, self.told_next = box, box.live(), box.next
        self.learn_new()
        self.compare()

    def compare(self):
        want = {u: self.box.messages[u].flags for u in self.box.live()}
        have = self.cache.flags
        wrong = {u: (have.get(u), want.get(u)) for u in set(have) | set(want)
                 if have.get(u) != want.get(u)}
        check(not wrong, f"in the cache and in the mailbox: {wrong}")

    def broken(self):
        """The connection has broken: a new one, and what the phone kept."""
        box = self.box
        self.wire.s.close()
        self.leave()
        self.rev2 = self.condstore = self.qresync = False
        self.wire = Wire(self.world.env)
        self.login()
        self.enable(self.wants)
        if self.qresync and box and box.name in self.caches:
            self.come_back(box)

    # -- commands and their responses --

    def run(self, text, want="OK", literal=None, handle=None):
        """Sends, reads until the tagged reply; handle(words) gets each untagged
        response that is part of the answer and says whether it was one."""
        self.counter += 1
        tag = f"s{self.number}n{self.counter}"
        self.world.log.append(f"{tag} {text}")
        data = f"{tag} {text}".encode()
        if literal is not None:
            data += b" {%d+}\r\n" % len(literal) + literal
        self.wire.s.sendall(data + b"\r\n")
        others = []
        while True:
            line = self.wire.line()
            if line.startswith(tag.encode() + b" "):
                status, rest = line[len(tag) + 1:].decode().split(" ", 1)
                check(status == want, f"wanted {want}, got {line!r}")
                if self.cache:
                    self.settle(rest)
                return rest, others
            check(line.startswith(b"* "), f"not a response: {line!r}")
            words = tokens(line[2:]) if b" FETCH " in line[:24] else line[2:].decode().split(" ")
            if self.cache:
                self.hear(words)
            if not (handle and handle(words)):
                others.append(words)

    def changes(self, others, expunges):
        """The untagged responses that tell what is new, in their order."""
        box = self.box
        for w in others:
            if len(w) > 1 and w[1] == "EXPUNGE":
                n = int(w[0])
                check(expunges, "EXPUNGE is not allowed here")
                check(1 <= n <= len(self.view), f"EXPUNGE {n} of {len(self.view)}")
                uid = self.view.pop(n - 1)
                check(not box.messages[uid].live, f"UID {uid} is not expunged")
                check(not self.qresync, "EXPUNGE after ENABLE QRESYNC")
            elif w[0] == "VANISHED":
                check(expunges and self.qresync and w[1] != "(EARLIER)", f"{w} is not allowed here")
                for uid in numbers(w[1]):
                    check(uid in self.view, f"VANISHED {uid}, view is {self.view}")
                    check(not box.messages[uid].live, f"UID {uid} is not expunged")
                    self.view.remove(uid)
            elif w[:2] == ["OK", "[HIGHESTMODSEQ"]:
                check(self.condstore, "HIGHESTMODSEQ is news to one who does not know it")
            elif len(w) > 1 and w[1] == "EXISTS":
                self.exists(int(w[0]))
            elif len(w) > 1 and w[1] == "FETCH":
                self.flags_told(w)
            elif w[:1] == ["FLAGS"] or w[:2] == ["OK", "[PERMANENTFLAGS"]:
                pass
            else:
                check(len(w) > 1 and w[1] == "RECENT" and not self.rev2, f"unexpected: {w}")
        if box is None:
            return
        if expunges:
            check(self.view == box.live(), f"view {self.view}, mailbox {box.live()}")
            self.told_next = box.next
        else:
            seen = set(self.view)
            check(all(u in seen for u in box.live()), "EXISTS is missing")
        owed = {u for u in self.owed if box.messages[u].live}
        check(not owed, f"flags of UIDs {sorted(owed)} were not told")
        self.owed.clear()

    def exists(self, n):
        """New messages; of those that were expunged before we knew of them the
        server may speak or not."""
        new = [u for u in self.box.messages if u >= self.told_next]
        live = [u for u in new if self.box.messages[u].live]
        check(n in (len(self.view) + len(new), len(self.view) + len(live)),
              f"EXISTS {n}, view has {len(self.view)}, new are {new}, live {live}")
        self.view += new if n == len(self.view) + len(new) else live
        self.told_next = self.box.next

    def flags_told(self, words):
        uid = self.view[int(words[0]) - 1]
        items = dict(zip(words[2][::2], words[2][1::2]))
        if self.condstore:
            check({"UID", "MODSEQ"} <= set(items), f"{words} without UID or MODSEQ")
            self.box.messages[uid].told_modseq(items["MODSEQ"][0])
        else:
            check("MODSEQ" not in items, f"{words} to one who does not know it")
        check(set(items["FLAGS"]) == self.box.messages[uid].flags,
              f"flags of UID {uid}: {items['FLAGS']}, not {self.box.messages[uid].flags}")
        check("UID" not in items or int(items["UID"]) == uid, f"UID {items.get('UID')} for {uid}")
        self.owed.discard(uid)

    def simple(self, text, expunges=True):
        rest, others = self.run(text)
        self.changes(others, expunges)
        return rest

    # -- sets --

    def pick(self, uid):
        """A random set of messages: its text and their UIDs."""
        rnd = self.world.rnd
        if rnd.random() < 0.2:
            return "$", [u for u in self.view if u in self.saved]
        if rnd.random() < 0.1:
            return "1:*", list(self.view)
        n = rnd.randint(1, min(4, len(self.view)))
        some = sorted(rnd.sample(range(len(self.view)), n))
        numbers = [self.view[i] if uid else i + 1 for i in some]
        if rnd.random() < 0.3:
            lo, hi = numbers[0], numbers[-1]
            if uid:  # ends that nobody has, too
                lo, hi = max(1, lo - rnd.randint(0, 2)), hi + rnd.randint(0, 2)
                hi = min(hi, self.view[-1])
                text = f"{lo}:{hi}" if rnd.random() < 0.5 else f"{hi}:{lo}"
                return text, [u for u in self.view if lo <= u <= hi]
            text = f"{lo}:{hi}" if rnd.random() < 0.5 else f"{hi}:{lo}"
            return text, [u for i, u in enumerate(self.view) if some[0] <= i <= some[-1]]
        if uid and rnd.random() < 0.4:
            none = rnd.randint(1, self.box.next + 5)
            if none not in self.view:
                numbers.append(none)
        rnd.shuffle(numbers)
        return ",".join(map(str, numbers)), [self.view[i] for i in some]

    def changed(self, uids):
        """We changed these flags: all others in this mailbox are to be told."""
        for u in uids:
            self.box.messages[u].touch()
        for s in self.world.sessions:
            if s is not self and s.box is self.box:
                s.owed |= set(uids) & set(s.view) if uids else set()

    # -- what sessions do --

    def do_append(self):
        rnd = self.world.rnd
        box = rnd.choice(self.world.boxes)
        subject = " ".join(rnd.sample(WORDS, 2))
        body = "".join(" ".join(rnd.choices(WORDS, k=rnd.randint(1, 8))) + "\r\n"
                       for _ in range(rnd.randint(0, 6)))
        raw = f"From: anna@example.org\r\nSubject: {subject}\r\n\r\n{body}".encode()
        flags = rnd.sample(SYSTEM + KEYWORDS, rnd.randint(0, 3))
        date = (rnd.randint(1, 28), rnd.randint(0, 11), rnd.randint(1990, 2030))
        text = f'"{date[0]:2}-{MONTHS[date[1]]}-{date[2]} 12:34:56 +0130"'
        m = Message(0, flags, (date[2], date[1], date[0]), raw, subject, body)
        m.date_text = text.strip('"').encode()
        uid = box.add(m)
        box.messages[uid].date_text = m.date_text
        rest, others = self.run(f"APPEND {box.name} ({' '.join(flags)}) {text}", literal=raw)
        check(rest.startswith(f"[APPENDUID {box.validity} {uid}]"), rest)
        self.changes(others, True)

    def do_store(self):
        rnd = self.world.rnd
        uid = rnd.random() < 0.5
        text, uids = self.pick(uid)
        op, silent = rnd.choice(["", "+", "-"]), rnd.random() < 0.3
        flags = set(rnd.sample(SYSTEM + KEYWORDS, rnd.randint(0, 3)))
        since = self.since(uids) if rnd.random() < 0.3 else None
        old = {u: set(self.box.messages[u].flags) for u in uids}
        live = [u for u in uids if self.box.messages[u].live]
        told, over = {}, []

        def handle(w):
            # Numbers mean something else behind these.
            over.extend(w[:2] if "VANISHED" in w[:1] or "EXPUNGE" in w[1:2] else [])
            if over or len(w) < 2 or w[1] != "FETCH" or self.view[int(w[0]) - 1] not in old:
                return False
            u = self.view[int(w[0]) - 1]
            items = dict(zip(w[2][::2], w[2][1::2]))
            if u in told and "FLAGS" in told[u]:
                return False
            told[u] = items
            return True

        rest, others = self.run(
            f"{'UID ' * uid}STORE {text} {f'(UNCHANGEDSINCE {since}) ' * (since is not None)}"
            f"{op}FLAGS{'.SILENT' * silent} ({' '.join(flags)})", handle=handle)
        m = re.match(r"\[MODIFIED (\S+)\]", rest)
        failed = numbers(m[1]) if m else []
        failed = set(failed if uid else [self.view[n - 1] for n in failed])
        self.judge_failed(failed, live, since, op)
        changed = []
        for u in live:
            m = self.box.messages[u]
            new = flags if op == "" else m.flags | flags if op == "+" else m.flags - flags
            if u not in failed and new != m.flags:
                m.flags = set(new)
                changed.append(u)
        self.changed(changed)
        if silent and self.cache:  # a phone knows what it has asked for
            for u in set(live) - failed & set(self.cache.flags):
                had = self.cache.flags.get(u, set())
                self.cache.flags[u] = set(flags) if op == "" else \
                    had | flags if op == "+" else had - flags
        need = set(uids) if not silent else (set(live) if self.condstore else failed)
        check(need <= set(told), f"no FETCH for UIDs {need - set(told)}")
        for u, items in told.items():
            self.stored(u, items, silent and u not in failed, uid)
        self.changes(others, uid)

    def since(self, uids):
        """A value for UNCHANGEDSINCE: from it on the session knows MODSEQs."""
        self.condstore = True
        known = [self.box.messages[u].modseq or 1 for u in uids] + [0, 1 << 60]
        return self.world.rnd.choice(known)

    def judge_failed(self, failed, live, since, op):
        check(failed <= set(live), f"MODIFIED {failed} of {live}")
        for u in live:
            modseq = self.box.messages[u].modseq
            if since is None or (modseq is not None and modseq <= since):
                check(u not in failed, f"UID {u} with MODSEQ {modseq} fails {since}")
            elif modseq is not None and op == "":
                check(u in failed, f"UID {u} with MODSEQ {modseq} passes {since}")

    def stored(self, u, items, silent, uid):
        m = self.box.messages[u]
        check(not (uid or self.rev2 or self.condstore) or "UID" in items, f"no UID for {u}")
        check(silent or "FLAGS" in items, f"no FLAGS for {u}")
        if self.condstore:
            check("MODSEQ" in items, f"no MODSEQ for {u}")
            m.told_modseq(items["MODSEQ"][0])
        if "FLAGS" in items:
            check(set(items["FLAGS"]) == m.flags, f"UID {u}: {items['FLAGS']}, not {m.flags}")
            self.owed.discard(u)

    def do_replace(self):
        rnd = self.world.rnd
        uid = rnd.random() < 0.5
        box, u = rnd.choice(self.world.boxes), rnd.choice(self.view)
        gone = not self.box.messages[u].live
        raw = f"Subject: {rnd.choice(WORDS)}\r\n\r\n{rnd.choice(WORDS)}\r\n".encode()
        subject, body = raw.decode()[9:].split("\r\n\r\n", 1)
        appended = []

        def handle(w):
            if w[:2] == ["OK", "[APPENDUID"]:
                appended.append(w[2:4])
            return w[:2] == ["OK", "[APPENDUID"]

        number = u if uid else self.view.index(u) + 1
        if not gone:
            m = Message(0, ["\\Draft"], (1990, 0, 1), raw, subject, body)
            m.date_text = b" 1-Jan-1990 12:34:56 +0130"
            new = box.add(m)
            box.messages[new].date_text = m.date_text
            self.box.messages[u].live = False
        rest, others = self.run(
            f'{"UID " * uid}REPLACE {number} {box.name} (\\Draft) " 1-Jan-1990 12:34:56 +0130"',
            want="NO" if gone else "OK", literal=raw, handle=handle)
        if gone:
            check(rest.startswith("[EXPUNGEISSUED]") and not appended, f"{rest} {appended}")
        else:
            check(appended == [[str(box.validity), f"{new}]"]], f"APPENDUID: {appended}, not {new}")
            check(not self.qresync or rest.startswith("[HIGHESTMODSEQ "), rest)
        self.changes(others, True)

    def do_fetch(self):
        rnd = self.world.rnd
        uid = rnd.random() < 0.5
        text, uids = self.pick(uid)
        items = rnd.sample(["UID", "FLAGS", "RFC822.SIZE", "INTERNALDATE", "BODY.PEEK[]",
                            "BODY.PEEK[TEXT]", "BODY[]", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
                            "BODY.PEEK[]<5.20>", "BINARY.PEEK[1]", "BINARY.SIZE[1]",
                            "BINARY.PEEK[1]<3.9>", "EMAILID", "THREADID", "SAVEDATE", "MODSEQ"],
                           rnd.randint(1, 4))
        self.condstore |= "MODSEQ" in items
        newly = []
        if "BODY[]" in items and not self.readonly:
            for u in uids:
                m = self.box.messages[u]
                if m.live and "\\Seen" not in m.flags:
                    m.flags.add("\\Seen")
                    newly.append(u)
            self.changed(newly)
        left = list(uids)

        def handle(w):
            if len(w) < 2 or w[1] != "FETCH" or not left:
                return False
            u = self.view[int(w[0]) - 1]
            check(u == left.pop(0), f"FETCH of UID {u} out of order")
            got = dict(zip(w[2][::2], w[2][1::2]))
            self.fetched(u, got, items, uid, u in newly)
            return True

        _, others = self.run(f"{'UID ' * uid}FETCH {text} ({' '.join(items)})", handle=handle)
        check(not left, f"no FETCH for UIDs {left}")
        self.changes(others, uid)

    def fetched(self, uid, got, items, by_uid, newly_seen):
        m = self.box.messages[uid]
        text = m.raw[m.raw.index(b"\r\n\r\n") + 4:]
        want = {"UID": str(uid), "RFC822.SIZE": str(len(m.raw)), "INTERNALDATE": m.date_text,
                "BODY[]": m.raw, "BODY[TEXT]": text, "BODY[]<5>": m.raw[5:25],
                "BINARY[1]": text, "BINARY[1]<3>": text[3:12], "BINARY.SIZE[1]": str(len(text)),
                "BODY[HEADER.FIELDS (SUBJECT)]": f"Subject: {m.subject}\r\n\r\n".encode()}
        names = {i.replace(".PEEK", "").replace("<5.20>", "<5>").replace("<3.9>", "<3>")
                 for i in items}
        if by_uid:
            names.add("UID")
        if newly_seen:
            names |= {"FLAGS", "UID", "MODSEQ"} if self.condstore else {"FLAGS"}
        check(names <= set(got), f"{names - set(got)} is missing")
        for name, value in got.items():
            if name == "FLAGS":
                check(set(value) == m.flags, f"flags of UID {uid}: {value}, not {m.flags}")
                self.owed.discard(uid)
            elif name == "MODSEQ":
                m.told_modseq(value[0])
            elif name == "EMAILID":
                check(m.content.setdefault("id", value) == value, f"UID {uid}: {value}")
            elif name == "THREADID":
                check(m.content.setdefault("thread", value) == value, f"UID {uid}: {value}")
            elif name == "SAVEDATE":
                check(value > b"", f"UID {uid}: no save date")
            else:
                check(value == want[name], f"UID {uid} {name}: {value!r}, not {want[name]!r}")

    def key(self, depth=0):
        """A random search key and what it means."""
        rnd = self.world.rnd
        kind = rnd.randint(0, 12 if depth < 3 else 8)
        if kind == 0:
            f = rnd.choice(SYSTEM)
            return f[1:].upper(), lambda m, n: f in m.flags
        if kind == 1:
            f = rnd.choice(SYSTEM)
            return "UN" + f[1:].upper(), lambda m, n: f not in m.flags
        if kind == 2:
            k = rnd.choice(KEYWORDS)
            return f"KEYWORD {k.upper()}", lambda m, n: k in m.flags
        if kind == 3:
            w = rnd.choice(WORDS)
            return f"SUBJECT {w.swapcase()}", lambda m, n: w in m.subject
        if kind == 4:
            w = rnd.choice(WORDS)
            return f"BODY {w.lower()}", lambda m, n: w in m.body
        if kind == 5:
            size = rnd.randint(50, 300)
            op = rnd.choice(["LARGER", "SMALLER"])
            return f"{op} {size}", lambda m, n: (len(m.raw) > size) if op == "LARGER" \
                else len(m.raw) < size
        if kind == 6:
            d, mo, y = rnd.randint(1, 28), rnd.randint(0, 11), rnd.randint(1990, 2030)
            op = rnd.choice(["BEFORE", "ON", "SINCE"])
            return f"{op} {d}-{MONTHS[mo]}-{y}", lambda m, n: \
                m.date < (y, mo, d) if op == "BEFORE" else m.date == (y, mo, d) if op == "ON" \
                else m.date >= (y, mo, d)
        if kind in (7, 8):
            uid = kind == 8
            if not self.view:
                return "ALL", lambda m, n: True
            text, uids = self.pick(uid)
            self.by_number |= not uid and text != "$"
            return ("UID " if uid else "") + text, lambda m, n: m.uid in uids
        if kind == 12:
            known = [self.box.messages[u].modseq for u in self.view]
            if None in known or not known:
                return "SAVEDATESUPPORTED", lambda m, n: True
            self.by_modseq = self.condstore = True
            least = rnd.choice(known) + rnd.randint(-1, 1)
            return f"MODSEQ {least}", lambda m, n: m.modseq >= least
        a, fa = self.key(depth + 1)
        if kind == 9:
            return f"NOT {a}", lambda m, n: not fa(m, n)
        b, fb = self.key(depth + 1)
        if kind == 10:
            return f"OR {a} {b}", lambda m, n: fa(m, n) or fb(m, n)
        return f"({a} {b})", lambda m, n: fa(m, n) and fb(m, n)

    def do_search(self):
        rnd = self.world.rnd
        uid, extended = rnd.random() < 0.5, rnd.random() < 0.5
        self.by_number = self.by_modseq = False
        condstore = self.condstore
        text, means = self.key()
        found = [u for i, u in enumerate(self.view) if means(self.box.messages[u], i + 1)]
        opts = rnd.sample(["MIN", "MAX", "COUNT", "ALL", "SAVE"], rnd.randint(0, 5)) \
            if extended else []
        answers = []

        def handle(w):
            if w[0] in ("SEARCH", "ESEARCH"):
                answers.append(w)
            return w[0] in ("SEARCH", "ESEARCH")

        ret = f"RETURN ({' '.join(opts)}) " if extended else ""
        if rnd.random() < 0.05:  # fails: enables nothing, and with SAVE empties "$"
            self.condstore = condstore
            _, others = self.run(f"SEARCH {ret}CHARSET KLINGON {text}", want="NO", handle=handle)
            check(not answers, f"an answer: {answers}")
            self.saved = set() if "SAVE" in opts else self.saved
            return self.changes(others, False)
        _, others = self.run(f"{'UID ' * uid}SEARCH {ret}{text}", handle=handle)
        if "SAVE" in opts:
            ends = [found[0]] * ("MIN" in opts) + [found[-1]] * ("MAX" in opts) if found else []
            some = ("MIN" in opts or "MAX" in opts) and not ("ALL" in opts or "COUNT" in opts)
            self.saved = set(ends if some else found)
        want = [u if uid else i + 1 for i, u in enumerate(self.view) if u in set(found)]
        highest = 0
        if self.by_modseq and found:
            ends = set(opts) - {"SAVE"}
            of = {"MIN": found[:1], "MAX": found[-1:], "MINMAX": [found[0], found[-1]]}.get(
                "".join(sorted(ends, reverse=True)), found)
            highest = max(self.box.messages[u].modseq for u in of)
        uid_only = uid and not self.by_number
        if opts == ["SAVE"]:
            check(not answers, f"an answer: {answers}")
            return self.changes(others, uid_only)
        check(len(answers) == 1, f"{len(answers)} answers")
        if extended or self.rev2:
            if highest:
                check(answers[0][-2:] == ["MODSEQ", str(highest)], f"{answers[0]}, not {highest}")
                del answers[0][-2:]
            self.esearched(answers[0], want, uid, set(opts) - {"SAVE"} or {"ALL"})
        else:
            check(answers[0][0] == "SEARCH", f"{answers[0][0]} without RETURN")
            if highest:
                check(answers[0][-2:] == ["(MODSEQ", f"{highest})"], f"{answers[0]}, not {highest}")
                del answers[0][-2:]
            check(list(map(int, answers[0][1:])) == want, f"found {answers[0]}, not {want}")
        self.changes(others, uid_only)

    def esearched(self, words, want, uid, opts):
        flat = " ".join(words)
        tag = f"s{self.number}n{self.counter}"
        m = re.match(rf'ESEARCH \(TAG "{tag}"\)( UID)?((?: (?:MIN|MAX|COUNT|ALL) \S+)*)\Z', flat)
        check(m and bool(m[1]) == uid, flat)
        items = dict(re.findall(r"(MIN|MAX|COUNT|ALL) (\S+)", m[2]))
        check(set(items) == (opts if want else opts & {"COUNT"}), f"{flat}, not {opts}")
        right = {"COUNT": lambda v: int(v) == len(want), "ALL": lambda v: numbers(v) == want,
                 "MIN": lambda v: int(v) == want[0], "MAX": lambda v: int(v) == want[-1]}
        check(all(right[k](v) for k, v in items.items()), f"{flat}, not {want}")

    def do_copy(self, move=False):
        rnd = self.world.rnd
        uid = rnd.random() < 0.5
        to = rnd.choice(self.world.boxes)
        text, uids = self.pick(uid)
        if move:
            uids = [u for u in uids if self.box.messages[u].live]
        pairs = []
        for u in uids:
            m = self.box.messages[u]
            new = to.add(m)
            to.messages[new].date_text = m.date_text
            pairs.append((u, new))
        if move:
            for u in uids:
                self.box.messages[u].live = False
        code = []

        def handle(w):
            if w[:2] == ["OK", "[COPYUID"]:
                code.append(" ".join(w[1:]))
                return True
            return False

        rest, others = self.run(f"{'UID ' * uid}{'MOVE' if move else 'COPY'} {text} {to.name}",
                                handle=handle)
        if not move and rest.startswith("[COPYUID"):
            code.append(rest)
        if not pairs:
            check(not code, f"COPYUID of nothing: {code}")
        else:
            m = re.match(r"\[COPYUID (\d+) (\S+) ([^\] ]+)\]", code[0] if code else "")
            check(m, f"COPYUID is missing: {rest}")
            check(int(m[1]) == to.validity, m[0])
            check(numbers(m[2]) == [a for a, _ in pairs], f"{m[0]}, not {pairs}")
            check(numbers(m[3]) == [b for _, b in pairs], f"{m[0]}, not {pairs}")
        self.changes(others, True)

    def do_move(self):
        self.do_copy(move=True)

    def do_expunge(self):
        uid = self.world.rnd.random() < 0.4
        text, uids = self.pick(True) if uid else ("", self.view)
        for u in uids:
            if "\\Deleted" in self.box.messages[u].flags:
                self.box.messages[u].live = False
        rest = self.simple(f"UID EXPUNGE {text}" if uid else "EXPUNGE")
        check(not self.qresync or rest.startswith("[HIGHESTMODSEQ "), rest)

    def do_noop(self):
        self.simple(self.world.rnd.choice(["NOOP", "CHECK"])
                    if self.box else "NOOP")

    def do_idle(self):
        self.counter += 1
        tag = f"s{self.number}n{self.counter}"
        self.world.log.append(f"{tag} IDLE, DONE")
        self.wire.s.sendall(f"{tag} IDLE\r\nDONE\r\n".encode())
        others = []
        while not (line := self.wire.line()).startswith(tag.encode()):
            if not line.startswith(b"+"):
                others.append(tokens(line[2:]) if b" FETCH " in line[:24]
                              else line[2:].decode().split(" "))
                if self.cache:
                    self.hear(others[-1])
        if self.cache:
            self.settle(line.decode().split(" ", 2)[2])
        self.changes(others, True)

    def do_status(self):
        box = self.world.rnd.choice(self.world.boxes)
        live = [box.messages[u] for u in box.live()]
        want = (f"* STATUS {box.name} (MESSAGES {len(live)} UIDNEXT {box.next} UIDVALIDITY "
                f"{box.validity} UNSEEN {sum(1 for m in live if chr(92) + 'Seen' not in m.flags)} "
                f"SIZE {sum(len(m.raw) for m in live)} "
                f"DELETED {sum(1 for m in live if chr(92) + 'Deleted' in m.flags)})")
        by_list = self.world.rnd.random() < 0.4
        wanted = [f'* LIST (\\HasNoChildren) "/" {box.name}'] * by_list + [want]
        got = []

        def handle(w):
            if w[0] in ("LIST", "STATUS"):
                got.append("* " + " ".join(w))
            return w[0] in ("LIST", "STATUS")

        items = "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN SIZE DELETED)"
        _, others = self.run(f'LIST "" {box.name} RETURN (STATUS {items})' if by_list
                             else f"STATUS {box.name} {items}", handle=handle)
        check(got == wanted, f"{got}, not {wanted}")
        self.changes(others, True)

    def leave(self):
        self.box, self.view, self.owed, self.saved = None, [], set(), set()
        self.cache, self.order, self.heard = None, [], [None, 0]

    def do_select(self):
        rnd = self.world.rnd
        box = rnd.choice(self.world.boxes)
        readonly = rnd.random() < 0.2
        closed = self.box is not None
        self.leave()
        if self.qresync and box.name in self.caches and rnd.random() < 0.7:
            return self.come_back(box)
        facts = {}

        def handle(w):
            text = " ".join(w)
            for name, pattern in (("exists", r"(\d+) EXISTS"), ("next", r"OK \[UIDNEXT (\d+)\]"),
                                  ("validity", r"OK \[UIDVALIDITY (\d+)\]"),
                                  ("unseen", r"OK \[UNSEEN (\d+)\]"), ("recent", r"(0) RECENT"),
                                  ("closed", r"OK \[CLOSED()\]"),
                                  ("modseq", r"OK \[HIGHESTMODSEQ (\d+)\]"),
                                  ("list", rf'LIST \(\\HasNoChildren\) "/" {box.name}()\Z')):
                if m := re.match(pattern, text):
                    check(name != "closed" or not facts, "CLOSED is late")
                    facts[name] = int(m[1] or 0)
            if m := re.match(r"OK \[MAILBOXID \((\S+)\)\]", text):
                box.mailboxid = box.mailboxid or m[1]
                check(box.mailboxid == m[1], f"{text}, not {box.mailboxid}")
            return True

        more = " (CONDSTORE)" if rnd.random() < 0.1 else ""
        self.run(f"{'EXAMINE' if readonly else 'SELECT'} {box.name}{more}", handle=handle)
        self.condstore |= more != ""
        live = box.live()
        if box.validity is None:
            box.validity = facts["validity"]
        unseen = [i + 1 for i, u in enumerate(live) if "\\Seen" not in box.messages[u].flags]
        want = {"exists": len(live), "next": box.next, "validity": box.validity}
        if self.rev2:
            want |= {"list": 0}
        else:
            want |= {"recent": 0} | ({"unseen": unseen[0]} if unseen else {})
        want |= {"closed": 0} if closed else {}
        modseq = facts.pop("modseq")
        check(all((box.messages[u].modseq or 0) <= modseq for u in live), f"HIGHESTMODSEQ {modseq}")
        check(facts == want, f"{facts}, not {want}")
        self.box, self.readonly, self.view, self.told_next = box, readonly, live, box.next
        if self.qresync:
            self.first_time(modseq)

    def first_time(self, modseq):
        """A phone that knows nothing of the mailbox yet, or throws all away."""
        c = self.cache = self.caches[self.box.name] = Cache()
        c.validity, c.modseq, c.next = self.box.validity, modseq, 1
        self.order = [None] * len(self.view)
        self.learn_new()
        c.next = self.box.next
        self.compare()

    def do_close(self):
        if self.world.rnd.random() < 0.5:
            if not self.readonly:
                for u in self.view:
                    if "\\Deleted" in self.box.messages[u].flags:
                        self.box.messages[u].live = False
            text = "CLOSE"
        else:
            text = "UNSELECT"
        _, others = self.run(text)
        check(not others, f"{text} says {others}")
        self.leave()

    def do_new(self):
        if self.cache:
            self.learn_new()

    def do_broken(self):
        self.broken()

    def do_bad(self):
        """Numbers that are not there; nothing happens."""
        n = len(self.view) + self.world.rnd.randint(1, 9)
        what = self.world.rnd.choice(["FETCH {} FLAGS", "STORE 1:{} FLAGS ()", "COPY {} A",
                                        "SEARCH RETURN (SAVE) {} FOO", "FETCH $,{} FLAGS"])
        _, others = self.run(what.format(n), want="NO" if self.readonly and "STORE" in what
                             else "BAD")
        self.changes(others, "COPY" in what)

    # what, how often, needs a mailbox, messages, writing
    ACTIONS = [("append", 12, 0, 0, 0), ("store", 20, 1, 1, 1), ("fetch", 20, 1, 1, 0),
               ("search", 12, 1, 0, 0), ("copy", 5, 1, 1, 0), ("move", 5, 1, 1, 1),
               ("expunge", 8, 1, 1, 1), ("noop", 8, 0, 0, 0), ("idle", 3, 0, 0, 0),
               ("status", 4, 0, 0, 0), ("select", 4, 0, 0, 0), ("close", 2, 1, 0, 0),
               ("bad", 2, 1, 0, 0), ("replace", 3, 1, 1, 1), ("new", 4, 1, 0, 0),
               ("broken", 2, 0, 0, 0)]

    def act(self):
        can = [(name, weight) for name, weight, box, messages, write in self.ACTIONS
               if (not box or self.box) and (not messages or self.view)
               and (not write or not self.readonly)]
        if not self.box and self.world.rnd.random() < 0.6:
            return self.do_select()
        name = self.world.rnd.choices([c[0] for c in can], [c[1] for c in can])[0]
        return getattr(self, "do_" + name)()


def numbers(text):
    out = []
    for part in text.split(","):
        lo, _, hi = part.partition(":")
        out += range(int(lo), int(hi or lo) + 1)
    return out


class World:
    def __init__(self, env, seed, nsessions=4):
        self.env, self.rnd, self.log = env, random.Random(seed), []
        self.boxes = [Mailbox("A"), Mailbox("B")]
        self.sessions = []
        first = Session(self, 0)
        for box in self.boxes:
            try:
                first.run(f"DELETE {box.name}")
            except Wrong:
                pass
            first.run(f"CREATE {box.name}")
            _, others = first.run(f"STATUS {box.name} (UIDVALIDITY)")
            box.validity = int(re.search(r"UIDVALIDITY (\d+)", " ".join(others[0]))[1])
        self.sessions = [first] + [Session(self, i) for i in range(1, nsessions)]
        for s in self.sessions:
            s.enable([w for w in ("QRESYNC", "IMAP4rev2", "CONDSTORE") if self.rnd.random() < 0.4])

    def disturb(self):
        """Something happens to the server; what was acknowledged stays."""
        what = self.rnd.choice(list(self.env["disturb"].items()))
        if what[0] == "purge":
            # What a session still shows is gone for it, too (test_restore_tree.py):
            # here they all know of it.
            for s in self.sessions:
                s.simple("NOOP")
        self.log.append(f"-- {what[0]}")
        what[1]()
        if what[0] != "purge":
            for s in self.sessions:
                s.broken()

    def run(self, seconds):
        end, n = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            if self.env.get("disturb") and self.rnd.random() < 0.004:
                self.disturb()
            session = self.rnd.choice(self.sessions)
            session.act()
            n += 1
        return n

    def close(self):
        for s in self.sessions:
            s.wire.s.close()


def rounds(env, seconds, seed):
    """Worlds of some seconds each; a fresh pair of mailboxes every time."""
    end, total = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        world = World(env, seed)
        try:
            total += world.run(min(5, end - time.monotonic() + 0.1))
        except Wrong as e:
            print("\n".join("  " + line for line in world.log[-25:]), file=sys.stderr)
            return total, f"seed {seed}: {e}; last command: {world.log[-1]}"
        finally:
            world.close()
        seed += 1
    return total, ""


def disturbances(h):
    def kill():
        pids = h.kill("account anna")
        end = time.monotonic() + 10
        while pids and set(pids) & set(h.processes()) and time.monotonic() < end:
            time.sleep(0.01)

    def purge():
        r = h.command("purge", "anna", "--all-expunged")
        check(r.returncode == 0, f"purge: {r.stdout} {r.stderr}")

    return {"kill -9": kill, "restart": h.restart, "purge": purge}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--quick", action="store_true")
    p.add_argument("--seconds", type=float)
    p.add_argument("--seed", type=lambda s: int(time.time()) if s == "random" else int(s),
                   default=9051)
    p.add_argument("dir", nargs="?")
    args = p.parse_args()
    seconds = args.seconds or (5 if args.quick else 30)
    if args.dir:
        with open(os.path.join(args.dir, "try.env")) as f:
            env = dict(line.strip().split("=", 1) for line in f if "=" in line)
        total, text = rounds(env, seconds, args.seed)
    else:
        import house
        with house.House() as h:
            env = {"HOST": "127.0.0.1", "IMAP_PORT": str(h.port["imap"]), "USER1": "anna",
                   "PASS1": house.PASSWORD, "disturb": disturbances(h)}
            total, text = rounds(env, seconds, args.seed)
    print(f"{'FAIL' if text else 'PASS'} imap-model: {text or f'{total} commands'}", flush=True)
    sys.exit(1 if text else 0)


if __name__ == "__main__":
    main()
