#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "store/store_priv.h"

struct keyword *
keyword_by_id(struct store *st, uint32_t id)
{
	return id > 0 && id <= st->nkeyword ? st->keyword[id - 1] : NULL;
}

struct keyword *
keyword_by_name(struct store *st, struct sv name)
{
	for (size_t i = 0; i < st->nkeyword; i++)
		if (st->keyword[i] != NULL &&
		    sv_ieq(sv_str(st->keyword[i]->name), name))
			return st->keyword[i];
	return NULL;
}

void
keyword_set(struct store *st, uint32_t id, struct sv name)
{
	struct keyword *k;

	if (id == 0 || id > ALL_KEYWORDS_MAX || keyword_by_id(st, id) != NULL)
		return;
	st->keyword =
	    xgrow(st->keyword, &st->keyword_cap, id, sizeof *st->keyword);
	while (st->nkeyword < id)
		st->keyword[st->nkeyword++] = NULL;
	k = xcalloc(1, sizeof *k);
	k->id = id;
	k->name = sv_dup(name);
	st->keyword[id - 1] = k;
}

/* [RFC 3501 9, flag-keyword]: an atom. */
static bool
valid(struct sv name)
{
	if (name.n == 0 || name.n > KEYWORD_BYTES_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_is_graph(name.p[i]) ||
		    memchr("(){%*\"\\]", name.p[i], 8) != NULL)
			return false;
	return true;
}

/* The id of a keyword, known, planned, or planned now; 0: no room. */
static uint32_t
find_or_plan(struct store *st, struct sv name, struct commit_set *cs,
    struct slot_plan *plan)
{
	struct keyword *k = keyword_by_name(st, name);
	struct change *c;
	uint32_t id;

	if (k != NULL)
		return k->id;
	for (size_t i = 0; i < plan->nfresh; i++)
		if (sv_ieq(plan->fresh[i], name))
			return plan->fresh_id[i];
	if (st->nkeyword + plan->nfresh >= ALL_KEYWORDS_MAX ||
	    plan->nfresh == KEYWORDS_MAX)
		return 0;
	id = (uint32_t)(st->nkeyword + plan->nfresh + 1);
	plan->fresh[plan->nfresh] = name;
	plan->fresh_id[plan->nfresh++] = id;
	c = commit_change(cs, CHANGE_KEYWORD);
	c->keyword_id = id;
	c->name = name;
	return id;
}

/* The bit of a keyword in mb, or a new one; KEYWORDS_MAX: no room. */
static uint32_t
bit_of(struct mailbox *mb, uint32_t id, struct slot_plan *plan)
{
	uint32_t bit;

	for (uint32_t i = 0; i < mb->nkeyword; i++)
		if (mb->keyword[i] != NULL && mb->keyword[i]->id == id)
			return i;
	for (size_t i = 0; i < plan->n; i++)
		if (plan->slot[i].keyword == id)
			return plan->slot[i].bit;
	bit = mb->nkeyword + (uint32_t)plan->n;
	if (bit < KEYWORDS_MAX)
		plan->slot[plan->n++] = (struct change_slot){(uint8_t)bit, id};
	return bit;
}

int
keyword_bits(struct store *st, struct mailbox *mb, const struct store_flags *f,
    struct commit_set *cs, struct slot_plan *plan, uint64_t *bits_out,
    struct err *err)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < f->nkeyword; i++) {
		uint32_t id, bit;

		if (!valid(f->keyword[i]))
			return err_set(err, RC_SYNTAX, "not a keyword");
		if (cs == NULL) { /* only what is there */
			struct keyword *k = keyword_by_name(st, f->keyword[i]);

			for (uint32_t b = 0; k != NULL && b < mb->nkeyword; b++)
				if (mb->keyword[b] == k)
					bits |= 1ull << b;
			continue;
		}
		id = find_or_plan(st, f->keyword[i], cs, plan);
		bit = id > 0 ? bit_of(mb, id, plan) : KEYWORDS_MAX;
		if (bit >= KEYWORDS_MAX)
			return err_set(
			    err, RC_TOOBIG, "too many different keywords");
		bits |= 1ull << bit;
	}
	*bits_out = bits;
	return RC_OK;
}

int
keyword_translate(struct mailbox *from, uint64_t bits, struct mailbox *to,
    struct slot_plan *plan, uint64_t *bits_out)
{
	uint64_t out = 0;

	for (uint32_t i = 0; i < from->nkeyword && bits >> i != 0; i++) {
		uint32_t bit;

		if (!(bits >> i & 1) || from->keyword[i] == NULL)
			continue;
		bit = bit_of(to, from->keyword[i]->id, plan);
		if (bit >= KEYWORDS_MAX)
			return RC_TOOBIG;
		out |= 1ull << bit;
	}
	*bits_out = out;
	return RC_OK;
}

void
slot_plan_put(const struct slot_plan *plan, struct change *c)
{
	memcpy(c->slot, plan->slot, plan->n * sizeof *plan->slot);
	c->nslot = plan->n;
}
