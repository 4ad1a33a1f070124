/*
 * What others report about our domains: who has sent mail in their name, and
 * how connections to us went.  Asks the history's process; when no server runs,
 * reads the reports itself, behind the same walls.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/network.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "cmd/command/reports.h"
#include "history/reports.h"
#include "history/words.h"
#include "ipc/line.h"
#include "ipc/proto.h"
#include "mail/domain.h"
#include "report/record.h"

#define SINCE	  "30d"
#define READ_MAX  (2 * HISTORY_REPORTS_MAX)
#define ADDRESSES 64

struct report_read {
	struct msg m; /* its texts are in there */
	struct report_record r;
};

struct reports {
	const struct conf *conf;
	bool json;
	const char *domain; /* NULL: all */
	int64_t since;	    /* seconds */

	int fd;			    /* the history's process; -1: */
	struct history_reports *db; /* the reports themselves */
	struct report_read **read;
	size_t n, cap;

	char own[ADDRESSES][NETWORK_PEER_MAX];
	size_t nown;
};

/* ---- this server's addresses ---- */

static void
add_own(struct reports *x, const char *address)
{
	if (address != NULL && x->nown < ADDRESSES &&
	    strlen(address) < sizeof x->own[0] && !network_is_loopback(address))
		memcpy(x->own[x->nown++], address, strlen(address) + 1);
}

static void
find_own(struct reports *x)
{
	struct ifaddrs *all, *i;
	char name[NETWORK_PEER_MAX];

	add_own(x, x->conf->outbound.source4);
	add_own(x, x->conf->outbound.source6);
	if (getifaddrs(&all) != 0)
		return;
	for (i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL ||
		    (i->ifa_addr->sa_family != AF_INET &&
			i->ifa_addr->sa_family != AF_INET6))
			continue;
		network_peer_name(i->ifa_addr, name);
		add_own(x, name);
	}
	freeifaddrs(all);
}

static bool
is_own(void *arg, struct sv address)
{
	const struct reports *x = arg;
	size_t i;

	for (i = 0; i < x->nown; i++)
		if (sv_ieq(address, sv_str(x->own[i])))
			return true;
	return false;
}

/* ---- asking ---- */

static int
silent(void)
{
	return command_fail("reports", EXIT_FAILED,
	    "the history process does not answer; try again, and see the log");
}

static int
ask(struct reports *x, const struct reports_ask *q, struct msg *reply)
{
	struct msg m;
	int r;

	msg_init(&m, CMD_REPORTS);
	reports_ask_put(&m, q);
	if (x->db != NULL) {
		history_reports_answer(x->db, &m, reply);
		msg_fini(&m);
		return EXIT_FINE;
	}
	r = line_send_fd(x->fd, &m);
	if (r == RC_OK)
		r = line_recv_fd(x->fd, reply);
	return r == RC_OK ? EXIT_FINE : silent();
}

/* What was read is kept, what was not asked for is let go. */
static void
take(struct reports *x, struct sv bytes)
{
	struct report_read *one = xcalloc(1, sizeof *one);
	bool wanted;

	msg_init(&one->m, 0);
	buf_addsv(&one->m.b, bytes);
	wanted = report_record_get(&one->m, &one->r) == RC_OK;
	if (wanted && x->domain != NULL &&
	    !mail_domain_is_within(one->r.domain, sv_str(x->domain))) {
		report_record_fini(&one->r);
		wanted = false;
	}
	if (!wanted) {
		msg_fini(&one->m);
		free(one);
		return;
	}
	x->read = xgrow(x->read, &x->cap, x->n + 1, sizeof(void *));
	x->read[x->n++] = one;
}

static int
read_page(struct reports *x, uint64_t *behind, bool *more)
{
	const struct reports_ask q = {x->since, *behind};
	struct reports_answer a;
	struct msg reply;
	uint32_t i;
	int r = ask(x, &q, &reply);

	if (r != EXIT_FINE)
		return r;
	if (reports_answer_get(&reply, &a) != RC_OK) {
		msg_fini(&reply);
		return silent();
	}
	if (a.rc != RC_OK)
		r = command_fail(
		    "reports", EXIT_FAILED, "%.*s", SV_ARG(a.text));
	for (i = 0; r == EXIT_FINE && i < a.n && x->n < READ_MAX; i++)
		take(x, a.record[i]);
	*more = a.more && a.last > *behind;
	*behind = a.last;
	reports_answer_fini(&a);
	msg_fini(&reply);
	return r;
}

/* ---- telling ---- */

/* By domain; of one, the oldest first. */
static int
compare(const void *a, const void *b)
{
	const struct report_record *x = &(*(struct report_read *const *)a)->r;
	const struct report_record *y = &(*(struct report_read *const *)b)->r;
	int c = sv_cmp(x->domain, y->domain);

	/* What is about nothing comes last. */
	if ((x->domain.n == 0) != (y->domain.n == 0))
		return x->domain.n == 0 ? 1 : -1;
	if (c != 0)
		return c;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->received < y->received ? -1 : x->received > y->received;
}

static void
print_lines(struct sv all)
{
	struct buf line;

	buf_init(&line, 1 << 16);
	while (all.n > 0) {
		buf_reset(&line);
		history_show(sv_split(&all, '\n'), &line);
		if (line.n > 0)
			puts(line.p);
	}
	buf_fini(&line);
}

/* One domain's: what it comes to, then each. */
static void
print_domain(
    struct reports *x, size_t from, size_t to, const struct report_known *known)
{
	struct report_sums sums = {.reports = 0};
	struct buf out;
	size_t i;

	buf_init(&out, 64u << 20);
	for (i = from; i < to; i++)
		report_sum(&x->read[i]->r, known, &sums);
	if (x->read[from]->r.domain.n > 0)
		report_sum_words(x->read[from]->r.domain, &sums, &out);
	print_lines(buf_sv(&out));
	for (i = from; i < to; i++) {
		buf_reset(&out);
		report_sentences(&x->read[i]->r, known, &out);
		print_lines(buf_sv(&out));
	}
	buf_fini(&out);
}

static void
print_none(const struct reports *x)
{
	printf("No reports%s%s have come in that time. Others send them about "
	       "once a day, to the\naddress that your DMARC and TLS-RPT "
	       "records name; `hearthmail dns` shows them.\n",
	    x->domain != NULL ? " about " : "",
	    x->domain != NULL ? x->domain : "");
}

static void
print_words(struct reports *x, const struct report_known *known)
{
	size_t from = 0, to;

	if (x->n == 0)
		print_none(x);
	for (; from < x->n; from = to) {
		to = from + 1;
		while (to < x->n &&
		       sv_eq(x->read[from]->r.domain, x->read[to]->r.domain))
			to++;
		if (from > 0)
			puts("");
		print_domain(x, from, to, known);
	}
}

static void
print_json(struct reports *x, const struct report_known *known)
{
	json_t *all = json_array(), *j;
	size_t i;

	for (i = 0; i < x->n; i++)
		(void)json_array_append_new(
		    all, reports_json(&x->read[i]->r, known));
	j = json_pack("{s:o}", "reports", all);
	(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	puts("");
	json_decref(j);
}

static int
answer(struct reports *x)
{
	const struct report_known known = {.is_own = is_own, .arg = x};
	uint64_t behind = 0;
	bool more = true;
	int r = EXIT_FINE;
	size_t i;

	while (r == EXIT_FINE && more && x->n < READ_MAX)
		r = read_page(x, &behind, &more);
	if (r == EXIT_FINE) {
		if (x->n > 1)
			qsort(x->read, x->n, sizeof(void *), compare);
		if (x->json)
			print_json(x, &known);
		else
			print_words(x, &known);
	}
	for (i = 0; i < x->n; i++) {
		report_record_fini(&x->read[i]->r);
		msg_fini(&x->read[i]->m);
		free(x->read[i]);
	}
	free(x->read);
	return r;
}

/* ---- the command ---- */

static int
inside(void *arg)
{
	struct reports *x = arg;
	struct err err = {.text = ""};
	int r;

	if (history_reports_open(&x->db, &err) != RC_OK)
		return command_fail("reports", EXIT_FAILED, "%s", err.text);
	r = answer(x);
	history_reports_close(&x->db);
	return r;
}

static int
look(struct reports *x)
{
	struct buf folder;
	struct err err = {.text = ""};
	int r;

	x->fd = command_connect(x->conf, "history.sock");
	if (x->fd >= 0) {
		r = answer(x);
		io_close(&x->fd);
		return r;
	}
	if (command_unreached(x->conf, &err) == RC_DENIED)
		return command_fail("reports", EXIT_FAILED, "%s", err.text);
	buf_init(&folder, 4096);
	buf_addf(&folder, "%s/history", x->conf->data);
	if (access(folder.p, F_OK) != 0 && errno == ENOENT)
		r = command_fail("reports", EXIT_FAILED,
		    "%s is missing: no server has run there yet", folder.p);
	else
		r = confined_run(
		    x->conf, "reports", folder.p, ROLE_HISTORY, inside, x);
	buf_fini(&folder);
	return r;
}

static const char *
read_since(void *arg, const char *value)
{
	struct reports *x = arg;

	return command_when(value, false, &x->since) ? NULL : COMMAND_WHEN;
}

static int
read_words(struct reports *x, int argc, char **argv)
{
	const struct command_option options[] = {{"--json", .flag = &x->json},
	    {"--since", COMMAND_WHEN, .read = read_since, .arg = x}};
	const struct command_words words = {.command = "reports",
	    .option = options,
	    .noption = sizeof options / sizeof options[0],
	    .what = "one domain",
	    .most = 1};
	int n, r;

	must(command_when(SINCE, false, &x->since));
	r = command_words(&words, argc, argv, &n);
	x->since /= 1000;
	x->domain = r == EXIT_FINE && n > 0 ? argv[1] : NULL;
	return r;
}

/* One of the configuration's, or a name below one: reports tell of both. */
static bool
is_known(const struct conf *conf, const char *domain)
{
	size_t i;

	for (i = 0; i < conf->ndomain; i++)
		if (mail_domain_is_within(
			sv_str(domain), sv_str(conf->domain[i].name)))
			return true;
	return sv_ieq(sv_str(domain), sv_str(conf->hostname));
}

int
cmd_reports(const char *config, int argc, char **argv)
{
	struct reports x = {.fd = -1};
	struct conf *conf;
	int r;

	r = read_words(&x, argc, argv);
	if (r != EXIT_FINE)
		return r;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	x.conf = conf;
	if (x.domain != NULL && !is_known(conf, x.domain)) {
		r = command_fail("reports", EXIT_FAILED,
		    "%s is not one of the domains in the configuration",
		    x.domain);
	} else {
		find_own(&x);
		r = look(&x);
	}
	conf_free(&conf);
	return r;
}
