/* What forms send: application/x-www-form-urlencoded. */
#include <openssl/crypto.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "web/page/page.h"

static int
hex(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = (char)ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next byte of *s; -1: a broken %. */
static int
next_byte(struct sv *s)
{
	char c = s->p[0];
	int high, low;

	if (c != '%') {
		*s = sv_skip(*s, 1);
		return c == '+' ? ' ' : (unsigned char)c;
	}
	if (s->n < 3 || (high = hex(s->p[1])) < 0 || (low = hex(s->p[2])) < 0)
		return -1;
	*s = sv_skip(*s, 3);
	return high << 4 | low;
}

static bool
is_named(struct sv coded, const char *name)
{
	while (coded.n > 0 && *name != '\0') {
		int c = next_byte(&coded);

		if (c < 0 || (char)c != *name++)
			return false;
	}
	return coded.n == 0 && *name == '\0';
}

static int
decode(struct sv coded, struct buf *out)
{
	struct buf raw;
	int r = RC_OK;

	buf_init(&raw, coded.n + 1);
	while (r == RC_OK && coded.n > 0) {
		int c = next_byte(&coded);

		if (c <= 0)
			r = RC_SYNTAX;
		else
			buf_addc(&raw, (char)c);
	}
	if (r == RC_OK)
		utf8_repair(out, buf_sv(&raw));
	if (r == RC_OK && !buf_ok(out))
		r = RC_TOOBIG;
	buf_wipe(&raw);
	return r;
}

int
page_value_of(struct sv form, const char *name, size_t n, struct buf *out)
{
	while (form.n > 0) {
		struct sv value = sv_split(&form, '&');
		struct sv key = sv_split(&value, '=');

		if (is_named(key, name) && n-- == 0)
			return decode(value, out);
	}
	return RC_NOTFOUND;
}

int
page_value(struct sv form, const char *name, struct buf *out)
{
	return page_value_of(form, name, 0, out);
}

void
page_query_add(struct buf *query, const char *name, struct sv value)
{
	size_t i;

	buf_addf(query, "%s%s=", query->n > 0 ? "&" : "", name);
	for (i = 0; i < value.n; i++)
		if (ascii_is_alnum(value.p[i]) || value.p[i] == '-' ||
		    value.p[i] == '.' || value.p[i] == '_')
			buf_addc(query, value.p[i]);
		else
			buf_addf(query, "%%%02X", (unsigned char)value.p[i]);
}

bool
page_same_secret(struct sv a, struct sv b)
{
	return a.n > 0 && a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}
