/*
 * What earlier runs of an import (or of an export to a server) have brought:
 * the reason why a second run brings only what is new, and why a run that was
 * broken off at any point is resumed without a message lost or doubled.
 *
 * The state is a file of lines that only grows:
 *
 *   hearthmail import 1
 *   source SOURCE                   for people
 *   try UIDVALIDITY UIDNEXT FOLDER  these messages are about to be sent
 *   msg KEY CONTENT SIZE FLAGS      ... one line each; flags as bits, in hex
 *   uids FIRST                      the UIDs that the server has given them
 *   end MISSING .                   the server has taken them, but for those
 *                                   with these numbers (from 0, commas; "-");
 *                                   then a full stop
 *   flags KEY FLAGS                 these flags have come since
 *   same KEY OLD                    what was OLD has another key now
 *
 * A try is on the disk before its messages are sent, and its end is written
 * when the server has said OK.  Where the end is missing, who takes up the
 * import looks for messages of that content at or above UIDNEXT in FOLDER.
 * A line that is not one of these, torn by a crash, counts as not written.
 *
 * KEY is what makes a message of the source this message: its UID, its name
 * in a Maildir, or its content and a count.
 */
#ifndef IMAP_TRANSFER_STATE_H
#define IMAP_TRANSFER_STATE_H

#include <stdint.h>

#include "base/buf.h"

#define STATE_BATCH	   128 /* messages of one try */
#define STATE_LINE_MAX	   8192
#define STATE_CONTENT_SIZE 16

struct state_key {
	unsigned char b[STATE_CONTENT_SIZE];
};

/* Hashes parts, each with its length, under a name for what it is. */
void state_key_make(
    struct state_key *out, const char *what, const struct sv *part, size_t n);

struct state_msg {
	struct state_key key, content;
	uint64_t size;
	unsigned flags; /* STATE_SEEN ...; STATE_UNKNOWN */
};

#define STATE_SEEN	0x01u
#define STATE_ANSWERED	0x02u
#define STATE_FLAGGED	0x04u
#define STATE_DRAFT	0x08u
#define STATE_DELETED	0x10u
#define STATE_FORWARDED 0x20u
#define STATE_UNKNOWN	0xffu

/* Those of IMAP, separated by spaces, as bits; and one bit's name. */
unsigned state_flags(struct sv flags);
const char *state_flag_name(unsigned bit);

/* A message that has come. */
struct state_entry {
	struct state_key key, content;
	uint32_t folder, uid; /* there; uid 0: not known */
	uint32_t uidvalidity;
	unsigned flags;
};

struct state_try {
	uint32_t uidvalidity, uidnext;
	struct buf folder; /* of the server that is sent to, UTF-8 */
	struct state_msg msg[STATE_BATCH];
	size_t n;
	uint32_t first; /* UID of the first, 0: not known */
};

struct state;

struct state *state_new(void);
void state_free(struct state **s);

/* ---- reading the file ---- */

void state_feed(struct state *s, struct sv piece);
/* The end of the file.  RC_SYNTAX: this is not such a file. */
int state_loaded(struct state *s) RC_USE_RESULT;
/* A try without an end, or NULL. */
const struct state_try *state_open_try(const struct state *s);

bool state_has(const struct state *s, const struct state_key *key);
/* Did a message of that content come, in any folder? */
bool state_has_content(const struct state *s, const struct state_key *content);
/* The UIDVALIDITY of that folder when it was last sent to, 0: never. */
uint32_t state_uidvalidity(const struct state *s, struct sv folder);

size_t state_count(const struct state *s);
struct state_entry *state_entry(struct state *s, size_t i);
/* NULL: it has not come. */
struct state_entry *state_find(struct state *s, const struct state_key *key);
const char *state_folder(const struct state *s, const struct state_entry *e);

/* ---- writing: what to append to the file ---- */

/* The whole of a new file. */
void state_put_head(struct sv source, struct buf *out);
/* t is copied: it is the open try from here on. */
void state_put_try(struct state *s, const struct state_try *t, struct buf *out);
/* missing[i]: message i of the open try did not come. */
void state_put_end(struct state *s, const bool *missing, struct buf *out);
/* The open try's UIDs: before its end. */
void state_put_uids(struct state *s, uint32_t first, struct buf *out);
void state_put_flags(
    struct state *s, struct state_entry *e, unsigned flags, struct buf *out);
/* The source has given what was e another key. */
void state_put_same(struct state *s, struct state_entry *e,
    const struct state_key *key, struct buf *out);

/* ---- a set of keys: sixteen bytes a key, half full at most ---- */

struct state_set {
	struct state_key *slot;
	size_t n, cap;
};

void state_set_fini(struct state_set *set);
bool state_set_has(const struct state_set *set, const struct state_key *key);
/* False if it was there. */
bool state_set_add(struct state_set *set, const struct state_key *key);

#endif
