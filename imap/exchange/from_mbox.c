/*
 * One mbox file, or a tree of them: Sub.mbox, and below it Sub/ or, as
 * Thunderbird calls it, Sub.sbd/.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "imap/exchange/mbox.h"
#include "imap/exchange/message.h"

#define PIECE	  65536
#define DEPTH_MAX 32

struct walk {
	struct exchange *x;
	const struct sink *to;
	struct folder_map map;
	bool counting;
	bool single; /* file: no tree */

	/* The message that is being read. */
	struct sv path;
	uint64_t number, size;
	bool too_large;
	struct err *err;
};

/* ---- messages ---- */

static int
on_begin(void *arg)
{
	struct walk *w = arg;

	w->number++;
	w->size = 0;
	w->too_large = false;
	return w->to->begin(w->to->arg, w->err);
}

static int
on_data(void *arg, struct sv bytes)
{
	struct walk *w = arg;

	w->size += bytes.n;
	if (w->size > EXCHANGE_MESSAGE_MAX)
		w->too_large = true;
	return w->too_large ? RC_OK : w->to->bytes(w->to->arg, bytes, w->err);
}

static int
on_end(void *arg, const struct mbox_info *info)
{
	struct walk *w = arg;
	struct exchange_msg m = {
	    .flags = info->flags, .date = info->date, .zone = info->zone};
	struct buf name;
	int r = RC_OK;

	buf_init(&name, EXCHANGE_PATH_MAX + 64);
	buf_addsv(&name, w->path);
	buf_addf(&name, ", message %llu", (unsigned long long)w->number);
	m.name = buf_sv(&name);
	if (info->internal || w->too_large) {
		w->to->drop(w->to->arg);
		if (w->too_large)
			report_skip(
			    w->x->report, m.name, "it is larger than 64 MiB");
		else
			report_note(w->x->report,
			    "%s is not a message but another program's data",
			    name.p);
	} else {
		r = w->to->end(w->to->arg, &m, w->err);
	}
	buf_fini(&name);
	return r;
}

/* Pushes what the file has; *bad_out: why there may be more than came. */
static int
read_file(struct walk *w, int fd, const char **bad_out)
{
	const struct mbox_ops ops = {
	    .begin = on_begin, .data = on_data, .end = on_end, .arg = w};
	char *piece = xmalloc(PIECE);
	struct mbox m;
	int r = RC_OK;

	*bad_out = NULL;
	mbox_init(&m, &ops);
	while (r == RC_OK && *bad_out == NULL) {
		ssize_t n = read(fd, piece, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			*bad_out = "it cannot be read to its end";
		if (n <= 0)
			break;
		r = mbox_feed(&m, sv_of(piece, (size_t)n));
		report_advance(w->x->report, (uint64_t)n);
	}
	if (r == RC_OK && *bad_out == NULL)
		r = mbox_end(&m);
	else if (m.open)
		w->to->drop(w->to->arg);
	if (r == RC_SYNTAX && w->number == 0) {
		*bad_out =
		    "it is not an mbox: it does not begin with \"From \"";
		r = RC_OK;
	}
	mbox_fini(&m);
	free(piece);
	return r;
}

static int
push(struct walk *w, int fd, const struct exchange_folder *f, struct err *err)
{
	const char *bad;
	int r;

	report_folder(w->x->report, f->name);
	r = w->to->folder(w->to->arg, f, err);
	if (r != RC_OK)
		return r == RC_DENIED ? RC_OK : r;
	w->number = 0;
	w->err = err;
	r = read_file(w, fd, &bad);
	if (r == RC_OK && bad != NULL)
		report_skip(w->x->report, w->path, bad);
	if (r == RC_OK)
		r = w->to->folder_end(w->to->arg, err);
	if (r == RC_OK)
		report_folder_end(w->x->report);
	return r;
}

/* ---- files ---- */

static bool
is_inbox(struct sv name)
{
	return sv_ieq(name, SV("INBOX")) || sv_ieq(name, SV("mbox"));
}

static int
file(struct walk *w, const char *path, struct sv name, struct err *err)
{
	struct exchange_folder f = {.name = name};
	struct stat st;
	struct err why;
	int fd, r = RC_OK;

	if (sv_ends(f.name, SV(".mbox")))
		f.name.n -= strlen(".mbox");
	/* A single file goes right into the folder that was named. */
	if (is_inbox(f.name) || (w->single && w->x->into != NULL))
		f.name = SV("INBOX");
	(void)folder_map_find(&w->map, sv_str(path), &f);
	if (!exchange_wants_folder(w->x, f.name))
		return RC_OK;
	w->path = sv_str(path);
	if (broker_open(w->x->broker, path, &fd, &why) != RC_OK) {
		if (!w->counting)
			report_skip(w->x->report, w->path, why.text);
		return RC_OK;
	}
	if (!w->counting)
		r = push(w, fd, &f, err);
	else if (fstat(fd, &st) == 0)
		report_expect(w->x->report, (uint64_t)st.st_size);
	io_close(&fd);
	return r;
}

static bool
is_index(struct sv name)
{
	return name.p[0] == '.' || sv_ends(name, SV(".msf")) ||
	       sv_ends(name, SV(".dat")) || sv_ends(name, SV(".tsv"));
}

/* dir is "" or ends in '/'; name: the mailbox above. */
static int
visit(struct walk *w, struct sv dir, struct sv above, unsigned depth,
    struct err *err)
{
	struct broker_names names;
	struct buf path, name;
	struct err why;
	size_t i;
	int r = RC_OK;

	buf_init(&path, EXCHANGE_PATH_MAX);
	buf_init(&name, EXCHANGE_PATH_MAX);
	buf_addsv(&path, dir);
	if (broker_list(w->x->broker, path.p, &names, &why) != RC_OK) {
		if (!w->counting)
			report_skip(w->x->report, dir, why.text);
		goto out;
	}
	for (i = 0; i < names.n && r == RC_OK; i++) {
		struct sv entry = broker_name(&names, i);
		bool below = broker_name_type(&names, i) == BROKER_FOLDER;

		if (is_index(entry))
			continue;
		buf_set(&path, dir);
		buf_addsv(&path, entry);
		if (below)
			buf_addc(&path, '/');
		if (below && sv_ends(entry, SV(".sbd")))
			entry.n -= strlen(".sbd");
		buf_reset(&name);
		if (above.n == 0 && is_inbox(entry))
			entry = SV("INBOX");
		buf_addsv(&name, above);
		if (above.n > 0)
			buf_addc(&name, '/');
		buf_addsv(&name, entry);
		if (!buf_ok(&path) || !buf_ok(&name) || depth > DEPTH_MAX)
			report_skip(w->x->report, buf_sv(&path),
			    "folders are too deep");
		else if (below)
			r = visit(
			    w, buf_sv(&path), buf_sv(&name), depth + 1, err);
		else
			r = file(w, path.p, buf_sv(&name), err);
	}
	broker_names_fini(&names);
out:
	buf_fini(&name);
	buf_fini(&path);
	return r;
}

int
from_mbox(struct exchange *x, const char *path, const struct sink *to,
    struct err *err)
{
	struct walk w = {.x = x, .to = to, .single = path[0] != '\0'};
	int pass, r = RC_OK;

	folder_map_load(&w.map, x->broker);
	for (pass = 0; pass < 2 && r == RC_OK; pass++) {
		w.counting = pass == 0;
		r = path[0] != '\0' ? file(&w, path, sv_str(path), err)
				    : visit(&w, SV(""), SV(""), 0, err);
	}
	folder_map_fini(&w.map);
	return r;
}
