/* The configuration and the certificate that are in force: read, checked, and
 * sealed for the processes. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/io.h"
#include "cmd/run/certs.h"
#include "cmd/run/name_service.h"
#include "cmd/supervisor/certificate.h"
#include "cmd/supervisor/look.h"
#include "cmd/supervisor/supervisor_priv.h"

#define DOMAIN_TROUBLE_MAX 4096

/* A text as a sealed memory file, for the children. */
static int
seal(const char *name, struct sv text)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	must(fd >= 0 && io_write_all(fd, text.p, text.n) == RC_OK);
	(void)fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	return fd;
}

/* Until the server runs, somebody watches its start; then the log is events. */
static void
tell_errors(const struct super *s, const struct conf_errors *errors)
{
	char q[LOG_Q_MAX];
	struct buf out;
	size_t i;

	if (s->conf == NULL) {
		buf_init(&out, 65536);
		conf_errors_print(errors, s->o->config, &out);
		(void)!io_write_all(2, out.p, out.n);
		buf_fini(&out);
		return;
	}
	for (i = 0; i < errors->n && i < CONF_ERRORS_MAX; i++)
		mlog(LOG_ERROR, "reload.error",
		    "file=%s line=%u column=%u text=%s", s->o->config,
		    errors->e[i].line, errors->e[i].column,
		    log_q(q, sv_str(errors->e[i].text)));
}

int
super_load(
    struct super *s, struct conf **conf_out, int *fd_out, struct err *err)
{
	struct conf_errors errors;
	struct buf text;
	int r;

	buf_init(&text, CONF_FILE_MAX);
	r = conf_load(s->o->config, &text, conf_out, &errors);
	if (r == RC_OK) {
		*fd_out = seal("configuration", buf_sv(&text));
	} else {
		tell_errors(s, &errors);
		(void)err_set(err, RC_SYNTAX, "%s:%u:%u: %s", s->o->config,
		    errors.e[0].line, errors.e[0].column, errors.e[0].text);
	}
	buf_fini(&text);
	return r;
}

/* ---- the certificate ---- */

/* Those that are in use, but for what `domain` has; "": the server's own. */
static void
put_others(const struct super *s, bool domains, struct buf *out)
{
	struct certs_one one;
	struct buf all;
	struct err err;
	struct sv rest;

	if (s->certs_fd < 0)
		return;
	if (certs_read(s->certs_fd, &all, &err) == RC_OK)
		for (rest = buf_sv(&all); certs_next(&rest, &one);)
			if ((one.domain.n > 0) == domains)
				certs_put(out, &one);
	buf_wipe(&all);
}

static void
show_certificates(struct super *s, const struct buf *all)
{
	io_close(&s->certs_fd);
	s->certs_fd = seal("certificates", buf_sv(all));
}

static void
show_certificate(struct super *s, const struct buf *cert, const struct buf *key)
{
	const struct certs_one own = {SV(""), buf_sv(cert), buf_sv(key)};
	struct buf all;

	buf_init(&all, CERTS_MAX);
	certs_put(&all, &own);
	put_others(s, true, &all);
	show_certificates(s, &all);
	buf_wipe(&all);
}

/* ---- those of domains ---- */

/* What the domain has had until now. */
static bool
find_used(struct sv all, const char *domain, struct certs_one *out)
{
	while (certs_next(&all, out))
		if (out->domain.n > 0 && sv_eq(out->domain, sv_str(domain)))
			return true;
	return false;
}

static void
put_domain(struct super *s, const struct conf *conf,
    const struct conf_domain *d, struct sv used, struct buf *out)
{
	struct certs_one one = {.domain = SV("")};
	struct buf cert, key;
	struct err err;
	bool old = false;

	buf_init(&cert, CERTS_FILE_MAX);
	buf_init(&key, CERTS_FILE_MAX);
	if (certificate_load_pair(conf, d->tls_certificate, d->tls_key, &cert,
		&key, &err) == RC_OK) {
		one = (struct certs_one){
		    sv_str(d->name), buf_sv(&cert), buf_sv(&key)};
	} else {
		old = find_used(used, d->name, &one);
		mlog(LOG_WARN, "tls.domain.unusable",
		    "domain=%s text=\"%s\" what=\"%s\"", d->name, err.text,
		    old ? "the old one stays in use"
			: "the server's own serves");
		buf_addf(&s->domain_trouble,
		    "the certificate of %s cannot be used: %s; %s until this "
		    "is "
		    "fixed\n",
		    d->name, err.text,
		    old ? "the one before is used"
			: "clients get the server's own");
	}
	if (one.domain.n > 0)
		certs_put(out, &one);
	buf_wipe(&key);
	buf_fini(&cert);
}

bool
super_take_domain_certificates(struct super *s, const struct conf *conf)
{
	uint64_t stamp = certificate_domain_stamp(conf);
	struct buf used, all;
	struct err err;
	bool changed;
	size_t i;

	if (certs_read(s->certs_fd, &used, &err) != RC_OK) {
		buf_fini(&used);
		return false;
	}
	s->domain_stamp = stamp;
	buf_fini(&s->domain_trouble);
	buf_init(&s->domain_trouble, DOMAIN_TROUBLE_MAX);
	buf_init(&all, CERTS_MAX);
	put_others(s, false, &all);
	for (i = 0; i < conf->ndomain; i++)
		if (conf->domain[i].tls_certificate != NULL)
			put_domain(
			    s, conf, &conf->domain[i], buf_sv(&used), &all);
	changed = !sv_eq(buf_sv(&used), buf_sv(&all));
	if (changed)
		show_certificates(s, &all);
	buf_wipe(&all);
	buf_wipe(&used);
	return changed;
}

/* Takes up the configured certificate, if it fits. */
int
super_take_certificate(
    struct super *s, const struct conf *conf, struct err *err)
{
	/* Before reading: a change behind it is seen next time. */
	uint64_t stamp = certificate_stamp(conf);
	struct buf cert, key;
	int r;

	buf_init(&cert, 1 << 20);
	buf_init(&key, 1 << 20);
	r = certificate_load(conf, &cert, &key, err);
	if (r == RC_OK) {
		show_certificate(s, &cert, &key);
		certificate_keep(conf, buf_sv(&cert), buf_sv(&key));
		s->cert_stamp = stamp;
		s->cert_trouble[0] = '\0';
		s->port25_only = false;
	}
	buf_wipe(&key);
	buf_fini(&cert);
	return r;
}

/* Other hosts do not look who has signed our certificate, so that port 25 has
 * always one. */
int
super_take_substitute(struct super *s, const char *why, struct err *err)
{
	bool for_clients = false;
	struct buf cert, key;
	int r;

	buf_init(&cert, 4 << 20);
	buf_init(&key, 4 << 20);
	r = certificate_substitute(s->conf, &cert, &key, &for_clients, err);
	if (r == RC_OK) {
		show_certificate(s, &cert, &key);
		s->port25_only = !for_clients;
		s->cert_told = certificate_stamp(s->conf);
		s->cert_stamp = ~s->cert_told;
		(void)snprintf(s->cert_trouble, sizeof s->cert_trouble,
		    "%.290s; %s until this is fixed; no reload is "
		    "needed",
		    why,
		    for_clients ? "the last good one is used"
				: "port 25 serves, imap, pop3 and submission "
				  "do not");
		mlog(LOG_ERROR, "tls.unusable", "text=\"%s\"", s->cert_trouble);
	}
	buf_wipe(&key);
	buf_wipe(&cert);
	return r;
}

/* ---- what may be wrong with a configuration ---- */

/* Puts the place before what was wrong with it. */
int
super_at_place(
    const struct conf *conf, struct conf_place at, int r, struct err *err)
{
	struct err plain = *err;
	char place[CONF_PLACE_MAX];

	if (r != RC_OK && at.line > 0)
		(void)err_set(err, r, "%s%s", conf_place_print(conf, at, place),
		    plain.text);
	return r;
}

int
super_check_domain_certificates(const struct conf *conf, struct err *err)
{
	const struct conf_domain *d;
	size_t i;
	int r;

	for (i = 0; i < conf->ndomain; i++) {
		d = &conf->domain[i];
		if (d->tls_certificate == NULL)
			continue;
		r = certificate_load_pair(
		    conf, d->tls_certificate, d->tls_key, NULL, NULL, err);
		if (r == RC_OK)
			continue;
		look_explain(LOOK_READ, d->tls_certificate, err);
		if (strstr(err->text, d->tls_certificate) == NULL)
			look_explain(LOOK_READ, d->tls_key, err);
		return super_at_place(conf, d->certificate_at, r, err);
	}
	return RC_OK;
}

int
super_check_certificate(const struct conf *conf, struct err *err)
{
	int r = certificate_load(conf, NULL, NULL, err);

	if (r != RC_OK && conf->tls_certificate != NULL) {
		look_explain(LOOK_READ, conf->tls_certificate, err);
		if (strstr(err->text, conf->tls_certificate) == NULL)
			look_explain(LOOK_READ, conf->tls_key, err);
	}
	return super_at_place(conf, certificate_place(conf), r, err);
}

int
super_check_name_service(const struct conf *conf, struct err *err)
{
	int r = name_service_check(conf, err);

	return super_at_place(conf, name_service_place(conf, err), r, err);
}

void
super_log_open(void *arg, const char *text)
{
	char q[LOG_Q_MAX];

	(void)arg;
	mlog(LOG_WARN, "files.open", "text=%s", log_q(q, sv_str(text)));
}
