#include "queue/mx/client_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/network.h"

#define INPUT_MAX 65536

void
client_set_end(struct client *c, int64_t ms)
{
	c->until = clk_mono() + ms;
	if (c->s != NULL)
		stream_set_deadline(c->s, c->until);
}

/* ---- words ---- */

void
client_say(struct client_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why->reply_text, sizeof why->reply_text, fmt, ap);
	va_end(ap);
}

/* One line of printable ASCII, with who said it at the end. */
void
client_quote(const struct client *c, char *out, size_t n)
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
int
client_read(
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
			client_say(why, "no answer to %s in time (%s)", what,
			    c->where);
		else if (r == RC_SYNTAX || r == RC_TOOBIG)
			client_say(why,
			    "the answer to %s is not an SMTP reply (%s)", what,
			    c->where);
		else
			client_say(why, "the connection was lost at %s (%s)",
			    what, c->where);
		return RC_TEMP;
	}
}

/* Nothing can be written any more, but what the host has said before that is
 * here: it may be why.  RC_OK with c->reply. */
int
client_last_words(struct client *c)
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
int
client_ask(
    struct client *c, int64_t timeout, const char *what, struct client_why *why)
{
	int64_t left;

	if (stream_flush(c->s) != RC_OK) {
		if (client_last_words(c) == RC_OK)
			return RC_OK;
		client_say(
		    why, "the connection was lost at %s (%s)", what, c->where);
		return RC_TEMP;
	}
	/* A host that answers each command at the last moment holds a thread
	 * for hours: the whole has a limit, too. */
	left = c->until - clk_mono();
	return client_read(c, left < timeout ? left : timeout, what, why);
}

int
client_command(struct client *c, const char *what, struct client_why *why)
{
	return client_ask(c, c->timeout.command, what, why);
}

/* The reply has another class than wanted: its words are why. */
int
client_refused(struct client *c, struct client_why *why)
{
	client_quote(c, why->reply_text, sizeof why->reply_text);
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

	c->ip = to->ip;

	if (IN6_IS_ADDR_V4MAPPED(&to->ip))
		(void)inet_ntop(AF_INET, to->ip.s6_addr + 12, ip, sizeof ip);
	else
		(void)inet_ntop(AF_INET6, &to->ip, ip, sizeof ip);
	(void)snprintf(c->host_name, sizeof c->host_name, "%s", to->host);
	(void)snprintf(c->where, sizeof c->where, "%s[%s]", to->host, ip);
}

static int
bind_source(int fd, bool v4, const struct client_opts *o)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	const char *source = v4 ? o->source4 : o->source6;
	int r;

	if (source == NULL)
		return RC_OK;
	if (v4)
		r = inet_pton(AF_INET, source, &four.sin_addr) == 1
			? bind(fd, (struct sockaddr *)&four, sizeof four)
			: -1;
	else
		r = inet_pton(AF_INET6, source, &six.sin6_addr) == 1
			? bind(fd, (struct sockaddr *)&six, sizeof six)
			: -1;
	return r == 0 ? RC_OK : RC_IO;
}

/* A connection to an address of this machine comes from there. */
static bool
is_self(int fd)
{
	struct sockaddr_storage here, there;
	socklen_t n = sizeof here, k = sizeof there;
	char a[NETWORK_PEER_MAX], b[NETWORK_PEER_MAX];

	if (getsockname(fd, (struct sockaddr *)&here, &n) != 0 ||
	    getpeername(fd, (struct sockaddr *)&there, &k) != 0)
		return false;
	network_peer_name((struct sockaddr *)&here, a);
	network_peer_name((struct sockaddr *)&there, b);
	return strcmp(a, b) == 0 || network_is_loopback(b);
}

static int
dial(struct client *c, const struct route_address *to, struct client_why *why)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&to->ip);
	int fd = socket(v4 ? AF_INET : AF_INET6,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int e;

	if (fd < 0) {
		client_say(why, "no socket: %s", strerror(errno));
		return RC_TEMP;
	}
	if (bind_source(fd, v4, c->o) != RC_OK) {
		client_say(why, "cannot connect from %s (outbound.source): %s",
		    v4 ? c->o->source4 : c->o->source6, strerror(errno));
		io_close(&fd);
		return RC_TEMP;
	}
	e = connect_within(fd, to, c->o->port, c->timeout.connect);
	if (e != 0) {
		io_close(&fd);
		client_say(
		    why, "cannot connect to %s: %s", c->where, strerror(e));
		return RC_TEMP;
	}
	if (c->o->may_be_self && is_self(fd)) {
		io_close(&fd);
		client_say(why, ROUTE_SELF " (%s)", c->host_name, c->where);
		return RC_PERM;
	}
	c->s = stream_new(fd, INPUT_MAX);
	stream_set_write_timeout(c->s, c->timeout.block);
	stream_set_names(c->s, NULL, c->host_name);
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
	client_say(why, "%s (%s)", err.text, c->where);
	return RC_TEMP;
}

static int
hello(struct client *c, struct client_why *why)
{
	stream_printf(c->s, "EHLO %s\r\n", c->o->hostname);
	if (client_command(c, "EHLO", why) != RC_OK)
		return RC_TEMP;
	if (c->reply.code / 100 == 2) {
		reply_offers(&c->reply, &c->offers);
		return RC_OK;
	}
	if (c->reply.code / 100 != 5)
		return client_refused(c, why);
	/* [RFC 5321 3.2] an old one */
	c->offers = (struct reply_offers){.size_max = 0};
	stream_printf(c->s, "HELO %s\r\n", c->o->hostname);
	if (client_command(c, "HELO", why) != RC_OK)
		return RC_TEMP;
	return c->reply.code / 100 == 2 ? RC_OK : client_refused(c, why);
}

static void
set_downgrade(struct client *c, const struct client_why *why)
{
	struct sv text = sv_str(why->reply_text);

	if (sv_starts(text, SV("TLS ")))
		text = sv_skip(text, 4);
	(void)snprintf(c->downgrade, sizeof c->downgrade, "%s", text.p);
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
		client_say(why, "STARTTLS is not offered (%s)", c->where);
		return RC_TEMP;
	}
	stream_puts(c->s, "STARTTLS\r\n");
	if (client_command(c, "STARTTLS", why) != RC_OK)
		return RC_TEMP;
	if (c->reply.code / 100 != 2) {
		(void)client_refused(c, why);
		set_downgrade(c, why);
		return must_have ? RC_TEMP : RC_OK;
	}
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
		client_say(
		    why, "no password is sent without TLS (%s)", c->where);
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
		if (client_command(c, "AUTH", why) != RC_OK)
			goto out;
		put_base64(c, sv_str(c->o->user));
		if (client_command(c, "AUTH", why) != RC_OK)
			goto out;
		put_base64(c, sv_str(c->o->password));
	}
	r = client_command(c, "AUTH", why);
	if (r == RC_OK && c->reply.code / 100 != 2)
		r = client_refused(c, why);
out:
	buf_wipe(&plain);
	return r;
}

/* A router between may have brought us back to ourselves. */
static bool
greets_as(const struct client *c, const char *name)
{
	struct sv rest = buf_sv(&c->reply.text);
	struct sv line = sv_split(&rest, '\n');

	return sv_ieq(sv_split(&line, ' '), sv_str(name));
}

static int
greet(struct client *c, bool plain, struct client_why *why)
{
	if (c->o->implicit_tls && handshake(c, why) != RC_OK)
		return RC_TEMP;
	if (client_read(c, c->timeout.greeting, "the greeting", why) != RC_OK)
		return RC_TEMP;
	if (c->reply.code / 100 != 2)
		return client_refused(c, why);
	if (c->o->may_be_self && greets_as(c, c->o->hostname)) {
		client_say(why, ROUTE_SELF " (%s)", c->host_name, c->where);
		return RC_PERM;
	}
	if (hello(c, why) != RC_OK || start_tls(c, plain, why) != RC_OK)
		return RC_TEMP;
	return login(c, why);
}

/* failed: why the last try to encrypt did; NULL: it is to be tried. */
static int
open_once(const struct client_opts *o, const struct route_address *to,
    const struct client_why *failed, struct client **out,
    struct client_why *why)
{
	struct client *c = xcalloc(1, sizeof *c);
	bool plain = failed != NULL;
	int r;

	c->o = o;
	if (plain)
		set_downgrade(c, failed);
	c->timeout = o->timeout;
	client_set_end(c, o->timeout.envelope);
	reply_init(&c->reply);
	describe(c, to);
	r = dial(c, to, why);
	if (r == RC_OK)
		r = greet(c, plain, why);
	*out = c; /* so that the caller knows how far it came */
	return r;
}

int
client_open(const struct client_opts *o, const struct route_address *to,
    struct client **out, struct client_why *why)
{
	struct client *c = NULL;
	struct client_why first;
	bool tls_failed;
	int r = open_once(o, to, NULL, &c, why);

	/* Encryption that anybody could strip is not worth losing mail for
	 * [RFC 7435]: once more without. */
	tls_failed = r != RC_OK && o->policy == CLIENT_TLS_OFFERED &&
		     c->broken && c->offers.starttls;
	if (tls_failed) {
		client_close(&c);
		first = *why;
		r = open_once(o, to, &first, &c, why);
	}
	if (r != RC_OK) {
		client_explain(c, why->reply_text);
		client_close(&c);
		return r == RC_PERM ? RC_PERM : RC_TEMP;
	}
	c->o = NULL; /* the caller's; not needed any more */
	*out = c;
	return RC_OK;
}

void
client_explain(const struct client *c, char reply_text[CLIENT_REPLY_TEXT_MAX])
{
	char text[CLIENT_REPLY_TEXT_MAX];

	if (c->downgrade[0] == '\0')
		return;
	(void)snprintf(text, sizeof text,
	    "4.7.5 TLS failed: %s; without TLS: ", c->downgrade);
	(void)snprintf(
	    text + strlen(text), sizeof text - strlen(text), "%s", reply_text);
	(void)snprintf(reply_text, CLIENT_REPLY_TEXT_MAX, "%s", text);
}

const char *
client_where(const struct client *c)
{
	return c->where;
}

const char *
client_tls_name(const struct client *c)
{
	return stream_is_tls(c->s) ? stream_tls_name(c->s) : NULL;
}

const struct in6_addr *
client_ip(const struct client *c)
{
	return &c->ip;
}

void
client_close(struct client **cp)
{
	struct client *c = *cp;

	if (c == NULL)
		return;
	if (c->s != NULL && !c->broken) {
		stream_set_write_timeout(c->s, 1000);
		client_set_end(c, 1000);
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
