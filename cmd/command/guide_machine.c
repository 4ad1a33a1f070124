/* What `hearthmail dns` knows of this machine without asking anybody. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/socket.h>

#include "acme/names.h"
#include "base/ascii.h"
#include "base/io.h"
#include "base/network.h"
#include "cmd/command/guide.h"
#include "cmd/supervisor/certificate.h"

#define PEM_MAX (1 << 20)

/* ---- addresses ---- */

static struct in6_addr
mapped(const struct in_addr *v4)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(a.s6_addr + 12, v4, 4);
	return a;
}

static void
add(struct guide *g, const struct in6_addr *a)
{
	if (g->host.naddress < GUIDE_ADDRESSES)
		g->address[g->host.naddress++] = *a;
}

static void
add_v4(struct guide *g)
{
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) != 0)
		return;
	for (i = all; i != NULL; i = i->ifa_next) {
		struct sockaddr_in in;
		struct in6_addr a;

		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&in, i->ifa_addr, sizeof in);
		a = mapped(&in.sin_addr);
		if (a.s6_addr[12] != 127)
			add(g, &a);
	}
	freeifaddrs(all);
}

/* 32 digits, device number, prefix, scope, flags, name. */
static bool
read_v6(struct sv line, struct in6_addr *out)
{
	struct sv field[6];
	size_t i, n = 0;
	int flags;

	while (line.n > 0 && n < 6) {
		struct sv f = sv_split(&line, ' ');

		if (f.n > 0)
			field[n++] = f;
	}
	if (n < 6 || field[0].n != 32 || field[4].n != 2 ||
	    !sv_eq(field[3], SV("00")))
		return false; /* of a link, of this host */
	for (i = 0; i < 32; i++)
		if (ascii_hex(field[0].p[i]) < 0)
			return false;
	for (i = 0; i < 16; i++)
		out->s6_addr[i] =
		    (unsigned char)(ascii_hex(field[0].p[2 * i]) << 4 |
				    ascii_hex(field[0].p[2 * i + 1]));
	/* Those for privacy come and go; those on their way out and doubtful
	 * ones are not to be published, either. */
	flags = ascii_hex(field[4].p[0]) << 4 | ascii_hex(field[4].p[1]);
	return (flags & (0x01 | 0x08 | 0x20 | 0x40)) == 0;
}

static void
add_v6(struct guide *g)
{
	struct in6_addr a;
	struct buf text;
	struct sv rest;

	buf_init(&text, 1 << 20);
	/* Without IPv6 there is no such file. */
	if (io_read_file("/proc/net/if_inet6", &text, NULL) == RC_OK)
		for (rest = buf_sv(&text); rest.n > 0;)
			if (read_v6(sv_split(&rest, '\n'), &a))
				add(g, &a);
	buf_fini(&text);
}

/* ---- where mail leaves from ---- */

/* The address that the system takes for a way out; nothing is sent.  The
 * targets are name servers of the root, which are everywhere. */
static bool
way_out_v4(struct in6_addr *out)
{
	struct sockaddr_in to = {.sin_family = AF_INET}, own;
	socklen_t n = sizeof own;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	to.sin_port = htons(53);
	(void)inet_pton(AF_INET, "198.41.0.4", &to.sin_addr);
	ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
	     getsockname(fd, (struct sockaddr *)&own, &n) == 0;
	if (ok)
		*out = mapped(&own.sin_addr);
	io_close(&fd);
	return ok;
}

static bool
way_out_v6(struct in6_addr *out)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6}, own;
	socklen_t n = sizeof own;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	to.sin6_port = htons(53);
	(void)inet_pton(AF_INET6, "2001:503:ba3e::2:30", &to.sin6_addr);
	ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
	     getsockname(fd, (struct sockaddr *)&own, &n) == 0;
	if (ok)
		*out = own.sin6_addr;
	io_close(&fd);
	return ok;
}

static void
add_sender(struct publish_host *h, const struct in6_addr *a)
{
	if (!publish_is_private(a) && h->nsender < PUBLISH_SENDERS)
		h->sender[h->nsender++] = *a;
}

static void
find_senders(struct guide *g)
{
	const struct conf_outbound *o = &g->conf->outbound;
	struct in6_addr a;

	if (o->source4 != NULL ? network_address(o->source4, &a)
			       : way_out_v4(&a))
		add_sender(&g->host, &a);
	if (o->ipv6 && (o->source6 != NULL ? network_address(o->source6, &a)
					   : way_out_v6(&a)))
		add_sender(&g->host, &a);
}

/* ---- where it is received ---- */

/* Does a server listen for mail there? */
static bool
is_heard(const struct conf *c, const struct in6_addr *a)
{
	struct in6_addr at;
	size_t i;

	for (i = 0; i < c->nlisten[CONF_SMTP]; i++) {
		const char *host = c->listen[CONF_SMTP][i].host;

		if (host == NULL || !network_address(host, &at))
			return true;
		if (IN6_IS_ADDR_UNSPECIFIED(&at) ||
		    memcmp(&at, a, sizeof at) == 0)
			return true;
		if (IN6_IS_ADDR_V4MAPPED(&at) && IN6_IS_ADDR_V4MAPPED(a) &&
		    memcmp(at.s6_addr + 12, "\0\0\0", 4) == 0)
			return true;
	}
	return false;
}

/* Those that are others' part of this machine are not published.  If none is
 * left, something in front of it passes mail on, and all may be meant. */
static void
leave_out_unused(struct guide *g)
{
	struct publish_host *h = &g->host;
	bool heard = false;
	size_t i, n = 0;

	for (i = 0; i < h->naddress; i++)
		heard |= !publish_is_private(&g->address[i]) &&
			 is_heard(g->conf, &g->address[i]);
	for (i = 0; i < h->naddress; i++)
		if (!heard || is_heard(g->conf, &g->address[i]) ||
		    publish_is_sender(h, &g->address[i]))
			g->address[n++] = g->address[i];
	h->naddress = n;
}

/* ---- the certificate ---- */

/* What a CAA record calls those who are asked most often for certificates that
 * are renewed by themselves. */
static void
find_ca(struct guide *g, X509 *x)
{
	static const char *const known[][2] = {
	    {"Let's Encrypt", "letsencrypt.org"},
	    {"ZeroSSL", "sectigo.com"},
	    {"Google Trust Services", "pki.goog"},
	    {"Buypass", "buypass.com"},
	};
	char name[128] = "";
	size_t i;

	(void)X509_NAME_get_text_by_NID(
	    X509_get_issuer_name(x), NID_organizationName, name, sizeof name);
	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (sv_istarts(sv_str(name), sv_str(known[i][0])))
			g->host.ca = known[i][1];
}

static void
add_certificate(struct guide *g, X509 *x, size_t at[2], size_t n[2])
{
	unsigned char *der = NULL, *spki = NULL;
	int nder = i2d_X509(x, &der);
	int nspki = i2d_PUBKEY(X509_get0_pubkey(x), &spki);

	at[0] = g->certificate.n;
	n[0] = nder > 0 ? (size_t)nder : 0;
	buf_add(&g->certificate, der, n[0]);
	at[1] = g->certificate.n;
	n[1] = nspki > 0 ? (size_t)nspki : 0;
	buf_add(&g->certificate, spki, n[1]);
	OPENSSL_free(der);
	OPENSSL_free(spki);
}

static void
read_chain(struct guide *g, struct sv pem)
{
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	size_t at[PUBLISH_CERTIFICATES][2], n[PUBLISH_CERTIFICATES][2];
	size_t i, count = 0;
	X509 *x;

	while (b != NULL && count < PUBLISH_CERTIFICATES &&
	       (x = PEM_read_bio_X509(b, NULL, NULL, (void *)(uintptr_t) "")) !=
		   NULL) {
		if (count == 0)
			find_ca(g, x);
		add_certificate(g, x, at[count], n[count]);
		count++;
		X509_free(x);
	}
	BIO_free(b);
	/* The buffer does not move any more. */
	for (i = 0; i < count && buf_ok(&g->certificate); i++)
		g->host.certificate[g->host.ncertificate++] =
		    (struct publish_certificate){
			sv_of(g->certificate.p + at[i][0], n[i][0]),
			sv_of(g->certificate.p + at[i][1], n[i][1])};
}

static void
find_certificate(struct guide *g)
{
	struct buf cert, key, pem;

	buf_init(&cert, 4096);
	buf_init(&key, 4096);
	buf_init(&pem, PEM_MAX);
	certificate_paths(g->conf, &cert, &key);
	if (certificate_read(g->conf, cert.p, &pem, NULL) == RC_OK)
		read_chain(g, buf_sv(&pem));
	buf_fini(&pem);
	buf_fini(&key);
	buf_fini(&cert);
}

/* What acme has written for us, which may have been taken over. */
static void
find_next_key(struct guide *g)
{
	struct acme_names names;
	struct buf path, hash;
	bool good;
	size_t i;

	if (!g->conf->acme.on || !g->conf->acme.new_key)
		return;
	acme_names_host(g->conf->hostname, &names);
	buf_init(&path, 4096);
	buf_init(&hash, sizeof g->host.next_key - 1);
	buf_addf(&path, "acme/%s.next.tlsa", names.file);
	good = io_read_below(g->conf->data, path.p, &hash, NULL) == RC_OK &&
	       hash.n == sizeof g->host.next_key - 1;
	for (i = 0; good && i < hash.n; i++)
		good = ascii_hex(hash.p[i]) >= 0;
	if (good)
		sv_copy(
		    buf_sv(&hash), g->host.next_key, sizeof g->host.next_key);
	buf_fini(&hash);
	buf_fini(&path);
}

/* ---- all of it ---- */

void
guide_look_at_machine(struct guide *g)
{
	const struct conf_relay *r = conf_relay_for(g->conf, SV("."));

	buf_init(&g->certificate, PEM_MAX);
	g->host.hostname = g->conf->hostname;
	g->host.address = g->address;
	g->host.unvalidated = !g->conf->dns.validate;
	/* "." is nobody's domain: the one for all others. */
	g->host.relay = r != NULL && !r->fallback ? r : NULL;
	add_v4(g);
	add_v6(g);
	find_senders(g);
	leave_out_unused(g);
	find_certificate(g);
	find_next_key(g);
}

void
guide_fini(struct guide *g)
{
	publish_list_fini(&g->list);
	buf_fini(&g->certificate);
}
