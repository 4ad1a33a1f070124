#include "imap/exchange/mbox.h"

#include "base/ascii.h"
#include "base/clk.h"
#include "imap/parse/parse.h"
#include "mail/date.h"

#define FROM	    SV("From ")
#define WHOLE_FIELD SV("X-Hearthmail: whole lines")
#define BARE_FIELD  SV("X-Hearthmail: no line end at the end")
#define KEYWORD_MAX 200

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

/* The fields of ours; false: it is somebody else's file. */
static bool
take_ours(struct mbox *m, struct sv *head)
{
	static const enum field want[] = {
	    FIELD_STATUS, FIELD_X_STATUS, FIELD_X_KEYWORDS};
	struct sv s = *head, line[3], last;
	size_t i;

	for (i = 0; i < 3; i++) {
		line[i] = take_line(&s);
		if (field_of(line[i]) != want[i])
			return false;
	}
	last = sv_trim(take_line(&s));
	m->bare = sv_eq(last, BARE_FIELD);
	if (!m->bare && !sv_eq(last, WHOLE_FIELD))
		return false;
	for (i = 0; i < 3; i++)
		take_field(m, want[i], line[i]);
	*head = s;
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

/* ---- quoting ---- */

static int
deliver(struct mbox *m, struct sv s)
{
	int r = RC_OK;

	if (m->header && s.n > m->head.max - m->head.n)
		r = header_over(m);
	if (r == RC_OK && m->header)
		buf_addsv(&m->head, s);
	else if (r == RC_OK)
		r = emit_line(m, s);
	return r;
}

static size_t
count_marks(struct sv s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] == '>')
		n++;
	return n;
}

/*
 * A line, or a piece of a very long one, of the open message.  The '>' right
 * before "From " is not the message's; marks of a line that has nothing else
 * yet pass, but for one.
 */
static int
content(struct mbox *m, struct sv line, bool first)
{
	size_t n;
	int r = RC_OK;

	if (first)
		m->marks = true;
	if (!m->marks)
		return deliver(m, line);
	n = count_marks(line);
	if (m->mark_held && (n > 0 || !sv_starts(line, FROM)))
		r = deliver(m, SV(">"));
	m->marks = n == line.n;
	m->mark_held = n > 0 && (m->marks || sv_starts(sv_skip(line, n), FROM));
	if (r == RC_OK && n > 0)
		r = deliver(m, sv_first(line, n - m->mark_held));
	if (m->marks || r != RC_OK)
		return r;
	m->mark_held = false;
	return deliver(m, sv_skip(line, n));
}

/* What was held back of a line that ends with the file. */
static int
release_mark(struct mbox *m)
{
	bool held = m->mark_held;

	m->mark_held = m->marks = false;
	return held ? deliver(m, SV(">")) : RC_OK;
}

/* ---- lines ---- */

static int
message_over(struct mbox *m)
{
	int r = RC_OK;

	if (!m->open)
		return RC_OK;
	r = release_mark(m);
	if (r == RC_OK && m->header)
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

/* Of a piece of a line without its end: how much at its end may be the
 * beginning of "From " behind marks. */
static size_t
undecided(const struct mbox *m, struct sv piece, bool first)
{
	struct sv rest = sv_skip(piece, count_marks(piece));

	if ((!first && !m->marks) || rest.n >= FROM.n || !sv_starts(FROM, rest))
		return 0;
	return rest.n;
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
		n = m->line.n;
		if (!whole)
			n -= undecided(m, buf_sv(&m->line), first);
		r = on_line(m, sv_first(buf_sv(&m->line), n), first, whole);
		m->line_began = !whole;
		buf_consume(&m->line, n);
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
	buf_addsv(out, bare ? BARE_FIELD : WHOLE_FIELD);
	buf_addc(out, '\n');
}

/* What was held back is no "From ", or is quoted by now. */
static void
release_word(struct mbox_quote *q, struct buf *out)
{
	buf_add(out, FROM.p, q->word);
	q->word = 0;
}

void
mbox_put(struct mbox_quote *q, struct sv piece, struct buf *out)
{
	while (piece.n > 0) {
		size_t n;

		/* One '>' more is as good before "From " as before the
		 * others, and none has to wait. */
		if (!q->inside && q->word == 0 && piece.p[0] == '>') {
			n = count_marks(piece);
			buf_add(out, piece.p, n);
			piece = sv_skip(piece, n);
			continue;
		}
		if (!q->inside && piece.p[0] == FROM.p[q->word]) {
			piece = sv_skip(piece, 1);
			if (++q->word < FROM.n)
				continue;
			buf_addc(out, '>');
			release_word(q, out);
			q->inside = true;
			continue;
		}
		if (!q->inside)
			release_word(q, out);
		n = sv_chr(piece, '\n');
		q->inside = n == piece.n;
		n += !q->inside;
		buf_add(out, piece.p, n);
		piece = sv_skip(piece, n);
	}
}

void
mbox_put_end(struct mbox_quote *q, int last, struct buf *out)
{
	release_word(q, out);
	q->inside = false;
	if (last == '\r')
		buf_addc(out, '\r');
	if (last != '\n' && last >= 0)
		buf_addc(out, '\n');
	buf_addc(out, '\n');
}
