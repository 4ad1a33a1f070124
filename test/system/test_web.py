#!/usr/bin/env python3
"""The web process: routes, hosts and redirects by curl, requests that others read in two ways by raw
sockets, early answers, slow and many clients, names in TLS, certificates that change."""
import datetime
import json
import os
import re
import resource
import socket
import ssl
import subprocess
import time

from house import House, finish, lacking, verdict, wait_until, wide

HOST = "mail.home.test"


def curl(h, url, *words, host=HOST, tls=True):
    """Status, fields in lower case, body."""
    port = h.port["https" if tls else "http"]
    r = subprocess.run(
        ["curl", "-sS", "-i", "-m", "60", "--cacert", os.path.join(h.data, "tls/cert.pem"), "--resolve",
         f"{host}:{port}:127.0.0.1", *words, f"http{'s' * tls}://{host}:{port}{url}"],
        capture_output=True, text=True)
    head, _, body = r.stdout.replace("HTTP/1.1 100 Continue\n\n", "").partition("\n\n")
    lines = head.split("\n")
    if not lines[0].startswith("HTTP/1.1 "):
        return 0, {}, r.stdout + r.stderr
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return int(lines[0].split()[1]), fields, body


def answer(s):
    """One answer from a socket's file: status, fields, body; None: it has ended."""
    line = s.readline().decode("latin-1")
    if not line:
        return None
    fields = {}
    while (f := s.readline().decode("latin-1").strip()):
        fields[f.split(":")[0].lower()] = f.split(": ", 1)[-1]
    body = s.read(int(fields.get("content-length", 0)))
    return int(line.split()[1]), fields, body.decode("latin-1")


def talk(h, data, tls=False, limit=20):
    """All statuses that these bytes get, and whether the server closed behind them."""
    s = socket.create_connection(("127.0.0.1", h.port["https" if tls else "http"]), timeout=300)
    s.sendall(data)
    f = s.makefile("rb")
    got = []
    s.settimeout(2)
    try:
        while len(got) < limit and (a := answer(f)):
            got.append(a[0])
        closed = True
    except (TimeoutError, socket.timeout):
        closed = False
    f.close()
    s.close()
    return got, closed


def routes(h):
    status, fields, body = curl(h, "/.well-known/security.txt")
    verdict(status == 200 and fields["content-type"] == "text/plain; charset=utf-8", "security-txt", fields)
    expires = re.search(r"^Expires: (\S+)", body, re.M)
    ahead = datetime.datetime.strptime(expires.group(1), "%Y-%m-%dT%H:%M:%SZ") - datetime.datetime.utcnow()
    verdict(0 < ahead.days < 365 and f"Contact: mailto:postmaster@{HOST}\n" in body and
            f"Canonical: https://{HOST}/.well-known/security.txt\n" in body, "security-txt-is-valid", body)
    status, fields, _ = curl(h, "/.well-known/security.txt", "-I")
    verdict(status == 200 and fields["content-length"] == str(len(body) + body.count("\n")), "head", fields)
    for name, want in (("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
                       ("referrer-policy", "no-referrer")):
        verdict(fields.get(name) == want, f"strict-{name}", fields)
    policy = fields.get("content-security-policy", "")
    verdict("default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script" not in policy and
            "unsafe" not in policy, "strict-csp", policy)
    verdict("server" not in fields and "x-powered-by" not in fields, "does-not-say-what-it-is", fields)
    verdict("strict-transport-security" not in fields, "hsts-is-by-key", fields)
    status, fields, _ = curl(h, "/.well-known/security.txt", "-X", "DELETE")
    verdict(status == 405 and fields["allow"] == "get, head", "wrong-method", fields)
    for url in ("/.well-known/", "/.well-known/security.txt/", "/.well-known/security.txt.bak", "/../etc/passwd",
                "/%2e%2e/%2e%2e/etc/passwd", "/.well-known/Security.txt", "//", "/index.php?x=<script>"):
        status, _, body = curl(h, url, "--path-as-is")
        verdict(status == 404 and "script" not in body and "root" not in body, f"unknown {url}", (status, body))
    status, _, _ = curl(h, "/.well-known/security.txt", "-H", "Host: other.test")
    verdict(status == 404, "unknown-host", status)
    for host in (f"{HOST}.", f"{HOST}:443", f"{HOST.upper()}:1", "home.test"):
        status, _, _ = curl(h, "/.well-known/security.txt", "-H", f"Host: {host}")
        verdict(status == 200, f"host {host}", status)


AUTOCONFIG = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml", "/.well-known/mail-v1.xml")
OUTLOOK = """<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>
<EMailAddress>%s</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/\
responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>"""


def settings(h):
    """What mail programs ask, where they ask it; each answer is the same for everybody."""
    for host in ("autoconfig.home.test", "home.test", HOST):
        for path in AUTOCONFIG:
            for on in (True, False):
                got = [curl(h, path + q, "-H", f"Host: {host}:443", tls=on)
                       for q in ("", "?emailaddress=anna%40home.test", "?emailaddress=nobody@home.test",
                                 "?emailaddress=x@elsewhere.test&a=%zz", "?emailaddress=%00", "?emailaddress=" + "x" * 2000)]
                verdict(all(g[0] == 200 and g[1]["content-type"].startswith("text/xml") and g[2] == got[0][2] for g in got) and
                        f"<port>{h.port['imaps']}</port>" in got[0][2] and "<domain>home.test</domain>" in got[0][2],
                        f"autoconfig {host}{path} {'https' if on else 'http'}", [g[0] for g in got])
    for host in ("autodiscover.home.test", "home.test", HOST):
        for path in ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AUTODISCOVER/AUTODISCOVER.XML"):
            for on in (True, False):
                where = "-H", f"Host: {host}"
                known, unknown = (curl(h, path, *where, "-H", "Content-Type: text/xml", "-d", OUTLOOK % who, tls=on)
                                  for who in ("anna@home.test", "zoe@home.test"))
                verdict(known[0] == 200 and f"<Port>{h.port['imaps']}</Port>" in known[2] and
                        known[2].replace("anna@", "zoe@") == unknown[2], f"autodiscover {host}{path} {on}", known)
    got = curl(h, "/autodiscover/autodiscover.xml")
    verdict(got[0] == 200 and "<ErrorCode>600</ErrorCode>" in got[2], "autodiscover-get", got)
    got = curl(h, "/autodiscover/autodiscover.xml", "-u", "anna:wrong", "-d", OUTLOOK % "<b>&x@home.test")
    verdict(got[0] == 200 and "www-authenticate" not in got[1] and "<b>" not in got[2], "autodiscover-asks-for-no-login", got)
    verdict("wrong" not in h.log() and "login.fail" not in h.log(), "autodiscover-counts-no-login")
    got = curl(h, "/autodiscover/autodiscover.xml", "-d", "x" * 70000, "-H", "Expect:")
    verdict(got[0] == 413, "autodiscover-has-a-limit", got)
    got = curl(h, "/autodiscover/autodiscover.xml", "-d", OUTLOOK % "anna@home.test", "-H", "Transfer-Encoding: chunked")
    verdict(got[0] == 200 and "<Response" in got[2] and "ErrorCode" not in got[2], "autodiscover-chunked", got)
    got = curl(h, "/autodiscover/autodiscover.xml", "-X", "PUT", "-d", "x")
    verdict(got[0] == 405 and got[1]["allow"] == "get, head, post", "autodiscover-method", got)
    got = curl(h, "/AutoDiscover/autodiscover.json?Email=a@home.test&Protocol=AutoDiscoverV1")
    verdict(got[0] == 200 and json.loads(got[2])["Url"].endswith("/autodiscover/autodiscover.xml"), "autodiscover-json", got)
    got = curl(h, "/autodiscover/autodiscover.json/v1.0/a@home.test?Protocol=ActiveSync")
    verdict(got[0] == 404 and json.loads(got[2])["ErrorCode"], "autodiscover-json-of-another", got)
    got = curl(h, "/?address=<script>")
    verdict(got[0] == 200 and got[1]["content-type"] == "text/html; charset=utf-8" and "script" not in got[2] and
            str(h.port["imaps"]) in got[2], "page", got)
    for host in ("autoconfig.other.test", "other.test", "mta-sts.home.test", "autoconfig.autoconfig.home.test"):
        for path in (*AUTOCONFIG, "/autodiscover/autodiscover.xml", "/"):
            got = curl(h, path, "-H", f"Host: {host}")
            verdict(got[0] == 404, f"no-settings-at {host}{path}", got)


def clear(h):
    port = h.port["https"]
    status, fields, _ = curl(h, "/a?b=c%20d&e", tls=False)
    verdict(status == 308 and fields["location"] == f"https://{HOST}:{port}/a?b=c%20d&e", "redirects", fields)
    for host in ("other.test", "home.test", "mta-sts.home.test", "192.0.2.1", "127.other.test"):
        status, fields, _ = curl(h, "/", "-H", f"Host: {host}", tls=False)
        verdict(status == 404 and "location" not in fields, f"no-redirect-without-a-certificate {host}", fields)
    status, fields, _ = curl(h, "/.well-known/acme-challenge/nothing", tls=False)
    verdict(status == 404, "unknown-challenge-is-not-redirected", fields)
    got, _ = talk(h, b"GET /x%0d%0aSet-Cookie:a HTTP/1.1\r\nHost: mail.home.test\r\n\r\n")
    verdict(got == [400], "no-line-ends-into-a-redirect", got)
    got, _ = talk(h, b"GET http://evil.test/x HTTP/1.1\r\nHost: mail.home.test\r\n\r\n")
    verdict(got == [404], "absolute-form-wins", got)


SMUGGLED = b"GET /.well-known/security.txt HTTP/1.1\r\nHost: mail.home.test\r\n\r\n"
# Each is one answer, and the end.
TWO_WAYS = {
    "cl-te": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "te-cl": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two-lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "equal-lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "list-of-lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n",
    "signed-length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n",
    "te-twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "te-hidden": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "te-in-1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "blank-before-colon": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n",
    "folded": b"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 5\r\n\r\n",
    "bare-lf": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "bare-cr": b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
    "nul": b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
    "no-host": b"GET / HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "http-0.9": b"GET /\r\n\r\n",
    "tls-on-http": b"\x16\x03\x01\x02\x00\x01\x00",
}


def smuggling(h):
    for name, data in TWO_WAYS.items():
        got, closed = talk(h, data + SMUGGLED)
        verdict(len(got) == 1 and got[0] in (400, 501) and closed, f"smuggling-{name}", (got, closed))
    # Behind a body that nobody reads there is no request.
    got, closed = talk(h, b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) +
                       SMUGGLED + SMUGGLED)
    verdict(got == [404] and closed, "unread-body-is-no-request", (got, closed))
    got, closed = talk(h, SMUGGLED.replace(b"security", b"x") * 5)
    verdict(got == [308] * 5 and not closed, "pipelined", (got, closed))
    got, closed = talk(h, b"GET /x HTTP/1.0\r\n\r\n" * 2)
    verdict(got == [404] and closed, "one-request-in-1.0", (got, closed))
    got, closed = talk(h, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n" * 150, limit=200)
    verdict(got == [404] * 100 and closed, "so-many-requests-in-one-connection", (len(got), closed))
    got, closed = talk(h, b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 9000))
    verdict(got == [414] and closed, "long-line", (got, closed))
    for name, fields in (("one", b"A: %s\r\n" % (b"x" * 20000)), ("many", b"A: b\r\n" * 200),
                         ("endless", b"A: " + b"x" * 1000000)):
        got, closed = talk(h, b"GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % fields)
        verdict(got == [431] and closed, f"huge-header-{name}", (got, closed))


def early(h):
    """An answer before the body has come reaches the client."""
    for tls in (False, True):
        s = socket.create_connection(("127.0.0.1", h.port["https" if tls else "http"]), timeout=300)
        if tls:
            s = h.tls().wrap_socket(s, server_hostname=HOST)
        s.sendall(b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n")
        try:
            for _ in range(500):
                s.sendall(b"x" * 10000)
            sent = True
        except OSError as e:
            sent = e
        a = answer(s.makefile("rb"))
        verdict(sent is True and a and a[0] == 404 and a[1].get("connection") == "close",
                f"early-answer-arrives-{'tls' if tls else 'clear'}", (sent, a))
        s.close()
    begin = time.monotonic()
    status, _, body = curl(h, "/nothing", "-H", "Expect: 100-continue", "-d", "x" * 2000)
    verdict(status == 404 and time.monotonic() - begin < wide(0.9), "does-not-wait-for-100", (status, body))


def paces(h):
    """Clients that close their side first, write byte by byte, or read late."""
    ask = b"GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: home.test\r\n\r\n"

    def all_of(write):
        s = socket.create_connection(("127.0.0.1", h.port["http"]), timeout=300)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        write(s)
        got = b""
        while (more := s.recv(65536)):
            got += more
        s.close()
        return got.count(b"HTTP/1.1 200 OK\r\n"), got.count(b"</clientConfig>\n")

    def half(s):
        s.sendall(ask * 3)
        s.shutdown(socket.SHUT_WR)

    def bytewise(s):
        for c in ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"):
            s.send(bytes([c]))

    verdict(all_of(half) == (3, 3), "half-closed")
    verdict(all_of(bytewise) == (1, 1), "byte-by-byte")
    # More than a socket holds: the rest is answered as it is taken.
    verdict(all_of(lambda s: s.sendall(ask * 100)) == (100, 100), "read-late")


def slow(h):
    """A request that never ends is ended; others are served meanwhile."""
    socks = []
    for i in range(50):
        s = socket.create_connection(("127.0.0.1", h.port["http"]), timeout=300)
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-%d: " % i)
        socks.append(s)
    begin, got = time.monotonic(), {}
    while len(got) < len(socks) and time.monotonic() - begin < 120:
        for s in socks:
            if s in got:
                continue
            try:
                s.settimeout(0.001)
                s.send(b"x")
                a = s.recv(4096)
                got[s] = a
            except (TimeoutError, socket.timeout):
                pass
            except OSError:
                got[s] = b""
        status, _, _ = curl(h, "/.well-known/security.txt")
        if status != 200:
            break
        time.sleep(1)
    verdict(len(got) == 50 and all(a.startswith(b"HTTP/1.1 408 ") for a in got.values()), "slow-requests-end",
            (len(got), status, list(got.values())[:2]))
    # One that has said nothing gets nothing.
    s = socket.create_connection(("127.0.0.1", h.port["http"]), timeout=300)
    verdict(s.recv(100) == b"", "silent-connections-end")


def many():
    """Far more clients than there are places: who comes is served."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
    with House(web=True) as h:
        pid = h.pids("web")[0]
        socks, refused = [], 0
        for i in range(5000):
            try:
                s = socket.create_connection(("127.0.0.1", h.port["http"]), timeout=300)
                s.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
                socks.append(s)
            except OSError:
                refused += 1
            if i % 500 == 499:
                status, _, body = curl(h, "/.well-known/security.txt")
                if status != 200:
                    break
        verdict(status == 200 and i == 4999, "5000-connections-and-one-more", (i, status, body, refused))
        left = [l for l in h.log().splitlines() if "web.request" in l]
        verdict(len(left) < 300, "the-log-stays-short", len(left))
        for s in socks:
            s.close()
        verdict(wait_until(lambda: "web 0" in h.command("status").stdout), "all-places-are-free-again")
        verdict(h.pids("web") == [pid], "same-process")


def certificate_of(h, name):
    ctx = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", h.port["https"]), timeout=300) as s, \
            ctx.wrap_socket(s, server_hostname=name) as t:
        return t.getpeercert(True), t.version()


def tls(h):
    ours = ssl.PEM_cert_to_DER_cert(open(os.path.join(h.data, "tls/cert.pem")).read())
    for name in (HOST, "other.test", None):
        got, version = certificate_of(h, name)
        verdict(got == ours and version == "TLSv1.3", f"certificate-for {name}", version)
    for option, works in (("--tls-max 1.2", True), ("--tls-max 1.1", False)):
        status, _, body = curl(h, "/.well-known/security.txt", *option.split())
        verdict((status == 200) == works, f"tls {option}", body)
    # Nothing is shown to who comes for a proof that is not there.
    r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{h.port['https']}", "-alpn", "acme-tls/1",
                        "-servername", HOST], input="", capture_output=True, text=True)
    verdict("no application protocol" in r.stderr.lower() and "BEGIN CERTIFICATE" not in r.stdout,
            "no-certificate-for-acme-tls", r.stderr)


def changed():
    """A certificate is changed under a connection, and used for the next one."""
    with House(web=True) as h:
        cert, key = os.path.join(h.dir, "cert.pem"), os.path.join(h.dir, "key.pem")

        def make(name):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key + ".new", "-out", cert + ".new", "-days", "9", "-subj", "/CN=x", "-addext",
                            f"subjectAltName=DNS:{name}"], check=True, capture_output=True)
            os.rename(key + ".new", key)
            os.rename(cert + ".new", cert)
            return ssl.PEM_cert_to_DER_cert(open(cert).read())

        make(HOST)
        h.extra = f"tls: {{ certificate: {cert}, key: {key} }}\n"
        h.write_config()
        verdict(h.command("reload").returncode == 0, "reload-takes-a-certificate")
        first = wait_until(lambda: certificate_of(h, HOST)[0])
        ctx = ssl._create_unverified_context()
        t = ctx.wrap_socket(socket.create_connection(("127.0.0.1", h.port["https"]), timeout=300), server_hostname=HOST)
        f = t.makefile("rb")
        ask = f"GET /.well-known/security.txt HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        t.sendall(ask)
        verdict(answer(f)[0] == 200, "before-the-change")
        second = make("mta-sts.home.test")
        verdict(wait_until(lambda: certificate_of(h, HOST)[0] == second) and first != second, "after-the-change")
        t.sendall(ask)
        a = answer(f)
        verdict(a and a[0] == 200, "a-connection-outlives-the-change", a)
        t.close()
        status, fields, _ = curl(h, "/x", host="mta-sts.home.test", tls=False)
        verdict(status == 308, "redirects-to-the-new-name", fields)
        status, fields, _ = curl(h, "/x", tls=False)
        verdict(status == 404, "no-longer-to-the-old-name", fields)


def policies():
    with House(web=True, extra="mta_sts: testing\nweb: { hsts: on }\n") as h:
        url, host = "/.well-known/mta-sts.txt", "mta-sts.home.test"
        status, fields, body = curl(h, url, "-k", host=host)
        r = subprocess.run(["curl", "-sSk", "--resolve", f"{host}:{h.port['https']}:127.0.0.1",
                            f"https://{host}:{h.port['https']}{url}"], capture_output=True)
        verdict(status == 200 and fields["content-type"] == "text/plain" and "location" not in fields and
                "etag" not in fields and "last-modified" not in fields, "policy", (status, fields))
        verdict(r.stdout == b"version: STSv1\r\nmode: testing\r\nmx: mail.home.test\r\nmax_age: 86400\r\n",
                "policy-text", r.stdout)
        verdict("max-age=" in fields.get("strict-transport-security", ""), "hsts", fields)
        _, fields, _ = curl(h, "/x", tls=False)
        verdict("strict-transport-security" not in fields, "no-hsts-in-the-clear", fields)
        status, _, body = curl(h, url, "-k", "-H", f"Host: {host}.", "-H", "If-Modified-Since: Thu, 01 Jan 2037 00:00:00 GMT",
                               "-H", 'If-None-Match: "x"', "-H", "Range: bytes=0-3", host=host)
        verdict(status == 200 and body.startswith("version: STSv1\n"), "policy-without-conditions", (status, body))
        for name in ("mta-sts.other.test", "home.test", HOST, "mta-sts.mta-sts.home.test", "mta-sts."):
            status, fields, _ = curl(h, url, "-k", "-H", f"Host: {name}", host=host)
            verdict(status == 404 and "location" not in fields, f"no-policy-of {name}", status)
        status, _, body = curl(h, "/", "-k", host=host)
        verdict(status == 404, "nothing-else-there", status)

        def record():
            return re.search(r"v=STSv1; id=(\w{32});", h.command("dns", "home.test", "--print").stdout)

        first = record()
        said = h.command("check").stdout
        verdict(re.search(r"home.test +testing: failures are only reported\n.*WARNING: the certificate is self-signed", said),
                "check-says-what-would-come-of-it", said)
        h.write_config(re.sub(r"  https: .*\n", "", h.yaml()))
        said = h.command("check").stdout
        verdict("WARNING: they are not served: listen.https is not set" in said, "check-misses-https", said)
        verdict(first, "dns-prints-the-record")
        h.extra = "mta_sts: { mode: enforce, max_age: 30d, mx: [mx2.example.net] }\n"
        h.write_config()
        verdict(h.command("reload").returncode == 0, "reload")
        _, _, body = curl(h, url, "-k", host=host)
        verdict("mode: enforce\nmx: mail.home.test\nmx: mx2.example.net\nmax_age: 2592000\n" in body, "policy-changes", body)
        second = record()
        verdict(first and second and first.group(1) != second.group(1), "id-changes-with-it")
        h.extra = ""
        h.write_config()
        h.command("reload")
        status, _, _ = curl(h, url, "-k", host=host)
        verdict(status == 404 and not record(), "off")


def switched():
    """On and off by a reload; off, there is no such process."""
    with House(web=True) as h:
        verdict(len(h.pids("web")) == 1 and "web 0" in h.command("status").stdout, "status-shows-it",
                h.command("status").stdout)
        on = open(h.config).read()
        h.write_config(re.sub(r"  https?: .*\n", "", on))
        verdict(h.command("reload").returncode == 0 and wait_until(lambda: not h.pids("web")), "off-by-reload")
        verdict("web " not in h.command("status").stdout, "status-does-not-miss-it", h.command("status").stdout)
        h.write_config(on)
        verdict(h.command("reload").returncode == 0 and wait_until(lambda: h.pids("web")) and
                wait_until(lambda: curl(h, "/.well-known/security.txt")[0] == 200), "on-by-reload")
        old = h.kill("web")
        verdict(wait_until(lambda: h.pids("web") not in ([], old)) and
                wait_until(lambda: curl(h, "/.well-known/security.txt")[0] == 200), "is-started-anew")


def bare():
    """Without a certificate port 80 is there all the same, so that one can be had."""
    with House(web=True, extra="tls: { certificate: /nonexistent/cert.pem, key: /nonexistent/key.pem }\n") as h:
        got = curl(h, "/.well-known/acme-challenge/x", tls=False)
        verdict(got[0] == 404, "http-without-a-certificate", got)
        got = curl(h, "/x", tls=False)
        verdict(got[0] == 404 and "location" not in got[1], "nothing-leads-to-a-closed-port", got)
        try:
            socket.create_connection(("127.0.0.1", h.port["https"]), timeout=300).close()
            verdict(False, "https-is-closed")
        except ConnectionRefusedError:
            verdict(True, "https-is-closed")


def main():
    if lacking("web", "curl", "openssl"):
        finish()
    with House(web=True) as h:
        routes(h)
        settings(h)
        clear(h)
        smuggling(h)
        early(h)
        paces(h)
        tls(h)
        slow(h)
    policies()
    switched()
    changed()
    bare()
    many()
    finish()


if __name__ == "__main__":
    main()
