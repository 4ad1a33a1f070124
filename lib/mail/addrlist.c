#include "mail/addrlist.h"

#include "base/ascii.h"
#include "mail/lex.h"

/*
 * While an address is read its values gather in l->text, which may move; so
 * they are places first, and slices only at the end.
 */
struct span {
	size_t off, n;
	bool there;
};

struct reading {
	struct span name, route, local, domain;
	bool broken;
};

void
mail_addrlist_init(struct mail_addrlist *l, struct sv field_value)
{
	l->rest = field_value;
	l->in_group = false;
	/* Values are never longer than what they were read from. */
	buf_init(&l->text, 4 * field_value.n + 64);
	buf_init(&l->comment, field_value.n + 1);
}

void
mail_addrlist_fini(struct mail_addrlist *l)
{
	buf_fini(&l->text);
	buf_fini(&l->comment);
}

static struct span
span_since(const struct mail_addrlist *l, size_t off)
{
	return (struct span){off, l->text.n - off, true};
}

static struct sv
span_sv(const struct mail_addrlist *l, const struct span *s)
{
	if (!s->there)
		return (struct sv){NULL, 0};
	return sv_of(l->text.p + s->off, s->n);
}

static bool
at(const struct sv *s, char c)
{
	return s->n > 0 && s->p[0] == c;
}

/*
 * obs-route = obs-domain-list ":"
 * obs-domain-list = *(CFWS / ",") "@" domain *("," [CFWS] ["@" domain])
 */
static void
take_route(struct mail_addrlist *l, struct sv *s, struct reading *r)
{
	size_t off = l->text.n;

	while (at(s, '@') || at(s, ',')) {
		if (at(s, ',')) {
			*s = sv_skip(*s, 1);
			(void)mail_skip_cfws(s, NULL);
			continue;
		}
		*s = sv_skip(*s, 1);
		if (l->text.n > off)
			buf_addc(&l->text, ',');
		buf_addc(&l->text, '@');
		if (!mail_take_domain(s, &l->text, NULL))
			r->broken = true;
	}
	r->route = span_since(l, off);
	if (at(s, ':'))
		*s = sv_skip(*s, 1);
	else
		r->broken = true;
}

/* addr-spec = local-part "@" domain; either may be missing */
static void
take_addr_spec(struct mail_addrlist *l, struct sv *s, struct reading *r)
{
	size_t off = l->text.n;

	if (mail_take_local(s, &l->text, &l->comment))
		r->local = span_since(l, off);
	if (!at(s, '@')) {
		r->broken = true;
		return;
	}
	*s = sv_skip(*s, 1);
	off = l->text.n;
	if (mail_take_domain(s, &l->text, &l->comment))
		r->domain = span_since(l, off);
	r->broken = r->broken || !r->local.there || !r->domain.there;
}

/* angle-addr = [CFWS] "<" [obs-route] addr-spec ">" [CFWS] */
static void
take_angle_addr(struct mail_addrlist *l, struct sv *s, struct reading *r)
{
	*s = sv_skip(*s, 1);
	(void)mail_skip_cfws(s, NULL);
	if (at(s, '@'))
		take_route(l, s, r);
	take_addr_spec(l, s, r);
	if (at(s, '>')) {
		*s = sv_skip(*s, 1);
		(void)mail_skip_cfws(s, NULL);
	} else {
		r->broken = true;
	}
}

/*
 * An address without angles: addr-spec, with a comment as its name as people
 * wrote it in the eighties; or words without any address, which are a name.
 */
static void
take_bare(struct mail_addrlist *l, struct sv *s, struct reading *r)
{
	struct sv start = *s;

	buf_reset(&l->text);
	buf_reset(&l->comment);
	take_addr_spec(l, s, r);
	if (l->comment.n > 0) {
		size_t off = l->text.n;

		buf_addsv(&l->text, buf_sv(&l->comment));
		r->name = span_since(l, off);
		return;
	}
	if (r->domain.there || s->n == 0 ||
	    !(at(s, '"') || mail_is_atext(s->p[0])))
		return;
	*s = start;
	buf_reset(&l->text);
	(void)mail_take_phrase(s, &l->text);
	r->name = span_since(l, 0);
	r->local.there = false;
}

/* Behind the next comma, semicolon or end; quotes and comments are hopped
 * over. */
static void
skip_junk(struct mail_addrlist *l, struct sv *s)
{
	while (s->n > 0 && s->p[0] != ',' && !(l->in_group && at(s, ';'))) {
		if (at(s, '"')) {
			size_t keep = l->text.n;

			(void)mail_take_quoted(s, &l->text);
			buf_truncate(&l->text, keep);
		} else if (!mail_skip_cfws(s, NULL)) {
			*s = sv_skip(*s, 1);
		}
	}
}

static void
take_mailbox(struct mail_addrlist *l, struct sv *s, struct mail_addr *out)
{
	struct reading r = {.broken = false};
	struct sv start = *s;
	bool named = mail_take_phrase(s, &l->text);

	if (at(s, '<')) {
		if (named)
			r.name = span_since(l, 0);
		take_angle_addr(l, s, &r);
	} else {
		*s = start;
		take_bare(l, s, &r);
	}
	if (s->n > 0 && !at(s, ',') && !(l->in_group && at(s, ';'))) {
		r.broken = true;
		skip_junk(l, s);
	}
	out->kind = MAIL_ADDR_MAILBOX;
	out->broken = r.broken;
	out->name = span_sv(l, &r.name);
	out->route = span_sv(l, &r.route);
	out->local = span_sv(l, &r.local);
	out->domain = span_sv(l, &r.domain);
}

/* group = display-name ":" [group-list] ";" [CFWS]: up to the colon */
static bool
take_group_start(struct mail_addrlist *l, struct sv *s, struct mail_addr *out)
{
	struct sv try = *s;

	if (l->in_group || !mail_take_phrase(&try, &l->text) ||
	    !at(&try, ':')) {
		buf_reset(&l->text);
		return false;
	}
	*s = sv_skip(try, 1);
	l->in_group = true;
	out->kind = MAIL_ADDR_GROUP;
	out->name = buf_sv(&l->text);
	return true;
}

bool
mail_addrlist_next(struct mail_addrlist *l, struct mail_addr *out)
{
	struct sv *s = &l->rest;

	*out = (struct mail_addr){.kind = MAIL_ADDR_GROUP_END};
	buf_reset(&l->text);
	/* obs-addr-list and obs-mbox-list have empty elements. */
	while (mail_skip_cfws(s, NULL) || at(s, ',') ||
	       (!l->in_group && at(s, ';'))) {
		if (at(s, ',') || (!l->in_group && at(s, ';')))
			*s = sv_skip(*s, 1);
	}
	if (l->in_group && (s->n == 0 || at(s, ';'))) {
		*s = sv_skip(*s, 1);
		l->in_group = false;
		return true;
	}
	if (s->n == 0)
		return false;
	if (!take_group_start(l, s, out))
		take_mailbox(l, s, out);
	return true;
}

/* ---- authors ---- */

typedef int author_fn(void *arg, const struct mail_addr *a);

static bool
is_whole(const struct mail_addr *a)
{
	return a->local.p != NULL && a->domain.n > 0;
}

static bool
is_clean_list(struct sv value)
{
	struct mail_addrlist l;
	struct mail_addr a;
	bool clean = true;

	mail_addrlist_init(&l, value);
	while (clean && mail_addrlist_next(&l, &a))
		clean =
		    a.kind != MAIL_ADDR_MAILBOX || (!a.broken && is_whole(&a));
	mail_addrlist_fini(&l);
	return clean;
}

/* Those that have both parts. */
static int
each_whole(struct sv value, author_fn *fn, void *arg, size_t *n)
{
	struct mail_addrlist l;
	struct mail_addr a;
	int r = RC_OK;

	mail_addrlist_init(&l, value);
	while (r == RC_OK && mail_addrlist_next(&l, &a)) {
		if (a.kind != MAIL_ADDR_MAILBOX || !is_whole(&a))
			continue;
		(*n)++;
		r = fn(arg, &a);
	}
	mail_addrlist_fini(&l);
	return r;
}

/* What is outside of quotes and comments. */
struct marks {
	size_t open, close; /* the last < and > */
	size_t comma;	    /* behind the last one before the < */
	size_t at;	    /* the last @ */
	size_t nopen, nclose, nat;
	bool control; /* a control character that is not a line's end */
};

/* Some programs leave such a character out, others stop there. */
static bool
is_strange(struct sv s)
{
	unsigned char c = (unsigned char)s.p[0];

	if (c == '\r')
		return s.n < 2 || s.p[1] != '\n';
	return (c < ' ' && c != '\t' && c != '\n') || c == 0x7f;
}

static void
find_marks(struct sv value, struct marks *m)
{
	struct sv s = value;
	struct buf junk;
	size_t comma = 0;

	*m = (struct marks){0};
	buf_init(&junk, value.n);
	while (s.n > 0) {
		size_t at = (size_t)(s.p - value.p);

		if (s.p[0] == '"') {
			buf_reset(&junk);
			(void)mail_take_quoted(&s, &junk);
			continue;
		}
		if (s.p[0] == '(') {
			(void)mail_skip_cfws(&s, NULL);
			continue;
		}
		if (s.p[0] == '<') {
			m->open = at;
			m->comma = comma;
			m->nopen++;
		} else if (s.p[0] == '>') {
			m->close = at;
			m->nclose++;
		} else if (s.p[0] == '@') {
			m->at = at;
			m->nat++;
		} else if (s.p[0] == ',') {
			comma = at + 1;
		} else if (is_strange(s)) {
			m->control = true;
		}
		s = sv_skip(s, 1);
	}
	buf_fini(&junk);
}

static bool
is_address_byte(char c)
{
	return (mail_is_atext(c) || c == '.') && (unsigned char)c < 0x80;
}

/* The one address around an @, whatever is around that. */
static int
lone_address(struct sv value, size_t at, author_fn *fn, void *arg)
{
	struct mail_addr a = {.kind = MAIL_ADDR_MAILBOX, .broken = true};
	struct sv rest = sv_skip(value, at + 1);
	size_t from = at;
	struct buf domain;
	int r = RC_SYNTAX;

	while (from > 0 && is_address_byte(value.p[from - 1]))
		from--;
	a.local = sv_of(value.p + from, at - from);
	buf_init(&domain, value.n + 1);
	if (mail_take_domain(&rest, &domain, NULL) && a.local.n > 0) {
		a.domain = buf_sv(&domain);
		r = fn(arg, &a);
	}
	buf_fini(&domain);
	return r;
}

int
mail_author_each(struct sv value, author_fn *fn, void *arg)
{
	struct sv inside;
	struct marks m;
	size_t n = 0;
	int r;

	if (is_clean_list(value)) {
		r = each_whole(value, fn, arg, &n);
		return r == RC_OK && n == 0 ? RC_SYNTAX : r;
	}
	find_marks(value, &m);
	if (m.control)
		return RC_SYNTAX;
	if (m.nat == 1)
		return lone_address(value, m.at, fn, arg);
	if (m.nopen != 1 || m.nclose != 1 || m.close < m.open)
		return RC_SYNTAX;
	inside = sv_first(sv_skip(value, m.open), m.close + 1 - m.open);
	if (!is_clean_list(inside))
		return RC_SYNTAX;
	r = each_whole(sv_first(value, m.comma), fn, arg, &n);
	if (r == RC_OK)
		r = each_whole(sv_skip(value, m.close + 1), fn, arg, &n);
	n = 0;
	if (r == RC_OK)
		r = each_whole(inside, fn, arg, &n);
	return r == RC_OK && n != 1 ? RC_SYNTAX : r;
}
