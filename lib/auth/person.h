/*
 * Persons' lines (ipc/msg_person.h): what somebody who has signed in sees of
 * their own and changes there.  Each line is for one account and one session,
 * and ends with the session.
 */
#ifndef AUTH_PERSON_H
#define AUTH_PERSON_H

#include "auth/devices.h"
#include "auth/server.h"
#include "auth/visits.h"

struct persons;

/* All outlive it. */
struct persons_opts {
	struct ev_loop *loop;
	struct auth_server *server;
	struct auth_devices *devices;
	struct auth_visits *visits;
	unsigned door; /* see auth_who */
	/* Ends what was opened with a credential of the account. */
	void (*kick)(void *arg, struct sv account, uint64_t credential);
	void *arg;
};

/* Takes a reference to conf. */
struct persons *persons_new(const struct persons_opts *o, struct conf *conf);
void persons_free(struct persons **p);
void persons_set_conf(struct persons *p, struct conf *conf);
/* The far end of a new line for that session; -1: there are too many. */
int persons_add(struct persons *p, const struct auth_visit *who);

#endif
