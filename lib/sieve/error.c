#include "sieve/error.h"

#include <stdio.h>

#include "base/ascii.h"
#include "base/utf8.h"

void
sieve_error_text(char *out, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(out, size, fmt, ap);
	size_t i = size - 1;

	if (n < 0 || (size_t)n < size)
		return;
	/* The last character may have lost its end. */
	while (i > 0 && ((unsigned char)out[i - 1] & 0xc0) == 0x80)
		i--;
	if (i > 0 && (unsigned char)out[i - 1] >= 0x80)
		out[i - 1] = '\0';
}

void
sieve_error_add(struct sieve_errors *errors, unsigned line, unsigned column,
    const char *fmt, ...)
{
	struct sieve_error *e;
	va_list ap;

	if (errors->n++ >= SIEVE_ERRORS_MAX)
		return;
	e = &errors->e[errors->n - 1];
	e->line = line;
	e->column = column;
	va_start(ap, fmt);
	sieve_error_text(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
}

const char *
sieve_quote(struct sv s, struct sieve_quote *q)
{
	struct buf b;

	/* With room for one character more, so that none is cut. */
	buf_init(&b, SIEVE_QUOTE_MAX);
	while (s.n > 0) {
		struct sv before = s;
		size_t fits = b.n;
		uint32_t cp;

		if (utf8_next(&s, &cp) != RC_OK)
			cp = '?';
		if (cp == '\r')
			continue;
		if (cp < ' ' || cp == 127)
			cp = ' ';
		utf8_put(&b, cp);
		if (b.n > SIEVE_QUOTE_MAX - 4) {
			buf_truncate(&b, fits);
			s = before;
			break;
		}
	}
	(void)snprintf(
	    q->text, sizeof q->text, "%s%s", b.p, s.n > 0 ? "..." : "");
	buf_fini(&b);
	return q->text;
}

void
sieve_errors_print(
    const struct sieve_errors *e, const char *name, struct buf *out)
{
	for (size_t i = 0; i < e->n && i < SIEVE_ERRORS_MAX; i++) {
		const struct sieve_error *x = &e->e[i];

		if (name != NULL && x->line > 0)
			buf_addf(out, "%s:%u:%u: ", name, x->line, x->column);
		else if (name != NULL)
			buf_addf(out, "%s: ", name);
		else if (x->line > 0)
			buf_addf(
			    out, "line %u, column %u: ", x->line, x->column);
		buf_addf(out, "%s\n", x->text);
	}
}
