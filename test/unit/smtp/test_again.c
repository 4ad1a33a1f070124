/* A message that we have asked to come again, and whose signature expires
 * meanwhile. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/io.h"
#include "msgauth/dkim_verify.h"
#include "test/unit/msgauth/signer.h"
#include "test/unit/smtp/fixture.h"
#include "test/unit/unit.h"

#define HEADER "From: Ben <ben@home.test>\r\nSubject: hello %s\r\n"
#define BODY   "hello\r\n"

static struct fixture k;
static struct smtp_ops ops;
static bool away; /* the server that has the policy */
static struct buf record;

static int
fake_ask(void *ctx, const char *name, bool any, enum dns_type type, int64_t ms,
    dns_done_fn *fn, void *arg)
{
	struct dns_answer a;

	(void)ctx;
	(void)any;
	(void)ms;
	dns_answer_init(&a);
	a.rc = RC_NOTFOUND;
	if (type == DNS_TXT && strcmp(name, "_dmarc.home.test") == 0) {
		a.rc = RC_TEMP;
		if (!away)
			fixture_text(&a, SV("v=DMARC1; p=reject"));
	} else if (type == DNS_TXT &&
		   strcmp(name, "s._domainkey.home.test") == 0) {
		fixture_text(&a, buf_sv(&record));
	}
	fn(&a, arg);
	dns_answer_fini(&a);
	return RC_OK;
}

static void
start(void)
{
	fixture_init_asking(&k, &ops, fake_ask);
	k.may_defer = true;
	buf_init(&record, 4096);
	signer_record(signer_rsa(1024), "v=DKIM1; ", &record);
}

static void
stop(void)
{
	buf_fini(&record);
	fixture_fini(&k);
}

/* A message that is signed until then, in seconds. */
static void
message(const char *subject, int64_t until, struct buf *out)
{
	char header[200], tags[200];

	(void)snprintf(header, sizeof header, HEADER, subject);
	(void)snprintf(tags, sizeof tags,
	    "v=1; a=rsa-sha256; d=home.test; s=s; h=from:subject; x=%lld",
	    (long long)until);
	buf_adds(out,
	    "EHLO client.example.test\r\nMAIL FROM:<x@forwarder.test>\r\n"
	    "RCPT TO:<anna@example.org>\r\nDATA\r\n");
	signer_sign(signer_rsa(1024), "DKIM-Signature", tags, sv_str(header),
	    SV(BODY), out);
	buf_addf(out, "%s\r\n" BODY ".\r\nQUIT\r\n", header);
}

static void
expect(struct sv in, const char *want)
{
	struct buf out;

	buf_init(&out, 4096);
	fixture_talk(&k, in, 0, &out);
	ck_assert_msg(sv_find(buf_sv(&out), sv_str(want)) < out.n, "%s: %.*s",
	    want, SV_ARG(buf_sv(&out)));
	buf_fini(&out);
}

static bool scanner_away;

static int
fake_scan(
    void *ctx, const struct smtp_scanned *scanned, struct clamd_answer *out)
{
	(void)ctx;
	(void)scanned;
	*out = (struct clamd_answer){
	    .says = scanner_away ? CLAMD_FAILED : CLAMD_CLEAN};
	return RC_OK;
}

/* Why it had to come again does not matter. */
static const struct {
	bool dns, full, scanner;
	const char *reply;
} trouble[] = {
    {.dns = true, .reply = "451 4.4.3"},
    {.full = true, .reply = "452 4.3.1"},
    {.scanner = true, .reply = "451 4.7.1"},
};

START_TEST(smtp_again__expires_by_the_first_try)
{
	const int64_t until = clk_now() / 1000 + 600;
	struct buf in, other;

	buf_init(&in, 8192);
	buf_init(&other, 8192);
	message("one", until, &in);
	message("two", until, &other);
	ops.scan = fake_scan;
	away = trouble[_i].dns;
	scanner_away = trouble[_i].scanner;
	k.deliver_rc = trouble[_i].full ? RC_NOSPACE : RC_OK;
	expect(buf_sv(&in), trouble[_i].reply);
	away = scanner_away = false;
	k.deliver_rc = RC_OK;
	k.later = 7200 * 1000;
	clk_set_offset(k.later);
	expect(buf_sv(&in), "250 2.0.0");
	ck_assert_int_eq(k.got[k.ngot - 1].verdict.dmarc, AUTH_PASS);
	/* when it has come again, not before */
	ck_assert_int_ge(k.got[k.ngot - 1].verdict.received, until * 1000);
	/* Another one has not waited for us. */
	expect(buf_sv(&other), "550 5.7.26");
	clk_set_offset(0);
	buf_fini(&other);
	buf_fini(&in);
}
END_TEST

/* What does not expire is not remembered, and a refusal is for good. */
START_TEST(smtp_again__remembers_what_expires)
{
	struct buf in;

	buf_init(&in, 8192);
	message("late", clk_now() / 1000 - 86400, &in);
	expect(buf_sv(&in), "550 5.7.26");
	ck_assert_uint_eq(k.waiting.n, 0);
	away = true;
	buf_reset(&in);
	buf_adds(&in, "EHLO client.example.test\r\nMAIL FROM:<x@f.test>\r\n"
		      "RCPT TO:<anna@example.org>\r\nDATA\r\n"
		      "From: ben@home.test\r\n\r\nhello\r\n.\r\nQUIT\r\n");
	expect(buf_sv(&in), "451 4.4.3");
	ck_assert_uint_eq(k.waiting.n, 0);
	away = false;
	buf_fini(&in);
}
END_TEST

/* ---- the server remembers ---- */

static int
listening(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t n = sizeof *at;

	*at = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ck_assert_int_eq(bind(fd, (struct sockaddr *)at, n), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)at, &n), 0);
	return fd;
}

static bool
hears(const struct sockaddr_in *at, struct sv in, const char *what)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct buf out;
	bool yes;

	buf_init(&out, 4096);
	ck_assert_int_eq(
	    connect(fd, (const struct sockaddr *)at, sizeof *at), 0);
	ck_assert_int_eq(io_write_all(fd, in.p, in.n), RC_OK);
	fixture_read_all(fd, &out);
	(void)close(fd);
	yes = sv_find(buf_sv(&out), sv_str(what)) < out.n;
	buf_fini(&out);
	return yes;
}

static void
on_drained(void *arg)
{
	atomic_store((atomic_bool *)arg, true);
}

/* One that may come in this second still, and not in the next. */
START_TEST(smtp_again__is_remembered_by_the_server)
{
	const struct timespec pause = {0, 10 * 1000 * 1000};
	static atomic_bool drained;
	struct smtp_server *s;
	struct sockaddr_in at;
	struct buf in, other;
	int64_t second;

	k.o.limits.loopback = true;
	s = smtp_server_new(&k.o);
	smtp_server_add(s, listening(&at), false);
	smtp_server_start(s);
	buf_init(&in, 8192);
	buf_init(&other, 8192);
	away = true;
	do {
		second = clk_now() / 1000;
		buf_reset(&in);
		message("one", second - DKIM_DRIFT, &in);
		ck_assert(hears(&at, buf_sv(&in), "451 4.4.3"));
	} while (clk_now() / 1000 != second);
	message("two", second - DKIM_DRIFT, &other);
	while (clk_now() / 1000 == second)
		(void)nanosleep(&pause, NULL);
	away = false;
	ck_assert(hears(&at, buf_sv(&other), "550 5.7.26"));
	ck_assert(hears(&at, buf_sv(&in), "250 2.0.0"));
	smtp_server_drain(s, 0, on_drained, &drained);
	while (!atomic_load(&drained))
		(void)nanosleep(&pause, NULL);
	smtp_server_free(&s);
	buf_fini(&other);
	buf_fini(&in);
}
END_TEST

UNIT_TESTS(again)
{
	TCase *tc = tcase_create("again");

	tcase_add_checked_fixture(tc, start, stop);
	tcase_add_loop_test(tc, smtp_again__expires_by_the_first_try, 0,
	    sizeof trouble / sizeof trouble[0]);
	tcase_add_test(tc, smtp_again__remembers_what_expires);
	tcase_add_test(tc, smtp_again__is_remembered_by_the_server);
	return tc;
}
