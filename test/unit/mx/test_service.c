/* The service: jobs from a queue of our own, to a host of our own. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/io.h"
#include "ipc/msg_mx.h"
#include "ipc/proto.h"
#include "queue/mx/service.h"
#include "test/unit/unit.h"

static struct ev_loop *loop;
static struct mx_service *mx;
static struct conf *conf;
static int queue = -1, listener = -1;
static uint16_t port;
static unsigned connections;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static struct conf *
give_conf(void *arg)
{
	(void)arg;
	return conf_ref(conf);
}

/* The next message to the queue. */
static void
take(uint16_t type, struct msg *m)
{
	ck_assert_int_eq(line_recv_fd(queue, m), RC_OK);
	ck_assert_uint_eq(m->type, type);
}

/* A queue that is started anew; the list is still to be read. */
static void
set_queue(void)
{
	int pair[2];

	io_close(&queue);
	ck_assert_int_eq(line_pair(pair), RC_OK);
	mx_service_set_queue(mx, pair[0]);
	queue = pair[1];
}

static void
setup(void)
{
	struct mx_service_opts o = {.conf = give_conf};
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	struct conf_errors errors;
	struct msg m;

	ck_assert_int_eq(
	    conf_parse(SV("hostname: mail.example.org\n"
			  "domains: [example.org]\naccounts: { anna: {} }\n"),
		"f", &conf, &errors),
	    RC_OK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(listener, 64), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin_port);
	o.port = port;
	o.loop = loop = ev_loop_new();
	mx = mx_service_new(&o);
	connections = 0;
	set_queue();
	take(MX_LISTED, &m);
	msg_fini(&m);
}

/* The service lives as long as its process: this one ends with the test. */
static void
teardown(void)
{
	io_close(&listener);
	io_close(&queue);
	conf_free(&conf);
}

/* A host that takes everything; the gate holds its answer to the message. */
static void *
converse(void *arg)
{
	int fd = (int)(intptr_t)arg;
	FILE *in = fdopen(fd, "r");
	char line[1000];
	bool data = false;

	dprintf(fd, "220 x\r\n");
	while (fgets(line, sizeof line, in) != NULL) {
		if (data && strcmp(line, ".\r\n") != 0)
			continue;
		if (data) {
			pthread_mutex_lock(&gate);
			pthread_mutex_unlock(&gate);
			data = false;
			dprintf(fd, "250 taken\r\n");
		} else if (strncmp(line, "DATA", 4) == 0) {
			data = true;
			dprintf(fd, "354 go\r\n");
		} else if (strncmp(line, "RCPT TO:<policy", 15) == 0) {
			dprintf(fd, "550 5.7.1 not from you\r\n");
		} else if (strncmp(line, "RCPT TO:<no", 11) == 0) {
			dprintf(fd, "550 5.1.1 no\r\n");
		} else {
			dprintf(fd, "250 fine\r\n");
		}
	}
	fclose(in);
	return NULL;
}

static void *
accept_all(void *arg)
{
	pthread_t t;
	int fd;

	while ((fd = accept((int)(intptr_t)arg, NULL, NULL)) >= 0) {
		__atomic_add_fetch(&connections, 1, __ATOMIC_SEQ_CST);
		pthread_create(&t, NULL, converse, (void *)(intptr_t)fd);
		pthread_detach(t);
	}
	return NULL;
}

static void
start_host(void)
{
	pthread_t t;

	pthread_create(&t, NULL, accept_all, (void *)(intptr_t)listener);
	pthread_detach(t);
}

struct way {
	const char *domain; /* an address literal: there is no dns here */
	const char *host;   /* of the relay */
	uint16_t port;
	enum conf_tls tls;
	bool fallback;
};

static void
send_job_by(uint32_t id, const struct way *w, const char *to)
{
	struct mx_recipient rcpt = {7, sv_str(to)};
	struct mx_job job = {
	    .delivery_id = {(uint8_t)id, (uint8_t)(id >> 8)},
	    .domain = sv_str(w->domain),
	    .relay = {.host = sv_str(w->host),
		.port = w->port,
		.tls = (uint8_t)w->tls,
		.fallback = w->fallback},
	    .sender = SV("anna@example.org"),
	    .size = 14,
	    .recipient = &rcpt,
	    .nrecipient = 1,
	    .fd = memfd_create("m", MFD_CLOEXEC),
	};
	struct msg m;

	ck_assert_int_eq(io_write_all(job.fd, "Subject: x\r\n\r\n", 14), RC_OK);
	msg_init(&m, MX_JOB);
	m.id = id;
	mx_job_put(&m, &job);
	ck_assert_int_eq(line_send_fd(queue, &m), RC_OK);
}

static void
send_job_as(uint32_t id, const char *host, enum conf_tls tls, const char *to)
{
	struct way w = {"example.test", host, port, tls, false};

	send_job_by(id, &w, to);
}

static void
send_job(uint32_t id, const char *host, const char *to)
{
	send_job_as(id, host, CONF_TLS_OFF, to);
}

struct waiting {
	struct ev *ev;
	bool timed_out;
};

static void
on_readable(struct ev *e, uint32_t events, void *arg)
{
	(void)e;
	(void)events;
	(void)arg;
	ev_stop(loop);
}

static void
on_late(void *arg)
{
	struct waiting *w = arg;

	w->timed_out = true;
	ev_stop(loop);
}

/* Runs the service until it has something for us. */
static bool
hear(int64_t ms, uint16_t type, struct msg *m)
{
	struct waiting w = {.timed_out = false};
	struct ev_timer *t = ev_timer_add(loop, ms, on_late, &w);

	w.ev = ev_add(loop, queue, 1 /* EPOLLIN */, on_readable, NULL);
	ev_run(loop);
	ev_del(&w.ev);
	if (w.timed_out)
		return false;
	ev_timer_del(&t);
	take(type, m);
	return true;
}

/* What became of a job that was reached; m is the caller's to fini. */
static void
read_outcome(struct msg *m, struct mx_outcome *o)
{
	ck_assert_int_eq(mx_outcome_get(m, o), RC_OK);
	ck_assert_int_eq(o->rc, RC_OK);
	ck_assert_uint_eq(o->nverdict, o->reached);
	if (o->reached)
		ck_assert_uint_eq(o->verdict[0].which, 7);
}

/* An answer of a host: its code; the job's number. */
static uint64_t
answer_code(struct msg *m, unsigned *code)
{
	struct mx_outcome o;

	ck_assert(hear(10000, MSG_REPLY, m));
	read_outcome(m, &o);
	ck_assert_uint_eq(o.delivery_id[0], m->id & 0xff);
	ck_assert(o.reached);
	*code = o.verdict[0].code;
	mx_outcome_fini(&o);
	return o.job;
}

static uint64_t
answer(struct msg *m)
{
	unsigned code;

	return answer_code(m, &code);
}

/* The words of an answer that no host has given. */
static struct sv
unreached(struct msg *m)
{
	struct mx_outcome o;

	ck_assert(hear(10000, MSG_REPLY, m));
	read_outcome(m, &o);
	ck_assert(!o.reached);
	mx_outcome_fini(&o);
	return o.why;
}

static void
refused(uint32_t id, int rc)
{
	struct mx_outcome o;
	struct msg m;

	ck_assert(hear(10000, MSG_REPLY, &m));
	ck_assert_uint_eq(m.id, id);
	ck_assert_int_eq(mx_outcome_get(&m, &o), RC_OK);
	ck_assert_int_eq(o.rc, rc);
	mx_outcome_fini(&o);
	msg_fini(&m);
}

static void
note(uint64_t number)
{
	const struct mx_noted noted = {number};
	struct msg m;

	msg_init(&m, MX_NOTED);
	mx_noted_put(&m, &noted);
	ck_assert_int_eq(line_send_fd(queue, &m), RC_OK);
}

START_TEST(mx__many_jobs_share_few_connections)
{
	bool seen[41] = {false};
	struct msg m;
	unsigned code;
	uint32_t i;

	start_host();
	for (i = 1; i <= 40; i++) {
		send_job(i, "127.0.0.1", i % 4 == 0 ? "no@x" : "x@x");
		if (i % 2 == 1)
			continue;
		/* Two at a time. */
		for (int k = 0; k < 2; k++) {
			note(answer_code(&m, &code));
			ck_assert(m.id >= 1 && m.id <= 40 && !seen[m.id]);
			seen[m.id] = true;
			ck_assert_uint_eq(code, m.id % 4 == 0 ? 550 : 250);
			msg_fini(&m);
		}
	}
	ck_assert_uint_le(__atomic_load_n(&connections, __ATOMIC_SEQ_CST), 4);
}
END_TEST

START_TEST(mx__a_host_that_is_not_there_is_not_reached)
{
	struct msg m;

	io_close(&listener);
	send_job(7, "127.0.0.1", "x@x");
	ck_assert(sv_find(unreached(&m), SV("Connection refused")) < 200);
	ck_assert_uint_eq(m.id, 7);
	msg_fini(&m);
}
END_TEST

START_TEST(mx__a_new_queue_hears_of_what_is_in_the_air)
{
	struct mx_outcome late;
	struct mx_open open;
	unsigned code;
	struct msg m;

	start_host();
	pthread_mutex_lock(&gate);
	send_job(1, "127.0.0.1", "x@x");
	ck_assert(!hear(300, MSG_REPLY, &m)); /* it hangs at the gate */
	set_queue();
	take(MX_OPEN, &m);
	ck_assert_int_eq(mx_open_get(&m, &open), RC_OK);
	ck_assert_uint_eq(open.delivery_id[0], 1);
	ck_assert_uint_eq(open.nwhich, 1);
	ck_assert_uint_eq(open.which[0], 7);
	mx_open_fini(&open);
	msg_fini(&m);
	take(MX_LISTED, &m);
	msg_fini(&m);
	pthread_mutex_unlock(&gate);
	ck_assert(hear(10000, MX_LATE, &m));
	read_outcome(&m, &late);
	ck_assert_uint_eq(late.job, open.job);
	ck_assert_uint_eq(late.delivery_id[0], 1);
	ck_assert(late.reached);
	ck_assert_uint_eq(late.verdict[0].code, 250);
	mx_outcome_fini(&late);
	msg_fini(&m);
	/* And numbers of requests are the new one's own. */
	send_job(1, "127.0.0.1", "no@x");
	(void)answer_code(&m, &code);
	ck_assert_uint_eq(code, 550);
	msg_fini(&m);
}
END_TEST

START_TEST(mx__an_outcome_is_told_until_it_is_noted)
{
	struct mx_outcome late;
	uint64_t first, second;
	struct msg m;

	start_host();
	send_job(1, "127.0.0.1", "x@x");
	first = answer(&m);
	msg_fini(&m);
	send_job(2, "127.0.0.1", "x@x");
	second = answer(&m);
	msg_fini(&m);
	note(first);
	ck_assert(!hear(100, MX_LATE, &m));
	set_queue(); /* the old one has died before it noted the second */
	take(MX_LATE, &m);
	read_outcome(&m, &late);
	ck_assert_uint_eq(late.job, second);
	ck_assert_uint_eq(late.delivery_id[0], 2);
	mx_outcome_fini(&late);
	msg_fini(&m);
	take(MX_LISTED, &m);
	msg_fini(&m);
	note(second);
	ck_assert(!hear(100, MX_LATE, &m));
	set_queue();
	take(MX_LISTED, &m);
	msg_fini(&m);
}
END_TEST

/* A queue that has waited for an answer no longer notes it no more. */
START_TEST(mx__what_nobody_notes_is_forgotten_at_last)
{
	struct msg m;
	unsigned code;
	uint32_t i;

	start_host();
	for (i = 1; i <= 600; i++) {
		send_job(i, "127.0.0.1", "x@x");
		(void)answer_code(&m, &code);
		ck_assert_uint_eq(m.id, i);
		ck_assert_uint_eq(code, 250);
		msg_fini(&m);
	}
}
END_TEST

static void
on_drained(void *arg)
{
	*(bool *)arg = true;
	ev_stop(loop);
}

START_TEST(mx_drain__waits_for_what_is_in_the_air)
{
	bool drained = false;
	uint64_t number;
	struct msg m;

	start_host();
	pthread_mutex_lock(&gate);
	send_job(1, "127.0.0.1", "x@x");
	ck_assert(!hear(300, MSG_REPLY, &m));
	mx_service_drain(mx, 10000, on_drained, &drained);
	send_job(2, "127.0.0.1", "x@x");
	refused(2, RC_TEMP); /* no more of them */
	ck_assert(!drained);
	pthread_mutex_unlock(&gate);
	number = answer(&m);
	msg_fini(&m);
	ck_assert(!hear(200, MSG_REPLY, &m));
	ck_assert(!drained); /* it is not on the queue's disk */
	note(number);
	ev_run(loop);
	ck_assert(drained);
}
END_TEST

START_TEST(mx_drain__has_an_end)
{
	bool drained = false;
	struct msg m;

	start_host();
	pthread_mutex_lock(&gate);
	send_job(1, "127.0.0.1", "x@x");
	ck_assert(!hear(300, MSG_REPLY, &m));
	mx_service_drain(mx, 200, on_drained, &drained);
	ev_run(loop);
	ck_assert(drained);
	pthread_mutex_unlock(&gate);
}
END_TEST

/* One message is with a host that has not answered yet; with another host no
 * message has come that far. */
START_TEST(mx_stop__waits_for_what_a_host_may_have_taken)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof a;
	struct way w = {"example.test", "127.0.0.1", 0, CONF_TLS_OFF, false};
	bool stopped = false;
	uint64_t number;
	struct msg m;

	ck_assert_int_eq(bind(silent, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(silent, 64), 0);
	ck_assert_int_eq(getsockname(silent, (struct sockaddr *)&a, &len), 0);
	w.port = ntohs(a.sin_port);
	start_host();
	pthread_mutex_lock(&gate);
	send_job(1, "127.0.0.1", "x@x");
	send_job_by(2, &w, "x@x");
	ck_assert(!hear(300, MSG_REPLY, &m));
	mx_service_stop(mx, 10000, on_drained, &stopped);
	/* That one is nobody's now, and can be tried by anybody. */
	refused(2, RC_TEMP);
	ck_assert(!hear(200, MSG_REPLY, &m));
	ck_assert(!stopped);
	pthread_mutex_unlock(&gate);
	number = answer(&m);
	ck_assert_uint_eq(m.id, 1);
	msg_fini(&m);
	note(number);
	ev_run(loop);
	ck_assert(stopped);
	io_close(&silent);
	ck_assert(!hear(300, MSG_REPLY, &m)); /* nothing more of the other */
}
END_TEST

START_TEST(mx__a_connection_serves_those_who_ask_the_same_of_it)
{
	struct msg m;

	start_host();
	send_job_as(1, "127.0.0.1", CONF_TLS_OFF, "x@x");
	(void)answer(&m);
	msg_fini(&m);
	/* The one at rest is in the clear. */
	send_job_as(2, "127.0.0.1", CONF_TLS_REQUIRE, "x@x");
	ck_assert(sv_starts(unreached(&m), SV("STARTTLS is not offered")));
	msg_fini(&m);
}
END_TEST

/* What a smarthost behind the direct way makes of each. */
START_TEST(mx__a_fallback_that_is_away_is_not_the_last_word)
{
	static const struct {
		const char *domain, *to;
		const char *relay;
		unsigned code; /* 0: not reached */
		const char *reply_text;
	} rows[] = {
	    {"[127.0.0.1]", "x@x", "127.0.0.3", 250, "250 taken"},
	    {"[127.0.0.1]", "no@x", "127.0.0.3", 550, "550 5.1.1 no"},
	    {"[127.0.0.1]", "policy@x", "127.0.0.3", 451,
		"cannot connect to 127.0.0.3"},
	    {"[127.0.0.1]", "policy@x", "127.0.0.1", 550,
		"550 5.7.1 not from you"},
	    /* Nobody is there directly: the words are the smarthost's. */
	    {"[127.0.0.2]", "x@x", "127.0.0.3", 0,
		"cannot connect to 127.0.0.3"},
	    {"[127.0.0.2]", "x@x", "r.test", 0,
		"the smarthost r.test has no address"},
	    {"[127.0.0.2]", "x@x", "127.0.0.1", 250, "250 taken"},
	};
	struct way w = {
	    rows[_i].domain, rows[_i].relay, port, CONF_TLS_OFF, true};
	struct mx_outcome o;
	struct sv reply_text;
	struct msg m;

	start_host();
	send_job_by(1, &w, rows[_i].to);
	ck_assert(hear(10000, MSG_REPLY, &m));
	read_outcome(&m, &o);
	ck_assert_uint_eq(o.reached, rows[_i].code != 0);
	reply_text = o.why;
	if (rows[_i].code != 0) {
		ck_assert_uint_eq(o.verdict[0].code, rows[_i].code);
		reply_text = o.verdict[0].text;
	}
	ck_assert_msg(sv_starts(reply_text, sv_str(rows[_i].reply_text)),
	    "%d: %.*s", _i, SV_ARG(reply_text));
	mx_outcome_fini(&o);
	msg_fini(&m);
}
END_TEST

START_TEST(mx__a_garbled_job_is_refused)
{
	struct msg m;

	msg_init(&m, MX_JOB);
	m.id = 3;
	msg_put_str(&m, "example.test");
	ck_assert_int_eq(line_send_fd(queue, &m), RC_OK);
	refused(3, RC_SYNTAX);
}
END_TEST

UNIT_TESTS(service)
{
	TCase *t = tcase_create("service");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, mx__many_jobs_share_few_connections);
	tcase_add_test(t, mx__a_host_that_is_not_there_is_not_reached);
	tcase_add_test(t, mx__a_new_queue_hears_of_what_is_in_the_air);
	tcase_add_test(t, mx__an_outcome_is_told_until_it_is_noted);
	tcase_add_test(t, mx__what_nobody_notes_is_forgotten_at_last);
	tcase_add_test(t, mx_drain__waits_for_what_is_in_the_air);
	tcase_add_test(t, mx_drain__has_an_end);
	tcase_add_test(t, mx_stop__waits_for_what_a_host_may_have_taken);
	tcase_add_test(t, mx__a_connection_serves_those_who_ask_the_same_of_it);
	tcase_add_loop_test(
	    t, mx__a_fallback_that_is_away_is_not_the_last_word, 0, 7);
	tcase_add_test(t, mx__a_garbled_job_is_refused);
	return t;
}
