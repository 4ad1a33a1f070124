#include "managesieve/session/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "managesieve/parse/parse.h"
#include "net/stream.h"
#include "sieve/sieve.h"

#define IDLE_MS	  (30 * 60 * 1000) /* [RFC 5804 1.2] at least 30 minutes */
#define INPUT_MAX 65536
#define REPLY_MAX (2u << 20)
#define TEXT_MAX  (SIEVE_ERRORS_MAX * (SIEVE_ERROR_MAX + 64))

static const struct msv_limits limits = {.line = 16 * 1024,
    .literal = STORE_SCRIPT_MAX + 1,
    .skip = 16 << 20,
    .bad = 20};

struct msv_session {
	struct pool_task task;
	struct store *store;
	char *account, *peer, *owner;
	int64_t idle_ms;
	struct stream *st;
	uint64_t need;
	bool greeted, over;
	unsigned bad; /* in a row */
	struct msv_frame frame;
	struct arena arena;
	const struct msv_command *cmd; /* the one at hand */
};

/* ---- answers ---- */

static int
gate(void *arg)
{
	struct msv_session *s = arg;

	return store_flush(s->store, s->need);
}

static void
reply(
    struct msv_session *s, const char *status, const char *code, struct sv text)
{
	struct buf b;

	buf_init(&b, REPLY_MAX);
	msv_reply_write(&b, status, code, text);
	stream_putsv(s->st, buf_sv(&b));
	buf_fini(&b);
}

static void
ok(struct msv_session *s, const char *text)
{
	reply(s, "OK", NULL, sv_str(text));
}

static void
bad(struct msv_session *s, const char *text)
{
	s->bad++;
	reply(s, "NO", NULL, sv_str(text));
}

/* What the store has answered. */
static void
answer(struct msv_session *s, int rc, const struct err *err)
{
	static const struct {
		int rc;
		const char *code;
	} row[] = {{RC_NOTFOUND, "NONEXISTENT"}, {RC_EXISTS, "ALREADYEXISTS"},
	    {RC_PERM, "ACTIVE"}, {RC_TOOBIG, "QUOTA/MAXSIZE"},
	    {RC_TEMP, "TRYLATER"}, {RC_NOSPACE, "TRYLATER"}};
	const char *code = NULL;

	if (rc == RC_OK) {
		ok(s, "");
		return;
	}
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].rc == rc)
			code = row[i].code;
	reply(s, "NO", code, sv_str(err->text));
}

/* The same of what would need room: too many is another thing there, and so is
 * too much in all [RFC 5804 1.3]. */
static void
answer_room(struct msv_session *s, int rc, uint64_t size, const struct err *err)
{
	if (rc == RC_EXISTS)
		reply(s, "NO", "QUOTA/MAXSCRIPTS", sv_str(err->text));
	else if (rc == RC_TOOBIG && size <= STORE_SCRIPT_MAX)
		reply(s, "NO", "QUOTA", sv_str(err->text));
	else
		answer(s, rc, err);
}

/* ---- commands ---- */

static void
do_capability(struct msv_session *s)
{
	struct buf b;

	buf_init(&b, REPLY_MAX);
	msv_capabilities_write(sieve_extensions(), sieve_notify_methods(),
	    SIEVE_LIMITS_DEFAULT.redirects, &b);
	buf_adds(&b, "\"SASL\" \"\"\r\n");
	if (s->owner != NULL) {
		buf_adds(&b, "\"OWNER\" ");
		msv_string_write(sv_str(s->owner), &b);
		buf_adds(&b, "\r\n");
	}
	stream_putsv(s->st, buf_sv(&b));
	buf_fini(&b);
	ok(s, "");
}

static void
do_logout(struct msv_session *s)
{
	ok(s, "Logged out.");
	s->over = true;
}

static void
do_noop(struct msv_session *s)
{
	struct buf b;

	if (s->cmd->n == 0) {
		ok(s, "Nothing to do.");
		return;
	}
	buf_init(&b, REPLY_MAX);
	buf_adds(&b, "OK (TAG ");
	msv_string_write(s->cmd->arg[0].text, &b);
	buf_adds(&b, ") \"Nothing to do.\"\r\n");
	stream_putsv(s->st, buf_sv(&b));
	buf_fini(&b);
}

static void
do_havespace(struct msv_session *s)
{
	struct err err = {.text = ""};

	answer_room(s,
	    store_script_room(s->store, STORE_SCRIPT_PERSON,
		s->cmd->arg[0].text, s->cmd->arg[1].number, &s->need, &err),
	    s->cmd->arg[1].number, &err);
}

/* RC_OK: out has the warnings, or nothing; else the errors. */
static int
compile(struct sv text, struct buf *out)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_errors *errors = xcalloc(1, sizeof *errors);
	struct sieve_errors *warnings = xcalloc(1, sizeof *warnings);
	struct sieve_script *script = NULL;
	int r;

	o.warnings = warnings;
	r = sieve_compile(text, &o, &script, errors);
	sieve_errors_print(r == RC_OK ? warnings : errors, NULL, out);
	sieve_script_free(&script);
	free(warnings);
	free(errors);
	return r;
}

/* [RFC 5804 2.6, 2.12] */
static void
take_script(struct msv_session *s, const struct sv *name, struct sv text)
{
	struct err err = {.text = ""};
	struct buf out;
	int r;

	buf_init(&out, TEXT_MAX);
	r = compile(text, &out);
	if (r != RC_OK) {
		reply(s, "NO", r == RC_TOOBIG ? "QUOTA/MAXSIZE" : NULL,
		    sv_trim(buf_sv(&out)));
		goto out;
	}
	if (name != NULL)
		r = store_script_put(
		    s->store, STORE_SCRIPT_PERSON, *name, text, &s->need, &err);
	if (r != RC_OK)
		answer_room(s, r, text.n, &err);
	else
		reply(s, "OK", out.n > 0 ? "WARNINGS" : NULL,
		    sv_trim(buf_sv(&out)));
out:
	buf_fini(&out);
}

static void
do_putscript(struct msv_session *s)
{
	take_script(s, &s->cmd->arg[0].text, s->cmd->arg[1].text);
}

static void
do_checkscript(struct msv_session *s)
{
	take_script(s, NULL, s->cmd->arg[0].text);
}

static void
do_listscripts(struct msv_session *s)
{
	struct store_scripts l;
	struct buf b;

	buf_init(&b, REPLY_MAX);
	store_script_list(s->store, STORE_SCRIPT_PERSON, &l, &s->need);
	for (size_t i = 0; i < l.n; i++) {
		msv_string_write(sv_str(l.s[i].name), &b);
		buf_adds(&b, l.s[i].active ? " ACTIVE\r\n" : "\r\n");
	}
	store_scripts_fini(&l);
	stream_putsv(s->st, buf_sv(&b));
	buf_fini(&b);
	ok(s, "");
}

static void
do_setactive(struct msv_session *s)
{
	struct err err = {.text = ""};

	answer(s,
	    store_script_activate(
		s->store, s->cmd->arg[0].text, &s->need, &err),
	    &err);
}

/* Always as a literal: there are programs that expect one. */
static void
do_getscript(struct msv_session *s)
{
	struct buf text;
	struct err err = {.text = ""};
	int r;

	buf_init(&text, STORE_SCRIPT_MAX + 1);
	r = store_script_get(s->store, STORE_SCRIPT_PERSON, s->cmd->arg[0].text,
	    &text, &s->need);
	if (r == RC_OK) {
		stream_printf(s->st, "{%zu}\r\n", text.n);
		stream_putsv(s->st, buf_sv(&text));
		stream_puts(s->st, "\r\n");
	} else {
		(void)err_set(&err, r, "there is no script of that name");
	}
	answer(s, r, &err);
	buf_fini(&text);
}

static void
do_deletescript(struct msv_session *s)
{
	struct err err = {.text = ""};

	answer(s,
	    store_script_delete(s->store, STORE_SCRIPT_PERSON,
		s->cmd->arg[0].text, &s->need, &err),
	    &err);
}

static void
do_renamescript(struct msv_session *s)
{
	struct err err = {.text = ""};

	answer(s,
	    store_script_rename(s->store, s->cmd->arg[0].text,
		s->cmd->arg[1].text, &s->need, &err),
	    &err);
}

static void
do_authenticate(struct msv_session *s)
{
	reply(s, "NO", NULL, SV("You are logged in already."));
}

static void
do_starttls(struct msv_session *s)
{
	reply(s, "NO", NULL, SV("It is too late for STARTTLS."));
}

/* Arguments: "s" a string, "n" a number, "?" what follows may be missing. */
static const struct {
	struct sv name;
	void (*run)(struct msv_session *s);
	const char *arguments;
	const char *expected;
} verbs[] = {
    {{"AUTHENTICATE", 12}, do_authenticate, "?ss", "Expected strings."},
    {{"CAPABILITY", 10}, do_capability, "", "Expected no arguments."},
    {{"CHECKSCRIPT", 11}, do_checkscript, "s", "Expected a script."},
    {{"DELETESCRIPT", 12}, do_deletescript, "s", "Expected a name."},
    {{"GETSCRIPT", 9}, do_getscript, "s", "Expected a name."},
    {{"HAVESPACE", 9}, do_havespace, "sn", "Expected a name and a size."},
    {{"LISTSCRIPTS", 11}, do_listscripts, "", "Expected no arguments."},
    {{"LOGOUT", 6}, do_logout, "", "Expected no arguments."},
    {{"NOOP", 4}, do_noop, "?s", "Expected a string or nothing."},
    {{"PUTSCRIPT", 9}, do_putscript, "ss", "Expected a name and a script."},
    {{"RENAMESCRIPT", 12}, do_renamescript, "ss", "Expected two names."},
    {{"SETACTIVE", 9}, do_setactive, "s", "Expected a name, or \"\"."},
    {{"STARTTLS", 8}, do_starttls, "", "Expected no arguments."},
};

static bool
arguments_fit(const struct msv_command *m, const char *want)
{
	bool optional = *want == '?';
	size_t i;

	want += optional;
	for (i = 0; i < m->n; i++)
		if (want[i] == '\0' || m->arg[i].is_number != (want[i] == 'n'))
			return false;
	return optional || want[i] == '\0';
}

static void
run_command(struct msv_session *s, struct sv text)
{
	struct msv_command m;
	const char *why;
	unsigned before = s->bad;
	size_t i = 0, n = sizeof verbs / sizeof verbs[0];

	if (msv_command_read(text, &s->arena, &m, &why) != RC_OK) {
		bad(s, why);
		return;
	}
	while (i < n && !sv_ieq(m.name, verbs[i].name))
		i++;
	if (i == n) {
		bad(s, "There is no such command.");
		return;
	}
	if (!arguments_fit(&m, verbs[i].arguments)) {
		bad(s, verbs[i].expected);
		return;
	}
	s->cmd = &m;
	verbs[i].run(s);
	s->cmd = NULL;
	if (s->bad == before)
		s->bad = 0;
}

/* ---- the task ---- */

/* What is here. */
static void
run_input(struct msv_session *s)
{
	while (!s->over && !atomic_load(&s->task.stopping)) {
		struct sv in = stream_input(s->st);
		enum msv_event e;
		size_t used;

		if (in.n == 0)
			return;
		e = msv_frame_feed(&s->frame, in, &used);
		stream_consume(s->st, used);
		if (e == MSV_COMMAND)
			run_command(s, buf_sv(&s->frame.text));
		else if (e == MSV_TOOLONG)
			reply(s, "NO", "QUOTA/MAXSIZE",
			    SV("The command is too long."));
		if (e != MSV_MORE) {
			arena_reset(&s->arena);
			msv_frame_wipe(&s->frame);
		}
		if (e == MSV_CLOSE || e == MSV_LOST || s->bad >= limits.bad) {
			reply(s, "BYE", NULL,
			    e == MSV_CLOSE || e == MSV_LOST
				? sv_str(msv_event_text(e))
				: SV("Too many bad commands."));
			s->over = true;
		}
	}
}

static enum pool_next
finish(struct msv_session *s)
{
	stream_close(s->st);
	return POOL_DONE;
}

static enum pool_next
msv_run(struct pool_task *t)
{
	struct msv_session *s = (struct msv_session *)t;
	bool heard = false;
	int r;

	if (!s->greeted)
		ok(s, "Logged in.");
	s->greeted = true;
	for (;;) {
		run_input(s);
		if (s->over)
			return finish(s);
		if (atomic_load(&t->stopping))
			break;
		r = stream_fill(s->st, 0);
		if (r == RC_MORE)
			break;
		if (r != RC_OK && r != RC_TOOBIG)
			return finish(s);
		heard = true;
	}
	if (stream_flush(s->st) != RC_OK)
		return finish(s);
	if (atomic_load(&t->stopping) ||
	    (!heard && atomic_load(&t->deadline) != 0 &&
		atomic_load(&t->deadline) <= clk_mono())) {
		reply(s, "BYE", "TRYLATER",
		    atomic_load(&t->stopping)
			? SV("The session ends.")
			: SV("You were silent for too long."));
		return finish(s);
	}
	stream_park(s->st);
	if (heard || atomic_load(&t->deadline) == 0)
		atomic_store(&t->deadline, clk_mono() + s->idle_ms);
	return POOL_WAIT;
}

static void
msv_end(struct pool_task *t)
{
	struct msv_session *s = (struct msv_session *)t;

	mlog(LOG_INFO, "session.end",
	    "service=sieve account=%s peer=%s out=%llu", s->account, s->peer,
	    (unsigned long long)stream_total_out(s->st));
	stream_free(&s->st);
	arena_reset(&s->arena);
	buf_fini(&s->frame.text);
	free(s->owner);
	free(s->peer);
	free(s->account);
	free(s);
}

struct pool_task *
msv_session_new(const struct msv_session_args *a)
{
	struct msv_session *s = xcalloc(1, sizeof *s);

	s->store = a->store;
	s->account = xstrdup(a->account);
	s->peer = xstrdup(a->peer);
	s->owner = a->owner != NULL ? xstrdup(a->owner) : NULL;
	s->idle_ms = a->idle_ms > 0 ? a->idle_ms : IDLE_MS;
	s->st = stream_new(a->fd, INPUT_MAX);
	stream_set_gate(s->st, gate, s);
	stream_set_names(s->st, s->account, s->peer);
	msv_frame_init(&s->frame, &limits);
	arena_init(&s->arena);
	s->task.fd = a->fd;
	s->task.run = msv_run;
	s->task.end = msv_end;
	mlog(LOG_INFO, "session.start", "service=sieve account=%s peer=%s",
	    s->account, s->peer);
	return &s->task;
}
