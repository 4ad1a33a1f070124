/* Inside lib/acme only: one look at all certificates. */
#ifndef ACME_WORK_PRIV_H
#define ACME_WORK_PRIV_H

#include "acme/certificate.h"
#include "acme/state.h"
#include "acme/work.h"

struct acme_run {
	const struct acme_work_opts *o;
	struct acme_state state;
	struct buf saved; /* its text on the disk */
	struct acme_key *account;
	struct acme_work_result *out;
	/* Where ARI is asked, once it is known; asked: they were. */
	char renewal_info[ACME_URL_MAX];
	bool directory_asked;
	bool stop;
	bool stuck; /* our own folder cannot be used */
};

/* One certificate, while it is looked at. */
struct acme_set {
	struct acme_names wanted; /* that have an address */
	struct acme_names names;  /* of those, what is ordered now */
	struct acme_record *r;
	bool has; /* a certificate */
	struct acme_certificate certificate;
	struct buf pem; /* chain and key */
};

/* ---- window.c ---- */

/* Seconds since 1970. */
int64_t acme_now(const struct acme_run *w);
/* As acme_world.send. */
int acme_send(struct acme_run *w, const struct acme_request *r,
    struct acme_response *out, struct err *err) RC_USE_RESULT;
/* Asks the authority, unless it was asked lately.  That it does not answer is
 * not a trouble: then the certificate's own time counts. */
void acme_ask_window(struct acme_run *w, struct acme_set *s);

#endif
