#include "history/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/believed.h"
#include "history/feedback.h"
#include "history/record.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "ipc/server.h"

#define COMMIT_MS    1000
#define COMMIT_STEPS 2000
#define PRUNE_MS     (10 * 60 * 1000)
#define PRUNE_SOON   20
#define PRUNE_STEPS  5000 /* more of them than since the last time */
#define RETRY_MS     30000
#define LOST_MS	     60000
#define FIND_MS	     250
#define PAGE_ROOM    30000
#define MINE_SHARE   4 /* an account may have one of so many parts */
#define MINE_LATE_MS 1000

struct client {
	struct ipc_client ipc;
	bool command, reader;
	enum history_writer writer;
	char account[64];
	int64_t mine_until; /* clk_mono: what it asked has been paid for */
};

struct history_service {
	struct ev_loop *loop;
	struct history_db_opts o;
	struct history_db *db;		 /* NULL: it cannot be opened now */
	struct history_reports *reports; /* NULL: not needed yet */
	char trouble[ERR_TEXT_MAX];
	struct ipc_server *clients;
	struct ev_timer *commit, *prune, *retry;
	struct believed clock;
	unsigned uncommitted, unpruned;
	uint64_t lost;	   /* steps that the log has not said yet */
	int64_t lost_said; /* clk_mono: not again before that */
	history_owner_fn *owner;
	void *owner_arg;
};

#define KIND(k) (1u << (k))
#define AT_THE_DOOR                                       \
	(KIND(HISTORY_ACCEPTED) | KIND(HISTORY_REFUSED) | \
	    KIND(HISTORY_DEFERRED) | KIND(HISTORY_REMARK))

static const unsigned allowed[HISTORY_WRITERS] = {
    [HISTORY_W_SMTP] = AT_THE_DOOR,
    [HISTORY_W_SUBMISSION] = AT_THE_DOOR,
    [HISTORY_W_ACCOUNT] =
	KIND(HISTORY_STORED) | KIND(HISTORY_UNSTORED) | KIND(HISTORY_REMARK),
    [HISTORY_W_QUEUE] =
	KIND(HISTORY_QUEUED) | KIND(HISTORY_TRIED) | KIND(HISTORY_SENT) |
	KIND(HISTORY_HANDED) | KIND(HISTORY_RETURNED) | KIND(HISTORY_DELAYED) |
	KIND(HISTORY_HELD) | KIND(HISTORY_RELEASED) | KIND(HISTORY_REMOVED) |
	KIND(HISTORY_RETRIED) | KIND(HISTORY_REMARK),
    [HISTORY_W_MX] = KIND(HISTORY_HOST) | KIND(HISTORY_REMARK),
};

/* ---- the database ---- */

static void on_retry(void *arg);

static void
say_trouble(struct history_service *s, const char *text)
{
	if (s->trouble[0] == '\0')
		mlog(LOG_ERROR, "history.write",
		    "text=\"%s; what happens to mail is not recorded now, the "
		    "mail goes on\"",
		    text);
	(void)snprintf(s->trouble, sizeof s->trouble, "%s", text);
}

static void
say_well(struct history_service *s)
{
	if (s->trouble[0] != '\0')
		mlog(LOG_INFO, "history.well",
		    "text=\"the history can be written again\"");
	s->trouble[0] = '\0';
}

static void
open_db(struct history_service *s)
{
	struct err err = {.text = ""};

	if (history_db_open(&s->o, &s->db, &err) == RC_OK) {
		if (s->clock.time == 0)
			s->clock = (struct believed){
			    .time = history_db_time(s->db), .mono = clk_mono()};
		say_well(s);
		return;
	}
	s->db = NULL;
	say_trouble(s, err.text);
	if (s->retry == NULL)
		s->retry = ev_timer_add(s->loop, RETRY_MS, on_retry, s);
}

static void
on_retry(void *arg)
{
	struct history_service *s = arg;

	s->retry = NULL;
	open_db(s);
}

/* What became of something that was written. */
static void
look_at(struct history_service *s, int r)
{
	if (r == RC_OK) {
		say_well(s);
	} else if (r == RC_DAMAGED) {
		history_db_close(&s->db);
		history_db_set_aside();
		open_db(s);
	} else {
		say_trouble(s, r == RC_NOSPACE
				   ? "the disk is full"
				   : "the history's file cannot be written");
	}
}

static void
commit(struct history_service *s)
{
	s->uncommitted = 0;
	if (s->db != NULL && history_db_pending(s->db))
		look_at(s, history_db_commit(s->db));
}

static void
on_commit(void *arg)
{
	struct history_service *s = arg;

	s->commit = NULL;
	commit(s);
}

static void
on_prune(void *arg)
{
	struct history_service *s = arg;
	int64_t now = believed_look(&s->clock, clk_now(), clk_mono());
	bool more = false;

	s->prune = NULL;
	s->unpruned = 0;
	if (s->reports != NULL &&
	    history_reports_prune(s->reports, now / 1000) != RC_OK)
		mlog(LOG_WARN, "reports.prune",
		    "text=\"old reports cannot be removed now\"");
	if (s->db != NULL)
		look_at(s, history_db_prune(s->db, now, &more));
	s->prune =
	    ev_timer_add(s->loop, more ? PRUNE_SOON : PRUNE_MS, on_prune, s);
}

static void
prune_soon(struct history_service *s)
{
	ev_timer_del(&s->prune);
	s->prune = ev_timer_add(s->loop, PRUNE_SOON, on_prune, s);
}

/* Something was written: it gets to the disk soon. */
static void
written(struct history_service *s, unsigned steps)
{
	s->uncommitted += steps;
	s->unpruned += steps;
	if (s->uncommitted >= COMMIT_STEPS)
		commit(s);
	else if (s->commit == NULL)
		s->commit = ev_timer_add(s->loop, COMMIT_MS, on_commit, s);
	if (s->unpruned >= PRUNE_STEPS)
		prune_soon(s);
}

/* ---- what comes in ---- */

/* May it write that?  An account speaks for itself only. */
static bool
is_allowed(const struct client *c, const struct history_step *step)
{
	return (allowed[c->writer] & KIND(step->kind)) != 0 &&
	       (c->writer != HISTORY_W_ACCOUNT ||
		   sv_eq(step->account, sv_str(c->account)));
}

/* The next one of what came; *kept: it is in the database. */
static int
take_step(struct client *c, struct buf *record, struct sv *rest, bool *kept)
{
	struct history_service *s = c->ipc.arg;
	struct history_step step;
	const char *begin;
	int r;

	if (rest->n < sizeof step.id)
		return RC_SYNTAX;
	memcpy(step.id, rest->p, sizeof step.id);
	*rest = sv_skip(*rest, sizeof step.id);
	begin = rest->p;
	if (!history_record_get(rest, &step))
		return RC_SYNTAX;
	if (!is_allowed(c, &step))
		return RC_DENIED;
	if (s->db == NULL)
		return RC_OK;
	buf_reset(record);
	buf_add(record, begin, (size_t)(rest->p - begin));
	record->p[HISTORY_RECORD_WRITER] = (char)c->writer;
	r = history_db_add(s->db, &step, buf_sv(record));
	*kept = r == RC_OK;
	if (r != RC_OK)
		look_at(s, r);
	return RC_OK;
}

/* Once a minute, and not as long as the log has said why. */
static void
say_lost(struct history_service *s, uint32_t n)
{
	const int64_t now = clk_mono();

	s->lost += n;
	if (s->lost == 0 || s->trouble[0] != '\0' || now < s->lost_said)
		return;
	mlog(LOG_WARN, "history.lost",
	    "steps=%llu text=\"the history was away or too slow: what became "
	    "of some messages is not recorded\"",
	    (unsigned long long)s->lost);
	s->lost = 0;
	s->lost_said = now + LOST_MS;
}

static int
take_notes(struct client *c, const struct history_notes *notes)
{
	struct history_service *s = c->ipc.arg;
	struct sv rest = notes->steps;
	uint32_t i, lost = notes->lost;
	struct buf record;
	int r = RC_OK;

	buf_init(&record, MSG_MAX);
	for (i = 0; r == RC_OK && i < notes->n; i++) {
		bool kept = false;

		r = take_step(c, &record, &rest, &kept);
		lost += r == RC_OK && !kept;
	}
	buf_fini(&record);
	if (r != RC_OK)
		return r;
	say_lost(s, lost);
	if (s->db == NULL)
		return RC_OK;
	history_db_count(s->db, HISTORY_COUNT_LOST, lost);
	for (i = 0; i < notes->ncount; i++)
		history_db_count(s->db, i, notes->count[i]);
	written(s, notes->n);
	return rest.n == 0 ? RC_OK : RC_SYNTAX;
}

static void
on_notes(struct client *c, struct msg *m)
{
	struct history_notes notes;
	struct msg reply;
	int r = history_notes_get(m, &notes);

	if (r == RC_OK) {
		r = take_notes(c, &notes);
		history_notes_fini(&notes);
	}
	if (r != RC_OK) {
		mlog(LOG_ERROR, "history.forbidden", "writer=%d", c->writer);
		line_accuse(c->ipc.line);
	}
	msg_answer_make(&reply, m->id, r, "");
	ipc_client_answer(&c->ipc, m->id, &reply);
}

/* ---- reports ---- */

/* There is a file of them as soon as there is one. */
static void
open_reports(struct history_service *s)
{
	struct err err = {.text = ""};

	if (s->reports == NULL &&
	    history_reports_open(&s->reports, &err) != RC_OK)
		mlog(LOG_ERROR, "reports.open", "text=\"%s\"", err.text);
}

static int
keep_report(struct history_service *s, const struct report_record *r)
{
	int rc = RC_TEMP;

	open_reports(s);
	if (s->reports != NULL)
		rc = history_reports_add(s->reports, r);
	if (rc == RC_DAMAGED) {
		/* It is set aside when it is opened. */
		history_reports_close(&s->reports);
		rc = RC_TEMP;
	}
	return rc;
}

static void
on_report(struct client *c, struct msg *m)
{
	struct history_service *s = c->ipc.arg;
	struct report_record r;
	struct msg reply;
	uint32_t id = m->id;
	int rc;

	if (m->type != REPORT_KEEP || report_record_get(m, &r) != RC_OK) {
		line_accuse(c->ipc.line);
		return;
	}
	rc = keep_report(s, &r);
	report_record_fini(&r);
	msg_answer_make(&reply, id, rc, "");
	ipc_client_answer(&c->ipc, id, &reply);
}

/* ---- questions ---- */

int
history_answer_find(struct history_db *db, struct msg *m, struct msg *reply)
{
	uint64_t story[HISTORY_FOUND_MAX];
	struct history_found found = {.story = story};
	struct trace_found answer = {.rc = RC_OK};
	struct trace_find asked;
	int r = trace_find_get(m, &asked);

	if (r == RC_OK) {
		r = db != NULL ? history_db_find(db, &asked, FIND_MS, &found)
			       : RC_TEMP;
		trace_find_fini(&asked);
	}
	answer.rc = r;
	if (r != RC_OK)
		answer.text = SV("the history cannot be read now");
	answer.more = r == RC_OK && found.more;
	answer.before = found.before;
	answer.story = story;
	answer.nstory = r == RC_OK ? found.n : 0;
	msg_init(reply, MSG_REPLY);
	trace_found_put(reply, &answer);
	return r;
}

int
history_answer_read(struct history_db *db, struct msg *m, struct msg *reply)
{
	struct trace_steps answer = {.rc = RC_OK};
	struct history_page page = {.room = PAGE_ROOM};
	struct trace_read asked;
	struct buf steps;
	int r = trace_read_get(m, &asked);

	buf_init(&steps, MSG_MAX);
	page.out = &steps;
	if (r == RC_OK) {
		r = db != NULL
			? history_db_read(db, asked.story, asked.from, &page)
			: RC_TEMP;
		trace_read_fini(&asked);
	}
	answer.rc = r;
	if (r != RC_OK)
		answer.text = SV("the history cannot be read now");
	answer.more = page.more;
	answer.next = page.next;
	memcpy(answer.id, page.id, sizeof answer.id);
	if (r == RC_OK)
		answer.steps = buf_sv(&steps);
	msg_init(reply, MSG_REPLY);
	trace_steps_put(reply, &answer);
	buf_fini(&steps);
	return r;
}

static void
answer_days(struct history_service *s, struct msg *reply)
{
	struct history_days days = {.n = 0};

	/* What is counted is written once a second. */
	if (s->db != NULL)
		history_db_days(s->db, &days);
	msg_init(reply, MSG_REPLY);
	history_days_put(reply, &days);
	free(days.row);
}

static void
on_question(struct client *c, struct msg *m)
{
	struct history_service *s = c->ipc.arg;
	struct msg reply;
	int r = RC_OK;

	if (m->type == CMD_TRACE_FIND)
		r = history_answer_find(s->db, m, &reply);
	else if (m->type == CMD_TRACE_READ)
		r = history_answer_read(s->db, m, &reply);
	else if (m->type == CMD_REPORTS) {
		open_reports(s);
		history_reports_answer(s->reports, m, &reply);
	} else if (m->type == CMD_DAYS) {
		answer_days(s, &reply);
	} else
		msg_answer_make(
		    &reply, m->id, RC_SYNTAX, "the history does not know that");
	ipc_client_answer(&c->ipc, m->id, &reply);
	if (r == RC_DAMAGED)
		look_at(s, r);
}

/* An account about its own mail; others have none.  While it searches, nothing
 * is recorded: it gets a share of the time. */
static void
on_mine(struct client *c, struct msg *m)
{
	struct history_service *s = c->ipc.arg;
	struct history_owner o = {.account = sv_str(c->account)};
	const int64_t begin = clk_mono();
	const bool late = c->mine_until - begin > MINE_LATE_MS;
	uint32_t id = m->id;
	struct msg reply;
	int r;

	if (c->writer != HISTORY_W_ACCOUNT) {
		mlog(LOG_ERROR, "history.forbidden", "writer=%d", c->writer);
		line_accuse(c->ipc.line);
		return;
	}
	if (s->owner != NULL)
		s->owner(s->owner_arg, c->account, &o);
	r = history_mine_find(late ? NULL : s->db, &o, m, &reply);
	if (c->mine_until < begin)
		c->mine_until = begin;
	c->mine_until += MINE_SHARE * (clk_mono() - begin);
	ipc_client_answer(&c->ipc, id, &reply);
	if (r == RC_DAMAGED)
		look_at(s, r);
}

/* What we have seen of others' domains, and what is due of it. */
static int
take_feedback(struct client *c, struct msg *m, bool *reply_is_due)
{
	struct history_service *s = c->ipc.arg;
	struct feedback_seen seen;
	struct feedback_wanted wanted;
	struct feedback_done done;
	struct feedback_rest rest;
	struct history_sample sample;
	bool smtp = c->writer == HISTORY_W_SMTP;
	bool queue = c->writer == HISTORY_W_QUEUE;
	int r = RC_DENIED, kept = RC_TEMP;

	open_reports(s);
	if (smtp && m->type == FEEDBACK_SEEN) {
		r = feedback_seen_get(m, &seen);
		if (r == RC_OK && s->reports != NULL)
			kept = history_feedback_seen(s->reports, &seen);
		if (r == RC_OK)
			feedback_seen_fini(&seen);
	} else if (smtp && m->type == FEEDBACK_WANTED) {
		r = feedback_wanted_get(m, &wanted);
		if (r == RC_OK && s->reports != NULL)
			kept = history_feedback_wanted(s->reports, &wanted);
	} else if (queue && m->type == FEEDBACK_DONE) {
		r = feedback_done_get(m, &done);
		if (r == RC_OK && s->reports != NULL)
			kept = history_feedback_done(s->reports, &done);
	} else if (queue && m->type == FEEDBACK_REST) {
		r = feedback_rest_get(m, &rest);
		if (r == RC_OK && s->reports != NULL)
			kept = history_feedback_rest(s->reports, &rest);
	} else if (queue && m->type == HISTORY_SAMPLE) {
		r = history_sample_get(m, &sample);
		if (r == RC_OK && s->db != NULL &&
		    history_db_sample(s->db, &sample) == RC_OK)
			written(s, 0);
	} else if (queue && m->type == FEEDBACK_NEXT) {
		*reply_is_due = true;
		return RC_OK;
	}
	if (kept == RC_DAMAGED)
		history_reports_close(&s->reports);
	return r;
}

static void
on_feedback(struct client *c, struct msg *m)
{
	struct history_service *s = c->ipc.arg;
	bool due = false;
	struct msg reply;
	uint32_t id = m->id;

	if (take_feedback(c, m, &due) != RC_OK) {
		mlog(LOG_ERROR, "history.forbidden", "writer=%d", c->writer);
		line_accuse(c->ipc.line);
	} else if (due) {
		history_feedback_next(s->reports, clk_now() / 1000, &reply);
		ipc_client_answer(&c->ipc, id, &reply);
	}
}

static void
on_client_msg(struct ipc_client *ipc, struct msg *m)
{
	struct client *c = (struct client *)ipc;

	if (c->command)
		on_question(c, m);
	else if (c->reader)
		on_report(c, m);
	else if (m->type == HISTORY_NOTES)
		on_notes(c, m);
	else if (m->type == TRACE_MINE)
		on_mine(c, m);
	else
		on_feedback(c, m);
}

static const struct ipc_server_ops client_ops = {
    .client_size = sizeof(struct client),
    .msg = on_client_msg,
};

/* ---- status ---- */

const char *const history_count_name[HISTORY_COUNTS] = {
    [HISTORY_C_RECEIVED] = "received",
    [HISTORY_C_SUBMITTED] = "submitted",
    [HISTORY_C_STORED] = "stored",
    [HISTORY_C_JUNK] = "junk",
    [HISTORY_C_SENT] = "sent",
    [HISTORY_C_RETURNED] = "returned",
    [HISTORY_C_DEFERRED] = "put off",
    [HISTORY_C_UNKNOWN] = "unknown address",
    [HISTORY_C_RELAY] = "relaying",
    [HISTORY_C_POLICY] = "policy",
    [HISTORY_C_SIZE] = "too large",
    [HISTORY_C_FORM] = "malformed",
    [HISTORY_C_RATE] = "too many",
    [HISTORY_C_FULL] = "no room",
    [HISTORY_C_OTHER] = "other reasons",
};

/* " (unknown address 2, policy 1)": why the refused ones were. */
static void
add_reasons(const uint64_t n[HISTORY_COUNTS], struct buf *out)
{
	const char *before = " (";
	uint32_t i;

	for (i = HISTORY_C_UNKNOWN; i < HISTORY_COUNTS; i++) {
		if (n[i] == 0)
			continue;
		buf_addf(out, "%s%s %llu", before, history_count_name[i],
		    (unsigned long long)n[i]);
		before = ", ";
	}
	buf_addc(out, ')');
}

/* The everyday ones always, the others if there are any. */
static void
status_line(
    struct history_db *db, const char *name, unsigned days, struct buf *out)
{
	uint64_t n[HISTORY_COUNTS], lost = history_db_lost(db, days);
	uint64_t refused = 0;
	uint32_t i;

	history_db_counts(db, days, n);
	buf_addf(out, "%s: ", name);
	for (i = 0; i < HISTORY_C_DEFERRED; i++)
		buf_addf(out, "%s%s %llu", i > 0 ? ", " : "",
		    history_count_name[i], (unsigned long long)n[i]);
	for (i = HISTORY_C_UNKNOWN; i < HISTORY_COUNTS; i++)
		refused += n[i];
	if (n[HISTORY_C_DEFERRED] > 0)
		buf_addf(out, ", %s %llu",
		    history_count_name[HISTORY_C_DEFERRED],
		    (unsigned long long)n[HISTORY_C_DEFERRED]);
	if (lost > 0)
		buf_addf(out, ", not recorded %llu", (unsigned long long)lost);
	buf_addf(out, ", refused %llu", (unsigned long long)refused);
	if (refused > 0)
		add_reasons(n, out);
	buf_addc(out, '\n');
}

void
history_service_status(struct history_service *s, struct buf *out)
{
	if (s->trouble[0] != '\0')
		buf_addf(out, "%s%s\n", HISTORY_STATUS_DOWN, s->trouble);
	if (s->db == NULL)
		return;
	status_line(s->db, "today", 1, out);
	status_line(s->db, "7 days", 7, out);
	status_line(s->db, "14 days", 14, out);
}

/* ---- life ---- */

static struct client *
add_client(struct history_service *s, int fd)
{
	return (struct client *)ipc_server_add(s->clients, fd);
}

void
history_service_add_writer(struct history_service *s, int fd,
    enum history_writer who, const char *account)
{
	struct client *c = add_client(s, fd);

	c->writer = who;
	(void)strncat(c->account, account, sizeof c->account - 1);
}

void
history_service_add_reader(struct history_service *s, int fd)
{
	add_client(s, fd)->reader = true;
}

void
history_service_add_command(struct history_service *s, int fd)
{
	add_client(s, fd)->command = true;
}

void
history_service_set_owner(
    struct history_service *s, history_owner_fn *fn, void *arg)
{
	s->owner = fn;
	s->owner_arg = arg;
}

void
history_service_count(
    const struct history_service *s, uint64_t out[HISTORY_COUNTS])
{
	if (s->db != NULL)
		history_db_ever(s->db, out);
}

unsigned
history_service_writers(const struct history_service *s)
{
	const struct ipc_client *c;
	unsigned n = 0;

	for (c = ipc_server_clients(s->clients); c != NULL; c = c->next)
		n += c->line != NULL && !((const struct client *)c)->command;
	return n;
}

struct history_service *
history_service_new(struct ev_loop *loop, const struct history_db_opts *o)
{
	struct history_service *s = xcalloc(1, sizeof *s);

	s->loop = loop;
	s->o = *o;
	s->clients = ipc_server_new(loop, &client_ops, s);
	open_db(s);
	prune_soon(s);
	return s;
}

void
history_service_set_opts(
    struct history_service *s, const struct history_db_opts *o)
{
	s->o = *o;
	if (s->db != NULL)
		history_db_set_opts(s->db, o);
	prune_soon(s);
}

void
history_service_free(struct history_service **sp)
{
	struct history_service *s = *sp;

	if (s == NULL)
		return;
	ev_timer_del(&s->commit);
	ev_timer_del(&s->prune);
	ev_timer_del(&s->retry);
	ipc_server_free(&s->clients);
	history_reports_close(&s->reports);
	history_db_close(&s->db);
	free(s);
	*sp = NULL;
}
