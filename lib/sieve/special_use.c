#include "sieve/special_use.h"

#include <string.h>

#include "base/ascii.h"
#include "sieve/check.h"

/* use-attr [RFC 6154 6]: a backslash and an atom. */
bool
sieve_is_special_use(struct sv s)
{
	for (size_t i = 1; i < s.n; i++)
		if (!ascii_is_graph(s.p[i]) ||
		    memchr("(){%*\"\\]", s.p[i], 8) != NULL)
			return false;
	return s.n > 1 && s.p[0] == '\\';
}

bool
sieve_check_special_use(struct sieve_check *c, const struct sieve_node *n)
{
	const struct sieve_value *use = sieve_tag_value(n, T_SPECIALUSE);

	return use == NULL || sieve_check_each(c, use, sieve_is_special_use,
				  "a special use, such as \"\\\\Junk\"");
}
