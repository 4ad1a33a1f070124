#include "base/nfc.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"

/* Its length, or negative; *made is to be freed. */
static utf8proc_ssize_t
compose(struct sv s, utf8proc_uint8_t **made)
{
	*made = NULL;
	return utf8proc_map((const utf8proc_uint8_t *)s.p,
	    (utf8proc_ssize_t)s.n, made, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
}

bool
nfc_is(struct sv s)
{
	utf8proc_uint8_t *made;
	utf8proc_ssize_t n;
	bool same;

	if (!utf8_has_8bit(s))
		return true;
	n = compose(s, &made);
	same = n >= 0 && (size_t)n == s.n && memcmp(made, s.p, s.n) == 0;
	free(made);
	return same;
}

void
nfc_put(struct sv s, struct buf *out)
{
	utf8proc_uint8_t *made = NULL;
	utf8proc_ssize_t n = utf8_has_8bit(s) ? compose(s, &made) : -1;

	buf_addsv(out, n >= 0 ? sv_of((const char *)made, (size_t)n) : s);
	free(made);
}
