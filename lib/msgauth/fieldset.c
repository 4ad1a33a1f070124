#include "msgauth/fieldset.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"

struct named {
	struct sv name;
	uint32_t at; /* in field[] */
};

/* All of one name: by[from] to by[to - 1], in the order of the header. */
struct group {
	size_t from, to;
	size_t left;	   /* to be taken are those before it */
	unsigned taken_by; /* left counts if it is the set's turn */
};

struct fieldset {
	struct mail_field *field;
	size_t n, cap;
	struct named *by;
	struct group *group;
	size_t ngroups;
	unsigned turn;
	bool cut;
};

static int
compare_names(struct sv a, struct sv b)
{
	size_t i;

	for (i = 0; i < a.n && i < b.n; i++) {
		unsigned char x = (unsigned char)ascii_lower(a.p[i]);
		unsigned char y = (unsigned char)ascii_lower(b.p[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a.n > b.n) - (a.n < b.n);
}

static int
compare(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int r = compare_names(x->name, y->name);

	return r != 0 ? r : (x->at > y->at) - (x->at < y->at);
}

static void
make_groups(struct fieldset *s)
{
	size_t i;

	s->by = xcalloc(s->n + 1, sizeof *s->by);
	s->group = xcalloc(s->n + 1, sizeof *s->group);
	for (i = 0; i < s->n; i++)
		s->by[i] = (struct named){s->field[i].name, (uint32_t)i};
	qsort(s->by, s->n, sizeof *s->by, compare);
	for (i = 0; i < s->n; i++) {
		if (i == 0 || !sv_ieq(s->by[i].name, s->by[i - 1].name))
			s->group[s->ngroups++].from = i;
		s->group[s->ngroups - 1].to = i + 1;
	}
}

struct fieldset *
fieldset_new(struct sv header)
{
	struct fieldset *s = xcalloc(1, sizeof *s);
	struct mail_field f;

	while (s->n < FIELDSET_MAX && mail_field_next(&header, &f)) {
		s->field = xgrow(s->field, &s->cap, s->n + 1, sizeof *s->field);
		s->field[s->n++] = f;
	}
	s->cut = mail_field_next(&header, &f);
	make_groups(s);
	s->turn = 1;
	return s;
}

void
fieldset_free(struct fieldset **sp)
{
	struct fieldset *s = *sp;

	if (s == NULL)
		return;
	free(s->group);
	free(s->by);
	free(s->field);
	free(s);
	*sp = NULL;
}

size_t
fieldset_count(const struct fieldset *s)
{
	return s->n;
}

bool
fieldset_is_cut(const struct fieldset *s)
{
	return s->cut;
}

const struct mail_field *
fieldset_at(const struct fieldset *s, size_t i)
{
	must(i < s->n);
	return &s->field[i];
}

void
fieldset_rewind(struct fieldset *s)
{
	s->turn++;
}

const struct mail_field *
fieldset_take(struct fieldset *s, struct sv name)
{
	size_t lo = 0, hi = s->ngroups;
	struct group *g;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare_names(s->by[s->group[mid].from].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == s->ngroups)
		return NULL;
	g = &s->group[lo];
	if (!sv_ieq(s->by[g->from].name, name))
		return NULL;
	if (g->taken_by != s->turn) {
		g->taken_by = s->turn;
		g->left = g->to;
	}
	if (g->left == g->from)
		return NULL;
	return &s->field[s->by[--g->left].at];
}
