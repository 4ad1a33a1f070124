#include "imap/transfer/index.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "imap/parse/parse.h"

void
file_index_init(struct file_index *x, size_t max)
{
	*x = (struct file_index){.n = 0};
	buf_init(&x->text, max);
}

void
file_index_fini(struct file_index *x)
{
	buf_fini(&x->text);
	free(x->at);
	x->at = NULL;
	x->n = x->cap = 0;
}

void
file_index_reset(struct file_index *x)
{
	buf_release(&x->text);
	x->n = 0;
}

static struct sv
line_at(const struct file_index *x, uint32_t at)
{
	struct sv rest = sv_skip(buf_sv(&x->text), at);

	return sv_split(&rest, '\n');
}

static struct sv
name_at(const struct file_index *x, uint32_t at)
{
	struct sv line = line_at(x, at);

	return sv_split(&line, '\t');
}

static int
compare(const void *a, const void *b, void *arg)
{
	const uint32_t *x = a, *y = b;

	return sv_cmp(name_at(arg, *x), name_at(arg, *y));
}

void
file_index_sort(struct file_index *x)
{
	size_t at = 0;

	x->n = 0;
	while (at < x->text.n) {
		x->at = xgrow(x->at, &x->cap, x->n + 1, sizeof *x->at);
		x->at[x->n++] = (uint32_t)at;
		at += sv_chr(sv_skip(buf_sv(&x->text), at), '\n') + 1;
	}
	if (x->n > 0)
		qsort_r(x->at, x->n, sizeof *x->at, compare, x);
}

static int
read_number(struct sv s, uint64_t max, int64_t *out)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	uint64_t v;
	int r = sv_to_u64(sv_skip(s, minus), max, &v);

	if (r == RC_OK)
		*out = minus ? -(int64_t)v : (int64_t)v;
	return r;
}

/* Flags as IMAP has them, and nothing else: they go into a command. */
static bool
are_flags(struct sv s)
{
	while (s.n > 0) {
		struct sv f = sv_split(&s, ' ');
		size_t i = f.n > 1 && f.p[0] == '\\';

		while (i < f.n && imap_is_atom_char(f.p[i]))
			i++;
		if (i < f.n || f.n == 0)
			return false;
	}
	return true;
}

bool
file_index_find(
    const struct file_index *x, struct sv name, struct file_entry *out)
{
	size_t lo = 0, hi = x->n;
	int64_t date, zone;
	struct sv line;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sv_cmp(name_at(x, x->at[mid]), name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == x->n || !sv_eq(name_at(x, x->at[lo]), name))
		return false;
	line = line_at(x, x->at[lo]);
	(void)sv_split(&line, '\t');
	if (read_number(sv_split(&line, '\t'), 253402300799, &date) != RC_OK ||
	    read_number(sv_split(&line, '\t'), 24 * 60 - 1, &zone) != RC_OK ||
	    !are_flags(line))
		return false;
	*out = (struct file_entry){date, (int32_t)zone, line};
	return true;
}

void
file_index_put(struct buf *out, struct sv name, const struct file_entry *e)
{
	buf_addsv(out, name);
	buf_addf(out, "\t%lld\t%d\t", (long long)e->date, (int)e->zone);
	buf_addsv(out, e->flags);
	buf_addc(out, '\n');
}
