/* Answers to clients: at once, or after the flush. */
#include <stdlib.h>

#include "base/alloc.h"
#include "ipc/msg_answer.h"
#include "queue/spool/service_priv.h"

void
queue_answer(struct client *c, const struct msg *m, int rc, const char *text)
{
	struct msg reply;

	msg_answer_make(&reply, 0, rc, text);
	ipc_client_answer(&c->ipc, m->id, &reply);
}

static void
make_command_answer(
    int rc, const char *text, struct queue_done *done, struct msg *reply)
{
	done->rc = rc;
	done->text = sv_str(text);
	msg_init(reply, MSG_REPLY);
	queue_done_put(reply, done);
}

void
queue_answer_command(struct client *c, const struct msg *m, int rc,
    const char *text, struct queue_done *done)
{
	struct msg reply;

	make_command_answer(rc, text, done, &reply);
	ipc_client_answer(&c->ipc, m->id, &reply);
}

void
queue_answer_later(
    struct client *c, const struct msg *m, struct queue_done *done)
{
	struct queue_service *q = c->ipc.arg;
	struct answer *a = xcalloc(1, sizeof *a);

	ipc_request_begin(&a->request, &c->ipc, m);
	a->done = done;
	a->next = q->answers;
	q->answers = a;
	queue_commit(q);
}

static void
answer_free(struct answer *a)
{
	ipc_request_end(&a->request);
	free(a->done);
	free(a);
}

void
queue_answer_waiting(struct queue_service *q, int r)
{
	const char *text = r == RC_OK ? "" : "the spool cannot be written";
	struct answer *a;
	struct msg m;

	while ((a = q->answers) != NULL) {
		q->answers = a->next;
		if (a->done != NULL)
			make_command_answer(r, text, a->done, &m);
		else
			msg_answer_make(&m, 0, r, r == RC_OK ? "taken" : text);
		ipc_request_answer(&a->request, &m);
		answer_free(a);
	}
}

void
queue_answer_none(struct queue_service *q)
{
	struct answer *a;

	while ((a = q->answers) != NULL) {
		q->answers = a->next;
		answer_free(a);
	}
}
