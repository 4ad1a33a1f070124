#include "smtp/data.h"

#include <stdint.h>
#include <string.h>

void
smtp_data_init(struct smtp_data *d, size_t line_max)
{
	memset(d, 0, sizeof *d);
	d->state = SMTP_DATA_LINE_START;
	d->line_max = line_max;
}

#define BLOCK 16

typedef unsigned char block __attribute__((vector_size(BLOCK)));

static bool
is_plain(const char *p)
{
	uint64_t found[2];
	block b, hit;

	memcpy(&b, p, BLOCK);
	hit = (block)(b == '\r') | (block)(b == '\n') | (block)(b == 0);
	memcpy(found, &hit, BLOCK);
	return (found[0] | found[1]) == 0;
}

size_t
smtp_data_plain(struct sv in)
{
	size_t i = 0;

	while (i + BLOCK <= in.n && is_plain(in.p + i))
		i += BLOCK;
	while (
	    i < in.n && in.p[i] != '\r' && in.p[i] != '\n' && in.p[i] != '\0')
		i++;
	return i;
}

/* At the start of a line or in its text: how much goes into the message as it
 * is, whole lines mostly. */
static size_t
plain_lines(struct smtp_data *d, struct sv in)
{
	size_t i = 0, n;

	while (i < in.n && (d->state == SMTP_DATA_TEXT || in.p[i] != '.')) {
		n = smtp_data_plain(sv_skip(in, i));
		if (n > 0)
			d->state = SMTP_DATA_TEXT;
		i += n;
		d->line += n;
		if (d->line > d->line_max)
			d->long_line = true;
		if (in.n - i < 2 || in.p[i] != '\r' || in.p[i + 1] != '\n')
			break;
		i += 2;
		d->line = 0;
		d->state = SMTP_DATA_LINE_START;
	}
	return i;
}

static void
text_byte(struct smtp_data *d, char c, struct buf *out)
{
	switch (c) {
	case '\r':
		d->state = SMTP_DATA_CR;
		return;
	case '\n':
		d->bare = true;
		break;
	case '\0':
		d->nul = true;
		break;
	default:
		break;
	}
	d->state = SMTP_DATA_TEXT;
	d->line++;
	buf_addc(out, c);
}

static void
after_cr(struct smtp_data *d, char c, struct buf *out)
{
	if (c == '\n') {
		if (d->line > d->line_max)
			d->long_line = true;
		d->line = 0;
		d->state = SMTP_DATA_LINE_START;
		buf_add(out, "\r\n", 2);
		return;
	}
	d->bare = true;
	buf_addc(out, '\r');
	text_byte(d, c, out);
}

/* One byte, with what the state remembers. */
static void
step(struct smtp_data *d, char c, struct buf *out)
{
	switch (d->state) {
	case SMTP_DATA_LINE_START:
		if (c == '.')
			d->state = SMTP_DATA_DOT;
		else
			text_byte(d, c, out);
		break;
	case SMTP_DATA_TEXT:
		text_byte(d, c, out);
		break;
	case SMTP_DATA_CR:
		after_cr(d, c, out);
		break;
	case SMTP_DATA_DOT:
		/* [RFC 5321 4.5.2] the first dot of a line is taken off. */
		if (c == '\r')
			d->state = SMTP_DATA_DOT_CR;
		else
			text_byte(d, c, out);
		break;
	case SMTP_DATA_DOT_CR:
		if (c == '\n')
			d->state = SMTP_DATA_END;
		else
			after_cr(d, c, out);
		break;
	case SMTP_DATA_END:
		break;
	}
}

size_t
smtp_data_feed(struct smtp_data *d, struct sv in, struct buf *out)
{
	size_t i = 0;

	while (i < in.n && d->state != SMTP_DATA_END) {
		/* The usual case, in one go. */
		if (d->state == SMTP_DATA_TEXT ||
		    d->state == SMTP_DATA_LINE_START) {
			size_t n = plain_lines(d, sv_skip(in, i));

			buf_add(out, in.p + i, n);
			i += n;
			if (i == in.n)
				break;
		}
		step(d, in.p[i++], out);
	}
	return i;
}
