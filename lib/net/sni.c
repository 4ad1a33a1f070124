#include "net/sni.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/tls1.h>

#include "base/alloc.h"
#include "base/ascii.h"

#define NAME_MAX_N 256
#define ACME   \
	"\x0a" \
	"acme-tls/1"
#define HTTP   \
	"\x08" \
	"http/1.1"

struct sni_entry {
	char *id; /* of a proof its name */
	struct tls_ctx *ctx;
};

struct sni_list {
	struct sni_entry *e;
	size_t n, cap, max;
};

struct sni {
	pthread_mutex_t lock;
	struct tls_ctx *first;
	struct sni_list certificates, challenges;
	bool mail;				 /* no ALPN */
	bool (*wanted)(void *arg, struct sv id); /* NULL: all are */
	void *wanted_arg;
};

/* ---- the lists; with the lock held ---- */

static size_t
find(const struct sni_list *l, struct sv id)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (sv_eq(sv_str(l->e[i].id), id))
			break;
	return i;
}

/* Connections that use it have it still: OpenSSL counts. */
static void
remove_at(struct sni_list *l, size_t i)
{
	free(l->e[i].id);
	tls_ctx_free(&l->e[i].ctx);
	l->e[i] = l->e[--l->n];
}

static void
list_fini(struct sni_list *l)
{
	while (l->n > 0)
		remove_at(l, 0);
	free(l->e);
}

/* Takes ctx if there is room. */
static int
put(struct sni_list *l, struct sv id, struct tls_ctx **ctx, struct err *err)
{
	size_t i = find(l, id);

	if (i < l->n)
		remove_at(l, i);
	if (l->n == l->max)
		return err_set(err, RC_TOOBIG, "too many certificates");
	l->e = xgrow(l->e, &l->cap, l->n + 1, sizeof *l->e);
	l->e[l->n++] = (struct sni_entry){sv_dup(id), *ctx};
	*ctx = NULL;
	return RC_OK;
}

/* ---- what a client asks for ---- */

/* The only name in server_name, in lower case, without a dot at the end; empty:
 * there is none that could be ours. */
static struct sv
asked_name(SSL *ssl, char out[NAME_MAX_N])
{
	const unsigned char *p;
	size_t n, i, k;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) !=
		1 ||
	    n < 5 || p[2] != TLSEXT_NAMETYPE_host_name)
		return (struct sv){NULL, 0};
	k = (size_t)p[3] << 8 | p[4];
	if (k > n - 5 || k >= NAME_MAX_N)
		return (struct sv){NULL, 0};
	if (k > 1 && p[5 + k - 1] == '.')
		k--;
	for (i = 0; i < k; i++)
		out[i] = ascii_lower((char)p[5 + i]);
	out[k] = '\0';
	return sv_of(out, strlen(out) == k ? k : 0);
}

static bool
offers_acme_alone(SSL *ssl)
{
	const unsigned char *p;
	size_t n;

	return SSL_client_hello_get0_ext(ssl,
		   TLSEXT_TYPE_application_layer_protocol_negotiation, &p,
		   &n) == 1 &&
	       n == 2 + sizeof ACME - 1 &&
	       memcmp(p + 2, ACME, sizeof ACME - 1) == 0;
}

/* NULL: none but the first. */
static struct tls_ctx *
find_for(struct sni *s, const char *host)
{
	size_t i;

	if (tls_ctx_is_for(s->first, host))
		return NULL;
	for (i = 0; i < s->certificates.n; i++)
		if (tls_ctx_is_for(s->certificates.e[i].ctx, host))
			return s->certificates.e[i].ctx;
	return NULL;
}

static struct tls_ctx *
choose(struct sni *s, SSL *ssl, struct sv name)
{
	size_t i;

	if (!s->mail && offers_acme_alone(ssl)) {
		i = find(&s->challenges, name);
		/* Else the list of protocols will not do: see on_alpn. */
		return i < s->challenges.n ? s->challenges.e[i].ctx : NULL;
	}
	return name.n > 0 ? find_for(s, name.p) : NULL;
}

/* Before anything of a context is used. */
static int
on_hello(SSL *ssl, int *alert, void *arg)
{
	char text[NAME_MAX_N];
	struct sni *s = arg;
	struct tls_ctx *ctx;

	(void)alert;
	pthread_mutex_lock(&s->lock);
	ctx = choose(s, ssl, asked_name(ssl, text));
	if (ctx != NULL)
		(void)SSL_set_SSL_CTX(ssl, tls_ctx_openssl(ctx));
	pthread_mutex_unlock(&s->lock);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* The first of the client's that is `ours`; none is an error [RFC 7301 3.2]. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned int inlen, void *arg)
{
	const char *ours = arg;
	struct sv rest = sv_of(in, inlen), want = sv_str(ours);

	(void)ssl;
	while (rest.n > 0) {
		struct sv one =
		    sv_first(rest, (size_t)(unsigned char)rest.p[0] + 1);

		if (sv_eq(one, want)) {
			*out = in + (rest.p - (const char *)in) + 1;
			*outlen = (unsigned char)(one.n - 1);
			return SSL_TLSEXT_ERR_OK;
		}
		rest = sv_skip(rest, one.n);
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void
set_alpn(struct tls_ctx *ctx, const char *ours)
{
	union {
		const char *in;
		void *out;
	} arg = {ours};

	SSL_CTX_set_alpn_select_cb(tls_ctx_openssl(ctx), on_alpn, arg.out);
}

/* ---- for others ---- */

struct sni *
sni_new_mail(struct tls_ctx *first)
{
	struct sni *s = xcalloc(1, sizeof *s);

	must(pthread_mutex_init(&s->lock, NULL) == 0);
	s->first = first;
	s->mail = true;
	s->certificates.max = SNI_CERTIFICATES;
	s->challenges.max = SNI_CHALLENGES;
	SSL_CTX_set_client_hello_cb(tls_ctx_openssl(first), on_hello, s);
	return s;
}

struct sni *
sni_new(struct tls_ctx *first)
{
	struct sni *s = sni_new_mail(first);

	s->mail = false;
	set_alpn(first, HTTP);
	return s;
}

void
sni_free(struct sni **s)
{
	if (*s == NULL)
		return;
	list_fini(&(*s)->challenges);
	list_fini(&(*s)->certificates);
	(void)pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}

static int
set(struct sni *s, struct sni_list *l, struct sv id, struct sv cert_pem,
    struct sv key_pem, struct err *err)
{
	struct tls_ctx *ctx = NULL;
	int r = tls_ctx_new(cert_pem, key_pem, &ctx, err);

	if (r != RC_OK)
		return r;
	if (!s->mail)
		set_alpn(ctx, l == &s->challenges ? ACME : HTTP);
	pthread_mutex_lock(&s->lock);
	if (l == &s->certificates && s->wanted != NULL &&
	    !s->wanted(s->wanted_arg, id))
		r = err_set(err, RC_DENIED, "it is not wanted any more");
	else
		r = put(l, id, &ctx, err);
	pthread_mutex_unlock(&s->lock);
	tls_ctx_free(&ctx);
	return r;
}

static void
drop(struct sni *s, struct sni_list *l, struct sv id)
{
	size_t i;

	pthread_mutex_lock(&s->lock);
	for (i = l->n; i > 0; i--)
		if (id.n == 0 || sv_eq(sv_str(l->e[i - 1].id), id))
			remove_at(l, i - 1);
	pthread_mutex_unlock(&s->lock);
}

int
sni_set(struct sni *s, struct sv id, struct sv cert_pem, struct sv key_pem,
    struct err *err)
{
	return set(s, &s->certificates, id, cert_pem, key_pem, err);
}

void
sni_drop(struct sni *s, struct sv id)
{
	if (id.n > 0)
		drop(s, &s->certificates, id);
}

void
sni_allow(struct sni *s, bool (*wanted)(void *arg, struct sv id), void *arg)
{
	size_t i;

	pthread_mutex_lock(&s->lock);
	s->wanted = wanted;
	s->wanted_arg = arg;
	for (i = s->certificates.n; i > 0; i--)
		if (!wanted(arg, sv_str(s->certificates.e[i - 1].id)))
			remove_at(&s->certificates, i - 1);
	pthread_mutex_unlock(&s->lock);
}

void
sni_use(struct sni *s, const char *host,
    void (*fn)(struct tls_ctx *ctx, void *arg), void *arg)
{
	struct tls_ctx *ctx;

	pthread_mutex_lock(&s->lock);
	ctx = find_for(s, host);
	fn(ctx != NULL ? ctx : s->first, arg);
	pthread_mutex_unlock(&s->lock);
}

int
sni_challenge(struct sni *s, struct sv name, struct sv cert_pem,
    struct sv key_pem, struct err *err)
{
	if (name.n == 0)
		return err_set(err, RC_SYNTAX, "a proof without a name");
	return set(s, &s->challenges, name, cert_pem, key_pem, err);
}

void
sni_challenge_end(struct sni *s, struct sv name)
{
	drop(s, &s->challenges, name);
}

bool
sni_is_for(struct sni *s, const char *host)
{
	bool is = tls_ctx_is_for(s->first, host);
	size_t i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < s->certificates.n && !is; i++)
		is = tls_ctx_is_for(s->certificates.e[i].ctx, host);
	pthread_mutex_unlock(&s->lock);
	return is;
}

bool
sni_is_challenge(const SSL *ssl)
{
	const unsigned char *p = NULL;
	unsigned n = 0;

	SSL_get0_alpn_selected(ssl, &p, &n);
	return sv_eq(sv_of(p, n), sv_skip(SV(ACME), 1));
}
