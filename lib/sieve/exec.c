#include "sieve/run.h"

enum sieve_flow
sieve_exec(struct sieve_run *r, const struct sieve_node *first)
{
	bool taken = r->taken;
	enum sieve_flow f = FLOW_ON;

	for (const struct sieve_node *n = first; n != NULL && f == FLOW_ON;
	     n = n->next) {
		f = sieve_step(r, n);
		if (f == FLOW_ON && n->cmd->run != NULL)
			f = n->cmd->run(r, n);
		if (n->block == NULL)
			arena_reset(&r->scratch);
	}
	r->taken = taken;
	return f;
}

enum sieve_flow
sieve_test(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	enum sieve_flow f = sieve_step(r, n);

	if (f == FLOW_ON)
		f = n->cmd->test(r, n, out);
	if (n->test == NULL)
		arena_reset(&r->scratch);
	return f;
}
