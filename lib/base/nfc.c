#include "base/nfc.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"

bool
nfc_is(struct sv s)
{
	utf8proc_uint8_t *made = NULL;
	utf8proc_ssize_t n;
	bool same;

	if (!utf8_has_8bit(s))
		return true;
	n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n,
	    &made, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
	same = n >= 0 && (size_t)n == s.n && memcmp(made, s.p, s.n) == 0;
	free(made);
	return same;
}
