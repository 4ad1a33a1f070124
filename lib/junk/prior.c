#include "junk/prior.h"

#include "base/sv.h"

static const struct {
	enum junk_kind kind;
	const char *text;
	double weight;
} rule[] = {
    {JUNK_SIGNAL, "dmarc 2", 2.0},
    {JUNK_SIGNAL, "spf 2", 0.8},
    {JUNK_SIGNAL, "dkim 1", -0.3},
    {JUNK_SIGNAL, "listed 1", 2.0},
    {JUNK_SIGNAL, "listed 2", 3.5},
    {JUNK_SIGNAL, "listed 3", 4.0},
    {JUNK_SIGNAL, "known 1", -4.0},
    {JUNK_ATTACHMENT, "is program", 4.0},
    {JUNK_ATTACHMENT, "*.exe", 1.0},
    {JUNK_ATTACHMENT, "*.scr", 4.0},
    {JUNK_ATTACHMENT, "*.js", 3.0},
    {JUNK_ATTACHMENT, "*.vbs", 4.0},
    {JUNK_ATTACHMENT, "*.pif", 4.0},
    {JUNK_HEADER, "no To", 0.5},
    {JUNK_HEADER, "id without domain", 0.5},
    {JUNK_HEADER, "from=reply 0", 0.4},
    {JUNK_HEADER, "from==to 1", 0.5},
    {JUNK_HEADER, "has in-reply-to", -1.0},
    {JUNK_HEADER, "has references", -0.7},
    {JUNK_HEADER, "has list-id", -0.3},
    {JUNK_SHAPE, "only HTML", 0.5},
    {JUNK_SHAPE, "hides in span", 0.5},
    {JUNK_SHAPE, "hides in div", 0.4},
    {JUNK_SHAPE, "tag form", 0.6},
    {JUNK_SHAPE, "tag script", 0.5},
    {JUNK_SHAPE, "text capitals 5", 0.5},
    {JUNK_SHAPE, "text capitals 6", 0.7},
    {JUNK_SHAPE, "text capitals 7", 0.8},
    {JUNK_SHAPE, "text capitals 8", 0.8},
    {JUNK_SHAPE, "text capitals 9", 0.8},
    {JUNK_SUBJECT, "!", 0.4},
    {JUNK_SUBJECT, "!!", 0.8},
    {JUNK_SUBJECT, "!!!", 1.0},
    {JUNK_SUBJECT, "free", 0.5},
    {JUNK_SUBJECT, "re", -0.8},
    {JUNK_WORD, "viagra", 1.5},
    {JUNK_WORD, "casino", 0.8},
    {JUNK_WORD, "lottery", 0.8},
    {JUNK_WORD, "winner", 0.4},
    {JUNK_WORD, "bitcoin", 0.4},
    {JUNK_WORD, "mortgage", 0.4},
    {JUNK_WORD, "unsubscribe", 0.2},
    {JUNK_WORD, "guaranteed", 0.4},
    {JUNK_WORD, "millions", 0.4},
    {JUNK_WORD, "wrote", -0.6},
    {JUNK_WORD, ">", -0.4},
};

#define RULES (sizeof(rule) / sizeof(rule[0]))

_Static_assert(RULES <= JUNK_PRIOR_MAX, "rules");

void
junk_prior_init(struct junk_prior *p)
{
	size_t i;

	p->some = 0;
	p->kinds = 0;
	for (i = 0; i < RULES; i++) {
		p->feature[i] =
		    junk_feature_of(rule[i].kind, sv_str(rule[i].text));
		p->some |= 1ULL << p->feature[i] % 64;
		p->kinds |= 1U << rule[i].kind;
	}
}

double
junk_prior_weight(const struct junk_prior *p, uint32_t feature)
{
	size_t i;

	if ((p->kinds >> junk_feature_kind(feature) & 1) == 0 ||
	    (p->some >> feature % 64 & 1) == 0)
		return 0;
	for (i = 0; i < RULES; i++)
		if (p->feature[i] == feature)
			return rule[i].weight;
	return 0;
}
