#include "auth/ask.h"

#include <string.h>

#include "ipc/msg_auth.h"
#include "ipc/proto.h"

#define FIELD_MAX 4096

void
auth_pair_init(struct auth_pair *p)
{
	int i;

	*p = (struct auth_pair){.selector = {""}};
	for (i = 0; i < DKIM_ALGORITHMS; i++)
		buf_init(&p->field[i], FIELD_MAX);
}

void
auth_pair_fini(struct auth_pair *p)
{
	int i;

	for (i = 0; i < DKIM_ALGORITHMS; i++)
		buf_fini(&p->field[i]);
}

_Static_assert(SIGN_KEYS == DKIM_ALGORITHMS && SIGN_HASH == DKIM_HASH &&
		   SIGN_SELECTOR_MAX == DKIM_SELECTOR_MAX,
    "msgauth/key.h");

/* The fields but for the signatures, and their hashes into the question. */
static int
add_hashes(struct auth_pair *p, const struct auth_signed *what, int64_t now,
    struct sign_ask *ask)
{
	int i, r = RC_OK;

	for (i = 0; r == RC_OK && i < DKIM_ALGORITHMS; i++) {
		struct sign_hash *h = &ask->hash[ask->nhash++];
		struct dkim_signature s = {.algorithm = (enum dkim_algorithm)i,
		    .domain = ask->domain,
		    .selector = sv_str(p->selector[i]),
		    .time = now,
		    .names = what->names,
		    .body_hash = what->body_hash};

		buf_reset(&p->field[i]);
		dkim_signature_begin(&s, &p->field[i]);
		h->selector = s.selector;
		r = dkim_signature_hash(
		    what->canon, buf_sv(&p->field[i]), h->hash);
	}
	return r;
}

int
auth_pair_ask(struct auth_pair *p, const char *domain,
    const struct auth_signed *what, int64_t now, struct msg *m)
{
	struct sign_hash hash[DKIM_ALGORITHMS];
	struct sign_ask ask = {.domain = sv_str(domain), .hash = hash};
	int r = RC_OK;

	if (p->selector[0][0] != '\0')
		r = add_hashes(p, what, now, &ask);
	msg_init(m, AUTH_SIGN);
	sign_ask_put(m, &ask);
	return r;
}

/*
 * An answer's two parts, each at its place; take() has the selector copied
 * already.
 */
static int
take_answer(struct msg *reply,
    char selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX],
    bool (*take)(void *arg, int i, struct sv signature), void *arg)
{
	struct sign_done done;
	int i, r;

	if (sign_done_get(reply, &done) != RC_OK)
		return RC_TEMP;
	r = done.rc;
	if (r == RC_OK && done.n != DKIM_ALGORITHMS)
		r = RC_TEMP;
	for (i = 0; done.n == DKIM_ALGORITHMS && i < DKIM_ALGORITHMS; i++) {
		const struct sign_signature *s = &done.s[i];

		if (s->algorithm != i || !dkim_selector_valid(s->selector)) {
			r = RC_TEMP;
			continue;
		}
		sv_copy(s->selector, selector[i], DKIM_SELECTOR_MAX);
		if (done.rc == RC_OK && !take(arg, i, s->signature))
			r = RC_TEMP;
	}
	sign_done_fini(&done);
	return r;
}

static bool
end_field(void *arg, int i, struct sv signature)
{
	struct auth_pair *p = arg;

	dkim_signature_end(signature, &p->field[i]);
	return buf_ok(&p->field[i]);
}

int
auth_pair_take(struct auth_pair *p, struct msg *reply)
{
	return take_answer(reply, p->selector, end_field, p);
}

/* ---- one signature ---- */

void
auth_one_ask(
    struct auth_one *k, const char *domain, const uint8_t *hash, struct msg *m)
{
	struct sign_hash h[DKIM_ALGORITHMS];
	struct sign_ask ask = {.domain = sv_str(domain), .hash = h};

	/* The pair is asked for as a pair, and one of the two is used. */
	for (; hash != NULL && ask.nhash < DKIM_ALGORITHMS; ask.nhash++) {
		h[ask.nhash].selector = sv_str(k->selector[ask.nhash]);
		memcpy(h[ask.nhash].hash, hash, DKIM_HASH);
	}
	msg_init(m, AUTH_SIGN);
	sign_ask_put(m, &ask);
}

/* One of the two keys is used. */
static bool
keep_signature(void *arg, int i, struct sv signature)
{
	struct auth_one *k = arg;

	if (i == DKIM_RSA)
		buf_addsv(&k->signature, signature);
	return buf_ok(&k->signature);
}

int
auth_one_take(struct auth_one *k, struct msg *reply)
{
	buf_reset(&k->signature);
	return take_answer(reply, k->selector, keep_signature, k);
}
