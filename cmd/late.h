/*
 * Libraries that only some processes need.  The program is not linked with
 * them: each would cost every process the pages that the dynamic linker writes
 * into (400 kB for OpenSSL alone), in a dozen processes that never call it.
 *
 * The code calls SSL_new() and the others as ever.  These names are small
 * functions of late.c, which jump to where late_load() has found the real one,
 * as the linker's own table of functions would do it.  late_calls.h lists
 * them; a test fails if one is missing there.  Which process needs which
 * library is in wiring.c, and a call into one that is not loaded ends the
 * process with a line that names the mistake.
 *
 * Builds with sanitizers, and machines for which late.c has no jump, link the
 * libraries; late_load() has nothing to do then.
 */
#ifndef CMD_LATE_H
#define CMD_LATE_H

#include "base/rc.h"

/* Bits, to be put together. */
enum late {
	LATE_CRYPTO = 1 << 0, /* OpenSSL's two */
	LATE_TLS = 1 << 1,
	LATE_SQLITE = 1 << 2,
	LATE_JANSSON = 1 << 3,
	LATE_EXPAT = 1 << 4,
	LATE_IDN2 = 1 << 5,
	LATE_QRENCODE = 1 << 6,
	LATE_ZLIB = 1 << 7,
	LATE_MATH = 1 << 8,
	LATE_ALL = (1 << 9) - 1
};

/* First in main(). */
void late_setup(void);
/* Before the walls, and before there are threads; more than once is fine.
 * RC_NOTFOUND: a library is missing, or not the one that we were made for. */
int late_load(unsigned which, struct err *err) RC_USE_RESULT;

#endif
