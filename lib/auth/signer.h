/*
 * The DKIM keys of the server's domains, and signing with them.
 *
 * Each domain of the configuration has a pair of keys in FOLDER/DOMAIN.pem
 * (msgauth/key.h), made when it is first seen and never replaced by us.  A file
 * that cannot be read is left as it is and said aloud; nothing is signed for
 * that domain then, and it is looked at again from time to time.
 *
 * One thread of its own has the keys and does all of it, in order: an RSA
 * signature is half a millisecond, a new key a tenth of a second, and logins
 * wait for neither.  Who asks for too much waits for that thread, and beyond
 * SIGNER_WAITING_MAX questions is told to come later: whatever submission may
 * be made to ask takes one processor and little memory.
 */
#ifndef AUTH_SIGNER_H
#define AUTH_SIGNER_H

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
/* Starts the thread: after the sandbox. */
void signer_start(struct signer *s);
/* The domains are these from now on; keys of new ones are made. */
void signer_set_domains(struct signer *s, const struct conf *conf);

struct signer_question {
	char domain[SIGNER_DOMAIN_MAX];
	bool records; /* the public keys; n and what follows do not count */
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
	struct buf value[DKIM_ALGORITHMS]; /* signatures or records; else "" */
};

typedef void signer_fn(const struct signer_answer *a, void *arg);
/* fn is called once in the loop's thread, maybe before this returns. */
void signer_ask(struct signer *s, const struct signer_question *q,
    signer_fn *fn, void *arg);

#endif
