#include "acme/note.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clk.h"

void
acme_note(struct buf *out, const char *fmt, ...)
{
	size_t before = out->n;
	va_list ap;

	va_start(ap, fmt);
	buf_addv(out, fmt, ap);
	va_end(ap);
	buf_addc(out, '\n');
	if (!buf_ok(out)) {
		buf_truncate(out, before);
		out->failed = false;
	}
}

void
acme_print_time(int64_t s, char out[ACME_TIME_MAX])
{
	struct clk_tm t;

	clk_civil(s, &t);
	(void)snprintf(out, ACME_TIME_MAX, "%04d-%02d-%02d %02d:%02d UTC",
	    t.year, t.month, t.day, t.hour, t.minute);
}
