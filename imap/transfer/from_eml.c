/*
 * Folders of files, one message each.  Flags and dates are in a file
 * index.tsv of the folder, where an export has written it; else the date is
 * that of the message's Date field, else the file's.
 */
#include "base/ascii.h"
#include "imap/transfer/file.h"
#include "imap/transfer/index.h"
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
	if (w->mh && w->sequences.n > 0) {
		buf_reset(&w->flags);
		mh_flags(buf_sv(&w->sequences), w->file, &w->flags);
		m->flags = buf_sv(&w->flags);
	}
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

static void
load_sequences(struct walk *w, struct sv dir)
{
	struct buf path;
	struct err why;

	buf_reset(&w->sequences);
	if (!w->mh)
		return;
	buf_init(&path, TRANSFER_PATH_MAX);
	buf_addsv(&path, dir);
	buf_adds(&path, MH_SEQUENCES);
	if (source_read(w->x->broker, path.p, &w->sequences, &why) != RC_OK &&
	    why.code != RC_NOTFOUND)
		report_skip(w->x->report, buf_sv(&path), why.text);
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
		buf_addsv(out, sv_first(level, level.n - 5));
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

	w->mh = false;
	for (i = 0; i < names->n; i++)
		w->mh = w->mh || mh_is_mark(broker_name(names, i));
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
	/* A folder without messages is one if an export says so. */
	if (w->counting ||
	    (n == 0 && !folder_map_find(&w->map,
			   dir.n > 0 ? sv_first(dir, dir.n - 1) : SV("."), f)))
		return RC_OK;
	report_folder(w->x->report, f->name);
	load_index(w, dir);
	load_sequences(w, dir);
	r = w->to->folder(w->to->arg, f, err);
	if (r != RC_OK)
		return r == RC_DENIED ? RC_OK : r;
	r = files(w, dir, names, err);
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
	struct transfer_folder f = {.name = name.n > 0 ? name : SV("INBOX")};
	struct buf apple;
	int r;

	buf_init(&apple, TRANSFER_PATH_MAX);
	if (w->map.text.n == 0 && apple_name(dir, &apple))
		f.name = buf_sv(&apple);
	if (w->map.text.n == 0)
		f.uses = usual_use(f.name);
	r = named(w, dir, &f, names, err);
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
	buf_init(&w.flags, 4096);
	r = path[0] != '\0' ? one_file(&w, sv_str(path), err)
			    : whole_tree(&w, err);
	buf_fini(&w.flags);
	buf_fini(&w.sequences);
	file_index_fini(&w.index);
	folder_map_fini(&w.map);
	return r;
}
