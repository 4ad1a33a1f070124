/* What is under way or was answered is not asked again. */
#include "dns/asker.h"
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
turn(void)
{
	ev_timer_add(loop, 10, stop_loop, loop);
	ev_run(loop);
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

UNIT_TESTS(asker)
{
	TCase *t = tcase_create("asker");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, asker__shares_a_question_that_is_under_way);
	tcase_add_test(t, asker__remembers_an_answer);
	tcase_add_test(t, asker__remembers_no_failure);
	tcase_add_test(t, asker__refuses_what_is_no_name);
	return t;
}
