#include "base/form.h"

#include "base/ascii.h"

int
form_decode(struct sv s, bool plus_is_blank, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = plus_is_blank && s.p[i] == '+' ? ' ' : s.p[i];

		if (c == '%') {
			int high = i + 2 < s.n ? ascii_hex(s.p[i + 1]) : -1;
			int low = i + 2 < s.n ? ascii_hex(s.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return RC_SYNTAX;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return RC_SYNTAX;
		buf_addc(out, c);
	}
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}

int
form_next(struct sv *rest, char name[FORM_NAME_MAX], struct buf *value)
{
	struct sv field, key;
	struct buf b;
	int r;

	do {
		if (rest->n == 0)
			return RC_EOF;
		field = sv_split(rest, '&');
	} while (field.n == 0);
	key = sv_split(&field, '=');
	buf_init(&b, FORM_NAME_MAX - 1);
	r = form_decode(key, true, &b);
	if (r == RC_OK)
		sv_copy(buf_sv(&b), name, FORM_NAME_MAX);
	buf_fini(&b);
	return r == RC_OK ? form_decode(field, true, value) : r;
}

int
form_get(struct sv form, const char *name, struct buf *value)
{
	const size_t had = value->n;
	char key[FORM_NAME_MAX];
	struct buf other;
	int r;

	do {
		const bool failed = value->failed;

		buf_init(&other, value->max - had);
		key[0] = '\0';
		r = form_next(&form, key, &other);
		if (r != RC_EOF && sv_eq(sv_str(key), sv_str(name))) {
			if (r == RC_OK)
				buf_addsv(value, buf_sv(&other));
			value->failed = failed;
			buf_wipe(&other);
			return r;
		}
		buf_wipe(&other);
	} while (r != RC_EOF);
	return RC_NOTFOUND;
}

void
form_encode(struct sv text, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (ascii_is_alnum(text.p[i]) || c == '-' || c == '_' ||
		    c == '.' || c == '~') {
			buf_addc(out, (char)c);
		} else {
			buf_addc(out, '%');
			buf_addc(out, digits[c >> 4]);
			buf_addc(out, digits[c & 15]);
		}
	}
}
