/*
 * The configuration: one YAML file into one typed, read-only struct.
 *
 * Parsing is all or nothing.  Every error has file, line, column, the key, what
 * was expected, and the nearest known key where one was misspelt; all errors
 * are collected, not only the first.  YAML aliases and anchors are refused:
 * nobody needs them here and some files use them as bombs.
 *
 * Each process parses the same bytes by itself from a descriptor; account
 * numbers are positions in the file and so mean the same in all of them, for
 * one generation.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define CONF_FILE_MAX (1 << 20)
#define CONF_NAME_MAX 64

enum conf_service {
	CONF_SMTP,
	CONF_SUBMISSION,
	CONF_SUBMISSIONS,
	CONF_IMAP,
	CONF_IMAPS,
	CONF_POP3,
	CONF_POP3S,
	CONF_SIEVE, /* ManageSieve */
	CONF_HTTP,
	CONF_HTTPS,
	CONF_METRICS, /* metrics.listen */
	CONF_SERVICES /* how many */
};

/* Where something is in the file, from 1; line 0: nowhere. */
struct conf_place {
	unsigned line, column;
};

struct conf_listen {
	char *host; /* numeric, NULL: all addresses */
	uint16_t port;
	struct conf_place at;
};

#define CONF_QUOTA_DEFAULT UINT64_MAX

struct conf_account {
	char *name;
	char **address; /* normalised */
	size_t naddress;
	/* Others' addresses that it may write as: normalised, or "@domain",
	 * or "*" for any. */
	char **send_as;
	size_t nsend_as;
	uint64_t quota; /* see conf_quota */
	bool admin;	/* may visit the admin's pages */
};

#define CONF_BLOCK_LISTS_MAX 16
#define CONF_CODES_MAX	     16

/* A list of addresses from which others do not want mail [RFC 5782]. */
struct conf_block_list {
	char *zone; /* lower case */
	/* What it answers for an address that is listed, as numbers, from and
	 * to; all else is an error. */
	uint32_t code[CONF_CODES_MAX][2];
	size_t ncode;
	bool refuse; /* of inbound: what is listed is refused */
};

struct conf_block_lists {
	struct conf_block_list *list;
	size_t n;
};

/* What becomes of mail that the domain of its author disowns. */
struct conf_inbound {
	bool has_dmarc, has_trust_arc, has_lists; /* the keys are there */
	bool greylist; /* of all domains: suspicious strangers wait */
	enum conf_dmarc {
		CONF_DMARC_REJECT, /* what that domain asks for */
		CONF_DMARC_JUNK,   /* at most the folder for junk */
		CONF_DMARC_NOTE,   /* noted in the header only */
		CONF_DMARC_OFF	   /* not looked at */
	} dmarc;
	/* Domains whose word on a message counts that they have passed on, in
	 * lower case. */
	char **trust_arc;
	size_t ntrust_arc;
	/* Mailing lists that are welcome: addresses, domains, or List-Ids, in
	 * lower case. */
	char **list;
	size_t nlist;
	/* Block lists that are asked about the other side's address.  Of all
	 * domains only: they are asked once for a message. */
	struct conf_block_lists block_lists;
};

/* What other servers are to make of TLS with this one [RFC 8461]. */
struct conf_mta_sts {
	bool has; /* the key is there */
	enum conf_sts {
		CONF_STS_OFF,	  /* there is no policy */
		CONF_STS_NONE,	  /* there is one that takes back others */
		CONF_STS_TESTING, /* failures are reported only */
		CONF_STS_ENFORCE
	} mode;
	int64_t enforce_s;  /* testing before that, seconds since 1970 */
	uint32_t max_age_s; /* 0: by the mode */
	/* Mail hosts beside this one, lower case; "*.": any label. */
	char **mx;
	size_t nmx;
};

struct conf_domain {
	char *name;		     /* lower case */
	int catch_all;		     /* account number, -1: none */
	struct conf_inbound inbound; /* its own; what it lacks is in conf's */
	struct conf_mta_sts mta_sts; /* its own, in place of conf's */
	/* For clients that ask for one of its names; NULL: none. */
	char *tls_certificate, *tls_key;
	struct conf_place certificate_at, key_at;
};

#define CONF_OUTSIDE_MAX 100 /* addresses to which one alias leads */

/* May have accounts, addresses at other servers, or both. */
struct conf_alias {
	char *address;	   /* normalised */
	uint32_t *account; /* after expansion, ascending, without repeats */
	size_t naccount;
	/* After expansion, without repeats; the local part in the case in which
	 * it is written. */
	char **outside;
	size_t noutside;
	char **target; /* as written */
	size_t ntarget;
};

enum conf_tls {
	CONF_TLS_VERIFY,  /* with a certificate of the host's name */
	CONF_TLS_REQUIRE, /* with any */
	CONF_TLS_OFF
};

/* A smarthost. */
struct conf_relay {
	char *domain; /* of the recipients, lower case; NULL: all others */
	char *host;   /* a name or a numeric address */
	uint16_t port;
	bool implicit_tls; /* TLS from the first byte: port 465 */
	enum conf_tls tls;
	char *user, *password_file; /* NULL: no login */
	bool fallback;		    /* only where direct delivery is refused */
	struct conf_place password_at;
};

#define CONF_FORWARD_MAX   8
#define CONF_RECEIVERS_MAX 8
/* How names are looked up, and how ours are watched. */
struct conf_dns {
	struct conf_block_lists block_lists; /* that know our addresses? */
	char **receiver; /* whose hosts are tried on port 25 */
	size_t nreceiver;
	bool check;	/* once a day */
	char **forward; /* "address@port"; none: own recursion */
	size_t nforward;
	char *root_hints, *trust_anchor; /* files; NULL: built in */
	struct conf_place hints_at, anchor_at;
	bool validate;
};

/* From where mail leaves for other servers. */
struct conf_outbound {
	bool ipv6;		 /* theirs are tried, too */
	char *source4, *source6; /* numeric; NULL: as the system has it */
	struct conf_place source_at;
};

/* DMARC reports to the owners of other domains. */
struct conf_reports {
	bool send;
};

/* What happened to each message, for the owner. */
struct conf_history {
	int64_t keep_ms; /* 0: only numbers are kept */
	uint64_t size;	 /* bytes on the disk */
	bool subjects;	 /* are part of it */
};

/* The keys that mail is signed with. */
struct conf_dkim {
	int64_t rotate_s; /* changed so often, seconds; 0: never by itself */
};

#define CONF_ACME_DIRECTORY "https://acme-v02.api.letsencrypt.org/directory"

/* Certificates from an authority, by themselves. */
struct conf_acme {
	bool on;
	char *directory;
	char *email;			/* NULL: none is given to it */
	char *eab_id, *eab_secret_file; /* NULL: no account there before */
	char *ca;     /* whose signature the directory has; NULL:
		       * those of the system */
	bool new_key; /* a fresh one each time */
	bool check;   /* names are looked up before */
	struct conf_place at, eab_at, ca_at;
};

/* Figures for monitoring, beside those at listen[CONF_METRICS]. */
struct conf_metrics {
	char *token; /* with which https has them; NULL: it has none */
	struct conf_place token_at;
};

#define CONF_BACKUP_MINUTE (3 * 60 + 30)

/* A backup every day. */
struct conf_backup {
	char *folder;	 /* NULL: none */
	uint32_t minute; /* of the day, local time */
	uint32_t keep;	 /* how many, 0: all */
	struct conf_place folder_at;
};

/* Mail that nobody wants, as it was learned. */
struct conf_junk {
	bool on;	    /* delivered mail is judged */
	bool share;	    /* what one account teaches counts for all */
	int64_t expire_ms;  /* junk is expunged then; 0: never */
	uint32_t threshold; /* of the score, of 100 */
};

/* What is served by HTTP. */
struct conf_web {
	bool hsts; /* browsers are told to come by https only [RFC 6797] */
};

/* Programs that are looked for in messages. */
struct conf_virus {
	char *clamd; /* the socket of ClamAV's daemon; NULL: it is not asked */
	struct conf_place clamd_at;
};

struct conf_limits {
	uint64_t message_size;	       /* bytes, default 50 MiB */
	uint32_t recipients;	       /* of one message, default 100 */
	uint32_t connections;	       /* of one service, default 1000 */
	uint32_t connections_per_peer; /* of one address or /64, default 20 */
	uint32_t errors;	    /* bad commands before a 421, default 10 */
	uint32_t messages_per_hour; /* from one peer, default 600 */
	bool loopback;		    /* the peer limits hold there, too */
};

struct conf {
	_Atomic unsigned refs;
	char *file;
	char *hostname;
	struct conf_domain *domain;
	size_t ndomain;
	struct conf_account *account;
	size_t naccount;
	struct conf_alias *alias;
	size_t nalias;
	uint32_t admin; /* account number */
	char *data;
	struct conf_place data_at;
	char *tls_certificate; /* NULL: the self-signed one in data/tls */
	char *tls_key;
	struct conf_place certificate_at, key_at;
	struct conf_acme acme;
	struct conf_metrics metrics;
	struct conf_listen *listen[CONF_SERVICES];
	size_t nlisten[CONF_SERVICES];
	struct conf_limits limits;
	struct conf_dns dns;
	struct conf_inbound inbound;
	struct conf_outbound outbound;
	struct conf_dkim dkim;
	struct conf_backup backup;
	struct conf_history history;
	struct conf_reports reports;
	struct conf_web web;
	struct conf_virus virus;
	struct conf_junk junk;
	struct conf_mta_sts mta_sts;
	struct conf_relay *relay;
	size_t nrelay;
	bool outside;	/* mail may go to other domains (not `relay: off`) */
	uint64_t quota; /* of accounts without one of their own */
	int64_t retention_ms; /* of expunged mail; 0: none is kept */
	/* How clients see it, by day, below Restore. */
	enum conf_restore {
		CONF_RESTORE_NO,
		CONF_RESTORE_NAMESPACE,
		CONF_RESTORE_YES
	} restore_folder;
	bool detail_folder; /* +detail files into a folder of that name */
	bool sandbox;
	bool log_json; /* log.format */

	/* For lookups: all account addresses, sorted. */
	struct conf_address *by_address;
	size_t nby_address;
};

struct conf_error {
	unsigned line, column; /* from 1; 0: the file as a whole */
	char text[320];
};

#define CONF_ERRORS_MAX 20
struct conf_errors {
	struct conf_error e[CONF_ERRORS_MAX];
	size_t n; /* may be larger than the array: the rest was dropped */
};

/* RC_OK, or RC_SYNTAX with at least one error.  file is only a name. */
int conf_parse(struct sv yaml, const char *file, struct conf **out,
    struct conf_errors *errors) RC_USE_RESULT;
/* Reads the file, then as conf_parse; RC_NOTFOUND, RC_IO with one error. */
int conf_load(const char *file, struct buf *text_out, struct conf **out,
    struct conf_errors *errors) RC_USE_RESULT;
/* The file's text with its secrets hidden, line by line; whatever it is. */
void conf_mask(struct sv text, struct buf *out);
/* References may be taken and given back from any thread; the last conf_free
 * frees. */
struct conf *conf_ref(struct conf *c);
void conf_free(struct conf **c);
/* One more of them. */
void conf_error_add(struct conf_errors *e, struct conf_place at,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "hearthmail.yaml:3:1: text" lines. */
void conf_errors_print(
    const struct conf_errors *e, const char *file, struct buf *out);

#define CONF_PLACE_MAX 200
/* "hearthmail.yaml:3:1: ", to be put before an error; nothing for nowhere. */
const char *conf_place_print(
    const struct conf *c, struct conf_place at, char out[CONF_PLACE_MAX]);

/* "smtp" ...: the key under `listen`. */
const char *conf_service_name(enum conf_service s);
bool conf_service_tls(enum conf_service s); /* TLS from the first byte */

/*
 * The largest message, in bytes, that one process may hand to another: what
 * limits.message_size or an APPEND lets in, and some for what is put in front.
 * Those who get more have it from a process that has been taken over.
 */
uint64_t conf_message_max(const struct conf *c);

/* ---- who gets what ---- */

/*
 * Trims nothing; folds the case of both parts; false if it has no '@', an
 * empty part, or is too long.
 */
#define CONF_ADDRESS_MAX 1000
bool conf_address_normalise(struct sv address, struct buf *out);

/*
 * The accounts that get mail for an address: exact, alias, without +detail,
 * postmaster@ and abuse@ (the admin's), catch-all, in this order.  Of the host
 * name there are postmaster@, abuse@ and root@, also if it is not a domain.
 * RC_NOTFOUND: the domain is ours, the address is nobody's.  RC_DENIED: the
 * domain is not ours.  The numbers live as long as c.
 */
int conf_lookup(const struct conf *c, struct sv address,
    const uint32_t **accounts_out, size_t *n_out) RC_USE_RESULT;
/* The alias that gets mail for the address, if it leads to other servers: what
 * comes for it is forwarded, beside what conf_lookup says.  NULL: none. */
const struct conf_alias *conf_forward(const struct conf *c, struct sv address);
/* Who answers for what an alias forwards, and is told when that fails: the
 * accounts among its targets, else the admin. */
void conf_alias_owners(const struct conf *c, const struct conf_alias *a,
    const uint32_t **accounts_out, size_t *n_out);
/* The detail of an address that is somebody's only without it: "lists" of
 * anna+lists@example.org; empty: it has none.  Points into address. */
struct sv conf_address_detail(const struct conf *c, struct sv address);
/* How the answer came about: "address", "alias", "catch-all", ... */
const char *conf_lookup_why(const struct conf *c, struct sv address);
/* The name of the account whose own address it is; "": it is not one. */
const char *conf_account_of(const struct conf *c, struct sv address);
bool conf_domain_is_local(const struct conf *c, struct sv domain);

/* ---- what the owner wants of mail that arrives for a domain: by its own key
 * `inbound`, else by the general one ---- */

enum conf_dmarc conf_inbound_dmarc(const struct conf *c, struct sv domain);
/* Does the word of this sealer (ARC) count? */
bool conf_inbound_trusts(
    const struct conf *c, struct sv domain, struct sv sealer);
/* Is this mailing list welcome?  address and id, without brackets, in lower
 * case; either may be empty. */
bool conf_inbound_names_list(
    const struct conf *c, struct sv domain, struct sv address, struct sv id);

/* May this account send with this address?  Its own addresses, those with
 * +detail, aliases that lead to it, and its send_as. */
bool conf_may_send(const struct conf *c, uint32_t account, struct sv address);
/*
 * By name or any of its addresses, as people log in: in any case, and also by
 * the local part of addresses that belong to one account only, which is what
 * mail programs guess.  -1 if there is none.
 */
int conf_account_by_login(const struct conf *c, struct sv login);
int conf_account_by_name(const struct conf *c, struct sv name);
/* Bytes of mail that an account may hold; 0: any. */
uint64_t conf_quota(const struct conf *c, uint32_t account);
/* The smarthost for recipients of that domain; NULL: none. */
const struct conf_relay *conf_relay_for(const struct conf *c, struct sv domain);
/* Does mail leave through this host, by its name or address? */
bool conf_has_relay(const struct conf *c, struct sv host);

/* What is delayed while no names can be looked up, in words for people. */
const char *conf_without_names(const struct conf *c);
/* Of one of our domains; NULL: it has no policy, or nobody could fetch it. */
const struct conf_mta_sts *conf_mta_sts(const struct conf *c, struct sv domain);

/* Is the key `dns` the same in both? */
bool conf_dns_same(const struct conf *a, const struct conf *b);

/* An entry of by_address. */
struct conf_address {
	const char *address;
	uint32_t account;
};

#endif
