/*
 * All certificates of a server, looked at once: what is due is done, the rest
 * is left alone, and in the end it is said when to look again.
 *
 * All files are in the current folder, which belongs to this process alone:
 *
 *   account.pem    the key of the account
 *   state.json     what is remembered (acme/state.h)
 *   FILE.pem       a certificate, those above it, and its key, together
 *   FILE.next.pem  the key of the next certificate: of the first one, or when
 *                  each is to have a new key
 *   FILE.next.tlsa its hash, for a TLSA record
 *
 * Each is replaced as a whole, so that a crash leaves the old or the new one.
 * One that cannot be read is renamed to NAME.bad, said, and made anew.
 */
#ifndef ACME_WORK_H
#define ACME_WORK_H

#include "acme/names.h"
#include "acme/order.h"

struct acme_work_result;

/* What is outside: given by the process, or by a test. */
struct acme_world {
	void *arg;
	int64_t (*now)(void *arg); /* seconds since 1970 */
	/* RC_OK: there is an answer; its bytes live until the next one. */
	int (*send)(void *arg, const struct acme_request *r,
	    struct acme_response *out, struct err *err);
	/* Port 80 answers it from now on; or, with !on, not any more. */
	int (*show)(
	    void *arg, const struct acme_shown *s, bool on, struct err *err);
	/* False: the process is to end. */
	bool (*wait)(void *arg, int64_t s);
	/* Do the addresses of a name lead where those of the host lead?  why
	 * (ERR_TEXT_MAX) says what is odd. */
	enum acme_points (*points)(
	    void *arg, const char *name, const char *hostname, char *why);
	/* May be NULL: over HTTP, and nothing is seen.  In which ways a name
	 * could be proved, as far as it is known before: able: our side is set
	 * up for it; seen: it was seen to work from here (bits, ACME_WAY_BIT).
	 * Behind a router nothing may be seen of what works.  why: what is
	 * missing if able is 0. */
	void (*ways)(void *arg, const char *name, unsigned *able,
	    unsigned *seen, char *why);
	/* There is a new certificate, or, at the beginning, one that is good:
	 * its file, and all of that. */
	void (*have)(void *arg, const char *file, struct sv pem, bool fresh);
	/* An attempt has ended, and others may follow, which take their time.
	 * May be NULL. */
	void (*done)(void *arg, const struct acme_work_result *so_far);
	/* Do our own services show it, to clients that verify?  Lines about
	 * those that do not are appended.  May be NULL. */
	void (*look)(void *arg, struct sv pem, bool fresh, struct buf *lines);
};

struct acme_work_opts {
	struct acme_world world;
	const char *hostname;
	const char *const *domain;
	size_t ndomain;
	const char *directory, *email, *external_id;
	struct sv external_secret;
	bool new_key;
	bool check; /* names are looked up before */
	/* The owner wants that one now: one of its names, or its domain; NULL:
	 * none.  What only waits is done; what limits are for is not. */
	const char *renew;
};

struct acme_work_result {
	int64_t next;	    /* seconds since 1970 */
	struct buf text;    /* a line for each certificate */
	struct buf trouble; /* a line for all that is wrong */
	/* The admin should have a letter about this certificate. */
	unsigned urgency; /* of struct acme_renew_urgency; 0: not */
	char name[ACME_NAME_MAX];
	/* What came of renew; RC_MORE: it was not wanted. */
	int rc;
	char answer[ERR_TEXT_MAX];
};

void acme_work_result_init(struct acme_work_result *r);
void acme_work_result_fini(struct acme_work_result *r);
void acme_work(const struct acme_work_opts *o, struct acme_work_result *out);

#endif
