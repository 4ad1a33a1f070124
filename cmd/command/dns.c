/*
 * `hearthmail dns`: the records to publish, and whether they are there.
 *
 * Keys come from auth over its control socket, or from their files while no
 * server runs.  Names are looked up by this process itself, as the dns process
 * does it, with the same configuration and behind the same walls; nothing but
 * standard output is left to it then.
 */
#include <ifaddrs.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/io.h"
#include "base/log.h"
#include "base/plural.h"
#include "cmd/command/command.h"
#include "cmd/run/name_service.h"
#include "publish/publish.h"
#include "cmd/supervisor/users.h"
#include "dns/server.h"
#include "ipc/line.h"
#include "msgauth/key.h"
#include "sandbox/sandbox.h"

#define LOOKUP_MS     15000
#define AT_ONCE	      64
#define ADDRESSES_MAX 32
#define PORTS_MAX     16

/* ---- addresses of this machine ---- */

struct addresses {
	struct in6_addr a[ADDRESSES_MAX];
	size_t n;
};

static void
add_v4(struct addresses *out)
{
	struct ifaddrs *all, *i;

	if (getifaddrs(&all) != 0)
		return;
	for (i = all; i != NULL && out->n < ADDRESSES_MAX; i = i->ifa_next) {
		struct sockaddr_in in;
		struct in6_addr *a = &out->a[out->n];

		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&in, i->ifa_addr, sizeof in);
		*a = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
		memcpy(a->s6_addr + 12, &in.sin_addr, 4);
		if (a->s6_addr[12] != 127)
			out->n++;
	}
	freeifaddrs(all);
}

/* 32 digits, device number, prefix, scope, flags, name. */
static bool
read_v6(struct sv line, struct in6_addr *out)
{
	struct sv field[6];
	size_t i, n = 0;
	int flags;

	while (line.n > 0 && n < 6) {
		struct sv f = sv_split(&line, ' ');

		if (f.n > 0)
			field[n++] = f;
	}
	if (n < 6 || field[0].n != 32 || field[4].n != 2 ||
	    !sv_eq(field[3], SV("00")))
		return false; /* of a link, of this host */
	for (i = 0; i < 32; i++)
		if (ascii_hex(field[0].p[i]) < 0)
			return false;
	for (i = 0; i < 16; i++)
		out->s6_addr[i] =
		    (unsigned char)(ascii_hex(field[0].p[2 * i]) << 4 |
				    ascii_hex(field[0].p[2 * i + 1]));
	/* Those for privacy come and go; those on their way out and doubtful
	 * ones are not to be published, either. */
	flags = ascii_hex(field[4].p[0]) << 4 | ascii_hex(field[4].p[1]);
	return (flags & (0x01 | 0x08 | 0x20 | 0x40)) == 0;
}

static void
add_v6(struct addresses *out)
{
	struct buf text;
	struct sv rest;

	buf_init(&text, 1 << 20);
	/* Without IPv6 there is no such file. */
	if (io_read_file("/proc/net/if_inet6", &text, NULL) == RC_OK)
		for (rest = buf_sv(&text); rest.n > 0;) {
			struct sv line = sv_split(&rest, '\n');

			if (out->n < ADDRESSES_MAX &&
			    read_v6(line, &out->a[out->n]))
				out->n++;
		}
	buf_fini(&text);
}

/* ---- keys ---- */

static void
add_domain(struct publish_list *l, const struct conf *conf, const char *domain)
{
	struct buf keys, why;

	buf_init(&keys, MSG_MAX);
	buf_init(&why, 1024);
	command_dkim_records(conf, domain, &keys, &why);
	publish_add_domain(l, conf, domain, buf_sv(&keys), why.p);
	buf_fini(&why);
	buf_fini(&keys);
}

/* ---- looking up ---- */

struct lookups {
	struct ev_loop *loop;
	struct peer *dns;
	struct publish_list *list;
	const struct publish_host *host;
	size_t next, open;
};

struct lookup {
	struct lookups *all;
	struct publish *p;
};

static void ask_more(struct lookups *all);

static void
on_answer(struct dns_answer *a, void *arg)
{
	struct lookup *k = arg;
	struct lookups *all = k->all;

	publish_judge(k->p, all->host, a);
	all->open--;
	free(k);
	ask_more(all);
}

static void
ask_more(struct lookups *all)
{
	while (all->next < all->list->n && all->open < AT_ONCE) {
		struct publish *p = &all->list->p[all->next++];
		struct lookup *k;

		if (!p->lookup)
			continue;
		k = xcalloc(1, sizeof *k);
		*k = (struct lookup){all, p};
		if (dns_ask(all->dns, p->name, p->type, LOOKUP_MS, on_answer,
			k) == RC_OK)
			all->open++;
		else
			free(k);
	}
	if (all->open == 0)
		ev_stop(all->loop);
}

static void
begin(void *arg)
{
	ask_more(arg);
}

/* The dns process's walls; a server that has never been started has no empty
 * folder yet, and then the other walls have to do. */
static int
raise_walls(
    const struct conf *conf, const struct dns_server_opts *o, struct err *err)
{
	uint16_t ports[PORTS_MAX];
	struct sandbox_profile walls = {
	    .name = "dns", .connects = true, .datagrams = true, .ports = ports};
	struct sandbox_opts opts = {.off = !conf->sandbox, .landlock_max = -1};
	struct super_user user[ROLE_COUNT];
	struct buf folder;
	const char *how;
	int r;

	users_find(user, &opts.change_user, &how);
	opts.uid = user[ROLE_DNS].uid;
	opts.gid = user[ROLE_DNS].gid;
	walls.nports = dns_server_opts_ports(o, ports, PORTS_MAX);
	buf_init(&folder, 4096);
	buf_addf(&folder, "%s/run/empty", conf->data);
	r = sandbox_enter(
	    &walls, &opts, access(folder.p, F_OK) == 0 ? folder.p : "/", err);
	buf_fini(&folder);
	return r;
}

static int
look_up(const struct conf *conf, struct publish_list *list,
    const struct publish_host *host, struct err *err)
{
	struct ev_loop *loop = ev_loop_new();
	struct lookups all = {.loop = loop, .list = list, .host = host};
	struct dns_server *server = NULL;
	struct dns_server_opts o, copy;
	int fd[2] = {-1, -1};
	int r = name_service_load(conf, &o, err);

	if (r != RC_OK)
		goto out;
	o.limits.answer_ms = LOOKUP_MS; /* a person waits */
	copy = o;
	r = dns_server_new(loop, &o, &server, err);
	if (r != RC_OK) {
		dns_server_opts_fini(&o);
		goto out;
	}
	if (line_pair(fd) != RC_OK)
		r = err_set(err, RC_IO, "too many open files");
	if (r == RC_OK)
		r = raise_walls(conf, &copy, err);
	if (r != RC_OK)
		goto out;
	dns_server_add_client(server, fd[0]);
	all.dns = peer_new(loop, "dns", NULL, NULL, NULL);
	peer_connect(all.dns, fd[1]);
	fd[0] = fd[1] = -1;
	dns_server_start(server);
	ev_post(loop, begin, &all);
	ev_run(loop);
	peer_free(&all.dns);
out:
	io_close(&fd[0]);
	io_close(&fd[1]);
	dns_server_free(&server);
	ev_loop_free(&loop);
	return r;
}

/* ---- printing ---- */

static void
print_record(const struct publish *p, bool checked)
{
	struct buf line;

	buf_init(&line, 8192);
	publish_zone_line(p, &line);
	if (!checked) {
		if (p->value.n > 0)
			puts(line.p);
		else if (p->kind == PUBLISH_DKIM)
			printf("; no DKIM keys: %s\n", p->words.p);
		else if (p->type == DNS_A)
			printf("; %s. A: the public address of your router\n",
			    p->name);
	} else if (p->kind != PUBLISH_ADDRESS || p->value.n > 0 ||
		   p->state != PUBLISH_RIGHT || p->found.n > 0) {
		printf("  %-10s %s%s\n", publish_state_name(p->state), line.p,
		    p->value.n > 0 ? "" : " ?");
		if (p->found.n > 0 && p->state != PUBLISH_RIGHT)
			printf("             found: %s\n", p->found.p);
		else if (p->found.n > 0 && p->value.n == 0)
			printf("             address: %s\n", p->found.p);
		if (p->words.n > 0)
			printf("             %s\n", p->words.p);
	}
	buf_fini(&line);
}

static void
print_group(const struct publish_list *l, const char *domain, bool checked)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct publish *p = &l->p[i];

		if (p->domain == domain)
			print_record(p, checked);
	}
}

/* Those without which something does not work. */
static size_t
count_wrong(const struct publish_list *l)
{
	size_t i, n = 0;

	for (i = 0; i < l->n; i++)
		n += l->p[i].state != PUBLISH_RIGHT &&
		     (!l->p[i].advice || l->p[i].state == PUBLISH_DIFFERENT);
	return n;
}

/* Reverse names of private addresses are answered without any name server. */
static bool
nothing_known(const struct publish_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->p[i].lookup && l->p[i].type != DNS_PTR &&
		    l->p[i].state != PUBLISH_UNKNOWN)
			return false;
	return true;
}

static void
print_text(const struct conf *conf, const struct publish_list *l, bool checked)
{
	size_t i, wrong = count_wrong(l);

	printf("%s%s\n", checked ? "" : "; ", conf->hostname);
	print_group(l, NULL, checked);
	for (i = 0; i < conf->ndomain; i++) {
		printf("\n%s%s\n", checked ? "" : "; ", conf->domain[i].name);
		print_group(l, conf->domain[i].name, checked);
	}
	if (checked && wrong == 0)
		puts("\nAll records are published.");
	else if (checked && nothing_known(l))
		puts("\nNothing could be looked up because no name server "
		     "answers: check the network connection, and that the "
		     "firewall allows port 53.");
	else if (checked)
		printf("\n%zu of these %zu records need%s attention.\n", wrong,
		    l->n, each(wrong, "s", ""));
}

static json_t *
json_bytes(const struct buf *b)
{
	return json_stringn(b->p, b->n);
}

static void
print_json(const struct conf *conf, const struct publish_list *l, bool checked)
{
	json_t *records = json_array();
	json_t *all = json_pack(
	    "{s:s, s:o}", "hostname", conf->hostname, "records", records);
	size_t i;

	if (checked) {
		(void)json_object_set_new(
		    all, "complete", json_boolean(count_wrong(l) == 0));
		(void)json_object_set_new(
		    all, "looked_up", json_boolean(!nothing_known(l)));
	}
	for (i = 0; i < l->n; i++) {
		const struct publish *p = &l->p[i];
		json_t *r = json_pack("{s:s?, s:s, s:s, s:o, s:b}", "domain",
		    p->domain, "name", p->name, "type", publish_type_name(p),
		    "value", json_bytes(&p->value), "advice", p->advice);

		if (checked) {
			(void)json_object_set_new(r, "state",
			    json_string(publish_state_name(p->state)));
			(void)json_object_set_new(
			    r, "found", json_bytes(&p->found));
			(void)json_object_set_new(
			    r, "text", json_bytes(&p->words));
		}
		(void)json_array_append_new(records, r);
	}
	(void)json_dumpf(all, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(all);
}

int
cmd_dns(const char *config, int argc, char **argv)
{
	struct addresses addresses = {.n = 0};
	struct publish_list list = {NULL, 0, 0};
	struct publish_host host;
	struct err err = {.text = ""};
	bool json = false, check = true;
	struct conf *conf;
	int i, r = RC_OK;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--print") == 0)
			check = false;
		else
			return command_fail(
			    "dns", EXIT_USAGE, "usage: dns [--print] [--json]");
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	log_setup("dns", LOG_ERROR);
	dkim_key_setup();
	add_v4(&addresses);
	add_v6(&addresses);
	host = (struct publish_host){conf->hostname, addresses.a, addresses.n};
	publish_add_host(&list, &host);
	for (i = 0; i < (int)conf->ndomain; i++)
		add_domain(&list, conf, conf->domain[i].name);
	if (check)
		r = look_up(conf, &list, &host, &err);
	if (r != RC_OK)
		(void)command_fail("dns", EXIT_FAILED, "%s", err.text);
	else if (json)
		print_json(conf, &list, check);
	else
		print_text(conf, &list, check);
	if (r == RC_OK && check && count_wrong(&list) > 0)
		r = RC_NOTFOUND;
	publish_list_fini(&list);
	conf_free(&conf);
	return r == RC_OK ? EXIT_FINE : EXIT_FAILED;
}
