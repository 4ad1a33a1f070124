/* Inside the supervisor: its processes, their status, its own state. */
#ifndef CMD_SUPERVISOR_SUPERVISOR_PRIV_H
#define CMD_SUPERVISOR_SUPERVISOR_PRIV_H

#include "base/ev.h"
#include "base/log.h"
#include "cmd/supervisor/child_log.h"
#include "cmd/supervisor/listen.h"
#include "cmd/supervisor/supervisor.h"
#include "cmd/supervisor/users.h"
#include "ipc/line.h"

struct super;

/* ---- processes.c ---- */

struct proc {
	struct super *super;
	enum role role;
	char account[CONF_NAME_MAX];
	pid_t pid; /* 0: not running, waits for its restart */
	struct line *control;
	bool ready;
	bool wanted;   /* on demand: asked for while its end is on its way */
	bool draining; /* replaced: is not started again */
	uint32_t generation;
	int64_t started;
	unsigned deaths;	   /* in a row */
	bool died;		   /* not by its own wish */
	unsigned restarts;	   /* for that, since the server was started */
	struct buf status;	   /* its last answer to CTL_STATUS */
	struct tally_table *tally; /* where it counts */
	struct ev_timer *restart;
	struct ev_timer *kill_timer; /* it was told to leave */
	int64_t kill_at;
	bool let_in;	  /* a listener: lets clients in */
	int64_t asked_at; /* whether it is alive, clk_mono; 0: has answered */
	unsigned hangs;	  /* times that it did not */
	unsigned errands; /* bits of those that it waits for */
	struct child_log *log;
	struct proc *next;
};

struct schedule;
struct published;
struct errands;
struct acme_schedule;

/* A socket on which the command line gives orders. */
#define SUPER_CONTROLS 8

struct super_control {
	struct super *super;
	int fd;
	struct ev *ev;
};

struct super {
	const struct supervisor_opts *o;
	struct ev_loop *loop;
	struct conf *conf;
	int conf_fd; /* its text, sealed */
	uint32_t generation;
	struct super_sockets sockets;
	struct super_user user[ROLE_COUNT];
	bool change_user;
	struct proc *procs;
	struct schedule *schedule;   /* of backups */
	struct published *published; /* ours, in the DNS */
	struct acme_schedule *acme;  /* of certificates */
	struct errands *errands;     /* of admin and web */
	int64_t published_ms;	     /* when they are first looked at */
	bool stopping;
	struct ev_timer *draining; /* stopping: mx ends first */
	uint64_t cert_stamp;
	uint64_t cert_told; /* the stamp that the log has complained of */
	/* What is wrong with the files now and what serves instead; "": they
	 * are in use. */
	char cert_trouble[ERR_TEXT_MAX];
	bool port25_only; /* there is no certificate for mail programs */
	/* The last ones that fitted, sealed (cmd/run/certs.h): a process that
	 * starts while files are being replaced gets these. */
	int certs_fd;
	uint64_t domain_stamp;	   /* of the files of domains */
	struct buf domain_trouble; /* what is wrong with them, a line each */
	struct child_logs *logs;
	struct super_control control[SUPER_CONTROLS];
	struct super_status *status_waiting;
	struct ev *signal_ev;
	int signal_fd;
	int64_t start_time;
	bool announced;
	int landlock_max;
	bool kill_unknown, probe;
	int64_t watch_ms;
	int64_t clock_offset; /* ms; tests move the wall clock */
};

/* ---- configured.c ---- */

/* Reads the configuration file and seals its text for the processes; what is
 * wrong with it is logged, or printed while the server starts, and *err is the
 * first of it.  The caller has the reference and the descriptor. */
int super_load(struct super *s, struct conf **conf_out, int *fd_out,
    struct err *err) RC_USE_RESULT;
/* Uses the certificate of conf from now on, if it fits. */
int super_take_certificate(
    struct super *s, const struct conf *conf, struct err *err) RC_USE_RESULT;
/* At the start, without a usable one: the last good one, or one of our own for
 * port 25 alone; other hosts do not look who has signed it. */
int super_take_substitute(
    struct super *s, const char *why, struct err *err) RC_USE_RESULT;
/* Returns r; where it is an error puts the place before its text. */
int super_at_place(
    const struct conf *conf, struct conf_place at, int r, struct err *err);
int super_check_certificate(
    const struct conf *conf, struct err *err) RC_USE_RESULT;
int super_check_domain_certificates(
    const struct conf *conf, struct err *err) RC_USE_RESULT;
/* The same for the files of domains: those that cannot be used are named in
 * domain_trouble, and what was there before goes on; else the server's own
 * serves.  True: listeners have others than before. */
bool super_take_domain_certificates(struct super *s, const struct conf *conf);
int super_check_name_service(
    const struct conf *conf, struct err *err) RC_USE_RESULT;
/* For preflight_open_files. */
void super_log_open(void *arg, const char *text);

/* ---- reload.c ---- */

#define SUPER_CERT_POLL_MS 5000

/* All of the new configuration, or nothing: then err->code is not RC_OK. */
void super_reload(struct super *s, struct err *err);
/* Looks at the certificate's files now and every SUPER_CERT_POLL_MS, and uses
 * new ones.  arg is the struct super. */
void super_watch_certificate(void *arg);

/* ---- control.c ---- */

/* Below DATA/run; one that cannot be made is logged. */
void control_open(struct super *s);
void control_close(struct super *s);

/* ---- status.c ---- */

/* Asks all processes; takes fd and answers on it within a second. */
void status_begin(struct super *s, int fd);
void status_answer(struct proc *p, struct msg *m);
/* At the end: those that still wait get no answer. */
void status_drop(struct super *s);

/* ---- debug.c ---- */

/* Takes fd, hears what is wanted on it, and answers. */
void debug_ordered(struct super *s, int fd);

/* ---- birth.c ---- */

/* There is a row for the two in server_wires. */
bool roles_may_speak(enum role a, enum role b);
/* The first messages of a process that was just forked: what it is, its files
 * and sockets, and a line to each that it may speak to.  False: half of it may
 * have been sent; kill it. */
bool proc_boot(struct proc *p);
/* In the forked child: nothing of the supervisor's goes along but these two. */
void proc_become(const struct proc *p, int control, int log)
    __attribute__((noreturn));

/* ---- virus.c ---- */

/* CTL_CLAMD has come: answers it. */
void virus_asked(struct super *s, struct line *by);

/* ---- watch.c ---- */

/* For one that was told to end. */
#define PROC_LEAVE_MS 5000

/* Unless it has ended by then; an earlier time that is set stays. */
void proc_kill_later(struct proc *p, int64_t ms);
/* Asks each process whether it is alive, now and from now on every watch_ms;
 * one that has not answered by the next time is killed.  arg is s. */
void procs_watch(void *arg);

/* ---- processes.c ---- */

/* Starts one process of each role but accounts. */
void procs_start_all(struct super *s);
/* Starts one; account NULL but for ROLE_ACCOUNT. */
void proc_start(struct super *s, enum role role, const char *account);
/* Has auth tell the admin. */
struct ctl_letter;
void procs_write_letter(struct super *s, const struct ctl_letter *letter);
/* Starts one that is there when it is needed, or again after its end. */
void proc_wake(struct super *s, enum role role);
/* Forgets all; they have ended. */
void procs_free(struct super *s);
/* A child has ended. */
void procs_reap(struct super *s, pid_t pid, int status);
/* Replaces listeners by new ones; the old ones drain. */
void procs_replace_listeners(struct super *s);
/* Hands the configuration to all who swap it. */
void procs_send_conf(struct super *s);
/* Ends sessions of accounts that are gone from the configuration. */
void procs_stop_removed(struct super *s);
/* Passes a connection of the command line on, unread; takes fd. */
void procs_pass_control(struct super *s, enum role role, int fd);
/* Nothing comes in any more, and mx, if there is one, ends what it has begun,
 * in so many ms; false: there is nobody to wait for. */
bool procs_land(struct super *s, uint64_t ms);
/* mx has not ended yet. */
bool procs_draining(const struct super *s);
/* EOF for all: they flush and leave. */
void procs_stop_all(struct super *s);
void procs_kill_all(struct super *s);
unsigned procs_running(const struct super *s);
/* All roles are served. */
bool procs_ready(const struct super *s);

#endif
