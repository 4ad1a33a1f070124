#!/usr/bin/env python3
"""Each process loads the libraries that it may call (cmd/late.h), and no others.

What a process may call is read from the program: a function leads to what its code names, and a
table to what its pointers point to.
"""
import bisect
import platform
import re
import subprocess

from house import BINARY, TOP, finish, lacking, skip, verdict

# Linked with the program: nearly all processes need them.
LINKED = {"libc", "libsodium", "libutf8proc", "libyaml-0", "libseccomp", "ld-linux-x86-64"}
NEVER = {
    # The sessions' streams can speak TLS, but those of accounts get plain bytes from the listeners.
    "account": r"stream_\w+",
    # In a child that has loaded what it needs: cmd/supervisor/tls_aside.h.
    "supervisor": r"run_fit|run_info|run_self_signed",
}


def output(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def declared():
    """For each process, and the supervisor, the libraries that it loads."""
    text = open(f"{TOP}/cmd/run/wiring.c").read()
    parts = re.split(r"\n    \[ROLE_(\w+)\] = ", text.split("\n};")[0])
    got = {name.lower(): set(re.findall(r"LATE_(\w+)", body))
           for name, body in zip(parts[1::2], parts[2::2])}
    line, = re.findall(r"#define SUPERVISOR_LIBRARIES (.*)", open(f"{TOP}/cmd/run/wiring.h").read())
    got["supervisor"] = set(re.findall(r"LATE_(\w+)", line))
    return got


def late_calls():
    """The library of each function that is called late."""
    text = open(f"{TOP}/cmd/late_calls.h").read().replace("\\\n", "")
    return {f: lib for lib, calls in re.findall(r"#define CALLS_OF_(\w+)\(X\)(.*)", text)
            for f in re.findall(r"X\((\w+)\)", calls)}


def pointers(path):
    """Where in the program an address of its own is, and which."""
    text = output("readelf", "-rW", path)
    found = {int(at, 16): int(to, 16) for at, to in
             re.findall(r"^([0-9a-f]+)\s+\S+ R_X86_64_RELATIVE\s+([0-9a-f]+)", text, re.M)}
    # Packed ones are lines with a place alone; what it points to is there.
    loads = [[int(x, 16) for x in m] for m in
             re.findall(r"LOAD\s+0x(\S+) 0x(\S+) 0x\S+ 0x(\S+)", output("readelf", "-lW", path))]
    packed = re.search(r"'\.relr\.dyn'.*?\n((?:.*\n)*?)(?:\n|\Z)", text)
    with open(path, "rb") as f:
        for at in re.findall(r"^\s*([0-9a-f]{16})\s*$", packed.group(1), re.M) if packed else []:
            at = int(at, 16)
            offset, = [o + at - v for o, v, size in loads if v <= at < v + size]
            f.seek(offset)
            found[at] = int.from_bytes(f.read(8), "little")
    return found


class Program:
    """What leads to what in it."""

    def __init__(self, path):
        found = re.findall(r"^\s*\d+: ([0-9a-f]+)\s+(\d+|0x[0-9a-f]+) (FUNC|OBJECT)\s+\S+\s+\S+\s+\d+ (\S+)",
                           output("readelf", "-sW", path), re.M)
        self.symbols = sorted({(int(at, 16), int(size, 0), name) for at, size, _, name in found})
        self.starts = [s[0] for s in self.symbols]
        self.leads = {}
        self.pointers = pointers(path)
        for at, to in self.pointers.items():
            self.add(self.of(at), self.of(to))
        self.read_code(path)

    def add(self, a, b):
        if a is not None and b is not None and a != b:
            self.leads.setdefault(a, set()).add(b)

    def of(self, at):
        """The symbol that has this address, as (address, name)."""
        i = bisect.bisect_right(self.starts, at) - 1
        while i >= 0 and self.starts[i] > at - 65536:
            start, size, name = self.symbols[i]
            if at < start + max(size, 1):
                return start, name
            i -= 1
        return None

    def read_code(self, path):
        here = None
        names = re.compile(r"(?:#\s*|\s)([0-9a-f]+) <")
        pairs = re.compile(r"\b(v?movdq|v?mov[au]p|v?punpck)")
        for line in output("objdump", "-d", "--no-show-raw-insn", path).splitlines():
            if line.endswith(">:"):
                here = self.of(int(line.split()[0], 16))
            elif "<" in line and (m := names.search(line, line.find(":"))):
                at = int(m.group(1), 16)
                self.add(here, self.of(at))
                # The compiler keeps pointers, and pairs of them, where nothing has a name.
                for p in (at, at + 8)[:1 + bool(pairs.search(line))]:
                    if p in self.pointers and self.of(p) is None:
                        self.add(here, self.of(self.pointers[p]))

    def reach(self, name, never):
        """The names of all that this function leads to but by way of those, each with what has led there."""
        start, = [(s[0], s[2]) for s in self.symbols if s[2] == name]
        seen, rest = {start: None}, [start]
        while rest:
            here = rest.pop()
            if re.fullmatch(never, here[1]):
                continue
            for there in self.leads.get(here, ()):
                if there not in seen:
                    seen[there] = here
                    rest.append(there)
        return seen


def way(seen, node):
    names = []
    while node is not None:
        names.append(node[1])
        node = seen[node]
    return " < ".join(names)


def main():
    if platform.machine() != "x86_64":
        skip("all", "reads the code of x86_64")
        finish()
    if lacking("all", "readelf", "objdump"):
        finish()
    linked = set(re.findall(r"\(NEEDED\).*\[([^\]]+?)\.so", output("readelf", "-dW", BINARY)))
    calls = late_calls()
    verdict(linked <= LINKED, "linked",
            f"{linked - LINKED}: list what is called of it in cmd/late_calls.h")
    program = Program(BINARY)
    for role, libraries in sorted(declared().items()):
        start = "supervisor_run" if role == "supervisor" else f"run_{role}"
        never = NEVER.get(role, "-")
        seen = program.reach(start, never)
        called = {}
        for node in seen:
            if node[1] in calls:
                called.setdefault(calls[node[1]], node)
        missing = called.keys() - libraries
        verdict(not missing, f"{role}-loads-what-it-calls",
                "; ".join(f"{l}: {way(seen, called[l])}" for l in missing))
        verdict(libraries <= called.keys(), f"{role}-loads-nothing-else", libraries - called.keys())
        if role in NEVER:
            verdict(any(re.fullmatch(never, name) for _, name in seen), f"{role}-exceptions-are-there", never)
    finish()


if __name__ == "__main__":
    main()
