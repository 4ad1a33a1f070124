#!/usr/bin/env python3
"""Rules without writing Sieve: filled in on the pages, and done at deliveries; whatever script another
program activates; a forward that its target has to agree to; what the command line says of them."""
import email
import re
import time

from house import House, finish, free_ports, verdict, wait_until
from sink import Sink
from test_managesieve import log_in, put as literal
from test_sieve import subjects
from test_sign_in import Browser, signed_in

FILTER = {"from": "", "to": "", "subject": "", "folder": "", "new_folder": "", "action": "move"}


def save_filter(b, **fields):
    b.ask("/filters/edit")
    return b.ask("/filters/edit", {"csrf": b.csrf, "id": "0", **FILTER, **fields})


def do(b, page, action, **form):
    """A form of that page, without following where it leads."""
    b.ask(page)
    return b.ask(action, {"csrf": b.csrf, **form})


def send(h, subject, sender="x@far.test", header="", to="anna@home.test"):
    s = h.smtp()
    s.sendmail(sender, ["anna@home.test"], f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n{header}\r\nhello\r\n")
    s.quit()


def blocked(h, b):
    for who in ("Eve@Spam.Test", "@bad.test"):
        status, to, _ = do(b, "/junk", "/junk/block", who=who)
        verdict((status, to) == (303, "/junk?done=saved"), f"block {who}", (status, to))
    for who, why in (("", "Fill in this field."), ("nonsense", "neither an address nor a domain"),
                     ("eve@spam.test", "blocked already"), ("home.test", "of this server"),
                     ("@HOME.test", "of this server"), ("Anna@Home.test", "your own address"),
                     ("anna+x@home.test", "your own address"), ("x" * 400 + "@a.test", "neither")):
        status, _, text = do(b, "/junk", "/junk/block", who=who)
        verdict(status == 422 and why in text and 'aria-invalid="true"' in text, f"not-blocked {who[:20]!r}", text)
    send(h, "eve", "eve@spam.test")
    send(h, "below", "x@news.bad.test")
    send(h, "other", "leve@spam.test")
    verdict(subjects(h, "Junk") == ["eve", "below"] and subjects(h, "INBOX") == ["other"], "blocked-is-in-junk",
            (subjects(h, "Junk"), subjects(h, "INBOX")))
    _, _, text = b.ask("/junk")
    verdict("eve@spam.test" in text and "@bad.test" in text and re.search(r"from \d+ on it goes to Junk", text) and
            "From you: 0 messages of junk, 0" in text, "junk-page", text)
    m = h.imap()
    m.select("INBOX")
    m.uid("MOVE", m.uid("SEARCH", "SUBJECT", "other")[1][0], "Junk")
    m.logout()
    text = wait_until(lambda: (lambda t: t if "From you: 1 message of junk, 0" in t else None)(b.ask("/junk")[2]))
    verdict(text and "The last lesson was on" in text, "junk-page-says-what-was-learned", b.ask("/junk")[2])
    status, to, _ = do(b, "/junk", "/junk/unblock", who="@bad.test")
    send(h, "unblocked", "x@news.bad.test")
    verdict((status, to) == (303, "/junk?done=removed") and "unblocked" in subjects(h, "INBOX"), "unblock",
            (status, to))
    status, to, _ = do(b, "/junk", "/junk/unblock", who="@bad.test")
    verdict((status, to) == (303, "/junk?done=not-there"), "unblock-what-is-not-there", (status, to))


def filters(h, b):
    status, to, _ = save_filter(b, **{"from": "shop@far.test", "new_folder": "Bills/Shop", "seen": "1"})
    verdict((status, to) == (303, "/filters?done=saved"), "filter", (status, to))
    save_filter(b, to="club@lists.test", folder="Archive")
    save_filter(b, subject="gone", action="delete")
    save_filter(b, subject="star", action="stay", starred="1")
    for fields, why in (({"folder": "Archive"}, "fill in one of these"), ({"from": "x"}, "Say which folder."),
                        ({"from": "x", "new_folder": "a//b"}, "cannot be the name"),
                        ({"from": "x", "new_folder": "Restore/x"}, "cannot be the name"),
                        ({"from": "x", "action": "stay"}, "Say what is to happen"),
                        ({"subject": "x" * 201, "folder": "Archive"}, "too long")):
        status, _, text = save_filter(b, **fields)
        verdict(status == 422 and why in text, f"no-filter {why}", (status, text))
    send(h, "bill", "shop@far.test")
    send(h, "bishop", "bishop@far.test")
    send(h, "club", header="List-Id: Club <club.lists.test>\r\n")
    send(h, "all gone")
    send(h, "a star")
    got = {f: subjects(h, f) for f in ("Bills/Shop", "Archive", "Trash")}
    verdict(got == {"Bills/Shop": ["bill"], "Archive": ["club"], "Trash": ["all gone"]}, "filters-move", got)
    inbox = subjects(h, "INBOX")
    verdict("bishop" in inbox and "a star" in inbox and "club" not in inbox, "filters-leave-the-rest", inbox)
    m = h.imap()
    m.select("INBOX")
    starred = m.search(None, "FLAGGED")[1][0].split()
    m.select('"Bills/Shop"')
    seen = m.search(None, "SEEN")[1][0].split()
    verdict(len(starred) == 1 and len(seen) == 1, "filters-mark", (starred, seen))
    m.logout()
    _, _, text = b.ask("/filters")
    verdict(text.index("shop@far.test") < text.index("club@lists.test"), "filters-in-order", text)
    do(b, "/filters", "/filters", up="2")
    do(b, "/filters", "/filters", off="1")
    _, _, text = b.ask("/filters")
    verdict(text.index("shop@far.test") > text.index("club@lists.test") and "Turn on" in text, "filter-up-and-off", text)
    send(h, "second bill", "shop@far.test")
    verdict("second bill" in subjects(h, "INBOX"), "filter-is-off")
    b.ask("/filters/edit?id=2")
    status, to, _ = b.ask("/filters/edit", {"csrf": b.csrf, "id": "2", **FILTER, "to": "club@lists.test",
                                            "folder": "Archive", "new_folder": "Club"})
    send(h, "club again", header="List-Id: Club <club.lists.test>\r\n")
    verdict(subjects(h, "Club") == ["club again"], "filter-is-changed", (status, to))
    do(b, "/filters", "/filters", remove="3")
    send(h, "not gone")
    verdict("not gone" in subjects(h, "INBOX"), "filter-is-removed")
    status, to, _ = do(b, "/filters", "/filters", remove="3")
    verdict((status, to) == (303, "/filters?done=not-there"), "filter-is-not-there", (status, to))


def vacation(h, b, sink):
    b.ask("/vacation")
    verdict(re.search(r'<option[^>]*>Europe/Berlin<', b.text) and "Mail is not answered" in b.text, "vacation-page", b.text)
    form = {"on": "1", "from": "", "until": "", "zone": "Europe/Berlin", "subject": "", "text": "I am away.\r\nAnna",
            "days": "7"}
    for more, why in (({"from": "2026-02-30"}, "day"), ({"until": "x"}, "day"), ({"days": "0"}, "1 to 90"),
                      ({"days": "91"}, "1 to 90"), ({"text": " "}, "Fill in"), ({"text": "x" * 4001}, "too long"),
                      ({"from": "2026-11-30", "until": "2026-11-29"}, "before the first")):
        status, _, text = do(b, "/vacation", "/vacation", **{**form, **more})
        verdict(status == 422 and why in text and 'aria-invalid="true"' in text, f"no-vacation {more}"[:60], text)
    # Over already, and not yet.
    for more, word in (({"until": "2020-01-01"}, "Answering has ended"), ({"from": "2999-01-01"}, "will be answered from")):
        do(b, "/vacation", "/vacation", **{**form, **more})
        _, _, text = b.ask("/vacation")
        send(h, "too early or late", "early@far.test")
        verdict(word in text, f"vacation-says {word}", text)
    today = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 2 * 3600))
    status, to, _ = do(b, "/vacation", "/vacation", **{**form, "from": "2020-01-01", "until": today})
    _, _, text = b.ask("/vacation")
    verdict((status, to) == (303, "/vacation?done=saved") and f'value="{today}"' in text and
            "I am away.\nAnna</textarea>" in text, "vacation-is-kept-as-it-was-typed", text)
    for n in range(2):
        send(h, f"hi {n}", "pen@far.test")
    send(h, "for a list", "poster@far.test", "List-Id: <l.far.test>\r\n")
    send(h, "to others", "other@far.test", to="somebody@far.test")
    send(h, "eve", "eve@spam.test")
    verdict(wait_until(lambda: sink.mails), "vacation-answers")
    # Another one behind them, so that none can still be on its way.
    send(h, "last", "last@far.test")
    wait_until(lambda: any(m[1] == "last@far.test" for m in sink.mails))
    to = sorted(m[1] for m in sink.mails)
    verdict(to == ["last@far.test", "pen@far.test"], "vacation-once-and-only-people", to)
    letter = email.message_from_bytes(sink.mails[0][2])
    verdict(letter["Subject"] == "Auto: hi 0" and "I am away.\r\nAnna" in letter.get_payload() and
            sink.mails[0][0] == "" and "anna@home.test" in letter["From"], "vacation-letter", letter)
    # Only people that anna has written to; those of the server are.
    do(b, "/vacation", "/vacation", **{**form, "contacts": "1"})
    sink.mails.clear()
    send(h, "a stranger", "stranger@far.test")
    s = h.submit("ben")
    s.sendmail("ben@home.test", ["anna@home.test"], "From: ben@home.test\r\nTo: anna@home.test\r\nSubject: ben\r\n\r\nx\r\n")
    s.quit()
    verdict(wait_until(lambda: "Auto: ben" in subjects(h, "INBOX", "ben")) and not sink.mails, "vacation-contacts",
            sink.mails)
    do(b, "/vacation", "/vacation", **{k: v for k, v in form.items() if k != "on"})


def link_of(sink, to):
    """What the newest letter to that address asks to open."""
    def look():
        for sender, got, data in reversed(sink.mails):
            if got == to and b"Forwarding from" in data:
                return email.message_from_bytes(data)
        return None
    letter = wait_until(look)
    text = letter.get_payload(decode=True).decode() if letter else ""
    m = re.search(r"https://mail\.home\.test:\d+(/confirm/[0-9a-f]+)\r?$", text, re.M)
    return (m.group(1) if m else ""), text


def forward(h, b, sink):
    sink.mails.clear()
    for to, why in (("", "Fill in"), ("nonsense", "not a mail address"), ("anna@home.test", "your own mailbox"),
                    ("Anna+x@home.test", "your own mailbox"), ("nobody@home.test", "Nobody on this server")):
        status, _, text = do(b, "/forward", "/forward", to=to, on="1", keep="1")
        verdict(status == 422 and why in text, f"no-forward {to!r}", (status, text))
    status, to, _ = do(b, "/forward", "/forward", to="phone@away.test", on="1", keep="1")
    verdict((status, to) == (303, "/forward?sent=1"), "forward", (status, to))
    path, text = link_of(sink, "phone@away.test")
    verdict(path and "anna@home.test" in text, "forward-letter", text)
    _, _, text = b.ask("/forward")
    verdict("Nothing is forwarded yet" in text, "forward-says-that-it-waits", text)
    send(h, "too soon")
    stranger = Browser(h)
    for wrong in (path[:-1] + ("0" if path[-1] != "0" else "1"), path + "0", path[:-1], "/confirm/x", "/confirm/",
                  "/confirm/" + "0" * 56):
        status, _, text = stranger.ask(wrong)
        verdict(status == 404 and "phone@away.test" not in text, f"wrong-link {wrong[-12:]}", (status, text))
        status, _, _ = stranger.ask(wrong, {})
        verdict(status == 404, f"wrong-link-pressed {wrong[-12:]}", status)
    # Looking is not agreeing, however often, and needs no signing in.
    for _ in range(2):
        status, _, text = stranger.ask(path)
    verdict(status == 200 and "phone@away.test" in text and "anna@home.test" in text and "/sign-out" not in text and
            'href="/home"' not in text, "confirm-page", (status, text))
    _, _, text = b.ask("/forward")
    verdict("Nothing is forwarded yet" in text, "a-look-changes-nothing", text)
    status, _, text = stranger.ask(path, {})
    verdict(status == 200 and "from now on" in text, "confirm", (status, text))
    status, _, text = stranger.ask(path)
    verdict(status == 200 and "agreed to already" in text, "confirm-again", (status, text))
    _, _, text = b.ask("/forward")
    verdict("Mail is forwarded to phone@away.test" in text, "forward-says-that-it-is-on", text)
    _, _, text = b.ask("/home")
    verdict("Mail is forwarded to phone@away.test" in text, "the-overview-says-so", text)
    verdict(path.split("/")[-1] not in h.log(), "link-is-not-in-the-log")
    send(h, "forwarded")
    verdict(wait_until(lambda: any(b"Subject: forwarded" in m[2] for m in sink.mails)) and
            "forwarded" in subjects(h, "INBOX") and not any(b"too soon" in m[2] for m in sink.mails),
            "forward-keeps-a-copy", [m[:2] for m in sink.mails])
    # Round it goes, once.
    send(h, "round", header="X-Sieve-Redirected-From: anna@home.test\r\n")
    do(b, "/forward", "/forward", to="phone@away.test", on="1")
    send(h, "without a copy")
    verdict(wait_until(lambda: any(b"without a copy" in m[2] for m in sink.mails)) and
            "without a copy" not in subjects(h, "INBOX") and "round" in subjects(h, "INBOX") and
            not any(b"Subject: round" in m[2] for m in sink.mails), "forward-without-a-copy, and no loop",
            [m[:2] for m in sink.mails])
    # Another address has not agreed; three letters a day, and no more.
    do(b, "/forward", "/forward", to="tablet@b\u00fcro.test", on="1")
    send(h, "not to the tablet")
    other, _ = link_of(sink, "tablet@xn--bro-hoa.test")
    verdict(stranger.ask(path)[0] == 404 and other and "not to the tablet" in subjects(h, "INBOX"),
            "another-address-has-not-agreed", other)
    status, to, _ = do(b, "/forward", "/forward/again")
    again = wait_until(lambda: (lambda p: p if p != other else None)(link_of(sink, "tablet@xn--bro-hoa.test")[0]))
    verdict((status, to) == (303, "/forward?sent=1") and stranger.ask(other)[0] == 404 and
            stranger.ask(again)[0] == 200, "a-new-letter-ends-the-old-one", (status, to, again))
    status, _, text = do(b, "/forward", "/forward/again")
    verdict(status == 429 and "Enough letters" in text, "three-letters-a-day", (status, text))
    do(b, "/forward", "/forward/remove")
    status, _, text = do(b, "/forward", "/forward", to="third@away.test", on="1")
    verdict(status == 429, "three-letters-a-day, removed or not", status)
    verdict(stranger.ask(again, {})[0] == 404, "what-was-removed-cannot-be-agreed-to")


def beside_scripts(h, b):
    """Another program stores and activates a script: both run, and the page says so."""
    c, ok = log_in(h)
    c.say('PUTSCRIPT "roundcube" ' + literal('require "fileinto"; if header "subject" "mine" { fileinto "Archive"; }'))
    got = c.say('SETACTIVE "roundcube"')
    c.close()
    send(h, "mine")
    send(h, "club third", header="List-Id: Club <club.lists.test>\r\n")
    send(h, "eve third", "eve@spam.test")
    verdict("mine" in subjects(h, "Archive") and "club third" in subjects(h, "Club") and "eve third" in subjects(h, "Junk"),
            "setactive-ends-no-rule", (ok, got))
    for page in ("/filters", "/vacation", "/forward"):
        _, _, text = b.ask(page)
        verdict("roundcube" in text and "is active as well" in text, f"page-says-that-both-run {page}", text)


def command(h):
    r = h.command("sieve", "anna", "list")
    verdict("roundcube" in r.stdout and re.search(r"^on +filter 1: mail to \"club@lists.test\": goes to \"Club\"$", r.stdout, re.M) and
            re.search(r"^off +filter 2: mail from \"shop@far.test\"", r.stdout, re.M) and
            re.search(r"^on +blocked senders: 1$", r.stdout, re.M), "sieve-list", r.stdout + r.stderr)
    r = h.command("sieve", "anna", "test", "--from", "x@far.test",
                  input="From: x@far.test\nTo: anna@home.test\nList-Id: <club.lists.test>\n\nx\n")
    verdict(r.returncode == 0 and 'filter 1: fileinto "Club"' in r.stdout and '=> fileinto "Club"' in r.stdout,
            "sieve-test", r.stdout + r.stderr)
    r = h.command("sieve", "anna", "test", input="From: x@far.test\nSubject: mine\n\nx\n")
    verdict('roundcube:1: fileinto "Archive"' in r.stdout, "sieve-test-goes-on-to-the-active-one", r.stdout + r.stderr)
    send(h, "club traced", "traced@far.test", "List-Id: Club <club.lists.test>\r\n")
    got = wait_until(lambda: (lambda t: t if 'rule filter 1: fileinto "Club"' in t else None)(h.command("trace", "traced@far.test").stdout))
    verdict(got, "trace", h.command("trace", "traced@far.test").stdout)


def safe(h, b):
    """Nothing without the form's token, and nothing for who has not signed in."""
    for path in ("/vacation", "/filters", "/filters/edit", "/forward", "/forward/again", "/forward/remove",
                 "/junk/block", "/junk/unblock"):
        status, _, _ = b.ask(path, {"who": "x@far.test", "to": "x@away.test", "remove": "1", "on": "1", "text": "x"})
        verdict(status == 403, f"csrf {path}", status)
        status, to, _ = Browser(h).ask(path, {"who": "x@far.test"})
        verdict(status == 303 and to.startswith("/sign-in"), f"signed-in-only {path}", (status, to))
    before = h.command("sieve", "anna", "list").stdout
    h.kill("account anna")
    h.restart()
    verdict(h.command("sieve", "anna", "list").stdout == before, "kept-over-a-crash", before)


def main():
    port, = free_ports(1)
    sink = Sink(port)
    extra = f"relay: {{ host: 127.0.0.1, port: {port}, tls: off }}\n"
    with House(extra, web=True) as h:
        b = signed_in(h)
        blocked(h, b)
        filters(h, b)
        vacation(h, b, sink)
        forward(h, b, sink)
        beside_scripts(h, b)
        command(h)
        safe(h, b)
    finish()


if __name__ == "__main__":
    main()
