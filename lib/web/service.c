#include "web/service.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_web.h"
#include "ipc/proto.h"
#include "ipc/server.h"

struct web_service {
	struct ipc_server *server;
	struct web_site *site;
};

static struct web_service *
service_of(const struct ipc_client *c)
{
	return c->arg;
}

static int
set_challenge(struct web_service *s, struct msg *m)
{
	struct http_challenge v;
	int r = http_challenge_get(m, &v);

	if (r == RC_OK) {
		r = challenges_set(
		    web_site_challenges(s->site), v.token, v.key_auth);
		http_challenge_fini(&v);
	}
	return r;
}

static int
clear_challenge(struct web_service *s, struct msg *m)
{
	struct http_challenge_end v;
	int r = http_challenge_end_get(m, &v);

	if (r == RC_OK) {
		challenges_clear(web_site_challenges(s->site), v.token);
		http_challenge_end_fini(&v);
	}
	return r;
}

static int
set_proof(struct web_service *s, struct msg *m)
{
	struct alpn_challenge v;
	struct err err;
	int r = alpn_challenge_get(m, &v);

	if (r == RC_OK) {
		r = sni_challenge(
		    web_site_sni(s->site), v.name, v.cert_pem, v.key_pem, &err);
		alpn_challenge_fini(&v);
	}
	return r;
}

static int
clear_proof(struct web_service *s, struct msg *m)
{
	struct alpn_challenge_end v;
	int r = alpn_challenge_end_get(m, &v);

	if (r == RC_OK) {
		sni_challenge_end(web_site_sni(s->site), v.name);
		alpn_challenge_end_fini(&v);
	}
	return r;
}

static int
set_certificate(struct web_service *s, struct msg *m)
{
	struct web_certificate v;
	struct err err;
	int r = web_certificate_get(m, &v);

	if (r != RC_OK)
		return r;
	if (v.id.n == 0)
		r = RC_SYNTAX;
	else if (v.cert_pem.n == 0)
		sni_drop(web_site_sni(s->site), v.id);
	else
		r = sni_set(
		    web_site_sni(s->site), v.id, v.cert_pem, v.key_pem, &err);
	web_certificate_fini(&v);
	return r;
}

static const struct {
	uint16_t type;
	int (*take)(struct web_service *s, struct msg *m);
} orders[] = {
    {HTTP_CHALLENGE_SET, set_challenge},
    {HTTP_CHALLENGE_CLEAR, clear_challenge},
    {ALPN_CHALLENGE_SET, set_proof},
    {ALPN_CHALLENGE_CLEAR, clear_proof},
    {WEB_CERTIFICATE, set_certificate},
};

static void
on_msg(struct ipc_client *c, struct msg *m)
{
	struct msg answer;
	size_t i;
	int r;

	for (i = 0; i < sizeof orders / sizeof orders[0]; i++)
		if (orders[i].type == m->type)
			break;
	if (i == sizeof orders / sizeof orders[0]) {
		line_accuse(c->line);
		ipc_client_cut(c);
		return;
	}
	r = orders[i].take(service_of(c), m);
	buf_wipe(&m->b); /* there may be a key in it */
	msg_answer_make(&answer, m->id, r, r == RC_OK ? "" : rc_name(r));
	ipc_client_answer(c, m->id, &answer);
}

/* Who has died asks anew for what it still wants.  Certificates stay: they are
 * good whether it lives or not. */
static void
on_gone(struct ipc_client *c)
{
	struct web_site *site = service_of(c)->site;

	challenges_clear(web_site_challenges(site), SV(""));
	sni_challenge_end(web_site_sni(site), SV(""));
}

static const struct ipc_server_ops ops = {
    .client_size = sizeof(struct ipc_client),
    .msg = on_msg,
    .gone = on_gone,
};

struct web_service *
web_service_new(struct ev_loop *loop, struct web_site *site)
{
	struct web_service *s = xcalloc(1, sizeof *s);

	s->site = site;
	s->server = ipc_server_new(loop, &ops, s);
	return s;
}

void
web_service_free(struct web_service **s)
{
	if (*s == NULL)
		return;
	ipc_server_free(&(*s)->server);
	free(*s);
	*s = NULL;
}

void
web_service_add(struct web_service *s, int fd)
{
	(void)ipc_server_add(s->server, fd);
}
