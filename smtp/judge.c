#include "smtp/judge.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "msgauth/authres.h"

/*
 * Questions that are out: all messages share one line to the dns process, and
 * who names many domains whose servers are silent must not use it up.  What is
 * above a limit is not given up but asked later, within the message's time;
 * places are kept for the question that matters most, the author's policy.
 */
#define OUT_OF_MESSAGE 8
#define OUT_OF_NETWORK 30
#define OUT_OF_ALL     160
#define OUT_OF_AUTHORS 280 /* the dns process takes 300 */
#define NETWORKS       1024
#define LOOK_AGAIN_MS  50

static atomic_uint out_of_all, out_of_network[NETWORKS];

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
	unsigned out; /* questions */
	struct arrived *arrived;
};

struct asked {
	struct inbox *inbox;
	uint32_t id;
	unsigned network;
};

struct smtp_judge {
	const struct smtp_ops *ops;
	void *ctx;
	struct check *check; /* NULL: not judged */
	struct inbox *inbox;
	unsigned network; /* of the peer, in out_of_network */
	int64_t ms;
	int64_t received; /* ms since 1970 */
	int64_t until;	  /* clk_mono; from the message's last byte on */
	bool ended;
	bool failed; /* OpenSSL has */
	/* Of the lists that it has come through: is one known here? */
	enum {
		LISTS_UNASKED,
		LISTS_UNKNOWN,
		LISTS_KNOWN,
		LISTS_UNSURE /* the answer cannot be had now */
	} lists;
	const char *list;
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

static unsigned char network_secret[crypto_shorthash_KEYBYTES];
static pthread_once_t network_once = PTHREAD_ONCE_INIT;

static void
make_network_secret(void)
{
	randombytes_buf(network_secret, sizeof network_secret);
}

/* /24 of IPv4, /64 of IPv6; several may share a number, and nobody can choose
 * with whom. */
static unsigned
network_of(const struct in6_addr *a)
{
	uint64_t h;

	(void)pthread_once(&network_once, make_network_secret);
	(void)crypto_shorthash((unsigned char *)&h, a->s6_addr,
	    IN6_IS_ADDR_V4MAPPED(a) ? 15 : 8, network_secret);
	return (unsigned)(h % NETWORKS);
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
	j->received = clk_now();
	buf_init(&j->header, SMTP_JUDGE_HEADER_MAX);
	buf_init(&j->kept, SMTP_JUDGE_HEADER_MAX);
	if (e != NULL && ops->ask != NULL) {
		j->check = check_new(e);
		j->inbox = inbox_new();
		j->network = network_of(&e->peer);
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

static bool
may_ask(struct smtp_judge *j, bool author)
{
	unsigned all = atomic_load(&out_of_all);
	unsigned network = atomic_load(&out_of_network[j->network]);
	unsigned mine;

	pthread_mutex_lock(&j->inbox->lock);
	mine = j->inbox->out;
	pthread_mutex_unlock(&j->inbox->lock);
	if (author)
		return all < OUT_OF_AUTHORS && network < 2 * OUT_OF_NETWORK;
	return mine < OUT_OF_MESSAGE && all < OUT_OF_ALL &&
	       network < OUT_OF_NETWORK;
}

/* With the inbox's lock held. */
static void
count_out(struct inbox *b, unsigned network)
{
	b->out++;
	atomic_fetch_add(&out_of_all, 1);
	atomic_fetch_add(&out_of_network[network], 1);
}

static void
count_back(struct inbox *b, unsigned network)
{
	b->out--;
	atomic_fetch_sub(&out_of_all, 1);
	atomic_fetch_sub(&out_of_network[network], 1);
}

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
	count_back(q->inbox, q->network);
	a->next = q->inbox->arrived;
	q->inbox->arrived = a;
	pthread_cond_signal(&q->inbox->change);
	pthread_mutex_unlock(&q->inbox->lock);
	inbox_leave(q->inbox);
	free(q);
}

/* Macros of SPF make names that no host has. */
static bool
is_made(const struct lookup_question *q)
{
	return (q->part == LOOKUP_MAILFROM || q->part == LOOKUP_HELO) &&
	       q->type != DNS_PTR;
}

static void
ask(struct smtp_judge *j, const struct lookup_question *q)
{
	struct asked *a = xcalloc(1, sizeof *a);
	struct dns_answer no;
	int r;

	*a = (struct asked){j->inbox, q->id, j->network};
	pthread_mutex_lock(&j->inbox->lock);
	j->inbox->refs++;
	count_out(j->inbox, j->network);
	pthread_mutex_unlock(&j->inbox->lock);
	r = j->ops->ask(
	    j->ctx, q->name, is_made(q), q->type, j->ms, on_answer, a);
	if (r == RC_OK)
		return;
	pthread_mutex_lock(&j->inbox->lock);
	count_back(j->inbox, j->network);
	pthread_mutex_unlock(&j->inbox->lock);
	inbox_leave(j->inbox);
	free(a);
	dns_answer_init(&no);
	no.rc = r;
	lookup_answer(check_lookup(j->check), q->id, &no);
	dns_answer_fini(&no);
}

/* What somebody has asked for a moment ago costs nothing. */
static bool
recall(struct smtp_judge *j, const struct lookup_question *q)
{
	struct dns_answer a;

	if (j->ops->recall == NULL ||
	    !j->ops->recall(j->ctx, q->name, q->type, &a))
		return false;
	lookup_answer(check_lookup(j->check), q->id, &a);
	dns_answer_fini(&a);
	return true;
}

/* Evaluates as far as that goes without waiting, and asks for the rest. */
static int
go_on(struct smtp_judge *j)
{
	struct lookup *l = check_lookup(j->check);
	struct lookup_question q;
	int r = RC_MORE;
	bool author, again = true;

	while (r == RC_MORE && again) {
		bool asked = false;

		r = check_evaluate(j->check);
		again = false;
		while (lookup_next(l, &author) && may_ask(j, author) &&
		       lookup_open(l, &q)) {
			if (recall(j, &q)) {
				again = true;
				continue;
			}
			ask(j, &q);
			asked = true;
		}
		/* What was refused at once has its answer already. */
		again = again || (asked && lookup_waiting(l) == 0);
	}
	return r;
}

/* Hands in what has come; false: nothing has, and time is up.  A question that
 * waits for its turn is looked at again soon: others' answers free places. */
static bool
take_answers(struct smtp_judge *j)
{
	struct lookup *l = check_lookup(j->check);
	bool author, waits = lookup_next(l, &author);
	int64_t end = j->until, soon = clk_mono() + LOOK_AGAIN_MS;
	struct timespec until;
	struct inbox *b = j->inbox;
	struct arrived *a, *next;
	int e = 0;

	if (waits && soon < end)
		end = soon;
	until = (struct timespec){end / 1000, end % 1000 * 1000000};

	pthread_mutex_lock(&b->lock);
	while (b->arrived == NULL && e == 0)
		e = pthread_cond_timedwait(&b->change, &b->lock, &until);
	a = b->arrived;
	b->arrived = NULL;
	pthread_mutex_unlock(&b->lock);
	if (a == NULL)
		return clk_mono() < j->until;
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
	/* A slow body is not to keep it. */
	buf_release(&j->header);
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
smtp_judge_let_go(struct smtp_judge *j)
{
	buf_release(&j->kept);
}

void
smtp_judge_body(struct smtp_judge *j, struct sv bytes)
{
	if (j->check != NULL)
		check_body(j->check, bytes);
}

/* Only where it matters: the author's domain disowns it. */
static void
ask_for_lists(struct smtp_judge *j)
{
	const struct check_result *r = check_result(j->check);
	size_t i;

	if (r->dmarc.disposition == DMARC_P_NONE || j->ops->knows == NULL)
		return;
	j->lists = LISTS_UNKNOWN;
	for (i = 0; i < r->nlist && j->lists != LISTS_KNOWN; i++) {
		bool yes = false;

		j->list = r->list[i].address;
		if (j->ops->knows(j->ctx, j->list, &yes) != RC_OK)
			j->lists = LISTS_UNSURE;
		else if (yes)
			j->lists = LISTS_KNOWN;
	}
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
		j->failed = true;
		return;
	}
	while ((r = go_on(j)) == RC_MORE)
		if (!take_answers(j))
			lookup_expire(check_lookup(j->check));
	must(r == RC_OK);
	j->ended = true;
	ask_for_lists(j);
}

/* ---- what comes of it ---- */

static const char *
dkim_words(const struct check_result *r)
{
	size_t i;

	if (r->dkim_found == 0)
		return "no signature";
	for (i = 0; i < r->ndkim; i++)
		if (r->dkim[i].result == AUTH_PASS)
			return "passed for another domain";
	return r->ndkim > 0 && dkim_reason_text(r->dkim[0].reason) != NULL
		   ? dkim_reason_text(r->dkim[0].reason)
		   : "failed";
}

static void
say_dmarc(const struct check_result *r, struct smtp_judge_outcome *out)
{
	const struct dmarc_outcome *d = &r->dmarc;

	out->code = "5.7.26";
	(void)snprintf(out->text, sizeof out->text,
	    "mail from %.100s is refused: its DMARC policy (_dmarc.%.100s) "
	    "says reject,\nand neither SPF (%s) nor DKIM (%.60s) passed for "
	    "that domain;\nsend it through that domain's servers or sign it "
	    "with its DKIM key",
	    d->domain, d->policy_domain,
	    r->mailfrom.result == AUTH_PASS
		? "passed for another domain"
		: auth_result_name(r->mailfrom.result),
	    dkim_words(r));
}

static void
say_later(struct smtp_judge_outcome *out, const char *what, const char *domain)
{
	out->action = SMTP_JUDGE_DEFER;
	out->code = "4.4.3";
	(void)snprintf(out->text, sizeof out->text,
	    "cannot look up the %s of %.100s at the moment; try again later",
	    what, domain);
}

/* RC_OK: there is one author.  Else out says what is to be done. */
static int
judge_author(const struct check_result *r, struct smtp_judge_outcome *out)
{
	const char *what = NULL;

	switch (r->dmarc.author) {
	case DMARC_AUTHOR_FIELDS:
		what = "the message has several From fields";
		break;
	case DMARC_AUTHOR_DOMAINS:
		what = "From has several addresses, and not of one domain";
		break;
	case DMARC_AUTHOR_TOO_MANY:
		what = "the message has too many header fields";
		break;
	case DMARC_AUTHOR_UNCLEAR:
		out->action = SMTP_JUDGE_JUNK;
		return RC_SYNTAX;
	case DMARC_AUTHOR_NONE:
	case DMARC_AUTHOR_SYNTAX:
	case DMARC_AUTHOR_ONE:
		return RC_OK;
	}
	(void)snprintf(out->text, sizeof out->text,
	    "%s: exactly one From field is expected, with addresses of one "
	    "domain",
	    what);
	out->action = SMTP_JUDGE_REFUSE;
	return RC_SYNTAX;
}

struct trusting {
	const struct smtp_judge *j;
	struct sv domain;
};

static bool
trusts(void *arg, const char *sealer)
{
	const struct trusting *t = arg;

	return t->j->ops->trusts != NULL &&
	       t->j->ops->trusts(t->j->ctx, t->domain, sealer);
}

/* A sealer that the owner trusts has seen it pass before it was changed. */
static bool
is_vouched_for(const struct smtp_judge *j, struct sv domain)
{
	struct trusting t = {j, domain};

	return check_arc_vouches(j->check, trusts, &t);
}

/* One that may vouch, but whose key cannot be had now. */
static bool
may_be_vouched_for(const struct smtp_judge *j, struct sv domain)
{
	const struct arc_outcome *arc = &check_result(j->check)->arc;
	struct trusting t = {j, domain};

	return arc->result == AUTH_FAIL && arc->why == DKIM_R_DNS &&
	       arc->n > 0 && trusts(&t, arc->sealer[arc->n - 1]);
}

/* The list that it has come through and that the owner has named. */
static const char *
welcome_list(const struct smtp_judge *j, struct sv domain)
{
	const struct check_result *r = check_result(j->check);
	size_t i;

	for (i = 0; i < r->nlist && j->ops->welcomes != NULL; i++)
		if (j->ops->welcomes(j->ctx, domain, &r->list[i]))
			return r->list[i].address;
	return NULL;
}

/*
 * Whoever has been written to can call itself a list.  As one of us it is not
 * believed for that: only a list that the owner has named is.
 */
static bool
is_own_author(const struct smtp_judge *j)
{
	return j->ops->is_own != NULL &&
	       j->ops->is_own(j->ctx, smtp_judge_author(j));
}

/* Why the author's policy is not applied; out->override. */
static void
find_override(const struct smtp_judge *j, struct sv domain,
    struct smtp_judge_outcome *out)
{
	const struct check_result *r = check_result(j->check);
	const char *list = welcome_list(j, domain);

	if (list == NULL && j->lists == LISTS_KNOWN && !is_own_author(j))
		list = j->list;
	if (is_vouched_for(j, domain)) {
		out->override = VERDICT_ARC;
		out->other = r->arc.sealer[r->arc.n - 1];
	} else if (list != NULL) {
		out->override = VERDICT_LIST;
		out->other = list;
	}
}

static void
apply_policy(const struct smtp_judge *j, enum smtp_inbound policy,
    struct sv domain, struct smtp_judge_outcome *out)
{
	const struct check_result *r = check_result(j->check);

	find_override(j, domain, out);
	if (out->override != VERDICT_AS_ASKED)
		return;
	if (policy == SMTP_INBOUND_NOTE || policy == SMTP_INBOUND_OFF) {
		out->override = VERDICT_OWNER;
		return;
	}
	if (may_be_vouched_for(j, domain)) {
		say_later(out, "ARC key", r->arc.sealer[r->arc.n - 1]);
		return;
	}
	if (j->lists == LISTS_KNOWN) {
		out->action = SMTP_JUDGE_JUNK;
		out->override = VERDICT_LIST;
		out->other = j->list;
		return;
	}
	if (r->dmarc.disposition == DMARC_P_QUARANTINE) {
		out->action = SMTP_JUDGE_JUNK;
	} else if (policy == SMTP_INBOUND_JUNK) {
		out->action = SMTP_JUDGE_JUNK;
		out->override = VERDICT_OWNER;
	} else if (j->lists == LISTS_UNSURE) {
		out->action = SMTP_JUDGE_DEFER;
		out->code = "4.3.0";
		(void)snprintf(out->text, sizeof out->text,
		    "cannot find out at the moment whether this mailing list "
		    "is known here; try again later");
	} else {
		out->action = SMTP_JUDGE_REFUSE;
		say_dmarc(r, out);
	}
}

void
smtp_judge_action(const struct smtp_judge *j, enum smtp_inbound policy,
    struct sv domain, struct smtp_judge_outcome *out)
{
	bool milder = policy == SMTP_INBOUND_NOTE || policy == SMTP_INBOUND_OFF;
	const struct check_result *r;

	*out = (struct smtp_judge_outcome){
	    .action = SMTP_JUDGE_KEEP, .code = "5.7.1", .other = ""};
	/* What nothing depends on may fail. */
	if (j->failed && !milder) {
		out->action = SMTP_JUDGE_WAIT;
		out->code = "4.3.0";
		(void)snprintf(out->text, sizeof out->text,
		    "the message cannot be checked here now; try again later");
	}
	if (!j->ended)
		return;
	r = check_result(j->check);
	if (r->dmarc.disposition != DMARC_P_NONE) {
		apply_policy(j, policy, domain, out);
		return;
	}
	if (milder || judge_author(r, out) != RC_OK)
		return;
	if (r->dmarc.result == AUTH_TEMPERROR)
		say_later(out, "DMARC, SPF or DKIM records", r->dmarc.domain);
}

enum smtp_judge_action
smtp_judge_at_last(const struct smtp_judge *j)
{
	const struct dmarc_outcome *d = &check_result(j->check)->dmarc;

	return d->policy_domain[0] != '\0' && d->published != DMARC_P_NONE
		   ? SMTP_JUDGE_JUNK
		   : SMTP_JUDGE_KEEP;
}

enum onward
smtp_judge_onward(
    const struct smtp_judge *j, bool junk, enum verdict_override override)
{
	return onward_decide(j->ended ? check_result(j->check) : NULL, junk,
	    override == VERDICT_ARC || override == VERDICT_LIST);
}

bool
smtp_judge_sender_known(const struct smtp_judge *j)
{
	return j->ended && onward_sender_known(check_result(j->check));
}

struct sv
smtp_judge_author(const struct smtp_judge *j)
{
	return sv_str(j->ended ? check_result(j->check)->dmarc.domain : "");
}

const struct check_result *
smtp_judge_result(const struct smtp_judge *j)
{
	return j->ended ? check_result(j->check) : NULL;
}

static bool
is_within(struct sv domain, struct sv other)
{
	size_t n = other.n;

	return n > 0 && domain.n >= n &&
	       sv_ieq(sv_skip(domain, domain.n - n), other) &&
	       (domain.n == n || domain.p[domain.n - n - 1] == '.');
}

bool
smtp_judge_verified(const struct smtp_judge *j)
{
	const struct check_result *r;
	struct sv author = smtp_judge_author(j);
	size_t i;

	if (author.n == 0)
		return false;
	r = check_result(j->check);
	if (r->dmarc.result != AUTH_NONE)
		return r->dmarc.result == AUTH_PASS;
	if (r->mailfrom.result == AUTH_PASS && !r->null_sender &&
	    is_within(sv_str(r->mailfrom.domain), author))
		return true;
	for (i = 0; i < r->ndkim; i++)
		if (r->dkim[i].result == AUTH_PASS &&
		    (is_within(sv_str(r->dkim[i].domain), author) ||
			is_within(author, sv_str(r->dkim[i].domain))))
			return true;
	return false;
}

bool
smtp_judge_verdict(const struct smtp_judge *j, struct verdict *out)
{
	if (!j->ended)
		return false;
	verdict_make(check_result(j->check), j->received, out);
	return true;
}

void
smtp_judge_field(
    const struct smtp_judge *j, const struct verdict *v, struct buf *out)
{
	struct check_override o;

	if (!j->ended)
		return;
	if (v != NULL && v->override != VERDICT_AS_ASKED)
		o = (struct check_override){verdict_override_name(v->override),
		    v->override == VERDICT_LIST ? "list" : "sealer", v->other};
	check_authres_noted(check_result(j->check),
	    v != NULL && v->override != VERDICT_AS_ASKED ? &o : NULL,
	    j->hostname, out);
}

void
smtp_judge_log(const struct smtp_judge *j, const struct verdict *v,
    char out[SMTP_JUDGE_LOG_MAX])
{
	const struct check_result *r;
	const char *dkim = "none";
	bool list, arc;
	size_t i;

	out[0] = '\0';
	if (!j->ended)
		return;
	r = check_result(j->check);
	for (i = 0; i < r->ndkim; i++)
		if (i == 0 || r->dkim[i].result == AUTH_PASS)
			dkim = auth_result_name(r->dkim[i].result);
	arc = v != NULL && v->override == VERDICT_ARC;
	list = v != NULL && v->override == VERDICT_LIST;
	(void)snprintf(out, SMTP_JUDGE_LOG_MAX,
	    " author=%s dmarc=%s spf=%s dkim=%s arc=%s%s%s%s iprev=%s",
	    r->dmarc.domain[0] != '\0' ? r->dmarc.domain : "?",
	    auth_result_name(r->dmarc.result),
	    auth_result_name(r->mailfrom.result), dkim,
	    auth_result_name(r->arc.result), arc ? "(trusted)" : "",
	    list ? " list=" : "", list ? v->other : "",
	    auth_result_name(r->iprev.result));
}
