#!/usr/bin/env python3
"""The walls: what a taken-over process would try is refused in every process,
as root and as a plain user, with all of Landlock, with ABI 2 and without it;
with the sandbox off the same probes succeed."""
import gzip
import http.client
import os
import re

import test_reports
from house import House, finish, skip, verdict, wait_until
from test_managesieve import log_in, put
from test_sign_in import signed_in

ROLES = {"auth", "history", "junk", "keeper", "queue", "smtp", "submission", "imap", "pop3", "sieve", "account", "dns",
         "mx", "report", "web", "acme", "admin"}
PROBES = 38
# Nobody is there: what gets certificates is started, and fails.
MORE = 'admins: [anna]\ntls: { acme: { directory: "https://127.0.0.1:9/" } }\n'
# What is a process's own part is not probed there.
PART = {"connect": {"dns", "mx", "acme"}, "udp": {"dns"}, "pair": {"imap", "pop3", "sieve", "acme", "web", "auth"},
        "thread": {"smtp", "submission", "imap", "pop3", "sieve", "auth", "mx", "account", "web", "acme", "admin"},
        "big-file": {"account", "queue", "history", "junk"}}


def probes(h):
    found = {}
    for process, name, result in re.findall(
            r" probe process=(\S+) name=(\S+) result=(\S+)", h.log()):
        found.setdefault(process, {})[name] = result
    return found


def get(h):
    """The status of what https has for every name of ours."""
    c = http.client.HTTPSConnection("127.0.0.1", h.port["https"], context=h.tls(), timeout=300)
    c.request("GET", "/.well-known/security.txt", headers={"Host": "mail.home.test"})
    return c.getresponse().status


def wanted(process):
    return PROBES - sum(process in who for who in PART.values())


def one_case(label, extra="", env=None, as_user=None, off=False):
    env = dict(env or {}, HEARTHMAIL_TEST_PROBE="1")
    with House(extra=extra + MORE, env=env, as_user=as_user, web=True) as h:
        h.deliver("anna")
        # What writes the admin's pages is started by the first visitor, what reads reports by the first one.
        verdict(signed_in(h).ask("/admin/queue")[0] == 200, f"{label}-shows-a-page")
        test_reports.send(h, test_reports.mail(gzip.compress(test_reports.dmarc().encode())))
        wait_until(lambda: set(probes(h)) >= ROLES and
                   all(len(p) == wanted(k) for k, p in probes(h).items()), 10)
        found = probes(h)
        verdict(set(found) == ROLES and all(len(p) == wanted(k) for k, p in found.items()),
                f"{label}-every-process-was-probed", {k: len(v) for k, v in found.items()})
        if off:
            # io-uring and bpf may be closed by the kernel's own settings.
            closed = {p: [n for n, r in v.items() if r == "refused" and
                          n not in ("bpf", "io-uring", "namespace", "dotdot")]
                      for p, v in found.items()}
            if as_user:
                closed = {p: [n for n in v if n not in ("etc-shadow", "other-folder")]
                          for p, v in closed.items()}
            verdict(not any(closed.values()), f"{label}-possible", closed)
        else:
            open_ = {p: [n for n, r in v.items() if r == "possible"] for p, v in found.items()}
            verdict(not any(open_.values()), f"{label}-refused", open_)
        # It serves behind its walls, too.
        verdict(h.logged(r"report\.read kind=dmarc .*mails=12 failed=1 "), f"{label}-reads-a-report")
        m = h.imap("anna")
        m.select()
        verdict(m.fetch("1", "(BODY[TEXT])")[0] == "OK", f"{label}-serves")
        m.logout()
        verdict(get(h) == 200, f"{label}-answers-https")


def rules(h):
    """Scripts by both ways, folders that are made, and what is sent: a short and a long message."""
    c, _ = log_in(h, "anna")
    c.say("PUTSCRIPT \"r\" " + put('require ["fileinto", "mailbox", "copy", "vacation", "regex"];\r\n'
                                  'redirect :copy "ben@home.test"; vacation "away";\r\n'
                                  'if header :regex "subject" "t(.)st" { fileinto :create "Rules/Box"; }\r\n'))
    c.say('SETACTIVE "r"')
    c.close()
    for n in (1, 40000):
        h.deliver("anna", body=("x" * 70 + "\r\n") * n)
    verdict(wait_until(lambda: h.count("ben") >= 2), "rules-behind-walls", h.log()[-600:])
    verdict(h.count("anna", "Rules/Box") == 2, "rules-behind-walls-here")
    h.command("sieve", "anna", "test", "r", input="Subject: test\n\nhello\n")
    h.command("sieve", "anna", "deactivate")


def kill_build():
    """Unlisted system calls kill: an ordinary day must need none."""
    with House(env={"HEARTHMAIL_TEST_KILL": "1"}, extra="admins: [anna]\n", web=True) as h:
        get(h)
        b = signed_in(h)
        for path in ("", "/queue", "/trace?which=anna", "/reports", "/dns", "/accounts?account=anna", "/configuration"):
            verdict(b.ask("/admin" + path)[0] == 200, f"page-of-the-admin {path}")
        for i in range(3):
            h.deliver("anna", body="x" * 70 + ("\r\n" + "x" * 70) * 20000 * i)
        for text in (gzip.compress(test_reports.dmarc().encode()), test_reports.zipped(("a.json", test_reports.TLS)),
                     gzip.compress(b" " * (200 << 20)), b"{"):
            test_reports.send(h, test_reports.mail(text))
        wait_until(lambda: h.log().count(" report.re") >= 4)
        s = h.submit("ben")
        s.sendmail("ben@home.test", ["anna@home.test"], "From: ben@home.test\r\n\r\nhi\r\n")
        s.quit()
        m = h.imap("anna", tls=True)
        m.select()
        m.fetch("1:*", "(ENVELOPE BODYSTRUCTURE BODY[])")
        m.search("UTF-8", "TEXT", b'"hi"')
        m.create("Box")
        m.copy("1:*", "Box")
        m.store("1", "+FLAGS", r"(\Deleted)")
        m.expunge()
        m.logout()
        p = h.pop3("anna", tls=True)
        p.retr(1)
        p.dele(1)
        p.quit()
        rules(h)
        h.command("passwd", "ben", "--stdin", input="another good password\n")
        verdict("process.died" not in h.log(), "unlisted-calls-are-not-needed",
                [l for l in h.log().splitlines() if "died" in l])


def main():
    if os.geteuid() != 0:
        skip("all", "needs root to start a server both as root and as a plain user")
        finish()
    one_case("root")
    one_case("root-landlock-2", env={"HEARTHMAIL_TEST_LANDLOCK": "2"})
    one_case("root-landlock-absent", env={"HEARTHMAIL_TEST_LANDLOCK": "0"})
    one_case("user", as_user="nobody")
    one_case("user-landlock-2", as_user="nobody", env={"HEARTHMAIL_TEST_LANDLOCK": "2"})
    one_case("user-landlock-absent", as_user="nobody", env={"HEARTHMAIL_TEST_LANDLOCK": "0"})
    one_case("off", extra="sandbox: off\n", off=True)
    kill_build()
    finish()


if __name__ == "__main__":
    main()
