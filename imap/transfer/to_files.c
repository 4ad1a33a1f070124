/*
 * Into files: Maildir++, mboxrd, or folders of .eml.  The paths are made of
 * the mailboxes' names as far as those make paths; folders.tsv has the names
 * as they are.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/io.h"
#include "imap/transfer/area.h"
#include "imap/transfer/index.h"
#include "imap/transfer/lines.h"
#include "imap/transfer/maildir.h"
#include "imap/transfer/mbox.h"
#include "imap/transfer/message.h"

#define LEVEL_MAX     120 /* bytes of one level in a path */
#define MAP_MAX	      (4u << 20)
#define INDEX_PENDING (64u << 10)

struct to_files {
	struct transfer *x;
	enum files_format format;
	struct buf map;	       /* folders.tsv */
	struct buf subscribed; /* of a Maildir: lines as in the paths */
	unsigned folders;

	/* The folder that is being written. */
	struct buf path; /* "" or ends in '/'; of an mbox the file's */
	struct maildir_keywords keywords;
	uint32_t number;
	int fd;		    /* the mbox, or the index; -1: none */
	struct buf pending; /* lines of the index */

	/* The message that is coming. */
	struct area area;
	struct lines_check check;
};

/* ---- paths ---- */

/* A level of a name as a part of a path: no dots before it, nothing that a
 * shell or another system stumbles over. */
static void
put_level(struct buf *out, struct sv level)
{
	size_t i;

	level = sv_first(level, LEVEL_MAX);
	if (level.n > 0 && level.p[0] == '.')
		buf_addc(out, '_');
	for (i = 0; i < level.n; i++)
		buf_addc(out, ascii_is_ctl(level.p[i]) || level.p[i] == '\\'
				  ? '_'
				  : level.p[i]);
}

static void
put_tree(struct buf *out, struct sv name)
{
	while (name.n > 0) {
		struct sv level = sv_split(&name, '/');

		put_level(out, level);
		if (name.n > 0)
			buf_addc(out, '/');
	}
}

static void
put_maildir(struct to_files *t, struct buf *out, struct sv name)
{
	if (sv_eq(name, SV("INBOX")))
		return;
	if (maildir_folder_dir(name, out) != RC_OK || out->n > 200) {
		buf_reset(out);
		buf_addf(out, ".folder-%u", t->folders);
	}
}

/* Makes all folders above the last '/' of the path. */
static int
make_parents(struct to_files *t, struct err *err)
{
	struct buf b;
	size_t i;
	int r = RC_OK;

	buf_init(&b, TRANSFER_PATH_MAX);
	for (i = 0; i < t->path.n && r == RC_OK; i++) {
		if (t->path.p[i] != '/')
			continue;
		buf_reset(&b);
		buf_add(&b, t->path.p, i);
		r = broker_make_folder(t->x->broker, b.p, err);
	}
	buf_fini(&b);
	return r;
}

static int
join(struct to_files *t, const char *more, struct buf *out, struct err *err)
{
	buf_init(out, TRANSFER_PATH_MAX);
	buf_addsv(out, buf_sv(&t->path));
	buf_adds(out, more);
	return buf_ok(out) ? RC_OK
			   : err_set(err, RC_TOOBIG, "a path is too long");
}

/* ---- folders ---- */

static int
begin_maildir(struct to_files *t, struct err *err)
{
	static const char *const parts[] = {"cur", "new", "tmp"};
	size_t i;
	int r = make_parents(t, err);

	for (i = 0; i < 3 && r == RC_OK; i++) {
		struct buf b;

		r = join(t, parts[i], &b, err);
		if (r == RC_OK)
			r = broker_make_folder(t->x->broker, b.p, err);
		buf_fini(&b);
	}
	if (r == RC_OK && t->path.n > 0) {
		struct buf b;
		int fd = -1;

		/* The mark of a Maildir++ folder. */
		r = join(t, "maildirfolder", &b, err);
		if (r == RC_OK)
			r = broker_create(t->x->broker, b.p, &fd, err);
		io_close(&fd);
		buf_fini(&b);
	}
	return r;
}

static int
begin_mbox(struct to_files *t, struct err *err)
{
	int r = make_parents(t, err);

	return r == RC_OK ? broker_create(t->x->broker, t->path.p, &t->fd, err)
			  : r;
}

static int
begin_eml(struct to_files *t, struct err *err)
{
	struct buf b;
	int r = make_parents(t, err);

	if (r != RC_OK)
		return r;
	r = join(t, INDEX_FILE, &b, err);
	if (r == RC_OK)
		r = broker_create(t->x->broker, b.p, &t->fd, err);
	buf_fini(&b);
	return r;
}

/* A path that no folder before has: those of some names are the same. */
static void
choose_path(struct to_files *t, struct sv name)
{
	struct transfer_folder taken;

	buf_reset(&t->path);
	switch (t->format) {
	case FILES_MAILDIR:
		put_maildir(t, &t->path, name);
		break;
	case FILES_MBOX:
		put_tree(&t->path, name);
		buf_adds(&t->path, ".mbox");
		break;
	case FILES_EML:
		put_tree(&t->path, name);
		break;
	}
	if (!folder_map_find(&(struct folder_map){.text = t->map},
		t->path.n > 0 ? buf_sv(&t->path) : SV("."), &taken))
		return;
	buf_reset(&t->path);
	buf_addf(&t->path, "%sfolder-%u%s",
	    t->format == FILES_MAILDIR ? "." : "", t->folders,
	    t->format == FILES_MBOX ? ".mbox" : "");
}

static int
folder(void *arg, const struct transfer_folder *f, struct err *err)
{
	struct to_files *t = arg;
	int r = RC_OK;

	t->folders++;
	t->number = 0;
	choose_path(t, f->name);
	if (!buf_ok(&t->path))
		return err_set(err, RC_TOOBIG, "a folder's path is too long");
	folder_map_put(&t->map, t->path.n > 0 ? buf_sv(&t->path) : SV("."), f);
	if (!f->unsubscribed) {
		/* Without the dot before it. */
		buf_addsv(&t->subscribed,
		    t->path.n > 0 ? sv_skip(buf_sv(&t->path), 1) : SV("INBOX"));
		buf_addc(&t->subscribed, '\n');
	}
	if (t->path.n > 0 && t->format != FILES_MBOX)
		buf_addc(&t->path, '/');
	switch (t->format) {
	case FILES_MAILDIR:
		r = begin_maildir(t, err);
		break;
	case FILES_MBOX:
		r = begin_mbox(t, err);
		break;
	case FILES_EML:
		r = begin_eml(t, err);
		break;
	}
	return r;
}

static int
disk(int r, int e, struct err *err)
{
	return r == RC_OK ? RC_OK
			  : err_sys(err, RC_IO, e,
				"the export cannot be "
				"written");
}

static int
write_pending(struct to_files *t, struct err *err)
{
	int r = io_write_all(t->fd, t->pending.p, t->pending.n);

	buf_reset(&t->pending);
	return disk(r, errno, err);
}

static int
folder_end(void *arg, struct err *err)
{
	struct to_files *t = arg;
	struct buf b, text;
	int r = RC_OK, fd = -1;

	if (t->format == FILES_EML)
		r = write_pending(t, err);
	io_close(&t->fd);
	if (t->format != FILES_MAILDIR || t->keywords.name[0] == NULL)
		return r;
	buf_init(&text, 16384);
	maildir_keywords_print(&t->keywords, &text);
	r = join(t, "dovecot-keywords", &b, err);
	if (r == RC_OK)
		r = broker_create(t->x->broker, b.p, &fd, err);
	if (r == RC_OK)
		r = disk(io_write_all(fd, text.p, text.n), errno, err);
	io_close(&fd);
	buf_fini(&b);
	buf_fini(&text);
	maildir_keywords_fini(&t->keywords);
	return r;
}

/* ---- messages ---- */

static bool
want(void *arg, struct sv key)
{
	(void)arg;
	(void)key;
	return true;
}

static int
begin(void *arg, struct err *err)
{
	struct to_files *t = arg;

	(void)err;
	area_truncate(&t->area, 0);
	t->check = (struct lines_check){.last = '\0'};
	return RC_OK;
}

static int
bytes(void *arg, struct sv s, struct err *err)
{
	struct to_files *t = arg;

	lines_check(&t->check, s);
	return area_add(&t->area, s, err);
}

static void
drop(void *arg)
{
	(void)arg;
}

/* How a message's bytes get into a file. */
struct writing {
	int fd;
	bool as_is;    /* line ends stay CR LF */
	bool quote;    /* of an mbox */
	uint64_t size; /* written */
	struct lines_out lines;
	struct mbox_quote marks;
	struct buf lf, out;
	int error; /* errno */
};

static int
write_out(struct writing *w, struct buf *b)
{
	int r = io_write_all(w->fd, b->p, b->n);

	if (r != RC_OK)
		w->error = errno;
	w->size += b->n;
	buf_reset(b);
	return r;
}

static int
write_piece(void *arg, struct sv piece)
{
	struct writing *w = arg;

	if (w->as_is)
		buf_addsv(&w->lf, piece);
	else
		(void)lines_to_lf(&w->lines, piece, &w->lf);
	if (!w->quote)
		return write_out(w, &w->lf);
	mbox_put(&w->marks, buf_sv(&w->lf), &w->out);
	buf_reset(&w->lf);
	return write_out(w, &w->out);
}

static int
write_body(struct to_files *t, struct writing *w, struct err *err)
{
	int r;

	w->as_is = t->check.unclean;
	buf_init(&w->lf, 1 << 18);
	buf_init(&w->out, 1 << 20);
	r = area_each(&t->area, 0, t->area.size, write_piece, w, err);
	if (r == RC_OK) {
		(void)lines_to_lf_end(&w->lines, &w->lf);
		if (w->quote) {
			mbox_put(&w->marks, buf_sv(&w->lf), &w->out);
			mbox_put_end(&w->marks,
			    t->area.size > 0 ? (unsigned char)t->check.last
					     : -1,
			    &w->out);
			buf_reset(&w->lf);
			r = write_out(w, &w->out);
		} else {
			r = write_out(w, &w->lf);
		}
	}
	if (r == RC_IO && w->error != 0)
		r = disk(r, w->error, err);
	buf_fini(&w->out);
	buf_fini(&w->lf);
	return r;
}

/* Writes the message into a file of its own that gets its name at the end. */
static int
write_file(
    struct to_files *t, const char *part, uint64_t *size_out, struct err *err)
{
	struct writing w = {.fd = -1};
	struct buf b;
	int r = join(t, part, &b, err);

	if (r == RC_OK)
		r = broker_create(t->x->broker, b.p, &w.fd, err);
	if (r == RC_OK)
		r = write_body(t, &w, err);
	io_close(&w.fd);
	buf_fini(&b);
	*size_out = w.size;
	return r;
}

static int
rename_file(struct to_files *t, const char *part, const char *name,
    int64_t date, struct err *err)
{
	struct buf from, to;
	int r = join(t, part, &from, err);

	buf_init(&to, 0);
	if (r == RC_OK) {
		buf_fini(&to);
		r = join(t, name, &to, err);
	}
	if (r == RC_OK)
		r = broker_finish(t->x->broker, from.p, to.p, date, err);
	buf_fini(&to);
	buf_fini(&from);
	return r;
}

static int
end_maildir(struct to_files *t, const struct transfer_msg *m, struct err *err)
{
	unsigned lost = 0;
	struct buf name;
	uint64_t size;
	int r = write_file(t, "tmp/part", &size, err);

	if (r != RC_OK)
		return r;
	buf_init(&name, 512);
	buf_addf(&name, "cur/%lld.N%u_%08u.hearthmail,S=%llu,W=%llu",
	    (long long)m->date, t->folders, t->number, (unsigned long long)size,
	    (unsigned long long)t->area.size);
	maildir_info(m->flags, &t->keywords, &name, &lost);
	r = rename_file(t, "tmp/part", name.p, m->date, err);
	buf_fini(&name);
	if (r == RC_OK && lost > 0)
		report_skip(t->x->report, m->name,
		    "it was exported, but a Maildir has room for 26 keywords "
		    "and not for all of its");
	return r;
}

static int
end_eml(struct to_files *t, const struct transfer_msg *m, struct err *err)
{
	struct file_entry e = {m->date, m->zone, m->flags};
	struct buf name;
	uint64_t size;
	int r;

	if (t->pending.n > INDEX_PENDING) {
		r = write_pending(t, err);
		if (r != RC_OK)
			return r;
	}
	buf_init(&name, 64);
	buf_addf(&name, "%06u.eml", t->number);
	r = write_file(t, "part", &size, err);
	if (r == RC_OK)
		r = rename_file(t, "part", name.p, m->date, err);
	if (r == RC_OK)
		file_index_put(&t->pending, buf_sv(&name), &e);
	buf_fini(&name);
	return r;
}

static int
end_mbox(struct to_files *t, const struct transfer_msg *m, struct err *err)
{
	struct writing w = {.fd = t->fd, .quote = true};
	bool bare = t->area.size > 0 && t->check.last != '\n';
	struct buf head;
	int r;

	buf_init(&head, 64u << 10);
	mbox_put_head(&head, m->date, m->flags, bare);
	r = disk(io_write_all(t->fd, head.p, head.n), errno, err);
	if (r == RC_OK)
		r = write_body(t, &w, err);
	buf_fini(&head);
	return r;
}

static int
end(void *arg, const struct transfer_msg *m, struct err *err)
{
	struct to_files *t = arg;
	int r = RC_OK;

	t->number++;
	switch (t->format) {
	case FILES_MAILDIR:
		r = end_maildir(t, m, err);
		break;
	case FILES_MBOX:
		r = end_mbox(t, m, err);
		break;
	case FILES_EML:
		r = end_eml(t, m, err);
		break;
	}
	if (r == RC_OK)
		report_came(t->x->report, t->area.size);
	return r;
}

/* ---- life ---- */

struct to_files *
to_files_new(struct transfer *x, enum files_format format)
{
	struct to_files *t = xcalloc(1, sizeof *t);

	t->x = x;
	t->format = format;
	t->fd = -1;
	area_init(&t->area, x->broker);
	buf_init(&t->map, MAP_MAX);
	buf_init(&t->subscribed, MAP_MAX);
	buf_init(&t->path, TRANSFER_PATH_MAX);
	buf_init(&t->pending, 4 * INDEX_PENDING);
	return t;
}

void
to_files_free(struct to_files **tp)
{
	struct to_files *t = *tp;

	if (t == NULL)
		return;
	buf_fini(&t->pending);
	buf_fini(&t->path);
	buf_fini(&t->subscribed);
	buf_fini(&t->map);
	area_fini(&t->area);
	maildir_keywords_fini(&t->keywords);
	io_close(&t->fd);
	free(t);
	*tp = NULL;
}

void
to_files_sink(struct to_files *t, struct sink *out)
{
	*out = (struct sink){.folder = folder,
	    .want = want,
	    .begin = begin,
	    .bytes = bytes,
	    .end = end,
	    .drop = drop,
	    .folder_end = folder_end,
	    .arg = t};
}

static int
write_list(struct to_files *t, const char *name, const struct buf *text,
    struct err *err)
{
	int fd, r = broker_create(t->x->broker, name, &fd, err);

	if (r != RC_OK)
		return r;
	r = disk(io_write_all(fd, text->p, text->n), errno, err);
	io_close(&fd);
	return r;
}

int
to_files_end(struct to_files *t, struct err *err)
{
	int r = write_list(t, FOLDERS_FILE, &t->map, err);

	if (r == RC_OK && t->format == FILES_MAILDIR)
		r = write_list(t, SUBSCRIPTIONS_FILE, &t->subscribed, err);
	return r;
}
