#!/usr/bin/env python3
"""hearthmail queue: what waits and why, every attempt, and the owner's wishes;
a far side of our own that says what the test tells it to."""
import json
import sys
import time

from house import House, finish, free_ports, verdict, wait_until, wide
from sink import Sink

MANY = 1000 if "--quick" in sys.argv else 10000
HOSTILE = b"\x1b]0;owned\x07\x9b31m\xff<script>\"\\"


def send(h, to, user="anna"):
    s = h.submit(user)
    s.sendmail(f"{user}@home.test", to if isinstance(to, list) else [to],
               f"From: {user}@home.test\r\nSubject: x\r\n\r\nhello\r\n")
    s.quit()


def queue(h, *words):
    return h.command("queue", *words)


def listed(h, *words):
    r = queue(h, "list", "--json", *words)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)["messages"]


def of(h, address):
    """The message to that address, or None."""
    return next((m for m in listed(h) if any(r["address"] == address for r in m["recipients"])), None)


def waits_as(h, address, state):
    return wait_until(lambda: (lambda m: m and m["waits"] and m["waits"][0]["state"] == state and m)(
        of(h, address)), 10)


def look(h, sink):
    r = queue(h, "list")
    verdict(r.returncode == 0 and r.stdout == "The queue is empty.\n", "queue-list-empty", r.stdout + r.stderr)
    sink.say["later"] = b"451 4.3.0 come back later"
    sink.say["grey"] = b"450 4.2.0 Greylisted, come back"
    send(h, "later@example.test")
    send(h, "grey@example.test", "ben")
    m = waits_as(h, "later@example.test", "later")
    verdict(m and m["account"] == "anna" and m["sender"] == "anna@home.test", "queue-list-json", m)
    verdict(waits_as(h, "grey@example.test", "greylisted"), "queue-list-greylisted", listed(h))
    for words in (["nobody.example"], ["--domain", "nobody.example"], ["999999"]):
        r = queue(h, "list", *words)
        verdict(r.stdout == "No waiting mail matches.\n", f"queue-list-of-nothing-{words[0]}", r)
    r = queue(h, "list")
    verdict("2 messages wait" in r.stdout and "greylisted" in r.stdout and "next try at" in r.stdout and
            "come back later" in r.stdout and max(map(len, r.stdout.split("\n"))) <= 80,
            "queue-list-words", r.stdout)
    r = queue(h, "show", str(m["id"]))
    verdict(r.returncode == 0 and "attempts" in r.stdout and "451 4.3.0 come back later" in r.stdout and
            "sent by the account anna" in r.stdout, "queue-show", r.stdout + r.stderr)
    r = queue(h, "show", str(m["id"]), "--json")
    a = json.loads(r.stdout)["attempts"]
    verdict(len(a) == 1 and a[0]["recipient"] == "later@example.test" and "451" in a[0]["said"],
            "queue-show-json", a)
    verdict(queue(h, "show", "999999").returncode == 1, "queue-show-unknown")
    for words in ([], ["retry"], ["remove"], ["hold"], ["release"], ["show"], ["show", "x"], ["dance"],
                  ["list", "--bounce"], ["retry", "--all", "17"], ["remove", ""], ["remove", "@"]):
        r = queue(h, *words)
        verdict(r.returncode == 2 and "usage" in r.stderr, "queue-usage " + " ".join(words), r.stderr)
    for words in (["--account", "nobody"], ["--json", "--account", "nobody"]):
        r = queue(h, "list", *words)
        verdict(r.returncode == 1 and 'no account "nobody"' in r.stderr and "empty" not in r.stdout,
                "queue-list-of-nobody " + " ".join(words), r)
    r = queue(h, "list", *map(str, range(1, 3001)))
    verdict(r.returncode == 2 and "3000 arguments" in r.stderr, "queue-too-many-words", r.stderr)
    for words, n in ((["anna"], 1), (["--account", "ben"], 1), (["example.test"], 2),
                     (["@EXAMPLE.test"], 2), (["--domain", "home.test"], 0), (["anna@home.test"], 1),
                     (["grey@example.test"], 1), ([str(m["id"]), "ben"], 2), (["nobody"], 0)):
        verdict(len(listed(h, *words)) == n, "queue-selector " + " ".join(map(str, words[:1])) + f" {n}",
                listed(h, *words))


def wishes(h, sink):
    m = of(h, "later@example.test")
    r = queue(h, "retry", str(m["id"]))
    again = wait_until(lambda: of(h, "later@example.test")["recipients"][0]["attempts"] == 2)
    verdict(r.returncode == 0 and again, "queue-retry", r.stdout + r.stderr)
    r = queue(h, "hold", "anna")
    verdict(r.returncode == 0 and waits_as(h, "later@example.test", "held"), "queue-hold", r.stdout)
    verdict("on hold" in queue(h, "list").stdout, "queue-hold-words")
    r = queue(h, "retry", str(m["id"]))
    verdict("release them first" in r.stdout, "queue-retry-held", r.stdout)
    h.restart()
    verdict(waits_as(h, "later@example.test", "held"), "queue-hold-over-a-restart", listed(h))
    h.kill("queue")
    verdict(wait_until(lambda: queue(h, "list").returncode == 0) and
            waits_as(h, "later@example.test", "held"), "queue-hold-over-a-kill")
    sink.say.pop("later")
    r = queue(h, "release", "anna")
    verdict(r.returncode == 0 and wait_until(lambda: "later@example.test" in sink.taken),
            "queue-release", listed(h))
    verdict(queue(h, "release", "anna").returncode == 1, "queue-release-nothing")
    sink.say["grey"] = b"451 4.3.0 not now"
    r = queue(h, "retry", "--all")
    verdict(r.returncode == 0 and waits_as(h, "grey@example.test", "later"), "queue-retry-all", r.stdout)
    r = queue(h, "remove", "grey@example.test", "--json")
    verdict(r.returncode == 0 and json.loads(r.stdout)["messages"] == 1 and
            not of(h, "grey@example.test"), "queue-remove", r.stdout + r.stderr)
    h.restart()
    verdict(not listed(h), "queue-remove-over-a-restart", listed(h))
    verdict(h.count("ben") == 0, "queue-remove-tells-nobody")


def bounce(h, sink):
    sink.say.update(one=b"451 later", two=b"451 later")
    before = h.count("anna")
    send(h, ["one@example.test", "two@other.test"])
    wait_until(lambda: of(h, "one@example.test")["recipients"][1]["attempts"] == 1)
    r = queue(h, "remove", "--bounce", "@other.test")
    m = of(h, "one@example.test")
    verdict(r.returncode == 0 and [x["outcome"] for x in m["recipients"]] == ["waits", "failed"],
            "queue-remove-one-recipient", m)
    verdict(wait_until(lambda: h.count("anna") == before + 1), "queue-remove-bounce")
    b = h.imap("anna")
    b.select("INBOX")
    text = b.fetch(str(before + 1), "(BODY.PEEK[])")[1][0][1].decode()
    b.logout()
    verdict("two@other.test" in text and "removed by the postmaster" in text and
            "one@example.test" not in text, "queue-remove-bounce-words", text)
    verdict("not delivered: the postmaster of this mail server has removed it from the queue." in
            " ".join(text.split()), "queue-remove-bounce-first-sentence", text)
    r = queue(h, "hold", "@example.test")
    m = of(h, "one@example.test")
    verdict(r.returncode == 0 and m["recipients"][0]["held"], "queue-hold-one-recipient", m)
    send(h, ["one@example.test", "late@other.test"])
    r = queue(h, "hold", "one@example.test")
    arrives = wait_until(lambda: "late@other.test" in sink.taken)
    m = [x for x in listed(h) if len(x["recipients"]) == 2][-1]
    verdict(arrives and [x["held"] for x in m["recipients"]] == [True, False] and
            m["recipients"][1]["outcome"] == "delivered", "queue-hold-lets-the-others-go", m)
    verdict("one@example.test: on hold" in queue(h, "show", str(m["id"])).stdout,
            "queue-hold-one-recipient-words")
    sink.slow.add("slow")
    send(h, "slow@example.test")
    verdict(waits_as(h, "slow@example.test", "delivering"), "queue-list-delivering", listed(h))
    r = queue(h, "remove", "slow@example.test")
    verdict(r.returncode == 1 and "try again in a moment" in r.stderr and of(h, "slow@example.test"),
            "queue-remove-while-delivering", r.stdout + r.stderr)
    sink.slow.clear()
    verdict(wait_until(lambda: not of(h, "slow@example.test")), "queue-delivering-ends")
    queue(h, "remove", "--all")
    verdict(not listed(h), "queue-remove-all", listed(h))


def hostile(h, sink):
    sink.say["evil"] = b"451 " + HOSTILE
    s = h.submit("anna")
    s.sendmail("anna@home.test", ['evil@example.test', '"a\\"b<i>"@example.test'],
               "From: anna@home.test\r\nSubject: x\r\n\r\nhello\r\n")
    s.quit()
    wait_until(lambda: of(h, "evil@example.test")["recipients"][0]["attempts"] == 1)
    m = of(h, "evil@example.test")
    for words in (["list"], ["show", str(m["id"])], ["list", "--json"], ["show", str(m["id"]), "--json"]):
        r = queue(h, *words)
        raw = r.stdout.encode("utf-8", "surrogateescape")
        verdict(r.returncode == 0 and all(32 <= c < 127 or c == 10 for c in raw),
                "queue-hostile " + words[0] + str(len(words)), raw[:600])
    queue(h, "remove", "--all")


def many(h, sink):
    sink.say["many"] = b"451 later"
    s = h.submit("anna")
    per = 50
    for i in range(MANY // per):
        for k in range(per):
            s.sendmail("anna@home.test", [f"many@d{i * per + k}.test"],
                       "From: anna@home.test\r\nSubject: x\r\n\r\nhello\r\n")
        if i == 0:
            queue(h, "hold", "--all")
    s.quit()
    began = time.monotonic()
    m = listed(h)
    took = time.monotonic() - began
    verdict(len(m) == MANY and took < wide(5), "queue-list-many", f"{len(m)} in {took:.2f} s")
    r = queue(h, "list")
    verdict(f"{MANY} messages wait" in r.stdout, "queue-list-many-words", r.stdout[:300])
    began = time.monotonic()
    r = queue(h, "hold", "--all")
    verdict(r.returncode == 0, "queue-hold-many", r.stdout)
    verdict(wait_until(lambda: not any(w["state"] == "delivering" for x in listed(h) for w in x["waits"]), pause=0.5),
            "queue-hold-lets-tries-end")
    r = queue(h, "remove", "--all")
    took = time.monotonic() - began
    verdict(r.returncode == 0 and not listed(h), "queue-remove-many", r.stdout + r.stderr)
    print(f"# held and removed in {took:.2f} s")


def away(h, sink):
    sink.dead = True
    sink.shutdown()
    sink.server_close()
    send(h, "x@example.test")
    m = waits_as(h, "x@example.test", "unreachable")
    r = queue(h, "list")
    verdict(m and "cannot be reached" in r.stdout and "next try at" in r.stdout, "queue-list-unreachable",
            r.stdout)
    print(r.stdout)


def main():
    port = free_ports(1)[0]
    sink = Sink(port)
    with House(f"relay: {{ host: 127.0.0.1, port: {port}, tls: off }}\n"
               "limits: { messages_per_hour: 100000 }\n") as h:
        look(h, sink)
        wishes(h, sink)
        bounce(h, sink)
        hostile(h, sink)
        many(h, sink)
        away(h, sink)
        h.stop()
        r = queue(h, "list")
        verdict(r.returncode == 1 and "no server is running" in r.stderr, "queue-no-server", r.stderr)
    finish()


main()
