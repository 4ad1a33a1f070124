#include "auth/ask.h"

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

/* The fields but for the signatures, and their hashes into m. */
static int
put_hashes(struct auth_pair *p, struct sv domain,
    const struct auth_signed *what, int64_t now, struct msg *m)
{
	uint8_t hash[DKIM_HASH];
	int i, r = RC_OK;

	for (i = 0; r == RC_OK && i < DKIM_ALGORITHMS; i++) {
		struct dkim_signature s = {.algorithm = (enum dkim_algorithm)i,
		    .domain = domain,
		    .selector = sv_str(p->selector[i]),
		    .time = now,
		    .names = what->names,
		    .body_hash = what->body_hash};

		buf_reset(&p->field[i]);
		dkim_signature_begin(&s, &p->field[i]);
		r = dkim_signature_hash(
		    what->canon, buf_sv(&p->field[i]), hash);
		msg_put_str(m, p->selector[i]);
		msg_put_sv(m, sv_of(hash, sizeof hash));
	}
	return r;
}

int
auth_pair_ask(struct auth_pair *p, const char *domain,
    const struct auth_signed *what, int64_t now, struct msg *m)
{
	bool known = p->selector[0][0] != '\0';

	msg_init(m, AUTH_SIGN);
	msg_put_str(m, domain);
	msg_put_u32(m, known ? DKIM_ALGORITHMS : 0);
	return known ? put_hashes(p, sv_str(domain), what, now, m) : RC_OK;
}

int
auth_pair_take(struct auth_pair *p, struct msg *reply)
{
	int i, r = (int)msg_get_u32(reply);
	uint32_t n;

	(void)msg_get_sv(reply); /* why not: for the log of auth */
	n = msg_get_u32(reply);
	for (i = 0; n == DKIM_ALGORITHMS && i < DKIM_ALGORITHMS; i++) {
		struct sv signature;

		if (msg_get_u8(reply) != i)
			reply->bad = true;
		msg_get_str(reply, p->selector[i], sizeof p->selector[i]);
		signature = msg_get_sv(reply);
		if (r == RC_OK)
			dkim_signature_end(signature, &p->field[i]);
		if (!dkim_selector_valid(sv_str(p->selector[i])) ||
		    !buf_ok(&p->field[i]))
			reply->bad = true;
	}
	if (msg_end(reply) != RC_OK || (r == RC_OK && n != DKIM_ALGORITHMS))
		return RC_TEMP;
	return r;
}
