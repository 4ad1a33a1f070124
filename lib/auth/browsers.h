/*
 * Browsers in which somebody has signed in before, by a cookie that lasts a
 * year: they are not strangers to that account, wherever they are (see
 * auth/memory.h).  Nothing is kept but a key: the cookie is signed, and says
 * neither whose it is nor anything else; a new password makes it void.
 */
#ifndef AUTH_BROWSERS_H
#define AUTH_BROWSERS_H

#include <stdint.h>

#include "base/buf.h"

#define BROWSER_ID	8 /* bytes */
#define BROWSER_LIFE_S	(365 * 24 * 60 * 60)
#define BROWSER_RENEW_S (30 * 24 * 60 * 60)

struct auth_browsers;

/* path: the file with the key, made if there is none.  Where it cannot be
 * written, cookies end with the process. */
struct auth_browsers *auth_browsers_new(const char *path);
void auth_browsers_free(struct auth_browsers **b);

/* salt: the password's stored hash.  seconds: since 1970. */
void auth_browsers_make(const struct auth_browsers *b, struct sv account,
    const char *salt, int64_t seconds, struct buf *cookie_out);
/* Is it one of this account?  id: what its tries are counted by; fresh: it need
 * not be made anew yet. */
bool auth_browsers_check(const struct auth_browsers *b, struct sv cookie,
    struct sv account, const char *salt, int64_t seconds,
    unsigned char id[BROWSER_ID], bool *fresh);

#endif
