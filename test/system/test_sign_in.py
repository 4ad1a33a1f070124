#!/usr/bin/env python3
"""Signing in on the web: sessions, the second factor, limits, forms of other sites, processes that die."""
import base64
import hashlib
import hmac
import http.client
import os
import re
import signal
import socket
import struct
import threading
import time
import urllib.parse

from house import PASSWORD, House, finish, verdict, wait_until

HOST = "mail.home.test"
SESSION = "__Host-hearthmail"
BROWSER = "__Host-hearthmail-browser"


class Browser:
    """Keeps cookies, sends forms as a browser does, follows nothing by itself."""

    def __init__(self, h, peer="127.0.0.1"):
        self.h = h
        self.peer = peer
        self.cookies = {}
        self.csrf = ""

    def ask(self, path, form=None, fields=(), method=None, timeout=300):
        c = http.client.HTTPSConnection("127.0.0.1", self.h.port["https"], timeout=timeout, context=context(self.h),
                                        source_address=(self.peer, 0))
        head = {"Host": f"{HOST}:{self.h.port['https']}", "User-Agent": "Test/1.0", "Accept-Language": "en"}
        if self.cookies:
            head["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            head["Content-Type"] = "application/x-www-form-urlencoded"
            head["Origin"] = f"https://{HOST}:{self.h.port['https']}"
            head["Sec-Fetch-Site"] = "same-origin"
        head.update(dict(fields))
        head = {k: v for k, v in head.items() if v is not None}
        c.request(method or ("GET" if form is None else "POST"), path, body, head)
        r = c.getresponse()
        text = r.read().decode()
        for line in r.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            if "Max-Age=0" in line:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        self.text = text
        m = re.search(r'name="csrf" value="([^"]+)"', text)
        self.csrf = m.group(1) if m else self.csrf
        c.close()
        self.fields = r.headers
        return r.status, r.headers.get("Location", ""), text

    def sign_in(self, name="anna", password=PASSWORD, **more):
        return self.ask("/sign-in", {"name": name, "password": password, **more})

    def post(self, path, **form):
        """The form that the last page has for that path, with what is hidden in it."""
        hidden = {"csrf": self.csrf}
        for inside in re.findall(rf'<form method="post" action="{path}">(.*?)</form>', self.text, re.S):
            hidden.update(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', inside))
        return self.follow(*self.ask(path, {**hidden, **form}))

    def follow(self, status, to, text):
        """As far as it leads; the status is the first one."""
        at, self.text = to, text
        while at.startswith("/") and not at.startswith("/sign-in"):
            _, at, self.text = self.ask(at)
        return status, to, self.text


def context(h):
    c = h.tls()
    c.check_hostname = False  # the address is dialled, the name is in Host
    return c


def signed_in(h, name="anna", **more):
    b = Browser(h, **more)
    status, _, text = b.sign_in(name)
    assert status == 303, text
    return b


def way_in(h):
    b = Browser(h)
    status, to, _ = b.ask("/home?x=1")
    verdict((status, to) == (303, "/sign-in?to=%2Fhome%3Fx%3D1"), "strangers-are-led-to-the-form", (status, to))
    status, _, text = b.ask(to)
    verdict(status == 200 and 'name="to" value="/home?x=1"' in text and 'type="password"' in text and
            "<script" not in text, "form", text)
    for bad in ("//elsewhere.test/", "https://elsewhere.test/", "/\\elsewhere.test", "elsewhere", "/a\r\nb", "/\t/x"):
        status, _, text = b.ask("/sign-in?to=" + urllib.parse.quote(bad))
        verdict(status == 200 and "elsewhere" not in text, f"no-open-redirect {bad!r}", text)
        status, to, _ = Browser(h).sign_in(to=bad)
        verdict((status, to) == (303, "/sign-in?done=in&to=%2Fhome"), f"no-open-redirect-behind-it {bad!r}", to)
    status, _, text = b.sign_in(password="wrong horse")
    verdict(status == 403 and "This name or password is wrong." in text and 'value="anna"' in text and
            "wrong horse" not in text and SESSION not in b.cookies, "wrong-password", (status, text))
    status, _, other = Browser(h).sign_in("nobody", "wrong horse")
    verdict(status == 403 and other.replace("nobody", "anna") == text.replace("/home?x=1", ""), "unknown-name-is-alike",
            other)
    for form in ({"name": "anna"}, {"password": "x"}, {}, {"name": "", "password": ""}):
        status, _, text = b.ask("/sign-in", form)
        verdict(status == 422 and "Enter your name" in text, f"incomplete {form}", status)
    status, to, _ = b.sign_in("anna@home.test", to="/home?x=1")
    verdict((status, to) == (303, "/sign-in?done=in&to=%2Fhome%3Fx%3D1"), "signs-in-by-address", (status, to))
    lines = b.fields.get_all("Set-Cookie")
    verdict(len(lines) == 2 and all(re.fullmatch(
        r"__Host-hearthmail(-browser)?=[\w-]{32,62}; Path=/; HttpOnly; SameSite=Lax; Secure(; Max-Age=31536000)?", c)
        for c in lines) and "Max-Age" not in lines[0], "cookies", lines)
    verdict(b.fields["Cache-Control"] == "no-store", "no-store", b.fields)
    verdict(b.ask(to)[:2] == (303, "/home?x=1"), "cookie-was-kept", to)
    lost = Browser(h)
    status, _, text = lost.ask(to)
    verdict(status == 200 and "did not keep the cookie" in text, "cookie-was-not-kept", text)
    status, _, text = b.ask("/home")
    verdict(status == 200 and "anna" in text and b.fields["Cache-Control"] == "no-store" and
            b.fields["Referrer-Policy"] == "same-origin" and "script" not in b.fields["Content-Security-Policy"],
            "home", (status, text, b.fields))
    status, _, text = b.ask("/home", method="HEAD")
    verdict(status == 200 and text == "" and int(b.fields["Content-Length"]) > 100, "head", b.fields)
    for path in ("/home/nothing", "/admin-page", "/index.php", "/sign-out"):
        verdict(b.ask(path)[0] in (404, 405), f"unknown {path}", path)
    status, _, text = b.ask("/admin")
    verdict(status == 403 and "admins" in text, "admin-is-not-for-all", (status, text))
    german = Browser(h).ask("/sign-in", fields={"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"})[2]
    verdict('lang="de"' in german and "Anmelden" in german, "german", german)


def way_out(h):
    b = signed_in(h)
    stolen = Browser(h)
    stolen.cookies = dict(b.cookies)
    verdict(stolen.ask("/home")[0] == 200, "cookie-is-the-session")
    status, to, _ = b.post("/sign-out")
    verdict((status, to) == (303, "/sign-in?done=out") and SESSION not in b.cookies, "sign-out", (status, to, b.cookies))
    status, to, _ = stolen.ask("/home")
    verdict(status == 303 and to.startswith("/sign-in") and SESSION not in stolen.cookies, "stolen-cookie-is-void",
            (status, to))
    for value in ("", "x", "A" * 32, "A" * 63, "A" * 64, "A" * 5000, "a;b", '"' + "A" * 32 + '"', "\xff" * 32):
        b.cookies = {SESSION: value}
        status, to, _ = b.ask("/home")
        verdict(status == 303 and to.startswith("/sign-in"), f"made-up-cookie {value[:40]!r}", (status, to))
    b.cookies = {"hearthmail": "A" * 32}
    verdict(b.ask("/home")[0] == 303, "cookie-of-the-other-name")


def twice(h):
    """Who signs in again has one session, not two."""
    b = signed_in(h)
    stolen = Browser(h)
    stolen.cookies = dict(b.cookies)
    verdict(b.sign_in()[0] == 303 and b.cookies[SESSION] != stolen.cookies[SESSION], "another-session")
    verdict(b.ask("/home")[0] == 200 and stolen.ask("/home")[0] == 303, "the-one-before-has-ended")


def elsewhere(h):
    b = signed_in(h)
    b.ask("/home")
    here = f"https://{HOST}:{h.port['https']}"
    for name, fields in (
            ("origin", {"Origin": "https://elsewhere.test", "Sec-Fetch-Site": None}),
            ("origin-null", {"Origin": "null", "Sec-Fetch-Site": None}),
            ("origin-http", {"Origin": here.replace("https", "http", 1), "Sec-Fetch-Site": None}),
            ("origin-port", {"Origin": f"https://{HOST}:1", "Sec-Fetch-Site": None}),
            ("origin-longer", {"Origin": here + ".elsewhere.test", "Sec-Fetch-Site": None}),
            ("cross-site", {"Origin": None, "Sec-Fetch-Site": "cross-site"}),
            ("same-site", {"Origin": here, "Sec-Fetch-Site": "same-site"})):
        status, _, text = Browser(h).ask("/sign-in", {"name": "anna", "password": PASSWORD}, fields)
        verdict(status == 403 and "Another site" in text, f"login-csrf {name}", (status, text))
        status, _, text = b.ask("/sign-out", {"csrf": b.csrf}, fields)
        verdict(status == 403 and b.ask("/home")[0] == 200, f"sign-out-csrf {name}", status)
        status, _, text = b.ask("/devices/add", {"csrf": b.csrf, "label": "x"}, fields)
        verdict(status == 403, f"form-csrf {name}", status)
    status, _, _ = Browser(h).ask("/sign-in", {"name": "anna", "password": PASSWORD},
                                  {"Origin": None, "Sec-Fetch-Site": None})
    verdict(status == 303, "not-a-browser", status)
    status, _, _ = Browser(h).ask("/sign-in", {"name": "anna", "password": PASSWORD},
                                  {"Origin": "null", "Sec-Fetch-Site": "same-origin"})
    verdict(status == 303, "origin-kept-back", status)
    for body, kind, want in (("{}", "application/json", 415), ("name=a%00&password=b", None, 422),
                             ("x=" + "y" * 40000, None, 413), ("name=%zz&password=%", None, 422),
                             ("name=" + "n" * 400 + "&password=x", None, 422)):
        c = http.client.HTTPSConnection("127.0.0.1", h.port["https"], timeout=300, context=context(h))
        c.request("POST", "/sign-in", body, {"Host": HOST, "Content-Type": kind or "application/x-www-form-urlencoded"})
        status = c.getresponse().status
        verdict(status == want, f"bad-form {body[:20]} {kind}", status)
        c.close()


def totp(secret, ahead=0):
    """The code of now, [RFC 6238]."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + ahead), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at:at + 4], 'big') & 0x7fffffff) % 1000000:06}"


def second_factor(h):
    b = signed_in(h, "cleo")
    other = signed_in(h, "cleo")
    b.ask("/second-factor")
    _, _, text = b.post("/second-factor/begin")
    secret = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", text)
    verdict(secret, "secret-is-shown", text)
    secret = secret.group(0).replace(" ", "")
    status, _, text = b.post("/second-factor/confirm", otp="000000")
    verdict(status == 422 and "This code is wrong" in text and other.ask("/home")[0] == 200, "wrong-code-turns-nothing-on", status)
    first = totp(secret)
    _, _, text = b.post("/second-factor/confirm", otp=first)
    codes = re.findall(r"[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}", text)
    verdict(len(set(codes)) == 10, "recovery-codes", text)
    verdict(other.ask("/home")[0] == 303 and b.ask("/home")[0] == 200, "other-sessions-end")
    n = Browser(h)
    status, _, text = n.sign_in("cleo")
    step = re.search(r'name="step" value="([\w-]+)"', text)
    verdict(status == 200 and step and SESSION not in n.cookies and PASSWORD not in text and
            'autocomplete="one-time-code"' in text and 'autocomplete="username"' in text and
            n.fields["Cache-Control"] == "no-store", "asks-for-a-code", (status, text))
    status, _, text = n.ask("/sign-in", {"name": "cleo", "step": step.group(1), "otp": first})
    verdict(status == 403 and "wrong, or was used" in text and step.group(1) in text, "code-of-setting-up-is-used",
            (status, text))
    code = totp(secret, 1)
    spaced = f" {code[:3]} {code[3:]} "
    status, to, text = n.ask("/sign-in", {"name": "cleo", "step": step.group(1), "otp": spaced, "to": "/sessions"})
    verdict(status == 303 and to.endswith("=%2Fsessions") and n.ask("/home")[0] == 200, "code", (status, to, text))
    status, _, text = n.ask("/sign-in", {"name": "cleo", "step": step.group(1), "otp": spaced})
    verdict(status == 403 and "took too long" in text, "step-is-over", (status, text))

    def with_code(code, times=1):
        m = Browser(h)
        for _ in range(times):
            found = re.search(r'name="step" value="([\w-]+)"', m.sign_in("cleo")[2])
            if not found:
                return 0, m.text
            status, _, text = m.ask("/sign-in", {"step": found.group(1), "otp": code})
        return status, text
    verdict(with_code(code)[0] == 403, "code-is-used-once")
    verdict(with_code(codes[0].upper().replace("-", " "))[0] == 303, "recovery-code")
    verdict(with_code(codes[0])[0] == 403, "recovery-code-is-used-once")
    h.restart()
    verdict(with_code(code)[0] == 403, "a-restart-forgets-no-code")
    verdict(with_code(codes[1])[0] == 303, "a-restart-keeps-the-second-factor")
    got = [with_code(f"{i:06}") for i in range(8)]
    verdict([g[0] for g in got] == [403] * 4 + [429] * 4 or [g[0] for g in got][-2:] == [429] * 2, "codes-are-few",
            [g[0] for g in got])
    verdict("ten minutes" in got[-1][1], "codes-are-few-and-it-says-so", got[-1][1])
    m = h.imap("cleo")
    verdict(m.noop()[0] == "OK", "imap-is-not-asked-for-codes")
    m.logout()
    for words, rc, said in ((("totp", "cleo", "--off"), 0, "password alone"), (("totp", "cleo", "--off"), 1, "is off"),
                            (("totp", "zoe", "--off"), 1, "no account")):
        r = h.command(*words)
        verdict(r.returncode == rc and said in r.stdout + r.stderr, " ".join(words) + f" {rc}", r)
    verdict(Browser(h).sign_in("cleo")[0] == 303, "off-by-command")


def admin_link(h):
    r = h.command("web", "login")
    m = re.fullmatch(rf"https://{HOST}:{h.port['https']}(/web-login/[\w-]{{32}})\n", r.stdout)
    verdict(r.returncode == 0 and m, "web-login", r)
    path = m.group(1)
    b = Browser(h)
    for method in ("GET", "GET", "HEAD"):
        status, _, text = b.ask(path, method=method)
        verdict(status == 200 and not b.cookies, f"looking-spends-nothing {method}", status)
    status, _, _ = b.ask(path, {}, {"Origin": "https://elsewhere.test"})
    verdict(status == 403, "link-from-elsewhere", status)
    status, to, _ = b.ask(path, {})
    verdict(status == 303 and "admin" in to and set(b.cookies) == {SESSION}, "pressed", (status, to, b.cookies))
    status, _, text = Browser(h).ask(path, {})
    verdict(status == 410 and "used already" in text, "link-is-used-once", (status, text))
    verdict(b.ask("/home")[0] == 403, "owner-has-no-account")
    for bad in ("x", "A" * 32, "A" * 63, "A" * 70, "a/b"):
        verdict(Browser(h).ask(f"/web-login/{bad}", {})[0] in (404, 410), f"made-up-link {bad[:20]}")
    verdict("/web-login/" + path[-32:] not in h.log(), "link-is-not-logged")


def changes(h):
    """What ends sessions."""
    b, other = signed_in(h, "ben"), signed_in(h, "ben")
    m = h.imap("ben")
    b.ask("/password")
    status, to, text = b.ask("/password", {"csrf": "x" * 32, "old": PASSWORD, "new": "another horse", "again": "another horse"})
    verdict(status != 303 or "done" not in to, "csrf-is-checked", (status, to))
    verdict(other.ask("/home")[0] == 200, "csrf-nothing-was-done")
    form = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* type="(password)"', b.ask("/password")[2])) or \
        dict(re.findall(r'type="password"[^>]* name="(\w+)"()', b.ask("/password")[2]))
    names = list(form)
    verdict(len(names) == 3, "password-form", names)
    old, new, again = names
    status, to, text = b.post("/password", **{old: "not it", new: "another horse", again: "another horse"})
    verdict(status != 303 and "not your password" in text, "old-password-is-asked", (status, text))
    status, to, text = b.post("/password", **{old: PASSWORD, new: "another horse", again: "another horse"})
    verdict(status == 303, "password-is-changed", (status, text))
    verdict(b.ask("/home")[0] == 200 and other.ask("/home")[0] == 303, "other-sessions-end-with-the-password")
    verdict(wait_until(lambda: ended(m)), "imap-sessions-end-with-the-password")
    verdict(Browser(h).sign_in("ben")[0] == 403, "old-password-is-void")
    r = h.command("passwd", "ben", "--stdin", input=PASSWORD + "\n")
    verdict(r.returncode == 0 and b.ask("/home")[0] == 303, "passwd-ends-all", r)
    b = signed_in(h, "ben")
    app = h.command("app-password", "ben", "phone").stdout.strip()
    verdict(Browser(h).sign_in("ben", app)[0] == 403, "app-passwords-are-not-for-the-web")
    h.imap("ben", app).logout()
    text = b.ask("/sessions")[2]
    verdict("phone" in text and "Test/1.0" in text and "127.0.0.1" in text, "logins-are-listed", text)
    h.users.remove("ben")
    extra, h.extra = h.extra, ""
    h.write_config()
    r = h.command("reload")
    verdict(r.returncode == 0 and wait_until(lambda: b.ask("/home")[0] == 303), "removed-account-is-signed-out", r)
    h.users.append("ben")
    h.extra = extra
    h.write_config()
    h.command("reload")


def ended(m):
    try:
        m.noop()
        return False
    except Exception:
        return True


def limits(h):
    """Who guesses keeps nobody out."""
    m = h.imap("anna")  # the network is known then
    m.logout()
    b = signed_in(h, "anna")
    known = Browser(h, "127.77.0.1")
    known.cookies = {BROWSER: b.cookies[BROWSER]}
    before = time.time()
    statuses = []

    def guess(i):
        g = Browser(h, f"127.66.{i % 200}.1")
        for j in range(10):
            statuses.append(g.sign_in("anna", f"guess number {i} {j}")[0])
    threads = [threading.Thread(target=guess, args=(i,)) for i in range(100)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    verdict(len(statuses) == 1000 and set(statuses) <= {403, 429} and 429 in statuses, "guesses",
            {s: statuses.count(s) for s in set(statuses)})
    verdict(known.sign_in("anna")[0] == 303, "known-browser-signs-in")
    verdict(Browser(h).sign_in("anna")[0] == 303, "known-network-signs-in")
    h.imap("anna").logout()
    verdict(True, "imap-of-a-known-address-logs-in", f"{time.time() - before:.0f} s")
    g = Browser(h, "127.88.0.1")
    same = [g.sign_in("ben", "the same wrong one")[0] for _ in range(30)]
    verdict(same == [403] * 30, "the-same-wrong-password-counts-once", same)


def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def deaths(h):
    b = signed_in(h)
    for label in ("account", "keeper"):
        h.kill(label)
        status, _, text = b.ask("/home")
        verdict(status in (200, 503), f"{label}-dies", (status, text))
        verdict(wait_until(lambda: b.ask("/home")[0] == 200), f"{label}-is-back")
    h.kill("auth")
    status, to, _ = b.ask("/home")
    verdict(status == 303 and to.startswith("/sign-in"), "auth-dies-and-sessions-end", (status, to))
    b = signed_in(h)
    for label in ("account anna", "keeper"):
        pids = h.kill(label, signal.SIGSTOP)
        got = []
        t = threading.Thread(target=lambda: got.append(b.ask("/home")))
        t.start()
        other = Browser(h).ask("/sign-in")[0]
        verdict(other == 200, f"{label}-hangs-and-others-go-on", other)
        if label != "keeper":  # nobody waits for ever
            t.join(60)
            verdict(got and got[0][0] in (200, 503), f"{label}-hangs-and-it-is-said", got)
        for p in pids:
            end(int(p))
        t.join()
        verdict(got and got[0][0] in (200, 503), f"{label}-is-killed-with-a-page-in-hand", got)
        verdict(wait_until(lambda: b.ask("/home")[0] == 200), f"{label}-is-back-again")


def many(h):
    b = signed_in(h)
    b.ask("/home")
    ask = f"GET /home HTTP/1.1\r\nHost: {HOST}\r\nCookie: {SESSION}={b.cookies[SESSION]}\r\n\r\n".encode()
    tls = context(h)
    conns = [tls.wrap_socket(socket.create_connection(("127.0.0.1", h.port["https"])), server_hostname=HOST)
             for _ in range(200)]
    for c in conns:
        c.sendall(ask)
    got = [c.recv(20) for c in conns]
    for c in conns:
        c.close()
    verdict(got == [b"HTTP/1.1 200 OK\r\nDat"] * 200, "parallel-pages", {s: got.count(s) for s in set(got)})
    # One that asks for many pages and takes none, and one that leaves.
    raw = tls.wrap_socket(socket.create_connection(("127.0.0.1", h.port["https"])), server_hostname=HOST)
    raw.sendall(ask * 50)
    for _ in range(20):
        s = context(h).wrap_socket(socket.create_connection(("127.0.0.1", h.port["https"])), server_hostname=HOST)
        s.sendall(ask)
        s.close()
    verdict(b.ask("/home")[0] == 200, "a-slow-client-holds-nobody-up")
    text = b""
    while text.count(b"HTTP/1.1 200 OK") < 50:
        more = raw.recv(65536)
        if not more:
            break
        text += more
    verdict(text.count(b"HTTP/1.1 200 OK") == 50, "pipelined-pages", text.count(b"HTTP/1.1 200 OK"))
    raw.close()


def clear(h):
    """Without TLS: only a browser of this machine, and with other cookies."""
    def ask(path, host, form=None, cookie=None):
        c = http.client.HTTPConnection("127.0.0.1", h.port["http"], timeout=300)
        head = {"Host": host, **({"Cookie": cookie} if cookie else {})}
        if form is not None:
            head["Content-Type"] = "application/x-www-form-urlencoded"
        c.request("GET" if form is None else "POST", path, form and urllib.parse.urlencode(form), head)
        r = c.getresponse()
        r.read()
        return r.status, r.getheader("Set-Cookie") or ""
    form = {"name": "anna", "password": PASSWORD}
    for path in ("/sign-in", "/home", "/sign-out", "/admin", "/web-login/" + "A" * 32):
        for f in (None, form):
            status, cookie = ask(path, HOST, f)
            verdict(status in (308, 404, 405) and not cookie, f"not-without-tls {path} {f is not None}", (status, cookie))
    here = f"127.0.0.1:{h.port['http']}"
    verdict(ask("/sign-in", here)[0] == 200, "demo-without-tls")
    status, cookie = ask("/sign-in", here, form)
    verdict(status == 303 and cookie.startswith("hearthmail=") and "Secure" not in cookie, "demo-cookie", cookie)
    verdict(ask("/home", here, cookie=cookie.split(";")[0])[0] == 200, "demo-page")


def markup(h):
    """What a client says is text, wherever it is shown."""
    bad = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    for form, want in (({"name": bad, "password": "x"}, 403), ({"name": "x", "password": "y", "to": "/" + bad.replace(" ", "+")}, 403),
                       ({"step": "A" * 32, "name": bad, "otp": bad}, 403), ({"name": "\x01\x7f\u202e", "password": "x"}, 403),
                       ({"name": "a\r\nSet-Cookie: x=y", "password": "x"}, 403), ({"name": bad}, 422)):
        b = Browser(h)
        status, _, text = b.ask("/sign-in", form)
        verdict(status == want and "<script" not in text and "<img" not in text and not b.cookies, f"markup {form}",
                (status, text))
    for body in ("name=%ff%fe%00&password=x", "name=%c0%ae&password=x", "name=%ff&password=%ff"):
        c = http.client.HTTPSConnection("127.0.0.1", h.port["https"], timeout=300, context=context(h))
        c.request("POST", "/sign-in", body, {"Host": HOST, "Content-Type": "application/x-www-form-urlencoded"})
        status = c.getresponse().status
        verdict(status in (403, 422), f"not-utf-8 {body}", status)
        c.close()
    b = Browser(h)
    status, _, text = b.ask("/sign-in", {"name": "anna", "password": PASSWORD},
                            {"User-Agent": bad + "\xff" + "x" * 4000, "Accept-Language": bad})
    verdict(status == 303, "markup-as-browser", (status, text))
    status, _, text = b.ask("/sessions")
    verdict(status == 200 and "alert(1)" in text and "<script" not in text and "<img" not in text, "markup-in-sessions",
            text)
    b.ask("/devices")
    _, _, text = b.post("/devices/add", label=bad[:59], address="anna@home.test")
    text += b.ask("/devices")[2] + b.ask("/devices?done=" + urllib.parse.quote(bad))[2]
    verdict("alert(1)" in text and "<script" not in text and "<img" not in text, "markup-in-devices", text)


def main():
    with House(users=["anna", "ben", "cleo"], web=True, extra="admins: [ben]\n") as h:
        way_in(h)
        way_out(h)
        twice(h)
        elsewhere(h)
        markup(h)
        admin_link(h)
        changes(h)
        second_factor(h)
        clear(h)
        many(h)
        deaths(h)
        limits(h)
    finish()


if __name__ == "__main__":
    main()
