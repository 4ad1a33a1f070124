/*
 * Who has signed in on the web: the pure rule, in memory only.
 *
 *   a session  a token of 192 random bits in the browser's cookie, kept here as
 *              a hash, another for its forms, and one for those of the admin
 *              pages, which the account's process does not know; ends after 30
 *              minutes without a page, 12 hours after it began, and when the
 *              password is changed or the account removed
 *   a step     between the password and the code of the second factor: a token
 *              for five minutes and five wrong codes
 *   a link     of `hearthmail web login`, for 15 minutes, spent by one use
 *
 * All end with the process.  Where there are too many of an account, or in all,
 * the oldest gives way.
 */
#ifndef AUTH_VISITS_H
#define AUTH_VISITS_H

#include <stdint.h>

#include "base/buf.h"
#include "conf/conf.h"

#define VISIT_TOKEN_LEN	  32 /* letters, digits, '-' and '_' */
#define VISIT_IDLE_MS	  (30 * 60 * 1000)
#define VISIT_LIFE_MS	  (12 * 60 * 60 * 1000)
#define VISITS_OF_ACCOUNT 32
#define VISITS_MAX	  1024
#define STEP_LIFE_MS	  (5 * 60 * 1000)
#define STEP_TRIES	  5
#define STEPS_OF_ACCOUNT  8
#define WEB_LINK_LIFE_MS  (15 * 60 * 1000)
#define VISIT_PEER_MAX	  64
#define VISIT_AGENT_MAX	  256
#define VISIT_SECRET	  20 /* bytes */

struct auth_visits;

/* One of them; texts live until the next call. */
struct auth_visit {
	uint64_t number;
	struct sv account; /* empty: the owner of the machine */
	struct sv csrf, csrf_admin;
	struct sv peer, agent;	   /* of the last page */
	int64_t begun_ms, used_ms; /* ago */
};

/* now: milliseconds that only go forward. */
struct auth_visits *auth_visits_new(int64_t (*now)(void));
void auth_visits_free(struct auth_visits **v);

/* Copies the texts, as far as there is place for them. */
uint64_t auth_visits_begin(struct auth_visits *v, struct sv account,
    const char *peer, struct sv agent, struct buf *token_out);
/* RC_OK: it is used now, from there; else RC_NOTFOUND. */
int auth_visits_use(struct auth_visits *v, struct sv token, const char *peer,
    struct sv agent, struct auth_visit *out) RC_USE_RESULT;
/* By its number: RC_OK, with nothing changed, or RC_NOTFOUND. */
int auth_visits_look(struct auth_visits *v, uint64_t number,
    struct auth_visit *out) RC_USE_RESULT;
void auth_visits_end(struct auth_visits *v, struct sv token);
/* RC_NOTFOUND: that account has none of that number. */
int auth_visits_end_number(
    struct auth_visits *v, struct sv account, uint64_t number) RC_USE_RESULT;
/* All sessions of the account but that one (0: all), and its steps. */
void auth_visits_end_account(
    struct auth_visits *v, struct sv account, uint64_t but);
/* Those whose account is not in the configuration any more. */
void auth_visits_set_conf(struct auth_visits *v, const struct conf *c);
/* The newest first; fn may not change anything. */
typedef void auth_visit_fn(const struct auth_visit *a, void *arg);
void auth_visits_each(
    struct auth_visits *v, struct sv account, auth_visit_fn *fn, void *arg);
/* Forgets what is over; returns how many are left of all kinds. */
unsigned auth_visits_sweep(struct auth_visits *v);

/* A secret that a session has begun to set up: kept with it until it is taken
 * or replaced.  false: that session has ended. */
bool auth_visits_keep_secret(struct auth_visits *v, uint64_t number,
    const unsigned char secret[VISIT_SECRET]);
/* false: there is none. */
bool auth_visits_secret(
    struct auth_visits *v, uint64_t number, unsigned char out[VISIT_SECRET]);
void auth_visits_forget_secret(struct auth_visits *v, uint64_t number);

/* ---- steps and links ---- */

enum auth_step {
	AUTH_STEP_CODE, /* the password was right */
	AUTH_STEP_LINK	/* the owner's, of no account */
};

void auth_visits_step(struct auth_visits *v, enum auth_step kind,
    struct sv account, struct buf *token_out);
/* Which it is; RC_NOTFOUND: none, or over. */
int auth_visits_step_find(struct auth_visits *v, struct sv token,
    enum auth_step *kind, struct sv *account) RC_USE_RESULT;
/* It has led to a session. */
void auth_visits_step_end(struct auth_visits *v, struct sv token);
/* A wrong code; the last one ends it. */
void auth_visits_step_wrong(struct auth_visits *v, struct sv token);

#endif
