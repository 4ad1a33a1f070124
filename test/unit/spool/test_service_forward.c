/* What aliases forward, what comes back, and reports on what failed. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/io.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_auth.h"
#include "ipc/msg_mx.h"
#include "ipc/msg_queue.h"
#include "ipc/proto.h"
#include "queue/spool/service_priv.h"
#include "queue/spool/listing.h"
#include "queue/spool/sent.h"
#include "msgauth/onward.h"
#include "queue/spool/spool_priv.h"
#include "test/unit/spool/fixture.h"
#include "test/unit/unit.h"

#define CLUB                                                                \
	"aliases: { club@example.org: [anna, b@other.test, c@third.test], " \
	"far@example.org: d@other.test }\n"

static uint8_t put_id = 201;

/* Port 25 names aliases; the queue knows where they lead. */
static int
put_text(
    const struct queue_to *to, uint32_t nto, const char *sender, struct sv text)
{
	struct queue_mail mail = {
	    .delivery_id = {put_id},
	    .sender = sv_str(sender),
	    .size = text.n,
	    .flags = SPOOL_BARE,
	    .results = SV("Authentication-Results: x; none\r\n"),
	    .to = (struct queue_to *)(uintptr_t)to,
	    .nto = nto,
	    .fd = memfd_create("m", MFD_CLOEXEC),
	};
	struct msg m;
	int pair[2], r;

	ck_assert_int_eq(io_write_all(mail.fd, text.p, text.n), RC_OK);
	ck_assert_int_eq(line_pair(pair), RC_OK);
	queue_service_add_client(q, pair[0], false);
	msg_init(&m, QUEUE_PUT);
	m.id = 1;
	queue_mail_put(&m, &mail);
	ck_assert_int_eq(line_send_fd(pair[1], &m), RC_OK);
	await(pair[1]);
	ck_assert_int_eq(line_recv_fd(pair[1], &m), RC_OK);
	r = answered(&m);
	msg_fini(&m);
	io_close(&pair[1]);
	return r;
}

static int
put_forward(const struct queue_to *to, const char *sender)
{
	return put_text(to, 1, sender, SV("Subject: x\r\n\r\nhello\r\n"));
}

START_TEST(queue_put__an_alias_becomes_its_targets)
{
	static const struct {
		const char *address;
		enum onward onward;
		bool junk;
		int rc;
		const char *items; /* recipients; "|" between items */
	} rows[] = {
	    {"club@example.org", ONWARD_SEND, false, RC_OK,
		"b@other.test(club@example.org) "
		"c@third.test(club@example.org) "},
	    {"club@example.org", ONWARD_KEEP, true, RC_OK, "anna(junk) "},
	    {"club@example.org", ONWARD_REFUSED, false, RC_OK, "anna |anna "},
	    {"far@example.org", ONWARD_KEEP, false, RC_OK, "anna "},
	    {"nobody@example.org", ONWARD_SEND, false, RC_TEMP, ""},
	    {"x@other.test", ONWARD_SEND, false, RC_TEMP, ""},
	    {"SRS0=aaaaaaaa=aa=x.test=y@example.org", ONWARD_SEND, false,
		RC_TEMP, ""},
	};
	struct queue_to to = {.address = sv_str(rows[_i].address),
	    .forward = true,
	    .onward = (uint8_t)rows[_i].onward,
	    .junk = rows[_i].junk};
	struct spool_item *it;
	struct buf b;
	size_t i;

	configure(CLUB);
	buf_init(&b, 4096);
	ck_assert_int_eq(put_forward(&to, "x@author.test"), rows[_i].rc);
	for (it = spool_first(q->spool); it != NULL; it = it->next) {
		buf_adds(&b, b.n > 0 ? "|" : "");
		for (i = 0; i < it->nrcpt; i++) {
			const struct spool_recipient *r = &it->rcpt[i];

			buf_adds(&b, r->address);
			if (r->via != NULL)
				buf_addf(&b, "(%s)", r->via);
			buf_adds(&b, r->junk ? "(junk) " : " ");
		}
	}
	ck_assert_str_eq(b.n > 0 ? b.p : "", rows[_i].items);
	buf_fini(&b);
}
END_TEST

/* An alias, and how it gets there, outlive the process and a body that is
 * written anew. */
START_TEST(queue_put__an_alias_stays_over_a_restart)
{
	struct queue_to to = {
	    .address = SV("far@example.org"), .forward = true};

	configure(CLUB);
	ck_assert_int_eq(put_forward(&to, "x@author.test"), RC_OK);
	end();
	start();
	ck_assert_str_eq(only()->rcpt[0].address, "d@other.test");
	ck_assert_str_eq(only()->rcpt[0].via, "far@example.org");
	ck_assert_str_eq(
	    only()->results, "Authentication-Results: x; none\r\n");
}
END_TEST

static uint64_t left; /* of the disk */

static int
say_left(const struct journal_io *io, int fd, uint64_t *out)
{
	(void)io;
	(void)fd;
	*out = left;
	return 0;
}

/* A server whose disk has as much left as `left` says. */
static void
start_scarce(void)
{
	static struct journal_io io;

	end();
	io = journal_disk;
	io.free_bytes = say_left;
	disk = &io;
	left = 1u << 30;
	start();
}

/* It goes out without a seal, and is refused. */
static void
be_refused(void)
{
	auth_says(RC_DENIED, false);
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
}

/* The item with that sender is the message as it came, for anna. */
static void
expect_copy(const char *sender, struct sv text)
{
	const struct spool_item *it = spool_first(q->spool);
	struct buf b;

	while (it != NULL && strcmp(it->sender, sender) != 0)
		it = it->next;
	ck_assert_ptr_nonnull(it);
	ck_assert_str_eq(it->rcpt[0].address, "anna");
	ck_assert(it->nrcpt == 1 && it->rcpt[0].local);
	buf_init(&b, 4u << 20);
	ck_assert_int_eq(spool_peek(q->spool, it, &b), RC_OK);
	ck_assert(sv_eq(buf_sv(&b), text));
	buf_fini(&b);
}

/* Nobody else has it: it does not end before its copy is in the spool.  The
 * copy may take what nothing else may, but for the last of it. */
START_TEST(queue__what_an_alias_has_taken_is_not_lost_on_a_full_disk)
{
	static const struct {
		uint64_t left;
		size_t size;
		bool waits;
	} rows[] = {
	    {1u << 30, 300000, false},
	    {40u << 20, 300000, false},
	    {40u << 20, 3000000, false},
	    {8u << 20, 300000, true},
	    {9u << 20, 3000000, true},
	    {1u << 20, 300000, true},
	};
	struct queue_to to = {
	    .address = SV("far@example.org"), .forward = true};
	struct sv text;
	uint32_t job;

	text = sv_of(xcalloc(1, rows[_i].size), rows[_i].size);
	memset((char *)(uintptr_t)text.p, 'x', text.n);
	memcpy((char *)(uintptr_t)text.p, "Subject: x\r\n\r\n", 14);
	configure(CLUB);
	start_scarce();
	ck_assert_int_eq(put_text(&to, 1, "x@author.test", text), RC_OK);
	auth_says(RC_DENIED, false);
	job = expect(mx, MX_JOB);
	left = rows[_i].left;
	mx_says(job, true, 550, "550 5.1.1 no");
	if (rows[_i].waits) {
		ck_assert_str_eq(only()->rcpt[0].address, "d@other.test");
		ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
		ck_assert_uint_eq(only()->rcpt[0].attempts, 1);
		ck_assert_int_gt(
		    only()->units->node.key - clk_mono(), 30 * 1000);
		ck_assert(is_silent(auth) && is_silent(keeper));
		end();
		start();
		left = 1u << 30;
		hurry();
		turn(20);
		be_refused();
	}
	ck_assert_uint_eq(spool_count(q->spool), 2);
	expect_copy("x@author.test", text);
	keeper_says(expect(keeper, DELIVER));
	keeper_says(expect(keeper, DELIVER));
	ck_assert_uint_eq(spool_count(q->spool), 0);
	end();
	start();
	ck_assert_uint_eq(spool_count(q->spool), 0);
	free((char *)(uintptr_t)text.p);
}
END_TEST

/* Two aliases lead to one address: their owners hear of its failure, each of
 * the own. */
START_TEST(queue__the_owners_of_each_alias_hear_of_a_failure)
{
	const struct queue_to to[] = {
	    {.address = SV("one@example.org"), .forward = true},
	    {.address = SV("two@example.org"), .forward = true}};
	const struct spool_item *it;
	bool anna = false, ben = false;

	configure("aliases: { one@example.org: [anna, b@other.test], "
		  "two@example.org: [ben, b@other.test] }\n");
	ck_assert_int_eq(
	    put_text(to, 2, "x@author.test", SV("\r\nhello\r\n")), RC_OK);
	be_refused();
	be_refused();
	for (it = spool_first(q->spool); it != NULL; it = it->next) {
		ck_assert(it->nrcpt == 1 && it->rcpt[0].local);
		anna = anna || strcmp(it->rcpt[0].address, "anna") == 0;
		ben = ben || strcmp(it->rcpt[0].address, "ben") == 0;
	}
	ck_assert_uint_eq(spool_count(q->spool), 2);
	ck_assert(anna && ben);
}
END_TEST

#define BOUNCE                                                      \
	"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" \
	"Content-Type: message/delivery-status\r\n\r\nA: b\r\n\r\n" \
	"Action: failed\r\nDiagnostic-Code: smtp; 550 no\r\n\r\n--b--\r\n"

/* A bounce of what was forwarded, or an answer to it, is told once, though
 * smtp brings it again. */
START_TEST(queue_put__what_comes_back_twice_is_told_once)
{
	static const char *const texts[] = {
	    BOUNCE, "Subject: away\r\n\r\nI am away\r\n"};
	const struct spool_item about = {.sender = (char[]){"x@author.test"}};
	struct queue_to to = {.forward = true};
	struct buf back;
	int i;

	configure(CLUB);
	buf_init(&back, 4096);
	queue_forward_sender(q, conf, &about, "far@example.org", &back);
	to.address = buf_sv(&back);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(
		    put_text(&to, 1, "", sv_str(texts[_i])), RC_OK);
		ck_assert_str_eq(only()->rcpt[0].address, "anna");
	}
	keeper_says(expect(keeper, DELIVER));
	ck_assert(is_silent(keeper));
	ck_assert_uint_eq(spool_count(q->spool), 0);
	buf_fini(&back);
}
END_TEST

/* Who has got one message must not write to its author as they like. */
START_TEST(queue_put__what_comes_back_is_bounded)
{
	static char text[20000];
	struct spool_item about = {
	    .sender = (char[]){"x@author.test"}, .flags = SPOOL_KNOWN};
	struct queue_to to = {.forward = true};
	struct queue_return asked;
	struct spool_item *it;
	struct buf back, b;
	struct msg m;
	unsigned i;

	configure(CLUB);
	buf_init(&back, 4096);
	queue_forward_sender(q, conf, &about, "far@example.org", &back);
	to.address = buf_sv(&back);
	memset(text, 'x', sizeof text);
	memcpy(text, "Subject: offer\r\n\r\n", 18);
	/* One that is long: the header. */
	ck_assert_int_eq(put_text(&to, 1, "", sv_of(text, sizeof text)), RC_OK);
	it = only();
	ck_assert_str_eq(it->rcpt[0].address, "x@author.test");
	buf_init(&b, 65536);
	ck_assert_int_eq(spool_peek(q->spool, it, &b), RC_OK);
	ck_assert_uint_lt(sv_find(buf_sv(&b), SV("Subject: offer")), b.n);
	ck_assert_uint_eq(sv_find(buf_sv(&b), SV("xxxx")), b.n);
	ck_assert_uint_lt(
	    sv_find(buf_sv(&b), SV("The header of the answer is")), b.n);
	/* So many a day, however it is written; smtp hears of it, too. */
	for (i = 1; i < RETURNS_A_DAY; i++) {
		put_id = (uint8_t)i;
		back.p[4] = "=+-"[i % 3];
		back.p[6] = (char)(i % 2 == 0 ? ascii_upper(back.p[6])
					      : ascii_lower(back.p[6]));
		ck_assert_int_eq(put_text(&to, 1, "", SV("\r\nx\r\n")), RC_OK);
	}
	put_id = 99;
	ck_assert_int_eq(put_text(&to, 1, "", SV("\r\nx\r\n")), RC_TEMP);
	/* A restart does not begin the day anew. */
	end();
	start();
	ck_assert_int_eq(put_text(&to, 1, "", SV("\r\nx\r\n")), RC_TEMP);
	asked.address = buf_sv(&back);
	msg_init(&m, QUEUE_RETURN);
	m.id = 1;
	queue_return_put(&m, &asked);
	ck_assert_int_eq(line_send_fd(smtp, &m), RC_OK);
	await(smtp);
	ck_assert_int_eq(line_recv_fd(smtp, &m), RC_OK);
	ck_assert_int_eq(answered(&m), RC_TEMP);
	msg_fini(&m);
	/* Tomorrow again; and from <> only. */
	clk_set_offset(24LL * 3600 * 1000);
	ck_assert_int_eq(put_text(&to, 1, "", SV("\r\nx\r\n")), RC_OK);
	put_id = 100;
	ck_assert_int_eq(
	    put_text(&to, 1, "y@other.test", SV("\r\nx\r\n")), RC_DENIED);
	put_id = 201;
	buf_fini(&b);
	buf_fini(&back);
}
END_TEST

static int read_error; /* errno of what reads the disk; 0: it works */

static ssize_t
read_or_fail(
    const struct journal_io *io, int fd, void *p, size_t n, uint64_t off)
{
	if (read_error == 0)
		return journal_disk.pread(io, fd, p, n, off);
	errno = read_error;
	return -1;
}

static void
start_failing(void)
{
	static struct journal_io io;

	end();
	io = journal_disk;
	io.pread = read_or_fail;
	disk = &io;
	read_error = 0;
	start();
}

static void
expect_report_of(const char *text)
{
	struct buf b;

	ck_assert_str_eq(only()->sender, "");
	ck_assert_str_eq(only()->rcpt[0].address, "anna");
	buf_init(&b, 1u << 20);
	ck_assert_int_eq(spool_peek(q->spool, only(), &b), RC_OK);
	ck_assert_uint_lt(sv_find(buf_sv(&b), sv_str(text)), b.n);
	buf_fini(&b);
}

/* The report is the last copy: nothing ends before it is written, with what it
 * is about. */
START_TEST(queue__a_report_that_cannot_be_written_waits)
{
	uint32_t job;

	start_failing();
	put_as("anna@example.org", "x@example.test");
	job = expect(mx, MX_JOB);
	read_error = EIO;
	mx_says(job, true, 550, "550 5.1.1 no");
	ck_assert_str_eq(only()->rcpt[0].address, "x@example.test");
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
	ck_assert_int_eq(only()->units->state, SCHED_WAITS);
	ck_assert_int_gt(only()->units->node.key - clk_mono(), 30 * 1000);
	read_error = 0;
	end();
	start();
	hurry();
	turn(20);
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
	expect_report_of("\r\nhello\r\n");
}
END_TEST

/* The same of what has come to its end, and of what the owner ends. */
START_TEST(queue__what_cannot_be_reported_does_not_end)
{
	unsigned i;

	start_failing();
	put_as("anna@example.org", "x@example.test");
	for (i = 0; i < SCHED_TRIES_MIN; i++) {
		mx_says(expect(mx, MX_JOB), true, 451, "451 later");
		if (i + 1 < SCHED_TRIES_MIN)
			hurry();
	}
	only()->arrived -= SCHED_EXPIRY_MS;
	read_error = EIO;
	if (_i == 0)
		queue_sweep(q);
	else
		ck_assert_uint_eq(act(QUEUE_BOUNCE, QUEUE_PICK_ALL, ""), 0);
	turn(20);
	ck_assert_str_eq(only()->rcpt[0].address, "x@example.test");
	ck_assert_int_eq(only()->rcpt[0].outcome, SPOOL_WAITS);
	read_error = 0;
	queue_sweep(q);
	turn(20);
	expect_report_of("\r\nhello\r\n");
}
END_TEST

/* As many as an item may have, with words of any length. */
START_TEST(queue__all_of_a_long_list_are_reported)
{
	enum {
		MANY = 3000
	};
	static char address[MANY][40];
	static struct queue_to to[MANY];
	struct spool_put p = {.sender = SV("anna@example.org"),
	    .to = to,
	    .nto = MANY,
	    .fd = -1,
	    .bytes = SV("\r\nhello\r\n")};
	struct spool_item *it, *about;
	size_t i, nreport = 0;
	struct err err;
	char text[400];

	(void)snprintf(text, sizeof text, "451 %-390s", "as long as is kept");
	for (i = 0; i < MANY; i++) {
		(void)snprintf(
		    address[i], sizeof address[i], "x%zu@example.test", i);
		to[i].address = sv_str(address[i]);
	}
	ck_assert_int_eq(spool_put(q->spool, &p, &about, &err), RC_OK);
	queue_schedule(q, about, false);
	about->units->attempts = SCHED_TRIES_MIN;
	about->units->dest->reply_text = sv_dup(sv_str(text));
	about->arrived -= _i == 0 ? SCHED_EXPIRY_MS : SCHED_NOTICE_MS;
	queue_sweep(q);
	for (it = spool_first(q->spool); it != NULL; it = it->next)
		nreport += it->sender[0] == '\0';
	ck_assert_uint_ge(nreport, 2);
	if (_i == 0)
		ck_assert_uint_eq(spool_count(q->spool), nreport);
	else
		ck_assert(about->delay_reported);
}
END_TEST

static uint64_t bytes_read, most_at_once;
static int64_t longest; /* between two looks, ms */

static ssize_t
count_reads(
    const struct journal_io *io, int fd, void *p, size_t n, uint64_t off)
{
	bytes_read += n;
	return journal_disk.pread(io, fd, p, n, off);
}

/* What the loop is doing meanwhile. */
static void
look(void *arg)
{
	static int64_t last_time;
	static uint64_t last_bytes;

	(void)arg;
	if (bytes_read < last_bytes)
		last_bytes = bytes_read;
	if (last_time != 0 && clk_mono() - last_time > longest)
		longest = clk_mono() - last_time;
	if (bytes_read - last_bytes > most_at_once)
		most_at_once = bytes_read - last_bytes;
	last_time = clk_mono();
	last_bytes = bytes_read;
	ev_timer_add(loop, 1, look, NULL);
}

#define FAR 10

static void
start_counting(void)
{
	static struct journal_io io;

	end();
	io = journal_disk;
	io.pread = count_reads;
	disk = &io;
	start();
	configure("aliases: { far@example.org: [a@0.test, a@1.test, a@2.test, "
		  "a@3.test, a@4.test, a@5.test, a@6.test, a@7.test, a@8.test, "
		  "a@9.test] }\n");
}

/* A large message to many: it is read once for all their seals, and others are
 * served meanwhile. */
START_TEST(queue_seal__hashes_a_body_once)
{
	const size_t size = 20u << 20;
	char *text = xmalloc(size);
	struct queue_to to = {
	    .address = SV("far@example.org"), .forward = true};
	unsigned i;

	memset(text, 'x', size);
	for (i = 80; i + 2 < size; i += 80)
		memcpy(text + i, "\r\n", 2);
	memcpy(text, "Subject: x\r\n\r\n", 14);
	start_counting();
	ev_timer_add(loop, 1, look, NULL);
	turn(5);
	longest = 0;
	bytes_read = most_at_once = 0;
	ck_assert_int_eq(
	    put_text(&to, 1, "x@author.test", sv_of(text, size)), RC_OK);
	while (q->remote_in_flight < FAR || is_silent(auth))
		turn(1);
	printf("%u MB to %d places: %llu MB read before auth is asked, "
	       "%llu kB at once, %lld ms\n",
	    (unsigned)(size >> 20), FAR, (unsigned long long)bytes_read >> 20,
	    (unsigned long long)most_at_once >> 10, (long long)longest);
	if (!getenv("X"))
		ck_assert_uint_lt(bytes_read, 2 * size);
	if (!getenv("X"))
		ck_assert_uint_lt(most_at_once, size / 4);
	longest = 0;
	for (i = 0; i < FAR; i++) {
		await(auth);
		auth_says(RC_DENIED, false);
		(void)expect(mx, MX_JOB);
	}
	printf("  and %llu MB until all have it, %lld ms\n",
	    (unsigned long long)bytes_read >> 20, (long long)longest);
	free(text);
}
END_TEST

/* The end of the queue, or of the one whose message it is, in the middle. */
START_TEST(queue_seal__ends_with_the_queue)
{
	const size_t size = 20u << 20;
	char *text = xcalloc(1, size);
	struct queue_to to = {
	    .address = SV("far@example.org"), .forward = true};

	memcpy(text, "Subject: x\r\n\r\n", 14);
	start_counting();
	ck_assert_int_eq(
	    put_text(&to, 1, "x@author.test", sv_of(text, size)), RC_OK);
	while (q->remote_in_flight == 0)
		turn(0);
	end();
	start();
	ck_assert_uint_eq(spool_count(q->spool), 1);
	ck_assert_uint_eq(only()->nrcpt, FAR);
	free(text);
}
END_TEST

/* A disk that is full for long does not make a message unreadable. */
START_TEST(queue__what_finds_no_room_for_days_is_not_given_up)
{
	static char text[2000000];
	struct queue_to to = {.address = SV("anna"), .local = true};
	int i;

	memset(text, 'x', sizeof text);
	start_scarce();
	ck_assert_int_eq(
	    put_text(&to, 1, "x@author.test", sv_of(text, sizeof text)), RC_OK);
	(void)expect(keeper, DELIVER);
	io_close(&keeper);
	turn(20);
	left = 4u << 20;
	connect_keeper();
	turn(5);
	for (i = 0; i < 2 * SCHED_TRIES_MIN; i++) {
		hurry();
		turn(2);
	}
	ck_assert(is_silent(keeper));
	only()->arrived -= SCHED_EXPIRY_MS;
	only()->delay_reported = true;
	queue_sweep(q);
	ck_assert_str_eq(only()->sender, "x@author.test");
	left = 1u << 30;
	hurry();
	turn(20);
	keeper_says(expect(keeper, DELIVER));
	ck_assert_uint_eq(spool_count(q->spool), 0);
}
END_TEST

UNIT_TESTS(service_forward)
{
	TCase *t = tcase_create("service_forward");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, queue_put__an_alias_becomes_its_targets, 0, 7);
	tcase_add_test(t, queue_put__an_alias_stays_over_a_restart);
	tcase_add_loop_test(
	    t, queue__what_an_alias_has_taken_is_not_lost_on_a_full_disk, 0, 6);
	tcase_add_test(t, queue__the_owners_of_each_alias_hear_of_a_failure);
	tcase_add_loop_test(
	    t, queue_put__what_comes_back_twice_is_told_once, 0, 2);
	tcase_add_test(t, queue_put__what_comes_back_is_bounded);
	tcase_add_test(t, queue__a_report_that_cannot_be_written_waits);
	tcase_add_loop_test(
	    t, queue__what_cannot_be_reported_does_not_end, 0, 2);
	tcase_add_loop_test(t, queue__all_of_a_long_list_are_reported, 0, 2);
	tcase_add_test(t, queue_seal__hashes_a_body_once);
	tcase_add_test(t, queue_seal__ends_with_the_queue);
	tcase_add_test(t, queue__what_finds_no_room_for_days_is_not_given_up);
	return t;
}
