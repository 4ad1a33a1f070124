/*
 * Redirects that are counted when a script is compiled: where a block has more
 * of them than a message may have, it can only fail [RFC 5228 2.10.4, 10].
 */
#include "sieve/check.h"
#include "sieve/compile.h"

static bool
is_named(const struct sieve_node *n, const char *name)
{
	return n != NULL && sv_ieq(n->name, sv_str(name));
}

/* Can the script end in there, or behind it? */
static bool
may_end(const struct sieve_node *n)
{
	for (; n != NULL; n = n->next)
		if (is_named(n, "stop") || is_named(n, "return") ||
		    is_named(n, "include") || is_named(n, "break") ||
		    is_named(n, "error") || may_end(n->block))
			return true;
	return false;
}

static bool
may_end_at(const struct sieve_node *n)
{
	return is_named(n, "stop") || is_named(n, "return") ||
	       is_named(n, "include") || is_named(n, "break") ||
	       is_named(n, "error") || may_end(n->block);
}

static const struct sieve_string *
address_of(const struct sieve_node *n)
{
	return is_named(n, "redirect") && n->pos[0] != NULL &&
		       !sieve_has_tag(n, T_LIST) && !n->pos[0]->s[0].refs
		   ? &n->pos[0]->s[0]
		   : NULL;
}

/* Is it there before in the same block?  Then it is one redirect. */
static bool
is_repeated(const struct sieve_node *first, const struct sieve_node *n)
{
	for (const struct sieve_node *b = first; b != n; b = b->next)
		if (address_of(b) != NULL &&
		    sv_ieq(address_of(b)->s, address_of(n)->s))
			return true;
	return false;
}

static void
check_block(struct sieve_check *c, const struct sieve_node *first)
{
	unsigned max = c->script->limits.redirects, count = 0;
	bool certain = true;

	for (const struct sieve_node *n = first; n != NULL; n = n->next) {
		if (n->block != NULL)
			check_block(c, n->block);
		certain = certain && !may_end_at(n);
		if (!certain || address_of(n) == NULL || is_repeated(first, n))
			continue;
		if (++count == max + 1)
			(void)sieve_check_fail_at(c, n,
			    "this is one redirect too many; at most %u are "
			    "allowed for one message",
			    max);
	}
}

/* The most that there may be, of commands and of the branches of each "if". */
static unsigned
most(const struct sieve_node *first)
{
	unsigned all = 0, chain = 0, here;

	for (const struct sieve_node *n = first; n != NULL; n = n->next) {
		here = n->block != NULL ? most(n->block) : 0;
		if (is_named(n, "if")) {
			all += chain;
			chain = here;
		} else if (is_named(n, "elsif") || is_named(n, "else")) {
			chain = here > chain ? here : chain;
		} else {
			all += here + is_named(n, "redirect");
		}
	}
	return all + chain;
}

void
sieve_check_redirects(struct sieve_check *c)
{
	const struct sieve_node *first = c->script->commands;
	unsigned max = c->script->limits.redirects, n = most(first);

	check_block(c, first);
	if (c->errors->n == 0 && n > max)
		sieve_check_warn(c, first,
		    "there may be up to %u redirects of one message; at most "
		    "%u are allowed, and with more of them it is only kept",
		    n, max);
}
