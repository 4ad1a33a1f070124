#include "https/https.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/network.h"

#define CONNECT_S  15
#define WHOLE_S	   60
#define SLOW_S	   20 /* without a byte */
#define HEADER_MAX 1024

/* Debian's name of it, as of its ABI. */
#define LIBRARY "libcurl.so.4"

/* The functions that are used. */
struct curl_calls {
	__typeof__(curl_global_init) *global_init;
	__typeof__(curl_easy_init) *easy_init;
	__typeof__(curl_easy_setopt) *easy_setopt;
	__typeof__(curl_easy_perform) *easy_perform;
	__typeof__(curl_easy_getinfo) *easy_getinfo;
	__typeof__(curl_easy_reset) *easy_reset;
	__typeof__(curl_easy_cleanup) *easy_cleanup;
	__typeof__(curl_easy_strerror) *easy_strerror;
	__typeof__(curl_slist_append) *slist_append;
	__typeof__(curl_slist_free_all) *slist_free_all;
};

struct https {
	struct https_opts o;
	void *library;
	struct curl_calls call;
	CURL *easy;
};

/* ---- the library ---- */

static bool
find(void *library, const char *name, void **out)
{
	*out = dlsym(library, name);
	return *out != NULL;
}

#define FIND(name) find(h->library, "curl_" #name, (void **)&h->call.name)

static bool
find_all(struct https *h)
{
	return FIND(global_init) && FIND(easy_init) && FIND(easy_setopt) &&
	       FIND(easy_perform) && FIND(easy_getinfo) && FIND(easy_reset) &&
	       FIND(easy_cleanup) && FIND(easy_strerror) &&
	       FIND(slist_append) && FIND(slist_free_all);
}

int
https_new(const struct https_opts *o, struct https **out, struct err *err)
{
	struct https *h = xcalloc(1, sizeof *h);

	h->o = *o;
	h->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (h->library == NULL || !find_all(h) ||
	    h->call.global_init(CURL_GLOBAL_DEFAULT) != 0 ||
	    (h->easy = h->call.easy_init()) == NULL) {
		https_free(&h);
		return err_set(err, RC_NOTFOUND,
		    "%s cannot be loaded: install the package libcurl4",
		    LIBRARY);
	}
	*out = h;
	return RC_OK;
}

void
https_free(struct https **hp)
{
	struct https *h = *hp;

	if (h == NULL)
		return;
	*hp = NULL;
	if (h->easy != NULL)
		h->call.easy_cleanup(h->easy);
	/* The library stays: what it has loaded does not like to go. */
	free(h);
}

/* ---- addresses ---- */

static bool
is_label(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0;
}

/* A last label that begins with a digit would be part of an address. */
static bool
is_name(struct sv host)
{
	struct sv label = SV("");

	if (host.n == 0 || host.p[host.n - 1] == '.')
		return false;
	while (host.n > 0) {
		label = sv_split(&host, '.');
		if (!is_label(label))
			return false;
	}
	return !ascii_is_digit(label.p[0]);
}

static bool
is_host(const char *host, bool v6)
{
	struct in6_addr a;
	bool colon = sv_chr(sv_str(host), ':') < strlen(host);

	if (network_address(host, &a))
		return v6 == colon;
	return !v6 && is_name(sv_str(host));
}

int
https_url_parts(
    const char *url, char host_out[HTTPS_HOST_MAX], uint16_t *port_out)
{
	struct sv s = sv_str(url), host;
	uint64_t port = 443;
	bool v6;

	if (!sv_istarts(s, SV("https://")))
		return RC_SYNTAX;
	s = sv_skip(s, 8);
	s = sv_first(s, sv_chr(s, '/'));
	s = sv_first(s, sv_chr(s, '?'));
	if (sv_chr(s, '@') < s.n || sv_chr(s, '\\') < s.n ||
	    sv_chr(s, '#') < s.n)
		return RC_SYNTAX;
	v6 = s.n > 0 && s.p[0] == '[';
	if (v6) {
		host = sv_first(sv_skip(s, 1), sv_chr(sv_skip(s, 1), ']'));
		s = sv_skip(s, host.n + 2);
	} else {
		host = sv_first(s, sv_chr(s, ':'));
		s = sv_skip(s, host.n);
	}
	if (s.n > 0 &&
	    (s.p[0] != ':' || sv_to_u64(sv_skip(s, 1), 65535, &port) != RC_OK ||
		port == 0))
		return RC_SYNTAX;
	if (host.n == 0 || host.n >= HTTPS_HOST_MAX)
		return RC_SYNTAX;
	sv_copy(host, host_out, HTTPS_HOST_MAX);
	*port_out = (uint16_t)port;
	return is_host(host_out, v6) ? RC_OK : RC_SYNTAX;
}

bool
https_is_public(const struct in6_addr *a)
{
	const unsigned char *b = a->s6_addr;

	if (!IN6_IS_ADDR_V4MAPPED(a))
		return (b[0] & 0xe0) == 0x20;
	b += 12;
	return b[0] != 0 && b[0] != 10 && b[0] != 127 && b[0] < 224 &&
	       !(b[0] == 100 && (b[1] & 0xc0) == 64) &&
	       !(b[0] == 169 && b[1] == 254) &&
	       !(b[0] == 172 && (b[1] & 0xf0) == 16) &&
	       !(b[0] == 192 && b[1] == 168);
}

static void
print_address(const struct in6_addr *a, char out[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		(void)inet_ntop(
		    AF_INET, a->s6_addr + 12, out, INET6_ADDRSTRLEN);
	else
		(void)inet_ntop(AF_INET6, a, out, INET6_ADDRSTRLEN);
}

/* "host:443:192.0.2.1,2001:db8::1", as CURLOPT_RESOLVE takes it. */
static struct curl_slist *
resolve_list(struct https *h, const char *host, uint16_t port,
    const struct in6_addr *a, size_t n)
{
	struct curl_slist *list;
	char text[INET6_ADDRSTRLEN];
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	buf_addf(&b, "%s:%u:", host, port);
	for (i = 0; i < n; i++) {
		print_address(&a[i], text);
		buf_addf(&b, "%s%s", i > 0 ? "," : "", text);
	}
	list = h->call.slist_append(NULL, b.p);
	buf_fini(&b);
	return list;
}

/* Of n those that the host may have. */
static size_t
keep_allowed(
    const struct https *h, const char *host, struct in6_addr *a, size_t n)
{
	size_t i, k = 0;

	if (h->o.own_host == NULL ||
	    sv_ieq(sv_str(host), sv_str(h->o.own_host)))
		return n;
	for (i = 0; i < n; i++)
		if (https_is_public(&a[i]))
			a[k++] = a[i];
	return k;
}

/* *out may stay NULL: the host is an address. */
static int
resolve(
    struct https *h, const char *url, struct curl_slist **out, struct err *err)
{
	struct in6_addr a[HTTPS_ADDRESSES_MAX];
	char host[HTTPS_HOST_MAX];
	uint16_t port;
	size_t n = 0;
	bool literal;
	int r = RC_OK;

	if (https_url_parts(url, host, &port) != RC_OK)
		return err_set(
		    err, RC_SYNTAX, "%.200s is not an https address", url);
	literal = network_address(host, &a[0]);
	if (literal)
		n = 1;
	else
		r = h->o.resolve(h->o.arg, host, a, &n, err);
	if (r != RC_OK)
		return r;
	n = keep_allowed(h, host, a, n);
	if (n == 0)
		return err_set(err, RC_DENIED,
		    "%.100s is not a public address, and nobody has set it",
		    host);
	if (!literal)
		*out = resolve_list(h, host, port, a, n);
	return r;
}

/* ---- one request ---- */

void
https_answer_init(struct https_answer *a)
{
	memset(a, 0, sizeof *a);
	buf_init(&a->body, 0);
	buf_init(&a->nonce, HEADER_MAX);
	buf_init(&a->location, HEADER_MAX);
	buf_init(&a->retry_after, HEADER_MAX);
	buf_init(&a->date, HEADER_MAX);
}

void
https_answer_fini(struct https_answer *a)
{
	buf_fini(&a->date);
	buf_fini(&a->retry_after);
	buf_fini(&a->location);
	buf_fini(&a->nonce);
	buf_fini(&a->body);
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct https_answer *a = arg;

	buf_add(&a->body, p, size * n);
	return buf_ok(&a->body) ? size * n : 0;
}

static void
keep_field(struct sv line, struct sv name, struct buf *out)
{
	if (sv_istarts(line, name) && line.n > name.n && line.p[name.n] == ':')
		buf_set(out, sv_trim(sv_skip(line, name.n + 1)));
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct https_answer *a = arg;
	struct sv line = sv_of(p, size * n);

	/* Another answer begins: that before it was "continue". */
	if (sv_istarts(line, SV("HTTP/"))) {
		buf_reset(&a->nonce);
		buf_reset(&a->location);
		buf_reset(&a->retry_after);
	}
	keep_field(line, SV("replay-nonce"), &a->nonce);
	keep_field(line, SV("location"), &a->location);
	keep_field(line, SV("retry-after"), &a->retry_after);
	keep_field(line, SV("date"), &a->date);
	return size * n;
}

#define SET(option, value) (void)h->call.easy_setopt(h->easy, option, value)

static void
set_common(struct https *h, char why[CURL_ERROR_SIZE])
{
	struct curl_blob ca = {.len = h->o.ca_pem.n, .flags = CURL_BLOB_NOCOPY};
	union {
		const char *in;
		void *out;
	} pem = {h->o.ca_pem.p};

	ca.data = pem.out;
	h->call.easy_reset(h->easy);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_CAINFO_BLOB, &ca);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	SET(CURLOPT_TIMEOUT, (long)WHOLE_S);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, (long)SLOW_S);
	SET(CURLOPT_FORBID_REUSE, 0L);
	SET(CURLOPT_USERAGENT, h->o.agent);
	SET(CURLOPT_ERRORBUFFER, why);
	why[0] = '\0';
}

static struct curl_slist *
header_lines(struct https *h, const struct https_request *r)
{
	struct curl_slist *list = NULL;
	char line[200];

	if (r->accept != NULL) {
		(void)snprintf(line, sizeof line, "Accept: %s", r->accept);
		list = h->call.slist_append(list, line);
	}
	if (r->method == HTTPS_POST) {
		(void)snprintf(line, sizeof line, "Content-Type: %s", r->type);
		list = h->call.slist_append(list, line);
		list = h->call.slist_append(list, "Expect:");
	}
	return list;
}

/* What went wrong, in words that name the other side. */
static int
explain(struct https *h, CURLcode code, const char *host, const char *why,
    struct err *err)
{
	if (why[0] == '\0')
		why = h->call.easy_strerror(code);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(err, RC_DENIED,
		    "the certificate of %.80s is not trusted (%.150s)", host,
		    why);
	if (code == CURLE_WRITE_ERROR || code == CURLE_FILESIZE_EXCEEDED)
		return err_set(err, RC_TOOBIG, "%.80s sends too much", host);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, RC_TIMEOUT,
		    "%.80s does not answer in time (%.150s)", host, why);
	return err_set(
	    err, RC_TEMP, "%.80s cannot be reached (%.150s)", host, why);
}

int
https_do(struct https *h, const struct https_request *r, struct https_answer *a,
    struct err *err)
{
	struct curl_slist *addresses = NULL, *header;
	char why[CURL_ERROR_SIZE], host[HTTPS_HOST_MAX];
	long status = 0;
	uint16_t port;
	CURLcode code;
	int rc = resolve(h, r->url, &addresses, err);

	if (rc != RC_OK)
		return rc;
	a->body.max = r->most;
	header = header_lines(h, r);
	set_common(h, why);
	SET(CURLOPT_URL, r->url);
	SET(CURLOPT_RESOLVE, addresses);
	SET(CURLOPT_HTTPHEADER, header);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, a);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, a);
	SET(CURLOPT_MAXFILESIZE, (long)r->most);
	if (r->method == HTTPS_HEAD)
		SET(CURLOPT_NOBODY, 1L);
	if (r->method == HTTPS_POST) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE, (long)r->body.n);
		SET(CURLOPT_POSTFIELDS, r->body.p);
	}
	code = h->call.easy_perform(h->easy);
	(void)h->call.easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	a->status = status > 0 && status < 1000 ? (unsigned)status : 0;
	if (https_url_parts(r->url, host, &port) != RC_OK)
		host[0] = '\0';
	if (code != CURLE_OK || a->status == 0)
		rc = explain(h, code, host, why, err);
	a->bad_certificate = code == CURLE_PEER_FAILED_VERIFICATION;
	h->call.easy_reset(h->easy);
	h->call.slist_free_all(header);
	h->call.slist_free_all(addresses);
	return rc;
}

/* ---- our own services ---- */

static void
keep_first(const struct curl_certinfo *all, struct buf *out)
{
	const struct curl_slist *s;

	if (all == NULL || all->num_of_certs < 1)
		return;
	for (s = all->certinfo[0]; s != NULL; s = s->next)
		if (sv_starts(sv_str(s->data), SV("Cert:")))
			buf_adds(out, s->data + 5);
}

int
https_look(struct https *h, const char *name, const struct in6_addr *at,
    uint16_t port, struct buf *pem_out, struct err *err)
{
	struct curl_slist *addresses = resolve_list(h, name, port, at, 1);
	struct curl_certinfo *all = NULL;
	char why[CURL_ERROR_SIZE], url[HTTPS_HOST_MAX + 32];
	CURLcode code;
	int rc = RC_OK;

	(void)snprintf(url, sizeof url, "https://%s:%u/", name, port);
	set_common(h, why);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_RESOLVE, addresses);
	SET(CURLOPT_CONNECT_ONLY, 1L);
	SET(CURLOPT_CERTINFO, 1L);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	/* None of our services would know it. */
	SET(CURLOPT_SSL_ENABLE_ALPN, 0L);
	code = h->call.easy_perform(h->easy);
	(void)h->call.easy_getinfo(h->easy, CURLINFO_CERTINFO, &all);
	if (code != CURLE_OK)
		rc = explain(h, code, name, why, err);
	else
		keep_first(all, pem_out);
	h->call.easy_reset(h->easy);
	h->call.slist_free_all(addresses);
	return rc;
}
