#include "auth/ring.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"

#define FIRST_1 "hearthmail dkim 1\n"
#define FIRST_2 "hearthmail dkim 2\n"

static const char *const names[RING_STATES] = {
    "active", "announced", "retiring", "retired"};

const char *
ring_state_name(enum ring_state s)
{
	must((unsigned)s < RING_STATES);
	return names[s];
}

void
ring_init(struct ring *r)
{
	*r = (struct ring){.e = xcalloc(RING_MAX + 1, sizeof *r->e)};
}

void
ring_fini(struct ring *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		dkim_pair_fini(&r->e[i].pair);
	free(r->e);
	*r = (struct ring){.n = 0};
}

/* ---- reading ---- */

/* "hm-rsa-202611...": the first second of the month; -1: it names none. */
static int64_t
month_of(const char *selector)
{
	struct sv rest = sv_str(selector), word;
	struct clk_tm t = {.day = 1};
	uint32_t n;

	while (rest.n > 0) {
		word = sv_split(&rest, '-');
		if (word.n != 6 || sv_to_u32(word, 999912, &n) != RC_OK)
			continue;
		t.year = (int)(n / 100);
		t.month = (int)(n % 100);
		if (t.year >= 2020 && t.month >= 1 && t.month <= 12)
			return clk_secs(&t);
	}
	return -1;
}

static int
read_1(struct sv text, int64_t now, struct ring *r, struct err *err)
{
	struct dkim_pair pair;
	int64_t made;
	int rc = dkim_pair_read(text, &pair, err);

	if (rc != RC_OK)
		return rc;
	made = month_of(pair.selector[0]);
	ring_add(r, RING_ACTIVE, made < 0 || made > now ? now : made, &pair);
	r->e[0].told = now;
	return RC_OK;
}

static bool
read_time(struct sv *line, int64_t *out)
{
	uint64_t n;

	if (sv_to_u64(sv_split(line, ' '), INT64_MAX / 1000, &n) != RC_OK)
		return false;
	*out = (int64_t)n;
	return true;
}

/* "key STATE SINCE TOLD [SEEN]" */
static bool
read_head(struct sv line, struct ring_entry *e)
{
	struct sv word;
	int s;

	if (!sv_eq(sv_split(&line, ' '), SV("key")))
		return false;
	word = sv_split(&line, ' ');
	for (s = 0; s < RING_STATES; s++)
		if (sv_eq(word, sv_str(names[s])))
			break;
	e->state = (enum ring_state)s;
	e->seen = 0;
	return s < RING_STATES && read_time(&line, &e->since) &&
	       read_time(&line, &e->told) &&
	       (line.n == 0 || (read_time(&line, &e->seen) && line.n == 0));
}

static bool
read_entry(struct sv *text, struct ring *r)
{
	struct ring_entry *e = &r->e[r->n];
	struct sv body;
	size_t end;

	if (r->n == RING_MAX || !read_head(sv_split(text, '\n'), e))
		return false;
	/* Up to the next one; no line of a key begins so. */
	end = sv_find(*text, SV("\nkey "));
	body = sv_first(*text, end < text->n ? end + 1 : text->n);
	*text = sv_skip(*text, body.n);
	if (e->state == RING_RETIRED
		? !dkim_pair_read_names(body, &e->pair)
		: dkim_pair_read_body(body, &e->pair) != RC_OK)
		return false;
	r->n++;
	return true;
}

/* Just one signs, and it comes first. */
static bool
is_sound(const struct ring *r)
{
	size_t i, keys = 0;

	for (i = 0; i < r->n; i++) {
		if ((r->e[i].state == RING_ACTIVE) != (i == 0))
			return false;
		keys += r->e[i].state != RING_RETIRED;
	}
	return r->n > 0 && keys <= RING_KEYS_MAX;
}

int
ring_read(struct sv text, int64_t now, struct ring *out, struct err *err)
{
	struct ring r;
	bool ok;
	int rc = RC_OK;

	ring_init(&r);
	if (sv_starts(text, SV(FIRST_1))) {
		rc = read_1(text, now, &r, err);
	} else {
		ok = text.n <= RING_TEXT_MAX && sv_starts(text, SV(FIRST_2));
		text = sv_skip(text, strlen(FIRST_2));
		while (ok && text.n > 0)
			ok = read_entry(&text, &r);
		if (!ok || !is_sound(&r))
			rc = err_set(
			    err, RC_DAMAGED, "it is not a file of DKIM keys");
	}
	if (rc == RC_OK)
		*out = r;
	else
		ring_fini(&r);
	return rc;
}

/* ---- writing ---- */

int
ring_write(const struct ring *r, struct buf *out)
{
	size_t i;
	int rc = RC_OK, a;

	buf_adds(out, FIRST_2);
	for (i = 0; rc == RC_OK && i < r->n; i++) {
		const struct ring_entry *e = &r->e[i];

		buf_addf(out, "key %s %lld %lld", names[e->state],
		    (long long)e->since, (long long)e->told);
		if (e->seen != 0)
			buf_addf(out, " %lld", (long long)e->seen);
		buf_addc(out, '\n');
		if (e->state != RING_RETIRED) {
			rc = dkim_pair_write_body(&e->pair, out);
			continue;
		}
		for (a = 0; a < DKIM_ALGORITHMS; a++)
			buf_addf(out, "selector %s\n", e->pair.selector[a]);
	}
	return rc == RC_OK && buf_ok(out) ? RC_OK : RC_IO;
}

int
ring_records(const struct ring *r, struct buf *out)
{
	size_t i;
	int a, rc = RC_OK;

	for (i = 0; i < r->n; i++) {
		const struct ring_entry *e = &r->e[i];

		if (e->state == RING_RETIRED)
			continue;
		for (a = 0; rc == RC_OK && a < DKIM_ALGORITHMS; a++) {
			buf_addf(out, "%s %s ", e->pair.selector[a],
			    ring_state_name(e->state));
			rc = dkim_key_record(e->pair.key[a], out);
			buf_addc(out, '\n');
		}
	}
	return rc;
}

/* ---- changes ---- */

struct ring_entry *
ring_find(const struct ring *r, enum ring_state s)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->e[i].state == s)
			return &r->e[i];
	return NULL;
}

struct ring_entry *
ring_named(const struct ring *r, struct sv selector)
{
	size_t i;
	int a;

	for (i = 0; i < r->n; i++)
		for (a = 0; a < DKIM_ALGORITHMS; a++)
			if (sv_eq(selector, sv_str(r->e[i].pair.selector[a])))
				return &r->e[i];
	return NULL;
}

static size_t
count(const struct ring *r, bool retired)
{
	size_t i, n = 0;

	for (i = 0; i < r->n; i++)
		n += (r->e[i].state == RING_RETIRED) == retired;
	return n;
}

bool
ring_has_room(const struct ring *r)
{
	return count(r, false) < RING_KEYS_MAX;
}

void
ring_add(struct ring *r, enum ring_state s, int64_t now, struct dkim_pair *pair)
{
	must(r->n < RING_MAX && s != RING_RETIRED &&
	     (s == RING_ACTIVE) == (r->n == 0));
	r->e[r->n++] =
	    (struct ring_entry){.state = s, .since = now, .pair = *pair};
	*pair = (struct dkim_pair){.key = {NULL}};
}

/* The name that is forgotten first is the one that has been of no use for the
 * longest time. */
static void
forget_oldest(struct ring *r)
{
	struct ring_entry *e = NULL;
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->e[i].state == RING_RETIRED &&
		    (e == NULL || r->e[i].since < e->since))
			e = &r->e[i];
	must(e != NULL);
	r->n--;
	memmove(e, e + 1, (size_t)(r->e + r->n - e) * sizeof *e);
}

void
ring_move(struct ring *r, struct ring_entry *e, enum ring_state s, int64_t now)
{
	struct ring_entry old;

	if (s == RING_ACTIVE && e != &r->e[0]) {
		old = r->e[0];
		r->e[0] = *e;
		*e = old;
		e->state = RING_RETIRING;
		e->since = now;
		e->told = 0;
		e = &r->e[0];
	}
	must((s == RING_ACTIVE) == (e == &r->e[0]));
	e->state = s;
	e->since = now;
	e->told = 0;
	e->seen = 0;
	if (s != RING_RETIRED)
		return;
	dkim_pair_fini(&e->pair);
	if (count(r, true) > RING_RETIRED_MAX)
		forget_oldest(r);
}
