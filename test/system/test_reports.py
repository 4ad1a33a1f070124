#!/usr/bin/env python3
"""Reports of other servers about our domains: mail that brings one is delivered as any other, and a
copy is read by a process of its own, which is there only while there is something to read."""
import base64
import gzip
import io
import json
import signal
import zipfile

from house import House, finish, verdict, wait_until

DMARC = """<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
  <report_metadata>
    <org_name>google.example</org_name>
    <email>noreply-dmarc-support@google.example</email>
    <report_id>%(id)s</report_id>
    <date_range><begin>%(begin)d</begin><end>%(end)d</end></date_range>
  </report_metadata>
  <policy_published><domain>%(domain)s</domain><adkim>r</adkim><aspf>r</aspf><p>none</p></policy_published>
  <record>
    <row><source_ip>198.51.100.5</source_ip><count>11</count>
      <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>pass</spf></policy_evaluated></row>
    <identifiers><header_from>%(domain)s</header_from></identifiers>
    <auth_results><dkim><domain>%(domain)s</domain><result>pass</result></dkim>
      <spf><domain>%(domain)s</domain><result>pass</result></spf></auth_results>
  </record>
  <record>
    <row><source_ip>192.0.2.7</source_ip><count>1</count>
      <policy_evaluated><disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
    <identifiers><header_from>%(domain)s</header_from></identifiers>
    <auth_results><spf><domain>spam.test</domain><result>none</result></spf></auth_results>
  </record>
</feedback>
"""
TLS = """{"organization-name":"tls.example","date-range":{"start-datetime":"2026-11-29T00:00:00Z",
"end-datetime":"2026-11-29T23:59:59Z"},"contact-info":"tls@tls.example","report-id":"tls-1","policies":[{"policy":{
"policy-type":"no-policy-found","policy-domain":"home.test"},"summary":{"total-successful-session-count":7,
"total-failure-session-count":0}}]}"""
# Two policies; the failures of the first are part of its summary.
NESTED = """{"organization-name":"big.example","date-range":{"start-datetime":"2026-11-29T00:00:00Z",
"end-datetime":"2026-11-29T23:59:59Z"},"contact-info":"tls@big.example","report-id":"tls-2","policies":[{"policy":{
"policy-type":"sts","policy-domain":"home.test","mx-host":["mail.home.test"]},"summary":{
"total-successful-session-count":10,"total-failure-session-count":5},"failure-details":[{"result-type":
"certificate-expired","receiving-mx-hostname":"mail.home.test","receiving-ip":"192.0.2.1","sending-mta-ip":"192.0.2.9",
"failed-session-count":3},{"result-type":"starttls-not-supported","failed-session-count":2}]},{"policy":{
"policy-type":"tlsa","policy-domain":"home.test"},"summary":{"total-successful-session-count":1,
"total-failure-session-count":0}}]}"""
DAY = 1795910400  # 29 November 2026


def dmarc(id="1", domain="home.test", begin=DAY, end=DAY + 86399):
    return DMARC % {"id": id, "domain": domain, "begin": begin, "end": end}


def zipped(*files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in files:
            z.writestr(name, text)
    return out.getvalue()


def mail(content, type="application/gzip", name="google.example!home.test!1795910400!1795996799.xml.gz",
         subject="Report Domain: home.test Submitter: google.example Report-ID: <1>"):
    return (f"From: noreply-dmarc-support@google.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: {type}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
            f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
            + base64.encodebytes(content).decode().replace("\n", "\r\n"))


def send(h, text, to="postmaster@home.test"):
    s = h.smtp()
    s.sendmail("noreply-dmarc-support@google.example", [to], text)
    s.quit()


def times(h, pattern, n):
    return wait_until(lambda: h.log().count(pattern) >= n) and h.log().count(pattern) == n


def comes_and_goes(h):
    verdict(not h.pids("report"), "no-process-before-the-first-report", h.processes())
    send(h, mail(gzip.compress(dmarc().encode())))
    verdict(h.logged(r"report\.read kind=dmarc .*org=\"?google\.example\"? .*mails=12 failed=1 "), "a-report-is-read",
            [l for l in h.log().splitlines() if "report" in l])
    verdict(h.count("anna") == 1, "and-delivered")
    verdict(wait_until(lambda: not h.pids("report")), "it-leaves-when-idle", h.processes())
    send(h, mail(TLS.encode(), "application/tlsrpt+json", "tls.example!home.test!1!2!x.json", "TLS"), "dmarc@home.test")
    verdict(h.logged(r"report\.read kind=tls .*sessions=7 sessions_failed=0 "), "it-comes-again")


def what_is_no_report(h):
    before = h.log().count(" report.")
    for subject, type, text in (("hello", "text/plain", b"hello"), ("page", "text/html", b"<!DOCTYPE html><p>{}"),
                                ("photos", "application/zip", zipped(("1.jpeg", "x" * 9999)))):
        send(h, mail(text, type, "x", subject))
    send(h, mail(gzip.compress(dmarc("last").encode())))
    verdict(times(h, " report.", before + 1), "other-mail-to-postmaster-is-not-spoken-of",
            [l for l in h.log().splitlines() if " report." in l])


def harm(h):
    laughs = "<!DOCTYPE lolz [<!ENTITY a 'ha'>" + "".join(
        f"<!ENTITY {b} '{('&' + a + ';') * 10}'>" for a, b in zip("abcdefgh", "bcdefghi")) + "]>"
    many = dmarc().split("<record>")
    many = many[0] + ("<record>" + many[1]) * 20001 + "</feedback>"
    for name, content, words in (
            ("entities", gzip.compress((laughs + dmarc().split("?>", 1)[1]).encode()), "document type"),
            ("a-bomb", gzip.compress(b" " * (200 << 20)), "larger when unpacked"),
            ("a-zip-of-bombs", zipped(*((f"{i}.xml", " " * (20 << 20)) for i in range(20))), "larger when unpacked"),
            ("too-many-records", gzip.compress(many.encode()), "records|16777216 bytes"),
            ("another-domain", gzip.compress(dmarc("x", "bank.test").encode()), "not this server's"),
            ("nothing", gzip.compress(b""), "not a report"),
            ("damaged", gzip.compress(dmarc().encode())[:40], "not a report|damaged|neither")):
        before = h.log().count(" report.refused ")
        send(h, mail(content))
        verdict(wait_until(lambda: h.log().count(" report.refused ") > before) and
                any(w in h.log().split(" report.refused ")[-1] for w in words.split("|")), f"refused-and-named-{name}",
                h.log().split(" report.refused ")[-1][:400])
    verdict("process.died" not in h.log() and "process.hangs" not in h.log(), "nothing-died-of-it")


def death(h):
    """It dies while it is there: the next mail has a new one.  Each is waited for until it is kept, by its own id:
    what is read late would be counted for another."""
    send(h, mail(gzip.compress(dmarc("before").encode())))
    verdict(wait_until(lambda: "before" in ids(h)), "kept-before-its-death")
    pids = h.pids("report")
    h.kill("report", signal.SIGKILL)
    wait_until(lambda: not set(pids) & set(h.pids("report")))
    send(h, mail(gzip.compress(dmarc("after").encode())))
    verdict(wait_until(lambda: "after" in ids(h)), "read-after-its-death")
    # It dies with one in hand: that is read by the next one.
    h.kill("report", signal.SIGSTOP)
    send(h, mail(gzip.compress(dmarc("in hand").encode())))
    h.kill("report", signal.SIGKILL)
    verdict(wait_until(lambda: "in hand" in ids(h)), "and-what-it-had-in-hand")


def told(h, *words):
    r = h.command("reports", *words)
    return r.returncode, r.stdout


def ids(h):
    code, text = told(h, "home.test", "--json")
    return sorted(str(r.get("id")) for r in json.loads(text)["reports"]) if code == 0 else []


def command(h):
    """What the owner is told, with the server and without."""
    code, text = told(h)
    verdict(code == 0 and "google.example (unverified) saw 12 mails from home.test on 29 November 2026: 11 were yours, "
            "1 came from 192.0.2.7 and failed: it was not signed by home.test, and that server may not send for it: "
            "probably forged. It was refused.\n" in text, "told-in-sentences", text)
    verdict("tls.example (unverified) made 7 connections to deliver mail for home.test on 29 November 2026: all of "
            "them with TLS.\n" in text, "tls-told", text)
    verdict("was not read: it has a document type, which could define entities." in text, "bombs-are-named", text)
    code, text = told(h, "home.test", "--json", "--since", "1d")
    reports = json.loads(text)["reports"]
    first = [r for r in reports if r.get("id") == "1" and "not_read" not in r]
    verdict(first and first[0]["mails"] == {"passed": 11, "failed": 1} and
            first[0]["sources"][1]["spf"] == {"aligned": False, "domain": "spam.test", "result": "none"}, "json-nests-sources", first)
    send(h, mail(NESTED.encode(), "application/tlsrpt+json", "big.example!home.test!1!2!x.json", "TLS"), "dmarc@home.test")
    tls = wait_until(lambda: [r for r in json.loads(told(h, "--json")[1])["reports"] if r.get("id") == "tls-2"])
    verdict(tls and tls[0]["sessions"] == {"succeeded": 11, "failed": 5} and
            [(p["type"], p["sessions"], [(f["result"], f["sessions"]) for f in p["failures"]]) for p in tls[0]["policies"]] == [
                ("sts", {"succeeded": 10, "failed": 5}, [("certificate-expired", 3), ("starttls-not-supported", 2)]),
                ("tlsa", {"succeeded": 1, "failed": 0}, [])], "json-nests-tls-failures", tls)
    verdict(code == 0 and len(first) == 1 and first[0]["kind"] == "dmarc" and
            [s["mails"] for s in first[0]["sources"]] == [11, 1] and first[0]["verified"] is False and
            first[0]["begin"] == "2026-11-29T00:00:00Z", "json", text)
    # The same once more counts once; the same id of another is another.
    n = h.log().count(" report.again ")
    send(h, mail(gzip.compress(dmarc().encode())))
    verdict(wait_until(lambda: h.log().count(" report.again ") > n), "the-same-again")
    again = json.loads(told(h, "--json")[1])["reports"]
    verdict(len([r for r in again if r.get("id") == "1" and "not_read" not in r]) == 1, "counts-once", again)
    r = h.command("reports", "other.test")
    verdict(r.returncode == 1 and "other.test is not one of the domains" in r.stderr, "none-of-another-domain", r)
    verdict(told(h, "--since", "nonsense")[0] == 2 and told(h, "a", "b")[0] == 2 and told(h, "--x")[0] == 2,
            "wrong-usage")
    before = ids(h)
    verdict(len(before) == len(reports) + 1, "one-more", (before, reports))
    h.stop()
    after = ids(h)
    verdict(after == before, "without-a-server", (before, after))
    h.start()


def main():
    with House(extra="aliases: { dmarc@home.test: [anna] }\n") as h:
        comes_and_goes(h)
        what_is_no_report(h)
        harm(h)
        death(h)
        command(h)
    finish()


if __name__ == "__main__":
    main()
