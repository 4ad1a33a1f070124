/*
 * Inside `hearthmail status` only: what its files share.  What the server says
 * and what is seen around it becomes a picture, of which there are three views:
 * lines for people (the admin's pages show the same), JSON with these lines in
 * it, and metrics.
 */
#ifndef CMD_COMMAND_STATUS_H
#define CMD_COMMAND_STATUS_H

#include <jansson.h>

#include "base/tally.h"
#include "conf/conf.h"
#include "ipc/msg_control.h"
#include "ipc/numbers.h"
#include "net/tls.h"

#define STATUS_LOW_DISK	 (256ull << 20)
#define STATUS_LATE_DAYS 2 /* a daily backup that was not made */

struct status_process {
	char role[32], account[CONF_NAME_MAX];
	uint32_t pid, restarts, connections;
	uint64_t ms;
	uint64_t memory; /* bytes, its part of what is shared; 0: unknown */
	uint64_t number[NUMBERS]; /* ipc/numbers.h */
	bool answered;
	char *text; /* what only this role knows */
};

struct status_happened {
	char process[32];
	uint8_t level;
	int64_t when;
	char text[400];
};

/* The daily backup. */
struct status_backups {
	int64_t good;	/* the last one, seconds since 1970; 0: none is seen */
	int64_t failed; /* since then; 0: none */
	char reason[ERR_TEXT_MAX];
	char unseen[ERR_TEXT_MAX]; /* why the folder could not be looked at */
};

struct status_picture {
	struct status_process *proc;
	size_t nproc, proc_cap;
	struct status_happened *event;
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
	struct status_backups backup;
	json_t *lost; /* sentences about mail that is not there any more */
};

enum status_kind {
	STATUS_TITLE,
	STATUS_ROW,  /* a heading, "" as before, and a text */
	STATUS_ITEM, /* a process */
	STATUS_EVENT
};

struct status_line {
	enum status_kind kind;
	const char *heading;
	char *text;
	bool wrong; /* what `well` in the JSON is about */
};

struct status_lines {
	struct status_line *l;
	size_t n, cap;
};

/* ---- status_lines.c ---- */

void status_lines_make(const struct conf *conf, const struct status_picture *p,
    struct status_lines *out);
void status_lines_print(const struct status_lines *l);
void status_lines_fini(struct status_lines *l);

/* ---- status_json.c ---- */

void status_print_json(const struct conf *conf, const struct status_picture *p,
    const struct status_lines *lines);

/* ---- status_metrics.c ---- */

/* OpenMetrics [openmetrics.io 1.0]. */
void status_print_metrics(const struct conf *conf,
    const struct status_picture *p, const struct status_lines *lines);

/* ---- status.c ---- */

/* When it is too late for a certificate to be good. */
int64_t status_soon(const struct conf *conf);
/* One that should run and does not, by number; NULL: no more. */
const char *status_missing(const struct status_picture *p, size_t *at);

#endif
