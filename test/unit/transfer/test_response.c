/* What IMAP servers say. */
#include "test/unit/unit.h"

#include "imap/client/response.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct imap_limits lim = {.line = 1000,
    .literal = 1000,
    .command = 4000,
    .depth = 8,
    .elements = 100};

/* A response as a word list, so that rows are easy to read. */
static void
describe(const struct imap_response *r, struct buf *b)
{
	static const char *const kinds[] = {"other", "continue", "condition",
	    "capability", "list", "status", "namespace", "exists", "expunge",
	    "fetch"};
	static const char *const conds[] = {
	    "OK", "NO", "BAD", "BYE", "PREAUTH"};

	buf_adds(b, kinds[r->kind]);
	if (r->tag.n > 0)
		buf_addf(b, " tag=%.*s", SV_ARG(r->tag));
	if (r->kind == IMAP_RESPONSE_CONDITION)
		buf_addf(b, " %s code=%.*s args=%.*s text=%.*s", conds[r->cond],
		    SV_ARG(r->code), SV_ARG(r->code_args), SV_ARG(r->text));
	if (r->kind == IMAP_RESPONSE_LIST || r->kind == IMAP_RESPONSE_NAMESPACE)
		buf_addf(b, " %x '%c' %.*s", r->list.attributes,
		    r->list.delimiter != '\0' ? r->list.delimiter : '0',
		    SV_ARG(r->list.name));
	if (r->kind == IMAP_RESPONSE_STATUS)
		buf_addf(b, " %u %u %u", r->status.messages, r->status.uidnext,
		    r->status.uidvalidity);
	if (r->number != 0)
		buf_addf(b, " n=%u", r->number);
	if (r->kind != IMAP_RESPONSE_FETCH)
		return;
	buf_addf(b, " uid=%u", r->fetch.uid);
	if (r->fetch.has_size)
		buf_addf(b, " size=%llu", (unsigned long long)r->fetch.size);
	if (r->fetch.has_flags)
		buf_addf(b, " flags=%.*s+%u", SV_ARG(r->fetch.flags),
		    r->fetch.strange);
	if (r->fetch.date.secs != 0)
		buf_addf(b, " date=%lld%+d", (long long)r->fetch.date.secs,
		    (int)r->fetch.date.zone);
	if (r->fetch.has_body)
		buf_addf(b, " body=%.*s/%llu", SV_ARG(r->fetch.body),
		    (unsigned long long)r->fetch.literal);
}

static const struct {
	const char *in, *want; /* NULL: refused */
} rows[] = {
    {"* OK hello", "condition OK code= args= text=hello"},
    {"* OK", "condition OK code= args= text="},
    {"* PREAUTH [CAPABILITY A B] x",
	"condition PREAUTH code=CAPABILITY args=A B text=x"},
    {"h1 NO [TOOBIG] no", "condition tag=h1 NO code=TOOBIG args= text=no"},
    {"h1 OK [APPENDUID 5 7:9]",
	"condition tag=h1 OK code=APPENDUID args=5 7:9 text="},
    {"h1 BAD [x", "condition tag=h1 BAD code= args= text=[x"},
    {"* OK [X \"]\" y] z", "condition OK code=X args=\"]\" y text=z"},
    {"h1 WHAT", NULL},
    {"* BYE", "condition BYE code= args= text="},
    {"+ go", "continue"},
    {"+", "continue"},
    {"* 5 EXISTS", "exists n=5"},
    {"* 5 EXPUNGE", "expunge n=5"},
    {"* 5 RECENT", "other n=5"},
    {"* 99999999999 EXISTS", NULL},
    {"* FLAGS (\\Seen x)", "other"},
    {"* CAPABILITY IMAP4rev1 X ", "capability"},
    {"* LIST (\\HasNoChildren \\sent) \"/\" Sent", "list 20 '/' Sent"},
    {"* LIST () \".\" \"INBOX.a.b\"", "list 0 '.' INBOX/a/b"},
    {"* LIST (\\Noselect) NIL inbox", "list 1 '0' INBOX"},
    {"* LIST (\\NonExistent \\All \\Flagged) \"/\" Entw&APw-rfe (X (y))",
	"list 601 '/' Entw\xc3\xbcrfe"},
    {"* LIST () \"/\" \"Entw\xc3\xbcrfe\"", "list 0 '/' Entw\xc3\xbcrfe"},
    {"* LIST () \"/\" {3}\r\na b", "list 0 '/' a b"},
    {"* LIST () \"//\" x", NULL},
    {"* LIST (\\Noselect \"/\" x", NULL},
    {"* LIST () \"/\"", NULL},
    {"* STATUS x (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 5)", "status 3 4 5"},
    {"* STATUS \"x y\" (OTHER (1 2) UIDNEXT 4)", "status 0 4 0"},
    {"* STATUS x ()", "status 0 0 0"},
    {"* STATUS x (MESSAGES", NULL},
    {"* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL", "namespace 0 '.' INBOX/"},
    {"* NAMESPACE NIL NIL NIL", "namespace 0 '0' "},
    {"* 3 FETCH (UID 7 RFC822.SIZE 12)", "fetch n=3 uid=7 size=12"},
    {"* 3 FETCH (FLAGS (\\Seen \\Recent a b]c \\Odd $x))",
	"fetch n=3 uid=0 flags=\\Seen a $x+2"},
    {"* 3 FETCH (INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" UID 1)",
	"fetch n=3 uid=1 date=837596665-420"},
    {"* 3 FETCH (INTERNALDATE \"nonsense\" UID 1)", "fetch n=3 uid=1"},
    {"* 3 FETCH (BODY[] \"a b\" UID 1)", "fetch n=3 uid=1 body=a b/0"},
    {"* 3 FETCH (UID 1 BODY[] NIL)", "fetch n=3 uid=1"},
    {"* 3 FETCH (UID 1 BINARY[] \"\")", "fetch n=3 uid=1 body=/0"},
    {"* 3 FETCH (ENVELOPE (\"a\" (NIL (b)) {2}\r\n)( NIL) X-GM 5 "
     "BODY[HEADER.FIELDS (A B)] {1}\r\nx UID 9)",
	"fetch n=3 uid=9"},
    {"* 3 FETCH (UID 7", NULL},
    {"* 3 FETCH (UID)", NULL},
    {"* 3 FETCH (UID 0)", NULL},
    {"* 3 FETCH (UID 7) x", NULL},
    {"* 3 FETCH (X ((((((((((1))))))))))", NULL},
    {"", NULL},
    {"*", NULL},
};

START_TEST(imap_response__reads_what_servers_say)
{
	struct imap_response resp;
	struct arena arena;
	struct imap_in in;
	struct buf b;
	int r;

	arena_init(&arena);
	buf_init(&b, 4096);
	imap_in_init(&in, sv_str(rows[_i].in), &lim, &arena);
	r = imap_response_parse(&in, &resp);
	if (rows[_i].want == NULL) {
		ck_assert_msg(
		    r == RC_SYNTAX || r == RC_TOOBIG, "%s", rows[_i].in);
	} else {
		ck_assert_msg(r == RC_OK, "%s: %s", rows[_i].in, in.why);
		describe(&resp, &b);
		ck_assert_str_eq(b.p, rows[_i].want);
	}
	buf_fini(&b);
	arena_reset(&arena);
}
END_TEST

START_TEST(imap_response__survives_truncation)
{
	struct sv whole = sv_str(rows[_i].in);
	size_t n;

	for (n = 0; n < whole.n; n++) {
		struct imap_response resp;
		struct arena arena;
		struct imap_in in;

		arena_init(&arena);
		imap_in_init(&in, sv_first(whole, n), &lim, &arena);
		(void)!imap_response_parse(&in, &resp);
		arena_reset(&arena);
	}
}
END_TEST

START_TEST(imap_response__stops_where_a_message_begins)
{
	static const char *const begin[] = {"* 3 FETCH (UID 7 BODY[] {123}\r\n",
	    "* 3 FETCH (UID 7 BINARY[] ~{123}\r\n",
	    "* 3 FETCH (FLAGS (\\Seen) BODY[] {123}\n"};
	size_t i;

	for (i = 0; i < 3; i++) {
		struct imap_response resp;
		struct arena arena;
		struct imap_in in;

		arena_init(&arena);
		imap_in_init(&in, sv_str(begin[i]), &lim, &arena);
		ck_assert_int_eq(imap_response_parse(&in, &resp), RC_MORE);
		ck_assert_uint_eq(resp.fetch.literal, 123);
		imap_in_init(&in, SV(" FLAGS (a) UID 8)"), &lim, &arena);
		ck_assert_int_eq(imap_response_rest(&in, &resp), RC_OK);
		ck_assert_uint_eq(resp.fetch.uid, 8);
		ck_assert(sv_eq(resp.fetch.flags, SV("a")));
		ck_assert(resp.fetch.has_body);
		arena_reset(&arena);
	}
}
END_TEST

START_TEST(imap_appenduid__takes_the_last_uid)
{
	uint32_t v = 0, uid = 0;

	ck_assert_int_eq(imap_appenduid_parse(SV("5 7"), &v, &uid), RC_OK);
	ck_assert(v == 5 && uid == 7);
	ck_assert_int_eq(imap_appenduid_parse(SV("5 7:9,11"), &v, &uid), RC_OK);
	ck_assert(uid == 11);
	ck_assert_int_eq(imap_appenduid_parse(SV("5"), &v, &uid), RC_SYNTAX);
	ck_assert_int_eq(imap_appenduid_parse(SV(""), &v, &uid), RC_SYNTAX);
	ck_assert_int_eq(imap_appenduid_parse(SV("5 x"), &v, &uid), RC_SYNTAX);
	ck_assert(imap_capability_has(SV("A literal+ B"), SV("LITERAL+")));
	ck_assert(!imap_capability_has(SV("A LITERAL"), SV("LITERAL+")));
}
END_TEST

UNIT_TESTS(transfer_response)
{
	TCase *t = tcase_create("response");

	tcase_add_loop_test(
	    t, imap_response__reads_what_servers_say, 0, COUNT(rows));
	tcase_add_loop_test(
	    t, imap_response__survives_truncation, 0, COUNT(rows));
	tcase_add_test(t, imap_response__stops_where_a_message_begins);
	tcase_add_test(t, imap_appenduid__takes_the_last_uid);
	return t;
}
