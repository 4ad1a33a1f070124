/*
 * What comes behind DATA [RFC 5321 4.1.1.4, 4.5.2] as an explicit state
 * machine: takes the dots off, finds the end, and notices every CR without LF
 * and every LF without CR.
 *
 * The end is CR LF "." CR LF and nothing else.  A bare CR or LF makes the
 * message refused, wherever it is; reading goes on to the real end, so
 * that no other server's idea of an end can smuggle a second message in.
 */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include "base/buf.h"

enum smtp_data_state {
	SMTP_DATA_LINE_START, /* the last two bytes were CR LF, or none yet */
	SMTP_DATA_TEXT,
	SMTP_DATA_CR,	  /* behind a CR in text */
	SMTP_DATA_DOT,	  /* behind a dot at the start of a line */
	SMTP_DATA_DOT_CR, /* behind dot CR at the start of a line */
	SMTP_DATA_END
};

struct smtp_data {
	enum smtp_data_state state;
	bool bare;	 /* a bare CR or LF has been seen */
	bool nul;	 /* a NUL byte has been seen */
	bool long_line;	 /* a line above line_max has been seen */
	size_t line;	 /* bytes of this line so far */
	size_t line_max; /* without CR LF */
};

/* [RFC 5321 4.5.3.1.6] allows 998 and lets servers take more; what is sent in
 * life has longer lines, so 1 MiB is the limit here. */
#define SMTP_DATA_LINE_MAX (1u << 20)

void smtp_data_init(struct smtp_data *d, size_t line_max);
/*
 * Takes bytes off the front of in, appends what belongs to the message to
 * out (at most as many), and returns how many it took: all, or up to and with
 * the end (state SMTP_DATA_END).
 */
size_t smtp_data_feed(struct smtp_data *d, struct sv in, struct buf *out);

/* How many bytes at the front are neither CR, LF nor NUL. */
size_t smtp_data_plain(struct sv in);

#endif
