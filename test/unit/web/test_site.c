/* The routes, with a configuration: who is answered where, and what is sent
 * elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/site.h"
#include "test/unit/unit.h"

static struct tls_ctx *tls;
static struct sni *sni;
static struct conf *conf;
static struct web_site *site;

static struct conf *
parse(const char *more)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	char yaml[1000];

	(void)snprintf(yaml, sizeof yaml,
	    "hostname: mail.a.test\ndomains: [a.test, b.test]\n"
	    "accounts: { anna: { addresses: [anna@a.test] } }\n%s",
	    more);
	ck_assert_int_eq(conf_parse(sv_str(yaml), "f", &c, &e), RC_OK);
	return c;
}

static void
setup(void)
{
	struct buf cert, key;
	struct err err;

	tls_library_setup();
	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	ck_assert_int_eq(
	    tls_self_signed("mail.a.test", &cert, &key, &err), RC_OK);
	ck_assert_int_eq(
	    tls_ctx_new(buf_sv(&cert), buf_sv(&key), &tls, &err), RC_OK);
	sni = sni_new(tls);
	conf = parse("listen: { http: [80], https: [443] }\n"
		     "mta_sts: testing\n");
	site = web_site_new(conf, sni, NULL, -1);
	ck_assert_int_eq(challenges_set(web_site_challenges(site),
			     SV("to-ken_1"), SV("to-ken_1.thumb")),
	    RC_OK);
	buf_fini(&cert);
	buf_fini(&key);
}

static void
teardown(void)
{
	web_site_free(&site);
	conf_free(&conf);
	tls_ctx_free(&tls);
	sni_free(&sni);
}

/* The whole answer. */
static const char *
get(const char *method, bool under_tls, const char *host, const char *path)
{
	static char text[65536];
	struct http_session *s;
	struct buf in, out;
	bool closed;

	buf_init(&in, 20000);
	buf_init(&out, sizeof text - 1);
	buf_addf(&in, "%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, host);
	s = http_session_new(&web_http_site, under_tls, site, "192.0.2.1");
	(void)http_session_input(s, buf_sv(&in), &out, &closed);
	ck_assert(buf_ok(&out) && out.n > 0);
	memcpy(text, out.p, out.n + 1);
	http_session_free(&s);
	buf_fini(&out);
	buf_fini(&in);
	return text;
}

#define CHALLENGE "/.well-known/acme-challenge/"
#define POLICY	  "/.well-known/mta-sts.txt"
#define SECURITY  "/.well-known/security.txt"

static const struct {
	bool tls;
	const char *host, *path;
	unsigned status;
	const char *has;
} rows[] = {
    /* Challenges: everywhere, since the authority follows no wish. */
    {false, "mail.a.test", CHALLENGE "to-ken_1", 200, "\r\n\r\nto-ken_1.thumb"},
    {false, "other.test", CHALLENGE "to-ken_1", 200, "to-ken_1.thumb"},
    {false, "192.0.2.1:80", CHALLENGE "to-ken_1", 200, "to-ken_1.thumb"},
    {true, "mail.a.test", CHALLENGE "to-ken_1", 200, "to-ken_1.thumb"},
    {false, "mail.a.test", CHALLENGE "to-ken_2", 404, NULL},
    {false, "mail.a.test", CHALLENGE, 308, NULL},
    {false, "other.test", CHALLENGE, 404, NULL},
    {false, "mail.a.test", CHALLENGE "to-ken_1/", 404, NULL},
    {false, "mail.a.test", CHALLENGE "TO-KEN_1", 404, NULL},
    /* Policies: of our domains, under TLS, without a way elsewhere. */
    {true, "mta-sts.a.test", POLICY, 200, "\r\n\r\nversion: STSv1\r\n"},
    {true, "MTA-STS.B.test.:443", POLICY, 200, "mx: mail.a.test\r\n"},
    {true, "mta-sts.a.test", POLICY "?x", 200, "STSv1"},
    {true, "mta-sts.a.test", POLICY "/", 404, NULL},
    {true, "mta-sts.a.test", "/", 404, NULL},
    {true, "mta-sts.c.test", POLICY, 404, NULL},
    {true, "a.test", POLICY, 404, NULL},
    {true, "mail.a.test", POLICY, 404, NULL},
    {true, "mta-sts.mail.a.test", POLICY, 404, NULL},
    {false, "mta-sts.a.test", POLICY, 404, NULL},
    /* security.txt */
    {true, "mail.a.test", SECURITY, 200,
	"Contact: mailto:postmaster@mail.a.test\r\n"},
    {true, "b.test", SECURITY, 200, "Contact: mailto:postmaster@b.test\r\n"},
    {true, "c.test", SECURITY, 404, NULL},
    {false, "mail.a.test", SECURITY, 308,
	"Location: https://mail.a.test/.well-known/security.txt\r\n"},
    {false, "b.test", SECURITY, 404, NULL},
    /* Settings: in both. */
    {false, "autoconfig.b.test", "/mail/config-v1.1.xml", 200,
	"<domain>b.test</domain>"},
    {true, "autoconfig.a.test", "/mail/config-v1.1.xml?emailaddress=x@b.test",
	200, "<domain>b.test</domain>"},
    {false, "autodiscover.a.test", "/AutoDiscover/AutoDiscover.xml", 200,
	"<ErrorCode>600</ErrorCode>"},
    {false, "c.test", "/mail/config-v1.1.xml", 404, NULL},
    {false, "autoconfig.", "/mail/config-v1.1.xml", 404, NULL},
    {true, "mail.a.test", "/", 200, "<h1>"},
    {true, "mail.a.test", "/", 200, "href=\"/style.css\""},
    {true, "mail.a.test", "/style.css", 200, "Content-Type: text/css"},
    {true, "mail.a.test", "/icon.svg", 200, "Content-Type: image/svg+xml"},
    {true, "a.test", "/style.css", 404, NULL},
    {true, "a.test", "/", 404, NULL},
    /* From this machine, without a name. */
    {true, "127.0.0.1:8443", SECURITY, 200,
	"Contact: mailto:postmaster@mail.a.test\r\n"},
    {true, "localhost", "/", 200, "<h1>"},
    {true, "[::1]:8443", "/mail/config-v1.1.xml", 200,
	"<domain>a.test</domain>"},
    {false, "127.0.0.1:8080", "/", 308, "Location: https://127.0.0.1/\r\n"},
    {false, "[::1]:8080", "/", 308, "Location: https://[::1]/\r\n"},
    {true, "127.example.test", SECURITY, 404, NULL},
    {true, "192.0.2.1", SECURITY, 404, NULL},
    {false, "192.0.2.1", "/", 404, NULL},
    /* Redirects. */
    {false, "mail.a.test", "/x?y=%0a&z", 308,
	"Location: https://mail.a.test/x?y=%0a&z\r\n"},
    {false, "MAIL.a.test.:80", "/", 308, "Location: https://mail.a.test/\r\n"},
    {false, "a.test", "/x", 404, NULL},
    {false, "", "/x", 404, NULL},
    {true, "mail.a.test", "/x", 404, NULL},
};

START_TEST(site__row)
{
	const char *got =
	    get("GET", rows[_i].tls, rows[_i].host, rows[_i].path);
	char want[20];

	(void)snprintf(want, sizeof want, "HTTP/1.1 %u ", rows[_i].status);
	ck_assert_msg(strncmp(got, want, strlen(want)) == 0, "%s%s: %s",
	    rows[_i].host, rows[_i].path, got);
	ck_assert_msg(rows[_i].has == NULL || strstr(got, rows[_i].has) != NULL,
	    "%s%s: %s", rows[_i].host, rows[_i].path, got);
	ck_assert(rows[_i].status == 308 || strstr(got, "Location") == NULL);
	/* HEAD says the same. */
	got = get("HEAD", rows[_i].tls, rows[_i].host, rows[_i].path);
	ck_assert_int_eq(strncmp(got, want, strlen(want)), 0);
	ck_assert_str_eq(strstr(got, "\r\n\r\n"), "\r\n\r\n");
}
END_TEST

/* A reload counts from the next request on. */
START_TEST(site__follows_the_configuration)
{
	struct conf *c =
	    parse("listen: { http: [80], https: [127.0.0.1:8443] }\n"
		  "web: { hsts: on }\n");

	ck_assert_ptr_null(strstr(
	    get("GET", true, "mail.a.test", "/"), "Strict-Transport-Security"));
	web_site_set_conf(site, c);
	conf_free(&c);
	ck_assert_ptr_nonnull(strstr(get("GET", true, "mail.a.test", "/"),
	    "Strict-Transport-Security: max-age="));
	ck_assert_ptr_null(
	    strstr(get("GET", false, "mail.a.test", "/"), "Strict-Transport"));
	ck_assert_ptr_nonnull(strstr(get("GET", false, "mail.a.test", "/x"),
	    "Location: https://mail.a.test:8443/x\r\n"));
	ck_assert_ptr_nonnull(
	    strstr(get("GET", true, "mta-sts.a.test", POLICY), " 404 "));
	/* Without https there is nowhere to go, as it seems or as it is. */
	c = parse("listen: { http: [80] }\nmta_sts: testing\n");
	web_site_set_conf(site, c);
	conf_free(&c);
	ck_assert_ptr_nonnull(
	    strstr(get("GET", false, "mail.a.test", "/x"), " 404 "));
	web_site_set_conf(site, conf);
	ck_assert_ptr_nonnull(
	    strstr(get("GET", false, "mail.a.test", "/x"), " 308 "));
	web_site_without_https(site);
	ck_assert_ptr_nonnull(
	    strstr(get("GET", false, "mail.a.test", "/x"), " 404 "));
}
END_TEST

/* All of a long target, or no redirect. */
START_TEST(site__redirects_with_all_of_the_path)
{
	char path[8100];

	memset(path, 'x', sizeof path);
	path[0] = '/';
	memcpy(path + sizeof path - 5, "end", 4);
	ck_assert_ptr_nonnull(
	    strstr(get("GET", false, "mail.a.test", path), "xxxend\r\n"));
}
END_TEST

/* A certificate more, a name more to redirect to. */
START_TEST(site__redirects_to_all_names)
{
	struct buf cert, key;
	struct err err;

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	ck_assert_int_eq(
	    tls_self_signed("mta-sts.a.test", &cert, &key, &err), RC_OK);
	ck_assert_int_eq(
	    sni_set(sni, SV("x"), buf_sv(&cert), buf_sv(&key), &err), RC_OK);
	ck_assert_ptr_nonnull(
	    strstr(get("GET", false, "mta-sts.a.test", POLICY),
		"Location: https://mta-sts.a.test" POLICY "\r\n"));
	buf_fini(&cert);
	buf_fini(&key);
}
END_TEST

START_TEST(challenges__have_limits)
{
	struct challenges *c = challenges_new();
	struct buf b;
	char token[20];
	int i, n = 0;

	buf_init(&b, 1000);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(token, sizeof token, "t%d", i);
		n += challenges_set(c, sv_str(token), SV("t.x")) == RC_OK;
	}
	ck_assert_int_eq(n, 64);
	ck_assert_int_eq(challenges_set(c, SV("more"), SV("x")), RC_TOOBIG);
	ck_assert_int_eq(challenges_set(c, SV("t3"), SV("other")), RC_OK);
	ck_assert(challenges_find(c, SV("t3"), &b));
	ck_assert_str_eq(b.p, "other");
	challenges_clear(c, SV("t3"));
	ck_assert(!challenges_find(c, SV("t3"), &b));
	ck_assert(challenges_find(c, SV("t4"), &b));
	challenges_clear(c, SV(""));
	ck_assert(!challenges_find(c, SV("t4"), &b));
	ck_assert(!challenges_find(c, SV(""), &b));
	ck_assert_int_eq(challenges_set(c, SV(""), SV("x")), RC_SYNTAX);
	ck_assert_int_eq(challenges_set(c, SV("a/b"), SV("x")), RC_SYNTAX);
	ck_assert_int_eq(challenges_set(c, SV("a.b"), SV("x")), RC_SYNTAX);
	ck_assert_int_eq(challenges_set(c, SV("a"), SV("x\r\n")), RC_SYNTAX);
	ck_assert_int_eq(challenges_set(c, SV("a"), SV("<x>")), RC_SYNTAX);
	buf_fini(&b);
	challenges_free(&c);
}
END_TEST

UNIT_TESTS(site)
{
	TCase *t = tcase_create("site");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, site__row, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_test(t, site__follows_the_configuration);
	tcase_add_test(t, site__redirects_with_all_of_the_path);
	tcase_add_test(t, site__redirects_to_all_names);
	tcase_add_test(t, challenges__have_limits);
	return t;
}
