#include "managesieve/front/front.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "managesieve/parse/parse.h"
#include "sieve/sieve.h"

#define FAILED_LOGINS_MAX 10
#define SASL_MAX	  4096

static const struct msv_limits limits = {
    .line = 8 * 1024, .literal = 4 * 1024, .skip = 128 * 1024, .bad = 10};

enum state {
	ST_COMMAND,
	ST_PLAIN, /* AUTHENTICATE PLAIN waits for its response */
	ST_LOGIN_USER,
	ST_LOGIN_PASSWORD
};

struct msv_fe {
	bool tls_offered, tls, trusted;
	enum state state;
	unsigned bad;	 /* in a row */
	unsigned failed; /* logins */
	struct buf user; /* of AUTHENTICATE LOGIN */
	struct msv_frame frame;
	struct arena arena;
};

struct call {
	struct msv_fe *f;
	const struct msv_command *cmd;
	struct buf *out;
	struct front_action *act;
};

static void
reply(struct call *c, const char *status, const char *code, const char *text)
{
	msv_reply_write(c->out, status, code, sv_str(text));
}

static void
bad(struct call *c, const char *text)
{
	c->f->bad++;
	reply(c, "NO", NULL, text);
}

static bool
login_allowed(const struct msv_fe *f)
{
	return f->tls || f->trusted;
}

static void
capabilities(const struct msv_fe *f, struct buf *out)
{
	msv_capabilities_write(sieve_extensions(), sieve_notify_methods(),
	    SIEVE_LIMITS_DEFAULT.redirects, out);
	/* Who may log in without TLS still hears of mechanisms only where there
	 * is none to be had: programs take them for a reason not to ask. */
	buf_adds(out, login_allowed(f) && (f->tls || !f->tls_offered)
			  ? "\"SASL\" \"PLAIN LOGIN\"\r\n"
			  : "\"SASL\" \"\"\r\n");
	if (f->tls_offered && !f->tls)
		buf_adds(out, "\"STARTTLS\"\r\n");
}

/* ---- logins ---- */

static void
ask_login(struct call *c)
{
	c->f->state = ST_COMMAND;
	c->act->what = FRONT_LOGIN;
}

/* False after having answered. */
static bool
decode(struct call *c, struct sv text, struct buf *into)
{
	/* At once, so that no outgrown copy of a secret stays behind. */
	buf_reset(into);
	(void)buf_reserve(into, text.n);
	if (text.n <= SASL_MAX && base64_decode(text, into) == RC_OK)
		return true;
	buf_wipe(into);
	c->f->state = ST_COMMAND;
	bad(c, "The response is not valid base64.");
	return false;
}

/* message = [authzid] UTF8NUL authcid UTF8NUL passwd  [RFC 4616 2] */
static void
compose(struct call *c, struct sv user, struct sv password)
{
	struct buf *b = &c->act->sasl;

	buf_reset(b);
	(void)buf_reserve(b, user.n + password.n + 2);
	buf_addc(b, '\0');
	buf_addsv(b, user);
	buf_addc(b, '\0');
	buf_addsv(b, password);
}

static void
login_password(struct call *c, struct sv text)
{
	struct buf password;

	buf_init(&password, SASL_MAX);
	if (decode(c, text, &password)) {
		compose(c, buf_sv(&c->f->user), buf_sv(&password));
		/* A NUL inside would shift the fields. */
		if (sv_chr(buf_sv(&c->f->user), '\0') < c->f->user.n ||
		    sv_chr(buf_sv(&password), '\0') < password.n ||
		    !buf_ok(&c->act->sasl)) {
			buf_wipe(&c->act->sasl);
			c->f->state = ST_COMMAND;
			bad(c, "The response is not a name or password.");
		} else {
			ask_login(c);
		}
	}
	buf_wipe(&password);
	buf_wipe(&c->f->user);
	buf_init(&c->f->user, SASL_MAX);
}

static void
response(struct call *c, struct sv text)
{
	struct msv_fe *f = c->f;

	switch (f->state) {
	case ST_PLAIN:
		if (decode(c, text, &c->act->sasl))
			ask_login(c);
		break;
	case ST_LOGIN_USER:
		if (!decode(c, text, &f->user))
			break;
		f->state = ST_LOGIN_PASSWORD;
		buf_adds(c->out, "\"UGFzc3dvcmQ6\"\r\n"); /* "Password:" */
		break;
	case ST_LOGIN_PASSWORD:
		login_password(c, text);
		break;
	case ST_COMMAND:
		break;
	}
}

/* "AUTHENTICATE" SP auth-type [SP string] *(CRLF string) */
static void
cmd_authenticate(struct call *c)
{
	const struct msv_command *m = c->cmd;
	bool plain;

	if (!login_allowed(c->f)) {
		reply(c, "NO", "ENCRYPT-NEEDED",
		    "Passwords are accepted over TLS only: use STARTTLS.");
		return;
	}
	if (m->n < 1 || m->n > 2 || m->arg[0].is_number ||
	    m->arg[1].is_number) {
		bad(c, "Expected a mechanism, and a response or nothing.");
		return;
	}
	plain = sv_ieq(m->arg[0].text, SV("PLAIN"));
	if (!plain && !sv_ieq(m->arg[0].text, SV("LOGIN"))) {
		reply(c, "NO", NULL, "Mechanisms are PLAIN and LOGIN.");
		return;
	}
	c->f->state = plain ? ST_PLAIN : ST_LOGIN_USER;
	if (m->n == 2)
		response(c, m->arg[1].text);
	else
		buf_adds(
		    c->out, plain ? "\"\"\r\n"
				  : "\"VXNlcm5hbWU6\"\r\n"); /* "Username:" */
}

/* ---- the other commands ---- */

static void
cmd_capability(struct call *c)
{
	capabilities(c->f, c->out);
	reply(c, "OK", NULL, "");
}

static void
cmd_starttls(struct call *c)
{
	if (c->f->tls) {
		reply(c, "NO", NULL, "TLS is already active.");
	} else if (!c->f->tls_offered) {
		reply(c, "NO", NULL, "TLS is not available here.");
	} else {
		reply(c, "OK", NULL, "Begin TLS negotiation now.");
		c->act->what = FRONT_STARTTLS;
	}
}

static void
cmd_logout(struct call *c)
{
	reply(c, "OK", NULL, "Logged out.");
	c->act->what = FRONT_CLOSE;
}

/* [RFC 5804 2.13] with a string, that comes back. */
static void
cmd_noop(struct call *c)
{
	const struct msv_command *m = c->cmd;

	if (m->n == 0) {
		reply(c, "OK", NULL, "Nothing to do.");
		return;
	}
	if (m->n > 1 || m->arg[0].is_number) {
		bad(c, "Expected a string or nothing.");
		return;
	}
	buf_adds(c->out, "OK (TAG ");
	msv_string_write(m->arg[0].text, c->out);
	buf_adds(c->out, ") \"Nothing to do.\"\r\n");
}

static const struct {
	struct sv name;
	void (*run)(struct call *c);
	bool arguments;
} verbs[] = {
    {{"AUTHENTICATE", 12}, cmd_authenticate, true},
    {{"CAPABILITY", 10}, cmd_capability, false},
    {{"LOGOUT", 6}, cmd_logout, false},
    {{"NOOP", 4}, cmd_noop, true},
    {{"STARTTLS", 8}, cmd_starttls, false},
};

/* ---- dispatch ---- */

static void
command(struct call *c, struct sv text)
{
	struct msv_command m;
	const char *why;
	unsigned before = c->f->bad;
	size_t i = 0, n = sizeof verbs / sizeof verbs[0];

	if (msv_command_read(text, &c->f->arena, &m, &why) != RC_OK) {
		bad(c, why);
		return;
	}
	while (i < n && !sv_ieq(m.name, verbs[i].name))
		i++;
	if (i == n) {
		bad(c, "Log in first.");
		return;
	}
	if (m.n > 0 && !verbs[i].arguments) {
		bad(c, "That command has no arguments.");
		return;
	}
	c->cmd = &m;
	verbs[i].run(c);
	if (c->f->bad == before)
		c->f->bad = 0;
}

/* A line that answers AUTHENTICATE's challenge; "*" or a string of it takes
 * the whole back. */
static void
answer(struct call *c, struct sv text)
{
	struct sv s;

	if (sv_eq(text, SV("*")) || sv_eq(text, SV("\"*\""))) {
		c->f->state = ST_COMMAND;
		bad(c, "Authentication cancelled.");
	} else if (msv_string_read(text, &c->f->arena, &s) != RC_OK) {
		c->f->state = ST_COMMAND;
		bad(c, "Expected a string.");
	} else {
		response(c, s);
	}
}

static size_t
input(void *fp, struct sv in, struct buf *out, struct front_action *act)
{
	struct msv_fe *f = fp;
	struct call c = {.f = f, .out = out, .act = act};
	size_t start = in.n, used;

	act->what = FRONT_GO_ON;
	while (in.n > 0 && act->what == FRONT_GO_ON && out->n < FRONT_OUTPUT) {
		enum msv_event e = msv_frame_feed(&f->frame, in, &used);

		in = sv_skip(in, used);
		if (e == MSV_COMMAND && f->state == ST_COMMAND)
			command(&c, buf_sv(&f->frame.text));
		else if (e == MSV_COMMAND)
			answer(&c, buf_sv(&f->frame.text));
		else if (e == MSV_TOOLONG)
			bad(&c, "The command is too long.");
		if (e == MSV_TOOLONG)
			f->state = ST_COMMAND;
		if (e == MSV_CLOSE || e == MSV_LOST || f->bad >= limits.bad) {
			msv_reply_write(out, "BYE", NULL,
			    e == MSV_CLOSE || e == MSV_LOST
				? sv_str(msv_event_text(e))
				: SV("Too many bad commands."));
			act->what = FRONT_CLOSE;
		}
		if (e != MSV_MORE) {
			/* It may have been a password. */
			arena_wipe(&f->arena);
			msv_frame_wipe(&f->frame);
		}
	}
	return start - in.n;
}

/* ---- the table ---- */

static void *
fe_open(const struct front_opts *o, struct buf *out)
{
	struct msv_fe *f = xcalloc(1, sizeof *f);

	f->tls_offered = o->tls_offered;
	f->tls = o->tls;
	f->trusted = o->trusted;
	buf_init(&f->user, SASL_MAX);
	msv_frame_init(&f->frame, &limits);
	arena_init(&f->arena);
	capabilities(f, out);
	buf_addf(out, "OK \"%s ready.\"\r\n", o->hostname);
	return f;
}

static void
tls_started(void *fp)
{
	struct msv_fe *f = fp;

	/* What was said in the clear is forgotten [RFC 5804 2.2]. */
	f->tls = true;
	f->state = ST_COMMAND;
	f->bad = 0;
	msv_frame_wipe(&f->frame);
	arena_wipe(&f->arena);
	buf_wipe(&f->user);
	buf_init(&f->user, SASL_MAX);
}

/* [RFC 5804 2.2] the capabilities come again, unasked. */
static void
tls_greeting(void *fp, struct buf *out)
{
	capabilities(fp, out);
	msv_reply_write(out, "OK", NULL, SV("TLS negotiation successful."));
}

static enum front_do
failed(void *fp, enum front_failure why, const char *text, struct buf *out)
{
	struct msv_fe *f = fp;

	msv_reply_write(
	    out, "NO", why == FRONT_TEMP ? "TRYLATER" : NULL, sv_str(text));
	if (++f->failed < FAILED_LOGINS_MAX)
		return FRONT_GO_ON;
	msv_reply_write(out, "BYE", NULL, SV("Too many failed logins."));
	return FRONT_CLOSE;
}

static void
bye(void *fp, const char *text, struct buf *out)
{
	(void)fp;
	msv_reply_write(out, "BYE", NULL, sv_str(text));
}

static void
fe_close(void *fp)
{
	struct msv_fe *f = fp;

	arena_wipe(&f->arena);
	msv_frame_wipe(&f->frame);
	buf_fini(&f->frame.text);
	buf_wipe(&f->user);
	free(f);
}

const struct front_proto msv_front = {
    .name = "sieve",
    .idle_ms = 3 * 60 * 1000,
    .idle_bye = "BYE \"You were silent for too long.\"\r\n",
    .plain_first = true,
    .open = fe_open,
    .input = input,
    .tls_started = tls_started,
    .tls_greeting = tls_greeting,
    .failed = failed,
    .bye = bye,
    .close = fe_close,
};
