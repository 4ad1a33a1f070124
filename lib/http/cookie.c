#include "http/cookie.h"

struct sv
http_cookie(struct sv field, struct sv name)
{
	while (field.n > 0) {
		struct sv pair = sv_trim(sv_split(&field, ';'));
		const size_t at = sv_chr(pair, '=');

		if (at < pair.n && sv_eq(sv_first(pair, at), name))
			return sv_skip(pair, at + 1);
	}
	return (struct sv){NULL, 0};
}
