/* Our own folder: the state, keys and certificates in it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acme/work_priv.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"

#define STATE_FILE "state.json"

/* A line that does not fit is left out whole. */
void
acme_say(struct buf *out, const char *fmt, ...)
{
	size_t before = out->n;
	va_list ap;

	va_start(ap, fmt);
	buf_addv(out, fmt, ap);
	va_end(ap);
	buf_addc(out, '\n');
	if (!buf_ok(out)) {
		buf_truncate(out, before);
		out->failed = false;
	}
}

void
acme_print_day(int64_t s, char out[32])
{
	struct clk_tm t;

	clk_civil(s, &t);
	(void)snprintf(out, 32, "%04d-%02d-%02d %02d:%02d UTC", t.year, t.month,
	    t.day, t.hour, t.minute);
}

/* What is past and was not done now waits for something else. */
void
acme_look_again(struct acme_run *w, int64_t at)
{
	if (at > acme_now(w) && at < w->out->next)
		w->out->next = at;
}

/* One that cannot be used is kept, for people, and is not in the way. */
static void
set_aside(struct acme_run *w, const char *name, const char *why)
{
	char aside[ACME_NAME_MAX + 64];

	(void)snprintf(aside, sizeof aside, "%.300s.bad", name);
	if (rename(name, aside) != 0)
		(void)unlink(name);
	mlog(LOG_ERROR, "acme.damaged",
	    "file=acme/%s text=\"%s\" what=\"it is now acme/%s, and made "
	    "anew\"",
	    name, why, aside);
	acme_say(&w->out->trouble,
	    "the file acme/%s could not be used (%s): it is now acme/%s, and "
	    "made anew",
	    name, why, aside);
}

/* What cannot be remembered would be done again and again: from now on nothing
 * is ordered in this run. */
static void
cannot(struct acme_run *w, const char *why)
{
	if (!w->stuck) {
		mlog(LOG_ERROR, "acme.stuck", "text=\"%s\"", why);
		acme_say(&w->out->trouble,
		    "no certificate is ordered now: in the folder acme of the "
		    "state, %s",
		    why);
	}
	w->stuck = true;
	acme_look_again(w, acme_now(w) + ACME_STUCK);
}

/* False: cannot() was called. */
bool
acme_write_file(struct acme_run *w, const char *name, struct sv content)
{
	struct err err;

	if (io_replace_file(name, content, 0600, &err) == RC_OK)
		return true;
	cannot(w, err.text);
	return false;
}

bool
acme_save_state(struct acme_run *w)
{
	struct buf text;
	bool good = true;

	buf_init(&text, ACME_STATE_MAX);
	acme_state_print(&w->state, &text);
	if (!buf_ok(&text)) {
		cannot(w, STATE_FILE " would be too large");
		good = false;
	} else if (!sv_eq(buf_sv(&text), buf_sv(&w->saved))) {
		good = acme_write_file(w, STATE_FILE, buf_sv(&text));
		if (good)
			buf_set(&w->saved, buf_sv(&text));
	}
	buf_fini(&text);
	return good;
}

void
acme_load_state(struct acme_run *w)
{
	struct buf text;
	struct err err = {.text = ""};
	unsigned i;
	int r;

	buf_init(&text, ACME_STATE_MAX);
	r = io_read_file(STATE_FILE, &text, &err);
	if (r == RC_OK)
		r = acme_state_read(buf_sv(&text), &w->state, &err);
	if (r == RC_OK)
		buf_set(&w->saved, buf_sv(&text));
	else if (r == RC_IO)
		cannot(w, err.text);
	else if (r != RC_NOTFOUND)
		set_aside(w, STATE_FILE, err.text);
	buf_fini(&text);
	for (i = 0; i < w->state.nrecord; i++)
		if (acme_record_resume(&w->state.record[i], acme_now(w)))
			mlog(LOG_WARN, "acme.cut", "certificate=%s failures=%u",
			    w->state.record[i].file,
			    w->state.record[i].life.failures);
	/* With another authority the account is another, and what the one
	 * before has refused does not count. */
	if (strcmp(w->state.directory, w->o->directory) != 0) {
		w->state.account[0] = '\0';
		sv_copy(sv_first(sv_str(w->o->directory), ACME_URL_MAX - 1),
		    w->state.directory, ACME_URL_MAX);
		for (i = 0; i < w->state.nrecord; i++) {
			w->state.record[i].life.failures = 0;
			w->state.record[i].life.not_sooner = 0;
			w->state.record[i].life.issued = 0;
			w->state.record[i].window_id[0] = '\0';
			w->state.record[i].nbad = 0;
		}
	}
}

/* The key in a file, or a new one, which is written first: what has never been
 * on the disk has never been used.  NULL: it cannot be had now. */
struct acme_key *
acme_key_of(struct acme_run *w, const char *file, bool *fresh)
{
	struct acme_key *k = NULL;
	struct err err = {.text = ""};
	struct buf pem;
	int r;

	*fresh = false;
	buf_init(&pem, FILE_MAX);
	r = io_read_file(file, &pem, &err);
	if (r == RC_OK)
		r = acme_key_read(buf_sv(&pem), &k, &err);
	if (r == RC_IO) {
		cannot(w, err.text);
	} else if (r != RC_OK) {
		if (r != RC_NOTFOUND)
			set_aside(w, file, err.text);
		k = acme_key_new();
		buf_wipe(&pem);
		acme_key_print(k, &pem);
		*fresh = true;
		if (!acme_write_file(w, file, buf_sv(&pem)))
			acme_key_free(&k);
	}
	buf_wipe(&pem);
	return k;
}

void
acme_path_of(
    const struct acme_set *s, const char *end, char out[ACME_NAME_MAX + 32])
{
	(void)snprintf(out, ACME_NAME_MAX + 32, "%s%s", s->wanted.file, end);
}

void
acme_load_certificate(struct acme_run *w, struct acme_set *s)
{
	char path[ACME_NAME_MAX + 32];
	struct acme_key *key = NULL;
	struct err err = {.text = ""};
	int r;

	acme_path_of(s, ".pem", path);
	r = io_read_file(path, &s->pem, &err);
	if (r == RC_NOTFOUND)
		return;
	if (r == RC_IO) {
		/* It is there: another one would be in its place. */
		cannot(w, err.text);
		return;
	}
	if (r == RC_OK)
		r = acme_certificate_read(
		    buf_sv(&s->pem), &s->certificate, &err);
	if (r == RC_OK)
		r = acme_key_read(buf_sv(&s->pem), &key, &err);
	if (r == RC_OK && !acme_certificate_is_of(buf_sv(&s->pem), key))
		r = err_set(&err, RC_SYNTAX, "its key is another");
	acme_key_free(&key);
	s->has = r == RC_OK;
	if (r != RC_OK) {
		set_aside(w, path, err.text);
		buf_wipe(&s->pem);
		buf_init(&s->pem, FILE_MAX);
	}
}

bool
acme_is_good(const struct acme_run *w, const struct acme_set *s)
{
	return s->has && s->certificate.not_after > acme_now(w);
}

/* What the certificate says, beside what is remembered. */
struct acme_life
acme_life_of(const struct acme_set *s)
{
	struct acme_life l = s->r->life;
	unsigned i;

	if (!s->has)
		return l;
	l.not_before = s->certificate.not_before;
	l.not_after = s->certificate.not_after;
	for (i = 0; i < s->names.n; i++)
		if (!acme_certificate_has(&s->certificate, s->names.name[i]))
			l.lacks_names = true;
	/* The window is that of one certificate. */
	if (strcmp(s->r->window_id, s->certificate.id) != 0)
		l.window_start = l.window_end = 0;
	return l;
}

/* Would the new certificate lack what the one in use has? */
bool
acme_loses_names(const struct acme_set *s)
{
	unsigned i;

	for (i = 0; s->has && i < s->wanted.n; i++)
		if (!acme_names_has(&s->names, s->wanted.name[i]) &&
		    acme_certificate_has(&s->certificate, s->wanted.name[i]))
			return true;
	return false;
}
