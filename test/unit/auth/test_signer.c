/* Signing keys, and who gets signatures. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "auth/service.h"
#include "auth/signer.h"
#include "base/clk.h"
#include "base/io.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"
#include "test/unit/folder.h"
#include "test/unit/unit.h"

static char dir[UNIT_FOLDER_MAX], folder[96], path[128];
static struct ev_loop *loop;
static struct signer *s;
static struct signer_answer last; /* values are in `value` */
static struct buf value[DKIM_ALGORITHMS];
static unsigned answers, late;
static int order_rc;
static struct buf order_text;

static void
stop(void *arg)
{
	(void)arg;
	ev_stop(loop);
}

static void
turn(void)
{
	ev_timer_add(loop, 5, stop, NULL);
	ev_run(loop);
}

static struct conf *
parse(const char *domains)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	struct buf b;

	buf_init(&b, 1000);
	buf_addf(&b,
	    "hostname: mail.example.org\ndomains: %s\naccounts: { anna: {} }\n",
	    domains);
	ck_assert_int_eq(conf_parse(buf_sv(&b), "f", &c, &e), RC_OK);
	buf_fini(&b);
	return c;
}

static void
set_domains(const char *domains)
{
	struct conf *c = parse(domains);

	signer_set_domains(s, c);
	conf_free(&c);
}

static void
setup(void)
{
	int i;

	dkim_key_setup();
	unit_folder(dir, "signer");
	(void)snprintf(folder, sizeof folder, "%s/dkim", dir);
	(void)snprintf(path, sizeof path, "%s/example.org.pem", folder);
	loop = ev_loop_new();
	s = signer_new(loop, folder);
	for (i = 0; i < DKIM_ALGORITHMS; i++)
		buf_init(&value[i], 4096);
	buf_init(&order_text, 100000);
	answers = late = 0;
}

static void
teardown(void)
{
	char other[160];
	int i;

	signer_free(&s);
	turn(); /* what the thread has posted */
	ev_loop_free(&loop);
	for (i = 0; i < DKIM_ALGORITHMS; i++)
		buf_fini(&value[i]);
	buf_fini(&order_text);
	(void)unlink(path);
	(void)snprintf(other, sizeof other, "%s/example.test.pem", folder);
	(void)unlink(other);
	(void)rmdir(folder);
	(void)rmdir(dir);
}

static void
on_answer(const struct signer_answer *a, void *arg)
{
	int i;

	(void)arg;
	last = *a;
	for (i = 0; i < DKIM_ALGORITHMS; i++) {
		buf_reset(&value[i]);
		buf_addsv(&value[i], buf_sv(&a->value[i]));
	}
	answers++;
	late += a->rc == RC_TEMP;
}

static void
wait_for(unsigned n)
{
	int64_t until = clk_mono() + 60000;

	while (answers < n && clk_mono() < until)
		turn();
	ck_assert_uint_eq(answers, n);
}

static int
ask(struct signer_question *q, const char *domain)
{
	unsigned n = answers;

	(void)snprintf(q->domain, sizeof q->domain, "%s", domain);
	signer_ask(s, q, on_answer, NULL);
	wait_for(n + 1);
	return last.rc;
}

static void
on_order(int rc, struct sv text, void *arg)
{
	(void)arg;
	order_rc = rc;
	buf_reset(&order_text);
	buf_addsv(&order_text, text);
	answers++;
}

static int
order(enum signer_what what, const char *domain, const char *selector)
{
	struct signer_order o = {.what = what};
	unsigned n = answers;

	(void)snprintf(o.domain, sizeof o.domain, "%s", domain);
	(void)snprintf(o.selector, sizeof o.selector, "%s", selector);
	signer_order(s, &o, on_order, NULL);
	wait_for(n + 1);
	return order_rc;
}

static struct signer_awaited awaited;
static struct notice letter;
static size_t nletters;

static void
on_step(const struct signer_step *step, void *arg)
{
	(void)arg;
	awaited = (struct signer_awaited){.domain = ""};
	if (step != NULL && step->nawaited > 0)
		awaited = step->awaited[0];
	nletters = step != NULL ? step->nletter : 0;
	if (nletters > 0)
		letter = step->letter[0].notice;
	answers++;
}

static void
step(void)
{
	unsigned n = answers;

	signer_step(s, on_step, NULL);
	wait_for(n + 1);
}

/* A question with the selectors of the last answer. */
static void
question(struct signer_question *q)
{
	*q = (struct signer_question){.n = DKIM_ALGORITHMS};
	memcpy(q->selector, last.selector, sizeof q->selector);
}

START_TEST(signer__makes_keys_and_signs)
{
	struct signer_question q = {.n = 0};
	struct stat st;

	set_domains("[example.org]");
	signer_start(s);
	ck_assert_int_eq(ask(&q, "example.org"), RC_NOTFOUND);
	ck_assert(sv_starts(sv_str(last.selector[DKIM_RSA]), SV("hm-rsa-20")));
	ck_assert_uint_eq(value[0].n, 0);
	question(&q);
	ck_assert_int_eq(ask(&q, "example.org"), RC_OK);
	ck_assert_uint_eq(value[DKIM_RSA].n, 256);
	ck_assert_uint_eq(value[DKIM_ED25519].n, 64);
	q.selector[1][0] = 'x';
	ck_assert_int_eq(ask(&q, "example.org"), RC_NOTFOUND);
	ck_assert_int_eq(ask(&q, "example.net"), RC_DENIED);
	ck_assert_int_eq(ask(&q, ""), RC_DENIED);
	ck_assert_int_eq(ask(&q, "../example.org"), RC_DENIED);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(signer__keeps_keys)
{
	struct buf first;

	buf_init(&first, 4096);
	set_domains("[example.org]");
	signer_start(s);
	ck_assert_int_eq(order(SIGNER_RECORDS, "example.org", ""), RC_OK);
	ck_assert(sv_find(buf_sv(&order_text), SV(" v=DKIM1; k=rsa; p=MII")) <
		  order_text.n);
	buf_addsv(&first, buf_sv(&order_text));
	/* Another domain comes, goes; this one goes and comes again. */
	set_domains("[example.org, example.test]");
	ck_assert_int_eq(order(SIGNER_RECORDS, "example.test", ""), RC_OK);
	ck_assert(!sv_eq(buf_sv(&order_text), buf_sv(&first)));
	ck_assert_int_eq(order(SIGNER_RECORDS, "example.org", ""), RC_OK);
	ck_assert(sv_eq(buf_sv(&order_text), buf_sv(&first)));
	set_domains("[example.test]");
	ck_assert_int_eq(order(SIGNER_RECORDS, "example.org", ""), RC_DENIED);
	set_domains("[example.org]");
	ck_assert_int_eq(order(SIGNER_RECORDS, "example.org", ""), RC_OK);
	ck_assert(sv_eq(buf_sv(&order_text), buf_sv(&first)));
	buf_fini(&first);
}
END_TEST

START_TEST(signer__leaves_what_it_cannot_read)
{
	struct signer_question q = {.n = 0};
	struct buf now;
	struct err err;

	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(
	    io_replace_file(path, SV("hearthmail dkim 1\n"), 0600, &err),
	    RC_OK);
	set_domains("[example.org]");
	signer_start(s);
	ck_assert_int_eq(ask(&q, "example.org"), RC_TEMP);
	ck_assert_int_eq(order(SIGNER_RECORDS, "example.org", ""), RC_TEMP);
	ck_assert_int_eq(order(SIGNER_ROTATE, "example.org", ""), RC_TEMP);
	buf_init(&now, 100);
	ck_assert_int_eq(io_read_file(path, &now, &err), RC_OK);
	ck_assert(sv_eq(buf_sv(&now), SV("hearthmail dkim 1\n")));
	buf_fini(&now);
}
END_TEST

/* The folder cannot be made: no key, and none that is only in memory. */
START_TEST(signer__signs_with_nothing_that_is_not_on_the_disk)
{
	struct signer_question q = {.n = 0};
	struct err err;

	ck_assert_int_eq(io_replace_file(folder, SV("x"), 0600, &err), RC_OK);
	set_domains("[example.org]");
	signer_start(s);
	ck_assert_int_eq(ask(&q, "example.org"), RC_TEMP);
	ck_assert_int_eq(unlink(folder), 0);
}
END_TEST

/* The file of an earlier version: its pair goes on signing. */
START_TEST(signer__takes_over_a_pair_without_states)
{
	struct signer_question q = {.n = 0};
	struct dkim_pair pair;
	struct err err;
	struct buf text;

	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(dkim_pair_make(clk_now() / 1000, &pair, &err), RC_OK);
	buf_init(&text, DKIM_PAIR_MAX);
	ck_assert_int_eq(dkim_pair_write(&pair, &text), RC_OK);
	ck_assert_int_eq(
	    io_replace_file(path, buf_sv(&text), 0600, &err), RC_OK);
	set_domains("[example.org]");
	signer_start(s);
	ck_assert_int_eq(ask(&q, "example.org"), RC_NOTFOUND);
	ck_assert_str_eq(last.selector[0], pair.selector[0]);
	/* Nothing is written until something changes; then it is in there. */
	ck_assert_int_eq(order(SIGNER_ROTATE, "example.org", ""), RC_OK);
	signer_free(&s);
	s = signer_new(loop, folder);
	set_domains("[example.org]");
	signer_start(s);
	ck_assert_int_eq(ask(&q, "example.org"), RC_NOTFOUND);
	ck_assert_str_eq(last.selector[0], pair.selector[0]);
	dkim_pair_fini(&pair);
	buf_fini(&text);
}
END_TEST

/* From one key to the next, over restarts, without a moment in which a key that
 * nobody can look up signs. */
START_TEST(signer__changes_keys)
{
	struct signer_question q = {.n = 0};
	char old[DKIM_SELECTOR_MAX], fresh[DKIM_SELECTOR_MAX];

	signer_set_pace(s, 0, 0);
	set_domains("[example.org]");
	signer_start(s);
	ck_assert_int_eq(ask(&q, "example.org"), RC_NOTFOUND);
	strcpy(old, last.selector[0]);
	step();
	ck_assert_uint_eq(nletters, 0);
	/* The one in use is looked for now and then. */
	ck_assert_str_eq(awaited.selector[0], old);
	ck_assert_int_eq(awaited.state, RING_ACTIVE);
	signer_seen(s, "example.org", old, ROTATION_NOT_THERE, 0, "ns1");
	step();
	ck_assert_str_eq(awaited.selector[0], old);
	ck_assert_int_eq(order(SIGNER_LIST, "example.org", ""), RC_OK);
	ck_assert(
	    sv_find(buf_sv(&order_text), SV("NOT IN DNS: ns1")) < order_text.n);
	signer_seen(s, "example.org", old, ROTATION_THERE, 0, "");
	step();
	ck_assert_str_eq(awaited.domain, "");
	ck_assert_int_eq(order(SIGNER_ROTATE, "example.org", ""), RC_OK);
	ck_assert_int_eq(order(SIGNER_ROTATE, "example.org", ""), RC_EXISTS);
	ck_assert_int_eq(order(SIGNER_ROTATE, "example.net", ""), RC_DENIED);
	step();
	ck_assert_uint_eq(nletters, 1);
	ck_assert_int_eq(letter.state, RING_ANNOUNCED);
	ck_assert_str_eq(awaited.domain, "example.org");
	strcpy(fresh, awaited.selector[0]);
	ck_assert_str_ne(fresh, old);
	/* Told again until it was; then it rests. */
	step();
	ck_assert_uint_eq(nletters, 1);
	signer_told(s, "example.org", fresh, RING_ANNOUNCED);
	step();
	ck_assert_uint_eq(nletters, 0);
	signer_seen(s, "example.org", fresh, ROTATION_NOT_THERE, 60, "ns2");
	ck_assert_int_eq(order(SIGNER_LIST, "", ""), RC_OK);
	ck_assert(sv_find(buf_sv(&order_text), SV(": ns2")) < order_text.n);
	/* The negative TTL is not over. */
	signer_seen(s, "example.org", fresh, ROTATION_THERE, 3600, "");
	signer_seen(s, "example.org", fresh, ROTATION_THERE, 3600, "");
	ck_assert_int_eq(ask(&q, "example.org"), RC_NOTFOUND);
	ck_assert_str_eq(last.selector[0], old);
	signer_seen(s, "example.org", fresh, ROTATION_NOT_THERE, 0, "");
	signer_seen(
	    s, "example.org", "hm-rsa-202001-aaaa", ROTATION_THERE, 0, "");
	ck_assert_int_eq(ask(&q, "example.org"), RC_NOTFOUND);
	ck_assert_str_eq(last.selector[0], old);
	signer_seen(s, "example.org", fresh, ROTATION_THERE, 0, "");
	ck_assert_int_eq(ask(&q, "example.org"), RC_NOTFOUND);
	ck_assert_str_eq(last.selector[0], fresh);
	question(&q);
	ck_assert_int_eq(ask(&q, "example.org"), RC_OK);
	step();
	ck_assert_uint_eq(nletters, 1);
	ck_assert_int_eq(letter.state, RING_ACTIVE);
	ck_assert_str_eq(letter.old_selector[0], old);
	/* Both belong into the DNS. */
	ck_assert_int_eq(order(SIGNER_RECORDS, "example.org", ""), RC_OK);
	ck_assert(sv_find(buf_sv(&order_text), sv_str(old)) < order_text.n);
	ck_assert(sv_find(buf_sv(&order_text), sv_str(fresh)) < order_text.n);
	ck_assert_int_eq(order(SIGNER_RETIRE, "example.org", fresh), RC_DENIED);
	ck_assert_int_eq(order(SIGNER_USE, "example.org", fresh), RC_EXISTS);
	ck_assert_int_eq(order(SIGNER_USE, "example.org", old), RC_DENIED);
	ck_assert_int_eq(order(SIGNER_USE, "example.org", "x"), RC_NOTFOUND);
	ck_assert_int_eq(order(SIGNER_RETIRE, "example.org", "x"), RC_NOTFOUND);
	ck_assert_int_eq(order(SIGNER_RETIRE, "example.org", old), RC_OK);
	ck_assert_uint_eq(order_text.n, 0);
	ck_assert_int_eq(order(SIGNER_RETIRE, "example.org", old), RC_EXISTS);
	ck_assert_int_eq(order(SIGNER_RECORDS, "example.org", ""), RC_OK);
	ck_assert(sv_find(buf_sv(&order_text), sv_str(old)) == order_text.n);
	signer_free(&s);
	s = signer_new(loop, folder);
	set_domains("[example.org]");
	signer_start(s);
	ck_assert_int_eq(ask(&q, "example.org"), RC_OK);
	ck_assert_int_eq(order(SIGNER_RETIRE, "example.org", old), RC_EXISTS);
}
END_TEST

/* The owner knows that the records are there. */
START_TEST(signer__uses_what_the_owner_says)
{
	struct signer_question q = {.n = 0};
	char fresh[DKIM_SELECTOR_MAX];

	set_domains("[example.org]");
	signer_start(s);
	ck_assert_int_eq(order(SIGNER_ROTATE, "example.org", ""), RC_OK);
	step();
	strcpy(fresh, awaited.selector[0]);
	ck_assert_int_eq(order(SIGNER_USE, "example.org", fresh), RC_OK);
	ck_assert_ptr_nonnull(strstr(order_text.p, "have not been seen"));
	ck_assert_int_eq(ask(&q, "example.org"), RC_NOTFOUND);
	ck_assert_str_eq(last.selector[0], fresh);
}
END_TEST

/* What was only announced has signed nothing. */
START_TEST(signer__says_what_was_never_used)
{
	char fresh[DKIM_SELECTOR_MAX];

	set_domains("[example.org]");
	signer_start(s);
	ck_assert_int_eq(order(SIGNER_ROTATE, "example.org", ""), RC_OK);
	step();
	strcpy(fresh, awaited.selector[0]);
	ck_assert_int_eq(order(SIGNER_RETIRE, "example.org", fresh), RC_OK);
	ck_assert_ptr_nonnull(strstr(order_text.p, "has signed nothing"));
}
END_TEST

START_TEST(signer__is_bounded)
{
	struct signer_question q = {.n = 0, .domain = "example.org"};
	unsigned i;

	set_domains("[example.org]");
	for (i = 0; i < SIGNER_WAITING_MAX + 10; i++)
		signer_ask(s, &q, on_answer, NULL);
	ck_assert_uint_eq(late, 10);
	signer_start(s);
	wait_for(SIGNER_WAITING_MAX + 10);
	ck_assert_uint_eq(late, 10);
}
END_TEST

/* ---- on lines: submission and nobody else ---- */

static int got;

static void
on_reply(int rc, struct msg *reply, void *arg)
{
	struct sign_done done;

	(void)arg;
	if (rc == RC_OK)
		rc = sign_done_get(reply, &done);
	got = rc;
	if (rc == RC_OK) {
		got = done.rc;
		sign_done_fini(&done);
	}
	answers++;
}

static int
ask_line(struct peer *p, size_t hash_bytes)
{
	uint8_t hash[64] = {0};
	struct msg m;
	unsigned n = answers;

	/* By hand: a hash may have any length here. */
	msg_init(&m, AUTH_SIGN);
	msg_put_str(&m, "example.org");
	msg_put_u32(&m, hash_bytes > 0 ? 1 : 0);
	if (hash_bytes > 0) {
		msg_put_str(&m, "x");
		msg_put_sv(&m, sv_of(hash, hash_bytes));
	}
	peer_ask(p, &m, 60000, on_reply, NULL);
	wait_for(n + 1);
	return got;
}

static struct peer *
connect_line(struct auth_service *a, bool may_sign)
{
	struct peer *p = peer_new(loop, "auth", NULL, NULL, NULL);
	int fd[2];

	ck_assert_int_eq(line_pair(fd), RC_OK);
	auth_service_add_client(
	    a, fd[0], may_sign ? AUTH_DOOR_SUBMISSION : AUTH_DOOR_IMAP);
	peer_connect(p, fd[1]);
	return p;
}

START_TEST(auth_service__signs_for_submission_only)
{
	struct conf *c = parse("[example.org]");
	struct auth_service *a;
	struct peer *imap, *submission;
	struct err err;

	ck_assert_int_ge(sodium_init(), 0);
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(auth_service_new(loop, c, 1, 0, &a, &err), RC_OK);
	imap = connect_line(a, false);
	submission = connect_line(a, true);
	ck_assert_int_eq(ask_line(submission, 0), RC_NOTFOUND);
	ck_assert_int_eq(ask_line(submission, 32), RC_NOTFOUND);
	ck_assert_int_eq(ask_line(submission, 31), RC_SYNTAX);
	ck_assert_int_eq(ask_line(submission, 33), RC_SYNTAX);
	ck_assert_int_eq(ask_line(imap, 0), RC_DENIED);
	ck_assert_int_eq(ask_line(imap, 32), RC_DENIED);
	peer_free(&imap);
	peer_free(&submission);
	turn();
	auth_service_free(&a);
	conf_free(&c);
	(void)unlink("known");
	(void)unlink("browsers");
	ck_assert_int_eq(chdir(".."), 0);
}
END_TEST

/* A clock that is days behind at a boot writes no date, whatever is done; what
 * it says is right again later. */
START_TEST(keys__a_clock_that_is_behind_saves_no_date)
{
	const struct rotation_policy p = {.rotate_s = 180 * 86400,
	    .queue_s = ROTATION_QUEUE_S,
	    .settle_ms = 0};
	const int64_t before = clk_now() / 1000;
	struct keys k;
	struct err err;
	int i;

	keys_init(&k, "example.org");
	keys_take(&k, folder);
	ck_assert_int_eq(keys_rotate(&k, folder, &err), RC_OK);
	keys_told(&k, folder, rotation_awaited(&k.ring)->pair.selector[0],
	    RING_ANNOUNCED);
	clk_set_offset((_i == 0 ? -2LL : -20000LL) * 86400 * 1000);
	keys_take(&k, folder);
	for (i = 0; i < 3; i++)
		ck_assert_ptr_null(keys_step(&k, folder, &p));
	keys_seen(&k, folder, &p, rotation_awaited(&k.ring)->pair.selector[0],
	    ROTATION_THERE, 3600, "");
	ck_assert_int_eq(
	    keys_use(&k, folder,
		sv_str(rotation_awaited(&k.ring)->pair.selector[0]), &err),
	    RC_OK);
	clk_set_offset(0);
	keys_take(&k, folder);
	ck_assert_uint_eq(k.ring.n, 2);
	for (i = 0; i < 2; i++) {
		ck_assert_int_ge(k.ring.e[i].since, before);
		ck_assert_int_le(k.ring.e[i].since, before + 600);
	}
	ck_assert_int_eq(k.ring.e[1].state, RING_RETIRING);
	keys_fini(&k);
}
END_TEST

UNIT_TESTS(signer)
{
	TCase *tc = tcase_create("signer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(
	    tc, keys__a_clock_that_is_behind_saves_no_date, 0, 2);
	tcase_add_test(tc, signer__makes_keys_and_signs);
	tcase_add_test(tc, signer__keeps_keys);
	tcase_add_test(tc, signer__leaves_what_it_cannot_read);
	tcase_add_test(tc, signer__takes_over_a_pair_without_states);
	tcase_add_test(tc, signer__changes_keys);
	tcase_add_test(tc, signer__uses_what_the_owner_says);
	tcase_add_test(tc, signer__signs_with_nothing_that_is_not_on_the_disk);
	tcase_add_test(tc, signer__says_what_was_never_used);
	tcase_add_test(tc, signer__is_bounded);
	tcase_add_test(tc, auth_service__signs_for_submission_only);
	return tc;
}
