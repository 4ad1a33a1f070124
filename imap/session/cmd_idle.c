#include "imap/session/session_priv.h"

/*
 * idle = "IDLE" CRLF "DONE"  [RFC 2177 4]
 *
 * The store's notify wakes the task, whose run() then tells what is new.
 */
void
imap_cmd_idle(struct imap_cmd *c)
{
	struct imap_session *s = c->s;

	if (!imap_arguments_end(c, RC_OK))
		return;
	buf_addsv(&s->idle_tag, c->tag);
	s->mode = IMAP_MODE_IDLE;
	/* Before looking, so that nothing falls in between. */
	atomic_store(&s->idling, true);
	stream_puts(s->st, "+ idling\r\n");
	imap_sync(s, true);
}

int
imap_idle_input(struct imap_session *s)
{
	struct sv in = stream_input(s->st);
	size_t n = sv_chr(in, '\n');
	struct imap_cmd c = {.s = s};

	if (n == in.n && n <= 16)
		return RC_MORE;
	c.tag = buf_sv(&s->idle_tag);
	c.verb = NULL;
	atomic_store(&s->idling, false);
	s->mode = IMAP_MODE_COMMAND;
	if (n < in.n && sv_ieq(sv_trim(sv_first(in, n)), SV("DONE")))
		imap_ok(&c, "Idle ended.");
	else
		imap_bad(&c, "Expected DONE.");
	/* A line that goes on is read as a command: it ends where it ends. */
	stream_consume(s->st, n < in.n ? n + 1 : 0);
	imap_sync(s, true);
	imap_command_finish(&c);
	buf_release(&s->idle_tag);
	return RC_OK;
}
