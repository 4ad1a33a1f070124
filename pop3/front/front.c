#include "pop3/front/front.h"

#include <stdlib.h>

#include "auth/sasl.h"
#include "base/alloc.h"

#define BAD_MAX	   10
#define FAIL_MAX   10 /* what was typed comes by up to three ways */
#define NAME_MAX_N 320

struct pop3_front {
	struct front_opts o;
	bool tls;
	struct sasl sasl; /* AUTH's */
	struct buf user;  /* of USER */
	bool have_user;
	unsigned bad, fails;
};

struct input {
	struct pop3_front *f;
	struct sv args;
	struct buf *out;
	struct front_action *act;
};

void
pop3_capa(struct buf *out, bool stls, bool login)
{
	buf_adds(out, "+OK capabilities follow\r\n"
		      "TOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\n"
		      "AUTH-RESP-CODE\r\nEXPIRE NEVER\r\n");
	if (stls)
		buf_adds(out, "STLS\r\n");
	if (login)
		buf_adds(out, "USER\r\nSASL " SASL_MECHANISMS "\r\n");
	buf_adds(out, "IMPLEMENTATION hearthmail\r\n.\r\n");
}

static bool
may_login(const struct pop3_front *f)
{
	return f->tls || f->o.trusted;
}

static bool
refuse_clear(struct input *in)
{
	if (may_login(in->f))
		return false;
	buf_adds(in->out,
	    "-ERR [AUTH] login requires TLS: use STLS or the TLS port\r\n");
	return true;
}

/* ---- commands ---- */

static void
do_capa(struct input *in)
{
	pop3_capa(
	    in->out, in->f->o.tls_offered && !in->f->tls, may_login(in->f));
}

static void
do_stls(struct input *in)
{
	if (in->f->tls || !in->f->o.tls_offered) {
		buf_adds(in->out, in->f->tls ? "-ERR TLS is already active\r\n"
					     : "-ERR TLS is not available\r\n");
		return;
	}
	buf_adds(in->out, "+OK begin TLS now\r\n");
	in->act->what = FRONT_STARTTLS;
}

static void
do_quit(struct input *in)
{
	buf_adds(in->out, "+OK goodbye\r\n");
	in->act->what = FRONT_CLOSE;
}

static void
do_noop(struct input *in)
{
	/* Not a command of this state [RFC 1939 5], but harmless. */
	buf_adds(in->out, "-ERR log in first\r\n");
}

static void
do_user(struct input *in)
{
	struct pop3_front *f = in->f;

	if (refuse_clear(in))
		return;
	if (in->args.n == 0 || in->args.n > NAME_MAX_N) {
		buf_adds(in->out, "-ERR USER needs a name\r\n");
		return;
	}
	buf_set(&f->user, in->args);
	f->have_user = true;
	/* The same for every name [RFC 1939 13]. */
	buf_adds(in->out, "+OK\r\n");
}

/* Another step of AUTH, or PASS. */
static void
go_on(struct input *in, enum sasl_next next)
{
	switch (next) {
	case SASL_CHALLENGE:
		buf_addf(in->out, "+ %s\r\n", in->f->sasl.challenge);
		return;
	case SASL_MESSAGE:
		in->act->what = FRONT_LOGIN;
		return;
	case SASL_NO_MECHANISM:
		buf_adds(in->out, "-ERR only PLAIN and LOGIN\r\n");
		return;
	case SASL_NO_BASE64:
		buf_adds(in->out, "-ERR not valid base64\r\n");
		return;
	case SASL_NO_NAME:
		buf_adds(in->out, "-ERR not a name or password\r\n");
		return;
	}
}

static void
do_pass(struct input *in)
{
	struct pop3_front *f = in->f;

	if (refuse_clear(in))
		return;
	if (!f->have_user) {
		buf_adds(in->out, "-ERR send USER first\r\n");
		return;
	}
	/* A password may hold spaces: all of the line [RFC 1939 7]. */
	go_on(in, sasl_compose(buf_sv(&f->user), in->args, &in->act->sasl));
	buf_wipe(&f->user);
	f->have_user = false;
}

static void
do_auth(struct input *in)
{
	struct pop3_front *f = in->f;
	struct sv args = in->args, mech = sv_split(&args, ' ');
	enum sasl_next next;

	if (mech.n == 0) { /* an old way to ask for the mechanisms */
		buf_adds(in->out, "+OK\r\nPLAIN\r\nLOGIN\r\n.\r\n");
		return;
	}
	if (refuse_clear(in))
		return;
	f->have_user = false;
	buf_wipe(&f->user);
	if (args.n == 0)
		args.p = NULL; /* there was none */
	else if (sv_eq(args, SV("=")))
		args = SV(""); /* [RFC 5034 4] an empty one */
	next = sasl_start(&f->sasl, mech, args, &in->act->sasl);
	go_on(in, next);
}

struct command {
	const char *name;
	void (*run)(struct input *in);
};

static const struct command commands[] = {
    {"AUTH", do_auth},
    {"CAPA", do_capa},
    {"NOOP", do_noop},
    {"PASS", do_pass},
    {"QUIT", do_quit},
    {"STLS", do_stls},
    {"USER", do_user},
};

static void
count_bad(struct input *in)
{
	if (++in->f->bad < BAD_MAX)
		return;
	buf_adds(in->out, "-ERR too many bad commands\r\n");
	in->act->what = FRONT_CLOSE;
}

static void
run_command(struct input *in, struct sv line)
{
	struct sv verb = sv_split(&line, ' ');
	size_t i;

	in->args = line.p != NULL ? line : SV("");
	for (i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (sv_ieq(verb, sv_str(commands[i].name))) {
			commands[i].run(in);
			return;
		}
	buf_adds(in->out, "-ERR unknown command; log in first\r\n");
	count_bad(in);
}

/* A line of a SASL exchange. */
static void
run_sasl(struct input *in, struct sv line)
{
	struct pop3_front *f = in->f;

	if (sv_eq(line, SV("*"))) {
		sasl_forget(&f->sasl);
		buf_adds(in->out, "-ERR cancelled\r\n");
		return;
	}
	go_on(in, sasl_respond(&f->sasl, line, &in->act->sasl));
}

static size_t
pop3_input(
    void *arg, struct sv bytes, struct buf *out, struct front_action *act)
{
	struct input in = {.f = arg, .out = out, .act = act};
	size_t took = 0;

	while (act->what == FRONT_GO_ON && out->n < FRONT_OUTPUT) {
		struct sv rest = sv_skip(bytes, took), line;
		size_t n = sv_chr(rest, '\n');

		if (n == rest.n) {
			if (n <= POP3_LINE_MAX)
				break;
			buf_adds(out, "-ERR the line is too long\r\n");
			act->what = FRONT_CLOSE;
			break;
		}
		took += n + 1;
		line = sv_first(rest, n);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n > POP3_LINE_MAX || sv_chr(line, '\0') < line.n) {
			buf_adds(out, "-ERR bad line\r\n");
			sasl_forget(&in.f->sasl);
			count_bad(&in);
		} else if (sasl_waits(&in.f->sasl)) {
			run_sasl(&in, line);
		} else {
			run_command(&in, line);
		}
	}
	return took;
}

static void *
pop3_open(const struct front_opts *o, struct buf *out)
{
	struct pop3_front *f = xcalloc(1, sizeof *f);

	f->o = *o;
	f->tls = o->tls;
	sasl_init(&f->sasl);
	buf_init(&f->user, NAME_MAX_N + 16);
	buf_addf(out, "+OK %s POP3 ready\r\n", o->hostname);
	return f;
}

static void
pop3_tls_started(void *arg)
{
	struct pop3_front *f = arg;

	f->tls = true;
	sasl_forget(&f->sasl);
	f->have_user = false;
	f->bad = 0;
	buf_wipe(&f->user);
}

static enum front_do
pop3_failed(
    void *arg, enum front_failure why, const char *text, struct buf *out)
{
	struct pop3_front *f = arg;

	/* [RFC 3206] AUTH: the password; SYS/TEMP: ours, try again. */
	buf_addf(out, "-ERR [%s] %s\r\n",
	    why == FRONT_DENIED ? "AUTH" : "SYS/TEMP", text);
	if (++f->fails < FAIL_MAX)
		return FRONT_GO_ON;
	return FRONT_CLOSE;
}

static void
pop3_bye(void *arg, const char *text, struct buf *out)
{
	(void)arg;
	buf_addf(out, "-ERR [SYS/TEMP] %s\r\n", text);
}

static void
pop3_close(void *arg)
{
	struct pop3_front *f = arg;

	sasl_forget(&f->sasl);
	buf_wipe(&f->user);
	free(f);
}

const struct front_proto pop3_front_proto = {
    .name = "pop3",
    /* [RFC 1939 3] at least 10 minutes, and nothing is said then */
    .idle_ms = 10 * 60 * 1000,
    .idle_bye = "",
    .open = pop3_open,
    .input = pop3_input,
    .tls_started = pop3_tls_started,
    .failed = pop3_failed,
    .bye = pop3_bye,
    .close = pop3_close,
};
