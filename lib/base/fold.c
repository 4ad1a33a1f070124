#include "base/fold.h"

#include <utf8proc.h>

#include "base/ascii.h"
#include "base/utf8.h"

/* Code points that one becomes; what is more stays as it is but for canonical
 * forms, which have at most 4: some signs stand for whole sentences. */
#define FOLD_MAX 4

void
fold_ascii(struct sv in, char *out)
{
	size_t i;

	/* No branch, so that the compiler makes it a vector loop. */
	for (i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];
		unsigned char up =
		    (unsigned char)((unsigned char)(c - 'A') < 26);

		out[i] = (char)(c + (unsigned char)(up << 5));
	}
}

static void
fold_char(uint32_t cp, struct buf *out)
{
	utf8proc_int32_t to[FOLD_MAX];
	utf8proc_ssize_t i, n;
	int boundary = 0;

	n = utf8proc_decompose_char((utf8proc_int32_t)cp, to, FOLD_MAX,
	    UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_COMPAT,
	    &boundary);
	if (n < 0 || n > FOLD_MAX)
		n = utf8proc_decompose_char((utf8proc_int32_t)cp, to, FOLD_MAX,
		    UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD, &boundary);
	if (n < 0 || n > FOLD_MAX)
		utf8_put(out, cp);
	else
		for (i = 0; i < n; i++)
			utf8_put(out, (uint32_t)to[i]);
}

void
fold_utf8(struct sv in, struct buf *out)
{
	while (in.n > 0) {
		struct sv before = in;
		size_t n = 0;
		uint32_t cp;
		char *p;

		while (n < in.n && !((unsigned char)in.p[n] & 0x80))
			n++;
		if (n > 0) {
			p = buf_reserve(out, n);
			if (p == NULL)
				return;
			fold_ascii(sv_first(in, n), p);
			buf_added(out, n);
			in = sv_skip(in, n);
		} else if (utf8_next(&in, &cp) != RC_OK) {
			buf_addc(out, before.p[0]);
		} else {
			fold_char(cp, out);
		}
	}
}
