/*
 * The dns process's work: questions come over lines, a resolver answers them,
 * the ladder (ladder.h) says which way.  One thread, the loop's.
 */
#ifndef DNS_SERVER_H
#define DNS_SERVER_H

#include "base/ev.h"
#include "dns/setup.h"

struct dns_server_limits {
	/* Questions open for one asking process, and for all; above: RC_TEMP at
	 * once.  One counts until the resolver is done with it, so that who
	 * asks for what nobody answers takes nothing from others: three
	 * processes that do their worst leave room. */
	unsigned per_line;
	unsigned all;
	int64_t answer_ms; /* after that the answer is RC_TEMP */
	int64_t probe_ms;  /* a way that takes longer does not work */
};

#define DNS_SERVER_LIMITS                                         \
	{                                                         \
		.per_line = 300, .all = 1000, .answer_ms = 30000, \
		.probe_ms = 8000                                  \
	}

struct dns_server_opts {
	struct dns_servers hints;   /* n == 0: the root that all know */
	struct dns_servers forward; /* n == 0: own recursion */
	struct dns_servers system;  /* of /etc/resolv.conf */
	struct buf anchors;	    /* text; n == 0: the root's keys */
	bool validate;
	/* Every line may have a zone's own servers asked (DNS_AUTHORITY), not
	 * only dns_server_add_few's: for a command of the owner. */
	bool direct;
	struct dns_server_limits limits;
	/* What waits while nothing works, for people; NULL: not said. */
	const char *(*delayed)(void *arg);
	void *arg;
};

struct dns_server;

/*
 * Before the walls: makes a resolver, so that libunbound loads what it wants.
 * Takes *o, which is to be given back with dns_server_opts_fini on failure
 * only.
 */
int dns_server_new(struct ev_loop *loop, struct dns_server_opts *o,
    struct dns_server **out, struct err *err) RC_USE_RESULT;
/* Within the walls: begins to probe and to answer. */
void dns_server_start(struct dns_server *s);
void dns_server_free(struct dns_server **s);
/* The way that is in use, a line for people; while nothing works it begins with
 * DNS_STATUS_DOWN. */
#define DNS_STATUS_DOWN "DOWN: "
void dns_server_status(const struct dns_server *s, struct buf *out);

/* A line whose other end may ask; takes fd. */
void dns_server_add_client(struct dns_server *s, int fd);

/*
 * A line of a process that has no network and is to get none by way of us: it
 * may ask with DNS_AUTHORITY alone, for TXT records whose names (normalised)
 * `may` accepts, and so many times an hour.  All else is answered RC_TEMP.
 */
typedef bool dns_server_may_fn(const char *name, void *arg);
struct dns_server_few {
	dns_server_may_fn *may;
	void *arg;
	unsigned per_hour;
};
void dns_server_add_few(
    struct dns_server *s, int fd, const struct dns_server_few *few);

/*
 * Reads the files and /etc/resolv.conf into *o; a NULL name is a default.
 * forward: addresses.  On error *err names the key.
 */
int dns_server_opts_load(struct dns_server_opts *o, const char *hints,
    const char *anchors, char *const *forward, size_t nforward,
    struct err *err) RC_USE_RESULT;
void dns_server_opts_fini(struct dns_server_opts *o);

/* Ports of all name servers that may be asked, each once, for the sandbox;
 * returns how many of max. */
size_t dns_server_opts_ports(
    const struct dns_server_opts *o, uint16_t *ports, size_t max);

#endif
