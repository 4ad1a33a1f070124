/* What `check` says of the web: the policies that other servers fetch, and
 * whether mail still comes if they obey. */
#include <stdio.h>

#include "base/clk.h"
#include "base/io.h"
#include "cmd/command/command.h"
#include "cmd/supervisor/certificate.h"
#include "net/tls.h"

static const struct conf_mta_sts *
wanted(const struct conf *conf, const struct conf_domain *d)
{
	const struct conf_mta_sts *s =
	    d->mta_sts.has ? &d->mta_sts : &conf->mta_sts;

	return s->mode != CONF_STS_OFF ? s : NULL;
}

static void
print_policy(const struct conf_domain *d, const struct conf_mta_sts *s)
{
	static const char *const modes[] = {[CONF_STS_OFF] = "off",
	    [CONF_STS_NONE] = "none, which takes an earlier one back",
	    [CONF_STS_TESTING] = "testing: failures are only reported",
	    [CONF_STS_ENFORCE] = "enforce: no TLS, no mail"};
	struct clk_tm t;

	printf("  %-20s ", d->name);
	if (s->mode == CONF_STS_ENFORCE && clk_now() / 1000 < s->enforce_s) {
		clk_civil(s->enforce_s, &t);
		printf("testing, and from %04d-%02d-%02d enforce\n", t.year,
		    t.month, t.day);
	} else {
		puts(modes[s->mode]);
	}
}

/* Why a server that obeys would find the certificate wrong; NULL: it would
 * not, or another command knows. */
static const char *
certificate_trouble(const struct conf *conf)
{
	struct tls_cert_info info;
	struct buf cert, key;
	const char *why = NULL;
	struct err err;

	buf_init(&cert, 4 << 20);
	buf_init(&key, 4 << 20);
	if (certificate_load(conf, &cert, &key, &err) != RC_OK ||
	    tls_cert_info(buf_sv(&cert), &info, &err) != RC_OK)
		why = conf->tls_certificate == NULL ? "self-signed" : NULL;
	else if (info.self_signed)
		why = "self-signed";
	else if (!tls_cert_is_for(buf_sv(&cert), conf->hostname))
		why = "for other names than the hostname";
	buf_wipe(&key);
	buf_fini(&cert);
	return why;
}

unsigned
check_web(const struct conf *conf)
{
	bool any = false, obeyed = false;
	unsigned warnings = 0;
	const char *why;
	size_t i;

	for (i = 0; i < conf->ndomain; i++) {
		const struct conf_mta_sts *s = wanted(conf, &conf->domain[i]);

		if (s == NULL)
			continue;
		if (!any)
			puts("\npolicies for TLS (mta_sts)");
		any = true;
		obeyed = obeyed || s->mode != CONF_STS_NONE;
		print_policy(&conf->domain[i], s);
	}
	if (any && conf->nlisten[CONF_HTTPS] == 0) {
		puts("  WARNING: they are not served: listen.https is not set");
		warnings++;
	}
	if (conf->metrics.token != NULL && conf->nlisten[CONF_HTTPS] == 0) {
		puts("  WARNING: metrics.token is of no use: listen.https is "
		     "not set");
		warnings++;
	}
	why = obeyed ? certificate_trouble(conf) : NULL;
	if (why != NULL) {
		printf("  WARNING: the certificate is %s: servers that obey "
		       "the policy will not deliver mail\n",
		    why);
		warnings++;
	}
	return warnings;
}
