/* One attempt to get a certificate: orders, names that are left out, and what
 * is remembered of it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acme/work_priv.h"
#include "base/io.h"
#include "base/log.h"

#define DAY	  86400
#define DROPS_MAX 5

/* ---- talking ---- */

static enum acme_way
other_way(enum acme_way way)
{
	return way == ACME_BY_HTTP ? ACME_BY_TLS : ACME_BY_HTTP;
}

/* In which way each name is proved first: what is seen to be the only one; else
 * what has worked before, or comes next.  A way that has failed is not believed
 * because it is seen.  *able is 0: there is none, and *f says why. */
static void
choose_ways(struct acme_run *w, struct acme_set *s, unsigned *able,
    struct acme_failure *f)
{
	const struct acme_world *world = &w->o->world;
	unsigned seen, i;

	*able = ACME_WAY_BIT(ACME_BY_HTTP);
	for (i = 0; i < s->names.n; i++) {
		enum acme_way way = s->r->way;

		seen = 0;
		if (world->ways != NULL)
			world->ways(
			    world->arg, s->names.name[i], able, &seen, f->why);
		seen &= *able & ~s->r->failed_ways;
		if (seen == ACME_WAY_BIT(ACME_BY_HTTP))
			way = ACME_BY_HTTP;
		if (seen == ACME_WAY_BIT(ACME_BY_TLS))
			way = ACME_BY_TLS;
		if (!(*able & ACME_WAY_BIT(way)))
			way = other_way(way);
		s->names.way[i] = way;
		s->names.tried[i] = 0;
	}
}

/* One way did not work: now in the other, those that have not been tried in it?
 * All change together, since they have one way to the server as a rule. */
static bool
change_ways(struct acme_set *s, unsigned able, const struct acme_failure *f)
{
	enum acme_way other = other_way(f->way);
	bool changed = false;
	unsigned i, j;

	if (!f->of_proof || !(able & ACME_WAY_BIT(other)))
		return false;
	for (i = 0; i < s->names.n; i++)
		for (j = 0; j < f->nname; j++)
			if (strcmp(s->names.name[i], f->name[j]) == 0)
				s->names.tried[i] |= ACME_WAY_BIT(f->way);
	for (i = 0; i < s->names.n; i++)
		if (s->names.way[i] == f->way &&
		    !(s->names.tried[i] & ACME_WAY_BIT(other))) {
			s->names.way[i] = other;
			changed |= s->names.tried[i] != 0;
		}
	return changed;
}

/* Drives one order to its end; false: it failed. */
static bool
drive(struct acme_run *w, struct acme_order *o)
{
	const struct acme_world *world = &w->o->world;
	struct acme_shown shown;
	struct acme_request r;
	struct acme_response got;
	struct err err;

	for (;;)
		switch (acme_order_next(o)) {
		case ACME_SEND:
			acme_order_request(o, &r);
			if (acme_send(w, &r, &got, &err) == RC_OK)
				acme_order_answer(o, &got, acme_now(w));
			else
				acme_order_lost(o, err.text);
			buf_fini(&r.body);
			break;
		case ACME_PRESENT:
			acme_order_shown(o, &shown);
			acme_order_presented(o,
			    world->show(world->arg, &shown, true, &err) == RC_OK
				? NULL
				: err.text);
			break;
		case ACME_WAIT:
			if (!world->wait(world->arg, acme_order_wait_s(o))) {
				w->stop = true;
				return false;
			}
			acme_order_waited(o);
			break;
		case ACME_FINISHED:
			return true;
		case ACME_FAILED:
			return false;
		}
}

/* ---- a new certificate ---- */

/* Is what came what was asked for?  Then it goes to the disk, with its key. */
static int
adopt(struct acme_run *w, struct acme_set *s, struct sv chain,
    const struct acme_key *key, struct err *err)
{
	struct acme_certificate c;
	char path[ACME_NAME_MAX + 32];
	struct buf pem;
	unsigned i;
	int r;

	buf_init(&pem, FILE_MAX);
	r = acme_chain_clean(chain, key, &pem, err);
	if (r == RC_OK)
		r = acme_certificate_read(buf_sv(&pem), &c, err);
	if (r == RC_OK && !acme_certificate_is_of(buf_sv(&pem), key))
		r = err_set(err, RC_SYNTAX, "it is of another key");
	for (i = 0; r == RC_OK && i < s->names.n; i++)
		if (!acme_certificate_has(&c, s->names.name[i]))
			r = err_set(err, RC_SYNTAX, "it does not name %.100s",
			    s->names.name[i]);
	if (r == RC_OK &&
	    (c.not_after <= acme_now(w) || c.not_before > acme_now(w) + DAY))
		r = err_set(
		    err, RC_SYNTAX, "it is not good now: is the clock right?");
	if (r == RC_OK) {
		acme_key_print(key, &pem);
		acme_path_of(s, ".pem", path);
		r = io_replace_file(path, buf_sv(&pem), 0600, err);
	}
	if (r == RC_OK) {
		s->has = true;
		s->certificate = c;
		buf_set(&s->pem, buf_sv(&pem));
	}
	buf_wipe(&pem);
	return r;
}

static void
note_success(struct acme_run *w, struct acme_set *s)
{
	struct acme_record *r = s->r;
	char until[32];
	unsigned i;

	r->life.issued = acme_now(w);
	r->life.failures = r->cuts = 0;
	r->life.failed = r->life.not_sooner = r->first_failed = 0;
	r->life.window_start = r->life.window_end = r->life.window_seen = 0;
	r->window_id[0] = r->explanation[0] = r->why[0] = '\0';
	r->ask_window = 0;
	r->told = 0;
	r->way = s->names.way[0];
	r->failed_ways = 0;
	for (i = 0; i < s->names.n; i++)
		acme_record_clear(r, s->names.name[i]);
	acme_print_day(s->certificate.not_after, until);
	mlog(LOG_INFO, "acme.issued",
	    "certificate=%s names=%u until=\"%s\" by=%s", s->wanted.file,
	    s->names.n, until, acme_way_name(r->way));
}

static void
note_failure(
    struct acme_run *w, struct acme_set *s, const char *why, int64_t wait_s)
{
	struct acme_record *r = s->r;
	char q[LOG_Q_MAX];

	r->cuts = 0;
	r->life.failures++;
	r->life.failed = acme_now(w);
	if (r->first_failed == 0)
		r->first_failed = acme_now(w);
	r->life.not_sooner = wait_s > 0 ? acme_now(w) + wait_s : 0;
	sv_copy(
	    sv_first(sv_str(why), sizeof r->why - 1), r->why, sizeof r->why);
	mlog(LOG_WARN, "acme.fail", "certificate=%s failures=%u text=%s",
	    s->wanted.file, r->life.failures, log_q(q, sv_str(why)));
}

/* One order; what it blamed in *f. */
static bool
order_once(struct acme_run *w, struct acme_set *s, unsigned able,
    struct acme_failure *f)
{
	const char *name[ACME_NAMES_MAX];
	struct acme_key *key;
	struct acme_order_opts opts = {.account = w->account,
	    .directory = w->o->directory,
	    .account_url = w->state.account,
	    .email = w->o->email,
	    .external_id = w->o->external_id,
	    .external_secret = w->o->external_secret,
	    .name = name,
	    .way = s->names.way,
	    .nname = s->names.n,
	    .ways = able,
	    .replaces = s->has ? s->certificate.id : ""};
	const struct acme_shown all = {.token = "", .name = "", .text = ""};
	struct err err = {.text = ""};
	struct acme_order *o;
	struct buf der;
	unsigned i;
	bool good;

	*f = (struct acme_failure){.wait_s = -1};
	key = acme_key_for(w, s);
	if (key == NULL)
		return false;
	for (i = 0; i < s->names.n; i++)
		name[i] = s->names.name[i];
	buf_init(&der, 65536);
	acme_request_der(key, name, s->names.n, &der);
	opts.request = buf_sv(&der);
	o = acme_order_new(&opts);
	good = drive(w, o);
	(void)w->o->world.show(w->o->world.arg, &all, false, &err);
	if (!w->stop)
		sv_copy(sv_str(acme_order_account(o)), w->state.account,
		    sizeof w->state.account);
	*f = *acme_order_failure(o);
	if (good && adopt(w, s, acme_order_chain(o), key, &err) != RC_OK) {
		(void)snprintf(f->why, sizeof f->why,
		    "the certificate that came cannot be used: %.200s",
		    err.text);
		good = false;
	}
	acme_order_free(&o);
	buf_fini(&der);
	acme_key_free(&key);
	return good;
}

/* Leaves out the names that were to blame; false: then there is nothing left,
 * or it was not about names. */
static bool
drop_blamed(
    struct acme_run *w, struct acme_set *s, const struct acme_failure *f)
{
	unsigned i;

	if (f->nname == 0 || s->wanted.n == 1)
		return false;
	for (i = 0; i < f->nname; i++) {
		acme_record_blame(s->r, f->name[i], f->why, acme_now(w));
		acme_names_drop(&s->names, f->name[i]);
		mlog(LOG_WARN, "acme.name", "name=%s text=\"it is left out\"",
		    f->name[i]);
	}
	return s->names.n > 0;
}

/* Is there something to gain without them? */
bool
acme_is_worth_it(struct acme_run *w, struct acme_set *s)
{
	struct acme_life l = acme_life_of(s);
	int64_t t = acme_now(w);

	if (acme_loses_names(s) && acme_is_good(w, s) &&
	    acme_renew_urgency(
		s->r->first_failed, s->certificate.not_after, t) == 0)
		return false;
	l.failures = 0;
	return s->wished || acme_renew_at(&l) <= t;
}

static void
note_change(struct acme_set *s, const struct acme_failure *f)
{
	char q[LOG_Q_MAX];

	s->r->failed_ways |= ACME_WAY_BIT(f->way);
	mlog(LOG_WARN, "acme.way", "certificate=%s next=%s text=%s",
	    s->wanted.file, acme_way_name(other_way(f->way)),
	    log_q(q, sv_str(f->why)));
}

/* The next attempt begins with the other way. */
static void
note_ways(
    struct acme_set *s, unsigned able, bool changed, struct acme_failure *f)
{
	char why[ERR_TEXT_MAX];
	enum acme_way other = other_way(f->way);

	if (!f->of_proof)
		return;
	s->r->failed_ways |= ACME_WAY_BIT(f->way);
	if (able & ACME_WAY_BIT(other))
		s->r->way = other;
	if (!changed)
		return;
	memcpy(why, f->why, sizeof why);
	(void)snprintf(f->why, sizeof f->why,
	    "over port %u it was in vain, too; %.350s", acme_way_port(other),
	    why);
}

void
acme_order_certificate(struct acme_run *w, struct acme_set *s)
{
	struct acme_failure f = {.wait_s = -1};
	unsigned drops, able, changes = 0;

	choose_ways(w, s, &able, &f);
	for (drops = 0; able != 0 && drops < DROPS_MAX; drops++) {
		s->r->begun = acme_now(w);
		if (!acme_save_state(w)) {
			s->r->begun = 0;
			return;
		}
		if (order_once(w, s, able, &f)) {
			s->r->begun = 0;
			note_success(w, s);
			(void)acme_save_state(w);
			w->o->world.have(w->o->world.arg, s->wanted.file,
			    buf_sv(&s->pem), true);
			return;
		}
		s->r->begun = 0;
		/* The owner has ended it, or it has not begun. */
		if (w->stop || w->stuck) {
			(void)acme_save_state(w);
			return;
		}
		/* At once only in the first attempt: failures are counted by
		 * the hour. */
		if (s->r->life.failures == 0 && f.wait_s <= 0 &&
		    changes < ACME_WAYS && change_ways(s, able, &f)) {
			changes++;
			note_change(s, &f);
			continue;
		}
		note_ways(s, able, changes > 0, &f);
		/* Who says when has not said now. */
		if (!drop_blamed(w, s, &f) || f.wait_s > 0 ||
		    !acme_is_worth_it(w, s))
			break;
	}
	/* Without the names that do not work all is well. */
	if (s->names.n > 0 && f.nname > 0 && s->wanted.n > 1 &&
	    !acme_loses_names(s) && acme_is_good(w, s))
		return;
	/* Of all that is ordered, not of some names. */
	w->limited |= f.limited && f.nname == 0;
	note_failure(w, s, f.why, f.wait_s);
	(void)acme_save_state(w);
}
