#include "exchange/mbox.h"

#include "base/ascii.h"
#include "base/clk.h"
#include "imap/parse/parse.h"
#include "mail/date.h"

#define FROM	    SV("From ")
#define BARE_FIELD  SV("X-Hearthmail: no line end at the end")
#define KEYWORD_MAX 200
/* A line with more '>' at its beginning is neither quoted nor unquoted. */
#define MARKS_MAX 1000

void
mbox_init(struct mbox *m, const struct mbox_ops *ops)
{
	*m = (struct mbox){.ops = ops};
	buf_init(&m->line, MBOX_LINE_MAX);
	buf_init(&m->head, MBOX_HEADER_MAX);
	buf_init(&m->flags, MBOX_HEADER_MAX);
}

void
mbox_fini(struct mbox *m)
{
	buf_fini(&m->line);
	buf_fini(&m->head);
	buf_fini(&m->flags);
}

/* ---- what begins a message ---- */

/* "From " and somewhere behind it a date; addresses may have spaces. */
static bool
is_postmark(struct sv line, int64_t *date, int32_t *zone)
{
	unsigned words;

	if (!sv_starts(line, FROM))
		return false;
	line = sv_trim(sv_skip(line, FROM.n));
	for (words = 0; line.n > 0 && words < 8; words++) {
		if (mail_date_parse(line, date, zone) == RC_OK)
			return true;
		(void)sv_split(&line, ' ');
		line = sv_trim(line);
	}
	return false;
}

static bool
is_blank(struct sv line)
{
	return sv_eq(line, SV("\n")) || sv_eq(line, SV("\r\n"));
}

/* ---- bytes of a message ---- */

static int
emit(struct mbox *m, struct sv s)
{
	return s.n > 0 ? m->ops->data(m->ops->arg, s) : RC_OK;
}

/* A line or a piece of one; its end is held back, since the last one may not
 * be the message's. */
static int
emit_line(struct mbox *m, struct sv line)
{
	int r = m->ended ? emit(m, SV("\r\n")) : RC_OK;

	m->ended = line.n > 0 && line.p[line.n - 1] == '\n';
	if (m->ended)
		line.n -= line.n > 1 && line.p[line.n - 2] == '\r' ? 2 : 1;
	return r == RC_OK ? emit(m, line) : r;
}

/* ---- the header ---- */

static void
add_flag(struct mbox *m, struct sv flag)
{
	if (m->flags.n > 0)
		buf_addc(&m->flags, ' ');
	buf_addsv(&m->flags, flag);
}

static bool
has_flag(const struct mbox *m, struct sv flag)
{
	struct sv all = buf_sv(&m->flags);

	while (all.n > 0)
		if (sv_ieq(sv_split(&all, ' '), flag))
			return true;
	return false;
}

static void
take_letters(struct mbox *m, struct sv value)
{
	static const struct {
		char letter;
		struct sv flag;
	} letters[] = {
	    {'R', {"\\Seen", 5}},
	    {'A', {"\\Answered", 9}},
	    {'F', {"\\Flagged", 8}},
	    {'T', {"\\Draft", 6}},
	    {'D', {"\\Deleted", 8}},
	};
	size_t i, j;

	for (i = 0; i < value.n; i++)
		for (j = 0; j < sizeof letters / sizeof letters[0]; j++)
			if (value.p[i] == letters[j].letter &&
			    !has_flag(m, letters[j].flag))
				add_flag(m, letters[j].flag);
}

static void
take_keywords(struct mbox *m, struct sv value)
{
	while (value.n > 0) {
		struct sv word = sv_trim(sv_split(&value, ' '));
		size_t i = 0;

		while (i < word.n && imap_is_atom_char(word.p[i]))
			i++;
		/* Enough for what a mailbox can hold; and no more than it
		 * takes to look each up among the others. */
		if (i == word.n && i > 0 && i <= KEYWORD_MAX &&
		    m->flags.n < 16384 && !has_flag(m, word))
			add_flag(m, word);
	}
}

enum field {
	FIELD_OTHER,
	FIELD_STATUS,
	FIELD_X_STATUS,
	FIELD_X_KEYWORDS,
	FIELD_OF_FILE,
	FIELD_INTERNAL
};

static enum field
field_of(struct sv line)
{
	static const struct {
		struct sv name;
		enum field field;
	} names[] = {
	    {{"Status", 6}, FIELD_STATUS},
	    {{"X-Status", 8}, FIELD_X_STATUS},
	    {{"X-Keywords", 10}, FIELD_X_KEYWORDS},
	    {{"X-UID", 5}, FIELD_OF_FILE},
	    {{"X-IMAPbase", 10}, FIELD_OF_FILE},
	    {{"Content-Length", 14}, FIELD_OF_FILE},
	    {{"X-IMAP", 6}, FIELD_INTERNAL},
	};
	struct sv name = sv_trim(sv_first(line, sv_chr(line, ':')));
	size_t i;

	if (name.n == line.n)
		return FIELD_OTHER;
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (sv_ieq(name, names[i].name))
			return names[i].field;
	return FIELD_OTHER;
}

static struct sv
take_line(struct sv *s)
{
	size_t n = sv_chr(*s, '\n');
	struct sv line = sv_first(*s, n + 1);

	*s = sv_skip(*s, n + 1);
	return line;
}

static void
take_field(struct mbox *m, enum field f, struct sv line)
{
	struct sv value = sv_trim(sv_skip(line, sv_chr(line, ':') + 1));

	if (f == FIELD_X_KEYWORDS)
		take_keywords(m, value);
	else if (f == FIELD_STATUS || f == FIELD_X_STATUS)
		take_letters(m, value);
	else if (f == FIELD_INTERNAL)
		m->info.internal = true;
}

/* The three fields of ours; false: it is somebody else's file. */
static bool
take_ours(struct mbox *m, struct sv *head)
{
	static const enum field want[] = {
	    FIELD_STATUS, FIELD_X_STATUS, FIELD_X_KEYWORDS};
	struct sv s = *head, line[3];
	size_t i;

	for (i = 0; i < 3; i++) {
		line[i] = take_line(&s);
		if (field_of(line[i]) != want[i])
			return false;
	}
	for (i = 0; i < 3; i++)
		take_field(m, want[i], line[i]);
	*head = s;
	if (sv_eq(sv_trim(take_line(&s)), BARE_FIELD)) {
		m->bare = true;
		*head = s;
	}
	return true;
}

static int
header_over(struct mbox *m)
{
	struct sv head = buf_sv(&m->head);
	bool ours = take_ours(m, &head), drop = false;
	int r = RC_OK;

	m->header = false;
	while (r == RC_OK && head.n > 0) {
		struct sv line = take_line(&head);
		enum field f;

		if (line.p[0] != ' ' && line.p[0] != '\t') {
			f = ours ? FIELD_OTHER : field_of(line);
			drop = f != FIELD_OTHER;
			take_field(m, f, line);
		}
		if (!drop)
			r = emit_line(m, line);
	}
	buf_release(&m->head);
	return r;
}

/* ---- lines ---- */

static int
message_over(struct mbox *m)
{
	int r = RC_OK;

	if (!m->open)
		return RC_OK;
	if (m->header)
		r = header_over(m);
	if (r == RC_OK && m->ended && !m->bare)
		r = emit(m, SV("\r\n"));
	m->open = m->ended = m->bare = false;
	m->info.flags = buf_sv(&m->flags);
	return r == RC_OK ? m->ops->end(m->ops->arg, &m->info) : r;
}

static int
message_begin(struct mbox *m, int64_t date, int32_t zone)
{
	int r = message_over(m);

	m->open = m->header = true;
	m->blank = false;
	m->info = (struct mbox_info){.date = date, .zone = zone};
	buf_reset(&m->flags);
	return r == RC_OK ? m->ops->begin(m->ops->arg) : r;
}

static struct sv
unquoted(struct sv line)
{
	size_t n = 0;

	while (n < line.n && line.p[n] == '>')
		n++;
	return n > 0 && n <= MARKS_MAX + 1 && sv_starts(sv_skip(line, n), FROM)
		   ? sv_skip(line, 1)
		   : line;
}

/* A line, or a piece of a very long one, of the open message. */
static int
content(struct mbox *m, struct sv line, bool first)
{
	int r = RC_OK;

	if (first)
		line = unquoted(line);
	if (m->header && line.n > m->head.max - m->head.n)
		r = header_over(m);
	if (r == RC_OK && m->header)
		buf_addsv(&m->head, line);
	else if (r == RC_OK)
		r = emit_line(m, line);
	return r;
}

/* `whole`: it ends in LF. */
static int
on_line(struct mbox *m, struct sv line, bool first, bool whole)
{
	int64_t date = 0;
	int32_t zone = 0;
	int r = RC_OK;

	if (first && whole && is_blank(line)) {
		if (m->open && m->header)
			r = header_over(m);
		/* The one that ends the header is the message's for sure, but
		 * it may have no body and be followed by the next. */
		if (r == RC_OK && m->blank)
			r = content(m, SV("\n"), false);
		m->blank = true;
		return r;
	}
	if (first && (!m->open || m->blank) && is_postmark(line, &date, &zone))
		return message_begin(m, date, zone);
	if (!m->open) {
		/* Nothing but "From " may begin the file. */
		if (!sv_starts(line, FROM))
			return RC_SYNTAX;
		return message_begin(m, 0, 0);
	}
	if (m->blank) {
		m->blank = false;
		r = content(m, SV("\n"), false);
	}
	return r == RC_OK ? content(m, line, first) : r;
}

int
mbox_feed(struct mbox *m, struct sv piece)
{
	int r = RC_OK;

	while (r == RC_OK && piece.n > 0) {
		size_t n = sv_chr(piece, '\n');
		bool whole = n < piece.n, first = !m->line_began;
		size_t room = m->line.max - m->line.n;

		n += whole;
		if (n > room) {
			n = room;
			whole = false;
		}
		buf_add(&m->line, piece.p, n);
		piece = sv_skip(piece, n);
		if (!whole && m->line.n < m->line.max)
			break;
		r = on_line(m, buf_sv(&m->line), first, whole);
		m->line_began = !whole;
		buf_reset(&m->line);
	}
	return r;
}

int
mbox_end(struct mbox *m)
{
	int r = RC_OK;

	if (m->line.n > 0)
		r = on_line(m, buf_sv(&m->line), !m->line_began, false);
	buf_reset(&m->line);
	return r == RC_OK ? message_over(m) : r;
}

/* ---- writing ---- */

static void
put_letters(struct buf *out, struct sv flags, bool status)
{
	static const struct {
		struct sv flag;
		char letter;
	} letters[] = {
	    {{"\\Answered", 9}, 'A'},
	    {{"\\Flagged", 8}, 'F'},
	    {{"\\Draft", 6}, 'T'},
	    {{"\\Deleted", 8}, 'D'},
	};
	size_t i;

	while (flags.n > 0) {
		struct sv f = sv_split(&flags, ' ');

		if (status && sv_ieq(f, SV("\\Seen")))
			buf_addc(out, 'R');
		for (i = 0; !status && i < 4; i++)
			if (sv_ieq(f, letters[i].flag))
				buf_addc(out, letters[i].letter);
	}
}

void
mbox_put_head(struct buf *out, int64_t date, struct sv flags, bool bare)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct sv rest = flags;
	struct clk_tm t;

	clk_civil(date, &t);
	buf_addf(out, "From MAILER-DAEMON %.3s %.3s %2d %02d:%02d:%02d %04d\n",
	    days + 3 * t.weekday, months + 3 * (t.month - 1), t.day, t.hour,
	    t.minute, t.second, t.year);
	buf_adds(out, "Status: ");
	put_letters(out, flags, true);
	buf_adds(out, "O\nX-Status: ");
	put_letters(out, flags, false);
	buf_adds(out, "\nX-Keywords:");
	while (rest.n > 0) {
		struct sv f = sv_split(&rest, ' ');

		if (f.n == 0 || f.p[0] == '\\')
			continue;
		buf_addc(out, ' ');
		buf_addsv(out, f);
	}
	buf_addc(out, '\n');
	if (bare) {
		buf_addsv(out, BARE_FIELD);
		buf_addc(out, '\n');
	}
}

/* What was held back of a line's beginning turns out not to be "From ". */
static void
put_held(struct mbox_quote *q, struct buf *out)
{
	while (q->marks > 0) {
		buf_addc(out, '>');
		q->marks--;
	}
	buf_add(out, FROM.p, q->word);
	q->word = 0;
	q->inside = true;
}

void
mbox_put(struct mbox_quote *q, struct sv piece, struct buf *out)
{
	while (piece.n > 0) {
		size_t n;

		if (!q->inside && piece.p[0] == '>' && q->word == 0 &&
		    q->marks <= MARKS_MAX) {
			q->marks++;
			piece = sv_skip(piece, 1);
			continue;
		}
		if (!q->inside && q->marks <= MARKS_MAX &&
		    piece.p[0] == FROM.p[q->word]) {
			q->word++;
			piece = sv_skip(piece, 1);
			if (q->word == FROM.n) {
				q->marks++;
				put_held(q, out);
			}
			continue;
		}
		if (!q->inside)
			put_held(q, out);
		n = sv_chr(piece, '\n');
		q->inside = n == piece.n;
		n += !q->inside;
		buf_add(out, piece.p, n);
		piece = sv_skip(piece, n);
	}
}

void
mbox_put_end(struct mbox_quote *q, struct buf *out)
{
	put_held(q, out);
	q->inside = false;
}
