#include "cmd/supervisor/tls_aside.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "cmd/late.h"

#define PEM_MAX 16384

/* In memory that both processes have. */
struct answer {
	int r;
	struct err err;
	struct tls_cert_info info;
	size_t ncert, nkey;
	char cert[PEM_MAX], key[PEM_MAX];
};

struct question {
	void (*run)(const struct question *q, struct answer *a);
	struct sv cert, key;
	const char *hostname;
};

static void
run_fit(const struct question *q, struct answer *a)
{
	struct tls_ctx *ctx = NULL;

	a->r = tls_ctx_new(q->cert, q->key, &ctx, &a->err);
	tls_ctx_free(&ctx);
}

static void
run_info(const struct question *q, struct answer *a)
{
	a->r = tls_cert_info(q->cert, &a->info, &a->err);
}

static void
run_self_signed(const struct question *q, struct answer *a)
{
	struct buf cert, key;

	buf_init(&cert, PEM_MAX);
	buf_init(&key, PEM_MAX);
	a->r = tls_self_signed(q->hostname, &cert, &key, &a->err);
	if (a->r == RC_OK) {
		memcpy(a->cert, cert.p, a->ncert = cert.n);
		memcpy(a->key, key.p, a->nkey = key.n);
	}
	buf_wipe(&key);
	buf_fini(&cert);
}

static void __attribute__((noreturn))
child(const struct question *q, struct answer *a)
{
	a->r = late_load(LATE_CRYPTO | LATE_TLS, &a->err);
	if (a->r == RC_OK)
		q->run(q, a);
	_exit(0);
}

/* *out is shared, to be given back with forget(). */
static int
ask(const struct question *q, struct answer **out, struct err *err)
{
	struct answer *a = mmap(NULL, sizeof *a, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t pid;

	*out = NULL;
	if (a == MAP_FAILED)
		return err_set(err, RC_TEMP, "there is too little memory");
	*out = a;
	pid = fork();
	if (pid == 0)
		child(q, a);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return err_set(err, RC_TEMP,
		    "the process that reads certificates has failed");
	if (a->r != RC_OK)
		return err_set(err, a->r, "%s", a->err.text);
	return RC_OK;
}

static void
forget(struct answer **a)
{
	if (*a == NULL)
		return;
	sodium_memzero(*a, sizeof **a);
	(void)munmap(*a, sizeof **a);
	*a = NULL;
}

static void
hash_pair(struct sv cert, struct sv key, unsigned char out[32])
{
	crypto_generichash_state st;
	uint64_t n = cert.n;

	(void)crypto_generichash_init(&st, NULL, 0, 32);
	(void)crypto_generichash_update(
	    &st, (const unsigned char *)&n, sizeof n);
	(void)crypto_generichash_update(
	    &st, (const unsigned char *)cert.p, cert.n);
	(void)crypto_generichash_update(
	    &st, (const unsigned char *)key.p, key.n);
	(void)crypto_generichash_final(&st, out, 32);
}

int
tls_aside_fit(struct sv cert_pem, struct sv key_pem, struct err *err)
{
	const struct question q = {run_fit, .cert = cert_pem, .key = key_pem};
	/* A start asks for the same pair again and again. */
	static unsigned char good[32];
	unsigned char hash[32];
	struct answer *a;
	int r;

	hash_pair(cert_pem, key_pem, hash);
	if (sodium_memcmp(hash, good, sizeof good) == 0)
		return RC_OK;
	r = ask(&q, &a, err);
	if (r == RC_OK)
		memcpy(good, hash, sizeof good);
	forget(&a);
	return r;
}

int
tls_aside_info(struct sv cert_pem, struct tls_cert_info *out, struct err *err)
{
	const struct question q = {run_info, .cert = cert_pem};
	struct answer *a;
	int r = ask(&q, &a, err);

	if (r == RC_OK)
		*out = a->info;
	forget(&a);
	return r;
}

int
tls_aside_self_signed(const char *hostname, struct buf *cert_out,
    struct buf *key_out, struct err *err)
{
	const struct question q = {run_self_signed, .hostname = hostname};
	struct answer *a;
	int r = ask(&q, &a, err);

	if (r == RC_OK) {
		buf_add(cert_out, a->cert, a->ncert);
		buf_add(key_out, a->key, a->nkey);
	}
	forget(&a);
	return r;
}
