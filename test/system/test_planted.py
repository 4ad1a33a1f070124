#!/usr/bin/env python3
"""What a process that was taken over can leave in its own folder for others to fall over: links to
what only root may read, pipes, folders in the place of files.  The supervisor and the commands,
which are root, follow none of them, wait for none, and give nothing away."""
import os
import shutil
import subprocess
import tempfile

from house import House, finish, lacking, skip, verdict
from pairs import make, shown_by_starttls


def plant(path, what, target):
    if os.path.lexists(path):
        os.rename(path, path + ".kept")
    if what == "link":
        os.symlink(target, path)
    elif what == "pipe":
        os.mkfifo(path)
    else:
        os.mkdir(path)


def clear(path):
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)
    if os.path.lexists(path + ".kept"):
        os.rename(path + ".kept", path)


def certificate(h, folder):
    """In the folder of acme, in the place of the server's certificate."""
    secret = make(folder, "secret", "mail.home.test", "secret.home.test")
    pair = os.path.join(folder, "pair.pem")
    with open(pair, "w") as f:
        for end in (".pem", ".key"):
            f.write(open(os.path.join(folder, "secret" + end)).read())
    os.chmod(pair, 0o600)
    path = os.path.join(h.data, "acme/host.mail.home.test.pem")
    for what in ("link", "pipe", "folder"):
        h.stop()
        plant(path, what, pair)
        h.restart()
        verdict(shown_by_starttls(h, "smtp", "mail.home.test") != secret, f"certificate-{what}-not-shown",
                h.log()[-1000:])
        for words in (("check",), ("status",), ("cert",), ("cert", "show", "mail.home.test"), ("dns", "--print")):
            try:
                r = h.command(*words, timeout=300)
                verdict("secret.home.test" not in r.stdout + r.stderr, f"certificate-{what}-{words[0]}", r.stdout + r.stderr)
            except subprocess.TimeoutExpired:
                verdict(False, f"certificate-{what}-{words[0]}", "it waits")
        verdict(os.path.lexists(path) or os.path.lexists(path + ".bad"), f"certificate-{what}-left-alone")
        for p in (path, path + ".bad"):
            clear(p)


def keys(h, folder):
    """In the folder of auth, in the place of a DKIM key; read by commands while no server runs."""
    path = os.path.join(h.data, "auth/dkim/home.test.pem")
    h.stop()
    copy = os.path.join(folder, "other.pem")
    shutil.copy(path, copy)
    os.chmod(copy, 0o600)
    r = h.command("dkim", "list")
    verdict(r.returncode == 0 and "active" in r.stdout, "dkim-before", r.stdout + r.stderr)
    for what in ("link", "pipe", "folder"):
        plant(path, what, copy)
        for words in (("dkim", "list"), ("dns", "--print")):
            try:
                r = h.command(*words, timeout=300)
                verdict(r.returncode != 0, f"dkim-{what}-{words[0]}", r.stdout + r.stderr)
            except subprocess.TimeoutExpired:
                verdict(False, f"dkim-{what}-{words[0]}", "it waits")
        clear(path)
    # One level up: the folder itself is a link.
    os.rename(os.path.join(h.data, "auth/dkim"), os.path.join(folder, "dkim"))
    os.symlink(os.path.join(folder, "dkim"), os.path.join(h.data, "auth/dkim"))
    r = h.command("dkim", "list")
    verdict(r.returncode != 0 and "not followed" in r.stderr, "dkim-linked-folder", r.stdout + r.stderr)
    os.unlink(os.path.join(h.data, "auth/dkim"))
    os.rename(os.path.join(folder, "dkim"), os.path.join(h.data, "auth/dkim"))


def backups(h, folder):
    """A backup copies no link's target, waits for no pipe, and is not filled by a file of holes."""
    secret = os.path.join(folder, "only-root")
    with open(secret, "w") as f:
        f.write("only root may read this\n")
    os.symlink(secret, os.path.join(h.data, "acme/link.pem"))
    os.symlink(folder, os.path.join(h.data, "auth/linked"))
    os.mkfifo(os.path.join(h.data, "acme/pipe.pem"))
    with open(os.path.join(h.data, "acme/huge.pem"), "wb") as f:
        f.truncate(1 << 42)
    to = os.path.join(folder, "backup")
    try:
        r = h.command("backup", to, timeout=300)
        verdict("huge.pem is larger" in r.stderr, "backup-names-the-huge-one", r.stdout + r.stderr)
    except subprocess.TimeoutExpired:
        verdict(False, "backup-names-the-huge-one", "it waits")
    found = [os.path.join(d, n) for d, _, names in os.walk(to) for n in names]
    verdict(any(n.endswith("account.pem") for n in found), "backup-has-the-rest", found)
    verdict(not any("link" in n or "pipe" in n or "huge" in n or "only-root" in n for n in found),
            "backup-has-nothing-planted", found)
    for n in ("acme/link.pem", "auth/linked", "acme/pipe.pem", "acme/huge.pem"):
        os.unlink(os.path.join(h.data, n))


def folders(h, folder):
    """In the folders of an account and of the queue: what a start would give away."""
    for name in ("accounts/anna/log", "spool/incoming", "spool/log"):
        path = os.path.join(h.data, name)
        target = os.path.join(folder, "roots-" + name.replace("/", "-"))
        os.mkdir(target, 0o700)
        os.rename(path, path + ".kept")
        os.symlink(target, path)
        r = subprocess.run([os.environ.get("HEARTHMAIL", "hearthmail"), "-c", h.config, "run"], capture_output=True,
                           text=True, timeout=300, env=h.env)
        verdict(r.returncode != 0 and path in r.stdout + r.stderr, f"{name}-is-refused", r.stdout + r.stderr)
        verdict(os.stat(target).st_uid == 0, f"{name}-is-not-given-away")
        os.unlink(path)
        os.rename(path + ".kept", path)
    h.start()
    verdict(h.imap("anna").noop()[0] == "OK", "serves-again")


def main():
    if os.geteuid() != 0:
        skip("planted", "root")
        finish()
    if lacking("planted", "openssl"):
        finish()
    folder = tempfile.mkdtemp(prefix="hearthmail-test.")
    try:
        with House('tls: { acme: { directory: "https://localhost:1/dir" } }\ndns: { check: off }\n') as h:
            h.logged(r"dkim\.new domain=home\.test")
            backups(h, folder)
            certificate(h, folder)
            keys(h, folder)
            folders(h, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    finish()


main()
