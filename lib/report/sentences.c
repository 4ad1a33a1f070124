#include "mail/domain.h"
#include "report/sentences.h"

#include <time.h>

#include "report/record.h"

#define SHOWN_MAX 8 /* sources that are told one by one */

/* ---- words ---- */

static const char *
plural(uint64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

static void
count_words(uint64_t n, const char *one, const char *many, struct buf *out)
{
	buf_addf(out, "%llu %s", (unsigned long long)n, plural(n, one, many));
}

static bool
day_of(int64_t at, struct tm *out)
{
	time_t t = (time_t)at;

	return at > 0 && gmtime_r(&t, out) != NULL;
}

static void
add_day(const struct tm *t, struct buf *out)
{
	static const char *const month[] = {"January", "February", "March",
	    "April", "May", "June", "July", "August", "September", "October",
	    "November", "December"};

	buf_addf(out, "%d %s %d", t->tm_mday, month[t->tm_mon % 12],
	    t->tm_year + 1900);
}

/* "on 14 October 2026", "from 1 to 3 ...".  A period ends with the last second
 * of a day, or the first of the next. */
static void
add_period(const struct report_record *r, struct buf *out)
{
	struct tm from, to;

	if (!day_of(r->begin, &from))
		return;
	if (r->end <= r->begin + 1 || !day_of(r->end - 1, &to))
		to = from;
	if (from.tm_year == to.tm_year && from.tm_yday == to.tm_yday) {
		buf_adds(out, " on ");
		add_day(&from, out);
		return;
	}
	/* A day that begins elsewhere in the world. */
	if (r->end - r->begin <= 86400) {
		buf_adds(out, " on ");
		add_day(&from, out);
		buf_adds(out, " and the day after");
		return;
	}
	buf_adds(out, " from ");
	add_day(&from, out);
	buf_adds(out, " to ");
	add_day(&to, out);
}

/* Does the name of an organisation fit the domain that its mail is from? */
static bool
fits(struct sv org, struct sv from)
{
	struct sv label;

	if (sv_ifind(org, from) < org.n)
		return true;
	while (from.n > 0 && sv_chr(from, '.') < from.n) {
		label = sv_split(&from, '.');
		if (label.n >= 3 && sv_ifind(org, label) < org.n)
			return true;
	}
	return false;
}

static void
add_who(const struct report_record *r, struct buf *out)
{
	struct sv who = r->org;

	if (who.n == 0)
		who = sv_skip(r->contact, sv_chr(r->contact, '@') + 1);
	if (who.n == 0)
		who = r->from;
	if (who.n == 0)
		who = SV("somebody");
	buf_addsv(out, who);
	if (!r->verified)
		buf_adds(out, " (unverified)");
	else if (r->from.n > 0 && !fits(who, r->from))
		buf_addf(out, " (sent by %.*s)", SV_ARG(r->from));
}

static void
add_domain(const struct report_record *r, struct buf *out)
{
	if (r->domain.n > 0)
		buf_addsv(out, r->domain);
	else
		buf_adds(out, "a domain that they do not name");
}

/* ---- DMARC ---- */

struct tally {
	uint64_t mails, passed, failed, own_failed;
	uint32_t nfailed; /* sources */
};

static bool
is_own(const struct report_known *k, struct sv address)
{
	return k->is_own != NULL && k->is_own(k->arg, address);
}

static struct tally
tally_of(const struct report_record *r, const struct report_known *k)
{
	struct tally t = {.passed = r->more_passed, .failed = r->more_failed};
	uint32_t i;

	for (i = 0; i < r->nsource; i++) {
		const struct report_source *s = &r->source[i];

		report_add_up(
		    report_source_passed(s) ? &t.passed : &t.failed, s->count);
		if (report_source_passed(s))
			continue;
		t.nfailed++;
		if (is_own(k, s->address))
			report_add_up(&t.own_failed, s->count);
	}
	t.mails = t.passed;
	report_add_up(&t.mails, t.failed);
	return t;
}

static bool
is_of_domain(const struct report_record *r, struct sv d)
{
	return mail_domain_is_within(d, r->domain);
}

/* Why it failed, as far as their results tell. */
static void
add_why(const struct report_record *r, const struct report_source *s, bool own,
    struct buf *out)
{
	bool signed_by_us = is_of_domain(r, s->dkim_domain);
	bool dkim_passed = sv_ieq(s->dkim_result, SV("pass"));
	bool spf_passed = sv_ieq(s->spf_result, SV("pass"));

	if (own)
		buf_adds(out,
		    signed_by_us
			? "this server's signature was not accepted, and SPF "
			  "did not confirm it; see `hearthmail dns`"
			: "it came from this server without a valid "
			  "signature, and SPF did not confirm it; see "
			  "`hearthmail dns`");
	else if (sv_ieq(s->dkim_result, SV("temperror")) ||
		 sv_ieq(s->spf_result, SV("temperror")))
		buf_adds(out, "they could not look up what they needed");
	else if (signed_by_us && !dkim_passed)
		buf_addf(out,
		    "it bore a signature of %.*s that was not valid: changed "
		    "on its way by a forwarder or mailing list, or forged",
		    SV_ARG(s->dkim_domain));
	else if (dkim_passed && s->dkim_domain.n > 0)
		buf_addf(out,
		    "it was signed by %.*s, not by %.*s: a service or "
		    "mailing list that sends in your name, or forged",
		    SV_ARG(s->dkim_domain), SV_ARG(r->domain));
	else if (spf_passed && s->spf_domain.n > 0)
		buf_addf(out,
		    "it was sent for %.*s, without a signature of %.*s: a "
		    "forwarder or a service, or forged",
		    SV_ARG(s->spf_domain), SV_ARG(r->domain));
	else
		buf_addf(out,
		    "it was not signed by %.*s, and that server may not send "
		    "for it: probably forged",
		    SV_ARG(r->domain));
}

static void
add_done(const struct report_source *s, struct buf *out)
{
	static const char *const one[] = {"It was let through",
	    "It was put into Junk", "It was refused", NULL};
	static const char *const many[] = {"They were let through",
	    "They were put into Junk", "They were refused", NULL};
	const char *said = s->count == 1 ? one[s->done] : many[s->done];

	if (said == NULL)
		return;
	buf_addf(out, " %s", said);
	if (s->reason.n > 0)
		buf_addf(out, " (%.*s)", SV_ARG(s->reason));
	buf_addc(out, '.');
}

static void
add_source_address(const struct report_source *s, bool own, struct buf *out)
{
	if (s->address.n == 0)
		buf_adds(out, "an address that they do not name");
	else
		buf_addsv(out, s->address);
	if (own)
		buf_adds(out, " (this server)");
}

/* "1 came from 192.0.2.7 and failed: ..." */
static void
add_failure(const struct report_record *r, const struct report_source *s,
    const struct report_known *k, struct buf *out)
{
	bool own = is_own(k, s->address);

	buf_addf(out, "%llu came from ", (unsigned long long)s->count);
	add_source_address(s, own, out);
	buf_adds(out, " and failed: ");
	add_why(r, s, own, out);
	buf_addc(out, '.');
	add_done(s, out);
}

/* The worst first: own ones, then the most. */
static const struct report_source *
next_failure(const struct report_record *r, const struct report_known *k,
    const bool *told, uint32_t *which)
{
	const struct report_source *best = NULL;
	uint32_t i;

	for (i = 0; i < r->nsource; i++) {
		const struct report_source *s = &r->source[i];
		bool own = is_own(k, s->address);

		if (told[i] || report_source_passed(s))
			continue;
		if (best == NULL || own > is_own(k, best->address) ||
		    (own == is_own(k, best->address) &&
			s->count > best->count)) {
			best = s;
			*which = i;
		}
	}
	return best;
}

static void
add_failures(const struct report_record *r, const struct report_known *k,
    const struct tally *t, struct buf *out)
{
	bool told[REPORT_SOURCES_MAX] = {false};
	const struct report_source *s;
	uint64_t left = t->failed;
	uint32_t n = 0, i = 0;

	if (t->nfailed == 1 && r->more_failed == 0) {
		buf_adds(out, ", ");
		s = next_failure(r, k, told, &i);
		add_failure(r, s, k, out);
		buf_addc(out, '\n');
		return;
	}
	buf_addf(out, ", %llu failed:\n", (unsigned long long)t->failed);
	while (n < SHOWN_MAX && (s = next_failure(r, k, told, &i)) != NULL) {
		told[i] = true;
		n++;
		left -= s->count < left ? s->count : left;
		buf_adds(out, "  ");
		add_failure(r, s, k, out);
		buf_addc(out, '\n');
	}
	if (left > 0)
		buf_addf(out, "  %llu came from other addresses.\n",
		    (unsigned long long)left);
}

static void
dmarc_words(const struct report_record *r, const struct report_known *k,
    struct buf *out)
{
	struct tally t = tally_of(r, k);

	add_who(r, out);
	if (t.mails == 0)
		buf_adds(out, " saw no mail from ");
	else {
		buf_adds(out, " saw ");
		count_words(t.mails, "mail from ", "mails from ", out);
	}
	add_domain(r, out);
	add_period(r, out);
	if (t.mails == 0) {
		buf_adds(out, ".\n");
	} else if (t.failed == 0) {
		buf_adds(out, t.mails == 1   ? ": it was yours.\n"
			      : t.mails == 2 ? ": both were yours.\n"
					     : ": all were yours.\n");
	} else {
		if (t.passed == 0)
			buf_adds(out, ": none was yours");
		else
			buf_addf(out, ": %llu %s yours",
			    (unsigned long long)t.passed,
			    plural(t.passed, "was", "were"));
		add_failures(r, k, &t, out);
	}
}

/* ---- TLS ---- */

static const struct {
	const char *type, *words;
} failures[] = {
    {"starttls-not-supported", "the server did not offer STARTTLS"},
    {"certificate-host-mismatch",
	"its certificate is for another name than the server's"},
    {"certificate-expired", "its certificate has expired"},
    {"certificate-not-trusted", "its certificate is not one that they trust"},
    {"validation-failure", "TLS failed"},
    {"tlsa-invalid", "the TLSA record does not fit the certificate"},
    {"dnssec-invalid", "the DNSSEC signatures are not valid"},
    {"dane-required", "they require DANE, and there is no TLSA record"},
    {"sts-policy-fetch-error", "they could not fetch the MTA-STS policy"},
    {"sts-policy-invalid", "the MTA-STS policy is not valid"},
    {"sts-webpki-invalid",
	"the certificate of the MTA-STS policy's web server is not valid"},
};

static void
add_tls_failure(const struct report_tls *t, struct buf *out)
{
	size_t i;

	buf_adds(out, "  ");
	count_words(t->bad, "failure", "failures", out);
	if (t->mx.n > 0)
		buf_addf(out, " at %.*s", SV_ARG(t->mx));
	if (t->mx_address.n > 0)
		buf_addf(out, " (%.*s)", SV_ARG(t->mx_address));
	buf_adds(out, ": ");
	for (i = 0; i < sizeof failures / sizeof failures[0]; i++)
		if (sv_ieq(t->failure, sv_str(failures[i].type)))
			break;
	if (i < sizeof failures / sizeof failures[0])
		buf_adds(out, failures[i].words);
	else
		buf_addf(out, "\"%.*s\"", SV_ARG(t->failure));
	if (t->info.n > 0)
		buf_addf(out, " (%.*s)", SV_ARG(t->info));
	buf_adds(out, ".\n");
}

void
report_tls_sums(const struct report_record *r, uint64_t *good, uint64_t *bad)
{
	uint64_t told = 0;
	uint32_t i;

	*good = r->more_passed;
	*bad = r->more_failed;
	for (i = 0; i < r->ntls; i++) {
		report_add_up(good, r->tls[i].good);
		report_add_up(
		    r->tls[i].failure.n == 0 ? bad : &told, r->tls[i].bad);
	}
	/* Some forget the sum. */
	if (*bad == 0)
		*bad = told;
}

static void
tls_words(const struct report_record *r, struct buf *out)
{
	uint64_t good, bad, all;
	uint32_t i;

	report_tls_sums(r, &good, &bad);
	all = good;
	report_add_up(&all, bad);
	add_who(r, out);
	if (all == 0) {
		buf_adds(out, " made no connections to deliver mail for ");
		add_domain(r, out);
		add_period(r, out);
		buf_adds(out, ".\n");
		return;
	}
	buf_adds(out, " made ");
	count_words(all, "connection", "connections", out);
	buf_adds(out, " to deliver mail for ");
	add_domain(r, out);
	add_period(r, out);
	if (bad == 0)
		buf_addf(out, ": %s with TLS.\n",
		    all == 1 ? "it was" : "all of them");
	else if (good == 0)
		buf_addf(
		    out, ": %s failed.\n", all == 1 ? "it" : "all of them");
	else
		buf_addf(
		    out, ": %llu of them failed.\n", (unsigned long long)bad);
	for (i = 0; i < r->ntls; i++)
		if (r->tls[i].failure.n > 0)
			add_tls_failure(&r->tls[i], out);
}

/* ---- all ---- */

static void
refused_words(const struct report_record *r, struct buf *out)
{
	static const char *const kind[] = {
	    "A DMARC report", "A TLS report", "A mail with a report"};
	struct tm day;

	buf_adds(out, kind[r->kind]);
	buf_adds(out, " from ");
	add_who(r, out);
	if (day_of(r->received, &day)) {
		buf_adds(out, ", received on ");
		add_day(&day, out);
		buf_addc(out, ',');
	}
	buf_addf(out, " was not read: %.*s.\n", SV_ARG(r->refused));
}

void
report_sentences(const struct report_record *r,
    const struct report_known *known, struct buf *out)
{
	if (r->refused.n > 0)
		refused_words(r, out);
	else if (r->kind == REPORT_TLS)
		tls_words(r, out);
	else
		dmarc_words(r, known, out);
	if (r->trouble.n > 0)
		buf_addf(
		    out, "  About this report: %.*s.\n", SV_ARG(r->trouble));
}

void
report_sum(const struct report_record *r, const struct report_known *known,
    struct report_sums *io)
{
	uint64_t good, bad;
	struct tally t;

	io->reports++;
	if (r->refused.n > 0) {
		io->refused++;
	} else if (!r->verified) {
		io->unverified++;
	} else if (r->kind == REPORT_TLS) {
		report_tls_sums(r, &good, &bad);
		report_add_up(&io->sessions, good);
		report_add_up(&io->sessions, bad);
		report_add_up(&io->sessions_failed, bad);
	} else {
		t = tally_of(r, known);
		report_add_up(&io->mails, t.mails);
		report_add_up(&io->passed, t.passed);
		report_add_up(&io->failed, t.failed);
		report_add_up(&io->own_failed, t.own_failed);
	}
}

void
report_sum_words(struct sv domain, const struct report_sums *s, struct buf *out)
{
	buf_addf(out, "%.*s: ", SV_ARG(domain));
	count_words(s->reports, "report", "reports", out);
	if (s->refused > 0)
		buf_addf(out, ", %u not read", s->refused);
	if (s->unverified > 0)
		buf_addf(out, ", %u unverified and not counted", s->unverified);
	if (s->mails > 0) {
		buf_adds(out, "; ");
		count_words(s->mails, "mail", "mails", out);
		buf_addf(out, ", %llu yours, %llu failed",
		    (unsigned long long)s->passed,
		    (unsigned long long)s->failed);
		if (s->own_failed > 0)
			buf_addf(out, " (%llu from this server)",
			    (unsigned long long)s->own_failed);
	}
	if (s->sessions > 0) {
		buf_adds(out, "; ");
		count_words(s->sessions, "connection", "connections", out);
		buf_addf(out, ", %llu failed",
		    (unsigned long long)s->sessions_failed);
	}
	buf_adds(out, ".\n");
}
