/* What must not be answered. */
#include "mail/field.h"
#include "sieve/address.h"
#include "sieve/letter.h"

/* Local parts that nobody reads [RFC 5230 4.6]. */
static bool
is_automatic(struct sv address)
{
	static const struct sv whole[] = {SV("mailer-daemon"), SV("listserv"),
	    SV("majordomo"), SV("noreply"), SV("no-reply"), SV("donotreply"),
	    SV("do-not-reply"), SV("no_reply"), SV("bounce"), SV("bounces")};
	static const struct sv front[] = {SV("owner-"), SV("bounce-"),
	    SV("bounce+"), SV("bounces-"), SV("bounces+"), SV("noreply+"),
	    SV("no-reply+"), SV("noreply-"), SV("no-reply-")};
	static const struct sv back[] = {SV("-request"), SV("-bounces"),
	    SV("-bounce"), SV("-owner"), SV("-noreply"), SV("-no-reply")};
	struct sv local = sv_first(address, sv_rchr(address, '@'));

	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
		if (sv_ieq(local, whole[i]))
			return true;
	for (size_t i = 0; i < sizeof front / sizeof front[0]; i++)
		if (sv_istarts(local, front[i]))
			return true;
	for (size_t i = 0; i < sizeof back / sizeof back[0]; i++)
		if (local.n > back[i].n &&
		    sv_ieq(sv_skip(local, local.n - back[i].n), back[i]))
			return true;
	return false;
}

static bool
is_mine(struct sieve_run *r, struct sv address)
{
	return r->host->is_mine != NULL && r->host->is_mine(r->arg, address);
}

/* A field that only mailing lists and programs write. */
static const char *
header_says_no(struct sieve_run *r)
{
	struct sv header = r->doc.header;
	struct mail_field f;

	while (mail_field_next(&header, &f)) {
		struct sv v = sv_trim(f.value);

		if (sv_istarts(f.name, SV("List-")))
			return "it is from a mailing list";
		/* "no", and what may follow it [RFC 3834 5] */
		if (sv_ieq(f.name, SV("Auto-Submitted")) &&
		    !(sv_istarts(v, SV("no")) &&
			(v.n == 2 || v.p[2] == ';' || v.p[2] == ' ' ||
			    v.p[2] == '(' || v.p[2] == '\t')))
			return "it was sent by a program (Auto-Submitted)";
		if (sv_ieq(f.name, SV("Content-Type")) &&
		    sv_istarts(v, SV("multipart/report")))
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
	if (is_automatic(m->from))
		return "its sender is a program";
	if (is_mine(r, m->from))
		return "it is from yourself";
	return header_says_no(r);
}
