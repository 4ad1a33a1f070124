/*
 * All mailboxes of an IMAP session, ours or another server's.
 *
 * A mailbox is read in windows of sequence numbers, which bounds what is held
 * of it: first UIDs, flags, dates and sizes, then the messages that are
 * wanted, by their UIDs, as many in one command as make about a megabyte.
 *
 * Others may be at work in it meanwhile.  New messages come behind all that
 * were there at first: the next run brings them.  What goes moves the numbers
 * of what is behind it; where that happens while a window is listed, or the
 * listing has a gap, the window is listed once more.
 *
 * A mailbox that shows what other mailboxes hold (\All, \Flagged) comes last,
 * so that the sink can leave out what has come already.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "imap/transfer/from_imap.h"
#include "imap/transfer/usual.h"
#include "imap/parse/parse.h"

#define GROUP	    64
#define GROUP_BYTES (1u << 20)
#define FLAGS_MAX   (1u << 20)

#define HANGS_UP	"the server ends the connection there"
#define REFUSED_MAX	200 /* messages that a mailbox does not list */
#define REFUSED_AT_ONCE 3   /* ... if it lists no other */

/* ---- a window: what there is ---- */

/* Whatever goes moves what is behind it.  What has come since EXAMINE stands
 * above `exists`: it is none of ours, and goes without a trace. */
static void
on_expunge(struct from_imap *d, const struct imap_response *r)
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
is_listed(const struct from_imap *d, uint32_t uid)
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
	struct from_imap *d = arg;
	struct from_item *it;

	on_expunge(d, r);
	if (r->kind != IMAP_RESPONSE_FETCH || r->number < d->next ||
	    r->number > d->last || r->fetch.uid == 0 || !r->fetch.has_size ||
	    d->n == FROM_IMAP_WINDOW || is_listed(d, r->fetch.uid))
		return;
	it = &d->item[d->n++];
	*it = (struct from_item){.uid = r->fetch.uid,
	    .size = r->fetch.size,
	    .date = r->fetch.date,
	    .flags = d->flags.n,
	    .nflags = r->fetch.flags.n};
	buf_addsv(&d->flags, r->fetch.flags);
	if (!buf_ok(&d->flags))
		it->nflags = 0;
}

static void
message_name(struct from_imap *d, const struct from_item *it, struct buf *out)
{
	buf_addsv(out, buf_sv(&d->x->report->folder.name));
	buf_addf(out, ", UID %u", it->uid);
}

static void
message_key(struct from_imap *d, const struct from_item *it, struct buf *out)
{
	buf_addf(out, "%u/%u", d->uidvalidity, it->uid);
}

static void
skip(struct from_imap *d, const struct from_item *it, const char *why)
{
	struct buf b;

	buf_init(&b, TRANSFER_PATH_MAX);
	message_name(d, it, &b);
	report_skip(d->x->report, buf_sv(&b), why);
	buf_fini(&b);
}

static void
choose(struct from_imap *d)
{
	struct buf key;
	size_t i;

	buf_init(&key, 64);
	for (i = 0; i < d->n; i++) {
		struct from_item *it = &d->item[i];

		buf_reset(&key);
		message_key(d, it, &key);
		it->wanted = d->to->want(d->to->arg, buf_sv(&key));
		if (!it->wanted) {
			if (d->to->known != NULL)
				d->to->known(d->to->arg, buf_sv(&key),
				    sv_of(d->flags.p + it->flags, it->nflags));
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
	struct from_imap *d = arg;

	d->too_large = size > TRANSFER_MESSAGE_MAX;
	d->begun = true;
	d->size = size;
	d->line = 0;
	d->body = false;
	return d->to->begin(d->to->arg, d->err);
}

/* Looks for the empty line behind the header. */
static void
scan(struct from_imap *d, struct sv bytes)
{
	size_t i;

	for (i = 0; i < bytes.n && !d->body; i++)
		if (bytes.p[i] == '\n') {
			d->body = d->line == 0;
			d->line = 0;
		} else if (bytes.p[i] != '\r') {
			d->line = 1;
		}
}

static int
on_body(void *arg, struct sv bytes)
{
	struct from_imap *d = arg;

	scan(d, bytes);
	return d->too_large ? RC_OK : d->to->bytes(d->to->arg, bytes, d->err);
}

static int
message_over(struct from_imap *d, struct from_item *it)
{
	struct transfer_msg m = {.date = it->date.secs, .zone = it->date.zone};
	struct buf name, key;
	int r;

	buf_init(&name, TRANSFER_PATH_MAX);
	buf_init(&key, 64);
	message_name(d, it, &name);
	message_key(d, it, &key);
	m.name = buf_sv(&name);
	m.key = buf_sv(&key);
	m.flags = sv_of(d->flags.p + it->flags, it->nflags);
	it->got = true;
	report_advance(d->x->report, 1);
	if (d->c != d->x->own && d->size < it->size / 2)
		report_note(d->x->report,
		    "%s: the server gives %llu bytes of %llu", name.p,
		    (unsigned long long)d->size, (unsigned long long)it->size);
	r = d->to->end(d->to->arg, &m, d->err);
	buf_fini(&key);
	buf_fini(&name);
	return r;
}

static struct from_item *
item_of(struct from_imap *d, uint32_t uid)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->item[i].uid == uid && d->item[i].wanted &&
		    !d->item[i].got)
			return &d->item[i];
	return NULL;
}

/* Nothing, or less than its header, where the listing promised more, is no
 * answer; sizes are estimates on some servers. */
static bool
is_cut(const struct from_imap *d, const struct from_item *it)
{
	return d->size < it->size && !d->body &&
	       (d->size == 0 || d->c != d->x->own);
}

static void
on_message(void *arg, const struct imap_response *r)
{
	struct from_imap *d = arg;
	struct from_item *it;

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
	if (it != NULL && !d->too_large && !is_cut(d, it)) {
		d->rc = message_over(d, it);
		return;
	}
	d->to->drop(d->to->arg);
	if (it != NULL && d->too_large) {
		it->got = true;
		skip(d, it, "it is larger than 64 MiB");
	}
}

/* UID FETCH of those. */
static int
fetch(struct from_imap *d, const struct sv set, struct err *err)
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

/* ---- messages at which the server hangs up ---- */

static struct transfer_broken *
find_broken(struct from_imap *d, uint32_t uid)
{
	size_t i;

	for (i = 0; i < d->x->nbroken; i++) {
		struct transfer_broken *b = &d->x->broken[i];

		if (b->uid == uid && b->uidvalidity == d->uidvalidity &&
		    strcmp(b->folder, d->name) == 0)
			return b;
	}
	return NULL;
}

/* The connection has ended while these were coming: the first that has not
 * come is to blame, or was the next. */
static void
note_broken(struct from_imap *d, size_t from, size_t to, bool alone)
{
	struct transfer_broken *b;
	size_t i = from;

	while (i < to && (!d->item[i].wanted || d->item[i].got))
		i++;
	if (i == to || d->c == d->x->own)
		return;
	b = find_broken(d, d->item[i].uid);
	if (b == NULL && d->x->nbroken < TRANSFER_BROKEN_MAX) {
		b = &d->x->broken[d->x->nbroken++];
		*b = (struct transfer_broken){.folder = xstrdup(d->name),
		    .uidvalidity = d->uidvalidity,
		    .uid = d->item[i].uid};
		d->x->learnt++;
	}
	if (b != NULL && alone) {
		b->alone++;
		d->x->learnt++;
	}
}

/* Each that did not come, alone: so that one that the server cannot read does
 * not keep others from coming. */
static int
fetch_one_by_one(struct from_imap *d, size_t from, size_t to, struct err *err)
{
	int r = RC_OK;
	struct buf b;
	size_t i;

	buf_init(&b, 16);
	for (i = from; i < to && r == RC_OK; i++) {
		struct from_item *it = &d->item[i];
		const struct transfer_broken *bad;

		if (!it->wanted || it->got)
			continue;
		bad = find_broken(d, it->uid);
		if (bad != NULL && bad->alone >= TRANSFER_BROKEN_ALONE) {
			skip(d, it, HANGS_UP);
			report_advance(d->x->report, 1);
			continue;
		}
		buf_reset(&b);
		buf_addu(&b, it->uid);
		r = fetch(d, buf_sv(&b), err);
		if (from_imap_broken_off(d, r))
			note_broken(d, i, i + 1, true);
		if (it->got || (r != RC_OK && !from_imap_refused(d, r)))
			continue;
		skip(d, it,
		    r != RC_OK ? err->text
			       : "the server does not give it: it may have "
				 "been expunged meanwhile");
		report_advance(d->x->report, 1);
		r = RC_OK;
	}
	buf_fini(&b);
	/* What cannot be understood at one message may be fine elsewhere. */
	if (d->rc == RC_OK && r == RC_SYNTAX && d->c != d->x->own)
		r = RC_EOF;
	return r;
}

/* As many as make a group, from i on: their UIDs.  One that has ended the
 * connection before is asked for alone. */
static size_t
gather(struct from_imap *d, size_t *i, struct buf *out)
{
	size_t n = 0;
	uint64_t bytes = 0;

	buf_reset(out);
	for (; *i < d->n && n < GROUP && bytes < GROUP_BYTES; ++*i) {
		const struct from_item *it = &d->item[*i];

		if (!it->wanted)
			continue;
		if (find_broken(d, it->uid) != NULL && n > 0)
			break;
		if (n++ > 0)
			buf_addc(out, ',');
		buf_addu(out, it->uid);
		bytes += it->size;
		if (find_broken(d, it->uid) != NULL) {
			++*i;
			break;
		}
	}
	return n;
}

static int
fetch_wanted(struct from_imap *d, struct err *err)
{
	size_t i = 0;
	struct buf b;
	int r = RC_OK;

	buf_init(&b, 16384);
	while (i < d->n && r == RC_OK) {
		size_t from = i, n = gather(d, &i, &b);

		if (n == 0)
			continue;
		if (n > 1)
			r = fetch(d, buf_sv(&b), err);
		if (from_imap_broken_off(d, r))
			note_broken(d, from, i, false);
		if (r == RC_OK || (d->rc == RC_OK && from_imap_refused(d, r)))
			r = fetch_one_by_one(d, from, i, err);
		else if (d->rc == RC_OK && r == RC_SYNTAX && d->c != d->x->own)
			r = RC_EOF;
	}
	buf_fini(&b);
	return r;
}

/* ---- a mailbox ---- */

static void
on_examine(void *arg, const struct imap_response *r)
{
	struct from_imap *d = arg;

	on_expunge(d, r);
	if (r->kind == IMAP_RESPONSE_EXISTS)
		d->exists = r->number;
	if (r->kind == IMAP_RESPONSE_CONDITION &&
	    sv_ieq(r->code, SV("UIDVALIDITY")) &&
	    sv_to_u32(r->code_args, UINT32_MAX, &d->uidvalidity) != RC_OK)
		d->uidvalidity = 0;
}

static int
examine(struct from_imap *d, const struct from_folder *f, struct err *err)
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
ask_what_has_gone(struct from_imap *d, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_window, .arg = d};

	return imap_client_command(d->c, &ops, SV("NOOP"), err);
}

static void
report_gap(struct from_imap *d, uint32_t asked)
{
	struct buf b;

	buf_init(&b, TRANSFER_PATH_MAX + 100);
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
list_window(struct from_imap *d, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_window, .arg = d};
	uint32_t asked = from_imap_window(d);
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

/* The next one is passed. */
static void
skip_next(struct from_imap *d, const char *why)
{
	struct buf b;

	buf_init(&b, TRANSFER_PATH_MAX + 100);
	buf_addsv(&b, buf_sv(&d->x->report->folder.name));
	buf_addf(&b, ", message %u", d->next);
	report_skip(d->x->report, buf_sv(&b), why);
	report_advance(d->x->report, 1);
	buf_fini(&b);
	d->next++;
}

/* A window is refused: it is listed by parts, so that a message of which the
 * server cannot say anything costs no other. */
static int
narrow(struct from_imap *d, int r, struct err *err)
{
	if (d->last > d->next) {
		d->window = (d->last - d->next + 1) / 2;
		return RC_OK;
	}
	if (d->refused++ == (d->listed ? REFUSED_MAX : REFUSED_AT_ONCE))
		return r;
	skip_next(d, err->text);
	return RC_OK;
}

static int
read_window(struct from_imap *d, struct err *err)
{
	int r = list_window(d, err);

	if (r == RC_MORE)
		return RC_OK;
	if (from_imap_refused(d, r))
		return narrow(d, r, err);
	r = from_imap_window_broke(d, r);
	if (r != RC_OK)
		return r;
	d->listed = true;
	d->window =
	    d->window < FROM_IMAP_WINDOW / 2 ? 2 * d->window : FROM_IMAP_WINDOW;
	d->next = d->last + 1;
	choose(d);
	return fetch_wanted(d, err);
}

static int
read_windows(struct from_imap *d, struct err *err)
{
	int r = RC_OK;

	d->window = FROM_IMAP_WINDOW;
	d->refused = 0;
	d->listed = false;
	while (r == RC_OK && d->next <= d->exists)
		if (from_imap_next_is_broken(d))
			skip_next(d, HANGS_UP);
		else
			r = read_window(d, err);
	return r;
}

static int
mailbox(struct from_imap *d, const struct from_folder *f, struct err *err)
{
	struct transfer_folder to = {.name = sv_str(f->name),
	    .uses = f->attributes & IMAP_LIST_USES,
	    .unsubscribed = d->c == d->x->own && d->x->as_of == 0 &&
			    (f->attributes & IMAP_LIST_SHOWN) == 0};
	int r;

	/* A server that knows no uses: what they are usually called. */
	if (!d->has_uses && d->c != d->x->own)
		to.uses = usual_use(to.name);

	if (!transfer_wants_folder(d->x, to.name))
		return RC_OK;
	report_folder(d->x->report, to.name);
	d->name = f->name;
	d->rc = RC_OK;
	if (from_imap_mailbox_breaks(d) >= TRANSFER_BROKEN_ALONE) {
		report_skip(d->x->report, to.name, HANGS_UP);
		return RC_OK;
	}
	r = from_imap_mailbox_broke(d, examine(d, f, err));
	if (from_imap_refused(d, r)) {
		report_skip(d->x->report, to.name, err->text);
		return RC_OK;
	}
	if (r == RC_OK)
		r = d->to->folder(d->to->arg, &to, err);
	if (r != RC_OK)
		return r == RC_DENIED ? RC_OK : r;
	d->rc = RC_OK;
	r = read_windows(d, err);
	if (r == RC_PERM || (d->rc == RC_OK && from_imap_refused(d, r))) {
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
from_imap(struct transfer *x, struct imap_client *c, const struct sink *to,
    struct err *err)
{
	struct from_imap *d = xcalloc(1, sizeof *d);
	size_t i;
	int r;

	d->x = x;
	d->c = c;
	d->to = to;
	buf_init(&d->prefix, 4096);
	buf_init(&d->prefix_wire, 4096);
	buf_init(&d->flags, FLAGS_MAX);
	r = from_imap_list(d, err);
	if (r == RC_OK)
		r = from_imap_count(d, err);
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
