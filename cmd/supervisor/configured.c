/* The configuration and the certificate that are in force: read, checked, and
 * sealed for the processes. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/io.h"
#include "cmd/run/name_service.h"
#include "cmd/supervisor/certificate.h"
#include "cmd/supervisor/look.h"
#include "cmd/supervisor/supervisor_priv.h"

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

static void
show_certificate(struct super *s, const struct buf *cert, const struct buf *key)
{
	io_close(&s->cert_fd);
	io_close(&s->key_fd);
	s->cert_fd = seal("certificate", buf_sv(cert));
	s->key_fd = seal("key", buf_sv(key));
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
