"""Every IMAP command in every state, made from the servers' own tables: legal
ones get an answer that is no BAD, illegal ones BAD, and then the connection
still works."""
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# A sound form of each command; None: more than one line, see MULTI.
ARGS = {
    "CHECK": "", "CAPABILITY": "", "CLOSE": "", "NOOP": "", "EXPUNGE": "", "NAMESPACE": "",
    "UNSELECT": "", "STARTTLS": "", "LOGOUT": "", "IDLE": "",
    "COPY": "1 ${y}", "MOVE": "1 ${y}", "CREATE": "${own}new", "DELETE": "${y}", "ENABLE": "X",
    "EXAMINE": "${x}", "SELECT": "${x}", "FETCH": "1 FLAGS", "ID": "NIL", "LIST": '"" ${x}',
    "LSUB": '"" ${x}', "LOGIN": "nobody wrong", "RENAME": "${y} ${own}other", "SEARCH": "ALL",
    "STATUS": "${x} (MESSAGES)", "STORE": "1 +FLAGS (\\Seen)", "SUBSCRIBE": "${x}",
    "GETQUOTA": '""', "GETQUOTAROOT": "${x}", "SETQUOTA": '"" (STORAGE 510)',
    "REPLACE": "1 ${x} {3+}\\r\\nab\\n",
    "UNSUBSCRIBE": "${x}", "AUTHENTICATE": "GSSAPI", "APPEND": "${x} {3+}\\r\\nab\\n",
}
UID_ARGS = {"EXPUNGE": "1"}


def table(path, pattern):
    with open(os.path.join(TOP, path)) as f:
        return re.findall(pattern, f.read())


def one(name, prefix, verb, args, legal, answers="OK"):
    say = f"C|: a {verb} {args}".rstrip() + "\\r\\n"
    if verb == "IDLE" and legal:
        say += "\nS*: + <*>\nC: DONE"
    want = f"a <re:{answers}> <*>" if legal else "a BAD <*>"
    after = "EOF" if verb == "LOGOUT" and legal else "C: b NOOP\nS*: b OK <*>"
    return f"imap/state/{name}-{verb.replace(' ', '-')}", f"{prefix}\n{say}\nS*: {want}\n{after}\n"


def dialogues():
    after = table("imap/session/command.c",
                  r'\{NAME\("(\w+)"\), \w+, (IMAP_ST_\w+), ([\w| ]+), \w+\}')
    before = table("imap/front/front.c", r'\{\{"(\w+)", \d+\}, cmd_\w+\}')
    assert len(after) > 25 and len(before) > 5, "the tables have changed their form"
    boxes = "MAILBOX x 1\nMAILBOX y 0"
    states = {
        "nonauth": boxes + "\nOPEN imaps\nS: * OK <*>",
        "auth": boxes + "\nOPEN imaps as USER1",
        "selected": boxes + "\nOPEN imaps as USER1\nC: s SELECT ${x}\nS*: s OK <*>",
        "rev2": boxes + "\nOPEN imaps as USER1\nC: e ENABLE IMAP4rev2\nS*: e OK <*>\n"
                "C: s SELECT ${x}\nS*: s OK <*>",
    }
    for verb, where, flags in after:
        legal = {"auth": where == "IMAP_ST_ANY",
                 "selected": where in ("IMAP_ST_ANY", "IMAP_ST_SELECTED"),
                 "rev2": where in ("IMAP_ST_ANY", "IMAP_ST_SELECTED"),
                 "nonauth": verb in before}
        for state, prefix in states.items():
            # Wrong passwords, unknown mechanisms and quotas, which nobody has
            # here, are NO.
            answers = "NO" if verb in ("LOGIN", "AUTHENTICATE", "GETQUOTA", "SETQUOTA") else \
                "BAD" if verb == "STARTTLS" else "OK"
            yield one(state, prefix, verb, ARGS[verb], legal[state], answers)
            if "UID" in flags:
                yield one(state, prefix, "UID " + verb, UID_ARGS.get(verb, ARGS[verb]),
                          state in ("selected", "rev2"))
