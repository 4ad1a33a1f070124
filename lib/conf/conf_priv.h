/*
 * Inside the parser of the configuration only: what its files share.
 *
 * The file is loaded as libyaml's document tree, which never expands an alias
 * and keeps the place of each node; then one function per key turns nodes
 * into fields.  The tables of keys are the whole schema.
 */
#ifndef CONF_PRIV_H
#define CONF_PRIV_H

#include <yaml.h>

#include "conf/conf.h"

/* An address as it is in the file. */
struct conf_written {
	uint32_t account;
	yaml_node_t *node;
};

struct conf_parser {
	yaml_document_t doc;
	struct conf *c;
	struct conf_errors *errors;
	/* Nodes whose meaning needs the whole file: looked at in the end. */
	yaml_node_t *aliases, *catch_all, *admin, *admins;
	/* The same for places: of the accounts' names, of their addresses in
	 * the order of the file, of the aliases' addresses. */
	yaml_node_t **account;
	struct conf_written *address;
	yaml_node_t **alias;
	size_t naccount, account_cap, naddress, address_cap;
	size_t nalias, alias_cap;
	/* The keys are there. */
	bool has_hostname, has_domains, has_accounts;
	struct conf_inbound *inbound; /* the one that is being read */
	struct conf_mta_sts *sts;     /* the same */
};

struct conf_key {
	const char *name;
	void (*set)(struct conf_parser *p, yaml_node_t *n);
};

/* ---- reader.c ---- */
void conf_fail_at(struct conf_errors *errors, size_t line, size_t column,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define CONF_FAIL(p, n, ...)                                \
	conf_fail_at((p)->errors, (n)->start_mark.line + 1, \
	    (n)->start_mark.column + 1, __VA_ARGS__)

struct conf_place conf_place_of(const yaml_node_t *n);
yaml_node_t *conf_node(struct conf_parser *p, int id);
struct sv conf_text_of(const yaml_node_t *n);
/* A scalar without NUL bytes, or an error that says what was expected. */
bool conf_get_text(struct conf_parser *p, yaml_node_t *n, const char *expected,
    struct sv *out);
bool conf_get_bool(struct conf_parser *p, yaml_node_t *n, bool *out);
/* K, M and G behind it multiply; false: it is none, or out of range. */
bool conf_number(struct sv s, uint64_t least, uint64_t most, uint64_t *out);
/* As that, with an error that says what is allowed. */
bool conf_get_number(struct conf_parser *p, yaml_node_t *n, uint64_t least,
    uint64_t most, uint64_t *out);
/* An absolute path, in place of what *path was; at (may be NULL): its place. */
void conf_set_path(
    struct conf_parser *p, yaml_node_t *n, char **path, struct conf_place *at);
/* A domain name in ASCII: letters, digits, hyphens, dots between. */
bool conf_is_domain(struct sv d);
/* An address, or the like: no top-level domain is a number. */
bool conf_ends_in_number(struct sv d);
char *conf_lower_dup(struct sv s);
/* Calls fn for each well-formed pair of a map. */
void conf_each_pair(struct conf_parser *p, yaml_node_t *map,
    const char *expected,
    void (*fn)(
	struct conf_parser *p, yaml_node_t *k, yaml_node_t *v, void *arg),
    void *arg);
/* Calls fn for each element of a list; a single scalar counts as a list. */
void conf_each_item(struct conf_parser *p, yaml_node_t *list,
    const char *expected,
    void (*fn)(struct conf_parser *p, yaml_node_t *n, void *arg), void *arg);
/* The error, with the key that is nearest, or all that are known. */
void conf_unknown_key(
    struct conf_parser *p, yaml_node_t *n, const struct conf_key *keys);
/* One word in place of a map: the error names the key that it is probably for.
 */
bool conf_is_bare(struct conf_parser *p, yaml_node_t *n, const char *key);
/* A map whose keys are in the table, which ends with a NULL name. */
void conf_set_map(
    struct conf_parser *p, yaml_node_t *n, const struct conf_key *keys);

/* ---- accounts.c ---- */
void conf_set_domains(struct conf_parser *p, yaml_node_t *n);
void conf_set_accounts(struct conf_parser *p, yaml_node_t *n);
void conf_set_aliases(struct conf_parser *p, yaml_node_t *n);
void conf_set_catch_all(struct conf_parser *p, yaml_node_t *n);
void conf_set_admin(struct conf_parser *p, yaml_node_t *n);
void conf_set_admins(struct conf_parser *p, yaml_node_t *n);
/* When all keys are read: what they say about one another. */
void conf_check_accounts(struct conf_parser *p);

/* ---- acme.c: the key `tls.acme` ---- */
void conf_set_acme(struct conf_parser *p, yaml_node_t *n);

/* ---- backup.c ---- */
void conf_set_backup(struct conf_parser *p, yaml_node_t *n);

/* ---- dkim.c ---- */
void conf_set_dkim(struct conf_parser *p, yaml_node_t *n);

/* ---- dns.c ---- */
void conf_set_dns(struct conf_parser *p, yaml_node_t *n);

/* ---- block_lists.c ---- */
/* Instead of those that are there with the same `refuse`. */
void conf_read_block_lists(struct conf_parser *p, yaml_node_t *n,
    struct conf_block_lists *l, bool refuse);
void conf_default_block_lists(struct conf *c);

/* ---- watch.c ---- */
void conf_set_receivers(struct conf_parser *p, yaml_node_t *n);
void conf_set_dns_check(struct conf_parser *p, yaml_node_t *n);
void conf_default_watch(struct conf *c);

/* ---- listen.c ---- */
/* One item of a service's list. */
void conf_add_listen(struct conf_parser *p, yaml_node_t *n, void *service);
/* No two that exclude each other. */
void conf_check_listens(struct conf_parser *p);

/* ---- log.c ---- */
void conf_set_log(struct conf_parser *p, yaml_node_t *n);

/* ---- outbound.c ---- */
void conf_set_outbound(struct conf_parser *p, yaml_node_t *n);

/* ---- quota.c: the keys `quota`, of all and of an account ---- */
void conf_set_quota(struct conf_parser *p, yaml_node_t *n);
void conf_set_quota_of(struct conf_parser *p, yaml_node_t *n, uint64_t *at);

/* ---- relay.c ---- */
void conf_set_relay(struct conf_parser *p, yaml_node_t *n);

/* ---- inbound.c: the key `inbound` ---- */
void conf_set_inbound(struct conf_parser *p, yaml_node_t *n);
/* The same key of one domain. */
void conf_read_inbound(
    struct conf_parser *p, yaml_node_t *n, struct conf_inbound *out);

/* ---- junk.c ---- */
void conf_set_junk(struct conf_parser *p, yaml_node_t *n);

/* ---- virus.c ---- */
void conf_set_virus(struct conf_parser *p, yaml_node_t *n);

/* ---- metrics.c: the key `metrics` ---- */
void conf_set_metrics(struct conf_parser *p, yaml_node_t *n);

/* ---- web.c: the keys `web` and `mta_sts` ---- */
void conf_set_web(struct conf_parser *p, yaml_node_t *n);
void conf_set_mta_sts(struct conf_parser *p, yaml_node_t *n);
/* The same key of one domain. */
void conf_read_mta_sts(
    struct conf_parser *p, yaml_node_t *n, struct conf_mta_sts *out);

/* ---- reports.c ---- */
void conf_set_reports(struct conf_parser *p, yaml_node_t *n);

/* ---- history.c ---- */
void conf_set_history(struct conf_parser *p, yaml_node_t *n);

/* ---- store.c: the keys `retention` and `restore_folder` ---- */
/* "30d", "12h", "0" in ms; none: the word for 0 in the error. */
void conf_set_age(struct conf_parser *p, yaml_node_t *n, const char *key,
    const char *none, int64_t *ms);
void conf_set_retention(struct conf_parser *p, yaml_node_t *n);
void conf_set_detail(struct conf_parser *p, yaml_node_t *n);
void conf_set_restore_folder(struct conf_parser *p, yaml_node_t *n);

#endif
