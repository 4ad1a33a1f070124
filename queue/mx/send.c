#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/io.h"
#include "mail/path.h"
#include "queue/mx/client_priv.h"

#define CHUNK 65536

/* ---- a message ---- */

enum stuff {
	STUFF_START, /* of a line */
	STUFF_TEXT,
	STUFF_CR
};

void
client_stuff(struct sv piece, unsigned *state,
    void (*put)(void *arg, struct sv bytes), void *arg)
{
	while (piece.n > 0) {
		size_t n;

		if (*state == STUFF_START && piece.p[0] == '.')
			put(arg, SV("."));
		n = sv_chr(piece, '\n');
		n = n < piece.n ? n + 1 : piece.n;
		put(arg, sv_first(piece, n));
		*state = piece.p[n - 1] == '\n'	  ? STUFF_START
			 : piece.p[n - 1] == '\r' ? STUFF_CR
						  : STUFF_TEXT;
		piece = sv_skip(piece, n);
	}
}

static void
put_stream(void *arg, struct sv bytes)
{
	stream_putsv(arg, bytes);
}

static int
send_body(struct client *c, const struct client_message *m, bool *ended)
{
	char *chunk = xmalloc(CHUNK);
	unsigned state = STUFF_START;
	uint64_t at = 0;
	int r = RC_OK;

	while (r == RC_OK && at < m->size) {
		size_t n =
		    m->size - at < CHUNK ? (size_t)(m->size - at) : CHUNK;

		r = io_pread_all(m->fd, chunk, n, at);
		if (r == RC_OK)
			client_stuff(sv_of(chunk, n), &state, put_stream, c->s);
		at += n;
	}
	free(chunk);
	if (r != RC_OK)
		return r;
	if (state == STUFF_CR)
		stream_puts(c->s, "\n");
	else if (state == STUFF_TEXT)
		stream_puts(c->s, "\r\n");
	if (m->may_end != NULL && !m->may_end(m->arg))
		return RC_TEMP;
	*ended = true;
	stream_puts(c->s, ".\r\n");
	return stream_flush(c->s);
}

/* Those without a code get this one. */
static void
open_rcpts(struct client_message *m, unsigned code, const char *reply_text)
{
	size_t i;

	for (i = 0; i < m->nrcpt; i++) {
		if (m->rcpt[i].code != 0)
			continue;
		m->rcpt[i].code = code;
		(void)snprintf(m->rcpt[i].reply_text,
		    sizeof m->rcpt[i].reply_text, "%s", reply_text);
	}
}

/* Another host of the domain may offer what this one does not. */
static void
refuse_unable(struct client_message *m, unsigned code, const char *reply_text)
{
	size_t i;

	open_rcpts(m, code, reply_text);
	for (i = 0; i < m->nrcpt; i++)
		m->rcpt[i].unable = true;
}

/* What can be known before a byte is sent [RFC 1870 6, RFC 6152 3]. */
static bool
can_take(const struct client *c, struct client_message *m)
{
	char reply_text[CLIENT_REPLY_TEXT_MAX];

	if (c->offers.size_max > 0 && m->size > c->offers.size_max) {
		(void)snprintf(reply_text, sizeof reply_text,
		    "5.3.4 at most %llu bytes, the message has %llu (%s)",
		    (unsigned long long)c->offers.size_max,
		    (unsigned long long)m->size, c->where);
		refuse_unable(m, 552, reply_text);
		return false;
	}
	if (m->eight_bit && !c->offers.eight_bit) {
		(void)snprintf(reply_text, sizeof reply_text,
		    "5.6.3 8BITMIME is not offered (%s)", c->where);
		refuse_unable(m, 554, reply_text);
		return false;
	}
	return true;
}

static void
put_path(struct client *c, const char *command, const char *address)
{
	struct buf b;

	buf_init(&b, 2 * MAIL_ADDRESS_MAX);
	mail_address_write(sv_str(address), &b);
	stream_printf(c->s, "%s:<", command);
	stream_putsv(c->s, buf_sv(&b));
	stream_puts(c->s, ">");
	buf_fini(&b);
}

static void
put_rcpt(struct client *c, const struct client_rcpt *to)
{
	put_path(c, "RCPT TO", to->address);
	stream_puts(c->s, "\r\n");
}

static void
put_mail(struct client *c, const struct client_message *m)
{
	put_path(c, "MAIL FROM", m->sender);
	if (c->offers.size)
		stream_printf(c->s, " SIZE=%llu", (unsigned long long)m->size);
	if (m->eight_bit)
		stream_puts(c->s, " BODY=8BITMIME");
	stream_puts(c->s, "\r\n");
}

/* The host ends the line with this answer [RFC 5321 3.8]: nothing is said or
 * heard on it any more. */
static bool
hangs_up(struct client *c)
{
	if (c->reply.code != 421)
		return false;
	c->broken = true;
	return true;
}

/*
 * [RFC 5321 4.5.3.1.10] 552 to RCPT is 452 where it means their number.  With
 * a status code that is 5.5.3; without, it is the words, or that others were
 * taken and nothing is said of room or size.
 */
static bool
is_one_too_many(const struct client *c, size_t accepted)
{
	static const char *const room[] = {
	    "full", "quota", "size", "large", "space", "storage"};
	struct sv text = buf_sv(&c->reply.text);
	size_t i;

	if (c->reply.code / 100 != 5)
		return false;
	if (sv_starts(text, SV("5.5.3")) || sv_starts(text, SV("4.5.3")))
		return true;
	if (c->reply.code != 552 || sv_starts(text, SV("5.")))
		return false;
	if (sv_ifind(text, SV("too many")) < text.n)
		return true;
	for (i = 0; i < sizeof room / sizeof room[0]; i++)
		if (sv_ifind(text, sv_str(room[i])) < text.n)
			return false;
	return accepted > 0;
}

/* The answers to RCPT, each asked for first if it was not pipelined; in
 * *accepted, for how many the message is taken. */
static int
recipients(struct client *c, struct client_message *m, size_t *accepted,
    struct client_why *why)
{
	for (size_t i = 0; i < m->nrcpt; i++) {
		struct client_rcpt *to = &m->rcpt[i];
		bool mail_failed = to->code != 0;

		if (!c->offers.pipelining)
			put_rcpt(c, to);
		if (client_command(c, "RCPT", why) != RC_OK)
			return RC_TEMP;
		if (!mail_failed && c->reply.code / 100 == 2) {
			(*accepted)++;
		} else if (!mail_failed) {
			to->code =
			    is_one_too_many(c, *accepted) ? 452 : c->reply.code;
			client_quote(c, to->reply_text, sizeof to->reply_text);
		}
		if (hangs_up(c))
			return client_refused(c, why);
	}
	return RC_OK;
}

/*
 * MAIL, all RCPT and DATA; pipelined where that is offered [RFC 2920].
 * *go: the host waits for the message; accepted: for how many.  RC_TEMP: the
 * line broke; those who were refused by then have their code.
 */
static int
envelope(struct client *c, struct client_message *m, bool *go, size_t *accepted,
    struct client_why *why)
{
	bool pipe = c->offers.pipelining;
	size_t i;

	*accepted = 0;
	*go = false;
	put_mail(c, m);
	for (i = 0; pipe && i < m->nrcpt; i++)
		put_rcpt(c, &m->rcpt[i]);
	if (pipe)
		stream_puts(c->s, "DATA\r\n");
	if (client_command(c, "MAIL", why) != RC_OK)
		return RC_TEMP;
	if (c->reply.code / 100 != 2) {
		(void)client_refused(c, why);
		/* A line that has had its messages: not of this one. */
		if (hangs_up(c) && c->messages > 1)
			return RC_TEMP;
		open_rcpts(m, c->reply.code, why->reply_text);
		if (!pipe || c->broken)
			return RC_OK;
	}
	if (recipients(c, m, accepted, why) != RC_OK)
		return RC_TEMP;
	if (!pipe && *accepted == 0)
		return RC_OK;
	if (!pipe)
		stream_puts(c->s, "DATA\r\n");
	if (client_ask(c, c->timeout.data, "DATA", why) != RC_OK)
		return RC_TEMP;
	*go = c->reply.code / 100 == 3;
	return RC_OK;
}

/*
 * The line broke before the message was on its way.  Who was refused by then
 * stays so, 5xx for good [RFC 5321 4.2.1]; for the others it is as if 451 had
 * been said [RFC 5321 3.8].  RC_TEMP: nobody was told anything.
 */
static int
cut_short(
    struct client *c, struct client_message *m, const struct client_why *why)
{
	bool answered = false;

	c->broken = true;
	for (size_t i = 0; i < m->nrcpt; i++)
		answered = answered || m->rcpt[i].code != 0;
	if (!answered)
		return RC_TEMP;
	open_rcpts(m, 451, why->reply_text);
	return RC_OK;
}

static int64_t
body_time(const struct client *c, uint64_t size)
{
	uint64_t more = size / CLIENT_RATE_MIN;
	uint64_t most = (uint64_t)(c->timeout.body_most - c->timeout.body);

	return c->timeout.body + (int64_t)(more < most ? more : most);
}

/* Some of them may have it. */
static void
open_unsure(struct client_message *m, const char *reply_text)
{
	size_t i;

	for (i = 0; i < m->nrcpt; i++)
		m->rcpt[i].unsure = m->rcpt[i].code == 0;
	open_rcpts(m, 451, reply_text);
}

/* Not all of the message was sent.  The host may have said why, but a yes to
 * half of it is none. */
static void
not_sent(struct client *c, struct client_message *m, int r, bool ended)
{
	char reply_text[CLIENT_REPLY_TEXT_MAX];
	unsigned code = 451;

	if (client_last_words(c) == RC_OK && c->reply.code / 100 >= 4) {
		code = c->reply.code;
		client_quote(c, reply_text, sizeof reply_text);
	} else {
		(void)snprintf(reply_text, sizeof reply_text,
		    r == RC_TIMEOUT
			? "the message was not taken in time (%s)"
			: "the connection was lost within the message (%s)",
		    c->where);
	}
	if (ended && code == 451)
		open_unsure(m, reply_text);
	else
		open_rcpts(m, code, reply_text);
}

/* The message is on its way, or its end is: what comes now is final. */
static void
transfer(struct client *c, struct client_message *m)
{
	struct client_why why = {.reply_text = ""};
	char reply_text[CLIENT_REPLY_TEXT_MAX];
	bool ended = false;
	int r;

	client_set_end(c, body_time(c, m->size));
	r = send_body(c, m, &ended);
	client_set_end(c, c->timeout.end);
	if (r != RC_OK) {
		not_sent(c, m, r, ended);
	} else if (client_read(c, c->timeout.end, "the message's end", &why) !=
		   RC_OK) {
		/* It may have been taken: then it comes twice, which is
		 * better than not at all [RFC 1047]. */
		open_unsure(m, why.reply_text);
	} else {
		client_quote(c, reply_text, sizeof reply_text);
		open_rcpts(m, c->reply.code / 100 == 3 ? 451 : c->reply.code,
		    reply_text);
		(void)hangs_up(c);
	}
}

static int
send_message(struct client *c, struct client_message *m, struct client_why *why)
{
	char reply_text[CLIENT_REPLY_TEXT_MAX];
	size_t accepted;
	bool go;

	if (!can_take(c, m))
		return RC_OK;
	c->messages++;
	client_set_end(c, c->timeout.envelope);
	if (envelope(c, m, &go, &accepted, why) != RC_OK)
		return cut_short(c, m, why);
	if (accepted > 0 && go) {
		transfer(c, m);
		return RC_OK;
	}
	if (go) {
		/* Nobody is to get it, but the host waits [RFC 2920 3.1]. */
		stream_puts(c->s, ".\r\n");
		(void)client_command(c, "the empty message", why);
	} else if (accepted > 0) {
		/* A yes to DATA that is no 354 has taken nothing. */
		bool odd = c->reply.code / 100 < 4;

		client_quote(c, reply_text, sizeof reply_text);
		open_rcpts(m, odd ? 451 : c->reply.code, reply_text);
		c->broken = c->broken || odd;
	}
	(void)hangs_up(c);
	if (!go && !c->broken) {
		/* The transaction is still open, or half of it. */
		stream_puts(c->s, "RSET\r\n");
		(void)client_command(c, "RSET", why);
	}
	return RC_OK;
}

/* What a host says that we speak to in the clear, because encryption did not
 * come about, is no more final than that. */
static void
soften(const struct client *c, struct client_rcpt *to)
{
	if (c->downgrade[0] == '\0' || to->code / 100 == 2)
		return;
	client_explain(c, to->reply_text);
	to->code = 451;
}

int
client_send(struct client *c, struct client_message *m, struct client_why *why)
{
	size_t i;
	int r;

	for (i = 0; i < m->nrcpt; i++) {
		m->rcpt[i].code = 0;
		m->rcpt[i].unsure = m->rcpt[i].unable = false;
	}
	r = send_message(c, m, why);
	for (i = 0; r == RC_OK && i < m->nrcpt; i++)
		soften(c, &m->rcpt[i]);
	return r;
}
