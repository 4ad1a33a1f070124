#include "msgauth/dkim_verify.h"

#include <stdio.h>
#include <stdlib.h>

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
	struct dkim_verify *v = dkim_verify_new(fields, bodies, sv_str(author));
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

UNIT_TESTS(dkim_verify)
{
	TCase *tc = tcase_create("dkim_verify");

	tcase_add_loop_test(tc, dkim_verify__corpus, 0,
	    (int)(sizeof corpus / sizeof corpus[0]));
	return tc;
}
