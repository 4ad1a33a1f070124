#include "imap/client/client.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "imap/parse/frame.h"

#define INPUT_MAX    (64 * 1024)
#define TLS_MS	     60000
#define LITERALS_MAX 64 /* in one response */

/* What a server may make us hold. */
static const struct imap_limits limits = {.line = 128 * 1024,
    .literal = 64 * 1024,
    .command = 512 * 1024,
    .depth = 32,
    .elements = 4096};

struct imap_client {
	struct stream *st;
	int64_t timeout;
	struct imap_frame frame;
	struct arena arena; /* of one response */
	unsigned serial;
	char tag[16];
	struct buf capabilities;
	bool broken;

	/* The end of the last command. */
	struct buf code, code_args;
};

struct imap_client *
imap_client_new(int fd, int64_t timeout_ms)
{
	struct imap_client *c = xcalloc(1, sizeof *c);

	c->st = stream_new(fd, INPUT_MAX);
	c->timeout = timeout_ms;
	stream_set_write_timeout(c->st, timeout_ms);
	imap_frame_init(&c->frame, &limits);
	arena_init(&c->arena);
	buf_init(&c->capabilities, 8192);
	buf_init(&c->code, 256);
	buf_init(&c->code_args, limits.line);
	return c;
}

void
imap_client_free(struct imap_client **cp)
{
	struct imap_client *c = *cp;

	if (c == NULL)
		return;
	buf_fini(&c->code_args);
	buf_fini(&c->code);
	buf_fini(&c->capabilities);
	arena_reset(&c->arena);
	imap_frame_fini(&c->frame);
	stream_free(&c->st);
	free(c);
	*cp = NULL;
}

/* ---- reading ---- */

static int
lost(int r, struct err *err)
{
	switch (r) {
	case RC_TIMEOUT:
		return err_set(err, r, "the server does not answer");
	case RC_EOF:
		return err_set(err, r, "the server has closed the connection");
	default:
		return err_set(err, r, "the connection is lost");
	}
}

static int
garbled(struct err *err)
{
	return err_set(err, RC_SYNTAX, "the server does not speak IMAP");
}

/* Passes n bytes of the stream on. */
static int
pass_body(struct imap_client *c, const struct imap_client_ops *ops, uint64_t n,
    struct err *err)
{
	int r = RC_OK;

	if (ops != NULL && ops->body_begin != NULL)
		r = ops->body_begin(ops->arg, n);
	while (r == RC_OK && n > 0) {
		struct sv in = stream_input(c->st);

		if (in.n == 0) {
			r = stream_fill(c->st, c->timeout);
			if (r != RC_OK)
				return lost(r, err);
			continue;
		}
		in = sv_first(in, n < in.n ? (size_t)n : in.n);
		if (ops != NULL && ops->body != NULL)
			r = ops->body(ops->arg, in);
		n -= in.n;
		stream_consume(c->st, in.n);
	}
	return r;
}

/* How far a response is. */
struct reading {
	struct imap_response r;
	bool rest; /* its beginning has been parsed */
	unsigned literals;
};

static int
parse(struct imap_client *c, struct reading *g)
{
	struct imap_in in;

	imap_in_init(&in, buf_sv(&c->frame.text), &limits, &c->arena);
	return g->rest ? imap_response_rest(&in, &g->r)
		       : imap_response_parse(&in, &g->r);
}

/* A literal is announced: a message, or a word that is gathered. */
static int
on_literal(struct imap_client *c, struct reading *g,
    const struct imap_literal *lit, const struct imap_client_ops *ops,
    struct err *err)
{
	/* Parsed on a copy: what is incomplete is an error that means
	 * nothing.  Each literal parses all before it once more. */
	struct reading probe;

	if (++g->literals > LITERALS_MAX)
		return garbled(err);
	probe = *g;
	if (parse(c, &probe) == RC_MORE &&
	    probe.r.kind == IMAP_RESPONSE_FETCH && !g->r.fetch.has_body) {
		*g = probe;
		g->rest = true;
		imap_frame_literal_stream(&c->frame);
		return pass_body(c, ops, lit->size, err);
	}
	if (!imap_frame_literal_accept(&c->frame, lit))
		return garbled(err);
	return RC_OK;
}

static int
read_response(struct imap_client *c, struct reading *g,
    const struct imap_client_ops *ops, struct err *err)
{
	*g = (struct reading){.rest = false};
	imap_frame_reset(&c->frame);
	arena_reset(&c->arena);
	for (;;) {
		struct imap_literal lit;
		size_t used = 0;
		int r = RC_OK;

		switch (imap_frame_feed(
		    &c->frame, stream_input(c->st), &used, &lit)) {
		case IMAP_FRAME_MORE:
			stream_consume(c->st, used);
			/* A line that is too long may never end. */
			if (c->frame.overflow)
				return garbled(err);
			r = stream_fill(c->st, c->timeout);
			if (r != RC_OK)
				return lost(r, err);
			continue;
		case IMAP_FRAME_LITERAL:
			stream_consume(c->st, used);
			r = on_literal(c, g, &lit, ops, err);
			if (r != RC_OK)
				return r;
			continue;
		case IMAP_FRAME_COMMAND:
			stream_consume(c->st, used);
			return parse(c, g) == RC_OK ? RC_OK : garbled(err);
		case IMAP_FRAME_TOOLONG:
		case IMAP_FRAME_SKIPPED:
			return garbled(err);
		}
	}
}

/* The next response into g->r; its slices live until the next. */
static int
next_response(struct imap_client *c, struct reading *g,
    const struct imap_client_ops *ops, struct err *err)
{
	int r = read_response(c, g, ops, err);

	c->broken = c->broken || r != RC_OK;
	return r;
}

static void
note_capabilities(struct imap_client *c, const struct imap_response *r)
{
	struct sv list;

	if (r->kind == IMAP_RESPONSE_CAPABILITY)
		list = r->text;
	else if (r->kind == IMAP_RESPONSE_CONDITION &&
		 sv_ieq(r->code, SV("CAPABILITY")))
		list = r->code_args;
	else
		return;
	buf_set(&c->capabilities, list);
}

/* What the end of a command means; says why not. */
static int
conclude(struct imap_client *c, const struct imap_response *r, struct err *err)
{
	buf_set(&c->code, r->code);
	buf_set(&c->code_args, r->code_args);
	if (r->cond == IMAP_COND_OK)
		return RC_OK;
	return err_set(err, r->cond == IMAP_COND_NO ? RC_PERM : RC_SYNTAX,
	    "the server says: %.*s", (int)(r->text.n < 120 ? r->text.n : 120),
	    r->text.p);
}

/* Reads up to the end of the command, or with until_continue to a "+". */
static int
await(struct imap_client *c, const struct imap_client_ops *ops,
    bool until_continue, struct err *err)
{
	struct reading g;
	int r = stream_flush(c->st);

	if (r != RC_OK) {
		c->broken = true;
		return lost(r, err);
	}
	for (;;) {
		r = next_response(c, &g, ops, err);
		if (r != RC_OK)
			return r;
		note_capabilities(c, &g.r);
		if (g.r.kind == IMAP_RESPONSE_CONTINUE) {
			if (until_continue)
				return RC_MORE;
			continue;
		}
		if (g.r.tag.n > 0) {
			if (!sv_eq(g.r.tag, sv_str(c->tag))) {
				c->broken = true;
				return garbled(err);
			}
			return conclude(c, &g.r, err);
		}
		if (ops != NULL && ops->response != NULL)
			ops->response(ops->arg, &g.r);
	}
}

/* ---- commands ---- */

void
imap_client_begin(struct imap_client *c)
{
	struct buf b;

	buf_init(&b, sizeof c->tag);
	buf_addc(&b, 'h');
	buf_addu(&b, ++c->serial % 1000000000);
	memcpy(c->tag, b.p, b.n + 1);
	stream_putsv(c->st, buf_sv(&b));
	stream_puts(c->st, " ");
	buf_fini(&b);
}

void
imap_client_text(struct imap_client *c, struct sv text)
{
	stream_putsv(c->st, text);
}

int
imap_client_literal(
    struct imap_client *c, uint64_t size, bool binary, struct err *err)
{
	bool plus = imap_client_can(c, SV("LITERAL+")) ||
		    (size <= 4096 && imap_client_can(c, SV("LITERAL-")));
	int r;

	stream_printf(c->st, "%s{%llu%s}\r\n", binary ? "~" : "",
	    (unsigned long long)size, plus ? "+" : "");
	if (plus)
		return RC_OK;
	r = await(c, NULL, true, err);
	if (r == RC_OK)
		return garbled(err); /* it is not over yet */
	return r == RC_MORE ? RC_OK : r;
}

void
imap_client_bytes(struct imap_client *c, struct sv bytes)
{
	stream_putsv(c->st, bytes);
}

int
imap_client_end(
    struct imap_client *c, const struct imap_client_ops *ops, struct err *err)
{
	stream_puts(c->st, "\r\n");
	return await(c, ops, false, err);
}

int
imap_client_command(struct imap_client *c, const struct imap_client_ops *ops,
    struct sv command, struct err *err)
{
	imap_client_begin(c);
	imap_client_text(c, command);
	return imap_client_end(c, ops, err);
}

struct sv
imap_client_code(const struct imap_client *c)
{
	return buf_sv(&c->code);
}

struct sv
imap_client_code_args(const struct imap_client *c)
{
	return buf_sv(&c->code_args);
}

/* ---- up to the mailboxes ---- */

int
imap_client_tls(struct imap_client *c, struct tls_client *tls, const char *host,
    const char *pin, char seen_out[65], struct err *err)
{
	/* A password follows: nothing that could be broken on the way.  Whose
	 * certificate it is, is looked at below, since a pin may do. */
	int r =
	    stream_start_tls_client(c->st, tls, host, TLS_STRONG, TLS_MS, err);

	if (r != RC_OK)
		return r;
	/* What was said in the clear counts no more. */
	buf_reset(&c->capabilities);
	r = stream_tls_peer(c->st, host, seen_out, err);
	if (pin == NULL)
		return r;
	return strcmp(pin, seen_out) == 0
		   ? RC_OK
		   : err_set(err, RC_DENIED,
			 "the certificate of %s has a different fingerprint",
			 host);
}

int
imap_client_greeting(struct imap_client *c, struct err *err)
{
	struct reading g;
	int r = next_response(c, &g, NULL, err);

	if (r != RC_OK)
		return r;
	if (g.r.kind != IMAP_RESPONSE_CONDITION || g.r.tag.n > 0)
		return garbled(err);
	note_capabilities(c, &g.r);
	if (g.r.cond != IMAP_COND_OK)
		return err_set(err, RC_TEMP, "the server says: %.*s",
		    (int)(g.r.text.n < 120 ? g.r.text.n : 120), g.r.text.p);
	return RC_OK;
}

int
imap_client_starttls(struct imap_client *c, struct err *err)
{
	return imap_client_command(c, NULL, SV("STARTTLS"), err);
}

int
imap_client_capabilities(struct imap_client *c, struct err *err)
{
	return imap_client_command(c, NULL, SV("CAPABILITY"), err);
}

static int
authenticate_plain(struct imap_client *c, const char *user, struct sv password,
    struct err *err)
{
	bool initial = imap_client_can(c, SV("SASL-IR"));
	struct buf raw, text;
	int r = RC_MORE;

	buf_init(&raw, 4096);
	buf_init(&text, 8192);
	buf_addc(&raw, '\0');
	buf_adds(&raw, user);
	buf_addc(&raw, '\0');
	buf_addsv(&raw, password);
	base64_encode(buf_sv(&raw), &text);
	imap_client_begin(c);
	imap_client_text(c, SV("AUTHENTICATE PLAIN"));
	if (initial) {
		imap_client_text(c, SV(" "));
	} else {
		imap_client_text(c, SV("\r\n"));
		r = await(c, NULL, true, err);
	}
	if (r == RC_MORE) {
		imap_client_text(c, buf_sv(&text));
		r = imap_client_end(c, NULL, err);
	}
	buf_wipe(&text);
	buf_wipe(&raw);
	return r;
}

static int
login(struct imap_client *c, const char *user, struct sv password,
    struct err *err)
{
	int r;

	imap_client_begin(c);
	imap_client_text(c, SV("LOGIN "));
	r = imap_client_literal(c, strlen(user), false, err);
	if (r == RC_OK) {
		imap_client_bytes(c, sv_str(user));
		imap_client_text(c, SV(" "));
		r = imap_client_literal(c, password.n, false, err);
	}
	if (r != RC_OK)
		return r;
	imap_client_bytes(c, password);
	return imap_client_end(c, NULL, err);
}

int
imap_client_login(struct imap_client *c, const char *user, struct sv password,
    struct err *err)
{
	int r = RC_OK;

	must(stream_is_tls(c->st));
	if (c->capabilities.n == 0)
		r = imap_client_capabilities(c, err);
	if (r != RC_OK)
		return r;
	r = imap_client_can(c, SV("AUTH=PLAIN"))
		? authenticate_plain(c, user, password, err)
		: login(c, user, password, err);
	if (r == RC_OK)
		r = imap_client_capabilities(c, err);
	return r;
}

int
imap_client_join(struct imap_client *c, struct sv tag, struct err *err)
{
	int r;

	must(tag.n < sizeof c->tag);
	memcpy(c->tag, tag.p, tag.n);
	c->tag[tag.n] = '\0';
	r = await(c, NULL, false, err);
	if (r == RC_OK)
		r = imap_client_capabilities(c, err);
	return r;
}

bool
imap_client_usable(const struct imap_client *c)
{
	return !c->broken;
}

bool
imap_client_can(const struct imap_client *c, struct sv capability)
{
	return imap_capability_has(buf_sv(&c->capabilities), capability);
}

void
imap_client_logout(struct imap_client *c)
{
	struct err err;

	if (imap_client_command(c, NULL, SV("LOGOUT"), &err) == RC_OK)
		stream_close(c->st);
}
