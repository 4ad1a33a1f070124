/* The side of the web process that is told by others: ipc/msg_web.h. */
#ifndef WEB_SERVICE_H
#define WEB_SERVICE_H

#include "base/ev.h"
#include "web/site.h"

struct web_service;

/* Both must outlive it. */
struct web_service *web_service_new(struct ev_loop *loop, struct web_site *s);
void web_service_free(struct web_service **s);
/* The line of one that may tell; takes fd.  When it ends, what it has set for
 * challenges is forgotten. */
void web_service_add(struct web_service *s, int fd);

#endif
