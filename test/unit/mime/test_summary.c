#include <stdlib.h>

#include "test/unit/mime/fixture.h"
#include "test/unit/unit.h"

static const struct mime_limits limits = MIME_LIMITS_DEFAULT;

static void
check_round_trip(const char *name, struct sv msg)
{
	struct mime_summary s;
	struct mime_msg m;
	struct buf enc, env, body;
	uint32_t i;

	buf_init(&enc, 5u << 20);
	buf_init(&env, 1u << 20);
	buf_init(&body, 1u << 20);
	mime_summarise(msg, &limits, &enc);
	mime_parse(msg, &limits, &m);
	mime_envelope(msg, &m, 0, &env);
	mime_bodystructure(msg, &m, true, &body);
	ck_assert_msg(
	    mime_summary_decode(buf_sv(&enc), &s) == RC_OK, "%s", name);
	ck_assert(sv_eq(s.envelope, buf_sv(&env)));
	ck_assert(sv_eq(s.bodystructure, buf_sv(&body)));
	ck_assert_uint_eq(s.msg.n, m.n);
	ck_assert_int_eq(s.msg.truncated, m.truncated);
	fixture_check_structure(&s.msg, msg.n);
	for (i = 0; i < m.n; i++) {
		const struct mime_part *a = &m.part[i], *b = &s.msg.part[i];

		ck_assert(a->parent == b->parent && a->next == b->next &&
			  a->first_child == b->first_child &&
			  a->header_off == b->header_off &&
			  a->header_len == b->header_len &&
			  a->body_off == b->body_off &&
			  a->body_len == b->body_len &&
			  a->body_lines == b->body_lines &&
			  a->kind == b->kind && a->encoding == b->encoding);
	}
	mime_summary_fini(&s);
	mime_msg_fini(&m);
	buf_fini(&body);
	buf_fini(&env);
	buf_fini(&enc);
}

START_TEST(mime_summary__round_trip)
{
	ck_assert_int_ge(fixture_each_message(check_round_trip), 20);
	check_round_trip("empty", SV(""));
}
END_TEST

START_TEST(mime_summary__decodes_what_search_asks_for)
{
	static const char in[] =
	    "Date: Tue, 24 Nov 2026 12:56:46 +0100\r\n"
	    "Subject: =?utf-8?q?J=C3=B6rg?=\r\n writes\r\n"
	    "From: =?iso-8859-1?q?J=F6?= <a@example.org>\r\n"
	    "To: b@example.org,\r\n c@example.org\r\n"
	    "Message-ID: (x) <1@example.org> junk\r\n\r\n";
	struct mime_summary s;
	struct buf enc;

	buf_init(&enc, 1 << 20);
	mime_summarise(sv_str(in), &limits, &enc);
	ck_assert_int_eq(mime_summary_decode(buf_sv(&enc), &s), RC_OK);
	ck_assert(sv_eq(s.subject, SV("J\xc3\xb6rg writes")));
	ck_assert(sv_eq(s.from, SV("J\xc3\xb6 <a@example.org>")));
	ck_assert(sv_eq(s.to, SV("b@example.org, c@example.org")));
	ck_assert_uint_eq(s.cc.n, 0);
	ck_assert(sv_eq(s.message_id, SV("<1@example.org>")));
	ck_assert(s.has_date);
	ck_assert_int_eq(s.date, 1795521406);
	ck_assert_int_eq(s.date_zone, 60);
	mime_summary_fini(&s);
	buf_fini(&enc);
}
END_TEST

/* What a search looks into is what the ENVELOPE shows. */
static const struct {
	const char *in, *subject, *from, *to;
} facts[] = {
    {"Subject: a\r\n\tb  c\r\n", "a b c", "", ""},
    {"Subject: a\r\nSubject: b\r\n", "b", "", ""},
    {"From: Anna\r\n\tvon  Berg <a@b.test>\r\n", "", "Anna von Berg <a@b.test>",
	""},
    {"To: one@first.test\r\nTo: two@second.test,three@third.test\r\n", "", "",
	"one@first.test, two@second.test, three@third.test"},
    {"From: <user (comment)@ (another) domain.test>\r\n", "",
	"user@domain.test", ""},
    {"From: anna@b.test (Anna Berg)\r\n", "", "Anna Berg <anna@b.test>", ""},
    {"From: \"Berg, Anna\" <a@b.test>\r\n", "", "Berg, Anna <a@b.test>", ""},
    {"To: team: a@b.test, c@d.test;, e@f.test\r\n", "", "",
	"team: a@b.test, c@d.test;, e@f.test"},
    {"To: undisclosed-recipients:;\r\n", "", "", "undisclosed-recipients: ;"},
    {"To: <@x.test:a@b.test>\r\n", "", "", "@x.test:a@b.test"},
    {"From: =?utf-8?q?J=C3=B6?=\r\n =?utf-8?q?rg?= <j@b.test>\r\n", "",
	"J\xc3\xb6rg <j@b.test>", ""},
    {"From: Nobody\r\n", "", "Nobody", ""},
};

START_TEST(mime_summary__facts_are_those_of_the_envelope)
{
	struct mime_summary s;
	struct buf enc;

	buf_init(&enc, 1 << 20);
	mime_summarise(sv_str(facts[_i].in), &limits, &enc);
	ck_assert(mime_summary_is_current(buf_sv(&enc)));
	ck_assert_int_eq(mime_summary_decode(buf_sv(&enc), &s), RC_OK);
	ck_assert_msg(sv_eq(s.subject, sv_str(facts[_i].subject)) &&
			  sv_eq(s.from, sv_str(facts[_i].from)) &&
			  sv_eq(s.to, sv_str(facts[_i].to)),
	    "%s: %.*s, %.*s, %.*s", facts[_i].in, SV_ARG(s.subject),
	    SV_ARG(s.from), SV_ARG(s.to));
	mime_summary_fini(&s);
	enc.p[0] = 1;
	ck_assert(!mime_summary_is_current(buf_sv(&enc)));
	ck_assert(!mime_summary_is_current(SV("")));
	buf_fini(&enc);
}
END_TEST

/* Broken bits become many times as long: what is derived has a bound in what
 * it is made from, and lists of some length are whole. */
START_TEST(mime_summary__is_bounded_by_the_message)
{
	static const char *const bit[] = {
	    "\\,\r\n ", "a:;,\r\n ", "a@b,\r\n ", "<,\r\n ", "g:a,b;\r\n "};
	static const char *const name[] = {
	    "To", "From", "Cc", "Reply-To", "Sender", "Bcc"};
	struct mime_summary s;
	struct buf msg, enc;
	size_t fields, i, k;

	buf_init(&msg, 8u << 20);
	buf_init(&enc, 16u << 20);
	for (i = 0; i < 5; i++) {
		for (fields = 1; fields <= 6; fields++) {
			buf_reset(&msg);
			buf_reset(&enc);
			for (k = 0; k < fields; k++) {
				size_t from = msg.n;

				buf_addf(&msg, "%s: ", name[k]);
				while (msg.n < from + 150000)
					buf_adds(&msg, bit[i]);
				buf_adds(&msg, "x@y\r\n");
			}
			mime_summarise(buf_sv(&msg), &limits, &enc);
			ck_assert_uint_le(enc.n, 65536 + 8 * msg.n);
			ck_assert_int_eq(
			    mime_summary_decode(buf_sv(&enc), &s), RC_OK);
			ck_assert_uint_le(s.envelope.n, 20000 + 3 * msg.n);
			ck_assert_uint_gt(s.envelope.n, 1000);
			mime_summary_fini(&s);
		}
	}
	buf_reset(&msg);
	buf_reset(&enc);
	buf_adds(&msg, "To: ");
	for (i = 0; i < 500; i++)
		buf_addf(&msg, "Person %zu <p%zu@example.org>,\r\n ", i, i);
	buf_adds(&msg, "last@example.org\r\n");
	mime_summarise(buf_sv(&msg), &limits, &enc);
	ck_assert_int_eq(mime_summary_decode(buf_sv(&enc), &s), RC_OK);
	ck_assert(sv_find(s.envelope, SV("\"last\"")) < s.envelope.n);
	ck_assert(sv_find(s.to, SV("last@example.org")) < s.to.n);
	mime_summary_fini(&s);
	buf_fini(&enc);
	buf_fini(&msg);
}
END_TEST

START_TEST(mime_summary__opaque_decodes)
{
	struct mime_summary s;
	struct buf enc;

	buf_init(&enc, 1 << 20);
	mime_summarise_opaque(12345, &enc);
	ck_assert_int_eq(mime_summary_decode(buf_sv(&enc), &s), RC_OK);
	ck_assert_uint_eq(s.msg.n, 1);
	ck_assert_uint_eq(s.msg.part[0].body_len, 12345);
	ck_assert(!s.has_date);
	ck_assert(sv_find(s.bodystructure, SV(" 12345 ")) < s.bodystructure.n);
	mime_summary_fini(&s);
	buf_fini(&enc);
}
END_TEST

/* A message whose summary would be too large is opaque. */
START_TEST(mime_summary__is_bounded)
{
	struct mime_limits lim = limits;
	struct mime_summary s;
	struct buf msg, enc;

	lim.header_bytes = 64u << 20;
	lim.header_fields = 10000000;
	buf_init(&msg, 8u << 20);
	buf_init(&enc, 16u << 20);
	buf_adds(&msg, "Subject: ");
	while (msg.n < (5u << 20))
		buf_adds(&msg, "all about everything\r\n ");
	buf_adds(&msg, "\r\n\r\n");
	mime_summarise(buf_sv(&msg), &lim, &enc);
	ck_assert_uint_le(enc.n, 4u << 20);
	ck_assert_int_eq(mime_summary_decode(buf_sv(&enc), &s), RC_OK);
	ck_assert_uint_eq(s.msg.part[0].body_len, msg.n);
	mime_summary_fini(&s);
	buf_fini(&enc);
	buf_fini(&msg);
}
END_TEST

/* Every truncation is refused, and no changed byte breaks the decoder. */
START_TEST(mime_summary_decode__refuses_damage)
{
	struct mime_summary s;
	struct buf msg, enc;
	size_t n;

	buf_init(&msg, 1 << 20);
	buf_init(&enc, 1 << 20);
	fixture_load("mimekit/rfc2060.eml", &msg);
	mime_summarise(buf_sv(&msg), &limits, &enc);
	for (n = 0; n < enc.n; n++) {
		char *copy = malloc(n + 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, enc.p, n);
		ck_assert_int_eq(
		    mime_summary_decode(sv_of(copy, n), &s), RC_DAMAGED);
		free(copy);
	}
	for (n = 0; n < enc.n; n++) {
		int bit;

		for (bit = 0; bit < 8; bit++) {
			enc.p[n] = (char)(enc.p[n] ^ 1 << bit);
			if (mime_summary_decode(buf_sv(&enc), &s) == RC_OK)
				mime_summary_fini(&s);
			enc.p[n] = (char)(enc.p[n] ^ 1 << bit);
		}
	}
	buf_addc(&enc, 'x');
	ck_assert_int_eq(mime_summary_decode(buf_sv(&enc), &s), RC_DAMAGED);
	buf_fini(&enc);
	buf_fini(&msg);
}
END_TEST

UNIT_TESTS(summary)
{
	TCase *tc = tcase_create("summary");

	tcase_add_test(tc, mime_summary__round_trip);
	tcase_add_test(tc, mime_summary__decodes_what_search_asks_for);
	tcase_add_loop_test(tc, mime_summary__facts_are_those_of_the_envelope,
	    0, sizeof facts / sizeof facts[0]);
	tcase_add_test(tc, mime_summary__is_bounded_by_the_message);
	tcase_add_test(tc, mime_summary__opaque_decodes);
	tcase_add_test(tc, mime_summary__is_bounded);
	tcase_add_test(tc, mime_summary_decode__refuses_damage);
	return tc;
}
