#!/usr/bin/env python3
"""Generated Sieve scripts: Pigeonhole's sieve-test and ours decide the same.

Each script asks a dozen tests and files a copy for each that is true, so that one run compares all
of them.  Known differences, which are left out here:
- theirs finds "b?n*" in "bob@example.net", where it must be at the front (RFC 5228 2.7.1);
- the test "string" of theirs minds the case unless a comparator is named (RFC 5228 2.7.3);
- a group without members is an address for "address :all" of theirs, and none for us (RFC 5228 5.1);
- an empty field is infinite for i;ascii-numeric as other texts are, and less than that for theirs;
- :count together with :index counts nothing there (RFC 5260 6);
- :count of numbers without i;ascii-numeric: we compare numbers (RFC 5231 4.2);
- the same address in another case is one redirect for us; INBOX/x is one mailbox in any case;
- an unknown envelope part, date part, zone or namespace is an error for us when it is compiled;
- "address" of any field but those that cannot have addresses; theirs has a fixed list;
- ${unicode:...} and numbers that are too large are errors for us, and cut by theirs;
- extracttext :first counts characters, theirs bytes; what is not text is empty;
- i;ascii-casemap compares capital letters (RFC 4790 9.2.1), theirs small ones: "[" is behind "A" for us;
- "header :mime :param" of a parameter that is not there has no value, and an empty one for theirs;
- "body :raw" finds nothing behind an edit, for theirs;
- "body :text" of HTML has the blanks that are shown; theirs differ by version.
Their program dies of some scripts; those are not compared.
"""
import os
import random
import re
import subprocess
import sys
import tempfile

from house import BINARY, finish, lacking, verdict

ASK = os.path.join(os.path.dirname(os.path.dirname(BINARY)), "test/system/sieve-ask")
SCRIPTS, TESTS = 60, 16
FROM, TO = "bob+x@example.net", "anna+lists@example.org"

MESSAGES = ["""From: "Bob, the first" <Bob+News@Example.NET>
To: Anna <anna@example.org>, (x) eve@example.com (Eve), us: carl@example.com, "d e"@example.com;
Cc: "A B" <Eve@Example.COM>
Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?= Hamburg
X-Score: 007 of 10
X-Empty:
X-Twice: first
X-Twice: second
Date: Wed, 25 Feb 2009 01:02:03 -0330
Received: from a by b; Mon, 30 Nov 2026 12:34:56 +0100
Received: from c by d; Sun, 29 Nov 2026 23:59:59 -0500
Message-ID: <1@example.net>

Hello Anna,
a*b?c\\d
""", """From: bob@example.net
To: Ben <ben@example.org>
Subject: a*b?c\\d
X-Score: -3
X-Twice: FIRST
Date: Fri, 1 Jan 2010 00:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

prologue
--b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Sch=F6ne Gr=FC=DFe
--b
Content-Type: text/html
Content-Transfer-Encoding: base64

PGI+SGVsbG88L2I+
--b--
epilogue
""", """From: a@b.example
To: =?iso-8859-1?q?J=F6rg_M=FCller?= <j@example.org>, "x\\"y" <q@example.org>, <@route.example:r@example.org>
Subject: x [list] Re: [other] =?utf-8?b?w5xiZXI=?= =?utf-8?b?cmVzdA==?=  end
X-Score: 010
X-Twice: 9
X-Twice: abc
Date: Sat, 31 Dec 2022 23:59:59 -1130
Received: by x; 32 Jan 2020 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="o"; x=y

pre
--o
Content-Type: multipart/alternative; boundary=i

--i
Content-Type: text/plain; charset="utf-8"; format=flowed
Content-Transfer-Encoding: base64

R3LDvMOfZQpsaW5lIHR3bwo=
--i
Content-Type: TEXT/HTML; charset=us-ascii

<html><body><p>Hello &amp; <b>bye</b></p></body></html>
--i--
--o
Content-Type: message/rfc822
Content-Disposition: attachment; filename="fwd.eml"

From: inner@example.net
Subject: inner subject

inner body
--o
Content-Type: application/octet-stream; name="data.bin"
Content-Disposition: attachment; filename=data.bin; size=3
Content-Transfer-Encoding: base64

AQID
--o--
post
"""]

FIELDS = ["subject", "SUBJECT", "from", "to", "cc", "x-score", "x-empty", "x-twice", "x-none", "date", "message-id"]
NUMBERS = [f for f in FIELDS if f != "x-empty"]
ADDRESSES = ["from", "to", "cc", "bcc", "FROM"]
WORDS = ["", "a", "a*b?c\\d", "hello", "Grüße aus Hamburg", "first", "FIRST", "second", "5", "7", "10", "-3", "eve",
         "bob@example.net", "anna@example.org", "Bob+News", "example.net", "EXAMPLE.COM", "d e", "news", "x", "lists",
         "Hamburg", "Anna,\r\na", "unknown", "007 of 10"]
PATTERNS = ["*", "?*", "a*", "*d", "a\\*b\\?c\\\\d", "a\\\\*", "*first", "*@example.net", "*@*", "fir?t", "f*t", "e*e", "*1@*",
            "bob@*net", "b*?n*", "*ü*", "?", "??", "", "*.com", "*hello*", "\\a\\*b?c\\\\d"]
PARTS = ["", ":all", ":localpart", ":domain", ":user", ":detail"]
DATEPARTS = ["year", "month", "day", "date", "julian", "hour", "minute", "second", "time", "iso8601", "zone", "weekday"]
DATES = ["2009", "02", "25", "2009-02-25", "54887", "01", "04:32:03", "2009-02-25T04:32:03Z", "+0000", "3", "2010", "0", "5"]


def quote(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'


def strings(r, of):
    picked = [quote(r.choice(of)) for _ in range(r.choice([1, 1, 1, 2, 3]))]
    return picked[0] if len(picked) == 1 else "[" + ", ".join(picked) + "]"


def match(r, relational=True):
    kind = r.choice(["", ":is", ":contains", ":matches"] + ([":value", ":count"] if relational else []))
    comparator = r.choice(["", "", ':comparator "i;octet"', ':comparator "i;ascii-casemap"'])
    keys = PATTERNS if kind == ":matches" else WORDS
    if kind in (":value", ":count"):
        kind += f' "{r.choice(["gt", "ge", "lt", "le", "eq", "ne"])}"'
        if ":count" in kind or r.random() < 0.6:
            comparator = ':comparator "i;ascii-numeric"'
            keys = ["0", "1", "2", "3", "7", "10", "007"]
    elif kind in ("", ":is") and r.random() < 0.1:
        comparator, keys = ':comparator "i;ascii-numeric"', ["7", "10", "0", "text"]
    return f"{kind} {comparator}", keys


def test(r, depth=0):
    what = r.randrange(12 if depth < 2 else 9)
    how, keys = match(r)
    if what <= 2:
        index = r.choice(["", "", f":index {r.randrange(1, 3)}", ":index 1 :last"])
        index = "" if ":count" in how else index
        return f"header {how} {index} {strings(r, NUMBERS if 'numeric' in how else FIELDS)} {strings(r, keys)}"
    if what <= 4:
        return f"address {how} {r.choice(PARTS)} {strings(r, ADDRESSES)} {strings(r, keys)}"
    if what == 5:
        return f"envelope {how} {r.choice(PARTS)} {strings(r, ['from', 'to', 'TO'])} {strings(r, keys)}"
    if what == 6:
        return f"exists {strings(r, FIELDS)}" if r.random() < 0.5 else \
            f"size {r.choice([':over', ':under'])} {r.choice(['100', '1K', '400', '1M', '0'])}"
    if what == 7:
        how, keys = match(r, False)
        content = ":content " + quote(r.choice(["text", "text/plain", "", "multipart"]))
        named = how if ":comparator" in how else how + ' :comparator "i;ascii-casemap"'
        return f"string {named} {strings(r, WORDS)} {strings(r, keys)}" if r.random() < 0.6 else \
            f"body {r.choice([':raw', content, content])} {r.choice([':contains', ':is'])} " \
            f"{strings(r, WORDS + ['prologue', 'Schöne', '<b>Hello</b>'])}"
    if what == 8:
        zone = r.choice([':zone "+0000"', ":originalzone"])
        return f"date {zone} {quote(r.choice(['date', 'received', 'subject']))} {quote(r.choice(DATEPARTS))} {strings(r, DATES)}"
    if what == 9:
        return f"not {test(r, depth + 1)}"
    return f"{r.choice(['anyof', 'allof'])} ({', '.join(test(r, depth + 1) for _ in range(r.randrange(1, 4)))})"


TYPES = ["text", "html", "TEXT", "plain", "mixed", "text/html", "octet-stream", "multipart/mixed", "attachment", "inner"]
PARAMS = ["utf-8", "US-ASCII", "data.bin", "b", "i", "flowed", "fwd.eml"]
MODIFIERS = ["", ":lower", ":upper", ":lowerfirst", ":upperfirst", ":length", ":quotewildcard", ":lower :upperfirst",
             ":upper :lowerfirst", ":quotewildcard :length", ":upper :quotewildcard"]
REGEXES = ["^a", "[0-9]+", "^[[:alpha:]]+$", "(o)+", "e$", "a|b", "[^a-z]", "^.*$", "\\[.*\\]", "(re|fwd): *(.*)", "b{1,2}",
           "(first|second)"]
FLAGS = ["a", "b c", "\\Seen", "$x y", "\\seen a", "A", "\\Flagged"]
EDITS = ['addheader "X-New" "v1";', 'addheader :last "X-Twice" "77";', 'deleteheader "X-Score";',
         'deleteheader :index 2 "X-Twice";', 'deleteheader :index 1 :last "X-Twice";',
         'deleteheader :contains "X-Twice" ["9", "f"];', 'deleteheader :matches "X-Score" "*";']


def text_match(r):
    kind = r.choice(["", ":is", ":contains", ":matches", ":regex"])
    comparator = r.choice(["", ':comparator "i;octet"', ':comparator "i;ascii-casemap"'])
    return f"{kind} {comparator}", {":matches": PATTERNS, ":regex": REGEXES}.get(kind)


def piece(r, i, edits):
    """A part of a script that files a copy into a folder whose name begins with t and its number."""
    put = f'fileinto :copy "t{i}";'
    words = [w for w in WORDS if "\n" not in w]
    what = r.randrange(16)
    how, keys = text_match(r)
    if what == 0:  # what a match leaves in variables; names of folders that are too long are cut when they are printed
        kind = r.choice([":matches", ":regex"])
        return (f'set "m" ""; if header {kind} {strings(r, FIELDS)} {strings(r, PATTERNS if kind == ":matches" else REGEXES)} '
                f'{{ set "m" "<${{0}}|${{1}}|${{2}}|${{3}}>"; }} set :length "l" "${{m}}"; '
                f'if string :matches "${{m}}" "*{"?" * 60}" {{ set "m" "long"; }} fileinto :copy "t{i} ${{l}} ${{m}}";')
    if what == 1:
        return f'set {r.choice(MODIFIERS)} "v" {quote(r.choice(words))}; fileinto :copy "t{i} v${{v}}";'
    if what == 2:
        part = r.choice([":type", ":subtype", ":contenttype", ':param ["charset", "name", "filename", "boundary", "format"]'])
        of = keys or (PARAMS if "param" in part else TYPES)
        of = [k for k in of if k not in ("", "*", "^.*$", "[^a-z]")] if "param" in part else of
        return f'if header :mime {r.choice(["", ":anychild"])} {part} {how} {strings(r, ["content-type", "Content-Disposition"])} ' \
               f'{strings(r, of)} {{ {put} }}'
    if what == 3:
        return f'if exists :mime {r.choice(["", ":anychild"])} {strings(r, ["content-type", "content-disposition", "subject"])} ' \
               f'{{ {put} }}'
    if what == 4:
        part = r.choice([":type", ":subtype", ":contenttype"])
        return f'set "n" ""; foreverypart {{ set "n" "${{n}}p"; if header :mime {part} {how} "content-type" ' \
               f'{strings(r, keys or TYPES)} {{ set "n" "${{n}}x"; {r.choice(["", "break;"])} }} }} fileinto :copy "t{i} ${{n}}";'
    if what == 5:
        return f'setflag {strings(r, FLAGS)}; addflag {strings(r, FLAGS)}; removeflag {strings(r, FLAGS)}; if hasflag ' \
               f'{r.choice(["", ":is", ":contains"])} {strings(r, FLAGS)} {{ {put} }} setflag "";'
    if what == 6:
        return f'{r.choice(EDITS) if edits else ""} if header {r.choice(["", ":contains"])} {strings(r, ["x-new", "x-twice", "x-score"])} ' \
               f'{strings(r, ["v1", "77", "9", "abc", "010", "first"])} {{ {put} }}'
    if what == 7:
        return f'if header {how} {strings(r, FIELDS)} {strings(r, keys or words)} {{ {put} }}'
    return f'if {test(r)} {{ {put} }}'


def script(r):
    """The text, and its parts."""
    # Theirs gets body wrong behind an edit.
    edits = r.random() < 0.3
    pieces = [piece(r, i, edits) for i in range(TESTS)]
    while edits and any(re.search(r"\bbody ", p) for p in pieces):
        pieces = [p if not re.search(r"\bbody ", p) else piece(r, i, edits) for i, p in enumerate(pieces)]
    head = 'require ["fileinto", "copy", "envelope", "relational", "subaddress", "variables", "body", "date", "index", ' \
           '"comparator-i;ascii-numeric", "regex", "mime", "foreverypart", "imap4flags", "editheader"];'
    return "\r\n".join([head] + pieces) + "\r\n", pieces


def theirs(folder, path, message):
    r = subprocess.run(["sieve-test", "-c", os.path.join(folder, "dovecot.conf"), "-f", FROM, "-a", TO, path, message],
                       capture_output=True, timeout=300)
    out = r.stdout.decode(errors="replace") + r.stderr.decode(errors="replace")
    if "Panic" in out:
        return None
    if "Performed actions" not in out:
        return {"! " + out.replace("\n", " ")[:400]}
    return {name.strip() for name in re.findall(r"store message in folder: (t\d.*)", out)}


def ours(path, message):
    r = subprocess.run([ASK, FROM, TO, path, message], capture_output=True, timeout=300)
    out = r.stdout.decode(errors="replace")
    names = re.findall(r'(?m)^fileinto "(t\d.*?)"(?: flags.*| changed.*)?$', out)
    return {name.strip() for name in names} | set(re.findall(r"(?m)^[!~] .*", out))


def main():
    if lacking("sieve-compare", "sieve-test"):
        return
    seed = int(os.environ.get("SEED", "5228"))
    count = int(os.environ.get("SCRIPTS", SCRIPTS))
    r = random.Random(seed)
    different = []
    with tempfile.TemporaryDirectory(prefix="sieve.") as folder:
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "dovecot.conf"), "w") as f:
            f.write(f"protocols =\nmail_location = maildir:{folder}/mail\nmail_uid = nobody\nmail_gid = nogroup\n"
                    "plugin {\n  sieve_max_actions = 100\n  sieve_extensions = +editheader\n}\n")
        messages = []
        for i, m in enumerate(MESSAGES):
            messages.append(os.path.join(folder, f"{i}.eml"))
            with open(messages[-1], "w", newline="") as f:
                f.write(m.replace("\n", "\r\n"))
        for i in range(count):
            path = os.path.join(folder, f"{i}.sieve")
            text, tests = script(r)
            with open(path, "w", newline="") as f:
                f.write(text)
            m = r.choice(messages)
            a, b = theirs(folder, path, m), ours(path, m)
            for t in sorted(a ^ b) if a is not None else ():
                line = tests[int(re.match(r"t(\d+)", t)[1])] if t[0] == "t" else ""
                different.append(f"{os.path.basename(m)} {'theirs' if t in a else 'ours'}: {t} {line}")
    if os.environ.get("SCRIPTS"):
        print("\n".join(different))
    verdict(not different, "sieve-compare", f"seed {seed}: {len(different)} of {count * TESTS} tests differ: " +
            "; ".join(different[:3]))


if __name__ == "__main__":
    main()
    finish()
