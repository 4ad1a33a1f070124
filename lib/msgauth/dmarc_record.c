#include "base/ascii.h"
#include "msgauth/dmarc.h"
#include "msgauth/taglist.h"

const char *
dmarc_policy_name(enum dmarc_policy p)
{
	switch (p) {
	case DMARC_P_NONE:
		break;
	case DMARC_P_QUARANTINE:
		return "quarantine";
	case DMARC_P_REJECT:
		return "reject";
	}
	return "none";
}

/* ABNF's strings are of any case. */
static const struct taglist_tag *
find(const struct taglist *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (sv_ieq(t->tag[i].name, sv_str(name)))
			return &t->tag[i];
	return NULL;
}

/* dmarc-version = "v" equals %s"DMARC1", and it comes first */
static bool
has_version(struct sv text)
{
	struct sv first = sv_split(&text, ';');
	struct taglist t;

	return taglist_parse(first, false, &t) == RC_OK &&
	       sv_ieq(t.tag[0].name, SV("v")) &&
	       sv_eq(t.tag[0].value, SV("DMARC1"));
}

static bool
is_policy(struct sv s, enum dmarc_policy *out)
{
	static const enum dmarc_policy all[] = {
	    DMARC_P_NONE, DMARC_P_QUARANTINE, DMARC_P_REJECT};
	size_t i;

	for (i = 0; i < sizeof all / sizeof all[0]; i++)
		if (sv_ieq(s, sv_str(dmarc_policy_name(all[i])))) {
			*out = all[i];
			return true;
		}
	return false;
}

/* The tag's policy, or the default; false: it is there and wrong. */
static bool
read_policy(const struct taglist *t, const char *name, enum dmarc_policy other,
    enum dmarc_policy *out)
{
	const struct taglist_tag *tag = find(t, name);

	*out = other;
	return tag == NULL || is_policy(tag->value, out);
}

/* URI = scheme ":" ..., visible characters */
static bool
is_uri(struct sv s)
{
	size_t colon = sv_chr(s, ':'), i;

	if (colon == 0 || colon + 1 >= s.n || !ascii_is_alpha(s.p[0]))
		return false;
	for (i = 0; i < s.n; i++)
		if (!ascii_is_graph(s.p[i]) || s.p[i] == '<' || s.p[i] == '>' ||
		    s.p[i] == '"')
			return false;
	for (i = 1; i < colon; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '-' &&
		    s.p[i] != '.')
			return false;
	return true;
}

/* dmarc-urilist, without the obsolete size limits behind "!" */
static void
read_uris(const struct taglist_tag *tag, char out[DMARC_URIS_MAX])
{
	struct sv list, uri;
	size_t n = 0;

	if (tag == NULL)
		return;
	for (list = tag->value; list.p != NULL;) {
		uri = sv_trim(sv_split(&list, ','));
		uri = sv_first(uri, sv_chr(uri, '!'));
		if (!is_uri(uri) || n + 1 + uri.n >= DMARC_URIS_MAX)
			continue;
		if (n > 0)
			out[n++] = ',';
		memcpy(out + n, uri.p, uri.n);
		n += uri.n;
		out[n] = '\0';
	}
}

static bool
is_value(const struct taglist *t, const char *name, const char *value)
{
	const struct taglist_tag *tag = find(t, name);

	return tag != NULL && sv_ieq(tag->value, sv_str(value));
}

static void
read_fo(const struct taglist_tag *tag, char out[16])
{
	size_t i;

	memcpy(out, "0", 2);
	if (tag == NULL || tag->value.n == 0 || tag->value.n > 15)
		return;
	for (i = 0; i < tag->value.n; i++)
		if (sv_chr(SV("01dsDS:"), tag->value.p[i]) == 7)
			return;
	memcpy(out, tag->value.p, tag->value.n);
	out[tag->value.n] = '\0';
}

int
dmarc_record_parse(struct sv text, struct dmarc_record *out)
{
	const struct taglist_tag *p;
	struct dmarc_record r = {.psd = 'u'};
	struct taglist t;
	bool good;

	if (!has_version(text))
		return RC_SYNTAX;
	taglist_parse_lenient(text, &t);
	read_uris(find(&t, "rua"), r.rua);
	read_uris(find(&t, "ruf"), r.ruf);
	read_fo(find(&t, "fo"), r.fo);
	p = find(&t, "p");
	good = p != NULL && is_policy(p->value, &r.p);
	good = read_policy(&t, "sp", r.p, &r.sp) && good;
	good = read_policy(&t, "np", r.sp, &r.np) && good;
	/* [RFC 9989 4.10.1] */
	if (!good)
		r.p = r.sp = r.np = DMARC_P_NONE;
	r.usable = good || r.rua[0] != '\0';
	r.has_np = r.np != r.sp;
	r.strict_dkim = is_value(&t, "adkim", "s");
	r.strict_spf = is_value(&t, "aspf", "s");
	r.testing = is_value(&t, "t", "y");
	if (is_value(&t, "psd", "y"))
		r.psd = 'y';
	else if (is_value(&t, "psd", "n"))
		r.psd = 'n';
	*out = r;
	return RC_OK;
}
