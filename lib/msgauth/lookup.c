#include "msgauth/lookup.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"

enum state {
	OPEN,  /* nobody has been given it */
	ASKED, /* out */
	ANSWERED
};

struct question {
	uint32_t hash;
	enum dns_type type;
	enum state state;
	enum lookup_part part;
	unsigned wanted;  /* by which parts: bits */
	unsigned refused; /* by which of them, for want of room */
	char name[DNS_NAME_MAX];
	struct dns_answer answer;
};

struct lookup {
	struct question **q; /* each stays where it is */
	size_t n, cap;
	size_t next;	/* none before it is OPEN, but the author's */
	size_t waiting; /* not ANSWERED */
	size_t used[LOOKUP_PARTS];
	size_t bytes[LOOKUP_PARTS];
	unsigned news; /* bits */
	bool expired;
	struct dns_answer none; /* RC_TEMP: over the limit or the time */
};

size_t
lookup_limit(enum lookup_part part)
{
	static const size_t limits[LOOKUP_PARTS] = {
	    /* A walk, and whether the domain exists. */
	    [LOOKUP_AUTHOR] = 9,
	    /* The record, ten terms with ten hosts each, the explanation. */
	    [LOOKUP_MAILFROM] = 128,
	    [LOOKUP_HELO] = 128,
	    [LOOKUP_IPREV] = 11,
	    [LOOKUP_DKIM] = 10,
	    /* Ten signatures and SPF, a walk each. */
	    [LOOKUP_ALIGN] = 88,
	    /* Fifty seals and a message signature. */
	    [LOOKUP_ARC] = 64,
	    /* Sixteen lists, each with its two test entries. */
	    [LOOKUP_LISTED] = 48,
	};

	return limits[part];
}

struct lookup *
lookup_new(void)
{
	struct lookup *l = xcalloc(1, sizeof *l);

	l->news = (1U << LOOKUP_PARTS) - 1;
	dns_answer_init(&l->none);
	return l;
}

void
lookup_free(struct lookup **lp)
{
	struct lookup *l = *lp;
	size_t i;

	if (l == NULL)
		return;
	for (i = 0; i < l->n; i++) {
		dns_answer_fini(&l->q[i]->answer);
		free(l->q[i]);
	}
	free(l->q);
	dns_answer_fini(&l->none);
	free(l);
	*lp = NULL;
}

bool
lookup_name_valid(struct sv name)
{
	size_t i, label = 0;

	if (name.n == 0 || name.n > 253)
		return false;
	for (i = 0; i < name.n; i++) {
		if (!ascii_is_print(name.p[i]))
			return false;
		label = name.p[i] == '.' ? 0 : label + 1;
		if (label > 63 || (label == 0 && (i == 0 || i + 1 == name.n ||
						     name.p[i - 1] == '.')))
			return false;
	}
	return true;
}

static struct question *
find(const struct lookup *l, uint32_t hash, enum dns_type type, struct sv name)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->q[i]->hash == hash && l->q[i]->type == type &&
		    sv_ieq(sv_str(l->q[i]->name), name))
			return l->q[i];
	return NULL;
}

/* FNV-1a, of lower case */
static uint32_t
hash_of(struct sv name)
{
	uint32_t h = 2166136261U;
	size_t i;

	for (i = 0; i < name.n; i++)
		h = (h ^ (unsigned char)ascii_lower(name.p[i])) * 16777619U;
	return h;
}

static struct question *
add(struct lookup *l, enum lookup_part part, enum dns_type type, struct sv name)
{
	struct question *q = xcalloc(1, sizeof *q);
	size_t i;

	q->hash = hash_of(name);
	q->type = type;
	q->part = part;
	for (i = 0; i < name.n; i++)
		q->name[i] = ascii_lower(name.p[i]);
	dns_answer_init(&q->answer);
	l->q = xgrow(l->q, &l->cap, l->n + 1, sizeof *l->q);
	l->q[l->n++] = q;
	l->used[part]++;
	l->waiting++;
	return q;
}

/* The answer was not kept because other parts had no room for it. */
static bool
may_reopen(
    const struct lookup *l, const struct question *q, enum lookup_part part)
{
	return q->refused != 0 && (q->refused & 1U << part) == 0 && !l->expired;
}

static void
reopen(struct lookup *l, struct question *q)
{
	size_t i;

	q->state = OPEN;
	q->refused |= q->wanted;
	q->wanted = 0;
	l->waiting++;
	for (i = 0; i < l->next; i++)
		if (l->q[i] == q)
			l->next = i;
}

const struct dns_answer *
lookup_get(
    struct lookup *l, enum lookup_part part, enum dns_type type, struct sv name)
{
	struct question *q;

	must(lookup_name_valid(name));
	q = find(l, hash_of(name), type, name);
	if (q == NULL) {
		if (l->expired || l->used[part] >= lookup_limit(part))
			return &l->none;
		q = add(l, part, type, name);
	}
	if (q->state == ANSWERED && !may_reopen(l, q, part))
		return &q->answer;
	if (q->state == ANSWERED)
		reopen(l, q);
	q->wanted |= 1U << part;
	return NULL;
}

bool
lookup_news(struct lookup *l, enum lookup_part part)
{
	bool news = (l->news & 1U << part) != 0;

	l->news &= ~(1U << part);
	return news;
}

/* ---- for the driver ---- */

static struct question *
first_open(struct lookup *l, size_t *at)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->q[i]->state == OPEN &&
		    (l->q[i]->wanted & 1U << LOOKUP_AUTHOR) != 0) {
			*at = i;
			return l->q[i];
		}
	while (l->next < l->n && l->q[l->next]->state != OPEN)
		l->next++;
	*at = l->next;
	return l->next < l->n ? l->q[l->next] : NULL;
}

bool
lookup_next(struct lookup *l, bool *author)
{
	size_t at;
	const struct question *q = first_open(l, &at);

	*author = q != NULL && (q->wanted & 1U << LOOKUP_AUTHOR) != 0;
	return q != NULL;
}

bool
lookup_open(struct lookup *l, struct lookup_question *out)
{
	size_t at;
	struct question *q = first_open(l, &at);

	if (q == NULL)
		return false;
	q->state = ASKED;
	*out = (struct lookup_question){.id = (uint32_t)at + 1,
	    .type = q->type,
	    .name = q->name,
	    .part = q->part};
	return true;
}

size_t
lookup_waiting(const struct lookup *l)
{
	return l->waiting;
}

static size_t
bytes_of(const struct dns_answer *a)
{
	size_t i, n = 0;

	for (i = 0; i < a->n; i++)
		n += a->record[i].n;
	return n;
}

/* Charges the answer to one of the parts that want it; false: none has room. */
static bool
charge(struct lookup *l, struct question *q)
{
	size_t n = bytes_of(&q->answer);
	int p;

	if (n > LOOKUP_BYTES_MAX)
		return false;
	for (p = 0; p < LOOKUP_PARTS; p++)
		if ((q->wanted & 1U << p) != 0 &&
		    l->bytes[p] + n <= LOOKUP_PART_BYTES_MAX) {
			l->bytes[p] += n;
			q->refused = 0;
			return true;
		}
	q->refused |= q->wanted;
	return false;
}

static void
settle(struct lookup *l, struct question *q)
{
	struct dns_answer *a = &q->answer;

	if (a->rc == RC_SYNTAX)
		a->rc = RC_NOTFOUND;
	else if (a->rc != RC_OK && a->rc != RC_NOTFOUND)
		a->rc = RC_TEMP;
	if (a->rc == RC_OK && !charge(l, q)) {
		dns_answer_fini(a);
		dns_answer_init(a);
		a->rc = RC_TEMP;
	}
	if (a->rc != RC_OK)
		a->n = 0;
	q->state = ANSWERED;
	l->waiting--;
	l->news |= q->wanted;
}

void
lookup_answer(struct lookup *l, uint32_t id, struct dns_answer *a)
{
	struct question *q;

	if (id == 0 || id > l->n || l->q[id - 1]->state == ANSWERED)
		return;
	q = l->q[id - 1];
	dns_answer_fini(&q->answer);
	q->answer = *a;
	dns_answer_init(a);
	settle(l, q);
}

void
lookup_expire(struct lookup *l)
{
	size_t i;

	l->expired = true;
	for (i = 0; i < l->n; i++)
		if (l->q[i]->state != ANSWERED)
			settle(l, l->q[i]);
	/* What is over the limit is answered now, too. */
	l->news = (1U << LOOKUP_PARTS) - 1;
}

size_t
lookup_used(const struct lookup *l, enum lookup_part part)
{
	return l->used[part];
}
