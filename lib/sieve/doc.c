/* The message as the script sees it. */
#include <string.h>

#include "mail/field.h"
#include "sieve/run.h"

#define PARSE_WORK 10 /* of a byte */

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

/* As many copies as a script needs, but not as it may ask for. */
static enum sieve_flow
take_room(struct sieve_run *r, const struct sieve_node *n, size_t bytes)
{
	r->versions += bytes;
	if (r->versions > 6 * r->message->bytes.n + (4 << 20))
		return sieve_fail(
		    r, n, "the script changes this message too often");
	return FLOW_ON;
}

enum sieve_flow
sieve_doc_whole(struct sieve_run *r, const struct sieve_node *n, struct sv *out)
{
	struct sieve_doc *d = &r->doc;
	size_t size = d->header.n + d->gap.n + d->body.n;
	enum sieve_flow f;
	char *p;

	if (d->whole.p == NULL) {
		f = take_room(r, n, size);
		if (f != FLOW_ON)
			return f;
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
			f = sieve_charge(r, n, PARSE_WORK * whole.n);
		if (f != FLOW_ON)
			return f;
		mime_parse(whole, &lim, &r->doc.mime);
		r->doc.parsed = true;
	}
	*out = &r->doc.mime;
	return FLOW_ON;
}

enum sieve_flow
sieve_doc_header(
    struct sieve_run *r, const struct sieve_node *n, struct sv *out)
{
	struct mime_msg *m;
	enum sieve_flow f;
	struct sv whole;

	if (r->root == 0) {
		*out = r->doc.header;
		return FLOW_ON;
	}
	f = sieve_doc_mime(r, n, &m);
	if (f == FLOW_ON)
		f = sieve_doc_whole(r, n, &whole);
	if (f == FLOW_ON && r->root < m->n)
		*out = sv_of(whole.p + m->part[r->root].header_off,
		    m->part[r->root].header_len);
	else
		*out = SV("");
	return f;
}

enum sieve_flow
sieve_doc_set_header(
    struct sieve_run *r, const struct sieve_node *n, struct sv header)
{
	enum sieve_flow f = take_room(r, n, header.n);

	if (f != FLOW_ON)
		return f;
	sieve_doc_fini(&r->doc);
	r->doc.header = sieve_keep_sv(r, header);
	r->doc.whole = (struct sv){0};
	r->doc.changed = true;
	if (r->doc.gap.n == 0 && r->doc.body.n > 0)
		r->doc.gap = SV("\r\n");
	return FLOW_ON;
}

enum sieve_flow
sieve_doc_set(struct sieve_run *r, const struct sieve_node *n, struct sv bytes)
{
	enum sieve_flow f = take_room(r, n, bytes.n);

	if (f != FLOW_ON)
		return f;
	sieve_doc_fini(&r->doc);
	sieve_doc_open(&r->doc, sieve_keep_sv(r, bytes));
	r->doc.changed = true;
	return FLOW_ON;
}
