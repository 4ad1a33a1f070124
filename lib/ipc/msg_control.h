/*
 * Between the supervisor and its processes, on their control lines; and what
 * the command line asks the supervisor itself.
 */
#ifndef IPC_MSG_CONTROL_H
#define IPC_MSG_CONTROL_H

#include "ipc/codec.h"

#define CTL_NAME_MAX 64	 /* of an account, with a NUL behind it */
#define CTL_PATH_MAX 512 /* of a folder of ours, the same */

/* CTL_BOOT, first of all. */
struct ctl_boot {
	struct sv build;
	uint8_t role;
	uint32_t generation;
	uint32_t account; /* number, of accounts only */
	struct sv account_name;
	bool sandbox_off;
	int64_t landlock_max;
	bool kill_unknown, change_user;
	uint32_t uid, gid;
	bool probe;
	struct sv folder, other; /* its own and, for the probe, another's */
	uint8_t level;		 /* enum log_level */
	bool journal;
	int64_t clock_offset; /* ms, for tests */
	bool has_tls, has_tally;
	/* -1 where there is none; certificates with their keys, as
	 * cmd/run/certs.h has them: listeners only. */
	int conf, certs, tally;
};
CODEC_FUNCTIONS(ctl_boot);

/* Of which build is it?  Before ctl_boot_get: another's may have other
 * fields. */
bool ctl_boot_is_of(struct msg *m, struct sv build);

/* CTL_LISTEN. */
struct ctl_listen {
	uint8_t service; /* enum conf_service */
	int fd;
};
CODEC_FUNCTIONS(ctl_listen);

/* CTL_LINE: a line to another process. */
struct ctl_line {
	uint8_t role; /* at its other end */
	struct sv account;
	int fd;
};
CODEC_FUNCTIONS(ctl_line);

/* CTL_CONFIG. */
struct ctl_config {
	uint32_t generation;
	int fd; /* the configuration */
};
CODEC_FUNCTIONS(ctl_config);

/* CTL_DRAIN: accept no more, leave after your last session. */
struct ctl_drain {
	uint64_t ms; /* at most */
};
CODEC_FUNCTIONS(ctl_drain);

/* CTL_START: the keeper needs an account's process. */
struct ctl_start {
	uint32_t generation;
	uint32_t account; /* number, in that generation */
};
CODEC_FUNCTIONS(ctl_start);

/* CTL_REFUSED: it cannot be started. */
struct ctl_refused {
	struct sv account;
};
CODEC_FUNCTIONS(ctl_refused);

/* CTL_ACCUSE: a process of that kind asked for what it may not have, or sent
 * what is not a message. */
struct ctl_accuse {
	uint8_t role;
};
CODEC_FUNCTIONS(ctl_accuse);

/* CTL_WAKE: a process of that kind, which is there when it is needed, is
 * needed. */
struct ctl_wake {
	uint8_t role;
};
CODEC_FUNCTIONS(ctl_wake);

#define CERTIFICATES_TEXT_MAX 4096
#define CERT_NAME_MAX	      256 /* with a NUL behind it */

/* CTL_CERTIFICATES, from acme: it has done what was due. */
struct ctl_certificates {
	/* When it wants to be started again, s since 1970; 0: it goes on. */
	int64_t next;
	struct sv text;	   /* what there is, a line each */
	struct sv trouble; /* what is wrong, a line each; "": nothing */
	/* The admin should have a letter: how urgent it is; 0: none. */
	uint8_t urgency;
	struct sv name; /* of the certificate that it is about */
	/* What came of cert_renew; RC_MORE: none was wanted. */
	int rc;
	struct sv answer;
};
CODEC_FUNCTIONS(ctl_certificates);

/* CMD_RENEW, and CTL_RENEW to acme: the owner wants a new certificate now. */
struct cert_renew {
	struct sv name; /* one of its names, or the domain that it is for */
};
CODEC_FUNCTIONS(cert_renew);

/* CTL_CLAMD, asked for without fields: a connection to ClamAV's daemon. */
struct ctl_clamd {
	int fd; /* -1: there is none now */
};
CODEC_FUNCTIONS(ctl_clamd);

/* CTL_LETTER, to auth, which may deliver: tell the admin. */
struct ctl_letter {
	struct sv subject, text; /* lines */
};
CODEC_FUNCTIONS(ctl_letter);

/*
 * What a command prints that the supervisor runs for others: the words are the
 * command line's own, without anything of the asker's in them.
 */
enum errand {
	ERRAND_STATUS,	/* status --json: admin */
	ERRAND_CHECK,	/* check --json: admin */
	ERRAND_DNS,	/* dns --json: admin */
	ERRAND_DKIM,	/* dkim list: admin */
	ERRAND_REPORTS, /* reports: admin */
	ERRAND_METRICS, /* status --metrics: web */
	ERRANDS
};

#define ERRAND_BYTES_MAX (8u << 20) /* of the output */

/* CTL_ERRAND. */
struct ctl_errand {
	uint8_t what; /* enum errand */
	uint64_t ms;  /* the output may be that old */
};
CODEC_FUNCTIONS(ctl_errand);

/* CTL_ERRAND_DONE: to all who have asked for it meanwhile. */
struct ctl_errand_done {
	uint8_t what; /* enum errand */
	/* RC_OK; RC_SYNTAX: the configuration's file
	 * cannot be read now; RC_TEMP: it failed */
	int rc;
	int64_t when;	/* it was run, ms since 1970 */
	uint8_t status; /* its exit code */
	int fd;		/* the output, sealed; -1: none */
};
CODEC_FUNCTIONS(ctl_errand_done);

/* CTL_DEBUG. */
struct ctl_debug {
	uint8_t level;	/* enum log_level; 255: as it is, and a trace */
	struct sv what; /* is to be traced (base/trace.h) */
	uint64_t ms;	/* for so long */
};
CODEC_FUNCTIONS(ctl_debug);

/* CMD_DEBUG. */
struct cmd_debug {
	struct sv process; /* or "account NAME", or "" for all */
	struct ctl_debug debug;
};
CODEC_FUNCTIONS(cmd_debug);

/* ---- status ---- */

#define STATUS_TALLIES_MAX 64
#define STATUS_NUMBERS_MAX 256
#define STATUS_EVENTS_MAX  64

struct status_event {
	uint8_t level; /* enum log_level */
	int64_t when;  /* ms since 1970 */
	struct sv text;
};

/* What all have of the last 24 hours. */
struct status_day {
	uint64_t *tally; /* by enum tally */
	uint32_t ntally;
	struct status_event *event; /* errors and warnings */
	uint32_t nevent;
};

struct status_number {
	uint16_t what; /* enum number: ipc/numbers.h */
	uint64_t n;
};

/* The answer to CTL_STATUS, of a process. */
struct ctl_status {
	uint32_t connections;
	uint64_t
	    memory; /* bytes, with its part of what is shared; 0: unknown */
	struct status_number *number;
	uint32_t nnumber;
	struct sv text; /* what only this role knows: lines for people */
	struct status_day day;
};
CODEC_FUNCTIONS(ctl_status);

/* A process, in the file of struct status_all. */
struct status_record {
	struct sv role, account;
	uint32_t pid;
	uint64_t ms; /* since its start */
	uint32_t restarts;
	struct sv answer; /* a struct ctl_status, unread; empty: none came */
};
CODEC_FUNCTIONS(status_record);

#define PUBLISHED_TROUBLE_MAX 2048

/* What the command gets. */
struct status_all {
	int rc;
	uint64_t ms;	       /* since the start */
	int64_t backup_failed; /* when the last daily one did, ms; 0 */
	struct sv why;
	struct sv cert_trouble; /* with the certificate's files */
	int64_t published_when; /* our names were looked at, ms; 0: not yet */
	struct sv published_trouble; /* what was wrong then, a line each */
	/* Of the certificates that come by themselves, a line each. */
	struct sv certificates, certificates_trouble;
	struct status_day day; /* of processes that are gone, and our own */
	int fd; /* 4 bytes length, then a status_record, each; -1: none */
};
CODEC_FUNCTIONS(status_all);

/* ---- does the server see these files? ---- */

#define LOOK_MAX      256
#define LOOK_PATH_MAX 4096 /* with a NUL behind it */

struct look_file {
	uint8_t what; /* enum look_for */
	struct sv path;
};

/* CMD_LOOK. */
struct look_ask {
	struct look_file *file;
	uint32_t n;
};
CODEC_FUNCTIONS(look_ask);

struct look_done {
	struct sv *why; /* not; "": it does */
	uint32_t n;
};
CODEC_FUNCTIONS(look_done);

#endif
