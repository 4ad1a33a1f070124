/*
 * What mail programs are told about this server, so that nobody types a host
 * name or a port: pure.  All forms come from one description of the server,
 * struct clients_server:
 *
 *   Thunderbird    autoconfig 1.1, also as /.well-known/mail-v1.xml
 *   Outlook        autodiscover: POX [MS-OXDSCLI] and the JSON of version 2
 *   Apple          a .mobileconfig profile (clients/profile.h)
 *   DNS            SRV records [RFC 6186, 8314] (lib/publish asks here, too)
 *   people         the same as text; as a page: web/page/page.h
 *
 * All name the host that is in the certificate, whatever name was asked, and
 * TLS from the first byte before STARTTLS [RFC 8314 3].  Who asks is a
 * stranger: no answer depends on which addresses exist, and nothing of the
 * owner is told.  What is echoed is escaped by the one writer of
 * clients/xml.h.
 */
#ifndef CLIENTS_CLIENTS_H
#define CLIENTS_CLIENTS_H

#include "base/buf.h"
#include "conf/conf.h"

/* ---- the server ---- */

enum clients_protocol {
	CLIENTS_IMAP,
	CLIENTS_SUBMISSION,
	CLIENTS_POP3,
	CLIENTS_PROTOCOLS /* how many */
};

struct clients_port {
	uint16_t number; /* 0: there is none */
	bool implicit;	 /* TLS from the first byte; else STARTTLS */
};

struct clients_server {
	const char *hostname;
	/* Of each protocol what is preferred first, at most one of a kind. */
	struct clients_port port[CLIENTS_PROTOCOLS][2];
	bool web; /* https://hostname/ answers: see clients_discover_json */
	uint16_t web_port;
};

/*
 * From the listeners.  Those that only this machine reaches count where none is
 * reached from outside (a demo); one whose port the system chooses does not.
 * Of several of one service the usual port counts, else the first.  hostname
 * points into c.
 */
void clients_server_of(const struct conf *c, struct clients_server *out);
/* Appends "https://hostname", with the port if it is not the usual one. */
void clients_put_origin(const struct clients_server *s, struct buf *out);

/* ---- who asks, and for whom ---- */

#define CLIENTS_ADDRESS_MAX 320 /* bytes of an address that are read */

/*
 * The value of a parameter of a query ("a=b&c=d", without '?'), in any case,
 * without %XX; '+' stays, since addresses have it and no blanks.  RC_NOTFOUND,
 * RC_SYNTAX (a NUL, a broken %), RC_TOOBIG (more than out takes).
 */
int clients_query(
    struct sv query, const char *name, struct buf *out) RC_USE_RESULT;

/*
 * Which domain of ours a program asks about: the address' if that is ours,
 * else that of the Host field, without port, dot at the end, "autoconfig." and
 * "autodiscover."; the server's own name, and behind these words those that it
 * is in, since programs ask by the domain of the MX, stand for its domain, or
 * for the first.  Both may be empty.  The answer points into c.  RC_NOTFOUND:
 * none is ours.
 */
int clients_domain(const struct conf *c, struct sv host, struct sv address,
    struct sv *domain_out) RC_USE_RESULT;
/* Is it the server's own name, or one that this is in, in any case? */
bool clients_is_hosts(const struct conf *c, struct sv name);

/* ---- Thunderbird and those that do as it does ---- */

#define CLIENTS_XML_TYPE  "text/xml; charset=utf-8"
#define CLIENTS_JSON_TYPE "application/json; charset=utf-8"

/*
 * For /mail/config-v1.1.xml, /.well-known/autoconfig/mail/config-v1.1.xml and
 * /.well-known/mail-v1.xml, with or without ?emailaddress=.  The user's name
 * is "%EMAILADDRESS%", which the program replaces.
 */
void clients_autoconfig(
    const struct clients_server *s, struct sv domain, struct buf *out);

/* ---- Outlook ---- */

#define CLIENTS_BODY_MAX 16384 /* of a request; more is malformed */

/*
 * The answer to /autodiscover/autodiscover.xml, by POST or GET (an empty
 * body): the settings, or an error document.  Its status is 200 in any case,
 * since everything else means "no such service" to Outlook, and nobody is asked
 * to log in.  now: milliseconds since 1970, for the error.
 */
void clients_discover(const struct clients_server *s, struct sv body,
    int64_t now, struct buf *out);
/*
 * The answer to /autodiscover/autodiscover.json?Email=&Protocol=, also with
 * /v1.0/ADDRESS behind.  Returns the status: 200, 400 (a parameter is
 * missing), or 404 (another protocol, or there is no POX here).
 */
unsigned clients_discover_json(
    const struct clients_server *s, struct sv query, struct buf *out);

/* ---- people ---- */

/* One line for each port: what to enter where a program asks.  address may be
 * empty. */
void clients_text(
    const struct clients_server *s, struct sv address, struct buf *out);

#endif
