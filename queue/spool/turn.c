/* The end of the loop's turn: one for all that was appended during it. */
#include <stdlib.h>

#include "base/alloc.h"
#include "queue/spool/service_priv.h"

static void
end_turn(void *arg)
{
	struct turn *t = arg;
	struct queue_service *q = t->q;

	free(t);
	if (q == NULL)
		return;
	q->turn = NULL;
	q->end_of_turn(q);
}

void
queue_commit(struct queue_service *q)
{
	if (q->turn != NULL || q->stopping)
		return;
	q->turn = xcalloc(1, sizeof *q->turn);
	q->turn->q = q;
	ev_post(q->o.loop, end_turn, q->turn);
}
