#!/usr/bin/env python3
"""Signing in on the web: sessions, the second factor, limits, forms of other sites, processes that die."""
import base64
import hashlib
import hmac
import http.client
import os
import re
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

    def ask(self, path, form=None, fields=(), method=None, timeout=120):
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
        m = re.search(r'name="csrf" value="([^"]+)"', text)
        self.csrf = m.group(1) if m else self.csrf
        c.close()
        self.fields = r.headers
        return r.status, r.headers.get("Location", ""), text

    def sign_in(self, name="anna", password=PASSWORD, **more):
        return self.ask("/sign-in", {"name": name, "password": password, **more})

    def post(self, path, **form):
        return self.ask(path, {"csrf": self.csrf, **form})


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
        c = http.client.HTTPSConnection("127.0.0.1", h.port["https"], timeout=120, context=context(h))
        c.request("POST", "/sign-in", body, {"Host": HOST, "Content-Type": kind or "application/x-www-form-urlencoded"})
        status = c.getresponse().status
        verdict(status == want, f"bad-form {body[:20]} {kind}", status)
        c.close()


def main():
    with House(users=["anna", "ben", "cleo"], web=True, extra="admins: [ben]\n") as h:
        way_in(h)
        way_out(h)
        elsewhere(h)
    finish()


if __name__ == "__main__":
    main()
