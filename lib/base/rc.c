#include "base/rc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
text_make_safe(char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

int
err_set(struct err *err, int code, const char *fmt, ...)
{
	struct err new = {.code = code};
	va_list ap;

	if (err == NULL)
		return code;
	/* Beside it: the old text may be one of the arguments. */
	va_start(ap, fmt);
	(void)vsnprintf(new.text, sizeof new.text, fmt, ap);
	va_end(ap);
	text_make_safe(new.text);
	*err = new;
	return code;
}

int
err_sys(struct err *err, int code, int e, const char *fmt, ...)
{
	struct err new = {.code = code};
	char why[80];
	va_list ap;
	size_t n;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(new.text, sizeof new.text, fmt, ap);
	va_end(ap);
	n = strlen(new.text);
	(void)snprintf(new.text + n, sizeof new.text - n, ": %s",
	    strerror_r(e, why, sizeof why));
	text_make_safe(new.text);
	*err = new;
	return code;
}

const char *
rc_name(int rc)
{
	switch ((enum rc)rc) {
	case RC_OK:
		return "RC_OK";
	case RC_MORE:
		return "RC_MORE";
	case RC_SYNTAX:
		return "RC_SYNTAX";
	case RC_TOOBIG:
		return "RC_TOOBIG";
	case RC_IO:
		return "RC_IO";
	case RC_TEMP:
		return "RC_TEMP";
	case RC_PERM:
		return "RC_PERM";
	case RC_DENIED:
		return "RC_DENIED";
	case RC_NOTFOUND:
		return "RC_NOTFOUND";
	case RC_EXISTS:
		return "RC_EXISTS";
	case RC_EOF:
		return "RC_EOF";
	case RC_TIMEOUT:
		return "RC_TIMEOUT";
	case RC_NOSPACE:
		return "RC_NOSPACE";
	case RC_DAMAGED:
		return "RC_DAMAGED";
	case RC_NOSUPPORT:
		return "RC_NOSUPPORT";
	}
	return "RC_?";
}

void
must_fail(const char *cond, const char *file, int line)
{
	fprintf(stderr, "bug: %s:%d: must(%s) does not hold; please report\n",
	    file, line, cond);
	abort();
}
