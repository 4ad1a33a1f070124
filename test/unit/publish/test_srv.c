/* The SRV records of a domain. */
#include <check.h>
#include <string.h>

#include "publish/publish.h"
#include "test/unit/unit.h"

/* As other forms have it (lib/clients): TLS from the first byte before
 * STARTTLS, IMAP before POP3, and only what is reached. */
static const struct {
	const char *listen, *want;
} srv_lists[] = {
    {"", "_submissions 0 1 465, _submission 10 1 587, _imaps 0 1 993, "
	 "_pop3s 10 1 995, "},
    {"listen: { submissions: [], imaps: [], pop3s: [], pop3: [] }\n",
	"_submission 0 1 587, _imap 0 1 143, "},
    {"listen: { https: [443], pop3s: [], pop3: [] }\n",
	"_autodiscover 0 1 443, _submissions 0 1 465, _submission 10 1 587, "
	"_imaps 0 1 993, "},
    {"listen: { submission: [\"127.0.0.1:587\"], imaps: [0, 1993], imap: [] "
     "}\n",
	"_submissions 0 1 465, _imaps 0 1 1993, _pop3s 10 1 995, "},
};

START_TEST(publish_add_domain__srv_is_what_programs_are_told)
{
	struct conf_errors e = {0};
	struct publish_list list = {0};
	struct conf *c = NULL;
	struct buf text;
	size_t i;

	buf_init(&text, 1000);
	buf_addf(&text,
	    "hostname: h.example.org\ndomains: [example.org]\n"
	    "accounts: { anna: {} }\n%s",
	    srv_lists[_i].listen);
	ck_assert_int_eq(conf_parse(buf_sv(&text), "f", &c, &e), RC_OK);
	buf_reset(&text);
	publish_add_domain(&list, c, "example.org", SV(""), NULL);
	for (i = 0; i < list.n; i++)
		if (list.p[i].kind == PUBLISH_SRV)
			buf_addf(&text, "%.*s %.*s, ",
			    (int)strcspn(list.p[i].name, "."), list.p[i].name,
			    (int)(list.p[i].value.n - sizeof " h.example.org." +
				  1),
			    list.p[i].value.p);
	ck_assert_str_eq(text.p, srv_lists[_i].want);
	buf_fini(&text);
	publish_list_fini(&list);
	conf_free(&c);
}
END_TEST

UNIT_TESTS(srv)
{
	TCase *tc = tcase_create("srv");

	tcase_add_loop_test(tc,
	    publish_add_domain__srv_is_what_programs_are_told, 0,
	    (int)(sizeof srv_lists / sizeof srv_lists[0]));
	return tc;
}
