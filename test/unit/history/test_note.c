/* The writers' side: nothing waits, what does not fit is counted. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "history/history.h"
#include "history/record.h"
#include "ipc/line.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "test/unit/unit.h"

struct far {
	struct ev_loop *loop;
	struct line *line;
	unsigned wanted, steps, lost, parcels;
	uint32_t count[HISTORY_COUNTS];
	char subject[HISTORY_TEXT_MAX];
	bool deaf; /* does not answer */
};

static void
take(struct far *f, struct msg *m)
{
	struct history_notes notes;
	struct history_step s;
	struct sv rest;
	uint32_t i;

	ck_assert_int_eq(history_notes_get(m, &notes), RC_OK);
	f->parcels++;
	f->lost += notes.lost;
	for (i = 0; i < notes.ncount; i++)
		f->count[i] += notes.count[i];
	rest = notes.steps;
	for (i = 0; i < notes.n; i++) {
		memcpy(s.id, rest.p, sizeof s.id);
		rest = sv_skip(rest, sizeof s.id);
		ck_assert(history_record_get(&rest, &s));
		ck_assert_uint_eq(s.id[0], 9);
		ck_assert_int_gt(s.when, 0);
		sv_copy(s.subject, f->subject, sizeof f->subject);
		f->steps++;
	}
	ck_assert_uint_eq(rest.n, 0);
	history_notes_fini(&notes);
}

static void
on_msg(struct line *l, struct msg *m, void *arg)
{
	struct far *f = arg;
	struct msg reply;

	ck_assert_uint_eq(m->type, HISTORY_NOTES);
	take(f, m);
	if (!f->deaf) {
		msg_answer_make(&reply, m->id, RC_OK, "");
		line_tell(l, &reply);
	}
	if (f->steps >= f->wanted)
		ev_stop(f->loop);
}

static void
on_eof(struct line *l, void *arg)
{
	(void)arg;
	line_free(&l);
}

static void
connect_far(struct far *f, struct history *h)
{
	int fd[2];

	ck_assert_int_eq(line_pair(fd), RC_OK);
	f->line = line_new(f->loop, fd[0], on_msg, on_eof, f);
	history_connect(h, fd[1]);
}

static void
note(struct history *h, const char *subject)
{
	history_note(h, &(struct history_step){.kind = HISTORY_ACCEPTED,
			    .count = HISTORY_C_NONE,
			    .id = {9},
			    .subject = sv_str(subject)});
}

START_TEST(note__goes_when_there_is_a_line)
{
	struct far f = {.loop = ev_loop_new(), .wanted = 3};
	struct history *h = history_new(f.loop);

	log_setup("test", LOG_NOTHING);
	note(h, "one");
	history_count(h, HISTORY_C_UNKNOWN);
	note(h, "two");
	connect_far(&f, h);
	note(h, "three");
	ev_run(f.loop);
	ck_assert_uint_eq(f.steps, 3);
	ck_assert_uint_eq(f.lost, 0);
	ck_assert_uint_eq(f.count[HISTORY_C_UNKNOWN], 1);
	ck_assert_uint_le(f.parcels, 2);
	line_free(&f.line);
	history_free(&h);
	ev_loop_free(&f.loop);
}
END_TEST

START_TEST(note__drops_and_counts_what_does_not_fit)
{
	struct far f = {.loop = ev_loop_new(), .deaf = true};
	struct history *h = history_new(f.loop);
	const unsigned n = 10000;
	unsigned i;

	log_setup("test", LOG_NOTHING);
	for (i = 0; i < n; i++)
		note(h, "a subject of the usual length, or a bit longer");
	f.wanted = 100;
	connect_far(&f, h);
	ev_run(f.loop);
	ck_assert_uint_gt(f.steps, 100);
	ck_assert_uint_eq(f.steps + f.lost, n);
	/* Nobody answers: two parcels are on their way, and no more. */
	for (i = 0; i < n; i++)
		note(h, "a subject of the usual length, or a bit longer");
	f.wanted = f.steps + 1;
	ev_run(f.loop);
	ck_assert_uint_eq(f.parcels, 2);
	line_free(&f.line);
	history_free(&h);
	ev_loop_free(&f.loop);
}
END_TEST

#define THREADS 4
#define EACH	500

static void *
note_many(void *arg)
{
	unsigned i;

	for (i = 0; i < EACH; i++) {
		note(arg, "from a thread");
		history_count(arg, HISTORY_C_SENT);
	}
	return NULL;
}

START_TEST(note__from_any_thread)
{
	struct far f = {.loop = ev_loop_new()};
	struct history *h = history_new(f.loop);
	pthread_t th[THREADS];
	unsigned i;

	log_setup("test", LOG_NOTHING);
	connect_far(&f, h);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&th[i], NULL, note_many, h), 0);
	while (f.steps + f.lost < THREADS * EACH) {
		f.wanted = f.steps + 1;
		ev_run(f.loop);
	}
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(th[i], NULL), 0);
	ck_assert_uint_eq(f.steps + f.lost, THREADS * EACH);
	line_free(&f.line);
	history_free(&h);
	ev_loop_free(&f.loop);
}
END_TEST

START_TEST(note__without_a_history_is_nothing)
{
	note(NULL, "x");
	history_count(NULL, HISTORY_C_SENT);
	history_flush(NULL);
}
END_TEST

static const struct {
	const char *in, *out;
} texts[] = {
    {"plain", "plain"},
    {"a\r\n\tb\x1b", "a   b "},
    {"Gr\xc3\xbc\xc3\x9f"
     "e",
	"Gr\xc3\xbc\xc3\x9f"
	"e"},
    {"a\xff"
     "b\xc3",
	"a\xef\xbf\xbd"
	"b\xef\xbf\xbd"},
    {"a\xc2\x9b"
     "b",
	"a b"},
};

START_TEST(note__cleans_texts)
{
	struct far f = {.loop = ev_loop_new(), .wanted = 1};
	struct history *h = history_new(f.loop);

	connect_far(&f, h);
	note(h, texts[_i].in);
	ev_run(f.loop);
	ck_assert_str_eq(f.subject, texts[_i].out);
	line_free(&f.line);
	history_free(&h);
	ev_loop_free(&f.loop);
}
END_TEST

START_TEST(note__cuts_texts)
{
	struct far f = {.loop = ev_loop_new(), .wanted = 1};
	struct history *h = history_new(f.loop);
	char *words = xmalloc(100001);

	memset(words, 'x', 100000);
	words[100000] = '\0';
	connect_far(&f, h);
	note(h, words);
	ev_run(f.loop);
	ck_assert_uint_ge(strlen(f.subject), HISTORY_TEXT_MAX - 8);
	free(words);
	line_free(&f.line);
	history_free(&h);
	ev_loop_free(&f.loop);
}
END_TEST

START_TEST(gate__bounds_networks_and_all)
{
	struct history_gate *g = history_gate_new();
	unsigned i, n = 0;
	char peer[40];

	for (i = 0; i < 3 * HISTORY_PEER_REFUSALS; i++) {
		(void)snprintf(peer, sizeof peer, "192.0.2.%u", i);
		n += history_gate_may(g, peer);
	}
	ck_assert_uint_eq(n, HISTORY_PEER_REFUSALS);
	ck_assert(history_gate_may(g, "198.51.100.1"));
	for (i = 0; i < 100000; i++) {
		(void)snprintf(
		    peer, sizeof peer, "2001:db8:%x:%x::1", i >> 8, i & 0xff);
		n += history_gate_may(g, peer);
	}
	ck_assert_uint_eq(n, HISTORY_ALL_REFUSALS - 1);
	history_gate_free(&g);
}
END_TEST

UNIT_TESTS(note)
{
	TCase *t = tcase_create("note");

	tcase_add_test(t, note__goes_when_there_is_a_line);
	tcase_add_test(t, note__drops_and_counts_what_does_not_fit);
	tcase_add_test(t, note__from_any_thread);
	tcase_add_test(t, note__without_a_history_is_nothing);
	tcase_add_loop_test(
	    t, note__cleans_texts, 0, sizeof texts / sizeof texts[0]);
	tcase_add_test(t, note__cuts_texts);
	tcase_add_test(t, gate__bounds_networks_and_all);
	return t;
}
