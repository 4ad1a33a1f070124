/* Inside lib/front only. */
#ifndef FRONT_PRIV_H
#define FRONT_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/network.h"
#include "front/listener.h"

#define FLOW_BYTES  65536
#define BACKLOG_MAX (32 * 1024 + FLOW_BYTES + 4096)
#define FRONT_INPUT 16384 /* unread bytes before login */
/* Answers of one turn: those up to FRONT_OUTPUT, and the largest. */
#define FRONT_ANSWERS (96 * 1024)
#define HANDSHAKE_MS  60000
#define LATER_MS      30000
#define LINGER_MS     10000
#define LINGER_BYTES  (16 << 20) /* thrown away behind the last answer */
#define REFUSALS      256	 /* that are remembered for the log */
#define KNOWN_NETWORKS \
	1024 /* that are remembered; what collides is forgotten */

enum conn_state {
	CONN_HANDSHAKE, /* TLS from the first byte, or after STARTTLS */
	CONN_FRONT,	/* the protocol's front half */
	CONN_LOGIN,	/* auth has been asked */
	CONN_LATER,	/* the protocol has asked somebody */
	CONN_PUMP,	/* carries bytes */
	CONN_CLOSING,	/* sends what is left, then ends */
	CONN_LINGER,	/* has sent all; throws away what still comes */
	CONN_DEAD	/* waits to be freed at the end of the tick */
};

/* One event loop and its thread. */
struct shard {
	struct listener *l;
	struct ev_loop *loop;
	pthread_t thread;
	char *flow;	    /* FLOW_BYTES: what was read just now */
	struct buf cipher;  /* what OpenSSL wants to send just now */
	struct conn *conns; /* all of this loop */
	struct conn *dead;
	struct ev_timer *sweep; /* NULL: nothing has a deadline */
	struct ev **accepts;
	unsigned naccepts;
	bool draining;
	_Atomic int64_t drain_until; /* asked for from outside */
};

struct conn {
	struct shard *shard;
	struct conn *prev, *next;
	enum conn_state state;
	enum conf_service service;
	char peer[46]; /* numeric address */
	bool tls_wanted;
	int64_t deadline; /* before login; 0: none */
	bool in_session;  /* has a session's place */

	/* While it has not logged in: strangers.c. */
	struct network_count *network; /* NULL: it does not count there */
	uint64_t id;		       /* the older the smaller */
	struct conn *stranger_prev, *stranger_next;
	bool has_place;
	atomic_bool leave; /* it is to make room */

	int fd;
	struct ev *ev;
	uint32_t watch; /* epoll events asked for now */
	SSL *ssl;
	size_t share;	 /* bytes that it may still read in this turn */
	size_t lingered; /* bytes thrown away */

	/* The session's socket, from login on. */
	int session_fd;
	struct ev *session_ev;
	uint32_t session_watch;

	void *front;	    /* the protocol's state, freed at hand-over */
	struct buf in;	    /* client's bytes not yet taken */
	struct buf out;	    /* bytes (under TLS: cipher text) not yet sent */
	bool held;	    /* OpenSSL may have bytes of the client's */
	bool resumed;	    /* the protocol has an answer, if no input */
	bool client_eof;    /* the client sends no more */
	bool session_eof;   /* the session sends no more */
	bool client_shut;   /* the session was told client_eof */
	bool session_spoke; /* it has sent its first byte */
};

struct listener {
	struct listener_opts o;
	struct shard *shard;
	struct {
		enum conf_service service;
		int fd;
	} sock[32];
	unsigned nsock;
	atomic_uint count;
	atomic_uint sessions; /* of them: have logged in */
	atomic_uint running;  /* shards that have not drained */
	void (*drained)(void *);
	void *drained_arg;
	pthread_mutex_t lock; /* of what follows */
	struct peer_count {
		struct network_key key;
		unsigned n;
	} * peers;
	size_t npeers, peers_cap;
	struct network_count *networks;
	struct conn *strangers;
	unsigned nstrangers, leaving;
	unsigned asking; /* logins that auth has not answered */
	uint64_t next_id;
	struct refusal {
		struct network_key key;
		int64_t minute;
	} refusals[REFUSALS];
	struct network_key known[KNOWN_NETWORKS];
};

/* ---- listener.c ---- */

/* There is a connection with a deadline, or a dead one: they are looked after
 * every second until there is none.  A listener whose clients rest does not
 * wake up. */
void shard_sweep_soon(struct shard *s);

/* ---- conn.c ---- */

struct conn *conn_new(
    struct shard *s, enum conf_service service, int fd, const char *peer);
/* With a place: greets. */
void conn_start(struct conn *c);
/* There is no place: tells the client, if it can be told, and frees c. */
void conn_refuse(struct conn *c);
void conn_kill(struct conn *c);
/* One that waits for auth's answer makes room now, not when it comes. */
void conn_evict_login(struct conn *c);
/* Sends what is left, says goodbye, closes. */
void conn_close(struct conn *c);
void conn_bye(struct conn *c, const char *text);
/* For a client that has said nothing for too long. */
void conn_idle(struct conn *c);
void conn_reap(struct shard *s);
/* Sets the epoll events of a side if they differ. */
void conn_watch(struct conn *c, uint32_t client, uint32_t session);

/* ---- tls_io.c: the client's side, in the clear or under TLS ---- */

struct tls_ctx;
void wire_start_tls(struct conn *c);
/* 1: done, 0: waits, -1: failed */
int wire_handshake(struct conn *c);
/* Reads into p; >0 bytes, 0: nothing now, -1: EOF, -2: broken. */
long wire_read(struct conn *c, char *p, size_t n);
/* Sends; what is not taken waits in c->out.  false: broken. */
bool wire_write(struct conn *c, const char *p, size_t n);
/* Sends what waits in c->out. */
bool wire_flush(struct conn *c);
/* Says goodbye under TLS. */
void wire_bye(struct conn *c);
/* Throws away what has come, as it came; how much, 0: nothing now, -1: EOF, or
 * broken. */
long wire_discard(struct conn *c);

/* ---- flow.c: bytes to a socket that may not take them now ---- */

/* Sends p as far as the socket takes it and keeps the rest in `kept`; behind
 * bytes that are kept nothing is sent.  false: broken, or too much kept. */
bool flow_send(int fd, struct buf *kept, const char *p, size_t n);
/* Sends what was kept. */
bool flow_flush(int fd, struct buf *kept);

/* ---- pump.c ---- */

void pump_start(struct conn *c, int session_fd);
void pump_client(struct conn *c, uint32_t events);
/* Lets the session finish what it is doing, as if the client had closed its
 * side; the connection is cut at the deadline. */
void pump_end(struct conn *c, int64_t deadline);

/* ---- peers.c ---- */

bool peers_enter(struct listener *l, const char *peer);
void peers_leave(struct listener *l, const char *peer);

/* ---- strangers.c: connections before login ---- */

/* Gives it a place and returns NULL, or says why there is none. */
const char *strangers_enter(struct conn *c);
/* It has logged in or ended. */
void strangers_leave(struct conn *c);
/* It has ended, but auth still has its login: for its network it counts. */
void strangers_give_place(struct conn *c);
/* Somebody has logged in from there. */
void strangers_note_known(struct listener *l, const char *peer);
/* May auth be asked?  true: strangers_have_asked follows, once. */
bool strangers_may_ask(struct conn *c);
void strangers_have_asked(struct conn *c);
/* A line a minute for each address; with the lock held. */
bool strangers_may_log(struct listener *l, const char *peer);

#endif
