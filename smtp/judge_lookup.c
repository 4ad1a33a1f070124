/* The questions to the DNS about a message, and how their answers come in. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "smtp/judge_priv.h"

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
struct smtp_judge_inbox {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned refs;
	unsigned out; /* questions */
	struct arrived *arrived;
};

struct asked {
	struct smtp_judge_inbox *inbox;
	uint32_t id;
	unsigned network;
};

struct smtp_judge_inbox *
smtp_judge_inbox_new(void)
{
	struct smtp_judge_inbox *b = xcalloc(1, sizeof *b);
	pthread_condattr_t attr;

	must(pthread_mutex_init(&b->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&b->change, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	b->refs = 1;
	return b;
}

void
smtp_judge_inbox_leave(struct smtp_judge_inbox *b)
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
unsigned
smtp_judge_network(const struct in6_addr *a)
{
	uint64_t h;

	(void)pthread_once(&network_once, make_network_secret);
	(void)crypto_shorthash((unsigned char *)&h, a->s6_addr,
	    IN6_IS_ADDR_V4MAPPED(a) ? 15 : 8, network_secret);
	return (unsigned)(h % NETWORKS);
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
count_out(struct smtp_judge_inbox *b, unsigned network)
{
	b->out++;
	atomic_fetch_add(&out_of_all, 1);
	atomic_fetch_add(&out_of_network[network], 1);
}

static void
count_back(struct smtp_judge_inbox *b, unsigned network)
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
	smtp_judge_inbox_leave(q->inbox);
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
	smtp_judge_inbox_leave(j->inbox);
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
	    !j->ops->recall(j->ctx, q->name, is_made(q), q->type, &a))
		return false;
	lookup_answer(check_lookup(j->check), q->id, &a);
	dns_answer_fini(&a);
	return true;
}

/* Asks what is open, as far as it may; is there an answer at once? */
static bool
ask_open(struct smtp_judge *j)
{
	struct lookup *l = check_lookup(j->check);
	struct lookup_question q;
	bool author, asked = false, news = false;

	while (lookup_next(l, &author) && may_ask(j, author) &&
	       lookup_open(l, &q)) {
		if (recall(j, &q)) {
			news = true;
			continue;
		}
		ask(j, &q);
		asked = true;
	}
	/* What was refused at once has its answer already. */
	return news || (asked && lookup_waiting(l) == 0);
}

int
smtp_judge_go_on(struct smtp_judge *j)
{
	int r;

	do {
		r = check_evaluate(j->check);
		(void)smtp_listed_evaluate(j->lists, check_lookup(j->check));
	} while (ask_open(j) && r == RC_MORE);
	return r;
}

int
smtp_judge_ask_lists(struct smtp_judge *j)
{
	int r;

	do
		r = smtp_listed_evaluate(j->lists, check_lookup(j->check));
	while (ask_open(j) && r == RC_MORE);
	return r;
}

/* Hands in what has come; false: nothing has, and time is up.  A question that
 * waits for its turn is looked at again soon: others' answers free places. */
bool
smtp_judge_take_answers(struct smtp_judge *j)
{
	struct lookup *l = check_lookup(j->check);
	bool author, waits = lookup_next(l, &author);
	int64_t end = j->until, soon = clk_mono() + LOOK_AGAIN_MS;
	struct timespec until;
	struct smtp_judge_inbox *b = j->inbox;
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
