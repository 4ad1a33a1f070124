#include "sieve/fcc.h"

#include <string.h>

#include "sieve/check.h"
#include "sieve/error.h"
#include "sieve/special_use.h"

bool
sieve_check_fcc(struct sieve_check *c, const struct sieve_node *n)
{
	static const enum sieve_tag with[] = {
	    T_FLAGS, T_CREATE, T_SPECIALUSE, T_MAILBOXID};

	if (sieve_has_tag(n, T_FCC))
		return sieve_check_special_use(c, n);
	for (size_t i = 0; i < sizeof with / sizeof with[0]; i++) {
		const struct sieve_bound *b = sieve_bound(n, with[i]);

		if (b != NULL)
			return sieve_check_fail_at(c, n,
			    "\":%s\" of \"%s\" can only be used with \":fcc\"",
			    b->spec->name, n->cmd->name);
	}
	return true;
}

enum sieve_flow
sieve_fcc_resolve(
    struct sieve_run *r, const struct sieve_node *n, struct sieve_action *a)
{
	const struct sieve_value *v = sieve_tag_value(n, T_FCC);
	enum sieve_flow f;
	struct sv name;

	if (v == NULL)
		return FLOW_ON;
	a->has_fcc = true;
	f = sieve_expand(r, n, &v->s[0], &name);
	if (f == FLOW_ON)
		f = sieve_store_resolve(r, n, name, &a->fcc);
	/* The flags of the message at hand are not those of the answer. */
	if (f == FLOW_ON && !sieve_has_tag(n, T_FLAGS))
		a->fcc.nflag = 0;
	return f;
}
