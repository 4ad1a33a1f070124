#include <stdlib.h>

#include "base/alloc.h"
#include "msgauth/arc_sets.h"
#include "msgauth/dkim.h"

#define FIELD_ROOM 16384

struct arc_seal {
	unsigned i;
	enum auth_result cv;
	enum dkim_algorithm algorithm;
	struct buf domain, selector;
	int64_t time;
	struct buf aar, ams, seal;
	struct buf signed_fields; /* canonical, what the AMS covers */
	struct buf chain;	  /* the same of the seal */
	unsigned signatures;	  /* that are made */
};

static void
add_canon(const struct mail_field *f, struct buf *out)
{
	dkim_field_relaxed(f, out);
	buf_adds(out, "\r\n");
}

/* The one field in a text. */
static void
add_text(struct sv text, struct buf *out)
{
	struct mail_field f;

	if (mail_field_next(&text, &f))
		add_canon(&f, out);
}

static const char *
algorithm_name(enum dkim_algorithm a)
{
	return a == DKIM_RSA ? "rsa-sha256" : "ed25519-sha256";
}

/* [RFC 8617 4.1.2] the signatures that are there should be covered */
static void
add_signatures(
    const struct fieldset *fields, struct buf *names, struct buf *canon)
{
	size_t i, n = 0;

	for (i = fieldset_count(fields); i > 0 && n < DKIM_REPEAT_MAX; i--) {
		const struct mail_field *f = fieldset_at(fields, i - 1);

		if (!sv_ieq(f->name, SV("DKIM-Signature")))
			continue;
		buf_adds(names, ":dkim-signature");
		add_canon(f, canon);
		n++;
	}
}

static void
begin_ams(struct arc_seal *s, const struct arc_seal_what *w, struct sv header,
    const struct fieldset *fields)
{
	struct buf names;

	buf_init(&names, FIELD_ROOM);
	dkim_header_choose(header, &names, &s->signed_fields);
	add_signatures(fields, &names, &s->signed_fields);
	buf_addf(&s->ams,
	    "ARC-Message-Signature: i=%u; a=%s; c=relaxed/relaxed;\r\n"
	    "\td=%.*s;\r\n\ts=%.*s; t=%lld;\r\n",
	    s->i, algorithm_name(s->algorithm), SV_ARG(w->domain),
	    SV_ARG(w->selector), (long long)w->time);
	dkim_signature_tail(buf_sv(&names), w->body_hash, &s->ams);
	if (!buf_ok(&names))
		s->ams.failed = true;
	buf_fini(&names);
}

static void
begin_seal(struct arc_seal *s)
{
	buf_addf(&s->seal,
	    "ARC-Seal: i=%u; a=%s; cv=%s;\r\n\td=%.*s;\r\n\ts=%.*s; t=%lld;\r\n"
	    "\tb=",
	    s->i, algorithm_name(s->algorithm), auth_result_name(s->cv),
	    SV_ARG(buf_sv(&s->domain)), SV_ARG(buf_sv(&s->selector)),
	    (long long)s->time);
}

static struct arc_seal *
new_seal(const struct arc_seal_what *w, const struct arc_sets *sets, size_t n)
{
	struct arc_seal *s = xcalloc(1, sizeof *s);

	s->i = sets->n + 1;
	s->cv = AUTH_NONE;
	if (sets->any)
		s->cv = w->cv == AUTH_PASS && sets->broken == ARC_R_NONE
			    ? AUTH_PASS
			    : AUTH_FAIL;
	s->algorithm = w->algorithm;
	s->time = w->time;
	buf_init(&s->domain, DNS_NAME_MAX);
	buf_init(&s->selector, DNS_NAME_MAX);
	buf_addsv(&s->domain, w->domain);
	buf_addsv(&s->selector, w->selector);
	buf_init(&s->aar, w->results.n + DNS_NAME_MAX);
	buf_init(&s->ams, FIELD_ROOM);
	buf_init(&s->seal, FIELD_ROOM);
	buf_init(&s->signed_fields, 2 * n + FIELD_ROOM);
	buf_init(&s->chain, 2 * n + 2 * w->results.n + 3 * FIELD_ROOM);
	return s;
}

int
arc_seal_new(
    const struct arc_seal_what *w, struct sv header, struct arc_seal **out)
{
	struct arc_sets *sets = xcalloc(1, sizeof *sets);
	struct fieldset *fields = fieldset_new(header);
	struct arc_seal *s = NULL;
	int r = RC_DENIED;
	unsigned i;

	arc_sets_read(fields, sets);
	if (sets->broken == ARC_R_FAILED || sets->n >= ARC_MAX)
		goto out;
	s = new_seal(w, sets, header.n);
	/* [RFC 8617 5.1.2] of a chain that has failed only the own set */
	for (i = 1; s->cv == AUTH_PASS && i <= sets->n; i++) {
		add_canon(&sets->set[i].aar, &s->chain);
		add_canon(&sets->set[i].ams, &s->chain);
		add_canon(&sets->set[i].seal, &s->chain);
	}
	buf_addf(&s->aar, "ARC-Authentication-Results: i=%u; %.*s\r\n", s->i,
	    SV_ARG(w->results));
	add_text(buf_sv(&s->aar), &s->chain);
	begin_ams(s, w, header, fields);
	*out = s;
	r = RC_OK;
out:
	fieldset_free(&fields);
	free(sets);
	return r;
}

void
arc_seal_free(struct arc_seal **sp)
{
	struct arc_seal *s = *sp;

	if (s == NULL)
		return;
	buf_fini(&s->chain);
	buf_fini(&s->signed_fields);
	buf_fini(&s->seal);
	buf_fini(&s->ams);
	buf_fini(&s->aar);
	buf_fini(&s->selector);
	buf_fini(&s->domain);
	free(s);
	*sp = NULL;
}

int
arc_seal_hash(struct arc_seal *s, uint8_t out[DKIM_HASH])
{
	const struct buf *canon =
	    s->signatures == 0 ? &s->signed_fields : &s->chain;
	const struct buf *field = s->signatures == 0 ? &s->ams : &s->seal;

	must(s->signatures < 2);
	if (!buf_ok(canon) || !buf_ok(field))
		return RC_TOOBIG;
	return dkim_signature_hash(buf_sv(canon), buf_sv(field), out);
}

void
arc_seal_signature(struct arc_seal *s, struct sv signature)
{
	must(s->signatures < 2);
	dkim_signature_end(signature, s->signatures == 0 ? &s->ams : &s->seal);
	if (s->signatures++ > 0)
		return;
	add_text(buf_sv(&s->ams), &s->chain);
	begin_seal(s);
}

int
arc_seal_write(struct arc_seal *s, struct buf *out)
{
	must(s->signatures == 2);
	if (!buf_ok(&s->aar) || !buf_ok(&s->ams) || !buf_ok(&s->seal))
		return RC_TOOBIG;
	buf_addsv(out, buf_sv(&s->seal));
	buf_addsv(out, buf_sv(&s->ams));
	buf_addsv(out, buf_sv(&s->aar));
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}
