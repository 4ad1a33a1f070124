/* Answers to clients: at once, or after the flush. */
#include <stdlib.h>

#include "base/alloc.h"
#include "queue/spool/service_priv.h"

void
queue_answer(struct line *l, uint32_t id, int rc, const char *text, int fd)
{
	struct msg m;

	msg_init(&m, MSG_REPLY);
	m.id = id;
	msg_put_u32(&m, (uint32_t)rc);
	msg_put_str(&m, text);
	if (fd >= 0)
		msg_put_fd(&m, fd);
	line_tell(l, &m);
}

void
queue_answer_command(struct client *c, uint32_t id, int rc, const char *text,
    const struct queue_done *done)
{
	struct msg m;

	msg_init(&m, MSG_REPLY);
	m.id = id;
	msg_put_u32(&m, (uint32_t)rc);
	msg_put_str(&m, text);
	msg_put_u32(&m, done->messages);
	msg_put_u32(&m, done->recipients);
	msg_put_u32(&m, done->busy);
	msg_put_u32(&m, done->held);
	line_tell(c->line, &m);
}

void
queue_answer_later(struct client *c, uint32_t id, struct queue_done *done)
{
	struct answer *a = xcalloc(1, sizeof *a);

	*a = (struct answer){c, id, done, c->q->answers};
	c->q->answers = a;
	queue_commit(c->q);
}

void
queue_answer_waiting(struct queue_service *q, int r)
{
	struct answer *a;

	while ((a = q->answers) != NULL) {
		q->answers = a->next;
		if (a->client != NULL && a->done != NULL)
			queue_answer_command(a->client, a->id, r,
			    r == RC_OK ? "" : "the spool cannot be written",
			    a->done);
		else if (a->client != NULL)
			queue_answer(a->client->line, a->id, r,
			    r == RC_OK ? "taken"
				       : "the spool cannot be written",
			    -1);
		free(a->done);
		free(a);
	}
}
