#include "msgauth/check.h"

#include <stdio.h>
#include <time.h>

#include "msgauth/dkim.h"
#include "test/unit/msgauth/signer.h"
#include "test/unit/msgauth/zone.h"
#include "test/unit/unit.h"

#define NOW 1795536046
#define HEADER                                              \
	"From: Ben <ben@home.test>\r\nTo: anna@us.test\r\n" \
	"Subject: hello\r\nDate: Tue, 24 Nov 2026 11:36:46 +0000\r\n"
#define BODY "Hello\r\n"
#define TAGS                                           \
	"v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; " \
	"s=s; h=from:to:subject:date"

static struct in6_addr
peer(void)
{
	struct in6_addr a = {0};

	a.s6_addr[10] = a.s6_addr[11] = 0xff;
	a.s6_addr[12] = 192;
	a.s6_addr[14] = 2;
	a.s6_addr[15] = 1;
	return a;
}

static struct check *
begin(const char *helo, const char *sender)
{
	struct check_envelope e = {.peer = peer(),
	    .helo = sv_str(helo),
	    .sender = sv_str(sender),
	    .receiver = SV("mx.us.test"),
	    .now = NOW};

	return check_new(&e);
}

/* Evaluates with answers that come round by round. */
static void
finish(struct check *c, struct zone *z)
{
	ck_assert_int_eq(check_end(c), RC_OK);
	while (check_evaluate(c) == RC_MORE)
		ck_assert_uint_gt(zone_answer(z, check_lookup(c)), 0);
}

static struct check *
run(const char *helo, const char *sender, struct sv header, struct zone *z)
{
	struct check *c = begin(helo, sender);

	ck_assert_int_eq(check_evaluate(c), RC_MORE);
	check_header(c, header);
	check_body(c, SV(BODY));
	finish(c, z);
	return c;
}

static void
sign(const char *domain, struct buf *out)
{
	char tags[300];

	(void)snprintf(tags, sizeof tags, TAGS, domain);
	signer_sign(signer_rsa(1024), "DKIM-Signature", tags, SV(HEADER),
	    SV(BODY), out);
}

static struct zone *
good_zone(void)
{
	struct zone *z = zone_new();
	struct buf b;

	buf_init(&b, 10000);
	buf_adds(&b, "s._domainkey.home.test TXT ");
	signer_record(signer_rsa(1024), "v=DKIM1; ", &b);
	zone_add(z, b.p);
	zone_add(z, "home.test TXT v=spf1 mx -all");
	zone_add(z, "home.test MX 10 m.home.test");
	zone_add(z, "m.home.test A 192.0.2.1");
	zone_add(z, "m.home.test TXT v=spf1 a -all");
	zone_add(z, "1.2.0.192.in-addr.arpa PTR m.home.test");
	zone_add(z, "_dmarc.home.test TXT v=DMARC1; p=reject");
	buf_fini(&b);
	return z;
}

START_TEST(check__a_good_message)
{
	struct zone *z = good_zone();
	const struct check_result *r;
	struct check *c;
	struct buf b;
	size_t at;

	buf_init(&b, 100000);
	sign("home.test", &b);
	buf_adds(&b, HEADER);
	c = run("m.home.test", "ben@home.test", buf_sv(&b), z);
	r = check_result(c);
	ck_assert_int_eq(r->iprev.result, AUTH_PASS);
	ck_assert_str_eq(r->iprev.name, "m.home.test");
	ck_assert_int_eq(r->mailfrom.result, AUTH_PASS);
	ck_assert_int_eq(r->helo.result, AUTH_PASS);
	ck_assert_int_eq(r->dkim[0].result, AUTH_PASS);
	ck_assert_int_eq(r->dmarc.result, AUTH_PASS);
	ck_assert(r->dmarc.spf_aligned && r->dmarc.dkim_aligned);
	ck_assert_int_eq(r->arc.result, AUTH_NONE);
	/* Nothing is asked twice: TXT, MX, A, TXT, PTR, _dmarc (2), key. */
	ck_assert_uint_eq(zone_asked(z), 8);
	at = sv_find(buf_sv(&b), SV("; b=")) + 4;
	{
		char want[1000];
		struct buf out;

		buf_init(&out, 10000);
		(void)snprintf(want, sizeof want,
		    "Authentication-Results: mx.us.test;\r\n"
		    "\tiprev=pass policy.iprev=192.0.2.1;\r\n"
		    "\tspf=pass smtp.mailfrom=home.test;\r\n"
		    "\tspf=pass smtp.helo=m.home.test;\r\n"
		    "\tdkim=pass header.d=home.test header.s=s "
		    "header.a=rsa-sha256\r\n\t header.b=");
		check_authres(r, "mx.us.test", false, &out);
		ck_assert_msg(
		    sv_starts(buf_sv(&out), sv_str(want)), "%s", out.p);
		ck_assert_msg(sv_ends(buf_sv(&out),
				  SV(";\r\n\tdmarc=pass header.from=home.test "
				     "policy.dmarc=reject;\r\n"
				     "\tarc=none\r\n")),
		    "%s", out.p);
		ck_assert(memcmp(r->dkim[0].b, b.p + at, 8) == 0);
		buf_fini(&out);
	}
	check_free(&c);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* Ten signatures of domains whose servers are silent, and a sender whose are,
 * too: the author's policy is applied all the same. */
START_TEST(check__silence_buys_nothing)
{
	struct zone *z = zone_new();
	const struct check_result *r;
	char name[64];
	struct check *c;
	struct buf b;
	int i;

	buf_init(&b, 100000);
	for (i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof name, "d%d.slow.test", i);
		sign(name, &b);
		(void)snprintf(
		    name, sizeof name, "s._domainkey.d%d.slow.test TIMEOUT", i);
		zone_add(z, name);
		(void)snprintf(
		    name, sizeof name, "_dmarc.d%d.slow.test TIMEOUT", i);
		zone_add(z, name);
	}
	zone_add(z, "slow.test TIMEOUT");
	zone_add(z, "_dmarc.slow.test TIMEOUT");
	zone_add(z, "_dmarc.bank.test TXT v=DMARC1; p=reject");
	buf_adds(&b, "From: x@bank.test\r\n");
	c = run("slow.test", "x@slow.test", buf_sv(&b), z);
	r = check_result(c);
	ck_assert_uint_eq(r->ndkim, 10);
	ck_assert_int_eq(r->mailfrom.result, AUTH_TEMPERROR);
	ck_assert_int_eq(r->dmarc.result, AUTH_FAIL);
	ck_assert_int_eq(r->dmarc.disposition, DMARC_P_REJECT);
	check_free(&c);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* The same, and the time is up before those servers say anything: the author's
 * questions are the first, and have been answered. */
START_TEST(check__the_author_comes_first)
{
	struct zone *z = zone_new();
	const struct check_result *r;
	struct lookup_question q;
	struct dns_answer a;
	struct check *c;
	struct lookup *l;
	struct buf b;

	buf_init(&b, 100000);
	sign("slow.test", &b);
	buf_adds(&b, "From: x@bank.test\r\n");
	c = begin("slow.test", "x@slow.test");
	l = check_lookup(c);
	check_header(c, buf_sv(&b));
	check_body(c, SV(BODY));
	ck_assert_int_eq(check_end(c), RC_OK);
	ck_assert_int_eq(check_evaluate(c), RC_MORE);
	ck_assert(lookup_open(l, &q));
	ck_assert_int_eq(q.part, LOOKUP_AUTHOR);
	ck_assert_str_eq(q.name, "_dmarc.bank.test");
	/* answered with a failure: deferred, not passed */
	dns_answer_init(&a);
	a.rc = RC_TIMEOUT;
	lookup_answer(l, q.id, &a);
	lookup_expire(l);
	ck_assert_int_eq(check_evaluate(c), RC_OK);
	r = check_result(c);
	ck_assert_int_eq(r->dmarc.result, AUTH_TEMPERROR);
	ck_assert_int_eq(r->dmarc.disposition, DMARC_P_NONE);
	ck_assert_int_eq(r->dkim[0].result, AUTH_TEMPERROR);
	check_free(&c);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

START_TEST(check__a_key_of_the_author_is_silent)
{
	struct zone *z = zone_new();
	struct check *c;
	struct buf b;

	buf_init(&b, 100000);
	zone_add(z, "_dmarc.home.test TXT v=DMARC1; p=reject");
	zone_add(z, "s._domainkey.home.test TIMEOUT");
	sign("home.test", &b);
	buf_adds(&b, HEADER);
	c = run("x.test", "x@list.test", buf_sv(&b), z);
	ck_assert_int_eq(check_result(c)->dmarc.result, AUTH_TEMPERROR);
	check_free(&c);
	/* A body that was changed cannot pass, whatever the key is. */
	c = begin("x.test", "x@list.test");
	check_header(c, buf_sv(&b));
	check_body(c, SV("changed\r\n"));
	finish(c, z);
	ck_assert_int_eq(check_result(c)->dmarc.result, AUTH_FAIL);
	check_free(&c);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

static const struct {
	const char *header;
	enum dmarc_author author;
} refused[] = {
    {"From: a@bank.test, b@evil.test\r\n", DMARC_AUTHOR_DOMAINS},
    {"From: a@bank.test\r\nFrom: b@evil.test\r\n", DMARC_AUTHOR_FIELDS},
    {"To: a@bank.test\r\n", DMARC_AUTHOR_NONE},
    {"From: x\r\n", DMARC_AUTHOR_SYNTAX},
};

START_TEST(check__who_is_not_one_author)
{
	struct zone *z = good_zone();
	struct check *c = run("m.home.test", "", sv_str(refused[_i].header), z);
	struct buf b;

	buf_init(&b, 10000);
	ck_assert_int_eq(check_author(c), refused[_i].author);
	ck_assert_int_eq(check_result(c)->dmarc.result, AUTH_PERMERROR);
	/* the null sender: SPF is of HELO */
	ck_assert(check_result(c)->null_sender);
	ck_assert_int_eq(check_result(c)->mailfrom.result, AUTH_PASS);
	check_authres(check_result(c), "mx.us.test", true, &b);
	ck_assert(sv_find(buf_sv(&b), SV("smtp.mailfrom")) == b.n);
	ck_assert(sv_find(buf_sv(&b), SV("dmarc=permerror reason=")) < b.n);
	check_free(&c);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* HELO, sender, d= and s= that would like to say something. */
START_TEST(check__nothing_is_injected)
{
	static const char *const evil[] = {"x;dkim=pass header.d=bank.test",
	    "x\r\nX: y", "\"; dmarc=pass", "(", "a\\", "[192.0.2.1]",
	    "x.test\tdkim=pass", "\xe2\x82\xac.test"};
	struct zone *z = zone_new();
	struct check *c;
	struct buf b, s;

	buf_init(&b, 10000);
	buf_init(&s, 1000);
	buf_addf(&s, "ben@%s", evil[_i]);
	buf_addf(&b,
	    "DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=%s; h=from; "
	    "bh=AAAA; b=AAAA\r\nFrom: <x@%s>\r\n",
	    evil[_i], evil[_i], evil[_i]);
	c = run(evil[_i], s.p, buf_sv(&b), z);
	buf_reset(&b);
	check_authres(check_result(c), "mx.us.test", false, &b);
	ck_assert_msg(sv_find(buf_sv(&b), SV("dmarc=pass")) == b.n &&
			  sv_find(buf_sv(&b), SV("dkim=pass")) == b.n &&
			  sv_find(buf_sv(&b), SV("\nX:")) == b.n,
	    "%s", b.p);
	ck_assert_uint_eq(
	    mail_field_count(buf_sv(&b), SV("Authentication-Results")), 1);
	check_free(&c);
	buf_fini(&s);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* ---- one that we have asked to come again ---- */

#define EXPIRES (NOW - 3600)
static const struct {
	const char *name;
	const char *tags; /* besides TAGS */
	int64_t first;	  /* 0: it has not been here */
	enum auth_result dkim;
	enum dkim_reason reason;
} tries[] = {
    {"expired", "; x=1795532446", 0, AUTH_POLICY, DKIM_R_EXPIRED},
    {"not when it came first", "; x=1795532446", EXPIRES - 10, AUTH_PASS,
	DKIM_R_NONE},
    {"then, within the drift", "; x=1795532446", EXPIRES + DKIM_DRIFT,
	AUTH_PASS, DKIM_R_NONE},
    {"then, too", "; x=1795532446", EXPIRES + DKIM_DRIFT + 1, AUTH_POLICY,
	DKIM_R_EXPIRED},
    {"signed after it came first", "; t=1795532446", EXPIRES - 7200, AUTH_PASS,
	DKIM_R_NONE},
    {"signed in the future still", "; t=1795536347", EXPIRES, AUTH_POLICY,
	DKIM_R_FUTURE},
    {"first seen after now", "; x=1795536000", NOW + 86400, AUTH_PASS,
	DKIM_R_NONE},
};

START_TEST(check__expires_by_the_first_try)
{
	bool ends = strstr(tries[_i].tags, "x=") != NULL;
	struct zone *z = good_zone();
	const struct check_result *r;
	struct check *c = begin("x.test", "x@forwarder.test");
	struct buf b, id;
	char tags[300];

	(void)snprintf(
	    tags, sizeof tags, TAGS "%s", "home.test", tries[_i].tags);
	buf_init(&b, 100000);
	buf_init(&id, 100000);
	signer_sign(
	    signer_rsa(1024), "DKIM-Signature", tags, SV(HEADER), SV(BODY), &b);
	buf_adds(&b, HEADER);
	check_header(c, buf_sv(&b));
	check_body(c, SV(BODY));
	check_expiring(c, &id);
	ck_assert_uint_eq(id.n, ends ? 128 : 0);
	if (tries[_i].first != 0)
		check_first_seen(c, tries[_i].first);
	finish(c, z);
	r = check_result(c);
	ck_assert_msg(r->dkim[0].result == tries[_i].dkim &&
			  r->dkim[0].reason == tries[_i].reason,
	    "%s: %s", tries[_i].name, dkim_reason_text(r->dkim[0].reason));
	ck_assert_int_eq(r->dmarc.result,
	    tries[_i].dkim == AUTH_PASS ? AUTH_PASS : AUTH_FAIL);
	check_free(&c);
	buf_fini(&id);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

START_TEST(check__may_be_given_up)
{
	struct check *c = begin("x.test", "y@x.test");

	ck_assert_int_eq(check_evaluate(c), RC_MORE);
	check_free(&c);
	ck_assert_ptr_null(c);
	check_free(&c);
	c = begin("", "");
	check_header(c, SV(""));
	ck_assert_int_eq(check_evaluate(c), RC_MORE);
	check_free(&c);
}
END_TEST

/* ---- the table of questions ---- */

START_TEST(lookup__limits_and_sharing)
{
	struct lookup *l = lookup_new();
	struct lookup_question q;
	struct dns_answer a;
	char name[32];
	size_t i, n = lookup_limit(LOOKUP_DKIM);

	ck_assert(lookup_news(l, LOOKUP_DKIM) && !lookup_news(l, LOOKUP_DKIM));
	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof name, "k%zu.test", i);
		ck_assert_ptr_null(
		    lookup_get(l, LOOKUP_DKIM, DNS_TXT, sv_str(name)));
	}
	ck_assert_int_eq(
	    lookup_get(l, LOOKUP_DKIM, DNS_TXT, SV("more.test"))->rc, RC_TEMP);
	ck_assert_ptr_null(lookup_get(l, LOOKUP_ARC, DNS_TXT, SV("more.test")));
	/* what another part has asked costs nothing */
	ck_assert_ptr_null(
	    lookup_get(l, LOOKUP_DKIM, DNS_TXT, SV("MORE.test")));
	ck_assert_uint_eq(lookup_used(l, LOOKUP_DKIM), n);
	ck_assert_uint_eq(lookup_waiting(l), n + 1);
	(void)lookup_news(l, LOOKUP_ARC);
	while (lookup_open(l, &q))
		if (strcmp(q.name, "more.test") == 0)
			break;
	ck_assert_int_eq(q.part, LOOKUP_ARC);
	dns_answer_init(&a);
	a.rc = RC_SYNTAX;
	lookup_answer(l, q.id, &a);
	a.rc = RC_OK;
	lookup_answer(l, q.id, &a); /* too late */
	lookup_answer(l, 0, &a);
	lookup_answer(l, 9999, &a);
	ck_assert_int_eq(
	    lookup_get(l, LOOKUP_DKIM, DNS_TXT, SV("more.test"))->rc,
	    RC_NOTFOUND);
	ck_assert(lookup_news(l, LOOKUP_ARC) && lookup_news(l, LOOKUP_DKIM));
	ck_assert(!lookup_news(l, LOOKUP_ARC));
	lookup_expire(l);
	ck_assert_uint_eq(lookup_waiting(l), 0);
	ck_assert_int_eq(
	    lookup_get(l, LOOKUP_AUTHOR, DNS_TXT, SV("x.test"))->rc, RC_TEMP);
	lookup_free(&l);
}
END_TEST

/* Large answers for one part: what another part wants of them is asked again,
 * and the author's come first whoever has asked before. */
START_TEST(lookup__bytes)
{
	static char text[255 * 64];
	struct lookup *l = lookup_new();
	const struct dns_answer *a;
	struct lookup_question q;
	struct zone *z = zone_new();
	struct sv record = sv_of(text, sizeof text - 1000);
	char name[32];
	int i;

	memset(text, 'x', sizeof text);
	for (i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof name, "k%d.test", i);
		zone_add_record(z, sv_str(name), SV("TXT"), record);
		ck_assert_ptr_null(
		    lookup_get(l, LOOKUP_HELO, DNS_TXT, sv_str(name)));
	}
	(void)zone_answer(z, l);
	a = lookup_get(l, LOOKUP_HELO, DNS_TXT, SV("k0.test"));
	ck_assert_int_eq(a->rc, RC_OK);
	a = lookup_get(l, LOOKUP_HELO, DNS_TXT, SV("k29.test"));
	ck_assert_int_eq(a->rc, RC_TEMP);
	ck_assert_ptr_null(lookup_get(l, LOOKUP_DKIM, DNS_TXT, SV("k29.test")));
	ck_assert_uint_eq(zone_answer(z, l), 1);
	a = lookup_get(l, LOOKUP_DKIM, DNS_TXT, SV("k29.test"));
	ck_assert_int_eq(a->rc, RC_OK);
	/* above the limit of one answer: for nobody */
	zone_add_record(z, SV("k29.test"), SV("TXT"), record);
	zone_add_record(z, SV("big.test"), SV("TXT"), record);
	zone_add_record(z, SV("big.test"), SV("TXT"), record);
	ck_assert_ptr_null(lookup_get(l, LOOKUP_DKIM, DNS_TXT, SV("big.test")));
	ck_assert_ptr_null(lookup_get(l, LOOKUP_DKIM, DNS_TXT, SV("x.test")));
	ck_assert_ptr_null(
	    lookup_get(l, LOOKUP_MAILFROM, DNS_TXT, SV("_dmarc.a.test")));
	ck_assert_ptr_null(
	    lookup_get(l, LOOKUP_AUTHOR, DNS_TXT, SV("_dmarc.a.test")));
	ck_assert(lookup_open(l, &q));
	ck_assert_str_eq(q.name, "_dmarc.a.test");
	(void)zone_answer(z, l);
	a = lookup_get(l, LOOKUP_DKIM, DNS_TXT, SV("big.test"));
	ck_assert_int_eq(a->rc, RC_TEMP);
	a = lookup_get(l, LOOKUP_ARC, DNS_TXT, SV("big.test"));
	ck_assert_int_eq(a->rc, RC_TEMP);
	zone_free(&z);
	lookup_free(&l);
}
END_TEST

static const struct {
	const char *name;
	bool valid;
} names[] = {
    {"a", true},
    {"a.b", true},
    {"_x.b", true},
    {"", false},
    {".", false},
    {".a", false},
    {"a.", false},
    {"a..b", false},
    {"a\n.b", false},
    {"123456789012345678901234567890123456789012345678901234567890123.b", true},
    {"1234567890123456789012345678901234567890123456789012345678901234.b",
	false},
};

START_TEST(lookup_name_valid__row)
{
	ck_assert_msg(
	    lookup_name_valid(sv_str(names[_i].name)) == names[_i].valid, "%s",
	    names[_i].name);
}
END_TEST

/* ---- what it costs ---- */

/* Not tests of time: they print what checking and signing take. */
static double
cpu_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

START_TEST(dkim__cost_of_signing)
{
	struct dkim_pair pair;
	double from;
	int i, k, rounds = 100;
	struct err err;
	struct buf body;

	ck_assert_int_eq(dkim_pair_make(NOW, &pair, &err), RC_OK);
	buf_init(&body, 100000);
	while (body.n < 10000)
		buf_adds(&body, "A line of a message as people write it.\r\n");
	from = cpu_ms();
	for (i = 0; i < rounds; i++) {
		struct dkim_hash *h = dkim_hash_new();
		uint8_t bh[DKIM_HASH], hash[DKIM_HASH];
		struct buf h_names, canon, field, sig;

		buf_init(&h_names, 4000);
		buf_init(&canon, 100000);
		dkim_header_choose(SV(HEADER), &h_names, &canon);
		dkim_hash_feed(h, buf_sv(&body));
		ck_assert_int_eq(dkim_hash_end(h, bh), RC_OK);
		for (k = 0; k < DKIM_ALGORITHMS; k++) {
			struct dkim_signature s = {
			    .algorithm = (enum dkim_algorithm)k,
			    .domain = SV("home.test"),
			    .selector = SV("s"),
			    .time = NOW,
			    .names = buf_sv(&h_names),
			    .body_hash = bh};

			buf_init(&field, 8000);
			buf_init(&sig, 1000);
			dkim_signature_begin(&s, &field);
			ck_assert_int_eq(dkim_signature_hash(buf_sv(&canon),
					     buf_sv(&field), hash),
			    RC_OK);
			ck_assert_int_eq(
			    dkim_key_sign(pair.key[k], hash, &sig), RC_OK);
			dkim_signature_end(buf_sv(&sig), &field);
			buf_fini(&sig);
			buf_fini(&field);
		}
		buf_fini(&canon);
		buf_fini(&h_names);
		dkim_hash_free(&h);
	}
	printf("signing 10 KB with both keys: %.3f ms of CPU\n",
	    (cpu_ms() - from) / rounds);
	buf_fini(&body);
	dkim_pair_fini(&pair);
}
END_TEST

START_TEST(check__cost)
{
	double from;
	struct zone *z = good_zone();
	struct buf b, body;
	struct check *c;
	int i, rounds = 200;

	buf_init(&b, 100000);
	buf_init(&body, 100000);
	buf_adds(&b, "s2._domainkey.home.test TXT ");
	signer_record(signer_rsa(2048), "v=DKIM1; ", &b);
	zone_add(z, b.p);
	while (body.n < 10000)
		buf_adds(&body, "A line of a message as people write it.\r\n");
	buf_reset(&b);
	signer_sign(signer_rsa(2048), "DKIM-Signature",
	    "v=1; a=rsa-sha256; c=relaxed/relaxed; d=home.test; s=s2; "
	    "h=from:to:subject:date",
	    SV(HEADER), buf_sv(&body), &b);
	buf_adds(&b, HEADER);
	from = cpu_ms();
	for (i = 0; i < rounds; i++) {
		c = begin("m.home.test", "ben@home.test");
		check_header(c, buf_sv(&b));
		check_body(c, buf_sv(&body));
		finish(c, z);
		ck_assert_int_eq(check_result(c)->dkim[0].result, AUTH_PASS);
		check_free(&c);
	}
	printf("checking 10 KB with one RSA-2048 signature: %.3f ms of CPU\n",
	    (cpu_ms() - from) / rounds);
	buf_fini(&body);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

UNIT_TESTS(check)
{
	TCase *tc = tcase_create("check");

	tcase_add_test(tc, check__a_good_message);
	tcase_add_test(tc, check__silence_buys_nothing);
	tcase_add_test(tc, check__the_author_comes_first);
	tcase_add_test(tc, check__a_key_of_the_author_is_silent);
	tcase_add_loop_test(tc, check__who_is_not_one_author, 0,
	    (int)(sizeof refused / sizeof refused[0]));
	tcase_add_loop_test(tc, check__nothing_is_injected, 0, 8);
	tcase_add_loop_test(tc, check__expires_by_the_first_try, 0,
	    (int)(sizeof tries / sizeof tries[0]));
	tcase_add_test(tc, check__may_be_given_up);
	tcase_add_test(tc, lookup__limits_and_sharing);
	tcase_add_test(tc, lookup__bytes);
	tcase_add_loop_test(tc, lookup_name_valid__row, 0,
	    (int)(sizeof names / sizeof names[0]));
	tcase_add_test(tc, check__cost);
	tcase_add_test(tc, dkim__cost_of_signing);
	return tc;
}
