/* The event loop as libunbound wants it (inside lib/dns only). */
#ifndef DNS_UBEVENT_H
#define DNS_UBEVENT_H

#include <unbound-event.h>

#include "base/ev.h"

struct ub_event_base *ubevent_base_new(struct ev_loop *loop);
void ubevent_base_free(struct ub_event_base **b);

#endif
