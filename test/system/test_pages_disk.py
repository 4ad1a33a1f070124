#!/usr/bin/env python3
"""Pages while the disk has no room: what cannot be kept is said in a page, with nothing of the inside, and is not
there afterwards; what only has to be read works; and with room again all does. Then processes that are killed
between and during forms: what was said to be done is done, once."""
import re
import threading

from house import PASSWORD, House, finish, skip, verdict, wait_until
from test_disk import Disk, enter_namespace
from test_sign_in import Browser, signed_in

NEW = "a quite new horse 77"
PAGES = ("/home", "/devices", "/sessions", "/password", "/second-factor", "/addresses", "/restore", "/trace",
         "/filters", "/vacation", "/forward", "/junk")
FORMS = (
    ("/devices", "/devices/add", {"label": "sunflower"}),
    ("/filters/edit", "/filters/edit", {"id": "0", "from": "shop@far.test", "to": "", "subject": "",
                                        "folder": "Archive", "new_folder": "", "action": "move"}),
    ("/junk", "/junk/block", {"who": "eve@spam.test"}),
    ("/vacation", "/vacation", {"on": "1", "text": "gone fishing", "subject": "away", "days": "7"}),
    ("/forward", "/forward", {"to": "x@far.test", "on": "1", "keep": "1"}),
    ("/password", "/password", {"old": PASSWORD, "new": NEW, "again": NEW}),
)
INSIDE = re.compile(r"No space|cannot write|errno|RC_|credentials|journal|/data/|\.c:\d")


def fill_in(b, page, action, form):
    b.ask(page)
    return b.ask(action, {"csrf": b.csrf, **form})


def has(b, what):
    """Which of the forms have left something."""
    b.ask("/devices")
    found = {"/devices/add"} if "sunflower" in b.text else set()
    b.ask("/filters")
    found |= {"/filters/edit"} if "shop@far.test" in b.text else set()
    b.ask("/junk")
    found |= {"/junk/block"} if "eve@spam.test" in b.text else set()
    b.ask("/vacation")
    found |= {"/vacation"} if "gone fishing" in b.text else set()
    b.ask("/forward")
    found |= {"/forward"} if "x@far.test" in b.text else set()
    verdict(found == what, "what-is-there", (found, what))


def full(h, disk, b):
    disk.leave(0)
    for page in PAGES:
        status, _, text = b.ask(page)
        verdict(status == 200 and not INSIDE.search(text), f"full-disk-page {page}", (status, text))
    for page, action, form in FORMS:
        status, _, text = fill_in(b, page, action, form)
        verdict(status == 503 and "Try again in a minute" in text and "aria-invalid" not in text and
                not INSIDE.search(text), f"full-disk-form {action}", (status, text))
    has(b, set())
    status, _, _ = Browser(h).sign_in(password=NEW)
    verdict(status == 403, "full-disk-the-new-password-does-not-do", status)
    status, _, _ = Browser(h).sign_in()
    verdict(status == 303, "full-disk-signs-in", status)


def room(h, disk, b):
    disk.empty()
    for page, action, form in FORMS[:-1]:
        done = wait_until(lambda: fill_in(b, page, action, form)[0] == 303)
        verdict(done, f"room-again-form {action}", b.text)
    has(b, {action for _, action, _ in FORMS[:-1]})


def signed_in_again(h):
    """None while what was killed is away."""
    try:
        return signed_in(h)
    except (OSError, AssertionError):
        return None


def killed(h, b):
    """While forms are being sent: each answer is a page of ours, and what was said to be done is there."""
    done, odd = [], []

    def send():
        for i in range(40):
            try:
                status, to, text = fill_in(b, "/junk", "/junk/block", {"who": f"x{i}@spam.test"})
            except OSError:
                continue  # web itself has died
            if (status, to) == (303, "/junk?done=saved"):
                done.append(f"x{i}@spam.test")
            elif to.startswith("/sign-in"):
                b.sign_in()
            elif status not in (422, 503) or INSIDE.search(text):
                odd.append((status, to, text))

    t = threading.Thread(target=send)
    t.start()
    for label in ("account anna", "auth", "account anna", "web", "account anna") * 2:
        if not t.is_alive():
            break
        before = len(done)
        wait_until(lambda: len(done) > before or not t.is_alive())
        if wait_until(lambda: h.pids(label) or not t.is_alive()):
            h.kill(label)
    t.join()
    verdict(not odd, "killed-answers-are-pages", odd[:3])
    b = wait_until(lambda: signed_in_again(h))
    wait_until(lambda: b.ask("/junk")[0] == 200)
    lost = [who for who in done if b.text.count(f">{who}<") != 1]
    verdict(done and not lost, "killed-nothing-lost-nothing-twice", (lost, b.text))


def main():
    if not enter_namespace():
        skip("pages-disk", "no mount namespace of one's own here")
        finish()
    h = House(passwords=False, web=True)
    disk = Disk(h, 200)
    try:
        for u in h.users:
            h.command("passwd", u, "--stdin", input=PASSWORD + "\n")
        h.start()
        b = signed_in(h)
        b.ask("/home")  # with an account that was opened before
        full(h, disk, b)
        room(h, disk, b)
        killed(h, b)
    finally:
        h.stop()
        disk.unmount()
        h.__exit__(None, None, None)
    finish()


if __name__ == "__main__":
    main()
