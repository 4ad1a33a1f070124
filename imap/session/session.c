#include "imap/session/session_priv.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "imap/parse/capability.h"

#define INPUT_MAX 65536

static enum pool_next run(struct pool_task *t);

static struct imap_session *
session_of(struct pool_task *t)
{
	return (struct imap_session *)t;
}

/* The stream's gate: the output rule. */
static int
gate(void *arg)
{
	struct imap_session *s = arg;
	int r = store_flush(s->store, s->need);

	s->poisoned = r != RC_OK;
	return r;
}

/*
 * The disk has failed: what was to be said is not true any more and the
 * stream says nothing any more.  This goes past it, so that the client knows
 * that it is the server's trouble and what to think of open commands.
 */
static void
last_word(struct imap_session *s)
{
	static const char text[] =
	    "* BYE [UNAVAILABLE] The server cannot write to its disk; what "
	    "it has not confirmed may not be kept.\r\n";

	(void)send(stream_fd(s->st), text, sizeof text - 1,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
session_end(struct pool_task *t)
{
	struct imap_session *s = session_of(t);

	mlog(LOG_INFO, "imap.session.end",
	    "account=%s peer=%s commands=%llu sent=%llu", s->account, s->peer,
	    (unsigned long long)s->commands,
	    (unsigned long long)stream_total_out(s->st));
	imap_append_drop(s);
	/* First of all the view: its notify uses the rest. */
	view_close(&s->view);
	rangeset_fini(&s->saved);
	stream_free(&s->st);
	imap_frame_fini(&s->frame);
	arena_reset(&s->arena);
	buf_fini(&s->idle_tag);
	buf_fini(&s->scratch);
	buf_fini(&s->reply);
	buf_fini(&s->login_tag);
	free(s->peer);
	free(s->hostname);
	free(s->account);
	free(s);
}

struct pool_task *
imap_session_new(const struct imap_session_args *args)
{
	struct imap_session *s = xcalloc(1, sizeof *s);

	s->task.fd = args->fd;
	s->task.run = run;
	s->task.end = session_end;
	s->store = args->store;
	s->account = xstrdup(args->account);
	s->hostname = xstrdup(args->hostname);
	s->peer = xstrdup(args->peer);
	s->tls = args->tls;
	s->local = args->local;
	s->lim = args->limits;
	s->watch = args->watch;
	if (args->local)
		s->watch.arg = NULL;
	s->st = stream_new(args->fd, INPUT_MAX);
	stream_set_gate(s->st, gate, s);
	stream_set_names(s->st, s->account, s->peer);
	s->state = IMAP_ST_AUTH;
	s->last_input = clk_mono();
	buf_init(&s->login_tag, args->limits.line);
	buf_addsv(&s->login_tag, args->tag);
	imap_frame_init(&s->frame, &s->lim);
	arena_init(&s->arena);
	buf_init(&s->reply, SIZE_MAX / 4);
	buf_init(&s->scratch, SIZE_MAX / 4);
	buf_init(&s->idle_tag, args->limits.line);
	return &s->task;
}

static void
greet(struct imap_session *s)
{
	mlog(LOG_INFO, "imap.session.start", "account=%s peer=%s tls=%d",
	    s->account, s->peer, s->tls ? 1 : 0);
	stream_putsv(s->st, buf_sv(&s->login_tag));
	stream_puts(
	    s->st, " OK [CAPABILITY " IMAP_CAPABILITIES "] Logged in.\r\n");
	buf_release(&s->login_tag);
}

/* ---- input ---- */

/* A line or a part of one, or what belongs to a literal in the text. */
static int
frame_input(struct imap_session *s)
{
	struct sv in = stream_input(s->st);
	struct imap_literal lit;
	enum imap_frame_got got;
	size_t used;

	if (in.n == 0)
		return RC_MORE;
	got = imap_frame_feed(&s->frame, in, &used, &lit);
	switch (got) {
	case IMAP_FRAME_MORE:
		break;
	case IMAP_FRAME_LITERAL:
		imap_command_literal(s, &lit);
		break;
	case IMAP_FRAME_COMMAND:
		if (s->mode == IMAP_MODE_APPEND)
			imap_append_command(s);
		else
			imap_command_run(s);
		break;
	case IMAP_FRAME_TOOLONG:
		if (s->mode == IMAP_MODE_APPEND)
			imap_append_toolong(s);
		else
			imap_command_toolong(s);
		break;
	case IMAP_FRAME_SKIPPED:
		break;
	}
	stream_consume(s->st, used);
	if (got == IMAP_FRAME_MORE || got == IMAP_FRAME_LITERAL)
		return RC_OK;
	imap_frame_reset(&s->frame);
	if (s->mode == IMAP_MODE_COMMAND)
		arena_reset(&s->arena);
	return RC_OK;
}

/* One step; RC_MORE: more input is needed. */
static int
step(struct imap_session *s)
{
	if (s->state == IMAP_ST_LOGOUT || s->broken)
		return RC_EOF;
	switch (s->mode) {
	case IMAP_MODE_IDLE:
		return imap_idle_input(s);
	case IMAP_MODE_APPEND:
		if (s->append != NULL) {
			int r = imap_append_input(s);

			if (r != RC_EOF)
				return r;
		}
		return frame_input(s);
	case IMAP_MODE_COMMAND:
		return frame_input(s);
	}
	return RC_EOF;
}

/* Until the client has to speak; anything but RC_MORE ends the session. */
static int
work(struct imap_session *s)
{
	for (;;) {
		int r;

		/* Before each command: a client that always has the next one
		 * ready must not outlive its revoked password. */
		if (atomic_load(&s->task.stopping)) {
			imap_bye(s, "[UNAVAILABLE] The server is closing this "
				    "session.");
			return RC_EOF;
		}
		r = step(s);
		if (r == RC_MORE) {
			r = stream_fill(s->st, 0);
			if (r == RC_OK)
				s->last_input = clk_mono();
		}
		if (r != RC_OK)
			return r;
	}
}

/* Gives back what a resting session does not need. */
static void
rest(struct imap_session *s)
{
	if (s->mode != IMAP_MODE_APPEND && s->frame.text.n == 0 &&
	    s->frame.literal == 0) {
		arena_reset(&s->arena);
		buf_release(&s->frame.text);
	}
	buf_release(&s->reply);
	buf_release(&s->scratch);
	stream_park(s->st);
	atomic_store(&s->task.deadline, s->last_input + s->lim.idle_ms);
}

static enum pool_next
run(struct pool_task *t)
{
	struct imap_session *s = session_of(t);
	int r;

	if (s->login_tag.n > 0)
		greet(s);
	r = work(s);
	/* A client that still listens learns that this is the end: a listener
	 * that is being replaced closes its side towards us as a client would.
	 */
	if (r == RC_EOF && s->state != IMAP_ST_LOGOUT && !s->broken)
		imap_bye(s, "[UNAVAILABLE] The connection ends.");
	if (r == RC_MORE && s->mode == IMAP_MODE_IDLE)
		imap_sync(s, true);
	if (r == RC_MORE && clk_mono() - s->last_input >= s->lim.idle_ms) {
		imap_bye(s, "You were silent for too long.");
		r = RC_EOF;
	}
	if (stream_flush(s->st) != RC_OK || r != RC_MORE ||
	    s->state == IMAP_ST_LOGOUT) {
		if (s->poisoned)
			last_word(s);
		stream_close(s->st);
		return POOL_DONE;
	}
	rest(s);
	return POOL_WAIT;
}
