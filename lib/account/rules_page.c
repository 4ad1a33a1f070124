/* The rules of pages: their records, and how they run with the others. */
#include "account/rules_page.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "account/outgoing.h"
#include "account/rules_priv.h"
#include "base/alloc.h"
#include "base/base64.h"
#include "base/clk.h"
#include "base/log.h"
#include "mail/date.h"
#include "msgauth/verdict.h"

#define LETTER_MAX (64u << 10)
#define LINE_BYTES 57 /* 76 characters of base64 */

/* ---- records ---- */

void
rules_page_read(struct store *store, struct pagerules *out)
{
	struct buf record;
	uint64_t need = 0;

	pagerules_init(out);
	buf_init(&record, STORE_SCRIPT_MAX + 1);
	for (unsigned i = 0; i < PAGERULES_PARTS; i++) {
		const enum pagerules_part part = (enum pagerules_part)i;

		buf_reset(&record);
		if (store_script_get(store, STORE_SCRIPT_FORM,
			sv_str(pagerules_name(part)), &record, &need) == RC_OK)
			pagerules_read(out, part, buf_sv(&record));
	}
	buf_fini(&record);
}

/* More than a person's script may have, since these are counted elsewhere; and
 * each filter looks at fields that strangers may have made long. */
static struct sieve_limits
page_limits(void)
{
	struct sieve_limits l = SIEVE_LIMITS_DEFAULT;

	l.script = PAGERULES_SCRIPT_MAX;
	l.nesting = 2 * PAGERULES_FILTERS_MAX + l.nesting;
	l.work += UINT64_C(200) << 20;
	return l;
}

static bool
compile(const struct pagerules *p, struct sieve_script **out)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_errors *errors = xcalloc(1, sizeof *errors);
	struct buf text, why;

	*out = NULL;
	buf_init(&text, PAGERULES_SCRIPT_MAX);
	buf_init(&why, 2 * SIEVE_ERROR_MAX * SIEVE_ERRORS_MAX);
	pagerules_sieve(p, &text);
	o.limits = page_limits();
	o.name = SV(PAGERULES_SCRIPT);
	if (!buf_ok(&text) ||
	    sieve_compile(buf_sv(&text), &o, out, errors) != RC_OK) {
		sieve_errors_print(errors, NULL, &why);
		mlog(LOG_ERROR, "rules.page", "text=\"not understood: %s\"",
		    why.n > 0 ? why.p : "too long");
	}
	buf_fini(&why);
	buf_fini(&text);
	free(errors);
	return *out != NULL;
}

int
rules_page_write(struct store *store, enum pagerules_part part,
    const struct pagerules *r, struct err *err)
{
	struct sieve_script *script = NULL;
	struct buf record;
	uint64_t need = 0;
	int rc = RC_OK;

	buf_init(&record, STORE_SCRIPT_MAX);
	pagerules_write(r, part, &record);
	if (!buf_ok(&record))
		rc = err_set(err, RC_TOOBIG, "there is no room for more");
	if (rc == RC_OK && pagerules_present(r) && !compile(r, &script))
		rc = err_set(err, RC_TOOBIG, "the rules cannot be run");
	sieve_script_free(&script);
	if (rc == RC_OK)
		rc = store_script_put(store, STORE_SCRIPT_FORM,
		    sv_str(pagerules_name(part)), buf_sv(&record), &need, err);
	if (rc == RC_OK && store_flush(store, need) != RC_OK)
		rc = err_set(err, RC_IO, "the disk refuses to write");
	buf_fini(&record);
	return rc;
}

/* ---- running ---- */

bool
rules_page_load(struct rules *r, struct sieve_script **out)
{
	rules_page_read(r->store, &r->page);
	if (!pagerules_present(&r->page))
		return false;
	(void)compile(&r->page, out);
	return true;
}

void
rules_page_forget(struct rules *r)
{
	pagerules_fini(&r->page);
	zone_free(&r->zone);
}

/* The zone is read when it is asked for. */
static const struct zone *
zone_of(struct rules *r)
{
	const char *name = r->page.vacation.zone;

	if (r->zone == NULL && r->zones != NULL && name[0] != '\0' &&
	    zones_load(r->zones, sv_str(name), &r->zone) != RC_OK)
		mlog(LOG_WARN, "rules.zone", "text=\"no such time zone\"");
	if (r->zone == NULL && r->zones != NULL &&
	    zones_load(r->zones, sv_str(zones_local(r->zones)), &r->zone) !=
		RC_OK)
		r->zone = NULL;
	return r->zone;
}

bool
rules_page_offset(struct rules *r, int64_t at, int32_t *minutes_out)
{
	const struct zone *z = zone_of(r);

	if (z != NULL)
		*minutes_out = zone_offset(z, at) / 60;
	return z != NULL;
}

int64_t
rules_page_day(struct rules *r, int64_t now)
{
	const struct zone *z = zone_of(r);

	return z != NULL ? zone_day(z, now) : now / (24 * 3600);
}

static bool
is_contact(const struct rules_run *run, struct sv author)
{
	const struct conf *c = run->r->conf;
	const uint32_t *account;
	struct verdict v = {.verified = true};
	size_t n = 0;

	/* Without a verdict it was written here. */
	if (c == NULL || (run->m->verdict.n > 0 &&
			     verdict_decode(run->m->verdict, &v) != RC_OK))
		return false;
	if (v.known == VERDICT_KNOWN)
		return true;
	return v.verified && conf_lookup(c, author, &account, &n) == RC_OK &&
	       strcmp(conf_lookup_why(c, author), "catch-all") != 0;
}

bool
rules_page_is_contact(const struct rules_run *run, struct sv author)
{
	bool is = is_contact(run, author);

	if (run->lines != NULL)
		buf_adds(run->lines,
		    is ? "vacation: the author is a contact\n"
		       : "vacation: the author is not a contact, as far as is "
			 "known here\n");
	return is;
}

/* For `test`: why there is no answer. */
static void
say_day(struct rules_run *run, int64_t day, bool away)
{
	if (run->lines == NULL)
		return;
	buf_adds(run->lines, "vacation: today is ");
	zone_day_print(day, run->lines);
	buf_adds(run->lines,
	    away ? ", a day of the absence\n" : ", not a day of the absence\n");
}

int
rules_page_environment(struct rules_run *run, struct sv item, struct buf *out)
{
	struct rules *r = run->r;
	bool is;

	if (sv_eq(item, SV(PAGERULES_ENV_JUNK))) {
		is = run->m->junk;
	} else if (sv_eq(item, SV(PAGERULES_ENV_AWAY))) {
		const int64_t day = rules_page_day(r, clk_now() / 1000);

		is = pagerules_away(&r->page.vacation, day);
		say_day(run, day, is);
	} else {
		return RC_NOTFOUND;
	}
	buf_adds(out, is ? "1" : "0");
	return RC_OK;
}

void
rules_where(struct rules *r, struct sv script, unsigned line, struct buf *out)
{
	if (sv_eq(script, SV(PAGERULES_SCRIPT))) {
		pagerules_where(&r->page, line, out);
		return;
	}
	if (script.n > 0) {
		buf_addsv(out, script);
		buf_addc(out, ':');
	}
	buf_addf(out, "%u", line);
}

/* ---- the letter ---- */

/* One line of ASCII. */
static void
put_subject(struct sv subject, struct buf *out)
{
	buf_adds(out, "Subject: ");
	for (size_t i = 0; i < subject.n; i++)
		buf_addc(out, subject.p[i] >= ' ' && subject.p[i] < 127
				  ? subject.p[i]
				  : '?');
	buf_adds(out, "\r\n");
}

static void
put_base64_lines(struct sv text, struct buf *out)
{
	for (size_t at = 0; at < text.n; at += LINE_BYTES) {
		base64_encode(sv_first(sv_skip(text, at), LINE_BYTES), out);
		buf_adds(out, "\r\n");
	}
}

static void
put_letter(const struct rules_page_letter *l, const char *from, struct buf *out)
{
	struct buf text;
	uint64_t id[2];

	randombytes_buf(id, sizeof id);
	buf_adds(out, "Date: ");
	mail_date_print(clk_now() / 1000, 0, out);
	buf_addf(out, "\r\nFrom: <%s>\r\nTo: <%.*s>\r\n", from, SV_ARG(l->to));
	buf_addf(out, "Message-ID: <%016llx%016llx@%s>\r\n",
	    (unsigned long long)id[0], (unsigned long long)id[1],
	    l->conf->hostname);
	put_subject(l->subject, out);
	buf_adds(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		      "Content-Type: text/plain; charset=utf-8\r\n"
		      "Content-Transfer-Encoding: base64\r\n\r\n");
	buf_init(&text, LETTER_MAX);
	for (size_t i = 0; i < l->text.n; i++) {
		if (l->text.p[i] == '\n')
			buf_addc(&text, '\r');
		buf_addc(&text, l->text.p[i]);
	}
	put_base64_lines(buf_sv(&text), out);
	buf_fini(&text);
}

int
rules_page_send(
    struct store *store, const struct rules_page_letter *l, struct err *err)
{
	const int number = conf_account_by_name(l->conf, sv_str(l->account));
	struct store_body *body = store_body_new(store);
	struct outgoing_envelope e = {
	    .kind = ACCOUNT_MAIL_LETTER, .kept = true, .to = l->to};
	struct store_send send = {.body = 0};
	struct store_added added = {.uid = 0};
	struct buf letter, envelope;
	uint64_t need = 0;
	bool opaque = false;
	uint8_t id[16];
	int r = RC_OK;

	buf_init(&letter, LETTER_MAX);
	buf_init(&envelope, STORE_ENVELOPE_MAX);
	if (number < 0 || l->conf->account[number].naddress == 0)
		r = err_set(err, RC_TEMP, "the account has no address");
	if (r == RC_OK) {
		e.via = sv_str(l->conf->account[number].address[0]);
		put_letter(l, l->conf->account[number].address[0], &letter);
		outgoing_envelope_put(&e, &envelope);
		randombytes_buf(id, sizeof id);
		randombytes_buf(send.id, sizeof send.id);
		send.envelope = buf_sv(&envelope);
		r = buf_ok(&letter) && buf_ok(&envelope)
			? store_body_add(body, letter.p, letter.n)
			: err_set(err, RC_TOOBIG, "the letter is too long");
	}
	if (r == RC_OK)
		r = store_deliver(store,
		    &(struct store_delivery){.id = id,
			.body = &body,
			.opaque = &opaque,
			.nbody = 1,
			.send = &send,
			.nsend = 1},
		    &added, &need, err);
	if (r == RC_OK && store_flush(store, need) != RC_OK)
		r = err_set(err, RC_IO, "the disk refuses to write");
	store_body_free(&body);
	buf_fini(&envelope);
	buf_fini(&letter);
	return r;
}
