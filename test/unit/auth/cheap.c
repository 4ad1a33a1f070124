#include "test/unit/auth/cheap.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <sodium.h>

#include "base/rc.h"

typedef int hash_fn(char out[crypto_pwhash_argon2id_STRBYTES],
    const char *const password, unsigned long long n, unsigned long long passes,
    size_t memory);
typedef int verify_fn(const char hash[crypto_pwhash_argon2id_STRBYTES],
    const char *const password, unsigned long long n);

static atomic_bool cheap;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static bool held;

void
cheap_hashes(bool on)
{
	atomic_store(&cheap, on);
}

void
cheap_hold(bool on)
{
	pthread_mutex_lock(&lock);
	held = on;
	pthread_cond_broadcast(&released);
	pthread_mutex_unlock(&lock);
}

static void
await_release(void)
{
	pthread_mutex_lock(&lock);
	while (held)
		pthread_cond_wait(&released, &lock);
	pthread_mutex_unlock(&lock);
}

static void *
own(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	must(f != NULL);
	return f;
}

int
crypto_pwhash_argon2id_str(char out[crypto_pwhash_argon2id_STRBYTES],
    const char *const password, unsigned long long n, unsigned long long passes,
    size_t memory)
{
	hash_fn *f = (hash_fn *)own("crypto_pwhash_argon2id_str");

	return atomic_load(&cheap)
		   ? f(out, password, n, crypto_pwhash_argon2id_OPSLIMIT_MIN,
			 crypto_pwhash_argon2id_MEMLIMIT_MIN)
		   : f(out, password, n, passes, memory);
}

/* Of what has the usual cost nobody knows the password: the hash of an account
 * that is not there. */
int
crypto_pwhash_argon2id_str_verify(
    const char hash[crypto_pwhash_argon2id_STRBYTES],
    const char *const password, unsigned long long n)
{
	verify_fn *f = (verify_fn *)own("crypto_pwhash_argon2id_str_verify");

	await_release();
	if (atomic_load(&cheap) && strstr(hash, "m=32768,") != NULL)
		return -1;
	return f(hash, password, n);
}
