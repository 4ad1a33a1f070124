/* A letter to the admin about this server, of a few sentences. */
#ifndef AUTH_LETTER_H
#define AUTH_LETTER_H

#include "conf/conf.h"
#include "ipc/line.h"

/* Delivers it; what is not printable ASCII becomes a question mark.  A failure
 * is logged. */
void letter_send(struct peer *keeper, const struct conf *conf,
    struct sv subject, struct sv text);

#endif
