#!/usr/bin/env python3
"""An SMTP server of bad habits, and a recorder of all it gets.

  badhost.py DIR ADDRESS...

listens on port 25.  The file DIR/behaviour is read at each connection:

  ok             takes everything
  starttls       the same with working STARTTLS (a certificate of its own)
  greet-4xx      421 instead of a greeting
  greet-5xx      554 instead of a greeting
  defer          450 to each RCPT
  greylist       451 to the first try of a sender and recipient, then takes it
  refuse         550 to each RCPT
  refuse-close   550 to the first RCPT, and hangs up
  refuse-mail    554 to MAIL, and hangs up
  refuse-some    550 to recipients that begin with "no"
  defer-data     451 after the dot
  refuse-data    554 after the dot
  slow-dot       a third of a second before the answer to a message
  tarpit         three seconds before each reply
  silent         no greeting at all
  ok-to-data     250 to DATA
  drop-after-dot takes the message and hangs up without an answer
  close-after-ehlo
  bad-starttls   offers STARTTLS, says 220 and then speaks nonsense
  refuse-starttls offers STARTTLS and answers 454
  no-8bitmime    offers nothing
  helo-only      500 to EHLO
  garbage        answers with what is not a reply

DIR/events gets a JSON line an event, DIR/N.eml the bytes of each message as
they came, with dot stuffing undone.
"""
import asyncio
import json
import os
import ssl
import subprocess
import sys
import time

DIR = sys.argv[1]
MAX = 100 << 20
seen_pairs = set()
count = {"session": 0, "message": 0}


def note(session, what, **more):
    with open(os.path.join(DIR, "events"), "a") as f:
        f.write(json.dumps({"time": time.time(), "session": session, "what": what, **more}) + "\n")


def tls_context():
    cert, key = os.path.join(DIR, "cert.pem"), os.path.join(DIR, "key.pem")
    if not os.path.exists(cert):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                        "/CN=badhost.test", "-keyout", key, "-out", cert],
                       check=True, capture_output=True)
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(cert, key)
    return ctx


class Session:
    def __init__(self, reader, writer):
        count["session"] += 1
        self.id = count["session"]
        self.r, self.w = reader, writer
        self.how = open(os.path.join(DIR, "behaviour")).read().strip()
        self.tls = False
        self.reset()

    def reset(self):
        self.sender, self.to = None, []

    async def say(self, text):
        if self.how == "tarpit":
            await asyncio.sleep(3)
        self.w.write(text.encode() + b"\r\n")
        await self.w.drain()

    async def run(self):
        note(self.id, "connect", peer=self.w.get_extra_info("peername")[0], behaviour=self.how)
        try:
            if self.how == "silent":
                await asyncio.sleep(3600)
            if self.how.startswith("greet-"):
                await self.say("421 come back later" if self.how == "greet-4xx"
                               else "554 no mail here")
                return
            await self.say("220 badhost.test ESMTP")
            while await self.command():
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.LimitOverrunError):
            pass
        finally:
            note(self.id, "end")
            self.w.close()

    async def command(self):
        line = await self.r.readline()
        if not line:
            return False
        text = line.decode("latin-1").rstrip("\r\n")
        note(self.id, "command", text=text, tls=self.tls)
        verb = text.split(" ", 1)[0].upper()
        if self.how == "garbage" and verb != "QUIT":
            await self.say("what is this?")
            return True
        handler = getattr(self, "do_" + verb.lower(), None)
        if handler is None:
            await self.say("500 5.5.1 unknown")
            return True
        return await handler(text)

    async def do_ehlo(self, text):
        if self.how == "helo-only":
            await self.say("500 5.5.1 unknown")
            return True
        words = ["badhost.test"]
        if self.how != "no-8bitmime":
            words += ["PIPELINING", "8BITMIME", "SIZE 52428800", "ENHANCEDSTATUSCODES"]
        if self.how in ("starttls", "bad-starttls", "refuse-starttls") and not self.tls:
            words.append("STARTTLS")
        await self.say("\r\n".join(f"250{'-' if i < len(words) - 1 else ' '}{w}"
                                   for i, w in enumerate(words)))
        return self.how != "close-after-ehlo"

    async def do_helo(self, text):
        await self.say("250 badhost.test")
        return True

    async def do_starttls(self, text):
        if self.how == "refuse-starttls":
            await self.say("454 4.7.0 not now")
            return True
        await self.say("220 2.0.0 go on")
        if self.how == "bad-starttls":
            self.w.write(b"this is not TLS at all, not even a little\r\n" * 4)
            await self.w.drain()
            return False
        await self.w.start_tls(tls_context())
        self.tls = True
        self.reset()
        return True

    async def do_mail(self, text):
        self.reset()
        self.sender = text[10:].split(">")[0].lstrip("<")
        self.mail_line = text
        if self.how == "refuse-mail":
            await self.say("554 5.7.1 not wanted")
            return False
        await self.say("250 2.1.0 ok")
        return True

    async def do_rcpt(self, text):
        rcpt = text[8:].split(">")[0].lstrip("<")
        pair = (self.sender, rcpt)
        if self.how == "defer":
            await self.say("450 4.2.0 mailbox busy")
        elif self.how == "greylist" and pair not in seen_pairs:
            seen_pairs.add(pair)
            await self.say("451 4.7.1 greylisted, try again in 5 minutes")
        elif self.how == "refuse-close":
            await self.say("550 5.1.1 no such person here")
            return False
        elif self.how == "refuse" or self.how == "refuse-some" and rcpt.startswith("no"):
            await self.say("550 5.1.1 no such person here")
        else:
            self.to.append(rcpt)
            await self.say("250 2.1.5 ok")
        return True

    async def do_data(self, text):
        if not self.to:
            await self.say("503 5.5.1 nobody to send it to")
            return True
        if self.how == "ok-to-data":
            await self.say("250 2.0.0 fine")
            return True
        await self.say("354 go on")
        body = bytearray()
        while True:
            line = await self.r.readline()
            if not line:
                return False
            if line == b".\r\n":
                break
            body += line[1:] if line.startswith(b".") else line
            if len(body) > MAX:
                return False
        count["message"] += 1
        name = f"{count['message']}.eml"
        with open(os.path.join(DIR, name), "wb") as f:
            f.write(body)
        accepted = self.how not in ("drop-after-dot", "defer-data", "refuse-data")
        note(self.id, "message", file=name, to=self.to, tls=self.tls, accepted=accepted,
             mail=self.mail_line, size=len(body), **{"from": self.sender})
        self.reset()
        if self.how == "drop-after-dot":
            self.w.transport.abort()
            return False
        if self.how == "slow-dot":
            await asyncio.sleep(0.33)
        await self.say({"defer-data": "451 4.3.0 not now", "refuse-data": "554 5.7.1 not wanted"}
                       .get(self.how, f"250 2.0.0 taken as {name}"))
        return True

    async def do_rset(self, text):
        self.reset()
        await self.say("250 2.0.0 ok")
        return True

    async def do_noop(self, text):
        await self.say("250 2.0.0 ok")
        return True

    async def do_quit(self, text):
        await self.say("221 2.0.0 bye")
        return False


async def main():
    async def serve(r, w):
        await Session(r, w).run()
    servers = [await asyncio.start_server(serve, a, 25, limit=1 << 20, backlog=512)
               for a in sys.argv[2:]]
    open(os.path.join(DIR, "ready"), "w").close()
    await asyncio.gather(*(s.serve_forever() for s in servers))


if __name__ == "__main__":
    asyncio.run(main())
