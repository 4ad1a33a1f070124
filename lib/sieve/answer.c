/* What must not be answered. */
#include "base/ascii.h"
#include "mail/field.h"
#include "sieve/address.h"
#include "sieve/letter.h"

#define LOCAL_MAX 64

/* "SRS0=HH=TT=example.org=eve", "prvs=0123=eve": who is meant. */
static struct sv
unwrapped(struct sv local)
{
	static const struct sv wraps[] = {
	    SV("srs0"), SV("srs1"), SV("prvs="), SV("msprvs1="), SV("btv1=")};
	size_t at = sv_rchr(local, '=');

	for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++)
		if (sv_istarts(local, wraps[i]) && at < local.n)
			return sv_skip(local, at + 1);
	return local;
}

/* The words of it with a "-" between them and around them, in small letters,
 * without what VERP and others have put behind a "+" or "=". */
static struct sv
words_of(struct sv local, char out[LOCAL_MAX + 2])
{
	size_t n = 0;

	local = sv_first(local, sv_chr(local, '+'));
	local = sv_first(local, sv_chr(local, '='));
	out[n++] = '-';
	for (size_t i = 0; i < local.n && n <= LOCAL_MAX; i++)
		out[n++] = local.p[i] == '_' || local.p[i] == '.'
			       ? '-'
			       : ascii_lower(local.p[i]);
	out[n++] = '-';
	return sv_of(out, n);
}

/* Local parts that nobody reads [RFC 5230 4.6]. */
static bool
is_automatic(struct sv address)
{
	static const struct sv whole[] = {SV("-mailer-daemon-"),
	    SV("-listserv-"), SV("-majordomo-"), SV("-mailer-")};
	static const struct sv anywhere[] = {SV("-noreply-"), SV("-no-reply-"),
	    SV("-donotreply-"), SV("-do-not-reply-"), SV("-dontreply-"),
	    SV("-dont-reply-"), SV("-bounce-"), SV("-bounces-")};
	static const struct sv back[] = {SV("-request-"), SV("-owner-")};
	struct sv local = sv_first(address, sv_rchr(address, '@'));
	char text[LOCAL_MAX + 2];
	struct sv w = words_of(unwrapped(local), text);

	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
		if (sv_eq(w, whole[i]))
			return true;
	for (size_t i = 0; i < sizeof anywhere / sizeof anywhere[0]; i++)
		if (sv_find(w, anywhere[i]) < w.n)
			return true;
	for (size_t i = 0; i < sizeof back / sizeof back[0]; i++)
		if (w.n > back[i].n && sv_ends(w, back[i]))
			return true;
	return w.n > 7 && sv_starts(w, SV("-owner-"));
}

static bool
is_mine(struct sieve_run *r, struct sv address)
{
	return r->host->is_mine != NULL && r->host->is_mine(r->arg, address);
}

static struct sv
header_of(struct sv message)
{
	struct mail_header_scan scan = {0};

	mail_header_scan_end(&scan, message);
	return sv_first(message, scan.header);
}

static enum sieve_flow
is_program(void *arg, const struct sieve_address *a)
{
	struct buf b;

	buf_init(&b, 2048);
	buf_addsv(&b, a->local);
	buf_addc(&b, '@');
	*(bool *)arg = !a->broken && is_automatic(buf_sv(&b));
	buf_fini(&b);
	return FLOW_STOP;
}

/* From says that nobody reads an answer. */
static bool
author_is_program(struct sieve_run *r)
{
	struct mail_field f;
	bool program = false;

	if (mail_field_find(header_of(r->message->bytes), SV("From"), &f))
		(void)sieve_addresses_each(f.value, is_program, &program);
	return program;
}

/* A field that only mailing lists and programs write. */
static const char *
header_says_no(struct sieve_run *r)
{
	/* As it came, whatever a script has done to it. */
	struct sv header = header_of(r->message->bytes);
	struct mail_field f;

	while (mail_field_next(&header, &f)) {
		struct sv v = sv_trim(f.value);

		if (sv_istarts(f.name, SV("List-")) ||
		    sv_ieq(f.name, SV("Mailing-List")) ||
		    sv_ieq(f.name, SV("X-Mailing-List")))
			return "it is from a mailing list";
		/* "no", and what may follow it [RFC 3834 5] */
		if (sv_ieq(f.name, SV("Auto-Submitted")) &&
		    !(sv_istarts(v, SV("no")) &&
			(v.n == 2 || v.p[2] == ';' || v.p[2] == ' ' ||
			    v.p[2] == '(' || v.p[2] == '\t')))
			return "it was sent by a program (Auto-Submitted)";
		if (sv_ieq(f.name, SV("X-Autoreply")) ||
		    sv_ieq(f.name, SV("X-Autorespond")))
			return "it is an answer of a program";
		if (sv_ieq(f.name, SV("X-Failed-Recipients")) ||
		    (sv_ieq(f.name, SV("Return-Path")) && sv_eq(v, SV("<>"))) ||
		    (sv_ieq(f.name, SV("Content-Type")) &&
			(sv_istarts(v, SV("multipart/report")) ||
			    sv_istarts(v, SV("message/delivery-status")))))
			return "it is a report about other mail";
		if (sv_ieq(f.name, SV("Precedence")) &&
		    (sv_ieq(v, SV("bulk")) || sv_ieq(v, SV("list")) ||
			sv_ieq(v, SV("junk"))))
			return "it is bulk mail (Precedence)";
		if (sv_ieq(f.name, SV("X-Auto-Response-Suppress")) &&
		    (sv_ifind(v, SV("oof")) < v.n ||
			sv_ifind(v, SV("all")) < v.n ||
			sv_ifind(v, SV("autoreply")) < v.n))
			return "its sender wants no automatic answer";
	}
	return NULL;
}

const char *
sieve_why_no_answer(struct sieve_run *r)
{
	const struct sieve_message *m = r->message;

	if (!m->has_envelope)
		return "it has no envelope";
	if (m->from.n == 0)
		return "it is a report about other mail (its sender is <>)";
	if (m->junk)
		return "it is junk";
	if (is_automatic(m->from) || author_is_program(r))
		return "its sender is a program";
	if (is_mine(r, m->from))
		return "it is from yourself";
	return header_says_no(r);
}
