#!/usr/bin/env python3
"""Thunderbird gets a name, an address and a password, and ends with an account that reads and sends mail: nothing
about servers is typed or asked.  In a small Internet, from another host than the server's."""
import os
import subprocess
import tempfile

from house import PASSWORD, finish, lacking, skip, verdict, wait_until
from marionette import Marionette
from smallnet import SmallNet, Zone, missing

HOST = "mail.home.test"
PORT = 2828
PREFERENCES = f"""
user_pref("marionette.port", {PORT});
user_pref("app.update.enabled", false);
user_pref("mail.biff.on_new_window", false);
"""
ZONE = ["@ MX 10 mail", "mail A {home}", "mail AAAA {home/6}", "autoconfig CNAME mail", "autodiscover CNAME mail"]

# q(CSS) finds what can be seen, in shadow trees, too.
FIND = """
const found = [];
const walk = n => { for (const e of n.querySelectorAll("*")) { found.push(e); if (e.shadowRoot) walk(e.shadowRoot); } };
walk(document);
const q = s => found.find(e => e.matches(s) && e.checkVisibility());
"""
TYPE = """
const e = q(arguments[0]);
e.value = arguments[1];
e.dispatchEvent(new Event("input", {bubbles: true, composed: true}));
"""
TRUST = """
Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(arguments[0], "CT,,");
"""
# What it has made of it.
ACCOUNT = """
const a = MailServices.accounts.accounts.find(a => a.incomingServer.type == "imap");
if (!a) return null;
const i = a.incomingServer, o = MailServices.outgoingServer.defaultServer;
return {in: [new URL(i.serverURI).hostname, i.port, i.socketType, i.username, i.authMethod],
        out: [o.serverURI.host, o.serverURI.port || o.port, o.socketType, o.username, o.authMethod],
        from: a.defaultIdentity.email, name: a.defaultIdentity.fullName};
"""
INBOX = """
const inbox = MailServices.accounts.accounts.find(a => a.incomingServer.type == "imap")
    .incomingServer.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
if (!inbox) return [];
inbox.getNewMessages(null, null);
return [...inbox.messages].map(m => m.mime2DecodedSubject);
"""
SEND = """
const {MsgUtils} = ChromeUtils.importESModule("resource:///modules/MimeMessageUtils.sys.mjs");
const identity = MailServices.accounts.accounts.find(a => a.incomingServer.type == "imap").defaultIdentity;
const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
fields.from = identity.email;
fields.to = identity.email;
fields.subject = "sent by it";
fields.body = "hello\\r\\n";
const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
params.composeFields = fields;
params.identity = identity;
params.format = Ci.nsIMsgCompFormat.PlainText;
const compose = Cc["@mozilla.org/messengercompose/compose;1"].createInstance(Ci.nsIMsgCompose);
compose.initialize(params);
const progress = Cc["@mozilla.org/messenger/progress;1"].createInstance(Ci.nsIMsgProgress);
compose.sendMsg(Ci.nsIMsgCompDeliverMode.Now, identity, "", null, progress);
"""


def certificates(d):
    """An authority of our own, whose certificate is returned, and the server's."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=d, check=True, capture_output=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test", "-days", "30",
            "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", *key, "-keyout", "key", "-out", "request", "-subj", f"/CN={HOST}")
    with open(os.path.join(d, "names"), "w") as f:
        f.write("subjectAltName=" + ",".join(f"DNS:{n}home.test" for n in ("mail.", "autoconfig.", "autodiscover.")))
    openssl("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "30", "-extfile", "names",
            "-out", "certificate")
    with open(os.path.join(d, "ca.pem")) as f:
        return "".join(line.strip() for line in f if "--" not in line)


class Thunderbird:
    """In a host, without a screen."""

    def __init__(self, net, host, d):
        self.net, self.host = net, host
        profile = os.path.join(d, "profile")
        os.mkdir(profile)
        with open(os.path.join(profile, "user.js"), "w") as f:
            f.write(PREFERENCES)
        self.out = open(os.path.join(d, "thunderbird.out"), "w+")
        self.proc = net.spawn(
            host, ["thunderbird", "--headless", "--marionette", "--remote-allow-system-access", "--profile", profile],
            env=dict(os.environ, HOME=d, MOZ_HEADLESS="1"), stdout=self.out, stderr=subprocess.STDOUT)
        self.m = wait_until(self._connect, 120)
        assert self.m, "Thunderbird does not start: " + open(self.out.name).read()[-2000:]
        self.m.do("Marionette:SetContext", value="chrome")
        wait_until(lambda: self.js("return document.readyState") == "complete")

    def _connect(self):
        try:
            with self.net.inside(self.host):
                return Marionette(PORT)
        except OSError:
            return None

    def stop(self):
        self.proc.terminate()
        self.proc.wait(60)

    def js(self, script, *args):
        return self.m.js(script, *args)

    def sees(self, css):
        return wait_until(lambda: self.js(FIND + "return !!q(arguments[0])", css))

    def type(self, css, text):
        self.js(FIND + TYPE, css, text)

    def press(self, css):
        self.js(FIND + "q(arguments[0]).click()", css)

    def text(self, css):
        return self.js(FIND + "return q(arguments[0]).innerText", css)


def set_up(t):
    """What a person types; each step is waited for, and there is no other."""
    t.js("window.openAccountHub('MAIL')")
    verdict(t.sees("email-auto-form #email"), "asks-for-name-and-address")
    t.type("#realName", "Anna")
    t.type("#email", "anna@home.test")
    t.press("#forward")
    if not verdict(t.sees("email-config-found"), "finds-the-servers-by-itself", t.text("account-hub-container")):
        return
    t.press("#forward")
    verdict(t.sees("email-password-form #password"), "asks-for-the-password")
    t.type("#password", PASSWORD)
    t.press("#forward")
    verdict(t.sees("email-added-success"), "has-the-account", t.text("account-hub-container"))


def uses(t, h):
    a = wait_until(lambda: t.js(ACCOUNT)) or {}
    # socketType 3: TLS from the start; authMethod 3: a password in the clear, within it.
    verdict(a.get("in") == [HOST, 993, 3, "anna@home.test", 3], "imap-under-tls", a)
    verdict(a.get("out") == [HOST, 465, 3, "anna@home.test", 3], "submission-under-tls", a)
    verdict((a.get("from"), a.get("name")) == ("anna@home.test", "Anna"), "name-and-address", a)
    h.deliver("anna", subject="to be read by it")
    verdict(wait_until(lambda: "to be read by it" in t.js(INBOX)), "reads-mail", t.js(INBOX))
    t.js(SEND)
    verdict(wait_until(lambda: "sent by it" in t.js(INBOX)), "sends-mail", t.js(INBOX))
    verdict(not h.logged(r"login\.fail", 0), "no-failed-login", h.log()[-2000:])


def main():
    why = missing()
    if why:
        skip("all", why)
        finish()
    if lacking("all", "thunderbird", "openssl"):
        finish()
    with tempfile.TemporaryDirectory(prefix="hm-thunderbird.") as d, \
            SmallNet(hosts=["home", "desk"], zones={"home.test": Zone(ZONE)}) as net:
        os.chmod(d, 0o755)
        authority = certificates(d)
        extra = f"tls: {{ certificate: {d}/certificate, key: {d}/key }}\nlisten: {{ http: [80], https: [443] }}\n"
        with net.hearthmail("home", HOST, ["home.test"], users=("anna",), extra=extra) as h:
            t = Thunderbird(net, "desk", d)
            t.js(TRUST, authority)
            set_up(t)
            uses(t, h)
            t.stop()
    finish()


main()
