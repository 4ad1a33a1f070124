#!/usr/bin/env python3
"""What is lost, on the server's disk or on the backup's: it is noticed and said, it costs what is in
it and nothing else, the next backup heals it, and no backup that still has it is rotated out."""
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile

from house import House, finish, verdict, wait_until

BIG = b"Subject: big %d\r\n\r\n" + b"big line\r\n" * 130000


def folder():
    return tempfile.mkdtemp(prefix="hearthmail-loss.")


def newest(d):
    return sorted(p for p in glob.glob(d + "/backup-*") if not p.endswith(".part"))[-1]


def subjects(h, user="anna"):
    """{folder: sorted subjects}; of what cannot be read nothing."""
    found = {}
    m = h.imap(user)
    for line in m.list()[1]:
        name = line.decode().split('"/" ')[-1].strip('"')
        if name.split("/")[0] == "Restore" or m.select(f'"{name}"', readonly=True)[0] != "OK":
            continue
        rows = []
        for n in m.search(None, "ALL")[1][0].split():
            d = m.fetch(n, "(BODY.PEEK[])")[1]
            text = b"".join(x[1] for x in d if isinstance(x, tuple))
            s = re.search(rb"Subject: (.*)\r\n", text)
            rows += [s.group(1).decode()] if s else []
        found[name] = sorted(rows)
    m.logout()
    return found


def every(found):
    return sorted(s for rows in found.values() for s in rows)


def fill(h, user="anna", n=12, big=2):
    m = h.imap(user)
    m.create("Work")
    for i in range(n):
        m.append("Work" if i % 2 else "INBOX", None, None,
                 f"Subject: {user} {i}\r\n\r\n".encode() + b"line\r\n" * (100 + i))
    for i in range(big):
        m.append("Work", None, None, BIG % i)
    m.logout()


def flip(path, at=None, n=1):
    size = os.stat(path).st_size
    at = size // 2 if at is None else at
    with open(path, "r+b") as f:
        f.seek(at)
        b = f.read(n)
        f.seek(at)
        f.write(bytes(x ^ 0x55 for x in b))


def heals():
    """Rot behind the first bytes of what is only linked."""
    d = folder()
    try:
        with House() as h:
            fill(h)
            for _ in range(2):
                r = h.command("backup", d)
                verdict(r.returncode == 0, "backup", r.stdout + r.stderr)
            body = sorted(glob.glob(newest(d) + "/data/accounts/anna/log/body-*"))[0]
            flip(body)
            verdict(h.command("backup", d, "--verify").returncode == 1, "verify-finds-the-rot")
            r = h.command("backup", d)
            verdict(r.returncode == 0 and os.path.basename(body) in r.stdout and "previous backup is damaged" in r.stdout,
                    "the-next-backup-heals-it-and-says-so", r.stdout + r.stderr)
            r = h.command("backup", d, "--verify")
            verdict(r.returncode == 0, "and-is-whole", r.stdout + r.stderr)
            flip(sorted(glob.glob(h.data + "/accounts/anna/log/body-*"))[0])
            r = h.command("backup", d)
            verdict(r.returncode == 1 and "the server's file is damaged" in r.stderr, "rot-of-the-server's-own-is-said",
                    r.stdout + r.stderr)
            r = h.command("backup", d, "--verify")
            verdict(r.returncode == 0, "and-does-not-come-into-the-backup", r.stdout + r.stderr)
    finally:
        shutil.rmtree(d, ignore_errors=True)


def spoil(path, how):
    if how == "flip":
        flip(path)
    elif how == "wreck":
        flip(path, os.stat(path).st_size // 2 // 8 * 8, 400)
    elif how == "header":
        flip(path, 0, 4096)
    elif how == "gone":
        os.unlink(path)
    elif how == "short":
        os.truncate(path, os.stat(path).st_size // 2)
    elif how == "pipe":
        os.unlink(path)
        os.mkfifo(path)


def one_bad_file():
    """Each kind of file, each kind of damage: what else is there comes back."""
    d = folder()
    try:
        with House() as h:
            fill(h)
            fill(h, "ben", 4, 0)
            want, bens = subjects(h), subjects(h, "ben")
            r = h.command("backup", d)
            verdict(r.returncode == 0, "backup", r.stderr)
            h.stop()
        log = "/data/accounts/anna/log/"
        for what, how, lost in ((log + "body-*", "flip", 1), (log + "body-*", "gone", 1), (log + "body-*", "pipe", 1),
                                (log + "000001", "wreck", 3), (log + "000001", "short", 10), (log + "000001", "header", 0),
                                ("/manifest.json", "flip", 0), ("/manifest.json", "gone", 0), ("/manifest.json", "pipe", 0),
                                ("/data/tls/key.pem", "flip", 0), ("/data/spool/log/000001", "header", 0)):
            name = f"{what.split('/')[-1]}-{how}"
            bad = d + ".bad"
            shutil.copytree(newest(d), bad + "/" + os.path.basename(newest(d)), symlinks=True)
            path = sorted(glob.glob(newest(bad) + what))[0]
            spoil(path, how)
            h = House(passwords=False)
            try:
                r = h.command("backup", bad, "--verify", timeout=300)
                verdict(r.returncode == 1, f"verify-{name}", r.stdout + r.stderr)
                r = h.command("restore", bad, timeout=300)
                verdict(r.returncode == 1 and os.path.basename(path) in r.stderr, f"names-it-{name}", r.stdout + r.stderr)
                h.start()
                got, wanted = every(subjects(h)), every(want)
                missing = [s for s in wanted if s not in got]
                verdict(len(missing) <= lost, f"everything-else-is-back-{name}", (missing, r.stdout, r.stderr))
                verdict(subjects(h, "ben") == bens, f"of-others-too-{name}", (subjects(h, "ben"), bens))
                h.stop()
                r = h.command("restore", bad, "--account", "anna", "--force", timeout=300)
                verdict(r.returncode == (0 if "anna" not in what and "manifest" not in what else 1), f"account-{name}",
                        r.stdout + r.stderr)
                r = h.command("restore", bad, "--account", "anna", "--folder", "INBOX", timeout=300)
                verdict(how == "header" or re.search(r"^[1-9]\d* messages were restored to", r.stdout, re.M), f"folder-{name}",
                        r.stdout + r.stderr)
            finally:
                h.stop()
                shutil.rmtree(h.dir, ignore_errors=True)
                shutil.rmtree(bad, ignore_errors=True)
    finally:
        shutil.rmtree(d, ignore_errors=True)


def configuration():
    """It is taken from a backup only as it was backed up; a restore that is refused writes nothing."""
    d = folder()
    try:
        with House() as h:
            fill(h, n=2, big=0)
            verdict(h.command("backup", d).returncode == 0, "backup")
            h.stop()
            path = newest(d) + "/config/hearthmail.yaml"
            text = open(path).read()
            config, data = h.dir + "/other.yaml", h.dir + "/elsewhere"
            with open(path, "w") as f:
                f.write(text.replace(h.data, data))
            r = subprocess.run([h.command("check").args[0], "-c", config, "restore", d], capture_output=True, text=True)
            verdict(r.returncode == 1 and "hearthmail.yaml does not match its checksum" in r.stderr and
                    not os.path.exists(config) and not os.path.exists(data), "a-changed-configuration-is-refused", r)
            with open(path, "w") as f:
                f.write(text)
            shutil.rmtree(h.data)
            r = subprocess.run([h.command("check").args[0], "-c", config, "restore", d], capture_output=True, text=True)
            verdict(r.returncode == 0 and "previous data" not in r.stdout and not glob.glob(h.data + "/before-*"),
                    "a-fresh-machine-has-nothing-to-put-aside", r.stdout + r.stderr)
            verdict(os.stat(config).st_mode & 0o777 == 0o644, "the-configuration-can-be-read", oct(os.stat(config).st_mode))
            shutil.rmtree(h.data)
            r = h.command("restore", d, "--account", "nobody")
            verdict(r.returncode == 1 and not os.path.exists(h.data), "what-is-refused-writes-nothing", r)
    finally:
        shutil.rmtree(d, ignore_errors=True)


def broken_account():
    """It does not keep the others out, and is named."""
    d = folder()
    try:
        with House() as h:
            fill(h)
            fill(h, "ben", 4, 0)
            want = subjects(h)
            verdict(h.command("backup", d).returncode == 0, "backup")
            h.stop()
            flip(h.data + "/accounts/ben/log/000001", 0, 4096)
            for _ in range(3):
                r = h.command("backup", d, "--keep", "1")
                verdict(r.returncode == 1 and "ben: " in r.stderr and "it is made, but: ben" in r.stderr,
                        "backup-names-the-broken-account", r.stdout + r.stderr)
            verdict(len(glob.glob(d + "/backup-*")) == 2 and "is kept" in r.stdout and "ben" in r.stdout,
                    "the-good-one-is-not-rotated-out", (os.listdir(d), r.stdout))
            verdict(glob.glob(newest(d) + "/data/accounts/ben/log/000001") != [], "its-files-are-in-it-as-they-are")
            r = h.command("backup", d, "--verify")
            verdict(r.returncode == 1 and "restore of ben failed" in r.stderr and "anna: 14 messages" in r.stdout,
                    "verify-looks-at-all", r.stdout + r.stderr)
            r = h.command("restore", d, "--force")
            verdict(r.returncode in (0, 1), "restored", r.stdout + r.stderr)
            h.start()
            verdict(subjects(h) == want, "the-others-are-as-they-were", subjects(h))
            h.stop()
    finally:
        shutil.rmtree(d, ignore_errors=True)


def vanished():
    """A folder that is gone, a log that is gone or emptied."""
    d = folder()
    try:
        with House() as h:
            fill(h)
            fill(h, "ben", 4, 0)
            r = h.command("backup", d)
            verdict(r.returncode == 0 and "anna: 14 messages" in r.stdout and "ben: 4 messages" in r.stdout,
                    "backup-counts", r.stdout + r.stderr)
            h.deliver()
            wait_until(lambda: h.count() == 7)
            r = h.command("backup", d)
            verdict("anna: 15 messages, 1 more than" in r.stdout, "backup-says-how-many-more", r.stdout)
            h.stop()
            home = h.data + "/accounts/ben"
            for name, lose, said in (
                    ("account", lambda: shutil.rmtree(home), "its mail is gone"),
                    ("log", lambda: shutil.rmtree(home + "/log"), "there was mail"),
                    ("segments", lambda: [os.unlink(p) for p in glob.glob(home + "/log/*")], "there was mail"),
                    ("end", lambda: os.truncate(home + "/log/000001", 5000), "is lost")):
                subprocess.run(["cp", "-a", home, h.dir + "/saved"], check=True)
                lose()
                r = h.command("backup", d)
                verdict(r.returncode == 1 and "ben" in r.stderr and said in r.stderr, f"backup-misses-the-{name}",
                        r.stdout + r.stderr)
                r = h.command("check")
                verdict(name == "end" or (r.returncode == 0 and "ben" in r.stdout.split("warning", 1)[-1]),
                        f"check-misses-the-{name}", r.stdout + r.stderr)
                r = h.command("fsck")
                verdict(r.returncode == 1 and "ben" in r.stdout + r.stderr, f"fsck-misses-the-{name}", r.stdout + r.stderr)
                shutil.rmtree(home, ignore_errors=True)
                os.rename(h.dir + "/saved", home)
                shutil.rmtree(newest(d))
            shutil.rmtree(home + "/log")
            h.start()
            try:
                h.imap("ben")
                verdict(False, "no-empty-account-is-shown")
            except Exception as e:
                verdict("UNAVAILABLE" in str(e) or "AUTH" not in str(e), "no-empty-account-is-shown", e)
            verdict(h.count() == 7 and h.logged(r"account\.lost account=ben .*it had mail"), "the-log-says-why",
                    h.log()[-800:])
            r = h.command("status")
            verdict(r.returncode == 1 and "ben" in r.stdout and "mail" in r.stdout, "status-shouts", r.stdout)
            h.stop()
            for _ in range(4):
                r = h.command("backup", d, "--keep", "2")
            verdict(len(glob.glob(d + "/backup-*")) == 3, "what-has-lost-an-account-rotates-nothing-out", os.listdir(d))
            r = h.command("restore", sorted(glob.glob(d + "/backup-*"))[0], "--account", "ben", "--force")
            verdict(r.returncode == 0, "ben-is-restored", r.stdout + r.stderr)
            h.start()
            verdict(len(every(subjects(h, "ben"))) == 4, "and-has-the-mail-again", subjects(h, "ben"))
            h.stop()
    finally:
        shutil.rmtree(d, ignore_errors=True)


def not_mounted():
    """The data folder is empty, where a server ran before."""
    d = folder()
    try:
        with House(extra=f'backup: {{ folder: {d}, at: "05:00" }}\n') as h:
            fill(h, n=2, big=0)
            verdict(h.command("backup", d).returncode == 0, "backup")
            h.stop()
            os.rename(h.data, h.data + ".away")
            os.mkdir(h.data)
            h.start(wait=False)
            verdict(wait_until(lambda: h.proc.poll()) == 1 and "is empty, but a backup in" in h.log() and
                    os.listdir(h.data) == [], "no-start-on-an-empty-mount-point", h.log()[-600:])
            r = h.command("check")
            verdict("the newest backup has 2 messages of it" in r.stdout, "check-says-so", r.stdout)
            os.rmdir(h.data)
            os.rename(h.data + ".away", h.data)
            h.start()
            verdict(len(every(subjects(h))) == 2, "and-one-when-it-is-mounted")
            h.stop()
            os.truncate(h.data + "/accounts/anna/log/000001", 4096)
            os.unlink(h.data + "/accounts/anna/state")
            r = h.command("check")
            verdict("anna has no mail; the newest backup has 2 messages" in r.stdout, "check-misses-what-shrank-to-nothing",
                    r.stdout)
    finally:
        shutil.rmtree(d, ignore_errors=True)


SHIM = """
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
static void *plain(void *d)
{
	void *(*real)(void *) = dlsym(RTLD_NEXT, "readdir64");
	struct dirent64 *e = real(d);
	if (e) e->d_type = DT_UNKNOWN;
	return e;
}
struct dirent *readdir(DIR *d) { return plain(d); }
struct dirent64 *readdir64(DIR *d) { return plain(d); }
"""


def no_types():
    """A file system that does not say in its folders what is a file."""
    d = folder()
    try:
        with open(d + "/shim.c", "w") as f:
            f.write(SHIM)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", d + "/shim.so", d + "/shim.c", "-ldl"], check=True)
        with House() as h:
            fill(h, n=2, big=1)
            h.env["LD_PRELOAD"] = d + "/shim.so"
            r = h.command("backup", d + "/b")
            verdict(r.returncode == 0, "backup-without-types", r.stdout + r.stderr)
            paths = {f["path"] for f in json.load(open(newest(d + "/b") + "/manifest.json"))["files"]}
            verdict({"data/auth/credentials", "data/tls/key.pem"} <= paths and
                    any("/log/body-" in p for p in paths), "keys-are-in-it-without-types", sorted(paths))
            del h.env["LD_PRELOAD"]
    finally:
        shutil.rmtree(d, ignore_errors=True)


def main():
    heals()
    one_bad_file()
    configuration()
    broken_account()
    vanished()
    not_mounted()
    no_types()
    finish()


if __name__ == "__main__":
    main()
