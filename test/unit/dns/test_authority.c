#include <stdlib.h>
#include <string.h>

#include "dns/authority.h"
#include "dns/direct.h"
#include "test/unit/unit.h"

START_TEST(direct__looks_for_the_cut_and_shows_others_no_selector)
{
	static const struct {
		const char *name;
		bool shared;
		const char *cuts; /* the ones before the last, in order */
	} rows[] = {
	    {"home.test", false, "home.test"},
	    {"a.home.test", false, "a.home.test home.test"},
	    {"a.home.test", true, "a.home.test home.test"},
	    {"s._domainkey.home.test", false, "_domainkey.home.test home.test"},
	    {"s._domainkey.home.test", true, "home.test"},
	    {"s.x._domainkey.a.home.test", false,
		"x._domainkey.a.home.test _domainkey.a.home.test a.home.test "
		"home.test"},
	    {"s.x._domainkey.a.home.test", true, "a.home.test home.test"},
	    {"_dmarc.home.test", false, "home.test"},
	    {"_25._tcp.mx.home.test", true, "mx.home.test home.test"},
	    {"test", false, ""},
	    {"_dmarc.test", true, ""},
	    {"_dmarc", false, ""},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sv name = sv_str(rows[i].name);
		bool first = true;
		struct buf got;

		buf_init(&got, 1000);
		while (direct_next_cut(&name, first, rows[i].shared)) {
			buf_addf(
			    &got, "%s%.*s", first ? "" : " ", SV_ARG(name));
			first = false;
		}
		ck_assert_msg(strcmp(got.n > 0 ? got.p : "", rows[i].cuts) == 0,
		    "%s: %s", rows[i].name, got.n > 0 ? got.p : "");
		buf_fini(&got);
	}
}
END_TEST

static bool
is_yes(const struct dns_answer *a, void *arg)
{
	(void)arg;
	return a->n == 1 && sv_eq(a->record[0], SV("yes"));
}

/* Servers as words "NAME:ANSWER": yes, other, nodata, none, time, temp, gone
 * (no address at all), lost (an address that cannot be found out). */
static void
fill(struct dns_authority *a, const char *text)
{
	struct sv rest = sv_str(text);

	dns_authority_init(a);
	a->server = calloc(DNS_AUTHORITY_SERVERS_MAX, sizeof *a->server);
	while (rest.n > 0) {
		struct sv word = sv_split(&rest, ' '), what = word;
		struct sv name = sv_split(&what, ':');
		struct dns_authority_server *s = &a->server[a->n++];
		bool there = sv_eq(what, SV("yes")) || sv_eq(what, SV("other"));

		sv_copy(name, s->name, sizeof s->name);
		dns_answer_init(&s->answer);
		if (!sv_eq(what, SV("gone")) && !sv_eq(what, SV("lost")))
			sv_copy(SV("192.0.2.1"), s->address, sizeof s->address);
		s->unroutable = sv_eq(what, SV("noway"));
		s->answer.rc =
		    there || sv_eq(what, SV("nodata")) ? RC_OK
		    : sv_eq(what, SV("none")) || sv_eq(what, SV("gone"))
			? RC_NOTFOUND
		    : sv_eq(what, SV("time")) ? RC_TIMEOUT
					      : RC_TEMP;
		if (there) {
			s->answer.record = calloc(1, sizeof(struct sv));
			s->answer.record[0] = what;
			s->answer.n = 1;
		}
	}
	a->rc = a->n > 0 ? RC_OK : RC_TEMP;
}

START_TEST(authority__everywhere_means_all_servers)
{
	static const struct {
		const char *servers;
		bool everywhere;
		size_t right, missing, wrong, silent, dead;
		const char *text;
	} rows[] = {
	    {"a:yes", true, 1, 0, 0, 0, 0, ""},
	    {"a:yes b:yes", true, 2, 0, 0, 0, 0, ""},
	    {"a:yes b:none", false, 1, 1, 0, 0, 0,
		"b (192.0.2.1) does not have it"},
	    {"a:yes b:nodata", false, 1, 1, 0, 0, 0,
		"b (192.0.2.1) does not have it"},
	    {"a:yes b:other", false, 1, 0, 1, 0, 0,
		"b (192.0.2.1) has something else"},
	    {"a:yes b:time", false, 1, 0, 0, 1, 1,
		"b (192.0.2.1) does not answer"},
	    /* Without IPv6 here. */
	    {"a:yes a:temp b:yes b:time", true, 2, 0, 0, 2, 0, ""},
	    {"a:yes a:none", false, 1, 1, 0, 0, 0,
		"a (192.0.2.1) does not have it"},
	    {"a:temp a:time", false, 0, 0, 0, 2, 1,
		"a (192.0.2.1) does not answer"},
	    /* A name without an address is asked by nobody. */
	    {"a:yes b:gone", true, 1, 0, 0, 1, 0, ""},
	    {"b:gone", false, 0, 0, 0, 1, 0,
		"no name server can be reached from here"},
	    /* With IPv6 alone, seen from IPv4. */
	    {"a:yes a:noway b:noway", true, 1, 0, 0, 2, 0, ""},
	    {"a:yes b:noway b:time", false, 1, 0, 0, 2, 1,
		"b (192.0.2.1) does not answer"},
	    {"a:noway b:noway", false, 0, 0, 0, 2, 0,
		"no name server can be reached from here"},
	    {"a:yes b:lost", false, 1, 0, 0, 1, 1, "b does not answer"},
	    {"", false, 0, 0, 0, 0, 0,
		"the domain's name servers could not be found"},
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct dns_authority a;
		struct dns_authority_count c;

		fill(&a, rows[i].servers);
		dns_authority_count(&a, is_yes, NULL, &c);
		ck_assert_msg(c.everywhere == rows[i].everywhere &&
				  c.right == rows[i].right &&
				  c.missing == rows[i].missing &&
				  c.wrong == rows[i].wrong &&
				  c.silent == rows[i].silent &&
				  c.dead == rows[i].dead &&
				  strcmp(c.text, rows[i].text) == 0,
		    "%s: %d %zu %zu %zu %zu %zu %s", rows[i].servers,
		    c.everywhere, c.right, c.missing, c.wrong, c.silent, c.dead,
		    c.text);
		dns_authority_fini(&a);
	}
}
END_TEST

UNIT_TESTS(authority)
{
	TCase *t = tcase_create("authority");

	tcase_add_test(
	    t, direct__looks_for_the_cut_and_shows_others_no_selector);
	tcase_add_test(t, authority__everywhere_means_all_servers);
	return t;
}
