/* What `check` says of certificates: whether they can be used, for which names,
 * and until when. */
#include <stdio.h>

#include "base/clk.h"
#include "base/io.h"
#include "cmd/command/command.h"
#include "cmd/supervisor/certificate.h"
#include "net/tls.h"

/* Does a mail program that connects to the host name accept it? */
static unsigned
warn_names(const struct conf *conf, struct sv pem, const char *names)
{
	if (tls_cert_is_for(pem, conf->hostname))
		return 0;
	if (names[0] != '\0')
		printf("  WARNING: it is not for %s\n", conf->hostname);
	else
		printf("  WARNING: mail programs will refuse it: they read a "
		       "certificate's names from its subjectAltName only, not "
		       "from the CN; get one that has %s there\n",
		    conf->hostname);
	return 1;
}

/* Where certificates come from by themselves, and what that needs. */
static unsigned
print_authority(const struct conf *conf)
{
	if (!conf->acme.on)
		return 0;
	printf("  they come by themselves, from %s\n", conf->acme.directory);
	if (conf->nlisten[CONF_HTTP] > 0 || conf->nlisten[CONF_HTTPS] > 0)
		return 0;
	puts("  WARNING: the authority looks at port 80 or 443, and both are "
	     "off: set listen.http\n  and listen.https, as in "
	     "listen: { http: [80], https: [443] }");
	return 1;
}

/* Where it is, whose, and until when. */
static unsigned
print_facts(const char *path, const struct tls_cert_info *info)
{
	int64_t now = clk_now() / 1000;
	unsigned warnings = 0;
	struct clk_tm t;

	clk_civil(info->not_after, &t);
	printf("  %s%s\n  names: %s\n  until: "
	       "%04d-%02d-%02d %02d:%02d UTC\n",
	    path, info->self_signed ? " (self-signed)" : "",
	    info->names[0] != '\0' ? info->names : "none", t.year, t.month,
	    t.day, t.hour, t.minute);
	if (info->not_after < now + 14 * 86400) {
		puts("  WARNING: it has expired or will within two weeks");
		warnings++;
	}
	if (info->not_before > now + 86400) {
		puts("  WARNING: it is not valid yet: is the clock right?");
		warnings++;
	}
	return warnings;
}

static unsigned
print_own(const struct conf *conf)
{
	struct buf pem, cert, key;
	struct tls_cert_info info;
	struct err err = {.text = ""};
	unsigned warnings = 0;

	buf_init(&pem, 1 << 20);
	buf_init(&cert, 4096);
	buf_init(&key, 4096);
	certificate_paths(conf, &cert, &key);
	puts("\ncertificate");
	warnings += print_authority(conf);
	if (conf->tls_certificate == NULL &&
	    certificate_read(conf, cert.p, &pem, &err) == RC_NOTFOUND) {
		printf("  %s: a self-signed one for %s is made "
		       "at the first start\n",
		    conf->acme.on ? "until the first one has come"
				  : "none configured",
		    conf->hostname);
	} else if (certificate_load(conf, NULL, NULL, &err) != RC_OK) {
		printf("  WARNING: %s\n", err.text);
		warnings++;
	} else {
		buf_reset(&pem);
		if (certificate_read(conf, cert.p, &pem, &err) == RC_OK &&
		    tls_cert_info(buf_sv(&pem), &info, &err) == RC_OK) {
			warnings += print_facts(cert.p, &info);
			warnings += warn_names(conf, buf_sv(&pem), info.names);
		}
	}
	buf_fini(&key);
	buf_fini(&cert);
	buf_fini(&pem);
	return warnings;
}

/* Has one of its names anything to do with the domain? */
static bool
is_for_domain(struct sv pem, const char *domain)
{
	static const char *const prefix[] = {"", "mail.", "mta-sts.",
	    "autoconfig.", "autodiscover.", "imap.", "smtp.", "www."};
	struct tls_cert_info info;
	struct sv rest, name, d = sv_str(domain);
	struct err err;
	char host[300];
	size_t i;

	for (i = 0; i < sizeof prefix / sizeof prefix[0]; i++) {
		(void)snprintf(host, sizeof host, "%s%s", prefix[i], domain);
		if (tls_cert_is_for(pem, host))
			return true;
	}
	if (tls_cert_info(pem, &info, &err) != RC_OK)
		return false;
	for (rest = sv_str(info.names); rest.n > 0;) {
		name = sv_split(&rest, ' ');
		if (sv_ieq(name, d) ||
		    (name.n > d.n && name.p[name.n - d.n - 1] == '.' &&
			sv_ieq(sv_skip(name, name.n - d.n), d)))
			return true;
	}
	return false;
}

static unsigned
print_domain(const struct conf *conf, const struct conf_domain *d)
{
	struct tls_cert_info info;
	struct err err = {.text = ""};
	unsigned warnings = 0;
	struct buf pem, key;

	printf("\ncertificate of %s\n", d->name);
	buf_init(&pem, 1 << 20);
	buf_init(&key, 1 << 20);
	if (certificate_load_pair(conf, d->tls_certificate, d->tls_key, &pem,
		&key, &err) != RC_OK ||
	    tls_cert_info(buf_sv(&pem), &info, &err) != RC_OK) {
		printf("  WARNING: %s\n", err.text);
		warnings++;
	} else {
		warnings += print_facts(d->tls_certificate, &info);
		if (!is_for_domain(buf_sv(&pem), d->name)) {
			printf(
			    "  WARNING: none of its names is in %s\n", d->name);
			warnings++;
		}
		if (tls_cert_is_for(buf_sv(&pem), conf->hostname))
			printf("  note: who asks for %s gets the server's own "
			       "certificate\n",
			    conf->hostname);
	}
	buf_wipe(&key);
	buf_fini(&pem);
	return warnings;
}

unsigned
check_certificates(const struct conf *conf)
{
	unsigned warnings = print_own(conf);
	size_t i;

	for (i = 0; i < conf->ndomain; i++)
		if (conf->domain[i].tls_certificate != NULL)
			warnings += print_domain(conf, &conf->domain[i]);
	return warnings;
}
