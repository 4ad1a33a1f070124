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

/* ---- bits ---- */

/* The bits that some message has, also one that a view still shows. */
static uint64_t
bits_in_use(struct mailbox *mb)
{
	uint64_t used = 0;

	for (size_t i = 0; i < table_count(&mb->t); i++)
		used |= table_at(&mb->t, i)->keywords;
	for (struct version *v = mb->oldest; v != NULL; v = v->newer)
		for (size_t i = 0; i < v->nghost; i++)
			used |= v->ghost[i].keywords;
	return used;
}

bool
keywords_full(struct mailbox *mb)
{
	return mb->nkeyword == KEYWORDS_MAX && bits_in_use(mb) == UINT64_MAX;
}

void
keyword_forget(struct store *st, struct mailbox *mb, uint8_t bit)
{
	uint64_t keep = ~(1ull << bit);

	for (size_t i = 0; i < table_count(&mb->t); i++)
		table_at(&mb->t, i)->keywords &= keep;
	for (struct version *v = mb->oldest; v != NULL; v = v->newer)
		for (size_t i = 0; i < v->nghost; i++)
			v->ghost[i].keywords &= keep;
	for (size_t i = 0; i < st->ntombstone; i++)
		if (st->tombstone[i].mailbox == mb->id)
			st->tombstone[i].m.keywords &= keep;
}

/* Does the plan give this bit away? */
static bool
is_planned(const struct slot_plan *plan, uint32_t bit)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->slot[i].bit == bit)
			return true;
	return false;
}

/* One for a new keyword: a fresh one, or one that nothing needs;
 * KEYWORDS_MAX: no room. */
static uint32_t
free_bit(struct mailbox *mb, struct slot_plan *plan)
{
	uint32_t bit = mb->nkeyword;

	while (bit < KEYWORDS_MAX && is_planned(plan, bit))
		bit++;
	if (bit < KEYWORDS_MAX)
		return bit;
	if (!plan->looked)
		plan->used |= bits_in_use(mb);
	plan->looked = true;
	for (bit = 0; bit < KEYWORDS_MAX; bit++)
		if (!(plan->used >> bit & 1) && !is_planned(plan, bit))
			break;
	return bit;
}

/* The bit of a keyword in mb; KEYWORDS_MAX: it has none. */
static uint32_t
bit_of(struct mailbox *mb, uint32_t id, struct slot_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->slot[i].keyword == id)
			return plan->slot[i].bit;
	for (uint32_t i = 0; i < mb->nkeyword; i++)
		if (mb->keyword[i] != NULL && mb->keyword[i]->id == id &&
		    !is_planned(plan, i)) {
			plan->used |= 1ull << i;
			return i;
		}
	return KEYWORDS_MAX;
}

/* The same; one that has none gets one, if there is room. */
static uint32_t
take_bit(struct mailbox *mb, uint32_t id, struct slot_plan *plan)
{
	uint32_t bit = bit_of(mb, id, plan);

	if (bit < KEYWORDS_MAX)
		return bit;
	bit = free_bit(mb, plan);
	if (bit < KEYWORDS_MAX)
		plan->slot[plan->n++] = (struct change_slot){(uint8_t)bit, id};
	return bit;
}

/* Those that are there; nothing gets a bit. */
static uint64_t
bit_known(struct store *st, const struct mailbox *mb, struct sv name)
{
	struct keyword *k = keyword_by_name(st, name);
	uint64_t bits = 0;

	for (uint32_t b = 0; k != NULL && b < mb->nkeyword; b++)
		if (mb->keyword[b] == k)
			bits |= 1ull << b;
	return bits;
}

int
keyword_bits(struct store *st, struct mailbox *mb, const struct store_flags *f,
    struct commit_set *cs, struct slot_plan *plan, uint64_t *bits_out,
    struct err *err)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < f->nkeyword; i++) {
		struct keyword *k = keyword_by_name(st, f->keyword[i]);
		uint32_t id, bit = KEYWORDS_MAX;

		if (!valid(f->keyword[i]))
			return err_set(err, RC_SYNTAX, "not a keyword");
		if (cs == NULL) {
			bits |= bit_known(st, mb, f->keyword[i]);
			continue;
		}
		/* Only what has a bit gets a number that is for ever. */
		id = k != NULL || free_bit(mb, plan) < KEYWORDS_MAX
			 ? find_or_plan(st, f->keyword[i], cs, plan)
			 : 0;
		if (id > 0)
			bit = take_bit(mb, id, plan);
		if (bit < KEYWORDS_MAX)
			bits |= 1ull << bit;
		else if (!plan->leave_out)
			return err_set(
			    err, RC_TOOBIG, "too many different keywords");
	}
	*bits_out = bits;
	return RC_OK;
}

uint64_t
keyword_translate(struct mailbox *from, uint64_t bits, struct mailbox *to,
    struct slot_plan *plan)
{
	uint64_t out = 0;

	for (uint32_t i = 0; i < from->nkeyword && bits >> i != 0; i++) {
		uint32_t bit;

		if (!(bits >> i & 1) || from->keyword[i] == NULL)
			continue;
		bit = take_bit(to, from->keyword[i]->id, plan);
		if (bit < KEYWORDS_MAX)
			out |= 1ull << bit;
	}
	return out;
}

void
slot_plan_put(const struct slot_plan *plan, struct change *c)
{
	memcpy(c->slot, plan->slot, plan->n * sizeof *plan->slot);
	c->nslot = plan->n;
}
