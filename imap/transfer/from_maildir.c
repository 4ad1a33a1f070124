/*
 * Maildir, Maildir++ and Maildir below folders (Dovecot's LAYOUT=fs): every
 * folder that has cur or new is one.
 */
#include "base/plural.h"
#include "imap/transfer/disk.h"
#include "imap/transfer/file.h"
#include "imap/transfer/input.h"
#include "imap/transfer/look.h"
#include "imap/transfer/maildir.h"
#include "imap/transfer/source.h"
#include "imap/transfer/usual.h"

#define DEPTH_MAX     32
#define KEYWORDS_FILE "dovecot-keywords"
#define KEYWORDS_SIZE (64u << 10)
#define COURIER_FILE  "courierimapkeywords/:list"
#define COURIER_SIZE  (4u << 20)
#define EVOLUTION     SV("..maildir++") /* a file that says it */

struct walk {
	struct transfer *x;
	const struct sink *to;
	struct folder_map map;
	struct buf subscribed; /* lines; empty: nothing says it */
	bool counting;	       /* how many are there? nothing is pushed */
	bool found;	       /* a Maildir */
	bool sole;	       /* there is nothing but Maildirs */
	bool evolution;	       /* its way to write names */
	struct maildir_keywords keywords;
	struct buf courier; /* its list of keywords; or empty */
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

/* Into w->flags; how many of them have no meaning here. */
static unsigned
read_flags(struct walk *w)
{
	unsigned unknown;

	buf_reset(&w->flags);
	maildir_flags(w->file, &w->keywords, &w->flags, &unknown);
	maildir_courier_keywords(
	    buf_sv(&w->courier), maildir_base(w->file), &w->flags);
	return unknown;
}

static void
fill(void *arg, struct transfer_msg *m)
{
	struct walk *w = arg;

	w->unknown += read_flags(w);
	m->flags = buf_sv(&w->flags);
	/* A copy has the time of the copying; a message that was put there
	 * later has its own. */
	if (maildir_time(w->file) != 0 && maildir_time(w->file) < m->date)
		m->date = maildir_time(w->file);
}

static void
known(struct walk *w, struct sv key)
{
	report_known(w->x->report);
	if (w->to->known == NULL)
		return;
	(void)read_flags(w);
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
load_courier(struct walk *w, struct sv dir)
{
	struct buf path;
	struct err why;

	buf_reset(&w->courier);
	buf_init(&path, TRANSFER_PATH_MAX);
	buf_addsv(&path, dir);
	buf_adds(&path, COURIER_FILE);
	if (source_read(w->x->broker, path.p, &w->courier, &why) != RC_OK &&
	    why.code != RC_NOTFOUND)
		report_skip(w->x->report, buf_sv(&path), why.text);
	buf_fini(&path);
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
		load_courier(w, dir);
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

/* "INBOX.Sent" has two levels. */
static void
put_dotted(struct buf *out, struct sv entry)
{
	size_t start = out->n, i;

	disk_put_name(out, entry);
	for (i = start; i < out->n; i++)
		if (out->p[i] == '.')
			out->p[i] = '/';
}

/* The mailbox's name of a folder in `parent`; false: it is none.  `plus`: the
 * one above is a Maildir, so that a dot begins the name of a folder of its. */
static bool
name_of(const struct walk *w, struct sv parent, struct sv entry, bool plus,
    struct buf *out)
{
	struct sv kmail = plus ? SV("") : disk_kmail(entry);
	size_t start;
	int r;

	buf_addsv(out, parent);
	if (parent.n > 0)
		buf_addc(out, '/');
	start = out->n;
	if (kmail.n > 0)
		disk_put_name(out, kmail);
	else if (entry.p[0] == '.') {
		/* Several accounts' Maildirs below one folder have theirs, too.
		 */
		r = maildir_folder_name(entry, out);
		if (r == RC_OK && w->evolution)
			maildir_evolution_name(out, start);
		return r == RC_OK && buf_ok(out);
	} else if (!plus && disk_has_dots(entry))
		put_dotted(out, entry);
	else if (sv_ends(entry, SV(".sbd")))
		/* Thunderbird has what is below NAME there. */
		disk_put_name(out, disk_strip(entry));
	else
		disk_put_name(out, entry);
	return buf_ok(out);
}

static int
below(struct walk *w, struct sv dir, struct sv name, struct sv entry, bool plus,
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
	} else if (name_of(w, name, entry, plus, &mailbox)) {
		r = visit(w, buf_sv(&path), buf_sv(&mailbox), depth, err);
	} else if (!w->counting && entry.n > 1) {
		report_skip(w->x->report, buf_sv(&path),
		    "its name cannot be a mailbox name");
	}
	buf_fini(&mailbox);
	buf_fini(&path);
	return r;
}

/* Mail of another form beside a Maildir is not left out without a
 * word. */
static void
name_others(struct walk *w, struct sv dir, const struct broker_names *names)
{
	char start[4096];
	struct buf path;
	struct input in;
	struct err why;
	size_t i;

	buf_init(&path, TRANSFER_PATH_MAX);
	for (i = 0; i < names->n; i++) {
		struct sv s, entry = broker_name(names, i);

		if (broker_name_type(names, i) != BROKER_FILE ||
		    entry.p[0] == '.')
			continue;
		buf_set(&path, dir);
		buf_addsv(&path, entry);
		if (!buf_ok(&path) ||
		    source_open(w->x->broker, path.p, &in, &why) != RC_OK)
			continue;
		s = sv_of(start, input_peek(&in, start, sizeof start));
		input_close(&in);
		if (sv_starts(s, SV("From ")))
			report_skip(w->x->report, buf_sv(&path),
			    "it is an mbox beside a Maildir; import it by "
			    "itself");
		else if (look_message_file(entry, s))
			report_skip(w->x->report, buf_sv(&path),
			    "it is a message beside a Maildir; import it by "
			    "itself");
	}
	buf_fini(&path);
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
	for (i = 0; i < names.n && depth == 0; i++)
		w->evolution =
		    w->evolution || sv_eq(broker_name(&names, i), EVOLUTION);
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
	if (!w->counting && w->sole && (any || depth == 0) &&
	    w->map.text.n == 0)
		name_others(w, dir, &names);
	if (any)
		r = maildir(w, dir, &f, err);
	else if (depth == 0 && names.n == 0)
		r = err_set(err, RC_PERM, "the folder is empty");
	for (i = 0; i < names.n && r == RC_OK; i++)
		if (broker_name_type(&names, i) == BROKER_FOLDER &&
		    !is_part(broker_name(&names, i)))
			r = below(w, dir, name, broker_name(&names, i), any,
			    depth + 1, err);
	broker_names_fini(&names);
	buf_fini(&path);
	return r;
}

int
from_maildir_at(struct transfer *x, const struct sink *to, bool counting,
    struct sv dir, struct sv name, struct err *err)
{
	struct walk w = {.x = x, .to = to, .counting = counting};
	int r;

	buf_init(&w.map.text, 0);
	buf_init(&w.flags, 16384);
	buf_init(&w.subscribed, 0);
	buf_init(&w.courier, COURIER_SIZE);
	r = visit(&w, dir, name, 0, err);
	maildir_keywords_fini(&w.keywords);
	buf_fini(&w.courier);
	buf_fini(&w.subscribed);
	buf_fini(&w.flags);
	buf_fini(&w.map.text);
	return r;
}

int
from_maildir(struct transfer *x, const struct sink *to, struct err *err)
{
	struct walk w = {.x = x, .to = to, .counting = true, .sole = true};
	int r;

	folder_map_load(&w.map, x->broker);
	buf_init(&w.flags, 16384);
	buf_init(&w.subscribed, 8u << 20);
	buf_init(&w.courier, COURIER_SIZE);
	load_subscriptions(&w);
	r = visit(&w, SV(""), SV(""), 0, err);
	w.counting = false;
	if (r == RC_OK && !w.found)
		r = err_set(err, RC_PERM,
		    "there is not a Maildir in it: no folder with cur or new");
	if (r == RC_OK)
		r = visit(&w, SV(""), SV(""), 0, err);
	maildir_keywords_fini(&w.keywords);
	buf_fini(&w.courier);
	buf_fini(&w.subscribed);
	buf_fini(&w.flags);
	folder_map_fini(&w.map);
	return r;
}
