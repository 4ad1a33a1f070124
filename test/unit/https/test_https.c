/* Which hosts are asked: what an authority answers may name any. */
#include "https/https.h"

#include "base/network.h"
#include "test/unit/unit.h"

static const struct {
	const char *url, *host; /* NULL: it is not one */
	uint16_t port;
} urls[] = {
    {"https://ca.example.org/dir", "ca.example.org", 443},
    {"HTTPS://CA.example.org:14000", "CA.example.org", 14000},
    {"https://localhost/", "localhost", 443},
    {"https://127.0.0.1:14000/dir", "127.0.0.1", 14000},
    {"https://[::1]:1/x", "::1", 1},
    {"https://a_b.c-d.test?x", "a_b.c-d.test", 443},
    {"http://ca.example.org/", NULL, 0},
    {"https:///x", NULL, 0},
    {"https://a@b.test/", NULL, 0},
    {"https://a.test:0/", NULL, 0},
    {"https://a.test:65536/", NULL, 0},
    {"https://a.test:/", NULL, 0},
    /* Others than we would see. */
    {"https://127.1/", NULL, 0},
    {"https://2130706433/", NULL, 0},
    {"https://0x7f000001/", NULL, 0},
    {"https://0x7f.1/", NULL, 0},
    {"https://0177.0.0.1/", NULL, 0},
    {"https://127.0.0.1./", NULL, 0},
    {"https://ca.test./", NULL, 0},
    {"https://%6cocalhost/", NULL, 0},
    {"https://a..test/", NULL, 0},
    {"https://.test/", NULL, 0},
    {"https://a.test,b.test/", NULL, 0},
    {"https://a.test\xe3\x80\x82x/", NULL, 0},
    {"https://::1/", NULL, 0},
    {"https://[127.0.0.1]/", NULL, 0},
    {"https://[a.test]/", NULL, 0},
    {"https://[fe80::1%25lo]/", NULL, 0},
};

START_TEST(https__hosts)
{
	char host[HTTPS_HOST_MAX];
	uint16_t port;
	int r = https_url_parts(urls[_i].url, host, &port);

	ck_assert_msg(r == (urls[_i].host != NULL ? RC_OK : RC_SYNTAX), "%s",
	    urls[_i].url);
	if (r == RC_OK) {
		ck_assert_str_eq(host, urls[_i].host);
		ck_assert_uint_eq(port, urls[_i].port);
	}
}
END_TEST

static const struct {
	const char *address;
	bool public;
} addresses[] = {
    {"192.0.2.1", true},
    {"172.15.0.1", true},
    {"100.63.0.1", true},
    {"2001:db8::1", true},
    {"127.0.0.1", false},
    {"127.9.9.9", false},
    {"0.0.0.0", false},
    {"10.1.2.3", false},
    {"100.64.0.1", false},
    {"169.254.169.254", false},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"192.168.1.1", false},
    {"224.0.0.1", false},
    {"255.255.255.255", false},
    {"::", false},
    {"::1", false},
    {"::ffff:127.0.0.1", false},
    {"fe80::1", false},
    {"fd00::1", false},
    {"ff02::1", false},
};

START_TEST(https__public_addresses)
{
	struct in6_addr a;

	ck_assert(network_address(addresses[_i].address, &a));
	ck_assert_msg(https_is_public(&a) == addresses[_i].public, "%s",
	    addresses[_i].address);
}
END_TEST

/* Every name leads to this machine. */
static int
resolve(void *arg, const char *host, struct in6_addr out[HTTPS_ADDRESSES_MAX],
    size_t *n, struct err *err)
{
	(void)arg;
	(void)host;
	(void)err;
	(void)network_address("127.0.0.1", &out[0]);
	*n = 1;
	return RC_OK;
}

/* Nothing listens on port 1: that it was tried is another sentence. */
START_TEST(https__only_the_owner_names_hosts_near_us)
{
	static const struct {
		const char *url;
		int rc;
	} rows[] = {
	    {"https://ca.test:1/x", RC_TEMP},
	    {"https://CA.test:1/x", RC_TEMP},
	    {"https://other.test:1/x", RC_DENIED},
	    {"https://127.0.0.1:1/x", RC_DENIED},
	    {"https://[::1]:1/x", RC_DENIED},
	    {"https://127.1:1/x", RC_SYNTAX},
	};
	const struct https_opts o = {
	    .agent = "test", .resolve = resolve, .own_host = "ca.test"};
	struct https_answer a;
	struct https *h;
	struct err err;
	size_t i;

	ck_assert_int_eq(https_new(&o, &h, &err), RC_OK);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct https_request r = {
		    .url = rows[i].url, .most = 1000};

		https_answer_init(&a);
		ck_assert_msg(https_do(h, &r, &a, &err) == rows[i].rc, "%s: %s",
		    rows[i].url, err.text);
		https_answer_fini(&a);
	}
	https_free(&h);
}
END_TEST

UNIT_TESTS(https)
{
	TCase *t = tcase_create("https");

	tcase_add_loop_test(
	    t, https__hosts, 0, (int)(sizeof urls / sizeof urls[0]));
	tcase_add_loop_test(t, https__public_addresses, 0,
	    (int)(sizeof addresses / sizeof addresses[0]));
	tcase_add_test(t, https__only_the_owner_names_hosts_near_us);
	return t;
}
