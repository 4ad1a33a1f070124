/* environment [RFC 5183], spamtest and virustest [RFC 5235], valid_ext_list
 * [RFC 6134]. */
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/match.h"

#define ITEM_MAX 4096

static const struct {
	struct sv name, value;
} known[] = {
    {SV("name"), SV("Hearthmail")},
    {SV("version"), SV("1")},
};

static enum sieve_flow
item(struct sieve_run *r, struct sv name, struct buf *out, bool *found)
{
	int rc = RC_NOTFOUND;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (sv_ieq(name, known[i].name)) {
			buf_addsv(out, known[i].value);
			*found = true;
			return FLOW_ON;
		}
	if (r->host->environment != NULL)
		rc = r->host->environment(r->arg, name, out);
	*found = rc == RC_OK;
	return rc == RC_TEMP ? FLOW_TEMP : FLOW_ON;
}

enum sieve_flow
sieve_test_environment(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sieve_matcher m;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[1]);
	bool found = false;
	struct sv name;
	struct buf b;

	if (f == FLOW_ON)
		f = sieve_expand(r, n, &n->pos[0]->s[0], &name);
	buf_init(&b, ITEM_MAX);
	if (f == FLOW_ON)
		f = item(r, name, &b, &found);
	if (f == FLOW_ON && found)
		f = sieve_matcher_value(&m, buf_sv(&b));
	buf_fini(&b);
	/* An unknown item is not even none, for ":count" [RFC 5183 4]. */
	*out = false;
	return found ? sieve_matcher_end(&m, f, out) : f;
}

/* What was not tested counts as nothing [RFC 5235 3.2]. */
static enum sieve_flow
match_number(struct sieve_run *r, const struct sieve_node *n, bool tested,
    int value, bool *out)
{
	struct sieve_matcher m;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[0]);
	struct buf b;

	buf_init(&b, 16);
	buf_addu(&b, (uint64_t)value);
	if (f == FLOW_ON && (tested || n->match.type != M_COUNT))
		f = sieve_matcher_value(&m, buf_sv(&b));
	buf_fini(&b);
	return sieve_matcher_end(&m, f, out);
}

/* 0: not tested, 1: certainly not, ... 10: certainly [RFC 5235 3.2]; with
 * :percent 0 to 100. */
enum sieve_flow
sieve_test_spamtest(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	int spam = r->message->spam;

	if (spam < 0)
		return match_number(r, n, false, 0, out);
	if (spam > 100)
		spam = 100;
	return match_number(r, n, true,
	    sieve_has_tag(n, T_PERCENT) ? spam : 1 + spam * 9 / 100, out);
}

enum sieve_flow
sieve_test_virustest(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	int virus = r->message->virus;

	return match_number(r, n, virus > 0,
	    virus < 0	? 0
	    : virus > 5 ? 5
			: virus,
	    out);
}

enum sieve_flow
sieve_test_valid_ext_list(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sv *names;
	size_t count;
	enum sieve_flow f = sieve_expand_all(r, n, n->pos[0], &names, &count);

	*out = f == FLOW_ON;
	for (size_t i = 0; f == FLOW_ON && i < count && *out; i++) {
		bool has;
		int rc = RC_NOTFOUND;

		if (r->host->list_has != NULL)
			rc = r->host->list_has(r->arg, names[i], SV(""), &has);
		*out = rc == RC_OK;
		if (rc == RC_TEMP)
			f = FLOW_TEMP;
	}
	return f;
}
