/* TLSA records, of the key in use and of the next one. */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "publish/publish.h"
#include "test/unit/msgauth/zone.h"
#include "test/unit/publish/fixture.h"
#include "test/unit/unit.h"

static struct conf *conf;
static struct in6_addr own = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
static struct publish_host host;
static struct publish_list list;
static struct zone *zone;

static void
setup(void)
{
	struct conf_errors e = {0};

	ck_assert_int_eq(
	    conf_parse(SV("hostname: mail.example.org\n"
			  "domains: [example.org]\naccounts: { anna: {} }\n"),
		"f", &conf, &e),
	    RC_OK);
	ck_assert_int_eq(inet_pton(AF_INET, "192.0.2.1", own.s6_addr + 12), 1);
	host = (struct publish_host){
	    .hostname = "mail.example.org", .address = &own, .naddress = 1};
	host.sender[host.nsender++] = own;
	host.certificate[0] =
	    (struct publish_certificate){SV("whole"), SV("key")};
	host.certificate[1] = (struct publish_certificate){SV("A"), SV("a")};
	host.ncertificate = 2;
	zone = zone_new();
}

static void
teardown(void)
{
	zone_free(&zone);
	publish_list_fini(&list);
	conf_free(&conf);
}

/* Records of _25._tcp.mail, with | between them. */
static void
fill(const char *records, bool is_signed)
{
	struct sv rest = sv_str(records), one;
	struct buf b;

	buf_init(&b, 1000);
	zone_add(zone, "mail.example.org A 192.0.2.1");
	while (rest.n > 0) {
		one = sv_split(&rest, '|');
		buf_reset(&b);
		buf_addf(
		    &b, "_25._tcp.mail.example.org TLSA %.*s", SV_ARG(one));
		zone_add(zone, b.p);
	}
	buf_fini(&b);
	if (is_signed)
		zone_sign(zone);
}

static struct publish *
judge(enum publish_kind kind)
{
	size_t i;

	publish_add_host(&list, &host);
	publish_add_senders(&list, &host, conf);
	for (i = 0; i < list.n; i++)
		if (list.p[i].kind == kind) {
			fixture_judge(&list.p[i], &host, zone);
			return &list.p[i];
		}
	return NULL;
}

/* TLSA: of the certificate in use, offered where DNSSEC protects it. */
static const struct {
	bool is_signed;
	const char *there;
	enum publish_state want;
	bool warn, offered;
} tlsa_rows[] = {
    {false, "", PUBLISH_MISSING, false, false},
    {true, "", PUBLISH_MISSING, false, true},
    /* SHA-256 of "key", of "whole"; of the authority's */
    {true,
	"3 1 1 "
	"2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683",
	PUBLISH_RIGHT, false, true},
    {true, "3 1 0 6b6579", PUBLISH_RIGHT, false, true},
    {true, "3 0 0 77686f6c65", PUBLISH_RIGHT, false, true},
    {true, "2 1 0 61", PUBLISH_RIGHT, false, true},
    {true, "2 1 0 6b6579", PUBLISH_DIFFERENT, false, true},
    {true, "1 1 0 6b6579", PUBLISH_DIFFERENT, false, true},
    {true, "3 1 1 00", PUBLISH_DIFFERENT, false, true},
    {true, "3 1 9 6b6579", PUBLISH_DIFFERENT, false, true},
    {false, "3 1 0 6b6579", PUBLISH_RIGHT, false, false},
    {false, "3 1 1 00", PUBLISH_RIGHT, true, false},
};

START_TEST(tlsa__is_of_the_certificate)
{
	struct publish *p;

	fill(tlsa_rows[_i].there, tlsa_rows[_i].is_signed);
	p = judge(PUBLISH_TLSA);
	ck_assert_msg(
	    p->state == tlsa_rows[_i].want && p->warn == tlsa_rows[_i].warn,
	    "%s: %s", tlsa_rows[_i].there, p->words.p);
	ck_assert_int_eq(p->value.n > 0, tlsa_rows[_i].offered);
	ck_assert_int_eq(publish_is_trouble(p), p->state == PUBLISH_DIFFERENT);
}
END_TEST

/* The key that follows: its record beside the other, before it is in use. */
#define NEXT_HASH \
	"c6c1c9a9c8543f1e4cd980064cf1625eeb61a90703b2464fff039f21682508b3"
#define PRESENT "3 1 0 6b6579"
static const struct {
	bool is_signed;
	const char *there;
	enum publish_state want;
	bool trouble, offered;
} next_rows[] = {
    {true, "", PUBLISH_MISSING, false, true},
    {false, "", PUBLISH_MISSING, false, false},
    {true, PRESENT, PUBLISH_MISSING, true, true},
    {false, PRESENT, PUBLISH_MISSING, false, false},
    /* SHA-256 of "next", and all of it */
    {true, PRESENT "|3 1 1 " NEXT_HASH, PUBLISH_RIGHT, false, true},
    {true, PRESENT "|3 1 0 6e657874", PUBLISH_RIGHT, false, true},
    {true, PRESENT "|3 1 1 00", PUBLISH_MISSING, true, true},
    /* An authority's is for any key. */
    {true, "2 1 0 61", PUBLISH_RIGHT, false, true},
};

START_TEST(tlsa__of_the_next_key)
{
	struct publish *p;

	ck_assert_ptr_null(judge(PUBLISH_NEXT_TLSA));
	publish_list_fini(&list);
	strcpy(host.next_key, NEXT_HASH);
	fill(next_rows[_i].there, next_rows[_i].is_signed);
	p = judge(PUBLISH_NEXT_TLSA);
	ck_assert_msg(p->state == next_rows[_i].want, "%s: %s",
	    next_rows[_i].there, p->words.p);
	ck_assert_int_eq(publish_is_trouble(p), next_rows[_i].trouble);
	ck_assert_int_eq(p->value.n > 0, next_rows[_i].offered);
}
END_TEST

/* A key that cannot be read is not the hash of nothing. */
START_TEST(tlsa__not_of_nothing)
{
	struct publish *p;

	host.certificate[0].spki = SV("");
	fill("", true);
	p = judge(PUBLISH_TLSA);
	ck_assert_uint_eq(p->value.n, 0);
}
END_TEST

UNIT_TESTS(tlsa)
{
	TCase *tc = tcase_create("tlsa");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, tlsa__is_of_the_certificate, 0,
	    (int)(sizeof tlsa_rows / sizeof tlsa_rows[0]));
	tcase_add_test(tc, tlsa__not_of_nothing);
	tcase_add_loop_test(tc, tlsa__of_the_next_key, 0,
	    (int)(sizeof next_rows / sizeof next_rows[0]));
	return tc;
}
