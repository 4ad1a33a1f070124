#include "junk/prior.h"

#include <math.h>
#include <string.h>

#include "base/sv.h"

/*
 * What is known of junk anywhere, from no corpus: how it is made, and what it
 * is about.  Coarse on purpose, since it is outweighed by what is learned.
 */
static const struct {
	enum junk_kind kind;
	double weight;
	const char *texts; /* between them "|" */
} rule[] = {
    {JUNK_SIGNAL, 2.0, "dmarc 2|listed 1"},
    {JUNK_SIGNAL, 0.8, "spf 2"},
    {JUNK_SIGNAL, 3.5, "listed 2"},
    {JUNK_SIGNAL, 4.0, "listed 3"},
    {JUNK_SIGNAL, -0.3, "dkim 1"},
    {JUNK_SIGNAL, -4.0, "known 1"},
    {JUNK_ATTACHMENT, 4.0, "is program|*.scr|*.vbs|*.pif"},
    {JUNK_ATTACHMENT, 3.0, "*.js"},
    {JUNK_ATTACHMENT, 1.0, "*.exe"},
    /* How it was made. */
    {JUNK_HEADER, 0.6, "no To|from==to 1|id without domain|MiME-Version"},
    {JUNK_HEADER, 0.3,
	"from=reply 0|has x-priority|has x-msmail-priority|"
	"recipients 10|from a9|from a9a|from 9a|from a9a9|reply-to a9"},
    {JUNK_HEADER, -1.0, "has in-reply-to"},
    {JUNK_HEADER, -0.7, "has references|has user-agent"},
    {JUNK_HEADER, -0.3, "has list-id|has list-post|has mail-followup-to"},
    {JUNK_SHAPE, 0.5, "only HTML|hides in span|hides in div|hides in font"},
    {JUNK_SHAPE, 0.2,
	"tag form|tag script|tag font|tag center|tag img|comment"},
    {JUNK_SHAPE, -0.7,
	"part text/x-patch|part application/pgp-signature|"
	"part multipart/signed"},
    {JUNK_SHAPE, 0.4, "text capitals 2|text capitals 3|subject capitals 6"},
    {JUNK_SHAPE, 0.8,
	"text capitals 4|text capitals 5|text capitals 6|"
	"text capitals 7|text capitals 8|text capitals 9|"
	"text capitals 10|subject capitals 7|subject capitals 8|"
	"subject capitals 9|subject capitals 10"},
    {JUNK_URL, 0.4, "top biz|top info|top xyz|top top|top click|top icu"},
    /* The subject. */
    {JUNK_SUBJECT, -1.0, "re"},
    {JUNK_SUBJECT, -0.4, "fwd|patch|bug|meeting|question|problem|was"},
    {JUNK_SUBJECT, 0.4, "!|your|you|%|$|now|best|home|business|get|make"},
    {JUNK_SUBJECT, 0.9,
	"!!|!!!|free|money|cash|win|winner|won|save|offer|adv|rates|"
	"rate|loan|loans|mortgage|credit|debt|urgent|viagra|pills|"
	"sex|cheap|guaranteed|earn|income|approved|lowest|"
	"congratulations|confidential|insurance|opportunity|lose|"
	"weight|limited|discount|deal|amazing|replica|investment|"
	"assistance|verify|suspended|penis|enlargement|teen|horny|"
	"adult|cialis|xxx|porn|younger|hgh|ink|inkjet|toner|diploma|"
	"cartridges|herbal|singles|dating|casino|lottery|refinance"},
    /* What it is about. */
    {JUNK_WORD, 1.0,
	"viagra|cialis|levitra|xanax|valium|enlargement|penis|"
	"erection|porn|xxx|casino|lottery|jackpot|rolex|replica|"
	"refinance|inheritance|beneficiary|$$$|horny|herbal|diploma|"
	"bitcoin|opt-in|pharmacy|nigeria|lenders|lender|barrister|"
	"lesbian|hardcore|sluts|mlm|wrinkles|hgh|cellulite|toner|"
	"cartridges"},
    {JUNK_WORD, 0.6,
	"guaranteed|guarantee|mortgage|loan|loans|debt|debts|won|"
	"prize|earn|earning|income|profit|profits|cash|risk-free|"
	"toll-free|toll|pills|prescription|diet|miracle|incredible|"
	"instantly|refund|adults|bulk|leads|targeted|satisfaction|"
	"satisfied|sexy|sex|nude|girls|urgent|wealth|approved|crypto|"
	"wallet|suspended|recipients|mailings|remittance|madam|"
	"deceased|hesitate|qualify|skeptical|envelope|lowest|"
	"discreet|testimonials|ordering"},
    {JUNK_WORD, 0.3,
	"money|cheap|discount|discounts|bonus|rich|dollars|$|!!|!!!|"
	"opportunity|millions|credit|secret|success|sir|unsolicited|"
	"fax|financial|insurance|act|limited|lose|weight|insured|"
	"amazing|trial|winner|promotional|marketing|advertisement|"
	"advertise|advertising|hundreds|thousands|monthly|adult|teen|"
	"removed|removal|confidential|obligation|pounds|investors|"
	"congratulations"},
    {JUNK_WORD, 0.1,
	"here|unsubscribe|order|buy|save|price|prices|now|business|"
	"special|product|products|visit|your|our|million|bank|funds|"
	"fund|phone|instant|shipping|orders|customers|customer|"
	"member|members|home|gift|future|internet|!|you|will|offers|"
	"exclusive|remove|receive|wish|click|call|cost|costs|dear|"
	"mailing|sent|fast|easy|free|offer"},
    {JUNK_PAIR, 0.5,
	"risk free|no obligation|work from|extra income|make money|"
	"more money|mailing address|act now|order now|your home|"
	"home business|no cost|no risk|future mailings|not spam|"
	"dear friend|opt out|opted in|call now|absolutely free|100 %|"
	"all ages|lose weight|lowest rates|money back|bank account|"
	"million dollars|toll free|the lowest|you received|of kin|"
	"foreign partner|adult content|over 18"},
    {JUNK_WORD, -0.7, "wrote"},
    {JUNK_WORD, -0.3,
	"i'm|don't|i've|didn't|doesn't|isn't|wasn't|i'd|that's|"
	"there's|cheers|thanks|maybe|probably|though|anyway|actually|"
	"guess|seems|patch|bug|mom|dad|lunch|weekend|tomorrow|"
	"yesterday|couldn't|wouldn't|can't|sorry|afaik|imho|btw|"
	"meeting|fix|fixed|script|server|stuff|pretty|bit|think|"
	"thought|says|said|while|using|since|else|>|>>|something|"
	"someone|article|news|week|story|reviews"},
};

#define RULES (sizeof(rule) / sizeof(rule[0]))

static enum junk_prior_group
group_of(enum junk_kind kind)
{
	return kind == JUNK_WORD || kind == JUNK_PAIR ? JUNK_PRIOR_SAID
	       : kind == JUNK_SHAPE		      ? JUNK_PRIOR_SHAPE
	       : kind == JUNK_SUBJECT		      ? JUNK_PRIOR_SUBJECT
						      : JUNK_PRIOR_REST;
}

static void
add(struct junk_prior *p, uint32_t feature, double weight,
    enum junk_prior_group group)
{
	unsigned i = junk_prior_find(p, feature);

	must(++p->n < JUNK_PRIOR_SLOTS / 2);
	p->feature[i] = feature;
	p->weight[i] = (float)weight;
	p->group[i] = (uint8_t)group;
	p->some[feature % JUNK_PRIOR_BITS / 64] |= 1ULL << feature % 64;
}

void
junk_prior_init(struct junk_prior *p)
{
	size_t i;

	memset(p, 0, sizeof *p);
	for (i = 0; i < RULES; i++) {
		struct sv all = sv_str(rule[i].texts);

		while (all.p != NULL)
			add(p,
			    junk_feature_of(rule[i].kind, sv_split(&all, '|')),
			    rule[i].weight, group_of(rule[i].kind));
	}
}
