/*
 * Folders of files, one message each.  Flags and dates are in a file
 * index.tsv of the folder, where an export has written it; else the date is
 * that of the message's Date field, else the file's.
 */
#include "base/plural.h"
#include "imap/transfer/disk.h"
#include "imap/transfer/file.h"
#include "imap/transfer/index.h"
#include "imap/transfer/input.h"
#include "imap/transfer/look.h"
#include "imap/transfer/mh.h"
#include "imap/transfer/source.h"
#include "imap/transfer/usual.h"
#include "mail/date.h"

#define DEPTH_MAX 32
#define INDEX_MAX (64u << 20)

struct walk {
	struct transfer *x;
	const struct sink *to;
	struct folder_map map;
	bool counting;
	size_t seen; /* messages, in the pass that counts */
	struct file_index index;
	bool mh;	      /* the folder is one of MH's */
	struct buf sequences; /* of it; empty: none */
	struct buf marks;     /* the same */
	unsigned partial;     /* messages without their attachments */
	struct buf flags;
	struct sv file;
	int64_t date; /* of the Date field */
	int32_t zone;
};

/* The Date field, if it is among the first bytes. */
static void
look_at_head(void *arg, struct sv s)
{
	struct walk *w = arg;

	w->date = 0;
	while (s.n > 0) {
		struct sv line = sv_trim(sv_split(&s, '\n'));

		if (line.n == 0)
			return;
		if (sv_istarts(line, SV("Date:"))) {
			if (mail_date_parse(
				sv_skip(line, 5), &w->date, &w->zone) != RC_OK)
				w->date = 0;
			return;
		}
	}
}

static void
fill(void *arg, struct transfer_msg *m)
{
	struct walk *w = arg;
	struct file_entry e;

	if (file_index_find(&w->index, w->file, &e)) {
		m->flags = e.flags;
		m->date = e.date;
		m->zone = e.zone;
		return;
	}
	buf_reset(&w->flags);
	if (w->mh && w->sequences.n > 0)
		mh_flags(buf_sv(&w->sequences), w->file, &w->flags);
	else if (w->mh)
		mh_mark_flags(buf_sv(&w->marks), w->file, &w->flags);
	m->flags = buf_sv(&w->flags);
	if (w->date != 0) {
		m->date = w->date;
		m->zone = w->zone;
	}
}

static bool
is_message(const struct walk *w, const struct broker_names *names, size_t i)
{
	struct sv name = broker_name(names, i), end;

	if (w->mh && broker_name_type(names, i) != BROKER_FOLDER &&
	    mh_is_message(name))
		return true;
	end = sv_skip(name, sv_rchr(name, '.'));
	return name.p[0] != '.' &&
	       broker_name_type(names, i) != BROKER_FOLDER &&
	       (sv_ieq(end, SV(".eml")) || sv_ieq(end, SV(".emlx")) ||
		   sv_ieq(end, SV(".msg")) || sv_ieq(end, SV(".txt")) ||
		   sv_ieq(end, SV(".mail")));
}

static int
file(struct walk *w, struct sv dir, struct sv name, struct err *err)
{
	struct file_source f = {.x = w->x,
	    .to = w->to,
	    .ours = w->map.text.n > 0,
	    .fill = fill,
	    .head = look_at_head,
	    .arg = w};
	struct transfer_msg m = {.date = 0};
	struct buf path;
	int r;

	buf_init(&path, TRANSFER_PATH_MAX);
	buf_set(&path, dir);
	buf_addsv(&path, name);
	m.name = buf_sv(&path);
	w->file = name;
	w->date = 0;
	if (disk_ends(name, SV(".partial.emlx")))
		w->partial++;
	report_advance(w->x->report, 1);
	r = file_push(&f, path.p, &m, err);
	buf_fini(&path);
	return r;
}

static int
files(struct walk *w, struct sv dir, const struct broker_names *names,
    struct err *err)
{
	size_t i;
	int r = RC_OK;

	for (i = 0; i < names->n && r == RC_OK; i++)
		if (is_message(w, names, i))
			r = file(w, dir, broker_name(names, i), err);
	return r;
}

static void
load_index(struct walk *w, struct sv dir)
{
	struct buf path;
	struct err why;

	file_index_reset(&w->index);
	buf_init(&path, TRANSFER_PATH_MAX);
	buf_addsv(&path, dir);
	buf_adds(&path, INDEX_FILE);
	if (source_read(w->x->broker, path.p, &w->index.text, &why) == RC_OK)
		file_index_sort(&w->index);
	else if (why.code != RC_NOTFOUND)
		report_skip(w->x->report, buf_sv(&path), why.text);
	buf_fini(&path);
}

static int
load(struct walk *w, struct sv dir, const char *name, struct buf *out)
{
	struct buf path;
	struct err why;
	int r;

	buf_reset(out);
	buf_init(&path, TRANSFER_PATH_MAX);
	buf_addsv(&path, dir);
	buf_adds(&path, name);
	r = source_read(w->x->broker, path.p, out, &why);
	if (r != RC_OK && why.code != RC_NOTFOUND)
		report_skip(w->x->report, buf_sv(&path), why.text);
	buf_fini(&path);
	return r;
}

static void
load_sequences(struct walk *w, struct sv dir)
{
	size_t i;

	buf_reset(&w->sequences);
	buf_reset(&w->marks);
	if (!w->mh || load(w, dir, MH_SEQUENCES, &w->sequences) == RC_OK)
		return;
	for (i = 0; i < 2; i++)
		if (load(w, dir, mh_marks[i], &w->marks) == RC_OK)
			return;
}

/* What the file begins with. */
static struct sv
peek(struct walk *w, struct sv dir, struct sv name, char *start, size_t size)
{
	struct input in;
	struct buf path;
	struct err why;
	size_t n = 0;

	buf_init(&path, TRANSFER_PATH_MAX);
	buf_addsv(&path, dir);
	buf_addsv(&path, name);
	if (buf_ok(&path) &&
	    source_open(w->x->broker, path.p, &in, &why) == RC_OK) {
		n = input_peek(&in, start, size);
		input_close(&in);
	}
	buf_fini(&path);
	return sv_of(start, n);
}

/* Has the folder files that are called by numbers?  Those of a folder that no
 * other file says to be MH's must look like messages. */
static bool
is_mh(struct walk *w, struct sv dir, const struct broker_names *names)
{
	char start[4096];
	size_t i;

	for (i = 0; i < names->n; i++)
		if (mh_is_mark(broker_name(names, i)))
			return true;
	for (i = 0; i < names->n; i++)
		if (broker_name_type(names, i) == BROKER_FILE &&
		    mh_is_message(broker_name(names, i)))
			return look_why_not(peek(w, dir, broker_name(names, i),
						start, sizeof start),
				   false) == NULL;
	return false;
}

/* Whole mailboxes beside messages are not left out without a word. */
static void
name_others(struct walk *w, struct sv dir, const struct broker_names *names)
{
	char start[8];
	struct buf path;
	size_t i;

	buf_init(&path, TRANSFER_PATH_MAX);
	for (i = 0; i < names->n; i++) {
		struct sv name = broker_name(names, i);

		buf_set(&path, dir);
		buf_addsv(&path, name);
		if (broker_name_type(names, i) == BROKER_FOLDER) {
			if (sv_eq(name, SV("cur")))
				report_skip(w->x->report, buf_sv(&path),
				    "it is a Maildir's; import that by itself");
		} else if (name.p[0] != '.' && !is_message(w, names, i) &&
			   sv_starts(peek(w, dir, name, start, sizeof start),
			       SV("From "))) {
			report_skip(w->x->report, buf_sv(&path),
			    "it is an mbox; import it by itself");
		}
	}
	buf_fini(&path);
}

/* Apple Mail has its messages deep below NAME.mbox: only these levels are the
 * folder's name.  False: there are none. */
static bool
apple_name(struct sv dir, struct buf *out)
{
	while (dir.n > 0) {
		struct sv level = sv_split(&dir, '/');

		if (!sv_ends(level, SV(".mbox")) || level.n == 5)
			continue;
		if (out->n > 0)
			buf_addc(out, '/');
		disk_put_name(out, sv_first(level, level.n - 5));
	}
	if (sv_ieq(buf_sv(out), SV("INBOX")))
		buf_set(out, SV("INBOX"));
	return out->n > 0 && buf_ok(out);
}

static int
named(struct walk *w, struct sv dir, struct transfer_folder *f,
    const struct broker_names *names, struct err *err)
{
	size_t i, n = 0;
	int r;

	w->mh = is_mh(w, dir, names);
	for (i = 0; i < names->n; i++)
		n += is_message(w, names, i);
	if (w->counting)
		w->seen += n;
	(void)folder_map_find(
	    &w->map, dir.n > 0 ? sv_first(dir, dir.n - 1) : SV("."), f);
	if (!transfer_wants_folder(w->x, f->name))
		return RC_OK;
	if (w->counting)
		report_expect(w->x->report, n);
	else if (w->map.text.n == 0)
		name_others(w, dir, names);
	/* A folder without messages is one if an export says so. */
	if (w->counting ||
	    (n == 0 && !folder_map_find(&w->map,
			   dir.n > 0 ? sv_first(dir, dir.n - 1) : SV("."), f)))
		return RC_OK;
	report_folder(w->x->report, f->name);
	load_index(w, dir);
	load_sequences(w, dir);
	w->partial = 0;
	r = w->to->folder(w->to->arg, f, err);
	if (r != RC_OK)
		return r == RC_DENIED ? RC_OK : r;
	r = files(w, dir, names, err);
	if (w->partial > 0)
		report_note(w->x->report,
		    "%.*s: %u message%s without attachments, which Apple Mail "
		    "keeps apart from .partial.emlx files",
		    SV_ARG(f->name), w->partial,
		    each(w->partial, " comes", "s come"));
	if (r == RC_OK)
		r = w->to->folder_end(w->to->arg, err);
	if (r == RC_OK)
		report_folder_end(w->x->report);
	return r;
}

static int
mailbox(struct walk *w, struct sv dir, struct sv name,
    const struct broker_names *names, struct err *err)
{
	struct transfer_folder f = {.name = SV("INBOX")};
	struct buf apple, own;
	int r;

	buf_init(&apple, TRANSFER_PATH_MAX);
	buf_init(&own, TRANSFER_PATH_MAX);
	disk_put_path(&own, name);
	if (own.n > 0 && buf_ok(&own))
		f.name = buf_sv(&own);
	if (w->map.text.n == 0 && apple_name(dir, &apple))
		f.name = buf_sv(&apple);
	if (w->map.text.n == 0)
		f.uses = usual_use(f.name);
	r = named(w, dir, &f, names, err);
	buf_fini(&own);
	buf_fini(&apple);
	return r;
}

static int
visit(struct walk *w, struct sv dir, unsigned depth, struct err *err)
{
	struct broker_names names;
	struct buf path;
	struct err why;
	size_t i;
	int r;

	buf_init(&path, TRANSFER_PATH_MAX);
	buf_addsv(&path, dir);
	if (source_list(w->x->broker, path.p, &names, &why) != RC_OK) {
		if (!w->counting)
			report_skip(w->x->report, dir, why.text);
		buf_fini(&path);
		return RC_OK;
	}
	r = mailbox(
	    w, dir, dir.n > 0 ? sv_first(dir, dir.n - 1) : dir, &names, err);
	for (i = 0; i < names.n && r == RC_OK; i++) {
		struct sv entry = broker_name(&names, i);

		if (broker_name_type(&names, i) != BROKER_FOLDER ||
		    entry.p[0] == '.')
			continue;
		buf_set(&path, dir);
		buf_addsv(&path, entry);
		buf_addc(&path, '/');
		if (depth < DEPTH_MAX && buf_ok(&path))
			r = visit(w, buf_sv(&path), depth + 1, err);
		else if (!w->counting)
			report_skip(w->x->report, buf_sv(&path),
			    "folders are too deep");
	}
	broker_names_fini(&names);
	buf_fini(&path);
	return r;
}

/* One file, into the inbox or where --into says. */
static int
one_file(struct walk *w, struct sv name, struct err *err)
{
	const struct transfer_folder f = {.name = SV("INBOX")};
	int r;

	if (!transfer_wants_folder(w->x, f.name))
		return RC_OK;
	report_expect(w->x->report, 1);
	report_folder(w->x->report, f.name);
	load_index(w, SV(""));
	w->mh = mh_is_message(name);
	load_sequences(w, SV(""));
	r = w->to->folder(w->to->arg, &f, err);
	if (r != RC_OK)
		return r == RC_DENIED ? RC_OK : r;
	r = file(w, SV(""), name, err);
	if (r == RC_OK)
		r = w->to->folder_end(w->to->arg, err);
	if (r == RC_OK)
		report_folder_end(w->x->report);
	return r;
}

static int
whole_tree(struct walk *w, struct err *err)
{
	int r = visit(w, SV(""), 0, err);

	w->counting = false;
	if (r == RC_OK && w->seen == 0 && w->map.text.n == 0)
		r = err_set(err, RC_PERM,
		    "there is not a message in it: no .eml or .emlx files");
	return r == RC_OK ? visit(w, SV(""), 0, err) : r;
}

int
from_eml(struct transfer *x, const char *path, const struct sink *to,
    struct err *err)
{
	struct walk w = {.x = x, .to = to, .counting = true};
	int r;

	folder_map_load(&w.map, x->broker);
	file_index_init(&w.index, INDEX_MAX);
	buf_init(&w.sequences, MH_SEQUENCES_MAX);
	buf_init(&w.marks, MH_MARKS_MAX);
	buf_init(&w.flags, 4096);
	r = path[0] != '\0' ? one_file(&w, sv_str(path), err)
			    : whole_tree(&w, err);
	buf_fini(&w.flags);
	buf_fini(&w.marks);
	buf_fini(&w.sequences);
	file_index_fini(&w.index);
	folder_map_fini(&w.map);
	return r;
}
