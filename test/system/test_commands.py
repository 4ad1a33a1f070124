#!/usr/bin/env python3
"""What every command says when there is no server, when this user may not speak
to it, and when it does not answer."""
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

from house import BINARY, PASSWORD, House, finish, skip, verdict

NONE, FILES, OWN = "no server is running on", "reads files", "has words of its own"

# What each says without a server; those that are `FILES` read what it has left behind.
COMMANDS = {
    "status": NONE, "reload": NONE, "account list": NONE, "app-password anna": NONE,
    "app-password anna phone": NONE, "app-password anna phone --revoke": NONE, "queue list": NONE, "queue show 1": NONE,
    "queue retry --all": NONE, "debug level info": NONE, "debug trace anna": NONE, "dkim rotate home.test": NONE,
    "dkim retire home.test x": NONE, "dkim use home.test x": NONE, "dkim list": FILES, "trace x": FILES,
    "reports": FILES, "undelete anna --list": FILES, "purge anna --list": FILES, "import anna SOURCE": NONE,
    "export anna TARGET": NONE,
}


def words_of(h, command):
    return [w.replace("SOURCE", f"{h.dir}/source").replace("TARGET", f"{h.dir}/target") for w in command.split()]


def no_server(h):
    for command, wanted in COMMANDS.items():
        if wanted == NONE:
            r = h.command(*words_of(h, command))
            verdict(r.returncode == 1 and NONE in r.stderr and "start it first" in r.stderr or
                    command == "reload" and NONE in r.stderr, f"no-server {command}", r)


def another_user(h):
    """Whether a server runs is not for others to know: they are told that, and what to do."""
    if os.geteuid() != 0:
        skip("another-user", "needs root")
        return
    for command in [*COMMANDS, "passwd anna --stdin"]:
        r = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", BINARY, "-c", h.config,
                            *words_of(h, command)], input=PASSWORD + "\n", capture_output=True, text=True, timeout=120)
        verdict(r.returncode == 1 and NONE not in r.stderr and "is not accessible to uid 65534: only root" in r.stderr,
                f"another-user {command}", r)


def silence(h):
    """Everything that runs is stopped: no command waits for ever."""
    stopped = [h.proc.pid, *h.processes()]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    h.env["HEARTHMAIL_TEST_PATIENCE"] = "2"
    try:
        with ThreadPoolExecutor(len(COMMANDS)) as pool:
            said = list(pool.map(lambda c: (c, h.command(*words_of(h, c), input="")), COMMANDS))
        said.append(("passwd anna --stdin", h.command("passwd", "anna", "--stdin", input=PASSWORD + "\n")))
        for command, r in said:
            verdict(r.returncode == 1 and "does not answer" in r.stderr and "log" in r.stderr, f"silence {command}", r)
    finally:
        del h.env["HEARTHMAIL_TEST_PATIENCE"]
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def main():
    h = House("relay: off\n")
    try:
        h.start()
        os.mkdir(f"{h.dir}/source")
        open(f"{h.dir}/source/1.eml", "w").write("Subject: x\n\nx\n")
        another_user(h)
        silence(h)
        h.stop()
        no_server(h)
        h.start()
        verdict(h.command("status").returncode == 0, "and-all-is-well", h.command("status"))
    finally:
        h.__exit__(None, None, None)
    finish()


if __name__ == "__main__":
    main()
