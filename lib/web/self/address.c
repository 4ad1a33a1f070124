#include "web/self/self_priv.h"

#include <stdio.h>

struct each {
	const struct self_visit *v;
	uint32_t account;
	void (*fn)(void *arg, enum self_address kind, struct sv address);
	void *arg;
};

static void
each_alias(const struct each *e)
{
	const struct conf *c = e->v->conf;
	size_t i, j;

	for (i = 0; i < c->nalias; i++)
		for (j = 0; j < c->alias[i].naccount; j++)
			if (c->alias[i].account[j] == e->account)
				e->fn(e->arg, SELF_ALIAS,
				    sv_str(c->alias[i].address));
}

/* Those that nobody has of their own. */
static void
each_of_admin(const struct each *e)
{
	static const char *const names[] = {"postmaster", "abuse"};
	const struct conf *c = e->v->conf;
	struct buf address;
	size_t i, j;

	if (c->admin != e->account)
		return;
	buf_init(&address, CONF_ADDRESS_MAX);
	for (i = 0; i < c->ndomain; i++)
		for (j = 0; j < sizeof names / sizeof names[0]; j++) {
			const char *why;

			buf_reset(&address);
			buf_addf(
			    &address, "%s@%s", names[j], c->domain[i].name);
			why = conf_lookup_why(c, buf_sv(&address));
			if (!sv_eq(sv_str(why), SV("address")) &&
			    !sv_eq(sv_str(why), SV("alias")))
				e->fn(e->arg, SELF_ADMIN, buf_sv(&address));
		}
	buf_fini(&address);
}

void
self_each_address(const struct self_visit *v,
    void (*fn)(void *arg, enum self_address kind, struct sv address), void *arg)
{
	int number = conf_account_by_name(v->conf, sv_str(v->account));
	const struct conf_account *a;
	struct each e = {v, (uint32_t)number, fn, arg};
	size_t i;

	if (number < 0)
		return;
	a = &v->conf->account[number];
	for (i = 0; i < a->naddress; i++)
		fn(arg, SELF_OWN, sv_str(a->address[i]));
	each_alias(&e);
	each_of_admin(&e);
	for (i = 0; i < a->nsend_as; i++)
		fn(arg, SELF_SEND_AS, sv_str(a->send_as[i]));
}

static void
take_first(void *arg, enum self_address kind, struct sv address)
{
	struct sv *first = arg;

	if (first->n == 0 && kind == SELF_OWN)
		*first = address;
}

struct sv
self_first_address(const struct self_visit *v)
{
	struct sv first = SV("");

	self_each_address(v, take_first, &first);
	return first;
}

struct same {
	struct sv address;
	bool found;
};

static void
look_same(void *arg, enum self_address kind, struct sv address)
{
	struct same *s = arg;

	s->found =
	    s->found || (kind == SELF_OWN && sv_ieq(address, s->address));
}

bool
self_is_address(const struct self_visit *v, struct sv address)
{
	struct same s = {address, false};

	self_each_address(v, look_same, &s);
	return s.found;
}

/* ---- the page ---- */

static const enum page_word names[] = {
    [SELF_OWN] = W_ADDRESS_OWN,
    [SELF_ALIAS] = W_ADDRESS_ALIAS,
    [SELF_SEND_AS] = W_ADDRESS_SEND_AS,
    [SELF_ADMIN] = W_ADDRESS_ADMIN,
};

static void
put_row(void *arg, enum self_address kind, struct sv address)
{
	struct self *s = arg;

	page_row(&s->page);
	page_cell(&s->page, address);
	page_cell_say(&s->page, names[kind]);
	page_row_end(&s->page);
}

void
self_addresses(struct self *s)
{
	static const enum page_word heads[] = {W_ADDRESS, W_ADDRESS_WHAT};

	self_begin(s, W_ADDRESSES, "/addresses");
	page_say(&s->page, "p", W_ADDRESSES_ABOUT);
	page_table(&s->page, W_ADDRESSES, heads, 2);
	self_each_address(s->v, put_row, s);
	page_table_end(&s->page);
	page_say(&s->page, "p", W_ADDRESSES_MORE);
	self_end(s);
}
