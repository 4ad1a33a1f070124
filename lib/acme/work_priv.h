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
	bool stuck;   /* our own folder cannot be used */
	bool limited; /* they want fewer requests: no more in this run */
};

/* One certificate, while it is looked at. */
struct acme_set {
	struct acme_names wanted; /* that have an address */
	struct acme_names names;  /* of those, what is ordered now */
	struct acme_record *r;
	bool has;    /* a certificate */
	bool wished; /* by the owner, now */
	struct acme_certificate certificate;
	struct buf pem; /* chain and key */
};

#define FILE_MAX (256 << 10)

#define ACME_STUCK 600 /* seconds, until our own folder is tried again */

/* ---- files.c ---- */

/* A line of the result; one that does not fit is left out whole. */
void acme_say(struct buf *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* This run is not the last before then. */
void acme_look_again(struct acme_run *w, int64_t at);
void acme_load_state(struct acme_run *w);
/* What there is in its file, into s. */
void acme_load_certificate(struct acme_run *w, struct acme_set *s);

/* "2026-08-20 09:12 UTC" */
void acme_print_day(int64_t s, char out[32]);
/* False: it was said, and nothing is ordered any more in this run. */
bool acme_write_file(struct acme_run *w, const char *name, struct sv content);
bool acme_save_state(struct acme_run *w);
/* The key in a file, or a new one; NULL: it cannot be had now. */
struct acme_key *acme_key_of(struct acme_run *w, const char *file, bool *fresh);
void acme_path_of(
    const struct acme_set *s, const char *end, char out[ACME_NAME_MAX + 32]);
bool acme_is_good(const struct acme_run *w, const struct acme_set *s);
/* What the certificate says, beside what is remembered. */
struct acme_life acme_life_of(const struct acme_set *s);
/* Would the new certificate lack what the one in use has? */
bool acme_loses_names(const struct acme_set *s);

/* ---- next_key.c ---- */

/* The key that follows is there, with its hash, before it is used; or it is
 * gone, if keys are kept. */
void acme_tend_next_key(struct acme_run *w, struct acme_set *s);
/* For a new certificate; NULL: none can be had now. */
struct acme_key *acme_key_for(struct acme_run *w, struct acme_set *s);

/* ---- attempt.c ---- */

/* Gets a new one for s->names, and remembers how that went. */
void acme_order_certificate(struct acme_run *w, struct acme_set *s);

/* Is there something to gain without the names that are left out? */
bool acme_is_worth_it(struct acme_run *w, struct acme_set *s);

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
