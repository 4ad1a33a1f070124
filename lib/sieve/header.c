/* Tests of header fields as text, and of the size. */
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/fields.h"
#include "sieve/match.h"
#include "sieve/mimefield.h"

/* What of a field is compared; with "mime" it may be several values. */
static enum sieve_flow
match_field(struct sieve_matcher *m, struct sv value, struct sv name)
{
	if (sieve_mimefield_wanted(m->n))
		return sieve_mimefield_match(m, name, value);
	return sieve_matcher_value(
	    m, m->how.type == M_COUNT ? SV("") : sieve_field_text(m->r, value));
}

enum sieve_flow
sieve_test_header(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sieve_matcher m;
	struct sieve_fields found;
	struct sv *names;
	size_t nnames;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[1]);

	if (f == FLOW_ON)
		f = sieve_expand_all(r, n, n->pos[0], &names, &nnames);
	if (f == FLOW_ON)
		f = sieve_fields_find(r, n, names, nnames, &found);
	for (size_t i = 0; f == FLOW_ON && i < found.n && !m.hit; i++)
		f = match_field(&m, found.value[i], names[found.name[i]]);
	return sieve_matcher_end(&m, f, out);
}

enum sieve_flow
sieve_test_exists(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sieve_fields found;
	struct sv *names;
	size_t nnames;
	enum sieve_flow f = sieve_expand_all(r, n, n->pos[0], &names, &nnames);

	*out = true;
	for (size_t i = 0; i < nnames && f == FLOW_ON && *out; i++) {
		f = sieve_fields_find(r, n, &names[i], 1, &found);
		*out = found.n > 0;
	}
	return f;
}

bool
sieve_check_size(struct sieve_check *c, struct sieve_node *n)
{
	if (!sieve_has_tag(n, T_OVER) && !sieve_has_tag(n, T_UNDER))
		return sieve_check_fail_at(
		    c, n, "\"size\" lacks \":over\" or \":under\"");
	return true;
}

enum sieve_flow
sieve_test_size(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	const struct sieve_value *limit = sieve_tag_value(n, T_OVER);
	/* As an action would store it now. */
	uint64_t size = r->doc.header.n + r->doc.gap.n + r->doc.body.n;

	*out = limit != NULL ? size > limit->number
			     : size < sieve_tag_value(n, T_UNDER)->number;
	return FLOW_ON;
}
