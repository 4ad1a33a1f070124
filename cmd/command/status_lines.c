/* The status for people: the lines of the screen, which the admin's pages
 * show, too, and which of them say that something is wrong. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "base/plural.h"
#include "cmd/command/status.h"
#include "dns/server.h"
#include "history/service.h"
#include "keeper/keeper.h"

#define SOON_DAYS 14

/* ---- what there should be ---- */

/* Those that come by themselves may have six days in all, and say what is
 * wrong. */
int64_t
status_soon(const struct conf *conf)
{
	return clk_now() / 1000 + (conf->acme.on ? 1 : SOON_DAYS) * 86400;
}

/* One that dies at its start is not among the others.  Without a certificate
 * the last three do not run, which is printed there. */
static const char *const always[] = {"auth", "history", "junk", "keeper",
    "queue", "dns", "mx", "smtp", "submission", "imap", "pop3"};
#define FOR_CLIENTS 3
#define NALWAYS	    (sizeof always / sizeof *always)

static size_t
wanted(const struct status_picture *p)
{
	return p->cert_trouble[0] != '\0' ? NALWAYS - FOR_CLIENTS : NALWAYS;
}

static bool
runs(const struct status_picture *p, const char *role)
{
	for (size_t i = 0; i < p->nproc; i++)
		if (strcmp(p->proc[i].role, role) == 0)
			return true;
	return false;
}

const char *
status_missing(const struct status_picture *p, size_t *at)
{
	while (*at < wanted(p)) {
		const char *role = always[(*at)++];

		if (!runs(p, role))
			return role;
	}
	return NULL;
}

/* ---- lines ---- */

#define LINE_MAX_BYTES 8192

__attribute__((format(printf, 5, 6))) static void
add(struct status_lines *out, enum status_kind kind, const char *heading,
    bool wrong, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	out->l = xgrow(out->l, &out->cap, out->n + 1, sizeof *out->l);
	out->l[out->n++] =
	    (struct status_line){kind, heading, xstrdup(text), wrong};
}

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

static const char *
stamp(int64_t secs, char out[40])
{
	struct clk_tm t;

	clk_civil(secs, &t);
	(void)snprintf(out, 40, "%04d-%02d-%02d %02d:%02d UTC", t.year, t.month,
	    t.day, t.hour, t.minute);
	return out;
}

static void
add_process(struct status_lines *out, const struct status_process *o)
{
	char t[40], again[40] = "", memory[40] = "";

	if (o->restarts > 0)
		(void)snprintf(again, sizeof again, ", restarted %u time%s",
		    o->restarts, plural(o->restarts));
	if (o->memory > 0)
		(void)snprintf(memory, sizeof memory, ", %.1f MB",
		    (double)o->memory / 1e6);
	add(out, STATUS_ITEM, o->role, !o->answered, "for %s%s%s%s",
	    span(o->ms, t), memory, again,
	    o->answered ? "" : "  DOES NOT ANSWER");
}

static void
add_processes(const struct status_picture *p, struct status_lines *out)
{
	unsigned accounts = 0;
	uint64_t memory = 0;
	const char *missing;
	char words[40] = "";
	size_t i;

	add(out, STATUS_TITLE, "", false, "processes");
	for (i = p->nproc; i-- > 0;) {
		const struct status_process *o = &p->proc[i];

		accounts += o->account[0] != '\0';
		memory += o->account[0] != '\0' ? o->memory : 0;
		if (o->account[0] == '\0')
			add_process(out, o);
		else if (!o->answered)
			add(out, STATUS_ITEM, "account", true,
			    "%s  DOES NOT ANSWER", o->account);
	}
	for (i = 0; (missing = status_missing(p, &i)) != NULL;)
		add(out, STATUS_ITEM, missing, true,
		    "IS NOT RUNNING: see the last errors");
	if (memory > 0)
		(void)snprintf(
		    words, sizeof words, ", %.1f MB", (double)memory / 1e6);
	add(out, STATUS_ITEM, "accounts", false, "%u in use%s", accounts,
	    words);
}

static void
add_connections(const struct status_picture *p, struct status_lines *out)
{
	struct buf b;
	size_t i;

	buf_init(&b, 1024);
	for (i = p->nproc; i-- > 0;) {
		const char *r = p->proc[i].role;

		if (strcmp(r, "smtp") == 0 || strcmp(r, "submission") == 0 ||
		    strcmp(r, "imap") == 0 || strcmp(r, "pop3") == 0 ||
		    strcmp(r, "web") == 0)
			buf_addf(&b, "%s%s %u", b.n > 0 ? ", " : "", r,
			    p->proc[i].connections);
	}
	add(out, STATUS_ROW, "connections", false, "%s",
	    b.p != NULL ? b.p : "");
	buf_fini(&b);
}

/* A role's own lines, the first behind a heading; one in which `bad` is says
 * that something is wrong. */
static void
add_text(const struct status_picture *p, const char *role, const char *heading,
    const char *bad, struct status_lines *out)
{
	size_t i;

	for (i = 0; i < p->nproc; i++) {
		struct sv rest = sv_str(p->proc[i].text);

		if (strcmp(p->proc[i].role, role) != 0)
			continue;
		for (; rest.n > 0; heading = "") {
			struct sv line = sv_split(&rest, '\n');
			bool wrong = bad != NULL && memmem(line.p, line.n, bad,
							strlen(bad)) != NULL;

			add(out, STATUS_ROW, heading, wrong, "%.*s",
			    SV_ARG(line));
		}
	}
}

/* The history's counts survive restarts; what the processes themselves have
 * counted is shown only without them: two sets would differ, and confuse. */
static void
add_mail(const struct status_picture *p, struct status_lines *out)
{
	bool counted = false;
	const char *heading = "mail";
	struct buf b;
	size_t i;
	int t;

	for (i = 0; i < p->nproc; i++) {
		struct sv rest = sv_str(p->proc[i].text);

		if (strcmp(p->proc[i].role, "history") != 0)
			continue;
		for (; rest.n > 0; heading = "") {
			struct sv line = sv_split(&rest, '\n');
			bool down = sv_starts(line, SV(HISTORY_STATUS_DOWN));

			add(out, STATUS_ROW, down ? "history" : heading, down,
			    "%.*s", SV_ARG(line));
			counted |= !down;
		}
	}
	if (counted)
		return;
	buf_init(&b, 1024);
	for (t = 0; t < TALLIES; t++)
		buf_addf(&b, "%s %s %llu", t > 0 ? "," : "",
		    tally_name((enum tally)t), (unsigned long long)p->tally[t]);
	add(out, STATUS_ROW, "mail", false, "%s:%s",
	    p->ms >= 86400000 ? "in the last 24 hours" : "since the start",
	    b.p);
	buf_fini(&b);
}

static void
add_certificate(const struct conf *conf, const struct status_picture *p,
    struct status_lines *out)
{
	bool late = p->has_cert && p->cert.not_after < status_soon(conf);
	struct clk_tm t;

	if (p->cert_trouble[0] != '\0') {
		add(out, STATUS_ROW, "certificate", true, "CANNOT BE USED: %s",
		    p->cert_trouble);
		return;
	}
	if (!p->has_cert) {
		add(out, STATUS_ROW, "certificate", false,
		    "cannot be read; see hearthmail check");
		return;
	}
	clk_civil(p->cert.not_after, &t);
	add(out, STATUS_ROW, "certificate", late, "until %04d-%02d-%02d%s%s",
	    t.year, t.month, t.day, p->cert.self_signed ? ", self-signed" : "",
	    late ? ": RENEW IT" : "");
}

static void
add_surroundings(const struct conf *conf, const struct status_picture *p,
    struct status_lines *out)
{
	bool low = p->disk_size > 0 && p->disk_free < STATUS_LOW_DISK;

	add(out, STATUS_ROW, "disk", low, "%.1f GB free of %.1f GB at %s%s",
	    (double)p->disk_free / 1e9, (double)p->disk_size / 1e9, conf->data,
	    low ? ": NEARLY FULL, free some space" : "");
	add_certificate(conf, p, out);
}

/* Each line of a text in a row of its own, without a heading. */
static void
add_rows(
    struct status_lines *out, bool wrong, const char *before, const char *text)
{
	struct sv rest = sv_str(text);

	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');

		if (line.n > 0)
			add(out, STATUS_ROW, "", wrong, "%s%.*s", before,
			    SV_ARG(line));
	}
}

static void
add_backup(const struct conf *conf, const struct status_backups *b,
    struct status_lines *out)
{
	const struct conf_backup *c = &conf->backup;
	const char *heading = "backup";
	bool late;
	char t[40];

	if (c->folder == NULL) {
		add(out, STATUS_ROW, heading, false,
		    "no daily backup; see backup in hearthmail.yaml(5)");
		return;
	}
	if (b->failed != 0) {
		add(out, STATUS_ROW, heading, true,
		    "THE LAST ONE FAILED at %s: %s; fix that, then run: "
		    "hearthmail backup %s",
		    stamp(b->failed, t), b->reason, c->folder);
		heading = "";
	}
	late = b->good != 0 &&
	       b->good + STATUS_LATE_DAYS * 86400 < clk_now() / 1000;
	if (b->good != 0)
		add(out, STATUS_ROW, heading, late, "last good one %s, in %s%s",
		    stamp(b->good, t), c->folder,
		    late && b->failed == 0 ? ": TOO LONG AGO, see the log"
					   : "");
	else if (b->unseen[0] != '\0')
		add(out, STATUS_ROW, heading, false,
		    "last good one unknown: %s", b->unseen);
	else
		add(out, STATUS_ROW, heading, false,
		    "none yet in %s; every day at %02u:%02u", c->folder,
		    c->minute / 60, c->minute % 60);
}

/* What others see of us. */
static void
add_names(const struct status_picture *p, struct status_lines *out)
{
	char t[40];

	if (p->published_when == 0)
		return;
	if (p->published_trouble[0] == '\0') {
		add(out, STATUS_ROW, "published", false,
		    "all DNS records that are needed");
		return;
	}
	add(out, STATUS_ROW, "published", true,
	    "NOT RIGHT at %s; see hearthmail dns", stamp(p->published_when, t));
	add_rows(out, false, "", p->published_trouble);
}

static void
add_events(const struct status_picture *p, struct status_lines *out)
{
	struct clk_tm t;
	size_t i;

	add(out, STATUS_TITLE, "", false,
	    p->nevent > 0 ? "last errors and warnings"
			  : "no errors, no warnings");
	for (i = p->nevent > 8 ? p->nevent - 8 : 0; i < p->nevent; i++) {
		const struct status_happened *e = &p->event[i];

		clk_civil(e->when / 1000, &t);
		add(out, STATUS_EVENT, "", false,
		    "%02d-%02d %02d:%02d %s %s: %s", t.month, t.day, t.hour,
		    t.minute, e->level == LOG_ERROR ? "ERROR" : "warn",
		    e->process, e->text);
	}
}

void
status_lines_make(const struct conf *conf, const struct status_picture *p,
    struct status_lines *out)
{
	char t[40];
	size_t i;

	*out = (struct status_lines){.n = 0};
	add(out, STATUS_TITLE, "", false, "%s, running for %s", conf->hostname,
	    span(p->ms, t));
	add_processes(p, out);
	add_connections(p, out);
	add_mail(p, out);
	add_text(p, "queue", "queue", NULL, out);
	add_text(p, "keeper", "mailboxes", KEEPER_STATUS_SHUT, out);
	add_text(p, "dns", "names", DNS_STATUS_DOWN, out);
	add_text(p, "smtp", "block lists", NULL, out);
	add_text(p, "auth", "keys", NULL, out);
	add_names(p, out);
	add_surroundings(conf, p, out);
	add_rows(out, false, "", p->certificates);
	add_rows(out, true, "NOT RIGHT: ", p->certificates_trouble);
	for (i = 0; i < json_array_size(p->lost); i++)
		add(out, STATUS_ROW, "LOST MAIL", true, "%s",
		    json_string_value(json_array_get(p->lost, i)));
	add_backup(conf, &p->backup, out);
	add_events(p, out);
}

void
status_lines_print(const struct status_lines *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct status_line *s = &l->l[i];

		if (s->kind == STATUS_ROW)
			printf("%-12s %s\n", s->heading, s->text);
		else if (s->kind == STATUS_ITEM)
			printf("  %-11s %s\n", s->heading, s->text);
		else
			printf("%s%s\n", s->kind == STATUS_EVENT ? "  " : "",
			    s->text);
	}
}

void
status_lines_fini(struct status_lines *l)
{
	while (l->n > 0)
		free(l->l[--l->n].text);
	free(l->l);
}
