/* The status for monitoring: numbers only. */
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "base/openmetrics.h"
#include "cmd/build.h"
#include "cmd/command/status.h"
#include "history/service.h"
#include "queue/spool/listing.h"

#define METRICS_MAX (1u << 20)

struct metrics {
	struct buf out;
	const char *name; /* of the family */
};

static void
family(struct metrics *m, const char *name, enum openmetrics_type type,
    const char *unit, const char *help)
{
	m->name = name;
	openmetrics_family(&m->out, name, type, unit, help);
}

static void
sample(struct metrics *m, const char *suffix, const char *label,
    struct sv value, double n)
{
	const struct openmetrics_label l[2] = {{label, value}, {NULL, SV("")}};

	openmetrics_sample(&m->out, m->name, suffix, l, n);
}

static void
gauge(struct metrics *m, const char *name, const char *unit, const char *help,
    double n)
{
	family(m, name, OPENMETRICS_GAUGE, unit, help);
	sample(m, "", NULL, SV(""), n);
}

static bool
is_account(const struct status_process *o)
{
	return o->account[0] != '\0';
}

/* ---- processes ---- */

/* Accounts are one row, so that there are as many rows whoever is there, and
 * nobody is named. */
static void
add_memory(struct metrics *m, const struct status_picture *p)
{
	double accounts = 0;
	size_t i;

	family(m, "hearthmail_process_memory_bytes", OPENMETRICS_GAUGE, "bytes",
	    "Memory of a process, with its part of what is shared.");
	for (i = 0; i < p->nproc; i++) {
		const struct status_process *o = &p->proc[i];

		if (is_account(o))
			accounts += (double)o->memory;
		else if (o->memory > 0)
			sample(m, "", "process", sv_str(o->role),
			    (double)o->memory);
	}
	sample(m, "", "process", SV("accounts"), accounts);
}

/* A listener that is replaced is there twice for a while. */
static bool
is_first(const struct status_picture *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(p->proc[i].role, p->proc[n].role) == 0)
			return false;
	return true;
}

struct sums {
	double answers, ms, restarts, connections;
};

static struct sums
sums_of(const struct status_picture *p, const char *role)
{
	struct sums s = {.answers = 1};
	size_t i;

	for (i = 0; i < p->nproc; i++) {
		const struct status_process *o = &p->proc[i];

		if (strcmp(o->role, role) != 0)
			continue;
		if (!o->answered)
			s.answers = 0;
		s.ms = (double)o->ms > s.ms ? (double)o->ms : s.ms;
		s.restarts += o->restarts;
		s.connections += o->connections;
	}
	return s;
}

static void
add_each(struct metrics *m, const struct status_picture *p, int what)
{
	size_t i;

	for (i = 0; i < p->nproc; i++) {
		const struct status_process *o = &p->proc[i];
		struct sums s;

		if (is_account(o) || !is_first(p, i))
			continue;
		s = sums_of(p, o->role);
		sample(m, what == 2 ? "_total" : "", "process", sv_str(o->role),
		    what == 0	? s.answers
		    : what == 1 ? s.ms / 1000
		    : what == 2 ? s.restarts
				: s.connections);
	}
}

static void
add_processes(struct metrics *m, const struct status_picture *p)
{
	double accounts = 0;
	size_t i;

	for (i = 0; i < p->nproc; i++)
		accounts += is_account(&p->proc[i]);
	family(m, "hearthmail_process_answers", OPENMETRICS_GAUGE, NULL,
	    "1 if the process answers.");
	add_each(m, p, 0);
	family(m, "hearthmail_process_uptime_seconds", OPENMETRICS_GAUGE,
	    "seconds", "Time since the process was started.");
	add_each(m, p, 1);
	family(m, "hearthmail_process_restarts", OPENMETRICS_COUNTER, NULL,
	    "Times that the process died and was started again.");
	add_each(m, p, 2);
	family(m, "hearthmail_connections", OPENMETRICS_GAUGE, NULL,
	    "Connections of clients now.");
	add_each(m, p, 3);
	gauge(m, "hearthmail_accounts_in_use", NULL,
	    "Accounts that have a process now.", accounts);
	add_memory(m, p);
}

/* ---- mail ---- */

static const struct status_process *
process_of(const struct status_picture *p, const char *role)
{
	size_t i;

	for (i = 0; i < p->nproc; i++)
		if (strcmp(p->proc[i].role, role) == 0)
			return &p->proc[i];
	return NULL;
}

/* "put off" as "put_off" */
static struct sv
label_of(const char *words, char out[32])
{
	size_t i;

	for (i = 0; words[i] != '\0' && i < 31; i++)
		out[i] = words[i] == ' ' ? '_' : words[i];
	return sv_of(out, i);
}

static void
add_mail(struct metrics *m, const struct status_picture *p)
{
	const struct status_process *h = process_of(p, "history");
	char name[32];
	uint32_t i;
	int t;

	family(m, "hearthmail_mail_day", OPENMETRICS_GAUGE, NULL,
	    "What happened to mail in the last 24 hours, by event.");
	for (t = 0; t < TALLIES; t++)
		sample(m, "", "event", sv_str(tally_name((enum tally)t)),
		    (double)p->tally[t]);
	if (h == NULL)
		return;
	family(m, "hearthmail_mail", OPENMETRICS_COUNTER, NULL,
	    "Mail received, submitted, stored, junk, sent, returned, put off.");
	for (i = 0; i < HISTORY_C_UNKNOWN; i++)
		sample(m, "_total", "event",
		    label_of(history_count_name[i], name),
		    (double)h->number[NUMBER_MAIL + i]);
	family(m, "hearthmail_mail_refused", OPENMETRICS_COUNTER, NULL,
	    "Mail refused, by reason.");
	for (i = HISTORY_C_UNKNOWN; i < HISTORY_COUNTS; i++)
		sample(m, "_total", "reason",
		    label_of(history_count_name[i], name),
		    (double)h->number[NUMBER_MAIL + i]);
}

static void
add_queue(struct metrics *m, const struct status_picture *p)
{
	const struct status_process *q = process_of(p, "queue");
	char name[32];
	int i;

	if (q == NULL)
		return;
	family(m, "hearthmail_queue", OPENMETRICS_GAUGE, NULL,
	    "Messages in the queue, once for each destination, by state.");
	for (i = 0; i < QUEUE_STATES; i++)
		sample(m, "", "state",
		    label_of(queue_state_name((enum queue_state)i), name),
		    (double)q->number[NUMBER_QUEUE + i]);
}

/* ---- latencies ---- */

static void
add_histogram(struct metrics *m, const struct status_process *o, enum latency l)
{
	const uint64_t *n = o->number + NUMBER_LATENCY + l * LATENCY_NUMBERS;
	struct openmetrics_label label[2] = {
	    {"process", sv_str(o->role)}, {"le", SV("")}};
	double sum = 0;
	char bound[32];
	int i;

	for (i = 0; i < LATENCY_BUCKETS; i++) {
		sum += (double)n[i];
		(void)snprintf(bound, sizeof bound, "+Inf");
		if (i < LATENCY_BUCKETS - 1)
			(void)snprintf(bound, sizeof bound, "%.3f",
			    (double)latency_bound[i] / 1000);
		label[1].value = sv_str(bound);
		openmetrics_sample(&m->out, m->name, "_bucket", label, sum);
	}
	label[1].name = NULL;
	openmetrics_sample(&m->out, m->name, "_count", label, sum);
	openmetrics_sample(
	    &m->out, m->name, "_sum", label, (double)n[LATENCY_BUCKETS] / 1000);
}

static void
add_latencies(struct metrics *m, const struct status_picture *p)
{
	static const struct {
		const char *name, *help;
		const char *who[2];
	} rows[LATENCIES] = {
	    [LATENCY_STORE] = {"hearthmail_store_seconds",
		"Time that a delivery took until it was on the disk.",
		{"smtp", "submission"}},
	    [LATENCY_SEND] = {"hearthmail_send_seconds",
		"Time from a message's arrival in the queue until another "
		"server took it.",
		{"queue", NULL}}};
	const struct status_process *o;
	int l, i;

	for (l = 0; l < LATENCIES; l++) {
		family(m, rows[l].name, OPENMETRICS_HISTOGRAM, "seconds",
		    rows[l].help);
		for (i = 0; i < 2 && rows[l].who[i] != NULL; i++)
			if ((o = process_of(p, rows[l].who[i])) != NULL)
				add_histogram(m, o, (enum latency)l);
	}
}

/* ---- around it ---- */

static void
add_surroundings(
    struct metrics *m, const struct conf *conf, const struct status_picture *p)
{
	double now = (double)clk_now() / 1000;

	gauge(m, "hearthmail_disk_free_bytes", "bytes",
	    "Free space where mail is kept.", (double)p->disk_free);
	gauge(m, "hearthmail_disk_size_bytes", "bytes",
	    "Size of the file system where mail is kept.",
	    (double)p->disk_size);
	if (p->has_cert)
		gauge(m, "hearthmail_certificate_remaining_seconds", "seconds",
		    "Time until the server's certificate expires.",
		    (double)p->cert.not_after - now);
	if (conf->backup.folder == NULL)
		return;
	gauge(m, "hearthmail_backup_failed", NULL,
	    "1 if the last daily backup failed.", p->backup.failed != 0);
	if (p->backup.good != 0)
		gauge(m, "hearthmail_backup_age_seconds", "seconds",
		    "Time since the last good backup.",
		    now - (double)p->backup.good);
}

void
status_print_metrics(const struct conf *conf, const struct status_picture *p,
    const struct status_lines *lines)
{
	struct metrics m = {.name = NULL};
	double wrong = 0;
	size_t i;

	for (i = 0; i < lines->n; i++)
		wrong += lines->l[i].wrong;
	buf_init(&m.out, METRICS_MAX);
	family(&m, "hearthmail_build", OPENMETRICS_INFO, NULL,
	    "The version that runs.");
	sample(&m, "_info", "version", SV(HM_VERSION), 1);
	gauge(&m, "hearthmail_well", NULL,
	    "1 if the status finds nothing wrong.", wrong == 0);
	gauge(&m, "hearthmail_findings", NULL,
	    "What is wrong, by the status, in lines.", wrong);
	gauge(&m, "hearthmail_uptime_seconds", "seconds",
	    "Time since the server was started.", (double)p->ms / 1000);
	add_processes(&m, p);
	add_mail(&m, p);
	add_queue(&m, p);
	add_latencies(&m, p);
	add_surroundings(&m, conf, p);
	openmetrics_end(&m.out);
	fputs(buf_ok(&m.out) ? m.out.p : "# EOF\n", stdout);
	buf_fini(&m.out);
}
