#include "imap/transfer/mbox.h"

#include "base/clk.h"
#include "mail/date.h"

#define FROM	    SV("From ")
#define WHOLE_FIELD SV("X-Hearthmail: whole lines")
#define BARE_FIELD  SV("X-Hearthmail: no line end at the end")

void
mbox_init(struct mbox *m, const struct mbox_ops *ops)
{
	*m = (struct mbox){.ops = ops};
	buf_init(&m->line, MBOX_LINE_MAX);
	buf_init(&m->held, MBOX_LINE_MAX);
	buf_init(&m->head, MBOX_HEADER_MAX);
	fields_init(&m->fields);
}

void
mbox_fini(struct mbox *m)
{
	buf_fini(&m->line);
	buf_fini(&m->held);
	buf_fini(&m->head);
	fields_fini(&m->fields);
}

/* ---- what begins a message ---- */

/* Behind "From " somewhere a date; addresses may have spaces. */
static bool
has_date(struct sv line, int64_t *date, int32_t *zone)
{
	unsigned words;

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

/* "From " and nothing else, as Thunderbird writes it today. */
static bool
is_bare(struct sv line)
{
	return sv_trim(sv_skip(line, FROM.n)).n == 0;
}

/*
 * Does the line "From ..." that is held begin a message?  What follows decides,
 * since programs write all sorts of words behind "From ", and people, too.
 */
static bool
begins_message(const struct mbox *m, struct sv next)
{
	bool sure = m->held_dated || is_bare(buf_sv(&m->held));

	if (!m->open)
		return sure || is_blank(next) || fields_is_field(next);
	if (m->blank && sure)
		return is_blank(next) || fields_is_field(next) ||
		       sv_starts(next, SV(">From "));
	return fields_is_known(next) && (m->blank || sure);
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

static struct sv
take_line(struct sv *s)
{
	size_t n = sv_chr(*s, '\n');
	struct sv line = sv_first(*s, n + 1);

	*s = sv_skip(*s, n + 1);
	return line;
}

/* The fields of ours; false: it is somebody else's file. */
static bool
take_ours(struct mbox *m, struct sv *head)
{
	static const struct sv want[] = {
	    {"Status:", 7}, {"X-Status:", 9}, {"X-Keywords:", 11}};
	struct sv s = *head, line[3], last;
	size_t i;

	for (i = 0; i < 3; i++) {
		line[i] = take_line(&s);
		if (!sv_istarts(line[i], want[i]))
			return false;
	}
	last = sv_trim(take_line(&s));
	m->bare = sv_eq(last, BARE_FIELD);
	if (!m->bare && !sv_eq(last, WHOLE_FIELD))
		return false;
	for (i = 0; i < 3; i++)
		(void)fields_take(&m->fields, FIELDS_MBOX, line[i]);
	*head = s;
	return true;
}

static void
fill_info(struct mbox *m, bool ours)
{
	struct mbox_info *i = &m->info;

	i->flags = buf_sv(&m->fields.flags);
	i->internal = m->fields.internal;
	i->expunged = m->fields.expunged;
	i->ours = ours;
	i->labels = m->fields.labels;
	i->place = buf_sv(&m->fields.place);
	i->use = m->fields.use;
	if (i->date != 0 || m->fields.date == 0)
		return;
	i->date = m->fields.date;
	i->zone = m->fields.zone;
}

static int
header_over(struct mbox *m)
{
	struct sv head = buf_sv(&m->head);
	bool ours = take_ours(m, &head);
	struct buf own;
	int r;

	m->header = false;
	buf_init(&own, MBOX_HEADER_MAX);
	if (ours)
		buf_addsv(&own, head);
	else
		fields_filter(&m->fields, FIELDS_MBOX, head, &own);
	fill_info(m, ours);
	m->begun = true;
	r = m->ops->begin(m->ops->arg, &m->info);
	head = buf_sv(&own);
	while (r == RC_OK && head.n > 0)
		r = emit_line(m, take_line(&head));
	buf_fini(&own);
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
	m->open = m->ended = m->bare = m->begun = false;
	return r == RC_OK ? m->ops->end(m->ops->arg, &m->info) : r;
}

static int
message_begin(struct mbox *m)
{
	int r = message_over(m);

	m->open = m->header = true;
	m->blank = false;
	m->info =
	    (struct mbox_info){.date = m->held_date, .zone = m->held_zone};
	fields_reset(&m->fields);
	return r;
}

/* A line of the open message, behind the empty one that may be held back. */
static int
text(struct mbox *m, struct sv line, bool first)
{
	int r = RC_OK;

	if (m->blank) {
		m->blank = false;
		r = content(m, SV("\n"), false);
	}
	return r == RC_OK ? content(m, line, first) : r;
}

/* A line "From ..." waits for the next, if it may begin a message. */
static bool
hold(struct mbox *m, struct sv line)
{
	m->held_date = 0;
	m->held_zone = 0;
	m->held_dated = has_date(line, &m->held_date, &m->held_zone);
	if (m->open && !m->blank && !m->held_dated && !is_bare(line))
		return false;
	m->is_held = true;
	buf_set(&m->held, line);
	return true;
}

/* The next line is here; empty: the end of the file is. */
static int
decide(struct mbox *m, struct sv next)
{
	int r;

	m->is_held = false;
	if (begins_message(m, next) ||
	    (next.n == 0 && m->held_dated && (m->blank || !m->open)))
		return message_begin(m);
	if (!m->open)
		return RC_SYNTAX;
	if (fields_is_field(next))
		m->info.doubtful++;
	r = text(m, buf_sv(&m->held), true);
	buf_reset(&m->held);
	return r;
}

/* `whole`: it ends in LF. */
static int
on_line(struct mbox *m, struct sv line, bool first, bool whole)
{
	int r = RC_OK;

	if (m->is_held)
		r = decide(m, line);
	if (r != RC_OK)
		return r;
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
	if (first && whole && sv_starts(line, FROM) && hold(m, line))
		return RC_OK;
	return m->open ? text(m, line, first) : RC_SYNTAX;
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

static int
feed_lines(struct mbox *m, struct sv piece)
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

/* ---- line ends ---- */

/* Old programs of the Mac end lines in CR alone.  The file's first line tells;
 * while a CR is all that has come of its end, nothing is known yet. */
static void
learn_ends(struct mbox *m, struct sv piece)
{
	size_t cr = sv_chr(piece, '\r'), lf = sv_chr(piece, '\n');

	if (m->cr_waits)
		m->ends = piece.p[0] == '\n' ? MBOX_ENDS_LF : MBOX_ENDS_CR;
	else if (lf < cr || (lf < piece.n && lf == cr + 1))
		m->ends = MBOX_ENDS_LF;
	else if (cr + 1 < piece.n)
		m->ends = MBOX_ENDS_CR;
}

static int
feed_ends(struct mbox *m, struct sv piece)
{
	int r = RC_OK;

	if (m->ends != MBOX_ENDS_CR)
		return feed_lines(m, piece);
	while (r == RC_OK && piece.n > 0) {
		size_t n = sv_chr(piece, '\r');

		r = feed_lines(m, sv_first(piece, n));
		if (r == RC_OK && n < piece.n)
			r = feed_lines(m, SV("\n"));
		piece = sv_skip(piece, n + 1);
	}
	return r;
}

/* What says of a text file that it is UTF-8 is none of it. */
static void
skip_mark(struct mbox *m, struct sv *piece)
{
	static const char mark[] = "\xef\xbb\xbf";

	while (m->mark < 3 && piece->n > 0)
		if (piece->p[0] == mark[m->mark]) {
			*piece = sv_skip(*piece, 1);
			m->mark++;
		} else {
			m->mark = 3;
		}
}

int
mbox_feed(struct mbox *m, struct sv piece)
{
	bool cr;
	int r = RC_OK;

	skip_mark(m, &piece);
	if (piece.n == 0)
		return RC_OK;
	if (m->ends == MBOX_ENDS_UNKNOWN)
		learn_ends(m, piece);
	if (m->cr_waits && m->ends != MBOX_ENDS_UNKNOWN) {
		m->cr_waits = false;
		r = feed_ends(m, SV("\r"));
	}
	cr = m->ends == MBOX_ENDS_UNKNOWN && piece.p[piece.n - 1] == '\r';
	if (cr) {
		m->cr_waits = true;
		piece.n--;
	}
	return r == RC_OK ? feed_ends(m, piece) : r;
}

int
mbox_end(struct mbox *m)
{
	int r = RC_OK;

	if (m->cr_waits)
		r = feed_lines(m, SV("\n"));
	if (r == RC_OK && m->line.n > 0)
		r = on_line(m, buf_sv(&m->line), !m->line_began, false);
	if (r == RC_OK && m->is_held)
		r = decide(m, SV(""));
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
