#include "imap/front/front.h"

#include <stdlib.h>

#include "auth/sasl.h"
#include "base/alloc.h"
#include "imap/parse/capability.h"
#include "imap/parse/frame.h"
#include "imap/parse/parse.h"

/* A mail program tries what was typed by up to three ways, more than once. */
#define FAILED_LOGINS_MAX 10

static const struct imap_limits limits = {
    .line = 8 * 1024,
    .literal = 1024,
    .command = 12 * 1024,
    .depth = 2,
    .elements = 100,
    .bad = 10,
};

struct imap_fe {
	char *hostname;
	bool tls_offered, tls, trusted;

	unsigned bad;	  /* in a row */
	unsigned failed;  /* logins, for whatever reason */
	struct buf tag;	  /* of AUTHENTICATE, or of the login asked for */
	struct sasl sasl; /* AUTHENTICATE's */
	struct imap_frame frame;
	struct arena arena;
};

/* One command's handling. */
struct call {
	struct imap_fe *f;
	struct imap_in *in;
	struct sv tag;
	struct buf *out;
	struct front_action *act;
};

struct verb {
	struct sv name;
	/* RC_SYNTAX: in->why says what was expected. */
	int (*run)(struct call *c);
};

static bool
login_allowed(const struct imap_fe *f)
{
	return f->tls || f->trusted;
}

static void
capabilities(const struct imap_fe *f, struct buf *out)
{
	buf_adds(out, IMAP_CAPABILITIES " SASL-IR");
	if (f->tls_offered && !f->tls)
		buf_adds(out, " STARTTLS");
	buf_adds(out,
	    login_allowed(f) ? " AUTH=PLAIN AUTH=LOGIN" : " LOGINDISABLED");
}

static void
tagged(struct call *c, const char *text)
{
	buf_addsv(c->out, c->tag);
	buf_addc(c->out, ' ');
	buf_adds(c->out, text);
	buf_adds(c->out, "\r\n");
}

/* ---- commands ---- */

static int
cmd_capability(struct call *c)
{
	int r = imap_end(c->in);

	if (r != RC_OK)
		return r;
	buf_adds(c->out, "* CAPABILITY ");
	capabilities(c->f, c->out);
	buf_adds(c->out, "\r\n");
	tagged(c, "OK Capabilities listed.");
	return RC_OK;
}

static int
cmd_noop(struct call *c)
{
	int r = imap_end(c->in);

	if (r == RC_OK)
		tagged(c, "OK Nothing to do.");
	return r;
}

static int
cmd_logout(struct call *c)
{
	int r = imap_end(c->in);

	if (r != RC_OK)
		return r;
	buf_adds(c->out, "* BYE Logging out.\r\n");
	tagged(c, "OK Logged out.");
	c->act->what = FRONT_CLOSE;
	return RC_OK;
}

static int
cmd_id(struct call *c)
{
	int r = imap_id(c->in);

	if (r != RC_OK)
		return r;
	buf_adds(c->out, "* ID (\"name\" \"Hearthmail\")\r\n");
	tagged(c, "OK Pleased to meet you.");
	return RC_OK;
}

static int
cmd_starttls(struct call *c)
{
	int r = imap_end(c->in);

	if (r != RC_OK)
		return r;
	if (c->f->tls) {
		tagged(c, "BAD TLS is already active.");
	} else if (!c->f->tls_offered) {
		tagged(c, "NO TLS is not available here.");
	} else {
		tagged(c, "OK Begin TLS negotiation now.");
		c->act->what = FRONT_STARTTLS;
	}
	return RC_OK;
}

static void
ask_login(struct call *c)
{
	buf_set(&c->act->tag, c->tag);
	buf_set(&c->f->tag, c->tag);
	c->act->what = FRONT_LOGIN;
}

/* Another step of AUTHENTICATE, or LOGIN. */
static void
go_on(struct call *c, enum sasl_next next)
{
	switch (next) {
	case SASL_CHALLENGE:
		buf_addf(c->out, "+ %s\r\n", c->f->sasl.challenge);
		return;
	case SASL_MESSAGE:
		ask_login(c);
		return;
	case SASL_NO_MECHANISM:
		tagged(c, "NO [CANNOT] Mechanisms are PLAIN and LOGIN.");
		return;
	case SASL_NO_BASE64:
		tagged(c, "BAD The response is not valid base64.");
		break;
	case SASL_NO_NAME:
		tagged(c, "BAD The response is not a name or password.");
		break;
	}
	c->f->bad++;
}

/* False after having said why. */
static bool
may_login(struct call *c)
{
	if (login_allowed(c->f))
		return true;
	tagged(c,
	    c->f->tls_offered
		? "NO [PRIVACYREQUIRED] Passwords are accepted over TLS only: "
		  "use STARTTLS or the port for TLS."
		: "NO [PRIVACYREQUIRED] Passwords are accepted over TLS only.");
	return false;
}

/* login = "LOGIN" SP userid SP password */
static int
cmd_login(struct call *c)
{
	struct sv user, password;
	int r;

	if (!may_login(c))
		return RC_OK;
	r = imap_sp(c->in);
	if (r == RC_OK)
		r = imap_astring(c->in, &user);
	if (r == RC_OK)
		r = imap_sp(c->in);
	if (r == RC_OK)
		r = imap_astring(c->in, &password);
	if (r == RC_OK)
		r = imap_end(c->in);
	if (r != RC_OK)
		return r;
	go_on(c, sasl_compose(user, password, &c->act->sasl));
	return RC_OK;
}

/*
 * authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]
 *                *(CRLF base64)  [RFC 4959 4]
 */
static int
cmd_authenticate(struct call *c)
{
	struct sv mech, initial = {NULL, 0};
	enum sasl_next next;
	int r;

	if (!may_login(c))
		return RC_OK;
	r = imap_sp(c->in);
	if (r == RC_OK)
		r = imap_atom(c->in, &mech);
	if (r == RC_OK && imap_take(c->in, ' ')) {
		initial = c->in->s;
		c->in->s = SV("");
	}
	if (r == RC_OK)
		r = imap_end(c->in);
	if (r != RC_OK)
		return r;
	if (sv_eq(initial, SV("=")))
		initial = SV("");
	buf_set(&c->f->tag, c->tag);
	next = sasl_start(&c->f->sasl, mech, initial, &c->act->sasl);
	go_on(c, next);
	return RC_OK;
}

static const struct verb verbs[] = {
    {{"CAPABILITY", 10}, cmd_capability},
    {{"NOOP", 4}, cmd_noop},
    {{"LOGOUT", 6}, cmd_logout},
    {{"ID", 2}, cmd_id},
    {{"STARTTLS", 8}, cmd_starttls},
    {{"LOGIN", 5}, cmd_login},
    {{"AUTHENTICATE", 12}, cmd_authenticate},
};

/* ---- dispatch ---- */

static void
bad(struct call *c, const char *what, const char *why)
{
	c->f->bad++;
	buf_addsv(c->out, c->tag);
	buf_addf(c->out, " BAD %s%s.\r\n", what, why);
}

static void
command(struct call *c, struct sv text)
{
	struct imap_in in;
	struct sv name;
	unsigned before = c->f->bad;
	size_t i;
	int r;

	imap_in_init(&in, text, &limits, &c->f->arena);
	c->in = &in;
	c->tag = SV("*");
	r = imap_tag(&in, &c->tag);
	if (r == RC_OK)
		r = imap_sp(&in);
	if (r == RC_OK)
		r = imap_atom(&in, &name);
	if (r != RC_OK) {
		bad(c, "Expected ", in.why);
		return;
	}
	for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (sv_ieq(name, verbs[i].name))
			break;
	if (i == sizeof verbs / sizeof verbs[0]) {
		bad(c, "Log in first; this command needs a login", "");
		return;
	}
	r = verbs[i].run(c);
	if (r == RC_OK) {
		if (c->f->bad == before)
			c->f->bad = 0;
		return;
	}
	if (r == RC_TOOBIG)
		bad(c, "Too many elements", "");
	else
		bad(c, "Expected ", in.why);
}

/* A line that answers AUTHENTICATE. */
static void
response(struct call *c, struct sv text)
{
	struct imap_fe *f = c->f;

	c->tag = buf_sv(&f->tag);
	if (sv_eq(text, SV("*"))) {
		sasl_forget(&f->sasl);
		bad(c, "Authentication cancelled", "");
		return;
	}
	go_on(c, sasl_respond(&f->sasl, text, &c->act->sasl));
}

/* The tag of a command that is not whole, for the refusal. */
static struct sv
tag_of(const struct imap_fe *f)
{
	struct arena none;
	struct imap_in in;
	struct sv tag;

	arena_init(&none);
	imap_in_init(&in, buf_sv(&f->frame.text), &limits, &none);
	/* What has no end may not be all of it. */
	return imap_tag(&in, &tag) == RC_OK && imap_peek(&in) == ' ' ? tag
								     : SV("*");
}

static void
literal(struct call *c, const struct imap_literal *lit)
{
	struct imap_fe *f = c->f;

	if (!sasl_waits(&f->sasl) && !lit->binary &&
	    imap_frame_literal_accept(&f->frame, lit)) {
		if (!lit->nonsync)
			buf_adds(c->out, "+ OK, go on.\r\n");
		return;
	}
	c->tag = tag_of(f);
	if (sasl_waits(&f->sasl)) {
		c->tag = buf_sv(&f->tag);
		sasl_forget(&f->sasl);
	}
	bad(c, "No literal of that kind or size here", "");
	/* Reading gigabytes to throw them away helps nobody. */
	if (lit->nonsync && lit->size > limits.command)
		f->bad = limits.bad;
	imap_frame_literal_skip(&f->frame, lit);
}

static void
one_step(struct call *c, struct sv *in)
{
	struct imap_fe *f = c->f;
	struct imap_literal lit;
	size_t used;

	switch (imap_frame_feed(&f->frame, *in, &used, &lit)) {
	case IMAP_FRAME_MORE:
		*in = sv_skip(*in, used);
		return;
	case IMAP_FRAME_LITERAL:
		literal(c, &lit);
		*in = sv_skip(*in, used);
		return;
	case IMAP_FRAME_COMMAND:
		if (sasl_waits(&f->sasl))
			response(c, buf_sv(&f->frame.text));
		else
			command(c, buf_sv(&f->frame.text));
		break;
	case IMAP_FRAME_TOOLONG:
		c->tag = tag_of(f);
		if (sasl_waits(&f->sasl))
			c->tag = buf_sv(&f->tag);
		sasl_forget(&f->sasl);
		bad(c, "The command is too long", "");
		break;
	case IMAP_FRAME_SKIPPED:
		break;
	}
	*in = sv_skip(*in, used);
	/* It may have been a password. */
	arena_wipe(&f->arena);
	imap_frame_wipe(&f->frame);
}

static size_t
input(void *fp, struct sv in, struct buf *out, struct front_action *act)
{
	struct imap_fe *f = fp;
	struct call c = {.f = f, .out = out, .act = act};
	size_t start = in.n;

	act->what = FRONT_GO_ON;
	while (in.n > 0 && act->what == FRONT_GO_ON && out->n < FRONT_OUTPUT) {
		one_step(&c, &in);
		if (f->bad >= limits.bad) {
			buf_adds(out, "* BYE Too many bad commands.\r\n");
			act->what = FRONT_CLOSE;
		}
	}
	return start - in.n;
}

/* ---- the table ---- */

static void *
fe_open(const struct front_opts *o, struct buf *out)
{
	struct imap_fe *f = xcalloc(1, sizeof *f);

	f->hostname = xstrdup(o->hostname);
	f->tls_offered = o->tls_offered;
	f->tls = o->tls;
	f->trusted = o->trusted;
	buf_init(&f->tag, limits.line);
	sasl_init(&f->sasl);
	imap_frame_init(&f->frame, &limits);
	arena_init(&f->arena);
	buf_adds(out, "* OK [CAPABILITY ");
	capabilities(f, out);
	buf_addf(out, "] %s ready.\r\n", f->hostname);
	return f;
}

static void
tls_started(void *fp)
{
	struct imap_fe *f = fp;

	/* What was said in the clear is forgotten [RFC 3501 6.2.1]. */
	f->tls = true;
	f->bad = 0;
	imap_frame_wipe(&f->frame);
	arena_wipe(&f->arena);
	sasl_forget(&f->sasl);
	buf_reset(&f->tag);
}

static enum front_do
failed(void *fp, enum front_failure why, const char *text, struct buf *out)
{
	struct imap_fe *f = fp;

	buf_addsv(out, buf_sv(&f->tag));
	buf_addf(out, " NO [%s] %s\r\n",
	    why == FRONT_DENIED ? "AUTHENTICATIONFAILED" : "UNAVAILABLE", text);
	if (++f->failed >= FAILED_LOGINS_MAX) {
		buf_adds(out, "* BYE Too many failed logins.\r\n");
		return FRONT_CLOSE;
	}
	return FRONT_GO_ON;
}

static void
bye(void *fp, const char *text, struct buf *out)
{
	(void)fp;
	buf_addf(out, "* BYE %s\r\n", text);
}

static void
fe_close(void *fp)
{
	struct imap_fe *f = fp;

	arena_wipe(&f->arena);
	imap_frame_wipe(&f->frame);
	sasl_forget(&f->sasl);
	buf_fini(&f->tag);
	free(f->hostname);
	free(f);
}

const struct front_proto imap_front = {
    .name = "imap",
    .idle_ms = 3 * 60 * 1000,
    .idle_bye = "* BYE You were silent for too long.\r\n",
    .open = fe_open,
    .input = input,
    .tls_started = tls_started,
    .failed = failed,
    .bye = bye,
    .close = fe_close,
};
