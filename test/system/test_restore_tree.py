#!/usr/bin/env python3
"""What was expunged: the tree Restore/ in a client, undelete and purge with the
server running and without, compaction in the account's process."""
import glob
import json
import os
import re
import time

from house import House, finish, verdict, wait_until, wide


def folders(m, pattern="*"):
    """{name: attributes} as LIST shows it."""
    found = {}
    for line in m.list('""', pattern)[1]:
        if line:
            attributes, name = re.match(rb'\(([^)]*)\) "/" "?([^"]*)"?', line).groups()
            found[name.decode()] = attributes.decode()
    return found


def subjects(m, folder, readonly=True):
    status, data = m.select(f'"{folder}"', readonly=readonly)
    if status != "OK" or data == [b"0"]:
        return []
    data = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    return [d[1].decode().split(":", 1)[1].strip() for d in data if isinstance(d, tuple)]


def expunge(m, folder, which):
    m.select(f'"{folder}"')
    m.store(which, "+FLAGS", r"(\Deleted)")
    m.expunge()


def log_bytes(h, user):
    return sum(os.stat(p).st_size for p in glob.glob(f"{h.dir}/data/accounts/{user}/log/[0-9]*[0-9]"))


def log_text(h, user):
    return b"".join(open(p, "rb").read() for p in
                    glob.glob(f"{h.dir}/data/accounts/{user}/log/*"))


def tree(h):
    for i in range(6):
        h.deliver(subject=f"letter {i}", body=f"body-{i}-end", sender="ben@example.test")
    wait_until(lambda: h.count() == 6)
    m = h.imap()
    verdict(not folders(m, "Restore*"), "no-tree-before-anything-was-expunged")
    expunge(m, "INBOX", "1:3")
    shown = folders(m, "Restore*")
    days = [n for n in shown if n.startswith("Restore/")]
    verdict(len(days) == 1 and re.fullmatch(r"Restore/\d{4}-\d\d-\d\d", days[0]) and
            r"\Noselect" in shown["Restore"], "a-folder-for-the-day", shown)
    day = days[0]
    apart(m, day)
    verdict(subjects(m, day) == ["letter 0", "letter 1", "letter 2"], "it-has-what-was-expunged")
    try:
        m.select(f'"{day}"')
        verdict(False, "it-is-read-only")
    except m.readonly:
        verdict(True, "it-is-read-only")
    m.select(f'"{day}"', readonly=True)
    verdict(m.store("1", "+FLAGS", r"(\Seen)")[0] == "NO", "no-flags-there")
    verdict(m.create('"Restore/mine"')[0] == "NO", "no-folders-there")
    for name in (day, "Restore/x", "Restore"):
        cannot_put(m, name)
    status, data = m.append("Nowhere", None, None, b"Subject: x\r\n\r\n")
    verdict(b"[TRYCREATE]" in data[0], "elsewhere-one-may", data)
    verdict(m.copy("1", "INBOX")[0] == "OK", "a-copy-restores")
    r = m.xatom("MOVE", "2", "INBOX")
    verdict(r[0] == "OK", "a-move-restores", r)
    verdict(subjects(m, "INBOX") == ["letter 3", "letter 4", "letter 5", "letter 0", "letter 1"],
            "they-are-back", subjects(m, "INBOX"))
    verdict(subjects(m, day) == ["letter 2"], "and-no-longer-in-the-tree")
    validity = m.response("UIDVALIDITY")
    m.logout()
    h.restart()
    m = h.imap()
    verdict(subjects(m, day) == ["letter 2"] and m.response("UIDVALIDITY") == validity,
            "the-same-after-a-restart")
    h.write_config(h.yaml() + "restore_folder: no\n")
    r = h.command("reload")
    verdict(wait_until(lambda: not folders(m, "Restore*")), "one-key-turns-it-off", r.stderr)
    verdict(not [n for n in listed(m, 'LIST "" "*"') if n.startswith("Restore")] and m.xatom("NAMESPACE")[0] == "OK" and
            m.untagged_responses.pop("NAMESPACE", [b""])[0].endswith(b"NIL NIL"), "nor-is-there-a-namespace")
    h.write_config(h.yaml() + "restore_folder: yes\n")
    h.command("reload")
    verdict(wait_until(lambda: day in listed(m, 'LIST "" "*"')) and day in listed(m, 'LSUB "" "*"', b"LSUB"),
            "yes-shows-it-among-the-others")
    h.write_config()
    h.command("reload")
    verdict(wait_until(lambda: day not in listed(m, 'LIST "" "*"')) and day in folders(m, "Restore*"), "and-apart-again")
    m.logout()


def listed(m, line, word=b"LIST"):
    """The names in the untagged answers to a command line."""
    status, data = m._simple_command(*line.split(" ", 1))
    names = m._untagged_response(status, data, word.decode())[1]
    return [n.split(b' "/" ', 1)[1].split(b" (")[0].strip(b'"').decode() for n in names if n]


def apart(m, day):
    """Only who asks for it by its name sees it; nobody is subscribed to it."""
    for line in ('LIST "" "*"', 'LIST "" "%"', 'LIST "" "R*"', 'LIST "" "*/*"', 'LIST "" "%/%"', 'LIST "" "*" RETURN (SUBSCRIBED CHILDREN)',
                 'LIST (SUBSCRIBED) "" "*"', 'LIST (SUBSCRIBED) "" "Restore*"', 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"',
                 'LIST "" ("*" "%") RETURN (STATUS (MESSAGES))', 'LIST (SPECIAL-USE) "" "*"'):
        names = listed(m, line)
        verdict(not [n for n in names if n.startswith("Restore")], f"apart-{line}", names)
    for line in ('LSUB "" "*"', 'LSUB "" "%"', 'LSUB "" "Restore*"'):
        names = listed(m, line, b"LSUB")
        verdict(not [n for n in names if n.startswith("Restore")], f"apart-{line}", names)
    for line, want in (('LIST "" "Restore*"', {"Restore", day}), ('LIST "" "Restore/%"', {day}), ('LIST "Restore/" "%"', {day}),
                       ('LIST "" "Restore"', {"Restore"}), ('LIST "" ("Restore/*" "INBOX")', {day, "INBOX"}),
                       (f'LIST "" "{day}" RETURN (STATUS (MESSAGES))', {day})):
        verdict(set(listed(m, line)) == want, f"asked-{line}", listed(m, line))
    verdict(m.xatom("NAMESPACE")[0] == "OK" and b'(("Restore/" "/"))' in m.untagged_responses.pop("NAMESPACE", [b""])[0], "a-namespace")
    # Somebody subscribes to it.
    m.subscribe(day)
    verdict(day in listed(m, 'LSUB "" "*"', b"LSUB") and listed(m, 'LIST (SUBSCRIBED) "" "*"').count(day) == 1 and
            day not in listed(m, 'LIST "" "*"') and listed(m, 'LIST "" "Restore*"').count(day) == 1, "a-subscription-of-ones-own")
    m.unsubscribe(day)
    for name, code in ((day, b"[ALREADYEXISTS]"), ("Restore", b"[ALREADYEXISTS]"), ("Restore/2020-01-01", b"[CANNOT]")):
        status, data = m.create(f'"{name}"')
        verdict(status == "NO" and code in data[0], f"create-{name}", data)
    status, data = m.xatom("SELECT", "Restore/2020-01-01")
    verdict(status == "NO" and b"[NONEXISTENT]" in data[0], "no-such-day", data)


def only_for_exports(m, name):
    """To a mail program it is a mailbox that is not there."""
    verdict(len(subjects(m, "INBOX")) == 4, "one-is-gone")
    top = name.rsplit("/", 1)[0]
    shown = [folders(m, f"{top}/{x}") for x in ("*", "%", "INBOX")]
    verdict(not any(shown), "as-of-not-listed", shown)
    for word, args in (("SELECT", ()), ("EXAMINE", ()), ("STATUS", ("(MESSAGES)",))):
        status, data = m.xatom(word, f'"{name}"', *args)
        verdict(status == "NO" and b"[NONEXISTENT]" in data[0], f"as-of-no-{word.lower()}", data)
    m.select("INBOX")
    cannot_put(m, name)
    m.select("INBOX")
    status, data = m.create(f'"{name}"')
    verdict(status == "NO" and b"[CANNOT]" in data[0], "as-of-no-create", data)


def cannot_put(m, name):
    """Nor need one try to create it."""
    for word, args in (("COPY", ("1", f'"{name}"')), ("MOVE", ("1", f'"{name}"'))):
        status, data = m.xatom(word, *args)
        verdict(status == "NO" and b"[CANNOT]" in data[0], f"no-{word.lower()}-to-{name}", data)
    status, data = m.append(f'"{name}"', None, None, b"Subject: x\r\n\r\n")
    verdict(status == "NO" and b"[CANNOT]" in data[0], f"no-append-to-{name}", data)


def as_of(h):
    m = h.imap()
    now = int(time.time())
    wait_until(lambda: int(time.time()) > now + 1)
    expunge(m, "INBOX", "1")
    only_for_exports(m, f"Restore/@{now}/INBOX")
    m.logout()
    when = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(now - 60))
    for words, want, name in ((("--as-of", "0h"), 4, "export-as-of-now"),
                              (("--as-of", when), 0, "export-as-of-before-all"),
                              ((), 4, "export-of-today")):
        out = f"{h.dir}/{name}"
        r = h.command("export", "anna", out, "--format", "eml", *words, timeout=300)
        found = glob.glob(out + "/**/*.eml", recursive=True)
        verdict(r.returncode == 0 and len(found) == want and "Restore" not in os.listdir(out),
                name, (r.stdout, r.stderr, found))
    out = f"{h.dir}/export-as-of"
    r = h.command("export", "anna", out, "--format", "eml", "--as-of", "@%d" % now)
    verdict(r.returncode == 2, "export-as-of-usage", r.stderr)
    for word in ("90d", "2099-01-01"):
        r = h.command("export", "anna", out, "--as-of", word)
        verdict(r.returncode == 1 and not os.path.exists(out), "export-as-of-" + word, r.stderr)


def export_restore(h):
    """What was moved and expunged since a minute ago is where it was."""
    h.stop()
    h.env["HEARTHMAIL_TEST_CLOCK"] = str(-300 * 1000)
    h.start()
    m = h.imap("ben")
    for i in range(3):
        m.append("INBOX", None, None, f"Subject: past {i}\r\n\r\nx\r\n".encode())
    m.logout()
    h.stop()
    del h.env["HEARTHMAIL_TEST_CLOCK"]
    h.start()
    m = h.imap("ben")
    m.select("INBOX")
    m.xatom("MOVE", "1", "Archive")
    expunge(m, "INBOX", "1")
    m.logout()
    when = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 120))
    out = f"{h.dir}/ben-past"
    r = h.command("export", "ben", out, "--as-of", when, timeout=300)
    names = sorted(os.path.relpath(p, out) for p in glob.glob(out + "/**/cur/*", recursive=True))
    verdict(r.returncode == 0 and len(names) == 3 and all(n.startswith("cur/") for n in names),
            "export-as-of-minutes-ago", (r.stdout, r.stderr, names))


def undelete(h):
    r = h.command("undelete", "anna", "--list", "--json")
    listed = json.loads(r.stdout)
    names = sorted(x["subject"] for x in listed["messages"])
    verdict(names == ["letter 2", "letter 3"] and
            all(x["folder"] == "INBOX" and "ben@example.test" in x["from"]
                for x in listed["messages"]), "undelete-lists", r.stdout)
    r = h.command("undelete", "anna", "--subject", "LETTER 3", "--since", "1d")
    verdict(r.returncode == 0 and "1 message, " in r.stdout and "letter 3" in r.stdout,
            "undelete-by-subject", r.stdout + r.stderr)
    m = h.imap()
    verdict("letter 3" in subjects(m, "INBOX"), "where-it-was")
    m.create("Trip")
    m.append("Trip", r"(\Flagged)", None, b"From: anna@example.test\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n\r\nx\r\n")
    m.delete("Trip")
    r = h.command("undelete", "anna", "--subject", "caf\u00e9")
    verdict(r.returncode == 0 and subjects(m, "Trip") == ["=?utf-8?q?caf=C3=A9?="],
            "out-of-a-deleted-folder-which-comes-back", r.stdout + r.stderr)
    r = h.command("undelete", "anna", "--since", "1d", "--to", "Restore/x")
    verdict(r.returncode == 1 and "only be read" in r.stderr, "not-into-the-tree", r.stderr)
    r = h.command("undelete", "anna", "--from", "ben", "--to", "Found/Again")
    verdict(r.returncode == 0 and subjects(m, "Found/Again") == ["letter 2"],
            "into-another-folder", r.stdout + r.stderr)
    r = h.command("undelete", "anna", "--from", "ben")
    verdict(r.returncode == 0 and r.stdout.startswith("0 messages"), "nothing-left", r.stdout)
    for words in (("anna",), (), ("anna", "--since", "yesterday"), ("anna", "--json")):
        verdict(h.command("undelete", *words).returncode == 2, "undelete-usage-" + "-".join(words))
    for words, code, said in ((["--since", "foo"], 2, '--since "foo": a time is 3d'),
                              (["--message", "abc"], 2, '--message "abc": expected an id such as 3.17'),
                              (["--message", "1.99999"], 1, "no expunged message 1.99999"),
                              (["--folder", "Nope"], 1, 'the folder "Nope"; undelete anna --list')):
        for command in ("undelete", "purge"):
            r = h.command(command, "anna", *words)
            verdict(r.returncode == code and said.replace("undelete", command) in r.stderr,
                    f"{command}-says " + " ".join(words), r)
    r = h.command("undelete", "carl", "--list")
    verdict(r.returncode != 0 and "carl" in r.stderr, "no-such-account", r.stderr)
    m.logout()


def purge(h):
    m = h.imap()
    for word in ("secret-one-end", "secret-two-end"):
        m.append("INBOX", None, None, f"Subject: {word}\r\n\r\n{word}\r\n".encode())
    m.select("INBOX")
    m.store(m.search(None, "SUBJECT", "secret-one-end")[1][0].decode(), "+FLAGS", r"(\Deleted)")
    m.store(m.search(None, "SUBJECT", "secret-two-end")[1][0].decode(), "+FLAGS", r"(\Deleted)")
    m.expunge()
    m.select("Archive")
    listed = json.loads(h.command("purge", "anna", "--subject", "secret", "--list", "--json").stdout)
    verdict(listed["count"] == 2, "purge-lists-only", listed)
    one = [x["id"] for x in listed["messages"] if x["subject"] == "secret-one-end"][0]
    r = h.command("purge", "anna", "--message", one)
    verdict(r.returncode == 0 and "1 message, " in r.stdout and "secret-one-end" in r.stdout,
            "purge-says-what-was-removed", r.stdout + r.stderr)
    text = log_text(h, "anna")
    verdict(b"secret-one-end" not in text and b"secret-two-end" in text,
            "not-a-byte-of-it-is-left")
    verdict(h.command("undelete", "anna", "--message", one).stdout.startswith("0 messages"),
            "it-cannot-come-back")
    h.stop()
    r = h.command("purge", "anna", "--subject", "secret-two")
    verdict(r.returncode == 0 and b"secret-two-end" not in log_text(h, "anna"),
            "also-while-no-server-runs", r.stdout + r.stderr)
    r = h.command("fsck", "anna")
    verdict(r.returncode == 0 and "clean" in r.stdout, "and-fsck-finds-nothing", r.stdout)
    h.start()
    verdict(len(subjects(h.imap(), "INBOX")) == 5, "all-else-is-there")


def purged_while_shown(h):
    """Another session still shows what is purged: it is told so, and nothing is damaged."""
    m, other = h.imap(), h.imap()
    m.append("INBOX", None, None, b"Subject: shown-end\r\n\r\nshown-end\r\n")
    n = m.select("INBOX")[1][0].decode()
    other.select("INBOX")
    m.store(n, "+FLAGS", r"(\Deleted)")
    m.expunge()
    verdict(other.fetch(n, "(BODY.PEEK[TEXT])")[1][0][1] == b"shown-end\r\n", "expunged-elsewhere-is-still-read")
    r = h.command("purge", "anna", "--subject", "shown-end")
    verdict(r.returncode == 0, "purge-while-it-is-shown", r)
    for items in ("(BODY.PEEK[HEADER.FIELDS (SUBJECT)])", "(BODY.PEEK[])", "(ENVELOPE)", "(BINARY.PEEK[1])"):
        code, got = other.fetch(n, items)
        verdict(code == "NO" and b"[EXPUNGEISSUED]" in got[0], f"purged-is-told {items}", (code, got))
    code, got = other.search(None, "OR", "BODY", "shown-end", "SUBJECT", "shown-end")
    verdict(code == "OK" and got == [b""], "purged-is-not-found", (code, got))
    verdict("damage" not in h.log(), "purged-is-no-damage", re.findall(".*damage.*", h.log())[:3])


def compaction():
    """Space comes back by itself, beside a session that reads all the time."""
    with House(extra="retention: 0\n") as h:
        m = h.imap()
        body = b"Subject: big\r\n\r\n" + (b"z" * 74 + b"\r\n") * 9000
        for i in range(110):
            m.append("INBOX", None, None, body)
        keep = b"Subject: keep\r\n\r\nkept-end\r\n"
        m.append("INBOX", None, None, keep)
        before = log_bytes(h, "anna")
        expunge(m, "INBOX", "1:110")
        slowest = 0.0

        def smaller():
            nonlocal slowest
            start = time.monotonic()
            m.select("INBOX")
            ok = m.fetch("1", "(BODY.PEEK[])")[1][0][1] == keep
            slowest = max(slowest, time.monotonic() - start)
            return ok and log_bytes(h, "anna") < before - (50 << 20)

        verdict(wait_until(smaller, 60), "compaction-gives-room-back",
                f"{before} to {log_bytes(h, 'anna')}")
        verdict(slowest < wide(1), "beside-a-session", f"{slowest:.3f} s")
        m.logout()
        h.restart()
        verdict(subjects(h.imap(), "INBOX") == ["keep"], "the-rest-is-there-after-a-restart")
        h.stop()
        r = h.command("fsck", "anna")
        verdict(r.returncode == 0 and "clean" in r.stdout, "compacted-and-clean", r.stdout)


def main():
    with House() as h:
        tree(h)
        as_of(h)
        undelete(h)
        purge(h)
        purged_while_shown(h)
        export_restore(h)
    compaction()
    finish()


main()
