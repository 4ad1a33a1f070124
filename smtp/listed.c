#include "smtp/listed.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "dns/block_list.h"

#define GOOD_MS ((int64_t)4 * 3600 * 1000)
#define BAD_MS	((int64_t)10 * 60 * 1000)
#define DAY_MS	((int64_t)24 * 3600 * 1000)

/* ---- what is known of the lists ---- */

#define ROWS (2 * SMTP_BLOCK_LISTS_MAX)

static struct health {
	char zone[DNS_NAME_MAX]; /* "": free */
	bool ipv6;
	enum block_health state;
	int64_t until; /* clk_mono */
	/* In this day (UTC): messages for which it was asked, and those whose
	 * address was listed. */
	int64_t day;
	unsigned asked, listed;
} health[ROWS];
static pthread_mutex_t health_lock = PTHREAD_MUTEX_INITIALIZER;

void
smtp_listed_forget_health(void)
{
	pthread_mutex_lock(&health_lock);
	memset(health, 0, sizeof health);
	pthread_mutex_unlock(&health_lock);
}

/* With the lock held: its row, or a free one, or that which is over first. */
static struct health *
health_row(const char *zone, bool ipv6)
{
	struct health *oldest = &health[0];
	size_t i;

	for (i = 0; i < ROWS; i++) {
		if (strcmp(health[i].zone, zone) == 0 && health[i].ipv6 == ipv6)
			return &health[i];
		if (oldest->zone[0] != '\0' &&
		    (health[i].zone[0] == '\0' ||
			health[i].until < oldest->until))
			oldest = &health[i];
	}
	return oldest;
}

static bool
health_get(const char *zone, bool ipv6, enum block_health *out)
{
	struct health *h;
	bool known;

	pthread_mutex_lock(&health_lock);
	h = health_row(zone, ipv6);
	known = strcmp(h->zone, zone) == 0 && h->ipv6 == ipv6 &&
		h->until > clk_mono();
	*out = h->state;
	pthread_mutex_unlock(&health_lock);
	return known;
}

static const char *
health_text(enum block_health h)
{
	switch (h) {
	case BLOCK_GOOD:
		return "it can be believed";
	case BLOCK_SILENT:
		return "it does not answer";
	case BLOCK_ALL:
		return "it lists everybody, so it is dead, or a resolver on "
		       "the way rewrites answers";
	case BLOCK_REFUSES:
		return "it refuses to answer this server";
	case BLOCK_EMPTY:
		return "its own test entry is missing, so it is dead";
	}
	return "";
}

/* With the lock held: its row, which is another list's no more. */
static struct health *
own_row(const char *zone, bool ipv6)
{
	struct health *h = health_row(zone, ipv6);
	int64_t day = clk_now() / DAY_MS;

	if (strcmp(h->zone, zone) != 0 || h->ipv6 != ipv6) {
		*h = (struct health){.ipv6 = ipv6};
		(void)snprintf(h->zone, sizeof h->zone, "%s", zone);
	}
	if (h->day != day) {
		h->day = day;
		h->asked = h->listed = 0;
	}
	return h;
}

bool
smtp_listed_count(const char *zone, bool ipv6)
{
	struct health *h;
	unsigned n;

	pthread_mutex_lock(&health_lock);
	h = own_row(zone, ipv6);
	n = h->asked;
	h->asked += n <= SMTP_LISTED_A_DAY;
	pthread_mutex_unlock(&health_lock);
	if (n == SMTP_LISTED_A_DAY)
		mlog(LOG_WARN, "block_list",
		    "list=%s family=%d used=0 text=\"it was asked %u times "
		    "today: no more until midnight, UTC\"",
		    zone, ipv6 ? 6 : 4, n);
	return n < SMTP_LISTED_A_DAY;
}

static void
count_listed(const char *zone, bool ipv6)
{
	pthread_mutex_lock(&health_lock);
	own_row(zone, ipv6)->listed++;
	pthread_mutex_unlock(&health_lock);
}

void
smtp_listed_status(struct buf *out)
{
	const int64_t day = clk_now() / DAY_MS;
	size_t i;

	pthread_mutex_lock(&health_lock);
	for (i = 0; i < ROWS; i++) {
		const struct health *h = &health[i];
		bool today = h->day == day;
		bool tested = h->until != 0;

		/* Many have no IPv6 addresses. */
		if (h->zone[0] == '\0' || (h->ipv6 && h->state == BLOCK_EMPTY))
			continue;
		buf_addf(out, "%s%s: %s; today asked %u, listed %u\n", h->zone,
		    h->ipv6 ? " (IPv6)" : "",
		    !tested ? "is being tested" : health_text(h->state),
		    today ? h->asked : 0, today ? h->listed : 0);
	}
	pthread_mutex_unlock(&health_lock);
}

static void
health_set(const char *zone, bool ipv6, enum block_health state)
{
	struct health *h;
	bool news;

	pthread_mutex_lock(&health_lock);
	h = own_row(zone, ipv6);
	news = h->until == 0 || h->state != state;
	h->state = state;
	h->until = clk_mono() + (state == BLOCK_GOOD ? GOOD_MS : BAD_MS);
	pthread_mutex_unlock(&health_lock);
	/* Many have no IPv6 addresses, and say so by having none. */
	if (!news || (ipv6 && state == BLOCK_EMPTY))
		return;
	mlog(state == BLOCK_GOOD ? LOG_INFO : LOG_WARN, "block_list",
	    "list=%s family=%d used=%d text=\"%s\"", zone, ipv6 ? 6 : 4,
	    state == BLOCK_GOOD, health_text(state));
}

/* ---- one message ---- */

struct row {
	bool done;
	bool counted; /* as a question of today */
	struct block_answer answer;
	bool refuse;
};

struct smtp_listed {
	struct in6_addr peer;
	bool ipv6;
	struct smtp_block_list *list;
	struct row *row; /* of each */
	size_t n;
};

struct smtp_listed *
smtp_listed_new(
    const struct in6_addr *peer, struct smtp_block_list *list, size_t n)
{
	struct smtp_listed *l = xcalloc(1, sizeof *l);

	l->peer = *peer;
	l->ipv6 = !IN6_IS_ADDR_V4MAPPED(peer);
	l->list = list;
	l->row = xcalloc(n + 1, sizeof *l->row);
	l->n = n;
	return l;
}

void
smtp_listed_free(struct smtp_listed **l)
{
	if (*l == NULL)
		return;
	free((*l)->row);
	free((*l)->list);
	free(*l);
	*l = NULL;
}

static struct block_codes
codes_of(const struct smtp_block_list *b)
{
	return (struct block_codes){(const uint32_t(*)[2])b->code, b->ncode};
}

/* RC_OK: *out is what its test entries say, and is remembered. */
static int
test(const struct smtp_listed *l, const struct smtp_block_list *b,
    struct lookup *names, enum block_health *out)
{
	const struct block_codes codes = codes_of(b);
	const struct dns_answer *a[2];
	struct block_answer entry[2];
	char name[DNS_NAME_MAX];
	unsigned i;

	for (i = 0; i < 2; i++) {
		block_list_test_name(l->ipv6, 2 - i, b->zone, name);
		a[i] = lookup_get(names, LOOKUP_LISTED, DNS_A, sv_str(name));
	}
	if (a[0] == NULL || a[1] == NULL)
		return RC_MORE;
	for (i = 0; i < 2; i++)
		block_list_read(&codes, a[i], &entry[i]);
	*out = block_list_health(&entry[0], &entry[1]);
	health_set(b->zone, l->ipv6, *out);
	return RC_OK;
}

/* Is it on the list, and would that refuse it? */
static void
take(struct row *w, const struct smtp_block_list *b, const struct dns_answer *a)
{
	struct block_codes codes = codes_of(b);
	struct block_answer sure;

	block_list_read(&codes, a, &w->answer);
	codes =
	    (struct block_codes){(const uint32_t(*)[2])b->refuse, b->nrefuse};
	block_list_read(&codes, a, &sure);
	/* An error among the codes makes all of them doubtful. */
	w->answer.listed = w->answer.listed && !w->answer.odd;
	w->refuse = w->answer.listed && sure.listed;
	/* Beside codes that only make it junk: the one that counts. */
	if (w->refuse)
		memcpy(w->answer.code, sure.code, sizeof w->answer.code);
}

static bool
evaluate(struct smtp_listed *l, size_t i, struct lookup *names)
{
	const struct smtp_block_list *b = &l->list[i];
	const struct dns_answer *a;
	enum block_health state;
	char name[DNS_NAME_MAX];
	bool known = health_get(b->zone, l->ipv6, &state);

	if (known && state != BLOCK_GOOD)
		return true;
	if (!l->row[i].counted && !smtp_listed_count(b->zone, l->ipv6))
		return true;
	l->row[i].counted = true;
	/* Together with the test: mostly it is in order. */
	block_list_name(&l->peer, b->zone, name);
	a = lookup_get(names, LOOKUP_LISTED, DNS_A, sv_str(name));
	if (!known && test(l, b, names, &state) != RC_OK)
		return false;
	if (state != BLOCK_GOOD)
		return true;
	if (a == NULL)
		return false;
	take(&l->row[i], b, a);
	if (l->row[i].answer.listed)
		count_listed(b->zone, l->ipv6);
	return true;
}

int
smtp_listed_evaluate(struct smtp_listed *l, struct lookup *names)
{
	bool all = true;
	size_t i;

	if (l == NULL)
		return RC_OK;
	for (i = 0; i < l->n; i++) {
		if (!l->row[i].done)
			l->row[i].done = evaluate(l, i, names);
		all = all && l->row[i].done;
	}
	return all ? RC_OK : RC_MORE;
}

void
smtp_listed_give_up(struct smtp_listed *l)
{
	size_t i;

	for (i = 0; l != NULL && i < l->n; i++)
		if (!l->row[i].done)
			health_set(l->list[i].zone, l->ipv6, BLOCK_SILENT);
}

void
smtp_listed_result(const struct smtp_listed *l, struct smtp_listing *out)
{
	size_t i, n = 0;

	*out = (struct smtp_listing){.text = ""};
	for (i = 0; l != NULL && i < l->n; i++) {
		const struct row *w = &l->row[i];
		int k;

		if (!w->answer.listed)
			continue;
		out->junk = true;
		if (out->zone[0] == '\0' || (w->refuse && !out->refuse)) {
			(void)snprintf(
			    out->zone, sizeof out->zone, "%s", l->list[i].zone);
			(void)snprintf(
			    out->code, sizeof out->code, "%s", w->answer.code);
		}
		out->refuse = out->refuse || w->refuse;
		k = snprintf(out->text + n, sizeof out->text - n, "%s%s=%s",
		    n > 0 ? "," : "", l->list[i].zone, w->answer.code);
		/* No half a name. */
		if (k < 0 || (size_t)k >= sizeof out->text - n)
			out->text[n] = '\0';
		else
			n += (size_t)k;
	}
}
