/* What aliases forward: the secret, senders, what comes back, who is told. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "queue/spool/bounce.h"
#include "queue/spool/record.h"
#include "queue/spool/service_priv.h"
#include "test/unit/unit.h"

#define HEX "00112233445566778899aabbccddeeff"
#define ONE HEX HEX
#define TWO "ffffffffffffffffffffffffffffffff" HEX

/* ---- the secret ---- */

START_TEST(secret_parse__answers_each_row)
{
	static const struct {
		const char *text;
		int rc;
		size_t n;
	} rows[] = {
	    {ONE, RC_OK, 1},
	    {ONE "\n", RC_OK, 1},
	    {TWO "\n\n  " ONE "\r\n", RC_OK, 2},
	    {"", RC_SYNTAX, 0},
	    {"\n\n", RC_SYNTAX, 0},
	    {HEX "\n", RC_SYNTAX, 0},
	    {ONE "00\n", RC_SYNTAX, 0},
	    {HEX "zz112233445566778899aabbccddeeff\n", RC_SYNTAX, 0},
	    {ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE
		 "\n",
		RC_OK, 8},
	    {ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE "\n" ONE
		 "\n" ONE "\n",
		RC_SYNTAX, 0},
	};
	struct secret s = {.n = 0};

	ck_assert_int_eq(secret_parse(sv_str(rows[_i].text), &s), rows[_i].rc);
	ck_assert_uint_eq(s.n, rows[_i].n);
	if (s.n > 0)
		ck_assert_uint_eq(s.key[0].n, SECRET_BYTES);
}
END_TEST

START_TEST(secret_load__is_made_once_and_kept)
{
	char dir[] = "secret-test-XXXXXX";
	struct secret a, b;
	struct err err;
	struct stat st;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(secret_load(fd, &a, &err), RC_OK);
	ck_assert_int_eq(secret_load(fd, &b, &err), RC_OK);
	ck_assert(a.n == 1 && b.n == 1 && sv_eq(a.key[0], b.key[0]));
	ck_assert_int_eq(fstatat(fd, SECRET_FILE, &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	/* What cannot be read is left as it is. */
	ck_assert_int_eq(unlinkat(fd, SECRET_FILE, 0), 0);
	io_close(&fd);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	{
		int f = openat(fd, SECRET_FILE, O_WRONLY | O_CREAT, 0600);

		ck_assert_int_eq(io_write_all(f, "rubbish\n", 8), RC_OK);
		io_close(&f);
	}
	ck_assert_int_eq(secret_load(fd, &b, &err), RC_SYNTAX);
	ck_assert_uint_eq(b.n, 1);
	ck_assert(!sv_eq(a.key[0], b.key[0]));
	ck_assert_int_eq(fstatat(fd, SECRET_FILE, &st, 0), 0);
	ck_assert_int_eq(st.st_size, 8);
	ck_assert_int_eq(unlinkat(fd, SECRET_FILE, 0), 0);
	io_close(&fd);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* ---- senders ---- */

static struct conf *
parse(const char *aliases)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	struct buf b;

	buf_init(&b, 4096);
	buf_addf(&b,
	    "hostname: mail.us.test\ndomains: [us.test]\n"
	    "accounts: { anna: {}, ben: {} }\naliases:\n%s",
	    aliases);
	ck_assert_msg(
	    conf_parse(buf_sv(&b), "f", &c, &e) == RC_OK, "%s", e.e[0].text);
	buf_fini(&b);
	return c;
}

#define ALIASES                                       \
	"  club@us.test: [anna, b@out.test]\n"        \
	"  far@us.test: c@out.test\n"                 \
	"  two@us.test: [d@out.test, e@other.test]\n" \
	"  home@us.test: [anna]\n"

static struct queue_service *
service_new(const char *text)
{
	struct queue_service *q = xcalloc(1, sizeof *q);

	ck_assert_int_eq(secret_parse(sv_str(text), &q->secret), RC_OK);
	return q;
}

struct world {
	struct queue_service *q;
	struct conf *c;
	struct spool_item it;
	struct buf sender;
	struct forward_back back;
};

static void
world_init(struct world *w, const char *sender, uint32_t flags)
{
	*w = (struct world){.q = service_new(ONE),
	    .c = parse(ALIASES),
	    .it = {.sender = xstrdup(sender), .flags = flags}};
	buf_init(&w->sender, 4096);
	buf_init(&w->back.sender, 4096);
}

static void
world_fini(struct world *w)
{
	buf_fini(&w->back.sender);
	buf_fini(&w->sender);
	free(w->it.sender);
	conf_free(&w->c);
	free(w->q);
}

static int
there_and_back(struct world *w, const char *via)
{
	buf_reset(&w->sender);
	queue_forward_sender(w->q, w->c, &w->it, via, &w->sender);
	return queue_forward_back(w->q, w->c, buf_sv(&w->sender), &w->back);
}

START_TEST(forward__comes_back_to_whom_it_concerns)
{
	static const struct {
		const char *via;
		uint32_t flags;
		bool author;
	} rows[] = {
	    {"far@us.test", SPOOL_KNOWN, true},
	    {"far@us.test", 0, false},
	    {"two@us.test", SPOOL_KNOWN, false},
	    {"club@us.test", SPOOL_KNOWN, false},
	};
	struct world w;

	world_init(&w, "Carl@author.test", rows[_i].flags);
	ck_assert_int_eq(there_and_back(&w, rows[_i].via), RC_OK);
	ck_assert_str_eq(w.back.alias->address, rows[_i].via);
	ck_assert_str_eq(w.back.sender.p, "Carl@author.test");
	ck_assert(w.back.author == rows[_i].author);
	ck_assert(sv_starts(buf_sv(&w.sender), SV("SRS0=")));
	ck_assert(sv_ends(buf_sv(&w.sender), SV("=author.test=Carl@us.test")));
	world_fini(&w);
}
END_TEST

START_TEST(forward__the_null_sender_stays)
{
	struct world w;

	world_init(&w, "", SPOOL_KNOWN);
	queue_forward_sender(w.q, w.c, &w.it, "far@us.test", &w.sender);
	ck_assert_uint_eq(w.sender.n, 0);
	world_fini(&w);
}
END_TEST

/* The alias stands for a sender that does not fit: the owner is told. */
START_TEST(forward__a_sender_of_any_length)
{
	struct world w;
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	for (i = 0; i < 700; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, "@author.test");
	world_init(&w, b.p, SPOOL_KNOWN);
	ck_assert_int_eq(there_and_back(&w, "far@us.test"), RC_OK);
	ck_assert_str_eq(w.back.alias->address, "far@us.test");
	ck_assert(!w.back.author);
	world_fini(&w);
	buf_fini(&b);
}
END_TEST

/* And for one that cannot be a part of a local part. */
START_TEST(forward__a_sender_with_quotes)
{
	static const char *const senders[] = {"\"john doe\"@author.test",
	    "\"a> SIZE=1 X=\"@author.test", "a@[192.0.2.1]"};
	struct world w;

	world_init(&w, senders[_i], SPOOL_KNOWN);
	ck_assert_int_eq(there_and_back(&w, "far@us.test"), RC_OK);
	ck_assert_str_eq(w.back.alias->address, "far@us.test");
	ck_assert_str_eq(w.back.sender.p, "far@us.test");
	ck_assert(!w.back.author);
	ck_assert(strpbrk(w.sender.p, "\" <>[]") == NULL);
	world_fini(&w);
}
END_TEST

static void
use_secret(struct world *w, const char *text)
{
	ck_assert_int_eq(secret_parse(sv_str(text), &w->q->secret), RC_OK);
}

START_TEST(forward__an_old_secret_is_good_for_a_while)
{
	struct world w;

	world_init(&w, "carl@author.test", SPOOL_KNOWN);
	ck_assert_int_eq(there_and_back(&w, "club@us.test"), RC_OK);
	use_secret(&w, TWO "\n" ONE);
	ck_assert_int_eq(
	    queue_forward_back(w.q, w.c, buf_sv(&w.sender), &w.back), RC_OK);
	use_secret(&w, TWO);
	ck_assert_int_eq(
	    queue_forward_back(w.q, w.c, buf_sv(&w.sender), &w.back),
	    RC_DENIED);
	use_secret(&w, ONE);
	clk_set_offset(20LL * 86400 * 1000);
	ck_assert_int_eq(
	    queue_forward_back(w.q, w.c, buf_sv(&w.sender), &w.back), RC_OK);
	clk_set_offset(23LL * 86400 * 1000);
	ck_assert_int_eq(
	    queue_forward_back(w.q, w.c, buf_sv(&w.sender), &w.back),
	    RC_TIMEOUT);
	clk_set_offset(0);
	world_fini(&w);
}
END_TEST

START_TEST(forward__forged_addresses_are_refused)
{
	static const char *const forged[] = {
	    "SRS0=aaaaaaaa=bb=author.test=carl@us.test",
	    "srs1=aaaaaaaa=x.test==bbbbbbbb=cc=y.test=z@us.test",
	    "SRS0=@us.test", "SRS0@us.test", "carl@us.test", ""};
	struct world w;
	int r;

	world_init(&w, "carl@author.test", SPOOL_KNOWN);
	r = queue_forward_back(w.q, w.c, sv_str(forged[_i]), &w.back);
	ck_assert(r == RC_DENIED || r == RC_NOTFOUND);
	/* One of an alias that has gone since. */
	ck_assert_int_eq(there_and_back(&w, "far@us.test"), RC_OK);
	conf_free(&w.c);
	w.c = parse("  club@us.test: [anna, b@out.test]\n");
	ck_assert_int_eq(
	    queue_forward_back(w.q, w.c, buf_sv(&w.sender), &w.back),
	    RC_DENIED);
	/* And one that has got another target: now its owner is told. */
	conf_free(&w.c);
	w.c = parse("  far@us.test: [anna, c@out.test]\n");
	ck_assert_int_eq(
	    queue_forward_back(w.q, w.c, buf_sv(&w.sender), &w.back), RC_OK);
	ck_assert(!w.back.author);
	world_fini(&w);
}
END_TEST

/* ---- who is told ---- */

START_TEST(forward_told__answers_each_row)
{
	static const struct {
		const char *via;
		uint32_t flags;
		const char *sender;
		enum spool_outcome other; /* of the second target */
		enum forward_told want;
	} rows[] = {
	    {"far@us.test", SPOOL_KNOWN, "x@y.test", SPOOL_FAILED,
		FORWARD_TO_AUTHOR},
	    {"far@us.test", 0, "x@y.test", SPOOL_FAILED,
		FORWARD_TO_OWNER_WHOLE},
	    {"far@us.test", SPOOL_KNOWN, "", SPOOL_FAILED,
		FORWARD_TO_OWNER_WHOLE},
	    {"two@us.test", SPOOL_KNOWN, "x@y.test", SPOOL_DELIVERED,
		FORWARD_TO_OWNER},
	    {"two@us.test", SPOOL_KNOWN, "x@y.test", SPOOL_WAITS,
		FORWARD_TO_OWNER},
	    {"two@us.test", SPOOL_KNOWN, "x@y.test", SPOOL_FAILED,
		FORWARD_TO_AUTHOR},
	    {"club@us.test", SPOOL_KNOWN, "x@y.test", SPOOL_FAILED,
		FORWARD_TO_OWNER},
	    {"gone@us.test", SPOOL_KNOWN, "x@y.test", SPOOL_FAILED,
		FORWARD_TO_OWNER_WHOLE},
	};
	const size_t failed[] = {0};
	struct world w;

	world_init(&w, rows[_i].sender, rows[_i].flags);
	item_add_recipient(&w.it, SV("a@out.test"), false);
	item_add_recipient(&w.it, SV("b@out.test"), false);
	item_add_recipient(&w.it, SV("anna"), true);
	w.it.rcpt[0].via = xstrdup(rows[_i].via);
	w.it.rcpt[1].via = xstrdup(rows[_i].via);
	w.it.rcpt[1].outcome = rows[_i].other;
	w.it.rcpt[2].outcome = SPOOL_DELIVERED;
	ck_assert_int_eq(
	    queue_forward_told(w.c, &w.it, rows[_i].via, failed, 1),
	    rows[_i].want);
	free(w.it.rcpt[0].via);
	free(w.it.rcpt[1].via);
	free(w.it.rcpt[0].address);
	free(w.it.rcpt[1].address);
	free(w.it.rcpt[2].address);
	free(w.it.rcpt);
	world_fini(&w);
}
END_TEST

START_TEST(addressees__each_once)
{
	struct conf *c = parse(ALIASES);
	struct addressees l;

	addressees_init(&l);
	addressees_add(
	    &l, (struct queue_to){.address = SV("B@OUT.test")}, SV(""));
	addressees_add_outside(&l, conf_forward(c, SV("club@us.test")));
	ck_assert_uint_eq(l.n, 1);
	addressees_add_owners(&l, c, conf_forward(c, SV("club@us.test")), NULL);
	addressees_add_sender(&l, c, SV("anna@us.test"));
	addressees_add_sender(&l, c, SV("home@us.test"));
	ck_assert_uint_eq(l.n, 2);
	addressees_add_sender(&l, c, SV("two@us.test"));
	ck_assert_uint_eq(l.n, 4);
	ck_assert(sv_eq(l.via[3], SV("two@us.test")));
	addressees_fini(&l);
	addressees_init(&l);
	addressees_add_sender(&l, c, SV("x@author.test"));
	ck_assert(l.n == 1 && !l.to[0].local);
	addressees_fini(&l);
	conf_free(&c);
}
END_TEST

/* Each alias has owners of its own, who are to hear of a failure. */
START_TEST(addressees__two_aliases_of_one_address)
{
	struct conf *c = parse("  one@us.test: [anna, C@out.test]\n"
			       "  two@us.test: c@OUT.test\n");
	struct addressees l;
	int i;

	addressees_init(&l);
	for (i = 0; i < 2; i++) {
		addressees_add_outside(&l, conf_forward(c, SV("one@us.test")));
		addressees_add_outside(&l, conf_forward(c, SV("two@us.test")));
	}
	ck_assert_uint_eq(l.n, 2);
	ck_assert(sv_eq(l.via[0], SV("one@us.test")));
	ck_assert(sv_eq(l.via[1], SV("two@us.test")));
	addressees_fini(&l);
	conf_free(&c);
}
END_TEST

/* ---- what comes back ---- */

#define PART(type, text) "\r\n--b\r\nContent-Type: " type "\r\n\r\n" text
#define STATUS(action)                                                         \
	PART("message/delivery-status",                                        \
	    "Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; b@out.test" \
	    "\r\nAction: " action "\r\nStatus: 5.1.1\r\n"                      \
	    "Diagnostic-Code: smtp; 550 5.1.1 <b@out.test>\r\n no\r\n")
#define HEAD "From: x\r\nContent-Type: multipart/report;\r\n boundary=b\r\n\r\n"

START_TEST(bounce_read__answers_each_row)
{
	static const struct {
		const char *text;
		bool failed;
		const char *why, *header;
	} rows[] = {
	    {HEAD PART("text/plain", "sorry\r\n") STATUS("failed")
		    PART("message/rfc822",
			"Received: for <b@out.test>\r\nSubject: a\r\n b\r\n\r\n"
			"Subject: c\r\n") "\r\n--b--\r\n",
		true, "550 5.1.1 <b@out.test> no", "Subject: a b\r\n"},
	    {HEAD STATUS("Failed (x)") PART(
		 "text/rfc822-headers", "Message-ID: <1@x>\r\nTo: y\r\n"),
		true, "550 5.1.1 <b@out.test> no", "Message-ID: <1@x>\r\n"},
	    {HEAD STATUS("delayed"), false, "", ""},
	    {HEAD STATUS("delivered"), false, "", ""},
	    {HEAD PART("Message/Delivery-Status",
		 "A: b\r\n\r\nAction: failed\r\nStatus: 5.7.1\r\n"),
		true, "5.7.1", ""},
	    {HEAD PART("message/delivery-status",
		 "A: b\r\n\r\nAction: delayed\r\n\r\nAction: failed\r\n"),
		true, "", ""},
	    /* In another part it says nothing. */
	    {HEAD PART("message/delivery-status", "A: b\r\n")
		    PART("text/plain", "\r\n\r\nAction: failed\r\n"),
		false, "", ""},
	    {"Subject: away\r\n\r\nAction: failed\r\n", false, "", ""},
	    {"", false, "", ""},
	};
	struct bounce b;

	bounce_init(&b);
	bounce_read(sv_str(rows[_i].text), &b);
	ck_assert(b.failed == rows[_i].failed);
	ck_assert(sv_eq(buf_sv(&b.why), sv_str(rows[_i].why)));
	ck_assert_msg(sv_eq(buf_sv(&b.header), sv_str(rows[_i].header)), "%s",
	    b.header.p);
	bounce_fini(&b);
}
END_TEST

START_TEST(bounce_hide__answers_each_row)
{
	static const struct {
		const char *words, *address, *want;
	} rows[] = {
	    {"550 <ben.s@out.test>: no", "ben.s@out.test",
		"550 <(hidden)>: no"},
	    {"BEN.S@OUT.TEST,ben.s@out.test", "ben.s@out.test",
		"(hidden),(hidden)"},
	    {"user ben.s unknown", "ben.s@out.test", "user (hidden) unknown"},
	    {"ben.s", "ben.s@out.test", "(hidden)"},
	    {"no such ben", "ben.s@out.test", "no such ben"},
	    {"nobody here", "no@out.test", "nobody here"},
	    {"", "ben@out.test", ""},
	};
	struct buf out;

	buf_init(&out, 1000);
	bounce_hide(sv_str(rows[_i].words), sv_str(rows[_i].address), &out);
	ck_assert(sv_eq(buf_sv(&out), sv_str(rows[_i].want)));
	buf_fini(&out);
}
END_TEST

/* ---- how much comes back ---- */

static const struct {
	const char *text;
	int rc;
	size_t n;
} days[] = {
    {"20781 " HEX "\n", RC_OK, 0},
    {"20781 " HEX "\n0011223344556677 3\nffffffffffffffff 20\n", RC_OK, 2},
    {"20781 " HEX "\n0011223344556677 21\n", RC_SYNTAX, 0},
    {"20781 " HEX "\n0011223344556677\n", RC_SYNTAX, 0},
    {"20781 " HEX "\n001122334455667 3\n", RC_SYNTAX, 0},
    {"20781 " HEX "00\n", RC_SYNTAX, 0},
    {"-1 " HEX "\n", RC_SYNTAX, 0},
    {"20781\n", RC_SYNTAX, 0},
    {"", RC_SYNTAX, 0},
};

START_TEST(returns_parse__answers_each_row)
{
	struct returns r = {.day = 7};
	struct buf out;

	buf_init(&out, 1000);
	ck_assert_int_eq(returns_parse(sv_str(days[_i].text), &r), days[_i].rc);
	ck_assert_int_eq(r.day, days[_i].rc == RC_OK ? 20781 : 7);
	ck_assert_uint_eq(r.n, days[_i].n);
	if (days[_i].rc == RC_OK) {
		returns_write(&r, &out);
		ck_assert_str_eq(out.p, days[_i].text);
	}
	buf_fini(&out);
}
END_TEST

/* As many as there may be fit into the file, and one more does not. */
START_TEST(returns__a_full_day)
{
	struct returns r = {.day = 0}, again = {.day = 0};
	char author[32];
	struct buf b;
	int i;

	for (i = 0; i < RETURNS_DIFFERENT; i++) {
		(void)snprintf(author, sizeof author, "x%d@home.test", i);
		ck_assert(returns_have_room(
		    &r, sv_str(author), SV("a@out.test"), 20781));
		returns_add(&r, sv_str(author), SV("a@out.test"), 20781);
	}
	ck_assert(!returns_have_room(&r, SV("y"), SV("a@out.test"), 20781));
	buf_init(&b, 100000);
	returns_write(&r, &b);
	ck_assert_int_eq(returns_parse(buf_sv(&b), &again), RC_OK);
	ck_assert_int_eq(memcmp(&r, &again, sizeof r), 0);
	ck_assert(returns_have_room(
	    &again, SV("X7@home.test"), SV("A@out.test"), 20781));
	buf_adds(&b, "0011223344556677 3\n");
	ck_assert_int_eq(returns_parse(buf_sv(&b), &again), RC_SYNTAX);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(forward)
{
	TCase *t = tcase_create("forward");

	tcase_add_loop_test(t, secret_parse__answers_each_row, 0, 10);
	tcase_add_test(t, secret_load__is_made_once_and_kept);
	tcase_add_loop_test(t, forward__comes_back_to_whom_it_concerns, 0, 4);
	tcase_add_test(t, forward__the_null_sender_stays);
	tcase_add_test(t, forward__a_sender_of_any_length);
	tcase_add_loop_test(t, forward__a_sender_with_quotes, 0, 3);
	tcase_add_test(t, forward__an_old_secret_is_good_for_a_while);
	tcase_add_loop_test(t, forward__forged_addresses_are_refused, 0, 6);
	tcase_add_loop_test(t, forward_told__answers_each_row, 0, 8);
	tcase_add_test(t, addressees__each_once);
	tcase_add_test(t, addressees__two_aliases_of_one_address);
	tcase_add_loop_test(t, bounce_read__answers_each_row, 0, 9);
	tcase_add_loop_test(t, bounce_hide__answers_each_row, 0, 7);
	tcase_add_loop_test(t, returns_parse__answers_each_row, 0,
	    (int)(sizeof days / sizeof days[0]));
	tcase_add_test(t, returns__a_full_day);
	return t;
}
