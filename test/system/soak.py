#!/usr/bin/env python3
"""A server under load whose processes are killed at random, and a ledger of
what its clients were told.

  soak.py [--kills N] [--minutes M] [--seed N] [--pause SECONDS]

Clients deliver over SMTP, submit for two accounts and for a host outside, and
work in mailboxes of their own over IMAP; one keeps a cache with QRESYNC, as a
phone does, and the machine's owner purges.  Meanwhile account, keeper, queue,
mx, smtp, submission, imap, auth and supervisor are killed with SIGKILL, which
is started anew when it was the victim.  Whatever was said (250, OK, APPENDUID,
COPYUID) is checked after each break of a connection, now and then in a pause,
and at the end: nothing is lost, nothing is there twice, a command is done
wholly or not at all, UIDs, UIDVALIDITYs and MODSEQs keep their meaning, the
queue runs empty, fsck finds nothing.

The seed makes the same choices again (not the same moments).  When something
is wrong the folder stays, and the log in it.
"""
import argparse
import os
import random
import re
import smtplib
import socket
import socketserver
import threading
import time
import traceback

from house import PASSWORD, House, finish, free_ports, verdict, wait_until

ROLES = ["account anna"] * 4 + ["account ben"] * 2 + [
    "keeper", "keeper", "queue", "queue", "history", "mx", "smtp", "submission", "imap", "auth"]
SUPERVISOR_SHARE = 0.08
FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "$k1", "$k2"]
COMES_BACK_S = 40  # a service that was killed, on a slow machine


class Lost(Exception):
    """The connection broke: what was under way was done or not."""


class Refused(Exception):
    """A tagged NO, or a 4xx: it was not done."""


class Wrong(Exception):
    """A promise is broken."""


def must(ok, *text):
    if not ok:
        raise Wrong(" ".join(str(t) for t in text))


def body(key):
    """A message that can be made again from its key."""
    r = random.Random(key)
    size = r.choice([200, 200, 2000, 2000, 20000, 100000] if r.random() > 0.01 else [1300000])
    line = f"{key} {r.getrandbits(64):016x} {'x' * 40}\r\n"
    return (f"From: x@example.test\r\nSubject: {key}\r\n\r\n" +
            line * (size // len(line) + 1)).encode()


def uid_set(text):
    out = []
    for part in text.split(","):
        lo, _, hi = part.partition(":")
        out += range(int(lo), int(hi or lo) + 1)
    return out


# ---- IMAP ----

class Imap:
    def __init__(self, h, user):
        self.n = 0
        self.buf = b""
        try:
            self.s = socket.create_connection(("127.0.0.1", h.port["imap"]), timeout=120)
        except OSError as e:
            raise Lost from e
        self.line()
        self.do(f'LOGIN {user} "{PASSWORD}"')

    def close(self):
        self.s.close()

    def fill(self):
        try:
            d = self.s.recv(1 << 18)
        except socket.timeout as e:
            raise Wrong("no answer in 30 s") from e
        except OSError as e:
            raise Lost from e
        if not d:
            raise Lost
        self.buf += d

    def line(self):
        """A response, its literals in it."""
        start = 0
        while True:
            while (end := self.buf.find(b"\r\n", start)) < 0:
                self.fill()
            m = re.search(rb"\{(\d+)\}\Z", self.buf[start:end])
            if not m:
                out, self.buf = self.buf[:end], self.buf[end + 2:]
                return out
            start = end + 2 + int(m[1])
            while len(self.buf) < start:
                self.fill()

    def send(self, data):
        try:
            self.s.sendall(data)
        except OSError as e:
            raise Lost from e

    def do(self, text, *literals, heard=None):
        """(untagged responses, the tagged OK's text).  literals follow the
        text's pieces, which are divided by NULs."""
        self.n += 1
        tag = b"t%d " % self.n
        out = []
        pieces = text.encode().split(b"\0")
        self.send(tag + pieces[0])
        for literal, rest in zip(literals, pieces[1:]):
            self.send(b"{%d+}\r\n" % len(literal) + literal + rest)
        self.send(b"\r\n")
        while True:
            line = self.line()
            if line.startswith(tag):
                break
            if heard:
                heard(line)
            out.append(line)
        line = line[len(tag):].decode(errors="replace")
        if line.startswith("NO"):
            raise Refused(line)
        must(line.startswith("OK"), text[:60], "->", line)
        return out, line


def fetched(lines):
    """{uid: (subject, flags, modseq)} of FETCH responses."""
    found = {}
    for line in lines:
        m = re.match(rb"\* \d+ FETCH \((.*)\)\Z", line, re.S)
        uid = m and re.search(rb"UID (\d+)", m[1])
        if not uid:
            continue
        flags = re.search(rb"FLAGS \(([^)]*)\)", m[1])
        modseq = re.search(rb"MODSEQ \((\d+)\)", m[1])
        subject = re.search(rb"Subject: (\S+)", m[1])
        found[int(uid[1])] = (subject[1].decode() if subject else None,
                              frozenset(flags[1].decode().split()) if flags else None,
                              int(modseq[1]) if modseq else None)
    return found


def everything(c):
    """All of the mailbox.  A message that was on its way when two processes
    died is kept as opaque bytes, since it might be what they died of
    [keeper.opaque]: it has no header then, but is all there."""
    found = fetched(c.do(f"UID FETCH 1:* {SUBJECTS}")[0])
    opaque = [u for u, (key, _, _) in found.items() if key is None]
    if opaque:
        lines, _ = c.do(f"UID FETCH {','.join(map(str, opaque))} (BODY.PEEK[]<0.400>)")
        for u, (key, _, _) in fetched(lines).items():
            found[u] = (key, *found[u][1:])
    return found


SUBJECTS = "(FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (SUBJECT)])"


class Box:
    """A mailbox that only one client changes."""

    def __init__(self, name):
        self.name = name
        self.messages = {}  # uid: (key, flags)
        self.validity = None
        self.top = 0  # highest UID that was ever there
        self.modseq = 0
        self.meant = {}  # (uid, modseq): flags

    def select(self, c):
        lines, _ = c.do(f"SELECT {self.name}")
        text = b"\n".join(lines)
        validity = int(re.search(rb"UIDVALIDITY (\d+)", text)[1])
        uidnext = int(re.search(rb"UIDNEXT (\d+)", text)[1])
        modseq = int(re.search(rb"HIGHESTMODSEQ (\d+)", text)[1])
        must(self.validity in (None, validity), self.name, "UIDVALIDITY", self.validity, "->", validity)
        must(uidnext > self.top, self.name, "UIDNEXT", uidnext, "is not above", self.top)
        must(modseq >= self.modseq, self.name, "HIGHESTMODSEQ fell from", self.modseq, "to", modseq)
        self.validity, self.modseq = validity, modseq

    def look(self, c):
        """What is there now."""
        self.select(c)
        found = everything(c)
        for uid, (key, flags, modseq) in found.items():
            must(self.meant.setdefault((uid, modseq), flags) == flags, self.name, "UID", uid,
                 "MODSEQ", modseq, "was", self.meant[uid, modseq], "is", flags)
        return {u: (k, f) for u, (k, f, _) in found.items()}


class Worker(threading.Thread):
    """Does random things in two mailboxes of its own, and knows what must be
    in them."""

    def __init__(self, soak, number, user):
        super().__init__(name=f"worker {number}")
        self.soak, self.h, self.user = soak, soak.h, user
        self.random = random.Random(f"{soak.seed} worker {number}")
        self.boxes = [Box(f"w{number}.a"), Box(f"w{number}.b")]
        self.number, self.serial = number, 0
        self.c = None
        self.pending = None  # what was asked for: {box: new state}
        self.listed, self.list_pending, self.top_validity = {}, None, 0  # mailboxes: UIDVALIDITY
        self.done = 0

    def key(self):
        self.serial += 1
        return f"w{self.number}-{self.serial}"

    # A promise that was kept or broken.

    def settle(self, found):
        """Each box is as it was, or all are as the pending command makes
        them; UIDs of what is new are found out."""
        was = {b: b.messages for b in self.boxes}
        if self.pending is None:
            outcomes = [was]
        else:
            outcomes = [was, {**was, **{b: self.named(b, s, found[b])
                                        for b, s in self.pending.items()}}]
        if not any(found == o for o in outcomes):
            text = ""
            for b in self.boxes:
                gone = {u: m for u, m in was[b].items() if u not in found[b]}
                new = {u: m for u, m in found[b].items() if u not in was[b]}
                other = {u: (was[b][u], m) for u, m in found[b].items()
                         if u in was[b] and was[b][u] != m}
                text += f"{b.name}: not there {gone}, there {new}, other {other}; "
            raise Wrong(f"{text} after {self.asked if self.pending else 'nothing'}")
        for b in self.boxes:
            b.messages = found[b]
            b.top = max([b.top, *found[b]])
        self.pending = None

    def named(self, box, state, found):
        """The state with UIDs for what has none yet: it is (None, n)."""
        known = {u: m for u, m in state.items() if isinstance(u, int)}
        fresh = [m for u, m in state.items() if not isinstance(u, int)]
        uids = sorted(u for u in found if u not in box.messages)
        if len(uids) != len(fresh) or any(u <= box.top for u in uids):
            return None
        return {**known, **dict(zip(uids, fresh))}

    def connect(self):
        self.c = Imap(self.h, self.user)
        for b in self.boxes:
            try:
                self.c.do(f"CREATE {b.name}")
            except Refused:
                pass
        self.list(self.c)
        self.settle({b: b.look(self.c) for b in self.boxes})
        self.selected = self.boxes[-1]

    def ask(self, text, *literals, change):
        """change: {box: state as the command makes it}"""
        self.asked = text.split("\0")[0]
        self.pending = change
        try:
            lines, ok = self.c.do(text, *literals)
        except Refused as e:
            self.pending = None
            # An account that ends, or a disk that is full, says so.
            must(re.search(r"UNAVAILABLE|SERVERBUG|temporar|restart|gone", str(e), re.I), text[:60], "->", e)
            raise Lost from e
        self.done += 1
        return lines, ok

    def promised(self, box, uids, entries):
        """A command named the UIDs of what it made."""
        must(uids == sorted(set(uids)) and (not uids or uids[0] > box.top), box.name,
             "gave the UIDs", uids, "where", box.top, "was the last")
        must(len(uids) == len(entries), box.name, "gave", len(uids), "UIDs for", len(entries))
        box.messages = {**box.messages, **dict(zip(uids, entries))}
        box.top = max([box.top, *uids])

    def fresh(self, box, entries):
        return {**box.messages, **{(None, i): e for i, e in enumerate(entries)}}

    # ---- the commands ----

    def some(self, box):
        uids = sorted(box.messages)
        if not uids:
            return []
        if self.random.random() < 0.1:
            return uids
        return sorted(self.random.sample(uids, min(len(uids), self.random.randint(1, 5))))

    def append(self, box):
        n = self.random.choice([1, 1, 1, 2, 5])
        keys = [self.key() for _ in range(n)]
        flags = frozenset(self.random.sample(FLAGS, 2))
        entries = [(k, flags) for k in keys]
        text = f"APPEND {box.name}" + f" ({' '.join(flags)}) \0" * n
        _, ok = self.ask(text, *map(body, keys), change={box: self.fresh(box, entries)})
        m = re.search(r"\[APPENDUID (\d+) ([\d:,]+)\]", ok)
        must(m and int(m[1]) == box.validity, "APPENDUID", ok)
        self.promised(box, uid_set(m[2]), entries)

    def store(self, box):
        uids = self.some(box)
        if not uids:
            return
        op = self.random.choice(["+FLAGS", "-FLAGS", "FLAGS"])
        flags = frozenset(self.random.sample(FLAGS, self.random.randint(1, 3)))
        make = {"+FLAGS": lambda f: f | flags, "-FLAGS": lambda f: f - flags,
                "FLAGS": lambda f: flags}[op]
        state = {u: (k, make(f) if u in uids else f) for u, (k, f) in box.messages.items()}
        self.ask(f"UID STORE {','.join(map(str, uids))} {op} ({' '.join(flags)})", change={box: state})
        box.messages = state

    def copy(self, box, move=False):
        other = self.boxes[self.boxes[0] is box]
        uids = self.some(box)
        if not uids or (not move and len(other.messages) > 300):
            return
        entries = [box.messages[u] for u in uids]
        rest = {u: m for u, m in box.messages.items() if u not in uids} if move else box.messages
        lines, ok = self.ask(f"UID {'MOVE' if move else 'COPY'} {','.join(map(str, uids))} {other.name}",
                             change={box: rest, other: self.fresh(other, entries)})
        m = re.search(r"\[COPYUID (\d+) ([\d:,]+) ([\d:,]+)\]",
                      ok + " ".join(l.decode(errors="replace") for l in lines))
        must(m and int(m[1]) == other.validity, "COPYUID", ok, lines)
        must(uid_set(m[2]) == uids, "COPYUID", m[2], "for", uids)
        self.promised(other, uid_set(m[3]), entries)
        box.messages = rest

    def move(self, box):
        self.copy(box, move=True)

    def expunge(self, box):
        uids = self.some(box)
        if not uids or len(box.messages) < 10:
            return
        state = {u: (k, f | {"\\Deleted"} if u in uids else f) for u, (k, f) in box.messages.items()}
        names = ",".join(map(str, uids))
        self.ask(f"UID STORE {names} +FLAGS.SILENT (\\Deleted)", change={box: state})
        box.messages = state
        rest = {u: m for u, m in state.items() if u not in uids}
        self.ask(f"UID EXPUNGE {names}", change={box: rest})
        box.messages = rest

    def replace(self, box):
        """One goes and one comes, in one step [RFC 8508]."""
        if not box.messages:
            return
        uid, key = self.random.choice(sorted(box.messages)), self.key()
        rest = {u: m for u, m in box.messages.items() if u != uid}
        entries = [(key, frozenset())]
        lines, ok = self.ask(f"UID REPLACE {uid} {box.name} \0", body(key),
                             change={box: {**rest, (None, 0): entries[0]}})
        m = re.search(r"\[APPENDUID (\d+) ([\d:,]+)\]",
                      ok + " ".join(l.decode(errors="replace") for l in lines))
        must(m and int(m[1]) == box.validity, "APPENDUID of REPLACE", ok, lines)
        box.messages = rest
        self.promised(box, uid_set(m[2]), entries)

    def names(self, box):
        """Makes, renames or removes one of a few mailboxes."""
        prefix = f"n{self.number}-"
        name = prefix + self.random.choice("abcdef")
        free = [prefix + c for c in "abcdef" if prefix + c not in self.listed]
        if name not in self.listed:
            command, then = f"CREATE {name}", {**self.listed, name: None}
        elif free and self.random.random() < 0.5:
            rest = {n: v for n, v in self.listed.items() if n != name}
            command, then = f"RENAME {name} {free[0]}", {**rest, free[0]: self.listed[name]}
        else:
            command, then = f"DELETE {name}", {n: v for n, v in self.listed.items() if n != name}
        self.list_pending = then
        self.ask(command, change={})
        self.list(self.c, certain=True)

    def list(self, c, certain=False):
        """The mailboxes are as they were, or as the pending command makes
        them; a new one has a UIDVALIDITY that none had before."""
        lines, _ = c.do(f'LIST "" n{self.number}-* RETURN (STATUS (UIDVALIDITY))')
        text = b"\n".join(lines).decode()
        found = {n.strip('"'): int(v) for n, v in re.findall(r"STATUS (\S+) \(UIDVALIDITY (\d+)\)", text)}
        outcomes = [self.list_pending] if certain else [self.listed, self.list_pending]

        def fits(then):
            return then is not None and set(then) == set(found) and all(
                found[n] == v if v else found[n] > self.top_validity for n, v in then.items())
        must(any(map(fits, outcomes)), "mailboxes are", found, "and not one of", outcomes, "after",
             self.top_validity)
        self.listed, self.list_pending = found, None
        self.top_validity = max([self.top_validity, *found.values()])

    def read(self, box):
        """Bytes, not only names."""
        uids = self.some(box)[:5]
        if not uids:
            return
        lines, _ = self.c.do(f"UID FETCH {','.join(map(str, uids))} (BODY.PEEK[])")
        for line in lines:
            uid = re.search(rb"UID (\d+)", line[:80])
            m = re.search(rb"BODY\[\] \{(\d+)\}\r\n", line[:200])
            if m and uid:
                got = line[m.end():m.end() + int(m[1])]
                must(got == body(box.messages[int(uid[1])][0]), box.name, "UID", uid[1].decode(),
                     "has other bytes")

    def step(self):
        what = self.random.choices(
            [self.append, self.store, self.copy, self.move, self.expunge, self.replace, self.names,
             self.read], [6, 6, 2, 3, 3, 2, 2, 1])[0]
        box = self.random.choice(self.boxes)
        if box is not self.selected:
            box.select(self.c)
            self.selected = box
        what(box)
        if self.random.random() < 0.02:
            self.settle({b: b.look(self.c) for b in self.boxes})
            self.selected = self.boxes[-1]

    def run(self):
        self.soak.serve(self)


class Phone(threading.Thread):
    """Keeps a cache of a worker's mailbox with QRESYNC [RFC 7162 3.2]: what it
    is told of changes must lead to what is there."""

    def __init__(self, soak, user, box):
        super().__init__(name="phone")
        self.soak, self.h, self.user, self.box = soak, soak.h, user, box
        self.random = random.Random(f"{soak.seed} phone")
        self.cache, self.validity, self.modseq = {}, None, 0
        self.c, self.done = None, 0

    def hear(self, line):
        """Into self.now, which takes the cache's place when all was heard."""
        m = re.match(rb"\* VANISHED (?:\(EARLIER\) )?([\d:,]+)", line)
        if m:
            for u in uid_set(m[1].decode()):
                self.now.pop(u, None)
        for uid, (_, flags, _) in fetched([line]).items():
            if flags is not None:
                self.now[uid] = flags

    def connect(self):
        self.c = Imap(self.h, self.user)
        self.c.do("ENABLE QRESYNC")

    def step(self):
        self.now = dict(self.cache)
        known = f" (QRESYNC ({self.validity} {self.modseq}))" if self.validity else ""
        try:
            lines, _ = self.c.do(f"SELECT {self.box}{known}", heard=self.hear)
        except Refused:
            raise Lost from None  # it is not there yet
        text = b"\n".join(lines)
        validity = int(re.search(rb"UIDVALIDITY (\d+)", text)[1])
        modseq = int(re.search(rb"HIGHESTMODSEQ (\d+)", text)[1])
        must(self.validity in (None, validity), "the phone's UIDVALIDITY has changed")
        must(modseq >= self.modseq, "the phone's HIGHESTMODSEQ fell from", self.modseq, "to", modseq)
        first = not self.validity
        told = dict(self.now)
        everything = {}

        def note(line):
            self.hear(line)
            m = re.match(rb"\* VANISHED ([\d:,]+)", line)
            for u in uid_set(m[1].decode()) if m else []:
                told.pop(u, None)
                everything.pop(u, None)
            for uid, (_, flags, _) in fetched([line]).items():
                everything[uid] = flags
                # News in between are news for both.
                if uid not in told and uid > max(told, default=0):
                    told[uid] = flags

        self.c.do("UID FETCH 1:* (FLAGS)", heard=note)
        if not first:
            odd = {u: (told.get(u), everything.get(u)) for u in {*told, *everything}
                   if told.get(u) != everything.get(u)}
            # Flags that another session changed between the two commands.
            again = fetched(self.c.do("UID FETCH 1:* (FLAGS MODSEQ)")[0])
            odd = {u: o for u, o in odd.items() if u not in again or again[u][2] <= modseq}
            must(not odd, "the phone's cache of", self.box, "is wrong since MODSEQ", self.modseq, odd)
        self.cache, self.validity, self.modseq = told, validity, modseq
        # What was told in between is newer than modseq: it is told again.
        self.done += 1
        self.c.do("UNSELECT")
        time.sleep(self.random.random() * 0.1)

    def run(self):
        self.soak.serve(self)


# ---- SMTP ----

class Sender(threading.Thread):
    """Delivers for both accounts, or submits for them and for the world."""

    def __init__(self, soak, number, submits):
        super().__init__(name=f"sender {number}")
        self.soak, self.h, self.submits, self.number = soak, soak.h, submits, number
        self.random = random.Random(f"{soak.seed} sender {number}")
        self.c, self.done = None, 0

    def connect(self):
        try:
            self.c = self.h.submit("ben") if self.submits else self.h.smtp(timeout=120)
        except (OSError, smtplib.SMTPException) as e:
            raise Lost from e

    def step(self):
        self.done += 1
        key = f"s{self.number}-{self.done}"
        to = self.random.choice([["anna"], ["anna"], ["ben"], ["anna", "ben"]])
        addresses = [f"{u}@home.test" for u in to]
        if self.submits and self.random.random() < 0.5:
            to = [*to, "world"]
            addresses.append("someone@world.test")
        try:
            no = self.c.sendmail("ben@home.test" if self.submits else "x@example.test", addresses,
                                 body(key))
        except (OSError, smtplib.SMTPException) as e:
            self.soak.maybe.update((u, key) for u in to)
            raise Lost from e
        for u, a in zip(to, addresses):
            (self.soak.said if a not in no else self.soak.maybe).add((u, key))
        if self.random.random() < 0.1:
            self.c.close()
            raise Lost
        time.sleep(self.random.random() * 0.03)  # the others have work, too

    def run(self):
        self.soak.serve(self)


class World(socketserver.ThreadingTCPServer):
    """The host outside: takes everything, and remembers it."""
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port):
        self.got = []
        super().__init__(("127.0.0.1", port), WorldSession)


class WorldSession(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        try:
            self.talk()
        except OSError:
            pass

    def talk(self):
        self.say("220 world.test")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250-world.test\r\n250-8BITMIME\r\n250 PIPELINING")
            elif verb == b"DATA":
                self.say("354 go on")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line)
                if not line:
                    return
                m = re.search(rb"\nSubject: (\S+)", b"\n" + b"".join(lines[:40]))
                self.server.got.append(m[1].decode() if m else "?")
                self.say("250 taken")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 fine")


# ---- the whole ----

class Soak:
    def __init__(self, args):
        self.args, self.seed = args, args.seed
        self.random = random.Random(f"{args.seed} killer")
        self.said, self.maybe = set(), set()  # (account, key)
        self.gone = set()  # of these: expunged since
        self.run_, self.stop, self.resting = threading.Event(), False, set()
        self.wrong = []
        self.kills, self.by_role = 0, {}
        self.lock = threading.Lock()
        self.start = time.monotonic()

    # For the clients' threads.

    def serve(self, client):
        """Steps, with a new connection when one breaks, until the end."""
        since = None
        while not self.stop and not self.wrong:
            if not self.run_.is_set():
                self.resting.add(client)
                self.run_.wait(0.2)
                continue
            self.resting.discard(client)
            try:
                if client.c is None:
                    client.connect()
                since = None
                client.step()
            except (Lost, Refused) as e:
                client.c = None
                since = since or time.monotonic()
                if time.monotonic() - since > COMES_BACK_S:
                    self.fail(client.name, f"the service does not come back: {e!r} {e.__cause__!r}")
                time.sleep(0.02)
            except Wrong as e:
                self.fail(client.name, e)
            except Exception:
                self.fail(client.name, traceback.format_exc())
        self.resting.add(client)

    def fail(self, who, why):
        with self.lock:
            self.wrong.append(f"{who}: {why}")

    # For the killer.

    def supervisor(self):
        children = list(self.h.processes())
        self.h.proc.kill()
        self.h.proc.wait()

        def left():
            return [p for p in children if os.path.exists(f"/proc/{p}")]
        must(wait_until(lambda: not left(), 15), "children outlive the supervisor by 15 s:", left())
        self.h.log_file.close()
        self.h.start()

    def kill(self):
        role = "supervisor" if self.random.random() < SUPERVISOR_SHARE else self.random.choice(ROLES)
        if role == "supervisor":
            self.supervisor()
        elif not self.h.kill(role):
            return  # it is not there: killed a moment ago
        self.kills += 1
        self.by_role[role] = self.by_role.get(role, 0) + 1

    def check(self, label):
        """A pause: everybody rests, and all is looked at."""
        self.run_.clear()
        must(wait_until(lambda: self.wrong or len(self.resting) == len(self.clients), 60),
             "clients do not come to rest:", [c.name for c in self.clients if c not in self.resting])
        if self.wrong:
            return
        self.queue_empty()
        for user in ("anna", "ben"):
            self.inbox(user)
        for w in self.workers:
            c = self.patiently(lambda u=w.user: Imap(self.h, u))
            if w.boxes[0].validity is not None:
                w.list(c)
                w.settle({b: b.look(c) for b in w.boxes})
            w.c = None
            c.close()
        self.world_is_right()
        r = self.h.command("fsck", timeout=300)
        must(r.returncode == 0, "fsck:", r.stdout, r.stderr)
        self.progress(label)
        self.run_.set()

    def patiently(self, fn):
        end = time.monotonic() + COMES_BACK_S
        while True:
            try:
                return fn()
            except (Lost, Refused, OSError, smtplib.SMTPException) as e:
                must(time.monotonic() < end, "the service does not come back:", repr(e))
                time.sleep(0.05)

    def queue_empty(self):
        def empty():
            self.h.command("queue", "retry", "--all")
            r = self.h.command("queue", "list")
            return r.returncode == 0 and r.stdout.startswith("The queue is empty")
        must(wait_until(empty, 60, 0.3), "the queue does not run empty:",
             self.h.command("queue", "list").stdout[-1500:])

    def inbox(self, user):
        def look():
            c = Imap(self.h, user)
            c.do("SELECT INBOX")
            return c, everything(c)
        c, found = self.patiently(look)
        keys = [k for k, _, _ in found.values()]
        said = {k for u, k in self.said if u == user}
        maybe = {k for u, k in self.maybe if u == user}
        gone = {k for u, k in self.gone if u == user}
        must(len(keys) == len(set(keys)), user, "has twice:",
             sorted(k for k in set(keys) if keys.count(k) > 1)[:10])
        must(not said - gone - set(keys), user, "has lost:", sorted(said - gone - set(keys))[:10])
        must(not gone & set(keys), user, "has expunged mail again:", sorted(gone & set(keys))[:10])
        strange = set(keys) - said - maybe
        must(not strange, user, "has what nobody sent:", sorted(strange, key=str)[:10])
        if found:
            c.do(f"UID STORE {min(found)}:{max(found)} +FLAGS.SILENT (\\Deleted)")
            c.do("EXPUNGE")
            self.gone |= {(user, k) for k in keys}
        c.close()

    def world_is_right(self):
        got = list(self.world.got)
        said = {k for u, k in self.said if u == "world"}
        maybe = {k for u, k in self.maybe if u == "world"}
        must(not said - set(got), "the world has not got:", sorted(said - set(got))[:10])
        must(not set(got) - said - maybe, "the world has got:", sorted(set(got) - said - maybe)[:10])
        self.twice = len(got) - len(set(got))

    def progress(self, label):
        print(f"# {label}: {self.kills} kills, {len(self.said)} messages acknowledged, "
              f"{sum(w.done for w in self.workers)} IMAP commands, {self.phone.done} syncs, "
              f"{time.monotonic() - self.start:.0f} s", flush=True)

    def purge(self):
        """The owner removes what was expunged, while all goes on: segments are
        written anew.  Whether it could be asked just now does not matter."""
        while not self.stop and not self.wrong:
            for user in ("anna", "ben"):
                self.h.command("purge", user, "--subject", self.random_key(), timeout=120)
            for _ in range(50):
                if self.stop or self.wrong:
                    return
                time.sleep(0.1)

    def random_key(self):
        return f"s{self.args.seed % 3}-"

    def until_enough(self):
        args, again = self.args, time.monotonic()
        every = max(10, min(100, args.kills // 5))
        while self.kills < args.kills and not self.wrong:
            if args.minutes and time.monotonic() - self.start > args.minutes * 60:
                break
            time.sleep(self.random.random() * 2 * args.pause)
            before = self.kills
            self.kill()
            if self.kills != before and self.kills % every == 0:
                self.check("checked")
            elif time.monotonic() - again > 30:
                again = time.monotonic()
                self.progress("going on")

    def serve_all(self):
        self.workers = [Worker(self, 1, "anna"), Worker(self, 2, "anna"), Worker(self, 3, "ben")]
        self.phone = Phone(self, "anna", self.workers[0].boxes[0].name)
        self.clients = [*self.workers, self.phone, Sender(self, 0, False), Sender(self, 1, False),
                        Sender(self, 2, True)]
        owner = threading.Thread(target=self.purge)
        threads = [*self.clients, owner]
        self.run_.set()
        for t in threads:
            t.start()
        try:
            self.until_enough()
            if not self.wrong:
                self.check("the end")
        except Wrong as e:
            self.fail("the ledger", e)
        except Exception:
            self.fail("the ledger", traceback.format_exc())
        finally:
            self.stop = True
            self.run_.set()
            for t in threads:
                t.join(60)

    def run(self):
        port, = free_ports(1)
        self.world = World(port)
        threading.Thread(target=self.world.serve_forever, daemon=True).start()
        self.h = House(f"relay: {{ host: 127.0.0.1, port: {port}, tls: off }}\n"
                       "limits: { messages_per_hour: 1000000, connections_per_peer: 100 }\n"
                       "restore_folder: no\n")
        print(f"# seed {self.seed}, in {self.h.dir}", flush=True)
        try:
            self.h.start()
            self.serve_all()
        finally:
            self.h.stop()
            self.world.shutdown()
        if not self.wrong:
            r = self.h.command("fsck", timeout=300)
            if r.returncode:
                self.wrong.append("fsck at the end: " + r.stdout + r.stderr)
        if self.wrong:
            self.h.own_dir = False
            self.wrong.append(f"kept: {self.h.dir}; again: soak.py --seed {self.seed} "
                              f"--kills {self.args.kills}")
        self.h.__exit__(None, None, None)


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kills", type=int, default=1000)
    p.add_argument("--minutes", type=float, default=0, help="at most")
    p.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    p.add_argument("--pause", type=float, default=0.35, help="seconds between kills, on average")
    args = p.parse_args(argv)
    soak = Soak(args)
    soak.run()
    verdict(not soak.wrong, "soak-keeps-every-promise", " / ".join(soak.wrong))
    verdict(soak.kills >= args.kills or args.minutes or soak.wrong, "soak-kills", soak.kills)
    verdict(len(soak.said) > soak.kills and soak.phone.done > 0 or soak.wrong, "soak-has-load",
            f"{len(soak.said)} messages")
    if not soak.wrong:
        print(f"# killed: {', '.join(f'{r} {n}' for r, n in sorted(soak.by_role.items()))}")
        print(f"# sent twice to the world, since the 250 was lost: {soak.twice}", flush=True)


if __name__ == "__main__":
    main()
    finish()
