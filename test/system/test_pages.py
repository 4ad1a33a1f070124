#!/usr/bin/env python3
"""The account's pages in a real browser: test/browser/pages.mjs drives Debian's Chromium; what it
cannot see, a mail program's login and what a QR code says, is answered from here.

  test_pages.py [--keep FOLDER]     the screenshots stay there
"""
import email
import imaplib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from house import PASSWORD, TOP, House, finish, lacking, skip, verdict, wait_until, wide

HOST = "mail.home.test"
FETCH_S = 120
STING = """"'><img src=x onerror=stung=1><script>stung=1</script><b>&lt;"""
SCRIPT = os.path.join(TOP, "test/browser/pages.mjs")


def modules():
    """The folder with what the script needs; None, and a reason, if it cannot be fetched."""
    folder = os.path.join(TOP, "build-test/browser")
    wanted = open(os.path.join(TOP, "test/browser/package.json")).read()
    mark = os.path.join(folder, "fetched.json")
    if os.path.exists(mark) and open(mark).read() == wanted:
        return folder, ""
    if not shutil.which("npm"):
        return None, "npm is not installed"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    shutil.copy(os.path.join(TOP, "test/browser/package.json"), folder)
    try:
        r = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock",
                            "--loglevel=error"], cwd=folder, capture_output=True, text=True, timeout=FETCH_S)
    except subprocess.TimeoutExpired:
        return None, "npm does not get what test/browser/package.json names"
    if r.returncode:
        return None, "npm does not get what test/browser/package.json names: " + r.stderr.strip()[:200]
    with open(mark, "w") as f:
        f.write(wanted)
    return folder, ""


def put_mail(h):
    """Two that anna has deleted, and one of ben's own."""
    m = h.imap("anna")
    for subject in ("Lost <b>& found</b>", "Old news"):
        h.deliver("anna", subject=subject, sender="zoe@example.test")
    h.deliver("ben", subject="Ben's own", sender="zoe@example.test")
    wait_until(lambda: m.select("INBOX")[1][0] == b"2")
    m.store("1:*", "+FLAGS", r"\Deleted")
    m.expunge()
    m.logout()


def put_markup(h):
    """Wherever mail has room for it."""
    folder = '"' + STING.replace('"', "").replace("&", "") + '"'
    m = h.imap("anna")
    m.create(folder)
    m.append(folder, None, None, f"From: \"{STING[2:]}\" <x@example.test>\r\nSubject: {STING}\r\n\r\nx\r\n".encode())
    m.select(folder)
    m.store("1:*", "+FLAGS", r"\Deleted")
    m.expunge()
    m.logout()
    h.command("sieve", "anna", "put", STING, input="keep;\n")
    h.command("sieve", "anna", "activate", STING)
    h.deliver("anna", subject=STING, sender='"<img>"@example.test')


def may_log_in(h, password):
    try:
        h.imap("anna@home.test", password, tls=False).logout()
        return "yes"
    except imaplib.IMAP4.error:
        return "no"


def link_in_letter(h):
    """What ben is asked to open."""
    m = h.imap("ben")
    m.select("INBOX", readonly=True)
    found = m.search(None, "SUBJECT", "Forwarding")[1][0].split()
    data = m.fetch(found[-1], "(BODY.PEEK[])")[1][0][1] if found else b""
    m.logout()
    text = email.message_from_bytes(data).get_payload(decode=True).decode() if found else ""
    link = re.search(r"https://\S+/confirm/\w+", text)
    return link.group(0) if link else ""


def answer(h, what, value):
    if what == "login":
        return may_log_in(h, value)
    if what == "scan":
        return subprocess.run(["zbarimg", "-q", "--raw", value], capture_output=True, text=True).stdout.strip()
    if what == "queue":
        s = h.submit("ben")
        s.sendmail("ben@home.test", ["ben@elsewhere.test"], f"From: ben@home.test\r\nSubject: {STING}\r\n\r\nx\r\n")
        s.quit()
        wait_until(lambda: h.command("queue", "list").stdout.startswith("1 message"))
    if what == "retried":
        return "yes" if h.logged(r'admin\.act account=ben peer=127\.0\.0\.1 session=\d+ action="retry"') else "no"
    if what == "sting":
        put_markup(h)
    if what == "letter":
        return wait_until(lambda: link_in_letter(h))
    if what == "found":
        return "yes" if h.count("anna") == 1 else "no"
    return ""


def drive(h, folder, browser, found):
    p = subprocess.Popen(["node", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, env=dict(os.environ, PAGES=json.dumps({
                             "host": HOST, "port": h.port["https"], "password": PASSWORD, "others": PASSWORD, "folder": folder,
                             "modules": found, "browser": browser, "sting": STING})))
    seen, rest = 0, ""
    for line in p.stdout:
        if (m := re.match(r"(PASS|FAIL) (\S+?)(?:: (.*))?$", line)):
            seen += 1
            verdict(m.group(1) == "PASS", m.group(2), m.group(3) or "")
        elif (m := re.match(r"ASK (\S+) (.*)$", line)):
            p.stdin.write(answer(h, m.group(1), m.group(2)) + "\n")
            p.stdin.flush()
        else:
            rest += line
    verdict(p.wait() == 0 and seen > 30, "all-of-it-ran", rest)


def quick(h):
    """Server time of a page, by its own log: the fastest of each, since the machine is not ours alone."""
    took = {}
    for path, ms in re.findall(r" page account=anna method=GET path=(\S+) .* ms=(\d+)", h.log()):
        took.setdefault(path.strip('"'), []).append(int(ms))
    verdict(len(took) > 5 and all(min(v) < wide(20) for v in took.values()), "a-page-in-20-ms", took)


def main():
    if lacking("all", "zbarimg"):
        finish()
    browser = shutil.which("chromium")
    if not browser or not shutil.which("node"):
        skip("all", "chromium or node is not installed; etc/setup test installs them")
        finish()
    found, why = modules()
    if not found:
        skip("all", why)
        finish()
    keep = sys.argv[sys.argv.index("--keep") + 1] if "--keep" in sys.argv else None
    folder = keep or tempfile.mkdtemp(prefix="hm-pages.")
    os.makedirs(folder, exist_ok=True)
    start = time.monotonic()
    with House(web=True, debug=True, extra="history: { subjects: on }\nadmins: [ben]\n") as h:
        put_mail(h)
        drive(h, folder, browser, found)
        quick(h)
    print(f"# {time.monotonic() - start:.0f} s")
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    finish()


main()
