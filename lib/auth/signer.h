/*
 * The DKIM keys of the server's domains, and signing with them.
 *
 * Each domain of the configuration has its keys in FOLDER/DOMAIN.pem
 * (auth/keys.h).  One thread of its own has them and does all of it, in order:
 * an RSA signature is half a millisecond, a new key a tenth of a second, and
 * logins wait for neither.  Who asks for too much waits for that thread, and
 * beyond SIGNER_WAITING_MAX questions is told to come later: whatever
 * submission may be made to ask takes one processor and little memory.
 *
 * When keys change is decided in the loop, by steps: auth/rotator.h.
 */
#ifndef AUTH_SIGNER_H
#define AUTH_SIGNER_H

#include "auth/keys.h"
#include "base/ev.h"
#include "conf/conf.h"
#include "msgauth/key.h"

#define SIGNER_DOMAIN_MAX  256
#define SIGNER_WAITING_MAX 256

struct signer;

/* folder must stay valid; it is made when it is needed. */
struct signer *signer_new(struct ev_loop *loop, const char *folder);
/* Open questions end without an answer.  What the thread has posted to the
 * loop by then still runs there. */
void signer_free(struct signer **s);
/* Before the start: other times than rotation.h's, for tests. */
void signer_set_pace(struct signer *s, int64_t settle_ms, int64_t margin_ms);
/* Starts the thread: after the sandbox. */
void signer_start(struct signer *s);
/* The domains are these from now on; keys of new ones are made. */
void signer_set_domains(struct signer *s, const struct conf *conf);

/* ---- signatures ---- */

struct signer_question {
	char domain[SIGNER_DOMAIN_MAX];
	/* Hashes for the pair in force, in order; 0: just its selectors. */
	unsigned n;
	char selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX];
	uint8_t hash[DKIM_ALGORITHMS][DKIM_HASH];
};

struct signer_answer {
	/*
	 * RC_OK        there they are
	 * RC_NOTFOUND  other selectors are in force: those of the answer
	 * RC_DENIED    the domain is not served here
	 * RC_TEMP      no keys now, or too many questions
	 */
	int rc;
	const char *text;				   /* why not */
	char selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX]; /* OK, NOTFOUND */
	struct buf value[DKIM_ALGORITHMS]; /* signatures; else "" */
};

typedef void signer_fn(const struct signer_answer *a, void *arg);
/* fn is called once in the loop's thread, maybe before this returns. */
void signer_ask(struct signer *s, const struct signer_question *q,
    signer_fn *fn, void *arg);

/* ---- the owner's orders ---- */

enum signer_what {
	SIGNER_RECORDS, /* lines as of ring_records */
	SIGNER_LIST,	/* lines for people; of all domains if none is named */
	SIGNER_ROTATE,	/* a new pair, announced; its selectors, a line */
	SIGNER_RETIRE,	/* this one */
	SIGNER_USE,	/* this one, whether its records were seen or not */
	SIGNER_WHATS
};

struct signer_order {
	enum signer_what what;
	char domain[SIGNER_DOMAIN_MAX];
	char selector[DKIM_SELECTOR_MAX];
};

/* text: the lines, or what is wrong. */
typedef void signer_order_fn(int rc, struct sv text, void *arg);
void signer_order(struct signer *s, const struct signer_order *o,
    signer_order_fn *fn, void *arg);

/* ---- steps ---- */

/* A pair whose records are looked for: an announced one, or now and then the
 * active one. */
struct signer_awaited {
	char domain[SIGNER_DOMAIN_MAX];
	enum ring_state state;
	char selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX];
	/* A random hash and its signatures: a record is right if one that
	 * verifies mail finds them right with it. */
	uint8_t hash[DKIM_HASH];
	struct buf signature[DKIM_ALGORITHMS];
};

struct signer_letter {
	struct notice notice; /* its pointers lead here */
	char domain[SIGNER_DOMAIN_MAX];
	char why[KEYS_WHY_MAX];
	struct buf record[DKIM_ALGORITHMS];
};

/* What is to be done for the keys from outside. */
struct signer_step {
	struct signer_awaited *awaited;
	size_t nawaited;
	struct signer_letter *letter; /* to be written now */
	size_t nletter;
	int64_t next_ms; /* the next step, at the latest; -1: as usual */
};

/* Does what the time asks for. *step lives until fn returns; NULL: the signer
 * is gone. */
typedef void signer_step_fn(const struct signer_step *step, void *arg);
void signer_step(struct signer *s, signer_step_fn *fn, void *arg);

/* What became of it; see auth/keys.h. */
void signer_told(struct signer *s, const char *domain, const char *selector,
    enum ring_state state);
void signer_seen(struct signer *s, const char *domain, const char *selector,
    enum rotation_seen seen, uint32_t negative_ttl_s, const char *why);

#endif
