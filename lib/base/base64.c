#include "base/base64.h"

#include <sodium.h>

#define STANDARD sodium_base64_VARIANT_ORIGINAL

/* What so much text holds at the most. */
static size_t
decoded_max(struct sv in)
{
	size_t pad = 0;

	while (pad < 2 && pad < in.n && in.p[in.n - 1 - pad] == '=')
		pad++;
	return in.n / 4 * 3 - (in.n < 4 ? 0 : pad);
}

int
base64_decode(struct sv in, struct buf *out)
{
	size_t max = decoded_max(in), n;
	char *p;

	if (in.n % 4 != 0)
		return RC_SYNTAX;
	p = buf_reserve(out, max);
	if (p == NULL)
		return RC_TOOBIG;
	if (sodium_base642bin((unsigned char *)p, max, in.p, in.n, NULL, &n,
		NULL, STANDARD) != 0)
		return RC_SYNTAX;
	buf_added(out, n);
	return RC_OK;
}

void
base64_encode(struct sv in, struct buf *out)
{
	size_t room = sodium_base64_ENCODED_LEN(in.n, STANDARD); /* with NUL */
	char *p = buf_reserve(out, room);

	if (p == NULL)
		return;
	sodium_bin2base64(p, room, (const unsigned char *)in.p, in.n, STANDARD);
	buf_added(out, room - 1);
}
