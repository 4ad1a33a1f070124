#include "report/read.h"

#include "mime/mime.h"
#include "report/dmarc_xml.h"
#include "report/tlsrpt.h"
#include "report/unpack.h"

struct state {
	const struct report_mail *mail;
	const struct report_limits *limits;
	report_record_fn *fn;
	void *arg;
	bool expected; /* what cannot be read is named */
	bool named;    /* and was: once is enough of a mail */
	unsigned n;
};

static void
finish(struct state *st, struct report_builder *b, int rc, const char *why)
{
	struct report_record *r = &b->r;

	if (rc != RC_OK) {
		r->refused = report_text(b, sv_str(why));
		/* Half of it would be taken for all of it. */
		r->nsource = r->ntls = 0;
		r->more_passed = r->more_failed = 0;
	}
	r->from = report_domain(b, st->mail->from);
	r->verified = st->mail->verified;
	r->received = st->mail->received;
	st->n++;
	st->fn(st->arg, r);
}

typedef int reader_fn(
    struct report_builder *b, struct sv document, struct err *err);

/* RC_NOTFOUND: it is not of this kind. */
static int
try_reader(struct state *st, reader_fn *reader, const struct report_document *d)
{
	struct report_builder b;
	struct err err = {.text = ""};
	int r;

	report_builder_init(&b, st->limits);
	r = reader(&b, d->bytes, &err);
	/* A document type has many a picture, too. */
	if (r == RC_DENIED && !st->expected && !d->named)
		r = RC_NOTFOUND;
	if (r != RC_NOTFOUND)
		finish(st, &b, r, err.text);
	report_builder_fini(&b);
	return r;
}

static void
name_refused(struct state *st, const char *why)
{
	struct report_builder b;

	if (st->named)
		return;
	st->named = true;
	report_builder_init(&b, st->limits);
	b.r.kind = REPORT_UNKNOWN;
	finish(st, &b, RC_PERM, why);
	report_builder_fini(&b);
}

static void
on_document(void *arg, const struct report_document *d)
{
	struct state *st = arg;
	int r;

	if (d->refused != NULL) {
		if (st->expected || d->named)
			name_refused(st, d->refused);
		return;
	}
	r = try_reader(st, dmarc_xml_read, d);
	if (r == RC_NOTFOUND)
		r = try_reader(st, tlsrpt_read, d);
	if (r == RC_NOTFOUND && d->named && st->expected)
		name_refused(st, "what is in it is not a report");
}

/* Subjects [RFC 9990 3.5.2, RFC 8460 5.3]: "Report Domain: a Submitter: b" */
static bool
says_report(struct sv message)
{
	struct sv header = message, subject;
	size_t end = sv_find(message, SV("\r\n\r\n"));

	header = sv_first(message, end + 2);
	if (!mime_field_find(header, SV("subject"), &subject))
		return false;
	return sv_ifind(subject, SV("report domain")) < subject.n ||
	       (sv_ifind(subject, SV("submitter:")) < subject.n &&
		   sv_ifind(subject, SV("report")) < subject.n);
}

unsigned
report_read(struct sv message, const struct report_mail *m,
    const struct report_limits *limits, report_record_fn *fn, void *arg)
{
	struct state st = {.mail = m, .limits = limits, .fn = fn, .arg = arg};

	st.expected = m->expected || says_report(message);
	report_unpack(message, limits, on_document, &st);
	if (st.n == 0 && st.expected)
		name_refused(&st, "there is no report in it");
	return st.n;
}

void
report_refuse(const struct report_mail *m, const char *why,
    report_record_fn *fn, void *arg)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct state st = {.mail = m, .limits = &limits, .fn = fn, .arg = arg};

	name_refused(&st, why);
}
