/*
 * SMTP commands as data: one table, from which the dispatcher, the tests and
 * HELP read; and the parser of their arguments, which is pure.
 */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "mail/path.h"

enum smtp_verb {
	SMTP_AUTH,
	SMTP_BDAT,
	SMTP_DATA,
	SMTP_EHLO,
	SMTP_EXPN,
	SMTP_HELO,
	SMTP_HELP,
	SMTP_MAIL,
	SMTP_NOOP,
	SMTP_QUIT,
	SMTP_RCPT,
	SMTP_RSET,
	SMTP_STARTTLS,
	SMTP_VRFY,
	SMTP_UNKNOWN
};

/* States of a session, as bits, since a command is legal in several. */
#define SMTP_ST_START 0x1u  /* connected, or after STARTTLS: no HELO yet */
#define SMTP_ST_READY 0x2u  /* greeted */
#define SMTP_ST_MAIL  0x4u  /* a sender is known */
#define SMTP_ST_RCPT  0x8u  /* and at least one recipient */
#define SMTP_ST_BDAT  0x10u /* in the middle of chunks */
#define SMTP_ST_ANY   0x1fu

#define SMTP_NEEDS_AUTH 0x1u /* on a submission port */
#define SMTP_LAST	0x2u /* [RFC 2920 3.1] ends a pipelined group */
#define SMTP_SECRET	0x4u /* its line is never logged */
#define SMTP_IDLE	0x8u /* brings no message nearer */

struct smtp_command {
	enum smtp_verb verb;
	const char *name;
	unsigned states;
	unsigned flags;
};

extern const struct smtp_command smtp_commands[];
extern const size_t smtp_ncommands;

/* Finds the command of a line; the rest behind the blanks goes to *args. An
 * unknown one is NULL. */
const struct smtp_command *smtp_command_find(struct sv line, struct sv *args);

/* [RFC 5321 4.1.1.2] "FROM:" Reverse-path [SP Mail-parameters] */
struct smtp_mail {
	struct mail_path path;
	bool has_size;
	uint64_t size;	/* [RFC 1870] */
	bool eight_bit; /* [RFC 6152] BODY=8BITMIME */
	bool binary;	/* [RFC 3030] BODY=BINARYMIME */
};

enum smtp_arg_error {
	SMTP_ARG_OK,
	SMTP_ARG_SYNTAX,	/* 501 5.5.4 */
	SMTP_ARG_ADDRESS,	/* 501 5.1.7 or 5.1.3 */
	SMTP_ARG_LONG,		/* the path is too long */
	SMTP_ARG_INTERNATIONAL, /* 553 5.6.7: it is not ASCII */
	SMTP_ARG_PARAM		/* 555 5.5.4: a parameter that is not known */
};

enum smtp_arg_error smtp_mail_parse(struct sv args, struct smtp_mail *out);
/* [RFC 5321 4.1.1.3] "TO:" Forward-path [SP Rcpt-parameters] */
enum smtp_arg_error smtp_rcpt_parse(struct sv args, struct mail_path *out);
/* [RFC 3030 2] BDAT chunk-size [SP "LAST"]; SMTP_ARG_PARAM: something else
 * is there, but *size is known. */
enum smtp_arg_error smtp_bdat_parse(struct sv args, uint64_t *size, bool *last);
/* Domain or address-literal of HELO and EHLO.  Lenient: anything without
 * control characters, since devices call themselves whatever their owners have
 * typed, with blanks, umlauts and underscores; [RFC 5321 4.1.4] forbids to
 * refuse mail for it anyway. */
bool smtp_helo_valid(struct sv args);

#endif
