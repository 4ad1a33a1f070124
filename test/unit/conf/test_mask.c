/* What is shown of a configuration: everything but secrets. */
#include "conf/conf.h"
#include "test/unit/unit.h"

static const struct row {
	const char *name, *in, *want;
} rows[] = {
    {"nothing", "", ""},
    {"none", "hostname: a.test\n# hello\n", "hostname: a.test\n# hello\n"},
    {"a value", "metrics:\n  token: abcdefghijklmnop\nx: 1\n",
	"metrics:\n  token: ***\nx: 1\n"},
    {"in a flow", "metrics: { token: abcdef, listen: 9 }\nx: 1\n",
	"metrics: { token: ***\nx: 1\n"},
    {"quoted", "metrics: { \"token\": \"ab: cd\" }\n",
	"metrics: { \"token\": ***\n"},
    {"in capitals", "TOKEN: abc\n", "TOKEN: ***\n"},
    {"on its own line", "metrics:\n  token:\n    abcdef\n  listen: 9\n",
	"metrics:\n  token:\n    ***\n  listen: 9\n"},
    {"a block", "token: |\n  abc\n  def\nx: 1\n",
	"token: ***\n***\n***\nx: 1\n"},
    {"folded", "token: \"abc\n  def\"\nx: 1\n", "token: ***\n***\nx: 1\n"},
    {"a list", "password:\n- abc\n- def\nx: 1\n",
	"password:\n- ***\n- ***\nx: 1\n"},
    {"a map", "secret:\n  a: b\n  c: d\nx: 1\n",
	"secret:\n  ***: ***\n  ***: ***\nx: 1\n"},
    {"a comment", "#  token: abcdef\nx: 1 # password: b\n",
	"#  token: ***\nx: 1 # password: ***\n"},
    {"the path of a file", "relay: { password_file: /etc/x, tls: off }\n",
	"relay: { password_file: /etc/x, tls: off }\n"},
    {"a word in a text", "x: the token is good\n", "x: the token is good\n"},
    {"a name that ends so", "my_token: 1\ntokens: 2\n",
	"my_token: 1\ntokens: 2\n"},
    {"behind other letters", "a: \"\xc3\xbc\xc3\xbc\"\ntoken:\n  abc\n",
	"a: \"\xc3\xbc\xc3\xbc\"\ntoken:\n  ***\n"},
    {"not YAML", "x: [\ntoken: abc\n", "x: [\ntoken: ***\n"},
    {"a quote that is not closed", "token: \"abc\ndef\nghi\n",
	"token: ***\n***\n***\n"},
    {"below, in a comment", "# token:\n#\n#   abc\n# def\nx: 1\n",
	"# token:\n#\n#   ***\n# def\nx: 1\n"},
    {"a comment and a key", "# token:\nx: 1\n", "# token:\nx: 1\n"},
    {"empty", "token:\nx: 1\n", "token:\nx: 1\n"},
    {"below, not YAML", "x: @\ntoken:\n\n  abc\ny: 1\n",
	"x: @\ntoken:\n\n  ***\ny: 1\n"},
    {"a token of others", "hmac_key: AAAA\neab: { id: x }\n",
	"hmac_key: ***\neab: { id: x }\n"},
};

START_TEST(conf_mask__hides_secrets_only)
{
	const struct row *r = &rows[_i];
	struct buf out;

	buf_init(&out, 65536);
	conf_mask(sv_str(r->in), &out);
	ck_assert_msg(
	    sv_eq(buf_sv(&out), sv_str(r->want)), "%s: %s", r->name, out.p);
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(conf_mask)
{
	TCase *t = tcase_create("conf_mask");

	tcase_add_loop_test(
	    t, conf_mask__hides_secrets_only, 0, sizeof rows / sizeof rows[0]);
	return t;
}
