/*
 * A domain's DKIM keys and their file, FOLDER/DOMAIN.pem (auth/ring.h): made
 * when it is first seen, changed only as a whole, flushed before anybody hears
 * of a change.  A change that cannot be written did not take place: the file is
 * read again.  For the signer's thread.
 *
 * A file that cannot be read is left as it is and logged; nothing is signed
 * for that domain then, and it is looked at again from time to time.
 */
#ifndef AUTH_KEYS_H
#define AUTH_KEYS_H

#include "auth/notice.h"
#include "auth/rotation.h"

#define KEYS_WHY_MAX 420

struct keys {
	char *name; /* of the domain */
	bool ready; /* the ring is there */
	int64_t tried;
	struct ring ring;
	struct rotation rotation;
	char why[KEYS_WHY_MAX]; /* what was missing when last looked for */
	/* Of the active pair: its records can get lost, or a backup may have
	 * brought an older pair back. */
	enum rotation_seen active;
	int64_t active_due; /* when to look next, monotonic ms */
	char active_why[KEYS_WHY_MAX];
};

/* name is copied. */
void keys_init(struct keys *k, const char *name);
void keys_fini(struct keys *k);

/* Reads the file, or makes it with a first pair.  k->ready says whether. */
void keys_take(struct keys *k, const char *folder);
/* As that, if it has failed and some seconds have passed since. */
void keys_try_again(struct keys *k, const char *folder);

/* The pair that signs; k is ready. */
const struct dkim_pair *keys_active(const struct keys *k);

/* A new pair, announced.  RC_EXISTS: one is awaited already. */
int keys_rotate(
    struct keys *k, const char *folder, struct err *err) RC_USE_RESULT;
/* The announced pair becomes active though nobody has seen its records: the
 * owner knows better.  RC_NOTFOUND: there is none; RC_EXISTS: it signs already;
 * RC_DENIED: it is of the past. */
int keys_use(struct keys *k, const char *folder, struct sv selector,
    struct err *err) RC_USE_RESULT;
/* RC_NOTFOUND: there is none; RC_DENIED: it signs; RC_EXISTS: it is retired. */
int keys_retire(struct keys *k, const char *folder, struct sv selector,
    struct err *err) RC_USE_RESULT;

/*
 * Does what the time asks for.  The entry of which the owner is to be told now,
 * or NULL.
 */
const struct ring_entry *keys_step(
    struct keys *k, const char *folder, const struct rotation_policy *p);
/* The owner was told of the pair with this first selector in that state. */
void keys_told(struct keys *k, const char *folder, const char *selector,
    enum ring_state s);
/* What the name servers say of the pair with this first selector, the awaited
 * or the active one, and why it is not everywhere. */
void keys_seen(struct keys *k, const char *folder,
    const struct rotation_policy *p, const char *selector,
    enum rotation_seen seen, uint32_t negative_ttl_s, const char *why);

/* Milliseconds until they should be asked again; -1: at the usual time. */
int64_t keys_ask_in(const struct keys *k);
/* Should the active pair's records be looked for?  Once a day while they are
 * there, else each time. */
bool keys_active_due(const struct keys *k);

/* Lines for people, see notice_list. */
void keys_list(
    const struct keys *k, const struct rotation_policy *p, struct buf *out);

#endif
