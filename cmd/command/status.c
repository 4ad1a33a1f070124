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
#include "base/plural.h"
#include "base/tally.h"
#include "cmd/command/command.h"
#include "cmd/command/status_certs.h"
#include "cmd/supervisor/certificate.h"
#include "dns/server.h"
#include "history/service.h"
#include "ipc/line.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"
#include "keeper/keeper.h"
#include "net/tls.h"

#define RECORDS_MAX (64u << 20)
#define PROCS_MAX   4096
#define EVENTS_MAX  400
#define LOW_DISK    (256ull << 20)
#define SOON_DAYS   14
#define LATE_DAYS   2 /* a daily backup that was not made */

struct one {
	char role[32], account[CONF_NAME_MAX];
	uint32_t pid, restarts, connections;
	uint64_t ms;
	bool answered;
	char *text; /* what only this role knows */
};

struct event {
	char process[32];
	uint8_t level;
	int64_t when;
	char text[400];
};

/* The daily backup. */
struct backups {
	int64_t good;	/* the last one, seconds since 1970; 0: none is seen */
	int64_t failed; /* since then; 0: none */
	char reason[ERR_TEXT_MAX];
	char unseen[ERR_TEXT_MAX]; /* why the folder could not be looked at */
};

struct picture {
	struct one *proc;
	size_t nproc, proc_cap;
	struct event *event;
	size_t nevent, event_cap;
	uint64_t tally[TALLIES];
	uint64_t ms; /* since the start */
	uint64_t disk_free, disk_size;
	struct tls_cert_info cert;
	bool has_cert;
	char cert_trouble[ERR_TEXT_MAX]; /* with its files; "": none */
	int64_t published_when;		 /* seconds since 1970; 0: not yet */
	char published_trouble[PUBLISHED_TROUBLE_MAX + 1]; /* lines; "": none */
	/* Of the certificates that come by themselves, lines. */
	char certificates[CERTIFICATES_TEXT_MAX + 1];
	char certificates_trouble[CERTIFICATES_TEXT_MAX + 1];
	struct backups backup;
	json_t *lost; /* sentences about mail that is not there any more */
	unsigned worries;
};

/* ---- reading ---- */

/* What a process says of itself is shown on a terminal: if it was taken over,
 * it may say anything. */
static void
make_printable(char *p)
{
	command_defuse(p, strlen(p), 0);
}

/* When it is too late for a certificate to be good: those that come by
 * themselves may have six days in all, and say what is wrong. */
static int64_t
soon(const struct conf *conf)
{
	return clk_now() / 1000 + (conf->acme.on ? 1 : SOON_DAYS) * 86400;
}

static void
copy_cut(struct sv text, char *out, size_t size)
{
	sv_copy(sv_first(text, size - 1), out, size);
	make_printable(out);
}

static void
read_day(struct picture *p, const char *process, const struct status_day *day)
{
	uint32_t i;

	for (i = 0; i < day->ntally && i < TALLIES; i++)
		p->tally[i] += day->tally[i];
	for (i = 0; i < day->nevent && p->nevent < EVENTS_MAX; i++) {
		struct event *e;

		p->event = xgrow(
		    p->event, &p->event_cap, p->nevent + 1, sizeof *p->event);
		e = &p->event[p->nevent++];
		(void)snprintf(e->process, sizeof e->process, "%s", process);
		e->level = day->event[i].level;
		e->when = day->event[i].when;
		copy_cut(day->event[i].text, e->text, sizeof e->text);
	}
}

/* What the process itself has said. */
static void
read_answer(struct picture *p, struct one *o, struct sv bytes)
{
	struct ctl_status st;
	struct msg m;

	msg_init(&m, 0);
	buf_addsv(&m.b, bytes);
	o->answered = bytes.n > 0 && ctl_status_get(&m, &st) == RC_OK;
	if (o->answered) {
		o->connections = st.connections;
		o->text = sv_dup(st.text);
		make_printable(o->text);
		read_day(p, o->role, &st.day);
		ctl_status_fini(&st);
	}
	msg_fini(&m);
}

static int
read_record(struct picture *p, struct sv bytes)
{
	struct status_record rec;
	struct one *o;
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
	if (o->text != NULL && strcmp(o->role, "dns") == 0 &&
	    sv_starts(sv_str(o->text), SV(DNS_STATUS_DOWN)))
		p->worries++;
	if (o->text != NULL && strcmp(o->role, "keeper") == 0 &&
	    strstr(o->text, KEEPER_STATUS_SHUT) != NULL)
		p->worries++;
	if (o->text != NULL && strcmp(o->role, "history") == 0 &&
	    sv_starts(sv_str(o->text), SV(HISTORY_STATUS_DOWN)))
		p->worries++;
	if (!o->answered)
		p->worries++;
out:
	msg_fini(&m);
	return r;
}

static int
read_records(struct picture *p, int fd)
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
read_all(struct picture *p, const struct status_all *all)
{
	p->ms = all->ms;
	p->backup.failed = all->backup_failed / 1000;
	copy_cut(all->why, p->backup.reason, sizeof p->backup.reason);
	copy_cut(all->cert_trouble, p->cert_trouble, sizeof p->cert_trouble);
	p->worries += p->cert_trouble[0] != '\0';
	p->published_when = all->published_when / 1000;
	copy_cut(all->published_trouble, p->published_trouble,
	    sizeof p->published_trouble);
	p->worries += p->published_trouble[0] != '\0';
	copy_cut(all->certificates, p->certificates, sizeof p->certificates);
	copy_cut(all->certificates_trouble, p->certificates_trouble,
	    sizeof p->certificates_trouble);
	p->worries += p->certificates_trouble[0] != '\0';
	read_day(p, "supervisor", &all->day);
}

static int
ask(const struct conf *conf, struct picture *p)
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
look_at_backups(const struct conf *conf, struct picture *p)
{
	struct backups *b = &p->backup;
	const char *folder = conf->backup.folder;
	struct err err;

	if (folder == NULL)
		return;
	if (backup_newest(folder, &b->good, &err) != RC_OK)
		(void)snprintf(b->unseen, sizeof b->unseen, "%s", err.text);
	if (b->failed <= b->good)
		b->failed = 0;
	p->worries +=
	    b->failed != 0 ||
	    (b->good != 0 && b->good + LATE_DAYS * 86400 < clk_now() / 1000);
}

/* One that dies at its start is not among the others.  Without a certificate
 * the last three do not run, which is printed there. */
static const char *const always[] = {"auth", "history", "keeper", "queue",
    "dns", "mx", "smtp", "submission", "imap", "pop3"};
#define FOR_CLIENTS 3
#define NALWAYS	    (sizeof always / sizeof *always)

static size_t
wanted(const struct picture *p)
{
	return p->cert_trouble[0] != '\0' ? NALWAYS - FOR_CLIENTS : NALWAYS;
}

static bool
runs(const struct picture *p, const char *role)
{
	for (size_t i = 0; i < p->nproc; i++)
		if (strcmp(p->proc[i].role, role) == 0)
			return true;
	return false;
}

static void
note_lost(void *arg, const char *text)
{
	json_array_append_new(arg, json_string(text));
}

static void
look_around(const struct conf *conf, struct picture *p)
{
	struct buf cert, key, pem;
	struct err err = {.text = ""};
	struct statvfs v;

	if (statvfs(conf->data, &v) == 0) {
		p->disk_free = (uint64_t)v.f_bavail * v.f_frsize;
		p->disk_size = (uint64_t)v.f_blocks * v.f_frsize;
		p->worries += p->disk_free < LOW_DISK;
	}
	buf_init(&cert, 4096);
	buf_init(&key, 4096);
	buf_init(&pem, 1 << 20);
	certificate_paths(conf, &cert, &key);
	p->has_cert = certificate_read(conf, cert.p, &pem, &err) == RC_OK &&
		      tls_cert_info(buf_sv(&pem), &p->cert, &err) == RC_OK;
	if (p->has_cert && p->cert.not_after < soon(conf))
		p->worries++;
	buf_fini(&pem);
	buf_fini(&key);
	buf_fini(&cert);
	p->worries += status_domain_certificates(conf, soon(conf),
	    p->certificates, p->certificates_trouble, sizeof p->certificates);
	look_at_backups(conf, p);
	p->worries += lost_each(conf, note_lost, p->lost);
	for (size_t i = 0; i < wanted(p); i++)
		p->worries += !runs(p, always[i]);
}

/* ---- for people ---- */

static const char *
span(uint64_t ms, char out[40])
{
	uint64_t m = ms / 60000;

	if (m < 1)
		(void)snprintf(
		    out, 40, "%llu s", (unsigned long long)(ms / 1000));
	else if (m < 120)
		(void)snprintf(out, 40, "%llu min", (unsigned long long)m);
	else if (m < 2880)
		(void)snprintf(out, 40, "%llu h", (unsigned long long)(m / 60));
	else
		(void)snprintf(
		    out, 40, "%llu days", (unsigned long long)(m / 1440));
	return out;
}

static void
print_processes(const struct picture *p)
{
	unsigned accounts = 0;
	char t[40];
	size_t i;

	puts("processes");
	for (i = p->nproc; i-- > 0;) {
		const struct one *o = &p->proc[i];

		if (o->account[0] != '\0') {
			accounts++;
			continue;
		}
		printf("  %-11s for %s", o->role, span(o->ms, t));
		if (o->restarts > 0)
			printf(", restarted %u time%s", o->restarts,
			    plural(o->restarts));
		if (!o->answered)
			printf("  DOES NOT ANSWER");
		puts("");
	}
	for (i = 0; i < wanted(p); i++)
		if (!runs(p, always[i]))
			printf("  %-11s IS NOT RUNNING: see the last errors\n",
			    always[i]);
	printf("  accounts    %u in use\n", accounts);
}

static void
print_connections(const struct picture *p)
{
	bool first = true;
	size_t i;

	printf("connections ");
	for (i = p->nproc; i-- > 0;) {
		const char *r = p->proc[i].role;

		if (strcmp(r, "smtp") != 0 && strcmp(r, "submission") != 0 &&
		    strcmp(r, "imap") != 0 && strcmp(r, "pop3") != 0 &&
		    strcmp(r, "web") != 0)
			continue;
		printf("%s %s %u", first ? "" : ",", r, p->proc[i].connections);
		first = false;
	}
	puts("");
}

/* A role's own lines, the first behind a heading. */
static void
print_text(const struct picture *p, const char *role, const char *heading)
{
	size_t i;

	for (i = 0; i < p->nproc; i++) {
		struct sv rest = sv_str(p->proc[i].text);

		if (strcmp(p->proc[i].role, role) != 0)
			continue;
		for (; rest.n > 0; heading = "") {
			struct sv line = sv_split(&rest, '\n');

			printf("%-12s %.*s\n", heading, SV_ARG(line));
		}
	}
}

/* The history's counts survive restarts; what the processes themselves have
 * counted is shown only without them: two sets would differ, and confuse. */
static void
print_mail(const struct picture *p)
{
	bool counted = false;
	const char *heading = "mail";
	size_t i;
	int t;

	for (i = 0; i < p->nproc; i++) {
		struct sv rest = sv_str(p->proc[i].text);

		if (strcmp(p->proc[i].role, "history") != 0)
			continue;
		for (; rest.n > 0; heading = "") {
			struct sv line = sv_split(&rest, '\n');
			bool down = sv_starts(line, SV(HISTORY_STATUS_DOWN));

			printf("%-12s %.*s\n", down ? "history" : heading,
			    SV_ARG(line));
			counted |= !down;
		}
	}
	if (counted)
		return;
	printf("mail         %s:",
	    p->ms >= 86400000 ? "in the last 24 hours" : "since the start");
	for (t = 0; t < TALLIES; t++)
		printf("%s %s %llu", t > 0 ? "," : "",
		    tally_name((enum tally)t), (unsigned long long)p->tally[t]);
	puts("");
}

static void
print_surroundings(const struct conf *conf, const struct picture *p)
{
	struct clk_tm t;

	printf("disk         %.1f GB free of %.1f GB at %s%s\n",
	    (double)p->disk_free / 1e9, (double)p->disk_size / 1e9, conf->data,
	    p->disk_free < LOW_DISK ? ": NEARLY FULL, free some space" : "");
	if (p->cert_trouble[0] != '\0') {
		printf("certificate  CANNOT BE USED: %s\n", p->cert_trouble);
		return;
	}
	if (!p->has_cert) {
		puts("certificate  cannot be read; see hearthmail check");
		return;
	}
	clk_civil(p->cert.not_after, &t);
	printf("certificate  until %04d-%02d-%02d%s%s\n", t.year, t.month,
	    t.day, p->cert.self_signed ? ", self-signed" : "",
	    p->cert.not_after < soon(conf) ? ": RENEW IT" : "");
}

static void
print_stamp(int64_t secs)
{
	struct clk_tm t;

	clk_civil(secs, &t);
	printf("%04d-%02d-%02d %02d:%02d UTC", t.year, t.month, t.day, t.hour,
	    t.minute);
}

static void
print_backup(const struct conf *conf, const struct backups *b)
{
	const struct conf_backup *c = &conf->backup;

	printf("backup       ");
	if (c->folder == NULL) {
		puts("no daily backup; see backup in hearthmail.yaml(5)");
		return;
	}
	if (b->failed != 0) {
		printf("THE LAST ONE FAILED at ");
		print_stamp(b->failed);
		printf(": %s; fix that, then run: hearthmail backup %s\n"
		       "             ",
		    b->reason, c->folder);
	}
	if (b->good != 0) {
		printf("last good one ");
		print_stamp(b->good);
		printf(", in %s%s\n", c->folder,
		    b->failed == 0 &&
			    b->good + LATE_DAYS * 86400 < clk_now() / 1000
			? ": TOO LONG AGO, see the log"
			: "");
	} else if (b->unseen[0] != '\0') {
		printf("last good one unknown: %s\n", b->unseen);
	} else {
		printf("none yet in %s; every day at %02u:%02u\n", c->folder,
		    c->minute / 60, c->minute % 60);
	}
}

/* Those that come by themselves, and what is wrong with that. */
static void
print_certificates(const struct picture *p)
{
	struct sv rest = sv_str(p->certificates), line;

	while (rest.n > 0) {
		line = sv_split(&rest, '\n');
		if (line.n > 0)
			printf("             %.*s\n", SV_ARG(line));
	}
	rest = sv_str(p->certificates_trouble);
	while (rest.n > 0) {
		line = sv_split(&rest, '\n');
		if (line.n > 0)
			printf("             NOT RIGHT: %.*s\n", SV_ARG(line));
	}
}

/* What others see of us. */
static void
print_names(const struct picture *p)
{
	struct sv rest = sv_str(p->published_trouble);

	if (p->published_when == 0)
		return;
	if (rest.n == 0) {
		puts("published    all DNS records that are needed");
		return;
	}
	printf("published    NOT RIGHT at ");
	print_stamp(p->published_when);
	puts("; see hearthmail dns");
	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');

		if (line.n > 0)
			printf("             %.*s\n", SV_ARG(line));
	}
}

static int
compare_event(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return x->when < y->when ? -1 : x->when > y->when;
}

static void
print_events(const struct picture *p)
{
	struct clk_tm t;
	size_t i;

	puts(p->nevent > 0 ? "last errors and warnings"
			   : "no errors, no warnings");
	for (i = p->nevent > 8 ? p->nevent - 8 : 0; i < p->nevent; i++) {
		const struct event *e = &p->event[i];

		clk_civil(e->when / 1000, &t);
		printf("  %02d-%02d %02d:%02d %s %s: %s\n", t.month, t.day,
		    t.hour, t.minute, e->level == LOG_ERROR ? "ERROR" : "warn",
		    e->process, e->text);
	}
}

static void
print_all(const struct conf *conf, const struct picture *p)
{
	char t[40];
	size_t i;

	printf("%s, running for %s\n", conf->hostname, span(p->ms, t));
	print_processes(p);
	print_connections(p);
	print_mail(p);
	print_text(p, "queue", "queue");
	print_text(p, "keeper", "mailboxes");
	print_text(p, "dns", "names");
	print_text(p, "auth", "keys");
	print_names(p);
	print_surroundings(conf, p);
	print_certificates(p);
	for (i = 0; i < json_array_size(p->lost); i++)
		printf("LOST MAIL    %s\n",
		    json_string_value(json_array_get(p->lost, i)));
	print_backup(conf, &p->backup);
	print_events(p);
}

/* ---- for programs ---- */

/* null: none is configured. */
static json_t *
json_backup(const struct conf *conf, const struct backups *b)
{
	if (conf->backup.folder == NULL)
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:s}", "folder", conf->backup.folder,
	    "last_good", (json_int_t)b->good, "failed", (json_int_t)b->failed,
	    "reason", b->failed != 0 ? b->reason : "");
}

static json_t *
json_lines(struct sv text)
{
	json_t *all = json_array();

	while (text.n > 0) {
		struct sv line = sv_split(&text, '\n');

		if (line.n > 0)
			json_array_append_new(
			    all, json_stringn(line.p, line.n));
	}
	return all;
}

/* The reasons in parentheses, too. */
static void
add_period(json_t *all, struct sv line)
{
	struct sv name = sv_split(&line, ':');
	json_t *counts = json_object();

	while (line.n > 0) {
		struct sv part = sv_split(&line, ',');

		while (part.n > 0) {
			struct sv one = sv_trim(sv_split(&part, '('));
			size_t at = sv_rchr(one, ' ');
			struct sv number = sv_skip(one, at + 1);
			uint64_t n;

			if (sv_ends(number, SV(")")))
				number = sv_first(number, number.n - 1);
			if (sv_to_u64(number, INT64_MAX, &n) == RC_OK)
				(void)json_object_setn_new(counts, one.p, at,
				    json_integer((json_int_t)n));
		}
	}
	(void)json_object_setn_new(all, name.p, name.n, counts);
}

/* "today: received 12, junk 1" becomes {"today": {"received": 12, ...}}. */
static json_t *
json_history(const struct picture *p)
{
	json_t *all = json_object();
	size_t i;

	for (i = 0; i < p->nproc; i++) {
		struct sv rest = sv_str(p->proc[i].text);

		if (strcmp(p->proc[i].role, "history") != 0)
			continue;
		while (rest.n > 0) {
			struct sv line = sv_split(&rest, '\n');

			if (!sv_starts(line, SV(HISTORY_STATUS_DOWN)))
				add_period(all, line);
		}
	}
	return all;
}

static void
print_json(const struct conf *conf, const struct picture *p)
{
	json_t *procs = json_array(), *events = json_array();
	json_t *mail = json_object(), *all;
	size_t i;
	int t;

	for (i = 0; i < p->nproc; i++) {
		const struct one *o = &p->proc[i];

		json_array_append_new(procs,
		    json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s}",
			"role", o->role, "account", o->account, "pid",
			(json_int_t)o->pid, "seconds",
			(json_int_t)(o->ms / 1000), "restarts",
			(json_int_t)o->restarts, "connections",
			(json_int_t)o->connections, "answers", o->answered,
			"text", o->text != NULL ? o->text : ""));
	}
	for (i = 0; i < p->nevent; i++)
		json_array_append_new(events,
		    json_pack("{s:I, s:s, s:s, s:s}", "time_ms",
			(json_int_t)p->event[i].when, "level",
			p->event[i].level == LOG_ERROR ? "error" : "warn",
			"process", p->event[i].process, "text",
			p->event[i].text));
	for (t = 0; t < TALLIES; t++)
		json_object_set_new(mail, tally_name((enum tally)t),
		    json_integer((json_int_t)p->tally[t]));
	all = json_pack("{s:s, s:I, s:b, s:o, s:o, s:o, s:I, s:I, s:I}",
	    "hostname", conf->hostname, "seconds", (json_int_t)(p->ms / 1000),
	    "well", p->worries == 0, "processes", procs, "mail", mail, "events",
	    events, "disk_free", (json_int_t)p->disk_free, "disk_size",
	    (json_int_t)p->disk_size, "certificate_until",
	    (json_int_t)(p->has_cert ? p->cert.not_after : 0));
	must(all != NULL);
	json_object_set_new(all, "backup", json_backup(conf, &p->backup));
	json_object_set(all, "lost", p->lost);
	json_object_set_new(all, "history", json_history(p));
	json_object_set_new(
	    all, "certificate_trouble", json_string(p->cert_trouble));
	json_object_set_new(all, "published_checked",
	    json_integer((json_int_t)p->published_when));
	json_object_set_new(
	    all, "certificates", json_lines(sv_str(p->certificates)));
	(void)json_object_set_new(all, "certificates_trouble",
	    json_lines(sv_str(p->certificates_trouble)));
	(void)json_object_set_new(
	    all, "published_trouble", json_lines(sv_str(p->published_trouble)));
	(void)json_dumpf(all, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	puts("");
	json_decref(all);
}

int
cmd_status(const char *config, int argc, char **argv)
{
	bool json = false;
	const struct command_option option = {"--json", .flag = &json};
	const struct command_words words = {
	    .command = "status", .option = &option, .noption = 1};
	struct picture p = {.nproc = 0};
	struct conf *conf;
	size_t i;
	int code;

	code = command_words(&words, argc, argv, NULL);
	if (code != EXIT_FINE)
		return code;
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
		if (json)
			print_json(conf, &p);
		else
			print_all(conf, &p);
		if (p.worries > 0)
			code = EXIT_FAILED;
	}
	for (i = 0; i < p.nproc; i++)
		free(p.proc[i].text);
	json_decref(p.lost);
	free(p.proc);
	free(p.event);
	conf_free(&conf);
	return code;
}
