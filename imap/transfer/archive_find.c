/* Which of an archive's folders has the mail, and what kind of mail. */
#include <string.h>

#include "imap/transfer/archive_index.h"
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
	} else if (sv_ieq(end, SV(".eml")) || sv_eq(name, SV("index.tsv"))) {
		add_to(&f->eml, above(dir, SV(".mbox")));
	} else if (sv_ieq(end, SV(".emlx")) || mh_is_mark(name)) {
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

/* Files without a name that says it: do they begin as an mbox does? */
static void
look_inside(struct finding *f, size_t from, size_t to)
{
	struct archive *a = f->a;
	unsigned looked = 0;

	for (; from < to && looked < PEEKS_MAX; from++) {
		struct sv path = sv_str(archive_name(a, from));
		struct input in;
		struct err err;
		char start[5];

		if (a->e[from].kind != ENTRY_FILE ||
		    source_open(a->broker, path.p, &in, &err) != RC_OK)
			continue;
		looked++;
		if (input_peek(&in, start, sizeof start) == sizeof start &&
		    memcmp(start, "From ", sizeof start) == 0)
			add_to(&f->mbox, folder_of(path));
		input_close(&in);
	}
}

static enum archive_content
decide(struct finding *f, enum archive_content want, struct common **at)
{
	struct common *const of[] = {NULL, &f->maildir, &f->mbox, &f->eml};

	if (want == ARCHIVE_HAS_NOTHING) {
		want = f->maildir.n > 0 ? ARCHIVE_HAS_MAILDIR
		       : f->eml.n > 0	? ARCHIVE_HAS_EML
		       : f->mbox.n > 0 || f->profile.n > 0
			   ? ARCHIVE_HAS_MBOX
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
	out->content = decide(f, want, &at);
	if (out->content == ARCHIVE_HAS_NOTHING &&
	    (want == ARCHIVE_HAS_NOTHING || want == ARCHIVE_HAS_MBOX)) {
		look_inside(f, first, last);
		out->content = decide(f, want, &at);
	}
	if (out->content == ARCHIVE_HAS_NOTHING)
		return nothing(f, err);
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
