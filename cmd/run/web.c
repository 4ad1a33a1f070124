/* The listener of HTTP: sockets in, TLS, challenges; no files, no connection
 * out, no way to the mail. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "cmd/run/certs.h"
#include "cmd/run/listener.h"
#include "net/sni.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"
#include "net/tls.h"
#include "web/front.h"
#include "web/service.h"

#define METRICS_AGE_MS 1000

struct state {
	struct listening l; /* must be first */
	struct web_site *site;
	struct web_service *service;
	struct peer *auth;
	struct sni *sni;
	struct conf *served; /* whose certificates sni may have */
};

/* What is of a domain that is gone, or what acme has got before it was turned
 * off, is not shown any more. */
static bool
is_wanted(void *arg, struct sv id)
{
	const struct conf *conf = arg;
	struct sv domain;
	bool files = sv_starts(id, SV(CERT_ID_FILES));
	size_t i;

	if (!files && !(conf->acme.on && sv_starts(id, SV(CERT_ID_ACME))))
		return false;
	domain = sv_skip(
	    id, files ? sizeof CERT_ID_FILES - 1 : sizeof CERT_ID_ACME - 1);
	for (i = 0; i < conf->ndomain; i++)
		if (sv_eq(domain, sv_str(conf->domain[i].name)))
			return files ==
			       (conf->domain[i].tls_certificate != NULL);
	return false;
}

static void
serve_only(struct state *st)
{
	struct conf *old = st->served;

	st->served = child_conf(&st->l.child);
	sni_allow(st->sni, is_wanted, st->served);
	conf_free(&old);
}

/* The wiring lets only those come who get certificates. */
static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	struct state *st = c->arg;

	(void)account;
	if (role == ROLE_AUTH)
		peer_connect(st->auth, fd);
	else
		web_service_add(st->service, fd);
}

static void
on_conf(struct child *c)
{
	struct state *st = c->arg;

	serve_only(st);
	web_site_set_conf(st->site, c->conf_now);
	listening_conf(c);
}

/* From any thread. */
static void
ask_metrics(void *arg)
{
	const struct ctl_errand asked = {
	    .what = ERRAND_METRICS, .ms = METRICS_AGE_MS};
	struct state *st = arg;
	struct msg m;

	msg_init(&m, CTL_ERRAND);
	ctl_errand_put(&m, &asked);
	child_tell(&st->l.child, &m);
}

static void
on_control(struct child *c, struct msg *m)
{
	struct state *st = c->arg;
	struct ctl_errand_done done;
	struct buf text;
	int r;

	if (m->type != CTL_ERRAND_DONE ||
	    ctl_errand_done_get(m, &done) != RC_OK)
		return;
	buf_init(&text, HTTP_BODY_MAX);
	r = done.rc;
	if (r == RC_OK)
		r = done.fd >= 0 && lseek(done.fd, 0, SEEK_SET) == 0
			? io_read_rest(done.fd, &text)
			: RC_TEMP;
	web_site_metrics(st->site, r, buf_sv(&text));
	buf_fini(&text);
	ctl_errand_done_fini(&done);
}

static const struct child_ops ops = {.control = on_control,
    .status = listening_status,
    .let_in = listening_let_in,
    .alive = listening_alive,
    .line = on_line,
    .conf = on_conf,
    .drain = listening_drain};

/* Not while there is no certificate for clients. */
static bool
has_https(const struct child *c)
{
	unsigned i;

	for (i = 0; i < c->nsock; i++)
		if (c->sock[i].service == CONF_HTTPS)
			return true;
	return false;
}

int
run_web(int control_fd)
{
	static const struct sandbox_profile walls = {.name = "web",
	    .accepts = true,
	    .pairs = true,
	    .threads = SANDBOX_THREADS_FEW};
	struct state st = {0};
	struct child *c = &st.l.child;
	struct listener_opts o = {.proto = &web_front};
	int roots;

	child_boot(c, control_fd, &ops);
	c->arg = &st;
	listening_options(c, &o);
	st.sni = child_domain_tls(c, o.tls, true);
	/* Read when a profile is signed, which is seldom; without it none
	 * is. */
	roots = open(TLS_CA_BUNDLE, O_RDONLY | O_CLOEXEC);
	if (roots < 0)
		mlog(LOG_WARN, "web.roots", "file=%s errno=%d", TLS_CA_BUNDLE,
		    errno);
	child_enter(c, &walls);
	st.auth = peer_new(c->loop, "auth", NULL, NULL, &st);
	serve_only(&st);
	o.arg = st.site = web_site_new(c->conf_now, st.sni, st.auth, roots);
	if (!has_https(c))
		web_site_without_https(st.site);
	web_site_ask_metrics(st.site, ask_metrics, &st);
	st.service = web_service_new(c->loop, st.site);
	return listening_serve(&st.l, &o);
}
