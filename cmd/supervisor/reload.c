/* A new configuration or certificate while the server runs: applied as a whole,
 * or not at all. */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "cmd/supervisor/acme.h"
#include "cmd/supervisor/certificate.h"
#include "cmd/supervisor/datadir.h"
#include "cmd/supervisor/preflight.h"
#include "cmd/supervisor/published.h"
#include "cmd/supervisor/sd_notify.h"
#include "cmd/supervisor/supervisor_priv.h"

/* Old and new differ in what a listener cannot swap while it runs. */
static bool
needs_new_listeners(const struct conf *a, const struct conf *b)
{
	return strcmp(a->hostname, b->hostname) != 0;
}

static int
reload(struct super *s, struct err *err)
{
	struct conf *fresh = NULL, *old = s->conf;
	struct super_sockets *sockets = &s->sockets;
	bool changed = false, other;
	int fd = -1, r;

	r = super_load(s, &fresh, &fd, err);
	if (r != RC_OK)
		return r;
	if (strcmp(fresh->data, old->data) != 0)
		r = super_at_place(fresh, fresh->data_at,
		    err_set(err, RC_PERM,
			"data: the folder cannot be changed while the server "
			"is running; restart it"),
		    err);
	if (r == RC_OK && fresh->sandbox != old->sandbox)
		r = err_set(err, RC_PERM,
		    "sandbox: processes are confined when they start; restart "
		    "the server");
	if (r == RC_OK)
		r = folders_make(fresh, s->user, err);
	if (r == RC_OK)
		r = super_check_certificate(fresh, err);
	if (r == RC_OK)
		r = super_check_domain_certificates(fresh, err);
	if (r == RC_OK)
		r = super_check_name_service(fresh, err);
	if (r == RC_OK)
		r = sockets_open(sockets, fresh, SOCKETS_ALL, &changed, err);
	other = certificate_stamp(fresh) != s->cert_stamp;
	if (r == RC_OK)
		r = super_take_certificate(s, fresh, err);
	if (r != RC_OK) {
		conf_free(&fresh);
		io_close(&fd);
		return r;
	}
	other = other || changed || needs_new_listeners(old, fresh);
	other |= super_take_domain_certificates(s, fresh);
	s->conf = fresh;
	log_set_json(fresh->log_json);
	conf_free(&old);
	io_close(&s->conf_fd);
	s->conf_fd = fd;
	s->generation++;
	if (other)
		procs_replace_listeners(s);
	procs_send_conf(s);
	procs_stop_removed(s);
	published_again(s->published);
	acme_schedule_again(s->acme);
	(void)preflight_open_files(s->conf, s->o->config, super_log_open, NULL);
	mlog(LOG_INFO, "reload", "generation=%u listeners=%s", s->generation,
	    other ? "new" : "kept");
	return RC_OK;
}

void
super_reload(struct super *s, struct err *err)
{
	/* mx may still be draining: nobody new comes. */
	if (s->stopping) {
		(void)err_set(err, RC_TEMP, "the server is stopping");
		return;
	}
	notify_reloading();
	if (reload(s, err) != RC_OK)
		mlog(LOG_ERROR, "reload.refused",
		    "text=\"%s\" what=\"nothing "
		    "has changed\"",
		    err->text);
	/* Either way: it serves. */
	if (s->announced)
		notify("READY=1");
}

/* While we run: the pair that we have stays in use.  Perhaps only one of the
 * two files is written yet. */
static void
cert_is_unusable(struct super *s, uint64_t stamp, const struct err *err)
{
	if (stamp == s->cert_told)
		return;
	s->cert_told = stamp;
	mlog(LOG_WARN, "tls.changed.unusable",
	    "text=\"%s\" what=\"the old certificate stays in use\"", err->text);
	if (s->port25_only)
		return;
	(void)snprintf(s->cert_trouble, sizeof s->cert_trouble,
	    "%.290s; the last good one is used until this is fixed; no "
	    "reload is needed",
	    err->text);
}

static void
use_new_certificates(struct super *s)
{
	struct err err;
	bool changed;

	mlog(LOG_INFO, "tls.changed", "text=\"using the new certificate\"");
	/* What was closed for want of it. */
	if (sockets_open(&s->sockets, s->conf, SOCKETS_ALL, &changed, &err) !=
	    RC_OK)
		mlog(LOG_ERROR, "listen.fail", "text=\"%s\"", err.text);
	s->generation++;
	procs_replace_listeners(s);
	procs_send_conf(s);
}

void
super_watch_certificate(void *arg)
{
	struct super *s = arg;
	bool changed = false;
	uint64_t stamp;
	struct err err;

	/* The clock may have been set right since it was made. */
	if (!s->stopping && certificate_make(s->conf, &err) != RC_OK)
		mlog(
		    LOG_ERROR, "tls.self-signed.fail", "text=\"%s\"", err.text);
	stamp = certificate_stamp(s->conf);
	(void)ev_timer_add(
	    s->loop, SUPER_CERT_POLL_MS, super_watch_certificate, s);
	if (s->stopping)
		return;
	if (certificate_domain_stamp(s->conf) != s->domain_stamp)
		changed = super_take_domain_certificates(s, s->conf);
	if (stamp == s->cert_stamp) {
		s->cert_trouble[0] = '\0';
	} else if (super_take_certificate(s, s->conf, &err) == RC_OK) {
		changed = true;
	} else {
		cert_is_unusable(s, stamp, &err);
	}
	if (changed)
		use_new_certificates(s);
}
