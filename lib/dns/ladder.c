#include "dns/ladder.h"

static void
add(struct dns_ladder *l, enum dns_path path, bool validate)
{
	l->rung[l->n++] = (struct dns_rung){path, validate};
}

/* The ways that the configuration leaves, one below the other. */
static void
add_all(struct dns_ladder *l, bool own_root, bool forward, bool system,
    bool validate)
{
	add(l, forward ? DNS_PATH_FORWARD : DNS_PATH_ROOT, validate);
	/* An owner who names servers or another root means these and no others.
	 */
	if (!forward && !own_root && system)
		add(l, DNS_PATH_SYSTEM, validate);
}

void
dns_ladder_init(struct dns_ladder *l, bool own_root, bool forward, bool system,
    bool validate)
{
	*l = (struct dns_ladder){
	    .now = -1, .probing = -1, .wait = DNS_LADDER_RETRY};
	add_all(l, own_root, forward, system, validate);
	l->nfree = l->n;
	if (validate)
		add_all(l, own_root, forward, system, false);
}

int
dns_ladder_next(struct dns_ladder *l, int64_t now)
{
	if (l->probing >= 0 || (!l->in_round && now < l->due))
		return -1;
	if (!l->in_round) {
		l->in_round = true;
		l->at = 0;
	}
	l->probing = (int)l->at++;
	return l->probing;
}

int64_t
dns_ladder_due(const struct dns_ladder *l)
{
	return l->in_round ? 0 : l->due;
}

static enum dns_ladder_news
take(struct dns_ladder *l, int rung)
{
	bool down = l->down;

	l->down = false;
	if (l->now != rung) {
		l->now = rung;
		return DNS_LADDER_CHANGED;
	}
	return down ? DNS_LADDER_BACK : DNS_LADDER_SAME;
}

static void
end_round(struct dns_ladder *l, bool found, int64_t now)
{
	l->in_round = false;
	l->ended = now;
	l->doubts = 0;
	if (!found) {
		l->missed = false;
		l->due = now + l->wait;
		l->wait *= 2;
		if (l->wait > DNS_LADDER_AGAIN)
			l->wait = DNS_LADDER_AGAIN;
		return;
	}
	l->wait = DNS_LADDER_RETRY;
	l->missed = false;
	l->due = now + DNS_LADDER_AGAIN;
}

/* Something works, but only without validation. */
static enum dns_ladder_news
works_unvalidated(struct dns_ladder *l, int rung, int64_t now)
{
	enum dns_ladder_news news = DNS_LADDER_SAME;

	/* That is worth saying, also where it was down before. */
	if (l->bad_since == 0) {
		l->bad_since = now;
		news = DNS_LADDER_DOWN;
	}
	if (now - l->bad_since >= DNS_LADDER_DAY)
		return take(l, rung);
	/* Not yet: lookups go on failing where validation fails. */
	if (!l->down)
		news = DNS_LADDER_DOWN;
	l->down = true;
	return news;
}

static enum dns_ladder_news
nothing_works(struct dns_ladder *l)
{
	bool was_down = l->down;

	l->down = true;
	return was_down ? DNS_LADDER_SAME : DNS_LADDER_DOWN;
}

/* The way in force, the best, worked until now. */
static bool
is_first_miss(const struct dns_ladder *l, int rung)
{
	return rung == 0 && l->now == 0 && !l->down && !l->missed;
}

enum dns_ladder_news
dns_ladder_result(struct dns_ladder *l, bool ok, int64_t now)
{
	int rung = l->probing;
	enum dns_ladder_news news;

	l->probing = -1;
	if (rung < 0)
		return DNS_LADDER_SAME;
	if (ok && rung < (int)l->nfree) {
		l->bad_since = 0;
		news = take(l, rung);
		end_round(l, true, now);
		return news;
	}
	if (ok) {
		news = works_unvalidated(l, rung, now);
		end_round(l, !l->down, now);
		return news;
	}
	if (is_first_miss(l, rung)) {
		l->missed = true;
		l->in_round = false;
		l->due = now + DNS_LADDER_RETRY;
		return DNS_LADDER_SAME;
	}
	if (rung + 1 < (int)l->n) {
		/* Whoever waits for the first round has waited enough when the
		 * ways that may be taken have failed. */
		if (l->now < 0 && rung + 1 == (int)l->nfree) {
			l->now = 0;
			l->down = true;
			return DNS_LADDER_DOWN;
		}
		return DNS_LADDER_SAME;
	}
	if (l->now < 0)
		l->now = 0;
	news = nothing_works(l);
	end_round(l, false, now);
	return news;
}

void
dns_ladder_lookup(struct dns_ladder *l, bool ok, int64_t now)
{
	if (ok) {
		l->doubts = 0;
		return;
	}
	if (++l->doubts < DNS_LADDER_DOUBTS || l->in_round || l->down)
		return;
	if (l->due > l->ended + DNS_LADDER_QUIET)
		l->due = l->ended + DNS_LADDER_QUIET;
	if (l->due < now)
		l->due = now;
	l->doubts = 0;
	l->missed = true; /* a probe that fails now is the second bad sign */
}
