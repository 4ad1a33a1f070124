#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"
#include "fixture.h"
#include "junk/pupil.h"

static char folder[] = "/tmp/hearthmail-junk.XXXXXX";
static struct junk_file server;
static struct pupil own;
static struct junk_features f;

static void
open_all(void)
{
	struct err err = {.text = ""};

	ck_assert_msg(
	    pupil_server_open(&server, &err) == RC_OK, "%s", err.text);
	ck_assert_msg(pupil_open(&own, "anna", &err) == RC_OK, "%s", err.text);
}

static void
close_all(void)
{
	pupil_close(&own);
	pupil_server_close(&server);
}

static void
begin(void)
{
	snprintf(folder, sizeof folder, "/tmp/hearthmail-junk.XXXXXX");
	ck_assert(mkdtemp(folder) != NULL && chdir(folder) == 0);
	open_all();
}

static void
end(void)
{
	close_all();
	pupil_forget("anna");
	junk_file_remove("server");
	ck_assert(chdir("/") == 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static bool
teach(enum pupil_side side)
{
	return pupil_teach(&server, &own, &f, side, 1000, true);
}

static struct pupil_answer
ask(void)
{
	struct pupil_answer a;

	pupil_ask(&server, &own, &f, &a);
	return a;
}

/* However sure the other side was. */
START_TEST(pupil__a_lesson_is_believed)
{
	unsigned i;

	for (i = 0; i < 60; i++) {
		make_wanted(i, &f);
		(void)teach(PUPIL_WANTED);
	}
	make_wanted(1000, &f);
	ck_assert(!ask().junk && ask().answer.margin < 0);
	ck_assert(teach(PUPIL_JUNK));
	ck_assert(ask().junk);
	ck_assert(ask().answer.margin > ask().border);
}
END_TEST

/* However little is in it: a copy that came by another way is known. */
START_TEST(pupil__a_lesson_about_little_is_believed)
{
	static const char *const said[] = {
	    "From: Shop <a@shop.example>\r\nSubject: look\r\n"
	    "Content-Type: text/html\r\n\r\n"
	    "<a href='http://pills.example/'><img src='cid:1'></a>\r\n",
	    "From: Shop <a@shop.example>\r\nSubject: invoice\r\n"
	    "Content-Type: application/pdf; name=bill.pdf\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n",
	    "From: Shop <a@shop.example>\r\nSubject: hi\r\n\r\n",
	};
	char text[1024];
	unsigned i;

	for (i = 0; i < 60; i++) {
		make_wanted(i, &f);
		(void)teach(PUPIL_WANTED);
	}
	(void)snprintf(text, sizeof text,
	    "Received: from a.example by mx1; Mon, 30 Nov 2026 11:00:00 +0000"
	    "\r\nMessage-ID: <1.AB@a.example>\r\n%s",
	    said[_i]);
	take(text, &f);
	ck_assert(teach(PUPIL_JUNK));
	(void)snprintf(text, sizeof text,
	    "Received: from 42.other.test by mx2 id 7; 1 Dec 2026 01:00 -0800"
	    "\r\nMessage-ID: <x7Yz-q@other.test>\r\nX-Mailer: b\r\n%s",
	    said[_i]);
	take(text, &f);
	ck_assert(ask().junk && ask().taught);
	/* Of another sender it is another message. */
	make_wanted(2000, &f);
	ck_assert(!ask().junk);
	take("From: Ben <ben@example.org>\r\nSubject: hi\r\n\r\n", &f);
	ck_assert(!ask().taught);
}
END_TEST

/* Who asks is told whether that is a lesson of the owner's. */
START_TEST(pupil__tells_what_was_taught)
{
	make_junk(1, &f);
	ck_assert(!ask().taught);
	ck_assert(teach(PUPIL_HINT));
	ck_assert(!ask().taught);
	ck_assert(teach(PUPIL_JUNK));
	ck_assert(ask().junk && ask().taught);
	make_wanted(1, &f);
	ck_assert(!ask().taught);
}
END_TEST

START_TEST(pupil__each_content_counts_once)
{
	double was;

	make_junk(1, &f);
	ck_assert(teach(PUPIL_JUNK));
	was = ask().answer.margin;
	ck_assert(!teach(PUPIL_JUNK));
	ck_assert_double_eq_tol(ask().answer.margin, was, 1e-9);
	ck_assert_uint_eq(junk_model_lessons(own.file.model, true), 1);
	ck_assert_uint_eq(junk_model_lessons(server.model, true), 1);
}
END_TEST

START_TEST(pupil__back_again_is_as_before)
{
	struct pupil_answer was;
	unsigned i;

	for (i = 0; i < 5; i++) {
		make_wanted(i, &f);
		(void)teach(PUPIL_WANTED);
	}
	make_junk(1, &f);
	was = ask();
	ck_assert(teach(PUPIL_JUNK));
	ck_assert(ask().junk);
	ck_assert(teach(PUPIL_WANTED));
	ck_assert_double_eq_tol(ask().answer.margin, was.answer.margin, 1e-9);
	ck_assert_uint_eq(junk_model_lessons(own.file.model, true), 0);
	ck_assert_uint_eq(junk_model_lessons(own.file.model, false), 5);
}
END_TEST

/* What is done to a message, and how often it counts then. */
static const struct {
	const char *what; /* j: into Junk, w: out of it, h: answered */
	unsigned junk, wanted;
	const char *same; /* all is as after these, and only these */
} toggles[] = {
    {"jw", 0, 0, ""},
    {"jwj", 1, 0, "j"},
    {"jwjwjwj", 1, 0, "j"},
    {"jwjwjwjw", 0, 0, ""},
    {"jjj", 1, 0, "j"},
    {"wjw", 0, 1, "w"},
    {"wjwjwjw", 0, 1, "w"},
    {"hjw", 0, 1, "h"},
    {"hjwjw", 0, 1, "h"},
    {"hjwj", 1, 0, "hj"},
    {"jhw", 0, 0, ""},
    /* A program sets a keyword, and moves it. */
    {"jjww", 0, 0, ""},
    {"jjwwjj", 1, 0, "j"},
    {"jjwwjjww", 0, 0, ""},
    {"wjjww", 0, 1, "w"},
    {"hjjww", 0, 1, "h"},
    {"hjjwwjj", 1, 0, "hj"},
    {"jjwwh", 0, 0, ""},
    {"whj", 1, 0, "wj"},
};

static void
do_all(const char *what, unsigned n)
{
	for (; *what != '\0'; what++) {
		make_wanted(n, &f);
		(void)teach(*what == 'j'   ? PUPIL_JUNK
			    : *what == 'w' ? PUPIL_WANTED
					   : PUPIL_HINT);
	}
}

START_TEST(pupil__to_and_fro)
{
	struct pupil_answer got, want;
	unsigned round, i;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 10; i++) {
			make_wanted(100 + i, &f);
			(void)teach(PUPIL_WANTED);
			make_junk(100 + i, &f);
			(void)teach(PUPIL_JUNK);
		}
		do_all(round == 0 ? toggles[_i].what : toggles[_i].same, 1);
		/* As it is read again, too. */
		if (round == 0) {
			close_all();
			open_all();
		}
		make_wanted(1, &f);
		if (round > 0) {
			want = ask();
			break;
		}
		got = ask();
		ck_assert_uint_eq(junk_model_lessons(own.file.model, true),
		    10 + toggles[_i].junk);
		ck_assert_uint_eq(junk_model_lessons(own.file.model, false),
		    10 + toggles[_i].wanted);
		ck_assert_uint_eq(junk_model_lessons(server.model, true),
		    10 + toggles[_i].junk);
		close_all();
		pupil_forget("anna");
		junk_file_remove("server");
		open_all();
	}
	ck_assert_msg(got.junk == want.junk &&
			  fabs(got.answer.margin - want.answer.margin) < 1e-9,
	    "%s: %f, but %s: %f", toggles[_i].what, got.answer.margin,
	    toggles[_i].same, want.answer.margin);
}
END_TEST

/* A whole selection goes into Junk by mistake, and back. */
START_TEST(pupil__many_are_undone)
{
	double was;
	unsigned i;

	make_junk(5000, &f);
	was = junk_model_margin(server.model, own.file.model, &f);
	for (i = 0; i < 200; i++) {
		make_junk(i, &f);
		(void)teach(PUPIL_JUNK);
	}
	ck_assert_uint_le(own.undo_bytes, PUPIL_UNDO_BYTES);
	close_all();
	open_all();
	for (i = 200; i > 0; i--) {
		make_junk(i - 1, &f);
		(void)teach(PUPIL_WANTED);
	}
	make_junk(0, &f);
	ck_assert(!ask().junk);
	ck_assert_uint_eq(junk_model_lessons(own.file.model, true), 0);
	make_junk(5000, &f);
	ck_assert_double_lt(
	    junk_model_margin(server.model, own.file.model, &f), was + 0.5);
}
END_TEST

START_TEST(pupil__a_hint_never_outweighs_a_lesson)
{
	make_junk(1, &f);
	ck_assert(teach(PUPIL_JUNK));
	ck_assert(!teach(PUPIL_HINT));
	ck_assert(ask().junk);
	/* And a lesson takes the place of a hint. */
	make_wanted(1, &f);
	ck_assert(teach(PUPIL_HINT));
	ck_assert(teach(PUPIL_JUNK));
	ck_assert(ask().junk);
}
END_TEST

START_TEST(pupil__what_was_read_is_a_little_wanted)
{
	struct pupil_answer was;

	make_wanted(1, &f);
	was = ask();
	ck_assert(teach(PUPIL_READ));
	ck_assert(!teach(PUPIL_READ));
	ck_assert(ask().answer.margin < was.answer.margin);
	ck_assert_uint_eq(junk_model_lessons(own.file.model, false), 1);
	/* Until it is thrown away. */
	ck_assert(teach(PUPIL_THROWN));
	ck_assert_double_eq_tol(ask().answer.margin, was.answer.margin, 1e-9);
	ck_assert_uint_eq(junk_model_lessons(own.file.model, false), 0);
	ck_assert(!teach(PUPIL_THROWN));
	/* What was said stays, also of what is thrown away. */
	ck_assert(teach(PUPIL_READ) && teach(PUPIL_HINT));
	ck_assert(!teach(PUPIL_READ) && !teach(PUPIL_THROWN));
	ck_assert(teach(PUPIL_JUNK));
	ck_assert(!teach(PUPIL_READ) && !teach(PUPIL_THROWN));
	ck_assert(ask().junk);
	ck_assert_uint_eq(junk_model_lessons(own.file.model, false), 0);
}
END_TEST

/* Who only ever says what is junk has it recognized all the same. */
START_TEST(pupil__reading_is_the_other_side)
{
	unsigned i;

	for (i = 0; i < 40; i++) {
		make_junk(i, &f);
		(void)teach(PUPIL_JUNK);
		make_wanted(i, &f);
		(void)teach(PUPIL_READ);
	}
	make_junk(1000, &f);
	ck_assert(ask().junk);
	make_wanted(1000, &f);
	ck_assert(!ask().junk);
}
END_TEST

/* Of which the rules do not say that it is junk. */
#define PARCEL                                                               \
	"From: Post <post@parcels.example>\r\nSubject: Parcel 4711\r\n\r\n"  \
	"The parcel lies at the counter in the old station; bring the slip " \
	"and a pen, and ring twice.\r\n"

START_TEST(pupil__reading_leaves_lessons_their_undo)
{
	double was;
	unsigned i;

	for (i = 0; i < 40; i++) {
		make_wanted(i, &f);
		(void)teach(PUPIL_READ);
	}
	take(PARCEL, &f);
	was = ask().answer.margin;
	ck_assert(teach(PUPIL_JUNK));
	for (i = 100; i < 100 + PUPIL_UNDO + 10; i++) {
		make_wanted(i, &f);
		(void)teach(PUPIL_READ);
		ck_assert(teach(PUPIL_THROWN));
	}
	take(PARCEL, &f);
	ck_assert(teach(PUPIL_WANTED));
	ck_assert_double_eq_tol(ask().answer.margin, was, 1e-9);
	/* Over the restart as well. */
	close_all();
	open_all();
	ck_assert_double_eq_tol(ask().answer.margin, was, 1e-9);
	ck_assert_uint_eq(junk_model_lessons(own.file.model, false), 40);
}
END_TEST

/* What cannot be undone any more is not taken for undone. */
START_TEST(pupil__too_late_to_take_back)
{
	struct pupil_answer was;
	unsigned i;

	for (i = 0; i < PUPIL_UNDO_READ + 6; i++) {
		make_wanted(i, &f);
		(void)teach(PUPIL_READ);
	}
	make_wanted(0, &f);
	was = ask();
	ck_assert(teach(PUPIL_THROWN));
	ck_assert_double_eq_tol(ask().answer.margin, was.answer.margin, 1e-9);
	ck_assert_uint_eq(
	    junk_model_lessons(own.file.model, false), PUPIL_UNDO_READ + 6);
	ck_assert_uint_eq(
	    junk_model_lessons(server.model, false), PUPIL_UNDO_READ + 6);
	make_wanted(PUPIL_UNDO_READ, &f);
	ck_assert(teach(PUPIL_THROWN));
	ck_assert_uint_eq(
	    junk_model_lessons(own.file.model, false), PUPIL_UNDO_READ + 5);
	/* After a restart as well. */
	close_all();
	open_all();
	ck_assert_uint_eq(
	    junk_model_lessons(own.file.model, false), PUPIL_UNDO_READ + 5);
}
END_TEST

/* One calls all wanted mail junk; another has taught what is right. */
START_TEST(pupil__one_cannot_spoil_the_server)
{
	unsigned i;

	for (i = 0; i < 60; i++) {
		make_wanted(i, &f);
		(void)teach(PUPIL_WANTED);
		make_junk(i, &f);
		(void)teach(PUPIL_JUNK);
	}
	pupil_close(&own);
	pupil_forget("anna");
	pupil_server_close(&server);
	open_all();
	for (i = 0; i < 500; i++) {
		make_wanted(10000 + i, &f);
		(void)teach(PUPIL_JUNK);
	}
	make_wanted(50000, &f);
	ck_assert_msg(ask().answer.margin > 0, "its own model is its own");
	ck_assert_msg(junk_model_margin(server.model, NULL, &f) < 0,
	    "the server's is not");
}
END_TEST

/* Nothing is said to be on the disk: what was taught is there after a kill. */
START_TEST(pupil__is_there_again)
{
	double was;
	unsigned i;

	for (i = 0; i < 90; i++) {
		make_junk(i, &f);
		ck_assert(teach(PUPIL_JUNK));
		make_wanted(i, &f);
		ck_assert(teach(PUPIL_WANTED));
	}
	make_junk(500, &f);
	was = ask().answer.margin;
	/* As if killed: neither snapshot nor flush. */
	close_all();
	open_all();
	ck_assert_double_eq_tol(ask().answer.margin, was, 1e-9);
	ck_assert_uint_eq(junk_model_lessons(server.model, true), 90);
	ck_assert_uint_eq(own.n, 180);
	/* What can be undone still can. */
	make_wanted(89, &f);
	ck_assert(teach(PUPIL_JUNK));
	ck_assert_uint_eq(own.n, 180);
}
END_TEST

static off_t
size_of(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 ? st.st_size : -1;
}

/* Cut anywhere, the log loses the last lesson and no other. */
START_TEST(pupil__torn_log)
{
	off_t whole, cut;
	unsigned i;

	for (i = 0; i < 3; i++) {
		make_junk(i, &f);
		ck_assert(teach(PUPIL_JUNK));
	}
	whole = size_of("account-anna.log");
	make_junk(3, &f);
	ck_assert(teach(PUPIL_JUNK));
	cut = whole + (size_of("account-anna.log") - whole) * (_i + 1) / 8;
	close_all();
	ck_assert_int_eq(truncate("account-anna.log", cut), 0);
	open_all();
	ck_assert_uint_eq(own.n, 3);
	ck_assert_uint_eq(junk_model_lessons(own.file.model, true), 3);
	ck_assert_int_eq(size_of("account-anna.log"), whole);
	/* And goes on. */
	ck_assert(teach(PUPIL_JUNK));
	close_all();
	open_all();
	ck_assert_uint_eq(own.n, 4);
}
END_TEST

/* A log of the snapshot before is not read a second time. */
START_TEST(pupil__crash_behind_a_snapshot)
{
	struct err err = {.text = ""};
	double was;

	make_junk(1, &f);
	ck_assert(teach(PUPIL_JUNK));
	was = junk_model_margin(server.model, NULL, &f);
	ck_assert_int_eq(rename("server.log", "kept"), 0);
	ck_assert_int_eq(junk_file_snapshot(&server, SV(""), &err), RC_OK);
	close_all();
	ck_assert_int_eq(rename("kept", "server.log"), 0);
	/* The descriptor was the old one's: the log on the disk says so. */
	open_all();
	ck_assert_double_eq_tol(
	    junk_model_margin(server.model, NULL, &f), was, 1e-9);
}
END_TEST

START_TEST(pupil__another_version_is_set_aside)
{
	int fd;

	close_all();
	fd = open("server.model", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "HMJS\3 what is to come", 21), 21);
	(void)close(fd);
	open_all();
	ck_assert_uint_eq(junk_model_lessons(server.model, true), 0);
	ck_assert_int_gt(size_of("server.model.old"), 0);
}
END_TEST

/* Its lessons are about another model, also where there is only a log. */
START_TEST(pupil__a_log_of_another_version_is_set_aside)
{
	int fd;

	make_junk(1, &f);
	ck_assert(teach(PUPIL_JUNK));
	close_all();
	fd = open("account-anna.log", O_WRONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "\1", 1, 4), 1);
	(void)close(fd);
	open_all();
	ck_assert_uint_eq(own.n, 0);
	ck_assert_uint_eq(junk_model_lessons(own.file.model, true), 0);
	ck_assert_uint_eq(junk_model_lessons(server.model, true), 1);
	ck_assert_int_gt(size_of("account-anna.log.old"), 0);
	/* And learns anew. */
	ck_assert(teach(PUPIL_JUNK));
	close_all();
	open_all();
	ck_assert_uint_eq(own.n, 1);
}
END_TEST

/* State stays below 8 MB a model. */
START_TEST(pupil__size)
{
	unsigned i;

	for (i = 0; i < 400; i++) {
		make_junk(i, &f);
		(void)teach(PUPIL_JUNK);
	}
	ck_assert_int_lt(
	    size_of("server.model") + size_of("server.log"), 8 << 20);
	ck_assert_int_lt(
	    size_of("account-anna.model") + size_of("account-anna.log"),
	    8 << 20);
}
END_TEST

UNIT_TESTS(pupil)
{
	TCase *t = tcase_create("pupil");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, pupil__a_lesson_is_believed);
	tcase_add_loop_test(t, pupil__a_lesson_about_little_is_believed, 0, 3);
	tcase_add_test(t, pupil__tells_what_was_taught);
	tcase_add_test(t, pupil__each_content_counts_once);
	tcase_add_test(t, pupil__back_again_is_as_before);
	tcase_add_loop_test(
	    t, pupil__to_and_fro, 0, (int)(sizeof toggles / sizeof toggles[0]));
	tcase_add_test(t, pupil__many_are_undone);
	tcase_add_test(t, pupil__a_hint_never_outweighs_a_lesson);
	tcase_add_test(t, pupil__what_was_read_is_a_little_wanted);
	tcase_add_test(t, pupil__reading_is_the_other_side);
	tcase_add_test(t, pupil__too_late_to_take_back);
	tcase_add_test(t, pupil__reading_leaves_lessons_their_undo);
	tcase_add_test(t, pupil__one_cannot_spoil_the_server);
	tcase_add_test(t, pupil__is_there_again);
	tcase_add_loop_test(t, pupil__torn_log, 0, 7);
	tcase_add_test(t, pupil__crash_behind_a_snapshot);
	tcase_add_test(t, pupil__another_version_is_set_aside);
	tcase_add_test(t, pupil__a_log_of_another_version_is_set_aside);
	tcase_add_test(t, pupil__size);
	return t;
}
