#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/command/command.h"

bool
command_read_line(struct buf *out)
{
	for (;;) {
		char c;
		ssize_t n = read(0, &c, 1);

		if (n < 0)
			return false;
		if (n == 0 || c == '\n')
			return buf_ok(out) && (n == 1 || out->n > 0);
		if (c != '\r')
			buf_addc(out, c);
	}
}

bool
command_prompt(const char *text, struct buf *out)
{
	struct termios old, quiet;
	bool tty = tcgetattr(0, &old) == 0, ok;

	fputs(text, stderr);
	if (tty) {
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(0, TCSAFLUSH, &quiet);
	}
	ok = command_read_line(out);
	if (tty) {
		(void)tcsetattr(0, TCSAFLUSH, &old);
		fputc('\n', stderr);
	}
	return ok;
}
