#include "acme/renew.h"

#include <stdio.h>

#define HOUR	      3600
#define DAY	      86400
#define AFTER_FAILURE 300	 /* also for the owner */
#define SHORT	      (10 * DAY) /* the time of a short-lived certificate */

/* An authority that says a year means something else. */
#define NOT_SOONER_MAX (7 * DAY)

/* A part of span, by chance. */
static int64_t
part(int64_t span, uint32_t chance)
{
	return span <= 0 ? 0
			 : (int64_t)((uint64_t)span / 1024 * (chance % 1024));
}

static int64_t
by_its_time(const struct acme_life *l)
{
	int64_t life = l->not_after - l->not_before;
	int64_t part_of = life < SHORT ? life / 2 : life / 3 * 2;

	return l->not_before + part_of + part(life / 50, l->chance);
}

/* A window that ends behind the certificate's end is nobody's wish. */
static bool
has_window(const struct acme_life *l)
{
	return l->window_start > 0 && l->window_end > l->window_start &&
	       l->window_start < l->not_after;
}

static int64_t
by_window(const struct acme_life *l)
{
	int64_t last = l->not_after - (l->not_after - l->not_before) / 10;
	int64_t at;

	if (l->window_seen >= l->window_start)
		return l->window_start;
	at = l->window_start + part(l->window_end - l->window_start, l->chance);
	return at < last ? at : last > l->window_start ? last : l->window_start;
}

int64_t
acme_renew_ideal(const struct acme_life *l)
{
	if (l->not_after == 0 || l->lacks_names)
		return 0;
	return has_window(l) ? by_window(l) : by_its_time(l);
}

int64_t
acme_renew_back_off(unsigned failures, uint32_t chance)
{
	static const int64_t wait[] = {
	    5 * 60, 15 * 60, HOUR, 4 * HOUR, 12 * HOUR, DAY};
	const unsigned most = sizeof wait / sizeof wait[0];
	int64_t w;

	if (failures == 0)
		return 0;
	w = wait[failures <= most ? failures - 1 : most - 1];
	/* So that not all who failed together come back together. */
	return w - part(w / 5, chance);
}

/* Between two certificates, whatever asks for the second. */
static int64_t
floor_of(const struct acme_life *l)
{
	int64_t life = l->not_after - l->not_before;

	if (l->issued == 0)
		return 0;
	/* Lost, or it lacks a name. */
	if (l->not_after == 0 || l->lacks_names)
		return l->issued + HOUR;
	return l->issued + (life < SHORT ? life / 8 : DAY);
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* An authority has said so. */
static int64_t
stop_of(const struct acme_life *l)
{
	if (l->failed > 0 && l->not_sooner > l->failed + NOT_SOONER_MAX)
		return l->failed + NOT_SOONER_MAX;
	return l->not_sooner;
}

int64_t
acme_renew_at(const struct acme_life *l)
{
	int64_t at = later(acme_renew_ideal(l), floor_of(l));

	if (l->failures > 0)
		at = later(at,
		    l->failed + acme_renew_back_off(l->failures, l->chance));
	return later(at, stop_of(l));
}

int64_t
acme_renew_soonest(const struct acme_life *l)
{
	int64_t at = later(floor_of(l), stop_of(l));

	return l->failures > 0 ? later(at, l->failed + AFTER_FAILURE) : at;
}

static const char *
why_ideal(const struct acme_life *l)
{
	if (l->not_after == 0)
		return "there is none yet";
	if (l->lacks_names)
		return "it lacks a name";
	if (has_window(l))
		return "the authority asks for it then";
	return l->not_after - l->not_before < SHORT
		   ? "half of its time is over then"
		   : "two thirds of its time are over then";
}

void
acme_renew_why(const struct acme_life *l, char out[ACME_REASON_MAX])
{
	int64_t at = acme_renew_at(l), ideal = acme_renew_ideal(l);
	const char *why = why_ideal(l);

	if (at <= ideal)
		(void)snprintf(out, ACME_REASON_MAX, "%s", why);
	else if (at == stop_of(l))
		(void)snprintf(out, ACME_REASON_MAX,
		    "%s; the authority wants no request before", why);
	else if (l->failures > 0 && at > floor_of(l))
		(void)snprintf(out, ACME_REASON_MAX,
		    "%s; %u attempt%s failed, and there is a pause between "
		    "them",
		    why, l->failures, l->failures == 1 ? " has" : "s have");
	else
		(void)snprintf(out, ACME_REASON_MAX,
		    "%s; there is a pause after the last one", why);
}

unsigned
acme_renew_urgency(int64_t first_failed, int64_t not_after, int64_t now)
{
	int64_t left = not_after - first_failed;

	if (first_failed == 0 || not_after == 0)
		return 0;
	if (now >= not_after)
		return 3;
	if (now - first_failed >= left / 5 * 4)
		return 2;
	return now - first_failed >= left / 2 ? 1 : 0;
}
