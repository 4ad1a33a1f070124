/*
 * The calls of libunbound.  It is loaded by the first resolver, not with the
 * program: with the libraries that it brings along it would take 130 kB of
 * memory in each of the dozen processes that look up nothing.
 */
#ifndef DNS_UNBOUND_CALLS_H
#define DNS_UNBOUND_CALLS_H

#include <unbound.h>

#include "base/rc.h"
#include "dns/ubevent.h"

struct unbound {
	__typeof__(ub_ctx_create_ub_event) *ctx_create_ub_event;
	__typeof__(ub_ctx_delete) *ctx_delete;
	__typeof__(ub_ctx_debugout) *ctx_debugout;
	__typeof__(ub_ctx_set_option) *ctx_set_option;
	__typeof__(ub_ctx_set_stub) *ctx_set_stub;
	__typeof__(ub_ctx_set_fwd) *ctx_set_fwd;
	__typeof__(ub_ctx_add_ta) *ctx_add_ta;
	__typeof__(ub_ctx_zone_remove) *ctx_zone_remove;
	__typeof__(ub_resolve_event) *resolve_event;
	__typeof__(ub_strerror) *strerror;
};

/* Loads it, once, before the walls; it is never unloaded.  RC_NOTFOUND: its
 * package is missing. */
int unbound_load(const struct unbound **out, struct err *err) RC_USE_RESULT;

#endif
