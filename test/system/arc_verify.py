#!/usr/bin/python3
"""Verifies the ARC chain of a message with Debian's python3-dkim.

  arc_verify.py RECORDS.json < message

RECORDS.json as for dkim_verify.py.  Prints the result and the reason, then a
line for each set, from the newest on: instance, domain, cv, and whether its
seal and its message signature are right.
"""
import json
import sys

import dkim

records = json.load(open(sys.argv[1]))


def txt(name, timeout=5):
    return records.get(name.decode().rstrip("."), "").encode()


cv, results, comment = dkim.arc_verify(sys.stdin.buffer.read(), dnsfunc=txt, minkey=1024)
print((cv or b"none").decode(), comment)
for r in results:
    print(r["instance"], r["as-domain"].decode(), r["cv"].decode(), r["as-valid"], r["ams-valid"])
