#!/usr/bin/env python3
"""What every command says when there is no server, when this user may not speak
to it, and when it does not answer."""
import glob
import os
import re
import shlex
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

from house import BINARY, PASSWORD, TOP, House, finish, skip, verdict

NONE, FILES, OWN = "no server is running on", "reads files", "has words of its own"

# What each says without a server; those that are `FILES` read what it has left behind.
COMMANDS = {
    "status": NONE, "reload": NONE, "account list": NONE, "app-password anna": NONE,
    "device list anna": NONE, "device add anna phone": NONE, "device revoke anna phone": NONE,
    "app-password anna phone": NONE, "app-password anna phone --revoke": NONE, "totp anna --off": NONE, "web login": NONE, "queue list": NONE, "queue show 1": NONE,
    "queue retry --all": NONE, "debug level info": NONE, "debug trace anna": NONE, "dkim rotate home.test": NONE,
    "dkim retire home.test x": NONE, "dkim use home.test x": NONE, "dkim list": FILES, "trace x": FILES,
    "reports": FILES, "undelete anna --list": FILES, "purge anna --list": FILES, "sieve anna list": NONE, "import anna SOURCE": NONE,
    "export anna TARGET": NONE,
}


# What is typed wrong, and what is said about it: the word, and what was expected instead.
WRONG = [
    ("status --jsno", 'unknown option --jsno; did you mean --json?'),
    ("status x", 'unexpected "x": it takes options only'),
    ("status --json=1", "--json has no value"),
    ("reload now", 'unexpected "now": it takes no arguments'),
    ("reload --now", "unknown option --now; it has none"),
    ("run --debgu", "unknown option --debgu; did you mean --debug?"),
    ("check --frobnicate", "unknown option --frobnicate; expected --here, --paths or --json"),
    ("check --here --paths", "--here cannot be combined with --paths"),
    ("account", "a word is missing; expected list"),
    ("account lst", 'unknown word "lst"; did you mean list?'),
    ("account list anna", 'unexpected "anna"'),
    ("passwd", "an argument is missing: expected one account"),
    ("passwd anna secret", 'unexpected "secret": expected one account; the password is asked for'),
    ("passwd anna --stdni", "unknown option --stdni; did you mean --stdin?"),
    ("app-password", "an argument is missing: expected an account"),
    ("app-password anna --revoke", "--revoke: the label of the password is missing"),
    ("app-password anna a b", 'unexpected "b": expected an account and a label, and no more'),
    ("device", "a word is missing; expected add, list or revoke"),
    ("device ad anna x", 'unknown word "ad"; did you mean add?'),
    ("device add anna", "there are too few arguments: expected an account and the device"),
    ("device add anna --qr --no-qr x", "--qr cannot be combined with --no-qr"),
    ("device add anna x --profle y", "unknown option --profle; did you mean --profile?"),
    ("device list", "an argument is missing: expected an account"),
    ("device list anna x", 'unexpected "x": expected an account'),
    ("device revoke anna", "there are too few arguments"),
    ("totp", "an argument is missing: expected an account"),
    ("totp anna", "--off is missing"),
    ("totp anna --of", "unknown option --of; did you mean --off?"),
    ("web", "a word is missing; expected login"),
    ("web logn", 'unknown word "logn"; did you mean login?'),
    ("dns a b", 'unexpected "b": expected one domain'),
    ("dns --brief --json", "--brief cannot be combined with --json"),
    ("dns --network --print", "--network cannot be combined with --print"),
    ("dns --bref", "unknown option --bref; did you mean --brief?"),
    ("trace", "an argument is missing: expected an address, a Message-ID"),
    ("trace x --since", "--since needs a value: a time is 3d"),
    ("trace x --since yesterday", '--since "yesterday": a time is 3d'),
    ("trace x --limit 0", '--limit "0": expected a number of messages'),
    ("trace x --limit 1 --limit 2", "--limit is given twice"),
    ("reports a b", 'unexpected "b": expected one domain'),
    ("reports --since=foo", '--since "foo": a time is 3d'),
    ("junk", "an argument is missing: expected teach, forget, explain or stats, and an account"),
    ("junk frob", 'unknown word "frob"; expected teach, forget, explain or stats'),
    ("cert frob", 'unknown word "frob"; expected list, show or renew'),
    ("cert renew", "an argument is missing: expected a name"),
    ("cert list x", 'unexpected "x": it takes options only'),
    ("dkim", "a word is missing; expected list, rotate, retire or use"),
    ("dkim rotat home.test", 'unknown word "rotat"; did you mean rotate?'),
    ("dkim rotate", "an argument is missing: expected a domain"),
    ("dkim use home.test", "there are too few arguments: expected a domain and a selector"),
    ("dkim list a b", 'unexpected "b"'),
    ("queue", "a word is missing; expected list, show"),
    ("queue lst", 'unknown word "lst"; did you mean list?'),
    ("queue show", "show: expected one ID"),
    ("queue show anna", '"anna" is not an ID'),
    ("queue retry", "retry: which messages?"),
    ("queue retry --all 17", '--all cannot be combined with "17"'),
    ("queue hold --bounce 17", "--bounce is for remove only"),
    ("queue remove @", '"@": expected an id, account, domain or address'),
    ("fsck --rebiuld", "unknown option --rebiuld; did you mean --rebuild?"),
    ("fsck --rebuild --repair", "--rebuild cannot be combined with --repair"),
    ("backup", "an argument is missing: expected one folder"),
    ("backup a b", 'unexpected "b"'),
    ("backup a --keep", "--keep needs a value: the number of backups"),
    ("backup a --keep x", '--keep "x": expected the number of backups'),
    ("backup a --verfiy", "unknown option --verfiy; did you mean --verify?"),
    ("restore", "an argument is missing: expected one folder with a backup"),
    ("restore a --folder INBOX", "--folder: of which account?"),
    ("restore a --account anna --message 1", "--message: in which folder?"),
    ("restore a --acount anna", "unknown option --acount; did you mean --account?"),
    ("undelete", "an argument is missing: expected one account"),
    ("undelete anna", "which messages?"),
    ("undelete anna ben --list", 'unexpected "ben": expected one account'),
    ("undelete anna --all-expunged", "unknown option --all-expunged"),
    ("purge anna --to x", "unknown option --to"),
    ("sieve anna", "there are too few arguments: expected an account, what to do"),
    ("sieve anna lst", 'unknown word "lst"; did you mean list?'),
    ("sieve anna get", "expected a script's name"),
    ("sieve anna list x", 'unexpected "x"'),
    ("sieve anna list --from x", "--from is for test"),
    ("purge anna --since", "--since needs a value"),
    ("import anna", "there are too few arguments: expected an account and what is copied"),
    ("import anna x --as-of 1d", "unknown option --as-of"),
    ("import anna x --format pst", '--format "pst": expected maildir, mbox or eml'),
    ("export anna", "there are too few arguments: expected an account and where"),
    ("export anna a b", 'unexpected "b"'),
    ("export anna a --map x=y", "unknown option --map"),
    ("debug", "a word is missing; expected level, trace or dump"),
    ("debug levl info", 'unknown word "levl"; did you mean level?'),
    ("debug level loud", '"loud" is not a level: error, warn, info or debug'),
    ("debug trace", "an argument is missing: expected an account"),
    ("debug trace anna --for soon", '--for "soon": expected a time such as 10m'),
    ("debug dump", "an argument is missing: expected one file"),
    ("try now", 'unexpected "now"'),
    ("try --relay x", '--relay "x": expected HOST:PORT'),
    ("try --dri x", "unknown option --dri; did you mean --dir?"),
]
SENDMAIL = [("-x- anna", "-x-: unknown option"), ("-f", "-f: it needs a value"), ("-bp", "-bp: only sending"),
            ("a@b@", "a@b@: it is not a valid address"), ("", "no recipient given")]


def typing_errors(h):
    for words, said in WRONG:
        r = h.command(*words.split(), input="")
        name = words.split()[0]
        verdict(r.returncode == 2 and not r.stdout and r.stderr.startswith(f"hearthmail {name}: {said}") and
                r.stderr.endswith(f" (usage: hearthmail help {name})\n") and r.stderr.count("\n") == 1, f"wrong {words}", r)
    for words, said in SENDMAIL:
        r = h.command("sendmail", *words.split(), input="Subject: x\n\nx\n")
        verdict(r.returncode == 64 and f"sendmail: {said}" in r.stderr and "usage: sendmail" in r.stderr, f"wrong sendmail {words}", r)
    for words, said in ((["-x"], "hearthmail: unknown option -x; expected -c FILE, -V or -h"),
                        (["-c"], "hearthmail: -c needs a file"),
                        (["stauts"], 'hearthmail: there is no command "stauts"; did you mean "status"?')):
        r = subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=300)
        verdict(r.returncode == 2 and said in r.stderr, f"wrong {words}", r)
    r = subprocess.run([BINARY, "-c", f"{h.dir}/none.yaml", "status"], capture_output=True, text=True, timeout=300)
    verdict(r.returncode == 78 and "none.yaml: No such file" in r.stderr and "hearthmail -c FILE COMMAND" in r.stderr,
            "no-configuration", r)
    # Every command of the help has been tried, and a word that is none of its own.
    listed = {l.split()[0] for l in h.command("help").stdout.splitlines() if l.startswith("  ") and l[2].isalpha()}
    verdict(listed == {w.split()[0] for w, _ in WRONG} | {"sendmail"}, "every-command-is-tried", listed)
    for words in (["trace", "Re:", "-", "x"], ["trace", "-5", "degrees"], ["trace", "--", "--really"],
                  ["trace", "x", "--since=3d", "--limit=2"]):
        r = h.command(*words)
        verdict(r.returncode == 1 and "No message" in r.stdout, f"right {words}", r)


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
                            *words_of(h, command)], input=PASSWORD + "\n", capture_output=True, text=True, timeout=300)
        verdict(r.returncode == 1 and NONE not in r.stderr and "is not accessible to uid 65534: only root" in r.stderr,
                f"another-user {command}", r)


def manuals(h):
    """The commands of the manuals and the README are understood."""
    lines = []
    for page in sorted(glob.glob(f"{TOP}/etc/*.[58]")):
        text = open(page).read().replace("\\(dq", '"').replace("\\(aq", "'")
        lines += re.findall(r"(?m)^\.Dl (.*hearthmail .*)", text)
    lines += re.findall(r"(?m)^    ((?:.*\| )?hearthmail .*)", open(f"{TOP}/README.md").read())
    tried = 0
    for line in lines:
        for part in re.split(r" \| | && | > ", line.split(" #")[0].split(" | jq")[0]):
            words = shlex.split(part)
            if words[0] != "hearthmail" or "try" in words:
                continue
            words = words[3:] if words[1] == "-c" else words[1:]
            r = subprocess.run([BINARY, "-c", f"{h.dir}/none.yaml", *words], capture_output=True, text=True, input="",
                               timeout=300)
            verdict(r.returncode in (1, 78) and "none.yaml" in r.stderr, f"manual {part}", r)
            tried += 1
    verdict(tried > 50, "manuals-have-examples", tried)


def strangers_files(h):
    """What cannot be read is not said to be missing."""
    if os.geteuid() != 0:
        skip("strangers-files", "needs root")
        return
    there, here = f"{h.dir}/backups", f"{h.dir}/none"
    r = h.command("backup", there)
    verdict(r.returncode == 0, "a-backup", r)
    os.chmod(there, 0o700)
    for words, said in ((["fsck"], "/accounts cannot be read: Permission denied"),
                        (["fsck", "anna"], "/accounts/anna cannot be read: Permission denied"),
                        (["backup", there, "--verify"], f"{there}: Permission denied"),
                        (["restore", there], f"{there}: Permission denied"),
                        (["restore", here], f"{here}: No such file or directory")):
        r = subprocess.run(["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", BINARY, "-c", h.config,
                            *words], capture_output=True, text=True, timeout=300)
        verdict(r.returncode == 1 and said in r.stderr and "no mail for" not in r.stderr and "whole" not in r.stderr,
                f"not-readable {' '.join(words)}", r)
    r = h.command("backup", h.dir, "--verify")
    verdict(r.returncode == 1 and "there is no whole backup in" in r.stderr, "no-backup-there", r)
    r = h.command("debug", "trace", "anna", "--for", "1m")
    verdict(r.returncode == 0 and "processes log what the account anna says and hears" in r.stdout, "trace-in-words", r)
    r = h.command("debug", "trace", "off")
    verdict(r.returncode == 0 and "processes no longer log the protocol" in r.stdout, "trace-ends", r)


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
        typing_errors(h)
        manuals(h)
        another_user(h)
        strangers_files(h)
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
