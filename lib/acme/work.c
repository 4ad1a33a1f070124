#include "acme/work.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acme/certificate.h"
#include "acme/work_priv.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"

#define HOUR	 3600
#define DAY	 86400
#define SOON	 60
#define TEXT_MAX 4096
/* An older clock has not been set yet: 2026-01-01. */
#define CLOCK_MIN_S 1767225600

#define ACCOUNT_FILE "account.pem"

void
acme_work_result_init(struct acme_work_result *r)
{
	memset(r, 0, sizeof *r);
	r->rc = RC_MORE;
	buf_init(&r->text, TEXT_MAX - 1);
	buf_init(&r->trouble, TEXT_MAX - 1);
}

void
acme_work_result_fini(struct acme_work_result *r)
{
	buf_fini(&r->trouble);
	buf_fini(&r->text);
}

/* ---- files ---- */

/* ---- one certificate as it is ---- */

/* ---- which names ---- */

/* Has it addresses, and where do they lead? */
static bool
is_reachable(struct acme_run *w, struct acme_set *s, const char *name)
{
	char why[ERR_TEXT_MAX] = "";

	switch (
	    w->o->world.points(w->o->world.arg, name, w->o->hostname, why)) {
	case ACME_POINTS_HERE:
		return true;
	case ACME_POINTS_NOWHERE:
		return false;
	case ACME_POINTS_UNKNOWN:
		/* What has worked before stays. */
		return s->has && acme_certificate_has(&s->certificate, name);
	case ACME_POINTS_PARTLY:
	case ACME_POINTS_AWAY:
		break;
	}
	/* It is tried, now and then. */
	if (s->has && acme_certificate_has(&s->certificate, name))
		return true;
	if (!acme_record_is_blamed(s->r, name))
		acme_record_blame(s->r, name, why, acme_now(w));
	return true;
}

/* The owner's wish is a reason to try those once more that did not work. */
static void
choose_names(struct acme_run *w, struct acme_set *s)
{
	unsigned i;

	if (w->o->check)
		for (i = s->wanted.n; i-- > 0;)
			if (!is_reachable(w, s, s->wanted.name[i]))
				acme_names_drop(&s->wanted, s->wanted.name[i]);
	s->names = s->wanted;
	for (i = s->names.n; i-- > 0;)
		if (!s->wished && acme_record_bad(s->r, s->names.name[i],
				      acme_now(w)) != NULL)
			acme_names_drop(&s->names, s->names.name[i]);
}

/* ---- what is said ---- */

static void
say_names(struct acme_run *w, const struct acme_set *s)
{
	char when[32];
	unsigned i, j;

	for (i = 0; i < s->r->nbad; i++)
		for (j = 0; j < s->wanted.n; j++)
			if (strcmp(s->wanted.name[j], s->r->bad[i].name) == 0) {
				acme_print_day(s->r->bad[i].until, when);
				acme_say(&w->out->trouble,
				    "%s is in no certificate: %s; it is tried "
				    "again on %s",
				    s->r->bad[i].name, s->r->bad[i].why, when);
				acme_look_again(w, s->r->bad[i].until);
			}
}

static void
say_certificate(struct acme_run *w, struct acme_set *s, int64_t at)
{
	const char *name = s->wanted.n > 0 ? s->wanted.name[0] : s->wanted.file;
	char until[32], when[32];
	unsigned i;

	acme_print_day(at, when);
	if (s->has) {
		acme_print_day(s->certificate.not_after, until);
		acme_say(&w->out->text,
		    "%s%s: good until %s, renewal from %s on%s",
		    s->certificate.nname > 0 ? s->certificate.name[0] : name,
		    s->certificate.nname > 1 ? " and others" : "", until, when,
		    s->r->way == ACME_BY_TLS
			? "; proved over port 443, since port 80 does not do"
			: "");
	} else if (s->wanted.n > 0) {
		acme_say(&w->out->text, "%s: there is none yet", name);
	}
	if (s->r->why[0] != '\0' && s->wanted.n > 0) {
		acme_say(&w->out->trouble,
		    "%s: %s certificate%s%s: %s; the next "
		    "attempt is on %s",
		    name, s->has ? "no renewal of its" : "no",
		    s->has ? acme_is_good(w, s) ? ", which is good until "
						: ", which has expired on "
			   : "",
		    s->has ? until : "", s->r->why, when);
		i = acme_renew_urgency(s->r->first_failed,
		    s->has ? s->certificate.not_after
			   : s->r->first_failed + 2 * DAY,
		    acme_now(w));
		if (i > s->r->told && i > w->out->urgency) {
			w->out->urgency = i;
			sv_copy(
			    sv_str(name), w->out->name, sizeof w->out->name);
			s->r->told = i;
		}
	}
	say_names(w, s);
}

/* ---- all of them ---- */

/* What clients of our own ports see. */
static void
look_at_services(struct acme_run *w, struct acme_set *s, bool fresh)
{
	struct buf lines;

	if (w->o->world.look == NULL || !acme_is_good(w, s) || w->stop)
		return;
	buf_init(&lines, TEXT_MAX);
	w->o->world.look(w->o->world.arg, buf_sv(&s->pem), fresh, &lines);
	if (lines.n > 0)
		acme_say(
		    &w->out->trouble, "%.*s", SV_ARG(sv_trim(buf_sv(&lines))));
	buf_fini(&lines);
}

/* ---- the owner's wish ---- */

static void __attribute__((format(printf, 3, 4)))
answer(struct acme_run *w, int rc, const char *fmt, ...)
{
	va_list ap;

	w->out->rc = rc;
	va_start(ap, fmt);
	(void)vsnprintf(w->out->answer, sizeof w->out->answer, fmt, ap);
	va_end(ap);
}

/* Is it for that certificate? */
static bool
is_wished(const struct acme_run *w, const struct acme_names *names)
{
	struct sv wish = sv_str(w->o->renew != NULL ? w->o->renew : "");
	struct sv file = sv_str(names->file);

	return wish.n > 0 &&
	       (acme_names_has(names, wish.p) || sv_ieq(wish, file) ||
		   (sv_starts(file, SV("domain.")) &&
		       sv_ieq(wish, sv_skip(file, 7))));
}

/* False: not now, and it is said why. */
static bool
may_be_renewed(
    struct acme_run *w, const struct acme_set *s, const struct acme_life *l)
{
	int64_t soonest = acme_renew_soonest(l);
	char when[32];

	acme_print_day(soonest, when);
	if (s->names.n == 0) {
		answer(w, RC_NOTFOUND,
		    "none of its names has an address in the DNS");
		return false;
	}
	if (soonest <= acme_now(w) && !w->limited)
		return true;
	if (soonest <= acme_now(w)) {
		answer(w, RC_TEMP, "the authority wants fewer requests");
		return false;
	}
	answer(w, RC_TEMP, "not before %s: %s", when,
	    soonest == l->not_sooner ? "the authority wants no request sooner"
	    : l->failures > 0	     ? "the last attempt has just failed"
				     : "the last one has just come, and "
				       "authorities limit how many they give");
	return false;
}

static void
answer_outcome(struct acme_run *w, const struct acme_set *s, bool fresh)
{
	char until[32];

	if (fresh) {
		acme_print_day(s->certificate.not_after, until);
		answer(w, RC_OK, "there is a new certificate, good until %s",
		    until);
	} else if (s->r->why[0] != '\0') {
		answer(w, RC_TEMP, "%s", s->r->why);
	} else if (s->r->nbad > 0) {
		answer(w, RC_TEMP, "%s", s->r->bad[0].why);
	} else {
		answer(w, RC_TEMP, "it could not be tried; see the status");
	}
}

/* ---- one ---- */

/* An order, if it is time, or the owner wants it. */
static void
renew(struct acme_run *w, struct acme_set *s)
{
	int64_t before = s->r->life.issued;
	struct acme_life l = acme_life_of(s);
	bool due = acme_renew_at(&l) <= acme_now(w) &&
		   (!acme_loses_names(s) || acme_is_worth_it(w, s));

	if (s->wished)
		due = may_be_renewed(w, s, &l);
	if (due && w->limited) {
		acme_look_again(w, acme_now(w) + ACME_STUCK);
		due = false;
	}
	if (due && s->names.n > 0 && !w->stop && !w->stuck) {
		acme_order_certificate(w, s);
		if (!w->stop)
			acme_ask_window(w, s);
	}
	if (s->wished && due)
		answer_outcome(w, s, s->r->life.issued != before);
	acme_tend_next_key(w, s);
}

static void
look_at(struct acme_run *w, const struct acme_names *names, bool is_host)
{
	struct acme_set s = {
	    .wanted = *names, .has = false, .wished = is_wished(w, names)};
	struct acme_life l;
	int64_t before, failed;

	s.r = acme_state_record(&w->state, names->file);
	if (s.r->life.chance == 0)
		s.r->life.chance = (uint32_t)(acme_now(w) * 2654435761u) | 1;
	buf_init(&s.pem, FILE_MAX);
	acme_load_certificate(w, &s);
	if (s.has)
		w->o->world.have(
		    w->o->world.arg, names->file, buf_sv(&s.pem), false);
	/* The server's own name has its sentence if there is no address. */
	if (!is_host)
		choose_names(w, &s);
	else
		s.names = s.wanted;
	acme_ask_window(w, &s);
	before = s.r->life.issued;
	failed = s.r->life.failed;
	renew(w, &s);
	l = acme_life_of(&s);
	s.r->next = s.names.n > 0 ? acme_renew_at(&l) : 0;
	acme_renew_why(&l, s.r->reason);
	if (s.names.n > 0)
		acme_look_again(w, s.r->next);
	if (s.has && s.certificate.id[0] != '\0')
		acme_look_again(w, s.r->ask_window);
	say_certificate(
	    w, &s, s.r->next > acme_now(w) ? s.r->next : acme_now(w));
	if (is_host)
		look_at_services(w, &s, s.r->life.issued != before);
	if ((s.r->life.issued != before || s.r->life.failed != failed) &&
	    w->o->world.done != NULL)
		w->o->world.done(w->o->world.arg, w->out);
	buf_wipe(&s.pem);
}

/* A clock that has not been set says nothing of any certificate. */
static bool
has_clock(struct acme_run *w)
{
	if (acme_now(w) >= CLOCK_MIN_S)
		return true;
	acme_say(&w->out->trouble,
	    "the clock of this machine is wrong: certificates wait until it is "
	    "set");
	w->out->next = acme_now(w) + SOON;
	if (w->o->renew != NULL)
		answer(w, RC_TEMP, "the clock of this machine is wrong");
	return false;
}

void
acme_work(const struct acme_work_opts *o, struct acme_work_result *out)
{
	struct acme_run w = {.o = o, .out = out};
	struct acme_names names;
	bool fresh;
	size_t i;

	out->next = acme_now(&w) + DAY;
	if (!has_clock(&w))
		return;
	buf_init(&w.saved, ACME_STATE_MAX);
	acme_load_state(&w);
	w.account = acme_key_of(&w, ACCOUNT_FILE, &fresh);
	if (fresh)
		w.state.account[0] = '\0';
	acme_names_host(o->hostname, &names);
	look_at(&w, &names, true);
	for (i = 0; i < o->ndomain && !w.stop; i++)
		if (acme_names_domain(o->domain[i], o->hostname, &names))
			look_at(&w, &names, false);
	if (!w.stop)
		(void)acme_save_state(&w);
	if (o->renew != NULL && out->rc == RC_MORE)
		answer(&w, RC_NOTFOUND,
		    "no certificate of this server has the name %.200s",
		    o->renew);
	if (out->next < acme_now(&w) + SOON)
		out->next = acme_now(&w) + SOON;
	acme_key_free(&w.account);
	acme_state_fini(&w.state);
	buf_fini(&w.saved);
}
