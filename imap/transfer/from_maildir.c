/*
 * Maildir, Maildir++ and Maildir below folders (Dovecot's LAYOUT=fs): every
 * folder that has cur or new is one.
 */
#include "base/plural.h"
#include "imap/transfer/file.h"
#include "imap/transfer/maildir.h"
#include "imap/transfer/source.h"
#include "imap/transfer/usual.h"

#define DEPTH_MAX     32
#define KEYWORDS_FILE "dovecot-keywords"
#define KEYWORDS_SIZE (64u << 10)

struct walk {
	struct transfer *x;
	const struct sink *to;
	struct folder_map map;
	struct buf subscribed; /* lines; empty: nothing says it */
	bool counting;	       /* how many are there? nothing is pushed */
	bool found;	       /* a Maildir */
	struct maildir_keywords keywords;
	struct buf flags;
	struct sv file; /* being pushed */
	unsigned unknown;
};

static bool
is_part(struct sv name)
{
	return sv_eq(name, SV("cur")) || sv_eq(name, SV("new")) ||
	       sv_eq(name, SV("tmp"));
}

static void
fill(void *arg, struct transfer_msg *m)
{
	struct walk *w = arg;
	unsigned unknown;

	buf_reset(&w->flags);
	maildir_flags(w->file, &w->keywords, &w->flags, &unknown);
	w->unknown += unknown;
	m->flags = buf_sv(&w->flags);
	/* A copy has the time of the copying; a message that was put there
	 * later has its own. */
	if (maildir_time(w->file) != 0 && maildir_time(w->file) < m->date)
		m->date = maildir_time(w->file);
}

static void
known(struct walk *w, struct sv key)
{
	unsigned unknown;

	report_known(w->x->report);
	if (w->to->known == NULL)
		return;
	buf_reset(&w->flags);
	maildir_flags(w->file, &w->keywords, &w->flags, &unknown);
	w->to->known(w->to->arg, key, buf_sv(&w->flags));
}

/* The messages in cur or new. */
static int
part(struct walk *w, struct sv dir, const char *which, struct err *err)
{
	struct file_source f = {.x = w->x,
	    .to = w->to,
	    .ours = w->map.text.n > 0,
	    .lenient = true,
	    .fill = fill,
	    .arg = w};
	struct broker_names names;
	struct err why;
	struct buf path;
	size_t i, base;
	int r = RC_OK;

	buf_init(&path, TRANSFER_PATH_MAX);
	buf_addsv(&path, dir);
	buf_adds(&path, which);
	if (source_list(w->x->broker, path.p, &names, &why) != RC_OK) {
		if (why.code != RC_NOTFOUND && !w->counting)
			report_skip(w->x->report, buf_sv(&path), why.text);
		buf_fini(&path);
		return RC_OK;
	}
	if (w->counting)
		report_expect(w->x->report, names.n);
	buf_addc(&path, '/');
	base = path.n;
	for (i = 0; i < names.n && !w->counting && r == RC_OK; i++) {
		struct transfer_msg m = {.date = 0};

		w->file = broker_name(&names, i);
		buf_truncate(&path, base);
		buf_addsv(&path, w->file);
		report_advance(w->x->report, 1);
		/* Names with a dot before them are other programs' notes. */
		if (w->file.p[0] == '.' ||
		    broker_name_type(&names, i) == BROKER_FOLDER)
			continue;
		m.name = buf_sv(&path);
		m.key = maildir_base(w->file);
		if (!buf_ok(&path))
			report_skip(
			    w->x->report, m.name, "its path is too long");
		else if (!w->to->want(w->to->arg, m.key))
			known(w, m.key);
		else
			r = file_push(&f, path.p, &m, err);
	}
	broker_names_fini(&names);
	buf_fini(&path);
	return r;
}

static void
load_keywords(struct walk *w, struct sv dir)
{
	struct buf path, text;
	unsigned bad = 0;
	struct err why;

	buf_init(&path, TRANSFER_PATH_MAX);
	buf_init(&text, KEYWORDS_SIZE);
	buf_addsv(&path, dir);
	buf_adds(&path, KEYWORDS_FILE);
	maildir_keywords_fini(&w->keywords);
	if (source_read(w->x->broker, path.p, &text, &why) == RC_OK)
		maildir_keywords_parse(buf_sv(&text), &w->keywords, &bad);
	else if (why.code != RC_NOTFOUND)
		report_skip(w->x->report, buf_sv(&path), why.text);
	if (bad > 0)
		report_note(w->x->report,
		    "%s: %u line%s; messages are imported without %s", path.p,
		    bad, each(bad, " is not a keyword", "s are not keywords"),
		    each(bad, "it", "them"));
	buf_fini(&text);
	buf_fini(&path);
}

/* One Maildir; dir is "" or ends in '/'. */
static int
maildir(struct walk *w, struct sv dir, const struct transfer_folder *f,
    struct err *err)
{
	int r;

	if (!transfer_wants_folder(w->x, f->name))
		return RC_OK;
	if (!w->counting) {
		report_folder(w->x->report, f->name);
		load_keywords(w, dir);
		w->unknown = 0;
		r = w->to->folder(w->to->arg, f, err);
		if (r != RC_OK)
			return r == RC_DENIED ? RC_OK : r;
	}
	r = part(w, dir, "cur", err);
	if (r == RC_OK)
		r = part(w, dir, "new", err);
	if (r != RC_OK || w->counting)
		return r;
	if (w->unknown > 0)
		report_note(w->x->report,
		    "%.*s: %u flag%s in names of files %s no meaning here",
		    SV_ARG(f->name), w->unknown, plural(w->unknown),
		    each(w->unknown, "has", "have"));
	r = w->to->folder_end(w->to->arg, err);
	if (r == RC_OK)
		report_folder_end(w->x->report);
	return r;
}

/* Dovecot's list, else Courier's. */
static void
load_subscriptions(struct walk *w)
{
	struct buf text;
	struct err why;

	buf_init(&text, 4u << 20);
	if (source_read(w->x->broker, SUBSCRIPTIONS_FILE, &text, &why) !=
		RC_OK &&
	    source_read(w->x->broker, "courierimapsubscribed", &text, &why) !=
		RC_OK)
		buf_reset(&text);
	maildir_subscriptions(buf_sv(&text), &w->subscribed);
	buf_fini(&text);
}

static bool
is_subscribed(const struct walk *w, struct sv name)
{
	struct sv rest = buf_sv(&w->subscribed);

	while (rest.n > 0)
		if (sv_eq(sv_split(&rest, '\n'), name))
			return true;
	return false;
}

static int visit(struct walk *w, struct sv dir, struct sv name, unsigned depth,
    struct err *err);

/* The mailbox's name of a folder in `parent`; false: it is none. */
static bool
name_of(struct walk *w, struct sv parent, struct sv entry, struct buf *out)
{
	if (entry.p[0] == '.') {
		/* Several accounts' Maildirs below one folder have theirs, too.
		 */
		buf_addsv(out, parent);
		if (parent.n > 0)
			buf_addc(out, '/');
		return maildir_folder_name(entry, out) == RC_OK && buf_ok(out);
	}
	/* Thunderbird has what is below NAME in NAME.sbd. */
	if (sv_ends(entry, SV(".sbd")) && entry.n > 4)
		entry.n -= 4;
	buf_addsv(out, parent);
	if (parent.n > 0)
		buf_addc(out, '/');
	buf_addsv(out, entry);
	(void)w;
	return buf_ok(out);
}

static int
below(struct walk *w, struct sv dir, struct sv name, struct sv entry,
    unsigned depth, struct err *err)
{
	struct buf path, mailbox;
	int r = RC_OK;

	buf_init(&path, TRANSFER_PATH_MAX);
	buf_init(&mailbox, TRANSFER_PATH_MAX);
	buf_addsv(&path, dir);
	buf_addsv(&path, entry);
	buf_addc(&path, '/');
	if (!buf_ok(&path) || depth > DEPTH_MAX) {
		if (!w->counting)
			report_skip(w->x->report, buf_sv(&path),
			    "folders are too deep");
	} else if (name_of(w, name, entry, &mailbox)) {
		r = visit(w, buf_sv(&path), buf_sv(&mailbox), depth, err);
	} else if (!w->counting && entry.n > 1) {
		report_skip(w->x->report, buf_sv(&path),
		    "its name cannot be a mailbox name");
	}
	buf_fini(&mailbox);
	buf_fini(&path);
	return r;
}

/* A folder of the disk: a Maildir, folders below it, or both. */
static int
visit(struct walk *w, struct sv dir, struct sv name, unsigned depth,
    struct err *err)
{
	struct transfer_folder f = {.name = name.n > 0 ? name : SV("INBOX")};
	struct broker_names names;
	struct buf path;
	struct err why;
	bool any = false;
	size_t i;
	int r = RC_OK;

	buf_init(&path, TRANSFER_PATH_MAX);
	buf_addsv(&path, dir);
	if (source_list(w->x->broker, path.p, &names, &why) != RC_OK) {
		if (!w->counting)
			report_skip(w->x->report, dir, why.text);
		buf_fini(&path);
		return RC_OK;
	}
	for (i = 0; i < names.n; i++)
		any = any || sv_eq(broker_name(&names, i), SV("cur")) ||
		      sv_eq(broker_name(&names, i), SV("new"));
	(void)folder_map_find(
	    &w->map, dir.n > 0 ? sv_first(dir, dir.n - 1) : SV("."), &f);
	if (w->map.text.n == 0) {
		f.uses = usual_use(f.name);
		f.unsubscribed =
		    w->subscribed.n > 0 && !is_subscribed(w, f.name);
	}
	w->found = w->found || any;
	if (any)
		r = maildir(w, dir, &f, err);
	else if (depth == 0 && names.n == 0)
		r = err_set(err, RC_PERM, "the folder is empty");
	for (i = 0; i < names.n && r == RC_OK; i++)
		if (broker_name_type(&names, i) == BROKER_FOLDER &&
		    !is_part(broker_name(&names, i)))
			r = below(w, dir, name, broker_name(&names, i),
			    depth + 1, err);
	broker_names_fini(&names);
	buf_fini(&path);
	return r;
}

int
from_maildir(struct transfer *x, const struct sink *to, struct err *err)
{
	struct walk w = {.x = x, .to = to, .counting = true};
	int r;

	folder_map_load(&w.map, x->broker);
	buf_init(&w.flags, 16384);
	buf_init(&w.subscribed, 8u << 20);
	load_subscriptions(&w);
	r = visit(&w, SV(""), SV(""), 0, err);
	w.counting = false;
	if (r == RC_OK && !w.found)
		r = err_set(err, RC_PERM,
		    "there is not a Maildir in it: no folder with cur or new");
	if (r == RC_OK)
		r = visit(&w, SV(""), SV(""), 0, err);
	maildir_keywords_fini(&w.keywords);
	buf_fini(&w.subscribed);
	buf_fini(&w.flags);
	folder_map_fini(&w.map);
	return r;
}
