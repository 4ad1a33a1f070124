#!/usr/bin/env python3
"""The README's test command on a machine that has nothing but what etc/setup installs.

  test_fresh.py [--quick]     --quick: not at all

A fresh Debian 12 in namespaces of its own, without a network, runs `etc/setup test` with every
step that can run there and is not longer than it is worth.  A test that is skipped there is a
failure: etc/setup has forgotten a package.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from debian import SUITE, Unfit, copy_tree, image, packages
from house import finish, lacking, skip, verdict

STEPS = "unit|dialogue|system-(clients|dovecot|publish)"

# As a machine that was just booted, but for an init: no services run.
ENTER = r"""
ip link set lo up
cd "$0"
mount --bind . . && cd "$0"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
mount -t devtmpfs devtmpfs dev
mount -t devpts devpts dev/pts
mount -t tmpfs tmpfs dev/shm
exec chroot . env -i HOME=/root LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c 'cd /root/hearthmail; code=0; etc/setup test --quick --only "$1" || code=1
        HEARTHMAIL=$PWD/build-test/cmd/hearthmail python3 test/system/test_queue.py round || code=1
        exit $code' sh "$1"
"""


def inside(root):
    """What the tests print there, line by line."""
    p = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                          "--kill-child", "--net", "--uts", "--ipc", "sh", "-ec", ENTER, root, STEPS],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, errors="replace")
    yield from p.stdout
    verdict(p.wait() == 0, "exit-code", p.returncode)


def main():
    if "--quick" in sys.argv:
        skip("all", "--quick; test/system/test_fresh.py runs it")
        finish()
    if os.geteuid() != 0:
        skip("all", "needs root")
        finish()
    if lacking("all", "debootstrap", "unshare", "ip"):
        finish()
    d = tempfile.mkdtemp(prefix="hm-fresh.")
    try:
        base = image(SUITE + "-tests", packages("BUILD", "TEST", "FARSIDE"))
        root = os.path.join(d, "root")
        subprocess.run(["cp", "-a", "--reflink=auto", base, root], check=True)
        copy_tree(os.path.join(root, "root/hearthmail"))
        last = ""
        for line in inside(root):
            if re.match(r"\d+ passed, ", line):
                last = line.strip()
            print(f"# {line.strip()}", flush=True)
            m = re.match(r"(FAIL|SKIP) (\S+?):?(?: (.*))?$", line)
            if m:
                verdict(False, m.group(2), ("skipped: " if m.group(1) == "SKIP" else "") + (m.group(3) or ""))
        m = re.match(r"(\d+) passed, 0 failed, 0 skipped$", last)
        verdict(m and int(m.group(1)) > 1000, "all-of-it-ran", last)
    except Unfit as e:
        skip("all", e)
    finally:
        shutil.rmtree(d, ignore_errors=True)
    finish()


main()
