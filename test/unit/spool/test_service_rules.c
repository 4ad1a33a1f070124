/* What the rules of accounts send, by way of the keeper. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "ipc/msg_account.h"
#include "ipc/msg_mx.h"
#include "ipc/proto.h"
#include "msgauth/srs.h"
#include "test/unit/spool/fixture.h"
#include "test/unit/unit.h"

#define TEXT   "From: X <x@author.test>\r\nSubject: x\r\n\r\nhello\r\n"
#define LETTER "From: Anna <anna@example.org>\r\nSubject: x\r\n\r\nhello\r\n"

static struct account_mail
forward(uint8_t id, const char *to)
{
	return (struct account_mail){.account = SV("anna"),
	    .id = {id},
	    .kind = ACCOUNT_MAIL_FORWARD,
	    .sender = SV("x@author.test"),
	    .to = sv_str(to),
	    .via = SV("anna@example.org")};
}

static bool unsealed; /* are letters */

/* The answer's code. */
static int
send_as(struct account_mail mail, const char *text)
{
	struct account_sent sent;
	struct msg m;
	int r;

	mail.size = strlen(text);
	mail.fd = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(io_write_all(mail.fd, text, strlen(text)), RC_OK);
	if (mail.kind == ACCOUNT_MAIL_LETTER && !unsealed)
		ck_assert_int_eq(
		    fcntl(mail.fd, F_ADD_SEALS, ACCOUNT_MAIL_SEALS), 0);
	msg_init(&m, ACCOUNT_SEND);
	account_mail_put(&m, &mail);
	ck_assert_int_eq(line_send_fd(keeper, &m), RC_OK);
	do {
		await(keeper);
		ck_assert_int_eq(line_recv_fd(keeper, &m), RC_OK);
		r = m.type;
		if (r != ACCOUNT_SENT)
			msg_fini(&m);
	} while (r != ACCOUNT_SENT);
	ck_assert_int_eq(account_sent_get(&m, &sent), RC_OK);
	ck_assert(sv_eq(sent.account, mail.account));
	ck_assert_int_eq(memcmp(sent.id, mail.id, 16), 0);
	r = sent.rc;
	account_sent_fini(&sent);
	msg_fini(&m);
	return r;
}

static void
finish(void)
{
	/* Nothing to seal with. */
	auth_says(RC_DENIED, false);
	mx_says(expect(mx, MX_JOB), true, 250, "250 ok");
	ck_assert_uint_eq(spool_count(q->spool), 0);
}

START_TEST(queue_rules__forward_once)
{
	struct account_mail mail = forward(1, "y@other.test");
	const struct spool_recipient *to;

	ck_assert_int_eq(send_as(mail, TEXT), RC_OK);
	to = &only()->rcpt[0];
	ck_assert_str_eq(only()->sender, "x@author.test");
	ck_assert_str_eq(only()->owner, "anna");
	ck_assert_str_eq(to->address, "y@other.test");
	ck_assert_str_eq(to->via, "anna@example.org");
	ck_assert(!to->local);
	/* The account has not heard of it. */
	ck_assert_int_eq(send_as(mail, TEXT), RC_OK);
	(void)only();
	finish();
	ck_assert_int_eq(send_as(mail, TEXT), RC_OK);
	ck_assert_uint_eq(spool_count(q->spool), 0);
	end();
	start();
	ck_assert_int_eq(send_as(mail, TEXT), RC_OK);
	ck_assert_uint_eq(spool_count(q->spool), 0);
	mail.id[0] = 2;
	ck_assert_int_eq(send_as(mail, TEXT), RC_OK);
	(void)only();
}
END_TEST

/* It leaves with a sender of ours, and what comes back is for its owner. */
START_TEST(queue_rules__forward_with_our_sender)
{
	struct forward_back back;
	struct mx_job job;
	struct msg m;
	struct buf sender;

	ck_assert_int_eq(send_as(forward(1, "y@other.test"), TEXT), RC_OK);
	auth_says(RC_DENIED, false);
	await(mx);
	ck_assert_int_eq(line_recv_fd(mx, &m), RC_OK);
	ck_assert_int_eq(mx_job_get(&m, &job), RC_OK);
	ck_assert(srs_is(job.sender));
	ck_assert(sv_ends(job.sender, SV("@example.org")));
	buf_init(&sender, 1000);
	buf_addsv(&sender, job.sender);
	mx_job_fini(&job);
	buf_init(&back.sender, 1000);
	ck_assert_int_eq(
	    queue_forward_back(q, conf, buf_sv(&sender), &back), RC_OK);
	ck_assert_str_eq(back.alias->address, "anna@example.org");
	ck_assert_uint_eq(back.alias->naccount, 1);
	ck_assert(!back.author);
	ck_assert_str_eq(back.sender.p, "x@author.test");
	sender.p[6] = sender.p[6] == 'a' ? 'b' : 'a';
	ck_assert_int_ne(
	    queue_forward_back(q, conf, buf_sv(&sender), &back), RC_OK);
	buf_fini(&back.sender);
	buf_fini(&sender);
}
END_TEST

/* The address that it came to is the account's no longer, or was never: it
 * leaves by the first one, and does not wait for ever. */
START_TEST(queue_rules__forward_by_an_address_that_is_gone)
{
	static const char *const via[] = {
	    "ben@example.org", "old@example.org", "anna@elsewhere.test", ""};
	struct account_mail mail = forward(1, "y@other.test");

	mail.via = sv_str(via[_i]);
	ck_assert_int_eq(send_as(mail, TEXT), RC_OK);
	ck_assert_str_eq(only()->rcpt[0].via, "anna@example.org");
	finish();
}
END_TEST

/* It is taken away while the mail waits: what fails then is still told. */
START_TEST(queue_rules__an_address_goes_meanwhile)
{
	configure("aliases: { club@example.org: y@other.test }\n");
	ck_assert_int_eq(send_as(forward(1, "club@example.org"), TEXT), RC_OK);
	ck_assert_str_eq(only()->rcpt[0].via, "club@example.org");
	configure("");
	auth_says(RC_DENIED, false);
	mx_says(expect(mx, MX_JOB), true, 550, "550 no such mailbox");
	/* The report, to who answers for it. */
	ck_assert(only()->rcpt[0].local);
	ck_assert_str_eq(only()->rcpt[0].address, "anna");
}
END_TEST

START_TEST(queue_rules__a_failure_is_the_owners)
{
	struct mail_delivery d;
	struct msg m;

	ck_assert_int_eq(send_as(forward(1, "y@other.test"), TEXT), RC_OK);
	auth_says(RC_DENIED, false);
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
	ck_assert(only()->rcpt[0].local);
	ck_assert_str_eq(only()->rcpt[0].address, "anna");
	ck_assert_uint_ne(only()->flags & SPOOL_REPORT, 0);
	/* Their rules do not see it: they might send it away. */
	await(keeper);
	ck_assert_int_eq(line_recv_fd(keeper, &m), RC_OK);
	ck_assert_uint_eq(m.type, DELIVER);
	ck_assert_int_eq(mail_delivery_get(&m, &d), RC_OK);
	ck_assert_uint_eq(d.written.n, 0);
	mail_delivery_fini(&d);
}
END_TEST

START_TEST(queue_rules__to_our_own)
{
	struct mail_delivery d;
	struct msg m;

	ck_assert_int_eq(send_as(forward(1, "ben+x@example.org"), TEXT), RC_OK);
	ck_assert(only()->rcpt[0].local);
	ck_assert_str_eq(only()->rcpt[0].address, "ben");
	ck_assert_str_eq(only()->rcpt[0].written, "ben+x@example.org");
	/* The address that was written to stays over a restart. */
	end();
	start();
	await(keeper);
	ck_assert_int_eq(line_recv_fd(keeper, &m), RC_OK);
	ck_assert_uint_eq(m.type, DELIVER);
	ck_assert_int_eq(mail_delivery_get(&m, &d), RC_OK);
	ck_assert(sv_eq(d.written, SV("ben+x@example.org")));
	ck_assert(sv_eq(d.sender, SV("x@author.test")));
	mail_delivery_fini(&d);
}
END_TEST

/* An account's process that was taken over can do no more than its owner. */
START_TEST(queue_rules__what_is_refused)
{
	static const struct {
		const char *account, *sender, *to, *via, *text, *conf;
		enum account_mail_kind kind;
		int rc;
	} row[] = {
	    {"nobody", "x@author.test", "y@other.test", "anna@example.org",
		TEXT, "", ACCOUNT_MAIL_FORWARD, RC_TEMP},
	    {"anna", "x@author.test", "z@example.org", "anna@example.org", TEXT,
		"", ACCOUNT_MAIL_FORWARD, RC_NOTFOUND},
	    {"anna", "x@author.test", "y@other.test", "anna@example.org", TEXT,
		"relay: off\n", ACCOUNT_MAIL_FORWARD, RC_DENIED},
	    {"anna", "x@author.test", "y@other.test\r\nX:", "anna@example.org",
		TEXT, "", ACCOUNT_MAIL_FORWARD, RC_SYNTAX},
	    {"anna", "x@author.test", "postmaster", "anna@example.org", TEXT,
		"", ACCOUNT_MAIL_FORWARD, RC_SYNTAX},
	    {"anna", "", "y@other.test", "", TEXT, "", ACCOUNT_MAIL_LETTER,
		RC_DENIED},
	    {"anna", "x@author.test", "y@other.test", "", LETTER, "",
		ACCOUNT_MAIL_LETTER, RC_DENIED},
	    {"ben", "", "y@other.test", "", LETTER, "", ACCOUNT_MAIL_LETTER,
		RC_DENIED},
	    {"anna", "", "y@other.test", "", "From: anna@example.org\r\n" TEXT,
		"", ACCOUNT_MAIL_LETTER, RC_DENIED},
	    {"anna", "", "y@other.test", "", LETTER, "", ACCOUNT_MAIL_LETTER,
		RC_OK},
	    {"anna", "anna@example.org", "y@other.test", "", LETTER, "",
		ACCOUNT_MAIL_LETTER, RC_OK},
	};
	struct account_mail mail = forward(1, row[_i].to);

	configure(row[_i].conf);
	mail.account = sv_str(row[_i].account);
	mail.kind = (uint8_t)row[_i].kind;
	mail.sender = sv_str(row[_i].sender);
	mail.via = sv_str(row[_i].via);
	ck_assert_int_eq(send_as(mail, row[_i].text), row[_i].rc);
	ck_assert_uint_eq(spool_count(q->spool), row[_i].rc == RC_OK);
}
END_TEST

/* A letter is signed as its owner's mail is, and nobody hears of its end. */
START_TEST(queue_rules__letters_are_signed)
{
	struct account_mail mail = forward(1, "y@other.test");

	mail.kind = ACCOUNT_MAIL_LETTER;
	mail.sender = SV("");
	ck_assert_int_eq(send_as(mail, LETTER), RC_OK);
	auth_says(RC_NOTFOUND, false);
	auth_says(RC_OK, true);
	mx_says(expect(mx, MX_JOB), true, 550, "550 5.1.1 no");
	ck_assert_uint_eq(spool_count(q->spool), 0);
}
END_TEST

/* Else its author could be another one once that was looked at. */
START_TEST(queue_rules__letters_are_sealed)
{
	struct account_mail mail = forward(1, "y@other.test");

	mail.kind = ACCOUNT_MAIL_LETTER;
	mail.sender = SV("");
	unsealed = true;
	ck_assert_int_eq(send_as(mail, LETTER), RC_DENIED);
	unsealed = false;
	ck_assert_uint_eq(spool_count(q->spool), 0);
}
END_TEST

START_TEST(queue_rules__so_many_an_hour)
{
	struct account_mail ben = forward(9, "y@other.test");
	uint8_t i;

	configure("limits: { messages_per_hour: 3 }\n");
	/* What is not taken does not count. */
	for (i = 1; i <= 3; i++)
		ck_assert_int_eq(
		    send_as(forward(i, "z@example.org"), TEXT), RC_NOTFOUND);
	for (i = 1; i <= 3; i++)
		ck_assert_int_eq(
		    send_as(forward(i, "y@other.test"), TEXT), RC_OK);
	ck_assert_int_eq(send_as(forward(4, "y@other.test"), TEXT), RC_DENIED);
	/* One that is here already is not counted again. */
	ck_assert_int_eq(send_as(forward(2, "y@other.test"), TEXT), RC_OK);
	ben.account = SV("ben");
	ben.via = SV("ben@example.org");
	ck_assert_int_eq(send_as(ben, TEXT), RC_OK);
}
END_TEST

UNIT_TESTS(service_rules)
{
	TCase *t = tcase_create("service_rules");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, queue_rules__forward_once);
	tcase_add_test(t, queue_rules__forward_with_our_sender);
	tcase_add_loop_test(
	    t, queue_rules__forward_by_an_address_that_is_gone, 0, 4);
	tcase_add_test(t, queue_rules__an_address_goes_meanwhile);
	tcase_add_test(t, queue_rules__a_failure_is_the_owners);
	tcase_add_test(t, queue_rules__to_our_own);
	tcase_add_loop_test(t, queue_rules__what_is_refused, 0, 11);
	tcase_add_test(t, queue_rules__letters_are_signed);
	tcase_add_test(t, queue_rules__letters_are_sealed);
	tcase_add_test(t, queue_rules__so_many_an_hour);
	return t;
}
