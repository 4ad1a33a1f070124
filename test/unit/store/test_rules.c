#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/fsck.h"
#include "store/rules.h"
#include "test/unit/store/fixture.h"
#include "test/unit/unit.h"

#define TEXT "Subject: x\r\n\r\nabcd\r\n"

static uint64_t need;
static struct err err;

static int
put(struct store *st, const char *name, const char *text)
{
	return store_script_put(
	    st, STORE_SCRIPT_PERSON, sv_str(name), sv_str(text), &need, &err);
}

/* "name*=text;" of each, the active one with the star. */
static const char *
scripts(struct store *st)
{
	static char out[4096];
	struct store_scripts l;
	struct buf b;

	buf_init(&b, sizeof out);
	store_script_list(st, STORE_SCRIPT_PERSON, &l, &need);
	for (size_t i = 0; i < l.n; i++) {
		buf_addf(&b, "%s%s=", l.s[i].name, l.s[i].active ? "*" : "");
		ck_assert_int_eq(store_script_get(st, STORE_SCRIPT_PERSON,
				     sv_str(l.s[i].name), &b, &need),
		    RC_OK);
		buf_addc(&b, ';');
	}
	store_scripts_fini(&l);
	(void)snprintf(out, sizeof out, "%s", b.n > 0 ? b.p : "");
	buf_fini(&b);
	return out;
}

static struct store_body *
body(struct store *st, const char *text)
{
	struct store_body *b = store_body_new(st);

	ck_assert_int_eq(store_body_add(b, text, strlen(text)), RC_OK);
	return b;
}

/* What test/format/reader.py makes of it. */
static void
check_reader(const char *want)
{
	char cmd[600], got[4096];
	const char *reader = getenv("ACCOUNT_READER");
	size_t n;
	FILE *f;

	if (reader == NULL)
		return;
	(void)snprintf(
	    cmd, sizeof cmd, "python3 '%s' rules '%s'", reader, fixture_dir());
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(got, 1, sizeof got - 1, f);
	got[n] = '\0';
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_str_eq(got, want);
}

static void
check_fsck(void)
{
	struct fsck_report rep;

	ck_assert_int_eq(
	    fsck_check(fixture_dir(), &(struct fsck_opts){0}, &rep, &err),
	    RC_OK);
	for (size_t i = 0; i < rep.n; i++)
		ck_assert_msg(
		    rep.f[i].level == AUDIT_NOTE, "%s", rep.f[i].text);
	ck_assert_uint_eq(rep.damage + rep.derived, 0);
	fsck_report_fini(&rep);
}

static void
compact(struct store *st)
{
	const struct store_compact c = {.all = true};
	struct journal_compacted out;

	ck_assert_int_eq(store_roll(st), RC_OK);
	ck_assert_int_eq(store_compact(st, &c, &out), RC_OK);
}

START_TEST(store_rules__script_names)
{
	static const struct {
		const char *name;
		bool ok;
	} row[] = {{"main", true}, {"Urlaub \xc3\xbc", true}, {"", false},
	    {"a\tb", false}, {"a\x7f", false}, {"a\xc2\x85", false},
	    {"a\xe2\x80\xa8", false}, {"\xff", false}, {"a/b", true},
	    {"\xc3", false}, {"\xe2\x80\xa9", false}};
	char name[STORE_SCRIPT_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		ck_assert_msg(
		    store_script_name_ok(sv_str(row[i].name)) == row[i].ok,
		    "%zu", i);
	ck_assert(!store_script_name_ok(sv_of("a\0b", 3)));
	memset(name, 'a', sizeof name);
	ck_assert(store_script_name_ok(sv_of(name, sizeof name - 1)));
	ck_assert(!store_script_name_ok(sv_of(name, sizeof name)));
}
END_TEST

START_TEST(store_rules__scripts_stay)
{
	struct store *st = fixture_open();

	ck_assert_uint_eq(store_script_version(st), 0);
	ck_assert_int_eq(put(st, "b", "keep;"), RC_OK);
	ck_assert_int_eq(put(st, "a", ""), RC_OK);
	ck_assert_int_eq(put(st, "A", "stop;"), RC_OK);
	ck_assert_int_eq(
	    store_script_activate(st, SV("b"), &need, &err), RC_OK);
	ck_assert_int_eq(
	    store_script_delete(st, STORE_SCRIPT_PERSON, SV("b"), &need, &err),
	    RC_PERM);
	ck_assert_int_eq(put(st, "b", "discard;"), RC_OK);
	ck_assert_int_eq(
	    store_script_rename(st, SV("b"), SV("a"), &need, &err), RC_EXISTS);
	ck_assert_int_eq(store_script_rename(st, SV("x"), SV("y"), &need, &err),
	    RC_NOTFOUND);
	ck_assert_int_eq(
	    store_script_rename(st, SV("b"), SV("a\nb"), &need, &err),
	    RC_SYNTAX);
	ck_assert_int_eq(
	    store_script_rename(st, SV("b"), SV("c"), &need, &err), RC_OK);
	ck_assert_int_eq(
	    store_script_activate(st, SV("b"), &need, &err), RC_NOTFOUND);
	ck_assert_int_eq(
	    store_script_delete(st, STORE_SCRIPT_PERSON, SV("A"), &need, &err),
	    RC_OK);
	for (int how = 0; how < 4; how++) {
		ck_assert_str_eq(scripts(st), "a=;c*=discard;;");
		if (how == 1) {
			compact(st);
			fixture_add(st, "INBOX", TEXT, 0);
		}
		store_close(&st);
		if (how == 2)
			fixture_forget_checkpoint();
		check_reader("script 0 a\n\nscript 0 c active\ndiscard;\n");
		check_fsck();
		st = fixture_open();
	}
	ck_assert_int_eq(store_script_activate(st, SV(""), &need, &err), RC_OK);
	ck_assert_str_eq(scripts(st), "a=;c=discard;;");
	ck_assert_uint_ne(store_script_version(st), 0);
	store_close(&st);
}
END_TEST

START_TEST(store_rules__scripts_are_bounded)
{
	static char big[STORE_SCRIPT_MAX + 2];
	struct store *st = fixture_open();
	char name[32];

	memset(big, ' ', STORE_SCRIPT_MAX + 1);
	ck_assert_int_eq(put(st, "a", big), RC_TOOBIG);
	big[STORE_SCRIPT_MAX] = '\0';
	for (unsigned i = 0; i < STORE_SCRIPTS_BYTES_MAX / STORE_SCRIPT_MAX;
	     i++) {
		(void)snprintf(name, sizeof name, "big %u", i);
		ck_assert_int_eq(put(st, name, big), RC_OK);
	}
	ck_assert_int_eq(put(st, "one more", "x"), RC_TOOBIG);
	ck_assert_int_eq(put(st, "big 1", big), RC_OK);
	ck_assert_int_eq(put(st, "big 1", ""), RC_OK);
	for (unsigned i = 16; i < STORE_SCRIPTS_MAX; i++) {
		(void)snprintf(name, sizeof name, "small %u", i);
		ck_assert_int_eq(put(st, name, "x"), RC_OK);
	}
	ck_assert_int_eq(put(st, "too many", "x"), RC_EXISTS);
	ck_assert_int_eq(put(st, "big 2", "x"), RC_OK);
	/* Of another kind there is room. */
	ck_assert_int_eq(store_script_put(st, STORE_SCRIPT_PAGE, SV("rules"),
			     SV("keep;"), &need, &err),
	    RC_OK);
	store_close(&st);
}
END_TEST

START_TEST(store_rules__delivery_is_one_step)
{
	const uint8_t id[16] = {1};
	const struct sv work[] = {SV("Work"), SV("$Todo")};
	const struct store_place place[] = {
	    {.mailbox = "INBOX", .flags = {STORE_SEEN, work, 2}},
	    {.mailbox = "Archive", .flags = {0, &work[1], 1}, .body = 1},
	    {.mailbox = "inbox"}, {.mailbox = "INBOX", .body = 2}};
	const struct store_memo memo = {STORE_MEMO_NOTICE, {9}, 2000000000};
	const struct store_send send = {{7, 7}, 2, SV("to you")};
	struct store *st = fixture_open();
	struct store_added out[4];
	bool opaque[3] = {false};
	char *dump;

	for (int again = 0; again < 3; again++) {
		struct store_body *b[] = {body(st, TEXT),
		    body(st, "X: y\r\n" TEXT), body(st, "Z: z\r\n\r\n")};
		const struct store_delivery d = {.id = id,
		    .body = b,
		    .opaque = opaque,
		    .nbody = 3,
		    .place = place,
		    .nplace = 4,
		    .send = &send,
		    .nsend = 1,
		    .memo = &memo,
		    .nmemo = 1};

		ck_assert_int_eq(
		    store_deliver(st, &d, out, &need, &err), RC_OK);
		ck_assert(out[0].repeated == (again > 0));
		ck_assert_uint_eq(out[0].uid, 1);
		if (again == 0)
			ck_assert_uint_eq(out[2].uid + out[3].uid, 2);
		ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 2);
		ck_assert_uint_eq(fixture_status(st, "Archive").messages, 1);
		ck_assert_uint_eq(
		    fixture_status(st, "Archive").size, strlen(TEXT) + 6);
		ck_assert_uint_eq(store_outgoing_count(st), 1);
		ck_assert(store_memo_has(
		    st, STORE_MEMO_NOTICE, memo.key, 2000000000, &need));
		ck_assert(!store_memo_has(
		    st, STORE_MEMO_NOTICE, memo.key, 2000000001, &need));
		ck_assert(
		    !store_memo_has(st, STORE_MEMO_RULES, memo.key, 1, &need));
		dump = fixture_dump(st);
		ck_assert_ptr_nonnull(strstr(dump, " Work $Todo\n"));
		free(dump);
		if (again == 1)
			compact(st);
		store_close(&st);
		check_fsck();
		if (again == 0)
			fixture_forget_checkpoint();
		check_reader(
		    "memo 2 09000000000000000000000000000000 2000000000\n"
		    "outgoing 07070000000000000000000000000000 8 to you\n");
		st = fixture_open();
	}
	store_close(&st);
}
END_TEST

/* A folder that is gone: nothing of it happens. */
START_TEST(store_rules__delivery_is_nothing)
{
	const uint8_t id[16] = {1};
	const struct store_place place[] = {
	    {.mailbox = "INBOX"}, {.mailbox = "Nowhere"}};
	struct store *st = fixture_open();
	struct store_added out[2];
	struct store_body *b[] = {body(st, TEXT)};
	bool opaque = false;
	struct store_delivery d = {.id = id,
	    .body = b,
	    .opaque = &opaque,
	    .nbody = 1,
	    .place = place,
	    .nplace = 2};

	ck_assert_int_eq(store_deliver(st, &d, out, &need, &err), RC_NOTFOUND);
	ck_assert_ptr_null(b[0]);
	ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 0);
	ck_assert(!store_delivered(st, id, out, &need));
	/* Nor is it kept, and still done. */
	d.nplace = 0;
	b[0] = body(st, TEXT);
	ck_assert_int_eq(store_deliver(st, &d, out, &need, &err), RC_OK);
	fixture_again(&st);
	ck_assert(store_delivered(st, id, out, &need));
	ck_assert_uint_eq(out[0].uid, 0);
	ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 0);
	store_close(&st);
	check_fsck();
}
END_TEST

/* Its bytes stay until it is sent, whatever is thrown away. */
START_TEST(store_rules__outgoing_keeps_its_bytes)
{
	const uint8_t id[16] = {1};
	const struct store_send send[] = {
	    {{7}, 0, SV("to you")}, {{8}, 0, SV("")}, {{9}, 0, SV("")}};
	struct store *st = fixture_open();
	struct store_body *b[] = {body(st, TEXT)};
	struct store_added out[1];
	struct store_outgoings l;
	bool opaque = false;
	const struct store_delivery d = {.id = id,
	    .body = b,
	    .opaque = &opaque,
	    .nbody = 1,
	    .send = send,
	    .nsend = 3};
	char bytes[64];

	ck_assert_int_eq(store_deliver(st, &d, out, &need, &err), RC_OK);
	for (int i = 0; i < 2; i++) {
		compact(st);
		fixture_again(&st);
	}
	store_outgoing_list(st, &l, &need);
	ck_assert_uint_eq(l.n, 3);
	ck_assert_uint_eq(l.o[0].size, strlen(TEXT));
	ck_assert_int_eq(
	    store_read(st, l.o[0].body, 0, bytes, strlen(TEXT)), RC_OK);
	ck_assert_int_eq(memcmp(bytes, TEXT, strlen(TEXT)), 0);
	ck_assert_str_eq(l.o[0].envelope, "to you");
	store_outgoings_fini(&l);
	ck_assert_int_eq(
	    store_outgoing_end(st, send[0].id, NULL, &need, &err), RC_OK);
	ck_assert_int_eq(
	    store_outgoing_end(st, send[0].id, NULL, &need, &err), RC_NOTFOUND);
	compact(st);
	fixture_again(&st);
	ck_assert_uint_eq(store_outgoing_count(st), 2);
	/* The queue refuses it, for both: its owner gets it after all, once. */
	ck_assert_int_eq(
	    store_outgoing_end(st, send[1].id, "Gone", &need, &err), RC_OK);
	ck_assert_int_eq(
	    store_outgoing_end(st, send[2].id, "INBOX", &need, &err), RC_OK);
	fixture_again(&st);
	ck_assert_uint_eq(store_outgoing_count(st), 0);
	ck_assert_uint_eq(fixture_status(st, "INBOX").messages, 1);
	ck_assert_uint_eq(fixture_status(st, "INBOX").size, strlen(TEXT));
	compact(st);
	store_close(&st);
	check_fsck();
}
END_TEST

START_TEST(store_rules__memos_are_bounded)
{
	struct store *st = fixture_open();
	struct store_memo *m = calloc(1000, sizeof *m);
	struct store_added out[1];
	uint8_t id[16] = {0};

	for (unsigned k = 0; k <= STORE_MEMOS_MAX / 1000; k++) {
		struct store_delivery d = {.id = id, .memo = m, .nmemo = 1000};

		id[0] = (uint8_t)(k + 1);
		for (unsigned i = 0; i < 1000; i++) {
			m[i].kind = STORE_MEMO_RULES;
			m[i].until = 4000000000 + k * 1000 + i;
			m[i].key[0] = (uint8_t)k;
			m[i].key[1] = (uint8_t)(i >> 8);
			m[i].key[2] = (uint8_t)i;
		}
		ck_assert_int_eq(
		    store_deliver(st, &d, out, &need, &err), RC_OK);
	}
	fixture_again(&st);
	/* Those that end first are gone. */
	ck_assert(
	    store_memo_has(st, STORE_MEMO_RULES, m[0].key, 4000000000, &need));
	m[0].key[0] = 0;
	ck_assert(
	    !store_memo_has(st, STORE_MEMO_RULES, m[0].key, 4000000000, &need));
	m[0].key[0] = 1;
	ck_assert(
	    store_memo_has(st, STORE_MEMO_RULES, m[0].key, 4000000000, &need));
	free(m);
	store_close(&st);
}
END_TEST

UNIT_TESTS(rules)
{
	TCase *t = tcase_create("rules");

	tcase_add_checked_fixture(t, fixture_make, fixture_remove);
	tcase_add_test(t, store_rules__script_names);
	tcase_add_test(t, store_rules__scripts_stay);
	tcase_add_test(t, store_rules__scripts_are_bounded);
	tcase_add_test(t, store_rules__delivery_is_one_step);
	tcase_add_test(t, store_rules__delivery_is_nothing);
	tcase_add_test(t, store_rules__outgoing_keeps_its_bytes);
	tcase_add_test(t, store_rules__memos_are_bounded);
	return t;
}
