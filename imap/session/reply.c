/* The tagged reply of a command, and the last word of a session. */
#include <stdarg.h>

#include "imap/session/session_priv.h"

static void
reply(struct imap_cmd *c, enum imap_status status, const char *fmt, va_list ap)
{
	c->status = status;
	buf_reset(&c->s->reply);
	buf_addv(&c->s->reply, fmt, ap);
}

void
imap_ok(struct imap_cmd *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reply(c, IMAP_OK, fmt, ap);
	va_end(ap);
}

void
imap_no(struct imap_cmd *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reply(c, IMAP_NO, fmt, ap);
	va_end(ap);
}

void
imap_bad(struct imap_cmd *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reply(c, IMAP_BAD, fmt, ap);
	va_end(ap);
}

void
imap_syntax(struct imap_cmd *c, int rc)
{
	if (rc == RC_TOOBIG)
		imap_bad(c, "[LIMIT] The command has too many elements.");
	else if (rc == RC_PERM)
		imap_no(c, "[CANNOT] Expected %s.", c->in.why);
	else
		imap_bad(c, "Expected %s.", c->in.why);
}

bool
imap_arguments_end(struct imap_cmd *c, int rc)
{
	if (rc == RC_OK)
		rc = imap_end(&c->in);
	if (rc != RC_OK)
		imap_syntax(c, rc);
	return rc == RC_OK;
}

void
imap_store_error(struct imap_cmd *c, int rc, const struct err *err)
{
	static const struct {
		int rc;
		const char *code, *text;
	} row[] = {
	    {RC_NOTFOUND, "NONEXISTENT", "There is no such mailbox."},
	    {RC_EXISTS, "ALREADYEXISTS", "That mailbox already exists."},
	    {RC_SYNTAX, "CANNOT", "That is not a valid mailbox name."},
	    {RC_DENIED, "CANNOT", "That is not possible with this mailbox."},
	    {RC_TOOBIG, "LIMIT", "A limit has been reached."},
	    {RC_NOSPACE, "OVERQUOTA", "The server's disk is full."},
	    {RC_TEMP, "UNAVAILABLE", "Temporary failure; try again later."},
	    {RC_DAMAGED, "CORRUPTION", "The stored message is damaged."},
	};
	size_t i;

	for (i = 0; i < sizeof row / sizeof row[0]; i++)
		if (row[i].rc == rc)
			break;
	if (i == sizeof row / sizeof row[0])
		imap_no(c, "[SERVERBUG] Failed: %s.", rc_name(rc));
	else
		imap_no(c, "[%s] %s", row[i].code,
		    err != NULL && err->text[0] != '\0' ? err->text
							: row[i].text);
}

void
imap_bye(struct imap_session *s, const char *text)
{
	if (s->state == IMAP_ST_LOGOUT)
		return;
	stream_printf(s->st, "* BYE %s\r\n", text);
	s->state = IMAP_ST_LOGOUT;
}
