#include "imap/session/session_priv.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/utf8.h"
#include "imap/parse/utf7.h"

/*
 * Patterns [RFC 3501 6.3.8]: "*" stands for any characters, "%" for any but
 * the hierarchy separator.
 *
 * Greedy, and going back only to the last "%" of the level, else to the last
 * "*": what is before those can never match better elsewhere.  So time is
 * at most the product of the lengths.
 *
 * The first `fold` bytes of the name match in any case: INBOX.
 */
static bool
matches(struct sv pattern, struct sv name, size_t fold, uint64_t *steps)
{
	size_t p = 0, n = 0;
	size_t star_p = SIZE_MAX, star_n = 0;
	size_t pct_p = SIZE_MAX, pct_n = 0;

	while (n < name.n || p < pattern.n) {
		(*steps)++;
		if (p < pattern.n && pattern.p[p] == '*') {
			star_p = ++p;
			star_n = n;
			pct_p = SIZE_MAX;
		} else if (p < pattern.n && pattern.p[p] == '%') {
			pct_p = ++p;
			pct_n = n;
		} else if (p < pattern.n && n < name.n &&
			   (pattern.p[p] == name.p[n] ||
			       (n < fold &&
				   ascii_upper(pattern.p[p]) == name.p[n]))) {
			p++;
			n++;
		} else if (pct_p != SIZE_MAX && pct_n < name.n &&
			   name.p[pct_n] != '/') {
			p = pct_p;
			n = ++pct_n;
		} else if (star_p != SIZE_MAX && star_n < name.n) {
			p = star_p;
			n = ++star_n;
			pct_p = SIZE_MAX;
		} else {
			return false;
		}
	}
	return true;
}

struct list {
	struct imap_session *s;
	const char *word; /* LIST or LSUB */
	bool lsub;
	struct imap_list what;
	struct sv *pattern; /* whole ones, in UTF-8 */
	size_t npattern;
	struct sv last_parent; /* of LSUB's "%" */
	uint64_t steps;	       /* of comparing patterns with names */
	bool over;	       /* too many of those, or nobody waits any more */
};

/* "*" with ten thousand mailboxes takes a million; what takes more than this is
 * made to take long. */
#define STEPS_MAX 100000000u

/* To be asked at each name. */
static bool
list_ends(struct list *l)
{
	l->over = l->over || l->steps > STEPS_MAX || !imap_goes_on(l->s, true);
	return l->over;
}

/* apart: only a pattern that begins with the namespace's name is meant for it,
 * as a wildcard is not [RFC 3501 6.3.8]. */
static bool
pattern_matches(struct list *l, struct sv name, bool apart)
{
	bool inbox = sv_eq(name, SV("INBOX")) || sv_starts(name, SV("INBOX/"));
	size_t i;

	for (i = 0; i < l->npattern; i++)
		if ((!apart || sv_starts(l->pattern[i], SV(STORE_RESTORE))) &&
		    matches(l->pattern[i], name, inbox ? 5 : 0, &l->steps))
			return true;
	return false;
}

/* Of subscriptions all are meant: somebody made them. */
static bool
is_apart(const struct list *l, const struct store_mailbox *m)
{
	bool subscriptions =
	    l->lsub || (l->what.select & IMAP_LIST_SUBSCRIBED) != 0;

	return m->apart && !(subscriptions && m->subscribed);
}

/* ---- LIST ---- */

static bool
is_selected(const struct list *l, const struct store_mailbox *m)
{
	unsigned how = l->what.select;

	if ((how & IMAP_LIST_SPECIAL_USE) && m->use == STORE_USE_NONE)
		return false;
	if (how & IMAP_LIST_SUBSCRIBED)
		return m->subscribed;
	return m->exists || m->has_children; /* not only a subscription */
}

/* below: a mailbox below it is selected; m itself need not be. */
static void
list_one(struct list *l, const struct store_mailbox *m, bool below)
{
	struct imap_list_line line = {.word = "LIST", .name = sv_str(m->name)};
	unsigned opts = l->what.select | l->what.ret;
	bool status = (opts & IMAP_LIST_STATUS) && m->selectable;
	struct store_mailbox shown = *m;
	struct store_status st;

	/* First the STATUS: if the mailbox goes away just now, LIST must not
	 * promise it [RFC 5819 2]. */
	if (status && is_selected(l, m) &&
	    store_status(l->s->store, m->name, &st, &l->s->need) != RC_OK)
		status = shown.selectable = false;
	status = status && is_selected(l, m);
	buf_init(&line.attributes, 200);
	imap_put_list_attributes(&line.attributes, &shown,
	    l->what.extended || l->s->rev2, (opts & IMAP_LIST_SUBSCRIBED) != 0);
	if (below)
		line.tag = " (\"CHILDINFO\" (\"SUBSCRIBED\"))";
	imap_put_list_line(l->s, &line);
	buf_fini(&line.attributes);
	if (status)
		imap_tell_status(l->s, line.name, l->what.status, &st);
}

static void
list_flat(struct list *l, const struct store_mailbox_list *all)
{
	size_t i;

	for (i = 0; i < all->n && !list_ends(l); i++)
		if (is_selected(l, &all->m[i]) &&
		    pattern_matches(
			l, sv_str(all->m[i].name), is_apart(l, &all->m[i])))
			list_one(l, &all->m[i], false);
}

/* ---- RECURSIVEMATCH ---- */

/* A name that may have to be told: a mailbox, a subscription, or a level
 * above one. */
struct node {
	struct sv name;
	const struct store_mailbox *m; /* NULL: only a level */
	bool matches;
	bool below;  /* a name below it is selected */
	bool untold; /* one of those matches no pattern */
};

static int
node_cmp(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	int r = sv_cmp(x->name, y->name);

	return r != 0 ? r : (x->m == NULL) - (y->m == NULL);
}

static struct node *
node_find(struct node *node, size_t n, struct sv name)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sv_cmp(node[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && sv_eq(node[lo].name, name) ? &node[lo] : NULL;
}

/* All names and the levels above those that are selected, in order, each
 * once. */
static struct node *
nodes_new(struct list *l, const struct store_mailbox_list *all, size_t *n_out)
{
	struct node *node = NULL;
	size_t n = 0, cap = 0, kept = 0, i, k;

	for (i = 0; i < all->n; i++) {
		struct sv name = sv_str(all->m[i].name);

		node = xgrow(node, &cap, n + 1, sizeof *node);
		node[n++] = (struct node){.name = name, .m = &all->m[i]};
		for (k = 0; is_selected(l, &all->m[i]) && k < name.n; k++) {
			if (name.p[k] != '/')
				continue;
			node = xgrow(node, &cap, n + 1, sizeof *node);
			node[n++] = (struct node){.name = sv_first(name, k)};
		}
	}
	if (n > 0)
		qsort(node, n, sizeof *node, node_cmp);
	for (i = 0; i < n; i++) {
		if (kept > 0 && sv_eq(node[kept - 1].name, node[i].name))
			continue;
		if (list_ends(l))
			break;
		node[kept] = node[i];
		node[kept].matches = pattern_matches(l, node[i].name,
		    node[i].m != NULL && is_apart(l, node[i].m));
		kept++;
	}
	*n_out = kept;
	return node;
}

/* The levels above a selected name learn of it. */
static void
mark_above(struct node *node, size_t n, const struct node *x)
{
	size_t k;

	for (k = 0; k < x->name.n; k++) {
		struct node *above;

		if (x->name.p[k] != '/')
			continue;
		above = node_find(node, n, sv_first(x->name, k));
		if (above == NULL)
			continue;
		above->below = true;
		above->untold = above->untold || !x->matches;
	}
}

/*
 * CHILDINFO [RFC 5258 4]: also what is not selected, but has something
 * selected below it, is told, unless all of that is told itself.
 */
static void
list_recursive(struct list *l, const struct store_mailbox_list *all)
{
	size_t n, i;
	struct node *node = nodes_new(l, all, &n);

	for (i = 0; i < n; i++)
		if (node[i].m != NULL && is_selected(l, node[i].m))
			mark_above(node, n, &node[i]);
	for (i = 0; i < n && !list_ends(l); i++) {
		const struct node *x = &node[i];
		struct store_mailbox level = {.selectable = false};

		if (!x->matches ||
		    (!x->untold && (x->m == NULL || !is_selected(l, x->m))))
			continue;
		level.name = sv_dup(x->name);
		list_one(l, x->m != NULL ? x->m : &level, x->below);
		free(level.name);
	}
	free(node);
}

/* ---- LSUB ---- */

static void
lsub_line(struct list *l, const char *attributes, struct sv name)
{
	struct imap_list_line line = {.word = "LSUB", .name = name};

	buf_init(&line.attributes, 200);
	buf_adds(&line.attributes, attributes);
	imap_put_list_line(l->s, &line);
	buf_fini(&line.attributes);
}

/*
 * "%" also names a level above a subscribed mailbox that does not match by
 * itself [RFC 3501 6.3.9].  Names come in order, so each is told once.
 */
static void
lsub_parent(struct list *l, struct sv name)
{
	struct sv pattern = l->pattern[0];
	size_t i;

	if (pattern.n == 0 || pattern.p[pattern.n - 1] != '%')
		return;
	for (i = 0; i < name.n; i++) {
		struct sv parent = sv_first(name, i);

		if (name.p[i] != '/' || !pattern_matches(l, parent, false))
			continue;
		if (l->last_parent.p == NULL || !sv_eq(l->last_parent, parent))
			lsub_line(l, " \\Noselect", parent);
		l->last_parent = parent;
		return;
	}
}

static void
lsub_all(struct list *l, const struct store_mailbox_list *all)
{
	size_t i;

	for (i = 0; i < all->n && !list_ends(l); i++) {
		const struct store_mailbox *m = &all->m[i];
		struct sv name = sv_str(m->name);

		if (!m->subscribed)
			continue;
		if (!pattern_matches(l, name, is_apart(l, m))) {
			lsub_parent(l, name);
			continue;
		}
		lsub_line(
		    l, m->exists && m->selectable ? "" : " \\Noselect", name);
		l->last_parent = name;
	}
}

/* ---- the commands ---- */

/* No name is longer: a pattern with more than that beside its wildcards
 * matches nothing. */
#define NAME_MAX_BYTES 1000

/*
 * The same pattern without wildcards in a row, of which "*" covers the others,
 * so that what it costs to compare is bounded by the names.  False if it
 * matches nothing.
 */
static bool
simplify(struct arena *arena, struct sv *pattern)
{
	char *p = arena_alloc(arena, pattern->n);
	size_t n = 0, letters = 0, i;

	for (i = 0; i < pattern->n; i++) {
		char c = pattern->p[i];
		bool wild = c == '*' || c == '%';

		letters += !wild;
		if (wild && n > 0 && (p[n - 1] == '*' || p[n - 1] == c))
			continue;
		if (wild && n > 0 && p[n - 1] == '%')
			p[n - 1] = c;
		else
			p[n++] = c;
	}
	*pattern = sv_of(p, n);
	return letters <= NAME_MAX_BYTES;
}

/* Reference and pattern are one behind the other, as a path.  False if that
 * matches nothing: it is not a name in any encoding, or too long. */
static bool
whole_pattern(
    struct imap_cmd *c, struct sv ref, struct sv pattern, struct sv *out)
{
	struct buf wire, text;
	bool ok;

	buf_init(&wire, ref.n + pattern.n);
	buf_init(&text, 2 * (ref.n + pattern.n));
	buf_addsv(&wire, ref);
	buf_addsv(&wire, pattern);
	if (c->in.utf8) {
		ok = utf8_valid(buf_sv(&wire));
		buf_addsv(&text, buf_sv(&wire));
	} else {
		ok = imap_utf7_decode(buf_sv(&wire), &text) == RC_OK;
	}
	*out = buf_sv(&text);
	ok = ok && simplify(c->in.arena, out);
	buf_fini(&text);
	buf_fini(&wire);
	return ok;
}

/* LIST "" "Restore/@1795000000/%": what was there at that time, in an
 * export. */
static bool
asks_as_of(const struct list *l, int64_t *at)
{
	const struct sv top = SV(STORE_RESTORE "/@");
	struct sv s = l->pattern[0];
	uint64_t v;

	if (!l->s->local || !sv_starts(s, top))
		return false;
	s = sv_skip(s, top.n);
	if (sv_to_u64(sv_first(s, sv_chr(s, '/')), UINT32_MAX, &v) != RC_OK)
		return false;
	*at = (int64_t)v;
	return true;
}

/* An export is of what is there. */
static void
leave_out_restore(struct store_mailbox_list *all)
{
	size_t k = 0;

	for (size_t i = 0; i < all->n; i++)
		if (all->m[i].in_restore)
			free(all->m[i].name);
		else
			all->m[k++] = all->m[i];
	all->n = k;
}

static void
list_names(struct imap_cmd *c, struct list *l)
{
	struct imap_session *s = c->s;
	struct store_mailbox_list all;
	int64_t at;
	size_t i;

	l->pattern =
	    arena_array(&s->arena, l->what.npattern, sizeof *l->pattern);
	for (i = 0; i < l->what.npattern; i++)
		if (l->what.pattern[i].n > 0 &&
		    whole_pattern(c, l->what.reference, l->what.pattern[i],
			&l->pattern[l->npattern]))
			l->npattern++;
	if (l->npattern == 0)
		return;
	if (asks_as_of(l, &at))
		store_mailbox_list_at(s->store, at, &all, &s->need);
	else
		store_mailbox_list(s->store, &all, &s->need);
	if (s->local && !asks_as_of(l, &at))
		leave_out_restore(&all);
	if (l->lsub)
		lsub_all(l, &all);
	else if (l->what.select & IMAP_LIST_RECURSIVEMATCH)
		list_recursive(l, &all);
	else
		list_flat(l, &all);
	store_mailbox_list_fini(&all);
}

static void
list(struct imap_cmd *c, struct list *l)
{
	/* "" asks for the separator, in the old form only. */
	if (!l->what.extended && l->what.pattern[0].n == 0)
		stream_printf(
		    c->s->st, "* %s (\\Noselect) \"/\" \"\"\r\n", l->word);
	else
		list_names(c, l);
	if (!l->over)
		imap_ok(c, "Mailboxes listed.");
	else if (l->steps > STEPS_MAX)
		imap_no(c, "[LIMIT] The patterns take too long to compare.");
	else
		imap_ended(c);
}

void
imap_cmd_list(struct imap_cmd *c)
{
	struct list l = {.s = c->s, .word = "LIST"};
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_list_args(&c->in, &l.what);
	if (r != RC_OK)
		imap_syntax(c, r);
	else if (imap_status_allowed(c, l.what.status))
		list(c, &l);
}

/* lsub = "LSUB" SP mailbox SP list-mailbox */
void
imap_cmd_lsub(struct imap_cmd *c)
{
	struct list l = {.s = c->s, .word = "LSUB", .lsub = true};
	struct sv pattern;
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_astring(&c->in, &l.what.reference);
	if (r == RC_OK)
		r = imap_sp(&c->in);
	if (r == RC_OK)
		r = imap_list_mailbox(&c->in, &pattern);
	if (!imap_arguments_end(c, r))
		return;
	l.what.pattern = &pattern;
	l.what.npattern = 1;
	list(c, &l);
}
