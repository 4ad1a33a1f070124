/* Which of an archive's folders has the mail, and what kind of mail. */
#include <string.h>

#include "base/plural.h"
#include "imap/transfer/archive_index.h"
#include "imap/transfer/disk.h"
#include "imap/transfer/input.h"
#include "imap/transfer/look.h"
#include "imap/transfer/message.h"
#include "imap/transfer/mh.h"
#include "imap/transfer/source.h"

#define PEEKS_MAX 2000

/* The folder that holds all of a kind. */
struct common {
	size_t n;
	struct buf folder; /* without '/' at its end */
};

struct finding {
	struct archive *a;
	struct common maildir, mbox, eml, ours, profile, home;
	bool marks;    /* of MH */
	size_t nested; /* archives in it */
	struct sv first_nested;
};

static struct sv
folder_of(struct sv path)
{
	size_t slash = sv_rchr(path, '/');

	return sv_first(path, slash < path.n ? slash : 0);
}

static struct sv
last_of(struct sv path)
{
	size_t slash = sv_rchr(path, '/');

	return slash < path.n ? sv_skip(path, slash + 1) : path;
}

static void
add_to(struct common *c, struct sv folder)
{
	size_t i = 0, n;

	if (c->n++ == 0) {
		buf_set(&c->folder, folder);
		return;
	}
	/* Whole levels only. */
	for (n = 0; n <= c->folder.n && n <= folder.n; n++) {
		char x = n < c->folder.n ? c->folder.p[n] : '/';
		char y = n < folder.n ? folder.p[n] : '/';

		if (x != y)
			break;
		if (x == '/')
			i = n;
	}
	buf_truncate(&c->folder, i);
}

/* The shortest only. */
static void
add_shortest(struct common *c, struct sv folder)
{
	if (c->n++ == 0 || folder.n < c->folder.n)
		buf_set(&c->folder, folder);
}

/* Above the first level that is itself a mailbox's. */
static struct sv
above(struct sv path, struct sv end)
{
	struct sv rest = path;

	while (rest.n > 0) {
		struct sv level = sv_split(&rest, '/');

		if (sv_ends(level, end))
			return folder_of(sv_first(
			    path, (size_t)(level.p - path.p) + level.n));
	}
	return path;
}

/* The Maildir that a path is in. */
static bool
maildir_of(struct sv path, struct sv *out)
{
	struct sv rest = path;

	while (rest.n > 0) {
		struct sv level = sv_split(&rest, '/');
		struct sv dir;

		if (!sv_eq(level, SV("cur")))
			continue;
		dir = folder_of(
		    sv_first(path, (size_t)(level.p - path.p) + level.n));
		/* Maildir++ has its folders right below. */
		if (sv_starts(last_of(dir), SV(".")))
			dir = folder_of(dir);
		*out = dir;
		return true;
	}
	return false;
}

/* Where cPanel's backups have all mail, which are of more than mail. */
static void
look_for_home(struct finding *f, struct sv path)
{
	struct sv home = SV("homedir/mail/");
	size_t at = sv_find(path, home);

	if (at < path.n && (at == 0 || path.p[at - 1] == '/'))
		add_shortest(&f->home, sv_first(path, at + home.n - 1));
}

static bool
is_archive_name(struct sv name)
{
	static const struct sv ends[] = {{".tar", 4}, {".tgz", 4}, {".zip", 4},
	    {".tar.gz", 7}, {".tar.bz2", 8}, {".tar.xz", 7}, {".7z", 3},
	    {".rar", 4}, {".pst", 4}};
	size_t i;

	for (i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (sv_ends(name, ends[i]))
			return true;
	return false;
}

/* What a file begins with, if it can be read. */
static struct sv
peek(struct archive *a, size_t i, char *start, size_t size)
{
	struct input in;
	struct err err;
	size_t n = 0;

	if (a->e[i].kind == ENTRY_FILE &&
	    source_open(a->broker, archive_name(a, i), &in, &err) == RC_OK) {
		n = input_peek(&in, start, size);
		input_close(&in);
	}
	return sv_of(start, n);
}

/* A message that is called by a number, as in MH. */
static bool
is_numbered(struct archive *a, size_t i)
{
	char start[4096];

	return mh_is_message(last_of(sv_str(archive_name(a, i)))) &&
	       look_why_not(peek(a, i, start, sizeof start), false) == NULL;
}

static bool
is_mbox(struct archive *a, size_t i)
{
	char start[5];

	return sv_eq(peek(a, i, start, sizeof start), SV("From "));
}

static void
classify(struct finding *f, struct sv path)
{
	struct sv name = last_of(path), dir = folder_of(path), maildir;
	size_t dot = sv_rchr(name, '.');
	struct sv end = sv_skip(name, dot);

	if (maildir_of(path, &maildir)) {
		add_to(&f->maildir, maildir);
		look_for_home(f, path);
	} else if (sv_eq(name, SV(FOLDERS_FILE))) {
		add_shortest(&f->ours, dir);
	} else if (sv_eq(name, SV("prefs.js"))) {
		add_shortest(&f->profile, dir);
	} else if (mh_is_mark(name)) {
		f->marks = true;
		add_to(&f->eml, above(dir, SV(".mbox")));
	} else if (sv_ieq(end, SV(".eml")) || sv_eq(name, SV("index.tsv"))) {
		add_to(&f->eml, above(dir, SV(".mbox")));
	} else if (sv_ieq(end, SV(".emlx"))) {
		add_to(&f->eml, above(dir, SV(".mbox")));
	} else if (sv_find(path, SV(".mbox/")) < path.n) {
		add_to(&f->mbox, above(path, SV(".mbox")));
	} else if (sv_find(path, SV(".sbd/")) < path.n) {
		add_to(&f->mbox, above(path, SV(".sbd")));
	} else if (sv_eq(end, SV(".mbox")) || sv_eq(end, SV(".msf"))) {
		add_to(&f->mbox, dir);
	} else if (is_archive_name(name)) {
		if (f->nested++ == 0)
			f->first_nested = path;
	}
}

/* Files without a name that says it: do they begin as an mbox does, or are
 * they MH's? */
static void
look_inside(struct finding *f, size_t from, size_t to)
{
	struct archive *a = f->a;
	unsigned looked = 0;

	for (; from < to && looked < PEEKS_MAX; from++) {
		struct sv dir = folder_of(sv_str(archive_name(a, from)));

		if (a->e[from].kind != ENTRY_FILE)
			continue;
		looked++;
		if (is_mbox(a, from))
			add_to(&f->mbox, dir);
		else if (is_numbered(a, from))
			add_to(&f->eml, dir);
	}
}

/* MH's folders beside those that have a mark. */
static void
look_for_numbers(struct finding *f, size_t from, size_t to)
{
	struct archive *a = f->a;
	struct sv last = SV("");
	unsigned looked = 0;

	for (; f->marks && from < to && looked < PEEKS_MAX; from++) {
		struct sv path = sv_str(archive_name(a, from));
		struct sv dir = folder_of(path);

		/* One of each folder. */
		if (!mh_is_message(last_of(path)) || sv_eq(dir, last))
			continue;
		last = dir;
		looked++;
		if (is_numbered(a, from))
			add_to(&f->eml, dir);
	}
}

static bool
is_mail(struct archive *a, size_t i, unsigned *looked)
{
	struct sv path = sv_str(archive_name(a, i)), name = last_of(path), dir;

	if (maildir_of(path, &dir) || disk_ends(name, SV(".eml")) ||
	    disk_ends(name, SV(".emlx")))
		return true;
	if (*looked >= PEEKS_MAX)
		return false;
	++*looked;
	return is_mbox(a, i) || is_numbered(a, i);
}

/* What is mail, too, but in another form or elsewhere, does not come; that is
 * said. */
static void
name_others(struct finding *f, struct sv folder, size_t from, size_t to)
{
	struct archive *a = f->a;
	struct sv first = SV("");
	unsigned looked = 0, n = 0;
	struct buf root;

	if (folder.n == 0)
		return;
	buf_init(&root, folder.n + 2);
	buf_addsv(&root, folder);
	buf_addc(&root, '/');

	for (; from < to; from++) {
		struct sv path = sv_str(archive_name(a, from));

		if (a->e[from].kind != ENTRY_FILE ||
		    sv_starts(path, buf_sv(&root)) ||
		    !is_mail(a, from, &looked))
			continue;
		if (n++ == 0)
			first = path;
	}
	if (n > 0)
		report_note(a->report,
		    "%s: only what is in %.*s is imported; %u file%s of mail "
		    "outside of it %s not (%.*s): name the folder behind the "
		    "archive",
		    a->path, SV_ARG(sv_first(folder, 100)), n, plural(n),
		    each(n, "is", "are"), SV_ARG(sv_first(first, 100)));
	buf_fini(&root);
}

static enum archive_content
decide(struct finding *f, enum archive_content want, struct common **at)
{
	struct common *const of[] = {NULL, &f->maildir, &f->mbox, &f->eml};

	if (want == ARCHIVE_HAS_NOTHING) {
		want = f->profile.n > 0	  ? ARCHIVE_HAS_MBOX
		       : f->maildir.n > 0 ? ARCHIVE_HAS_MAILDIR
		       : f->eml.n > 0	  ? ARCHIVE_HAS_EML
		       : f->mbox.n > 0	  ? ARCHIVE_HAS_MBOX
					  : ARCHIVE_HAS_NOTHING;
		if (want == ARCHIVE_HAS_NOTHING)
			return want;
	}
	*at = of[want];
	if (f->ours.n > 0)
		*at = &f->ours;
	else if (want == ARCHIVE_HAS_MBOX && f->profile.n > 0)
		*at = &f->profile;
	else if (want == ARCHIVE_HAS_MAILDIR && f->home.n > 0)
		*at = &f->home;
	return (*at)->n > 0 ? want : ARCHIVE_HAS_NOTHING;
}

static int
nothing(const struct finding *f, struct err *err)
{
	if (f->nested > 0)
		return err_set(err, RC_PERM,
		    "there is no mail in it, but other archives (%.*s); unpack "
		    "those",
		    SV_ARG(sv_first(f->first_nested, 80)));
	return err_set(err, RC_PERM,
	    "there is no mail in it that is known as such; --format maildir, "
	    "mbox or eml");
}

static void
set_root(struct archive *a, struct sv folder)
{
	buf_set(&a->root, folder);
	if (folder.n > 0)
		buf_addc(&a->root, '/');
}

/* Below `inner`, which is a folder. */
static int
enter(struct finding *f, struct sv inner, enum archive_content want,
    struct archive_found *out, struct err *err)
{
	struct archive *a = f->a;
	struct common *at = NULL;
	struct buf below;
	size_t first, last;

	buf_init(&below, inner.n + 2);
	buf_addsv(&below, inner);
	if (inner.n > 0)
		buf_addc(&below, '/');
	first = last = archive_lower(a, buf_sv(&below));
	for (; last < a->n &&
	       sv_starts(sv_str(archive_name(a, last)), buf_sv(&below));
	     last++)
		classify(f, sv_str(archive_name(a, last)));
	buf_fini(&below);
	if (inner.n > 0 && first == last)
		return err_set(err, RC_NOTFOUND, "there is no \"%.*s\" in it",
		    SV_ARG(sv_first(inner, 100)));
	look_for_numbers(f, first, last);
	out->content = decide(f, want, &at);
	if (out->content == ARCHIVE_HAS_NOTHING &&
	    (want == ARCHIVE_HAS_NOTHING || want == ARCHIVE_HAS_MBOX)) {
		look_inside(f, first, last);
		out->content = decide(f, want, &at);
	}
	if (out->content == ARCHIVE_HAS_NOTHING)
		return nothing(f, err);
	if (inner.n == 0)
		name_others(f, buf_sv(&at->folder), first, last);
	set_root(a, inner.n > 0 ? inner : buf_sv(&at->folder));
	if (f->nested > 0)
		report_note(a->report,
		    "%s: archives in it, which are not opened: %zu (%.*s)",
		    a->path, f->nested, SV_ARG(sv_first(f->first_nested, 100)));
	return RC_OK;
}

static bool
is_message_file(struct archive *a, const char *path)
{
	char start[4096];
	struct input in;
	struct err err;
	bool is;

	if (source_open(a->broker, path, &in, &err) != RC_OK)
		return false;
	is = look_message_file(
	    sv_str(path), sv_of(start, input_peek(&in, start, sizeof start)));
	input_close(&in);
	return is;
}

int
archive_enter(struct archive *a, const char *inner, enum archive_content want,
    struct archive_found *out, struct err *err)
{
	struct finding f = {.a = a};
	struct common *all[] = {
	    &f.maildir, &f.mbox, &f.eml, &f.ours, &f.profile, &f.home};
	struct sv in = sv_str(inner);
	size_t i, n = archive_lower(a, in);
	int r = RC_OK;

	*out = (struct archive_found){.file = ""};
	while (in.n > 0 && in.p[in.n - 1] == '/')
		in.n--;
	if (a->single)
		in = sv_str(archive_name(a, 0));
	n = archive_lower(a, in);
	if (n < a->n && in.n > 0 && sv_eq(in, sv_str(archive_name(a, n))) &&
	    a->e[n].kind != ENTRY_FOLDER) {
		set_root(a, folder_of(in));
		out->file = archive_name(a, n) + a->root.n;
		out->content = want == ARCHIVE_HAS_EML ||
				       (want == ARCHIVE_HAS_NOTHING &&
					   is_message_file(a, out->file))
				   ? ARCHIVE_HAS_EML
				   : ARCHIVE_HAS_MBOX;
		return RC_OK;
	}
	for (i = 0; i < sizeof all / sizeof all[0]; i++)
		buf_init(&all[i]->folder, TRANSFER_PATH_MAX);
	r = enter(&f, in, want, out, err);
	for (i = 0; i < sizeof all / sizeof all[0]; i++)
		buf_fini(&all[i]->folder);
	return r;
}
