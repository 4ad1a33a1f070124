/* What `status` says of the certificates that domains have in files. */
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "cmd/command/status_certs.h"
#include "cmd/supervisor/certificate.h"
#include "net/tls.h"

static void
print_one(const struct conf_domain *d, const struct tls_cert_info *info,
    int64_t soon, struct buf *lines, struct buf *trouble)
{
	struct clk_tm t;

	clk_civil(info->not_after, &t);
	buf_addf(lines, "%s has its own: until %04d-%02d-%02d\n", d->name,
	    t.year, t.month, t.day);
	if (info->not_after < soon)
		buf_addf(trouble,
		    "the certificate of %s (%s) %s: put a new one there, which "
		    "is used within seconds\n",
		    d->name, d->tls_certificate,
		    info->not_after < clk_now() / 1000 ? "has expired"
						       : "expires soon");
}

static void
append(const struct buf *more, char *text, size_t size)
{
	size_t n = strlen(text);

	sv_copy(sv_first(buf_sv(more), size - 1 - n), text + n, size - n);
}

static void
print_all(const struct conf *conf, int64_t soon, struct buf *lines,
    struct buf *trouble)
{
	struct tls_cert_info info;
	struct buf pem;
	struct err err;
	size_t i;

	for (i = 0; i < conf->ndomain; i++) {
		const struct conf_domain *d = &conf->domain[i];

		if (d->tls_certificate == NULL)
			continue;
		buf_init(&pem, 1 << 20);
		/* What is wrong with it the server says itself. */
		if (certificate_load_pair(conf, d->tls_certificate, d->tls_key,
			&pem, NULL, &err) == RC_OK &&
		    tls_cert_info(buf_sv(&pem), &info, &err) == RC_OK)
			print_one(d, &info, soon, lines, trouble);
		buf_fini(&pem);
	}
}

void
status_domain_certificates(const struct conf *conf, int64_t soon, char *lines,
    char *trouble, size_t size)
{
	struct buf more, wrong;

	buf_init(&more, size);
	buf_init(&wrong, size);
	print_all(conf, soon, &more, &wrong);
	append(&more, lines, size);
	append(&wrong, trouble, size);
	buf_fini(&wrong);
	buf_fini(&more);
}
