/* The layout: whatever is shown, its markup is ours. */
#include <string.h>

#include "test/unit/unit.h"
#include "web/page/page.h"

#define EVIL "\"'><script>alert(1)</script><!--]]>&lt;\x01\xff\xe2\x80\xae"

static const enum page_word heads[] = {W_DEVICE, W_NONE};
static const struct page_link nav[] = {{"/a", W_HOME}, {"/b", W_DEVICES}};

static void
put_everything(struct page *p)
{
	static const struct page_choice choice[] = {{SV(EVIL), SV(EVIL)}};

	page_say(p, "p", W_DEVICE_NEW_FOR, page_text(SV(EVIL)));
	page_show(p, "p", SV(EVIL));
	page_notice(p, PAGE_NEWS, W_DEVICE_NEW_FOR, page_text(SV(EVIL)));
	page_notice_text(p, PAGE_BAD, SV(EVIL));
	page_code(p, SV(EVIL));
	page_lines(p, SV("a\n" EVIL "\nb"));
	page_table(p, W_DEVICES, heads, 2);
	page_row(p);
	page_cell(p, SV(EVIL));
	page_cell_open(p);
	page_press(p, "/x", W_SEARCH, PAGE_BUTTON_DANGER, "label", SV(EVIL));
	page_cell_end(p);
	page_row_end(p);
	page_table_end(p);
	page_form(p, "/x");
	page_field(p, &(struct page_field){.name = "a",
			  .label = W_DEVICE,
			  .hint = W_DEVICE_HINT,
			  .error_text = SV(EVIL),
			  .value = SV(EVIL)});
	page_check(p, "b", SV("3.4"), SV(EVIL));
	page_choose(p, "c", W_DEVICE, choice, 1, SV(EVIL));
	page_form_end(p);
	ck_assert_int_eq(page_qr(p, W_SCAN_CODE, SV(EVIL)), RC_OK);
}

START_TEST(page__escapes_all_that_it_shows)
{
	struct page p;
	struct buf b;
	const char *at;
	unsigned n = 0;

	buf_init(&b, PAGE_BUILD_MAX);
	page_begin(&p, &b,
	    &(struct page_frame){.title = W_HOME,
		.account = SV(EVIL),
		.csrf = SV("token"),
		.nav = nav,
		.nnav = 2,
		.here = "/b"});
	put_everything(&p);
	ck_assert(page_end(&p));
	ck_assert_ptr_null(strstr(b.p, "<script"));
	ck_assert_ptr_null(strstr(b.p, "<!--"));
	ck_assert_ptr_null(strstr(b.p, "\"'"));
	ck_assert_ptr_null(strchr(b.p, 1));
	ck_assert_ptr_null(strstr(b.p, "\xe2\x80\xae"));
	for (at = b.p; (at = strstr(at, "&lt;script&gt;")) != NULL; at++)
		n++;
	ck_assert_uint_ge(n, 14);
	/* Each form that changes something has it: two here, and the header's.
	 */
	n = 0;
	for (at = b.p;
	     (at = strstr(at, "name=\"csrf\" value=\"token\"")) != NULL; at++)
		n++;
	ck_assert_uint_eq(n, 3);
	ck_assert_ptr_nonnull(
	    strstr(b.p, "<a href=\"/b\" aria-current=\"page\">Devices</a>"));
	ck_assert_ptr_nonnull(
	    strstr(b.p, "aria-describedby=\"f1-hint f1-error\""));
	buf_fini(&b);
}
END_TEST

START_TEST(page__settings_are_typed_from_it)
{
	static const struct clients_server server = {.hostname = "mail.a.test",
	    .port = {[CLIENTS_IMAP] = {{993, true}},
		[CLIENTS_SUBMISSION] = {{465, true}, {587, false}}}};
	struct page p;
	struct buf b;

	buf_init(&b, PAGE_BUILD_MAX);
	page_begin(&p, &b, &(struct page_frame){.title = W_HOME});
	page_settings(&p, &server, SV("<b>&@x.test"));
	page_settings(&p, &server, SV(""));
	ck_assert(page_end(&p));
	ck_assert_ptr_nonnull(strstr(b.p, "&lt;b&gt;&amp;@x.test"));
	ck_assert_ptr_nonnull(strstr(b.p, "<span>port 465, SSL/TLS</span>"));
	ck_assert_ptr_nonnull(strstr(b.p, "<span>port 587, STARTTLS</span>"));
	ck_assert_ptr_nonnull(strstr(b.p, "the whole mail address"));
	ck_assert_ptr_null(strstr(b.p, "POP3"));
	buf_fini(&b);
}
END_TEST

START_TEST(page__too_much_is_nothing)
{
	struct page p;
	struct buf b;
	unsigned i;

	buf_init(&b, PAGE_BUILD_MAX);
	page_begin(&p, &b, &(struct page_frame){.title = W_HOME});
	for (i = 0; i < 6000; i++)
		page_say(&p, "p", W_DEVICES_ABOUT);
	ck_assert(!page_end(&p));
	buf_fini(&b);
}
END_TEST

START_TEST(page__secrets_are_compared_whole)
{
	ck_assert(page_same_secret(SV("abc"), SV("abc")));
	ck_assert(!page_same_secret(SV("abc"), SV("abd")));
	ck_assert(!page_same_secret(SV("abc"), SV("ab")));
	ck_assert(!page_same_secret(SV(""), SV("")));
}
END_TEST

UNIT_TESTS(page)
{
	TCase *t = tcase_create("page");

	tcase_add_test(t, page__escapes_all_that_it_shows);
	tcase_add_test(t, page__settings_are_typed_from_it);
	tcase_add_test(t, page__too_much_is_nothing);
	tcase_add_test(t, page__secrets_are_compared_whole);
	return t;
}
