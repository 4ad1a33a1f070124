#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../unit.h"
#include "base/be.h"
#include "fixture.h"
#include "ipc/line.h"
#include "ipc/msg_junk.h"
#include "ipc/proto.h"
#include "junk/pupil.h"
#include "junk/service.h"

static char folder[] = "/tmp/hearthmail-junk.XXXXXX";
static struct ev_loop *loop;
static struct junk_service *service;
static struct line *line;
static int told; /* the last answer's rc; -1: the line was cut */
static bool was_junk;
static int64_t margin;
static const char *account = "anna";

static void
on_reply(struct line *l, struct msg *m, void *arg)
{
	struct junk_told t;

	(void)l;
	(void)arg;
	ck_assert_int_eq(junk_told_get(m, &t), RC_OK);
	told = t.rc;
	was_junk = t.junk;
	margin = t.margin;
	junk_told_fini(&t);
	ev_stop(loop);
}

static void
on_gone(struct line *l, void *arg)
{
	(void)l;
	(void)arg;
	told = -1;
	line_free(&line);
	ev_stop(loop);
}

static void
begin(void)
{
	snprintf(folder, sizeof folder, "/tmp/hearthmail-junk.XXXXXX");
	ck_assert(mkdtemp(folder) != NULL && chdir(folder) == 0);
	loop = ev_loop_new();
	service = junk_service_new(loop);
}

static void
end(void)
{
	line_free(&line);
	junk_service_free(&service);
	ev_loop_free(&loop);
	pupil_forget("anna");
	junk_file_remove("server");
	ck_assert(chdir("/") == 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void
connect_to(bool command)
{
	int fd[2];

	line_free(&line);
	ck_assert_int_eq(line_pair(fd), RC_OK);
	if (command)
		junk_service_add_command(service, fd[0]);
	else
		junk_service_add_account(service, fd[0], account);
	line = line_new(loop, fd[1], on_reply, on_gone, NULL);
}

static void
put_features(const struct junk_features *f, struct buf *out)
{
	buf_init(out, MSG_MAX);
	for (size_t i = 0; i < f->n; i++) {
		unsigned char b[4];

		be_put32(b, f->v[i]);
		buf_add(out, b, sizeof b);
	}
}

static int
teach(bool command, const struct junk_features *f)
{
	struct junk_order order = {.kind = JUNK_ORDER_TEACH,
	    .account = SV("anna"),
	    .teaching = JUNK_TEACH_JUNK};
	struct junk_teach lesson = {.teaching = JUNK_TEACH_JUNK};
	struct buf b;
	struct msg m;

	connect_to(command);
	put_features(f, &b);
	order.features = lesson.features = buf_sv(&b);
	msg_init(&m, command ? CMD_JUNK : JUNK_TEACH);
	if (command)
		junk_order_put(&m, &order);
	else
		junk_teach_put(&m, &lesson);
	m.id = 1;
	ck_assert_int_eq(line_send(line, &m), RC_OK);
	buf_fini(&b);
	ev_run(loop);
	return told;
}

/* One feature many times would count many times in what all have taught. */
START_TEST(service__each_feature_once)
{
	static struct junk_features f;

	make_junk(1, &f);
	ck_assert_int_eq(teach(false, &f), RC_OK);
	ck_assert_int_eq(teach(true, &f), RC_OK);
	f.v[f.n - 1] = f.v[0];
	ck_assert_int_eq(teach(false, &f), -1);
	ck_assert_int_eq(teach(true, &f), RC_SYNTAX);
	f.v[f.n - 1] = 0;
	ck_assert_int_eq(teach(false, &f), -1);
	ck_assert_int_eq(teach(true, &f), RC_SYNTAX);
}
END_TEST

static int
ask(const struct junk_features *f)
{
	struct buf b;
	struct msg m;

	connect_to(false);
	put_features(f, &b);
	msg_init(&m, JUNK_ASK);
	junk_ask_put(&m, &(struct junk_ask){.features = buf_sv(&b)});
	m.id = 1;
	ck_assert_int_eq(line_send(line, &m), RC_OK);
	buf_fini(&b);
	ev_run(loop);
	return told;
}

/* Whose mail only comes has no files, and nothing in memory. */
START_TEST(service__asks_before_anybody_taught)
{
	static struct junk_features f;

	/* Nothing that the rules of a fresh server speak of. */
	make_wanted(1, &f);
	ck_assert_int_eq(ask(&f), RC_OK);
	ck_assert(!was_junk);
	ck_assert_int_ne(access("account-anna.log", F_OK), 0);
	ck_assert_int_eq(teach(false, &f), RC_OK);
	/* By another service, from its files. */
	line_free(&line);
	junk_service_free(&service);
	service = junk_service_new(loop);
	ck_assert_int_eq(ask(&f), RC_OK);
	ck_assert(was_junk);
}
END_TEST

/* junk: { share: off }: what one teaches is not others' business; on, it is. */
START_TEST(service__shares_what_it_may)
{
	static struct junk_features f;
	int64_t before;
	unsigned i;

	junk_service_set_share(service, _i == 1);
	account = "ben";
	make_wanted(100, &f);
	ck_assert_int_eq(ask(&f), RC_OK);
	before = margin;
	account = "anna";
	for (i = 0; i < 5; i++) {
		make_wanted(i, &f);
		ck_assert_int_eq(teach(_i == 0, &f), RC_OK);
	}
	make_wanted(100, &f);
	ck_assert_int_eq(ask(&f), RC_OK);
	ck_assert_int_gt(margin, before);
	account = "ben";
	ck_assert_int_eq(ask(&f), RC_OK);
	ck_assert((margin > before) == (_i == 1));
	account = "anna";
}
END_TEST

UNIT_TESTS(service)
{
	TCase *t = tcase_create("service");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, service__each_feature_once);
	tcase_add_loop_test(t, service__shares_what_it_may, 0, 2);
	tcase_add_test(t, service__asks_before_anybody_taught);
	return t;
}
