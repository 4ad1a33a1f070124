#include "imap/transfer/lines.h"

bool
lines_to_crlf(struct lines_in *l, struct sv piece, struct buf *out)
{
	while (piece.n > 0) {
		size_t n = sv_chr(piece, '\n');
		char before = n > 0 ? piece.p[n - 1] : l->last;

		buf_add(out, piece.p, n);
		if (n == piece.n) {
			l->last = piece.p[n - 1];
			break;
		}
		if (before != '\r')
			buf_addc(out, '\r');
		buf_addc(out, '\n');
		l->last = '\n';
		piece = sv_skip(piece, n + 1);
	}
	return buf_ok(out);
}

void
lines_check(struct lines_check *c, struct sv piece)
{
	size_t i;

	for (i = 0; i < piece.n && !c->unclean; i++) {
		if (piece.p[i] == '\n' &&
		    (c->last != '\r' || c->before == '\r'))
			c->unclean = true;
		c->before = c->last;
		c->last = piece.p[i];
	}
}

bool
lines_to_lf(struct lines_out *l, struct sv piece, struct buf *out)
{
	while (piece.n > 0) {
		size_t n = sv_chr(piece, '\r');

		if (l->cr && piece.p[0] != '\n')
			buf_addc(out, '\r');
		l->cr = n < piece.n;
		buf_add(out, piece.p, n);
		piece = sv_skip(piece, n + 1);
	}
	return buf_ok(out);
}

bool
lines_to_lf_end(struct lines_out *l, struct buf *out)
{
	if (l->cr)
		buf_addc(out, '\r');
	l->cr = false;
	return buf_ok(out);
}
