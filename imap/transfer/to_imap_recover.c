/*
 * A run was broken off after it had noted a batch and before it heard the
 * server's OK.  What came of it?  The messages are looked for at or above the
 * UIDNEXT of that time, by size and then by content.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/plural.h"
#include "imap/transfer/to_imap.h"

#define CANDIDATES_MAX 100000

struct search {
	struct to_imap *t;
	const struct state_try *try;
	bool found[STATE_BATCH];
	uint32_t exists, uidvalidity;
	uint32_t from; /* UID */
	uint32_t *uid; /* of the same size as one that is looked for */
	size_t n, cap;
	crypto_generichash_state hash;
};

static void
on_examine(void *arg, const struct imap_response *r)
{
	struct search *s = arg;

	if (r->kind == IMAP_RESPONSE_EXISTS)
		s->exists = r->number;
	if (r->kind == IMAP_RESPONSE_CONDITION &&
	    sv_ieq(r->code, SV("UIDVALIDITY")) &&
	    sv_to_u32(r->code_args, UINT32_MAX, &s->uidvalidity) != RC_OK)
		s->uidvalidity = 0;
}

static void
on_size(void *arg, const struct imap_response *r)
{
	struct search *s = arg;
	size_t i;

	if (r->kind != IMAP_RESPONSE_FETCH || !r->fetch.has_size ||
	    r->fetch.uid < s->from || s->n == CANDIDATES_MAX)
		return;
	for (i = 0; i < s->try->n; i++)
		if (s->try->msg[i].size == r->fetch.size) {
			s->uid =
			    xgrow(s->uid, &s->cap, s->n + 1, sizeof *s->uid);
			s->uid[s->n++] = r->fetch.uid;
			return;
		}
}

static int
on_body_begin(void *arg, uint64_t size)
{
	struct search *s = arg;

	(void)size;
	must(crypto_generichash_init(&s->hash, NULL, 0, STATE_CONTENT_SIZE) ==
	     0);
	return RC_OK;
}

static int
on_body(void *arg, struct sv bytes)
{
	struct search *s = arg;

	(void)crypto_generichash_update(
	    &s->hash, (const unsigned char *)bytes.p, bytes.n);
	return RC_OK;
}

/* One message is there for one that was sent: twice the same content needs
 * two. */
static void
on_message(void *arg, const struct imap_response *r)
{
	struct search *s = arg;
	struct state_key content;
	size_t i;

	if (r->kind != IMAP_RESPONSE_FETCH || !r->fetch.has_body)
		return;
	if (r->fetch.body.n > 0) {
		(void)on_body_begin(s, r->fetch.body.n);
		(void)on_body(s, r->fetch.body);
	}
	(void)crypto_generichash_final(&s->hash, content.b, sizeof content.b);
	for (i = 0; i < s->try->n; i++)
		if (!s->found[i] && memcmp(&s->try->msg[i].content, &content,
					sizeof content) == 0) {
			s->found[i] = true;
			break;
		}
	/* A body that comes as an empty string had no beginning. */
	(void)on_body_begin(s, 0);
}

static int
examine(struct search *s, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_examine, .arg = s};
	struct buf b;
	int r;

	buf_init(&b, 16384);
	buf_adds(&b, "EXAMINE ");
	to_imap_put_name(s->t, buf_sv(&s->try->folder), &b);
	r = imap_client_command(s->t->c, &ops, buf_sv(&b), err);
	buf_fini(&b);
	return r;
}

static int
compare_bodies(struct search *s, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_message,
	    .body_begin = on_body_begin,
	    .body = on_body,
	    .arg = s};
	struct buf b;
	size_t i;
	int r = RC_OK;

	(void)on_body_begin(s, 0);
	buf_init(&b, 256);
	for (i = 0; i < s->n && (r == RC_OK || r == RC_PERM); i++) {
		buf_reset(&b);
		buf_addf(&b, "UID FETCH %u (UID %s.PEEK[])", s->uid[i],
		    s->t->c == s->t->x->own ? "BINARY" : "BODY");
		r = imap_client_command(s->t->c, &ops, buf_sv(&b), err);
	}
	buf_fini(&b);
	return r == RC_PERM ? RC_OK : r;
}

static int
look(struct search *s, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_size, .arg = s};
	struct buf b;
	int r = examine(s, err);

	if (r == RC_PERM)
		return RC_OK; /* no mailbox, no messages */
	/* Another mailbox of that name: all of it is looked at. */
	s->from = s->uidvalidity == s->try->uidvalidity ? s->try->uidnext : 1;
	if (r != RC_OK || s->exists == 0)
		return r;
	buf_init(&b, 256);
	buf_addf(&b, "UID FETCH %u:* (UID RFC822.SIZE)", s->from);
	r = imap_client_command(s->t->c, &ops, buf_sv(&b), err);
	buf_fini(&b);
	return r == RC_OK ? compare_bodies(s, err) : r;
}

int
to_imap_recover(struct to_imap *t, struct err *err)
{
	struct search *s;
	size_t i, n = 0;
	int r;

	if (state_open_try(t->state) == NULL)
		return RC_OK;
	s = xcalloc(1, sizeof *s);
	s->t = t;
	s->try = state_open_try(t->state);
	r = look(s, err);
	if (r == RC_OK) {
		for (i = 0; i < s->try->n; i++) {
			if (s->found[i]) {
				report_came(t->x->report, s->try->msg[i].size);
				n++;
			}
		}
		report_note(t->x->report,
		    "an earlier run was broken off; of its last %zu message%s "
		    "%zu had come",
		    s->try->n, plural(s->try->n), n);
		for (i = 0; i < s->try->n; i++)
			s->found[i] = !s->found[i];
		state_put_end(t->state, s->found, &t->log);
		r = to_imap_log(t, err);
	}
	free(s->uid);
	free(s);
	return r;
}

int
to_imap_begin(struct to_imap *t, struct err *err)
{
	int r = to_imap_list(t, err);

	return r == RC_OK ? to_imap_recover(t, err) : r;
}
