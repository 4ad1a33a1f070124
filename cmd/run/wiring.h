/*
 * The server: its processes, who they are, and who may speak to whom.  These
 * two tables are the whole wiring; the supervisor does nothing that is not in
 * them.
 */
#ifndef CMD_RUN_WIRING_H
#define CMD_RUN_WIRING_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/late.h"
#include "conf/conf.h"

enum role {
	ROLE_AUTH,
	ROLE_HISTORY,
	ROLE_JUNK,
	ROLE_KEEPER,
	ROLE_QUEUE,
	ROLE_DNS,
	ROLE_MX,
	ROLE_REPORT,
	ROLE_ACME,
	ROLE_ADMIN,
	ROLE_SMTP,
	ROLE_SUBMISSION,
	ROLE_IMAP,
	ROLE_POP3,
	ROLE_SIEVE,
	ROLE_WEB,
	ROLE_ACCOUNT, /* one for each account in use */
	ROLE_COUNT
};

struct role_info {
	const char *name;
	const char *user;   /* service user when started as root */
	const char *folder; /* under the data folder; "%s": the account */
	unsigned services;  /* bit (1 << conf_service) of its sockets */
	unsigned libraries; /* bits of enum late */
	bool listener;	    /* replaced as a whole when sockets change */
	bool on_demand;	    /* started by CTL_WAKE; leaves when idle */
	bool dispensable;   /* nobody waits for it */
	bool optional;	    /* only there while it has sockets */
	int oom_score; /* oom_score_adj: the higher, the sooner it is ended */
};

extern const struct role_info role_info[ROLE_COUNT];

/* The supervisor's. */
#define SUPERVISOR_LIBRARIES LATE_JANSSON

struct wire {
	enum role a, b;
};

extern const struct wire server_wires[];
extern const size_t server_nwires;

/* One function for each process, in NAME.c; main.c calls it with the control
 * line's descriptor.  Returns the exit code. */
int run_auth(int control_fd);
int run_keeper(int control_fd);
int run_mx(int control_fd);
int run_history(int control_fd);
int run_junk(int control_fd);
int run_queue(int control_fd);
int run_report(int control_fd);
int run_acme(int control_fd);
int run_admin(int control_fd);
int run_dns(int control_fd);
int run_smtp(int control_fd);
int run_submission(int control_fd);
int run_imap(int control_fd);
int run_pop3(int control_fd);
int run_sieve(int control_fd);
int run_web(int control_fd);
int run_account(int control_fd);

#endif
