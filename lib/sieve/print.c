/* Actions in words. */
#include "sieve/sieve.h"

#include "sieve/error.h"

const char *
sieve_kind_name(enum sieve_kind k)
{
	static const char *const names[] = {[SIEVE_KEEP] = "keep",
	    [SIEVE_FILEINTO] = "fileinto",
	    [SIEVE_REDIRECT] = "redirect",
	    [SIEVE_REJECT] = "reject",
	    [SIEVE_EREJECT] = "ereject",
	    [SIEVE_VACATION] = "vacation",
	    [SIEVE_NOTIFY] = "notify"};

	return names[k];
}

static void
put_flags(const struct sieve_store *s, struct buf *out)
{
	for (size_t i = 0; i < s->nflag; i++) {
		buf_adds(out, i == 0 ? " flags " : " ");
		buf_addsv(out, s->flag[i]);
	}
}

static void
put_store(const struct sieve_store *s, struct buf *out)
{
	buf_addf(out, " \"%s\"", QUOTE(s->mailbox));
	if (s->create)
		buf_adds(out, " create");
	if (s->use.n > 0)
		buf_addf(out, " use %s", QUOTE(s->use));
	put_flags(s, out);
}

void
sieve_action_print(const struct sieve_action *a, struct buf *out)
{
	if (a->implicit)
		buf_adds(out, "implicit ");
	buf_adds(out, sieve_kind_name(a->kind));
	switch (a->kind) {
	case SIEVE_KEEP:
		put_flags(&a->store, out);
		break;
	case SIEVE_FILEINTO:
		put_store(&a->store, out);
		break;
	case SIEVE_REDIRECT:
		buf_addf(out, " \"%s\"", QUOTE(a->address));
		break;
	case SIEVE_REJECT:
	case SIEVE_EREJECT:
		buf_addf(out, " \"%s\"", QUOTE(a->reason));
		break;
	case SIEVE_VACATION:
	case SIEVE_NOTIFY:
		buf_addf(out, " to \"%s\"", QUOTE(a->letter.to));
		if (a->has_fcc) {
			buf_adds(out, " fcc");
			put_store(&a->fcc, out);
		}
		break;
	}
	if (a->changed && (a->kind == SIEVE_KEEP || a->kind == SIEVE_FILEINTO ||
			      a->kind == SIEVE_REDIRECT))
		buf_adds(out, " changed");
}
