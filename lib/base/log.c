#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/clk.h"

static const char *log_process = "hearthmail";
static enum log_level log_max = LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void
log_setup(const char *process, enum log_level level)
{
	log_process = process;
	log_max = level;
}

void
mlog(enum log_level level, const char *event, const char *fmt, ...)
{
	char line[2048];
	struct clk_tm t;
	int64_t now;
	va_list ap;
	int i, n, m;

	if (level > log_max)
		return;
	now = clk_now();
	clk_civil(now / 1000, &t);
	n = snprintf(line, sizeof line,
	    "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s %s[%d] %s ", t.year,
	    t.month, t.day, t.hour, t.minute, t.second, (int)(now % 1000),
	    level_names[level], log_process, (int)getpid(), event);
	if (n < 0 || (size_t)n >= sizeof line - 1)
		return;
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof line - 1 - (size_t)n, fmt, ap);
	va_end(ap);
	if (m > 0)
		n += m;
	if ((size_t)n > sizeof line - 2)
		n = sizeof line - 2;
	/* One event is one line, whatever somebody managed to get into it. */
	for (i = 0; i < n; i++)
		if (!ascii_is_print(line[i]))
			line[i] = '?';
	line[n++] = '\n';
	if (write(2, line, (size_t)n) < 0)
		return; /* nobody is left to tell */
}

const char *
log_q(char out[LOG_Q_MAX], struct sv s)
{
	size_t i, n = 0;

	out[n++] = '"';
	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (n + 9 > LOG_Q_MAX) {
			n += (size_t)snprintf(out + n, LOG_Q_MAX - n, "...");
			break;
		}
		if (c == '"' || c == '\\')
			out[n++] = '\\';
		if (ascii_is_print((char)c))
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(
			    out + n, LOG_Q_MAX - n, "\\x%02x", c);
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}
