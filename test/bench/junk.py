#!/usr/bin/env python3
"""How well the junk filter tells junk from wanted mail, by one command.

    junk.py [--build DIR] [--peers] CORPUS...

A corpus is a folder with folders of wanted mail and of junk, one message a
file, told apart by `ham` or `spam` in their names (`easy_ham`, `spam_2`), or a
folder with `full/index` as TREC's corpora have it.  Messages come in order of
Date (TREC: in the order of the index); each is scored, then taught.

  immediate   the verdict is taught at once
  delayed     100 messages later
  10 %        only every tenth verdict is taught
  one side    only junk that was missed is taught; three in four of the wanted
              are read, and nothing is said of them, nor of what was lost

and, immediately, without what header fields say.  Figures as in the TREC spam
track: 1-ROCA %, the area above the ROC curve (what share of all pairs of junk
and wanted mail is in the wrong order); spam missed when 0.1 % or 1 % of wanted
mail is lost; what the default threshold does; and how it learns.  --peers runs
bogofilter, and SpamAssassin without network tests, where they are installed
(half a second a message), in the same order, and with 20 lessons, too.
"""
import argparse
import email.utils
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DELAY = 100


def date_of(path):
    with open(path, "rb") as f:
        head = re.split(rb"\r?\n\r?\n", f.read(65536), maxsplit=1)[0]
    m = re.search(r"(?im)^date:(.*(?:\n[ \t].*)*)", head.decode("latin-1"))
    try:
        return email.utils.mktime_tz(email.utils.parsedate_tz(m.group(1).strip()))
    except (AttributeError, TypeError, ValueError, OverflowError):
        return 0


def messages(corpus):
    """[(is it junk, path)] in order."""
    index = os.path.join(corpus, "full/index")
    if os.path.exists(index):
        rows = [line.split(None, 1) for line in open(index) if line.strip()]
        return [(kind == "spam", os.path.normpath(os.path.join(corpus, "full", path.strip())))
                for kind, path in rows]
    rows = []
    for folder, _, names in os.walk(corpus):
        kind = os.path.relpath(folder, corpus)
        if "ham" in kind or "spam" in kind:
            # SpamAssassin's folders have a list of what was moved where.
            paths = [os.path.join(folder, name) for name in names if name != "cmds"]
            rows += [(date_of(path), path, "spam" in kind) for path in paths]
    return [(junk, path) for _, path, junk in sorted(rows)]


class Ours:
    def __init__(self, build, *args):
        self.p = subprocess.Popen([os.path.join(build, "test/bench/junk_bench"), *args],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(self, line):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().strip()

    def ask(self, path):
        margin, junk = self.say("ask " + path).split()
        return float(margin), junk == "1"

    def teach(self, path, junk):
        self.say(("junk " if junk else "ham ") + path)

    def close(self):
        cost = float(self.say("cost"))
        self.p.stdin.close()
        self.p.wait()
        return f"{cost:.2f} ms of CPU a message"


class Bogofilter:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="junk-bench-")

    def run(self, path, *args):
        with open(path, "rb") as f:
            return subprocess.run(["bogofilter", "-C", "-d", self.folder, *args], stdin=f,
                                  capture_output=True, text=True, errors="replace").stdout

    def ask(self, path):
        out = self.run(path, "-v")
        m = re.search(r"spamicity=([0-9.]+)", out)
        return (float(m.group(1)) if m else 0.5), "Bogosity: Spam" in out

    def teach(self, path, junk):
        self.run(path, "-s" if junk else "-n")

    def close(self):
        shutil.rmtree(self.folder)
        return ""


class SpamAssassin:
    """Its rules without the network, and its Bayes, which answers from 200
    lessons of each kind on.  One process, since its start takes a second."""

    PERL = r'''
use strict; use Mail::SpamAssassin; $| = 1;
my $sa = Mail::SpamAssassin->new({local_tests_only => 1, dont_copy_prefs => 1,
  userprefs_filename => "/dev/null", site_rules_filename => "/etc/spamassassin",
  userstate_dir => $ARGV[0], post_config_text =>
  "bayes_path $ARGV[0]/bayes\nbayes_auto_learn 0\nuse_auto_whitelist 0\nbayes_learn_to_journal 0\n"});
$sa->compile_now(0);
$sa->init_learner({});
while (my $line = <STDIN>) {
  chomp $line;
  my ($verb, $path) = split / /, $line, 2;
  open(my $f, "<:raw", $path) or die "$path: $!";
  my $mail = $sa->parse(do { local $/; <$f> }, 1);
  if ($verb eq "ask") {
    my $got = $sa->check($mail);
    printf "%.3f %d\n", $got->get_score, $got->is_spam ? 1 : 0;
    $got->finish;
  } else {
    $sa->learn($mail, undef, $verb eq "junk" ? 1 : 0, 0)->finish;
    print "ok\n";
  }
  $mail->finish;
}
'''

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="junk-bench-")
        self.p = subprocess.Popen(["perl", "-e", self.PERL, self.folder], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    say = Ours.say
    ask = Ours.ask
    teach = Ours.teach

    def close(self):
        self.p.stdin.close()
        self.p.wait()
        shutil.rmtree(self.folder)
        return ""


def figures(rows):
    """rows of (score, verdict, junk): 1-ROCA %, spam missed % at 1 % and 0.1 % of ham lost."""
    junk = sum(1 for *_, j in rows if j)
    ham = len(rows) - junk
    if junk == 0 or ham == 0:
        return None
    above, caught, area = 0, 0, 0
    missed = {}
    ordered = sorted(rows, key=lambda r: (-r[0], r[2]))
    for *_, j in ordered:
        if j:
            caught += 1
            area += above
        else:
            above += 1
            for share in 0.01, 0.001:
                if above == int(ham * share) + 1:
                    missed[share] = 100 * (1 - caught / junk)
    return 100 * area / (ham * junk), missed[0.01], missed[0.001]


def run(filter_, mails, feedback):
    rows, waiting = [], []
    for i, (junk, path) in enumerate(mails):
        rows.append((*filter_.ask(path), junk))
        if feedback == "10 %" and i % 10 != 0:
            continue
        waiting.append((path, junk))
        if feedback != "delayed" or len(waiting) > DELAY:
            filter_.teach(*waiting.pop(0))
    return rows, filter_.close()


def one_side(ours, mails):
    """As most people do."""
    rows = []
    for i, (junk, path) in enumerate(mails):
        rows.append((*ours.ask(path), junk))
        said_junk = rows[-1][1]
        if junk and not said_junk:
            ours.teach(path, True)
        elif not said_junk and i % 4 != 0:
            ours.say("read " + path)
    ours.close()
    return rows


def show(name, rows, note=""):
    f = figures(rows)
    if f is None:
        print(f"{name:28} one kind of mail only")
        return
    print(f"{name:28} {f[0]:8.4f} {f[1]:8.2f} {f[2]:8.2f}   {note}", flush=True)
    ham = [v for _, v, j in rows if not j]
    spam = [v for _, v, j in rows if j]
    print(f"{'':28} default threshold: {sum(ham)} of {len(ham)} wanted lost "
          f"({1000 * sum(ham) / len(ham):.1f} in 1,000), "
          f"{100 * (1 - sum(spam) / len(spam)):.1f} % of spam missed", flush=True)


def curve(rows):
    """1-ROCA % of what came between so many lessons and the next step."""
    steps = [0, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, len(rows)]
    for a, b in zip(steps, steps[1:]):
        part = rows[a:min(b, len(rows))]
        f = figures(part) if len(part) > 1 else None
        if f:
            print(f"    after {a:6} lessons: 1-ROCA {f[0]:8.4f} %, spam missed at 1 % of ham lost {f[1]:6.2f} %")
        if b >= len(rows):
            break


def few_lessons(filter_, mails, n):
    """What is known after n lessons, half of each kind, from all over the
    corpus: all other mail is asked, nothing more is taught."""
    some = {}
    for want in False, True:
        paths = [p for j, p in mails if j == want]
        some[want] = paths[len(paths) // n::max(1, len(paths) * 2 // n)][:n // 2]
    for ham, junk in zip(some[False], some[True]):
        filter_.teach(junk, True)
        filter_.teach(ham, False)
    taught = {*some[False], *some[True]}
    rows = [(*filter_.ask(p), j) for j, p in mails if p not in taught]
    filter_.close()
    return rows


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default=os.path.join(TOP, "build-test"))
    ap.add_argument("--peers", action="store_true")
    ap.add_argument("corpus", nargs="+")
    o = ap.parse_args()
    subprocess.run(["ninja", "-C", o.build, "test/bench/junk_bench"], check=True,
                   stdout=subprocess.DEVNULL)
    for corpus in o.corpus:
        if not os.path.isdir(corpus):
            print(f"SKIP {corpus}: not there")
            continue
        mails = messages(corpus)
        print(f"{corpus}: {sum(not j for j, _ in mails)} wanted, {sum(j for j, _ in mails)} spam")
        print(f"{'':28} {'1-ROCA %':>8} {'sm@1%':>8} {'sm@0.1%':>8}")
        for feedback in "immediate", "delayed", "10 %":
            rows, note = run(Ours(o.build), mails, feedback)
            show(feedback, rows, note)
            if feedback == "immediate":
                curve(rows)
        show("one side", one_side(Ours(o.build), mails))
        rows, _ = run(Ours(o.build, "--no-headers"), mails, "immediate")
        show("without header features", rows)
        show("20 lessons, no more", few_lessons(Ours(o.build), mails, 20))
        if o.peers:
            for name, peer in ("bogofilter", Bogofilter), ("spamassassin", SpamAssassin):
                if shutil.which(name):
                    show(name, run(peer(), mails, "immediate")[0])
                    show(f"{name}, 20 lessons", few_lessons(peer(), mails, 20))
                else:
                    print(f"{name:28} not installed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
