/* When the authority would like a renewal [RFC 9773]. */
#include <stdio.h>
#include <string.h>

#include "acme/date.h"
#include "acme/work_priv.h"
#include "base/log.h"

#define HOUR	   3600
#define DAY	   86400
#define WINDOW_S   (6 * HOUR) /* to ask again, if they do not say */
#define WINDOW_MIN HOUR
#define WINDOW_MAX DAY

int64_t
acme_now(const struct acme_run *w)
{
	return w->o->world.now(w->o->world.arg);
}

int
acme_send(struct acme_run *w, const struct acme_request *r,
    struct acme_response *out, struct err *err)
{
	memset(out, 0, sizeof *out);
	return w->o->world.send(w->o->world.arg, r, out, err);
}

/* Where they tell when to renew: from the directory, once a run. */
static bool
knows_renewal_info(struct acme_run *w)
{
	struct acme_directory d;
	struct acme_request r = {.method = ACME_GET};
	struct acme_response got;
	struct err err;

	if (!w->directory_asked) {
		w->directory_asked = true;
		sv_copy(sv_first(sv_str(w->o->directory), ACME_URL_MAX - 1),
		    r.url, sizeof r.url);
		if (acme_send(w, &r, &got, &err) == RC_OK &&
		    got.status == 200 &&
		    acme_directory_read(got.body, &d, &err) == RC_OK)
			sv_copy(sv_str(d.renewal_info), w->renewal_info,
			    sizeof w->renewal_info);
	}
	return w->renewal_info[0] != '\0';
}

static void
keep_window(
    struct acme_run *w, struct acme_set *s, const struct acme_window *got)
{
	struct acme_life *l = &s->r->life;
	bool same = strcmp(s->r->window_id, s->certificate.id) == 0 &&
		    l->window_start == got->start && l->window_end == got->end;

	if (same)
		return;
	l->window_start = got->start;
	l->window_end = got->end;
	l->window_seen = acme_now(w);
	sv_copy(
	    sv_str(s->certificate.id), s->r->window_id, sizeof s->r->window_id);
	sv_copy(sv_str(got->explanation), s->r->explanation,
	    sizeof s->r->explanation);
	mlog(LOG_INFO, "acme.window",
	    "certificate=%s start=%lld end=%lld see=%s", s->wanted.file,
	    (long long)got->start, (long long)got->end, got->explanation);
}

/* Asks the authority when it would like a renewal.  That it does not answer is
 * not a trouble: then the certificate's own time counts. */
void
acme_ask_window(struct acme_run *w, struct acme_set *s)
{
	struct acme_request r = {.method = ACME_GET};
	struct acme_response got;
	struct acme_window window;
	struct err err;
	int64_t again = WINDOW_S;

	if (!s->has || s->certificate.id[0] == '\0')
		return;
	/* A clock that was set back must not keep it from being asked. */
	if (s->r->ask_window > acme_now(w) &&
	    s->r->ask_window <= acme_now(w) + WINDOW_MAX &&
	    strcmp(s->r->asked_id, s->certificate.id) == 0)
		return;
	if (knows_renewal_info(w) &&
	    strlen(w->renewal_info) + strlen(s->certificate.id) + 2 <=
		ACME_URL_MAX) {
		(void)snprintf(r.url, sizeof r.url, "%.700s/%.255s",
		    w->renewal_info, s->certificate.id);
		if (acme_send(w, &r, &got, &err) == RC_OK &&
		    got.status == 200 &&
		    acme_window_read(got.body, &window, &err) == RC_OK) {
			int64_t said =
			    acme_retry_after(got.retry_after, acme_now(w));

			if (said >= 0)
				again = said;
			keep_window(w, s, &window);
		}
	}
	again = again < WINDOW_MIN   ? WINDOW_MIN
		: again > WINDOW_MAX ? WINDOW_MAX
				     : again;
	s->r->ask_window = acme_now(w) + again;
	sv_copy(
	    sv_str(s->certificate.id), s->r->asked_id, sizeof s->r->asked_id);
}
