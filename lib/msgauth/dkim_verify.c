#include "msgauth/dkim_verify.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "msgauth/name.h"
#include "msgauth/taglist.h"

struct dkim_verify {
	struct dkim_signed *s[DKIM_VERIFY_MAX];
	size_t n;
	size_t found;
};

static bool
is_signature(const struct mail_field *f)
{
	return sv_ieq(f->name, SV("DKIM-Signature"));
}

/* Is d= the author's domain, above or below it? */
static bool
is_related(const struct mail_field *f, struct sv author)
{
	const struct taglist_tag *d;
	char name[DNS_NAME_MAX];
	struct taglist t;

	if (author.n == 0 || f->whole.n > DKIM_FIELD_MAX ||
	    taglist_parse(f->value, false, &t) != RC_OK)
		return false;
	d = taglist_find(&t, "d");
	return d != NULL && name_ascii(d->value, name) == RC_OK &&
	       (name_is_within(sv_str(name), author) ||
		   name_is_within(author, sv_str(name)));
}

/* Up to as many as are checked, with or without relation to the author. */
static size_t
choose(const struct fieldset *fields, struct sv author, bool related,
    size_t room, bool *chosen)
{
	size_t i, n = 0;

	for (i = 0; i < fieldset_count(fields) && n < room; i++) {
		const struct mail_field *f = fieldset_at(fields, i);

		if (!is_signature(f) || chosen[i] ||
		    (related && !is_related(f, author)))
			continue;
		chosen[i] = true;
		n++;
	}
	return n;
}

struct dkim_verify *
dkim_verify_new(struct fieldset *fields, struct bodies *bodies,
    struct sv author, struct dkim_keys *keys)
{
	struct dkim_verify *v = xcalloc(1, sizeof *v);
	size_t i, n = fieldset_count(fields), took = 0;
	bool *chosen = xcalloc(n + 1, sizeof *chosen);

	for (i = 0; i < n; i++)
		v->found += is_signature(fieldset_at(fields, i));
	if (v->found > DKIM_VERIFY_MAX)
		took = choose(fields, author, true, DKIM_VERIFY_MAX, chosen);
	(void)choose(fields, author, false, DKIM_VERIFY_MAX - took, chosen);
	for (i = 0; i < n; i++)
		if (chosen[i])
			v->s[v->n++] = dkim_signed_new(fieldset_at(fields, i),
			    DKIM_FIELD_DKIM, fields, bodies, keys);
	free(chosen);
	return v;
}

void
dkim_verify_free(struct dkim_verify **vp)
{
	struct dkim_verify *v = *vp;
	size_t i;

	if (v == NULL)
		return;
	for (i = 0; i < v->n; i++)
		dkim_signed_free(&v->s[i]);
	free(v);
	*vp = NULL;
}

void
dkim_verify_expiring(const struct dkim_verify *v, struct buf *out)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		dkim_signed_expiring(v->s[i], out);
}

void
dkim_verify_first_seen(struct dkim_verify *v, int64_t first)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		dkim_signed_first_seen(v->s[i], first);
}

int
dkim_verify_evaluate(struct dkim_verify *v, const struct bodies *bodies,
    struct lookup *l, int64_t now)
{
	int r = RC_OK;
	size_t i;

	for (i = 0; i < v->n; i++)
		if (dkim_signed_evaluate(
			v->s[i], bodies, l, LOOKUP_DKIM, now) == RC_MORE)
			r = RC_MORE;
	return r;
}

size_t
dkim_verify_count(const struct dkim_verify *v)
{
	return v->n;
}

size_t
dkim_verify_found(const struct dkim_verify *v)
{
	return v->found;
}

const struct dkim_verdict *
dkim_verify_get(const struct dkim_verify *v, size_t i)
{
	must(i < v->n);
	return dkim_signed_verdict(v->s[i]);
}
