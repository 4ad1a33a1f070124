#!/usr/bin/env python3
"""The admin's pages, by https; who may see them; what they do; figures for monitoring."""
import html
import http.client
import json
import os
import re
import smtplib
import socket
import struct
import threading

from house import TOP, House, finish, free_ports, skip, verdict, wait_until
from openmetrics import parse
from test_sign_in import HOST, Browser, context, signed_in
from test_taken_over import borrow, give_back, socket_of

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&lt;"
TOKEN = "a-token-of-a-test-17"


def queue_something(h, n=1):
    for _ in range(n):
        s = h.submit("anna")
        s.sendmail("anna@home.test", ["ben@elsewhere.test"],
                   f"From: anna@home.test\r\nTo: ben@elsewhere.test\r\nSubject: {EVIL}\r\n\r\nhi\r\n")
        s.quit()


def refused(h):
    """A stranger is refused, and leaves traces of a kind."""
    s = smtplib.SMTP("127.0.0.1", h.port["smtp"])
    s.docmd("EHLO", "x.test")
    s.docmd("MAIL", "FROM:<\"<script>alert(1)</script>\"@x.test>")
    s.docmd("RCPT", "TO:<\"<img src=x onerror=alert(1)>\"@home.test>")
    s.docmd("QUIT")


def is_clean(text):
    return "<script" not in text and "<img" not in text and text.rstrip().endswith("</html>")


def numbers(text):
    return re.findall(r'name="id" value="(\d+)"', text)


def status_page(h, b):
    status, _, text = b.ask("/admin")
    verdict(status == 200 and is_clean(text), "status-page", (status, text[-600:]))
    said = h.command("status").stdout
    # Word by word what the command says, but for what changes meanwhile.
    lines = [l[13:] for l in said.splitlines() if re.match(r"(disk|certificate|keys|published) ", l)]
    lines = [re.sub(r"[\d.]+ GB free", "", l) for l in lines]
    missing = [l for l in lines if html.escape(l).replace("&#x27;", "&#39;").strip() not in text]
    verdict(lines and not missing, "status-in-the-words-of-the-command", (missing, text))
    verdict("RENEW IT" in text or "All is well." in text or "notice bad" in text, "health", text)
    for process in ("smtp", "queue", "admin", "supervisor")[:3]:
        verdict(re.search(rf">{process}</td>.{{0,80}}for \d+ (s|min)", text, re.S), f"process {process}", text)
    verdict(re.search(r">queue</td>.{0,80}for \d+ \w+, \d+\.\d MB", text, re.S), "memory-of-each", text)


def queue_pages(h, b):
    status, _, text = b.ask("/admin/queue")
    verdict(status == 200 and "The queue is empty." in text, "queue-is-empty", text)
    queue_something(h, 3)
    wait_until(lambda: h.command("queue", "list").stdout.startswith("3 messages wait"))
    status, _, text = b.ask("/admin/queue")
    ids = numbers(text)
    verdict(status == 200 and is_clean(text) and len(ids) == 3 and "ben@elsewhere.test" in text, "queue-list", text)
    status, _, text = b.ask(f"/admin/queue/message?id={ids[0]}")
    verdict(status == 200 and is_clean(text) and "anna@home.test" in text, "queue-message", text)
    status, to, _ = b.ask("/admin/queue", {"id": ids[0], "action": "hold"})
    verdict(status == 403 and "held" not in h.command("queue", "show", ids[0]).stdout, "not-without-csrf", status)
    status, to, _ = b.post("/admin/queue", id=ids[0], action="hold")
    verdict(status == 303 and to.startswith("/admin/queue?done=hold&messages=1&recipients=1"), "hold", (status, to))
    status, _, text = b.ask(to)
    verdict("1 message for 1 recipient: held" in text, "says-what-it-did", text)
    verdict("held" in h.command("queue", "show", ids[0]).stdout, "it-is-held", h.command("queue", "show", ids[0]).stdout)
    verdict(h.logged(r'admin\.act account=ben peer=127\.0\.0\.1 session=\d+ action="hold" which="?' + ids[0]),
            "is-logged-with-who-and-from-where", h.log()[-1000:])
    for action, sure in (("release", "released"), ("retry", "tried now"),
                         ("bounce", "removed, with a report to the sender"), ("remove", "removed")):
        which = ids[0] if action != "remove" else ids[1]
        status, to, _ = b.post("/admin/queue", id=which, action=action)
        verdict(status == 303 and sure in b.ask(to)[2], action, (status, to))
    verdict("1 message waits" in h.command("queue", "list").stdout, "the-rest-waits", h.command("queue", "list").stdout)
    queue_something(h, 2)
    wait_until(lambda: h.command("queue", "list").stdout.startswith("3 messages wait"))
    status, to, _ = b.post("/admin/queue", all="1", which="@nowhere.test", action="remove")
    verdict("0 messages for 0 recipients" in b.ask(to)[2], "all-of-none", to)
    status, to, _ = b.post("/admin/queue", all="1", which="@elsewhere.test", action="hold")
    verdict("3 messages for 3 recipients: held" in b.ask(to)[2], "all-that-match", (to, b.ask(to)[2]))
    for which, words in (("elsewhere.test", "ben@elsewhere.test"), ("@nowhere.test", "No waiting mail matches."),
                         (EVIL, "No waiting mail matches.")):
        status, _, text = b.ask("/admin/queue?which=" + re.sub(r"\W", lambda m: f"%{ord(m[0]):02x}", which))
        verdict(status == 200 and is_clean(text) and words in text, f"queue-of {which[:20]}", text)
    status, _, text = b.ask("/admin/queue/message?id=4711")
    verdict(status == 404 and "No message 4,711 waits." in text, "queue-gone", (status, text))


def trace_pages(h, b):
    refused(h)
    h.deliver("anna", subject=EVIL)
    for which in ("anna@home.test", "alert", "@home.test"):
        text = wait_until(lambda: (lambda t: t if "stored for the account anna" in t else None)(
            b.ask(f"/admin/trace?which={which}")[2]))
        verdict(text and is_clean(text), f"trace {which}", b.ask(f"/admin/trace?which={which}"))
    words = h.command("trace", "alert").stdout
    line = next(l for l in words.splitlines() if "stored for" in l).strip()
    verdict(line in html.unescape(b.ask("/admin/trace?which=alert")[2]), "trace-in-the-words-of-the-command", line)
    status, _, text = b.ask("/admin/trace?which=nothing-like-that")
    verdict(status == 200 and "No message of the last 14 days matches." in text, "trace-none", text)


def other_pages(h, b):
    for path in ("/admin/reports", "/admin/certificates", "/admin/accounts", "/admin/configuration"):
        status, _, text = b.ask(path)
        verdict(status == 200 and is_clean(text) and "does not answer" not in text, path, (status, text))
    status, _, text = b.ask("/admin/accounts")
    verdict("ben@home.test" in text and re.search(r">password\s+0 app passwords", text), "accounts", text)
    h.command("device", "add", "anna", "her phone", "--settings")
    h.command("app-password", "anna", "her phone")
    status, _, text = b.ask("/admin/accounts?account=anna")
    verdict(status == 200 and "her phone" in text and "never" in text, "devices", text)
    status, to, _ = b.post("/admin/accounts", account="anna", revoke="her phone")
    status, _, text = b.ask(to)
    verdict("her phone" not in text and "locked out" in text, "revoke", (to, text))
    status, to, _ = b.post("/admin/accounts", account="anna", revoke="her phone")
    verdict("There is no such device." in b.ask(to)[2], "revoke-again", to)
    verdict(b.ask("/admin/accounts?account=nobody")[0] == 404, "no-such-account")
    status, _, text = b.ask("/admin/configuration")
    verdict(TOKEN not in text and "token: ***" in text and "   1  hostname: mail.home.test" in text,
            "configuration-without-secrets", text)
    verdict("is self-signed" in text or "who gets which mail" in text, "what-check-says", text)


def findings(h, b):
    h.extra = "admins: [ben]\nnonsense: [<script>]\n" + h.extra
    h.write_config()
    status, _, text = wait_until(lambda: (lambda r: r if "nonsense&quot;" in r[2] else None)(
        b.ask("/admin/configuration"))) or b.ask("/admin/configuration")
    verdict(status == 200 and re.search(r"\^ .*unknown key &quot;nonsense&quot;", text) and is_clean(text),
            "findings-beside-their-line", text)
    status, _, text = wait_until(lambda: (lambda r: r if "has errors" in r[2] else None)(b.ask("/admin"))) or (0, "", "")
    verdict(status == 503 and "/admin/configuration" in text, "a-broken-file-is-named", (status, text))
    verdict(b.ask("/admin/queue")[0] == 200, "the-rest-is-there")
    h.extra = h.extra.replace("admins: [ben]\nnonsense: [<script>]\n", "")
    h.write_config()


def owner(h):
    """Who has a shell on the machine sees the pages, and only these, by a link."""
    path = "/web-login/" + h.command("web", "login").stdout.strip().rsplit("/", 1)[1]
    b = Browser(h)
    b.ask(path, {})
    status, _, text = b.ask("/admin")
    verdict(status == 200 and is_clean(text) and 'href="/home"' not in text and "Signed in as the owner of this machine" in text and
            "/sign-out" in text, "owner-by-a-link", (status, text[:1500]))
    queue_something(h)
    found = wait_until(lambda: numbers(b.ask("/admin/queue")[2]))
    b.ask("/admin/queue")
    b.post("/admin/queue", id=found[0], action="remove")
    verdict(h.logged(r'admin\.act account="?\(the owner\)"? peer=127\.0\.0\.1 .*action="remove"'), "owner-is-logged")


def others(h):
    for who in ("anna", None):
        b = signed_in(h, who) if who else Browser(h)
        b.ask("/home")
        for path in ("/admin", "/admin/queue", "/admin/configuration", "/admin/accounts?account=anna"):
            status, to, text = b.ask(path)
            verdict(status in (303, 403) and "hostname" not in text and (status == 403 or to.startswith("/sign-in")),
                    f"{who} {path}", (status, to))
        status, _, _ = b.post("/admin/queue", id="1", action="remove")
        verdict(status in (303, 403), f"{who} POST", status)


def scrape(h, token=None, path="/metrics", host=HOST):
    c = http.client.HTTPSConnection("127.0.0.1", h.port["https"], timeout=300, context=context(h))
    c.request("GET", path, headers={"Host": host, **({"Authorization": token} if token else {})})
    r = c.getresponse()
    text = r.read().decode()
    c.close()
    return r.status, r.headers, text


def metrics(h, port):
    for token in (None, "Bearer x", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer ", TOKEN):
        verdict(scrape(h, token)[0] == 404, f"metrics-for-strangers {token}")
    status, fields, text = scrape(h, f"Bearer {TOKEN}")
    verdict(status == 200 and fields["Content-Type"].startswith("application/openmetrics-text; version=1.0.0"),
            "metrics-with-a-token", (status, text))
    try:
        m = parse(text)
    except ValueError as e:
        verdict(False, "metrics-grammar", e)
        return
    verdict(True, "metrics-grammar")
    for name in ("hearthmail_well", "hearthmail_uptime_seconds", "hearthmail_process_memory_bytes",
                 "hearthmail_process_restarts", "hearthmail_mail", "hearthmail_mail_refused", "hearthmail_queue",
                 "hearthmail_store_seconds", "hearthmail_send_seconds", "hearthmail_disk_free_bytes",
                 "hearthmail_certificate_remaining_seconds", "hearthmail_connections"):
        verdict(name in m and m[name]["samples"], f"metric {name}", sorted(m))
    stored = m["hearthmail_mail"]["samples"].get(("hearthmail_mail_total", (("event", "stored"),)))
    verdict(stored and stored >= 1, "metrics-count-mail", m["hearthmail_mail"])
    verdict("anna" not in text and "ben" not in re.findall(r'"([^"]*)"', text), "metrics-name-nobody", text)
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    c.request("GET", "/metrics", headers={"Host": f"127.0.0.1:{port}"})
    r = c.getresponse()
    here = parse(r.read().decode())
    verdict(r.status == 200 and here.keys() == m.keys(), "metrics-on-a-port-of-its-own", r.status)
    for path, host in (("/", "127.0.0.1"), ("/admin", "127.0.0.1"), ("/sign-in", HOST), ("/metrics", "evil.test")):
        c.request("GET", path, headers={"Host": host})
        r = c.getresponse()
        r.read()
        verdict(r.status == 404, f"nothing-else-there {path} {host}", r.status)
    c.close()


def messages():
    """{name: number} of ipc/proto.h."""
    text = re.sub(r"/\*.*?\*/", "", open(os.path.join(TOP, "lib/ipc/proto.h")).read(), flags=re.S)
    names = re.findall(r"^\t([A-Z_]+)(?: = 16)?,", text, re.M)
    return {name: 16 + i for i, name in enumerate(names)}


def text_field(s):
    return struct.pack(">I", len(s)) + s.encode()


def send_on_lines(pid, kind, fields, supervisor=False):
    """What a process that was taken over could say on each of its lines, or to the supervisor."""
    fds = borrow(pid)
    for n, fd in fds.items():
        s = socket_of(fd, socket.SOCK_SEQPACKET)
        if s and (n == 3) == supervisor:
            try:
                s.send(struct.pack(">HHIq", kind, 0, 7, 0) + fields, socket.MSG_DONTWAIT)
            except OSError:
                pass
            s.close()
    give_back(fds)


def taken_over(h, b):
    """It cannot set a password, make one, or have keys changed: auth says who asked."""
    if os.geteuid() != 0:
        skip("taken-over", "needs root to borrow descriptors")
        return
    number = messages()
    fields = text_field("anna") + text_field("stolen by the admin 17") + b"\1"
    for what in ("CMD_PASSWD", "CMD_APP_ADD", "CMD_APP_LIST", "CMD_DKIM", "CMD_WEB_LOGIN", "AUTH_SIGN"):
        wait_until(lambda: b.ask("/admin/queue")[0] == 200)
        seen = h.log().count("process.accused process=admin")
        send_on_lines(h.pids("admin")[0], number[what], fields)
        verdict(wait_until(lambda: h.log().count("process.accused process=admin") > seen), f"accused of {what}",
                h.log()[-1500:])
    verdict(Browser(h).sign_in("anna", "stolen by the admin 17")[0] == 403 and
            Browser(h).sign_in("anna")[0] == 303, "password-is-as-before")
    verdict(h.command("app-password", "anna").stdout == "no app passwords\n", "no-app-password-was-made")
    verdict(wait_until(lambda: b.ask("/admin/queue")[0] == 200), "and-the-next-one-serves")
    # web has figures only, admin no figures; others have nothing.
    for process, what in (("web", 0), ("web", 1), ("admin", 5), ("smtp", 0), ("history", 5)):
        pid = h.pids(process)[0]
        send_on_lines(pid, number["CTL_ERRAND"], struct.pack(">BQ", what, 0), supervisor=True)
        verdict(wait_until(lambda: f"errand.forbidden process={process} pid={pid} " in h.log() and
                           pid not in h.processes()), f"no-errand-for {process} {what}", h.log()[-800:])
        if process == "admin":
            wait_until(lambda: b.ask("/admin/queue")[0] == 200)
        wait_until(lambda: h.pids(process))
    verdict(wait_until(lambda: b.ask("/admin/queue")[0] == 200), "all-of-them-come-back")


def many_scrapes(h, port):
    """They share what is printed once a second at most."""
    def one(n):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        c.request("GET", "/metrics", headers={"Host": "localhost"})
        r = c.getresponse()
        found[n] = (r.status, len(r.read()) > 1000)
        c.close()
    found = {}
    threads = [threading.Thread(target=one, args=(n,)) for n in range(30)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    verdict(list(found.values()) == [(200, True)] * 30, "many-scrapes", found)


def alone():
    """A port for monitoring needs no other of the web; what the commands print themselves."""
    port, other = free_ports(2)
    with House(extra=f"metrics: {{ listen: {port} }}\n") as h:
        def get(p):
            try:
                c = http.client.HTTPConnection("127.0.0.1", p, timeout=300)
                c.request("GET", "/metrics", headers={"Host": "[::1]"})
                return c.getresponse().status
            except OSError:
                return 0
        verdict(get(port) == 200, "metrics-alone")
        h.extra = f"metrics: {{ listen: {other} }}\n"
        h.write_config()
        h.command("reload")
        verdict(wait_until(lambda: get(other) == 200), "metrics-after-a-reload")
        r = h.command("status", "--metrics")
        verdict("hearthmail_well" in parse(r.stdout) and r.stderr == "", "status-metrics", r)
        r = h.command("check", "--json")
        j = json.loads(r.stdout)
        verdict(r.returncode == 0 and j["fine"] and j["file"] == h.config and "hostname: mail.home.test" in j["text"] and
                "who gets which mail" in j["output"] and j["findings"] == [], "check-json", r)
        h.extra = "metrics: { token: abcdefghijklmnopqr }\n"
        h.write_config()
        verdict("WARNING: metrics.token is of no use" in h.command("check").stdout, "check-warns-of-a-token")
        for words in (("status", "--json", "--metrics"), ("check", "--json", "--paths")):
            verdict(h.command(*words).returncode == 2, f"usage {words}")
        h.extra = "password: hunter2\nmetrics: { token: short }\n"
        h.write_config()
        r = h.command("check", "--json")
        j = json.loads(r.stdout)
        lines = h.yaml().splitlines()
        at = {f["line"]: f["text"] for f in j["findings"]}
        verdict(r.returncode == 78 and not j["fine"] and 'unknown key "password"' in
                at.get(lines.index("password: hunter2") + 1, "") and "16 to 256" in at.get(len(lines), ""),
                "check-json-findings", r)
        verdict("hunter2" not in r.stdout and "short" not in r.stdout, "check-json-hides-secrets", r.stdout)


def without_certificate():
    """Monitoring is there when mail programs find no port."""
    port = free_ports(1)[0]
    missing = "/nonexistent/cert.pem"
    with House(extra=f"metrics: {{ listen: {port} }}\ntls: {{ certificate: {missing}, key: {missing} }}\n") as h:
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        c.request("GET", "/metrics", headers={"Host": "mail.home.test"})
        r = c.getresponse()
        m = parse(r.read().decode())
        c.close()
        verdict(r.status == 200 and m["hearthmail_well"]["samples"][("hearthmail_well", ())] == 0 and
                not h.pids("imap"), "metrics-without-a-certificate", (r.status, h.processes()))


def main():
    port = free_ports(1)[0]
    extra = f'admins: [ben]\nmetrics: {{ listen: "127.0.0.1:{port}", token: {TOKEN} }}\nrelay: {{ host: 127.0.0.1, port: {free_ports(1)[0]}, tls: off }}\n'
    with House(web=True, extra=extra) as h:
        verdict(not h.pids("admin"), "not-there-before-anybody-comes", h.processes())
        others(h)
        verdict(not h.pids("admin"), "not-there-for-others", h.processes())
        b = signed_in(h, "ben")
        status_page(h, b)
        verdict(len(h.pids("admin")) == 1, "there-when-it-is-needed", h.processes())
        queue_pages(h, b)
        trace_pages(h, b)
        other_pages(h, b)
        metrics(h, port)
        many_scrapes(h, port)
        # It may die: the next visitor has a new one.
        h.kill("admin")
        status = wait_until(lambda: b.ask("/admin/queue")[0] == 200)
        verdict(status, "comes-back")
        owner(h)
        findings(h, b)
        verdict("process.accused" not in h.log(), "nobody-is-accused", h.log()[-2000:])
        taken_over(h, b)
    alone()
    without_certificate()
    finish()


if __name__ == "__main__":
    main()
