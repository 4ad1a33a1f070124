#include <check.h>

#include "mail/domain.h"
#include "test/unit/unit.h"

static const struct {
	const char *domain, *other;
	bool within;
} rows[] = {
    {"example.org", "example.org", true},
    {"Mail.Example.ORG", "example.org", true},
    {"a.b.example.org", "Example.org", true},
    {"badexample.org", "example.org", false},
    {"example.org", "mail.example.org", false},
    {".example.org", "example.org", true},
    {"example.org.", "example.org", false},
    {"example.org", "", false},
    {"", "example.org", false},
    {"", "", false},
    {"org", "org", true},
};

START_TEST(mail_domain__is_within_what_is_above_it)
{
	ck_assert_msg(mail_domain_is_within(sv_str(rows[_i].domain),
			  sv_str(rows[_i].other)) == rows[_i].within,
	    "%s in %s", rows[_i].domain, rows[_i].other);
}
END_TEST

UNIT_TESTS(domain)
{
	TCase *t = tcase_create("domain");

	tcase_add_loop_test(t, mail_domain__is_within_what_is_above_it, 0,
	    sizeof rows / sizeof rows[0]);
	return t;
}
