#include "sieve/mimefield.h"

#include "mail/lex.h"
#include "sieve/check.h"
#include "sieve/fields.h"

bool
sieve_mimefield_wanted(const struct sieve_node *n)
{
	return sieve_has_tag(n, T_TYPE) || sieve_has_tag(n, T_SUBTYPE) ||
	       sieve_has_tag(n, T_CONTENTTYPE) || sieve_has_tag(n, T_PARAM);
}

/* A word up to one of the marks; blanks and comments around it are gone. */
static struct sv
take_word(struct sv *s)
{
	size_t n = 0;
	struct sv out;

	(void)mail_skip_cfws(s, NULL);
	while (n < s->n && s->p[n] != '/' && s->p[n] != ';' && s->p[n] != '(' &&
	       (unsigned char)s->p[n] > ' ')
		n++;
	out = sv_first(*s, n);
	*s = sv_skip(*s, n);
	(void)mail_skip_cfws(s, NULL);
	return out;
}

bool
sieve_content_type(struct sv value, struct sv *type, struct sv *subtype)
{
	struct sv s = value;

	*type = take_word(&s);
	if (type->n == 0 || s.n == 0 || s.p[0] != '/')
		return false;
	s = sv_skip(s, 1);
	*subtype = take_word(&s);
	return subtype->n > 0;
}

static enum sieve_flow
match_params(struct sieve_matcher *m, struct sv value)
{
	struct sv *names;
	size_t n;
	enum sieve_flow f = sieve_expand_all(
	    m->r, m->n, sieve_tag_value(m->n, T_PARAM), &names, &n);

	for (size_t i = 0; i < n && f == FLOW_ON && !m->hit; i++) {
		struct buf b;

		f = sieve_charge(m->r, m->n, value.n + 8);
		if (f != FLOW_ON)
			break;
		buf_init(&b, 8 * value.n + 64);
		if (mime_param(value, names[i], &b))
			f = sieve_matcher_value(m, buf_sv(&b));
		buf_fini(&b);
	}
	return f;
}

enum sieve_flow
sieve_mimefield_match(struct sieve_matcher *m, struct sv name, struct sv value)
{
	bool content_type = sv_ieq(name, SV("Content-Type"));
	bool disposition = sv_ieq(name, SV("Content-Disposition"));
	struct sv s = value, type = SV(""), subtype = SV("");

	if (sieve_has_tag(m->n, T_PARAM))
		return match_params(m, value);
	if (content_type && !sieve_content_type(value, &type, &subtype))
		return FLOW_ON; /* not one that could be read */
	if (disposition)
		type = take_word(&s);
	if (disposition && type.n == 0)
		return FLOW_ON;
	if (sieve_has_tag(m->n, T_TYPE) || !content_type)
		return sieve_matcher_value(
		    m, sieve_has_tag(m->n, T_SUBTYPE) ? SV("") : type);
	if (sieve_has_tag(m->n, T_SUBTYPE))
		return sieve_matcher_value(m, subtype);
	/* The two of them as they are written, but for blanks. */
	{
		enum sieve_flow f;
		struct buf b;

		buf_init(&b, value.n + 2);
		buf_addsv(&b, type);
		buf_addc(&b, '/');
		buf_addsv(&b, subtype);
		f = sieve_matcher_value(m, buf_sv(&b));
		buf_fini(&b);
		return f;
	}
}
