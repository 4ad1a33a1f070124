/* The key `detail`, and the detail of an address. */
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "test/unit/unit.h"

static const struct {
	const char *yaml;
	bool ok, folder;
} keys[] = {
    {"", true, false},
    {"detail: folder", true, true},
    {"detail: Folder", true, true},
    {"detail: off", true, false},
    {"detail: on", false, false},
    {"detail: inbox", false, false},
    {"detail: [folder]", false, false},
};

static int
parse(const char *more, struct conf **out)
{
	struct conf_errors e = {0};
	char yaml[1000];

	(void)snprintf(yaml, sizeof yaml,
	    "hostname: mail.example.org\ndomains: [example.org]\n"
	    "accounts: { anna: { addresses: [anna@example.org, "
	    "anna+own@example.org] } }\n%s\n",
	    more);
	return conf_parse(sv_str(yaml), "f", out, &e);
}

START_TEST(conf_detail__key)
{
	struct conf *c = NULL;

	ck_assert_int_eq(
	    parse(keys[_i].yaml, &c), keys[_i].ok ? RC_OK : RC_SYNTAX);
	if (c != NULL)
		ck_assert(c->detail_folder == keys[_i].folder);
	conf_free(&c);
}
END_TEST

START_TEST(conf_detail__of_an_address)
{
	static const struct {
		const char *address, *detail;
	} row[] = {
	    {"anna+Lists@example.org", "Lists"},
	    {"ANNA+a+b@Example.Org", "a+b"},
	    {"anna@example.org", ""},
	    {"anna+@example.org", ""},
	    {"+x@example.org", ""},
	    /* It is an address of its own. */
	    {"anna+own@example.org", ""},
	    {"nobody+x@example.org", ""},
	    {"anna+x@elsewhere.test", ""},
	    {"anna+x", ""},
	    {"", ""},
	};
	struct conf *c = NULL;
	size_t i;

	ck_assert_int_eq(parse("", &c), RC_OK);
	for (i = 0; i < sizeof row / sizeof *row; i++)
		ck_assert_msg(
		    sv_eq(conf_address_detail(c, sv_str(row[i].address)),
			sv_str(row[i].detail)),
		    "%s", row[i].address);
	conf_free(&c);
}
END_TEST

UNIT_TESTS(detail)
{
	TCase *t = tcase_create("detail");

	tcase_add_loop_test(t, conf_detail__key, 0, sizeof keys / sizeof *keys);
	tcase_add_test(t, conf_detail__of_an_address);
	return t;
}
