/* Which mailboxes an IMAP session has, and what they are called here. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/plural.h"
#include "imap/transfer/from_imap.h"
#include "imap/parse/parse.h"

#define FOLDERS_MAX  20000
#define NAMES_MAX    (8u << 20) /* bytes of their names */
#define UNFIT_NAMED  20
#define VIRTUAL_USES (IMAP_LIST_ALL | IMAP_LIST_FLAGGED)

static void
on_namespace(void *arg, const struct imap_response *r)
{
	struct from_imap *d = arg;

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
	if (r->list.name.n > TRANSFER_PATH_MAX ||
	    r->list.wire.n > TRANSFER_PATH_MAX)
		return "its name is too long";
	if (sv_chr(r->list.wire, '\0') < r->list.wire.n)
		return "its name has a NUL";
	return NULL;
}

static void
add_folder(struct from_imap *d, const struct imap_response *r)
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
	d->folder[d->nfolder++] = (struct from_folder){
	    sv_dup(r->list.wire), sv_dup(name), r->list.attributes};
}

static void
on_list(void *arg, const struct imap_response *r)
{
	struct from_imap *d = arg;
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
	const struct from_folder *x = a, *y = b;

	return strcmp(x->wire, y->wire);
}

/* Some are listed twice, INBOX always. */
static void
merge_folders(struct from_imap *d)
{
	size_t k = 0, i;

	if (d->nfolder == 0)
		return;
	qsort(d->folder, d->nfolder, sizeof *d->folder, compare_wire);
	for (i = 1; i < d->nfolder; i++) {
		struct from_folder *f = &d->folder[i];

		if (strcmp(d->folder[k].wire, f->wire) != 0) {
			d->folder[++k] = *f;
			continue;
		}
		d->folder[k].attributes |= f->attributes;
		free(f->wire);
		free(f->name);
	}
	d->nfolder = k + 1;
	for (i = 0; i < d->nfolder; i++)
		d->has_uses |= (d->folder[i].attributes & IMAP_LIST_USES) != 0;
}

/* A server that does not say its namespace, but has everything below INBOX,
 * means "INBOX." as the prefix of all. */
static void
strip_inbox(struct from_imap *d)
{
	size_t i, below = 0;

	if (d->prefix.n > 0 || imap_client_can(d->c, SV("NAMESPACE")))
		return;
	for (i = 0; i < d->nfolder; i++) {
		struct sv name = sv_str(d->folder[i].name);

		if (sv_starts(name, SV("INBOX/")))
			below++;
		else if (!sv_eq(name, SV("INBOX")))
			return;
	}
	for (i = 0; i < d->nfolder && below > 0; i++) {
		struct sv name = sv_str(d->folder[i].name);
		char *old = d->folder[i].name;

		if (!sv_starts(name, SV("INBOX/")))
			continue;
		d->folder[i].name = sv_dup(sv_skip(name, 6));
		free(old);
	}
}

/* Names that differ there only in what cannot be said here stay apart. */
static void
part_names(struct from_imap *d)
{
	size_t i;

	for (i = 1; i < d->nfolder; i++) {
		struct buf b;

		if (strcmp(d->folder[i].name, d->folder[i - 1].name) != 0)
			continue;
		buf_init(&b, 4 * TRANSFER_PATH_MAX);
		buf_addf(&b, "%s_%zu", d->folder[i].name, i);
		free(d->folder[i].name);
		d->folder[i].name = sv_dup(buf_sv(&b));
		buf_fini(&b);
	}
}

static int
rank(const struct from_folder *f)
{
	if (strcmp(f->name, "INBOX") == 0)
		return 0;
	return (f->attributes & VIRTUAL_USES) != 0 ? 2 : 1;
}

static int
compare(const void *a, const void *b)
{
	const struct from_folder *x = a, *y = b;
	int d = rank(x) - rank(y);

	return d != 0 ? d : strcmp(x->name, y->name);
}

/* As they were at some time: they are shown below a name of their own. */
static int
list_restore(struct from_imap *d, struct err *err)
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
list_all(struct from_imap *d, struct err *err)
{
	struct imap_client_ops ops = {.response = on_namespace, .arg = d};
	bool extended = imap_client_can(d->c, SV("LIST-EXTENDED")) &&
			imap_client_can(d->c, SV("SPECIAL-USE"));
	struct buf b;
	int r = RC_OK;
	size_t n;

	/* Expunged mail that another Hearthmail shows comes only where it is
	 * asked for by its name. */
	d->hidden = IMAP_LIST_NOSELECT;
	if (d->x->nonly == 0 && !d->x->hidden)
		d->hidden |= IMAP_LIST_EXPUNGED;
	if (imap_client_can(d->c, SV("NAMESPACE")))
		r = imap_client_command(d->c, &ops, SV("NAMESPACE"), err);
	if (r != RC_OK && !from_imap_refused(d, r))
		return r;
	ops.response = on_list;
	buf_init(&b, 16384);
	buf_adds(&b, "LIST \"\" INBOX");
	r = imap_client_command(d->c, &ops, buf_sv(&b), err);
	if (from_imap_refused(d, r))
		r = RC_OK;
	buf_reset(&b);
	buf_adds(&b, "LIST \"\" ");
	buf_addsv(&d->prefix_wire, SV("*"));
	imap_put_astring(&b, buf_sv(&d->prefix_wire));
	/* A pattern must not be taken for an atom with a star in it only by
	 * us: strings are fine everywhere. */
	n = b.n;
	if (extended)
		buf_adds(&b, d->c == d->x->own
				 ? " RETURN (SPECIAL-USE SUBSCRIBED)"
				 : " RETURN (SPECIAL-USE)");
	if (r == RC_OK)
		r = imap_client_command(d->c, &ops, buf_sv(&b), err);
	if (extended && from_imap_refused(d, r)) {
		buf_truncate(&b, n);
		r = imap_client_command(d->c, &ops, buf_sv(&b), err);
	}
	/* There it is in a namespace of its own, which no star finds. */
	if (r == RC_OK && !(d->hidden & IMAP_LIST_EXPUNGED))
		r = imap_client_command(
		    d->c, &ops, SV("LIST \"\" \"Restore*\""), err);
	buf_fini(&b);
	return r;
}

static void
report_left_out(struct from_imap *d)
{
	struct buf b;

	if (d->too_many)
		report_skip(d->x->report, SV("mailboxes"),
		    "there are more than twenty thousand, or their names are "
		    "longer than 8 MiB together");
	if (d->unfit <= UNFIT_NAMED)
		return;
	buf_init(&b, 100);
	buf_addf(&b, "%zu more %s", d->unfit - UNFIT_NAMED,
	    each(d->unfit - UNFIT_NAMED, "mailbox", "mailboxes"));
	report_skip(d->x->report, buf_sv(&b), "for their names, too");
	buf_fini(&b);
}

int
from_imap_list(struct from_imap *d, struct err *err)
{
	int r = d->x->as_of > 0 && d->c == d->x->own ? list_restore(d, err)
						     : list_all(d, err);

	merge_folders(d);
	strip_inbox(d);
	if (d->nfolder > 0)
		qsort(d->folder, d->nfolder, sizeof *d->folder, compare);
	part_names(d);
	if (r == RC_OK)
		report_left_out(d);
	return r;
}

static void
on_status(void *arg, const struct imap_response *r)
{
	struct from_imap *d = arg;

	if (r->kind == IMAP_RESPONSE_STATUS)
		report_expect(d->x->report, r->status.messages);
}

int
from_imap_count(struct from_imap *d, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_status, .arg = d};
	struct buf b;
	size_t i;
	int r = RC_OK;

	buf_init(&b, 16384);
	for (i = 0; i < d->nfolder && (r == RC_OK || from_imap_refused(d, r));
	     i++) {
		d->name = d->folder[i].name;
		if (!transfer_wants_folder(d->x, sv_str(d->name)) ||
		    from_imap_mailbox_breaks(d) > 0)
			continue;
		buf_reset(&b);
		buf_adds(&b, "STATUS ");
		imap_put_astring(&b, sv_str(d->folder[i].wire));
		buf_adds(&b, " (MESSAGES)");
		r = imap_client_command(d->c, &ops, buf_sv(&b), err);
		r = from_imap_mailbox_broke(d, r);
	}
	buf_fini(&b);
	return from_imap_refused(d, r) ? RC_OK : r;
}
