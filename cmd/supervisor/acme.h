/*
 * The certificates that come by themselves: starts the process acme when it is
 * due, which says when that is next, and keeps what it says for the status.
 */
#ifndef CMD_SUPERVISOR_ACME_H
#define CMD_SUPERVISOR_ACME_H

#include "cmd/supervisor/supervisor_priv.h"

struct acme_schedule;
struct ctl_letter;
struct msg;

/* What it has done by others. */
struct acme_hands {
	/* Starts the process, or tells it to look again. */
	void (*wake)(struct super *s);
	/* To the admin. */
	void (*write)(struct super *s, const struct ctl_letter *letter);
};

struct acme_schedule *acme_schedule_new(
    struct super *s, const struct acme_hands *hands);
void acme_schedule_free(struct acme_schedule **a);
/* The configuration is new, or something needs to be told again: soon. */
void acme_schedule_again(struct acme_schedule *a);
/* It has said how it went. */
void acme_schedule_heard(struct acme_schedule *a, struct msg *m);
/*
 * The owner wants a certificate now (CMD_RENEW); takes fd and answers on it
 * when the process has done what it could.
 */
void acme_schedule_renew(struct acme_schedule *a, int fd, struct msg *m);
/* The process begins: before its lines. */
void acme_schedule_boot(struct acme_schedule *a, struct proc *p);
/* It is gone. */
void acme_schedule_gone(struct acme_schedule *a);
/* Lines for the status. */
struct sv acme_schedule_text(const struct acme_schedule *a);
struct sv acme_schedule_trouble(const struct acme_schedule *a);

#endif
