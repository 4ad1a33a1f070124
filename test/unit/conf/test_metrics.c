/* The keys below `metrics`. */
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "test/unit/unit.h"

static const struct row {
	const char *yaml;
	const char *wrong; /* NULL: fine */
	size_t ports;
	const char *token;
} rows[] = {
    {"", NULL, 0, NULL},
    {"metrics: { listen: 127.0.0.1:9090 }", NULL, 1, NULL},
    {"metrics: { listen: ['127.0.0.1:9090', '[::1]:9090'] }", NULL, 2, NULL},
    {"metrics: { listen: 9090 }", NULL, 1, NULL},
    {"metrics: { token: abcdefghijklmnop }", NULL, 0, "abcdefghijklmnop"},
    {"metrics: { token: 0123456789abcdef, listen: 9 }", NULL, 1,
	"0123456789abcdef"},
    {"metrics: { listen: 192.0.2.1:9090 }", "loopback addresses only", 0, NULL},
    {"metrics: { listen: '[::]:9090' }", "loopback addresses only", 0, NULL},
    {"metrics: { listen: 0.0.0.0:9090 }", "loopback addresses only", 0, NULL},
    {"metrics: { token: abcdefghijklmno }", "16 to 256", 0, NULL},
    {"metrics: { token: 'abcdefgh ijklmnop' }", "16 to 256", 0, NULL},
    {"metrics: { token: '' }", "a long random word", 0, NULL},
    {"metrics: { tokn: abcdefghijklmnop }", "did you mean \"token\"", 0, NULL},
    {"listen: { https: [9090] }\nmetrics: { listen: 9090 }",
	"already uses port 9090", 0, NULL},
    {"metrics: { listen: 9090 }\nlisten: { https: [9090] }",
	"metrics.listen already uses port 9090", 0, NULL},
};

START_TEST(conf_metrics__read_and_refused)
{
	const struct row *r = &rows[_i];
	struct conf_errors e = {0};
	struct conf *c = NULL;
	char yaml[1000];

	(void)snprintf(yaml, sizeof yaml,
	    "hostname: mail.a.test\ndomains: [a.test]\n"
	    "accounts: { anna: {} }\n%s\n",
	    r->yaml);
	if (conf_parse(sv_str(yaml), "f", &c, &e) != RC_OK) {
		ck_assert_msg(
		    r->wrong != NULL && strstr(e.e[0].text, r->wrong) != NULL,
		    "%s: %s", r->yaml, e.e[0].text);
		return;
	}
	ck_assert_msg(r->wrong == NULL, "%s", r->yaml);
	ck_assert_uint_eq(c->nlisten[CONF_METRICS], r->ports);
	ck_assert(sv_eq(sv_str(c->metrics.token), sv_str(r->token)));
	if (r->ports == 1)
		ck_assert_str_eq(c->listen[CONF_METRICS][0].host, "127.0.0.1");
	conf_free(&c);
}
END_TEST

UNIT_TESTS(conf_metrics)
{
	TCase *t = tcase_create("conf_metrics");

	tcase_add_loop_test(
	    t, conf_metrics__read_and_refused, 0, sizeof rows / sizeof rows[0]);
	return t;
}
