/*
 * Certificates from an authority: talks to that one alone, over HTTPS; has its
 * folder, with the keys of the account and of the certificates, and no mail in
 * reach.  Started by the supervisor when something is due; does it in one
 * thread, says when to be started again, and leaves.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "acme/certificate.h"
#include "acme/work.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "base/network.h"
#include "cmd/build.h"
#include "cmd/run/acme_look.h"
#include "cmd/run/acme_reach.h"
#include "cmd/run/process.h"
#include "dns/dns.h"
#include "https/https.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_control.h"
#include "ipc/msg_web.h"

#define CA_MAX	   (8u << 20)
#define SECRET_MAX 4096
#define PEERS_MS   20000 /* until those that we need are there */
#define LOOKUP_MS  30000
#define CHANGE_MS  10000
#define ANSWER_MAX ACME_ANSWER_MAX
#define FILE_MOST  (1u << 20)
#define TICK_MS	   200
#define AGAIN_S	   600
#define PROOF_MAX  8192
#define LOOKS_MAX  4 /* addresses */

struct certificate {
	char *file;
	struct buf pem;
};

/* Of the name that is proved now. */
struct proof {
	enum acme_way way;
	struct buf name;	/* "": none is */
	struct buf token, text; /* over HTTP */
	struct buf cert, key;	/* over TLS */
};

struct state {
	struct child child;
	struct peer *dns, *web;
	struct https *https;
	char host[HTTPS_HOST_MAX]; /* of the directory */
	struct err broken; /* what is missing before anything can begin */
	struct conf *conf;
	struct buf ca, secret;
	struct https_answer answer;
	atomic_bool stop;
	struct acme_work_result result;
	pthread_t thread;
	/* Where the name led that was looked at last, and what was seen. */
	struct in6_addr looked_at[HTTPS_ADDRESSES_MAX];
	size_t nlooked_at;
	unsigned seen;
	/* What web is told, for one that is started anew. */
	pthread_mutex_t lock;
	struct buf renew; /* the owner's wish; "": none */
	struct proof proof;
	struct certificate *certificate;
	size_t ncertificate;
};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	struct state *st = c->arg;

	(void)account;
	if (role == ROLE_DNS)
		peer_connect(st->dns, fd);
	else if (role == ROLE_WEB)
		peer_connect(st->web, fd);
	else
		io_close(&fd);
}

/* All is as it was asked at the start; a new process begins with the rest. */
static void
on_conf(struct child *c)
{
	(void)c;
}

static void
on_drain(struct child *c, int64_t ms)
{
	struct state *st = c->arg;

	(void)ms;
	atomic_store(&st->stop, true);
	child_stop(c, 0);
}

/* Before the line to dns, for which the thread waits. */
static void
on_control(struct child *c, struct msg *m)
{
	struct state *st = c->arg;
	struct cert_renew said;

	if (m->type != CTL_RENEW || cert_renew_get(m, &said) != RC_OK)
		return;
	pthread_mutex_lock(&st->lock);
	buf_set(&st->renew, said.name);
	pthread_mutex_unlock(&st->lock);
	cert_renew_fini(&said);
}

static const struct child_ops ops = {
    .line = on_line, .conf = on_conf, .drain = on_drain, .control = on_control};

/* ---- the world of acme/work.h ---- */

static int64_t
world_now(void *arg)
{
	(void)arg;
	return clk_now() / 1000;
}

static bool
world_wait(void *arg, int64_t s)
{
	struct state *st = arg;
	int64_t until = clk_mono() + s * 1000;
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000000l};

	while (clk_mono() < until && !atomic_load(&st->stop))
		(void)nanosleep(&tick, NULL);
	return !atomic_load(&st->stop);
}

/* A and AAAA; RC_OK also for none. */
static int
look_up(struct state *st, const char *name, struct in6_addr *out, size_t most,
    size_t *n)
{
	static const enum dns_type type[] = {DNS_AAAA, DNS_A};
	struct dns_answer a;
	size_t i, t;
	int r = RC_OK, last;

	*n = 0;
	for (t = 0; t < 2; t++) {
		last = dns_query(st->dns, name, type[t], LOOKUP_MS, &a);
		for (i = 0; last == RC_OK && i < a.n && *n < most; i++)
			*n += dns_addr(a.record[i], &out[*n]) == RC_OK;
		dns_answer_fini(&a);
		if (last != RC_OK && last != RC_NOTFOUND)
			r = last;
	}
	return *n > 0 ? RC_OK : r;
}

static int
resolve(void *arg, const char *host, struct in6_addr out[HTTPS_ADDRESSES_MAX],
    size_t *n_out, struct err *err)
{
	int r = look_up(arg, host, out, HTTPS_ADDRESSES_MAX, n_out);

	if (r != RC_OK)
		return err_set(
		    err, r, "the name %.100s cannot be looked up now", host);
	if (*n_out == 0)
		return err_set(err, RC_NOTFOUND,
		    "the name %.100s has no address in the DNS", host);
	return RC_OK;
}

static int
world_send(void *arg, const struct acme_request *r, struct acme_response *out,
    struct err *err)
{
	static const enum https_method method[] = {[ACME_GET] = HTTPS_GET,
	    [ACME_HEAD] = HTTPS_HEAD,
	    [ACME_POST] = HTTPS_POST};
	struct state *st = arg;
	struct https_answer *a = &st->answer;
	const struct https_request q = {.url = r->url,
	    .method = method[r->method],
	    .body = buf_sv(&r->body),
	    .type = "application/jose+json",
	    .accept = r->accept,
	    .most = ANSWER_MAX};
	struct err plain;
	int rc;

	https_answer_fini(a);
	https_answer_init(a);
	rc = https_do(st->https, &q, a, &plain);
	mlog(LOG_DEBUG, "acme.request", "url=%s rc=%s status=%u", r->url,
	    rc_name(rc), a->status);
	if (rc != RC_OK)
		return err_set(err, rc, "%s%s", plain.text,
		    a->bad_certificate ? "; is the clock of this machine right?"
				       : "");
	out->status = a->status;
	out->body = buf_sv(&a->body);
	out->nonce = buf_sv(&a->nonce);
	out->location = buf_sv(&a->location);
	out->retry_after = buf_sv(&a->retry_after);
	return RC_OK;
}

static int
tell_web(struct state *st, struct msg *m, struct err *err)
{
	char text[ERR_TEXT_MAX];
	struct msg reply;
	int r = peer_call_later(st->web, m, CHANGE_MS, &reply);

	if (r != RC_OK)
		return err_set(err, r,
		    "the process web, which answers for us on the ports 80 and "
		    "443, is not running");
	r = msg_answer_read(&reply, RC_TEMP, text);
	msg_fini(&reply);
	return r == RC_OK ? r : err_set(err, r, "web: %.200s", text);
}

static void
put_proof(const struct proof *p, struct msg *m)
{
	const struct http_challenge http = {
	    buf_sv(&p->token), buf_sv(&p->text)};
	const struct alpn_challenge alpn = {
	    buf_sv(&p->name), buf_sv(&p->cert), buf_sv(&p->key)};

	if (p->way == ACME_BY_TLS) {
		msg_init(m, ALPN_CHALLENGE_SET);
		alpn_challenge_put(m, &alpn);
	} else {
		msg_init(m, HTTP_CHALLENGE_SET);
		http_challenge_put(m, &http);
	}
}

static void
forget_proof(struct proof *p)
{
	buf_reset(&p->name);
	buf_reset(&p->token);
	buf_reset(&p->text);
	buf_reset(&p->cert);
	buf_wipe(&p->key);
	buf_init(&p->key, PROOF_MAX);
}

/* With the lock held: a web process that comes is told of the new one. */
static int
make_proof(struct proof *p, const struct acme_shown *s, struct err *err)
{
	int r = RC_OK;

	forget_proof(p);
	p->way = s->way;
	buf_set(&p->token, sv_str(s->token));
	buf_set(&p->text, sv_str(s->text));
	if (s->way == ACME_BY_TLS)
		r = acme_proof(s->name, buf_sv(&p->text), clk_now() / 1000,
		    &p->cert, &p->key, err);
	if (r == RC_OK)
		buf_set(&p->name, sv_str(s->name));
	return r;
}

static void
put_certificate(const char *file, struct sv pem, struct msg *m)
{
	const struct web_certificate said = {sv_str(file), pem, pem};

	msg_init(m, WEB_CERTIFICATE);
	web_certificate_put(m, &said);
}

static int
hide_all(struct state *st, struct err *err)
{
	const struct http_challenge_end tokens = {sv_str("")};
	const struct alpn_challenge_end names = {sv_str("")};
	struct msg m;
	int r;

	pthread_mutex_lock(&st->lock);
	forget_proof(&st->proof);
	pthread_mutex_unlock(&st->lock);
	if (!peer_up(st->web))
		return RC_OK;
	msg_init(&m, HTTP_CHALLENGE_CLEAR);
	http_challenge_end_put(&m, &tokens);
	r = tell_web(st, &m, err);
	if (r != RC_OK)
		return r;
	msg_init(&m, ALPN_CHALLENGE_CLEAR);
	alpn_challenge_end_put(&m, &names);
	return tell_web(st, &m, err);
}

static int
world_show(void *arg, const struct acme_shown *s, bool on, struct err *err)
{
	struct state *st = arg;
	struct msg m;
	int r;

	if (!on)
		return hide_all(st, err);
	pthread_mutex_lock(&st->lock);
	r = make_proof(&st->proof, s, err);
	if (r == RC_OK)
		put_proof(&st->proof, &m);
	pthread_mutex_unlock(&st->lock);
	return r == RC_OK ? tell_web(st, &m, err) : r;
}

/* ---- a web process that has just come knows nothing yet ---- */

static void
keep_certificate(struct state *st, const char *file, struct sv pem)
{
	struct certificate *c;
	size_t i;

	pthread_mutex_lock(&st->lock);
	for (i = 0; i < st->ncertificate; i++)
		if (strcmp(st->certificate[i].file, file) == 0)
			break;
	if (i == st->ncertificate) {
		st->certificate = xreallocarray(
		    st->certificate, i + 1, sizeof *st->certificate);
		st->certificate[i].file = xstrdup(file);
		buf_init(&st->certificate[i].pem, FILE_MOST);
		st->ncertificate++;
	}
	c = &st->certificate[i];
	buf_set(&c->pem, pem);
	pthread_mutex_unlock(&st->lock);
}

static void
on_told(int rc, struct msg *reply, void *arg)
{
	(void)reply;
	(void)arg;
	if (rc != RC_OK)
		mlog(LOG_WARN, "acme.web", "rc=%s", rc_name(rc));
}

static void
on_web(void *arg)
{
	struct child *c = arg;
	struct state *st = c->arg;
	struct msg m;
	size_t i;

	pthread_mutex_lock(&st->lock);
	if (st->proof.name.n > 0) {
		put_proof(&st->proof, &m);
		peer_ask(st->web, &m, CHANGE_MS, on_told, st);
	}
	for (i = 0; i < st->ncertificate; i++) {
		put_certificate(st->certificate[i].file,
		    buf_sv(&st->certificate[i].pem), &m);
		peer_ask(st->web, &m, CHANGE_MS, on_told, st);
	}
	pthread_mutex_unlock(&st->lock);
}

static bool
is_among(const struct in6_addr *a, const struct in6_addr *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (memcmp(a, &list[i], sizeof *a) == 0)
			return true;
	return false;
}

static void
print_address(const struct in6_addr *a, char out[NETWORK_PEER_MAX])
{
	struct sockaddr_in6 s = {.sin6_family = AF_INET6, .sin6_addr = *a};

	network_peer_name((const struct sockaddr *)&s, out);
}

/* The server's own name says where "here" is: behind a router, no interface
 * knows. */
static enum acme_points
world_points(void *arg, const char *name, const char *hostname, char *why)
{
	struct in6_addr ours[HTTPS_ADDRESSES_MAX], its[HTTPS_ADDRESSES_MAX];
	char text[NETWORK_PEER_MAX] = "";
	size_t nours, nits, i, here = 0;

	if (look_up(arg, name, its, HTTPS_ADDRESSES_MAX, &nits) != RC_OK)
		return ACME_POINTS_UNKNOWN;
	if (nits == 0)
		return ACME_POINTS_NOWHERE;
	if (look_up(arg, hostname, ours, HTTPS_ADDRESSES_MAX, &nours) !=
		RC_OK ||
	    nours == 0)
		return ACME_POINTS_UNKNOWN;
	for (i = 0; i < nits; i++)
		if (is_among(&its[i], ours, nours))
			here++;
		else
			print_address(&its[i], text);
	if (here == nits)
		return ACME_POINTS_HERE;
	(void)snprintf(why, ERR_TEXT_MAX,
	    "%s leads to %s, which is not an address of %s", name, text,
	    hostname);
	return here > 0 ? ACME_POINTS_PARTLY : ACME_POINTS_AWAY;
}

/* Those for web clients go to them; the server's own is read by the supervisor,
 * for all. */
static void
world_have(void *arg, const char *file, struct sv pem, bool fresh)
{
	struct state *st = arg;
	struct err err;
	struct msg m;

	(void)fresh;
	if (sv_starts(sv_str(file), SV("host.")))
		return;
	keep_certificate(st, file, pem);
	if (!peer_up(st->web))
		return; /* it is told when it comes */
	put_certificate(file, pem, &m);
	if (tell_web(st, &m, &err) != RC_OK)
		mlog(LOG_WARN, "acme.web", "certificate=%s text=\"%s\"", file,
		    err.text);
}

/* ---- what is seen of port 80 and 443 ---- */

/* A proof as it would be, for a token that nobody knows. */
static bool
is_seen(struct state *st, enum acme_way way, const char *name,
    const struct in6_addr *at)
{
	char token[44], text[100], path[100];
	unsigned char bytes[2][32];
	struct acme_shown s = {
	    .way = way, .name = name, .token = token, .text = text};
	struct buf b;
	struct err err;

	randombytes_buf(bytes, sizeof bytes);
	buf_init(&b, sizeof text);
	acme_base64url(sv_of(bytes[0], sizeof bytes[0]), &b);
	sv_copy(buf_sv(&b), token, sizeof token);
	buf_addc(&b, '.');
	acme_base64url(sv_of(bytes[1], sizeof bytes[1]), &b);
	sv_copy(buf_sv(&b), text, sizeof text);
	buf_fini(&b);
	(void)snprintf(
	    path, sizeof path, "/.well-known/acme-challenge/%s", token);
	if (world_show(st, &s, true, &err) != RC_OK)
		return false;
	/* Nobody but this thread changes it. */
	return way == ACME_BY_TLS
		   ? acme_reach_tls(
			 at, 443, name, buf_sv(&st->proof.cert), &st->stop)
		   : acme_reach_http(at, 80, name, path, text, &st->stop);
}

/* The authority takes any of the addresses, those of IPv6 first: one that shows
 * something else is enough for it to fail. */
static unsigned
look_at_name(struct state *st, const char *name, unsigned able)
{
	unsigned seen = able;
	size_t i;
	int way;

	for (i = 0; i < st->nlooked_at && i < LOOKS_MAX; i++)
		for (way = 0; way < ACME_WAYS; way++)
			if ((seen & ACME_WAY_BIT(way)) &&
			    !is_seen(st, (enum acme_way)way, name,
				&st->looked_at[i]))
				seen &= ~ACME_WAY_BIT(way);
	return st->nlooked_at > 0 ? seen : 0;
}

static void
world_ways(
    void *arg, const char *name, unsigned *able, unsigned *seen, char *why)
{
	struct state *st = arg;
	struct in6_addr at[HTTPS_ADDRESSES_MAX];
	struct err err;
	size_t n = 0;

	*able = *seen = 0;
	if (st->conf->nlisten[CONF_HTTP] > 0)
		*able |= ACME_WAY_BIT(ACME_BY_HTTP);
	if (st->conf->nlisten[CONF_HTTPS] > 0)
		*able |= ACME_WAY_BIT(ACME_BY_TLS);
	if (*able == 0)
		(void)snprintf(why, ERR_TEXT_MAX,
		    "the certificate authority asks port 80 or 443, and "
		    "neither listen.http nor listen.https is set");
	/* There is nothing to choose, or nobody wants it to be looked at. */
	if (!st->conf->acme.check ||
	    *able != ACME_WAY_BIT(ACME_BY_HTTP) + ACME_WAY_BIT(ACME_BY_TLS) ||
	    look_up(st, name, at, HTTPS_ADDRESSES_MAX, &n) != RC_OK)
		return;
	/* All names lead to one place, as a rule. */
	if (n != st->nlooked_at ||
	    memcmp(at, st->looked_at, n * sizeof at[0]) != 0) {
		memcpy(st->looked_at, at, n * sizeof at[0]);
		st->nlooked_at = n;
		st->seen = look_at_name(st, name, *able);
		mlog(LOG_INFO, "acme.seen", "name=%s http=%s https=%s", name,
		    st->seen & ACME_WAY_BIT(ACME_BY_HTTP) ? "yes" : "no",
		    st->seen & ACME_WAY_BIT(ACME_BY_TLS) ? "yes" : "no");
		(void)hide_all(st, &err);
	}
	*seen = st->seen;
}

/* ---- on the way ---- */

struct progress {
	struct child *child;
	struct msg m;
};

static void
tell_soon(void *arg)
{
	struct progress *p = arg;

	child_tell(p->child, &p->m);
	free(p);
}

/* next is 0: it goes on. */
static void
world_done(void *arg, const struct acme_work_result *so_far)
{
	const struct ctl_certificates said = {.text = buf_sv(&so_far->text),
	    .trouble = buf_sv(&so_far->trouble),
	    .name = SV(""),
	    .rc = RC_MORE,
	    .answer = SV("")};
	struct state *st = arg;
	struct progress *p = xcalloc(1, sizeof *p);

	p->child = &st->child;
	msg_init(&p->m, CTL_CERTIFICATES);
	ctl_certificates_put(&p->m, &said);
	ev_post(st->child.loop, tell_soon, p);
}

static void
world_look(void *arg, struct sv pem, bool fresh, struct buf *lines)
{
	struct state *st = arg;
	const struct acme_look l = {.https = st->https,
	    .conf = st->conf,
	    .wait = world_wait,
	    .arg = st};

	acme_look(&l, pem, fresh, lines);
}

/* ---- the thread ---- */

static void
finish(void *arg)
{
	struct state *st = arg;
	const struct acme_work_result *r = &st->result;
	const struct ctl_certificates said = {.next = r->next,
	    .text = buf_sv(&r->text),
	    .trouble = buf_sv(&r->trouble),
	    .urgency = (uint8_t)r->urgency,
	    .name = sv_str(r->name),
	    .rc = r->rc,
	    .answer = sv_str(r->answer)};
	struct msg m;

	msg_init(&m, CTL_CERTIFICATES);
	ctl_certificates_put(&m, &said);
	child_tell(&st->child, &m);
	child_stop(&st->child, 0);
}

static void
give_up(struct state *st)
{
	buf_addf(&st->result.trouble, "certificates cannot be renewed: %s\n",
	    st->broken.text);
	st->result.next = clk_now() / 1000 + AGAIN_S;
	st->result.rc = st->broken.code;
	(void)snprintf(
	    st->result.answer, sizeof st->result.answer, "%s", st->broken.text);
}

static void *
work(void *arg)
{
	struct state *st = arg;
	const struct conf *conf = st->conf;
	const char **domain = xcalloc(conf->ndomain + 1, sizeof *domain);
	struct acme_work_opts o = {
	    .world = {.arg = st,
		.now = world_now,
		.send = world_send,
		.show = world_show,
		.wait = world_wait,
		.points = world_points,
		.ways = world_ways,
		.have = world_have,
		.done = world_done,
		.look = world_look},
	    .hostname = conf->hostname,
	    .domain = domain,
	    .directory = conf->acme.directory,
	    .email = conf->acme.email,
	    .external_id = conf->acme.eab_id,
	    .external_secret = sv_trim(buf_sv(&st->secret)),
	    .new_key = conf->acme.new_key,
	    .check = conf->acme.check,
	};
	size_t i;

	/* Those with files of their own have what they need. */
	for (i = 0; i < conf->ndomain; i++)
		if (conf->domain[i].tls_certificate == NULL)
			domain[o.ndomain++] = conf->domain[i].name;
	if (peer_wait_up(st->dns, PEERS_MS) != RC_OK)
		mlog(LOG_WARN, "acme.dns", "text=\"dns is not there\"");
	pthread_mutex_lock(&st->lock);
	o.renew = st->renew.n > 0 ? st->renew.p : NULL;
	pthread_mutex_unlock(&st->lock);
	/* Started while it was being turned off: another authority's names and
	 * dates are not to be written over what is there. */
	if (!conf->acme.on)
		st->result.next = clk_now() / 1000 + AGAIN_S;
	else if (st->broken.code == RC_OK)
		acme_work(&o, &st->result);
	else
		give_up(st);
	free(domain);
	if (!atomic_load(&st->stop))
		ev_post(st->child.loop, finish, st);
	return NULL;
}

/* ---- before the walls ---- */

/* What is missing is for the status, not for the log alone. */
static void
prepare(struct state *st)
{
	const struct conf_acme *a = &st->conf->acme;
	struct https_opts o = {.agent = HM_BUILD,
	    .resolve = resolve,
	    .arg = st,
	    .own_host = st->host};
	struct err *err = &st->broken;
	uint16_t port;

	if (https_url_parts(a->directory, st->host, &port) != RC_OK)
		st->host[0] = '\0'; /* asking it gives the sentence */
	st->broken.code =
	    io_read_file(a->ca != NULL ? a->ca : TLS_CA_BUNDLE, &st->ca, err);
	o.ca_pem = buf_sv(&st->ca);
	if (st->broken.code == RC_OK)
		st->broken.code = https_new(&o, &st->https, err);
	if (st->broken.code == RC_OK && a->eab_secret_file != NULL)
		st->broken.code =
		    io_read_file(a->eab_secret_file, &st->secret, err);
}

int
run_acme(int control_fd)
{
	static struct state state;
	struct state *st = &state;
	struct child *c = &st->child;
	uint16_t ports[ACME_PORTS_MAX];
	struct sandbox_profile walls = {.name = "acme",
	    .files = SANDBOX_FILES_WRITE,
	    .threads = SANDBOX_THREADS_MANY,
	    .connects = true,
	    .pairs = true,
	    .file_max = FILE_MOST,
	    .ports = ports,
	    .nports = 0};

	child_boot(c, control_fd, &ops);
	c->arg = st;
	st->conf = child_conf(c);
	buf_init(&st->ca, CA_MAX);
	buf_init(&st->secret, SECRET_MAX);
	https_answer_init(&st->answer);
	acme_work_result_init(&st->result);
	buf_init(&st->renew, CERT_NAME_MAX);
	buf_init(&st->proof.name, WEB_NAME_MAX);
	buf_init(&st->proof.token, WEB_TOKEN_MAX);
	buf_init(&st->proof.text, WEB_KEY_AUTH_MAX);
	buf_init(&st->proof.cert, PROOF_MAX);
	buf_init(&st->proof.key, PROOF_MAX);
	must(pthread_mutex_init(&st->lock, NULL) == 0);
	tls_library_setup();
	prepare(st);
	walls.nports = acme_ports(st->conf, ports);
	child_enter(c, &walls);
	st->dns = peer_new(c->loop, "dns", NULL, NULL, c);
	st->web = peer_new(c->loop, "web", NULL, on_web, c);
	must(pthread_create(&st->thread, NULL, work, st) == 0);
	/* The thread may be in the middle of a request: it ends with us, and
	 * what is on the disk is whole at any time. */
	_exit(child_serve(c));
}
