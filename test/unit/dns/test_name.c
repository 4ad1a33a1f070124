#include <arpa/inet.h>
#include <string.h>

#include "dns/packet.h"
#include "test/unit/unit.h"

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static const struct {
	const char *in, *want; /* NULL: refused */
} names[] = {
    {"example.org", "example.org"},
    {"Example.ORG.", "example.org"},
    {"_25._tcp.mail.example.org", "_25._tcp.mail.example.org"},
    {"xn--bcher-kva.example", "xn--bcher-kva.example"},
    {L63 ".org", L63 ".org"},
    {L63 "l.org", NULL},
    {L63 "." L63 "." L63 "." L63, NULL},
    {"", NULL},
    {".", NULL},
    {"a..b", NULL},
    {".a", NULL},
    {"a..", NULL},
    {"a b", NULL},
    {"a/b", NULL},
    {"a\\b", NULL},
    {"b\xc3\xbc"
     "cher.example",
	NULL},
    {"a\nb", NULL},
    {"[192.0.2.1]", NULL},
};

START_TEST(dns_name__takes_hosts_only)
{
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		char out[DNS_NAME_MAX] = "untouched";
		int r = dns_name_normalise(sv_str(names[i].in), out);

		if (names[i].want != NULL) {
			ck_assert_msg(r == RC_OK, "%s", names[i].in);
			ck_assert_str_eq(out, names[i].want);
		} else {
			ck_assert_msg(r == RC_SYNTAX, "%s", names[i].in);
			ck_assert_str_eq(out, "untouched");
		}
	}
	ck_assert_int_eq(
	    dns_name_normalise(SV("a\0b"), (char[256]){0}), RC_SYNTAX);
}
END_TEST

static const struct {
	const char *in, *want; /* NULL: refused */
	const char *escaped;
} made[] = {
    {"Example.ORG.", "example.org", "example.org"},
    {"a+b=c._e.test", "a+b=c._e.test", "a\\043b\\061c._e.test"},
    {"a b.test", "a b.test", "a\\032b.test"},
    {"a\\b.test", "a\\b.test", "a\\092b.test"},
    {"a/b@\"c\".test", "a/b@\"c\".test", "a\\047b\\064\\034c\\034.test"},
    {"a\tb.test", NULL, NULL},
    {"a\x7f.test", NULL, NULL},
    {"\xc3\xbc.test", NULL, NULL},
    {"a..b", NULL, NULL},
    {"", NULL, NULL},
    {L63 "+.org", NULL, NULL},
};

START_TEST(dns_name__of_others_rules)
{
	size_t i;

	for (i = 0; i < sizeof made / sizeof made[0]; i++) {
		char out[DNS_NAME_MAX] = "untouched", text[DNS_ESCAPED_MAX];
		int r = dns_name_any(sv_str(made[i].in), out);

		if (made[i].want == NULL) {
			ck_assert_msg(r == RC_SYNTAX, "%s", made[i].in);
			ck_assert_str_eq(out, "untouched");
			continue;
		}
		ck_assert_msg(r == RC_OK, "%s", made[i].in);
		ck_assert_str_eq(out, made[i].want);
		dns_name_escape(out, text);
		ck_assert_str_eq(text, made[i].escaped);
	}
}
END_TEST

START_TEST(dns_name__escaped_fits)
{
	char name[DNS_NAME_MAX], text[DNS_ESCAPED_MAX];
	int i;

	for (i = 0; i < 253; i++)
		name[i] = i % 64 == 63 ? '.' : '+';
	name[253] = '\0';
	dns_name_escape(name, text);
	ck_assert_uint_eq(strlen(text), 250 * 4 + 3);
}
END_TEST

START_TEST(dns_name__is_the_same_after_wire_and_text)
{
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct dns_wire w, again;
		char text[DNS_NAME_MAX];
		size_t at = 0;

		if (names[i].want == NULL)
			continue;
		dns_wire_of(names[i].want, &w);
		ck_assert_int_eq(
		    dns_wire_read(sv_of(w.b, w.n), &at, &again), RC_OK);
		ck_assert_uint_eq(at, w.n);
		ck_assert_int_eq(dns_wire_text(&again, text), RC_OK);
		ck_assert_str_eq(text, names[i].want);
		ck_assert(dns_wire_is_host(&again));
	}
}
END_TEST

static const struct {
	const char *name;
	struct sv in;
	size_t at;
	const char *want; /* NULL: refused */
	size_t behind;
} wires[] = {
    {"root", {"\0", 1}, 0, "", 1},
    {"plain", {"\1A\2bC\0", 6}, 0, "a.bc", 6},
    {"pointer", {"\2bc\0\1a\xc0\0", 8}, 4, "a.bc", 8},
    {"pointer to pointer", {"\1c\0\1b\xc0\0\1a\xc0\3x", 12}, 7, "a.b.c", 11},
    {"to itself", {"\xc0\0", 2}, 0, NULL, 0},
    {"forward", {"\xc0\2\0", 3}, 0, NULL, 0},
    {"in a circle", {"\1a\xc0\0", 4}, 2, NULL, 0},
    {"half a pointer", {"\0\xc0", 2}, 1, NULL, 0},
    {"no end", {"\1a", 2}, 0, NULL, 0},
    {"short label", {"\3ab", 3}, 0, NULL, 0},
    {"strange label type",
	{"\x41"
	 "a\0",
	    3},
	0, NULL, 0},
    {"dot in a label", {"\3a.b\0", 5}, 0, "a\\046b", 5},
    {"slash",
	{"\3"
	 "0/5\0",
	    5},
	0, "0/5", 5},
    {"space and NUL", {"\2 \0\0", 4}, 0, "\\032\\000", 4},
};

START_TEST(dns_wire__follows_pointers_backwards_only)
{
	size_t i;

	for (i = 0; i < sizeof wires / sizeof wires[0]; i++) {
		struct dns_wire w;
		char text[DNS_NAME_MAX];
		size_t at = wires[i].at;
		int r = dns_wire_read(wires[i].in, &at, &w);

		if (wires[i].want == NULL) {
			ck_assert_msg(r == RC_SYNTAX, "%s", wires[i].name);
			ck_assert_uint_eq(at, wires[i].at);
			continue;
		}
		ck_assert_msg(r == RC_OK, "%s", wires[i].name);
		ck_assert_msg(at == wires[i].behind, "%s", wires[i].name);
		ck_assert_int_eq(dns_wire_text(&w, text), RC_OK);
		ck_assert_str_eq(text, wires[i].want);
	}
}
END_TEST

START_TEST(dns_wire__of_255_bytes_and_no_more)
{
	char bytes[400];
	struct dns_wire w;
	char text[DNS_NAME_MAX];
	size_t i, at;

	for (i = 0; i < 254; i += 2)
		memcpy(bytes + i, "\1a", 2);
	bytes[254] = 0;
	at = 0;
	ck_assert_int_eq(dns_wire_read(sv_of(bytes, 255), &at, &w), RC_OK);
	ck_assert_int_eq(dns_wire_text(&w, text), RC_OK);
	ck_assert_uint_eq(strlen(text), 253);
	memcpy(bytes + 252, "\2aa", 4);
	at = 0;
	ck_assert_int_eq(dns_wire_read(sv_of(bytes, 256), &at, &w), RC_SYNTAX);
	/* Escapes make it too long for text. */
	for (i = 1; i < 254; i += 2)
		bytes[i] = '!';
	bytes[252] = 1;
	bytes[254] = 0;
	at = 0;
	ck_assert_int_eq(dns_wire_read(sv_of(bytes, 255), &at, &w), RC_OK);
	ck_assert_int_eq(dns_wire_text(&w, text), RC_TOOBIG);
}
END_TEST

START_TEST(dns_reverse__of_both_kinds)
{
	struct in6_addr a;
	char out[DNS_NAME_MAX];

	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &a), 1);
	dns_reverse(&a, out);
	ck_assert_str_eq(out, "1.2.0.192.in-addr.arpa");
	ck_assert_int_eq(inet_pton(AF_INET6, "2001:db8::567:89ab", &a), 1);
	dns_reverse(&a, out);
	/* [RFC 3596 2.5] has this pattern. */
	ck_assert_str_eq(out, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
			      "0.8.b.d.0.1.0.0.2.ip6.arpa");
}
END_TEST

UNIT_TESTS(name)
{
	TCase *t = tcase_create("name");

	tcase_add_test(t, dns_name__takes_hosts_only);
	tcase_add_test(t, dns_name__of_others_rules);
	tcase_add_test(t, dns_name__escaped_fits);
	tcase_add_test(t, dns_name__is_the_same_after_wire_and_text);
	tcase_add_test(t, dns_wire__follows_pointers_backwards_only);
	tcase_add_test(t, dns_wire__of_255_bytes_and_no_more);
	tcase_add_test(t, dns_reverse__of_both_kinds);
	return t;
}
