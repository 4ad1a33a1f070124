#include <arpa/inet.h>

#include "dns/dns.h"
#include "test/unit/unit.h"

START_TEST(dns_mx__whole_and_truncated)
{
	static const char bytes[] = "\0\24\4mail\7example\3org";
	char host[DNS_NAME_MAX] = "untouched";
	uint16_t preference = 7;
	size_t n;

	for (n = 0; n < sizeof bytes - 1; n++)
		ck_assert_int_eq(
		    dns_mx(sv_of(bytes, n), &preference, host), RC_SYNTAX);
	ck_assert_str_eq(host, "untouched");
	ck_assert_uint_eq(preference, 7);
	ck_assert_int_eq(
	    dns_mx(sv_of(bytes, sizeof bytes), &preference, host), RC_OK);
	ck_assert_uint_eq(preference, 20);
	ck_assert_str_eq(host, "mail.example.org");
}
END_TEST

START_TEST(dns_mx__null_and_strange)
{
	char host[DNS_NAME_MAX] = "x";
	uint16_t preference;

	ck_assert_int_eq(dns_mx(SV("\0\0\0"), &preference, host), RC_OK);
	ck_assert_str_eq(host, "");
	ck_assert_int_eq(
	    dns_mx(SV("\0\0\3a.b\0"), &preference, host), RC_SYNTAX);
	ck_assert_int_eq(dns_mx(SV("\0\0\1 \0"), &preference, host), RC_SYNTAX);
	ck_assert_int_eq(
	    dns_mx(SV("\0\0\xc0\0"), &preference, host), RC_SYNTAX);
	ck_assert_int_eq(
	    dns_mx(SV("\0\0\1a\0\0"), &preference, host), RC_SYNTAX);
}
END_TEST

START_TEST(dns_srv__reads)
{
	struct dns_srv s;
	char host[DNS_NAME_MAX];

	ck_assert_int_eq(dns_srv(SV("\0\1\0\2\3\xe1\1m\0"), &s), RC_OK);
	ck_assert_uint_eq(s.priority, 1);
	ck_assert_uint_eq(s.weight, 2);
	ck_assert_uint_eq(s.port, 993);
	ck_assert_str_eq(s.host, "m");
	ck_assert_int_eq(dns_srv(SV("\0\1\0\2\3\xe1"), &s), RC_SYNTAX);
	ck_assert_int_eq(dns_host(SV("\1m\4test\0"), host), RC_OK);
	ck_assert_str_eq(host, "m.test");
	ck_assert_int_eq(dns_host(SV(""), host), RC_SYNTAX);
}
END_TEST

static const struct {
	struct sv in;
	const char *want; /* NULL: refused */
} addresses[] = {
    {{"\xc0\0\2\1", 4}, "::ffff:192.0.2.1"},
    {{"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16}, "2001:db8::1"},
    {{"\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16}, NULL},
    {{"\0\0\0\0\0\0\0\0\0\0\0\0\x7f\0\0\1", 16}, NULL},
    {{"\0\0\0", 3}, NULL},
    {{"", 0}, NULL},
};

START_TEST(dns_addr__no_ipv4_in_disguise)
{
	size_t i;

	for (i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		struct in6_addr a;
		char text[INET6_ADDRSTRLEN];
		int r = dns_addr(addresses[i].in, &a);

		ck_assert_msg(
		    r == (addresses[i].want != NULL ? RC_OK : RC_SYNTAX),
		    "row %zu", i);
		if (r == RC_OK) {
			(void)inet_ntop(AF_INET6, &a, text, sizeof text);
			ck_assert_str_eq(text, addresses[i].want);
		}
	}
}
END_TEST

START_TEST(dns_txt__joins_strings)
{
	struct buf b;

	buf_init(&b, 100);
	ck_assert_int_eq(dns_txt(SV("\6v=spf1\5 -all"), &b), RC_OK);
	ck_assert_str_eq(b.p, "v=spf1 -all");
	buf_reset(&b);
	ck_assert_int_eq(dns_txt(SV("\0"), &b), RC_OK);
	ck_assert_uint_eq(b.n, 0);
	buf_adds(&b, "before");
	ck_assert_int_eq(dns_txt(SV("\2ab\5half"), &b), RC_SYNTAX);
	ck_assert_str_eq(b.p, "before");
	ck_assert_int_eq(dns_txt(SV(""), &b), RC_SYNTAX);
	buf_fini(&b);
}
END_TEST

START_TEST(dns_tlsa__reads)
{
	struct dns_tlsa t;

	ck_assert_int_eq(dns_tlsa(SV("\3\1\1hash"), &t), RC_OK);
	ck_assert_uint_eq(t.usage, 3);
	ck_assert_uint_eq(t.selector, 1);
	ck_assert_uint_eq(t.matching, 1);
	ck_assert(sv_eq(t.data, SV("hash")));
	ck_assert_int_eq(dns_tlsa(SV("\3\1\1"), &t), RC_SYNTAX);
}
END_TEST

UNIT_TESTS(record)
{
	TCase *t = tcase_create("record");

	tcase_add_test(t, dns_mx__whole_and_truncated);
	tcase_add_test(t, dns_mx__null_and_strange);
	tcase_add_test(t, dns_srv__reads);
	tcase_add_test(t, dns_addr__no_ipv4_in_disguise);
	tcase_add_test(t, dns_txt__joins_strings);
	tcase_add_test(t, dns_tlsa__reads);
	return t;
}
