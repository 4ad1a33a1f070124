/* Buffers, slices, arenas, UTF-8, the log's quoting. */
#include <check.h>
#include <stdint.h>
#include <signal.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/ascii.h"
#include "base/base64.h"
#include "base/fold.h"
#include "base/log.h"
#include "base/nfc.h"
#include "base/utf8.h"
#include "test/unit/unit.h"

static void
check_buf(const struct buf *b)
{
	ck_assert_uint_le(b->n, b->max);
	ck_assert_int_eq(b->p[b->n], '\0');
	ck_assert(b->cap == 0 || b->cap > b->n);
}

START_TEST(buf__keeps_its_invariants)
{
	struct buf b;
	size_t i;

	buf_init(&b, 1000);
	check_buf(&b);
	for (i = 0; i < 5000; i++) {
		size_t before = b.n;

		switch ((unsigned)rand() % 8) {
		case 0:
			buf_addc(&b, 'x');
			break;
		case 1:
			buf_adds(&b, "some words");
			break;
		case 2:
			buf_addf(&b, "%d-%s", (int)i, "y");
			break;
		case 3:
			buf_addu(&b, i);
			break;
		case 4:
			if (buf_reserve(&b, 7) != NULL)
				buf_added(&b, 3);
			break;
		case 5:
			buf_consume(&b, b.n / 3);
			break;
		case 6:
			buf_truncate(&b, b.n - b.n / 4);
			break;
		default:
			if (b.failed) {
				ck_assert_uint_eq(b.n, before);
				buf_reset(&b);
			} else if (rand() % 8 == 0) {
				buf_wipe(&b);
			}
		}
		check_buf(&b);
	}
	buf_fini(&b);
	buf_fini(&b);
	check_buf(&b);
}
END_TEST

START_TEST(buf__refuses_what_is_above_max_and_remembers)
{
	struct buf b;

	buf_init(&b, 4);
	buf_adds(&b, "abcd");
	ck_assert(buf_ok(&b));
	buf_addc(&b, 'e');
	ck_assert(!buf_ok(&b));
	ck_assert(sv_eq(buf_sv(&b), SV("abcd")));
	buf_truncate(&b, 1);
	buf_addc(&b, 'x'); /* would fit, but the error sticks */
	ck_assert(sv_eq(buf_sv(&b), SV("a")));
	buf_reset(&b);
	buf_adds(&b, "12345");
	ck_assert(!buf_ok(&b) && b.n == 0);
	buf_reset(&b);
	ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
	buf_fini(&b);
}
END_TEST

START_TEST(buf_take__hands_the_bytes_over)
{
	struct buf b;
	char *p;

	buf_init(&b, 10);
	p = buf_take(&b);
	ck_assert_str_eq(p, "");
	free(p);
	buf_adds(&b, "abc");
	p = buf_take(&b);
	ck_assert_str_eq(p, "abc");
	ck_assert_uint_eq(b.n, 0);
	free(p);
}
END_TEST

START_TEST(buf__adds_and_sets_parts_of_itself)
{
	struct buf b;
	int i;

	buf_init(&b, 10000);
	buf_adds(&b, "ab");
	for (i = 0; i < 10; i++) /* it grows and moves meanwhile */
		buf_addsv(&b, buf_sv(&b));
	ck_assert_uint_eq(b.n, 2048);
	for (i = 0; i < 2048; i++)
		ck_assert_int_eq(b.p[i], "ab"[i % 2]);
	buf_truncate(&b, 5);
	buf_set(&b, buf_sv(&b));
	ck_assert_str_eq(b.p, "ababa");
	buf_set(&b, sv_skip(buf_sv(&b), 2));
	ck_assert_str_eq(b.p, "aba");
	buf_set(&b, sv_first(buf_sv(&b), 2));
	ck_assert_str_eq(b.p, "ab");
	buf_set(&b, sv_skip(buf_sv(&b), 2));
	ck_assert_str_eq(b.p, "");
	buf_set(&b, SV("of another"));
	ck_assert_str_eq(b.p, "of another");
	check_buf(&b);
	buf_fini(&b);
}
END_TEST

START_TEST(buf_set__replaces_the_content_and_clears_the_error)
{
	struct buf b;

	buf_init(&b, 4);
	buf_set(&b, SV("12345"));
	ck_assert(!buf_ok(&b) && b.n == 0);
	buf_set(&b, SV("1234"));
	ck_assert(buf_ok(&b));
	buf_addc(&b, '5');
	buf_set(&b, buf_sv(&b));
	ck_assert(buf_ok(&b));
	ck_assert_str_eq(b.p, "1234");
	buf_set(&b, (struct sv){NULL, 0});
	ck_assert_str_eq(b.p, "");
	buf_fini(&b);
}
END_TEST

START_TEST(buf__catches_a_slice_of_what_it_held_before)
{
	struct buf b;
	struct sv old;

	buf_init(&b, 100);
	buf_adds(&b, "tag");
	old = buf_sv(&b);
	buf_reset(&b);
	buf_addsv(&b, old); /* aborts */
	buf_fini(&b);
}
END_TEST

START_TEST(buf_addu__writes_both_ends_of_the_range)
{
	struct buf b;

	buf_init(&b, 100);
	buf_addu(&b, 0);
	buf_addc(&b, ' ');
	buf_addu(&b, UINT64_MAX);
	ck_assert_str_eq(b.p, "0 18446744073709551615");
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *in;
	uint64_t max;
	int rc;
	uint64_t want;
} ints[] = {
    {"0", 0, RC_OK, 0},
    {"1", 0, RC_TOOBIG, 0},
    {"7", 7, RC_OK, 7},
    {"8", 7, RC_TOOBIG, 0},
    {"007", 7, RC_OK, 7},
    {"18446744073709551615", UINT64_MAX, RC_OK, UINT64_MAX},
    {"18446744073709551616", UINT64_MAX, RC_TOOBIG, 0},
    {"184467440737095516150", UINT64_MAX, RC_TOOBIG, 0},
    {"99999999999999999999999999999999", UINT64_MAX, RC_TOOBIG, 0},
    {"", 9, RC_SYNTAX, 0},
    {" 1", 9, RC_SYNTAX, 0},
    {"1 ", 9, RC_SYNTAX, 0},
    {"+1", 9, RC_SYNTAX, 0},
    {"-1", 9, RC_SYNTAX, 0},
    {"0x1", 9, RC_SYNTAX, 0},
    {"1.0", 9, RC_SYNTAX, 0},
};

START_TEST(sv_to_u64__reads_each_row)
{
	uint64_t v = 4711;
	int r = sv_to_u64(sv_str(ints[_i].in), ints[_i].max, &v);

	ck_assert_msg(r == ints[_i].rc, "\"%s\": %s", ints[_i].in, rc_name(r));
	ck_assert_uint_eq(v, r == RC_OK ? ints[_i].want : 4711);
}
END_TEST

START_TEST(sv_to_u32__stops_at_its_max)
{
	uint32_t v = 1;

	ck_assert_int_eq(sv_to_u32(SV("4294967295"), UINT32_MAX, &v), RC_OK);
	ck_assert_uint_eq(v, UINT32_MAX);
	ck_assert_int_eq(
	    sv_to_u32(SV("4294967296"), UINT32_MAX, &v), RC_TOOBIG);
	ck_assert_uint_eq(v, UINT32_MAX);
}
END_TEST

START_TEST(sv_take_u64__leaves_the_rest)
{
	struct sv s = SV("12:34");
	uint64_t v;

	ck_assert_int_eq(sv_take_u64(&s, 99, &v), RC_OK);
	ck_assert_uint_eq(v, 12);
	ck_assert(sv_eq(s, SV(":34")));
	ck_assert_int_eq(sv_take_u64(&s, 99, &v), RC_SYNTAX);
	ck_assert(sv_eq(s, SV(":34")));
}
END_TEST

START_TEST(sv__never_reads_outside)
{
	struct sv s = SV("abc"), none = {NULL, 0}, head;

	ck_assert_uint_eq(sv_skip(s, 10).n, 0);
	ck_assert_uint_eq(sv_first(s, 10).n, 3);
	ck_assert_uint_eq(sv_skip(none, 1).n, 0);
	ck_assert_uint_eq(sv_chr(none, 'x'), 0);
	ck_assert_uint_eq(sv_find(none, SV("x")), 0);
	ck_assert_uint_eq(sv_find(s, SV("bc")), 1);
	ck_assert_uint_eq(sv_find(s, SV("abcd")), 3);
	ck_assert_uint_eq(sv_ifind(s, SV("BC")), 1);
	ck_assert_uint_eq(sv_ifind(s, SV("BCD")), 3);
	ck_assert(sv_eq(none, SV("")) && sv_starts(s, none));
	ck_assert(sv_ends(s, SV("bc")) && !sv_ends(s, SV("abcd")));
	ck_assert(sv_istarts(s, SV("AB")) && !sv_starts(s, SV("AB")));
	ck_assert_int_lt(sv_cmp(SV("ab"), s), 0);
	ck_assert_int_gt(sv_cmp(s, SV("abb")), 0);
	ck_assert(sv_eq(sv_trim(SV(" \r\n\ta b\t ")), SV("a b")));
	ck_assert_uint_eq(sv_trim(SV(" \t")).n, 0);
	s = SV("a,,b");
	head = sv_split(&s, ',');
	ck_assert(sv_eq(head, SV("a")));
	head = sv_split(&s, ',');
	ck_assert(head.n == 0 && s.p != NULL);
	head = sv_split(&s, ',');
	ck_assert(sv_eq(head, SV("b")) && s.p == NULL && s.n == 0);
	head = sv_split(&s, ',');
	ck_assert_uint_eq(head.n, 0);
}
END_TEST

START_TEST(ascii__classes_fit_their_ranges)
{
	int i;

	for (i = -128; i < 256; i++) {
		char c = (char)i;

		ck_assert(ascii_is_digit(c) ==
			  (c != 0 && i > 0 && i < 128 &&
			      memchr("0123456789", c, 10) != NULL));
		if (i < 0 || i > 127)
			ck_assert(!ascii_is_print(c) && !ascii_is_alnum(c) &&
				  !ascii_is_ctl(c) && ascii_lower(c) == c);
		ck_assert(!ascii_is_print(c) || !ascii_is_ctl(c));
	}
	ck_assert_int_eq(ascii_hex('f'), 15);
	ck_assert_int_eq(ascii_hex('A'), 10);
	ck_assert_int_eq(ascii_hex('g'), -1);
}
END_TEST

static const struct {
	const char *in;
	bool ok;
} utf8_rows[] = {
    {"", true},
    {"abc", true},
    {"\xc3\xa4", true},
    {"\xe2\x82\xac", true},
    {"\xf0\x9f\x98\x80", true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
    {"\xf5\x80\x80\x80", false},
    {"\xc0\x80", false}, /* overlong */
    {"\xc1\xbf", false},
    {"\xe0\x9f\xbf", false},
    {"\xf0\x8f\xbf\xbf", false},
    {"\xed\xa0\x80", false}, /* surrogate */
    {"\xed\x9f\xbf", true},
    {"\xee\x80\x80", true},
    {"\x80", false},
    {"\xc3", false},
    {"\xe2\x82", false},
    {"\xc3(", false},
    {"\xff", false},
};

START_TEST(utf8_valid__judges_each_row)
{
	struct buf out;

	ck_assert_msg(utf8_valid(sv_str(utf8_rows[_i].in)) == utf8_rows[_i].ok,
	    "row %d", _i);
	buf_init(&out, 100);
	utf8_repair(&out, sv_str(utf8_rows[_i].in));
	ck_assert(utf8_valid(buf_sv(&out)));
	if (utf8_rows[_i].ok)
		ck_assert(sv_eq(buf_sv(&out), sv_str(utf8_rows[_i].in)));
	buf_fini(&out);
}
END_TEST

START_TEST(utf8__every_code_point_comes_back)
{
	uint32_t cp, back;
	struct buf b;

	buf_init(&b, 8);
	for (cp = 0; cp <= 0x10ffff; cp++) {
		struct sv s;

		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		buf_reset(&b);
		utf8_put(&b, cp);
		s = buf_sv(&b);
		if (utf8_next(&s, &back) != RC_OK || back != cp || s.n != 0)
			ck_abort_msg("U+%04X", cp);
	}
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *in;
	bool ok;
} nfc_rows[] = {
    {"", true}, {"abc", true}, {"\xc3\xbc", true},	/* u diaeresis */
    {"u\xcc\x88", false},				/* in two */
    {"q\xcc\x83", true},				/* only in two */
    {"a\xcc\x88\xcc\xa3", false},			/* wrong order */
    {"q\xcc\xa3\xcc\x87", true},			/* right order */
    {"q\xcc\x87\xcc\xa3", false},			/* wrong order */
    {"\xc5\xbd\xcc\xa3", false},			/* under a caron */
    {"e\xcc\xa7\xcc\x82", false},			/* the nearer one */
    {"q\xcc\x88\xcc\x88u", true},			/* of no letter */
    {"\xe2\x84\xab", false},				/* Angstrom sign */
    {"\xe1\x84\x80\xe1\x85\xa1", false},		/* Hangul L V */
    {"\xea\xb0\x80\xe1\x86\xa8", false},		/* Hangul LV T */
    {"\xea\xb0\x81\xe1\x86\xa8", true},			/* Hangul LVT T */
    {"\xe0\xa6\x95\xe0\xa6\xbe", true},			/* Bengali ka */
    {"\xe0\xa7\x87\xe0\xa6\xbe", false},		/* Bengali o */
    {"\xe4\xb8\xad\xe6\x96\x87\xf0\x9f\x98\x80", true}, /* no marks */
    {"\xef\xa4\x80", false},				/* compatibility */
    {"\xff", false},					/* no UTF-8 */
};

START_TEST(nfc_put__composes)
{
	struct buf b;

	buf_init(&b, 100);
	nfc_put(SV("Mu\xcc\x88ll "), &b);
	nfc_put(SV("M\xc3\xbcll "), &b);
	nfc_put(SV("a\xff "), &b);
	nfc_put(SV(""), &b);
	ck_assert_str_eq(b.p, "M\xc3\xbcll M\xc3\xbcll a\xff ");
	buf_fini(&b);
}
END_TEST

START_TEST(nfc_is__judges_each_row)
{
	ck_assert_msg(
	    nfc_is(sv_str(nfc_rows[_i].in)) == nfc_rows[_i].ok, "row %d", _i);
}
END_TEST

START_TEST(base64__round_trip_and_strictness)
{
	static const char *const bad[] = {"A", "AA", "AAA",
	    "AA=", "AB==", "AAB=", "AAAA=", "A===", "====", "AA A", "AAAA\r\n",
	    "AAA_", "AA==AAAA", "=AAA"};
	struct buf a, b;
	size_t i, n;

	buf_init(&a, 1000);
	buf_init(&b, 1000);
	for (n = 0; n < 50; n++) {
		char raw[50];

		for (i = 0; i < n; i++)
			raw[i] = (char)rand();
		buf_reset(&a);
		buf_reset(&b);
		base64_encode(sv_of(raw, n), &a);
		ck_assert_int_eq(base64_decode(buf_sv(&a), &b), RC_OK);
		ck_assert(sv_eq(buf_sv(&b), sv_of(raw, n)));
	}
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(base64_decode(sv_str(bad[i]), &b) == RC_SYNTAX,
		    "%s", bad[i]);
	buf_fini(&a);
	buf_init(&a, 2);
	ck_assert_int_eq(base64_decode(SV("AAAA"), &a), RC_TOOBIG);
	buf_fini(&a);
	buf_fini(&b);
}
END_TEST

/* Two texts that a search takes for the same, or not. */
static const struct {
	const char *one, *other;
	bool same;
} fold_rows[] = {
    {"\xc3\x84PFEL", "\xc3\xa4pfel", true},	      /* A diaeresis */
    {"\xce\xa9 \xd0\x96", "\xcf\x89 \xd0\xb6", true}, /* Omega, Zhe */
    {"\xce\xa3", "\xcf\x82", true},		      /* Sigma, final one */
    {"Stra\xc3\x9f"
     "e",
	"STRASSE", true},				/* sharp s */
    {"caf\xc3\xa9", "CAFE\xcc\x81", true},		/* in one, in two */
    {"\xea\xb0\x80", "\xe1\x84\x80\xe1\x85\xa1", true}, /* Hangul */
    {"caf\xc3\xa9", "cafe", false},
    {"\xef\xac\x81sh", "FISH", true},	    /* ligature fi */
    {"\xef\xbc\xa1", "a", true},	    /* full width A */
    {"\xef\xb7\xba", "\xef\xb7\xba", true}, /* a sentence in one sign */
    {"\xff 1", "\xff 1", true},		    /* no UTF-8 */
    {"\xff", "\xfe", false},
    {"a", "\xff", false},
};

START_TEST(fold_utf8__makes_equal_what_reads_equal)
{
	struct buf one, other;

	buf_init(&one, 100);
	buf_init(&other, 100);
	fold_utf8(sv_str(fold_rows[_i].one), &one);
	fold_utf8(sv_str(fold_rows[_i].other), &other);
	ck_assert_msg(sv_eq(buf_sv(&one), buf_sv(&other)) == fold_rows[_i].same,
	    "row %d: %s, %s", _i, one.p, other.p);
	ck_assert_uint_le(one.n, 4 * strlen(fold_rows[_i].one));
	buf_fini(&one);
	buf_fini(&other);
}
END_TEST

START_TEST(log_q__is_safe_for_a_terminal)
{
	char q[LOG_Q_MAX], all[256], text[400];
	size_t i, n;

	ck_assert_str_eq(log_q(q, SV("a\"b\\c\x1b[0m\r\n")),
	    "\"a\\\"b\\\\c\\x1b[0m\\x0d\\x0a\"");
	for (i = 0; i < sizeof all; i++)
		all[i] = (char)i;
	for (n = 0; n <= sizeof all; n++) {
		log_q(q, sv_of(all + sizeof all - n, n));
		ck_assert_uint_lt(strlen(q), LOG_Q_MAX);
		for (i = 0; q[i] != '\0'; i++)
			ck_assert(ascii_is_print(q[i]));
	}
	for (n = 200; n < sizeof text; n++) {
		memset(text, n % 3 == 0 ? '"' : n % 3 == 1 ? 'a' : 1, n);
		log_q(q, sv_of(text, n));
		ck_assert_uint_lt(strlen(q), LOG_Q_MAX);
		ck_assert(sv_ends(sv_str(q), SV("\"")));
		ck_assert(n < 256 || sv_ends(sv_str(q), SV("...\"")));
	}
}
END_TEST

START_TEST(err_set__is_safe_for_a_reply)
{
	struct err e;
	char longer[400];

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	ck_assert_int_eq(err_set(&e, RC_TEMP, "a\r\nb\x80%s", longer), RC_TEMP);
	ck_assert_int_eq(e.code, RC_TEMP);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
	ck_assert(sv_starts(sv_str(e.text), SV("a??b?xx")));
	ck_assert_int_eq(err_set(NULL, RC_IO, "x"), RC_IO);
	ck_assert_int_eq(err_sys(&e, RC_IO, 2, "cannot"), RC_IO);
	ck_assert_str_eq(e.text, "cannot: No such file or directory");
	ck_assert_int_eq(err_set(&e, RC_DENIED, "so %s", e.text), RC_DENIED);
	ck_assert_str_eq(e.text, "so cannot: No such file or directory");
	ck_assert_int_eq(err_sys(&e, RC_IO, 2, "%s", e.text), RC_IO);
	ck_assert(sv_starts(sv_str(e.text), SV("so cannot: No such file")));
}
END_TEST

START_TEST(arena__gives_zeroed_aligned_memory)
{
	struct arena a;
	size_t i, cap = 0;
	uint32_t *list = NULL;
	struct sv copy;

	arena_init(&a);
	for (i = 0; i < 3000; i += 7) {
		unsigned char *p = arena_alloc(&a, i);
		size_t k;

		ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		for (k = 0; k < i; k++)
			ck_assert_uint_eq(p[k], 0);
		memset(p, 0xff, i);
	}
	for (i = 0; i < 1000; i++) {
		list = arena_grow(&a, list, &cap, i + 1, sizeof *list);
		list[i] = (uint32_t)i;
	}
	for (i = 0; i < 1000; i++)
		ck_assert_uint_eq(list[i], i);
	copy = arena_dup(&a, SV("abc"));
	ck_assert_str_eq(copy.p, "abc");
	arena_wipe(&a);
	ck_assert_ptr_nonnull(arena_alloc(&a, 1));
	arena_reset(&a);
	arena_reset(&a);
}
END_TEST

static const struct nearest_row {
	const char *word, *meant; /* NULL: nothing has enough in common */
} nearest_rows[] = {
    {"stauts", "status"},
    {"stats", "status"},
    {"STATUS", "status"},
    {"exprot", "export"},
    {"impotr", "import"},
    {"tsl", "tls"},
    {"fsk", "fsck"},
    {"fsckk", "fsck"},
    {"abcd", NULL}, /* three of four letters differ from "fsck" */
    {"fs", NULL},   /* half of it is not there */
    {"x", NULL},
    {"", NULL},
    {"frobnicate", NULL},
    {"restoration", NULL},
    {"try", "try"},
};

START_TEST(sv_nearest__suggests_only_what_has_enough_in_common)
{
	static const char *const names[] = {
	    "account", "export", "fsck", "import", "", "status", "tls", "try"};
	const struct nearest_row *row = &nearest_rows[_i];
	struct sv_nearest near = {.word = sv_str(row->word)};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		sv_nearest(&near, sv_str(names[i]));
	ck_assert_msg(row->meant == NULL ? near.best.n == 0
					 : sv_eq(near.best, sv_str(row->meant)),
	    "\"%s\": \"%.*s\"", row->word, SV_ARG(near.best));
}
END_TEST

START_TEST(sv_nearest__takes_the_nearest_and_of_equal_ones_the_first)
{
	struct sv_nearest near = {.word = SV("sent")};

	sv_nearest(&near, SV("Semm"));
	ck_assert(sv_eq(near.best, SV("Semm")));
	sv_nearest(&near, SV("Send"));
	ck_assert(sv_eq(near.best, SV("Send")));
	sv_nearest(&near, SV("Bent"));
	ck_assert(sv_eq(near.best, SV("Send")));
	sv_nearest(&near, SV("Sent"));
	ck_assert(sv_eq(near.best, SV("Sent")));
	ck_assert_uint_eq(near.distance, 0);
}
END_TEST

UNIT_TESTS(bytes)
{
	TCase *t = tcase_create("bytes");

	tcase_add_test(t, buf__keeps_its_invariants);
	tcase_add_test(t, buf__refuses_what_is_above_max_and_remembers);
	tcase_add_test(t, buf_take__hands_the_bytes_over);
	tcase_add_test(t, buf__adds_and_sets_parts_of_itself);
	tcase_add_test(t, buf_set__replaces_the_content_and_clears_the_error);
	/* Without a process of its own, as under sanitizers, it would end all.
	 */
	if (getenv("CK_FORK") == NULL)
		tcase_add_test_raise_signal(
		    t, buf__catches_a_slice_of_what_it_held_before, SIGABRT);
	tcase_add_test(t, buf_addu__writes_both_ends_of_the_range);
	tcase_add_loop_test(
	    t, sv_to_u64__reads_each_row, 0, sizeof ints / sizeof ints[0]);
	tcase_add_test(t, sv_to_u32__stops_at_its_max);
	tcase_add_test(t, sv_take_u64__leaves_the_rest);
	tcase_add_test(t, sv__never_reads_outside);
	tcase_add_loop_test(t,
	    sv_nearest__suggests_only_what_has_enough_in_common, 0,
	    sizeof nearest_rows / sizeof nearest_rows[0]);
	tcase_add_test(
	    t, sv_nearest__takes_the_nearest_and_of_equal_ones_the_first);
	tcase_add_test(t, ascii__classes_fit_their_ranges);
	tcase_add_loop_test(t, utf8_valid__judges_each_row, 0,
	    sizeof utf8_rows / sizeof utf8_rows[0]);
	tcase_add_test(t, utf8__every_code_point_comes_back);
	tcase_add_test(t, nfc_put__composes);
	tcase_add_loop_test(t, nfc_is__judges_each_row, 0,
	    sizeof nfc_rows / sizeof nfc_rows[0]);
	tcase_add_test(t, base64__round_trip_and_strictness);
	tcase_add_loop_test(t, fold_utf8__makes_equal_what_reads_equal, 0,
	    sizeof fold_rows / sizeof fold_rows[0]);
	tcase_add_test(t, log_q__is_safe_for_a_terminal);
	tcase_add_test(t, err_set__is_safe_for_a_reply);
	tcase_add_test(t, arena__gives_zeroed_aligned_memory);
	return t;
}
