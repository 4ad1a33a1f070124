/* Is a record the right one?  As one that verifies mail sees it. */
#include <string.h>

#include "auth/rotator.h"
#include "dns/dns.h"
#include "test/unit/unit.h"

static struct dkim_pair pair, other;
static struct buf ours[DKIM_ALGORITHMS], theirs, sig[DKIM_ALGORITHMS];
static uint8_t hash[DKIM_HASH] = "any";

static void
setup(void)
{
	struct err err;
	int i;

	dkim_key_setup();
	ck_assert_int_eq(dkim_pair_make(1795536046, &pair, &err), RC_OK);
	ck_assert_int_eq(dkim_pair_make(1795536046, &other, &err), RC_OK);
	for (i = 0; i < DKIM_ALGORITHMS; i++) {
		buf_init(&ours[i], 2048);
		buf_init(&sig[i], 2048);
		ck_assert_int_eq(dkim_key_record(pair.key[i], &ours[i]), RC_OK);
		ck_assert_int_eq(
		    dkim_key_sign(pair.key[i], hash, &sig[i]), RC_OK);
	}
	buf_init(&theirs, 2048);
	ck_assert_int_eq(dkim_key_record(other.key[DKIM_RSA], &theirs), RC_OK);
}

static void
teardown(void)
{
	int i;

	for (i = 0; i < DKIM_ALGORITHMS; i++) {
		buf_fini(&ours[i]);
		buf_fini(&sig[i]);
	}
	buf_fini(&theirs);
	dkim_pair_fini(&pair);
	dkim_pair_fini(&other);
}

/* Texts as TXT records of strings with at most `piece` bytes. */
static bool
is_right(int a, struct sv *text, size_t n, size_t piece)
{
	struct dns_answer answer = {.rc = RC_OK, .n = n};
	struct buf wire[3];
	struct sv record[3];
	size_t i;
	bool ok;

	for (i = 0; i < n; i++) {
		struct sv rest = text[i];

		buf_init(&wire[i], 8192);
		while (rest.n > 0) {
			struct sv p = sv_first(rest, piece);

			buf_addc(&wire[i], (char)p.n);
			buf_addsv(&wire[i], p);
			rest = sv_skip(rest, p.n);
		}
		record[i] = buf_sv(&wire[i]);
	}
	answer.record = record;
	ok = rotator_record_is_right(
	    &answer, (enum dkim_algorithm)a, hash, buf_sv(&sig[a]));
	for (i = 0; i < n; i++)
		buf_fini(&wire[i]);
	return ok;
}

/* The record with a part of it replaced. */
static bool
is_right_with(int a, const char *what, const char *with)
{
	struct sv text = buf_sv(&ours[a]), one;
	size_t at = sv_find(text, sv_str(what));
	struct buf b;
	bool ok;

	buf_init(&b, 4096);
	buf_addsv(&b, sv_first(text, at));
	buf_adds(&b, with);
	buf_addsv(&b, sv_skip(text, at + strlen(what)));
	one = buf_sv(&b);
	ok = is_right(a, &one, 1, 255);
	buf_fini(&b);
	return ok;
}

START_TEST(rotator__takes_what_verifiers_take)
{
	static const struct {
		const char *what, *with;
		bool right;
	} rows[] = {
	    {"v=DKIM1; ", "v=DKIM1;", true},
	    {"v=DKIM1; ", "", true},
	    {"; p=", " ;  p = ", true},
	    {"k=rsa; ", "", true},
	    {"k=rsa; ", "k=rsa; t=s; ", true},
	    {"k=rsa; ", "h=sha256; s=*; k=rsa; ", true},
	    {"MII", "M I I", true},
	    {"MII", "M\tII", true},
	    {"k=rsa; ", "h=sha1; k=rsa; ", false},
	    {"k=rsa; ", "s=tlsrpt; k=rsa; ", false},
	    {"k=rsa; ", "k=ed25519; ", false},
	    {"v=DKIM1", "v=DKIM2", false},
	    {"; p=", "\\; p=", false},
	    {"v=DKIM1", "\"v=DKIM1", false},
	    {"p=MII", "p=", false},
	    {"p=MII", "p=; x=", false},
	};
	size_t i;
	int a;

	for (a = 0; a < DKIM_ALGORITHMS; a++) {
		struct sv one = buf_sv(&ours[a]), cut = sv_first(one, 60);

		ck_assert(is_right(a, &one, 1, 255));
		ck_assert(is_right(a, &one, 1, 7));
		ck_assert(!is_right(!a, &one, 1, 255));
		/* Cut by a form. */
		if (a == DKIM_RSA)
			cut = sv_first(one, 255);
		ck_assert(!is_right(a, &cut, 1, 255));
		ck_assert(!is_right(a, NULL, 0, 255));
	}
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(is_right_with(DKIM_RSA, rows[i].what,
				  rows[i].with) == rows[i].right,
		    "%s -> %s", rows[i].what, rows[i].with);
}
END_TEST

START_TEST(rotator__wants_one_key_and_no_more)
{
	struct sv rows[3] = {buf_sv(&ours[0]), SV("v=spf1 -all"), SV("hello")};

	/* What is no key is nobody's matter. */
	ck_assert(is_right(0, rows, 3, 255));
	rows[1] = buf_sv(&theirs);
	ck_assert(!is_right(0, rows, 3, 255));
	ck_assert(!is_right(0, rows + 1, 1, 255));
	rows[1] = buf_sv(&ours[0]);
	ck_assert(!is_right(0, rows, 2, 255));
}
END_TEST

UNIT_TESTS(rotator)
{
	TCase *t = tcase_create("rotator");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, rotator__takes_what_verifiers_take);
	tcase_add_test(t, rotator__wants_one_key_and_no_more);
	return t;
}
