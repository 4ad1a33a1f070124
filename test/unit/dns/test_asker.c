/* What is under way or was answered is not asked again. */
#include "dns/asker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clk.h"
#include "ipc/msg_dns.h"
#include "ipc/proto.h"
#include "test/unit/unit.h"

/* A dns process that answers when the test wants it, on the same loop. */
static struct ev_loop *loop;
static struct line *line;
static struct peer *dns;
static struct dns_asker *k;
static unsigned asked;
static uint32_t held[16]; /* questions without an answer */
static size_t nheld;

static void
on_question(struct line *l, struct msg *m, void *arg)
{
	(void)l;
	(void)arg;
	asked++;
	held[nheld++] = m->id;
}

static void
on_eof(struct line *l, void *arg)
{
	(void)l;
	(void)arg;
	line_free(&line);
}

static void
connect_dns(void)
{
	int fd[2];

	ck_assert_int_eq(line_pair(fd), RC_OK);
	line = line_new(loop, fd[0], on_question, on_eof, NULL);
	peer_connect(dns, fd[1]);
}

static void
start(void)
{
	loop = ev_loop_new();
	dns = peer_new(loop, "dns", NULL, NULL, NULL);
	connect_dns();
	k = dns_asker_new(dns);
	asked = 0;
	nheld = 0;
}

static void
stop(void)
{
	peer_free(&dns);
	dns_asker_free(&k);
	line_free(&line);
	ev_loop_free(&loop);
}

static void
stop_loop(void *arg)
{
	ev_stop(arg);
}

static void
turn_for(int64_t ms)
{
	ev_timer_add(loop, ms, stop_loop, loop);
	ev_run(loop);
}

static void
turn(void)
{
	turn_for(10);
}

/* All that wait. */
static void
answer(int rc, uint32_t ttl)
{
	struct sv record = SV("\4text");
	struct dns_reply reply = {.rc = rc,
	    .security = DNS_SECURE,
	    .ttl = ttl,
	    .canonical = SV("a.test"),
	    .record = &record,
	    .nrecord = rc == RC_OK};
	struct msg m;

	while (nheld > 0) {
		msg_init(&m, MSG_REPLY);
		m.id = held[--nheld];
		dns_reply_put(&m, &reply);
		line_tell(line, &m);
	}
	turn();
}

struct got {
	unsigned n;
	int rc;
	enum dns_security security;
	size_t nrecord;
};

static void
take(struct dns_answer *a, void *arg)
{
	struct got *g = arg;

	g->n++;
	g->rc = a->rc;
	g->security = a->security;
	g->nrecord = a->n;
	if (a->n > 0)
		ck_assert(sv_eq(a->record[0], SV("\4text")));
	/* As who wants to keep it does. */
	dns_answer_fini(a);
	dns_answer_init(a);
}

static void
ask(const char *name, bool any, enum dns_type type, struct got *g)
{
	*g = (struct got){.n = 0};
	ck_assert_int_eq(
	    dns_asker_ask(k, name, any, type, 5000, take, g), RC_OK);
}

static bool
recalls(const char *name, bool any, enum dns_type type)
{
	struct dns_answer a;

	if (!dns_asker_recall(k, name, any, type, &a))
		return false;
	ck_assert_int_eq(a.security, DNS_SECURE);
	dns_answer_fini(&a);
	return true;
}

START_TEST(asker__shares_a_question_that_is_under_way)
{
	struct got g[5];
	size_t i;

	ask("a.test", false, DNS_TXT, &g[0]);
	ask("A.Test", true, DNS_TXT, &g[1]);
	ask("a.test", false, DNS_TXT, &g[2]);
	ask("a.test", false, DNS_A, &g[3]);
	ask("b.a.test", false, DNS_TXT, &g[4]);
	turn();
	ck_assert_uint_eq(asked, 3);
	ck_assert_uint_eq(g[0].n + g[1].n + g[2].n, 0);
	answer(RC_OK, 300);
	for (i = 0; i < 5; i++) {
		ck_assert_uint_eq(g[i].n, 1);
		ck_assert_int_eq(g[i].rc, RC_OK);
		ck_assert_int_eq(g[i].security, DNS_SECURE);
		ck_assert_uint_eq(g[i].nrecord, 1);
	}
}
END_TEST

START_TEST(asker__remembers_an_answer)
{
	struct got g;

	ck_assert(!recalls("a.test", false, DNS_TXT));
	ask("a.test", false, DNS_TXT, &g);
	answer(RC_OK, 300);
	turn();
	answer(RC_OK, 300);
	ck_assert_uint_eq(g.n, 1);
	ck_assert(recalls("A.TEST.", false, DNS_TXT));
	ck_assert(recalls("a.test", true, DNS_TXT));
	ck_assert(!recalls("a.test", false, DNS_A));
	dns_asker_forget(k);
	ck_assert(!recalls("a.test", false, DNS_TXT));
}
END_TEST

/* A failure is everybody's who has asked so far, and nobody's after. */
START_TEST(asker__remembers_no_failure)
{
	struct got g[2];

	ask("a.test", false, DNS_TXT, &g[0]);
	ask("a.test", false, DNS_TXT, &g[1]);
	turn();
	line_free(&line);
	turn();
	ck_assert_uint_eq(asked, 1);
	ck_assert_uint_eq(g[0].n + g[1].n, 2);
	ck_assert_int_eq(g[0].rc, RC_TEMP);
	ck_assert_int_eq(g[1].rc, RC_TEMP);
	ck_assert(!recalls("a.test", false, DNS_TXT));
	nheld = 0;
	connect_dns();
	ask("a.test", false, DNS_TXT, &g[0]);
	turn();
	ck_assert_uint_eq(asked, 2);
	answer(RC_NOTFOUND, 60);
	ck_assert_int_eq(g[0].rc, RC_NOTFOUND);
	ck_assert(recalls("a.test", false, DNS_TXT));
}
END_TEST

/* Macros make names that others cannot ask for, known or not. */
START_TEST(asker__refuses_what_is_no_name)
{
	struct got g;

	ck_assert_int_eq(
	    dns_asker_ask(k, "a!b.test", false, DNS_TXT, 5000, take, &g),
	    RC_SYNTAX);
	ck_assert_int_eq(
	    dns_asker_ask(k, "", true, DNS_TXT, 5000, take, &g), RC_SYNTAX);
	ask("a!b.test", true, DNS_TXT, &g);
	turn();
	answer(RC_OK, 300);
	ck_assert_uint_eq(g.n, 1);
	ck_assert(recalls("a!b.test", true, DNS_TXT));
	ck_assert(!recalls("a!b.test", false, DNS_TXT));
}
END_TEST

/* Who comes late would have little of the first one's time left. */
START_TEST(asker__joins_only_what_was_asked_just_now)
{
	struct got g[3];
	int64_t start;

	ask("a.test", false, DNS_TXT, &g[0]);
	start = clk_mono();
	while (clk_mono() < start + DNS_ASKER_JOIN_MS)
		turn_for(start + DNS_ASKER_JOIN_MS - clk_mono());
	ask("a.test", false, DNS_TXT, &g[1]);
	turn();
	ck_assert_uint_eq(asked, 2);
	/* That is the one to join now. */
	ask("a.test", false, DNS_TXT, &g[2]);
	turn();
	ck_assert(asked == 2 || clk_mono() >= start + 2 * DNS_ASKER_JOIN_MS);
	answer(RC_OK, 300);
	ck_assert_uint_eq(g[0].n, 1);
	ck_assert_uint_eq(g[1].n, 1);
	ck_assert_uint_eq(g[2].n, 1);
}
END_TEST

/* ---- several threads ---- */

#define THREADS 4
#define ROUNDS	200

static atomic_uint due;	    /* answers that are still to come */
static atomic_uint running; /* threads */

static void
count(struct dns_answer *a, void *arg)
{
	unsigned *wrong = arg;

	if (a->rc != RC_OK || a->n != 1 || !sv_eq(a->record[0], SV("\4text")))
		++*wrong;
	dns_answer_fini(a);
	dns_answer_init(a);
	atomic_fetch_sub(&due, 1);
}

struct asking {
	unsigned wrong; /* of the loop's thread */
	unsigned lost;
};

static void *
ask_many(void *arg)
{
	struct asking *me = arg;
	struct dns_answer a;
	char name[20];
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		(void)snprintf(name, sizeof name, "x%u.test", i % 50);
		if (dns_asker_recall(k, name, i % 2 == 0, DNS_TXT, &a)) {
			dns_answer_fini(&a);
		} else {
			atomic_fetch_add(&due, 1);
			if (dns_asker_ask(k, name, i % 2 == 0, DNS_TXT, 600000,
				count, &me->wrong) != RC_OK)
				me->lost++;
		}
		if (i % 60 == 0)
			dns_asker_forget(k);
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void
on_question_answer(struct line *l, struct msg *m, void *arg)
{
	struct sv record = SV("\4text");
	struct dns_reply reply = {.rc = RC_OK,
	    .ttl = 300,
	    .canonical = SV("a.test"),
	    .record = &record,
	    .nrecord = 1};
	struct msg out;

	(void)arg;
	msg_init(&out, MSG_REPLY);
	out.id = m->id;
	dns_reply_put(&out, &reply);
	line_tell(l, &out);
}

/* Each gets its answer, once, whoever asked first. */
START_TEST(asker__is_for_several_threads)
{
	struct asking me[THREADS] = {{.wrong = 0}};
	pthread_t t[THREADS];
	size_t i;
	int fd[2];

	line_free(&line);
	turn();
	ck_assert_int_eq(line_pair(fd), RC_OK);
	line = line_new(loop, fd[0], on_question_answer, on_eof, NULL);
	peer_connect(dns, fd[1]);
	atomic_store(&due, 0);
	atomic_store(&running, THREADS);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&t[i], NULL, ask_many, &me[i]), 0);
	while (atomic_load(&running) > 0 || atomic_load(&due) > 0)
		turn();
	for (i = 0; i < THREADS; i++)
		(void)pthread_join(t[i], NULL);
	for (i = 0; i < THREADS; i++)
		ck_assert_uint_eq(me[i].wrong + me[i].lost, 0);
}
END_TEST

UNIT_TESTS(asker)
{
	TCase *t = tcase_create("asker");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, asker__shares_a_question_that_is_under_way);
	tcase_add_test(t, asker__remembers_an_answer);
	tcase_add_test(t, asker__remembers_no_failure);
	tcase_add_test(t, asker__refuses_what_is_no_name);
	tcase_add_test(t, asker__joins_only_what_was_asked_just_now);
	tcase_add_test(t, asker__is_for_several_threads);
	return t;
}
