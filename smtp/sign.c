#include "smtp/sign.h"

#include "mail/addrlist.h"
#include "smtp/submit.h"

#define DOMAINS_MAX 8192

void
smtp_signing_init(struct smtp_signing *g)
{
	g->body = dkim_hash_new();
	buf_init(&g->names, 4096);
	buf_init(&g->canon, SMTP_SUBMIT_HEADER_MAX + SMTP_SUBMIT_ADDED_MAX);
	buf_init(&g->domains, DOMAINS_MAX);
}

void
smtp_signing_fini(struct smtp_signing *g)
{
	dkim_hash_free(&g->body);
	buf_fini(&g->names);
	buf_fini(&g->canon);
	buf_fini(&g->domains);
}

static int
add_domain(void *arg, const struct mail_addr *a)
{
	struct buf *out = arg;

	buf_addsv(out, a->domain);
	buf_addc(out, ' ');
	/* Those that do not fit any more come too late to matter. */
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}

void
smtp_signing_header(struct smtp_signing *g, struct sv header)
{
	struct mail_field from;

	dkim_header_choose(header, &g->names, &g->canon);
	if (mail_field_find(header, SV("From"), &from))
		(void)!mail_author_each(from.value, add_domain, &g->domains);
}

void
smtp_signing_body(struct smtp_signing *g, struct sv bytes)
{
	dkim_hash_feed(g->body, bytes);
}

int
smtp_signing_end(struct smtp_signing *g)
{
	if (!buf_ok(&g->names) || !buf_ok(&g->canon))
		return RC_TEMP;
	return dkim_hash_end(g->body, g->body_hash);
}
