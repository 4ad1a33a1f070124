/* Whether a long command still works for anybody, and the call that wakes IDLE.
 */
#include <poll.h>

#include "base/clk.h"
#include "imap/session/session_priv.h"

#define LOOK_MS 100  /* between two looks at the socket */
#define SIGN_MS 2000 /* between two signs of life */

/*
 * A client that has shut its side down may still wait for the answer or may be
 * gone: that shows only when something is sent to it.
 */
static void
give_sign(struct imap_session *s, bool between)
{
	if (between)
		stream_puts(s->st, "* OK Still at work.\r\n");
	if (stream_flush(s->st) != RC_OK)
		s->broken = true;
}

bool
imap_goes_on(struct imap_session *s, bool between)
{
	struct pollfd p = {.fd = stream_fd(s->st), .events = POLLRDHUP};
	int64_t now;

	if (s->broken || atomic_load(&s->task.stopping))
		return false;
	now = clk_mono();
	if (now - s->last_look < LOOK_MS)
		return true;
	s->last_look = now;
	if (poll(&p, 1, 0) <= 0)
		return true;
	if ((p.revents & (POLLHUP | POLLERR)) != 0)
		s->broken = true;
	else if (now - s->last_sign >= SIGN_MS) {
		s->last_sign = now;
		give_sign(s, between);
	}
	return !s->broken;
}

void
imap_ended(struct imap_cmd *c)
{
	imap_no(c, "[UNAVAILABLE] The server is closing this session.");
}

/* From any thread: only a session in IDLE has to look at once. */
void
imap_notify(void *arg)
{
	struct imap_session *s = arg;

	if (atomic_load(&s->idling))
		pool_wake(&s->task);
}
