/*
 * The DATA machine in pieces against the whole, against the rule for the end,
 * and the header of a submitted message in pieces against the whole.  The
 * first byte says where to cut.
 */
#include <stddef.h>
#include <stdint.h>

#include "smtp/data.h"
#include "smtp/submit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINE_MAX_HERE 20

static size_t
feed(struct smtp_data *d, struct sv in, struct buf *out)
{
	size_t n = smtp_data_feed(d, in, out);

	must(n == in.n || d->state == SMTP_DATA_END);
	return n;
}

static bool
yes(void *arg, struct sv address)
{
	(void)arg;
	return address.n > 0 && address.p[0] != 'x';
}

static int
edit(struct sv in, size_t cut, struct buf *out, size_t *rest_out)
{
	const uint8_t id[16] = {0};
	const struct smtp_submit_args a = {
	    .hostname = "h", .id = id, .may_send = yes};
	struct smtp_submit f;
	struct sv rest = {NULL, 0};
	struct err err;
	bool done;
	int r = RC_MORE;

	smtp_submit_init(&f);
	done = smtp_submit_feed(&f, sv_first(in, cut), &rest);
	*rest_out = rest.n + in.n - cut;
	if (!done) {
		done = smtp_submit_feed(&f, sv_skip(in, cut), &rest);
		*rest_out = rest.n;
	}
	/* The body begins in what was taken, wherever that was cut. */
	if (done && !f.too_big)
		*rest_out += smtp_submit_text(&f).n;
	if (done && !f.too_big)
		r = smtp_submit_edit(&f, &a, out, &err);
	smtp_submit_fini(&f);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_data one, two;
	struct sv in = sv_of(data, size), end = SV("\r\n.\r\n");
	struct buf a, b;
	size_t cut, n, m, at, rest_a, rest_b;

	if (size < 1)
		return 0;
	in = sv_skip(in, 1);
	cut = in.n > 0 ? data[0] % (in.n + 1) : 0;
	buf_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	smtp_data_init(&one, LINE_MAX_HERE);
	smtp_data_init(&two, LINE_MAX_HERE);
	n = feed(&one, in, &a);
	m = feed(&two, sv_first(in, cut), &b);
	if (two.state != SMTP_DATA_END)
		m += feed(&two, sv_skip(in, cut), &b);
	must(n == m && one.state == two.state && one.bare == two.bare &&
	     one.nul == two.nul && one.long_line == two.long_line);
	must(sv_eq(buf_sv(&a), buf_sv(&b)) && a.n <= n);
	at = sv_starts(in, SV(".\r\n")) ? 3 : sv_find(in, end) + end.n;
	must((one.state == SMTP_DATA_END) == (at <= in.n));
	must(one.state != SMTP_DATA_END || n == at);

	buf_reset(&a);
	buf_reset(&b);
	n = (size_t)edit(in, in.n, &a, &rest_a);
	m = (size_t)edit(in, cut, &b, &rest_b);
	must(n == m && sv_eq(buf_sv(&a), buf_sv(&b)));
	must((int)n == RC_MORE || rest_a == rest_b);
	buf_fini(&b);
	buf_fini(&a);
	return 0;
}
