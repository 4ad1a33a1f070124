/* Aliases: where they lead, inside and outside. */
#include <stdio.h>
#include <stdlib.h>

#include "test/unit/conf/parsing.h"
#include "test/unit/unit.h"

/* What is wrong with an alias that leads nowhere. */
static const struct {
	const char *aliases, *error; /* NULL: it is fine */
} alias_rows[] = {
    {"  x@example.org: [y@example.org]\n  y@example.org: [x@example.org]\n",
	"the alias x@example.org leads to \"y@example.org\", which leads back "
	"to it: this is a loop"},
    {"  x@example.org: [x@example.org]\n", "this is a loop"},
    {"  x@example.org: [y@example.org]\n  y@example.org: [z@example.org]\n"
     "  z@example.org: [anna, y@example.org]\n",
	"this is a loop"},
    {"  x@example.org: [zoe]\n",
	"which is not an account, an account's address or another alias"},
    {"  x@example.org: [y@example.org]\n  y@example.org: [zoe]\n",
	"not an account"},
    {"  x@example.org: [y@example.org, z@example.org]\n"
     "  y@example.org: [z@example.org]\n  z@example.org: [anna]\n",
	NULL},
    {"  a1@example.org: [a2@example.org]\n  a2@example.org: [a3@example.org]\n"
     "  a3@example.org: [a4@example.org]\n  a4@example.org: [a5@example.org]\n"
     "  a5@example.org: [a6@example.org]\n  a6@example.org: [a7@example.org]\n"
     "  a7@example.org: [a8@example.org]\n  a8@example.org: [a9@example.org]\n"
     "  a9@example.org: [a10@example.org]\n  a10@example.org: [anna]\n",
	"too many other aliases"},
    {"  x@example.org: [ben@example.net]\n", NULL},
    {"  x@example.org: [ben@]\n", "not an address"},
    {"  x@example.org: [\"ben@\xd0\xbf\xd1\x80.\xd1\x80\xd1\x84\"]\n",
	"write the domain as xn--..."},
    {"  \"x@\xd0\xbf\xd1\x80.\xd1\x80\xd1\x84\": [anna]\n",
	"so it would get no mail; write the domain as xn--..."},
    {"  x@example.org: [\"ben smith@example.net\"]\n", "not an address"},
    {"  x@example.org: [\"ben@[192.0.2.1]\"]\n", "not an address"},
    {"  x@example.org: [ben@192.0.2.1]\n", "not an address"},
    {"  x@example.org: [\"<ben@example.net>\"]\n", "not an address"},
    {"  x@example.org: [bne@example.org]\n", "which is not an account"},
    {"  x@example.org: [root@mail.example.org]\n", "this server itself"},
    {"  x@example.org: [anna+club@example.org]\n", NULL},
    {"  x@example.org: [zoe+club@example.org]\n", "which is not an account"},
    {"  x@example.org: [ben@example.net]\nrelay: off\n", "`relay: off`"},
    {"  x@example.org: [anna]\nrelay: off\n", NULL},
    {"  x@example.org: [anna]\ncatch_all: ben@example.net\n",
	"an account's name is expected, not an address"},
    {"  empty@example.org: []\n",
	"the alias empty@example.org leads to nobody: name an account or an "
	"address"},
    {"  x@example.org: [y@example.org]\n  y@example.org: []\n",
	"the alias x@example.org leads to nobody"},
    {"  x@example.org: [y@example.org, anna]\n  y@example.org: []\n",
	"the alias y@example.org leads to nobody"},
    {"  x@example.org:\n", "expected a list"},
    /* Of an account: where it is written, or by default. */
    {"  mum@example.org: [ben@example.net]\n",
	"the alias mum@example.org is also an address of the account anna "
	"(line 4), so it would not be used: remove one of them; if both are "
	"meant, give the account another address and name it in the alias"},
    {"  Ben@example.test: [anna]\n",
	"the alias ben@example.test is also an address of the account ben "
	"(line 5)"},
    {"  ben+x@example.test: [anna]\n", NULL},
    {"  x@example.org: [anna]\n  X@Example.org: [ben]\n",
	"the alias x@example.org is listed twice; the first is on line 7"},
    /* Not a pattern. */
    {"  '*@example.org': [ben]\n",
	"\"*@example.org\" is not an address; for all mail that has no other "
	"address write: catch_all: { example.org: NAME }, with an account's "
	"name"},
    {"  '@example.org': [ben]\n", "catch_all: { example.org: NAME }"},
    {"  'sales-*@example.org': [ben]\n", "catch_all: { example.org: NAME }"},
};

START_TEST(conf_parse__says_what_is_wrong_with_an_alias)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	struct buf text;
	int r;

	buf_init(&text, 4096);
	buf_addf(&text, "%saliases:\n%s", HEAD, alias_rows[_i].aliases);
	r = conf_parse(buf_sv(&text), "test.yaml", &c, &e);
	ck_assert_int_eq(r, alias_rows[_i].error == NULL ? RC_OK : RC_SYNTAX);
	if (r != RC_OK)
		ck_assert_msg(strstr(e.e[0].text, alias_rows[_i].error) != NULL,
		    "%s", e.e[0].text);
	conf_free(&c);
	buf_fini(&text);
}
END_TEST

#define OUTSIDE                                                             \
	HEAD "admin: ben\n"                                                 \
	     "aliases:\n"                                                   \
	     "  club@example.org: [anna, Ben.S+x@Example.NET]\n"            \
	     "  far@example.org: carl@example.net\n"                        \
	     "  all@example.test: [club@example.org, far@example.org, mum@" \
	     "example.org, CARL@example.net, dora@example.com]\n"           \
	     "  home@example.org: [ben@example.org, anna]\n"

/* Accounts, addresses elsewhere, owners. */
static const struct {
	const char *in, *local, *outside, *owners;
} forward_rows[] = {
    {"club@example.org", "anna", "Ben.S+x@example.net", "anna"},
    {"CLUB+list@Example.Org", "anna", "Ben.S+x@example.net", "anna"},
    {"far@example.org", "", "carl@example.net", "ben"},
    {"all@example.test", "anna",
	"Ben.S+x@example.net,carl@example.net,dora@example.com", "anna"},
    {"home@example.org", "anna,ben", NULL, NULL},
    {"anna@example.org", "anna", NULL, NULL},
    {"nobody@example.org", NULL, NULL, NULL},
    {"ben@example.net", NULL, NULL, NULL},
};

static void
add_name(struct buf *b, const char *name)
{
	buf_addf(b, "%s%s", b->n > 0 ? "," : "", name);
}

START_TEST(conf_forward__answers_each_row)
{
	struct conf *c = parse(OUTSIDE);
	struct sv in = sv_str(forward_rows[_i].in);
	const struct conf_alias *a = conf_forward(c, in);
	const uint32_t *who;
	struct buf b;
	size_t i, n;
	int r = conf_lookup(c, in, &who, &n);

	buf_init(&b, 4096);
	ck_assert((r == RC_OK) == (forward_rows[_i].local != NULL));
	for (i = 0; r == RC_OK && i < n; i++)
		add_name(&b, c->account[who[i]].name);
	if (r == RC_OK)
		ck_assert_str_eq(buf_sv(&b).p, forward_rows[_i].local);
	ck_assert((a != NULL) == (forward_rows[_i].outside != NULL));
	if (a != NULL) {
		buf_reset(&b);
		for (i = 0; i < a->noutside; i++)
			add_name(&b, a->outside[i]);
		ck_assert_str_eq(b.p, forward_rows[_i].outside);
		buf_reset(&b);
		conf_alias_owners(c, a, &who, &n);
		for (i = 0; i < n; i++)
			add_name(&b, c->account[who[i]].name);
		ck_assert_str_eq(b.p, forward_rows[_i].owners);
	}
	buf_fini(&b);
	conf_free(&c);
}
END_TEST

/* One below, at and above the limit. */
START_TEST(conf_forward__leads_to_so_many_addresses)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	struct buf b;
	unsigned i;
	int r;

	buf_init(&b, 16384);
	buf_adds(&b, HEAD "aliases:\n  x@example.org:\n");
	for (i = 0; i < CONF_OUTSIDE_MAX - 1 + (unsigned)_i; i++)
		buf_addf(&b, "    - a%u@example.net\n", i);
	r = conf_parse(buf_sv(&b), "test.yaml", &c, &e);
	ck_assert_int_eq(r, _i < 2 ? RC_OK : RC_SYNTAX);
	conf_free(&c);
	buf_fini(&b);
}
END_TEST

START_TEST(conf_parse__alias_loops_end)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	const uint32_t *who;
	size_t n;
	int r = conf_parse(SV(HEAD "aliases:\n"
				   "  a@example.org: [b@example.org, anna]\n"
				   "  b@example.org: [a@example.org]\n"),
	    "test.yaml", &c, &e);

	if (r == RC_OK) {
		ck_assert_int_eq(
		    conf_lookup(c, SV("b@example.org"), &who, &n), RC_OK);
		ck_assert(n == 1 && who[0] == 0);
	} else {
		ck_assert_int_eq(r, RC_SYNTAX);
		ck_assert_uint_ge(e.n, 1);
	}
	conf_free(&c);
}
END_TEST

UNIT_TESTS(alias)
{
	TCase *t = tcase_create("alias");

	tcase_add_loop_test(t, conf_parse__says_what_is_wrong_with_an_alias, 0,
	    sizeof alias_rows / sizeof alias_rows[0]);
	tcase_add_loop_test(t, conf_forward__answers_each_row, 0,
	    sizeof forward_rows / sizeof forward_rows[0]);
	tcase_add_loop_test(t, conf_forward__leads_to_so_many_addresses, 0, 3);
	tcase_add_test(t, conf_parse__alias_loops_end);
	return t;
}
