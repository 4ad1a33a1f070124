/*
 * `hearthmail dns`: the records to publish, whether they are there, what that
 * means, and what to paste.
 *
 * Keys come from auth over its control socket, or from their files while no
 * server runs.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/command/command.h"
#include "cmd/command/guide.h"
#include "ipc/msg.h"
#include "msgauth/key.h"

/* ---- keys ---- */

/* False: there may be keys, but they cannot be read. */
static bool
add_domain(struct guide *g, const char *domain, bool print)
{
	struct buf keys, why;
	bool ok;
	int r;

	buf_init(&keys, MSG_MAX);
	buf_init(&why, 1024);
	r = command_dkim_records(g->conf, domain, &keys, &why);
	ok = r == RC_OK || r == RC_NOTFOUND;
	if (print && !ok)
		(void)command_fail("dns", EXIT_FAILED,
		    "the DKIM keys of %s are missing here: %s", domain,
		    why.n > 0 ? why.p : "they cannot be read");
	publish_add_domain(&g->list, g->conf, domain, buf_sv(&keys), why.p);
	buf_fini(&why);
	buf_fini(&keys);
	return ok;
}

/* ---- the command ---- */

struct words {
	bool print, json, brief, network;
	const char *domain;
};

static int
read_words(int argc, char **argv, struct words *out)
{
	const struct command_option options[] = {{"--json", .flag = &out->json},
	    {"--print", .flag = &out->print}, {"--brief", .flag = &out->brief},
	    {"--network", .flag = &out->network}};
	const struct command_words words = {.command = "dns",
	    .option = options,
	    .noption = sizeof options / sizeof options[0],
	    .what = "one domain",
	    .most = 1};
	int n, r = command_words(&words, argc, argv, &n);

	if (r != EXIT_FINE)
		return r;
	out->domain = n > 0 ? argv[1] : NULL;
	if (out->brief && (out->json || out->print))
		return command_misused("dns",
		    "--brief cannot be combined with %s",
		    out->json ? "--json" : "--print");
	if (out->network && out->print)
		return command_misused(
		    "dns", "--network cannot be combined with --print");
	return EXIT_FINE;
}

/* The configuration's own spelling; false: it is not one of its domains. */
static bool
find_domain(struct guide *g, const char *name)
{
	struct sv wanted = sv_str(name);
	size_t i;

	if (sv_ends(wanted, SV(".")))
		wanted = sv_first(wanted, wanted.n - 1);
	for (i = 0; i < g->conf->ndomain; i++)
		if (sv_ieq(wanted, sv_str(g->conf->domain[i].name)))
			g->domain = g->conf->domain[i].name;
	return g->domain != NULL;
}

static bool
make_list(struct guide *g, bool print)
{
	bool ok = true;
	size_t i;

	guide_look_at_machine(g);
	publish_add_host(&g->list, &g->host);
	for (i = 0; i < g->conf->ndomain; i++)
		if (g->domain == NULL || g->domain == g->conf->domain[i].name)
			ok &= add_domain(g, g->conf->domain[i].name, print);
	if (print)
		publish_add_senders(&g->list, &g->host, g->conf);
	return ok;
}

/* A person who waits is told for what; programs read neither this nor wait at
 * a terminal. */
static void
say_what_is_asked(const struct guide *g, const struct words *w)
{
	const char *domain = g->domain;

	if (w->json || w->brief || w->print || !isatty(STDERR_FILENO))
		return;
	if (domain == NULL && g->conf->ndomain == 1)
		domain = g->conf->domain[0].name;
	fprintf(stderr, "Looking up %zu records of ", g->list.n);
	if (domain != NULL)
		fprintf(stderr, "%s", domain);
	else
		fprintf(stderr, "%zu domains", g->conf->ndomain);
	fprintf(stderr, "%s; this can take a minute ...\n",
	    w->network ? ", and whether port 25 is open" : "");
}

static int
show(struct guide *g, const struct words *w)
{
	struct err err = {.text = ""};

	say_what_is_asked(g, w);
	if (!w->print && guide_ask(g, &err) != RC_OK)
		return command_fail("dns", EXIT_FAILED, "%s", err.text);
	if (w->json)
		guide_print_json(g, !w->print);
	else if (w->print)
		guide_print_zone(g);
	else if (w->brief)
		guide_print_brief(g);
	else
		guide_print_screen(g);
	return w->print || guide_troubles(g) == 0 ? EXIT_FINE : EXIT_FAILED;
}

int
cmd_dns(const char *config, int argc, char **argv)
{
	struct words w = {.print = false};
	struct guide g = {.domain = NULL};
	struct conf *conf;
	bool whole;
	int code;

	code = read_words(argc, argv, &w);
	if (code != EXIT_FINE)
		return code;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	g.conf = conf;
	g.network = w.network;
	if (w.domain != NULL && !find_domain(&g, w.domain)) {
		conf_free(&conf);
		return command_fail("dns", EXIT_FAILED,
		    "%s is not one of the domains in the configuration",
		    w.domain);
	}
	log_setup("dns", LOG_ERROR);
	dkim_key_setup();
	whole = make_list(&g, w.print);
	code = show(&g, &w);
	if (w.print && !whole)
		code = EXIT_FAILED;
	guide_fini(&g);
	conf_free(&conf);
	return code;
}
