/* Which mailing list a message has really come through. */
#include <stdio.h>

#include "msgauth/check.h"
#include "test/unit/msgauth/signer.h"
#include "test/unit/msgauth/zone.h"
#include "test/unit/unit.h"

#define NOW 1795536046

/* ---- names ---- */

static const struct {
	const char *in, *want; /* NULL: not an address */
} addresses[] = {
    {"Club@Lists.Example.org", "club@lists.example.org"},
    {"club-bounces@x.test", "club@x.test"},
    {"club-bounces+anna=us.test@x.test", "club@x.test"},
    {"club+bncBCABC@googlegroups.test", "club@googlegroups.test"},
    {"club-return-17-anna=us.test@x.test", "club@x.test"},
    {"owner-club@x.test", "club@x.test"},
    {"club-request@x.test", "club@x.test"},
    {"club-subscribe@x.test", "club@x.test"},
    {"-request@x.test", "-request@x.test"},
    {"owner-@x.test", "owner-@x.test"},
    {"+x@x.test", "+x@x.test"},
    {"anna+news@us.test", "anna@us.test"},
    {"club@b\xc3\xbc"
     "cher.test",
	"club@xn--bcher-kva.test"},
    {"club", NULL},
    {"@x.test", NULL},
    {"club@", NULL},
    {"cl ub@x.test", NULL},
    {"club@[192.0.2.1]", NULL},
    {"", NULL},
};

START_TEST(list__address_of)
{
	char out[LIST_ADDRESS_MAX] = "untouched";
	int r = list_address_of(sv_str(addresses[_i].in), out);

	ck_assert_int_eq(r, addresses[_i].want != NULL ? RC_OK : RC_SYNTAX);
	ck_assert_str_eq(
	    out, addresses[_i].want != NULL ? addresses[_i].want : "untouched");
}
END_TEST

static const struct {
	const char *name, *header, *sender;
	const char *want; /* "post=... id=... sender=..." */
} rows[] = {
    {"Mailman",
	"List-Id: The Club <club.lists.test>\r\n"
	"List-Post: <mailto:club@lists.test>\r\n",
	"club-bounces+x=us.test@lists.test",
	"post=club@lists.test/lists.test "
	"id=club@lists.test/club.lists.test "
	"sender=club@lists.test/lists.test"},
    {"Google Groups",
	"List-ID: <club.googlegroups.test>\r\n"
	"List-Post: <https://groups.test/group/club/post>,\r\n"
	" <mailto:Club@googlegroups.test>\r\n",
	"",
	"post=club@googlegroups.test/googlegroups.test "
	"id=club@googlegroups.test/club.googlegroups.test"},
    {"a subject, escaped bytes",
	"List-Post: <mailto:a%2Bb@lists.test?subject=x>\r\n", "",
	"post=a+b@lists.test/lists.test"},
    {"nobody may write", "List-Post: NO (posting not allowed)\r\n", "", ""},
    {"no brackets", "List-Id: club.lists.test\r\n", "",
	"id=club@lists.test/club.lists.test"},
    {"brackets in the phrase", "List-Id: \"<a.b.c>\" <club.lists.test>\r\n", "",
	"id=club@lists.test/club.lists.test"},
    {"not closed",
	"List-Id: x <club.lists.test\r\n"
	"List-Post: <mailto:club@lists.test\r\n",
	"", ""},
    {"too short for a list of a domain", "List-Id: <club.test>\r\n", "", ""},
    {"local", "List-Id: <0ab1.localhost>\r\n", "", ""},
    {"twice",
	"List-Id: <club.lists.test>\r\nList-ID: <a.b.test>\r\n"
	"List-Post: <mailto:a@b.test>\r\nlist-post: <mailto:c@b.test>\r\n",
	"", ""},
    {"an escape that is none", "List-Post: <mailto:a%2@b.test>\r\n", "",
	"post=a%2@b.test/b.test"},
    {"a line break in disguise", "List-Post: <mailto:a%0d%0a@b.test>\r\n", "",
	""},
    {"no list", "Subject: x\r\n", "anna@us.test",
	"sender=anna@us.test/us.test"},
};

START_TEST(list__names)
{
	static const char *const source[] = {"post", "id", "sender"};
	struct list_name l[LIST_SOURCES];
	struct fieldset *f = fieldset_new(sv_str(rows[_i].header));
	size_t i, n = list_names(f, sv_str(rows[_i].sender), l);
	struct buf b;

	buf_init(&b, 1000);
	for (i = 0; i < n; i++)
		buf_addf(&b, "%s%s=%s/%s", i > 0 ? " " : "",
		    source[l[i].source], l[i].address, l[i].domain);
	ck_assert_msg(sv_eq(buf_sv(&b), sv_str(rows[_i].want)), "%s: %s",
	    rows[_i].name, b.p);
	buf_fini(&b);
	fieldset_free(&f);
}
END_TEST

/* ---- the author ---- */

static const struct {
	const char *header, *want;
} authors[] = {
    {"From: Ben <Ben@Home.Test>\r\n", "ben@home.test"},
    {"From: ben@home.test <ben@home.test>\r\n", "ben@home.test"},
    {"From: \"anna@us.test\" <eve@home.test>\r\n", "eve@home.test"},
    {"From: eve@home.test (anna@us.test)\r\n", "eve@home.test"},
    {"From: ben@home.test, eve@home.test\r\n", ""},
    {"From: anna@us.test <eve@home.test>\r\n", "eve@home.test"},
    {"From: ben@home.test\r\nFrom: eve@home.test\r\n", ""},
    {"From: ben\r\n", ""},
    {"From: ben@[192.0.2.1]\r\n", ""},
    {"Sender: ben@home.test\r\n", ""},
};

START_TEST(list__author)
{
	struct fieldset *f = fieldset_new(sv_str(authors[_i].header));
	char out[LIST_ADDRESS_MAX] = "x";

	list_author(f, out);
	ck_assert_msg(strcmp(out, authors[_i].want) == 0, "%s: %s",
	    authors[_i].header, out);
	fieldset_free(&f);
}
END_TEST

/* ---- confirmed by a signature ---- */

#define LIST	"List-Id: Club <club.lists.test>\r\n"
#define POST	"List-Post: <mailto:club@lists.test>\r\n"
#define MESSAGE "From: Ben <ben@home.test>\r\nSubject: hello\r\n"
#define BODY	"Hello\r\n"

static const struct {
	const char *name;
	const char *domain, *h; /* of the signature */
	const char *fields;	/* signed, and put on afterwards: */
	const char *later;
	const char *sender; /* lists.test has SPF for the peer */
	const char *want;   /* addresses that are confirmed */
} claims[] = {
    {"the list signs its fields", "lists.test", "from:list-id:list-post",
	LIST POST, "", "x@away.test", "club@lists.test club@lists.test"},
    {"as it does, and sends it", "lists.test", "from:list-id:list-post",
	LIST POST, "", "club-bounces@lists.test",
	"club@lists.test club@lists.test club@lists.test"},
    {"its parent signs", "hoster.lists.test", "from:list-id",
	"List-Id: <club.a.hoster.lists.test>\r\n", "", "x@away.test",
	"club@a.hoster.lists.test"},
    {"another domain signs", "other.test", "from:list-id:list-post", LIST POST,
	"", "x@away.test", ""},
    {"another domain signs, the list sends", "other.test",
	"from:list-id:list-post", LIST POST, "", "x@lists.test", ""},
    {"a domain whose name ends like it", "ists.test", "from:list-id", LIST POST,
	"", "x@lists.test", ""},
    /* Somebody has taken a signed message of another list there. */
    {"the fields were put on later", "lists.test", "from", "", LIST POST,
	"x@away.test", ""},
    {"a second one was put on", "lists.test", "from:list-id:list-post",
	"List-Id: <spam.lists.test>\r\n", LIST, "x@away.test", ""},
    {"signed as absent, put on later", "lists.test", "from:list-id:list-post",
	"", LIST POST, "x@away.test", ""},
    {"only one of them is signed", "lists.test", "from:list-post", POST, LIST,
	"x@away.test", "club@lists.test"},
    {"not signed, but the list sends it", "lists.test", "from", "", LIST POST,
	"club-bounces@lists.test",
	"club@lists.test club@lists.test club@lists.test"},
    {"by the sender alone", "lists.test", "from", "", "",
	"club-bounces+anna=us.test@lists.test", "club@lists.test"},
    {"the sender is somebody else", "lists.test", "from", "", "",
	"club@away.test", ""},
};

static void
sign(EVP_PKEY *k, const char *domain, const char *h, const char *header,
    struct buf *out)
{
	char tags[300];

	(void)snprintf(tags, sizeof tags,
	    "v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=s; h=%s", domain, h);
	signer_sign(k, "DKIM-Signature", tags, sv_str(header), SV(BODY), out);
	buf_adds(out, header);
}

static struct zone *
zone_of(const char *domain)
{
	struct zone *z = zone_new();
	struct buf b;

	buf_init(&b, 10000);
	buf_addf(&b, "s._domainkey.%s TXT ", domain);
	signer_record(signer_rsa(1024), "v=DKIM1; ", &b);
	zone_add(z, b.p);
	zone_add(z, "lists.test TXT v=spf1 ip4:192.0.2.1 -all");
	zone_add(z, "away.test TXT v=spf1 -all");
	zone_add(z, "_dmarc.home.test TXT v=DMARC1; p=reject");
	buf_fini(&b);
	return z;
}

START_TEST(list__is_confirmed)
{
	struct zone *z = zone_of(claims[_i].domain);
	struct check_envelope e = {.helo = SV("m.test"),
	    .sender = sv_str(claims[_i].sender),
	    .receiver = SV("mx.us.test"),
	    .now = NOW};
	const struct check_result *r;
	struct buf header, m, got;
	struct check *c;
	size_t i;

	e.peer.s6_addr[10] = e.peer.s6_addr[11] = 0xff;
	e.peer.s6_addr[12] = 192;
	e.peer.s6_addr[14] = 2;
	e.peer.s6_addr[15] = 1;
	buf_init(&header, 10000);
	buf_init(&m, 10000);
	buf_init(&got, 10000);
	buf_addf(&header, "%s%s", claims[_i].fields, MESSAGE);
	buf_adds(&m, claims[_i].later);
	sign(signer_rsa(1024), claims[_i].domain, claims[_i].h, header.p, &m);
	c = check_new(&e);
	check_header(c, buf_sv(&m));
	check_body(c, SV(BODY));
	ck_assert_int_eq(check_end(c), RC_OK);
	while (check_evaluate(c) == RC_MORE)
		ck_assert_uint_gt(zone_answer(z, check_lookup(c)), 0);
	r = check_result(c);
	ck_assert_int_eq(r->dmarc.result, AUTH_FAIL);
	for (i = 0; i < r->nlist; i++)
		buf_addf(&got, "%s%s", i > 0 ? " " : "", r->list[i].address);
	ck_assert_msg(sv_eq(buf_sv(&got), sv_str(claims[_i].want)), "%s: %s",
	    claims[_i].name, got.p);
	check_free(&c);
	zone_free(&z);
	buf_fini(&got);
	buf_fini(&m);
	buf_fini(&header);
}
END_TEST

UNIT_TESTS(list)
{
	TCase *tc = tcase_create("list");

	tcase_add_loop_test(tc, list__address_of, 0,
	    (int)(sizeof addresses / sizeof addresses[0]));
	tcase_add_loop_test(
	    tc, list__author, 0, (int)(sizeof authors / sizeof authors[0]));
	tcase_add_loop_test(
	    tc, list__names, 0, (int)(sizeof rows / sizeof rows[0]));
	tcase_add_loop_test(
	    tc, list__is_confirmed, 0, (int)(sizeof claims / sizeof claims[0]));
	return tc;
}
