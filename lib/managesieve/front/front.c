#include "managesieve/front/front.h"

#include <stdlib.h>
#include <string.h>

#include "auth/sasl.h"
#include "base/alloc.h"
#include "managesieve/parse/parse.h"
#include "sieve/sieve.h"

#define FAILED_LOGINS_MAX 10

static const struct msv_limits limits = {
    .line = 8 * 1024, .literal = 4 * 1024, .skip = 128 * 1024, .bad = 10};

struct msv_fe {
	bool tls_offered, tls, trusted;
	unsigned bad;	 /* in a row */
	unsigned failed; /* logins */
	struct sasl sasl;
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
			  ? "\"SASL\" \"" SASL_MECHANISMS "\"\r\n"
			  : "\"SASL\" \"\"\r\n");
	if (f->tls_offered && !f->tls)
		buf_adds(out, "\"STARTTLS\"\r\n");
}

/* ---- logins ---- */

/* Another step of AUTHENTICATE. */
static void
go_on(struct call *c, enum sasl_next next)
{
	switch (next) {
	case SASL_CHALLENGE:
		buf_addf(c->out, "\"%s\"\r\n", c->f->sasl.challenge);
		return;
	case SASL_MESSAGE:
		c->act->what = FRONT_LOGIN;
		return;
	case SASL_NO_MECHANISM:
		reply(c, "NO", NULL, "Mechanisms are PLAIN and LOGIN.");
		return;
	case SASL_NO_BASE64:
		bad(c, "The response is not valid base64.");
		return;
	case SASL_NO_NAME:
		bad(c, "The response is not a name or password.");
		return;
	}
}

/* "AUTHENTICATE" SP auth-type [SP string] *(CRLF string) */
static void
cmd_authenticate(struct call *c)
{
	const struct msv_command *m = c->cmd;
	enum sasl_next next;

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
	next = sasl_start(&c->f->sasl, m->arg[0].text,
	    m->n == 2 ? m->arg[1].text : (struct sv){NULL, 0}, &c->act->sasl);
	go_on(c, next);
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
		sasl_forget(&c->f->sasl);
		bad(c, "Authentication cancelled.");
	} else if (msv_string_read(text, &c->f->arena, &s) != RC_OK) {
		sasl_forget(&c->f->sasl);
		bad(c, "Expected a string.");
	} else {
		go_on(c, sasl_respond(&c->f->sasl, s, &c->act->sasl));
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
		if (e == MSV_COMMAND && sasl_waits(&f->sasl))
			answer(&c, buf_sv(&f->frame.text));
		else if (e == MSV_COMMAND)
			command(&c, buf_sv(&f->frame.text));
		else if (e == MSV_TOOLONG)
			bad(&c, "The command is too long.");
		if (e == MSV_TOOLONG)
			sasl_forget(&f->sasl);
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
	sasl_init(&f->sasl);
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
	f->bad = 0;
	msv_frame_wipe(&f->frame);
	arena_wipe(&f->arena);
	sasl_forget(&f->sasl);
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
	sasl_forget(&f->sasl);
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
