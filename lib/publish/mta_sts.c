#include "publish/mta_sts.h"

#include <sodium.h>

#define DAY_S	  86400
#define ID_DIGITS 32 /* 1*32(ALPHA / DIGIT) [RFC 8461 3.1] */

static const char *
mode_name(const struct conf_mta_sts *s, int64_t now)
{
	if (s->mode == CONF_STS_NONE)
		return "none";
	return s->mode == CONF_STS_ENFORCE && now >= s->enforce_s ? "enforce"
								  : "testing";
}

/* Long enough that a stranger between two servers cannot wait for its end, but
 * what is only tried, or taken back, is soon forgotten. */
static uint32_t
max_age(const struct conf_mta_sts *s, int64_t now)
{
	if (s->max_age_s != 0)
		return s->max_age_s;
	return s->mode == CONF_STS_ENFORCE && now >= s->enforce_s ? 14 * DAY_S
								  : DAY_S;
}

bool
publish_mta_sts_policy(
    const struct conf *c, struct sv domain, int64_t now, struct buf *out)
{
	const struct conf_mta_sts *s = conf_mta_sts(c, domain);
	size_t i;

	if (s == NULL)
		return false;
	buf_addf(out, "version: STSv1\r\nmode: %s\r\nmx: %s\r\n",
	    mode_name(s, now), c->hostname);
	for (i = 0; i < s->nmx; i++)
		buf_addf(out, "mx: %s\r\n", s->mx[i]);
	buf_addf(out, "max_age: %u\r\n", max_age(s, now));
	return true;
}

bool
publish_mta_sts_record(
    const struct conf *c, struct sv domain, int64_t now, struct buf *out)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof hash + 1];
	struct buf policy;
	bool has;

	buf_init(&policy, 8192);
	has = publish_mta_sts_policy(c, domain, now, &policy);
	must(buf_ok(&policy));
	(void)crypto_hash_sha256(
	    hash, (const unsigned char *)policy.p, policy.n);
	(void)sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
	if (has)
		buf_addf(out, "v=STSv1; id=%.*s;", ID_DIGITS, hex);
	buf_fini(&policy);
	return has;
}
