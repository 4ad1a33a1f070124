/* What a server refuses for itself, and where it hangs up while a mailbox is
 * opened or listed: that is learnt from one connection to the next, until it is
 * a mailbox or a message alone. */
#include "base/alloc.h"
#include "imap/transfer/from_imap.h"

static bool
is_in(const struct from_imap *d, const struct transfer_broken *b)
{
	return b->uid == 0 && strcmp(b->folder, d->name) == 0;
}

static struct transfer_broken *
add(struct from_imap *d)
{
	struct transfer_broken *b;

	if (d->x->nbroken == TRANSFER_BROKEN_MAX)
		return NULL;
	b = &d->x->broken[d->x->nbroken++];
	*b = (struct transfer_broken){.folder = xstrdup(d->name)};
	return b;
}

static struct transfer_broken *
find_mailbox(const struct from_imap *d)
{
	size_t i;

	for (i = 0; i < d->x->nbroken; i++)
		if (is_in(d, &d->x->broken[i]) && d->x->broken[i].to == 0)
			return &d->x->broken[i];
	return NULL;
}

/* The window that has the next message. */
static struct transfer_broken *
find_window(const struct from_imap *d)
{
	size_t i;

	for (i = 0; i < d->x->nbroken; i++) {
		struct transfer_broken *b = &d->x->broken[i];

		if (is_in(d, b) && b->uidvalidity == d->uidvalidity &&
		    b->from <= d->next && d->next <= b->to)
			return b;
	}
	return NULL;
}

bool
from_imap_refused(const struct from_imap *d, int r)
{
	return r == RC_PERM || (r == RC_SYNTAX && imap_client_usable(d->c));
}

bool
from_imap_broken_off(const struct from_imap *d, int r)
{
	return d->rc == RC_OK && r != RC_OK && !from_imap_refused(d, r);
}

unsigned
from_imap_mailbox_breaks(const struct from_imap *d)
{
	const struct transfer_broken *b = find_mailbox(d);

	return b != NULL ? b->alone : 0;
}

/* What cannot be understood at one mailbox may be fine elsewhere. */
static int
to_be_tried_again(int r)
{
	return r == RC_SYNTAX ? RC_EOF : r;
}

int
from_imap_mailbox_broke(struct from_imap *d, int r)
{
	struct transfer_broken *b = find_mailbox(d);

	if (d->c == d->x->own || !from_imap_broken_off(d, r))
		return r;
	if (b == NULL)
		b = add(d);
	if (b != NULL) {
		b->alone++;
		d->x->learnt++;
	}
	return to_be_tried_again(r);
}

int
from_imap_window_broke(struct from_imap *d, int r)
{
	struct transfer_broken *b = find_window(d);

	if (d->c == d->x->own || !from_imap_broken_off(d, r))
		return r;
	if (b == NULL)
		b = add(d);
	if (b != NULL) {
		b->uidvalidity = d->uidvalidity;
		b->from = d->next;
		b->to = d->last;
		b->alone += b->from == b->to;
		d->x->learnt++;
	}
	return to_be_tried_again(r);
}

bool
from_imap_next_is_broken(const struct from_imap *d)
{
	const struct transfer_broken *b = find_window(d);

	return b != NULL && b->from == b->to &&
	       b->alone >= TRANSFER_BROKEN_ALONE;
}

uint32_t
from_imap_window(const struct from_imap *d)
{
	uint32_t n = d->exists - d->next + 1, most;
	size_t i;

	if (n > d->window)
		n = d->window;
	for (i = 0; i < d->x->nbroken; i++) {
		const struct transfer_broken *b = &d->x->broken[i];

		if (!is_in(d, b) || b->uidvalidity != d->uidvalidity ||
		    b->to < d->next)
			continue;
		/* Up to it, then the half of it. */
		most = b->from > d->next     ? b->from - d->next
		       : b->to - b->from > 1 ? (b->to - b->from + 1) / 2
					     : 1;
		if (n > most)
			n = most;
	}
	return n;
}
