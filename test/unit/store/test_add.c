#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "mime/mime.h"
#include "store/store_priv.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

#define MAIL "From: anna@example.org\r\nSubject: Hello\r\n\r\nText\r\n"

static struct store_msg
first_msg(struct store *st, const char *mailbox)
{
	struct view *v = fixture_view(st, mailbox);
	struct store_msg m;
	uint64_t need = 0;

	ck_assert_uint_eq(view_msgs(v, 1, 1, &m, &need), 1);
	view_close(&v);
	return m;
}

START_TEST(store_add__bytes_come_back)
{
	struct store *st = fixture_open();
	struct store_msg m;
	char got[sizeof MAIL];

	ck_assert_uint_eq(fixture_add(st, "INBOX", MAIL, STORE_FLAGGED), 1);
	m = first_msg(st, "INBOX");
	ck_assert_uint_eq(m.size, strlen(MAIL));
	ck_assert_uint_eq(m.system, STORE_FLAGGED);
	ck_assert_int_eq(m.internal_date, 1700000000);
	ck_assert_int_eq(m.zone, 60);
	for (int again = 0; again < 2; again++) {
		memset(got, 0, sizeof got);
		ck_assert_int_eq(store_read(st, m.body, 0, got, m.size), RC_OK);
		ck_assert_str_eq(got, MAIL);
		ck_assert_int_eq(store_read(st, m.body, 6, got, 4), RC_OK);
		ck_assert_int_eq(memcmp(got, "anna", 4), 0);
		ck_assert_int_eq(
		    store_read(st, m.body, 6, got, m.size), RC_EOF);
		ck_assert_int_eq(
		    store_read(st, m.body + 1, 0, got, 1), RC_NOTFOUND);
		fixture_again(&st);
	}
	store_close(&st);
}
END_TEST

START_TEST(store_add__unknown_mailbox)
{
	struct store *st = fixture_open();
	struct store_add a = {.mailbox = "none"};
	struct store_added out;

	ck_assert_int_eq(fixture_try_add(st, &a, MAIL, &out), RC_NOTFOUND);
	store_close(&st);
}
END_TEST

START_TEST(store_add__large_body_has_its_own_file)
{
	struct store_opts o = {.low_water_bytes = 1, .inline_body_max = 1000};
	struct store *st = fixture_open_with(&o);
	char *big = xmalloc(300001), *got = xmalloc(300000);
	struct store_msg m;

	for (size_t i = 0; i < 300000; i++)
		big[i] = (char)('a' + i % 23);
	big[300000] = '\0';
	fixture_add(st, "INBOX", big, 0);
	for (int again = 0; again < 2; again++) {
		m = first_msg(st, "INBOX");
		ck_assert_uint_eq(m.size, 300000);
		ck_assert_int_eq(store_read(st, m.body, 0, got, 300000), RC_OK);
		ck_assert_int_eq(memcmp(got, big, 300000), 0);
		ck_assert_int_eq(
		    store_read(st, m.body, 299990, got, 10), RC_OK);
		ck_assert_int_eq(memcmp(got, big + 299990, 10), 0);
		store_close(&st);
		st = fixture_open_with(&o);
	}
	free(got);
	free(big);
	store_close(&st);
}
END_TEST

START_TEST(store_add__delivery_id_is_remembered_for_seven_days)
{
	static const uint8_t id[16] = "0123456789abcdef";
	struct store *st = fixture_open();
	struct store_add a = {.mailbox = "INBOX", .delivery_id = id};
	struct store_added one, two;

	ck_assert_int_eq(fixture_try_add(st, &a, MAIL, &one), RC_OK);
	ck_assert(!one.repeated);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(fixture_try_add(st, &a, MAIL, &two), RC_OK);
		ck_assert(two.repeated);
		ck_assert_uint_eq(two.uid, one.uid);
		ck_assert_uint_eq(two.uidvalidity, one.uidvalidity);
		if (i == 1)
			fixture_forget_checkpoint();
		fixture_again(&st);
	}
	clk_set_offset((int64_t)8 * 24 * 3600 * 1000);
	ck_assert_int_eq(fixture_try_add(st, &a, MAIL, &two), RC_OK);
	clk_set_offset(0);
	ck_assert(!two.repeated);
	store_close(&st);
}
END_TEST

START_TEST(store_add__many_are_one_commit)
{
	struct store *st = fixture_open();
	struct store_body *b[3];
	struct store_add a[3] = {{.mailbox = "Sent"}, {.mailbox = "Sent"},
	    {.mailbox = "Sent", .flags.system = STORE_SEEN}};
	struct store_added out[3];
	struct sv bad = SV("no good");
	uint64_t need = 0;
	struct err err;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++) {
			b[i] = store_body_new(st);
			ck_assert_int_eq(store_body_add(b[i], MAIL, 10), RC_OK);
		}
		if (round == 1) {
			a[2].flags.keyword = &bad;
			a[2].flags.nkeyword = 1;
		}
		ck_assert_int_eq(store_add_all(st, b, a, 3, out, &need, &err),
		    round == 0 ? RC_OK : RC_SYNTAX);
		ck_assert_ptr_null(b[2]);
	}
	ck_assert_uint_eq(out[2].uid, 3);
	ck_assert_uint_eq(fixture_status(st, "Sent").messages, 3);
	ck_assert_uint_eq(fixture_status(st, "Sent").unseen, 2);
	ck_assert_int_eq(store_flush(st, need), RC_OK);
	store_close(&st);
}
END_TEST

START_TEST(store_add__full_disk_refuses_mail_but_not_flags)
{
	struct store_opts o = {.low_water_bytes = UINT64_MAX / 2};
	struct store *st = fixture_open();
	struct store_add a = {.mailbox = "INBOX"};
	struct store_added out;
	struct view *v;

	fixture_add(st, "INBOX", MAIL, 0);
	store_close(&st);
	st = fixture_open_with(&o);
	ck_assert_int_eq(fixture_try_add(st, &a, MAIL, &out), RC_NOSPACE);
	v = fixture_view(st, "INBOX");
	fixture_flag(v, 1, 1, STORE_OP_ADD, STORE_DELETED);
	fixture_expunge(v);
	view_close(&v);
	ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 0);
	store_close(&st);
}
END_TEST

START_TEST(store_add__summary_is_kept_and_made_anew)
{
	struct store *st = fixture_open();
	struct buf first, again;
	struct store_msg m;
	char cmd[128];

	buf_init(&first, 1 << 20);
	buf_init(&again, 1 << 20);
	fixture_add(st, "INBOX", MAIL, 0);
	m = first_msg(st, "INBOX");
	ck_assert_int_eq(store_summary(st, m.body, &first), RC_OK);
	ck_assert_uint_gt(first.n, 0);
	fixture_again(&st);
	ck_assert_int_eq(store_summary(st, m.body, &again), RC_OK);
	ck_assert(sv_eq(buf_sv(&first), buf_sv(&again)));
	store_close(&st);
	(void)snprintf(cmd, sizeof cmd, "rm %s/log/*.toc", fixture_dir());
	ck_assert_int_eq(system(cmd), 0);
	st = fixture_open();
	for (int i = 0; i < 2; i++) {
		buf_reset(&again);
		ck_assert_int_eq(store_summary(st, m.body, &again), RC_OK);
		ck_assert(sv_eq(buf_sv(&first), buf_sv(&again)));
		fixture_again(&st);
	}
	buf_fini(&first);
	buf_fini(&again);
	store_close(&st);
}
END_TEST

START_TEST(store_add__replaces_in_one_commit)
{
	struct store *st = fixture_open();
	struct store_add a = {.mailbox = "INBOX", .replaces = 2};
	struct store_added out;
	struct view_changes ch;
	struct view *v, *other;
	uint64_t need = 0, before, seq;

	for (int i = 0; i < 3; i++)
		fixture_add(st, "INBOX", MAIL, 0);
	v = fixture_view(st, "INBOX");
	other = fixture_view(st, "INBOX");
	a.replaces_in = v;
	before = fixture_status(st, "INBOX").modseq;
	ck_assert_int_eq(fixture_try_add(st, &a, MAIL MAIL, &out), RC_OK);
	ck_assert_uint_eq(out.uid, 4);
	/* Bytes and one change: what came has the MODSEQ of what went. */
	seq = fixture_status(st, "INBOX").modseq;
	ck_assert_uint_gt(seq, before);
	view_sync(other, true, &ch, &need);
	ck_assert_uint_eq(ch.nexpunged, 1);
	ck_assert_uint_eq(ch.expunged_seqno[0], 2);
	ck_assert_uint_eq(ch.exists, 3);
	view_changes_fini(&ch);
	/* Gone already: nothing is added. */
	ck_assert_int_eq(fixture_try_add(st, &a, MAIL, &out), RC_PERM);
	view_close(&other);
	view_close(&v);
	fixture_forget_checkpoint();
	fixture_again(&st);
	ck_assert_uint_eq(fixture_status(st, "INBOX").modseq, seq);
	v = fixture_view(st, "INBOX");
	ck_assert_str_eq(fixture_uids(v), "1,3,4");
	/* Into another mailbox. */
	a.replaces_in = v;
	a.replaces = 1;
	a.mailbox = "Sent";
	ck_assert_int_eq(fixture_try_add(st, &a, MAIL, &out), RC_OK);
	view_close(&v);
	fixture_again(&st);
	v = fixture_view(st, "INBOX");
	ck_assert_str_eq(fixture_uids(v), "3,4");
	ck_assert_uint_eq(fixture_status(st, "Sent").messages, 1);
	view_close(&v);
	ck_assert_int_eq(
	    view_open(st, "INBOX", true, NULL, NULL, &v, &need), RC_OK);
	a.replaces_in = v;
	a.replaces = 3;
	ck_assert_int_eq(fixture_try_add(st, &a, MAIL, &out), RC_DENIED);
	view_close(&v);
	store_close(&st);
}
END_TEST

/* What an older version has derived is made anew, and stays so. */
START_TEST(store_summary__of_an_older_version_is_made_anew)
{
	struct store *st = fixture_open();
	struct store_msg m;
	struct mime_summary sum;
	struct buf b;

	buf_init(&b, 1 << 20);
	(void)fixture_add(st, "INBOX", MAIL, 0);
	m = first_msg(st, "INBOX");
	journal_note_put(st->j, m.body, SV("\x01 of an older version"));
	for (int round = 0; round < 2; round++) {
		buf_reset(&b);
		buf_adds(&b, "x");
		ck_assert_int_eq(store_summary(st, m.body, &b), RC_OK);
		ck_assert_int_eq(
		    mime_summary_decode(sv_skip(buf_sv(&b), 1), &sum), RC_OK);
		ck_assert(sv_eq(sum.subject, SV("Hello")));
		mime_summary_fini(&sum);
		fixture_again(&st);
	}
	store_close(&st);
	buf_fini(&b);
}
END_TEST

/* What clients send without an end is bounded in memory, then in files, and
 * makes room when they are gone; deliveries are not refused meanwhile. */
START_TEST(store_body__what_all_clients_hold_is_bounded)
{
	enum {
		PIECE = 900000,
		MOST = 400
	};
	static struct store_body *b[MOST];
	struct store *st = fixture_open();
	struct store_body *delivery;
	char *text = malloc(PIECE);
	int n, refused = 0;

	memset(text, 'x', PIECE);
	for (int round = 0; round < 2; round++) {
		for (n = 0; n < MOST; n++) {
			int r;

			b[n] = store_body_new_bounded(st);
			r = store_body_add(b[n], text, PIECE);
			ck_assert(r == RC_OK || r == RC_TEMP);
			if (r == RC_TEMP)
				break;
			ck_assert_uint_le(
			    atomic_load(&st->bodies_memory), 37u << 20);
		}
		ck_assert_int_gt(n, 200);
		refused += n < MOST;
		delivery = store_body_new(st);
		ck_assert_int_eq(store_body_add(delivery, text, 10), RC_OK);
		store_body_free(&delivery);
		for (int i = 0; i <= n && i < MOST; i++)
			store_body_free(&b[i]);
		ck_assert_uint_eq(atomic_load(&st->bodies_memory), 0);
		ck_assert_uint_eq(atomic_load(&st->bodies_files), 0);
	}
	ck_assert_int_eq(refused, 2);
	free(text);
	store_close(&st);
}
END_TEST

UNIT_TESTS(add)
{
	TCase *t = tcase_create("add");

	tcase_add_checked_fixture(t, fixture_make, fixture_remove);
	tcase_add_test(t, store_add__bytes_come_back);
	tcase_add_test(t, store_add__replaces_in_one_commit);
	tcase_add_test(t, store_add__unknown_mailbox);
	tcase_add_test(t, store_add__large_body_has_its_own_file);
	tcase_add_test(t, store_add__delivery_id_is_remembered_for_seven_days);
	tcase_add_test(t, store_add__many_are_one_commit);
	tcase_add_test(t, store_add__full_disk_refuses_mail_but_not_flags);
	tcase_add_test(t, store_summary__of_an_older_version_is_made_anew);
	tcase_add_test(t, store_body__what_all_clients_hold_is_bounded);
	tcase_add_test(t, store_add__summary_is_kept_and_made_anew);
	return t;
}
