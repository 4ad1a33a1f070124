/* Inside from_imap.c and from_imap_folders.c only. */
#ifndef IMAP_TRANSFER_FROM_IMAP_H
#define IMAP_TRANSFER_FROM_IMAP_H

#include "imap/transfer/message.h"

#define FROM_IMAP_WINDOW 200

struct from_folder {
	char *wire, *name;
	unsigned attributes;
};

struct from_item {
	uint32_t uid;
	uint64_t size;
	struct imap_date_time date;
	size_t flags, nflags; /* in the window's text */
	bool wanted, got;
};

struct from_imap {
	struct transfer *x;
	struct imap_client *c;
	const struct sink *to;
	struct from_folder *folder;
	size_t nfolder, cap;
	struct buf prefix; /* of our own namespace, in UTF-8 */
	struct buf prefix_wire;
	char delimiter;
	unsigned hidden; /* attributes of what is not to come */
	size_t names;	 /* bytes of all folders' names */
	size_t unfit;	 /* folders left out for their names */
	bool too_many;
	bool has_uses; /* the server says special uses */

	/* The mailbox that is open. */
	uint32_t exists; /* of the messages that were there at first */
	uint32_t uidvalidity;
	uint32_t next, last; /* sequence numbers: the window, or behind it */
	bool moved;	     /* something up to last has gone */
	uint32_t window;     /* as many are listed at once */
	unsigned refused;    /* messages that it does not list */
	bool listed;	     /* one that it does */
	struct from_item item[FROM_IMAP_WINDOW];
	size_t n;
	struct buf flags;

	/* The message that is coming. */
	uint64_t size;
	unsigned line;	  /* bytes of its line so far, 2: more */
	bool body;	  /* its header is over */
	const char *name; /* of the mailbox */
	bool begun, too_large, in_group;
	struct err *err;
	int rc; /* what the sink said at a message's end */
};

/* ---- from_imap_folders.c ---- */

/* Learns the mailboxes, in the order in which they are to be read. */
int from_imap_list(struct from_imap *d, struct err *err) RC_USE_RESULT;
/* How many messages they have is told to the report. */
int from_imap_count(struct from_imap *d, struct err *err) RC_USE_RESULT;

/* ---- from_imap_broken.c ---- */

/* Was this refused for itself?  A BAD means no more than a NO: some servers do
 * not take back the names that they list. */
bool from_imap_refused(const struct from_imap *d, int r);
/* Has the connection ended, or what came is not to be understood? */
bool from_imap_broken_off(const struct from_imap *d, int r);
/* How often that has happened as the mailbox d->name was opened. */
unsigned from_imap_mailbox_breaks(const struct from_imap *d);
/* Notes it, if it has, and says what to return. */
int from_imap_mailbox_broke(struct from_imap *d, int r) RC_USE_RESULT;
/* The same, as the window was listed. */
int from_imap_window_broke(struct from_imap *d, int r) RC_USE_RESULT;
/* Has it happened at the next message alone, so that it is to be passed? */
bool from_imap_next_is_broken(const struct from_imap *d);
/* How many messages are to be listed now: those before a window in which it
 * has happened, or the half of that. */
uint32_t from_imap_window(const struct from_imap *d);

#endif
