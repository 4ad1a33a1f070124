#include "acme/order.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acme/certificate.h"
#include "acme/date.h"
#include "acme/jws.h"
#include "acme/sentence.h"
#include "base/alloc.h"

#define BODY_MAX      65536
#define NONCE_MAX     512
#define NONCES_BAD    5	 /* refused, one after the other */
#define TROUBLES      3	 /* of theirs, at one step */
#define POLLS	      60 /* of one thing */
#define POLL_S	      1	 /* at first */
#define POLL_MOST_S   10
#define ALL_REQUESTS  1000 /* of one order */
#define ALL_WAITING_S 1800
#define ALL_TIME_S    3600 /* others have to wait meanwhile */

enum step {
	STEP_DIRECTORY,
	STEP_ACCOUNT,
	STEP_ORDER,
	STEP_AUTHORIZATION, /* read, for the first time or again */
	STEP_SHOW,
	STEP_CHALLENGE,
	STEP_FINALIZE,
	STEP_POLL, /* the order */
	STEP_CHAIN,
	STEP_DONE,
	STEP_FAILED
};

struct acme_order {
	struct acme_order_opts o;
	enum step step;
	struct acme_directory directory;
	char account[ACME_URL_MAX];
	char nonce[NONCE_MAX];	/* "": a new one is needed */
	char url[ACME_URL_MAX]; /* of the order */
	struct acme_order_said said;
	unsigned at; /* which authorization */
	struct acme_authorization authorization;
	enum acme_way way; /* in which it is proved */
	struct buf shown;  /* the key authorization */
	struct buf chain;
	bool without_replaces; /* it was refused */
	bool account_again;    /* it was unknown, and is made anew */
	bool asked;	       /* the challenge of this authorization */
	bool looked;	       /* again, since they refused to be asked */
	bool finalized;
	/* How often, at this step or for this thing. */
	unsigned nonces_bad, troubles, polls;
	unsigned requests; /* in all */
	int64_t waited_s;  /* in all */
	int64_t began;	   /* the first answer came */
	bool waits;
	int64_t wait_s;
	struct acme_failure failure;
};

struct acme_order *
acme_order_new(const struct acme_order_opts *opts)
{
	struct acme_order *o = xcalloc(1, sizeof *o);

	o->o = *opts;
	must(opts->nname > 0 && opts->nname <= ACME_NAMES_MAX);
	must(opts->ways != 0);
	if (strlen(opts->account_url) < sizeof o->account)
		sv_copy(
		    sv_str(opts->account_url), o->account, sizeof o->account);
	buf_init(&o->shown, 2 * ACME_TOKEN_MAX);
	buf_init(&o->chain, ACME_CHAIN_MAX);
	o->failure.wait_s = -1;
	return o;
}

void
acme_order_free(struct acme_order **op)
{
	struct acme_order *o = *op;

	if (o == NULL)
		return;
	*op = NULL;
	buf_fini(&o->chain);
	buf_fini(&o->shown);
	free(o);
}

/* ---- moves ---- */

static void
go(struct acme_order *o, enum step step)
{
	o->step = step;
	o->nonces_bad = o->troubles = 0;
}

static void __attribute__((format(printf, 2, 3)))
fail(struct acme_order *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(o->failure.why, sizeof o->failure.why, fmt, ap);
	va_end(ap);
	o->step = STEP_FAILED;
	o->waits = false;
}

static void
blame(struct acme_order *o, const char *name)
{
	struct acme_failure *f = &o->failure;
	size_t i;
	unsigned j;

	for (j = 0; j < f->nname; j++)
		if (strcmp(f->name[j], name) == 0)
			return;
	/* Only what we have asked for. */
	for (i = 0; i < o->o.nname && f->nname < ACME_NAMES_MAX; i++)
		if (strcmp(o->o.name[i], name) == 0) {
			sv_copy(
			    sv_str(name), f->name[f->nname++], ACME_NAME_MAX);
			return;
		}
}

/* Of one name alone some speak in their sentence only.  If they speak of all,
 * it is about none of them. */
static const char *
spoken_of(const struct acme_order *o, const struct acme_problem *p)
{
	const char *found = "";
	size_t i, n = 0;

	for (i = 0; i < o->o.nname; i++)
		if (acme_speaks_of(p, o->o.name[i])) {
			found = o->o.name[i];
			n++;
		}
	return n == 1 ? found : "";
}

static void
fail_with(struct acme_order *o, const struct acme_problem *p, unsigned status,
    const char *name)
{
	char why[ERR_TEXT_MAX];
	unsigned i;

	if (name[0] == '\0' && p->nname == 0)
		name = spoken_of(o, p);
	acme_sentence(p, status, o->way,
	    name[0] != '\0'   ? name
	    : p->nname > 0    ? p->name[0]
	    : o->o.nname == 1 ? o->o.name[0]
			      : "",
	    why);
	if (name[0] != '\0')
		blame(o, name);
	for (i = 0; i < p->nname; i++)
		blame(o, p->name[i]);
	fail(o, "%s", why);
}

/* False: it would be too long, and the attempt is over. */
static bool
wait_for(struct acme_order *o, int64_t s)
{
	if (s > ACME_WAIT_INSIDE_S || o->waited_s + s > ALL_WAITING_S)
		return false;
	o->waits = true;
	o->wait_s = s;
	o->waited_s += s;
	return true;
}

/* Not yet: ask again, when they say so, or a little later each time. */
static void
poll_again(
    struct acme_order *o, enum step step, struct sv retry_after, int64_t now)
{
	int64_t s = acme_retry_after(retry_after, now);

	if (s < 0)
		s = POLL_S + (int64_t)o->polls / 2;
	else if (s == 0)
		s = POLL_S;
	else if (s > ACME_WAIT_INSIDE_S)
		o->failure.wait_s = s;
	if (s > POLL_MOST_S && acme_retry_after(retry_after, now) < 0)
		s = POLL_MOST_S;
	go(o, step);
	if (++o->polls > POLLS || !wait_for(o, s))
		fail(o, "the certificate authority is not ready with its work; "
			"it is asked again later");
}

/* ---- what is sent ---- */

enum acme_next
acme_order_next(const struct acme_order *o)
{
	if (o->step == STEP_FAILED)
		return ACME_FAILED;
	if (o->waits)
		return ACME_WAIT;
	if (o->step == STEP_DONE)
		return ACME_FINISHED;
	return o->step == STEP_SHOW ? ACME_PRESENT : ACME_SEND;
}

static void
add_text(struct buf *out, const char *text)
{
	/* Addresses of the configuration have no such bytes, either. */
	for (; *text != '\0'; text++)
		if (*text > ' ' && *text <= '~' && *text != '"' &&
		    *text != '\\')
			buf_addc(out, *text);
}

static void
put_account(const struct acme_order *o, struct buf *out)
{
	buf_adds(out, "{\"termsOfServiceAgreed\":true");
	if (o->o.email != NULL) {
		buf_adds(out, ",\"contact\":[\"mailto:");
		add_text(out, o->o.email);
		buf_adds(out, "\"]");
	}
	if (o->o.external_id != NULL) {
		buf_adds(out, ",\"externalAccountBinding\":");
		/* That it is base64url was looked at before. */
		if (acme_jws_external(o->o.account, o->o.external_id,
			o->o.external_secret, o->directory.new_account,
			out) != RC_OK)
			buf_adds(out, "null");
	}
	buf_addc(out, '}');
}

static bool
replaces(const struct acme_order *o)
{
	return o->o.replaces[0] != '\0' && !o->without_replaces &&
	       o->directory.renewal_info[0] != '\0';
}

static void
put_order(const struct acme_order *o, struct buf *out)
{
	size_t i;

	buf_adds(out, "{\"identifiers\":[");
	for (i = 0; i < o->o.nname; i++) {
		buf_adds(out, i > 0 ? "," : "");
		buf_adds(out, "{\"type\":\"dns\",\"value\":\"");
		add_text(out, o->o.name[i]);
		buf_adds(out, "\"}");
	}
	buf_addc(out, ']');
	if (replaces(o)) {
		buf_adds(out, ",\"replaces\":\"");
		add_text(out, o->o.replaces);
		buf_addc(out, '"');
	}
	buf_addc(out, '}');
}

/* Address and payload of this step. */
static const char *
describe(const struct acme_order *o, struct buf *payload)
{
	switch (o->step) {
	case STEP_ACCOUNT:
		put_account(o, payload);
		return o->directory.new_account;
	case STEP_ORDER:
		put_order(o, payload);
		return o->directory.new_order;
	case STEP_AUTHORIZATION:
		return o->said.authorization[o->at];
	case STEP_CHALLENGE:
		buf_adds(payload, "{}");
		return o->authorization.challenge[o->way].url;
	case STEP_FINALIZE:
		buf_adds(payload, "{\"csr\":\"");
		acme_base64url(o->o.request, payload);
		buf_adds(payload, "\"}");
		return o->said.finalize;
	case STEP_POLL:
		return o->url;
	case STEP_CHAIN:
		return o->said.certificate;
	case STEP_DIRECTORY:
	case STEP_SHOW:
	case STEP_DONE:
	case STEP_FAILED:
		break;
	}
	must(false);
	return "";
}

void
acme_order_request(const struct acme_order *o, struct acme_request *r)
{
	struct acme_jws j = {.key = o->o.account, .nonce = o->nonce};
	struct buf payload;

	buf_init(&r->body, 2 * BODY_MAX);
	r->accept = NULL;
	r->method = ACME_GET;
	if (o->step == STEP_DIRECTORY) {
		sv_copy(sv_first(sv_str(o->o.directory), ACME_URL_MAX - 1),
		    r->url, sizeof r->url);
		return;
	}
	if (o->nonce[0] == '\0') {
		r->method = ACME_HEAD;
		sv_copy(sv_str(o->directory.new_nonce), r->url, sizeof r->url);
		return;
	}
	buf_init(&payload, BODY_MAX);
	r->method = ACME_POST;
	j.url = describe(o, &payload);
	if (o->step != STEP_ACCOUNT)
		j.account = o->account;
	if (o->step == STEP_CHAIN)
		r->accept = "application/pem-certificate-chain";
	sv_copy(sv_str(j.url), r->url, sizeof r->url);
	acme_jws(&j, buf_sv(&payload), &r->body);
	buf_fini(&payload);
}

/* ---- what comes ---- */

static void
keep_nonce(struct acme_order *o, struct sv nonce)
{
	size_t i;

	o->nonce[0] = '\0';
	if (nonce.n >= NONCE_MAX)
		return;
	/* base64url [RFC 8555 6.5.1] */
	for (i = 0; i < nonce.n; i++)
		if (nonce.p[i] <= ' ' || nonce.p[i] > '~')
			return;
	sv_copy(nonce, o->nonce, sizeof o->nonce);
}

static bool
keep_url(struct sv location, char out[ACME_URL_MAX])
{
	size_t i;

	location = sv_trim(location);
	if (location.n >= ACME_URL_MAX || !sv_istarts(location, SV("https://")))
		return false;
	for (i = 0; i < location.n; i++)
		if (location.p[i] <= ' ' || location.p[i] > '~')
			return false;
	sv_copy(location, out, ACME_URL_MAX);
	return true;
}

/* The directory is known: who are we there? */
static void
begin(struct acme_order *o)
{
	if (o->account[0] != '\0')
		go(o, STEP_ORDER);
	else if (o->directory.external && o->o.external_id == NULL)
		fail(o, "this certificate authority wants an account that you "
			"have with it: set tls.acme.eab");
	else
		go(o, STEP_ACCOUNT);
}

/* Goes on as the order's state says. */
static void
follow(struct acme_order *o, struct sv retry_after, int64_t now)
{
	switch (o->said.status) {
	case ACME_PENDING:
		if (o->at < o->said.nauthorization)
			go(o, STEP_AUTHORIZATION);
		else
			poll_again(o, STEP_POLL, retry_after, now);
		return;
	case ACME_READY:
		/* Some say so for a while after it was finished. */
		if (o->finalized && o->polls % 10 != 9)
			poll_again(o, STEP_POLL, retry_after, now);
		else
			go(o, STEP_FINALIZE);
		return;
	case ACME_PROCESSING:
		poll_again(o, STEP_POLL, retry_after, now);
		return;
	case ACME_VALID:
		if (o->said.certificate[0] != '\0')
			go(o, STEP_CHAIN);
		else
			poll_again(o, STEP_POLL, retry_after, now);
		return;
	case ACME_INVALID:
		break;
	}
	if (o->said.problem.type[0] != '\0' ||
	    o->said.problem.detail[0] != '\0')
		fail_with(o, &o->said.problem, 0, "");
	else
		fail(o, "the certificate authority has given up the order and "
			"does not say why");
}

static void
on_order(struct acme_order *o, const struct acme_response *r, int64_t now)
{
	struct acme_order_said said;
	struct err err;

	if (acme_order_read(r->body, &said, &err) != RC_OK) {
		fail(o, "the certificate authority is not understood: %s",
		    err.text);
		return;
	}
	if (o->step == STEP_ORDER) {
		if (!keep_url(r->location, o->url)) {
			fail(o, "the certificate authority does not say where "
				"its order is");
			return;
		}
		o->at = o->polls = 0;
	} else {
		/* The way to what was begun stays. */
		said.nauthorization = o->said.nauthorization;
		memcpy(said.authorization, o->said.authorization,
		    sizeof said.authorization);
	}
	if (o->step == STEP_FINALIZE)
		o->finalized = true;
	o->said = said;
	follow(o, r->retry_after, now);
}

static void
next_authorization(struct acme_order *o)
{
	o->at++;
	o->polls = 0;
	o->asked = o->looked = false;
	buf_reset(&o->shown);
	go(o, o->at < o->said.nauthorization ? STEP_AUTHORIZATION : STEP_POLL);
}

/* The name's own way, or another that is offered; false: there is none. */
static bool
choose_way(struct acme_order *o)
{
	const struct acme_authorization *a = &o->authorization;
	unsigned offered = 0;
	int way;
	size_t i;

	for (way = 0; way < ACME_WAYS; way++)
		if (a->challenge[way].url[0] != '\0')
			offered |= o->o.ways & ACME_WAY_BIT(way);
	for (i = 0; i < o->o.nname; i++)
		if (strcmp(o->o.name[i], a->name) == 0)
			o->way = o->o.way[i];
	/* What has begun goes on. */
	for (way = 0; way < ACME_WAYS; way++)
		if ((offered & ACME_WAY_BIT(way)) &&
		    a->challenge[way].status == ACME_PROCESSING)
			o->way = (enum acme_way)way;
	for (way = 0; way < ACME_WAYS && !(offered & ACME_WAY_BIT(o->way));
	     way++)
		o->way = (enum acme_way)way;
	return offered != 0;
}

static void
on_authorization(
    struct acme_order *o, const struct acme_response *r, int64_t now)
{
	struct acme_authorization *a = &o->authorization;
	struct acme_challenge *c;
	struct err err;

	if (acme_authorization_read(r->body, a, &err) != RC_OK) {
		fail(o, "the certificate authority is not understood: %s",
		    err.text);
		return;
	}
	if (a->status == ACME_VALID) {
		next_authorization(o);
		return;
	}
	if (!o->asked && !choose_way(o) && a->status != ACME_INVALID) {
		blame(o, a->name);
		fail(o,
		    "the certificate authority does not offer to check %s in a "
		    "way that is set up here (%s%s)",
		    a->name,
		    o->o.ways & ACME_WAY_BIT(ACME_BY_HTTP) ? "listen.http" : "",
		    o->o.ways == ACME_WAY_BIT(ACME_BY_HTTP)  ? ""
		    : o->o.ways == ACME_WAY_BIT(ACME_BY_TLS) ? "listen.https"
							     : ", "
							       "listen.https");
		return;
	}
	c = &a->challenge[o->way];
	if (a->status == ACME_INVALID || c->status == ACME_INVALID ||
	    c->url[0] == '\0') {
		o->failure.of_proof = !acme_is_of_name(&a->problem);
		o->failure.way = o->way;
		fail_with(o, &a->problem, 0, a->name);
	} else if (o->asked || c->status != ACME_PENDING) {
		poll_again(o, STEP_AUTHORIZATION, r->retry_after, now);
	} else {
		buf_reset(&o->shown);
		acme_key_authorization(
		    o->o.account, sv_str(c->token), &o->shown);
		go(o, STEP_SHOW);
	}
}

/* 2xx. */
static void
on_good(struct acme_order *o, const struct acme_response *r, int64_t now)
{
	struct err err;

	switch (o->step) {
	case STEP_DIRECTORY:
		if (acme_directory_read(r->body, &o->directory, &err) != RC_OK)
			fail(o, "tls.acme.directory: %s", err.text);
		else
			begin(o);
		return;
	case STEP_ACCOUNT:
		if (!keep_url(r->location, o->account))
			fail(o, "the certificate authority does not say where "
				"our account is");
		else
			go(o, STEP_ORDER);
		return;
	case STEP_ORDER:
	case STEP_FINALIZE:
	case STEP_POLL:
		on_order(o, r, now);
		return;
	case STEP_AUTHORIZATION:
		on_authorization(o, r, now);
		return;
	case STEP_CHALLENGE:
		o->asked = true;
		o->polls = 0;
		poll_again(o, STEP_AUTHORIZATION, r->retry_after, now);
		return;
	case STEP_CHAIN:
		buf_set(&o->chain, sv_first(r->body, ACME_CHAIN_MAX));
		go(o, STEP_DONE);
		return;
	case STEP_SHOW:
	case STEP_DONE:
	case STEP_FAILED:
		break;
	}
	must(false);
}

/* Neither a limit nor a trouble that goes by. */
static bool
is_final(const struct acme_problem *p, unsigned status)
{
	return status < 500 && status != 429 &&
	       strcmp(p->type, "rateLimited") != 0;
}

/*
 * Is the account one that they have forgotten, or does its address belong to
 * another directory or key?  For the latter each has a word of its own: the
 * address of one that was kept is asked for anew before that is believed.
 */
static bool
is_of_account(
    const struct acme_order *o, const struct acme_problem *p, unsigned status)
{
	if (o->step != STEP_ORDER || o->account_again)
		return false;
	if (strcmp(p->type, "accountDoesNotExist") == 0)
		return true;
	return o->o.account_url[0] != '\0' && is_final(p, status) &&
	       (status == 401 || strcmp(p->type, "unauthorized") == 0 ||
		   strcmp(p->type, "malformed") == 0);
}

/* Refused, but there is another way?  True: it is gone. */
static bool
is_mended(struct acme_order *o, const struct acme_problem *p, unsigned status)
{
	if (strcmp(p->type, "badNonce") == 0 && ++o->nonces_bad <= NONCES_BAD)
		return true;
	if (is_of_account(o, p, status)) {
		o->account_again = true;
		o->account[0] = '\0';
		begin(o);
		return true;
	}
	/* It was replaced before, or they do not know it: what they call that
	 * differs [RFC 9773 5].  A limit is one without it, too. */
	if (o->step == STEP_ORDER && replaces(o) && is_final(p, status)) {
		o->without_replaces = true;
		return true;
	}
	/* Asked already, and the answer was lost: the authorization knows. */
	if (o->step == STEP_CHALLENGE && !o->looked && is_final(p, status)) {
		o->looked = true;
		go(o, STEP_AUTHORIZATION);
		return true;
	}
	/* Not ready to be finished, though it has said so. */
	if (o->step == STEP_FINALIZE && strcmp(p->type, "orderNotReady") == 0) {
		poll_again(o, STEP_POLL, SV(""), 0);
		return true;
	}
	return false;
}

/* They cannot answer now: once more, soon, or not in this attempt. */
static bool
is_postponed(
    struct acme_order *o, unsigned status, struct sv retry_after, int64_t now)
{
	int64_t s = acme_retry_after(retry_after, now);

	if (s > 0)
		o->failure.wait_s = s;
	if (status < 500 && s <= 0)
		return false; /* a limit without a time */
	if (++o->troubles > TROUBLES)
		return false;
	if (!wait_for(o, s > 0 ? s : (int64_t)5 << o->troubles))
		return false;
	return true;
}

static void
on_refused(struct acme_order *o, const struct acme_response *r, int64_t now)
{
	struct acme_problem p;
	const char *name = "";

	(void)acme_problem_read(r->body, &p);
	if (is_mended(o, &p, r->status))
		return;
	if (r->status >= 500 || r->status == 429 ||
	    strcmp(p.type, "rateLimited") == 0) {
		if (is_postponed(o, r->status, r->retry_after, now))
			return;
	}
	if (o->step == STEP_DIRECTORY) {
		fail(o,
		    "tls.acme.directory: the server answers with HTTP "
		    "status %u",
		    r->status);
		return;
	}
	o->failure.limited =
	    r->status == 429 || strcmp(p.type, "rateLimited") == 0;
	/* What they cannot do now is not the fault of a name. */
	if ((o->step == STEP_CHALLENGE || o->step == STEP_AUTHORIZATION) &&
	    is_final(&p, r->status))
		name = o->authorization.name;
	fail_with(o, &p, r->status, name);
}

void
acme_order_answer(
    struct acme_order *o, const struct acme_response *r, int64_t now)
{
	bool for_nonce = o->step != STEP_DIRECTORY && o->nonce[0] == '\0';

	must(acme_order_next(o) == ACME_SEND);
	if (o->began == 0)
		o->began = now;
	if (++o->requests > ALL_REQUESTS || now - o->began > ALL_TIME_S) {
		fail(o, "the certificate authority does not come to an end");
		return;
	}
	keep_nonce(o, r->nonce);
	if (r->status < 200 || r->status > 299) {
		if (r->status >= 300 && r->status < 400)
			fail(o,
			    "the certificate authority answers with a "
			    "redirection (HTTP status %u), which is not "
			    "followed",
			    r->status);
		else
			on_refused(o, r, now);
	} else if (!for_nonce) {
		on_good(o, r, now);
	} else if (o->nonce[0] == '\0') {
		fail(o, "the certificate authority gives no nonce");
	}
}

void
acme_order_lost(struct acme_order *o, const char *why)
{
	must(acme_order_next(o) == ACME_SEND);
	o->nonce[0] = '\0'; /* it may be used up */
	o->requests++;
	if (++o->troubles <= TROUBLES && o->step != STEP_DIRECTORY &&
	    wait_for(o, (int64_t)2 << o->troubles))
		return;
	o->failure.of_network = true;
	fail(o, "%s", why);
}

/* ---- challenges, waiting, results ---- */

void
acme_order_shown(const struct acme_order *o, struct acme_shown *out)
{
	out->way = o->way;
	out->name = o->authorization.name;
	out->token = o->authorization.challenge[o->way].token;
	out->text = o->shown.p;
}

void
acme_order_presented(struct acme_order *o, const char *why)
{
	must(o->step == STEP_SHOW);
	if (why != NULL)
		fail(o, "%s", why);
	else
		go(o, STEP_CHALLENGE);
}

int64_t
acme_order_wait_s(const struct acme_order *o)
{
	return o->wait_s;
}

void
acme_order_waited(struct acme_order *o)
{
	o->waits = false;
}

struct sv
acme_order_chain(const struct acme_order *o)
{
	return buf_sv(&o->chain);
}

const struct acme_failure *
acme_order_failure(const struct acme_order *o)
{
	return &o->failure;
}

const char *
acme_order_account(const struct acme_order *o)
{
	return o->account;
}

const char *
acme_order_renewal_info(const struct acme_order *o)
{
	return o->directory.renewal_info;
}
