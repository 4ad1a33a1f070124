/*
 * One HTTPS request at a time to somebody else, over libcurl: addresses come
 * from the caller, certificates are verified, nothing is redirected, sizes and
 * times are bounded, nothing is kept, no file is opened.
 *
 * libcurl and the thirty libraries that it needs are loaded by https_new, since
 * the other processes would pay for them, too.
 */
#ifndef HTTPS_HTTPS_H
#define HTTPS_HTTPS_H

#include <netinet/in.h>

#include "base/buf.h"

#define HTTPS_ADDRESSES_MAX 16

struct https;

/* The addresses of a host, at most HTTPS_ADDRESSES_MAX; v4 ones as ::ffff:.
 * RC_OK with *n_out > 0, or a sentence. */
typedef int https_resolve_fn(void *arg, const char *host,
    struct in6_addr out[HTTPS_ADDRESSES_MAX], size_t *n_out, struct err *err);

struct https_opts {
	struct sv ca_pem; /* whose signatures count; must live as long */
	const char *agent;
	https_resolve_fn *resolve;
	void *arg;
	/* The owner has named it, so it may be anywhere.  Hosts that others
	 * name lead to public addresses only, not to what is near us. */
	const char *own_host;
};

/* Before the walls: loads libraries. */
int https_new(const struct https_opts *o, struct https **out,
    struct err *err) RC_USE_RESULT;
void https_free(struct https **h);

struct https_request {
	const char *url;
	enum https_method {
		HTTPS_GET,
		HTTPS_HEAD,
		HTTPS_POST
	} method;
	struct sv body;
	const char *type;   /* of the body */
	const char *accept; /* NULL: anything */
	size_t most;	    /* bytes of the answer */
};

struct https_answer {
	unsigned status;
	struct buf body;
	/* Of the header; empty if it has none. */
	struct buf nonce, location, retry_after, date;
	bool bad_certificate; /* of the other side: why there is no answer */
};

void https_answer_init(struct https_answer *a);
void https_answer_fini(struct https_answer *a);
/* RC_OK: there is an answer, whatever its status.  Else a sentence. */
int https_do(struct https *h, const struct https_request *r,
    struct https_answer *a, struct err *err) RC_USE_RESULT;

/*
 * Is it a URL that could be asked?  Its host and port.  The host is a name as
 * the DNS has it or a plain address: what libcurl would read as another host
 * than we ("127.1", "%6c", a dot at the end) is RC_SYNTAX.
 */
#define HTTPS_HOST_MAX 256
int https_url_parts(const char *url, char host_out[HTTPS_HOST_MAX],
    uint16_t *port_out) RC_USE_RESULT;

/* Not of this machine, a link, or a private network. */
bool https_is_public(const struct in6_addr *a);

/*
 * What a client of our own sees: TLS with that address and port, under that
 * name.  RC_OK: the chain, the name and the dates are good; the first
 * certificate's PEM is appended.
 */
int https_look(struct https *h, const char *name, const struct in6_addr *at,
    uint16_t port, struct buf *pem_out, struct err *err) RC_USE_RESULT;

#endif
