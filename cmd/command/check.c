#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth/credentials.h"
#include "backup/lost.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/plural.h"
#include "cmd/command/backup_parts.h"
#include "cmd/command/command.h"
#include "cmd/command/sight.h"
#include "cmd/run/name_service.h"
#include "cmd/supervisor/certificate.h"
#include "cmd/supervisor/preflight.h"
#include "net/tls.h"

static void
print_ports(const struct conf *conf)
{
	size_t i;
	int s;

	puts("\nports");
	for (s = 0; s < CONF_SERVICES; s++) {
		printf("  %-12s", conf_service_name((enum conf_service)s));
		if (conf->nlisten[s] == 0)
			printf(" off");
		for (i = 0; i < conf->nlisten[s]; i++) {
			const struct conf_listen *l = &conf->listen[s][i];

			printf(
			    " %s:%u", l->host != NULL ? l->host : "*", l->port);
		}
		printf("%s\n", conf->nlisten[s] > 0 &&
				       conf_service_tls((enum conf_service)s)
				   ? "  (TLS)"
				   : "");
	}
}

/* Those of the addresses that the admin gets, unless an account or an alias has
 * them: these are listed there. */
static void
print_admins(const struct conf *conf, const char *const *local, size_t n,
    const char *domain)
{
	bool any = false;
	struct buf b;
	size_t i;

	for (i = 0; i < n; i++) {
		buf_init(&b, CONF_ADDRESS_MAX + 1);
		buf_addf(&b, "%s@%s", local[i], domain);
		if (strcmp(conf_lookup_why(conf, buf_sv(&b)), "admin") == 0) {
			printf("%s%s", any ? ", " : "  ", b.p);
			any = true;
		}
		buf_fini(&b);
	}
	if (any)
		printf(": %s\n", conf->account[conf->admin].name);
}

static void
print_people(const struct conf *conf)
{
	static const char *const role[] = {"postmaster", "abuse"};
	static const char *const host[] = {"root"};
	size_t i, j, forwards = 0;

	puts("\nwho gets which mail");
	for (i = 0; i < conf->naccount; i++)
		for (j = 0; j < conf->account[i].naddress; j++)
			printf("  %-32s %s\n", conf->account[i].address[j],
			    conf->account[i].name);
	for (i = 0; i < conf->nalias; i++) {
		printf("  %-32s", conf->alias[i].address);
		for (j = 0; j < conf->alias[i].naccount; j++)
			printf(" %s",
			    conf->account[conf->alias[i].account[j]].name);
		for (j = 0; j < conf->alias[i].noutside; j++)
			printf(" %s", conf->alias[i].outside[j]);
		puts(conf->alias[i].noutside > 0 ? "  (alias, forwards)"
						 : "  (alias)");
		forwards += conf->alias[i].noutside;
	}
	for (i = 0; i < conf->ndomain; i++) {
		const struct conf_domain *d = &conf->domain[i];

		print_admins(conf, role, 2, d->name);
		if (d->catch_all >= 0)
			printf("  anything else @%s: %s\n", d->name,
			    conf->account[d->catch_all].name);
	}
	print_admins(conf, host, 1, conf->hostname);
	if (forwards > 0)
		puts("  note: mail without a DKIM signature is not forwarded "
		     "if its author's domain has\n        a DMARC policy of "
		     "reject, for it would be refused there: the accounts "
		     "of\n        the alias, or the admin, get it and are "
		     "told");
}

static void
print_words(const char *what, char **name, size_t n, enum conf_dmarc dmarc)
{
	size_t i;

	printf("  %s", what);
	for (i = 0; i < n; i++)
		printf(" %s", name[i]);
	if (n == 0)
		printf(" none");
	puts(dmarc == CONF_DMARC_OFF ? " (not used: dmarc is off)" : "");
}

/* Whose word counts, as far as it is said here. */
static void
print_trusted(const struct conf_inbound *in, enum conf_dmarc dmarc)
{
	if (in->has_trust_arc)
		print_words("trusts the ARC seals of", in->trust_arc,
		    in->ntrust_arc, dmarc);
	if (in->has_lists)
		print_words(in->nlist == 1 && strchr(in->list[0], '@') != NULL
				? "knows the mailing list"
				: "knows the mailing lists of",
		    in->list, in->nlist, dmarc);
}

/* What becomes of forged mail. */
static bool
refuses(const struct conf_block_lists *l, const char *zone)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->list[i].refuse && strcmp(l->list[i].zone, zone) == 0)
			return true;
	return false;
}

static void
print_block_lists(const struct conf_block_lists *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->list[i].refuse)
			printf("  refused: the surest entries of %s\n",
			    l->list[i].zone);
	for (i = 0; i < l->n; i++)
		if (!l->list[i].refuse)
			printf("  into Junk: %sentries of %s\n",
			    refuses(l, l->list[i].zone) ? "other " : "",
			    l->list[i].zone);
	if (l->n == 0)
		puts("  no block lists are asked");
}

static void
print_inbound(const struct conf *conf)
{
	static const char *const dmarc[] = {
	    [CONF_DMARC_REJECT] = "reject: forged mail is refused or put into "
				  "Junk, as its domain asks",
	    [CONF_DMARC_JUNK] = "junk: forged mail is put into Junk",
	    [CONF_DMARC_NOTE] = "note: forged mail is delivered; the result is "
				"recorded",
	    [CONF_DMARC_OFF] = "off: mail is not checked for forgery"};
	const struct conf_inbound *in = &conf->inbound;
	size_t i;

	printf("\nmail from outside\n  dmarc %s\n", dmarc[in->dmarc]);
	print_block_lists(&in->block_lists);
	if (conf->virus.clamd != NULL)
		printf("  ClamAV at %s is asked about each message\n",
		    conf->virus.clamd);
	print_trusted(in, in->dmarc);
	for (i = 0; i < conf->ndomain; i++) {
		const struct conf_domain *d = &conf->domain[i];

		if (d->inbound.has_dmarc)
			printf("  for %s: dmarc %s\n", d->name,
			    dmarc[d->inbound.dmarc]);
		else if (d->inbound.has_trust_arc || d->inbound.has_lists)
			printf("  for %s:\n", d->name);
		print_trusted(
		    &d->inbound, conf_inbound_dmarc(conf, sv_str(d->name)));
	}
}

static unsigned
print_relay(const struct conf_relay *r)
{
	static const char *const tls[] = {
	    [CONF_TLS_VERIFY] = "TLS, its certificate is checked",
	    [CONF_TLS_REQUIRE] = "TLS, with any certificate",
	    [CONF_TLS_OFF] = "without TLS"};
	struct err err = {.text = ""};

	if (r->domain != NULL)
		printf("  for %s: ", r->domain);
	else
		printf("  ");
	printf("%sby way of %s:%u (%s%s%s)\n",
	    r->fallback ? "what its hosts do not take from here, " : "",
	    r->host, r->port, tls[r->tls], r->user != NULL ? ", as " : "",
	    r->user != NULL ? r->user : "");
	if (!preflight_relay(r, &err))
		return 0;
	printf("  WARNING: %s: mail for %s will wait\n", err.text, r->host);
	return 1;
}

/* Which way mail to other domains goes. */
static unsigned
print_outside(const struct conf *conf)
{
	struct err err = {.text = ""};
	unsigned warnings = 0;
	bool direct = true;
	size_t i;

	puts("\nmail to the outside");
	if (!conf->outside) {
		puts("  none: relay is off");
		return 0;
	}
	for (i = 0; i < conf->nrelay; i++) {
		warnings += print_relay(&conf->relay[i]);
		if (conf->relay[i].domain == NULL && !conf->relay[i].fallback)
			direct = false;
	}
	if (direct)
		printf("  %sto the recipients' mail hosts, port 25%s\n",
		    conf->nrelay > 0 ? "all else directly " : "directly ",
		    conf->outbound.ipv6 ? "" : ", over IPv4 only");
	if (conf->outbound.source4 != NULL)
		printf("  from %s\n", conf->outbound.source4);
	if (conf->outbound.source6 != NULL)
		printf("  from %s\n", conf->outbound.source6);
	if (preflight_outbound(conf, &err)) {
		printf("  WARNING: %s: mail will wait\n", err.text);
		warnings++;
	}
	return warnings;
}

/* How names are looked up. */
static unsigned
print_names(const struct conf *conf)
{
	const struct conf_dns *d = &conf->dns;
	struct err err = {.text = ""};
	size_t i;

	puts("\nname service");
	if (d->nforward > 0) {
		printf("  asks");
		for (i = 0; i < d->nforward; i++)
			printf(" %s", d->forward[i]);
		puts("");
	} else {
		printf("  recursion from the root%s%s\n",
		    d->root_hints != NULL ? " in " : "",
		    d->root_hints != NULL ? d->root_hints : "");
		if (d->root_hints == NULL)
			puts("  (where the network forbids that: the servers "
			     "of /etc/resolv.conf)");
	}
	if (d->trust_anchor != NULL)
		printf("  trusts %s\n", d->trust_anchor);
	puts(d->validate ? "  validates signatures (DNSSEC)"
			 : "  does not validate: answers can be forged");
	if (name_service_check(conf, &err) == RC_OK)
		return 0;
	printf("  WARNING: %s\n", err.text);
	return 1;
}

/* In the largest unit that divides it, as in the configuration. */
static void
print_size(uint64_t bytes)
{
	static const char unit[] = "BKMG";
	size_t i = 0;

	for (; i < 3 && bytes > 0 && bytes % 1024 == 0; i++)
		bytes /= 1024;
	printf("%llu%c", (unsigned long long)bytes, unit[i]);
}

/* What is done without being asked. */
static void
print_habits(const struct conf *conf)
{
	const struct conf_history *h = &conf->history;
	char span[COMMAND_SPAN_MAX];
	int64_t rotate = conf->dkim.rotate_s / 86400;

	puts("\nhistory, keys, reports");
	if (h->keep_ms == 0) {
		puts("  history: off");
	} else {
		printf("  history: of the last %s, at most ",
		    command_span(h->keep_ms, span));
		print_size(h->size);
		puts(h->subjects ? "" : ", without subjects");
	}
	if (rotate > 0)
		printf("  DKIM keys: changed every %lld day%s\n",
		    (long long)rotate, plural((uint64_t)rotate));
	else
		puts("  DKIM keys: changed by hand only");
	printf("  reports to other domains: %s\n",
	    conf->reports.send ? "sent once a day" : "not sent");
}

static unsigned
print_backup(const struct conf *conf)
{
	const struct conf_backup *b = &conf->backup;
	char place[CONF_PLACE_MAX];
	struct err err;

	if (b->folder == NULL)
		return 0;
	printf("\nbackup\n  every day at %02u:%02u, local time, into %s\n",
	    b->minute / 60, b->minute % 60, b->folder);
	if (!preflight_backup(conf, &err))
		return 0;
	printf("  WARNING: %s%s\n", conf_place_print(conf, b->folder_at, place),
	    err.text);
	return 1;
}

static unsigned
warn_passwords(const struct conf *conf)
{
	struct credentials *c = NULL;
	struct err err = {.text = ""};
	struct buf path;
	unsigned warnings = 0;
	size_t i;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/auth/credentials", conf->data);
	if (credentials_load(path.p, &c, &err) != RC_OK) {
		printf("  WARNING: %s\n", err.text);
		warnings++;
	} else {
		for (i = 0; i < conf->naccount; i++) {
			struct sv n = sv_str(conf->account[i].name);

			if (credentials_password_hash(c, n) != NULL ||
			    credentials_app_count(c, n) > 0)
				continue;
			printf("  WARNING: %s has no password and cannot log "
			       "in: hearthmail passwd %s\n",
			    conf->account[i].name, conf->account[i].name);
			warnings++;
		}
	}
	credentials_free(&c);
	buf_fini(&path);
	return warnings;
}

static unsigned
warn_folders(const struct conf *conf)
{
	struct buf path;
	struct dirent *e;
	unsigned warnings = 0;
	DIR *d;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/accounts", conf->data);
	d = opendir(path.p);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' ||
		    conf_account_by_name(conf, sv_str(e->d_name)) >= 0)
			continue;
		printf("  WARNING: %s/%s has mail but no account in the "
		       "configuration\n",
		    path.p, e->d_name);
		warnings++;
	}
	if (d != NULL)
		(void)closedir(d);
	buf_fini(&path);
	return warnings;
}

static void
warn_text(void *arg, const char *text)
{
	(void)arg;
	printf("  WARNING: %s\n", text);
}

/* Accounts in which there is nothing any more. */
static unsigned
warn_shrunk(const struct conf *conf)
{
	json_t *had = lost_newest(conf);
	unsigned warnings = 0;

	for (size_t i = 0; i < conf->naccount; i++) {
		const char *name = conf->account[i].name;
		long long n = json_integer_value(json_object_get(had, name));
		struct store_counts now;
		struct buf log;
		struct err err;
		bool there;

		buf_init(&log, 4096);
		buf_addf(&log, "%s/accounts/%s/log", conf->data, name);
		there = access(log.p, R_OK) == 0;
		buf_fini(&log);
		if (n == 0 || !there ||
		    backup_count(conf, name, &now, &err) != RC_OK ||
		    now.messages > 0)
			continue;
		printf("  WARNING: %s has no mail; the newest backup has %lld "
		       "message%s of it\n",
		    name, n, plural((uint64_t)n));
		warnings++;
	}
	json_decref(had);
	return warnings;
}

/* What the server would refuse; false: nothing. */
static void
add_refused(void *arg, const struct sight *s, const char *text)
{
	struct conf_errors *errors = arg;

	if (s->refused)
		conf_error_add(errors, s->at, "%s: %s", s->key, text);
}

static bool
is_refused(const struct conf *conf, const char *config, bool here)
{
	struct conf_errors errors = {.n = 0};
	struct buf out;

	preflight(conf, &errors);
	if (!here)
		(void)sight_missing(conf, config, add_refused, &errors);
	buf_init(&out, 65536);
	conf_errors_print(&errors, config, &out);
	fputs(out.p != NULL ? out.p : "", stderr);
	buf_fini(&out);
	return errors.n > 0;
}

/* What works all the same, but for that file. */
static void
warn_unseen(void *arg, const struct sight *s, const char *text)
{
	char place[CONF_PLACE_MAX];

	if (!s->refused)
		printf("  WARNING: %s%s: %s\n",
		    conf_place_print(arg, s->at, place), s->key, text);
}

/* For hearthmail-configure. */
static void
print_path(void *arg, const struct sight *s, const char *text)
{
	(void)arg;
	(void)text;
	printf("%s %s\n", s->key, s->path);
}

static int
check(const char *config, bool here, bool paths)
{
	struct conf *conf = command_conf(config);
	unsigned warnings;
	size_t i;

	if (conf == NULL)
		return EXIT_CONFIG;
	if (paths || is_refused(conf, config, here)) {
		if (paths)
			sight_files(conf, print_path, NULL);
		conf_free(&conf);
		return paths ? EXIT_FINE : EXIT_CONFIG;
	}
	printf("%s is fine.\n\n%s serves", config, conf->hostname);
	for (i = 0; i < conf->ndomain; i++)
		printf(" %s", conf->domain[i].name);
	printf("\nmail is kept in %s%s\n", conf->data,
	    conf->sandbox ? "" : "\nWARNING: sandbox is off");
	print_ports(conf);
	print_people(conf);
	warnings = check_certificates(conf);
	warnings += check_web(conf);
	print_inbound(conf);
	warnings += print_outside(conf);
	warnings += print_names(conf);
	warnings += print_backup(conf);
	print_habits(conf);
	puts("");
	if (!here)
		warnings += sight_missing(conf, config, warn_unseen, conf);
	warnings += preflight_open_files(conf, config, warn_text, NULL);
	warnings += warn_passwords(conf) + warn_folders(conf);
	warnings += lost_each(conf, warn_text, NULL) + warn_shrunk(conf);
	if (warnings == 0)
		puts("  nothing to warn of");
	conf_free(&conf);
	return EXIT_FINE;
}

struct order {
	const char *config;
	bool here;
};

static int
check_again(void *arg)
{
	const struct order *o = arg;

	return check(o->config, o->here, false);
}

int
cmd_check(const char *config, int argc, char **argv)
{
	bool here = false, paths = false, json = false;
	const struct command_option options[] = {{"--here", .flag = &here},
	    {"--paths", .flag = &paths}, {"--json", .flag = &json}};
	const struct command_words words = {
	    .command = "check", .option = options, .noption = 3};
	struct order o = {.config = config};

	if (command_words(&words, argc, argv, NULL) != EXIT_FINE)
		return EXIT_USAGE;
	if (paths && (here || json))
		return command_misused("check",
		    "%s cannot be combined with --paths",
		    here ? "--here" : "--json");
	o.here = here;
	return json ? check_print_json(config, check_again, &o)
		    : check(config, here, paths);
}
