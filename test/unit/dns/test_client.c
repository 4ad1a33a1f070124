#include <pthread.h>
#include <string.h>

#include "base/be.h"
#include "dns/dns.h"
#include "ipc/msg_dns.h"
#include "ipc/proto.h"
#include "test/unit/unit.h"

/* A dns process that says what the test wants, on the same loop. */
struct fake {
	struct ev_loop *loop;
	struct line *line;
	struct peer *peer;
	unsigned asked;
	size_t cut;    /* so many bytes are missing at the reply's end */
	uint32_t lies; /* added to the count of records */
	pthread_t thread;
};

static void
on_question(struct line *l, struct msg *m, void *arg)
{
	struct fake *f = arg;
	struct sv records[] = {SV("\0\12\1a\0"), SV("\0\24\1b\0")};
	const struct dns_reply reply = {
	    .security = DNS_SECURE,
	    .ttl = 300,
	    .canonical = SV("example.org"),
	    .record = records,
	    .nrecord = 2,
	};
	struct dns_question q;
	struct msg r;

	ck_assert_int_eq(dns_question_get(m, &q), RC_OK);
	ck_assert_int_eq(m->type, DNS_QUERY);
	ck_assert(sv_eq(q.name, SV("example.org")));
	f->asked++;
	if (q.type == DNS_TXT)
		return; /* no answer */
	msg_init(&r, MSG_REPLY);
	r.id = m->id;
	dns_reply_put(&r, &reply);
	/* rc, security, ttl, a text, then the count of records */
	be_put32(r.b.p + 4 + 1 + 4 + 4 + strlen("example.org"), 2 + f->lies);
	buf_truncate(&r.b, r.b.n - f->cut);
	line_tell(l, &r);
}

static void
on_eof(struct line *l, void *arg)
{
	struct fake *f = arg;

	if (f->line == l)
		line_free(&f->line);
}

static void *
run_loop(void *arg)
{
	ev_run(arg);
	return NULL;
}

static void
start(struct fake *f)
{
	int fd[2];

	f->loop = ev_loop_new();
	ck_assert_int_eq(line_pair(fd), RC_OK);
	f->line = line_new(f->loop, fd[0], on_question, on_eof, f);
	f->peer = peer_new(f->loop, "dns", NULL, NULL, NULL);
	peer_connect(f->peer, fd[1]);
}

static void
stop_loop(void *arg)
{
	ev_stop(arg);
}

static void
stop(struct fake *f)
{
	peer_free(&f->peer);
	line_free(&f->line);
	ev_loop_free(&f->loop);
}

START_TEST(dns_query__gives_records)
{
	struct fake f = {.asked = 0};
	struct dns_answer a;
	uint16_t preference;
	char host[DNS_NAME_MAX];

	start(&f);
	ck_assert_int_eq(pthread_create(&f.thread, NULL, run_loop, f.loop), 0);
	ck_assert_int_eq(
	    dns_query(f.peer, "Example.ORG.", DNS_MX, 5000, &a), RC_OK);
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_int_eq(a.security, DNS_SECURE);
	ck_assert_uint_eq(a.ttl, 300);
	ck_assert_uint_eq(a.n, 2);
	ck_assert_str_eq(a.canonical, "example.org");
	ck_assert_int_eq(dns_mx(a.record[1], &preference, host), RC_OK);
	ck_assert_uint_eq(preference, 20);
	ck_assert_str_eq(host, "b");
	dns_answer_fini(&a);
	dns_answer_fini(&a);
	/* Refused without being asked. */
	ck_assert_int_eq(dns_query(f.peer, "a b", DNS_MX, 5000, &a), RC_SYNTAX);
	dns_answer_fini(&a);
	ck_assert_uint_eq(f.asked, 1);
	ck_assert_int_eq(
	    dns_query(f.peer, "example.org", DNS_TXT, 200, &a), RC_TIMEOUT);
	dns_answer_fini(&a);
	ev_post(f.loop, stop_loop, f.loop);
	(void)pthread_join(f.thread, NULL);
	stop(&f);
}
END_TEST

START_TEST(dns_query__takes_no_broken_reply)
{
	static const uint32_t lies[] = {1, (uint32_t)-1, 5000, UINT32_MAX - 2};
	struct fake f = {.asked = 0};
	struct dns_answer a;
	size_t i;

	start(&f);
	ck_assert_int_eq(pthread_create(&f.thread, NULL, run_loop, f.loop), 0);
	for (f.cut = 1; f.cut < 30; f.cut++) {
		ck_assert_int_eq(
		    dns_query(f.peer, "example.org", DNS_MX, 5000, &a),
		    RC_TEMP);
		ck_assert_uint_eq(a.n, 0);
		dns_answer_fini(&a);
	}
	f.cut = 0;
	for (i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		f.lies = lies[i];
		ck_assert_int_eq(
		    dns_query(f.peer, "example.org", DNS_MX, 5000, &a),
		    RC_TEMP);
		dns_answer_fini(&a);
	}
	ev_post(f.loop, stop_loop, f.loop);
	(void)pthread_join(f.thread, NULL);
	stop(&f);
}
END_TEST

struct seen {
	struct fake *f;
	int rc;
	unsigned calls;
	struct dns_answer kept;
};

static void
on_done(struct dns_answer *a, void *arg)
{
	struct seen *s = arg;

	s->calls++;
	s->rc = a->rc;
	s->kept = *a;
	dns_answer_init(a);
	ev_stop(s->f->loop);
}

START_TEST(dns_ask__calls_back_once)
{
	struct fake f = {.asked = 0};
	struct seen s = {.f = &f};

	start(&f);
	ck_assert_int_eq(
	    dns_ask(f.peer, "..", DNS_MX, 5000, on_done, &s), RC_SYNTAX);
	ck_assert_int_eq(
	    dns_ask(f.peer, "example.org", DNS_MX, 5000, on_done, &s), RC_OK);
	ck_assert_uint_eq(s.calls, 0);
	ev_run(f.loop);
	ck_assert_uint_eq(s.calls, 1);
	ck_assert_int_eq(s.rc, RC_OK);
	ck_assert_uint_eq(s.kept.n, 2);
	dns_answer_fini(&s.kept);
	/* The process dies with a question open. */
	ck_assert_int_eq(
	    dns_ask(f.peer, "example.org", DNS_TXT, 5000, on_done, &s), RC_OK);
	line_free(&f.line);
	ev_run(f.loop);
	ck_assert_uint_eq(s.calls, 2);
	ck_assert_int_eq(s.rc, RC_TEMP);
	stop(&f);
}
END_TEST

UNIT_TESTS(client)
{
	TCase *t = tcase_create("client");

	tcase_add_test(t, dns_query__gives_records);
	tcase_add_test(t, dns_query__takes_no_broken_reply);
	tcase_add_test(t, dns_ask__calls_back_once);
	return t;
}
