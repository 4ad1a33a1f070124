/*
 * The file as a whole: the table of its keys, what they are without it, and
 * what it must have.
 */
#include <stdlib.h>

#include <yaml.h>

#include "base/alloc.h"
#include "base/io.h"
#include "conf/conf_priv.h"

/* ---- one function per key ---- */

static void
set_hostname(struct conf_parser *p, yaml_node_t *n)
{
	struct sv v;

	p->has_hostname = true;
	if (!conf_get_text(
		p, n, "the server's name, such as mail.example.org", &v))
		return;
	if (!conf_is_domain(v) || sv_chr(v, '.') == v.n ||
	    conf_ends_in_number(v)) {
		CONF_FAIL(p, n,
		    "expected a full name such as mail.example.org, not "
		    "\"%.60s\"",
		    v.p);
		return;
	}
	free(p->c->hostname);
	p->c->hostname = conf_lower_dup(v);
}

static void
set_data(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->data, &p->c->data_at);
}

static void
set_certificate(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->tls_certificate, &p->c->certificate_at);
}

static void
set_tls_key(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_path(p, n, &p->c->tls_key, &p->c->key_at);
}

static void
set_sandbox(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->sandbox);
}

static void
set_listen(struct conf_parser *p, yaml_node_t *n, enum conf_service s)
{
	size_t i;

	for (i = 0; i < p->c->nlisten[s]; i++)
		free(p->c->listen[s][i].host);
	p->c->nlisten[s] = 0;
	conf_each_item(p, n, "ports", conf_add_listen, &s);
}

#define LISTEN(fn, service)                                   \
	static void fn(struct conf_parser *p, yaml_node_t *n) \
	{                                                     \
		set_listen(p, n, service);                    \
	}
LISTEN(listen_smtp, CONF_SMTP)
LISTEN(listen_submission, CONF_SUBMISSION)
LISTEN(listen_submissions, CONF_SUBMISSIONS)
LISTEN(listen_imap, CONF_IMAP)
LISTEN(listen_imaps, CONF_IMAPS)
LISTEN(listen_pop3, CONF_POP3)
LISTEN(listen_pop3s, CONF_POP3S)
LISTEN(listen_sieve, CONF_SIEVE)
LISTEN(listen_http, CONF_HTTP)
LISTEN(listen_https, CONF_HTTPS)

static void
set_u32(struct conf_parser *p, yaml_node_t *n, uint32_t least, uint32_t *at)
{
	uint64_t v;

	if (conf_get_number(p, n, least, 1000000, &v))
		*at = (uint32_t)v;
}

static void
limit_message_size(struct conf_parser *p, yaml_node_t *n)
{
	/* The store counts a message's size in 32 bits. */
	(void)conf_get_number(
	    p, n, 65536, 2047ULL << 20, &p->c->limits.message_size);
}

static void
limit_recipients(struct conf_parser *p, yaml_node_t *n)
{
	/* [RFC 5321 4.5.3.1.8] a server takes at least 100. */
	set_u32(p, n, 100, &p->c->limits.recipients);
}

static void
limit_connections(struct conf_parser *p, yaml_node_t *n)
{
	set_u32(p, n, 10, &p->c->limits.connections);
}

static void
limit_per_peer(struct conf_parser *p, yaml_node_t *n)
{
	set_u32(p, n, 1, &p->c->limits.connections_per_peer);
}

static void
limit_errors(struct conf_parser *p, yaml_node_t *n)
{
	set_u32(p, n, 1, &p->c->limits.errors);
}

static void
limit_messages_per_hour(struct conf_parser *p, yaml_node_t *n)
{
	set_u32(p, n, 1, &p->c->limits.messages_per_hour);
}

static void
limit_loopback(struct conf_parser *p, yaml_node_t *n)
{
	(void)conf_get_bool(p, n, &p->c->limits.loopback);
}

static const struct conf_key tls_keys[] = {
    {"certificate", set_certificate},
    {"key", set_tls_key},
    {"acme", conf_set_acme},
    {NULL, NULL},
};

static const struct conf_key listen_keys[] = {
    {"smtp", listen_smtp},
    {"submission", listen_submission},
    {"submissions", listen_submissions},
    {"imap", listen_imap},
    {"imaps", listen_imaps},
    {"pop3", listen_pop3},
    {"pop3s", listen_pop3s},
    {"sieve", listen_sieve},
    {"http", listen_http},
    {"https", listen_https},
    {NULL, NULL},
};

static const struct conf_key limit_keys[] = {
    {"message_size", limit_message_size},
    {"recipients", limit_recipients},
    {"connections", limit_connections},
    {"connections_per_peer", limit_per_peer},
    {"errors", limit_errors},
    {"messages_per_hour", limit_messages_per_hour},
    {"loopback", limit_loopback},
    {NULL, NULL},
};

static void
set_tls(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, tls_keys);
	if ((p->c->tls_certificate == NULL) != (p->c->tls_key == NULL))
		CONF_FAIL(
		    p, n, "certificate and key go together; one is missing");
	if (p->c->tls_certificate != NULL && p->c->acme.on)
		CONF_FAIL(p, n,
		    "certificate and acme exclude each other: remove the "
		    "files that are to be replaced");
}

static void
set_listens(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, listen_keys);
	conf_check_listens(p);
}

static void
set_limits(struct conf_parser *p, yaml_node_t *n)
{
	conf_set_map(p, n, limit_keys);
}

static const struct conf_key top_keys[] = {
    {"hostname", set_hostname},
    {"domains", conf_set_domains},
    {"accounts", conf_set_accounts},
    {"aliases", conf_set_aliases},
    {"catch_all", conf_set_catch_all},
    {"admin", conf_set_admin},
    {"admins", conf_set_admins},
    {"data", set_data},
    {"tls", set_tls},
    {"listen", set_listens},
    {"limits", set_limits},
    {"backup", conf_set_backup},
    {"dkim", conf_set_dkim},
    {"dns", conf_set_dns},
    {"history", conf_set_history},
    {"reports", conf_set_reports},
    {"inbound", conf_set_inbound},
    {"outbound", conf_set_outbound},
    {"relay", conf_set_relay},
    {"junk", conf_set_junk},
    {"virus", conf_set_virus},
    {"web", conf_set_web},
    {"mta_sts", conf_set_mta_sts},
    {"metrics", conf_set_metrics},
    {"log", conf_set_log},
    {"quota", conf_set_quota},
    {"retention", conf_set_retention},
    {"restore_folder", conf_set_restore_folder},
    {"detail", conf_set_detail},
    {"sandbox", set_sandbox},
    {NULL, NULL},
};

/* ---- what needs the whole file ---- */

static void
check_whole(struct conf_parser *p, yaml_node_t *root)
{
	struct conf *c = p->c;

	/* What is there but wrong has its error already. */
	if (c->hostname == NULL && !p->has_hostname)
		CONF_FAIL(p, root,
		    "hostname is missing: the name under which the "
		    "Internet finds this server");
	if (c->ndomain == 0 && (!p->has_domains || p->errors->n == 0))
		CONF_FAIL(p, root,
		    "domains is missing: the domains this server receives mail "
		    "for");
	if (c->naccount == 0 && (!p->has_accounts || p->errors->n == 0))
		CONF_FAIL(p, root, "accounts is missing: who gets the mail");
	conf_check_accounts(p);
}

static void
set_defaults(struct conf *c, const char *file)
{
	/* 0: it is not on by itself. */
	static const uint16_t ports[CONF_SERVICES] = {
	    25, 587, 465, 143, 993, 110, 995, 0, 0, 0, 0};
	int i;

	c->refs = 1;
	c->file = xstrdup(file);
	c->data = xstrdup("/var/lib/hearthmail");
	c->sandbox = true;
	c->restore_folder = CONF_RESTORE_NAMESPACE;
	c->retention_ms = 30ll * 24 * 3600 * 1000;
	c->outside = true;
	c->dns.validate = true;
	conf_default_watch(c);
	c->outbound.ipv6 = true;
	c->history.keep_ms = 14ll * 24 * 3600 * 1000;
	c->history.size = 256u << 20;
	c->history.subjects = true;
	c->reports.send = true;
	c->junk = (struct conf_junk){.on = true,
	    .share = true,
	    .expire_ms = 30ll * 24 * 3600 * 1000,
	    .threshold = 50};
	c->acme.directory = xstrdup(CONF_ACME_DIRECTORY);
	c->acme.check = true;
	c->dkim.rotate_s = 180ll * 24 * 3600;
	c->limits = (struct conf_limits){
	    .message_size = 50 << 20,
	    .recipients = 100,
	    .connections = 1000,
	    .connections_per_peer = 20,
	    .errors = 10,
	    .messages_per_hour = 600,
	};
	for (i = 0; i < CONF_SERVICES; i++) {
		if (ports[i] == 0)
			continue;
		c->listen[i] = xcalloc(1, sizeof *c->listen[i]);
		c->listen[i][0].port = ports[i];
		c->nlisten[i] = 1;
	}
}

/* libyaml's own complaints, and what its tree does not show: anchors. */
static bool
scan_tokens(struct sv yaml, struct conf_errors *errors)
{
	yaml_parser_t y;
	yaml_token_t t;
	bool end = false, ok = true;

	must(yaml_parser_initialize(&y) == 1);
	yaml_parser_set_input_string(&y, (const unsigned char *)yaml.p, yaml.n);
	while (!end && ok) {
		if (yaml_parser_scan(&y, &t) != 1)
			break; /* the loader says it better */
		if (t.type == YAML_ANCHOR_TOKEN || t.type == YAML_ALIAS_TOKEN) {
			conf_fail_at(errors, t.start_mark.line + 1,
			    t.start_mark.column + 1,
			    "YAML anchors and aliases (& and *) are not "
			    "supported; put the text in quotes if you mean it "
			    "literally");
			ok = false;
		}
		end = t.type == YAML_STREAM_END_TOKEN;
		yaml_token_delete(&t);
	}
	yaml_parser_delete(&y);
	return ok;
}

/* Is a tab where only blanks may be: before the text of that line? */
static bool
is_tabbed(struct sv yaml, size_t line)
{
	struct sv l = {NULL, 0};
	size_t i;

	for (i = 0; i <= line; i++)
		l = sv_split(&yaml, '\n');
	for (i = 0; i < l.n && l.p[i] == ' '; i++)
		;
	return i < l.n && l.p[i] == '\t';
}

static bool
load_document(struct conf_parser *p, struct sv yaml)
{
	yaml_parser_t y;
	bool ok;

	must(yaml_parser_initialize(&y) == 1);
	yaml_parser_set_input_string(&y, (const unsigned char *)yaml.p, yaml.n);
	ok = yaml_parser_load(&y, &p->doc) == 1;
	if (!ok && is_tabbed(yaml, y.problem_mark.line))
		conf_fail_at(p->errors, y.problem_mark.line + 1,
		    y.problem_mark.column + 1,
		    "YAML: a tab; indent lines with spaces, not tabs");
	else if (!ok)
		conf_fail_at(p->errors, y.problem_mark.line + 1,
		    y.problem_mark.column + 1, "YAML: %s%s%s",
		    y.problem != NULL ? y.problem : "unreadable",
		    y.context != NULL ? " " : "",
		    y.context != NULL ? y.context : "");
	yaml_parser_delete(&y);
	return ok;
}

int
conf_parse(struct sv yaml, const char *file, struct conf **out,
    struct conf_errors *errors)
{
	struct conf_parser p = {.errors = errors};
	yaml_node_t *root;

	errors->n = 0;
	if (!scan_tokens(yaml, errors) || !load_document(&p, yaml))
		return RC_SYNTAX;
	p.c = xcalloc(1, sizeof *p.c);
	set_defaults(p.c, file);
	root = yaml_document_get_root_node(&p.doc);
	if (root == NULL) {
		conf_fail_at(errors, 1, 1,
		    "the file is empty: hostname, domains and accounts are "
		    "required");
	} else {
		conf_set_map(&p, root, top_keys);
		check_whole(&p, root);
	}
	yaml_document_delete(&p.doc);
	free(p.account);
	free(p.address);
	free(p.alias);
	if (errors->n > 0) {
		conf_free(&p.c);
		return RC_SYNTAX;
	}
	*out = p.c;
	return RC_OK;
}

int
conf_load(const char *file, struct buf *text_out, struct conf **out,
    struct conf_errors *errors)
{
	struct err err;
	int r;

	errors->n = 0;
	r = io_read_file(file, text_out, &err);
	if (r != RC_OK) {
		conf_fail_at(errors, 0, 0, "%s", err.text);
		return r;
	}
	return conf_parse(buf_sv(text_out), file, out, errors);
}
