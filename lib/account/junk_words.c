#include "account/junk_words.h"

#include <math.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "junk/model.h"
#include "msgauth/verdict.h"

/* ---- signals ---- */

static uint8_t
result_of(enum auth_result r)
{
	switch (r) {
	case AUTH_NONE:
		return JUNK_RESULT_NONE;
	case AUTH_PASS:
		return JUNK_RESULT_PASS;
	case AUTH_FAIL:
		return JUNK_RESULT_FAIL;
	case AUTH_SOFTFAIL:
	case AUTH_NEUTRAL:
	case AUTH_POLICY:
	case AUTH_TEMPERROR:
	case AUTH_PERMERROR:
	case AUTH_RESULTS:
		return JUNK_RESULT_OTHER;
	}
	return JUNK_RESULT_OTHER;
}

static uint8_t
count_lists(const char *listed)
{
	uint8_t n = listed[0] != '\0';

	for (; *listed != '\0' && n < 15; listed++)
		n = (uint8_t)(n + (*listed == ','));
	return n;
}

size_t
junk_signals_of(struct sv bytes, struct junk_signal out[JUNK_SIGNALS])
{
	struct verdict v;
	size_t n = 0;

	if (bytes.n == 0 || verdict_decode(bytes, &v) != RC_OK)
		return 0;
	out[n++] = (struct junk_signal){JUNK_SIG_SPF, result_of(v.spf)};
	out[n++] = (struct junk_signal){JUNK_SIG_DKIM, result_of(v.dkim)};
	out[n++] = (struct junk_signal){JUNK_SIG_DMARC, result_of(v.dmarc)};
	out[n++] = (struct junk_signal){JUNK_SIG_IPREV, result_of(v.iprev)};
	out[n++] = (struct junk_signal){JUNK_SIG_LISTED, count_lists(v.listed)};
	if (v.known != VERDICT_STRANGER)
		out[n++] =
		    (struct junk_signal){JUNK_SIG_KNOWN, (uint8_t)v.known};
	if (v.domain_standing > 0)
		out[n++] =
		    (struct junk_signal){JUNK_SIG_DOMAIN, v.domain_standing};
	if (v.network_standing > 0)
		out[n++] =
		    (struct junk_signal){JUNK_SIG_NETWORK, v.network_standing};
	return n;
}

bool
junk_is_known(struct sv bytes)
{
	struct verdict v;

	return bytes.n > 0 && verdict_decode(bytes, &v) == RC_OK &&
	       v.known == VERDICT_KNOWN;
}

/* ---- the field ---- */

uint32_t
junk_score_of(const struct junk_told *told)
{
	double margin = (double)(told->margin - told->border) / 1000;
	double score = 100 * junk_score(margin);

	/* What is just above the border is above half. */
	if (told->junk && score < 50.5)
		return 51;
	if (!told->junk && score > 49.5)
		return 49;
	return score < 1 ? 1 : score > 100 ? 100 : (uint32_t)lrint(score);
}

struct junk_opinion
junk_opinion_of(const struct junk_told *told, bool known, uint32_t threshold)
{
	struct junk_opinion o = {.score = junk_score_of(told)};

	o.junk = o.score >= threshold;
	if (o.junk && (told->taught ? !told->junk : known)) {
		o = (struct junk_opinion){.known = known, .score = threshold};
		/* Rules of people's own look at the score. */
		if (o.score > 49)
			o.score = 49;
		else if (o.score > 1)
			o.score--;
	}
	return o;
}

void
junk_field(
    const struct junk_told *told, const struct junk_opinion *o, struct buf *out)
{
	bool seen[JUNK_KINDS] = {false};
	const char *sep = o->known ? "," : "";
	uint32_t i;

	buf_addf(out, "X-Hearthmail-Junk: %s score=%u reasons=%s",
	    o->junk ? "yes" : "no", o->score, o->known ? "known" : "");
	for (i = 0; i < told->nreason; i++) {
		enum junk_kind k = junk_feature_kind(told->reason[i].feature);

		if (k >= JUNK_KINDS || seen[k])
			continue;
		seen[k] = true;
		buf_addf(out, "%s%s", sep, junk_kind_name(k));
		sep = ",";
	}
	buf_adds(out, sep[0] == '\0' ? "none\r\n" : "\r\n");
}

/* ---- sentences ---- */

struct naming {
	const struct junk_told *told;
	struct buf *out;
};

/* Of a stranger: one line, and nothing that is not text. */
static void
put_name(struct sv text, struct buf *out)
{
	struct sv s = sv_first(text, 80);
	uint32_t cp;

	while (s.n > 0)
		if (utf8_next(&s, &cp) == RC_OK && cp >= ' ' && cp != 0x7f &&
		    (cp < 0x80 || cp >= 0xa0))
			utf8_put(out, cp);
		else
			buf_addc(out, '?');
}

static void
name_one(void *arg, uint32_t feature, struct sv text)
{
	struct naming *n = arg;
	uint32_t i;

	for (i = 0; i < n->told->nreason; i++) {
		const struct junk_told_reason *r = &n->told->reason[i];

		if (r->feature != feature)
			continue;
		buf_addf(n->out, "  %+6.2f  %-12s  ", (double)r->weight / 1000,
		    junk_kind_name(junk_feature_kind(feature)));
		put_name(text, n->out);
		buf_addc(n->out, '\n');
		return;
	}
}

void
junk_sentences(const struct junk_source *src, const struct junk_told *told,
    const struct junk_opinion *o, struct buf *out)
{
	struct naming n = {told, out};
	uint32_t wanted[JUNK_TOLD_MAX], i;

	if (o->known)
		buf_addf(out,
		    "wanted: this account has written to its sender, who has "
		    "proved to be the one (else: score %u of 100)\n",
		    junk_score_of(told));
	else
		buf_addf(out, "%s: score %u of 100 (50 is the border)\n",
		    told->junk ? "junk" : "wanted", o->score);
	for (i = 0; i < told->nreason; i++)
		wanted[i] = told->reason[i].feature;
	if (told->nreason > 0)
		buf_adds(out, "what counted most:\n");
	else
		buf_adds(out, "nothing that was learned is in it\n");
	junk_features_name(src, wanted, told->nreason, name_one, &n);
}
