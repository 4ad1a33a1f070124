#include "msgauth/arc_sets.h"

#include "mail/lex.h"
#include "msgauth/taglist.h"

static bool
to_instance(struct sv s, unsigned *out)
{
	uint32_t v;

	if (sv_to_u32(s, ARC_MAX, &v) != RC_OK || v == 0)
		return false;
	*out = v;
	return true;
}

static bool
skip_char(struct sv *s, char c)
{
	(void)mail_skip_cfws(s, NULL);
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = sv_skip(*s, 1);
	(void)mail_skip_cfws(s, NULL);
	return true;
}

/* arc-info = instance [CFWS] ";" authres-payload */
static bool
read_results(const struct mail_field *f, unsigned *i, struct sv *results)
{
	struct sv s = f->value, digits;

	if (!skip_char(&s, 'i') || !skip_char(&s, '='))
		return false;
	digits = s;
	while (s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9')
		s = sv_skip(s, 1);
	digits.n -= s.n;
	if (!to_instance(digits, i) || !skip_char(&s, ';'))
		return false;
	*results = s;
	return true;
}

static enum auth_result
cv_of(const struct taglist *t)
{
	static const enum auth_result all[] = {AUTH_NONE, AUTH_PASS, AUTH_FAIL};
	const struct taglist_tag *cv = taglist_find(t, "cv");
	size_t i;

	for (i = 0; cv != NULL && i < sizeof all / sizeof all[0]; i++)
		if (sv_ieq(cv->value, sv_str(auth_result_name(all[i]))))
			return all[i];
	return AUTH_PERMERROR;
}

static bool
read_signed(const struct mail_field *f, unsigned *i, enum auth_result *cv)
{
	const struct taglist_tag *tag;
	struct taglist t;

	if (f->whole.n > DKIM_FIELD_MAX ||
	    taglist_parse(f->value, false, &t) != RC_OK)
		return false;
	tag = taglist_find(&t, "i");
	*cv = cv_of(&t);
	return tag != NULL && to_instance(tag->value, i);
}

static void
take(struct arc_sets *s, const struct mail_field *f)
{
	bool aar = sv_ieq(f->name, SV("ARC-Authentication-Results"));
	bool ams = sv_ieq(f->name, SV("ARC-Message-Signature"));
	enum auth_result cv = AUTH_PERMERROR;
	struct mail_field *to;
	struct sv results = {NULL, 0};
	unsigned i = 0;

	if (!aar && !ams && !sv_ieq(f->name, SV("ARC-Seal")))
		return;
	s->any = true;
	if (!(aar ? read_results(f, &i, &results) : read_signed(f, &i, &cv))) {
		s->broken = ARC_R_SYNTAX;
		return;
	}
	to = aar ? &s->set[i].aar : ams ? &s->set[i].ams : &s->set[i].seal;
	if (to->name.p != NULL)
		s->broken = ARC_R_SETS;
	*to = *f;
	if (aar)
		s->set[i].results = results;
	else if (!ams)
		s->set[i].cv = cv;
	if (i > s->n)
		s->n = i;
}

/* [RFC 8617 5.2] step 3 */
static enum arc_reason
check_structure(const struct arc_sets *s)
{
	unsigned i;

	for (i = 1; i <= s->n; i++)
		if (s->set[i].aar.name.p == NULL ||
		    s->set[i].ams.name.p == NULL ||
		    s->set[i].seal.name.p == NULL)
			return ARC_R_SETS;
	for (i = 1; i <= s->n; i++)
		if (s->set[i].cv != (i == 1 ? AUTH_NONE : AUTH_PASS))
			return ARC_R_CV;
	return ARC_R_NONE;
}

void
arc_sets_read(const struct fieldset *fields, struct arc_sets *out)
{
	size_t i;

	*out = (struct arc_sets){.n = 0};
	for (i = 0; i < fieldset_count(fields); i++)
		take(out, fieldset_at(fields, i));
	if (out->n > 0 && out->set[out->n].seal.name.p != NULL &&
	    out->set[out->n].cv == AUTH_FAIL)
		out->broken = ARC_R_FAILED;
	else if (out->broken == ARC_R_NONE)
		out->broken = check_structure(out);
}
