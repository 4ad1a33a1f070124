#include "pop3/session/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/plural.h"
#include "net/stream.h"
#include "pop3/front/front.h"

#define LINE_MAX_N 1024
#define IDLE_MS	   (10 * 60 * 1000) /* [RFC 1939 3] at least 10 minutes */
#define SILENT_MS  (30 * 1000)
#define BAD_MAX	   20
#define CHUNK	   32768

struct pop3_session {
	struct pool_task task;
	struct pop3_session_args a;
	char *account, *peer;
	struct stream *st;
	struct view *view;
	uint64_t need;
	bool greeted, over;
	atomic_bool lost;      /* another one has taken the mailbox over */
	atomic_bool at_work;   /* it is not parked: never silent */
	_Atomic int64_t heard; /* of clk_mono(): the last command's end */
	unsigned bad;

	/* Fixed at login. */
	struct store_msg *msg;
	uint32_t count;
	uint32_t uidvalidity;
	bool *marked;
	uint32_t nmarked;
};

#define REPLY(s, ...) stream_printf((s)->st, __VA_ARGS__)

static int
gate(void *arg)
{
	struct pop3_session *s = arg;

	return store_flush(s->a.store, s->need);
}

/* ---- the mailbox ---- */

static bool
open_mailbox(struct pop3_session *s)
{
	struct view_info info;
	uint32_t n;

	if (view_open(s->a.store, "INBOX", false, NULL, NULL, &s->view,
		&s->need) != RC_OK)
		return false;
	view_info(s->view, &info, &s->need);
	s->uidvalidity = info.uidvalidity;
	n = view_count(s->view);
	s->msg = xcalloc(n, sizeof *s->msg);
	s->marked = xcalloc(n, sizeof *s->marked);
	s->count = view_msgs(s->view, 1, n, s->msg, &s->need);
	return true;
}

static bool
is_silent(struct pop3_session *s, int64_t ms)
{
	return !atomic_load(&s->at_work) &&
	       clk_mono() - atomic_load(&s->heard) >= ms;
}

/* Nothing that the other one has marked is deleted: it has not said QUIT. */
static bool
take_gate(struct pop3_session *s)
{
	struct pop3_gate *g = s->a.gate;
	bool mine;

	pthread_mutex_lock(&g->lock);
	mine = g->holder == NULL || is_silent(g->holder, s->a.silent_ms);
	if (mine && g->holder != NULL) {
		mlog(LOG_INFO, "pop3.takeover", "account=%s peer=%s from=%s",
		    s->account, s->peer, g->holder->peer);
		atomic_store(&g->holder->lost, true);
		pool_wake(&g->holder->task);
	}
	if (mine)
		g->holder = s;
	pthread_mutex_unlock(&g->lock);
	return mine;
}

static void
leave_gate(struct pop3_session *s)
{
	struct pop3_gate *g = s->a.gate;

	pthread_mutex_lock(&g->lock);
	if (g->holder == s)
		g->holder = NULL;
	pthread_mutex_unlock(&g->lock);
}

/* From here on nobody takes the mailbox over; false if somebody has. */
static bool
begin_work(struct pop3_session *s)
{
	struct pop3_gate *g = s->a.gate;

	pthread_mutex_lock(&g->lock);
	atomic_store(&s->at_work, true);
	pthread_mutex_unlock(&g->lock);
	return !atomic_load(&s->lost);
}

static void
greet(struct pop3_session *s)
{
	s->greeted = true;
	if (!take_gate(s)) {
		REPLY(s, "-ERR [IN-USE] another POP3 session has this "
			 "mailbox; try again\r\n");
		s->over = true;
		return;
	}
	if (!open_mailbox(s)) {
		REPLY(s, "-ERR [SYS/TEMP] the mailbox is not available\r\n");
		s->over = true;
		return;
	}
	REPLY(s, "+OK %u message%s\r\n", s->count, plural(s->count));
}

/* The message a command names: 1 to count, not marked; else a reply. */
static struct store_msg *
get_message(struct pop3_session *s, struct sv arg, uint32_t *i_out)
{
	uint32_t n;

	if (sv_to_u32(arg, UINT32_MAX, &n) != RC_OK || n == 0) {
		REPLY(s, "-ERR a message number is expected\r\n");
		return NULL;
	}
	if (n > s->count || s->marked[n - 1]) {
		REPLY(s, n > s->count ? "-ERR there is no such message\r\n"
				      : "-ERR that message is deleted\r\n");
		return NULL;
	}
	*i_out = n - 1;
	return &s->msg[n - 1];
}

/* ---- message bytes ---- */

/* A body that is being sent: dots are doubled at line starts, and
 * TOP counts the lines behind the header. */
struct sender {
	bool line_start;
	bool lone_cr; /* of this line only a CR has been sent */
	bool in_body;
	uint64_t lines_left; /* of the body; UINT64_MAX: all */
	bool done;
};

/* One line or a part of one that ends with the chunk. */
static void
send_piece(struct pop3_session *s, struct sender *d, struct sv piece)
{
	bool ends = piece.n > 0 && piece.p[piece.n - 1] == '\n';
	bool empty = d->line_start
			 ? sv_eq(piece, SV("\r\n")) || sv_eq(piece, SV("\n"))
			 : d->lone_cr && sv_eq(piece, SV("\n"));

	if (d->in_body && d->line_start && d->lines_left == 0) {
		d->done = true;
		return;
	}
	/* [RFC 1939 3] byte-stuffing */
	if (d->line_start && piece.p[0] == '.')
		stream_write(s->st, ".", 1);
	stream_putsv(s->st, piece);
	d->lone_cr = d->line_start && sv_eq(piece, SV("\r"));
	if (!ends) {
		d->line_start = false;
		return;
	}
	if (d->in_body && d->lines_left != UINT64_MAX)
		d->lines_left--;
	if (empty)
		d->in_body = true;
	d->line_start = true;
}

/* A chunk without a line that begins with a dot goes out as it is. */
static void
send_chunk(struct pop3_session *s, struct sender *d, struct sv chunk)
{
	if (d->lines_left == UINT64_MAX && chunk.p[0] != '.' &&
	    sv_find(chunk, SV("\n.")) == chunk.n) {
		stream_putsv(s->st, chunk);
		d->line_start = chunk.p[chunk.n - 1] == '\n';
		return;
	}
	while (chunk.n > 0 && !d->done) {
		size_t n = sv_chr(chunk, '\n');
		struct sv piece = sv_first(chunk, n < chunk.n ? n + 1 : n);

		send_piece(s, d, piece);
		chunk = sv_skip(chunk, piece.n);
	}
}

static void
send_message(struct pop3_session *s, const struct store_msg *m, uint64_t lines)
{
	struct sender d = {.line_start = true, .lines_left = lines};
	char *buf = xmalloc(CHUNK);
	uint64_t at = 0;

	while (at < m->size && !d.done && !s->over) {
		size_t n =
		    m->size - at < CHUNK ? (size_t)(m->size - at) : CHUNK;

		if (store_read(s->a.store, m->body, at, buf, n) != RC_OK) {
			/* The reply has begun: the only honest way to say that
			 * the message cannot be read is to end here. */
			mlog(LOG_ERROR, "pop3.read",
			    "account=%s uid=%u offset=%llu text=\"the message "
			    "cannot be read from the disk\"",
			    s->account, m->uid, (unsigned long long)at);
			s->over = true;
			free(buf);
			return;
		}
		send_chunk(s, &d, sv_of(buf, n));
		at += n;
		/* A slow client must not outlive its revoked password. */
		s->over = atomic_load(&s->task.stopping);
	}
	free(buf);
	if (s->over)
		return;
	REPLY(s, d.line_start ? ".\r\n" : "\r\n.\r\n");
}

/* ---- commands ---- */

static void
do_stat(struct pop3_session *s, struct sv args)
{
	uint64_t bytes = 0;
	uint32_t i;

	(void)args;
	for (i = 0; i < s->count; i++)
		if (!s->marked[i])
			bytes += s->msg[i].size;
	REPLY(s, "+OK %u %llu\r\n", s->count - s->nmarked,
	    (unsigned long long)bytes);
}

static void
list_line(struct pop3_session *s, uint32_t i, bool uidl)
{
	if (uidl) /* [RFC 1939 7] unique for all time: epoch and UID */
		REPLY(s, "%u %016llx.%u.%u\r\n", i + 1,
		    (unsigned long long)store_epoch(s->a.store), s->uidvalidity,
		    s->msg[i].uid);
	else
		REPLY(s, "%u %u\r\n", i + 1, s->msg[i].size);
}

static void
do_listing(struct pop3_session *s, struct sv args, bool uidl)
{
	uint32_t i;

	if (args.n > 0) {
		if (get_message(s, args, &i) == NULL)
			return;
		REPLY(s, "+OK ");
		list_line(s, i, uidl);
		return;
	}
	REPLY(s, "+OK\r\n");
	for (i = 0; i < s->count; i++)
		if (!s->marked[i])
			list_line(s, i, uidl);
	REPLY(s, ".\r\n");
}

static void
do_list(struct pop3_session *s, struct sv args)
{
	do_listing(s, args, false);
}

static void
do_uidl(struct pop3_session *s, struct sv args)
{
	do_listing(s, args, true);
}

static void
do_retr(struct pop3_session *s, struct sv args)
{
	struct store_msg *m;
	uint32_t i;

	m = get_message(s, args, &i);
	if (m == NULL)
		return;
	REPLY(s, "+OK %u octets\r\n", m->size);
	send_message(s, m, UINT64_MAX);
}

static void
do_top(struct pop3_session *s, struct sv args)
{
	struct sv which = sv_split(&args, ' ');
	struct store_msg *m;
	uint64_t lines;
	uint32_t i;

	m = get_message(s, which, &i);
	if (m == NULL)
		return;
	if (sv_to_u64(args, UINT32_MAX, &lines) != RC_OK) {
		REPLY(s, "-ERR TOP needs a message and a number of lines\r\n");
		return;
	}
	REPLY(s, "+OK\r\n");
	send_message(s, m, lines);
}

static void
do_dele(struct pop3_session *s, struct sv args)
{
	uint32_t i;

	if (get_message(s, args, &i) == NULL)
		return;
	s->marked[i] = true;
	s->nmarked++;
	REPLY(s, "+OK marked for deletion\r\n");
}

static void
do_rset(struct pop3_session *s, struct sv args)
{
	(void)args;
	memset(s->marked, 0, s->count * sizeof *s->marked);
	s->nmarked = 0;
	REPLY(s, "+OK %u message%s\r\n", s->count, plural(s->count));
}

static void
do_noop(struct pop3_session *s, struct sv args)
{
	(void)args;
	REPLY(s, "+OK\r\n");
}

static void
do_capa(struct pop3_session *s, struct sv args)
{
	struct buf out;

	(void)args;
	buf_init(&out, 4096);
	pop3_capa(&out, false, false);
	stream_putsv(s->st, buf_sv(&out));
	buf_fini(&out);
}

static void
do_quit(struct pop3_session *s, struct sv args)
{
	struct rangeset uids = RANGESET_EMPTY;
	struct err err = {.text = ""};
	uint32_t i;
	int r = RC_OK;

	(void)args;
	s->over = true;
	for (i = 0; i < s->count; i++)
		if (s->marked[i])
			rangeset_add(&uids, s->msg[i].uid, s->msg[i].uid);
	if (s->nmarked > 0)
		r = view_remove(s->view, &uids, &s->need, &err);
	/* The answer must not hide that the flush failed. */
	if (r == RC_OK)
		r = store_flush(s->a.store, s->need);
	rangeset_fini(&uids);
	if (r == RC_OK)
		REPLY(s, "+OK goodbye, %u deleted\r\n", s->nmarked);
	else
		REPLY(s, "-ERR [SYS/TEMP] some deleted messages were not "
			 "removed\r\n");
}

struct command {
	const char *name;
	void (*run)(struct pop3_session *s, struct sv args);
};

static const struct command commands[] = {
    {"CAPA", do_capa},
    {"DELE", do_dele},
    {"LIST", do_list},
    {"NOOP", do_noop},
    {"QUIT", do_quit},
    {"RETR", do_retr},
    {"RSET", do_rset},
    {"STAT", do_stat},
    {"TOP", do_top},
    {"UIDL", do_uidl},
};

static void
run_command(struct pop3_session *s, struct sv line)
{
	struct sv verb;
	size_t i;

	line = sv_trim(line);
	verb = sv_split(&line, ' ');
	if (line.p == NULL)
		line = SV("");
	for (i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (sv_ieq(verb, sv_str(commands[i].name))) {
			commands[i].run(s, line);
			return;
		}
	REPLY(s, "-ERR unknown command\r\n");
	if (++s->bad >= BAD_MAX)
		s->over = true;
}

/* ---- the task ---- */

/* Runs the complete lines that are here. */
static void
run_lines(struct pop3_session *s)
{
	while (!s->over && !atomic_load(&s->task.stopping)) {
		struct sv in = stream_input(s->st);
		size_t n = sv_chr(in, '\n');

		if (n == in.n) {
			if (n < LINE_MAX_N)
				return;
			REPLY(s, "-ERR the line is too long\r\n");
			s->over = true;
			return;
		}
		run_command(s, sv_first(in, n));
		stream_consume(s->st, n + 1);
	}
}

/* The mailbox is free before the last answer leaves: a client that has read
 * the reply to QUIT may log in again at once. */
static enum pool_next
finish(struct pop3_session *s)
{
	view_close(&s->view);
	leave_gate(s);
	stream_close(s->st);
	return POOL_DONE;
}

static enum pool_next
pop3_run(struct pool_task *t)
{
	struct pop3_session *s = (struct pop3_session *)t;
	bool heard = false; /* then it is not idle, however long it took */
	int r;

	if (!begin_work(s))
		return finish(s);
	if (!s->greeted)
		greet(s);
	for (;;) {
		run_lines(s);
		if (s->over)
			return finish(s);
		if (atomic_load(&t->stopping))
			break;
		r = stream_fill(s->st, 0);
		if (r == RC_MORE)
			break;
		if (r != RC_OK && r != RC_TOOBIG)
			return finish(s); /* no QUIT: nothing is deleted */
		heard = true;
	}
	if (stream_flush(s->st) != RC_OK)
		return finish(s);
	if (atomic_load(&t->stopping) ||
	    (!heard && atomic_load(&t->deadline) != 0 &&
		atomic_load(&t->deadline) <= clk_mono())) {
		/* Who was silent for too long is told nothing
		 * [RFC 1939 3]. */
		if (atomic_load(&t->stopping))
			REPLY(s, "-ERR [SYS/TEMP] the session ends\r\n");
		return finish(s);
	}
	stream_park(s->st);
	/* A wake that brought nothing does not show that the client is alive.
	 */
	if (heard || atomic_load(&t->deadline) == 0) {
		atomic_store(&t->deadline, clk_mono() + IDLE_MS);
		atomic_store(&s->heard, clk_mono());
	}
	atomic_store(&s->at_work, false);
	return POOL_WAIT;
}

static void
pop3_end(struct pool_task *t)
{
	struct pop3_session *s = (struct pop3_session *)t;

	view_close(&s->view);
	leave_gate(s);
	mlog(LOG_INFO, "session.end",
	    "service=pop3 account=%s peer=%s "
	    "out=%llu",
	    s->account, s->peer, (unsigned long long)stream_total_out(s->st));
	stream_free(&s->st);
	free(s->marked);
	free(s->msg);
	free(s->peer);
	free(s->account);
	free(s);
}

struct pool_task *
pop3_session_new(const struct pop3_session_args *a)
{
	struct pop3_session *s = xcalloc(1, sizeof *s);

	s->a = *a;
	if (s->a.silent_ms == 0)
		s->a.silent_ms = SILENT_MS;
	s->account = xstrdup(a->account);
	s->peer = xstrdup(a->peer);
	s->st = stream_new(a->fd, LINE_MAX_N);
	stream_set_gate(s->st, gate, s);
	stream_set_names(s->st, s->account, s->peer);
	s->task.fd = a->fd;
	s->task.run = pop3_run;
	s->task.end = pop3_end;
	mlog(LOG_INFO, "session.start", "service=pop3 account=%s peer=%s",
	    s->account, s->peer);
	return &s->task;
}
