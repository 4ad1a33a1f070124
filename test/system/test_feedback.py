#!/usr/bin/env python3
"""Our own reports, on a small Internet: what was seen of mail in a domain's name goes, a day later,
to those who ask for it and may; the other server, a Hearthmail, too, reads it and tells its owner."""
import json
import smtplib

from house import finish, skip, verdict, wait_until
from smallnet import SmallNet, Zone, missing

HOSTS = ("us", "them", "forger", "watcher", "victim")
DAY = 86400000


def zones():
    spf = '@ TXT "v=spf1 ip4:{them} -all"'
    rua = "mailto:postmaster@them.test,mailto:reports@watch.test!10m,mailto:x@victim.test,https://them.test/x"
    mail = ["@ MX 10 mail", "mail A {them}", 'lists TXT "v=spf1 ip4:{them} -all"']
    return {
        # Reports of ours have the null sender: SPF is that of the host's name.
        "us.test": Zone(["@ MX 10 mail", "mail A {us}", 'mail TXT "v=spf1 ip4:{us} -all"',
                         '_dmarc TXT "v=DMARC1; p=none"', '@ TXT "v=spf1 ip4:{us} -all"']),
        "them.test": Zone([*mail, spf, f'_dmarc TXT "v=DMARC1; p=reject; sp=none; adkim=s; rua={rua}"']),
        # Nothing of it is accepted.
        "forged.test": Zone([*mail, spf, '_dmarc TXT "v=DMARC1; p=reject; rua=mailto:x@forged.test"']),
        # Nobody asks.
        "quiet.test": Zone([*mail, spf, '_dmarc TXT "v=DMARC1; p=none"']),
        # It wants them, and has them sent elsewhere in its house.
        "watch.test": Zone(["@ MX 10 mail", "mail A {watcher}",
                            'them.test._report._dmarc TXT "v=DMARC1; rua=mailto:other@watch.test"']),
        "victim.test": Zone(["@ MX 10 mail", "mail A {victim}", 'them.test._report._dmarc TXT "v=spf1 -all"']),
    }


def send(net, host, sender, author=None):
    author = author or sender
    with net.inside(host):
        s = smtplib.SMTP(net.ip["us"], 25, timeout=300, local_hostname="mail.them.test")
    try:
        s.ehlo()
        s.mail(sender)
        s.rcpt("anna@us.test")
        return s.data(f"From: {author}\r\nSubject: x\r\n\r\nhello\r\n".encode())[0]
    except smtplib.SMTPDataError as e:
        return e.smtp_code
    finally:
        s.close()


def both_asked(us):
    """Who may get a report is looked up behind the message."""
    return wait_until(lambda: us.log().count("feedback.wanted domain=\"them.test\"") >= 2)


def later(us, days):
    us.env["HEARTHMAIL_TEST_CLOCK"] = str(days * DAY)
    us.restart()


def reports(h, *words):
    r = h.command("reports", *words)
    return r.stdout


def first_day(net, us, them, watcher, victim):
    codes = [send(net, "them", "ben@them.test"), send(net, "them", "ben@them.test"),
             send(net, "them", "ben@lists.them.test", "ben@them.test"), send(net, "forger", "ben@them.test"),
             send(net, "forger", "x@forged.test"), send(net, "them", "x@quiet.test")]
    verdict(codes == [250, 250, 250, 550, 550, 250], "mail-is-judged", codes)
    verdict(both_asked(us) and "feedback.sent" not in us.log(), "not-before-the-day-is-over")
    later(us, 1)
    verdict(us.logged(r"feedback\.sent domain=\"?them\.test\"? addresses=2 rows=3"), "sent", [
        l for l in us.log().splitlines() if "feedback" in l])
    verdict(them.logged(r"report\.read kind=dmarc .*verified=1 .*mails=4 failed=1 "), "it-arrives-and-is-verified",
            [l for l in them.log().splitlines() if "report" in l or "smtp.accept" in l])
    text = reports(them)
    verdict("them.test: 1 report; 4 mails, 3 yours, 1 failed.\n" in text and
            "us.test saw 4 mails from them.test on " in text and
            f"3 were yours, 1 came from {net.ip['forger']} and failed: it was not signed by them.test, and that server "
            "may not send for it: probably forged. It was refused.\n" in text, "and-is-told", text)
    one = json.loads(reports(them, "--json"))["reports"][0]
    verdict(one["policy"] == "reject" and one["subdomain_policy"] == "none" and
            sorted(s["mails"] for s in one["sources"]) == [1, 1, 2], "what-was-published", one)
    got = wait_until(lambda: watcher.messages())
    raw = watcher.bytes_of(got[0]) if got else b""
    verdict([m["to"] for m in got] == [["other@watch.test"]] and got[0]["from"] == "" and
            b"\r\nDKIM-Signature:" in b"\r\n" + raw and b"From: DMARC reports <postmaster@us.test>\r\n" in raw and
            b"Subject: Report Domain: them.test\r\n Submitter: us.test\r\n Report-ID: <" in raw,
            "outside-only-with-consent-and-where-it-says", (got, raw[:800]))
    verdict(not victim.messages(), "nobody-else", victim.messages())
    verdict(us.log().count("feedback.sent") == 1, "one-for-each-domain")


def day_of_trouble(net, us, watcher):
    """Who does not take them is left alone for weeks."""
    watcher.become("refuse")
    send(net, "them", "ben@them.test")
    both_asked(us)
    later(us, 2)
    verdict(us.logged(r"feedback\.sent domain=\"?them\.test\"? addresses=2", 120), "sent-again")
    verdict(us.logged(r"queue\.bounce .*told=no"), "refused-and-nobody-is-told")
    send(net, "them", "ben@them.test")
    both_asked(us)
    later(us, 3)
    verdict(us.logged(r"feedback\.sent domain=\"?them\.test\"? addresses=1 "), "it-rests")


def off(net, us):
    us.stop()
    us.extra += "reports: { send: off }\n"
    us.write_config()
    us.start()
    send(net, "them", "ben@them.test")
    later(us, 4)
    # The first look would have come by then.
    wait_until(lambda: "feedback.sent" in us.log(), 25, exact=True)
    verdict("feedback" not in us.log(), "off", [l for l in us.log().splitlines() if "feedback" in l])


def main():
    if why := missing():
        skip("all", why)
        finish()
    with SmallNet(HOSTS, zones()) as net:
        watcher, victim = net.badhost("watcher"), net.badhost("victim")
        with net.hearthmail("us", "mail.us.test", ["us.test"], debug=True) as us, \
                net.hearthmail("them", "mail.them.test", ["them.test"]) as them:
            first_day(net, us, them, watcher, victim)
            day_of_trouble(net, us, watcher)
            off(net, us)
    finish()


if __name__ == "__main__":
    main()
