/*
 * The certificates that come by themselves: starts the process acme when it is
 * due, which says when that is next, and keeps what it says for the status.
 */
#ifndef CMD_SUPERVISOR_ACME_H
#define CMD_SUPERVISOR_ACME_H

#include "cmd/supervisor/supervisor_priv.h"

struct acme_schedule;
struct msg;

struct acme_schedule *acme_schedule_new(struct super *s);
void acme_schedule_free(struct acme_schedule **a);
/* The configuration is new, or something needs to be told again: soon. */
void acme_schedule_again(struct acme_schedule *a);
/* It has said how it went. */
void acme_schedule_heard(struct acme_schedule *a, struct msg *m);
/* Lines for the status. */
struct sv acme_schedule_text(const struct acme_schedule *a);
struct sv acme_schedule_trouble(const struct acme_schedule *a);

#endif
