#include "imap/parse/parse.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"

/* ---- sets ---- */

/* seq-number = nz-number / "*" */
static int
seq_number(struct imap_in *in, uint32_t *out)
{
	if (imap_take(in, '*')) {
		*out = 0;
		return RC_OK;
	}
	return imap_nz_number(in, out);
}

int
imap_seq_number(struct imap_in *in, struct imap_set *out)
{
	struct imap_range *r = arena_array(in->arena, 1, sizeof *r);
	int rc = seq_number(in, &r->lo);

	r->hi = r->lo;
	if (rc == RC_OK)
		*out = (struct imap_set){.r = r, .n = 1};
	return rc;
}

/*
 * sequence-set     = (seq-number / seq-range) *("," sequence-set) /
 *                    seq-last-command  [RFC 9051 9]
 * seq-range        = seq-number ":" seq-number
 * seq-last-command = "$"
 */
int
imap_sequence_set(struct imap_in *in, struct imap_set *out)
{
	struct imap_range *r = NULL;
	size_t n = 0, cap = 0;

	if (imap_take_word(in, SV("$"))) {
		*out = (struct imap_set){.saved = true};
		return RC_OK;
	}
	do {
		int rc = imap_element(in);

		if (rc != RC_OK)
			return rc;
		r = arena_grow(in->arena, r, &cap, n + 1, sizeof *r);
		rc = seq_number(in, &r[n].lo);
		if (rc != RC_OK)
			return rc;
		r[n].hi = r[n].lo;
		if (imap_take(in, ':')) {
			rc = seq_number(in, &r[n].hi);
			if (rc != RC_OK)
				return rc;
		}
		n++;
	} while (imap_take(in, ','));
	*out = (struct imap_set){.r = r, .n = n};
	return RC_OK;
}

uint32_t
imap_set_max(const struct imap_set *s)
{
	uint32_t max = 0;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->r[i].lo > max)
			max = s->r[i].lo;
		if (s->r[i].hi > max)
			max = s->r[i].hi;
	}
	return max;
}

bool
imap_set_has_star(const struct imap_set *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->r[i].lo == 0 || s->r[i].hi == 0)
			return true;
	return false;
}

static int
range_cmp(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

void
imap_set_resolve(const struct imap_set *s, uint32_t star, struct rangeset *out)
{
	struct range *r = xreallocarray(NULL, s->n, sizeof *r);
	size_t i;

	/* Sorted first, so that a set of thousands in disorder costs no more
	 * than one in order. */
	for (i = 0; i < s->n; i++) {
		uint32_t lo = s->r[i].lo != 0 ? s->r[i].lo : star;
		uint32_t hi = s->r[i].hi != 0 ? s->r[i].hi : star;

		r[i] =
		    lo < hi ? (struct range){lo, hi} : (struct range){hi, lo};
	}
	qsort(r, s->n, sizeof *r, range_cmp);
	for (i = 0; i < s->n; i++)
		rangeset_add(out, r[i].lo, r[i].hi);
	free(r);
}

/* ---- flags ---- */

static const struct {
	struct sv name;
	uint32_t bit;
} system_flags[] = {
    {{"Seen", 4}, IMAP_SEEN},
    {{"Answered", 8}, IMAP_ANSWERED},
    {{"Flagged", 7}, IMAP_FLAGGED},
    {{"Deleted", 7}, IMAP_DELETED},
    {{"Draft", 5}, IMAP_DRAFT},
};

/*
 * flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" /
 *        flag-keyword / flag-extension
 * Leniency: \Recent is taken, and like any flag-extension ignored: it is not
 * in PERMANENTFLAGS, so the change has no effect [RFC 3501 7.1].
 */
int
imap_flag(struct imap_in *in, struct imap_flags *add)
{
	bool backslash = imap_take(in, '\\');
	struct sv name;
	size_t i;
	int r = imap_element(in);

	if (r != RC_OK)
		return r;
	if (imap_atom(in, &name) != RC_OK)
		return imap_expected(in, "a flag");
	for (i = 0; backslash && i < 5; i++)
		if (sv_ieq(name, system_flags[i].name))
			add->system |= system_flags[i].bit;
	if (backslash)
		return RC_OK;
	for (i = 0; i < add->nkeyword; i++)
		if (sv_ieq(name, add->keyword[i]))
			return RC_OK;
	/* More than a mailbox can hold need not be kept; two hundred are
	 * enough to be refused. */
	if (add->nkeyword == 200)
		return RC_OK;
	add->keyword = arena_grow(in->arena, add->keyword, &add->cap,
	    add->nkeyword + 1, sizeof *add->keyword);
	add->keyword[add->nkeyword++] = name;
	return RC_OK;
}

static int
flags_until(struct imap_in *in, struct imap_flags *out)
{
	do {
		int r = imap_flag(in, out);

		if (r != RC_OK)
			return r;
	} while (imap_take(in, ' '));
	return RC_OK;
}

/* flag-list = "(" [flag *(SP flag)] ")" */
int
imap_flag_list(struct imap_in *in, struct imap_flags *out)
{
	int r = imap_ch(in, '(');

	*out = (struct imap_flags){0};
	if (r != RC_OK || imap_take(in, ')'))
		return r;
	r = flags_until(in, out);
	return r == RC_OK ? imap_ch(in, ')') : r;
}

/*
 * store-modifiers = "(" store-modifier *(SP store-modifier) ")" SP, and the
 * only one is
 * store-modifier  = "UNCHANGEDSINCE" SP mod-sequence-valzer  [RFC 7162 7]
 */
static int
store_modifiers(struct imap_in *in, struct imap_store_att *out)
{
	int r;

	if (!imap_take(in, '('))
		return RC_OK;
	if (!imap_take_word(in, SV("UNCHANGEDSINCE")))
		return imap_expected(in, "UNCHANGEDSINCE");
	out->conditional = true;
	r = imap_sp(in);
	if (r == RC_OK)
		r = imap_modseq(in, &out->unchanged_since);
	if (r == RC_OK)
		r = imap_ch(in, ')');
	return r == RC_OK ? imap_sp(in) : r;
}

/*
 * [store-modifiers SP]
 * store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP
 *                   (flag-list / (flag *(SP flag)))
 */
int
imap_store_att_flags(struct imap_in *in, struct imap_store_att *out)
{
	int r;

	*out = (struct imap_store_att){.op = IMAP_STORE_SET};
	r = store_modifiers(in, out);
	if (r != RC_OK)
		return r;
	if (imap_take(in, '+'))
		out->op = IMAP_STORE_ADD;
	else if (imap_take(in, '-'))
		out->op = IMAP_STORE_REMOVE;
	out->silent = imap_take_word(in, SV("FLAGS.SILENT"));
	if (!out->silent && !imap_take_word(in, SV("FLAGS")))
		return imap_expected(in, "FLAGS, +FLAGS or -FLAGS");
	r = imap_sp(in);
	if (r != RC_OK)
		return r;
	if (imap_peek(in) == '(')
		return imap_flag_list(in, &out->flags);
	return flags_until(in, &out->flags);
}

/* ---- dates ---- */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool
digits(struct imap_in *in, size_t n, int *out)
{
	int v = 0;
	size_t i;

	if (in->s.n < n)
		return false;
	for (i = 0; i < n; i++) {
		if (!ascii_is_digit(in->s.p[i]))
			return false;
		v = v * 10 + (in->s.p[i] - '0');
	}
	in->s = sv_skip(in->s, n);
	*out = v;
	return true;
}

static bool
date_month(struct imap_in *in, int *out)
{
	int i;

	for (i = 0; i < 12; i++)
		if (sv_istarts(in->s, sv_of(months + 3 * i, 3))) {
			in->s = sv_skip(in->s, 3);
			*out = i + 1;
			return true;
		}
	return false;
}

static bool
day_exists(const struct clk_tm *t)
{
	static const int len[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap =
	    t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0);

	return t->day >= 1 &&
	       t->day <= len[t->month - 1] + (leap && t->month == 2);
}

/* "-" date-month "-" date-year, behind the day */
static bool
month_and_year(struct imap_in *in, struct clk_tm *t)
{
	return imap_take(in, '-') && date_month(in, &t->month) &&
	       imap_take(in, '-') && digits(in, 4, &t->year) && day_exists(t);
}

/*
 * date      = date-text / DQUOTE date-text DQUOTE
 * date-text = date-day "-" date-month "-" date-year
 * date-day  = 1*2DIGIT
 */
int
imap_date(struct imap_in *in, int64_t *days_out)
{
	struct clk_tm t = {0};
	bool q = imap_take(in, '"');

	if ((!digits(in, 2, &t.day) && !digits(in, 1, &t.day)) ||
	    !month_and_year(in, &t) || (q && !imap_take(in, '"')))
		return imap_expected(in, "a date like 1-Feb-1994");
	/* Exact: both are multiples of a day, also before 1970. */
	*days_out = clk_secs(&t) / 86400;
	return RC_OK;
}

/*
 * date-time      = DQUOTE date-day-fixed "-" date-month "-" date-year
 *                  SP time SP zone DQUOTE
 * date-day-fixed = (SP DIGIT) / 2DIGIT
 * Leniency: one digit without the space.
 */
int
imap_date_time(struct imap_in *in, struct imap_date_time *out)
{
	struct clk_tm t = {0};
	int hours = 0, minutes = 0, sign = 1;
	bool ok = imap_take(in, '"');

	(void)imap_take(in, ' ');
	ok = ok && (digits(in, 2, &t.day) || digits(in, 1, &t.day)) &&
	     month_and_year(in, &t) && imap_take(in, ' ') &&
	     digits(in, 2, &t.hour) && imap_take(in, ':') &&
	     digits(in, 2, &t.minute) && imap_take(in, ':') &&
	     digits(in, 2, &t.second) && imap_take(in, ' ');
	if (ok && imap_take(in, '-'))
		sign = -1;
	else
		ok = ok && imap_take(in, '+');
	ok = ok && digits(in, 2, &hours) && digits(in, 2, &minutes) &&
	     imap_take(in, '"') && t.hour < 24 && t.minute < 60 &&
	     t.second < 61 && hours < 24 && minutes < 60;
	if (!ok)
		return imap_expected(
		    in, "a date and time like \" 1-Feb-1994 21:52:25 -0800\"");
	out->zone = sign * (hours * 60 + minutes);
	out->secs = clk_secs(&t) - (int64_t)out->zone * 60;
	return RC_OK;
}

static void
put2(struct buf *out, int v)
{
	buf_addc(out, (char)('0' + v / 10 % 10));
	buf_addc(out, (char)('0' + v % 10));
}

void
imap_put_date_time(struct buf *out, int64_t secs, int32_t zone)
{
	int z = zone < 0 ? -zone : zone;
	struct clk_tm t;

	clk_civil(secs + (int64_t)zone * 60, &t);
	buf_addc(out, '"');
	if (t.day < 10)
		buf_addc(out, ' ');
	buf_addu(out, (uint64_t)t.day);
	buf_addc(out, '-');
	buf_add(out, months + 3 * (t.month - 1), 3);
	buf_addc(out, '-');
	put2(out, t.year / 100);
	put2(out, t.year);
	buf_addc(out, ' ');
	put2(out, t.hour);
	buf_addc(out, ':');
	put2(out, t.minute);
	buf_addc(out, ':');
	put2(out, t.second);
	buf_addc(out, ' ');
	buf_addc(out, zone < 0 ? '-' : '+');
	put2(out, z / 60);
	put2(out, z % 60);
	buf_addc(out, '"');
}

/* ---- STATUS ---- */

/* status-att-list = "(" status-att *(SP status-att) ")" */
int
imap_status_atts(struct imap_in *in, unsigned *bits_out)
{
	static const struct {
		struct sv name;
		unsigned bit;
	} att[] = {
	    {{"MESSAGES", 8}, IMAP_STATUS_MESSAGES},
	    {{"RECENT", 6}, IMAP_STATUS_RECENT},
	    {{"UIDNEXT", 7}, IMAP_STATUS_UIDNEXT},
	    {{"UIDVALIDITY", 11}, IMAP_STATUS_UIDVALIDITY},
	    {{"UNSEEN", 6}, IMAP_STATUS_UNSEEN},
	    {{"SIZE", 4}, IMAP_STATUS_SIZE},
	    {{"DELETED", 7}, IMAP_STATUS_DELETED},
	    {{"APPENDLIMIT", 11}, IMAP_STATUS_APPENDLIMIT},
	    {{"HIGHESTMODSEQ", 13}, IMAP_STATUS_HIGHESTMODSEQ},
	    {{"MAILBOXID", 9}, IMAP_STATUS_MAILBOXID},
	    {{"DELETED-STORAGE", 15}, IMAP_STATUS_DELETED_STORAGE},
	};
	unsigned bits = 0;
	int r = imap_ch(in, '(');

	if (r != RC_OK)
		return r;
	do {
		struct sv name;
		size_t i = 0;

		r = imap_element(in);
		if (r != RC_OK)
			return r;
		if (imap_atom(in, &name) != RC_OK)
			return imap_expected(in, "a status item");
		while (i < sizeof att / sizeof att[0] &&
		       !sv_ieq(name, att[i].name))
			i++;
		if (i == sizeof att / sizeof att[0])
			return imap_expected(in, "a known status item");
		bits |= att[i].bit;
	} while (imap_take(in, ' '));
	*bits_out = bits;
	return imap_ch(in, ')');
}
