/* How the server is: one screen, or JSON. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backup/backup.h"
#include "backup/lost.h"
#include "base/alloc.h"
#include "base/ascii.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "cmd/command/command.h"
#include "cmd/command/status.h"
#include "cmd/command/status_certs.h"
#include "cmd/supervisor/certificate.h"
#include "ipc/line.h"
#include "ipc/proto.h"

#define RECORDS_MAX (64u << 20)
#define PROCS_MAX   4096
#define EVENTS_MAX  400

/* ---- reading ---- */

/* What a process says of itself is shown on a terminal: if it was taken over,
 * it may say anything. */
static void
make_printable(char *p)
{
	command_defuse(p, strlen(p), 0);
}

static void
copy_cut(struct sv text, char *out, size_t size)
{
	sv_copy(sv_first(text, size - 1), out, size);
	make_printable(out);
}

static void
read_day(
    struct status_picture *p, const char *process, const struct status_day *day)
{
	uint32_t i;

	for (i = 0; i < day->ntally && i < TALLIES; i++)
		p->tally[i] += day->tally[i];
	for (i = 0; i < day->nevent && p->nevent < EVENTS_MAX; i++) {
		struct status_happened *e;

		p->event = xgrow(
		    p->event, &p->event_cap, p->nevent + 1, sizeof *p->event);
		e = &p->event[p->nevent++];
		(void)snprintf(e->process, sizeof e->process, "%s", process);
		e->level = day->event[i].level;
		e->when = day->event[i].when;
		copy_cut(day->event[i].text, e->text, sizeof e->text);
	}
}

/* Each speaks of its own: who was taken over says nothing of others. */
static bool
is_number_of(const char *role, uint16_t what)
{
	if (what >= NUMBERS)
		return false;
	if (what < NUMBER_QUEUE)
		return strcmp(role, "history") == 0;
	if (what < NUMBER_LATENCY)
		return strcmp(role, "queue") == 0;
	return true;
}

/* What the process itself has said. */
static void
read_answer(struct status_picture *p, struct status_process *o, struct sv bytes)
{
	struct ctl_status st;
	struct msg m;
	uint32_t i;

	msg_init(&m, 0);
	buf_addsv(&m.b, bytes);
	o->answered = bytes.n > 0 && ctl_status_get(&m, &st) == RC_OK;
	if (o->answered) {
		o->connections = st.connections;
		o->memory = st.memory;
		for (i = 0; i < st.nnumber; i++)
			if (is_number_of(o->role, st.number[i].what))
				o->number[st.number[i].what] = st.number[i].n;
		o->text = sv_dup(st.text);
		make_printable(o->text);
		read_day(p, o->role, &st.day);
		ctl_status_fini(&st);
	}
	msg_fini(&m);
}

static int
read_record(struct status_picture *p, struct sv bytes)
{
	struct status_record rec;
	struct status_process *o;
	struct msg m;
	int r;

	msg_init(&m, 0);
	m.b.max = 2 * MSG_MAX;
	buf_addsv(&m.b, bytes);
	r = status_record_get(&m, &rec);
	if (r != RC_OK)
		goto out;
	p->proc = xgrow(p->proc, &p->proc_cap, p->nproc + 1, sizeof *p->proc);
	o = &p->proc[p->nproc++];
	memset(o, 0, sizeof *o);
	copy_cut(rec.role, o->role, sizeof o->role);
	copy_cut(rec.account, o->account, sizeof o->account);
	o->pid = rec.pid;
	o->ms = rec.ms;
	o->restarts = rec.restarts;
	read_answer(p, o, rec.answer);
out:
	msg_fini(&m);
	return r;
}

static int
read_records(struct status_picture *p, int fd)
{
	struct buf all;
	struct sv rest;
	int r;

	buf_init(&all, RECORDS_MAX);
	(void)lseek(fd, 0, SEEK_SET);
	r = io_read_rest(fd, &all);
	rest = buf_sv(&all);
	while (r == RC_OK && rest.n >= 4 && p->nproc < PROCS_MAX) {
		uint32_t n = be_get32(rest.p);

		rest = sv_skip(rest, 4);
		r = read_record(p, sv_first(rest, n));
		rest = sv_skip(rest, n);
	}
	buf_fini(&all);
	return r;
}

static void
read_all(struct status_picture *p, const struct status_all *all)
{
	p->ms = all->ms;
	p->backup.failed = all->backup_failed / 1000;
	copy_cut(all->why, p->backup.reason, sizeof p->backup.reason);
	copy_cut(all->cert_trouble, p->cert_trouble, sizeof p->cert_trouble);
	p->published_when = all->published_when / 1000;
	copy_cut(all->published_trouble, p->published_trouble,
	    sizeof p->published_trouble);
	copy_cut(all->certificates, p->certificates, sizeof p->certificates);
	copy_cut(all->certificates_trouble, p->certificates_trouble,
	    sizeof p->certificates_trouble);
	read_day(p, "supervisor", &all->day);
}

static int
ask(const struct conf *conf, struct status_picture *p)
{
	int fd = command_connect(conf, "status.sock"), r;
	struct status_all all;
	struct err err;
	struct msg m;

	if (fd < 0) {
		(void)command_unreached(conf, &err);
		return command_fail("status", EXIT_FAILED, "%s", err.text);
	}
	r = line_recv_fd(fd, &m);
	io_close(&fd);
	if (r == RC_OK) {
		r = status_all_get(&m, &all);
		if (r == RC_OK)
			read_all(p, &all);
		msg_fini(&m);
	}
	if (r != RC_OK || all.rc != RC_OK || all.fd < 0)
		return command_fail("status", EXIT_FAILED, COMMAND_SILENT);
	r = read_records(p, all.fd);
	status_all_fini(&all);
	return r == RC_OK ? EXIT_FINE
			  : command_fail("status", EXIT_FAILED,
				"the server's answer is invalid");
}

/* The backups in the folder, whatever made them. */
static void
look_at_backups(const struct conf *conf, struct status_picture *p)
{
	struct status_backups *b = &p->backup;
	const char *folder = conf->backup.folder;
	struct err err;

	if (folder == NULL)
		return;
	if (backup_newest(folder, &b->good, &err) != RC_OK)
		(void)snprintf(b->unseen, sizeof b->unseen, "%s", err.text);
	if (b->failed <= b->good)
		b->failed = 0;
}

static void
note_lost(void *arg, const char *text)
{
	json_array_append_new(arg, json_string(text));
}

static void
look_around(const struct conf *conf, struct status_picture *p)
{
	struct buf cert, key, pem;
	struct err err = {.text = ""};
	struct statvfs v;

	if (statvfs(conf->data, &v) == 0) {
		p->disk_free = (uint64_t)v.f_bavail * v.f_frsize;
		p->disk_size = (uint64_t)v.f_blocks * v.f_frsize;
	}
	buf_init(&cert, 4096);
	buf_init(&key, 4096);
	buf_init(&pem, 1 << 20);
	certificate_paths(conf, &cert, &key);
	p->has_cert = certificate_read(conf, cert.p, &pem, &err) == RC_OK &&
		      tls_cert_info(buf_sv(&pem), &p->cert, &err) == RC_OK;
	buf_fini(&pem);
	buf_fini(&key);
	buf_fini(&cert);
	status_domain_certificates(conf, status_soon(conf), p->certificates,
	    p->certificates_trouble, sizeof p->certificates);
	look_at_backups(conf, p);
	(void)lost_each(conf, note_lost, p->lost);
}

static int
compare_event(const void *a, const void *b)
{
	const struct status_happened *x = a, *y = b;

	return x->when < y->when ? -1 : x->when > y->when;
}

int
cmd_status(const char *config, int argc, char **argv)
{
	bool json = false, metrics = false;
	const struct command_option options[] = {
	    {"--json", .flag = &json}, {"--metrics", .flag = &metrics}};
	const struct command_words words = {
	    .command = "status", .option = options, .noption = 2};
	struct status_picture p = {.nproc = 0};
	struct status_lines lines;
	struct conf *conf;
	size_t i;
	int code;

	code = command_words(&words, argc, argv, NULL);
	if (code != EXIT_FINE)
		return code;
	if (json && metrics)
		return command_misused(
		    "status", "--json cannot be combined with --metrics");
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	p.lost = json_array();
	code = ask(conf, &p);
	if (code == EXIT_FINE) {
		look_around(conf, &p);
		if (p.nevent > 0)
			qsort(
			    p.event, p.nevent, sizeof *p.event, compare_event);
		status_lines_make(conf, &p, &lines);
		if (json)
			status_print_json(conf, &p, &lines);
		else if (metrics)
			status_print_metrics(conf, &p, &lines);
		else
			status_lines_print(&lines);
		for (i = 0; i < lines.n; i++)
			if (lines.l[i].wrong)
				code = EXIT_FAILED;
		status_lines_fini(&lines);
	}
	for (i = 0; i < p.nproc; i++)
		free(p.proc[i].text);
	json_decref(p.lost);
	free(p.proc);
	free(p.event);
	conf_free(&conf);
	return code;
}
