/*
 * All mailboxes of an IMAP session, ours or another server's.
 *
 * A mailbox is read in windows of sequence numbers, which bounds what is held
 * of it: first UIDs, flags, dates and sizes, then the messages that are
 * wanted, by their UIDs, as many in one command as make about a megabyte.
 *
 * Others may be at work in it meanwhile.  What comes stands behind all that was
 * there at first: the next run brings it.  What goes moves the numbers of what
 * is behind it; where that happens while a window is listed, or the listing has
 * a gap, the window is listed once more.
 *
 * A mailbox that shows what other mailboxes hold (\All, \Flagged) comes last,
 * so that the sink can leave out what has come already.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "imap/exchange/message.h"
#include "imap/parse/parse.h"

#define WINDOW	     200
#define GROUP	     64
#define GROUP_BYTES  (1u << 20)
#define FOLDERS_MAX  20000
#define NAMES_MAX    (8u << 20) /* bytes of their names */
#define UNFIT_NAMED  20
#define FLAGS_MAX    (1u << 20)
#define VIRTUAL_USES (IMAP_LIST_ALL | IMAP_LIST_FLAGGED)

struct folder {
	char *wire, *name;
	unsigned attributes;
};

struct item {
	uint32_t uid;
	uint64_t size;
	struct imap_date_time date;
	size_t flags, nflags; /* in the window's text */
	bool wanted, got;
};

struct reader {
	struct exchange *x;
	struct imap_client *c;
	const struct sink *to;
	struct folder *folder;
	size_t nfolder, cap;
	struct buf prefix; /* of our own namespace, in UTF-8 */
	struct buf prefix_wire;
	char delimiter;
	unsigned hidden; /* attributes of what is not to come */
	size_t names;	 /* bytes of all folders' names */
	size_t unfit;	 /* folders left out for their names */
	bool too_many;

	/* The mailbox that is open. */
	uint32_t exists; /* of the messages that were there at first */
	uint32_t uidvalidity;
	uint32_t next, last; /* sequence numbers: the window, or behind it */
	bool moved;	     /* something up to last has gone */
	struct item item[WINDOW];
	size_t n;
	struct buf flags;

	/* The message that is coming. */
	uint64_t size;
	bool begun, too_large, in_group;
	struct err *err;
	int rc; /* what the sink said at a message's end */
};

/* ---- mailboxes ---- */

static void
on_namespace(void *arg, const struct imap_response *r)
{
	struct reader *d = arg;

	if (r->kind != IMAP_RESPONSE_NAMESPACE || r->list.delimiter == '\0')
		return;
	buf_reset(&d->prefix);
	buf_reset(&d->prefix_wire);
	buf_addsv(&d->prefix, r->list.name);
	buf_addsv(&d->prefix_wire, r->list.wire);
	d->delimiter = r->list.delimiter;
}

/* Why a name is none that could be worked with, or NULL. */
static const char *
unfit(const struct imap_response *r)
{
	if (r->list.name.n > EXCHANGE_PATH_MAX ||
	    r->list.wire.n > EXCHANGE_PATH_MAX)
		return "its name is too long";
	if (sv_chr(r->list.wire, '\0') < r->list.wire.n)
		return "its name has a NUL";
	return NULL;
}

static void
add_folder(struct reader *d, const struct imap_response *r)
{
	struct sv name = r->list.name;

	d->names += name.n + r->list.wire.n;
	if (d->nfolder == FOLDERS_MAX || d->names > NAMES_MAX) {
		d->too_many = true;
		return;
	}
	/* "INBOX.Sent" where all that is ours begins with "INBOX.". */
	if (d->prefix.n > 0 && name.n > d->prefix.n &&
	    sv_istarts(name, buf_sv(&d->prefix)))
		name = sv_skip(name, d->prefix.n);
	d->folder =
	    xgrow(d->folder, &d->cap, d->nfolder + 1, sizeof *d->folder);
	d->folder[d->nfolder++] = (struct folder){
	    sv_dup(r->list.wire), sv_dup(name), r->list.attributes};
}

static void
on_list(void *arg, const struct imap_response *r)
{
	struct reader *d = arg;
	const char *why;

	if (r->kind != IMAP_RESPONSE_LIST ||
	    (r->list.attributes & d->hidden) != 0)
		return;
	why = unfit(r);
	if (why == NULL)
		add_folder(d, r);
	else if (d->unfit++ < UNFIT_NAMED)
		report_skip(d->x->report, sv_first(r->list.name, 100), why);
}

static int
compare_wire(const void *a, const void *b)
{
	const struct folder *x = a, *y = b;

	return strcmp(x->wire, y->wire);
}

/* Some are listed twice, INBOX always. */
static void
merge_folders(struct reader *d)
{
	size_t k = 0, i;

	if (d->nfolder == 0)
		return;
	qsort(d->folder, d->nfolder, sizeof *d->folder, compare_wire);
	for (i = 1; i < d->nfolder; i++) {
		struct folder *f = &d->folder[i];

		if (strcmp(d->folder[k].wire, f->wire) != 0) {
			d->folder[++k] = *f;
			continue;
		}
		d->folder[k].attributes |= f->attributes;
		free(f->wire);
		free(f->name);
	}
	d->nfolder = k + 1;
}

static int
rank(const struct folder *f)
{
	if (strcmp(f->name, "INBOX") == 0)
		return 0;
	return (f->attributes & VIRTUAL_USES) != 0 ? 2 : 1;
}

static int
compare(const void *a, const void *b)
{
	const struct folder *x = a, *y = b;
	int d = rank(x) - rank(y);

	return d != 0 ? d : strcmp(x->name, y->name);
}

/* As they were at some time: they are shown below a name of their own. */
static int
list_restore(struct reader *d, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_list, .arg = d};
	struct buf b;
	int r;

	d->hidden = IMAP_LIST_NOSELECT;
	buf_addf(&d->prefix, "Restore/@%lld/", (long long)d->x->as_of);
	buf_init(&b, 256);
	buf_addf(&b, "LIST \"\" \"%s*\"", d->prefix.p);
	r = imap_client_command(d->c, &ops, buf_sv(&b), err);
	buf_fini(&b);
	return r;
}

static int
list_all(struct reader *d, struct err *err)
{
	struct imap_client_ops ops = {.response = on_namespace, .arg = d};
	bool extended = imap_client_can(d->c, SV("LIST-EXTENDED")) &&
			imap_client_can(d->c, SV("SPECIAL-USE"));
	struct buf b;
	int r = RC_OK;

	/* Expunged mail that another Hearthmail shows comes only where it is
	 * asked for by its name. */
	d->hidden = IMAP_LIST_NOSELECT;
	if (d->x->nonly == 0 && !d->x->hidden)
		d->hidden |= IMAP_LIST_EXPUNGED;
	if (imap_client_can(d->c, SV("NAMESPACE")))
		r = imap_client_command(d->c, &ops, SV("NAMESPACE"), err);
	if (r != RC_OK)
		return r;
	ops.response = on_list;
	buf_init(&b, 16384);
	buf_adds(&b, "LIST \"\" INBOX");
	r = imap_client_command(d->c, &ops, buf_sv(&b), err);
	buf_reset(&b);
	buf_adds(&b, "LIST \"\" ");
	buf_addsv(&d->prefix_wire, SV("*"));
	imap_put_astring(&b, buf_sv(&d->prefix_wire));
	/* A pattern must not be taken for an atom with a star in it only by
	 * us: strings are fine everywhere. */
	if (extended)
		buf_adds(&b, " RETURN (SPECIAL-USE)");
	if (r == RC_OK)
		r = imap_client_command(d->c, &ops, buf_sv(&b), err);
	/* There it stands in a namespace of its own, which no star finds. */
	if (r == RC_OK && !(d->hidden & IMAP_LIST_EXPUNGED))
		r = imap_client_command(
		    d->c, &ops, SV("LIST \"\" \"Restore*\""), err);
	buf_fini(&b);
	return r;
}

static void
report_left_out(struct reader *d)
{
	struct buf b;

	if (d->too_many)
		report_skip(d->x->report, SV("mailboxes"),
		    "there are more than twenty thousand, or their names are "
		    "longer than 8 MiB together");
	if (d->unfit <= UNFIT_NAMED)
		return;
	buf_init(&b, 100);
	buf_addf(&b, "%zu more mailboxes", d->unfit - UNFIT_NAMED);
	report_skip(d->x->report, buf_sv(&b), "for their names, too");
	buf_fini(&b);
}

static int
list_mailboxes(struct reader *d, struct err *err)
{
	int r = d->x->as_of > 0 && d->c == d->x->own ? list_restore(d, err)
						     : list_all(d, err);

	merge_folders(d);
	if (d->nfolder > 0)
		qsort(d->folder, d->nfolder, sizeof *d->folder, compare);
	if (r == RC_OK)
		report_left_out(d);
	return r;
}

/* Was this mailbox refused for itself?  A BAD is no better: some servers do
 * not take back the names that they list. */
static bool
is_refused(const struct reader *d, int r)
{
	return r == RC_PERM || (r == RC_SYNTAX && imap_client_usable(d->c));
}

static void
on_status(void *arg, const struct imap_response *r)
{
	struct reader *d = arg;

	if (r->kind == IMAP_RESPONSE_STATUS)
		report_expect(d->x->report, r->status.messages);
}

static int
count_messages(struct reader *d, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_status, .arg = d};
	struct buf b;
	size_t i;
	int r = RC_OK;

	buf_init(&b, 16384);
	for (i = 0; i < d->nfolder && (r == RC_OK || is_refused(d, r)); i++) {
		if (!exchange_wants_folder(d->x, sv_str(d->folder[i].name)))
			continue;
		buf_reset(&b);
		buf_adds(&b, "STATUS ");
		imap_put_astring(&b, sv_str(d->folder[i].wire));
		buf_adds(&b, " (MESSAGES)");
		r = imap_client_command(d->c, &ops, buf_sv(&b), err);
	}
	buf_fini(&b);
	return is_refused(d, r) ? RC_OK : r;
}

/* ---- a window: what there is ---- */

/* Whatever goes moves what is behind it.  What has come since EXAMINE stands
 * above `exists`: it is none of ours, and goes without a trace. */
static void
on_expunge(struct reader *d, const struct imap_response *r)
{
	if (r->kind != IMAP_RESPONSE_EXPUNGE || r->number == 0 ||
	    r->number > d->exists)
		return;
	d->exists--;
	if (r->number < d->next)
		d->next--;
	if (r->number <= d->last)
		d->moved = true;
}

static bool
is_listed(const struct reader *d, uint32_t uid)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->item[i].uid == uid)
			return true;
	return false;
}

static void
on_window(void *arg, const struct imap_response *r)
{
	struct reader *d = arg;
	struct item *it;

	on_expunge(d, r);
	if (r->kind != IMAP_RESPONSE_FETCH || r->number < d->next ||
	    r->number > d->last || r->fetch.uid == 0 || !r->fetch.has_size ||
	    d->n == WINDOW || is_listed(d, r->fetch.uid))
		return;
	it = &d->item[d->n++];
	*it = (struct item){.uid = r->fetch.uid,
	    .size = r->fetch.size,
	    .date = r->fetch.date,
	    .flags = d->flags.n,
	    .nflags = r->fetch.flags.n};
	buf_addsv(&d->flags, r->fetch.flags);
	if (!buf_ok(&d->flags))
		it->nflags = 0;
}

static void
message_name(struct reader *d, const struct item *it, struct buf *out)
{
	buf_addsv(out, buf_sv(&d->x->report->folder.name));
	buf_addf(out, ", UID %u", it->uid);
}

static void
message_key(struct reader *d, const struct item *it, struct buf *out)
{
	buf_addf(out, "%u/%u", d->uidvalidity, it->uid);
}

static void
skip(struct reader *d, const struct item *it, const char *why)
{
	struct buf b;

	buf_init(&b, EXCHANGE_PATH_MAX);
	message_name(d, it, &b);
	report_skip(d->x->report, buf_sv(&b), why);
	buf_fini(&b);
}

static void
choose(struct reader *d)
{
	struct buf key;
	size_t i;

	buf_init(&key, 64);
	for (i = 0; i < d->n; i++) {
		struct item *it = &d->item[i];

		buf_reset(&key);
		message_key(d, it, &key);
		it->wanted = d->to->want(d->to->arg, buf_sv(&key));
		if (!it->wanted) {
			report_known(d->x->report);
			report_advance(d->x->report, 1);
		}
	}
	buf_fini(&key);
}

/* ---- a group: the messages ---- */

static int
on_body_begin(void *arg, uint64_t size)
{
	struct reader *d = arg;

	d->too_large = size > EXCHANGE_MESSAGE_MAX;
	d->begun = true;
	d->size = 0;
	return d->to->begin(d->to->arg, d->err);
}

static int
on_body(void *arg, struct sv bytes)
{
	struct reader *d = arg;

	return d->too_large ? RC_OK : d->to->bytes(d->to->arg, bytes, d->err);
}

static int
message_over(struct reader *d, struct item *it)
{
	struct exchange_msg m = {.date = it->date.secs, .zone = it->date.zone};
	struct buf name, key;
	int r;

	buf_init(&name, EXCHANGE_PATH_MAX);
	buf_init(&key, 64);
	message_name(d, it, &name);
	message_key(d, it, &key);
	m.name = buf_sv(&name);
	m.key = buf_sv(&key);
	m.flags = sv_of(d->flags.p + it->flags, it->nflags);
	it->got = true;
	report_advance(d->x->report, 1);
	r = d->to->end(d->to->arg, &m, d->err);
	buf_fini(&key);
	buf_fini(&name);
	return r;
}

static struct item *
item_of(struct reader *d, uint32_t uid)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->item[i].uid == uid && d->item[i].wanted &&
		    !d->item[i].got)
			return &d->item[i];
	return NULL;
}

static void
on_message(void *arg, const struct imap_response *r)
{
	struct reader *d = arg;
	struct item *it;

	on_expunge(d, r);
	if (r->kind != IMAP_RESPONSE_FETCH || !r->fetch.has_body)
		return;
	it = item_of(d, r->fetch.uid);
	/* A short one may have come as a string. */
	if (!d->begun && d->rc == RC_OK) {
		d->rc = on_body_begin(d, r->fetch.body.n);
		if (d->rc == RC_OK)
			d->rc = on_body(d, r->fetch.body);
	}
	d->begun = false;
	if (d->rc != RC_OK)
		return;
	if (it != NULL && !d->too_large) {
		d->rc = message_over(d, it);
		return;
	}
	d->to->drop(d->to->arg);
	if (it != NULL) {
		it->got = true;
		skip(d, it, "it is larger than 64 MiB");
	}
}

/* UID FETCH of those. */
static int
fetch(struct reader *d, const struct sv set, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_message,
	    .body_begin = on_body_begin,
	    .body = on_body,
	    .arg = d};
	struct buf b;
	int r;

	buf_init(&b, 16384);
	buf_adds(&b, "UID FETCH ");
	buf_addsv(&b, set);
	buf_adds(&b,
	    d->c == d->x->own ? " (UID BINARY.PEEK[])" : " (UID BODY.PEEK[])");
	d->err = err;
	d->rc = RC_OK;
	d->begun = false;
	r = imap_client_command(d->c, &ops, buf_sv(&b), err);
	buf_fini(&b);
	if (r != RC_OK && d->begun)
		d->to->drop(d->to->arg);
	return d->rc != RC_OK ? d->rc : r;
}

/* Each that did not come, alone: so that one that the server cannot read does
 * not keep others from coming. */
static int
fetch_one_by_one(struct reader *d, size_t from, size_t to, struct err *err)
{
	int r = RC_OK;
	struct buf b;
	size_t i;

	buf_init(&b, 16);
	for (i = from; i < to && r == RC_OK; i++) {
		struct item *it = &d->item[i];

		if (!it->wanted || it->got)
			continue;
		buf_reset(&b);
		buf_addu(&b, it->uid);
		r = fetch(d, buf_sv(&b), err);
		if (it->got || (r != RC_OK && r != RC_PERM))
			continue;
		skip(d, it,
		    r == RC_PERM ? err->text
				 : "the server does not give it: it may have "
				   "been expunged meanwhile");
		report_advance(d->x->report, 1);
		r = RC_OK;
	}
	buf_fini(&b);
	return r;
}

static int
fetch_wanted(struct reader *d, struct err *err)
{
	size_t i = 0;
	struct buf b;
	int r = RC_OK;

	buf_init(&b, 16384);
	while (i < d->n && r == RC_OK) {
		size_t from = i, n = 0;
		uint64_t bytes = 0;

		buf_reset(&b);
		for (; i < d->n && n < GROUP && bytes < GROUP_BYTES; i++) {
			if (!d->item[i].wanted)
				continue;
			if (n++ > 0)
				buf_addc(&b, ',');
			buf_addu(&b, d->item[i].uid);
			bytes += d->item[i].size;
		}
		if (n == 0)
			break;
		r = fetch(d, buf_sv(&b), err);
		if (r == RC_OK || r == RC_PERM)
			r = fetch_one_by_one(d, from, i, err);
	}
	buf_fini(&b);
	return r;
}

/* ---- a mailbox ---- */

static void
on_examine(void *arg, const struct imap_response *r)
{
	struct reader *d = arg;

	on_expunge(d, r);
	if (r->kind == IMAP_RESPONSE_EXISTS)
		d->exists = r->number;
	if (r->kind == IMAP_RESPONSE_CONDITION &&
	    sv_ieq(r->code, SV("UIDVALIDITY")) &&
	    sv_to_u32(r->code_args, UINT32_MAX, &d->uidvalidity) != RC_OK)
		d->uidvalidity = 0;
}

static int
examine(struct reader *d, const struct folder *f, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_examine, .arg = d};
	struct buf b;
	int r;

	d->exists = d->uidvalidity = 0;
	d->next = 1;
	d->last = 0;
	buf_init(&b, 16384);
	buf_adds(&b, "EXAMINE ");
	imap_put_astring(&b, sv_str(f->wire));
	r = imap_client_command(d->c, &ops, buf_sv(&b), err);
	buf_fini(&b);
	if (r == RC_OK && d->uidvalidity == 0) {
		r = err_set(err, RC_PERM, "it has no UIDVALIDITY");
	}
	return r;
}

/*
 * What others have expunged cannot be told during FETCH [RFC 3501 7.4.1]: it is
 * left out, or the whole is refused, until it can be told [RFC 2180 4.1].
 */
static int
ask_what_has_gone(struct reader *d, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_window, .arg = d};

	return imap_client_command(d->c, &ops, SV("NOOP"), err);
}

static void
report_gap(struct reader *d, uint32_t asked)
{
	struct buf b;

	buf_init(&b, EXCHANGE_PATH_MAX + 100);
	buf_addsv(&b, buf_sv(&d->x->report->folder.name));
	buf_addf(&b, ", %zu of the messages %u to %u", asked - d->n, d->next,
	    d->last);
	report_skip(
	    d->x->report, buf_sv(&b), "the server says nothing of them");
	report_advance(d->x->report, asked - d->n);
	buf_fini(&b);
}

/* The next window's items.  RC_MORE: it has moved, and is to be listed once
 * more; each time there is a message less in the mailbox. */
static int
list_window(struct reader *d, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_window, .arg = d};
	uint32_t left = d->exists - d->next;
	uint32_t asked = left < WINDOW ? left + 1 : WINDOW;
	struct err quiet = {.text = ""};
	struct buf b;
	int r, told = RC_OK;

	d->last = d->next + asked - 1;
	d->moved = false;
	d->n = 0;
	buf_reset(&d->flags);
	buf_init(&b, 256);
	buf_addf(&b, "FETCH %u:%u (UID FLAGS INTERNALDATE RFC822.SIZE)",
	    d->next, d->last);
	r = imap_client_command(d->c, &ops, buf_sv(&b), err);
	buf_fini(&b);
	if (r == RC_PERM || (r == RC_OK && d->n < asked && !d->moved))
		told = ask_what_has_gone(d, &quiet);
	if (told != RC_OK) {
		*err = quiet;
		return told;
	}
	if (d->moved && (r == RC_OK || r == RC_PERM))
		return RC_MORE;
	if (r == RC_OK && d->n < asked)
		report_gap(d, asked);
	return r;
}

static int
read_windows(struct reader *d, struct err *err)
{
	int r = RC_OK;

	while (r == RC_OK && d->next <= d->exists) {
		r = list_window(d, err);
		if (r == RC_MORE) {
			r = RC_OK;
			continue;
		}
		d->next = d->last + 1;
		if (r == RC_OK) {
			choose(d);
			r = fetch_wanted(d, err);
		}
	}
	return r;
}

static int
mailbox(struct reader *d, const struct folder *f, struct err *err)
{
	struct exchange_folder to = {
	    .name = sv_str(f->name), .uses = f->attributes & IMAP_LIST_USES};
	int r;

	if (!exchange_wants_folder(d->x, to.name))
		return RC_OK;
	report_folder(d->x->report, to.name);
	r = examine(d, f, err);
	if (is_refused(d, r)) {
		report_skip(d->x->report, to.name, err->text);
		return RC_OK;
	}
	if (r == RC_OK)
		r = d->to->folder(d->to->arg, &to, err);
	if (r != RC_OK)
		return r == RC_DENIED ? RC_OK : r;
	r = read_windows(d, err);
	if (r == RC_PERM) {
		report_skip(d->x->report, to.name, err->text);
		r = RC_OK;
	}
	if (r == RC_OK)
		r = d->to->folder_end(d->to->arg, err);
	if (r == RC_OK)
		report_folder_end(d->x->report);
	return r;
}

int
from_imap(struct exchange *x, struct imap_client *c, const struct sink *to,
    struct err *err)
{
	struct reader *d = xcalloc(1, sizeof *d);
	size_t i;
	int r;

	d->x = x;
	d->c = c;
	d->to = to;
	buf_init(&d->prefix, 4096);
	buf_init(&d->prefix_wire, 4096);
	buf_init(&d->flags, FLAGS_MAX);
	r = list_mailboxes(d, err);
	if (r == RC_OK)
		r = count_messages(d, err);
	for (i = 0; i < d->nfolder && r == RC_OK; i++)
		r = mailbox(d, &d->folder[i], err);
	for (i = 0; i < d->nfolder; i++) {
		free(d->folder[i].wire);
		free(d->folder[i].name);
	}
	free(d->folder);
	buf_fini(&d->flags);
	buf_fini(&d->prefix_wire);
	buf_fini(&d->prefix);
	free(d);
	return r;
}
