/* Who gets what, who may send as whom, and what the parser makes of a file. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "test/unit/conf/parsing.h"
#include "test/unit/unit.h"

#define ALIASES                                                 \
	"aliases:\n"                                            \
	"  family@example.org: [anna, ben]\n"                   \
	"  Mail.List@example.test: [family@example.org, ben]\n" \
	"  info+x@example.org: [anna]\n"                        \
	"  abuse@example.test: [anna]\n"

static const char whole[] = HEAD ALIASES "admin: ben\n"
					 "catch_all: { example.test: anna }\n";

static const struct {
	const char *in;
	int rc;
	const char *who, *why;
} rows[] = {
    {"anna@example.org", RC_OK, "anna", "address"},
    {"ANNA@EXAMPLE.ORG", RC_OK, "anna", "address"},
    {"mum@example.org", RC_OK, "anna", "address"},
    {"ben@example.org", RC_OK, "ben", "address"},
    {"ben@example.test", RC_OK, "ben", "address"},
    {"anna@example.test", RC_OK, "anna", "catch-all"},
    {"family@example.org", RC_OK, "anna,ben", "alias"},
    {"mail.list@example.test", RC_OK, "anna,ben", "alias"},
    {"anna+shop@example.org", RC_OK, "anna", "address"},
    {"anna+@example.org", RC_OK, "anna", "address"},
    {"anna+a+b@example.org", RC_OK, "anna", "address"},
    {"family+x@example.org", RC_OK, "anna,ben", "alias"},
    {"info+x@example.org", RC_OK, "anna", "alias"},
    {"info@example.org", RC_NOTFOUND, NULL, "nobody"},
    {"info+y@example.org", RC_NOTFOUND, NULL, "nobody"},
    {"+anna@example.org", RC_NOTFOUND, NULL, "nobody"},
    {"nobody@example.org", RC_NOTFOUND, NULL, "nobody"},
    {"nobody@example.test", RC_OK, "anna", "catch-all"},
    {"postmaster", RC_OK, "ben", "admin"},
    {"PostMaster", RC_OK, "ben", "admin"},
    {"Postmaster@example.org", RC_OK, "ben", "admin"},
    {"abuse@example.org", RC_OK, "ben", "admin"},
    {"abuse@example.test", RC_OK, "anna", "alias"},
    {"postmaster@mail.example.org", RC_OK, "ben", "admin"},
    {"Root@Mail.Example.org", RC_OK, "ben", "admin"},
    {"abuse@mail.example.org", RC_OK, "ben", "admin"},
    {"anna@mail.example.org", RC_DENIED, NULL, "not ours"},
    {"root@example.org", RC_NOTFOUND, NULL, "nobody"},
    {"abuse", RC_DENIED, NULL, "not ours"},
    {"anna", RC_DENIED, NULL, "not ours"},
    {"anna@", RC_DENIED, NULL, "not ours"},
    {"@example.org", RC_DENIED, NULL, "not ours"},
    {"", RC_DENIED, NULL, "not ours"},
    {"anna@example.net", RC_DENIED, NULL, "not ours"},
    {"anna@sub.example.org", RC_DENIED, NULL, "not ours"},
    {"anna@example.org@example.net", RC_DENIED, NULL, "not ours"},
    {"anna @example.org", RC_DENIED, NULL, "not ours"},
    {"anna\n@example.org", RC_DENIED, NULL, "not ours"},
};

START_TEST(conf_lookup__answers_each_row)
{
	struct conf *c = parse(whole);
	struct sv in = sv_str(rows[_i].in);
	const uint32_t *who = NULL;
	size_t n = 0, i;
	struct buf b;
	int r = conf_lookup(c, in, &who, &n);

	ck_assert_msg(r == rows[_i].rc, "%s: %s", rows[_i].in, rc_name(r));
	ck_assert_str_eq(conf_lookup_why(c, in), rows[_i].why);
	buf_init(&b, 100);
	for (i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i > 0 ? "," : "", c->account[who[i]].name);
	ck_assert_str_eq(b.p, rows[_i].who != NULL ? rows[_i].who : "");
	buf_fini(&b);
	conf_free(&c);
}
END_TEST

START_TEST(conf_lookup__takes_an_address_of_any_length)
{
	struct conf *c = parse(whole);
	const uint32_t *who;
	char text[1200];
	size_t n, len;

	for (len = 300; len < sizeof text; len++) {
		memset(text, 'a', len);
		memcpy(text + len - 13, "@example.test", 13);
		ck_assert_int_eq(conf_lookup(c, sv_of(text, len), &who, &n),
		    len <= CONF_ADDRESS_MAX ? RC_OK : RC_DENIED);
	}
	conf_free(&c);
}
END_TEST

static const struct {
	const char *address;
	bool anna, ben;
} senders[] = {
    {"anna@example.org", true, false},
    {"mum@example.org", true, false},
    {"Anna+news@Example.org", true, false},
    {"ben@example.test", false, true},
    {"family@example.org", true, true},
    {"family+x@example.org", true, true},
    {"postmaster@example.org", false, true},
    {"nobody@example.test", false, false}, /* by catch-all only */
    {"nobody@example.org", false, false},
    {"anna@example.net", false, false},
    {"", false, false},
};

START_TEST(conf_may_send__answers_each_row)
{
	struct conf *c = parse(whole);
	struct sv a = sv_str(senders[_i].address);

	ck_assert(conf_may_send(c, 0, a) == senders[_i].anna);
	ck_assert(conf_may_send(c, 1, a) == senders[_i].ben);
	ck_assert(!conf_may_send(c, 2, a));
	conf_free(&c);
}
END_TEST

START_TEST(conf_account_by_login__takes_names_and_addresses)
{
	struct conf *c = parse(whole);

	ck_assert_int_eq(conf_account_by_login(c, SV("anna")), 0);
	ck_assert_int_eq(conf_account_by_login(c, SV("Mum@example.org")), 0);
	ck_assert_int_eq(conf_account_by_login(c, SV("ben@example.test")), 1);
	ck_assert_int_eq(
	    conf_account_by_login(c, SV("family@example.org")), -1);
	ck_assert_int_eq(
	    conf_account_by_login(c, SV("anna+x@example.org")), -1);
	/* In any case, and by a local part that only one account has. */
	ck_assert_int_eq(conf_account_by_login(c, SV("Anna")), 0);
	ck_assert_int_eq(conf_account_by_login(c, SV("BEN")), 1);
	ck_assert_int_eq(conf_account_by_login(c, SV("mum")), 0);
	ck_assert_int_eq(conf_account_by_login(c, SV("Mum")), 0);
	ck_assert_int_eq(conf_account_by_login(c, SV("family")), -1);
	ck_assert_int_eq(conf_account_by_login(c, SV("nobody")), -1);
	ck_assert_int_eq(conf_account_by_login(c, SV("mum@")), -1);
	ck_assert_int_eq(conf_account_by_login(c, SV("@example.org")), -1);
	ck_assert_int_eq(conf_account_by_login(c, SV("")), -1);
	ck_assert_int_eq(conf_account_by_login(c, sv_of("anna\0", 5)), -1);
	ck_assert_int_eq(conf_account_by_name(c, SV("Anna")), -1);
	conf_free(&c);
}
END_TEST

START_TEST(conf_parse__knows_its_defaults)
{
	struct conf *c = parse(HEAD);

	ck_assert_uint_eq(c->naccount, 2);
	ck_assert_uint_eq(c->admin, 0);
	ck_assert_int_eq(c->domain[0].catch_all, -1);
	ck_assert_str_eq(c->domain[1].name, "example.test");
	ck_assert_uint_eq(c->account[1].naddress, 2);
	ck_assert_str_eq(c->data, "/var/lib/hearthmail");
	ck_assert_ptr_null(c->tls_certificate);
	ck_assert_int_eq(c->restore_folder, CONF_RESTORE_NAMESPACE);
	ck_assert(c->sandbox);
	ck_assert_uint_eq(c->limits.message_size, 50u << 20);
	ck_assert_uint_eq(c->limits.recipients, 100);
	ck_assert(conf_domain_is_local(c, SV("EXAMPLE.org")));
	ck_assert(!conf_domain_is_local(c, SV("")));
	conf_free(&c);
}
END_TEST

START_TEST(conf_parse__an_account_without_any_address_can_catch_all)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	const uint32_t *who;
	size_t n;
	int r = conf_parse(SV("hostname: mail.example.org\n"
			      "domains: [example.org]\n"
			      "accounts: { anna: { addresses: [] } }\n"
			      "catch_all: anna\n"),
	    "test.yaml", &c, &e);

	if (r != RC_OK) /* refusing it would do, too */
		return;
	ck_assert_int_eq(conf_lookup(c, SV("x@example.org"), &who, &n), RC_OK);
	ck_assert(n == 1 && who[0] == 0);
	conf_free(&c);
}
END_TEST

START_TEST(conf_parse__reads_places_to_listen)
{
	struct conf *c =
	    parse(HEAD "listen:\n"
		       "  smtp: [25, '127.0.0.1:2525', '[::1]:26']\n"
		       "  pop3: []\n"
		       "  imap: [0]\n");

	ck_assert_uint_eq(c->nlisten[CONF_SMTP], 3);
	ck_assert_ptr_null(c->listen[CONF_SMTP][0].host);
	ck_assert_str_eq(c->listen[CONF_SMTP][1].host, "127.0.0.1");
	ck_assert_uint_eq(c->listen[CONF_SMTP][1].port, 2525);
	ck_assert_str_eq(c->listen[CONF_SMTP][2].host, "::1");
	ck_assert_uint_eq(c->nlisten[CONF_POP3], 0);
	ck_assert_uint_eq(c->listen[CONF_IMAP][0].port, 0);
	ck_assert_uint_ge(c->nlisten[CONF_IMAPS], 1);
	/* Another program may be there. */
	ck_assert_uint_eq(c->nlisten[CONF_HTTP], 0);
	ck_assert_uint_eq(c->nlisten[CONF_HTTPS], 0);
	ck_assert(!c->web.hsts);
	conf_free(&c);
	c = parse(HEAD "listen: { http: [80], https: '[::1]:443' }\n"
		       "web: { hsts: on }\n");
	ck_assert_uint_eq(c->listen[CONF_HTTP][0].port, 80);
	ck_assert_str_eq(c->listen[CONF_HTTPS][0].host, "::1");
	ck_assert(conf_service_tls(CONF_HTTPS) && !conf_service_tls(CONF_HTTP));
	ck_assert(c->web.hsts);
	conf_free(&c);
}
END_TEST

START_TEST(conf_parse__survives_truncation)
{
	size_t n;

	for (n = 0; n < sizeof whole; n++) {
		struct conf_errors e = {0};
		struct conf *c = NULL;
		int r = conf_parse(sv_of(whole, n), "test.yaml", &c, &e);

		ck_assert(r == RC_OK ? c != NULL : c == NULL && e.n > 0);
		conf_free(&c);
	}
}
END_TEST

START_TEST(conf_parse__collects_all_errors_and_counts_the_rest)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	struct buf text, out;
	int i;

	buf_init(&text, 10000);
	buf_adds(&text, HEAD);
	for (i = 0; i < 30; i++)
		buf_addf(&text, "nonsense%d: x\n", i);
	ck_assert_int_eq(conf_parse(buf_sv(&text), "f", &c, &e), RC_SYNTAX);
	ck_assert_uint_eq(e.n, 30);
	buf_init(&out, 100000);
	conf_errors_print(&e, "f", &out);
	ck_assert(sv_find(buf_sv(&out), SV("f:6:1: ")) < out.n);
	ck_assert(sv_ends(buf_sv(&out), SV("f: and 10 more\n")));
	buf_fini(&out);
	buf_fini(&text);
}
END_TEST

START_TEST(conf_ref__the_last_one_frees)
{
	struct conf *c = parse(HEAD), *d = conf_ref(c);

	conf_free(&c);
	ck_assert_ptr_null(c);
	ck_assert_str_eq(d->hostname, "mail.example.org");
	conf_free(&d);
	conf_free(&d);
}
END_TEST

START_TEST(conf_may_send__send_as_opens_no_more_than_it_says)
{
	struct conf *c = parse(
	    "hostname: mail.example.org\ndomains: [example.org]\naccounts:\n"
	    "  anna: { send_as: [x@Example.net, \"@example.com\"] }\n"
	    "  ben: { send_as: \"*\" }\n  eve: {}\n");

	ck_assert(conf_may_send(c, 0, SV("X@example.NET")));
	ck_assert(!conf_may_send(c, 0, SV("y@example.net")));
	ck_assert(conf_may_send(c, 0, SV("any@EXAMPLE.com")));
	ck_assert(!conf_may_send(c, 0, SV("any@sub.example.com")));
	ck_assert(!conf_may_send(c, 0, SV("@example.com")));
	ck_assert(!conf_may_send(c, 0, SV("ben@example.org")));
	ck_assert(conf_may_send(c, 1, SV("anna@example.org")));
	ck_assert(!conf_may_send(c, 1, SV("nobody")));
	ck_assert(conf_may_send(c, 2, SV("eve@example.org")));
	ck_assert(!conf_may_send(c, 2, SV("any@example.com")));
	conf_free(&c);
}
END_TEST

START_TEST(conf_quota__of_an_account_or_of_all)
{
	struct conf *c = parse(
	    "hostname: mail.example.org\ndomains: [example.org]\nquota: 2G\n"
	    "accounts:\n  anna: { quota: 500M }\n  ben: { quota: none }\n"
	    "  eve: {}\n");

	ck_assert_uint_eq(conf_quota(c, 0), 500ull << 20);
	ck_assert_uint_eq(conf_quota(c, 1), 0);
	ck_assert_uint_eq(conf_quota(c, 2), 2ull << 30);
	conf_free(&c);
	c = parse("hostname: mail.example.org\ndomains: [example.org]\n"
		  "accounts:\n  anna: { quota: 1K }\n  ben: {}\n");
	ck_assert_uint_eq(conf_quota(c, 0), 1024);
	ck_assert_uint_eq(conf_quota(c, 1), 0);
	conf_free(&c);
}
END_TEST

/* Lists that are known have their codes; others the one that all have. */
START_TEST(conf__block_lists_have_codes)
{
	struct conf *c = parse("hostname: h.example.org\n"
			       "domains: [example.org]\n"
			       "accounts: { anna: {} }\n");

	ck_assert_uint_eq(c->dns.block_lists.n, 3);
	ck_assert_str_eq(c->dns.block_lists.list[0].zone, "zen.spamhaus.org");
	ck_assert_uint_eq(c->dns.block_lists.list[0].ncode, 3);
	ck_assert_uint_eq(c->dns.nreceiver, 3);
	ck_assert(c->dns.check);
	conf_free(&c);
	c = parse("hostname: h.example.org\ndomains: [example.org]\n"
		  "accounts: { anna: {} }\ndns: { check: no, "
		  "block_lists: [Zen.Spamhaus.org, x.example.org, "
		  "\"y.example.org 127.0.0.4-127.0.1.1\"] }\n");
	ck_assert(!c->dns.check);
	ck_assert_uint_eq(c->dns.block_lists.n, 3);
	ck_assert_uint_eq(c->dns.block_lists.list[0].ncode, 3);
	ck_assert_uint_eq(c->dns.block_lists.list[1].code[0][0], 0x7f000002);
	ck_assert_uint_eq(c->dns.block_lists.list[1].code[0][1], 0x7f000002);
	ck_assert_uint_eq(c->dns.block_lists.list[2].code[0][1], 0x7f000101);
	conf_free(&c);
}
END_TEST

/* Refused is only what the surest of them are sure of. */
START_TEST(conf__block_lists_of_what_comes_in)
{
	struct conf *c = parse("hostname: h.example.org\n"
			       "domains: [example.org]\n"
			       "accounts: { anna: {} }\n");
	const struct conf_block_lists *l = &c->inbound.block_lists;

	ck_assert_uint_eq(l->n, 4);
	ck_assert_str_eq(l->list[3].zone, "zen.spamhaus.org");
	ck_assert(l->list[3].refuse && !l->list[0].refuse);
	ck_assert_uint_eq(l->list[3].code[1][1], 0x7f000009);
	conf_free(&c);
	c = parse("hostname: h.example.org\ndomains: [example.org]\n"
		  "accounts: { anna: {} }\ninbound: { block_lists: "
		  "x.example.org, refuse_lists: [] }\n");
	l = &c->inbound.block_lists;
	ck_assert_uint_eq(l->n, 1);
	ck_assert_str_eq(l->list[0].zone, "x.example.org");
	ck_assert(!l->list[0].refuse);
	ck_assert(!c->inbound.greylist);
	conf_free(&c);
	c = parse("hostname: h.example.org\ndomains: [example.org]\n"
		  "accounts: { anna: {} }\ninbound: { greylist: on }\n"
		  "relay: { host: Smtp.Example.net }\n");
	ck_assert(c->inbound.greylist);
	ck_assert(conf_has_relay(c, SV("smtp.example.NET")));
	ck_assert(!conf_has_relay(c, SV("example.net")));
	conf_free(&c);
}
END_TEST

static const struct {
	const char *yaml;
	const char *error; /* NULL: there is none */
} dns_keys[] = {
    {"dns: { forward: 192.0.2.1 }\n", NULL},
    {"dns: { forward: [192.0.2.1:54, '2001:db8::1'] }\n", NULL},
    {"dns: { forward: ['[2001:db8::1]:54'], validate: no }\n", NULL},
    {"dns: { root_hints: /h, trust_anchor: /a }\n", NULL},
    {"dns: { forward: ns.example.org }\n", "is not a numeric address"},
    {"dns: { forward: [1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, "
     "1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1] }\n",
	"at most 8"},
    {"dns: { root_hints: h }\n", "absolute path"},
    {"dns: { validate: maybe }\n", "expected on or off"},
    {"dns: { forwards: 192.0.2.1 }\n", "did you mean \"forward\""},
    {"dns: { forward: 192.0.2.1, root_hints: /h }\n", "cannot be used"},
    {"dns: 192.0.2.1\n", "expected a map"},
    {"history: { keep: 14d, size: 64M, subjects: on }\n", NULL},
    {"history: { keep: 12h, subjects: off }\n", NULL},
    {"history: { keep: off }\n", NULL},
    {"history: { keep: 0 }\n", NULL},
    {"history: { keep: a week }\n", "expected a time such as 30d"},
    {"history: { keep: 14 }\n",
	"history.keep: expected a time such as 30d or 12h, or off for none, "
	"not \"14\""},
    {"retention: 14\n",
	"retention: expected a time such as 30d or 12h, or 0 for none, not "
	"\"14\""},
    {"history: { size: 10K }\n",
	"expected a number from 1M to 64G (K, M or G may follow), not \"10K\""},
    {"limits: { message_size: 1 }\n", "from 64K to 2047M"},
    {"limits: { recipients: 5 }\n", "from 100 to 1000000 "},
    {"history: { subjects: some }\n", "expected on or off"},
    {"history: { days: 14 }\n", "unknown key"},
    {"history: off\n", "did you mean { keep: off }?"},
    {"reports: off\n", "did you mean { send: off }?"},
    {"dkim: off\n", "did you mean { rotate: off }?"},
    {"inbound: junk\n",
	"expected a map of settings; did you mean { dmarc: junk }?"},
    {"inbound: [junk]\n", "expected a map of settings"},
    {"dns: { block_lists: [], check: off, receivers: [] }\n", NULL},
    {"dns: { block_lists: [bl.example.org, \"B.example.org  127.0.0.2 "
     "127.0.0.4-127.0.0.7 \"], receivers: Example.org }\n",
	NULL},
    {"dns: { block_lists: zen.spamhaus.org }\n", NULL},
    {"inbound: { refuse_lists: \"x.example.org 127.0.0.3\" }\n", NULL},
    {"inbound: { greylist: on }\n", NULL},
    {"inbound: { greylist: often }\n", "expected on or off"},
    {"inbound: { refuse_lists: \"x.example.org all\" }\n",
	"is not a block list"},
    {"dns: { block_lists: \"bl.example.org 127.0.0.7-127.0.0.4\" }\n",
	"is not a block list"},
    {"dns: { block_lists: \"bl.example.org 192.0.2.1\" }\n",
	"is not a block list"},
    {"dns: { block_lists: \"bl.example.org 127.0.0.2-\" }\n",
	"is not a block list"},
    {"dns: { block_lists: \"bl.example.org all\" }\n", "is not a block list"},
    {"dns: { block_lists: \"bl_x.example.org/\" }\n", "is not a block list"},
    {"dns: { block_lists: { a: b } }\n", "expected"},
    {"dns: { block_list: a.b }\n", "did you mean \"block_lists\""},
    {"dns: { check: daily }\n", "expected on or off"},
    {"dns: { receivers: [not/a/domain] }\n", "is not a domain"},
    {"dns: { receivers: [a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b] }\n",
	"at most 8"},
    {"inbound: { dmarc: reject }\n", NULL},
    {"inbound: { dmarc: Junk, trust_arc: [Lists.Example.org] }\n", NULL},
    {"inbound: { trust_arc: lists.example.org }\n", NULL},
    {"inbound: { lists: [Club@Lists.example.org, lists.example.net] }\n", NULL},
    {"inbound: { lists: [club@] }\n", "is not a mailing list"},
    {"inbound: { lists: [\"@lists.example.org\"] }\n", "is not a mailing list"},
    {"inbound: { list: [lists.example.org] }\n", "lists"},
    {"inbound: { dmarc: drop }\n", "reject, junk, note or off"},
    {"inbound: { dmark: note }\n", "dmark"},
    {"inbound: { trust_arc: [not/a/domain] }\n", "is not a domain"},
    {"dkim: { rotate: 90d }\n", NULL},
    {"dkim: { rotate: off }\n", NULL},
    {"dkim: { rotate: 0 }\n", NULL},
    {"dkim: { rotate: 30d }\n", NULL},
    {"dkim: { rotate: 29d }\n", "from 30d to 3650d, or off"},
    {"dkim: { rotate: 3650d }\n", NULL},
    {"dkim: { rotate: 3651d }\n", "from 30d to 3650d, or off"},
    {"dkim: { rotate: 180 }\n", "from 30d to 3650d, or off"},
    {"dkim: { rotate: 6m }\n", "from 30d to 3650d, or off"},
    {"dkim: { rotate: -180d }\n", "from 30d to 3650d, or off"},
    {"dkim: { rotat: 180d }\n", "unknown key \"rotat\""},
    {"outbound: { ipv6: off }\n", NULL},
    {"outbound: { source: 192.0.2.1 }\n", NULL},
    {"outbound: { ipv6: on, source: [192.0.2.1, '2001:db8::1'] }\n", NULL},
    {"outbound: { ipv6: off, source: [192.0.2.1] }\n", NULL},
    {"outbound: { ipv6: off, source: '2001:db8::1' }\n", "ipv6 is off"},
    {"outbound: { source: [192.0.2.1, 192.0.2.2] }\n", "at most one IPv4"},
    {"outbound: { source: mail.example.org }\n", "not a numeric address"},
    {"outbound: { source: 0.0.0.0 }\n", "not a numeric address"},
    {"outbound: { source: '::' }\n", "not a numeric address"},
    {"reports: { send: off }\n", NULL},
    {"reports: { send: on }\n", NULL},
    {"reports: { send: weekly }\n", "expected on or off"},
    {"reports: { sned: on }\n", "did you mean \"send\""},
    {"outbound: { ipv6: never }\n", "expected on or off"},
    {"outbound: { ipv4: off }\n", "unknown key"},
    {"outbound: off\n", "expected a map"},
    {"quota: 2G\n", NULL},
    {"quota: none\n", NULL},
    {"quota: 0\n", "500M or 2G, or none"},
    {"quota: 2X\n", "500M or 2G, or none"},
    {"quota: -1\n", "500M or 2G, or none"},
    {"quota: 99999999G\n", "500M or 2G, or none"},
    {"quota: [1G]\n", "expected"},
    {"quote: 1G\n", "did you mean \"quota\""},
    {"backup: { folder: /b, at: \"03:30\", keep: 7 }\n", NULL},
    {"backup: { folder: /b, at: 3:05 }\n", NULL},
    {"backup: { folder: b }\n", "absolute path"},
    {"backup: { folder: /b, at: 24:00 }\n", "not a time of day"},
    {"backup: { folder: /b, at: 330 }\n", "not a time of day"},
    {"backup: { folder: /b, at: \"03:3\" }\n", "not a time of day"},
    {"backup: { folder: /b, keep: 0 }\n", "a number from 1"},
    {"backup: { at: \"03:30\" }\n", "needs a folder"},
};

#define DOMAINS(d)                                     \
	"hostname: mail.example.org\n" d "accounts:\n" \
	"  anna: { addresses: [anna@example.org] }\n"

/* Both ways to write it; what a domain has not is as for all. */
static const char *const domains[] = {
    DOMAINS(
	"inbound: { dmarc: junk, trust_arc: [a.test],"
	" lists: [lists.test] }\n"
	"domains:\n"
	"  - example.org\n"
	"  - example.net: { inbound: { dmarc: note } }\n"
	"  - example.com:\n"
	"      inbound: { trust_arc: [], lists: [Club@x.test, a.b.test] }\n"),
    DOMAINS("domains:\n"
	    "  example.org:\n"
	    "  example.net: { inbound: { dmarc: note } }\n"
	    "  example.com:\n"
	    "    inbound: { trust_arc: [], lists: [Club@x.test, a.b.test] }\n"
	    "inbound: { dmarc: junk, trust_arc: [a.test],"
	    " lists: [lists.test] }\n"),
};

START_TEST(conf_inbound__is_of_a_domain)
{
	struct conf *c = parse(domains[_i]);
	struct sv org = SV("example.org"), net = SV("Example.NET");
	struct sv com = SV("example.com"), other = SV("mail.example.org");
	struct sv none = SV("");

	ck_assert_int_eq(conf_inbound_dmarc(c, org), CONF_DMARC_JUNK);
	ck_assert_int_eq(conf_inbound_dmarc(c, net), CONF_DMARC_NOTE);
	ck_assert_int_eq(conf_inbound_dmarc(c, com), CONF_DMARC_JUNK);
	ck_assert_int_eq(conf_inbound_dmarc(c, other), CONF_DMARC_JUNK);
	ck_assert_int_eq(conf_inbound_dmarc(c, none), CONF_DMARC_JUNK);
	ck_assert(conf_inbound_trusts(c, net, SV("a.test")));
	ck_assert(!conf_inbound_trusts(c, net, SV("b.a.test")));
	ck_assert(!conf_inbound_trusts(c, com, SV("a.test")));
	ck_assert(conf_inbound_names_list(c, org, SV("x@lists.test"), none));
	ck_assert(!conf_inbound_names_list(c, org, SV("x@a.lists.test"), none));
	ck_assert(!conf_inbound_names_list(c, org, none, none));
	ck_assert(!conf_inbound_names_list(c, com, SV("x@lists.test"), none));
	ck_assert(conf_inbound_names_list(c, com, SV("club@x.test"), none));
	ck_assert(!conf_inbound_names_list(c, com, SV("spam@x.test"), none));
	ck_assert(
	    conf_inbound_names_list(c, com, SV("a@b.test"), SV("a.b.test")));
	ck_assert(!conf_inbound_names_list(c, com, SV("a@b.test"), none));
	conf_free(&c);
}
END_TEST

static const struct {
	const char *yaml;
	const char *error; /* NULL: there is none */
} domain_keys[] = {
    {"domains: { example.org: {} }\n", NULL},
    {"domains: [example.org: { inbound: { dmarc: note } }]\n", NULL},
    {"domains: { example.org: { inbound: { dmarc: no } } }\n",
	"reject, junk, note or off"},
    {"domains: { example.org: { inbund: {} } }\n", "did you mean \"inbound\""},
    {"domains: { example.org: [x] }\n", "expected a map"},
    {"domains: [{ example.org: , example.org: }]\n", "listed twice"},
    {"domains: { not/one: { inbound: {} } }\n", "not a domain name"},
};

START_TEST(conf_parse__domains)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	struct buf b;
	int r;

	buf_init(&b, 10000);
	buf_addf(&b,
	    "hostname: mail.example.org\n%saccounts: { anna: "
	    "{ addresses: [anna@example.org] } }\n",
	    domain_keys[_i].yaml);
	r = conf_parse(buf_sv(&b), "test.yaml", &c, &e);
	if (domain_keys[_i].error == NULL)
		ck_assert_msg(r == RC_OK, "%s: %s", b.p, e.e[0].text);
	else
		ck_assert_msg(
		    r == RC_SYNTAX &&
			strstr(e.e[0].text, domain_keys[_i].error) != NULL,
		    "%s: %s", b.p, e.e[0].text);
	conf_free(&c);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *yaml;
	const char *error; /* NULL: there is none */
} relays[] = {
    {"relay: smtp.example.net\n", NULL},
    {"relay: 192.0.2.1\n", NULL},
    {"relay: \"2001:db8::1\"\n", NULL},
    {"relay: { host: a.example.net, port: 465, user: u, password_file: /p "
     "}\n",
	NULL},
    {"relay: { example.com: a.example.net, \"*\": { host: b.example.net, "
     "fallback: on } }\n",
	NULL},
    {"relay: a b\n", "is not a host name"},
    {"relay: { host: a, user: u }\n", "go together"},
    {"relay: { port: 25 }\n", "is not a domain"},
    {"relay: { example.com: { port: 25 } }\n", "has no host"},
    {"relay: { host: a, prot: 25 }\n", "unknown key \"prot\""},
    {"relay: { host: a, user: u, password_file: p }\n", "absolute path"},
    {"relay: { host: a, tls: maybe }\n", "expected verify"},
    {"relay: { host: a, tls: off, user: u, password_file: /p }\n",
	"never sent without TLS"},
};

START_TEST(conf_dns__answers_each_row)
{
	struct conf_errors errors;
	struct conf *c = NULL;
	struct buf text;
	int r;

	buf_init(&text, 4096);
	buf_addf(&text, "%s%s", HEAD, dns_keys[_i].yaml);
	r = conf_parse(buf_sv(&text), "f", &c, &errors);
	ck_assert_int_eq(r, dns_keys[_i].error == NULL ? RC_OK : RC_SYNTAX);
	if (r != RC_OK)
		ck_assert_msg(
		    strstr(errors.e[0].text, dns_keys[_i].error) != NULL,
		    "%s: %s", dns_keys[_i].yaml, errors.e[0].text);
	conf_free(&c);
	buf_fini(&text);
}
END_TEST

START_TEST(conf_dns_same__sees_each_difference)
{
	static const char *const different[] = {"", "dns: { validate: no }\n",
	    "dns: { forward: 192.0.2.1 }\n", "dns: { forward: 192.0.2.2 }\n",
	    "dns: { forward: [192.0.2.1, 192.0.2.2] }\n",
	    "dns: { root_hints: /h }\n", "dns: { trust_anchor: /a }\n"};
	const size_t n = sizeof different / sizeof different[0];
	size_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++) {
			struct buf a, b;
			struct conf *x, *y;

			buf_init(&a, 4096);
			buf_init(&b, 4096);
			buf_addf(&a, "%s%s", HEAD, different[i]);
			buf_addf(&b, "%s%s", HEAD, different[j]);
			x = parse(a.p);
			y = parse(b.p);
			ck_assert(conf_dns_same(x, y) == (i == j));
			conf_free(&x);
			conf_free(&y);
			buf_fini(&a);
			buf_fini(&b);
		}
}
END_TEST

/* A value that is wrong has one error, not a second that it is missing. */
START_TEST(conf_parse__what_is_wrong_is_not_missing)
{
	struct conf_errors errors;
	struct conf *c = NULL;

	ck_assert_int_eq(conf_parse(SV("hostname: a\ndomains: [example.org]\n"
				       "accounts: { anna: {} }\n"),
			     "f", &c, &errors),
	    RC_SYNTAX);
	ck_assert_uint_eq(errors.n, 1);
	ck_assert_ptr_nonnull(strstr(errors.e[0].text, "a full name"));
}
END_TEST

#define MAIL_WAITS     "mail to other domains waits"
#define INCOMING_WAITS "incoming mail is deferred for up to an hour"

/* What is delayed while no names can be looked up. */
static const struct {
	const char *yaml, *text;
} without_names[] = {
    {"", MAIL_WAITS ", and " INCOMING_WAITS},
    {"relay: smtp.example.net\n", MAIL_WAITS ", and " INCOMING_WAITS},
    {"relay: 192.0.2.1\n", INCOMING_WAITS},
    {"relay: \"2001:db8::1\"\n", INCOMING_WAITS},
    {"relay: off\n", INCOMING_WAITS},
    {"relay: { host: 192.0.2.1, fallback: yes }\n",
	MAIL_WAITS ", and " INCOMING_WAITS},
    {"relay: { example.com: 192.0.2.1 }\n",
	"some " MAIL_WAITS ", and " INCOMING_WAITS},
    {"relay: { example.com: a.example.net, \"*\": 192.0.2.1 }\n",
	"some " MAIL_WAITS ", and " INCOMING_WAITS},
    {"relay: { example.com: 192.0.2.2, \"*\": 192.0.2.1 }\n", INCOMING_WAITS},
    {"inbound: { dmarc: off }\n", MAIL_WAITS},
    {"relay: 192.0.2.1\ninbound: { dmarc: off }\n", "no mail waits for that"},
};

START_TEST(conf_without_names__says_what_waits)
{
	struct conf_errors errors;
	struct conf *c = NULL;
	struct buf text;

	buf_init(&text, 4096);
	buf_addf(&text, "%s%s", HEAD, without_names[_i].yaml);
	ck_assert_msg(conf_parse(buf_sv(&text), "f", &c, &errors) == RC_OK,
	    "%s", without_names[_i].yaml);
	ck_assert_str_eq(conf_without_names(c), without_names[_i].text);
	conf_free(&c);
	buf_fini(&text);
}
END_TEST

START_TEST(conf_relay__answers_each_row)
{
	struct conf_errors errors;
	struct conf *c = NULL;
	struct buf text;
	int r;

	buf_init(&text, 4096);
	buf_addf(&text, "%s%s", HEAD, relays[_i].yaml);
	r = conf_parse(buf_sv(&text), "f", &c, &errors);
	if (relays[_i].error == NULL) {
		ck_assert_msg(r == RC_OK, "%s: %s", relays[_i].yaml,
		    r == RC_OK ? "" : errors.e[0].text);
		ck_assert_ptr_nonnull(conf_relay_for(c, SV("example.com")));
	} else {
		ck_assert_int_eq(r, RC_SYNTAX);
		ck_assert_msg(
		    strstr(errors.e[0].text, relays[_i].error) != NULL,
		    "%s: %s", relays[_i].yaml, errors.e[0].text);
	}
	conf_free(&c);
	buf_fini(&text);
}
END_TEST

START_TEST(conf_relay_for__finds_the_domains_own_first)
{
	struct conf *c =
	    parse(HEAD "relay: { \"*\": b.example.net, Example.com: { host: "
		       "a.example.net, port: 465 } }\n");

	ck_assert_str_eq(
	    conf_relay_for(c, SV("EXAMPLE.com"))->host, "a.example.net");
	ck_assert(conf_relay_for(c, SV("example.com"))->implicit_tls);
	ck_assert_str_eq(
	    conf_relay_for(c, SV("example.test"))->host, "b.example.net");
	ck_assert_int_eq(conf_relay_for(c, SV("example.test"))->port, 587);
	conf_free(&c);
}
END_TEST

UNIT_TESTS(conf)
{
	TCase *t = tcase_create("conf");

	tcase_add_loop_test(
	    t, conf_lookup__answers_each_row, 0, sizeof rows / sizeof rows[0]);
	tcase_add_test(t, conf__block_lists_have_codes);
	tcase_add_test(t, conf__block_lists_of_what_comes_in);
	tcase_add_test(t, conf_lookup__takes_an_address_of_any_length);
	tcase_add_loop_test(t, conf_may_send__answers_each_row, 0,
	    sizeof senders / sizeof senders[0]);
	tcase_add_test(t, conf_account_by_login__takes_names_and_addresses);
	tcase_add_test(t, conf_parse__knows_its_defaults);
	tcase_add_test(
	    t, conf_parse__an_account_without_any_address_can_catch_all);
	tcase_add_test(t, conf_parse__reads_places_to_listen);
	tcase_add_test(t, conf_parse__survives_truncation);
	tcase_add_test(t, conf_parse__collects_all_errors_and_counts_the_rest);
	tcase_add_loop_test(t, conf_dns__answers_each_row, 0,
	    sizeof dns_keys / sizeof dns_keys[0]);
	tcase_add_test(t, conf_dns_same__sees_each_difference);
	tcase_add_test(t, conf_may_send__send_as_opens_no_more_than_it_says);
	tcase_add_test(t, conf_quota__of_an_account_or_of_all);
	tcase_add_test(t, conf_parse__what_is_wrong_is_not_missing);
	tcase_add_loop_test(t, conf_without_names__says_what_waits, 0,
	    sizeof without_names / sizeof without_names[0]);
	tcase_add_loop_test(t, conf_relay__answers_each_row, 0,
	    sizeof relays / sizeof relays[0]);
	tcase_add_test(t, conf_relay_for__finds_the_domains_own_first);
	tcase_add_test(t, conf_ref__the_last_one_frees);
	tcase_add_loop_test(t, conf_inbound__is_of_a_domain, 0, 2);
	tcase_add_loop_test(t, conf_parse__domains, 0,
	    sizeof domain_keys / sizeof domain_keys[0]);
	return t;
}
