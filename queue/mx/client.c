#include "queue/mx/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/clk.h"
#include "base/io.h"
#include "mail/path.h"
#include "net/stream.h"

#define INPUT_MAX 65536
#define CHUNK	  65536

struct client {
	struct stream *s;
	const struct client_opts *o;
	struct client_timeouts timeout;
	char where[DNS_NAME_MAX + 64]; /* "mx.example.test[192.0.2.1]" */
	const char *host;	       /* within where's life: see open */
	char host_name[DNS_NAME_MAX];
	struct reply_offers offers;
	struct reply reply;
	unsigned messages;
	bool broken;
	int64_t until; /* clk_mono: the step's end, whatever they do */
};

static void
set_end(struct client *c, int64_t ms)
{
	c->until = clk_mono() + ms;
	if (c->s != NULL)
		stream_set_deadline(c->s, c->until);
}

/* ---- words ---- */

static void __attribute__((format(printf, 2, 3)))
say(struct client_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why->said, sizeof why->said, fmt, ap);
	va_end(ap);
}

/* One line of printable ASCII, with who said it at the end. */
static void
quote_reply(const struct client *c, char *out, size_t n)
{
	char text[300];
	size_t i, k = 0;

	for (i = 0; i < c->reply.text.n && k + 1 < sizeof text; i++) {
		char b = c->reply.text.p[i];

		text[k++] = b >= ' ' && b < 0x7f ? b : ' ';
	}
	text[k] = '\0';
	k = (size_t)snprintf(out, n, "%u %s", c->reply.code, text);
	if (k < n)
		(void)snprintf(out + k, n - k, " (%s)", c->where);
}

/* ---- replies ---- */

/* RC_OK with c->reply; else the line is broken and *why says how. */
static int
read_reply(
    struct client *c, int64_t timeout, const char *what, struct client_why *why)
{
	int64_t until = clk_mono() + timeout;

	for (;;) {
		struct sv in = stream_input(c->s);
		size_t had = in.n;
		int64_t left = until - clk_mono();
		int r = reply_parse(&in, &c->reply);

		if (r == RC_OK) {
			stream_consume(c->s, had - in.n);
			return RC_OK;
		}
		if (r == RC_MORE)
			r = left > 0 ? stream_fill(c->s, left) : RC_TIMEOUT;
		if (r == RC_OK)
			continue;
		c->broken = true;
		if (r == RC_TIMEOUT)
			say(why, "no answer to %s in time (%s)", what,
			    c->where);
		else if (r == RC_SYNTAX || r == RC_TOOBIG)
			say(why, "the answer to %s is no SMTP reply (%s)", what,
			    c->where);
		else
			say(why, "the connection was lost at %s (%s)", what,
			    c->where);
		return RC_TEMP;
	}
}

/* Nothing can be written any more, but what the host has said before that is
 * here: it may be why.  RC_OK with c->reply. */
static int
last_words(struct client *c)
{
	int r;

	c->broken = true;
	do {
		struct sv in = stream_input(c->s);
		size_t had = in.n;

		r = reply_parse(&in, &c->reply);
		if (r == RC_OK)
			stream_consume(c->s, had - in.n);
	} while (r == RC_MORE && stream_fill(c->s, 0) == RC_OK);
	return r == RC_OK ? RC_OK : RC_TEMP;
}

/* Sends what was put and waits for the answer. */
static int
ask(struct client *c, int64_t timeout, const char *what, struct client_why *why)
{
	int64_t left;

	if (stream_flush(c->s) != RC_OK) {
		if (last_words(c) == RC_OK)
			return RC_OK;
		say(why, "the connection was lost at %s (%s)", what, c->where);
		return RC_TEMP;
	}
	/* A host that answers each command at the last moment holds a thread
	 * for hours: the whole has a limit, too. */
	left = c->until - clk_mono();
	return read_reply(c, left < timeout ? left : timeout, what, why);
}

static int
command(struct client *c, const char *what, struct client_why *why)
{
	return ask(c, c->timeout.command, what, why);
}

/* The reply has another class than wanted: its words are why. */
static int
refused(struct client *c, struct client_why *why)
{
	quote_reply(c, why->said, sizeof why->said);
	return RC_TEMP;
}

/* ---- the beginning ---- */

static int
connect_within(
    int fd, const struct route_address *to, uint16_t port, int64_t timeout)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
	    .sin6_port = htons(port),
	    .sin6_addr = to->ip};
	struct sockaddr_in four = {
	    .sin_family = AF_INET, .sin_port = htons(port)};
	bool v4 = IN6_IS_ADDR_V4MAPPED(&to->ip);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int error = 0, r;

	memcpy(&four.sin_addr, to->ip.s6_addr + 12, 4);
	r = v4 ? connect(fd, (struct sockaddr *)&four, sizeof four)
	       : connect(fd, (struct sockaddr *)&six, sizeof six);
	if (r == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (poll(&p, 1, (int)timeout) <= 0)
		return ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	return error;
}

static void
describe(struct client *c, const struct route_address *to)
{
	char ip[INET6_ADDRSTRLEN] = "";

	if (IN6_IS_ADDR_V4MAPPED(&to->ip))
		(void)inet_ntop(AF_INET, to->ip.s6_addr + 12, ip, sizeof ip);
	else
		(void)inet_ntop(AF_INET6, &to->ip, ip, sizeof ip);
	(void)snprintf(c->host_name, sizeof c->host_name, "%s", to->host);
	(void)snprintf(c->where, sizeof c->where, "%s[%s]", to->host, ip);
}

static int
dial(struct client *c, const struct route_address *to, struct client_why *why)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&to->ip);
	int fd = socket(v4 ? AF_INET : AF_INET6,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int e;

	if (fd < 0) {
		say(why, "no socket: %s", strerror(errno));
		return RC_TEMP;
	}
	e = connect_within(fd, to, c->o->port, c->timeout.connect);
	if (e != 0) {
		io_close(&fd);
		say(why, "cannot connect to %s: %s", c->where, strerror(e));
		return RC_TEMP;
	}
	c->s = stream_new(fd, INPUT_MAX);
	stream_set_write_timeout(c->s, c->timeout.block);
	stream_set_deadline(c->s, c->until);
	return RC_OK;
}

static int
handshake(struct client *c, struct client_why *why)
{
	static const enum tls_demand demand[] = {[CLIENT_TLS_OFFERED] = TLS_ANY,
	    [CLIENT_TLS_REQUIRE] = TLS_STRONG,
	    [CLIENT_TLS_VERIFY] = TLS_VERIFIED,
	    [CLIENT_TLS_OFF] = TLS_STRONG};
	struct err err = {.text = ""};

	if (stream_start_tls_client(c->s, c->o->tls, c->host_name,
		demand[c->o->policy], c->timeout.command, &err) == RC_OK)
		return RC_OK;
	c->broken = true;
	say(why, "%s (%s)", err.text, c->where);
	return RC_TEMP;
}

static int
hello(struct client *c, struct client_why *why)
{
	stream_printf(c->s, "EHLO %s\r\n", c->o->hostname);
	if (command(c, "EHLO", why) != RC_OK)
		return RC_TEMP;
	if (c->reply.code / 100 == 2) {
		reply_offers(&c->reply, &c->offers);
		return RC_OK;
	}
	if (c->reply.code / 100 != 5)
		return refused(c, why);
	/* [RFC 5321 3.2] an old one */
	c->offers = (struct reply_offers){.size_max = 0};
	stream_printf(c->s, "HELO %s\r\n", c->o->hostname);
	if (command(c, "HELO", why) != RC_OK)
		return RC_TEMP;
	return c->reply.code / 100 == 2 ? RC_OK : refused(c, why);
}

/* RC_OK: goes on, encrypted or not as the policy has it. */
static int
start_tls(struct client *c, bool plain, struct client_why *why)
{
	bool must_have = c->o->policy == CLIENT_TLS_REQUIRE ||
			 c->o->policy == CLIENT_TLS_VERIFY;

	if (c->o->implicit_tls || c->o->policy == CLIENT_TLS_OFF || plain)
		return RC_OK;
	if (!c->offers.starttls) {
		if (!must_have)
			return RC_OK;
		say(why, "STARTTLS is not offered (%s)", c->where);
		return RC_TEMP;
	}
	stream_puts(c->s, "STARTTLS\r\n");
	if (command(c, "STARTTLS", why) != RC_OK)
		return RC_TEMP;
	if (c->reply.code / 100 != 2)
		return must_have ? refused(c, why) : RC_OK;
	if (handshake(c, why) != RC_OK)
		return RC_TEMP;
	return hello(c, why); /* [RFC 3207 4.2] */
}

static void
put_base64(struct client *c, struct sv plain)
{
	struct buf b;

	buf_init(&b, 4096);
	base64_encode(plain, &b);
	stream_putsv(c->s, buf_sv(&b));
	stream_puts(c->s, "\r\n");
	buf_wipe(&b);
}

/* [RFC 4616] PLAIN, else what some old houses have: LOGIN. */
static int
login(struct client *c, struct client_why *why)
{
	struct buf plain;
	bool use_plain = c->offers.auth_plain || !c->offers.auth_login;
	int r = RC_TEMP;

	if (c->o->user == NULL)
		return RC_OK;
	if (!stream_is_tls(c->s)) {
		say(why, "no password is sent without TLS (%s)", c->where);
		return RC_TEMP;
	}
	buf_init(&plain, 2048);
	if (use_plain) {
		buf_addc(&plain, '\0');
		buf_adds(&plain, c->o->user);
		buf_addc(&plain, '\0');
		buf_adds(&plain, c->o->password);
		stream_puts(c->s, "AUTH PLAIN ");
		put_base64(c, buf_sv(&plain));
	} else {
		stream_puts(c->s, "AUTH LOGIN\r\n");
		if (command(c, "AUTH", why) != RC_OK)
			goto out;
		put_base64(c, sv_str(c->o->user));
		if (command(c, "AUTH", why) != RC_OK)
			goto out;
		put_base64(c, sv_str(c->o->password));
	}
	r = command(c, "AUTH", why);
	if (r == RC_OK && c->reply.code / 100 != 2)
		r = refused(c, why);
out:
	buf_wipe(&plain);
	return r;
}

static int
greet(struct client *c, bool plain, struct client_why *why)
{
	if (c->o->implicit_tls && handshake(c, why) != RC_OK)
		return RC_TEMP;
	if (read_reply(c, c->timeout.greeting, "the greeting", why) != RC_OK)
		return RC_TEMP;
	if (c->reply.code / 100 != 2)
		return refused(c, why);
	if (hello(c, why) != RC_OK || start_tls(c, plain, why) != RC_OK)
		return RC_TEMP;
	return login(c, why);
}

static int
open_once(const struct client_opts *o, const struct route_address *to,
    bool plain, struct client **out, struct client_why *why)
{
	struct client *c = xcalloc(1, sizeof *c);

	c->o = o;
	c->timeout = o->timeout;
	set_end(c, o->timeout.envelope);
	reply_init(&c->reply);
	describe(c, to);
	if (dial(c, to, why) == RC_OK && greet(c, plain, why) == RC_OK) {
		*out = c;
		return RC_OK;
	}
	*out = c; /* for whoever wants to know how far it came */
	return RC_TEMP;
}

int
client_open(const struct client_opts *o, const struct route_address *to,
    struct client **out, struct client_why *why)
{
	struct client *c = NULL;
	bool tls_failed;
	int r = open_once(o, to, false, &c, why);

	/* Encryption that anybody could strip is not worth losing mail for
	 * [RFC 7435]: once more without. */
	tls_failed = r != RC_OK && o->policy == CLIENT_TLS_OFFERED &&
		     c->broken && c->offers.starttls;
	if (tls_failed) {
		client_close(&c);
		r = open_once(o, to, true, &c, why);
	}
	if (r != RC_OK) {
		client_close(&c);
		return RC_TEMP;
	}
	c->o = NULL; /* the caller's; not needed any more */
	*out = c;
	return RC_OK;
}

void
client_close(struct client **cp)
{
	struct client *c = *cp;

	if (c == NULL)
		return;
	if (c->s != NULL && !c->broken) {
		stream_set_write_timeout(c->s, 1000);
		set_end(c, 1000);
		stream_puts(c->s, "QUIT\r\n");
		stream_close(c->s);
	}
	stream_free(&c->s);
	reply_fini(&c->reply);
	free(c);
	*cp = NULL;
}

bool
client_alive(struct client *c)
{
	/* Nothing may come while it rests: an EOF, or a 421. */
	return !c->broken && stream_input(c->s).n == 0 &&
	       stream_fill(c->s, 0) == RC_MORE;
}

bool
client_worn(const struct client *c)
{
	return c->broken || c->messages >= CLIENT_MESSAGES;
}

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
send_body(struct client *c, const struct client_message *m)
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
	stream_puts(c->s, ".\r\n");
	return stream_flush(c->s);
}

static void
all_rcpts(struct client_message *m, unsigned code, const char *said)
{
	size_t i;

	for (i = 0; i < m->nrcpt; i++) {
		m->rcpt[i].code = code;
		(void)snprintf(
		    m->rcpt[i].said, sizeof m->rcpt[i].said, "%s", said);
	}
}

/* What can be known before a byte is sent [RFC 1870 6, RFC 6152 3]. */
static bool
can_take(const struct client *c, struct client_message *m)
{
	char said[CLIENT_SAID_MAX];

	if (c->offers.size_max > 0 && m->size > c->offers.size_max) {
		(void)snprintf(said, sizeof said,
		    "5.3.4 at most %llu bytes, the message has %llu (%s)",
		    (unsigned long long)c->offers.size_max,
		    (unsigned long long)m->size, c->where);
		all_rcpts(m, 552, said);
		return false;
	}
	if (m->eight_bit && !c->offers.eight_bit) {
		(void)snprintf(said, sizeof said,
		    "5.6.3 8BITMIME is not offered (%s)", c->where);
		all_rcpts(m, 554, said);
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

/* Those without a code get this one. */
static void
open_rcpts(struct client_message *m, unsigned code, const char *said)
{
	size_t i;

	for (i = 0; i < m->nrcpt; i++) {
		if (m->rcpt[i].code != 0)
			continue;
		m->rcpt[i].code = code;
		(void)snprintf(
		    m->rcpt[i].said, sizeof m->rcpt[i].said, "%s", said);
	}
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
		if (command(c, "RCPT", why) != RC_OK)
			return RC_TEMP;
		if (!mail_failed && c->reply.code / 100 == 2) {
			(*accepted)++;
		} else if (!mail_failed) {
			to->code = c->reply.code;
			quote_reply(c, to->said, sizeof to->said);
		}
		if (hangs_up(c))
			return refused(c, why);
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
	if (command(c, "MAIL", why) != RC_OK)
		return RC_TEMP;
	if (c->reply.code / 100 != 2) {
		(void)refused(c, why);
		/* A line that has had its messages: not of this one. */
		if (hangs_up(c) && c->messages > 1)
			return RC_TEMP;
		all_rcpts(m, c->reply.code, why->said);
		if (!pipe || c->broken)
			return RC_OK;
	}
	if (recipients(c, m, accepted, why) != RC_OK)
		return RC_TEMP;
	if (!pipe && *accepted == 0)
		return RC_OK;
	if (!pipe)
		stream_puts(c->s, "DATA\r\n");
	if (ask(c, c->timeout.data, "DATA", why) != RC_OK)
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
	bool told = false;

	c->broken = true;
	for (size_t i = 0; i < m->nrcpt; i++)
		told = told || m->rcpt[i].code != 0;
	if (!told)
		return RC_TEMP;
	open_rcpts(m, 451, why->said);
	return RC_OK;
}

static int64_t
body_time(const struct client *c, uint64_t size)
{
	uint64_t more = size / CLIENT_RATE_MIN;
	uint64_t most = (uint64_t)(c->timeout.body_most - c->timeout.body);

	return c->timeout.body + (int64_t)(more < most ? more : most);
}

/* Not all of the message was sent.  The host may have said why, but a yes to
 * half of it is none. */
static void
not_sent(struct client *c, struct client_message *m, int r)
{
	char said[CLIENT_SAID_MAX];
	unsigned code = 451;

	if (last_words(c) == RC_OK && c->reply.code / 100 >= 4) {
		code = c->reply.code;
		quote_reply(c, said, sizeof said);
	} else {
		(void)snprintf(said, sizeof said,
		    r == RC_TIMEOUT
			? "the message was not taken in time (%s)"
			: "the connection was lost within the message (%s)",
		    c->where);
	}
	open_rcpts(m, code, said);
}

/* The message is on its way, or its end is: what comes now is final. */
static void
transfer(struct client *c, struct client_message *m)
{
	struct client_why why = {.said = ""};
	char said[CLIENT_SAID_MAX];
	int r;

	set_end(c, body_time(c, m->size));
	r = send_body(c, m);
	set_end(c, c->timeout.end);
	if (r != RC_OK) {
		not_sent(c, m, r);
	} else if (read_reply(c, c->timeout.end, "the message's end", &why) !=
		   RC_OK) {
		/* It may have been taken: then it comes twice, which is
		 * better than not at all [RFC 1047]. */
		open_rcpts(m, 451, why.said);
	} else {
		quote_reply(c, said, sizeof said);
		open_rcpts(
		    m, c->reply.code / 100 == 3 ? 451 : c->reply.code, said);
		(void)hangs_up(c);
	}
}

int
client_send(struct client *c, struct client_message *m, struct client_why *why)
{
	char said[CLIENT_SAID_MAX];
	size_t accepted, i;
	bool go;

	for (i = 0; i < m->nrcpt; i++)
		m->rcpt[i].code = 0;
	if (!can_take(c, m))
		return RC_OK;
	c->messages++;
	set_end(c, c->timeout.envelope);
	if (envelope(c, m, &go, &accepted, why) != RC_OK)
		return cut_short(c, m, why);
	if (accepted > 0 && go) {
		transfer(c, m);
		return RC_OK;
	}
	if (go) {
		/* Nobody is to get it, but the host waits [RFC 2920 3.1]. */
		stream_puts(c->s, ".\r\n");
		(void)command(c, "the empty message", why);
	} else if (accepted > 0) {
		/* A yes to DATA that is no 354 has taken nothing. */
		bool odd = c->reply.code / 100 < 4;

		quote_reply(c, said, sizeof said);
		open_rcpts(m, odd ? 451 : c->reply.code, said);
		c->broken = c->broken || odd;
	}
	(void)hangs_up(c);
	if (!go && !c->broken) {
		/* The transaction is still open, or half of it. */
		stream_puts(c->s, "RSET\r\n");
		(void)command(c, "RSET", why);
	}
	return RC_OK;
}
