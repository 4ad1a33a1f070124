/* The message as the script sees it. */
#include <string.h>

#include "mail/field.h"
#include "sieve/run.h"

void
sieve_doc_open(struct sieve_doc *d, struct sv bytes)
{
	struct mail_header_scan scan = {0};

	mail_header_scan_end(&scan, bytes);
	*d = (struct sieve_doc){.header = sv_first(bytes, scan.header),
	    .gap = sv_of(bytes.p + scan.header, scan.body - scan.header),
	    .body = sv_skip(bytes, scan.body),
	    .has_body = scan.body > scan.header || scan.body < bytes.n,
	    .whole = bytes};
}

void
sieve_doc_fini(struct sieve_doc *d)
{
	if (d->parsed)
		mime_msg_fini(&d->mime);
	d->parsed = false;
}

enum sieve_flow
sieve_doc_whole(struct sieve_run *r, const struct sieve_node *n, struct sv *out)
{
	struct sieve_doc *d = &r->doc;
	size_t size = d->header.n + d->gap.n + d->body.n;
	char *p;

	if (d->whole.p == NULL) {
		/* As many as a script needs, but not as it may ask for. */
		r->versions += size;
		if (r->versions > 4 * r->message->bytes.n + (1 << 20))
			return sieve_fail(
			    r, n, "too many changed copies of this message");
		p = arena_alloc(&r->result->arena, size + 1);
		memcpy(p, d->header.p, d->header.n);
		memcpy(p + d->header.n, d->gap.p, d->gap.n);
		memcpy(p + d->header.n + d->gap.n, d->body.p, d->body.n);
		d->whole = sv_of(p, size);
	}
	*out = d->whole;
	return FLOW_ON;
}

enum sieve_flow
sieve_doc_mime(
    struct sieve_run *r, const struct sieve_node *n, struct mime_msg **out)
{
	struct mime_limits lim = MIME_LIMITS_DEFAULT;
	enum sieve_flow f = FLOW_ON;
	struct sv whole;

	if (!r->doc.parsed) {
		f = sieve_doc_whole(r, n, &whole);
		if (f == FLOW_ON)
			f = sieve_charge(r, n, whole.n);
		if (f != FLOW_ON)
			return f;
		mime_parse(whole, &lim, &r->doc.mime);
		r->doc.parsed = true;
	}
	*out = &r->doc.mime;
	return FLOW_ON;
}

void
sieve_doc_set_header(struct sieve_run *r, struct sv header)
{
	sieve_doc_fini(&r->doc);
	r->doc.header = header;
	r->doc.whole = (struct sv){0};
	r->doc.changed = true;
	if (r->doc.gap.n == 0) {
		r->doc.gap = SV("\r\n");
		r->doc.has_body |= r->doc.body.n > 0;
	}
}
