#!/usr/bin/python3
"""Verifies every DKIM signature of a message with Debian's python3-dkim.

  dkim_verify.py RECORDS.json < message

RECORDS.json maps names ("s._domainkey.example.test") to TXT records.  Prints a
line each: domain, selector, algorithm, "ok" or why not.
"""
import json
import re
import sys

import dkim

records = json.load(open(sys.argv[1]))
message = sys.stdin.buffer.read()


def txt(name, timeout=5):
    return records.get(name.decode().rstrip("."), "").encode()


count = len(re.findall(rb"(?mi)^DKIM-Signature:", message.split(b"\r\n\r\n", 1)[0]))
for i in range(count):
    d = dkim.DKIM(message, minkey=1024)
    try:
        verdict = "ok" if d.verify(idx=i, dnsfunc=txt) else "bad"
    except Exception as e:
        verdict = f"{type(e).__name__} {e}"
    f = d.signature_fields or {}
    print(f.get(b"d", b"?").decode(), f.get(b"s", b"?").decode(), f.get(b"a", b"?").decode(), verdict)
