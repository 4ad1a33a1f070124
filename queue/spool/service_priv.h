/*
 * Inside the queue's process: what its parts share.
 *
 *   turn.c      the end of each turn, for the flush
 *   unit.c      units and their place in the schedule
 *   note.c      what the history is told
 *   forward.c   what aliases forward: senders, and who is told
 *   notice.c    bounces and notices, age, the clock
 *   attempt.c   a try and what comes of it
 *   local.c     tries of accounts
 *   sign.c      signatures for reports
 *   seal.c      seals for what is forwarded
 *   remote.c    tries of other servers
 *   run.c       whose turn it is
 *   rules.c     what the rules of accounts send
 *   feedback    reports to the owners of domains
 *   answer.c    answers to clients
 *   lent.c      files that clients have
 *   control.c   the owner's commands
 *   intake.c    what comes in
 *   service.c   lines, the flush
 *
 * in this order: a file calls those above it only.
 *
 * Everything runs in the loop's thread.
 */
#ifndef QUEUE_SPOOL_SERVICE_PRIV_H
#define QUEUE_SPOOL_SERVICE_PRIV_H

#include "history/history.h"
#include "ipc/server.h"
#include "queue/spool/feedback.h"
#include "queue/spool/grey.h"
#include "queue/spool/known.h"
#include "queue/spool/lent.h"
#include "queue/spool/report.h"
#include "queue/spool/returns.h"
#include "queue/spool/sched.h"
#include "queue/spool/secret.h"
#include "queue/spool/service.h"
#include "queue/spool/spool.h"

struct answer {
	struct ipc_request request;
	struct queue_done *done; /* a command's; NULL: a message was taken */
	struct answer *next;
};

/* What the loop calls at the end of a turn; it may outlive the service. */
struct turn {
	struct queue_service *q; /* NULL: it is gone */
};

#define JOB_RECIPIENTS 100 /* [RFC 5321 4.5.3.1.8] every host takes so many */

/* One try of one unit. */
struct attempt {
	struct queue_service *q;
	struct spool_item *it;
	struct sched_unit *u;
	uint32_t rcpt[JOB_RECIPIENTS];
	size_t n;
	bool spoken;	      /* a host has answered for each of them */
	uint64_t job;	      /* adopted: mx's number for it */
	struct attempt *next; /* adopted: in the list of those */
	struct ev_timer *end; /* adopted: mx says nothing of it any more */
};

/* How much an account's rules have sent in this hour. */
struct rules_sent {
	char account[CONF_NAME_MAX];
	int64_t since; /* monotonic, ms */
	uint32_t n;
};

struct rules_answer;

struct queue_service {
	struct queue_service_opts o;
	struct spool *spool;
	struct secret secret; /* of what is forwarded */
	struct known *known;  /* whom the people here have written to */
	struct grey *grey;    /* strangers who were asked to come again */
	struct peer *keeper, *mx, *auth;
	struct sched *local, *remote;
	unsigned local_in_flight, remote_in_flight;
	bool mx_listed; /* mx has said what it had in hand */
	struct ev_timer *listing;
	struct attempt *adopted;  /* tries that an earlier queue has begun */
	int64_t try_ms;		  /* how long mx may take for one */
	uint64_t *to_acknowledge; /* jobs whose outcome waits for the flush */
	size_t nto_acknowledge, to_acknowledge_cap;
	struct ev_timer *timer, *sweep;
	struct ipc_server *clients;
	struct answer *answers;		    /* to be given after the flush */
	struct rules_answer *rules_answers; /* likewise, by way of the keeper */
	struct rules_sent *rules_sent;
	size_t nrules_sent, rules_sent_cap;
	struct turn *turn; /* its end is on its way */
	struct feedback *feedback;
	struct returns returns;
	struct hashing *hashing; /* bodies that are being read */
	void (*end_of_turn)(struct queue_service *q);
	bool untidy; /* spool_tidy waits for the flush */
	bool stopping;
	int64_t wall_minus_mono; /* as of the last look at the clock */
};

struct client {
	struct ipc_client ipc;
	bool outside;	  /* may send to other houses */
	bool command;	  /* the owner's; else a process of the server */
	bool asks_known;  /* and is told that there is news */
	struct lent lent; /* files that it has */
	struct ev_timer *look;
};

/* ---- turn.c ---- */

/* Something was appended: at the end of the turn it is flushed, those who wait
 * are answered, and what is due is tried. */
void queue_commit(struct queue_service *q);

/* ---- run.c ---- */

/* Tries what is due, as far as there is room, and sets the timer. */
void queue_run(struct queue_service *q);

/* ---- intake.c ---- */

/* Takes a message; RC_DENIED: such a thing is not for the process that brings
 * it.  *out stays as it is if no item came of it. */
int queue_take(struct queue_service *q, const struct queue_mail *mail,
    bool outside, struct spool_item **out, struct err *err) RC_USE_RESULT;

struct forward_back;
/* May one more come back like that today? */
bool queue_return_has_room(
    struct queue_service *q, const struct forward_back *back);

/* ---- answer.c ---- */

/* At once, to m. */
void queue_answer(
    struct client *c, const struct msg *m, int rc, const char *text);
/* Sets rc and text of done. */
void queue_answer_command(struct client *c, const struct msg *m, int rc,
    const char *text, struct queue_done *done);
/* With success, after the flush; takes done, which is a command's. */
void queue_answer_later(
    struct client *c, const struct msg *m, struct queue_done *done);
/* They are not answered any more. */
void queue_answer_none(struct queue_service *q);
/* The flush has ended like that: all who wait for it get their answer. */
void queue_answer_waiting(struct queue_service *q, int rc);

/* ---- control.c ---- */

void queue_control(struct client *c, struct msg *m);

/* ---- unit.c ---- */

struct conf *queue_conf(struct queue_service *q);
/* Of the postmaster in whose name we write. */
const char *queue_domain(const struct conf *c);

/* Gives each waiting recipient of a new or replayed item its unit. */
void queue_schedule(
    struct queue_service *q, struct spool_item *it, bool replayed);
/* The recipient has its outcome: its unit goes, if it was the last. */
void queue_unit_done(
    struct queue_service *q, struct spool_item *it, struct sched_unit *u);
bool queue_unit_has_waiting(
    const struct spool_item *it, const struct sched_unit *u);
/* Some of the unit have their outcome now: it goes, if nobody waits any more,
 * or is held, if all that are left are.  One in flight stays as it is. */
void queue_drop_unit(
    struct queue_service *q, struct spool_item *it, struct sched_unit *u);
/* The item goes, if nobody waits any more and nothing of it is in flight. */
void queue_drop_if_done(struct queue_service *q, struct spool_item *it);
/* If all whom it is for are held, so is it; unless it is in flight: then later.
 */
void queue_hold_unit(
    struct queue_service *q, struct spool_item *it, struct sched_unit *u);
/* The item's units, by way of its recipients: each once.  fn may remove it. */
void queue_each_unit(struct spool_item *it,
    void (*fn)(struct sched_unit *u, struct spool_item *it, void *arg),
    void *arg);
bool queue_unit_is_local(
    const struct spool_item *it, const struct sched_unit *u);
struct sched *queue_sched_of(struct queue_service *q,
    const struct spool_item *it, const struct sched_unit *u);

/* ---- attempt.c ---- */

/* Whom the unit is for, as many as a try may have; it counts as in flight. */
struct attempt *attempt_new(struct queue_service *q, struct sched_unit *u);
/* All recipients of the try have been dealt with: the unit goes, or waits as
 * long as that.  Frees it; the item may be gone. */
void attempt_settle(struct attempt *a, int64_t delay);
/* It failed at home: the body cannot be had now.  Frees it. */
void attempt_bodiless(struct attempt *a, const struct err *err);
void attempt_free(struct attempt *a);

/* ---- local.c ---- */

void queue_try_local(struct queue_service *q, struct sched_unit *u);

/* ---- remote.c ---- */

/* Words by which hosts say "come again, then I believe you". */
bool queue_is_greylisting(struct sv reply_text);
void queue_try_remote(struct queue_service *q, struct sched_unit *u);
/* At the start. */
void queue_remote_init(struct queue_service *q);
/* mx is there and has said what it has in hand. */
bool queue_remote_up(struct queue_service *q);
/* What was appended is on the disk: mx may forget it. */
void queue_remote_flushed(struct queue_service *q);
void queue_on_mx(struct line *l, struct msg *m, void *arg);
void queue_on_mx_up(void *arg);
/* After the lines are gone. */
void queue_remote_stop(struct queue_service *q);

/* ---- rules.c ---- */

/* The keeper says something by itself: an account's rules send. */
void queue_on_keeper(struct line *l, struct msg *m, void *arg);
/* The flush has ended like that: who waits for it is told. */
void queue_rules_flushed(struct queue_service *q, int rc);
void queue_rules_stop(struct queue_service *q);

/* ---- sign.c ---- */

/* RC_OK: what comes before the report; valid during the call. */
typedef void queue_signed_fn(struct attempt *a, int rc, struct sv fields);
/* The attempt is of a report of ours.  done may be called at once. */
void queue_sign(struct attempt *a, queue_signed_fn *done);

/* ---- seal.c ---- */

/* The attempt is of what an alias forwards.  RC_OK: with the seal, or without
 * one; else try again later.  done may be called at once. */
void queue_seal(struct attempt *a, queue_signed_fn *done);
/* At the end: those that wait for a hash get none. */
void queue_seal_stop(struct queue_service *q);

/* ---- forward.c ---- */

/* The sender under which an item leaves by way of that alias: nothing for the
 * null sender. */
void queue_forward_sender(struct queue_service *q, const struct conf *c,
    const struct spool_item *it, const char *via, struct buf *out);

/*
 * By which address of ours something is forwarded: an alias, or the address of
 * an account whose rules do that, which is looked at as an alias that leads to
 * the account.  room is the caller's.  NULL: it is gone.
 */
struct forward_room {
	struct conf_alias alias;
	uint32_t account;
};
const struct conf_alias *queue_forward_via(
    const struct conf *c, struct sv via, struct forward_room *room);

/* What comes back to an address that queue_forward_sender has made. */
struct forward_back {
	struct forward_room room;
	const struct conf_alias *alias;
	bool author; /* it concerns the author; else the alias's owner */
	struct buf sender;
};
/* sender is initialised.  RC_DENIED: we have not made it, or its alias is gone;
 * RC_TIMEOUT: too old. */
int queue_forward_back(struct queue_service *q, const struct conf *c,
    struct sv address, struct forward_back *out) RC_USE_RESULT;

/* Who is told that these recipients of an alias have failed. */
enum forward_told {
	FORWARD_TO_AUTHOR,
	FORWARD_TO_OWNER,
	FORWARD_TO_OWNER_WHOLE /* and nobody else has the message */
};
enum forward_told queue_forward_told(const struct conf *c,
    const struct spool_item *it, const char *via, const size_t *failed,
    size_t n);
/* Words about one of the alias's addresses, without any of them. */
void queue_hide(const struct conf_alias *a, struct sv words, struct buf *out);

/* Recipients with the aliases that lead to them; each once by each alias, or
 * once without.  Texts are the caller's, or the configuration's. */
struct addressees {
	struct queue_to *to;
	struct sv *via;
	size_t n, cap, via_cap;
};
void addressees_init(struct addressees *l);
void addressees_fini(struct addressees *l);
void addressees_add(struct addressees *l, struct queue_to to, struct sv via);
/* a NULL: the alias is gone; the admin answers for it.  how: what is kept, of
 * its alias; NULL: into the inbox. */
void addressees_add_owners(struct addressees *l, const struct conf *c,
    const struct conf_alias *a, const struct queue_to *how);
void addressees_add_outside(struct addressees *l, const struct conf_alias *a);
/* To whom a letter to that address goes: our people get it here. */
void addressees_add_sender(
    struct addressees *l, const struct conf *c, struct sv sender);

/* ---- note.c ---- */

/* What has happened to some recipients of an item. */
struct queue_news {
	enum history_kind kind;
	enum history_count count;
	uint32_t code;	 /* of the reply; 0: none */
	uint64_t number; /* QUEUED: the id; TRIED: when next */
	struct sv text;
	bool told; /* the sender gets a report */
};

/* For the owner's history.  rcpt NULL: the first n. */
void queue_note(struct queue_service *q, const struct spool_item *it,
    const size_t *rcpt, size_t n, const struct queue_news *news);
/* All recipients of the attempt. */
void queue_note_attempt(const struct attempt *a, const struct queue_news *news);

/* ---- notice.c ---- */

/* A message that came in, and one of its recipients. */
struct queue_cause {
	const uint8_t *about; /* its delivery id */
	struct sv address;
};
/* A letter of ours that is about no item here: r is complete but for who
 * writes, and when.  One for each cause: a message may come in again. */
int queue_tell(struct queue_service *q, const struct conf *c, struct report *r,
    const struct queue_cause *cause, const struct addressees *to,
    struct err *err) RC_USE_RESULT;

enum queue_end {
	QUEUE_REFUSED, /* by the other server, or by a person here */
	QUEUE_EXPIRED,
	QUEUE_UNREADABLE /* on our disk */
};
/*
 * These recipients will not get it: writes the sender a report, unless there
 * is none to write to, and settles them.  reply_text[i] goes with rcpt[i].  The
 * item's units are the caller's to finish; the item stays until then.
 *
 * Those go on waiting of whom the report cannot be written now: returns for how
 * many ms, 0: all are settled.
 */
int64_t queue_bounce(struct queue_service *q, struct spool_item *it,
    const size_t *rcpt, const struct sv *reply_text, size_t n,
    enum queue_end end);
/* Has the clock stepped?  Before anything is stamped or measured by it. */
void queue_look_at_clock(struct queue_service *q);
/* One item's age: it may be gone afterwards. */
void queue_age(struct queue_service *q, struct spool_item *it);
/* Age of all items: notices, what is given up; and the clock. */
void queue_sweep(struct queue_service *q);

#endif
