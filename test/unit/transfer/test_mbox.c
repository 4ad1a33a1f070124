#include "test/unit/unit.h"

#include "imap/transfer/lines.h"
#include "imap/transfer/mbox.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define POST	 "From a@example.test Tue Nov 24 11:36:46 2026\n"

/* What came, for people: "<bytes|flags>" for each message, '!' if internal,
 * "@" and where its labels put it, "?" and how many lines are doubtful. */
struct got {
	struct buf text;
};

static int
on_begin(void *arg, const struct mbox_info *info)
{
	struct got *g = arg;

	(void)info;
	buf_addc(&g->text, '<');
	return RC_OK;
}

static int
on_data(void *arg, struct sv bytes)
{
	struct got *g = arg;

	ck_assert_uint_gt(bytes.n, 0);
	buf_addsv(&g->text, bytes);
	return RC_OK;
}

static int
on_end(void *arg, const struct mbox_info *info)
{
	struct got *g = arg;

	buf_addc(&g->text, '|');
	buf_addsv(&g->text, info->flags);
	if (info->labels)
		buf_addf(&g->text, "@%.*s", SV_ARG(info->place));
	if (info->expunged)
		buf_adds(&g->text, "-gone");
	if (info->doubtful > 0)
		buf_addf(&g->text, "?%u", info->doubtful);
	buf_adds(&g->text, info->internal ? "!>" : ">");
	return RC_OK;
}

static int
read_mbox(struct sv in, size_t step, struct got *g)
{
	const struct mbox_ops ops = {
	    .begin = on_begin, .data = on_data, .end = on_end, .arg = g};
	struct mbox m;
	size_t i;
	int r = RC_OK;

	buf_init(&g->text, 1 << 22);
	mbox_init(&m, &ops);
	for (i = 0; i < in.n && r == RC_OK; i += step)
		r = mbox_feed(&m, sv_first(sv_skip(in, i), step));
	if (r == RC_OK)
		r = mbox_end(&m);
	mbox_fini(&m);
	return r;
}

static const struct {
	const char *name, *in, *want; /* NULL: no mbox */
} rows[] = {
    {"nothing", "", ""},
    {"one", POST "S: 1\n\nx\n\n", "<S: 1\r\n\r\nx\r\n|>"},
    {"two", POST "S: 1\n\nx\n\n" POST "S: 2\n\ny\n\n",
	"<S: 1\r\n\r\nx\r\n|><S: 2\r\n\r\ny\r\n|>"},
    {"no empty line at the end", POST "S: 1\n\nx\n", "<S: 1\r\n\r\nx\r\n|>"},
    {"no line end at the end", POST "S: 1\n\nx", "<S: 1\r\n\r\nx|>"},
    {"CR LF", "From a Tue Nov 24 11:36:46 2026\r\nS: 1\r\n\r\nx\r\n\r\n",
	"<S: 1\r\n\r\nx\r\n|>"},
    {"header alone", POST "S: 1\n\n" POST "S: 2\n\n", "<S: 1\r\n|><S: 2\r\n|>"},
    {"empty message", POST "\n" POST "\n", "<|><|>"},
    {"quoted", POST "S: 1\n\n>From a\n>>From b\n> From c\n>x\n>\n",
	"<S: 1\r\n\r\nFrom a\r\n>From b\r\n> From c\r\n>x\r\n>\r\n|>"},
    {"mark at the end", POST "S: 1\n\n>", "<S: 1\r\n\r\n>|>"},
    {"not quoted, no empty line", POST "S: 1\n\nx\n" POST "y\n",
	"<S: 1\r\n\r\nx\r\nFrom a@example.test Tue Nov 24 11:36:46 2026\r\n"
	"y\r\n|>"},
    {"not quoted, no date", POST "S: 1\n\nx\n\nFrom now on\n",
	"<S: 1\r\n\r\nx\r\n\r\nFrom now on\r\n|>"},
    {"Thunderbird", "From - Tue Nov 24 11:36:46 2026\nS: 1\n\nx\n\n",
	"<S: 1\r\n\r\nx\r\n|>"},
    {"first without date", "From somebody\nS: 1\n\nx\n\n",
	"<S: 1\r\n\r\nx\r\n|>"},
    {"no mbox", "Subject: 1\n\nx\n", NULL},
    {"no mbox, quoted", ">From a Tue Nov 24 11:36:46 2026\n", NULL},
    {"flags anywhere",
	POST "S: 1\nStatus: RO\nX-Status: AFTD\nX-Keywords: a  b  (bad) A\n"
	     "T: 2\n\nStatus: body\n",
	"<S: 1\r\nT: 2\r\n\r\nStatus: body\r\n|\\Seen \\Answered \\Flagged "
	"\\Draft \\Deleted a b>"},
    {"fields of the file",
	POST "X-UID: 5\n more\nS: 1\ncontent-length: 7\n\nx\n",
	"<S: 1\r\n\r\nx\r\n|>"},
    {"internal", POST "S: DON'T DELETE\nX-IMAP: 1 2\n\nx\n",
	"<S: DON'T DELETE\r\n\r\nx\r\n|!>"},
    {"ours",
	POST "Status: RO\nX-Status: \nX-Keywords: k\n"
	     "X-Hearthmail: whole lines\nStatus: own\nX-UID: 3\n\nx\n\n",
	"<Status: own\r\nX-UID: 3\r\n\r\nx\r\n|\\Seen k>"},
    {"ours, bare",
	POST "Status: O\nX-Status: F\nX-Keywords:\n"
	     "X-Hearthmail: no line end at the end\nS: 1\n\nx\n\n",
	"<S: 1\r\n\r\nx|\\Flagged>"},
    /* Separators as programs write them. */
    {"bare",
	"From \r\nFrom: a\r\nSubject: 1\r\n\r\na\r\n\r\n"
	"From \r\nFrom: a\r\nSubject: 2\r\n\r\nb\r\n\r\n",
	"<From: a\r\nSubject: 1\r\n\r\na\r\n|>"
	"<From: a\r\nSubject: 2\r\n\r\nb\r\n|>"},
    {"dated, then bare",
	"From - Tue Jan 02 10:00:00 2024\nS: 1\n\na\n\nFrom \nS: 2\n\nb\n\n",
	"<S: 1\r\n\r\na\r\n|><S: 2\r\n\r\nb\r\n|>"},
    {"bare, no empty line before", "From \nTo: 1\n\na\nFrom \nTo: 2\n\nb\n",
	"<To: 1\r\n\r\na\r\n|><To: 2\r\n\r\nb\r\n|>"},
    {"year before the time",
	"From a@x.test Fri Apr 11 2025 15:36:11\nTo: 1\n\na\n\n"
	"From a@x.test Fri Apr 11 2025 15:36:11\nTo: 2\n\nb\n\n",
	"<To: 1\r\n\r\na\r\n|><To: 2\r\n\r\nb\r\n|>"},
    {"no date, a name in quotes",
	"From a\nTo: 1\n\na\n\nFrom \"Anna Example\" <a@x.test>\n"
	"Received: 2\n\nb\n\n",
	"<To: 1\r\n\r\na\r\n|><Received: 2\r\n\r\nb\r\n|>"},
    {"ISO date, foreign day",
	"From a\nTo: 1\n\na\n\nFrom a@x.test 2025-04-11T15:36:11Z\n"
	"To: 2\n\nb\n\nFrom a@x.test Fr 11. Apr. 15:36:11 2025\nTo: 3\n\nc\n",
	"<To: 1\r\n\r\na\r\n|><To: 2\r\n\r\nb\r\n|><To: 3\r\n\r\nc\r\n|>"},
    {"a date, but text behind it", POST "S: 1\n\nx\n\n" POST "he wrote\n",
	"<S: 1\r\n\r\nx\r\n\r\nFrom a@example.test Tue Nov 24 11:36:46 "
	"2026\r\nhe wrote\r\n|>"},
    {"words, and something with a colon",
	POST "S: 1\n\nx\n\nFrom now on\nnote: it is text\n",
	"<S: 1\r\n\r\nx\r\n\r\nFrom now on\r\nnote: it is text\r\n|?1>"},
    {"CR",
	"From a Tue Nov 24 11:36:46 2026\rS: 1\r\rx\r\r"
	"From b\rTo: 2\r\ry\r",
	"<S: 1\r\n\r\nx\r\n|><To: 2\r\n\r\ny\r\n|>"},
    {"a mark of UTF-8", "\xef\xbb\xbf" POST "S: 1\n\nx\n",
	"<S: 1\r\n\r\nx\r\n|>"},
    {"UTF-16",
	"\xff\xfe"
	"F",
	NULL},
    /* Status fields. */
    {"Thunderbird's fields",
	"From \nX-Mozilla-Status: 1007\nX-Mozilla-Status2: 00800000\n"
	"X-Mozilla-Keys: $label1    work       \nTo: 1\n\na\n\n"
	"From \nX-Mozilla-Status: 0009\nX-Mozilla-Status2: 00000000\nTo: 2\n\n"
	"b\n\n",
	"<To: 1\r\n\r\na\r\n|\\Seen \\Answered \\Flagged $Forwarded $label1 "
	"work>"
	"<To: 2\r\n\r\nb\r\n|\\Seen-gone>"},
    {"labels of its first years, the account's fields",
	"From \nX-Account-Key: account1\nX-UIDL: 7\nX-Mozilla-Status: 0001\n"
	"X-Mozilla-Status2: 06000000\nTo: 1\n\na\n\n"
	"From \nX-Mozilla-Status2: 0e000000\nTo: 2\n\nb\n\n",
	"<To: 1\r\n\r\na\r\n|\\Seen $label3><To: 2\r\n\r\nb\r\n|>"},
    {"Evolution's field", "From a\nX-Evolution: 0000001a-0018\nTo: 1\n\na\n",
	"<To: 1\r\n\r\na\r\n|\\Flagged \\Seen>"},
    {"labels: inbox, unread",
	POST "X-GM-THRID: 17\nX-Gmail-Labels: Inbox,Unread\nTo: 1\n\na\n",
	"<To: 1\r\n\r\na\r\n|@INBOX>"},
    {"labels: spam, starred",
	POST "X-Gmail-Labels: Spam,Opened,Starred\nTo: 1\n\na\n",
	"<To: 1\r\n\r\na\r\n|\\Seen \\Flagged@Spam>"},
    {"labels: one's own, encoded, folded",
	POST "X-Gmail-Labels: =?UTF-8?Q?Familie/M=C3=BCller,Archived,?=\n"
	     " =?UTF-8?Q?Opened?=\nTo: 1\n\na\n",
	"<To: 1\r\n\r\na\r\n|\\Seen@Familie/Müller>"},
    {"labels in German",
	POST "X-Gmail-Labels: Gesendet,Geöffnet\nTo: 1\n\na\n\n" POST
	     "X-Gmail-Labels: Papierkorb,Ungelesen\nTo: 2\n\nb\n\n" POST
	     "X-Gmail-Labels: Kategorie: Werbung,Wichtig\nTo: 3\n\nb\n",
	"<To: 1\r\n\r\na\r\n|\\Seen@Sent><To: 2\r\n\r\nb\r\n|@Trash>"
	"<To: 3\r\n\r\nb\r\n|\\Seen@Archive>"},
    {"labels in French",
	POST
	"X-Gmail-Labels: =?UTF-8?Q?Messages_envoy=C3=A9s,Non_lus?=\nTo: 1\n"
	"\na\n",
	"<To: 1\r\n\r\na\r\n|@Sent>"},
    {"CR CR LF", POST "S: 1\n\na\r\r\nb\r\n\n", "<S: 1\r\n\r\na\r\r\nb\r\n|>"},
};

START_TEST(mbox__reads_what_programs_write)
{
	struct sv in = sv_str(rows[_i].in);
	size_t step;

	for (step = 1; step <= in.n + 1;
	     step = step < 20 ? step + 1 : in.n + 1) {
		struct got g;
		int r = read_mbox(in, step, &g);

		if (rows[_i].want == NULL)
			ck_assert_msg(
			    r == RC_SYNTAX, "%s: taken", rows[_i].name);
		else
			ck_assert_msg(
			    r == RC_OK && strcmp(g.text.p, rows[_i].want) == 0,
			    "%s, %zu bytes at a time: %s", rows[_i].name, step,
			    g.text.p);
		buf_fini(&g.text);
		if (step > in.n)
			break;
	}
}
END_TEST

START_TEST(mbox__survives_truncation)
{
	struct sv in = sv_str(rows[_i].in);
	size_t n;

	for (n = 0; n < in.n; n++) {
		struct got g;
		int r = read_mbox(sv_first(in, n), 7, &g);

		ck_assert(r == RC_OK || r == RC_SYNTAX);
		buf_fini(&g.text);
	}
}
END_TEST

/* Writes a message as an export does and reads it back. */
static void
there_and_back(struct sv msg, size_t step)
{
	bool bare = msg.n > 0 && msg.p[msg.n - 1] != '\n';
	struct lines_check check = {.last = '\0'};
	struct lines_out lines = {.cr = false};
	struct mbox_quote q = {.inside = false};
	struct buf file, lf;
	struct got g;
	size_t i;

	buf_init(&file, 1 << 21);
	buf_init(&lf, 1 << 21);
	mbox_put_head(&file, 1795520206, SV("\\Seen Work \\Flagged"), bare);
	lines_check(&check, msg);
	for (i = 0; i < msg.n; i += step) {
		struct sv piece = sv_first(sv_skip(msg, i), step);

		buf_reset(&lf);
		if (check.unclean)
			buf_addsv(&lf, piece);
		else
			ck_assert(lines_to_lf(&lines, piece, &lf));
		mbox_put(&q, buf_sv(&lf), &file);
	}
	buf_reset(&lf);
	(void)lines_to_lf_end(&lines, &lf);
	mbox_put(&q, buf_sv(&lf), &file);
	mbox_put_end(
	    &q, msg.n > 0 ? (unsigned char)msg.p[msg.n - 1] : -1, &file);
	ck_assert(buf_ok(&file));
	ck_assert_int_eq(read_mbox(buf_sv(&file), 4096, &g), RC_OK);
	ck_assert_uint_eq(g.text.n, msg.n + strlen("<|\\Seen \\Flagged Work>"));
	ck_assert(memcmp(g.text.p + 1, msg.p, msg.n) == 0);
	buf_fini(&g.text);
	buf_fini(&lf);
	buf_fini(&file);
}

static const char *const messages[] = {
    "",
    "\r\n",
    "\r\n\r\n",
    "x",
    "From x\r\n",
    "From x\r\n\r\nFrom a Tue Nov 24 11:36:46 2026\r\n",
    "\r", /* was taken for the end of a line */
    "S: 1\r\n\r\nx\r\r",
    "From",
    ">From",
    ">From ",
    ">>From ",
    "> \r\n>\r\n>>\r\n>F\r\n>From\r\n",
    "Status: RO\r\nX-Status: A\r\nX-Keywords: x\r\nX-Hearthmail: whole "
    "lines\r\n\r\nx\r\n",
    "X-Hearthmail: no line end at the end\r\n\r\nx\r\n",
    " folded\r\n\r\nx",
    "S: 1\r\n\r\na\rb\r\r\nc\r\n",
    "S: 1\r\n\r\n\r\n\r\n\r\n",
};

START_TEST(mbox__gives_back_what_was_written)
{
	size_t step;

	for (step = 1; step < 30; step++)
		there_and_back(sv_str(messages[_i]), step);
}
END_TEST

/* Each has an empty line behind it, or the next would be a part of it. */
START_TEST(mbox__a_message_may_end_in_any_byte)
{
	int last;

	for (last = -1; last < 256; last++) {
		char byte = (char)last;
		struct mbox_quote q = {.inside = false};
		struct buf file;
		struct got g;
		int i;

		buf_init(&file, 10000);
		for (i = 0; i < 2; i++) {
			mbox_put_head(&file, 1795520206, SV(""),
			    last >= 0 && last != '\n');
			mbox_put(&q, sv_of(&byte, last >= 0), &file);
			mbox_put_end(&q, last, &file);
		}
		ck_assert_int_eq(read_mbox(buf_sv(&file), 100, &g), RC_OK);
		ck_assert_msg(g.text.n == (last < 0	     ? 6
					      : last == '\n' ? 10
							     : 8),
		    "%d: %s", last, g.text.p);
		buf_fini(&g.text);
		buf_fini(&file);
	}
}
END_TEST

/* Marks and "From " around the size of what is looked at in one piece. */
START_TEST(mbox__gives_back_lines_of_any_length)
{
	struct buf b;
	int n;

	for (n = -8; n <= 8; n++) {
		buf_init(&b, 1 << 20);
		buf_adds(&b, "S: 1\r\n\r\n");
		for (int i = 0; i < (int)MBOX_LINE_MAX + n; i++)
			buf_addc(&b, '>');
		buf_adds(&b, "From x\r\n");
		for (int i = 0; i < (int)MBOX_LINE_MAX + n; i++)
			buf_addc(&b, '>');
		buf_adds(&b, "Fro\r\n");
		for (int i = 0; i < 2 * (int)MBOX_LINE_MAX + n; i++)
			buf_addc(&b, 'x');
		buf_adds(&b, "From >From \r\n");
		there_and_back(buf_sv(&b), 5000);
		buf_fini(&b);
	}
}
END_TEST

UNIT_TESTS(transfer_mbox)
{
	TCase *t = tcase_create("mbox");

	tcase_add_loop_test(t, mbox__reads_what_programs_write, 0, COUNT(rows));
	tcase_add_loop_test(t, mbox__survives_truncation, 0, COUNT(rows));
	tcase_add_loop_test(
	    t, mbox__gives_back_what_was_written, 0, COUNT(messages));
	tcase_add_test(t, mbox__a_message_may_end_in_any_byte);
	tcase_add_test(t, mbox__gives_back_lines_of_any_length);
	return t;
}
