/* What arrives is judged: who is refused, who goes where, what is noted. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "mail/field.h"
#include "smtp/defer.h"
#include "smtp/feedback.h"
#include "publish/publish.h"
#include "smtp/report.h"
#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

static struct fixture k;
static struct smtp_ops ops;

/* ---- names ---- */

static const struct {
	const char *name, *text;
} zone[] = {
    {"reject.test", "v=spf1 ip4:192.0.2.1 -all"},
    {"_dmarc.reject.test", "v=DMARC1; p=reject"},
    {"quarantine.test", "v=spf1 -all"},
    {"_dmarc.quarantine.test", "v=DMARC1; p=quarantine"},
    {"told.test", "v=spf1 -all"},
    {"_dmarc.told.test", "v=DMARC1; p=quarantine; rua=mailto:x@told.test"},
    {"good.test", "v=spf1 ip4:192.0.2.7 -all"},
    {"_dmarc.good.test", "v=DMARC1; p=reject"},
    {"broken.test", "v=spf1 ip4:nonsense -all"},
    {"plain.test", "v=spf1 ip4:192.0.2.7 -all"},
    {"explained.test", "v=spf1 -all exp=why.explained.test"},
    {"why.explained.test", "%{i} may not send as %{s}"},
    {"_dmarc.slow.test", "SLOW"},
    {"away._domainkey.reject.test", "AWAY"},
    {"_dmarc.away.test", "AWAY"},
    {"_dmarc.held.test", "HELD"},
};

struct question {
	const char *text;
	int64_t ms;
	bool txt;
	dns_done_fn *fn;
	void *arg;
};

static atomic_int asked, most_asked; /* questions that are out */

/* Questions whose answer waits until the test gives it. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct question *q[64];
	size_t n;
	bool dead; /* nobody answers any more */
} held = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void *
answer_main(void *arg)
{
	struct question *q = arg;
	struct dns_answer a;

	dns_answer_init(&a);
	if (q->text == NULL) {
		a.rc = RC_NOTFOUND;
	} else if (strcmp(q->text, "SLOW") == 0) {
		(void)usleep((useconds_t)(2 * q->ms * 1000));
		a.rc = RC_TIMEOUT;
	} else if (strcmp(q->text, "AWAY") == 0) {
		a.rc = RC_TEMP;
	} else if (q->txt) {
		fixture_text(&a, sv_str(q->text));
	} else {
		a.rc = RC_OK; /* no such record */
	}
	atomic_fetch_sub(&asked, 1);
	q->fn(&a, q->arg);
	dns_answer_fini(&a);
	free(q);
	return NULL;
}

static bool
hold(struct question *q)
{
	bool ok;

	pthread_mutex_lock(&held.lock);
	ok = !held.dead;
	if (ok) {
		ck_assert_uint_lt(held.n, 64);
		held.q[held.n++] = q;
		pthread_cond_signal(&held.change);
	}
	pthread_mutex_unlock(&held.lock);
	return ok;
}

static void
wait_for_held(size_t n)
{
	struct timespec end;

	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 60;
	pthread_mutex_lock(&held.lock);
	while (held.n < n)
		ck_assert_int_eq(
		    pthread_cond_timedwait(&held.change, &held.lock, &end), 0);
	pthread_mutex_unlock(&held.lock);
}

/* All at once; text NULL: the process that would answer has died. */
static void
release(const char *text)
{
	struct dns_answer a;
	size_t i;

	pthread_mutex_lock(&held.lock);
	held.dead = text == NULL;
	for (i = 0; i < held.n; i++) {
		dns_answer_init(&a);
		if (text != NULL)
			fixture_text(&a, sv_str(text));
		atomic_fetch_sub(&asked, 1);
		held.q[i]->fn(&a, held.q[i]->arg);
		dns_answer_fini(&a);
		free(held.q[i]);
	}
	held.n = 0;
	pthread_mutex_unlock(&held.lock);
}

static int
fake_ask(void *ctx, const char *name, bool any, enum dns_type type, int64_t ms,
    dns_done_fn *fn, void *arg)
{
	struct question *q = xcalloc(1, sizeof *q);
	pthread_t th;
	size_t i;

	int now = atomic_fetch_add(&asked, 1) + 1;

	(void)ctx;
	(void)any;
	if (now > atomic_load(&most_asked))
		atomic_store(&most_asked, now);
	*q = (struct question){NULL, ms, type == DNS_TXT, fn, arg};
	for (i = 0; i < sizeof zone / sizeof zone[0]; i++)
		if (strcmp(zone[i].name, name) == 0)
			q->text = zone[i].text;
	if (strncmp(name, "s._domainkey.slow", 17) == 0)
		q->text = "SLOW";
	if (q->text != NULL && strcmp(q->text, "HELD") == 0) {
		if (hold(q))
			return RC_OK;
		atomic_fetch_sub(&asked, 1);
		free(q);
		return RC_TEMP;
	}
	ck_assert_int_eq(pthread_create(&th, NULL, answer_main, q), 0);
	ck_assert_int_eq(pthread_detach(th), 0);
	return RC_OK;
}

static void
start(void)
{
	fixture_init_asking(&k, &ops, fake_ask);
}

static void
stop(void)
{
	ck_assert_uint_eq(held.n, 0);
	held.dead = false;
	fixture_fini(&k);
}

/* ---- the rows ---- */

#define BEGIN                                              \
	"EHLO client.example.test\r\nMAIL FROM:<x@%s>\r\n" \
	"RCPT TO:<anna@example.org>\r\nDATA\r\n"

static const struct {
	const char *name, *sender, *header;
	enum smtp_inbound policy;
	const char *want;  /* of the message's end */
	const char *noted; /* in Authentication-Results */
	bool junk;
} rows[] = {
    {"a forged one", "reject.test", "From: x@reject.test\r\n", 0, "550/5.7.26",
	NULL, false},
    {"forged, into Junk", "reject.test", "From: x@reject.test\r\n",
	SMTP_INBOUND_JUNK, "250/2.0.0", "dmarc=fail", true},
    {"forged, noted", "reject.test", "From: x@reject.test\r\n",
	SMTP_INBOUND_NOTE, "250/2.0.0", "dmarc=fail", false},
    {"forged, another sender", "good.test", "From: x@reject.test\r\n", 0,
	"550/5.7.26", NULL, false},
    {"to be quarantined", "quarantine.test", "From: x@quarantine.test\r\n", 0,
	"250/2.0.0", "dmarc=fail", true},
    {"a good one", "good.test", "From: x@good.test\r\n", 0, "250/2.0.0",
	"dmarc=pass", false},
    {"nobody has a policy", "none.test", "From: x@none.test\r\n", 0,
	"250/2.0.0", "dmarc=none", false},
    {"SPF alone refuses nothing", "reject.test", "From: x@none.test\r\n", 0,
	"250/2.0.0", "spf=fail", false},
    {"a broken record", "broken.test", "From: x@broken.test\r\n", 0,
	"250/2.0.0", "spf=permerror", false},
    {"the policy cannot be had", "away.test", "From: x@away.test\r\n", 0,
	"250/2.0.0", "dmarc=temperror", false},
    /* Its policy is known, and whether it holds is not: then it is not
     * applied. */
    {"a key cannot be had", "good.test",
	"DKIM-Signature: v=1; a=rsa-sha256; d=reject.test; s=away; h=from;\r\n"
	" bh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=; b=AAAA\r\n"
	"From: x@reject.test\r\n",
	0, "250/2.0.0", "dmarc=temperror", false},
    {"the name servers are slow", "slow.test", "From: x@slow.test\r\n", 0,
	"250/2.0.0", "dmarc=temperror", false},
    {"two From fields", "good.test",
	"From: x@good.test\r\nFrom: x@reject.test\r\n", 0, "550/5.7.1", NULL,
	false},
    {"two domains", "good.test", "From: x@good.test, x@reject.test\r\n", 0,
	"550/5.7.1", NULL, false},
    {"a second address without a domain", "good.test",
	"From: x@reject.test, y@[192.0.2.1]\r\n", 0, "550/5.7.1", NULL, false},
    {"an address that others may read", "good.test",
	"From: <x@reject.test> <y@good.test>\r\n", 0, "250/2.0.0",
	"dmarc=permerror", true},
    {"no address at all", "good.test", "From: Your Bank\r\n", 0, "550/5.7.1",
	NULL, false},
    {"an address without a domain", "good.test", "From: x@[192.0.2.1]\r\n", 0,
	"550/5.7.1", NULL, false},
    {"no From", "good.test", "Subject: x\r\n", 0, "550/5.7.1", NULL, false},
    {"no From, noted", "good.test", "Subject: x\r\n", SMTP_INBOUND_NOTE,
	"250/2.0.0", "dmarc=permerror", false},
    {"nothing is looked at", "reject.test", "From: x@reject.test\r\n",
	SMTP_INBOUND_OFF, "250/2.0.0", NULL, false},
    /* What a mail program shows as From must not be behind the end of the
     * header. */
    {"From after a line that is not a field", "reject.test",
	"Subject: x\r\nnonsense\r\nFrom: x@reject.test\r\n", 0, "550/5.7.26",
	NULL, false},
};

START_TEST(smtp_judge__does_what_each_row_says)
{
	const struct fixture_delivery *g = &k.got[0];
	struct buf in, out, codes, want;
	struct sv all;

	k.o.limits.inbound = rows[_i].policy;
	k.o.limits.lookup_timeout =
	    strcmp(rows[_i].sender, "slow.test") == 0 ? 300 : 60000;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_init(&codes, 4096);
	buf_init(&want, 4096);
	buf_addf(&in, BEGIN, rows[_i].sender);
	buf_adds(&in, rows[_i].header);
	buf_adds(&in, "\r\nhello\r\n.\r\nQUIT\r\n");
	fixture_talk(&k, buf_sv(&in), 0, &out);
	fixture_codes(buf_sv(&out), &codes);
	buf_addf(&want, "220 250 250/2.1.0 250/2.1.5 354 %s 221/2.0.0",
	    rows[_i].want);
	fixture_check_codes(rows[_i].name, buf_sv(&codes), want.p);
	ck_assert_uint_eq(k.ngot, rows[_i].want[0] == '2');
	all = buf_sv(&g->message);
	ck_assert(g->junk == rows[_i].junk);
	ck_assert(rows[_i].noted == NULL ||
		  sv_find(all, sv_str(rows[_i].noted)) < all.n);
	ck_assert(
	    (sv_find(all, SV("Authentication-Results: mail.example.org")) <
		all.n) == (rows[_i].noted != NULL));
	buf_fini(&want);
	buf_fini(&codes);
	buf_fini(&out);
	buf_fini(&in);
}
END_TEST

/* What is told is what was done for the policy, whatever a scanner says. */
static enum clamd_says scan_says;
static int told_done; /* 100 more: and refused */

static int
is_scanned(void *ctx, const struct smtp_scanned *m, struct clamd_answer *out)
{
	(void)ctx;
	(void)m;
	*out = (struct clamd_answer){.says = scan_says, .name = "x"};
	return RC_OK;
}

static void
is_told(void *ctx, const struct smtp_feedback *f)
{
	(void)ctx;
	told_done = f->seen.row.done + (f->seen.accepted ? 0 : 100);
	ck_assert(f->seen.row.done != REPORT_DONE_NOTHING ||
		  sv_eq(f->seen.row.reason, SV("local_policy")));
}

START_TEST(smtp_judge__feedback_is_of_the_policy)
{
	const bool note = _i % 2 == 1;
	const int scan = _i / 2; /* 0: nobody does; 1: in vain; 2: a virus */
	struct buf in, out;

	ops.feedback = is_told;
	scan_says = scan == 2 ? CLAMD_FOUND : CLAMD_NEVER;
	ops.scan = scan > 0 ? is_scanned : NULL;
	k.o.limits.inbound = note ? SMTP_INBOUND_NOTE : SMTP_INBOUND_REJECT;
	k.not_loopback = true;
	told_done = -1;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in, BEGIN "From: x@told.test\r\n\r\nx\r\n.\r\nQUIT\r\n",
	    "told.test");
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert(scan == 2 || k.got[0].junk == (scan == 1 || !note));
	ck_assert_int_eq(told_done - (scan == 2 ? 100 : 0),
	    note ? REPORT_DONE_NOTHING : REPORT_DONE_JUNK);
	buf_fini(&out);
	buf_fini(&in);
}
END_TEST

/* [RFC 7208 6.2] The reason that a domain gives is told, as its own words. */
START_TEST(smtp_judge__explains_as_spf_does)
{
	static const char *const senders[] = {"explained.test", "reject.test"};
	struct buf in, out;
	bool told;

	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in, BEGIN "From: x@reject.test\r\n\r\nhello\r\n.\r\nQUIT\r\n",
	    senders[_i]);
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert(sv_find(buf_sv(&out), SV("550-5.7.26 ")) < out.n);
	told =
	    sv_find(buf_sv(&out),
		SV("\r\n550 5.7.26 explained.test explains: 192.0.2.7 may not "
		   "send as x@explained.test\r\n")) < out.n;
	ck_assert_msg(told == (_i == 0), "%s", out.p);
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

static void
deliver_one(const char *message, size_t piece)
{
	struct buf in, out;

	buf_init(&in, 1 << 20);
	buf_init(&out, 4096);
	buf_addf(&in, BEGIN "%s.\r\nQUIT\r\n", "good.test", message);
	fixture_talk(&k, buf_sv(&in), piece, &out);
	ck_assert_msg(sv_find(buf_sv(&out), SV("250 2.0.0")) < out.n, "%.*s",
	    SV_ARG(buf_sv(&out)));
	buf_fini(&in);
	buf_fini(&out);
}

/* In our name nobody else says anything; all other bytes are as they came. */
START_TEST(smtp_judge__takes_forged_results_out)
{
#define FIRST "Subject: x\r\nX-Odd : y\r\n"
#define OTHER "Authentication-Results: other.test; dmarc=pass\r\n"
#define REST  "From: x@good.test\r\n\r\n..hello\r\n\r\nthere\r\n"
	struct sv all, end = SV(FIRST OTHER REST);
	const struct fixture_delivery *g = &k.got[0];

	ck_assert(k.ngot == 0);
	deliver_one(FIRST "Authentication-Results: mail.example.org;\r\n"
			  "\tdmarc=pass\r\n" OTHER
			  "authentication-results : MAIL.example.org 1; x=y\r\n"
			  "From: x@good.test\r\n\r\n...hello\r\n\r\nthere\r\n",
	    _i == 0 ? 0 : 1);
	all = buf_sv(&g->message);
	ck_assert_msg(all.n > end.n && sv_eq(sv_skip(all, all.n - end.n), end),
	    "%.*s", SV_ARG(all));
	ck_assert(sv_starts(all, SV("Return-Path: <x@good.test>\r\n"
				    "Authentication-Results: "
				    "mail.example.org;")));
	ck_assert_uint_eq(
	    mail_field_count(all, SV("Authentication-Results")), 2);
}
END_TEST

START_TEST(smtp_judge__asks_to_come_again)
{
	struct buf in, out;

	k.may_defer = true;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in, BEGIN "From: x@away.test\r\n\r\nhello\r\n.\r\nQUIT\r\n",
	    "away.test");
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert(sv_find(buf_sv(&out), SV("451 4.4.3")) < out.n);
	ck_assert_uint_eq(k.ngot, 0);
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

START_TEST(smtp_defer__for_an_hour)
{
	struct smtp_deferrals *d = xcalloc(1, sizeof *d);
	const int64_t begin = 1000;
	uint64_t i;

	ck_assert(smtp_defer(d, 7, begin));
	ck_assert(smtp_defer(d, 7, begin + SMTP_DEFER_MS - 1));
	/* One more in their places is taken rather than sent away for ever. */
	for (i = 1; i < SMTP_DEFER_WAYS; i++)
		ck_assert(smtp_defer(d, 7 + i * SMTP_DEFER_SLOTS, begin + 1));
	ck_assert(!smtp_defer(d, 7 + i * SMTP_DEFER_SLOTS, begin + 1));
	ck_assert(smtp_defer(d, 7 + SMTP_DEFER_SLOTS, begin + 2));
	ck_assert(!smtp_defer(d, 7, begin + SMTP_DEFER_MS));
	ck_assert(!smtp_defer(d, 7, begin + SMTP_DEFER_KEEP_MS - 1));
	ck_assert(smtp_defer(d, 7, begin + SMTP_DEFER_KEEP_MS));
	ck_assert(smtp_defer(d, 8, begin));
	free(d);
}
END_TEST

START_TEST(smtp_defer__remembers_messages)
{
	struct smtp_deferrals *d = xcalloc(1, sizeof *d);
	const int64_t begin = 1000;
	uint64_t i;

	ck_assert_int_eq(smtp_defer_waited(d, 7, begin), 0);
	smtp_defer_message(d, 7, begin);
	/* of the first try, however often it comes */
	smtp_defer_message(d, 7, begin + SMTP_DEFER_MS);
	ck_assert_int_eq(smtp_defer_waited(d, 7, begin + 2 * SMTP_DEFER_MS),
	    2 * SMTP_DEFER_MS);
	ck_assert_int_eq(smtp_defer_waited(d, 8, begin + 1), 0);
	ck_assert_int_eq(
	    smtp_defer_waited(d, 7, begin + SMTP_DEFER_KEEP_MS), 0);
	smtp_defer_message(d, 7, begin + SMTP_DEFER_KEEP_MS);
	ck_assert_int_eq(
	    smtp_defer_waited(d, 7, begin + SMTP_DEFER_KEEP_MS + 5), 5);
	/* Who sends away whom they like takes nobody's place for an hour. */
	for (i = 1; i < 3 * SMTP_DEFER_WAYS; i++)
		smtp_defer_message(d, 7 + i * SMTP_DEFER_SLOTS,
		    begin + SMTP_DEFER_KEEP_MS + 6);
	ck_assert_int_eq(
	    smtp_defer_waited(d, 7, begin + SMTP_DEFER_KEEP_MS + 7), 7);
	/* nor is it the sender's hour */
	ck_assert(smtp_defer(d, 7, begin + SMTP_DEFER_KEEP_MS));
	free(d);
}
END_TEST

/*
 * Those who name many domains whose servers are silent take no place from
 * others for good: what does not get one waits for its turn.
 */
START_TEST(smtp_judge__lets_others_have_their_turn)
{
	enum {
		MANY = 12
	};
	struct buf in, out[MANY], good;
	pthread_t th[MANY];
	int fd[MANY], i;

	buf_init(&in, 1 << 16);
	buf_addf(&in, BEGIN, "good.test");
	for (i = 0; i < 10; i++)
		buf_addf(&in,
		    "DKIM-Signature: v=1; a=rsa-sha256; d=slow%d.test; s=s;"
		    " h=from; b=AAAA;\r\n"
		    " bh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=\r\n",
		    i);
	buf_adds(&in, "From: x@none.test\r\n\r\nhello\r\n.\r\nQUIT\r\n");
	k.o.limits.lookup_timeout = 1000;
	for (i = 0; i < MANY; i++) {
		buf_init(&out[i], 4096);
		fd[i] = fixture_start(&k, &th[i]);
		ck_assert_int_eq(io_write_all(fd[i], in.p, in.n), RC_OK);
	}
	k.o.limits.lookup_timeout = 60000;
	buf_init(&good, 4096);
	buf_reset(&in);
	buf_addf(&in, BEGIN "From: x@good.test\r\n\r\nhello\r\n.\r\nQUIT\r\n",
	    "good.test");
	fixture_talk(&k, buf_sv(&in), 0, &good);
	ck_assert(sv_find(buf_sv(&good), SV("250 2.0.0")) < good.n);
	for (i = 0; i < MANY; i++) {
		fixture_read_all(fd[i], &out[i]);
		pthread_join(th[i], NULL);
		(void)close(fd[i]);
		ck_assert(sv_find(buf_sv(&out[i]), SV("250 2.0.0")) < out[i].n);
		buf_fini(&out[i]);
	}
	for (i = 0; i < (int)k.ngot; i++) {
		struct sv all = buf_sv(&k.got[i].message);

		ck_assert(sv_find(all, SV("dmarc=pass header.from=good.test")) <
			      all.n ||
			  sv_find(all, SV("header.from=none.test")) < all.n);
	}
	ck_assert_uint_eq(k.ngot, MANY + 1);
	/* All are of one network. */
	ck_assert_int_le(atomic_load(&most_asked), 60);
	buf_fini(&good);
	buf_fini(&in);
}
END_TEST

START_TEST(smtp_judge__leaves_mail_of_this_machine_alone)
{
	struct sv all;

	k.not_loopback = false;
	deliver_one("From: x@reject.test\r\n\r\nhello\r\n", 0);
	all = buf_sv(&k.got[0].message);
	ck_assert(sv_find(all, SV("Authentication-Results")) == all.n);
}
END_TEST

START_TEST(smtp_judge__bounds_the_header)
{
	struct buf in, out;
	size_t i;

	buf_init(&in, 1 << 20);
	buf_init(&out, 4096);
	buf_addf(&in, BEGIN, "good.test");
	for (i = 0; i < 30000; i++)
		buf_adds(&in, "X-Field: y\r\n");
	buf_adds(&in, "From: x@good.test\r\n\r\nhello\r\n.\r\nQUIT\r\n");
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert(sv_find(buf_sv(&out), SV("552 5.3.4")) < out.n);
	ck_assert_uint_eq(k.ngot, 0);
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

/* ---- reports ---- */

/* Which mail is handed to who reads reports, and what it is told. */
static const struct {
	const char *name, *sender, *rcpt, *header;
	const char *want; /* domain, verified, expected; "": none is */
} report_rows[] = {
    {"a letter", "good.test", "anna", "From: x@good.test\r\n", ""},
    {"to postmaster", "good.test", "postmaster", "From: x@good.test\r\n",
	"good.test 1 0"},
    {"to postmaster and others, upper case, with detail", "good.test",
	"anna@example.org>\r\nRCPT TO:<Postmaster+dmarc",
	"From: x@good.test\r\n", "good.test 1 0"},
    {"by its subject", "good.test", "anna",
	"From: x@good.test\r\nSubject: Report domain: example.org\r\n",
	"good.test 1 1"},
    {"by a field of TLS reports", "good.test", "anna",
	"From: x@good.test\r\nTLS-Report-Domain: example.org\r\n",
	"good.test 1 1"},
    {"by its type", "good.test", "anna",
	"From: x@good.test\r\nContent-Type: multipart/report;\r\n"
	" report-type=\"tlsrpt\"\r\n",
	"good.test 1 1"},
    {"no policy, SPF confirms it", "plain.test", "postmaster",
	"From: x@plain.test\r\n", "plain.test 1 0"},
    {"no policy, SPF confirms another", "plain.test", "postmaster",
	"From: x@other.test\r\n", "other.test 0 0"},
    {"no policy, SPF confirms what only ends alike", "plain.test", "postmaster",
	"From: x@lain.test\r\n", "lain.test 0 0"},
    {"forged, but let through", "reject.test", "postmaster",
	"From: x@reject.test\r\n", "reject.test 0 0"},
};

static char reported[300];

static void
fake_report(void *ctx, const struct smtp_report_mail *m)
{
	char byte;

	(void)ctx;
	ck_assert_int_eq(io_pread_all(m->fd, &byte, 1, m->size - 1), RC_OK);
	(void)snprintf(reported, sizeof reported, "%.*s %d %d", SV_ARG(m->from),
	    m->verified, m->expected);
}

START_TEST(smtp_report__rows)
{
	struct buf in, out;

	reported[0] = '\0';
	ops.report = fake_report;
	k.o.limits.inbound = SMTP_INBOUND_NOTE;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in,
	    "EHLO client.example.test\r\nMAIL FROM:<x@%s>\r\n"
	    "RCPT TO:<%s@example.org>\r\nDATA\r\n%s\r\nhello\r\n.\r\n"
	    "QUIT\r\n",
	    report_rows[_i].sender, report_rows[_i].rcpt,
	    report_rows[_i].header);
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert_uint_eq(k.ngot, 1);
	ck_assert_msg(strcmp(reported, report_rows[_i].want) == 0,
	    "%s: %s, not %s", report_rows[_i].name, reported,
	    report_rows[_i].want);
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

/* What was not delivered is not read either. */
START_TEST(smtp_report__not_of_what_is_deferred)
{
	struct buf in, out;

	reported[0] = '\0';
	ops.report = fake_report;
	k.deliver_rc = RC_TEMP;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in,
	    BEGIN "Subject: Report Domain: x\r\nFrom: x@good.test"
		  "\r\n\r\nx\r\n.\r\nQUIT\r\n",
	    "good.test");
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert_str_eq(reported, "");
	buf_fini(&in);
	buf_fini(&out);
}
END_TEST

START_TEST(smtp_report__addresses)
{
	static const struct {
		struct sv address;
		enum smtp_report want;
	} a[] = {
	    {SV("postmaster"), SMTP_REPORT_MAYBE},
	    {SV("POSTMASTER@example.org"), SMTP_REPORT_MAYBE},
	    {SV("dmarc@example.org"), SMTP_REPORT_YES},
	    {SV("DMARC-Reports+x@example.org"), SMTP_REPORT_YES},
	    {SV("tlsrpt@example.org"), SMTP_REPORT_YES},
	    {SV("anna@dmarc"), SMTP_REPORT_NO},
	    {SV("anna+dmarc@example.org"), SMTP_REPORT_NO},
	    {SV("dmarcs@example.org"), SMTP_REPORT_NO},
	    {SV("\"postmaster@x\"@example.org"), SMTP_REPORT_NO},
	};
	size_t i;

	struct buf published;

	for (i = 0; i < sizeof a / sizeof a[0]; i++)
		ck_assert_int_eq(
		    (int)smtp_report_address(a[i].address), (int)a[i].want);
	/* The one that our own records name. */
	buf_init(&published, 1000);
	publish_report_address("example.org", &published);
	ck_assert_int_ne(
	    (int)smtp_report_address(buf_sv(&published)), SMTP_REPORT_NO);
	buf_fini(&published);
}
END_TEST

/* ---- recipients at several domains ---- */

static int
wish_lookup(void *ctx, struct sv address,
    void (*add)(void *arg, const char *account), void *arg)
{
	(void)ctx;
	add(arg, sv_istarts(address, SV("ben@")) ? "ben" : "anna");
	return RC_OK;
}

static enum smtp_inbound
wish(void *ctx, struct sv domain)
{
	(void)ctx;
	return sv_ieq(domain, SV("note.test"))	 ? SMTP_INBOUND_NOTE
	       : sv_ieq(domain, SV("junk.test")) ? SMTP_INBOUND_JUNK
	       : sv_ieq(domain, SV("off.test"))	 ? SMTP_INBOUND_OFF
						 : SMTP_INBOUND_REJECT;
}

static const struct {
	const char *name, *first, *second; /* recipients */
	const char *author;
	const char *want;     /* the code */
	const char *accounts; /* and who gets it how */
	uint8_t override[2];
} wishes[] = {
    {"both refuse", "anna@reject.test", "ben@other.test", "reject.test",
	"550 5.7.26", "", {0}},
    {"one refuses, one notes", "anna@reject.test", "ben@note.test",
	"reject.test", "250 2.0.0", "anna(junk) ben",
	{VERDICT_OTHERS, VERDICT_OWNER}},
    {"in the other order", "ben@note.test", "anna@Reject.test", "reject.test",
	"250 2.0.0", "ben anna(junk)", {VERDICT_OWNER, VERDICT_OTHERS}},
    {"one refuses, one puts into Junk", "anna@reject.test", "ben@junk.test",
	"reject.test", "250 2.0.0", "anna(junk) ben(junk)",
	{VERDICT_OTHERS, VERDICT_OWNER}},
    {"one does not look", "anna@reject.test", "ben@off.test", "reject.test",
	"250 2.0.0", "anna(junk) ben", {VERDICT_OTHERS, VERDICT_OWNER}},
    {"nobody looks", "anna@off.test", "ben@off.test", "reject.test",
	"250 2.0.0", "anna ben", {0}},
    {"two addresses of one person", "anna@reject.test", "two@note.test",
	"reject.test", "250 2.0.0", "anna", {VERDICT_OWNER}},
    {"and the other way round", "anna@note.test", "two@reject.test",
	"reject.test", "250 2.0.0", "anna", {VERDICT_OWNER}},
    {"postmaster, without a domain", "postmaster", "ben@reject.test",
	"reject.test", "550 5.7.26", "", {0}},
    {"a good one", "anna@reject.test", "ben@note.test", "good.test",
	"250 2.0.0", "anna ben", {0}},
    {"to be quarantined", "anna@reject.test", "ben@note.test",
	"quarantine.test", "250 2.0.0", "anna(junk) ben", {0, VERDICT_OWNER}},
    {"both cannot know", "anna@reject.test", "ben@junk.test", "away.test",
	"451 4.4.3", "", {0}},
    {"one does not want to know", "anna@reject.test", "ben@note.test",
	"away.test", "250 2.0.0", "anna ben", {VERDICT_UNKNOWN}},
    {"two authors", "anna@reject.test", "ben@junk.test",
	"good.test, x@reject.test", "550 5.7.1", "", {0}},
    {"two authors, one notes", "anna@reject.test", "ben@note.test",
	"good.test, x@reject.test", "250 2.0.0", "anna(junk) ben",
	{VERDICT_OTHERS}},
};

START_TEST(smtp_judge__by_the_recipients_domains)
{
	const struct fixture_delivery *g = &k.got[0];
	struct buf in, out;
	bool off = strcmp(wishes[_i].name, "nobody looks") == 0;

	ops.lookup = wish_lookup;
	ops.inbound = wish;
	k.may_defer = true;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in,
	    "EHLO client.example.test\r\nMAIL FROM:<x@good.test>\r\n"
	    "RCPT TO:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n"
	    "From: x@%s\r\n\r\nhello\r\n.\r\nQUIT\r\n",
	    wishes[_i].first, wishes[_i].second, wishes[_i].author);
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert_msg(sv_find(buf_sv(&out), sv_str(wishes[_i].want)) < out.n,
	    "%s: %.*s", wishes[_i].name, SV_ARG(buf_sv(&out)));
	ck_assert_uint_eq(k.ngot, wishes[_i].want[0] == '2');
	ck_assert_msg(sv_eq(buf_sv(&g->accounts), sv_str(wishes[_i].accounts)),
	    "%s: %.*s", wishes[_i].name, SV_ARG(buf_sv(&g->accounts)));
	ck_assert_uint_eq(g->override[0], wishes[_i].override[0]);
	ck_assert_uint_eq(g->override[1], wishes[_i].override[1]);
	ck_assert(g->judged == (k.ngot == 1 && !off));
	buf_fini(&out);
	buf_fini(&in);
}
END_TEST

/* ---- chunks ---- */

#define CHUNKED                                                           \
	"Authentication-Results: mail.example.org; dmarc=pass\r\n"        \
	"Authentication-Results: other.test; dmarc=pass\r\nFrom: Ben\r\n" \
	" <x@good.test>\r\n\r\nhello\r\n"

/* Wherever its header is cut by BDAT, it is the same message. */
START_TEST(smtp_judge__of_chunks)
{
	const size_t n = sizeof CHUNKED - 1, at = (size_t)_i;
	const struct fixture_delivery *g = &k.got[0];
	struct buf in, out;
	struct sv all;

	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_adds(&in, "EHLO client.example.test\r\nMAIL FROM:<x@good.test>\r\n"
		      "RCPT TO:<anna@example.org>\r\n");
	buf_addf(&in, "BDAT %zu\r\n", at);
	buf_add(&in, CHUNKED, at);
	buf_addf(&in, "BDAT %zu LAST\r\n", n - at);
	buf_add(&in, CHUNKED + at, n - at);
	buf_adds(&in, "QUIT\r\n");
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert_msg(k.ngot == 1, "%zu: %.*s", at, SV_ARG(buf_sv(&out)));
	all = buf_sv(&g->message);
	ck_assert(g->judged && g->verdict.dmarc == AUTH_PASS);
	ck_assert_uint_eq(
	    mail_field_count(all, SV("Authentication-Results")), 2);
	ck_assert(sv_ends(all, SV("\r\nAuthentication-Results: other.test; "
				  "dmarc=pass\r\nFrom: Ben\r\n"
				  " <x@good.test>\r\n\r\nhello\r\n")));
	buf_fini(&out);
	buf_fini(&in);
}
END_TEST

/* ---- slow ones ---- */

/* A message that takes longer than the name servers may: its answers count,
 * and they have their time from its last byte on. */
START_TEST(smtp_judge__of_a_slow_message)
{
	const bool answered = _i == 0;
	const int64_t begin = clk_mono(), timeout = 300;
	struct buf in, out;
	pthread_t th;
	int fd;

	k.o.limits.lookup_timeout = timeout;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in, BEGIN "From: x@held.test\r\n\r\nhel", "good.test");
	fd = fixture_start(&k, &th);
	ck_assert_int_eq(io_write_all(fd, in.p, in.n), RC_OK);
	/* Two names of the walk begin with it; the first is held. */
	wait_for_held(1);
	while (clk_mono() < begin + 3 * timeout)
		(void)usleep(10000);
	ck_assert_int_eq(io_write_all(fd, "lo\r\n.\r\n", 7), RC_OK);
	if (answered)
		release("v=DMARC1; p=reject");
	ck_assert_int_eq(io_write_all(fd, "QUIT\r\n", 6), RC_OK);
	fixture_read_all(fd, &out);
	pthread_join(th, NULL);
	(void)close(fd);
	if (!answered)
		release(NULL); /* when the message is long gone */
	ck_assert_msg(sv_find(buf_sv(&out), answered ? SV("550 5.7.26")
						     : SV("250 2.0.0")) < out.n,
	    "%.*s", SV_ARG(buf_sv(&out)));
	ck_assert_uint_eq(k.ngot, !answered);
	ck_assert(answered || k.got[0].verdict.dmarc == AUTH_TEMPERROR);
	buf_fini(&out);
	buf_fini(&in);
}
END_TEST

/* The process that looks names up dies with questions of many sessions out:
 * none waits for them until its time is up, and no policy is applied. */
START_TEST(smtp_judge__when_the_names_die)
{
	enum {
		MANY = 14
	};
	struct buf in, out[MANY];
	pthread_t th[MANY];
	int fd[MANY], i;

	k.o.limits.lookup_timeout = 600 * 1000;
	buf_init(&in, 4096);
	buf_addf(&in, BEGIN "From: x@held.test\r\n\r\nhello\r\n.\r\nQUIT\r\n",
	    "good.test");
	for (i = 0; i < MANY; i++) {
		buf_init(&out[i], 4096);
		fd[i] = fixture_start(&k, &th[i]);
		ck_assert_int_eq(io_write_all(fd[i], in.p, in.n), RC_OK);
	}
	wait_for_held(MANY);
	release(NULL);
	for (i = 0; i < MANY; i++) {
		fixture_read_all(fd[i], &out[i]);
		pthread_join(th[i], NULL);
		(void)close(fd[i]);
		ck_assert_msg(
		    sv_find(buf_sv(&out[i]), SV("250 2.0.0")) < out[i].n,
		    "%.*s", SV_ARG(buf_sv(&out[i])));
		ck_assert_int_eq(k.got[i].verdict.dmarc, AUTH_TEMPERROR);
		buf_fini(&out[i]);
	}
	ck_assert_uint_eq(k.ngot, MANY);
	buf_fini(&in);
}
END_TEST

/* Who writes from no name at all, and bounces, are not sent away: these are
 * made by programs, some of which know no From. */
static const struct {
	const char *helo, *header;
} bounces[] = {
    {"[192.0.2.7]", "From: MAILER-DAEMON@none.test\r\n"},
    {"mailer", "From: MAILER-DAEMON@none.test\r\n"},
    {"192.0.2.7", "From: MAILER-DAEMON@none.test\r\n"},
    {"mailer", "From: Mail Delivery System\r\n"},
    {"mailer", "Subject: failure notice\r\n"},
};

START_TEST(smtp_judge__of_a_bounce)
{
	struct buf in, out;

	k.may_defer = true;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in,
	    "EHLO %s\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA"
	    "\r\n%s\r\nhello\r\n.\r\nQUIT\r\n",
	    bounces[_i].helo, bounces[_i].header);
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert_msg(sv_find(buf_sv(&out), SV("250 2.0.0")) < out.n, "%.*s",
	    SV_ARG(buf_sv(&out)));
	ck_assert_int_eq(k.got[0].verdict.spf, AUTH_NONE);
	buf_fini(&out);
	buf_fini(&in);
}
END_TEST

/* Our own trouble is no reason to send away what would be taken anyway. */
static const struct {
	const char *first, *second;
	const char *want, *accounts;
} failures[] = {
    {"anna@reject.test", "ben@reject.test", "451 4.3.0", ""},
    {"anna@junk.test", "ben@junk.test", "451 4.3.0", ""},
    {"anna@note.test", "ben@note.test", "250 2.0.0", "anna ben"},
    {"anna@off.test", "ben@off.test", "250 2.0.0", "anna ben"},
    {"anna@reject.test", "ben@note.test", "250 2.0.0", "anna(junk) ben"},
};

START_TEST(smtp_judge__when_openssl_fails)
{
	const struct fixture_delivery *g = &k.got[0];
	struct sv all;
	struct buf in, out;

	ops.lookup = wish_lookup;
	ops.inbound = wish;
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_addf(&in,
	    "EHLO client.example.test\r\nMAIL FROM:<x@good.test>\r\n"
	    "RCPT TO:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n"
	    "Authentication-Results: mail.example.org; dmarc=pass\r\n"
	    "DKIM-Signature: v=1; a=rsa-sha256; d=good.test; s=s; h=from;\r\n"
	    " bh=zS7KNTV0HyeorkDDGwxB1AV6enuRKzO5rthkhdHIRnY=; b=AAAA\r\n"
	    "From: x@good.test\r\n\r\nhello\r\n.\r\nQUIT\r\n",
	    failures[_i].first, failures[_i].second);
	/* No implementation of any hash is found. */
	ck_assert_int_eq(EVP_set_default_properties(NULL, "provider=none"), 1);
	fixture_talk(&k, buf_sv(&in), 0, &out);
	ck_assert_int_eq(EVP_set_default_properties(NULL, ""), 1);
	ck_assert_msg(sv_find(buf_sv(&out), sv_str(failures[_i].want)) < out.n,
	    "%.*s", SV_ARG(buf_sv(&out)));
	ck_assert(sv_eq(buf_sv(&g->accounts), sv_str(failures[_i].accounts)));
	all = buf_sv(&g->message);
	ck_assert(sv_find(all, SV("Authentication-Results")) == all.n);
	ck_assert(!g->judged);
	buf_fini(&out);
	buf_fini(&in);
}
END_TEST

UNIT_TESTS(judge)
{
	TCase *tc = tcase_create("judge");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, smtp_judge__does_what_each_row_says, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_loop_test(tc, smtp_judge__explains_as_spf_does, 0, 2);
	tcase_add_loop_test(tc, smtp_judge__feedback_is_of_the_policy, 0, 6);
	tcase_add_loop_test(tc, smtp_judge__by_the_recipients_domains, 0,
	    (int)(sizeof wishes / sizeof wishes[0]));
	tcase_add_loop_test(tc, smtp_judge__of_chunks, 0, sizeof CHUNKED - 1);
	tcase_add_loop_test(tc, smtp_judge__of_a_bounce, 0,
	    (int)(sizeof bounces / sizeof bounces[0]));
	tcase_add_loop_test(tc, smtp_judge__of_a_slow_message, 0, 2);
	tcase_add_test(tc, smtp_judge__when_the_names_die);
	tcase_add_loop_test(tc, smtp_judge__when_openssl_fails, 0,
	    (int)(sizeof failures / sizeof failures[0]));
	tcase_add_loop_test(tc, smtp_judge__takes_forged_results_out, 0, 2);
	tcase_add_test(tc, smtp_judge__lets_others_have_their_turn);
	tcase_add_test(tc, smtp_judge__asks_to_come_again);
	tcase_add_test(tc, smtp_defer__for_an_hour);
	tcase_add_test(tc, smtp_defer__remembers_messages);
	tcase_add_test(tc, smtp_judge__leaves_mail_of_this_machine_alone);
	tcase_add_test(tc, smtp_judge__bounds_the_header);
	tcase_add_loop_test(tc, smtp_report__rows, 0,
	    (int)(sizeof report_rows / sizeof report_rows[0]));
	tcase_add_test(tc, smtp_report__not_of_what_is_deferred);
	tcase_add_test(tc, smtp_report__addresses);
	return tc;
}
