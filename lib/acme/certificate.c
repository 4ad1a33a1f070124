#include "acme/certificate.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/ascii.h"
#include "base/clk.h"

/* For a PEM that is said to be encrypted: an error, not a question to the
 * terminal. */
#define NO_PASSWORD ((void *)(uintptr_t) "")

/* ---- requests ---- */

static GENERAL_NAMES *
names_of(const char *const *name, size_t n)
{
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	size_t i;

	must(all != NULL);
	for (i = 0; i < n; i++) {
		GENERAL_NAME *g = GENERAL_NAME_new();
		ASN1_IA5STRING *s = ASN1_IA5STRING_new();

		must(g != NULL && s != NULL &&
		     ASN1_STRING_set(s, name[i], (int)strlen(name[i])) == 1);
		GENERAL_NAME_set0_value(g, GEN_DNS, s);
		must(sk_GENERAL_NAME_push(all, g) > 0);
	}
	return all;
}

void
acme_request_der(const struct acme_key *key, const char *const *name, size_t n,
    struct buf *out)
{
	GENERAL_NAMES *names = names_of(name, n);
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int len;

	must(req != NULL &&
	     X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0,
		 X509V3_ADD_DEFAULT) == 1 &&
	     X509_REQ_add_extensions(req, extensions) == 1 &&
	     X509_REQ_set_pubkey(req, acme_key_borrow(key)) == 1 &&
	     X509_REQ_sign(req, acme_key_borrow(key), EVP_sha256()) > 0);
	len = i2d_X509_REQ(req, &der);
	must(len > 0);
	buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	X509_REQ_free(req);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	GENERAL_NAMES_free(names);
}

/* ---- proofs ---- */

/* id-pe-acmeIdentifier: 1.3.6.1.5.5.7.1.31 */
#define ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31"
#define PROOF_BEFORE_S	86400
#define PROOF_S		(7 * 86400)

/* The hash as an OCTET STRING in the extension's own one. */
static bool
add_identifier(X509 *x, struct sv authorization)
{
	unsigned char der[2 + 32] = {V_ASN1_OCTET_STRING, 32};
	ASN1_OBJECT *id = OBJ_txt2obj(ACME_IDENTIFIER, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e = NULL;
	bool good;

	good = id != NULL && value != NULL &&
	       EVP_Digest(authorization.p, authorization.n, der + 2, NULL,
		   EVP_sha256(), NULL) == 1 &&
	       ASN1_OCTET_STRING_set(value, der, (int)sizeof der) == 1 &&
	       (e = X509_EXTENSION_create_by_OBJ(NULL, id, 1, value)) != NULL &&
	       X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(id);
	return good;
}

static bool
print_certificate(X509 *x, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n;
	bool good = bio != NULL && PEM_write_bio_X509(bio, x) == 1;

	n = good ? BIO_get_mem_data(bio, &p) : 0;
	if (n > 0)
		buf_add(out, p, (size_t)n);
	BIO_free(bio);
	return n > 0;
}

int
acme_proof(const char *name, struct sv authorization, int64_t now,
    struct buf *cert_out, struct buf *key_out, struct err *err)
{
	struct acme_key *key = acme_key_new();
	GENERAL_NAMES *names = names_of(&name, 1);
	X509 *x = X509_new();
	bool good;

	/* The subject stays empty: names may be longer than it may be. */
	good = x != NULL && X509_set_version(x, 2) == 1 &&
	       ASN1_INTEGER_set_uint64(
		   X509_get_serialNumber(x), (uint64_t)now) == 1 &&
	       ASN1_TIME_set(X509_getm_notBefore(x), now - PROOF_BEFORE_S) !=
		   NULL &&
	       ASN1_TIME_set(X509_getm_notAfter(x), now + PROOF_S) != NULL &&
	       X509_set_pubkey(x, acme_key_borrow(key)) == 1 &&
	       X509_add1_ext_i2d(x, NID_subject_alt_name, names, 1,
		   X509V3_ADD_DEFAULT) == 1 &&
	       add_identifier(x, authorization) &&
	       X509_sign(x, acme_key_borrow(key), EVP_sha256()) > 0 &&
	       print_certificate(x, cert_out);
	if (good)
		acme_key_print(key, key_out);
	X509_free(x);
	GENERAL_NAMES_free(names);
	acme_key_free(&key);
	ERR_clear_error();
	return good ? RC_OK
		    : err_set(
			  err, RC_IO, "no proof of %.100s can be made", name);
}

/* ---- certificates ---- */

static BIO *
reader(struct sv pem)
{
	BIO *bio = NULL;

	if (pem.n > 0 && pem.n <= 1 << 20)
		bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	return bio;
}

static X509 *
first_of(struct sv pem)
{
	BIO *bio = reader(pem);
	X509 *x;

	if (bio == NULL)
		return NULL;
	x = PEM_read_bio_X509(bio, NULL, NULL, NO_PASSWORD);
	BIO_free(bio);
	ERR_clear_error();
	return x;
}

static bool
seconds_of(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;
	struct clk_tm c;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	c = (struct clk_tm){.year = tm.tm_year + 1900,
	    .month = tm.tm_mon + 1,
	    .day = tm.tm_mday,
	    .hour = tm.tm_hour,
	    .minute = tm.tm_min,
	    .second = tm.tm_sec};
	*out = clk_secs(&c);
	return true;
}

static void
read_names(X509 *x, struct acme_certificate *out)
{
	GENERAL_NAMES *all =
	    X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
		char *to = out->name[out->nname];
		struct sv s;
		size_t j;

		if (g->type != GEN_DNS || out->nname == ACME_NAMES_MAX)
			continue;
		s = sv_of(ASN1_STRING_get0_data(g->d.dNSName),
		    (size_t)ASN1_STRING_length(g->d.dNSName));
		if (s.n == 0 || s.n >= ACME_NAME_MAX || sv_chr(s, '\0') < s.n)
			continue;
		for (j = 0; j < s.n; j++)
			to[j] = ascii_lower(s.p[j]);
		to[s.n] = '\0';
		out->nname++;
	}
	GENERAL_NAMES_free(all);
}

/* The issuer's key identifier and the serial number, its bytes as in DER, with
 * the zero that keeps it positive. */
static void
make_id(X509 *x, char out[ACME_ID_MAX])
{
	const ASN1_OCTET_STRING *key = X509_get0_authority_key_id(x);
	unsigned char *der = NULL, *bytes;
	struct buf b;
	int n;

	out[0] = '\0';
	n = i2d_ASN1_INTEGER(X509_get_serialNumber(x), &der);
	/* A tag and a length of one byte. */
	if (key != NULL && ASN1_STRING_length(key) > 0 && n > 2 &&
	    der[1] < 0x80) {
		bytes = der + 2;
		buf_init(&b, ACME_ID_MAX);
		acme_base64url(sv_of(ASN1_STRING_get0_data(key),
				   (size_t)ASN1_STRING_length(key)),
		    &b);
		buf_addc(&b, '.');
		acme_base64url(sv_of(bytes, (size_t)n - 2), &b);
		if (buf_ok(&b) && b.n < ACME_ID_MAX)
			sv_copy(buf_sv(&b), out, ACME_ID_MAX);
		buf_fini(&b);
	}
	OPENSSL_free(der);
}

int
acme_certificate_read(
    struct sv pem, struct acme_certificate *out, struct err *err)
{
	X509 *x = first_of(pem);
	int r = RC_OK;

	memset(out, 0, sizeof *out);
	if (x == NULL)
		return err_set(err, RC_SYNTAX, "there is no certificate in it");
	if (!seconds_of(X509_get0_notBefore(x), &out->not_before) ||
	    !seconds_of(X509_get0_notAfter(x), &out->not_after) ||
	    out->not_after <= out->not_before)
		r = err_set(err, RC_SYNTAX,
		    "the certificate has no time in which it is good");
	read_names(x, out);
	make_id(x, out->id);
	X509_free(x);
	ERR_clear_error();
	return r;
}

bool
acme_certificate_is_of(struct sv pem, const struct acme_key *key)
{
	X509 *x = first_of(pem);
	bool same;

	if (x == NULL)
		return false;
	same = EVP_PKEY_eq(X509_get0_pubkey(x), acme_key_borrow(key)) == 1;
	X509_free(x);
	ERR_clear_error();
	return same;
}

bool
acme_certificate_has(const struct acme_certificate *c, const char *name)
{
	unsigned i;

	for (i = 0; i < c->nname; i++)
		if (sv_ieq(sv_str(c->name[i]), sv_str(name)))
			return true;
	return false;
}

#define CHAIN_MOST 10

/* Those that it has, in their order; at most CHAIN_MOST. */
static size_t
read_chain(BIO *bio, X509 *x[CHAIN_MOST])
{
	size_t n = 0;

	while (n < CHAIN_MOST &&
	       (x[n] = PEM_read_bio_X509(bio, NULL, NULL, NO_PASSWORD)) != NULL)
		n++;
	ERR_clear_error();
	return n;
}

/* Which of the rest comes first: what is of the key, what has issued the one
 * before; else what came first. */
static size_t
find_next(X509 *const *x, size_t n, X509 *before, const struct acme_key *key)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (before == NULL
			? EVP_PKEY_eq(
			      X509_get0_pubkey(x[i]), acme_key_borrow(key)) == 1
			: X509_check_issued(x[i], before) == X509_V_OK)
			return i;
	return 0;
}

int
acme_chain_clean(
    struct sv pem, const struct acme_key *key, struct buf *out, struct err *err)
{
	BIO *bio = reader(pem), *to;
	X509 *x[CHAIN_MOST], *before = NULL;
	size_t n, i, next;
	char *p;
	long len;

	if (bio == NULL)
		return err_set(err, RC_SYNTAX, "the answer is empty");
	to = BIO_new(BIO_s_mem());
	must(to != NULL);
	n = read_chain(bio, x);
	for (i = 0; i < n; i++) {
		next = i + find_next(x + i, n - i, before, key);
		before = x[next];
		memmove(&x[i + 1], &x[i], (next - i) * sizeof x[0]);
		x[i] = before;
		must(PEM_write_bio_X509(to, before) == 1);
	}
	len = BIO_get_mem_data(to, &p);
	if (n > 0)
		buf_add(out, p, (size_t)len);
	while (n > 0)
		X509_free(x[--n]);
	ERR_clear_error();
	BIO_free(to);
	BIO_free(bio);
	return i > 0 ? RC_OK
		     : err_set(err, RC_SYNTAX,
			   "what it gave is not a certificate in PEM");
}
