/* Answers to clients: at once, or after the flush. */
#include <stdlib.h>

#include "base/alloc.h"
#include "ipc/msg_answer.h"
#include "queue/spool/service_priv.h"

void
queue_answer(struct line *l, uint32_t id, int rc, const char *text)
{
	struct msg m;

	msg_answer_make(&m, id, rc, text);
	line_tell(l, &m);
}

void
queue_answer_command(struct client *c, uint32_t id, int rc, const char *text,
    struct queue_done *done)
{
	struct msg m;

	done->rc = rc;
	done->text = sv_str(text);
	msg_init(&m, MSG_REPLY);
	m.id = id;
	queue_done_put(&m, done);
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
				       : "the spool cannot be written");
		free(a->done);
		free(a);
	}
}
