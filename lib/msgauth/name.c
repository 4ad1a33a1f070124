#include "msgauth/name.h"

#include <idn2.h>

#include "base/utf8.h"

/* A name of 253 bytes in ASCII has no more of UTF-8, as far as one can tell
 * without converting it. */
#define NAME_IN_MAX 1024

int
name_ascii(struct sv name, char out[DNS_NAME_MAX])
{
	char in[NAME_IN_MAX + 1], made[DNS_NAME_MAX];
	uint8_t *ascii = NULL;
	int r = RC_SYNTAX;

	if (name.n == 0 || name.n > NAME_IN_MAX)
		return RC_SYNTAX;
	if (utf8_has_8bit(name)) {
		if (!utf8_valid(name) || memchr(name.p, 0, name.n) != NULL)
			return RC_SYNTAX;
		memcpy(in, name.p, name.n);
		in[name.n] = '\0';
		if (idn2_lookup_u8((const uint8_t *)in, &ascii,
			IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return RC_SYNTAX;
		name = sv_str((const char *)ascii);
	}
	if (name.n > 0 && dns_name_normalise(name, made) == RC_OK &&
	    made[0] != '\0') {
		memcpy(out, made, sizeof made);
		r = RC_OK;
	}
	idn2_free(ascii);
	return r;
}

bool
name_is_within(struct sv name, struct sv parent)
{
	if (name.n == parent.n)
		return sv_eq(name, parent);
	return name.n > parent.n && sv_ends(name, parent) &&
	       name.p[name.n - parent.n - 1] == '.';
}

size_t
name_labels(struct sv name)
{
	size_t i, n = name.n > 0;

	for (i = 0; i < name.n; i++)
		n += name.p[i] == '.';
	return n;
}

struct sv
name_last(struct sv name, size_t n)
{
	size_t i = name.n;

	if (n == 0)
		return sv_skip(name, name.n);
	while (i > 0) {
		i--;
		if (name.p[i] == '.' && --n == 0)
			return sv_skip(name, i + 1);
	}
	return name;
}
