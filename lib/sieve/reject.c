/* reject and ereject [RFC 5429]. */
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/letter.h"

#define LETTER_MAX (1 << 20)
#define BOUNDARY   "=_sieve_report"

/* An address in a report: as it is, without what could break a line. */
static void
put_recipient(struct buf *out, const char *name, struct sv address)
{
	if (address.n == 0)
		return;
	buf_addf(out, "%s: rfc822; ", name);
	for (size_t i = 0; i < address.n; i++)
		if ((unsigned char)address.p[i] > ' ')
			buf_addc(out, address.p[i]);
	buf_adds(out, "\r\n");
}

static void
put_disposition(struct sieve_run *r, struct buf *out, const char *host)
{
	struct sv id = sieve_first_field(r, SV("Message-ID"));

	buf_adds(out, "Content-Type: message/disposition-notification\r\n\r\n");
	buf_addf(out, "Reporting-UA: %s; Hearthmail\r\n", host);
	put_recipient(out, "Final-Recipient", r->message->to);
	if (id.n > 0 && id.n < 900)
		sieve_put_field(out, "Original-Message-ID", id);
	buf_adds(out, "Disposition: automatic-action/"
		      "MDN-sent-automatically; deleted\r\n");
}

static void
put_status(struct sieve_run *r, struct buf *out, const char *host)
{
	buf_adds(out, "Content-Type: message/delivery-status\r\n\r\n");
	buf_addf(out, "Reporting-MTA: dns; %s\r\n\r\n", host);
	put_recipient(out, "Final-Recipient", r->message->to);
	buf_adds(out, "Action: failed\r\nStatus: 5.7.1\r\n");
}

static void
put_explanation(struct buf *out, struct sv reason)
{
	struct buf b;

	buf_init(&b, reason.n + 256);
	buf_adds(&b,
	    "Your message was refused by the recipient's mail filtering "
	    "program.\nThe reason given is as follows:\n\n");
	buf_addsv(&b, reason);
	sieve_put_text(out, buf_sv(&b));
	buf_fini(&b);
}

static void
put_report(struct sieve_run *r, bool status, struct sv reason, struct buf *out)
{
	struct buf host;

	buf_init(&host, 512);
	sieve_host_name(r, &host);
	sieve_put_addresses(out, "From", r->message->to);
	sieve_put_addresses(out, "To", r->message->from);
	sieve_put_field(out, "Subject",
	    status ? SV("Undelivered mail: it was refused by the recipient")
		   : SV("Your message was refused by the recipient"));
	sieve_put_stamp(r, out, reason);
	sieve_put_thread(r, out);
	buf_adds(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
	buf_addf(out,
	    "Content-Type: multipart/report; report-type=%s;\r\n"
	    " boundary=\"%s\"\r\n\r\n--%s\r\n",
	    status ? "delivery-status" : "disposition-notification", BOUNDARY,
	    BOUNDARY);
	put_explanation(out, reason);
	buf_adds(out, "\r\n--" BOUNDARY "\r\n");
	if (status)
		put_status(r, out, host.p);
	else
		put_disposition(r, out, host.p);
	buf_adds(out, "\r\n--" BOUNDARY "\r\n"
		      "Content-Type: text/rfc822-headers\r\n\r\n");
	sieve_put_lines(out, sv_first(r->doc.header, 64 << 10));
	buf_adds(out, "\r\n--" BOUNDARY "--\r\n");
	buf_fini(&host);
}

/* What a script before this one has decided is not this one's mistake. */
static bool
stores_or_sends(const struct sieve_run *r)
{
	for (size_t i = r->earlier; i < r->naction; i++)
		if (r->action[i].kind != SIEVE_NOTIFY)
			return true;
	return false;
}

/* It is refused: what scripts before it have answered or forwarded meanwhile
 * is not, and may be another time. */
static void
take_back(struct sieve_run *r, const struct sieve_node *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->naction; i++)
		if (i >= r->earlier || (r->action[i].kind != SIEVE_REDIRECT &&
					   r->action[i].kind != SIEVE_VACATION))
			r->action[kept++] = r->action[i];
	if (kept == r->naction)
		return;
	sieve_trace(
	    r, n, "%s: it is not forwarded or answered either", n->cmd->name);
	r->earlier -= r->naction - kept;
	r->naction = kept;
	for (size_t i = r->earlier_records; i < r->nrecord; i++)
		r->record[i - r->earlier_records] = r->record[i];
	r->nrecord -= r->earlier_records;
	r->earlier_records = 0;
}

static enum sieve_flow
refuse(struct sieve_run *r, const struct sieve_node *n, enum sieve_kind kind)
{
	const struct sieve_message *m = r->message;
	struct sieve_action *a;
	struct sieve_doc changed;
	enum sieve_flow f;
	struct sv reason;
	struct buf b;

	if (r->rejected || stores_or_sends(r))
		return sieve_fail(r, n,
		    "\"%s\" cannot be used together with keep, fileinto, "
		    "redirect, vacation, or another reject",
		    n->cmd->name);
	f = sieve_expand(r, n, &n->pos[0]->s[0], &reason);
	if (f != FLOW_ON)
		return f;
	r->rejected = true;
	/* Whom nobody can tell that it was refused, nobody would miss it
	 * either: it is kept rather than lost [RFC 5429 2.2.1]. */
	if (!m->has_envelope || m->from.n == 0 || m->junk) {
		sieve_trace(r, n,
		    "%s: not refused but kept, since its sender cannot be "
		    "told",
		    n->cmd->name);
		return FLOW_ON;
	}
	f = sieve_add_action(r, n, kind, &a);
	if (f != FLOW_ON)
		return f;
	r->keep = false;
	take_back(r, n);
	a = &r->action[r->naction - 1];
	a->reason = sieve_keep_sv(r, reason);
	sieve_trace(r, n, "%s: \"%s\"", n->cmd->name, QUOTE(reason));
	/* About what has come, not what the script has made of it. */
	changed = r->doc;
	sieve_doc_open(&r->doc, m->bytes);
	buf_init(&b, LETTER_MAX);
	put_report(r, kind == SIEVE_EREJECT, reason, &b);
	a->letter = (struct sieve_letter){
	    SV(""), m->from, sieve_keep_sv(r, buf_sv(&b))};
	buf_fini(&b);
	r->doc = changed;
	return FLOW_ON;
}

enum sieve_flow
sieve_run_reject(struct sieve_run *r, const struct sieve_node *n)
{
	return refuse(r, n, SIEVE_REJECT);
}

enum sieve_flow
sieve_run_ereject(struct sieve_run *r, const struct sieve_node *n)
{
	return refuse(r, n, SIEVE_EREJECT);
}
