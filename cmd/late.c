#include "cmd/late.h"

#if !defined HM_SANITIZED && (defined __x86_64__ || defined __aarch64__)

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/late_calls.h"

/* ---- a jump for each function ---- */

#ifdef __x86_64__

#define PAGE "4096"
#ifdef __CET__
#define LANDING "endbr64\n"
#else
#define LANDING ""
#endif
#define JUMP(name) LANDING "jmp *late_at_" #name "(%rip)\n"

#else

#define PAGE "65536" /* the largest that there is */
#define JUMP(name)                                   \
	"hint #34\n" /* bti c */                     \
	"adrp x16, late_at_" #name "\n"              \
	"ldr x16, [x16, #:lo12:late_at_" #name "]\n" \
	"br x16\n"

#endif

/* clang-format off */

#define PLACES ".pushsection .late,\"aw\",%nobits\n"
#define BACK   ".popsection\n"
#define SYMBOL(name) ".globl " name "\n.hidden " name "\n" name ":\n"

#define CALL(name)                                 \
	PLACES "late_at_" #name ": .skip 8\n" BACK \
	".balign 16\n"                             \
	".type " #name ",%function\n"              \
	SYMBOL(#name)                              \
	JUMP(name)                                 \
	".size " #name ", . - " #name "\n"

/*
 * The places of their addresses fill pages of their own, which only late_load()
 * can write to, as only the dynamic linker can write to its own.  They have the
 * order of the libraries below.
 */
__asm__(PLACES ".balign " PAGE "\n" SYMBOL("late_first") BACK
	".text\n"
	CALLS_OF_CRYPTO(CALL)
	CALLS_OF_TLS(CALL)
	CALLS_OF_SQLITE(CALL)
	CALLS_OF_JANSSON(CALL)
	CALLS_OF_EXPAT(CALL)
	CALLS_OF_IDN2(CALL)
	CALLS_OF_QRENCODE(CALL)
	CALLS_OF_ZLIB(CALL)
	CALLS_OF_MATH(CALL)
	PLACES SYMBOL("late_last")
	".balign " PAGE "\n" SYMBOL("late_end") BACK);

/* clang-format on */

extern void *late_first[], *late_last[], *late_end[];

/* ---- what is behind them ---- */

#define NAME(name) #name "\0"

static const struct {
	unsigned bit;
	char file[20];
	const char *names; /* each ends with a NUL, the last one with two */
} libraries[] = {
    {LATE_CRYPTO, "libcrypto.so.3", CALLS_OF_CRYPTO(NAME)},
    {LATE_TLS, "libssl.so.3", CALLS_OF_TLS(NAME)},
    {LATE_SQLITE, "libsqlite3.so.0", CALLS_OF_SQLITE(NAME)},
    {LATE_JANSSON, "libjansson.so.4", CALLS_OF_JANSSON(NAME)},
    {LATE_EXPAT, "libexpat.so.1", CALLS_OF_EXPAT(NAME)},
    {LATE_IDN2, "libidn2.so.0", CALLS_OF_IDN2(NAME)},
    {LATE_QRENCODE, "libqrencode.so.4", CALLS_OF_QRENCODE(NAME)},
    {LATE_ZLIB, "libz.so.1", CALLS_OF_ZLIB(NAME)},
    {LATE_MATH, "libm.so.6", CALLS_OF_MATH(NAME)},
};

static void
not_loaded(void)
{
	must_fail("the library is loaded", __FILE__, __LINE__);
}

static void
protect(int how)
{
	must(mprotect(late_first,
		 (size_t)((char *)late_end - (char *)late_first), how) == 0);
}

void
late_setup(void)
{
	void **at;

	for (at = late_first; at < late_last; at++)
		*at = (void *)not_loaded;
	protect(PROT_READ);
}

/* Its functions are at *at in the order of names; *at is then behind them. */
static int
find_all(void *library, const char *names, void ***at, struct err *err)
{
	for (; *names != '\0'; names += strlen(names) + 1) {
		void *found = library != NULL ? dlsym(library, names) : NULL;

		if (library != NULL && found == NULL)
			return err_set(err, RC_NOTFOUND, "%s", dlerror());
		if (found != NULL)
			**at = found;
		(*at)++;
	}
	return RC_OK;
}

int
late_load(unsigned which, struct err *err)
{
	void **at = late_first, *library;
	int r = RC_OK;
	size_t i;

	if (which == 0)
		return RC_OK;
	protect(PROT_READ | PROT_WRITE);
	for (i = 0; r == RC_OK && i < sizeof libraries / sizeof libraries[0];
	     i++) {
		library = NULL;
		if (which & libraries[i].bit) {
			library =
			    dlopen(libraries[i].file, RTLD_NOW | RTLD_LOCAL);
			if (library == NULL)
				r = err_set(err, RC_NOTFOUND, "%s", dlerror());
		}
		if (r == RC_OK)
			r = find_all(library, libraries[i].names, &at, err);
	}
	protect(PROT_READ);
	return r;
}

#else

void
late_setup(void)
{
}

int
late_load(unsigned which, struct err *err)
{
	(void)which;
	(void)err;
	return RC_OK;
}

#endif
