#!/usr/bin/env python3
"""All tests, step by step; the last line counts them.

  test/run.py [--only REGEX] [--quick] [--list]

Steps: style (format, headers, arrows), unit (with crash points), dialogue; then
side by side sanitized, tsan (races) and fuzz (a few seconds each), which
compute, and system, which waits for networks and disks.
Every test prints PASS, FAIL or SKIP with its name as soon as it is known.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLAIN = os.path.join(TOP, "build-test")
SANITIZED = os.path.join(TOP, "build-sanitized")
RACES = os.path.join(TOP, "build-tsan")
FUZZ_SECONDS = 4
# Check's own limits are for an idle machine and no sanitizer; a test that hangs is found all the same.
os.environ.setdefault("CK_TIMEOUT_MULTIPLIER", "30")
HANGS = 3600  # seconds after which a whole program of tests is given up


class Results:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.lock = threading.Lock()

    def add(self, verdict, name, text=""):
        with self.lock:
            print(f"{verdict} {name}{': ' + text if text else ''}", flush=True)
            if verdict == "PASS":
                self.passed += 1
            elif verdict == "SKIP":
                self.skipped += 1
            else:
                self.failed += 1
                self.failures.append(name)

    def check(self, ok, name, text=""):
        self.add("PASS" if ok else "FAIL", name, "" if ok else text)


def run(cmd, timeout=600, **kw):
    """(exit code, output); a time-out counts as exit code 124."""
    try:
        p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=timeout, errors="replace", cwd=TOP,
                           stdin=subprocess.DEVNULL, **kw)
        return p.returncode, p.stdout
    except subprocess.TimeoutExpired as e:
        out = e.stdout or b""
        return 124, (out if isinstance(out, str) else out.decode(errors="replace")) + "\ntimed out"


def tail(text, n=25):
    return "\n    " + "\n    ".join(text.strip().splitlines()[-n:])


def configure(folder, *options):
    """Warnings are errors of the plain build: with less optimisation and sanitizers in between
    compilers warn of what they do not see through."""
    if os.path.exists(os.path.join(folder, "build.ninja")):
        # A folder of tests may be new.
        code, out = run(["ninja", "-C", folder, "build.ninja"])
    else:
        code, out = run(["meson", "setup", folder, *(options or ["--werror"])])
    return code == 0, out


def build(folder, tests=()):
    """All, or what these tests run."""
    targets = [os.path.relpath(t["cmd"][0], folder) for t in tests]
    code, out = run(["ninja", "-C", folder, *targets], timeout=1800)
    return code == 0, out


def build_plain():
    ok, out = configure(PLAIN)
    return build(PLAIN) if ok else (ok, out)


# ---- style ----

def sources(*suffixes):
    code, out = run(["git", "ls-files"]) if shutil.which("git") else (1, "")
    names = out.splitlines() if code == 0 else [
        os.path.relpath(os.path.join(d, f), TOP)
        for d, _, fs in os.walk(TOP) for f in fs]
    return [n for n in names if n.endswith(suffixes) and
            not n.startswith(("build", "test/data/")) and os.path.exists(os.path.join(TOP, n))]


# Which folder may include which: the arrows point one way, from main.c over the
# commands, the supervisor and the processes down to the libraries.
LIBRARIES = ["account", "acme", "archive", "auth", "backup", "base", "clients", "conf", "dns", "front", "history", "https", "imap/client", "imap/transfer",
             "imap/front", "imap/parse", "imap/session", "ipc", "journal", "junk", "keeper", "mail", "mime",
             "msgauth", "net", "pagerules", "pop3/front", "pop3/session", "publish", "queue/mx", "queue/spool",
             "managesieve/front", "managesieve/session", "report", "sandbox", "sieve", "smtp", "store", "web", "web/admin", "web/page", "web/self"]
ARROWS = {
    "lib/base": [],
    "lib/archive": ["base"],
    "lib/attach": ["archive", "base", "mime"],
    "lib/conf": ["base"],
    "lib/ipc": ["base"],
    "lib/history": ["base", "ipc", "report"],
    "lib/sandbox": ["base"],
    "lib/mail": ["base"],
    "lib/mime": ["base", "mail"],
    "lib/pagerules": ["base", "mail"],
    "lib/msgauth": ["base", "dns", "mail"],
    "lib/report": ["archive", "base", "ipc", "mail", "mime"],
    "lib/journal": ["base"],
    "lib/store": ["base", "journal", "mime"],
    "lib/junk": ["base", "ipc", "journal", "mime"],
    "lib/net": ["base"],
    "lib/acme": ["base"],
    "lib/https": ["base"],
    "lib/auth": ["base", "conf", "dns", "ipc", "mail", "msgauth"],
    "lib/dns": ["base", "ipc"],
    "lib/keeper": ["base", "conf", "ipc"],
    "lib/sieve": ["base", "mail", "mime"],
    "lib/managesieve/parse": ["base"],
    "lib/managesieve/front": ["auth", "base", "front", "managesieve/parse", "sieve"],
    "lib/managesieve/session": ["base", "managesieve/parse", "net", "sieve", "store"],
    "lib/front": ["base", "conf", "ipc", "net"],
    "lib/http": ["base"],
    "lib/web": ["base", "clients", "conf", "front", "http", "ipc", "net", "publish", "web/page"],
    "lib/web/page": ["base", "clients", "conf"],
    "lib/web/admin": ["base", "clients", "conf", "history", "ipc", "net", "queue/spool", "web/page"],
    "lib/web/self": ["base", "clients", "conf", "history", "ipc", "pagerules", "web/page"],
    "lib/account": ["attach", "base", "conf", "history", "ipc", "junk", "mail", "mime", "msgauth", "net", "pagerules", "sieve", "store"],
    "lib/backup": ["base", "conf", "journal"],
    "lib/clients": ["base", "conf"],
    "lib/publish": ["base", "clients", "conf", "dns", "msgauth"],
    "cmd/run": LIBRARIES + ["cmd"],
    "cmd/supervisor": LIBRARIES + ["cmd", "cmd/run"],
    "cmd/command": LIBRARIES + ["cmd", "cmd/run", "cmd/supervisor"],
    "smtp": ["attach", "auth", "base", "conf", "dns", "history", "ipc", "mail", "mime", "msgauth", "net", "report"],
    "imap/parse": ["base"],
    "imap/client": ["base", "imap/parse", "net"],
    "imap/front": ["auth", "base", "front", "imap/parse"],
    "imap/session": ["base", "net", "store", "mail", "mime", "imap/parse"],
    "imap/transfer": ["archive", "base", "imap/client", "imap/parse", "ipc", "mail", "mime", "net"],
    "pop3/front": ["auth", "base", "front"],
    "pop3/session": ["base", "net", "store", "pop3/front"],
    "queue/spool": ["auth", "base", "conf", "history", "ipc", "journal", "mail", "mime", "msgauth", "report"],
    "queue/mx": ["base", "conf", "dns", "history", "ipc", "mail", "net"],
}


def folder_of(path):
    """The folder that has arrows: lib/web/page has its own, smtp's are all one."""
    folder = os.path.dirname(path)
    while folder and folder not in ARROWS:
        folder = os.path.dirname(folder)
    return folder


def check_arrows(res):
    bad = []
    for name in sources(".c", ".h"):
        here = folder_of(name)
        if here not in ARROWS:
            continue
        own = here.removeprefix("lib/")
        for line in open(os.path.join(TOP, name), errors="replace"):
            m = re.match(r'#include "([^"]+)"', line)
            if not m:
                continue
            there = "/".join(m.group(1).split("/")[:-1])
            if there != own and there not in ARROWS[here]:
                bad.append(f"{name} includes {m.group(1)}")
    res.check(not bad, "style-arrows", tail("\n".join(bad)))


# Files of one library that need one another, and why they may.
CIRCLES = {"front": {"conn", "listener", "pump", "strangers"},  # one machine: states, loop, bytes, places
           "transfer": {"to_imap", "to_imap_sync"}}  # one sink, whose second pass asks the first


def without_leaves(needs):
    """What is left when files that need nothing that is left are taken away."""
    while leaves := {f for f in needs if not needs[f] & needs.keys()}:
        needs = {f: needs[f] for f in needs.keys() - leaves}
    return needs


def check_circles(res, built):
    """Within a library, and the program, the object files have an order, too."""
    bad = []
    for folder in glob.glob(os.path.join(built, "**/*.p"), recursive=True):
        objects = glob.glob(os.path.join(folder, "*.o"))
        if "/test/" in folder or not objects:
            continue
        code, out = run(["nm", "-gPA", *objects])
        symbols = re.findall(r"/([^/]+)\.c\.o: (\S+) (\w)", out)
        home = {name: f for f, name, kind in symbols if kind != "U"}
        needs = {f: set() for f in home.values()}
        for f, name, kind in symbols:
            if kind == "U" and home.get(name, f) != f:
                needs[f].add(home[name])
        back = {f: {g for g in needs if f in needs[g]} for f in needs}
        circle = without_leaves(needs).keys() & without_leaves(back).keys()
        name = re.sub(r"^lib|(\.a)?\.p$", "", os.path.basename(folder))
        if circle - CIRCLES.get(name, set()):
            bad.append(f"{name}: {' '.join(sorted(circle))}")
    res.check(not bad, "build-circles", tail("\n".join(bad)))


def check_private(res):
    """A private header names each function under the file that has it."""
    bad = []
    for name in sources("_priv.h"):
        text = re.sub(r"[ \t]*\n[ \t]+", " ", open(os.path.join(TOP, name)).read())
        homes = []
        for line in text.splitlines():
            if m := re.match(r"/\* ---- (.*?)(:.*)? ---- ?\*/", line):
                homes = [f for g in re.findall(r"[\w*]+\.c", m.group(1))
                         for f in glob.glob(os.path.join(TOP, os.path.dirname(name), g))]
            if m := re.match(r"(?!static|typedef)[a-z][\w ]*[ *](\w+)\(", line):
                if not any(re.search(rf"^{m.group(1)}\(", open(f).read(), re.M) for f in homes):
                    bad.append(f"{name}: {m.group(1)}")
    res.check(not bad, "style-private-headers", tail("\n".join(bad)))


def check_messages(res):
    """Fields are put and got by codecs only, and each codec is tested and fuzzed."""
    bad = []
    listed = open(os.path.join(TOP, "lib/ipc/messages.c")).read()
    for name in sources(".c"):
        if name.startswith("test/") or name == "lib/ipc/msg.c":
            continue
        text = open(os.path.join(TOP, name), errors="replace").read()
        if name.startswith("lib/ipc/"):
            bad += [f"{name}: {m} is not in messages.c" for m in re.findall(r"^CODEC\((\w+),", text, re.M)
                    if f"&{m}_codec," not in listed]
        else:
            bad += [f"{name} calls {m}" for m in re.findall(r"\bmsg_(?:put|get)_(?!fd\b)\w+", text)]
    res.check(not bad, "style-messages", tail("\n".join(bad)))


def check_headers(res):
    bad = []
    for name in sources(".h"):
        if name.startswith("test/"):
            continue
        code, out = run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Ilib", "-I.", "-Wall",
                         "-Werror", "-fsyntax-only", "-x", "c", name])
        if code:
            bad.append(name + tail(out, 3))
    res.check(not bad, "style-headers-compile-alone", tail("\n".join(bad)))


BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|strtoul?|"
                    r"strtoll|strtoull|sscanf|strncpy|gmtime|localtime|isalpha|isdigit|isspace|"
                    r"toupper|tolower)\s*\(")


def check_calls(res):
    bad = []
    for name in sources(".c", ".h"):
        if name.startswith("test/"):
            continue
        for i, line in enumerate(open(os.path.join(TOP, name), errors="replace"), 1):
            if BANNED.search(line):
                bad.append(f"{name}:{i}: {line.strip()}")
    res.check(not bad, "style-banned-calls", tail("\n".join(bad)))


# Lines that a file and a function may have: what is longer has two subjects.
LINES_MAX, TEST_LINES_MAX, FUNCTION_MAX = 800, 1000, 100


def long_functions(text):
    """Names and lines of bodies; clang-format has put the braces in column 0."""
    return [(name.removeprefix("START_TEST("), body.count("\n"))
            for name, body in re.findall(r"(?m)^((?:START_TEST\()?\w+)[()](?:[^;{}]*?\))?\n\{\n((?:.|\n)*?)^\}", text)
            if body.count("\n") > FUNCTION_MAX]


def check_sizes(res):
    bad = []
    for name in sources(".c", ".h"):
        text = open(os.path.join(TOP, name)).read()
        most = TEST_LINES_MAX if name.startswith("test/") else LINES_MAX
        if (n := text.count("\n")) > most:
            bad.append(f"{name} has {n} lines, more than {most}")
        bad += [f"{name}: {f} has {n} lines, more than {FUNCTION_MAX}" for f, n in long_functions(text)]
    res.check(not bad, "style-sizes", tail("\n".join(bad)))


def check_format(res):
    tool = shutil.which("clang-format")
    if not tool:
        res.check(False, "style-format", "clang-format is not installed; etc/setup test does that")
        return
    code, out = run([tool, "--dry-run", "-Werror", *sources(".c", ".h")])
    res.check(code == 0, "style-format", tail(out))


def check_hardening(res):
    """The binary as it is shipped: PIE, RELRO, bind now, no executable stack,
    stack protector, fortified calls."""
    exe = os.path.join(PLAIN, "cmd/hearthmail")
    code, out = run(["readelf", "-hldsW", exe])
    names = run(["nm", "-D", exe])[1]
    wanted = {"PIE": "DYN (Position-Independent" in out, "RELRO": "GNU_RELRO" in out,
              "bind-now": "NOW" in out, "stack": "GNU_STACK" in out and "RWE" not in out,
              "protector": "__stack_chk_fail" in names, "fortify": "_chk@" in names}
    res.check(code == 0 and all(wanted.values()), "build-hardening",
              " ".join(k for k, v in wanted.items() if not v))


def check_readme(res):
    text = "".join(open(os.path.join(TOP, f)).read() for f in ("README.md", "test/README.md"))
    named = set(re.findall(r"`((?:cmd|lib|smtp|pop3|imap|queue|etc|test)/[\w./*-]*)`", text))
    gone = [n for n in named if not glob.glob(os.path.join(TOP, n.replace("NAME", "*")))]
    res.check(not gone, "style-readme-paths", " ".join(gone))


def check_names(res):
    """Files that comments name are there, under that name."""
    there = ["/" + n for n in (sources("") + glob.glob("test/data/**", root_dir=TOP, recursive=True))]
    ends = {n[i:] for n in there for i in range(len(n)) if n[i] == "/"}
    bad = []
    for name in sources(".c", ".h", ".py", ".build"):
        text = open(os.path.join(TOP, name), errors="replace").read()
        comments = (re.findall(r"/\*.*?\*/", text, re.S) if name[-2] == "." else
                    re.findall(r"(?m)(?:^|  )# .*", text) + re.findall(r'^"""(.*?)"""', text, re.S))
        for named in re.findall(r"(?<![\w./*<-])[a-z][\w/]*\.(?:[ch]|py|md)\b", " ".join(comments)):
            if not ("/" + named in ends or os.path.exists("/usr/include/" + named)
                    or re.search("[A-Z]", named)):
                bad.append(f"{name}: {named}")
    res.check(not bad, "style-names-in-comments", tail("\n".join(bad)))


def conf_keys():
    """Every key of the configuration, from the tables of lib/conf."""
    keys = set()
    for name in sources(".c"):
        if not name.startswith("lib/conf/"):
            continue
        text = open(os.path.join(TOP, name)).read()
        for table in re.findall(r"struct conf_key \w+\[\] = \{(.*?)\n?\};", text, re.S):
            keys |= set(re.findall(r'\{"([a-z0-9_]+)"', table))
    return keys


def check_keys(res):
    """The manual has every key, and the sample file no other."""
    keys = conf_keys()
    manual = open(os.path.join(TOP, "etc/hearthmail.yaml.5")).read()
    gone = sorted(k for k in keys if not re.search(rf"[ .]{k}\b", manual))
    res.check(len(keys) > 30 and not gone, "style-keys-in-manual", " ".join(gone))


# Subjects of the commits before are as they are.
SUBJECT_MAX, SUBJECTS_SINCE = 72, "88ea6cdc5bd218b6bfaf2b561ca0d879a42cda55"


def check_subjects(res):
    """A subject fits where it is shown; in a tree that has its history only."""
    try:
        code, out = run(["git", "-C", TOP, "log", "--no-merges", "--format=%h %s", SUBJECTS_SINCE + "..HEAD"])
    except OSError:
        return
    if code == 0:
        bad = [line for line in out.splitlines() if len(line.split(" ", 1)[1]) > SUBJECT_MAX]
        res.check(not bad, "style-subjects", tail("\n".join(bad)))


def step_style(res, args):
    check_format(res)
    check_headers(res)
    check_arrows(res)
    check_calls(res)
    check_sizes(res)
    check_readme(res)
    check_names(res)
    check_private(res)
    check_messages(res)
    check_keys(res)
    check_subjects(res)


# ---- unit and fault ----

SLOW = ("fault-crash", "unit-store", "unit-acme", "unit-auth", "unit-spool", "unit-transfer")


def unit_tests(folder):
    code, out = run(["meson", "introspect", "--tests", folder])
    return json.loads(out) if code == 0 else []


def side_by_side(tests, env):
    """Runs as many at a time as there are processors: (test, (exit code, output)) as they end."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # Those that take longest first.
        slow = sorted(tests, key=lambda t: t["name"] not in SLOW)
        done = {pool.submit(run, t["cmd"], timeout=HANGS, env=dict(env, **t.get("env", {}))): t
                for t in slow}
        for f in concurrent.futures.as_completed(done):
            yield done[f], f.result()


def just_booted(cmd):
    """The same where the monotonic clock has just begun: whoever takes its 0 for long ago is wrong
    after each start of a machine.  As it is, where namespaces may not be made."""
    up = int(float(open("/proc/uptime").read().split()[0]))
    young = ["unshare", "--time", "--monotonic", str(1 - up), "--fork", "--kill-child"]
    return young + cmd if run([*young, "true"])[0] == 0 else cmd


def run_tests(res, tests, label="", env=None):
    for t, (code, out) in side_by_side(tests, dict(os.environ, **(env or {}))):
        name = t["name"] + label
        m = re.search(r"\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", out)
        if m and code == 0:
            n = int(m.group(1))
            print(f"PASS {name} ({n} checks)", flush=True)
            res.passed += n
        else:
            res.check(code == 0, name, tail(out))


def step_unit(res, args):
    ok, out = build_plain()
    res.check(ok, "build", tail(out))
    if not ok:
        return
    run_tests(res, unit_tests(PLAIN))
    check_circles(res, PLAIN)
    check_hardening(res)


def step_sanitized(res, args):
    env = {"CK_FORK": "no", "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
           "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    ok, out = configure(SANITIZED, "-Db_sanitize=address,undefined", "-Db_lundef=false",
                        "-Doptimization=1")
    tests = [t for t in unit_tests(SANITIZED) if not any(s in t["suite"][0] for s in ("fault", "bench"))]
    if ok:
        ok, out = build(SANITIZED, tests)
    res.check(ok, "build-sanitized", tail(out))
    if ok:
        for t in tests:
            t["cmd"] = just_booted(t["cmd"])
        run_tests(res, tests, "-sanitized", env)


# Those with threads of their own; the others have nothing to race.
RACING = ("account", "auth", "base", "cmd", "dns", "front", "history", "imap", "ipc", "journal", "msgauth", "mx", "net", "pop3", "smtp", "store")
# Of this one a single test case has threads; the others would only be slow.
RACING_CASE = {"msgauth": "dkim_keys"}


def step_tsan(res, args):
    """ThreadSanitizer: a race that was seen ends the test with code 66."""
    ok, out = configure(RACES, "-Db_sanitize=thread", "-Db_lundef=false", "-Doptimization=1")
    tests = [t for t in unit_tests(RACES) if t["name"].removeprefix("unit-") in RACING]
    for t in tests:
        if case := RACING_CASE.get(t["name"].removeprefix("unit-")):
            t["env"] = dict(t.get("env", {}), CK_RUN_CASE=case)
    if ok:
        ok, out = build(RACES, tests)
    res.check(ok, "build-tsan", tail(out))
    if not ok:
        return
    # Check forks for each test; the child's code becomes an error of that test.
    env = dict(os.environ, TSAN_OPTIONS="halt_on_error=1:exitcode=66")
    for t, (code, out) in side_by_side(tests, env):
        res.check(code == 0 and "WARNING: ThreadSanitizer" not in out, t["name"] + "-tsan",
                  tail(out, 40))


# ---- fuzz ----

def is_stale(obj):
    """True if the object is older than any file that it was made of."""
    try:
        words = open(obj[:-2] + ".d").read().replace("\\\n", " ").split(":", 1)[1].split()
        made = os.path.getmtime(obj)
        return any(os.path.getmtime(os.path.join(TOP, w)) > made for w in words)
    except (OSError, IndexError):
        return True


def linked(mains, libs):
    """Those of the libraries' files that programs of these objects are linked with, by the
    symbols of the plain build; without it, all."""
    try:
        commands = json.load(open(os.path.join(PLAIN, "compile_commands.json")))
    except OSError:
        return libs
    file_of = {os.path.join(PLAIN, c["output"]): os.path.relpath(os.path.join(c["directory"], c["file"]), TOP)
               for c in commands}
    objects = [o for o, f in file_of.items() if f in libs]
    if not all(map(os.path.exists, objects)) or not set(libs) <= set(map(file_of.get, objects)):
        return libs
    code, out = run(["nm", "-A", "-g", *objects, *mains])
    defined, wants = {}, {}
    for line in out.splitlines():
        name, rest = line.rsplit(":", 1)
        kind, symbol = rest.split()[-2:]
        if kind == "U":
            wants.setdefault(name, []).append(symbol)
        elif kind in "BDRTVW" and name not in mains:
            defined.setdefault(symbol, []).append(name)
    found, todo = set(), list(mains)
    while todo:
        new = {o for symbol in wants.get(todo.pop(), ()) for o in defined.get(symbol, ())} - found
        found |= new
        todo.extend(new)
    return [f for f in libs if f in set(map(file_of.get, found))] if code == 0 else libs


def step_fuzz(res, args):
    cc = shutil.which("clang") or shutil.which("clang-14")
    if not cc:
        res.check(False, "fuzz", "clang is not installed; etc/setup test does that")
        return
    out_dir = os.path.join(TOP, "build-fuzz")
    os.makedirs(out_dir, exist_ok=True)
    # The journal's and the checkpoint's targets run on the disk that forgets.
    libs = [s for s in sources(".c") if s == "test/fault/testdisk.c" or
            (s.startswith(("lib/", "smtp/", "imap/", "pop3/", "queue/"))
             and not s.startswith("lib/sandbox/"))]
    flags = ["-std=gnu17", "-D_GNU_SOURCE", "-DHM_SANITIZED=1", "-Ilib", "-I.", "-g", "-O1",
             "-fsanitize=fuzzer-no-link,address,undefined", "-fno-sanitize-recover=all"]

    def objects_of(files):
        def compile_one(src):
            obj = os.path.join(out_dir, src.replace("/", "_")[:-2] + ".o")
            code, out = run([cc, *flags, "-MMD", "-c", src, "-o", obj]) if is_stale(obj) else (0, "")
            if code:
                bad.append(out)
            return obj

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compile_one, files))

    bad = []
    targets = sorted(glob.glob("test/fuzz/fuzz_*.c", root_dir=TOP))
    mains = dict(zip(targets, objects_of(targets)))
    objects = objects_of(linked(list(mains.values()), libs))
    archive = os.path.join(out_dir, "all.a")
    if os.path.exists(archive):
        os.unlink(archive)
    code, out = run(["ar", "rcs", archive, *objects])
    res.check(code == 0 and not bad, "fuzz-build", tail("\n".join([*bad, out])))

    def fuzz(src):
        name = os.path.basename(src)[:-2]
        exe = os.path.join(out_dir, name)
        code, out = run([cc, "-fsanitize=fuzzer,address,undefined", mains[src], archive, "-o", exe, "-lssl",
                         "-lcrypto", "-lqrencode", "-lsodium", "-lutf8proc", "-lidn2", "-lyaml", "-lz", "-lexpat", "-ljansson", "-lm",
                         "-lpthread"])
        if code:
            return name, code, tail(out)
        corpus = tempfile.mkdtemp(prefix="fuzz.")
        seeds = os.path.join(TOP, "test/data/fuzz", name[5:])
        words = os.path.join(TOP, "test/fuzz", name[5:] + ".dict")
        seconds = 1 if args.quick else FUZZ_SECONDS
        code, out = run([exe, corpus, *([seeds] if os.path.isdir(seeds) else []),
                         f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                         "-detect_leaks=0", "-print_final_stats=0",
                         *([f"-dict={words}"] if os.path.exists(words) else []),
                         f"-artifact_prefix={out_dir}/{name}-"], timeout=seconds + 60)
        shutil.rmtree(corpus, ignore_errors=True)
        return name, code, tail(out, 40)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, code, text in pool.map(fuzz, targets):
            res.check(code == 0, name, text)


# ---- dialogues and systems ----

def counted(res, name, cmd, timeout):
    """A script that prints PASS/FAIL/SKIP lines of its own."""
    env = dict(os.environ, HEARTHMAIL=os.path.join(PLAIN, "cmd/hearthmail"),
               PYTHONDONTWRITEBYTECODE="1")
    code, out = run(cmd, timeout=timeout, env=env)
    seen = 0
    for line in out.splitlines():
        m = re.match(r"(PASS|FAIL|SKIP) (\S+?):?(?: (.*))?$", line)
        if m:
            seen += 1
            res.add(m.group(1), f"{name}-{m.group(2)}", m.group(3) or "")
    if code != 0 and "FAIL" not in out or seen == 0:
        res.check(False, name, f"exit code {code}" + tail(out, 40))
    elif "FAIL" in out:
        print(tail(out, 60), flush=True)


def step_dialogue(res, args):
    script = os.path.join(TOP, "test/dialogue/run.py")
    if os.path.exists(script):
        counted(res, "dialogue", [sys.executable, script, "--start"], HANGS)


# Those that wait for networks most of the time: they run one after the other
# beside the others.
WAITING = ("dkim", "dns", "hostile_hosts", "install", "publish", "queue", "queue_commands")


def step_system(res, args):
    def one(script):
        name = os.path.basename(script)[5:-3]
        if not wanted(args, "system") and not wanted(args, "system-" + name):
            return
        start = time.time()
        counted(res, name, [sys.executable, script] + (["--quick"] if args.quick else []), HANGS)
        print(f"  ({name}: {time.time() - start:.0f} s)", flush=True)

    scripts = sorted(glob.glob(os.path.join(TOP, "test/system/test_*.py")))
    waiting = [os.path.join(TOP, f"test/system/test_{n}.py") for n in WAITING]
    # A machine of its own, which mostly compiles.
    fresh = [os.path.join(TOP, "test/system/test_fresh.py")]
    others = iter([s for s in scripts if s not in waiting + fresh])
    # The others are taken by two as they get to them.
    taking = threading.Lock()

    def next_of(lane):
        with taking:
            return next(lane, None)

    def take_all(lane):
        while (script := next_of(lane)) is not None:
            one(script)

    lanes = [iter(waiting), iter(fresh), others, others]
    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        list(pool.map(take_all, lanes))


# One after the other; the steps of one row's lanes run at the same time.
STEPS = [
    [[("style", step_style), ("unit", step_unit), ("dialogue", step_dialogue)]],
    [[("sanitized", step_sanitized), ("tsan", step_tsan), ("fuzz", step_fuzz)], [("system", step_system)]],
]


def wanted(args, name):
    return not args.only or re.fullmatch(args.only, name)


def run_lane(res, args, lane):
    for name, step in lane:
        if not wanted(args, name) and not (name == "system" and "system-" in args.only):
            continue
        start = time.time()
        if name in ("dialogue", "system"):
            ok, out = build_plain()  # which may be of yesterday
            if not ok:
                res.check(False, "build", tail(out))
                return
        step(res, args)
        print(f"  ({name}: {time.time() - start:.0f} s)", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", metavar="REGEX", help="steps, or system tests as system-NAME")
    p.add_argument("--quick", action="store_true", help="shorter loads and fuzzing")
    p.add_argument("--list", action="store_true")
    args = p.parse_args()
    if args.list:
        for row in STEPS:
            for lane in row:
                print(*(name for name, _ in lane), sep="\n")
        return 0
    res = Results()
    for row in STEPS:
        with concurrent.futures.ThreadPoolExecutor(len(row)) as pool:
            list(pool.map(lambda lane: run_lane(res, args, lane), row))
    for f in res.failures:
        print(f"  failed: {f}")
    print(f"{res.passed} passed, {res.failed} failed, {res.skipped} skipped", flush=True)
    return 1 if res.failed else 0


if __name__ == "__main__":
    sys.exit(main())
