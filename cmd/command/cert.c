/*
 * `hearthmail cert`: which certificates there are, and when they are renewed.
 * Those in files are read here; those that come by themselves, and what is
 * remembered of them, behind the walls of the process that gets them, since
 * that could have written anything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "acme/state.h"
#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/io.h"
#include "cmd/command/cert_facts.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "cmd/command/json.h"
#include "cmd/supervisor/certificate.h"
#include "ipc/line.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"

#define PEM_MAX	     (1 << 20)
#define RENEW_WAIT_S 1900 /* the server gives up before */
#define DAY_S	     86400

/* One line of the list. */
struct entry {
	const char *source; /* a key of the configuration; "self-signed" */
	char path[4096];
	char domain[CERT_NAME_MAX]; /* "": the server's own */
	struct acme_names wanted;   /* of those that come by themselves */
	bool has;
	struct cert_facts facts;
	char trouble[ERR_TEXT_MAX]; /* "": none */
	struct acme_record *record; /* NULL: it does not come by itself */
	char next_tlsa[65];
};

struct certs {
	const struct conf *conf;
	const char *name; /* of the one to be shown; NULL: all */
	bool json;
	struct entry *e;
	size_t n;
	struct acme_state state;
};

/* ---- gathering ---- */

static struct entry *
add_entry(struct certs *c, const char *source, const char *domain)
{
	struct entry *e;

	c->e = xreallocarray(c->e, c->n + 1, sizeof *c->e);
	e = &c->e[c->n++];
	memset(e, 0, sizeof *e);
	e->source = source;
	sv_copy(sv_first(sv_str(domain), sizeof e->domain - 1), e->domain,
	    sizeof e->domain);
	return e;
}

static void
read_pem(struct entry *e, struct sv pem)
{
	struct err err = {.text = ""};

	e->has = cert_facts_read(pem, &e->facts, &err) == RC_OK;
	if (!e->has)
		(void)snprintf(
		    e->trouble, sizeof e->trouble, "%.380s", err.text);
}

static void
add_files(struct certs *c, const char *source, const char *domain,
    const char *cert, const char *key)
{
	struct entry *e = add_entry(c, source, domain);
	struct buf pem;
	struct err err = {.text = ""};

	(void)snprintf(e->path, sizeof e->path, "%s", cert);
	buf_init(&pem, PEM_MAX);
	if (certificate_load_pair(c->conf, cert, key, &pem, NULL, &err) ==
	    RC_OK)
		read_pem(e, buf_sv(&pem));
	else
		(void)snprintf(e->trouble, sizeof e->trouble, "%s", err.text);
	buf_fini(&pem);
}

static void
add_own(struct certs *c)
{
	struct buf cert, key;
	struct entry *e;

	if (c->conf->acme.on) {
		e = add_entry(c, "tls.acme", "");
		acme_names_host(c->conf->hostname, &e->wanted);
		return;
	}
	buf_init(&cert, 4096);
	buf_init(&key, 4096);
	certificate_paths(c->conf, &cert, &key);
	add_files(c,
	    c->conf->tls_certificate != NULL ? "tls.certificate"
					     : "self-signed",
	    "", cert.p, key.p);
	buf_fini(&key);
	buf_fini(&cert);
}

static void
add_domains(struct certs *c)
{
	const struct conf *conf = c->conf;
	struct acme_names names;
	size_t i;

	for (i = 0; i < conf->ndomain; i++) {
		const struct conf_domain *d = &conf->domain[i];

		if (d->tls_certificate != NULL)
			add_files(c, "domains.tls.certificate", d->name,
			    d->tls_certificate, d->tls_key);
		else if (conf->acme.on &&
			 acme_names_domain(d->name, conf->hostname, &names))
			add_entry(c, "tls.acme", d->name)->wanted = names;
	}
}

/* ---- what comes by itself; the current folder is that of acme ---- */

static void
read_state(struct certs *c)
{
	struct buf text;
	struct err err;

	buf_init(&text, ACME_STATE_MAX);
	if (io_read_file("state.json", &text, &err) != RC_OK ||
	    acme_state_read(buf_sv(&text), &c->state, &err) != RC_OK)
		acme_state_init(&c->state);
	buf_fini(&text);
}

static void
read_issued(struct certs *c, struct entry *e)
{
	char name[ACME_NAME_MAX + 32];
	struct err err;
	struct buf b;
	size_t i;

	(void)snprintf(e->path, sizeof e->path, "%s/acme/%s.pem", c->conf->data,
	    e->wanted.file);
	(void)snprintf(name, sizeof name, "%s.pem", e->wanted.file);
	buf_init(&b, PEM_MAX);
	if (io_read_file(name, &b, &err) == RC_OK)
		read_pem(e, buf_sv(&b));
	buf_wipe(&b);
	(void)snprintf(name, sizeof name, "%s.next.tlsa", e->wanted.file);
	buf_init(&b, sizeof e->next_tlsa - 1);
	if (io_read_file(name, &b, &err) == RC_OK && b.n == 64)
		sv_copy(buf_sv(&b), e->next_tlsa, sizeof e->next_tlsa);
	buf_fini(&b);
	for (i = 0; i < c->state.nrecord; i++)
		if (strcmp(c->state.record[i].file, e->wanted.file) == 0)
			e->record = &c->state.record[i];
}

/* ---- for people ---- */

static const char *
name_of(const struct certs *c, const struct entry *e)
{
	if (e->domain[0] != '\0')
		return e->domain;
	return c->conf->hostname;
}

static void
print_time(const char *label, int64_t s, const char *more)
{
	struct clk_tm t;

	clk_civil(s, &t);
	printf("  %-12s %04d-%02d-%02d %02d:%02d UTC%s\n", label, t.year,
	    t.month, t.day, t.hour, t.minute, more);
}

static void
print_until(const struct entry *e)
{
	int64_t left = e->facts.c.not_after - clk_now() / 1000;
	char span[COMMAND_SPAN_MAX], more[COMMAND_SPAN_MAX + 16];

	if (left > 0)
		(void)snprintf(more, sizeof more, " (%s)",
		    command_span(left * 1000, span));
	print_time("until", e->facts.c.not_after,
	    left > 0 ? more : ": IT HAS EXPIRED");
}

static void
print_renewal(const struct entry *e)
{
	const struct acme_record *r = e->record;
	char text[ACME_REASON_MAX + 4];
	unsigned i;

	if (r == NULL)
		return;
	if (r->next != 0) {
		(void)snprintf(text, sizeof text, ": %s", r->reason);
		print_time(e->has ? "renewal" : "next try", r->next, text);
	}
	if (r->why[0] != '\0') {
		print_time("failed", r->life.failed, "");
		printf("               %s\n", r->why);
	}
	for (i = 0; i < r->nbad; i++)
		if (acme_names_has(&e->wanted, r->bad[i].name))
			printf("  %-12s %s: %s\n", "left out", r->bad[i].name,
			    r->bad[i].why);
}

static void
print_details(const struct entry *e)
{
	printf("  %-12s %s\n", "file", e->path);
	if (e->record != NULL && e->has)
		printf(
		    "  %-12s %s\n", "proved by", acme_way_name(e->record->way));
	if (e->has)
		printf("  %-12s %s\n  %-12s 3 1 1 %s\n", "SHA-256",
		    e->facts.sha256, "TLSA", e->facts.tlsa);
	if (e->next_tlsa[0] != '\0')
		printf("  %-12s 3 1 1 %s\n", "TLSA, next", e->next_tlsa);
}

static void
print_entry(const struct certs *c, const struct entry *e)
{
	unsigned i;

	printf(
	    "%s%s\n", name_of(c, e), e->domain[0] != '\0' ? " (domain)" : "");
	if (e->trouble[0] != '\0')
		printf("  NOT RIGHT    %s\n", e->trouble);
	if (e->has) {
		printf("  %-12s", "names");
		for (i = 0; i < e->facts.c.nname; i++)
			printf(" %s", e->facts.c.name[i]);
		printf("%s\n  %-12s %s (%s)\n",
		    e->facts.c.nname == 0 ? " none" : "", "from",
		    e->facts.self_signed ? "itself" : e->facts.issuer,
		    e->source);
		print_until(e);
	} else if (e->trouble[0] == '\0') {
		printf("  %-12s none yet (%s)\n", "from", e->source);
	}
	print_renewal(e);
	if (c->name != NULL)
		print_details(e);
}

/* ---- for programs ---- */

static json_t *
json_names(const struct entry *e)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; e->has && i < e->facts.c.nname; i++)
		(void)json_array_append_new(
		    list, json_string(e->facts.c.name[i]));
	return list;
}

static json_t *
json_time(int64_t s)
{
	return command_json_time(s * 1000, false);
}

/* null: there is none. */
static json_t *
json_text(const char *text)
{
	return text[0] != '\0' ? command_json_text(sv_str(text)) : json_null();
}

static void
add_json(json_t *o, const char *key, json_t *v)
{
	/* What is not UTF-8 becomes null. */
	(void)json_object_set_new(o, key, v != NULL ? v : json_null());
}

static json_t *
json_left_out(const struct entry *e)
{
	json_t *list = json_array(), *o;
	unsigned i;

	for (i = 0; e->record != NULL && i < e->record->nbad; i++) {
		const struct acme_bad_name *b = &e->record->bad[i];

		if (!acme_names_has(&e->wanted, b->name))
			continue;
		o = json_object();
		add_json(o, "name", json_text(b->name));
		add_json(o, "why", json_text(b->why));
		add_json(o, "until", json_time(b->until));
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *
json_entry(const struct certs *c, const struct entry *e)
{
	static const struct acme_record none = {.file = ""};
	const struct acme_record *r = e->record != NULL ? e->record : &none;
	json_t *o = json_object();

	add_json(o, "name", json_string(name_of(c, e)));
	add_json(o, "domain", json_text(e->domain));
	add_json(o, "source", json_string(e->source));
	add_json(o, "file", json_text(e->path));
	add_json(o, "names", json_names(e));
	add_json(o, "issuer", json_text(e->facts.issuer));
	add_json(o, "self_signed", json_boolean(e->facts.self_signed));
	add_json(o, "not_before", json_time(e->facts.c.not_before));
	add_json(o, "not_after", json_time(e->facts.c.not_after));
	add_json(o, "sha256", json_text(e->facts.sha256));
	add_json(o, "tlsa", json_text(e->facts.tlsa));
	add_json(o, "next_tlsa", json_text(e->next_tlsa));
	add_json(o, "trouble", json_text(e->trouble));
	add_json(o, "renewal", json_time(r->next));
	add_json(o, "renewal_reason", json_text(r->reason));
	add_json(o, "proved_by",
	    e->record != NULL && e->has ? json_string(acme_way_name(r->way))
					: json_null());
	add_json(o, "failures", json_integer(r->life.failures));
	add_json(o, "failed", json_time(r->life.failed));
	add_json(o, "failure", json_text(r->why));
	add_json(o, "left_out", json_left_out(e));
	return o;
}

static void
print_json(const json_t *j)
{
	(void)json_dumpf(j, stdout, JSON_INDENT(2));
	puts("");
}

/* ---- list, show ---- */

static bool
is_named(const struct certs *c, const struct entry *e)
{
	unsigned i;

	if (c->name == NULL || sv_ieq(sv_str(c->name), sv_str(name_of(c, e))))
		return true;
	for (i = 0; e->has && i < e->facts.c.nname; i++)
		if (sv_ieq(sv_str(c->name), sv_str(e->facts.c.name[i])))
			return true;
	return acme_names_has(&e->wanted, c->name);
}

static int
print_all(void *arg)
{
	struct certs *c = arg;
	json_t *list = json_array();
	bool found = false;
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (!is_named(c, &c->e[i]))
			continue;
		if (c->json)
			(void)json_array_append_new(
			    list, json_entry(c, &c->e[i]));
		else
			print_entry(c, &c->e[i]);
		found = true;
	}
	if (c->json && found)
		print_json(list);
	json_decref(list);
	return found ? EXIT_FINE
		     : command_fail("cert", EXIT_FAILED,
			   "no certificate has the name %s; \"hearthmail "
			   "cert\" lists them",
			   c->name);
}

/* Inside the walls. */
static int
read_and_print(void *arg)
{
	struct certs *c = arg;
	size_t i;

	read_state(c);
	for (i = 0; i < c->n; i++)
		if (c->e[i].wanted.n > 0)
			read_issued(c, &c->e[i]);
	return print_all(c);
}

static int
list(struct certs *c)
{
	struct buf folder;
	int code;

	add_own(c);
	add_domains(c);
	buf_init(&folder, 4096);
	buf_addf(&folder, "%s/acme", c->conf->data);
	if (c->conf->acme.on && access(folder.p, F_OK) == 0)
		code = confined_run(
		    c->conf, "cert", folder.p, ROLE_ACME, read_and_print, c);
	else
		code = print_all(c);
	buf_fini(&folder);
	acme_state_fini(&c->state);
	free(c->e);
	return code;
}

/* ---- renew ---- */

static int
ask(const struct conf *conf, const char *name, char text[ERR_TEXT_MAX],
    struct err *err)
{
	const struct cert_renew said = {sv_str(name)};
	int fd = command_connect(conf, "debug.sock"), r;
	struct msg m, reply;

	if (fd < 0)
		return command_unreached(conf, err);
	command_patience(fd, RENEW_WAIT_S);
	if (isatty(STDERR_FILENO))
		fputs("The authority is asked; this can take some minutes "
		      "...\n",
		    stderr);
	msg_init(&m, CMD_RENEW);
	cert_renew_put(&m, &said);
	r = line_send_fd(fd, &m);
	if (r == RC_OK)
		r = line_recv_fd(fd, &reply);
	io_close(&fd);
	if (r != RC_OK)
		return err_set(err, RC_TEMP, "%s", COMMAND_SILENT);
	r = msg_answer_read(&reply, RC_TEMP, text);
	msg_fini(&reply);
	command_defuse(text, strlen(text), 0);
	return r == RC_OK ? RC_OK : err_set(err, r, "%s", text);
}

static int
renew(const struct certs *c)
{
	char text[ERR_TEXT_MAX] = "";
	struct err err = {.text = ""};
	bool good = ask(c->conf, c->name, text, &err) == RC_OK;
	json_t *o;

	if (c->json) {
		o = json_pack("{s:s, s:b}", "name", c->name, "renewed", good);
		add_json(o, "text", json_text(good ? text : err.text));
		print_json(o);
		json_decref(o);
	} else if (good) {
		printf("%s: %s\n", c->name, text);
	} else {
		(void)command_fail(
		    "cert", EXIT_FAILED, "%s: %s", c->name, err.text);
	}
	return good ? EXIT_FINE : EXIT_FAILED;
}

/* ---- */

static const char *const verbs[] = {"list", "show", "renew"};

enum verb {
	LIST,
	SHOW,
	RENEW,
	VERBS
};

static int
read_words(int argc, char **argv, struct certs *c, enum verb *verb)
{
	const struct command_option option = {"--json", .flag = &c->json};
	struct command_words words = {.command = "cert",
	    .option = &option,
	    .noption = 1,
	    .what = "a name",
	    .least = 1,
	    .most = 1};
	bool bare = argc < 2 || argv[1][0] == '-';
	int n, r;

	/* "cert" alone is "cert list". */
	*verb = bare ? LIST
		     : (enum verb)command_verb("cert", verbs, VERBS, argv[1]);
	if (*verb == VERBS)
		return EXIT_USAGE;
	if (*verb == LIST) {
		words.what = NULL;
		words.least = words.most = 0;
	}
	if (!bare) {
		argc--;
		argv++;
	}
	r = command_words(&words, argc, argv, &n);
	if (r == EXIT_FINE && n > 0)
		c->name = argv[1];
	if (r == EXIT_FINE && n > 0 &&
	    (argv[1][0] == '\0' || strlen(argv[1]) >= CERT_NAME_MAX))
		return command_misused(
		    "cert", "\"%.60s\" is not a name", argv[1]);
	return r;
}

int
cmd_cert(const char *config, int argc, char **argv)
{
	struct certs c = {.n = 0};
	struct conf *conf;
	enum verb verb;
	int r = read_words(argc, argv, &c, &verb);

	if (r != EXIT_FINE)
		return r;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	c.conf = conf;
	r = verb == RENEW ? renew(&c) : list(&c);
	conf_free(&conf);
	return r;
}
