#include "junk/service.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/log.h"
#include "ipc/msg_junk.h"
#include "ipc/msg_account.h"
#include "ipc/proto.h"
#include "ipc/server.h"
#include "junk/pupil.h"

#define FLUSH_MS   1000
#define IDLE_MS	   60000
#define PUPILS_MAX 64 /* in memory */

struct loaded {
	char account[ACCOUNT_NAME_MAX];
	struct pupil pupil;
	int64_t used; /* clk_mono */
};

struct client {
	struct ipc_client ipc;
	bool command;
	char account[ACCOUNT_NAME_MAX];
	uint64_t
	    untaught_at; /* service's lessons, when it had taught nothing */
};

struct junk_service {
	struct ev_loop *loop;
	struct ipc_server *clients;
	struct ev_timer *tick;
	bool share;
	struct junk_file server;
	int64_t server_used;
	struct loaded *loaded[PUPILS_MAX];
	size_t n;
	uint64_t asked, taught;
	uint64_t lessons; /* that came, from 1 on: files may have changed */
	struct junk_features features; /* of the message at hand */
};

/* ---- models in memory ---- */

static void on_tick(void *arg);

static void
tick_soon(struct junk_service *s)
{
	if (s->tick == NULL)
		s->tick = ev_timer_add(s->loop, FLUSH_MS, on_tick, s);
}

static void
unload(struct junk_service *s, size_t i)
{
	pupil_close(&s->loaded[i]->pupil);
	free(s->loaded[i]);
	s->loaded[i] = s->loaded[--s->n];
}

static void
on_tick(void *arg)
{
	struct junk_service *s = arg;
	int64_t now = clk_mono();
	size_t i;

	s->tick = NULL;
	for (i = s->n; i > 0; i--) {
		junk_file_flush(&s->loaded[i - 1]->pupil.file);
		if (now - s->loaded[i - 1]->used >= IDLE_MS)
			unload(s, i - 1);
	}
	if (s->server.model != NULL) {
		junk_file_flush(&s->server);
		if (s->n == 0 && now - s->server_used >= IDLE_MS)
			pupil_server_close(&s->server);
	}
	if (s->n > 0 || s->server.model != NULL)
		tick_soon(s);
}

static bool
load_server(struct junk_service *s)
{
	struct err err = {.text = ""};

	s->server_used = clk_mono();
	if (s->server.model != NULL)
		return true;
	if (pupil_server_open(&s->server, &err) == RC_OK) {
		tick_soon(s);
		return true;
	}
	mlog(LOG_ERROR, "junk.open", "text=\"%s\"", err.text);
	return false;
}

static size_t
longest_idle(const struct junk_service *s)
{
	size_t i, best = 0;

	for (i = 1; i < s->n; i++)
		if (s->loaded[i]->used < s->loaded[best]->used)
			best = i;
	return best;
}

static struct loaded *
find_loaded(const struct junk_service *s, const char *account)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->loaded[i]->account, account) == 0)
			return s->loaded[i];
	return NULL;
}

/* NULL: it cannot be had now. */
static struct pupil *
load(struct junk_service *s, const char *account)
{
	struct err err = {.text = ""};
	struct loaded *l;

	if (!load_server(s))
		return NULL;
	l = find_loaded(s, account);
	if (l != NULL) {
		l->used = clk_mono();
		return &l->pupil;
	}
	if (s->n == PUPILS_MAX)
		unload(s, longest_idle(s));
	l = xcalloc(1, sizeof *l);
	sv_copy(sv_str(account), l->account, sizeof l->account);
	l->used = clk_mono();
	if (pupil_open(&l->pupil, account, &err) != RC_OK) {
		mlog(LOG_ERROR, "junk.open", "account=%s text=\"%s\"", account,
		    err.text);
		free(l);
		return NULL;
	}
	s->loaded[s->n++] = l;
	return &l->pupil;
}

/* ---- answers ---- */

static bool
take_features(struct junk_features *f, struct sv bytes)
{
	size_t i;

	if (bytes.n % 4 != 0 || bytes.n / 4 > JUNK_FEATURES_MAX)
		return false;
	f->n = bytes.n / 4;
	for (i = 0; i < f->n; i++)
		f->v[i] = be_get32(bytes.p + 4 * i);
	return true;
}

/* Of a lesson each counts once: one that came again and again would turn what
 * all have learned together. */
static bool
take_lesson(struct junk_service *s, struct sv bytes)
{
	struct junk_features *f = &s->features;
	size_t i;

	if (!take_features(f, bytes))
		return false;
	memset(f->set, 0, sizeof f->set);
	for (i = 0; i < f->n; i++) {
		uint32_t at = f->v[i] * 0x9e3779b1U % JUNK_SET_SLOTS;

		while (f->set[at] != 0 && f->v[f->set[at] - 1] != f->v[i])
			at = (at + 1) % JUNK_SET_SLOTS;
		if (f->v[i] == 0 || f->set[at] != 0)
			return false;
		f->set[at] = (uint16_t)(i + 1);
	}
	return true;
}

static void
tell(struct client *c, uint32_t id, const struct junk_told *told)
{
	struct msg reply;

	msg_init(&reply, MSG_REPLY);
	junk_told_put(&reply, told);
	ipc_client_answer(&c->ipc, id, &reply);
}

static void
tell_text(struct client *c, uint32_t id, int rc, const char *text)
{
	tell(c, id, &(struct junk_told){.rc = rc, .text = sv_str(text)});
}

static void
tell_answer(struct client *c, uint32_t id, const struct pupil_answer *a)
{
	struct junk_told_reason reason[JUNK_REASONS];
	struct junk_told told = {.rc = RC_OK,
	    .junk = a->junk,
	    .taught = a->taught,
	    .margin = llrint(a->answer.margin * 1000),
	    .border = llrint(a->border * 1000),
	    .reason = reason,
	    .nreason = (uint32_t)a->answer.n};
	size_t i;

	for (i = 0; i < a->answer.n; i++)
		reason[i] =
		    (struct junk_told_reason){a->answer.reason[i].feature,
			llrint((double)a->answer.reason[i].weight * 1000)};
	tell(c, id, &told);
}

static void
answer_now(struct client *c, uint32_t id, const struct pupil *p)
{
	struct junk_service *s = c->ipc.arg;
	struct pupil_answer a;

	pupil_ask(&s->server, p, &s->features, &a);
	tell_answer(c, id, &a);
}

/* Who has never taught costs no memory, and no look at the disk each time. */
static bool
has_taught(struct junk_service *s, struct client *c)
{
	if (c->untaught_at == s->lessons)
		return false;
	if (find_loaded(s, c->account) != NULL || pupil_was_taught(c->account))
		return true;
	c->untaught_at = s->lessons;
	return false;
}

static void
ask(struct client *c, uint32_t id)
{
	struct junk_service *s = c->ipc.arg;
	bool taught = has_taught(s, c);
	struct pupil *p = taught ? load(s, c->account) : NULL;

	if (taught ? p == NULL : !load_server(s)) {
		tell_text(c, id, RC_TEMP, "what was learned cannot be read");
		return;
	}
	s->asked++;
	answer_now(c, id, p);
}

static void
teach(struct client *c, uint32_t id, const char *account, uint8_t teaching)
{
	static const enum pupil_side side[JUNK_TEACHINGS] = {
	    [JUNK_TEACH_JUNK] = PUPIL_JUNK,
	    [JUNK_TEACH_WANTED] = PUPIL_WANTED,
	    [JUNK_TEACH_HINT] = PUPIL_HINT,
	    [JUNK_TEACH_READ] = PUPIL_READ,
	    [JUNK_TEACH_THROWN] = PUPIL_THROWN,
	};
	static const char *const name[JUNK_TEACHINGS] = {
	    "junk", "wanted", "hint", "read", "thrown"};
	struct junk_service *s = c->ipc.arg;
	struct pupil *p = load(s, account);
	bool learned;

	s->lessons++;
	if (p == NULL) {
		tell_text(c, id, RC_TEMP, "what was learned cannot be read");
		return;
	}
	learned = pupil_teach(
	    &s->server, p, &s->features, side[teaching], clk_now(), s->share);
	s->taught += learned;
	mlog(teaching < JUNK_TEACH_READ ? LOG_INFO : LOG_DEBUG, "junk.taught",
	    "account=%s as=%s%s", account, name[teaching],
	    learned ? "" : " known=1");
	tick_soon(s);
	answer_now(c, id, p);
}

/* ---- orders of the command line ---- */

static void
put_stats(struct junk_service *s, const char *account, struct buf *out)
{
	struct pupil *p = load(s, account);
	struct clk_tm t;

	if (p == NULL)
		return;
	buf_addf(out, "%s\t%u\t%u\t", account,
	    junk_model_lessons(p->file.model, true),
	    junk_model_lessons(p->file.model, false));
	if (p->n > 0) {
		clk_civil(p->row[p->n - 1].when / 1000, &t);
		buf_addf(out, "%04d-%02d-%02d %02d:%02d", t.year, t.month,
		    t.day, t.hour, t.minute);
	}
	buf_addc(out, '\n');
}

/* Those that have files here. */
static void
put_all_stats(struct junk_service *s, struct buf *out)
{
	DIR *d = opendir(".");
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL && out->n < 32000) {
		struct sv name = sv_str(e->d_name);
		char account[ACCOUNT_NAME_MAX];

		if (!sv_starts(name, SV("account-")) ||
		    !sv_ends(name, SV(".log")) || name.n - 12 >= sizeof account)
			continue;
		sv_copy(sv_first(sv_skip(name, 8), name.n - 12), account,
		    sizeof account);
		put_stats(s, account, out);
	}
	if (d != NULL)
		(void)closedir(d);
}

static void
stats(struct client *c, uint32_t id, const char *account)
{
	struct junk_service *s = c->ipc.arg;
	struct buf out;

	if (!load_server(s)) {
		tell_text(c, id, RC_TEMP, "what was learned cannot be read");
		return;
	}
	buf_init(&out, 60000);
	buf_addf(&out, "\t%u\t%u\t\n",
	    junk_model_lessons(s->server.model, true),
	    junk_model_lessons(s->server.model, false));
	if (account[0] != '\0')
		put_stats(s, account, &out);
	else
		put_all_stats(s, &out);
	tell(c, id, &(struct junk_told){.rc = RC_OK, .text = buf_sv(&out)});
	buf_fini(&out);
}

static void
forget(struct client *c, uint32_t id, const char *account)
{
	struct junk_service *s = c->ipc.arg;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->loaded[i]->account, account) == 0) {
			unload(s, i);
			break;
		}
	pupil_forget(account);
	mlog(LOG_INFO, "junk.forgotten", "account=%s", account);
	tell_text(c, id, RC_OK, "");
}

static void
order(struct client *c, struct msg *m)
{
	struct junk_service *s = c->ipc.arg;
	uint32_t id = m->id;
	char account[ACCOUNT_NAME_MAX];
	struct junk_order o;

	if (m->type != CMD_JUNK || junk_order_get(m, &o) != RC_OK) {
		tell_text(c, id, RC_SYNTAX, "not an order");
		return;
	}
	sv_copy(o.account, account, sizeof account);
	if (sv_chr(o.account, '/') < o.account.n)
		tell_text(c, id, RC_SYNTAX, "not an account");
	else if (o.kind == JUNK_ORDER_STATS)
		stats(c, id, account);
	else if (account[0] == '\0' || !take_lesson(s, o.features))
		tell_text(c, id, RC_SYNTAX, "not an order");
	else if (o.kind == JUNK_ORDER_FORGET)
		forget(c, id, account);
	else
		teach(c, id, account, o.teaching);
	junk_order_fini(&o);
}

/* ---- clients ---- */

static void
on_account(struct client *c, struct msg *m)
{
	struct junk_service *s = c->ipc.arg;
	struct junk_ask question;
	struct junk_teach lesson;
	uint32_t id = m->id;
	bool fine = false;

	if (m->type == JUNK_ASK && junk_ask_get(m, &question) == RC_OK) {
		fine = take_features(&s->features, question.features);
		junk_ask_fini(&question);
		if (fine)
			ask(c, id);
	} else if (m->type == JUNK_TEACH &&
		   junk_teach_get(m, &lesson) == RC_OK) {
		fine = take_lesson(s, lesson.features);
		if (fine)
			teach(c, id, c->account, lesson.teaching);
		junk_teach_fini(&lesson);
	} else if (m->type == JUNK_MINE) {
		fine = true;
		stats(c, id, c->account);
	}
	if (!fine) {
		mlog(LOG_ERROR, "junk.forbidden", "account=%s type=%u",
		    c->account, m->type);
		line_accuse(c->ipc.line);
		ipc_client_cut(&c->ipc);
	}
}

static void
on_client_msg(struct ipc_client *ipc, struct msg *m)
{
	struct client *c = (struct client *)ipc;

	if (c->command)
		order(c, m);
	else
		on_account(c, m);
}

static const struct ipc_server_ops client_ops = {
    .client_size = sizeof(struct client),
    .msg = on_client_msg,
};

void
junk_service_add_account(struct junk_service *s, int fd, const char *account)
{
	struct client *c = (struct client *)ipc_server_add(s->clients, fd);

	sv_copy(sv_first(sv_str(account), sizeof c->account - 1), c->account,
	    sizeof c->account);
}

void
junk_service_add_command(struct junk_service *s, int fd)
{
	struct client *c = (struct client *)ipc_server_add(s->clients, fd);

	c->command = true;
}

/* ---- life ---- */

void
junk_service_set_share(struct junk_service *s, bool share)
{
	s->share = share;
}

void
junk_service_status(struct junk_service *s, struct buf *out)
{
	buf_addf(out, "asked %llu, lessons %llu since the start\n",
	    (unsigned long long)s->asked, (unsigned long long)s->taught);
}

struct junk_service *
junk_service_new(struct ev_loop *loop)
{
	struct junk_service *s = xcalloc(1, sizeof *s);

	s->loop = loop;
	s->share = true;
	s->lessons = 1;
	s->server.log = -1;
	s->clients = ipc_server_new(loop, &client_ops, s);
	return s;
}

void
junk_service_free(struct junk_service **sp)
{
	struct junk_service *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	ev_timer_del(&s->tick);
	ipc_server_free(&s->clients);
	while (s->n > 0)
		unload(s, s->n - 1);
	pupil_server_close(&s->server);
	free(s);
}
