/* Reports that are being read: so many bytes of them at a time.  And what a
 * delivery says about where it came from. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/network.h"
#include "ipc/line.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "smtp/backend.h"
#include "test/unit/unit.h"

static struct ev_loop *loop;
static struct smtp_backend backend;
static int reader = -1;

static void
wake(void *arg)
{
	(void)arg;
}

static void
setup(void)
{
	int pair[2];

	loop = ev_loop_new();
	ck_assert_int_eq(line_pair(pair), RC_OK);
	backend = (struct smtp_backend){.wake_report = wake};
	backend.report = peer_new(loop, "report", NULL, NULL, NULL);
	peer_connect(backend.report, pair[0]);
	reader = pair[1];
}

static void
teardown(void)
{
	peer_free(&backend.report);
	ev_loop_free(&loop);
	(void)close(reader);
}

static void
stop(void *arg)
{
	(void)arg;
	ev_stop(loop);
}

static void
turn(void)
{
	ev_timer_add(loop, 20, stop, NULL);
	ev_run(loop);
}

static void
bring(uint64_t size, unsigned n)
{
	struct smtp_report_mail m = {
	    .fd = memfd_create("mail", MFD_CLOEXEC), .size = size};

	ck_assert_int_ge(m.fd, 0);
	ck_assert_int_eq(ftruncate(m.fd, (off_t)size), 0);
	while (n-- > 0)
		smtp_backend_ops.report(&backend, &m);
	(void)close(m.fd);
	turn();
}

/* The reader takes and answers all that are there; how many had a message. */
static unsigned
answer_all(void)
{
	struct report_mail mail;
	struct msg m, reply;
	unsigned n = 0;
	char c;

	while (recv(reader, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
		ck_assert_int_eq(line_recv_fd(reader, &m), RC_OK);
		msg_answer_make(&reply, m.id, RC_OK, "");
		ck_assert_int_eq(report_mail_get(&m, &mail), RC_OK);
		n += mail.fd >= 0;
		report_mail_fini(&mail);
		msg_fini(&m);
		ck_assert_int_eq(line_send_fd(reader, &reply), RC_OK);
	}
	turn();
	return n;
}

START_TEST(backend_report__keeps_few_large_ones_in_memory)
{
	bring(REPORT_MAIL_MAX, 10);
	ck_assert_uint_eq(answer_all(), 3);
	/* Those that are read make room. */
	bring(REPORT_MAIL_MAX, 2);
	bring(REPORT_MAIL_MAX, 2);
	ck_assert_uint_eq(answer_all(), 3);
}
END_TEST

/* As they come when a day is over. */
START_TEST(backend_report__takes_more_small_ones)
{
	bring(5000, 100);
	ck_assert_uint_eq(answer_all(), 17);
	bring(5000, 1);
	ck_assert_uint_eq(answer_all(), 1);
}
END_TEST

/* ---- how a sender fares ---- */

/* What the keeper says of each account, one letter each: + stored, j stored as
 * junk, x not now.  The queue takes everything. */
static const struct {
	const char *keeper;
	bool junk;   /* of the first account, by a policy */
	int forward; /* 1: there is one; 2: which is junk */
	bool unscanned;
	enum smtp_standing_is is;
} fares[] = {
    {"+", false, 0, false, SMTP_STANDING_GOOD_FEW},
    {"++", false, 0, false, SMTP_STANDING_GOOD_FEW},
    {"j", false, 0, false, SMTP_STANDING_BAD_FEW},
    {"+j", false, 0, false, SMTP_STANDING_BAD_FEW},
    {"+", true, 0, false, SMTP_STANDING_BAD_FEW},
    /* By way of the queue nobody has judged it. */
    {"x", false, 0, false, SMTP_STANDING_NONE},
    {"+x", false, 0, false, SMTP_STANDING_NONE},
    {"x", true, 0, false, SMTP_STANDING_BAD_FEW},
    {"+", false, 1, false, SMTP_STANDING_NONE},
    {"", false, 1, false, SMTP_STANDING_NONE},
    {"", false, 2, false, SMTP_STANDING_BAD_FEW},
    {"+", false, 2, false, SMTP_STANDING_BAD_FEW},
    {"+", true, 1, false, SMTP_STANDING_BAD_FEW},
    /* ClamAV was away: its sender cannot help that. */
    {"j", true, 0, true, SMTP_STANDING_NONE},
    {"", false, 2, true, SMTP_STANDING_NONE},
};

struct answers {
	int fd;
	const char *of; /* NULL: yes to all */
};

static void *
answer(void *arg)
{
	struct answers *a = arg;
	struct mail_delivery to;
	struct msg m, reply;
	char says = '+';

	while (line_recv_fd(a->fd, &m) == RC_OK) {
		if (a->of != NULL) {
			ck_assert_int_eq(mail_delivery_get(&m, &to), RC_OK);
			says = a->of[to.account.p[0] - '0'];
			mail_delivery_fini(&to);
		}
		msg_answer_make(&reply, m.id, says == 'x' ? RC_TEMP : RC_OK,
		    says == 'x'	  ? "not now"
		    : says == 'j' ? DELIVERED_AS_JUNK
				  : "");
		msg_fini(&m);
		ck_assert_int_eq(line_send_fd(a->fd, &reply), RC_OK);
	}
	return NULL;
}

struct sending {
	const struct smtp_delivery *d;
	int rc;
	atomic_bool done;
};

static void *
send_one(void *arg)
{
	struct sending *s = arg;
	struct err err = {.text = ""};

	s->rc = smtp_backend_ops.deliver(&backend, s->d, &err);
	atomic_store(&s->done, true);
	return NULL;
}

static void
run_delivery(const struct smtp_delivery *d, const char *keeper)
{
	struct sending s = {.d = d};
	struct answers a[2] = {{.of = keeper}, {.of = NULL}};
	struct peer **peers[2] = {&backend.keeper, &backend.queue};
	pthread_t id[3];
	size_t i;
	int pair[2];

	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(line_pair(pair), RC_OK);
		*peers[i] = peer_new(loop, "other", NULL, NULL, NULL);
		peer_connect(*peers[i], pair[0]);
		a[i].fd = pair[1];
		must(pthread_create(&id[i], NULL, answer, &a[i]) == 0);
	}
	must(pthread_create(&id[2], NULL, send_one, &s) == 0);
	while (!atomic_load(&s.done))
		turn();
	(void)pthread_join(id[2], NULL);
	for (i = 0; i < 2; i++) {
		peer_free(peers[i]);
		(void)pthread_join(id[i], NULL);
		(void)close(a[i].fd);
	}
	ck_assert_int_eq(s.rc, RC_OK);
}

START_TEST(backend_deliver__how_it_fares)
{
	char to[] = "a@example.net";
	struct smtp_account account[2] = {
	    {.name = "0", .written = to}, {.name = "1", .written = to}};
	struct smtp_forward forward = {.address = to};
	struct verdict v = {.verified = true, .org = "a.test"};
	struct smtp_delivery d = {.account = account,
	    .naccount = strlen(fares[_i].keeper),
	    .forward = &forward,
	    .nforward = fares[_i].forward > 0,
	    .verdict = &v,
	    .unscanned = fares[_i].unscanned};

	ck_assert(network_address("192.0.2.7", &v.peer));
	account[0].junk = fares[_i].junk;
	forward.junk = fares[_i].forward == 2;
	backend.standing = smtp_standing_new();
	d.fd = memfd_create("mail", MFD_CLOEXEC);
	run_delivery(&d, fares[_i].keeper);
	smtp_standing_look(backend.standing, &v);
	ck_assert_uint_eq(v.domain_standing, fares[_i].is);
	ck_assert_uint_eq(v.network_standing, fares[_i].is);
	smtp_standing_free(&backend.standing);
	(void)close(d.fd);
}
END_TEST

UNIT_TESTS(smtp_backend)
{
	TCase *t = tcase_create("smtp_backend");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, backend_report__keeps_few_large_ones_in_memory);
	tcase_add_test(t, backend_report__takes_more_small_ones);
	tcase_add_loop_test(t, backend_deliver__how_it_fares, 0,
	    (int)(sizeof fares / sizeof fares[0]));
	return t;
}
