#!/usr/bin/env python3
"""What judging costs beside other mail servers, in one run: a side-by-side benchmark whose mail comes from the outside.

  judged.py BUILD BENCH [option of its run.sh ...] [adapter ...]

BENCH is a folder with run.sh, adapters/ and src/, for which hearthmail.sh is an adapter.  It speaks to the loopback, whose
mail nobody judges.  So a copy of it runs in a host of a small Internet (test/system/smallnet.py): its generator sends to
that host's own address, from there, and its mail is signed with RSA-2048 by a domain that has SPF, DKIM and DMARC
(p=reject); IMAP, by which deliveries are counted, stays on the loopback.  The servers are configured as real ones are,
and the name servers are not counted as theirs.  Compared are, unless adapters are named: postfix-dovecot-tuned (checks
nothing), hearthmail (all checks) and hearthmail-unchecked (inbound.dmarc: off).  Without --only: smtp_plain, smtp_multi.

  judged.py build /path/to/bench --reps 5

Needs root, NSD and python3-dkim, and what BENCH needs.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def sign(folder, selector, domain, key):
    """Each message of a corpus, in its place."""
    import dkim
    with open(key, "rb") as f:
        key = f.read()
    names = [b"from", b"to", b"cc", b"subject", b"date", b"mime-version", b"content-type"]
    for path in glob.glob(folder + "/*.eml"):
        with open(path, "rb") as f:
            text = f.read()
        field = dkim.sign(text, selector.encode(), domain.encode(), key, include_headers=names,
                          canonicalize=(b"relaxed", b"relaxed"))
        with open(path, "wb") as f:
            f.write(field.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + text)


def change(path, old, new):
    with open(path) as f:
        text = f.read()
    if old not in text:
        sys.exit(f"{os.path.basename(path)} is not as expected: it has no {old!r}")
    with open(path, "w") as f:
        f.write(text.replace(old, new))


def copy_bench(bench, folder, address, key, net):
    here = folder + "/bench"
    shutil.copytree(bench, here)
    # SMTP goes to the address, IMAP to the loopback.
    change(here + "/src/mc.h", 'static const char*g_host="127.0.0.1"', 'static __thread const char*g_host="127.0.0.1"')
    change(here + "/src/mc.h", "conn*c=c_open(port,0); if(!c) return 0;\n  if(smtp_reply",
           f'g_host="{address}"; conn*c=c_open(port,0); g_host="127.0.0.1"; if(!c) return 0;\n  if(smtp_reply')
    change(here + "/run.sh", "# --- cgroup per server",
           f'/usr/bin/python3 {os.path.abspath(__file__)} --sign "$TMP/mixed" "$TMP/fix10k" s1 remote.test {key} || exit 2\n'
           "# --- cgroup per server")
    for path in glob.glob(here + "/adapters/postfix-dovecot.sh"):
        line = "127.0.0.1:$SV_PORT_SMTP inet n - n - - smtpd\n"
        change(path, line, line + line.replace("127.0.0.1", address))
        change(path, "inet_interfaces = 127.0.0.1\n", f"inet_interfaces = 127.0.0.1, {address}\n")
    shutil.copy(TOP + "/test/bench/hearthmail.sh", here + "/adapters/hearthmail.sh")
    with open(here + "/adapters/hearthmail.sh", "a") as f:
        f.write(f"HM_ADDRESS={address}\n"
                f"HM_MORE=\"dns: {{ root_hints: {net.hints}, trust_anchor: {net.anchor} }}\"\n")
    with open(here + "/adapters/hearthmail-unchecked.sh", "w") as f:
        f.write('. "$BENCH_HOME/adapters/hearthmail.sh"\nHM_MORE="$HM_MORE\ninbound: { dmarc: off }"\n')
    return here


def main():
    build, bench, options = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3:]
    os.environ.setdefault("HEARTHMAIL", build + "/cmd/hearthmail")
    sys.path.insert(0, TOP + "/test/system")
    from smallnet import SmallNet, Zone, missing
    from test_inbound import Key
    if gone := missing():
        sys.exit(f"not without: {gone}")
    valued = ("--reps", "--budget", "--only", "--out")
    if not [o for i, o in enumerate(options) if not o.startswith("-") and (i == 0 or options[i - 1] not in valued)]:
        options += ["postfix-dovecot-tuned", "hearthmail", "hearthmail-unchecked"]
    if "--only" not in options:
        options = ["--only", "smtp_plain|smtp_multi"] + options
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        key = Key(folder)
        zones = {"example.test": Zone(["load A {mail}", 'load TXT "v=spf1 a -all"']),
                 "remote.test": Zone(["@ MX 10 load.example.test.", '@ TXT "v=spf1 ip4:{mail} -all"',
                                      '_dmarc TXT "v=DMARC1; p=reject"', f"s1._domainkey TXT {key.record}"])}
        with SmallNet(hosts=["mail"], zones=zones) as net:
            address = net.ip["mail"]
            here = copy_bench(bench, folder, address, key.path, net)
            # Postfix asks the system for the peer's name: it is not to wait for that.
            with open(folder + "/hosts", "w") as f:
                f.write(f"127.0.0.1 localhost\n{address} load.example.test\n")
            # The cgroups of the system stay in sight, unlike with "ip netns exec".
            script = (f"mount --bind {folder}/hosts /etc/hosts && "
                      f"mount --bind /etc/netns/{net.ns('mail')}/resolv.conf /etc/resolv.conf && exec \"$@\"")
            sys.exit(subprocess.run(["nsenter", f"--net=/run/netns/{net.ns('mail')}", "unshare", "--mount", "sh", "-c",
                                     script, "sh", "bash", here + "/run.sh", "--no-limits", *options]).returncode)


if __name__ == "__main__":
    if len(sys.argv) == 7 and sys.argv[1] == "--sign":
        for corpus in sys.argv[2:4]:
            sign(corpus, *sys.argv[4:])
    elif len(sys.argv) > 2:
        main()
    else:
        sys.exit(__doc__)
