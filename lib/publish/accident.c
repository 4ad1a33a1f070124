/* What becomes of records in web forms and hurried hands. */
#include "base/ascii.h"
#include "publish/publish_priv.h"

#define STRING_MAX 255 /* [RFC 1035 3.3] */

bool
publish_next_text(const struct dns_answer *a, size_t *at, struct buf *text)
{
	while (*at < a->n) {
		buf_reset(text);
		if (dns_txt(a->record[(*at)++], text) == RC_OK)
			return true;
	}
	return false;
}

/* "mail.example.org" or "s1.dkim.example.org." */
static bool
is_host(struct sv s)
{
	bool dot = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!ascii_is_alnum(c) && c != '-' && c != '_' && c != '.')
			return false;
		dot |= c == '.' && i > 0 && i + 1 < s.n;
	}
	return dot;
}

/* "name TXT ...", "name IN TXT ...", "TXT ..." */
static bool
is_whole_line(struct sv s)
{
	size_t at = sv_ifind(s, SV("TXT"));

	return at < s.n && at + 3 < s.n && (at == 0 || s.p[at - 1] == ' ') &&
	       (s.p[at + 3] == ' ' || s.p[at + 3] == '"') &&
	       sv_chr(sv_first(s, at), '=') >= at;
}

static bool
has_any(struct sv s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (sv_find(s, sv_str(*words)) < s.n)
			return true;
	return false;
}

const char *
publish_accident(struct sv found, struct sv want)
{
	static const char *const curly[] = {"\xe2\x80\x9c", "\xe2\x80\x9d",
	    "\xe2\x80\x9e", "\xe2\x80\x98", "\xe2\x80\x99", NULL};
	static const char *const entities[] = {
	    "&quot;", "&#34;", "&amp;", "&#39;", NULL};

	if (is_whole_line(found))
		return "the whole line was pasted: only what is between the "
		       "quotation marks belongs there";
	if (sv_find(found, SV("\\;")) < found.n ||
	    sv_find(found, SV("\\\"")) < found.n)
		return "there are backslashes in the text: enter it without "
		       "them";
	if (sv_chr(found, '"') < found.n)
		return "quotation marks are part of the text: enter it without "
		       "them, in one piece";
	if (has_any(found, curly))
		return "typographic quotation marks are part of the text: "
		       "enter it without them";
	if (has_any(found, entities))
		return "the form has turned characters into HTML: enter it "
		       "again";
	if (is_host(found))
		return "a CNAME was entered as TXT: it is only the name of "
		       "another record";
	if (found.n < want.n && sv_starts(want, found))
		return found.n == STRING_MAX
			   ? "it is cut off after 255 bytes: enter it in two "
			     "strings, as below, or ask the provider how long "
			     "texts are entered"
			   : "its end is missing";
	if (found.n > 0 && found.n < want.n && sv_ends(want, found))
		return "its beginning is missing: enter all strings of it";
	return NULL;
}

/* ---- at a wrong name ---- */

static bool
any_is(const struct dns_answer *a, publish_is_it_fn *is_it)
{
	struct buf text;
	size_t at = 0;
	bool yes = false;

	buf_init(&text, PUBLISH_TEXT_MAX);
	while (!yes && publish_next_text(a, &at, &text))
		yes = is_it(buf_sv(&text));
	buf_fini(&text);
	return yes;
}

/* What is before the domain; at the domain itself nothing. */
static struct sv
label_of(const struct publish *p)
{
	struct sv name = sv_str(p->name), domain = sv_str(p->domain);

	return name.n > domain.n ? sv_first(name, name.n - domain.n - 1)
				 : SV("");
}

static void
say_doubled(const struct publish *p, struct buf *out)
{
	struct sv label = label_of(p);

	buf_addf(out,
	    "it is published at %s.%s: the provider's form appends the domain "
	    "by itself, so enter only ",
	    p->name, p->domain);
	if (label.n > 0)
		buf_addf(out, "\"%.*s\"", SV_ARG(label));
	else
		buf_adds(out, "\"@\", or nothing, as the name");
}

void
publish_say_none(struct publish *p, const char *accident, const struct buf *why,
    const char *meaning)
{
	if (accident == NULL && why->n > 0)
		accident = why->p;
	if (accident != NULL)
		(void)publish_say(
		    p, PUBLISH_DIFFERENT, "%s: %s", accident, meaning);
	else
		(void)publish_say(p, PUBLISH_MISSING, "%s", meaning);
}

int
publish_misplaced(struct publish *p, publish_is_it_fn *is_it, struct buf *out)
{
	struct sv label = label_of(p);
	const struct dns_answer *doubled =
	    publish_askf(p, DNS_TXT, "%s.%s", p->name, p->domain);
	const struct dns_answer *apex =
	    label.n == 0 ? NULL : publish_ask(p, p->domain, DNS_TXT);
	size_t dot = sv_chr(label, '.');
	/* The selector without "._domainkey". */
	const struct dns_answer *first =
	    dot >= label.n ? NULL
			   : publish_askf(p, DNS_TXT, "%.*s.%s", (int)dot,
				 label.p, p->domain);

	if (doubled == NULL || (label.n > 0 && apex == NULL) ||
	    (dot < label.n && first == NULL))
		return RC_MORE;
	if (any_is(doubled, is_it))
		say_doubled(p, out);
	else if (apex != NULL && any_is(apex, is_it))
		buf_addf(out,
		    "it is published at %s itself: the name must be "
		    "\"%.*s\"",
		    p->domain, SV_ARG(label));
	else if (first != NULL && any_is(first, is_it))
		buf_addf(out,
		    "it is published at %.*s.%s: the name must be "
		    "\"%.*s\"",
		    (int)dot, label.p, p->domain, SV_ARG(label));
	return RC_OK;
}
