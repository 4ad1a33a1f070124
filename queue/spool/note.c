/* What happens to mail that waits, for its owner's history. */
#include <string.h>

#include "history/history.h"
#include "queue/spool/service_priv.h"

/* Of those that are not the first: numbers go by recipient. */
static void
count_more(struct queue_service *q, enum history_count what, size_t n)
{
	for (; n > 1; n--)
		history_count(q->o.history, what);
}

static void
add_recipients(
    const struct spool_item *it, const size_t *rcpt, size_t n, struct buf *out)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct sv address =
		    sv_str(it->rcpt[rcpt != NULL ? rcpt[i] : i].address);

		if (out->n + address.n + 1 > out->max)
			break;
		buf_adds(out, out->n > 0 ? " " : "");
		buf_addsv(out, address);
	}
}

void
queue_note(struct queue_service *q, const struct spool_item *it,
    const size_t *rcpt, size_t n, const struct queue_news *news)
{
	struct history_step s = {.kind = (uint8_t)news->kind,
	    .count = (uint8_t)news->count,
	    .flags = news->told ? HISTORY_TOLD : 0,
	    .code = news->code,
	    .number = news->number,
	    .sender = sv_str(it->sender),
	    .text = news->text};
	struct buf who;
	size_t first = rcpt != NULL && n > 0 ? rcpt[0] : 0;

	if (q->o.history == NULL || n == 0)
		return;
	memcpy(s.id, it->delivery_id, sizeof s.id);
	buf_init(&who, HISTORY_WHO_MAX - 1);
	/* An account is not an address. */
	if (n == 1 && it->rcpt[first].local)
		s.account = sv_str(it->rcpt[first].address);
	else
		add_recipients(it, rcpt, n, &who);
	s.who = buf_sv(&who);
	history_note(q->o.history, &s);
	count_more(q, news->count, n);
	buf_fini(&who);
}

void
queue_note_attempt(const struct attempt *a, const struct queue_news *news)
{
	size_t rcpt[JOB_RECIPIENTS], i;

	for (i = 0; i < a->n; i++)
		rcpt[i] = a->rcpt[i];
	queue_note(a->q, a->it, rcpt, a->n, news);
}
