#include "smtp/judge.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "msgauth/authres.h"

/* An answer of the DNS that has come and was not looked at. */
struct arrived {
	uint32_t id;
	struct dns_answer answer;
	struct arrived *next;
};

/*
 * Where answers come in, from the loop's thread.  It lives until the session
 * and the last question have let it go: a slow name server answers when the
 * message is long gone.
 */
struct inbox {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned refs;
	struct arrived *arrived;
};

struct asked {
	struct inbox *inbox;
	uint32_t id;
};

struct smtp_judge {
	const struct smtp_ops *ops;
	void *ctx;
	struct check *check; /* NULL: not judged */
	struct inbox *inbox;
	int64_t ms;
	int64_t until; /* clk_mono; from the message's last byte on */
	bool ended;
	const char *hostname;

	struct buf header; /* and the first bytes of the body */
	size_t seen;	   /* how far it has been looked at */
	bool over;
	size_t body; /* where the body begins in it */
	struct buf kept;
};

static struct inbox *
inbox_new(void)
{
	struct inbox *b = xcalloc(1, sizeof *b);
	pthread_condattr_t attr;

	must(pthread_mutex_init(&b->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&b->change, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	b->refs = 1;
	return b;
}

static void
inbox_leave(struct inbox *b)
{
	struct arrived *a;
	bool last;

	pthread_mutex_lock(&b->lock);
	last = --b->refs == 0;
	pthread_mutex_unlock(&b->lock);
	if (!last)
		return;
	while ((a = b->arrived) != NULL) {
		b->arrived = a->next;
		dns_answer_fini(&a->answer);
		free(a);
	}
	(void)pthread_cond_destroy(&b->change);
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
}

struct smtp_judge *
smtp_judge_new(const struct smtp_ops *ops, void *ctx,
    const struct check_envelope *e, const char *hostname, int64_t ms)
{
	struct smtp_judge *j = xcalloc(1, sizeof *j);

	j->ops = ops;
	j->ctx = ctx;
	j->hostname = hostname;
	j->ms = ms;
	buf_init(&j->header, SMTP_JUDGE_HEADER_MAX);
	buf_init(&j->kept, SMTP_JUDGE_HEADER_MAX);
	if (e != NULL && ops->ask != NULL) {
		j->check = check_new(e);
		j->inbox = inbox_new();
	}
	return j;
}

void
smtp_judge_free(struct smtp_judge **jp)
{
	struct smtp_judge *j = *jp;

	if (j == NULL)
		return;
	check_free(&j->check);
	if (j->inbox != NULL)
		inbox_leave(j->inbox);
	buf_fini(&j->kept);
	buf_fini(&j->header);
	free(j);
	*jp = NULL;
}

/* ---- names ---- */

/* In the loop's thread. */
static void
on_answer(struct dns_answer *answer, void *arg)
{
	struct asked *q = arg;
	struct arrived *a = xcalloc(1, sizeof *a);

	a->id = q->id;
	a->answer = *answer;
	dns_answer_init(answer);
	pthread_mutex_lock(&q->inbox->lock);
	a->next = q->inbox->arrived;
	q->inbox->arrived = a;
	pthread_cond_signal(&q->inbox->change);
	pthread_mutex_unlock(&q->inbox->lock);
	inbox_leave(q->inbox);
	free(q);
}

static void
ask(struct smtp_judge *j, const struct lookup_question *q)
{
	struct asked *a = xcalloc(1, sizeof *a);
	struct dns_answer no;
	int r;

	*a = (struct asked){j->inbox, q->id};
	pthread_mutex_lock(&j->inbox->lock);
	j->inbox->refs++;
	pthread_mutex_unlock(&j->inbox->lock);
	r = j->ops->ask(j->ctx, q->name, q->type, j->ms, on_answer, a);
	if (r == RC_OK)
		return;
	inbox_leave(j->inbox);
	free(a);
	dns_answer_init(&no);
	no.rc = r;
	lookup_answer(check_lookup(j->check), q->id, &no);
	dns_answer_fini(&no);
}

/* Evaluates as far as that goes without waiting, and asks for the rest. */
static int
go_on(struct smtp_judge *j)
{
	struct lookup *l = check_lookup(j->check);
	struct lookup_question q;
	int r = RC_MORE;
	bool asked = true;

	while (r == RC_MORE && asked) {
		r = check_evaluate(j->check);
		for (asked = false; lookup_open(l, &q); asked = true)
			ask(j, &q);
		/* What was refused at once has its answer already. */
		asked = asked && lookup_waiting(l) == 0;
	}
	return r;
}

/* Hands in what has come; false: nothing has, and time is up. */
static bool
take_answers(struct smtp_judge *j)
{
	struct lookup *l = check_lookup(j->check);
	struct timespec until = {j->until / 1000, j->until % 1000 * 1000000};
	struct inbox *b = j->inbox;
	struct arrived *a, *next;
	int e = 0;

	pthread_mutex_lock(&b->lock);
	while (b->arrived == NULL && e == 0)
		e = pthread_cond_timedwait(&b->change, &b->lock, &until);
	a = b->arrived;
	b->arrived = NULL;
	pthread_mutex_unlock(&b->lock);
	if (a == NULL)
		return false;
	for (; a != NULL; a = next) {
		next = a->next;
		lookup_answer(l, a->id, &a->answer);
		dns_answer_fini(&a->answer);
		free(a);
	}
	return true;
}

/* ---- the message ---- */

/* The header ends with the first empty line, whatever is in it: what a mail
 * program takes for a field must not be behind that end. */
static void
find_end(struct smtp_judge *j)
{
	struct sv all = buf_sv(&j->header);
	size_t from = j->seen > 3 ? j->seen - 3 : 0, n;

	if (sv_starts(all, SV("\r\n"))) {
		j->over = true;
		j->body = 2;
		return;
	}
	n = sv_find(sv_skip(all, from), SV("\r\n\r\n"));
	j->over = from + n < all.n;
	j->body = from + n + 4;
	j->seen = all.n;
}

static void
header_is_over(struct smtp_judge *j)
{
	const char *ids[] = {j->hostname};
	struct sv header = sv_first(buf_sv(&j->header), j->body);
	struct sv body = sv_skip(buf_sv(&j->header), j->body);

	(void)authres_strip(header, ids, 1, &j->kept);
	buf_addsv(&j->kept, body);
	if (j->check != NULL) {
		check_header(j->check, header);
		check_body(j->check, body);
		(void)go_on(j);
	}
}

bool
smtp_judge_header(
    struct smtp_judge *j, struct sv bytes, struct sv *rest, bool *too_big)
{
	struct sv head = sv_first(bytes, j->header.max - j->header.n);

	if (j->check != NULL && j->header.n == 0)
		(void)go_on(j);
	buf_addsv(&j->header, head);
	*rest = sv_skip(bytes, head.n);
	find_end(j);
	*too_big = !j->over && rest->n > 0;
	if (j->over)
		header_is_over(j);
	return j->over || *too_big;
}

void
smtp_judge_header_end(struct smtp_judge *j)
{
	if (j->over)
		return;
	j->over = true;
	j->body = j->header.n;
	header_is_over(j);
}

bool
smtp_judge_header_over(const struct smtp_judge *j)
{
	return j->over;
}

struct sv
smtp_judge_kept(const struct smtp_judge *j)
{
	return buf_sv(&j->kept);
}

void
smtp_judge_body(struct smtp_judge *j, struct sv bytes)
{
	if (j->check != NULL)
		check_body(j->check, bytes);
}

void
smtp_judge_end(struct smtp_judge *j)
{
	int r;

	if (j->check == NULL)
		return;
	j->until = clk_mono() + j->ms;
	if (check_end(j->check) != RC_OK) {
		mlog(LOG_ERROR, "smtp.judge", "text=\"OpenSSL has failed\"");
		check_free(&j->check);
		return;
	}
	while ((r = go_on(j)) == RC_MORE)
		if (!take_answers(j))
			lookup_expire(check_lookup(j->check));
	must(r == RC_OK);
	j->ended = true;
}

/* ---- what comes of it ---- */

static void
say_dmarc(const struct check_result *r, struct smtp_judge_why *why)
{
	const struct dmarc_outcome *d = &r->dmarc;

	why->code = "5.7.26";
	(void)snprintf(why->text, sizeof why->text,
	    "the owner of %.100s asks with DMARC (p=reject at _dmarc.%.100s) "
	    "to refuse mail in its name\nthat neither SPF nor DKIM confirms: "
	    "SPF %s, DKIM %s, both for that domain",
	    d->domain, d->policy_domain,
	    r->mailfrom.result == AUTH_PASS
		? "passed for another domain"
		: auth_result_name(r->mailfrom.result),
	    r->dkim_found == 0 ? "signature missing" : "not valid");
}

/* A sealer that the owner trusts has seen it pass before it was changed. */
static bool
is_vouched_for(const struct smtp_judge *j)
{
	return j->ops->trusts != NULL &&
	       check_arc_vouches(j->check, j->ops->trusts, j->ctx);
}

enum smtp_judge_action
smtp_judge_action(const struct smtp_judge *j, enum smtp_inbound policy,
    struct smtp_judge_why *why)
{
	const struct check_result *r;

	*why = (struct smtp_judge_why){.code = "5.7.1"};
	if (!j->ended || policy == SMTP_INBOUND_NOTE)
		return SMTP_JUDGE_KEEP;
	r = check_result(j->check);
	if (r->dmarc.author == DMARC_AUTHOR_FIELDS ||
	    r->dmarc.author == DMARC_AUTHOR_DOMAINS) {
		(void)snprintf(why->text, sizeof why->text,
		    "%s: it cannot be told who has written it",
		    r->dmarc.author == DMARC_AUTHOR_FIELDS
			? "the message has several From fields"
			: "From names several domains");
		return SMTP_JUDGE_REFUSE;
	}
	if (r->dmarc.result == AUTH_TEMPERROR) {
		why->code = "4.4.3";
		(void)snprintf(why->text, sizeof why->text,
		    "the DNS of %.100s does not answer, so that nobody can "
		    "tell whether this is its mail; try again later",
		    r->dmarc.domain);
		return SMTP_JUDGE_DEFER;
	}
	if (r->dmarc.disposition == DMARC_P_NONE || is_vouched_for(j))
		return SMTP_JUDGE_KEEP;
	if (r->dmarc.disposition == DMARC_P_QUARANTINE ||
	    policy == SMTP_INBOUND_JUNK)
		return SMTP_JUDGE_JUNK;
	say_dmarc(r, why);
	return SMTP_JUDGE_REFUSE;
}

struct sv
smtp_judge_author(const struct smtp_judge *j)
{
	return sv_str(j->ended ? check_result(j->check)->dmarc.domain : "");
}

void
smtp_judge_field(const struct smtp_judge *j, struct buf *out)
{
	if (j->ended)
		check_authres(check_result(j->check), j->hostname, false, out);
}

void
smtp_judge_log(const struct smtp_judge *j, char out[SMTP_JUDGE_LOG_MAX])
{
	const struct check_result *r;
	const char *dkim = "none";
	size_t i;

	out[0] = '\0';
	if (!j->ended)
		return;
	r = check_result(j->check);
	for (i = 0; i < r->ndkim; i++)
		if (i == 0 || r->dkim[i].result == AUTH_PASS)
			dkim = auth_result_name(r->dkim[i].result);
	(void)snprintf(out, SMTP_JUDGE_LOG_MAX,
	    " author=%s dmarc=%s spf=%s dkim=%s arc=%s%s iprev=%s",
	    r->dmarc.domain[0] != '\0' ? r->dmarc.domain : "?",
	    auth_result_name(r->dmarc.result),
	    auth_result_name(r->mailfrom.result), dkim,
	    auth_result_name(r->arc.result),
	    is_vouched_for(j) ? "(trusted)" : "",
	    auth_result_name(r->iprev.result));
}
