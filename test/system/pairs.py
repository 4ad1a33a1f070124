"""For tests of certificates in files: pairs, and what a client gets."""
import os
import smtplib
import socket
import ssl

from pebble import openssl


def make(folder, name, *names, days="30"):
    """A pair NAME.pem, NAME.key for those names."""
    def path(end):
        return os.path.join(folder, name + end)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days,
            "-keyout", path(".new"), "-out", path(".crt"), "-subj", "/CN=" + names[0],
            "-addext", "subjectAltName=" + ",".join("DNS:" + n for n in names))
    os.chmod(path(".new"), 0o600)
    os.replace(path(".new"), path(".key"))
    os.replace(path(".crt"), path(".pem"))
    with open(path(".pem")) as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


def context():
    ctx = ssl.create_default_context()
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    return ctx


def shown(h, port, name, alpn=None):
    ctx = context()
    if alpn:
        ctx.set_alpn_protocols(alpn)
    try:
        with socket.create_connection(("127.0.0.1", h.port[port]), 30) as s, \
                ctx.wrap_socket(s, server_hostname=name) as t:
            return t.getpeercert(True)
    except OSError as e:
        return str(e)


def shown_by_starttls(h, port, name):
    with smtplib.SMTP("127.0.0.1", h.port[port], timeout=30) as c:
        c._host = name
        c.starttls(context=context())
        return c.sock.getpeercert(True)
