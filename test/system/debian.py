"""A fresh Debian in a folder, for tests of what a stranger's machine has.

It is debootstrapped once, with packages downloaded into it that etc/setup is to install there
without a network, into HEARTHMAIL_IMAGES, else /var/cache/hearthmail-test; tests copy it.
"""
import os
import re
import shutil
import subprocess
import tempfile
import time

from house import TOP

IMAGES = os.environ.get("HEARTHMAIL_IMAGES", "/var/cache/hearthmail-test")
SUITE = os.environ.get("HEARTHMAIL_SUITE", "bookworm")


def this_machines_mirror():
    """Where this machine has its own packages from."""
    r = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
                       capture_output=True, text=True)
    uris = [u.rstrip("/") for u in r.stdout.split() if u.rstrip("/").endswith("/debian")]
    return uris[0] if uris else ""


MIRROR = os.environ.get("HEARTHMAIL_MIRROR") or this_machines_mirror()


class Unfit(Exception):
    """This machine cannot make or run one."""


def sh(cmd, timeout=3600):
    return subprocess.run(cmd, shell=isinstance(cmd, str), capture_output=True, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, timeout=timeout)


def packages(*lists):
    """The packages of these lists of etc/setup."""
    text = open(f"{TOP}/etc/setup").read()
    return [p for l in lists for p in re.search(rf'^{l}="([^"]*)"', text, re.M).group(1).split()]


def debootstrap(path):
    fresh = tempfile.mkdtemp(prefix=SUITE + ".", dir=IMAGES)
    os.chmod(fresh, 0o755)
    p = sh(["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus",
            SUITE, fresh, *([MIRROR] if MIRROR else [])])
    if p.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise Unfit("debootstrap failed: " + (p.stdout + p.stderr)[-200:].replace("\n", " "))
    os.rename(fresh, path)


def image(name, names):
    """The folder `name` with a fresh Debian and these packages downloaded; made if need be."""
    path, base = os.path.join(IMAGES, name), os.path.join(IMAGES, SUITE)
    stamp = os.path.join(path, "var/cache/apt/for-hearthmail")
    try:
        if open(stamp).read().split() == names:
            return path
    except OSError:
        pass
    os.makedirs(IMAGES, exist_ok=True)
    began = time.time()
    if not os.path.isdir(base):
        debootstrap(base)
    if not os.path.isdir(path):
        sh(["cp", "-a", "--reflink=auto", base, path + ".new"])
        os.rename(path + ".new", path)
    p = sh(["chroot", path, "sh", "-c", "apt-get -qq update && apt-get -qq install -y "
            "--no-install-recommends --download-only " + " ".join(names)])
    if p.returncode:
        raise Unfit("apt-get failed: " + p.stderr[-200:].replace("\n", " "))
    with open(stamp, "w") as f:
        f.write(" ".join(names))
    print(f"  (image made in {time.time() - began:.0f} s: {path})", flush=True)
    return path


def copy_tree(there):
    """What a clone of this tree has, without its history."""
    p = sh(["git", "-C", TOP, "ls-files"]) if shutil.which("git") else None
    if p and p.returncode == 0:
        names = p.stdout.splitlines()
    else:
        names = [os.path.relpath(os.path.join(d, f), TOP) for d, _, fs in os.walk(TOP) for f in fs
                 if not os.path.relpath(d, TOP).startswith(("build", ".git"))]
    for f in names:
        if os.path.exists(os.path.join(TOP, f)):
            os.makedirs(os.path.dirname(os.path.join(there, f)), exist_ok=True)
            shutil.copy2(os.path.join(TOP, f), os.path.join(there, f))
