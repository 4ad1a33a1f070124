#include "msgauth/dkim_verify.h"

#include <stdio.h>

#include <openssl/x509.h>

#include "base/base64.h"
#include "test/unit/msgauth/signer.h"
#include "test/unit/msgauth/zone.h"
#include "test/unit/unit.h"

#define NOW 1795536046

/* ---- messages that others have signed ---- */

static void
read_file(const char *name, struct buf *out)
{
	char path[300];
	char piece[4096];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", AUTH_DATA, name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		buf_add(out, piece, n);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert(buf_ok(out));
}

/* Lines "name  record", as the test data of Mail::DKIM has them. */
static struct zone *
corpus_zone(void)
{
	struct zone *z = zone_new();
	struct buf text;
	struct sv rest;

	buf_init(&text, 100000);
	read_file("dkim/dns.txt", &text);
	for (rest = buf_sv(&text); rest.p != NULL;) {
		struct sv line = sv_split(&rest, '\n'), name;

		if (line.n == 0 || line.p[0] == '#')
			continue;
		name = sv_split(&line, ' ');
		line = sv_trim(line);
		if (sv_starts(line, SV("~~")))
			zone_add_record(z, name, SV("TIMEOUT"), SV(""));
		else if (sv_eq(line, SV("\"\"")))
			zone_add_record(z, name, SV("TXT"), SV(""));
		else if (!sv_eq(line, SV("NXDOMAIN")))
			zone_add_record(z, name, SV("TXT"), line);
	}
	buf_fini(&text);
	return z;
}

struct judged {
	size_t n, found;
	struct dkim_verdict v[DKIM_VERIFY_MAX];
};

static void
verify(struct sv header, struct sv body, struct zone *z, const char *author,
    int64_t now, struct judged *out)
{
	struct fieldset *fields = fieldset_new(header);
	struct bodies *bodies = bodies_new();
	struct dkim_verify *v =
	    dkim_verify_new(fields, bodies, sv_str(author), NULL);
	struct lookup *l = lookup_new();
	size_t i;

	fieldset_free(&fields);
	ck_assert(dkim_verify_count(v) == 0 ||
		  dkim_verify_evaluate(v, bodies, l, now) == RC_MORE ||
		  lookup_waiting(l) == 0);
	for (i = 0; i < body.n; i += 7)
		bodies_feed(bodies, sv_first(sv_skip(body, i), 7));
	ck_assert_int_eq(bodies_end(bodies), RC_OK);
	while (dkim_verify_evaluate(v, bodies, l, now) == RC_MORE)
		ck_assert_uint_gt(zone_answer(z, l), 0);
	out->n = dkim_verify_count(v);
	out->found = dkim_verify_found(v);
	for (i = 0; i < out->n; i++)
		out->v[i] = *dkim_verify_get(v, i);
	lookup_free(&l);
	dkim_verify_free(&v);
	bodies_free(&bodies);
}

static void
verify_message(struct sv text, struct zone *z, struct judged *out)
{
	struct mail_header_scan scan = {0};

	if (!mail_header_scan(&scan, text))
		mail_header_scan_end(&scan, text);
	verify(sv_first(text, scan.body), sv_skip(text, scan.body), z, "", NOW,
	    out);
}

static const struct {
	const char *file;
	size_t n;
	enum auth_result result; /* of the first */
	enum dkim_reason reason;
} corpus[] = {
    {"goodkey_ed25519.txt", 1, AUTH_PASS, DKIM_R_NONE},
    {"badkey1_ed25519.txt", 1, AUTH_FAIL, DKIM_R_BODY},
    {"badkey2_ed25519.txt", 1, AUTH_FAIL, DKIM_R_SIGNATURE},
    {"badkey4_ed25519.txt", 1, AUTH_FAIL, DKIM_R_BODY},
    /* h=md5:sha1, and in testing */
    {"badkey_11.txt", 1, AUTH_NEUTRAL, DKIM_R_KEY_HASH},
    {"badkey_1.txt", 1, AUTH_PERMERROR, DKIM_R_VERSION},
    /* [RFC 8301 3.1] good ones, before that */
    {"badkey_10.txt", 1, AUTH_PERMERROR, DKIM_R_SHA1},
    {"good_rfc4871_3.txt", 1, AUTH_PERMERROR, DKIM_R_SHA1},
    {"multiple_2.txt", 4, AUTH_PERMERROR, DKIM_R_SHA1},
    {"ignore_5.txt", 1, AUTH_PERMERROR, DKIM_R_SHA1},
    /* drafts, without v= and bh= */
    {"good_ietf01_1.txt", 1, AUTH_PERMERROR, DKIM_R_MISSING},
    {"no_body_1.txt", 1, AUTH_PERMERROR, DKIM_R_VERSION},
};

START_TEST(dkim_verify__corpus)
{
	struct zone *z = corpus_zone();
	char path[100];
	struct judged j;
	struct buf b;

	buf_init(&b, 1000000);
	(void)snprintf(path, sizeof path, "dkim/%s", corpus[_i].file);
	read_file(path, &b);
	verify_message(buf_sv(&b), z, &j);
	ck_assert_uint_eq(j.n, corpus[_i].n);
	ck_assert_msg(j.v[0].result == corpus[_i].result &&
			  j.v[0].reason == corpus[_i].reason,
	    "%s: %s (%s)", corpus[_i].file, auth_result_name(j.v[0].result),
	    dkim_reason_text(j.v[0].reason));
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* ---- RFC 8463 A.3: both signatures ---- */

static const char rfc_header[] =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    " subject : date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
    " d=football.example.com; i=@football.example.com;\r\n"
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
    " date : message-id : from : subject : date;\r\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";

static const char rfc_body[] =
    "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

static struct zone *
rfc_zone(void)
{
	struct zone *z = zone_new();

	zone_add(z,
	    "brisbane._domainkey.football.example.com TXT v=DKIM1; "
	    "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
	zone_add(z,
	    "test._domainkey.football.example.com TXT v=DKIM1; k=rsa; "
	    "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3id"
	    "Y6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/B"
	    "C/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip"
	    "3G+2kryOTIKT+l/K4w3QIDAQAB");
	return z;
}

START_TEST(dkim_verify__rfc_8463)
{
	struct zone *z = rfc_zone();
	struct judged j;

	verify(sv_str(rfc_header), sv_str(rfc_body), z, "", NOW, &j);
	ck_assert_uint_eq(j.n, 2);
	ck_assert_int_eq(j.v[0].result, AUTH_PASS);
	ck_assert_int_eq(j.v[1].result, AUTH_PASS);
	ck_assert_uint_eq(j.v[1].bits, 1024);
	ck_assert_str_eq(j.v[0].domain, "football.example.com");
	ck_assert_str_eq(j.v[0].selector, "brisbane");
	ck_assert_str_eq(j.v[0].b, "/gCrinpc");
	ck_assert_int_eq(j.v[0].signed_at, 1528637909);
	zone_free(&z);
}
END_TEST

/* Each byte of it, with the other bit of each letter's case: whatever is
 * signed. */
START_TEST(dkim_verify__any_signed_byte)
{
	struct zone *z = rfc_zone();
	size_t from = sv_find(sv_str(rfc_header), SV("From: Joe")), i;
	struct judged j;
	struct buf b;

	buf_init(&b, 10000);
	for (i = from; i < sizeof rfc_header - 1; i++) {
		buf_set(&b, sv_str(rfc_header));
		b.p[i] ^= 1;
		verify(buf_sv(&b), sv_str(rfc_body), z, "", NOW, &j);
		ck_assert_msg(j.n == 2 && j.v[0].result != AUTH_PASS &&
				  j.v[1].result != AUTH_PASS,
		    "byte %zu of the header", i);
	}
	for (i = 0; i < sizeof rfc_body - 1; i++) {
		buf_set(&b, sv_str(rfc_body));
		b.p[i] ^= 1;
		verify(sv_str(rfc_header), buf_sv(&b), z, "", NOW, &j);
		ck_assert_msg(j.v[0].reason == DKIM_R_BODY &&
				  j.v[1].reason == DKIM_R_BODY,
		    "byte %zu of the body", i);
	}
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* ---- our own rows ---- */

#define HEADER                                      \
	"From: Ben <ben@home.test>\r\n"             \
	"To:  anna@out.test\r\nSubject: a \tb \r\n" \
	"Received: x\r\nReceived: y\r\n"
#define OK_TAGS "v=1; a=rsa-sha256; d=home.test; s=s; h=from:to:subject"

enum key {
	RSA_1024,
	RSA_768,
	RSA_2048,
	RSA_4096,
	ED25519
};

static EVP_PKEY *
key_of(enum key k)
{
	switch (k) {
	case RSA_1024:
		return signer_rsa(1024);
	case RSA_768:
		return signer_rsa(768);
	case RSA_2048:
		return signer_rsa(2048);
	case RSA_4096:
		return signer_rsa(4096);
	case ED25519:
		break;
	}
	return signer_ed25519();
}

static const struct {
	const char *name;
	const char *tags;   /* NULL: OK_TAGS */
	const char *record; /* tags before p=; NULL: "v=DKIM1; " */
	const char *body;   /* as signed */
	const char *more;   /* the body's end that was not */
	enum key key;
	enum auth_result result;
	enum dkim_reason reason;
} rows[] = {
    {"simple", NULL, NULL, "a\r\n", "", RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"relaxed", OK_TAGS "; c=relaxed/relaxed", NULL, "a\r\n", "", RSA_1024,
	AUTH_PASS, DKIM_R_NONE},
    {"relaxed header only", OK_TAGS "; c=relaxed", NULL, "a \r\n", "", RSA_1024,
	AUTH_PASS, DKIM_R_NONE},
    {"2048", NULL, NULL, "a\r\n", "", RSA_2048, AUTH_PASS, DKIM_R_NONE},
    {"4096", NULL, NULL, "a\r\n", "", RSA_4096, AUTH_PASS, DKIM_R_NONE},
    {"768", NULL, NULL, "a\r\n", "", RSA_768, AUTH_PERMERROR, DKIM_R_KEY_SHORT},
    {"Ed25519", "v=1; a=ed25519-sha256; d=home.test; s=s; h=from:from",
	"v=DKIM1; k=ed25519; ", "a\r\n", "", ED25519, AUTH_PASS, DKIM_R_NONE},
    {"empty lines at the end", NULL, NULL, "a\r\n", "\r\n\r\n", RSA_1024,
	AUTH_PASS, DKIM_R_NONE},
    {"no body, simple", NULL, NULL, "", "", RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"no body, relaxed", OK_TAGS "; c=relaxed/relaxed", NULL, "", "", RSA_1024,
	AUTH_PASS, DKIM_R_NONE},
    {"line ends only, simple", NULL, NULL, "", "\r\n\r\n", RSA_1024, AUTH_PASS,
	DKIM_R_NONE},
    {"line ends only, relaxed", OK_TAGS "; c=relaxed/relaxed", NULL, "",
	"\r\n\r\n", RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"a body that grew", NULL, NULL, "a\r\n", "b\r\n", RSA_1024, AUTH_FAIL,
	DKIM_R_BODY},
    {"l=", OK_TAGS "; l=3", NULL, "a\r\n", "b\r\n", RSA_1024, AUTH_POLICY,
	DKIM_R_LENGTH},
    {"l= of the whole body", OK_TAGS "; l=3", NULL, "a\r\n", "", RSA_1024,
	AUTH_POLICY, DKIM_R_LENGTH},
    {"l=0", OK_TAGS "; l=0", NULL, "a\r\n", "b\r\n", RSA_1024, AUTH_POLICY,
	DKIM_R_LENGTH},
    {"l= that cuts a line", OK_TAGS "; l=2; c=simple/relaxed", NULL, "ab\r\n",
	"c\r\n", RSA_1024, AUTH_POLICY, DKIM_R_LENGTH},
    {"l= above the body", OK_TAGS "; l=99", NULL, "a\r\n", "", RSA_1024,
	AUTH_PERMERROR, DKIM_R_SHORT},
    {"l= of 76 digits",
	OK_TAGS "; l=9999999999999999999999999999999999999999999999999999999"
		"999999999999999999999",
	NULL, "a\r\n", "", RSA_1024, AUTH_PERMERROR, DKIM_R_SHORT},
    {"l=-1", OK_TAGS "; l=-1", NULL, "a\r\n", "", RSA_1024, AUTH_PERMERROR,
	DKIM_R_SYNTAX},
    {"expired", OK_TAGS "; x=1795535700", NULL, "a\r\n", "", RSA_1024,
	AUTH_POLICY, DKIM_R_EXPIRED},
    {"expired, within the drift", OK_TAGS "; x=1795535800", NULL, "a\r\n", "",
	RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"expired, and changed", OK_TAGS "; x=1795535700", NULL, "a\r\n", "b",
	RSA_1024, AUTH_FAIL, DKIM_R_BODY},
    {"8 s in the future", OK_TAGS "; t=1795536054", NULL, "a\r\n", "", RSA_1024,
	AUTH_PASS, DKIM_R_NONE},
    {"a day in the future", OK_TAGS "; t=1795622446", NULL, "a\r\n", "",
	RSA_1024, AUTH_POLICY, DKIM_R_FUTURE},
    {"x= before t=", OK_TAGS "; t=1795536000; x=1795535999", NULL, "a\r\n", "",
	RSA_1024, AUTH_PERMERROR, DKIM_R_SYNTAX},
    {"x= of 13 digits", OK_TAGS "; t=1795536000; x=1795536000000", NULL,
	"a\r\n", "", RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"no From", "v=1; a=rsa-sha256; d=home.test; s=s; h=to:subject", NULL,
	"a\r\n", "", RSA_1024, AUTH_PERMERROR, DKIM_R_FROM},
    {"v=2", "v=2; a=rsa-sha256; d=home.test; s=s; h=from", NULL, "a\r\n", "",
	RSA_1024, AUTH_PERMERROR, DKIM_R_VERSION},
    {"no v=", "a=rsa-sha256; d=home.test; s=s; h=from", NULL, "a\r\n", "",
	RSA_1024, AUTH_PERMERROR, DKIM_R_MISSING},
    {"a tag twice", OK_TAGS "; s=s", NULL, "a\r\n", "", RSA_1024,
	AUTH_PERMERROR, DKIM_R_SYNTAX},
    {"unknown tag", OK_TAGS "; zz=1", NULL, "a\r\n", "", RSA_1024, AUTH_PASS,
	DKIM_R_NONE},
    {"unknown algorithm", "v=1; a=dsa-sha256; d=home.test; s=s; h=from", NULL,
	"a\r\n", "", RSA_1024, AUTH_PERMERROR, DKIM_R_ALGORITHM},
    {"unknown canonicalization", OK_TAGS "; c=nowsp", NULL, "a\r\n", "",
	RSA_1024, AUTH_PERMERROR, DKIM_R_CANON},
    {"unknown query", OK_TAGS "; q=dns/xyz", NULL, "a\r\n", "", RSA_1024,
	AUTH_PERMERROR, DKIM_R_QUERY},
    {"several queries", OK_TAGS "; q=x : dns/txt", NULL, "a\r\n", "", RSA_1024,
	AUTH_PASS, DKIM_R_NONE},
    {"i= below", OK_TAGS "; i=ben@x.home.test", NULL, "a\r\n", "", RSA_1024,
	AUTH_PASS, DKIM_R_NONE},
    {"i= elsewhere", OK_TAGS "; i=ben@badhome.test", NULL, "a\r\n", "",
	RSA_1024, AUTH_PERMERROR, DKIM_R_DOMAIN},
    {"i= below, t=s", OK_TAGS "; i=@x.home.test", "v=DKIM1; t=s; ", "a\r\n", "",
	RSA_1024, AUTH_PERMERROR, DKIM_R_KEY_STRICT},
    {"t=s", OK_TAGS "; i=ben@home.test", "v=DKIM1; t=x:s; ", "a\r\n", "",
	RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"t=y", NULL, "v=DKIM1; t=y; ", "a\r\n", "", RSA_1024, AUTH_PASS,
	DKIM_R_NONE},
    {"key without v=", NULL, "k=rsa; ", "a\r\n", "", RSA_1024, AUTH_PASS,
	DKIM_R_NONE},
    {"s=*", NULL, "v=DKIM1; s=*; ", "a\r\n", "", RSA_1024, AUTH_PASS,
	DKIM_R_NONE},
    {"s=email:tlsrpt", NULL, "v=DKIM1; s=email:tlsrpt; ", "a\r\n", "", RSA_1024,
	AUTH_PASS, DKIM_R_NONE},
    {"s=tlsrpt", NULL, "v=DKIM1; s=tlsrpt; ", "a\r\n", "", RSA_1024,
	AUTH_PERMERROR, DKIM_R_KEY_SERVICE},
    {"h=sha1:sha256", NULL, "v=DKIM1; h=sha1 : sha256; ", "a\r\n", "", RSA_1024,
	AUTH_PASS, DKIM_R_NONE},
    {"h=rsa-sha256", NULL, "v=DKIM1; h=rsa-sha256; ", "a\r\n", "", RSA_1024,
	AUTH_PERMERROR, DKIM_R_KEY_HASH},
    {"h=sha1", NULL, "v=DKIM1; h=sha1; ", "a\r\n", "", RSA_1024, AUTH_PERMERROR,
	DKIM_R_KEY_HASH},
    {"k=ed25519 for RSA", NULL, "v=DKIM1; k=ed25519; ", "a\r\n", "", RSA_1024,
	AUTH_PERMERROR, DKIM_R_KEY_TYPE},
    {"v=DKIM2", NULL, "v=DKIM2; ", "a\r\n", "", RSA_1024, AUTH_PERMERROR,
	DKIM_R_KEY_SYNTAX},
    {"v= is not first", NULL, "k=rsa; v=DKIM1; ", "a\r\n", "", RSA_1024,
	AUTH_PERMERROR, DKIM_R_KEY_SYNTAX},
    {"k=RSA", NULL, "v=DKIM1; k=RSA; h=SHA256; s=Email; ", "a\r\n", "",
	RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"a= and c= in capitals",
	"v=1; a=RSA-SHA256; d=HOME.test; s=S; h=From:TO; q=DNS/TXT", NULL,
	"a\r\n", "", RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"blanks and marks in notes", NULL,
	"v = DKIM1 ;\tn=it's (x \"y\\ z; k = rsa ; h=x :sha256;", "a\r\n", "",
	RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"notes and unknown tags", NULL, "v=DKIM1; n=a=b?; g=*; zz=;; ", "a\r\n",
	"", RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"U-label", "v=1; a=rsa-sha256; d=m\xc3\xbcller.test; s=s; h=from", NULL,
	"a\r\n", "", RSA_1024, AUTH_PASS, DKIM_R_NONE},
    {"d= with one label", "v=1; a=rsa-sha256; d=test; s=s; h=from", NULL,
	"a\r\n", "", RSA_1024, AUTH_PERMERROR, DKIM_R_DOMAIN},
    {"a name that is empty", OK_TAGS "::date:", NULL, "a\r\n", "", RSA_1024,
	AUTH_PASS, DKIM_R_NONE},
    {"only empty names", "v=1; a=rsa-sha256; d=home.test; s=s; h=:", NULL,
	"a\r\n", "", RSA_1024, AUTH_PERMERROR, DKIM_R_FROM},
    {"a name with a blank", OK_TAGS ":x y", NULL, "a\r\n", "", RSA_1024,
	AUTH_PERMERROR, DKIM_R_SYNTAX},
    {"two of a name, the last first", OK_TAGS ":received:received:received",
	NULL, "a\r\n", "", RSA_1024, AUTH_PASS, DKIM_R_NONE},
};

START_TEST(dkim_verify__row)
{
	EVP_PKEY *k = key_of(rows[_i].key);
	const char *tags = rows[_i].tags != NULL ? rows[_i].tags : OK_TAGS;
	struct zone *z = zone_new();
	struct buf b, body, record;
	struct judged j;

	buf_init(&b, 100000);
	buf_init(&body, 100000);
	buf_init(&record, 10000);
	signer_record(k,
	    rows[_i].record != NULL ? rows[_i].record : "v=DKIM1; ", &record);
	zone_add_record(
	    z, SV("s._domainkey.home.test"), SV("TXT"), buf_sv(&record));
	zone_add_record(z, SV("s._domainkey.xn--mller-kva.test"), SV("TXT"),
	    buf_sv(&record));
	buf_adds(&body, rows[_i].body);
	signer_sign(k, "DKIM-Signature", tags, SV(HEADER), buf_sv(&body), &b);
	buf_adds(&b, HEADER);
	buf_adds(&body, rows[_i].more);
	verify(buf_sv(&b), buf_sv(&body), z, "", NOW, &j);
	ck_assert_uint_eq(j.n, 1);
	ck_assert_msg(j.v[0].result == rows[_i].result &&
			  j.v[0].reason == rows[_i].reason,
	    "%s: %s (%s)", rows[_i].name, auth_result_name(j.v[0].result),
	    dkim_reason_text(j.v[0].reason));
	buf_fini(&record);
	buf_fini(&body);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* ---- keys ---- */

/* A message with one good signature, and the zone is what it is. */
static void
verify_good(struct zone *z, struct judged *j)
{
	struct buf b;

	buf_init(&b, 100000);
	signer_sign(signer_rsa(1024), "DKIM-Signature", OK_TAGS, SV(HEADER),
	    SV("a\r\n"), &b);
	buf_adds(&b, HEADER);
	verify(buf_sv(&b), SV("a\r\n"), z, "", NOW, j);
	buf_fini(&b);
}

static const struct {
	const char *name;
	const char *zone[6]; /* "%" is the right record */
	enum auth_result result;
	enum dkim_reason reason;
} keys[] = {
    {"alias", {"s._domainkey.home.test CNAME s.esp.test", "s.esp.test TXT %"},
	AUTH_PASS, DKIM_R_NONE},
    {"two aliases",
	{"s._domainkey.home.test CNAME s.esp.test", "s.esp.test CNAME t.x.test",
	    "t.x.test TXT %"},
	AUTH_PASS, DKIM_R_NONE},
    {"a ruined one first",
	{"s._domainkey.home.test TXT \"v=DKIM1\\; k=rsa\\; p=MIIB\"",
	    "s._domainkey.home.test TXT %"},
	AUTH_PASS, DKIM_R_NONE},
    {"an old one first",
	{"s._domainkey.home.test TXT v=DKIM1; p=", "s._domainkey.home.test TXT "
						   "%"},
	AUTH_PASS, DKIM_R_NONE},
    {"SPF of a wildcard",
	{"s._domainkey.home.test TXT v=spf1 -all",
	    "s._domainkey.home.test TXT %"},
	AUTH_PASS, DKIM_R_NONE},
    {"only SPF", {"s._domainkey.home.test TXT v=spf1 -all"}, AUTH_PERMERROR,
	DKIM_R_KEY_SYNTAX},
    {"revoked", {"s._domainkey.home.test TXT v=DKIM1; p="}, AUTH_PERMERROR,
	DKIM_R_REVOKED},
    {"none", {"home.test A 192.0.2.1"}, AUTH_PERMERROR, DKIM_R_NO_KEY},
    {"timeout", {"s._domainkey.home.test TIMEOUT"}, AUTH_TEMPERROR, DKIM_R_DNS},
    {"junk", {"s._domainkey.home.test TXT v=DKIM1; p=AAAA"}, AUTH_PERMERROR,
	DKIM_R_KEY_SYNTAX},
    {"not base64", {"s._domainkey.home.test TXT v=DKIM1; p=!"}, AUTH_PERMERROR,
	DKIM_R_KEY_SYNTAX},
};

START_TEST(dkim_verify__key)
{
	struct zone *z = zone_new();
	struct buf record, line;
	struct judged j;
	size_t i;

	buf_init(&record, 10000);
	buf_init(&line, 10000);
	signer_record(signer_rsa(1024), "v=DKIM1; ", &record);
	for (i = 0; i < 6 && keys[_i].zone[i] != NULL; i++) {
		struct sv rest = sv_str(keys[_i].zone[i]);

		buf_reset(&line);
		buf_addsv(&line, sv_split(&rest, '%'));
		if (rest.p != NULL)
			buf_addsv(&line, buf_sv(&record));
		zone_add(z, line.p);
	}
	verify_good(z, &j);
	ck_assert_msg(j.v[0].result == keys[_i].result &&
			  j.v[0].reason == keys[_i].reason,
	    "%s: %s (%s)", keys[_i].name, auth_result_name(j.v[0].result),
	    dkim_reason_text(j.v[0].reason));
	buf_fini(&line);
	buf_fini(&record);
	zone_free(&z);
}
END_TEST

/* A test key that does not fit is as if there were no signature. */
START_TEST(dkim_verify__in_testing)
{
	struct zone *z = zone_new();
	struct judged j;
	struct buf b;

	buf_init(&b, 10000);
	buf_adds(&b, "s._domainkey.home.test TXT ");
	signer_record(signer_rsa(2048), "v=DKIM1; t=y; ", &b);
	zone_add(z, b.p);
	verify_good(z, &j);
	ck_assert_int_eq(j.v[0].result, AUTH_NEUTRAL);
	ck_assert_int_eq(j.v[0].reason, DKIM_R_SIGNATURE);
	ck_assert(j.v[0].testing);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

/* [RFC 6376 3.6.1] the RSAPublicKey alone; and neither with a byte more */
START_TEST(dkim_verify__a_bare_key)
{
	unsigned char *der[2] = {NULL, NULL};
	int n[2], i, more;

	n[0] = i2d_PublicKey(signer_rsa(1024), &der[0]);
	n[1] = i2d_PUBKEY(signer_rsa(1024), &der[1]);
	for (i = 0; i < 2; i++)
		for (more = 0; more < 2; more++) {
			struct zone *z = zone_new();
			struct buf b, bytes;
			struct judged j;

			buf_init(&b, 10000);
			buf_init(&bytes, 10000);
			buf_adds(&b, "s._domainkey.home.test TXT p=");
			buf_add(&bytes, der[i], (size_t)n[i]);
			if (more)
				buf_addc(&bytes, 'x');
			base64_encode(buf_sv(&bytes), &b);
			zone_add(z, b.p);
			verify_good(z, &j);
			ck_assert_int_eq(j.v[0].reason,
			    more ? DKIM_R_KEY_SYNTAX : DKIM_R_NONE);
			buf_fini(&bytes);
			buf_fini(&b);
			zone_free(&z);
		}
	OPENSSL_free(der[0]);
	OPENSSL_free(der[1]);
}
END_TEST

/* ---- hostile ones ---- */

START_TEST(dkim_verify__an_exponent_as_long_as_the_key)
{
	struct zone *z = zone_new();
	EVP_PKEY *k = signer_rsa_with(1024, "10000000000000000000000000000001");
	struct judged j;
	struct buf b;

	buf_init(&b, 10000);
	buf_adds(&b, "s._domainkey.home.test TXT ");
	signer_record(k, "v=DKIM1; ", &b);
	zone_add(z, b.p);
	buf_reset(&b);
	signer_sign(k, "DKIM-Signature", OK_TAGS, SV(HEADER), SV("a\r\n"), &b);
	buf_adds(&b, HEADER);
	verify(buf_sv(&b), SV("a\r\n"), z, "", NOW, &j);
	ck_assert_int_eq(j.v[0].reason, DKIM_R_KEY_LONG);
	buf_fini(&b);
	EVP_PKEY_free(k);
	zone_free(&z);
}
END_TEST

START_TEST(dkim_verify__a_thousand_signatures)
{
	struct zone *z = zone_new();
	struct judged j;
	struct buf b;
	int i;

	buf_init(&b, 1000000);
	for (i = 0; i < 1000; i++) {
		if (i == 700)
			signer_sign(signer_rsa(1024), "DKIM-Signature", OK_TAGS,
			    SV(HEADER), SV("a\r\n"), &b);
		buf_addf(&b,
		    "DKIM-Signature: v=1; a=rsa-sha256; d=x%d.test; s=s; "
		    "h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; "
		    "b=AAAA\r\n",
		    i);
	}
	buf_adds(&b, HEADER);
	verify(buf_sv(&b), SV("a\r\n"), z, "", NOW, &j);
	ck_assert_uint_eq(j.n, DKIM_VERIFY_MAX);
	ck_assert_uint_eq(j.found, 1001);
	ck_assert_str_eq(j.v[0].domain, "x0.test");
	/* The author's own comes first, wherever it is. */
	verify(buf_sv(&b), SV("a\r\n"), z, "www.home.test", NOW, &j);
	ck_assert_str_eq(j.v[9].domain, "home.test");
	ck_assert_str_eq(j.v[8].domain, "x8.test");
	ck_assert_uint_le(zone_asked(z), 2 * DKIM_VERIFY_MAX);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

START_TEST(dkim_verify__ten_megabytes_of_header)
{
	struct zone *z = zone_new();
	struct judged j;
	struct buf b;
	int i;

	buf_init(&b, 20000000);
	/* One field of 5 MB, and ten that want every field of the header. */
	buf_adds(&b, "DKIM-Signature: v=1; z=");
	for (i = 0; i < 500000; i++)
		buf_adds(&b, "0123456789");
	buf_adds(&b, "\r\n");
	for (i = 0; i < 9; i++) {
		int k;

		buf_adds(&b, "DKIM-Signature: v=1; a=rsa-sha256; d=x.test; s=s;"
			     " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
			     "; b=AAAA; h=from");
		for (k = 0; k < 900; k++)
			buf_adds(&b, ":x");
		buf_adds(&b, "\r\n");
	}
	for (i = 0; i < 40000; i++)
		buf_addf(&b, "X%s: %0100d\r\n", i % 2 ? "" : "y", i);
	buf_adds(&b, HEADER);
	verify(buf_sv(&b), SV("a\r\n"), z, "", NOW, &j);
	ck_assert_uint_eq(j.n, 10);
	ck_assert_int_eq(j.v[0].reason, DKIM_R_TOO_LONG);
	ck_assert_int_eq(j.v[1].reason, DKIM_R_BODY);
	buf_fini(&b);
	zone_free(&z);
}
END_TEST

UNIT_TESTS(dkim_verify)
{
	TCase *tc = tcase_create("dkim_verify");

	tcase_add_loop_test(tc, dkim_verify__corpus, 0,
	    (int)(sizeof corpus / sizeof corpus[0]));
	tcase_add_test(tc, dkim_verify__rfc_8463);
	tcase_add_test(tc, dkim_verify__any_signed_byte);
	tcase_add_loop_test(
	    tc, dkim_verify__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_loop_test(
	    tc, dkim_verify__key, 0, (int)(sizeof keys / sizeof keys[0]));
	tcase_add_test(tc, dkim_verify__in_testing);
	tcase_add_test(tc, dkim_verify__a_bare_key);
	tcase_add_test(tc, dkim_verify__an_exponent_as_long_as_the_key);
	tcase_add_test(tc, dkim_verify__a_thousand_signatures);
	tcase_add_test(tc, dkim_verify__ten_megabytes_of_header);
	return tc;
}
