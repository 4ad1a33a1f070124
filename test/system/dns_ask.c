/*
 * The name service without a mail server around it: lib/dns's server in a
 * process of its own, its client here, a line between them; orders come on
 * standard input, answers go out a line each.  For test_dns.py.
 *
 *   dns-ask [--hints F] [--anchor F] [--forward A]... [--no-validate]
 *           [--per-line N] [--all N]
 *
 *   ask NAME TYPE [MS]        one lookup
 *   each NAME TYPE            what each of the zone's servers says
 *   many PREFIX N ZONE T      PREFIX0.ZONE to PREFIX(N-1).ZONE in T threads
 *   same NAME N T             N times the same in T threads
 *   flood PREFIX N ZONE MS    all at once, on the loop
 *   pid | rss                 of the server
 *   start                     a fresh server in place of one that has died
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "dns/authority.h"
#include "dns/server.h"

#define SERVER_FD 9

struct ask {
	const char *hints, *anchor;
	char *forward[8];
	size_t nforward;
	bool validate;
	struct dns_server_limits limits;

	char **argv; /* of the server */
	bool serve;
	struct ev_loop *loop;
	struct peer *peer;
	pid_t server;
};

static const struct {
	const char *name;
	enum dns_type type;
} types[] = {{"A", DNS_A}, {"NS", DNS_NS}, {"CNAME", DNS_CNAME},
    {"PTR", DNS_PTR}, {"MX", DNS_MX}, {"TXT", DNS_TXT}, {"AAAA", DNS_AAAA},
    {"SRV", DNS_SRV}, {"TLSA", DNS_TLSA}};

/* ---- the server's process ---- */

static void __attribute__((noreturn)) serve(const struct ask *a)
{
	struct ev_loop *loop = ev_loop_new();
	struct dns_server *s;
	struct dns_server_opts o;
	struct err err;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_setup("dns", LOG_DEBUG);
	if (dns_server_opts_load(&o, a->hints, a->anchor, a->forward,
		a->nforward, &err) != RC_OK) {
		mlog(LOG_ERROR, "setup", "error=\"%s\"", err.text);
		_exit(1);
	}
	o.validate = a->validate;
	o.direct = true;
	o.limits = a->limits;
	if (dns_server_new(loop, &o, &s, &err) != RC_OK) {
		mlog(LOG_ERROR, "setup", "error=\"%s\"", err.text);
		_exit(1);
	}
	dns_server_add_client(s, SERVER_FD);
	dns_server_start(s);
	ev_run(loop);
	_exit(0);
}

struct connect {
	struct ask *a;
	int fd;
};

static void
connect_in_loop(void *arg)
{
	struct connect *c = arg;

	peer_connect(c->a->peer, c->fd);
	free(c);
}

static void
start_server(struct ask *a)
{
	struct connect *c = xcalloc(1, sizeof *c);
	int fd[2];

	must(line_pair(fd) == RC_OK);
	(void)fflush(stdout);
	a->server = fork();
	must(a->server >= 0);
	if (a->server == 0) {
		/* Only exec is safe behind a fork with threads around. */
		if (dup2(fd[0], SERVER_FD) == SERVER_FD)
			(void)execv("/proc/self/exe", a->argv);
		_exit(127);
	}
	io_close(&fd[0]);
	c->a = a;
	c->fd = fd[1];
	ev_post(a->loop, connect_in_loop, c);
	must(peer_wait_up(a->peer, 5000) == RC_OK);
}

/* ---- one lookup ---- */

static void
print_record(enum dns_type type, struct sv r)
{
	char host[DNS_NAME_MAX], text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	uint16_t preference;
	struct dns_srv srv;
	struct buf b;

	buf_init(&b, 65536);
	if ((type == DNS_A || type == DNS_AAAA) && dns_addr(r, &addr) == RC_OK)
		printf(" %s", inet_ntop(AF_INET6, &addr, text, sizeof text));
	else if (type == DNS_MX && dns_mx(r, &preference, host) == RC_OK)
		printf(" %u/%s", preference, host);
	else if (type == DNS_SRV && dns_srv(r, &srv) == RC_OK)
		printf(" %u/%u/%u/%s", srv.priority, srv.weight, srv.port,
		    srv.host);
	else if (type == DNS_TXT && dns_txt(r, &b) == RC_OK)
		printf(" \"%s\"", b.p);
	else if (dns_host(r, host) == RC_OK)
		printf(" %s", host);
	else
		printf(" ?%zu", r.n);
	buf_fini(&b);
}

static enum dns_type
type_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	return DNS_A;
}

static void
ask_one(struct ask *a, const char *name, const char *type_name, int64_t ms)
{
	static const char *const security[] = {"insecure", "secure", "bogus"};
	enum dns_type type = type_of(type_name);
	struct dns_answer out;
	int64_t start = clk_mono();
	size_t i;
	int r;

	r = dns_query(a->peer, name, type, ms, &out);
	printf("rc=%s security=%s ttl=%u canonical=%s ms=%lld n=%zu",
	    rc_name(r), security[out.security], out.ttl, out.canonical,
	    (long long)(clk_mono() - start), out.n);
	for (i = 0; i < out.n; i++)
		print_record(type, out.record[i]);
	printf("\n");
	dns_answer_fini(&out);
}

static void
ask_each(struct ask *a, const char *name, const char *type_name)
{
	enum dns_type type = type_of(type_name);
	struct dns_authority out;
	int r = dns_authority_query(a->peer, name, type, 60000, &out);
	size_t i, j;

	printf("rc=%s zone=%s negative=%u n=%zu", rc_name(r), out.zone,
	    out.negative_ttl, out.n);
	for (i = 0; i < out.n; i++) {
		const struct dns_authority_server *s = &out.server[i];

		printf(" | %s %s %s %u", s->name, s->address,
		    rc_name(s->answer.rc), s->answer.security);
		for (j = 0; j < s->answer.n; j++)
			print_record(type, s->answer.record[j]);
	}
	printf("\n");
	dns_authority_fini(&out);
}

/* ---- many ---- */

struct load {
	struct ask *a;
	const char *prefix, *zone;
	uint32_t n;
	_Atomic uint32_t next, ok, none, temp, late, other;
	_Atomic uint32_t done;
};

static void
count(struct load *l, int rc)
{
	if (rc == RC_OK)
		l->ok++;
	else if (rc == RC_NOTFOUND)
		l->none++;
	else if (rc == RC_TEMP)
		l->temp++;
	else if (rc == RC_TIMEOUT)
		l->late++;
	else
		l->other++;
	l->done++;
}

static void
name_of(const struct load *l, uint32_t i, char out[DNS_NAME_MAX])
{
	if (l->zone == NULL)
		(void)snprintf(out, DNS_NAME_MAX, "%s", l->prefix);
	else
		(void)snprintf(
		    out, DNS_NAME_MAX, "%s%u.%s", l->prefix, i, l->zone);
}

static void *
load_thread(void *arg)
{
	struct load *l = arg;
	struct dns_answer out;
	char name[DNS_NAME_MAX];
	uint32_t i;

	while ((i = l->next++) < l->n) {
		name_of(l, i, name);
		count(l, dns_query(l->a->peer, name, DNS_A, 30000, &out));
		dns_answer_fini(&out);
	}
	return NULL;
}

static void
print_load(struct load *l, int64_t start)
{
	int64_t ms = clk_mono() - start;

	printf("ok=%u notfound=%u temp=%u late=%u other=%u ms=%lld rate=%lld\n",
	    l->ok, l->none, l->temp, l->late, l->other, (long long)ms,
	    (long long)(l->n * 1000LL / (ms > 0 ? ms : 1)));
}

static void
run_load(struct load *l, unsigned threads)
{
	pthread_t t[64];
	int64_t start = clk_mono();
	unsigned i;

	threads = threads < 1 ? 1 : threads > 64 ? 64 : threads;
	for (i = 0; i < threads; i++)
		must(pthread_create(&t[i], NULL, load_thread, l) == 0);
	for (i = 0; i < threads; i++)
		(void)pthread_join(t[i], NULL);
	print_load(l, start);
}

static void
on_done(struct dns_answer *out, void *arg)
{
	count(arg, out->rc);
}

static void
flood(struct load *l, int64_t ms)
{
	int64_t start = clk_mono();
	char name[DNS_NAME_MAX];
	uint32_t i;

	for (i = 0; i < l->n; i++) {
		name_of(l, i, name);
		must(dns_ask(l->a->peer, name, DNS_A, ms, on_done, l) == RC_OK);
	}
	while (l->done < l->n)
		(void)usleep(1000);
	print_load(l, start);
}

/* ---- orders ---- */

static void
print_rss(pid_t pid)
{
	char path[64];
	struct buf b;
	struct sv text, line;

	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	buf_init(&b, 65536);
	if (io_read_file(path, &b, NULL) == RC_OK) {
		for (text = buf_sv(&b); text.n > 0;) {
			line = sv_split(&text, '\n');
			if (sv_starts(line, SV("VmRSS:")))
				printf("%.*s\n", SV_ARG(line));
		}
	} else {
		printf("gone\n");
	}
	buf_fini(&b);
}

static uint32_t
number(const char *s)
{
	uint32_t n = 0;

	if (sv_to_u32(sv_str(s), 10000000, &n) != RC_OK)
		n = 0;
	return n;
}

static void
order(struct ask *a, char *w[6], int n)
{
	struct load l = {.a = a};
	int status;

	if (n >= 3 && strcmp(w[0], "ask") == 0) {
		ask_one(a, w[1], w[2], n > 3 ? number(w[3]) : 30000);
	} else if (n == 3 && strcmp(w[0], "each") == 0) {
		ask_each(a, w[1], w[2]);
	} else if (n == 5 && strcmp(w[0], "many") == 0) {
		l.prefix = w[1];
		l.n = number(w[2]);
		l.zone = w[3];
		run_load(&l, number(w[4]));
	} else if (n == 4 && strcmp(w[0], "same") == 0) {
		l.prefix = w[1];
		l.n = number(w[2]);
		run_load(&l, number(w[3]));
	} else if (n == 5 && strcmp(w[0], "flood") == 0) {
		l.prefix = w[1];
		l.n = number(w[2]);
		l.zone = w[3];
		flood(&l, number(w[4]));
	} else if (n == 1 && strcmp(w[0], "pid") == 0) {
		printf("%d\n", (int)a->server);
	} else if (n == 1 && strcmp(w[0], "rss") == 0) {
		print_rss(a->server);
	} else if (n == 1 && strcmp(w[0], "start") == 0) {
		(void)waitpid(a->server, &status, 0);
		start_server(a);
		printf("%d\n", (int)a->server);
	} else {
		printf("what?\n");
	}
}

static void
read_orders(struct ask *a)
{
	char line[1024];

	while (fgets(line, sizeof line, stdin) != NULL) {
		struct sv rest = sv_trim(sv_str(line));
		char *w[6];
		int i, n = 0;

		while (n < 6 && rest.n > 0)
			w[n++] = sv_dup(sv_split(&rest, ' '));
		order(a, w, n);
		(void)fflush(stdout);
		for (i = 0; i < n; i++)
			free(w[i]);
	}
}

static void *
run_loop(void *arg)
{
	ev_run(arg);
	return NULL;
}

static bool
read_options(struct ask *a, int argc, char **argv)
{
	static const struct option options[] = {{"hints", 1, NULL, 'h'},
	    {"anchor", 1, NULL, 'a'}, {"forward", 1, NULL, 'f'},
	    {"no-validate", 0, NULL, 'n'}, {"per-line", 1, NULL, 'l'},
	    {"all", 1, NULL, 'L'}, {"serve", 0, NULL, 's'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			a->hints = optarg;
		else if (c == 'a')
			a->anchor = optarg;
		else if (c == 'f' && a->nforward < 8)
			a->forward[a->nforward++] = optarg;
		else if (c == 'n')
			a->validate = false;
		else if (c == 'l')
			a->limits.per_line = number(optarg);
		else if (c == 'L')
			a->limits.all = number(optarg);
		else if (c == 's')
			a->serve = true;
		else
			return false;
	}
	return optind == argc;
}

int
main(int argc, char **argv)
{
	static char serve_option[] = "--serve";
	struct ask a = {.validate = true, .limits = DNS_SERVER_LIMITS};
	pthread_t thread;

	(void)signal(SIGPIPE, SIG_IGN);
	if (!read_options(&a, argc, argv)) {
		fprintf(stderr, "usage: see the file's first lines\n");
		return 2;
	}
	if (a.serve)
		serve(&a);
	a.argv = xcalloc((size_t)argc + 2, sizeof *a.argv);
	memcpy(a.argv, argv, (size_t)argc * sizeof *argv);
	a.argv[argc] = serve_option;
	a.loop = ev_loop_new();
	a.peer = peer_new(a.loop, "dns", NULL, NULL, NULL);
	must(pthread_create(&thread, NULL, run_loop, a.loop) == 0);
	start_server(&a);
	read_orders(&a);
	(void)kill(a.server, SIGKILL);
	(void)waitpid(a.server, NULL, 0);
	return 0;
}
