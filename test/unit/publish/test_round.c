/*
 * Whatever the configuration: what is printed, published as it was printed, is
 * found right; nothing is left to be pasted, and nothing is in trouble.
 */
#include <arpa/inet.h>
#include <check.h>

#include "publish/publish.h"
#include "test/unit/msgauth/zone.h"
#include "test/unit/publish/fixture.h"
#include "test/unit/unit.h"

#define KEYS                                                               \
	"hm-rsa-202611 active v=DKIM1; k=rsa; p="                          \
	"QUJDRA"                                                           \
	"QUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJD" \
	"QUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJD" \
	"QUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJD" \
	"QUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJD" \
	"QUJDRA\n"                                                         \
	"hm-ed-202611 active v=DKIM1; k=ed25519; p=AAAABBBB\n"             \
	"hm-ed-202612 announced v=DKIM1; k=ed25519; p=CCCCDDDD\n"          \
	"hm-ed-202605 retiring v=DKIM1; k=ed25519; p=EEEEFFFF\n"

static const struct {
	const char *yaml, *own, *ca;
	bool is_signed;
} rows[] = {
    {"domains: [example.org]\n", "192.0.2.1", NULL, false},
    {"domains: [example.org]\n", "192.0.2.1 2001:db8::1", NULL, true},
    {"domains: [example.org, sub.example.org, example.test]\n",
	"192.0.2.1 2001:db8::1", "letsencrypt.org", true},
    /* The host is the domain, or is elsewhere. */
    {"domains: [mail.example.org]\n", "192.0.2.1", NULL, true},
    {"domains: [a-b.example.test, xn--bcher-kva.example]\n", "192.0.2.1",
	"letsencrypt.org", false},
    {"domains: [example.org]\nlisten: { imaps: [1993], pop3s: [], "
     "submission: [], submissions: ['192.0.2.1:1465', 465] }\n",
	"192.0.2.1", NULL, false},
    {"domains: [example.org]\nlisten: { imaps: [], imap: [], pop3: [], "
     "pop3s: [], submission: [], submissions: [] }\n",
	"192.0.2.1", NULL, true},
    {"domains: [example.org]\nrelay: smtp.example.net\n", "10.0.0.5", NULL,
	false},
    {"domains: [example.org]\nrelay: 203.0.113.5\n", "192.0.2.1", NULL, true},
    {"domains: [example.org]\nrelay: '2001:db8::9'\n", "192.0.2.1", NULL, true},
    {"domains: [example.org]\nrelay: off\n", "192.0.2.1", NULL, true},
    {"domains: [example.org]\ndns: { block_lists: [] }\n",
	"192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2", NULL, true},
    /* With pages and policies of its own. */
    {"domains: [example.org]\nlisten: { https: [443] }\n", "192.0.2.1",
	"letsencrypt.org", false},
    {"domains: [example.org]\nlisten: { http: [80], https: [443] }\n"
     "mta_sts: testing\n",
	"192.0.2.1 2001:db8::1", "letsencrypt.org", true},
    {"domains:\n  - example.org: { mta_sts: enforce }\n"
     "  - example.test: { mta_sts: off }\n  - sub.example.org\n"
     "listen: { https: [443] }\nmta_sts: { mode: testing, max_age: 1d }\n",
	"192.0.2.1", NULL, false},
    {"domains: [mail.example.org]\nlisten: { https: [8443] }\n"
     "mta_sts: none\n",
	"192.0.2.1", NULL, true},
    {"domains: [example.org]\nlisten: { https: [443] }\nmta_sts: { mode: "
     "enforce, mx: mx.example.test }\nrelay: smtp.example.net\n",
	"10.0.0.5", NULL, false},
    /* Behind a router, with its address published by hand. */
    {"domains: [example.org]\n", "192.168.1.5", NULL, true},
};

struct world {
	struct conf *conf;
	struct in6_addr own[8];
	struct publish_host host;
	struct publish_list list;
	struct zone *zone;
};

static void
begin(struct world *w, int row)
{
	struct conf_errors e = {0};
	struct sv rest = sv_str(rows[row].own);
	struct buf yaml;

	*w = (struct world){.zone = zone_new()};
	buf_init(&yaml, 10000);
	buf_addf(&yaml,
	    "hostname: mail.example.org\naccounts: { anna: {} }\n%s",
	    rows[row].yaml);
	ck_assert_msg(conf_parse(buf_sv(&yaml), "f", &w->conf, &e) == RC_OK,
	    "%s: %s", rows[row].yaml, e.e[0].text);
	buf_fini(&yaml);
	w->host = (struct publish_host){.hostname = w->conf->hostname,
	    .address = w->own,
	    .relay = conf_relay_for(w->conf, SV("."))};
	w->host.ca = rows[row].ca;
	w->host.certificate[0] =
	    (struct publish_certificate){SV("whole"), SV("key")};
	w->host.ncertificate = 1;
	while (rest.n > 0) {
		struct in6_addr *a = &w->own[w->host.naddress++];
		char text[64];

		sv_copy(sv_split(&rest, ' '), text, sizeof text);
		*a = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		ck_assert(inet_pton(AF_INET6, text, a) == 1 ||
			  inet_pton(AF_INET, text, a->s6_addr + 12) == 1);
		if (!publish_is_private(a))
			w->host.sender[w->host.nsender++] = *a;
		else
			zone_add(w->zone, "mail.example.org A 192.0.2.77");
	}
	zone_add(w->zone, "smtp.example.net A 203.0.113.9");
	if (rows[row].is_signed)
		zone_sign(w->zone);
}

static void
end(struct world *w)
{
	publish_list_fini(&w->list);
	zone_free(&w->zone);
	conf_free(&w->conf);
}

/* As the command does it. */
static void
look(struct world *w)
{
	size_t i, hosts;

	publish_list_fini(&w->list);
	publish_add_host(&w->list, &w->host);
	hosts = w->list.n;
	for (i = 0; i < w->conf->ndomain; i++)
		publish_add_domain(
		    &w->list, w->conf, w->conf->domain[i].name, SV(KEYS), "");
	for (i = 0; i < hosts; i++)
		fixture_judge(&w->list.p[i], &w->host, w->zone);
	publish_find_senders(&w->list, &w->host);
	publish_add_senders(&w->list, &w->host, w->conf);
	for (i = hosts; i < w->list.n; i++)
		fixture_judge(&w->list.p[i], &w->host, w->zone);
}

/* What a zone file's line means, quotes and all. */
static void
paste(struct world *w, const struct publish *p)
{
	struct sv rest, name, type, part;
	struct buf line, text;

	buf_init(&line, 8192);
	buf_init(&text, 8192);
	publish_zone_line(p, &line);
	rest = buf_sv(&line);
	name = sv_split(&rest, ' ');
	ck_assert(sv_ends(name, SV(".")));
	name = sv_first(name, name.n - 1);
	type = sv_split(&rest, ' ');
	if (sv_eq(type, SV("TXT"))) {
		(void)sv_split(&rest, '"');
		while (rest.n > 0) {
			part = sv_split(&rest, '"');
			ck_assert_uint_le(part.n, 255);
			buf_addsv(&text, part);
			(void)sv_split(&rest, '"');
		}
	} else {
		for (; rest.n > 0; rest = sv_skip(rest, 1))
			if (rest.p[0] != '"')
				buf_addc(&text, rest.p[0]);
		if (sv_ends(buf_sv(&text), SV(".")))
			buf_truncate(&text, text.n - 1);
	}
	zone_add_record(w->zone, name, type, buf_sv(&text));
	buf_fini(&text);
	buf_fini(&line);
}

static size_t
paste_missing(struct world *w)
{
	size_t i, n = 0;

	for (i = 0; i < w->list.n; i++)
		if (publish_is_record(&w->list.p[i]) &&
		    w->list.p[i].state != PUBLISH_RIGHT) {
			paste(w, &w->list.p[i]);
			n++;
		}
	return n;
}

START_TEST(publish__what_is_printed_is_found_right)
{
	struct publish_verdict v;
	struct world w;
	size_t i;

	begin(&w, _i);
	look(&w);
	ck_assert_uint_gt(paste_missing(&w), 4);
	/* Whether the zone is signed is known now: TLSA. */
	look(&w);
	(void)paste_missing(&w);
	look(&w);
	for (i = 0; i < w.list.n; i++) {
		const struct publish *p = &w.list.p[i];

		ck_assert_msg(!publish_is_trouble(p), "%s %s: %s", p->name,
		    publish_kind_name(p), p->words.p);
		ck_assert_msg(
		    !publish_is_record(p) || p->state == PUBLISH_RIGHT,
		    "%s %s: %s, %s", p->name, publish_kind_name(p),
		    publish_state_name(p->state), p->words.p);
	}
	for (i = 0; i < w.conf->ndomain; i++) {
		publish_sum_up(&w.list, w.conf->domain[i].name, &v);
		ck_assert_int_eq(v.reached, PUBLISH_YES);
		ck_assert_int_eq(v.believed, PUBLISH_YES);
		publish_verdict_fini(&v);
	}
	end(&w);
}
END_TEST

/* Before: the first thing that is said is what is in the way. */
START_TEST(publish_sum_up__says_what_is_in_the_way)
{
	struct publish_verdict v;
	struct world w;

	begin(&w, 0);
	look(&w);
	publish_sum_up(&w.list, w.conf->domain[0].name, &v);
	ck_assert_int_eq(v.reached, PUBLISH_NO);
	ck_assert_str_eq(v.why_reached.p, "MX, address");
	ck_assert_int_eq(v.believed, PUBLISH_NO);
	ck_assert_str_eq(v.why_believed.p, "SPF, DKIM, DMARC, PTR");
	publish_verdict_fini(&v);
	end(&w);
}
END_TEST

UNIT_TESTS(round)
{
	TCase *tc = tcase_create("round");

	tcase_add_loop_test(tc, publish__what_is_printed_is_found_right, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(tc, publish_sum_up__says_what_is_in_the_way);
	return tc;
}
