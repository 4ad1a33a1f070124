/* Maildir's names, line ends, the index. */
#include "test/unit/unit.h"

#include "imap/transfer/disk.h"
#include "imap/transfer/index.h"
#include "imap/transfer/lines.h"
#include "imap/transfer/emlx.h"
#include "imap/transfer/look.h"
#include "imap/transfer/maildir.h"
#include "imap/transfer/mh.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct {
	const char *name, *base, *flags;
	unsigned unknown;
} names[] = {
    {"1.a:2,", "1.a", "", 0},
    {"1.a", "1.a", "", 0},
    {"1.a,S=5:2,RS", "1.a,S=5", "\\Answered \\Seen", 0},
    {"1.a:2,DFPRST", "1.a",
	"\\Draft \\Flagged $Forwarded \\Answered \\Seen \\Deleted", 0},
    {"1.a:2,SSSS", "1.a", "\\Seen", 0},
    {"1.a:2,Sab", "1.a", "\\Seen Work $Label1", 0},
    {"1.a:2,aaz", "1.a", "Work", 1},
    {"1.a:2,X!", "1.a", "", 2},
    {"1.a:2,S,more", "1.a", "\\Seen", 0},
    {"1.a:1,S", "1.a", "", 0},
    {"1.a:2", "1.a", "", 0},
    /* Where a colon cannot be. */
    {"1.a;2,S", "1.a", "\\Seen", 0},
    {"1.a!2,RS", "1.a", "\\Answered \\Seen", 0},
    {"1.a,S=5_2,S", "1.a,S=5", "\\Seen", 0},
    {"1.a%3A2,FS", "1.a", "\\Flagged \\Seen", 0},
    {"1.a\xef\x80\xa2"
     "2,S",
	"1.a", "\\Seen", 0},
    {"1.a%3A2%2CFS", "1.a", "\\Flagged \\Seen", 0},
    {"1.a_2,S=5", "1.a_2,S=5", "", 0},
    {"1.a_2,b:2,S", "1.a_2,b", "\\Seen", 0},
};

START_TEST(maildir_flags__reads_names)
{
	struct maildir_keywords k;
	unsigned unknown, bad;
	struct buf b;

	buf_init(&b, 1000);
	maildir_keywords_parse(SV("0 Work\n1 $Label1\n"), &k, &bad);
	maildir_flags(sv_str(names[_i].name), &k, &b, &unknown);
	ck_assert_str_eq(b.p, names[_i].flags);
	ck_assert_uint_eq(unknown, names[_i].unknown);
	ck_assert(sv_eq(
	    maildir_base(sv_str(names[_i].name)), sv_str(names[_i].base)));
	maildir_keywords_fini(&k);
	buf_fini(&b);
}
END_TEST

START_TEST(maildir_keywords__of_courier)
{
	static const struct {
		const char *list, *base, *want;
	} rows[] = {
	    {"work\n$label1\n\n1.a:0\n2.a:1 0\n", "2.a", "$label1 work"},
	    {"work\n$label1\n\n1.a:0\n2.a:1 0\n", "1.a", "work"},
	    {"work\n$label1\n\n1.a:0\n2.a:1 0\n", "3.a", ""},
	    {"work\n\n1.a:1 x 0 99999999\n", "1.a", "work"},
	    {"wo(rk\n\n1.a:0\n", "1.a", ""},
	    {"work\n", "1.a", ""},
	    {"", "1.a", ""},
	};
	struct buf b;
	size_t i;

	buf_init(&b, 1000);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_reset(&b);
		maildir_courier_keywords(
		    sv_str(rows[i].list), sv_str(rows[i].base), &b);
		ck_assert(sv_eq(buf_sv(&b), sv_str(rows[i].want)));
	}
	buf_fini(&b);
}
END_TEST

START_TEST(maildir_evolution__has_other_dots)
{
	struct buf b;

	buf_init(&b, 1000);
	buf_adds(&b, "_2E/a_2Eb_5f2E_2_41_2");
	maildir_evolution_name(&b, 4);
	ck_assert_str_eq(b.p, "_2E/a.b_2E_2_41_2");
	buf_fini(&b);
}
END_TEST

START_TEST(mh__has_numbers_and_flags)
{
#define MARKS                              \
	"\2\0\0\0\1\0\0\0\3\0\0\0\2\0\0\0" \
	"\0\0\0\0\3\0\0\0\x3c\0\0\0\1\0\0\0\x14\0\0\0"
	static const struct {
		struct sv marks;
		const char *name, *want;
	} rows[] = {
	    {SV(MARKS), "1", "\\Seen \\Flagged \\Answered"},
	    {SV(MARKS), "2", "\\Seen"},
	    {SV(MARKS), "3",
		"\\Seen \\Flagged \\Deleted \\Answered $Forwarded"},
	    {SV(MARKS), "4", ""},
	    {SV("\0\0\0\2\0\0\0\1\0\0\0\4"), "1", "\\Seen \\Flagged"},
	    {SV("\0\0\0\2\0\0\0\1\0\0\0"), "1", ""},
	    {SV("\3\0\0\0\1\0\0\0\0\0\0\0"), "1", ""},
	    {SV("\2"), "1", ""},
	};
	struct buf b;
	size_t i;

	buf_init(&b, 1000);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_reset(&b);
		mh_mark_flags(rows[i].marks, sv_str(rows[i].name), &b);
		ck_assert(sv_eq(buf_sv(&b), sv_str(rows[i].want)));
	}
	buf_fini(&b);
	ck_assert(mh_is_message(SV("12")) && mh_is_message(SV("12.")));
	ck_assert(!mh_is_message(SV("0")) && !mh_is_message(SV(".")) &&
		  !mh_is_message(SV("1..")) && !mh_is_message(SV("1.eml")));
}
END_TEST

START_TEST(disk__names_as_levels)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
	    {"Entw\xc3\xbcrfe", "Entw\xc3\xbcrfe"},
	    {"Entwu\xcc\x88rfe/a", "Entw\xc3\xbcrfe/a"},
	    {"Entw\xfcrfe/Mu\xcc\x88ller", "Entw\xc3\xbcrfe/M\xc3\xbcller"},
	    {"", ""},
	};
	static const struct {
		const char *entry, *strip, *kmail;
	} entries[] = {
	    {"a.mbox", "a", ""},
	    {"a.MBOX", "a", ""},
	    {"a.sbd", "a", ""},
	    {"In.mbx", "In", ""},
	    {"a.fol", "a", ""},
	    {".mbox", ".mbox", ""},
	    {".a.directory", ".a.directory", "a"},
	    {".directory", ".directory", ""},
	    {"a.directory", "a.directory", ""},
	};
	struct buf b;
	size_t i;

	buf_init(&b, 1000);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_reset(&b);
		disk_put_path(&b, sv_str(rows[i].path));
		ck_assert(sv_eq(buf_sv(&b), sv_str(rows[i].want)));
	}
	buf_fini(&b);
	for (i = 0; i < sizeof entries / sizeof entries[0]; i++) {
		struct sv entry = sv_str(entries[i].entry);

		ck_assert(sv_eq(disk_strip(entry), sv_str(entries[i].strip)));
		ck_assert(sv_eq(disk_kmail(entry), sv_str(entries[i].kmail)));
	}
	ck_assert(disk_has_dots(SV("INBOX.Sent")));
	ck_assert(disk_has_dots(SV("[Gmail].Drafts")));
	ck_assert(!disk_has_dots(SV("INBOX")) && !disk_has_dots(SV("a.b")));
}
END_TEST

START_TEST(maildir_time__is_in_the_name)
{
	ck_assert_int_eq(maildir_time(SV("1600000001.M1.h:2,S")), 1600000001);
	ck_assert_int_eq(maildir_time(SV("1000.a")), 0);
	ck_assert_int_eq(maildir_time(SV("1600000001")), 0);
	ck_assert_int_eq(maildir_time(SV("16000000011600000001.a")), 0);
	ck_assert_int_eq(maildir_time(SV("x")), 0);
}
END_TEST

static const struct {
	struct sv bytes;
	const char *why; /* a part of it; NULL: a message */
} looks[] = {
    {{"Subject: 1\n\nx", 13}, NULL},
    {{"\xef\xbb\xbf"
      "Subject: 1\n",
	 14},
	NULL},
    {{"\r\nSubject: 1\r\n", 14}, NULL},
    {{"From a Tue Nov 24 11:36:46 2026\nTo: 1\n", 39}, NULL},
    {{"From: a\rTo: b\r\rx", 17}, NULL},
    {{"xyz\nReceived: by a\n", 20}, NULL},
    {{"", 0}, "empty"},
    {{"BZh91AY&SY", 10}, "bzip2"},
    {{"\xfd"
      "7zXZ\0",
	 6},
	"xz"},
    {{"\x28\xb5\x2f\xfd", 4}, "zstd"},
    {{"\x04\x22\x4d\x18", 4}, "lz4"},
    {{"Dovecot-LZ4\x0d\x2a\x9b\xc5", 15}, "lz4"},
    {{"CRYPTED\x03\x07\x02", 10}, "encrypted"},
    {{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8}, "Outlook"},
    {{"\xff\xfe"
      "F\0r\0o\0",
	 8},
	"UTF-16"},
    {{"F\0r\0o\0m\0:\0", 10}, "UTF-16"},
    {{"\x8a\x01\x02:\nTo: 1\n", 12}, "no header"},
    {{"just text\nand more\n", 19}, "no header"},
    {{"text\n\nSubject: 1\n", 18}, "no header"},
};

START_TEST(look__tells_messages_from_the_rest)
{
	const char *why = look_why_not(looks[_i].bytes, false);

	if (looks[_i].why == NULL)
		ck_assert_msg(why == NULL, "%d: %s", _i, why);
	else
		ck_assert_msg(why != NULL && strstr(why, looks[_i].why) != NULL,
		    "%d: %s", _i, why != NULL ? why : "a message");
}
END_TEST

START_TEST(emlx__has_a_message_and_its_flags)
{
	struct buf flags;
	uint64_t size;
	int64_t date;
	size_t off;

	ck_assert_int_eq(
	    emlx_head(SV("123      \nFrom: a"), &off, &size), RC_OK);
	ck_assert_uint_eq(off, 10);
	ck_assert_uint_eq(size, 123);
	ck_assert_int_eq(emlx_head(SV("From: a\n"), &off, &size), RC_SYNTAX);
	ck_assert_int_eq(emlx_head(SV("123"), &off, &size), RC_SYNTAX);
	buf_init(&flags, 1000);
	emlx_plist(SV("<plist><dict><key>date-received</key>\n\t<integer>"
		      "1600000001</integer><key>flags</key>\n\t<integer>"
		      "8590195729</integer></dict>"),
	    &flags, &date);
	ck_assert_str_eq(flags.p, "\\Seen \\Flagged");
	ck_assert_int_eq(date, 1600000001);
	buf_fini(&flags);
}
END_TEST

START_TEST(maildir_keywords__leaves_out_what_is_none)
{
	struct maildir_keywords k;
	unsigned bad;

	maildir_keywords_parse(SV("0 Work\n0 Again\n26 Z\n1\n-1 x\n2 a b\n3 "
				  "(x)\n\n25 Last\r\nx y"),
	    &k, &bad);
	ck_assert_uint_eq(bad, 7);
	ck_assert_str_eq(k.name[0], "Work");
	ck_assert_str_eq(k.name[25], "Last");
	ck_assert_ptr_null(k.name[1]);
	maildir_keywords_fini(&k);
}
END_TEST

START_TEST(maildir_info__counts_what_has_no_letter)
{
	struct maildir_keywords k = {{NULL}};
	struct buf b, flags;
	unsigned lost, i;

	buf_init(&b, 1000);
	buf_init(&flags, 1000);
	for (i = 0; i < 28; i++)
		buf_addf(&flags, "k%u ", i);
	buf_adds(&flags, "\\Seen \\Flagged $forwarded \\Strange");
	maildir_info(buf_sv(&flags), &k, &b, &lost);
	ck_assert_str_eq(b.p, ":2,FPSabcdefghijklmnopqrstuvwxyz");
	ck_assert_uint_eq(lost, 2);
	buf_reset(&b);
	maildir_info(SV("K3 \\Answered"), &k, &b, &lost);
	ck_assert_str_eq(b.p, ":2,Rd");
	maildir_keywords_fini(&k);
	buf_fini(&flags);
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *dir, *name; /* NULL: refused */
	bool back;
} dirs[] = {
    {".Sent", "Sent", true},
    {".a.b.c", "a/b/c", true},
    {".Entw&APw-rfe", "Entw\xc3\xbcrfe", true},
    {".Entw\xc3\xbcrfe", "Entw\xc3\xbcrfe", false},
    {".R&-D", "R&D", true},
    {".R&D", "R&D", false},
    {".Dr\\2e Smith.x", "Dr. Smith/x", true},
    {".a\\5c2e", "a\\2e", true},
    {".a\\b", "a\\b", true},
    {".\\2e\\2e", "..", true},
    {".&AOk-\\2e&AOk-", "\xc3\xa9.\xc3\xa9", true},
    {".a\\2fb", "a_b", false},
    {".", NULL, false},
    {"x", NULL, false},
    {".a..b", NULL, false},
    {"..", NULL, false},
    {".a.", NULL, false},
    {".a\tb", NULL, false},
    /* Latin-1, Evolution's below the inbox. */
    {".Entw\xfcrfe", "Entw\xc3\xbcrfe", false},
    {".Entwu\xcc\x88rfe.x", "Entw\xc3\xbcrfe/x", false},
    {"..Sub.x", "INBOX/Sub/x", false},
};

START_TEST(maildir_folder__reads_and_writes_names)
{
	struct buf b;
	int r;

	buf_init(&b, 1000);
	r = maildir_folder_name(sv_str(dirs[_i].dir), &b);
	if (dirs[_i].name == NULL) {
		ck_assert_msg(r == RC_SYNTAX, "%s is taken", dirs[_i].dir);
	} else {
		ck_assert_int_eq(r, RC_OK);
		ck_assert_str_eq(b.p, dirs[_i].name);
		buf_reset(&b);
		ck_assert_int_eq(
		    maildir_folder_dir(sv_str(dirs[_i].name), &b), RC_OK);
		if (dirs[_i].back)
			ck_assert_str_eq(b.p, dirs[_i].dir);
	}
	buf_reset(&b);
	ck_assert_int_eq(maildir_folder_dir(SV("a.b"), &b), RC_OK);
	ck_assert_str_eq(b.p, ".a\\2eb");
	buf_fini(&b);
}
END_TEST

static const struct {
	const char *in, *crlf;
	bool clean; /* the second comes back from LF */
} ends[] = {
    {"", "", true},
    {"a\n", "a\r\n", true},
    {"a\r\n", "a\r\n", true},
    {"\n\n", "\r\n\r\n", true},
    {"a\rb", "a\rb", true},
    {"\r", "\r", true},
    {"a\r\r\nb", "a\r\r\nb", false},
    {"\r\r\r", "\r\r\r", true},
    {"a\r\nb\nc", "a\r\nb\r\nc", true},
};

static void
there_and_back(struct sv in, const char *want, bool clean, size_t step)
{
	struct lines_in to = {.last = '\0'};
	struct lines_out from = {.cr = false};
	struct lines_in again = {.last = '\0'};
	struct lines_check check = {.last = '\0'};
	struct buf a, b, c;
	size_t i;

	buf_init(&a, 1000);
	buf_init(&b, 1000);
	buf_init(&c, 1000);
	for (i = 0; i < in.n; i += step)
		ck_assert(
		    lines_to_crlf(&to, sv_first(sv_skip(in, i), step), &a));
	ck_assert_str_eq(a.p, want);
	for (i = 0; i < a.n; i += step) {
		struct sv piece = sv_first(sv_skip(buf_sv(&a), i), step);

		lines_check(&check, piece);
		ck_assert(lines_to_lf(&from, piece, &b));
	}
	ck_assert(lines_to_lf_end(&from, &b));
	ck_assert(check.unclean == !clean);
	ck_assert(lines_to_crlf(&again, buf_sv(&b), &c));
	if (clean)
		ck_assert_str_eq(c.p, want);
	buf_fini(&c);
	buf_fini(&b);
	buf_fini(&a);
}

START_TEST(lines__there_and_back)
{
	size_t step;

	for (step = 1; step < 10; step++)
		there_and_back(
		    sv_str(ends[_i].in), ends[_i].crlf, ends[_i].clean, step);
}
END_TEST

START_TEST(lines_check__sees_a_lonely_lf)
{
	struct lines_check c = {.last = '\0'};

	lines_check(&c, SV("a\r"));
	lines_check(&c, SV("\nb\n"));
	ck_assert(c.unclean);
}
END_TEST

START_TEST(file_index__finds_lines_and_refuses_broken_ones)
{
	struct file_entry e = {-5, -210, SV("\\Seen Work")};
	struct file_index x;

	file_index_init(&x, 10000);
	buf_adds(&x.text, "b.eml\t10\t0\t\n"
			  "d.eml\t10\t0\t\\Seen) {5}\n"
			  "e.eml\tx\t0\t\n"
			  "f.eml\t1\t1440\t\n"
			  "g.eml\n"
			  "h.eml\t1\t0\t\\\n"
			  "i.eml\t999999999999\t0\t\n");
	file_index_put(&x.text, SV("a.eml"), &e);
	file_index_sort(&x);
	ck_assert(file_index_find(&x, SV("b.eml"), &e) && e.date == 10 &&
		  e.flags.n == 0);
	ck_assert(file_index_find(&x, SV("a.eml"), &e));
	ck_assert(e.date == -5 && e.zone == -210);
	ck_assert(sv_eq(e.flags, SV("\\Seen Work")));
	ck_assert(!file_index_find(&x, SV("c.eml"), &e));
	ck_assert(!file_index_find(&x, SV("d.eml"), &e));
	ck_assert(!file_index_find(&x, SV("e.eml"), &e));
	ck_assert(!file_index_find(&x, SV("f.eml"), &e));
	ck_assert(!file_index_find(&x, SV("g.eml"), &e));
	ck_assert(!file_index_find(&x, SV("h.eml"), &e));
	ck_assert(!file_index_find(&x, SV("i.eml"), &e));
	file_index_fini(&x);
}
END_TEST

static const struct {
	const char *text, *want;
} subscriptions[] = {
    {"INBOX\nSub.Folder\nDr\\2e Smith\n", "INBOX\nSub/Folder\nDr. Smith\n"},
    {"V\t2\n\nINBOX\nSub\tFolder\n", "INBOX\nSub/Folder\n"},
    {"INBOX.Sent\r\nINBOX\r\n", "Sent\nINBOX\n"},
    {"Entw&APw-rfe\n\n..\na\tb\nlast", "Entw\xc3\xbcrfe\nlast\n"},
    {"", ""},
};

START_TEST(maildir_subscriptions__of_several_programs)
{
	struct buf b;

	buf_init(&b, 1000);
	maildir_subscriptions(sv_str(subscriptions[_i].text), &b);
	ck_assert_str_eq(b.n > 0 ? b.p : "", subscriptions[_i].want);
	buf_fini(&b);
}
END_TEST

UNIT_TESTS(transfer_formats)
{
	TCase *t = tcase_create("formats");

	tcase_add_loop_test(t, maildir_subscriptions__of_several_programs, 0,
	    COUNT(subscriptions));

	tcase_add_loop_test(t, maildir_flags__reads_names, 0, COUNT(names));
	tcase_add_test(t, maildir_keywords__leaves_out_what_is_none);
	tcase_add_test(t, maildir_keywords__of_courier);
	tcase_add_test(t, maildir_evolution__has_other_dots);
	tcase_add_test(t, mh__has_numbers_and_flags);
	tcase_add_test(t, disk__names_as_levels);
	tcase_add_test(t, maildir_time__is_in_the_name);
	tcase_add_loop_test(
	    t, look__tells_messages_from_the_rest, 0, COUNT(looks));
	tcase_add_test(t, emlx__has_a_message_and_its_flags);
	tcase_add_test(t, maildir_info__counts_what_has_no_letter);
	tcase_add_loop_test(
	    t, maildir_folder__reads_and_writes_names, 0, COUNT(dirs));
	tcase_add_loop_test(t, lines__there_and_back, 0, COUNT(ends));
	tcase_add_test(t, lines_check__sees_a_lonely_lf);
	tcase_add_test(t, file_index__finds_lines_and_refuses_broken_ones);
	return t;
}
