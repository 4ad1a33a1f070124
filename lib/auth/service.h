/*
 * The auth server on its lines: logins from the listeners and submission,
 * whose sessions it forwards to the keeper by itself, signatures for
 * submission and the queue's reports, and the commands of the owner.  A
 * listener learns yes or no; it never names an account to anybody else.
 */
#ifndef AUTH_SERVICE_H
#define AUTH_SERVICE_H

#include "base/ev.h"
#include "conf/conf.h"
#include "ipc/line.h"

struct auth_service;

/* Reads ./credentials, starts the hashing threads and the signer on ./dkim.
 * dkim_tick_ms: how often keys are looked after; 0: as is right, tests have
 * less time. */
int auth_service_new(struct ev_loop *loop, struct conf *conf,
    uint32_t generation, uint32_t dkim_tick_ms, struct auth_service **out,
    struct err *err) RC_USE_RESULT;
void auth_service_free(struct auth_service **s);
void auth_service_set_conf(
    struct auth_service *s, struct conf *conf, uint32_t generation);
void auth_service_set_keeper(struct auth_service *s, int fd);
/* A letter to the admin, about this server. */
void auth_service_letter(
    struct auth_service *s, struct sv subject, struct sv text);
/* Lines for people. */
void auth_service_status(const struct auth_service *s, struct buf *out);
/* The line to the dns process, which looks for the records of new keys. */
void auth_service_set_dns(struct auth_service *s, int fd);
enum auth_door {
	AUTH_DOOR_IMAP,
	AUTH_DOOR_POP3,
	AUTH_DOOR_SIEVE,
	AUTH_DOOR_SUBMISSION,
	AUTH_DOOR_WEB
};
/*
 * Takes fd: a line to a listener or submission, which gets signatures, too.
 * One that has been taken over may name any peer: it has budgets of its own
 * (auth/memory.h), can ask for its own services only, and has at most twice as
 * many logins of strangers open as it may have connections, and with those of
 * networks that are known three times as many.
 */
void auth_service_add_client(
    struct auth_service *s, int fd, enum auth_door door);
/* Takes fd: a line to the queue, which gets signatures and no logins. */
void auth_service_add_signer(struct auth_service *s, int fd);
/* Takes fd: a line to web, which asks for links to profiles, lets people sign
 * in and has their pages opened (auth/web_door.h). */
void auth_service_add_web(struct auth_service *s, int fd);
/*
 * Takes fd: the line to admin, which gets visitors on it (PAGE_OPEN), and may
 * have listed who there is and what devices they have, and lock a device out.
 * Nobody who has taken it over learns a password or sets one.  wake is called
 * when there is something for admin and no line.
 */
void auth_service_set_admin(struct auth_service *s, int fd);
void auth_service_set_wake(
    struct auth_service *s, void (*wake)(void *arg), void *arg);
/* Takes fd: a connection of the command line. */
void auth_service_add_command(struct auth_service *s, int fd);

#endif
