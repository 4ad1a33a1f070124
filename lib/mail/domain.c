#include "mail/domain.h"

bool
mail_domain_is_within(struct sv domain, struct sv other)
{
	size_t n = other.n;

	return n > 0 && domain.n >= n &&
	       sv_ieq(sv_skip(domain, domain.n - n), other) &&
	       (domain.n == n || domain.p[domain.n - n - 1] == '.');
}
