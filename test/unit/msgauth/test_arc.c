#include "msgauth/arc.h"

#include "base/base64.h"
#include "msgauth/dkim.h"
#include "msgauth/taglist.h"
#include "test/unit/msgauth/signer.h"
#include "test/unit/msgauth/zone.h"
#include "test/unit/unit.h"

#define NOW 1795536046
#define HEADER                                                        \
	"From: Ben <ben@home.test>\r\nTo: list@one.test\r\n"          \
	"Subject: hello\r\nDate: Tue, 24 Nov 2026 11:36:46 +0000\r\n" \
	"Message-ID: <1@home.test>\r\n"
#define BODY "Hello\r\n"

static struct dkim_pair pair;

/* The keys of one.test, two.test, three.test: the same. */
static struct zone *
keys(void)
{
	static const char *const names[] = {"s._domainkey.one.test",
	    "s._domainkey.two.test", "s._domainkey.three.test"};
	struct zone *z = zone_new();
	struct buf b;
	size_t i;

	buf_init(&b, 10000);
	ck_assert_int_eq(dkim_key_record(pair.key[DKIM_RSA], &b), RC_OK);
	for (i = 0; i < 3; i++)
		zone_add_record(z, sv_str(names[i]), SV("TXT"), buf_sv(&b));
	buf_fini(&b);
	return z;
}

/* Puts a set on top of *header, as host `domain` with this body would. */
static int
seal(struct buf *header, const char *domain, enum auth_result cv,
    const char *results, const char *body)
{
	struct dkim_hash *h = dkim_hash_new();
	uint8_t hash[DKIM_HASH], bh[DKIM_HASH];
	struct arc_seal_what w = {.cv = cv,
	    .results = sv_str(results),
	    .algorithm = DKIM_RSA,
	    .domain = sv_str(domain),
	    .selector = SV("s"),
	    .time = NOW,
	    .body_hash = bh};
	struct arc_seal *s = NULL;
	struct buf sig, out;
	int r, i;

	dkim_hash_feed(h, sv_str(body));
	ck_assert_int_eq(dkim_hash_end(h, bh), RC_OK);
	dkim_hash_free(&h);
	r = arc_seal_new(&w, buf_sv(header), &s);
	if (r != RC_OK)
		return r;
	buf_init(&sig, 1000);
	buf_init(&out, 1000000);
	for (i = 0; i < 2; i++) {
		buf_reset(&sig);
		ck_assert_int_eq(arc_seal_hash(s, hash), RC_OK);
		ck_assert_int_eq(
		    dkim_key_sign(pair.key[DKIM_RSA], hash, &sig), RC_OK);
		arc_seal_signature(s, buf_sv(&sig));
	}
	ck_assert_int_eq(arc_seal_write(s, &out), RC_OK);
	buf_addsv(&out, buf_sv(header));
	buf_set(header, buf_sv(&out));
	arc_seal_free(&s);
	buf_fini(&out);
	buf_fini(&sig);
	return RC_OK;
}

static struct arc_verify *
verify(struct sv header, const char *body, struct zone *z)
{
	struct fieldset *fields = fieldset_new(header);
	struct bodies *bodies = bodies_new();
	struct lookup *l = lookup_new();
	struct arc_verify *a = arc_verify_new(fields, bodies, NULL);

	fieldset_free(&fields);
	bodies_feed(bodies, sv_str(body));
	ck_assert_int_eq(bodies_end(bodies), RC_OK);
	while (arc_verify_evaluate(a, bodies, l, NOW) == RC_MORE)
		ck_assert_uint_gt(zone_answer(z, l), 0);
	lookup_free(&l);
	bodies_free(&bodies);
	return a;
}

static void
expect(struct sv header, const char *body, struct zone *z,
    enum auth_result result, enum arc_reason reason)
{
	struct arc_verify *a = verify(header, body, z);
	const struct arc_outcome *o = arc_verify_get(a);

	ck_assert_msg(o->result == result && o->reason == reason, "%s (%s, %s)",
	    auth_result_name(o->result), arc_reason_text(o->reason),
	    dkim_reason_text(o->why));
	arc_verify_free(&a);
}

#define AAR1 "one.test; dmarc=pass header.from=home.test; spf=pass"
#define AAR2 "two.test; dmarc=fail header.from=home.test"

static void
three_sets(struct buf *b)
{
	buf_set(b, SV(HEADER));
	ck_assert_int_eq(seal(b, "one.test", AUTH_NONE, AAR1, BODY), RC_OK);
	ck_assert_int_eq(seal(b, "two.test", AUTH_PASS, AAR2, BODY), RC_OK);
	ck_assert_int_eq(seal(b, "three.test", AUTH_PASS, AAR2, BODY), RC_OK);
}

static bool
is_trusted(void *arg, const char *domain)
{
	return strstr(arg, domain) != NULL;
}

START_TEST(arc__three_hosts)
{
	struct zone *z = keys();
	const struct arc_outcome *o;
	struct arc_verify *a;
	struct buf b;
	char none[] = "", last[] = "three.test", two[] = "three.test two.test";
	char all[] = "three.test two.test one.test", first[] = "one.test";

	buf_init(&b, 1000000);
	three_sets(&b);
	a = verify(buf_sv(&b), BODY, z);
	o = arc_verify_get(a);
	ck_assert_msg(o->result == AUTH_PASS, "%s %s",
	    arc_reason_text(o->reason), dkim_reason_text(o->why));
	ck_assert_uint_eq(o->n, 3);
	ck_assert_uint_eq(o->oldest_pass, 0);
	ck_assert_str_eq(o->sealer[0], "one.test");
	ck_assert_str_eq(o->sealer[2], "three.test");
	ck_assert(sv_starts(arc_verify_results(a, 1), SV("one.test; dmarc=")));
	/* Trust begins at the newest. */
	ck_assert_uint_eq(arc_trusted_down_to(o, is_trusted, none), 0);
	ck_assert_uint_eq(arc_trusted_down_to(o, is_trusted, first), 0);
	ck_assert_uint_eq(arc_trusted_down_to(o, is_trusted, last), 3);
	ck_assert_uint_eq(arc_trusted_down_to(o, is_trusted, two), 2);
	ck_assert_uint_eq(arc_trusted_down_to(o, is_trusted, all), 1);
	ck_assert(!arc_vouches(a, 0, SV("home.test")));
	ck_assert(!arc_vouches(a, 2, SV("home.test")));
	ck_assert(arc_vouches(a, 1, SV("home.test")));
	ck_assert(!arc_vouches(a, 1, SV("bank.test")));
	arc_verify_free(&a);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* What a sealer has seen, as large providers and others write it. */
static const struct {
	const char *results;
	bool vouches; /* for home.test */
} seen[] = {
    {"mx.microsoft.test 1; spf=pass smtp.mailfrom=home.test;"
     " dmarc=pass action=none header.from=home.test;"
     " dkim=pass header.d=home.test; arc=none",
	true},
    {"mx.microsoft.test 1; spf=pass smtp.mailfrom=home.test;"
     " dmarc=fail action=oreject header.from=home.test; arc=none",
	false},
    {"mx.google.test;\r\n       dkim=pass header.i=@home.test header.s=s"
     " header.b=\"ab/+cd==\";\r\n       spf=pass (google.test: domain of"
     " ben@home.test designates 192.0.2.1 as permitted sender)"
     " smtp.mailfrom=ben@home.test;\r\n       dmarc=pass (p=REJECT sp=REJECT"
     " dis=NONE) header.from=home.test",
	true},
    {"i.test; dmarc=pass (p=none; header.from=home.test)"
     " header.from=bank.test",
	false},
    {"i.test; dmarc=none header.from=home.test; spf=pass", false},
    {"i.test; dmarc=pass header.from=HOME.test", true},
    {"i.test; dmarc=pass header.from=\"home.test\"", true},
    {"i.test; dmarc=pass header.from=sub.home.test", false},
    {"i.test; x=\"dmarc=pass header.from=home.test\"", false},
    {"i.test; none", false},
    {"", false},
};

START_TEST(arc__vouches)
{
	struct zone *z = keys();
	struct arc_verify *a;
	struct buf b;

	buf_init(&b, 1000000);
	buf_set(&b, SV(HEADER));
	ck_assert_int_eq(
	    seal(&b, "one.test", AUTH_NONE, seen[_i].results, BODY), RC_OK);
	a = verify(buf_sv(&b), BODY, z);
	ck_assert_int_eq(arc_verify_get(a)->result, AUTH_PASS);
	ck_assert_msg(arc_vouches(a, 1, SV("home.test")) == seen[_i].vouches,
	    "%s", seen[_i].results);
	arc_verify_free(&a);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* A host in the middle has changed the body: the older signatures do not hold
 * any more, which is no failure. */
START_TEST(arc__oldest_pass)
{
	struct zone *z = keys();
	const struct arc_outcome *o;
	struct arc_verify *a;
	struct buf b;

	buf_init(&b, 1000000);
	buf_adds(&b, HEADER);
	ck_assert_int_eq(seal(&b, "one.test", AUTH_NONE, AAR1, BODY), RC_OK);
	ck_assert_int_eq(
	    seal(&b, "two.test", AUTH_PASS, AAR2, BODY "footer\r\n"), RC_OK);
	ck_assert_int_eq(
	    seal(&b, "three.test", AUTH_PASS, AAR2, BODY "footer\r\n"), RC_OK);
	a = verify(buf_sv(&b), BODY "footer\r\n", z);
	o = arc_verify_get(a);
	ck_assert_int_eq(o->result, AUTH_PASS);
	ck_assert_uint_eq(o->oldest_pass, 2);
	arc_verify_free(&a);
	expect(buf_sv(&b), BODY, z, AUTH_FAIL, ARC_R_MESSAGE);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* Each byte of the sets and of what they cover. */
START_TEST(arc__any_byte)
{
	struct zone *z = keys();
	struct arc_verify *a;
	struct buf b, c;
	size_t i;

	buf_init(&b, 1000000);
	buf_init(&c, 1000000);
	buf_adds(&b, HEADER);
	ck_assert_int_eq(seal(&b, "one.test", AUTH_NONE, AAR1, BODY), RC_OK);
	ck_assert_int_eq(seal(&b, "two.test", AUTH_PASS, AAR2, BODY), RC_OK);
	for (i = 0; i < b.n; i++) {
		if (b.p[i] == '\r' || b.p[i] == '\n' || b.p[i] == '\t')
			continue;
		buf_set(&c, buf_sv(&b));
		c.p[i] ^= 1;
		a = verify(buf_sv(&c), BODY, z);
		ck_assert_msg(arc_verify_get(a)->result != AUTH_PASS,
		    "byte %zu: %s", i, c.p + i);
		arc_verify_free(&a);
	}
	buf_fini(&c);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* ---- the structure ---- */

/* Field n of a header (from 0) left out, or put in twice. */
static void
edit(struct sv header, size_t n, size_t times, struct buf *out)
{
	struct mail_field f;
	size_t i;

	buf_reset(out);
	while (mail_field_next(&header, &f))
		for (i = n-- == 0 ? times : 1; i > 0; i--)
			buf_addsv(out, f.whole);
}

START_TEST(arc__structure)
{
	struct zone *z = keys();
	struct buf b, c;
	size_t i;

	buf_init(&b, 1000000);
	buf_init(&c, 1000000);
	expect(SV(HEADER), BODY, z, AUTH_NONE, ARC_R_NONE);
	three_sets(&b);
	for (i = 0; i < 9; i++) {
		edit(buf_sv(&b), i, 0, &c);
		expect(buf_sv(&c), BODY, z, AUTH_FAIL, ARC_R_SETS);
		edit(buf_sv(&b), i, 2, &c);
		expect(buf_sv(&c), BODY, z, AUTH_FAIL, ARC_R_SETS);
	}
	/* The newest seal is left out, all three fields of it: the chain is a
	 * shorter one, and good. */
	edit(buf_sv(&b), 0, 0, &c);
	buf_set(&b, buf_sv(&c));
	edit(buf_sv(&b), 0, 0, &c);
	buf_set(&b, buf_sv(&c));
	edit(buf_sv(&b), 0, 0, &c);
	expect(buf_sv(&c), BODY, z, AUTH_PASS, ARC_R_NONE);
	buf_fini(&c);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

static const struct {
	const char *fields;
	enum arc_reason want;
} rows[] = {
    {"ARC-Seal: i=0; cv=none; a=rsa-sha256; d=a.test; s=s; b=AAAA\r\n",
	ARC_R_SYNTAX},
    {"ARC-Seal: i=51; cv=pass; a=rsa-sha256; d=a.test; s=s; b=AAAA\r\n",
	ARC_R_SYNTAX},
    {"ARC-Seal: i=x\r\n", ARC_R_SYNTAX},
    {"ARC-Seal: cv=none\r\n", ARC_R_SYNTAX},
    {"ARC-Seal:\r\n", ARC_R_SYNTAX},
    {"ARC-Authentication-Results: a.test; spf=pass\r\n", ARC_R_SYNTAX},
    {"ARC-Authentication-Results: i=1; a.test; spf=pass\r\n", ARC_R_SETS},
    {"ARC-Seal: i=1; cv=fail; a=rsa-sha256; d=a.test; s=s; b=AAAA\r\n",
	ARC_R_FAILED},
    {"ARC-Seal: i=1; cv=pass; a=rsa-sha256; d=a.test; s=s; b=AAAA\r\n"
     "ARC-Message-Signature: i=1; a=rsa-sha256; d=a.test; s=s; h=from; "
     "bh=AA==; b=AAAA\r\n"
     "ARC-Authentication-Results: i=1; a.test; none\r\n",
	ARC_R_CV},
};

START_TEST(arc__row)
{
	struct zone *z = zone_new();

	expect(sv_str(rows[_i].fields), "", z, AUTH_FAIL, rows[_i].want);
	ck_assert_uint_eq(zone_asked(z), 0);
	zone_free(&z);
}
END_TEST

/* [RFC 8617 4.1.3, 5.2.1] */
START_TEST(arc__fails_for_good)
{
	struct zone *z = keys();
	struct buf b;
	size_t at;

	buf_init(&b, 1000000);
	three_sets(&b);
	zone_free(&z);
	z = zone_new();
	zone_add(z, "s._domainkey.three.test TIMEOUT");
	expect(buf_sv(&b), BODY, z, AUTH_FAIL, ARC_R_MESSAGE);
	zone_free(&z);
	z = keys();
	at = sv_find(buf_sv(&b), SV("cv=pass;"));
	memcpy(b.p + at, "h=date; ", 8);
	expect(buf_sv(&b), BODY, z, AUTH_FAIL, ARC_R_CV);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

START_TEST(arc__a_signature_does_not_cover_seals)
{
	static const struct {
		const char *h;
		enum dkim_reason why;
	} names[] = {{"from:ARC-Seal", DKIM_R_SYNTAX}, {"to", DKIM_R_FROM},
	    {"from:arc-authentication-results", DKIM_R_BODY}};
	struct zone *z = keys();
	struct arc_verify *a;
	struct buf b;
	size_t i;

	buf_init(&b, 100000);
	for (i = 0; i < 3; i++) {
		buf_reset(&b);
		buf_addf(&b,
		    "ARC-Seal: i=1; cv=none; a=rsa-sha256; d=one.test; s=s; "
		    "b=AAAA\r\n"
		    "ARC-Message-Signature: i=1; a=rsa-sha256; d=one.test; s=s;"
		    " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA;"
		    " h=%s\r\n"
		    "ARC-Authentication-Results: i=1; " AAR1 "\r\n" HEADER,
		    names[i].h);
		a = verify(buf_sv(&b), BODY, z);
		ck_assert_int_eq(arc_verify_get(a)->reason, ARC_R_MESSAGE);
		ck_assert_int_eq(arc_verify_get(a)->why, names[i].why);
		arc_verify_free(&a);
	}
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* ---- sealing ---- */

/* [RFC 8617 5.1.2] Is the newest seal, the first field, good for the first
 * three fields alone? */
static bool
covers_its_own_set(struct sv header)
{
	struct mail_field seal, ams, aar;
	struct dkim_record key;
	uint8_t hash[DKIM_HASH];
	struct buf canon, own, sig, record;
	size_t at;
	struct dkim_claim claim;
	unsigned bits;
	bool ok;

	ck_assert(mail_field_next(&header, &seal));
	ck_assert(mail_field_next(&header, &ams));
	ck_assert(mail_field_next(&header, &aar));
	buf_init(&canon, 100000);
	buf_init(&own, 10000);
	buf_init(&sig, 10000);
	buf_init(&record, 10000);
	dkim_field_relaxed(&aar, &canon);
	buf_adds(&canon, "\r\n");
	dkim_field_relaxed(&ams, &canon);
	buf_adds(&canon, "\r\n");
	at = sv_find(seal.whole, SV("\tb=")) + 3;
	buf_addsv(&own, sv_first(seal.whole, at));
	ck_assert_int_eq(
	    dkim_signature_hash(buf_sv(&canon), buf_sv(&own), hash), RC_OK);
	buf_reset(&own);
	taglist_unfold(sv_skip(seal.whole, at), &own);
	ck_assert_int_eq(base64_decode(buf_sv(&own), &sig), RC_OK);
	ck_assert_int_eq(dkim_key_record(pair.key[DKIM_RSA], &record), RC_OK);
	ck_assert_int_eq(dkim_record_parse(buf_sv(&record), &key), RC_OK);
	claim = (struct dkim_claim){DKIM_RSA, false, hash, buf_sv(&sig)};
	ok = dkim_record_verify(&key, &claim, NULL, &bits) == DKIM_R_NONE;
	buf_fini(&record);
	buf_fini(&sig);
	buf_fini(&own);
	buf_fini(&canon);
	return ok;
}

START_TEST(arc_seal__of_a_broken_chain)
{
	struct zone *z = keys();
	struct arc_verify *a;
	struct buf b, c;

	buf_init(&b, 1000000);
	buf_init(&c, 1000000);
	buf_adds(&b, HEADER);
	ck_assert_int_eq(seal(&b, "one.test", AUTH_NONE, AAR1, BODY), RC_OK);
	/* two.test has got it changed, and says so. */
	ck_assert_int_eq(
	    seal(&b, "two.test", AUTH_FAIL, AAR2, "Changed\r\n"), RC_OK);
	a = verify(buf_sv(&b), "Changed\r\n", z);
	ck_assert_int_eq(arc_verify_get(a)->reason, ARC_R_FAILED);
	ck_assert_uint_eq(arc_verify_get(a)->n, 2);
	arc_verify_free(&a);
	ck_assert(covers_its_own_set(buf_sv(&b)));
	ck_assert(sv_find(buf_sv(&b), SV("i=2; a=rsa-sha256; cv=fail;")) < b.n);
	/* Nobody adds to it. */
	ck_assert_int_eq(
	    seal(&b, "three.test", AUTH_FAIL, AAR2, "Changed\r\n"), RC_DENIED);
	/* A chain with a hole, whatever the caller thinks. */
	three_sets(&b);
	ck_assert(!covers_its_own_set(buf_sv(&b)));
	edit(buf_sv(&b), 4, 0, &c);
	ck_assert_int_eq(seal(&c, "one.test", AUTH_PASS, AAR2, BODY), RC_OK);
	ck_assert(sv_find(buf_sv(&c), SV("i=4; a=rsa-sha256; cv=fail;")) < c.n);
	buf_fini(&c);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

START_TEST(arc_seal__fifty)
{
	struct zone *z = keys();
	struct arc_verify *a;
	struct buf b;
	int i;

	buf_init(&b, 1000000);
	buf_adds(&b, HEADER);
	for (i = 0; i < ARC_MAX; i++)
		ck_assert_int_eq(
		    seal(&b, "one.test", i == 0 ? AUTH_NONE : AUTH_PASS, AAR1,
			BODY),
		    RC_OK);
	a = verify(buf_sv(&b), BODY, z);
	ck_assert_int_eq(arc_verify_get(a)->result, AUTH_PASS);
	ck_assert_uint_eq(arc_verify_get(a)->n, 50);
	arc_verify_free(&a);
	ck_assert_int_eq(
	    seal(&b, "one.test", AUTH_PASS, AAR1, BODY), RC_DENIED);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

static void
setup(void)
{
	struct err err;

	dkim_key_setup();
	ck_assert_int_eq(dkim_pair_make(NOW, &pair, &err), RC_OK);
}

static void
teardown(void)
{
	dkim_pair_fini(&pair);
}

/* A message signature with an end that has come while the message waited for
 * us; its seal is no seal, which is found out only after that. */
START_TEST(arc__expires_by_the_first_try)
{
	const int64_t first[] = {0, NOW - 7200, NOW - 10};
	struct bodies *bodies = bodies_new();
	struct lookup *l = lookup_new();
	struct zone *z = zone_new();
	const struct arc_outcome *o;
	struct fieldset *fields;
	struct arc_verify *a;
	struct buf b, id;
	char tags[200];

	buf_init(&b, 10000);
	buf_init(&id, 10000);
	buf_adds(&b, "s._domainkey.one.test TXT ");
	signer_record(signer_rsa(1024), "v=DKIM1; ", &b);
	zone_add(z, b.p);
	buf_reset(&b);
	buf_adds(&b, "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=one.test; s=s;"
		     " b=AAAA\r\n");
	(void)snprintf(tags, sizeof tags,
	    "i=1; a=rsa-sha256; d=one.test; s=s; h=from; x=%lld",
	    (long long)NOW - 3600);
	signer_sign(signer_rsa(1024), "ARC-Message-Signature", tags, SV(HEADER),
	    SV(BODY), &b);
	buf_adds(
	    &b, "ARC-Authentication-Results: i=1; one.test; none\r\n" HEADER);
	fields = fieldset_new(buf_sv(&b));
	a = arc_verify_new(fields, bodies, NULL);
	fieldset_free(&fields);
	arc_verify_expiring(a, &id);
	ck_assert_uint_eq(id.n, 128);
	if (first[_i] != 0)
		arc_verify_first_seen(a, first[_i]);
	bodies_feed(bodies, SV(BODY));
	ck_assert_int_eq(bodies_end(bodies), RC_OK);
	while (arc_verify_evaluate(a, bodies, l, NOW) == RC_MORE)
		ck_assert_uint_gt(zone_answer(z, l), 0);
	o = arc_verify_get(a);
	ck_assert_int_eq(o->reason, _i == 1 ? ARC_R_SEAL : ARC_R_MESSAGE);
	ck_assert_int_eq(o->why, _i == 1 ? DKIM_R_SIGNATURE : DKIM_R_EXPIRED);
	arc_verify_free(&a);
	lookup_free(&l);
	bodies_free(&bodies);
	buf_fini(&id);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

UNIT_TESTS(arc)
{
	TCase *tc = tcase_create("arc");

	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_add_test(tc, arc__three_hosts);
	tcase_add_loop_test(
	    tc, arc__vouches, 0, (int)(sizeof seen / sizeof seen[0]));
	tcase_add_test(tc, arc__oldest_pass);
	tcase_add_test(tc, arc__any_byte);
	tcase_add_test(tc, arc__structure);
	tcase_add_loop_test(
	    tc, arc__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, arc__fails_for_good);
	tcase_add_test(tc, arc__a_signature_does_not_cover_seals);
	tcase_add_test(tc, arc_seal__of_a_broken_chain);
	tcase_add_test(tc, arc_seal__fifty);
	tcase_add_loop_test(tc, arc__expires_by_the_first_try, 0, 3);
	return tc;
}
