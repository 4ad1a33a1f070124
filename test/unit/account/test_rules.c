/* The owner's rules: what is decided becomes one commit. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/outgoing.h"
#include "account/rules.h"
#include "msgauth/verdict.h"
#include "pagerules/zone.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

static struct store *store;
static struct conf *conf;
static struct rules *rules;
static uint8_t serial;
static struct sv verdict; /* of what is delivered */

static void
setup(void)
{
	struct conf_errors e = {0};

	fixture_make();
	store = fixture_open();
	ck_assert_int_eq(
	    conf_parse(
		SV("hostname: mail.example.org\n"
		   "domains: [example.org]\n"
		   "accounts: { anna: { addresses: [anna@example.org, "
		   "a@example.org] }, ben: { addresses: [ben@example.org] } }\n"
		   "aliases: { info@example.org: [anna] }\n"
		   "catch_all: { example.org: anna }\n"),
		"f", &conf, &e),
	    RC_OK);
	rules = rules_new(store);
	rules_set_conf(rules, conf, "anna");
	serial = 0;
	verdict = SV("");
}

static void
teardown(void)
{
	rules_free(&rules);
	conf_free(&conf);
	store_close(&store);
	fixture_remove();
}

static void
use(const char *script)
{
	struct err err = {.text = ""};
	uint64_t need = 0;

	ck_assert_int_eq(store_script_put(store, STORE_SCRIPT_PERSON,
			     SV("main"), sv_str(script), &need, &err),
	    RC_OK);
	ck_assert_int_eq(
	    store_script_activate(store, SV("main"), &need, &err), RC_OK);
	ck_assert(rules_present(rules));
}

struct mail {
	const char *text;
	const char *sender, *written;
	bool junk;
};

static int
deliver(const struct mail *m, const uint8_t id[16], struct rules_outcome *out)
{
	struct store_body *b = store_body_new(store);
	struct rules_message rm = {.id = id,
	    .sender = sv_str(m->sender),
	    .written = sv_str(m->written),
	    .verdict = verdict,
	    .junk = m->junk};
	struct err err = {.text = ""};
	uint64_t need = 0;
	int r;

	ck_assert_int_eq(store_body_add(b, m->text, strlen(m->text)), RC_OK);
	ck_assert_int_eq(store_body_bytes(b, &rm.bytes), RC_OK);
	r = rules_deliver(rules, &rm, &b, out, &need, &err);
	ck_assert_ptr_null(b);
	if (r == RC_OK)
		ck_assert_int_eq(store_flush(store, need), RC_OK);
	return r;
}

/* "INBOX:1 Junk:1 >x@example.test(kept) remark;" */
static const char *
outcome(const struct mail *m)
{
	static char text[4096];
	uint8_t id[16] = {++serial};
	struct rules_outcome o;
	struct store_outgoings l;
	uint64_t need = 0;
	struct buf b;

	buf_init(&b, sizeof text - 1);
	ck_assert_int_eq(deliver(m, id, &o), RC_OK);
	for (size_t i = 0; i < o.nstored; i++)
		buf_addf(&b, "%s:%u ", o.stored[i].folder, o.stored[i].uid);
	store_outgoing_list(store, &l, &need);
	for (size_t i = 0; i < l.n; i++) {
		struct outgoing_envelope e;
		struct err err;

		ck_assert_int_eq(
		    outgoing_envelope_get(
			sv_of(l.o[i].envelope, l.o[i].nenvelope), &e),
		    RC_OK);
		buf_addf(&b, "<%.*s>%.*s(%s%s) ", SV_ARG(e.sender),
		    SV_ARG(e.to),
		    e.kind == ACCOUNT_MAIL_FORWARD ? "forward" : "letter",
		    e.kept ? ",kept" : "");
		ck_assert_int_eq(
		    store_outgoing_end(store, l.o[i].id, NULL, &need, &err),
		    RC_OK);
	}
	store_outgoings_fini(&l);
	rules_outcome_fini(&o);
	memcpy(text, b.n > 0 ? b.p : "", b.n + (b.n > 0));
	text[b.n] = '\0';
	buf_fini(&b);
	return text;
}

#define HEAD   "Return-Path: <x@far.test>\r\n"
#define FIELDS "From: x@far.test\r\nTo: anna@example.org\r\nSubject: s\r\n"
#define TEXT   HEAD FIELDS "\r\nhello\r\n"

START_TEST(rules__what_becomes_of_a_message)
{
	static const struct {
		const char *script;
		struct mail m;
		const char *want;
	} row[] = {
	    {"keep;", {TEXT, "x@far.test", "anna@example.org", false},
		"INBOX:1 "},
	    {"keep;", {TEXT, "x@far.test", "anna@example.org", true},
		"Junk:1 "},
	    {"# nothing", {TEXT, "x@far.test", "anna@example.org", true},
		"Junk:1 "},
	    {"discard;", {TEXT, "x@far.test", "anna@example.org", false}, ""},
	    {"redirect \"y@far.test\";",
		{TEXT, "x@far.test", "anna@example.org", false},
		"<x@far.test>y@far.test(forward) "},
	    {"redirect \"y@far.test\"; keep;",
		{TEXT, "x@far.test", "anna@example.org", false},
		"INBOX:1 <x@far.test>y@far.test(forward,kept) "},
	    /* What stays is kept whatever becomes of the rest. */
	    {"redirect \"y@far.test\"; redirect \"a@example.org\";",
		{TEXT, "x@far.test", "anna@example.org", false},
		"INBOX:1 <x@far.test>y@far.test(forward,kept) "},
	    /* A bounce stays one. */
	    {"redirect \"y@far.test\";", {TEXT, "", "anna@example.org", false},
		"<>y@far.test(forward) "},
	    /* Junk is not passed on. */
	    {"redirect \"y@far.test\";",
		{TEXT, "x@far.test", "anna@example.org", true}, "Junk:1 "},
	    /* What goes round. */
	    {"redirect \"ANNA@example.org\";",
		{TEXT, "x@far.test", "anna@example.org", false}, "INBOX:1 "},
	    {"redirect \"info@example.org\";",
		{TEXT, "x@far.test", "anna@example.org", false}, "INBOX:1 "},
	    {"redirect \"y@far.test\";",
		{HEAD "X-Sieve-Redirected-From: a@example.org\r\n" FIELDS
		      "\r\nx",
		    "x@far.test", "anna@example.org", false},
		"INBOX:1 "},
	    /* Somebody else's mark. */
	    {"redirect \"y@far.test\";",
		{HEAD "X-Sieve-Redirected-From: ben@example.org\r\n" FIELDS
		      "\r\nx",
		    "x@far.test", "anna@example.org", false},
		"<x@far.test>y@far.test(forward) "},
	    {"require \"vacation\"; vacation \"away\";",
		{TEXT, "x@far.test", "anna@example.org", false},
		"INBOX:1 <>x@far.test(letter,kept) "},
	    {"require \"vacation\"; vacation \"away\";",
		{TEXT, "x@far.test", "anna@example.org", true}, "Junk:1 "},
	    {"require \"vacation\"; vacation \"away\";",
		{TEXT, "", "anna@example.org", false}, "INBOX:1 "},
	    /* Written to nobody here, as far as its header says. */
	    {"require \"vacation\"; vacation \"away\";",
		{HEAD "From: x@far.test\r\nTo: list@far.test\r\n\r\nx",
		    "x@far.test", "anna@example.org", false},
		"INBOX:1 "},
	    /* An alias is an own address, what only the catch-all brings is
	     * not. */
	    {"require \"vacation\"; vacation \"away\";",
		{HEAD "From: x@far.test\r\nTo: Info@Example.Org\r\n\r\nx",
		    "x@far.test", "info@example.org", false},
		"INBOX:1 <>x@far.test(letter,kept) "},
	    {"require \"vacation\"; vacation \"away\";",
		{HEAD "From: x@far.test\r\nTo: guess@example.org\r\n\r\nx",
		    "x@far.test", "guess@example.org", false},
		"INBOX:1 "},
	    /* A folder that is named is meant, junk or not. */
	    {"require \"fileinto\"; fileinto \"Archive\";",
		{TEXT, "x@far.test", "anna@example.org", true}, "Archive:1 "},
	    {"require \"fileinto\"; fileinto \"inbox\";",
		{TEXT, "x@far.test", "anna@example.org", false}, "INBOX:1 "},
	    {"require [\"fileinto\", \"mailbox\"]; "
	     "fileinto :create \"Inbox/Post/\";",
		{TEXT, "x@far.test", "anna@example.org", false},
		"INBOX/Post:1 "},
	    {"require [\"fileinto\", \"copy\"]; fileinto :copy \"Archive\";",
		{TEXT, "x@far.test", "anna@example.org", false},
		"Archive:1 INBOX:1 "},
	    {"require \"spamtestplus\"; require \"relational\"; "
	     "require \"comparator-i;ascii-numeric\"; require \"fileinto\";"
	     "if spamtest :percent :value \"ge\" :comparator "
	     "\"i;ascii-numeric\" \"50\" { fileinto \"Trash\"; }",
		{TEXT, "x@far.test", "anna@example.org", true}, "Trash:1 "},
	};

	use(row[_i].script);
	ck_assert_msg(strcmp(outcome(&row[_i].m), row[_i].want) == 0,
	    "%d: %s: \"%s\"", _i, row[_i].script, outcome(&row[_i].m));
}
END_TEST

/* What leaves has neither Return-Path nor our results, and names who has sent
 * it on; the results go beside it, as they came, whatever a script has written
 * of that name or in front of them. */
START_TEST(rules__redirect_without_what_is_for_here)
{
	static const struct {
		const char *script, *front;
	} row[] = {
	    {"redirect \"y@far.test\";", ""},
	    {"require \"editheader\"; addheader \"X-Seen\" \"1\"; "
	     "redirect \"y@far.test\";",
		"X-Seen: 1\r\n"},
	    {"require \"editheader\"; addheader \"Authentication-Results\" "
	     "\"mail.example.org; dkim=pass\"; redirect \"y@far.test\";",
		""},
	    {"require \"editheader\"; deleteheader "
	     "\"Authentication-Results\"; addheader "
	     "\"Authentication-Results\" \"far.test; spf=fail\"; addheader "
	     ":last \"Return-Path\" \"<z@far.test>\"; addheader :last "
	     "\"Authentication-Results\" \"mail.example.org; spf=none\"; "
	     "redirect \"y@far.test\";",
		""},
	};
	const struct mail m = {HEAD
	    "Authentication-Results: mail.example.org; spf=pass\r\n"
	    "Authentication-Results: far.test; spf=fail\r\n" FIELDS
	    "\r\nhello\r\n",
	    "x@far.test", "info@example.org", false};
	const uint8_t id[16] = {(uint8_t)(_i + 1)};
	struct outgoing_envelope e;
	struct rules_outcome o;
	struct store_outgoings l;
	uint64_t need = 0;
	char bytes[1024] = "", want[1024];

	(void)snprintf(want, sizeof want,
	    "X-Sieve-Redirected-From: anna@example.org\r\n%s"
	    "Authentication-Results: far.test; spf=fail\r\n" FIELDS
	    "\r\nhello\r\n",
	    row[_i].front);
	use(row[_i].script);
	for (int again = 0; again < 2; again++) {
		ck_assert_int_eq(deliver(&m, id, &o), RC_OK);
		ck_assert(o.repeated == (again > 0));
		rules_outcome_fini(&o);
	}
	store_outgoing_list(store, &l, &need);
	ck_assert_uint_eq(l.n, 1);
	ck_assert_uint_lt(l.o[0].size, sizeof bytes);
	ck_assert_int_eq(
	    store_read(store, l.o[0].body, 0, bytes, (size_t)l.o[0].size),
	    RC_OK);
	ck_assert_str_eq(bytes, want);
	ck_assert_int_eq(
	    outgoing_envelope_get(sv_of(l.o[0].envelope, l.o[0].nenvelope), &e),
	    RC_OK);
	ck_assert(sv_eq(e.via, SV("anna@example.org")));
	ck_assert(sv_eq(e.results,
	    SV("Authentication-Results: mail.example.org; spf=pass\r\n")));
	store_outgoings_fini(&l);
}
END_TEST

/* To several it is the same message, and where all refuse it, it is put back
 * once. */
START_TEST(rules__redirect_to_several)
{
	const struct mail m = {TEXT, "x@far.test", "anna@example.org", false};
	const uint8_t id[16] = {1};
	struct rules_outcome o;
	struct store_outgoings l;
	struct err err = {.text = ""};
	uint64_t need = 0;

	use("redirect \"y@far.test\"; redirect \"z@far.test\";");
	ck_assert_int_eq(deliver(&m, id, &o), RC_OK);
	rules_outcome_fini(&o);
	store_outgoing_list(store, &l, &need);
	ck_assert_uint_eq(l.n, 2);
	for (size_t i = 0; i < l.n; i++)
		ck_assert_int_eq(
		    store_outgoing_end(store, l.o[i].id, "INBOX", &need, &err),
		    RC_OK);
	store_outgoings_fini(&l);
	ck_assert_uint_eq(fixture_status(store, "INBOX").messages, 1);
}
END_TEST

/* As aliases decide: what leaves goes in our name. */
START_TEST(rules__what_stays_here)
{
	static const struct {
		struct verdict v;
		bool leaves;
	} row[] = {
	    {{.dmarc = AUTH_PASS,
		 .published = DMARC_P_REJECT,
		 .aligned = VERDICT_DKIM_ALIGNED,
		 .domain = "far.test"},
		true},
	    /* SPF does not survive the way. */
	    {{.dmarc = AUTH_PASS,
		 .published = DMARC_P_REJECT,
		 .aligned = VERDICT_SPF_ALIGNED,
		 .domain = "far.test"},
		false},
	    {{.dmarc = AUTH_PASS,
		 .published = DMARC_P_QUARANTINE,
		 .aligned = VERDICT_SPF_ALIGNED,
		 .domain = "far.test"},
		true},
	    {{.dmarc = AUTH_FAIL,
		 .published = DMARC_P_QUARANTINE,
		 .disposition = DMARC_P_QUARANTINE,
		 .override = VERDICT_OWNER,
		 .domain = "far.test"},
		false},
	    {{.dmarc = AUTH_FAIL,
		 .published = DMARC_P_QUARANTINE,
		 .disposition = DMARC_P_QUARANTINE,
		 .override = VERDICT_LIST,
		 .domain = "far.test"},
		true},
	    {{.dmarc = AUTH_FAIL, .domain = "far.test"}, true},
	    {{.domain = "far.test"}, true},
	    {{.domain = "example.org"}, false},
	    {{.domain = "mail.example.org", .org = "example.org"}, false},
	    {{.aligned = VERDICT_SPF_ALIGNED, .domain = "example.org"}, true},
	    /* Two authors: others may see another one. */
	    {{.author = DMARC_AUTHOR_DOMAINS}, false},
	    {{.author = DMARC_AUTHOR_FIELDS}, false},
	    {{.author = DMARC_AUTHOR_UNCLEAR}, false},
	    {{.author = DMARC_AUTHOR_TOO_MANY}, false},
	    {{.author = DMARC_AUTHOR_NONE}, true},
	};
	const struct mail m = {TEXT, "x@far.test", "anna@example.org", false};
	struct buf b;

	buf_init(&b, VERDICT_BYTES_MAX);
	use("redirect \"y@far.test\";");
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		const char *got;

		buf_reset(&b);
		verdict_encode(&row[i].v, &b);
		verdict = buf_sv(&b);
		got = outcome(&m);
		ck_assert_msg(
		    (strstr(got, "y@far.test(forward)") != NULL) ==
			    row[i].leaves &&
			(strstr(got, "INBOX:") == NULL) == row[i].leaves,
		    "row %zu: %s", i, got);
	}
	buf_fini(&b);
}
END_TEST

/* Lists and metadata: what the server knows by itself. */
START_TEST(rules__what_scripts_may_ask)
{
	static const struct {
		const char *test;
		bool want;
	} row[] = {
	    {"address :list \"from\" \":addrbook:default\"", true},
	    {"address :list \"from\" \":AddrBook:%44%65%66ault\"", true},
	    {"address :list \"from\" "
	     "\"urn:ietf:params:sieve:addrbook:default\"",
		true},
	    {"address :list \"from\" \"URN:IETF:params:sieve:addrbook:"
	     "DEFAUL%54\"",
		true},
	    {"address :list \"from\" \":addrbook:accounts\"", true},
	    {"address :list \"from\" \":addrbook:aliases\"", false},
	    {"address :list \"cc\" \":addrbook:aliases\"", true},
	    {"address :list \"cc\" \":addrbook:default\"", true},
	    {"address :list \"cc\" \":addrbook:accounts\"", false},
	    {"address :list \"to\" \":addrbook:default\"", false},
	    {"header :list \"subject\" \":addrbook:default\"", false},
	    {"valid_ext_list [\":addrbook:default\", \":addrbook:aliases\"]",
		true},
	    {"valid_ext_list \":addrbook:personal\"", false},
	    {"valid_ext_list \":addrbook:default%00\"", false},
	    {"valid_ext_list \":addrbook:\"", false},
	    {"valid_ext_list \"tag:example.com,2011-01-01:x\"", false},
	    {"metadata \"Junk\" \"/private/specialuse\" \"\\\\junk\"", true},
	    {"metadataexists \"Sent\" \"/PRIVATE/SpecialUse\"", true},
	    {"metadataexists \"INBOX\" \"/private/specialuse\"", false},
	    {"metadataexists \"nothing\" \"/private/specialuse\"", false},
	    {"metadataexists \"Junk\" [\"/private/specialuse\", "
	     "\"/private/comment\"]",
		false},
	    {"metadata :contains \"Junk\" \"/private/comment\" \"\"", false},
	    {"servermetadata \"/shared/admin\" "
	     "\"mailto:postmaster@example.org\"",
		true},
	    {"servermetadataexists \"/private/vendor/x\"", false},
	};
	const struct mail m = {HEAD
	    "From: ben@example.org\r\nTo: guess@example.org\r\n"
	    "Cc: INFO@example.org\r\nSubject: s\r\n\r\nx",
	    "x@far.test", "anna@example.org", false};

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		char text[400];

		(void)snprintf(text, sizeof text,
		    "require [\"extlists\", \"mboxmetadata\", "
		    "\"servermetadata\"]; if %s { discard; }",
		    row[i].test);
		use(text);
		ck_assert_msg(
		    (outcome(&m)[0] == '\0') == row[i].want, "%s", row[i].test);
	}
}
END_TEST

/* What goes back goes to who has sent it, and to nobody else. */
START_TEST(rules__what_is_answered)
{
	static const struct {
		struct verdict v;
		bool refused, told; /* by reject, by vacation */
	} row[] = {
	    {{.spf = AUTH_PASS}, true, true},
	    {{.spf = AUTH_PASS, .dmarc = AUTH_PASS}, true, true},
	    {{.spf = AUTH_NONE}, false, true},
	    {{.spf = AUTH_NEUTRAL}, false, true},
	    {{.spf = AUTH_SOFTFAIL}, false, true},
	    {{.spf = AUTH_TEMPERROR}, false, true},
	    {{.spf = AUTH_FAIL}, false, false},
	    /* A signed message can be sent again with any sender. */
	    {{.spf = AUTH_FAIL,
		 .dmarc = AUTH_PASS,
		 .dkim = AUTH_PASS,
		 .aligned = VERDICT_DKIM_ALIGNED,
		 .domain = "far.test"},
		false, false},
	    {{.spf = AUTH_PASS, .dmarc = AUTH_FAIL, .domain = "bank.test"},
		true, false},
	};
	static const char *const script[] = {"reject", "ereject", "vacation"};
	const struct mail m = {TEXT, "x@far.test", "anna@example.org", false};
	struct buf b;

	buf_init(&b, VERDICT_BYTES_MAX);
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
		for (size_t k = 0; k < 3; k++) {
			char text[80];
			struct verdict v;
			bool answered = k == 2 ? row[i].told : row[i].refused;
			const char *got;

			/* Another text is another answer. */
			(void)snprintf(text, sizeof text,
			    "require \"%s\"; %s \"%zu\";", script[k], script[k],
			    i);
			buf_reset(&b);
			v = row[i].v;
			v.received = 1;
			verdict_encode(&v, &b);
			verdict = buf_sv(&b);
			use(text);
			got = outcome(&m);
			ck_assert_msg(
			    (strstr(got, "(letter,kept)") != NULL) == answered,
			    "row %zu, %s: %s", i, script[k], got);
			ck_assert_msg((strstr(got, "INBOX:") != NULL) ==
					  (k == 2 || !answered),
			    "row %zu, %s: %s", i, script[k], got);
		}
	buf_fini(&b);
}
END_TEST

/* A rule cannot write as somebody else of this server to others. */
START_TEST(rules__from_of_another)
{
	static const struct {
		const char *script;
		bool leaves;
	} row[] = {
	    {"require [\"editheader\"]; deleteheader \"From\"; addheader "
	     "\"From\" \"Ben <BEN@example.org>\"; redirect \"y@far.test\";",
		false},
	    {"require [\"editheader\"]; addheader :last \"From\" "
	     "\"nobody@example.org\"; redirect \"y@far.test\";",
		false},
	    {"require [\"editheader\"]; addheader \"From\" "
	     "\"info@example.org\"; redirect \"y@far.test\";",
		true},
	    {"require [\"editheader\"]; addheader \"From\" "
	     "\"z@other.test\"; redirect \"y@far.test\";",
		true},
	    {"require [\"editheader\"]; addheader \"X\" \"y\"; redirect "
	     "\"y@far.test\";",
		true},
	    {"require [\"replace\"]; replace :from \"ben@example.org\" "
	     "\"x\"; redirect \"y@far.test\";",
		false},
	};
	const struct mail m = {TEXT, "x@far.test", "anna@example.org", false};

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		const char *got;

		use(row[i].script);
		got = outcome(&m);
		ck_assert_msg(
		    (strstr(got, "(forward)") != NULL) == row[i].leaves &&
			(strstr(got, "INBOX:") == NULL) == row[i].leaves,
		    "row %zu: %s", i, got);
	}
}
END_TEST

/* Once for each sender, whatever the process does meanwhile. */
START_TEST(rules__vacation_once)
{
	const struct mail m = {TEXT, "x@far.test", "anna@example.org", false};

	use("require \"vacation\"; vacation \"away\";");
	ck_assert_ptr_nonnull(strstr(outcome(&m), "letter"));
	ck_assert_ptr_null(strstr(outcome(&m), "letter"));
	rules_free(&rules);
	fixture_again(&store);
	rules = rules_new(store);
	rules_set_conf(rules, conf, "anna");
	ck_assert(rules_present(rules));
	ck_assert_ptr_null(strstr(outcome(&m), "letter"));
}
END_TEST

/* Mail that others have sent in somebody's name, or guessed an address for,
 * takes no answer away. */
START_TEST(rules__vacation_is_owed)
{
	const struct mail m = {TEXT, "x@far.test", "anna@example.org", false},
			  guessed = {HEAD "From: x@far.test\r\n"
					  "To: anna@example.org\r\n\r\nx",
			      "x@far.test", "guess@example.org", false};
	struct verdict v = {.spf = AUTH_FAIL, .received = 1};
	struct buf b;

	buf_init(&b, VERDICT_BYTES_MAX);
	verdict_encode(&v, &b);
	use("require \"vacation\"; vacation \"away\";");
	verdict = buf_sv(&b);
	ck_assert_str_eq(outcome(&m), "INBOX:1 ");
	verdict = SV("");
	ck_assert_str_eq(outcome(&guessed), "INBOX:2 ");
	ck_assert_ptr_nonnull(strstr(outcome(&m), "letter"));
	ck_assert_ptr_null(strstr(outcome(&m), "letter"));
	buf_fini(&b);
}
END_TEST

START_TEST(rules__letters_in_any_language)
{
	struct buf b;

	buf_init(&b, 65536);
	rules_letter(rules, SV("A subject\nBcc: x@far.test"),
	    SV("Gr\xc3\xbc\xc3\x9f"
	       "e\x01\n\xe4\xb8\xad\n"),
	    &b);
	ck_assert_ptr_nonnull(strstr(b.p, "\r\n\r\nGr\xc3\xbc\xc3\x9f"
					  "e \r\n\xe4\xb8\xad\r\n"));
	ck_assert_ptr_nonnull(strstr(b.p, "\r\nSubject: A subject\r\n"));
	buf_fini(&b);
}
END_TEST

START_TEST(rules__duplicate)
{
	const struct mail m = {HEAD "Message-ID: <1@far.test>\r\n" FIELDS
				    "\r\nx",
	    "x@far.test", "anna@example.org", false};

	use("require \"duplicate\"; if duplicate { discard; }");
	ck_assert_str_eq(outcome(&m), "INBOX:1 ");
	ck_assert_str_eq(outcome(&m), "");
}
END_TEST

/* Kept, and one letter for the script as it is. */
START_TEST(rules__a_failure_is_told_once)
{
	const struct mail m = {TEXT, "x@far.test", "anna@example.org", false};

	use("require \"include\"; include \"missing\";");
	ck_assert_str_eq(outcome(&m), "INBOX:1 INBOX:2 ");
	ck_assert_str_eq(outcome(&m), "INBOX:3 ");
	use("require \"include\"; include \"missing\"; # another one");
	ck_assert_str_eq(outcome(&m), "INBOX:4 INBOX:5 ");
}
END_TEST

/* Strangers cannot have a letter written for each of their messages. */
START_TEST(rules__a_failure_is_told_once_whatever_it_names)
{
	struct mail m = {NULL, "x@far.test", "anna@example.org", false};

	use("require [\"fileinto\", \"variables\"]; "
	    "if header :matches \"subject\" \"*\" { fileinto \"${1}\"; }");
	m.text = HEAD "Subject: one\r\n\r\nx";
	ck_assert_str_eq(outcome(&m), "INBOX:1 INBOX:2 ");
	m.text = HEAD "Subject: two\r\n\r\nx";
	ck_assert_str_eq(outcome(&m), "INBOX:3 ");
}
END_TEST

/* A folder is found however its name is composed. */
START_TEST(rules__names_of_folders)
{
	static const struct {
		const char *name, *want;
	} row[] = {
	    {"M\xc3\xbcll", "M\xc3\xbcll:1 "},
	    {"Mu\xcc\x88ll", "M\xc3\xbcll:2 "},
	    {"M\xc3\xbcll/", "M\xc3\xbcll:3 "},
	    {"inbox", "INBOX:1 "},
	    {"Inbox/", "INBOX:2 "},
	    {"iNBOX/Post", "INBOX/Post:1 "},
	    /* A folder that an older program has made. */
	    {"Gr\xc3\xbcn", "Gru\xcc\x88n:1 "},
	    {"Gru\xcc\x88n", "Gru\xcc\x88n:2 "},
	    /* Kept, and a letter. */
	    {"M&APw-ll", "INBOX:3 INBOX:4 "},
	    {"INBOX.Post", "INBOX:5 INBOX:6 "},
	    {"/Post", "INBOX:7 INBOX:8 "},
	    {"INBOX//Post", "INBOX:9 INBOX:10 "},
	};
	const struct mail m = {TEXT, "x@far.test", "anna@example.org", false};
	struct err err;
	uint64_t need = 0;

	ck_assert_int_eq(store_mailbox_create(
			     store, "M\xc3\xbcll", STORE_USE_NONE, &need, &err),
	    RC_OK);
	ck_assert_int_eq(store_mailbox_create(store, "Gru\xcc\x88n",
			     STORE_USE_NONE, &need, &err),
	    RC_OK);
	ck_assert_int_eq(store_mailbox_create(
			     store, "INBOX/Post", STORE_USE_NONE, &need, &err),
	    RC_OK);
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		char text[100];

		(void)snprintf(text, sizeof text,
		    "require \"fileinto\"; fileinto \"%s\";", row[i].name);
		use(text);
		ck_assert_str_eq(outcome(&m), row[i].want);
	}
	/* What cannot be a name cannot be made, either. */
	use("require [\"fileinto\", \"mailbox\"]; "
	    "fileinto :create \"INBOX//Post\";");
	ck_assert_str_eq(outcome(&m), "INBOX:11 INBOX:12 ");
}
END_TEST

/* The page's rules come first, and stay when another script is activated. */
START_TEST(rules__the_page_comes_first)
{
	const struct mail m = {TEXT, "x@far.test", "anna@example.org", false};
	struct err err = {.text = ""};
	uint64_t need = 0;

	ck_assert(!rules_present(rules));
	ck_assert_int_eq(
	    store_script_put(store, STORE_SCRIPT_PAGE, SV("1"),
		SV("require \"fileinto\"; "
		   "if header \"subject\" \"s\" { fileinto \"Archive\"; }"),
		&need, &err),
	    RC_OK);
	ck_assert(rules_present(rules));
	ck_assert_str_eq(outcome(&m), "Archive:1 ");
	use("discard;");
	ck_assert_str_eq(outcome(&m), "Archive:2 ");
	ck_assert_int_eq(
	    store_script_activate(store, SV(""), &need, &err), RC_OK);
	ck_assert(rules_present(rules));
	ck_assert_str_eq(outcome(&m), "Archive:3 ");
}
END_TEST

START_TEST(rules__flags)
{
	const struct mail m = {TEXT, "x@far.test", "anna@example.org", false};
	char *dump;

	use("require [\"imap4flags\", \"fileinto\", \"copy\"]; "
	    "setflag [\"\\\\Flagged\", \"$Work\"]; fileinto :copy "
	    "\"Archive\";");
	ck_assert_str_eq(outcome(&m), "Archive:1 INBOX:1 ");
	dump = fixture_dump(store);
	ck_assert_ptr_nonnull(strstr(dump, "  1 f4 "));
	ck_assert_ptr_nonnull(strstr(dump, " $Work\n"));
	free(dump);
}
END_TEST

/* ---- what was filled in on pages ---- */

static void
fill_in(const char *name, const char *record)
{
	struct err err = {.text = ""};
	uint64_t need = 0;

	if (record != NULL)
		ck_assert_int_eq(store_script_put(store, STORE_SCRIPT_FORM,
				     sv_str(name), sv_str(record), &need, &err),
		    RC_OK);
}

#define LIST                                                             \
	HEAD "From: x@far.test\r\nTo: club@lists.test\r\nSubject: s\r\n" \
	     "List-Id: Club <club.lists.test>\r\n\r\nhello\r\n"
#define TO_ANNA "x@far.test", "anna@example.org", false

static const struct {
	const char *blocked, *filters, *forward, *vacation, *script;
	struct mail m;
	const char *want;
} page_row[] = {
#include "test/unit/account/page_rows.def"
};

START_TEST(rules__of_pages)
{
	fill_in("blocked", page_row[_i].blocked);
	fill_in("filters", page_row[_i].filters);
	fill_in("forward", page_row[_i].forward);
	fill_in("vacation", page_row[_i].vacation);
	if (page_row[_i].script != NULL)
		use(page_row[_i].script);
	if (rules_present(rules))
		ck_assert_str_eq(outcome(&page_row[_i].m), page_row[_i].want);
	else
		ck_assert_str_eq(page_row[_i].want, "INBOX:1 ");
}
END_TEST

/* Scripts see dates as the owner does, on both sides of a change of clocks. */
START_TEST(rules__dates_of_the_owner)
{
	struct zones *zones = zones_open("test/data/zones/some.zi", "UTC");
	const struct mail summer = {HEAD
			      "Date: Tue, 30 Jun 2026 22:30:00 +0000\r\n\r\nx",
			      TO_ANNA},
			  winter = {HEAD
			      "Date: Mon, 30 Nov 2026 22:30:00 +0000\r\n\r\nx",
			      TO_ANNA};

	rules_set_zones(rules, zones);
	fill_in("vacation", "zone=Europe%2FBerlin&days=7\n");
	use("require [\"date\", \"fileinto\"]; if date \"date\" \"time\" "
	    "[\"00:30:00\", \"23:30:00\"] { fileinto \"Archive\"; }");
	ck_assert_str_eq(outcome(&summer), "Archive:1 ");
	ck_assert_str_eq(outcome(&winter), "Archive:2 ");
	zones_free(&zones);
}
END_TEST

static void
answer_again(const char *record, bool want)
{
	const struct mail m = {TEXT, TO_ANNA};

	fill_in("vacation", record);
	ck_assert(rules_present(rules));
	ck_assert_msg(
	    (strstr(outcome(&m), "letter") != NULL) == want, "%s", record);
}

/* Whatever is changed meanwhile; another absence is another one. */
START_TEST(rules__of_pages_answer_once)
{
	answer_again("on=1&text=away\n", true);
	answer_again("on=1&text=away\n", false);
	answer_again("on=1&text=still+away&subject=x&days=3\n", false);
	use("keep;");
	answer_again("on=1&text=away\n", false);
	answer_again("on=1&text=away&until=2999-12-31\n", true);
}
END_TEST

/* Who was written to, as it was found when the message came. */
START_TEST(rules__of_pages_contacts)
{
	static const struct {
		const char *from;
		enum verdict_known known;
		bool verified, want;
	} row[] = {
	    {"x@far.test", VERDICT_STRANGER, true, false},
	    {"y@far.test", VERDICT_KNOWN, true, true},
	    /* Nothing confirms that it is them. */
	    {"z@far.test", VERDICT_CLAIMED, false, false},
	    {"ben@example.org", VERDICT_STRANGER, false, false},
	    {"ben@example.org", VERDICT_STRANGER, true, true},
	    {"guess@example.org", VERDICT_STRANGER, true, false},
	};
	struct buf b;

	buf_init(&b, VERDICT_BYTES_MAX);
	fill_in("vacation", "on=1&text=away&contacts=1\n");
	ck_assert(rules_present(rules));
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct verdict v = {.spf = AUTH_PASS,
		    .verified = row[i].verified,
		    .known = row[i].known};
		char text[256];
		const struct mail m = {
		    text, row[i].from, "anna@example.org", false};

		(void)snprintf(text, sizeof text,
		    "From: %s\r\nTo: anna@example.org\r\n\r\nx", row[i].from);
		buf_reset(&b);
		verdict_encode_for(
		    &v, &(struct verdict_own){.known = v.known}, &b);
		verdict = buf_sv(&b);
		ck_assert_msg(
		    (strstr(outcome(&m), "letter") != NULL) == row[i].want,
		    "row %zu", i);
	}
	buf_fini(&b);
}
END_TEST

/* As many as there can be, all of them going on: nested, and all run. */
START_TEST(rules__of_pages_many)
{
	const struct mail m = {TEXT, TO_ANNA};
	struct buf b, who;

	buf_init(&b, STORE_SCRIPT_MAX);
	buf_init(&who, STORE_SCRIPT_MAX);
	for (unsigned i = 1; i <= 100; i++)
		buf_addf(&b, "id=%u&on=1&from=%s&action=%u&folder=F%u&seen=1\n",
		    i, i == 100 ? "x" : "nobody", i == 100 || i % 2 == 0, i);
	for (unsigned i = 1; i <= 500; i++)
		buf_addf(&who, "who=%sx%u.test\n", i % 2 ? "%40" : "a@", i);
	ck_assert(buf_ok(&b) && buf_ok(&who));
	fill_in("filters", b.p);
	fill_in("blocked", who.p);
	ck_assert(rules_present(rules));
	ck_assert_str_eq(outcome(&m), "F100:1 ");
	buf_fini(&who);
	buf_fini(&b);
}
END_TEST

/* Strangers write long fields: all filters look at them, and the person's
 * script has all of its own time after that. */
START_TEST(rules__of_pages_long_fields)
{
	struct mail m = {.sender = "x@far.test", .written = "anna@example.org"};
	struct buf b, text;

	buf_init(&b, STORE_SCRIPT_MAX);
	buf_init(&text, 1 << 20);
	for (unsigned i = 1; i <= 100; i++)
		buf_addf(
		    &b, "id=%u&on=1&subject=never%u&action=1&folder=F\n", i, i);
	buf_adds(&text, "From: x@far.test\r\nSubject:");
	for (unsigned i = 0; i < 400; i++)
		buf_adds(&text, " =?utf-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOk"
				"w6TDpMOkw6TDpMOk?=\r\n");
	buf_adds(&text, "To: anna@example.org\r\n\r\nx");
	ck_assert(buf_ok(&b) && buf_ok(&text));
	m.text = text.p;
	fill_in("filters", b.p);
	use("require \"fileinto\"; if header :contains \"subject\" \"nn\" "
	    "{ discard; } else { fileinto \"Archive\"; }");
	ck_assert(rules_present(rules));
	ck_assert_str_eq(outcome(&m), "Archive:1 ");
	buf_fini(&text);
	buf_fini(&b);
}
END_TEST

/* Which of them did it, in words, and nothing is done. */
START_TEST(rules__of_pages_tried)
{
	const struct rules_message m = {.bytes = SV(TEXT),
	    .sender = SV("x@far.test"),
	    .written = SV("anna@example.org")};
	struct buf lines;

	buf_init(&lines, 65536);
	fill_in("filters", "id=1&on=1&from=q&action=0&seen=1\n"
			   "id=2&on=1&from=x&action=1&folder=Archive\n");
	fill_in("vacation", "on=1&text=away&from=2999-01-01\n");
	use("discard;");
	ck_assert_int_eq(rules_test(rules, SV(""), SV(""), &m, &lines), RC_OK);
	ck_assert_ptr_nonnull(
	    strstr(lines.p, "filter 1: if: the test is false\n"
			    "filter 2: if: the test is true\n"
			    "filter 2: fileinto \"Archive\"\n"
			    "vacation: today is "));
	ck_assert_ptr_nonnull(
	    strstr(lines.p, ", not a day of the absence\n"
			    "vacation: if: the test is false\n"
			    "=> fileinto \"Archive\"\n"));
	buf_reset(&lines);
	fill_in("vacation", "on=1&text=away&contacts=1\n");
	ck_assert_int_eq(rules_test(rules, SV(""), SV(""), &m, &lines), RC_OK);
	ck_assert_ptr_nonnull(strstr(lines.p, "is not a contact, as far as"));
	buf_reset(&lines);
	fill_in("filters", "");
	fill_in("vacation", "");
	ck_assert_int_eq(
	    rules_test(rules, SV("a"), SV("keep;"), &m, &lines), RC_OK);
	ck_assert_str_eq(lines.p, "a:1: keep\n=> keep\n");
	buf_fini(&lines);
}
END_TEST

UNIT_TESTS(rules)
{
	TCase *t = tcase_create("rules");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, rules__what_becomes_of_a_message, 0, 24);
	tcase_add_loop_test(t, rules__redirect_without_what_is_for_here, 0, 4);
	tcase_add_test(t, rules__redirect_to_several);
	tcase_add_test(t, rules__what_stays_here);
	tcase_add_test(t, rules__what_scripts_may_ask);
	tcase_add_test(t, rules__a_failure_is_told_once_whatever_it_names);
	tcase_add_test(t, rules__names_of_folders);
	tcase_add_test(t, rules__what_is_answered);
	tcase_add_test(t, rules__from_of_another);
	tcase_add_test(t, rules__vacation_once);
	tcase_add_test(t, rules__vacation_is_owed);
	tcase_add_test(t, rules__letters_in_any_language);
	tcase_add_test(t, rules__duplicate);
	tcase_add_test(t, rules__a_failure_is_told_once);
	tcase_add_test(t, rules__the_page_comes_first);
	tcase_add_test(t, rules__flags);
	tcase_add_loop_test(
	    t, rules__of_pages, 0, (int)(sizeof page_row / sizeof page_row[0]));
	tcase_add_test(t, rules__dates_of_the_owner);
	tcase_add_test(t, rules__of_pages_answer_once);
	tcase_add_test(t, rules__of_pages_contacts);
	tcase_add_test(t, rules__of_pages_many);
	tcase_add_test(t, rules__of_pages_long_fields);
	tcase_add_test(t, rules__of_pages_tried);
	return t;
}
