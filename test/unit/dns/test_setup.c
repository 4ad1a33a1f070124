#include "dns/server.h"
#include "dns/setup.h"
#include "test/unit/unit.h"

static const struct {
	const char *in, *want; /* NULL: refused */
} addresses[] = {
    {"192.0.2.1", "192.0.2.1@53"},
    {"192.0.2.1:5353", "192.0.2.1@5353"},
    {"192.0.2.1@5353", "192.0.2.1@5353"},
    {"2001:db8::1", "2001:db8::1@53"},
    {"2001:db8::1@5353", "2001:db8::1@5353"},
    {"[2001:db8::1]:5353", "2001:db8::1@5353"},
    {"", NULL},
    {"ns.example.org", NULL},
    {"192.0.2.1:", NULL},
    {"192.0.2.1:0", NULL},
    {"192.0.2.1:65536", NULL},
    {"192.0.2.1@53 ", NULL},
    {"192.0.2.1.1", NULL},
    {"[2001:db8::1]", NULL},
    {"[]:53", NULL},
    {"]:53", NULL},
    {"[:53", NULL},
    {"fe80::1%eth0", NULL},
    {"192.0.2.1@53@53", NULL},
    {"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", NULL},
};

START_TEST(dns_servers__numeric_only)
{
	size_t i;

	for (i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		struct dns_servers s = {.n = 0};
		int r = dns_servers_add(&s, sv_str(addresses[i].in));

		ck_assert_msg(
		    r == (addresses[i].want != NULL ? RC_OK : RC_SYNTAX), "%s",
		    addresses[i].in);
		ck_assert_uint_eq(s.n, r == RC_OK);
		if (r == RC_OK)
			ck_assert_str_eq(s.address[0], addresses[i].want);
	}
}
END_TEST

START_TEST(dns_servers__have_ports)
{
	struct dns_server_opts o = {.validate = true};
	uint16_t ports[4];

	ck_assert_int_eq(
	    dns_servers_add(&o.forward, SV("192.0.2.1:54")), RC_OK);
	ck_assert_int_eq(
	    dns_servers_add(&o.forward, SV("192.0.2.2:54")), RC_OK);
	ck_assert_int_eq(dns_servers_add(&o.forward, SV("127.0.0.1")), RC_OK);
	ck_assert_uint_eq(dns_server_opts_ports(&o, ports, 4), 2);
	ck_assert_uint_eq(ports[0], 53);
	ck_assert_uint_eq(ports[1], 54);
	ck_assert(dns_server_is_loopback(o.forward.address[2]));
	ck_assert(!dns_server_is_loopback(o.forward.address[0]));
}
END_TEST

START_TEST(dns_servers__of_resolv_conf)
{
	struct dns_servers s;

	dns_servers_resolv_conf(
	    SV("# nameserver 192.0.2.9\nsearch example.org\n"
	       "nameserver 192.0.2.1\nnameserver\t2001:db8::1  \r\n"
	       "nameserver fe80::1%eth0\nnameserver\nnameserverx 192.0.2.8\n"
	       "options edns0\nnameserver 127.0.0.53"),
	    &s);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_str_eq(s.address[0], "192.0.2.1@53");
	ck_assert_str_eq(s.address[1], "2001:db8::1@53");
	ck_assert_str_eq(s.address[2], "127.0.0.53@53");
	dns_servers_resolv_conf(SV(""), &s);
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

START_TEST(dns_servers__of_root_hints)
{
	struct dns_servers s = {.n = 0};
	struct err err;

	ck_assert_int_eq(
	    dns_servers_hints(
		SV("; the root\n.  3600000  NS  A.ROOT-SERVERS.NET.\n"
		   "A.ROOT-SERVERS.NET.  3600000  A  198.41.0.4 ; here\n"
		   "a.root-servers.net.  IN aaaa 2001:503:ba3e::2:30\n"),
		&s, &err),
	    RC_OK);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_str_eq(s.address[0], "198.41.0.4@53");
	ck_assert_str_eq(s.address[1], "2001:503:ba3e::2:30@53");
	ck_assert_int_eq(
	    dns_servers_hints(SV(". NS a.\n"), &s, &err), RC_SYNTAX);
	ck_assert_int_eq(
	    dns_servers_hints(SV("a. A 1.2.3\n"), &s, &err), RC_SYNTAX);
	ck_assert_int_eq(dns_servers_hints(SV("a. A"), &s, &err), RC_SYNTAX);
	ck_assert_int_eq(dns_servers_hints(SV(""), &s, &err), RC_SYNTAX);
	ck_assert_uint_eq(s.n, 2);
}
END_TEST

START_TEST(dns_anchors__one_a_line)
{
	struct sv text = SV("; keys\n\n. IN DS 1 8 2 AB ; x\n"
			    ".\t3600 IN dnskey 257 3 13 abc= ;{id = 1}\n");
	struct sv root = sv_str(dns_root_anchors);
	struct buf b;
	struct err err;

	buf_init(&b, 8192);
	ck_assert_int_eq(dns_anchor_next(&text, &b, &err), RC_OK);
	ck_assert_str_eq(b.p, ". IN DS 1 8 2 AB");
	ck_assert_int_eq(dns_anchor_next(&text, &b, &err), RC_OK);
	ck_assert_str_eq(b.p, ".\t3600 IN dnskey 257 3 13 abc=");
	ck_assert_int_eq(dns_anchor_next(&text, &b, &err), RC_NOTFOUND);
	text = SV(". IN DNSKEY 257 3 13 (\nabc= )\n");
	ck_assert_int_eq(dns_anchor_next(&text, &b, &err), RC_SYNTAX);
	text = SV("trust-anchors { };\n");
	ck_assert_int_eq(dns_anchor_next(&text, &b, &err), RC_SYNTAX);
	text = SV(". IN DS 1 8 2 A\0B\n");
	ck_assert_int_eq(dns_anchor_next(&text, &b, &err), RC_SYNTAX);
	ck_assert_int_eq(dns_anchor_next(&root, &b, &err), RC_OK);
	ck_assert_int_eq(dns_anchor_next(&root, &b, &err), RC_OK);
	ck_assert_int_eq(dns_anchor_next(&root, &b, &err), RC_NOTFOUND);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(setup)
{
	TCase *t = tcase_create("setup");

	tcase_add_test(t, dns_servers__numeric_only);
	tcase_add_test(t, dns_servers__have_ports);
	tcase_add_test(t, dns_servers__of_resolv_conf);
	tcase_add_test(t, dns_servers__of_root_hints);
	tcase_add_test(t, dns_anchors__one_a_line);
	return t;
}
