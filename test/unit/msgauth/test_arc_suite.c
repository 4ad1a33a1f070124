/* The ARC test suite: chains that others have made, and broken. */
#include "msgauth/arc.h"

#include <stdio.h>

#include "test/unit/msgauth/zone.h"
#include "test/unit/unit.h"

#define NOW 1795536046

/*
 * Where we have another answer: SHA-1 is not accepted [RFC 8301 3.1], and a
 * message signature covers From [RFC 6376 5.4].
 */
static const char *const differs[] = {
    "ams_fields_a_sha1", "as_fields_a_sha1", "ams_fields_h_empty"};

static enum auth_result
judge(struct sv text, struct zone *z)
{
	struct mail_header_scan scan = {0};
	struct bodies *bodies = bodies_new();
	struct lookup *l = lookup_new();
	struct fieldset *fields;
	struct arc_verify *a;
	enum auth_result r;

	if (!mail_header_scan(&scan, text))
		mail_header_scan_end(&scan, text);
	fields = fieldset_new(sv_first(text, scan.body));
	a = arc_verify_new(fields, bodies, NULL);
	fieldset_free(&fields);
	bodies_feed(bodies, sv_skip(text, scan.body));
	ck_assert_int_eq(bodies_end(bodies), RC_OK);
	while (arc_verify_evaluate(a, bodies, l, NOW) == RC_MORE)
		ck_assert_uint_gt(zone_answer(z, l), 0);
	r = arc_verify_get(a)->result;
	arc_verify_free(&a);
	lookup_free(&l);
	bodies_free(&bodies);
	return r;
}

struct run {
	struct zone *z;
	char name[100], want[10];
	struct buf text;
	unsigned n, failed;
};

static void
finish(struct run *r)
{
	enum auth_result result;
	size_t i;

	if (r->name[0] == '\0')
		return;
	for (i = 0; i < sizeof differs / sizeof differs[0]; i++)
		if (strcmp(r->name, differs[i]) == 0)
			(void)snprintf(r->want, sizeof r->want, "fail");
	result = judge(buf_sv(&r->text), r->z);
	r->n++;
	if (strcmp(auth_result_name(result), r->want) != 0) {
		printf("%s: %s, not %s\n", r->name, auth_result_name(result),
		    r->want);
		r->failed++;
	}
	r->name[0] = '\0';
	buf_reset(&r->text);
}

/* As test/data/auth/README.md says. */
static void
feed(struct run *r, struct sv line)
{
	struct sv word, name;

	if (line.n > 0 && line.p[0] == '|') {
		buf_addsv(&r->text, sv_skip(line, 1));
		buf_adds(&r->text, "\r\n");
		return;
	}
	finish(r);
	word = sv_split(&line, ' ');
	if (sv_eq(word, SV("scenario"))) {
		zone_free(&r->z);
		r->z = zone_new();
	} else if (sv_eq(word, SV("key"))) {
		name = sv_split(&line, ' ');
		zone_add_record(r->z, name, SV("TXT"), line);
	} else {
		ck_assert(sv_eq(word, SV("test")));
		name = sv_split(&line, ' ');
		(void)snprintf(r->name, sizeof r->name, "%.*s", SV_ARG(name));
		(void)snprintf(r->want, sizeof r->want, "%.*s", SV_ARG(line));
	}
}

START_TEST(arc_suite__validation)
{
	struct run r = {.z = zone_new()};
	FILE *f = fopen(AUTH_DATA "/arc/validation.txt", "r");
	char line[4096];

	ck_assert_ptr_nonnull(f);
	buf_init(&r.text, 100000);
	while (fgets(line, sizeof line, f) != NULL)
		feed(&r, sv_first(sv_str(line), strlen(line) - 1));
	finish(&r);
	ck_assert_int_eq(fclose(f), 0);
	(void)fflush(stdout);
	ck_assert_uint_eq(r.n, 170);
	ck_assert_uint_eq(r.failed, 0);
	buf_fini(&r.text);
	zone_free(&r.z);
}
END_TEST

UNIT_TESTS(arc_suite)
{
	TCase *tc = tcase_create("arc_suite");

	tcase_add_test(tc, arc_suite__validation);
	return tc;
}
