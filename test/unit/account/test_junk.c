/* An account that ends while the junk process is asked. */
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "account/deliver.h"
#include "account/junk.h"
#include "base/alloc.h"
#include "base/io.h"
#include "ipc/msg_account.h"
#include "ipc/proto.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

static struct ev_loop *loop;
static struct store *st;
static struct account_junk *j;
static unsigned back;

static void
comes_back(void *arg, struct incoming *in)
{
	(void)arg;
	back++;
	incoming_fini(in);
}

static int process; /* our end of its line */

static void
setup(void)
{
	struct conf conf = {.junk = {.on = true, .threshold = 50}};
	int pair[2];

	fixture_make();
	st = fixture_open();
	loop = ev_loop_new();
	j = account_junk_new(loop, &(struct account_junk_opts){.name = "anna",
				       .hostname = "mail.home.test",
				       .store = st,
				       .back = comes_back});
	account_junk_set_conf(j, &conf);
	ck_assert_int_eq(line_pair(pair), RC_OK);
	account_junk_connect(j, pair[0]);
	process = pair[1];
	back = 0;
}

static void
teardown(void)
{
	account_junk_free(&j);
	ev_loop_free(&loop);
	(void)close(process);
	store_close(&st);
	fixture_remove();
}

static bool
deliver(void)
{
	static const char text[] = "Subject: x\r\n\r\nhello\r\n";
	struct mail_delivery d = {.account = SV("anna"),
	    .flags = DELIVER_ALIEN,
	    .size = sizeof text - 1,
	    .fd = memfd_create("m", MFD_CLOEXEC)};
	struct incoming in;
	struct msg m;
	bool taken;

	ck_assert_int_eq(io_write_all(d.fd, text, d.size), RC_OK);
	msg_init(&m, DELIVER);
	mail_delivery_put(&m, &d);
	ck_assert_int_eq(incoming_init(&in, &m), RC_OK);
	taken = account_junk_judge(j, &in);
	if (!taken)
		incoming_fini(&in);
	return taken;
}

/* What was asked is not delivered by an account that is being freed, and
 * nothing of the line stays open. */
START_TEST(account_junk__ends_with_a_question)
{
	struct pollfd p;
	struct msg m;

	ck_assert(deliver());
	ck_assert(account_junk_busy(j));
	account_junk_free(&j);
	ck_assert_uint_eq(back, 0);
	p = (struct pollfd){.fd = process, .events = POLLIN};
	while (poll(&p, 1, 60 * 1000) > 0 && line_recv_fd(process, &m) == RC_OK)
		msg_fini(&m);
	ck_assert(p.revents != 0);
}
END_TEST

/* Without a line nothing is taken. */
START_TEST(account_junk__without_a_line)
{
	struct account_junk *other = account_junk_new(
	    loop, &(struct account_junk_opts){
		      .name = "ben", .store = st, .back = comes_back});
	struct account_junk *first = j;

	j = other;
	ck_assert(!deliver());
	account_junk_free(&j);
	j = first;
	ck_assert_uint_eq(back, 0);
}
END_TEST

UNIT_TESTS(account_junk)
{
	TCase *tc = tcase_create("account_junk");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, account_junk__ends_with_a_question);
	tcase_add_test(tc, account_junk__without_a_line);
	return tc;
}
