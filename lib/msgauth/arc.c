#include "msgauth/arc.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "base/alloc.h"
#include "msgauth/arc_sets.h"
#include "msgauth/authres.h"
#include "msgauth/name.h"

/* Message signatures that are tried, the newest first. */
#define OLDER_MAX 10

struct arc_verify {
	unsigned n;
	struct dkim_signed *ams[ARC_MAX + 1]; /* the newest ones */
	struct dkim_signed *seal[ARC_MAX + 1];
	struct buf results[ARC_MAX + 1];
	bool decided;
	struct arc_outcome outcome;
};

const char *
arc_reason_text(enum arc_reason r)
{
	static const char *const texts[ARC_REASONS] = {
	    [ARC_R_NONE] = "",
	    [ARC_R_SETS] = "sets are incomplete, repeated or too many",
	    [ARC_R_SYNTAX] = "syntax error",
	    [ARC_R_CV] = "wrong chain validation status",
	    [ARC_R_MESSAGE] = "message signature did not verify",
	    [ARC_R_SEAL] = "seal did not verify",
	    [ARC_R_FAILED] = "chain had failed before",
	};

	must((unsigned)r < ARC_REASONS);
	return texts[r];
}

static void
settle(struct arc_verify *a, enum auth_result result, enum arc_reason r)
{
	a->decided = true;
	a->outcome.result = result;
	a->outcome.reason = r;
}

/* ---- the seals' hashes [RFC 8617 5.1.1] ---- */

static bool
add_field(EVP_MD_CTX *md, const struct mail_field *f)
{
	struct buf b;
	bool ok;

	buf_init(&b, 2 * f->whole.n + 16);
	dkim_field_canon(f, DKIM_RELAXED, &b);
	buf_adds(&b, "\r\n");
	ok = buf_ok(&b) && EVP_DigestUpdate(md, b.p, b.n) == 1;
	buf_fini(&b);
	return ok;
}

/* Of all that md has seen and the seal without its b=. */
static bool
hash_seal(
    const EVP_MD_CTX *md, const struct mail_field *f, struct dkim_signed *s)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	uint8_t hash[DKIM_HASH];
	struct sv b = dkim_signed_b(s);
	struct buf own;
	bool ok;

	buf_init(&own, 2 * f->whole.n + 16);
	if (b.p != NULL)
		dkim_field_without(f, b, DKIM_RELAXED, &own);
	ok = c != NULL && EVP_MD_CTX_copy_ex(c, md) == 1 &&
	     EVP_DigestUpdate(c, own.p, own.n) == 1 &&
	     EVP_DigestFinal_ex(c, hash, NULL) == 1;
	if (ok)
		dkim_signed_set_hash(s, hash);
	buf_fini(&own);
	EVP_MD_CTX_free(c);
	return ok;
}

/* Each seal covers the sets before it, so that one pass is enough. */
static void
read_seals(struct arc_verify *a, const struct arc_sets *sets,
    struct fieldset *fields, struct bodies *bodies, struct dkim_keys *keys)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
	unsigned i;

	for (i = 1; i <= a->n; i++) {
		const struct arc_set *set = &sets->set[i];
		const char *domain;

		a->seal[i] = dkim_signed_new(
		    &set->seal, DKIM_FIELD_AS, fields, bodies, keys);
		domain = dkim_signed_verdict(a->seal[i])->domain;
		memcpy(a->outcome.sealer[i - 1], domain, strlen(domain) + 1);
		/* Without a hash it does not verify. */
		ok = ok && add_field(md, &set->aar) &&
		     add_field(md, &set->ams) &&
		     hash_seal(md, &set->seal, a->seal[i]) &&
		     add_field(md, &set->seal);
	}
	EVP_MD_CTX_free(md);
}

struct arc_verify *
arc_verify_new(
    struct fieldset *fields, struct bodies *bodies, struct dkim_keys *keys)
{
	struct arc_verify *a = xcalloc(1, sizeof *a);
	struct arc_sets *sets = xcalloc(1, sizeof *sets);
	unsigned i;

	for (i = 0; i <= ARC_MAX; i++)
		buf_init(&a->results[i], ARC_AAR_MAX);
	arc_sets_read(fields, sets);
	a->outcome.n = sets->n;
	if (!sets->any) {
		settle(a, AUTH_NONE, ARC_R_NONE);
	} else if (sets->broken != ARC_R_NONE) {
		settle(a, AUTH_FAIL, sets->broken);
	} else {
		a->n = sets->n;
		for (i = a->n; i > 0 && a->n - i < OLDER_MAX; i--)
			a->ams[i] = dkim_signed_new(&sets->set[i].ams,
			    DKIM_FIELD_AMS, fields, bodies, keys);
		read_seals(a, sets, fields, bodies, keys);
		for (i = 1; i <= a->n; i++)
			buf_addsv(&a->results[i], sets->set[i].results);
	}
	free(sets);
	return a;
}

void
arc_verify_free(struct arc_verify **ap)
{
	struct arc_verify *a = *ap;
	unsigned i;

	if (a == NULL)
		return;
	for (i = 0; i <= ARC_MAX; i++) {
		dkim_signed_free(&a->ams[i]);
		dkim_signed_free(&a->seal[i]);
		buf_fini(&a->results[i]);
	}
	free(a);
	*ap = NULL;
}

void
arc_verify_expiring(const struct arc_verify *a, struct buf *out)
{
	unsigned i;

	for (i = 1; i <= a->n; i++)
		if (a->ams[i] != NULL)
			dkim_signed_expiring(a->ams[i], out);
}

void
arc_verify_first_seen(struct arc_verify *a, int64_t first)
{
	unsigned i;

	for (i = 1; i <= a->n; i++)
		if (a->ams[i] != NULL)
			dkim_signed_first_seen(a->ams[i], first);
}

/* ---- the judgement ---- */

static bool
failed(struct arc_verify *a, const struct dkim_signed *s, unsigned i,
    enum arc_reason r)
{
	const struct dkim_verdict *v = dkim_signed_verdict(s);

	if (v->result == AUTH_PASS)
		return false;
	a->outcome.failed_at = i;
	a->outcome.why = v->reason;
	settle(a, AUTH_FAIL, r);
	return true;
}

/* [RFC 8617 5.2] step 5: RC_MORE, or oldest_pass is known. */
static int
find_oldest(struct arc_verify *a, const struct bodies *bodies, struct lookup *l,
    int64_t now)
{
	unsigned i;

	for (i = a->n - 1; i > 0 && a->ams[i] != NULL; i--) {
		if (dkim_signed_evaluate(
			a->ams[i], bodies, l, LOOKUP_ARC, now) == RC_MORE)
			return RC_MORE;
		if (dkim_signed_verdict(a->ams[i])->result != AUTH_PASS)
			break;
	}
	a->outcome.oldest_pass = i == 0 ? 0 : i + 1;
	return RC_OK;
}

int
arc_verify_evaluate(struct arc_verify *a, const struct bodies *bodies,
    struct lookup *l, int64_t now)
{
	int r = RC_OK;
	unsigned i;

	if (a->decided)
		return RC_OK;
	for (i = a->n; i > 0; i--)
		if (dkim_signed_evaluate(
			a->seal[i], NULL, l, LOOKUP_ARC, now) == RC_MORE)
			r = RC_MORE;
	if (dkim_signed_evaluate(a->ams[a->n], bodies, l, LOOKUP_ARC, now) ==
	    RC_MORE)
		r = RC_MORE;
	if (r == RC_MORE)
		return RC_MORE;
	if (failed(a, a->ams[a->n], a->n, ARC_R_MESSAGE))
		return RC_OK;
	for (i = a->n; i > 0; i--)
		if (failed(a, a->seal[i], i, ARC_R_SEAL))
			return RC_OK;
	if (find_oldest(a, bodies, l, now) == RC_MORE)
		return RC_MORE;
	settle(a, AUTH_PASS, ARC_R_NONE);
	return RC_OK;
}

const struct arc_outcome *
arc_verify_get(const struct arc_verify *a)
{
	return &a->outcome;
}

/* ---- trust [RFC 8617 9.4] ---- */

unsigned
arc_trusted_down_to(const struct arc_outcome *o, arc_trusted_fn *fn, void *arg)
{
	unsigned i = o->n;

	if (o->result != AUTH_PASS)
		return 0;
	while (i > 0 && fn(arg, o->sealer[i - 1]))
		i--;
	return i == o->n ? 0 : i + 1;
}

struct sv
arc_verify_results(const struct arc_verify *a, unsigned i)
{
	if (i == 0 || i > a->n)
		return sv_of("", 0);
	return buf_sv(&a->results[i]);
}

/* dmarc=pass header.from=author */
static bool
reports_pass(struct sv results, struct sv author)
{
	struct authres_reader r;
	struct authres_item it;
	char name[DNS_NAME_MAX];
	struct sv type, property, value;
	bool found = false;

	if (authres_reader_init(&r, results) == RC_OK && r.version == 1)
		while (!found && authres_next(&r, &it) == RC_OK) {
			if (!sv_ieq(it.method, SV("dmarc")) ||
			    !sv_ieq(it.result, SV("pass")))
				continue;
			while (authres_next_prop(
				   &r, &type, &property, &value) == RC_OK)
				if (sv_ieq(type, SV("header")) &&
				    sv_ieq(property, SV("from")) &&
				    name_ascii(value, name) == RC_OK &&
				    sv_eq(sv_str(name), author))
					found = true;
		}
	authres_reader_fini(&r);
	return found;
}

bool
arc_vouches(
    const struct arc_verify *a, unsigned down_to, struct sv author_domain)
{
	unsigned i;

	if (down_to == 0 || author_domain.n == 0)
		return false;
	for (i = a->n; i >= down_to; i--)
		if (reports_pass(buf_sv(&a->results[i]), author_domain))
			return true;
	return false;
}
