/*
 * Which key a new certificate gets.  The one in use, as a rule, so that what
 * was published of it stays right (TLSA).  Where each certificate is to have a
 * new one, that is made, and its hash shown, as soon as the one before is in
 * use: who publishes it beside the other in time has a record that fits at any
 * time [RFC 7671 8.1].
 */
#include <string.h>
#include <unistd.h>

#include "acme/work_priv.h"
#include "base/io.h"
#include "base/log.h"

/* For the owner, and then for what others remember of the zone. */
#define PUBLISH_S (2 * 86400)
#define HASH_MAX  65

static bool
is_same(const struct acme_key *a, const struct acme_key *b)
{
	struct buf x, y;
	bool same;

	buf_init(&x, HASH_MAX);
	buf_init(&y, HASH_MAX);
	acme_key_tlsa(a, &x);
	acme_key_tlsa(b, &y);
	same = sv_eq(buf_sv(&x), buf_sv(&y));
	buf_fini(&y);
	buf_fini(&x);
	return same;
}

static struct acme_key *
key_in_use(const struct acme_set *s)
{
	struct acme_key *key = NULL;
	struct err err;

	if (!s->has || acme_key_read(buf_sv(&s->pem), &key, &err) != RC_OK)
		return NULL;
	return key;
}

static bool
exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* The hash is what was shown until now: from when on? */
static void
show_hash(struct acme_run *w, struct acme_set *s, const struct acme_key *next)
{
	char path[ACME_NAME_MAX + 32];
	struct buf hash, shown;
	struct err err;

	acme_path_of(s, ".next.tlsa", path);
	buf_init(&hash, HASH_MAX);
	buf_init(&shown, HASH_MAX);
	acme_key_tlsa(next, &hash);
	if (io_read_file(path, &shown, &err) != RC_OK ||
	    !sv_eq(buf_sv(&shown), buf_sv(&hash)) || s->r->next_key == 0) {
		s->r->next_key = acme_now(w);
		if (acme_write_file(w, path, buf_sv(&hash)))
			mlog(LOG_INFO, "acme.next-key",
			    "certificate=%s tlsa=\"3 1 1 %s\"", s->wanted.file,
			    hash.p);
		else
			s->r->next_key = 0;
	}
	buf_fini(&shown);
	buf_fini(&hash);
}

void
acme_tend_next_key(struct acme_run *w, struct acme_set *s)
{
	char path[ACME_NAME_MAX + 32], hash[ACME_NAME_MAX + 32];
	struct acme_key *used = NULL, *next = NULL;
	bool fresh;

	/* Before the first certificate it is the key of that. */
	if (w->stuck || !s->has)
		return;
	acme_path_of(s, ".next.pem", path);
	acme_path_of(s, ".next.tlsa", hash);
	if (!w->o->new_key) {
		(void)unlink(path);
		(void)unlink(hash);
		s->r->next_key = 0;
		return;
	}
	used = key_in_use(s);
	next = acme_key_of(w, path, &fresh);
	/* It is in use since the last certificate. */
	if (next != NULL && used != NULL && is_same(next, used)) {
		acme_key_free(&next);
		(void)unlink(path);
		next = acme_key_of(w, path, &fresh);
	}
	if (next != NULL)
		show_hash(w, s, next);
	acme_key_free(&next);
	acme_key_free(&used);
}

struct acme_key *
acme_key_for(struct acme_run *w, struct acme_set *s)
{
	char path[ACME_NAME_MAX + 32];
	struct acme_key *key = key_in_use(s);
	bool fresh;

	acme_path_of(s, ".next.pem", path);
	if (key != NULL &&
	    (!w->o->new_key || !exists(path) || s->r->next_key == 0 ||
		acme_now(w) < s->r->next_key + PUBLISH_S))
		return key;
	acme_key_free(&key);
	return acme_key_of(w, path, &fresh);
}
