/* What mail programs are told, and what they ask. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/clients.h"
#include "clients/profile.h"
#include "clients/xml.h"
#include "test/unit/unit.h"

#define HEAD                                               \
	"hostname: mail.example.org\n"                     \
	"domains: [example.org, example.test, b.a.test]\n" \
	"accounts: { anna: {} }\n"

static struct conf *
parse(const char *listen)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	char text[1000];
	int r;

	(void)snprintf(text, sizeof text, HEAD "%s", listen);
	r = conf_parse(sv_str(text), "test.yaml", &c, &e);
	ck_assert_msg(
	    r == RC_OK, "%u:%u: %s", e.e[0].line, e.e[0].column, e.e[0].text);
	return c;
}

/* ---- the server ---- */

static const struct {
	const char *name, *listen, *want;
} listens[] = {
    {"default", "",
	"imap 993 ssl, 143 starttls; smtp 465 ssl, 587 starttls; pop3 995 ssl, "
	"110 starttls"},
    {"no TLS ports",
	"listen: { imap: [143], imaps: [], submission: [587], "
	"submissions: [], pop3: [110], pop3s: [] }\n",
	"imap 143 starttls; smtp 587 starttls; pop3 110 starttls"},
    {"others", "listen: { imaps: [1993], imap: [], pop3s: [1995] }\n",
	"imap 1993 ssl; smtp 465 ssl, 587 starttls; pop3 1995 ssl, 110 "
	"starttls"},
    {"the usual one of several", "listen: { imaps: [1993, 993] }\n",
	"imap 993 ssl, 143 starttls; smtp 465 ssl, 587 starttls; pop3 995 ssl, "
	"110 starttls"},
    {"one for this machine only",
	"listen: { imap: [\"127.0.0.1:143\"], imaps: [993], "
	"submission: [\"[::1]:587\"] }\n",
	"imap 993 ssl; smtp 465 ssl; pop3 995 ssl, 110 starttls"},
    {"the loopback's beside the open one",
	"listen: { imaps: [\"127.0.0.1:993\", \"192.0.2.1:1993\"], imap: [] "
	"}\n",
	"imap 1993 ssl; smtp 465 ssl, 587 starttls; pop3 995 ssl, 110 "
	"starttls"},
    {"a demo",
	"listen: { imap: [\"127.0.0.1:1143\"], imaps: [\"[::1]:1993\"], "
	"submission: [\"127.0.0.2:1587\"], submissions: [], "
	"pop3: [], pop3s: [] }\n",
	"imap 1993 ssl, 1143 starttls; smtp 1587 starttls; pop3"},
    {"a port that is not known",
	"listen: { imaps: [0], imap: [1143], submissions: [0], submission: [] "
	"}\n",
	"imap 1143 starttls; smtp; pop3 995 ssl, 110 starttls"},
};

static void
print_server(const struct clients_server *s, struct buf *out)
{
	static const char *const names[] = {"imap", "; smtp", "; pop3"};
	size_t i, j;

	for (i = 0; i < CLIENTS_PROTOCOLS; i++) {
		buf_adds(out, names[i]);
		for (j = 0; j < 2; j++)
			if (s->port[i][j].number != 0)
				buf_addf(out, "%s %u %s", j > 0 ? "," : "",
				    s->port[i][j].number,
				    s->port[i][j].implicit ? "ssl"
							   : "starttls");
	}
}

START_TEST(server__has_what_listens_and_prefers_tls)
{
	struct clients_server s;
	struct conf *c = parse(listens[_i].listen);
	struct buf b;

	buf_init(&b, 1000);
	clients_server_of(c, &s);
	ck_assert_str_eq(s.hostname, "mail.example.org");
	print_server(&s, &b);
	ck_assert_msg(strcmp(b.p, listens[_i].want) == 0, "%s: %s",
	    listens[_i].name, b.p);
	buf_fini(&b);
	conf_free(&c);
}
END_TEST

/* ---- who asks ---- */

static const struct {
	const char *query, *name;
	int rc;
	const char *want;
} queries[] = {
    {"emailaddress=tb%40home.test", "emailaddress", RC_OK, "tb@home.test"},
    {"a=b&EmailAddress=x@y&emailaddress=z", "emailaddress", RC_OK, "x@y"},
    {"Email=a+b%2Bc@d&Protocol=X", "email", RC_OK, "a+b+c@d"},
    {"Email=", "Email", RC_OK, ""},
    {"Email", "Email", RC_OK, ""},
    {"xEmail=1&Emailx=2", "Email", RC_NOTFOUND, ""},
    {"", "Email", RC_NOTFOUND, ""},
    {"&&=&", "Email", RC_NOTFOUND, ""},
    {"Email=a%", "Email", RC_SYNTAX, NULL},
    {"Email=a%4", "Email", RC_SYNTAX, NULL},
    {"Email=%4g", "Email", RC_SYNTAX, NULL},
    {"Email=a%00b", "Email", RC_SYNTAX, NULL},
    {"Email=12345678901234567", "Email", RC_TOOBIG, NULL},
    {"Email=1234567890123456", "Email", RC_OK, "1234567890123456"},
    {"Email=%C3%A4", "Email", RC_OK, "\xc3\xa4"},
};

START_TEST(query__finds_and_decodes)
{
	struct buf b;
	int r;

	buf_init(&b, 16);
	r = clients_query(sv_str(queries[_i].query), queries[_i].name, &b);
	ck_assert_msg(
	    r == queries[_i].rc, "%s: %s", queries[_i].query, rc_name(r));
	if (queries[_i].want != NULL)
		ck_assert_str_eq(b.p, queries[_i].want);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *host, *address, *want;
} domains[] = {
    /* Android's Thunderbird and Geary do not say whose. */
    {"autoconfig.example.org", "", "example.org"},
    {"example.org", "", "example.org"},
    {"AutoConfig.Example.ORG.", "", "example.org"},
    {"autoconfig.example.org:443", "", "example.org"},
    {"autodiscover.example.test:8443", "", "example.test"},
    {"autoconfig.b.a.test", "", "b.a.test"},
    /* The domain of the MX is asked for one that is in no host name. */
    {"autoconfig.example.org", "x@example.test", "example.test"},
    {"mail.example.org", "x@Example.TEST", "example.test"},
    {"autoconfig.mail.example.org", "x@b.a.test.", "b.a.test"},
    {"autoconfig.provider.test", "x@example.test", "example.test"},
    {"192.0.2.1", "x@example.test", "example.test"},
    {"[2001:db8::1]:443", "x@example.test", "example.test"},
    {"", "x@example.test", "example.test"},
    {"", "a@b@example.test", "example.test"},
    /* Somebody else's address does not count. */
    {"autoconfig.example.org", "x@other.test", "example.org"},
    {"autoconfig.example.org", "x@", "example.org"},
    {"autoconfig.example.org", "example.test", "example.org"},
    {"mail.example.org", "", "example.org"},
    {"autoconfig.mail.example.org", "", "example.org"},
    {"autoconfig.other.test", "x@other.test", NULL},
    {"other.test", "", NULL},
    {"mta-sts.example.org", "", NULL},
    {"autoconfig.autoconfig.example.org", "", NULL},
    {"xexample.org", "", NULL},
    {"x.example.org", "", NULL},
    {"a.test", "x@xb.a.test", NULL},
    {"autoconfig.", "@", NULL},
    {"", "", NULL},
};

START_TEST(domain__is_one_of_ours)
{
	struct conf *c = parse("");
	struct sv found = SV("");
	int r = clients_domain(
	    c, sv_str(domains[_i].host), sv_str(domains[_i].address), &found);

	ck_assert_msg(r == (domains[_i].want != NULL ? RC_OK : RC_NOTFOUND) &&
			  sv_eq(found, sv_str(domains[_i].want)),
	    "%s %s: %.*s", domains[_i].host, domains[_i].address,
	    SV_ARG(found));
	conf_free(&c);
}
END_TEST

START_TEST(domain__of_a_host_that_is_in_none_is_the_first)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	struct sv found;

	ck_assert_int_eq(conf_parse(SV("hostname: mx.provider.test\n"
				       "domains: [c.test, d.test]\n"
				       "accounts: { anna: {} }\n"),
			     "f", &c, &e),
	    RC_OK);
	ck_assert_int_eq(
	    clients_domain(c, SV("mx.provider.test"), SV(""), &found), RC_OK);
	ck_assert(sv_eq(found, SV("c.test")));
	/* Those who go by the domain of the MX. */
	found = SV("");
	ck_assert_int_eq(
	    clients_domain(c, SV("autoconfig.Provider.test"), SV(""), &found),
	    RC_OK);
	ck_assert(sv_eq(found, SV("c.test")));
	ck_assert_int_eq(clients_domain(c, SV("autoconfig.provider.test"),
			     SV("x@d.test"), &found),
	    RC_OK);
	ck_assert(sv_eq(found, SV("d.test")));
	ck_assert_int_eq(clients_domain(c, SV("provider.test"), SV(""), &found),
	    RC_NOTFOUND);
	ck_assert_int_eq(
	    clients_domain(c, SV("autoconfig.test"), SV(""), &found),
	    RC_NOTFOUND);
	ck_assert_int_eq(
	    clients_domain(c, SV("autoconfig.ovider.test"), SV(""), &found),
	    RC_NOTFOUND);
	ck_assert_int_eq(
	    clients_domain(c, SV("autoconfig."), SV(""), &found), RC_NOTFOUND);
	conf_free(&c);
}
END_TEST

/* ---- answers ---- */

static const struct clients_server server = {
    .hostname = "mail.example.org",
    .port = {{{993, true}, {143, false}}, {{465, true}, {587, false}},
	{{995, true}}},
    .web = true,
    .web_port = 443,
};
static const struct clients_server plain = {
    .hostname = "mail.example.org",
    .port = {{{1143, false}}, {{1587, false}}},
};

static bool
has(const struct buf *b, const char *text)
{
	return sv_find(buf_sv(b), sv_str(text)) < b->n;
}

static size_t
at(const struct buf *b, const char *text)
{
	size_t i = sv_find(buf_sv(b), sv_str(text));

	ck_assert_msg(i < b->n, "no %s", text);
	return i;
}

START_TEST(autoconfig__says_the_right_words)
{
	struct buf b;

	buf_init(&b, 8192);
	clients_autoconfig(&server, SV("example.test"), &b);
	ck_assert(buf_ok(&b));
	/* UTF-8 without BOM. */
	ck_assert(sv_starts(
	    buf_sv(&b), SV("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")));
	ck_assert(has(&b, "<domain>example.test</domain>"));
	ck_assert(at(&b, "\"imap\"") < at(&b, "\"pop3\""));
	ck_assert(at(&b, "<port>993</port>") < at(&b, "<port>143</port>"));
	ck_assert(at(&b, "<port>465</port>") < at(&b, "<port>587</port>"));
	ck_assert(
	    has(&b, "<port>993</port>\n      <socketType>SSL</socketType>"));
	ck_assert(has(
	    &b, "<port>143</port>\n      <socketType>STARTTLS</socketType>"));
	ck_assert(!has(&b, "GlobalPreferred"));
	ck_assert(!has(&b, ">TLS<"));
	ck_assert(!has(&b, ">plain<"));
	ck_assert(!has(&b, "example.test</hostname>"));
	buf_fini(&b);
}
END_TEST

START_TEST(autoconfig__has_a_short_name_that_is_short)
{
	struct buf b;

	buf_init(&b, 8192);
	clients_autoconfig(&plain, SV("a-very-long-name.example.test"), &b);
	ck_assert(has(
	    &b, "<displayShortName>a-very-long-name.exa</displayShortName>"));
	ck_assert(!has(&b, "pop3"));
	buf_fini(&b);
}
END_TEST

#define ASK(address, schema)                                              \
	"<?xml version=\"1.0\" encoding=\"utf-8\"?>"                      \
	"<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/"    \
	"autodiscover/outlook/requestschema/"                             \
	"2006\"><Request><EMailAddress>" address "</EMailAddress>" schema \
	"</Request></Autodiscover>"
#define SCHEMA(of)                                                \
	"<AcceptableResponseSchema>http://schemas.microsoft.com/" \
	"exchange/autodiscover/" of "</AcceptableResponseSchema>"
#define OUTLOOK SCHEMA("outlook/responseschema/2006a")
#define MOBILE	SCHEMA("mobilesync/responseschema/2006")
#define LOL                                                         \
	"<!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>" \
	"<Autodiscover><Request><EMailAddress>&b;@x.test"           \
	"</EMailAddress></Request></Autodiscover>"

static const struct {
	const char *name, *body, *want;
} bodies[] = {
    {"Outlook", ASK("anna@example.org", OUTLOOK),
	"<LoginName>anna@example.org</LoginName>"},
    {"nobody", ASK("nobody@example.org", OUTLOOK),
	"<LoginName>nobody@example.org</LoginName>"},
    {"no schema", ASK("anna@example.org", ""),
	"<LoginName>anna@example.org</LoginName>"},
    {"two schemas", ASK("anna@example.org", MOBILE OUTLOOK),
	"<LoginName>anna@example.org</LoginName>"},
    {"blanks", ASK("\n  anna@example.org\t", OUTLOOK),
	"<LoginName>anna@example.org</LoginName>"},
    {"blanks before all", "\r\n \t" ASK("anna@example.org", OUTLOOK),
	"<LoginName>anna@example.org</LoginName>"},
    {"a mark of UTF-8", "\xef\xbb\xbf" ASK("anna@example.org", OUTLOOK),
	"<LoginName>anna@example.org</LoginName>"},
    {"a part of an address", ASK("anna+phone@example.org", OUTLOOK),
	"<LoginName>anna+phone@example.org</LoginName>"},
    {"an address in UTF-8",
	ASK("j\xc3\xb6rg@b\xc3\xbc"
	    "cher.test",
	    OUTLOOK),
	"<LoginName>j\xc3\xb6rg@b\xc3\xbc"
	"cher.test</LoginName>"},
    {"white space alone", " \r\n", "<ErrorCode>600</ErrorCode>"},
    {"a form", "EMailAddress=anna%40example.org", "<ErrorCode>600</ErrorCode>"},
    {"escapes", ASK("a&amp;&lt;b&gt;&#39;@example.org", OUTLOOK),
	"<LoginName>a&amp;&lt;b&gt;&#39;@example.org</LoginName>"},
    {"CDATA", ASK("<![CDATA[<b>@x.test]]>", OUTLOOK),
	"<LoginName>&lt;b&gt;@x.test</LoginName>"},
    {"prefixes",
	"<a:Autodiscover xmlns:a='x'><a:Request><a:EMailAddress>x@y.test"
	"</a:EMailAddress></a:Request></a:Autodiscover>",
	"<LoginName>x@y.test</LoginName>"},
    {"ActiveSync", ASK("anna@example.org", MOBILE),
	"<ErrorCode>601</ErrorCode>"},
    {"ActiveSync for no address", ASK("", MOBILE),
	"<ErrorCode>601</ErrorCode>"},
    {"empty", "", "<ErrorCode>600</ErrorCode>"},
    {"not XML", "hello", "<ErrorCode>600</ErrorCode>"},
    {"another document", "<html/>", "<ErrorCode>600</ErrorCode>"},
    {"cut off", "<Autodiscover><Request><EMailAddress>x@y.test",
	"<ErrorCode>600</ErrorCode>"},
    {"no address", ASK("", OUTLOOK), "<ErrorCode>600</ErrorCode>"},
    {"no domain", ASK("anna@", OUTLOOK), "<ErrorCode>600</ErrorCode>"},
    {"no local part", ASK("@x.test", OUTLOOK), "<ErrorCode>600</ErrorCode>"},
    {"a line break", ASK("an\nna@x.test", OUTLOOK),
	"<ErrorCode>600</ErrorCode>"},
    {"entities", LOL, "<ErrorCode>600</ErrorCode>"},
    {"not UTF-8", ASK("\xff@x.test", OUTLOOK), "<ErrorCode>600</ErrorCode>"},
    {"a control character", ASK("&#127;@x.test", OUTLOOK),
	"<ErrorCode>600</ErrorCode>"},
    {"an element in it", ASK("a<b/>@x.test", OUTLOOK),
	"<ErrorCode>600</ErrorCode>"},
    {"deep",
	"<Autodiscover><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"
	"</a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></a>"
	"<EMailAddress>x@y.test</EMailAddress></Autodiscover>",
	"<ErrorCode>600</ErrorCode>"},
};

START_TEST(discover__answers)
{
	struct buf b;
	bool error = strncmp(bodies[_i].want, "<Err", 4) == 0;

	buf_init(&b, 8192);
	clients_discover(&server, sv_str(bodies[_i].body), 1764000000123, &b);
	ck_assert(buf_ok(&b));
	ck_assert_msg(has(&b, bodies[_i].want), "%s: %s", bodies[_i].name, b.p);
	ck_assert(error == !has(&b, "<Protocol>"));
	ck_assert(error == has(&b, "<Error Time=\"16:00:00.1230000\""));
	ck_assert(!has(&b, "MobileSync"));
	buf_fini(&b);
}
END_TEST

START_TEST(discover__refuses_what_is_long)
{
	struct buf ask, b;
	size_t i;

	for (i = 0; i < 3; i++) {
		buf_init(&ask, 65536);
		buf_init(&b, 8192);
		buf_adds(&ask, ASK("anna@example.org", OUTLOOK));
		while (ask.n < CLIENTS_BODY_MAX - 1 + i)
			buf_addc(&ask, '\n');
		clients_discover(&server, buf_sv(&ask), 0, &b);
		ck_assert(has(&b, "<ErrorCode>600") == (i == 2));
		buf_fini(&b);
		buf_fini(&ask);
	}
	for (i = 0; i < 2; i++) {
		buf_init(&ask, 65536);
		buf_init(&b, 8192);
		buf_adds(&ask, "<Autodiscover><EMailAddress>");
		while (ask.n < 28 + CLIENTS_ADDRESS_MAX - 7 + i)
			buf_addc(&ask, 'a');
		buf_adds(&ask, "@x.test</EMailAddress></Autodiscover>");
		clients_discover(&server, buf_sv(&ask), 0, &b);
		ck_assert(has(&b, "<ErrorCode>600") == (i == 1));
		buf_fini(&b);
		buf_fini(&ask);
	}
}
END_TEST

START_TEST(discover__means_what_outlook_reads)
{
	const struct clients_server half = {
	    .hostname = "h.test", .port = {{{993, true}}}};
	struct buf b;

	buf_init(&b, 8192);
	clients_discover(&server, SV(ASK("a@b.test", OUTLOOK)), 0, &b);
	ck_assert(has(&b, "<Port>993</Port>"));
	ck_assert(has(&b, "<Port>465</Port>"));
	ck_assert(!has(&b, "<Port>143</Port>"));
	ck_assert(has(&b, "<SSL>on</SSL>"));
	ck_assert(has(&b, "<Encryption>SSL</Encryption>"));
	ck_assert(!has(&b, "<Encryption>TLS</Encryption>"));
	buf_reset(&b);
	clients_discover(&plain, SV(ASK("a@b.test", OUTLOOK)), 0, &b);
	ck_assert(has(&b, "<Port>1143</Port>"));
	ck_assert(has(&b, "<Encryption>TLS</Encryption>"));
	ck_assert(!has(&b, "<Encryption>SSL</Encryption>"));
	ck_assert(!has(&b, "POP3"));
	buf_reset(&b);
	clients_discover(&half, SV(ASK("a@b.test", OUTLOOK)), 0, &b);
	ck_assert(has(&b, "<ErrorCode>601</ErrorCode>"));
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *query;
	bool web;
	unsigned status;
	const char *want;
} jsons[] = {
    {"Email=a@b.test&Protocol=AutodiscoverV1", true, 200,
	"https://mail.example.org/autodiscover/autodiscover.xml"},
    {"protocol=autodiscoverv1", true, 200, "\"Protocol\""},
    {"Protocol=AutodiscoverV1", false, 404, "ProtocolNotSupported"},
    {"Email=a@b.test&Protocol=ActiveSync", true, 404, "ProtocolNotSupported"},
    {"Protocol=%22%3Cscript", true, 404, "ProtocolNotSupported"},
    {"Email=a@b.test", true, 400, "MandatoryParameterMissing"},
    {"Protocol=", true, 400, "MandatoryParameterMissing"},
    {"Protocol=%zz", true, 400, "MandatoryParameterMissing"},
    {"", true, 400, "MandatoryParameterMissing"},
};

START_TEST(discover_json__has_the_port)
{
	struct clients_server s;
	struct conf *c =
	    parse("listen: { https: [\"127.0.0.1:443\", 8443] }\n");
	struct buf b;

	buf_init(&b, 1024);
	clients_server_of(c, &s);
	ck_assert(s.web);
	ck_assert_uint_eq(
	    clients_discover_json(&s, SV("Protocol=AutodiscoverV1"), &b), 200);
	ck_assert(has(&b, "\"https://mail.example.org:8443/autodiscover/"));
	conf_free(&c);
	c = parse("");
	clients_server_of(c, &s);
	ck_assert(!s.web);
	buf_fini(&b);
	conf_free(&c);
}
END_TEST

START_TEST(discover_json__answers)
{
	struct clients_server s = server;
	struct buf b;

	s.web = jsons[_i].web;
	buf_init(&b, 1024);
	ck_assert_uint_eq(
	    clients_discover_json(&s, sv_str(jsons[_i].query), &b),
	    jsons[_i].status);
	ck_assert_msg(has(&b, jsons[_i].want), "%s: %s", jsons[_i].query, b.p);
	ck_assert(!has(&b, "script"));
	buf_fini(&b);
}
END_TEST

START_TEST(people__are_told_the_same)
{
	struct buf b;

	buf_init(&b, 8192);
	clients_text(&server, SV(""), &b);
	ck_assert(has(&b, "IMAP       port 993, SSL/TLS (incoming)\n"));
	ck_assert(has(&b, "SMTP       port 587, STARTTLS (outgoing)\n"));
	ck_assert(has(&b, "user name  the whole mail address\n"));
	buf_fini(&b);
}
END_TEST

/* ---- the profile ---- */

static int
make(const char *account, const char *device, const char *address,
    const char *password, struct buf *b)
{
	const struct clients_profile p = {
	    sv_str(account), sv_str(device), sv_str(address), sv_str(password)};

	buf_reset(b);
	return clients_profile(&server, &p, b);
}

/* The texts behind a key, one behind another. */
static void
values(const struct buf *b, const char *key, struct buf *out)
{
	struct sv rest = buf_sv(b);
	char text[80];
	size_t i;

	(void)snprintf(text, sizeof text, "<key>%s</key>", key);
	while ((i = sv_find(rest, sv_str(text))) < rest.n) {
		rest = sv_skip(rest, i + strlen(text));
		rest = sv_skip(rest, sv_chr(rest, '>') + 1);
		buf_addsv(out, sv_first(rest, sv_chr(rest, '<')));
		buf_addc(out, ' ');
	}
}

START_TEST(profile__has_identifiers_of_its_own)
{
	static const char *const who[][3] = {{"anna", "phone", "a@a.test"},
	    {"anna", "tablet", "a@a.test"}, {"ben", "phone", "b@a.test"}};
	struct buf b, id[3], uuid[3], again;
	size_t i, j;

	buf_init(&b, 65536);
	buf_init(&again, 1024);
	for (i = 0; i < 3; i++) {
		buf_init(&id[i], 1024);
		buf_init(&uuid[i], 1024);
		ck_assert_int_eq(
		    make(who[i][0], who[i][1], who[i][2], "pw", &b), RC_OK);
		values(&b, "PayloadIdentifier", &id[i]);
		values(&b, "PayloadUUID", &uuid[i]);
		ck_assert(sv_starts(buf_sv(&id[i]), SV("org.example.mail.")));
		/* Outer and inner differ. */
		ck_assert_uint_eq(uuid[i].n, 2 * UUID_TEXT);
		ck_assert(memcmp(uuid[i].p, uuid[i].p + UUID_TEXT, 36) != 0);
		for (j = 0; j < i; j++) {
			ck_assert_str_ne(id[i].p, id[j].p);
			ck_assert(memcmp(uuid[i].p, uuid[j].p, 36) != 0);
			ck_assert(memcmp(uuid[i].p + UUID_TEXT,
				      uuid[j].p + UUID_TEXT, 36) != 0);
		}
		/* A new password keeps them. */
		ck_assert_int_eq(
		    make(who[i][0], who[i][1], who[i][2], "other", &b), RC_OK);
		buf_reset(&again);
		values(&b, "PayloadUUID", &again);
		ck_assert_str_eq(again.p, uuid[i].p);
	}
	for (i = 0; i < 3; i++) {
		buf_fini(&id[i]);
		buf_fini(&uuid[i]);
	}
	buf_fini(&again);
	buf_fini(&b);
}
END_TEST

START_TEST(profile__escapes_every_character_in_every_field)
{
	struct buf b;
	char c[] = "x?y";
	int i;

	buf_init(&b, 65536);
	for (i = 1; i < 128; i++) {
		int want = (i < ' ' && i != '\n' && i != '\t') || i == 127
			       ? RC_SYNTAX
			       : RC_OK;

		c[1] = (char)i;
		ck_assert_int_eq(make("anna", c, "a@a.test", "p", &b), want);
		ck_assert_int_eq(make("anna", "d", c, "p", &b), want);
		ck_assert_int_eq(make("anna", "d", "a@a.test", c, &b), want);
		ck_assert_int_eq(make(c, "d", "a@a.test", "p", &b), want);
	}
	ck_assert_int_eq(
	    make("anna", "Ben & Anna", "a@a.test", "k7&f<\"']]>", &b), RC_OK);
	ck_assert(has(&b, "<string>k7&amp;f&lt;&quot;&#39;]]&gt;</string>"));
	ck_assert(!has(&b, "Ben & Anna"));
	ck_assert_int_eq(make("anna", "\xff", "a@a.test", "p", &b), RC_SYNTAX);
	buf_fini(&b);
}
END_TEST

START_TEST(profile__needs_both_directions)
{
	const struct clients_server half = {
	    .hostname = "h.test", .port = {{{993, true}}}};
	const struct clients_profile p = {
	    SV("anna"), SV("d"), SV("a@b.test"), SV("")};
	struct buf b;

	buf_init(&b, 65536);
	ck_assert_int_eq(clients_profile(&half, &p, &b), RC_NOTFOUND);
	ck_assert_int_eq(clients_profile(&server, &p, &b), RC_OK);
	ck_assert(!has(&b, "<key>IncomingPassword"));
	ck_assert(has(&b, "<integer>993</integer>"));
	ck_assert(has(&b, "<integer>465</integer>"));
	buf_fini(&b);
}
END_TEST

START_TEST(thunderbird_code__is_its_format)
{
	const struct clients_profile p = {
	    SV("anna"), SV("d"), SV("a\"b@x.test"), SV("k7&\\")};
	const struct clients_profile eight = {
	    SV("anna"), SV("d"), SV("\xc3\xa4@x.test"), SV("pw")};
	const struct clients_profile wrong = {
	    SV("anna"), SV("d"), SV("a@x.test"), SV("\xff")};
	const struct clients_server half = {
	    .hostname = "h.test", .port = {{{993, true}}}};
	struct buf b;

	buf_init(&b, 4096);
	ck_assert_int_eq(clients_thunderbird_code(&server, &p, &b), RC_OK);
	ck_assert_str_eq(b.p,
	    "[1,[1,1],[0,\"mail.example.org\",993,3,1,\"a\\\"b@x.test\","
	    "\"a\\\"b@x.test\",\"k7&\\\\\"],[[[0,\"mail.example.org\",465,3,"
	    "1,\"a\\\"b@x.test\",\"k7&\\\\\"],[\"a\\\"b@x.test\","
	    "\"anna\"]]]]");
	buf_reset(&b);
	ck_assert_int_eq(clients_thunderbird_code(&plain, &p, &b), RC_OK);
	ck_assert(has(&b, ",1143,2,1,") && has(&b, ",1587,2,1,"));
	ck_assert_int_eq(clients_thunderbird_code(&half, &p, &b), RC_NOTFOUND);
	ck_assert_int_eq(
	    clients_thunderbird_code(&server, &eight, &b), RC_NOSUPPORT);
	ck_assert_int_eq(
	    clients_thunderbird_code(&server, &wrong, &b), RC_SYNTAX);
	buf_fini(&b);
}
END_TEST

/* Against `python3 -c "uuid.uuid5(uuid.NAMESPACE_URL, ...)"`. */
START_TEST(uuid__is_that_of_others)
{
	char text[UUID_TEXT];

	clients_uuid(SV("http://example.org/"), text);
	ck_assert_str_eq(text, "715D503B-5F95-5532-9100-00663EB45ADE");
	clients_uuid(SV(""), text);
	ck_assert_str_eq(text, "1B4DB7EB-4057-5DDF-91E0-36DEC72071F5");
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof(a)[0])

UNIT_TESTS(clients)
{
	TCase *t = tcase_create("clients");

	tcase_add_loop_test(
	    t, server__has_what_listens_and_prefers_tls, 0, COUNT(listens));
	tcase_add_loop_test(t, query__finds_and_decodes, 0, COUNT(queries));
	tcase_add_loop_test(t, domain__is_one_of_ours, 0, COUNT(domains));
	tcase_add_test(t, domain__of_a_host_that_is_in_none_is_the_first);
	tcase_add_test(t, autoconfig__says_the_right_words);
	tcase_add_test(t, autoconfig__has_a_short_name_that_is_short);
	tcase_add_loop_test(t, discover__answers, 0, COUNT(bodies));
	tcase_add_test(t, discover__refuses_what_is_long);
	tcase_add_test(t, discover__means_what_outlook_reads);
	tcase_add_loop_test(t, discover_json__answers, 0, COUNT(jsons));
	tcase_add_test(t, discover_json__has_the_port);
	tcase_add_test(t, people__are_told_the_same);
	tcase_add_test(t, profile__has_identifiers_of_its_own);
	tcase_add_test(t, profile__escapes_every_character_in_every_field);
	tcase_add_test(t, profile__needs_both_directions);
	tcase_add_test(t, thunderbird_code__is_its_format);
	tcase_add_test(t, uuid__is_that_of_others);
	return t;
}
