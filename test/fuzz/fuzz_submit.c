/*
 * The header of a submitted message: whatever comes, in whatever pieces, all
 * bytes go out in order but those of the fields that are dropped, and the same
 * in any pieces.
 */
#include <stddef.h>
#include <stdint.h>

#include "mail/field.h"
#include "msgauth/authres.h"
#include "smtp/submit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
anybody(void *arg, struct sv address)
{
	(void)arg;
	(void)address;
	return true;
}

/* In pieces of n bytes; RC_OK: what goes out. */
static int
submit(struct sv in, size_t n, struct buf *out, struct smtp_submit *f)
{
	const uint8_t id[16] = {0};
	struct smtp_submit_args a = {
	    .hostname = "h", .id = id, .may_send = anybody};
	struct sv rest = {NULL, 0};
	struct err err;
	int r;

	smtp_submit_init(f);
	while (in.n > 0 && !f->over && !f->too_big) {
		(void)smtp_submit_feed(f, sv_first(in, n), &rest);
		in = sv_skip(in, n);
	}
	if (f->too_big)
		return RC_TOOBIG;
	if (!f->over)
		smtp_submit_end(f);
	r = smtp_submit_edit(f, &a, out, &err);
	buf_addsv(out, smtp_submit_text(f));
	buf_addsv(out, rest);
	buf_addsv(out, in);
	return r;
}

static bool
is_dropped(const struct mail_field *f)
{
	static const char *const ids[] = {"h"};

	return sv_ieq(f->name, SV("Bcc")) ||
	       sv_ieq(f->name, SV("Resent-Bcc")) ||
	       sv_ieq(f->name, SV("Return-Path")) ||
	       (sv_ieq(f->name, SV("Authentication-Results")) &&
		   authres_is_forged(f->value, ids, 1));
}

/* Finds bytes in *at, which goes on behind them. */
static void
must_follow(struct sv *at, struct sv bytes)
{
	size_t i = sv_find(*at, bytes);

	must(bytes.n == 0 || i < at->n);
	*at = sv_skip(*at, i + bytes.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size), header, at;
	struct smtp_submit f, g;
	struct mail_field field;
	struct buf out, other;
	size_t n = size > 0 ? data[0] % 7 + 1u : 1;

	buf_init(&out, 8u << 20);
	buf_init(&other, 8u << 20);
	if (submit(in, size + 1, &out, &f) == RC_OK) {
		must(submit(in, n, &other, &g) == RC_OK);
		must(sv_eq(buf_sv(&out), buf_sv(&other)));
		smtp_submit_fini(&g);
		at = buf_sv(&out);
		header = sv_first(in, f.scan.header);
		must_follow(&at, sv_first(header, f.scan.first));
		header = sv_skip(header, f.scan.first);
		for (n = header.n; mail_field_next(&header, &field);
		     n -= field.whole.n)
			if (!is_dropped(&field))
				must_follow(&at, field.whole);
		must(n == 0); /* all of it was fields */
		must(sv_ends(at, sv_skip(in, f.scan.body)));
	}
	smtp_submit_fini(&f);
	buf_fini(&other);
	buf_fini(&out);
	return 0;
}
