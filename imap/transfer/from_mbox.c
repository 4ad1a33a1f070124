/*
 * One mbox file, or a tree of them: Sub.mbox, and below it Sub/ or, as
 * Thunderbird calls it, Sub.sbd/, or KMail, .Sub.directory/; or Apple's
 * packages, Sub.mbox/mbox; or a whole profile of Thunderbird's, in which some
 * folders may be Maildirs.  Messages with labels, as in Takeout's one
 * large file, go each into the folder that its labels say.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/plural.h"
#include "imap/transfer/disk.h"
#include "imap/transfer/input.h"
#include "imap/transfer/look.h"
#include "imap/transfer/mbox.h"
#include "imap/transfer/message.h"
#include "imap/transfer/source.h"
#include "imap/transfer/usual.h"

#define PIECE	  65536
#define DEPTH_MAX 32
#define LARGE	  (10u << 20) /* a file of which one ought to ask */

struct walk {
	struct transfer *x;
	const struct sink *to;
	struct folder_map map;
	bool counting;
	bool found;  /* a file that may be one */
	bool single; /* file: no tree */

	/* The file that is being read, and its folder. */
	struct sv path;
	const struct transfer_folder *own;
	uint64_t number, size, expunged;
	unsigned doubtful;

	/* The folder that is open at the sink: the file's, or one that the
	 * labels of messages say. */
	struct buf place;
	unsigned use;
	bool open;
	struct buf denied; /* names of folders that the sink did not take */

	/* The message that is being read. */
	bool too_large, passed;
	struct err *err;
};

/* ---- folders ---- */

static bool
has_line(const struct buf *lines, struct sv name)
{
	struct sv rest = buf_sv(lines);

	while (rest.n > 0)
		if (sv_eq(sv_split(&rest, '\n'), name))
			return true;
	return false;
}

static int
close_folder(struct walk *w)
{
	if (!w->open)
		return RC_OK;
	w->open = false;
	return w->to->folder_end(w->to->arg, w->err);
}

/* RC_DENIED: messages of that folder are left out. */
static int
open_folder(struct walk *w, const struct transfer_folder *f)
{
	int r;

	if (w->open && sv_eq(buf_sv(&w->place), f->name) && w->use == f->uses)
		return RC_OK;
	if (!transfer_wants_folder(w->x, f->name) ||
	    has_line(&w->denied, f->name))
		return RC_DENIED;
	r = close_folder(w);
	if (r == RC_OK)
		r = w->to->folder(w->to->arg, f, w->err);
	if (r == RC_DENIED) {
		buf_addsv(&w->denied, f->name);
		buf_addc(&w->denied, '\n');
	}
	if (r != RC_OK)
		return r;
	buf_set(&w->place, f->name);
	w->use = f->uses;
	w->open = true;
	return RC_OK;
}

/* ---- messages ---- */

static int
on_begin(void *arg, const struct mbox_info *info)
{
	struct walk *w = arg;
	struct transfer_folder f = {.name = info->place, .uses = info->use};
	int r;

	w->number++;
	w->size = 0;
	w->too_large = false;
	w->passed = info->expunged || info->internal;
	if (info->expunged)
		w->expunged++;
	if (w->passed)
		return RC_OK;
	r = open_folder(w, info->labels ? &f : w->own);
	if (r == RC_DENIED)
		w->passed = true;
	if (r != RC_OK)
		return r == RC_DENIED ? RC_OK : r;
	return w->to->begin(w->to->arg, w->err);
}

static int
on_data(void *arg, struct sv bytes)
{
	struct walk *w = arg;

	w->size += bytes.n;
	if (w->size > TRANSFER_MESSAGE_MAX)
		w->too_large = true;
	return w->too_large || w->passed
		   ? RC_OK
		   : w->to->bytes(w->to->arg, bytes, w->err);
}

static void
name_message(const struct walk *w, struct buf *out)
{
	buf_addsv(out, w->path);
	buf_addf(out, ", message %llu", (unsigned long long)w->number);
}

static int
on_end(void *arg, const struct mbox_info *info)
{
	struct walk *w = arg;
	struct transfer_msg m = {.flags = info->flags,
	    .date = info->date,
	    .zone = info->zone,
	    .once = info->labels};
	const char *why = NULL;
	struct buf name;
	int r = RC_OK;

	w->doubtful += info->doubtful;
	buf_init(&name, TRANSFER_PATH_MAX + 64);
	name_message(w, &name);
	m.name = buf_sv(&name);
	if (info->internal)
		report_note(w->x->report,
		    "%s is not a message but another program's data", name.p);
	else if (w->too_large)
		why = "it is larger than 64 MiB";
	else if (w->size == 0 && !info->ours)
		why = "it is empty";
	if (!w->passed && why != NULL) {
		w->to->drop(w->to->arg);
		report_skip(w->x->report, m.name, why);
	} else if (!w->passed) {
		r = w->to->end(w->to->arg, &m, w->err);
	}
	buf_fini(&name);
	return r;
}

/* ---- a file ---- */

/* Pushes what the file has; *bad_out: why there may be more than came. */
static int
read_file(struct walk *w, struct input *in, const char **bad_out)
{
	const struct mbox_ops ops = {
	    .begin = on_begin, .data = on_data, .end = on_end, .arg = w};
	char *piece = xmalloc(PIECE);
	struct mbox m;
	int r = RC_OK;

	*bad_out = NULL;
	mbox_init(&m, &ops);
	while (r == RC_OK && *bad_out == NULL) {
		ssize_t n = input_read(in, piece, PIECE);

		if (n < 0)
			*bad_out = "it cannot be read to its end";
		if (n <= 0)
			break;
		r = mbox_feed(&m, sv_of(piece, (size_t)n));
		report_advance(w->x->report, (uint64_t)n);
	}
	if (r == RC_OK && *bad_out == NULL)
		r = mbox_end(&m);
	else if (m.begun && !w->passed)
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

/* Only which folders there are is asked for. */
static int
learn_begin(void *arg, const struct mbox_info *info)
{
	struct walk *w = arg;
	const struct transfer_folder f = {
	    .name = info->place, .uses = info->use};
	int r;

	if (!info->labels || has_line(&w->denied, f.name))
		return RC_OK;
	r = w->to->folder(w->to->arg, &f, w->err);
	buf_addsv(&w->denied, f.name);
	buf_addc(&w->denied, '\n');
	return r == RC_DENIED ? RC_OK : r;
}

static int
learn_data(void *arg, struct sv bytes)
{
	(void)arg;
	(void)bytes;
	return RC_OK;
}

static int
learn_end(void *arg, const struct mbox_info *info)
{
	(void)arg;
	(void)info;
	return RC_OK;
}

static int
learn(struct walk *w, struct input *in)
{
	const struct mbox_ops ops = {.begin = learn_begin,
	    .data = learn_data,
	    .end = learn_end,
	    .arg = w};
	char *piece = xmalloc(PIECE);
	int r = w->to->folder(w->to->arg, w->own, w->err);
	struct mbox m;
	ssize_t n;

	mbox_init(&m, &ops);
	if (r == RC_DENIED)
		r = RC_OK;
	while (r == RC_OK && (n = input_read(in, piece, PIECE)) > 0)
		r = mbox_feed(&m, sv_of(piece, (size_t)n));
	if (r == RC_OK)
		r = mbox_end(&m);
	mbox_fini(&m);
	free(piece);
	return r == RC_SYNTAX ? RC_OK : r;
}

static void
say_more(struct walk *w, uint64_t size)
{
	if (w->expunged > 0)
		report_note(w->x->report,
		    "%.*s: deleted messages that were still in the file did "
		    "not come: %llu",
		    SV_ARG(w->path), (unsigned long long)w->expunged);
	if (w->doubtful > 0)
		report_note(w->x->report,
		    "%.*s: %u line%s with \"From \" %s taken for text, though "
		    "what follows looks like another message",
		    SV_ARG(w->path), w->doubtful,
		    each(w->doubtful, " that begins", "s that begin"),
		    each(w->doubtful, "was", "were"));
	if (w->number == 1 && size > LARGE)
		report_note(w->x->report,
		    "%.*s: all of this large file is one message; was it "
		    "meant to be?",
		    SV_ARG(w->path));
}

static int
push(struct walk *w, struct input *in, const struct transfer_folder *f,
    struct err *err)
{
	const char *bad;
	int r;

	w->own = f;
	w->err = err;
	w->number = w->expunged = 0;
	w->doubtful = 0;
	if (w->to->begin == NULL)
		return learn(w, in);
	report_folder(w->x->report, f->name);
	r = read_file(w, in, &bad);
	if (r == RC_OK && bad != NULL)
		report_skip(w->x->report, w->path, bad);
	/* An empty folder is one, too. */
	if (r == RC_OK && bad == NULL && w->number == 0) {
		r = open_folder(w, f);
		r = r == RC_DENIED ? RC_OK : r;
	}
	if (r == RC_OK)
		r = close_folder(w);
	w->open = false;
	say_more(w, in->size);
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

/* Its first bytes: is it one at all?  No folder is made for what is not. */
static bool
begins_well(struct input *in)
{
	char start[4096];
	size_t n = input_peek(in, start, sizeof start);
	struct sv s = sv_of(start, n);

	if (sv_starts(s, SV("\xef\xbb\xbf")))
		s = sv_skip(s, 3);
	while (s.n > 0 && (s.p[0] == '\n' || s.p[0] == '\r'))
		s = sv_skip(s, 1);
	return s.n == 0 ? n > 0 || in->size == 0 : sv_starts(s, SV("From "));
}

/* What it is in place of an mbox. */
static const char *
why_none(struct input *in)
{
	char start[4096];
	struct sv s = sv_of(start, input_peek(in, start, sizeof start));
	const char *why = look_foreign(s);

	if (look_packed(s))
		return "it is compressed; import it by itself";
	return why != NULL ? why
			   : "it is not an mbox: it does not begin with "
			     "\"From \"";
}

static bool
has_labels(struct input *in)
{
	char *start = xmalloc(PIECE);
	struct sv s = sv_of(start, input_peek(in, start, PIECE));
	bool has = sv_ifind(s, SV("\nX-Gmail-Labels:")) < s.n;

	free(start);
	return has;
}

static int
opened(struct walk *w, struct input *in, const struct transfer_folder *f,
    struct err *err)
{
	if (!transfer_wants_folder(w->x, f->name) && !has_labels(in))
		return RC_OK;
	if (w->counting) {
		report_expect(w->x->report, in->size);
		return RC_OK;
	}
	if (!begins_well(in)) {
		report_skip(w->x->report, w->path, why_none(in));
		return RC_OK;
	}
	return push(w, in, f, err);
}

static int
file(struct walk *w, const char *path, struct sv name, struct err *err)
{
	struct transfer_folder f = {.name = disk_strip(name)};
	bool eudora = disk_ends(name, SV(".mbx"));
	struct input in;
	struct err why;
	int r;

	/* A single file goes right into the folder that was named. */
	if (is_inbox(f.name) || (eudora && sv_ieq(f.name, SV("In"))) ||
	    (w->single && w->x->into != NULL))
		f.name = SV("INBOX");
	if (w->map.text.n == 0)
		f.uses = eudora && sv_ieq(f.name, SV("Out"))
			     ? IMAP_LIST_SENT
			     : usual_use(f.name);
	(void)folder_map_find(&w->map, sv_str(path), &f);
	w->path = sv_str(path);
	w->found = true;
	if (source_open(w->x->broker, path, &in, &why) != RC_OK) {
		if (!w->counting && transfer_wants_folder(w->x, f.name))
			report_skip(w->x->report, w->path, why.text);
		return RC_OK;
	}
	r = opened(w, &in, &f, err);
	input_close(&in);
	return r;
}

/* What programs keep beside their mail. */
static bool
is_index(struct sv name)
{
	static const char *const ends[] = {".msf", ".dat", ".tsv", ".html",
	    ".htm", ".json", ".plist", ".wdseml", ".toc", ".lock", ".lck",
	    ".sqlite", ".sqlite-shm", ".sqlite-wal", ".log", ".js", ".ini",
	    ".db", ".idx", ".index", ".data", ".ev-summary", ".ev-summary-meta",
	    ".cmeta", ".xml", ".mab", ".snm", ".css", ".mozlz4", ".rdf", ".ids",
	    ".sorted", ".pce"};
	size_t i;

	for (i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (disk_ends(name, sv_str(ends[i])))
			return true;
	/* The last are Thunderbird's searches. */
	return name.p[0] == '.' || sv_eq(name, SV("table_of_contents")) ||
	       sv_eq(name, SV("smart mailboxes"));
}

/* Where a profile of Thunderbird has its mail. */
static bool
is_store(struct sv entry)
{
	return sv_eq(entry, SV("Mail")) || sv_eq(entry, SV("ImapMail"));
}

/* A folder's own name as a mailbox's level; empty: it is none. */
static struct sv
level(struct sv entry, struct sv above, bool profile)
{
	struct sv kmail = disk_kmail(entry);

	if ((profile && is_store(entry)) ||
	    (above.n == 0 && sv_eq(entry, SV("Local Folders"))))
		return SV("");
	return kmail.n > 0 ? kmail : disk_strip(entry);
}

/* The mailbox's name of something in the folder dir. */
static void
name_entry(const struct walk *w, struct sv dir, struct sv above,
    struct sv entry, bool below, bool profile, struct buf *out)
{
	struct sv self = sv_str(w->x->self);

	buf_reset(out);
	/* Apple's package: NAME.mbox/mbox. */
	if (!below && sv_eq(entry, SV("mbox"))) {
		if (sv_ends(dir, SV(".mbox/"))) {
			buf_addsv(out, above);
			return;
		}
		if (dir.n == 0 && sv_ends(self, SV(".mbox")) && self.n > 5) {
			disk_put_name(out, sv_first(self, self.n - 5));
			return;
		}
	}
	if (below)
		entry = level(entry, above, profile);
	if (above.n == 0 && is_inbox(entry))
		entry = SV("INBOX");
	buf_addsv(out, above);
	if (above.n > 0 && entry.n > 0)
		buf_addc(out, '/');
	disk_put_name(out, entry);
}

static int visit(struct walk *w, struct sv dir, struct sv above, unsigned depth,
    struct err *err);

static int
visit_entries(struct walk *w, const struct broker_names *names, struct sv dir,
    struct sv above, bool profile, unsigned depth, struct err *err)
{
	struct buf path, name;
	size_t i;
	int r = RC_OK;

	buf_init(&path, TRANSFER_PATH_MAX);
	buf_init(&name, TRANSFER_PATH_MAX);
	for (i = 0; i < names->n && r == RC_OK; i++) {
		struct sv entry = broker_name(names, i);
		bool below = broker_name_type(names, i) == BROKER_FOLDER;

		if ((is_index(entry) && !(below && disk_kmail(entry).n > 0)) ||
		    (profile && !(below && is_store(entry))))
			continue;
		buf_set(&path, dir);
		buf_addsv(&path, entry);
		if (below)
			buf_addc(&path, '/');
		name_entry(w, dir, above, entry, below, profile, &name);
		if (!buf_ok(&path) || !buf_ok(&name) || depth > DEPTH_MAX)
			report_skip(w->x->report, buf_sv(&path),
			    "folders are too deep");
		else if (below)
			r = visit(
			    w, buf_sv(&path), buf_sv(&name), depth + 1, err);
		else
			r = file(w, path.p, buf_sv(&name), err);
	}
	buf_fini(&name);
	buf_fini(&path);
	return r;
}

/* dir is "" or ends in '/'; above: the mailbox above. */
static int
visit(struct walk *w, struct sv dir, struct sv above, unsigned depth,
    struct err *err)
{
	struct broker_names names;
	struct buf path;
	bool profile = false, maildir = false;
	struct err why;
	size_t i;
	int r = RC_OK;

	buf_init(&path, TRANSFER_PATH_MAX);
	buf_addsv(&path, dir);
	if (source_list(w->x->broker, path.p, &names, &why) != RC_OK) {
		if (!w->counting)
			report_skip(w->x->report, dir, why.text);
		goto out;
	}
	for (i = 0; i < names.n; i++) {
		struct sv n = broker_name(&names, i);

		profile = profile || sv_eq(n, SV("prefs.js"));
		maildir = maildir ||
			  (broker_name_type(&names, i) == BROKER_FOLDER &&
			      (sv_eq(n, SV("cur")) || sv_eq(n, SV("new"))));
	}
	/* Profiles beside each other have the same names for their own. */
	if (profile)
		above = SV("");
	w->found = w->found || maildir;
	r = maildir && dir.n > 0
		? from_maildir_at(w->x, w->to, w->counting, dir, above, err)
		: visit_entries(w, &names, dir, above, profile, depth, err);
	broker_names_fini(&names);
out:
	buf_fini(&path);
	return r;
}

int
from_mbox(struct transfer *x, const char *path, const struct sink *to,
    struct err *err)
{
	struct walk w = {.x = x, .to = to, .single = path[0] != '\0'};
	struct buf name;
	int pass, r = RC_OK;

	folder_map_load(&w.map, x->broker);
	buf_init(&name, TRANSFER_PATH_MAX);
	disk_put_name(&name, sv_str(path));
	buf_init(&w.place, TRANSFER_PATH_MAX);
	buf_init(&w.denied, 1u << 20);
	for (pass = 0; pass < 2 && r == RC_OK; pass++) {
		w.counting = pass == 0;
		r = path[0] != '\0' ? file(&w, path, buf_sv(&name), err)
				    : visit(&w, SV(""), SV(""), 0, err);
		if (r == RC_OK && !w.found)
			r = err_set(err, RC_PERM, "there is not an mbox in it");
	}
	buf_fini(&w.denied);
	buf_fini(&w.place);
	buf_fini(&name);
	folder_map_fini(&w.map);
	return r;
}
