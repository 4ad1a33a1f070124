#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "dns/packet.h"
#include "test/unit/unit.h"

static const struct dns_packet_limits limits = DNS_PACKET_LIMITS;

/* ---- a small writer of packets ---- */

struct packet {
	struct buf b;
};

static void
put_name(struct buf *b, const char *name)
{
	struct dns_wire w;

	dns_wire_of(name, &w);
	buf_add(b, w.b, w.n);
}

static void
put16(struct buf *b, unsigned v)
{
	unsigned char x[2];

	be_put16(x, (uint16_t)v);
	buf_add(b, x, 2);
}

static void
begin(struct packet *p, unsigned flags, const char *name, unsigned type)
{
	buf_init(&p->b, 65535);
	put16(&p->b, 7);
	put16(&p->b, flags);
	put16(&p->b, 1);
	put16(&p->b, 0);
	put16(&p->b, 0);
	put16(&p->b, 0);
	put_name(&p->b, name);
	put16(&p->b, type);
	put16(&p->b, 1);
}

/* section 0: answer, 1: authority */
static void
add(struct packet *p, int section, const char *owner, unsigned type,
    unsigned ttl, struct sv data)
{
	char *count = p->b.p + 6 + 2 * section;

	be_put16(count, (uint16_t)(be_get16(count) + 1));
	put_name(&p->b, owner);
	put16(&p->b, type);
	put16(&p->b, 1);
	put16(&p->b, ttl >> 16);
	put16(&p->b, ttl & 0xffff);
	put16(&p->b, (unsigned)data.n);
	buf_addsv(&p->b, data);
}

static void
add_cname(struct packet *p, const char *owner, const char *target, unsigned ttl)
{
	struct dns_wire w;

	dns_wire_of(target, &w);
	add(p, 0, owner, DNS_CNAME, ttl, sv_of(w.b, w.n));
}

/* Every beginning of it is refused and reads nothing behind its end: the copy
 * is exactly as long. */
static void
check_truncated(const struct packet *p, const char *name, enum dns_type type)
{
	struct dns_packet out;
	size_t n;

	for (n = 0; n < p->b.n; n++) {
		char *copy = malloc(n > 0 ? n : 1);

		memcpy(copy, p->b.p, n);
		ck_assert_int_eq(
		    dns_packet_read(sv_of(copy, n), name, type, &limits, &out),
		    RC_SYNTAX);
		free(copy);
	}
}

#define A1 SV("\xc0\0\2\1")

START_TEST(dns_packet__address)
{
	struct packet p;
	struct dns_packet out;
	struct sv rest, r;

	begin(&p, 0x8180, "mail.example.org", DNS_A);
	add(&p, 0, "mail.example.org", DNS_A, 300, A1);
	add(&p, 0, "mail.example.org", 46, 300, SV("signature"));
	add(&p, 0, "mail.example.org", DNS_A, 200, SV("\xc0\0\2\2"));
	add(&p, 0, "other.example.org", DNS_A, 100, SV("\xc0\0\2\3"));
	ck_assert_int_eq(dns_packet_read(buf_sv(&p.b), "mail.example.org",
			     DNS_A, &limits, &out),
	    RC_OK);
	ck_assert_int_eq(out.rc, RC_OK);
	ck_assert_uint_eq(out.n, 2);
	ck_assert_uint_eq(out.ttl, 200);
	ck_assert_str_eq(out.canonical, "mail.example.org");
	rest = buf_sv(&out.data);
	ck_assert(dns_packet_next(&rest, &r) && sv_eq(r, A1));
	ck_assert(dns_packet_next(&rest, &r) && sv_eq(r, SV("\xc0\0\2\2")));
	ck_assert(!dns_packet_next(&rest, &r));
	buf_fini(&out.data);
	check_truncated(&p, "mail.example.org", DNS_A);
	buf_fini(&p.b);
}
END_TEST

START_TEST(dns_packet__mx_comes_unpacked_and_in_lower_case)
{
	struct packet p;
	struct dns_packet out;
	struct sv rest, r;
	uint16_t preference;
	char host[DNS_NAME_MAX];

	begin(&p, 0x8180, "example.org", DNS_MX);
	/* The question's name is at 12. */
	add(&p, 0, "example.org", DNS_MX, 300, SV("\0\12\4MaiL\xc0\x0c"));
	ck_assert_int_eq(
	    dns_packet_read(buf_sv(&p.b), "example.org", DNS_MX, &limits, &out),
	    RC_OK);
	rest = buf_sv(&out.data);
	ck_assert(dns_packet_next(&rest, &r));
	ck_assert(sv_eq(r, SV("\0\12\4mail\7example\3org\0")));
	ck_assert_int_eq(dns_mx(r, &preference, host), RC_OK);
	ck_assert_uint_eq(preference, 10);
	ck_assert_str_eq(host, "mail.example.org");
	buf_fini(&out.data);
	check_truncated(&p, "example.org", DNS_MX);
	buf_fini(&p.b);
}
END_TEST

START_TEST(dns_packet__cnames_in_any_order)
{
	struct packet p;
	struct dns_packet out;

	begin(&p, 0x8180, "a.test", DNS_A);
	add(&p, 0, "c.test", DNS_A, 300, A1);
	add_cname(&p, "b.test", "c.test", 50);
	add_cname(&p, "a.test", "b.test", 90);
	add(&p, 0, "a.test", DNS_A, 300, A1); /* not beside a CNAME */
	ck_assert_int_eq(
	    dns_packet_read(buf_sv(&p.b), "a.test", DNS_A, &limits, &out),
	    RC_OK);
	ck_assert_uint_eq(out.n, 1);
	ck_assert_uint_eq(out.ttl, 50);
	ck_assert_str_eq(out.canonical, "c.test");
	buf_fini(&out.data);
	/* Asked for itself, it is not followed. */
	be_put16(p.b.p + 12 + 8, DNS_CNAME);
	ck_assert_int_eq(
	    dns_packet_read(buf_sv(&p.b), "a.test", DNS_CNAME, &limits, &out),
	    RC_OK);
	ck_assert_uint_eq(out.n, 1);
	ck_assert_str_eq(out.canonical, "a.test");
	buf_fini(&out.data);
	buf_fini(&p.b);
}
END_TEST

START_TEST(dns_packet__cname_circle_and_long_chain_end)
{
	struct packet p;
	struct dns_packet out;
	char from[16], to[16];
	int i, n;

	begin(&p, 0x8180, "a.test", DNS_A);
	add_cname(&p, "a.test", "b.test", 50);
	add_cname(&p, "b.test", "a.test", 50);
	ck_assert_int_eq(
	    dns_packet_read(buf_sv(&p.b), "a.test", DNS_A, &limits, &out),
	    RC_TOOBIG);
	buf_fini(&p.b);
	for (n = 16; n <= 17; n++) {
		begin(&p, 0x8180, "n0.test", DNS_A);
		for (i = 0; i < n; i++) {
			(void)snprintf(from, sizeof from, "n%d.test", i);
			(void)snprintf(to, sizeof to, "n%d.test", i + 1);
			add_cname(&p, from, to, 50);
		}
		ck_assert_int_eq(dns_packet_read(buf_sv(&p.b), "n0.test", DNS_A,
				     &limits, &out),
		    n == 16 ? RC_OK : RC_TOOBIG);
		if (n == 16)
			buf_fini(&out.data);
		buf_fini(&p.b);
	}
}
END_TEST

START_TEST(dns_packet__nothing_there)
{
	static const struct {
		unsigned flags;
		int want;
	} rows[] = {{0x8180, RC_OK}, {0x8183, RC_NOTFOUND}, {0x8182, RC_TEMP},
	    {0x8185, RC_TEMP}, {0x8380, RC_TEMP}};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct packet p;
		struct dns_packet out;

		begin(&p, rows[i].flags, "a.test", DNS_MX);
		add(&p, 1, "test", 6, 3600,
		    SV("\2ns\0\4root\0"
		       "ssssrrrreeeexxxx\0\0\0\x3c"));
		ck_assert_int_eq(dns_packet_read(buf_sv(&p.b), "a.test", DNS_MX,
				     &limits, &out),
		    RC_OK);
		ck_assert_int_eq(out.rc, rows[i].want);
		ck_assert_uint_eq(out.n, 0);
		ck_assert_uint_eq(out.ttl, 60);
		ck_assert_str_eq(out.canonical, "a.test");
		buf_fini(&out.data);
		check_truncated(&p, "a.test", DNS_MX);
		buf_fini(&p.b);
	}
}
END_TEST

START_TEST(dns_packet__of_another_question)
{
	struct packet p;
	struct dns_packet out;

	begin(&p, 0x8180, "a.test", DNS_MX);
	ck_assert_int_eq(
	    dns_packet_read(buf_sv(&p.b), "b.test", DNS_MX, &limits, &out),
	    RC_SYNTAX);
	ck_assert_int_eq(
	    dns_packet_read(buf_sv(&p.b), "a.test", DNS_A, &limits, &out),
	    RC_SYNTAX);
	p.b.p[2] = 0x01; /* a query, no answer */
	ck_assert_int_eq(
	    dns_packet_read(buf_sv(&p.b), "a.test", DNS_MX, &limits, &out),
	    RC_SYNTAX);
	buf_fini(&p.b);
}
END_TEST

START_TEST(dns_packet__broken_records)
{
	static const struct {
		const char *name;
		enum dns_type type;
		struct sv data;
	} rows[] = {
	    {"short address", DNS_A, {"\1\2\3", 3}},
	    {"long address", DNS_A, {"\1\2\3\4\5", 5}},
	    {"short v6", DNS_AAAA, {"\1\2\3\4", 4}},
	    {"MX without a name", DNS_MX, {"\0\12", 2}},
	    {"MX of one byte", DNS_MX, {"\0", 1}},
	    {"MX with more behind", DNS_MX, {"\0\12\1a\0x", 6}},
	    {"MX that points at itself", DNS_MX, {"\0\12\xc0\x1e", 4}},
	    {"PTR over the end", DNS_PTR, {"\5ab", 3}},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct packet p;
		struct dns_packet out;

		begin(&p, 0x8180, "a.test", rows[i].type);
		add(&p, 0, "a.test", rows[i].type, 60, rows[i].data);
		ck_assert_msg(dns_packet_read(buf_sv(&p.b), "a.test",
				  rows[i].type, &limits, &out) == RC_SYNTAX,
		    "%s", rows[i].name);
		buf_fini(&p.b);
	}
}
END_TEST

START_TEST(dns_packet__counts_that_lie)
{
	struct packet p;
	struct dns_packet out;

	begin(&p, 0x8180, "a.test", DNS_A);
	add(&p, 0, "a.test", DNS_A, 60, A1);
	be_put16(p.b.p + 6, 2);
	ck_assert_int_eq(
	    dns_packet_read(buf_sv(&p.b), "a.test", DNS_A, &limits, &out),
	    RC_SYNTAX);
	be_put16(p.b.p + 6, 65535);
	ck_assert_int_eq(
	    dns_packet_read(buf_sv(&p.b), "a.test", DNS_A, &limits, &out),
	    RC_SYNTAX);
	be_put16(p.b.p + 4, 0);
	ck_assert_int_eq(
	    dns_packet_read(buf_sv(&p.b), "a.test", DNS_A, &limits, &out),
	    RC_SYNTAX);
	buf_fini(&p.b);
}
END_TEST

START_TEST(dns_packet__limits)
{
	struct dns_packet_limits few = {.records = 3, .bytes = 100, .chain = 1};
	struct packet p;
	struct dns_packet out;
	int i;

	begin(&p, 0x8180, "a.test", DNS_A);
	for (i = 1; i <= 4; i++) {
		add(&p, 0, "a.test", DNS_A, 60, A1);
		ck_assert_int_eq(
		    dns_packet_read(buf_sv(&p.b), "a.test", DNS_A, &few, &out),
		    i <= 3 ? RC_OK : RC_TOOBIG);
		if (i <= 3)
			buf_fini(&out.data);
	}
	/* Three records of six bytes each. */
	be_put16(p.b.p + 6, 3);
	for (few.bytes = 17; few.bytes <= 18; few.bytes++) {
		ck_assert_int_eq(
		    dns_packet_read(buf_sv(&p.b), "a.test", DNS_A, &few, &out),
		    few.bytes == 18 ? RC_OK : RC_TOOBIG);
		if (few.bytes == 18)
			buf_fini(&out.data);
	}
	buf_fini(&p.b);
}
END_TEST

UNIT_TESTS(packet)
{
	TCase *t = tcase_create("packet");

	tcase_add_test(t, dns_packet__address);
	tcase_add_test(t, dns_packet__mx_comes_unpacked_and_in_lower_case);
	tcase_add_test(t, dns_packet__cnames_in_any_order);
	tcase_add_test(t, dns_packet__cname_circle_and_long_chain_end);
	tcase_add_test(t, dns_packet__nothing_there);
	tcase_add_test(t, dns_packet__of_another_question);
	tcase_add_test(t, dns_packet__broken_records);
	tcase_add_test(t, dns_packet__counts_that_lie);
	tcase_add_test(t, dns_packet__limits);
	return t;
}
